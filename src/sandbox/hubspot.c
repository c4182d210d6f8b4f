/*
 * sandbox/hubspot: the table of the HubSpot stand-in, its errors, tokens and limits.
 */
#include "sandbox/hubspot.h"

#include <stdio.h>

#define ID_BASE 100 /* of record ids, so that they look like some */

eff_str
eff_hs_uuid(struct eff_call *call)
{
    uint64_t a = eff_world_random(call->world), b = eff_world_random(call->world);

    return eff_str_printf(call->arena, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32),
                          (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
                          (unsigned)(0x8000 | (b >> 48 & 0x3fff)),
                          (unsigned long long)(b & 0xffffffffffff));
}

eff_str
eff_hs_time(const struct eff_call *call, int64_t ms)
{
    return eff_call_time(call, ms, "Z");
}

eff_str
eff_hs_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq)
{
    (void)shape;
    return eff_str_printf(arena, "%lld", (long long)seq + ID_BASE);
}

bool
eff_hs_seq(eff_str id, int64_t *ret_seq)
{
    if (!eff_str_int(id, ret_seq) || *ret_seq <= ID_BASE)
        return false;
    *ret_seq -= ID_BASE;
    return true;
}

struct eff_json_writer
eff_hs_begin_error(struct eff_call *call, int status, const char *category, eff_str message)
{
    eff_str correlation = eff_hs_uuid(call);
    struct eff_json_writer w = eff_call_answer(call, status);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "status", EFF_STR("error"));
    eff_json_field_str(&w, "message", message);
    eff_json_field_str(&w, "correlationId", correlation);
    if (category != NULL)
        eff_json_field_str(&w, "category", eff_str_of(category));
    return w;
}

void
eff_hs_error(struct eff_call *call, int status, const char *category, eff_str message)
{
    struct eff_json_writer w = eff_hs_begin_error(call, status, category, message);

    eff_json_end_object(&w);
}

/* The text inside the message is JSON, too, as it is at the vendor. */
static eff_str
hubspot_values_message(struct eff_call *call, const struct eff_hs_problems *problems)
{
    struct eff_buf text = {0};
    struct eff_json_writer w = {.buf = &text};
    eff_str copy;

    eff_buf_add(&text, EFF_STR("Property values were not valid: "));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < problems->count; i++) {
        eff_json_begin_object(&w);
        eff_json_key(&w, EFF_STR("isValid"));
        eff_json_write_bool(&w, false);
        eff_json_field_str(&w, "message", problems->at[i].message);
        eff_json_field_str(&w, "error", eff_str_of(problems->at[i].code));
        eff_json_field_str(&w, "name", problems->at[i].property);
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
    copy = eff_str_copy(call->arena, eff_buf_str(&text));
    eff_buf_free(&text);
    return copy;
}

void
eff_hs_refuse_values(struct eff_call *call, const struct eff_hs_problems *problems)
{
    struct eff_json_writer w =
        eff_hs_begin_error(call, 400, "VALIDATION_ERROR", hubspot_values_message(call, problems));

    eff_json_key(&w, EFF_STR("errors"));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < problems->count; i++) {
        eff_json_begin_object(&w);
        eff_json_field_str(&w, "message", problems->at[i].message);
        eff_json_field_str(&w, "code", eff_str_of(problems->at[i].code));
        eff_json_key(&w, EFF_STR("context"));
        eff_json_begin_object(&w);
        eff_json_key(&w, EFF_STR("propertyName"));
        eff_json_begin_array(&w);
        eff_json_write_str(&w, problems->at[i].property);
        eff_json_end_array(&w);
        eff_json_end_object(&w);
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
    eff_json_end_object(&w);
}

static bool
hubspot_names(const struct eff_shape *shape, eff_str name)
{
    eff_str one = shape->name;

    if (eff_str_is(shape->prefix, EFF_HS_LISTS))
        return false;
    if (eff_str_eq(shape->name, name) || eff_str_eq(shape->prefix, name))
        return true;
    if (eff_str_ends(one, EFF_STR("ies")) && one.len == name.len + 2)
        return eff_str_starts(one, eff_str_sub(name, 0, name.len - 1)) &&
               name.ptr[name.len - 1] == 'y';
    return one.len == name.len + 1 && eff_str_ends(one, EFF_STR("s")) && eff_str_starts(one, name);
}

struct eff_shape *
eff_hs_shape(struct eff_call *call, eff_str name)
{
    const struct eff_shapes *shapes = &call->world->shapes;

    for (size_t i = 0; i < shapes->count; i++)
        if (name.len != 0 && hubspot_names(shapes->at[i], name))
            return shapes->at[i];
    eff_hs_error(call, 400, "VALIDATION_ERROR",
                 eff_str_printf(call->arena, "Unable to infer object type from: " EFF_STR_FMT,
                                EFF_STR_ARG(eff_str_sub(name, 0, 100))));
    return NULL;
}

const struct eff_json *
eff_hs_body(struct eff_call *call)
{
    struct eff_err err = {0};
    const struct eff_json *body = eff_call_json(call, &err);

    if (eff_json_type(body) == EFF_JSON_OBJECT)
        return body;
    eff_hs_error(call, 400, "VALIDATION_ERROR",
                 eff_str_printf(call->arena, "Invalid input JSON: %s",
                                body == NULL ? err.msg : "expected an object"));
    return NULL;
}

const struct eff_json *
eff_hs_inputs(struct eff_call *call, const struct eff_json *body, size_t max)
{
    const struct eff_json *inputs = eff_json_get(body, EFF_STR("inputs"));
    size_t count = eff_json_count(inputs);

    if (body == NULL)
        return NULL;
    if (eff_json_type(inputs) != EFF_JSON_ARRAY || count == 0) {
        eff_hs_error(call, 400, "VALIDATION_ERROR",
                     EFF_STR("Invalid input JSON: some required fields were not set: [inputs]"));
        return NULL;
    }
    if (count > max) {
        eff_hs_error(call, 400, "VALIDATION_ERROR",
                     eff_str_printf(call->arena,
                                    "The maximum number of inputs supported in a batch "
                                    "request is %zu",
                                    max));
        return NULL;
    }
    return inputs;
}

struct eff_json_writer
eff_hs_begin_batch(struct eff_call *call, int status)
{
    struct eff_json_writer w = eff_call_answer(call, status);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "status", EFF_STR("COMPLETE"));
    eff_json_key(&w, EFF_STR("results"));
    eff_json_begin_array(&w);
    return w;
}

void
eff_hs_end_batch(struct eff_call *call, struct eff_json_writer *w)
{
    eff_str now = eff_hs_time(call, eff_world_now(call->world));

    eff_json_field_str(w, "startedAt", now);
    eff_json_field_str(w, "completedAt", now);
    eff_json_end_object(w);
}

static bool
hubspot_is_search(const struct eff_call *call)
{
    return eff_str_ends(call->path, EFF_STR("/search"));
}

static void
hubspot_refuse_limit(struct eff_call *call, const char *policy, const char *message)
{
    struct eff_json_writer w = eff_hs_begin_error(call, 429, NULL, eff_str_of(message));

    if (policy == NULL) { // The one of search names no policy and no type [R].
        eff_json_field_str(&w, "category", EFF_STR("RATE_LIMITS"));
    } else {
        eff_json_field_str(&w, "errorType", EFF_STR("RATE_LIMIT"));
        eff_json_field_str(&w, "policyName", eff_str_of(policy));
    }
    eff_json_end_object(&w);
}

static void
hubspot_refuse(struct eff_call *call, int status, const char *code, const char *message)
{
    static const struct {
        int status;
        const char *category, *message;
    } usual[] = {
        {400, "VALIDATION_ERROR", "Invalid input"},
        {401, "INVALID_AUTHENTICATION",
         "Authentication credentials not found. This API supports "
         "OAuth 2.0 authentication."},
        {403, "MISSING_SCOPES",
         "This app hasn't been granted all required scopes to make this call."},
        {404, "OBJECT_NOT_FOUND", "resource not found"},
        {405, "METHOD_NOT_ALLOWED", "HTTP 405 Method Not Allowed"},
        {409, "CONFLICT", "The record exists already"},
        {423, "LOCKED", "The resource is locked"},
        {477, "MIGRATION_IN_PROGRESS", "Account migration is in progress"},
    };
    const char *own_category = "INTERNAL_ERROR", *own_message = "internal error";

    if (status == 429) {
        hubspot_refuse_limit(call, code == NULL ? "TEN_SECONDLY_ROLLING" : code,
                             message == NULL ? "You have reached your ten_secondly_rolling limit."
                                             : message);
        return;
    }
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (usual[i].status != status)
            continue;
        own_category = usual[i].category;
        own_message = usual[i].message;
    }
    eff_hs_error(call, status, code == NULL ? own_category : code,
                 eff_str_of(message == NULL ? own_message : message));
}

static bool
hubspot_authorize(struct eff_call *call)
{
    eff_str token = eff_call_bearer(call);
    const struct eff_world *world = call->world;
    bool expired = false;

    if (eff_world_trusts(world, token))
        return true;
    for (size_t i = 0; i < world->revoked_count && i < EFF_WORLD_TOKENS; i++)
        expired = expired || (token.len != 0 && eff_str_is(token, world->revoked[i]));
    if (expired)
        eff_hs_error(call, 401, "EXPIRED_AUTHENTICATION",
                     EFF_STR("The OAuth token used to make this call expired."));
    else
        hubspot_refuse(call, 401, NULL, NULL);
    return false;
}

static bool
hubspot_admit(struct eff_call *call)
{
    struct eff_world *world = call->world;

    if (call->route != NULL && (call->route->flags & EFF_ROUTE_OPEN) != 0)
        return true;
    if (!eff_world_take(world, EFF_QUOTA_DAILY)) {
        hubspot_refuse_limit(call, "DAILY", "You have reached your daily limit.");
        return false;
    }
    if (hubspot_is_search(call)) {
        if (eff_world_take(world, EFF_QUOTA_SEARCH))
            return true;
        hubspot_refuse_limit(call, NULL, "You have reached your secondly limit.");
        return false;
    }
    if (eff_world_take(world, EFF_QUOTA_BURST))
        return true;
    hubspot_refuse_limit(
        call, world->quotas[EFF_QUOTA_BURST].per_ms <= 1000 ? "SECONDLY" : "TEN_SECONDLY_ROLLING",
        "You have reached your ten_secondly_rolling limit.");
    return false;
}

static void
hubspot_header(struct eff_call *call, const char *name, int64_t value)
{
    eff_call_set(call, name, eff_str_printf(call->arena, "%lld", (long long)value));
}

/* Where nothing is limited, the headers say the vendor's figures for a paid account. */
static void
hubspot_finish(struct eff_call *call)
{
    struct eff_world *world = call->world;
    const struct eff_quota *burst = &world->quotas[EFF_QUOTA_BURST];
    const struct eff_quota *day = &world->quotas[EFF_QUOTA_DAILY];
    int64_t most = burst->requests == 0 ? 190 : burst->requests;
    int64_t daily = day->requests == 0 ? 625000 : day->requests;
    int64_t left = burst->requests == 0 ? most - 1 : eff_world_left(world, EFF_QUOTA_BURST);

    hubspot_header(call, "X-HubSpot-RateLimit-Daily", daily);
    hubspot_header(call, "X-HubSpot-RateLimit-Daily-Remaining",
                   daily > day->used ? daily - day->used : 0);
    eff_call_set(call, "X-HubSpot-Correlation-Id", eff_hs_uuid(call));
    if (hubspot_is_search(call))
        return; // search answers carry the daily pair only [R]
    hubspot_header(call, "X-HubSpot-RateLimit-Interval-Milliseconds", burst->per_ms);
    hubspot_header(call, "X-HubSpot-RateLimit-Max", most);
    hubspot_header(call, "X-HubSpot-RateLimit-Remaining", left);
    hubspot_header(call, "X-HubSpot-RateLimit-Secondly", most / 10 == 0 ? 1 : most / 10);
    hubspot_header(call, "X-HubSpot-RateLimit-Secondly-Remaining",
                   left > most / 10 ? most / 10 : left);
}

static void
hubspot_token(struct eff_call *call)
{
    eff_str grant = eff_call_form(call, call->body, "grant_type");
    struct eff_json_writer w;
    eff_str token;

    if (!eff_str_is(grant, "refresh_token") ||
        !eff_str_is(eff_call_form(call, call->body, "client_id"), "test-user") ||
        !eff_str_is(eff_call_form(call, call->body, "client_secret"), "test-secret") ||
        eff_call_form(call, call->body, "refresh_token").len == 0) {
        w = eff_hs_begin_error(call, 400, NULL, EFF_STR("missing or invalid refresh token"));
        eff_json_field_str(&w, "status", EFF_STR("BAD_REFRESH_TOKEN"));
        eff_json_end_object(&w);
        return;
    }
    token = eff_hs_uuid(call);
    eff_world_issue(call->world, token);
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "token_type", EFF_STR("bearer"));
    eff_json_field_str(&w, "refresh_token", eff_call_form(call, call->body, "refresh_token"));
    eff_json_field_str(&w, "access_token", token);
    eff_json_field_int(&w, "expires_in", 1800);
    eff_json_end_object(&w);
}

#define W EFF_ROUTE_WRITES

/* The same calls below both forms of the address: dates are the newer one. */
#define HUBSPOT_OBJECTS(base)                                                                      \
    {"POST", base "/batch/upsert", eff_hs_batch_upsert, W},                                        \
        {"POST", base "/batch/create", eff_hs_batch_create, W},                                    \
        {"POST", base "/batch/update", eff_hs_batch_update, W},                                    \
        {"POST", base "/batch/archive", eff_hs_batch_archive, W},                                  \
        {"POST", base "/batch/read", eff_hs_batch_read, 0},                                        \
        {"POST", base "/search", eff_hs_search, 0}, {"GET", base, eff_hs_list, 0},                 \
        {"POST", base, eff_hs_create, W}, {"GET", base "/{}", eff_hs_get, 0},                      \
        {"PATCH", base "/{}", eff_hs_update, W},                                                   \
    {                                                                                              \
        "DELETE", base "/{}", eff_hs_archive, W                                                    \
    }

#define HUBSPOT_PROPERTIES(base)                                                                   \
    {"GET", base, eff_hs_properties_list, 0}, {"POST", base, eff_hs_properties_create, 0},         \
        {"POST", base "/batch/create", eff_hs_properties_batch_create, 0},                         \
        {"POST", base "/batch/read", eff_hs_properties_batch_read, 0},                             \
        {"POST", base "/batch/archive", eff_hs_properties_batch_archive, 0},                       \
        {"GET", base "/{}", eff_hs_properties_get, 0},                                             \
        {"PATCH", base "/{}", eff_hs_properties_update, 0},                                        \
    {                                                                                              \
        "DELETE", base "/{}", eff_hs_properties_archive, 0                                         \
    }

#define HUBSPOT_SCHEMAS(base)                                                                      \
    {"GET", base, eff_hs_schemas_list, 0}, {"POST", base, eff_hs_schemas_create, 0},               \
    {                                                                                              \
        "GET", base "/{}", eff_hs_schemas_get, 0                                                   \
    }

#define HUBSPOT_LINKS(base)                                                                        \
    {"POST", base "/batch/create", eff_hs_link_batch, W},                                          \
        {"POST", base "/batch/associate/default", eff_hs_link_batch_default, W},                   \
        {"POST", base "/batch/read", eff_hs_link_batch_read, 0},                                   \
        {"POST", base "/batch/archive", eff_hs_link_batch_archive, W},                             \
    {                                                                                              \
        "GET", base "/labels", eff_hs_link_labels, 0                                               \
    }

#define HUBSPOT_LISTS(base)                                                                        \
    {"POST", base, eff_hs_lists_create, 0}, {"GET", base "/{}", eff_hs_lists_get, 0},              \
        {"GET", base "/{}/memberships", eff_hs_lists_members, 0},                                  \
        {"PUT", base "/{}/memberships/add", eff_hs_lists_add, W},                                  \
        {"PUT", base "/{}/memberships/remove", eff_hs_lists_remove, W},                            \
    {                                                                                              \
        "PUT", base "/{}/memberships/add-and-remove", eff_hs_lists_add_and_remove, W               \
    }

static const struct eff_route hubspot_routes[] = {
    HUBSPOT_OBJECTS("/crm/v3/objects/{}"),
    HUBSPOT_OBJECTS("/crm/objects/2026-03/{}"),
    {"POST", "/oauth/v1/token", hubspot_token, EFF_ROUTE_OPEN},
    HUBSPOT_PROPERTIES("/crm/v3/properties/{}"),
    HUBSPOT_PROPERTIES("/crm/properties/2026-03/{}"),
    HUBSPOT_SCHEMAS("/crm-object-schemas/v3/schemas"),
    HUBSPOT_SCHEMAS("/crm-object-schemas/2026-03/schemas"),
    {"GET", "/crm/v3/schemas", eff_hs_schemas_list, 0},
    {"GET", "/crm/v3/schemas/{}", eff_hs_schemas_get, 0},
    HUBSPOT_LINKS("/crm/v4/associations/{}/{}"),
    HUBSPOT_LINKS("/crm/associations/2026-03/{}/{}"),
    {"PUT", "/crm/v4/objects/{}/{}/associations/default/{}/{}", eff_hs_link_put_default, W},
    {"PUT", "/crm/v4/objects/{}/{}/associations/{}/{}", eff_hs_link_put, W},
    {"DELETE", "/crm/v4/objects/{}/{}/associations/{}/{}", eff_hs_link_delete, W},
    {"GET", "/crm/v4/objects/{}/{}/associations/{}", eff_hs_link_list, 0},
    HUBSPOT_LISTS("/crm/v3/lists"),
    HUBSPOT_LISTS("/crm/lists/2026-03"),
};

const struct eff_vendor eff_vendor_hubspot = {
    .name = "hubspot",
    .routes = hubspot_routes,
    .routes_count = sizeof(hubspot_routes) / sizeof(hubspot_routes[0]),
    .all_text = true,
    .quotas = {[EFF_QUOTA_SEARCH] = {.requests = 5}},
    .shapes = eff_hs_shapes,
    .new_shape = eff_hs_new_shape,
    .authorize = hubspot_authorize,
    .admit = hubspot_admit,
    .refuse = hubspot_refuse,
    .finish = hubspot_finish,
    .id = eff_hs_id,
};
