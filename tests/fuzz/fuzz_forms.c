/* What people type or write in files: case numbers, receipt codes, spans, days, hours, any text. */
#include "fuzz.h"

#include <sodium.h>
#include <string.h>

#include "domain/calendar.h"
#include "domain/case_number.h"
#include "domain/receipt.h"
#include "domain/text_form.h"
#include "util/arena.h"
#include "util/text.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return sodium_init() < 0;
}

static void numbers(const char *text)
{
	char written[CASE_NUMBER_TEXT_SIZE];
	uint8_t hash[RECEIPT_HASH_SIZE];
	uint64_t number, again;
	if (case_number_parse(text, &number)) {
		case_number_format(number, written);
		MUST(case_number_parse(written, &again) && again == number);
	}
	if (receipt_hash(text, 7, hash)) {
		MUST(receipt_matches(text, 7, hash, sizeof(hash)));
		MUST(!receipt_matches(text, 8, hash, sizeof(hash)));
	}
}

static void times(const char *text)
{
	struct err err;
	struct calendar_span span;
	struct calendar_hours hours;
	int32_t day;
	if (!calendar_span_parse(text, &span, &err))
		MUST(span.count > 0 && span.unit <= UNIT_WORKING_DAYS);
	if (!calendar_hours_parse(text, &hours))
		MUST(hours.from >= 0 && hours.from <= hours.to && hours.to <= 1440);
	if (!calendar_day_parse(text, &day))
		MUST(day > -800000 && day < 3000000);
}

static void texts(struct arena *arena, const char *text)
{
	if (!text_is_utf8(text, strlen(text)))
		return;
	const char *normal = text_normal(arena, text);
	MUST(text_is_utf8(normal, strlen(normal)));
	MUST(strcmp(text_normal(arena, normal), normal) == 0);
	MUST(text_characters(normal) <= strlen(normal) && !strchr(normal, '\r'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	const char *text = arena_strndup(arena, (const char *)data, size);
	numbers(text);
	times(text);
	texts(arena, text);
	arena_free(&arena);
	return 0;
}
