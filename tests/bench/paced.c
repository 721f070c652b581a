/*
 * Citizens at a steady rate: POSTs bodies to a front door at RATE a second, whether or not it keeps
 * up, and counts each one's time from the moment it was due.
 *
 *   paced PORT PATH RATE SECONDS CONNECTIONS BODIES
 *
 * BODIES: one JSON body a line, taken in turn. Every request has an Idempotency-Key of its own.
 * Prints: created other lost p50_ms p99_ms max_ms
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256

struct connection {
	int fd;
	double due; /* of the request under way; 0: free */
	size_t used;
	struct connection *next_free;
	char reply[8192];
};

static struct {
	int epoll;
	const char *path;
	unsigned long run; /* makes keys differ from those of other runs */
	char **bodies;
	size_t body_count, sent, created, other, lost;
	double *latencies;
	size_t latency_count;
	struct connection *free;
} load;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void read_bodies(const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t size;
	if (!file)
		die(path);
	while ((size = getline(&line, &room, file)) > 0) {
		load.bodies = realloc(load.bodies, (load.body_count + 1) * sizeof(*load.bodies));
		line[size - 1] = '\0';
		load.bodies[load.body_count++] = strdup(line);
	}
	free(line);
	fclose(file);
	if (!load.body_count)
		die("no bodies");
}

static void connection_open(struct connection *connection, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
	int on = 1;
	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("connect");
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, connection->fd, &event) < 0)
		die("epoll_ctl");
	connection->next_free = load.free;
	load.free = connection;
}

static void request(struct connection *connection, double due)
{
	static char text[131072];
	const char *body = load.bodies[load.sent % load.body_count];
	int size = snprintf(text, sizeof(text),
			    "POST %s HTTP/1.1\r\nHost: localhost\r\n"
			    "Content-Type: application/json\r\nIdempotency-Key: load-%lx-%zu\r\n"
			    "Content-Length: %zu\r\n\r\n%s",
			    load.path, load.run, load.sent, strlen(body), body);
	load.sent++;
	connection->due = due;
	connection->used = 0;
	if (size >= (int)sizeof(text) || write(connection->fd, text, (size_t)size) != size)
		die("write");
}

/* Whether the whole reply is there. */
static bool complete(const struct connection *connection)
{
	const char *end = memmem(connection->reply, connection->used, "\r\n\r\n", 4);
	const char *length = end ? strcasestr(connection->reply, "content-length:") : NULL;
	return length && connection->used >=
			     (size_t)(end + 4 - connection->reply) + strtoul(length + 15, NULL, 10);
}

static void receive(struct connection *connection)
{
	ssize_t got = read(connection->fd, connection->reply + connection->used,
			   sizeof(connection->reply) - 1 - connection->used);
	if (got <= 0) {
		load.lost++;
		close(connection->fd);
		return;
	}
	connection->used += (size_t)got;
	connection->reply[connection->used] = '\0';
	if (!complete(connection))
		return;
	if (strncmp(connection->reply, "HTTP/1.1 201", 12) == 0)
		load.created++;
	else
		load.other++;
	load.latencies[load.latency_count++] = now() - connection->due;
	connection->due = 0;
	connection->next_free = load.free;
	load.free = connection;
}

static void run(double rate, double seconds)
{
	struct epoll_event events[EVENTS];
	size_t total = (size_t)(rate * seconds);
	double start = now(), end = start + seconds + 15;
	load.latencies = calloc(total, sizeof(*load.latencies));
	while (load.latency_count + load.lost < total && now() < end) {
		while (load.free && load.sent < total &&
		       now() >= start + (double)load.sent / rate) {
			struct connection *connection = load.free;
			load.free = connection->next_free;
			request(connection, start + (double)load.sent / rate);
		}
		int count = epoll_wait(load.epoll, events, EVENTS, 1);
		for (int i = 0; i < count; i++)
			receive(events[i].data.ptr);
	}
	load.lost = total - load.latency_count;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double percentile(double share)
{
	if (!load.latency_count)
		return 0;
	return 1e3 * load.latencies[(size_t)(share * (double)(load.latency_count - 1))];
}

int main(int argc, char **argv)
{
	if (argc != 7) {
		fprintf(stderr, "usage: paced PORT PATH RATE SECONDS CONNECTIONS BODIES\n");
		return 2;
	}
	int connections = atoi(argv[5]);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.path = argv[2];
	load.run = (unsigned long)time(NULL) << 20 ^ (unsigned long)getpid();
	read_bodies(argv[6]);
	struct connection *all = calloc((size_t)connections, sizeof(*all));
	for (int i = 0; all && i < connections; i++)
		connection_open(&all[i], atoi(argv[1]));
	run(atof(argv[3]), atof(argv[4]));
	qsort(load.latencies, load.latency_count, sizeof(*load.latencies), compare);
	printf("%zu %zu %zu %.1f %.1f %.1f\n", load.created, load.other, load.lost, percentile(0.5),
	       percentile(0.99), percentile(1));
	free(all);
	return 0;
}
