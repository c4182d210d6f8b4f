// links: base flow os conf state source batch diff plan dest deliver record run testlib assets
/*
 * Goal: a state that is put back from a backup is noticed; what it has forgotten is not sent as
 * new once more, and nothing is removed on its word, before a person says so.
 * Method: a sync in memory, whose state is copied away between two runs and put back after more of
 * them; without a mark, with a broken one, with a copy beside it; released by each way there is.
 * The first run dies at each call that makes a name or makes one durable; later the power fails, and
 * the names that are not durable go.
 * covers: A16
 */
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/nosync.h"
#include "lib/runworld.h"

#include <cmocka.h>

static unsigned made[RUNWORLD_KEYS]; /* how often each record or event was made */
static const char *copy_to; /* the state is copied there before the next rows are applied */

static void
older_copy(struct runworld *w, const char *from, const char *to)
{
    char command[512];

    snprintf(command, sizeof command, "rm -rf '%s/%s' && cp -a '%s/%s' '%s/%s'", w->folder, to,
             w->folder, from, w->folder, to);
    assert_int_equal(system(command), 0);
}

static bool
older_judge(struct runworld *w, enum eff_op op, struct eff_item *item)
{
    (void)w;
    made[item->match[0].i] += op == EFF_OP_CREATE || op == EFF_OP_APPEND;
    return false;
}

static struct eff_step
older_step(struct runworld *w, struct eff_task *task, const struct eff_response *last,
           struct eff_err *err)
{
    (void)last;
    (void)err;
    if (copy_to && task->kind == EFF_TASK_DELIVER)
        older_copy(w, "state", copy_to);
    copy_to = NULL;
    return (struct eff_step){0};
}

static void
copy_before_the_plan(struct runworld *w)
{
    older_copy(w, "state", "backup");
}

/* Some time after the one before. */
static struct eff_report
older_run(struct runworld *w)
{
    const struct eff_run_options options = {.limit = -1};

    w->os.wall_ms += 60000;
    return runworld_run(w, &options);
}

static void
older_world(struct runworld *w, enum eff_mode mode)
{
    runworld_open(w, mode);
    w->judge = older_judge;
    w->step = older_step;
    w->reads = true;
    w->limits.class = mode == EFF_MODE_APPEND   ? EFF_CLASS_BLIND
                      : mode == EFF_MODE_INSERT ? EFF_CLASS_LOOKUP
                                                : EFF_CLASS_CONVERGE;
    w->project.marks = eff_str_printf(&w->process, "%s/user/.local/marks", w->folder);
    memset(made, 0, sizeof made);
}

/* Rows 0 to 9 are delivered, the state is copied away, then rows 10 to 14 come. */
static void
older_open(struct runworld *w, enum eff_mode mode)
{
    older_world(w, mode);
    for (size_t i = 0; i < 10; i++)
        w->model[i] = 1 + (int64_t)i;
    assert_int_equal(older_run(w).status, EFF_STATUS_OK);
    older_copy(w, "state", "backup");
    for (size_t i = 10; i < 15; i++)
        w->model[i] = 1 + (int64_t)i;
    assert_int_equal(older_run(w).status, EFF_STATUS_OK);
}

static void
older_restore(struct runworld *w)
{
    older_copy(w, "backup", "state");
}

static void
older_approve(struct runworld *w, const struct eff_report *report)
{
    struct eff_err err = {0};

    assert_int_equal(
        eff_run_approve(&w->project, &w->sync, &w->os.os, report->plan, &w->process, &err), EFF_OK);
}

static struct eff_report
older_look(struct runworld *w, const struct eff_look_options *look)
{
    w->os.wall_ms += 60000;
    return runworld_look(w, look);
}

static void
each_made_once(const struct runworld *w)
{
    for (size_t i = 0; i < RUNWORLD_KEYS; i++)
        assert_int_equal(made[i], w->model[i] != 0);
}

/* ---- what is held, and what is not ---- */

static void
events_are_not_sent_again(void **state)
{
    const struct eff_run_problem *problem;
    struct eff_report report;
    struct runworld w;

    (void)state;
    older_open(&w, EFF_MODE_APPEND);
    older_restore(&w);
    for (int i = 0; i < 3; i++) { /* until somebody decides, however often it runs */
        report = older_run(&w);
        assert_int_equal(report.status, EFF_STATUS_HELD);
        assert_int_equal(report.held, 5);
        assert_int_equal(report.delivered, 0);
        problem = runworld_problem(&report, "EFF2141");
        assert_non_null(problem);
        assert_int_equal(problem->rows, 5);
        assert_true(eff_str_find(problem->hint, EFF_STR("adopt scores --unseen")) < SIZE_MAX);
        each_made_once(&w);
    }
    older_approve(&w, &report);
    report = older_run(&w);
    assert_int_equal(report.delivered, 5);
    assert_int_equal(made[12], 2);
    w.model[20] = 7;
    assert_int_equal(older_run(&w).delivered, 1);
    runworld_close(&w);
}

static void
all_may_be_taken_as_delivered(void **state)
{
    const struct eff_look_options unseen = {.adopt = true, .unseen = true, .write = true};
    struct eff_report report;
    struct runworld w;

    (void)state;
    older_open(&w, EFF_MODE_APPEND);
    older_restore(&w);
    report = older_look(&w, &unseen);
    assert_int_equal(report.unchanged, 15);
    w.model[20] = 7;
    report = older_run(&w);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.delivered, 1);
    each_made_once(&w);
    runworld_close(&w);
}

static void
records_are_looked_for_before_they_are_made(void **state)
{
    const struct eff_look_options adopt = {.adopt = true, .write = true};
    struct eff_report report;
    struct runworld w;

    (void)state;
    older_open(&w, EFF_MODE_INSERT);
    older_restore(&w);
    w.model[20] = 7; /* really new */
    report = older_run(&w);
    assert_int_equal(report.held, 6);
    older_look(&w, &adopt);
    report = older_run(&w);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.delivered, 1);
    each_made_once(&w);
    runworld_close(&w);
}

/* A mirror: what it lacks is written again, harmlessly; what it would remove is held. */
static void
removals_wait_and_upserts_go_on(void **state)
{
    struct eff_report report;
    struct runworld w;

    (void)state;
    older_open(&w, EFF_MODE_MIRROR);
    w.model[3] = 0;
    older_run(&w);
    assert_int_equal(w.held[3], 0);
    w.held[3] = 99; /* by somebody else since */
    older_restore(&w);
    report = older_run(&w);
    assert_int_equal(report.status, EFF_STATUS_HELD);
    assert_int_equal(report.delivered, 14);
    assert_int_equal(report.held, 1);
    assert_int_equal(w.held[3], 99);
    report = older_run(&w);
    assert_int_equal(report.delivered, 0);
    assert_int_equal(report.held, 1);
    assert_int_equal(w.held[3], 99);
    older_approve(&w, &report);
    report = older_run(&w);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(w.held[3], 0);
    assert_null(runworld_problem(&report, "EFF2141"));
    runworld_close(&w);
}

static void
an_upsert_says_it_once_and_goes_on(void **state)
{
    struct eff_report report;
    struct runworld w;

    (void)state;
    older_open(&w, EFF_MODE_UPSERT);
    w.model[2] = 50;
    older_run(&w);
    w.model[2] = 3; /* back to what the backup knows */
    older_restore(&w);
    report = older_run(&w);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.delivered, 15);
    assert_int_equal(w.held[2], 3);
    assert_non_null(runworld_problem(&report, "EFF2142"));
    report = older_run(&w);
    assert_int_equal(report.problems_count, 0);
    older_restore(&w);
    report = older_run(&w);
    assert_non_null(runworld_problem(&report, "EFF2142"));
    runworld_close(&w);
}

/* A run that was open when the copy was made: its values are old, and a later run finished it. */
static void
a_run_from_before_the_backup_is_not_gone_on_with(void **state)
{
    struct eff_report report;
    struct runworld w;

    (void)state;
    older_world(&w, EFF_MODE_UPSERT);
    for (size_t i = 0; i < 10; i++)
        w.model[i] = 1;
    copy_to = "backup";
    assert_int_equal(older_run(&w).delivered, 10);
    for (size_t i = 0; i < 10; i++)
        w.model[i] = 2;
    older_run(&w);
    assert_int_equal(w.held[5], 2);
    older_restore(&w);
    w.applied = 0;
    report = older_run(&w);
    assert_int_equal(report.resumed.superseded, 10);
    assert_int_equal(report.resumed.delivered, 0);
    assert_int_equal(report.delivered, 10);
    assert_int_equal(w.applied, 10);
    assert_int_equal(w.held[5], 2);
    runworld_close(&w);
}

/* A copy from the middle of the newest run, by a snapshot of the file system: it lacks the end. */
static void
the_middle_of_a_run_is_older_than_its_end(void **state)
{
    struct eff_report report;
    struct runworld w;

    (void)state;
    older_world(&w, EFF_MODE_APPEND);
    for (size_t i = 0; i < 25; i++)
        w.model[i] = 1;
    copy_to = "backup";
    assert_int_equal(older_run(&w).delivered, 25);
    older_restore(&w);
    report = older_run(&w);
    assert_int_equal(report.resumed.superseded, 25);
    assert_int_equal(report.held, 25);
    assert_non_null(runworld_problem(&report, "EFF2141"));
    each_made_once(&w);
    runworld_close(&w);
}

/* ---- ways out, and what is no evidence ---- */

static void
reset_begins_anew(void **state)
{
    struct eff_err err = {0};
    struct eff_report report;
    struct runworld w;
    uint64_t rows;

    (void)state;
    older_open(&w, EFF_MODE_APPEND);
    older_restore(&w);
    assert_int_equal(older_run(&w).status, EFF_STATUS_HELD);
    assert_int_equal(eff_run_reset(&w.project, &w.sync, &w.os.os, true, &w.process, &rows, &err),
                     EFF_OK);
    report = older_run(&w);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.delivered, 15);
    runworld_close(&w);
}

static void
a_plan_tells_and_changes_nothing(void **state)
{
    struct eff_run_options options = {.plan = true, .limit = -1};
    struct eff_report report;
    struct runworld w;

    (void)state;
    older_open(&w, EFF_MODE_APPEND);
    older_restore(&w);
    for (int i = 0; i < 2; i++) {
        eff_run_sync(&w.project, &w.sync, &w.os.os, &options, &w.process, &report);
        assert_non_null(runworld_problem(&report, "EFF2141"));
    }
    older_copy(&w, "backup", "compare"); /* another state is not the one that was put back */
    older_run(&w);
    options.state = eff_str_printf(&w.process, "%s/compare", w.folder);
    eff_run_sync(&w.project, &w.sync, &w.os.os, &options, &w.process, &report);
    assert_null(runworld_problem(&report, "EFF2141"));
    runworld_close(&w);
}

/* Without the folder, with one that cannot be written, with rubbish in it: nothing is claimed. */
static void
without_a_mark_nothing_is_claimed(void **state)
{
    struct runworld w;

    (void)state;
    for (int i = 0; i < 3; i++) {
        char command[512];

        older_open(&w, EFF_MODE_APPEND);
        older_restore(&w);
        snprintf(command, sizeof command,
                 i == 0   ? "rm -r '%s/user'"
                 : i == 1 ? "rm -r '%s/user' && touch '%s/user'"
                          : "for f in '%s/user/.local/marks/'*; do echo rubbish > \"$f\"; done",
                 w.folder, w.folder);
        assert_int_equal(system(command), 0);
        assert_int_equal(older_run(&w).delivered, 5);
        assert_int_equal(older_run(&w).status, EFF_STATUS_OK);
        w.project.marks = EFF_STR_NONE;
        assert_int_equal(older_run(&w).status, EFF_STATUS_OK);
        runworld_close(&w);
    }
}

/* A run's name, a space, a number of six digits, and a line's end: what is not just that is none. */
static void
a_mark_that_is_damaged_claims_nothing(void **state)
{
    static const char *const marks[] = {
        "7ZZZZZZZZZZZZZZZZZZZZZZZZZ 000001 ",  "7ZZZZZZZZZZZZZZZZZZZZZZZZZ_000001\n",
        "7ZZZZZZZZZZZZZZZZZZZZZZZZ! 000001\n", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ 00000x\n",
        "7ZZZZZZZZZZZZZZZZZZZZZZZZZ 000001\n",
    };
    const size_t count = sizeof marks / sizeof *marks;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct eff_report report;
        struct runworld w;
        char command[512];

        older_open(&w, EFF_MODE_APPEND);
        older_restore(&w);
        snprintf(command, sizeof command,
                 "for f in '%s/user/.local/marks/'*; do printf '%s' > \"$f\"; done", w.folder,
                 marks[i]);
        assert_int_equal(system(command), 0);
        report = older_run(&w);
        assert_int_equal(report.delivered, i + 1 < count ? 5 : 0); // the last one is a mark
        assert_int_equal(runworld_problem(&report, "EFF2141") != NULL, i + 1 == count);
        runworld_close(&w);
    }
}

/* The backup is from before its first plan: no run is known to it. */
static void
a_state_without_a_run_may_be_older(void **state)
{
    const struct eff_run_problem *problem;
    struct eff_report report;
    struct runworld w;

    (void)state;
    older_world(&w, EFF_MODE_UPSERT);
    w.query = copy_before_the_plan;
    w.model[1] = 1;
    assert_int_equal(older_run(&w).status, EFF_STATUS_OK);
    w.query = NULL;
    older_restore(&w);
    report = older_run(&w);
    problem = runworld_problem(&report, "EFF2142");
    assert_non_null(problem);
    assert_true(eff_str_find(problem->message, EFF_STR("it ends with no run")) < SIZE_MAX);
    assert_int_equal(report.delivered, 1);
    assert_null(runworld_problem((report = older_run(&w), &report), "EFF2142"));
    runworld_close(&w);
}

/* It has delivered nothing yet: all of the model is sent. */
static void
an_empty_state_may_be_older(void **state)
{
    struct eff_report report;
    struct runworld w;

    (void)state;
    older_world(&w, EFF_MODE_UPSERT);
    assert_int_equal(older_run(&w).status, EFF_STATUS_OK);
    older_copy(&w, "state", "backup");
    w.model[1] = w.model[2] = 3;
    assert_int_equal(older_run(&w).delivered, 2);
    older_restore(&w);
    report = older_run(&w);
    assert_non_null(runworld_problem(&report, "EFF2142"));
    assert_int_equal(report.delivered, 2);
    assert_int_equal(older_run(&w).planned, 0);
    runworld_close(&w);
}

/* Whether the others are as they were, some rows do not tell. */
static void
some_rows_do_not_settle_it(void **state)
{
    const eff_str key = EFF_STR("3");
    const struct eff_run_options some = {.limit = -1, .keys_count = 1, .keys = &key};
    struct eff_report report;
    struct runworld w;

    (void)state;
    older_open(&w, EFF_MODE_UPSERT);
    older_restore(&w);
    for (int i = 0; i < 2; i++) {
        w.os.wall_ms += 60000;
        report = runworld_run(&w, &some);
        assert_int_equal(report.read, 1);
        assert_non_null(runworld_problem(&report, "EFF2142"));
    }
    report = older_run(&w);
    assert_non_null(runworld_problem(&report, "EFF2142"));
    assert_int_equal(older_run(&w).problems_count, 0);
    runworld_close(&w);
}

/* A new column is not sent of events that were: they are taken note of beside what is held. */
static void
a_new_column_beside_what_is_held(void **state)
{
    struct eff_report report;
    struct runworld w;

    (void)state;
    older_open(&w, EFF_MODE_APPEND);
    older_restore(&w);
    runworld_column(&w, "note", eff_value_of_str(EFF_TEXT, EFF_STR("n")));
    for (int i = 0; i < 2; i++) {
        report = older_run(&w);
        assert_int_equal(report.status, EFF_STATUS_HELD);
        assert_int_equal(report.held, 5);
        assert_int_equal(report.unchanged, 10);
    }
    each_made_once(&w);
    runworld_close(&w);
}

/* Where to send a row again makes it twice, all of it is held, and told once: not as changes, too. */
static void
changes_that_make_anew_are_told_once(void **state)
{
    struct eff_report report;
    struct runworld w;

    (void)state;
    for (int blind = 0; blind < 2; blind++) {
        older_open(&w, EFF_MODE_UPSERT);
        w.limits.class = blind ? EFF_CLASS_BLIND : EFF_CLASS_CONVERGE;
        w.sync.guard_changed_percent = 10;
        older_restore(&w);
        for (size_t i = 0; i < 10; i++)
            w.model[i] += 100;
        report = older_run(&w);
        assert_int_equal(report.status, EFF_STATUS_HELD);
        assert_int_equal(runworld_problem(&report, "EFF2141") != NULL, blind);
        assert_int_equal(runworld_problem(&report, "EFF2117") != NULL, !blind);
        assert_int_equal(report.held, blind ? 15 : 10);
        assert_int_equal(w.held[3], 4);
        runworld_close(&w);
    }
}

/* A clone for a test, and a state that moves, are not taken for one that was put back. */
static void
a_copy_at_another_place_is_another_state(void **state)
{
    struct runworld w;
    eff_str own;

    (void)state;
    older_open(&w, EFF_MODE_APPEND);
    own = w.project.state;
    w.project.state = eff_str_printf(&w.process, "%s/backup", w.folder);
    assert_int_equal(older_run(&w).delivered, 5);
    w.model[20] = 7;
    assert_int_equal(older_run(&w).delivered, 1);
    w.project.state = own; /* it has not run as often, and lacks nothing of its own */
    assert_int_equal(older_run(&w).delivered, 1);
    runworld_close(&w);
}

/* ---- power ---- */

static const char *const mark_names[] = {"user", "user/.local", "user/.local/marks",
                                         "user/.local/marks/*"};
static const char *power_folder;
static bool mark_durable[sizeof mark_names / sizeof mark_names[0]];
static enum eff_fault (*sync_dir)(void *self, const char *path, struct eff_err *err);

/* What is there is durable once the folder in which it stands was synced. */
static enum eff_fault
power_sync_dir(void *self, const char *path, struct eff_err *err)
{
    char name[512];
    glob_t found;

    EFF_TRY(sync_dir(self, path, err));
    for (size_t i = 0; i < sizeof mark_names / sizeof mark_names[0]; i++) {
        snprintf(name, sizeof name, "%s/%s", power_folder, mark_names[i]);
        if (strlen(path) != (size_t)(strrchr(name, '/') - name) ||
            strncmp(path, name, strlen(path)) != 0 || glob(name, 0, NULL, &found) != 0)
            continue;
        mark_durable[i] = true;
        globfree(&found);
    }
    return EFF_OK;
}

static void
power_lost(const struct runworld *w)
{
    char command[512];

    for (size_t i = 0; i < sizeof mark_names / sizeof mark_names[0]; i++) {
        snprintf(command, sizeof command, "rm -rf '%s/'%s", w->folder, mark_names[i]);
        if (!mark_durable[i])
            assert_int_equal(system(command), 0);
    }
}

/* A run may have died between the mark's name and its sync (simulator, seed 21100). */
static void
a_mark_outlives_a_power_loss(void **state)
{
    bool died = true;

    (void)state;
    for (uint64_t n = 1; died; n++) {
        struct eff_report report;
        struct runworld w;

        older_world(&w, EFF_MODE_INSERT);
        memset(mark_durable, 0, sizeof mark_durable);
        power_folder = w.folder;
        sync_dir = w.os.os.sync_dir;
        w.os.os.sync_dir = power_sync_dir;
        w.model[0] = 1;
        testos_plan(&w.os, TESTOS_OPEN | TESTOS_SYNC_DIR, n, EIO, true);
        older_run(&w);
        died = w.os.failed;
        testos_plan(&w.os, 0, 0, 0, false);
        older_run(&w);
        older_copy(&w, "state", "backup");
        w.model[1] = 2;
        older_run(&w);
        assert_int_equal(made[1], 1);
        power_lost(&w);
        older_restore(&w);
        report = older_run(&w);
        assert_non_null(runworld_problem(&report, "EFF2141"));
        assert_int_equal(made[1], 1);
        runworld_close(&w);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_not_sent_again),
        cmocka_unit_test(all_may_be_taken_as_delivered),
        cmocka_unit_test(records_are_looked_for_before_they_are_made),
        cmocka_unit_test(removals_wait_and_upserts_go_on),
        cmocka_unit_test(an_upsert_says_it_once_and_goes_on),
        cmocka_unit_test(a_run_from_before_the_backup_is_not_gone_on_with),
        cmocka_unit_test(the_middle_of_a_run_is_older_than_its_end),
        cmocka_unit_test(reset_begins_anew),
        cmocka_unit_test(a_plan_tells_and_changes_nothing),
        cmocka_unit_test(without_a_mark_nothing_is_claimed),
        cmocka_unit_test(a_mark_that_is_damaged_claims_nothing),
        cmocka_unit_test(a_state_without_a_run_may_be_older),
        cmocka_unit_test(an_empty_state_may_be_older),
        cmocka_unit_test(some_rows_do_not_settle_it),
        cmocka_unit_test(a_new_column_beside_what_is_held),
        cmocka_unit_test(changes_that_make_anew_are_told_once),
        cmocka_unit_test(a_copy_at_another_place_is_another_state),
        cmocka_unit_test(a_mark_outlives_a_power_loss),
    };

    return cmocka_run_group_tests_name("run_older", tests, NULL, NULL);
}
