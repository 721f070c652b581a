/* The front door: see main.c. */
#ifndef INTAKE_INTAKE_H
#define INTAKE_INTAKE_H

#include "runtime/service.h"

extern const struct service intake_service;

#endif
