/*
 * The near-duplicate signature of a text: MinHash over the beginnings of its words, so that a text
 * told in another order, with other endings, some words more or less and some typing errors has a
 * similar one. Two texts' share of equal bytes estimates the share of words that they have in
 * common.
 *
 * The hash is keyed: without the key nobody can try which words a signature was made of. Signatures
 * made with different keys cannot be compared. Pure.
 */
#ifndef CLASSIFICATION_TEXT_SIGNATURE_H
#define CLASSIFICATION_TEXT_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "text/fold.h"

#define SIGNATURE_SIZE     32
#define SIGNATURE_KEY_SIZE 16

/* false: the text has too few words to be told from others; the signature is not set. */
bool signature_of(const struct folded *text, const uint8_t key[SIGNATURE_KEY_SIZE],
		  uint8_t signature[SIGNATURE_SIZE]);

#endif
