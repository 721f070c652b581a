/*
 * NAME      redress-archival - writes the permanent record
 * READS     grievances.received, cases.events, notifications.outcomes, and every <topic>.dead
 * WRITES    PostgreSQL (deploy/sql/)
 *
 * Each batch is one transaction: binary COPY of its rows (rows.c), the cases they change, a batch
 * in the audit ledger for each partition with its head signed (record_batch.c), and the partitions'
 * offsets by compare-and-set (store.c). So a message is stored exactly once, whatever is killed and
 * whenever.
 *
 * ON FAILURE  PostgreSQL away: waits, for as long as it takes, and catches up. A message that
 * cannot be stored goes to <topic>.dead.
 */
#include "archival.h"

int main(int argc, char **argv)
{
	return service_main(argc, argv, &archival_service);
}
