/*
 * NAME      redress-audit - prove that the record was not altered
 * SYNOPSIS  redress-audit [--config FILE] verify [HEADS]
 *           redress-audit check PROOF [HEADS]
 *
 * verify recomputes the ledger from the events that are in the record: every event's facts and
 * hash, every entry, every tree; looks for events that are in no entry; and, given heads that were
 * kept (GET /v1/ledger/head), whether they are still heads of these trees. For who has the
 * database.
 *
 * check does the same for one case and needs nothing but the proof that the portal gives to who has
 * the receipt (GET /v1/cases/NUMBER/proof) and, better, heads that were kept. For everybody.
 *
 * Both print what does not agree and end with 1, or with 0 when everything does.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "command_line.h"
#include "util/log.h"

static const char usage[] =
    "usage: redress-audit [--config FILE] verify [HEADS]   recomputes the ledger from the record\n"
    "       redress-audit check PROOF [HEADS]              checks a proof that the portal gave\n"
    "HEADS is what GET /v1/ledger/head gave at an earlier time.\n";

static int64_t verify(const struct settings *settings, const struct audit_head *heads, size_t count)
{
	struct err err;
	struct postgres *postgres = postgres_new(settings, "redress-audit");
	/* one moment of the record, however long this takes */
	if (postgres_exec(postgres, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", &err))
		fatal("%s", err.text);
	int64_t faults = audit_record(postgres, heads, count);
	postgres_free(&postgres);
	return faults;
}

/* check needs no settings, so that it runs where there is no system. */
static int64_t run(int argc, char **argv)
{
	static const struct setting *const tables[] = {postgres_settings, NULL};
	struct audit_head *heads = NULL;
	size_t count = 0;
	int first;
	int64_t faults;
	if (argc >= 3 && argc <= 4 && strcmp(argv[1], "check") == 0) {
		if (argc == 4)
			count = audit_read_heads(argv[3], &heads);
		faults = audit_proof(argv[2], heads, count);
	} else {
		struct settings *settings = command_line(argc, argv, usage, tables, &first);
		int words = argc - first;
		if (words < 1 || words > 2 || strcmp(argv[first], "verify") != 0) {
			fprintf(stderr, "%s", usage);
			exit(2);
		}
		if (words == 2)
			count = audit_read_heads(argv[first + 1], &heads);
		faults = verify(settings, heads, count);
		settings_free(&settings);
	}
	free(heads);
	return faults;
}

int main(int argc, char **argv)
{
	log_setup("audit", LOG_LEVEL_INFO, false);
	if (sodium_init() < 0)
		fatal("libsodium cannot be used here");
	return run(argc, argv) ? 1 : 0;
}
