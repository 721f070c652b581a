#include "judging/models.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/alloc.h"
#include "util/log.h"

const struct setting models_settings[] = {
    {"model.shadow_file", SETTING_STRING, "", 0, 1000,
     "a model to try beside the one that serves; its answers decide nothing. A file that is not "
     "there is no shadow"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

enum { SERVING, SHADOW, FILES };

/* Which file a path was; all zero: none. */
struct stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
};

struct models {
	const struct settings *settings;
	struct classifier *classifier;
	struct model *shadow;
	struct stamp seen[FILES];
};

static const char *path_of(const struct models *models, int file)
{
	return settings_str(models->settings, file == SERVING ? "model.file" : "model.shadow_file");
}

static struct stamp look(const char *path)
{
	struct stat about;
	struct stamp stamp = {0};
	if (*path && stat(path, &about) == 0) {
		stamp.device = about.st_dev;
		stamp.inode = about.st_ino;
		stamp.size = about.st_size;
		stamp.modified = about.st_mtim;
	}
	return stamp;
}

static bool is_there(const struct stamp *stamp)
{
	return stamp->inode != 0;
}

static bool is_same(const struct stamp *a, const struct stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec;
}

/* Before loading: what comes while a file is being read is seen the next time. */
static void look_at_all(struct models *models)
{
	for (int i = 0; i < FILES; i++)
		models->seen[i] = look(path_of(models, i));
}

static int load_shadow(const struct models *models, struct model **shadow, struct err *err)
{
	*shadow = NULL;
	if (!is_there(&models->seen[SHADOW]))
		return 0;
	*shadow = model_load(path_of(models, SHADOW), err);
	return *shadow ? 0 : err_context(err, "model.shadow_file");
}

static void tell(const struct models *models)
{
	log_info(0, "model %s serves; %s%s", classifier_version(models->classifier),
		 models->shadow ? "in its shadow " : "no shadow",
		 models->shadow ? model_card(models->shadow)->version : "");
}

struct models *models_load(const struct settings *settings, struct err *err)
{
	struct err why;
	struct models *models = x_calloc(1, sizeof(*models));
	models->settings = settings;
	look_at_all(models);
	models->classifier = classifier_load(settings, err);
	if (!models->classifier) {
		models_free(&models);
		return NULL;
	}
	if (load_shadow(models, &models->shadow, &why))
		log_error(0, "working without a shadow: %s", why.text);
	tell(models);
	return models;
}

void models_free(struct models **models)
{
	if (!*models)
		return;
	classifier_free(&(*models)->classifier);
	model_free(&(*models)->shadow);
	free(*models);
	*models = NULL;
}

int models_reload(struct models *models, struct err *err)
{
	struct model *shadow;
	look_at_all(models);
	struct classifier *classifier = classifier_load(models->settings, err);
	if (!classifier)
		return -1;
	if (load_shadow(models, &shadow, err)) {
		classifier_free(&classifier);
		return -1;
	}
	classifier_free(&models->classifier);
	model_free(&models->shadow);
	models->classifier = classifier;
	models->shadow = shadow;
	tell(models);
	return 0;
}

bool models_changed(const struct models *models)
{
	for (int i = 0; i < FILES; i++) {
		struct stamp now = look(path_of(models, i));
		if (!is_same(&now, &models->seen[i]))
			return true;
	}
	return false;
}

struct classifier *models_classifier(const struct models *models)
{
	return models->classifier;
}

const struct model *models_shadow(const struct models *models)
{
	return models->shadow;
}
