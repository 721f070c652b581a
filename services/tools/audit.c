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
#include "command_line.h"
#include "util/log.h"

static const char usage[] =
    "usage: redress-audit [--config FILE] verify [HEADS...]  recomputes the ledger from the "
    "record\n"
    "       redress-audit check PROOF [HEADS...]             checks a proof that the portal gave\n"
    "PROOF is of a case, or that one head of the ledger is the beginning of another.\n"
    "HEADS is what GET /v1/ledger/head gave at an earlier time.\n"
    "--key FILE is a public key that may have signed heads (ledger.pub).\n";

static int64_t verify(const struct settings *settings, const struct audit_kept *kept)
{
	struct err err;
	struct postgres *postgres = postgres_new(settings, "redress-audit");
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

/* Takes the --key options out, and gives back how many words are left. */
static int read_keys(int argc, char **argv, struct audit_kept *kept)
{
	int left = 0;
	for (int i = 0; i < argc; i++) {
		if (i + 1 < argc && strcmp(argv[i], "--key") == 0)
			audit_read_key(argv[++i], kept);
		else
			argv[left++] = argv[i];
	}
	argv[left] = NULL;
	return left;
}

/* check needs no settings, so that it runs where there is no system. */
static int64_t run(int argc, char **argv)
{
	static const struct setting *const tables[] = {postgres_settings, NULL};
	struct audit_kept kept = {0};
	int first;
	int64_t faults;
	argc = read_keys(argc, argv, &kept);
	if (argc >= 3 && strcmp(argv[1], "check") == 0) {
		read_kept(argv + 3, &kept);
		faults = audit_heads(&kept) + check(argv[2], &kept);
	} else {
		struct settings *settings = command_line(argc, argv, usage, tables, &first);
		if (first == argc || strcmp(argv[first], "verify") != 0) {
			fprintf(stderr, "%s", usage);
			exit(2);
		}
		read_kept(argv + first + 1, &kept);
		faults = audit_heads(&kept) + verify(settings, &kept);
		settings_free(&settings);
	}
	if (!kept.key_count)
		printf("no signature was looked at: there was no --key\n");
	free(kept.heads);
	free(kept.keys);
	return faults;
}

int main(int argc, char **argv)
{
	log_setup("audit", LOG_LEVEL_INFO, false);
	if (sodium_init() < 0)
		fatal("libsodium cannot be used here");
	return run(argc, argv) ? 1 : 0;
}
