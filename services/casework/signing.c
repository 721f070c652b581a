/* Signing in and out, and what belongs to an account: its password, its second factor. */
#include <sodium.h>
#include <string.h>

#include "password.h"
#include "util/metrics.h"
#include "second_factor.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"
#include "visit.h"
#include "web/sealed_value.h"

#define LOGIN_MAX     100
#define SETUP_LIFE_MS (INT64_C(30) * 60000)
#define PATH_PASSWORD "/desk/password"
#define SETUP_PURPOSE "totp"

/* ---- signing in ----------------------------------------------------------------------------- */

/* As logins are kept: small letters, without space around them. "" for what can be none. */
static const char *read_login(struct visit *visit)
{
	const char *given = visit_value(visit, "login");
	given += strspn(given, " \t");
	char *login = arena_strdup(visit->arena, given);
	size_t size = strlen(login);
	while (size && strchr(" \t\r\n", login[size - 1]))
		login[--size] = '\0';
	for (char *at = login; *at; at++)
		*at = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
	return size <= LOGIN_MAX ? login : "";
}

/* For the throttle, which counts by numbers. */
static uint64_t number_of(const char *login)
{
	uint8_t hash[crypto_generichash_BYTES_MIN];
	crypto_generichash(hash, sizeof(hash), (const uint8_t *)login, strlen(login), NULL, 0);
	return text_get_be64(hash);
}

/* The form, with what is wrong: the same whatever it was. */
static void show_form(struct visit *visit, int status, const char *login, const char *code)
{
	json_t *view = json_object();
	const char *told = http_query(visit->request, "told");
	visit_put(view, "login", login);
	if (code) {
		json_object_set_new(view, "errors", json_true());
		json_object_set_new(view, "problems",
				    json_pack("[{s:s, s:s}]", "field", "login", "code", code));
	} else if (told && (strcmp(told, "over") == 0 || strcmp(told, "out") == 0)) {
		visit_put(view, "notice", told);
	}
	visit_answer(visit, status, "desk-sign-in", view, NULL);
}

static void refuse(struct visit *visit, const char *login)
{
	struct err err;
	metric_add(visit->casework->refused, 1);
	throttle_wrong_guess(visit->casework->throttle, visit->request, number_of(login));
	if (account_failed(visit->tools->postgres, login, &err))
		visit_unavailable(visit, &err);
	else if (visit->kind->api)
		http_problem(visit->request, 401, "wrong-credentials", NULL,
			     "login, password or code is wrong, or there were too many tries");
	else
		show_form(visit, 422, visit_value(visit, "login"), "wrong-login");
}

/* Whether the code is right, where one is wanted; step: of it, 0 where none is. */
static bool code_fits(struct visit *visit, const char *login, const struct account_secrets *secrets,
		      int64_t *step)
{
	uint8_t secret[SECOND_FACTOR_SIZE];
	*step = 0;
	if (!secrets->sealed_totp)
		return true;
	if (!second_factor_unseal(visit->casework->key, login, secrets->sealed_totp,
				  secrets->sealed_totp_size, secret)) {
		log_warn(0, "a second factor was not sealed with this casework.key");
		return false;
	}
	*step = second_factor_step(secret, visit_value(visit, "code"), clock_now_ms());
	sodium_memzero(secret, sizeof(secret));
	return *step > secrets->totp_step;
}

/* Chosen in the account, for who has not chosen one in this browser. */
static void answer_signed_in(struct visit *visit, const uint8_t token[DESK_TOKEN_SIZE])
{
	const struct http_field fields[] = {{"Set-Cookie", visit_cookie(visit, token)},
					    {"Cache-Control", "no-store"},
					    {NULL, NULL}};
	char hex[2 * DESK_TOKEN_SIZE + 1];
	metric_add(visit->casework->signed_in, 1);
	if (!visit->kind->api) {
		site_redirect(visit->request, "/desk", fields);
		return;
	}
	text_hex(hex, token, DESK_TOKEN_SIZE);
	memcpy(visit->token, token, DESK_TOKEN_SIZE);
	visit_answer(visit, 201, NULL,
		     json_pack("{s:s, s:s}", "token", hex, "csrf", visit_csrf(visit)), fields);
}

/* Every way to fail takes as long and says the same. */
static void sign_in(struct visit *visit)
{
	struct err err;
	struct account_secrets secrets;
	uint8_t token[DESK_TOKEN_SIZE];
	int64_t step;
	bool done = false;
	const char *login = read_login(visit);
	if (!throttle_admits_guess(visit->casework->throttle, visit->request, number_of(login)))
		return;
	if (account_secrets_read(visit->tools->postgres, visit->arena, login, &secrets, &err)) {
		visit_unavailable(visit, &err);
		return;
	}
	bool fits =
	    password_fits(secrets.id ? secrets.password : NULL, visit_value(visit, "password"));
	fits = code_fits(visit, login, &secrets, &step) && fits;
	randombytes_buf(token, sizeof(token));
	if (fits && account_sign_in(visit->tools->postgres, visit->arena, secrets.id, step, token,
				    &done, &err))
		visit_unavailable(visit, &err);
	else if (done)
		answer_signed_in(visit, token);
	else
		refuse(visit, login);
}

static void show_sign_in(struct visit *visit)
{
	if (visit->account.id)
		site_redirect(visit->request, "/desk", NULL);
	else
		show_form(visit, 200, "", NULL);
}

static void sign_out(struct visit *visit)
{
	struct err err;
	const struct http_field fields[] = {{"Set-Cookie", visit_cookie(visit, NULL)},
					    {NULL, NULL}};
	if (visit->has_token && account_sign_out(visit->tools->postgres, visit->token, &err))
		visit_unavailable(visit, &err);
	else if (visit->kind->api)
		http_reply(visit->request, 204, NULL, fields, "", 0);
	else
		site_redirect(visit->request, "/desk/sign-in?told=out", fields);
}

static void show_me(struct visit *visit)
{
	json_t *view = json_object();
	if (visit->by_cookie)
		visit_put(view, "csrf", visit_csrf(visit));
	visit_answer(visit, 200, NULL, view, NULL);
}

/* ---- the account ---------------------------------------------------------------------------- */

/* setup: the secret of a second factor that is being set up, sealed; NULL: a new one. */
static void show_account(struct visit *visit, int status, const char *field, const char *code,
			 const char *setup)
{
	uint8_t secret[SECOND_FACTOR_SIZE];
	char hex[2 * SECOND_FACTOR_SIZE + 1];
	json_t *view = json_object();
	const char *told = http_query(visit->request, "told");
	visit_put(view, "here", PATH_PASSWORD);
	json_object_set_new(view, "must_change", json_boolean(visit->account.must_change));
	json_object_set_new(view, "least", json_integer(PASSWORD_LEAST));
	if (code) {
		json_object_set_new(view, "errors", json_true());
		json_object_set_new(view, "problems",
				    json_pack("[{s:s, s:s}]", "field", field, "code", code));
		json_object_set_new(view, arena_printf(visit->arena, "wrong_%s", field),
				    json_string(code));
	} else if (told && strcmp(told, "done") == 0) {
		visit_put(view, "notice", told);
	}
	if (!visit->account.has_totp) {
		const char *given = setup ? sealed_value_open(visit->arena, visit->casework->key,
							      SETUP_PURPOSE, setup, clock_now_ms())
					  : NULL;
		if (!given || text_unhex(secret, sizeof(secret), given))
			second_factor_new(secret);
		text_hex(hex, secret, sizeof(secret));
		visit_put(view, "setup",
			  sealed_value_make(visit->arena, visit->casework->key, SETUP_PURPOSE, hex,
					    clock_now_ms() + SETUP_LIFE_MS));
		visit_put(view, "secret", second_factor_written(visit->arena, secret));
		visit_put(view, "secret_address",
			  second_factor_address(visit->arena, secret, visit->account.login));
		sodium_memzero(secret, sizeof(secret));
		sodium_memzero(hex, sizeof(hex));
	}
	visit_answer(visit, status, "desk-account", view, NULL);
}

static void get_account(struct visit *visit)
{
	show_account(visit, 200, NULL, NULL, NULL);
}

/* The one in use is asked for once more, but for a one-time one, which has just been used. */
static const char *change_fault(struct visit *visit, struct account_secrets *secrets,
				const char **field)
{
	const struct account *account = &visit->account;
	const char *fresh = visit_value(visit, "new");
	*field = "old";
	if (!account->must_change &&
	    !password_fits(secrets->id ? secrets->password : NULL, visit_value(visit, "old")))
		return "password-wrong";
	*field = "new";
	const char *fault = password_fault(fresh, account->login, account->name);
	if (!fault && secrets->id && password_fits(secrets->password, fresh))
		fault = "password-same";
	if (fault)
		return fault;
	*field = "again";
	return strcmp(fresh, visit_value(visit, "again")) == 0 ? NULL : "password-differs";
}

static void change_password(struct visit *visit)
{
	struct err err;
	char hash[PASSWORD_HASH_SIZE];
	struct account_secrets secrets;
	const char *field;
	if (account_secrets_read(visit->tools->postgres, visit->arena, visit->account.login,
				 &secrets, &err)) {
		visit_unavailable(visit, &err);
		return;
	}
	const char *fault = change_fault(visit, &secrets, &field);
	if (fault) {
		if (strcmp(fault, "password-wrong") == 0 &&
		    account_failed(visit->tools->postgres, visit->account.login, &err))
			log_warn(0, "a failed try cannot be counted: %s", err.text);
		show_account(visit, 422, field, fault, NULL);
		return;
	}
	password_hash(hash, visit_value(visit, "new"));
	if (account_set_password(visit->tools->postgres, visit->token, hash, &err))
		visit_unavailable(visit, &err);
	else
		site_redirect(visit->request,
			      visit->account.must_change ? "/desk" : PATH_PASSWORD "?told=done",
			      NULL);
}

/* Set up once a code of it was right. */
static void set_second_factor(struct visit *visit)
{
	struct err err;
	size_t size;
	uint8_t secret[SECOND_FACTOR_SIZE];
	const char *setup = visit_value(visit, "setup");
	const char *hex = sealed_value_open(visit->arena, visit->casework->key, SETUP_PURPOSE,
					    setup, clock_now_ms());
	if (visit->account.has_totp || !hex || text_unhex(secret, sizeof(secret), hex)) {
		show_account(visit, 422, "code", "code-over", NULL);
		return;
	}
	int64_t step = second_factor_step(secret, visit_value(visit, "code"), clock_now_ms());
	if (!step) {
		show_account(visit, 422, "code", "code-wrong", setup);
		return;
	}
	const uint8_t *sealed = second_factor_seal(visit->arena, visit->casework->key,
						   visit->account.login, secret, &size);
	sodium_memzero(secret, sizeof(secret));
	if (account_set_totp(visit->tools->postgres, visit->arena, visit->token, sealed, size, step,
			     &err))
		visit_unavailable(visit, &err);
	else
		site_redirect(visit->request, PATH_PASSWORD "?told=done", NULL);
}

/* ---- routes --------------------------------------------------------------------------------- */

static const struct visit_kind
    kind_form = {.work = show_sign_in, .unsigned_too = true, .unready_too = true},
    kind_sign_in = {.work = sign_in,
		    .place = VISIT_SIGNS,
		    .unsigned_too = true,
		    .unready_too = true},
    kind_sign_out = {.work = sign_out,
		     .place = VISIT_WRITES,
		     .unsigned_too = true,
		     .unready_too = true},
    kind_account = {.work = get_account, .unready_too = true},
    kind_password = {.work = change_password, .place = VISIT_SIGNS, .unready_too = true},
    kind_second = {.work = set_second_factor, .place = VISIT_WRITES},
    kind_api_in = {.work = sign_in,
		   .place = VISIT_SIGNS,
		   .unsigned_too = true,
		   .unready_too = true,
		   .api = true},
    kind_api_me = {.work = show_me, .unready_too = true, .api = true},
    kind_api_out = {.work = sign_out, .place = VISIT_WRITES, .unready_too = true, .api = true};

#define FORM_MAX ((size_t)8 * 1024)
#define ROW(method, path, kind)                                                                    \
	{                                                                                          \
		method, path, visit_take, kind, NULL, FORM_MAX, ROUTE_WAIT_USUAL                   \
	}
static const struct route rows[] = {
    ROW("GET", "/desk/sign-in", &kind_form),
    ROW("POST", "/desk/sign-in", &kind_sign_in),
    ROW("POST", "/desk/sign-out", &kind_sign_out),
    ROW("GET", PATH_PASSWORD, &kind_account),
    ROW("POST", PATH_PASSWORD, &kind_password),
    ROW("POST", "/desk/second-factor", &kind_second),
    ROW("POST", "/v1/desk/session", &kind_api_in),
    ROW("GET", "/v1/desk/session", &kind_api_me),
    ROW("DELETE", "/v1/desk/session", &kind_api_out),
};

void signing_serve(struct router *router, struct casework *casework)
{
	router_add(router, rows, sizeof(rows) / sizeof(*rows), casework);
}
