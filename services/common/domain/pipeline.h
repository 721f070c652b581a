/*
 * The topology as data: which service reads and writes which topic. Daemons find their row by name
 * and can touch no other topic; topics are created from the same table.
 */
#ifndef DOMAIN_PIPELINE_H
#define DOMAIN_PIPELINE_H

#include <stddef.h>
#include <stdint.h>

#define PIPELINE_MAX 8

struct pipeline_topic {
	const char *name;
	int64_t retention_ms; /* -1: for ever */
	const char *carries;  /* protobuf message type */
};

struct pipeline_stage {
	const char *service;
	const char *reads[PIPELINE_MAX];  /* NULL-ended */
	const char *writes[PIPELINE_MAX]; /* NULL-ended */
};

#define TOPIC_RECEIVED    "grievances.received"
#define TOPIC_COMMANDS    "cases.commands"
#define TOPIC_EVENTS      "cases.events"
#define TOPIC_OUTCOMES    "notifications.outcomes"
#define TOPIC_DEAD_SUFFIX ".dead"

extern const struct pipeline_topic pipeline_topics[];
extern const size_t pipeline_topic_count;
extern const struct pipeline_stage pipeline_stages[];
extern const size_t pipeline_stage_count;

const struct pipeline_stage *pipeline_stage(const char *service); /* NULL: no such service */
const struct pipeline_topic *pipeline_topic(const char *name);    /* NULL: no such topic */

#endif
