#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "model_file.h"
#include "processor.h"
#include "util/alloc.h"
#include "util/log.h"
#include "util/text.h"

/* ---- services ----------------------------------------------------------------------------- */

/* service.topic: both of small letters, digits and _; 0: the name has another form. */
static size_t service_size(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	size_t service = strspn(name, letters);
	size_t topic = name[service] == '.' ? strspn(name + service + 1, letters) : 0;
	return service && topic && !name[service + 1 + topic] ? service : 0;
}

void model_services(const char *const *names, uint32_t count, uint32_t *service)
{
	for (uint32_t l = 0; l < count; l++) {
		size_t size = service_size(names[l]);
		service[l] = l;
		for (uint32_t other = 0; size && other < l && service[l] == l; other++) {
			if (service_size(names[other]) == size &&
			    strncmp(names[other], names[l], size) == 0)
				service[l] = other;
		}
	}
}

/* ---- the file ------------------------------------------------------------------------------- */

struct cursor {
	const char *at;
	size_t left;
};

/* The file's next part. NULL: the file is shorter than it says. */
static const void *take(struct cursor *cursor, size_t count, size_t size)
{
	if (count > SIZE_MAX / 2 / size)
		return NULL;
	size_t padded = (count * size + MODEL_ALIGNED - 1) / MODEL_ALIGNED * MODEL_ALIGNED;
	const void *here = cursor->at;
	if (padded > cursor->left)
		return NULL;
	cursor->at += padded;
	cursor->left -= padded;
	return here;
}

static const char *fault_of_head(const struct model_head *head, size_t size)
{
	uint8_t checksum[MODEL_CHECKSUM];
	size_t from = offsetof(struct model_head, size);
	if (size < sizeof(*head) || memcmp(head->magic, MODEL_MAGIC, sizeof(head->magic)) != 0)
		return "is no model of this version of the program";
	if (head->size != size)
		return head->size > size ? "is cut short" : "is longer than it should be";
	crypto_generichash(checksum, sizeof(checksum), (const uint8_t *)head + from, size - from,
			   NULL, 0);
	if (memcmp(checksum, head->checksum, sizeof(checksum)) != 0)
		return "is damaged: its checksum is wrong";
	return NULL;
}

/* A file whose checksum is right may still have been made to harm. */
static bool numbers_are_sound(const struct model_head *head)
{
	return head->labels >= 1 && head->labels <= MODEL_LABELS_MAX &&
	       head->rows_size < UINT32_C(1) << 24 &&
	       (uint64_t)head->buckets * MODEL_BUCKET > head->features &&
	       memchr(head->card.version, '\0', sizeof(head->card.version)) &&
	       memchr(head->card.fingerprint, '\0', sizeof(head->card.fingerprint)) &&
	       head->names_size >= head->labels && isfinite(head->sharpness) &&
	       head->sharpness > 0 && isfinite(head->tilt) && isfinite(head->shift);
}

static bool are_shares(const float *share, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!(share[i] >= 0 && share[i] <= 1.001f))
			return false;
	}
	return true;
}

static bool read_parts(struct model *model, struct cursor *cursor)
{
	const struct model_head *head = model->head;
	model->bias = take(cursor, head->labels, sizeof(*model->bias));
	model->threshold = take(cursor, head->labels, sizeof(*model->threshold));
	model->share = take(cursor, head->labels, sizeof(*model->share));
	const char *names = take(cursor, head->names_size, 1);
	model->languages = take(cursor, head->languages_size, 1);
	model->bucket = take(cursor, head->buckets, sizeof(*model->bucket));
	model->row = take(cursor, head->rows_size, sizeof(*model->row));
	model->label_bits = model_label_bits(head->labels);
	if (!model->bias || !model->threshold || !model->share ||
	    !are_shares(model->share, head->labels) ||
	    !are_shares(head->confidence_share, MODEL_STEPS) || !names || !model->languages ||
	    !model->bucket || !model->row || cursor->left || names[head->names_size - 1] ||
	    (head->languages_size && model->languages[head->languages_size - 1]))
		return false;
	model->name = x_calloc(head->labels, sizeof(*model->name));
	const char *end = names + head->names_size;
	for (uint32_t l = 0; l < head->labels; l++) {
		if (names == end)
			return false;
		model->name[l] = names;
		names += strlen(names) + 1;
	}
	return names == end;
}

/* Used places come first, and no tag twice: a search takes all rows of a tag at once. */
static bool tags_are_sound(const struct model_bucket *bucket)
{
	for (uint32_t k = 1; k < MODEL_BUCKET; k++) {
		if (bucket->tag[k] && !bucket->tag[k - 1])
			return false;
		for (uint32_t other = 0; bucket->tag[k] && other < k; other++) {
			if (bucket->tag[other] == bucket->tag[k])
				return false;
		}
	}
	return true;
}

static bool row_is_sound(const struct model *model, uint32_t at)
{
	uint32_t size = model->head->rows_size, mask = (1u << model->label_bits) - 1;
	const struct model_row *row = (const void *)(model->row + at);
	if (size < 2 || at > size - 2 || row->count > size - 2 - at)
		return false;
	if (model->head->labels <= MODEL_FEW && row->count != model_lanes(model->head->labels) / 2)
		return false;
	for (uint32_t i = 0; model->head->labels > MODEL_FEW && i < row->count; i++) {
		if ((row->entry[i] & mask) >= model->head->labels)
			return false;
	}
	return isfinite(model_scale(row->scale));
}

/* Every search must end, and every row be there. */
static bool buckets_are_sound(const struct model *model)
{
	uint32_t used = 0;
	for (uint32_t i = 0; i < model->head->buckets; i++) {
		const struct model_bucket *bucket = &model->bucket[i];
		if (!tags_are_sound(bucket))
			return false;
		for (uint32_t k = 0; k < MODEL_BUCKET && bucket->tag[k]; k++) {
			if (!row_is_sound(model, bucket->row[k] >> 8))
				return false;
			used++;
		}
	}
	return used == model->head->features;
}

static struct model *model_open(char *memory, size_t size, const char **fault)
{
	struct model *model = x_calloc(1, sizeof(*model));
	struct cursor cursor = {memory, size};
	model->memory = memory;
	model->head = (const void *)memory;
	*fault = fault_of_head(model->head, size);
	if (!*fault &&
	    (!numbers_are_sound(model->head) || !take(&cursor, 1, sizeof(*model->head)) ||
	     !read_parts(model, &cursor) || !buckets_are_sound(model)))
		*fault = "contradicts itself";
	if (*fault)
		model_free(&model);
	return model;
}

/* In large pages where the system has them: a text's features are all over the model. */
static char *into_large_pages(char *bytes, size_t size)
{
	enum { LARGE = 2 * 1024 * 1024 };
	size_t aligned = size > LARGE ? LARGE : MODEL_ALIGNED;
	size_t room = (size + aligned) / aligned * aligned;
	char *large = aligned_alloc(aligned, room);
	if (!large)
		fatal("out of memory");
	if (aligned == LARGE) /* an advice: without it all works, slower */
		(void)madvise(large, room, MADV_HUGEPAGE);
	memcpy(large, bytes, size);
	free(bytes);
	return large;
}

struct model *model_load(const char *file, struct err *err)
{
	char reason[160];
	const char *fault;
	size_t size;
	char *memory = text_read_file(file, MODEL_FILE_MAX, &size, reason);
	if (!memory) {
		err_set(err, "model.file: %s: %s", file, reason);
		return NULL;
	}
	struct model *model = model_open(into_large_pages(memory, size), size, &fault);
	if (!model) {
		err_set(err, "model.file: %s %s", file, fault);
		return NULL;
	}
	model->service = x_calloc(model->head->labels, sizeof(*model->service));
	model->service_size = x_calloc(model->head->labels, sizeof(*model->service_size));
	model_services(model->name, model->head->labels, model->service);
	for (uint32_t l = 0; l < model->head->labels; l++) {
		size_t bytes = service_size(model->name[l]);
		model->service_size[l] = (uint32_t)(bytes ? bytes : strlen(model->name[l]));
	}
	for (uint32_t i = 0; i < 256; i++) {
		model->heft[i] = model_heft(i);
		model->voices[i] = model_voices(i);
	}
	return model;
}

void model_free(struct model **model)
{
	if (!*model)
		return;
	free((*model)->name);
	free((*model)->service);
	free((*model)->service_size);
	free((*model)->memory);
	free(*model);
	*model = NULL;
}

/* ---- what it says of itself ------------------------------------------------------------------ */

const struct model_card *model_card(const struct model *model)
{
	return &model->head->card;
}

uint32_t model_labels(const struct model *model)
{
	return model->head->labels;
}

const float *model_label_shares(const struct model *model)
{
	return model->share;
}

const float *model_confidence_shares(const struct model *model)
{
	return model->head->confidence_share;
}

const char *model_label(const struct model *model, uint32_t label)
{
	return model->name[label];
}

bool model_knows_language(const struct model *model, const char *language)
{
	const char *end = model->languages + model->head->languages_size;
	for (const char *known = model->languages; known < end; known += strlen(known) + 1) {
		if (strcmp(known, language) == 0)
			return true;
	}
	return model->head->languages_size == 0;
}

/* ---- judging --------------------------------------------------------------------------------- */

/* A feature of the text that the model knows. */
struct hit {
	const struct model_row *row;
	float value;      /* of the feature, and later of its row's numbers */
	uint32_t feature; /* of the text */
};

typedef uint32_t four __attribute__((vector_size(16)));
typedef uint64_t two __attribute__((vector_size(16)));

/* The bucket's number at the tag, 0: it is not there. All are looked at: no branch to
 * guess. */
static inline uint32_t row_at(const struct model_bucket *bucket, uint32_t tag)
{
	four tags[2], rows[2];
	memcpy(tags, bucket->tag, sizeof(tags));
	memcpy(rows, bucket->row, sizeof(rows));
	four found = ((four)(tags[0] == tag) & rows[0]) | ((four)(tags[1] == tag) & rows[1]);
	two halves = (two)found;
	uint64_t either = halves[0] | halves[1];
	return (uint32_t)(either | either >> 32);
}

static inline uint32_t find(const struct model *model, uint64_t hash)
{
	uint32_t at = model_place(hash, model->head->buckets), tag = model_tag(hash);
	for (;;) {
		const struct model_bucket *bucket = &model->bucket[at];
		uint32_t found = row_at(bucket, tag);
		if (found || !bucket->tag[MODEL_BUCKET - 1])
			return found;
		at = at + 1 == model->head->buckets ? 0 : at + 1;
	}
}

/* The known features, as parts of a vector of length 1; returns how many. */
static size_t look_up(const struct model *model, const struct features *features, struct hit *hits)
{
	enum { AHEAD = 32 };
	float sum = 0;
	size_t found = 0;
	for (size_t i = 0; i < features->count; i++) {
		if (i + AHEAD < features->count)
			__builtin_prefetch(&model->bucket[model_place(features->hash[i + AHEAD],
								      model->head->buckets)]);
		uint32_t slot = find(model, features->hash[i]);
		if (!slot)
			continue;
		uint32_t times = features->count_of[i];
		float value = model->voices[times > 255 ? 255 : times] * model->heft[slot & 255];
		const uint16_t *at = model->row + (slot >> 8);
		__builtin_prefetch(at);
		__builtin_prefetch(at + 16); /* a row of many entries goes on there */
		hits[found++] = (struct hit){(const void *)at, value, (uint32_t)i};
		sum += value * value;
	}
	float by = found ? 1 / sqrtf(sum) : 0;
	for (size_t i = 0; i < found; i++)
		hits[i].value *= by * model_scale(hits[i].row->scale);
	return found;
}

typedef int8_t bytes_of_lane __attribute__((vector_size(MODEL_LANES)));
typedef float lane __attribute__((vector_size(MODEL_LANES * sizeof(float))));

/* Rows with a byte for every label. */
ANY_PROCESSOR
static void add_full_rows(const struct hit *hits, size_t count, uint32_t lanes, float *scores)
{
	for (uint32_t at = 0; at < lanes; at += MODEL_LANES) {
		lane sum = {0};
		for (size_t i = 0; i < count; i++) {
			bytes_of_lane bytes;
			memcpy(&bytes, (const int8_t *)hits[i].row->entry + at, sizeof(bytes));
			sum += hits[i].value * __builtin_convertvector(bytes, lane);
		}
		for (uint32_t l = 0; l < MODEL_LANES; l++)
			scores[at + l] += sum[l];
	}
}

static inline float number(uint16_t entry, uint32_t label_bits)
{
	return (float)((int16_t)entry >> label_bits);
}

static void add_rows(const struct model *model, const struct hit *hits, size_t count,
		     float *restrict scores)
{
	uint32_t bits = model->label_bits, mask = (1u << bits) - 1;
	for (size_t i = 0; i < count; i++) {
		const uint16_t *entry = hits[i].row->entry, *end = entry + hits[i].row->count;
		float value = hits[i].value;
		for (; entry < end; entry++)
			scores[*entry & mask] += value * number(*entry, bits);
	}
}

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
	float others = 0;
	for (int i = 0; i < MODEL_GUESSES; i++)
		verdict->best[i] = (struct model_guess){0, -INFINITY};
	for (uint32_t l = 0; l < labels; l++)
		keep_best(verdict->best, l, score[l]);
	uint32_t best = verdict->best[0].label;
	float top = verdict->best[0].confidence;
	for (uint32_t l = 0; l < labels; l++) {
		score[l] = expf(model->head->sharpness * (score[l] - top));
		others += l == best ? 0 : score[l];
	}
	float logit = -logf(fmaxf(others, 1e-9f));
	float sure = 1 / (1 + expf(-(model->head->tilt * logit + model->head->shift)));
	for (uint32_t l = 0; l < labels; l++)
		score[l] = l == best ? sure : others > 0 ? score[l] / others * (1 - sure) : 0;
	verdict->guesses = labels < MODEL_GUESSES ? labels : MODEL_GUESSES;
	for (uint32_t i = 0; i < verdict->guesses; i++)
		verdict->best[i].confidence = score[verdict->best[i].label];
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

/* What the feature adds to the label. */
static float says(const struct model *model, const struct hit *hit, uint32_t label)
{
	uint32_t mask = (1u << model->label_bits) - 1;
	const uint16_t *entry = hit->row->entry, *end = entry + hit->row->count;
	if (model->head->labels <= MODEL_FEW)
		return hit->value * ((const int8_t *)entry)[label];
	while (entry < end && (*entry & mask) != label)
		entry++;
	return entry < end ? hit->value * number(*entry, model->label_bits) : 0;
}

/* The tokens whose features speak most for the best guess. */
static void say_terms(const struct model *model, struct features *features, const struct hit *hits,
		      size_t count, struct verdict *verdict)
{
	uint32_t label = verdict->best[0].label;
	float *speaks = features->speaks, *by_token = features->by_token;
	memset(speaks, 0, features->count * sizeof(*speaks));
	for (size_t i = 0; i < count; i++)
		speaks[hits[i].feature] =
		    says(model, &hits[i], label) / (float)features->count_of[hits[i].feature];
	for (size_t t = 0, i = 0; t < features->token_count; t++) {
		by_token[t] = 0;
		for (; i < features->token_end[t]; i++)
			by_token[t] += speaks[features->seen[i]];
	}
	while (verdict->term_count < MODEL_TERMS) {
		uint32_t best = 0;
		for (uint32_t i = 1; i < features->token_count; i++)
			best = by_token[i] > by_token[best] ? i : best;
		if (by_token[best] <= 0)
			return;
		verdict->terms[verdict->term_count++] = best;
		by_token[best] = 0;
	}
}

void model_judge(const struct model *model, struct features *features, struct verdict *verdict)
{
	float score[MODEL_LABELS_MAX + MODEL_LANES];
	uint32_t labels = model->head->labels;
	*verdict = (struct verdict){.abstained = true};
	if (!features->hits)
		features->hits = x_calloc(FEATURES_MAX, sizeof(*features->hits));
	struct hit *hits = features->hits;
	size_t count = look_up(model, features, hits);
	if (!count)
		return;
	memcpy(score, model->bias, labels * sizeof(*score));
	if (labels <= MODEL_FEW)
		add_full_rows(hits, count, model_lanes(labels), score);
	else
		add_rows(model, hits, count, score);
	be_honest(model, score, verdict);
	float known = (float)count / (float)features->count;
	verdict->abstained =
	    verdict->best[0].confidence < model->threshold[verdict->best[0].label] ||
	    known < model->head->least_known;
	say_service(model, score, verdict);
	verdict->service_sure &= known >= model->head->least_known;
	say_terms(model, features, hits, count, verdict);
}
