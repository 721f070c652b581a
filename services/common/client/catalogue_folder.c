#include "client/catalogue_folder.h"

#include <glob.h>
#include <pthread.h>
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

struct catalogue *catalogue_load(const struct settings *settings, struct err *err)
{
	const char *folder = settings_str(settings, "catalogue.folder");
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

/* ---- shared --------------------------------------------------------------------------------- */

int catalogue_check(const struct settings *settings, struct err *err)
{
	struct catalogue *catalogue = catalogue_load(settings, err);
	int result = catalogue ? 0 : -1;
	catalogue_free(&catalogue);
	return result;
}

struct shared_catalogue {
	pthread_rwlock_t lock;
	struct catalogue *catalogue;
};

struct shared_catalogue *shared_catalogue_load(const struct settings *settings, struct err *err)
{
	struct catalogue *catalogue = catalogue_load(settings, err);
	if (!catalogue)
		return NULL;
	struct shared_catalogue *shared = x_calloc(1, sizeof(*shared));
	pthread_rwlock_init(&shared->lock, NULL);
	shared->catalogue = catalogue;
	return shared;
}

void shared_catalogue_free(struct shared_catalogue **shared)
{
	if (!*shared)
		return;
	catalogue_free(&(*shared)->catalogue);
	pthread_rwlock_destroy(&(*shared)->lock);
	free(*shared);
	*shared = NULL;
}

int shared_catalogue_reload(struct shared_catalogue *shared, const struct settings *settings,
			    struct err *err)
{
	struct catalogue *fresh = catalogue_load(settings, err);
	if (!fresh)
		return -1;
	pthread_rwlock_wrlock(&shared->lock);
	struct catalogue *old = shared->catalogue;
	shared->catalogue = fresh;
	pthread_rwlock_unlock(&shared->lock);
	catalogue_free(&old);
	return 0;
}

const struct catalogue *shared_catalogue_borrow(struct shared_catalogue *shared)
{
	pthread_rwlock_rdlock(&shared->lock);
	return shared->catalogue;
}

void shared_catalogue_return(struct shared_catalogue *shared)
{
	pthread_rwlock_unlock(&shared->lock);
}
