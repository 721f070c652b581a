#include "web/negotiation.h"

#include <string.h>
#include <strings.h>

#include "util/accept.h"

#define HEADER_SIZE 1024
#define ITEMS_MAX   32

/* How closely a range names a type: 3 itself, 2 all of "text", 1 all types; 0: not at all. */
static int closeness(const char *range, const char *type)
{
	size_t family = strcspn(type, "/") + 1;
	if (strcasecmp(range, type) == 0)
		return 3;
	if (strncasecmp(range, type, family) == 0 && strcmp(range + family, "*") == 0)
		return 2;
	return strcmp(range, "*/*") == 0;
}

/* Of the range that names it most closely; 0: it is not acceptable. */
static int weight_of(const char *type, const struct accept_item *items, size_t count)
{
	int closest = 0, weight = 0;
	for (size_t i = 0; i < count; i++) {
		int close = closeness(items[i].value, type);
		if (close > closest) {
			closest = close;
			weight = items[i].weight;
		}
	}
	return weight;
}

int negotiation_media(const char *accept, const char *const *offers)
{
	char header[HEADER_SIZE];
	struct accept_item items[ITEMS_MAX];
	size_t size = accept ? strnlen(accept, sizeof(header)) : 0;
	if (!size || size == sizeof(header))
		return 0;
	memcpy(header, accept, size + 1);
	size_t count = accept_read(header, items, ITEMS_MAX);
	int best = -1, heaviest = 0;
	for (int i = 0; offers[i]; i++) {
		int weight = weight_of(offers[i], items, count);
		if (weight > heaviest) {
			heaviest = weight;
			best = i;
		}
	}
	return best;
}

bool negotiation_wants_page(const char *accept)
{
	static const char *const offers[] = {"application/problem+json", "application/json",
					     "text/html", NULL};
	return negotiation_media(accept, offers) == 2;
}
