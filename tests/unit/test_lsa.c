/* The texts' common directions: rectangular, the strongest ones, and gone without a trace once
 * unfolded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "training/lsa.h"

enum { TEXTS = 120, N = LSA_DIRECTIONS, LANES = 8 };

struct fixture {
	struct corpus *corpus;
	float *heft;
	struct lsa *lsa;
};

/* Half of the texts are of streets, half of water; each has one of two names for its matter. */
static int set_up(void **state)
{
	static const char *const kinds[] = {"hole in the asphalt road",
					    "crater in the asphalt road", "leak of the water main",
					    "burst of the water main"};
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct err err;
	struct corpus_builder *builder = corpus_builder_new(CORPUS_FEATURES_MAX);
	for (uint32_t i = 0; i < TEXTS; i++) {
		char text[100];
		snprintf(text, sizeof(text), "%s %u", kinds[i % 4], i % 13);
		assert_int_equal(corpus_add(builder, text, strlen(text), "label", NULL, &err), 0);
	}
	fixture->corpus = corpus_finish(&builder);
	struct texts all = corpus_texts(fixture->corpus);
	fixture->heft = vector_heft(&all, 0);
	fixture->lsa = lsa_new(&all, fixture->heft);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	lsa_free(&fixture->lsa);
	free(fixture->heft);
	corpus_free(&fixture->corpus);
	free(fixture);
	return 0;
}

static double likeness(const struct lsa *lsa, size_t a, size_t b)
{
	double sum = 0;
	for (size_t k = 0; k < N; k++)
		sum += (double)lsa->place[a * N + k] * (double)lsa->place[b * N + k];
	return sum;
}

/* Forty directions hold nearly all that thirteen numbers and four names can say. */
static void texts_keep_their_length(void **state)
{
	struct fixture *fixture = *state;
	for (size_t i = 0; i < TEXTS; i++) {
		double square = likeness(fixture->lsa, i, i);
		assert_true(square > 0.98 && square < 1.001);
	}
}

static void texts_of_a_matter_lie_together(void **state)
{
	struct fixture *fixture = *state;
	assert_true(likeness(fixture->lsa, 0, 1) > 2 * likeness(fixture->lsa, 0, 2));
	assert_true(likeness(fixture->lsa, 2, 3) > 2 * likeness(fixture->lsa, 1, 3));
}

/* A text's score by its places is that by its features. */
static void unfolding_changes_no_score(void **state)
{
	struct fixture *fixture = *state;
	struct vector vector = {0};
	float of_direction[N * LANES];
	float *weight = calloc((size_t)fixture->corpus->features * LANES, sizeof(*weight));
	for (size_t i = 0; i < N * LANES; i++)
		of_direction[i] = (float)((i * 7919) % 101) / 50 - 1;
	float by_place[TEXTS][LANES] = {{0}};
	for (size_t i = 0; i < TEXTS; i++) {
		for (size_t k = 0; k < N * LANES; k++)
			by_place[i][k % LANES] +=
			    fixture->lsa->place[i * N + k / LANES] * of_direction[k];
	}
	lsa_unfold(fixture->lsa, of_direction, LANES, weight);
	for (uint32_t i = 0; i < TEXTS; i++) {
		vector_read(fixture->corpus, fixture->heft, i, &vector);
		for (size_t l = 0; l < LANES; l++) {
			float sum = 0;
			for (size_t e = 0; e < vector.count; e++)
				sum += vector.value[e] * weight[vector.feature[e] * LANES + l];
			assert_true(fabsf(sum - by_place[i][l]) < 0.01f);
		}
	}
	vector_free(&vector);
	free(weight);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(texts_keep_their_length, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(texts_of_a_matter_lie_together, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(unfolding_changes_no_score, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
