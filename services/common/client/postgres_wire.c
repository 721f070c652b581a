#include "client/postgres_wire.h"

#include <poll.h>
#include <string.h>

#define CHUNK ((size_t)64 * 1024)

/* ---- connecting ----------------------------------------------------------------------------- */

static PGconn *refuse(PGconn *connection, const char *message, struct err *err)
{
	err_set(err, "PostgreSQL: %.*s", (int)strcspn(message, "\n"), message);
	PQfinish(connection);
	return NULL;
}

PGconn *wire_connect(const char *conninfo, const char *password, const char *application,
		     const struct deadline *deadline, struct err *err)
{
	/* idle, user_timeout: a connection that the network has lost is noticed even while it is
	 * idle */
	const char *names[] = {"dbname",          "fallback_application_name",
			       "keepalives_idle", "tcp_user_timeout",
			       "password",        NULL};
	const char *values[] = {conninfo, application, "10", "20000", password, NULL};
	PGconn *connection = PQconnectStartParams(names, values, 1);
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;
	while (PQstatus(connection) != CONNECTION_BAD && next != PGRES_POLLING_OK) {
		if (next == PGRES_POLLING_FAILED)
			break;
		if (!deadline_poll(deadline, PQsocket(connection),
				   next == PGRES_POLLING_READING ? POLLIN : POLLOUT))
			return refuse(connection, "cannot connect in time", err);
		next = PQconnectPoll(connection);
	}
	if (PQstatus(connection) != CONNECTION_OK)
		return refuse(connection, PQerrorMessage(connection), err);
	PQsetErrorVerbosity(connection, PQERRORS_TERSE);
	PQsetnonblocking(connection, 1);
	return connection;
}

bool wire_has_ended(PGconn *connection)
{
	struct pollfd readable = {.fd = PQsocket(connection), .events = POLLIN};
	while (PQtransactionStatus(connection) == PQTRANS_IDLE && poll(&readable, 1, 0) > 0) {
		if (!PQconsumeInput(connection))
			return true;
	}
	return PQstatus(connection) != CONNECTION_OK;
}

/* ---- calls ---------------------------------------------------------------------------------- */

enum wire_state wire_flush(PGconn *connection, const struct deadline *deadline)
{
	int left;
	while ((left = PQflush(connection)) == 1) {
		/* the server may want to be read before it takes more */
		if (!deadline_poll(deadline, PQsocket(connection), POLLIN | POLLOUT))
			return WIRE_LATE;
		if (!PQconsumeInput(connection))
			return WIRE_BROKEN;
	}
	return left ? WIRE_BROKEN : WIRE_DONE;
}

static enum wire_state wait_for_result(PGconn *connection, const struct deadline *deadline)
{
	while (PQisBusy(connection)) {
		if (!deadline_poll(deadline, PQsocket(connection), POLLIN))
			return WIRE_LATE;
		if (!PQconsumeInput(connection))
			return WIRE_BROKEN;
	}
	return WIRE_DONE;
}

enum wire_state wire_result(PGconn *connection, const struct deadline *deadline, PGresult **result)
{
	enum wire_state state = wire_flush(connection, deadline);
	*result = NULL;
	while (state == WIRE_DONE) {
		state = wait_for_result(connection, deadline);
		PGresult *next = state == WIRE_DONE ? PQgetResult(connection) : NULL;
		if (!next)
			break;
		PQclear(*result);
		*result = next;
		if (PQresultStatus(next) == PGRES_COPY_IN)
			return WIRE_DONE;
	}
	if (state != WIRE_DONE || !*result) {
		PQclear(*result);
		*result = NULL;
		return state == WIRE_DONE ? WIRE_BROKEN : state;
	}
	return WIRE_DONE;
}

enum wire_state wire_copy(PGconn *connection, const char *data, size_t size,
			  const struct deadline *deadline)
{
	enum wire_state state = WIRE_DONE;
	for (size_t at = 0, part; at < size && state == WIRE_DONE; at += part) {
		part = size - at < CHUNK ? size - at : CHUNK;
		if (PQputCopyData(connection, data + at, (int)part) != 1)
			return WIRE_BROKEN;
		state = wire_flush(connection, deadline);
	}
	if (state == WIRE_DONE && PQputCopyEnd(connection, NULL) != 1)
		return WIRE_BROKEN;
	return state;
}
