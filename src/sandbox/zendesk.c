/*
 * sandbox/zendesk: the stand-in for Zendesk's Support API: users and organizations.
 *
 * Paths go with and without ".json". What is not known in a body is passed over in silence, as
 * the vendor does; a job that is completed says row by row what became of it.
 */
#include "sandbox/zendesk.h"

#define ID_BASE  360000000000 /* of record ids: beyond 32 bits, as they are at the vendor */
#define PAGE_MAX 100

eff_str
eff_zd_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq)
{
    (void)shape;
    return eff_str_printf(arena, "%lld", (long long)seq + ID_BASE);
}

int64_t
eff_zd_seq(eff_str id)
{
    int64_t seq;

    return eff_str_int(id, &seq) && seq > ID_BASE ? seq - ID_BASE : 0;
}

eff_str
eff_zd_arg(const struct eff_call *call, size_t index)
{
    eff_str arg = call->args[index];

    return eff_str_ends(arg, EFF_STR(".json")) ? eff_str_sub(arg, 0, arg.len - 5) : arg;
}

eff_str
eff_zd_url(struct eff_call *call, const char *path, eff_str id)
{
    return eff_str_printf(call->arena, "http://127.0.0.1:%u/api/v2/%s/" EFF_STR_FMT ".json",
                          call->world->port, path, EFF_STR_ARG(id));
}

void
eff_zd_error(struct eff_call *call, int status, const char *error, const char *description)
{
    struct eff_json_writer w = eff_call_answer(call, status);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "error", eff_str_of(error));
    eff_json_field_str(&w, "description", eff_str_of(description));
    eff_json_end_object(&w);
}

static void
zendesk_invalid(struct eff_call *call, const struct eff_zd_problem *problem)
{
    struct eff_json_writer w = eff_call_answer(call, 422);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "error", EFF_STR("RecordInvalid"));
    eff_json_field_str(&w, "description", EFF_STR("Record validation errors"));
    eff_json_key(&w, EFF_STR("details"));
    eff_json_begin_object(&w);
    eff_json_key(&w, eff_str_of(problem->field));
    eff_json_begin_array(&w);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "description", problem->text);
    eff_json_field_str(&w, "error", eff_str_of(problem->code));
    eff_json_end_object(&w);
    eff_json_end_array(&w);
    eff_json_end_object(&w);
    eff_json_end_object(&w);
    call->refused++;
}

static void
zendesk_refuse(struct eff_call *call, int status, const char *code, const char *message)
{
    switch (status) {
    case 401:
        eff_call_text(call, 401, "application/json",
                      EFF_STR("{\"error\":\"Couldn't authenticate you\"}"));
        return;
    case 404:
    case 405:
        eff_zd_error(call, 404, code ? code : "InvalidEndpoint", message ? message : "Not found");
        return;
    case 429: // plain text [R]
        eff_call_text(call, 429, "text/plain; charset=UTF-8",
                      EFF_STR("Number of allowed API requests per minute exceeded"));
        return;
    default:
        eff_zd_error(call, status,
                     code            ? code
                     : status == 403 ? "Forbidden"
                     : status == 409 ? "Conflict"
                     : status == 422 ? "RecordInvalid"
                                     : "InternalError",
                     message ? message : "refused on request");
    }
}

static bool
zendesk_authorize(struct eff_call *call)
{
    eff_str user, password;

    if (eff_call_basic(call, &user, &password) && eff_str_ends(user, EFF_STR("/token")) &&
        eff_str_find_char(user, '@') != SIZE_MAX && eff_world_trusts(call->world, password))
        return true;
    if (eff_world_trusts(call->world, eff_call_bearer(call)))
        return true;
    zendesk_refuse(call, 401, NULL, NULL);
    return false;
}

static bool
zendesk_admit(struct eff_call *call)
{
    if (eff_world_take(call->world, EFF_QUOTA_BURST))
        return true;
    zendesk_refuse(call, 429, NULL, NULL);
    eff_call_set(call, "Retry-After",
                 eff_str_printf(call->arena, "%lld",
                                (long long)eff_world_opens_s(call->world, EFF_QUOTA_BURST)));
    return false;
}

static void
zendesk_finish(struct eff_call *call)
{
    const struct eff_quota *burst = &call->world->quotas[EFF_QUOTA_BURST];
    int64_t most = burst->requests ? burst->requests : 700;
    int64_t left = most > burst->used ? most - burst->used : burst->requests ? 0 : 1;

    eff_call_set(call, "X-Rate-Limit", eff_str_printf(call->arena, "%lld", (long long)most));
    eff_call_set(call, "X-Rate-Limit-Remaining",
                 eff_str_printf(call->arena, "%lld", (long long)left));
}

const struct eff_json *
eff_zd_body(struct eff_call *call)
{
    struct eff_err err = {0};
    const struct eff_json *body = NULL;

    if (eff_str_starts(eff_call_header(call, "content-type"), EFF_STR("application/json")))
        body = eff_call_json(call, &err);
    if (eff_json_type(body) == EFF_JSON_OBJECT)
        return body;
    eff_zd_error(call, 400, "InvalidJson", "The body is not a JSON object");
    return NULL;
}

const struct eff_shape *
eff_zd_shape(struct eff_call *call)
{
    bool users = eff_str_starts(call->path, EFF_STR("/api/v2/users"));

    return eff_shape_find(&call->world->shapes,
                          users ? EFF_STR("users") : EFF_STR("organizations"));
}

/* ---- one at a time ---- */

static void
zendesk_answer(struct eff_call *call, int status, const struct eff_record *record)
{
    struct eff_json_writer w = eff_call_answer(call, status);

    eff_json_begin_object(&w);
    eff_json_key(&w, record->shape->label);
    eff_zd_write(call, &w, record);
    eff_json_end_object(&w);
}

/* {"user": {...}} of the body; NULL: answered. */
static const struct eff_json *
zendesk_object(struct eff_call *call, const struct eff_shape *shape)
{
    const struct eff_json *body = eff_zd_body(call), *object = eff_json_get(body, shape->label);

    if (body != NULL && eff_json_type(object) != EFF_JSON_OBJECT)
        eff_zd_error(call, 400, "ParamMissing", "Required param is missing or the value is empty");
    return eff_json_type(object) == EFF_JSON_OBJECT ? object : NULL;
}

static void
zendesk_store(struct eff_call *call, struct eff_record *record, const struct eff_json *object)
{
    const struct eff_effect *effect = &call->effect;
    struct eff_zd_problem problem = {"base", "RecordInvalid", EFF_STR("refused on request")};
    bool was = record->seq != 0;

    call->rows++;
    if (eff_call_row_fails(call, 0, 1)) {
        problem.code = effect->code.len ? eff_str_c(call->arena, effect->code) : problem.code;
        problem.text = effect->message.len ? effect->message : problem.text;
    } else {
        problem = eff_zd_store(call, record, object);
    }
    if (problem.code != NULL)
        zendesk_invalid(call, &problem);
    else
        zendesk_answer(call, was ? 200 : 201, record);
}

static void
zendesk_create(struct eff_call *call)
{
    struct eff_record record = {.shape = eff_zd_shape(call)};
    const struct eff_json *object = zendesk_object(call, record.shape);

    if (object != NULL)
        zendesk_store(call, &record, object);
}

static void
zendesk_create_or_update(struct eff_call *call)
{
    const struct eff_shape *shape = eff_zd_shape(call);
    const struct eff_json *object = zendesk_object(call, shape);
    struct eff_record record;

    if (object == NULL)
        return;
    record = eff_zd_find(call, shape, object);
    zendesk_store(call, &record, object);
}

/* The record in the path; false: answered. Deleted users are still shown, organizations are gone. */
static bool
zendesk_of_path(struct eff_call *call, bool deleted, struct eff_record *ret_record)
{
    const struct eff_shape *shape = eff_zd_shape(call);

    if (eff_zd_get(call, shape, eff_zd_arg(call, 0), ret_record) &&
        (!ret_record->deleted || (deleted && eff_str_is(shape->name, "users"))))
        return true;
    eff_zd_error(call, 404, "RecordNotFound", "Not found");
    return false;
}

static void
zendesk_show(struct eff_call *call)
{
    struct eff_record record;

    if (zendesk_of_path(call, true, &record))
        zendesk_answer(call, 200, &record);
}

static void
zendesk_update(struct eff_call *call)
{
    const struct eff_json *object;
    struct eff_record record;

    if (!zendesk_of_path(call, false, &record))
        return;
    object = zendesk_object(call, record.shape);
    if (object != NULL)
        zendesk_store(call, &record, object);
}

static void
zendesk_delete(struct eff_call *call)
{
    struct eff_record record;

    if (!zendesk_of_path(call, false, &record))
        return;
    call->rows++;
    eff_zd_remove(call, &record);
    if (eff_str_is(record.shape->name, "users"))
        zendesk_answer(call, 200, &record);
    else
        eff_call_empty(call, 204);
}

/* ---- several ---- */

static struct eff_json_writer
zendesk_begin_list(struct eff_call *call, const struct eff_shape *shape)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_key(&w, shape->name);
    eff_json_begin_array(&w);
    return w;
}

static void
zendesk_end_list(struct eff_json_writer *w, int64_t count, eff_str next)
{
    eff_json_end_array(w);
    eff_json_key(w, EFF_STR("next_page"));
    if (next.len != 0)
        eff_json_write_str(w, next);
    else
        eff_json_write_null(w);
    eff_json_key(w, EFF_STR("previous_page"));
    eff_json_write_null(w);
    eff_json_field_int(w, "count", count);
    eff_json_end_object(w);
}

static void
zendesk_show_many(struct eff_call *call)
{
    const struct eff_shape *shape = eff_zd_shape(call);
    eff_str ids = eff_call_param(call, "ids"), external = eff_call_param(call, "external_ids");
    eff_str one, rest = ids.len != 0 ? ids : external;
    struct eff_json_writer w = zendesk_begin_list(call, shape);
    struct eff_record record;
    size_t asked = 0;
    int64_t count = 0;
    bool more = rest.len != 0;

    while (more && asked++ < EFF_ZD_BATCH_MAX) {
        more = eff_str_cut(rest, ',', &one, &rest);
        if (ids.len != 0 ? !eff_zd_get(call, shape, one, &record) || record.deleted
                         : !eff_bag_find(call, shape, "external_id", one, &record))
            continue;
        eff_zd_write(call, &w, &record);
        count++;
    }
    zendesk_end_list(&w, count, EFF_STR(""));
    if (more)
        eff_zd_error(call, 400, "TooManyValues", "At most 100 ids in one call");
}

static void
zendesk_list(struct eff_call *call)
{
    const struct eff_shape *shape = eff_zd_shape(call);
    int64_t size = eff_call_param_int(call, "per_page", PAGE_MAX),
            page = eff_call_param_int(call, "page", 1);
    struct eff_scan scan = {.shape = shape};
    struct eff_json_writer w = zendesk_begin_list(call, shape);
    struct eff_record record;
    int64_t count = 0;

    size = size < 1 || size > PAGE_MAX ? PAGE_MAX : size;
    page = page < 1 || page > INT32_MAX ? 1 : page;
    for (; eff_records_next(call->world->records, &scan, call->arena, &record); count++)
        if (count >= (page - 1) * size && count < page * size)
            eff_zd_write(call, &w, &record);
    zendesk_end_list(
        &w, count,
        count > page * size
            ? eff_str_printf(
                  call->arena, "http://127.0.0.1:%u" EFF_STR_FMT "?page=%lld&per_page=%lld",
                  call->world->port, EFF_STR_ARG(call->path), (long long)page + 1, (long long)size)
            : EFF_STR(""));
}

/* ?external_id= and, for users, ?query=email or "email:a@b.c". */
static void
zendesk_search(struct eff_call *call)
{
    const struct eff_shape *shape = eff_zd_shape(call);
    eff_str external = eff_call_param(call, "external_id"), query = eff_call_param(call, "query");
    struct eff_json_writer w = zendesk_begin_list(call, shape);
    struct eff_record record;
    bool found;

    if (eff_str_starts(query, EFF_STR("email:")))
        query = eff_str_sub(query, 6, SIZE_MAX);
    found = external.len != 0 ? eff_bag_find(call, shape, "external_id", external, &record)
                              : eff_bag_find(call, shape, "email", query, &record);
    if (found)
        eff_zd_write(call, &w, &record);
    zendesk_end_list(&w, found, EFF_STR(""));
}

#define W EFF_ROUTE_WRITES
#define BOTH(method, path, handle, flags)                                                          \
    {method, path, handle, flags},                                                                 \
    {                                                                                              \
        method, path ".json", handle, flags                                                        \
    }
#define ZENDESK_OBJECTS(base)                                                                      \
    BOTH("POST", base "/create_many", eff_zd_create_many, W),                                      \
        BOTH("POST", base "/create_or_update", zendesk_create_or_update, W),                       \
        BOTH("PUT", base "/update_many", eff_zd_update_many, W),                                   \
        BOTH("DELETE", base "/destroy_many", eff_zd_destroy_many, W),                              \
        BOTH("GET", base "/show_many", zendesk_show_many, 0),                                      \
        BOTH("GET", base "/search", zendesk_search, 0), BOTH("GET", base, zendesk_list, 0),        \
        BOTH("POST", base, zendesk_create, W), {"GET", base "/{}", zendesk_show, 0},               \
        {"PUT", base "/{}", zendesk_update, W},                                                    \
    {                                                                                              \
        "DELETE", base "/{}", zendesk_delete, W                                                    \
    }

static const struct eff_route zendesk_routes[] = {
    BOTH("POST", "/api/v2/users/create_or_update_many", eff_zd_upsert_many, W),
    ZENDESK_OBJECTS("/api/v2/users"),
    ZENDESK_OBJECTS("/api/v2/organizations"),
    BOTH("GET", "/api/v2/user_fields", eff_zd_fields, 0),
    BOTH("GET", "/api/v2/organization_fields", eff_zd_fields, 0),
    BOTH("GET", "/api/v2/job_statuses", eff_zd_job_list, 0),
    {"GET", "/api/v2/job_statuses/{}", eff_zd_job_show, 0},
};

static struct eff_shape *
zendesk_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label)
{
    return eff_shape_add(shapes, name, label, EFF_STR("fields."));
}

const struct eff_vendor eff_vendor_zendesk = {
    .name = "zendesk",
    .routes = zendesk_routes,
    .routes_count = sizeof(zendesk_routes) / sizeof(zendesk_routes[0]),
    .shapes = eff_zd_shapes,
    .new_shape = zendesk_new_shape,
    .authorize = zendesk_authorize,
    .admit = zendesk_admit,
    .refuse = zendesk_refuse,
    .finish = zendesk_finish,
    .tick = eff_zd_jobs_tick,
    .id = eff_zd_id,
    .state_size = sizeof(struct eff_zd_state),
    .state_free = eff_zd_jobs_free,
};
