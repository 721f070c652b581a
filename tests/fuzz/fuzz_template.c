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
	static const char *const kinds[] = {"assigned", "around*", NULL};
	static const struct fact facts[] = {{"number", "{office}"}, {"office", "{"}, {NULL, NULL}};
	struct err err = {""};
	struct arena *arena = arena_new();
	FILE *file = fopen(path, "w");
	fwrite(data, 1, size, file);
	fclose(file);
	struct templates *templates = templates_load(folder, kinds, &err);
	if (templates) {
		const char *language = templates_language(templates, "en-GB");
		struct rendered rendered =
		    template_render(templates, arena, language, "assigned", "around", facts);
		MUST(*rendered.subject && *rendered.body && !strchr(rendered.subject, '\n'));
	} else {
		MUST(*err.text);
	}
	templates_free(&templates);
	arena_free(&arena);
	return 0;
}
