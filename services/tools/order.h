/* An officer's order: one command to cases.commands, and what routing made of it. */
#ifndef TOOLS_ORDER_H
#define TOOLS_ORDER_H

#include "case.pb-c.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/settings.h"

enum order_outcome {
	ORDER_DONE,    /* applied: its events */
	ORDER_REFUSED, /* one event of version 0 with the reason */
	ORDER_UNKNOWN, /* taken by Kafka, but routing has not said anything within wait_ms */
};

struct order_result {
	enum order_outcome outcome;
	const Redress__CaseEvent *events[4]; /* in the arena */
	size_t count;
};

/* Fills in the command's id, sends it and waits. -1: it was not sent. */
int order_send(const struct settings *settings, struct arena *arena, Redress__Command *command,
	       int64_t wait_ms, struct order_result *result, struct err *err) MUST_CHECK;

#endif
