/*
 * lib/sqlask: SQL requests through the real world, for tests of both dialects.
 */
#ifndef EFF_TEST_SQLASK_H
#define EFF_TEST_SQLASK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/pg.h"
#include "os/os.h"

static struct eff_arena process;
static struct eff_os *os;
static struct eff_err err;
static struct eff_sql_request place; /* dialect and connect string of the present test */

static inline const struct eff_response *
ask(const struct eff_sql_request *sql, int64_t timeout_ms)
{
    static struct eff_request request;
    const struct eff_response *response = NULL;

    request = (struct eff_request){
        .kind = EFF_REQUEST_SQL, .writes = sql->rows > 0, .timeout_ms = timeout_ms, .sql = *sql};
    os->submit(os->self, 1, &request);
    assert_int_equal(os->next(os->self, os->mono_ms(os->self), &response), 1);
    assert_non_null(response);
    return response;
}

/* "INSERT INTO t VALUES (@1, @2)": @ stands for the dialect's sign of a parameter. */
static inline eff_str
dialect_text(const char *text)
{
    static char texts[4][4096];
    static unsigned turn;
    char *at = texts[turn++ % 4], *to = at;

    for (; *text; text++)
        *to++ = *text != '@' ? *text : place.dialect == EFF_SQL_SQLITE ? '?' : '$';
    *to = '\0';
    return eff_str_of(at);
}

static inline const struct eff_response *
write_rows(const char *statement, const char *otherwise, size_t rows, size_t columns,
           const struct eff_value *params)
{
    struct eff_sql_request sql = place;

    sql.statement = dialect_text(statement);
    sql.otherwise = otherwise ? dialect_text(otherwise) : EFF_STR_NONE;
    sql.rows = rows;
    sql.columns = columns;
    sql.params = params;
    return ask(&sql, 20000);
}

static inline const struct eff_response *
query(const char *statement)
{
    struct eff_sql_request sql = place;

    sql.statement = dialect_text(statement);
    return ask(&sql, 20000);
}

/* The result of a query with one column, values joined by commas; NULL is "-". */
static inline const char *
fetch(const char *statement)
{
    static char text[65536];
    const struct eff_response *response = query(statement);
    struct eff_buf buf = {0};

    if (response->wire != EFF_WIRE_ANSWERED || response->status != 200)
        fail_msg("%s: " EFF_STR_FMT, statement, EFF_STR_ARG(response->problem));
    for (size_t i = 0; i < response->rows * response->columns; i++) {
        if (i > 0)
            eff_buf_add_char(&buf, ',');
        if (response->cells[i].kind == EFF_NULL)
            eff_buf_add_char(&buf, '-');
        else
            eff_value_text(&buf, &response->cells[i]);
    }
    snprintf(text, sizeof(text), "%.*s", (int)buf.len, buf.ptr ? buf.ptr : "");
    eff_buf_free(&buf);
    return text;
}

static inline struct eff_value
text_value(const char *text)
{
    return eff_value_of_str(EFF_TEXT, eff_str_of(text));
}

static inline struct eff_value
int_value(int64_t value)
{
    return eff_value_of_int(EFF_INT, value);
}

#endif
