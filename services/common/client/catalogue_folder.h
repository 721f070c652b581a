/* Reads a catalogue's folder: all its *.yaml files, in the order of their names. */
#ifndef CLIENT_CATALOGUE_FOLDER_H
#define CLIENT_CATALOGUE_FOLDER_H

#include "domain/catalogue.h"
#include "util/settings.h"

/* The setting: catalogue.folder. */
extern const struct setting catalogue_settings[];

/* NULL, and err names file, line and what is wrong. */
struct catalogue *catalogue_load(const struct settings *settings, struct err *err) MUST_CHECK;
/* Whether it could be loaded. */
int catalogue_check(const struct settings *settings, struct err *err) MUST_CHECK;

/* One that many threads look into while it may be read again. */
struct shared_catalogue;
struct shared_catalogue *shared_catalogue_load(const struct settings *settings,
					       struct err *err) MUST_CHECK;
void shared_catalogue_free(struct shared_catalogue **shared);
/* -1: the one from before stays. */
int shared_catalogue_reload(struct shared_catalogue *shared, const struct settings *settings,
			    struct err *err) MUST_CHECK;
/* From any thread. It stays as it is until it is given back, which should be soon. */
const struct catalogue *shared_catalogue_borrow(struct shared_catalogue *shared);
void shared_catalogue_return(struct shared_catalogue *shared);

#endif
