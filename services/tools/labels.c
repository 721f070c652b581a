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
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/key_file.h"
#include "client/postgres.h"
#include "officer_key.h"
#include "record/confirmed.h"
#include "record/record.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/program.h"

#define PROGRESS 1000

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

/* 0: since ever. */
static int64_t parse_day(const char *text)
{
	struct tm day = {0};
	if (!text)
		return 0;
	const char *end = strptime(text, "%Y-%m-%d", &day);
	if (!end || *end)
		program_refuse("--since: %s: is no day as in 2026-03-31", text);
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

static void close_output(FILE *out)
{
	/* standard output is written out at the end of the process as well, which then finds
	 * nothing
	 */
	if (out == stdout ? fflush(out) : fclose(out))
		fatal("the lines cannot be written: %s", strerror(errno));
}

static const struct program_command commands[] = {
    {"[--since DAY] [--output FILE]",
     "Writes the cases whose category people confirmed as labelled lines of JSON.", false},
    {NULL, NULL, false},
};
static const struct program_option options[] = {
    {"since", "DAY", "only what was confirmed since, as in 2026-03-31"},
    {"output", "FILE", "is made, for its owner alone to read; it must not be there"},
    {NULL, NULL, NULL},
};
static const struct setting *const tables[] = {postgres_bulk_settings, key_file_settings, NULL};
static const struct program program = {
    .name = "labels",
    .summary = "what people confirmed, as labelled texts to train with",
    .commands = commands,
    .options = options,
    .settings = tables,
};

int main(int argc, char **argv)
{
	struct err err;
	struct program_call call = program_begin(argc, argv, &program);
	int64_t since_ms = parse_day(program_option(&call, "since"));
	if (sodium_init() < 0)
		fatal("libsodium cannot be used here");
	struct postgres *postgres = record_open_bulk(call.settings, "redress-labels");
	struct unsealer *officer = officer_key_open(settings_str(call.settings, "keys.folder"));
	struct labels labels = {.out = open_output(program_option(&call, "output"))};
	if (confirmed_texts(postgres, officer, since_ms, write_line, &labels, &err))
		fatal("%s", err.text);
	close_output(labels.out);
	fprintf(stderr, "%s%zu cases\n", isatty(STDERR_FILENO) ? "\r" : "", labels.count);
	unsealer_free(&officer);
	postgres_free(&postgres);
	program_end(&call);
	return 0;
}
