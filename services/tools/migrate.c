/*
 * NAME      redress-migrate - bring PostgreSQL's schema up to date
 * SYNOPSIS  redress-migrate [--config FILE]
 *
 * Applies the files NNNN_name.sql of sql.folder that have not been applied, in the order of their
 * numbers, each in a transaction of its own; then grants.sql, which says what each role may do, at
 * every run. To be run as the owner of the database (deploy/postgres/roles.sql). Safe to run at any
 * time and from several places at once.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/postgres.h"
#include "util/alloc.h"
#include "util/log.h"
#include "util/program.h"
#include "util/text.h"

#define SQL_MAX (1024 * 1024)
#define GRANTS  "grants.sql"

static const struct setting migrate_settings[] = {
    {"sql.folder", SETTING_STRING, "deploy/sql", 1, 1000, "where the numbered SQL files are"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

static int is_migration(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	return length > 9 && strspn(entry->d_name, "0123456789") == 4 && entry->d_name[4] == '_' &&
	       strcmp(entry->d_name + length - 4, ".sql") == 0;
}

static bool is_applied(struct postgres *postgres, struct arena *arena, int number)
{
	struct err err;
	struct postgres_result *result;
	struct postgres_param param = postgres_int4(arena, number);
	if (postgres_query(postgres, "SELECT 1 FROM schema_migrations WHERE number = $1", &param, 1,
			   &result, &err))
		fatal("%s", err.text);
	bool found = postgres_rows(result) > 0;
	postgres_result_free(&result);
	return found;
}

/* One migrator at a time; the lock goes with the transaction. */
static void begin(struct postgres *postgres)
{
	struct err err;
	if (postgres_exec(postgres, "BEGIN; SELECT pg_advisory_xact_lock(7733001)", &err))
		fatal("%s", err.text);
}

static void commit(struct postgres *postgres, const char *name)
{
	struct err err;
	if (postgres_exec(postgres, "COMMIT", &err))
		fatal("%s: %s", name, err.text);
}

static void run_file(struct postgres *postgres, struct arena *arena, const char *folder,
		     const char *name)
{
	struct err err;
	char reason[160];
	char *path = arena_printf(arena, "%s/%s", folder, name);
	char *sql = text_read_file(path, SQL_MAX, NULL, reason);
	if (!sql)
		fatal("%s", reason);
	if (postgres_exec(postgres, sql, &err))
		fatal("%s: %s", name, err.text);
	free(sql);
}

static void apply(struct postgres *postgres, struct arena *arena, const char *folder,
		  const char *name)
{
	struct err err;
	int number = atoi(name);
	begin(postgres);
	if (!is_applied(postgres, arena, number)) {
		const struct postgres_param params[] = {postgres_int4(arena, number),
							postgres_text(name)};
		run_file(postgres, arena, folder, name);
		if (postgres_query(postgres,
				   "INSERT INTO schema_migrations (number, name) VALUES ($1, $2)",
				   params, 2, NULL, &err))
			fatal("%s: %s", name, err.text);
		printf("applied %s\n", name);
	}
	commit(postgres, name);
}

static void apply_all(struct postgres *postgres, struct arena *arena, const char *folder)
{
	struct dirent **names;
	int count = scandir(folder, &names, is_migration, alphasort);
	if (count <= 0)
		fatal("sql.folder: %s holds no file NNNN_name.sql", folder);
	for (int i = 0; i < count; i++) {
		apply(postgres, arena, folder, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	begin(postgres);
	run_file(postgres, arena, folder, GRANTS);
	commit(postgres, GRANTS);
}

static const struct program_command commands[] = {
    {"", "Applies the SQL files that have not been applied, and the rights of every role.", false},
    {NULL, NULL, false}};
static const struct setting *const tables[] = {postgres_whole_settings, migrate_settings, NULL};
static const struct program program = {.name = "migrate",
				       .summary = "bring PostgreSQL's schema up to date",
				       .commands = commands,
				       .settings = tables};

int main(int argc, char **argv)
{
	struct err err;
	struct program_call call = program_begin(argc, argv, &program);
	struct arena *arena = arena_new();
	struct postgres *postgres = postgres_new_bulk(call.settings, "redress-migrate");
	if (postgres_exec(postgres,
			  "SET client_min_messages = warning;"
			  "CREATE TABLE IF NOT EXISTS schema_migrations (number int PRIMARY KEY,"
			  " name text NOT NULL, at timestamptz NOT NULL DEFAULT now())",
			  &err))
		fatal("%s", err.text);
	apply_all(postgres, arena, settings_str(call.settings, "sql.folder"));
	postgres_free(&postgres);
	arena_free(&arena);
	program_end(&call);
	return 0;
}
