/*
 * From scores to honest probabilities: what is fitted on texts that were held aside, so that of the
 * answers given with confidence 0.8 four in five are right. Pure.
 */
#ifndef CLASSIFICATION_TRAINING_CALIBRATE_H
#define CLASSIFICATION_TRAINING_CALIBRATE_H

#include <stddef.h>
#include <stdint.h>

/* Scores of texts whose label is known. */
struct held {
	uint32_t labels, lanes; /* lanes: scores of one text lie so far apart */
	size_t texts;
	float *score;
	uint32_t *label;
};

void held_free(struct held *held);

struct calibration {
	float sharpness;   /* of the softmax */
	float tilt, shift; /* of the best guess's logit */
	float *bias;       /* of each label, added to its score */
	float *threshold;  /* of each label; above 1: never */
	float service_threshold;
};

/* service: of each label, the first label of the same service. precision: wanted of the answers. */
void calibrate(const struct held *held, const uint32_t *service, double precision,
	       struct calibration *calibration);

struct merit {
	double accuracy, macro_f1;
};

/* Of the best guesses, as they are after calibration. */
struct merit calibrate_merit(const struct held *held);
void calibration_free(struct calibration *calibration);

struct estimate {
	uint32_t label;
	float confidence;
	float service_confidence;
};

/* The best guess of one text; scratch has room for as many floats as there are labels. */
struct estimate calibrated(const struct calibration *calibration, const float *score,
			   const uint32_t *service, uint32_t labels, float *scratch);

#endif
