#include "password.h"

#include <pthread.h>
#include <string.h>
#include <zxcvbn.h>

#include "domain/text_form.h"
#include "util/log.h"

/* zxcvbn's time grows with the square of the length: what comes later makes it no easier. */
#define JUDGED_MOST 60

const char *password_fault(const char *password, const char *login, const char *name)
{
	char judged[JUDGED_MOST + 1] = "";
	const char *known[] = {login, name, "redress", NULL};
	strncat(judged, password, JUDGED_MOST);
	if (!*password)
		return "password-missing";
	if (strlen(password) > PASSWORD_MOST)
		return "password-long";
	if (text_characters(password) < PASSWORD_LEAST)
		return "password-short";
	return ZxcvbnMatch(judged, known, NULL) < PASSWORD_LEAST_BIT ? "password-easy" : NULL;
}

void password_hash(char hash[PASSWORD_HASH_SIZE], const char *password)
{
	if (crypto_pwhash_str(hash, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
			      crypto_pwhash_MEMLIMIT_INTERACTIVE))
		fatal("out of memory");
}

/* Nobody's: what is compared with when there is no account. */
static char nobodys[PASSWORD_HASH_SIZE];

static void make_nobodys(void)
{
	char random[33];
	uint8_t bytes[16];
	randombytes_buf(bytes, sizeof(bytes));
	sodium_bin2hex(random, sizeof(random), bytes, sizeof(bytes));
	password_hash(nobodys, random);
}

bool password_fits(const char *hash, const char *password)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_nobodys);
	size_t size = strlen(password);
	bool fits = crypto_pwhash_str_verify(hash ? hash : nobodys, password,
					     size > PASSWORD_MOST ? PASSWORD_MOST : size) == 0;
	return fits && hash && size <= PASSWORD_MOST;
}

const char *password_random(struct arena *arena)
{
	static const char symbols[] = "0123456789abcdefghjkmnpqrstvwxyz";
	char *text = arena_take(arena, 20);
	size_t at = 0;
	for (int i = 0; i < 16; i++) {
		if (i && i % 4 == 0)
			text[at++] = '-';
		text[at++] = symbols[randombytes_uniform(32)];
	}
	text[at] = '\0';
	return text;
}
