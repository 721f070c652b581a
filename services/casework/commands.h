/*
 * Carries what an officer does to routing: one command, and what came of it, bounded in time. A
 * time-out is no answer: the command may still be done.
 */
#ifndef CASEWORK_COMMANDS_H
#define CASEWORK_COMMANDS_H

#include "case.pb-c.h"
#include "record/desk.h"
#include "runtime/service.h"

struct commands;

struct commands *commands_new(struct runtime *runtime, struct err *err) MUST_CHECK;
void commands_free(struct commands **commands); /* accepts NULL, sets NULL */
/* -1: the broker fails. */
int commands_ready(struct commands *commands, struct err *err) MUST_CHECK;

enum command_outcome {
	COMMAND_DONE,    /* applied, and in the record */
	COMMAND_REFUSED, /* as it stands in the record; decision->refusal says why */
	COMMAND_CHANGED, /* the case has gone on by another hand; this was not applied */
	COMMAND_LATER,   /* not decided yet, or not known */
	COMMAND_AWAY,    /* certainly not sent */
};

/* The id by which a command that is sent twice is done once: of who sends it, for which case, and
 * the key that the form or the program gave it. In the arena. */
ProtobufCBinaryData command_id(struct arena *arena, const char *login, uint64_t number,
			       const char *key, int part);

/* Waits up to some seconds: for a thread that may. */
enum command_outcome commands_send(struct commands *commands, struct postgres *postgres,
				   struct arena *arena, const uint8_t token[DESK_TOKEN_SIZE],
				   const Redress__Command *command, struct desk_decision *decision);

#endif
