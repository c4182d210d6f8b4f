/*
 * sandbox/meta: the stand-in for Meta's custom audiences.
 *
 * Audiences belong to the ad account act_1; a member is a row of identifiers, as they were
 * sent. A row that has all of a member's identifiers is that member; a removal takes out
 * whoever has all of its identifiers. As at the vendor, identifiers other than EXTERN_ID and MADID must be SHA-256 in hex;
 * what is not is counted as invalid and left out, and the answer is a success. Arguments come
 * as JSON, as a form or in the query, where objects are JSON texts.
 */
#include "sandbox/world.h"

#define META_ROWS_MAX   10000
#define META_ID_BASE    INT64_C(23850000000000000)
#define META_SAMPLES    5
#define META_FIND_MAX   4096
#define META_HASH_CHARS 64

/* In the order of the fields of `members`, behind `audience`. */
static const struct {
    const char *name;
    bool plain; /* is not hashed */
} meta_keys[] = {
    {"EXTERN_ID", true}, {"EMAIL", false}, {"PHONE", false}, {"GEN", false},     {"DOBY", false},
    {"DOBM", false},     {"DOBD", false},  {"LN", false},    {"FN", false},      {"FI", false},
    {"CT", false},       {"ST", false},    {"ZIP", false},   {"COUNTRY", false}, {"MADID", true},
};

#define META_KEYS (sizeof(meta_keys) / sizeof(meta_keys[0]))

/* ---- answers ---- */

static void
meta_error(struct eff_call *call, int code, int subcode, eff_str message)
{
    struct eff_json_writer w = eff_call_answer(call, code == 1 || code == 2 ? 500 : 400);

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("error"));
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "message", message);
    eff_json_field_str(&w, "type", EFF_STR("OAuthException"));
    eff_json_field_int(&w, "code", code);
    if (subcode != 0)
        eff_json_field_int(&w, "error_subcode", subcode);
    eff_json_key(&w, EFF_STR("is_transient"));
    eff_json_write_bool(&w, code == 1 || code == 2);
    eff_json_field_str(&w, "fbtrace_id",
                       eff_str_printf(call->arena, "A%015llx",
                                      (unsigned long long)eff_world_random(call->world) >> 4));
    eff_json_end_object(&w);
    eff_json_end_object(&w);
    call->refused = call->rows;
}

static void
meta_refuse(struct eff_call *call, int status, const char *code, const char *message)
{
    int64_t number = status == 401                    ? 190
                     : status == 429                  ? 80003
                     : status == 404 || status == 405 ? 2500
                     : status >= 500                  ? 2
                                                      : 100;

    if (code)
        eff_str_int(eff_str_of(code), &number);
    meta_error(call, (int)number, 0,
               message ? eff_str_of(message) : EFF_STR("the request was not carried out"));
    if (status != 429 && status != 401) /* Meta says both with 400 */
        call->status = status;
}

/* ---- arguments ---- */

/* An object, an array or a text of the body, the form or the query; NULL when there is none. */
static const struct eff_json *
meta_arg(struct eff_call *call, const char *name)
{
    const struct eff_json *value = NULL;
    struct eff_err err = {0};
    eff_str text = eff_call_param(call, name);

    if (eff_str_starts(eff_call_header(call, "content-type"), EFF_STR("application/json"))) {
        value = eff_json_get(eff_call_json(call, &err), eff_str_of(name));
        if (value != NULL && eff_json_type(value) != EFF_JSON_STRING)
            return value;
        text = value != NULL ? eff_json_str(value) : text;
    } else if (text.len == 0) {
        text = eff_call_form(call, call->body, name);
    }
    if (text.len > 0 && eff_json_parse(text, call->arena, &value, &err) != EFF_OK)
        return NULL;
    return value;
}

static eff_str
meta_text(struct eff_call *call, const char *name)
{
    struct eff_err err = {0};
    eff_str text = eff_call_param(call, name);

    if (text.len == 0 &&
        eff_str_starts(eff_call_header(call, "content-type"), EFF_STR("application/json")))
        text = eff_json_str(eff_json_get(eff_call_json(call, &err), eff_str_of(name)));
    return text.len > 0 ? text : eff_call_form(call, call->body, name);
}

/* ---- who may come in, and how often ---- */

static bool
meta_authorize(struct eff_call *call)
{
    eff_str token = eff_call_bearer(call);

    if (token.len == 0)
        token = meta_text(call, "access_token");
    if (token.len == 0)
        meta_error(call, 104, 0, EFF_STR("An access token is required to request this resource."));
    else if (!eff_world_trusts(call->world, token))
        meta_error(call, 190, 463, EFF_STR("Error validating access token: it has expired."));
    else if (call->world->settings.read_only && call->route != NULL &&
             (call->route->flags & EFF_ROUTE_WRITES) != 0)
        meta_error(call, 200, 0, EFF_STR("Requires ads_management permission."));
    else
        return true;
    return false;
}

static bool
meta_admit(struct eff_call *call)
{
    if (eff_world_take(call->world, EFF_QUOTA_BURST))
        return true;
    meta_error(call, 80003, 2446079, EFF_STR("There have been too many calls to this ad-account."));
    return false;
}

/* How much of the hour is used, by what the quota says; an unlimited one is hardly used. */
static void
meta_finish(struct eff_call *call)
{
    const struct eff_quota *quota = &call->world->quotas[EFF_QUOTA_BURST];
    int64_t used = quota->requests > 0 ? quota->used * 100 / quota->requests : 1;
    bool out = quota->requests > 0 && quota->used >= quota->requests;

    eff_call_set(call, "X-Business-Use-Case-Usage",
                 eff_str_printf(call->arena,
                                "{\"1\":[{\"type\":\"custom_audience\",\"call_count\":%lld,"
                                "\"total_cputime\":1,\"total_time\":1,"
                                "\"estimated_time_to_regain_access\":%lld}]}",
                                (long long)(used > 100 ? 100 : used),
                                (long long)(out ? (quota->per_ms + 59999) / 60000 : 0)));
    eff_call_set(call, "facebook-api-version",
                 call->args_count > 0 ? call->args[0] : EFF_STR("v25.0"));
}

/* ---- audiences ---- */

static void
meta_shapes(struct eff_shapes *shapes)
{
    struct eff_shape *shape =
        eff_shape_add(shapes, EFF_STR("audiences"), EFF_STR("Custom audience"), EFF_STR(""));
    static const struct eff_field_row name = {
        "name", "Name", EFF_FIELD_TEXT, 200, 0, EFF_FIELD_REQUIRED, NULL, NULL};
    static const struct eff_field_row audience = {"audience", "Audience", EFF_FIELD_TEXT, 40,
                                                  0,          0,          NULL,           NULL};

    eff_shape_add_field(shapes, shape, &name);
    shape = eff_shape_add(shapes, EFF_STR("members"), EFF_STR("Member"), EFF_STR(""));
    eff_shape_add_field(shapes, shape, &audience);
    for (size_t i = 0; i < META_KEYS; i++) {
        struct eff_field_row row = {meta_keys[i].name,
                                    meta_keys[i].name,
                                    EFF_FIELD_TEXT,
                                    200,
                                    0,
                                    EFF_FIELD_KEY | EFF_FIELD_CASE,
                                    NULL,
                                    NULL};

        eff_shape_add_field(shapes, shape, &row);
    }
}

static struct eff_shape *
meta_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label)
{
    return eff_shape_add(shapes, name, label, EFF_STR(""));
}

static eff_str
meta_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq)
{
    return eff_str_printf(
        arena, "%lld",
        (long long)(eff_str_is(shape->name, "audiences") ? META_ID_BASE + seq : seq));
}

static const struct eff_shape *
meta_shape(const struct eff_call *call, const char *name)
{
    return eff_shape_find(&call->world->shapes, eff_str_of(name));
}

/* The audience in the path; false: answered. */
static bool
meta_audience(struct eff_call *call, struct eff_record *ret_audience)
{
    int64_t id;

    if (eff_str_int(call->args[1], &id) && id > META_ID_BASE &&
        eff_records_get(call->world->records, meta_shape(call, "audiences"), id - META_ID_BASE,
                        call->arena, ret_audience) &&
        !ret_audience->deleted)
        return true;
    meta_error(call, 100, 33,
               eff_str_printf(call->arena,
                              "Unsupported request. Object with ID '" EFF_STR_FMT
                              "' does not exist, cannot be loaded due to missing permissions, or "
                              "does not support this operation.",
                              EFF_STR_ARG(call->args[1])));
    return false;
}

static bool
meta_account(struct eff_call *call)
{
    if (eff_str_is(call->args[1], "act_1"))
        return true;
    meta_error(call, 100, 33, EFF_STR("Unsupported request. There is no such ad account."));
    return false;
}

static void
meta_create(struct eff_call *call)
{
    struct eff_cell cell = {EFF_CELL_TEXT, meta_text(call, "name")};
    eff_str subtype = meta_text(call, "subtype"), source = meta_text(call, "customer_file_source");
    struct eff_json_writer w;
    int64_t seq;

    if (!meta_account(call))
        return;
    if (cell.text.len == 0 || (subtype.len > 0 && !eff_str_is(subtype, "CUSTOM")) ||
        (!eff_str_is(source, "USER_PROVIDED_ONLY") &&
         !eff_str_is(source, "PARTNER_PROVIDED_ONLY") &&
         !eff_str_is(source, "BOTH_USER_AND_PARTNER_PROVIDED"))) {
        meta_error(call, 100, 0,
                   EFF_STR("(#100) name, subtype CUSTOM and customer_file_source are required"));
        return;
    }
    seq = eff_records_insert(call->world->records, meta_shape(call, "audiences"), &cell,
                             eff_world_now(call->world));
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "id", meta_id(call->arena, meta_shape(call, "audiences"), seq));
    eff_json_end_object(&w);
}

static bool
meta_asks(eff_str fields, const char *name)
{
    eff_str field;

    while (fields.len > 0) {
        eff_str_cut(fields, ',', &field, &fields);
        if (eff_str_is(field, name))
            return true;
    }
    return false;
}

/* As any node of the Graph: its id, and of the fields those that are asked for. */
static void
meta_get(struct eff_call *call)
{
    eff_str fields = meta_text(call, "fields");
    struct eff_record audience;
    struct eff_json_writer w;

    if (!meta_audience(call, &audience))
        return;
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "id", call->args[1]);
    if (meta_asks(fields, "name"))
        eff_json_field_str(&w, "name", audience.cells[0].text);
    if (meta_asks(fields, "operation_status")) {
        eff_json_key(&w, EFF_STR("operation_status"));
        eff_json_begin_object(&w);
        eff_json_field_int(&w, "code", 200);
        eff_json_field_str(&w, "description", EFF_STR("Normal"));
        eff_json_end_object(&w);
    }
    eff_json_end_object(&w);
}

static void
meta_delete(struct eff_call *call)
{
    struct eff_record audience;
    struct eff_json_writer w;

    if (!meta_audience(call, &audience))
        return;
    eff_records_delete(call->world->records, &audience, eff_world_now(call->world));
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("success"));
    eff_json_write_bool(&w, true);
    eff_json_end_object(&w);
}

/* ---- members ---- */

struct meta_upload {
    const struct eff_json *data;
    size_t columns[META_KEYS]; /* in a row of data: SIZE_MAX when the schema has not that key */
    size_t width;              /* keys in the schema */
    int64_t received, invalid;
    const struct eff_json *samples[META_SAMPLES];
};

static bool
meta_schema(struct eff_call *call, const struct eff_json *schema, struct meta_upload *upload)
{
    struct eff_json_iter iter = eff_json_iterate(schema);
    const struct eff_json *name = schema;
    bool list = eff_json_type(schema) == EFF_JSON_ARRAY;

    for (size_t i = 0; i < META_KEYS; i++)
        upload->columns[i] = SIZE_MAX;
    for (; list ? eff_json_next(&iter, NULL, &name) : upload->width == 0; upload->width++) {
        size_t k = 0;

        while (k < META_KEYS && !eff_str_is(eff_json_str(name), meta_keys[k].name))
            k++;
        if (k == META_KEYS || upload->columns[k] != SIZE_MAX) {
            meta_error(call, 100, 0,
                       eff_str_printf(call->arena, "(#100) Invalid schema: " EFF_STR_FMT,
                                      EFF_STR_ARG(eff_json_str(name))));
            return false;
        }
        upload->columns[k] = upload->width;
    }
    return true;
}

/* False: answered. */
static bool
meta_payload(struct eff_call *call, struct meta_upload *upload)
{
    const struct eff_json *payload = meta_arg(call, "payload");
    const struct eff_json *schema = eff_json_get(payload, EFF_STR("schema"));
    const struct eff_json *session = meta_arg(call, "session");

    upload->data = eff_json_get(payload, EFF_STR("data"));
    call->rows = eff_json_count(upload->data);
    if (schema == NULL || eff_json_type(upload->data) != EFF_JSON_ARRAY)
        meta_error(call, 100, 0, EFF_STR("(#100) Param payload must have schema and data"));
    else if (call->rows == 0 || call->rows > META_ROWS_MAX)
        meta_error(call, 100, 0, EFF_STR("(#100) data must have 1 to 10000 rows"));
    else if (session != NULL &&
             (eff_json_type(eff_json_get(session, EFF_STR("session_id"))) != EFF_JSON_NUMBER ||
              eff_json_type(eff_json_get(session, EFF_STR("batch_seq"))) != EFF_JSON_NUMBER))
        meta_error(call, 100, 0, EFF_STR("(#100) session must have session_id and batch_seq"));
    else
        return meta_schema(call, schema, upload);
    return false;
}

static bool
meta_hashed(eff_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!(text.ptr[i] >= '0' && text.ptr[i] <= '9') &&
            !(text.ptr[i] >= 'a' && text.ptr[i] <= 'f'))
            return false;
    return text.len == META_HASH_CHARS;
}

/* The row as cells of a member, behind the audience; false: it is invalid. */
static bool
meta_row(const struct meta_upload *upload, const struct eff_json *row, struct eff_cell *cells)
{
    bool some = false;

    if (eff_json_type(row) == EFF_JSON_ARRAY ? eff_json_count(row) != upload->width
                                             : upload->width != 1)
        return false;
    for (size_t k = 0; k < META_KEYS; k++) {
        struct eff_json_iter iter = eff_json_iterate(row);
        const struct eff_json *value = row;

        cells[k] = (struct eff_cell){.kind = EFF_CELL_NULL};
        if (upload->columns[k] == SIZE_MAX)
            continue;
        for (size_t i = 0; eff_json_type(row) == EFF_JSON_ARRAY && i <= upload->columns[k]; i++)
            eff_json_next(&iter, NULL, &value);
        if (eff_json_type(value) == EFF_JSON_ARRAY || eff_json_type(value) == EFF_JSON_OBJECT)
            return false;
        if (eff_json_str(value).len == 0)
            continue;
        if (!meta_keys[k].plain && !meta_hashed(eff_json_str(value)))
            return false;
        cells[k] = (struct eff_cell){EFF_CELL_TEXT, eff_json_str(value)};
        some = true;
    }
    return some;
}

/* Members with at least these identifiers; with `within`, those that have no others than these. */
static size_t
meta_find(struct eff_call *call, eff_str audience, const struct eff_cell *cells, bool within,
          struct eff_record *ret_records, size_t max)
{
    const struct eff_shape *members = meta_shape(call, "members");
    int64_t *seqs = eff_new(call->arena, int64_t, META_FIND_MAX);
    size_t first = 0, count, found = 0;

    while (cells[first].kind != EFF_CELL_TEXT)
        first++;
    count = eff_records_find(call->world->records, members, &members->fields[1 + first],
                             cells[first].text, seqs, META_FIND_MAX);
    for (size_t i = 0; i < count && found < max; i++) {
        struct eff_record record;
        bool same;

        if (!eff_records_get(call->world->records, members, seqs[i], call->arena, &record))
            continue;
        same = eff_str_eq(record.cells[0].text, audience);
        for (size_t k = 0; same && k < META_KEYS; k++) {
            struct eff_cell have = record.cells[1 + k];
            bool equal = cells[k].kind == EFF_CELL_TEXT && eff_str_eq(have.text, cells[k].text);

            same = equal || (within ? eff_cell_null(have) : cells[k].kind != EFF_CELL_TEXT);
        }
        if (same)
            ret_records[found++] = record;
    }
    return found;
}

static void
meta_change_member(struct eff_call *call, eff_str audience, struct eff_cell *cells, bool add)
{
    struct eff_arena before = *call->arena;
    struct eff_record *found = eff_new(call->arena, struct eff_record, META_FIND_MAX);
    size_t count = meta_find(call, audience, cells + 1, add, found, META_FIND_MAX);

    cells[0] = (struct eff_cell){EFF_CELL_TEXT, audience};
    if (add && count == 0)
        eff_records_insert(call->world->records, meta_shape(call, "members"), cells,
                           eff_world_now(call->world));
    else if (add) /* who is there already is known by more now */
        eff_records_update(call->world->records, &found[0], cells, eff_world_now(call->world), 0,
                           call->arena);
    for (size_t i = 0; !add && i < count; i++)
        eff_records_delete(call->world->records, &found[i], eff_world_now(call->world));
    *call->arena = before; // ten thousand rows may come at once
}

/* {"[\"...\"]": "..."}: some of the invalid rows, by their own JSON. */
static void
meta_write_samples(struct eff_json_writer *w, const struct meta_upload *upload)
{
    eff_json_key(w, EFF_STR("invalid_entry_samples"));
    eff_json_begin_object(w);
    for (size_t i = 0; i < META_SAMPLES && upload->samples[i] != NULL; i++) {
        struct eff_buf text = {0};

        eff_json_print(&text, upload->samples[i], false);
        eff_json_key(w, eff_buf_str(&text));
        eff_json_write_str(w, EFF_STR("Invalid hash"));
        eff_buf_free(&text);
    }
    eff_json_end_object(w);
}

static void
meta_answer_users(struct eff_call *call, const struct meta_upload *upload)
{
    const struct eff_json *session = meta_arg(call, "session");
    eff_str id = eff_json_str(eff_json_get(session, EFF_STR("session_id")));
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "audience_id", call->args[1]);
    eff_json_field_str(&w, "session_id", id.len > 0 ? id : EFF_STR("1"));
    eff_json_field_int(&w, "num_received", upload->received);
    eff_json_field_int(&w, "num_invalid_entries", upload->invalid);
    meta_write_samples(&w, upload);
    eff_json_end_object(&w);
}

static void
meta_users(struct eff_call *call)
{
    bool add = eff_str_is(call->method, "POST");
    struct meta_upload upload = {0};
    struct eff_cell *cells = eff_new(call->arena, struct eff_cell, 1 + META_KEYS);
    struct eff_record audience;
    struct eff_json_iter iter;
    const struct eff_json *row;

    if (!meta_audience(call, &audience) || !meta_payload(call, &upload))
        return;
    iter = eff_json_iterate(upload.data);
    for (size_t i = 0; eff_json_next(&iter, NULL, &row); i++) {
        upload.received++;
        if (meta_row(&upload, row, cells + 1) && !eff_call_row_fails(call, i, call->rows)) {
            meta_change_member(call, call->args[1], cells, add);
            continue;
        }
        call->refused++;
        if (upload.invalid < META_SAMPLES)
            upload.samples[upload.invalid] = row;
        upload.invalid++;
    }
    meta_answer_users(call, &upload);
}

/* What the user of the token was asked for, each with the answer. */
static void
meta_permissions(struct eff_call *call)
{
    static const char *const names[] = {"ads_read", "ads_management"};
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("data"));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        eff_json_begin_object(&w);
        eff_json_field_str(&w, "permission", eff_str_of(names[i]));
        eff_json_field_str(&w, "status",
                           call->world->settings.read_only && i == 1 ? EFF_STR("declined")
                                                                     : EFF_STR("granted"));
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
    eff_json_end_object(&w);
}

static const struct eff_route meta_routes[] = {
    {"GET", "/{}/me/permissions", meta_permissions, 0},
    {"POST", "/{}/{}/customaudiences", meta_create, 0},
    {"GET", "/{}/{}", meta_get, 0},
    {"DELETE", "/{}/{}", meta_delete, 0},
    {"POST", "/{}/{}/users", meta_users, EFF_ROUTE_WRITES},
    {"DELETE", "/{}/{}/users", meta_users, EFF_ROUTE_WRITES},
};

const struct eff_vendor eff_vendor_meta = {
    .name = "meta",
    .routes = meta_routes,
    .routes_count = sizeof(meta_routes) / sizeof(meta_routes[0]),
    .all_text = true,
    .quotas = {[EFF_QUOTA_BURST] = {.per_ms = 3600000}},
    .shapes = meta_shapes,
    .new_shape = meta_new_shape,
    .authorize = meta_authorize,
    .admit = meta_admit,
    .refuse = meta_refuse,
    .finish = meta_finish,
    .id = meta_id,
};
