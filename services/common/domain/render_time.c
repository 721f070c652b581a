#include "domain/render_time.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/udat.h>
#include <unicode/udatpg.h>
#include <unicode/uloc.h>
#include <unicode/ustring.h>

#include "util/alloc.h"

#define LOCALE_SIZE  100
#define PATTERN_SIZE 80
#define FORMS_MAX    256
#define SOON_MS      (INT64_C(2) * 86400000)

struct form {
	char locale[LOCALE_SIZE];
	char zone[CALENDAR_ZONE_SIZE];
	bool exact;
	UDateFormat *format;
};

struct render_times {
	struct form forms[FORMS_MAX];
	size_t count;
};

struct render_times *render_times_new(void)
{
	return x_calloc(1, sizeof(struct render_times));
}

static void clear(struct render_times *times)
{
	while (times->count)
		udat_close(times->forms[--times->count].format);
}

void render_times_free(struct render_times **times)
{
	if (!*times)
		return;
	clear(*times);
	free(*times);
	*times = NULL;
}

/* Deadlines are days of the Gregorian calendar in every language. English of no country in
 * particular puts the day first. */
static void locale_of(const char *language, char locale[LOCALE_SIZE])
{
	UErrorCode code = U_ZERO_ERROR;
	int32_t size = uloc_forLanguageTag(strcmp(language, "en") == 0 ? "en-001" : language,
					   locale, LOCALE_SIZE, NULL, &code);
	if (U_FAILURE(code) || !size)
		strcpy(locale, "en_001");
	code = U_ZERO_ERROR;
	uloc_setKeywordValue("calendar", "gregorian", locale, LOCALE_SIZE, &code);
}

/* Hours to twenty-four: no language can take them for those of the other half of the day. */
static UDateFormat *open_format(const char *locale, const char *zone, bool exact)
{
	UErrorCode code = U_ZERO_ERROR;
	UChar skeleton[16], pattern[PATTERN_SIZE], wide_zone[CALENDAR_ZONE_SIZE];
	u_uastrcpy(wide_zone, zone);
	u_uastrcpy(skeleton, exact ? "yMMMMdHmz" : "yMMMMd");
	UDateTimePatternGenerator *generator = udatpg_open(locale, &code);
	int32_t size = udatpg_getBestPattern(generator, skeleton, -1, pattern, PATTERN_SIZE, &code);
	udatpg_close(generator);
	UDateFormat *format =
	    udat_open(UDAT_PATTERN, UDAT_PATTERN, locale, wide_zone, -1, pattern, size, &code);
	return U_SUCCESS(code) ? format : NULL;
}

static UDateFormat *format_of(struct render_times *times, const char *language, const char *zone,
			      bool exact)
{
	char locale[LOCALE_SIZE];
	locale_of(language, locale);
	for (size_t i = 0; i < times->count; i++) {
		struct form *form = &times->forms[i];
		if (form->exact == exact && strcmp(form->locale, locale) == 0 &&
		    strcmp(form->zone, zone) == 0)
			return form->format;
	}
	UDateFormat *format = open_format(locale, zone, exact);
	if (!format)
		return NULL;
	if (times->count == FORMS_MAX)
		clear(times);
	struct form *form = &times->forms[times->count++];
	strcpy(form->locale, locale);
	strcpy(form->zone, zone);
	form->exact = exact;
	return form->format = format;
}

const char *render_due(struct render_times *times, const struct calendar *calendar,
		       const char *language, int64_t now_ms, int64_t ms, bool exact,
		       char text[TOLD_TIME_SIZE])
{
	UErrorCode code = U_ZERO_ERROR;
	UChar wide[TOLD_TIME_SIZE];
	char zone[CALENDAR_ZONE_SIZE];
	*text = '\0';
	if (!ms)
		return text;
	exact = exact || ms - now_ms < SOON_MS;
	if (!calendar_local(calendar, ms).minute)
		ms -= 60000;
	UDateFormat *format = format_of(times, language, calendar_zone_name(calendar, zone), exact);
	if (!format)
		return text;
	int32_t size = udat_format(format, (UDate)ms, wide, TOLD_TIME_SIZE, NULL, &code);
	u_strToUTF8(text, TOLD_TIME_SIZE, NULL, wide, U_SUCCESS(code) ? size : 0, &code);
	text[TOLD_TIME_SIZE - 1] = '\0';
	return text;
}
