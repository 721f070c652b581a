/*
 * Where a command puts a case and until when: the catalogue and the routing rules, asked with the
 * facts of the case. Everything that looks at the catalogue for decide.h is here.
 */
#ifndef ROUTING_PLACEMENT_H
#define ROUTING_PLACEMENT_H

#include "case.pb-c.h"
#include "decide.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/settings.h"

struct places; /* a catalogue and the rules that go with it */

/* Loads and checks both from catalogue.folder, with the sentences in texts.folder for the reasons
 * that rules give; NULL, and err says which file and line. */
struct places *places_load(const struct settings *settings, struct err *err) MUST_CHECK;
void places_free(struct places **places);

/* The code of who has the case today: its office, or since that was retired its successor; "":
 * nobody. */
const char *places_acting_office(const struct places *places, const Redress__CaseState *state);
const struct catalogue *places_catalogue(const struct places *places);

/* Pure. state: NULL for Open. */
struct placement place(const struct places *places, const Redress__CaseState *state,
		       const Redress__Command *command, int64_t now_ms);

#endif
