/* What every message of ours is: a CloudEvent 1.0 in Kafka's binary content mode, of protobuf. */
#ifndef CLIENT_CLOUD_EVENT_H
#define CLIENT_CLOUD_EVENT_H

#include "client/kafka.h"

#define CLOUD_EVENT_HEADERS 6

/* Its headers; the texts must live until it is produced. time: RFC 3339. */
void cloud_event(struct kafka_header headers[CLOUD_EVENT_HEADERS], const char *id, const char *type,
		 const char *source, const char *time);

#endif
