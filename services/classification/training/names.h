/* Different names, numbered as they come, up to a bound. */
#ifndef CLASSIFICATION_TRAINING_NAMES_H
#define CLASSIFICATION_TRAINING_NAMES_H

#include <stdint.h>

#include "util/err.h"

#define NAMES_NONE UINT32_MAX

struct names {
	char **name; /* by number */
	uint32_t count, most;
	uint32_t *slots; /* number + 1 by hash, twice as many as most; 0: free */
};

/* most: at least 1. */
void names_start(struct names *names, uint32_t most);
void names_free(struct names *names); /* and is empty, as one of zeros is */

/* NAMES_NONE: it is not among them. */
uint32_t names_find(const struct names *names, const char *name);
/* *number: the name's, which is copied if it is new. -1: it would be one too many, err says so. */
int names_add(struct names *names, const char *name, uint32_t *number, struct err *err) MUST_CHECK;

#endif
