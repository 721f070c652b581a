/* What the end of an attempt says: whether it arrived, whose fault it is that it did not. Pure. */
#ifndef NOTIFICATION_VERDICT_H
#define NOTIFICATION_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

enum verdict {
	VERDICT_DELIVERED,
	VERDICT_LATER,   /* this message did not arrive; it may later */
	VERDICT_OURS,    /* our own installation is at fault: never the recipient's failure */
	VERDICT_REFUSED, /* a definite answer about this recipient */
};

struct ending {
	enum verdict verdict;
	const char *reason; /* a code of docs/operate.md; NULL when delivered */
	bool host;          /* nothing arrives at this host at present, whoever it is for */
	int64_t wait_ms;    /* what the host asks for (Retry-After); 0: nothing */
};

/* Whether a message that failed for this reason could arrive when it is sent again. */
bool reason_is_curable(const char *reason);

/* ---- SMTP ----------------------------------------------------------------------------------- */

/* The command that was answered last (RFC 5321, 4.1.1). */
enum smtp_stage {
	SMTP_CONNECT, /* no greeting yet */
	SMTP_EHLO,
	SMTP_STARTTLS,
	SMTP_AUTH,
	SMTP_MAIL,
	SMTP_RCPT,
	SMTP_DATA,
};

struct smtp_reply {
	int code;      /* 0: none came */
	int detail[3]; /* enhanced status code (RFC 3463); zeros: none was given */
};

/* Reads a line such as "550 5.1.1 no such user"; false: it is no reply. */
bool smtp_reply_read(const char *line, struct smtp_reply *reply);
/* The stage that a command line begins; the present one for anything else. */
enum smtp_stage smtp_stage_of(const char *command, enum smtp_stage present);
const char *smtp_stage_name(enum smtp_stage stage);
struct ending smtp_ending(enum smtp_stage stage, const struct smtp_reply *reply);

/* ---- HTTP ----------------------------------------------------------------------------------- */

/* status 0: no answer came. retry_after_s: of the answer, 0 when it has none. */
struct ending webhook_ending(int status, int64_t retry_after_s);
/* Of our own SMS gateway. What it does not take it does not say clearly enough to be held against
 * the recipient. */
struct ending gateway_ending(int status);

#endif
