/*
 * cli/cmd_run: run, plan, check, verify and adopt: several syncs, one document or one page of text.
 */
#include <stdlib.h>

#include "cli/print.h"

struct runner {
    struct eff_cli *cli;
    struct eff_live *live; /* NULL: not on a terminal, or nobody wants it */
};

/* ---- events ---- */

static void
runner_log_stage(struct eff_cli *cli, const struct eff_progress *progress)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w;

    eff_cli_log_begin(cli, &w, &buf, "info", "progress");
    eff_json_field_str(&w, "sync", progress->sync);
    eff_json_field_str(&w, "stage", eff_str_of(progress->stage));
    eff_json_field_int(&w, "read", (int64_t)progress->read);
    eff_json_field_int(&w, "planned", (int64_t)progress->changed);
    eff_json_field_int(&w, "sent", (int64_t)progress->sent);
    eff_json_field_int(&w, "rejected", (int64_t)progress->rejected);
    eff_cli_log_end(cli, &w);
}

static void
runner_log_problems(struct eff_cli *cli, const struct eff_report *report)
{
    for (size_t i = 0; i < report->problems_count; i++) {
        const struct eff_run_problem *problem = &report->problems[i];
        struct eff_buf buf = {0};
        struct eff_json_writer w;

        eff_cli_log_begin(cli, &w, &buf, report->failed ? "error" : "warning", "problem");
        eff_json_field_str(&w, "sync", report->sync);
        eff_json_field_str(&w, "code", eff_str_of(problem->code));
        eff_json_field_int(&w, "rows", (int64_t)problem->rows);
        eff_json_field_str(&w, "message", problem->message);
        eff_cli_log_end(cli, &w);
    }
}

static void
runner_log_end(struct eff_cli *cli, const struct eff_report *report)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w;

    eff_cli_log_begin(cli, &w, &buf, report->failed ? "error" : "info", "sync");
    eff_json_field_str(&w, "sync", report->sync);
    if (report->run.ptr)
        eff_json_field_str(&w, "run", report->run);
    eff_json_field_str(&w, "status", eff_str_of(eff_status_name(report->status)));
    eff_json_field_int(&w, "milliseconds", (int64_t)(report->seconds * 1000));
    eff_json_field_int(&w, "read", (int64_t)report->read);
    eff_json_field_int(&w, "planned", (int64_t)report->planned);
    if (!report->is_plan) {
        eff_json_field_int(&w, "delivered", (int64_t)report->delivered);
        eff_json_field_int(&w, "rejected", (int64_t)report->rejected);
        eff_json_field_int(&w, "held", (int64_t)report->held);
        eff_json_field_int(&w, "pending", (int64_t)report->pending);
    }
    eff_cli_log_end(cli, &w);
}

/* ---- what comes back while they run ---- */

static void
runner_progress(void *self, const struct eff_progress *progress)
{
    struct runner *runner = self;

    if (eff_cli_logs(runner->cli))
        runner_log_stage(runner->cli, progress);
    else if (runner->live)
        eff_live_progress(runner->live, progress);
}

static void
runner_redact(struct eff_cli *cli, const struct eff_report *report)
{
    for (size_t i = 0; i < report->problems_count; i++) {
        struct eff_run_problem *problem = &report->problems[i];

        problem->message = eff_redact(&cli->redact, &cli->arena, problem->message);
        problem->hint = eff_redact(&cli->redact, &cli->arena, problem->hint);
    }
}

static void
runner_finished(void *self, const struct eff_report *report)
{
    struct runner *runner = self;
    struct eff_cli *cli = runner->cli;

    runner_redact(cli, report);
    if (eff_cli_logs(cli)) {
        runner_log_problems(cli, report);
        runner_log_end(cli, report);
    }
    if (runner->live) {
        eff_live_end(runner->live, report->sync);
        eff_live_clear(runner->live);
    }
    if (!eff_cli_json(cli) && !report->is_plan)
        eff_print_report(cli, report);
}

/* ---- the commands ---- */

static struct runner
runner_of(struct eff_cli *cli)
{
    struct runner runner = {.cli = cli};

    if (cli->log.tty && !eff_cli_logs(cli))
        runner.live = eff_live_new(cli);
    return runner;
}

static bool
runner_nothing(struct eff_cli *cli, int *ret_code)
{
    struct eff_err err = {0};

    for (size_t i = 0; i < cli->project->syncs_count; i++)
        if (cli->chosen[i])
            return false;
    if (cli->project->syncs_count > 0)
        EFF_FAIL(&err, EFF_CONFIG, "the selection leaves no sync");
    else
        EFF_FAIL(&err, EFF_CONFIG, "the project has no sync yet");
    eff_err_hint(&err, cli->project->syncs_count > 0 ? "`efferent status` lists the syncs."
                                                     : "Write one into syncs/NAME.yml.");
    *ret_code = eff_cli_fail(cli, &err);
    return true;
}

/* A mode that a destination cannot do is known before anything is opened. */
static bool
runner_can(struct eff_cli *cli, int *ret_code)
{
    struct eff_problems problems = {.arena = &cli->arena};

    eff_run_can(cli->project, cli->chosen, &cli->arena, &problems);
    if (problems.count == 0)
        return true;
    eff_problems_sort(&problems);
    *ret_code = eff_cli_fail_problems(cli, &problems);
    return false;
}

static int
runner_end(struct eff_cli *cli, const struct eff_report *reports, size_t count)
{
    struct eff_buf buf = {0};
    int exit_code;

    eff_reports_status(reports, count, &exit_code);
    if (eff_cli_json(cli))
        eff_reports_write(&buf, cli->command->name, reports, count, eff_cli_seconds(cli), 0);
    else
        eff_print_total(cli, reports, count);
    return eff_cli_print(cli, &buf, exit_code);
}

/* A key that is meant for one sync must not be looked for in all of them. */
static bool
runner_options(struct eff_cli *cli, bool plan, struct eff_run_options *ret_options, int *ret_code)
{
    struct eff_cli_options *o = &cli->options;
    struct eff_err err = {0};

    *ret_options = (struct eff_run_options){
        .plan = plan,
        .requests = o->requests,
        .limit = o->limit,
        .keys_count = o->keys.count,
        .keys = o->keys.at,
        .ignore_quota = o->ignore_quota,
    };
    if (!o->state.ptr)
        return true;
    if (cli->os->exists(cli->os->self, eff_str_c(&cli->arena, o->state))) {
        char *real = realpath(eff_str_c(&cli->arena, o->state), NULL);

        ret_options->state = real ? eff_str_copy(&cli->arena, eff_str_of(real)) : o->state;
        free(real);
        return true;
    }
    EFF_FAIL(&err, EFF_CONFIG, "there is no folder " EFF_STR_FMT " to take the state from",
             EFF_STR_ARG(o->state));
    *ret_code = eff_cli_fail(cli, &err);
    return false;
}

static void
runner_no_state(struct eff_cli *cli, const struct eff_run_options *options)
{
    if (options->state.ptr) {
        eff_cli_state_of_plan(cli, options->state);
        return;
    }
    if (cli->os->exists(cli->os->self, eff_str_c(&cli->arena, cli->project->state)))
        return;
    eff_term_wrap(&cli->out, EFF_DIM,
                  EFF_STR("There is no state yet, so every row counts as added."), 0, 0);
    eff_term_add(&cli->out, EFF_PLAIN, EFF_STR("\n\n"));
}

static int
runner_run(struct eff_cli *cli, bool plan)
{
    struct eff_run_options options;
    struct eff_report *reports;
    struct runner runner;
    size_t count;
    int code;

    if (!eff_cli_project(cli, &code) || runner_nothing(cli, &code) || !runner_can(cli, &code) ||
        !runner_options(cli, plan, &options, &code))
        return code;
    runner = runner_of(cli);
    options.self = &runner;
    options.finished = runner_finished;
    options.progress = runner.live || eff_cli_logs(cli) ? runner_progress : NULL;
    reports = eff_new(&cli->arena, struct eff_report, cli->project->syncs_count);
    count = eff_run_syncs(cli->project, cli->chosen, (size_t)cli->options.jobs, cli->os, &options,
                          &cli->arena, reports);
    if (plan && !eff_cli_json(cli)) { // In the project's order: a plan is read, and compared.
        runner_no_state(cli, &options);
        for (size_t i = 0; i < count; i++)
            eff_print_report(cli, &reports[i]);
    }
    return runner_end(cli, reports, count);
}

int
eff_cli_cmd_run(struct eff_cli *cli)
{
    return runner_run(cli, false);
}

int
eff_cli_cmd_plan(struct eff_cli *cli)
{
    return runner_run(cli, true);
}

static int
check_offline(struct eff_cli *cli)
{
    struct eff_buf buf = {0};

    if (eff_cli_json(cli))
        eff_reports_write(&buf, "check", NULL, 0, eff_cli_seconds(cli), 0);
    else
        eff_term_addf(&cli->out, EFF_GREEN, "The files are fine: %zu %s.\n",
                      cli->project->syncs_count, cli->project->syncs_count == 1 ? "sync" : "syncs");
    return eff_cli_print(cli, &buf, EFF_EXIT_OK);
}

/* Whether no sync before it that is checked, too, goes to the same destination. */
static bool
check_first(const struct eff_cli *cli, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (cli->chosen[i] && cli->project->syncs[i].dest == cli->project->syncs[at].dest)
            return false;
    return true;
}

int
eff_cli_cmd_check(struct eff_cli *cli)
{
    struct eff_report *reports;
    size_t count = 0;
    int code;

    if (!eff_cli_project(cli, &code) || !runner_can(cli, &code))
        return code;
    if (cli->options.manifest.ptr)
        return eff_cli_check_manifest(cli);
    if (cli->options.offline)
        return check_offline(cli);
    if (runner_nothing(cli, &code))
        return code;
    reports = eff_new(&cli->arena, struct eff_report, cli->project->syncs_count);
    for (size_t i = 0; i < cli->project->syncs_count; i++) {
        if (!cli->chosen[i] || !cli->os->go_on(cli->os->self))
            continue;
        eff_run_check(cli->project, &cli->project->syncs[i], check_first(cli, i), cli->os,
                      &cli->arena, &reports[count]);
        runner_redact(cli, &reports[count]);
        if (!eff_cli_json(cli))
            eff_print_check(cli, &reports[count]);
        count++;
    }
    return runner_end(cli, reports, count);
}

/* ---- verify and adopt ---- */

static void
look_one(struct eff_cli *cli, const struct eff_sync_conf *sync, const struct eff_look_options *look,
         struct eff_report *report)
{
    eff_run_look(cli->project, sync, cli->os, look, &cli->arena, report);
    runner_redact(cli, report);
    if (!eff_cli_json(cli))
        eff_print_report(cli, report);
}

int
eff_cli_cmd_verify(struct eff_cli *cli)
{
    const struct eff_cli_options *o = &cli->options;
    struct eff_look_options look = {
        .named = o->args_count > 0, .write = o->repair, .sample = o->all ? -1 : o->sample};
    struct eff_report *reports;
    size_t count = 0;
    int code;

    if (!eff_cli_project(cli, &code) || runner_nothing(cli, &code))
        return code;
    reports = eff_new(&cli->arena, struct eff_report, cli->project->syncs_count);
    look.accounts = eff_accounts_open(cli->project, cli->chosen, &cli->arena);
    for (size_t i = 0; i < cli->project->syncs_count; i++)
        if (cli->chosen[i] && cli->os->go_on(cli->os->self))
            look_one(cli, &cli->project->syncs[i], &look, &reports[count++]);
    eff_accounts_close(look.accounts);
    return runner_end(cli, reports, count);
}

int
eff_cli_cmd_adopt(struct eff_cli *cli)
{
    struct eff_look_options look = {.adopt = true,
                                    .named = true,
                                    .unseen = cli->options.unseen,
                                    .write = cli->options.yes,
                                    .sample = -1};
    const struct eff_sync_conf *sync;
    struct eff_report report;
    int code;

    if (!eff_cli_project(cli, &code))
        return code;
    sync = eff_cli_sync(cli, cli->options.args[0], &code);
    if (!sync)
        return code;
    look_one(cli, sync, &look, &report);
    if (!eff_cli_json(cli) && report.wants_yes && report.status != EFF_STATUS_FAILED)
        eff_term_add(&cli->out, EFF_PLAIN, EFF_STR("Nothing was changed; --yes does it.\n"));
    return runner_end(cli, &report, 1);
}
