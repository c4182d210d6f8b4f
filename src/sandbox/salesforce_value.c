/*
 * sandbox/salesforce_value: what a value must look like, and what becomes of it.
 *
 * Text is trimmed and "" becomes null. JSON of the wrong type (a number into
 * text, "abc" into a number) is an error of the whole request, as the vendor's
 * parser makes it; values of CSV and values that are only too long, too large
 * or not allowed are errors of their row.
 */
#include "base/clock.h"
#include "base/number.h"
#include "sandbox/salesforce.h"

#include <stdarg.h>
#include <stdio.h>

bool
eff_sf_fail(struct eff_call *call, struct eff_sf_problem *problem, const char *code,
            const struct eff_field *field, const char *format, ...)
{
    char text[1024];
    va_list args;

    if (problem->code != NULL)
        return false; // the first one counts
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    *problem = (struct eff_sf_problem){.code = code,
                                       .message = eff_str_copy(call->arena, eff_str_of(text))};
    if (field != NULL)
        problem->fields[problem->fields_count++] = field->name;
    return false;
}

/* The value cannot be read as the type of its field. */
static bool
value_wrong_type(struct eff_call *call, const struct eff_field *field, const struct eff_json *value,
                 eff_str text, struct eff_sf_problem *problem)
{
    static const char *const kinds[] = {
        [EFF_JSON_NULL] = "VALUE_NULL",     [EFF_JSON_BOOL] = "VALUE_TRUE",
        [EFF_JSON_NUMBER] = "VALUE_NUMBER", [EFF_JSON_STRING] = "VALUE_STRING",
        [EFF_JSON_ARRAY] = "START_ARRAY",   [EFF_JSON_OBJECT] = "START_OBJECT",
    };

    text = eff_str_sub(text, 0, eff_utf8_prefix(text, 100));
    if (value == NULL)
        return eff_sf_fail(call, problem, "INVALID_TYPE_ON_FIELD_IN_RECORD", field,
                           EFF_STR_FMT ": value not of required type: " EFF_STR_FMT,
                           EFF_STR_ARG(field->label), EFF_STR_ARG(text));
    eff_sf_fail(call, problem, "JSON_PARSER_ERROR", NULL,
                "Cannot deserialize instance of %s from %s value " EFF_STR_FMT
                " or request may be missing a required field (" EFF_STR_FMT ")",
                eff_sf_type(field), kinds[eff_json_type(value)], EFF_STR_ARG(text),
                EFF_STR_ARG(field->name));
    problem->whole = true;
    return false;
}

static size_t
value_characters(eff_str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static bool
value_is_email(eff_str text)
{
    size_t at = eff_str_find_char(text, '@');
    eff_str local = eff_str_sub(text, 0, at), domain = eff_str_sub(text, at + 1, SIZE_MAX);
    size_t dot;

    if (at == SIZE_MAX || local.len == 0 || local.len > 64 || domain.len < 3)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || memchr("()<>[]\\,;:\"", text.ptr[i], 11) != NULL)
            return false;
    dot = eff_str_find_char(domain, '.');
    return dot != SIZE_MAX && dot != 0 && domain.ptr[domain.len - 1] != '.' &&
           eff_str_find_char(domain, '@') == SIZE_MAX &&
           eff_str_find(domain, EFF_STR("..")) == SIZE_MAX;
}

static bool
value_is_choice(const struct eff_field *field, eff_str text)
{
    for (size_t i = 0; i < field->choices_count; i++)
        if (eff_str_eq_nocase(field->choices[i], text))
            return true;
    return false;
}

static bool
value_choices_fine(const struct eff_field *field, eff_str text)
{
    eff_str head, rest = text;

    if (field->type == EFF_FIELD_CHOICE)
        return value_is_choice(field, text);
    while (eff_str_cut(rest, ';', &head, &rest))
        if (!value_is_choice(field, eff_str_trim(head)))
            return false;
    return value_is_choice(field, eff_str_trim(head));
}

static bool
value_text(struct eff_call *call, const struct eff_field *field, eff_str text,
           struct eff_cell *ret_cell, struct eff_sf_problem *problem)
{
    bool choice = field->type == EFF_FIELD_CHOICE || field->type == EFF_FIELD_CHOICES;
    size_t shown = eff_utf8_prefix(text, 100);

    if ((size_t)field->length < value_characters(text))
        return eff_sf_fail(call, problem, "STRING_TOO_LONG", field,
                           EFF_STR_FMT ": data value too large: " EFF_STR_FMT " (max length=%lld)",
                           EFF_STR_ARG(field->label), EFF_STR_ARG(eff_str_sub(text, 0, shown)),
                           (long long)field->length);
    if (field->type == EFF_FIELD_EMAIL && !value_is_email(text))
        return eff_sf_fail(call, problem, "INVALID_EMAIL_ADDRESS", field,
                           EFF_STR_FMT ": invalid email address: " EFF_STR_FMT,
                           EFF_STR_ARG(field->label), EFF_STR_ARG(text));
    if (choice && eff_field_has(field, EFF_FIELD_RESTRICTED) && !value_choices_fine(field, text))
        return eff_sf_fail(call, problem, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", field,
                           EFF_STR_FMT ": bad value for restricted picklist field: " EFF_STR_FMT,
                           EFF_STR_ARG(field->label), EFF_STR_ARG(eff_str_sub(text, 0, shown)));
    *ret_cell = (struct eff_cell){EFF_CELL_TEXT, text};
    return true;
}

/* Rounds the canonical decimal to so many digits behind the point, half away from zero. */
static size_t
value_round(char *text, size_t len, int64_t scale)
{
    size_t point = 0, cut, i;
    bool up;

    while (point < len && text[point] != '.')
        point++;
    if (point == len || len - point - 1 <= (size_t)scale)
        return len;
    cut = point + 1 + (size_t)scale;
    up = text[cut] >= '5';
    len = scale == 0 ? point : cut;
    for (i = len; up && i-- > 0;) {
        if (text[i] == '.' || text[i] == '-')
            continue;
        up = text[i] == '9';
        text[i] = up ? '0' : (char)(text[i] + 1);
    }
    if (up) { // 9.99 to 10.0: one more digit in front
        i = text[0] == '-';
        memmove(text + i + 1, text + i, len - i);
        text[i] = '1';
        len++;
    }
    return len;
}

static bool
value_number(struct eff_call *call, const struct eff_field *field, const struct eff_json *value,
             eff_str text, struct eff_cell *ret_cell, struct eff_sf_problem *problem)
{
    int64_t scale = field->type == EFF_FIELD_INTEGER ? 0 : field->scale;
    char digits[64], canonical[64];
    size_t len = eff_decimal_canonical(text, digits, sizeof(digits) - 1), whole = 0;

    if (!eff_number_valid(text))
        return value_wrong_type(call, field, value, text, problem);
    if (len != 0) {
        len = value_round(digits, len, scale);
        len = eff_decimal_canonical((eff_str){digits, len}, canonical, sizeof(canonical));
        while (whole < len && canonical[whole] != '.')
            whole++;
        whole -= len != 0 && canonical[0] == '-';
    }
    if (len == 0 || (int64_t)whole > field->length - scale)
        return eff_sf_fail(call, problem, "NUMBER_OUTSIDE_VALID_RANGE", field,
                           EFF_STR_FMT
                           ": value outside of valid range on numeric field: " EFF_STR_FMT,
                           EFF_STR_ARG(field->label), EFF_STR_ARG(eff_str_sub(text, 0, 60)));
    *ret_cell =
        (struct eff_cell){EFF_CELL_NUMBER, eff_str_copy(call->arena, (eff_str){canonical, len})};
    return true;
}

static bool
value_bool(struct eff_call *call, const struct eff_field *field, const struct eff_json *value,
           eff_str text, struct eff_cell *ret_cell, struct eff_sf_problem *problem)
{
    bool digits = value == NULL; // CSV may also say 1 and 0

    if (eff_str_eq_nocase(text, EFF_STR("true")) || (digits && eff_str_is(text, "1")))
        *ret_cell = (struct eff_cell){EFF_CELL_BOOL, EFF_STR("true")};
    else if (eff_str_eq_nocase(text, EFF_STR("false")) || (digits && eff_str_is(text, "0")))
        *ret_cell = (struct eff_cell){EFF_CELL_BOOL, EFF_STR("false")};
    else
        return value_wrong_type(call, field, value, text, problem);
    return true;
}

static bool
value_time(struct eff_call *call, const struct eff_field *field, const struct eff_json *value,
           eff_str text, struct eff_cell *ret_cell, struct eff_sf_problem *problem)
{
    struct eff_civil civil;
    bool date = field->type == EFF_FIELD_DATE;

    if (!eff_time_parse(text, &civil) || text.len < 10 || civil.year < 1700 || civil.year > 4000)
        return value_wrong_type(call, field, value, text, problem);
    if (date) { // of a date with time, the date is kept
        *ret_cell =
            (struct eff_cell){EFF_CELL_TEXT, eff_str_printf(call->arena, "%04d-%02d-%02d",
                                                            civil.year, civil.month, civil.day)};
        return true;
    }
    if (!civil.has_time || !civil.has_offset || text.ptr[10] != 'T')
        return value_wrong_type(call, field, value, text, problem);
    *ret_cell =
        (struct eff_cell){EFF_CELL_TEXT, eff_sf_time(call, eff_micros_from_civil(&civil) / 1000)};
    return true;
}

static bool
value_reference(struct eff_call *call, const struct eff_field *field, eff_str text,
                struct eff_cell *ret_cell, struct eff_sf_problem *problem)
{
    const struct eff_shape *target = eff_shape_find(&call->world->shapes, field->target);
    const struct eff_shape *shape = NULL;
    struct eff_record record;
    int64_t seq;

    if (target == NULL && text.len == 18) { // users and so on: not modelled, taken as they are
        *ret_cell = (struct eff_cell){EFF_CELL_TEXT, text};
        return true;
    }
    if (!eff_sf_seq(&call->world->shapes, text, &shape, &seq) || shape != target)
        return eff_sf_fail(call, problem, "MALFORMED_ID", field,
                           EFF_STR_FMT ": id value of incorrect type: " EFF_STR_FMT,
                           EFF_STR_ARG(field->label), EFF_STR_ARG(eff_str_sub(text, 0, 60)));
    if (!eff_records_get(call->world->records, shape, seq, call->arena, &record) || record.deleted)
        return eff_sf_fail(call, problem, "INVALID_CROSS_REFERENCE_KEY", NULL,
                           "invalid cross reference id");
    *ret_cell = (struct eff_cell){EFF_CELL_TEXT, eff_sf_id(call->arena, shape, seq)};
    return true;
}

/* JSON types that the field's type can be read from. */
static bool
value_kind_fits(const struct eff_field *field, enum eff_json_type type)
{
    if (type == EFF_JSON_STRING)
        return true; // "5" and "true" are read, as the vendor's parser does
    if (type == EFF_JSON_NUMBER)
        return eff_field_is_number(field);
    return type == EFF_JSON_BOOL && field->type == EFF_FIELD_BOOL;
}

bool
eff_sf_value(struct eff_call *call, const struct eff_field *field, const struct eff_json *value,
             eff_str text, struct eff_cell *ret_cell, struct eff_sf_problem *problem)
{
    enum eff_json_type type = eff_json_type(value);

    if (value != NULL && type != EFF_JSON_NULL) {
        text = eff_json_str(value);
        if (!value_kind_fits(field, type))
            return value_wrong_type(call, field, value, text, problem);
    }
    text = eff_str_trim(text);
    if (type == EFF_JSON_NULL || text.len == 0) {
        *ret_cell = (struct eff_cell){EFF_CELL_NULL, EFF_STR_NONE};
        if (field->type == EFF_FIELD_BOOL) // a checkbox is never null
            *ret_cell = (struct eff_cell){EFF_CELL_BOOL, EFF_STR("false")};
        return true;
    }
    if (eff_field_is_number(field))
        return value_number(call, field, value, text, ret_cell, problem);
    if (field->type == EFF_FIELD_BOOL)
        return value_bool(call, field, value, text, ret_cell, problem);
    if (field->type == EFF_FIELD_DATE || field->type == EFF_FIELD_DATETIME)
        return value_time(call, field, value, text, ret_cell, problem);
    if (field->type == EFF_FIELD_REFERENCE)
        return value_reference(call, field, text, ret_cell, problem);
    return value_text(call, field, text, ret_cell, problem);
}

bool
eff_sf_parent(struct eff_call *call, const struct eff_field *field, eff_str key_name,
              eff_str key_value, struct eff_cell *ret_cell, struct eff_sf_problem *problem)
{
    const struct eff_shapes *shapes = &call->world->shapes;
    const struct eff_shape *target = eff_shape_find(shapes, field->target);
    const struct eff_field *key = target == NULL ? NULL : eff_shape_field(shapes, target, key_name);
    int64_t seqs[2];
    size_t count;

    if (key == NULL || !eff_field_has(key, EFF_FIELD_KEY))
        return eff_sf_fail(call, problem, "INVALID_FIELD", field,
                           "No such external id field '" EFF_STR_FMT "' on " EFF_STR_FMT,
                           EFF_STR_ARG(key_name), EFF_STR_ARG(field->target));
    count = eff_records_find(call->world->records, target, key, eff_str_trim(key_value), seqs, 2);
    if (count == 0)
        return eff_sf_fail(call, problem, "INVALID_FIELD", field,
                           "Foreign key external ID: " EFF_STR_FMT
                           " not found for field " EFF_STR_FMT " in entity " EFF_STR_FMT,
                           EFF_STR_ARG(eff_str_sub(key_value, 0, 100)), EFF_STR_ARG(key->name),
                           EFF_STR_ARG(target->name));
    if (count > 1)
        return eff_sf_fail(call, problem, "DUPLICATE_EXTERNAL_ID", field,
                           "Foreign key external ID: " EFF_STR_FMT " is not unique",
                           EFF_STR_ARG(eff_str_sub(key_value, 0, 100)));
    *ret_cell = (struct eff_cell){EFF_CELL_TEXT, eff_sf_id(call->arena, target, seqs[0])};
    return true;
}

/* {"Account": {"Ext_Id__c": "A-7"}}; {"Account": null} clears. */
static bool
value_relation(struct eff_call *call, struct eff_sf_row *row, eff_str name,
               const struct eff_json *value)
{
    struct eff_json_iter iter = eff_json_iterate(value);
    const struct eff_field *field = NULL;
    const struct eff_json *key_value;
    eff_str key;

    for (size_t i = 0; i < row->shape->count; i++)
        if (!row->shape->fields[i].gone && row->shape->fields[i].relation.len != 0 &&
            eff_str_eq_nocase(row->shape->fields[i].relation, name))
            field = &row->shape->fields[i];
    if (field == NULL)
        return false;
    if (eff_json_type(value) == EFF_JSON_NULL) {
        row->cells[field->slot] = (struct eff_cell){EFF_CELL_NULL, EFF_STR_NONE};
        return true;
    }
    while (eff_json_next(&iter, &key, &key_value)) {
        if (eff_str_eq_nocase(key, EFF_STR("attributes")))
            continue;
        eff_sf_parent(call, field, key, eff_json_str(key_value), &row->cells[field->slot],
                      &row->problem);
        return true;
    }
    return false;
}

static void
value_unknown(struct eff_call *call, struct eff_sf_row *row, eff_str name)
{
    eff_sf_fail(call, &row->problem, "INVALID_FIELD", NULL,
                "No such column '" EFF_STR_FMT "' on sobject of type " EFF_STR_FMT,
                EFF_STR_ARG(eff_str_sub(name, 0, 255)), EFF_STR_ARG(row->shape->name));
    if (row->problem.fields_count == 0)
        row->problem.fields[row->problem.fields_count++] = eff_str_sub(name, 0, 255);
    row->problem.whole = call->world->settings.whole_invalid_field;
}

static void
value_readonly(struct eff_call *call, struct eff_sf_row *row, const struct eff_field *field)
{
    eff_sf_fail(call, &row->problem, "INVALID_FIELD_FOR_INSERT_UPDATE", field,
                "Unable to create/update fields: " EFF_STR_FMT
                ". Please check the security settings of this field and verify that it is "
                "read/write for your profile or permission set.",
                EFF_STR_ARG(field->name));
}

static void
value_member(struct eff_call *call, struct eff_sf_row *row, eff_str name,
             const struct eff_json *value)
{
    const struct eff_field *field = eff_shape_field(&call->world->shapes, row->shape, name);
    struct eff_cell cell = {0};

    if (field == NULL) {
        if (!value_relation(call, row, name, value) && row->problem.code == NULL)
            value_unknown(call, row, name);
    } else if (eff_field_has(field, EFF_FIELD_READONLY)) {
        value_readonly(call, row, field);
    } else if (eff_sf_value(call, field, value, EFF_STR_NONE, &cell, &row->problem)) {
        row->cells[field->slot] = cell;
    }
}

bool
eff_sf_read_row(struct eff_call *call, struct eff_sf_row *row, const struct eff_json *object)
{
    struct eff_json_iter iter = eff_json_iterate(object);
    const struct eff_json *value;
    eff_str name;

    if (row->cells == NULL)
        row->cells = eff_new(call->arena, struct eff_cell, row->shape->count);
    while (eff_json_next(&iter, &name, &value)) {
        if (eff_str_eq_nocase(name, EFF_STR("attributes")))
            continue;
        if (eff_str_eq_nocase(name, EFF_STR("id")) && row->verb != EFF_SF_INSERT) {
            row->id = eff_json_str(value);
            continue;
        }
        value_member(call, row, name, value);
    }
    if (row->key != NULL && row->key_value.len == 0)
        row->key_value = row->cells[row->key->slot].text;
    return row->problem.code == NULL;
}

static eff_str
value_full_name(const struct eff_call *call, const struct eff_record *record)
{
    const struct eff_shapes *shapes = &call->world->shapes;
    const struct eff_field *first = eff_shape_field(shapes, record->shape, EFF_STR("FirstName"));
    const struct eff_field *last = eff_shape_field(shapes, record->shape, EFF_STR("LastName"));
    eff_str a = first == NULL ? EFF_STR_NONE : eff_cell_of(record, first).text;
    eff_str b = last == NULL ? EFF_STR_NONE : eff_cell_of(record, last).text;

    return eff_str_trim(
        eff_str_printf(call->arena, EFF_STR_FMT " " EFF_STR_FMT, EFF_STR_ARG(a), EFF_STR_ARG(b)));
}

struct eff_cell
eff_sf_cell(const struct eff_call *call, const struct eff_record *record,
            const struct eff_field *field)
{
    eff_str name = field->name;
    struct eff_cell cell = {.kind = EFF_CELL_TEXT};

    if (!eff_field_has(field, EFF_FIELD_COMPUTED)) {
        cell = eff_cell_of(record, field);
        if (field->type == EFF_FIELD_BOOL && eff_cell_null(cell))
            cell = (struct eff_cell){EFF_CELL_BOOL, EFF_STR("false")};
    } else if (field->type == EFF_FIELD_ID) {
        cell.text = eff_sf_id(call->arena, record->shape, record->seq);
    } else if (field->type == EFF_FIELD_BOOL) {
        cell.kind = EFF_CELL_BOOL;
        cell.text = record->deleted ? EFF_STR("true") : EFF_STR("false");
    } else if (field->type == EFF_FIELD_DATETIME) {
        cell.text = eff_sf_time(call, eff_str_is(name, "CreatedDate") ? record->created_ms
                                                                      : record->updated_ms);
    } else {
        cell.text = value_full_name(call, record);
    }
    return cell;
}
