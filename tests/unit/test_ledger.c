/* The ledger's trees against the definitions of RFC 9162 section 2.1, written down recursively. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>
#include <string.h>

#include "domain/ledger_head.h"
#include "util/text.h"
#include "with_arena.h"

#define SIZES 70

static struct ledger_hash leaves[SIZES];

static struct ledger_hash hash_of(const void *data, size_t size)
{
	struct ledger_hash hash;
	crypto_generichash(hash.bytes, sizeof(hash.bytes), data, size, NULL, 0);
	return hash;
}

static struct ledger_hash pair(struct ledger_hash left, struct ledger_hash right)
{
	uint8_t data[65] = {1};
	memcpy(data + 1, left.bytes, 32);
	memcpy(data + 33, right.bytes, 32);
	return hash_of(data, sizeof(data));
}

/* MTH of section 2.1.1, of leaves that are hashes already. */
static struct ledger_hash mth(const struct ledger_hash *d, size_t n)
{
	size_t k = 1;
	if (n == 1)
		return d[0];
	while (2 * k < n)
		k *= 2;
	return pair(mth(d, k), mth(d + k, n - k));
}

/* PATH of section 2.1.3.1. */
static size_t path_of(size_t m, const struct ledger_hash *d, size_t n, struct ledger_hash *path)
{
	size_t k = 1, count;
	if (n == 1)
		return 0;
	while (2 * k < n)
		k *= 2;
	if (m < k) {
		count = path_of(m, d, k, path);
		path[count] = mth(d + k, n - k);
	} else {
		count = path_of(m - k, d + k, n - k, path);
		path[count] = mth(d, k);
	}
	return count + 1;
}

static void assert_same(struct ledger_hash a, struct ledger_hash b)
{
	assert_memory_equal(a.bytes, b.bytes, sizeof(a.bytes));
}

static int make_leaves(void **state)
{
	for (uint8_t i = 0; i < SIZES; i++)
		leaves[i] = hash_of(&i, 1);
	return sodium_init() < 0 ? -1 : with_arena(state);
}

static void test_roots(void **state)
{
	(void)state;
	assert_same(ledger_root(arena, NULL, 0), hash_of("", 0));
	for (size_t n = 1; n < SIZES; n++)
		assert_same(ledger_root(arena, leaves, n), mth(leaves, n));
}

static void test_a_growing_tree_has_the_same_roots(void **state)
{
	(void)state;
	struct ledger_tree tree = {0};
	struct ledger_node nodes[LEDGER_LEVELS];
	assert_same(ledger_tree_root(&tree), ledger_root(arena, NULL, 0));
	for (size_t n = 1; n < SIZES; n++) {
		ledger_tree_add(&tree, &leaves[n - 1], nodes);
		assert_int_equal(tree.size, n);
		assert_same(ledger_tree_root(&tree), mth(leaves, n));
	}
}

static void test_paths_lead_from_every_leaf_to_the_root(void **state)
{
	(void)state;
	struct ledger_hash path[LEDGER_LEVELS], expected[LEDGER_LEVELS], root;
	for (size_t n = 1; n < SIZES; n++) {
		for (size_t m = 0; m < n; m++) {
			size_t length = ledger_path(arena, leaves, n, m, path);
			assert_int_equal(length, path_of(m, leaves, n, expected));
			assert_memory_equal(path, expected, length * sizeof(*path));
			assert_true(
			    ledger_follow(&leaves[m], (int64_t)m, (int64_t)n, path, length, &root));
			assert_same(root, mth(leaves, n));
		}
	}
}

static void test_wrong_paths_lead_elsewhere(void **state)
{
	(void)state;
	struct ledger_hash path[LEDGER_LEVELS + 1] = {{{0}}}, root, right = mth(leaves, 21);
	size_t length = ledger_path(arena, leaves, 21, 13, path);
	assert_false(ledger_follow(&leaves[13], 13, 21, path, length - 1, &root));
	assert_false(ledger_follow(&leaves[13], 13, 21, path, length + 1, &root));
	assert_false(ledger_follow(&leaves[13], -1, 21, path, length, &root));
	assert_false(ledger_follow(&leaves[13], 21, 21, path, length, &root));
	assert_false(ledger_follow(&leaves[13], 0, 0, path, 0, &root));
	assert_true(ledger_follow(&leaves[12], 13, 21, path, length, &root));
	assert_memory_not_equal(&root, &right, sizeof(root));
	assert_true(ledger_follow(&leaves[13], 12, 21, path, length, &root));
	assert_memory_not_equal(&root, &right, sizeof(root));
	path[2].bytes[5] ^= 1;
	assert_true(ledger_follow(&leaves[13], 13, 21, path, length, &root));
	assert_memory_not_equal(&root, &right, sizeof(root));
}

/* As the portal does it: from the nodes that were complete when entries were added. */
static void test_paths_from_stored_nodes(void **state)
{
	static struct ledger_hash stored[8][SIZES];
	struct ledger_tree tree = {0};
	struct ledger_node nodes[LEDGER_LEVELS];
	struct ledger_range ranges[LEDGER_LEVELS];
	struct ledger_hash expected[LEDGER_LEVELS];
	(void)state;
	for (size_t n = 1; n < SIZES; n++) {
		size_t made = ledger_tree_add(&tree, &leaves[n - 1], nodes);
		for (size_t i = 0; i < made; i++)
			stored[nodes[i].level][nodes[i].index] = nodes[i].hash;
		for (size_t m = 0; m < n; m++) {
			size_t length = ledger_path_ranges((int64_t)m, (int64_t)n, ranges);
			assert_int_equal(length, path_of(m, leaves, n, expected));
			for (size_t i = 0; i < length; i++) {
				size_t parts = ledger_range_nodes(ranges[i], nodes);
				for (size_t j = 0; j < parts; j++)
					nodes[j].hash = stored[nodes[j].level][nodes[j].index];
				assert_same(ledger_join(nodes, parts), expected[i]);
			}
		}
	}
}

/* SUBPROOF of section 2.1.4.1. */
static size_t subproof(size_t m, const struct ledger_hash *d, size_t n, bool whole,
		       struct ledger_hash *proof)
{
	size_t k = 1, length;
	if (m == n) {
		proof[0] = mth(d, n);
		return whole ? 0 : 1;
	}
	while (2 * k < n)
		k *= 2;
	if (m <= k) {
		length = subproof(m, d, k, whole, proof);
		proof[length] = mth(d + k, n - k);
	} else {
		length = subproof(m - k, d + k, n - k, false, proof);
		proof[length] = mth(d, k);
	}
	return length + 1;
}

static void test_every_tree_is_the_beginning_of_every_larger_one(void **state)
{
	(void)state;
	for (size_t n = 1; n < SIZES; n++) {
		for (size_t m = 1; m <= n; m++) {
			struct ledger_range ranges[LEDGER_CONSISTENCY_MAX];
			struct ledger_hash proof[LEDGER_CONSISTENCY_MAX],
			    expected[LEDGER_CONSISTENCY_MAX];
			struct ledger_hash old = mth(leaves, m), new = mth(leaves, n);
			size_t length = ledger_consistency_ranges((int64_t)m, (int64_t)n, ranges);
			assert_int_equal(length, subproof(m, leaves, n, true, expected));
			for (size_t i = 0; i < length; i++) {
				size_t size = (size_t)(ranges[i].end - ranges[i].begin);
				proof[i] = mth(leaves + ranges[i].begin, size);
				assert_same(proof[i], expected[i]);
			}
			assert_true(
			    ledger_consistent((int64_t)m, &old, (int64_t)n, &new, proof, length));
		}
	}
}

static void test_no_other_tree_is_its_beginning(void **state)
{
	(void)state;
	for (size_t n = 2; n < 24; n++) {
		for (size_t m = 1; m < n; m++) {
			struct ledger_hash proof[LEDGER_CONSISTENCY_MAX + 1] = {{{0}}};
			struct ledger_hash old = mth(leaves, m), new = mth(leaves, n), bad;
			int64_t from = (int64_t)m, to = (int64_t)n;
			size_t length = subproof(m, leaves, n, true, proof);
			assert_true(ledger_consistent(from, &old, to, &new, proof, length));
			bad = old;
			bad.bytes[31] ^= 1;
			assert_false(ledger_consistent(from, &bad, to, &new, proof, length));
			bad = new;
			bad.bytes[0] ^= 1;
			assert_false(ledger_consistent(from, &old, to, &bad, proof, length));
			assert_false(ledger_consistent(from, &old, to, &new, proof, length - 1));
			assert_false(ledger_consistent(from, &old, to, &new, proof, length + 1));
			for (size_t i = 0; i < length; i++) {
				proof[i].bytes[7] ^= 1;
				assert_false(
				    ledger_consistent(from, &old, to, &new, proof, length));
				proof[i].bytes[7] ^= 1;
			}
		}
	}
	struct ledger_hash one = mth(leaves, 5), other = mth(leaves, 4);
	assert_true(ledger_consistent(5, &one, 5, &one, NULL, 0));
	assert_false(ledger_consistent(5, &one, 5, &other, NULL, 0));
	assert_false(ledger_consistent(5, &one, 4, &other, NULL, 0));
	assert_false(ledger_consistent(0, &one, 4, &other, NULL, 0));
}

static void test_every_fact_of_an_event_counts(void **state)
{
	const struct ledger_event event = {5,          1,          1000,    2000,
					   "assigned", "assigned", "north", leaves[0]};
	struct ledger_event others[] = {event, event, event, event, event,
					event, event, event, event};
	struct ledger_hash leaf = ledger_event_leaf(&event), other;
	(void)state;
	others[1].number++;
	others[2].version++;
	others[3].at_ms++;
	others[4].deadline_ms++;
	others[5].kind = "closed";
	others[6].status = "closed";
	others[7].office = "south";
	others[8].body = leaves[1];
	assert_same(leaf, ledger_event_leaf(&others[0]));
	for (size_t i = 1; i < 9; i++) {
		other = ledger_event_leaf(&others[i]);
		assert_memory_not_equal(&leaf, &other, sizeof(leaf));
	}
}

static void test_every_fact_of_an_entry_counts(void **state)
{
	const struct ledger_entry entry = {1, 2, 3, 4, 5, leaves[0]};
	struct ledger_entry others[] = {entry, entry, entry, entry, entry, entry};
	struct ledger_hash leaf = ledger_entry_leaf(&entry), other;
	(void)state;
	others[0].partition++;
	others[1].sequence++;
	others[2].first_offset++;
	others[3].last_offset++;
	others[4].events++;
	others[5].root = leaves[1];
	for (size_t i = 0; i < 6; i++) {
		other = ledger_entry_leaf(&others[i]);
		assert_memory_not_equal(&leaf, &other, sizeof(leaf));
	}
}

static void test_what_an_event_shows(void **state)
{
	Redress__CaseEvent event = REDRESS__CASE_EVENT__INIT;
	Redress__Assigned assigned = REDRESS__ASSIGNED__INIT;
	Redress__Reopened reopened = REDRESS__REOPENED__INIT;
	(void)state;
	event.number = 7;
	event.version = 2;
	event.at_ms = 50;
	event.status = REDRESS__STATUS__ASSIGNED;
	event.body_case = REDRESS__CASE_EVENT__BODY_ASSIGNED;
	event.assigned = &assigned;
	assigned.office = (char *)(uintptr_t) "north";
	assigned.deadline_ms = 99;
	struct ledger_event shown = ledger_event(&event, "abc", 3);
	assert_int_equal(shown.number, 7);
	assert_int_equal(shown.version, 2);
	assert_int_equal(shown.at_ms, 50);
	assert_int_equal(shown.deadline_ms, 99);
	assert_string_equal(shown.kind, "assigned");
	assert_string_equal(shown.status, "assigned");
	assert_string_equal(shown.office, "north");
	assert_same(shown.body, hash_of("abc", 3));
	event.body_case = REDRESS__CASE_EVENT__BODY_REOPENED;
	event.reopened = &reopened;
	reopened.deadline_ms = 77;
	shown = ledger_event(&event, "", 0);
	assert_string_equal(shown.office, "");
	assert_int_equal(shown.deadline_ms, 77);
}

/* Key and signature are what PyNaCl makes of these bytes. */
static void test_a_head_is_signed_as_the_page_says(void **state)
{
	static const char key[] =
	    "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
	static const char signature[] =
	    "ae0ef307ff3a49c80e918f7f2218c06a26354d0319976ddd1dd0c73471f70058"
	    "b49df9d58e0779b933b6746f289d60454372f888208e34f090acb1e69d78c30a";
	uint8_t seed[LEDGER_KEY_SIZE];
	char hex[2 * LEDGER_SIGNATURE_SIZE + 1];
	struct ledger_signer signer;
	struct ledger_head head = {.partition = 3, .size = 41, .at_ms = 1772445600123};
	(void)state;
	for (uint8_t i = 0; i < 32; i++) {
		seed[i] = i;
		head.root.bytes[i] = (uint8_t)(100 + i);
	}
	ledger_signer_init(&signer, seed);
	assert_false(ledger_head_holds(&head));
	ledger_head_sign(&head, &signer);
	text_hex(hex, head.key, sizeof(head.key));
	assert_string_equal(hex, key);
	text_hex(hex, head.signature, sizeof(head.signature));
	assert_string_equal(hex, signature);
	assert_true(ledger_head_holds(&head));
}

static void test_a_signature_holds_for_one_head_and_key(void **state)
{
	struct ledger_signer signer, other;
	struct ledger_head head = {.partition = 3, .size = 41, .at_ms = 7, .root = leaves[1]};
	(void)state;
	ledger_signer_init(&signer, leaves[2].bytes);
	ledger_signer_init(&other, leaves[3].bytes);
	ledger_head_sign(&head, &signer);
	struct ledger_head others[] = {head, head, head, head, head, head, head, head};
	others[1].partition++;
	others[2].size++;
	others[3].at_ms++;
	others[4].root = leaves[4];
	memcpy(others[5].key, other.public, sizeof(other.public));
	others[6].signature[63] ^= 1;
	others[7].is_signed = false;
	assert_true(ledger_head_holds(&others[0]));
	for (size_t i = 1; i < 8; i++)
		assert_false(ledger_head_holds(&others[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_roots),
	    cmocka_unit_test(test_a_growing_tree_has_the_same_roots),
	    cmocka_unit_test(test_paths_lead_from_every_leaf_to_the_root),
	    cmocka_unit_test(test_wrong_paths_lead_elsewhere),
	    cmocka_unit_test(test_paths_from_stored_nodes),
	    cmocka_unit_test(test_every_tree_is_the_beginning_of_every_larger_one),
	    cmocka_unit_test(test_no_other_tree_is_its_beginning),
	    cmocka_unit_test(test_every_fact_of_an_event_counts),
	    cmocka_unit_test(test_every_fact_of_an_entry_counts),
	    cmocka_unit_test(test_what_an_event_shows),
	    cmocka_unit_test(test_a_head_is_signed_as_the_page_says),
	    cmocka_unit_test(test_a_signature_holds_for_one_head_and_key),
	};
	return cmocka_run_group_tests(tests, make_leaves, drop_arena);
}
