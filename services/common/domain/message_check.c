#include "domain/message_check.h"

#include <string.h>

#include "util/text.h"

static const char *check_value(const ProtobufCFieldDescriptor *field, const void *value)
{
	if (field->type == PROTOBUF_C_TYPE_STRING) {
		const char *text = *(const char *const *)value;
		return !text || text_is_utf8(text, strlen(text)) ? NULL : field->name;
	}
	const ProtobufCMessage *inner = *(const ProtobufCMessage *const *)value;
	return inner ? message_bad_text(inner) : NULL;
}

static const char *check_field(const ProtobufCMessage *message,
			       const ProtobufCFieldDescriptor *field)
{
	const char *base = (const char *)message;
	const void *value = base + field->offset;
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		uint32_t chosen;
		memcpy(&chosen, base + field->quantifier_offset, sizeof(chosen));
		return chosen == field->id ? check_value(field, value) : NULL;
	}
	if (field->label != PROTOBUF_C_LABEL_REPEATED)
		return check_value(field, value);
	size_t count;
	memcpy(&count, base + field->quantifier_offset, sizeof(count));
	const char *const *list = *(const char *const *const *)value;
	const char *bad = NULL;
	for (size_t i = 0; i < count && !bad; i++)
		bad = check_value(field, &list[i]);
	return bad;
}

const char *message_bad_text(const ProtobufCMessage *message)
{
	const char *bad = NULL;
	for (unsigned i = 0; i < message->n_unknown_fields; i++) {
		if (!message->unknown_fields[i].tag)
			return "(field 0)";
	}
	for (unsigned i = 0; i < message->descriptor->n_fields && !bad; i++) {
		const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
		if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
			bad = check_field(message, field);
	}
	return bad;
}
