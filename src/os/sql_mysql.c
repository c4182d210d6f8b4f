/*
 * os/sql_mysql: SQL requests against MySQL and MariaDB.
 *
 * The rows of a request travel as statements with literals, a window of some
 * hundred in one packet, and each statement answers for itself: one round trip
 * per window, and a verdict per row. A statement that is refused ends its packet;
 * what follows it is sent again in the next one. A refusal on the row's merits
 * takes back its own statement only, so the other rows stay.
 *
 * COMMIT is sent alone, when every row has answered: whatever happens before it is
 * not applied. A connection that dies then is opened again and the transaction
 * repeated once. That holds for tables with transactions (InnoDB); where a ROLLBACK
 * says that it could not take back everything, the answer is LOST.
 */
#include "os/sql_mysql.h"

#include <stdio.h>

#include "os/moment.h"

#define MYSQL_CONNECT_S    10
#define MYSQL_TURN_S       60 /* one packet's way there and back */
#define MYSQL_LOCK_S       30 /* less than that, so that the server says why */
#define MYSQL_WINDOW       500
#define MYSQL_WINDOW_BYTES ((size_t)1 << 20)
#define MYSQL_CLIENT_ERROR 2000 /* numbers from here to 2999 are the library's own */

struct mysql_link {
    struct mysql_link *next;
    eff_str connect; /* in the process arena */
    const struct mysql_api *api;
    void *conn;
    size_t packet_max;
    int64_t deadline_ms;
    bool lost; /* the connection is of no use any more */
    struct mysql_place place;
    struct mysql_stop stop;
};

/* The rows of one request on their way, and what became of each. */
struct mysql_rows {
    const struct eff_sql_request *request;
    const struct mysql_piece *pieces;
    int64_t *changed;                /* -1: refused */
    struct eff_refused_row *refused; /* by row; NULL: none so far */
    bool second;                     /* only rows that changed nothing so far */
};

/* ---- faults ---- */

/* Locks, shutdowns, full disks, limits of the server: later it may work. */
static int
mysql_status(unsigned code)
{
    static const unsigned passing[] = {1021, 1030, 1037, 1038, 1040, 1041, 1053, 1114, 1135, 1161,
                                       1180, 1181, 1203, 1205, 1206, 1213, 1226, 1290, 1317, 1428,
                                       1836, 1927, 1969, 3024, 3058, 3101, 3572, 4031};

    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (passing[i] == code)
            return 503;
    return code >= MYSQL_CLIENT_ERROR && code < 3000 ? 503 : 400;
}

static bool
mysql_refuse(struct eff_sql *sql, struct mysql_link *link, enum eff_wire wire)
{
    unsigned code = link->api->errno_(link->conn);
    char number[12];

    snprintf(number, sizeof(number), "%u", code);
    link->lost |= code >= MYSQL_CLIENT_ERROR && code < 3000;
    return eff_sql_refuse(sql, wire, mysql_status(code), number, "%s",
                          link->api->error_(link->conn));
}

static bool
mysql_late(struct eff_sql *sql, struct mysql_link *link)
{
    return (eff_moment_mono_ms() >= link->deadline_ms || eff_sql_must_stop(sql)) &&
           !eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 503, "1317", "no time is left for the rest");
}

/* ---- connecting ---- */

static void
mysql_link_close(struct mysql_link *link)
{
    if (link->conn != NULL)
        link->api->close_(link->conn);
    link->conn = NULL;
    link->lost = false;
}

void
eff_sql_mysql_close(struct eff_sql *sql)
{
    for (struct mysql_link *link = sql->mysql; link != NULL; link = link->next)
        mysql_link_close(link);
    sql->mysql = NULL;
}

static bool
mysql_do(struct eff_sql *sql, struct mysql_link *link, eff_str statement)
{
    void *result;

    if (link->api->real_query_(link->conn, statement.ptr, statement.len) != 0)
        return mysql_refuse(sql, link, EFF_WIRE_ANSWERED);
    result = link->api->store_result_(link->conn);
    if (result != NULL)
        link->api->free_result_(result);
    return true;
}

static void
mysql_set_options(struct mysql_link *link, const struct mysql_place *place)
{
    const unsigned connect_s = MYSQL_CONNECT_S, turn_s = MYSQL_TURN_S, none = 0;
    const char yes = 1, no = 0;
    const struct mysql_api *api = link->api;

    api->options_(link->conn, MYSQL_CONNECT_TIMEOUT, &connect_s);
    api->options_(link->conn, MYSQL_READ_TIMEOUT, &turn_s);
    api->options_(link->conn, MYSQL_WRITE_TIMEOUT, &turn_s);
    api->options_(link->conn, MYSQL_CHARSET_NAME, "utf8mb4");
    api->options_(link->conn, MYSQL_LOCAL_INFILE, &none); // a server must not ask for our files
    api->options_(link->conn, MYSQL_SSL_ENFORCE, place->tls ? &yes : &no);
    api->options_(link->conn, MYSQL_SSL_VERIFY, place->verify ? &yes : &no);
    if (place->ca != NULL)
        api->options_(link->conn, MYSQL_SSL_CA, place->ca);
}

/* A value that does not fit must be refused, a 0 must not become a new number, times are UTC. */
static bool
mysql_settings(struct eff_sql *sql, struct mysql_link *link)
{
    static const char text[] =
        "SET SESSION sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
        "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_BACKSLASH_ESCAPES,"
        "NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00', autocommit = 1, "
        "innodb_lock_wait_timeout = %d, lock_wait_timeout = %d";
    char settings[sizeof(text) + 32];
    void *result;
    char **row;
    int64_t packet = 0;

    snprintf(settings, sizeof(settings), text, MYSQL_LOCK_S, MYSQL_LOCK_S);
    if (!mysql_do(sql, link, eff_str_of(settings)))
        return false;
    if (link->api->real_query_(link->conn, "SELECT @@max_allowed_packet", 27) != 0)
        return mysql_refuse(sql, link, EFF_WIRE_ANSWERED);
    result = link->api->store_result_(link->conn);
    row = result ? link->api->fetch_row_(result) : NULL;
    if (row == NULL || !eff_str_int(eff_str_of(row[0]), &packet) || packet < 1024)
        packet = 1024;
    link->packet_max = (size_t)packet;
    if (result != NULL)
        link->api->free_result_(result);
    return true;
}

static bool
mysql_connect(struct eff_sql *sql, struct mysql_link *link)
{
    const struct mysql_place *place = &link->place;
    const char *wrong = eff_mysql_place(link->connect, sql->process, &link->place);
    char why[256];

    if (wrong != NULL)
        return eff_sql_refuse(sql, EFF_WIRE_NOT_SENT, 503, "url", "the url cannot be read: %s",
                              wrong);
    link->api = eff_mysql_load(why, sizeof(why));
    if (link->api == NULL)
        return eff_sql_refuse(sql, EFF_WIRE_NOT_SENT, 503, "library", "%s", why);
    link->conn = link->api->init_(NULL);
    if (link->conn == NULL)
        return eff_sql_refuse(sql, EFF_WIRE_NOT_SENT, 503, "2008", "out of memory");
    mysql_set_options(link, place);
    if (link->api->real_connect_(link->conn, place->host, place->user, place->password,
                                 place->database, place->port, place->socket,
                                 MYSQL_FOUND_ROWS | MYSQL_MULTI_STATEMENTS) == NULL) {
        mysql_refuse(sql, link, EFF_WIRE_NOT_SENT);
        mysql_link_close(link);
        return false;
    }
    link->stop = (struct mysql_stop){.sql = sql,
                                     .api = link->api,
                                     .place = &link->place,
                                     .connection = link->api->thread_id_(link->conn),
                                     .socket = link->api->get_socket_(link->conn)};
    if (mysql_settings(sql, link))
        return true;
    sql->response.wire = EFF_WIRE_NOT_SENT;
    mysql_link_close(link);
    return false;
}

static struct mysql_link *
mysql_link(struct eff_sql *sql, const struct eff_sql_request *request)
{
    struct mysql_link *link = sql->mysql;

    while (link != NULL && !eff_str_eq(link->connect, request->connect))
        link = link->next;
    if (link == NULL) {
        link = eff_new(sql->process, struct mysql_link, 1);
        link->connect = eff_str_copy(sql->process, request->connect);
        link->next = sql->mysql;
        sql->mysql = link;
    }
    return link;
}

/* ---- rows ---- */

static bool
mysql_wanted(const struct mysql_rows *rows, size_t row)
{
    return !rows->second || rows->changed[row] == 0;
}

/* Is it this row's own fault? Then its statement alone was taken back. */
static bool
mysql_blames_row(const struct mysql_link *link)
{
    static const unsigned more[] = {1264, 1265, 1364, 1366, 1411, 1416, 1442, 1525,
                                    1526, 1644, 1690, 3140, 3156, 3819, 3903, 4025};
    const char *state = link->api->sqlstate_(link->conn);
    unsigned code = link->api->errno_(link->conn);

    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        if (more[i] == code)
            return true;
    return strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 ||
           strncmp(state, "45", 2) == 0;
}

static bool
mysql_refuse_row(struct eff_sql *sql, struct mysql_rows *rows, size_t row, unsigned code,
                 const char *problem)
{
    char *text = eff_sql_alloc(sql, 1, strlen(problem) + 17);
    int len;

    if (rows->refused == NULL)
        rows->refused = eff_sql_alloc(sql, sizeof(*rows->refused), rows->request->rows);
    if (rows->refused == NULL || text == NULL)
        return false;
    len = snprintf(text, 16, "%u", code);
    memcpy(text + 16, problem, strlen(problem) + 1);
    rows->changed[row] = -1;
    rows->refused[row] = (struct eff_refused_row){row, {text, (size_t)len}, eff_str_of(text + 16)};
    return true;
}

/* Writes statements for rows from `at` on into sql->text; returns the row after them. */
static size_t
mysql_write_window(struct eff_sql *sql, const struct mysql_link *link,
                   const struct mysql_rows *rows, size_t at)
{
    const struct eff_sql_request *request = rows->request;
    size_t bytes_max =
        link->packet_max < MYSQL_WINDOW_BYTES ? link->packet_max : MYSQL_WINDOW_BYTES;

    eff_buf_reset(&sql->text);
    for (size_t count = 0; at < request->rows && count < MYSQL_WINDOW; at++) {
        size_t before = sql->text.len;

        if (!mysql_wanted(rows, at))
            continue;
        if (before > 0)
            eff_buf_add_char(&sql->text, ';');
        eff_mysql_row(&sql->text, rows->pieces, &request->params[at * request->columns]);
        if (before > 0 && sql->text.len + 64 > bytes_max) {
            sql->text.len = before; // it opens the next window
            break;
        }
        count++;
    }
    return at;
}

/* The answer to one row's statement; `code` is what real_query or next_result said. */
static bool
mysql_take_row(struct eff_sql *sql, struct mysql_link *link, struct mysql_rows *rows, size_t row,
               int code)
{
    int64_t changed;

    if (code < 0) {
        link->lost = true;
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 503, "2014",
                              "the server's answer is out of step");
    }
    if (code > 0) {
        if (!mysql_blames_row(link))
            return mysql_refuse(sql, link, EFF_WIRE_ANSWERED);
        return mysql_refuse_row(sql, rows, row, link->api->errno_(link->conn),
                                link->api->error_(link->conn));
    }
    changed = (int64_t)link->api->affected_rows_(link->conn);
    if (rows->request->changed_max > 0 && changed > rows->request->changed_max)
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "21000",
                              "one row would change %lld records", (long long)changed);
    rows->changed[row] = changed;
    return true;
}

/* A connection whose answers were not all taken understands nothing else. */
static void
mysql_leave_window(struct mysql_link *link)
{
    while (!link->lost && link->api->errno_(link->conn) == 0 &&
           link->api->next_result_(link->conn) == 0) {}
}

/* Sends the window in sql->text; *ret_at is the row after the last one that was answered. */
static bool
mysql_turn(struct eff_sql *sql, struct mysql_link *link, struct mysql_rows *rows, size_t from,
           size_t to, size_t *ret_at)
{
    int code = link->api->real_query_(link->conn, sql->text.ptr, sql->text.len);

    for (size_t row = from, n = 0; row < to; row++) {
        if (!mysql_wanted(rows, row))
            continue;
        if (n++ > 0)
            code = link->api->next_result_(link->conn);
        if (!mysql_take_row(sql, link, rows, row, code)) {
            mysql_leave_window(link);
            return false;
        }
        *ret_at = row + 1;
        if (code > 0) // the rest of this packet was not looked at
            return true;
    }
    *ret_at = to;
    return true;
}

/* A row that no packet can take. */
static bool
mysql_too_large(struct eff_sql *sql, const struct mysql_link *link, struct mysql_rows *rows,
                size_t row)
{
    char problem[128];

    while (!mysql_wanted(rows, row))
        row++;
    snprintf(problem, sizeof(problem), "the row takes %zu bytes; max_allowed_packet is %zu",
             sql->text.len, link->packet_max);
    return mysql_refuse_row(sql, rows, row, 1153, problem);
}

static bool
mysql_phase(struct eff_sql *sql, struct mysql_link *link, struct mysql_rows *rows,
            eff_str statement)
{
    size_t at = 0;

    rows->pieces = eff_mysql_pieces(sql, statement);
    if (rows->pieces == NULL)
        return false;
    while (at < rows->request->rows) {
        size_t to = mysql_write_window(sql, link, rows, at);

        if (sql->text.full)
            return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "1153", "the row is too large");
        if (sql->text.len == 0) // none of the rest is wanted
            return true;
        if (mysql_late(sql, link))
            return false;
        if (sql->text.len + 64 > link->packet_max) { // then it stands alone
            if (!mysql_too_large(sql, link, rows, at))
                return false;
            at = to;
        } else if (!mysql_turn(sql, link, rows, at, to, &at))
            return false;
    }
    return true;
}

/* ---- transactions ---- */

/* Takes the transaction back and keeps the answer, unless that did not work. */
static void
mysql_give_up(struct eff_sql *sql, struct mysql_link *link)
{
    bool whole;

    if (link->lost) {
        mysql_link_close(link);
        return;
    }
    whole = link->api->real_query_(link->conn, "ROLLBACK", 8) == 0;
    if (whole && link->api->warning_count_(link->conn) > 0 &&
        sql->response.wire == EFF_WIRE_ANSWERED) // a table without transactions
        sql->response.wire = EFF_WIRE_LOST;
    if (!whole)
        mysql_link_close(link);
}

/*
 * From here on silence is ambiguous. A deadlock, a lock that was waited for too long
 * and a cluster's refusal are what the server itself says about this transaction.
 */
static bool
mysql_commit(struct eff_sql *sql, struct mysql_link *link)
{
    unsigned code;

    if (eff_mysql_stop_end(&link->stop))
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 503, "1317", "stopped on request");
    if (link->api->real_query_(link->conn, "COMMIT", 6) == 0)
        return true;
    code = link->api->errno_(link->conn);
    return mysql_refuse(sql, link,
                        code == 1205 || code == 1213 || code == 3101 ? EFF_WIRE_ANSWERED
                                                                     : EFF_WIRE_LOST);
}

/* The refused rows in order. A single row that was refused is the request. */
static bool
mysql_settle(struct eff_sql *sql, struct mysql_rows *rows)
{
    size_t count = 0;

    for (size_t i = 0; rows->refused != NULL && i < rows->request->rows; i++)
        if (rows->changed[i] < 0)
            rows->refused[count++] = rows->refused[i];
    if (count == 1 && rows->request->rows == 1)
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, rows->refused[0].sqlstate.ptr,
                              EFF_STR_FMT, EFF_STR_ARG(rows->refused[0].problem));
    sql->response.refused = rows->refused;
    sql->response.refused_count = count;
    return true;
}

static bool
mysql_write(struct eff_sql *sql, struct mysql_link *link, const struct eff_sql_request *request)
{
    struct mysql_rows rows = {.request = request};

    rows.changed = eff_sql_alloc(sql, sizeof(*rows.changed), request->rows);
    if (rows.changed == NULL || !mysql_do(sql, link, EFF_STR("START TRANSACTION")) ||
        !mysql_phase(sql, link, &rows, request->statement))
        return false;
    rows.second = true;
    if (request->otherwise.ptr != NULL && !mysql_phase(sql, link, &rows, request->otherwise))
        return false;
    if (!mysql_settle(sql, &rows) || !mysql_commit(sql, link))
        return false;
    sql->response.rows = request->rows;
    sql->response.changed = rows.changed;
    return true;
}

/* ---- queries ---- */

static bool
mysql_names(struct eff_sql *sql, const struct mysql_field *fields, size_t columns)
{
    eff_str *names = eff_sql_alloc(sql, sizeof(*names), columns + 1);

    for (size_t i = 0; names != NULL && i < columns; i++) {
        char *copy = eff_sql_alloc(sql, 1, fields[i].name_length + 1);

        if (copy == NULL)
            return false;
        memcpy(copy, fields[i].name, fields[i].name_length);
        names[i] = (eff_str){copy, fields[i].name_length};
    }
    sql->response.columns = columns;
    sql->response.names = names;
    return names != NULL;
}

static bool
mysql_cells(struct eff_sql *sql, struct mysql_link *link, void *result)
{
    const struct mysql_field *fields = link->api->fetch_fields_(result);
    size_t rows = (size_t)link->api->num_rows_(result),
           columns = link->api->field_count_(link->conn);
    struct eff_value *cells = eff_sql_alloc(sql, sizeof(*cells), rows * columns + 1);

    if (cells == NULL || !mysql_names(sql, fields, columns))
        return false;
    for (size_t row = 0; row < rows; row++) {
        char **texts = link->api->fetch_row_(result);
        const unsigned long *lengths = texts ? link->api->fetch_lengths_(result) : NULL;

        for (size_t i = 0; lengths != NULL && i < columns; i++)
            if (texts[i] != NULL &&
                !eff_mysql_cell(sql, &fields[i], (eff_str){texts[i], lengths[i]},
                                &cells[row * columns + i]))
                return false;
    }
    sql->response.rows = rows;
    sql->response.cells = cells;
    return true;
}

static bool
mysql_query(struct eff_sql *sql, struct mysql_link *link, const struct eff_sql_request *request)
{
    const struct mysql_piece *pieces = eff_mysql_pieces(sql, request->statement);
    void *result;
    bool good;

    if (pieces == NULL)
        return false;
    eff_buf_reset(&sql->text);
    eff_mysql_row(&sql->text, pieces, request->params);
    if (sql->text.full)
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "1153", "the query is too large");
    if (link->api->real_query_(link->conn, sql->text.ptr, sql->text.len) != 0)
        return mysql_refuse(sql, link, EFF_WIRE_ANSWERED);
    if (link->api->field_count_(link->conn) == 0)
        return true;
    result = link->api->store_result_(link->conn);
    if (result == NULL)
        return mysql_refuse(sql, link, EFF_WIRE_ANSWERED);
    good = mysql_cells(sql, link, result);
    link->api->free_result_(result);
    return good;
}

/* ---- the door ---- */

static bool
mysql_params_fit(struct eff_sql *sql, const struct eff_sql_request *request)
{
    size_t rows = request->rows ? request->rows : 1;

    return eff_mysql_check_values(sql, rows * request->columns, request->params);
}

void
eff_sql_mysql(struct eff_sql *sql, const struct eff_sql_request *request, int64_t deadline_ms)
{
    struct mysql_link *link = mysql_link(sql, request);

    if (!mysql_params_fit(sql, request))
        return;
    link->deadline_ms = deadline_ms;
    for (int tries = 0; tries < 2; tries++) {
        bool kept = link->conn != NULL;
        bool done, again;

        sql->response = (struct eff_response){.wire = EFF_WIRE_ANSWERED, .status = 200};
        if (!kept && !mysql_connect(sql, link))
            return;
        eff_mysql_stop_start(&link->stop);
        done =
            request->rows > 0 ? mysql_write(sql, link, request) : mysql_query(sql, link, request);
        eff_mysql_stop_end(&link->stop);
        again = !done && kept && link->lost && sql->response.wire == EFF_WIRE_ANSWERED &&
                sql->response.status == 503 && eff_moment_mono_ms() < deadline_ms;
        if (!done || link->lost)
            mysql_give_up(sql, link);
        if (!again)
            return;
    }
}
