/* A model from a few texts, as redress-train makes one: what it answers, and which files are
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model_file.h"
#include "training/model_write.h"
#include "training/tune.h"
#include "with_fold_table.h"

#define FILE_NAME "test_model.model"

static const char *const labels[] = {"roads.pothole", "roads.snow", "waste.collection",
				     "lighting.street"};
static const char *const words[][6] = {
    {"pothole", "hole", "asphalt", "crater", "tyre", "road"},
    {"snow", "ice", "slippery", "plough", "gritting", "road"},
    {"rubbish", "bin", "garbage", "collection", "lorry", "bags"},
    {"lamp", "light", "dark", "路灯", "bulb", "night"},
};

static struct folded folded;
static struct features features;

static void quiet(const char *what)
{
	(void)what;
}

static struct corpus *make_corpus(void)
{
	struct corpus_builder *builder = corpus_builder_new(CORPUS_FEATURES_MAX);
	struct err err;
	char text[200];
	for (int i = 0; i < 240; i++) {
		const char *const *of = words[i % 4];
		snprintf(text, sizeof(text), "please the %s and the %s near our house, %s",
			 of[i / 4 % 6], of[i / 24 % 6], of[(i / 4 + i / 24 + 1) % 6]);
		assert_int_equal(corpus_add(builder, text, strlen(text), labels[i % 4], "en", &err),
				 0);
	}
	return corpus_finish(&builder);
}

static int set_up(void **state)
{
	struct err err;
	struct tuned tuned;
	struct calibration calibration;
	uint32_t service[4];
	with_fold_table(state);
	struct corpus *corpus = make_corpus();
	struct texts all = corpus_texts(corpus);
	model_services((const char *const *)corpus->labels.name, 4, service);
	tune(corpus, quiet, &tuned);
	calibrate(&tuned.held, service, 0.9, &calibration);
	struct learned *learned = learn(&all, &tuned.recipe);
	static const float shares[] = {0.1f, 0.2f, 0.3f, 0.4f};
	struct model_parts parts = {.corpus = corpus,
				    .learned = learned,
				    .label_share = shares,
				    .confidence_share = {[3] = 0.25f, [9] = 0.75f},
				    .calibration = &calibration,
				    .least_known = tuned.least_known};
	snprintf(parts.card.version, sizeof(parts.card.version), "test-1");
	assert_int_equal(model_write(FILE_NAME, &parts, &err), 0);
	learned_free(&learned);
	calibration_free(&calibration);
	tuned_free(&tuned);
	corpus_free(&corpus);
	return 0;
}

static int tear_down(void **state)
{
	folded_free(&folded);
	features_free(&features);
	unlink(FILE_NAME);
	return drop_fold_table(state);
}

#define MANY 70 /* labels: more than a byte each would fit into a line */

/* What marks the texts of a label, spelled so that few of its letters are another's as well. */
static void mark(int label, char *word)
{
	snprintf(word, 20, "%c%c%c%c", 'a' + label / 9, 'k' + label % 9, 'a' + label / 9,
		 'k' + label % 9);
}

static void write_many(const char *file)
{
	struct err err;
	char text[80], name[20], word[20];
	float none[MANY] = {0}, shares[MANY] = {1};
	struct corpus_builder *builder = corpus_builder_new(CORPUS_FEATURES_MAX);
	for (int i = 0; i < 4 * MANY; i++) {
		mark(i % MANY, word);
		snprintf(text, sizeof(text), "there is %s in our street since %d days", word,
			 i / MANY);
		snprintf(name, sizeof(name), "kind.%d", i % MANY);
		assert_int_equal(corpus_add(builder, text, strlen(text), name, "en", &err), 0);
	}
	struct corpus *corpus = corpus_finish(&builder);
	struct texts all = corpus_texts(corpus);
	struct learned *learned = learn(&all, &(struct recipe){.focus = 0.5f, .cost = 1});
	struct calibration calibration = {
	    .sharpness = 20, .tilt = 1, .bias = none, .threshold = none};
	struct model_parts parts = {.corpus = corpus,
				    .learned = learned,
				    .label_share = shares,
				    .calibration = &calibration};
	assert_int_equal(model_write(file, &parts, &err), 0);
	learned_free(&learned);
	corpus_free(&corpus);
}

static struct verdict judge(const struct model *model, const char *text)
{
	struct verdict verdict;
	fold(table, text, strlen(text), &folded);
	features_of(&folded, &features);
	model_judge(model, &features, &verdict);
	return verdict;
}

static struct model *load(void)
{
	struct err err;
	struct model *model = model_load(FILE_NAME, &err);
	assert_non_null(model);
	return model;
}

static void answers(void **state)
{
	struct model *model = load();
	(void)state;
	assert_string_equal(model_card(model)->version, "test-1");
	assert_true(model_label_shares(model)[1] > 0.19f && model_label_shares(model)[3] < 0.41f);
	assert_true(model_confidence_shares(model)[3] > 0.24f &&
		    model_confidence_shares(model)[4] <= 0);
	assert_int_equal(model_labels(model), 4);
	for (int l = 0; l < 4; l++) {
		struct verdict verdict = judge(model, words[l][1]);
		assert_string_equal(model_label(model, verdict.best[0].label), labels[l]);
		assert_true(verdict.best[0].confidence >= verdict.best[1].confidence);
		assert_true(verdict.best[1].confidence >= verdict.best[2].confidence);
		assert_int_equal(verdict.guesses, 3);
	}
	model_free(&model);
}

/* Same text, same answer; case and spaces change nothing at all. */
static void is_steady(void **state)
{
	struct model *model = load();
	struct verdict first = judge(model, "There is snow and ice on the road");
	struct verdict again = judge(model, "There is snow and ice on the road");
	struct verdict other = judge(model, "  THERE is  SNOW and\n\tice on the ROAD ");
	(void)state;
	assert_memory_equal(&first, &again, sizeof(first));
	assert_memory_equal(&first, &other, sizeof(first));
	model_free(&model);
}

static void unseen_script_abstains(void **state)
{
	static const char *const texts[] = {"", "...", "የመንገድ መብራት አይሰራም", "დიდი ორმო გზაზე",
					    "12 ᚠᚢᚦ"};
	struct model *model = load();
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct verdict verdict = judge(model, texts[i]);
		assert_true(verdict.abstained);
		assert_false(verdict.service_sure);
	}
	model_free(&model);
}

static void a_foreign_text_with_one_known_word_abstains(void **state)
{
	struct model *model = load();
	struct verdict verdict =
	    judge(model, "Kaupungin katuvalaistus pitkospuiden kohdalla "
			 "kytkeytyy väärään aikaan, snow, kunnossapito tyhjästä");
	(void)state;
	assert_true(verdict.abstained);
	model_free(&model);
}

static void terms_are_what_decided(void **state)
{
	struct model *model = load();
	char term[40];
	struct verdict verdict = judge(model, "please look near our house, the garbage is there");
	(void)state;
	assert_true(verdict.term_count > 0);
	fold_token_text(&folded, &folded.tokens[verdict.terms[0]], term, sizeof(term));
	assert_string_equal(term, "garbage");
	model_free(&model);
}

static size_t said(const struct verdict *verdict, const char *word)
{
	char term[40];
	size_t times = 0;
	for (uint32_t i = 0; i < verdict->term_count; i++) {
		fold_token_text(&folded, &folded.tokens[verdict->terms[i]], term, sizeof(term));
		times += strcmp(term, word) == 0;
	}
	return times;
}

/* Also where a neighbour's pair weighs as well, and of a script without spaces. */
static void a_term_is_said_once(void **state)
{
	struct model *model = load();
	struct verdict verdict =
	    judge(model, "garbage, the garbage and the GARBAGE near our garbage bin");
	(void)state;
	assert_int_equal(said(&verdict, "garbage"), 1);
	assert_int_equal(said(&verdict, "bin"), 1);
	verdict = judge(model, "路灯, 路灯坏。路灯, 路灯! 路灯大");
	assert_int_equal(said(&verdict, "路灯"), 1);
	assert_int_equal(said(&verdict, "路灯坏"), 1);
	assert_int_equal(said(&verdict, "路灯大"), 1);
	model_free(&model);
}

/* What a word says is shared out among the places where it stands, and added up again. */
static void repeated_words_weigh_as_one(void **state)
{
	struct model *model = load();
	struct verdict verdict = judge(model, "snow, ice. snow, please, snow, house, snow, our, "
					      "snow, please, snow, house, snow, near snow");
	(void)state;
	assert_int_equal(said(&verdict, "snow"), 1);
	assert_int_equal(verdict.terms[0], 0);
	model_free(&model);
}

/* "road" is said of both topics of roads: the topic is open, the service is not. */
static void service_is_the_sum_of_its_topics(void **state)
{
	struct model *model = load();
	struct verdict verdict = judge(model, "the road near our house, road");
	(void)state;
	assert_int_equal(verdict.service_size, 5);
	assert_memory_equal(model_label(model, verdict.service), "roads", 5);
	assert_true(verdict.service_confidence > verdict.best[0].confidence + 0.05f);
	assert_true(verdict.service_confidence <= 1.00001f);
	model_free(&model);
}

static void services_go_by_the_name(void **state)
{
	static const char *const names[] = {"roads.snow", "Dr. Roads", "roads.pothole", "roads",
					    "road.snow",  "Dr. Waste", "roads.a.b"};
	uint32_t service[7];
	static const uint32_t wanted[] = {0, 1, 0, 3, 4, 5, 6};
	(void)state;
	model_services(names, 7, service);
	assert_memory_equal(service, wanted, sizeof(wanted));
}

static void knows_its_languages(void **state)
{
	struct model *model = load();
	(void)state;
	assert_true(model_knows_language(model, "en"));
	assert_true(model_knows_language(model, "en-Latn"));
	assert_false(model_knows_language(model, "enm"));
	assert_false(model_knows_language(model, "fi"));
	assert_false(model_knows_language(model, "e"));
	model_free(&model);
}

static void answers_with_many_labels(void **state)
{
	static const char file[] = "test_model.many";
	char text[80], name[20], word[20];
	struct err err;
	(void)state;
	write_many(file);
	struct model *model = model_load(file, &err);
	assert_non_null(model);
	for (int l = 0; l < MANY; l++) {
		mark(l, word);
		snprintf(text, sizeof(text), "since last week there is %s", word);
		snprintf(name, sizeof(name), "kind.%d", l);
		struct verdict verdict = judge(model, text);
		assert_string_equal(model_label(model, verdict.best[0].label), name);
		fold_token_text(&folded, &folded.tokens[verdict.terms[0]], text, sizeof(text));
		assert_string_equal(text, word);
	}
	model_free(&model);
	unlink(file);
}

/* ---- the file ------------------------------------------------------------------------------- */

static char *read_file(size_t *size)
{
	FILE *file = fopen(FILE_NAME, "rb");
	char *bytes = malloc(1 << 20);
	*size = fread(bytes, 1, 1 << 20, file);
	fclose(file);
	return bytes;
}

/* NULL: it was taken. */
static const char *refused(const char *bytes, size_t size)
{
	static struct err err;
	FILE *file = fopen("test_model.bad", "wb");
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
	struct model *model = model_load("test_model.bad", &err);
	unlink("test_model.bad");
	if (!model)
		return err.text;
	model_free(&model);
	return NULL;
}

static void damaged_files_are_refused(void **state)
{
	size_t size;
	char *bytes = read_file(&size);
	(void)state;
	assert_null(refused(bytes, size));
	for (size_t cut = 0; cut < size; cut += cut < 600 ? 1 : 997)
		assert_non_null(refused(bytes, cut));
	assert_non_null(strstr(refused(bytes, size - 1), "cut short"));
	for (size_t at = 0; at < size; at += at < 600 ? 1 : 997) {
		bytes[at] ^= 0x20;
		assert_non_null(refused(bytes, size));
		bytes[at] ^= 0x20;
	}
	bytes[size - 1] ^= 1;
	assert_non_null(strstr(refused(bytes, size), "checksum"));
	free(bytes);
}

static void sign(char *bytes, size_t size)
{
	size_t from = offsetof(struct model_head, size);
	crypto_generichash((uint8_t *)bytes + offsetof(struct model_head, checksum), MODEL_CHECKSUM,
			   (uint8_t *)bytes + from, size - from, NULL, 0);
}

/* The checksum is right, the numbers are not: each must be seen before it is used. */
static void contradictions_are_refused(void **state)
{
	size_t size;
	char *bytes = read_file(&size);
	struct model_head *head = (void *)bytes, good = *head;
	(void)state;
	assert_true(sodium_init() >= 0);
	for (int i = 0; i < 13; i++) {
		*head = good;
		switch (i) {
		case 0:
			head->labels = 0;
			break;
		case 1:
			head->labels = 5;
			break;
		case 2:
			head->labels = UINT32_MAX;
			break;
		case 3:
			head->buckets = 0;
			break;
		case 4:
			head->buckets++;
			break;
		case 5:
			head->features--;
			break;
		case 6:
			head->features = UINT32_MAX;
			break;
		case 7:
			head->names_size = UINT32_MAX;
			break;
		case 8:
			head->languages_size += MODEL_ALIGNED;
			break;
		case 9:
			head->sharpness = NAN;
			break;
		case 10:
			memset(head->card.version, 'x', sizeof(head->card.version));
			break;
		case 11:
			head->names_size -= MODEL_ALIGNED;
			break;
		case 12:
			head->confidence_share[2] = NAN;
			break;
		}
		sign(bytes, size);
		if (!refused(bytes, size))
			fail_msg("contradiction %d was taken", i);
	}
	*head = good;
	sign(bytes, size);
	assert_null(refused(bytes, size));
	free(bytes);
}

/* The checksum is right, what it decides by is no number or out of its range. */
static void wrong_decisions_are_refused(void **state)
{
	static const float wrong[] = {NAN, INFINITY, -INFINITY, -0.5f, 2.5f};
	size_t size, after_head = (sizeof(struct model_head) + MODEL_ALIGNED - 1) / MODEL_ALIGNED;
	char *bytes = read_file(&size);
	struct model_head *head = (void *)bytes;
	float *bias = (void *)(bytes + after_head * MODEL_ALIGNED);
	float *threshold = bias + MODEL_ALIGNED / sizeof(*bias); /* four labels fill one line */
	float *const of[] = {&bias[3], &threshold[3], &head->service_threshold, &head->least_known};
	(void)state;
	assert_true(sodium_init() >= 0);
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		float good = *of[i];
		for (size_t k = 0; k < (i ? 5 : 3); k++) { /* a bias may be below 0 */
			*of[i] = wrong[k];
			sign(bytes, size);
			if (!refused(bytes, size))
				fail_msg("%g was taken for number %zu", (double)wrong[k], i);
		}
		*of[i] = good;
	}
	for (size_t i = 1; i < 3; i++) { /* what is never said */
		float good = *of[i];
		*of[i] = 2;
		sign(bytes, size);
		assert_null(refused(bytes, size));
		*of[i] = good;
	}
	free(bytes);
}

/* Labels and version are said as they are, to programs that expect UTF-8. */
static void names_that_are_no_utf8_are_refused(void **state)
{
	size_t size;
	char *bytes = read_file(&size);
	struct model_head *head = (void *)bytes;
	size_t line = MODEL_ALIGNED, lines = (sizeof(*head) + line - 1) / line;
	char *const of[] = {head->card.version,
			    bytes + (lines + 3) * line}; /* after three arrays */
	(void)state;
	assert_true(sodium_init() >= 0);
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		char good = *of[i];
		*of[i] = (char)0xFF;
		sign(bytes, size);
		if (!refused(bytes, size))
			fail_msg("name %zu was taken", i);
		*of[i] = good;
	}
	sign(bytes, size);
	assert_null(refused(bytes, size));
	free(bytes);
}

static struct model_bucket *bucket_with(char *bytes, int tags)
{
	const struct model_head *head = (void *)bytes;
	size_t rows = head->features * (size_t)model_row_size(head->labels);
	size_t padded = (rows + MODEL_ALIGNED - 1) / MODEL_ALIGNED * MODEL_ALIGNED;
	char *begin = bytes + head->size - padded - head->buckets * sizeof(struct model_bucket);
	struct model_bucket *bucket = (void *)begin;
	while (!bucket->tag[tags - 1])
		bucket++;
	return bucket;
}

/* A search must end and lead to a row that there is. */
static void wrong_buckets_are_refused(void **state)
{
	size_t size;
	char *bytes = read_file(&size);
	struct model_bucket *bucket = bucket_with(bytes, 2), good = *bucket;
	(void)state;
	assert_true(sodium_init() >= 0);
	for (int i = 0; i < 4; i++) {
		*bucket = good;
		if (i == 0)
			bucket->first++;
		else if (i == 1)
			bucket->tag[1] = bucket->tag[0];
		else if (i == 2)
			bucket->tag[0] = 0;
		else
			bucket->tag[MODEL_BUCKET - 1] = 1;
		sign(bytes, size);
		if (!refused(bytes, size))
			fail_msg("bucket %d was taken", i);
	}
	free(bytes);
}

static void wrong_scales_are_refused(void **state)
{
	static const float wrong[] = {0, -1, NAN, INFINITY, 1e30f, 1e-30f};
	size_t size;
	char *bytes = read_file(&size);
	const struct model_head *head = (void *)bytes;
	size_t rows = head->features * (size_t)model_row_size(head->labels);
	struct model_row *row =
	    (void *)(bytes + size - (rows + MODEL_ALIGNED - 1) / MODEL_ALIGNED * MODEL_ALIGNED);
	(void)state;
	assert_true(sodium_init() >= 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint32_t bits;
		memcpy(&bits, &wrong[i], sizeof(bits));
		row->scale = (uint16_t)(bits >> 16);
		sign(bytes, size);
		if (!refused(bytes, size))
			fail_msg("scale %g was taken", (double)wrong[i]);
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_that_are_no_utf8_are_refused),
	    cmocka_unit_test(answers),
	    cmocka_unit_test(is_steady),
	    cmocka_unit_test(unseen_script_abstains),
	    cmocka_unit_test(a_foreign_text_with_one_known_word_abstains),
	    cmocka_unit_test(terms_are_what_decided),
	    cmocka_unit_test(a_term_is_said_once),
	    cmocka_unit_test(repeated_words_weigh_as_one),
	    cmocka_unit_test(service_is_the_sum_of_its_topics),
	    cmocka_unit_test(services_go_by_the_name),
	    cmocka_unit_test(answers_with_many_labels),
	    cmocka_unit_test(knows_its_languages),
	    cmocka_unit_test(damaged_files_are_refused),
	    cmocka_unit_test(contradictions_are_refused),
	    cmocka_unit_test(wrong_decisions_are_refused),
	    cmocka_unit_test(wrong_buckets_are_refused),
	    cmocka_unit_test(wrong_scales_are_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
