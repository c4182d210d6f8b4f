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
 *
 * When a row is refused on its own merits, the transaction begins anew with savepoints,
 * and that row stays out alone.
 */
#include <stdlib.h>
#include <string.h>

#include "os/moment.h"
#include "os/sql_postgres.h"

#define POSTGRES_WINDOW 500 /* rows under way */

static bool
postgres_room(struct eff_sql *sql, const struct eff_sql_request *request,
              struct postgres_rows *ret_rows)
{
    ret_rows->values = eff_sql_alloc(sql, sizeof(*ret_rows->values), request->columns + 1);
    ret_rows->offsets = eff_sql_alloc(sql, sizeof(*ret_rows->offsets), request->columns + 1);
    ret_rows->changed = eff_sql_alloc(sql, sizeof(*ret_rows->changed), request->rows + 1);
    ret_rows->has_arrays = eff_postgres_has_arrays(request);
    return ret_rows->values != NULL && ret_rows->offsets != NULL && ret_rows->changed != NULL;
}

static bool
postgres_wanted(const struct postgres_rows *rows, size_t row)
{
    return rows->second ? rows->changed[row] == 0 : rows->changed[row] >= 0;
}

static size_t
postgres_columns(const struct postgres_rows *rows)
{
    return rows->second && rows->request->otherwise_columns ? rows->request->otherwise_columns
                                                            : rows->request->columns;
}

static bool
postgres_send_statement(struct eff_sql *sql, struct postgres_link *link, eff_str statement)
{
    char *text = eff_sql_alloc(sql, 1, statement.len + 1);

    if (text == NULL)
        return false;
    memcpy(text, statement.ptr, statement.len);
    return PQsendPrepare(link->conn, "", text, 0, NULL) == 1 || eff_postgres_lost(sql, link, NULL);
}

/* ---- which parameters are arrays ---- */

static void
postgres_oids(struct eff_buf *buf, const PGresult *described)
{
    eff_buf_add_char(buf, '{');
    for (int i = 0; i < PQnparams(described); i++)
        eff_buf_addf(buf, "%s%u", i ? "," : "", PQparamtype(described, i));
    eff_buf_add(buf, EFF_STR("}"));
    eff_buf_add_char(buf, '\0');
}

/* Of those types the arrays, domains over arrays too, each with what it is an array of. */
static PGresult *
postgres_ask_types(struct eff_sql *sql, struct postgres_link *link, const PGresult *described)
{
    static const char ask[] =
        "SELECT t.oid, e.typname IN ('json', 'jsonb') FROM pg_catalog.pg_type t"
        " LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype AND t.typtype = 'd'"
        " JOIN pg_catalog.pg_type e ON e.oid = coalesce(b.typelem, t.typelem)"
        " WHERE coalesce(b.typcategory, t.typcategory) = 'A'"
        " AND t.oid = ANY ($1::pg_catalog.oid[])";
    struct eff_buf oids = {0};
    const char *values[1];
    bool sent;

    postgres_oids(&oids, described);
    values[0] = oids.ptr;
    sent = !oids.full && PQsendQueryParams(link->conn, ask, 1, NULL, values, NULL, NULL, 0) == 1 &&
           PQsendFlushRequest(link->conn) == 1;
    eff_buf_free(&oids);
    if (sent)
        return eff_postgres_command(sql, link);
    eff_postgres_lost(sql, link, NULL);
    return NULL;
}

static enum postgres_array
postgres_array_of(const PGresult *types, unsigned oid)
{
    for (int i = 0; i < PQntuples(types); i++)
        if (strtoul(PQgetvalue(types, i, 0), NULL, 10) == oid)
            return PQgetvalue(types, i, 1)[0] == 't' ? POSTGRES_ARRAY_OF_JSON : POSTGRES_ARRAY;
    return POSTGRES_ARRAY_NONE;
}

static bool
postgres_fill_arrays(struct eff_sql *sql, struct postgres_link *link, struct postgres_rows *rows,
                     const PGresult *described)
{
    PGresult *types = postgres_ask_types(sql, link, described);
    size_t count = (size_t)PQnparams(described);

    if (types == NULL)
        return false;
    rows->arrays = eff_sql_alloc(sql, sizeof(*rows->arrays), rows->request->columns + count + 1);
    for (size_t i = 0; rows->arrays != NULL && i < count; i++)
        rows->arrays[i] = postgres_array_of(types, PQparamtype(described, (int)i));
    PQclear(types);
    return rows->arrays != NULL;
}

/*
 * A source's arrays come as JSON, which a column of arrays does not read. So when a value
 * is one, the statement's parameters are looked up first; it must be prepared again then.
 * `commands` results are to come before.
 */
static bool
postgres_describe(struct eff_sql *sql, struct postgres_link *link, struct postgres_rows *rows,
                  size_t commands)
{
    PGresult *described;
    bool good;

    if (PQsendDescribePrepared(link->conn, "") != 1 || PQsendFlushRequest(link->conn) != 1)
        return eff_postgres_lost(sql, link, NULL);
    if (!eff_postgres_expect(sql, link, commands))
        return false;
    described = eff_postgres_command(sql, link);
    if (described == NULL)
        return false;
    good = postgres_fill_arrays(sql, link, rows, described);
    PQclear(described);
    return good;
}

/* ---- sending rows ---- */

/* Sends rows from `at` to `to`, a window at most; returns the row after them, SIZE_MAX: failed. */
static size_t
postgres_send_rows(struct eff_sql *sql, struct postgres_link *link,
                   const struct postgres_rows *rows, size_t at, size_t to)
{
    const struct eff_sql_request *request = rows->request;
    size_t columns = postgres_columns(rows), sent = 0;

    for (; at < to && sent < POSTGRES_WINDOW; at++) {
        if (!postgres_wanted(rows, at))
            continue;
        if (!eff_postgres_values(sql, rows, &request->params[at * request->columns], columns))
            return SIZE_MAX;
        if (PQsendQueryPrepared(link->conn, "", (int)columns, rows->values, NULL, NULL, 0) != 1) {
            eff_postgres_lost(sql, link, NULL);
            return SIZE_MAX;
        }
        sent++;
    }
    return at;
}

static bool
postgres_too_many(struct eff_sql *sql, const struct postgres_rows *rows, int64_t changed)
{
    if (rows->request->changed_max == 0 || changed <= rows->request->changed_max)
        return false;
    eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "21000", "one row would change %lld records",
                   (long long)changed);
    return true;
}

/* The answers of those rows; the row that was refused, or `to`. */
static size_t
postgres_take_rows(struct eff_sql *sql, struct postgres_link *link,
                   const struct postgres_rows *rows, size_t from, size_t to)
{
    for (size_t row = from; row < to; row++) {
        int64_t changed = 0;
        PGresult *result;

        if (!postgres_wanted(rows, row))
            continue;
        result = eff_postgres_command(sql, link);
        if (result == NULL)
            return row;
        eff_str_int(eff_str_of(PQcmdTuples(result)), &changed);
        PQclear(result);
        if (postgres_too_many(sql, rows, changed))
            return row;
        rows->changed[row] = changed;
    }
    return to;
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
        if (!eff_postgres_send(sql, link, "ROLLBACK") || !eff_postgres_sync(sql, link) ||
            !eff_postgres_expect(sql, link, 1) || !eff_postgres_take_sync(sql, link))
            link->lost = true;
    }
    if (link->lost)
        eff_postgres_link_close(link);
    sql->response = response;
    memcpy(sql->problem, problem, sizeof(problem));
    memcpy(sql->sqlstate, state, sizeof(state));
}

/* A refusal in the middle: the rest of the pipeline answers "aborted" up to its Sync. */
static bool
postgres_refused(struct eff_sql *sql, struct postgres_link *link)
{
    if (!link->lost)
        eff_postgres_drain(sql, link);
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
    eff_postgres_drain(sql, link);
    sql->response = response;
    return false;
}

/*
 * The statement, once for each row. Rows go in windows, and a window's answers are taken
 * before the next one goes: what libpq holds of a request of any size stays small.
 */
static bool
postgres_phase(struct eff_sql *sql, struct postgres_link *link, struct postgres_rows *rows,
               const char *begin)
{
    eff_str statement = rows->second ? rows->request->otherwise : rows->request->statement;
    size_t commands = begin != NULL ? 3 : 1; // BEGIN and the settings, then the statement itself
    size_t to;

    if (begin != NULL && !eff_postgres_send_begin(sql, link, begin))
        return false;
    if (!postgres_send_statement(sql, link, statement))
        return postgres_broken(link);
    if (rows->has_arrays) {
        if (!postgres_describe(sql, link, rows, commands))
            return postgres_refused_early(sql, link);
        if (!postgres_send_statement(sql, link, statement))
            return postgres_broken(link);
        commands = 1;
    }
    for (size_t from = 0; from < rows->request->rows || commands > 0; from = to) {
        to = postgres_send_rows(sql, link, rows, from, rows->request->rows);
        if (to == SIZE_MAX || PQsendFlushRequest(link->conn) != 1)
            return postgres_broken(link);
        if (!eff_postgres_expect(sql, link, commands) ||
            postgres_take_rows(sql, link, rows, from, to) != to)
            return postgres_refused_early(sql, link);
        commands = 0;
    }
    if (!eff_postgres_sync(sql, link))
        return postgres_broken(link);
    return eff_postgres_take_sync(sql, link) || postgres_refused(sql, link);
}

/* ---- rows that are refused alone ---- */

/* On a row's own merits: its values, a constraint, a limit, a trigger. */
static bool
postgres_blames_row(const struct eff_sql *sql)
{
    static const char *const own[] = {"21", "22", "23", "44", "54", "P0"};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (strncmp(sql->sqlstate, own[i], 2) == 0)
            return true;
    return false;
}

/* Keeps what the answer says about it, and lets the others go on. */
static bool
postgres_put_aside(struct eff_sql *sql, const struct postgres_rows *rows, size_t row)
{
    size_t len = strlen(sql->problem);
    char *text = eff_sql_alloc(sql, 1, sizeof(sql->sqlstate) + len + 1);

    if (text == NULL)
        return false;
    memcpy(text, sql->sqlstate, sizeof(sql->sqlstate));
    memcpy(text + sizeof(sql->sqlstate), sql->problem, len + 1);
    rows->refused[row] =
        (struct eff_refused_row){row, eff_str_of(text), eff_str_of(text + sizeof(sql->sqlstate))};
    rows->changed[row] = -1;
    sql->response = (struct eff_response){.wire = EFF_WIRE_ANSWERED, .status = 200};
    return true;
}

/*
 * One stretch of rows behind a savepoint. *ret_refused is the row that was refused and put
 * aside, the stretch undone; SIZE_MAX: all are in.
 */
static bool
postgres_stretch(struct eff_sql *sql, struct postgres_link *link, const struct postgres_rows *rows,
                 size_t from, size_t to, size_t *ret_refused)
{
    eff_str statement = rows->second ? rows->request->otherwise : rows->request->statement;
    int64_t before[POSTGRES_WINDOW];
    size_t sent, at;

    *ret_refused = SIZE_MAX;
    memcpy(before, rows->changed + from, (to - from) * sizeof(*before));
    if (!eff_postgres_send(sql, link, "SAVEPOINT efferent") ||
        !postgres_send_statement(sql, link, statement))
        return postgres_broken(link);
    sent = postgres_send_rows(sql, link, rows, from, to);
    if (sent == SIZE_MAX || !eff_postgres_sync(sql, link))
        return postgres_broken(link);
    if (!eff_postgres_expect(sql, link, 2))
        return postgres_refused(sql, link);
    at = postgres_take_rows(sql, link, rows, from, to);
    if (at != to && (link->lost || !postgres_blames_row(sql)))
        return postgres_refused(sql, link);
    if (at == to && !eff_postgres_take_sync(sql, link))
        return postgres_refused(sql, link);
    if (at != to) {
        memcpy(rows->changed + from, before, (to - from) * sizeof(*before));
        if (!postgres_put_aside(sql, rows, at) || !eff_postgres_drain(sql, link))
            return false;
        *ret_refused = at;
    }
    return (at == to || eff_postgres_send(sql, link, "ROLLBACK TO efferent")) &&
           eff_postgres_send(sql, link, "RELEASE efferent") && eff_postgres_sync(sql, link) &&
           eff_postgres_expect(sql, link, at == to ? 1 : 2) && eff_postgres_take_sync(sql, link);
}

/*
 * Stretch by stretch: behind a row that was refused the stretch is sent again without it,
 * shorter where many are refused. So of n rows with b bad ones little more than n plus b
 * short stretches travel, in one transaction.
 */
static bool
postgres_careful_phase(struct eff_sql *sql, struct postgres_link *link, struct postgres_rows *rows)
{
    size_t length = POSTGRES_WINDOW, count = rows->request->rows, refused, to;

    for (size_t from = 0; from < count;) {
        to = count - from < length ? count : from + length;
        if (!postgres_stretch(sql, link, rows, from, to, &refused))
            return false;
        if (refused == SIZE_MAX) {
            from = to;
            length = length * 2 < POSTGRES_WINDOW ? length * 2 : POSTGRES_WINDOW;
        } else if (refused == from) {
            from++;
            length = length / 2 > 0 ? length / 2 : 1;
        } else {
            length = refused - from;
        }
    }
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

    link->committing = true;
    if (!eff_postgres_send(sql, link, "COMMIT") || !eff_postgres_sync(sql, link)) {
        sql->response.wire = EFF_WIRE_LOST;
        return false;
    }
    result = eff_postgres_command(sql, link);
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
    if (!eff_postgres_take_sync(sql, link)) // committed all the same
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
postgres_phases(struct eff_sql *sql, struct postgres_link *link, struct postgres_rows *rows)
{
    if (!postgres_phase(sql, link, rows, "BEGIN"))
        return false;
    if (rows->request->otherwise.ptr == NULL || !postgres_has_unchanged(rows))
        return true;
    rows->second = true;
    return postgres_phase(sql, link, rows, NULL);
}

/* Begins anew: the first try did not know which of its rows would be refused. */
static bool
postgres_careful(struct eff_sql *sql, struct postgres_link *link, struct postgres_rows *rows)
{
    rows->refused = eff_sql_alloc(sql, sizeof(*rows->refused), rows->request->rows);
    if (rows->refused == NULL)
        return false;
    memset(rows->changed, 0, sizeof(*rows->changed) * rows->request->rows);
    rows->second = false;
    sql->response = (struct eff_response){.wire = EFF_WIRE_ANSWERED, .status = 200};
    if (!eff_postgres_send(sql, link, "ROLLBACK") || !eff_postgres_send_begin(sql, link, "BEGIN") ||
        !eff_postgres_sync(sql, link))
        return postgres_broken(link);
    if (!eff_postgres_expect(sql, link, 3) || !eff_postgres_take_sync(sql, link))
        return postgres_refused(sql, link);
    if (!postgres_careful_phase(sql, link, rows))
        return false;
    if (rows->request->otherwise.ptr == NULL || !postgres_has_unchanged(rows))
        return true;
    rows->second = true;
    return postgres_careful_phase(sql, link, rows);
}

/* The refused rows in order. */
static void
postgres_tell_refused(struct eff_sql *sql, const struct postgres_rows *rows)
{
    size_t count = 0;

    for (size_t i = 0; rows->refused != NULL && i < rows->request->rows; i++)
        if (rows->changed[i] < 0)
            rows->refused[count++] = rows->refused[i];
    sql->response.refused = rows->refused;
    sql->response.refused_count = count;
}

static bool
postgres_write(struct eff_sql *sql, struct postgres_link *link,
               const struct eff_sql_request *request)
{
    struct postgres_rows rows = {.request = request};

    if (!postgres_room(sql, request, &rows))
        return false;
    if (!postgres_phases(sql, link, &rows) &&
        (link->lost || request->rows == 1 || !postgres_blames_row(sql) ||
         !postgres_careful(sql, link, &rows)))
        return false;
    postgres_tell_refused(sql, &rows);
    if (!postgres_commit(sql, link))
        return false;
    sql->response.rows = request->rows;
    sql->response.changed = rows.changed;
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
        !eff_postgres_values(sql, &rows, request->params, request->columns))
        return false;
    memcpy(text, request->statement.ptr, request->statement.len);
    if (!eff_postgres_send_begin(sql, link, "BEGIN READ ONLY"))
        return false;
    if (PQsendQueryParams(link->conn, text, (int)request->columns, NULL, rows.values, NULL, NULL,
                          0) != 1)
        return eff_postgres_lost(sql, link, NULL);
    return eff_postgres_send(sql, link, "COMMIT") && eff_postgres_sync(sql, link);
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
    if (!eff_postgres_expect(sql, link, 2))
        return postgres_refused(sql, link);
    result = eff_postgres_command(sql, link);
    if (result == NULL)
        return postgres_refused(sql, link);
    good = postgres_cells(sql, result);
    PQclear(result);
    if (!eff_postgres_expect(sql, link, 1))
        return postgres_refused(sql, link);
    return eff_postgres_take_sync(sql, link) && good;
}

/* ---- the door ---- */

void
eff_sql_postgres(struct eff_sql *sql, const struct eff_sql_request *request, int64_t deadline_ms)
{
    struct postgres_link *link = eff_postgres_link(sql, request, deadline_ms);

    if (!eff_postgres_check_values(sql, request))
        return;
    for (int tries = 0; tries < 2; tries++) {
        bool kept = link->conn != NULL;
        bool done, again;

        link->deadline_ms = deadline_ms;
        link->committing = link->cancelled = false;
        sql->response = (struct eff_response){.wire = EFF_WIRE_ANSWERED, .status = 200};
        if (!kept && !eff_postgres_connect(sql, link))
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
