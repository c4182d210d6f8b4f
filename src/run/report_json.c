/*
 * run/report: the machine's document, written and read back.
 *
 * The order of the members is that of the documentation, and a promise: a plan
 * has the same members up to what was planned. schema/run.schema.json describes it.
 */
#include "run/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct json_count {
    const char *name;
    size_t offset;
};

#define REPORT_COUNT(member)                                                                       \
    {                                                                                              \
#member, offsetof(struct eff_report, member)                                               \
    }
#define RESUMED_COUNT(member)                                                                      \
    {                                                                                              \
#member, offsetof(struct eff_counts, member)                                               \
    }

static const struct json_count json_read_counts[] = {
    REPORT_COUNT(read),    REPORT_COUNT(unchanged), REPORT_COUNT(added),
    REPORT_COUNT(changed), REPORT_COUNT(removed),   REPORT_COUNT(invalid),
    REPORT_COUNT(gone),    REPORT_COUNT(forgotten), REPORT_COUNT(planned),
};
static const struct json_count json_settled_counts[] = {
    REPORT_COUNT(delivered), REPORT_COUNT(superseded), REPORT_COUNT(rejected),
    REPORT_COUNT(held),      REPORT_COUNT(pending),    REPORT_COUNT(possible_duplicates),
};
static const struct json_count json_request_counts[] = {REPORT_COUNT(requests)};
static const struct json_count json_call_counts[] = {
    REPORT_COUNT(retries),    REPORT_COUNT(throttled), REPORT_COUNT(calls_other),
    REPORT_COUNT(bytes_sent), REPORT_COUNT(read_back),
};
static const struct json_count json_resumed_counts[] = {
    RESUMED_COUNT(planned),  RESUMED_COUNT(delivered), RESUMED_COUNT(superseded),
    RESUMED_COUNT(rejected), RESUMED_COUNT(held),      RESUMED_COUNT(pending),
};

#define JSON_COUNT(table) (sizeof(table) / sizeof *(table))

static void
json_write_counts(struct eff_json_writer *w, const struct json_count *table, size_t count,
                  const void *from)
{
    for (size_t i = 0; i < count; i++)
        eff_json_field_int(w, table[i].name,
                           (int64_t) * (const uint64_t *)((const char *)from + table[i].offset));
}

static void
json_write_seconds(struct eff_json_writer *w, double seconds)
{
    eff_json_key(w, EFF_STR("seconds"));
    eff_json_write_double(w, round(seconds * 1000) / 1000);
}

static void
json_write_problem(struct eff_json_writer *w, const struct eff_run_problem *problem)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, "code", eff_str_of(problem->code));
    eff_json_field_str(w, "fault", eff_str_of(eff_fault_name(problem->fault)));
    eff_json_field_int(w, "rows", (int64_t)problem->rows);
    eff_json_field_str(w, "message", problem->message);
    if (problem->hint.len > 0)
        eff_json_field_str(w, "hint", problem->hint);
    if (problem->where.len > 0)
        eff_json_field_str(w, "where", problem->where);
    eff_json_end_object(w);
}

static void
json_write_problems(struct eff_json_writer *w, const struct eff_report *report)
{
    eff_json_key(w, EFF_STR("problems"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < report->problems_count; i++)
        json_write_problem(w, &report->problems[i]);
    eff_json_end_array(w);
}

static void
json_write_sample(struct eff_json_writer *w, const struct eff_sample *sample)
{
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("key"));
    eff_json_write_raw(w, sample->key.len > 0 ? sample->key : EFF_STR("{}"));
    eff_json_field_str(w, "change", eff_str_of(sample->change));
    eff_json_key(w, EFF_STR("fields"));
    eff_json_begin_object(w);
    for (size_t i = 0; i < sample->fields_count; i++) {
        const struct eff_sample_field *field = &sample->fields[i];

        eff_json_key(w, field->name);
        eff_json_begin_object(w);
        if (field->before.ptr) {
            eff_json_key(w, EFF_STR("before"));
            eff_json_write_raw(w, field->before);
        }
        if (field->after.ptr) {
            eff_json_key(w, EFF_STR("after"));
            eff_json_write_raw(w, field->after);
        }
        eff_json_end_object(w);
    }
    eff_json_end_object(w);
    eff_json_end_object(w);
}

static void
json_write_previews(struct eff_json_writer *w, const struct eff_report *report)
{
    if (!report->previews)
        return;
    eff_json_key(w, EFF_STR("sample_requests"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < report->previews_count; i++) {
        const struct eff_report_request *at = &report->previews[i];

        eff_json_begin_object(w);
        eff_json_field_str(w, "operation", eff_str_of(at->op));
        eff_json_field_str(w, "step", eff_str_of(at->step));
        eff_json_field_int(w, "rows", (int64_t)at->rows);
        eff_json_field_str(w, "method", at->method);
        eff_json_field_str(w, "url", at->url);
        if (at->body_bytes > 0) {
            eff_json_field_str(w, "body", at->body);
            eff_json_field_int(w, "body_bytes", (int64_t)at->body_bytes);
        }
        eff_json_end_object(w);
    }
    eff_json_end_array(w);
}

static void
json_write_held(struct eff_json_writer *w, const struct eff_report *report)
{
    if (report->has_scanned)
        eff_json_field_int(w, "bytes_scanned", (int64_t)report->bytes_scanned);
    if (report->plan.ptr)
        eff_json_field_str(w, "plan", report->plan);
    if (report->fields_held_count > 0) {
        eff_json_key(w, EFF_STR("fields_held"));
        eff_json_begin_array(w);
        for (size_t i = 0; i < report->fields_held_count; i++)
            eff_json_write_str(w, report->fields_held[i]);
        eff_json_end_array(w);
    }
    if (report->contract_broken) {
        eff_json_key(w, EFF_STR("contract_broken"));
        eff_json_write_bool(w, true);
    }
    if (report->skipped_by_failure) {
        eff_json_key(w, EFF_STR("skipped_by_failure"));
        eff_json_write_bool(w, true);
    }
    if (report->wants_yes) {
        eff_json_key(w, EFF_STR("wants_yes"));
        eff_json_write_bool(w, true);
    }
}

/* Rows that a guard or a contract would hold: a plan tells them where there are any. */
static void
json_write_plan(struct eff_json_writer *w, const struct eff_report *report)
{
    if (report->held > 0)
        eff_json_field_int(w, "held", (int64_t)report->held);
    json_write_counts(w, json_request_counts, JSON_COUNT(json_request_counts), report);
    if (report->has_resumed) { /* nothing of it is settled yet */
        eff_json_key(w, EFF_STR("resumed"));
        eff_json_begin_object(w);
        eff_json_field_int(w, "planned", (int64_t)report->resumed.planned);
        eff_json_end_object(w);
    }
    if (!report->units_name.ptr)
        return;
    eff_json_key(w, EFF_STR("units"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "name", report->units_name);
    eff_json_field_int(w, "count", (int64_t)report->units);
    eff_json_end_object(w);
}

static void
json_write_run(struct eff_json_writer *w, const struct eff_report *report)
{
    json_write_counts(w, json_settled_counts, JSON_COUNT(json_settled_counts), report);
    json_write_counts(w, json_request_counts, JSON_COUNT(json_request_counts), report);
    json_write_counts(w, json_call_counts, JSON_COUNT(json_call_counts), report);
    if (report->has_resumed) {
        eff_json_key(w, EFF_STR("resumed"));
        eff_json_begin_object(w);
        json_write_counts(w, json_resumed_counts, JSON_COUNT(json_resumed_counts),
                          &report->resumed);
        eff_json_end_object(w);
    }
}

void
eff_report_write(struct eff_json_writer *w, const struct eff_report *report)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, "sync", report->sync);
    if (report->run.ptr && !report->is_plan) // A plan starts no run.
        eff_json_field_str(w, "run", report->run);
    eff_json_field_str(w, "status", eff_str_of(eff_status_name(report->status)));
    json_write_seconds(w, report->seconds);
    json_write_counts(w, json_read_counts, JSON_COUNT(json_read_counts), report);
    if (report->is_plan)
        json_write_plan(w, report);
    else
        json_write_run(w, report);
    json_write_held(w, report);
    json_write_problems(w, report);
    if (report->is_plan) {
        eff_json_key(w, EFF_STR("samples"));
        eff_json_begin_array(w);
        for (size_t i = 0; i < report->samples_count; i++)
            json_write_sample(w, &report->samples[i]);
        eff_json_end_array(w);
        json_write_previews(w, report);
    }
    eff_json_end_object(w);
}

void
eff_reports_write(struct eff_buf *buf, const char *command, const struct eff_report *reports,
                  size_t count, double seconds, unsigned indent)
{
    struct eff_json_writer w = {.buf = buf, .indent = indent};
    int exit_code;
    const char *status = eff_reports_status(reports, count, &exit_code);

    eff_json_begin_object(&w);
    eff_json_field_int(&w, "format", 1);
    eff_json_field_str(&w, "command", eff_str_of(command));
    eff_json_field_str(&w, "status", eff_str_of(status));
    eff_json_field_int(&w, "exit_code", exit_code);
    json_write_seconds(&w, seconds);
    eff_json_key(&w, EFF_STR("syncs"));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < count; i++)
        eff_report_write(&w, &reports[i]);
    eff_json_end_array(&w);
    eff_json_end_object(&w);
    eff_buf_add_char(buf, '\n');
}

/* ---- reading ---- */

/* An absent count is 0; a wrong one makes the whole report worthless. */
static bool
json_read_counts_of(const struct eff_json *json, const struct json_count *table, size_t count,
                    void *into)
{
    for (size_t i = 0; i < count; i++) {
        const struct eff_json *value = eff_json_get(json, eff_str_of(table[i].name));
        int64_t number = 0;

        if (value && (!eff_json_int(value, &number) || number < 0))
            return false;
        *(uint64_t *)((char *)into + table[i].offset) = (uint64_t)number;
    }
    return true;
}

static bool
json_read_status(const struct eff_json *json, enum eff_status *ret_status)
{
    eff_str name = eff_json_str(eff_json_get(json, EFF_STR("status")));

    for (int status = EFF_STATUS_OK; status <= EFF_STATUS_SKIPPED; status++) {
        if (eff_str_is(name, eff_status_name((enum eff_status)status))) {
            *ret_status = (enum eff_status)status;
            return true;
        }
    }
    return false;
}

static enum eff_fault
json_read_fault(const struct eff_json *json)
{
    eff_str name = eff_json_str(eff_json_get(json, EFF_STR("fault")));

    for (int fault = EFF_OK; fault <= EFF_BROKEN; fault++)
        if (eff_str_is(name, eff_fault_name((enum eff_fault)fault)))
            return (enum eff_fault)fault;
    return EFF_BROKEN;
}

static eff_str
json_read_text(const struct eff_json *json, const char *name, struct eff_arena *arena)
{
    return eff_str_copy(arena, eff_json_str(eff_json_get(json, eff_str_of(name))));
}

static bool
json_read_problems(const struct eff_json *json, struct eff_report *report)
{
    struct eff_json_iter iter = eff_json_iterate(eff_json_get(json, EFF_STR("problems")));
    const struct eff_json *at;

    report->problems_cap = iter.left;
    report->problems = eff_new(report->arena, struct eff_run_problem, iter.left);
    while (eff_json_next(&iter, NULL, &at)) {
        struct eff_run_problem *problem = &report->problems[report->problems_count++];
        int64_t rows = 0;

        if (!eff_json_int(eff_json_get(at, EFF_STR("rows")), &rows) || rows < 0)
            return false;
        snprintf(problem->code, sizeof problem->code, EFF_STR_FMT,
                 EFF_STR_ARG(eff_json_str(eff_json_get(at, EFF_STR("code")))));
        problem->fault = json_read_fault(at);
        problem->rows = (uint64_t)rows;
        problem->message = json_read_text(at, "message", report->arena);
        problem->hint = json_read_text(at, "hint", report->arena);
        problem->where = json_read_text(at, "where", report->arena);
    }
    return true;
}

static eff_str
json_read_raw(const struct eff_json *value, struct eff_arena *arena)
{
    struct eff_buf buf = {0};
    eff_str copy;

    if (!value)
        return EFF_STR_NONE;
    eff_json_print(&buf, value, false);
    copy = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return copy;
}

static const char *
json_read_change(const struct eff_json *json)
{
    eff_str name = eff_json_str(eff_json_get(json, EFF_STR("change")));

    return eff_str_is(name, "add") ? "add" : eff_str_is(name, "remove") ? "remove" : "change";
}

static void
json_read_sample(const struct eff_json *json, struct eff_arena *arena, struct eff_sample *sample)
{
    struct eff_json_iter iter = eff_json_iterate(eff_json_get(json, EFF_STR("fields")));
    const struct eff_json *at;
    eff_str name;

    sample->key = json_read_raw(eff_json_get(json, EFF_STR("key")), arena);
    sample->change = json_read_change(json);
    sample->fields = eff_new(arena, struct eff_sample_field, iter.left);
    while (eff_json_next(&iter, &name, &at)) {
        struct eff_sample_field *field = &sample->fields[sample->fields_count++];

        field->name = eff_str_copy(arena, name);
        field->before = json_read_raw(eff_json_get(at, EFF_STR("before")), arena);
        field->after = json_read_raw(eff_json_get(at, EFF_STR("after")), arena);
    }
}

static void
json_read_samples(const struct eff_json *json, struct eff_report *report)
{
    struct eff_json_iter iter = eff_json_iterate(eff_json_get(json, EFF_STR("samples")));
    const struct eff_json *at;

    report->samples = eff_new(report->arena, struct eff_sample, iter.left);
    while (eff_json_next(&iter, NULL, &at))
        json_read_sample(at, report->arena, &report->samples[report->samples_count++]);
}

static void
json_read_previews(const struct eff_json *json, struct eff_report *report)
{
    const struct eff_json *list = eff_json_get(json, EFF_STR("sample_requests")), *at;
    struct eff_json_iter iter = eff_json_iterate(list);

    if (!list)
        return;
    report->previews = eff_new(report->arena, struct eff_report_request, iter.left + 1);
    while (eff_json_next(&iter, NULL, &at)) {
        struct eff_report_request *ret = &report->previews[report->previews_count++];
        int64_t rows = 0, bytes = 0;

        eff_json_int(eff_json_get(at, EFF_STR("rows")), &rows);
        eff_json_int(eff_json_get(at, EFF_STR("body_bytes")), &bytes);
        *ret = (struct eff_report_request){.op = json_read_text(at, "operation", report->arena).ptr,
                                           .step = json_read_text(at, "step", report->arena).ptr,
                                           .rows = (uint64_t)rows,
                                           .method = json_read_text(at, "method", report->arena),
                                           .url = json_read_text(at, "url", report->arena),
                                           .body = json_read_text(at, "body", report->arena),
                                           .body_bytes = (uint64_t)bytes};
    }
}

static void
json_read_held(const struct eff_json *json, struct eff_report *report)
{
    struct eff_json_iter iter = eff_json_iterate(eff_json_get(json, EFF_STR("fields_held")));
    const struct eff_json *at;
    eff_str *held = eff_new(report->arena, eff_str, iter.left);

    while (eff_json_next(&iter, NULL, &at))
        held[report->fields_held_count++] = eff_str_copy(report->arena, eff_json_str(at));
    report->fields_held = held;
    report->plan = json_read_text(json, "plan", report->arena);
    report->contract_broken = eff_json_bool(eff_json_get(json, EFF_STR("contract_broken")));
    report->skipped_by_failure = eff_json_bool(eff_json_get(json, EFF_STR("skipped_by_failure")));
    report->wants_yes = eff_json_bool(eff_json_get(json, EFF_STR("wants_yes")));
}

static void
json_read_scanned(const struct eff_json *json, struct eff_report *report)
{
    int64_t bytes = 0;

    report->has_scanned =
        eff_json_int(eff_json_get(json, EFF_STR("bytes_scanned")), &bytes) && bytes >= 0;
    report->bytes_scanned = report->has_scanned ? (uint64_t)bytes : 0;
}

static void
json_read_units(const struct eff_json *json, struct eff_report *report)
{
    const struct eff_json *units = eff_json_get(json, EFF_STR("units"));
    int64_t count = 0;

    report->units_name = json_read_text(units, "name", report->arena);
    if (eff_json_int(eff_json_get(units, EFF_STR("count")), &count) && count > 0)
        report->units = (uint64_t)count;
}

static void
json_read_status_flags(const struct eff_json *json, struct eff_report *report)
{
    const struct eff_json *seconds = eff_json_get(json, EFF_STR("seconds"));

    report->failed = report->status == EFF_STATUS_FAILED;
    report->skipped = report->status == EFF_STATUS_SKIPPED;
    report->is_plan = !eff_json_get(json, EFF_STR("delivered"));
    report->has_resumed = eff_json_get(json, EFF_STR("resumed")) != NULL;
    if (eff_json_type(seconds) == EFF_JSON_NUMBER)
        report->seconds = strtod(eff_str_c(report->arena, eff_json_str(seconds)), NULL);
}

bool
eff_report_read(const struct eff_json *json, struct eff_arena *arena, struct eff_report *ret_report)
{
    struct eff_report report = {.arena = arena};
    const struct eff_json *resumed = eff_json_get(json, EFF_STR("resumed"));

    report.sync = json_read_text(json, "sync", arena);
    report.run = json_read_text(json, "run", arena);
    if (report.sync.len == 0 || !json_read_status(json, &report.status))
        return false;
    json_read_status_flags(json, &report);
    if (!json_read_counts_of(json, json_read_counts, JSON_COUNT(json_read_counts), &report) ||
        !json_read_counts_of(json, json_settled_counts, JSON_COUNT(json_settled_counts), &report) ||
        !json_read_counts_of(json, json_request_counts, JSON_COUNT(json_request_counts), &report) ||
        !json_read_counts_of(json, json_call_counts, JSON_COUNT(json_call_counts), &report) ||
        !json_read_counts_of(resumed, json_resumed_counts, JSON_COUNT(json_resumed_counts),
                             &report.resumed) ||
        !json_read_problems(json, &report))
        return false;
    json_read_held(json, &report);
    json_read_scanned(json, &report);
    json_read_units(json, &report);
    json_read_samples(json, &report);
    json_read_previews(json, &report);
    *ret_report = report;
    return true;
}
