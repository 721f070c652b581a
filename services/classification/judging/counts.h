/* What the daemon shows of its answers at /metrics; docs/operate.md says what to make of it. */
#ifndef CLASSIFICATION_JUDGING_COUNTS_H
#define CLASSIFICATION_JUDGING_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "judging/drift.h"
#include "judging/models.h"

extern const struct setting counts_settings[];

/* What one message's answer was. */
struct note {
	uint32_t label; /* the best guess; DRIFT_NOTHING: none */
	float confidence;
	bool abstained;
	bool shadowed, shadow_differs;
};

struct counts;

struct counts *counts_new(const struct settings *settings);
void counts_free(struct counts **counts);

/* From here on the answers are of these models: the window begins anew. */
void counts_begin(struct counts *counts, const struct models *models);
void counts_add(struct counts *counts, const struct note *notes, size_t count);
/* Works the window out; not for every batch. */
void counts_show(struct counts *counts);

#endif
