#include "domain/case_number.h"

#include <string.h>

#define COUNTER_BITS  6
#define NODE_BITS     8
#define SLOT_BITS     8
#define COUNTER_MAX   ((1u << COUNTER_BITS) - 1)
#define SLOT_SHIFT    (COUNTER_BITS + NODE_BITS)
#define TIME_SHIFT    (SLOT_SHIFT + SLOT_BITS)
#define DIGITS        13
#define CHECK_MODULUS 37

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* Check symbols 32..36 are * ~ $ = U: such numbers are not given. */
static bool has_plain_check(uint64_t number)
{
	return number % CHECK_MODULUS < 32;
}

static void begin(struct case_number_source *source, const struct case_number_lease *lease)
{
	source->current = *lease;
	source->next = (struct case_number_lease){0};
	source->last_ms = lease->from_ms;
	source->counter = 0;
}

void case_number_extend(struct case_number_source *source, const struct case_number_lease *lease)
{
	if (source->last_ms >= source->current.to_ms)
		begin(source, lease);
	else
		source->next = *lease;
}

bool case_number_wants_lease(const struct case_number_source *source, int64_t now_ms)
{
	int64_t ms = now_ms - CASE_NUMBER_EPOCH_MS;
	const struct case_number_lease *lease = &source->current;
	int64_t reached = ms > source->last_ms ? ms : source->last_ms;
	return !source->next.to_ms &&
	       reached >= lease->from_ms + (lease->to_ms - lease->from_ms) / 2;
}

/* Puts last_ms and counter where the next number is; false: beyond the last lease. */
static bool advance(struct case_number_source *source, int64_t ms)
{
	if (source->counter > COUNTER_MAX) {
		source->last_ms++;
		source->counter = 0;
	}
	bool over = source->last_ms >= source->current.to_ms || ms >= source->current.to_ms;
	if (over && source->next.to_ms) {
		const struct case_number_lease next = source->next;
		begin(source, &next);
	}
	if (source->last_ms >= source->current.to_ms)
		return false;
	if (ms > source->last_ms && ms < source->current.to_ms) {
		source->last_ms = ms;
		source->counter = 0;
	}
	return true;
}

bool case_number_next(struct case_number_source *source, int64_t now_ms, uint8_t slot,
		      uint64_t *number)
{
	do {
		if (!advance(source, now_ms - CASE_NUMBER_EPOCH_MS))
			return false;
		*number = (uint64_t)source->last_ms << TIME_SHIFT | (uint64_t)slot << SLOT_SHIFT |
			  (uint64_t)source->current.node << COUNTER_BITS | source->counter++;
	} while (!has_plain_check(*number));
	return true;
}

int64_t case_number_time_ms(uint64_t number)
{
	return (int64_t)(number >> TIME_SHIFT) + CASE_NUMBER_EPOCH_MS;
}

uint64_t case_number_first(int64_t time_ms)
{
	return (uint64_t)(time_ms - CASE_NUMBER_EPOCH_MS) << TIME_SHIFT;
}

uint8_t case_number_slot(uint64_t number)
{
	return (uint8_t)(number >> SLOT_SHIFT);
}

int32_t case_number_slot_partition(uint8_t slot, int32_t partitions)
{
	return slot % partitions;
}

int32_t case_number_partition(uint64_t number, int32_t partitions)
{
	return case_number_slot_partition(case_number_slot(number), partitions);
}

void case_number_format(uint64_t number, char *text)
{
	char digits[DIGITS + 1];
	digits[DIGITS] = alphabet[number % CHECK_MODULUS % 32];
	for (int i = DIGITS - 1; i >= 0; i--, number >>= 5)
		digits[i] = alphabet[number & 31];
	memcpy(text, digits, 5);
	text[5] = '-';
	memcpy(text + 6, digits + 5, 5);
	text[11] = '-';
	memcpy(text + 12, digits + 10, 4);
	text[16] = '\0';
}

int case_number_digit(char c)
{
	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'O')
		c = '0';
	else if (c == 'I' || c == 'L')
		c = '1';
	const char *at = c ? strchr(alphabet, c) : NULL;
	return at ? (int)(at - alphabet) : -1;
}

bool case_number_parse(const char *text, uint64_t *number)
{
	uint64_t value = 0;
	int count = 0, digit = 0;
	for (; *text; text++) {
		if (*text == '-' || *text == ' ')
			continue;
		digit = case_number_digit(*text);
		if (digit < 0 || count > DIGITS || (count == 0 && digit > 7))
			return false; /* 64 bits in 13 digits leave the first one only 4; ours 3 */
		if (count < DIGITS)
			value = value << 5 | (uint64_t)digit;
		count++;
	}
	if (count != DIGITS + 1 || value % CHECK_MODULUS != (uint64_t)digit)
		return false;
	*number = value;
	return true;
}
