#include "util/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"

enum kind { COUNTER, GAUGE, FRACTION, HISTOGRAM };

static const int64_t bucket_us[] = {1000,   2500,   5000,    10000,   25000,   50000,    100000,
				    250000, 500000, 1000000, 2500000, 5000000, 10000000, 60000000};
#define MILLION 1000000
#define BUCKETS (sizeof(bucket_us) / sizeof(*bucket_us))

struct metric {
	struct metric *next; /* those of one name stand together */
	enum kind kind;
	char *name, *labels, *help;
	_Atomic int64_t value; /* of a fraction: millionths; of a histogram: how many */
	_Atomic int64_t sum_us;
	_Atomic int64_t buckets[BUCKETS];
};

/* Process-wide by nature, like the log: what this process counts. */
static struct metric *all;
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;

static struct metric *find(const char *name, const char *labels)
{
	for (struct metric *m = all; m; m = m->next) {
		if (strcmp(m->name, name) == 0 && strcmp(m->labels, labels) == 0)
			return m;
	}
	return NULL;
}

static struct metric *add(enum kind kind, const char *name, const char *labels, const char *help)
{
	struct metric *metric = x_calloc(1, sizeof(*metric)), **place = &all;
	metric->kind = kind;
	metric->name = x_strdup(name);
	metric->labels = x_strdup(labels);
	metric->help = x_strdup(help);
	while (*place && strcmp((*place)->name, name) <= 0)
		place = &(*place)->next;
	metric->next = *place;
	*place = metric;
	return metric;
}

static struct metric *get(enum kind kind, const char *name, const char *labels, const char *help)
{
	if (!labels)
		labels = "";
	pthread_mutex_lock(&all_lock);
	struct metric *metric = find(name, labels);
	if (!metric)
		metric = add(kind, name, labels, help);
	pthread_mutex_unlock(&all_lock);
	return metric;
}

struct metric *metric_counter(const char *name, const char *labels, const char *help)
{
	return get(COUNTER, name, labels, help);
}

struct metric *metric_gauge(const char *name, const char *labels, const char *help)
{
	return get(GAUGE, name, labels, help);
}

struct metric *metric_fraction(const char *name, const char *labels, const char *help)
{
	return get(FRACTION, name, labels, help);
}

struct metric *metric_histogram(const char *name, const char *labels, const char *help)
{
	return get(HISTOGRAM, name, labels, help);
}

void metric_add(struct metric *metric, int64_t by)
{
	atomic_fetch_add_explicit(&metric->value, by, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value)
{
	atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void metric_set_fraction(struct metric *metric, double value)
{
	metric_set(metric, (int64_t)llround(value * MILLION));
}

void metric_observe_us(struct metric *metric, int64_t microseconds)
{
	metric_add(metric, 1);
	atomic_fetch_add_explicit(&metric->sum_us, microseconds, memory_order_relaxed);
	for (size_t i = 0; i < BUCKETS; i++) {
		if (microseconds <= bucket_us[i])
			atomic_fetch_add_explicit(&metric->buckets[i], 1, memory_order_relaxed);
	}
}

int64_t metric_value(const struct metric *metric)
{
	return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

static void print_histogram(const struct metric *m, struct buffer *out)
{
	const char *comma = *m->labels ? "," : "";
	for (size_t i = 0; i < BUCKETS; i++)
		buffer_printf(out, "%s_bucket{%s%sle=\"%g\"} %" PRId64 "\n", m->name, m->labels,
			      comma, (double)bucket_us[i] / 1e6, (int64_t)m->buckets[i]);
	buffer_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRId64 "\n", m->name, m->labels, comma,
		      metric_value(m));
	buffer_printf(out, "%s_sum{%s} %.6f\n%s_count{%s} %" PRId64 "\n", m->name, m->labels,
		      (double)m->sum_us / 1e6, m->name, m->labels, metric_value(m));
}

static void print_one(const struct metric *m, bool first, struct buffer *out)
{
	static const char *const types[] = {"counter", "gauge", "gauge", "histogram"};
	if (first)
		buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name,
			      types[m->kind]);
	if (m->kind == HISTOGRAM)
		print_histogram(m, out);
	else if (m->kind == FRACTION)
		buffer_printf(out, "%s%s%s%s %.6f\n", m->name, *m->labels ? "{" : "", m->labels,
			      *m->labels ? "}" : "", (double)metric_value(m) / MILLION);
	else
		buffer_printf(out, "%s%s%s%s %" PRId64 "\n", m->name, *m->labels ? "{" : "",
			      m->labels, *m->labels ? "}" : "", metric_value(m));
}

void metrics_print(struct buffer *out)
{
	pthread_mutex_lock(&all_lock);
	const char *last = "";
	for (const struct metric *m = all; m; m = m->next) {
		print_one(m, strcmp(last, m->name) != 0, out);
		last = m->name;
	}
	pthread_mutex_unlock(&all_lock);
}
