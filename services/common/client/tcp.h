/* TCP connections to stores, made within a deadline. */
#ifndef CLIENT_TCP_H
#define CLIENT_TCP_H

#include "util/deadline.h"
#include "util/err.h"

/* A connected socket that never blocks, tried at each address of host in turn; the resolver takes
 * its own time where host is a name. -1: why in err. */
int tcp_connect(const char *host, int port, const struct deadline *deadline,
		struct err *err) MUST_CHECK;

#endif
