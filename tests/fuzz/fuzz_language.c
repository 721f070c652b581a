/* The table of languages: a file that was made to harm, with its checksum right, is refused or
 * serves. */
#include "fuzz.h"

#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "text/language.h"
#include "text/language_table.h"

static char path[40];
static int file;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	file = memfd_create("table", 0);
	MUST(file >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const texts[] = {
	    "the lamp is dark", "фонарь не горит", "路灯坏了", "چراغ", "दिवा बंद आहे", "", "\xff"};
	uint8_t checksum[LANGUAGE_CHECKSUM_SIZE];
	struct err err = {""};
	crypto_generichash(checksum, sizeof(checksum), data, size, NULL, 0);
	MUST(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
	MUST(pwrite(file, checksum, sizeof(checksum), (off_t)size) == (ssize_t)sizeof(checksum));
	struct language *language = language_load(path, &err);
	MUST(language || *err.text);
	for (size_t i = 0; language && i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct language_reading reading;
		language_read(language, texts[i], strlen(texts[i]), &reading);
		struct language_guess guess = language_guess(language, &reading);
		MUST(guess.code && strlen(guess.code) < LANGUAGE_CODE_SIZE);
	}
	language_free(&language);
	return 0;
}
