/*
 * sandbox/hubspot_batch: up to 100 records in one request.
 *
 * A bad property name or value refuses the whole request (400, nothing written),
 * unless the setting row_validation says otherwise. What concerns one record,
 * such as a conflict of unique values or a missing record, is an error beside
 * the results (207) where every input carries an objectWriteTraceId; without
 * those, a conflict refuses the whole request, too (409), as people report.
 */
#include "sandbox/hubspot.h"

#include <stdalign.h>

enum batch_verb { BATCH_CREATE, BATCH_UPDATE, BATCH_UPSERT };

struct batch_row {
    const struct eff_json *input;
    eff_str trace; /* objectWriteTraceId */
    eff_str id;
    struct eff_cell *cells;
    const char *category; /* NULL: fine */
    eff_str message;
    bool created;
    struct eff_record record;
};

struct batch {
    struct eff_call *call;
    enum batch_verb verb;
    const struct eff_shape *shape;
    const struct eff_field *key; /* NULL: by record id */
    size_t count;
    struct batch_row *rows;
    bool traced; /* every input has an objectWriteTraceId */
};

static void
batch_refuse_row(struct batch_row *row, const char *category, eff_str message)
{
    if (row->category != NULL)
        return;
    row->category = category;
    row->message = message;
}

/* Two inputs that mean the same record are refused together with all others. */
static bool
batch_has_twins(struct batch *batch)
{
    for (size_t i = 0; batch->verb != BATCH_CREATE && i < batch->count; i++) {
        for (size_t j = i + 1; j < batch->count; j++) {
            if (!eff_str_eq_nocase(batch->rows[i].id, batch->rows[j].id))
                continue;
            eff_hs_error(batch->call, 400, "VALIDATION_ERROR",
                         eff_str_printf(batch->call->arena,
                                        "Duplicate IDs found in batch input: [" EFF_STR_FMT
                                        "]. IDs must be unique",
                                        EFF_STR_ARG(eff_str_sub(batch->rows[i].id, 0, 255))));
            return true;
        }
    }
    return false;
}

/* All inputs name the same property to find records by, or none; false when it has answered. */
static bool
batch_read_key(struct batch *batch)
{
    eff_str first = eff_json_str(eff_json_get(batch->rows[0].input, EFF_STR("idProperty")));

    if (first.len == 0)
        first = eff_call_param(batch->call, "idProperty");
    for (size_t i = 1; i < batch->count; i++) {
        eff_str other = eff_json_str(eff_json_get(batch->rows[i].input, EFF_STR("idProperty")));

        if (other.len != 0 && !eff_str_eq(first, other)) {
            eff_hs_error(batch->call, 400, "VALIDATION_ERROR",
                         EFF_STR("All inputs must use the same idProperty"));
            return false;
        }
    }
    if (batch->verb == BATCH_CREATE || (first.len == 0 && batch->verb == BATCH_UPDATE))
        return true;
    if (first.len == 0) {
        eff_hs_error(batch->call, 400, "VALIDATION_ERROR",
                     EFF_STR("idProperty is required in each input of an upsert"));
        return false;
    }
    batch->key = eff_hs_key(batch->call, batch->shape, first);
    return batch->key != NULL;
}

static void
batch_read_row(struct batch *batch, struct batch_row *row, struct eff_hs_problems *problems)
{
    struct eff_call *call = batch->call;
    struct eff_hs_problems own = {0};
    bool apart = call->world->settings.row_validation;

    row->cells = eff_new(call->arena, struct eff_cell, batch->shape->count);
    eff_hs_read(call, batch->shape, eff_json_get(row->input, EFF_STR("properties")), row->cells,
                apart ? &own : problems);
    if (own.count != 0)
        batch_refuse_row(row, "VALIDATION_ERROR", own.at[0].message);
    if (batch->verb == BATCH_UPSERT && row->cells[batch->key->slot].kind == EFF_CELL_KEEP &&
        row->id.len != 0) {
        struct eff_buf text = {0};
        struct eff_json_writer w = {.buf = &text};
        const struct eff_json *properties = NULL;
        struct eff_err err = {0};

        // The key's value must be as valid as any: it is read the same way.
        eff_json_begin_object(&w);
        eff_json_field_str(&w, eff_str_c(call->arena, batch->key->name), row->id);
        eff_json_end_object(&w);
        if (eff_json_parse(eff_buf_str(&text), call->arena, &properties, &err) == EFF_OK &&
            !eff_hs_read(call, batch->shape, properties, row->cells, apart ? &own : problems) &&
            own.count != 0)
            batch_refuse_row(row, "VALIDATION_ERROR", own.at[0].message);
        eff_buf_free(&text);
    }
}

/* Reads everything before anything is written; false when it has answered. */
static bool
batch_read(struct batch *batch, const struct eff_json *inputs)
{
    struct eff_json_iter iter = eff_json_iterate(inputs);
    struct eff_hs_problems problems = {0};
    const struct eff_json *input;

    batch->count = eff_json_count(inputs);
    batch->rows = eff_new(batch->call->arena, struct batch_row, batch->count);
    batch->traced = true;
    for (struct batch_row *row = batch->rows; eff_json_next(&iter, NULL, &input); row++) {
        row->input = input;
        row->trace = eff_json_str(eff_json_get(input, EFF_STR("objectWriteTraceId")));
        row->id = eff_str_trim(eff_json_str(eff_json_get(input, EFF_STR("id"))));
        batch->traced = batch->traced && row->trace.len != 0;
        if (eff_json_type(input) != EFF_JSON_OBJECT ||
            (batch->verb != BATCH_CREATE && row->id.len == 0) ||
            eff_json_type(eff_json_get(input, EFF_STR("properties"))) != EFF_JSON_OBJECT) {
            eff_hs_error(
                batch->call, 400, "VALIDATION_ERROR",
                EFF_STR("Invalid input JSON: some required fields were not set: [id, properties]"));
            return false;
        }
    }
    if (!batch_read_key(batch) || batch_has_twins(batch))
        return false;
    for (size_t i = 0; i < batch->count; i++)
        batch_read_row(batch, &batch->rows[i], &problems);
    if (problems.count == 0)
        return true;
    batch->call->refused += batch->count;
    eff_hs_refuse_values(batch->call, &problems);
    return false;
}

static void
batch_find(struct batch *batch, struct batch_row *row)
{
    eff_str property = batch->key == NULL ? EFF_STR("") : batch->key->name;
    struct eff_record record;

    if (batch->verb == BATCH_CREATE)
        return;
    if (eff_hs_find(batch->call, batch->shape, row->id, property, &record) > 0)
        row->record = record;
    else if (batch->verb == BATCH_UPDATE)
        batch_refuse_row(row, "OBJECT_NOT_FOUND",
                         EFF_STR("Could not get some objects, they may be deleted or not exist. "
                                 "Check that ids are valid."));
}

static void
batch_apply_row(struct batch *batch, struct batch_row *row)
{
    struct eff_call *call = batch->call;
    struct eff_hs_problems problems = {0};
    const struct eff_field *field;
    int64_t other;

    if (row->category == NULL)
        batch_find(batch, row);
    if (row->category != NULL)
        return;
    row->created = row->record.seq == 0;
    if (row->created && !eff_hs_check_required(call, batch->shape, row->cells, &problems)) {
        batch_refuse_row(row, "VALIDATION_ERROR", problems.at[0].message);
        return;
    }
    other = eff_hs_conflict(call, batch->shape, row->cells, row->record.seq, &field);
    if (other != 0) {
        batch_refuse_row(row, "CONFLICT", eff_hs_conflict_text(call, batch->shape, other));
        return;
    }
    eff_hs_store(call, batch->shape, &row->record, row->cells);
    if (row->created)
        eff_hs_link_new(call, batch->shape, row->record.seq,
                        eff_json_get(row->input, EFF_STR("associations")));
}

static void
batch_fault(struct batch *batch)
{
    struct eff_call *call = batch->call;
    const char *code =
        call->effect.code.len == 0 ? "VALIDATION_ERROR" : eff_str_c(call->arena, call->effect.code);

    for (size_t i = 0; i < batch->count; i++)
        if (eff_call_row_fails(call, i, batch->count))
            batch_refuse_row(&batch->rows[i], code,
                             call->effect.message.len == 0 ? EFF_STR("refused on request")
                                                           : call->effect.message);
}

static void
batch_write_error(struct eff_json_writer *w, const struct batch_row *row)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, "status", EFF_STR("error"));
    eff_json_field_str(w, "category", eff_str_of(row->category));
    eff_json_field_str(w, "message", row->message);
    eff_json_key(w, EFF_STR("context"));
    eff_json_begin_object(w);
    if (row->id.len != 0) {
        eff_json_key(w, EFF_STR("ids"));
        eff_json_begin_array(w);
        eff_json_write_str(w, row->id);
        eff_json_end_array(w);
    }
    if (row->trace.len != 0) {
        eff_json_key(w, EFF_STR("objectWriteTraceId"));
        eff_json_begin_array(w);
        eff_json_write_str(w, row->trace);
        eff_json_end_array(w);
    }
    eff_json_end_object(w);
    eff_json_end_object(w);
}

static void
batch_write_result(struct batch *batch, struct eff_json_writer *w, const struct batch_row *row)
{
    eff_json_begin_object(w);
    eff_hs_write_record(batch->call, w, &row->record, NULL);
    if (batch->verb == BATCH_UPSERT) {
        eff_json_key(w, EFF_STR("new"));
        eff_json_write_bool(w, row->created);
    }
    if (row->trace.len != 0)
        eff_json_field_str(w, "objectWriteTraceId", row->trace);
    eff_json_end_object(w);
}

/* Results are not promised in the order of the inputs: here, some are turned round on request. */
static size_t
batch_place(const struct batch *batch, size_t index)
{
    return batch->call->world->settings.shuffle ? batch->count - 1 - index : index;
}

static void
batch_answer(struct batch *batch, size_t refused)
{
    int fine = batch->verb == BATCH_CREATE ? 201 : 200;
    struct eff_json_writer w = eff_hs_begin_batch(batch->call, refused == 0 ? fine : 207);

    for (size_t i = 0; i < batch->count; i++)
        if (batch->rows[batch_place(batch, i)].category == NULL)
            batch_write_result(batch, &w, &batch->rows[batch_place(batch, i)]);
    eff_json_end_array(&w);
    if (refused != 0) {
        eff_json_field_int(&w, "numErrors", (int64_t)refused);
        eff_json_key(&w, EFF_STR("errors"));
        eff_json_begin_array(&w);
        for (size_t i = 0; i < batch->count; i++)
            if (batch->rows[batch_place(batch, i)].category != NULL)
                batch_write_error(&w, &batch->rows[batch_place(batch, i)]);
        eff_json_end_array(&w);
    }
    eff_hs_end_batch(batch->call, &w);
}

/* The first row whose error refuses the whole request, or NULL. */
static const struct batch_row *
batch_sinker(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count && !batch->traced; i++)
        if (batch->rows[i].category != NULL &&
            eff_str_is(eff_str_of(batch->rows[i].category), "CONFLICT"))
            return &batch->rows[i];
    return NULL;
}

static void
batch_apply(struct batch *batch)
{
    struct eff_records *records = batch->call->world->records;
    const struct batch_row *sinker;
    size_t refused = 0;

    batch_fault(batch);
    eff_records_begin(records);
    for (size_t i = 0; i < batch->count; i++)
        batch_apply_row(batch, &batch->rows[i]);
    sinker = batch_sinker(batch);
    if (sinker != NULL) {
        eff_records_rollback(records);
        batch->call->refused += batch->count;
        eff_hs_error(batch->call, 409, sinker->category, sinker->message);
        return;
    }
    eff_records_commit(records);
    for (size_t i = 0; i < batch->count; i++)
        refused += batch->rows[i].category != NULL;
    batch->call->refused += refused;
    batch_answer(batch, refused);
}

static void
batch_write(struct eff_call *call, enum batch_verb verb)
{
    struct batch batch = {.call = call, .verb = verb, .shape = eff_hs_shape(call, call->args[0])};
    const struct eff_json *inputs;

    if (batch.shape == NULL)
        return;
    inputs = eff_hs_inputs(call, eff_hs_body(call), EFF_HS_BATCH_MAX);
    if (inputs == NULL)
        return;
    call->rows += eff_json_count(inputs);
    if (batch_read(&batch, inputs))
        batch_apply(&batch);
}

void
eff_hs_batch_create(struct eff_call *call)
{
    batch_write(call, BATCH_CREATE);
}

void
eff_hs_batch_update(struct eff_call *call)
{
    batch_write(call, BATCH_UPDATE);
}

void
eff_hs_batch_upsert(struct eff_call *call)
{
    batch_write(call, BATCH_UPSERT);
}

void
eff_hs_batch_archive(struct eff_call *call)
{
    const struct eff_shape *shape = eff_hs_shape(call, call->args[0]);
    const struct eff_json *inputs =
        shape == NULL ? NULL : eff_hs_inputs(call, eff_hs_body(call), EFF_HS_BATCH_MAX);
    struct eff_json_iter iter = eff_json_iterate(inputs);
    const struct eff_json *input;
    struct eff_record record;

    if (inputs == NULL)
        return;
    call->rows += eff_json_count(inputs);
    while (eff_json_next(&iter, NULL, &input)) {
        eff_str id = eff_json_str(eff_json_get(input, EFF_STR("id")));

        if (eff_hs_find(call, shape, id, EFF_STR(""), &record) > 0)
            eff_records_delete(call->world->records, &record, eff_world_now(call->world));
    }
    eff_call_empty(call, 204); // ids that are not there are no error
}

/* All ids that were not found are told in one error. */
static void
batch_write_missing(struct eff_call *call, struct eff_json_writer *w, size_t count,
                    const eff_str *missing)
{
    call->status = 207;
    eff_json_field_int(w, "numErrors", 1);
    eff_json_key(w, EFF_STR("errors"));
    eff_json_begin_array(w);
    eff_json_begin_object(w);
    eff_json_field_str(w, "status", EFF_STR("error"));
    eff_json_field_str(w, "category", EFF_STR("OBJECT_NOT_FOUND"));
    eff_json_field_str(w, "message",
                       EFF_STR("Could not get some objects, they may be deleted or not "
                               "exist. Check that ids are valid."));
    eff_json_key(w, EFF_STR("context"));
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("ids"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < count; i++)
        eff_json_write_str(w, missing[i]);
    eff_json_end_array(w);
    eff_json_end_object(w);
    eff_json_end_object(w);
    eff_json_end_array(w);
}

void
eff_hs_batch_read(struct eff_call *call)
{
    const struct eff_shape *shape = eff_hs_shape(call, call->args[0]);
    const struct eff_json *body = shape == NULL ? NULL : eff_hs_body(call), *input;
    const struct eff_json *inputs = eff_hs_inputs(call, body, EFF_HS_BATCH_MAX);
    eff_str property = eff_json_str(eff_json_get(body, EFF_STR("idProperty")));
    struct eff_json_iter iter = eff_json_iterate(inputs);
    eff_str missing[EFF_HS_BATCH_MAX];
    size_t missing_count = 0;
    struct eff_hs_view view;
    struct eff_json_writer w;

    if (inputs == NULL)
        return;
    if (property.len != 0 && !eff_str_is(property, "hs_object_id") &&
        eff_hs_key(call, shape, property) == NULL)
        return;
    view = eff_hs_view_of(call, shape, eff_json_get(body, EFF_STR("properties")));
    w = eff_hs_begin_batch(call, 200);
    while (eff_json_next(&iter, NULL, &input)) {
        eff_str id = eff_json_str(eff_json_get(input, EFF_STR("id")));
        struct eff_record record;

        if (eff_hs_find(call, shape, id, property, &record) <= 0) {
            missing[missing_count++] = id;
            continue;
        }
        eff_json_begin_object(&w);
        eff_hs_write_record(call, &w, &record, &view);
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
    if (missing_count != 0)
        batch_write_missing(call, &w, missing_count, missing);
    eff_hs_end_batch(call, &w);
}
