/* A table to fold texts with, for each group: with_fold_table and drop_fold_table are its set-up
 * and teardown. */
#ifndef UNIT_WITH_FOLD_TABLE_H
#define UNIT_WITH_FOLD_TABLE_H

#include "text/fold.h"

static struct fold_table *table;

static inline int with_fold_table(void **state)
{
	(void)state;
	table = fold_table_new();
	return 0;
}

static inline int drop_fold_table(void **state)
{
	(void)state;
	fold_table_free(&table);
	return 0;
}

#endif
