/*
 * os/postgres_url: can libpq be given this connection string?
 */
#include "os/postgres_url.h"

#include <libpq-fe.h>
#include <string.h>

static bool
postgres_url_is_address(const char *url)
{
    return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}

/* As libpq has cut it out of an address. A host that begins with @ is an abstract socket. */
static bool
postgres_url_part_good(const char *name, const char *part)
{
    if (strcmp(name, "port") == 0)
        return strspn(part, "0123456789,") == strlen(part);
    if (strcmp(name, "host") == 0)
        return strchr(part[0] == '@' ? part + 1 : part, '@') == NULL;
    return strcmp(name, "dbname") != 0 || strchr(part, '@') == NULL;
}

bool
eff_postgres_url_good(const char *url)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    bool good = options != NULL;

    if (postgres_url_is_address(url))
        for (PQconninfoOption *at = options; good && at->keyword; at++)
            good = at->val == NULL || postgres_url_part_good(at->keyword, at->val);
    PQconninfoFree(options);
    return good;
}
