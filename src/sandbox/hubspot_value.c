/*
 * sandbox/hubspot_value: what a value must look like, and how it is kept.
 *
 * Every value is a text; "" clears. Dates are kept as 2026-01-31, datetimes in
 * ISO form, however they came (epoch milliseconds or ISO); e-mail addresses in
 * lower case.
 */
#include "base/clock.h"
#include "base/number.h"
#include "sandbox/hubspot.h"

#include <stdalign.h>

void
eff_hs_problem(struct eff_call *call, struct eff_hs_problems *problems, const char *code,
               eff_str property, eff_str message)
{
    if (problems->at == NULL)
        problems->at = eff_new(call->arena, struct eff_hs_problem, EFF_HS_PROBLEMS_MAX);
    if (problems->count < EFF_HS_PROBLEMS_MAX)
        problems->at[problems->count++] =
            (struct eff_hs_problem){code, eff_str_copy(call->arena, property), message};
}

static bool
value_is_email(eff_str text)
{
    size_t at = eff_str_find_char(text, '@');
    eff_str domain = at == SIZE_MAX ? EFF_STR("") : eff_str_sub(text, at + 1, SIZE_MAX);
    size_t dot = eff_str_find_char(domain, '.');

    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || memchr("()<>,;:\"", text.ptr[i], 8) != NULL)
            return false;
    return at != 0 && dot != SIZE_MAX && dot != 0 && !eff_str_ends(domain, EFF_STR(".")) &&
           eff_str_find_char(domain, '@') == SIZE_MAX;
}

static bool
value_is_choice(const struct eff_field *field, eff_str text)
{
    for (size_t i = 0; i < field->choices_count; i++)
        if (eff_str_eq(field->choices[i], text))
            return true;
    return false;
}

static bool
value_choices_fine(const struct eff_field *field, eff_str text)
{
    eff_str head, rest = text;

    if (field->type == EFF_FIELD_CHOICE)
        return value_is_choice(field, text);
    if (text.len != 0 && text.ptr[0] == ';') // a leading one means: add to what is there
        rest = eff_str_sub(text, 1, SIZE_MAX);
    while (eff_str_cut(rest, ';', &head, &rest))
        if (!value_is_choice(field, head))
            return false;
    return value_is_choice(field, head);
}

/* Epoch milliseconds or ISO; a date must be midnight UTC. */
static bool
value_time(const struct eff_field *field, eff_str text, int64_t *ret_ms)
{
    bool date = field->type == EFF_FIELD_DATE;
    struct eff_civil civil;

    if (eff_str_int(text, ret_ms)) {
        if (*ret_ms > 253402300799999 || *ret_ms < -62135596800000)
            return false;
        return !date || *ret_ms % 86400000 == 0;
    }
    if (!eff_time_parse(text, &civil) || (civil.has_time && !civil.has_offset))
        return false;
    *ret_ms = eff_micros_from_civil(&civil) / 1000;
    return !date || *ret_ms % 86400000 == 0;
}

eff_str
eff_hs_normal(struct eff_call *call, const struct eff_field *field, eff_str text)
{
    int64_t ms;

    text = eff_str_trim(text);
    if (field->type == EFF_FIELD_EMAIL)
        return eff_str_lower(call->arena, text);
    if ((field->type != EFF_FIELD_DATE && field->type != EFF_FIELD_DATETIME) ||
        !value_time(field, text, &ms))
        return text;
    return eff_str_sub(eff_hs_time(call, ms), 0, field->type == EFF_FIELD_DATE ? 10 : SIZE_MAX);
}

/* The code and the message of what is wrong with the value, or NULL. */
static const char *
value_check(struct eff_call *call, const struct eff_field *field, eff_str text,
            eff_str *ret_message)
{
    eff_str shown = eff_str_sub(text, 0, eff_utf8_prefix(text, 100));
    const char *code = NULL, *what = "";
    int64_t ms;

    switch (field->type) {
    case EFF_FIELD_EMAIL:
        if (!value_is_email(text))
            code = "INVALID_EMAIL";
        break;
    case EFF_FIELD_NUMBER:
    case EFF_FIELD_INTEGER:
    case EFF_FIELD_CURRENCY:
    case EFF_FIELD_PERCENT:
        if (!eff_number_valid(text)) {
            code = "INVALID_LONG";
            what = "was not a valid long.";
        }
        break;
    case EFF_FIELD_BOOL:
        if (!eff_str_is(text, "true") && !eff_str_is(text, "false")) {
            code = "INVALID_OPTION";
            what = "was not one of the allowed options: [true, false]";
        }
        break;
    case EFF_FIELD_DATE:
    case EFF_FIELD_DATETIME:
        if (!value_time(field, text, &ms)) {
            code = "INVALID_DATE";
            what = field->type == EFF_FIELD_DATE ? "is not midnight UTC of a date"
                                                 : "was not a valid date and time.";
        }
        break;
    case EFF_FIELD_CHOICE:
    case EFF_FIELD_CHOICES:
        if (eff_field_has(field, EFF_FIELD_RESTRICTED) && !value_choices_fine(field, text)) {
            code = "INVALID_OPTION";
            what = "was not one of the allowed options";
        }
        break;
    default:
        if (field->length != 0 && text.len > (size_t)field->length) {
            code = "PROPERTY_VALUE_TOO_LONG";
            what = "is too long";
        }
    }
    if (code == NULL)
        return NULL;
    *ret_message = field->type == EFF_FIELD_EMAIL
                       ? eff_str_printf(call->arena, "Email address " EFF_STR_FMT " is invalid",
                                        EFF_STR_ARG(shown))
                       : eff_str_printf(call->arena, EFF_STR_FMT " %s", EFF_STR_ARG(shown), what);
    return code;
}

static void
value_read(struct eff_call *call, const struct eff_field *field, const struct eff_json *value,
           struct eff_cell *ret_cell, struct eff_hs_problems *problems)
{
    eff_str text = eff_str_trim(eff_json_str(value)), message = EFF_STR("");
    const char *code;

    if (eff_json_type(value) == EFF_JSON_ARRAY || eff_json_type(value) == EFF_JSON_OBJECT) {
        eff_hs_problem(call, problems, "INVALID_TYPE", field->name,
                       EFF_STR("the value of a property must be a text"));
        return;
    }
    if (text.len == 0) {
        *ret_cell = (struct eff_cell){EFF_CELL_NULL, EFF_STR_NONE};
        return;
    }
    code = value_check(call, field, text, &message);
    if (code != NULL)
        eff_hs_problem(call, problems, code, field->name, message);
    else
        *ret_cell = (struct eff_cell){EFF_CELL_TEXT, eff_hs_normal(call, field, text)};
}

bool
eff_hs_read(struct eff_call *call, const struct eff_shape *shape, const struct eff_json *properties,
            struct eff_cell *cells, struct eff_hs_problems *problems)
{
    struct eff_json_iter iter = eff_json_iterate(properties);
    size_t before = problems->count;
    const struct eff_json *value;
    eff_str name;

    while (eff_json_next(&iter, &name, &value)) {
        const struct eff_field *field = eff_shape_field(&call->world->shapes, shape, name);

        if (field == NULL)
            eff_hs_problem(call, problems, "PROPERTY_DOESNT_EXIST", eff_str_sub(name, 0, 255),
                           eff_str_printf(call->arena,
                                          "Property \"" EFF_STR_FMT "\" does not exist",
                                          EFF_STR_ARG(eff_str_sub(name, 0, 255))));
        else if (eff_field_has(field, EFF_FIELD_READONLY))
            eff_hs_problem(call, problems, "READ_ONLY_VALUE", name,
                           eff_str_printf(call->arena,
                                          "\"" EFF_STR_FMT "\" is a read only property; its "
                                          "value cannot be set.",
                                          EFF_STR_ARG(name)));
        else
            value_read(call, field, value, &cells[field->slot], problems);
    }
    return problems->count == before;
}

bool
eff_hs_check_required(struct eff_call *call, const struct eff_shape *shape, struct eff_cell *cells,
                      struct eff_hs_problems *problems)
{
    size_t before = problems->count;

    for (size_t i = 0; i < shape->count; i++) {
        const struct eff_field *field = &shape->fields[i];

        if (cells[i].kind == EFF_CELL_KEEP && field->fallback.ptr != NULL && !field->gone)
            cells[i] = (struct eff_cell){EFF_CELL_TEXT, field->fallback};
        if (!field->gone && eff_field_has(field, EFF_FIELD_REQUIRED) && eff_cell_null(cells[i]))
            eff_hs_problem(call, problems, "REQUIRED_FIELD", field->name,
                           eff_str_printf(call->arena, "Property \"" EFF_STR_FMT "\" is required",
                                          EFF_STR_ARG(field->name)));
    }
    return problems->count == before;
}

int64_t
eff_hs_conflict(struct eff_call *call, const struct eff_shape *shape, const struct eff_cell *cells,
                int64_t own_seq, const struct eff_field **ret_field)
{
    for (size_t i = 0; i < shape->count; i++) {
        const struct eff_field *field = &shape->fields[i];
        int64_t seqs[2];
        size_t count;

        if (field->gone || !eff_field_has(field, EFF_FIELD_UNIQUE) || eff_cell_null(cells[i]))
            continue;
        count = eff_records_find(call->world->records, shape, field, cells[i].text, seqs, 2);
        for (size_t s = 0; s < count; s++) {
            if (seqs[s] == own_seq)
                continue;
            *ret_field = field;
            return seqs[s];
        }
    }
    return 0;
}

struct eff_cell
eff_hs_cell(const struct eff_call *call, const struct eff_record *record,
            const struct eff_field *field)
{
    struct eff_cell cell = {.kind = EFF_CELL_TEXT};

    if (!eff_field_has(field, EFF_FIELD_COMPUTED))
        return eff_cell_of(record, field);
    if (field->type == EFF_FIELD_DATETIME)
        cell.text = eff_hs_time(call, eff_str_is(field->name, "createdate") ? record->created_ms
                                                                            : record->updated_ms);
    else
        cell.text = eff_hs_id(call->arena, record->shape, record->seq);
    return cell;
}
