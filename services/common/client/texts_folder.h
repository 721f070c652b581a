/* Reads the folder of texts (domain/texts.h): all its *.yaml files. */
#ifndef CLIENT_TEXTS_FOLDER_H
#define CLIENT_TEXTS_FOLDER_H

#include "domain/texts.h"
#include "util/settings.h"

/* The setting: texts.folder. */
extern const struct setting texts_settings[];

/* NULL, and err names file, line and what is wrong. */
struct texts *texts_load(const struct settings *settings, struct err *err) MUST_CHECK;

#endif
