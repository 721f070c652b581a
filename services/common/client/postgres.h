/*
 * PostgreSQL over libpq; nobody else includes libpq-fe.h. One connection, one thread, made again at
 * the next use after a failure. Parameters and results are binary; COPY is binary.
 *
 * Every call ends in time, also when the server is frozen or the network swallows everything (but
 * for the resolver's own time where the address is a name): after that the connection is dropped,
 * and nothing is known of what the server did. While the server is away calls fail at once
 * (client/breaker.h; a process uses one server).
 */
#ifndef CLIENT_POSTGRES_H
#define CLIENT_POSTGRES_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/buffer.h"
#include "util/err.h"
#include "util/settings.h"

struct postgres;
struct postgres_result; /* freed by postgres_result_free */

/* For programs that look single things up: postgres.conninfo,
 * postgres.password_file, postgres.timeout. */
extern const struct setting postgres_settings[];
/* For programs that work on many rows, or on the whole record: postgres.conninfo and
 * postgres.bulk_timeout. */
extern const struct setting postgres_bulk_settings[], postgres_whole_settings[];

/* Do not connect yet. application: shown in pg_stat_activity. */
struct postgres *postgres_new(const struct settings *settings, const char *application);
struct postgres *postgres_new_bulk(const struct settings *settings, const char *application);
/* Statements that every new connection begins with: a literal. */
void postgres_begin_with(struct postgres *postgres, const char *sql);
void postgres_free(struct postgres **postgres);
bool postgres_connected(struct postgres *postgres);
/* The SQLSTATE of the last failure when it was about the data and not about the connection, the
 * server or the schema: doing the same again would fail again. Else NULL. */
const char *postgres_refused_data(const struct postgres *postgres);
/* Until it is called again with false: calls whose answer can be done without wait only a quarter
 * as long, and one that takes longer does not mean that the server is away. */
void postgres_hurry(struct postgres *postgres, bool hurry);
/* Is it there? Also asks while it is known to be away. To be called every second or so. */
int postgres_watch(struct postgres *postgres, struct err *err) MUST_CHECK;

/* One or more statements without parameters. Errors never hold values of rows. */
int postgres_exec(struct postgres *postgres, const char *sql, struct err *err) MUST_CHECK;

/* Parameters, binary. */
struct postgres_param {
	const void *data; /* NULL: SQL NULL */
	int len;
	unsigned oid; /* type; 0: let the server find out */
};
struct postgres_param postgres_int8(struct arena *arena, int64_t value);
struct postgres_param postgres_int4(struct arena *arena, int32_t value);
struct postgres_param postgres_text(const char *value);
struct postgres_param postgres_bytes(const void *data, size_t size);
struct postgres_param postgres_int8_array(struct arena *arena, const int64_t *values, size_t count);
struct postgres_param postgres_text_array(struct arena *arena, const char *const *values,
					  size_t count);

/* Prepared once per connection under the address of sql, which must be a literal. */
int postgres_query(struct postgres *postgres, const char *sql, const struct postgres_param *params,
		   size_t count, struct postgres_result **result, struct err *err) MUST_CHECK;
/* The same, but planned anew each time, for what the tables hold now. A statement that is prepared
 * while its tables are small may keep a plan that reads them whole, for as long as the connection
 * lives: to be used wherever a plan is chosen by more than equality with a unique key. */
int postgres_query_planned(struct postgres *postgres, const char *sql,
			   const struct postgres_param *params, size_t count,
			   struct postgres_result **result, struct err *err) MUST_CHECK;
void postgres_result_free(struct postgres_result **result);
size_t postgres_rows(const struct postgres_result *result);
size_t postgres_affected(const struct postgres_result *result);
bool postgres_null(const struct postgres_result *result, size_t row, int column);
int64_t postgres_get_int(const struct postgres_result *result, size_t row, int column); /* 2,4,8 */
/* What follows is NUL-terminated and lives as long as the result. */
const char *postgres_get_text(const struct postgres_result *result, size_t row, int column);
const char *postgres_get_bytes(const struct postgres_result *result, size_t row, int column,
			       size_t *size);
/* Copies it; false: it is NULL, or not of this size. */
bool postgres_get_exactly(const struct postgres_result *result, size_t row, int column, void *out,
			  size_t size);
/* As a field of a message, not to be changed. */
ProtobufCBinaryData postgres_get_data(const struct postgres_result *result, size_t row, int column);

/* Rows of binary COPY. Build them in a buffer, then send it in one piece. */
void copy_start(struct buffer *rows); /* header */
void copy_row(struct buffer *rows, int16_t columns);
void copy_null(struct buffer *rows);
void copy_int2(struct buffer *rows, int16_t value);
void copy_int4(struct buffer *rows, int32_t value);
void copy_int8(struct buffer *rows, int64_t value);
void copy_float4(struct buffer *rows, float value);
void copy_float8(struct buffer *rows, double value);
void copy_bool(struct buffer *rows, bool value);
void copy_bytes(struct buffer *rows, const void *data, size_t size); /* bytea and text */
/* A bytea of this size, for the caller to fill before the next call. */
void *copy_reserve(struct buffer *rows, size_t size);
void copy_int4_array(struct buffer *rows, const int32_t *values, size_t count);
void copy_str(struct buffer *rows, const char *text);    /* NULL is NULL */
void copy_time_ms(struct buffer *rows, int64_t unix_ms); /* timestamptz */
/* statement: "COPY t (a, b) FROM STDIN BINARY". */
int postgres_copy(struct postgres *postgres, const char *statement, struct buffer *rows,
		  struct err *err) MUST_CHECK;

#endif
