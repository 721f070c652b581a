#include <math.h>
#include <string.h>

#include "model/model_rows.h"
#include "numeric/processor.h"
#include "numeric/softmax.h"
#include "util/alloc.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* ---- the text's features --------------------------------------------------------------------- */

/* Of the tags of a bucket those that are it: bit k for the k-th. All are looked at: no branch to
 * guess. */
static inline uint32_t places_of(const struct model_bucket *bucket, uint16_t tag)
{
#if defined(__SSE2__)
	const __m128i *line = (const __m128i *)(const void *)bucket,
		      wanted = _mm_set1_epi16((short)tag);
	__m128i low = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(line), wanted),
				      _mm_cmpeq_epi16(_mm_load_si128(line + 1), wanted));
	__m128i high = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(line + 2), wanted),
				       _mm_cmpeq_epi16(_mm_load_si128(line + 3), wanted));
	return ((uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16) >>
	       offsetof(struct model_bucket, tag) / sizeof(tag);
#else
	uint32_t places = 0;
	for (uint32_t k = 0; k < MODEL_BUCKET; k++)
		places |= (uint32_t)(bucket->tag[k] == tag) << k;
	return places;
#endif
}

/* Goes on where a bucket is full. NULL: the model does not know it. */
static const struct model_row *search_on(const struct model *model, uint32_t at, uint16_t tag)
{
	for (;;) {
		const struct model_bucket *bucket = &model->bucket[at];
		uint32_t places = places_of(bucket, tag);
		if (places)
			return (const void *)(model->rows +
					      (size_t)(bucket->first +
						       (uint32_t)__builtin_ctz(places)) *
						  model->row_size);
		if (!bucket->tag[MODEL_BUCKET - 1])
			return NULL;
		at = at + 1 == model->head->buckets ? 0 : at + 1;
	}
}

/* The known features; returns how many. Their rows are on the way from memory then. */
static size_t look_up(const struct model *model, const struct features *features, struct hit *hits)
{
	enum { AHEAD = 16 };
	size_t found = 0;
	uint32_t buckets = model->head->buckets;
	for (size_t i = 0; i < features->count; i++) {
		if (i + AHEAD < features->count)
			__builtin_prefetch(
			    &model->bucket[model_place(features->hash[i + AHEAD], buckets)]);
		const struct model_row *row = search_on(
		    model, model_place(features->hash[i], buckets), model_tag(features->hash[i]));
		if (!row)
			continue;
		__builtin_prefetch(row);
		if (model->row_size % MODEL_ALIGNED) /* it may lie in two lines */
			__builtin_prefetch((const uint8_t *)row + model->row_size - 1);
		hits[found].row = row;
		hits[found++].feature = (uint32_t)i;
	}
	return found;
}

static inline uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/*
 * How much each speaks, as parts of a vector of length 1: first times its row's scale, then in
 * whole numbers of a unit that is returned.
 */
static float weigh(const struct model *model, const struct features *features, struct hit *hits,
		   size_t count)
{
	float squares = 0, sum = 0, most = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t times = features->count_of[hits[i].feature];
		float value =
		    model->voices[times > 255 ? 255 : times] * model->heft[hits[i].row->heft];
		squares += value * value;
		hits[i].value = value * model_scale(hits[i].row->scale);
		sum += hits[i].value;
		most = hits[i].value > most ? hits[i].value : most;
	}
	float unit = fmaxf(most / (float)rows_weight_max(model->head->labels),
			   sum / (float)ROWS_WEIGHTS_MAX);
	float units = 1 / unit;
	for (size_t i = 0; i < count; i++)
		hits[i].weight = (int32_t)(hits[i].value * units + 0.5f);
	return unit / sqrtf(squares);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void keep_best(struct model_guess best[MODEL_GUESSES], uint32_t label, float score)
{
	struct model_guess one = {label, score};
	for (int i = 0; i < MODEL_GUESSES; i++) {
		if (one.confidence > best[i].confidence) {
			struct model_guess other = best[i];
			best[i] = one;
			one = other;
		}
	}
}

/* Scores become probabilities. The best guess's is put right, the others share what is left. */
static void be_honest(const struct model *model, float *score, struct verdict *verdict)
{
	uint32_t labels = model->head->labels;
	for (int i = 0; i < MODEL_GUESSES; i++)
		verdict->best[i] = (struct model_guess){0, -INFINITY};
	for (uint32_t l = 0; l < labels; l++) {
		if (score[l] > verdict->best[MODEL_GUESSES - 1].confidence)
			keep_best(verdict->best, l, score[l]);
	}
	uint32_t best = verdict->best[0].label;
	softmax_powers(score, labels, verdict->best[0].confidence, model->head->sharpness);
	score[best] = 0;
	float others = softmax_sum(score, labels), logit = -logf(fmaxf(others, 1e-9f));
	float sure = 1 / (1 + expf(-(model->head->tilt * logit + model->head->shift)));
	float by = others > 0 ? (1 - sure) / others : 0;
	for (uint32_t l = 0; l < labels; l++)
		score[l] *= by;
	score[best] = sure;
	verdict->guesses = labels < MODEL_GUESSES ? labels : MODEL_GUESSES;
	/* where the best is hardly sure, another's part of what is left may be more */
	for (uint32_t i = 0; i < verdict->guesses; i++)
		verdict->best[i].confidence = fminf(score[verdict->best[i].label], sure);
}

/* The service of the answer, or, when there is none, the likeliest. */
static void say_service(const struct model *model, const float *probability,
			struct verdict *verdict)
{
	float sum[MODEL_LABELS_MAX];
	uint32_t labels = model->head->labels, best = model->service[verdict->best[0].label];
	memset(sum, 0, labels * sizeof(*sum));
	for (uint32_t l = 0; l < labels; l++)
		sum[model->service[l]] += probability[l];
	for (uint32_t l = 0; l < labels && verdict->abstained; l++)
		best = sum[l] > sum[best] ? l : best;
	verdict->service = best;
	verdict->service_size = model->service_size[best];
	verdict->service_confidence = sum[best];
	verdict->service_sure = !verdict->abstained || sum[best] >= model->head->service_threshold;
}

static inline uint32_t token_start(const struct features *features, uint32_t token)
{
	return token ? features->token_end[token - 1] : 0;
}

/* Whether a token that begins with the feature is a word that the text has several times. */
static inline bool is_repeated_word(const struct features *features, uint32_t feature)
{
	return features->count_of[feature] > 1 &&
	       FEATURE_BLOCK(features->hash[feature]) == FEATURE_WORD;
}

/* Of the same word, the first token. What first_with has of earlier texts is none before this. */
static inline uint32_t first_of_word(const struct features *features, uint32_t token)
{
	uint32_t own = features->seen[token_start(features, token)];
	uint32_t *first = &features->first_with[own];
	if (!is_repeated_word(features, own))
		return token;
	if (*first >= token || features->seen[token_start(features, *first)] != own)
		*first = token;
	return *first;
}

/* Not to be said again. Equal words are one already; equal runs have the same n-grams. */
static inline void leave_out(const struct features *features, uint32_t token)
{
	const uint32_t *seen = features->seen, *end = features->token_end;
	uint32_t start = token_start(features, token), size = end[token] - start;
	features->by_token[token] = 0;
	if (features->count_of[seen[start]] == 1 || is_repeated_word(features, seen[start]))
		return;
	for (uint32_t t = token + 1; t < features->token_count; t++) {
		if (end[t] - end[t - 1] == size &&
		    memcmp(seen + end[t - 1], seen + start, size * sizeof(*seen)) == 0)
			features->by_token[t] = 0;
	}
}

/* The tokens whose features speak most for the best guess, each once. */
ANY_PROCESSOR
static void say_terms(const struct model *model, struct features *features, const struct hit *hits,
		      size_t count, struct verdict *verdict)
{
	uint32_t label = verdict->best[0].label, labels = model->head->labels;
	float *speaks = features->speaks, *by_token = features->by_token;
	memset(speaks, 0, features->count * sizeof(*speaks));
	for (size_t i = 0; i < count; i++)
		speaks[hits[i].feature] =
		    (float)(hits[i].weight * row_tells(hits[i].row, label, labels)) *
		    model->part[least(features->count_of[hits[i].feature], 255)];
	for (uint32_t t = 0, i = 0; t < features->token_count; t++) {
		float sum = 0;
		for (; i < features->token_end[t]; i++)
			sum += speaks[features->seen[i]];
		by_token[t] = 0;
		by_token[first_of_word(features, t)] += sum;
	}
	while (verdict->term_count < MODEL_TERMS) {
		uint32_t best = 0;
		for (uint32_t i = 1; i < features->token_count; i++)
			best = by_token[i] > by_token[best] ? i : best;
		if (by_token[best] <= 0)
			return;
		verdict->terms[verdict->term_count++] = best;
		leave_out(features, best);
	}
}

void model_judge(const struct model *model, struct features *features, struct verdict *verdict)
{
	float score[MODEL_LABELS_MAX + SOFTMAX_LANES];
	*verdict = (struct verdict){.abstained = true};
	if (!features->hits)
		features->hits = x_calloc(FEATURES_MAX, sizeof(*features->hits));
	struct hit *hits = features->hits;
	size_t count = look_up(model, features, hits);
	if (!count)
		return;
	float unit = weigh(model, features, hits, count);
	rows_add(hits, count, model->head->labels, score);
	for (uint32_t l = 0; l < model->head->labels; l++)
		score[l] = model->bias[l] + unit * score[l];
	for (uint32_t l = model->head->labels; l % SOFTMAX_LANES; l++)
		score[l] = 0; /* softmax_powers reads it */
	be_honest(model, score, verdict);
	float known = (float)count / (float)features->count;
	verdict->abstained =
	    verdict->best[0].confidence < model->threshold[verdict->best[0].label] ||
	    known < model->head->least_known;
	say_service(model, score, verdict);
	verdict->service_sure &= known >= model->head->least_known;
	say_terms(model, features, hits, count, verdict);
}
