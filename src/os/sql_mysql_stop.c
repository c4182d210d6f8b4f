/*
 * os/sql_mysql_stop: ending what a server works on when the user asks to stop.
 *
 * The library has no call that waits only so long, so a thread looks on, and tells the
 * server by a connection of its own.
 */
#include <stdio.h>
#include <sys/socket.h>

#include "os/sql_mysql.h"

#define STOP_HEARD_MIN 3 /* what is nearly done may be done: half a second */
#define STOP_HEARD_MAX 8 /* a server that does not obey is hung up on */

static bool
stop_go_on(void *user)
{
    const struct eff_sql *sql = user;

    return sql->go_on();
}

/* Opened with what the other connection was opened with. */
static void
stop_kill(struct mysql_stop *stop)
{
    const unsigned seconds = 1;
    const struct mysql_place *place = stop->place;
    const char yes = 1, no = 0;
    char kill[64];
    void *conn = stop->api->init_(NULL);

    if (conn == NULL)
        return;
    stop->api->options_(conn, MYSQL_CONNECT_TIMEOUT, &seconds);
    stop->api->options_(conn, MYSQL_READ_TIMEOUT, &seconds);
    stop->api->options_(conn, MYSQL_WRITE_TIMEOUT, &seconds);
    stop->api->options_(conn, MYSQL_SSL_ENFORCE, place->tls ? &yes : &no);
    stop->api->options_(conn, MYSQL_SSL_VERIFY, place->verify ? &yes : &no);
    if (place->ca != NULL)
        stop->api->options_(conn, MYSQL_SSL_CA, place->ca);
    snprintf(kill, sizeof(kill), "KILL QUERY %lu", stop->connection);
    if (stop->api->real_connect_(conn, place->host, place->user, place->password, place->database,
                                 place->port, place->socket, 0) != NULL)
        stop->api->real_query_(conn, kill, strlen(kill));
    stop->api->close_(conn);
}

/* In the thread. */
static void
stop_interrupt(void *self)
{
    struct mysql_stop *stop = self;

    stop->heard++;
    if (stop->heard == STOP_HEARD_MIN) {
        stop->killed = true;
        stop_kill(stop);
    }
    if (stop->heard == STOP_HEARD_MAX)
        shutdown(stop->socket, SHUT_RDWR);
}

void
eff_mysql_stop_start(struct mysql_stop *stop)
{
    stop->heard = 0;
    stop->killed = false;
    if (stop->sql->go_on != NULL)
        eff_watch_start(&stop->watch, stop_go_on, stop->sql, stop_interrupt, stop);
}

bool
eff_mysql_stop_end(struct mysql_stop *stop)
{
    eff_watch_end(&stop->watch);
    return stop->killed;
}
