/* sandbox/bag: a JSON object as the cells of a record, and back. */
#include "sandbox/bag.h"

#include <stdalign.h>

#define BAG_FIELDS_MAX 2000 /* of an object, so that a test that runs wild ends */
#define BAG_NAME_MAX   255

struct eff_cell
eff_bag_cell(struct eff_arena *arena, const struct eff_json *value)
{
    struct eff_buf buf = {0};
    struct eff_cell cell;

    switch (eff_json_type(value)) {
    case EFF_JSON_STRING:
        return (struct eff_cell){EFF_CELL_TEXT, eff_json_str(value)};
    case EFF_JSON_NUMBER:
        return (struct eff_cell){EFF_CELL_NUMBER, eff_json_str(value)};
    case EFF_JSON_BOOL:
        return (struct eff_cell){EFF_CELL_BOOL, eff_json_str(value)};
    case EFF_JSON_ARRAY:
    case EFF_JSON_OBJECT:
        eff_json_print(&buf, value, false);
        cell = (struct eff_cell){EFF_CELL_JSON, eff_str_copy(arena, eff_buf_str(&buf))};
        eff_buf_free(&buf);
        return cell;
    default:
        return (struct eff_cell){.kind = EFF_CELL_NULL};
    }
}

void
eff_bag_make(struct eff_call *call, struct eff_shape *shape, const char *prefix,
             const struct eff_json *object)
{
    struct eff_world *world = call->world;
    struct eff_json_iter iter = eff_json_iterate(object);
    const struct eff_json *value;
    bool made = false;
    eff_str key;

    while (eff_json_next(&iter, &key, &value)) {
        eff_str name = eff_str_printf(call->arena, "%s" EFF_STR_FMT, prefix, EFF_STR_ARG(key));
        struct eff_field_row row = {.type = EFF_FIELD_TEXT, .flags = EFF_FIELD_CUSTOM};

        if (key.len == 0 || name.len > BAG_NAME_MAX || shape->count >= BAG_FIELDS_MAX ||
            eff_shape_field(&world->shapes, shape, name) != NULL)
            continue;
        row.name = row.label = eff_str_c(world->shapes.arena, name);
        eff_shape_add_field(&world->shapes, shape, &row);
        made = true;
    }
    if (made)
        eff_world_save_shapes(world);
}

static void
bag_read_one(struct eff_call *call, const struct eff_shape *shape, eff_str name,
             const struct eff_json *value, struct eff_cell *cells, eff_str *unknown)
{
    const struct eff_field *field = eff_shape_field(&call->world->shapes, shape, name);

    if (field != NULL)
        cells[field->slot] = eff_bag_cell(call->arena, value);
    else if (unknown->ptr == NULL)
        *unknown = name;
}

eff_str
eff_bag_read(struct eff_call *call, const struct eff_shape *shape, const char *group,
             const struct eff_json *object, struct eff_cell *cells)
{
    struct eff_json_iter iter = eff_json_iterate(object), inner;
    eff_str opens = eff_str_of(group), key, unknown = EFF_STR_NONE;
    const struct eff_json *value;

    while (eff_json_next(&iter, &key, &value)) {
        if (opens.len == 0 || key.len + 1 != opens.len || !eff_str_starts(opens, key)) {
            bag_read_one(call, shape, key, value, cells, &unknown);
            continue;
        }
        inner = eff_json_iterate(value);
        while (eff_json_next(&inner, &key, &value))
            bag_read_one(call, shape,
                         eff_str_printf(call->arena, "%s" EFF_STR_FMT, group, EFF_STR_ARG(key)),
                         value, cells, &unknown);
    }
    return unknown;
}

static void
bag_write(struct eff_json_writer *w, const struct eff_record *record, eff_str group, bool inside,
          bool nulls)
{
    const struct eff_shape *shape = record->shape;

    for (size_t i = 0; i < shape->count; i++) {
        const struct eff_field *field = &shape->fields[i];
        struct eff_cell cell = eff_cell_of(record, field);
        bool grouped = group.len != 0 && eff_str_starts(field->name, group);

        if (field->gone || grouped != inside || (!nulls && eff_cell_null(cell)))
            continue;
        eff_json_key(w, inside ? eff_str_sub(field->name, group.len, SIZE_MAX) : field->name);
        eff_cell_write(w, cell);
    }
}

void
eff_bag_write(struct eff_json_writer *w, const struct eff_record *record, const char *group,
              bool nulls)
{
    bag_write(w, record, eff_str_of(group), false, nulls);
    if (group != NULL)
        eff_bag_write_group(w, record, group, nulls);
}

void
eff_bag_write_group(struct eff_json_writer *w, const struct eff_record *record, const char *group,
                    bool nulls)
{
    eff_str opens = eff_str_of(group);

    eff_json_key(w, eff_str_sub(opens, 0, opens.len - 1));
    eff_json_begin_object(w);
    bag_write(w, record, opens, true, nulls);
    eff_json_end_object(w);
}

bool
eff_bag_find(struct eff_call *call, const struct eff_shape *shape, const char *field, eff_str value,
             struct eff_record *ret_record)
{
    struct eff_world *world = call->world;
    const struct eff_field *key = eff_shape_field(&world->shapes, shape, eff_str_of(field));
    int64_t seq;

    *ret_record = (struct eff_record){.shape = shape};
    return key != NULL && value.len != 0 &&
           eff_records_find(world->records, shape, key, value, &seq, 1) == 1 &&
           eff_records_get(world->records, shape, seq, call->arena, ret_record);
}

eff_str
eff_bag_text(const struct eff_world *world, const struct eff_record *record, const char *field)
{
    const struct eff_field *at = eff_shape_field(&world->shapes, record->shape, eff_str_of(field));
    struct eff_cell cell = at == NULL ? (struct eff_cell){0} : eff_cell_of(record, at);

    return eff_cell_null(cell) ? EFF_STR("") : cell.text;
}

void
eff_bag_store(struct eff_call *call, const struct eff_shape *shape, struct eff_record *record,
              const struct eff_cell *cells)
{
    struct eff_world *world = call->world;
    int64_t now = eff_world_now(world), seq = record->seq;

    if (seq != 0) {
        eff_records_update(world->records, record, cells, now, world->settings.search_lag_ms,
                           call->arena);
        return;
    }
    seq = eff_records_insert(world->records, shape, cells, now);
    eff_records_get(world->records, shape, seq, call->arena, record);
}
