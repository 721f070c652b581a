#include "client/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/secret_file.h"
#include "util/text.h"

#define KEY_SIZE 32

const struct setting key_file_settings[] = {
    {"keys.folder", SETTING_STRING, NULL, 1, 1000, "folder of the key files (redress-keys)"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

static bool is_secret(const char *name)
{
	size_t len = strlen(name);
	return len > 4 && strcmp(name + len - 4, ".key") == 0;
}

static int key_path(char *path, size_t room, const char *folder, const char *name, struct err *err)
{
	int size = snprintf(path, room, "%s/%s", folder, name);
	return size < 0 || (size_t)size >= room ? err_set(err, "keys.folder is too long") : 0;
}

/* What everybody may know. */
static char *read_public(const char *path, struct err *err)
{
	char reason[160];
	char *text = text_read_file(path, 4096, NULL, reason);
	if (!text)
		err_set(err, "%s", reason);
	else
		text[strcspn(text, "\r\n")] = '\0';
	return text;
}

int key_file_read(const char *folder, const char *name, uint8_t key[32], struct err *err)
{
	char path[1100];
	if (key_path(path, sizeof(path), folder, name, err))
		return -1;
	char *text = is_secret(name) ? secret_file_read(path, err) : read_public(path, err);
	if (!text)
		return -1;
	int result = text_unhex(key, KEY_SIZE, text);
	secret_file_free(&text);
	return result ? err_set(err, "%.150s: is not 64 hex digits", path) : 0;
}

int key_file_check(const char *folder, const char *const *names, struct err *err)
{
	uint8_t key[KEY_SIZE];
	int result = 0;
	for (; *names && !result; names++)
		result = key_file_read(folder, *names, key, err);
	sodium_memzero(key, sizeof(key));
	return result;
}

int key_file_write(const char *folder, const char *name, const uint8_t key[32], struct err *err)
{
	char path[1100], text[2 * KEY_SIZE + 2];
	if (key_path(path, sizeof(path), folder, name, err))
		return -1;
	int file =
	    open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, is_secret(name) ? 0600 : 0644);
	if (file < 0)
		return err_set(err, "%.150s: %s", path, strerror(errno));
	text_hex(text, key, KEY_SIZE);
	text[2 * KEY_SIZE] = '\n';
	ssize_t wrote = write(file, text, 2 * KEY_SIZE + 1);
	sodium_memzero(text, sizeof(text));
	if (fsync(file) || close(file) || wrote != 2 * KEY_SIZE + 1)
		return err_set(err, "%.150s: cannot be written", path);
	return 0;
}
