/* The catalogue's YAML: a catalogue that can be used everywhere, or a complaint. */
#include "fuzz.h"

#include <string.h>

#include "domain/catalogue.h"

/* Everything a daemon does with a catalogue that was loaded. */
static void use(const struct catalogue *c)
{
	MUST(c->triage && c->calendar && c->level && c->triage->triage);
	for (size_t i = 0; i < c->office_count; i++) {
		const struct catalogue_office *office = &c->offices[i];
		MUST(catalogue_office(c, office->code) && office->agency->head &&
		     *office->name.texts->text);
		MUST(*office->email || *office->webhook);
		int64_t end =
		    calendar_after(office->calendar, INT64_C(1772445600000), c->level->answer[0]);
		MUST(end > INT64_C(1772445600000));
	}
	for (size_t i = 0; i < c->category_count; i++) {
		const struct catalogue_category *category =
		    catalogue_category(c, c->categories[i].code);
		MUST(category && category->service && category->level->step_count);
		MUST(catalogue_office_for(c, category->agency, catalogue_area_at(c, 13, 3)));
	}
	catalogue_text(&c->triage->name, "pt-BR");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {""};
	const struct catalogue_file file = {"fuzz.yaml", (const char *)data, size};
	struct catalogue *catalogue = catalogue_parse(&file, 1, &err);
	if (catalogue)
		use(catalogue);
	else
		MUST(*err.text && strlen(err.text) < sizeof(err.text));
	catalogue_free(&catalogue);
	return 0;
}
