/*
 * Officers' accounts and sessions, as the database's functions give them
 * (deploy/sql/0010_accounts.sql). Each call: -1 and err when the database cannot say.
 */
#ifndef CASEWORK_ACCOUNTS_H
#define CASEWORK_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "client/postgres.h"
#include "record/desk.h"
#include "util/arena.h"
#include "util/err.h"

struct account {
	int64_t id; /* 0: nobody */
	const char *login, *name, *role, *office, *agency, *language;
	bool must_change; /* came with a one-time password: nothing else may be done */
	bool has_totp;
};

/* Who this session's is. */
int account_of_session(struct postgres *postgres, struct arena *arena,
		       const uint8_t token[DESK_TOKEN_SIZE], struct account *account,
		       struct err *err) MUST_CHECK;

/* What a sign-in is checked against. */
struct account_secrets {
	int64_t id; /* 0: no such account, or it may not sign in at present */
	const char *password, *name;
	const uint8_t *sealed_totp; /* NULL: no second factor */
	size_t sealed_totp_size;
	int64_t totp_step;
};
int account_secrets_read(struct postgres *postgres, struct arena *arena, const char *login,
			 struct account_secrets *secrets, struct err *err) MUST_CHECK;
int account_failed(struct postgres *postgres, const char *login, struct err *err) MUST_CHECK;
/* step: of the code that was used, 0: none. *done false: that code was used before. */
int account_sign_in(struct postgres *postgres, struct arena *arena, int64_t id, int64_t step,
		    const uint8_t token[DESK_TOKEN_SIZE], bool *done, struct err *err) MUST_CHECK;
int account_sign_out(struct postgres *postgres, const uint8_t token[DESK_TOKEN_SIZE],
		     struct err *err) MUST_CHECK;
/* Of the session's account; both end nothing of this session. */
int account_set_password(struct postgres *postgres, const uint8_t token[DESK_TOKEN_SIZE],
			 const char *hash, struct err *err) MUST_CHECK;
/* sealed NULL: no second factor any more. */
int account_set_totp(struct postgres *postgres, struct arena *arena,
		     const uint8_t token[DESK_TOKEN_SIZE], const void *sealed, size_t size,
		     int64_t step, struct err *err) MUST_CHECK;

struct colleague {
	const char *login, *name;
};

/* Those who may be given a case of the office, in the arena. */
int account_colleagues(struct postgres *postgres, struct arena *arena,
		       const uint8_t token[DESK_TOKEN_SIZE], const char *office,
		       struct colleague **list, size_t *count, struct err *err) MUST_CHECK;

#endif
