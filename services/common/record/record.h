/*
 * The permanent record as its readers open it. This folder is the one home of SQL that reads it:
 * here stand the sessions, and with them the time-outs; rights are those of the role in
 * postgres.conninfo (deploy/sql/grants.sql).
 */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include "client/postgres.h"

/* Sessions that change nothing, whatever the role may do. Each statement ends within
 * postgres.timeout: for who looks single things up. application: in pg_stat_activity. */
struct postgres *record_open(const struct settings *settings, const char *application);
/* Within postgres.bulk_timeout: for who reads many rows. */
struct postgres *record_open_bulk(const struct settings *settings, const char *application);

#endif
