/*
 * NAME      redress-labels - what people confirmed, as labelled texts to train with
 * SYNOPSIS  redress-labels [--config FILE] [--since YYYY-MM-DD] [--output FILE]
 *
 * Writes one line of JSON for each case of the record whose category an officer corrected or an
 * office answered under: text, label, lang, at (when), confirmed (corrected or answered). That is
 * what redress-train reads, so that it can go through a pipe and no text need touch a disk. Cases
 * whose person's data was erased are not among them.
 *
 * The lines are citizens' own words. FILE is made readable by its owner alone and is never
 * overwritten; a standard output that is a file which others may read is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "case_file.h"
#include "client/key_file.h"
#include "client/postgres.h"
#include "command_line.h"
#include "confirmed.h"
#include "util/clock.h"
#include "util/log.h"

#define PROGRESS 1000

static const char usage[] =
    "usage: redress-labels [--config FILE] [--since YYYY-MM-DD] [--output FILE]\n"
    "Writes the cases whose category people confirmed as labelled lines of JSON.\n";

struct labels {
	FILE *out;
	size_t count;
};

static int write_line(void *self, const struct confirmed *confirmed, struct err *err)
{
	struct labels *labels = self;
	char at[CLOCK_RFC3339_SIZE];
	json_t *text =
	    json_sprintf("%s\n%s", confirmed->text->subject, confirmed->text->description);
	json_t *line = json_pack("{s:o?, s:s, s:s, s:s, s:s}", "text", text, "label",
				 confirmed->category, "lang", confirmed->language, "at",
				 clock_rfc3339(confirmed->at_ms, at), "confirmed", confirmed->how);
	if (!line) {
		log_warn(confirmed->number, "passed over: its text is not UTF-8");
		return 0;
	}
	int failed = json_dumpf(line, labels->out, JSON_COMPACT) || putc('\n', labels->out) == EOF;
	json_decref(line);
	if (failed)
		return err_set(err, "the lines cannot be written: %s", strerror(errno));
	labels->count++;
	if (labels->count % PROGRESS == 0 && isatty(STDERR_FILENO))
		fprintf(stderr, "\r%zu cases", labels->count);
	return 0;
}

static int64_t parse_day(const char *text)
{
	struct tm day = {0};
	const char *end = strptime(text, "%Y-%m-%d", &day);
	if (!end || *end) {
		fprintf(stderr, "redress-labels: --since wants a day as in 2026-03-31\n\n%s",
			usage);
		exit(2);
	}
	return (int64_t)timegm(&day) * 1000;
}

static FILE *open_output(const char *path)
{
	struct stat about;
	if (!path) {
		if (fstat(STDOUT_FILENO, &about) == 0 && S_ISREG(about.st_mode) &&
		    about.st_mode & (S_IRWXG | S_IRWXO))
			fatal("standard output is a file that others may read: use --output FILE");
		return stdout;
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		fatal("%s: %s", path, strerror(errno));
	return fdopen(fd, "w");
}

struct arguments {
	const char *output;
	int64_t since_ms;
};

/* Beside --config, which command_line() takes. */
static struct arguments parse(int *argc, char **argv)
{
	struct arguments arguments = {0};
	int kept = 1;
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], "--since") == 0 && i + 1 < *argc)
			arguments.since_ms = parse_day(argv[++i]);
		else if (strcmp(argv[i], "--output") == 0 && i + 1 < *argc)
			arguments.output = argv[++i];
		else
			argv[kept++] = argv[i];
	}
	*argc = kept;
	return arguments;
}

int main(int argc, char **argv)
{
	static const struct setting *const tables[] = {postgres_settings, key_file_settings, NULL};
	struct err err;
	int first;
	log_setup("labels", LOG_LEVEL_INFO, false);
	struct arguments arguments = parse(&argc, argv);
	struct settings *settings = command_line(argc, argv, usage, tables, &first);
	if (first != argc)
		fatal("unexpected argument: %s", argv[first]);
	if (sodium_init() < 0)
		fatal("libsodium cannot be used here");
	struct postgres *postgres = postgres_new(settings, "redress-labels");
	struct unsealer *desk = case_file_desk(settings_str(settings, "keys.folder"));
	struct labels labels = {.out = open_output(arguments.output)};
	if (confirmed_texts(postgres, desk, arguments.since_ms, write_line, &labels, &err))
		fatal("%s", err.text);
	if (fclose(labels.out))
		fatal("the lines cannot be written: %s", strerror(errno));
	fprintf(stderr, "%s%zu cases\n", isatty(STDERR_FILENO) ? "\r" : "", labels.count);
	unsealer_free(&desk);
	postgres_free(&postgres);
	settings_free(&settings);
	return 0;
}
