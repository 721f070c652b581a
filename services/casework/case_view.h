/* A case as an officer sees it: what the page shows and the API returns. */
#ifndef CASEWORK_CASE_VIEW_H
#define CASEWORK_CASE_VIEW_H

#include "record/desk.h"
#include "visit.h"

json_t *case_view(struct visit *visit, const struct desk_case *found);
/* "open", "waiting", "answered"; "" when nobody works on it any more. */
const char *case_stage(const Redress__CaseState *state);

#endif
