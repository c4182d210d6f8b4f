/*
 * sandbox/salesforce_schema: the standard objects, and how they describe themselves.
 *
 * Field types and lengths are those of a plain org of the vendor; the custom
 * fields are the ones that the examples of this project write to.
 */
#include "base/clock.h"
#include "sandbox/salesforce.h"

#include <stdio.h>
#include <time.h>

#define REQUIRED EFF_FIELD_REQUIRED
#define READONLY EFF_FIELD_READONLY
#define COMPUTED (EFF_FIELD_READONLY | EFF_FIELD_COMPUTED)
#define CUSTOM   EFF_FIELD_CUSTOM

static const struct eff_field_row schema_common[] = {
    {"Id", "Record ID", EFF_FIELD_ID, 18, 0, COMPUTED, NULL, NULL},
    {"IsDeleted", "Deleted", EFF_FIELD_BOOL, 0, 0, COMPUTED, NULL, NULL},
    {"OwnerId", "Owner ID", EFF_FIELD_REFERENCE, 18, 0, 0, "User:Owner", EFF_SF_USER},
    {"CreatedDate", "Created Date", EFF_FIELD_DATETIME, 0, 0, COMPUTED, NULL, NULL},
    {"LastModifiedDate", "Last Modified Date", EFF_FIELD_DATETIME, 0, 0, COMPUTED, NULL, NULL},
    {"SystemModstamp", "System Modstamp", EFF_FIELD_DATETIME, 0, 0, COMPUTED, NULL, NULL},
    {"Ext_Id__c", "External Id", EFF_FIELD_TEXT, 255, 0, EFF_FIELD_UNIQUE | EFF_FIELD_KEY | CUSTOM,
     NULL, NULL},
};

/* Lead and Contact: what models of customers score. */
static const struct eff_field_row schema_scores[] = {
    {"Lead_Score__c", "Lead Score", EFF_FIELD_NUMBER, 18, 2, CUSTOM, NULL, NULL},
    {"Segment__c", "Segment", EFF_FIELD_TEXT, 255, 0, CUSTOM, NULL, NULL},
    {"High_Value__c", "High Value", EFF_FIELD_BOOL, 0, 0, CUSTOM, NULL, "false"},
    {"Lifetime_Value__c", "Lifetime Value", EFF_FIELD_CURRENCY, 18, 2, CUSTOM, NULL, NULL},
    {"First_Purchase__c", "First Purchase", EFF_FIELD_DATE, 0, 0, CUSTOM, NULL, NULL},
    {"Last_Purchase__c", "Last Purchase", EFF_FIELD_DATE, 0, 0, CUSTOM, NULL, NULL},
    {"Orders__c", "Orders", EFF_FIELD_NUMBER, 18, 0, CUSTOM, NULL, NULL},
    {"Plan__c", "Plan", EFF_FIELD_CHOICE, 255, 0, CUSTOM | EFF_FIELD_RESTRICTED,
     "free|pro|enterprise", NULL},
};

static const struct eff_field_row schema_lead[] = {
    {"Name", "Full Name", EFF_FIELD_TEXT, 121, 0, COMPUTED, NULL, NULL},
    {"FirstName", "First Name", EFF_FIELD_TEXT, 40, 0, 0, NULL, NULL},
    {"LastName", "Last Name", EFF_FIELD_TEXT, 80, 0, REQUIRED, NULL, NULL},
    {"Company", "Company", EFF_FIELD_TEXT, 255, 0, REQUIRED, NULL, NULL},
    {"Title", "Title", EFF_FIELD_TEXT, 128, 0, 0, NULL, NULL},
    {"Email", "Email", EFF_FIELD_EMAIL, 80, 0, EFF_FIELD_KEY, NULL, NULL},
    {"Phone", "Phone", EFF_FIELD_PHONE, 40, 0, 0, NULL, NULL},
    {"MobilePhone", "Mobile Phone", EFF_FIELD_PHONE, 40, 0, 0, NULL, NULL},
    {"Website", "Website", EFF_FIELD_URL, 255, 0, 0, NULL, NULL},
    {"Street", "Street", EFF_FIELD_TEXTAREA, 255, 0, 0, NULL, NULL},
    {"City", "City", EFF_FIELD_TEXT, 40, 0, 0, NULL, NULL},
    {"State", "State/Province", EFF_FIELD_TEXT, 80, 0, 0, NULL, NULL},
    {"PostalCode", "Zip/Postal Code", EFF_FIELD_TEXT, 20, 0, 0, NULL, NULL},
    {"Country", "Country", EFF_FIELD_TEXT, 80, 0, 0, NULL, NULL},
    {"LeadSource", "Lead Source", EFF_FIELD_CHOICE, 255, 0, 0,
     "Web|Phone Inquiry|Partner Referral|Purchased List|Other", NULL},
    {"Status", "Status", EFF_FIELD_CHOICE, 255, 0, 0,
     "Open - Not Contacted|Working - Contacted|Closed - Converted|Closed - Not Converted",
     "Open - Not Contacted"},
    {"Industry", "Industry", EFF_FIELD_CHOICE, 255, 0, 0,
     "Agriculture|Banking|Consulting|Education|Energy|Finance|Retail|Technology|Other", NULL},
    {"Rating", "Rating", EFF_FIELD_CHOICE, 255, 0, 0, "Hot|Warm|Cold", NULL},
    {"AnnualRevenue", "Annual Revenue", EFF_FIELD_CURRENCY, 18, 0, 0, NULL, NULL},
    {"NumberOfEmployees", "Employees", EFF_FIELD_INTEGER, 8, 0, 0, NULL, NULL},
    {"Description", "Description", EFF_FIELD_TEXTAREA, 32000, 0, 0, NULL, NULL},
    {"IsConverted", "Converted", EFF_FIELD_BOOL, 0, 0, READONLY, NULL, "false"},
};

static const struct eff_field_row schema_contact[] = {
    {"Name", "Full Name", EFF_FIELD_TEXT, 121, 0, COMPUTED, NULL, NULL},
    {"FirstName", "First Name", EFF_FIELD_TEXT, 40, 0, 0, NULL, NULL},
    {"LastName", "Last Name", EFF_FIELD_TEXT, 80, 0, REQUIRED, NULL, NULL},
    {"AccountId", "Account ID", EFF_FIELD_REFERENCE, 18, 0, 0, "Account:Account", NULL},
    {"Title", "Title", EFF_FIELD_TEXT, 128, 0, 0, NULL, NULL},
    {"Department", "Department", EFF_FIELD_TEXT, 80, 0, 0, NULL, NULL},
    {"Email", "Email", EFF_FIELD_EMAIL, 80, 0, EFF_FIELD_KEY, NULL, NULL},
    {"Phone", "Business Phone", EFF_FIELD_PHONE, 40, 0, 0, NULL, NULL},
    {"MobilePhone", "Mobile Phone", EFF_FIELD_PHONE, 40, 0, 0, NULL, NULL},
    {"MailingStreet", "Mailing Street", EFF_FIELD_TEXTAREA, 255, 0, 0, NULL, NULL},
    {"MailingCity", "Mailing City", EFF_FIELD_TEXT, 40, 0, 0, NULL, NULL},
    {"MailingState", "Mailing State/Province", EFF_FIELD_TEXT, 80, 0, 0, NULL, NULL},
    {"MailingPostalCode", "Mailing Zip/Postal Code", EFF_FIELD_TEXT, 20, 0, 0, NULL, NULL},
    {"MailingCountry", "Mailing Country", EFF_FIELD_TEXT, 80, 0, 0, NULL, NULL},
    {"LeadSource", "Lead Source", EFF_FIELD_CHOICE, 255, 0, 0,
     "Web|Phone Inquiry|Partner Referral|Purchased List|Other", NULL},
    {"Birthdate", "Birthdate", EFF_FIELD_DATE, 0, 0, 0, NULL, NULL},
    {"Description", "Contact Description", EFF_FIELD_TEXTAREA, 32000, 0, 0, NULL, NULL},
    {"HasOptedOutOfEmail", "Email Opt Out", EFF_FIELD_BOOL, 0, 0, 0, NULL, "false"},
};

static const struct eff_field_row schema_account[] = {
    {"Name", "Account Name", EFF_FIELD_TEXT, 255, 0, REQUIRED, NULL, NULL},
    {"ParentId", "Parent Account ID", EFF_FIELD_REFERENCE, 18, 0, 0, "Account:Parent", NULL},
    {"Type", "Account Type", EFF_FIELD_CHOICE, 255, 0, 0, "Prospect|Customer|Partner|Other", NULL},
    {"Industry", "Industry", EFF_FIELD_CHOICE, 255, 0, 0,
     "Agriculture|Banking|Consulting|Education|Energy|Finance|Retail|Technology|Other", NULL},
    {"Phone", "Account Phone", EFF_FIELD_PHONE, 40, 0, 0, NULL, NULL},
    {"Website", "Website", EFF_FIELD_URL, 255, 0, 0, NULL, NULL},
    {"AccountNumber", "Account Number", EFF_FIELD_TEXT, 40, 0, 0, NULL, NULL},
    {"AnnualRevenue", "Annual Revenue", EFF_FIELD_CURRENCY, 18, 0, 0, NULL, NULL},
    {"NumberOfEmployees", "Employees", EFF_FIELD_INTEGER, 8, 0, 0, NULL, NULL},
    {"BillingStreet", "Billing Street", EFF_FIELD_TEXTAREA, 255, 0, 0, NULL, NULL},
    {"BillingCity", "Billing City", EFF_FIELD_TEXT, 40, 0, 0, NULL, NULL},
    {"BillingPostalCode", "Billing Zip/Postal Code", EFF_FIELD_TEXT, 20, 0, 0, NULL, NULL},
    {"BillingCountry", "Billing Country", EFF_FIELD_TEXT, 80, 0, 0, NULL, NULL},
    {"Description", "Account Description", EFF_FIELD_TEXTAREA, 32000, 0, 0, NULL, NULL},
};

static const struct eff_field_row schema_opportunity[] = {
    {"Name", "Name", EFF_FIELD_TEXT, 120, 0, REQUIRED, NULL, NULL},
    {"AccountId", "Account ID", EFF_FIELD_REFERENCE, 18, 0, 0, "Account:Account", NULL},
    {"StageName", "Stage", EFF_FIELD_CHOICE, 255, 0, REQUIRED,
     "Prospecting|Qualification|Needs Analysis|Proposal/Price Quote|Negotiation/Review|Closed Won|"
     "Closed Lost",
     NULL},
    {"CloseDate", "Close Date", EFF_FIELD_DATE, 0, 0, REQUIRED, NULL, NULL},
    {"Amount", "Amount", EFF_FIELD_CURRENCY, 18, 2, 0, NULL, NULL},
    {"Probability", "Probability (%)", EFF_FIELD_PERCENT, 3, 0, 0, NULL, NULL},
    {"Type", "Opportunity Type", EFF_FIELD_CHOICE, 255, 0, 0, "New Business|Existing Business",
     NULL},
    {"NextStep", "Next Step", EFF_FIELD_TEXT, 255, 0, 0, NULL, NULL},
    {"LeadSource", "Lead Source", EFF_FIELD_CHOICE, 255, 0, 0,
     "Web|Phone Inquiry|Partner Referral|Purchased List|Other", NULL},
    {"Description", "Description", EFF_FIELD_TEXTAREA, 32000, 0, 0, NULL, NULL},
};

#define ROWS(table) table, sizeof(table) / sizeof((table)[0])

static const struct {
    const char *name, *label, *prefix;
    const struct eff_field_row *rows;
    size_t count;
    bool scored;
} schema_objects[] = {
    {"Lead", "Lead", "00Q", ROWS(schema_lead), true},
    {"Contact", "Contact", "003", ROWS(schema_contact), true},
    {"Account", "Account", "001", ROWS(schema_account), false},
    {"Opportunity", "Opportunity", "006", ROWS(schema_opportunity), false},
};

static void
schema_add_rows(struct eff_shapes *shapes, struct eff_shape *shape,
                const struct eff_field_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        eff_shape_add_field(shapes, shape, &rows[i]);
}

void
eff_sf_shapes(struct eff_shapes *shapes)
{
    for (size_t i = 0; i < sizeof(schema_objects) / sizeof(schema_objects[0]); i++) {
        struct eff_shape *shape = eff_shape_add(shapes, eff_str_of(schema_objects[i].name),
                                                eff_str_of(schema_objects[i].label),
                                                eff_str_of(schema_objects[i].prefix));

        schema_add_rows(shapes, shape, ROWS(schema_common));
        schema_add_rows(shapes, shape, schema_objects[i].rows, schema_objects[i].count);
        if (schema_objects[i].scored)
            schema_add_rows(shapes, shape, ROWS(schema_scores));
    }
}

struct eff_shape *
eff_sf_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label)
{
    static const struct eff_field_row own[] = {
        {"Name", "Name", EFF_FIELD_TEXT, 80, 0, 0, NULL, NULL},
    };
    char prefix[8];
    struct eff_shape *shape;

    snprintf(prefix, sizeof(prefix), "a%02u", (unsigned)(shapes->count % 100));
    shape = eff_shape_add(shapes, name, label, eff_str_of(prefix));
    schema_add_rows(shapes, shape, ROWS(schema_common));
    schema_add_rows(shapes, shape, ROWS(own));
    return shape;
}

const char *
eff_sf_type(const struct eff_field *field)
{
    static const char *const names[] = {
        [EFF_FIELD_TEXT] = "string",     [EFF_FIELD_TEXTAREA] = "textarea",
        [EFF_FIELD_EMAIL] = "email",     [EFF_FIELD_PHONE] = "phone",
        [EFF_FIELD_URL] = "url",         [EFF_FIELD_NUMBER] = "double",
        [EFF_FIELD_INTEGER] = "int",     [EFF_FIELD_CURRENCY] = "currency",
        [EFF_FIELD_PERCENT] = "percent", [EFF_FIELD_BOOL] = "boolean",
        [EFF_FIELD_DATE] = "date",       [EFF_FIELD_DATETIME] = "datetime",
        [EFF_FIELD_CHOICE] = "picklist", [EFF_FIELD_CHOICES] = "multipicklist",
        [EFF_FIELD_ID] = "id",           [EFF_FIELD_REFERENCE] = "reference",
    };

    return names[field->type];
}

static void
schema_write_flag(struct eff_json_writer *w, const char *name, bool value)
{
    eff_json_key(w, eff_str_of(name));
    eff_json_write_bool(w, value);
}

static void
schema_write_choices(struct eff_json_writer *w, const struct eff_field *field)
{
    eff_json_key(w, EFF_STR("picklistValues"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < field->choices_count; i++) {
        eff_json_begin_object(w);
        schema_write_flag(w, "active", true);
        schema_write_flag(w, "defaultValue", eff_str_eq(field->choices[i], field->fallback));
        eff_json_field_str(w, "label", field->choices[i]);
        eff_json_key(w, EFF_STR("validFor"));
        eff_json_write_null(w);
        eff_json_field_str(w, "value", field->choices[i]);
        eff_json_end_object(w);
    }
    eff_json_end_array(w);
}

static void
schema_write_sizes(struct eff_json_writer *w, const struct eff_field *field)
{
    bool number = eff_field_is_number(field);
    bool integer = field->type == EFF_FIELD_INTEGER;

    eff_json_field_int(w, "length", number ? 0 : field->length);
    eff_json_field_int(w, "byteLength", number ? 0 : field->length * 3);
    eff_json_field_int(w, "precision", number && !integer ? field->length : 0);
    eff_json_field_int(w, "scale", number && !integer ? field->scale : 0);
    eff_json_field_int(w, "digits", integer ? field->length : 0);
}

static void
schema_write_reference(struct eff_json_writer *w, const struct eff_field *field)
{
    eff_json_key(w, EFF_STR("referenceTo"));
    eff_json_begin_array(w);
    if (field->target.len != 0)
        eff_json_write_str(w, field->target);
    eff_json_end_array(w);
    eff_json_key(w, EFF_STR("relationshipName"));
    if (field->relation.len != 0)
        eff_json_write_str(w, field->relation);
    else
        eff_json_write_null(w);
}

static void
schema_write_default(struct eff_json_writer *w, const struct eff_field *field)
{
    eff_json_key(w, EFF_STR("defaultValue"));
    if (field->type == EFF_FIELD_BOOL)
        eff_json_write_bool(w, eff_str_is(field->fallback, "true"));
    else
        eff_json_write_null(w);
    schema_write_flag(w, "defaultedOnCreate",
                      field->fallback.ptr != NULL || eff_field_has(field, EFF_FIELD_COMPUTED) ||
                          field->type == EFF_FIELD_BOOL);
}

static void
schema_write_field(struct eff_json_writer *w, const struct eff_field *field)
{
    bool key = eff_field_has(field, EFF_FIELD_KEY);
    bool custom = eff_field_has(field, EFF_FIELD_CUSTOM);
    bool writable = !eff_field_has(field, EFF_FIELD_READONLY);
    bool required = eff_field_has(field, EFF_FIELD_REQUIRED) || field->type == EFF_FIELD_BOOL ||
                    eff_field_has(field, EFF_FIELD_COMPUTED) || eff_str_is(field->name, "OwnerId");

    eff_json_begin_object(w);
    eff_json_field_str(w, "name", field->name);
    eff_json_field_str(w, "label", field->label);
    eff_json_field_str(w, "type", eff_str_of(eff_sf_type(field)));
    schema_write_sizes(w, field);
    schema_write_flag(w, "nillable", !required);
    schema_write_flag(w, "createable", writable);
    schema_write_flag(w, "updateable", writable);
    schema_write_flag(w, "custom", custom);
    schema_write_flag(w, "externalId", key && custom);
    schema_write_flag(w, "idLookup", key || field->type == EFF_FIELD_ID);
    schema_write_flag(w, "unique", eff_field_has(field, EFF_FIELD_UNIQUE));
    schema_write_flag(w, "caseSensitive", eff_field_has(field, EFF_FIELD_CASE));
    schema_write_flag(w, "calculated", false);
    schema_write_flag(w, "autoNumber", false);
    schema_write_flag(w, "nameField", eff_str_is(field->name, "Name"));
    schema_write_flag(w, "filterable", field->type != EFF_FIELD_TEXTAREA || field->length <= 255);
    schema_write_flag(w, "restrictedPicklist", eff_field_has(field, EFF_FIELD_RESTRICTED));
    schema_write_default(w, field);
    schema_write_choices(w, field);
    schema_write_reference(w, field);
    eff_json_end_object(w);
}

static void
schema_write_urls(struct eff_call *call, struct eff_json_writer *w, const struct eff_shape *shape)
{
    eff_str base =
        eff_str_printf(call->arena, "/services/data/v" EFF_STR_FMT "/sobjects/" EFF_STR_FMT,
                       EFF_STR_ARG(eff_sf_version(call)), EFF_STR_ARG(shape->name));

    eff_json_key(w, EFF_STR("urls"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "sobject", base);
    eff_json_field_str(w, "describe", eff_str_printf(call->arena, "%s/describe", base.ptr));
    eff_json_field_str(w, "rowTemplate", eff_str_printf(call->arena, "%s/{ID}", base.ptr));
    eff_json_end_object(w);
}

/* The members that a describe and a list of objects share. */
static void
schema_write_object(struct eff_call *call, struct eff_json_writer *w, const struct eff_shape *shape)
{
    eff_json_field_str(w, "name", shape->name);
    eff_json_field_str(w, "label", shape->label);
    eff_json_field_str(w, "labelPlural",
                       eff_str_printf(call->arena, EFF_STR_FMT "s", EFF_STR_ARG(shape->label)));
    eff_json_field_str(w, "keyPrefix", shape->prefix);
    schema_write_flag(w, "custom", eff_str_ends(shape->name, EFF_STR("__c")));
    schema_write_flag(w, "customSetting", false);
    schema_write_flag(w, "createable", true);
    schema_write_flag(w, "updateable", true);
    schema_write_flag(w, "deletable", true);
    schema_write_flag(w, "undeletable", true);
    schema_write_flag(w, "queryable", true);
    schema_write_flag(w, "retrieveable", true);
    schema_write_flag(w, "searchable", true);
    schema_write_flag(w, "layoutable", true);
    schema_write_flag(w, "triggerable", true);
    schema_write_urls(call, w, shape);
}

void
eff_sf_list_objects(struct eff_call *call)
{
    const struct eff_shapes *shapes = &call->world->shapes;
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "encoding", EFF_STR("UTF-8"));
    eff_json_field_int(&w, "maxBatchSize", EFF_SF_ROWS_MAX);
    eff_json_key(&w, EFF_STR("sobjects"));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < shapes->count; i++) {
        eff_json_begin_object(&w);
        schema_write_object(call, &w, shapes->at[i]);
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
    eff_json_end_object(&w);
}

void
eff_sf_basic(struct eff_call *call)
{
    const struct eff_shape *shape = eff_sf_shape(call, call->args[1]);
    struct eff_json_writer w;

    if (shape == NULL)
        return;
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("objectDescribe"));
    eff_json_begin_object(&w);
    schema_write_object(call, &w, shape);
    eff_json_end_object(&w);
    eff_json_key(&w, EFF_STR("recentItems"));
    eff_json_begin_array(&w);
    eff_json_end_array(&w);
    eff_json_end_object(&w);
}

static eff_str
schema_http_date(struct eff_call *call, int64_t seconds)
{
    char text[64];
    struct tm parts;
    time_t at = (time_t)seconds;

    if (gmtime_r(&at, &parts) == NULL ||
        strftime(text, sizeof(text), "%a, %d %b %Y %T GMT", &parts) == 0)
        return EFF_STR("");
    return eff_str_copy(call->arena, eff_str_of(text));
}

void
eff_sf_describe(struct eff_call *call)
{
    const struct eff_shape *shape = eff_sf_shape(call, call->args[1]);
    int64_t changed = call->world->schema_ms / 1000, since;
    struct eff_json_writer w;

    if (shape == NULL)
        return;
    eff_call_set(call, "Last-Modified", schema_http_date(call, changed));
    if (eff_http_date_parse(eff_call_header(call, "if-modified-since"), &since) &&
        since >= changed) {
        eff_call_empty(call, 304);
        return;
    }
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    schema_write_object(call, &w, shape);
    eff_json_key(&w, EFF_STR("fields"));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < shape->count; i++)
        if (!shape->fields[i].gone)
            schema_write_field(&w, &shape->fields[i]);
    eff_json_end_array(&w);
    eff_json_key(&w, EFF_STR("childRelationships"));
    eff_json_begin_array(&w);
    eff_json_end_array(&w);
    eff_json_key(&w, EFF_STR("recordTypeInfos"));
    eff_json_begin_array(&w);
    eff_json_end_array(&w);
    eff_json_end_object(&w);
}
