#include <inttypes.h>
#include <stdio.h>

#include "audit_read.h"

/* How many of the two heads disagree with what was kept, or 1 when neither was kept. */
static int64_t compare_both(const struct audit_kept *kept, const struct ledger_head *from,
			    const struct ledger_head *to)
{
	static const char *const words[] = {[AUDIT_NOT_KEPT] = "was not kept",
					    [AUDIT_KEPT] = "is the one that was kept",
					    [AUDIT_OTHER] = "is NOT the one that was kept"};
	enum audit_known first = audit_compare(kept, from), last = audit_compare(kept, to);
	if (!kept->count)
		return 0;
	printf("the earlier head %s, the later one %s\n", words[first], words[last]);
	if (first == AUDIT_NOT_KEPT && last == AUDIT_NOT_KEPT)
		return 1;
	return (first == AUDIT_OTHER) + (last == AUDIT_OTHER);
}

static int64_t check_signature(const char *which, const struct audit_kept *kept,
			       const struct ledger_head *head)
{
	const char *fault = audit_signature_fault(kept, head);
	if (fault)
		printf("the %s head %s\n", which, fault);
	return fault != NULL;
}

int64_t audit_consistency(const char *file, json_t *json, const struct audit_kept *kept)
{
	struct ledger_head from, to;
	struct ledger_hash path[LEDGER_CONSISTENCY_MAX];
	if (!audit_read_head(json_object_get(json, "from"), &from) ||
	    !audit_read_head(json_object_get(json, "to"), &to))
		audit_refuse(file, "has no heads from and to with partition, size, at_ms and root");
	size_t length =
	    audit_read_path(file, json_object_get(json, "path"), path, LEDGER_CONSISTENCY_MAX);
	audit_print_head("from: ", &from);
	audit_print_head("to:   ", &to);
	int64_t faults =
	    check_signature("earlier", kept, &from) + check_signature("later", kept, &to);
	bool holds = from.partition == to.partition &&
		     ledger_consistent(from.size, &from.root, to.size, &to.root, path, length);
	faults += compare_both(kept, &from, &to) + !holds;
	printf("%s\n", !holds   ? "the later ledger is NOT the earlier one with more entries"
		       : faults ? "the proof does NOT hold"
				: "the proof holds: nothing was changed, only entries were added");
	return faults;
}
