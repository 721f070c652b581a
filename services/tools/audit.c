/*
 * NAME      redress-audit - prove that the record was not altered
 * SYNOPSIS  redress-audit [--key FILE]... [--config FILE] verify [HEADS...]
 *           redress-audit [--key FILE]... check PROOF [HEADS...]
 *
 * verify recomputes the ledger from the events that are in the record: every event's facts and
 * hash, every entry, every tree; looks for events that are in no entry; and, given heads that were
 * kept (GET /v1/ledger/head), whether they are still heads of these trees. For who has the
 * database.
 *
 * check needs nothing but what the portal gives, and is for everybody: the proof of a case to who
 * has the receipt (GET /v1/cases/NUMBER/proof), or the proof that an earlier head is the beginning
 * of a later one (GET /v1/ledger/consistency). Better with heads that were kept.
 *
 * With --key, the public key with which archival signs (ledger.pub of redress-keys, and those that
 * were used before it), every head must be signed by its owner.
 *
 * Both print what does not agree and end with 1, or with 0 when everything does.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "audit_read.h"
#include "util/log.h"
#include "util/program.h"

static int64_t verify(const struct settings *settings, const struct audit_kept *kept)
{
	struct err err;
	struct postgres *postgres = postgres_new_bulk(settings, "redress-audit");
	/* one moment of the record, however long this takes */
	if (postgres_exec(postgres, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", &err))
		fatal("%s", err.text);
	int64_t faults = audit_record(postgres, kept);
	postgres_free(&postgres);
	return faults;
}

static int64_t check(const char *file, const struct audit_kept *kept)
{
	json_t *json = audit_read_json(file);
	int64_t faults = json_object_get(json, "from") ? audit_consistency(file, json, kept)
						       : audit_proof(file, json, kept);
	json_decref(json);
	return faults;
}

static void read_kept(char **files, struct audit_kept *kept)
{
	for (; *files; files++)
		audit_read_heads(*files, kept);
}

static void read_keys(const struct program_call *call, struct audit_kept *kept)
{
	const char *file;
	for (size_t at = 0; (file = program_next(call, "key", &at));)
		audit_read_key(file, kept);
}

enum { VERIFY, CHECK };
static const struct program_command commands[] = {
    [VERIFY] = {"verify [HEADS...] [--key FILE]...", "Recomputes the ledger from the record.",
		false},
    [CHECK] = {"check PROOF [HEADS...] [--key FILE]...", "Checks a proof that the portal gave.",
	       true},
    {NULL, NULL, false},
};
static const struct program_option options[] = {
    {"key", "FILE", "a public key that may have signed heads (ledger.pub)"},
    {NULL, NULL, NULL},
};
static const struct setting *const tables[] = {postgres_whole_settings, NULL};
static const struct program program = {
    .name = "audit",
    .summary = "prove that the record was not altered",
    .commands = commands,
    .options = options,
    .settings = tables,
    .notes = "PROOF is of a case, or that one head of the ledger is the beginning of another.\n"
	     "HEADS is what GET /v1/ledger/head gave at an earlier time.\n",
};

int main(int argc, char **argv)
{
	struct audit_kept kept = {0};
	struct program_call call = program_begin(argc, argv, &program);
	if (sodium_init() < 0)
		fatal("libsodium cannot be used here");
	read_keys(&call, &kept);
	read_kept(call.words + (call.command == CHECK), &kept);
	int64_t faults = audit_heads(&kept);
	faults +=
	    call.command == CHECK ? check(call.words[0], &kept) : verify(call.settings, &kept);
	if (!kept.key_count)
		printf("no signature was looked at: there was no --key\n");
	free(kept.heads);
	free(kept.keys);
	program_end(&call);
	return faults ? 1 : 0;
}
