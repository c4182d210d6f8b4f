/* sandbox/intercom_schema: objects, data attributes, and values by their types. */
#include "sandbox/intercom.h"

#include <stdalign.h>

#define SCHEMA_ATTRIBUTES_MAX 250 /* of one's own, by model */

#define KEY  (EFF_FIELD_KEY | EFF_FIELD_UNIQUE | EFF_FIELD_CASE)
#define OWN  EFF_FIELD_CUSTOM
#define TEXT EFF_FIELD_TEXT, 255, 0

/* archived: whether the contact is; no attribute. */
static const struct eff_field_row schema_contacts[] = {
    {"role", "Role", TEXT, 0, NULL, NULL},
    {"external_id", "User ID", TEXT, KEY, NULL, NULL},
    {"email", "Email", EFF_FIELD_EMAIL, 255, 0, EFF_FIELD_KEY, NULL, NULL},
    {"phone", "Phone", EFF_FIELD_PHONE, 255, 0, 0, NULL, NULL},
    {"name", "Name", TEXT, 0, NULL, NULL},
    {"avatar", "Avatar", EFF_FIELD_URL, 255, 0, 0, NULL, NULL},
    {"owner_id", "Owner", EFF_FIELD_INTEGER, 18, 0, 0, NULL, NULL},
    {"signed_up_at", "Signed up", EFF_FIELD_DATETIME, 0, 0, 0, NULL, NULL},
    {"last_seen_at", "Last seen", EFF_FIELD_DATETIME, 0, 0, 0, NULL, NULL},
    {"unsubscribed_from_emails", "Unsubscribed from Emails", EFF_FIELD_BOOL, 0, 0, 0, NULL, NULL},
    {"archived", "Archived", EFF_FIELD_BOOL, 0, 0, EFF_FIELD_HIDDEN, NULL, NULL},
    {EFF_IC_CUSTOM "plan", "plan", TEXT, OWN, NULL, NULL},
    {EFF_IC_CUSTOM "segment", "segment", EFF_FIELD_CHOICE, 255, 0, OWN | EFF_FIELD_RESTRICTED,
     "champion|active|at_risk|lost", NULL},
    {EFF_IC_CUSTOM "seats", "seats", EFF_FIELD_INTEGER, 18, 0, OWN, NULL, NULL},
    {EFF_IC_CUSTOM "lifetime_value", "lifetime_value", EFF_FIELD_NUMBER, 18, 2, OWN, NULL, NULL},
    {EFF_IC_CUSTOM "vip", "vip", EFF_FIELD_BOOL, 0, 0, OWN, NULL, NULL},
    {EFF_IC_CUSTOM "since", "since", EFF_FIELD_DATE, 0, 0, OWN, NULL, NULL},
};
static const struct eff_field_row schema_companies[] = {
    {"company_id", "Company ID", TEXT, KEY | EFF_FIELD_READONLY, NULL, NULL},
    {"name", "Company name", TEXT, EFF_FIELD_KEY, NULL, NULL},
    {"plan", "Plan", TEXT, 0, NULL, NULL},
    {"size", "Company size", EFF_FIELD_INTEGER, 18, 0, 0, NULL, NULL},
    {"website", "Company website", TEXT, 0, NULL, NULL},
    {"industry", "Company industry", TEXT, 0, NULL, NULL},
    {"monthly_spend", "Monthly Spend", EFF_FIELD_NUMBER, 18, 0, 0, NULL, NULL},
    {"remote_created_at", "Company created at", EFF_FIELD_DATETIME, 0, 0, 0, NULL, NULL},
    {EFF_IC_CUSTOM "health", "health", EFF_FIELD_INTEGER, 18, 0, OWN, NULL, NULL},
};

void
eff_ic_shapes(struct eff_shapes *shapes)
{
    struct eff_shape *contacts =
        eff_shape_add(shapes, EFF_STR("contacts"), EFF_STR("contact"), EFF_STR("64c0"));
    struct eff_shape *companies =
        eff_shape_add(shapes, EFF_STR("companies"), EFF_STR("company"), EFF_STR("64d0"));

    for (size_t i = 0; i < sizeof(schema_contacts) / sizeof(schema_contacts[0]); i++)
        eff_shape_add_field(shapes, contacts, &schema_contacts[i]);
    for (size_t i = 0; i < sizeof(schema_companies) / sizeof(schema_companies[0]); i++)
        eff_shape_add_field(shapes, companies, &schema_companies[i]);
}

/* ---- values ---- */

static bool
schema_is_whole(eff_str text)
{
    int64_t ignored;

    return eff_str_int(text, &ignored);
}

/* Seconds since 1970 for times; what is read as JSON of the right kind. */
static bool
schema_fits(const struct eff_field *field, const struct eff_json *value)
{
    enum eff_json_type type = eff_json_type(value);

    if (type == EFF_JSON_NULL)
        return !eff_str_is(field->name, "email") && !eff_str_is(field->name, "external_id") &&
               !eff_str_is(field->name, "role");
    switch (field->type) {
    case EFF_FIELD_INTEGER:
    case EFF_FIELD_DATE:
    case EFF_FIELD_DATETIME:
        return type == EFF_JSON_NUMBER && schema_is_whole(eff_json_str(value));
    case EFF_FIELD_NUMBER:
        return type == EFF_JSON_NUMBER;
    case EFF_FIELD_BOOL:
        return type == EFF_JSON_BOOL;
    case EFF_FIELD_CHOICE:
        for (size_t i = 0; i < field->choices_count; i++)
            if (type == EFF_JSON_STRING && eff_str_eq(field->choices[i], eff_json_str(value)))
                return true;
        return false;
    default:
        return type == EFF_JSON_STRING;
    }
}

static bool
schema_refuse_value(struct eff_call *call, const struct eff_field *field)
{
    bool own = eff_field_has(field, EFF_FIELD_CUSTOM);
    eff_str name =
        own ? eff_str_sub(field->name, sizeof(EFF_IC_CUSTOM) - 1, SIZE_MAX) : field->name;

    if (own)
        eff_ic_error(call, 400, "parameter_invalid",
                     eff_str_printf(call->arena,
                                    "The value for custom attribute '" EFF_STR_FMT
                                    "' is not of its type",
                                    EFF_STR_ARG(name)));
    else
        eff_ic_error(call, 400, "parameter_invalid",
                     eff_str_printf(call->arena, EFF_STR_FMT " is invalid", EFF_STR_ARG(name)));
    return false;
}

/* monthly_spend is cut to a whole number. */
static struct eff_cell
schema_cell(struct eff_call *call, const struct eff_field *field, const struct eff_json *value)
{
    struct eff_cell cell = eff_bag_cell(call->arena, value);
    size_t point = eff_str_find_char(cell.text, '.');

    if (eff_str_is(field->name, "monthly_spend") && point != SIZE_MAX)
        cell.text = eff_str_sub(cell.text, 0, point);
    return cell;
}

static bool
schema_take_one(struct eff_call *call, const struct eff_shape *shape, eff_str name,
                const struct eff_json *value, struct eff_cell *cells)
{
    const struct eff_field *field = eff_shape_field(&call->world->shapes, shape, name);
    eff_str group = EFF_STR(EFF_IC_CUSTOM);

    if (field == NULL || eff_field_has(field, EFF_FIELD_HIDDEN)) {
        if (eff_str_starts(name, group))
            eff_ic_error(call, 400, "parameter_invalid",
                         eff_str_printf(call->arena,
                                        "Custom attribute '" EFF_STR_FMT "' does not exist",
                                        EFF_STR_ARG(eff_str_sub(name, group.len, SIZE_MAX))));
        else
            eff_ic_error(
                call, 400, "bad_request",
                eff_str_printf(call->arena, "bad '" EFF_STR_FMT "' parameter", EFF_STR_ARG(name)));
        return false;
    }
    if (!schema_fits(field, value))
        return schema_refuse_value(call, field);
    cells[field->slot] = schema_cell(call, field, value);
    return true;
}

bool
eff_ic_take(struct eff_call *call, const struct eff_shape *shape, const struct eff_json *object,
            struct eff_cell *cells)
{
    struct eff_json_iter iter = eff_json_iterate(object), inner;
    const struct eff_json *value;
    eff_str key;

    while (eff_json_next(&iter, &key, &value)) {
        if (!eff_str_is(key, "custom_attributes")) {
            if (!schema_take_one(call, shape, key, value, cells))
                return false;
            continue;
        }
        inner = eff_json_iterate(value);
        while (eff_json_next(&inner, &key, &value))
            if (!schema_take_one(
                    call, shape,
                    eff_str_printf(call->arena, EFF_IC_CUSTOM EFF_STR_FMT, EFF_STR_ARG(key)), value,
                    cells))
                return false;
    }
    return true;
}

/* ---- data attributes ---- */

/* The number of an attribute of one's own: by object and slot. */
static int64_t
schema_number(const struct eff_shape *shape, const struct eff_field *field)
{
    return (int64_t)shape->number * 100000 + field->slot + 1;
}

static const char *
schema_type(const struct eff_field *field)
{
    switch (field->type) {
    case EFF_FIELD_INTEGER:
        return "integer";
    case EFF_FIELD_NUMBER:
        return "float";
    case EFF_FIELD_BOOL:
        return "boolean";
    case EFF_FIELD_DATE:
    case EFF_FIELD_DATETIME:
        return "date";
    default:
        return "string";
    }
}

static void
schema_write_flag(struct eff_json_writer *w, const char *name, bool value)
{
    eff_json_key(w, eff_str_of(name));
    eff_json_write_bool(w, value);
}

static void
schema_write(struct eff_json_writer *w, const struct eff_shape *shape,
             const struct eff_field *field)
{
    bool own = eff_field_has(field, EFF_FIELD_CUSTOM);

    eff_json_begin_object(w);
    eff_json_field_str(w, "type", EFF_STR("data_attribute"));
    if (own)
        eff_json_field_int(w, "id", schema_number(shape, field));
    eff_json_field_str(w, "name",
                       own ? eff_str_sub(field->name, sizeof(EFF_IC_CUSTOM) - 1, SIZE_MAX)
                           : field->name);
    eff_json_field_str(w, "full_name", field->name);
    eff_json_field_str(w, "label", field->label);
    eff_json_field_str(w, "data_type", eff_str_of(schema_type(field)));
    if (field->choices_count > 0) {
        eff_json_key(w, EFF_STR("options"));
        eff_json_begin_array(w);
        for (size_t i = 0; i < field->choices_count; i++)
            eff_json_write_str(w, field->choices[i]);
        eff_json_end_array(w);
    }
    schema_write_flag(w, "api_writable", !eff_field_has(field, EFF_FIELD_READONLY));
    schema_write_flag(w, "ui_writable", false);
    schema_write_flag(w, "messenger_writable", false);
    schema_write_flag(w, "custom", own);
    schema_write_flag(w, "archived", eff_field_has(field, EFF_FIELD_HIDDEN));
    eff_json_field_str(w, "model", shape->label);
    eff_json_end_object(w);
}

static void
schema_write_all(struct eff_json_writer *w, const struct eff_shape *shape, bool archived)
{
    for (size_t i = 0; i < shape->count; i++) {
        const struct eff_field *field = &shape->fields[i];
        bool hidden = eff_field_has(field, EFF_FIELD_HIDDEN);

        if (!field->gone && (!hidden || (archived && eff_field_has(field, EFF_FIELD_CUSTOM))))
            schema_write(w, shape, field);
    }
}

/* By the name of a model; NULL: answered. */
static struct eff_shape *
schema_model(struct eff_call *call, eff_str model)
{
    if (eff_str_is(model, "contact"))
        return eff_ic_contacts(call);
    if (eff_str_is(model, "company"))
        return eff_ic_companies(call);
    eff_ic_error(call, 400, "parameter_invalid",
                 EFF_STR("The Data Attribute model field must be either contact or company"));
    return NULL;
}

void
eff_ic_attributes(struct eff_call *call)
{
    bool archived = eff_str_is(eff_call_param(call, "include_archived"), "true");
    eff_str model = eff_call_param(call, "model");
    const struct eff_shape *shape = NULL;
    struct eff_json_writer w;

    if (model.ptr && (shape = schema_model(call, model)) == NULL)
        return;
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "type", EFF_STR("list"));
    eff_json_key(&w, EFF_STR("data"));
    eff_json_begin_array(&w);
    if (shape == NULL || shape == eff_ic_contacts(call))
        schema_write_all(&w, eff_ic_contacts(call), archived);
    if (shape == NULL || shape == eff_ic_companies(call))
        schema_write_all(&w, eff_ic_companies(call), archived);
    eff_json_end_array(&w);
    eff_json_end_object(&w);
}

static bool
schema_new_type(eff_str name, enum eff_field_type *ret_type)
{
    static const struct {
        const char *name;
        enum eff_field_type type;
    } types[] = {{"string", EFF_FIELD_TEXT},   {"integer", EFF_FIELD_INTEGER},
                 {"float", EFF_FIELD_NUMBER},  {"boolean", EFF_FIELD_BOOL},
                 {"date", EFF_FIELD_DATE},     {"datetime", EFF_FIELD_DATETIME},
                 {"options", EFF_FIELD_CHOICE}};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!eff_str_is(name, types[i].name))
            continue;
        *ret_type = types[i].type;
        return true;
    }
    return false;
}

/* Names are unique across both models, in any case of letters. */
static const struct eff_shape *
schema_name_taken(struct eff_call *call, eff_str full)
{
    const struct eff_shape *shapes[] = {eff_ic_contacts(call), eff_ic_companies(call)};

    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < shapes[i]->count; k++)
            if (!shapes[i]->fields[k].gone && eff_str_eq_nocase(shapes[i]->fields[k].name, full))
                return shapes[i];
    return NULL;
}

static bool
schema_name_good(eff_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if ((c > ' ' && c < '0' && c != '-' && c != '$') || (c > '9' && c < 'A') ||
            (c > 'Z' && c < 'a' && c != '_') || (c > 'z' && (unsigned char)c < 0x80))
            return false;
    }
    return name.len > 0 && name.len < 191;
}

/* "a|b", or EFF_STR_NONE when there are not two. */
static eff_str
schema_options(struct eff_call *call, const struct eff_json *options)
{
    struct eff_json_iter iter = eff_json_iterate(options);
    const struct eff_json *option;
    struct eff_buf buf = {0};
    size_t count = 0;
    eff_str text;

    while (eff_json_type(options) == EFF_JSON_ARRAY && eff_json_next(&iter, NULL, &option)) {
        eff_buf_addf(&buf, "%s" EFF_STR_FMT, count++ ? "|" : "",
                     EFF_STR_ARG(eff_json_str(eff_json_get(option, EFF_STR("value")))));
    }
    text = count < 2 ? EFF_STR_NONE : eff_str_copy(call->world->shapes.arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return text;
}

/* Why it cannot be made, or EFF_STR_NONE. */
static eff_str
schema_wrong(struct eff_call *call, const struct eff_json *body, const struct eff_shape *shape,
             enum eff_field_type *ret_type)
{
    eff_str name = eff_json_str(eff_json_get(body, EFF_STR("name")));
    eff_str full = eff_str_printf(call->arena, EFF_IC_CUSTOM EFF_STR_FMT, EFF_STR_ARG(name));
    const struct eff_shape *taken = schema_name_taken(call, full);

    if (!schema_name_good(name))
        return EFF_STR("Your name for this attribute must only contain alphanumeric characters, "
                       "currency symbols, and hyphens");
    if (taken != NULL)
        return eff_str_printf(
            call->arena,
            "You already have '" EFF_STR_FMT "' in your %s data. To save this as new %s data, use "
            "a different name.",
            EFF_STR_ARG(name), taken == eff_ic_contacts(call) ? "people" : "company",
            shape == eff_ic_contacts(call) ? "people" : "company");
    if (!schema_new_type(eff_json_str(eff_json_get(body, EFF_STR("data_type"))), ret_type))
        return EFF_STR("Data Type isn't an option");
    if (*ret_type == EFF_FIELD_CHOICE &&
        !schema_options(call, eff_json_get(body, EFF_STR("options"))).ptr)
        return EFF_STR("Options isn't an array");
    if (shape->count > SCHEMA_ATTRIBUTES_MAX)
        return EFF_STR("You have too many attributes");
    return EFF_STR_NONE;
}

static void
schema_answer(struct eff_call *call, const struct eff_shape *shape, const struct eff_field *field)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_world_save_shapes(call->world);
    schema_write(&w, shape, field);
}

void
eff_ic_attribute_create(struct eff_call *call)
{
    const struct eff_json *body = eff_ic_body(call);
    struct eff_shapes *shapes = &call->world->shapes;
    struct eff_field_row row = {.length = 255, .flags = OWN};
    struct eff_shape *shape;
    eff_str name, wrong, options;

    if (body == NULL)
        return;
    shape = schema_model(call, eff_json_str(eff_json_get(body, EFF_STR("model"))));
    if (shape == NULL)
        return;
    wrong = schema_wrong(call, body, shape, &row.type);
    if (wrong.ptr) {
        eff_ic_error(call, 400, "parameter_invalid", wrong);
        return;
    }
    name = eff_json_str(eff_json_get(body, EFF_STR("name")));
    options = schema_options(call, eff_json_get(body, EFF_STR("options")));
    row.label = eff_str_c(shapes->arena, name);
    row.name = eff_str_printf(shapes->arena, EFF_IC_CUSTOM EFF_STR_FMT, EFF_STR_ARG(name)).ptr;
    row.extra = row.type == EFF_FIELD_CHOICE ? eff_str_c(shapes->arena, options) : NULL;
    row.flags |= row.type == EFF_FIELD_CHOICE ? EFF_FIELD_RESTRICTED : 0;
    schema_answer(call, shape, eff_shape_add_field(shapes, shape, &row));
}

static struct eff_field *
schema_by_number(struct eff_call *call, eff_str number, struct eff_shape **ret_shape)
{
    struct eff_shape *shapes[] = {eff_ic_contacts(call), eff_ic_companies(call)};
    int64_t wanted;

    for (size_t i = 0; eff_str_int(number, &wanted) && i < 2; i++)
        for (size_t k = 0; k < shapes[i]->count; k++) {
            struct eff_field *field = &shapes[i]->fields[k];

            if (field->gone || !eff_field_has(field, EFF_FIELD_CUSTOM) ||
                schema_number(shapes[i], field) != wanted)
                continue;
            *ret_shape = shapes[i];
            return field;
        }
    return NULL;
}

/* Archives and brings back; a type never changes. */
void
eff_ic_attribute_update(struct eff_call *call)
{
    const struct eff_json *body = eff_ic_body(call), *archived;
    struct eff_shape *shape = NULL;
    struct eff_field *field = schema_by_number(call, call->args[0], &shape);

    if (body == NULL)
        return;
    if (field == NULL) {
        eff_ic_error(call, 404, "field_not_found",
                     EFF_STR("We couldn't find that data attribute to update"));
        return;
    }
    archived = eff_json_get(body, EFF_STR("archived"));
    if (eff_json_type(archived) == EFF_JSON_BOOL)
        field->flags = eff_json_bool(archived) ? field->flags | EFF_FIELD_HIDDEN
                                               : field->flags & ~(unsigned)EFF_FIELD_HIDDEN;
    schema_answer(call, shape, field);
}
