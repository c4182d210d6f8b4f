// links: base flow os conf state source batch diff plan dest deliver record run testlib assets
// timeout: 300
/*
 * Goal: whichever single call of a command fails - of a file, a statement of control.db, the
 * source, the destination - it is told or the command is right all the same; nothing stays open;
 * and repeated without the fault it does what it is for, with nothing lost, twice or wrongly gone.
 * Method: a sync between a model and a destination in memory, on real files. The n-th call of each
 * command fails, for every n until it has no n-th call; after each the command is repeated, and a
 * run must leave the destination equal to the model.
 * covers: A1, A2, A5, A6, A7, F2
 */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/eachcall.h"
#include "lib/nosync.h"
#include "lib/runworld.h"
#include "run/hand.h"
#include "run/remember.h"
#include "run/verbs_state.h"

#include <cmocka.h>

#define KEYS 14

static struct runworld w;
static const struct eff_dest_field schema_fields[] = {{.name = EFF_STR("id")},
                                                      {.name = EFF_STR("score")}};

/* ---- the world goes on ---- */

static unsigned turn;
static bool moving;          /* rows are found by `place`, which changes */
static char forgotten[8];    /* the key of a row that no model has any more, or "" */
static struct eff_hand hand; /* with a row at which the process is said to have crashed */

static void
live(void)
{
    turn++;
    if (forgotten[0])
        w.model[atoi(forgotten)] = w.held[atoi(forgotten)] = 0; // its record is left alone
    forgotten[0] = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        if ((i + turn) % 5 == 0)
            w.model[i] = turn * 100 + i;
        else if ((i + turn) % 7 == 0)
            w.model[i] = 0;
    }
}

/*
 * Six rows change places in a ring, four go each to its neighbour's place, and the record of one
 * goes to and fro between two keys.
 */
static void
place(struct runworld *world, int64_t id, struct eff_value *cells)
{
    int64_t at = id < 6 ? (id + turn) % 6 : id < 10 ? 20 + id + turn % 300 : id == 12 ? 11 : id;

    (void)world;
    cells[2] = eff_value_of_int(EFF_INT, at);
}

static void
live_moving(void)
{
    live();
    for (unsigned i = 0; i < 10; i++)
        w.model[i] = i + 1;
    w.model[11] = turn % 2 ? 7 : 0;
    w.model[12] = turn % 2 ? 0 : 7;
}

static bool
equal(void)
{
    int64_t wanted[RUNWORLD_KEYS] = {0};

    if (!moving)
        return runworld_equal(&w, w.sync.mode == EFF_MODE_MIRROR);
    for (int64_t id = 0; id < KEYS; id++) {
        struct eff_value cells[3];

        place(&w, id, cells);
        if (w.model[id])
            wanted[cells[2].i] = w.model[id];
    }
    return memcmp(wanted, w.held, sizeof wanted) == 0;
}

static bool
refuse_one(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    (void)world;
    if (op == EFF_OP_DELETE || item->match[0].i % 4 != 1)
        return false;
    item->verdict = (struct eff_verdict){
        .outcome = EFF_REFUSED, .fault = EFF_ROW, .code = EFF_STR("no"), .field = EFF_STR("score")};
    return true;
}

static bool
lose_one(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    (void)world, (void)op;
    if (item->match[0].i % 4 != 1)
        return false;
    item->verdict = (struct eff_verdict){.outcome = EFF_MAYBE_APPLIED, .fault = EFF_TRANSIENT};
    return true;
}

/* Its key is known for a year: it is sent again under it. */
static void
answers_were_lost(void)
{
    struct eff_report report;

    live();
    w.model[5] = w.model[9] = turn;
    w.judge = lose_one;
    report = runworld_run(&w, NULL);
    w.judge = NULL;
    assert_true(report.pending > 0);
}

static void
left_open(void)
{
    live();
    w.model[0] = turn;
    runworld_leave_open(&w);
}

static void
with_refusals(void)
{
    struct eff_report report;

    live();
    w.model[5] = turn;
    w.judge = refuse_one;
    report = runworld_run(&w, NULL);
    w.judge = NULL;
    assert_true(report.rejected > 0);
    eff_run_remember(&w.project, &w.os.os, &report, &w.process);
}

static void
deliver_all(void)
{
    struct eff_report report = runworld_run(&w, NULL);

    if (report.status != EFF_STATUS_OK)
        fail_msg(EFF_STR_FMT, EFF_STR_ARG(report.problems[0].message));
    eff_run_remember(&w.project, &w.os.os, &report, &w.process);
}

/* ---- the commands ---- */

static enum eff_fault
of_report(const struct eff_report *report, struct eff_err *err)
{
    if (report->status == EFF_STATUS_OK || report->drifted || report->wants_yes)
        return EFF_OK;
    if (report->problems_count == 0)
        return EFF_OK;
    return EFF_FAIL(err, report->problems[0].fault ? report->problems[0].fault : EFF_ROW,
                    EFF_STR_FMT, EFF_STR_ARG(report->problems[0].message));
}

static enum eff_fault
cmd_run(struct eff_json_writer *out, struct eff_err *err)
{
    struct eff_report report = runworld_run(&w, NULL);

    (void)out;
    if (report.status == EFF_STATUS_OK)
        assert_true(equal());
    else
        assert_true(report.problems_count > 0);
    return of_report(&report, err);
}

/* A row without a key, one without a match value, two of one, and one that is put aside. */
static void
odd_place(struct runworld *world, int64_t id, struct eff_value *cells)
{
    place(world, id, cells);
    if (id == 1)
        cells[0].kind = EFF_NULL;
    if (id == 2)
        cells[2].kind = EFF_NULL;
    if (id == 3 || id == 4)
        cells[2] = eff_value_of_int(EFF_INT, 399);
}

static enum eff_fault
cmd_odd(struct eff_json_writer *out, struct eff_err *err)
{
    struct eff_run_options options = {.limit = -1, .hand = &hand};
    struct eff_report report;

    (void)out;
    hand.aside_count = 1;
    w.row = odd_place;
    report = runworld_run(&w, &options);
    w.row = place;
    if (report.status == EFF_STATUS_FAILED)
        return of_report(&report, err);
    assert_int_equal(report.invalid, 5);
    return EFF_OK;
}

/* The rows that are not asked for are looked at as well: they may have the match value of one. */
static enum eff_fault
cmd_some(struct eff_json_writer *out, struct eff_err *err)
{
    static const eff_str keys[] = {EFF_STR("3"), EFF_STR("7")};
    struct eff_run_options options = {.plan = true, .limit = -1, .keys_count = 2, .keys = keys};
    struct eff_report report;

    (void)out;
    w.row = odd_place;
    report = runworld_run(&w, &options);
    w.row = place;
    if (report.status == EFF_STATUS_FAILED)
        return of_report(&report, err);
    assert_int_equal(report.read, 2);
    assert_int_equal(report.invalid, 1);
    return EFF_OK;
}

/* What a guard holds stays as it is: a run that ends otherwise has failed. */
static enum eff_fault
cmd_held(struct eff_json_writer *out, struct eff_err *err)
{
    uint64_t applied = w.applied;
    struct eff_report report;

    (void)out;
    w.sync.guard_removed_rows = 0;
    report = runworld_run(&w, NULL);
    w.sync.guard_removed_rows = -1;
    assert_int_equal(w.applied, applied);
    return report.status == EFF_STATUS_HELD ? EFF_OK : of_report(&report, err);
}

static enum eff_fault
cmd_plan(struct eff_json_writer *out, struct eff_err *err)
{
    struct eff_run_options options = {.plan = true, .limit = -1};
    uint64_t applied = w.applied;
    struct eff_report report = runworld_run(&w, &options);

    assert_int_equal(w.applied, applied);
    eff_json_write_int(out, (int64_t)report.planned);
    return of_report(&report, err);
}

static enum eff_fault
look(bool adopt, bool unseen, struct eff_err *err)
{
    struct eff_look_options options = {
        .adopt = adopt, .named = true, .unseen = unseen, .write = true, .sample = -1};
    uint64_t applied = w.applied;
    struct eff_report report = runworld_look(&w, &options);

    assert_int_equal(w.applied, applied);
    return of_report(&report, err);
}

static enum eff_fault
cmd_repair(struct eff_json_writer *out, struct eff_err *err)
{
    (void)out;
    return look(false, false, err);
}

static enum eff_fault
cmd_adopt(struct eff_json_writer *out, struct eff_err *err)
{
    (void)out;
    return look(true, false, err);
}

static enum eff_fault
cmd_unseen(struct eff_json_writer *out, struct eff_err *err)
{
    (void)out;
    return look(true, true, err);
}

static enum eff_fault
cmd_check(struct eff_json_writer *out, struct eff_err *err)
{
    struct eff_report report;

    (void)out;
    eff_run_check(&w.project, &w.sync, true, &w.os.os, &w.process, &report);
    return of_report(&report, err);
}

static enum eff_fault
cmd_status(struct eff_json_writer *out, struct eff_err *err)
{
    return eff_run_status(&w.project, &w.sync, &w.os.os, &w.process, out, err);
}

static enum eff_fault
cmd_rows(struct eff_json_writer *out, struct eff_err *err)
{
    return eff_run_rows(&w.project, &w.sync, &w.os.os, EFF_STR("5"), &w.process, out, err);
}

static enum eff_fault
cmd_ledger(struct eff_json_writer *out, struct eff_err *err)
{
    return eff_run_ledger(&w.project, &w.sync, &w.os.os, 0, &w.process, out, err);
}

static enum eff_fault
cmd_retry(struct eff_json_writer *out, struct eff_err *err)
{
    uint64_t rows;

    (void)out;
    return eff_run_retry(&w.project, &w.sync, &w.os.os, &w.process, &rows, err);
}

static eff_str held_plan;

static enum eff_fault
cmd_approve(struct eff_json_writer *out, struct eff_err *err)
{
    (void)out;
    return eff_run_approve(&w.project, &w.sync, &w.os.os, held_plan, &w.process, err);
}

static enum eff_fault
cmd_reset(struct eff_json_writer *out, struct eff_err *err)
{
    uint64_t rows;

    (void)out;
    return eff_run_reset(&w.project, &w.sync, &w.os.os, true, &w.process, &rows, err);
}

static enum eff_fault
cmd_forget(struct eff_json_writer *out, struct eff_err *err)
{
    return eff_run_forget(&w.project, &w.sync, &w.os.os, eff_str_of(forgotten), true, &w.process,
                          out, err);
}

static const char *copy; /* the folder of an export */

static enum eff_fault
cmd_export(struct eff_json_writer *out, struct eff_err *err)
{
    struct eff_export export;

    (void)out;
    copy = eff_str_printf(&w.process, "%s/copy-%u", w.folder, ++turn).ptr;
    return eff_run_state_export(&w.project, &w.os.os, copy, EFF_STR("1"), 0, &w.process, &export,
                                err);
}

static enum eff_fault
cmd_import(struct eff_json_writer *out, struct eff_err *err)
{
    struct eff_export export;

    (void)out;
    return eff_run_state_import(&w.project, &w.os.os, copy, &w.process, &export, err);
}

static enum eff_fault
cmd_state_check(struct eff_json_writer *out, struct eff_err *err)
{
    struct eff_state_report report;
    enum eff_fault fault = eff_run_state_check(eff_str_c(&w.process, w.project.state), &w.os.os,
                                               &w.process, &report, err);

    (void)out;
    if (fault == EFF_OK && report.damages > 0)
        return EFF_FAIL(err, EFF_BROKEN, "damages are found");
    return fault;
}

static enum eff_fault
cmd_purge(struct eff_json_writer *out, struct eff_err *err)
{
    struct eff_state_purge purge;

    (void)out;
    return eff_run_state_purge(&w.project, &w.os.os, EFF_STR("other"), true, &w.process, &purge,
                               err);
}

/* ---- what must be there before ---- */

static void
nothing_is_known(void)
{
    struct eff_err err = {0};

    live();
    deliver_all();
    assert_int_equal(cmd_reset(NULL, &err), EFF_OK);
}

static void
another_sync_was_there(void)
{
    eff_str name = w.sync.name;

    live();
    deliver_all();
    w.sync.name = EFF_STR("other");
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    w.sync.name = name;
}

static void
removals_are_held(void)
{
    struct eff_report report;

    live();
    w.model[0] = w.model[1] = w.model[2] = 7;
    deliver_all();
    w.model[0] = w.model[1] = w.model[2] = 0;
    w.sync.guard_removed_rows = 0;
    report = runworld_run(&w, NULL);
    w.sync.guard_removed_rows = -1;
    eff_run_remember(&w.project, &w.os.os, &report, &w.process);
    assert_int_equal(report.plan.len, 8);
    held_plan = report.plan;
}

static void
another_row_was_delivered(void)
{
    live();
    snprintf(forgotten, sizeof forgotten, "%u", KEYS + turn % (RUNWORLD_KEYS - KEYS));
    w.model[atoi(forgotten)] = 5;
    deliver_all();
}

static void
someone_changed_records(void)
{
    live();
    deliver_all();
    for (unsigned i = 0; i < KEYS; i++)
        if (w.held[i] && i % 3 == turn % 3)
            w.held[i] = i % 2 ? 0 : 1;
}

static void
an_export_was_made(void)
{
    struct eff_err err = {0};

    live();
    deliver_all();
    assert_int_equal(cmd_export(NULL, &err), EFF_OK);
    w.project.state = eff_str_printf(&w.process, "%s/state-%u", w.folder, turn);
}

static void
something_changed(void)
{
    live();
}

static void
copy_folder(const char *from, const char *to)
{
    char command[512];

    snprintf(command, sizeof command, "rm -rf '%s/%s' && cp -a '%s/%s' '%s/%s'", w.folder, to,
             w.folder, from, w.folder, to);
    assert_int_equal(system(command), 0);
}

/* The state forgets what a later run has sent. */
static void
state_was_put_back(void)
{
    live();
    deliver_all();
    copy_folder("state", "backup");
    live();
    w.model[0] = turn;
    w.os.wall_ms += 60000;
    deliver_all();
    copy_folder("backup", "state");
    w.os.wall_ms += 60000;
}

/* Known to the control file alone: its first run died before it made its folder. */
static void
a_sync_without_a_folder(void)
{
    sqlite3 *db;

    live();
    deliver_all();
    assert_int_equal(
        sqlite3_open(
            eff_str_printf(&w.process, EFF_STR_FMT "/control.db", EFF_STR_ARG(w.project.state)).ptr,
            &db),
        SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "INSERT OR IGNORE INTO sync (name, secret)"
                                  " VALUES ('other', zeroblob(32))",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}

static void
there_is_no_state(void)
{
    struct eff_err err = {0};

    live();
    w.project.state = eff_str_printf(&w.process, "%s/none-%u", w.folder, turn);
    assert_int_equal(w.os.os.mkdir(&w.os, eff_str_c(&w.process, w.project.state), &err), EFF_OK);
}

/* Row 8 alone has that score, and moves each time. */
static bool
note_key(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    (void)world, (void)op;
    if (item->fields[0].i == 9)
        hand.aside[0] = item->key;
    return false;
}

static void
a_key_is_known(void)
{
    live_moving();
    hand = (struct eff_hand){0};
    w.judge = note_key;
    deliver_all();
    w.judge = NULL;
    assert_true(hand.aside[0].lo != 0);
}

/* ---- the n-th call ---- */

static struct eachcall_world world = {.w = &w};

static void
goes_on(const struct eachcall *command, uint64_t n)
{
    static const struct eachcall after = {.name = "the run after it", .run = cmd_run};
    struct eff_err err;

    (moving ? live_moving : live)();
    for (unsigned i = 0; command->forgets && i < KEYS; i++)
        if (w.model[i] == 0)
            w.held[i] = 0;
    w.os.wall_ms += (int64_t)40 * 24 * 3600 * 1000; // what was refused is due
    if (eachcall_run(&after, &err) != EFF_OK)
        fail_msg("a run after %s, call %llu: %s", command->name, (unsigned long long)n, err.msg);
    eachcall_closed(&world, &after, n);
}

static void
each_fails(size_t count, const struct eachcall *commands)
{
    world.goes_on = goes_on;
    eachcall_fails(&world, count, commands);
}

static void
test_runs(void **state)
{
    static const struct eachcall commands[] = {
        {.name = "run", .before = something_changed, .run = cmd_run},
        {.name = "run, after a death", .before = left_open, .run = cmd_run},
        {.name = "run, removals are held", .before = removals_are_held, .run = cmd_held},
        {.name = "plan, after a death", .before = left_open, .run = cmd_plan, .looks = true},
        {.name = "plan", .before = something_changed, .run = cmd_plan, .looks = true},
        {.name = "check", .before = something_changed, .run = cmd_check, .looks = true},
        {.name = "verify --repair",
         .before = someone_changed_records,
         .run = cmd_repair,
         .then = "is not finished"},
        {.name = "adopt",
         .before = nothing_is_known,
         .run = cmd_adopt,
         .forgets = true,
         .then = "is not finished"},
        {.name = "adopt --unseen",
         .before = nothing_is_known,
         .run = cmd_unseen,
         .forgets = true,
         .then = "is not finished",
         .step = 2},
    };

    (void)state;
    each_fails(sizeof commands / sizeof *commands, commands);
}

static void
test_runs_with_keys(void **state)
{
    static const struct eachcall commands[] = {
        {.name = "keyed run, answers lost", .before = answers_were_lost, .run = cmd_run},
        {.name = "keyed run, after a death", .before = left_open, .run = cmd_run, .step = 3},
        {.name = "keyed verify --repair",
         .before = someone_changed_records,
         .run = cmd_repair,
         .then = "is not finished"},
    };

    (void)state;
    w.limits = (struct eff_op_limits){.supported = true,
                                      .class = EFF_CLASS_KEYED,
                                      .rows_max = 1,
                                      .concurrency = 1,
                                      .key_window_ms = (int64_t)365 * 24 * 3600 * 1000,
                                      .late_ms = 600000};
    each_fails(sizeof commands / sizeof *commands, commands);
}

static void
move(void)
{
    static struct eff_field_conf match = {.name = EFF_STR("place"), .from = EFF_STR("place")};

    runworld_column(&w, "place", eff_value_of_int(EFF_INT, 0));
    w.sync.fields_count = w.sync.match_count = 1;
    w.sync.match = &match;
    w.row = place;
    w.describes = false;
    w.limits.rematch = moving = true;
}

static void
test_runs_that_move(void **state)
{
    static const struct eachcall commands[] = {
        {.name = "run, rows move", .before = live_moving, .run = cmd_run},
    };

    (void)state;
    move();
    each_fails(sizeof commands / sizeof *commands, commands);
}

static void
test_runs_with_odd_rows(void **state)
{
    static const struct eachcall commands[] = {
        {.name = "run, odd rows", .before = a_key_is_known, .run = cmd_odd},
        {.name = "plan --key, odd rows", .before = a_key_is_known, .run = cmd_some, .looks = true},
    };

    (void)state;
    move();
    each_fails(sizeof commands / sizeof *commands, commands);
}

static void
test_a_state_that_is_older(void **state)
{
    static const struct eachcall commands[] = {
        {.name = "run, the state was put back", .before = state_was_put_back, .run = cmd_run},
    };

    (void)state;
    w.sync.mode = EFF_MODE_UPSERT;
    w.sync.on_removed = EFF_REMOVED_KEEP;
    w.project.marks = eff_str_printf(&w.process, "%s/marks", w.folder);
    each_fails(sizeof commands / sizeof *commands, commands);
}

static void
test_verbs(void **state)
{
    static const struct eachcall commands[] = {
        {.name = "status", .before = left_open, .run = cmd_status, .looks = true},
        {.name = "rows", .before = with_refusals, .run = cmd_rows, .looks = true},
        {.name = "ledger", .before = with_refusals, .run = cmd_ledger, .looks = true},
        {.name = "retry", .before = with_refusals, .run = cmd_retry},
        {.name = "approve", .before = removals_are_held, .run = cmd_approve},
        {.name = "reset", .before = left_open, .run = cmd_reset, .forgets = true},
        {.name = "forget", .before = another_row_was_delivered, .run = cmd_forget, .step = 3},
    };

    (void)state;
    each_fails(sizeof commands / sizeof *commands, commands);
}

static void
test_the_state_as_a_whole(void **state)
{
    static const struct eachcall commands[] = {
        {.name = "state check", .before = left_open, .run = cmd_state_check, .looks = true},
        {.name = "state export", .before = left_open, .run = cmd_export, .looks = true},
        {.name = "state import",
         .before = an_export_was_made,
         .run = cmd_import,
         .then = "there is a state"},
        {.name = "state purge", .before = another_sync_was_there, .run = cmd_purge},
        {.name = "state purge, no folder",
         .before = a_sync_without_a_folder,
         .run = cmd_purge,
         .then = "knows no sync"},
        {.name = "state check, no folder",
         .before = a_sync_without_a_folder,
         .run = cmd_state_check,
         .looks = true},
        {.name = "state check, no state",
         .before = there_is_no_state,
         .run = cmd_state_check,
         .forgets = true,
         .looks = true},
    };

    (void)state;
    each_fails(sizeof commands / sizeof *commands, commands);
}

static int
open_world(void **state)
{
    (void)state;
    runworld_open(&w, EFF_MODE_MIRROR);
    world.sqlite_bytes = sqlite3_memory_used();
    w.sync.read_back = w.reads = w.describes = true;
    w.schema = (struct eff_schema){
        .known = true, .object_exists = true, .fields_count = 2, .fields = schema_fields};
    w.limits.bytes_max = 100;
    return 0;
}

static int
close_world(void **state)
{
    (void)state;
    runworld_close(&w);
    moving = false;
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_runs, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_runs_with_keys, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_runs_that_move, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_runs_with_odd_rows, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_a_state_that_is_older, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_verbs, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_the_state_as_a_whole, open_world, close_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
