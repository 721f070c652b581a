/*
 * NAME      redress-keys - make the key files of a deployment, and share them out
 * SYNOPSIS  redress-keys FOLDER [NAME TARGET]
 *
 * Makes what is missing and never changes a key that is there. With NAME (intake, classification,
 * notification, archival, portal, casework or officer) it copies into the folder TARGET the keys
 * that this one needs and no others: who cannot open a part must not be able to, and nobody else
 * may sign the ledger.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/key_file.h"
#include "domain/ledger_head.h"
#include "util/log.h"
#include "util/program.h"

static bool exists(const char *folder, const char *name)
{
	char path[1100];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return access(path, F_OK) == 0;
}

static void write_key(const char *folder, const char *name, const uint8_t key[32])
{
	struct err err;
	if (key_file_write(folder, name, key, &err))
		fatal("%s", err.text);
	printf("made %s\n", name);
}

static void open_pair(uint8_t public[32], uint8_t secret[32])
{
	crypto_box_keypair(public, secret);
}

static void sign_pair(uint8_t public[32], uint8_t secret[32])
{
	struct ledger_signer signer;
	randombytes_buf(secret, LEDGER_KEY_SIZE);
	ledger_signer_init(&signer, secret);
	memcpy(public, signer.public, sizeof(signer.public));
	sodium_memzero(&signer, sizeof(signer));
}

static void make_pair(const char *folder, const char *role,
		      void (*make)(uint8_t public[32], uint8_t secret[32]))
{
	char public_name[64], secret_name[64];
	uint8_t public[32], secret[32];
	snprintf(public_name, sizeof(public_name), "%s.pub", role);
	snprintf(secret_name, sizeof(secret_name), "%s.key", role);
	bool has_public = exists(folder, public_name), has_secret = exists(folder, secret_name);
	if (has_public && has_secret)
		return;
	if (has_public || has_secret)
		fatal("%s has only half of the pair of %s: put the other half back", folder, role);
	make(public, secret);
	write_key(folder, secret_name, secret);
	write_key(folder, public_name, public);
	sodium_memzero(secret, sizeof(secret));
}

static void make_secret(const char *folder, const char *name)
{
	uint8_t key[32];
	if (exists(folder, name))
		return;
	randombytes_buf(key, sizeof(key));
	write_key(folder, name, key);
	sodium_memzero(key, sizeof(key));
}

static void make_folder(const char *folder)
{
	if (mkdir(folder, 0700) && errno != EEXIST)
		fatal("%s: %s", folder, strerror(errno));
}

static const struct share {
	const char *name;
	const char *files[6]; /* NULL-ended */
} shares[] = {
    {"intake",
     {"classification.pub", "officer.pub", "notification.pub", "receipt.key", "idempotency.key",
      NULL}},
    {"classification", {"classification.pub", "classification.key", NULL}},
    {"notification", {"notification.pub", "notification.key", NULL}},
    {"archival", {"ledger.key", NULL}},
    {"portal", {"portal.key", NULL}},
    {"casework", {"officer.pub", "officer.key", "casework.key", NULL}},
    {"officer", {"officer.pub", "officer.key", NULL}},
};

static const struct share *share_of(const char *name)
{
	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
		if (strcmp(shares[i].name, name) == 0)
			return &shares[i];
	}
	program_refuse("%s: needs no keys; intake, classification, notification, archival, "
		       "portal, casework and officer do",
		       name);
}

static void give(const char *folder, const struct share *share, const char *target)
{
	struct err err;
	uint8_t key[32];
	make_folder(target);
	for (const char *const *file = share->files; *file; file++) {
		if (exists(target, *file))
			continue;
		if (key_file_read(folder, *file, key, &err) ||
		    key_file_write(target, *file, key, &err))
			fatal("%s", err.text);
		printf("gave %s %s\n", share->name, *file);
	}
	sodium_memzero(key, sizeof(key));
}

static void make_keys(const char *folder)
{
	make_folder(folder);
	make_pair(folder, "classification", open_pair);
	make_pair(folder, "officer", open_pair);
	make_pair(folder, "notification", open_pair);
	make_pair(folder, "ledger", sign_pair);
	make_secret(folder, "receipt.key");
	make_secret(folder, "idempotency.key");
	make_secret(folder, "portal.key");
	make_secret(folder, "casework.key");
}

static const struct program_command commands[] = {
    {"FOLDER", "Makes the key files that are missing in FOLDER.", false},
    {"FOLDER NAME TARGET", "The same, and copies those that NAME needs to the folder TARGET.",
     false},
    {NULL, NULL, false},
};
static const struct program program = {
    .name = "keys",
    .summary = "make the key files of a deployment, and share them out",
    .commands = commands,
    .notes =
	"NAME is intake, classification, notification, archival, portal, casework or officer.\n"
	"A key that is there is never changed.\n",
};

int main(int argc, char **argv)
{
	struct program_call call = program_begin(argc, argv, &program);
	const struct share *share = call.count == 3 ? share_of(call.words[1]) : NULL;
	if (sodium_init() < 0)
		fatal("libsodium cannot be used here");
	make_keys(call.words[0]);
	if (share)
		give(call.words[0], share, call.words[2]);
	program_end(&call);
	return 0;
}
