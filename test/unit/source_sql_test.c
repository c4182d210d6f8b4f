/*
 * Goal: exactly one statement is let through, whatever hides semicolons; places
 * are told in lines and characters; columns have one name each;
 * a whole table is known as one, and nothing else is.
 * Method: tables of texts; every prefix of a text that has everything in it.
 * covers: C11, S11
 */
// links: base flow source
#include "source/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void
one_statement_is_found(void **state)
{
    static const char *const pairs[][2] = {
        {"SELECT 1", "SELECT 1"},
        {"SELECT 1;", "SELECT 1"},
        {"SELECT 1 ; ; -- x\n /* y */ ;\n", "SELECT 1 "},
        {"SELECT ';'", "SELECT ';'"},
        {"SELECT 'it''s;';", "SELECT 'it''s;'"},
        {"SELECT \";\"\";\";", "SELECT \";\"\";\""},
        {"SELECT E'\\';' ;", "SELECT E'\\';' "},
        {"SELECT e'\\';' ;", "SELECT e'\\';' "},
        {"SELECT '\\';", "SELECT '\\'"},
        {"SELECT namE'\\';", "SELECT namE'\\'"},
        {"SELECT $$;$$;", "SELECT $$;$$"},
        {"SELECT $a$;$$;$a$;", "SELECT $a$;$$;$a$"},
        {"SELECT $1;", "SELECT $1"},
        {"SELECT a$1;", "SELECT a$1"},
        {"SELECT 1 -- ;\n;", "SELECT 1 -- ;\n"},
        {"SELECT 1 /* ; /* ; */ ; */;", "SELECT 1 /* ; /* ; */ ; */"},
        {"-- first\nSELECT 1", "-- first\nSELECT 1"},
        {";SELECT 1", ";SELECT 1"}, // the server's to refuse
        {"SELECT 1 -- to the end", "SELECT 1 -- to the end"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct eff_err err = {0};
        eff_str one = {0};

        if (eff_sql_single(eff_str_of(pairs[i][0]), &one, &err) != EFF_OK)
            fail_msg("%s: %s", pairs[i][0], err.msg);
        if (!eff_str_is(one, pairs[i][1]))
            fail_msg("%s: got %.*s", pairs[i][0], (int)one.len, one.ptr);
    }
}

/* Anything that may change how many rows there are, or of what, is no whole table. */
static void
whole_tables_are_known(void **state)
{
    static const char *const tables[][2] = {
        {"SELECT * FROM t", "t"},
        {"select*from \"a b\".\"c\"\"d\" -- all", "\"a b\".\"c\"\"d\""},
        {"/* x */ SELECT *\nFROM /* y */ db . s.t\n", "db . s.t"},
        {"SELECT * FROM SELECTED", "SELECTED"},
    };
    static const char *const others[] = {
        "",
        "SELECT",
        "SELECT * FROM",
        "SELECT * FROM t x",
        "SELECT * FROM t WHERE a",
        "SELECT * FROM t LIMIT 1",
        "SELECT * FROM t, u",
        "SELECT * FROM t.",
        "SELECT * FROM t*",
        "SELECT * FROM f()",
        "SELECT * FROM (SELECT 1)",
        "SELECT * FROM ONLY t",
        "SELECT DISTINCT * FROM t",
        "SELECT t.n FROM t",
        "SELECT n FROM t",
        "SELECT *, 1 FROM t",
        "SELECT t.* FROM t",
        "SELECT * INTO t",
        "TABLE t",
        "WITH t AS (SELECT 1) SELECT * FROM t",
    };
    eff_str table;

    (void)state;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        assert_true(eff_sql_whole_table(eff_str_of(tables[i][0]), &table));
        if (!eff_str_is(table, tables[i][1]))
            fail_msg("%s: got %.*s", tables[i][0], (int)table.len, table.ptr);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (eff_sql_whole_table(eff_str_of(others[i]), &table))
            fail_msg("%s is no whole table", others[i]);
}

static void
another_lexis(void **state)
{
    static const char *const pairs[][2] = {
        {"SELECT 'it\\'s;';", "SELECT 'it\\'s;'"},
        {"SELECT '\\\\'; -- x", "SELECT '\\\\'"},
        {"SELECT 1 // it's ;\n;", "SELECT 1 // it's ;\n"},
        {"SELECT \"\\\"; // ;", "SELECT \"\\\""},
    };
    unsigned lexis = EFF_SQL_BACKSLASHES | EFF_SQL_SLASH_COMMENTS;
    struct eff_err err = {0};
    eff_str one = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (eff_sql_single_of(eff_str_of(pairs[i][0]), lexis, &one, &err) != EFF_OK)
            fail_msg("%s: %s", pairs[i][0], err.msg);
        if (!eff_str_is(one, pairs[i][1]))
            fail_msg("%s: got %.*s", pairs[i][0], (int)one.len, one.ptr);
    }
    assert_int_equal(eff_sql_single_of(EFF_STR("SELECT 'a\\\\'; DROP TABLE x"), lexis, &one, &err),
                     EFF_CONFIG);
    assert_int_equal(eff_sql_single_of(EFF_STR("SELECT 1 // x\n; SELECT 2"), lexis, &one, &err),
                     EFF_CONFIG);
}

static void
two_statements_and_none_are_refused(void **state)
{
    static const char *const two[] = {"SELECT 1; SELECT 2", "SELECT 1;\n\nDROP TABLE x",
                                      "SELECT '\\'; DROP TABLE x; --'", "SELECT 1;;x",
                                      "SELECT $1;$1 SELECT 2"};
    static const char *const none[] = {"", " ", ";", "-- x", "/* x */ ; /* y"};
    struct eff_err err = {0};
    eff_str one;

    (void)state;
    for (size_t i = 0; i < sizeof(two) / sizeof(two[0]); i++) {
        assert_int_equal(eff_sql_single(eff_str_of(two[i]), &one, &err), EFF_CONFIG);
        assert_non_null(strstr(err.msg, "second statement"));
    }
    assert_int_equal(eff_sql_single(eff_str_of(two[1]), &one, &err), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "(line 3, column 1 of"));
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(eff_sql_single(eff_str_of(none[i]), &one, &err), EFF_CONFIG);
        assert_non_null(strstr(err.msg, "empty"));
    }
}

/* Cut anywhere, nothing is read beyond the end (the sanitizer watches the exact allocation). */
static void
every_prefix_is_safe(void **state)
{
    static const char text[] =
        "SELECT E'\\'', $tag$ x $tag$, \"a\"\"b\" /* /* */ */ -- z\n FROM t;";

    (void)state;
    for (size_t len = 0; len < sizeof(text); len++) {
        char *copy = malloc(len + (len == 0));
        struct eff_err err = {0};
        eff_str one = {0};

        memcpy(copy, text, len);
        eff_sql_single((eff_str){copy, len}, &one, &err);
        assert_true(one.len <= len);
        free(copy);
    }
}

static void
places_count_characters(void **state)
{
    eff_str sql = EFF_STR("a\n\xc3\xa4\xc3\xb6"
                          "b\n");
    static const struct {
        size_t offset;
        int line, column;
    } places[] = {{0, 1, 1}, {1, 1, 2}, {2, 2, 1}, {4, 2, 2},
                  {6, 2, 3}, {7, 2, 4}, {8, 3, 1}, {99, 3, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int line, column;

        eff_sql_position(sql, places[i].offset, &line, &column);
        assert_int_equal(line, places[i].line);
        assert_int_equal(column, places[i].column);
    }
}

static void
column_names_are_checked(void **state)
{
    const struct eff_column good[] = {{.name = EFF_STR("a")}, {.name = EFF_STR("A")}};
    const struct eff_column twice[] = {
        {.name = EFF_STR("x")}, {.name = EFF_STR("a\nb")}, {.name = EFF_STR("a\nb")}};
    const struct eff_column unnamed[] = {{.name = EFF_STR("x")}, {.name = EFF_STR("")}};
    struct eff_err err = {0};

    (void)state;
    assert_int_equal(eff_sql_check_columns(&(struct eff_columns){2, good}, &err), EFF_OK);
    assert_int_equal(eff_sql_check_columns(&(struct eff_columns){3, twice}, &err), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "columns 2 and 3"));
    assert_null(strchr(err.msg, '\n'));
    assert_int_equal(eff_sql_check_columns(&(struct eff_columns){2, unnamed}, &err), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "column 2"));
}

static void
tables_are_quoted(void **state)
{
    static const char *const pairs[][2] = {
        {"t", "SELECT * FROM \"t\""},
        {"s.t", "SELECT * FROM \"s\".\"t\""},
        {"d.s.t", "SELECT * FROM \"d\".\"s\".\"t\""},
        {"S.\"a.b\"", "SELECT * FROM \"S\".\"a.b\""},
        {"\"a\"\"b\".c", "SELECT * FROM \"a\"\"b\".\"c\""},
        {"t; DROP TABLE x", "SELECT * FROM \"t; DROP TABLE x\""},
        {"a\"b", "SELECT * FROM \"a\"\"b\""},
    };
    struct eff_arena arena;

    (void)state;
    eff_arena_init(&arena, "test", (size_t)1 << 20);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        eff_str sql = eff_sql_table(eff_str_of(pairs[i][0]), &arena);

        if (!eff_str_is(sql, pairs[i][1]))
            fail_msg("%s: got %.*s", pairs[i][0], (int)sql.len, sql.ptr);
    }
    eff_arena_deinit(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_statement_is_found),
        cmocka_unit_test(whole_tables_are_known),
        cmocka_unit_test(another_lexis),
        cmocka_unit_test(two_statements_and_none_are_refused),
        cmocka_unit_test(every_prefix_is_safe),
        cmocka_unit_test(places_count_characters),
        cmocka_unit_test(column_names_are_checked),
        cmocka_unit_test(tables_are_quoted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
