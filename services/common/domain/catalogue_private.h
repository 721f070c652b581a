/* What the catalogue's reader and its look-ups share. */
#ifndef DOMAIN_CATALOGUE_PRIVATE_H
#define DOMAIN_CATALOGUE_PRIVATE_H

#include "domain/catalogue.h"

/* Makes what the look-ups search, once everything has been read. */
void catalogue_index(struct catalogue *catalogue);

#endif
