/*
 * How many partitions this installation was begun with. The partition of a case follows from its
 * number and from how many partitions there are: where all is stored for ever, that cannot change
 * any more. redress-topics writes the number down, in a topic of its own, and every daemon holds
 * the topics against it.
 */
#ifndef CLIENT_KAFKA_LAYOUT_H
#define CLIENT_KAFKA_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "util/settings.h"

enum layout_outcome {
	LAYOUT_HOLDS,
	LAYOUT_UNKNOWN, /* cannot be asked at present, or nothing was written down yet */
	LAYOUT_BROKEN,  /* a topic has another number of partitions: nothing may be read or written
			 */
};

/* What was written down. partitions: set when it HOLDS. */
enum layout_outcome layout_read(const struct settings *settings, int32_t *partitions,
				struct err *err);
/* The same, and whether each of these topics has so many. */
enum layout_outcome layout_check(const struct settings *settings, const char *const *topics,
				 size_t count, int32_t *partitions, struct err *err);
/* Makes the topic and writes the number down, once. */
int layout_write(const struct settings *settings, int32_t partitions, int32_t replicas,
		 struct err *err) MUST_CHECK;

#endif
