/* Calls of libpq that end at a deadline. For postgres.c alone. */
#ifndef CLIENT_POSTGRES_WIRE_H
#define CLIENT_POSTGRES_WIRE_H

#include <libpq-fe.h>

#include "util/deadline.h"
#include "util/err.h"

/* password: NULL: what conninfo says. NULL: not connected, why in err. */
PGconn *wire_connect(const char *conninfo, const char *password, const char *application,
		     const struct deadline *deadline, struct err *err) MUST_CHECK;

/* Has the server ended this idle connection meanwhile? */
bool wire_has_ended(PGconn *connection);

/* Sends what libpq holds. */
enum wire_state { WIRE_DONE, WIRE_BROKEN, WIRE_LATE };
enum wire_state wire_flush(PGconn *connection, const struct deadline *deadline);
/* Sends it and reads the last result of what was asked, or the one that begins a COPY; the caller
 * clears it. NULL when it is not DONE. */
enum wire_state wire_result(PGconn *connection, const struct deadline *deadline, PGresult **result);
/* After the result that began a COPY; the trailer included. */
enum wire_state wire_copy(PGconn *connection, const char *data, size_t size,
			  const struct deadline *deadline);

#endif
