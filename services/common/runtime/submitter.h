/*
 * An asynchronous producer for people who wait: each message ends in one outcome, taken, not taken
 * or not known, within the broker's patience. What is in flight is bounded, and while the broker
 * fails everybody is turned away at once but for one who tries, every half second. From any thread.
 */
#ifndef RUNTIME_SUBMITTER_H
#define RUNTIME_SUBMITTER_H

#include "client/kafka.h"

enum submit_outcome {
	SUBMIT_TAKEN,     /* the broker has it with acks=all */
	SUBMIT_NOT_TAKEN, /* certainly not */
	SUBMIT_UNKNOWN,   /* it may be there, or appear later */
};

struct submitter_options {
	const char *what; /* for the log: "submissions" */
	/* Once for each submitter_send(): on the submitter's thread, or at once by the sender's. */
	void (*done)(void *self, void *tag, enum submit_outcome outcome);
	void *self;
	int64_t patience_ms, linger_ms;
	int64_t most; /* in flight */
	int64_t most_bytes;
};

struct submitter;

struct submitter *submitter_new(const struct settings *settings,
				const struct submitter_options *options,
				struct err *err) MUST_CHECK;
/* Without waiting for what is in flight; done is not called for it. Accepts NULL, sets NULL. */
void submitter_free(struct submitter **submitter);

/* One more in flight, until submitter_leave(), which is due either way. false: too many are.
 * to_send: also false while the broker fails and this one is not to try. */
bool submitter_enter(struct submitter *submitter, bool to_send);
void submitter_leave(struct submitter *submitter);

/* Everything is copied; number: of the case, for the log. */
void submitter_send(struct submitter *submitter, uint64_t number, const char *topic,
		    int32_t partition, const void *value, size_t size,
		    const struct kafka_header *headers, size_t header_count, void *tag);

/* -1: the broker fails. */
int submitter_ready(struct submitter *submitter, struct err *err) MUST_CHECK;

#endif
