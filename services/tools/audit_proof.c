#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit_read.h"
#include "domain/case_number.h"
#include "util/clock.h"
#include "util/visible_text.h"

struct proof {
	const char *file;
	uint64_t number;
	struct ledger_head head;
	int64_t faults;
};

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
		audit_refuse(proof->file, "holds an event without its leaf, path or entry");
	entry.sequence = sequence;
	entry.first_offset = first;
	entry.last_offset = last;
	entry.events = events;
	struct ledger_hash hash = ledger_event_leaf(event);
	if (!ledger_follow(&hash, leaf, events, path,
			   audit_read_path(proof->file, low, path, LEDGER_LEVELS), &entry.root))
		return false;
	hash = ledger_entry_leaf(&entry);
	return ledger_follow(&hash, sequence - 1, proof->head.size, path,
			     audit_read_path(proof->file, high, path, LEDGER_LEVELS), &top) &&
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
	    !audit_read_hash(body, &event.body))
		audit_refuse(proof->file,
			     "holds an event without version, at_ms, deadline_ms, kind, status, "
			     "office or body_hash");
	event.version = (uint32_t)version;
	event.at_ms = at_ms;
	event.deadline_ms = deadline_ms;
	bool follows = version == expected, holds = leads_to_head(proof, &event, object);
	proof->faults += !follows + !holds;
	visible_printf(stdout, "%4" PRId64 "  %s  %-10s %-12s %s  %s\n", (int64_t)version,
		       clock_rfc3339(at_ms, at), event.kind, event.status, event.office,
		       holds ? "proven" : "NOT what was sealed");
	if (!follows)
		printf("      an event is missing before this one\n");
}

static void compare_with_kept(struct proof *proof, const struct audit_kept *kept)
{
	enum audit_known known = audit_compare(kept, &proof->head);
	if (!kept->count)
		return;
	if (known == AUDIT_KEPT)
		printf("the head is the one that was kept\n");
	else if (known == AUDIT_OTHER)
		printf("the head of the proof is NOT the one that was kept\n");
	else
		printf("no head of partition %d with %" PRId64 " entries was kept: ask for the"
		       " proof with ?size=N, N being the size of the one that was kept\n",
		       proof->head.partition, proof->head.size);
	proof->faults += known != AUDIT_KEPT;
}

int64_t audit_proof(const char *file, json_t *json, const struct audit_kept *kept)
{
	struct proof proof = {.file = file};
	json_t *events = json_object_get(json, "events"), *event;
	const char *number = json_string_value(json_object_get(json, "case_number"));
	size_t index;
	if (!number || !case_number_parse(number, &proof.number))
		audit_refuse(file, "has no case_number");
	if (!audit_read_head(json_object_get(json, "ledger"), &proof.head))
		audit_refuse(file, "has no ledger with partition, size, at_ms and root");
	if (!json_array_size(events))
		audit_refuse(file, "has no events");
	visible_printf(stdout, "case %s\n", number);
	json_array_foreach(events, index, event) check_event(&proof, event, (int64_t)index + 1);
	audit_print_head("", &proof.head);
	const char *fault = audit_signature_fault(kept, &proof.head);
	if (fault)
		visible_printf(stdout, "the head %s\n", fault);
	proof.faults += fault != NULL;
	compare_with_kept(&proof, kept);
	printf("%s\n", proof.faults ? "the proof does NOT hold" : "the proof holds");
	return proof.faults;
}
