/*
 * os/sql_postgres_link: connections to PostgreSQL, and the results of a pipeline.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/moment.h"
#include "os/postgres_url.h"
#include "os/sql_postgres.h"

#define POSTGRES_CONNECT_MS 10000
#define POSTGRES_LISTEN_MS  200 /* how soon a request to stop is heard */
#define POSTGRES_REACT_MS   600 /* what a cancelled server has to answer */

/* ---- faults ---- */

static int
postgres_status(const char *sqlstate)
{
    static const char *const passing[] = {"08", "25", "40", "53", "55", "57", "58", "XX"};

    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (strncmp(sqlstate, passing[i], 2) == 0)
            return 503;
    return sqlstate[0] == '\0' ? 503 : 400;
}

static bool
postgres_refuse(struct eff_sql *sql, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    state = state ? state : "";
    return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, postgres_status(state), state, "%s",
                          text ? text : PQresultErrorMessage(result));
}

bool
eff_postgres_lost(struct eff_sql *sql, struct postgres_link *link, const char *why)
{
    const char *text = why ? why : PQerrorMessage(link->conn);

    link->lost = true;
    return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 503, "08006", "%s",
                          text[0] ? text : "the connection was closed");
}

static void
postgres_quiet(void *user, const char *message)
{
    (void)user;
    (void)message;
}

/* ---- connecting ---- */

void
eff_postgres_link_close(struct postgres_link *link)
{
    PQfinish(link->conn);
    link->conn = NULL;
    link->lost = false;
}

void
eff_sql_postgres_close(struct eff_sql *sql)
{
    for (struct postgres_link *link = sql->postgres; link != NULL; link = link->next)
        eff_postgres_link_close(link);
    sql->postgres = NULL;
}

/* The user asked to stop: the server ends what it does, and says so in its answer. */
static void
postgres_cancel(struct postgres_link *link)
{
    PGcancel *canceller = PQgetCancel(link->conn);
    int64_t until_ms = eff_moment_mono_ms() + POSTGRES_REACT_MS;
    char why[256];

    if (canceller != NULL)
        PQcancel(canceller, why, sizeof(why));
    PQfreeCancel(canceller);
    link->cancelled = true;
    link->deadline_ms = link->deadline_ms < until_ms ? link->deadline_ms : until_ms;
}

/* False at the deadline, or when a connection that is being made shall not be any more. */
static bool
postgres_poll(struct eff_sql *sql, struct postgres_link *link, short events, int64_t until_ms)
{
    struct pollfd fd = {.fd = PQsocket(link->conn), .events = events};

    for (;;) {
        int64_t end_ms = until_ms < link->deadline_ms ? until_ms : link->deadline_ms;
        int64_t left_ms = end_ms - eff_moment_mono_ms();

        if (left_ms <= 0)
            return false;
        if (poll(&fd, 1, left_ms > POSTGRES_LISTEN_MS ? POSTGRES_LISTEN_MS : (int)left_ms) > 0)
            return true;
        if (link->committing || link->cancelled || !eff_sql_must_stop(sql))
            continue;
        if (PQstatus(link->conn) != CONNECTION_OK)
            return false;
        postgres_cancel(link);
    }
}

/* "...FATAL:  28P01: password ...\nLOCATION: ...": the code, and the line without it. */
static void
postgres_connect_words(const char *message, char ret_state[6], char *ret_text, size_t cap)
{
    const char *at = message;

    ret_state[0] = '\0';
    while ((at = strstr(at, ":  ")) != NULL) {
        at += 3;
        if (strspn(at, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && at[5] == ':') {
            memcpy(ret_state, at, 5);
            ret_state[5] = '\0';
            eff_str_print_to(ret_text, cap, (eff_str){at + 7, strcspn(at + 7, "\n")});
            return;
        }
    }
    eff_str_print_to(ret_text, cap, (eff_str){message, strcspn(message, "\n")});
}

static bool
postgres_cannot_connect(struct eff_sql *sql, struct postgres_link *link, const char *why)
{
    char state[6] = "08001", text[400];

    if (why != NULL)
        snprintf(text, sizeof(text), "%s", why);
    else
        postgres_connect_words(PQerrorMessage(link->conn), state, text, sizeof(text));
    eff_postgres_link_close(link);
    return eff_sql_refuse(sql, EFF_WIRE_NOT_SENT, 503, state[0] ? state : "08001", "%s", text);
}

bool
eff_postgres_connect(struct eff_sql *sql, struct postgres_link *link)
{
    // What stands before dbname gives way to the string, what stands after it does not.
    static const char *const names[] = {"fallback_application_name", "tcp_user_timeout", "dbname",
                                        "client_encoding", NULL};
    const char *const values[] = {"efferent", "60000", link->connect.ptr, "UTF8", NULL};
    int64_t until_ms = eff_moment_mono_ms() + POSTGRES_CONNECT_MS;
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;

    if (!eff_postgres_url_good(link->connect.ptr))
        return eff_sql_refuse(sql, EFF_WIRE_NOT_SENT, 503, "F0000",
                              "the connection string cannot be read");
    link->conn = PQconnectStartParams(names, values, 1);
    if (link->conn == NULL)
        return eff_sql_refuse(sql, EFF_WIRE_NOT_SENT, 503, "53200", "out of memory");
    PQsetErrorVerbosity(link->conn, PQERRORS_VERBOSE); // so that a refusal comes with its code
    PQsetNoticeProcessor(link->conn, postgres_quiet, NULL);
    if (PQstatus(link->conn) == CONNECTION_BAD)
        return postgres_cannot_connect(sql, link, NULL);
    while (state != PGRES_POLLING_OK) {
        if (!postgres_poll(sql, link, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_ms))
            return postgres_cannot_connect(sql, link, "the server does not answer in time");
        state = PQconnectPoll(link->conn);
        if (state == PGRES_POLLING_FAILED)
            return postgres_cannot_connect(sql, link, NULL);
    }
    PQsetErrorVerbosity(link->conn, PQERRORS_DEFAULT);
    if (PQsetnonblocking(link->conn, 1) != 0 || PQenterPipelineMode(link->conn) != 1)
        return postgres_cannot_connect(sql, link, "pipeline mode is refused");
    return true;
}

struct postgres_link *
eff_postgres_link(struct eff_sql *sql, const struct eff_sql_request *request, int64_t deadline_ms)
{
    struct postgres_link *link = sql->postgres;

    while (link != NULL && !eff_str_eq(link->connect, request->connect))
        link = link->next;
    if (link == NULL) {
        link = eff_new(sql->process, struct postgres_link, 1);
        link->connect = eff_str_copy(sql->process, request->connect);
        link->next = sql->postgres;
        sql->postgres = link;
    }
    link->deadline_ms = deadline_ms;
    return link;
}

/* ---- results ---- */

/*
 * The next result, or NULL between two commands. *ret_lost when the connection
 * is gone or the time is over; the answer says so then.
 */
static PGresult *
postgres_result(struct eff_sql *sql, struct postgres_link *link, bool *ret_lost)
{
    *ret_lost = false;
    for (;;) {
        int unsent = PQflush(link->conn);

        if (!PQisBusy(link->conn))
            return PQgetResult(link->conn);
        if (!postgres_poll(sql, link, unsent > 0 ? POLLIN | POLLOUT : POLLIN, link->deadline_ms)) {
            eff_postgres_lost(sql, link, "no answer in time");
            break;
        }
        if (PQconsumeInput(link->conn) != 1) {
            eff_postgres_lost(sql, link, NULL);
            break;
        }
    }
    *ret_lost = true;
    return NULL;
}

/* With the NULL that follows it taken off. */
PGresult *
eff_postgres_command(struct eff_sql *sql, struct postgres_link *link)
{
    bool lost;
    PGresult *result = postgres_result(sql, link, &lost), *end;
    ExecStatusType status;

    if (result == NULL) {
        if (!lost)
            eff_postgres_lost(sql, link, "the server's answer is out of step");
        return NULL;
    }
    status = PQresultStatus(result);
    end = postgres_result(sql, link, &lost);
    if (end != NULL || lost) {
        PQclear(end);
        if (status != PGRES_FATAL_ERROR || !lost) {
            PQclear(result);
            if (!lost)
                eff_postgres_lost(sql, link, "the server's answer is out of step");
            return NULL;
        }
    }
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return result;
    if (sql->response.status == 200 || lost) // the first refusal is the cause of the others
        postgres_refuse(sql, result);
    PQclear(result);
    return NULL;
}

/* Reads up to the end of the pipeline after a refusal. */
bool
eff_postgres_drain(struct eff_sql *sql, struct postgres_link *link)
{
    for (;;) {
        bool lost;
        PGresult *result = postgres_result(sql, link, &lost);
        bool is_end = result != NULL && PQresultStatus(result) == PGRES_PIPELINE_SYNC;

        PQclear(result);
        if (is_end || lost)
            return is_end;
        if (result == NULL && PQstatus(link->conn) == CONNECTION_BAD)
            return eff_postgres_lost(sql, link, NULL);
    }
}

bool
eff_postgres_take_sync(struct eff_sql *sql, struct postgres_link *link)
{
    bool lost;
    PGresult *result = postgres_result(sql, link, &lost);
    bool good = result != NULL && PQresultStatus(result) == PGRES_PIPELINE_SYNC;

    PQclear(result);
    return good || lost ? good : eff_postgres_lost(sql, link, "the server's answer is out of step");
}

bool
eff_postgres_expect(struct eff_sql *sql, struct postgres_link *link, size_t commands)
{
    for (size_t i = 0; i < commands; i++) {
        PGresult *result = eff_postgres_command(sql, link);

        if (result == NULL)
            return false;
        PQclear(result);
    }
    return true;
}

/* ---- sending ---- */

bool
eff_postgres_send(struct eff_sql *sql, struct postgres_link *link, const char *command)
{
    return PQsendQueryParams(link->conn, command, 0, NULL, NULL, NULL, NULL, 0) == 1 ||
           eff_postgres_lost(sql, link, NULL);
}

bool
eff_postgres_sync(struct eff_sql *sql, struct postgres_link *link)
{
    return PQpipelineSync(link->conn) == 1 || eff_postgres_lost(sql, link, NULL);
}

/* Two commands. Texts of times are read and written alike whatever the session says. */
bool
eff_postgres_send_begin(struct eff_sql *sql, struct postgres_link *link, const char *begin)
{
    static const char settings[] =
        "SELECT set_config('statement_timeout', $1, true), set_config('TimeZone', 'UTC', true), "
        "set_config('DateStyle', 'ISO', true), set_config('bytea_output', 'hex', true)";
    int64_t left_ms = link->deadline_ms - eff_moment_mono_ms();
    char timeout[32];
    const char *values[] = {timeout};

    snprintf(timeout, sizeof(timeout), "%lld", (long long)(left_ms > 0 ? left_ms : 1));
    return eff_postgres_send(sql, link, begin) &&
           (PQsendQueryParams(link->conn, settings, 1, NULL, values, NULL, NULL, 0) == 1 ||
            eff_postgres_lost(sql, link, NULL));
}
