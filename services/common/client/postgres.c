#include "client/postgres.h"

#include <endian.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"

#define STATEMENTS_MAX 64
#define PARAMS_MAX     16
#define INT4_OID       23
#define INT8_OID       20
#define TEXT_OID       25
#define INT8_ARRAY_OID 1016
#define TEXT_ARRAY_OID 1009
/* PostgreSQL counts microseconds from 2000-01-01. */
#define EPOCH_2000_MS INT64_C(946684800000)

const struct setting postgres_settings[] = {
    {"postgres.conninfo", SETTING_SECRET, NULL, 1, 2000,
     "where PostgreSQL is, as libpq takes it (host=... dbname=... or postgresql://...)"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

struct postgres {
	char *conninfo, *application;
	const char *begin;  /* what a new connection begins with; NULL: nothing */
	PGconn *connection; /* NULL: not connected */
	const char *statements[STATEMENTS_MAX];
	size_t statement_count;
};

struct postgres *postgres_new(const struct settings *settings, const char *application)
{
	struct postgres *postgres = x_calloc(1, sizeof(*postgres));
	postgres->conninfo = x_strdup(settings_str(settings, "postgres.conninfo"));
	postgres->application = x_strdup(application);
	return postgres;
}

void postgres_begin_with(struct postgres *postgres, const char *sql)
{
	postgres->begin = sql;
}

static void disconnect(struct postgres *postgres)
{
	PQfinish(postgres->connection);
	postgres->connection = NULL;
	postgres->statement_count = 0;
}

void postgres_free(struct postgres **postgres)
{
	if (!*postgres)
		return;
	disconnect(*postgres);
	free((*postgres)->conninfo);
	free((*postgres)->application);
	free(*postgres);
	*postgres = NULL;
}

bool postgres_connected(struct postgres *postgres)
{
	return postgres->connection && PQstatus(postgres->connection) == CONNECTION_OK;
}

/* The first line of what libpq says: the further ones may show values. */
static int fail(struct postgres *postgres, const char *message, struct err *err)
{
	err_set(err, "PostgreSQL: %.*s", (int)strcspn(message, "\n"), message);
	if (!postgres_connected(postgres))
		disconnect(postgres);
	return -1;
}

/* Takes the result. */
static int check(struct postgres *postgres, PGresult *result, ExecStatusType wanted,
		 struct err *err)
{
	if (PQresultStatus(result) == wanted) {
		PQclear(result);
		return 0;
	}
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	fail(postgres, primary ? primary : PQerrorMessage(postgres->connection), err);
	PQclear(result);
	return -1;
}

static int connect_now(struct postgres *postgres, struct err *err)
{
	if (postgres_connected(postgres))
		return 0;
	disconnect(postgres);
	const char *names[] = {"dbname",          "fallback_application_name", "connect_timeout",
			       "keepalives_idle", "tcp_user_timeout",          NULL};
	const char *values[] = {
	    postgres->conninfo, postgres->application, "5", "10", "20000", NULL};
	postgres->connection = PQconnectdbParams(names, values, 1);
	if (PQstatus(postgres->connection) != CONNECTION_OK)
		return fail(postgres, PQerrorMessage(postgres->connection), err);
	PQsetErrorVerbosity(postgres->connection, PQERRORS_TERSE);
	if (!postgres->begin ||
	    !check(postgres, PQexec(postgres->connection, postgres->begin), PGRES_COMMAND_OK, err))
		return 0;
	disconnect(postgres);
	return -1;
}

int postgres_exec(struct postgres *postgres, const char *sql, struct err *err)
{
	if (connect_now(postgres, err))
		return -1;
	PGresult *result = PQexec(postgres->connection, sql);
	ExecStatusType status = PQresultStatus(result);
	bool done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
	return check(postgres, result, done ? status : PGRES_COMMAND_OK, err);
}

/* ---- queries -------------------------------------------------------------------------------- */

struct postgres_param postgres_int8(struct arena *arena, int64_t value)
{
	uint64_t wire = htobe64((uint64_t)value);
	return (struct postgres_param){arena_copy(arena, &wire, sizeof(wire)), sizeof(wire),
				       INT8_OID};
}

struct postgres_param postgres_int4(struct arena *arena, int32_t value)
{
	uint32_t wire = htobe32((uint32_t)value);
	return (struct postgres_param){arena_copy(arena, &wire, sizeof(wire)), sizeof(wire),
				       INT4_OID};
}

struct postgres_param postgres_text(const char *value)
{
	return (struct postgres_param){value, value ? (int)strlen(value) : 0, 0};
}

struct postgres_param postgres_bytes(const void *data, size_t size)
{
	return (struct postgres_param){data ? data : "", (int)size, 0};
}

#define ARRAY_HEAD_SIZE 20

/* dimensions, has nulls, element type, length, lower bound; then length and value of each follow */
static char *array_head(char *wire, uint32_t element, size_t count)
{
	uint32_t head[5] = {htobe32(1), 0, htobe32(element), htobe32((uint32_t)count), htobe32(1)};
	memcpy(wire, head, ARRAY_HEAD_SIZE);
	return wire + ARRAY_HEAD_SIZE;
}

struct postgres_param postgres_int8_array(struct arena *arena, const int64_t *values, size_t count)
{
	char *wire = arena_take(arena, ARRAY_HEAD_SIZE + count * 12);
	char *at = array_head(wire, INT8_OID, count);
	for (size_t i = 0; i < count; i++, at += 12) {
		uint32_t len = htobe32(8);
		uint64_t value = htobe64((uint64_t)values[i]);
		memcpy(at, &len, 4);
		memcpy(at + 4, &value, 8);
	}
	return (struct postgres_param){wire, (int)(at - wire), INT8_ARRAY_OID};
}

struct postgres_param postgres_text_array(struct arena *arena, const char *const *values,
					  size_t count)
{
	size_t size = ARRAY_HEAD_SIZE;
	for (size_t i = 0; i < count; i++)
		size += 4 + strlen(values[i]);
	char *wire = arena_take(arena, size), *at = array_head(wire, TEXT_OID, count);
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(values[i]);
		uint32_t len = htobe32((uint32_t)length);
		memcpy(at, &len, 4);
		memcpy(at + 4, values[i], length);
		at += 4 + length;
	}
	return (struct postgres_param){wire, (int)size, TEXT_ARRAY_OID};
}

/* The name of the statement, prepared now if it is new to this connection. */
static int prepare(struct postgres *postgres, const char *sql, const struct postgres_param *params,
		   size_t count, char name[16], struct err *err)
{
	size_t at = 0;
	while (at < postgres->statement_count && postgres->statements[at] != sql)
		at++;
	snprintf(name, 16, "s%zu", at);
	if (at < postgres->statement_count)
		return 0;
	if (at == STATEMENTS_MAX || count > PARAMS_MAX)
		return err_set(err, "too many statements or parameters");
	Oid types[PARAMS_MAX];
	for (size_t i = 0; i < count; i++)
		types[i] = params[i].oid;
	if (check(postgres, PQprepare(postgres->connection, name, sql, (int)count, types),
		  PGRES_COMMAND_OK, err))
		return -1;
	postgres->statements[postgres->statement_count++] = sql;
	return 0;
}

int postgres_query(struct postgres *postgres, const char *sql, const struct postgres_param *params,
		   size_t count, struct postgres_result **result, struct err *err)
{
	char name[16];
	const char *values[PARAMS_MAX];
	int lengths[PARAMS_MAX], formats[PARAMS_MAX];
	if (connect_now(postgres, err) || prepare(postgres, sql, params, count, name, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		values[i] = params[i].data;
		lengths[i] = params[i].len;
		formats[i] = 1;
	}
	PGresult *answer =
	    PQexecPrepared(postgres->connection, name, (int)count, values, lengths, formats, 1);
	ExecStatusType status = PQresultStatus(answer);
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		return check(postgres, answer, PGRES_TUPLES_OK, err);
	if (result)
		*result = (struct postgres_result *)answer;
	else
		PQclear(answer);
	return 0;
}

void postgres_result_free(struct postgres_result **result)
{
	PQclear((PGresult *)*result);
	*result = NULL;
}

size_t postgres_rows(const struct postgres_result *result)
{
	return (size_t)PQntuples((const PGresult *)result);
}

size_t postgres_affected(const struct postgres_result *result)
{
	/* libpq reads the command tag only, but its parameter is not const */
	return (size_t)strtoull(PQcmdTuples((PGresult *)(uintptr_t)result), NULL, 10);
}

bool postgres_null(const struct postgres_result *result, size_t row, int column)
{
	return PQgetisnull((const PGresult *)result, (int)row, column);
}

int64_t postgres_get_int(const struct postgres_result *result, size_t row, int column)
{
	size_t size;
	const char *data = postgres_get_bytes(result, row, column, &size);
	uint64_t value = 0;
	for (size_t i = 0; i < size; i++)
		value = value << 8 | (uint8_t)data[i];
	unsigned unused = 64 - 8 * (unsigned)size;
	return size == 0 || size > 8 ? 0 : (int64_t)(value << unused) >> unused;
}

const char *postgres_get_bytes(const struct postgres_result *result, size_t row, int column,
			       size_t *size)
{
	const PGresult *answer = (const PGresult *)result;
	*size = (size_t)PQgetlength(answer, (int)row, column);
	return PQgetvalue(answer, (int)row, column);
}

bool postgres_get_exactly(const struct postgres_result *result, size_t row, int column, void *out,
			  size_t size)
{
	size_t found;
	const char *data = postgres_get_bytes(result, row, column, &found);
	if (postgres_null(result, row, column) || found != size)
		return false;
	memcpy(out, data, size);
	return true;
}

ProtobufCBinaryData postgres_get_data(const struct postgres_result *result, size_t row, int column)
{
	size_t size;
	const char *data = postgres_get_bytes(result, row, column, &size);
	return (ProtobufCBinaryData){size, (uint8_t *)(uintptr_t)data};
}

const char *postgres_get_text(const struct postgres_result *result, size_t row, int column)
{
	size_t size;
	return postgres_get_bytes(result, row, column, &size);
}

/* ---- COPY ----------------------------------------------------------------------------------- */

static void add_be16(struct buffer *rows, uint16_t value)
{
	uint16_t wire = htobe16(value);
	buffer_add(rows, &wire, sizeof(wire));
}

static void add_be32(struct buffer *rows, uint32_t value)
{
	uint32_t wire = htobe32(value);
	buffer_add(rows, &wire, sizeof(wire));
}

void copy_start(struct buffer *rows)
{
	static const char header[19] = "PGCOPY\n\377\r\n"; /* then flags and extension: zeros */
	buffer_clear(rows);
	buffer_add(rows, header, sizeof(header));
}

void copy_row(struct buffer *rows, int16_t columns)
{
	add_be16(rows, (uint16_t)columns);
}

void copy_null(struct buffer *rows)
{
	add_be32(rows, UINT32_MAX);
}

void copy_int2(struct buffer *rows, int16_t value)
{
	add_be32(rows, 2);
	add_be16(rows, (uint16_t)value);
}

void copy_int4(struct buffer *rows, int32_t value)
{
	add_be32(rows, 4);
	add_be32(rows, (uint32_t)value);
}

void copy_int8(struct buffer *rows, int64_t value)
{
	uint64_t wire = htobe64((uint64_t)value);
	copy_bytes(rows, &wire, sizeof(wire));
}

void copy_float4(struct buffer *rows, float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	add_be32(rows, 4);
	add_be32(rows, bits);
}

void copy_float8(struct buffer *rows, double value)
{
	int64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	copy_int8(rows, bits);
}

void copy_bool(struct buffer *rows, bool value)
{
	char byte = value;
	copy_bytes(rows, &byte, 1);
}

void copy_bytes(struct buffer *rows, const void *data, size_t size)
{
	add_be32(rows, (uint32_t)size);
	buffer_add(rows, data, size);
}

void *copy_reserve(struct buffer *rows, size_t size)
{
	add_be32(rows, (uint32_t)size);
	void *room = buffer_reserve(rows, size);
	rows->len += size;
	return room;
}

void copy_int4_array(struct buffer *rows, const int32_t *values, size_t count)
{
	add_be32(rows, (uint32_t)(12 + (count ? 8 + 8 * count : 0)));
	add_be32(rows, count > 0); /* dimensions */
	add_be32(rows, 0);         /* no NULL among them */
	add_be32(rows, INT4_OID);
	if (count) {
		add_be32(rows, (uint32_t)count);
		add_be32(rows, 1); /* index of the first */
	}
	for (size_t i = 0; i < count; i++)
		copy_int4(rows, values[i]);
}

void copy_str(struct buffer *rows, const char *text)
{
	if (text)
		copy_bytes(rows, text, strlen(text));
	else
		copy_null(rows);
}

void copy_time_ms(struct buffer *rows, int64_t unix_ms)
{
	/* what no calendar has becomes the end of PostgreSQL's own times */
	int64_t since;
	if (__builtin_sub_overflow(unix_ms, EPOCH_2000_MS, &since) ||
	    __builtin_mul_overflow(since, INT64_C(1000), &since))
		since = unix_ms < 0 ? INT64_MIN : INT64_MAX;
	copy_int8(rows, since);
}

/* Results until there is none; the first failure counts. */
static int drain(struct postgres *postgres, struct err *err)
{
	int failed = 0;
	for (PGresult *result; (result = PQgetResult(postgres->connection));) {
		if (failed)
			PQclear(result);
		else
			failed = check(postgres, result, PGRES_COMMAND_OK, err);
		if (!postgres->connection)
			break;
	}
	return failed;
}

int postgres_copy(struct postgres *postgres, const char *statement, struct buffer *rows,
		  struct err *err)
{
	if (connect_now(postgres, err) ||
	    check(postgres, PQexec(postgres->connection, statement), PGRES_COPY_IN, err))
		return -1;
	add_be16(rows, UINT16_MAX); /* the trailer */
	if (PQputCopyData(postgres->connection, rows->data, (int)rows->len) != 1 ||
	    PQputCopyEnd(postgres->connection, NULL) != 1)
		return fail(postgres, PQerrorMessage(postgres->connection), err);
	return drain(postgres, err);
}
