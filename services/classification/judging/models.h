/*
 * The models a daemon works with: the one that serves, and, while there is one, the shadow that is
 * tried beside it. They come from files that may be replaced at any time; a file that is no whole
 * model changes nothing.
 */
#ifndef CLASSIFICATION_JUDGING_MODELS_H
#define CLASSIFICATION_JUDGING_MODELS_H

#include <stdbool.h>

#include "judging/classify.h"
#include "model/model.h"

extern const struct setting models_settings[];

struct models;

/* settings must outlive it. NULL: the serving model cannot be loaded, why in err. A shadow that
 * cannot be loaded is logged and left out: it is no reason not to serve. */
struct models *models_load(const struct settings *settings, struct err *err) MUST_CHECK;
void models_free(struct models **models);

/* Both anew, or, when one of them is no whole model, neither: -1 and why. */
int models_reload(struct models *models, struct err *err) MUST_CHECK;
/* Whether a file is another one than at the last load or reload, successful or not. */
bool models_changed(const struct models *models);

struct classifier *models_classifier(const struct models *models);
const struct model *models_shadow(const struct models *models); /* NULL: none */

#endif
