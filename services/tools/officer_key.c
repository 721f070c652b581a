#include "officer_key.h"

#include <sodium.h>

#include "client/key_file.h"
#include "util/log.h"

struct unsealer *officer_key_open(const char *keys_folder)
{
	uint8_t public[32], secret[32];
	struct err err;
	if (key_file_read(keys_folder, "officer.pub", public, &err) ||
	    key_file_read(keys_folder, "officer.key", secret, &err))
		fatal("%s", err.text);
	struct unsealer *officer = unsealer_new(ROLE_OFFICER, public, secret);
	sodium_memzero(secret, sizeof(secret));
	return officer;
}
