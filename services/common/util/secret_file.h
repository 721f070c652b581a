/*
 * Files with secrets: keys and passwords. Refused when others than their owner may read them, but
 * for what systemd's LoadCredential= gives: owned by root and its group, readable to the service by
 * an access control list, whose mask looks like a group that may read (0440).
 */
#ifndef UTIL_SECRET_FILE_H
#define UTIL_SECRET_FILE_H

#include <stddef.h>

#include "util/err.h"

/* The first line, without its end; malloc'ed, to be wiped with secret_file_free. NULL: why in err.
 */
char *secret_file_read(const char *path, struct err *err) MUST_CHECK;
/* The same with all its lines. */
char *secret_file_read_all(const char *path, struct err *err) MUST_CHECK;
void secret_file_free(char **secret);

#endif
