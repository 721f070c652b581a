#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "domain/case_number.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/text.h"

/* A file that is not what it should be. */
static void refuse(const char *file, const char *why) __attribute__((noreturn));
static void refuse(const char *file, const char *why)
{
	fprintf(stderr, "redress-audit: %s: %s\n", file, why);
	exit(2);
}

static json_t *read_json(const char *file)
{
	json_error_t error;
	char where[200];
	json_t *json = json_load_file(file, JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		snprintf(where, sizeof(where), "line %d: %.150s", error.line, error.text);
		refuse(file, where);
	}
	return json;
}

static bool read_hash(const json_t *text, struct ledger_hash *hash)
{
	return json_is_string(text) &&
	       !text_unhex(hash->bytes, sizeof(hash->bytes), json_string_value(text));
}

static bool read_head(json_t *object, struct audit_head *head)
{
	json_int_t partition, size;
	json_t *root;
	if (json_unpack(object, "{s:I, s:I, s:o}", "partition", &partition, "size", &size, "root",
			&root) ||
	    partition < 0 || partition > INT32_MAX)
		return false;
	*head = (struct audit_head){.partition = (int32_t)partition, .size = size};
	return read_hash(root, &head->root);
}

size_t audit_read_heads(const char *file, struct audit_head **heads)
{
	json_t *json = read_json(file), *list = json_object_get(json, "partitions");
	size_t count = json_array_size(list);
	*heads = x_calloc(count + 1, sizeof(**heads));
	if (!json_is_array(list))
		refuse(file, "has no list \"partitions\": is it what GET /v1/ledger/head gave?");
	for (size_t i = 0; i < count; i++) {
		if (!read_head(json_array_get(list, i), &(*heads)[i]))
			refuse(file, "holds a head without partition, size or root");
	}
	json_decref(json);
	return count;
}

/* ---- a proof -------------------------------------------------------------------------------- */

struct proof {
	const char *file;
	uint64_t number;
	struct audit_head head;
	int64_t faults;
};

static size_t read_path(struct proof *proof, const json_t *list, struct ledger_hash *path)
{
	size_t count = json_array_size(list);
	if (!json_is_array(list) || count > LEDGER_LEVELS)
		refuse(proof->file, "holds something that is no path");
	for (size_t i = 0; i < count; i++) {
		if (!read_hash(json_array_get(list, i), &path[i]))
			refuse(proof->file, "holds a path with something that is no hash");
	}
	return count;
}

/* From the event's facts up to the root of its partition's tree. */
static bool leads_to_head(struct proof *proof, const struct ledger_event *event, json_t *object)
{
	struct ledger_hash path[LEDGER_LEVELS], top;
	struct ledger_entry entry = {.partition = proof->head.partition};
	json_int_t leaf, sequence, first, last, events;
	json_t *low, *high;
	if (json_unpack(object, "{s:I, s:o, s:{s:I, s:I, s:I, s:I, s:o}}", "leaf", &leaf, "path",
			&low, "entry", "sequence", &sequence, "first_offset", &first, "last_offset",
			&last, "events", &events, "path", &high))
		refuse(proof->file, "holds an event without its leaf, path or entry");
	entry.sequence = sequence;
	entry.first_offset = first;
	entry.last_offset = last;
	entry.events = events;
	struct ledger_hash hash = ledger_event_leaf(event);
	if (!ledger_follow(&hash, leaf, events, path, read_path(proof, low, path), &entry.root))
		return false;
	hash = ledger_entry_leaf(&entry);
	return ledger_follow(&hash, sequence - 1, proof->head.size, path,
			     read_path(proof, high, path), &top) &&
	       memcmp(&top, &proof->head.root, sizeof(top)) == 0;
}

static void check_event(struct proof *proof, json_t *object, int64_t expected)
{
	char at[CLOCK_RFC3339_SIZE];
	struct ledger_event event = {.number = proof->number};
	json_int_t version, at_ms, deadline_ms;
	json_t *body;
	if (json_unpack(object, "{s:I, s:I, s:I, s:s, s:s, s:s, s:o}", "version", &version, "at_ms",
			&at_ms, "deadline_ms", &deadline_ms, "kind", &event.kind, "status",
			&event.status, "office", &event.office, "body_hash", &body) ||
	    !read_hash(body, &event.body))
		refuse(proof->file,
		       "holds an event without version, at_ms, deadline_ms, kind, status, "
		       "office or body_hash");
	event.version = (uint32_t)version;
	event.at_ms = at_ms;
	event.deadline_ms = deadline_ms;
	bool follows = version == expected, holds = leads_to_head(proof, &event, object);
	proof->faults += !follows + !holds;
	printf("%4" PRId64 "  %s  %-10s %-12s %s  %s\n", (int64_t)version, clock_rfc3339(at_ms, at),
	       event.kind, event.status, event.office, holds ? "proven" : "NOT what was sealed");
	if (!follows)
		printf("      an event is missing before this one\n");
}

static void compare_with_kept(struct proof *proof, const struct audit_head *kept, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (kept[i].partition != proof->head.partition)
			continue;
		if (kept[i].size != proof->head.size) {
			printf("the head that was kept is of %" PRId64
			       " entries, the proof of %" PRId64
			       ": ask for the proof with ?size=%" PRId64 "\n",
			       kept[i].size, proof->head.size, kept[i].size);
			proof->faults++;
		} else if (memcmp(&kept[i].root, &proof->head.root, sizeof(kept[i].root)) != 0) {
			printf("the head of the proof is NOT the one that was kept\n");
			proof->faults++;
		} else {
			printf("the head is the one that was kept\n");
		}
		return;
	}
	if (count) {
		printf("no head of partition %d was kept\n", proof->head.partition);
		proof->faults++;
	}
}

int64_t audit_proof(const char *file, const struct audit_head *kept, size_t count)
{
	struct proof proof = {.file = file};
	char hex[2 * LEDGER_HASH_SIZE + 1];
	json_t *json = read_json(file), *events = json_object_get(json, "events"), *event;
	const char *number = json_string_value(json_object_get(json, "case_number"));
	size_t index;
	if (!number || !case_number_parse(number, &proof.number))
		refuse(file, "has no case_number");
	if (!read_head(json_object_get(json, "ledger"), &proof.head))
		refuse(file, "has no ledger with partition, size and root");
	if (!json_array_size(events))
		refuse(file, "has no events");
	printf("case %s\n", number);
	json_array_foreach(events, index, event) check_event(&proof, event, (int64_t)index + 1);
	text_hex(hex, proof.head.root.bytes, sizeof(proof.head.root.bytes));
	printf("partition %d, %" PRId64 " entries, head %s\n", proof.head.partition,
	       proof.head.size, hex);
	compare_with_kept(&proof, kept, count);
	printf("%s\n", proof.faults ? "the proof does NOT hold" : "the proof holds");
	json_decref(json);
	return proof.faults;
}
