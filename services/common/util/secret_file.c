#include "util/secret_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/text.h"

#define SECRET_MAX 65536

static bool is_private(const struct stat *status)
{
	mode_t others = status->st_mode & 077;
	return !others || (others == S_IRGRP && status->st_uid == 0 && status->st_gid == 0);
}

char *secret_file_read_all(const char *path, struct err *err)
{
	char reason[160];
	struct stat status;
	size_t size;
	if (stat(path, &status) == 0 && !is_private(&status)) {
		err_set(err, "%.150s: others may read this secret: chmod 600 it", path);
		return NULL;
	}
	char *secret = text_read_file(path, SECRET_MAX, &size, reason);
	if (!secret)
		err_set(err, "%s", reason);
	return secret;
}

char *secret_file_read(const char *path, struct err *err)
{
	char *secret = secret_file_read_all(path, err);
	if (!secret)
		return NULL;
	size_t line = strcspn(secret, "\r\n");
	explicit_bzero(secret + line, strlen(secret) - line);
	return secret;
}

void secret_file_free(char **secret)
{
	if (!*secret)
		return;
	explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}
