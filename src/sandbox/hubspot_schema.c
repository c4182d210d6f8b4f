/*
 * sandbox/hubspot_schema: the standard objects, properties and custom schemas.
 */
#include "sandbox/hubspot.h"

#include <stdio.h>

#define COMPUTED (EFF_FIELD_READONLY | EFF_FIELD_COMPUTED)
#define UNIQUE   (EFF_FIELD_UNIQUE | EFF_FIELD_KEY)
#define CUSTOM   EFF_FIELD_CUSTOM
#define REQUIRED EFF_FIELD_REQUIRED
#define CHOICE   EFF_FIELD_RESTRICTED
#define TEXT_MAX 65536

static const struct eff_field_row schema_common[] = {
    {"hs_object_id", "Record ID", EFF_FIELD_NUMBER, 0, 0, COMPUTED, NULL, NULL},
    {"createdate", "Create date", EFF_FIELD_DATETIME, 0, 0, COMPUTED, NULL, NULL},
    {"hubspot_owner_id", "Owner", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"ext_id", "External id", EFF_FIELD_TEXT, TEXT_MAX, 0, UNIQUE | CUSTOM, NULL, NULL},
};

static const struct eff_field_row schema_contacts[] = {
    {"lastmodifieddate", "Last modified date", EFF_FIELD_DATETIME, 0, 0, COMPUTED, NULL, NULL},
    {"email", "Email", EFF_FIELD_EMAIL, TEXT_MAX, 0, UNIQUE, NULL, NULL},
    {"firstname", "First name", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"lastname", "Last name", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"phone", "Phone number", EFF_FIELD_PHONE, TEXT_MAX, 0, 0, NULL, NULL},
    {"company", "Company name", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"jobtitle", "Job title", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"website", "Website URL", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"city", "City", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"state", "State/Region", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"zip", "Postal code", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"country", "Country/Region", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"lifecyclestage", "Lifecycle stage", EFF_FIELD_CHOICE, 0, 0, CHOICE,
     "subscriber|lead|marketingqualifiedlead|salesqualifiedlead|opportunity|customer|evangelist|other",
     NULL},
    {"hs_lead_status", "Lead status", EFF_FIELD_CHOICE, 0, 0, CHOICE,
     "NEW|OPEN|IN_PROGRESS|OPEN_DEAL|UNQUALIFIED|ATTEMPTED_TO_CONTACT|CONNECTED|BAD_TIMING", NULL},
    {"hs_additional_emails", "Additional email addresses", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL,
     NULL},
    {"lead_score", "Lead score", EFF_FIELD_NUMBER, 0, 0, CUSTOM, NULL, NULL},
    {"segment", "Segment", EFF_FIELD_TEXT, TEXT_MAX, 0, CUSTOM, NULL, NULL},
    {"lifetime_value", "Lifetime value", EFF_FIELD_NUMBER, 0, 0, CUSTOM, NULL, NULL},
    {"high_value", "High value", EFF_FIELD_BOOL, 0, 0, CUSTOM, "true|false", NULL},
    {"orders", "Orders", EFF_FIELD_NUMBER, 0, 0, CUSTOM, NULL, NULL},
    {"first_purchase", "First purchase", EFF_FIELD_DATE, 0, 0, CUSTOM, NULL, NULL},
    {"last_purchase", "Last purchase", EFF_FIELD_DATE, 0, 0, CUSTOM, NULL, NULL},
    {"plan", "Plan", EFF_FIELD_CHOICE, 0, 0, CUSTOM | CHOICE, "free|pro|enterprise", NULL},
    {"interests", "Interests", EFF_FIELD_CHOICES, 0, 0, CUSTOM | CHOICE,
     "music|film|books|games|sports", NULL},
};

static const struct eff_field_row schema_modified[] = {
    {"hs_lastmodifieddate", "Last modified date", EFF_FIELD_DATETIME, 0, 0, COMPUTED, NULL, NULL},
};

static const struct eff_field_row schema_companies[] = {
    {"name", "Company name", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"domain", "Company domain name", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"industry", "Industry", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"phone", "Phone number", EFF_FIELD_PHONE, TEXT_MAX, 0, 0, NULL, NULL},
    {"city", "City", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"country", "Country/Region", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"numberofemployees", "Number of employees", EFF_FIELD_NUMBER, 0, 0, 0, NULL, NULL},
    {"annualrevenue", "Annual revenue", EFF_FIELD_NUMBER, 0, 0, 0, NULL, NULL},
    {"lifetime_value", "Lifetime value", EFF_FIELD_NUMBER, 0, 0, CUSTOM, NULL, NULL},
    {"segment", "Segment", EFF_FIELD_TEXT, TEXT_MAX, 0, CUSTOM, NULL, NULL},
};

static const struct eff_field_row schema_deals[] = {
    {"dealname", "Deal name", EFF_FIELD_TEXT, TEXT_MAX, 0, REQUIRED, NULL, NULL},
    {"pipeline", "Pipeline", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, "default"},
    {"dealstage", "Deal stage", EFF_FIELD_CHOICE, 0, 0, CHOICE,
     "appointmentscheduled|qualifiedtobuy|presentationscheduled|decisionmakerboughtin|contractsent|"
     "closedwon|closedlost",
     "appointmentscheduled"},
    {"amount", "Amount", EFF_FIELD_NUMBER, 0, 0, 0, NULL, NULL},
    {"closedate", "Close date", EFF_FIELD_DATETIME, 0, 0, 0, NULL, NULL},
};

static const struct eff_field_row schema_tickets[] = {
    {"subject", "Ticket name", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"content", "Ticket description", EFF_FIELD_TEXTAREA, TEXT_MAX, 0, 0, NULL, NULL},
    {"hs_pipeline", "Pipeline", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, "0"},
    {"hs_pipeline_stage", "Ticket status", EFF_FIELD_TEXT, TEXT_MAX, 0, REQUIRED, NULL, NULL},
    {"hs_ticket_priority", "Priority", EFF_FIELD_CHOICE, 0, 0, CHOICE, "LOW|MEDIUM|HIGH|URGENT",
     NULL},
    {"hs_ticket_category", "Category", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
};

static const struct eff_field_row schema_products[] = {
    {"name", "Name", EFF_FIELD_TEXT, TEXT_MAX, 0, REQUIRED, NULL, NULL},
    {"price", "Unit price", EFF_FIELD_NUMBER, 0, 0, 0, NULL, NULL},
    {"hs_sku", "SKU", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"description", "Description", EFF_FIELD_TEXTAREA, TEXT_MAX, 0, 0, NULL, NULL},
};

static const struct eff_field_row schema_line_items[] = {
    {"name", "Name", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"price", "Unit price", EFF_FIELD_NUMBER, 0, 0, 0, NULL, NULL},
    {"quantity", "Quantity", EFF_FIELD_NUMBER, 0, 0, 0, NULL, NULL},
    {"hs_product_id", "Product ID", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
};

static const struct eff_field_row schema_lists[] = {
    {"name", "Name", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
    {"object_type", "Object type", EFF_FIELD_TEXT, TEXT_MAX, 0, 0, NULL, NULL},
};

#define ROWS(table) table, sizeof(table) / sizeof((table)[0])

static const struct {
    const char *name, *label, *type;
    const struct eff_field_row *rows;
    size_t count;
} schema_objects[] = {
    {"contacts", "Contact", "0-1", ROWS(schema_contacts)},
    {"companies", "Company", "0-2", ROWS(schema_companies)},
    {"deals", "Deal", "0-3", ROWS(schema_deals)},
    {"tickets", "Ticket", "0-5", ROWS(schema_tickets)},
    {"products", "Product", "0-7", ROWS(schema_products)},
    {"line_items", "Line item", "0-8", ROWS(schema_line_items)},
    {"lists", "List", EFF_HS_LISTS, ROWS(schema_lists)},
};

static void
schema_add_rows(struct eff_shapes *shapes, struct eff_shape *shape,
                const struct eff_field_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        eff_shape_add_field(shapes, shape, &rows[i]);
}

void
eff_hs_shapes(struct eff_shapes *shapes)
{
    for (size_t i = 0; i < sizeof(schema_objects) / sizeof(schema_objects[0]); i++) {
        struct eff_shape *shape =
            eff_shape_add(shapes, eff_str_of(schema_objects[i].name),
                          eff_str_of(schema_objects[i].label), eff_str_of(schema_objects[i].type));

        schema_add_rows(shapes, shape, ROWS(schema_common));
        if (i != 0) // contacts have a name of their own for it
            schema_add_rows(shapes, shape, ROWS(schema_modified));
        schema_add_rows(shapes, shape, schema_objects[i].rows, schema_objects[i].count);
    }
}

struct eff_shape *
eff_hs_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label)
{
    char type[32];
    struct eff_shape *shape;

    snprintf(type, sizeof(type), "2-%zu", 1000 + shapes->count);
    shape = eff_shape_add(shapes, name, label, eff_str_of(type));
    schema_add_rows(shapes, shape, ROWS(schema_common));
    schema_add_rows(shapes, shape, ROWS(schema_modified));
    return shape;
}

static const struct {
    enum eff_field_type type;
    const char *name, *field;
} schema_types[] = {
    {EFF_FIELD_TEXT, "string", "text"},
    {EFF_FIELD_TEXTAREA, "string", "textarea"},
    {EFF_FIELD_EMAIL, "string", "text"},
    {EFF_FIELD_PHONE, "string", "phonenumber"},
    {EFF_FIELD_NUMBER, "number", "number"},
    {EFF_FIELD_BOOL, "bool", "booleancheckbox"},
    {EFF_FIELD_DATE, "date", "date"},
    {EFF_FIELD_DATETIME, "datetime", "date"},
    {EFF_FIELD_CHOICE, "enumeration", "select"},
    {EFF_FIELD_CHOICES, "enumeration", "checkbox"},
    {EFF_FIELD_INTEGER, "number", "number"},
    {EFF_FIELD_CURRENCY, "number", "number"},
    {EFF_FIELD_PERCENT, "number", "number"},
    {EFF_FIELD_URL, "string", "text"},
};

#define SCHEMA_TYPES (sizeof(schema_types) / sizeof(schema_types[0]))

static void
schema_flag(struct eff_json_writer *w, const char *name, bool value)
{
    eff_json_key(w, eff_str_of(name));
    eff_json_write_bool(w, value);
}

static void
schema_write_options(struct eff_json_writer *w, const struct eff_field *field)
{
    static const eff_str yes_no[] = {{"true", 4}, {"false", 5}};
    bool yes = field->type == EFF_FIELD_BOOL && field->choices_count == 0;
    const eff_str *choices = yes ? yes_no : field->choices;
    size_t count = yes ? 2 : field->choices_count;

    eff_json_key(w, EFF_STR("options"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        eff_json_begin_object(w);
        eff_json_field_str(w, "label", choices[i]);
        eff_json_field_str(w, "value", choices[i]);
        eff_json_field_int(w, "displayOrder", (int64_t)i);
        schema_flag(w, "hidden", false);
        eff_json_end_object(w);
    }
    eff_json_end_array(w);
}

/* "contactinformation", "pets_information": the group that every object has. */
static eff_str
schema_group(struct eff_arena *arena, const struct eff_shape *shape)
{
    struct eff_buf text = {0};
    eff_str group;

    if (eff_str_starts(shape->prefix, EFF_STR("2-")))
        return eff_str_printf(arena, EFF_STR_FMT "_information", EFF_STR_ARG(shape->name));
    for (size_t i = 0; i < shape->label.len; i++)
        if (shape->label.ptr[i] != ' ')
            eff_buf_add_char(&text, shape->label.ptr[i]);
    eff_buf_add(&text, EFF_STR("information"));
    group = eff_str_lower(arena, eff_buf_str(&text));
    eff_buf_free(&text);
    return group;
}

static void
schema_write_property(struct eff_call *call, struct eff_json_writer *w,
                      const struct eff_shape *shape, const struct eff_field *field)
{
    bool custom = eff_field_has(field, EFF_FIELD_CUSTOM);
    eff_str changed = eff_hs_time(call, call->world->schema_ms);
    size_t type = 0;

    for (size_t i = 0; i < SCHEMA_TYPES; i++)
        if (schema_types[i].type == field->type)
            type = i;
    eff_json_begin_object(w);
    eff_json_field_str(w, "updatedAt", changed);
    eff_json_field_str(w, "createdAt", changed);
    eff_json_field_str(w, "name", field->name);
    eff_json_field_str(w, "label", field->label);
    eff_json_field_str(w, "type", eff_str_of(schema_types[type].name));
    eff_json_field_str(w, "fieldType", eff_str_of(schema_types[type].field));
    eff_json_field_str(w, "description", EFF_STR(""));
    eff_json_field_str(w, "groupName", schema_group(call->arena, shape));
    schema_write_options(w, field);
    eff_json_field_int(w, "displayOrder", -1);
    schema_flag(w, "calculated", false);
    schema_flag(w, "externalOptions", false);
    schema_flag(w, "archived", field->gone);
    schema_flag(w, "hasUniqueValue",
                eff_field_has(field, EFF_FIELD_UNIQUE) && !eff_str_is(field->name, "email"));
    schema_flag(w, "hidden", false);
    schema_flag(w, "hubspotDefined", !custom);
    schema_flag(w, "formField", custom);
    eff_json_key(w, EFF_STR("modificationMetadata"));
    eff_json_begin_object(w);
    schema_flag(w, "archivable", custom);
    schema_flag(w, "readOnlyDefinition", !custom);
    schema_flag(w, "readOnlyValue", eff_field_has(field, EFF_FIELD_READONLY));
    eff_json_end_object(w);
    eff_json_end_object(w);
}

static void
schema_write_properties(struct eff_call *call, struct eff_json_writer *w,
                        const struct eff_shape *shape, bool archived)
{
    eff_json_begin_array(w);
    for (size_t i = 0; i < shape->count; i++) {
        const struct eff_field *field = &shape->fields[i];

        if (archived ? eff_field_has(field, EFF_FIELD_HIDDEN) : !field->gone)
            schema_write_property(call, w, shape, field);
    }
    eff_json_end_array(w);
}

void
eff_hs_properties_list(struct eff_call *call)
{
    const struct eff_shape *shape = eff_hs_shape(call, call->args[0]);
    bool archived = eff_str_is(eff_call_param(call, "archived"), "true");
    struct eff_json_writer w;

    if (shape == NULL)
        return;
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("results"));
    schema_write_properties(call, &w, shape, archived);
    eff_json_end_object(&w);
}

/* The property in the path; NULL, having answered, when there is none. */
static struct eff_field *
schema_property(struct eff_call *call, struct eff_shape **ret_shape)
{
    struct eff_shape *shape = eff_hs_shape(call, call->args[0]);
    struct eff_field *field =
        shape == NULL ? NULL : eff_shape_field(&call->world->shapes, shape, call->args[1]);

    if (shape != NULL && field == NULL)
        eff_hs_error(call, 404, "OBJECT_NOT_FOUND",
                     eff_str_printf(call->arena,
                                    "The property named " EFF_STR_FMT " does not exist.",
                                    EFF_STR_ARG(eff_str_sub(call->args[1], 0, 100))));
    *ret_shape = shape;
    return field;
}

void
eff_hs_properties_get(struct eff_call *call)
{
    struct eff_shape *shape;
    const struct eff_field *field = schema_property(call, &shape);
    struct eff_json_writer w;

    if (field == NULL)
        return;
    w = eff_call_answer(call, 200);
    schema_write_property(call, &w, shape, field);
}

static enum eff_field_type
schema_type_of(eff_str type, eff_str field_type)
{
    if (eff_str_is(type, "enumeration"))
        return eff_str_is(field_type, "checkbox") ? EFF_FIELD_CHOICES : EFF_FIELD_CHOICE;
    if (eff_str_is(type, "string"))
        return eff_str_is(field_type, "textarea") ? EFF_FIELD_TEXTAREA : EFF_FIELD_TEXT;
    for (size_t i = 0; i < SCHEMA_TYPES; i++)
        if (eff_str_is(type, schema_types[i].name))
            return schema_types[i].type;
    return 0;
}

static bool
schema_name_fine(eff_str name)
{
    if (name.len == 0 || name.len > 100 || name.ptr[0] < 'a' || name.ptr[0] > 'z')
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((name.ptr[i] < 'a' || name.ptr[i] > 'z') && (name.ptr[i] < '0' || name.ptr[i] > '9') &&
            name.ptr[i] != '_')
            return false;
    return true;
}

static const char *
schema_choices(struct eff_call *call, const struct eff_json *options)
{
    struct eff_json_iter iter = eff_json_iterate(options);
    const struct eff_json *option;
    struct eff_buf text = {0};
    const char *copy;

    while (eff_json_next(&iter, NULL, &option)) {
        if (text.len != 0)
            eff_buf_add_char(&text, '|');
        eff_buf_add(&text, eff_json_str(eff_json_get(option, EFF_STR("value"))));
    }
    copy = text.len == 0 ? NULL : eff_str_c(call->world->shapes.arena, eff_buf_str(&text));
    eff_buf_free(&text);
    return copy;
}

static bool
schema_field_type_fits(eff_str type, eff_str field_type)
{
    static const struct {
        const char *type, *fields;
    } rows[] = {{"string", " text textarea phonenumber html file "},
                {"number", " number "},
                {"bool", " booleancheckbox "},
                {"date", " date "},
                {"datetime", " date "},
                {"enumeration", " select radio checkbox booleancheckbox "}};
    char word[32];

    eff_str_print_to(word, sizeof(word), field_type);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *at = eff_str_is(type, rows[i].type) ? strstr(rows[i].fields, word) : NULL;

        if (at != NULL && word[0] != '\0' && at[-1] == ' ' && at[strlen(word)] == ' ')
            return true;
    }
    return false;
}

/* What a property needs that comes by itself; false: answered. */
static bool
schema_complete(struct eff_call *call, const struct eff_shape *shape, const struct eff_json *body)
{
    eff_str label = eff_json_str(eff_json_get(body, EFF_STR("label")));
    eff_str type = eff_json_str(eff_json_get(body, EFF_STR("type")));
    eff_str field_type = eff_json_str(eff_json_get(body, EFF_STR("fieldType")));
    eff_str group = eff_json_str(eff_json_get(body, EFF_STR("groupName")));
    bool empty = eff_json_count(eff_json_get(body, EFF_STR("options"))) == 0;

    if (label.len == 0 || group.len == 0 || !schema_field_type_fits(type, field_type))
        eff_hs_error(call, 400, "VALIDATION_ERROR",
                     EFF_STR("Invalid input JSON: name (lower case), label, type, fieldType and "
                             "groupName are required"));
    else if (!eff_str_eq(group, schema_group(call->arena, shape)))
        eff_hs_error(call, 400, "VALIDATION_ERROR",
                     eff_str_printf(call->arena, "Property group '" EFF_STR_FMT "' does not exist.",
                                    EFF_STR_ARG(eff_str_sub(group, 0, 100))));
    else if (eff_str_is(type, "bool") && empty)
        eff_hs_error(call, 400, "VALIDATION_ERROR",
                     EFF_STR("A bool property needs the options true and false."));
    else
        return true;
    return false;
}

/* Adds a property from its JSON; NULL, having answered, when it cannot be. */
static struct eff_field *
schema_create(struct eff_call *call, struct eff_shape *shape, const struct eff_json *body)
{
    struct eff_arena *memory = call->world->shapes.arena;
    eff_str name = eff_json_str(eff_json_get(body, EFF_STR("name")));
    eff_str label = eff_json_str(eff_json_get(body, EFF_STR("label")));
    bool unique = eff_json_bool(eff_json_get(body, EFF_STR("hasUniqueValue")));
    struct eff_field_row row = {
        .type = schema_type_of(eff_json_str(eff_json_get(body, EFF_STR("type"))),
                               eff_json_str(eff_json_get(body, EFF_STR("fieldType")))),
        .length = TEXT_MAX,
        .flags = CUSTOM | (unique ? UNIQUE : 0u),
    };

    if (!schema_name_fine(name) || row.type == 0 || shape->count >= 2000) {
        eff_hs_error(call, 400, "VALIDATION_ERROR",
                     EFF_STR("Invalid input JSON: name (lower case), label, type, fieldType and "
                             "groupName are required"));
        return NULL;
    }
    if (eff_shape_field(&call->world->shapes, shape, name) != NULL) {
        eff_hs_error(call, 409, "OBJECT_ALREADY_EXISTS",
                     eff_str_printf(call->arena,
                                    "A property named '" EFF_STR_FMT "' already exists.",
                                    EFF_STR_ARG(name)));
        return NULL;
    }
    if (row.type == EFF_FIELD_CHOICE || row.type == EFF_FIELD_CHOICES)
        row.flags |= CHOICE;
    row.name = eff_str_c(memory, name);
    row.label = eff_str_c(memory, label.len == 0 ? name : label);
    row.extra = schema_choices(call, eff_json_get(body, EFF_STR("options")));
    return eff_shape_add_field(&call->world->shapes, shape, &row);
}

void
eff_hs_properties_create(struct eff_call *call)
{
    struct eff_shape *shape = eff_hs_shape(call, call->args[0]);
    const struct eff_json *body = shape == NULL ? NULL : eff_hs_body(call);
    const struct eff_field *field = body == NULL || !schema_complete(call, shape, body)
                                        ? NULL
                                        : schema_create(call, shape, body);
    struct eff_json_writer w;

    if (field == NULL)
        return;
    eff_world_save_shapes(call->world);
    w = eff_call_answer(call, 201);
    schema_write_property(call, &w, shape, field);
}

/* A property can change its label; its name cannot be changed at all. */
void
eff_hs_properties_update(struct eff_call *call)
{
    struct eff_shape *shape;
    struct eff_field *field = schema_property(call, &shape);
    const struct eff_json *body = field == NULL ? NULL : eff_hs_body(call);
    eff_str label = eff_json_str(eff_json_get(body, EFF_STR("label")));
    struct eff_json_writer w;

    if (body == NULL)
        return;
    if (label.len != 0)
        field->label = eff_str_copy(call->world->shapes.arena, label);
    eff_world_save_shapes(call->world);
    w = eff_call_answer(call, 200);
    schema_write_property(call, &w, shape, field);
}

static void
schema_archive(struct eff_field *field)
{
    field->gone = true;
    field->flags |= EFF_FIELD_HIDDEN;
}

void
eff_hs_properties_archive(struct eff_call *call)
{
    struct eff_shape *shape;
    struct eff_field *field = schema_property(call, &shape);

    if (field == NULL)
        return;
    if (!eff_field_has(field, EFF_FIELD_CUSTOM)) {
        eff_hs_error(call, 400, "VALIDATION_ERROR",
                     EFF_STR("HubSpot defined properties cannot be archived"));
        return;
    }
    schema_archive(field);
    eff_world_save_shapes(call->world);
    eff_call_empty(call, 204);
}

void
eff_hs_properties_batch_create(struct eff_call *call)
{
    struct eff_shape *shape = eff_hs_shape(call, call->args[0]);
    const struct eff_json *inputs =
        shape == NULL ? NULL : eff_hs_inputs(call, eff_hs_body(call), EFF_HS_BATCH_MAX);
    struct eff_json_iter iter = eff_json_iterate(inputs);
    size_t before = shape == NULL ? 0 : shape->count;
    const struct eff_json *input;
    struct eff_json_writer w;

    if (inputs == NULL)
        return;
    while (eff_json_next(&iter, NULL, &input)) {
        if (!schema_complete(call, shape, input) || schema_create(call, shape, input) == NULL) {
            shape->count = before; // all or none
            return;
        }
    }
    eff_world_save_shapes(call->world);
    w = eff_hs_begin_batch(call, 201);
    for (size_t i = before; i < shape->count; i++)
        schema_write_property(call, &w, shape, &shape->fields[i]);
    eff_json_end_array(&w);
    eff_hs_end_batch(call, &w);
}

void
eff_hs_properties_batch_read(struct eff_call *call)
{
    struct eff_shape *shape = eff_hs_shape(call, call->args[0]);
    const struct eff_json *inputs =
        shape == NULL ? NULL : eff_hs_inputs(call, eff_hs_body(call), EFF_HS_BATCH_MAX);
    struct eff_json_iter iter = eff_json_iterate(inputs);
    const struct eff_json *input;
    struct eff_json_writer w;

    if (inputs == NULL)
        return;
    w = eff_hs_begin_batch(call, 200);
    while (eff_json_next(&iter, NULL, &input)) {
        const struct eff_field *field = eff_shape_field(
            &call->world->shapes, shape, eff_json_str(eff_json_get(input, EFF_STR("name"))));

        if (field == NULL)
            call->status = 207;
        else
            schema_write_property(call, &w, shape, field);
    }
    eff_json_end_array(&w);
    eff_hs_end_batch(call, &w);
}

void
eff_hs_properties_batch_archive(struct eff_call *call)
{
    struct eff_shape *shape = eff_hs_shape(call, call->args[0]);
    const struct eff_json *inputs =
        shape == NULL ? NULL : eff_hs_inputs(call, eff_hs_body(call), EFF_HS_BATCH_MAX);
    struct eff_json_iter iter = eff_json_iterate(inputs);
    const struct eff_json *input;

    if (inputs == NULL)
        return;
    while (eff_json_next(&iter, NULL, &input)) {
        struct eff_field *field = eff_shape_field(
            &call->world->shapes, shape, eff_json_str(eff_json_get(input, EFF_STR("name"))));

        if (field != NULL && eff_field_has(field, EFF_FIELD_CUSTOM))
            schema_archive(field);
    }
    eff_world_save_shapes(call->world);
    eff_call_empty(call, 204);
}

static void
schema_write_schema(struct eff_call *call, struct eff_json_writer *w, const struct eff_shape *shape)
{
    eff_str changed = eff_hs_time(call, call->world->schema_ms);

    eff_json_begin_object(w);
    eff_json_field_str(w, "id", shape->prefix);
    eff_json_field_str(w, "objectTypeId", shape->prefix);
    eff_json_field_str(w, "name", shape->name);
    eff_json_field_str(w, "fullyQualifiedName",
                       eff_str_printf(call->arena, "p1_" EFF_STR_FMT, EFF_STR_ARG(shape->name)));
    eff_json_key(w, EFF_STR("labels"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "singular", shape->label);
    eff_json_field_str(w, "plural", shape->label);
    eff_json_end_object(w);
    eff_json_key(w, EFF_STR("requiredProperties"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < shape->count; i++)
        if (!shape->fields[i].gone && eff_field_has(&shape->fields[i], REQUIRED))
            eff_json_write_str(w, shape->fields[i].name);
    eff_json_end_array(w);
    eff_json_key(w, EFF_STR("properties"));
    schema_write_properties(call, w, shape, false);
    eff_json_key(w, EFF_STR("associations"));
    eff_json_begin_array(w);
    eff_json_end_array(w);
    schema_flag(w, "archived", false);
    eff_json_field_str(w, "createdAt", changed);
    eff_json_field_str(w, "updatedAt", changed);
    eff_json_end_object(w);
}

void
eff_hs_schemas_list(struct eff_call *call)
{
    const struct eff_shapes *shapes = &call->world->shapes;
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("results"));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < shapes->count; i++)
        if (eff_str_starts(shapes->at[i]->prefix, EFF_STR("2-")))
            schema_write_schema(call, &w, shapes->at[i]);
    eff_json_end_array(&w);
    eff_json_end_object(&w);
}

void
eff_hs_schemas_get(struct eff_call *call)
{
    eff_str name = call->args[0];
    const struct eff_shape *shape;
    struct eff_json_writer w;

    if (eff_str_starts(name, EFF_STR("p1_")))
        name = eff_str_sub(name, 3, SIZE_MAX);
    shape = eff_hs_shape(call, name);
    if (shape == NULL)
        return;
    w = eff_call_answer(call, 200);
    schema_write_schema(call, &w, shape);
}

static void
schema_mark_required(struct eff_call *call, struct eff_shape *shape, const struct eff_json *names)
{
    struct eff_json_iter iter = eff_json_iterate(names);
    const struct eff_json *name;

    while (eff_json_next(&iter, NULL, &name)) {
        struct eff_field *field = eff_shape_field(&call->world->shapes, shape, eff_json_str(name));

        if (field != NULL)
            field->flags |= REQUIRED;
    }
}

void
eff_hs_schemas_create(struct eff_call *call)
{
    const struct eff_json *body = eff_hs_body(call), *property;
    struct eff_shapes *shapes = &call->world->shapes;
    eff_str name = eff_json_str(eff_json_get(body, EFF_STR("name")));
    eff_str label = eff_json_str(eff_json_pointer(body, EFF_STR("/labels/singular")));
    struct eff_json_iter iter = eff_json_iterate(eff_json_get(body, EFF_STR("properties")));
    struct eff_shape *shape;
    struct eff_json_writer w;

    if (body == NULL)
        return;
    if (!schema_name_fine(name) || eff_shape_find(shapes, name) != NULL) {
        eff_hs_error(call, 400, "VALIDATION_ERROR",
                     EFF_STR("An object needs a new name in lower case"));
        return;
    }
    shape = eff_hs_new_shape(shapes, name, label.len == 0 ? name : label);
    while (eff_json_next(&iter, NULL, &property)) {
        if (schema_create(call, shape, property) == NULL) {
            shapes->count--; // it was the last one
            return;
        }
    }
    schema_mark_required(call, shape, eff_json_get(body, EFF_STR("requiredProperties")));
    eff_world_save_shapes(call->world);
    w = eff_call_answer(call, 201);
    schema_write_schema(call, &w, shape);
}
