/* Tells citizens and offices: see main.c. */
#ifndef NOTIFICATION_NOTIFICATION_H
#define NOTIFICATION_NOTIFICATION_H

#include "runtime/service.h"

extern const struct service notification_service;

#endif
