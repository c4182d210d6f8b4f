/*
 * source/postgres_conn: a libpq connection, and its faults in our words.
 */
#include "source/postgres_conn.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "os/postgres_url.h"
#include "source/sql.h"

#define PG_MESSAGE_MAX 400
#define PG_LISTEN_MS   200 /* how soon a request to stop is heard, should its signal come too early */
#define PG_REACT_MS    600 /* what a cancelled server has to answer */

/* ---------------------------------------------------------------------------- faults */

/* SQLSTATE classes: PostgreSQL's documentation, appendix A. */
enum eff_fault
eff_pg_fault_of(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        enum eff_fault fault;
    } classes[] = {
        {"25006", EFF_CONFIG}, /* a write in a read-only transaction */
        {"0A", EFF_CONFIG},    /* feature not supported */
        {"0P", EFF_AUTH},      /* no such role */
        {"21", EFF_CONFIG},    /* cardinality: a subquery gave two rows */
        {"22", EFF_CONFIG},    /* data: division by zero, text that is no number */
        {"28", EFF_AUTH},      {"2F", EFF_CONFIG}, /* in a function of the user's */
        {"38", EFF_CONFIG},    {"39", EFF_CONFIG}, {"3D", EFF_CONFIG}, /* no such database */
        {"3F", EFF_CONFIG},                                            /* no such schema */
        {"42501", EFF_AUTH},                                           /* a privilege is missing */
        {"42", EFF_CONFIG},                                            /* syntax, names, types */
        {"54", EFF_CONFIG}, /* too many columns, too complex */
        {"P0", EFF_CONFIG}, /* raised in PL/pgSQL */
    };

    for (size_t i = 0; sqlstate && i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strncmp(sqlstate, classes[i].prefix, strlen(classes[i].prefix)) == 0)
            return classes[i].fault;
    }
    return EFF_TRANSIENT;
}

/* The first line; libpq's messages have several. */
static void
pg_first_line(const char *text, char ret_line[PG_MESSAGE_MAX])
{
    size_t len = strcspn(text, "\n");

    eff_str_print_to(ret_line, PG_MESSAGE_MAX, (eff_str){text, len});
}

/* The byte of the n-th character, from 0; SIZE_MAX beyond the end. */
static size_t
pg_char_offset(eff_str sql, size_t n)
{
    for (size_t i = 0; i < sql.len; i++) {
        if (((unsigned char)sql.ptr[i] & 0xc0) != 0x80 && n-- == 0)
            return i;
    }
    return n == 0 ? sql.len : SIZE_MAX;
}

static size_t
pg_position(const PGresult *result, const struct eff_pg_sql *sql)
{
    const char *text = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    size_t position = text ? strtoul(text, NULL, 10) : 0; // in characters, from 1

    if (!sql || position <= sql->offset)
        return SIZE_MAX;
    return pg_char_offset(sql->sql, position - sql->offset - 1);
}

static void
pg_hint(const PGresult *result, const char *sqlstate, struct eff_err *err)
{
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    char line[PG_MESSAGE_MAX];

    if (strcmp(sqlstate, "42501") == 0) {
        eff_err_hint(err, "Grant it to the role that Efferent connects as.");
    } else if (strcmp(sqlstate, "57014") == 0) {
        eff_err_hint(err,
                     "The query was cancelled or ran into a time limit: see statement_timeout.");
    } else if (hint) {
        pg_first_line(hint, line);
        eff_err_hint(err, "%s", line);
    }
}

static enum eff_fault
pg_lost(PGconn *conn, struct eff_err *err)
{
    char line[PG_MESSAGE_MAX];

    pg_first_line(PQerrorMessage(conn), line);
    return EFF_FAIL(err, EFF_TRANSIENT, "the connection to postgres was lost: %s",
                    line[0] ? line : "no reason given");
}

enum eff_fault
eff_pg_fault(PGconn *conn, PGresult *result, const struct eff_pg_sql *sql, struct eff_err *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    char line[PG_MESSAGE_MAX];
    enum eff_fault fault;

    if (!sqlstate || !primary) {
        PQclear(result);
        return pg_lost(conn, err);
    }
    fault = eff_pg_fault_of(sqlstate);
    pg_first_line(primary, line);
    if (strcmp(sqlstate, "25006") == 0) {
        eff_sql_writes(err);
    } else if (fault == EFF_CONFIG) {
        eff_sql_fault(sql ? sql->sql : EFF_STR(""), pg_position(result, sql), line, err);
        pg_hint(result, sqlstate, err);
    } else {
        (void)EFF_FAIL(err, fault, "postgres: %s (SQLSTATE %.5s)", line, sqlstate);
        pg_hint(result, sqlstate, err);
    }
    PQclear(result);
    return err->fault;
}

/* --------------------------------------------------------------------------- waiting */

void
eff_pg_cancel(struct eff_pg_peer *peer)
{
    char why[256];

    if (peer->canceller)
        PQcancel(peer->canceller, why, sizeof(why));
}

static void
pg_stop(struct eff_pg_peer *peer)
{
    int64_t now = peer->os->mono_ms(peer->os->self);

    if (peer->cancelled_ms == 0) {
        peer->cancelled_ms = now;
        eff_pg_cancel(peer);
    } else if (now - peer->cancelled_ms > PG_REACT_MS) {
        shutdown(PQsocket(peer->conn), SHUT_RDWR);
    }
}

/* Something to read may be there. */
static void
pg_wait(struct eff_pg_peer *peer)
{
    struct pollfd fd = {.fd = PQsocket(peer->conn), .events = POLLIN};

    if (poll(&fd, 1, PG_LISTEN_MS) <= 0 && !peer->os->go_on(peer->os->self))
        pg_stop(peer);
}

PGresult *
eff_pg_result(struct eff_pg_peer *peer)
{
    PQflush(peer->conn);
    while (PQisBusy(peer->conn)) {
        pg_wait(peer);
        if (PQconsumeInput(peer->conn) != 1)
            break;
    }
    return PQgetResult(peer->conn);
}

PGresult *
eff_pg_last(struct eff_pg_peer *peer, int sent)
{
    PGresult *last = NULL, *result;

    while (sent == 1 && (result = eff_pg_result(peer)) != NULL) {
        PQclear(last);
        last = result;
        if (PQresultStatus(result) == PGRES_COPY_OUT)
            break;
    }
    return last;
}

/* Takes in what has come from those that are copying. False: at *at the connection is lost. */
static bool
pg_take_in(struct eff_pg_peer *peers, size_t count, size_t *at)
{
    struct pollfd fds[EFF_PG_PEERS_MAX];
    struct eff_os *os = peers[0].os;
    bool stop;

    for (size_t i = 0; i < count; i++) // poll passes over what is negative
        fds[i] = (struct pollfd){peers[i].copying ? PQsocket(peers[i].conn) : -1, POLLIN, 0};
    stop = poll(fds, count, PG_LISTEN_MS) <= 0 && !os->go_on(os->self);
    for (size_t i = 0; i < count; i++) {
        if (stop && peers[i].copying)
            pg_stop(&peers[i]);
        if ((stop && peers[i].copying) || fds[i].revents) {
            *at = i;
            if (PQconsumeInput(peers[i].conn) != 1)
                return false;
        }
    }
    return true;
}

int
eff_pg_copy_data(struct eff_pg_peer *peers, size_t count, size_t *at, char **ret_message)
{
    int len = 0;

    while (len == 0) {
        for (size_t tried = 0; tried < count && len == 0; tried++) {
            if (peers[*at].copying)
                len = PQgetCopyData(peers[*at].conn, ret_message, 1);
            if (len == 0)
                *at = (*at + 1) % count;
        }
        if (len == 0 && !pg_take_in(peers, count, at))
            len = -2;
    }
    if (len < 0)
        peers[*at].copying = false;
    return len;
}

enum eff_fault
eff_pg_exec(struct eff_pg_peer *peer, const char *commands, struct eff_err *err)
{
    PGresult *result = eff_pg_last(peer, PQsendQuery(peer->conn, commands));
    ExecStatusType status = PQresultStatus(result);

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        return eff_pg_fault(peer->conn, result, NULL, err);
    PQclear(result);
    return EFF_OK;
}

/* ----------------------------------------------------------------------------- connect */

/* "FATAL:  28P01: password authentication failed": verbose, so that the code is in it. */
static bool
pg_connect_sqlstate(const char *message, char ret_sqlstate[6])
{
    for (const char *at = strstr(message, ":  "); at; at = strstr(at + 1, ":  ")) {
        size_t len = strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");

        if (len == 5 && at[8] == ':') {
            memcpy(ret_sqlstate, at + 3, 5);
            ret_sqlstate[5] = 0;
            return true;
        }
    }
    return false;
}

static enum eff_fault
pg_connect_fault(PGconn *conn, struct eff_err *err)
{
    const char *message = PQerrorMessage(conn);
    char line[PG_MESSAGE_MAX], sqlstate[6] = "";
    enum eff_fault fault = EFF_TRANSIENT;

    pg_first_line(message, line);
    if (PQconnectionNeedsPassword(conn))
        fault = EFF_AUTH;
    else if (pg_connect_sqlstate(message, sqlstate))
        fault = eff_pg_fault_of(sqlstate);
    (void)EFF_FAIL(err, fault, "cannot connect to postgres: %s", line);
    if (fault == EFF_AUTH)
        return eff_err_hint(err, "Check user and password, and the server's pg_hba.conf.");
    if (fault == EFF_CONFIG)
        return eff_err_hint(err, "Check the name of the database.");
    if (strcmp(sqlstate, "53300") == 0)
        return eff_err_hint(err, "Wait until a connection is free, have fewer opened at a time "
                                 "(--jobs), or raise the limit of the server, database or role.");
    return eff_err_hint(err, "Check host and port, and that the server runs.");
}

/* libpq's own connect_timeout does not count for a connection that is polled. */
static enum eff_fault
pg_connect_wait(PGconn *conn, int64_t timeout_ms, struct eff_os *os, struct eff_err *err)
{
    int64_t deadline = os->mono_ms(os->self) + timeout_ms;
    PostgresPollingStatusType wants = PGRES_POLLING_WRITING;

    while (wants != PGRES_POLLING_OK) {
        int64_t left = deadline - os->mono_ms(os->self);
        struct pollfd fd = {.fd = PQsocket(conn),
                            .events = wants == PGRES_POLLING_READING ? POLLIN : POLLOUT};

        if (wants == PGRES_POLLING_FAILED || PQstatus(conn) == CONNECTION_BAD)
            return pg_connect_fault(conn, err);
        if (left <= 0) {
            (void)EFF_FAIL(err, EFF_TRANSIENT, "postgres at %s did not answer within %lld ms",
                           PQhost(conn), (long long)timeout_ms);
            return eff_err_hint(err, "Check host and port, or raise connect_timeout.");
        }
        if (!os->go_on(os->self))
            return EFF_FAIL(err, EFF_TRANSIENT, "stopped on request");
        if (poll(&fd, 1, (int)(left < PG_LISTEN_MS ? left : PG_LISTEN_MS)) > 0)
            wants = PQconnectPoll(conn);
    }
    return EFF_OK;
}

enum eff_fault
eff_pg_check_url(const char *option, const char *url, struct eff_err *err)
{
    if (eff_postgres_url_good(url))
        return EFF_OK;
    (void)EFF_FAIL(err, EFF_CONFIG, "`%s` is not a connection string that libpq understands",
                   option);
    return eff_err_hint(err,
                        "Write it as postgresql://user@host:port/database, or as key=value pairs; "
                        "signs like @ : / in a password are written as %%40 %%3a %%2f.");
}

/* What the server only remarks is nobody's to print. */
static void
pg_ignore_notice(void *self, const PGresult *notice)
{
    (void)self, (void)notice;
}

enum eff_fault
eff_pg_connect(eff_str url, int64_t timeout_ms, struct eff_os *os, struct eff_arena *run,
               PGconn **ret_conn, struct eff_err *err)
{
    static const char *const names[] = {"dbname", "client_encoding", "fallback_application_name",
                                        NULL};
    const char *values[] = {eff_str_c(run, url), "UTF8", "efferent", NULL};
    PGconn *conn;

    EFF_TRY(eff_pg_check_url("url", values[0], err));
    conn = PQconnectStartParams(names, values, 1);
    if (!conn)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory");
    PQsetNoticeReceiver(conn, pg_ignore_notice, NULL);
    PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
    if (pg_connect_wait(conn, timeout_ms, os, err) != EFF_OK) {
        PQfinish(conn);
        return err->fault;
    }
    PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
    *ret_conn = conn;
    return EFF_OK;
}
