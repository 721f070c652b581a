#include "util/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return -1;
}

int err_context(struct err *err, const char *format, ...)
{
	char before[sizeof(err->text)], all[2 * sizeof(err->text) + 2];
	va_list args;
	va_start(args, format);
	vsnprintf(before, sizeof(before), format, args);
	va_end(args);
	snprintf(all, sizeof(all), "%s: %s", before, err->text);
	all[sizeof(err->text) - 1] = '\0';
	memcpy(err->text, all, sizeof(err->text));
	return -1;
}
