/*
 * os/sql: what the dialects share: the answer, its memory, and times in it.
 */
#include "os/sql.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "os/moment.h"

#define SQL_TIMEOUT_MS 60000
#define SQL_STOP_MS    500
/* A describe or a read of some hundred records; a database is not read through here. */
#define SQL_ANSWER_MAX ((size_t)256 << 20)

void
eff_sql_init(struct eff_sql *sql, struct eff_arena *process)
{
    *sql = (struct eff_sql){.process = process};
}

void
eff_sql_deinit(struct eff_sql *sql)
{
    eff_sql_sqlite_close(sql);
    eff_sql_postgres_close(sql);
    eff_sql_mysql_close(sql);
    eff_buf_free(&sql->text);
    eff_arena_deinit(&sql->answer);
}

bool
eff_sql_refuse(struct eff_sql *sql, enum eff_wire wire, int status, const char *sqlstate,
               const char *format, ...)
{
    char raw[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(raw, sizeof(raw), format, args);
    va_end(args);
    eff_str_print_to(sql->problem, sizeof(sql->problem), eff_str_trim(eff_str_of(raw)));
    snprintf(sql->sqlstate, sizeof(sql->sqlstate), "%s", sqlstate ? sqlstate : "");
    sql->response = (struct eff_response){.wire = wire,
                                          .status = status,
                                          .problem = eff_str_of(sql->problem),
                                          .sqlstate = eff_str_of(sql->sqlstate)};
    return false;
}

bool
eff_sql_must_stop(struct eff_sql *sql)
{
    int64_t now_ms;

    if (sql->go_on == NULL || sql->go_on())
        return false;
    now_ms = eff_moment_mono_ms();
    if (sql->asked_ms == 0)
        sql->asked_ms = now_ms;
    return now_ms - sql->asked_ms >= SQL_STOP_MS;
}

void *
eff_sql_alloc(struct eff_sql *sql, size_t size, size_t count)
{
    void *ptr = eff_arena_try(&sql->answer, size, alignof(max_align_t), count);

    if (ptr == NULL)
        eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "", "the answer is larger than %zu MiB",
                       SQL_ANSWER_MAX >> 20);
    return ptr;
}

bool
eff_sql_time_cell(enum eff_kind kind, eff_str text, struct eff_value *ret_value)
{
    struct eff_civil civil;
    char whole[64];

    if (kind == EFF_TIME) { // "12:30:00.5": as a moment of the first day; 24:00:00 stays a text
        int len = snprintf(whole, sizeof(whole), "1970-01-01 " EFF_STR_FMT, EFF_STR_ARG(text));

        if (len >= (int)sizeof(whole))
            return false;
        text = (eff_str){whole, (size_t)len};
    }
    if (!eff_time_parse(text, &civil))
        return false;
    *ret_value = eff_value_of_int(
        kind, kind == EFF_DATE ? eff_days_from_civil(civil.year, civil.month, civil.day)
                               : eff_micros_from_civil(&civil));
    return true;
}

const struct eff_response *
eff_sql_execute(struct eff_sql *sql, const struct eff_sql_request *request, int64_t timeout_ms)
{
    int64_t began_ms = eff_moment_mono_ms();
    int64_t deadline_ms = began_ms + (timeout_ms > 0 ? timeout_ms : SQL_TIMEOUT_MS);

    if (sql->answer.base == NULL)
        eff_arena_init(&sql->answer, "SQL answer", SQL_ANSWER_MAX);
    eff_arena_reset(&sql->answer);
    sql->response = (struct eff_response){.wire = EFF_WIRE_ANSWERED, .status = 200};
    if (request->dialect == EFF_SQL_SQLITE)
        eff_sql_sqlite(sql, request, deadline_ms);
    else if (request->dialect == EFF_SQL_POSTGRES)
        eff_sql_postgres(sql, request, deadline_ms);
    else
        eff_sql_mysql(sql, request, deadline_ms);
    sql->response.took_ms = eff_moment_mono_ms() - began_ms;
    sql->response.now_wall_ms = eff_moment_wall_ms();
    return &sql->response;
}
