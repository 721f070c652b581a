/* docs/openapi.json, put into the program by the build. */
#ifndef INTAKE_OPENAPI_H
#define INTAKE_OPENAPI_H

#include <stddef.h>

extern const char openapi_json[];
extern const size_t openapi_json_size;

#endif
