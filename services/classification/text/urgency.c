#include "text/urgency.h"

#include <stdbool.h>
#include <stdlib.h>

#include "util/alloc.h"

/* Those of danger first, with the numbers of Redress__Danger less one. */
enum { KIND_HIGH = 6, KIND_NOT_BEFORE, KIND_NOT_AFTER };

static const char *const kinds[] = {"danger", "gas",  "power",      "fire",      "violence",
				    "health", "high", "not-before", "not-after", NULL};

struct urgency {
	struct phrases *phrases;
};

struct urgency *urgency_load(const char *file, const struct fold_table *table, struct err *err)
{
	struct phrases *phrases = phrases_load(file, "urgency.file", kinds, table, err);
	if (!phrases)
		return NULL;
	struct urgency *urgency = x_calloc(1, sizeof(*urgency));
	urgency->phrases = phrases;
	return urgency;
}

void urgency_free(struct urgency **urgency)
{
	if (!*urgency)
		return;
	phrases_free(&(*urgency)->phrases);
	free(*urgency);
	*urgency = NULL;
}

/* Whether a word that denies stands right before ("no smell of gas") or after ("gaz kaçağı yok");
 * in scripts without spaces there is none between them. */
static bool is_denied(const struct phrase_hit *hit, const struct phrase_hit *hits, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct phrase_hit *other = &hits[i];
		if (other->kind == KIND_NOT_BEFORE &&
		    (other->end + 1 == hit->start || other->end == hit->start))
			return true;
		if (other->kind == KIND_NOT_AFTER &&
		    (hit->end + 1 == other->start || hit->end == other->start))
			return true;
	}
	return false;
}

void urgency_of(const struct urgency *urgency, const struct folded *text,
		struct urgency_finding *finding)
{
	struct phrase_hit hits[PHRASES_HITS];
	size_t count = phrases_find(urgency->phrases, text, hits);
	*finding = (struct urgency_finding){.level = REDRESS__URGENCY__ROUTINE};
	for (size_t i = 0; i < count; i++) {
		bool emergency = hits[i].kind < KIND_HIGH;
		if (hits[i].kind > KIND_HIGH || is_denied(&hits[i], hits, count))
			continue;
		Redress__Urgency level =
		    emergency ? REDRESS__URGENCY__EMERGENCY : REDRESS__URGENCY__HIGH;
		if (level > finding->level)
			*finding = (struct urgency_finding){.level = level};
		/* the first that is of a kind */
		if (emergency && finding->danger <= REDRESS__DANGER__SOME_DANGER)
			finding->danger = (Redress__Danger)(hits[i].kind + 1);
		if (level == finding->level)
			terms_add(&finding->why, hits[i].phrase);
	}
}
