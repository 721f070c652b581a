#include "util/err.h"

#include <stdarg.h>
#include <string.h>

#include "util/text.h"

int err_set(struct err *err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	text_vformat(err->text, sizeof(err->text), format, args);
	va_end(args);
	return -1;
}

int err_context(struct err *err, const char *format, ...)
{
	char before[sizeof(err->text)], after[sizeof(err->text)];
	va_list args;
	va_start(args, format);
	text_vformat(before, sizeof(before), format, args);
	va_end(args);
	memcpy(after, err->text, sizeof(after));
	text_format(err->text, sizeof(err->text), "%s: %s", before, after);
	return -1;
}
