/*
 * sandbox/klaviyo: the stand-in for Klaviyo's API of profiles: JSON:API with a revision in a
 * header, errors with pointers into the request, and limits that every answer tells but a 429.
 */
#include "sandbox/klaviyo.h"

#include <stdalign.h>

#define PAGE_MAX       100
#define KLAVIYO_STEADY 700 /* a minute, of most endpoints */

/* ---- errors ---- */

void
eff_kl_write_error(struct eff_call *call, struct eff_json_writer *w,
                   const struct eff_kl_error *error)
{
    eff_json_begin_object(w);
    eff_json_field_str(
        w, "id",
        eff_str_printf(call->arena, "%016llx", (unsigned long long)eff_world_random(call->world)));
    eff_json_field_int(w, "status", error->status);
    eff_json_field_str(w, "code", eff_str_of(error->code));
    eff_json_field_str(w, "title", eff_str_of(error->title));
    eff_json_field_str(w, "detail", error->detail);
    eff_json_key(w, EFF_STR("source"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "pointer", error->pointer.len ? error->pointer : EFF_STR("/data"));
    eff_json_end_object(w);
    if (error->duplicate != 0) {
        eff_json_key(w, EFF_STR("meta"));
        eff_json_begin_object(w);
        eff_json_field_str(w, "duplicate_profile_id",
                           eff_kl_id(call->arena, NULL, error->duplicate));
        eff_json_end_object(w);
    }
    eff_json_end_object(w);
}

void
eff_kl_refuse(struct eff_call *call, const struct eff_kl_error *error)
{
    struct eff_json_writer w = eff_call_answer(call, error->status);

    call->answer_type = "application/vnd.api+json";
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("errors"));
    eff_json_begin_array(&w);
    eff_kl_write_error(call, &w, error);
    eff_json_end_array(&w);
    eff_json_end_object(&w);
}

static void
klaviyo_refuse(struct eff_call *call, int status, const char *code, const char *message)
{
    static const struct {
        int status;
        const char *code, *title, *detail;
    } usual[] = {
        {400, "invalid", "Invalid input.", "The payload provided in the request is invalid."},
        {401, "not_authenticated", "Authentication credentials were not provided.",
         "Missing or invalid private key."},
        {403, "permission_denied", "You do not have permission to perform this action.",
         "The key lacks a scope."},
        {404, "not_found", "Not found.", "The resource does not exist."},
        {405, "method_not_allowed", "Method not allowed.", "This method is not allowed here."},
        {409, "conflict", "Conflict.", "There is a conflict."},
        {429, "throttled", "Request was throttled.", "Expected available in 1 second."},
    };
    struct eff_kl_error error = {status,
                                 "error",
                                 "A server error occurred.",
                                 EFF_STR("refused on request"),
                                 EFF_STR("/data/"),
                                 0};

    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (usual[i].status != status)
            continue;
        error.code = usual[i].code;
        error.title = usual[i].title;
        error.detail = eff_str_of(usual[i].detail);
    }
    error.code = code ? code : error.code;
    error.detail = message ? eff_str_of(message) : error.detail;
    eff_kl_refuse(call, &error);
}

/* A date, not of the future; what came before the first one is retired. */
static bool
klaviyo_revision(const struct eff_call *call)
{
    eff_str revision = eff_call_header(call, "revision");

    if (revision.len < 10)
        return false;
    for (size_t i = 0; i < 10; i++) {
        char c = revision.ptr[i];

        if (i == 4 || i == 7 ? c != '-' : c < '0' || c > '9')
            return false;
    }
    return eff_str_cmp(revision, EFF_STR("2024-07-15")) >= 0;
}

static bool
klaviyo_authorize(struct eff_call *call)
{
    eff_str value = eff_call_header(call, "authorization"), scheme, key;
    bool known = eff_str_cut(value, ' ', &scheme, &key) && eff_world_trusts(call->world, key);

    if (!known || !(eff_str_is(scheme, "Klaviyo-API-Key") || eff_str_is(scheme, "Bearer"))) {
        klaviyo_refuse(call, 401, NULL, NULL);
        return false;
    }
    if (klaviyo_revision(call))
        return true;
    klaviyo_refuse(call, 400, NULL, "The revision header is missing, or names no revision");
    return false;
}

static bool
klaviyo_admit(struct eff_call *call)
{
    enum eff_quota_name full = EFF_QUOTA_BURST;

    if (eff_world_take(call->world, EFF_QUOTA_BURST)) {
        if (eff_world_take(call->world, EFF_QUOTA_STEADY))
            return true;
        full = EFF_QUOTA_STEADY;
    }
    klaviyo_refuse(call, 429, NULL, NULL);
    eff_call_set(
        call, "Retry-After",
        eff_str_printf(call->arena, "%lld", (long long)eff_world_opens_s(call->world, full)));
    return false;
}

static void
klaviyo_finish(struct eff_call *call)
{
    const struct eff_quota *steady = &call->world->quotas[EFF_QUOTA_STEADY];
    int64_t most = steady->requests ? steady->requests : KLAVIYO_STEADY;
    int64_t left = steady->requests ? eff_world_left(call->world, EFF_QUOTA_STEADY) : most - 1;

    if (call->status == 429)
        return; // which has Retry-After only
    // Of the two windows they tell of the steady one.
    eff_call_set(call, "RateLimit-Limit", eff_str_printf(call->arena, "%lld", (long long)most));
    eff_call_set(call, "RateLimit-Remaining", eff_str_printf(call->arena, "%lld", (long long)left));
    eff_call_set(call, "RateLimit-Reset",
                 eff_str_printf(call->arena, "%lld",
                                (long long)eff_world_opens_s(call->world, EFF_QUOTA_STEADY)));
}

/* ---- requests and answers ---- */

const struct eff_json *
eff_kl_body(struct eff_call *call)
{
    eff_str content = eff_call_header(call, "content-type");
    struct eff_err err = {0};
    const struct eff_json *data;

    if (!eff_str_starts(content, EFF_STR("application/vnd.api+json")) &&
        !eff_str_starts(content, EFF_STR("application/json"))) {
        klaviyo_refuse(call, 415, "unsupported_media_type", "Unsupported media type in request.");
        return NULL;
    }
    data = eff_json_get(eff_call_json(call, &err), EFF_STR("data"));
    if (data == NULL)
        klaviyo_refuse(call, 400, NULL, NULL);
    return data;
}

const struct eff_json *
eff_kl_data(struct eff_call *call, const char *type)
{
    const struct eff_json *data = eff_kl_body(call);

    if (data == NULL)
        return NULL;
    if (eff_str_is(eff_json_str(eff_json_get(data, EFF_STR("type"))), type))
        return data;
    klaviyo_refuse(call, 400, NULL, NULL);
    return NULL;
}

struct eff_json_writer
eff_kl_begin(struct eff_call *call, int status)
{
    struct eff_json_writer w = eff_call_answer(call, status);

    call->answer_type = "application/vnd.api+json";
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("data"));
    return w;
}

void
eff_kl_write_links(struct eff_call *call, struct eff_json_writer *w, eff_str next)
{
    eff_json_key(w, EFF_STR("links"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "self",
                       eff_str_printf(call->arena, "http://127.0.0.1:%u" EFF_STR_FMT,
                                      call->world->port, EFF_STR_ARG(call->target)));
    if (next.len != 0) // no member is null in Klaviyo's description of its links
        eff_json_field_str(w, "next", next);
    eff_json_end_object(w);
}

bool
eff_kl_page(struct eff_call *call, int64_t *ret_after, int64_t *ret_size)
{
    *ret_size = eff_call_param_int(call, "page[size]", 20);
    *ret_after = eff_call_param_int(call, "page[cursor]", 0);
    if (*ret_size >= 1 && *ret_size <= PAGE_MAX && *ret_after >= 0 && *ret_after <= INT32_MAX)
        return true;
    klaviyo_refuse(call, 400, NULL,
                   "page[size] must be from 1 to 100, page[cursor] one that was given");
    return false;
}

/* The same request, with another cursor. */
eff_str
eff_kl_page_url(struct eff_call *call, int64_t after, int64_t size)
{
    eff_str filter = eff_call_param(call, "filter");
    struct eff_buf buf = {0};
    eff_str url;

    eff_buf_addf(&buf,
                 "http://127.0.0.1:%u" EFF_STR_FMT "?page%%5Bsize%%5D=%lld&page%%5Bcursor%%5D=%lld",
                 call->world->port, EFF_STR_ARG(call->path), (long long)size, (long long)after);
    if (filter.len != 0)
        eff_buf_add(&buf, EFF_STR("&filter="));
    for (size_t i = 0; i < filter.len; i++)
        eff_buf_addf(&buf, "%%%02X", (unsigned char)filter.ptr[i]);
    url = eff_str_copy(call->arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return url;
}

/* ---- profiles ---- */

static void
klaviyo_answer(struct eff_call *call, int status, const struct eff_record *record)
{
    struct eff_json_writer w = eff_kl_begin(call, status);

    eff_kl_write_profile(call, &w, record);
    eff_json_end_object(&w);
}

static void
klaviyo_store(struct eff_call *call, const struct eff_json *data, bool create,
              struct eff_record *record)
{
    const struct eff_json *attributes = eff_json_get(data, EFF_STR("attributes"));
    struct eff_kl_error error = eff_kl_check_names(call, attributes, EFF_STR("/data/attributes"));
    const struct eff_effect *effect = &call->effect;
    bool new = false;

    call->rows++;
    if (eff_call_row_fails(call, 0, 1))
        error = (struct eff_kl_error){
            400,
            effect->code.len ? eff_str_c(call->arena, effect->code) : "invalid",
            "Invalid input.",
            effect->message.len ? effect->message : EFF_STR("refused on request"),
            EFF_STR("/data/attributes"),
            0};
    if (error.code == NULL)
        error = eff_kl_store(call, attributes, EFF_STR("/data/attributes"), create, record, &new);
    if (error.code != NULL) {
        call->refused++;
        eff_kl_refuse(call, &error);
        return;
    }
    klaviyo_answer(call, new ? 201 : 200, record);
}

static void
klaviyo_create(struct eff_call *call)
{
    const struct eff_json *data = eff_kl_data(call, "profile");
    struct eff_record record = {0};

    if (data != NULL)
        klaviyo_store(call, data, true, &record);
}

/* The profile with that id; false: answered. */
static bool
klaviyo_get(struct eff_call *call, eff_str id, struct eff_record *ret_record)
{
    int64_t seq = eff_kl_seq(id);

    if (seq != 0 &&
        eff_records_get(call->world->records, eff_kl_profiles(call), seq, call->arena,
                        ret_record) &&
        !ret_record->deleted)
        return true;
    klaviyo_refuse(call, 404, NULL, "A profile with that id does not exist.");
    return false;
}

static void
klaviyo_import(struct eff_call *call)
{
    const struct eff_json *data = eff_kl_data(call, "profile");
    eff_str id = eff_json_str(eff_json_get(data, EFF_STR("id")));
    struct eff_record record = {0};

    if (data != NULL && (id.len == 0 || klaviyo_get(call, id, &record)))
        klaviyo_store(call, data, false, &record);
}

static void
klaviyo_update(struct eff_call *call)
{
    const struct eff_json *data = eff_kl_data(call, "profile");
    struct eff_record record;

    if (data == NULL || !klaviyo_get(call, call->args[0], &record))
        return;
    if (eff_str_eq(eff_json_str(eff_json_get(data, EFF_STR("id"))), call->args[0]))
        klaviyo_store(call, data, false, &record);
    else
        klaviyo_refuse(call, 409, NULL, "The id of the body is not that of the path.");
}

static void
klaviyo_show(struct eff_call *call)
{
    struct eff_record record;

    if (klaviyo_get(call, call->args[0], &record))
        klaviyo_answer(call, 200, &record);
}

/* any(email,["a","b"]) and equals(email,"a"): the field, and its values as JSON. NULL: answered. */
static const struct eff_json *
klaviyo_filter(struct eff_call *call, eff_str *ret_field)
{
    static const char *const fields[] = {"id", "email", "phone_number", "external_id"};
    eff_str filter = eff_call_param(call, "filter"), verb, rest;
    const struct eff_json *values = NULL;
    struct eff_err err;

    if (eff_str_cut(filter, '(', &verb, &rest) && eff_str_ends(rest, EFF_STR(")")) &&
        eff_str_cut(eff_str_sub(rest, 0, rest.len - 1), ',', ret_field, &rest))
        for (size_t i = 0; i < 4; i++)
            if (eff_str_is(*ret_field, fields[i]) &&
                eff_json_parse(rest, call->arena, &values, &err) == EFF_OK &&
                ((eff_str_is(verb, "any") && eff_json_type(values) == EFF_JSON_ARRAY) ||
                 (eff_str_is(verb, "equals") && eff_json_type(values) == EFF_JSON_STRING)))
                return values;
    klaviyo_refuse(call, 400, NULL, "Invalid filter");
    return NULL;
}

struct klaviyo_list {
    int64_t after, size, seen;
};

static void
klaviyo_list_one(struct eff_call *call, struct eff_json_writer *w, struct klaviyo_list *list,
                 const struct eff_record *record)
{
    if (list->seen >= list->after && list->seen < list->after + list->size)
        eff_kl_write_profile(call, w, record);
    list->seen++;
}

static void
klaviyo_list_named(struct eff_call *call, struct eff_json_writer *w, struct klaviyo_list *list,
                   eff_str field, eff_str value)
{
    struct eff_record record;

    if (eff_str_is(field, "id") ? eff_kl_seq(value) != 0 &&
                                      eff_records_get(call->world->records, eff_kl_profiles(call),
                                                      eff_kl_seq(value), call->arena, &record) &&
                                      !record.deleted
                                : eff_bag_find(call, eff_kl_profiles(call),
                                               eff_str_c(call->arena, field), value, &record))
        klaviyo_list_one(call, w, list, &record);
}

static void
klaviyo_list(struct eff_call *call)
{
    struct klaviyo_list list = {0};
    struct eff_scan scan = {.shape = eff_kl_profiles(call)};
    bool all = eff_call_param(call, "filter").len == 0;
    const struct eff_json *values = NULL, *value;
    struct eff_json_iter iter;
    struct eff_record record;
    struct eff_json_writer w;
    eff_str field = EFF_STR_NONE;

    if (!eff_kl_page(call, &list.after, &list.size) ||
        (!all && (values = klaviyo_filter(call, &field)) == NULL))
        return;
    w = eff_kl_begin(call, 200);
    eff_json_begin_array(&w);
    while (all && eff_records_next(call->world->records, &scan, call->arena, &record))
        klaviyo_list_one(call, &w, &list, &record);
    if (eff_json_type(values) == EFF_JSON_STRING)
        klaviyo_list_named(call, &w, &list, field, eff_json_str(values));
    iter = eff_json_iterate(eff_json_type(values) == EFF_JSON_ARRAY ? values : NULL);
    while (eff_json_next(&iter, NULL, &value))
        klaviyo_list_named(call, &w, &list, field, eff_json_str(value));
    eff_json_end_array(&w);
    eff_kl_write_links(call, &w,
                       list.seen > list.after + list.size
                           ? eff_kl_page_url(call, list.after + list.size, list.size)
                           : EFF_STR(""));
    eff_json_end_object(&w);
}

/* A request for a deletion: what there is goes, and nothing is said. */
static void
klaviyo_forget(struct eff_call *call)
{
    const struct eff_json *data = eff_kl_data(call, "data-privacy-deletion-job");
    const struct eff_json *profile = eff_json_pointer(data, EFF_STR("/attributes/profile/data"));
    eff_str id = eff_json_str(eff_json_get(profile, EFF_STR("id")));
    eff_str email = eff_json_str(eff_json_pointer(profile, EFF_STR("/attributes/email")));
    struct eff_record record;

    if (data == NULL)
        return;
    if (eff_json_type(eff_json_get(profile, EFF_STR("attributes"))) != EFF_JSON_OBJECT ||
        (id.len != 0) + (email.len != 0) != 1) {
        klaviyo_refuse(call, 400, NULL, "Exactly one identifier of the profile is needed");
        return;
    }
    call->rows++;
    if (id.len != 0 ? eff_kl_seq(id) != 0 &&
                          eff_records_get(call->world->records, eff_kl_profiles(call),
                                          eff_kl_seq(id), call->arena, &record) &&
                          !record.deleted
                    : eff_bag_find(call, eff_kl_profiles(call), "email", email, &record))
        eff_records_delete(call->world->records, &record, eff_world_now(call->world));
    eff_call_empty(call, 202);
}

#define W EFF_ROUTE_WRITES

static const struct eff_route klaviyo_routes[] = {
    {"POST", "/api/profiles", klaviyo_create, W},
    {"GET", "/api/profiles", klaviyo_list, 0},
    {"GET", "/api/profiles/{}", klaviyo_show, 0},
    {"PATCH", "/api/profiles/{}", klaviyo_update, W},
    {"POST", "/api/profile-import", klaviyo_import, W},
    {"POST", "/api/profile-bulk-import-jobs", eff_kl_job_create, W},
    {"GET", "/api/profile-bulk-import-jobs/{}", eff_kl_job_show, 0},
    {"GET", "/api/profile-bulk-import-jobs/{}/import-errors", eff_kl_job_errors, 0},
    {"POST", "/api/data-privacy-deletion-jobs", klaviyo_forget, W},
    {"POST", "/api/lists", eff_kl_list_create, W},
    {"GET", "/api/lists", eff_kl_list_lists, 0},
    {"GET", "/api/lists/{}", eff_kl_list_show, 0},
    {"GET", "/api/lists/{}/profiles", eff_kl_list_profiles, 0},
    {"GET", "/api/lists/{}/relationships/profiles", eff_kl_list_ids, 0},
    {"POST", "/api/lists/{}/relationships/profiles", eff_kl_list_add, W},
    {"DELETE", "/api/lists/{}/relationships/profiles", eff_kl_list_remove, W},
};

static struct eff_shape *
klaviyo_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label)
{
    return eff_shape_add(shapes, name, label, EFF_STR("properties."));
}

const struct eff_vendor eff_vendor_klaviyo = {
    .name = "klaviyo",
    .routes = klaviyo_routes,
    .routes_count = sizeof(klaviyo_routes) / sizeof(klaviyo_routes[0]),
    .quotas = {[EFF_QUOTA_BURST] = {.per_ms = 1000}},
    .shapes = eff_kl_shapes,
    .new_shape = klaviyo_new_shape,
    .authorize = klaviyo_authorize,
    .admit = klaviyo_admit,
    .refuse = klaviyo_refuse,
    .finish = klaviyo_finish,
    .tick = eff_kl_jobs_tick,
    .id = eff_kl_id,
    .state_size = sizeof(struct eff_kl_state),
    .state_free = eff_kl_jobs_free,
};
