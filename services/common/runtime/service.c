#include "runtime/service.h"

#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/breaker.h"
#include "client/kafka_layout.h"
#include "domain/case_number.h"
#include "runtime/runtime_private.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/program.h"
#include "web/route.h"

#define TABLES_MAX    32
#define STOP_GRACE_MS 10000

static const struct setting common_settings[] = {
    {"node.id", SETTING_INT, "1", 1, 255,
     "number of this instance, different for each instance of a service"},
    {"admin.listen", SETTING_STRING, NULL, 2, 200, "host:port of /healthz, /readyz and /metrics"},
    {"log.level", SETTING_STRING, "info", 4, 5, "debug, info, warn or error"},
    {"log.format", SETTING_STRING, "text", 4, 4, "text (key=value) or json"},
    {"stop.timeout", SETTING_DURATION, "40s", 1000, 3600000,
     "longest time to end in once told to; then it is cut short"},
    {"batch.messages", SETTING_INT, "2000", 1, 100000, "messages handled in one transaction"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

/* ---- the command line ---------------------------------------------------------------------- */

static void list_tables(const struct service *service, const struct setting **tables)
{
	size_t count = 0;
	tables[count++] = common_settings;
	tables[count++] = kafka_settings;
	for (size_t i = 0; service->settings && service->settings[i] && count + 1 < TABLES_MAX; i++)
		tables[count++] = service->settings[i];
	tables[count] = NULL;
}

static void add_topics(struct buffer *notes, const char *verb, const char *const *topics)
{
	if (!topics[0])
		return;
	buffer_printf(notes, "%s", verb);
	for (; *topics; topics++)
		buffer_printf(notes, " %s", *topics);
	buffer_printf(notes, "\n");
}

/* It reads its command line, or ends the process. */
static struct program_call read_call(int argc, char **argv, const struct service *service,
				     const struct setting *const *tables)
{
	static const struct program_command only[] = {{"", NULL, false}, {NULL, NULL, false}};
	const struct pipeline_stage *stage = pipeline_stage(service->name);
	struct buffer notes = {0};
	add_topics(&notes, "Reads:   ", stage->reads);
	add_topics(&notes, "Writes:  ", stage->writes);
	add_topics(&notes, "Restores:", stage->restores);
	const struct program program = {.name = service->name,
					.summary = service->summary,
					.commands = only,
					.settings = tables,
					.notes = notes.data};
	struct program_call call = program_read(argc, argv, &program);
	call.program = NULL; /* it ends here */
	buffer_free(&notes);
	return call;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void format_number(uint64_t number, char text[32])
{
	case_number_format(number, text);
}

static void set_up_log(const struct runtime *runtime)
{
	enum log_level level;
	const char *format = settings_str(runtime->settings, "log.format");
	if (log_level_parse(settings_str(runtime->settings, "log.level"), &level))
		fatal("log.level must be debug, info, warn or error");
	if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
		fatal("log.format must be text or json");
	log_setup(runtime->service->name, level, format[0] == 'j');
	log_number_format(format_number);
}

static size_t list_topics(const struct pipeline_stage *stage, const char **topics)
{
	const char *const *const lists[] = {stage->reads, stage->writes, stage->restores};
	size_t count = 0;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		for (const char *const *topic = lists[i]; *topic; topic++)
			topics[count++] = *topic;
	}
	return count;
}

/* Waits for the broker, and for the topics to be made. -1: they are not what they were. */
static int learn_partitions(struct runtime *runtime, struct err *err)
{
	const char *topics[3 * PIPELINE_MAX];
	size_t count = list_topics(runtime->stage, topics);
	for (int tries = 0; !runtime_stopping(runtime); tries++) {
		enum layout_outcome outcome =
		    layout_check(runtime->settings, topics, count, &runtime->partitions, err);
		if (outcome == LAYOUT_BROKEN)
			return -1;
		if (outcome == LAYOUT_HOLDS)
			return 0;
		if (tries % 10 == 0)
			log_info(0, "waiting for Kafka: %s", err->text);
		runtime->beat_us = clock_mono_us();
		usleep(500 * 1000);
	}
	return 0;
}

/* What an HTTP daemon's main thread does while its own threads work. */
static void wait_for_stop(struct runtime *runtime)
{
	while (!runtime_stopping(runtime)) {
		runtime_beat(runtime);
		usleep(100 * 1000);
	}
}

static int run(struct runtime *runtime, struct err *err)
{
	const struct service *service = runtime->service;
	if (learn_partitions(runtime, err))
		return err_context(err, "cannot start");
	if (runtime_stopping(runtime))
		return 0;
	if (service->start && service->start(runtime, &runtime->self, err)) {
		if (service->stop && runtime->self)
			service->stop(runtime->self);
		return err_context(err, "cannot start");
	}
	runtime->started = true;
	log_info(0, "started, version %s, %d partitions", REDRESS_VERSION, runtime->partitions);
	int result = 0;
	if (service->offsets == OFFSETS_NONE)
		wait_for_stop(runtime);
	else if (pump_run(runtime, err))
		result = err_context(err, "ending to be started again");
	runtime->started = false;
	log_info(0, "stopping");
	if (service->stop)
		service->stop(runtime->self);
	return result;
}

static int check(struct runtime *runtime)
{
	struct err err;
	if (settings_check(runtime->settings, &err) ||
	    (runtime->service->check && runtime->service->check(runtime->settings, &err)))
		fatal("%s", err.text);
	settings_print(runtime->settings, stdout);
	settings_free(&runtime->settings);
	return 0;
}

static void warn_of_variables(const struct settings *settings)
{
	const char *variable;
	for (size_t at = 0; (variable = settings_unknown_variable(settings, &at));)
		log_warn(0, "environment variable %.*s: no program has such a setting",
			 (int)strcspn(variable, "="), variable);
}

/*
 * Batches take and give back megabytes many times a second: few arenas, whose freed memory is kept
 * up to a bound, instead of one for each thread, and pages that come and go with every batch.
 */
static void set_up_memory(void)
{
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 8 * 1024 * 1024);
	mallopt(M_TOP_PAD, 1024 * 1024);
}

int service_main(int argc, char **argv, const struct service *service)
{
	set_up_memory();
	/* a generator in the process, seeded by the kernel: no system call for each nonce and key
	 */
	randombytes_set_implementation(&randombytes_internal_implementation);
	const struct setting *tables[TABLES_MAX];
	struct err err;
	log_setup(service->name, LOG_LEVEL_INFO, false);
	list_tables(service, tables);
	struct program_call call = read_call(argc, argv, service, tables);
	struct runtime runtime = {.service = service, .stage = pipeline_stage(service->name)};
	if (sodium_init() < 0)
		fatal("libsodium cannot be used here");
	runtime.settings = settings_load(tables, call.config, &err);
	if (!runtime.settings)
		fatal("%s", err.text);
	set_up_log(&runtime);
	if (call.check)
		return check(&runtime);
	warn_of_variables(runtime.settings);
	runtime_catch_signals(settings_int(runtime.settings, "stop.timeout"));
	snprintf(runtime.source, sizeof(runtime.source), "redress/%s/%lld", service->name,
		 (long long)settings_int(runtime.settings, "node.id"));
	pthread_mutex_init(&runtime.lock, NULL);
	runtime.working = true;
	stores_log_changes();
	runtime.beat_us = clock_mono_us();
	if (admin_start(&runtime, &err))
		fatal("%s", err.text);
	int result = run(&runtime, &err);
	if (result)
		log_error(0, "%s", err.text);
	http_server_stop(&runtime.admin, STOP_GRACE_MS / 10);
	router_free(&runtime.admin_routes);
	settings_free(&runtime.settings);
	log_info(0, "stopped");
	return result ? 1 : 0;
}
