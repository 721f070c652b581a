/* Messages of grievances.received as intake would have made them: sealed for the right roles. */
#ifndef BENCH_SEALED_H
#define BENCH_SEALED_H

#include <stddef.h>
#include <stdint.h>

#include "domain/seal.h"
#include "grievance.pb-c.h"
#include "util/arena.h"

struct sealed_epoch {
	Redress__Epoch message;
	uint8_t id[SEAL_EPOCH_ID_SIZE];
	uint8_t text_key[SEAL_KEY_SIZE], contact_key[SEAL_KEY_SIZE];
	uint8_t sealed[4][SEAL_EPOCH_SEALED_SIZE];
};

/* public: of classification, desk and notification. */
void sealed_epoch_start(struct sealed_epoch *epoch, const uint8_t public[3][32], int64_t now_ms);

/* One packed GrievanceReceived, in the arena. The text's first sentence becomes the subject. */
const void *sealed_message(const struct sealed_epoch *epoch, struct arena *arena, uint64_t number,
			   int64_t now_ms, const char *language, char *text, size_t *size);

#endif
