/*
 * The audit ledger: Merkle trees as of RFC 9162 section 2.1, with BLAKE2b-256, one above the other.
 * The events that archival stored of a partition in one transaction are the leaves of an entry; the
 * entries of a partition are the leaves of its tree, which only grows. The root of that tree is the
 * partition's head: whoever keeps one can be shown, by two short paths, that an event was there and
 * is unchanged. docs/ledger.md says how to check that without this code. Pure.
 */
#ifndef DOMAIN_LEDGER_H
#define DOMAIN_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "case.pb-c.h"
#include "util/arena.h"

#define LEDGER_HASH_SIZE 32
#define LEDGER_LEVELS    40 /* of a tree */

struct ledger_hash {
	uint8_t bytes[LEDGER_HASH_SIZE];
};

/* ---- trees ---------------------------------------------------------------------------------- */

/* The root over these leaves. */
struct ledger_hash ledger_root(struct arena *arena, const struct ledger_hash *leaves, size_t count);

/* Leaves begin..end-1, whose root is a step of a path. */
struct ledger_range {
	int64_t begin, end;
};
/* What the path from leaf index of a tree of size leaves to its root consists of, from below. */
size_t ledger_path_ranges(int64_t index, int64_t size, struct ledger_range ranges[LEDGER_LEVELS]);
/* The path itself, of a tree that is at hand. */
size_t ledger_path(struct arena *arena, const struct ledger_hash *leaves, size_t count,
		   size_t index, struct ledger_hash path[LEDGER_LEVELS]);
/* Where a path leads from this leaf. false: no path of such a leaf has this length. */
bool ledger_follow(const struct ledger_hash *leaf, int64_t index, int64_t size,
		   const struct ledger_hash *path, size_t length, struct ledger_hash *root);

/* What shows that a tree of from leaves is the beginning of one of to leaves, 1 <= from <= to: the
 * steps of a consistency proof, in their order. None when they are the same. */
#define LEDGER_CONSISTENCY_MAX (LEDGER_LEVELS + 1)
size_t ledger_consistency_ranges(int64_t from, int64_t to,
				 struct ledger_range ranges[LEDGER_CONSISTENCY_MAX]);
/* Does the proof lead to both roots? */
bool ledger_consistent(int64_t from, const struct ledger_hash *from_root, int64_t to,
		       const struct ledger_hash *to_root, const struct ledger_hash *proof,
		       size_t length);

/* A complete subtree, of 2^level leaves from index * 2^level on. It never changes. */
struct ledger_node {
	int level;
	int64_t index;
	struct ledger_hash hash;
};
/* The nodes that a range of a path consists of, or [0, size) of a tree; their hashes are not set.
 */
size_t ledger_range_nodes(struct ledger_range range, struct ledger_node nodes[LEDGER_LEVELS]);
/* The root over a range's nodes. */
struct ledger_hash ledger_join(const struct ledger_node *nodes, size_t count);

/* A tree that grows, known by the complete subtrees it consists of. Zeroed: an empty one. */
struct ledger_tree {
	int64_t size;
	struct ledger_hash complete[LEDGER_LEVELS]; /* [level], where size has that bit */
};
/* Adds a leaf. nodes: those that are complete now, the leaf itself first. */
size_t ledger_tree_add(struct ledger_tree *tree, const struct ledger_hash *leaf,
		       struct ledger_node nodes[LEDGER_LEVELS]);
struct ledger_hash ledger_tree_root(const struct ledger_tree *tree);

/* ---- what the leaves are -------------------------------------------------------------------- */

/* What anybody who may see the case may know of an event; the rest is in body, the hash of the
 * message as it was published. */
struct ledger_event {
	uint64_t number;
	uint32_t version;
	int64_t at_ms, deadline_ms;         /* deadline_ms: 0 when the event sets none */
	const char *kind, *status, *office; /* office: where it goes with this event, or "" */
	struct ledger_hash body;
};

/* Shares the event's texts. body: the event as it was published. */
struct ledger_event ledger_event(const Redress__CaseEvent *event, const void *body, size_t size);
struct ledger_hash ledger_event_leaf(const struct ledger_event *event);

/* The leaf of a row that is no event: of its bytes as PostgreSQL's binary COPY has them. */
struct ledger_hash ledger_row_leaf(const void *row, size_t size);

/*
 * A ledger's number: that of its partition for the events of cases.events, which are kind 0. Of the
 * record's other rows each kind has ledgers of its own (archival/rows.h).
 */
#define LEDGER_BOOKS_EACH 65536
static inline int32_t ledger_book(size_t kind, int32_t partition)
{
	return (int32_t)kind * LEDGER_BOOKS_EACH + partition;
}

struct ledger_entry {
	int32_t partition;                 /* the ledger's number */
	int64_t sequence;                  /* 1.. in its ledger: leaf sequence - 1 of the tree */
	int64_t first_offset, last_offset; /* of its topic */
	int64_t events;                    /* or other rows */
	struct ledger_hash root; /* over the events' leaves, in the order of their offsets */
};

struct ledger_hash ledger_entry_leaf(const struct ledger_entry *entry);

#endif
