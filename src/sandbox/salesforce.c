/*
 * sandbox/salesforce: the table of the Salesforce stand-in, its errors and ids.
 */
#include "sandbox/salesforce.h"

#include <stdio.h>

#define SF "/services/data/{}"

void
eff_sf_error(struct eff_call *call, int status, const char *code, eff_str message)
{
    struct eff_json_writer w = eff_call_answer(call, status);

    eff_json_begin_array(&w);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "message", message);
    eff_json_field_str(&w, "errorCode", eff_str_of(code));
    eff_json_end_object(&w);
    eff_json_end_array(&w);
}

static void
salesforce_write_problem(struct eff_json_writer *w, const struct eff_sf_problem *problem,
                         const char *code_name, bool always_fields)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, code_name, eff_str_of(problem->code));
    eff_json_field_str(w, "message", problem->message);
    if (problem->fields_count != 0 || always_fields) {
        eff_json_key(w, EFF_STR("fields"));
        eff_json_begin_array(w);
        for (size_t i = 0; i < problem->fields_count; i++)
            eff_json_write_str(w, problem->fields[i]);
        eff_json_end_array(w);
    }
    eff_json_end_object(w);
}

void
eff_sf_write_errors(struct eff_json_writer *w, const struct eff_sf_problem *problem)
{
    eff_json_begin_array(w);
    salesforce_write_problem(w, problem, "statusCode", true);
    eff_json_end_array(w);
}

void
eff_sf_refuse_row(struct eff_call *call, const struct eff_sf_problem *problem)
{
    bool missing = eff_str_is(eff_str_of(problem->code), "NOT_FOUND") ||
                   eff_str_is(eff_str_of(problem->code), "ENTITY_IS_DELETED");
    struct eff_json_writer w = eff_call_answer(call, missing ? 404 : 400);

    eff_json_begin_array(&w);
    salesforce_write_problem(&w, problem, "errorCode", !problem->whole);
    eff_json_end_array(&w);
}

const struct eff_shape *
eff_sf_shape(struct eff_call *call, eff_str name)
{
    const struct eff_shape *shape = eff_shape_find(&call->world->shapes, name);

    if (shape == NULL)
        eff_sf_error(call, 404, "NOT_FOUND", EFF_STR("The requested resource does not exist"));
    return shape;
}

/* The three characters behind an id of 15 say which of its letters are capitals. */
static void
salesforce_suffix(const char *id, char *ret_suffix)
{
    for (int part = 0; part < 3; part++) {
        unsigned bits = 0;

        for (int i = 0; i < 5; i++)
            if (id[part * 5 + i] >= 'A' && id[part * 5 + i] <= 'Z')
                bits |= 1u << i;
        ret_suffix[part] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits];
    }
}

static const char salesforce_digits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static eff_str
salesforce_make_id(struct eff_arena *arena, eff_str prefix, uint64_t number)
{
    char id[19];

    memcpy(id, "a005e000", 8);
    memcpy(id, prefix.ptr, prefix.len < 3 ? prefix.len : 3);
    for (int i = 14; i >= 8; i--) {
        id[i] = salesforce_digits[number % 62];
        number /= 62;
    }
    salesforce_suffix(id, id + 15);
    return eff_str_copy(arena, (eff_str){id, 18});
}

eff_str
eff_sf_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq)
{
    return salesforce_make_id(arena, shape->prefix, (uint64_t)seq);
}

eff_str
eff_sf_other_id(struct eff_arena *arena, const char *prefix, uint64_t number)
{
    return salesforce_make_id(arena, eff_str_of(prefix), number);
}

bool
eff_sf_seq(const struct eff_shapes *shapes, eff_str id, const struct eff_shape **ret_shape,
           int64_t *ret_seq)
{
    char suffix[3];
    int64_t seq = 0;

    if ((id.len != 15 && id.len != 18) || memcmp(id.ptr + 3, "5e000", 5) != 0)
        return false;
    salesforce_suffix(id.ptr, suffix);
    if (id.len == 18 && memcmp(suffix, id.ptr + 15, 3) != 0)
        return false;
    for (int i = 8; i < 15; i++) {
        const char *digit = id.ptr[i] == '\0' ? NULL : strchr(salesforce_digits, id.ptr[i]);

        if (digit == NULL)
            return false;
        seq = seq * 62 + (digit - salesforce_digits);
    }
    for (size_t i = 0; i < shapes->count; i++) {
        if (!eff_str_eq(shapes->at[i]->prefix, eff_str_sub(id, 0, 3)))
            continue;
        *ret_shape = shapes->at[i];
        *ret_seq = seq;
        return true;
    }
    return false;
}

eff_str
eff_sf_version(const struct eff_call *call)
{
    return call->args_count == 0 ? EFF_STR("62.0") : eff_str_sub(call->args[0], 1, 8);
}

eff_str
eff_sf_time(const struct eff_call *call, int64_t ms)
{
    return eff_call_time(call, ms / 1000 * 1000, "+0000"); // It keeps whole seconds.
}

eff_str
eff_sf_base(const struct eff_call *call)
{
    return eff_str_printf(call->arena, "http://127.0.0.1:%u", call->world->port);
}

/* What the vendor says with this status when there is nothing more to say. */
static void
salesforce_refuse(struct eff_call *call, int status, const char *code, const char *message)
{
    static const struct {
        int status;
        const char *code, *message;
    } usual[] = {
        {400, "JSON_PARSER_ERROR", "The request is malformed"},
        {401, "INVALID_SESSION_ID", "Session expired or invalid"},
        {403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."},
        {404, "NOT_FOUND", "The requested resource does not exist"},
        {405, "METHOD_NOT_ALLOWED", "HTTP method not allowed for this resource"},
        {409, "DUPLICATE_VALUE", "The request conflicts with another one"},
        {429, "REQUEST_LIMIT_EXCEEDED", "Too many requests"},
        {503, "SERVER_UNAVAILABLE", "The server is not available, try again later"},
    };
    const char *own_code = "UNKNOWN_EXCEPTION", *own_message = "An unexpected error occurred";

    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (usual[i].status != status)
            continue;
        own_code = usual[i].code;
        own_message = usual[i].message;
    }
    eff_sf_error(call, status, code == NULL ? own_code : code,
                 eff_str_of(message == NULL ? own_message : message));
}

/* An address has at most so many bytes; calls with a token count against the org's day. */
static bool
salesforce_admit(struct eff_call *call)
{
    if (call->target.len > 16384) {
        salesforce_refuse(call, 414, "URI_TOO_LONG", "The URI is longer than 16,384 bytes.");
        return false;
    }
    if (call->route != NULL && (call->route->flags & EFF_ROUTE_OPEN) != 0)
        return true;
    if (eff_world_take(call->world, EFF_QUOTA_DAILY))
        return true;
    salesforce_refuse(call, 403, NULL, NULL);
    return false;
}

static void
salesforce_finish(struct eff_call *call)
{
    const struct eff_quota *day = &call->world->quotas[EFF_QUOTA_DAILY];

    eff_call_set(call, "Sforce-Limit-Info",
                 eff_str_printf(call->arena, "api-usage=%lld/%lld", (long long)day->used,
                                (long long)(day->requests == 0 ? 100000 : day->requests)));
    eff_call_set(call, "Cache-Control",
                 EFF_STR("no-cache,must-revalidate,max-age=0,no-store,private"));
}

static void
salesforce_versions(struct eff_call *call)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_array(&w);
    for (int version = 46; version <= 64; version++) {
        eff_json_begin_object(&w);
        eff_json_field_str(&w, "label", eff_str_printf(call->arena, "Release %d", version));
        eff_json_field_str(&w, "url", eff_str_printf(call->arena, "/services/data/v%d.0", version));
        eff_json_field_str(&w, "version", eff_str_printf(call->arena, "%d.0", version));
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
}

static void
salesforce_resources(struct eff_call *call)
{
    static const char *const names[] = {"composite", "jobs",     "limits",
                                        "query",     "queryAll", "sobjects"};
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        eff_json_field_str(&w, names[i],
                           eff_str_printf(call->arena, "/services/data/v" EFF_STR_FMT "/%s",
                                          EFF_STR_ARG(eff_sf_version(call)), names[i]));
    eff_json_field_str(&w, "identity",
                       eff_str_printf(call->arena, EFF_STR_FMT "/id/" EFF_SF_ORG "/" EFF_SF_USER,
                                      EFF_STR_ARG(eff_sf_base(call))));
    eff_json_end_object(&w);
}

static void
salesforce_write_limit(struct eff_json_writer *w, const char *name, int64_t max, int64_t left)
{
    eff_json_key(w, eff_str_of(name));
    eff_json_begin_object(w);
    eff_json_field_int(w, "Max", max);
    eff_json_field_int(w, "Remaining", left);
    eff_json_end_object(w);
}

static void
salesforce_limits(struct eff_call *call)
{
    const struct eff_quota *day = &call->world->quotas[EFF_QUOTA_DAILY];
    int64_t max = day->requests == 0 ? 100000 : day->requests;
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    salesforce_write_limit(&w, "DailyApiRequests", max, max > day->used ? max - day->used : 0);
    salesforce_write_limit(&w, "DailyBulkApiBatches", 15000, 15000);
    salesforce_write_limit(&w, "DailyBulkV2QueryFileStorageMB", 976562, 976562);
    salesforce_write_limit(&w, "DailyBulkV2QueryJobs", 10000, 10000);
    salesforce_write_limit(&w, "ConcurrentAsyncGetReportInstances", 200, 200);
    eff_json_end_object(&w);
}

static void
salesforce_free_state(void *state)
{
    eff_sf_free_jobs(state);
    eff_sf_free_cursors(state);
}

/* More specific paths first: the first match wins. */
static const struct eff_route salesforce_routes[] = {
    {"POST", "/services/oauth2/token", eff_sf_token, EFF_ROUTE_OPEN},
    {"POST", "/services/oauth2/revoke", eff_sf_revoke, EFF_ROUTE_OPEN},
    {"GET", "/services/oauth2/userinfo", eff_sf_identity, 0},
    {"GET", "/id/{}/{}", eff_sf_identity, EFF_ROUTE_OPEN}, // the token may be a parameter
    {"POST", "/services/Soap/u/{}", eff_sf_soap, EFF_ROUTE_OPEN},
    {"GET", "/services/data", salesforce_versions, EFF_ROUTE_OPEN},
    {"GET", SF, salesforce_resources, 0},
    {"GET", SF "/limits", salesforce_limits, 0},
    {"GET", SF "/query", eff_sf_query, 0},
    {"GET", SF "/queryAll", eff_sf_query_all, 0},
    {"GET", SF "/query/{}", eff_sf_query_more, 0},
    {"GET", SF "/sobjects", eff_sf_list_objects, 0},
    {"GET", SF "/sobjects/{}", eff_sf_basic, 0},
    {"POST", SF "/sobjects/{}", eff_sf_create, EFF_ROUTE_WRITES},
    {"GET", SF "/sobjects/{}/describe", eff_sf_describe, 0},
    {"GET", SF "/sobjects/{}/{}", eff_sf_get, 0},
    {"PATCH", SF "/sobjects/{}/{}", eff_sf_update, EFF_ROUTE_WRITES},
    {"DELETE", SF "/sobjects/{}/{}", eff_sf_delete, EFF_ROUTE_WRITES},
    {"GET", SF "/sobjects/{}/{}/{}", eff_sf_get_by_key, 0},
    {"PATCH", SF "/sobjects/{}/{}/{}", eff_sf_upsert_by_key, EFF_ROUTE_WRITES},
    {"DELETE", SF "/sobjects/{}/{}/{}", eff_sf_delete_by_key, EFF_ROUTE_WRITES},
    {"POST", SF "/composite", eff_sf_composite, EFF_ROUTE_WRITES},
    {"POST", SF "/composite/graph", eff_sf_graph, EFF_ROUTE_WRITES},
    {"POST", SF "/composite/batch", eff_sf_batch, EFF_ROUTE_WRITES},
    {"POST", SF "/composite/sobjects", eff_sf_rows_create, EFF_ROUTE_WRITES},
    {"PATCH", SF "/composite/sobjects", eff_sf_rows_update, EFF_ROUTE_WRITES},
    {"DELETE", SF "/composite/sobjects", eff_sf_rows_delete, EFF_ROUTE_WRITES},
    {"GET", SF "/composite/sobjects/{}", eff_sf_rows_get, 0},
    {"POST", SF "/composite/sobjects/{}", eff_sf_rows_post_get, 0},
    {"PATCH", SF "/composite/sobjects/{}/{}", eff_sf_rows_upsert, EFF_ROUTE_WRITES},
    {"POST", SF "/jobs/ingest", eff_sf_job_create, 0},
    {"GET", SF "/jobs/ingest", eff_sf_job_list, 0},
    {"GET", SF "/jobs/ingest/{}", eff_sf_job_get, 0},
    {"PATCH", SF "/jobs/ingest/{}", eff_sf_job_patch, 0},
    {"DELETE", SF "/jobs/ingest/{}", eff_sf_job_delete, 0},
    {"PUT", SF "/jobs/ingest/{}/batches", eff_sf_job_upload, EFF_ROUTE_WRITES},
    {"GET", SF "/jobs/ingest/{}/successfulResults", eff_sf_job_successful, 0},
    {"GET", SF "/jobs/ingest/{}/failedResults", eff_sf_job_failed, 0},
    {"GET", SF "/jobs/ingest/{}/unprocessedrecords", eff_sf_job_unprocessed, 0},
    {"POST", SF "/jobs/query", eff_sf_query_job_create, 0},
    {"GET", SF "/jobs/query/{}", eff_sf_job_get, 0},
    {"PATCH", SF "/jobs/query/{}", eff_sf_job_patch, 0},
    {"DELETE", SF "/jobs/query/{}", eff_sf_job_delete, 0},
    {"GET", SF "/jobs/query/{}/results", eff_sf_query_job_results, 0},
};

const struct eff_vendor eff_vendor_salesforce = {
    .name = "salesforce",
    .routes = salesforce_routes,
    .routes_count = sizeof(salesforce_routes) / sizeof(salesforce_routes[0]),
    .nocase = true,
    .quotas = {[EFF_QUOTA_DAILY] = {.requests = 100000}},
    .shapes = eff_sf_shapes,
    .new_shape = eff_sf_new_shape,
    .authorize = eff_sf_authorize,
    .admit = salesforce_admit,
    .refuse = salesforce_refuse,
    .finish = salesforce_finish,
    .tick = eff_sf_tick,
    .id = eff_sf_id,
    .state_size = sizeof(struct eff_sf_state),
    .state_free = salesforce_free_state,
};
