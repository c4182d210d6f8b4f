/*
 * os/sql_mysql_api: finding libmariadb, and reading mysql:// addresses.
 *
 * The library is never unloaded. Oracle's libmysqlclient will not do: its own
 * options have other numbers.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "os/sql_mysql.h"

static const char *const api_names[] = {
#define API_NAME(ret, name, args) "mysql_" #name,
    EFF_MYSQL_FUNCTIONS(API_NAME)
#undef API_NAME
};

#define API_COUNT (sizeof(api_names) / sizeof(api_names[0]))

_Static_assert(sizeof(struct mysql_api) == API_COUNT * sizeof(void *), "one pointer per name");

const struct mysql_api *
eff_mysql_load(char *ret_why, size_t cap)
{
    static struct mysql_api api;
    const char *env = getenv("EFFERENT_MARIADB");
    const char *path = env && env[0] ? env : "libmariadb.so.3";
    void *handle;

    if (api.init_ != NULL)
        return &api;
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        snprintf(ret_why, cap, "MariaDB's client library cannot be loaded: %s", dlerror());
        return NULL;
    }
    if (dlsym(handle, "mariadb_get_infov") == NULL) {
        snprintf(ret_why, cap, "%s is not MariaDB's client library", path);
        return NULL;
    }
    for (size_t i = API_COUNT; i-- > 0;) { // init_, which says that all are there, comes last
        void *function = dlsym(handle, api_names[i]);

        if (function == NULL) {
            snprintf(ret_why, cap, "MariaDB's client library lacks %s", api_names[i]);
            return NULL;
        }
        memcpy((char *)&api + i * sizeof(void *), &function, sizeof(function));
    }
    return &api;
}

/* ---- addresses ---- */

/* Terminated, with %40 and the like undone; NULL when they are not well formed. */
static const char *
place_text(struct eff_arena *arena, eff_str text)
{
    char *copy = eff_str_c(arena, text);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++, len++) {
        copy[len] = text.ptr[i];
        if (copy[len] == '%') {
            if (text.len - i < 3 || !eff_unhex(eff_str_sub(text, i + 1, 2), &copy[len], 1))
                return NULL;
            i += 2;
        }
        if (copy[len] == '\0')
            return NULL;
    }
    copy[len] = '\0';
    return copy;
}

static const char *
place_option(eff_str name, eff_str value, struct eff_arena *arena, struct mysql_place *place)
{
    const char **text = eff_str_is(name, "socket") ? &place->socket
                        : eff_str_is(name, "ca")   ? &place->ca
                                                   : NULL;

    if (text != NULL) {
        *text = place_text(arena, value);
        return *text ? NULL : "a % in it is not followed by two hexadecimal digits";
    }
    if (!eff_str_is(name, "tls"))
        return "it knows tls, ca and socket behind the question mark, and nothing else";
    if (!eff_str_is(value, "verify") && !eff_str_is(value, "require") && !eff_str_is(value, "off"))
        return "tls is verify, require or off";
    place->tls = !eff_str_is(value, "off");
    place->verify = eff_str_is(value, "verify");
    return NULL;
}

static const char *
place_host(eff_str text, struct eff_arena *arena, struct mysql_place *place)
{
    size_t bracket = eff_str_starts(text, EFF_STR("[")) ? eff_str_find_char(text, ']') : SIZE_MAX;
    eff_str host = text, port = EFF_STR("");
    uint64_t number = 0;

    if (bracket != SIZE_MAX) { // [::1]:3306
        host = eff_str_sub(text, 1, bracket - 1);
        port = eff_str_sub(text, bracket + 1, text.len);
        if (port.len > 0 && port.ptr[0] != ':')
            return "behind the bracket comes a colon and the port";
        port = eff_str_sub(port, 1, port.len);
    } else
        eff_str_cut(text, ':', &host, &port);
    if (port.len > 0 && (!eff_str_uint(port, &number) || number == 0 || number > 65535))
        return "the port is a number from 1 to 65535";
    place->port = (unsigned)number;
    place->host = host.len > 0 ? place_text(arena, host) : NULL;
    return host.len == 0 || place->host ? NULL : "the host is not well formed";
}

static const char *
place_user(eff_str text, struct eff_arena *arena, struct mysql_place *place)
{
    eff_str user, password;
    bool has_password = eff_str_cut(text, ':', &user, &password);

    place->user = place_text(arena, user);
    place->password = has_password ? place_text(arena, password) : NULL;
    return place->user && (place->password || !has_password)
               ? NULL
               : "a % in it is not followed by two hexadecimal digits";
}

static bool
place_is_here(const char *host)
{
    return host == NULL || strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
           strcmp(host, "::1") == 0;
}

/* The last @ ends user and password: a password may hold one, and often does. */
static const char *
place_authority(eff_str text, struct eff_arena *arena, struct mysql_place *place)
{
    size_t at = text.len;
    const char *wrong = NULL;

    while (at > 0 && text.ptr[at - 1] != '@')
        at--;
    if (at > 0)
        wrong = place_user(eff_str_sub(text, 0, at - 1), arena, place);
    return wrong ? wrong : place_host(eff_str_sub(text, at, text.len), arena, place);
}

const char *
eff_mysql_place(eff_str url, struct eff_arena *arena, struct mysql_place *ret_place)
{
    struct mysql_place *place = ret_place;
    eff_str rest, options, authority, database, option, name, value;
    const char *wrong;

    *place = (struct mysql_place){0};
    if (!eff_str_starts(url, EFF_STR("mysql://")) && !eff_str_starts(url, EFF_STR("mariadb://")))
        return "it has to begin with mysql://";
    url = eff_str_sub(url, eff_str_find(url, EFF_STR("://")) + 3, url.len);
    eff_str_cut(url, '?', &rest, &options);
    eff_str_cut(rest, '/', &authority, &database);
    wrong = place_authority(authority, arena, place);
    place->tls = place->verify = !place_is_here(place->host);
    place->database = database.len > 0 ? place_text(arena, database) : NULL;
    if (wrong == NULL && place->database == NULL)
        wrong = "it names no database: mysql://user:password@host/database";
    while (wrong == NULL && options.len > 0) {
        eff_str_cut(options, '&', &option, &options);
        eff_str_cut(option, '=', &name, &value);
        wrong = place_option(name, value, arena, place);
    }
    return wrong;
}
