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

uint64_t case_number_next(struct case_number_source *source, int64_t now_ms, uint8_t slot)
{
	uint64_t number;
	int64_t ms = now_ms - CASE_NUMBER_EPOCH_MS;
	if (ms > source->last_ms) {
		source->last_ms = ms;
		source->counter = 0;
	}
	do {
		if (source->counter > COUNTER_MAX) {
			source->last_ms++;
			source->counter = 0;
		}
		number = (uint64_t)source->last_ms << TIME_SHIFT | (uint64_t)slot << SLOT_SHIFT |
			 (uint64_t)source->node << COUNTER_BITS | source->counter++;
	} while (!has_plain_check(number));
	return number;
}

int64_t case_number_time_ms(uint64_t number)
{
	return (int64_t)(number >> TIME_SHIFT) + CASE_NUMBER_EPOCH_MS;
}

uint8_t case_number_slot(uint64_t number)
{
	return (uint8_t)(number >> SLOT_SHIFT);
}

int32_t case_number_partition(uint64_t number, int32_t partitions)
{
	return case_number_slot(number) % partitions;
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
