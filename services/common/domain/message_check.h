/* Checks of any protobuf message, by its descriptor. Pure. */
#ifndef DOMAIN_MESSAGE_CHECK_H
#define DOMAIN_MESSAGE_CHECK_H

#include <protobuf-c/protobuf-c.h>

/*
 * The first string field, however deep, that is not UTF-8 (protobuf-c does not look; PostgreSQL
 * would refuse the whole batch), or "(field 0)" when there is a field of number 0: protobuf-c reads
 * it and would write it again, and then nobody could read what it wrote. NULL: nothing of both.
 */
const char *message_bad_text(const ProtobufCMessage *message);

#endif
