#include "web/delivery.h"

#include <stdbool.h>
#include <string.h>

#define NO_ADDRESS "no_address"

/* Who gave no address is told on the page, as they chose: nothing has failed. */
static bool is_unwanted(const char *delivery, const char *reason)
{
	return strcmp(delivery, "failed") == 0 && strcmp(reason, NO_ADDRESS) == 0;
}

const char *delivery_told(const char *delivery, const char *reason)
{
	return is_unwanted(delivery, reason) ? NO_ADDRESS : delivery;
}

const char *delivery_tone(const char *delivery, const char *reason)
{
	if (is_unwanted(delivery, reason))
		return "rest";
	return strcmp(delivery, "delivered") == 0 ? "fine"
	       : strcmp(delivery, "failed") == 0  ? "late"
						  : "soon";
}
