/*
 * A case as an officer sees it: from the permanent record, its texts opened with the desk's key.
 */
#ifndef TOOLS_CASE_FILE_H
#define TOOLS_CASE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "case.pb-c.h"
#include "client/postgres.h"
#include "domain/unseal.h"
#include "util/arena.h"

/* Everything is in the arena. */
struct case_file {
	const Redress__CaseState *state;
	const Redress__CaseEvent **events; /* by version */
	size_t event_count;
	const Redress__GrievanceText *text; /* NULL: the person's data was erased */
	uint8_t text_key[SEAL_KEY_SIZE];    /* only with text */
};

/* The desk's key pair out of keys.folder; ends the process when it cannot be read. */
struct unsealer *case_file_desk(const char *keys_folder);

/* -1: the record has no such case (yet), or it cannot be read. */
int case_file_read(struct postgres *postgres, struct unsealer *desk, struct arena *arena,
		   uint64_t number, struct case_file *file, struct err *err) MUST_CHECK;

/* For a person: where the case stands, what it says, why it was classified so, what happened. */
void case_file_print(const struct case_file *file, struct arena *arena, FILE *out);

#endif
