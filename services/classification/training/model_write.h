/* Makes the model file of what was learned. */
#ifndef CLASSIFICATION_TRAINING_MODEL_WRITE_H
#define CLASSIFICATION_TRAINING_MODEL_WRITE_H

#include "training/calibrate.h"
#include "training/learn.h"
#include "model/model.h"

struct model_parts {
	struct model_card card;
	const struct corpus *corpus;
	const struct learned *learned;
	const struct calibration *calibration;
	float least_known;
	const float *label_share; /* of the best guesses at texts held aside */
	float confidence_share[CONFIDENCE_STEPS];
};

/* Bytes that a feature takes, about; labels: their number. */
size_t model_feature_size(uint32_t labels);

/* -1: model_write could not write it, why in err. */
int model_writable(const char *file, struct err *err) MUST_CHECK;

/* The file appears whole or not at all. -1: it cannot be written, why in err. */
int model_write(const char *file, const struct model_parts *parts, struct err *err) MUST_CHECK;

#endif
