#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"

#define LOG_LINE 1024

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* Process-wide by nature: where this process's lines go. Set once at start. */
static struct {
	const char *service;
	enum log_level least;
	bool json;
	void (*format_number)(uint64_t number, char text[32]);
} settings = {.service = "redress", .least = LOG_LEVEL_INFO};

void log_setup(const char *service, enum log_level least, bool json)
{
	settings.service = service;
	settings.least = least;
	settings.json = json;
}

int log_level_parse(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(*level_names); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}

void log_number_format(void (*format)(uint64_t number, char text[32]))
{
	settings.format_number = format;
}

/* Quotes for both formats: JSON's escapes, which key=value readers understand too. */
static void quote(char *out, size_t room, const char *text)
{
	size_t at = 0;
	out[at++] = '"';
	for (; *text && at + 8 < room; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			at += (size_t)snprintf(out + at, room - at, "\\%c", c);
		else if (c < 0x20)
			at += (size_t)snprintf(out + at, room - at, "\\u%04x", c);
		else
			out[at++] = (char)c;
	}
	out[at++] = '"';
	out[at] = '\0';
}

static void write_line(enum log_level level, uint64_t number, const char *message)
{
	char time[CLOCK_RFC3339_SIZE], quoted[LOG_LINE], who[32] = "", line[2 * LOG_LINE];
	int64_t now = clock_now_ms();
	clock_rfc3339(now, time);
	time[strlen(time) - 1] = '\0'; /* the Z comes after the milliseconds */
	quote(quoted, sizeof(quoted), message);
	if (number && settings.format_number)
		settings.format_number(number, who);
	else if (number)
		snprintf(who, sizeof(who), "%llu", (unsigned long long)number);
	int millis = (int)(now % 1000), size;
	if (settings.json)
		size = snprintf(line, sizeof(line),
				"{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"svc\":\"%s\"%s%s%s,"
				"\"msg\":%s}\n",
				time, millis, level_names[level], settings.service,
				number ? ",\"case\":\"" : "", who, number ? "\"" : "", quoted);
	else
		size = snprintf(line, sizeof(line), "time=%s.%03dZ level=%s svc=%s%s%s msg=%s\n",
				time, millis, level_names[level], settings.service,
				number ? " case=" : "", who, quoted);
	/* One write, so that lines of several threads and processes do not mix. */
	if (size > 0 && write(STDERR_FILENO, line, (size_t)size) < 0)
		return;
}

void log_line(enum log_level level, uint64_t number, const char *format, ...)
{
	if (level < settings.least)
		return;
	char message[LOG_LINE / 2];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	write_line(level, number, message);
}

void fatal(const char *format, ...)
{
	char message[LOG_LINE / 2];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	write_line(LOG_LEVEL_ERROR, 0, message);
	exit(1);
}
