/*
 * run/supervise: several syncs, each in a child process of its own.
 *
 * At most `jobs` at a time, one at a time per destination (and per account, where several
 * blocks name the same), which goes on with the limits as the one before left them, and
 * `after` respected.
 * A child talks in lines: "P" and its progress, "R" and its report, both JSON, or
 * "E" and last words. A child that crashes with a row or a batch in hand is started
 * again, with what that tells (run/hand.h). Any other that goes without a report has
 * failed, and its report says how it ended. EFF_NO_FORK=1 runs all of it in this process, for
 * debuggers and sanitizers.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/process.h"
#include "run/remember.h"
#include "run/run.h"

#define SUPERVISE_WAIT_MS     200
#define SUPERVISE_SCRATCH_MAX ((size_t)256 << 20) /* addresses for one line of a child */

enum supervise_stage { SUPERVISE_WAITING = 0, SUPERVISE_RUNNING, SUPERVISE_DONE };

struct supervise;

struct supervise_sync {
    struct supervise *all;
    const struct eff_sync_conf *sync;
    struct eff_report *report;
    enum supervise_stage stage;
    bool has_report;
    eff_str last_words;
    int64_t started_ms;
    struct eff_hand *hand; /* shared with its process */
    struct eff_process process;
};

struct supervise {
    const struct eff_project *project;
    const struct eff_run_options *options;
    struct eff_os *os;
    struct eff_arena *process;
    struct eff_arena scratch;
    size_t count, jobs, running, done;
    struct supervise_sync *syncs;
    struct eff_accounts *accounts;
    struct eff_process **processes; /* parallel to syncs: NULL when it is not running */
    bool stopping, no_fork;
};

static const char *const supervise_stages[] = {"connect", "resume", "read", "diff",
                                               "send",    "record", "done"};

/* ---- in the child ---- */

struct supervise_child {
    struct supervise_sync *sync;
    int out;
};

/* The overflow hook gets nothing of ours: where its last words go has to be global. */
static int supervise_out = -1;

static void
supervise_on_overflow(const char *name, size_t budget)
{
    char text[200];
    int len = snprintf(text, sizeof text, "Ethe memory for this %s is used up (%zu MiB)\n", name,
                       budget >> 20);

    eff_process_say(supervise_out, (eff_str){text, (size_t)len});
    _exit(1);
}

static void
supervise_say(int out, char kind, struct eff_buf *json)
{
    struct eff_buf line = {0};

    eff_buf_add_char(&line, kind);
    eff_buf_add(&line, eff_buf_str(json));
    eff_buf_add_char(&line, '\n');
    eff_process_say(out, eff_buf_str(&line));
    eff_buf_free(&line);
    eff_buf_free(json);
}

static void
supervise_child_progress(void *self, const struct eff_progress *progress)
{
    const struct supervise_child *child = self;
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "stage", eff_str_of(progress->stage));
    eff_json_field_int(&w, "read", (int64_t)progress->read);
    eff_json_field_int(&w, "rows_expected", (int64_t)progress->rows_expected);
    eff_json_field_int(&w, "changed", (int64_t)progress->changed);
    eff_json_field_int(&w, "sent", (int64_t)progress->sent);
    eff_json_field_int(&w, "rejected", (int64_t)progress->rejected);
    eff_json_field_int(&w, "milliseconds", (int64_t)(progress->seconds * 1000));
    eff_json_end_object(&w);
    supervise_say(child->out, 'P', &buf);
}

/* An os of its own: no connection, descriptor or handler is shared with the parent. */
static int
supervise_child_work(void *self, int out)
{
    struct supervise_sync *sync = self;
    struct supervise *all = sync->all;
    struct supervise_child child = {.sync = sync, .out = out};
    struct eff_run_options options = *all->options;
    struct eff_report report = {.sync = sync->sync->name, .arena = all->process};
    struct eff_err err = {0};
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    struct eff_os *os;

    supervise_out = out;
    eff_arena_on_overflow(supervise_on_overflow);
    options.progress = all->options->progress ? supervise_child_progress : NULL;
    options.self = &child;
    options.hand = sync->hand;
    options.accounts = all->accounts;
    if (eff_os_real(all->process, &os, &err) == EFF_OK) {
        eff_process_calm();
        eff_run_sync(all->project, sync->sync, os, &options, all->process, &report);
        eff_run_remember(all->project, os, &report, all->process);
        eff_os_real_close(os);
    } else {
        report.is_plan = options.plan;
        eff_report_fail(&report, &err);
        eff_report_close(&report);
    }
    eff_report_write(&w, &report);
    supervise_say(out, 'R', &buf);
    return 0;
}

/* ---- what a child said ---- */

static uint64_t
supervise_count(const struct eff_json *json, const char *name)
{
    int64_t value = 0;

    return eff_json_int(eff_json_get(json, eff_str_of(name)), &value) && value > 0 ? (uint64_t)value
                                                                                   : 0;
}

static const char *
supervise_stage_of(const struct eff_json *json)
{
    eff_str name = eff_json_str(eff_json_get(json, EFF_STR("stage")));

    for (size_t i = 0; i < sizeof supervise_stages / sizeof *supervise_stages; i++)
        if (eff_str_is(name, supervise_stages[i]))
            return supervise_stages[i];
    return "";
}

static void
supervise_hear_progress(struct supervise_sync *sync, const struct eff_json *json)
{
    const struct eff_run_options *options = sync->all->options;
    struct eff_progress progress = {
        .sync = sync->sync->name,
        .stage = supervise_stage_of(json),
        .read = supervise_count(json, "read"),
        .rows_expected = supervise_count(json, "rows_expected"),
        .changed = supervise_count(json, "changed"),
        .sent = supervise_count(json, "sent"),
        .rejected = supervise_count(json, "rejected"),
        .seconds = (double)supervise_count(json, "milliseconds") / 1000,
    };

    if (options->progress)
        options->progress(options->self, &progress);
}

static void
supervise_hear(struct supervise_sync *sync, eff_str line)
{
    struct eff_arena *scratch = &sync->all->scratch;
    const struct eff_json *json;
    struct eff_err ignored = {0};
    char kind = line.len > 0 ? line.ptr[0] : 0;

    line = eff_str_sub(line, 1, SIZE_MAX);
    eff_arena_reset(scratch);
    if (kind == 'E') {
        sync->last_words = eff_str_copy(sync->all->process, line);
        return;
    }
    if (eff_json_parse(line, scratch, &json, &ignored) != EFF_OK)
        return;
    if (kind == 'P')
        supervise_hear_progress(sync, json);
    else if (kind == 'R')
        sync->has_report = eff_report_read(json, sync->all->process, sync->report);
}

/* ---- endings ---- */

static void
supervise_finish(struct supervise_sync *sync)
{
    struct supervise *all = sync->all;

    sync->stage = SUPERVISE_DONE;
    eff_process_unshare(sync->hand, sizeof *sync->hand);
    all->done++;
    if (all->options->finished)
        all->options->finished(all->options->self, sync->report);
}

/* A sync that has no report of its own gets one here. */
static void
supervise_fail(struct supervise_sync *sync, const char *code, enum eff_fault fault,
               const char *message, const char *hint)
{
    struct supervise *all = sync->all;

    *sync->report = (struct eff_report){
        .sync = sync->sync->name,
        .arena = all->process,
        .is_plan = all->options->plan,
        .failed = true,
    };
    if (sync->started_ms > 0)
        sync->report->seconds = (double)(all->os->mono_ms(all->os->self) - sync->started_ms) / 1000;
    eff_report_problem(sync->report, code, fault, 0, eff_str_of(message), eff_str_of(hint),
                       EFF_STR_NONE);
    eff_report_close(sync->report);
}

/* Where it was in the model; rows that come in another order are others each time. */
static const char *
supervise_at(const struct supervise_sync *sync, char ret_text[64])
{
    *ret_text = 0;
    if (sync->hand && sync->hand->now.row > 0)
        snprintf(ret_text, 64, ", at row %llu of the model or soon after",
                 (unsigned long long)sync->hand->now.row);
    return ret_text;
}

static void
supervise_fail_ended(struct supervise_sync *sync, struct eff_process_end end)
{
    const char *hint = "What it delivered is recorded; the next run settles the rest first.";
    char text[200], at[64];

    if (sync->last_words.len > 0)
        snprintf(text, sizeof text, EFF_STR_FMT, EFF_STR_ARG(sync->last_words));
    else if (end.signal == SIGKILL)
        snprintf(text, sizeof text, "the process of this sync was killed (out of memory?)");
    else if (end.signal != 0)
        snprintf(text, sizeof text, "the process of this sync was ended by SIG%s (%s)%s",
                 sigabbrev_np(end.signal) ? sigabbrev_np(end.signal) : "?", strsignal(end.signal),
                 supervise_at(sync, at));
    else
        snprintf(text, sizeof text,
                 "the process of this sync ended without a report (exit code %d)", end.exit_code);
    if (sync->last_words.len > 0)
        hint = "Give the sync more with `memory: 512MiB`; the next run settles the rest first.";
    else if (eff_hand_is_crash(end.signal))
        hint = "That is a mistake in Efferent or in a library: please report it. What it delivered "
               "is recorded; the next run settles the rest first.";
    supervise_fail(sync, "EFF2010", EFF_BROKEN, text, hint);
}

static void
supervise_reap(struct supervise *all, size_t index)
{
    struct supervise_sync *sync = &all->syncs[index];
    struct eff_process_end end = eff_process_reap(&sync->process);

    all->processes[index] = NULL;
    all->running--;
    if (!sync->has_report && !all->stopping && sync->hand &&
        eff_hand_learn(sync->hand, end.signal)) {
        sync->stage = SUPERVISE_WAITING;
        return;
    }
    if (!sync->has_report)
        supervise_fail_ended(sync, end);
    supervise_finish(sync);
}

/* ---- starting ---- */

static void
supervise_start(struct supervise *all, size_t index)
{
    struct supervise_sync *sync = &all->syncs[index];
    struct eff_err err = {0};

    sync->started_ms = all->os->mono_ms(all->os->self);
    *sync->report = (struct eff_report){.sync = sync->sync->name, .arena = all->process};
    if (all->no_fork) {
        struct eff_run_options options = *all->options;

        options.accounts = all->accounts;
        eff_run_sync(all->project, sync->sync, all->os, &options, all->process, sync->report);
        eff_run_remember(all->project, all->os, sync->report, all->process);
        supervise_finish(sync);
        return;
    }
    if (!sync->hand)
        sync->hand = eff_process_share(sizeof *sync->hand);
    if (eff_process_start(supervise_child_work, sync, &sync->process, &err) != EFF_OK) {
        supervise_fail(sync, "EFF2010", err.fault, err.msg, err.hint);
        supervise_finish(sync);
        return;
    }
    sync->stage = SUPERVISE_RUNNING;
    all->processes[index] = &sync->process;
    all->running++;
}

static struct supervise_sync *
supervise_find(struct supervise *all, eff_str name)
{
    for (size_t i = 0; i < all->count; i++)
        if (eff_str_eq(all->syncs[i].sync->name, name))
            return &all->syncs[i];
    return NULL;
}

/* A plan changes nothing that another could wait for. */
static bool
supervise_must_wait(struct supervise_sync *sync, struct supervise_sync **ret_failed)
{
    bool wait = false;

    *ret_failed = NULL;
    if (sync->all->options->plan)
        return false;
    for (size_t i = 0; i < sync->sync->after_count; i++) {
        struct supervise_sync *first = supervise_find(sync->all, sync->sync->after[i]);

        if (first == NULL || first == sync) // Not part of this command.
            continue;
        if (first->stage != SUPERVISE_DONE)
            wait = true;
        else if (first->report->failed || first->report->skipped_by_failure)
            *ret_failed = first;
    }
    return wait && *ret_failed == NULL;
}

static bool
supervise_dest_busy(const struct supervise *all, const struct supervise_sync *sync)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct supervise_sync *other = &all->syncs[i];

        if (other->stage == SUPERVISE_RUNNING &&
            eff_accounts_same(all->accounts, other->sync->dest, sync->sync->dest))
            return true;
    }
    return false;
}

static void
supervise_skip(struct supervise_sync *sync, const struct supervise_sync *failed)
{
    eff_str message;

    *sync->report = (struct eff_report){
        .sync = sync->sync->name,
        .arena = sync->all->process,
        .is_plan = sync->all->options->plan,
        .skipped = true,
        .skipped_by_failure = failed != NULL,
    };
    message = failed ? eff_str_printf(sync->all->process,
                                      "not run, because sync " EFF_STR_FMT
                                      " failed, which it comes after",
                                      EFF_STR_ARG(failed->sync->name))
                     : EFF_STR("switched off by `enabled: false`");
    eff_report_problem(sync->report, "EFF2011", EFF_CONFIG, 0, message, EFF_STR_NONE, EFF_STR_NONE);
    eff_report_close(sync->report);
    supervise_finish(sync);
}

/* Returns whether anything moved. */
static bool
supervise_consider(struct supervise *all, size_t index)
{
    struct supervise_sync *sync = &all->syncs[index], *failed;

    if (sync->stage != SUPERVISE_WAITING)
        return false;
    if (all->stopping) {
        supervise_fail(sync, "EFF2012", EFF_TRANSIENT, "not started: the command was asked to stop",
                       "");
        supervise_finish(sync);
        return true;
    }
    if (!sync->sync->enabled) {
        supervise_skip(sync, NULL);
        return true;
    }
    if (supervise_must_wait(sync, &failed))
        return false;
    if (failed) {
        supervise_skip(sync, failed);
        return true;
    }
    if (all->running >= all->jobs || supervise_dest_busy(all, sync))
        return false;
    supervise_start(all, index);
    return true;
}

/* One that ends may let an earlier one start: from the front again until nothing moves. */
static void
supervise_start_all(struct supervise *all)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < all->count; i++)
            moved |= supervise_consider(all, i);
    }
}

/* ---- the loop ---- */

static void
supervise_stop(struct supervise *all)
{
    if (all->stopping || all->os->go_on(all->os->self))
        return;
    all->stopping = true;
    for (size_t i = 0; i < all->count; i++)
        if (all->processes[i])
            eff_process_stop(all->processes[i]);
}

static void
supervise_listen(struct supervise *all)
{
    eff_str line;

    eff_process_wait(all->processes, all->count, SUPERVISE_WAIT_MS);
    for (size_t i = 0; i < all->count; i++) {
        if (!all->processes[i])
            continue;
        while (eff_process_line(all->processes[i], &line))
            supervise_hear(&all->syncs[i], line);
        if (eff_process_done(all->processes[i]))
            supervise_reap(all, i);
    }
}

static void
supervise_loop(struct supervise *all)
{
    while (all->done < all->count) {
        supervise_stop(all);
        supervise_start_all(all);
        if (all->running > 0) {
            supervise_listen(all);
        } else if (all->done < all->count) { // `after` in a circle, which conf refuses.
            all->stopping = true;
        }
    }
}

size_t
eff_run_syncs(const struct eff_project *project, const bool *chosen, size_t jobs, struct eff_os *os,
              const struct eff_run_options *options, struct eff_arena *process,
              struct eff_report *reports)
{
    const char *no_fork = getenv("EFF_NO_FORK");
    struct supervise all = {
        .project = project,
        .options = options,
        .os = os,
        .process = process,
        .jobs = jobs > 0 ? jobs : 1,
        .no_fork = no_fork && strcmp(no_fork, "1") == 0,
    };

    all.syncs = eff_new(process, struct supervise_sync, project->syncs_count);
    all.processes = eff_new(process, struct eff_process *, project->syncs_count);
    all.accounts = eff_accounts_open(project, chosen, process);
    eff_arena_init(&all.scratch, "line", SUPERVISE_SCRATCH_MAX);
    for (size_t i = 0; i < project->syncs_count; i++) {
        if (!chosen[i])
            continue;
        all.syncs[all.count] = (struct supervise_sync){
            .all = &all, .sync = &project->syncs[i], .report = &reports[all.count]};
        all.count++;
    }
    supervise_loop(&all);
    eff_accounts_close(all.accounts);
    eff_arena_deinit(&all.scratch);
    return all.count;
}
