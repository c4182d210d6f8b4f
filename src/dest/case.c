/* case: running a case with and without a fault, and comparing. */
#include "base/json.h"
#include "dest/case_internal.h"

#include <stdio.h>

#define CASE_STEPS_MAX 500
#define CASE_CUTS      4000 /* of one answer; a longer one is not cut everywhere */
#define CASE_CUTS_FEW  8    /* that there are however many rows a case repeats */
#define COUNT(rows)    (sizeof(rows) / sizeof((rows)[0]))

static void
case_report(struct case_run *run, const char *when)
{
    struct eff_problems *problems = run->report->problems;
    struct eff_place place = run->at ? run->at->place : (struct eff_place){.file = run->path};

    place.file = eff_str_copy(problems->arena, place.file);
    run->report->failures++;
    eff_problem_add(problems, place, "EFF1501", EFF_STR_NONE, "`" EFF_STR_FMT "`%s%s: %s",
                    EFF_STR_ARG(run->conf.name), when[0] ? ", " : "", when, run->problem);
}

/* What could not be read has places of its own. */
static void
case_report_problems(struct case_run *run)
{
    struct eff_problems *problems = run->report->problems;

    run->report->failures++;
    for (size_t i = 0; i < run->problems.count; i++) {
        const struct eff_problem *found = &run->problems.at[i];
        struct eff_place place = found->place;

        place.file = eff_str_copy(problems->arena, place.file);
        eff_problem_add(problems, place, found->code, eff_str_copy(problems->arena, found->hint),
                        EFF_STR_FMT, EFF_STR_ARG(found->message));
    }
}

/* The same JSON has the same text: sorted, compact. EFF_STR_NONE when it is none. */
static eff_str
case_canonical(struct eff_arena *arena, eff_str text)
{
    const struct eff_json *json;
    struct eff_err err = {0};
    struct eff_buf buf = {0};

    if (eff_json_parse(text, arena, &json, &err) != EFF_OK)
        return EFF_STR_NONE;
    eff_json_print(&buf, json, true);
    text = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return text;
}

/* ---- comparing requests ---- */

static bool
case_request_line(struct case_run *run, const struct eff_node *expect,
                  const struct eff_request *request)
{
    static const char *const methods[] = {"get", "post", "put", "patch", "delete"};
    eff_str path = request->url, rest;

    if (eff_str_find(path, EFF_STR("://")) != SIZE_MAX) {
        rest = eff_str_sub(path, eff_str_find(path, EFF_STR("://")) + 3, SIZE_MAX);
        path = eff_str_sub(rest, eff_str_find_char(rest, '/'), SIZE_MAX);
    }
    for (size_t i = 0; i < COUNT(methods); i++) {
        const struct eff_node *want = eff_node_get(expect, methods[i]);

        if (!want)
            continue;
        if (!eff_str_eq_nocase(request->method, eff_str_of(methods[i])))
            return eff_case_fail(run, "expected %s, got " EFF_STR_FMT " " EFF_STR_FMT, methods[i],
                                 EFF_STR_ARG(request->method), EFF_STR_ARG(path));
        rest = eff_case_text(run->arena, want);
        if (!eff_str_eq(rest, path))
            return eff_case_fail(run, "expected address " EFF_STR_FMT ", got " EFF_STR_FMT,
                                 EFF_STR_ARG(rest), EFF_STR_ARG(path));
        return true;
    }
    return eff_case_fail(run, "`expect` has no method");
}

static bool
case_request_headers(struct case_run *run, const struct eff_node *headers,
                     const struct eff_request *request)
{
    for (size_t i = 0; headers && i < headers->count; i++) {
        bool found = false;

        for (size_t k = 0; k < request->headers_count; k++)
            found |= eff_str_eq_nocase(request->headers[k].name, headers->keys[i].text) &&
                     eff_str_eq(request->headers[k].value, headers->values[i].text);
        if (!found)
            return eff_case_fail(run, "the header " EFF_STR_FMT " is missing or has another value",
                                 EFF_STR_ARG(headers->keys[i].text));
    }
    return true;
}

static bool
case_request_body(struct case_run *run, const struct eff_node *expect,
                  const struct eff_request *request)
{
    const struct eff_node *json = eff_node_get(expect, "json"),
                          *text = eff_node_get(expect, "body");
    eff_str want = text ? eff_case_text(run->arena, text) : EFF_STR(""), got = request->body;

    if (json) {
        want = case_canonical(run->arena, eff_case_json(run->arena, json));
        got = case_canonical(run->arena, got);
        if (!got.ptr)
            return eff_case_fail(run, "the body is not JSON: " EFF_STR_FMT,
                                 EFF_STR_ARG(eff_str_sub(request->body, 0, 200)));
    }
    if (!eff_str_eq(want, got))
        return eff_case_fail(run, "expected the body " EFF_STR_FMT ", got " EFF_STR_FMT,
                             EFF_STR_ARG(eff_str_sub(want, 0, 250)),
                             EFF_STR_ARG(eff_str_sub(got, 0, 250)));
    return true;
}

static bool
case_request(struct case_run *run, const struct eff_node *exchange,
             const struct eff_request *request)
{
    const struct eff_node *expect = eff_node_get(exchange, "expect");

    run->at = expect ? expect : exchange;
    if (!expect)
        return eff_case_fail(run, "an exchange has no `expect`");
    return case_request_line(run, expect, request) &&
           case_request_headers(run, eff_node_get(expect, "headers"), request) &&
           case_request_body(run, expect, request);
}

/* ---- answers ---- */

static void
case_headers(struct case_run *run, const struct eff_node *map, struct eff_response *response)
{
    struct eff_header *headers = eff_new(run->arena, struct eff_header, map ? map->count : 0);

    for (size_t i = 0; map && i < map->count; i++)
        headers[response->headers_count++] =
            (struct eff_header){eff_str_lower(run->arena, map->keys[i].text), map->values[i].text};
    response->headers = headers;
}

static struct eff_response
case_answer(struct case_run *run, const struct eff_node *exchange)
{
    const struct eff_node *answer = eff_node_get(exchange, "answer");
    const struct eff_node *status = answer ? eff_node_get(answer, "status") : NULL;
    const struct eff_node *json = answer ? eff_node_get(answer, "json") : NULL;
    const struct eff_node *text = answer ? eff_node_get(answer, "body") : NULL;
    const struct eff_node *wire = answer ? eff_node_get(answer, "wire") : NULL;
    struct eff_response response = {
        .wire = EFF_WIRE_ANSWERED, .status = 200, .now_wall_ms = 1767225600000};
    int64_t number;

    if (status && eff_str_int(status->text, &number))
        response.status = (int)number;
    response.body = json   ? eff_case_json(run->arena, json)
                    : text ? eff_case_text(run->arena, text)
                           : EFF_STR("");
    if (wire)
        response.wire = eff_node_is(wire, "lost") ? EFF_WIRE_LOST : EFF_WIRE_NOT_SENT;
    if (wire)
        response.problem = EFF_STR("connection reset");
    case_headers(run, answer ? eff_node_get(answer, "headers") : NULL, &response);
    return response;
}

static struct eff_response
case_faulty(struct case_run *run, struct eff_response answer)
{
    struct eff_response fault = {.wire = EFF_WIRE_ANSWERED, .now_wall_ms = 1767225600000};

    switch (run->fault) {
    case CASE_LOST:
    case CASE_NOT_SENT:
        fault.wire = run->fault == CASE_LOST ? EFF_WIRE_LOST : EFF_WIRE_NOT_SENT;
        fault.problem = EFF_STR("connection reset");
        return fault;
    case CASE_429:
        fault.status = 429;
        fault.body = EFF_STR("{\"message\":\"slow down\"}");
        return fault;
    case CASE_500:
        fault.status = 500;
        fault.body = EFF_STR("<html>Internal Server Error</html>");
        return fault;
    case CASE_404:
        fault.status = 404;
        fault.body = EFF_STR("<html>Not Found: there is no such record</html>");
        return fault;
    default:
        answer.body = eff_str_sub(answer.body, 0, run->cut);
        return answer;
    }
}

static bool
case_broken(const struct case_run *run)
{
    return run->fault > CASE_BYTES;
}

/* Which exchange a request after a fault is: the next one, or one from the faulty one on. */
static size_t
case_find(struct case_run *run, const struct eff_request *request)
{
    const struct eff_node *list = run->conf.exchange;

    for (size_t i = 0; i < 2 * list->count; i++) {
        size_t at = i < list->count ? run->next + i : run->fault_at + i - list->count;
        bool same = at < list->count && case_request(run, &list->values[at], request);

        run->problem[0] = 0;
        if (same)
            return at;
    }
    return list->count;
}

/*
 * The answer to a request. After a fault the driver may ask again, or go on with
 * what comes later in the exchange (a job's poll tells whether it was closed).
 */
static bool
case_exchange(struct case_run *run, const struct eff_request *request,
              struct eff_response *ret_response)
{
    const struct eff_node *list = run->conf.exchange;
    size_t count = list && list->kind == EFF_NODE_LIST ? list->count : 0;
    size_t at = run->next;
    bool retried = run->injected && run->fault_at < at;

    if (retried)
        at = case_find(run, request);
    if (at >= count)
        run->at = list ? list : run->document;
    if (at >= count)
        return eff_case_fail(run, "a request too many: " EFF_STR_FMT " " EFF_STR_FMT,
                             EFF_STR_ARG(request->method), EFF_STR_ARG(request->url));
    if (!retried && !case_request(run, &list->values[at], request))
        return false;
    *ret_response = case_answer(run, &list->values[at]);
    run->next = at + 1;
    if (run->fault == CASE_BYTES && ret_response->wire == EFF_WIRE_ANSWERED)
        *ret_response = run->report->bytes(run->report->bytes_self, request, ret_response);
    if (case_broken(run) && !run->injected && at == run->fault_at) {
        run->injected = true;
        run->injected_refusal = ret_response->status >= 400;
        run->injected_write = request->writes && request->carries_rows;
        run->injected_aside = request->writes && !request->carries_rows;
        *ret_response = case_faulty(run, *ret_response);
    }
    return true;
}

/* ---- running ---- */

/* Rows that a 404 did not touch may go on without the others, in a request that no case has. */
static enum eff_step_kind
case_left(struct case_run *run)
{
    if (run->fault != CASE_404 || !run->injected)
        return 0;
    run->problem[0] = 0;
    return EFF_STEP_STOP;
}

static enum eff_step_kind
case_task(struct case_run *run, struct eff_task *task, unsigned depth)
{
    struct eff_response response = {0};
    const struct eff_response *last = NULL;
    unsigned logins = 0;

    for (unsigned steps = 0; steps < CASE_STEPS_MAX; steps++) {
        struct eff_step step;

        run->err = (struct eff_err){0};
        step = run->dest->ops->step(run->dest, task, last, &run->err);
        last = NULL;
        if (step.kind == EFF_STEP_SEND) {
            if (!case_exchange(run, &step.request, &response))
                return case_left(run);
            last = &response;
        } else if (step.kind == EFF_STEP_AUTH && depth == 0 && logins++ < 3) {
            struct eff_task login = {.kind = EFF_TASK_AUTHORIZE, .arena = run->arena};

            if (case_task(run, &login, 1) != EFF_STEP_DONE)
                return EFF_STEP_STOP;
        } else if (step.kind != EFF_STEP_WAIT) {
            return step.kind;
        }
    }
    eff_case_fail(run, "no end after %d steps", CASE_STEPS_MAX);
    return 0;
}

static bool
case_open(struct case_run *run)
{
    struct eff_dest_conf *conf = eff_new(run->arena, struct eff_dest_conf, 1);
    char *config = eff_arena_alloc(run->arena, run->kind->config_size + 1, 16, 1);
    const struct eff_node empty = {.kind = EFF_NODE_MAP};
    struct eff_fill fill = {0};
    struct eff_dest_sync sync = {.name = EFF_STR("case"),
                                 .run = EFF_STR("run"),
                                 .object = run->rows.object,
                                 .mode = (enum eff_mode)run->sync.mode,
                                 .on_removed = (enum eff_removed)run->sync.removed,
                                 .match_count = run->rows.match_count,
                                 .match_names = run->rows.match_names,
                                 .fields_count = run->rows.fields_count,
                                 .field_names = run->rows.field_names,
                                 .rows_planned = run->sync.rows_planned};
    struct eff_op_limits limits[EFF_OPS_COUNT];

    run->problems.fill = &fill;
    if (!eff_options_fill(run->conf.options ? run->conf.options : &empty, run->kind->options,
                          run->kind->options_count, config, &run->problems))
        return false;
    run->problems.fill = NULL;
    *conf = (struct eff_dest_conf){.name = EFF_STR("case"),
                                   .kind = run->kind,
                                   .config = config,
                                   .hosts_count = fill.hosts_count,
                                   .hosts = fill.hosts};
    if (((const struct eff_dest_kind *)run->kind->user)
                ->ops->open(conf, run->arena, &run->dest, &run->err) != EFF_OK ||
        run->dest->ops->bind(run->dest, &sync, limits, &run->err) != EFF_OK)
        return eff_case_fail(run, "%s: %s", run->err.where, run->err.msg);
    if (!run->conf.describe.ptr && !run->conf.check.ptr && !run->conf.read.ptr &&
        !run->conf.create && !limits[run->rows.op].supported)
        return eff_case_fail(run, "the connector has no operation %s", eff_op_name(run->rows.op));
    run->rows_max = limits[run->rows.op].rows_max;
    return true;
}

static struct eff_delivery *
case_delivery(struct case_run *run)
{
    struct eff_delivery *delivery = eff_new(run->arena, struct eff_delivery, 1);

    *delivery = run->rows;
    delivery->arena = run->arena;
    delivery->items = eff_new(run->arena, struct eff_item, run->rows.count);
    if (run->rows.count)
        memcpy(delivery->items, run->rows.items, run->rows.count * sizeof *delivery->items);
    return delivery;
}

/* ---- comparing what came out ---- */

static const char *const case_steps[] = {"", "send", "wait", "split", "done", "stop", "auth"};

static bool
case_verdict_field(struct case_run *run, size_t index, const struct eff_node *want, const char *key,
                   eff_str got)
{
    const struct eff_node *node = want->kind == EFF_NODE_MAP ? eff_node_get(want, key) : NULL;

    if (!node || eff_str_eq(node->text, got))
        return true;
    return eff_case_fail(run, "row %zu: expected %s " EFF_STR_FMT ", got " EFF_STR_FMT, index, key,
                         EFF_STR_ARG(node->text), EFF_STR_ARG(got));
}

/* applied, or {refused: CODE, fault: row, field: x, message: text, remote_id: 1, created: true} */
static eff_str
case_want_outcome(const struct eff_node *want)
{
    return want->kind == EFF_NODE_MAP && want->count > 0 ? want->keys[0].text : want->text;
}

static bool
case_outcome_is(eff_str want, enum eff_outcome got)
{
    char name[32];

    snprintf(name, sizeof name, "%s", eff_outcome_name(got));
    for (char *c = name; *c; c++)
        *c = *c == ' ' || *c == '-' ? '_' : *c;
    return eff_str_is(want, name) || (eff_str_is(want, "maybe") && got == EFF_MAYBE_APPLIED);
}

static bool
case_verdict(struct case_run *run, size_t index, const struct eff_node *want,
             const struct eff_verdict *got)
{
    eff_str outcome = case_want_outcome(want);

    run->at = want;
    if (!case_outcome_is(outcome, got->outcome))
        return eff_case_fail(
            run, "row %zu: expected " EFF_STR_FMT ", got %s " EFF_STR_FMT " " EFF_STR_FMT, index,
            EFF_STR_ARG(outcome), eff_outcome_name(got->outcome), EFF_STR_ARG(got->code),
            EFF_STR_ARG(got->message));
    if (want->kind != EFF_NODE_MAP)
        return true;
    if (want->values[0].kind == EFF_NODE_SCALAR && !eff_str_eq(want->values[0].text, got->code))
        return eff_case_fail(run, "row %zu: expected code " EFF_STR_FMT ", got " EFF_STR_FMT, index,
                             EFF_STR_ARG(want->values[0].text), EFF_STR_ARG(got->code));
    return case_verdict_field(run, index, want, "field", got->field) &&
           case_verdict_field(run, index, want, "message", got->message) &&
           case_verdict_field(run, index, want, "remote_id", got->remote_id) &&
           case_verdict_field(run, index, want, "fault", eff_str_of(eff_fault_name(got->fault))) &&
           case_verdict_field(run, index, want, "created",
                              got->created ? EFF_STR("true") : EFF_STR("false"));
}

/* Whether it ended as the case says. */
static bool
case_ended(struct case_run *run)
{
    if (run->end == 0)
        return false;
    if (!eff_str_is(run->conf.end, case_steps[run->end]))
        return eff_case_fail(run, "expected the end " EFF_STR_FMT ", got %s %s",
                             EFF_STR_ARG(run->conf.end), case_steps[run->end], run->err.msg);
    if (run->conf.stops.ptr && !eff_str_is(run->conf.stops, eff_fault_name(run->err.fault)))
        return eff_case_fail(run, "expected to stop with " EFF_STR_FMT ", got %s",
                             EFF_STR_ARG(run->conf.stops), eff_fault_name(run->err.fault));
    return true;
}

static bool
case_compare(struct case_run *run, const struct eff_delivery *delivery)
{
    const struct eff_node *want = run->conf.verdicts;
    size_t count = want && want->kind == EFF_NODE_LIST ? want->count : 0;

    run->at = want ? want : run->document;
    if (!case_ended(run))
        return false;
    if (run->end == EFF_STEP_DONE && count != delivery->count)
        return eff_case_fail(run, "%zu verdicts for %zu rows", count, delivery->count);
    for (size_t i = 0; i < count && i < delivery->count; i++) {
        if (!case_verdict(run, i, &want->values[i], &delivery->items[i].verdict))
            return false;
    }
    if (!run->conf.exchange || run->next == run->conf.exchange->count)
        return true;
    run->at = &run->conf.exchange->values[run->next];
    return eff_case_fail(run, "only %zu of %zu requests were made", run->next,
                         run->conf.exchange->count);
}

/* The same, or honestly unknown. */
static bool
case_compare_faulty(struct case_run *run, const struct eff_delivery *delivery)
{
    const struct eff_node *want = run->conf.verdicts;

    for (size_t i = 0; i < delivery->count; i++) {
        const struct eff_verdict *got = &delivery->items[i].verdict;
        eff_str outcome =
            want && i < want->count ? case_want_outcome(&want->values[i]) : EFF_STR("");

        run->at = want && i < want->count ? &want->values[i] : run->document;
        if (got->outcome == EFF_MAYBE_APPLIED || case_outcome_is(outcome, got->outcome))
            continue;
        if (got->outcome == EFF_PENDING && run->end != EFF_STEP_DONE)
            continue;
        if (got->outcome == EFF_REFUSED && run->injected_refusal && run->fault == CASE_CUT &&
            run->cut == 0) // the status is all that is left, and says no more
            continue;
        if (got->outcome != EFF_NOT_APPLIED)
            return eff_case_fail(run, "row %zu: %s is not what the destination said", i,
                                 eff_outcome_name(got->outcome));
        // With the rows on their way and no answer, nobody can say that they were not applied.
        if (run->injected_write && !delivery->memo.ptr && eff_str_is(outcome, "applied") &&
            (run->fault == CASE_LOST || run->fault == CASE_500 || run->fault == CASE_CUT) &&
            run->conf.exchange && run->fault_at + 1 == run->conf.exchange->count)
            return eff_case_fail(run, "row %zu: may have been applied, but is said not to be", i);
    }
    return true;
}

/* A page of a proxy is nobody's word on a record: it makes no removal done. */
static bool
case_compare_gone(struct case_run *run, const struct eff_delivery *delivery)
{
    const struct eff_node *want = run->conf.verdicts;
    size_t done = 0;

    for (size_t i = 0; i < delivery->count; i++) {
        enum eff_outcome got = delivery->items[i].verdict.outcome;

        if (got != EFF_APPLIED && got != EFF_TAKEN)
            continue;
        done++;
        run->at = want && i < want->count ? &want->values[i] : run->document;
        if (!want || i >= want->count || !case_outcome_is(case_want_outcome(run->at), got))
            return eff_case_fail(run, "row %zu: %s is not what the destination said", i,
                                 eff_outcome_name(got));
    }
    return !run->injected || run->injected_aside || done == 0 || done < delivery->count ||
           eff_case_fail(run, "a page of HTML with the status 404 counts as a removal that is "
                              "done: demand the destination's own code for it");
}

/* ---- describe and read ---- */

static void
case_schema_json(struct eff_json_writer *w, const struct eff_schema *schema)
{
    static const char *const types[] = {"any",  "text",      "number", "boolean",
                                        "date", "timestamp", "choice", "json"};

    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("exists"));
    eff_json_write_bool(w, schema->object_exists);
    eff_json_key(w, EFF_STR("fields"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < schema->fields_count; i++) {
        const struct eff_dest_field *field = &schema->fields[i];

        eff_json_begin_object(w);
        eff_json_field_str(w, "name", field->name);
        eff_json_field_str(w, "type", eff_str_of(types[field->type]));
        if (field->read_only)
            eff_json_field_str(w, "is", EFF_STR("read_only"));
        if (field->required)
            eff_json_field_str(w, "needed", EFF_STR("yes"));
        if (field->unique)
            eff_json_field_str(w, "unique", EFF_STR("yes"));
        if (field->choices_count > 0)
            eff_json_field_int(w, "choices", (int64_t)field->choices_count);
        eff_json_end_object(w);
    }
    eff_json_end_array(w);
    if (schema->objects_count > 0) {
        eff_json_key(w, EFF_STR("objects"));
        eff_json_begin_array(w);
        for (size_t i = 0; i < schema->objects_count; i++)
            eff_json_write_str(w, schema->objects[i]);
        eff_json_end_array(w);
    }
    eff_json_end_object(w);
}

static void
case_records_json(struct eff_json_writer *w, const struct eff_read *read)
{
    eff_json_begin_array(w);
    for (size_t i = 0; i < read->count; i++) {
        const struct eff_record *record = &read->records[i];

        if (!record->found) {
            eff_json_write_null(w);
            continue;
        }
        eff_json_begin_object(w);
        eff_json_field_str(w, "id", record->remote_id);
        for (size_t f = 0; f < read->fields_count; f++) {
            eff_json_key(w, read->field_names[f]);
            eff_value_json(w, &record->fields[f]);
        }
        eff_json_end_object(w);
    }
    eff_json_end_array(w);
}

static bool
case_compare_json(struct case_run *run, const struct eff_node *want, struct eff_buf *got)
{
    eff_str a = case_canonical(run->arena, eff_case_json(run->arena, want));
    eff_str b = case_canonical(run->arena, eff_buf_str(got));

    run->at = want;
    eff_buf_free(got);
    return eff_str_eq(a, b) ||
           eff_case_fail(run, "expected " EFF_STR_FMT ", got " EFF_STR_FMT,
                         EFF_STR_ARG(eff_str_sub(a, 0, 280)), EFF_STR_ARG(eff_str_sub(b, 0, 280)));
}

static bool
case_make(struct case_run *run)
{
    struct eff_dest_field field = {.name = run->create.field,
                                   .type = (enum eff_field_type)run->create.type};
    struct eff_task task = {
        .kind = EFF_TASK_CREATE, .field = &field, .object = run->rows.object, .arena = run->arena};

    run->end = case_task(run, &task, 0);
    return (run->injected && run->end == EFF_STEP_STOP) || case_ended(run); /* it said so */
}

static bool
case_check(struct case_run *run)
{
    struct eff_task task = {.kind = EFF_TASK_CHECK, .object = run->conf.check, .arena = run->arena};

    run->end = case_task(run, &task, 0);
    return (run->injected && run->end == EFF_STEP_STOP) || case_ended(run); /* it said so */
}

static bool
case_look(struct case_run *run)
{
    struct eff_schema schema = {0};
    struct eff_read read = {.match_count = run->rows.match_count,
                            .match_names = run->rows.match_names,
                            .fields_count = run->rows.fields_count,
                            .field_names = run->rows.field_names,
                            .count = run->rows.count};
    bool reads = run->conf.read.ptr != NULL;
    struct eff_task describe = {.kind = EFF_TASK_DESCRIBE,
                                .schema = &schema,
                                .arena = run->arena,
                                .object = run->conf.describe};
    struct eff_task look = {
        .kind = EFF_TASK_READ, .read = &read, .arena = run->arena, .object = run->conf.read};
    struct eff_value *match = eff_new(run->arena, struct eff_value, read.count * read.match_count);
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    for (size_t i = 0; i < read.count * read.match_count; i++)
        match[i] = run->rows.items[i / read.match_count].match[i % read.match_count];
    read.match = match;
    read.records = eff_new(run->arena, struct eff_record, read.count);
    if (run->conf.describe.ptr)
        run->end = case_task(run, &describe, 0);
    if (reads && (!run->conf.describe.ptr || run->end == EFF_STEP_DONE))
        run->end = case_task(run, &look, 0);
    if (run->injected && run->end == EFF_STEP_STOP)
        return true; /* it said so */
    if (!case_ended(run))
        return false;
    if (reads)
        case_records_json(&w, &read);
    else
        case_schema_json(&w, &schema);
    if (run->conf.schema || run->conf.records)
        return case_compare_json(run, reads ? run->conf.records : run->conf.schema, &buf);
    eff_buf_free(&buf);
    return true;
}

/* ---- one run, with or without a fault ---- */

static bool
case_once(struct case_run *run)
{
    struct eff_task task = {
        .kind = EFF_TASK_DELIVER, .arena = run->arena, .object = run->rows.object};
    bool good = case_open(run);

    if (good && run->conf.create) {
        good = case_make(run);
    } else if (good && run->conf.check.ptr) {
        good = case_check(run);
    } else if (good && (run->conf.describe.ptr || run->conf.read.ptr)) {
        good = case_look(run);
    } else if (good) {
        task.delivery = case_delivery(run);
        run->end = case_task(run, &task, 0);
        good = run->end != 0 && (run->fault == CASE_404 ? case_compare_gone(run, task.delivery)
                                 : case_broken(run)     ? case_compare_faulty(run, task.delivery)
                                                        : case_compare(run, task.delivery));
        if (good && run->fault == CASE_NONE)
            eff_case_shows(run, task.delivery);
    }
    if (run->dest)
        run->dest->ops->close(run->dest);
    if (!good && !run->problem[0] && run->problems.count == 0)
        eff_case_fail(run, "it failed");
    return good;
}

static void
case_try(const struct case_run *prepared, enum case_fault fault, size_t at, size_t cut)
{
    static const char *const names[] = {"",           "",           "answer lost",   "not sent",
                                        "429 before", "500 before", "404 of a proxy"};
    struct eff_arena scratch = *prepared->arena;
    struct case_run run = *prepared;
    char when[80];

    run.arena = &scratch;
    run.problems.arena = &scratch;
    run.at = run.document;
    run.fault = fault;
    run.fault_at = at;
    run.cut = cut;
    run.report->replays += fault != CASE_NONE;
    if (case_once(&run))
        return;
    if (!run.problem[0]) {
        case_report_problems(&run);
        return;
    }
    if (fault <= CASE_BYTES)
        snprintf(when, sizeof when, "%s", fault ? "answers one byte at a time" : "");
    else if (fault == CASE_CUT)
        snprintf(when, sizeof when, "answer %zu cut at %zu", at + 1, cut);
    else
        snprintf(when, sizeof when, "request %zu: %s", at + 1, names[fault]);
    case_report(&run, when);
}

/* How many bytes are left: any number but all; of too many few, nearly all, and some between. */
static size_t
case_cut_at(size_t i, size_t cuts, size_t bytes)
{
    size_t ends = cuts / 4;

    if (cuts == bytes || i < ends)
        return i;
    if (i >= cuts - ends)
        return bytes - (cuts - i);
    return ends + (bytes - 2 * ends) * (i - ends) / (cuts - 2 * ends);
}

static void
case_cuts(struct case_run *run, size_t at)
{
    size_t bytes = case_answer(run, &run->conf.exchange->values[at]).body.len;
    size_t cuts = CASE_CUTS / (size_t)run->conf.repeat;

    cuts = cuts > CASE_CUTS_FEW ? cuts : CASE_CUTS_FEW;
    cuts = bytes < cuts ? bytes : cuts;
    for (size_t i = 0; i < cuts; i++)
        case_try(run, CASE_CUT, at, case_cut_at(i, cuts, bytes));
}

static void
case_replays(struct case_run *run)
{
    size_t count = run->conf.exchange && run->conf.exchange->kind == EFF_NODE_LIST
                       ? run->conf.exchange->count
                       : 0;
    bool removes = eff_op_removes(run->rows.op);

    for (size_t at = 0; at < count; at++) {
        for (int fault = CASE_LOST; fault <= CASE_500 + removes; fault++)
            case_try(run, (enum case_fault)fault, at, 0);
        case_cuts(run, at);
    }
}

static void
case_unread(struct case_run *run)
{
    if (run->problem[0] == 0 && run->problems.count > 0) {
        case_report_problems(run);
        return;
    }
    eff_case_fail(run, "it cannot be read");
    case_report(run, "");
}

static void
case_document(const struct case_run *common, const struct eff_node *document)
{
    struct case_run run = *common;
    size_t failures = common->report->failures;

    run.document = run.at = document;
    if (eff_node_get(document, "without")) {
        if (!eff_case_without(&run, eff_node_get(document, "without")))
            case_report(&run, "");
        return;
    }
    run.report->cases++;
    if (!eff_case_read(&run, document)) {
        case_unread(&run);
        return;
    }
    case_try(&run, CASE_NONE, 0, 0);
    if (failures == run.report->failures)
        case_try(&run, CASE_BYTES, 0, 0);
    if (run.conf.replay && failures == run.report->failures)
        case_replays(&run);
}

void
eff_case_file(size_t kinds_count, const struct eff_kind_desc *kinds, eff_str connector,
              eff_str path, eff_str bytes, struct eff_arena *scratch,
              struct eff_case_report *report)
{
    struct eff_arena arena = *scratch;
    struct case_run run = {
        .arena = &arena, .report = report, .path = path, .problems = {.arena = &arena}};
    const struct eff_node *documents;
    size_t count;

    for (size_t i = 0; i < kinds_count; i++) {
        if (eff_str_eq(kinds[i].kind, connector))
            run.kind = &kinds[i];
    }
    run.conf.name = connector;
    if (!run.kind) {
        eff_case_fail(&run, "no such connector");
        case_report(&run, "");
        return;
    }
    report->connector = ((const struct eff_dest_kind *)run.kind->user)->connector;
    if (!eff_yaml_parse(bytes, path, &arena, &count, &documents, &run.problems)) {
        case_unread(&run);
        return;
    }
    for (size_t i = 0; i < count; i++)
        case_document(&run, &documents[i]);
}
