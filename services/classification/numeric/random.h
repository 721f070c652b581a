/* Numbers without order, the same in every run: xorshift64 (Marsaglia 2003). */
#ifndef CLASSIFICATION_NUMERIC_RANDOM_H
#define CLASSIFICATION_NUMERIC_RANDOM_H

#include <stdint.h>

#define RANDOM_START UINT64_C(88172645463325252)

static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

#endif
