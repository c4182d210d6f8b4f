/*
 * os/postgres_url: can libpq be given this connection string?
 */
#ifndef EFF_OS_POSTGRES_URL_H
#define EFF_OS_POSTGRES_URL_H

#include <stdbool.h>

/*
 * False for what libpq cannot read: its words may quote a password. False too for an
 * address whose password has a sign in it that is not written as %40 or alike: libpq
 * takes a part of the password for a host, a port or a database then, and names it.
 */
bool eff_postgres_url_good(const char *url);

#endif
