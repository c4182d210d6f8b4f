/*
 * sandbox/salesforce_rows: one row into the store, and the calls for one record.
 */
#include "sandbox/salesforce.h"

#include <stdalign.h>

/* Names of the required fields that would be without a value. */
static void
rows_check_required(struct eff_call *call, struct eff_sf_row *row, const struct eff_record *record)
{
    struct eff_buf names = {0};
    size_t count = 0;

    for (size_t i = 0; row->problem.code == NULL || count != 0; i++) {
        const struct eff_field *field = &row->shape->fields[i];
        struct eff_cell cell;

        if (i == row->shape->count)
            break;
        cell = row->cells[i];

        if (record != NULL && cell.kind == EFF_CELL_KEEP)
            cell = eff_cell_of(record, field);
        if (field->gone || !eff_field_has(field, EFF_FIELD_REQUIRED) || !eff_cell_null(cell))
            continue;
        eff_buf_addf(&names, "%s" EFF_STR_FMT, names.len == 0 ? "" : ", ",
                     EFF_STR_ARG(field->name));
        if (count == 0)
            eff_sf_fail(call, &row->problem, "REQUIRED_FIELD_MISSING", NULL, "%s", "");
        if (count++ < EFF_SF_FIELDS_MAX)
            row->problem.fields[row->problem.fields_count++] = field->name;
    }
    if (count != 0)
        row->problem.message =
            eff_str_printf(call->arena, "Required fields are missing: [" EFF_STR_FMT "]",
                           EFF_STR_ARG(eff_buf_str(&names)));
    eff_buf_free(&names);
}

static void
rows_check_unique(struct eff_call *call, struct eff_sf_row *row, int64_t own_seq)
{
    for (size_t i = 0; i < row->shape->count; i++) {
        const struct eff_field *field = &row->shape->fields[i];
        int64_t seqs[2];
        size_t count;

        if (field->gone || !eff_field_has(field, EFF_FIELD_UNIQUE) || eff_cell_null(row->cells[i]))
            continue;
        count =
            eff_records_find(call->world->records, row->shape, field, row->cells[i].text, seqs, 2);
        for (size_t s = 0; s < count; s++)
            if (seqs[s] != own_seq)
                eff_sf_fail(call, &row->problem, "DUPLICATE_VALUE", NULL,
                            "duplicate value found: " EFF_STR_FMT
                            " duplicates value on record with id: " EFF_STR_FMT,
                            EFF_STR_ARG(field->name),
                            EFF_STR_ARG(eff_sf_id(call->arena, row->shape, seqs[s])));
    }
}

static void
rows_insert(struct eff_call *call, struct eff_sf_row *row)
{
    for (size_t i = 0; i < row->shape->count; i++) {
        const struct eff_field *field = &row->shape->fields[i];
        bool flag = field->type == EFF_FIELD_BOOL;

        if (row->cells[i].kind == EFF_CELL_KEEP && field->fallback.ptr != NULL)
            row->cells[i] =
                (struct eff_cell){flag ? EFF_CELL_BOOL : EFF_CELL_TEXT, field->fallback};
    }
    rows_check_required(call, row, NULL);
    rows_check_unique(call, row, 0);
    if (row->problem.code != NULL)
        return;
    row->seq = eff_records_insert(call->world->records, row->shape, row->cells,
                                  eff_world_now(call->world));
    row->created = true;
}

static bool
rows_changes_nothing(const struct eff_sf_row *row)
{
    for (size_t i = 0; i < row->shape->count; i++)
        if (row->cells[i].kind != EFF_CELL_KEEP)
            return false;
    return true;
}

static void
rows_update(struct eff_call *call, struct eff_sf_row *row, int64_t seq)
{
    const struct eff_field *converted =
        eff_shape_field(&call->world->shapes, row->shape, EFF_STR("IsConverted"));
    struct eff_record record;

    if (!eff_records_get(call->world->records, row->shape, seq, call->arena, &record)) {
        eff_sf_fail(call, &row->problem, "NOT_FOUND", NULL,
                    "The requested resource does not exist");
        return;
    }
    row->seq = seq;
    if (record.deleted)
        eff_sf_fail(call, &row->problem, "ENTITY_IS_DELETED", NULL, "entity is deleted");
    if (converted != NULL && eff_str_is(eff_cell_of(&record, converted).text, "true"))
        eff_sf_fail(call, &row->problem, "CANNOT_UPDATE_CONVERTED_LEAD", NULL,
                    "cannot reference converted lead");
    rows_check_required(call, row, &record);
    rows_check_unique(call, row, seq);
    if (row->problem.code == NULL && !rows_changes_nothing(row))
        eff_records_update(call->world->records, &record, row->cells, eff_world_now(call->world), 0,
                           call->arena);
}

static void
rows_upsert(struct eff_call *call, struct eff_sf_row *row)
{
    size_t max = sizeof(row->twins) / sizeof(row->twins[0]);

    if (row->key == NULL) { // Id as the key field: only for what is to be created
        if (row->id.len != 0)
            eff_sf_fail(call, &row->problem, "INVALID_FIELD", NULL,
                        "a record id is no key of an upsert");
        else
            rows_insert(call, row);
        return;
    }
    if (row->key_value.len == 0) {
        eff_sf_fail(call, &row->problem, "MISSING_ARGUMENT", row->key, EFF_STR_FMT " not specified",
                    EFF_STR_ARG(row->key->name));
        return;
    }
    row->twins_count = eff_records_find(call->world->records, row->shape, row->key, row->key_value,
                                        row->twins, max);
    if (row->twins_count > 1)
        eff_sf_fail(call, &row->problem, "DUPLICATE_EXTERNAL_ID", row->key,
                    EFF_STR_FMT ": more than one record found for external id field: [" EFF_STR_FMT
                                ", " EFF_STR_FMT "]",
                    EFF_STR_ARG(row->key->name),
                    EFF_STR_ARG(eff_sf_id(call->arena, row->shape, row->twins[0])),
                    EFF_STR_ARG(eff_sf_id(call->arena, row->shape, row->twins[1])));
    else if (row->twins_count == 1)
        rows_update(call, row, row->twins[0]);
    else
        rows_insert(call, row);
}

/* The record that row->id means, or a problem. */
static bool
rows_find_id(struct eff_call *call, struct eff_sf_row *row, int64_t *ret_seq)
{
    const struct eff_shape *shape = NULL;

    if (row->id.len == 0)
        return eff_sf_fail(call, &row->problem, "MISSING_ARGUMENT", NULL,
                           "Id not specified in an update call");
    if (!eff_sf_seq(&call->world->shapes, row->id, &shape, ret_seq) ||
        (row->shape != NULL && shape != row->shape))
        return eff_sf_fail(call, &row->problem, "MALFORMED_ID", NULL, "malformed id " EFF_STR_FMT,
                           EFF_STR_ARG(eff_str_sub(row->id, 0, 60)));
    row->shape = shape;
    return true;
}

static void
rows_delete(struct eff_call *call, struct eff_sf_row *row, int64_t seq)
{
    struct eff_record record;

    row->seq = seq;
    if (!eff_records_get(call->world->records, row->shape, seq, call->arena, &record))
        eff_sf_fail(call, &row->problem, "NOT_FOUND", NULL,
                    "The requested resource does not exist");
    else if (record.deleted)
        eff_sf_fail(call, &row->problem, "ENTITY_IS_DELETED", NULL, "entity is deleted");
    else
        eff_records_delete(call->world->records, &record, eff_world_now(call->world));
}

void
eff_sf_apply(struct eff_call *call, struct eff_sf_row *row)
{
    int64_t seq = 0;

    if (row->problem.code != NULL)
        return;
    if (row->verb == EFF_SF_INSERT)
        rows_insert(call, row);
    else if (row->verb == EFF_SF_UPSERT)
        rows_upsert(call, row);
    else if (!rows_find_id(call, row, &seq))
        return;
    else if (row->verb == EFF_SF_UPDATE)
        rows_update(call, row, seq);
    else
        rows_delete(call, row, seq);
}

void
eff_sf_begin_record(struct eff_call *call, struct eff_json_writer *w,
                    const struct eff_record *record, size_t fields_count,
                    const struct eff_field *const *fields)
{
    const struct eff_shape *shape = record->shape;
    eff_str id = eff_sf_id(call->arena, shape, record->seq);

    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("attributes"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "type", shape->name);
    eff_json_field_str(
        w, "url",
        eff_str_printf(
            call->arena, "/services/data/v" EFF_STR_FMT "/sobjects/" EFF_STR_FMT "/" EFF_STR_FMT,
            EFF_STR_ARG(eff_sf_version(call)), EFF_STR_ARG(shape->name), EFF_STR_ARG(id)));
    eff_json_end_object(w);
    for (size_t i = 0; i < fields_count; i++) {
        eff_json_key(w, fields[i]->name);
        eff_cell_write(w, eff_sf_cell(call, record, fields[i]));
    }
}

void
eff_sf_write_record(struct eff_call *call, struct eff_json_writer *w,
                    const struct eff_record *record, size_t fields_count,
                    const struct eff_field *const *fields)
{
    eff_sf_begin_record(call, w, record, fields_count, fields);
    eff_json_end_object(w);
}

static bool
rows_has_field(const struct eff_field **fields, size_t count, const struct eff_field *field)
{
    for (size_t i = 0; i < count; i++)
        if (fields[i] == field)
            return true;
    return false;
}

const struct eff_field **
eff_sf_fields(struct eff_call *call, const struct eff_shape *shape, eff_str names,
              size_t *ret_count)
{
    const struct eff_field **fields = eff_new(call->arena, const struct eff_field *, shape->count);
    eff_str name, rest = names;
    bool more = names.len != 0;

    *ret_count = 0;
    for (size_t i = 0; names.len == 0 && i < shape->count; i++)
        if (!shape->fields[i].gone)
            fields[(*ret_count)++] = &shape->fields[i];
    while (more) {
        const struct eff_field *field;

        more = eff_str_cut(rest, ',', &name, &rest);
        field = eff_shape_field(&call->world->shapes, shape, eff_str_trim(name));
        if (field == NULL) {
            eff_sf_error(call, 400, "INVALID_FIELD",
                         eff_str_printf(call->arena,
                                        "No such column '" EFF_STR_FMT
                                        "' on sobject of type " EFF_STR_FMT,
                                        EFF_STR_ARG(name), EFF_STR_ARG(shape->name)));
            return NULL;
        }
        if (!rows_has_field(fields, *ret_count, field))
            fields[(*ret_count)++] = field;
    }
    return fields;
}

static void
rows_answer(struct eff_call *call, const struct eff_sf_row *row, int status, bool with_created)
{
    struct eff_json_writer w = eff_call_answer(call, status);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "id", eff_sf_id(call->arena, row->shape, row->seq));
    eff_json_key(&w, EFF_STR("success"));
    eff_json_write_bool(&w, true);
    eff_json_key(&w, EFF_STR("errors"));
    eff_json_begin_array(&w);
    eff_json_end_array(&w);
    if (with_created) {
        eff_json_key(&w, EFF_STR("created"));
        eff_json_write_bool(&w, row->created);
    }
    eff_json_end_object(&w);
}

/* A fault that refuses rows refuses the one row of these calls. */
static void
rows_apply_one(struct eff_call *call, struct eff_sf_row *row)
{
    call->rows++;
    if (row->problem.code == NULL && eff_call_row_fails(call, 0, 1))
        eff_sf_fail(call, &row->problem,
                    call->effect.code.len == 0 ? "UNABLE_TO_LOCK_ROW"
                                               : eff_str_c(call->arena, call->effect.code),
                    NULL, EFF_STR_FMT,
                    EFF_STR_ARG(call->effect.message.len == 0
                                    ? EFF_STR("unable to obtain exclusive access to this record")
                                    : call->effect.message));
    eff_sf_apply(call, row);
    call->refused += row->problem.code != NULL;
}

/* The body as an object, and its values in the row; false when it has answered. */
static bool
rows_read_body(struct eff_call *call, struct eff_sf_row *row)
{
    struct eff_err err = {0};
    const struct eff_json *body = eff_call_json(call, &err);

    if (eff_json_type(body) != EFF_JSON_OBJECT) {
        eff_sf_error(
            call, 400, "JSON_PARSER_ERROR",
            eff_str_copy(call->arena, eff_str_of(body == NULL ? err.msg : "expected an object")));
        return false;
    }
    eff_sf_read_row(call, row, body);
    return true;
}

void
eff_sf_create(struct eff_call *call)
{
    struct eff_sf_row row = {.verb = EFF_SF_INSERT, .shape = eff_sf_shape(call, call->args[1])};

    if (row.shape == NULL || !rows_read_body(call, &row))
        return;
    rows_apply_one(call, &row);
    if (row.problem.code != NULL)
        eff_sf_refuse_row(call, &row.problem);
    else
        rows_answer(call, &row, 201, false);
}

static void
rows_get(struct eff_call *call, const struct eff_shape *shape, int64_t seq)
{
    struct eff_json_writer w;
    struct eff_record record;
    const struct eff_field **fields;
    size_t count;

    if (!eff_records_get(call->world->records, shape, seq, call->arena, &record) ||
        record.deleted) {
        eff_sf_error(call, 404, "NOT_FOUND", EFF_STR("The requested resource does not exist"));
        return;
    }
    fields = eff_sf_fields(call, shape, eff_call_param(call, "fields"), &count);
    if (fields == NULL)
        return;
    w = eff_call_answer(call, 200);
    eff_sf_write_record(call, &w, &record, count, fields);
}

/* /sobjects/X/ID: the shape and number, or an answer. */
static bool
rows_of_path(struct eff_call *call, const struct eff_shape **ret_shape, int64_t *ret_seq)
{
    const struct eff_shape *shape = eff_sf_shape(call, call->args[1]), *found = NULL;

    if (shape == NULL)
        return false;
    if (!eff_sf_seq(&call->world->shapes, call->args[2], &found, ret_seq) || found != shape) {
        eff_sf_error(call, 404, "NOT_FOUND",
                     EFF_STR("Provided external ID field does not exist or is not accessible"));
        return false;
    }
    *ret_shape = shape;
    return true;
}

void
eff_sf_get(struct eff_call *call)
{
    const struct eff_shape *shape;
    int64_t seq;

    if (rows_of_path(call, &shape, &seq))
        rows_get(call, shape, seq);
}

void
eff_sf_update(struct eff_call *call)
{
    struct eff_sf_row row = {.verb = EFF_SF_UPDATE};
    int64_t seq;

    if (!rows_of_path(call, &row.shape, &seq) || !rows_read_body(call, &row))
        return;
    if (row.id.len != 0)
        eff_sf_fail(call, &row.problem, "INVALID_FIELD", NULL,
                    "The Id field should not be specified in the sobject data.");
    row.id = call->args[2];
    rows_apply_one(call, &row);
    if (row.problem.code != NULL)
        eff_sf_refuse_row(call, &row.problem);
    else
        eff_call_empty(call, 204);
}

void
eff_sf_delete(struct eff_call *call)
{
    struct eff_sf_row row = {.verb = EFF_SF_DELETE};
    int64_t seq;

    if (!rows_of_path(call, &row.shape, &seq))
        return;
    row.id = call->args[2];
    rows_apply_one(call, &row);
    if (row.problem.code != NULL)
        eff_sf_refuse_row(call, &row.problem);
    else
        eff_call_empty(call, 204);
}

/* /sobjects/X/FIELD/VALUE: NULL when it has answered. */
static const struct eff_field *
rows_key_of_path(struct eff_call *call, const struct eff_shape *shape)
{
    const struct eff_field *key = eff_shape_field(&call->world->shapes, shape, call->args[2]);

    // Values with some endings are taken for file names by the vendor's front end [D].
    if (key == NULL || !eff_field_has(key, EFF_FIELD_KEY) ||
        eff_str_ends(call->args[3], EFF_STR(".inc"))) {
        eff_sf_error(call, 404, "NOT_FOUND",
                     eff_str_printf(call->arena,
                                    "Provided external ID field does not exist or is "
                                    "not accessible: " EFF_STR_FMT,
                                    EFF_STR_ARG(call->args[2])));
        return NULL;
    }
    return key;
}

static void
rows_answer_twins(struct eff_call *call, const struct eff_shape *shape, const int64_t *seqs,
                  size_t count)
{
    struct eff_json_writer w = eff_call_answer(call, 300);

    eff_json_begin_array(&w);
    for (size_t i = 0; i < count; i++)
        eff_json_write_str(&w, eff_str_printf(call->arena,
                                              "/services/data/v" EFF_STR_FMT
                                              "/sobjects/" EFF_STR_FMT "/" EFF_STR_FMT,
                                              EFF_STR_ARG(eff_sf_version(call)),
                                              EFF_STR_ARG(shape->name),
                                              EFF_STR_ARG(eff_sf_id(call->arena, shape, seqs[i]))));
    eff_json_end_array(&w);
}

/* One record by its external id; false when it has answered 300 or 404. */
static bool
rows_find_by_key(struct eff_call *call, const struct eff_shape **ret_shape, int64_t *ret_seq)
{
    const struct eff_shape *shape = eff_sf_shape(call, call->args[1]);
    const struct eff_field *key = shape == NULL ? NULL : rows_key_of_path(call, shape);
    int64_t seqs[8];
    size_t count;

    if (key == NULL)
        return false;
    count =
        eff_records_find(call->world->records, shape, key, eff_str_trim(call->args[3]), seqs, 8);
    if (count > 1)
        rows_answer_twins(call, shape, seqs, count);
    else if (count == 0)
        eff_sf_error(call, 404, "NOT_FOUND", EFF_STR("The requested resource does not exist"));
    *ret_shape = shape;
    *ret_seq = seqs[0];
    return count == 1;
}

void
eff_sf_get_by_key(struct eff_call *call)
{
    const struct eff_shape *shape;
    int64_t seq;

    if (rows_find_by_key(call, &shape, &seq))
        rows_get(call, shape, seq);
}

void
eff_sf_delete_by_key(struct eff_call *call)
{
    struct eff_sf_row row = {.verb = EFF_SF_DELETE};
    int64_t seq;

    if (!rows_find_by_key(call, &row.shape, &seq))
        return;
    row.id = eff_sf_id(call->arena, row.shape, seq);
    rows_apply_one(call, &row);
    if (row.problem.code != NULL)
        eff_sf_refuse_row(call, &row.problem);
    else
        eff_call_empty(call, 204);
}

void
eff_sf_upsert_by_key(struct eff_call *call)
{
    struct eff_sf_row row = {.verb = EFF_SF_UPSERT, .shape = eff_sf_shape(call, call->args[1])};
    int64_t version = 0;

    if (row.shape == NULL || (row.key = rows_key_of_path(call, row.shape)) == NULL)
        return;
    row.cells = eff_new(call->arena, struct eff_cell, row.shape->count);
    row.key_value = eff_str_trim(call->args[3]);
    if (!rows_read_body(call, &row))
        return;
    if (row.cells[row.key->slot].kind != EFF_CELL_KEEP)
        eff_sf_fail(call, &row.problem, "INVALID_FIELD", row.key,
                    "The " EFF_STR_FMT " field should not be specified in the sobject data.",
                    EFF_STR_ARG(row.key->name));
    eff_sf_value(call, row.key, NULL, row.key_value, &row.cells[row.key->slot], &row.problem);
    rows_apply_one(call, &row);
    eff_str_int(eff_str_sub(eff_sf_version(call), 0, eff_str_find_char(eff_sf_version(call), '.')),
                &version);
    if (row.twins_count > 1)
        rows_answer_twins(call, row.shape, row.twins, row.twins_count);
    else if (row.problem.code != NULL)
        eff_sf_refuse_row(call, &row.problem);
    else if (row.created || version >= 46) // since v46 an update is answered with a body, too
        rows_answer(call, &row, row.created ? 201 : 200, true);
    else
        eff_call_empty(call, 204);
}
