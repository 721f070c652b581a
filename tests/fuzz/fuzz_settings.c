/* A settings file: values within their bounds, or an error that names the line. */
#include "fuzz.h"

#include <string.h>
#include <unistd.h>

#include "util/settings.h"

static const struct setting table[] = {
    {"a.text", SETTING_STRING, "x", 1, 30, "text"},
    {"a.number", SETTING_INT, "5", -10, 1000, "number"},
    {"a.wait", SETTING_DURATION, "5s", 10, 100000, "duration"},
    {"a.flag", SETTING_BOOL, "no", 0, 0, "flag"},
    {"a.secret", SETTING_SECRET, "", 0, 30, "secret"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

static char path[] = "/tmp/redress-fuzz-settings-XXXXXX";

static void tidy_up(void)
{
	unlink(path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	int fd = mkstemp(path);
	MUST(fd >= 0);
	close(fd);
	return atexit(tidy_up);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct setting *const tables[] = {table, NULL};
	struct err err = {""};
	FILE *file = fopen(path, "w");
	fwrite(data, 1, size, file);
	fclose(file);
	struct settings *settings = settings_load(tables, path, &err);
	if (settings) {
		int64_t number = settings_int(settings, "a.number"),
			wait = settings_int(settings, "a.wait");
		MUST(number >= -10 && number <= 1000 && wait >= 10 && wait <= 100000);
		MUST(strlen(settings_str(settings, "a.text")) - 1 < 30);
		MUST(strlen(settings_str(settings, "a.secret")) <= 30);
	} else {
		MUST(strncmp(err.text, path, strlen(path)) == 0);
	}
	settings_free(&settings);
	return 0;
}
