/*
 * sandbox/salesforce_collections: up to 200 rows in one request.
 *
 * Results stand in the order of the request. Without allOrNone each row stands
 * for itself; with it, one bad row takes all others back.
 */
#include "sandbox/salesforce.h"

#include <stdalign.h>

#define COLLECTIONS_GET_MAX 2000 /* unconfirmed in destinations.md */

struct collections_request {
    const struct eff_json *records;
    size_t count;
    bool all_or_none;
    struct eff_sf_row *rows;
};

static bool
collections_too_many(struct eff_call *call, size_t count)
{
    if (count <= EFF_SF_ROWS_MAX)
        return false;
    eff_sf_error(call, 400, "EXCEEDED_ID_LIMIT",
                 eff_str_printf(call->arena,
                                "record limit reached. cannot submit more than %d records "
                                "in this call",
                                EFF_SF_ROWS_MAX));
    return true;
}

/* False when it has answered. */
static bool
collections_read(struct eff_call *call, struct collections_request *ret_request)
{
    struct eff_err err = {0};
    const struct eff_json *body = eff_call_json(call, &err);

    *ret_request = (struct collections_request){
        .records = eff_json_get(body, EFF_STR("records")),
        .all_or_none = eff_json_bool(eff_json_get(body, EFF_STR("allOrNone"))),
    };
    if (body == NULL || eff_json_type(ret_request->records) != EFF_JSON_ARRAY) {
        eff_sf_error(call, 400, "JSON_PARSER_ERROR",
                     eff_str_copy(call->arena,
                                  eff_str_of(body == NULL ? err.msg : "records must be a list")));
        return false;
    }
    ret_request->count = eff_json_count(ret_request->records);
    if (collections_too_many(call, ret_request->count))
        return false;
    ret_request->rows = eff_new(call->arena, struct eff_sf_row, ret_request->count + 1);
    return true;
}

/* The object type of one record; false when it has answered. */
static bool
collections_row_shape(struct eff_call *call, struct eff_sf_row *row, const struct eff_json *record,
                      const struct eff_shape *only)
{
    eff_str type = eff_json_str(eff_json_pointer(record, EFF_STR("/attributes/type")));

    row->shape = eff_shape_find(&call->world->shapes, type);
    if (type.len == 0 || row->shape == NULL) {
        eff_sf_error(call, 400, "INVALID_TYPE",
                     eff_str_printf(call->arena, "sObject type '" EFF_STR_FMT "' is not supported.",
                                    EFF_STR_ARG(eff_str_sub(type, 0, 100))));
        return false;
    }
    if (only != NULL && row->shape != only) {
        eff_sf_error(call, 400, "INVALID_TYPE",
                     EFF_STR("the type of a record is not the one of the URL"));
        return false;
    }
    return true;
}

/* Reads all rows before any is applied: an error of the request leaves nothing behind. */
static bool
collections_read_rows(struct eff_call *call, struct collections_request *request,
                      enum eff_sf_verb verb, const struct eff_shape *only,
                      const struct eff_field *key)
{
    struct eff_json_iter iter = eff_json_iterate(request->records);
    const struct eff_json *record;
    struct eff_sf_row *row = request->rows;

    for (; eff_json_next(&iter, NULL, &record); row++) {
        row->verb = verb;
        row->key = key;
        if (eff_json_type(record) != EFF_JSON_OBJECT) {
            eff_sf_error(call, 400, "JSON_PARSER_ERROR", EFF_STR("a record must be an object"));
            return false;
        }
        if (!collections_row_shape(call, row, record, only))
            return false;
        eff_sf_read_row(call, row, record);
        if (row->problem.whole) {
            eff_sf_refuse_row(call, &row->problem);
            return false;
        }
    }
    return true;
}

/* Rows that name the same external id in one request are all refused. */
void
eff_sf_mark_twin_keys(struct eff_call *call, struct eff_sf_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            struct eff_sf_row *both[2] = {&rows[i], &rows[j]};

            if (rows[i].key == NULL || rows[i].key_value.len == 0 ||
                !eff_str_eq_nocase(rows[i].key_value, rows[j].key_value) ||
                (eff_field_has(rows[i].key, EFF_FIELD_CASE) &&
                 !eff_str_eq(rows[i].key_value, rows[j].key_value)))
                continue;
            for (int k = 0; k < 2; k++)
                eff_sf_fail(call, &both[k]->problem, "DUPLICATE_VALUE", rows[i].key,
                            "Duplicate external id specified: " EFF_STR_FMT,
                            EFF_STR_ARG(eff_str_sub(rows[i].key_value, 0, 255)));
        }
    }
}

static void
collections_fault(struct eff_call *call, struct collections_request *request)
{
    const struct eff_effect *effect = &call->effect;
    const char *code =
        effect->code.len == 0 ? "UNABLE_TO_LOCK_ROW" : eff_str_c(call->arena, effect->code);
    eff_str message = effect->message.len == 0
                          ? EFF_STR("unable to obtain exclusive access to this record")
                          : effect->message;

    for (size_t i = 0; i < request->count; i++)
        if (eff_call_row_fails(call, i, request->count))
            eff_sf_fail(call, &request->rows[i].problem, code, NULL, EFF_STR_FMT,
                        EFF_STR_ARG(message));
}

static void
collections_roll_back(struct eff_call *call, struct collections_request *request)
{
    for (size_t i = 0; i < request->count; i++)
        eff_sf_fail(call, &request->rows[i].problem, "ALL_OR_NONE_OPERATION_ROLLED_BACK", NULL,
                    "Record rolled back because not all records were valid and the request was "
                    "using AllOrNone header");
}

static size_t
collections_refused(const struct collections_request *request)
{
    size_t refused = 0;

    for (size_t i = 0; i < request->count; i++)
        refused += request->rows[i].problem.code != NULL;
    return refused;
}

static void
collections_apply(struct eff_call *call, struct collections_request *request)
{
    size_t refused;

    collections_fault(call, request);
    eff_sf_mark_twin_keys(call, request->rows, request->count);
    eff_records_begin(call->world->records);
    for (size_t i = 0; i < request->count; i++)
        eff_sf_apply(call, &request->rows[i]);
    refused = collections_refused(request);
    if (refused != 0 && request->all_or_none) {
        eff_records_rollback(call->world->records);
        collections_roll_back(call, request);
        refused = request->count;
    } else {
        eff_records_commit(call->world->records);
    }
    call->rows += request->count;
    call->refused += refused;
}

static void
collections_write_result(struct eff_call *call, struct eff_json_writer *w,
                         const struct eff_sf_row *row)
{
    bool fine = row->problem.code == NULL;

    eff_json_begin_object(w);
    if (row->seq != 0 && row->shape != NULL && (fine || !row->created))
        eff_json_field_str(w, "id", eff_sf_id(call->arena, row->shape, row->seq));
    eff_json_key(w, EFF_STR("success"));
    eff_json_write_bool(w, fine);
    eff_json_key(w, EFF_STR("errors"));
    if (fine) {
        eff_json_begin_array(w);
        eff_json_end_array(w);
    } else {
        eff_sf_write_errors(w, &row->problem);
    }
    if (row->verb == EFF_SF_UPSERT && fine) {
        eff_json_key(w, EFF_STR("created"));
        eff_json_write_bool(w, row->created);
    }
    eff_json_end_object(w);
}

static void
collections_answer(struct eff_call *call, struct collections_request *request)
{
    struct eff_json_writer w;

    collections_apply(call, request);
    w = eff_call_answer(call, 200);
    eff_json_begin_array(&w);
    for (size_t i = 0; i < request->count; i++)
        collections_write_result(call, &w, &request->rows[i]);
    eff_json_end_array(&w);
}

void
eff_sf_rows_create(struct eff_call *call)
{
    struct collections_request request;

    if (collections_read(call, &request) &&
        collections_read_rows(call, &request, EFF_SF_INSERT, NULL, NULL))
        collections_answer(call, &request);
}

void
eff_sf_rows_update(struct eff_call *call)
{
    struct collections_request request;

    if (collections_read(call, &request) &&
        collections_read_rows(call, &request, EFF_SF_UPDATE, NULL, NULL))
        collections_answer(call, &request);
}

/* Records must not say their id, unless the key field is Id. */
static bool
collections_ids_fine(struct eff_call *call, const struct collections_request *request)
{
    for (size_t i = 0; i < request->count; i++) {
        if (request->rows[i].id.len == 0 || request->rows[i].key == NULL)
            continue;
        eff_sf_error(call, 400, "INVALID_FIELD",
                     EFF_STR("Id must not be specified in a record of an upsert"));
        return false;
    }
    return true;
}

void
eff_sf_rows_upsert(struct eff_call *call)
{
    const struct eff_shape *shape = eff_sf_shape(call, call->args[1]);
    const struct eff_field *key;
    struct collections_request request;

    if (shape == NULL)
        return;
    key = eff_shape_field(&call->world->shapes, shape, call->args[2]);
    if (key == NULL || (!eff_field_has(key, EFF_FIELD_KEY) && key->type != EFF_FIELD_ID)) {
        eff_sf_error(call, 404, "NOT_FOUND",
                     eff_str_printf(call->arena,
                                    "Provided external ID field does not exist or is "
                                    "not accessible: " EFF_STR_FMT,
                                    EFF_STR_ARG(call->args[2])));
        return;
    }
    if (key->type == EFF_FIELD_ID)
        key = NULL;
    if (collections_read(call, &request) &&
        collections_read_rows(call, &request, EFF_SF_UPSERT, shape, key) &&
        collections_ids_fine(call, &request))
        collections_answer(call, &request);
}

void
eff_sf_rows_delete(struct eff_call *call)
{
    eff_str ids = eff_call_param(call, "ids"), id, rest = ids;
    struct collections_request request = {
        .all_or_none = eff_str_eq_nocase(eff_call_param(call, "allOrNone"), EFF_STR("true"))};
    bool more = ids.len != 0;
    size_t count = more;

    for (size_t i = 0; i < ids.len; i++)
        count += ids.ptr[i] == ',';
    if (count == 0) {
        eff_sf_error(call, 400, "REQUIRED_FIELD_MISSING", EFF_STR("ids must be specified"));
        return;
    }
    if (collections_too_many(call, count))
        return;
    request.rows = eff_new(call->arena, struct eff_sf_row, count);
    while (more) {
        more = eff_str_cut(rest, ',', &id, &rest);
        request.rows[request.count++] =
            (struct eff_sf_row){.verb = EFF_SF_DELETE, .id = eff_str_trim(id)};
    }
    collections_answer(call, &request);
}

/* The records of the ids in that order, null where there is none. */
static void
collections_get(struct eff_call *call, const struct eff_shape *shape, size_t count,
                const eff_str *ids, size_t fields_count, const struct eff_field *const *fields)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_array(&w);
    for (size_t i = 0; i < count; i++) {
        const struct eff_shape *found = NULL;
        struct eff_record record;
        int64_t seq;

        if (eff_sf_seq(&call->world->shapes, ids[i], &found, &seq) && found == shape &&
            eff_records_get(call->world->records, shape, seq, call->arena, &record) &&
            !record.deleted)
            eff_sf_write_record(call, &w, &record, fields_count, fields);
        else
            eff_json_write_null(&w);
    }
    eff_json_end_array(&w);
}

void
eff_sf_rows_get(struct eff_call *call)
{
    const struct eff_shape *shape = eff_sf_shape(call, call->args[1]);
    eff_str ids = eff_call_param(call, "ids"), names = eff_call_param(call, "fields");
    const struct eff_field **fields;
    size_t count = 0, fields_count;
    bool more = ids.len != 0;
    eff_str *list;

    if (shape == NULL)
        return;
    if (ids.len == 0 || names.len == 0) {
        eff_sf_error(call, 400, "REQUIRED_FIELD_MISSING",
                     EFF_STR("ids and fields must be specified"));
        return;
    }
    fields = eff_sf_fields(call, shape, names, &fields_count);
    if (fields == NULL)
        return;
    list = eff_new(call->arena, eff_str, ids.len / 2 + 2);
    while (more)
        more = eff_str_cut(ids, ',', &list[count++], &ids);
    if (count > COLLECTIONS_GET_MAX)
        eff_sf_error(call, 400, "EXCEEDED_ID_LIMIT", EFF_STR("too many ids"));
    else
        collections_get(call, shape, count, list, fields_count, fields);
}

/* The texts of a list of texts, joined with commas. */
static eff_str
collections_join(struct eff_call *call, const struct eff_json *list)
{
    struct eff_json_iter iter = eff_json_iterate(list);
    const struct eff_json *value;
    struct eff_buf text = {0};
    eff_str joined;

    while (eff_json_next(&iter, NULL, &value)) {
        if (text.len != 0)
            eff_buf_add_char(&text, ',');
        eff_buf_add(&text, eff_json_str(value));
    }
    joined = eff_str_copy(call->arena, eff_buf_str(&text));
    eff_buf_free(&text);
    return joined;
}

void
eff_sf_rows_post_get(struct eff_call *call)
{
    const struct eff_shape *shape = eff_sf_shape(call, call->args[1]);
    struct eff_err err = {0};
    const struct eff_json *body = eff_call_json(call, &err), *value;
    struct eff_json_iter iter = eff_json_iterate(eff_json_get(body, EFF_STR("ids")));
    const struct eff_field **fields;
    size_t count = 0, fields_count, ids_count = eff_json_count(eff_json_get(body, EFF_STR("ids")));
    eff_str *ids, names = collections_join(call, eff_json_get(body, EFF_STR("fields")));

    if (shape == NULL)
        return;
    if (ids_count == 0 || names.len == 0 || ids_count > COLLECTIONS_GET_MAX) {
        eff_sf_error(call, 400, body == NULL ? "JSON_PARSER_ERROR" : "REQUIRED_FIELD_MISSING",
                     EFF_STR("ids (at most 2000) and fields must be specified"));
        return;
    }
    fields = eff_sf_fields(call, shape, names, &fields_count);
    if (fields == NULL)
        return;
    ids = eff_new(call->arena, eff_str, ids_count);
    while (eff_json_next(&iter, NULL, &value))
        ids[count++] = eff_json_str(value);
    collections_get(call, shape, count, ids, fields_count, fields);
}
