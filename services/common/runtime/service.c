#include "runtime/service.h"

#include <getopt.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "domain/case_number.h"
#include "runtime/runtime_private.h"
#include "util/clock.h"
#include "util/log.h"

#define TABLES_MAX    16
#define STOP_GRACE_MS 10000

static const struct setting common_settings[] = {
    {"node.id", SETTING_INT, "1", 1, 255,
     "number of this instance, different for each instance of a service"},
    {"admin.listen", SETTING_STRING, NULL, 2, 200, "host:port of /healthz, /readyz and /metrics"},
    {"log.level", SETTING_STRING, "info", 4, 5, "debug, info, warn or error"},
    {"log.format", SETTING_STRING, "text", 4, 4, "text (key=value) or json"},
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

static void print_topics(const char *verb, const char *const *topics)
{
	if (topics[0])
		printf("%s", verb);
	for (; *topics; topics++)
		printf(" %s", *topics);
	printf("\n");
}

static void print_help(const struct service *service, const struct setting *const *tables)
{
	const struct pipeline_stage *stage = pipeline_stage(service->name);
	printf("redress-%s: %s\n\nusage: redress-%s [--config FILE] [--check]\n"
	       "       redress-%s --help | --version\n\n",
	       service->name, service->summary, service->name, service->name);
	print_topics("Reads: ", stage->reads);
	print_topics("Writes:", stage->writes);
	printf("\nSettings, from the file (name = value), then the environment:\n");
	settings_print_help(tables, stdout);
}

struct arguments {
	const char *config;
	bool check;
};

/* Ends the process for --help, --version and mistakes. */
static struct arguments read_arguments(int argc, char **argv, const struct service *service,
				       const struct setting *const *tables)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"check", no_argument, NULL, 'k'},
						{"help", no_argument, NULL, 'h'},
						{"version", no_argument, NULL, 'v'},
						{NULL, 0, NULL, 0}};
	struct arguments arguments = {NULL, false};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (option) {
		case 'c':
			arguments.config = optarg;
			break;
		case 'k':
			arguments.check = true;
			break;
		case 'h':
			print_help(service, tables);
			exit(0);
		case 'v':
			printf("redress-%s %s\n", service->name, REDRESS_VERSION);
			exit(0);
		default:
			exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "redress-%s: unexpected argument: %s\n", service->name,
			argv[optind]);
		exit(2);
	}
	return arguments;
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

/* All topics of the pipeline have the same number of partitions: ask for the first one of ours.
 * Waits for the broker, and for the topics to be made. */
static void learn_partitions(struct runtime *runtime)
{
	struct err err;
	const char *topic =
	    runtime->stage->reads[0] ? runtime->stage->reads[0] : runtime->stage->writes[0];
	for (int tries = 0; !runtime_stopping(runtime); tries++) {
		if (kafka_partition_count(runtime->settings, topic, &runtime->partitions, &err) ==
		    0)
			return;
		if (tries % 10 == 0)
			log_info(0, "waiting for Kafka: %s", err.text);
		runtime->beat_us = clock_mono_us();
		usleep(500 * 1000);
	}
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
	learn_partitions(runtime);
	if (runtime_stopping(runtime))
		return 0;
	if (service->start && service->start(runtime, &runtime->self, err))
		return err_context(err, "cannot start");
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
	struct arguments arguments = read_arguments(argc, argv, service, tables);
	struct runtime runtime = {.service = service, .stage = pipeline_stage(service->name)};
	if (sodium_init() < 0)
		fatal("libsodium cannot be used here");
	runtime.settings = settings_load(tables, arguments.config, &err);
	if (!runtime.settings)
		fatal("%s", err.text);
	if (arguments.check) {
		settings_print(runtime.settings, stdout);
		settings_free(&runtime.settings);
		return 0;
	}
	set_up_log(&runtime);
	runtime_catch_signals();
	snprintf(runtime.source, sizeof(runtime.source), "redress/%s/%lld", service->name,
		 (long long)settings_int(runtime.settings, "node.id"));
	runtime.working = true;
	runtime.beat_us = clock_mono_us();
	if (admin_start(&runtime, &err))
		fatal("%s", err.text);
	int result = run(&runtime, &err);
	if (result)
		log_error(0, "%s", err.text);
	http_server_stop(&runtime.admin, STOP_GRACE_MS / 10);
	settings_free(&runtime.settings);
	log_info(0, "stopped");
	return result ? 1 : 0;
}
