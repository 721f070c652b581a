#include "util/accept.h"

#include <stdlib.h>
#include <string.h>

#define SPACE " \t"

/* "0", "1", up to three digits after a point. -1: is none. */
static int read_weight(const char *text)
{
	int weight = 0, unit = 1000;
	if (*text != '0' && *text != '1')
		return -1;
	weight = (*text++ - '0') * unit;
	if (*text == '.')
		text++;
	else if (*text)
		return -1;
	for (; *text >= '0' && *text <= '9' && unit > 1; text++) {
		unit /= 10;
		weight += (*text - '0') * unit;
	}
	return *text || weight > 1000 ? -1 : weight;
}

static char *trimmed(char *text)
{
	text += strspn(text, SPACE);
	size_t size = strlen(text);
	while (size && strchr(SPACE, text[size - 1]))
		text[--size] = '\0';
	return text;
}

static void read_parameter(char *text, struct accept_item *item)
{
	text = trimmed(text);
	if (*text != 'q' && *text != 'Q') {
		item->plain = false;
		return;
	}
	text = trimmed(text + 1);
	item->weight = *text == '=' ? read_weight(trimmed(text + 1)) : -1;
}

static bool read_item(char *text, struct accept_item *item)
{
	char *rest = text;
	*item = (struct accept_item){.value = trimmed(strsep(&rest, ";")),
				     .weight = 1000,
				     .plain = true,
				     .place = item->place};
	while (rest && item->weight >= 0)
		read_parameter(strsep(&rest, ";"), item);
	return *item->value && item->weight >= 0;
}

static int heavier_first(const void *a, const void *b)
{
	const struct accept_item *one = a, *other = b;
	return one->weight != other->weight ? other->weight - one->weight
					    : one->place - other->place;
}

size_t accept_read(char *list, struct accept_item *items, size_t most)
{
	size_t count = 0;
	for (char *rest = list, *part; count < most && (part = strsep(&rest, ","));) {
		items[count].place = (int)count;
		count += read_item(part, &items[count]);
	}
	qsort(items, count, sizeof(*items), heavier_first);
	return count;
}
