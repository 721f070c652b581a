#include "text/phrases.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/text.h"

#define FILE_MAX   (1024 * 1024)
#define PHRASE_MAX 128   /* points of one */
#define STARTS     16384 /* a power of two */

struct phrase {
	char *text;
	int kind;
	bool open;     /* any ending */
	uint32_t next; /* of those that fold to the same; index + 1 */
};

/* A trie over points, its edges in one hash table. Node 0 is the root. */
struct edge {
	uint32_t node, point, to; /* to 0: free */
};

struct phrases {
	struct phrase *phrase;
	size_t count;
	uint32_t *ends; /* of each node: the phrase that ends there; index + 1 */
	uint32_t nodes;
	struct edge *edges;
	uint32_t edge_mask, edge_count;
	/* what phrases begin with, by its hash: three points, and, for scripts without spaces, two
	 */
	uint64_t starts[2][STARTS / 64];
};

void phrases_free(struct phrases **phrases)
{
	if (!*phrases)
		return;
	for (size_t i = 0; i < (*phrases)->count; i++)
		free((*phrases)->phrase[i].text);
	free((*phrases)->phrase);
	free((*phrases)->ends);
	free((*phrases)->edges);
	free(*phrases);
	*phrases = NULL;
}

/* ---- making the trie ------------------------------------------------------------------------- */

static uint32_t hash_edge(uint32_t node, uint32_t point)
{
	uint32_t hash = (node * 0x9E3779B1u ^ point) * 0x85EBCA6Bu;
	return hash ^ hash >> 15;
}

/* Points beyond the end are spaces, which follow a word in a text as well. */
static uint32_t hash_start(const uint32_t *points, size_t count, bool two)
{
	uint32_t second = count > 1 ? points[1] : ' ', third = count > 2 ? points[2] : ' ';
	uint32_t hash = (points[0] * 31 + second) * 31 + (two ? 0 : third);
	return (hash * 0x9E3779B1u) >> 18; /* 14 bits: below STARTS */
}

/* The edge, or the free place where it would be. */
static struct edge *edge_of(const struct phrases *phrases, uint32_t node, uint32_t point)
{
	uint32_t at = hash_edge(node, point) & phrases->edge_mask;
	while (phrases->edges[at].to &&
	       (phrases->edges[at].node != node || phrases->edges[at].point != point))
		at = (at + 1) & phrases->edge_mask;
	return &phrases->edges[at];
}

static void grow(struct phrases *phrases)
{
	struct phrases bigger = *phrases;
	bigger.edge_mask = phrases->edge_mask ? 2 * phrases->edge_mask + 1 : 1023;
	bigger.edges = x_calloc(bigger.edge_mask + 1, sizeof(*bigger.edges));
	for (uint32_t i = 0; phrases->edges && i <= phrases->edge_mask; i++) {
		const struct edge *edge = &phrases->edges[i];
		if (edge->to)
			*edge_of(&bigger, edge->node, edge->point) = *edge;
	}
	free(phrases->edges);
	*phrases = bigger;
}

static uint32_t add_edge(struct phrases *phrases, uint32_t node, uint32_t point)
{
	if (2 * phrases->edge_count >= phrases->edge_mask)
		grow(phrases);
	struct edge *edge = edge_of(phrases, node, point);
	if (!edge->to) {
		*edge = (struct edge){node, point, ++phrases->nodes};
		phrases->edge_count++;
		phrases->ends =
		    x_realloc(phrases->ends, phrases->nodes + 1, sizeof(*phrases->ends));
		phrases->ends[phrases->nodes] = 0;
	}
	return edge->to;
}

/* points: folded, without the spaces before and after. */
static void add_phrase(struct phrases *phrases, const char *text, int kind, const uint32_t *points,
		       size_t count)
{
	uint32_t node = 0;
	for (size_t i = 0; i < count; i++)
		node = add_edge(phrases, node, points[i]);
	for (int two = 0; two < 2; two++) {
		uint32_t start = hash_start(points, count, two);
		phrases->starts[two][start / 64] |= UINT64_C(1) << start % 64;
	}
	phrases->phrase = x_realloc(phrases->phrase, phrases->count + 1, sizeof(*phrases->phrase));
	struct phrase *phrase = &phrases->phrase[phrases->count++];
	*phrase =
	    (struct phrase){.text = x_strdup(text), .kind = kind, .next = phrases->ends[node]};
	char *star = strchr(phrase->text, '*');
	phrase->open = star;
	if (star)
		*star = '\0';
	phrases->ends[node] = (uint32_t)phrases->count;
}

/* false: the line is none of the file's. */
static bool add_line(struct phrases *phrases, const char *const *kinds,
		     const struct fold_table *table, struct folded *folded, char *line)
{
	int kind = 0;
	char *text = strchr(line, '\t');
	if (!text || !text[1])
		return false;
	*text++ = '\0';
	const char *star = strchr(text, '*');
	if (star && star[1])
		return false;
	while (kinds[kind] && strcmp(kinds[kind], line) != 0)
		kind++;
	fold(table, text, strlen(text), folded);
	/* of a shorter one than the start that is looked at first, the end must be there */
	size_t least = star ? 5 : folded->token_count && folded->tokens->kind != TOKEN_WORD ? 4 : 3;
	if (!kinds[kind] || folded->count < least || folded->count > PHRASE_MAX)
		return false;
	add_phrase(phrases, text, kind, folded->points + 1, folded->count - 2);
	return true;
}

struct phrases *phrases_load(const char *file, const char *setting, const char *const *kinds,
			     const struct fold_table *table, struct err *err)
{
	char reason[160], *rest, *line;
	size_t size;
	int number = 0;
	struct folded folded = {0};
	char *text = text_read_file(file, FILE_MAX, &size, reason);
	if (!text) {
		err_set(err, "%s: %s", setting, reason);
		return NULL;
	}
	struct phrases *phrases = x_calloc(1, sizeof(*phrases));
	phrases->ends = x_calloc(1, sizeof(*phrases->ends));
	grow(phrases);
	for (rest = text; phrases && (line = strsep(&rest, "\n"));) {
		number++;
		if (*line && *line != '#' && !add_line(phrases, kinds, table, &folded, line)) {
			err_set(err, "%s: %s line %d: kind, tab, words", setting, file, number);
			phrases_free(&phrases);
		}
	}
	folded_free(&folded);
	free(text);
	return phrases;
}

/* ---- finding --------------------------------------------------------------------------------- */

struct search {
	const struct phrases *phrases;
	const struct folded *text;
	struct phrase_hit *hits;
	size_t count;
};

/* All phrases that begin at start. anywhere: no border of a word is asked for at their end. */
static void find_from(struct search *search, uint32_t start, bool anywhere)
{
	const struct phrases *phrases = search->phrases;
	const uint32_t *points = search->text->points;
	uint32_t node = 0;
	size_t last = search->text->count;
	uint32_t hash = hash_start(points + start, last - start, anywhere);
	if (!(phrases->starts[anywhere][hash / 64] >> hash % 64 & 1))
		return;
	for (uint32_t at = start; at < last; at++) {
		node = edge_of(phrases, node, points[at])->to;
		if (!node)
			return;
		bool border = anywhere || at + 1 >= last || points[at + 1] == ' ';
		for (uint32_t i = phrases->ends[node]; i; i = phrases->phrase[i - 1].next) {
			const struct phrase *phrase = &phrases->phrase[i - 1];
			if ((border || phrase->open) && search->count < PHRASES_HITS)
				search->hits[search->count++] =
				    (struct phrase_hit){phrase->kind, phrase->text, start, at + 1};
		}
	}
}

size_t phrases_find(const struct phrases *phrases, const struct folded *text,
		    struct phrase_hit hits[PHRASES_HITS])
{
	struct search search = {phrases, text, hits, 0};
	for (size_t i = 0; i < text->token_count && search.count < PHRASES_HITS; i++) {
		const struct token *token = &text->tokens[i];
		uint32_t last =
		    token->kind == TOKEN_RUN ? token->start + token->len : token->start + 1;
		for (uint32_t at = token->start; at < last; at++)
			find_from(&search, at, token->kind != TOKEN_WORD);
	}
	return search.count;
}

void terms_add(struct terms *terms, const char *term)
{
	for (size_t i = 0; i < terms->count; i++) {
		if (terms->term[i] == term)
			return;
	}
	if (terms->count < TERMS_MOST)
		terms->term[terms->count++] = term;
}
