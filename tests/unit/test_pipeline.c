#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "domain/pipeline.h"

static bool is_in(const char *const *topics, const char *topic)
{
	for (; *topics; topics++) {
		if (strcmp(*topics, topic) == 0)
			return true;
	}
	return false;
}

static size_t readers(const char *topic)
{
	size_t count = 0;
	for (size_t i = 0; i < pipeline_stage_count; i++)
		count += is_in(pipeline_stages[i].reads, topic);
	return count;
}

static size_t writers(const char *topic)
{
	size_t count = 0;
	for (size_t i = 0; i < pipeline_stage_count; i++)
		count += is_in(pipeline_stages[i].writes, topic);
	return count;
}

static bool is_dead_topic(const char *topic)
{
	return strstr(topic, TOPIC_DEAD_SUFFIX) != NULL;
}

static void every_topic_is_written_and_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < pipeline_topic_count; i++) {
		const char *topic = pipeline_topics[i].name;
		assert_true(readers(topic) > 0);
		if (!is_dead_topic(topic))
			assert_true(writers(topic) > 0);
	}
}

static void every_stage_names_known_topics(void **state)
{
	(void)state;
	for (size_t i = 0; i < pipeline_stage_count; i++) {
		for (const char *const *t = pipeline_stages[i].reads; *t; t++)
			assert_non_null(pipeline_topic(*t));
		for (const char *const *t = pipeline_stages[i].writes; *t; t++)
			assert_non_null(pipeline_topic(*t));
	}
}

static void what_is_read_can_die_and_is_archived(void **state)
{
	(void)state;
	char dead[100];
	const struct pipeline_stage *archival = pipeline_stage("archival");
	for (size_t i = 0; i < pipeline_topic_count; i++) {
		const char *topic = pipeline_topics[i].name;
		if (is_dead_topic(topic))
			continue;
		snprintf(dead, sizeof(dead), "%s" TOPIC_DEAD_SUFFIX, topic);
		assert_non_null(pipeline_topic(dead));
		assert_true(is_in(archival->reads, dead));
	}
}

static void case_events_have_one_writer_and_are_kept_for_ever(void **state)
{
	(void)state;
	assert_int_equal(writers(TOPIC_EVENTS), 1);
	assert_true(is_in(pipeline_stage("routing")->writes, TOPIC_EVENTS));
	assert_int_equal(pipeline_topic(TOPIC_EVENTS)->retention_ms, -1);
	/* keys travel here: it must forget */
	assert_true(pipeline_topic(TOPIC_RECEIVED)->retention_ms > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_topic_is_written_and_read),
	    cmocka_unit_test(every_stage_names_known_topics),
	    cmocka_unit_test(what_is_read_can_die_and_is_archived),
	    cmocka_unit_test(case_events_have_one_writer_and_are_kept_for_ever),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
