#include "open311_view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "domain/case_number.h"
#include "domain/case_state.h"
#include "util/clock.h"

static json_t *time_of(int64_t ms)
{
	char text[CLOCK_RFC3339_SIZE];
	return ms ? json_string(clock_rfc3339(ms, text)) : json_null();
}

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static const char *name_of(const struct open311_words *words, const struct catalogue_texts *texts)
{
	return catalogue_text(texts, words->language);
}

static bool no_argument(void *self, const char *name, struct message_value *value)
{
	(void)self;
	(void)name;
	(void)value;
	return false;
}

static json_t *sentence(const struct open311_words *words, const char *group, const char *code)
{
	static const struct message_values none = {no_argument, NULL, false};
	char key[TEXTS_KEY_MAX + 1];
	struct buffer text = {0};
	snprintf(key, sizeof(key), "%s.%s", group, code);
	json_t *found =
	    texts_write(words->texts, key, &none, &text) ? json_string(text.data) : json_null();
	buffer_free(&text);
	return found;
}

/* ---- discovery and services ----------------------------------------------------------------- */

json_t *open311_discovery(const struct open311_site *site)
{
	json_t *endpoint = json_pack("{s:s, s:s, s:o, s:s, s:[s, s]}", "specification",
				     "http://wiki.open311.org/GeoReport_v2", "url", site->url,
				     "changeset", time_of(site->changed_at_ms), "type",
				     "production", "formats", "text/xml", "application/json");
	return json_pack("{s:o, s:o, s:o, s:[o]}", "changeset", time_of(site->changed_at_ms),
			 "contact", text_or_null(site->contact), "key_service",
			 text_or_null(site->key_service), "endpoints", endpoint);
}

/* "private": mySociety's word for a service whose reports are not to be shown to everybody. */
static json_t *service_of(const struct open311_words *words,
			  const struct catalogue_service *service)
{
	const char *group = service->agency ? name_of(words, &service->agency->name) : "";
	return json_pack("{s:s, s:s, s:o, s:b, s:s, s:s, s:s}", "service_code", service->code,
			 "service_name", name_of(words, &service->name), "description",
			 text_or_null(name_of(words, &service->description)), "metadata",
			 service->question_count > 0, "type", "realtime", "keywords",
			 service->is_public ? "" : "private", "group", group);
}

json_t *open311_services(const struct open311_words *words)
{
	json_t *list = json_array();
	for (size_t i = 0; i < words->catalogue->service_count; i++)
		json_array_append_new(list, service_of(words, &words->catalogue->services[i]));
	return list;
}

static json_t *question_of(const struct open311_words *words,
			   const struct catalogue_question *question, size_t order)
{
	static const char *const types[] = {
	    [DATATYPE_STRING] = "string",
	    [DATATYPE_NUMBER] = "number",
	    [DATATYPE_DATETIME] = "datetime",
	    [DATATYPE_TEXT] = "text",
	    [DATATYPE_SINGLEVALUELIST] = "singlevaluelist",
	    [DATATYPE_MULTIVALUELIST] = "multivaluelist",
	};
	json_t *values = json_array();
	for (size_t i = 0; i < question->value_count; i++)
		json_array_append_new(values,
				      json_pack("{s:s, s:s}", "key", question->values[i].code,
						"name", name_of(words, &question->values[i].name)));
	return json_pack("{s:b, s:s, s:s, s:b, s:n, s:i, s:s, s:o}", "variable", true, "code",
			 question->code, "datatype", types[question->datatype], "required",
			 question->required, "datatype_description", "order", (int)order,
			 "description", name_of(words, &question->text), "values", values);
}

json_t *open311_definition(const struct open311_words *words,
			   const struct catalogue_service *service)
{
	json_t *list = json_array();
	for (size_t i = 0; i < service->question_count; i++)
		json_array_append_new(list, question_of(words, &service->questions[i], i + 1));
	return json_pack("{s:s, s:o}", "service_code", service->code, "attributes", list);
}

/* ---- cases ---------------------------------------------------------------------------------- */

/* Answered counts as closed: nothing more is done unless the citizen reopens it. */
static bool is_closed(Redress__Status status)
{
	return status == REDRESS__STATUS__ANSWERED || case_is_over(status);
}

/* What everybody may see of when something happened last. */
static int64_t updated_at(const struct public_case *one)
{
	const Redress__CaseState *state = one->state;
	return state && state->n_history ? state->history[state->n_history - 1]->at_ms
					 : one->received_at_ms;
}

static void put_state(json_t *view, const struct open311_words *words,
		      const Redress__CaseState *state)
{
	const struct catalogue_office *office =
	    state ? catalogue_office(words->catalogue, state->office) : NULL;
	bool closed = state && is_closed(state->status);
	json_object_set_new(view, "status", json_string(closed ? "closed" : "open"));
	json_object_set_new(
	    view, "status_notes",
	    sentence(words, "status", state ? case_status_name(state->status) : "received"));
	json_object_set_new(view, "agency_responsible",
			    office ? json_string(name_of(words, &office->name)) : json_null());
	json_object_set_new(view, "expected_datetime",
			    time_of(state && !closed ? state->deadline_ms : 0));
}

static void put_place(json_t *view, const struct public_case *one)
{
	json_object_set_new(view, "lat", one->has_place ? json_real(one->lat) : json_null());
	json_object_set_new(view, "long", one->has_place ? json_real(one->lon) : json_null());
}

json_t *open311_request(const struct open311_words *words, const struct public_case *one)
{
	char number[CASE_NUMBER_TEXT_SIZE];
	const struct catalogue_service *service = catalogue_service(words->catalogue, one->service);
	case_number_format(one->number, number);
	json_t *view = json_pack(
	    "{s:s, s:o, s:o, s:n, s:n, s:o, s:o, s:n, s:n, s:n, s:n}", "service_request_id", number,
	    "service_name", service ? json_string(name_of(words, &service->name)) : json_null(),
	    "service_code", text_or_null(one->service), "description", "service_notice",
	    "requested_datetime", time_of(one->received_at_ms), "updated_datetime",
	    time_of(updated_at(one)), "address", "address_id", "zipcode", "media_url");
	put_state(view, words, one->state);
	put_place(view, one);
	return view;
}

/* ---- mySociety's updates -------------------------------------------------------------------- */

/* https://wiki.open311.org/FMS_differences: its words for our statuses. */
static const char *update_status(const char *status)
{
	static const char *const names[][2] = {{"in_progress", "in_progress"},
					       {"waiting", "in_progress"},
					       {"answered", "closed"},
					       {"closed", "closed"},
					       {"withdrawn", "closed"},
					       {"merged", "duplicate"},
					       {"erased", "closed"}};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i][0], status) == 0)
			return names[i][1];
	}
	return "open";
}

json_t *open311_update(const struct open311_words *words, const struct public_update *update)
{
	char number[CASE_NUMBER_TEXT_SIZE], id[CASE_NUMBER_TEXT_SIZE + 12];
	case_number_format(update->number, number);
	snprintf(id, sizeof(id), "%s-%u", number, update->version);
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:n}", "update_id", id, "service_request_id",
			 number, "status", update_status(update->status), "updated_datetime",
			 time_of(update->at_ms), "description",
			 sentence(words, "status", update->status), "media_url");
}
