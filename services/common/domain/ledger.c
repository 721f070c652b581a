#include "domain/ledger.h"

#include <sodium.h>
#include <string.h>

#include "domain/case_state.h"
#include "domain/event_facts.h"
#include "util/text.h"

enum prefix { PREFIX_LEAF = 0, PREFIX_NODE = 1 };

static void hash_begin(crypto_generichash_state *state, enum prefix prefix)
{
	uint8_t byte = (uint8_t)prefix;
	crypto_generichash_init(state, NULL, 0, LEDGER_HASH_SIZE);
	crypto_generichash_update(state, &byte, 1);
}

static void hash_text(crypto_generichash_state *state, const char *text)
{
	crypto_generichash_update(state, (const uint8_t *)text, strlen(text) + 1);
}

static struct ledger_hash hash_end(crypto_generichash_state *state)
{
	struct ledger_hash hash;
	crypto_generichash_final(state, hash.bytes, sizeof(hash.bytes));
	return hash;
}

static struct ledger_hash node(const struct ledger_hash *left, const struct ledger_hash *right)
{
	crypto_generichash_state state;
	hash_begin(&state, PREFIX_NODE);
	crypto_generichash_update(&state, left->bytes, sizeof(left->bytes));
	crypto_generichash_update(&state, right->bytes, sizeof(right->bytes));
	return hash_end(&state);
}

/* ---- trees ---------------------------------------------------------------------------------- */

/* The left part of a tree is the largest power of two below its size: a level at a time, with a
 * last odd one moved up as it is, gives the same tree. */
struct ledger_hash ledger_root(struct arena *arena, const struct ledger_hash *leaves, size_t count)
{
	struct ledger_hash none;
	if (!count) {
		crypto_generichash(none.bytes, sizeof(none.bytes), NULL, 0, NULL, 0);
		return none;
	}
	struct ledger_hash *level = arena_copy(arena, leaves, count * sizeof(*leaves));
	for (; count > 1; count = (count + 1) / 2) {
		for (size_t i = 0; i + 1 < count; i += 2)
			level[i / 2] = node(&level[i], &level[i + 1]);
		if (count % 2)
			level[count / 2] = level[count - 1];
	}
	return level[0];
}

size_t ledger_path_ranges(int64_t index, int64_t size, struct ledger_range ranges[LEDGER_LEVELS])
{
	size_t count = 0;
	for (int level = 0; level < LEDGER_LEVELS && INT64_C(1) << level < size; level++) {
		int64_t begin = ((index >> level) ^ 1) << level;
		int64_t end = begin + (INT64_C(1) << level);
		if (begin < size)
			ranges[count++] = (struct ledger_range){begin, end < size ? end : size};
	}
	return count;
}

size_t ledger_path(struct arena *arena, const struct ledger_hash *leaves, size_t count,
		   size_t index, struct ledger_hash path[LEDGER_LEVELS])
{
	struct ledger_range ranges[LEDGER_LEVELS];
	size_t length = ledger_path_ranges((int64_t)index, (int64_t)count, ranges);
	for (size_t i = 0; i < length; i++)
		path[i] = ledger_root(arena, leaves + ranges[i].begin,
				      (size_t)(ranges[i].end - ranges[i].begin));
	return length;
}

/* RFC 9162 section 2.1.3.2, with its names. */
bool ledger_follow(const struct ledger_hash *leaf, int64_t index, int64_t size,
		   const struct ledger_hash *path, size_t length, struct ledger_hash *root)
{
	int64_t fn = index, sn = size - 1;
	struct ledger_hash r = *leaf;
	if (index < 0 || index >= size)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (sn == 0)
			return false;
		if (fn % 2 || fn == sn) {
			r = node(&path[i], &r);
			for (; fn && fn % 2 == 0; fn >>= 1)
				sn >>= 1;
		} else {
			r = node(&r, &path[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	*root = r;
	return sn == 0;
}

/* RFC 9162 section 2.1.4.1, from the top down: what is not on the way to the old tree's last leaf.
 */
size_t ledger_consistency_ranges(int64_t from, int64_t to,
				 struct ledger_range ranges[LEDGER_CONSISTENCY_MAX])
{
	struct ledger_range rest = {0, to};
	size_t count = 0;
	while (rest.end != from) {
		int64_t middle = 1;
		while (2 * middle < rest.end - rest.begin)
			middle *= 2;
		middle += rest.begin;
		if (from <= middle) {
			ranges[count++] = (struct ledger_range){middle, rest.end};
			rest.end = middle;
		} else {
			ranges[count++] = (struct ledger_range){rest.begin, middle};
			rest.begin = middle;
		}
	}
	/* the old root itself is known to who asks */
	if (rest.begin)
		ranges[count++] = rest;
	for (size_t i = 0; i < count / 2; i++) {
		struct ledger_range other = ranges[i];
		ranges[i] = ranges[count - 1 - i];
		ranges[count - 1 - i] = other;
	}
	return count;
}

/* RFC 9162 section 2.1.4.2, with its names. */
bool ledger_consistent(int64_t from, const struct ledger_hash *from_root, int64_t to,
		       const struct ledger_hash *to_root, const struct ledger_hash *proof,
		       size_t length)
{
	int64_t fn = from - 1, sn = to - 1;
	if (from < 1 || from > to)
		return false;
	if (from == to)
		return !length && memcmp(from_root, to_root, sizeof(*to_root)) == 0;
	for (; fn % 2; fn >>= 1)
		sn >>= 1;
	/* a complete tree's root is not repeated in the proof */
	bool complete = (from & (from - 1)) == 0;
	if (!complete && !length)
		return false;
	struct ledger_hash fr = complete ? *from_root : proof[0], sr = fr;
	for (size_t i = complete ? 0 : 1; i < length; i++) {
		if (sn == 0)
			return false;
		if (fn % 2 || fn == sn) {
			fr = node(&proof[i], &fr);
			sr = node(&proof[i], &sr);
			for (; fn && fn % 2 == 0; fn >>= 1)
				sn >>= 1;
		} else {
			sr = node(&sr, &proof[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && memcmp(&fr, from_root, sizeof(fr)) == 0 &&
	       memcmp(&sr, to_root, sizeof(sr)) == 0;
}

size_t ledger_range_nodes(struct ledger_range range, struct ledger_node nodes[LEDGER_LEVELS])
{
	size_t count = 0;
	for (int level = LEDGER_LEVELS - 1; level >= 0; level--) {
		if (!((range.end - range.begin) >> level & 1))
			continue;
		nodes[count++] = (struct ledger_node){level, range.begin >> level, {{0}}};
		range.begin += INT64_C(1) << level;
	}
	return count;
}

struct ledger_hash ledger_join(const struct ledger_node *nodes, size_t count)
{
	struct ledger_hash root = nodes[count - 1].hash;
	while (--count)
		root = node(&nodes[count - 1].hash, &root);
	return root;
}

size_t ledger_tree_add(struct ledger_tree *tree, const struct ledger_hash *leaf,
		       struct ledger_node nodes[LEDGER_LEVELS])
{
	int level = 0;
	nodes[0] = (struct ledger_node){0, tree->size, *leaf};
	for (; tree->size >> level & 1; level++)
		nodes[level + 1] =
		    (struct ledger_node){level + 1, tree->size >> (level + 1),
					 node(&tree->complete[level], &nodes[level].hash)};
	tree->complete[level] = nodes[level].hash;
	tree->size++;
	return (size_t)level + 1;
}

struct ledger_hash ledger_tree_root(const struct ledger_tree *tree)
{
	struct ledger_node nodes[LEDGER_LEVELS];
	size_t count = ledger_range_nodes((struct ledger_range){0, tree->size}, nodes);
	if (!count)
		return ledger_root(NULL, NULL, 0);
	for (size_t i = 0; i < count; i++)
		nodes[i].hash = tree->complete[nodes[i].level];
	return ledger_join(nodes, count);
}

/* ---- what the leaves are -------------------------------------------------------------------- */

struct ledger_event ledger_event(const Redress__CaseEvent *event, const void *body, size_t size)
{
	struct ledger_event shown = {event->number,       event->version,
				     event->at_ms,        event_deadline_ms(event),
				     event_kind(event),   case_status_name(event->status),
				     event_office(event), {{0}}};
	crypto_generichash(shown.body.bytes, sizeof(shown.body.bytes), body, size, NULL, 0);
	return shown;
}

struct ledger_hash ledger_event_leaf(const struct ledger_event *event)
{
	uint8_t facts[32];
	crypto_generichash_state state;
	text_put_be64(facts, event->number);
	text_put_be64(facts + 8, event->version);
	text_put_be64(facts + 16, (uint64_t)event->at_ms);
	text_put_be64(facts + 24, (uint64_t)event->deadline_ms);
	hash_begin(&state, PREFIX_LEAF);
	crypto_generichash_update(&state, facts, sizeof(facts));
	hash_text(&state, event->kind);
	hash_text(&state, event->status);
	hash_text(&state, event->office);
	crypto_generichash_update(&state, event->body.bytes, sizeof(event->body.bytes));
	return hash_end(&state);
}

struct ledger_hash ledger_row_leaf(const void *row, size_t size)
{
	crypto_generichash_state state;
	hash_begin(&state, PREFIX_LEAF);
	crypto_generichash_update(&state, row, size);
	return hash_end(&state);
}

struct ledger_hash ledger_entry_leaf(const struct ledger_entry *entry)
{
	uint8_t facts[40];
	crypto_generichash_state state;
	text_put_be64(facts, (uint64_t)entry->partition);
	text_put_be64(facts + 8, (uint64_t)entry->sequence);
	text_put_be64(facts + 16, (uint64_t)entry->first_offset);
	text_put_be64(facts + 24, (uint64_t)entry->last_offset);
	text_put_be64(facts + 32, (uint64_t)entry->events);
	hash_begin(&state, PREFIX_LEAF);
	crypto_generichash_update(&state, facts, sizeof(facts));
	crypto_generichash_update(&state, entry->root.bytes, sizeof(entry->root.bytes));
	return hash_end(&state);
}
