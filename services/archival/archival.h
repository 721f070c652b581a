/* Writes the permanent record: see main.c. */
#ifndef ARCHIVAL_ARCHIVAL_H
#define ARCHIVAL_ARCHIVAL_H

#include "runtime/service.h"

extern const struct service archival_service;

#endif
