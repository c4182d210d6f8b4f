/*
 * os/sql: carries out SQL requests against SQLite, PostgreSQL and MySQL.
 *
 * One request is one transaction: all of it or nothing. The connection stays
 * open between requests of the same connect string. What the answer says:
 * - ANSWERED 200: committed; `changed` has one number per row; rows that were refused, be it
 *   all of several, are listed in `refused`, and the others are in.
 * - ANSWERED 400: the database refused it (no such column, a request's single row): rolled back.
 * - ANSWERED 503: busy, disk full, connection lost, timed out: rolled back.
 * - NOT_SENT: the database could not be reached or opened.
 * - LOST: the COMMIT left and no answer came: it may have been applied.
 */
#ifndef EFF_OS_SQL_H
#define EFF_OS_SQL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "flow/request.h"

struct sqlite3_link;
struct postgres_link;
struct mysql_link;

struct eff_sql {
    struct eff_arena *process; /* connections' structs */
    bool (*go_on)(void);       /* false: the user asked to stop; NULL: nobody can */
    int64_t asked_ms;          /* mono, when that was seen first; 0: not yet */
    struct eff_arena answer;   /* of the present answer */
    struct eff_buf text;       /* scratch of one row's parameters */
    struct eff_response response;
    char problem[sizeof((struct eff_err){0}.msg)];
    char sqlstate[8];
    struct sqlite3_link *sqlite;
    struct postgres_link *postgres;
    struct mysql_link *mysql;
};

void eff_sql_init(struct eff_sql *sql, struct eff_arena *process);
void eff_sql_deinit(struct eff_sql *sql);
/* Blocks until it is done or timeout_ms (0: 60,000) are over. The answer lives until the next call. */
const struct eff_response *eff_sql_execute(struct eff_sql *sql,
                                           const struct eff_sql_request *request,
                                           int64_t timeout_ms);

/* For the dialects: write the answer. Each returns false, so that it can end a function. */
bool eff_sql_refuse(struct eff_sql *sql, enum eff_wire wire, int status, const char *sqlstate,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));
/*
 * Must what is under way end now, because the user asked to stop? It has half a second to end by
 * itself, so that what is nearly done is done. A COMMIT is never ended.
 */
bool eff_sql_must_stop(struct eff_sql *sql);
/* NULL when the answer became too large: then it was refused. */
void *eff_sql_alloc(struct eff_sql *sql, size_t size, size_t count);

void eff_sql_sqlite(struct eff_sql *sql, const struct eff_sql_request *request,
                    int64_t deadline_ms);
void eff_sql_sqlite_close(struct eff_sql *sql);
void eff_sql_postgres(struct eff_sql *sql, const struct eff_sql_request *request,
                      int64_t deadline_ms);
void eff_sql_postgres_close(struct eff_sql *sql);
/* One text of a result, by the oid of its type. False: the answer is too large. */
bool eff_sql_postgres_cell(struct eff_sql *sql, unsigned type, eff_str text,
                           struct eff_value *ret_value);
void eff_sql_mysql(struct eff_sql *sql, const struct eff_sql_request *request, int64_t deadline_ms);
void eff_sql_mysql_close(struct eff_sql *sql);
/* A date, time of day or moment as ISO text (UTC). False: not one (infinity, BC, 0000-00-00). */
bool eff_sql_time_cell(enum eff_kind kind, eff_str text, struct eff_value *ret_value);

#endif
