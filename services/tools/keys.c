/*
 * NAME      redress-keys - make the key files of a deployment
 * SYNOPSIS  redress-keys FOLDER
 *
 * Makes what is missing and never changes a key that is there. Give each daemon only what it needs:
 * intake the .pub files, receipt.key and ask.key; classification, notification and the desk their
 * own .key and .pub.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/key_file.h"
#include "util/log.h"

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

static void make_pair(const char *folder, const char *role)
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
	crypto_box_keypair(public, secret);
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

int main(int argc, char **argv)
{
	if (argc != 2 || argv[1][0] == '-') {
		fprintf(stderr, "usage: redress-keys FOLDER\n"
				"Makes the key files that are missing in FOLDER.\n");
		return 2;
	}
	const char *folder = argv[1];
	if (sodium_init() < 0)
		fatal("libsodium cannot be used here");
	if (mkdir(folder, 0700) && errno != EEXIST)
		fatal("%s: %s", folder, strerror(errno));
	make_pair(folder, "classification");
	make_pair(folder, "desk");
	make_pair(folder, "notification");
	make_secret(folder, "receipt.key");
	make_secret(folder, "ask.key");
	return 0;
}
