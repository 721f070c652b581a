/* The only writer of case state: see main.c. */
#ifndef ROUTING_ROUTING_H
#define ROUTING_ROUTING_H

#include "runtime/service.h"

extern const struct service routing_service;

#endif
