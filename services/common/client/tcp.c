#include "client/tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int wait_connected(int fd, const struct deadline *deadline)
{
	int failure = 0;
	socklen_t size = sizeof(failure);
	if (!deadline_poll(deadline, fd, POLLOUT))
		return ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) ? errno : failure;
}

/* Small commands are sent at once; a peer that has gone is noticed on an idle connection too. */
static void set_options(int fd)
{
	const int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

/* 0: *fd is connected. Else errno's reason. */
static int connect_to(const struct addrinfo *at, const struct deadline *deadline, int *fd)
{
	*fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return errno;
	set_options(*fd);
	int failure = connect(*fd, at->ai_addr, at->ai_addrlen) ? errno : 0;
	if (failure == EINPROGRESS)
		failure = wait_connected(*fd, deadline);
	if (failure)
		close(*fd);
	return failure;
}

int tcp_connect(const char *host, int port, const struct deadline *deadline, struct err *err)
{
	const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *addresses;
	char service[8];
	int fd = -1, failure = 0;
	snprintf(service, sizeof(service), "%d", port);
	int unknown = getaddrinfo(host, service, &wanted, &addresses);
	if (unknown)
		return err_set(err, "%s", gai_strerror(unknown));
	for (const struct addrinfo *at = addresses; at; at = at->ai_next) {
		failure = connect_to(at, deadline, &fd);
		if (!failure)
			break;
	}
	freeaddrinfo(addresses);
	return failure ? err_set(err, "%s", strerror(failure)) : fd;
}
