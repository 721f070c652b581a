/*
 * How long the texts of a grievance may be, in characters (code points), as they are sent and as
 * they are stored. docs/openapi.json says the same (tests/unit/test_submission.c).
 */
#ifndef DOMAIN_TEXT_BOUNDS_H
#define DOMAIN_TEXT_BOUNDS_H

#define SUBJECT_MAX     200
#define DESCRIPTION_MAX 10000 /* and any later text of citizen or office in a case */
#define ADDRESS_MAX     500
#define CODE_MAX        64 /* of a service, an area */
#define FULL_NAME_MAX   200
#define EMAIL_MAX       254
#define PHONE_MAX       40
#define WEBHOOK_MAX     500

#define ANSWERS_MAX       50 /* with each value of a list */
#define ANSWER_MAX        2000
#define ANSWERS_TOTAL_MAX 10000 /* of all answers */

#endif
