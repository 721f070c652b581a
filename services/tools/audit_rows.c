/* The rows that are sealed as they are, and what hangs on them. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "audit_private.h"
#include "domain/case_number.h"
#include "util/log.h"

#define ROWS_BEYOND 100 /* looked at, when there are more rows than were sealed */

struct postgres_result *audit_ask(struct audit *audit, const char *sql,
				  const struct postgres_param *params, size_t count)
{
	struct err err;
	struct postgres_result *result;
	if (postgres_query(audit->postgres, sql, params, count, &result, &err))
		fatal("%s", err.text);
	return result;
}

int64_t audit_count(struct audit *audit, const char *sql)
{
	struct postgres_result *rows = audit_ask(audit, sql, NULL, 0);
	int64_t count = postgres_get_int(rows, 0, 0);
	postgres_result_free(&rows);
	return count;
}

const char *audit_number(int64_t number)
{
	static char text[CASE_NUMBER_TEXT_SIZE];
	case_number_format((uint64_t)number, text);
	return text;
}

void audit_complain(struct audit *audit, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	audit->faults++;
}

/* ---- images of rows ------------------------------------------------------------------------- */

static void add_column(struct buffer *image, const struct postgres_result *rows, size_t row,
		       int column)
{
	size_t size;
	const char *data = postgres_get_bytes(rows, row, column, &size);
	if (postgres_null(rows, row, column))
		copy_null(image);
	else
		copy_bytes(image, data, size);
}

void audit_image(struct buffer *image, const struct postgres_result *rows, size_t row, int first,
		 int columns)
{
	copy_row(image, (int16_t)columns);
	for (int i = 0; i < columns; i++)
		add_column(image, rows, row, first + i);
}

static const char *name_of(const char *names, int column)
{
	static char name[64];
	for (; column; column--)
		names = strchr(names, ',') + 2;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(names, ","), names);
	return name;
}

const char *audit_difference(const struct buffer *image, const struct postgres_result *rows,
			     size_t row, int first, const char *names)
{
	static struct buffer column;
	size_t at = 2;
	for (int i = 0; at < image->len; i++, at += column.len) {
		buffer_clear(&column);
		add_column(&column, rows, row, first + i);
		if (column.len > image->len - at ||
		    memcmp(column.data, image->data + at, column.len) != 0)
			return name_of(names, i);
	}
	return NULL;
}

/* ---- sealed rows ---------------------------------------------------------------------------- */

/* $1 partition, $2 to $3 offsets, $4 at most, $5 topic of dead letters. */
#define RANGE(partition, offset)                                                                   \
	" WHERE " partition " = $1 AND " offset " BETWEEN $2 AND $3 ORDER BY " offset " LIMIT $4"
#define SOURCE RANGE("source_partition", "source_offset")

#define GRIEVANCE_COLUMNS 18
#define EPOCH_COLUMNS     6
#define KEY_COLUMNS       5
#define DIGEST            15
static const char grievances_sql[] =
    "SELECT g.number, g.received_at, g.channel, g.sender, g.service_code, g.declared_language,"
    " g.lat, g.lon,"
    " g.area_code, g.receipt_hash, g.idempotency_key, g.fingerprint, g.sealed_text, "
    "g.sealed_contact,"
    " g.epoch, g.key_digest, g.source_partition, g.source_offset,"
    " e.id, e.started_at, e.text_for_classification, e.text_for_officer, "
    "e.contact_for_notification,"
    " e.contact_for_officer, k.number, k.epoch_id, k.text_key, k.contact_key,"
    " k.text_for_receipt, x.number"
    " FROM grievances g LEFT JOIN epochs e ON e.id = g.epoch"
    " LEFT JOIN case_keys k ON k.number = g.number LEFT JOIN erasures x ON x.number = g.number"
    " WHERE g.source_partition = $1 AND g.source_offset BETWEEN $2 AND $3"
    " ORDER BY g.source_offset LIMIT $4";

static const struct {
	const char *sql;
	int columns, offset; /* how many are sealed, and which one is the offset */
} sealed[] = {
    [SEALED_GRIEVANCES] = {grievances_sql, GRIEVANCE_COLUMNS, 17},
    [SEALED_REFUSALS] =
	{"SELECT source_partition, source_offset, number, at, command, actor, reason"
	 " FROM refusals" SOURCE,
	 7, 1},
    [SEALED_OUTCOMES] = {"SELECT number, event_version, recipient, source_partition, source_offset,"
			 " kind, channel, delivery, attempts, first_at, at, next_at, reason,"
			 " provider_id FROM notification_outcomes" SOURCE,
			 14, 4},
    [SEALED_DEAD] = {"SELECT dead_topic, partition, dead_offset, topic, source_offset, service,"
		     " reason, at, body FROM dead_letters" RANGE("dead_topic = $5 AND partition",
								 "dead_offset"),
		     9, 2},
};

/* A key that is there is the one that came with the grievance; one that is not was erased. */
static void check_key(struct audit *audit, const struct postgres_result *rows, size_t row)
{
	const int key = GRIEVANCE_COLUMNS + EPOCH_COLUMNS, erased = key + KEY_COLUMNS;
	const char *number = audit_number(postgres_get_int(rows, row, 0));
	struct ledger_hash sealed_digest, digest;
	bool is_erased = !postgres_null(rows, row, erased);
	if (postgres_null(rows, row, key)) {
		if (!is_erased)
			audit_complain(audit,
				       "case_keys: the key of %s is gone, and no erasure says why",
				       number);
		return;
	}
	if (is_erased)
		audit_complain(audit, "case_keys: the key of %s is there, though it was erased",
			       number);
	buffer_clear(&audit->image);
	audit_image(&audit->image, rows, row, key, KEY_COLUMNS);
	digest = row_leaf(&audit->image, 0);
	if (!postgres_get_exactly(rows, row, DIGEST, sealed_digest.bytes,
				  sizeof(sealed_digest.bytes)) ||
	    memcmp(sealed_digest.bytes, digest.bytes, sizeof(digest.bytes)) != 0)
		audit_complain(audit, "case_keys: the key of %s is another one", number);
}

static struct ledger_hash leaf_of(struct audit *audit, size_t kind,
				  const struct postgres_result *rows, size_t row)
{
	buffer_clear(&audit->image);
	audit_image(&audit->image, rows, row, 0, sealed[kind].columns);
	if (kind == SEALED_GRIEVANCES)
		audit_image(&audit->image, rows, row, GRIEVANCE_COLUMNS, EPOCH_COLUMNS);
	return row_leaf(&audit->image, 0);
}

void audit_sealed_rows(struct audit *audit, size_t kind, struct ledger_entry *entry,
		       int64_t reached)
{
	size_t shape = kind > SEALED_DEAD ? SEALED_DEAD : kind, count = 0;
	const struct postgres_param params[] = {
	    postgres_int4(audit->arena, entry->partition % LEDGER_BOOKS_EACH),
	    postgres_int8(audit->arena, reached), postgres_int8(audit->arena, entry->last_offset),
	    postgres_int8(audit->arena, entry->events + ROWS_BEYOND),
	    postgres_text(sealed_kinds[kind].topic)};
	struct postgres_result *rows =
	    audit_ask(audit, sealed[shape].sql, params, shape == SEALED_DEAD ? 5 : 4);
	size_t most = postgres_rows(rows);
	struct ledger_hash *leaves = arena_take(audit->arena, (most + 1) * sizeof(*leaves));
	for (size_t i = 0; i < most; i++) {
		int64_t offset = postgres_get_int(rows, i, sealed[shape].offset);
		if (offset < entry->first_offset) {
			audit_complain(audit,
				       "%s: a row of offset %" PRId64 " of %s was never sealed",
				       record_tables[sealed_kinds[kind].record].name, offset,
				       sealed_kinds[kind].topic);
			continue;
		}
		leaves[count++] = leaf_of(audit, shape, rows, i);
		if (kind == SEALED_GRIEVANCES)
			check_key(audit, rows, i);
	}
	postgres_result_free(&rows);
	entry->root = ledger_root(audit->arena, leaves, count);
	entry->events = (int64_t)count;
	audit->rows[kind] += (int64_t)count;
}

/* ---- what no entry accounts for ------------------------------------------------------------- */

/* Rows for which the record has no reason. */
static const struct {
	const char *sql, *what;
} strays[] = {
    {"SELECT count(*) FROM case_keys k WHERE NOT EXISTS"
     " (SELECT FROM grievances g WHERE g.number = k.number)",
     "case_keys: of no grievance"},
    {"SELECT count(*) FROM epochs e WHERE NOT EXISTS"
     " (SELECT FROM grievances g WHERE g.epoch = e.id)",
     "epochs: of no grievance"},
    {"SELECT count(*) FROM erasures x WHERE NOT EXISTS"
     " (SELECT FROM grievances g WHERE g.number = x.number)",
     "erasures: of no grievance"},
    {"SELECT count(*) FROM signatures s WHERE NOT EXISTS"
     " (SELECT FROM cases c WHERE c.number = s.number)",
     "signatures: of no case"},
    {"SELECT count(*) FROM (VALUES ('cases.events', 0), ('grievances.received', 1),"
     " ('cases.events', 2), ('notifications.outcomes', 3), ('grievances.received.dead', 4),"
     " ('cases.commands.dead', 5), ('cases.events.dead', 6), ('notifications.outcomes.dead', 7))"
     " AS k (topic, kind) JOIN (SELECT partition, max(last_offset) AS last FROM ledger"
     " GROUP BY partition) l ON l.partition / 65536 = k.kind LEFT JOIN offsets o"
     " ON o.topic = k.topic AND o.partition = l.partition % 65536"
     " WHERE o.next IS NULL OR o.next <= l.last",
     "offsets: missing or behind what was sealed"},
};

static void compare_counts(struct audit *audit)
{
	static const char *const counts[RECORDS] = {
	    [RECORD_EVENTS] = "SELECT count(*) FROM case_events",
	    [RECORD_GRIEVANCES] = "SELECT count(*) FROM grievances",
	    [RECORD_REFUSALS] = "SELECT count(*) FROM refusals",
	    [RECORD_OUTCOMES] = "SELECT count(*) FROM notification_outcomes",
	    [RECORD_DEAD] = "SELECT count(*) FROM dead_letters",
	};
	int64_t seen[RECORDS] = {0};
	for (size_t kind = 0; kind < SEALED_KINDS; kind++)
		seen[sealed_kinds[kind].record] += audit->rows[kind];
	for (size_t i = 0; i < RECORDS; i++) {
		int64_t there = counts[i] ? audit_count(audit, counts[i]) : 0;
		if (there != seen[i])
			audit_complain(
			    audit, "%s: there are %" PRId64 " rows, the ledger speaks of %" PRId64,
			    record_tables[i].name, there, seen[i]);
	}
}

void audit_strays(struct audit *audit)
{
	compare_counts(audit);
	for (size_t i = 0; i < sizeof(strays) / sizeof(*strays); i++) {
		long long count = audit_count(audit, strays[i].sql);
		if (count)
			audit_complain(audit, "%s: %lld", strays[i].what, count);
	}
}
