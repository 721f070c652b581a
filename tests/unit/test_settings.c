/* Settings: where values come from, what is refused and how it is said; log lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"
#include "util/settings.h"

static const struct setting table[] = {
    {"door.listen", SETTING_STRING, ":8080", 2, 20, "where to listen"},
    {"door.most", SETTING_INT, "10", -5, 100, "at most"},
    {"door.wait", SETTING_DURATION, "2s", 100, 60000, "how long"},
    {"door.open", SETTING_BOOL, "no", 0, 0, "whether"},
    {"door.key", SETTING_SECRET, "", 0, 20, "the key"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};
static const struct setting must[] = {
    {"must.give", SETTING_STRING, NULL, 1, 20, "without it nothing works"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};
static const struct setting *const tables[] = {table, NULL};
static const struct setting *const both[] = {table, must, table, NULL};

static char path[] = "/tmp/redress-settings-XXXXXX";

static int make_file(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int drop_file(void **state)
{
	(void)state;
	return unlink(path);
}

static struct settings *load(const struct setting *const *list, const char *text, struct err *err)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	err->text[0] = '\0';
	return settings_load(list, path, err);
}

static void defaults_then_the_file_then_the_environment(void **state)
{
	struct err err;
	(void)state;
	struct settings *settings = load(tables, "", &err);
	assert_non_null(settings);
	assert_string_equal(settings_str(settings, "door.listen"), ":8080");
	assert_int_equal(settings_int(settings, "door.most"), 10);
	assert_int_equal(settings_int(settings, "door.wait"), 2000);
	assert_false(settings_bool(settings, "door.open"));
	settings_free(&settings);
	setenv("REDRESS_DOOR_MOST", "30", 1);
	setenv("REDRESS_OTHER_PROGRAM", "x", 1);
	settings = load(tables,
			"# a comment\n\n  door.most=20 \ndoor.wait = 1m\ndoor.open = yes\r\n"
			"door.listen = a b = c\n",
			&err);
	assert_non_null(settings);
	assert_int_equal(settings_int(settings, "door.most"), 30);
	assert_int_equal(settings_int(settings, "door.wait"), 60000);
	assert_true(settings_bool(settings, "door.open"));
	assert_string_equal(settings_str(settings, "door.listen"), "a b = c");
	settings_free(&settings);
	assert_null(settings);
	settings_free(&settings);
	unsetenv("REDRESS_DOOR_MOST");
	unsetenv("REDRESS_OTHER_PROGRAM");
}

static void mistakes_are_named(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
	    {"door.mosst = 5", ":1: there is no setting \"door.mosst\" (see --help)"},
	    {"\n\nnonsense", ":3: expected \"name = value\""},
	    {"door.most = ten", ":1: door.most is not a whole number (number, -5 to 100)"},
	    {"door.most = 5x", ":1: door.most is not a whole number (number, -5 to 100)"},
	    {"door.most =", ":1: door.most is not a whole number (number, -5 to 100)"},
	    {"door.most = 99999999999999999999",
	     ":1: door.most is not a whole number (number, -5 to 100)"},
	    {"door.most = 101", ":1: door.most is out of bounds (number, -5 to 100)"},
	    {"door.most = -6", ":1: door.most is out of bounds (number, -5 to 100)"},
	    {"door.wait = 5", ":1: door.wait is not a duration such as 250ms, 10s, 5m, 2h or 7d"},
	    {"door.wait = 5 s", ":1: door.wait is not a duration such as 250ms, 10s, 5m, 2h or 7d"},
	    {"door.wait = -5s", ":1: door.wait is not a duration"},
	    {"door.wait = 9223372036854775807d", ":1: door.wait is not a duration"},
	    {"door.wait = 61s", ":1: door.wait is out of bounds (duration, 100 to 60000)"},
	    {"door.open = true", ":1: door.open must be yes or no"},
	    {"door.listen = x", ":1: door.listen is out of bounds (text, 2 to 20)"},
	    {"door.key = 123456789012345678901", ":1: door.key is out of bounds (secret, 0 to 20)"},
	};
	struct err err;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_null(load(tables, cases[i].text, &err));
		if (!strstr(err.text, cases[i].says))
			fail_msg("%s: got %s", cases[i].text, err.text);
		assert_null(strstr(err.text, "123456789")); /* no secret in an error */
	}
	setenv("REDRESS_DOOR_OPEN", "perhaps", 1);
	assert_null(load(tables, "", &err));
	assert_non_null(
	    strstr(err.text, "environment variable REDRESS_DOOR_OPEN: door.open must be"));
	unsetenv("REDRESS_DOOR_OPEN");
	assert_null(settings_load(tables, "/nowhere/at/all", &err));
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
}

static void what_must_be_given(void **state)
{
	struct err err;
	(void)state;
	assert_null(load(both, "", &err));
	assert_string_equal(err.text, "setting must.give must be given: without it nothing works");
	struct settings *settings = load(both, "must.give = it", &err);
	assert_non_null(settings);
	settings_free(&settings);
}

static char *printed(const struct settings *settings)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (settings)
		settings_print(settings, out);
	else
		settings_print_help(both, out);
	fclose(out);
	return text;
}

static void printing_hides_secrets_and_helps(void **state)
{
	struct err err;
	(void)state;
	struct settings *settings = load(both, "must.give = it\ndoor.key = hush", &err);
	char *text = printed(settings);
	assert_non_null(strstr(text, "door.key = (set)\n"));
	assert_null(strstr(text, "hush"));
	assert_non_null(strstr(text, "door.most = 10\n"));
	free(text);
	settings_free(&settings);
	text = printed(NULL);
	assert_non_null(strstr(text, "door.wait"));
	assert_non_null(strstr(text, "duration; 2s; REDRESS_DOOR_WAIT"));
	assert_non_null(strstr(text, "text; must be given; REDRESS_MUST_GIVE"));
	assert_non_null(strstr(text, "secret; empty by default; REDRESS_DOOR_KEY"));
	free(text);
}

/* ---- log lines ------------------------------------------------------------------------------ */

static void write_number(uint64_t number, char text[32])
{
	snprintf(text, 32, "N%llu", (unsigned long long)number);
}

/* What log_line() writes to standard error. */
static void logged(bool json, char *out, size_t room, const char *words)
{
	int pipes[2], before = dup(STDERR_FILENO);
	assert_int_equal(pipe(pipes), 0);
	dup2(pipes[1], STDERR_FILENO);
	log_setup("door", LOG_LEVEL_INFO, json);
	log_debug(1, "not shown");
	log_warn(5, "%s", words);
	log_info(0, "about no case");
	dup2(before, STDERR_FILENO);
	close(before);
	close(pipes[1]);
	ssize_t got = read(pipes[0], out, room - 1);
	out[got > 0 ? got : 0] = '\0';
	close(pipes[0]);
}

static void one_line_an_event(void **state)
{
	char text[8000], longer[3000];
	enum log_level level;
	(void)state;
	log_number_format(write_number);
	logged(false, text, sizeof(text), "say \"a\\b\"\nnext\tline");
	assert_non_null(strstr(
	    text,
	    " level=warn svc=door case=N5 msg=\"say \\\"a\\\\b\\\"\\u000anext\\u0009line\"\n"));
	assert_non_null(strstr(text, " level=info svc=door msg=\"about no case\"\n"));
	assert_null(strstr(text, "not shown"));
	assert_int_equal(strncmp(text, "time=20", 7), 0);
	logged(true, text, sizeof(text), "say \"a\"");
	assert_non_null(strstr(
	    text,
	    "\",\"level\":\"warn\",\"svc\":\"door\",\"case\":\"N5\",\"msg\":\"say \\\"a\\\"\"}\n"));
	memset(longer, '"', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	logged(true, text, sizeof(text), longer);
	assert_non_null(strstr(text, "\"}\n"));
	assert_int_equal(log_level_parse("error", &level), 0);
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_int_equal(log_level_parse("loud", &level), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults_then_the_file_then_the_environment),
	    cmocka_unit_test(mistakes_are_named),
	    cmocka_unit_test(what_must_be_given),
	    cmocka_unit_test(printing_hides_secrets_and_helps),
	    cmocka_unit_test(one_line_an_event),
	};
	return cmocka_run_group_tests(tests, make_file, drop_file);
}
