/* The officers' key pair, for the tools that open texts. */
#ifndef TOOLS_OFFICER_KEY_H
#define TOOLS_OFFICER_KEY_H

#include "domain/unseal.h"

/* Out of keys.folder; ends the process when it cannot be read. */
struct unsealer *officer_key_open(const char *keys_folder);

#endif
