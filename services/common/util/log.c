#include "util/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/buffer.h"
#include "util/clock.h"
#include "util/text.h"
#include "util/visible_text.h"

#define LOG_LINE   1024
#define ESCAPE_MAX 12

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* Process-wide by nature: where this process's lines go. Set once at start. */
static struct {
	const char *service;
	enum log_level least;
	bool json, plain;
	void (*format_number)(uint64_t number, char text[32]);
} settings = {.service = "redress", .least = LOG_LEVEL_INFO};

void log_setup(const char *service, enum log_level least, bool json)
{
	settings.service = service;
	settings.least = least;
	settings.json = json;
}

void log_setup_plain(const char *name)
{
	settings.service = name;
	settings.least = LOG_LEVEL_INFO;
	settings.plain = true;
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

/* In JSON's way, which key=value readers understand too; beyond U+FFFF as two surrogates. */
static size_t escape(char *out, size_t room, uint32_t code)
{
	if (code == '"' || code == '\\')
		return (size_t)snprintf(out, room, "\\%c", (char)code);
	if (code < 0x10000)
		return (size_t)snprintf(out, room, "\\u%04x", (unsigned)code);
	code -= 0x10000;
	return (size_t)snprintf(out, room, "\\u%04x\\u%04x", 0xD800 + (unsigned)(code >> 10),
				0xDC00 + (unsigned)(code & 0x3FF));
}

/* Nothing that a text of others brought along ends the line or is obeyed by who shows it. */
static void quote(char *out, size_t room, const char *text)
{
	size_t at = 0, left = strlen(text);
	out[at++] = '"';
	for (size_t step; left && at + ESCAPE_MAX + 2 < room; text += step, left -= step) {
		uint32_t code;
		step = text_code_point(text, left, &code);
		if (!step)
			break; /* text_vformat() leaves none */
		if (code == '"' || code == '\\' || !visible_is_safe(code)) {
			at += escape(out + at, room - at, code);
		} else {
			memcpy(out + at, text, step);
			at += step;
		}
	}
	out[at++] = '"';
	out[at] = '\0';
}

static void write_plain(enum log_level level, const char *who, const char *message)
{
	struct buffer line = {0};
	buffer_printf(&line, "redress-%s: %s%s%s", settings.service,
		      level == LOG_LEVEL_WARN ? "warning: " : "", who, *who ? ": " : "");
	visible_add(&line, message, strlen(message), false);
	buffer_printf(&line, "\n");
	if (write(STDERR_FILENO, line.data, line.len) < 0)
		clearerr(stderr); /* nobody is left to be told */
	buffer_free(&line);
}

static void write_line(enum log_level level, uint64_t number, const char *message)
{
	char time[CLOCK_RFC3339_SIZE], quoted[LOG_LINE], who[32] = "", line[2 * LOG_LINE];
	int64_t now = clock_now_ms();
	if (number && settings.format_number)
		settings.format_number(number, who);
	else if (number)
		snprintf(who, sizeof(who), "%llu", (unsigned long long)number);
	if (settings.plain) {
		write_plain(level, who, message);
		return;
	}
	clock_rfc3339(now, time);
	time[strlen(time) - 1] = '\0'; /* the Z comes after the milliseconds */
	quote(quoted, sizeof(quoted), message);
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
	text_vformat(message, sizeof(message), format, args);
	va_end(args);
	write_line(level, number, message);
}

#define LIMIT_US INT64_C(10000000)

void log_limited(struct log_limit *limit, uint64_t number, const char *format, ...)
{
	int64_t now_us = clock_mono_us(), next_us = limit->next_us;
	if (LOG_LEVEL_WARN < settings.least)
		return;
	if (now_us < next_us ||
	    !atomic_compare_exchange_strong(&limit->next_us, &next_us, now_us + LIMIT_US)) {
		limit->left_out++;
		return;
	}
	char message[LOG_LINE / 2];
	unsigned left_out = atomic_exchange(&limit->left_out, 0);
	va_list args;
	va_start(args, format);
	int len = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (left_out && len > 0 && (size_t)len < sizeof(message))
		snprintf(message + len, sizeof(message) - (size_t)len, " (and %u more like it)",
			 left_out);
	write_line(LOG_LEVEL_WARN, number, message);
}

void fatal(const char *format, ...)
{
	char message[LOG_LINE / 2];
	va_list args;
	va_start(args, format);
	text_vformat(message, sizeof(message), format, args);
	va_end(args);
	write_line(LOG_LEVEL_ERROR, 0, message);
	exit(1);
}
