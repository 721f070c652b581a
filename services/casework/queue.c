/* The lists of cases: whose turn it is, and by when. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "domain/case_number.h"
#include "labels.h"
#include "util/clock.h"

#define PAGE_ROWS 50

static const char *const tabs[] = {"mine",    "unclaimed", "office", "overdue",
				   "waiting", "answered",  "told"};
#define TABS (sizeof(tabs) / sizeof(*tabs))

/* What was asked for; "field" names what is wrong with it, NULL: nothing. */
static const char *read_query(struct visit *visit, struct desk_query *query)
{
	const char *tab = http_query(visit->request, "tab");
	const char *office = http_query(visit->request, "office");
	const char *after = http_query(visit->request, "after");
	char rest;
	*query = (struct desk_query){.office = office ? office : visit->account.office,
				     .after_ms = INT64_MIN,
				     .most = PAGE_ROWS + 1};
	for (size_t i = 0; i < TABS; i++) {
		if (!tab || strcmp(tabs[i], tab) == 0) {
			query->tab = tabs[i];
			break;
		}
	}
	if (!query->tab)
		return "tab";
	if (after && sscanf(after, "%" SCNd64 ".%" SCNd64 "%c", &query->after_ms,
			    &query->after_number, &rest) != 2)
		return "after";
	const struct catalogue *c = shared_catalogue_borrow(visit->casework->catalogue);
	bool known = catalogue_office(c, query->office) || !office;
	shared_catalogue_return(visit->casework->catalogue);
	return known ? NULL : "office";
}

/* What a page shows. */
struct lists {
	struct desk_row *rows;
	struct desk_count *counts;
	size_t row_count, count_count;
};

static int read_lists(struct visit *visit, const struct desk_query *query, struct lists *lists,
		      struct err *err)
{
	struct postgres *postgres = visit->tools->postgres;
	int64_t now_ms = clock_now_ms();
	if (desk_list(postgres, visit->arena, visit->token, query, now_ms, &lists->rows,
		      &lists->row_count, err))
		return -1;
	return desk_counts(postgres, visit->arena, visit->token, query->office, now_ms,
			   &lists->counts, &lists->count_count, err);
}

static json_t *row_view(struct visit *visit, const struct desk_row *row)
{
	char number[CASE_NUMBER_TEXT_SIZE];
	json_t *view = json_object();
	const char *urgency = label_urgency(row->urgency);
	case_number_format(row->number, number);
	visit_put(view, "number", number);
	json_object_set_new(view, "version", json_integer(row->version));
	visit_put(view, "stage", row->stage);
	visit_put(view, "urgency", urgency);
	json_object_set_new(view, "urgent", json_boolean(row->urgency > 0));
	visit_put(view, "urgency_tone", row->urgency > 1 ? "late" : "soon");
	json_object_set_new(view, "level", json_integer(row->level));
	json_object_set_new(view, "escalated", json_boolean(row->level > 0));
	label_category(visit, view, "category", row->category);
	label_area(visit, view, "area", row->area);
	label_office(visit, view, "office", row->office);
	visit_put(view, "text_language", row->language);
	visit_put(view, "officer", row->officer);
	json_object_set_new(view, "mine",
			    json_boolean(strcmp(row->officer, visit->account.login) == 0));
	visit_put_time(visit, view, "opened", row->office, row->opened_ms);
	label_clock(visit, view, row->stage, row->office, row->clock_ms);
	return view;
}

static const char *path_of(struct visit *visit, const struct desk_query *query, const char *tab)
{
	const char *base = visit->kind->api ? "/v1/desk/cases" : "/desk";
	return strcmp(query->office, visit->account.office) == 0
		   ? arena_printf(visit->arena, "%s?tab=%s", base, tab)
		   : arena_printf(visit->arena, "%s?tab=%s&office=%s", base, tab, query->office);
}

static int count_of(const struct lists *lists, const char *tab)
{
	for (size_t i = 0; i < lists->count_count; i++) {
		if (strcmp(lists->counts[i].tab, tab) == 0)
			return lists->counts[i].count;
	}
	return 0;
}

static json_t *tabs_view(struct visit *visit, const struct desk_query *query,
			 const struct lists *lists)
{
	json_t *list = json_array();
	for (size_t i = 0; i < TABS; i++) {
		int count = count_of(lists, tabs[i]);
		bool more = count == DESK_COUNT_MOST;
		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:i, s:b}", "tab", tabs[i],
						      "path", path_of(visit, query, tabs[i]),
						      "current", strcmp(tabs[i], query->tab) == 0,
						      "count", count - more, "more", more));
	}
	return list;
}

/* The offices that a supervisor or auditor may look at, by name; an officer has one. */
static json_t *offices_view(struct visit *visit, const struct desk_query *query)
{
	json_t *list = json_array();
	const struct account *me = &visit->account;
	const struct catalogue *c = shared_catalogue_borrow(visit->casework->catalogue);
	for (size_t i = 0; i < c->office_count && strcmp(me->role, "officer") != 0; i++) {
		const struct catalogue_office *office = &c->offices[i];
		if (strcmp(me->role, "supervisor") != 0 ||
		    strcmp(office->agency->code, me->agency) == 0)
			json_array_append_new(
			    list, json_pack("{s:s, s:s, s:b}", "code", office->code, "name",
					    catalogue_text(&office->name, visit->language),
					    "chosen", strcmp(office->code, query->office) == 0));
	}
	shared_catalogue_return(visit->casework->catalogue);
	return list;
}

static void put_choice(json_t *view, json_t *offices)
{
	if (json_array_size(offices))
		json_object_set_new(view, "choice", json_pack("{s:O}", "items", offices));
	json_decref(offices);
}

static void put_notice(struct visit *visit, json_t *view)
{
	static const char *const notices[] = {"done", "later", "given"};
	const char *told = http_query(visit->request, "told");
	for (size_t i = 0; told && i < sizeof(notices) / sizeof(*notices); i++) {
		if (strcmp(notices[i], told) == 0)
			visit_put(view, "notice", notices[i]);
	}
}

static json_t *list_view(struct visit *visit, const struct desk_query *query,
			 const struct lists *lists)
{
	const struct desk_row *rows = lists->rows;
	size_t count = lists->row_count;
	json_t *view = json_object(), *list = json_array();
	size_t shown = count > PAGE_ROWS ? PAGE_ROWS : count;
	for (size_t i = 0; i < shown; i++)
		json_array_append_new(list, row_view(visit, &rows[i]));
	visit_put(view, "tab", query->tab);
	json_object_set_new(view, "in_queue", json_true());
	label_office(visit, view, "office", query->office);
	json_object_set_new(view, "tabs", tabs_view(visit, query, lists));
	put_choice(view, offices_view(visit, query));
	json_object_set_new(view, "some", json_boolean(shown));
	json_object_set_new(view, "rows", list);
	if (query->after_ms != INT64_MIN)
		visit_put(view, "first", path_of(visit, query, query->tab));
	if (count > shown)
		visit_put(view, "next",
			  arena_printf(visit->arena, "%s&after=%" PRId64 ".%" PRIu64,
				       path_of(visit, query, query->tab), rows[shown - 1].clock_ms,
				       rows[shown - 1].number));
	visit_put(view, "as_of_text", visit_time(visit, query->office, clock_now_ms()));
	put_notice(visit, view);
	return view;
}

static void show_list(struct visit *visit)
{
	struct err err;
	struct desk_query query;
	struct lists lists;
	const char *wrong = read_query(visit, &query);
	if (wrong)
		visit_problem(visit, wrong[0] == 'o' ? 404 : 422, "not-found", wrong);
	else if (read_lists(visit, &query, &lists, &err))
		visit_unavailable(visit, &err);
	else
		visit_answer(visit, 200, "desk-queue", list_view(visit, &query, &lists), NULL);
}

/* To the case whose number was typed in. */
static void find_case(struct visit *visit)
{
	char number[CASE_NUMBER_TEXT_SIZE];
	uint64_t parsed;
	const char *typed = http_query(visit->request, "number");
	if (!typed || !case_number_parse(typed, &parsed)) {
		visit_problem(visit, 404, "not-found", "number");
		return;
	}
	case_number_format(parsed, number);
	site_redirect(visit->request, arena_printf(visit->arena, "/desk/case/%s", number), NULL);
}

static void go_to_list(struct visit *visit)
{
	site_redirect(visit->request, "/desk", NULL);
}

static const struct visit_kind kind_start = {.work = go_to_list,
					     .unsigned_too = true,
					     .unready_too = true},
			       kind_list = {.work = show_list}, kind_find = {.work = find_case},
			       kind_api_list = {.work = show_list, .api = true};

static const struct route rows_of_lists[] = {
    {"GET", "/", visit_take, &kind_start, NULL, 0, 0},
    {"GET", "/desk", visit_take, &kind_list, NULL, 0, ROUTE_WAIT_USUAL},
    {"GET", "/desk/find", visit_take, &kind_find, NULL, 0, 0},
    {"GET", "/v1/desk/cases", visit_take, &kind_api_list, NULL, 0, ROUTE_WAIT_USUAL},
};

void queue_serve(struct router *router, struct casework *casework)
{
	router_add(router, rows_of_lists, sizeof(rows_of_lists) / sizeof(*rows_of_lists), casework);
}
