#include "channel.h"

struct channel_item *channel_items(struct channel_request *request, size_t count)
{
	request->items = arena_zero(request->arena, count * sizeof(*request->items));
	request->count = count;
	for (size_t i = 0; i < count; i++)
		submission_init(&request->items[i].submission, request->channel->name);
	return request->items;
}

void channel_problem(struct channel_request *request, const struct problem *problem)
{
	bool later = problem->status == 429 || problem->status == 503;
	const struct problem_details details = {.status = problem->status,
						.code = problem->code,
						.field = problem->field,
						.detail = problem->detail,
						.retry_after_s =
						    later ? request->retry_after_s : 0};
	http_problem_answer(request->http, &details);
}
