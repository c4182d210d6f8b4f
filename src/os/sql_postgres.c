/*
 * os/sql_postgres: SQL requests against PostgreSQL, in libpq's pipeline mode.
 *
 * All rows of a request travel without waiting for each other: BEGIN, settings,
 * the statement, its rows, one Sync. COMMIT is sent only when every row has
 * answered, so that whatever happens before it is certainly not applied; a
 * connection that dies then is opened again and the transaction repeated once.
 * The statement is prepared without a name in each transaction (one more parse
 * per request): it works through poolers in transaction mode, and nothing stays
 * behind in a session. Settings are those of the transaction, for the same reason.
 */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/moment.h"
#include "os/sql.h"

#define POSTGRES_CONNECT_MS 10000
#define POSTGRES_WINDOW     500   /* rows under way */
#define POSTGRES_PARAMS_MAX 65535 /* a 16-bit count in the protocol */

struct postgres_link {
    struct postgres_link *next;
    eff_str connect; /* in the process arena */
    PGconn *conn;
    int64_t deadline_ms;
    bool lost; /* the connection is of no use any more */
};

/* The rows of one phase on their way: which, and where their results go. */
struct postgres_rows {
    const struct eff_sql_request *request;
    int64_t *changed;
    bool second; /* only rows that changed nothing so far */
    const char **values;
    size_t *offsets;
};

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

static bool
postgres_lost(struct eff_sql *sql, struct postgres_link *link, const char *why)
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

static void
postgres_link_close(struct postgres_link *link)
{
    PQfinish(link->conn);
    link->conn = NULL;
    link->lost = false;
}

void
eff_sql_postgres_close(struct eff_sql *sql)
{
    for (struct postgres_link *link = sql->postgres; link != NULL; link = link->next)
        postgres_link_close(link);
    sql->postgres = NULL;
}

/* False at the deadline. */
static bool
postgres_poll(PGconn *conn, short events, int64_t deadline_ms)
{
    struct pollfd fd = {.fd = PQsocket(conn), .events = events};

    for (;;) {
        int64_t left_ms = deadline_ms - eff_moment_mono_ms();
        int n;

        if (left_ms <= 0)
            return false;
        n = poll(&fd, 1, left_ms > 60000 ? 60000 : (int)left_ms);
        if (n > 0)
            return true;
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
            snprintf(ret_text, cap, "%.*s", (int)strcspn(at + 7, "\n"), at + 7);
            return;
        }
    }
    snprintf(ret_text, cap, "%.*s", (int)strcspn(message, "\n"), message);
}

static bool
postgres_cannot_connect(struct eff_sql *sql, struct postgres_link *link, const char *why)
{
    char state[6] = "08001", text[400];

    if (why != NULL)
        snprintf(text, sizeof(text), "%s", why);
    else
        postgres_connect_words(PQerrorMessage(link->conn), state, text, sizeof(text));
    postgres_link_close(link);
    return eff_sql_refuse(sql, EFF_WIRE_NOT_SENT, 503, state[0] ? state : "08001", "%s", text);
}

/* Parsed first, because libpq's own message about a bad string may quote a password. */
static bool
postgres_connect_valid(const char *connect)
{
    PQconninfoOption *options = PQconninfoParse(connect, NULL);

    PQconninfoFree(options);
    return options != NULL;
}

static bool
postgres_connect(struct eff_sql *sql, struct postgres_link *link)
{
    // What stands before dbname gives way to the string, what stands after it does not.
    static const char *const names[] = {"fallback_application_name", "tcp_user_timeout", "dbname",
                                        "client_encoding", NULL};
    const char *const values[] = {"efferent", "60000", link->connect.ptr, "UTF8", NULL};
    int64_t until_ms = eff_moment_mono_ms() + POSTGRES_CONNECT_MS;
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;

    if (!postgres_connect_valid(link->connect.ptr))
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
        if (!postgres_poll(link->conn, state == PGRES_POLLING_READING ? POLLIN : POLLOUT,
                           until_ms < link->deadline_ms ? until_ms : link->deadline_ms))
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

static struct postgres_link *
postgres_link(struct eff_sql *sql, const struct eff_sql_request *request, int64_t deadline_ms)
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
        if (!postgres_poll(link->conn, unsent > 0 ? POLLIN | POLLOUT : POLLIN, link->deadline_ms)) {
            postgres_lost(sql, link, "no answer in time");
            break;
        }
        if (PQconsumeInput(link->conn) != 1) {
            postgres_lost(sql, link, NULL);
            break;
        }
    }
    *ret_lost = true;
    return NULL;
}

/*
 * The result of the next command of the pipeline, with the NULL that follows it
 * taken off. NULL: the connection is lost, or the answer says what was refused.
 */
static PGresult *
postgres_command(struct eff_sql *sql, struct postgres_link *link)
{
    bool lost;
    PGresult *result = postgres_result(sql, link, &lost), *end;
    ExecStatusType status;

    if (result == NULL) {
        if (!lost)
            postgres_lost(sql, link, "the server's answer is out of step");
        return NULL;
    }
    status = PQresultStatus(result);
    end = postgres_result(sql, link, &lost);
    if (end != NULL || lost) {
        PQclear(end);
        if (status != PGRES_FATAL_ERROR || !lost) {
            PQclear(result);
            if (!lost)
                postgres_lost(sql, link, "the server's answer is out of step");
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
static bool
postgres_drain(struct eff_sql *sql, struct postgres_link *link)
{
    for (;;) {
        bool lost;
        PGresult *result = postgres_result(sql, link, &lost);
        bool is_end = result != NULL && PQresultStatus(result) == PGRES_PIPELINE_SYNC;

        PQclear(result);
        if (is_end || lost)
            return is_end;
        if (result == NULL && PQstatus(link->conn) == CONNECTION_BAD)
            return postgres_lost(sql, link, NULL);
    }
}

static bool
postgres_take_sync(struct eff_sql *sql, struct postgres_link *link)
{
    bool lost;
    PGresult *result = postgres_result(sql, link, &lost);
    bool good = result != NULL && PQresultStatus(result) == PGRES_PIPELINE_SYNC;

    PQclear(result);
    return good || lost ? good : postgres_lost(sql, link, "the server's answer is out of step");
}

static bool
postgres_expect(struct eff_sql *sql, struct postgres_link *link, size_t commands)
{
    for (size_t i = 0; i < commands; i++) {
        PGresult *result = postgres_command(sql, link);

        if (result == NULL)
            return false;
        PQclear(result);
    }
    return true;
}

/* ---- sending ---- */

static bool
postgres_send(struct eff_sql *sql, struct postgres_link *link, const char *command)
{
    return PQsendQueryParams(link->conn, command, 0, NULL, NULL, NULL, NULL, 0) == 1 ||
           postgres_lost(sql, link, NULL);
}

static bool
postgres_sync(struct eff_sql *sql, struct postgres_link *link)
{
    return PQpipelineSync(link->conn) == 1 || postgres_lost(sql, link, NULL);
}

/* Two commands. Texts of times are read and written alike whatever the session says. */
static bool
postgres_send_begin(struct eff_sql *sql, struct postgres_link *link, const char *begin)
{
    static const char settings[] =
        "SELECT set_config('statement_timeout', $1, true), set_config('TimeZone', 'UTC', true), "
        "set_config('DateStyle', 'ISO', true), set_config('bytea_output', 'hex', true)";
    int64_t left_ms = link->deadline_ms - eff_moment_mono_ms();
    char timeout[32];
    const char *values[] = {timeout};

    snprintf(timeout, sizeof(timeout), "%lld", (long long)(left_ms > 0 ? left_ms : 1));
    return postgres_send(sql, link, begin) &&
           (PQsendQueryParams(link->conn, settings, 1, NULL, values, NULL, NULL, 0) == 1 ||
            postgres_lost(sql, link, NULL));
}

/* Text forms, NUL-terminated one after the other; SIZE_MAX stands for NULL. */
static void
postgres_text(struct eff_buf *buf, const struct eff_value *value, size_t *ret_offset)
{
    static const char digits[] = "0123456789abcdef";

    *ret_offset = buf->len;
    if (value->kind == EFF_NULL || value->kind == EFF_ABSENT) {
        *ret_offset = SIZE_MAX;
        return;
    }
    if (value->kind == EFF_BYTES) {
        char *at = eff_buf_reserve(buf, (size_t)value->len * 2 + 2);

        if (at != NULL) {
            *at++ = '\\';
            *at++ = 'x';
            for (uint32_t i = 0; i < value->len; i++) {
                *at++ = digits[(unsigned char)value->ptr[i] >> 4];
                *at++ = digits[value->ptr[i] & 15];
            }
            eff_buf_grow(buf, (size_t)value->len * 2 + 2);
        }
    } else
        eff_value_text(buf, value);
    eff_buf_add_char(buf, '\0');
}

/* Fills rows->values with one row; false when memory ends. */
static bool
postgres_values(struct eff_sql *sql, const struct postgres_rows *rows, const struct eff_value *row,
                size_t columns)
{
    eff_buf_reset(&sql->text);
    for (size_t i = 0; i < columns; i++)
        postgres_text(&sql->text, &row[i], &rows->offsets[i]);
    if (sql->text.full)
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "54000", "the row is too large");
    for (size_t i = 0; i < columns; i++)
        rows->values[i] = rows->offsets[i] == SIZE_MAX ? NULL : sql->text.ptr + rows->offsets[i];
    return true;
}

/* Texts end at a NUL in the protocol, so that one inside would cut the value in silence. */
static bool
postgres_check_values(struct eff_sql *sql, const struct eff_sql_request *request)
{
    size_t count = (request->rows ? request->rows : 1) * request->columns;

    if (request->columns > POSTGRES_PARAMS_MAX)
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "54000", "%zu parameters in one row",
                              request->columns);
    for (size_t i = 0; i < count; i++) {
        const struct eff_value *value = &request->params[i];

        if (value->kind == EFF_BAD)
            return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "22000", "a value is bad");
        if ((value->kind == EFF_TEXT || value->kind == EFF_JSON || value->kind == EFF_DECIMAL) &&
            value->len > 0 && memchr(value->ptr, '\0', value->len) != NULL)
            return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "22021",
                                  "PostgreSQL cannot hold a text with a zero byte in it");
    }
    return true;
}

static bool
postgres_room(struct eff_sql *sql, const struct eff_sql_request *request,
              struct postgres_rows *ret_rows)
{
    ret_rows->values = eff_sql_alloc(sql, sizeof(*ret_rows->values), request->columns + 1);
    ret_rows->offsets = eff_sql_alloc(sql, sizeof(*ret_rows->offsets), request->columns + 1);
    ret_rows->changed = eff_sql_alloc(sql, sizeof(*ret_rows->changed), request->rows + 1);
    return ret_rows->values != NULL && ret_rows->offsets != NULL && ret_rows->changed != NULL;
}

static bool
postgres_wanted(const struct postgres_rows *rows, size_t row)
{
    return !rows->second || rows->changed[row] == 0;
}

static bool
postgres_send_statement(struct eff_sql *sql, struct postgres_link *link, eff_str statement)
{
    char *text = eff_sql_alloc(sql, 1, statement.len + 1);

    if (text == NULL)
        return false;
    memcpy(text, statement.ptr, statement.len);
    return PQsendPrepare(link->conn, "", text, 0, NULL) == 1 || postgres_lost(sql, link, NULL);
}

/* Sends rows from `at` on, a window of them; returns the row after them, SIZE_MAX when it failed. */
static size_t
postgres_send_rows(struct eff_sql *sql, struct postgres_link *link,
                   const struct postgres_rows *rows, size_t at)
{
    const struct eff_sql_request *request = rows->request;
    size_t columns =
        rows->second && request->otherwise_columns ? request->otherwise_columns : request->columns;
    size_t sent = 0;

    for (; at < request->rows && sent < POSTGRES_WINDOW; at++) {
        if (!postgres_wanted(rows, at))
            continue;
        if (!postgres_values(sql, rows, &request->params[at * request->columns], columns))
            return SIZE_MAX;
        if (PQsendQueryPrepared(link->conn, "", (int)columns, rows->values, NULL, NULL, 0) != 1) {
            postgres_lost(sql, link, NULL);
            return SIZE_MAX;
        }
        sent++;
    }
    return at;
}

static bool
postgres_take_rows(struct eff_sql *sql, struct postgres_link *link,
                   const struct postgres_rows *rows, size_t from, size_t to, int64_t *most)
{
    for (size_t row = from; row < to; row++) {
        PGresult *result;

        if (!postgres_wanted(rows, row))
            continue;
        result = postgres_command(sql, link);
        if (result == NULL)
            return false;
        rows->changed[row] = 0;
        eff_str_int(eff_str_of(PQcmdTuples(result)), &rows->changed[row]);
        *most = rows->changed[row] > *most ? rows->changed[row] : *most;
        PQclear(result);
    }
    return true;
}

/* ---- transactions ---- */

/* Ends what is left of the pipeline and of the transaction, keeping the answer as it is. */
static void
postgres_give_up(struct eff_sql *sql, struct postgres_link *link)
{
    struct eff_response response = sql->response;
    char problem[sizeof(sql->problem)], state[sizeof(sql->sqlstate)];

    memcpy(problem, sql->problem, sizeof(problem));
    memcpy(state, sql->sqlstate, sizeof(state));
    if (!link->lost && PQtransactionStatus(link->conn) != PQTRANS_IDLE) {
        link->deadline_ms = eff_moment_mono_ms() + 2000;
        sql->response.status = 200;
        if (!postgres_send(sql, link, "ROLLBACK") || !postgres_sync(sql, link) ||
            !postgres_expect(sql, link, 1) || !postgres_take_sync(sql, link))
            link->lost = true;
    }
    if (link->lost)
        postgres_link_close(link);
    sql->response = response;
    memcpy(sql->problem, problem, sizeof(problem));
    memcpy(sql->sqlstate, state, sizeof(state));
}

/* A refusal in the middle: the rest of the pipeline answers "aborted" up to its Sync. */
static bool
postgres_refused(struct eff_sql *sql, struct postgres_link *link)
{
    if (!link->lost)
        postgres_drain(sql, link);
    return false;
}

/* The pipeline has no end yet: nothing else can be said on it. */
static bool
postgres_broken(struct postgres_link *link)
{
    link->lost = true;
    return false;
}

/* A refusal in the middle: with its Sync sent, the rest answers "aborted" up to there. */
static bool
postgres_refused_early(struct eff_sql *sql, struct postgres_link *link)
{
    struct eff_response response = sql->response;

    if (link->lost || PQpipelineSync(link->conn) != 1)
        return postgres_broken(link);
    postgres_drain(sql, link);
    sql->response = response;
    return false;
}

/*
 * Rows go in windows, and a window's answers are taken before the next one goes: what
 * libpq holds of a request of any size stays small.
 */
static bool
postgres_phase(struct eff_sql *sql, struct postgres_link *link, const struct postgres_rows *rows,
               eff_str statement, const char *begin)
{
    size_t commands = begin != NULL ? 3 : 1; // BEGIN and the settings, then the statement itself
    int64_t most = 0;
    size_t to;

    if (begin != NULL && !postgres_send_begin(sql, link, begin))
        return false;
    if (!postgres_send_statement(sql, link, statement))
        return postgres_broken(link);
    for (size_t from = 0; from < rows->request->rows || commands > 0; from = to) {
        to = postgres_send_rows(sql, link, rows, from);
        if (to == SIZE_MAX || PQsendFlushRequest(link->conn) != 1)
            return postgres_broken(link);
        if (!postgres_expect(sql, link, commands) ||
            !postgres_take_rows(sql, link, rows, from, to, &most))
            return postgres_refused_early(sql, link);
        commands = 0;
    }
    if (!postgres_sync(sql, link))
        return postgres_broken(link);
    if (!postgres_take_sync(sql, link))
        return postgres_refused(sql, link);
    if (rows->request->changed_max > 0 && most > rows->request->changed_max)
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "21000",
                              "one row would change %lld records", (long long)most);
    return true;
}

/*
 * From here on silence is ambiguous. Refused at COMMIT is what the server itself
 * says about this transaction (deferred constraints, serialization); a shutdown
 * may come after a commit that still waited for a standby.
 */
static bool
postgres_commit(struct eff_sql *sql, struct postgres_link *link)
{
    PGresult *result;
    bool committed;

    if (!postgres_send(sql, link, "COMMIT") || !postgres_sync(sql, link)) {
        sql->response.wire = EFF_WIRE_LOST;
        return false;
    }
    result = postgres_command(sql, link);
    if (result == NULL) {
        static const char *const sure[] = {"22", "23", "25", "40", "42", "44", "P0"};

        for (size_t i = 0; i < sizeof(sure) / sizeof(sure[0]) && !link->lost; i++)
            if (strncmp(sql->sqlstate, sure[i], 2) == 0)
                return postgres_refused(sql, link);
        sql->response.wire = EFF_WIRE_LOST;
        link->lost = true;
        return false;
    }
    committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
    PQclear(result);
    if (!postgres_take_sync(sql, link)) // committed all the same
        link->lost = true;
    if (!committed)
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 503, "25P02",
                              "the transaction was rolled back");
    return true;
}

static bool
postgres_has_unchanged(const struct postgres_rows *rows)
{
    for (size_t i = 0; i < rows->request->rows; i++)
        if (rows->changed[i] == 0)
            return true;
    return false;
}

static bool
postgres_write(struct eff_sql *sql, struct postgres_link *link,
               const struct eff_sql_request *request)
{
    struct postgres_rows rows = {.request = request};

    if (!postgres_room(sql, request, &rows) ||
        !postgres_phase(sql, link, &rows, request->statement, "BEGIN"))
        return false;
    if (request->otherwise.ptr != NULL && postgres_has_unchanged(&rows)) {
        rows.second = true;
        if (!postgres_phase(sql, link, &rows, request->otherwise, NULL))
            return false;
    }
    if (!postgres_commit(sql, link))
        return false;
    sql->response = (struct eff_response){
        .wire = EFF_WIRE_ANSWERED, .status = 200, .rows = request->rows, .changed = rows.changed};
    return true;
}

/* ---- queries ---- */

static bool
postgres_names(struct eff_sql *sql, const PGresult *result, size_t columns)
{
    eff_str *names = eff_sql_alloc(sql, sizeof(*names), columns + 1);

    if (names == NULL)
        return false;
    for (size_t i = 0; i < columns; i++) {
        eff_str name = eff_str_of(PQfname(result, (int)i));
        char *copy = eff_sql_alloc(sql, 1, name.len + 1);

        if (copy == NULL)
            return false;
        memcpy(copy, name.ptr, name.len);
        names[i] = (eff_str){copy, name.len};
    }
    sql->response.columns = columns;
    sql->response.names = names;
    return true;
}

static bool
postgres_cells(struct eff_sql *sql, const PGresult *result)
{
    size_t rows = (size_t)PQntuples(result), columns = (size_t)PQnfields(result);
    struct eff_value *cells = eff_sql_alloc(sql, sizeof(*cells), rows * columns + 1);

    if (cells == NULL || !postgres_names(sql, result, columns))
        return false;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < columns; i++) {
            eff_str text = {PQgetvalue(result, (int)row, (int)i),
                            (size_t)PQgetlength(result, (int)row, (int)i)};

            if (!PQgetisnull(result, (int)row, (int)i) &&
                !eff_sql_postgres_cell(sql, PQftype(result, (int)i), text,
                                       &cells[row * columns + i]))
                return false;
        }
    }
    sql->response.rows = rows;
    sql->response.cells = cells;
    return true;
}

static bool
postgres_send_query(struct eff_sql *sql, struct postgres_link *link,
                    const struct eff_sql_request *request)
{
    struct postgres_rows rows = {.request = request};
    char *text = eff_sql_alloc(sql, 1, request->statement.len + 1);

    if (text == NULL || !postgres_room(sql, request, &rows) ||
        !postgres_values(sql, &rows, request->params, request->columns))
        return false;
    memcpy(text, request->statement.ptr, request->statement.len);
    if (!postgres_send_begin(sql, link, "BEGIN READ ONLY"))
        return false;
    if (PQsendQueryParams(link->conn, text, (int)request->columns, NULL, rows.values, NULL, NULL,
                          0) != 1)
        return postgres_lost(sql, link, NULL);
    return postgres_send(sql, link, "COMMIT") && postgres_sync(sql, link);
}

static bool
postgres_query(struct eff_sql *sql, struct postgres_link *link,
               const struct eff_sql_request *request)
{
    PGresult *result;
    bool good;

    if (!postgres_send_query(sql, link, request)) {
        link->lost = true;
        return false;
    }
    if (!postgres_expect(sql, link, 2))
        return postgres_refused(sql, link);
    result = postgres_command(sql, link);
    if (result == NULL)
        return postgres_refused(sql, link);
    good = postgres_cells(sql, result);
    PQclear(result);
    if (!postgres_expect(sql, link, 1))
        return postgres_refused(sql, link);
    return postgres_take_sync(sql, link) && good;
}

/* ---- the door ---- */

void
eff_sql_postgres(struct eff_sql *sql, const struct eff_sql_request *request, int64_t deadline_ms)
{
    struct postgres_link *link = postgres_link(sql, request, deadline_ms);

    if (!postgres_check_values(sql, request))
        return;
    for (int tries = 0; tries < 2; tries++) {
        bool kept = link->conn != NULL;
        bool done, again;

        link->deadline_ms = deadline_ms;
        sql->response = (struct eff_response){.wire = EFF_WIRE_ANSWERED, .status = 200};
        if (!kept && !postgres_connect(sql, link))
            return;
        done = request->rows > 0 ? postgres_write(sql, link, request)
                                 : postgres_query(sql, link, request);
        again = !done && kept && link->lost && sql->response.wire == EFF_WIRE_ANSWERED &&
                sql->response.status == 503 && eff_moment_mono_ms() < deadline_ms;
        if (!done || link->lost)
            postgres_give_up(sql, link);
        if (!again)
            return;
    }
}
