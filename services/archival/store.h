/*
 * The record in PostgreSQL: what is known of a batch's cases, and one transaction that stores the
 * batch, moves the partitions' offsets and seals the ledger. The only file with SQL.
 */
#ifndef ARCHIVAL_STORE_H
#define ARCHIVAL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/ledger.h"
#include "record_batch.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/settings.h"

struct store;

struct store *store_new(const struct settings *settings);
void store_free(struct store **store);

/* A partition of a topic. */
struct position {
	const char *topic;
	int32_t partition;
	bool known;      /* the rest is what PostgreSQL has */
	int64_t next;    /* offset after the last message stored */
	int64_t reached; /* after the last message of this batch; next when it has none */
	/* of the entries of each ledger of the partition; those of other topics' kinds are empty */
	struct ledger_tree *trees; /* [SEALED_KINDS], the caller's */
};

/* Fills in what is not known, making missing rows. */
int store_load_positions(struct store *store, struct arena *arena, struct position *positions,
			 size_t count, struct err *err) MUST_CHECK;

/* Calls each for every one of these cases that is in the record, with its packed CaseState. */
int store_load_cases(struct store *store, struct arena *arena, const int64_t *numbers, size_t count,
		     void (*each)(void *self, uint64_t number, const void *state, size_t size),
		     void *self, struct err *err) MUST_CHECK;
/* Which of these grievances are there already; each is called without a state. */
int store_load_grievances(struct store *store, struct arena *arena, const int64_t *numbers,
			  size_t count,
			  void (*each)(void *self, uint64_t number, const void *state, size_t size),
			  void *self, struct err *err) MUST_CHECK;

enum store_outcome {
	STORE_DONE,
	STORE_FAILED,  /* it may be different the next time */
	STORE_REFUSED, /* for what it is: PostgreSQL will never take it as a whole */
};

/*
 * All of it or nothing. positions: those whose reached is beyond next are moved, and it is a
 * failure when another instance has moved them.
 */
enum store_outcome store_commit(struct store *store, struct arena *arena,
				struct record_batch *batch, const struct position *positions,
				size_t count, struct err *err) MUST_CHECK;
/* The same, and takes it back: whether it would be taken. */
enum store_outcome store_try(struct store *store, struct arena *arena, struct record_batch *batch,
			     const struct position *positions, size_t count,
			     struct err *err) MUST_CHECK;
/* The SQLSTATE of the last STORE_REFUSED. */
const char *store_refusal(const struct store *store);

#endif
