/*
 * sandbox/salesforce_composite: several requests in one.
 *
 * Each subrequest goes through the same routes as if it had come by itself;
 * "@{reference.path}" in its address or body stands for a part of an earlier
 * answer. A graph is a composite that always takes everything back.
 */
#include "sandbox/salesforce.h"

#include <stdalign.h>

#define COMPOSITE_MAX       25
#define COMPOSITE_GRAPH_MAX 500
#define COMPOSITE_TEXT_MAX  ((size_t)16 << 20)

struct composite_part {
    eff_str reference;
    int status;
    eff_str body;
    const struct eff_json *parsed;
    size_t refused;
};

static eff_str
composite_print(struct eff_call *call, const struct eff_json *value)
{
    struct eff_buf text = {.max = COMPOSITE_TEXT_MAX};
    eff_str copy;

    if (value != NULL)
        eff_json_print(&text, value, false);
    copy = eff_str_copy(call->arena, eff_buf_str(&text));
    eff_buf_free(&text);
    return copy;
}

/* "ref.id" or "ref[0].id" of the answers so far: the text of a scalar, or EFF_STR_NONE. */
static eff_str
composite_lookup(struct eff_call *call, const struct composite_part *parts, size_t count,
                 eff_str path)
{
    char *pointer = eff_new(call->arena, char, path.len + 2);
    eff_str name = path;
    size_t len = 0, end = 0;

    while (end < path.len && path.ptr[end] != '.' && path.ptr[end] != '[')
        end++;
    name.len = end;
    for (size_t i = end; i < path.len; i++)
        if (path.ptr[i] != ']')
            pointer[len++] = path.ptr[i] == '.' || path.ptr[i] == '[' ? '/' : path.ptr[i];
    for (size_t i = 0; i < count; i++)
        if (eff_str_eq(parts[i].reference, name) && parts[i].status < 300)
            return eff_json_str(eff_json_pointer(parts[i].parsed, (eff_str){pointer, len}));
    return EFF_STR_NONE;
}

/* Puts in the references; false when one has no value. */
static bool
composite_resolve(struct eff_call *call, const struct composite_part *parts, size_t count,
                  eff_str *text)
{
    struct eff_buf out = {.max = COMPOSITE_TEXT_MAX};
    eff_str rest = *text;
    size_t start;
    bool fine = true;

    while (fine && (start = eff_str_find(rest, EFF_STR("@{"))) != SIZE_MAX) {
        eff_str tail = eff_str_sub(rest, start + 2, SIZE_MAX), value;
        size_t end = eff_str_find_char(tail, '}');

        if (end == SIZE_MAX)
            break;
        value = composite_lookup(call, parts, count, eff_str_sub(tail, 0, end));
        fine = value.ptr != NULL;
        for (size_t i = 0; i < value.len; i++) // it goes into JSON text and addresses as it is
            fine = fine && (unsigned char)value.ptr[i] >= ' ' && value.ptr[i] != '"' &&
                   value.ptr[i] != '\\';
        eff_buf_add(&out, eff_str_sub(rest, 0, start));
        eff_buf_add(&out, value);
        rest = eff_str_sub(tail, end + 1, SIZE_MAX);
    }
    eff_buf_add(&out, rest);
    fine = fine && !out.full;
    *text = eff_str_copy(call->arena, eff_buf_str(&out));
    eff_buf_free(&out);
    return fine;
}

static const char composite_halted[] =
    "[{\"errorCode\":\"PROCESSING_HALTED\",\"message\":\"The transaction was rolled back since "
    "another operation in the same transaction failed.\"}]";
static const char composite_no_value[] =
    "[{\"errorCode\":\"PROCESSING_HALTED\",\"message\":\"Invalid reference specified. No value for "
    "it was found.\"}]";

static void
composite_run(struct eff_call *call, const struct eff_json *request, struct composite_part *parts,
              size_t index, const char *prefix)
{
    struct composite_part *part = &parts[index];
    const struct eff_json *body = eff_json_get(request, EFF_STR("body"));
    eff_str url = eff_json_str(eff_json_get(request, EFF_STR("url")));
    struct eff_call sub = {.world = call->world,
                           .arena = call->arena,
                           .method = eff_json_str(eff_json_get(request, EFF_STR("method"))),
                           .nested = call->nested + 1,
                           .effect = {.job_polls = -1, .job_fail_after = -1}};
    struct eff_err err = {0};

    part->reference = eff_json_str(eff_json_get(request, EFF_STR("referenceId")));
    if (body == NULL)
        body = eff_json_get(request, EFF_STR("richInput"));
    url = eff_str_printf(call->arena, "%s" EFF_STR_FMT, prefix, EFF_STR_ARG(url));
    sub.body = composite_print(call, body);
    if (!composite_resolve(call, parts, index, &url) ||
        !composite_resolve(call, parts, index, &sub.body)) {
        part->status = 400;
        part->body = eff_str_of(composite_no_value);
        return;
    }
    sub.target = url;
    if (!eff_str_cut(url, '?', &sub.path, &sub.query))
        sub.query = EFF_STR("");
    eff_world_dispatch(&sub);
    part->status = sub.status;
    part->refused = sub.refused;
    part->body = eff_str_copy(call->arena, eff_buf_str(&sub.answer));
    if (part->body.len == 0 ||
        eff_json_parse(part->body, call->arena, &part->parsed, &err) != EFF_OK)
        part->body = EFF_STR("null");
    call->rows += sub.rows;
    call->refused += sub.refused;
    eff_buf_free(&sub.answer);
}

/* Runs the subrequests in a transaction of their own. True when all went well. */
static bool
composite_run_all(struct eff_call *call, const struct eff_json *requests, bool all_or_none,
                  struct composite_part *parts)
{
    struct eff_json_iter iter = eff_json_iterate(requests);
    const struct eff_json *request;
    size_t count = 0;
    bool failed = false;

    eff_records_begin(call->world->records);
    while (eff_json_next(&iter, NULL, &request)) {
        if (failed && all_or_none) {
            parts[count].reference = eff_json_str(eff_json_get(request, EFF_STR("referenceId")));
            parts[count].status = 400;
        } else {
            composite_run(call, request, parts, count, "");
        }
        // With the outer allOrNone, a refused row of a collection is a failure, too.
        failed = failed || parts[count].status >= 300 || (all_or_none && parts[count].refused != 0);
        if (failed && parts[count].body.len == 0)
            parts[count].body = eff_str_of(composite_halted);
        count++;
    }
    if (!failed || !all_or_none) {
        eff_records_commit(call->world->records);
        return !failed;
    }
    eff_records_rollback(call->world->records);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].status >= 300 || parts[i].refused != 0)
            continue;
        parts[i].status = 400;
        parts[i].body = eff_str_of(composite_halted);
    }
    return false;
}

static void
composite_write(struct eff_json_writer *w, const struct composite_part *parts, size_t count)
{
    eff_json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        eff_json_begin_object(w);
        eff_json_key(w, EFF_STR("body"));
        eff_json_write_raw(w, parts[i].body);
        eff_json_key(w, EFF_STR("httpHeaders"));
        eff_json_begin_object(w);
        eff_json_end_object(w);
        eff_json_field_int(w, "httpStatusCode", parts[i].status);
        eff_json_field_str(w, "referenceId", parts[i].reference);
        eff_json_end_object(w);
    }
    eff_json_end_array(w);
}

/* The list of subrequests; NULL when it has answered. */
static const struct eff_json *
composite_list(struct eff_call *call, const struct eff_json *list, size_t max)
{
    if (call->nested != 0)
        eff_sf_error(call, 400, "INVALID_INPUT", EFF_STR("composite requests do not nest"));
    else if (eff_json_type(list) != EFF_JSON_ARRAY || eff_json_count(list) == 0)
        eff_sf_error(call, 400, "JSON_PARSER_ERROR", EFF_STR("expected a list of subrequests"));
    else if (eff_json_count(list) > max)
        eff_sf_error(call, 400, "LIMIT_EXCEEDED",
                     eff_str_printf(call->arena, "at most %zu subrequests", max));
    else
        return list;
    return NULL;
}

void
eff_sf_composite(struct eff_call *call)
{
    struct eff_err err = {0};
    const struct eff_json *body = eff_call_json(call, &err);
    const struct eff_json *list =
        composite_list(call, eff_json_get(body, EFF_STR("compositeRequest")), COMPOSITE_MAX);
    struct composite_part *parts;
    struct eff_json_writer w;

    if (list == NULL)
        return;
    parts = eff_new(call->arena, struct composite_part, eff_json_count(list));
    composite_run_all(call, list, eff_json_bool(eff_json_get(body, EFF_STR("allOrNone"))), parts);
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("compositeResponse"));
    composite_write(&w, parts, eff_json_count(list));
    eff_json_end_object(&w);
}

static void
composite_graph(struct eff_call *call, struct eff_json_writer *w, const struct eff_json *graph)
{
    const struct eff_json *list = eff_json_get(graph, EFF_STR("compositeRequest"));
    size_t count = eff_json_count(list);
    struct composite_part *parts = eff_new(call->arena, struct composite_part, count + 1);
    bool fine = composite_run_all(call, list, true, parts);

    eff_json_begin_object(w);
    eff_json_field_str(w, "graphId", eff_json_str(eff_json_get(graph, EFF_STR("graphId"))));
    eff_json_key(w, EFF_STR("graphResponse"));
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("compositeResponse"));
    composite_write(w, parts, count);
    eff_json_end_object(w);
    eff_json_key(w, EFF_STR("isSuccessful"));
    eff_json_write_bool(w, fine);
    eff_json_end_object(w);
}

void
eff_sf_graph(struct eff_call *call)
{
    struct eff_err err = {0};
    const struct eff_json *body = eff_call_json(call, &err), *graph;
    const struct eff_json *list = composite_list(call, eff_json_get(body, EFF_STR("graphs")), 75);
    struct eff_json_iter iter = eff_json_iterate(list);
    struct eff_json_writer w;
    size_t nodes = 0;

    if (list == NULL)
        return;
    while (eff_json_next(&iter, NULL, &graph))
        nodes += eff_json_count(eff_json_get(graph, EFF_STR("compositeRequest")));
    if (nodes > COMPOSITE_GRAPH_MAX) {
        eff_sf_error(call, 400, "LIMIT_EXCEEDED", EFF_STR("at most 500 nodes in all graphs"));
        return;
    }
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("graphs"));
    eff_json_begin_array(&w);
    iter = eff_json_iterate(list);
    while (eff_json_next(&iter, NULL, &graph))
        composite_graph(call, &w, graph);
    eff_json_end_array(&w);
    eff_json_end_object(&w);
}

/* Subrequests that know nothing of each other; addresses begin with the version. */
void
eff_sf_batch(struct eff_call *call)
{
    struct eff_err err = {0};
    const struct eff_json *body = eff_call_json(call, &err), *request;
    const struct eff_json *list =
        composite_list(call, eff_json_get(body, EFF_STR("batchRequests")), COMPOSITE_MAX);
    struct eff_json_iter iter = eff_json_iterate(list);
    bool halt = eff_json_bool(eff_json_get(body, EFF_STR("haltOnError"))), failed = false;
    struct composite_part parts[1];
    struct eff_json_writer w;

    if (list == NULL)
        return;
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("results"));
    eff_json_begin_array(&w);
    while (eff_json_next(&iter, NULL, &request)) {
        parts[0] = (struct composite_part){.status = 412, .body = EFF_STR("null")};
        if (!halt || !failed)
            composite_run(call, request, parts, 0, "/services/data/");
        failed = failed || parts[0].status >= 300;
        eff_json_begin_object(&w);
        eff_json_field_int(&w, "statusCode", parts[0].status);
        eff_json_key(&w, EFF_STR("result"));
        eff_json_write_raw(&w, parts[0].body);
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
    eff_json_key(&w, EFF_STR("hasErrors"));
    eff_json_write_bool(&w, failed);
    eff_json_end_object(&w);
}
