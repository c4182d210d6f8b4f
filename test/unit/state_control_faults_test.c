// links: base flow os conf state testlib
// timeout: 300
/*
 * Goal: a statement that control.db refuses, or has no memory for, is told, leaves nothing half
 * done and no transaction open, and the same call works once the database does.
 * Method: SQLite's authorizer denies the n-th statement of each call, for every n; then its n-th
 * allocation fails. All tables are compared with what they were, and the call is repeated.
 * covers: F9
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/nosync.h"
#include "lib/testos.h"
#include "state/control_db.h"

#define SYNC EFF_STR("rows")
#define RUN  EFF_STR("01HZZZZZZZZZZZZZZZZZZZZZZZ")

struct place {
    struct testos world;
    char *folder;
    struct eff_arena arena;
    struct eff_control *control;
    size_t statements, denied; /* of the call; the one that is denied counts from 1 */
};

static struct place place;
static struct eff_err err;

static struct eff_hash128 keys[] = {{1, 1}, {2, 2}, {3, 3}};
static const struct eff_acknowledged acks[] = {
    {.key = {1, 1}, .row = 5}, {.key = {2, 2}, .row = 6}, {.key = {3, 3}, .row = 7}};
static struct eff_item items[] = {
    {.key = {1, 1}, .verdict = {.outcome = EFF_REFUSED, .fault = EFF_ROW}},
    {.key = {2, 2}, .verdict = {.outcome = EFF_APPLIED, .doubt_ms = 50}},
    {.key = {3, 3}, .verdict = {.outcome = EFF_MAYBE_APPLIED, .fault = EFF_TRANSIENT}}};
static const struct eff_delivery delivery = {.op = EFF_OP_CREATE, .count = 3, .items = items};

/* ---- the calls ---- */

static struct eff_run_row
run_row(enum eff_run_state state)
{
    return (struct eff_run_row){.id = RUN,
                                .sync = SYNC,
                                .state = state,
                                .started_ms = 1,
                                .ended_ms = 2,
                                .report = EFF_STR("{}")};
}

static enum eff_fault
call_sync(struct eff_control *c)
{
    struct eff_sync_state state;

    return eff_control_sync(c, &place.world.os, SYNC, &place.arena, &state, &err);
}

static enum eff_fault
call_sync_save(struct eff_control *c)
{
    struct eff_sync_state state = {.identity = EFF_STR("{}"), .null_keys = 3};

    return eff_control_sync_save(c, SYNC, &state, &err);
}

static enum eff_fault
call_plan(struct eff_control *c)
{
    struct eff_run_row run = run_row(EFF_RUN_PLANNED);

    return eff_control_plan(c, &run, &err);
}

static enum eff_fault
call_open_run(struct eff_control *c)
{
    struct eff_run_row run;
    bool found;

    return eff_control_open_run(c, SYNC, &place.arena, &found, &run, &err);
}

static enum eff_fault
call_reports(struct eff_control *c)
{
    eff_str reports[4];
    size_t count;

    return eff_control_reports(c, SYNC, EFF_RUN_CLOSED, 4, &place.arena, &count, reports, &err);
}

static enum eff_fault
call_mark(struct eff_control *c)
{
    return eff_control_mark(c, RUN, 0, 1, 1, EFF_STR("memo"), false, &err);
}

static enum eff_fault
call_settle(struct eff_control *c)
{
    return eff_control_settle(c, SYNC, RUN, 0, 1, &delivery, acks, 1, 2, true, false, &err);
}

static enum eff_fault
call_settled(struct eff_control *c)
{
    struct eff_settled *rows;
    size_t count;

    return eff_control_settled(c, RUN, &place.arena, &count, &rows, &err);
}

static enum eff_fault
call_ledger_get(struct eff_control *c)
{
    struct eff_ledger_row row;
    bool found;

    return eff_control_ledger_get(c, SYNC, keys[0], &place.arena, &found, &row, &err);
}

static bool
each_row(void *self, const struct eff_ledger_row *row)
{
    (void)self, (void)row;
    return true;
}

static enum eff_fault
call_ledger_each(struct eff_control *c)
{
    return eff_control_ledger_each(c, SYNC, 0, &place.arena, each_row, NULL, &err);
}

static enum eff_fault
call_ledger_keys(struct eff_control *c)
{
    struct eff_hash128 *found;
    size_t count;

    return eff_control_ledger_keys(c, SYNC, EFF_STR("x"), 0, &place.arena, &count, &found, &err);
}

static enum eff_fault
call_ledger_count(struct eff_control *c)
{
    uint64_t counts[EFF_LEDGER_PENDING + 1];

    return eff_control_ledger_count(c, SYNC, counts, &err);
}

static enum eff_fault
call_ledger_due(struct eff_control *c)
{
    uint64_t rows;

    return eff_control_ledger_due(c, SYNC, 9, &rows, &err);
}

static enum eff_fault
call_approve(struct eff_control *c)
{
    return eff_control_approve(c, SYNC, EFF_STR("digest"), 100, &err);
}

static enum eff_fault
call_approved(struct eff_control *c)
{
    bool approved;

    return eff_control_approved(c, SYNC, EFF_STR("digest"), 9, true, &approved, &err);
}

static enum eff_fault
call_incarnate(struct eff_control *c)
{
    return eff_control_incarnate(c, SYNC, &delivery, 9, &err);
}

static enum eff_fault
call_doubt(struct eff_control *c)
{
    return eff_control_doubt(c, SYNC, &delivery, acks, 90, &err);
}

static enum eff_fault
call_doubts_sweep(struct eff_control *c)
{
    return eff_control_doubts_sweep(c, SYNC, 10, 5, &err);
}

static enum eff_fault
call_forget(struct eff_control *c)
{
    return eff_control_forget(c, SYNC, keys, 2, 9, &err);
}

static enum eff_fault
call_forgotten(struct eff_control *c)
{
    struct eff_hash128 *found;
    size_t count;

    return eff_control_forgotten(c, SYNC, &place.arena, &count, &found, &err);
}

static enum eff_fault
call_squeeze(struct eff_control *c)
{
    return eff_control_squeeze(c, &place.world.os, place.arena, &err);
}

static enum eff_fault
call_act(struct eff_control *c)
{
    struct eff_run_row act = run_row(EFF_RUN_ACT);

    act.id = EFF_STR("01J0000000000000000000000Z");
    return eff_control_act(c, &act, &err);
}

static enum eff_fault
call_close_run(struct eff_control *c)
{
    struct eff_run_row run = run_row(EFF_RUN_CLOSED);

    return eff_control_close_run(c, &run, true, &err);
}

static enum eff_fault
call_newest_plan(struct eff_control *c)
{
    struct eff_run_row run;
    bool found;

    return eff_control_newest_plan(c, SYNC, &place.arena, &found, &run, &err);
}

static enum eff_fault
call_integrity(struct eff_control *c)
{
    eff_str lines[2];
    size_t count;

    return eff_control_integrity(c, &place.arena, 2, &count, lines, &err);
}

static enum eff_fault
call_syncs(struct eff_control *c)
{
    eff_str *names;
    size_t count;

    return eff_control_syncs(c, &place.arena, &count, &names, &err);
}

static enum eff_fault
call_reset(struct eff_control *c)
{
    struct eff_run_row act = run_row(EFF_RUN_ACT);

    act.id = EFF_STR("01J00000000000000000000010");
    return eff_control_sync_reset(c, &act, &err);
}

static enum eff_fault
call_purge(struct eff_control *c)
{
    return eff_control_sync_purge(c, SYNC, &err);
}

static enum eff_fault
call_flush(struct eff_control *c)
{
    return eff_control_flush(c, &err);
}

static enum eff_fault
call_copy(struct eff_control *c)
{
    const char *path = eff_str_printf(&place.arena, "%s/copy", place.folder).ptr;
    struct eff_err none = {0};

    place.world.os.unlink(&place.world, path, &none);
    return eff_control_copy(c, &place.world.os, path, &err);
}

static enum eff_fault
call_ledger_put(struct eff_control *c)
{
    const struct eff_ledger_row row = {.key = {9, 9}, .state = EFF_LEDGER_INVALID, .rows = 1};

    return eff_control_ledger_put(c, SYNC, &row, true, &err);
}

static enum eff_fault
call_incarnation(struct eff_control *c)
{
    uint64_t number;

    return eff_control_incarnation(c, SYNC, keys[0], &number, &err);
}

static enum eff_fault
call_key_used(struct eff_control *c)
{
    int64_t since_ms;

    return eff_control_key_used(c, SYNC, keys[0], &since_ms, &err);
}

static enum eff_fault
call_doubted(struct eff_control *c)
{
    int64_t until_ms;

    return eff_control_doubted(c, SYNC, keys[0], 8, &until_ms, &err);
}

static enum eff_fault
call_newest(struct eff_control *c)
{
    uint64_t step;
    eff_str run;

    return eff_control_newest(c, SYNC, &place.arena, &run, &step, &err);
}

static enum eff_fault
call_resumed(struct eff_control *c)
{
    uint64_t times;

    return eff_control_resumed(c, SYNC, RUN, &times, &err);
}

static enum eff_fault
call_older(struct eff_control *c)
{
    eff_str than;
    bool told;

    return eff_control_older(c, SYNC, &place.arena, &than, &told, &err);
}

static enum eff_fault
call_older_save(struct eff_control *c)
{
    return eff_control_older_save(c, SYNC, RUN, true, &err);
}

static enum eff_fault
call_quota(struct eff_control *c)
{
    struct eff_quota quota;

    return eff_control_quota(c, EFF_STR("crm"), EFF_STR("a"), &place.arena, &quota, &err);
}

static enum eff_fault
call_quota_save(struct eff_control *c)
{
    const struct eff_quota quota = {.since_ms = 1, .until_ms = 2, .sync = SYNC};

    return eff_control_quota_save(c, EFF_STR("crm"), EFF_STR("a"), &quota, &err);
}

static enum eff_fault (*const calls[])(struct eff_control *) = {
    call_sync,       call_sync_save,    call_plan,        call_open_run,    call_mark,
    call_settle,     call_settled,      call_ledger_get,  call_ledger_each, call_ledger_keys,
    call_ledger_due, call_ledger_count, call_approve,     call_approved,    call_incarnate,
    call_doubt,      call_doubts_sweep, call_close_run,   call_reports,     call_newest_plan,
    call_act,        call_forget,       call_forgotten,   call_squeeze,     call_integrity,
    call_flush,      call_ledger_put,   call_incarnation, call_key_used,    call_doubted,
    call_newest,     call_resumed,      call_older,       call_older_save,  call_quota,
    call_quota_save, call_syncs,        call_reset,       call_purge,
    call_copy, // the last: it asks for pages, not by statements
};

#define CALLS (sizeof calls / sizeof *calls)

/* ---- one statement that is denied ---- */

static bool
has_text(const char *text, const char *part)
{
    return eff_str_find(eff_str_of(text), eff_str_of(part)) != SIZE_MAX;
}

static int
deny(void *self, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)self, (void)b, (void)c, (void)d;
    if (action == SQLITE_TRANSACTION && a[0] == 'R')
        return SQLITE_OK; // what was begun can be undone
    if (action != SQLITE_TRANSACTION && action != SQLITE_PRAGMA && action != SQLITE_SELECT &&
        action != SQLITE_INSERT && action != SQLITE_UPDATE && action != SQLITE_DELETE)
        return SQLITE_OK;
    return ++place.statements == place.denied ? SQLITE_DENY : SQLITE_OK;
}

static int
dump_row(void *self, int count, char **values, char **names)
{
    (void)names;
    for (int i = 0; i < count; i++)
        eff_buf_add_slice(self, values[i] ? eff_str_of(values[i]) : EFF_STR_NONE);
    return 0;
}

/* All that the tables hold. */
static void
dump(struct eff_buf *buf)
{
    static const char *const tables[] = {"sync",     "run",       "batch",       "ledger",
                                         "approval", "forgotten", "incarnation", "doubt",
                                         "used",     "older",     "resumed",     "quota"};
    char sql[64];

    eff_buf_reset(buf);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY 1, 2", tables[i]);
        assert_int_equal(sqlite3_exec(place.control->db, sql, dump_row, buf, NULL), SQLITE_OK);
    }
}

static void
open_control(void)
{
    assert_int_equal(eff_control_open(&place.world.os, place.folder, false, false, &place.arena,
                                      &place.control, &err),
                     EFF_OK);
}

/* False: the call has no statement of that number, and so it did what it does. */
static bool
one_denied(size_t at, size_t nth, struct eff_buf *before, struct eff_buf *after)
{
    enum eff_fault fault;

    open_control(); // with no statement prepared yet
    dump(before);
    place.statements = 0;
    place.denied = nth;
    err = (struct eff_err){0};
    sqlite3_set_authorizer(place.control->db, deny, NULL);
    fault = calls[at](place.control);
    sqlite3_set_authorizer(place.control->db, NULL, NULL);
    if (place.statements < nth) {
        assert_int_equal(fault, EFF_OK);
    } else {
        assert_int_not_equal(fault, EFF_OK);
        /* The table that json_each is makes itself known by a statement of its own. */
        assert_true(has_text(err.msg, "authoriz") ||
                    has_text(err.msg, "constructor failed: json_each"));
        assert_true(sqlite3_get_autocommit(place.control->db));
        dump(after);
        assert_true(eff_str_eq(eff_buf_str(before), eff_buf_str(after)));
    }
    eff_control_close(place.control);
    return fault != EFF_OK;
}

static void
test_each_statement_denied(void **state)
{
    struct eff_buf before = {0}, after = {0};
    size_t nth, all = 0;

    (void)state;
    for (size_t at = 0; at < CALLS - 1; at++) {
        for (nth = 1; one_denied(at, nth, &before, &after); nth++)
            all++;
        assert_true(nth > 1);
    }
    assert_true(all > 100);
    eff_buf_free(&before);
    eff_buf_free(&after);
}

/* ---- memory that ends once ---- */

static sqlite3_mem_methods heap;
static size_t allocations, ends_at; /* 0: never */

static void *
allocate(int bytes)
{
    return ends_at > 0 && ++allocations == ends_at ? NULL : heap.xMalloc(bytes);
}

static void *
reallocate(void *ptr, int bytes)
{
    return ends_at > 0 && ++allocations == ends_at ? NULL : heap.xRealloc(ptr, bytes);
}

/* Only what SQLite itself asks for fails. */
static void
heap_is_ours(void)
{
    sqlite3_mem_methods ours;

    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &heap), SQLITE_OK);
    ours = heap;
    ours.xMalloc = allocate;
    ours.xRealloc = reallocate;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &ours), SQLITE_OK);
    // Each connection asks the heap itself: none is given from what another has put aside.
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
}

/* Some it can do without: then the call does what it does. False: there is no n-th. */
static bool
one_without_memory(size_t at, size_t nth, struct eff_buf *before, struct eff_buf *after,
                   size_t *failures)
{
    enum eff_fault fault;
    bool failed;

    open_control();
    dump(before);
    allocations = 0;
    ends_at = nth;
    err = (struct eff_err){0};
    fault = calls[at](place.control);
    ends_at = 0;
    failed = allocations >= nth;
    if (fault != EFF_OK) {
        assert_true(failed);
        assert_true(err.msg[0] != '\0');
        assert_true(sqlite3_get_autocommit(place.control->db));
        dump(after);
        assert_true(eff_str_eq(eff_buf_str(before), eff_buf_str(after)));
        assert_int_equal(calls[at](place.control), EFF_OK); // with the same connection
        ++*failures;
    }
    eff_control_close(place.control);
    return failed;
}

static void
test_each_allocation_fails(void **state)
{
    size_t step = getenv("EFF_SANITIZED") ? 3 : 1, all = 0;
    struct eff_buf before = {0}, after = {0};

    (void)state;
    for (size_t at = 0; at < CALLS; at++) {
        size_t failures = 0;

        for (size_t nth = 1; one_without_memory(at, nth, &before, &after, &failures); nth += step)
            ;
        assert_true(failures > 0);
        all += failures;
    }
    assert_true(all > 300);
    eff_buf_free(&before);
    eff_buf_free(&after);
}

/* A new state, and one that is there: each opens or is told, and is then the same as ever. */
static void
open_without_memory(struct eff_buf *before, struct eff_buf *after)
{
    bool failed = true;

    for (size_t nth = 1; failed; nth++) {
        enum eff_fault fault;

        err = (struct eff_err){0};
        allocations = 0;
        ends_at = nth;
        fault = eff_control_open(&place.world.os, place.folder, false, false, &place.arena,
                                 &place.control, &err);
        ends_at = 0;
        failed = allocations >= nth;
        if (fault == EFF_OK) {
            eff_control_close(place.control);
        } else {
            assert_true(failed);
            assert_null(place.control);
        }
        open_control();
        dump(after);
        assert_true(eff_str_eq(eff_buf_str(before), eff_buf_str(after)));
        eff_control_close(place.control);
    }
}

static void
test_opening_without_memory(void **state)
{
    struct eff_buf before = {0}, after = {0}, none = {0};
    char *folder = place.folder;
    size_t nth = 1;

    (void)state;
    open_control();
    dump(&before);
    eff_control_close(place.control);
    open_without_memory(&before, &after);
    for (bool failed = true; failed; nth++) { // each time in a new place
        place.folder = testos_folder();
        allocations = 0;
        ends_at = nth;
        eff_control_open(&place.world.os, place.folder, false, false, &place.arena, &place.control,
                         &err);
        ends_at = 0;
        failed = allocations >= nth;
        eff_control_close(place.control);
        open_control();
        dump(&after);
        assert_true(eff_str_eq(eff_buf_str(&none), eff_buf_str(&after)));
        eff_control_close(place.control);
        testos_remove(place.folder);
        free(place.folder);
    }
    place.folder = folder;
    assert_true(nth > 100);
    eff_buf_free(&before);
    eff_buf_free(&after);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_statement_denied),
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_opening_without_memory),
    };
    int failed;

    heap_is_ours();
    place.folder = testos_folder();
    testos_init(&place.world, 7);
    eff_arena_init(&place.arena, "test", (size_t)1 << 26);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    testos_remove(place.folder);
    free(place.folder);
    eff_arena_deinit(&place.arena);
    return failed;
}
