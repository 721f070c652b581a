/* Commands as those send them who may. */
#ifndef UNIT_RIGHTFUL_H
#define UNIT_RIGHTFUL_H

#include <string.h>

#include "case.pb-c.h"
#include "domain/case_moves.h"
#include "domain/case_state.h"
#include "util/arena.h"

#define NUMBER UINT64_C(42)
#define OFFICE "north"

/* An actor of the kind: one bit of enum case_who; 0: one that may nothing. */
static inline Redress__Actor *rightful_actor(struct arena *arena, unsigned who)
{
	static const Redress__Actor__Kind kinds[] = {
	    [WHO_CITIZEN] = REDRESS__ACTOR__KIND__CITIZEN,
	    [WHO_OFFICER] = REDRESS__ACTOR__KIND__OFFICER,
	    [WHO_CLASSIFICATION] = REDRESS__ACTOR__KIND__SYSTEM,
	    [WHO_ROUTING] = REDRESS__ACTOR__KIND__SYSTEM,
	    [WHO_OPERATOR] = REDRESS__ACTOR__KIND__OPERATOR,
	};
	Redress__Actor *actor = arena_take(arena, sizeof(*actor));
	redress__actor__init(actor);
	actor->kind = kinds[who];
	actor->id = arena_strdup(arena, case_who_name(who));
	if (who == WHO_OFFICER)
		actor->office = arena_strdup(arena, OFFICE);
	return actor;
}

static inline unsigned rightful_who(Redress__Command__BodyCase kind)
{
	const struct case_move *move = case_move(kind);
	return move->who & WHO_OFFICER ? (unsigned)WHO_OFFICER : move->who;
}

/* An enum or a uint32 of that name, where the body has one. */
static inline void rightful_set(ProtobufCMessage *body, const char *name, uint32_t value)
{
	const ProtobufCFieldDescriptor *field =
	    protobuf_c_message_descriptor_get_field_by_name(body->descriptor, name);
	if (field)
		memcpy((char *)body + field->offset, &value, sizeof(value));
}

/* By its descriptor: whatever kinds there are, with a text where one is needed, else empty. */
static inline Redress__Command rightful_command(struct arena *arena,
						Redress__Command__BodyCase kind, uint32_t based_on)
{
	Redress__Command command = REDRESS__COMMAND__INIT;
	const ProtobufCFieldDescriptor *field =
	    protobuf_c_message_descriptor_get_field(&redress__command__descriptor, (unsigned)kind);
	const ProtobufCMessageDescriptor *type = field->descriptor;
	ProtobufCMessage *body = arena_take(arena, type->sizeof_message);
	protobuf_c_message_init(type, body);
	const ProtobufCFieldDescriptor *text =
	    protobuf_c_message_descriptor_get_field_by_name(type, "sealed_text");
	static uint8_t sealed[60];
	const ProtobufCBinaryData bytes = {sizeof(sealed), sealed};
	if (text)
		memcpy((char *)body + text->offset, &bytes, sizeof(bytes));
	const ProtobufCFieldDescriptor *officer =
	    protobuf_c_message_descriptor_get_field_by_name(type, "officer");
	const char *const colleague = "colleague";
	if (officer)
		memcpy((char *)body + officer->offset, &colleague, sizeof(colleague));
	rightful_set(body, "outcome", REDRESS__OUTCOME__SOLVED);
	rightful_set(body, "score", CASE_SCORE_MAX);
	command.number = NUMBER;
	command.based_on = based_on;
	command.actor = rightful_actor(arena, rightful_who(kind));
	command.body_case = kind;
	memcpy((char *)&command + field->offset, &body, sizeof(body));
	return command;
}

#endif
