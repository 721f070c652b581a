/*
 * Settings: one table per program; values come from the defaults, then the file (lines
 * "name = value", # comments), then the environment (REDRESS_ + NAME in capitals, dots as
 * underscores: kafka.brokers is REDRESS_KAFKA_BROKERS). An unknown name in the file is an
 * error, and so is a value out of bounds. REDRESS_ variables of other programs are passed over;
 * those of none are told (setting_names.h).
 */
#ifndef UTIL_SETTINGS_H
#define UTIL_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "util/err.h"

enum setting_type {
	SETTING_STRING,   /* min, max: length in bytes */
	SETTING_INT,      /* min, max: value */
	SETTING_DURATION, /* "250ms", "10s", "5m", "2h", "7d"; min, max in milliseconds */
	SETTING_BOOL,     /* yes, no */
	SETTING_SECRET,   /* a string; --check prints it as (set) or (not set) */
};

struct setting {
	const char *name;
	enum setting_type type;
	const char *fallback; /* "" is a value; NULL: must be given */
	int64_t min, max;
	const char *help;
};

struct settings;

/*
 * tables: NULL-ended list of tables, each ended by a NULL name. file may be NULL.
 * Returns NULL and says why in err.
 */
struct settings *settings_load(const struct setting *const *tables, const char *file,
			       struct err *err) MUST_CHECK;
/* As though it had been given there, after all else; where is for err: "--model". */
int settings_set(struct settings *settings, const char *name, const char *text, const char *where,
		 struct err *err) MUST_CHECK;
void settings_free(struct settings **settings);

/* "10s" and the like, as in settings; -1: it is none. */
int settings_duration(const char *text, int64_t *ms) MUST_CHECK;

/* Asking for a name that is in no table, or with the wrong type, is a bug: assert. */
const char *settings_str(const struct settings *settings, const char *name);
int64_t settings_int(const struct settings *settings, const char *name); /* INT and DURATION (ms) */
bool settings_bool(const struct settings *settings, const char *name);

/*
 * Whether what they name is there: files and folders can be read, and every REDRESS_ variable of
 * the environment is of some program's setting. -1: which is not, and why.
 */
int settings_check(const struct settings *settings, struct err *err) MUST_CHECK;
/* The first REDRESS_ variable from *at on that is of no setting of any program; NULL: there is
 * none. */
const char *settings_unknown_variable(const struct settings *settings, size_t *at);

void settings_print_help(const struct setting *const *tables, FILE *out);
void settings_print(const struct settings *settings, FILE *out);

#endif
