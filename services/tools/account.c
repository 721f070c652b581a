/*
 * NAME      redress-account - officers' accounts
 * SYNOPSIS  redress-account add LOGIN NAME --office CODE [--role officer|supervisor|auditor]
 *                               [--language TAG]
 *           redress-account list
 *           redress-account reset LOGIN
 *           redress-account disable LOGIN
 *           redress-account enable LOGIN
 *
 * add and reset print a one-time password, good for a day: whoever signs in with it chooses a
 * password of their own before anything else. reset also takes the second factor away. disable and
 * reset end the account's sessions at once. Runs as redress_administrator.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/catalogue_folder.h"
#include "client/postgres.h"
#include "domain/language_tag.h"
#include "password.h"
#include "util/log.h"
#include "util/program.h"
#include "util/text.h"
#include "util/visible_text.h"

static const struct setting account_settings[] = {
    {"casework.url", SETTING_STRING, "http://127.0.0.1:8082", 8, 500,
     "address of the desk, as officers type it"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct registry {
	const struct settings *settings;
	struct postgres *postgres;
	struct arena *arena;
};

struct newcomer {
	const char *login, *name, *office, *role;
	char language[LANGUAGE_TAG_SIZE]; /* "": none is said */
};

static void print_welcome(struct registry *registry, const char *login, const char *password)
{
	visible_printf(stdout, "%s signs in at %s with the one-time password %s within a day\n",
		       login, settings_str(registry->settings, "casework.url"), password);
}

/* ---- add ------------------------------------------------------------------------------------ */

static bool is_login(const char *login)
{
	size_t length = strlen(login);
	return length && length <= 100 && strchr("._@-", login[0]) == NULL &&
	       strspn(login, "abcdefghijklmnopqrstuvwxyz0123456789._@-") == length;
}

static bool is_role(const char *role)
{
	return strcmp(role, "officer") == 0 || strcmp(role, "supervisor") == 0 ||
	       strcmp(role, "auditor") == 0;
}

static struct newcomer read_newcomer(const struct program_call *call)
{
	const char *role = program_option(call, "role"),
		   *language = program_option(call, "language");
	struct newcomer one = {.login = call->words[0],
			       .name = call->words[1],
			       .office = program_option(call, "office"),
			       .role = role ? role : "officer"};
	if (!is_login(one.login))
		program_refuse("%s: a login is small letters, figures, and . _ @ - after the first",
			       one.login);
	if (!text_is_utf8(one.name, strlen(one.name)) || text_is_empty(one.name) ||
	    strlen(one.name) > 200)
		program_refuse("NAME: is empty, too long or not UTF-8");
	if (!is_role(one.role))
		program_refuse("--role: %s: must be officer, supervisor or auditor", one.role);
	language_tag_read(language ? language : "", one.language);
	if (language && !*one.language)
		program_refuse("--language: %s: is no language tag, such as fr or pt-BR", language);
	return one;
}

/* Of the office, which must be in the catalogue. In the arena. */
static const char *agency_of(struct registry *registry, const char *office)
{
	struct err err;
	struct catalogue *catalogue = catalogue_load(registry->settings, &err);
	if (!catalogue)
		fatal("%s", err.text);
	const struct catalogue_office *found = catalogue_office(catalogue, office);
	if (!found)
		program_refuse("--office: %s: the catalogue has no such office", office);
	const char *agency = arena_strdup(registry->arena, found->agency->code);
	catalogue_free(&catalogue);
	return agency;
}

static int add(struct registry *registry, const struct newcomer *one)
{
	struct err err;
	struct postgres_result *row;
	char hash[PASSWORD_HASH_SIZE];
	const char *agency = agency_of(registry, one->office);
	const char *password = password_random(registry->arena);
	password_hash(hash, password);
	const struct postgres_param params[] = {
	    postgres_text(one->login),  postgres_text(one->name), postgres_text(one->role),
	    postgres_text(one->office), postgres_text(agency),    postgres_text(one->language),
	    postgres_text(hash)};
	if (postgres_query(registry->postgres,
			   "INSERT INTO accounts (login, name, role, office, agency, language,"
			   " password, password_until)"
			   " VALUES ($1, $2, $3, $4, $5, $6, $7, now() + interval '1 day')"
			   " ON CONFLICT (login) DO NOTHING",
			   params, 7, &row, &err))
		fatal("%s", err.text);
	bool added = postgres_affected(row) > 0;
	postgres_result_free(&row);
	if (!added) {
		fatal("%s: there is such an account already", one->login);
	}
	print_welcome(registry, one->login, password);
	return 0;
}

/* ---- list ----------------------------------------------------------------------------------- */

static int list(struct registry *registry)
{
	struct err err;
	struct postgres_result *rows;
	if (postgres_query(registry->postgres,
			   "SELECT login, role, office, name, CASE WHEN NOT active THEN 'disabled'"
			   " WHEN password_until < now() THEN 'one-time password is over'"
			   " WHEN password_until IS NOT NULL THEN 'has not signed in yet'"
			   " WHEN locked_until > now() THEN 'rests after failed sign-ins'"
			   " ELSE '' END FROM accounts ORDER BY login",
			   NULL, 0, &rows, &err))
		fatal("%s", err.text);
	for (size_t i = 0; i < postgres_rows(rows); i++)
		visible_printf(stdout, "%-24s %-10s %-24s %s%s%s\n", postgres_get_text(rows, i, 0),
			       postgres_get_text(rows, i, 1), postgres_get_text(rows, i, 2),
			       postgres_get_text(rows, i, 3),
			       *postgres_get_text(rows, i, 4) ? "; " : "",
			       postgres_get_text(rows, i, 4));
	postgres_result_free(&rows);
	return 0;
}

/* ---- reset, disable, enable ----------------------------------------------------------------- */

/* sql: changes the account $1. Its sessions end. */
static int change(struct registry *registry, const char *login, const char *sql,
		  const struct postgres_param *params, size_t count)
{
	struct err err;
	struct postgres_result *row;
	if (postgres_query(registry->postgres, sql, params, count, &row, &err))
		fatal("%s", err.text);
	bool changed = postgres_affected(row) > 0;
	postgres_result_free(&row);
	if (changed && postgres_query(registry->postgres,
				      "DELETE FROM sessions WHERE account ="
				      " (SELECT id FROM accounts WHERE login = $1)",
				      params, 1, NULL, &err))
		fatal("%s", err.text);
	if (!changed)
		fatal("%s: there is no such account", login);
	return 0;
}

static int reset(struct registry *registry, const char *login)
{
	char hash[PASSWORD_HASH_SIZE];
	const char *password = password_random(registry->arena);
	password_hash(hash, password);
	const struct postgres_param params[] = {postgres_text(login), postgres_text(hash)};
	int result = change(registry, login,
			    "UPDATE accounts SET password = $2, totp = NULL, failures = 0,"
			    " locked_until = NULL, password_until = now() + interval '1 day'"
			    " WHERE login = $1",
			    params, 2);
	if (!result)
		print_welcome(registry, login, password);
	return result;
}

enum { ADD, LIST, RESET, DISABLE, ENABLE };
static const struct program_command commands[] = {
    [ADD] = {"add LOGIN NAME --office CODE [--role ROLE] [--language TAG]", "Makes an account.",
	     false},
    [LIST] = {"list", "Lists the accounts.", false},
    [RESET] = {"reset LOGIN", "Gives a new one-time password, takes the second factor away.",
	       false},
    [DISABLE] = {"disable LOGIN", "Ends its sessions and lets nobody in.", false},
    [ENABLE] = {"enable LOGIN", "Lets its owner in again.", false},
    {NULL, NULL, false},
};
static const struct program_option options[] = {
    {"office", "CODE", "the office for which the officer works"},
    {"role", "ROLE", "officer (the default), supervisor or auditor"},
    {"language", "TAG", "in which the pages are shown; the browser's unless it is given"},
    {NULL, NULL, NULL},
};
static const struct setting *const tables[] = {postgres_settings, catalogue_settings,
					       account_settings, NULL};
static const struct program program = {
    .name = "account",
    .summary = "officers' accounts",
    .commands = commands,
    .options = options,
    .settings = tables,
    .notes = "add and reset print a one-time password, good for a day.\n",
};

static int run(struct registry *registry, const struct program_call *call)
{
	const char *login = call->count ? call->words[0] : "";
	const struct postgres_param param = postgres_text(login);
	struct newcomer one;
	switch (call->command) {
	case ADD:
		one = read_newcomer(call);
		return add(registry, &one);
	case LIST:
		return list(registry);
	case RESET:
		return reset(registry, login);
	case DISABLE:
		return change(registry, login,
			      "UPDATE accounts SET active = false WHERE login = $1", &param, 1);
	default:
		return change(registry, login, "UPDATE accounts SET active = true WHERE login = $1",
			      &param, 1);
	}
}

int main(int argc, char **argv)
{
	struct program_call call = program_begin(argc, argv, &program);
	if (sodium_init() < 0)
		fatal("libsodium cannot be used here");
	struct registry registry = {
	    .settings = call.settings,
	    .postgres = postgres_new(call.settings, "redress-account"),
	    .arena = arena_new(),
	};
	int result = run(&registry, &call);
	arena_free(&registry.arena);
	postgres_free(&registry.postgres);
	program_end(&call);
	return result;
}
