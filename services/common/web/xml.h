/*
 * JSON as XML, the way GeoReport v2 relates the two ("Spark"): a member is an element, an element
 * of a list is named by its list (services: service), null is an empty element. Whatever the
 * values, what is written is well-formed: texts are escaped, and characters that XML 1.0 does not
 * have become U+FFFD. Names of members are the caller's own, never a sender's. Pure.
 */
#ifndef WEB_XML_H
#define WEB_XML_H

#include <jansson.h>

#include "util/buffer.h"

#define XML_JSON_FLAGS JSON_REAL_PRECISION(10) /* 48.206, not 48.206000000000003 */

/* Appends a document with this element at its root. */
void xml_write(struct buffer *out, const char *root, const json_t *value);

#endif
