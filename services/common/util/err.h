/*
 * A reason for a person. Functions that can fail return 0 or -1 and fill the caller's struct err.
 * The text never holds personal data: it ends in logs and dead letters.
 * It is UTF-8 whatever it was made of, and cut between characters when it is too long.
 */
#ifndef UTIL_ERR_H
#define UTIL_ERR_H

struct err {
	char text[240];
};

/* Always -1, so that a caller can write: return err_set(err, "..."). */
int err_set(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts "context: " before what is there; always -1. */
int err_context(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
