/* redress-classify --evaluate: labelled lines in, the score table out. */
#ifndef CLASSIFICATION_TRAINING_EVALUATE_H
#define CLASSIFICATION_TRAINING_EVALUATE_H

#include <stdio.h>

#include "judging/classify.h"
#include "training/json_lines.h"

/* -1: a line is wrong; err names it, and nothing is printed. */
int evaluate(struct classifier *classifier, struct json_lines *lines, FILE *out,
	     struct err *err) MUST_CHECK;

#endif
