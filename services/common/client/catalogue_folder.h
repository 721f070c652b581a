/* Reads a catalogue's folder: all its *.yaml files, in the order of their names. */
#ifndef CLIENT_CATALOGUE_FOLDER_H
#define CLIENT_CATALOGUE_FOLDER_H

#include "domain/catalogue.h"
#include "util/settings.h"

/* The setting: catalogue.folder. */
extern const struct setting catalogue_settings[];

/* NULL, and err names file, line and what is wrong. */
struct catalogue *catalogue_load(const char *folder, struct err *err) MUST_CHECK;

#endif
