/*
 * Goal: no value can end its literal, no address is misread, and every kind of cell comes back
 * as what it is. Method: the pure parts, without a server; test/scenario/mysql.sh has one.
 */
// links: os flow base
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "os/sql_mysql.h"

static struct eff_arena process;
static struct eff_sql sql;

static int
setup(void **state)
{
    (void)state;
    process = (struct eff_arena){0};
    eff_arena_init(&process, "test", (size_t)16 << 20);
    eff_sql_init(&sql, &process);
    eff_arena_init(&sql.answer, "answer", (size_t)16 << 20);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    eff_sql_deinit(&sql);
    eff_arena_deinit(&process);
    return 0;
}

static void
assert_place(const char *url, const char *wanted)
{
    struct mysql_place place;
    const char *wrong = eff_mysql_place(eff_str_of(url), &process, &place);
    char found[512];

#define OR_DASH(text) ((text) ? (text) : "-")
    if (wrong != NULL)
        snprintf(found, sizeof(found), "%s", wrong);
    else
        snprintf(found, sizeof(found), "%s %s %s %u %s %s %s %s", OR_DASH(place.user),
                 OR_DASH(place.password), OR_DASH(place.host), place.port, place.database,
                 OR_DASH(place.socket), OR_DASH(place.ca),
                 !place.tls     ? "plain"
                 : place.verify ? "verified"
                                : "encrypted");
    assert_string_equal(found, wanted);
}

static void
test_places(void **state)
{
    (void)state;
    assert_place("mysql://u:p@db.example:3307/crm", "u p db.example 3307 crm - - verified");
    assert_place("mariadb://u@db.example/crm?tls=require", "u - db.example 0 crm - - encrypted");
    assert_place("mysql://u:a@b:c%2fd%25@h/x", "u a@b:c/d% h 0 x - - verified");
    assert_place("mysql://u@127.0.0.1/x", "u - 127.0.0.1 0 x - - plain");
    assert_place("mysql://u@[::1]:3306/x", "u - ::1 3306 x - - plain");
    assert_place("mysql://u@localhost/x?socket=/run/my%20sql/s&tls=verify&ca=/etc/ca.pem",
                 "u - localhost 0 x /run/my sql/s /etc/ca.pem verified");
    assert_place("mysql:///x", "- - - 0 x - - plain");
    assert_place("mysql://u@h", "it names no database: mysql://user:password@host/database");
    assert_place("postgres://u@h/x", "it has to begin with mysql://");
    assert_place("mysql://u@h:0/x", "the port is a number from 1 to 65535");
    assert_place("mysql://u@h:66000/x", "the port is a number from 1 to 65535");
    assert_place("mysql://u@[::1]3306/x", "behind the bracket comes a colon and the port");
    assert_place("mysql://u@h/x?tls=maybe", "tls is verify, require or off");
    assert_place("mysql://u@h/x?init_command=drop",
                 "it knows tls, ca and socket behind the question mark, and nothing else");
    assert_place("mysql://u%0@h/x", "a % in it is not followed by two hexadecimal digits");
    assert_place("mysql://u%00@h/x", "a % in it is not followed by two hexadecimal digits");
}

static void
assert_statement(const char *statement, const struct eff_value *values, const char *wanted)
{
    struct eff_buf buf = {0};

    eff_mysql_row(&buf, eff_mysql_pieces(&sql, eff_str_of(statement)), values);
    eff_buf_add_char(&buf, '\0');
    assert_string_equal(buf.ptr, wanted);
    eff_buf_free(&buf);
}

static void
test_literals(void **state)
{
    const struct eff_value values[] = {
        eff_value_of_str(EFF_TEXT, EFF_STR("it''s '; DROP TABLE t; -- \"")),
        eff_value_of_str(EFF_TEXT, EFF_STR("\\' OR 1")),
        eff_value_of_str(EFF_TEXT, EFF_STR("a\0b")),
        eff_value_of_str(EFF_BYTES, EFF_STR("\xde\xad'\\")),
        eff_value_of_int(EFF_INT, INT64_MIN),
        eff_value_of_int(EFF_BOOL, 1),
        eff_value_of_float(1e308),
        eff_value_of_int(EFF_INSTANT, 1000001),
        eff_value_of_int(EFF_DATE, 0),
        eff_value_of_int(EFF_TIME, 1),
        {.kind = EFF_NULL},
        eff_value_of_str(EFF_TEXT, EFF_STR_NONE),
    };

    (void)state;
    assert_statement("f(?1, ?2, ?3)", values,
                     "f('it''''s ''; DROP TABLE t; -- \"', _utf8mb4 X'5c27204f522031', "
                     "_utf8mb4 X'610062')");
    assert_statement("?4,?5,?6,?7", values, "X'dead275c','-9223372036854775808',1,'1e+308'");
    assert_statement("?8|?9|?10|?11|?12", values,
                     "'1970-01-01 00:00:01.000001'|'1970-01-01'|'00:00:00.000001'|NULL|''");
    assert_statement("SET \"a?1\" = ?6 WHERE \"b\"\"?2\" = ?5 AND 'c?3' = ?5", values,
                     "SET \"a?1\" = 1 WHERE \"b\"\"?2\" = '-9223372036854775808' AND 'c?3' = "
                     "'-9223372036854775808'");
    assert_statement("no parameter", values, "no parameter");
}

static void
test_values_that_cannot_be(void **state)
{
    const struct eff_value bad[] = {eff_value_of_str(EFF_TEXT, EFF_STR("\xff")),
                                    eff_value_of_float((double)INFINITY),
                                    eff_value_of_str(EFF_BAD, EFF_STR("why"))};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(eff_mysql_check_values(&sql, 1, &bad[i]));
        assert_int_equal(sql.response.status, 400);
    }
}

static void
assert_cell(int type, unsigned charset, const char *text, enum eff_kind kind, const char *wanted)
{
    const struct mysql_field field = {.type = type, .charset = charset};
    struct eff_buf buf = {0};
    struct eff_value value = {0};

    assert_true(eff_mysql_cell(&sql, &field, eff_str_of(text), &value));
    assert_int_equal(value.kind, kind);
    eff_value_text(&buf, &value);
    eff_buf_add_char(&buf, '\0');
    assert_string_equal(buf.ptr, wanted);
    eff_buf_free(&buf);
}

static void
test_cells(void **state)
{
    (void)state;
    assert_cell(MYSQL_LONGLONG, 63, "-9223372036854775808", EFF_INT, "-9223372036854775808");
    assert_cell(MYSQL_LONGLONG, 63, "18446744073709551615", EFF_DECIMAL, "18446744073709551615");
    assert_cell(MYSQL_DECIMAL, 63, "12", EFF_DECIMAL, "12");
    assert_cell(MYSQL_DOUBLE, 63, "1e308", EFF_DECIMAL, "1e308");
    assert_cell(MYSQL_DATE, 63, "2024-02-29", EFF_DATE, "2024-02-29");
    assert_cell(MYSQL_DATE, 63, "0000-00-00", EFF_TEXT, "0000-00-00");
    assert_cell(MYSQL_TIME, 63, "12:34:56.5", EFF_TIME, "12:34:56.5");
    assert_cell(MYSQL_TIME, 63, "838:59:59", EFF_TEXT, "838:59:59");
    assert_cell(MYSQL_DATETIME, 63, "2024-02-29 01:02:03", EFF_DATETIME, "2024-02-29T01:02:03");
    assert_cell(MYSQL_TIMESTAMP, 63, "2024-02-29 01:02:03", EFF_INSTANT, "2024-02-29T01:02:03Z");
    assert_cell(MYSQL_JSON, 63, "{}", EFF_JSON, "{}");
    assert_cell(253, 45, "text", EFF_TEXT, "text");
    assert_cell(253, 63, "abc", EFF_BYTES, "YWJj");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_literals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values_that_cannot_be, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cells, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
