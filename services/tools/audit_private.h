/* What the parts of "redress-audit verify" share. */
#ifndef TOOLS_AUDIT_PRIVATE_H
#define TOOLS_AUDIT_PRIVATE_H

#include "audit.h"
#include "domain/ledger.h"
#include "rows.h"
#include "util/arena.h"
#include "util/buffer.h"

struct audit {
	struct postgres *postgres;
	struct arena *arena; /* of a page */
	const struct audit_kept *kept;
	struct buffer image; /* of a row as it should be */
	int64_t rows[SEALED_KINDS], entries, faults;
};

/* Ends the process when PostgreSQL does not answer. */
struct postgres_result *audit_ask(struct audit *audit, const char *sql,
				  const struct postgres_param *params, size_t count);
/* One number. */
int64_t audit_count(struct audit *audit, const char *sql);
/* As it is written; valid until the next call. */
const char *audit_number(int64_t number);
/* Prints a line and counts a fault. */
void audit_complain(struct audit *audit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * The row's columns from first on as binary COPY would have them; they are added to the image. An
 * image is what a leaf of the ledger is made of.
 */
void audit_image(struct buffer *image, const struct postgres_result *rows, size_t row, int first,
		 int columns);
/*
 * Is the row what the image says? Otherwise the name of the first column that differs, out of the
 * list of names: valid until the next call. NULL: it is the same.
 */
const char *audit_difference(const struct buffer *image, const struct postgres_result *rows,
			     size_t row, int first, const char *names);

/*
 * An entry's rows as they are now, of another kind than events, with those that are between it and
 * the one before it: the entry's root and count are set.
 */
void audit_sealed_rows(struct audit *audit, size_t kind, struct ledger_entry *entry,
		       int64_t reached);
/* Rows of other tables that the sealed ones do not account for. */
void audit_strays(struct audit *audit);
/* Folds the events again: cases, signatures and counters must be what comes of them. */
void audit_derived(struct audit *audit);

#endif
