/* Asks Redis for the cases and keys of a batch, a fence beside them. */
#include <stdlib.h>
#include <string.h>

#include "client/redis_key.h"
#include "domain/message_fault.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"
#include "view_private.h"

size_t view_member(char member[VIEW_MEMBER_SIZE], uint64_t number)
{
	uint8_t bytes[8];
	text_put_be64(bytes, number);
	text_hex(member, bytes, sizeof(bytes));
	return VIEW_MEMBER_SIZE - 1;
}

struct redis_arg view_arg(struct arena *arena, const char *text, size_t len)
{
	return (struct redis_arg){arena_copy(arena, text, len), len};
}

/*
 * What is asked of a partition: the fence and the cases at one moment, then which of them the index
 * names, the Idempotency-Keys, and last how much the index holds: what vanishes meanwhile is
 * noticed.
 */
struct question {
	struct redis_arg *values, *scores, *idem;
	size_t value_count, score_count, idem_count;
};

static void add(struct arena *arena, struct redis_arg *list, size_t *count, const char *text,
		size_t len)
{
	list[(*count)++] = view_arg(arena, text, len);
}

static void begin_question(struct arena *arena, struct question *q, int32_t partition, size_t size)
{
	char key[REDIS_KEY_SIZE];
	q->values = arena_take(arena, (size + 2) * sizeof(struct redis_arg));
	q->scores = arena_take(arena, (size + 2) * sizeof(struct redis_arg));
	q->idem = arena_take(arena, (size + 3) * sizeof(struct redis_arg));
	q->values[q->value_count++] = REDIS_ARG("MGET");
	add(arena, q->values, &q->value_count, key, redis_key_position(key, partition));
	q->scores[q->score_count++] = REDIS_ARG("ZMSCORE");
	add(arena, q->scores, &q->score_count, key, redis_key_due(key, partition));
	q->idem[q->idem_count++] = REDIS_ARG("HMGET");
	add(arena, q->idem, &q->idem_count, key, redis_key_idem(key, partition));
	q->idem[q->idem_count++] = REDIS_ARG(VIEW_IDEM_MARK);
}

static void ask_case(struct arena *arena, struct question *q, const struct view_case *c)
{
	char key[REDIS_KEY_SIZE], member[VIEW_MEMBER_SIZE];
	add(arena, q->values, &q->value_count, key, redis_key_case(key, c->partition, c->number));
	add(arena, q->scores, &q->score_count, member, view_member(member, c->number));
}

static struct question *make_questions(const struct view *view, struct arena *arena,
				       const struct view_set *set)
{
	char field[2 * IDEMPOTENCY_KEY_SIZE + 1];
	size_t *sizes = arena_zero(arena, (size_t)view->partitions * sizeof(*sizes));
	struct question *questions =
	    arena_zero(arena, (size_t)view->partitions * sizeof(*questions));
	for (size_t i = 0; i < set->case_count; i++)
		sizes[set->cases[i].partition]++;
	for (size_t i = 0; i < set->key_count; i++)
		sizes[set->keys[i].partition]++;
	for (int32_t p = 0; p < view->partitions; p++) {
		if (sizes[p])
			begin_question(arena, &questions[p], p, sizes[p]);
	}
	for (size_t i = 0; i < set->case_count; i++)
		ask_case(arena, &questions[set->cases[i].partition], &set->cases[i]);
	for (size_t i = 0; i < set->key_count; i++) {
		struct question *q = &questions[set->keys[i].partition];
		text_hex(field, set->keys[i].key, IDEMPOTENCY_KEY_SIZE);
		add(arena, q->idem, &q->idem_count, field, 2 * IDEMPOTENCY_KEY_SIZE);
	}
	return questions;
}

/* The replies of a partition, used up in the order in which the questions were made. */
struct answers {
	const struct redis_reply *values, *scores, *idem, *size;
	size_t value, score, idem_at;
};

static const struct redis_reply *list_reply(const struct redis_reply *reply, size_t count,
					    struct err *err)
{
	if (reply->kind == REDIS_LIST && reply->count == count)
		return reply;
	err_set(err, "redis refused to be read: %.100s",
		reply->kind == REDIS_FAILED ? reply->data : "odd reply");
	return NULL;
}

static int take_answers(const struct question *q, const struct redis_reply *replies,
			struct answers *answers, struct err *err)
{
	size_t used = 0;
	answers->values = list_reply(&replies[used++], q->value_count - 1, err);
	answers->scores =
	    q->score_count > 2 ? list_reply(&replies[used++], q->score_count - 2, err) : NULL;
	answers->idem = list_reply(&replies[used++], q->idem_count - 2, err);
	answers->size = &replies[used++];
	answers->value = answers->idem_at = 1; /* after the fence, and the mark */
	bool whole = answers->values && answers->idem && (answers->scores || q->score_count <= 2);
	return whole ? (int)used : -1;
}

static void queue_question(struct view *view, const struct question *q, struct arena *arena,
			   int32_t partition)
{
	char key[REDIS_KEY_SIZE];
	redis_queue(view->redis, q->values, q->value_count);
	if (q->score_count > 2)
		redis_queue(view->redis, q->scores, q->score_count);
	redis_queue(view->redis, q->idem, q->idem_count);
	const struct redis_arg size[] = {REDIS_ARG("ZCARD"),
					 view_arg(arena, key, redis_key_due(key, partition))};
	redis_queue(view->redis, size, 2);
}

static int run_questions(struct view *view, struct arena *arena, const struct question *questions,
			 struct answers *answers, struct err *err)
{
	struct redis_reply *replies;
	size_t count, used = 0;
	for (int32_t p = 0; p < view->partitions; p++) {
		if (questions[p].value_count)
			queue_question(view, &questions[p], arena, p);
	}
	if (redis_run(view->redis, arena, &replies, &count, err))
		return -1;
	for (int32_t p = 0; p < view->partitions; p++) {
		if (!questions[p].value_count)
			continue;
		int taken = take_answers(&questions[p], replies + used, &answers[p], err);
		if (taken < 0)
			return -1;
		used += (size_t)taken;
	}
	return 0;
}

/* What else may stand there is no case of ours: it is as if it were missing. */
static void read_case(const struct view *view, struct arena *arena, const struct redis_reply *reply,
		      int64_t now_ms, struct view_case *c)
{
	struct err fault;
	const struct message_place place = {c->partition, view->partitions, now_ms};
	c->state = NULL;
	if (reply->kind != REDIS_STRING)
		return;
	Redress__CaseState *state = redress__case_state__unpack(arena_protobuf(arena), reply->len,
								(const uint8_t *)reply->data);
	if (!message_fault(state ? &state->base : NULL, &place, &fault) &&
	    state->number == c->number)
		c->state = state;
	else
		log_warn(c->number, "Redis holds something else for a case");
}

/* "number fingerprint", both hex. */
static void read_key(const struct redis_reply *reply, struct view_key *a)
{
	a->number = 0;
	if (reply->kind != REDIS_STRING || reply->len != 49)
		return;
	uint64_t number = strtoull(reply->data, NULL, 16);
	if (text_unhex(a->fingerprint, sizeof(a->fingerprint), reply->data + 17) == 0)
		a->number = number;
}

bool view_fence_is_ours(const struct view *view, int32_t partition, const struct redis_reply *fence)
{
	return view->parts[partition].valid && fence->kind == REDIS_STRING &&
	       strcmp(fence->data, view->parts[partition].fence) == 0;
}

bool view_is_whole(const struct view *view, int32_t partition, const struct redis_reply *size,
		   const struct redis_reply *mark)
{
	return size->kind == REDIS_INTEGER && size->integer == view->parts[partition].cases &&
	       mark->kind == REDIS_STRING;
}

int view_read(struct view *view, struct arena *arena, struct view_set *set, bool *stale,
	      struct err *err)
{
	int64_t now_ms = clock_now_ms();
	struct answers *answers = arena_zero(arena, (size_t)view->partitions * sizeof(*answers));
	const struct question *questions = make_questions(view, arena, set);
	if (run_questions(view, arena, questions, answers, err))
		return -1;
	for (int32_t p = 0; p < view->partitions; p++) {
		if (questions[p].value_count)
			stale[p] =
			    !view_fence_is_ours(view, p, &answers[p].values->items[0]) ||
			    !view_is_whole(view, p, answers[p].size, &answers[p].idem->items[0]);
	}
	for (size_t i = 0; i < set->case_count; i++) {
		struct view_case *c = &set->cases[i];
		struct answers *a = &answers[c->partition];
		read_case(view, arena, &a->values->items[a->value++], now_ms, c);
		c->indexed = a->scores->items[a->score++].kind == REDIS_STRING;
	}
	for (size_t i = 0; i < set->key_count; i++) {
		struct answers *a = &answers[set->keys[i].partition];
		read_key(&a->idem->items[a->idem_at++], &set->keys[i]);
	}
	return 0;
}
