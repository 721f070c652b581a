/*
 * NAME      redress-intake - takes grievances in
 * READS     HTTP on intake.listen, through the channels (channels/)
 * WRITES    grievances.received; in Redis the contact cache, epochs and Idempotency-Keys
 *
 * Checks every field, brings texts into one form, seals them, gives the case number, and answers
 * 201 only when Kafka has the grievance with acks=all.
 *
 * ON FAILURE  Kafka away or too slow: 503 with Retry-After; what was acknowledged is safe. Redis
 * away: 503 for what has an Idempotency-Key, all else is taken. Redis has lost its keys: they are
 * put back from grievances.received, and 503 until then.
 */
#include "intake.h"

int main(int argc, char **argv)
{
	return service_main(argc, argv, &intake_service);
}
