/* Addresses as they go over the wire. Pure. */
#ifndef DOMAIN_WIRE_ADDRESS_H
#define DOMAIN_WIRE_ADDRESS_H

#include <stdbool.h>

#define WIRE_DOMAIN_SIZE 256 /* with the NUL: RFC 1035, 2.3.4 */
#define WIRE_EMAIL_SIZE  321 /* 64 octets, "@", the domain: RFC 5321, 4.5.3.1 */

/* A domain name with its labels as A-labels (IDNA2008 by UTS #46, non-transitional):
 * "xn--bcher-kva.example" for "bücher.example". false: it is no host name. */
bool wire_domain(const char *domain, char wire[WIRE_DOMAIN_SIZE]);

/* A mailbox, its domain as A-labels. *international: its local part is not ASCII, so that the mail
 * server must know SMTPUTF8 (RFC 6531). false: nothing can be sent to it; no quoted local parts
 * and no address literals. What is in wire needs no escaping in a header or command. */
bool wire_email(const char *address, char wire[WIRE_EMAIL_SIZE], bool *international);

#endif
