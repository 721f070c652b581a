#include "client/postgres.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/breaker.h"
#include "client/postgres_wire.h"
#include "util/alloc.h"
#include "util/secret_file.h"

#define STATEMENTS_MAX 64
#define PARAMS_MAX     16
#define INT4_OID       23
#define INT8_OID       20
#define TEXT_OID       25
#define INT8_ARRAY_OID 1016
#define TEXT_ARRAY_OID 1009
/* PostgreSQL counts microseconds from 2000-01-01. */
#define EPOCH_2000_MS INT64_C(946684800000)
/* A server that is there takes a connection, and a lock is given back, in much less time than a
 * bulk statement may take. */
#define CONNECT_MOST_MS 10000
#define LOCK_MOST_MS    60000

/* clang-format off */
#define CONNINFO \
	{"postgres.conninfo", SETTING_SECRET, NULL, 1, 2000, \
	 "where PostgreSQL is, as libpq takes it (host=... dbname=... user=... or postgresql://...)"}, \
	{"postgres.password_file", SETTING_STRING, "", 0, 1000, \
	 "file with the password, read at every connection; empty: what postgres.conninfo says"}
/* clang-format on */

const struct setting postgres_settings[] = {
    CONNINFO,
    {"postgres.timeout", SETTING_DURATION, "2s", 100, 60000, "longest wait for PostgreSQL"},
    {NULL, SETTING_STRING, NULL, 0, 0, NULL},
};

/* clang-format off */
#define BULK_TIMEOUT(usual) \
	{"postgres.bulk_timeout", SETTING_DURATION, usual, 1000, INT64_C(86400000), \
	 "longest wait for one statement of PostgreSQL"}
/* clang-format on */

const struct setting postgres_bulk_settings[] = {
    CONNINFO, BULK_TIMEOUT("1m"), {NULL, SETTING_STRING, NULL, 0, 0, NULL}};
const struct setting postgres_whole_settings[] = {
    CONNINFO, BULK_TIMEOUT("10m"), {NULL, SETTING_STRING, NULL, 0, 0, NULL}};

/* Whether the server is there is the same for all connections of the process. */
static struct breaker breaker = BREAKER("PostgreSQL");

struct postgres {
	char *conninfo, *password_file, *application;
	char *session;      /* what a new connection begins with */
	PGconn *connection; /* NULL: not connected */
	char sqlstate[6];   /* of the last failure; "": not the server's word */
	const char *statements[STATEMENTS_MAX];
	size_t statement_count;
	int64_t patience_ms;
	bool hurry;
	struct deadline deadline; /* of the call under way */
	bool away;                /* it could not be reached, or did not answer in time */
};

/*
 * The server's own limits are a little shorter: where it is only busy, or another holds a lock, it
 * says so itself, and the connection lives.
 */
static char *session_sql(int64_t patience_ms, const char *more)
{
	int64_t lock_ms = patience_ms / 5 < LOCK_MOST_MS ? patience_ms / 5 : LOCK_MOST_MS;
	return x_printf("SET statement_timeout = %lld; SET lock_timeout = %lld;%s",
			(long long)(patience_ms * 9 / 10), (long long)lock_ms, more);
}

static struct postgres *new_with(const struct settings *settings, const char *application,
				 const char *timeout)
{
	struct postgres *postgres = x_calloc(1, sizeof(*postgres));
	postgres->conninfo = x_strdup(settings_str(settings, "postgres.conninfo"));
	postgres->password_file = x_strdup(settings_str(settings, "postgres.password_file"));
	postgres->application = x_strdup(application);
	postgres->patience_ms = settings_int(settings, timeout);
	postgres->session = session_sql(postgres->patience_ms, "");
	return postgres;
}

struct postgres *postgres_new(const struct settings *settings, const char *application)
{
	return new_with(settings, application, "postgres.timeout");
}

struct postgres *postgres_new_bulk(const struct settings *settings, const char *application)
{
	return new_with(settings, application, "postgres.bulk_timeout");
}

void postgres_begin_with(struct postgres *postgres, const char *sql)
{
	free(postgres->session);
	postgres->session = session_sql(postgres->patience_ms, sql);
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
	free((*postgres)->password_file);
	free((*postgres)->application);
	free((*postgres)->session);
	free(*postgres);
	*postgres = NULL;
}

bool postgres_connected(struct postgres *postgres)
{
	return postgres->connection && PQstatus(postgres->connection) == CONNECTION_OK;
}

void postgres_hurry(struct postgres *postgres, bool hurry)
{
	postgres->hurry = hurry;
}

/* ---- a call --------------------------------------------------------------------------------- */

/* The first line of what libpq says: the further ones may show values. */
static int fail(struct postgres *postgres, const char *message, struct err *err)
{
	err_set(err, "PostgreSQL: %.*s", (int)strcspn(message, "\n"), message);
	postgres->sqlstate[0] = '\0';
	if (!postgres_connected(postgres))
		disconnect(postgres);
	return -1;
}

/* A late answer would be taken for that of the next call: such a connection is not used again. */
static int give_up(struct postgres *postgres, enum wire_state state, struct err *err)
{
	if (state == WIRE_BROKEN) {
		fail(postgres, PQerrorMessage(postgres->connection), err);
	} else {
		postgres->away = !postgres->hurry;
		postgres->sqlstate[0] = '\0';
		err_set(err, "PostgreSQL: no answer in time");
	}
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
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	fail(postgres, primary ? primary : PQerrorMessage(postgres->connection), err);
	snprintf(postgres->sqlstate, sizeof(postgres->sqlstate), "%s", state ? state : "");
	PQclear(result);
	return -1;
}

const char *postgres_refused_data(const struct postgres *postgres)
{
	/* cardinality, data exception, integrity constraint, program limit exceeded */
	static const char *const classes[] = {"21", "22", "23", "54"};
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		if (strncmp(postgres->sqlstate, classes[i], 2) == 0)
			return postgres->sqlstate;
	}
	return NULL;
}

/* sent: what PQsend... returned. The last result, to be cleared; NULL: none, why in err. */
static PGresult *receive(struct postgres *postgres, int sent, struct err *err)
{
	PGresult *result = NULL;
	enum wire_state state =
	    sent ? wire_result(postgres->connection, &postgres->deadline, &result) : WIRE_BROKEN;
	if (state != WIRE_DONE)
		give_up(postgres, state, err);
	return result;
}

static int say(struct postgres *postgres, const char *sql, ExecStatusType wanted, struct err *err)
{
	PGresult *result = receive(postgres, PQsendQuery(postgres->connection, sql), err);
	if (!result)
		return -1;
	if (PQresultStatus(result) == PGRES_TUPLES_OK && wanted == PGRES_COMMAND_OK)
		wanted = PGRES_TUPLES_OK;
	return check(postgres, result, wanted, err);
}

static int reach(struct postgres *postgres, struct err *err)
{
	char *password = NULL;
	int64_t most_ms = deadline_left_ms(&postgres->deadline);
	struct deadline soon = deadline_in(most_ms < CONNECT_MOST_MS ? most_ms : CONNECT_MOST_MS);
	if (*postgres->password_file &&
	    !(password = secret_file_read(postgres->password_file, err)))
		return -1;
	postgres->connection =
	    wire_connect(postgres->conninfo, password, postgres->application, &soon, err);
	secret_file_free(&password);
	postgres->away = !postgres->connection && !postgres->hurry;
	return postgres->connection ? 0 : -1;
}

static int connect_now(struct postgres *postgres, struct err *err)
{
	if (postgres->connection && !wire_has_ended(postgres->connection))
		return 0;
	disconnect(postgres);
	if (reach(postgres, err))
		return -1;
	if (!say(postgres, postgres->session, PGRES_COMMAND_OK, err))
		return 0;
	disconnect(postgres);
	return -1;
}

static int begin_as(struct postgres *postgres, enum breaker_caller caller, struct err *err)
{
	postgres->away = false;
	postgres->deadline = deadline_in(postgres->patience_ms / (postgres->hurry ? 4 : 1));
	return breaker_enter(&breaker, caller, err);
}

static int begin(struct postgres *postgres, struct err *err)
{
	return begin_as(postgres, BREAKER_USER, err);
}

/* result: of the call that was begun. */
static int end(const struct postgres *postgres, int result, const struct err *err)
{
	breaker_leave(&breaker, postgres->away ? err : NULL);
	return result;
}

static int connect_and_say(struct postgres *postgres, const char *sql, struct err *err)
{
	return connect_now(postgres, err) || say(postgres, sql, PGRES_COMMAND_OK, err) ? -1 : 0;
}

int postgres_exec(struct postgres *postgres, const char *sql, struct err *err)
{
	return begin(postgres, err) ? -1 : end(postgres, connect_and_say(postgres, sql, err), err);
}

int postgres_watch(struct postgres *postgres, struct err *err)
{
	return begin_as(postgres, BREAKER_WATCHER, err)
		   ? -1
		   : end(postgres, connect_and_say(postgres, "SELECT 1", err), err);
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

/* Parameters as libpq takes them. */
struct values {
	const char *data[PARAMS_MAX];
	int lengths[PARAMS_MAX], formats[PARAMS_MAX];
	Oid types[PARAMS_MAX];
};

static int set_values(struct values *values, const struct postgres_param *params, size_t count,
		      struct err *err)
{
	if (count > PARAMS_MAX)
		return err_set(err, "too many parameters");
	for (size_t i = 0; i < count; i++) {
		values->data[i] = params[i].data;
		values->lengths[i] = params[i].len;
		values->formats[i] = 1;
		values->types[i] = params[i].oid;
	}
	return 0;
}

/* The name of the statement, prepared now if it is new to this connection. */
static int prepare(struct postgres *postgres, const char *sql, const struct values *values,
		   size_t count, char name[16], struct err *err)
{
	size_t at = 0;
	while (at < postgres->statement_count && postgres->statements[at] != sql)
		at++;
	snprintf(name, 16, "s%zu", at);
	if (at < postgres->statement_count)
		return 0;
	if (at == STATEMENTS_MAX)
		return err_set(err, "too many statements");
	PGresult *result =
	    receive(postgres,
		    PQsendPrepare(postgres->connection, name, sql, (int)count, values->types), err);
	if (!result || check(postgres, result, PGRES_COMMAND_OK, err))
		return -1;
	postgres->statements[postgres->statement_count++] = sql;
	return 0;
}

/* sent: as in receive. */
static int take_result(struct postgres *postgres, int sent, struct postgres_result **result,
		       struct err *err)
{
	PGresult *answer = receive(postgres, sent, err);
	if (!answer)
		return -1;
	ExecStatusType status = PQresultStatus(answer);
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		return check(postgres, answer, PGRES_TUPLES_OK, err);
	if (result)
		*result = (struct postgres_result *)answer;
	else
		PQclear(answer);
	return 0;
}

static int ask_prepared(struct postgres *postgres, const char *sql,
			const struct postgres_param *params, size_t count,
			struct postgres_result **result, struct err *err)
{
	char name[16];
	struct values values;
	if (set_values(&values, params, count, err) || connect_now(postgres, err) ||
	    prepare(postgres, sql, &values, count, name, err))
		return -1;
	int sent = PQsendQueryPrepared(postgres->connection, name, (int)count, values.data,
				       values.lengths, values.formats, 1);
	return take_result(postgres, sent, result, err);
}

static int ask_planned(struct postgres *postgres, const char *sql,
		       const struct postgres_param *params, size_t count,
		       struct postgres_result **result, struct err *err)
{
	struct values values;
	if (set_values(&values, params, count, err) || connect_now(postgres, err))
		return -1;
	int sent = PQsendQueryParams(postgres->connection, sql, (int)count, values.types,
				     values.data, values.lengths, values.formats, 1);
	return take_result(postgres, sent, result, err);
}

int postgres_query(struct postgres *postgres, const char *sql, const struct postgres_param *params,
		   size_t count, struct postgres_result **result, struct err *err)
{
	return begin(postgres, err)
		   ? -1
		   : end(postgres, ask_prepared(postgres, sql, params, count, result, err), err);
}

int postgres_query_planned(struct postgres *postgres, const char *sql,
			   const struct postgres_param *params, size_t count,
			   struct postgres_result **result, struct err *err)
{
	return begin(postgres, err)
		   ? -1
		   : end(postgres, ask_planned(postgres, sql, params, count, result, err), err);
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

static int copy(struct postgres *postgres, const char *statement, struct buffer *rows,
		struct err *err)
{
	if (connect_now(postgres, err) || say(postgres, statement, PGRES_COPY_IN, err))
		return -1;
	add_be16(rows, UINT16_MAX); /* the trailer */
	enum wire_state state =
	    wire_copy(postgres->connection, rows->data, rows->len, &postgres->deadline);
	if (state != WIRE_DONE)
		return give_up(postgres, state, err);
	PGresult *result = receive(postgres, 1, err);
	return result ? check(postgres, result, PGRES_COMMAND_OK, err) : -1;
}

int postgres_copy(struct postgres *postgres, const char *statement, struct buffer *rows,
		  struct err *err)
{
	return begin(postgres, err) ? -1 : end(postgres, copy(postgres, statement, rows, err), err);
}
