#include "util/settings.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/alloc.h"
#include "util/setting_names.h"
#include "util/text.h"

#define FILE_MAX ((size_t)1024 * 1024)

struct value {
	const struct setting *setting;
	char *text;
	int64_t number;
};

struct settings {
	size_t count;
	struct value *values;
};

static const char *const type_names[] = {"text", "number", "duration", "yes|no", "secret"};

static struct value *find(const struct settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->count; i++) {
		if (strcmp(settings->values[i].setting->name, name) == 0)
			return &settings->values[i];
	}
	return NULL;
}

static void variable_name(const char *name, char *out, size_t room)
{
	size_t at = (size_t)snprintf(out, room, "REDRESS_");
	for (; *name && at + 1 < room; name++)
		out[at++] = *name == '.' ? '_' : (char)toupper((unsigned char)*name);
	out[at] = '\0';
}

static int parse_whole(const char *text, int64_t *number, char **end)
{
	errno = 0;
	*number = strtoll(text, end, 10);
	return errno || *end == text ? -1 : 0;
}

int settings_duration(const char *text, int64_t *ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	char *end;
	int64_t number;
	if (parse_whole(text, &number, &end) || number < 0)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(end, units[i].unit) == 0)
			return __builtin_mul_overflow(number, units[i].ms, ms) ? -1 : 0;
	}
	return -1;
}

/* The number behind the text (its length for strings), or -1 with what is wrong. */
static int parse_value(const struct setting *setting, const char *text, int64_t *number,
		       const char **wrong)
{
	char *end;
	*wrong = NULL;
	*number = 0;
	switch (setting->type) {
	case SETTING_INT:
		if (parse_whole(text, number, &end) || *end)
			*wrong = "is not a whole number";
		break;
	case SETTING_DURATION:
		if (settings_duration(text, number))
			*wrong = "is not a duration such as 250ms, 10s, 5m, 2h or 7d";
		break;
	case SETTING_BOOL:
		*number = strcmp(text, "yes") == 0;
		if (!*number && strcmp(text, "no") != 0)
			*wrong = "must be yes or no";
		return *wrong ? -1 : 0;
	case SETTING_STRING:
	case SETTING_SECRET:
		*number = (int64_t)strlen(text);
		break;
	}
	if (!*wrong && (*number < setting->min || *number > setting->max))
		*wrong = "is out of bounds";
	return *wrong ? -1 : 0;
}

static int set_value(struct value *value, const char *text, const char *where, struct err *err)
{
	const char *wrong;
	int64_t number;
	if (parse_value(value->setting, text, &number, &wrong))
		return err_set(err, "%s: %s %s (%s, %lld to %lld)", where, value->setting->name,
			       wrong, type_names[value->setting->type],
			       (long long)value->setting->min, (long long)value->setting->max);
	free(value->text);
	value->text = x_strdup(text);
	value->number = number;
	return 0;
}

static char *trim(char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	char *end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
}

static int read_line(struct settings *settings, char *line, const char *where, struct err *err)
{
	line = trim(line);
	if (!*line || *line == '#')
		return 0;
	char *equals = strchr(line, '=');
	if (!equals)
		return err_set(err, "%s: expected \"name = value\"", where);
	*equals = '\0';
	char *name = trim(line), *text = trim(equals + 1);
	struct value *value = find(settings, name);
	if (!value)
		return err_set(err, "%s: there is no setting \"%.60s\" (see --help)", where, name);
	return set_value(value, text, where, err);
}

static int read_file(struct settings *settings, const char *path, struct err *err)
{
	char reason[160], where[200];
	char *all = text_read_file(path, FILE_MAX, NULL, reason), *rest = all, *line;
	if (!all)
		return err_set(err, "%s", reason);
	int result = 0;
	for (int number = 1; !result && (line = strsep(&rest, "\n")); number++) {
		snprintf(where, sizeof(where), "%.150s:%d", path, number);
		result = read_line(settings, line, where, err);
	}
	free(all);
	return result;
}

static int read_environment(struct settings *settings, struct err *err)
{
	char name[128], where[160];
	for (size_t i = 0; i < settings->count; i++) {
		variable_name(settings->values[i].setting->name, name, sizeof(name));
		const char *text = getenv(name);
		snprintf(where, sizeof(where), "environment variable %s", name);
		if (text && set_value(&settings->values[i], text, where, err))
			return -1;
	}
	return 0;
}

static int check_given(const struct settings *settings, struct err *err)
{
	for (size_t i = 0; i < settings->count; i++) {
		if (!settings->values[i].text)
			return err_set(err, "setting %s must be given: %s",
				       settings->values[i].setting->name,
				       settings->values[i].setting->help);
	}
	return 0;
}

static void add_table(struct settings *settings, const struct setting *table)
{
	for (; table->name; table++) {
		if (find(settings, table->name))
			continue; /* two tables may share a table of a client */
		settings->values =
		    x_realloc(settings->values, settings->count + 1, sizeof(*settings->values));
		settings->values[settings->count++] = (struct value){.setting = table};
	}
}

static int set_fallbacks(struct settings *settings, struct err *err)
{
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *setting = settings->values[i].setting;
		if (setting->fallback &&
		    set_value(&settings->values[i], setting->fallback, "default", err))
			return -1;
	}
	return 0;
}

struct settings *settings_load(const struct setting *const *tables, const char *file,
			       struct err *err)
{
	struct settings *settings = x_calloc(1, sizeof(*settings));
	for (; *tables; tables++)
		add_table(settings, *tables);
	if (set_fallbacks(settings, err) || (file && read_file(settings, file, err)) ||
	    read_environment(settings, err) || check_given(settings, err))
		settings_free(&settings);
	return settings;
}

void settings_free(struct settings **settings)
{
	if (!*settings)
		return;
	for (size_t i = 0; i < (*settings)->count; i++)
		free((*settings)->values[i].text);
	free((*settings)->values);
	free(*settings);
	*settings = NULL;
}

static const struct value *wanted(const struct settings *settings, const char *name)
{
	const struct value *value = find(settings, name);
	assert(value && "a setting that is in no table was asked for");
	return value;
}

int settings_set(struct settings *settings, const char *name, const char *text, const char *where,
		 struct err *err)
{
	struct value *value = find(settings, name);
	assert(value && "a setting that is in no table was given");
	return set_value(value, text, where, err);
}

const char *settings_str(const struct settings *settings, const char *name)
{
	return wanted(settings, name)->text;
}

int64_t settings_int(const struct settings *settings, const char *name)
{
	return wanted(settings, name)->number;
}

bool settings_bool(const struct settings *settings, const char *name)
{
	const struct value *value = wanted(settings, name);
	assert(value->setting->type == SETTING_BOOL);
	return value->number != 0;
}

/* ---- whether they can be right -------------------------------------------------------------- */

static bool is_of_some_program(const char *variable, size_t size)
{
	char name[128];
	for (const char *const *known = setting_names; *known; known++) {
		variable_name(*known, name, sizeof(name));
		if (strlen(name) == size && memcmp(name, variable, size) == 0)
			return true;
	}
	return false;
}

static bool is_of_these(const struct settings *settings, const char *variable, size_t size)
{
	char name[128];
	for (size_t i = 0; i < settings->count; i++) {
		variable_name(settings->values[i].setting->name, name, sizeof(name));
		if (strlen(name) == size && memcmp(name, variable, size) == 0)
			return true;
	}
	return false;
}

const char *settings_unknown_variable(const struct settings *settings, size_t *at)
{
	for (; environ[*at]; ++*at) {
		const char *variable = environ[*at];
		size_t size = strcspn(variable, "=");
		if (strncmp(variable, "REDRESS_", 8) == 0 &&
		    !is_of_these(settings, variable, size) && !is_of_some_program(variable, size)) {
			++*at;
			return variable;
		}
	}
	return NULL;
}

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), tail = strlen(end);
	return size >= tail && strcmp(text + size - tail, end) == 0;
}

/* By its name: a ....folder, a ....file or ..._file; empty is none. */
static int check_path(const struct value *value, struct err *err)
{
	struct stat status;
	const char *name = value->setting->name;
	bool is_folder = ends_with(name, ".folder");
	/* made by who promotes the first one: none is on trial until then */
	bool may_be_missing = ends_with(name, "shadow_file");
	if ((!is_folder && !ends_with(name, ".file") && !ends_with(name, "_file")) || !*value->text)
		return 0;
	if (stat(value->text, &status) || access(value->text, R_OK))
		return may_be_missing && errno == ENOENT
			   ? 0
			   : err_set(err, "%s: %.150s: %s", name, value->text, strerror(errno));
	if (S_ISDIR(status.st_mode) != is_folder)
		return err_set(err, "%s: %.150s: is %s folder", name, value->text,
			       is_folder ? "no" : "a");
	return 0;
}

int settings_check(const struct settings *settings, struct err *err)
{
	size_t at = 0;
	const char *variable = settings_unknown_variable(settings, &at);
	if (variable)
		return err_set(err, "environment variable %.*s: no program has such a setting",
			       (int)strcspn(variable, "="), variable);
	for (size_t i = 0; i < settings->count; i++) {
		if (check_path(&settings->values[i], err))
			return -1;
	}
	return 0;
}

void settings_print_help(const struct setting *const *tables, FILE *out)
{
	for (; *tables; tables++) {
		for (const struct setting *s = *tables; s->name; s++) {
			char variable[128];
			variable_name(s->name, variable, sizeof(variable));
			fprintf(out, "  %-28s %s\n      %s; %s; %s\n", s->name, s->help,
				type_names[s->type],
				!s->fallback   ? "must be given"
				: *s->fallback ? s->fallback
					       : "empty by default",
				variable);
		}
	}
}

void settings_print(const struct settings *settings, FILE *out)
{
	for (size_t i = 0; i < settings->count; i++) {
		const struct value *value = &settings->values[i];
		const char *shown = value->text;
		if (value->setting->type == SETTING_SECRET)
			shown = *value->text ? "(set)" : "(not set)";
		fprintf(out, "%s = %s\n", value->setting->name, shown);
	}
}
