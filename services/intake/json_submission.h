/* The JSON of POST /v1/grievances and of bulk files: docs/openapi.json, Submission. Pure. */
#ifndef INTAKE_JSON_SUBMISSION_H
#define INTAKE_JSON_SUBMISSION_H

#include "submission.h"

/* Reads what is there, without checking values. key: where its member idempotency_key goes, set
 * only when it is there; NULL: it may have none. false: problem says why; texts are in the arena.
 */
bool json_submission(struct arena *arena, const char *json, size_t size,
		     struct submission *submission, const char **key, struct problem *problem);

#endif
