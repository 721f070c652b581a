#include "training/labelled.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "training/json_lines.h"
#include "util/alloc.h"
#include "util/text.h"

#define MAP_MAX   (16 * 1024 * 1024)
#define LABEL_MAX 200                 /* bytes of a label */
#define LINE_ROOM (JSON_LINE_MAX + 4) /* its end, a NUL, and one byte that shows it is too long */

/* ---- other names ----------------------------------------------------------------------------- */

struct label_map {
	char *text; /* the file; the names point into it */
	struct renaming {
		const char *from, *to;
	} * renaming;
	size_t count;
};

void label_map_free(struct label_map **map)
{
	if (!*map)
		return;
	free((*map)->text);
	free((*map)->renaming);
	free(*map);
	*map = NULL;
}

static bool add_renaming(struct label_map *map, char *line)
{
	line[strcspn(line, "\r")] = '\0';
	char *to = strchr(line, '\t');
	if (!to || to == line || !to[1] || strchr(to + 1, '\t') || strlen(to + 1) > LABEL_MAX ||
	    !text_is_utf8(line, strlen(line)))
		return false;
	*to++ = '\0';
	if (label_map_find(map, line))
		return false;
	map->renaming = x_realloc(map->renaming, map->count + 1, sizeof(*map->renaming));
	map->renaming[map->count++] = (struct renaming){line, to};
	return true;
}

struct label_map *label_map_load(const char *file, struct err *err)
{
	char reason[160], *rest, *line;
	size_t size;
	int number = 0;
	struct label_map *map = x_calloc(1, sizeof(*map));
	map->text = rest = text_read_file(file, MAP_MAX, &size, reason);
	if (!rest) {
		err_set(err, "%s", reason);
		label_map_free(&map);
	}
	if (map)
		rest += text_byte_order_mark(rest, size);
	while (map && (line = strsep(&rest, "\n"))) {
		number++;
		if (*line && *line != '\r' && *line != '#' && !add_renaming(map, line)) {
			err_set(err,
				"%s line %d: a label, tab, its category, in UTF-8, each label once",
				file, number);
			label_map_free(&map);
		}
	}
	return map;
}

const char *label_map_find(const struct label_map *map, const char *label)
{
	for (size_t i = 0; i < map->count; i++) {
		if (strcmp(map->renaming[i].from, label) == 0)
			return map->renaming[i].to;
	}
	return NULL;
}

/* ---- lines ----------------------------------------------------------------------------------- */

struct reading {
	const char *file;
	const struct label_map *map;
	labelled_text *take;
	void *context;
};

/* line: its number. */
static int give(const struct reading *reading, size_t line, const char *text, size_t size,
		const char *label, const char *language, struct err *err)
{
	if (!*label || strlen(label) > LABEL_MAX)
		return err_set(err, "%s line %zu: label: 1 to %d bytes", reading->file, line,
			       LABEL_MAX);
	if (size > JSON_TEXT_MAX)
		return err_set(err, "%s line %zu: text: at most %d bytes", reading->file, line,
			       JSON_TEXT_MAX);
	if (reading->map && !(label = label_map_find(reading->map, label)))
		return 0;
	if (reading->take(reading->context, text, size, label, language, err))
		return err_context(err, "%s line %zu", reading->file, line);
	return 0;
}

int labelled_read_json(struct json_lines *lines, const struct label_map *map, labelled_text *take,
		       void *context, struct err *err)
{
	struct reading reading = {json_lines_name(lines), map, take, context};
	const char *text, *label, *language;
	json_t *object;
	int failed;
	while (!(failed = json_lines_next(lines, &object, err)) && object) {
		failed = json_lines_string(lines, object, "text", true, &text, err) ||
			 json_lines_string(lines, object, "label", true, &label, err) ||
			 json_lines_string(lines, object, "lang", false, &language, err) ||
			 give(&reading, json_lines_number(lines), text, strlen(text), label,
			      language, err);
		json_decref(object);
		if (failed)
			break;
	}
	return failed ? -1 : 0;
}

static int read_json(const struct reading *reading, int descriptor, struct err *err)
{
	struct json_lines *lines = json_lines_new(descriptor, reading->file, NULL);
	if (isatty(STDERR_FILENO))
		json_lines_show_progress(lines);
	int failed = labelled_read_json(lines, reading->map, reading->take, reading->context, err);
	json_lines_free(&lines);
	return failed;
}

static int read_table_line(const struct reading *reading, size_t number, char *line, size_t size,
			   struct err *err)
{
	while (size && (line[size - 1] == '\n' || line[size - 1] == '\r'))
		line[--size] = '\0';
	size_t mark = number == 1 ? text_byte_order_mark(line, size) : 0;
	line += mark;
	size -= mark;
	char *text = strchr(line, '\t');
	if (!size)
		return 0;
	if (!text || !text_is_utf8(line, size) || memchr(line, '\0', size) || size > JSON_LINE_MAX)
		return err_set(err, "%s line %zu: label, tab, text in UTF-8, at most %d bytes",
			       reading->file, number, JSON_LINE_MAX);
	*text++ = '\0';
	return give(reading, number, text, strlen(text), line, NULL, err);
}

/* The next line with its end, or as much of it as there is room for. 0: there is none. */
static size_t read_line(FILE *file, char *line, size_t room)
{
	size_t size = 0;
	int c = 0;
	while (c != '\n' && size + 1 < room && (c = getc_unlocked(file)) != EOF)
		line[size++] = (char)c;
	line[size] = '\0';
	return size;
}

static int read_table(const struct reading *reading, int descriptor, struct err *err)
{
	FILE *file = fdopen(dup(descriptor), "r");
	char *line = x_calloc(1, LINE_ROOM);
	size_t size, number = 0;
	int failed = file ? 0 : err_set(err, "%s: %s", reading->file, strerror(errno));
	while (!failed && (size = read_line(file, line, LINE_ROOM)) > 0)
		failed = read_table_line(reading, ++number, line, size, err);
	if (!failed && ferror(file))
		failed = err_set(err, "%s: %s", reading->file, strerror(errno));
	free(line);
	if (file)
		fclose(file);
	return failed;
}

int labelled_read(const char *file, const struct label_map *map, labelled_text *take, void *context,
		  struct err *err)
{
	bool standard = strcmp(file, "-") == 0;
	struct reading reading = {standard ? "standard input" : file, map, take, context};
	size_t length = strlen(file);
	bool table = length > 4 && strcmp(file + length - 4, ".tsv") == 0;
	int descriptor = standard ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0)
		return err_set(err, "%s: %s", file, strerror(errno));
	int failed =
	    table ? read_table(&reading, descriptor, err) : read_json(&reading, descriptor, err);
	if (!standard)
		close(descriptor);
	return failed;
}
