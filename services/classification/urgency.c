#include "urgency.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/text.h"

#define FILE_MAX (1024 * 1024)

struct term {
	Redress__Urgency level;
	bool open; /* any ending */
	char *text;
	uint32_t *points; /* folded, with the space before each word */
	size_t count;
};

struct urgency {
	struct term *terms;
	size_t count;
};

void urgency_free(struct urgency **urgency)
{
	if (!*urgency)
		return;
	for (size_t i = 0; i < (*urgency)->count; i++) {
		free((*urgency)->terms[i].text);
		free((*urgency)->terms[i].points);
	}
	free((*urgency)->terms);
	free(*urgency);
	*urgency = NULL;
}

/* false: the line is none of the file's. */
static bool add_term(struct urgency *urgency, const struct fold_table *table, char *line)
{
	struct folded folded = {0};
	char *text = strchr(line, '\t');
	if (!text || !text[1])
		return false;
	*text++ = '\0';
	bool emergency = strcmp(line, "emergency") == 0, high = strcmp(line, "high") == 0;
	if (!emergency && !high)
		return false;
	urgency->terms = x_realloc(urgency->terms, urgency->count + 1, sizeof(*urgency->terms));
	struct term *term = &urgency->terms[urgency->count++];
	term->level = emergency ? REDRESS__URGENCY__EMERGENCY : REDRESS__URGENCY__HIGH;
	term->open = text[strlen(text) - 1] == '*';
	term->text = x_strdup(text);
	fold(table, text, strlen(text), &folded);
	/* without the space at the end of a folded text: it is looked for apart */
	term->count = folded.count ? folded.count - 1 : 0;
	term->points = x_memdup(folded.points, term->count * sizeof(*term->points));
	folded_free(&folded);
	return term->count > 1;
}

struct urgency *urgency_load(const char *file, const struct fold_table *table, struct err *err)
{
	char reason[160], *rest, *line;
	size_t size;
	int number = 0;
	char *text = text_read_file(file, FILE_MAX, &size, reason);
	if (!text) {
		err_set(err, "urgency.file: %s: %s", file, reason);
		return NULL;
	}
	struct urgency *urgency = x_calloc(1, sizeof(*urgency));
	for (rest = text; (line = strsep(&rest, "\n"));) {
		number++;
		if (*line && *line != '#' && !add_term(urgency, table, line)) {
			err_set(err, "urgency.file: %s line %d: level, tab, words", file, number);
			urgency_free(&urgency);
			break;
		}
	}
	free(text);
	return urgency;
}

/* Whether the term's words follow one another in the text. Scripts without spaces have no borders of
 * words that could be asked for. */
static bool is_in(const struct term *term, const struct folded *text)
{
	const uint32_t *points = term->points;
	size_t count = term->count;
	bool dense = points[1] >= 0x0E00 && !(points[1] >= 0x1E00 && points[1] < 0x2000);
	if (dense) {
		points++;
		count--;
	}
	for (size_t at = 0; at + count <= text->count; at++) {
		if (memcmp(text->points + at, points, count * sizeof(*points)) != 0)
			continue;
		if (dense || term->open || at + count == text->count ||
		    text->points[at + count] == ' ')
			return true;
	}
	return false;
}

Redress__Urgency urgency_of(const struct urgency *urgency, const struct folded *text,
			    const char **term)
{
	Redress__Urgency level = REDRESS__URGENCY__ROUTINE;
	*term = NULL;
	for (size_t i = 0; i < urgency->count; i++) {
		const struct term *one = &urgency->terms[i];
		if (one->level > level && is_in(one, text)) {
			level = one->level;
			*term = one->text;
		}
	}
	return level;
}
