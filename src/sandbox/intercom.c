/*
 * sandbox/intercom: the stand-in for Intercom's contacts, companies and data attributes, one
 * record a request, with limits that every answer tells for a window of ten seconds.
 */
#include "sandbox/intercom.h"

#include "base/hash.h"

#include <stdalign.h>

#define INTERCOM_WINDOW_MS    10000
#define INTERCOM_WINDOW_CALLS 1666 /* 10,000 a minute */
#define INTERCOM_APP          "sandbox"

/* ---- errors ---- */

void
eff_ic_error(struct eff_call *call, int status, const char *code, eff_str message)
{
    struct eff_json_writer w = eff_call_answer(call, status);
    unsigned long long high = eff_world_random(call->world), low = eff_world_random(call->world);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "type", EFF_STR("error.list"));
    eff_json_field_str(&w, "request_id",
                       eff_str_printf(call->arena, "%08llx-%04llx-4%03llx-a%03llx-%012llx",
                                      high >> 32, high >> 16 & 0xffff, high & 0xfff,
                                      low >> 48 & 0xfff, low & 0xffffffffffff));
    eff_json_key(&w, EFF_STR("errors"));
    eff_json_begin_array(&w);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "code", eff_str_of(code));
    eff_json_field_str(&w, "message", message);
    eff_json_end_object(&w);
    eff_json_end_array(&w);
    eff_json_end_object(&w);
    call->refused = call->rows;
}

static void
intercom_refuse(struct eff_call *call, int status, const char *code, const char *message)
{
    static const struct {
        int status;
        const char *code, *message;
    } usual[] = {
        {400, "bad_request", "bad request"},
        {401, "unauthorized", "Access Token Invalid"},
        {403, "api_plan_restricted", "Active subscription needed."},
        {404, "not_found", "The requested resource was not found"},
        {405, "not_found", "The requested resource was not found"},
        {429, "rate_limit_exceeded", "Exceeded rate limit"},
        {503, "service_unavailable", "Sorry, the API service is temporarily unavailable"},
    };
    const char *its_code = "server_error", *its_message = "An error occurred";

    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (usual[i].status != status)
            continue;
        its_code = usual[i].code;
        its_message = usual[i].message;
    }
    eff_ic_error(call, status == 405 ? 404 : status, code ? code : its_code,
                 eff_str_of(message ? message : its_message));
}

/* ---- who may come in ---- */

/* 2.0 to 2.16, and Unstable; none: the workspace's own. */
static bool
intercom_version(const struct eff_call *call)
{
    eff_str version = eff_call_header(call, "intercom-version");
    int64_t minor;

    return !version.ptr || eff_str_eq_nocase(version, EFF_STR("unstable")) ||
           (eff_str_starts(version, EFF_STR("2.")) &&
            eff_str_int(eff_str_sub(version, 2, SIZE_MAX), &minor) && minor >= 0 && minor <= 16);
}

static bool
intercom_authorize(struct eff_call *call)
{
    if (!eff_world_trusts(call->world, eff_call_bearer(call))) {
        intercom_refuse(call, 401, NULL, NULL);
        return false;
    }
    if (intercom_version(call))
        return true;
    eff_ic_error(call, 400, "intercom_version_invalid",
                 EFF_STR("The requested version could not be found"));
    return false;
}

static bool
intercom_admit(struct eff_call *call)
{
    if (eff_world_take(call->world, EFF_QUOTA_BURST))
        return true;
    intercom_refuse(call, 429, NULL, NULL);
    return false;
}

static void
intercom_finish(struct eff_call *call)
{
    const struct eff_quota *burst = &call->world->quotas[EFF_QUOTA_BURST];
    int64_t most = burst->requests ? burst->requests : INTERCOM_WINDOW_CALLS;
    int64_t left = most > burst->used ? most - burst->used : burst->requests ? 0 : 1;
    int64_t reset =
        eff_world_now(call->world) / 1000 + eff_world_opens_s(call->world, EFF_QUOTA_BURST);
    eff_str version = eff_call_header(call, "intercom-version");

    eff_call_set(call, "X-RateLimit-Limit", eff_str_printf(call->arena, "%lld", (long long)most));
    eff_call_set(call, "X-RateLimit-Remaining",
                 eff_str_printf(call->arena, "%lld", (long long)left));
    eff_call_set(call, "X-RateLimit-Reset", eff_str_printf(call->arena, "%lld", (long long)reset));
    eff_call_set(call, "Intercom-Version", version.ptr ? version : EFF_STR("2.15"));
}

/* ---- ids and bodies ---- */

struct eff_shape *
eff_ic_contacts(const struct eff_call *call)
{
    return eff_shape_find(&call->world->shapes, EFF_STR("contacts"));
}

struct eff_shape *
eff_ic_companies(const struct eff_call *call)
{
    return eff_shape_find(&call->world->shapes, EFF_STR("companies"));
}

eff_str
eff_ic_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq)
{
    return eff_str_printf(arena, EFF_STR_FMT "%020llx", EFF_STR_ARG(shape->prefix),
                          (unsigned long long)seq);
}

int64_t
eff_ic_seq(const struct eff_shape *shape, eff_str id)
{
    unsigned char bytes[12];
    uint64_t seq = 0;

    if (!eff_str_starts(id, shape->prefix) || !eff_unhex(id, bytes, sizeof bytes))
        return 0;
    for (size_t i = 4; i < sizeof bytes; i++)
        seq = seq << 8 | bytes[i];
    return seq <= INT64_MAX ? (int64_t)seq : 0;
}

const struct eff_json *
eff_ic_body(struct eff_call *call)
{
    eff_str type = eff_call_header(call, "content-type");
    struct eff_err err = {0};
    const struct eff_json *body = NULL;

    if (eff_str_starts(type, EFF_STR("application/json")))
        body = eff_call_json(call, &err);
    if (eff_json_type(body) == EFF_JSON_OBJECT)
        return body;
    eff_ic_error(call, 400, "bad_request", EFF_STR("The body is no JSON object"));
    return NULL;
}

void
eff_ic_write_pages(struct eff_json_writer *w, int64_t page, int64_t per_page, int64_t total)
{
    eff_json_key(w, EFF_STR("pages"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "type", EFF_STR("pages"));
    eff_json_field_int(w, "page", page);
    eff_json_field_int(w, "per_page", per_page);
    eff_json_field_int(w, "total_pages", (total + per_page - 1) / per_page);
    eff_json_end_object(w);
}

/* ---- companies ---- */

static int64_t
intercom_people(struct eff_call *call, const struct eff_record *company)
{
    struct eff_link link = {
        .from = company->seq, .from_type = EFF_IC_COMPANY, .to_type = EFF_IC_CONTACT};
    int64_t count = 0;

    while (eff_records_next_link(call->world->records, &link))
        count++;
    return count;
}

static void
intercom_write_list(struct eff_json_writer *w, const char *name, const char *type)
{
    eff_json_key(w, eff_str_of(name));
    eff_json_begin_object(w);
    eff_json_field_str(w, "type", eff_str_of(type));
    eff_json_key(w, eff_str_of(name));
    eff_json_begin_array(w);
    eff_json_end_array(w);
    eff_json_end_object(w);
}

void
eff_ic_write_company(struct eff_call *call, struct eff_json_writer *w,
                     const struct eff_record *record)
{
    static const char *const members[] = {
        "company_id", "name", "size", "website", "industry", "remote_created_at", "monthly_spend"};
    struct eff_world *world = call->world;
    eff_str plan = eff_bag_text(world, record, "plan");

    eff_json_begin_object(w);
    eff_json_field_str(w, "type", EFF_STR("company"));
    eff_json_field_str(w, "id", eff_ic_id(call->arena, record->shape, record->seq));
    eff_json_field_str(w, "app_id", EFF_STR(INTERCOM_APP));
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const struct eff_field *field =
            eff_shape_field(&world->shapes, record->shape, eff_str_of(members[i]));

        if (field == NULL || eff_cell_null(eff_cell_of(record, field)))
            continue;
        eff_json_key(w, field->name);
        eff_cell_write(w, eff_cell_of(record, field));
    }
    eff_json_field_int(w, "created_at", record->created_ms / 1000);
    eff_json_field_int(w, "updated_at", record->updated_ms / 1000);
    eff_json_field_int(w, "session_count", 0);
    eff_json_field_int(w, "user_count", intercom_people(call, record));
    intercom_write_list(w, "tags", "tag.list");
    intercom_write_list(w, "segments", "segment.list");
    eff_json_key(w, EFF_STR("plan"));
    eff_json_begin_object(w);
    if (plan.len > 0) {
        eff_json_field_str(w, "type", EFF_STR("plan"));
        eff_json_field_str(w, "id", EFF_STR("1"));
        eff_json_field_str(w, "name", plan);
    }
    eff_json_end_object(w);
    eff_bag_write_group(w, record, EFF_IC_CUSTOM, false);
    eff_json_end_object(w);
}

static void
intercom_answer_company(struct eff_call *call, const struct eff_record *record)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_ic_write_company(call, &w, record);
}

static void
intercom_no_company(struct eff_call *call)
{
    eff_ic_error(call, 404, "company_not_found", EFF_STR("Company Not Found"));
}

bool
eff_ic_company(struct eff_call *call, eff_str id, struct eff_record *ret_record)
{
    const struct eff_shape *shape = eff_ic_companies(call);
    int64_t seq = eff_ic_seq(shape, id);

    if (seq > 0 && eff_records_get(call->world->records, shape, seq, call->arena, ret_record) &&
        !ret_record->deleted)
        return true;
    intercom_no_company(call);
    return false;
}

static bool
intercom_row_fails(struct eff_call *call)
{
    call->rows = 1;
    if (!eff_call_row_fails(call, 0, 1))
        return false;
    eff_ic_error(call, 400, "parameter_invalid", EFF_STR("refused on request"));
    return true;
}

static void
intercom_store_company(struct eff_call *call, const struct eff_json *body,
                       struct eff_record *record)
{
    const struct eff_shape *shape = eff_ic_companies(call);
    struct eff_cell *cells;

    eff_bag_make(call, eff_ic_companies(call), EFF_IC_CUSTOM,
                 eff_json_get(body, EFF_STR("custom_attributes")));
    cells = eff_new(call->arena, struct eff_cell, shape->count);
    if (!eff_ic_take(call, shape, body, cells))
        return;
    eff_bag_store(call, shape, record, cells);
    intercom_answer_company(call, record);
}

static void
intercom_company_upsert(struct eff_call *call)
{
    const struct eff_json *body = eff_ic_body(call);
    eff_str id = eff_json_str(eff_json_get(body, EFF_STR("company_id")));
    struct eff_record record;

    if (body == NULL || intercom_row_fails(call))
        return;
    if (id.len == 0) {
        eff_ic_error(call, 400, "parameter_not_found", EFF_STR("company not specified"));
        return;
    }
    eff_bag_find(call, eff_ic_companies(call), "company_id", id, &record);
    intercom_store_company(call, body, &record);
}

static void
intercom_company_update(struct eff_call *call)
{
    const struct eff_json *body = eff_ic_body(call);
    struct eff_record record;

    if (body == NULL || intercom_row_fails(call) || !eff_ic_company(call, call->args[0], &record))
        return;
    if (eff_json_get(body, EFF_STR("company_id"))) {
        eff_ic_error(call, 400, "bad_request", EFF_STR("bad 'company_id' parameter"));
        return;
    }
    intercom_store_company(call, body, &record);
}

static void
intercom_company_show(struct eff_call *call)
{
    struct eff_record record;

    if (eff_ic_company(call, call->args[0], &record))
        intercom_answer_company(call, &record);
}

/* Archived, in fact, with its contacts detached. */
static void
intercom_company_delete(struct eff_call *call)
{
    struct eff_records *records = call->world->records;
    struct eff_link link = {.from_type = EFF_IC_COMPANY, .to_type = EFF_IC_CONTACT};
    struct eff_record record;
    struct eff_json_writer w;

    call->rows = 1;
    if (!eff_ic_company(call, call->args[0], &record))
        return;
    link.from = record.seq;
    while (eff_records_next_link(records, &link))
        eff_ic_unlink(call, link.to, record.seq);
    eff_records_delete(records, &record, eff_world_now(call->world));
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "id", call->args[0]);
    eff_json_field_str(&w, "object", EFF_STR("company"));
    eff_json_key(&w, EFF_STR("deleted"));
    eff_json_write_bool(&w, true);
    eff_json_end_object(&w);
}

/* One by company_id or name, in a list. */
static void
intercom_company_named(struct eff_call *call, const char *field, eff_str value)
{
    struct eff_record record;
    struct eff_json_writer w;

    if (!eff_bag_find(call, eff_ic_companies(call), field, value, &record)) {
        intercom_no_company(call);
        return;
    }
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "type", EFF_STR("list"));
    eff_json_key(&w, EFF_STR("data"));
    eff_json_begin_array(&w);
    eff_ic_write_company(call, &w, &record);
    eff_json_end_array(&w);
    eff_ic_write_pages(&w, 1, 15, 1);
    eff_json_field_int(&w, "total_count", 1);
    eff_json_end_object(&w);
}

/* Companies without people are not listed. */
static void
intercom_company_list(struct eff_call *call)
{
    int64_t page = eff_call_param_int(call, "page", 1), seen = 0;
    int64_t per_page = eff_call_param_int(call, "per_page", 15);
    struct eff_scan scan = {.shape = eff_ic_companies(call)};
    struct eff_record record;
    struct eff_json_writer w;

    if (page < 1 || page > INT32_MAX || per_page < 1 || per_page > 60) {
        eff_ic_error(call, 400, "parameter_invalid", EFF_STR("page or per_page is invalid"));
        return;
    }
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "type", EFF_STR("list"));
    eff_json_key(&w, EFF_STR("data"));
    eff_json_begin_array(&w);
    while (eff_records_next(call->world->records, &scan, call->arena, &record)) {
        if (intercom_people(call, &record) == 0)
            continue;
        if (seen >= (page - 1) * per_page && seen < page * per_page)
            eff_ic_write_company(call, &w, &record);
        seen++;
    }
    eff_json_end_array(&w);
    eff_ic_write_pages(&w, page, per_page, seen);
    eff_json_field_int(&w, "total_count", seen);
    eff_json_end_object(&w);
}

static void
intercom_company_get(struct eff_call *call)
{
    eff_str id = eff_call_param(call, "company_id"), name = eff_call_param(call, "name");

    if (id.ptr || name.ptr)
        intercom_company_named(call, id.ptr ? "company_id" : "name", id.ptr ? id : name);
    else
        intercom_company_list(call);
}

static void
intercom_company_people(struct eff_call *call)
{
    struct eff_link link = {.from_type = EFF_IC_COMPANY, .to_type = EFF_IC_CONTACT};
    struct eff_record company, contact;
    struct eff_json_writer w;
    int64_t count = 0;

    if (!eff_ic_company(call, call->args[0], &company))
        return;
    link.from = company.seq;
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "type", EFF_STR("list"));
    eff_json_key(&w, EFF_STR("data"));
    eff_json_begin_array(&w);
    while (eff_records_next_link(call->world->records, &link)) {
        if (!eff_records_get(call->world->records, eff_ic_contacts(call), link.to, call->arena,
                             &contact))
            continue;
        eff_ic_write_contact(call, &w, &contact);
        count++;
    }
    eff_json_end_array(&w);
    eff_ic_write_pages(&w, 1, 50, count);
    eff_json_field_int(&w, "total_count", count);
    eff_json_end_object(&w);
}

static void
intercom_me(struct eff_call *call)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "type", EFF_STR("admin"));
    eff_json_field_str(&w, "id", EFF_STR("1"));
    eff_json_field_str(&w, "name", EFF_STR("Sandbox"));
    eff_json_field_str(&w, "email", EFF_STR("admin@example.com"));
    eff_json_end_object(&w);
}

/* ---- the vendor ---- */

#define W EFF_ROUTE_WRITES

static const struct eff_route intercom_routes[] = {
    {"GET", "/me", intercom_me, 0},
    {"POST", "/contacts/search", eff_ic_contact_search, 0},
    {"GET", "/contacts/find_by_external_id/{}", eff_ic_contact_find, 0},
    {"GET", "/contacts", eff_ic_contact_list, 0},
    {"POST", "/contacts", eff_ic_contact_create, W},
    {"GET", "/contacts/{}", eff_ic_contact_show, 0},
    {"PUT", "/contacts/{}", eff_ic_contact_update, W},
    {"DELETE", "/contacts/{}", eff_ic_contact_delete, W},
    {"POST", "/contacts/{}/archive", eff_ic_contact_archive, W},
    {"POST", "/contacts/{}/unarchive", eff_ic_contact_unarchive, W},
    {"GET", "/contacts/{}/companies", eff_ic_attached, 0},
    {"POST", "/contacts/{}/companies", eff_ic_attach, W},
    {"DELETE", "/contacts/{}/companies/{}", eff_ic_detach, W},
    {"POST", "/companies/list", intercom_company_list, 0},
    {"GET", "/companies", intercom_company_get, 0},
    {"POST", "/companies", intercom_company_upsert, W},
    {"GET", "/companies/{}", intercom_company_show, 0},
    {"PUT", "/companies/{}", intercom_company_update, W},
    {"DELETE", "/companies/{}", intercom_company_delete, W},
    {"GET", "/companies/{}/contacts", intercom_company_people, 0},
    {"GET", "/data_attributes", eff_ic_attributes, 0},
    {"POST", "/data_attributes", eff_ic_attribute_create, 0},
    {"PUT", "/data_attributes/{}", eff_ic_attribute_update, 0},
};

static struct eff_shape *
intercom_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label)
{
    return eff_shape_add(shapes, name, label, EFF_STR("64e0"));
}

const struct eff_vendor eff_vendor_intercom = {
    .name = "intercom",
    .routes = intercom_routes,
    .routes_count = sizeof(intercom_routes) / sizeof(intercom_routes[0]),
    .quotas = {[EFF_QUOTA_BURST] = {.per_ms = INTERCOM_WINDOW_MS}},
    .shapes = eff_ic_shapes,
    .new_shape = intercom_new_shape,
    .authorize = intercom_authorize,
    .admit = intercom_admit,
    .refuse = intercom_refuse,
    .finish = intercom_finish,
    .id = eff_ic_id,
};
