// links: base flow os conf state testlib
/*
 * Goal: a state is only ever made where there can be none yet, and nothing else is taken for one;
 * what it remembers of removed and forgotten rows is what was settled, and nothing half.
 * Method: a real control file in folders of all kinds; rows that are removed, forgotten and
 * refused, some of them in a transaction that fails.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <cmocka.h>

#include <sqlite3.h>

#include "lib/testos.h"
#include "state/control.h"

#define DAY_MS ((int64_t)86400000)

static struct testos world;
static char *folder;
static struct eff_arena arena;
static struct eff_err err;
static struct eff_control *control;

static int
set_up(void **state)
{
    (void)state;
    folder = testos_folder();
    testos_init(&world, 1);
    eff_arena_init(&arena, "test", (size_t)4 << 20);
    err = (struct eff_err){0};
    control = NULL;
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    eff_control_close(control);
    testos_remove(folder);
    free(folder);
    eff_arena_deinit(&arena);
    return 0;
}

static const char *
below(const char *name)
{
    return eff_str_printf(&arena, "%s/%s", folder, name).ptr;
}

static enum eff_fault
open_at(const char *path, bool must_exist)
{
    eff_control_close(control);
    err = (struct eff_err){0};
    return eff_control_open(&world.os, path, must_exist, false, &arena, &control, &err);
}

static void
put(const char *path, const char *bytes)
{
    assert_int_equal(eff_os_replace_file(&world.os, path, eff_str_of(bytes), &err), EFF_OK);
}

static void
script(const char *path, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void
no_other_folder_becomes_a_state(void **state)
{
    (void)state;
    assert_int_equal(open_at(below("not mounted"), true), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "does not exist"));
    assert_int_equal(open_at(folder, true), EFF_CONFIG); /* it is empty: the mount is missing */
    assert_non_null(strstr(err.msg, "it has no control.db"));
    put(below("thesis.txt"), "years of work");
    assert_int_equal(open_at(folder, false), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "it has no control.db"));
    assert_false(world.os.exists(world.os.self, below("control.db")));
}

static void
no_other_file_is_taken_for_one(void **state)
{
    eff_str before, after;

    (void)state;
    script(below("control.db"), "CREATE TABLE mine (a); INSERT INTO mine VALUES (1)");
    assert_int_equal(
        eff_os_read_file(&world.os, below("control.db"), 1 << 20, &arena, &before, &err), EFF_OK);
    assert_int_equal(open_at(folder, false), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "is not a state of efferent"));
    assert_int_equal(
        eff_os_read_file(&world.os, below("control.db"), 1 << 20, &arena, &after, &err), EFF_OK);
    assert_true(eff_str_eq(before, after));
    put(below("control.db"), "no database at all, but longer than the head of a file of SQLite's, "
                             "so that it is looked at and not taken for an empty one");
    assert_int_equal(open_at(folder, false), EFF_BROKEN);
    assert_non_null(strstr(err.msg, "is damaged"));
    assert_non_null(strstr(err.hint, "backup"));
}

/* They mean something in the URI that SQLite gets. */
static void
any_name_of_a_folder_will_do(void **state)
{
    const char *path = below("50%25 ?of #all");

    (void)state;
    assert_int_equal(open_at(path, false), EFF_OK);
    assert_true(world.os.exists(world.os.self, eff_str_printf(&arena, "%s/control.db", path).ptr));
    assert_int_equal(open_at(path, true), EFF_OK);
}

static void
removals_that_were_applied_are_counted(void **state)
{
    struct eff_item items[3] = {{.key = {1, 1}}, {.key = {2, 2}}, {.key = {3, 3}}};
    struct eff_delivery d = {.op = EFF_OP_DELETE, .count = 3, .items = items};
    const eff_str a = EFF_STR("a"), b = EFF_STR("b");
    uint64_t number;

    (void)state;
    assert_int_equal(open_at(folder, false), EFF_OK);
    items[0].verdict.outcome = items[1].verdict.outcome = EFF_APPLIED;
    items[2].verdict.outcome = EFF_MAYBE_APPLIED;
    assert_int_equal(eff_control_incarnate(control, a, &d, DAY_MS, &err), EFF_OK);
    d.count = 1;
    assert_int_equal(eff_control_incarnate(control, a, &d, 2 * DAY_MS, &err), EFF_OK);
    for (uint64_t i = 0; i < 3; i++) {
        static const uint64_t expected[] = {2, 1, 0};

        assert_int_equal(eff_control_incarnation(control, a, items[i].key, &number, &err), EFF_OK);
        assert_int_equal(number, expected[i]);
    }
    assert_int_equal(eff_control_incarnation(control, b, items[0].key, &number, &err), EFF_OK);
    assert_int_equal(number, 0);
    /* After 30 days no provider keeps the keys: the second row's is forgotten. */
    assert_int_equal(eff_control_incarnate(control, a, &d, 32 * DAY_MS, &err), EFF_OK);
    assert_int_equal(eff_control_incarnation(control, a, items[1].key, &number, &err), EFF_OK);
    assert_int_equal(number, 0);
    assert_int_equal(eff_control_incarnation(control, a, items[0].key, &number, &err), EFF_OK);
    assert_int_equal(number, 3);
    assert_int_equal(eff_control_incarnation(NULL, a, items[0].key, &number, &err), EFF_OK);
    assert_int_equal(number, 0);
}

static struct eff_ledger_row
ledger_row(uint64_t n)
{
    return (struct eff_ledger_row){.key = {n, n},
                                   .state = EFF_LEDGER_REJECTED,
                                   .key_json = EFF_STR("{\"id\":1}"),
                                   .rows = 1,
                                   .op = EFF_OP_UPSERT,
                                   .code = EFF_STR("NO"),
                                   .message = EFF_STR("no"),
                                   .fault = EFF_ROW,
                                   .last_ms = (int64_t)n,
                                   .tries = 1,
                                   .run = EFF_STR("01")};
}

static bool
count_two(void *self, const struct eff_ledger_row *row)
{
    assert_true(row->key.hi == ++*(uint64_t *)self); /* oldest first */
    return *(uint64_t *)self < 2;
}

static void
what_is_forgotten_is_in_no_table(void **state)
{
    const struct eff_hash128 keys[] = {{9, 1}, {2, 2}, {5, 0}};
    const eff_str a = EFF_STR("a");
    struct eff_ledger_row row;
    struct eff_hash128 *found;
    uint64_t seen = 0;
    size_t count;
    bool there;

    (void)state;
    assert_int_equal(open_at(folder, false), EFF_OK);
    for (uint64_t n = 1; n <= 3; n++) {
        row = ledger_row(n);
        assert_int_equal(eff_control_ledger_put(control, a, &row, true, &err), EFF_OK);
    }
    assert_int_equal(eff_control_ledger_each(control, a, 0, &arena, count_two, &seen, &err),
                     EFF_OK);
    assert_int_equal(seen, 2); /* it stopped when it was told to */
    for (int again = 0; again < 2; again++)
        assert_int_equal(eff_control_forget(control, a, keys, 3, 77, &err), EFF_OK);
    assert_int_equal(eff_control_ledger_get(control, a, keys[1], &arena, &there, &row, &err),
                     EFF_OK);
    assert_false(there);
    assert_int_equal(
        eff_control_ledger_get(control, a, (struct eff_hash128){3, 3}, &arena, &there, &row, &err),
        EFF_OK);
    assert_true(there);
    assert_int_equal(eff_control_forgotten(control, a, &arena, &count, &found, &err), EFF_OK);
    assert_int_equal(count, 3);
    for (size_t i = 1; i < count; i++)
        assert_true(eff_hash128_cmp(found[i - 1], found[i]) < 0);
    assert_int_equal(eff_control_forgotten(control, EFF_STR("b"), &arena, &count, &found, &err),
                     EFF_OK);
    assert_int_equal(count, 0);
    assert_int_equal(eff_control_forgotten(NULL, a, &arena, &count, &found, &err), EFF_OK);
    assert_int_equal(count, 0);
}

static void
a_transaction_that_fails_leaves_nothing(void **state)
{
    const eff_str a = EFF_STR("a");
    struct eff_ledger_row row = ledger_row(1);
    bool there;

    (void)state;
    assert_int_equal(open_at(folder, false), EFF_OK);
    assert_int_equal(eff_control_ledger_begin(control, &err), EFF_OK);
    assert_int_equal(eff_control_ledger_put(control, a, &row, true, &err), EFF_OK);
    assert_int_equal(eff_control_ledger_end(control, EFF_BROKEN, &err), EFF_BROKEN);
    assert_int_equal(eff_control_ledger_get(control, a, row.key, &arena, &there, &row, &err),
                     EFF_OK);
    assert_false(there);
    row = ledger_row(1);
    assert_int_equal(eff_control_ledger_begin(control, &err), EFF_OK); /* it can go on */
    assert_int_equal(eff_control_ledger_put(control, a, &row, true, &err), EFF_OK);
    assert_int_equal(eff_control_ledger_end(control, EFF_OK, &err), EFF_OK);
    assert_int_equal(eff_control_ledger_get(control, a, row.key, &arena, &there, &row, &err),
                     EFF_OK);
    assert_true(there);
}

/* The disk is full, as far as this process may see. */
static void
a_copy_without_room_is_told(void **state)
{
    struct rlimit before, small;

    (void)state;
    assert_int_equal(open_at(folder, false), EFF_OK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 8192;
    setrlimit(RLIMIT_FSIZE, &small);
    assert_int_equal(eff_control_copy(control, &world.os, below("copy"), &err), EFF_BROKEN);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_non_null(strstr(err.msg, "cannot copy the control file to "));
    assert_int_equal(eff_control_copy(control, &world.os, below("another"), &err), EFF_OK);
}

static void
a_copy_that_cannot_be_made_is_told(void **state)
{
    (void)state;
    assert_int_equal(open_at(folder, false), EFF_OK);
    assert_int_equal(eff_control_copy(control, &world.os, below("copy"), &err), EFF_OK);
    assert_int_equal(eff_control_copy(control, &world.os, below("none/copy"), &err), EFF_BROKEN);
    assert_true(err.msg[0] != '\0');
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_other_folder_becomes_a_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_other_file_is_taken_for_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_name_of_a_folder_will_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(removals_that_were_applied_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_forgotten_is_in_no_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_transaction_that_fails_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_without_room_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_that_cannot_be_made_is_told, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
