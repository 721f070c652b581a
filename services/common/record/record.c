#include "record/record.h"

#define READ_ONLY "SET default_transaction_read_only = on"

struct postgres *record_open(const struct settings *settings, const char *application)
{
	struct postgres *postgres = postgres_new(settings, application);
	postgres_begin_with(postgres, READ_ONLY);
	return postgres;
}

struct postgres *record_open_bulk(const struct settings *settings, const char *application)
{
	struct postgres *postgres = postgres_new_bulk(settings, application);
	postgres_begin_with(postgres, READ_ONLY);
	return postgres;
}
