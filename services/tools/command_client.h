/* One command to cases.commands, and what routing made of it. */
#ifndef TOOLS_COMMAND_CLIENT_H
#define TOOLS_COMMAND_CLIENT_H

#include "case.pb-c.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/settings.h"

/* The setting: command.wait. */
extern const struct setting command_client_settings[];

enum command_outcome {
	COMMAND_DONE,    /* applied: its events */
	COMMAND_REFUSED, /* one event of version 0 with the reason */
	COMMAND_UNKNOWN, /* taken by Kafka, but routing has not said anything within command.wait */
};

struct command_result {
	enum command_outcome outcome;
	const Redress__CaseEvent *events[4]; /* in the arena */
	size_t count;
};

/* Fills in the command's id, sends it and waits. -1: it was not sent. */
int command_client_send(const struct settings *settings, struct arena *arena,
			Redress__Command *command, struct command_result *result,
			struct err *err) MUST_CHECK;

#endif
