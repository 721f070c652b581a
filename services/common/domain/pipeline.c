#include "domain/pipeline.h"

#include <string.h>

#define DAY INT64_C(86400000)

/* clang-format off */
const struct pipeline_topic pipeline_topics[] = {
	/* with its dead letters the only topics with case keys: when their days are over, an erased case
	 * is unreadable */
	{TOPIC_RECEIVED, 7 * DAY,  "GrievanceReceived"},
	{TOPIC_COMMANDS, 7 * DAY,  "Command"},
	{TOPIC_EVENTS,   -1,       "CaseEvent"},
	{TOPIC_OUTCOMES, 30 * DAY, "NotificationOutcome"},
	{TOPIC_RECEIVED TOPIC_DEAD_SUFFIX, 30 * DAY, "DeadLetter"},
	{TOPIC_COMMANDS TOPIC_DEAD_SUFFIX, 30 * DAY, "DeadLetter"},
	{TOPIC_EVENTS   TOPIC_DEAD_SUFFIX, 30 * DAY, "DeadLetter"},
	{TOPIC_OUTCOMES TOPIC_DEAD_SUFFIX, 30 * DAY, "DeadLetter"},
};

const struct pipeline_stage pipeline_stages[] = {
	/*                 reads                             writes            restores */
	{"intake",         {NULL},                           {TOPIC_RECEIVED}, {TOPIC_RECEIVED}},
	{"classification", {TOPIC_RECEIVED},                 {TOPIC_COMMANDS}, {NULL}},
	{"routing",        {TOPIC_COMMANDS},                 {TOPIC_EVENTS},   {TOPIC_EVENTS}},
	{"notification",   {TOPIC_EVENTS},                   {TOPIC_OUTCOMES}, {TOPIC_OUTCOMES}},
	{"archival",       {TOPIC_RECEIVED, TOPIC_EVENTS, TOPIC_OUTCOMES,
			    TOPIC_RECEIVED TOPIC_DEAD_SUFFIX, TOPIC_COMMANDS TOPIC_DEAD_SUFFIX,
			    TOPIC_EVENTS TOPIC_DEAD_SUFFIX, TOPIC_OUTCOMES TOPIC_DEAD_SUFFIX},
			   {NULL}, {NULL}},
	{"portal",         {NULL},                           {TOPIC_COMMANDS}, {NULL}},
	{"casework",       {NULL},                           {TOPIC_COMMANDS}, {NULL}},
};
/* clang-format on */

const size_t pipeline_topic_count = sizeof(pipeline_topics) / sizeof(*pipeline_topics);
const size_t pipeline_stage_count = sizeof(pipeline_stages) / sizeof(*pipeline_stages);

const struct pipeline_stage *pipeline_stage(const char *service)
{
	for (size_t i = 0; i < pipeline_stage_count; i++) {
		if (strcmp(pipeline_stages[i].service, service) == 0)
			return &pipeline_stages[i];
	}
	return NULL;
}

const struct pipeline_topic *pipeline_topic(const char *name)
{
	for (size_t i = 0; i < pipeline_topic_count; i++) {
		if (strcmp(pipeline_topics[i].name, name) == 0)
			return &pipeline_topics[i];
	}
	return NULL;
}

bool pipeline_is_dead(const char *topic)
{
	size_t len = strlen(topic), suffix = strlen(TOPIC_DEAD_SUFFIX);
	return len > suffix && strcmp(topic + len - suffix, TOPIC_DEAD_SUFFIX) == 0;
}

size_t pipeline_max_bytes(const char *topic)
{
	return pipeline_is_dead(topic) ? PIPELINE_DEAD_MAX_BYTES : PIPELINE_MAX_BYTES;
}

bool pipeline_is_for(const char *service, const void *key, size_t key_len)
{
	size_t prefix = strlen(REPLAY_PREFIX), name = strlen(service);
	const char *text = key;
	if (key_len <= prefix || memcmp(text, REPLAY_PREFIX, prefix) != 0)
		return true;
	return key_len > prefix + name && memcmp(text + prefix, service, name) == 0 &&
	       text[prefix + name] == ':';
}
