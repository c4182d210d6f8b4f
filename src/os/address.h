/*
 * os/address: which network addresses a request may go to.
 *
 * Judged on the address that is about to be connected to, never on the text of
 * a URL, so that no spelling, redirect or DNS answer gets around it.
 */
#ifndef EFF_OS_ADDRESS_H
#define EFF_OS_ADDRESS_H

#include <sys/socket.h>

#include "base/str.h"

enum eff_address {
    EFF_ADDRESS_PUBLIC = 1,
    EFF_ADDRESS_PRIVATE, /* loopback, private, link-local, reserved: only for hosts that are listed */
    EFF_ADDRESS_METADATA, /* a cloud's metadata service, which hands out credentials: only for a login that asks for it */
};

enum eff_address eff_address_of(const struct sockaddr *address);
/* The same for "10.0.0.1" or "fe80::1%eth0"; anything else is PRIVATE. */
enum eff_address eff_address_of_text(const char *text);
const char *eff_address_name(enum eff_address address);

#endif
