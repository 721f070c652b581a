#include "client/catalogue_folder.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/text.h"

#define FILE_SIZE_MAX ((size_t)8 * 1024 * 1024)

const struct setting catalogue_settings[] = {
    {"catalogue.folder", SETTING_STRING, NULL, 1, 1000,
     "folder of the catalogue: YAML files, routing.rules"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

static int read_files(const glob_t *found, struct catalogue_file *files, struct err *err)
{
	char reason[160];
	for (size_t i = 0; i < found->gl_pathc; i++) {
		const char *path = found->gl_pathv[i], *slash = strrchr(path, '/');
		files[i].name = slash ? slash + 1 : path;
		files[i].text = text_read_file(path, FILE_SIZE_MAX, &files[i].size, reason);
		if (!files[i].text)
			return err_set(err, "%s", reason);
	}
	return 0;
}

struct catalogue *catalogue_load(const char *folder, struct err *err)
{
	glob_t found = {0};
	struct catalogue *catalogue = NULL;
	char *pattern = x_printf("%s/*.yaml", folder);
	if (glob(pattern, 0, NULL, &found)) {
		err_set(err, "catalogue.folder %.150s holds no *.yaml file", folder);
	} else {
		struct catalogue_file *files = x_calloc(found.gl_pathc, sizeof(*files));
		if (!read_files(&found, files, err))
			catalogue = catalogue_parse(files, found.gl_pathc, err);
		for (size_t i = 0; i < found.gl_pathc; i++)
			free((void *)(uintptr_t)files[i].text);
		free(files);
	}
	globfree(&found);
	free(pattern);
	return catalogue;
}
