/* The daemon's hooks: main.c runs them, and so does the measurement of tests/bench. */
#ifndef CLASSIFICATION_CLASSIFICATION_H
#define CLASSIFICATION_CLASSIFICATION_H

#include "runtime/service.h"

extern const struct service classification_service;

#endif
