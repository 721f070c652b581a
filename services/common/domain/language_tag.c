#include "domain/language_tag.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/uloc.h>

#include "util/accept.h"

#define LOCALE_SIZE 160
#define RANGES_MAX  32

/* ICU's name of a locale as a tag; "" where there is none that fits. */
static bool write_tag(const char *locale, char tag[LANGUAGE_TAG_SIZE])
{
	UErrorCode code = U_ZERO_ERROR;
	int32_t size = uloc_toLanguageTag(locale, tag, LANGUAGE_TAG_SIZE, true, &code);
	bool good = code == U_ZERO_ERROR && size > 0 && size < LANGUAGE_TAG_SIZE &&
		    strncmp(tag, "und", 3) != 0;
	if (!good)
		*tag = '\0';
	return good;
}

bool language_tag_read(const char *text, char tag[LANGUAGE_TAG_SIZE])
{
	char locale[LOCALE_SIZE];
	UErrorCode code = U_ZERO_ERROR;
	int32_t parsed = 0;
	size_t size = strnlen(text, LANGUAGE_TAG_SIZE);
	*tag = '\0';
	if (!size || size == LANGUAGE_TAG_SIZE)
		return false;
	uloc_forLanguageTag(text, locale, sizeof(locale), &parsed, &code);
	return code == U_ZERO_ERROR && (size_t)parsed == size && write_tag(locale, tag);
}

/* ---- Accept-Language ------------------------------------------------------------------------ */

const char *language_preferences(const char *accept, char preferences[LANGUAGE_PREFERENCES_SIZE])
{
	char header[1024], tag[LANGUAGE_TAG_SIZE];
	struct accept_item items[RANGES_MAX];
	size_t size = accept ? strnlen(accept, sizeof(header)) : 0, used = 0;
	*preferences = '\0';
	if (!size || size == sizeof(header))
		return preferences;
	memcpy(header, accept, size + 1);
	size_t count = accept_read(header, items, RANGES_MAX);
	for (size_t i = 0; i < count; i++) {
		if (!items[i].plain || !items[i].weight || !language_tag_read(items[i].value, tag))
			continue;
		size_t more = strlen(tag);
		if (used + (used > 0) + more >= LANGUAGE_PREFERENCES_SIZE)
			break;
		if (used)
			preferences[used++] = ',';
		memcpy(preferences + used, tag, more + 1);
		used += more;
	}
	return preferences;
}

/* ---- lookup --------------------------------------------------------------------------------- */

static int find(const char *tag, size_t size, language_at *at, const void *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *language = at(list, i);
		if (strncmp(language, tag, size) == 0 && !language[size])
			return (int)i;
	}
	return -1;
}

/* The tag and what it is cut down to, but not the bare language. */
static int find_longer(const char *tag, language_at *at, const void *list, size_t count)
{
	int found = -1;
	for (size_t size = strlen(tag); found < 0 && memchr(tag, '-', size);) {
		found = find(tag, size, at, list, count);
		while (tag[--size] != '-')
			;
		if (size > 1 && tag[size - 2] == '-') /* RFC 4647, 3.4: a single letter goes too */
			size -= 2;
	}
	return found;
}

static int look_up(const char *tag, language_at *at, const void *list, size_t count)
{
	char likely[LANGUAGE_TAG_SIZE], locale[LOCALE_SIZE];
	UErrorCode code = U_ZERO_ERROR;
	int found = find_longer(tag, at, list, count);
	if (found < 0 && strchr(tag, '-')) {
		uloc_forLanguageTag(tag, locale, sizeof(locale), NULL, &code);
		char full[LOCALE_SIZE];
		uloc_addLikelySubtags(locale, full, sizeof(full), &code);
		if (U_SUCCESS(code) && write_tag(full, likely))
			found = find_longer(likely, at, list, count);
	}
	return found < 0 ? find(tag, strcspn(tag, "-"), at, list, count) : found;
}

int language_lookup(const char *preferences, language_at *at, const void *list, size_t count)
{
	int found = -1;
	while (*preferences && found < 0) {
		char tag[LANGUAGE_TAG_SIZE];
		size_t size = strcspn(preferences, ",");
		if (size < sizeof(tag)) {
			memcpy(tag, preferences, size);
			tag[size] = '\0';
			found = look_up(tag, at, list, count);
		}
		preferences += size + (preferences[size] == ',');
	}
	return found;
}
