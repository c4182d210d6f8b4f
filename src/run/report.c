/*
 * run/report: counts become a status; problems are kept apart by cause.
 *
 * Everything that is reported is copied into the report's own arena, so that the
 * arena of the run may go. The JSON form is report_json.c.
 */
#include "run/report.h"

#include <stdio.h>
#include <stdlib.h>

#define REPORT_PROBLEMS_MAX 50 /* causes kept apart: more than anybody reads */

static const char *const report_status_names[] = {
    [EFF_STATUS_OK] = "ok",         [EFF_STATUS_REJECTED] = "rejected", [EFF_STATUS_HELD] = "held",
    [EFF_STATUS_FAILED] = "failed", [EFF_STATUS_SKIPPED] = "skipped",
};

/* A whole sync fails without a code of its own: the class of the fault names it. */
static const char *const report_fault_codes[] = {
    [EFF_OK] = "EFF2000",   [EFF_CONFIG] = "EFF2001",    [EFF_AUTH] = "EFF2002",
    [EFF_RATE] = "EFF2003", [EFF_LIMIT] = "EFF2004",     [EFF_CONTRACT] = "EFF2005",
    [EFF_ROW] = "EFF2006",  [EFF_TRANSIENT] = "EFF2007", [EFF_BROKEN] = "EFF2008",
};

const char *
eff_status_name(enum eff_status status)
{
    return report_status_names[status];
}

static bool
report_same(const struct eff_run_problem *problem, const char *code, eff_str message, eff_str where)
{
    return strcmp(problem->code, code) == 0 && eff_str_eq(problem->message, message) &&
           eff_str_eq(problem->where, where);
}

/* The entry that these rows belong to; NULL when a new one is due. */
static struct eff_run_problem *
report_find(struct eff_report *report, const char *code, eff_str message, eff_str where)
{
    struct eff_run_problem *last = NULL;

    for (size_t i = 0; i < report->problems_count; i++) {
        struct eff_run_problem *problem = &report->problems[i];

        if (report_same(problem, code, message, where))
            return problem;
        if (strcmp(problem->code, code) == 0)
            last = problem;
    }
    return report->problems_count >= REPORT_PROBLEMS_MAX ? last : NULL;
}

static struct eff_run_problem *
report_append(struct eff_report *report)
{
    if (report->problems_count == report->problems_cap) {
        size_t cap = report->problems_cap ? 2 * report->problems_cap : 8;
        struct eff_run_problem *at = eff_new(report->arena, struct eff_run_problem, cap);

        if (report->problems_count > 0)
            memcpy(at, report->problems, report->problems_count * sizeof *at);
        report->problems = at;
        report->problems_cap = cap;
    }
    return &report->problems[report->problems_count++];
}

void
eff_report_problem(struct eff_report *report, const char *code, enum eff_fault fault, uint64_t rows,
                   eff_str message, eff_str hint, eff_str where)
{
    struct eff_run_problem *problem = report_find(report, code, message, where);

    if (problem) {
        problem->rows += rows;
        return;
    }
    problem = report_append(report);
    snprintf(problem->code, sizeof problem->code, "%s", code);
    problem->fault = fault;
    problem->rows = rows;
    problem->message = eff_str_copy(report->arena, message);
    problem->hint = eff_str_copy(report->arena, hint);
    problem->where = eff_str_copy(report->arena, where);
}

void
eff_report_fail(struct eff_report *report, const struct eff_err *err)
{
    report->failed = true;
    if (err->fault == EFF_CONTRACT)
        report->contract_broken = true;
    eff_report_problem(report, report_fault_codes[err->fault], err->fault, 0, eff_str_of(err->msg),
                       eff_str_of(err->hint), eff_str_of(err->where));
}

static uint64_t
report_settled(const struct eff_report *report)
{
    return report->delivered + report->superseded + report->rejected + report->held +
           report->pending;
}

static bool
report_read_adds_up(const struct eff_report *report)
{
    return report->read == report->unchanged + report->added + report->changed + report->invalid &&
           report->planned == report->added + report->changed + report->removed;
}

/* A read that broke off compared nothing to its end: no count of it means anything. */
static void
report_forget_read(struct eff_report *report)
{
    report->read = report->unchanged = report->added = report->changed = 0;
    report->removed = report->invalid = report->gone = report->planned = 0;
    report->delivered = report->superseded = report->rejected = 0;
    report->held = report->pending = 0;
}

static void
report_breach(struct eff_report *report, const char *what, uint64_t left, uint64_t right)
{
    char text[160];
    int len = snprintf(text, sizeof text, "the counts of this run do not add up: %s (%llu, %llu)",
                       what, (unsigned long long)left, (unsigned long long)right);

    report->failed = true;
    eff_report_problem(report, "EFF2009", EFF_BROKEN, 0, (eff_str){text, (size_t)len},
                       EFF_STR("This is a mistake in Efferent; please report it with the log."),
                       EFF_STR_NONE);
}

/*
 * A failed sync may have stopped anywhere. Before the comparison was complete its
 * counts are void; while delivering, what has no verdict is still pending.
 */
static void
report_settle_failed(struct eff_report *report)
{
    uint64_t settled = report_settled(report);

    if (!report_read_adds_up(report))
        report_forget_read(report);
    else if (!report->is_plan && settled < report->planned)
        report->pending += report->planned - settled;
}

static void
report_assert(struct eff_report *report)
{
    if (report->failed)
        report_settle_failed(report);
    if (report->read != report->unchanged + report->added + report->changed + report->invalid)
        report_breach(report, "rows read and what became of them", report->read,
                      report->unchanged + report->added + report->changed + report->invalid);
    if (report->planned != report->added + report->changed + report->removed)
        report_breach(report, "rows planned and the changes they are", report->planned,
                      report->added + report->changed + report->removed);
    if (!report->is_plan && report->planned != report_settled(report))
        report_breach(report, "rows planned and their verdicts", report->planned,
                      report_settled(report));
}

static enum eff_status
report_status(const struct eff_report *report)
{
    if (report->failed)
        return EFF_STATUS_FAILED;
    if (report->skipped || report->skipped_by_failure)
        return EFF_STATUS_SKIPPED;
    if (report->held > 0 || report->fields_held_count > 0 || report->plan.ptr || report->drifted)
        return EFF_STATUS_HELD;
    if (report->rejected > 0 || report->invalid > 0 || report->pending > 0 ||
        report->resumed.pending > 0)
        return EFF_STATUS_REJECTED;
    return EFF_STATUS_OK;
}

static void
report_keep_samples(struct eff_report *report)
{
    struct eff_arena *arena = report->arena;
    struct eff_sample *samples = eff_new(arena, struct eff_sample, report->samples_count);

    for (size_t i = 0; i < report->samples_count; i++) {
        const struct eff_sample *from = &report->samples[i];
        struct eff_sample_field *fields =
            eff_new(arena, struct eff_sample_field, from->fields_count);

        for (size_t f = 0; f < from->fields_count; f++) {
            fields[f].name = eff_str_copy(arena, from->fields[f].name);
            fields[f].before = eff_str_copy(arena, from->fields[f].before);
            fields[f].after = eff_str_copy(arena, from->fields[f].after);
        }
        samples[i] = (struct eff_sample){
            .key = eff_str_copy(arena, from->key),
            .change = from->change,
            .fields_count = from->fields_count,
            .fields = fields,
        };
    }
    report->samples = samples;
}

/* What the run lent becomes the report's own. */
static void
report_keep(struct eff_report *report)
{
    eff_str *held = eff_new(report->arena, eff_str, report->fields_held_count);

    report->sync = eff_str_copy(report->arena, report->sync);
    report->run = eff_str_copy(report->arena, report->run);
    report->plan = eff_str_copy(report->arena, report->plan);
    for (size_t i = 0; i < report->fields_held_count; i++)
        held[i] = eff_str_copy(report->arena, report->fields_held[i]);
    report->fields_held = held;
    if (report->samples_count > 0)
        report_keep_samples(report);
}

void
eff_report_close(struct eff_report *report)
{
    report_assert(report);
    report->status = report_status(report);
    report_keep(report);
}

/* Whether this sync alone makes the command partial. */
static bool
report_is_partial(const struct eff_report *report)
{
    if (report->is_plan)
        return report->contract_broken || report->skipped_by_failure || report->drifted;
    return report->status == EFF_STATUS_REJECTED || report->status == EFF_STATUS_HELD ||
           report->skipped_by_failure;
}

const char *
eff_reports_status(const struct eff_report *reports, size_t count, int *ret_exit_code)
{
    bool failed = false, partial = false, wants_yes = false;

    for (size_t i = 0; i < count; i++) {
        wants_yes = wants_yes || reports[i].wants_yes;
        /* A plan that found a broken contract has done its work: it says so with 3. */
        if (reports[i].is_plan && reports[i].contract_broken)
            partial = true;
        else if (reports[i].status == EFF_STATUS_FAILED)
            failed = true;
        else
            partial = partial || report_is_partial(&reports[i]);
    }
    *ret_exit_code = failed ? 1 : wants_yes ? 2 : partial ? 3 : 0;
    return failed || wants_yes ? "failed" : partial ? "partial" : "ok";
}
