/*
 * One line per event on standard error: key=value, or JSON. Every line about a case carries its
 * number. No line ever holds a name, an address, a text or a secret.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* service is kept, not copied. */
void log_setup(const char *service, enum log_level least, bool json);
/* Of a tool that a person runs: "redress-NAME: ...", a plain line. name is kept, not copied. */
void log_setup_plain(const char *name);
int log_level_parse(const char *name, enum log_level *level); /* -1: no such level */

/* number: the case number, 0 when the line is about no case. */
void log_line(enum log_level level, uint64_t number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(number, ...) log_line(LOG_LEVEL_DEBUG, number, __VA_ARGS__)
#define log_info(number, ...)  log_line(LOG_LEVEL_INFO, number, __VA_ARGS__)
#define log_warn(number, ...)  log_line(LOG_LEVEL_WARN, number, __VA_ARGS__)
#define log_error(number, ...) log_line(LOG_LEVEL_ERROR, number, __VA_ARGS__)

/* For warnings that may come with every request: one of a kind in ten seconds, which says how many
 * were left out. Zeroed at first; from any thread. */
struct log_limit {
	_Atomic int64_t next_us;
	_Atomic unsigned left_out;
};
void log_limited(struct log_limit *limit, uint64_t number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* How a case number is written into log lines; set by the domain's user at start, else decimal. */
void log_number_format(void (*format)(uint64_t number, char text[32]));

/* Logs and ends the process with status 1. Only before the daemon is ready. */
void fatal(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
