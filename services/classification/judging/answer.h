/*
 * What redress-classify writes of a text: one object of JSON (RFC 8259) on one line. Written
 * without a tree of small pieces, which takes longer than classifying does. Pure.
 */
#ifndef CLASSIFICATION_JUDGING_ANSWER_H
#define CLASSIFICATION_JUDGING_ANSWER_H

#include "case.pb-c.h"
#include "util/buffer.h"

/* Adds the object and the line's end. Strings are UTF-8; confidences are 0..1. */
void answer_add(struct buffer *line, const Redress__Classification *found, const Redress__Why *why);

#endif
