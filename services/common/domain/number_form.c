#include "domain/number_form.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unicode/uchar.h>

#include "util/text.h"

static char *ascii_digits(struct arena *arena, const char *text)
{
	size_t left = strlen(text), step;
	char *made = arena_take(arena, left + 1), *out = made;
	uint32_t code;
	for (; (step = text_code_point(text, left, &code)); text += step, left -= step) {
		int digit = u_charDigitValue((UChar32)code);
		if (code == 0x2212)
			code = '-';
		out += text_put_code_point(out, digit >= 0 ? (uint32_t)('0' + digit) : code);
	}
	*out = '\0';
	return made;
}

/* Passes over digits; false: there are none. */
static bool pass_digits(const char **at)
{
	size_t count = strspn(*at, "0123456789");
	*at += count;
	return count > 0;
}

const char *number_form(struct arena *arena, const char *text)
{
	const char *form = ascii_digits(arena, text), *at = form;
	at += *at == '-' || *at == '+';
	if (!pass_digits(&at))
		return NULL;
	if (*at == '.' && (at++, !pass_digits(&at)))
		return NULL;
	if (*at == 'e' || *at == 'E') {
		at++;
		at += *at == '-' || *at == '+';
		if (!pass_digits(&at))
			return NULL;
	}
	return *at ? NULL : form;
}

/* So many digits that make a number from least to most; moves on. */
static bool pass_number(const char **at, size_t digits, int least, int most, int *value)
{
	*value = 0;
	if (strspn(*at, "0123456789") < digits)
		return false;
	for (size_t i = 0; i < digits; i++)
		*value = *value * 10 + (*at)[i] - '0';
	*at += digits;
	return *value >= least && *value <= most;
}

static int days_of(int year, int month)
{
	static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (leap && month == 2);
}

static bool pass_day(const char **at)
{
	int year, month, day;
	return pass_number(at, 4, 1, 9999, &year) && *(*at)++ == '-' &&
	       pass_number(at, 2, 1, 12, &month) && *(*at)++ == '-' &&
	       pass_number(at, 2, 1, days_of(year, month), &day);
}

static bool pass_seconds(const char **at)
{
	int second;
	if (**at != ':')
		return true;
	++*at;
	if (!pass_number(at, 2, 0, 59, &second))
		return false;
	if (**at != '.')
		return true;
	++*at;
	return pass_digits(at);
}

static bool pass_offset(const char **at)
{
	int hour, minute;
	if (**at == 'Z' || **at == 'z')
		++*at;
	else if (**at == '+' || **at == '-')
		return ++*at, pass_number(at, 2, 0, 14, &hour) && *(*at)++ == ':' &&
				  pass_number(at, 2, 0, 59, &minute);
	return true;
}

const char *datetime_form(struct arena *arena, const char *text)
{
	int hour, minute;
	const char *form = ascii_digits(arena, text), *at = form;
	if (!pass_day(&at))
		return NULL;
	if (!*at)
		return form;
	if (!strchr("Tt ", *at++) || !pass_number(&at, 2, 0, 23, &hour) || *at++ != ':' ||
	    !pass_number(&at, 2, 0, 59, &minute) || !pass_seconds(&at) || !pass_offset(&at))
		return NULL;
	return *at ? NULL : form;
}
