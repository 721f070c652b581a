/* Asks Redis for the cases and keys of a batch, a fence beside them. */
#include <stdlib.h>
#include <string.h>

#include "domain/hot_key.h"
#include "util/text.h"
#include "view_private.h"

struct redis_arg view_arg(struct arena *arena, const char *text, size_t len)
{
	return (struct redis_arg){arena_copy(arena, text, len), len};
}

/* What one MGET of a partition asks for, in order: the fence, the cases, the keys. */
struct question {
	struct redis_arg *args;
	size_t count;
};

static void ask(struct arena *arena, struct question *q, const char *key, size_t len)
{
	q->args[q->count++] = view_arg(arena, key, len);
}

static struct question *make_questions(const struct view *view, struct arena *arena,
				       const struct hot_set *set)
{
	char key[HOT_KEY_SIZE];
	size_t *sizes = arena_zero(arena, (size_t)view->partitions * sizeof(*sizes));
	struct question *questions =
	    arena_zero(arena, (size_t)view->partitions * sizeof(*questions));
	for (size_t i = 0; i < set->case_count; i++)
		sizes[set->cases[i].partition]++;
	for (size_t i = 0; i < set->ask_count; i++)
		sizes[set->asks[i].partition]++;
	for (int32_t p = 0; p < view->partitions; p++) {
		if (!sizes[p])
			continue;
		questions[p].args = arena_take(arena, (sizes[p] + 2) * sizeof(struct redis_arg));
		questions[p].args[questions[p].count++] = REDIS_ARG("MGET");
		ask(arena, &questions[p], key, hot_key_position(key, p));
	}
	for (size_t i = 0; i < set->case_count; i++) {
		const struct hot_case *c = &set->cases[i];
		ask(arena, &questions[c->partition], key,
		    hot_key_case(key, c->partition, c->number));
	}
	for (size_t i = 0; i < set->ask_count; i++) {
		const struct hot_ask *a = &set->asks[i];
		ask(arena, &questions[a->partition], key,
		    hot_key_idem(key, a->partition, a->key, ASK_KEY_SIZE));
	}
	return questions;
}

static int read_case(struct arena *arena, const struct redis_reply *reply, struct hot_case *c,
		     struct err *err)
{
	c->state = NULL;
	if (reply->kind != REDIS_STRING)
		return 0;
	c->state = redress__case_state__unpack(arena_protobuf(arena), reply->len,
					       (const uint8_t *)reply->data);
	return c->state ? 0 : err_set(err, "redis holds something else for a case");
}

/* "number fingerprint", both hex. */
static void read_ask(const struct redis_reply *reply, struct hot_ask *a)
{
	a->number = 0;
	if (reply->kind != REDIS_STRING || reply->len != 49)
		return;
	uint64_t number = strtoull(reply->data, NULL, 16);
	if (text_unhex(a->fingerprint, sizeof(a->fingerprint), reply->data + 17) == 0)
		a->number = number;
}

/* The replies of a partition are used up in the order the questions were made. */
struct answers {
	const struct redis_reply **lists; /* by partition */
	size_t *next;
};

static const struct redis_reply *next_answer(struct answers *answers, int32_t partition)
{
	return &answers->lists[partition]->items[answers->next[partition]++];
}

static int run_questions(struct view *view, struct arena *arena, struct question *questions,
			 struct answers *answers, struct err *err)
{
	struct redis_reply *replies;
	size_t count, used = 0;
	answers->lists = arena_zero(arena, (size_t)view->partitions * sizeof(struct redis_reply *));
	answers->next = arena_zero(arena, (size_t)view->partitions * sizeof(size_t));
	for (int32_t p = 0; p < view->partitions; p++) {
		if (questions[p].count)
			redis_queue(view->redis, questions[p].args, questions[p].count);
	}
	if (redis_run(view->redis, arena, &replies, &count, err))
		return -1;
	for (int32_t p = 0; p < view->partitions; p++) {
		if (!questions[p].count)
			continue;
		const struct redis_reply *reply = &replies[used++];
		if (reply->kind != REDIS_LIST || reply->count != questions[p].count - 1)
			return err_set(err, "redis refused to be read: %.100s",
				       reply->kind == REDIS_FAILED ? reply->data : "odd reply");
		answers->lists[p] = reply;
	}
	return 0;
}

bool view_fence_is_ours(const struct view *view, int32_t partition, const struct redis_reply *fence)
{
	return view->parts[partition].valid && fence->kind == REDIS_STRING &&
	       strcmp(fence->data, view->parts[partition].fence) == 0;
}

int view_read(struct view *view, struct arena *arena, struct hot_set *set, bool *stale,
	      struct err *err)
{
	struct answers answers;
	struct question *questions = make_questions(view, arena, set);
	if (run_questions(view, arena, questions, &answers, err))
		return -1;
	for (int32_t p = 0; p < view->partitions; p++) {
		if (!answers.lists[p])
			continue;
		const struct redis_reply *fence = next_answer(&answers, p);
		stale[p] = !view_fence_is_ours(view, p, fence);
	}
	int result = 0;
	for (size_t i = 0; !result && i < set->case_count; i++)
		result = read_case(arena, next_answer(&answers, set->cases[i].partition),
				   &set->cases[i], err);
	for (size_t i = 0; !result && i < set->ask_count; i++)
		read_ask(next_answer(&answers, set->asks[i].partition), &set->asks[i]);
	return result;
}
