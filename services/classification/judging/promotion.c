#include "judging/promotion.h"

#include <math.h>

void comparison_add(struct comparison *comparison, struct judged serving, struct judged shadow)
{
	bool serving_wrong = serving.answered && !serving.right;
	bool shadow_wrong = shadow.answered && !shadow.right;
	comparison->cases++;
	comparison->serving_right += serving.right;
	comparison->shadow_right += shadow.right;
	comparison->only_serving_right += serving.right && !shadow.right;
	comparison->only_shadow_right += shadow.right && !serving.right;
	comparison->serving_answered += serving.answered;
	comparison->shadow_answered += shadow.answered;
	comparison->serving_wrong += serving_wrong;
	comparison->shadow_wrong += shadow_wrong;
	comparison->only_serving_wrong += serving_wrong && !shadow_wrong;
	comparison->only_shadow_wrong += shadow_wrong && !serving_wrong;
}

double sign_test(uint64_t wins, uint64_t losses)
{
	double pairs = (double)(wins + losses), sum = 0;
	for (uint64_t k = wins; k <= wins + losses; k++) {
		double log_ways =
		    lgamma(pairs + 1) - lgamma((double)k + 1) - lgamma(pairs - (double)k + 1);
		sum += exp(log_ways - pairs * M_LN2);
	}
	return fmin(sum, 1);
}

struct promotion_verdict promotion_decide(const struct comparison *comparison,
					  const struct promotion_rule *rule)
{
	struct promotion_verdict verdict = {
	    .promotion = PROMOTION_BETTER,
	    .chance_better =
		sign_test(comparison->only_shadow_right, comparison->only_serving_right),
	    .chance_careless =
		sign_test(comparison->only_shadow_wrong, comparison->only_serving_wrong),
	};
	if (comparison->cases < rule->least_cases)
		verdict.promotion = PROMOTION_TOO_FEW;
	else if (verdict.chance_better > rule->chance)
		verdict.promotion = PROMOTION_NO_BETTER;
	else if (verdict.chance_careless <= rule->chance)
		verdict.promotion = PROMOTION_CARELESS;
	return verdict;
}
