/*
 * The topology as data: which service reads, writes and restores from which topic. Daemons find
 * their row by name and can touch no other topic; topics are created from the same table. The
 * portal touches none: it reads the stores. Tools do what an operator or officer asks:
 * redress-officer writes cases.commands and follows cases.events, redress-dead reads the dead
 * letters and puts messages back.
 */
#ifndef DOMAIN_PIPELINE_H
#define DOMAIN_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIPELINE_MAX            8
#define PIPELINE_PARTITIONS_MAX 256 /* a case number has so many slots */

/* Bytes of the largest message of a topic: Kafka's own default, said so that a broker with another
 * one is no different. A dead letter holds a whole message and says where it was, so it is larger.
 */
#define PIPELINE_MAX_BYTES      ((size_t)1048588)
#define PIPELINE_DEAD_MAX_BYTES (2 * PIPELINE_MAX_BYTES)

struct pipeline_topic {
	const char *name;
	int64_t retention_ms; /* -1: for ever */
	const char *carries;  /* protobuf message type */
};

struct pipeline_stage {
	const char *service;
	/* each NULL-ended */
	const char *reads[PIPELINE_MAX];    /* as a member of the group of its name */
	const char *writes[PIPELINE_MAX];   /* beside the dead letters of what it reads */
	const char *restores[PIPELINE_MAX]; /* read back when what was made of it is not there */
};

#define TOPIC_RECEIVED    "grievances.received"
#define TOPIC_COMMANDS    "cases.commands"
#define TOPIC_EVENTS      "cases.events"
#define TOPIC_OUTCOMES    "notifications.outcomes"
#define TOPIC_DEAD_SUFFIX ".dead"
/* Not of the pipeline: client/kafka_layout.h, domain/number_book.h. */
#define TOPIC_LAYOUT  "redress.layout"
#define TOPIC_LEASES  "intake.leases"
#define REPLAY_PREFIX "replay:"

extern const struct pipeline_topic pipeline_topics[];
extern const size_t pipeline_topic_count;
extern const struct pipeline_stage pipeline_stages[];
extern const size_t pipeline_stage_count;

const struct pipeline_stage *pipeline_stage(const char *service); /* NULL: no such service */
const struct pipeline_topic *pipeline_topic(const char *name);    /* NULL: no such topic */

/*
 * Whether a message with this key is for the service. A dead letter that is put back is for the one
 * that could not process it: its key begins with "replay:" and the service's name.
 */
bool pipeline_is_for(const char *service, const void *key, size_t key_len);

bool pipeline_is_dead(const char *topic); /* whether it holds dead letters */
size_t pipeline_max_bytes(const char *topic);

#endif
