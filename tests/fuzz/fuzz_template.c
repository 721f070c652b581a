/* A file of templates, and what is filled in. */
#include "fuzz.h"

#include <string.h>
#include <unistd.h>

#include "template.h"

static char folder[] = "/tmp/redress-fuzz-template-XXXXXX", path[64];

static void tidy_up(void)
{
	unlink(path);
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	MUST(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/en.txt", folder);
	return atexit(tidy_up);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fact facts[] = {{"number", "{office}"}, {"office", "{"}, {NULL, NULL}};
	struct err err = {""};
	struct arena *arena = arena_new();
	FILE *file = fopen(path, "w");
	fwrite(data, 1, size, file);
	fclose(file);
	struct templates *templates = templates_load(folder, &err);
	if (templates) {
		struct told told = template_fill(templates, arena, "en-GB", "assigned", facts);
		MUST(!told.subject == !told.body);
		MUST(!told.subject || !strchr(told.subject, '\n'));
	} else {
		MUST(*err.text);
	}
	templates_free(&templates);
	arena_free(&arena);
	return 0;
}
