/*
 * sandbox/hubspot_objects: one record at a time, and lists of them.
 */
#include "sandbox/hubspot.h"

#include <stdalign.h>

#define LIST_MAX 100

/* What a read shows when it names no properties. */
static const char *const objects_defaults[] = {
    "hs_object_id",
    "createdate",
    "lastmodifieddate",
    "hs_lastmodifieddate",
    "email",
    "firstname",
    "lastname",
    "name",
    "domain",
    "dealname",
    "amount",
    "closedate",
    "dealstage",
    "pipeline",
    "subject",
    "content",
    "hs_pipeline",
    "hs_pipeline_stage",
    "hs_ticket_priority",
    "hs_ticket_category",
};

static void
objects_view_add(struct eff_hs_view *view, const struct eff_field *field)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->fields[i] == field)
            return;
    if (field != NULL)
        view->fields[view->count++] = field;
}

struct eff_hs_view
eff_hs_view_of(struct eff_call *call, const struct eff_shape *shape, const struct eff_json *names)
{
    const struct eff_shapes *shapes = &call->world->shapes;
    struct eff_json_iter iter = eff_json_iterate(names);
    struct eff_hs_view view = {
        .fields = eff_new(call->arena, const struct eff_field *, shape->count + 1)};
    const struct eff_json *name;

    for (size_t i = 0; i < (names == NULL ? sizeof(objects_defaults) / sizeof(char *) : 3); i++)
        objects_view_add(&view, eff_shape_field(shapes, shape, eff_str_of(objects_defaults[i])));
    if (names != NULL && !eff_str_is(shape->prefix, "0-1"))
        objects_view_add(&view, eff_shape_field(shapes, shape, EFF_STR("hs_lastmodifieddate")));
    while (eff_json_next(&iter, NULL, &name)) // names that do not exist are left out
        objects_view_add(&view, eff_shape_field(shapes, shape, eff_json_str(name)));
    return view;
}

/* ?properties=a,b or ?properties=a&properties=b */
static struct eff_hs_view
objects_view_of_query(struct eff_call *call, const struct eff_shape *shape)
{
    struct eff_buf text = {0};
    struct eff_json_writer w = {.buf = &text};
    eff_str pair, rest = call->query, key, value, name;
    const struct eff_json *names = NULL;
    struct eff_err err = {0};
    bool more = call->query.len != 0, some = false;

    eff_json_begin_array(&w);
    while (more) {
        more = eff_str_cut(rest, '&', &pair, &rest);
        if (!eff_str_cut(pair, '=', &key, &value) || !eff_str_is(key, "properties") ||
            !eff_call_decode(call->arena, value, true, &value))
            continue;
        some = true;
        while (eff_str_cut(value, ',', &name, &value))
            eff_json_write_str(&w, eff_str_trim(name));
        eff_json_write_str(&w, eff_str_trim(name));
    }
    eff_json_end_array(&w);
    if (some)
        eff_json_parse(eff_buf_str(&text), call->arena, &names, &err);
    eff_buf_free(&text);
    return eff_hs_view_of(call, shape, names);
}

void
eff_hs_write_record(struct eff_call *call, struct eff_json_writer *w,
                    const struct eff_record *record, const struct eff_hs_view *view)
{
    const struct eff_shape *shape = record->shape;

    eff_json_field_str(w, "id", eff_hs_id(call->arena, shape, record->seq));
    eff_json_key(w, EFF_STR("properties"));
    eff_json_begin_object(w);
    for (size_t i = 0; view != NULL && i < view->count; i++) {
        eff_json_key(w, view->fields[i]->name);
        eff_cell_write(w, eff_hs_cell(call, record, view->fields[i]));
    }
    for (size_t i = 0; view == NULL && i < shape->count; i++) {
        struct eff_cell cell = eff_hs_cell(call, record, &shape->fields[i]);

        if (shape->fields[i].gone || eff_cell_null(cell))
            continue;
        eff_json_key(w, shape->fields[i].name);
        eff_cell_write(w, cell);
    }
    eff_json_end_object(w);
    eff_json_field_str(w, "createdAt", eff_hs_time(call, record->created_ms));
    eff_json_field_str(w, "updatedAt", eff_hs_time(call, record->updated_ms));
    eff_json_key(w, EFF_STR("archived"));
    eff_json_write_bool(w, record->deleted);
    if (record->deleted)
        eff_json_field_str(w, "archivedAt", eff_hs_time(call, record->updated_ms));
}

const struct eff_field *
eff_hs_key(struct eff_call *call, const struct eff_shape *shape, eff_str id_property)
{
    const struct eff_field *key = eff_shape_field(&call->world->shapes, shape, id_property);

    if (key != NULL && eff_field_has(key, EFF_FIELD_UNIQUE))
        return key;
    eff_hs_error(call, 400, "VALIDATION_ERROR",
                 eff_str_printf(call->arena,
                                "Unable to perform update/upsert by non-unique " EFF_STR_FMT
                                " property " EFF_STR_FMT " in portal ID 1",
                                EFF_STR_ARG(shape->prefix),
                                EFF_STR_ARG(eff_str_sub(id_property, 0, 100))));
    return NULL;
}

int
eff_hs_find(struct eff_call *call, const struct eff_shape *shape, eff_str id, eff_str id_property,
            struct eff_record *ret_record)
{
    const struct eff_field *key;
    int64_t seq;

    if (id_property.len == 0 || eff_str_is(id_property, "hs_object_id")) {
        if (!eff_hs_seq(id, &seq))
            return 0;
    } else {
        key = eff_hs_key(call, shape, id_property);
        if (key == NULL)
            return -1;
        if (eff_records_find(call->world->records, shape, key, eff_hs_normal(call, key, id), &seq,
                             1) == 0)
            return 0;
    }
    return eff_records_get(call->world->records, shape, seq, call->arena, ret_record) &&
                   !ret_record->deleted
               ? 1
               : 0;
}

static size_t
objects_choice_index(const struct eff_field *field, struct eff_cell cell)
{
    for (size_t i = 0; i < field->choices_count; i++)
        if (eff_str_eq(field->choices[i], cell.text))
            return i;
    return SIZE_MAX;
}

/* A lifecycle stage does not go back by an update: such a value is dropped. "" first, then it may. */
static void
objects_keep_stage(struct eff_call *call, const struct eff_record *record, struct eff_cell *cells)
{
    const struct eff_field *stage =
        eff_shape_field(&call->world->shapes, record->shape, EFF_STR("lifecyclestage"));
    struct eff_cell now;

    if (stage == NULL || cells[stage->slot].kind != EFF_CELL_TEXT)
        return;
    now = eff_cell_of(record, stage);
    if (!eff_cell_null(now) &&
        objects_choice_index(stage, cells[stage->slot]) < objects_choice_index(stage, now))
        cells[stage->slot].kind = EFF_CELL_KEEP;
}

/* ";a;b" adds to what is there. */
static void
objects_add_choices(struct eff_call *call, const struct eff_record *record, struct eff_cell *cells)
{
    for (size_t i = 0; i < record->shape->count; i++) {
        const struct eff_field *field = &record->shape->fields[i];
        eff_str more = cells[i].text;

        if (field->type != EFF_FIELD_CHOICES || cells[i].kind != EFF_CELL_TEXT ||
            more.ptr[0] != ';')
            continue;
        cells[i].text =
            eff_cell_null(eff_cell_of(record, field))
                ? eff_str_sub(more, 1, SIZE_MAX)
                : eff_str_printf(call->arena, EFF_STR_FMT EFF_STR_FMT,
                                 EFF_STR_ARG(eff_cell_of(record, field).text), EFF_STR_ARG(more));
    }
}

void
eff_hs_store(struct eff_call *call, const struct eff_shape *shape, struct eff_record *record,
             struct eff_cell *cells)
{
    struct eff_world *world = call->world;

    if (record->seq == 0) {
        int64_t seq = eff_records_insert(world->records, shape, cells, eff_world_now(world));

        eff_records_get(world->records, shape, seq, call->arena, record);
        return;
    }
    objects_keep_stage(call, record, cells);
    objects_add_choices(call, record, cells);
    eff_records_update(world->records, record, cells, eff_world_now(world),
                       world->settings.search_lag_ms, call->arena);
}

eff_str
eff_hs_conflict_text(struct eff_call *call, const struct eff_shape *shape, int64_t seq)
{
    return eff_str_printf(call->arena, EFF_STR_FMT " already exists. Existing ID: " EFF_STR_FMT,
                          EFF_STR_ARG(shape->label),
                          EFF_STR_ARG(eff_hs_id(call->arena, shape, seq)));
}

static void
objects_answer(struct eff_call *call, int status, const struct eff_record *record,
               const struct eff_hs_view *view)
{
    struct eff_json_writer w = eff_call_answer(call, status);

    eff_json_begin_object(&w);
    eff_hs_write_record(call, &w, record, view);
    eff_json_end_object(&w);
}

/* A fault that refuses rows refuses the one of these calls; true when it did. */
static bool
objects_fault(struct eff_call *call)
{
    const struct eff_effect *effect = &call->effect;

    call->rows++;
    if (!eff_call_row_fails(call, 0, 1))
        return false;
    call->refused++;
    eff_hs_error(call, 400,
                 effect->code.len == 0 ? "VALIDATION_ERROR" : eff_str_c(call->arena, effect->code),
                 effect->message.len == 0 ? EFF_STR("refused on request") : effect->message);
    return true;
}

/* Reads the properties of the body; NULL, having answered, when they are refused. */
static struct eff_cell *
objects_read(struct eff_call *call, const struct eff_shape *shape, const struct eff_json *body,
             bool create)
{
    struct eff_cell *cells = eff_new(call->arena, struct eff_cell, shape->count);
    struct eff_hs_problems problems = {0};

    if (!eff_hs_read(call, shape, eff_json_get(body, EFF_STR("properties")), cells, &problems) ||
        (create && !eff_hs_check_required(call, shape, cells, &problems))) {
        call->refused++;
        eff_hs_refuse_values(call, &problems);
        return NULL;
    }
    return cells;
}

void
eff_hs_create(struct eff_call *call)
{
    const struct eff_shape *shape = eff_hs_shape(call, call->args[0]);
    const struct eff_json *body = shape == NULL ? NULL : eff_hs_body(call);
    struct eff_record record = {0};
    const struct eff_field *field;
    struct eff_cell *cells;
    int64_t other;

    if (body == NULL || objects_fault(call) ||
        (cells = objects_read(call, shape, body, true)) == NULL)
        return;
    other = eff_hs_conflict(call, shape, cells, 0, &field);
    if (other != 0) {
        call->refused++;
        eff_hs_error(call, 409, "CONFLICT", eff_hs_conflict_text(call, shape, other));
        return;
    }
    eff_hs_store(call, shape, &record, cells);
    eff_hs_link_new(call, shape, record.seq, eff_json_get(body, EFF_STR("associations")));
    objects_answer(call, 201, &record, NULL);
}

/* The record in the path; false, having answered, when there is none. */
static bool
objects_of_path(struct eff_call *call, const struct eff_shape *shape, struct eff_record *ret_record)
{
    int found = shape == NULL ? -1
                              : eff_hs_find(call, shape, call->args[1],
                                            eff_call_param(call, "idProperty"), ret_record);

    if (found == 0)
        call->world->vendor->refuse(call, 404, NULL, NULL);
    return found > 0;
}

void
eff_hs_get(struct eff_call *call)
{
    const struct eff_shape *shape = eff_hs_shape(call, call->args[0]);
    bool archived = eff_str_is(eff_call_param(call, "archived"), "true");
    struct eff_record record;
    struct eff_hs_view view;
    int64_t seq;

    if (shape == NULL)
        return;
    if (archived && eff_hs_seq(call->args[1], &seq) &&
        eff_records_get(call->world->records, shape, seq, call->arena, &record) && record.deleted) {
        view = objects_view_of_query(call, shape);
        objects_answer(call, 200, &record, &view);
    } else if (objects_of_path(call, shape, &record)) {
        view = objects_view_of_query(call, shape);
        objects_answer(call, 200, &record, &view);
    }
}

void
eff_hs_update(struct eff_call *call)
{
    const struct eff_shape *shape = eff_hs_shape(call, call->args[0]);
    const struct eff_json *body = shape == NULL ? NULL : eff_hs_body(call);
    const struct eff_field *field;
    struct eff_record record;
    struct eff_cell *cells;
    int64_t other;

    if (body == NULL || !objects_of_path(call, shape, &record) || objects_fault(call) ||
        (cells = objects_read(call, shape, body, false)) == NULL)
        return;
    other = eff_hs_conflict(call, shape, cells, record.seq, &field);
    if (other != 0) {
        call->refused++;
        eff_hs_error(call, 409, "CONFLICT", eff_hs_conflict_text(call, shape, other));
        return;
    }
    eff_hs_store(call, shape, &record, cells);
    objects_answer(call, 200, &record, NULL);
}

void
eff_hs_archive(struct eff_call *call)
{
    const struct eff_shape *shape = eff_hs_shape(call, call->args[0]);
    struct eff_record record;

    if (shape == NULL || objects_fault(call))
        return;
    if (eff_hs_find(call, shape, call->args[1], EFF_STR(""), &record) > 0)
        eff_records_delete(call->world->records, &record, eff_world_now(call->world));
    eff_call_empty(call, 204); // also when it was not there
}

static void
objects_write_next(struct eff_call *call, struct eff_json_writer *w, const struct eff_shape *shape,
                   int64_t after)
{
    eff_str id = eff_hs_id(call->arena, shape, after);

    eff_json_key(w, EFF_STR("paging"));
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("next"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "after", id);
    eff_json_field_str(w, "link",
                       eff_str_printf(call->arena,
                                      "http://127.0.0.1:%u" EFF_STR_FMT "?after=" EFF_STR_FMT,
                                      call->world->port, EFF_STR_ARG(call->path), EFF_STR_ARG(id)));
    eff_json_end_object(w);
    eff_json_end_object(w);
}

void
eff_hs_list(struct eff_call *call)
{
    const struct eff_shape *shape = eff_hs_shape(call, call->args[0]);
    int64_t limit = eff_call_param_int(call, "limit", 10), after = 0, left;
    struct eff_scan scan = {.shape = shape,
                            .deleted = eff_str_is(eff_call_param(call, "archived"), "true")};
    struct eff_record record;
    struct eff_hs_view view;
    struct eff_json_writer w;

    if (shape == NULL)
        return;
    if (limit < 1 || limit > LIST_MAX) {
        eff_hs_error(call, 400, "VALIDATION_ERROR", EFF_STR("limit must be between 1 and 100"));
        return;
    }
    if (eff_hs_seq(eff_call_param(call, "after"), &after))
        scan.after = after;
    view = objects_view_of_query(call, shape);
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("results"));
    eff_json_begin_array(&w);
    for (left = limit;
         left > 0 && eff_records_next(call->world->records, &scan, call->arena, &record); left--) {
        eff_json_begin_object(&w);
        eff_hs_write_record(call, &w, &record, &view);
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
    after = scan.after;
    if (left == 0 && eff_records_next(call->world->records, &scan, call->arena, &record))
        objects_write_next(call, &w, shape, after);
    eff_json_end_object(&w);
}
