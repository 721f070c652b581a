/*
 * A case as an officer sees it, with everything that was collected: from the permanent record, its
 * sealed parts opened with the officers' key.
 */
#ifndef RECORD_CASE_FILE_H
#define RECORD_CASE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "case.pb-c.h"
#include "client/postgres.h"
#include "domain/unseal.h"
#include "util/arena.h"

/* The last outcome of a message, to whomever. */
struct case_message {
	uint32_t event_version; /* the event it tells of */
	const char *recipient;  /* "citizen", "office" */
	const char *kind, *channel, *delivery, *reason;
	int64_t attempts, at_ms;
};

/* Everything is in the arena. */
struct case_file {
	const Redress__CaseState *state;
	const char *declared_language;     /* "": none was */
	const Redress__CaseEvent **events; /* by version */
	size_t event_count;
	const struct case_message *messages; /* by event */
	size_t message_count;
	int64_t erased_at_ms;               /* 0: the person's data is there */
	const Redress__GrievanceText *text; /* NULL: the person's data was erased */
	const Redress__Contact *contact;    /* NULL: none was given, or it was erased */
	uint8_t text_key[SEAL_KEY_SIZE];    /* only with text; to be wiped by who has it */
};

/* -1: the record has no such case (yet), or it cannot be read. */
int case_file_read(struct postgres *postgres, struct unsealer *officer, struct arena *arena,
		   uint64_t number, struct case_file *file, struct err *err) MUST_CHECK;

#endif
