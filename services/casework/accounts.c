#include "accounts.h"

#include <sodium.h>

static const char *text_at(struct arena *arena, const struct postgres_result *row, int column)
{
	return arena_strdup(arena, postgres_get_text(row, 0, column));
}

static struct postgres_param token_param(const uint8_t token[DESK_TOKEN_SIZE])
{
	return postgres_bytes(token, DESK_TOKEN_SIZE);
}

int account_of_session(struct postgres *postgres, struct arena *arena,
		       const uint8_t token[DESK_TOKEN_SIZE], struct account *account,
		       struct err *err)
{
	struct postgres_result *row;
	const struct postgres_param param = token_param(token);
	*account = (struct account){0};
	if (postgres_query(postgres,
			   "SELECT id, login, name, role, office, agency, language,"
			   " must_change::int, has_totp::int FROM desk_session($1)",
			   &param, 1, &row, err))
		return -1;
	if (!postgres_null(row, 0, 0))
		*account = (struct account){
		    .id = postgres_get_int(row, 0, 0),
		    .login = text_at(arena, row, 1),
		    .name = text_at(arena, row, 2),
		    .role = text_at(arena, row, 3),
		    .office = text_at(arena, row, 4),
		    .agency = text_at(arena, row, 5),
		    .language = text_at(arena, row, 6),
		    .must_change = postgres_get_int(row, 0, 7) != 0,
		    .has_totp = postgres_get_int(row, 0, 8) != 0,
		};
	postgres_result_free(&row);
	return 0;
}

int account_secrets_read(struct postgres *postgres, struct arena *arena, const char *login,
			 struct account_secrets *secrets, struct err *err)
{
	struct postgres_result *row;
	const struct postgres_param param = postgres_text(login);
	*secrets = (struct account_secrets){0};
	if (postgres_query(postgres,
			   "SELECT id, password, totp, totp_step, name FROM desk_find($1)", &param,
			   1, &row, err))
		return -1;
	if (postgres_rows(row)) {
		size_t size = 0;
		const char *totp =
		    postgres_null(row, 0, 2) ? NULL : postgres_get_bytes(row, 0, 2, &size);
		*secrets = (struct account_secrets){
		    .id = postgres_get_int(row, 0, 0),
		    .password = text_at(arena, row, 1),
		    .name = text_at(arena, row, 4),
		    .sealed_totp = totp ? arena_copy(arena, totp, size) : NULL,
		    .sealed_totp_size = size,
		    .totp_step = postgres_get_int(row, 0, 3),
		};
	}
	postgres_result_free(&row);
	return 0;
}

int account_failed(struct postgres *postgres, const char *login, struct err *err)
{
	const struct postgres_param param = postgres_text(login);
	return postgres_query(postgres, "SELECT desk_failed($1)", &param, 1, NULL, err);
}

int account_sign_in(struct postgres *postgres, struct arena *arena, int64_t id, int64_t step,
		    const uint8_t token[DESK_TOKEN_SIZE], bool *done, struct err *err)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	struct postgres_result *row;
	crypto_hash_sha256(hash, token, DESK_TOKEN_SIZE);
	const struct postgres_param params[] = {postgres_int8(arena, id),
						postgres_bytes(hash, sizeof(hash)),
						postgres_int8(arena, step)};
	if (postgres_query(postgres, "SELECT desk_sign_in($1, $2, $3)::int", params, 3, &row, err))
		return -1;
	*done = postgres_get_int(row, 0, 0) != 0;
	postgres_result_free(&row);
	return 0;
}

int account_sign_out(struct postgres *postgres, const uint8_t token[DESK_TOKEN_SIZE],
		     struct err *err)
{
	const struct postgres_param param = token_param(token);
	return postgres_query(postgres, "SELECT desk_sign_out($1)", &param, 1, NULL, err);
}

int account_set_password(struct postgres *postgres, const uint8_t token[DESK_TOKEN_SIZE],
			 const char *hash, struct err *err)
{
	const struct postgres_param params[] = {token_param(token), postgres_text(hash)};
	return postgres_query(postgres, "SELECT desk_set_password($1, $2)", params, 2, NULL, err);
}

int account_set_totp(struct postgres *postgres, struct arena *arena,
		     const uint8_t token[DESK_TOKEN_SIZE], const void *sealed, size_t size,
		     int64_t step, struct err *err)
{
	const struct postgres_param params[] = {
	    token_param(token), sealed ? postgres_bytes(sealed, size) : (struct postgres_param){0},
	    postgres_int8(arena, step)};
	return postgres_query(postgres, "SELECT desk_set_totp($1, $2, $3)", params, 3, NULL, err);
}

int account_colleagues(struct postgres *postgres, struct arena *arena,
		       const uint8_t token[DESK_TOKEN_SIZE], const char *office,
		       struct colleague **list, size_t *count, struct err *err)
{
	struct postgres_result *rows;
	const struct postgres_param params[] = {token_param(token), postgres_text(office)};
	if (postgres_query(postgres, "SELECT login, name FROM desk_colleagues($1, $2)", params, 2,
			   &rows, err))
		return -1;
	*count = postgres_rows(rows);
	*list = arena_take(arena, (*count + 1) * sizeof(**list));
	for (size_t i = 0; i < *count; i++)
		(*list)[i] = (struct colleague){arena_strdup(arena, postgres_get_text(rows, i, 0)),
						arena_strdup(arena, postgres_get_text(rows, i, 1))};
	postgres_result_free(&rows);
	return 0;
}
