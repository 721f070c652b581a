/*
 * Numbers for Prometheus (text format 0.0.4), shown at /metrics. Registered at start, updated from
 * any thread without a lock. No label ever holds personal data.
 */
#ifndef UTIL_METRICS_H
#define UTIL_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buffer.h"

struct metric;

/* labels: "topic=\"x\",reason=\"y\"" or NULL. Names follow redress_<service>_<what>_<unit>_total.
 * Registering the same name and labels twice gives the same metric. */
struct metric *metric_counter(const char *name, const char *labels, const char *help);
struct metric *metric_gauge(const char *name, const char *labels, const char *help);
/* A gauge of shares and other small numbers, set by metric_set_fraction; shown to six decimals. */
struct metric *metric_fraction(const char *name, const char *labels, const char *help);
/* Seconds, in fixed buckets from 1 ms to 60 s. */
struct metric *metric_histogram(const char *name, const char *labels, const char *help);

void metric_add(struct metric *metric, int64_t by);
void metric_set(struct metric *metric, int64_t value);
void metric_set_fraction(struct metric *metric, double value);
void metric_observe_us(struct metric *metric, int64_t microseconds);
int64_t metric_value(const struct metric *metric);

void metrics_print(struct buffer *out);

#endif
