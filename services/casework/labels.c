#include "labels.h"

#include <string.h>

#include "util/clock.h"

#define SOON_MS (INT64_C(24) * 3600000)

static void put(struct visit *visit, json_t *object, const char *name, const char *code,
		const struct catalogue_texts *texts)
{
	const char *text = texts ? catalogue_text(texts, visit->language) : "";
	if (!*code)
		return;
	visit_put(object, name, code);
	visit_put(object, arena_printf(visit->arena, "%s_name", name), *text ? text : code);
}

void label_office(struct visit *visit, json_t *object, const char *name, const char *code)
{
	const struct catalogue *c = shared_catalogue_borrow(visit->casework->catalogue);
	const struct catalogue_office *office = catalogue_office(c, code);
	put(visit, object, name, code, office ? &office->name : NULL);
	shared_catalogue_return(visit->casework->catalogue);
}

void label_category(struct visit *visit, json_t *object, const char *name, const char *code)
{
	const struct catalogue *c = shared_catalogue_borrow(visit->casework->catalogue);
	const struct catalogue_category *category = catalogue_category(c, code);
	put(visit, object, name, code, category ? &category->name : NULL);
	shared_catalogue_return(visit->casework->catalogue);
}

void label_area(struct visit *visit, json_t *object, const char *name, const char *code)
{
	const struct catalogue *c = shared_catalogue_borrow(visit->casework->catalogue);
	const struct catalogue_area *area = catalogue_area(c, code);
	put(visit, object, name, code, area ? &area->name : NULL);
	shared_catalogue_return(visit->casework->catalogue);
}

const char *label_urgency(int urgency)
{
	static const char *const names[] = {"routine", "high", "emergency"};
	return urgency >= 0 && urgency < 3 ? names[urgency] : names[0];
}

const char *label_tone(const char *stage, int64_t clock_ms, int64_t now_ms)
{
	if (strcmp(stage, "open") != 0)
		return strcmp(stage, "waiting") == 0 ? "rest" : "fine";
	return clock_ms < now_ms ? "late" : clock_ms - now_ms < SOON_MS ? "soon" : "fine";
}

void label_clock(struct visit *visit, json_t *object, const char *stage, const char *office,
		 int64_t clock_ms)
{
	bool runs = clock_ms && clock_ms != DESK_NO_CLOCK && *stage;
	visit_put(object, "tone", runs ? label_tone(stage, clock_ms, clock_now_ms()) : "fine");
	visit_put(object, "clock_of",
		  !runs                           ? "none"
		  : strcmp(stage, "open") == 0    ? "due"
		  : strcmp(stage, "waiting") == 0 ? "waiting"
						  : "answered");
	if (runs)
		visit_put_time(visit, object, "clock", office, clock_ms);
}
