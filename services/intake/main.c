/*
 * NAME      redress-intake - takes grievances in
 * READS     HTTP on intake.listen, through the channels (channels/)
 * WRITES    grievances.received; in Redis the vault, epochs and Idempotency-Keys
 *
 * Checks every field, brings texts into one form, seals them, gives the case number, and answers
 * 201 only when Kafka has the grievance with acks=all.
 *
 * ON FAILURE  Kafka away or too slow: 503 with Retry-After; what was acknowledged is safe. Redis
 * away: goes on without; routing recognises what was asked twice.
 */
#include "intake.h"

int main(int argc, char **argv)
{
	return service_main(argc, argv, &intake_service);
}
