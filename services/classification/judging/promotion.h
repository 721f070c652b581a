/*
 * Whether the model on trial may replace the one that serves: both were asked about the same cases,
 * and people have since confirmed what these are about. Pure.
 */
#ifndef CLASSIFICATION_JUDGING_PROMOTION_H
#define CLASSIFICATION_JUDGING_PROMOTION_H

#include <stdbool.h>
#include <stdint.h>

/* One model's answer, seen from the end. */
struct judged {
	bool right;    /* its best guess is what people confirmed */
	bool answered; /* it did not abstain */
};

/* What became of cases that both judged. */
struct comparison {
	uint64_t cases;
	uint64_t serving_right, shadow_right;
	uint64_t only_serving_right, only_shadow_right; /* the other one was not */
	uint64_t serving_answered, shadow_answered;
	uint64_t serving_wrong, shadow_wrong; /* answered, and wrongly: sent to the wrong office */
	uint64_t only_serving_wrong, only_shadow_wrong;
};

void comparison_add(struct comparison *comparison, struct judged serving, struct judged shadow);

struct promotion_rule {
	uint64_t least_cases;
	double chance; /* a difference that chance makes more often than this is none */
};

enum promotion {
	PROMOTION_BETTER,
	PROMOTION_TOO_FEW,   /* fewer cases than the rule wants */
	PROMOTION_NO_BETTER, /* not right more often, or only by what chance can make */
	PROMOTION_CARELESS,  /* right more often, but it also answers wrongly more often */
};

struct promotion_verdict {
	enum promotion promotion;
	double chance_better;   /* how often chance alone gives the shadow this lead or more */
	double chance_careless; /* the same for answering wrongly */
};

struct promotion_verdict promotion_decide(const struct comparison *comparison,
					  const struct promotion_rule *rule);

/*
 * The sign test of McNemar's table, exact and one-sided: of wins + losses pairs that differ, how
 * probable are at least so many wins when each is as likely as the other? 1 when none differ.
 */
double sign_test(uint64_t wins, uint64_t losses);

#endif
