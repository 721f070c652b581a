/*
 * NAME      redress-notification - tells citizens and offices
 * READS     cases.events
 * WRITES    notifications.outcomes
 *
 * Every message begins as an outcome, published in the transaction of its event's offset: TRYING,
 * or FAILED when nothing that is set up here could ever deliver it. It ends as DELIVERED or FAILED;
 * in between it is tried with growing delay through the senders (senders/). On start the unfinished
 * ones are read back from notifications.outcomes.
 *
 * ON FAILURE  A provider that is away: tried again until notification.give_up. An event that cannot
 *             be read goes to cases.events.dead.
 */
#include "notification.h"

int main(int argc, char **argv)
{
	return service_main(argc, argv, &notification_service);
}
