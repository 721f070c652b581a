/* A case as its citizen sees it: docs/openapi.json, Case. Pure. */
#ifndef PORTAL_CASE_VIEW_H
#define PORTAL_CASE_VIEW_H

#include "domain/catalogue.h"
#include "domain/texts.h"
#include "record/found_case.h"

/* JSON, malloc'ed. Sentences are in the language if the texts have it, else in their reference. */
char *case_view(const struct catalogue *catalogue, const struct texts *texts,
		const struct found_case *found, const char *language);

/* Whether there is a sentence for every status and kind of event; -1: err names what is missing. */
int case_view_check(const struct texts *texts, struct err *err) MUST_CHECK;

/* The name of its text: what a citizen writes is not the office's comment. */
const char *case_view_kind(const Redress__HistoryEntry *entry);

#endif
