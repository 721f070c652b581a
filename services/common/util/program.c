#include "util/program.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"
#include "util/text.h"
#include "util/visible_text.h"

#define FIRST_OWN   0x100 /* what getopt_long() returns for the first option of a table */
#define OPTIONS_MAX (PROGRAM_OPTIONS_MAX + 4)
#define MESSAGE_MAX 1000

/* columns of the help */
#define WIDTH          80
#define OPTION_WIDTH   26
#define COMMAND_INDENT 11

static const struct program_option of_every_program[] = {
    {"help", NULL, "show this and end"},
    {"version", NULL, "show the version and end"},
    {NULL, NULL, NULL},
};
static const struct program_option of_settings[] = {
    {"config", "FILE", "read the settings from FILE"},
    {"check", NULL, "check the settings, show them and end"},
    {NULL, NULL, NULL},
};
static const struct program_option none[] = {{NULL, NULL, NULL}};

/* Process-wide by nature: whose command line was read. */
static const char *running;

void program_refuse(const char *format, ...)
{
	char message[MESSAGE_MAX];
	va_list args;
	va_start(args, format);
	text_vformat(message, sizeof(message), format, args);
	va_end(args);
	fflush(stdout);
	visible_printf(stderr, "redress-%s: %s\nsee redress-%s --help\n", running, message,
		       running);
	exit(2);
}

/* ---- the synopsis ---------------------------------------------------------------------------- */

/* The command's name at its beginning; 0: it has none. */
static size_t name_length(const char *synopsis)
{
	size_t length = strcspn(synopsis, " ");
	return length && synopsis[0] >= 'a' && synopsis[0] <= 'z' ? length : 0;
}

/* How many words it wants, and how many it bears. */
static void count_words(const char *synopsis, size_t *least, size_t *most)
{
	const char *at = synopsis + name_length(synopsis);
	*least = *most = 0;
	while (*(at += strspn(at, " "))) {
		size_t length = strcspn(at, " ");
		bool may_be_left_out = *at == '[';
		if (strncmp(at + may_be_left_out, "--", 2) == 0)
			return;
		*least += !may_be_left_out;
		if (length > 3 && strncmp(at + length - may_be_left_out - 3, "...", 3) == 0)
			*most = SIZE_MAX;
		else if (*most < SIZE_MAX)
			++*most;
		at += length;
	}
}

enum place { PLACE_NONE, PLACE_OPTIONAL, PLACE_REQUIRED };

static enum place place_of(const char *synopsis, const char *option)
{
	size_t length = strlen(option);
	for (const char *at = synopsis; (at = strstr(at, "--")); at += 2) {
		if (strncmp(at + 2, option, length) == 0 && strchr(" ]", at[2 + length]))
			return at > synopsis && at[-1] == '[' ? PLACE_OPTIONAL : PLACE_REQUIRED;
	}
	return PLACE_NONE;
}

/* ---- help ------------------------------------------------------------------------------------ */

/* text, whose first line begins at column at, in lines that begin at indent. */
static void print_wrapped(const char *text, int at, int indent)
{
	for (int column = at; *text;) {
		int length = (int)strcspn(text, " ");
		if (column > indent && column + length > WIDTH) {
			printf("\n%*s", indent, "");
			column = indent;
		}
		printf("%.*s%s", length, text, text[length] ? " " : "");
		column += length + 1;
		text += length + (text[length] == ' ');
	}
	printf("\n");
}

static void print_options(const struct program_option *options)
{
	char left[OPTION_WIDTH];
	for (; options->name; options++) {
		snprintf(left, sizeof(left), "--%s%s%s", options->name, options->value ? " " : "",
			 options->value ? options->value : "");
		int at = printf("  %-*s ", OPTION_WIDTH - 3, left);
		print_wrapped(options->help, at, OPTION_WIDTH);
	}
}

static void print_usage(const struct program *program)
{
	const char *title = "usage: ";
	const char *config = program->settings ? " [--config FILE]" : "";
	for (const struct program_command *c = program->commands; c->synopsis; c++) {
		int at = printf("%sredress-%s%s ", title, program->name, c->is_bare ? "" : config);
		print_wrapped(c->synopsis, at, COMMAND_INDENT);
		if (c->help) {
			printf("%*s", COMMAND_INDENT, "");
			print_wrapped(c->help, COMMAND_INDENT, COMMAND_INDENT);
		}
		title = "       ";
	}
}

static void print_help(const struct program *program)
{
	printf("redress-%s: %s\n\n", program->name, program->summary);
	print_usage(program);
	printf("\n");
	if (program->options)
		print_options(program->options);
	if (program->settings)
		print_options(of_settings);
	print_options(of_every_program);
	if (program->notes)
		printf("\n%s", program->notes);
	if (!program->notes || !strstr(program->notes, "Exit status"))
		printf("\nExit status: 0 done; 1 could not be done; 2 usage.\n");
	if (!program->settings)
		return;
	printf("\nSettings, from the file (name = value), then the environment:\n");
	settings_print_help(program->settings, stdout);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* All options that there are, as getopt_long() wants them; list[i] is what val FIRST_OWN + i means.
 */
struct known {
	const struct program_option *list[OPTIONS_MAX];
	struct option options[OPTIONS_MAX + 1];
	size_t count;
};

static void add_options(struct known *known, const struct program_option *options)
{
	for (; options->name && known->count < OPTIONS_MAX; options++) {
		known->options[known->count] =
		    (struct option){options->name, options->value ? required_argument : no_argument,
				    NULL, FIRST_OWN + (int)known->count};
		known->list[known->count++] = options;
	}
}

/* What getopt_long() could not read. */
static void refuse_option(const struct known *known, int answer, const char *word)
{
	if (answer == ':')
		program_refuse("--%s: wants a value", known->list[optopt - FIRST_OWN]->name);
	if (optopt >= FIRST_OWN)
		program_refuse("--%s: takes no value", known->list[optopt - FIRST_OWN]->name);
	if (optopt)
		program_refuse("-%c: there is no such option", optopt);
	program_refuse("%s: there is no such option", word);
}

static void take_option(struct program_call *call, const struct program_option *option,
			const char *value)
{
	const char *name = option->name;
	if (option == &of_every_program[0]) {
		print_help(call->program);
		exit(0);
	}
	if (option == &of_every_program[1]) {
		printf("redress-%s %s\n", call->program->name, REDRESS_VERSION);
		exit(0);
	}
	if (option == &of_settings[0]) {
		call->config = value;
	} else if (option == &of_settings[1]) {
		call->check = true;
	} else {
		if (call->given_count == PROGRAM_OPTIONS_MAX)
			program_refuse("--%s: too many options", name);
		call->given[call->given_count].option = option;
		call->given[call->given_count++].value = value ? value : "";
	}
}

static void read_options(int argc, char **argv, struct program_call *call)
{
	struct known known = {0};
	const struct program *program = call->program;
	add_options(&known, of_every_program);
	add_options(&known, program->settings ? of_settings : none);
	add_options(&known, program->options ? program->options : none);
	opterr = 0;
	optind = 0;
	for (int answer; (answer = getopt_long(argc, argv, ":", known.options, NULL)) != -1;) {
		if (answer < FIRST_OWN)
			refuse_option(&known, answer, argv[optind - 1]);
		take_option(call, known.list[answer - FIRST_OWN], optarg);
	}
	call->words = argv + optind;
	call->count = (size_t)(argc - optind);
}

static bool has_name(const struct program_command *command, const char *word)
{
	size_t length = name_length(command->synopsis);
	return length && strlen(word) == length && strncmp(command->synopsis, word, length) == 0;
}

static bool bears_words(const struct program_command *command, size_t count)
{
	size_t least, most;
	count_words(command->synopsis, &least, &most);
	return count >= least && count <= most;
}

/* By the first word; else one without a name, if there is one that so many words suit. */
static void find_command(struct program_call *call)
{
	const struct program_command *commands = call->program->commands;
	const char *word = call->count ? call->words[0] : "";
	size_t nameless = SIZE_MAX;
	for (size_t i = 0; commands[i].synopsis; i++) {
		if (has_name(&commands[i], word)) {
			call->command = i;
			call->words++;
			call->count--;
			return;
		}
		if (!name_length(commands[i].synopsis) &&
		    (nameless == SIZE_MAX || bears_words(&commands[i], call->count)))
			nameless = i;
	}
	if (nameless == SIZE_MAX && call->count)
		program_refuse("%s: there is no such command", word);
	if (nameless == SIZE_MAX)
		program_refuse("a command is missing");
	call->command = nameless;
}

static void check_words(const struct program_call *call)
{
	const char *synopsis = call->program->commands[call->command].synopsis;
	size_t least, most;
	count_words(synopsis, &least, &most);
	if (call->count > most)
		program_refuse("unexpected argument: %s", call->words[most]);
	if (call->count < least)
		program_refuse("something is missing of: redress-%s %s", call->program->name,
			       synopsis);
}

static void check_options(const struct program_call *call)
{
	const char *synopsis = call->program->commands[call->command].synopsis;
	const struct program_option *option =
	    call->program->options ? call->program->options : none;
	for (size_t i = 0; i < call->given_count; i++) {
		if (place_of(synopsis, call->given[i].option->name) == PLACE_NONE)
			program_refuse("--%s: does not go with: redress-%s %s",
				       call->given[i].option->name, call->program->name, synopsis);
	}
	for (; option->name; option++) {
		if (place_of(synopsis, option->name) == PLACE_REQUIRED &&
		    !program_option(call, option->name))
			program_refuse("--%s %s: is missing", option->name,
				       option->value ? option->value : "");
	}
}

struct program_call program_read(int argc, char **argv, const struct program *program)
{
	struct program_call call = {.program = program};
	running = program->name;
	read_options(argc, argv, &call);
	if (call.check && !call.count)
		return call;
	find_command(&call);
	check_words(&call);
	check_options(&call);
	return call;
}

const char *program_option(const struct program_call *call, const char *name)
{
	const char *value = NULL, *next;
	for (size_t at = 0; (next = program_next(call, name, &at));)
		value = next;
	return value;
}

const char *program_next(const struct program_call *call, const char *name, size_t *at)
{
	while (*at < call->given_count) {
		size_t i = (*at)++;
		if (strcmp(call->given[i].option->name, name) == 0)
			return call->given[i].value;
	}
	return NULL;
}

/* ---- tools ----------------------------------------------------------------------------------- */

/* At the end: what was printed is no result before it is written. */
static void check_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return;
	fprintf(stderr, "redress-%s: standard output: %s\n", running, strerror(errno));
	_exit(1);
}

static void check_and_end(const struct settings *settings)
{
	struct err err;
	if (settings_check(settings, &err))
		fatal("%s", err.text);
	settings_print(settings, stdout);
	exit(0);
}

struct program_call program_begin(int argc, char **argv, const struct program *program)
{
	struct err err;
	log_setup_plain(program->name);
	signal(SIGPIPE, SIG_DFL);
	running = program->name;
	atexit(check_output);
	struct program_call call = program_read(argc, argv, program);
	bool is_bare = !call.check && program->commands[call.command].is_bare;
	if (!program->settings || is_bare)
		return call;
	call.settings = settings_load(program->settings, call.config, &err);
	if (!call.settings)
		fatal("%s", err.text);
	if (call.check)
		check_and_end(call.settings);
	return call;
}

void program_end(struct program_call *call)
{
	if (call->settings)
		settings_free(&call->settings);
}
