/*
 * sandbox/shape: the objects and fields of a stand-in, and their JSON.
 */
#include "sandbox/shape.h"

#include <stdalign.h>

#define SHAPE_NAME_MAX   255
#define SHAPE_FIELDS_MAX 2000

static const char *const shape_types[] = {
    [EFF_FIELD_TEXT] = "text",       [EFF_FIELD_TEXTAREA] = "textarea",
    [EFF_FIELD_EMAIL] = "email",     [EFF_FIELD_PHONE] = "phone",
    [EFF_FIELD_URL] = "url",         [EFF_FIELD_NUMBER] = "number",
    [EFF_FIELD_INTEGER] = "integer", [EFF_FIELD_CURRENCY] = "currency",
    [EFF_FIELD_PERCENT] = "percent", [EFF_FIELD_BOOL] = "boolean",
    [EFF_FIELD_DATE] = "date",       [EFF_FIELD_DATETIME] = "datetime",
    [EFF_FIELD_CHOICE] = "choice",   [EFF_FIELD_CHOICES] = "choices",
    [EFF_FIELD_ID] = "id",           [EFF_FIELD_REFERENCE] = "reference",
};

static const struct {
    const char *name;
    unsigned flag;
} shape_flags[] = {
    {"required", EFF_FIELD_REQUIRED},
    {"unique", EFF_FIELD_UNIQUE},
    {"key", EFF_FIELD_KEY},
    {"readonly", EFF_FIELD_READONLY},
    {"restricted", EFF_FIELD_RESTRICTED},
    {"computed", EFF_FIELD_COMPUTED},
    {"custom", EFF_FIELD_CUSTOM},
    {"case_sensitive", EFF_FIELD_CASE},
    {"hidden", EFF_FIELD_HIDDEN},
    {"dropped", EFF_FIELD_DROPPED},
};

#define SHAPE_FLAGS_COUNT (sizeof(shape_flags) / sizeof(shape_flags[0]))
#define SHAPE_TYPES_COUNT (sizeof(shape_types) / sizeof(shape_types[0]))

const char *
eff_field_type_name(enum eff_field_type type)
{
    return shape_types[type];
}

bool
eff_field_is_number(const struct eff_field *field)
{
    return field->type >= EFF_FIELD_NUMBER && field->type <= EFF_FIELD_PERCENT;
}

struct eff_shape *
eff_shape_add(struct eff_shapes *shapes, eff_str name, eff_str label, eff_str prefix)
{
    struct eff_shape *shape = eff_new(shapes->arena, struct eff_shape, 1);

    if (shapes->count == shapes->cap) {
        size_t cap = shapes->cap == 0 ? 8 : shapes->cap * 2;
        struct eff_shape **at = eff_new(shapes->arena, struct eff_shape *, cap);

        if (shapes->count != 0)
            memcpy(at, shapes->at, shapes->count * sizeof(*at));
        shapes->at = at;
        shapes->cap = cap;
    }
    shape->name = eff_str_copy(shapes->arena, name);
    shape->label = eff_str_copy(shapes->arena, label);
    shape->prefix = eff_str_copy(shapes->arena, prefix);
    shape->number = (unsigned)shapes->count;
    shapes->at[shapes->count++] = shape;
    return shape;
}

static struct eff_field *
shape_new_field(struct eff_shapes *shapes, struct eff_shape *shape)
{
    struct eff_field *field;

    if (shape->count == shape->cap) {
        size_t cap = shape->cap == 0 ? 32 : shape->cap * 2;
        struct eff_field *fields = eff_new(shapes->arena, struct eff_field, cap);

        if (shape->count != 0)
            memcpy(fields, shape->fields, shape->count * sizeof(*fields));
        shape->fields = fields;
        shape->cap = cap;
    }
    field = &shape->fields[shape->count];
    *field = (struct eff_field){.slot = (unsigned)shape->count++};
    return field;
}

static void
shape_set_choices(struct eff_shapes *shapes, struct eff_field *field, eff_str list)
{
    eff_str head, rest = list;
    size_t count = 1, i;

    for (i = 0; i < list.len; i++)
        count += list.ptr[i] == '|';
    field->choices = eff_new(shapes->arena, eff_str, count);
    field->choices_count = 0;
    while (eff_str_cut(rest, '|', &head, &rest))
        field->choices[field->choices_count++] = head;
    field->choices[field->choices_count++] = head;
}

struct eff_field *
eff_shape_add_field(struct eff_shapes *shapes, struct eff_shape *shape,
                    const struct eff_field_row *row)
{
    struct eff_field *field = shape_new_field(shapes, shape);

    field->name = eff_str_of(row->name);
    field->label = eff_str_of(row->label);
    field->type = row->type;
    field->length = row->length;
    field->scale = row->scale;
    field->flags = row->flags;
    field->fallback = eff_str_of(row->fallback);
    if (row->extra != NULL && row->type == EFF_FIELD_REFERENCE)
        eff_str_cut(eff_str_of(row->extra), ':', &field->target, &field->relation);
    else if (row->extra != NULL)
        shape_set_choices(shapes, field, eff_str_of(row->extra));
    return field;
}

static bool
shape_same(const struct eff_shapes *shapes, eff_str a, eff_str b)
{
    return shapes->nocase ? eff_str_eq_nocase(a, b) : eff_str_eq(a, b);
}

struct eff_shape *
eff_shape_find(const struct eff_shapes *shapes, eff_str name)
{
    for (size_t i = 0; i < shapes->count; i++)
        if (shape_same(shapes, shapes->at[i]->name, name))
            return shapes->at[i];
    return NULL;
}

struct eff_field *
eff_shape_field(const struct eff_shapes *shapes, const struct eff_shape *shape, eff_str name)
{
    for (size_t i = 0; i < shape->count; i++)
        if (!shape->fields[i].gone && shape_same(shapes, shape->fields[i].name, name))
            return &shape->fields[i];
    return NULL;
}

static void
shape_write_field(struct eff_json_writer *w, const struct eff_field *field)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, "name", field->name);
    eff_json_field_str(w, "label", field->label);
    eff_json_field_str(w, "type", eff_str_of(shape_types[field->type]));
    if (field->length != 0)
        eff_json_field_int(w, "length", field->length);
    if (field->scale != 0)
        eff_json_field_int(w, "scale", field->scale);
    for (size_t i = 0; i < SHAPE_FLAGS_COUNT; i++) {
        if (!eff_field_has(field, shape_flags[i].flag))
            continue;
        eff_json_key(w, eff_str_of(shape_flags[i].name));
        eff_json_write_bool(w, true);
    }
    if (field->gone) {
        eff_json_key(w, EFF_STR("gone"));
        eff_json_write_bool(w, true);
    }
    if (field->target.len != 0)
        eff_json_field_str(w, "target", field->target);
    if (field->relation.len != 0)
        eff_json_field_str(w, "relation", field->relation);
    if (field->fallback.ptr != NULL)
        eff_json_field_str(w, "default", field->fallback);
    if (field->choices_count != 0) {
        eff_json_key(w, EFF_STR("choices"));
        eff_json_begin_array(w);
        for (size_t i = 0; i < field->choices_count; i++)
            eff_json_write_str(w, field->choices[i]);
        eff_json_end_array(w);
    }
    eff_json_end_object(w);
}

void
eff_shapes_write(struct eff_json_writer *w, const struct eff_shapes *shapes)
{
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("objects"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < shapes->count; i++) {
        const struct eff_shape *shape = shapes->at[i];

        eff_json_begin_object(w);
        eff_json_field_str(w, "name", shape->name);
        eff_json_field_str(w, "label", shape->label);
        eff_json_field_str(w, "prefix", shape->prefix);
        eff_json_key(w, EFF_STR("fields"));
        eff_json_begin_array(w);
        for (size_t f = 0; f < shape->count; f++)
            shape_write_field(w, &shape->fields[f]);
        eff_json_end_array(w);
        eff_json_end_object(w);
    }
    eff_json_end_array(w);
    eff_json_end_object(w);
}

static enum eff_fault
shape_read_type(const struct eff_json *value, enum eff_field_type *ret_type, struct eff_err *err)
{
    eff_str name = eff_json_str(value);

    for (size_t i = EFF_FIELD_TEXT; i < SHAPE_TYPES_COUNT; i++) {
        if (eff_str_is(name, shape_types[i])) {
            *ret_type = (enum eff_field_type)i;
            return EFF_OK;
        }
    }
    EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" is no type of a field", EFF_STR_ARG(name));
    return eff_err_hint(err, "Types are text, textarea, email, phone, url, number, integer, "
                             "currency, percent, boolean, date, datetime, choice, choices and "
                             "reference.");
}

static enum eff_fault
shape_read_choices(struct eff_shapes *shapes, struct eff_field *field, const struct eff_json *list,
                   struct eff_err *err)
{
    struct eff_json_iter iter = eff_json_iterate(list);
    const struct eff_json *value;

    if (eff_json_type(list) != EFF_JSON_ARRAY)
        return EFF_FAIL(err, EFF_CONFIG, "choices of a field must be a list");
    field->choices = eff_new(shapes->arena, eff_str, eff_json_count(list) + 1);
    field->choices_count = 0;
    while (eff_json_next(&iter, NULL, &value))
        if (eff_json_type(value) == EFF_JSON_STRING)
            field->choices[field->choices_count++] =
                eff_str_copy(shapes->arena, eff_json_str(value));
    return EFF_OK;
}

static bool
shape_read_flag(struct eff_field *field, eff_str key, const struct eff_json *value)
{
    for (size_t i = 0; i < SHAPE_FLAGS_COUNT; i++) {
        if (!eff_str_is(key, shape_flags[i].name))
            continue;
        field->flags &= ~shape_flags[i].flag;
        field->flags |= eff_json_bool(value) ? shape_flags[i].flag : 0;
        return true;
    }
    if (!eff_str_is(key, "gone"))
        return false;
    field->gone = eff_json_bool(value);
    return true;
}

static enum eff_fault
shape_read_member(struct eff_shapes *shapes, struct eff_field *field, eff_str key,
                  const struct eff_json *value, struct eff_err *err)
{
    struct eff_arena *arena = shapes->arena;
    int64_t number = 0;

    if (eff_str_is(key, "type"))
        return shape_read_type(value, &field->type, err);
    if (eff_str_is(key, "choices"))
        return shape_read_choices(shapes, field, value, err);
    if (eff_str_is(key, "length") || eff_str_is(key, "scale")) {
        if (!eff_json_int(value, &number) || number < 0 || number > 131072)
            return EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " must be an integer, 0 to 131072",
                            EFF_STR_ARG(key));
        *(eff_str_is(key, "length") ? &field->length : &field->scale) = number;
        return EFF_OK;
    }
    if (eff_str_is(key, "name"))
        field->name = eff_str_copy(arena, eff_json_str(value));
    else if (eff_str_is(key, "label"))
        field->label = eff_str_copy(arena, eff_json_str(value));
    else if (eff_str_is(key, "target"))
        field->target = eff_str_copy(arena, eff_json_str(value));
    else if (eff_str_is(key, "relation"))
        field->relation = eff_str_copy(arena, eff_json_str(value));
    else if (eff_str_is(key, "default"))
        field->fallback = eff_str_copy(arena, eff_json_str(value));
    else if (!shape_read_flag(field, key, value))
        return EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" is nothing a field has",
                        EFF_STR_ARG(key));
    return EFF_OK;
}

static enum eff_fault
shape_read_field(struct eff_shapes *shapes, struct eff_field *field, const struct eff_json *object,
                 struct eff_err *err)
{
    struct eff_json_iter iter = eff_json_iterate(object);
    const struct eff_json *value;
    eff_str key;

    if (eff_json_type(object) != EFF_JSON_OBJECT)
        return EFF_FAIL(err, EFF_CONFIG, "a field must be an object with at least name and type");
    while (eff_json_next(&iter, &key, &value))
        EFF_TRY(shape_read_member(shapes, field, key, value, err));
    if (field->type == 0)
        field->type = EFF_FIELD_TEXT;
    if (field->name.len == 0 || field->name.len > SHAPE_NAME_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "a field needs a name of 1 to %d bytes", SHAPE_NAME_MAX);
    if (field->label.len == 0)
        field->label = field->name;
    if (field->length == 0)
        field->length = eff_field_is_number(field) ? 18 : 255;
    return EFF_OK;
}

enum eff_fault
eff_shapes_read(struct eff_shapes *shapes, const struct eff_json *root, struct eff_err *err)
{
    struct eff_json_iter objects = eff_json_iterate(eff_json_get(root, EFF_STR("objects")));
    const struct eff_json *object, *value;

    while (eff_json_next(&objects, NULL, &object)) {
        struct eff_json_iter fields = eff_json_iterate(eff_json_get(object, EFF_STR("fields")));
        struct eff_shape *shape =
            eff_shape_add(shapes, eff_json_str(eff_json_get(object, EFF_STR("name"))),
                          eff_json_str(eff_json_get(object, EFF_STR("label"))),
                          eff_json_str(eff_json_get(object, EFF_STR("prefix"))));

        while (eff_json_next(&fields, NULL, &value))
            EFF_TRY(shape_read_field(shapes, shape_new_field(shapes, shape), value, err));
    }
    return EFF_OK;
}

enum eff_fault
eff_shapes_rename(struct eff_shapes *shapes, eff_str object, eff_str from, eff_str to,
                  struct eff_err *err)
{
    struct eff_shape *shape = eff_shape_find(shapes, object);
    struct eff_field *field = shape == NULL ? NULL : eff_shape_field(shapes, shape, from);

    if (field == NULL)
        return EFF_FAIL(err, EFF_CONFIG, "there is no field " EFF_STR_FMT " on " EFF_STR_FMT,
                        EFF_STR_ARG(from), EFF_STR_ARG(object));
    if (to.len == 0 || to.len > SHAPE_NAME_MAX || eff_shape_field(shapes, shape, to) != NULL)
        return EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" cannot be the new name of a field",
                        EFF_STR_ARG(to));
    field->name = eff_str_copy(shapes->arena, to);
    return EFF_OK;
}

static enum eff_fault
shape_remove(struct eff_shapes *shapes, struct eff_shape *shape, eff_str name, struct eff_err *err)
{
    struct eff_field *field = eff_shape_field(shapes, shape, name);

    if (field == NULL)
        return EFF_FAIL(err, EFF_CONFIG, "there is no field " EFF_STR_FMT, EFF_STR_ARG(name));
    field->gone = true;
    return EFF_OK;
}

static enum eff_fault
shape_add(struct eff_shapes *shapes, struct eff_shape *shape, const struct eff_json *value,
          struct eff_err *err)
{
    eff_str name = eff_json_str(eff_json_get(value, EFF_STR("name")));
    struct eff_field *field;
    enum eff_fault fault;

    if (shape->count >= SHAPE_FIELDS_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "an object has at most %d fields", SHAPE_FIELDS_MAX);
    if (eff_shape_field(shapes, shape, name) != NULL)
        return EFF_FAIL(err, EFF_CONFIG, "field " EFF_STR_FMT " is there already",
                        EFF_STR_ARG(name));
    field = shape_new_field(shapes, shape);
    fault = shape_read_field(shapes, field, value, err);
    if (fault != EFF_OK) {
        shape->count--;
        *field = (struct eff_field){0};
    }
    return fault;
}

static enum eff_fault
shape_change(struct eff_shapes *shapes, struct eff_shape *shape, const struct eff_json *value,
             struct eff_err *err)
{
    eff_str name = eff_json_str(eff_json_get(value, EFF_STR("name")));
    struct eff_field *field = eff_shape_field(shapes, shape, name), before;
    enum eff_fault fault;

    if (field == NULL)
        return EFF_FAIL(err, EFF_CONFIG, "there is no field " EFF_STR_FMT, EFF_STR_ARG(name));
    before = *field;
    fault = shape_read_field(shapes, field, value, err);
    if (fault != EFF_OK)
        *field = before;
    return fault;
}

enum eff_fault
eff_shapes_change(struct eff_shapes *shapes, const struct eff_json *change, struct eff_err *err)
{
    eff_str object = eff_json_str(eff_json_get(change, EFF_STR("object")));
    struct eff_shape *shape = eff_shape_find(shapes, object);
    const struct eff_json *rename = eff_json_get(change, EFF_STR("rename"));
    const struct eff_json *remove = eff_json_get(change, EFF_STR("remove"));
    const struct eff_json *add = eff_json_get(change, EFF_STR("add"));
    const struct eff_json *other = eff_json_get(change, EFF_STR("change"));

    if (shape == NULL)
        return EFF_FAIL(err, EFF_CONFIG, "there is no object \"" EFF_STR_FMT "\"",
                        EFF_STR_ARG(object));
    if (eff_json_count(change) != 2)
        return EFF_FAIL(err, EFF_CONFIG,
                        "a change has object and one of rename, remove, add and change");
    if (rename != NULL)
        return eff_shapes_rename(shapes, object,
                                 eff_json_str(eff_json_get(rename, EFF_STR("from"))),
                                 eff_json_str(eff_json_get(rename, EFF_STR("to"))), err);
    if (remove != NULL)
        return shape_remove(shapes, shape, eff_json_str(remove), err);
    if (add != NULL)
        return shape_add(shapes, shape, add, err);
    if (other != NULL)
        return shape_change(shapes, shape, other, err);
    return EFF_FAIL(err, EFF_CONFIG, "a change is one of rename, remove, add and change");
}
