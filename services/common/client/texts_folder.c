#include "client/texts_folder.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/text.h"

#define FILE_SIZE_MAX ((size_t)512 * 1024)

const struct setting texts_settings[] = {
    {"texts.folder", SETTING_STRING, "deploy/texts", 1, 1000,
     "folder of the texts, a file a language"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

static int read_files(const glob_t *found, struct texts_file *files, struct err *err)
{
	char reason[160];
	for (size_t i = 0; i < found->gl_pathc; i++) {
		const char *path = found->gl_pathv[i];
		files[i].name = strrchr(path, '/') + 1;
		files[i].text = text_read_file(path, FILE_SIZE_MAX, &files[i].size, reason);
		if (!files[i].text)
			return err_set(err, "%s", reason);
	}
	return 0;
}

struct texts *texts_load(const struct settings *settings, struct err *err)
{
	const char *folder = settings_str(settings, "texts.folder");
	glob_t found = {0};
	struct texts *texts = NULL;
	char *pattern = x_printf("%s/*.yaml", folder);
	if (glob(pattern, 0, NULL, &found) || found.gl_pathc > TEXTS_LANGUAGES_MAX) {
		err_set(err, "texts.folder: %.150s holds no *.yaml, or more than %d", folder,
			TEXTS_LANGUAGES_MAX);
	} else {
		struct texts_file *files = x_calloc(found.gl_pathc, sizeof(*files));
		if (!read_files(&found, files, err))
			texts = texts_parse(files, found.gl_pathc, err);
		for (size_t i = 0; i < found.gl_pathc; i++)
			free((void *)(uintptr_t)files[i].text);
		free(files);
	}
	globfree(&found);
	free(pattern);
	return texts;
}
