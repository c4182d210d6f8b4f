// links: base flow os conf state source batch diff plan dest deliver record run testlib assets
// timeout: 600
/*
 * Goal: a process that dies at any file call loses nothing and lies about nothing.
 * Method: a sync between a source and a destination in memory. The n-th file call
 * fails, once with ENOSPC or for good (the process is dead), for every n until a
 * run survives; after each, the model changes once more and a healthy run must
 * make the destination equal to it, settle every row, and leave nothing for the
 * run after it. Growing, shrinking and changing models, with and without removal.
 * covers: A1, A2, A5, A6, A7, F1, F2
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dest/dest.h"
#include "lib/testos.h"
#include "run/run.h"
#include "source/source.h"

#include <cmocka.h>

#define KEYS 400

struct world {
    struct testos os;
    char *folder;
    int64_t model[KEYS]; /* 0: there is no such row */
    int64_t held[KEYS];  /* what the destination has */
    uint64_t applied;
    struct eff_arena process;
    struct eff_source_conf source_conf;
    struct eff_dest_conf dest_conf;
    struct eff_sync_conf sync;
    struct eff_project project;
    struct eff_kind_desc source_kind, dest_kind;
    struct eff_dest_kind dest_ops;
};

static struct world *the_world; /* drivers are opened by a configuration, which names nobody */

/* ---- the source ---- */

struct fake_source {
    struct eff_source base;
    bool given;
    struct eff_value cells[KEYS * 2];
};

static const struct eff_column fake_columns[] = {{.name = EFF_STR("id"), .kind = EFF_INT},
                                                 {.name = EFF_STR("score"), .kind = EFF_INT}};

static enum eff_fault source_open(const void *config, struct eff_os *os, struct eff_arena *run,
                                  struct eff_source **ret_source, struct eff_err *err);

static enum eff_fault
source_query(struct eff_source *source, eff_str sql, struct eff_columns *ret_columns,
             struct eff_err *err)
{
    (void)sql;
    (void)err;
    ((struct fake_source *)source)->given = false;
    *ret_columns = (struct eff_columns){2, fake_columns};
    return EFF_OK;
}

static enum eff_fault
source_next(struct eff_source *source, struct eff_batch *ret_batch, struct eff_err *err)
{
    struct fake_source *fake = (struct fake_source *)source;
    size_t rows = 0;

    (void)err;
    for (size_t i = 0; i < KEYS && !fake->given; i++) {
        if (the_world->model[i] == 0)
            continue;
        fake->cells[rows * 2] = eff_value_of_int(EFF_INT, (int64_t)i);
        fake->cells[rows * 2 + 1] = eff_value_of_int(EFF_INT, the_world->model[i]);
        rows++;
    }
    fake->given = true;
    *ret_batch = (struct eff_batch){rows, 2, fake->cells};
    return EFF_OK;
}

static void
source_close(struct eff_source *source)
{
    (void)source;
}

static const struct eff_source_ops fake_source_ops = {.kind = "fake",
                                                      .open = source_open,
                                                      .query = source_query,
                                                      .next = source_next,
                                                      .cancel = source_close,
                                                      .close = source_close};

static enum eff_fault
source_open(const void *config, struct eff_os *os, struct eff_arena *run,
            struct eff_source **ret_source, struct eff_err *err)
{
    struct fake_source *fake = eff_new(run, struct fake_source, 1);

    (void)config;
    (void)os;
    (void)err;
    fake->base.ops = &fake_source_ops;
    *ret_source = &fake->base;
    return EFF_OK;
}

/* ---- the destination: applies at once, remembers for good ---- */

static enum eff_fault
dest_bind(struct eff_dest *dest, const struct eff_dest_sync *sync,
          struct eff_op_limits limits[EFF_OPS_COUNT], struct eff_err *err)
{
    (void)dest;
    (void)sync;
    (void)err;
    for (enum eff_op op = EFF_OP_UPSERT; op < EFF_OPS_COUNT; op++)
        limits[op] = (struct eff_op_limits){
            .supported = true, .class = EFF_CLASS_CONVERGE, .rows_max = 50, .concurrency = 1};
    return EFF_OK;
}

static struct eff_step
dest_step(struct eff_dest *dest, struct eff_task *task, const struct eff_response *last,
          struct eff_err *err)
{
    struct eff_delivery *delivery = task->delivery;

    (void)dest;
    (void)last;
    (void)err;
    for (size_t i = 0; delivery && i < delivery->count; i++) {
        struct eff_item *item = &delivery->items[i];

        assert_int_equal(item->match[0].kind, EFF_INT);
        the_world->held[item->match[0].i] = delivery->op == EFF_OP_DELETE ? 0 : item->fields[0].i;
        the_world->applied++;
        item->verdict = (struct eff_verdict){.outcome = EFF_APPLIED};
    }
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static enum eff_fault dest_open(const struct eff_dest_conf *conf, struct eff_arena *run,
                                struct eff_dest **ret_dest, struct eff_err *err);

static const struct eff_dest_ops fake_dest_ops = {
    .kind = "fake", .title = "Fake", .open = dest_open, .bind = dest_bind, .step = dest_step};

static enum eff_fault
dest_open(const struct eff_dest_conf *conf, struct eff_arena *run, struct eff_dest **ret_dest,
          struct eff_err *err)
{
    struct eff_dest *dest = eff_new(run, struct eff_dest, 1);

    (void)err;
    *dest = (struct eff_dest){.ops = &fake_dest_ops, .conf = conf, .account = EFF_STR("fake")};
    *ret_dest = dest;
    return EFF_OK;
}

/* ---- a world ---- */

static void
world_open(struct world *w, enum eff_mode mode)
{
    static const eff_str key[] = {EFF_STR("id")};
    static const struct eff_field_conf fields[] = {
        {.name = EFF_STR("score"), .from = EFF_STR("score")}};

    memset(w, 0, sizeof *w);
    the_world = w;
    testos_init(&w->os, 1);
    w->folder = testos_folder();
    eff_arena_init(&w->process, "process", (size_t)1 << 30);
    w->source_kind.user = &fake_source_ops;
    w->source_conf = (struct eff_source_conf){.name = EFF_STR("s"), .kind = &w->source_kind};
    w->dest_ops.ops = &fake_dest_ops;
    w->dest_kind.user = &w->dest_ops;
    w->dest_conf = (struct eff_dest_conf){.name = EFF_STR("d"), .kind = &w->dest_kind};
    w->sync = (struct eff_sync_conf){
        .name = EFF_STR("scores"),
        .source = &w->source_conf,
        .model_kind = EFF_MODEL_SQL,
        .model = EFF_STR("SELECT 1"),
        .key_count = 1,
        .key = key,
        .dest = &w->dest_conf,
        .object = EFF_STR("o"),
        .mode = mode,
        .fields_count = 1,
        .fields = fields,
        .on_removed = mode == EFF_MODE_MIRROR ? EFF_REMOVED_DELETE : EFF_REMOVED_KEEP,
        .guard_removed_percent = 100,
        .guard_removed_rows = -1,
        .guard_changed_percent = -1,
        .enabled = true,
        .memory_bytes = 16 << 20,
    };
    w->project = (struct eff_project){.name = EFF_STR("p"), .root = eff_str_of(w->folder)};
    w->project.state = eff_str_printf(&w->process, "%s/state", w->folder);
}

static void
world_close(struct world *w)
{
    testos_remove(w->folder);
    free(w->folder);
    eff_arena_deinit(&w->process);
}

static struct eff_report
world_run(struct world *w)
{
    struct eff_run_options options = {.limit = -1};
    struct eff_report report;

    eff_run_sync(&w->project, &w->sync, &w->os.os, &options, &w->process, &report);
    return report;
}

/* Some rows change, some come, some go: which ones follows from the round. */
static void
world_live(struct world *w, unsigned round)
{
    uint32_t x = round * 2654435761u + 12345;

    for (size_t i = 0; i < KEYS; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        if (x % 7 == 0)
            w->model[i] = 1 + (int64_t)(x % 1000) + (int64_t)round * 1000;
        else if (x % 41 == 0)
            w->model[i] = 0;
    }
}

static void
world_expect_equal(const struct world *w, bool removes)
{
    for (size_t i = 0; i < KEYS; i++)
        if (removes || w->model[i] != 0)
            assert_int_equal(w->held[i], w->model[i]);
}

static bool
status_is_honest(const struct eff_report *report, const struct world *w)
{
    if (report->status != EFF_STATUS_OK)
        return report->problems_count > 0;
    for (size_t i = 0; i < KEYS; i++)
        if (w->model[i] != 0 && w->held[i] != w->model[i])
            return false;
    return true;
}

/* The n-th of the calls fails; then the world goes on and a healthy run follows. */
static bool
sweep_at(struct world *w, unsigned calls, uint64_t n, int code, bool forever, bool removes)
{
    struct eff_report report;
    uint64_t applied;
    bool survived;

    world_live(w, (unsigned)n * 2);
    testos_plan(&w->os, calls, n, code, forever);
    report = world_run(w);
    survived = !w->os.failed;
    assert_true(status_is_honest(&report, w));
    testos_plan(&w->os, 0, 0, 0, false);

    world_live(w, (unsigned)n * 2 + 1);
    report = world_run(w);
    if (report.status != EFF_STATUS_OK)
        fail_msg("call %llu: the run after it was not ok: " EFF_STR_FMT, (unsigned long long)n,
                 EFF_STR_ARG(report.problems_count ? report.problems[0].message : EFF_STR("?")));
    assert_int_equal(report.pending + report.rejected + report.held, 0);
    world_expect_equal(w, removes);

    applied = w->applied;
    report = world_run(w);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.planned, 0);
    assert_int_equal(w->applied, applied);
    assert_int_equal(w->os.open_files, 0);
    eff_arena_reset(&w->process);
    w->project.state = eff_str_printf(&w->process, "%s/state", w->folder);
    return survived;
}

static void
sweep(enum eff_mode mode, unsigned calls, int code, bool forever)
{
    struct world w;
    uint64_t n = 1;

    world_open(&w, mode);
    world_live(&w, 1);
    world_run(&w);
    while (!sweep_at(&w, calls, n, code, forever, mode == EFF_MODE_MIRROR))
        n++;
    assert_true(n > 10);
    print_message("%llu calls failed once each\n", (unsigned long long)(n - 1));
    world_close(&w);
}

static void
test_death_at_each_change_of_a_mirror(void **state)
{
    (void)state;
    sweep(EFF_MODE_MIRROR, TESTOS_CHANGES, EIO, true);
}

static void
test_death_at_each_change_of_an_upsert(void **state)
{
    (void)state;
    sweep(EFF_MODE_UPSERT, TESTOS_CHANGES, EIO, true);
}

static void
test_disk_full_at_each_change(void **state)
{
    (void)state;
    sweep(EFF_MODE_MIRROR, TESTOS_CHANGES, ENOSPC, false);
}

static void
test_each_call_fails_once(void **state)
{
    (void)state;
    sweep(EFF_MODE_MIRROR, TESTOS_ALL, EIO, false);
}

/*
 * What an earlier process left may be built on only once its folder is durable: the log of a
 * commit that failed could come back (simulator, seeds 668 and 23737).
 */
static void
test_nothing_is_sent_before_the_folder_is_durable(void **state)
{
    unsigned resumed = 0;

    (void)state;
    for (uint64_t n = 1; n <= 30; n++) {
        struct eff_report report;
        struct world w;
        uint64_t applied;

        world_open(&w, EFF_MODE_MIRROR);
        world_live(&w, 1);
        testos_plan(&w.os, TESTOS_CHANGES, n, EIO, true);
        world_run(&w);
        applied = w.applied;
        testos_plan(&w.os, TESTOS_SYNC_DIR, 1, EIO, true);
        report = world_run(&w);
        resumed += report.has_resumed;
        assert_int_equal(w.applied, applied);
        testos_plan(&w.os, 0, 0, 0, false);
        assert_int_equal(world_run(&w).status, EFF_STATUS_OK);
        world_expect_equal(&w, true);
        world_close(&w);
    }
    assert_true(resumed > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_death_at_each_change_of_a_mirror),
        cmocka_unit_test(test_death_at_each_change_of_an_upsert),
        cmocka_unit_test(test_disk_full_at_each_change),
        cmocka_unit_test(test_each_call_fails_once),
        cmocka_unit_test(test_nothing_is_sent_before_the_folder_is_durable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
