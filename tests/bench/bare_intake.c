/*
 * The bare cost of a front door: epoll and librdkafka, nothing validated, sealed or numbered. Each
 * POST's body becomes one message (acks=all, idempotent); 201 is sent when the broker has it.
 *
 *   bare_intake PORT THREADS BROKERS TOPIC
 */
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS_MAX 16
#define EVENTS      256

struct worker;

struct connection {
	int fd;
	bool busy;   /* a message of this connection is under way */
	bool gone;   /* the client left meanwhile */
	bool failed; /* the broker does not have the message */
	size_t used;
	struct worker *worker;
	struct connection *next;
	char data[16384];
};

struct worker {
	int epoll, wake;
	unsigned serial;
	pthread_mutex_t lock;
	struct connection *done; /* answered by the broker, in no order */
	atomic_bool signalled;
};

static struct {
	uint16_t port;
	int threads;
	rd_kafka_t *kafka;
	rd_kafka_topic_t *topic;
	struct worker workers[THREADS_MAX];
} bare;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void answer(struct connection *connection, bool accepted)
{
	static const char good[] = "HTTP/1.1 201 Created\r\n"
				   "Content-Type: application/json\r\nContent-Length: 65\r\n\r\n"
				   "{\"id\":\"018bd0c9-f498-75b1-8593-174874296317\","
				   "\"status\":\"accepted\"}";
	static const char bad[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
				  "Content-Length: 0\r\n\r\n";
	const char *text = accepted ? good : bad;
	/* What does not fit a socket's empty buffer: the client is broken, and this is no product.
	 */
	if (write(connection->fd, text, strlen(text)) < 0)
		connection->gone = errno != EAGAIN;
}

static size_t content_length(const char *head, const char *end)
{
	for (const char *line = head; line && line < end;
	     line = memchr(line, '\n', (size_t)(end - line))) {
		line += *line == '\n';
		if (strncasecmp(line, "content-length:", 15) == 0)
			return strtoul(line + 15, NULL, 10);
	}
	return 0;
}

/* One request, when a whole one is there and none is under way. */
static void feed(struct connection *connection)
{
	char *end = memmem(connection->data, connection->used, "\r\n\r\n", 4);
	if (!end || connection->busy)
		return;
	size_t length = content_length(connection->data, end + 2);
	size_t total = (size_t)(end + 4 - connection->data) + length;
	if (connection->used < total)
		return;
	struct worker *worker = connection->worker;
	char key[17];
	unsigned long mixed = (worker->serial++ * (unsigned long)THREADS_MAX +
			       (unsigned long)(worker - bare.workers)) *
			      0x9E3779B97F4A7C15ul;
	snprintf(key, sizeof(key), "%016lx", mixed);
	connection->busy = rd_kafka_produce(bare.topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
					    end + 4, length, key, 16, connection) == 0;
	if (!connection->busy)
		answer(connection, false);
	connection->used -= total;
	memmove(connection->data, connection->data + total, connection->used);
}

static void connection_close(struct connection *connection)
{
	close(connection->fd);
	free(connection);
}

static void delivered(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *unused)
{
	struct connection *connection = message->_private;
	struct worker *worker = connection->worker;
	(void)kafka;
	(void)unused;
	connection->failed = message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
	pthread_mutex_lock(&worker->lock);
	connection->next = worker->done;
	worker->done = connection;
	pthread_mutex_unlock(&worker->lock);
	worker->signalled = true;
}

/* Wakes each worker once for a whole batch of reports. */
static void *serve_reports(void *unused)
{
	(void)unused;
	for (;;) {
		rd_kafka_poll(bare.kafka, 100);
		for (int i = 0; i < bare.threads; i++) {
			uint64_t one = 1;
			if (atomic_exchange(&bare.workers[i].signalled, false) &&
			    write(bare.workers[i].wake, &one, sizeof(one)) < 0)
				die("eventfd");
		}
	}
	return NULL;
}

static void answer_done(struct worker *worker)
{
	uint64_t count;
	if (read(worker->wake, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&worker->lock);
	struct connection *connection = worker->done;
	worker->done = NULL;
	pthread_mutex_unlock(&worker->lock);
	while (connection) {
		struct connection *next = connection->next;
		connection->busy = false;
		if (!connection->gone)
			answer(connection, !connection->failed);
		if (connection->gone)
			connection_close(connection);
		else if (connection->used)
			feed(connection);
		connection = next;
	}
}

static void watch(struct worker *worker, int fd, void *what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
	if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4096) < 0)
		die("listen");
	return fd;
}

static void accept_all(struct worker *worker, int listener)
{
	int fd, on = 1;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct connection *connection = calloc(1, sizeof(*connection));
		if (!connection)
			die("calloc");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		connection->fd = fd;
		connection->worker = worker;
		watch(worker, fd, connection);
	}
}

static void receive(struct worker *worker, struct connection *connection)
{
	ssize_t got = read(connection->fd, connection->data + connection->used,
			   sizeof(connection->data) - connection->used);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got > 0) {
		connection->used += (size_t)got;
		feed(connection);
		return;
	}
	epoll_ctl(worker->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
	connection->gone = true;
	if (!connection->busy)
		connection_close(connection);
}

static void *serve(void *which)
{
	struct worker *worker = which;
	int listener = listen_on(bare.port);
	struct epoll_event events[EVENTS];
	watch(worker, listener, &bare);
	watch(worker, worker->wake, worker);
	for (;;) {
		int count = epoll_wait(worker->epoll, events, EVENTS, -1);
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == &bare)
				accept_all(worker, listener);
			else if (events[i].data.ptr == worker)
				answer_done(worker);
			else
				receive(worker, events[i].data.ptr);
		}
	}
	return NULL;
}

static void connect_kafka(const char *brokers, const char *topic)
{
	const char *const settings[][2] = {
	    {"bootstrap.servers", brokers},   {"acks", "all"},
	    {"enable.idempotence", "true"},   {"linger.ms", "1"},
	    {"socket.nagle.disable", "true"}, {"queue.buffering.max.messages", "200000"},
	};
	char reason[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], reason,
				      sizeof(reason)) != RD_KAFKA_CONF_OK)
			die(reason);
	}
	rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	bare.kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
	if (!bare.kafka)
		die(reason);
	bare.topic = rd_kafka_topic_new(bare.kafka, topic, NULL);
}

int main(int argc, char **argv)
{
	if (argc != 5 || atoi(argv[2]) < 1 || atoi(argv[2]) > THREADS_MAX) {
		fprintf(stderr, "usage: bare_intake PORT THREADS BROKERS TOPIC\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	bare.port = (uint16_t)atoi(argv[1]);
	bare.threads = atoi(argv[2]);
	connect_kafka(argv[3], argv[4]);
	pthread_t thread;
	for (int i = 0; i < bare.threads; i++) {
		struct worker *worker = &bare.workers[i];
		worker->epoll = epoll_create1(EPOLL_CLOEXEC);
		worker->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		pthread_mutex_init(&worker->lock, NULL);
		if (pthread_create(&thread, NULL, serve, worker))
			die("pthread_create");
	}
	serve_reports(NULL);
}
