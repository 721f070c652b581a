/*
 * NAME      redress-routing - decides what commands do to cases, and runs the clocks
 * READS     cases.commands
 * WRITES    cases.events, and the hot view in Redis
 *
 * The only writer of case state. Takes each partition's commands in order, applies the state
 * machine (decide.c) and the routing rules (placement.c), and publishes numbered events together
 * with the offsets of the commands in one transaction. The view in Redis (view.c) follows the
 * committed events and is restored from them whenever it is missing or not ours.
 *
 * ON FAILURE  Redis or Kafka away: nothing is decided, the batch comes again. A command that cannot
 *             be read goes to cases.commands.dead. A command that cannot be applied is refused with
 *             the reason, as an event of version 0.
 */
#include "routing.h"

int main(int argc, char **argv)
{
	return service_main(argc, argv, &routing_service);
}
