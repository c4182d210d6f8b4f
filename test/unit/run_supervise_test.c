// links: base flow os conf state run
/*
 * Goal: several syncs run side by side within their bounds, and each has a report,
 * however its process ends.
 * Method: this file brings its own eff_run_sync, whose behaviour follows from the
 * sync's name; what ran when is written into memory that the processes share.
 * covers: C14
 */
#include "dest/dest.h"
#include "run/run.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define SYNCS 8

struct shared {
    atomic_int clock, running, most;
    atomic_int started[SYNCS], ended[SYNCS]; /* ticks of the clock; 0: never */
    atomic_int on_dest[2], most_on_dest[2];
};

struct world {
    struct eff_arena arena;
    struct eff_os *os;
    struct eff_project project;
    struct eff_sync_conf syncs[SYNCS];
    struct eff_dest_conf dests[2];
    bool chosen[SYNCS];
    struct eff_run_options options;
    struct eff_report reports[SYNCS];
    struct shared *shared;
    size_t count;
    int progresses, finished;
    struct eff_progress last;
};

static struct world world;

static void
at_most(atomic_int *most, int value)
{
    if (value > atomic_load(most))
        atomic_store(most, value);
}

/* ---- the sync that is run ---- */

static void
die_with(struct eff_hand *hand, struct eff_held held, int signal_number)
{
    hand->now = held;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

/* It dies at one row: alone, in a batch, at another one each time, or without knowing its key. */
static void
poison(eff_str name, struct eff_hand *hand, struct eff_report *report)
{
    struct eff_held held = {.row = 7, .key = {7, 7}, .run = "0123456789ABCDEFGHJKMNPQRS"};
    bool apart = eff_hand_is_apart(hand, (eff_str){held.run, sizeof held.run}, 3);

    report->requests = hand->deaths;
    report->invalid = hand->aside_count;
    report->read += hand->aside_count;
    if (eff_str_eq(name, EFF_STR("poison_killed")))
        die_with(hand, held, SIGKILL);
    if (eff_str_eq(name, EFF_STR("poison_unknown")))
        die_with(hand, (struct eff_held){.row = 7}, SIGSEGV);
    if (eff_str_eq(name, EFF_STR("poison_any")))
        held.key.lo += hand->deaths;
    if (eff_str_eq(name, EFF_STR("poison_batch"))) {
        held.batch = 3;
        held.rows = apart ? 1 : 10;
        if (!apart && hand->aside_count == 0)
            held.key = (struct eff_hash128){0};
    }
    if (!eff_hand_is_aside(hand, held.key))
        die_with(hand, held, eff_str_eq(name, EFF_STR("poison_batch")) ? SIGABRT : SIGBUS);
}

/* As a library does that writes into a descriptor which is not its own: each pipe of ours gets it. */
static void
garble(void)
{
    static const char text[] = "\nPno JSON\nX{}\nP{\"stage\":\"nonsense\",\"read\":-4}\n";
    struct stat info;

    for (int fd = STDERR_FILENO + 1; fd < 64; fd++)
        if (fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode) && fcntl(fd, F_GETFD) == FD_CLOEXEC)
            assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
}

static void
work(const struct eff_sync_conf *sync, const struct eff_run_options *options,
     struct eff_arena *process, struct eff_report *report)
{
    struct eff_progress progress = {.sync = sync->name, .stage = "send", .read = 5, .sent = 3};

    report->read = report->added = report->planned = report->delivered = 5;
    if (options->progress)
        options->progress(options->self, &progress);
    if (eff_str_starts(sync->name, EFF_STR("killed")))
        raise(SIGKILL);
    if (eff_str_starts(sync->name, EFF_STR("segv"))) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    }
    if (eff_str_starts(sync->name, EFF_STR("realtime")))
        raise(SIGRTMIN + 1);
    if (eff_str_starts(sync->name, EFF_STR("garbled")))
        garble();
    if (eff_str_starts(sync->name, EFF_STR("exit")))
        _exit(5);
    if (eff_str_starts(sync->name, EFF_STR("greedy")))
        eff_arena_alloc(process, 1, 1, (size_t)1 << 40);
    if (eff_str_starts(sync->name, EFF_STR("failing")))
        report->failed = true;
    if (eff_str_starts(sync->name, EFF_STR("poison")))
        poison(sync->name, options->hand, report);
}

void
eff_run_sync(const struct eff_project *project, const struct eff_sync_conf *sync, struct eff_os *os,
             const struct eff_run_options *options, struct eff_arena *process,
             struct eff_report *ret_report)
{
    size_t index = (size_t)(sync - project->syncs), dest = (size_t)(sync->dest - world.dests);
    struct shared *shared = world.shared;

    atomic_store(&shared->started[index], atomic_fetch_add(&shared->clock, 1) + 1);
    at_most(&shared->most, atomic_fetch_add(&shared->running, 1) + 1);
    at_most(&shared->most_on_dest[dest], atomic_fetch_add(&shared->on_dest[dest], 1) + 1);
    for (int i = 0; i < (eff_str_starts(sync->name, EFF_STR("slow")) ? 50 : 8) ||
                    (eff_str_starts(sync->name, EFF_STR("endless")) && os->go_on(os->self));
         i++)
        usleep(10000);
    atomic_fetch_sub(&shared->on_dest[dest], 1);
    atomic_fetch_sub(&shared->running, 1);
    atomic_store(&shared->ended[index], atomic_fetch_add(&shared->clock, 1) + 1);
    *ret_report = (struct eff_report){
        .sync = sync->name, .arena = process, .is_plan = options->plan, .seconds = 0.1};
    work(sync, options, process, ret_report);
    eff_report_close(ret_report);
}

/* ---- the world ---- */

static void
on_progress(void *self, const struct eff_progress *progress)
{
    struct world *w = self;

    w->progresses++;
    w->last = *progress;
}

static void
on_finished(void *self, const struct eff_report *report)
{
    struct world *w = self;

    assert_true(report->sync.len > 0);
    w->finished++;
}

static int
open_world(void **state)
{
    struct eff_err err = {0};

    (void)state;
    memset(&world, 0, sizeof world);
    eff_arena_init(&world.arena, "test", (size_t)64 << 20);
    assert_int_equal(eff_os_real(&world.arena, &world.os, &err), EFF_OK);
    world.shared =
        mmap(NULL, sizeof *world.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    world.project.syncs = world.syncs;
    world.project.state = EFF_STR("/nonexistent");
    world.options = (struct eff_run_options){
        .limit = -1, .progress = on_progress, .finished = on_finished, .self = &world};
    unsetenv("EFF_NO_FORK");
    return 0;
}

static int
close_world(void **state)
{
    (void)state;
    munmap(world.shared, sizeof *world.shared);
    eff_os_real_close(world.os);
    eff_arena_deinit(&world.arena);
    return 0;
}

static struct eff_sync_conf *
add(const char *name, size_t dest, const char *after)
{
    struct eff_sync_conf *sync = &world.syncs[world.project.syncs_count];
    eff_str *list = eff_new(&world.arena, eff_str, 1);

    world.chosen[world.project.syncs_count++] = true;
    sync->name = eff_str_of(name);
    sync->dest = &world.dests[dest];
    sync->enabled = true;
    if (after) {
        list[0] = eff_str_of(after);
        sync->after = list;
        sync->after_count = 1;
    }
    return sync;
}

static void
go(size_t jobs)
{
    world.count = eff_run_syncs(&world.project, world.chosen, jobs, world.os, &world.options,
                                &world.arena, world.reports);
    assert_int_equal(world.finished, world.count);
}

static void
says(size_t index, const char *code, const char *text)
{
    const struct eff_report *report = &world.reports[index];

    assert_int_equal(report->problems_count, 1);
    assert_string_equal(report->problems[0].code, code);
    if (eff_str_find(report->problems[0].message, eff_str_of(text)) == SIZE_MAX)
        fail_msg("it says: " EFF_STR_FMT, EFF_STR_ARG(report->problems[0].message));
}

/* ---- tests ---- */

static void
each_has_its_report(void **state)
{
    (void)state;
    add("a", 0, NULL);
    add("b", 1, NULL);
    world.chosen[1] = false;
    add("c", 1, NULL);
    go(4);
    assert_int_equal(world.count, 2);
    assert_true(eff_str_is(world.reports[0].sync, "a"));
    assert_true(eff_str_is(world.reports[1].sync, "c"));
    assert_int_equal(world.reports[1].delivered, 5);
    assert_int_equal(world.reports[1].status, EFF_STATUS_OK);
    assert_int_equal(world.progresses, 2);
    assert_string_equal(world.last.stage, "send");
    assert_int_equal(world.last.sent, 3);
    assert_int_equal(atomic_load(&world.shared->started[1]), 0);
}

static void
bounds_are_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < 6; i++)
        add(&"abcdef"[i], i % 2, NULL);
    go(4);
    assert_int_equal(world.count, 6);
    assert_int_equal(atomic_load(&world.shared->most), 2); // Two destinations, one at a time each.
    assert_int_equal(atomic_load(&world.shared->most_on_dest[0]), 1);
    assert_int_equal(atomic_load(&world.shared->most_on_dest[1]), 1);
}

static enum eff_fault shared_open(const struct eff_dest_conf *conf, struct eff_arena *run,
                                  struct eff_dest **ret_dest, struct eff_err *err);

static const struct eff_dest_ops shared_ops = {.kind = "fake", .open = shared_open};

/* A destination of which nothing is known but what its limits are shared by. */
static enum eff_fault
shared_open(const struct eff_dest_conf *conf, struct eff_arena *run, struct eff_dest **ret_dest,
            struct eff_err *err)
{
    (void)err;
    *ret_dest = eff_new(run, struct eff_dest, 1);
    (*ret_dest)->ops = &shared_ops;
    (*ret_dest)->budget = *(const eff_str *)conf->config;
    return EFF_OK;
}

static int
most_of_two_blocks(eff_str first, eff_str second)
{
    static const struct eff_dest_kind kind = {.ops = &shared_ops};
    static const struct eff_kind_desc desc = {.user = &kind};
    eff_str budgets[] = {first, second};

    for (size_t i = 0; i < 2; i++)
        world.dests[i] = (struct eff_dest_conf){.kind = &desc, .config = &budgets[i]};
    for (size_t i = 0; i < 4; i++)
        add(&"abcd"[i], i % 2, NULL);
    go(4);
    assert_int_equal(world.count, 4);
    return atomic_load(&world.shared->most);
}

static void
blocks_of_one_account_take_turns(void **state)
{
    (void)state;
    assert_int_equal(most_of_two_blocks(EFF_STR("crm:acme"), EFF_STR("crm:acme")), 1);
}

static void
blocks_of_two_accounts_do_not(void **state)
{
    (void)state;
    assert_int_equal(most_of_two_blocks(EFF_STR("crm:acme"), EFF_STR("crm:umbra")), 2);
}

static void
blocks_without_an_account_do_not(void **state)
{
    (void)state;
    assert_int_equal(most_of_two_blocks(EFF_STR(""), EFF_STR("")), 2);
}

static void
one_job_is_one_at_a_time(void **state)
{
    (void)state;
    add("a", 0, NULL);
    add("b", 1, NULL);
    go(1);
    assert_int_equal(atomic_load(&world.shared->most), 1);
}

static void
after_is_respected(void **state)
{
    (void)state;
    add("last", 0, "middle");
    add("middle", 1, "first");
    add("first", 0, NULL);
    add("free", 1, "not_chosen");
    go(4);
    assert_true(world.shared->started[1] > world.shared->ended[2]);
    assert_true(world.shared->started[0] > world.shared->ended[1]);
    assert_true(world.shared->ended[3] > 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(world.reports[i].status, EFF_STATUS_OK);
}

static void
a_failure_stops_those_behind_it(void **state)
{
    int code;

    (void)state;
    add("last", 0, "middle");
    add("middle", 1, "failing");
    add("failing", 0, NULL);
    go(4);
    assert_int_equal(world.reports[2].status, EFF_STATUS_FAILED);
    assert_true(world.reports[1].skipped_by_failure);
    assert_int_equal(world.reports[0].status, EFF_STATUS_SKIPPED);
    says(1, "EFF2011", "because sync failing failed");
    assert_int_equal(atomic_load(&world.shared->started[0]), 0);
    assert_string_equal(eff_reports_status(world.reports, 2, &code), "partial");
}

static void
a_plan_waits_for_nobody(void **state)
{
    (void)state;
    world.options.plan = true;
    add("last", 0, "failing");
    add("failing", 1, NULL);
    go(4);
    assert_int_equal(world.reports[0].status, EFF_STATUS_OK);
    assert_true(world.reports[0].is_plan);
}

static void
what_is_off_is_skipped(void **state)
{
    int code;

    (void)state;
    add("off", 0, NULL)->enabled = false;
    go(4);
    assert_int_equal(world.reports[0].status, EFF_STATUS_SKIPPED);
    says(0, "EFF2011", "enabled: false");
    eff_reports_status(world.reports, 1, &code);
    assert_int_equal(code, 0);
}

static void
a_death_is_reported(void **state)
{
    (void)state;
    add("killed", 0, NULL);
    add("segv", 1, NULL);
    add("exit", 0, NULL);
    add("greedy", 1, NULL);
    add("realtime", 0, NULL);
    go(4);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(world.reports[i].status, EFF_STATUS_FAILED);
        assert_int_equal(world.reports[i].delivered, 0);
    }
    says(0, "EFF2010", "killed (out of memory?)");
    says(1, "EFF2010", "SIGSEGV");
    says(2, "EFF2010", "exit code 5");
    says(3, "EFF2010", "memory");
    says(4, "EFF2010", "SIG? (Real-time signal");
    assert_true(world.reports[0].seconds > 0.05);
}

/* What is no word of a child's is passed over, and its report comes all the same. */
static void
damaged_words_are_passed_over(void **state)
{
    (void)state;
    add("garbled", 0, NULL);
    go(1);
    assert_int_equal(world.reports[0].status, EFF_STATUS_OK);
    assert_int_equal(world.reports[0].delivered, 5);
    assert_int_equal(world.progresses, 2);
    assert_string_equal(world.last.stage, "");
    assert_int_equal(world.last.read, 0);
}

/* Of two that it comes after, one has failed, and the other one still runs: that is enough. */
static void
one_failure_is_enough(void **state)
{
    eff_str both[] = {EFF_STR("slow"), EFF_STR("failing")};
    struct eff_sync_conf *last;

    (void)state;
    last = add("last", 1, NULL);
    last->after = both;
    last->after_count = 2;
    add("failing", 1, NULL);
    add("slow", 0, NULL);
    go(4);
    assert_true(world.reports[0].skipped_by_failure);
    says(0, "EFF2011", "because sync failing failed");
    assert_int_equal(atomic_load(&world.shared->started[0]), 0);
    assert_true(world.shared->ended[1] < world.shared->ended[2]);
    assert_int_equal(world.reports[2].status, EFF_STATUS_OK);
}

static void
a_circle_ends(void **state)
{
    (void)state;
    add("a", 0, "b");
    add("b", 1, "a");
    go(4);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(world.reports[i].status, EFF_STATUS_FAILED);
        says(i, "EFF2012", "not started");
        assert_int_equal(atomic_load(&world.shared->started[i]), 0);
    }
}

/* So many descriptors may be open from now on that `more` can still be opened. */
static void
descriptors(int more)
{
    struct rlimit limit;
    int free_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    close(free_fd);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = more < 0 ? limit.rlim_max : (rlim_t)(free_fd + more);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* A process that cannot be started is the sync's failure; with descriptors it runs again. */
static void
without_descriptors_it_is_told(void **state)
{
    (void)state;
    add("a", 0, NULL);
    descriptors(0);
    go(1);
    descriptors(-1);
    assert_int_equal(world.reports[0].status, EFF_STATUS_FAILED);
    says(0, "EFF2010", "cannot make a pipe");
    world.finished = 0;
    assert_int_equal(atomic_load(&world.shared->started[0]), 0);
    world.finished = 0;
    go(1);
    assert_int_equal(world.reports[0].status, EFF_STATUS_OK);
}

static void
nobody_has_to_listen(void **state)
{
    (void)state;
    world.options.finished = NULL;
    world.options.progress = NULL;
    setenv("EFF_NO_FORK", "0", 1); // only 1 says so: the death of a child is not ours
    add("killed", 0, NULL);
    add("garbled", 0, NULL);
    world.count = eff_run_syncs(&world.project, world.chosen, 1, world.os, &world.options,
                                &world.arena, world.reports);
    unsetenv("EFF_NO_FORK");
    assert_int_equal(world.count, 2);
    assert_int_equal(world.progresses, 0);
    assert_int_equal(world.reports[0].status, EFF_STATUS_FAILED);
    assert_int_equal(world.reports[1].status, EFF_STATUS_OK);
}

static void
a_wish_to_stop_is_passed_on(void **state)
{
    pid_t asker;

    (void)state;
    add("endless", 0, NULL);
    add("waiting", 0, NULL);
    asker = fork();
    if (asker == 0) {
        while (atomic_load(&world.shared->started[0]) == 0)
            usleep(5000);
        usleep(150000);
        kill(getppid(), SIGTERM);
        _exit(0);
    }
    go(4);
    assert_true(world.shared->ended[0] > 0);
    assert_int_equal(world.reports[0].status, EFF_STATUS_OK);
    assert_int_equal(world.reports[1].status, EFF_STATUS_FAILED);
    says(1, "EFF2012", "not started");
    assert_int_equal(atomic_load(&world.shared->started[1]), 0);
}

static void
without_forks_it_is_the_same(void **state)
{
    (void)state;
    setenv("EFF_NO_FORK", "1", 1);
    add("b", 0, "failing");
    add("failing", 1, NULL);
    add("a", 0, NULL);
    go(4);
    assert_true(world.reports[0].skipped_by_failure);
    assert_int_equal(world.reports[1].status, EFF_STATUS_FAILED);
    assert_int_equal(world.reports[2].delivered, 5);
    assert_int_equal(atomic_load(&world.shared->most), 1);
    unsetenv("EFF_NO_FORK");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

/* Two crashes over one row, three over one of a batch; none is concluded from what others do. */
static void
a_row_that_crashes_is_put_aside(void **state)
{
    static const struct {
        const char *name;
        uint64_t deaths, aside;
        const char *message;
    } cases[] = {
        {"poison_row", 2, 1, NULL},
        {"poison_batch", 3, 1, NULL},
        {"poison_killed", 0, 0, "killed"},
        {"poison_unknown", 0, 0, "SIGSEGV (Segmentation fault), at row 7 of the model"},
        {"poison_any", 0, 0, "SIGBUS"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        add(cases[i].name, 0, NULL);
    go(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct eff_report *report = &world.reports[i];

        assert_int_equal(report->failed, cases[i].message != NULL);
        assert_int_equal(report->requests, cases[i].deaths);
        assert_int_equal(report->invalid, cases[i].aside);
        if (cases[i].message)
            assert_non_null(
                strstr(eff_str_c(&world.arena, report->problems[0].message), cases[i].message));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_has_its_report),
        TEST(bounds_are_kept),
        TEST(blocks_of_one_account_take_turns),
        TEST(blocks_of_two_accounts_do_not),
        TEST(blocks_without_an_account_do_not),
        TEST(one_job_is_one_at_a_time),
        TEST(after_is_respected),
        TEST(a_failure_stops_those_behind_it),
        TEST(a_plan_waits_for_nobody),
        TEST(what_is_off_is_skipped),
        TEST(a_death_is_reported),
        TEST(a_row_that_crashes_is_put_aside),
        TEST(damaged_words_are_passed_over),
        TEST(one_failure_is_enough),
        TEST(a_circle_ends),
        TEST(without_descriptors_it_is_told),
        TEST(nobody_has_to_listen),
        TEST(a_wish_to_stop_is_passed_on),
        TEST(without_forks_it_is_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
