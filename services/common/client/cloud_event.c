#include "client/cloud_event.h"

#include <string.h>

static struct kafka_header header(const char *name, const char *value)
{
	return (struct kafka_header){name, value, strlen(value)};
}

void cloud_event(struct kafka_header headers[CLOUD_EVENT_HEADERS], const char *id, const char *type,
		 const char *source, const char *time)
{
	headers[0] = header("ce_specversion", "1.0");
	headers[1] = header("ce_id", id);
	headers[2] = header("ce_type", type);
	headers[3] = header("ce_source", source);
	headers[4] = header("ce_time", time);
	headers[5] = header("content-type", "application/protobuf");
}
