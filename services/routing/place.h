/*
 * Where a command puts a case and until when: the catalogue and the routing rules, asked with the
 * facts of the case. Everything that looks at the catalogue for decide.h is here.
 */
#ifndef ROUTING_PLACE_H
#define ROUTING_PLACE_H

#include "case.pb-c.h"
#include "decide.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/settings.h"

struct places; /* a catalogue and the rules that go with it */

/* Loads and checks both from catalogue.folder; NULL, and err says which file and line. */
struct places *places_load(const struct settings *settings, struct err *err) MUST_CHECK;
void places_free(struct places **places);

/* Pure. state: NULL for Open. */
struct placement place(const struct places *places, struct arena *arena,
		       const Redress__CaseState *state, const Redress__Command *command,
		       int64_t now_ms);

#endif
