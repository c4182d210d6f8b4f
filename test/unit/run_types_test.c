// links: base flow os conf state source batch diff plan dest deliver record run testlib assets
/*
 * Goal: a column that has another type than before is told with the rows that change by that alone,
 * and no others; a key column that has one stops the sync, where its values tell, too; types that
 * are one and the same as values stop and tell nothing.
 * Method: runs between a model and a destination in memory, whose columns have other types the
 * second time.
 * covers: C8, C10
 */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/nosync.h"

#include <cmocka.h>

#include "lib/inworld.h"

static struct eff_value
text(const char *s)
{
    return eff_value_of_str(EFF_TEXT, eff_str_of(s));
}

static struct eff_value
decimal(const char *s)
{
    return eff_value_of_str(EFF_DECIMAL, eff_str_of(s));
}

static void
sql(const char *statement)
{
    const char *path = eff_str_printf(&w.process, "%s/state/control.db", w.folder).ptr;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_changes(db), 1);
    sqlite3_close(db);
}

static void
deliver_untold(void)
{
    struct eff_report report = runworld_run(&w, NULL);

    if (report.status != EFF_STATUS_OK)
        fail_msg(EFF_STR_FMT, EFF_STR_ARG(report.problems[0].message));
    assert_null(runworld_problem(&report, "EFF2127"));
}

/* ---- columns ---- */

static void
column(size_t at, enum eff_kind kind, const char *type)
{
    w.columns[at].kind = kind;
    w.columns[at].type_name = eff_str_of(type);
}

/* As text: the first row as it was, the second no number, the third another number. */
static void
as_text(struct runworld *world, int64_t id, struct eff_value *cells)
{
    static const char *const values[] = {"", "1", "one", "7", "1"};

    (void)world;
    cells[2] = text(values[id]);
}

static void
three_rows(void)
{
    for (int i = 1; i <= 3; i++)
        w.model[i] = 1;
    runworld_column(&w, "a", eff_value_of_int(EFF_INT, 1));
    runworld_column(&w, "b", eff_value_of_int(EFF_INT, 2));
    column(2, EFF_INT, "int8");
    column(3, EFF_INT, "int8");
    deliver_untold();
}

static void
test_rows_that_change_by_their_type_alone(void **state)
{
    struct eff_report report;

    (void)state;
    three_rows();
    column(2, EFF_TEXT, "varchar");
    column(3, EFF_TEXT, "text");
    w.row = as_text;
    w.cells[3] = text("2");
    w.model[4] = 1; // a new one does not change
    report = runworld_run(&w, NULL);
    assert_int_equal(report.delivered, 4);
    expect_problem(&report, "EFF2127", 1,
                   "column a was int8 and is varchar, column b was int8 and is text");
    deliver_untold();
}

/* The rows that were delivered had one column less: they are compared by those they had. */
static void
test_a_new_column_beside_it(void **state)
{
    struct eff_report report;

    (void)state;
    three_rows();
    column(2, EFF_TEXT, "varchar");
    w.row = as_text;
    runworld_column(&w, "new", text("n"));
    report = runworld_run(&w, NULL);
    assert_int_equal(report.delivered, 3);
    expect_problem(&report, "EFF2127", 1, "column a was int8 and is varchar");
}

/* By a later version: then nobody can say which rows change by that alone. */
static void
test_a_type_that_is_not_known(void **state)
{
    struct eff_report report;

    (void)state;
    three_rows();
    sql("UPDATE sync SET identity = replace(identity, '\"a\":[\"integer\"', '\"a\":[\"odd\"')");
    w.model[1] = 9;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.delivered, 1);
    expect_problem(&report, "EFF2127", 0, "column a was int8 and is int8");
}

/* 5 and 5.0 are one number, in keys as in fields. */
static void
whole_decimals(struct runworld *world, int64_t id, struct eff_value *cells)
{
    static const char *const values[] = {"0", "1", "2", "3"};

    (void)world;
    cells[0] = decimal(values[id]);
}

static void
test_numbers_are_numbers(void **state)
{
    struct eff_report report;

    (void)state;
    three_rows();
    column(0, EFF_DECIMAL, "numeric");
    column(3, EFF_DECIMAL, "numeric");
    w.row = whole_decimals;
    w.cells[3] = decimal("2");
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.unchanged, 3);
    assert_null(runworld_problem(&report, "EFF2127"));
}

/* ---- keys of which the source tells no type ---- */

static struct eff_value parts[4];

static void
part(struct runworld *world, int64_t id, struct eff_value *cells)
{
    (void)world;
    cells[2] = parts[id];
}

static void
two_keys(void)
{
    static const eff_str key[] = {EFF_STR("id"), EFF_STR("part")};

    w.sync.key = key;
    w.sync.key_count = 2;
    w.columns[w.columns_count++] = (struct eff_column){.name = EFF_STR("part")};
    w.row = part;
    for (int i = 1; i <= 3; i++) {
        w.model[i] = 1;
        parts[i] = decimal("5");
    }
    deliver_untold();
}

static void
test_values_tell_the_type_of_a_key(void **state)
{
    struct eff_report report;

    (void)state;
    two_keys();
    for (int i = 1; i <= 3; i++)
        parts[i] = eff_value_of_int(EFF_INT, 5); // a decimal or not: it is the same key
    assert_int_equal(runworld_run(&w, NULL).unchanged, 3);
    for (int i = 1; i <= 3; i++)
        parts[i] = text("5");
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_true(eff_str_starts(report.problems[0].message,
                               EFF_STR("the key column part is text now and was integer")));
    assert_int_equal(w.applied, 3);
}

/* Of several types at once it can only be said that nothing is known. */
static void
test_keys_of_several_types(void **state)
{
    struct eff_report report;

    (void)state;
    two_keys();
    parts[3] = text("5");
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.unchanged, 2);
    assert_int_equal(report.added, 1);
    parts[3] = decimal("5"); // what it was before is still known
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    for (int i = 1; i <= 3; i++)
        parts[i] = text("5");
    report = runworld_run(&w, NULL);
    assert_true(eff_str_starts(report.problems[0].message,
                               EFF_STR("the key column part is text now and was integer")));
}

static void
begins(void)
{
    column(0, EFF_INT, "int8");
    column(1, EFF_INT, "int8");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_rows_that_change_by_their_type_alone),
        IN_WORLD(test_a_new_column_beside_it),
        IN_WORLD(test_a_type_that_is_not_known),
        IN_WORLD(test_numbers_are_numbers),
        IN_WORLD(test_values_tell_the_type_of_a_key),
        IN_WORLD(test_keys_of_several_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
