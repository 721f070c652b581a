/*
 * The command line of every program. A program is a name, its commands, its options and its tables
 * of settings; reading them, --help, --version, --config, --check, and what is said of mistakes are
 * here, once. Mistakes are told as "redress-NAME: what: why", once, and end the process with 2.
 */
#ifndef UTIL_PROGRAM_H
#define UTIL_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "util/settings.h"

#define PROGRAM_OPTIONS_MAX 16 /* given at one time */

/*
 * One way to call it. The synopsis is what the help shows and what is enforced: the name of the
 * command in small letters, or none where the program does but one thing; then its words, [WORD]
 * that may be left out, WORD... that may be repeated; then the options that go with it, --NAME
 * VALUE, in brackets those that may be left out.
 */
struct program_command {
	const char *synopsis; /* NULL ends the table */
	const char *help;     /* one sentence */
	bool is_bare;         /* needs no settings: it runs where there is no system */
};

struct program_option {
	const char *name;  /* without --; NULL ends the table */
	const char *value; /* what the help calls its value; NULL: it takes none */
	const char *help;
};

struct program {
	const char *name;    /* "officer" of redress-officer */
	const char *summary; /* one sentence */
	const struct program_command *commands;
	const struct program_option *options;  /* NULL: none but those that every program has */
	const struct setting *const *settings; /* NULL: it has none, nor --config and --check */
	const char *notes;                     /* more lines for --help; NULL: none */
};

struct program_call {
	const struct program *program;
	size_t command;            /* which of program->commands */
	char **words;              /* those after the command's name */
	size_t count;              /* of the words */
	const char *config;        /* NULL: no file was named */
	bool check;                /* the settings only; then there may be no command */
	struct settings *settings; /* NULL when the command needs none */
	struct {
		const struct program_option *option;
		const char *value;
	} given[PROGRAM_OPTIONS_MAX];
	size_t given_count;
};

/* Reads it, and no settings. Ends the process for --help and --version (0) and for mistakes (2).
 * What it returns points into argv, whose words are put in another order. */
struct program_call program_read(int argc, char **argv, const struct program *program);

/*
 * What a tool begins with: program_read(), settings, --check. From here on what is logged are plain
 * lines, "redress-NAME: what: why"; who reads no further ends the process; and output that could
 * not be written ends it with 1.
 */
struct program_call program_begin(int argc, char **argv, const struct program *program);
void program_end(struct program_call *call);

/* The option's value, "" when it takes none; the last one when it was given repeatedly; NULL: it
 * was not given. */
const char *program_option(const struct program_call *call, const char *name);
/* The next value of one that may be repeated, from *at on, which begins at 0; NULL: no more. */
const char *program_next(const struct program_call *call, const char *name, size_t *at);

/* A mistake in what was asked for: says so and where help is, and ends the process with 2. After
 * program_read() only. */
void program_refuse(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
