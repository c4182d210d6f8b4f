/*
 * sandbox/netsuite: the stand-in for NetSuite's REST record service: records of a few types by
 * id and by external id, one a request. An unknown property is refused, or dropped in silence,
 * as X-NetSuite-PropertyNameValidation says.
 */
#include "sandbox/netsuite.h"
#include "base/clock.h"

#include <stdalign.h>

#define KEY  (EFF_FIELD_KEY | EFF_FIELD_UNIQUE)
#define OWN  EFF_FIELD_CUSTOM
#define TEXT EFF_FIELD_TEXT, 300, 0
#define REF  EFF_FIELD_REFERENCE, 0, 0

/* ---- objects ---- */

static const struct eff_field_row netsuite_customer[] = {
    {"externalId", "External ID", TEXT, KEY, NULL, NULL},
    {"companyName", "Company Name", TEXT, EFF_FIELD_REQUIRED, NULL, NULL},
    {"email", "Email", EFF_FIELD_EMAIL, 254, 0, 0, NULL, NULL},
    {"phone", "Phone", EFF_FIELD_PHONE, 32, 0, 0, NULL, NULL},
    {"comments", "Comments", EFF_FIELD_TEXTAREA, 4000, 0, 0, NULL, NULL},
    {"creditLimit", "Credit Limit", EFF_FIELD_CURRENCY, 18, 2, 0, NULL, NULL},
    {"isInactive", "Inactive", EFF_FIELD_BOOL, 0, 0, 0, NULL, "false"},
    {"subsidiary", "Primary Subsidiary", REF, 0, "subsidiary:subsidiary", NULL},
    {"balance", "Balance", EFF_FIELD_CURRENCY, 18, 2, EFF_FIELD_READONLY, NULL, NULL},
    {"custentity_plan", "Plan", TEXT, OWN, NULL, NULL},
    {"custentity_health", "Health", EFF_FIELD_INTEGER, 18, 0, OWN, NULL, NULL},
    {"custentity_lifetime_value", "Lifetime value", EFF_FIELD_NUMBER, 18, 2, OWN, NULL, NULL},
    {"custentity_vip", "VIP", EFF_FIELD_BOOL, 0, 0, OWN, NULL, NULL},
    {"custentity_since", "Since", EFF_FIELD_DATE, 0, 0, OWN, NULL, NULL},
    {"custentity_seen", "Last seen", EFF_FIELD_DATETIME, 0, 0, OWN, NULL, NULL},
};
static const struct eff_field_row netsuite_contact[] = {
    {"externalId", "External ID", TEXT, KEY, NULL, NULL},
    {"firstName", "First Name", TEXT, 0, NULL, NULL},
    {"lastName", "Last Name", TEXT, 0, NULL, NULL},
    {"entityId", "Contact Name", TEXT, EFF_FIELD_REQUIRED, NULL, NULL},
    {"email", "Email", EFF_FIELD_EMAIL, 254, 0, 0, NULL, NULL},
    {"company", "Company", REF, 0, "customer:company", NULL},
    {"isInactive", "Inactive", EFF_FIELD_BOOL, 0, 0, 0, NULL, "false"},
    {"custentity_seats", "Seats", EFF_FIELD_INTEGER, 18, 0, OWN, NULL, NULL},
};
static const struct eff_field_row netsuite_invoice[] = {
    {"externalId", "External ID", TEXT, KEY, NULL, NULL},
    {"entity", "Customer", REF, EFF_FIELD_REQUIRED, "customer:entity", NULL},
    {"tranDate", "Date", EFF_FIELD_DATE, 0, 0, 0, NULL, NULL},
    {"dueDate", "Due Date", EFF_FIELD_DATE, 0, 0, 0, NULL, NULL},
    {"terms", "Terms", REF, 0, "term:terms", NULL},
    {"memo", "Memo", TEXT, 0, NULL, NULL},
    {"otherRefNum", "PO #", TEXT, 0, NULL, NULL},
    {"total", "Total", EFF_FIELD_CURRENCY, 18, 2, EFF_FIELD_READONLY, NULL, NULL},
    {"amountRemaining", "Amount Due", EFF_FIELD_CURRENCY, 18, 2, EFF_FIELD_READONLY, NULL, NULL},
    {"custbody_campaign", "Campaign", TEXT, OWN, NULL, NULL},
};

static void
netsuite_add(struct eff_shapes *shapes, eff_str name, eff_str label,
             const struct eff_field_row *rows, size_t count)
{
    struct eff_shape *shape = eff_shape_add(shapes, name, label, name);

    for (size_t i = 0; i < count; i++)
        eff_shape_add_field(shapes, shape, &rows[i]);
}

static void
netsuite_shapes(struct eff_shapes *shapes)
{
    netsuite_add(shapes, EFF_STR("customer"), EFF_STR("Customer"), netsuite_customer,
                 sizeof(netsuite_customer) / sizeof(netsuite_customer[0]));
    netsuite_add(shapes, EFF_STR("contact"), EFF_STR("Contact"), netsuite_contact,
                 sizeof(netsuite_contact) / sizeof(netsuite_contact[0]));
    netsuite_add(shapes, EFF_STR("invoice"), EFF_STR("Invoice"), netsuite_invoice,
                 sizeof(netsuite_invoice) / sizeof(netsuite_invoice[0]));
}

static struct eff_shape *
netsuite_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label)
{
    struct eff_shape *shape = eff_shape_add(shapes, name, label, name);

    eff_shape_add_field(shapes, shape, &netsuite_customer[0]);
    return shape;
}

/* ---- errors ---- */

void
eff_ns_error(struct eff_call *call, int status, const char *code, eff_str path, eff_str message)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {{400, "Bad Request"},       {401, "Unauthorized"}, {403, "Forbidden"},
                  {404, "Not Found"},         {405, "Not Allowed"},  {409, "Conflict"},
                  {429, "Too Many Requests"}, {503, "Unavailable"}};
    const char *title = "Internal Server Error";
    struct eff_json_writer w = eff_call_answer(call, status);

    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
        title = titles[i].status == status ? titles[i].title : title;
    call->answer_type = "application/vnd.oracle.resource+json; type=error; charset=UTF-8";
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "type", EFF_STR("https://www.rfc-editor.org/rfc/rfc9110.html"));
    eff_json_field_str(&w, "title", eff_str_of(title));
    eff_json_field_int(&w, "status", status);
    eff_json_key(&w, EFF_STR("o:errorDetails"));
    eff_json_begin_array(&w);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "detail", message);
    if (path.len > 0)
        eff_json_field_str(&w, "o:errorPath", path);
    eff_json_field_str(&w, "o:errorCode", eff_str_of(code));
    eff_json_end_object(&w);
    eff_json_end_array(&w);
    eff_json_end_object(&w);
    call->refused = call->rows;
}

static void
netsuite_refuse(struct eff_call *call, int status, const char *code, const char *message)
{
    const char *usual = status == 400   ? "USER_ERROR"
                        : status == 401 ? "INVALID_LOGIN"
                        : status == 403 ? "INSUFFICIENT_PERMISSION"
                        : status == 404 ? "NOT_FOUND"
                        : status == 405 ? "METHOD_NOT_ALLOWED"
                        : status == 429 ? "CONCURRENCY_LIMIT_EXCEEDED"
                                        : "UNEXPECTED_ERROR";

    eff_ns_error(call, status, code ? code : usual, EFF_STR_NONE,
                 eff_str_of(message         ? message
                            : status == 429 ? "Concurrent request limit exceeded. Request blocked."
                                            : "The request was not carried out."));
}

static bool
netsuite_admit(struct eff_call *call)
{
    if (eff_world_take(call->world, EFF_QUOTA_BURST))
        return true;
    netsuite_refuse(call, 429, NULL, NULL);
    return false;
}

/* ---- requests and addresses ---- */

struct eff_shape *
eff_ns_shape(struct eff_call *call)
{
    struct eff_shape *shape = eff_shape_find(&call->world->shapes, call->args[0]);

    if (shape == NULL)
        eff_ns_error(call, 404, "INVALID_RECORD_TYPE", EFF_STR_NONE,
                     eff_str_printf(call->arena, "Record type '" EFF_STR_FMT "' does not exist.",
                                    EFF_STR_ARG(call->args[0])));
    return shape;
}

eff_str
eff_ns_address(struct eff_call *call, eff_str path)
{
    return eff_str_printf(call->arena, "http://127.0.0.1:%u" EFF_NS_REST EFF_STR_FMT,
                          call->world->port, EFF_STR_ARG(path));
}

void
eff_ns_write_links(struct eff_json_writer *w, eff_str href)
{
    eff_json_key(w, EFF_STR("links"));
    eff_json_begin_array(w);
    eff_json_begin_object(w);
    eff_json_field_str(w, "rel", EFF_STR("self"));
    eff_json_field_str(w, "href", href);
    eff_json_end_object(w);
    eff_json_end_array(w);
}

static eff_str
netsuite_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq)
{
    (void)shape;
    return eff_str_printf(arena, "%lld", (long long)seq);
}

static eff_str
netsuite_record_address(struct eff_call *call, const struct eff_record *record)
{
    return eff_ns_address(call,
                          eff_str_printf(call->arena, "/record/v1/" EFF_STR_FMT "/%lld",
                                         EFF_STR_ARG(record->shape->name), (long long)record->seq));
}

static void
netsuite_done(struct eff_call *call, const struct eff_record *record)
{
    eff_call_empty(call, 204);
    eff_call_set(call, "Location", netsuite_record_address(call, record));
}

/* NULL: answered. */
static const struct eff_json *
netsuite_body(struct eff_call *call)
{
    eff_str type = eff_call_header(call, "content-type");
    struct eff_err err = {0};
    const struct eff_json *body = NULL;

    if (!eff_str_starts(type, EFF_STR("application/json")) &&
        !eff_str_starts(type, EFF_STR("application/vnd.oracle.resource+json"))) {
        eff_ns_error(call, 415, "INVALID_CONTENT", EFF_STR_NONE,
                     EFF_STR("Unsupported Content-Type."));
        return NULL;
    }
    body = eff_call_json(call, &err);
    if (eff_json_type(body) == EFF_JSON_OBJECT)
        return body;
    eff_ns_error(call, 400, "INVALID_CONTENT", EFF_STR_NONE,
                 EFF_STR("Invalid content in the request body."));
    return NULL;
}

/* "eid:X" or a number. False: there is no such record; external: the name was an eid. */
static bool
netsuite_named(struct eff_call *call, const struct eff_shape *shape, eff_str name,
               eff_str *ret_external, struct eff_record *ret_record)
{
    int64_t seq;

    *ret_record = (struct eff_record){.shape = shape};
    *ret_external = EFF_STR_NONE;
    if (eff_str_starts(name, EFF_STR("eid:"))) {
        *ret_external = eff_str_sub(name, 4, SIZE_MAX);
        return eff_bag_find(call, shape, "externalId", *ret_external, ret_record);
    }
    if (eff_str_int(name, &seq) && seq > 0 &&
        eff_records_get(call->world->records, shape, seq, call->arena, ret_record) &&
        !ret_record->deleted)
        return true;
    *ret_record = (struct eff_record){.shape = shape};
    return false;
}

/* False: answered. */
static bool
netsuite_get(struct eff_call *call, struct eff_record *ret_record)
{
    const struct eff_shape *shape = eff_ns_shape(call);
    eff_str external;

    if (shape == NULL)
        return false;
    if (netsuite_named(call, shape, call->args[1], &external, ret_record))
        return true;
    eff_ns_error(
        call, 404, "NONEXISTENT_ID", EFF_STR_NONE,
        EFF_STR("The record instance does not exist. Provide a valid record instance ID."));
    return false;
}

/* ---- values ---- */

static bool
netsuite_invalid(struct eff_call *call, eff_str name, const char *why)
{
    eff_ns_error(call, 400, "INVALID_CONTENT", name,
                 eff_str_printf(call->arena,
                                "Error while accessing a resource. %s '" EFF_STR_FMT "'.", why,
                                EFF_STR_ARG(name)));
    return false;
}

static bool
netsuite_is_date(eff_str text)
{
    for (size_t i = 0; i < 10; i++) {
        char c = i < text.len ? text.ptr[i] : '\0';

        if (i == 4 || i == 7 ? c != '-' : c < '0' || c > '9')
            return false;
    }
    return text.len == 10;
}

/* {"id": "1"} or {"externalId": "x"}: becomes the number of a record that is there. */
static bool
netsuite_reference(struct eff_call *call, const struct eff_field *field,
                   const struct eff_json *value, struct eff_cell *cell)
{
    eff_str id = eff_json_str(eff_json_get(value, EFF_STR("id")));
    eff_str external = eff_json_str(eff_json_get(value, EFF_STR("externalId")));
    const struct eff_shape *target = eff_shape_find(&call->world->shapes, field->target);
    struct eff_record record = {0};
    eff_str ignored;

    if (eff_json_type(value) != EFF_JSON_OBJECT || (id.len == 0 && external.len == 0))
        return netsuite_invalid(call, field->name, "Invalid value for the reference");
    if (target == NULL) { /* what is not modelled is taken by number */
        *cell = (struct eff_cell){EFF_CELL_TEXT, id.len > 0 ? id : external};
        return true;
    }
    if (id.len == 0)
        id = eff_str_printf(call->arena, "eid:" EFF_STR_FMT, EFF_STR_ARG(external));
    if (!netsuite_named(call, target, id, &ignored, &record)) {
        eff_ns_error(call, 400, "INVALID_KEY_OR_REF", field->name,
                     eff_str_printf(call->arena, "Invalid reference key for " EFF_STR_FMT ".",
                                    EFF_STR_ARG(field->name)));
        return false;
    }
    *cell = (struct eff_cell){EFF_CELL_TEXT,
                              eff_str_printf(call->arena, "%lld", (long long)record.seq)};
    return true;
}

/* 2017-07-21T17:32:28Z, or with another zone: kept in UTC. */
static bool
netsuite_time(struct eff_call *call, eff_str text, struct eff_cell *ret_cell)
{
    char form[EFF_TIME_TEXT_MAX];
    struct eff_civil civil;
    size_t len;

    if (!eff_time_parse(text, &civil) || !civil.has_time || !civil.has_offset)
        return false;
    len = eff_datetime_text(eff_micros_from_civil(&civil) / 1000000 * 1000000, 0, true, form);
    *ret_cell = (struct eff_cell){EFF_CELL_TEXT, eff_str_copy(call->arena, (eff_str){form, len})};
    return true;
}

static bool
netsuite_fits(const struct eff_field *field, const struct eff_json *value)
{
    enum eff_json_type type = eff_json_type(value);
    eff_str text = eff_json_str(value), user, host;
    int64_t whole;

    switch (field->type) {
    case EFF_FIELD_BOOL:
        return type == EFF_JSON_BOOL;
    case EFF_FIELD_INTEGER:
        return type == EFF_JSON_NUMBER && eff_str_int(text, &whole);
    case EFF_FIELD_NUMBER:
    case EFF_FIELD_CURRENCY:
        return type == EFF_JSON_NUMBER;
    case EFF_FIELD_DATE:
        return type == EFF_JSON_STRING && netsuite_is_date(text);
    case EFF_FIELD_DATETIME:
        return type == EFF_JSON_STRING;
    case EFF_FIELD_EMAIL:
        return type == EFF_JSON_STRING && eff_str_cut(text, '@', &user, &host) && user.len > 0 &&
               eff_str_find_char(host, '.') != SIZE_MAX;
    default:
        return type == EFF_JSON_STRING && text.len <= (size_t)field->length * 4;
    }
}

static bool
netsuite_take_one(struct eff_call *call, const struct eff_shape *shape, eff_str name,
                  const struct eff_json *value, struct eff_cell *cells)
{
    const struct eff_field *field = eff_shape_field(&call->world->shapes, shape, name);
    eff_str names = eff_call_header(call, "x-netsuite-propertynamevalidation");

    if (field == NULL)
        return !eff_str_eq_nocase(names, EFF_STR("error")) ||
               netsuite_invalid(call, name, "Unknown property");
    if (eff_field_has(field, EFF_FIELD_READONLY))
        return true; /* passed over, as at the vendor */
    if (eff_json_type(value) == EFF_JSON_NULL) {
        cells[field->slot] = (struct eff_cell){.kind = EFF_CELL_NULL};
        return true;
    }
    if (field->type == EFF_FIELD_REFERENCE)
        return netsuite_reference(call, field, value, &cells[field->slot]);
    cells[field->slot] = eff_bag_cell(call->arena, value);
    if (!netsuite_fits(field, value) ||
        (field->type == EFF_FIELD_DATETIME &&
         !netsuite_time(call, eff_json_str(value), &cells[field->slot])))
        return netsuite_invalid(call, name, "Invalid value for the property");
    return true;
}

/* Required values, and an external id that no other record has. False: answered. */
static bool
netsuite_check(struct eff_call *call, const struct eff_record *record, const struct eff_cell *cells)
{
    const struct eff_shape *shape = record->shape;
    const struct eff_field *key =
        eff_shape_field(&call->world->shapes, shape, EFF_STR("externalId"));
    struct eff_record other;

    for (size_t i = 0; i < shape->count; i++) {
        const struct eff_field *field = &shape->fields[i];
        struct eff_cell cell = cells[field->slot].kind == EFF_CELL_KEEP && record->seq != 0
                                   ? eff_cell_of(record, field)
                                   : cells[field->slot];

        if (field->gone || !eff_field_has(field, EFF_FIELD_REQUIRED) ||
            (!eff_cell_null(cell) && cell.text.len > 0))
            continue;
        eff_ns_error(call, 400, "USER_ERROR", EFF_STR_NONE,
                     eff_str_printf(call->arena, "Please enter value(s) for: " EFF_STR_FMT,
                                    EFF_STR_ARG(field->label)));
        return false;
    }
    if (cells[key->slot].kind != EFF_CELL_TEXT ||
        !eff_bag_find(call, shape, "externalId", cells[key->slot].text, &other) ||
        other.seq == record->seq)
        return true;
    eff_ns_error(call, 400, "USER_ERROR", EFF_STR("externalId"),
                 EFF_STR("This record already exists"));
    return false;
}

static void
netsuite_defaults(const struct eff_shape *shape, struct eff_cell *cells)
{
    for (size_t i = 0; i < shape->count; i++)
        if (shape->fields[i].fallback.ptr && cells[i].kind == EFF_CELL_KEEP)
            cells[i] = (struct eff_cell){shape->fields[i].type == EFF_FIELD_BOOL ? EFF_CELL_BOOL
                                                                                 : EFF_CELL_TEXT,
                                         shape->fields[i].fallback};
}

static void
netsuite_store(struct eff_call *call, struct eff_record *record, eff_str external)
{
    const struct eff_json *body = netsuite_body(call), *value;
    const struct eff_shape *shape = record->shape;
    struct eff_cell *cells = eff_new(call->arena, struct eff_cell, shape->count);
    struct eff_json_iter iter = eff_json_iterate(body);
    eff_str key;

    if (body == NULL)
        return;
    call->rows = 1;
    if (eff_call_row_fails(call, 0, 1)) {
        netsuite_refuse(call, 400, NULL, NULL);
        return;
    }
    if (record->seq == 0 && external.ptr)
        cells[eff_shape_field(&call->world->shapes, shape, EFF_STR("externalId"))->slot] =
            (struct eff_cell){EFF_CELL_TEXT, external};
    while (eff_json_next(&iter, &key, &value))
        if (!netsuite_take_one(call, shape, key, value, cells))
            return;
    if (record->seq == 0)
        netsuite_defaults(shape, cells);
    if (!netsuite_check(call, record, cells))
        return;
    eff_bag_store(call, shape, record, cells);
    netsuite_done(call, record);
}

/* ---- records ---- */

static void
netsuite_create(struct eff_call *call)
{
    struct eff_record record = {.shape = eff_ns_shape(call)};

    if (record.shape != NULL)
        netsuite_store(call, &record, EFF_STR_NONE);
}

/* Only a PUT by external id makes what is not there. */
static void
netsuite_put(struct eff_call *call)
{
    const struct eff_shape *shape = eff_ns_shape(call);
    struct eff_record record;
    eff_str external;

    if (shape == NULL)
        return;
    if (!eff_str_starts(call->args[1], EFF_STR("eid:")) || call->args[1].len == 4) {
        netsuite_refuse(call, 405, NULL, NULL);
        return;
    }
    netsuite_named(call, shape, call->args[1], &external, &record);
    netsuite_store(call, &record, external);
}

static void
netsuite_patch(struct eff_call *call)
{
    struct eff_record record;

    if (netsuite_get(call, &record))
        netsuite_store(call, &record, EFF_STR_NONE);
}

static void
netsuite_delete(struct eff_call *call)
{
    struct eff_record record;

    call->rows = 1;
    if (!netsuite_get(call, &record))
        return;
    eff_records_delete(call->world->records, &record, eff_world_now(call->world));
    eff_call_empty(call, 204);
}

static void
netsuite_write_reference(struct eff_call *call, struct eff_json_writer *w,
                         const struct eff_field *field, eff_str id)
{
    eff_json_begin_object(w);
    eff_ns_write_links(
        w,
        eff_ns_address(call, eff_str_printf(call->arena, "/record/v1/" EFF_STR_FMT "/" EFF_STR_FMT,
                                            EFF_STR_ARG(field->target), EFF_STR_ARG(id))));
    eff_json_field_str(w, "id", id);
    eff_json_field_str(w, "refName", id);
    eff_json_end_object(w);
}

static void
netsuite_show(struct eff_call *call)
{
    struct eff_json_writer w;
    struct eff_record record;

    if (!netsuite_get(call, &record))
        return;
    w = eff_call_answer(call, 200);
    call->answer_type = "application/vnd.oracle.resource+json; type=singular; charset=UTF-8";
    eff_json_begin_object(&w);
    eff_ns_write_links(&w, netsuite_record_address(call, &record));
    eff_json_field_str(&w, "id", netsuite_id(call->arena, record.shape, record.seq));
    for (size_t i = 0; i < record.shape->count; i++) {
        const struct eff_field *field = &record.shape->fields[i];
        struct eff_cell cell = eff_cell_of(&record, field);

        if (field->gone || eff_cell_null(cell))
            continue;
        eff_json_key(&w, field->name);
        if (field->type == EFF_FIELD_REFERENCE)
            netsuite_write_reference(call, &w, field, cell.text);
        else
            eff_cell_write(&w, cell);
    }
    eff_json_end_object(&w);
}

/* ---- the vendor ---- */

static void
netsuite_finish(struct eff_call *call)
{
    eff_call_set(
        call, "X-NetSuite-JobId",
        eff_str_printf(call->arena, "%016llx", (unsigned long long)eff_world_random(call->world)));
}

#define R EFF_NS_REST "/record/v1"
#define W EFF_ROUTE_WRITES

static const struct eff_route netsuite_routes[] = {
    {"POST", EFF_NS_REST "/auth/oauth2/v1/token", eff_ns_token, EFF_ROUTE_OPEN},
    {"POST", EFF_NS_REST "/query/v1/suiteql", eff_ns_suiteql, 0},
    {"GET", R "/metadata-catalog", eff_ns_catalog, 0},
    {"GET", R "/metadata-catalog/{}", eff_ns_catalog_type, 0},
    {"GET", R "/{}", eff_ns_list, 0},
    {"POST", R "/{}", netsuite_create, W},
    {"GET", R "/{}/{}", netsuite_show, 0},
    {"PUT", R "/{}/{}", netsuite_put, W},
    {"PATCH", R "/{}/{}", netsuite_patch, W},
    {"DELETE", R "/{}/{}", netsuite_delete, W},
};

const struct eff_vendor eff_vendor_netsuite = {
    .name = "netsuite",
    .routes = netsuite_routes,
    .routes_count = sizeof(netsuite_routes) / sizeof(netsuite_routes[0]),
    .quotas = {[EFF_QUOTA_BURST] = {.per_ms = 1000}},
    .shapes = netsuite_shapes,
    .new_shape = netsuite_new_shape,
    .authorize = eff_ns_authorize,
    .admit = netsuite_admit,
    .refuse = netsuite_refuse,
    .finish = netsuite_finish,
    .id = netsuite_id,
    .state_size = sizeof(struct eff_ns_state),
};
