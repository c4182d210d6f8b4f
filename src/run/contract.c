/*
 * run/contract: the destination's schema as it is now, against the mapping.
 *
 * A field that is gone or read-only stops its column, not the rows; what says which
 * record a row is stops the sync. Values are fitted to the types that are told.
 */
#include "run/sync.h"

static const struct eff_dest_field *
contract_find(const struct eff_schema *schema, eff_str name)
{
    for (size_t i = 0; i < schema->fields_count; i++)
        if (eff_str_eq(schema->fields[i].name, name))
            return &schema->fields[i];
    return NULL;
}

/* The nearest name or label over there, for "did you mean". */
static eff_str
contract_nearest(struct eff_sync_run *r, eff_str name)
{
    unsigned best = (unsigned)name.len / 2 + 1;
    eff_str nearest = EFF_STR_NONE;

    for (size_t i = 0; i < r->schema.fields_count; i++) {
        const struct eff_dest_field *field = &r->schema.fields[i];
        unsigned distance = eff_str_distance(name, field->name, best);

        if (field->read_only || distance >= best)
            continue;
        best = distance;
        nearest = field->name;
    }
    return nearest;
}

static eff_str
contract_hint(struct eff_sync_run *r, eff_str name)
{
    eff_str nearest = contract_nearest(r, name);

    if (nearest.ptr)
        return eff_str_printf(&r->run,
                              "Did you mean `" EFF_STR_FMT "`? Only this column stops; "
                              "once it is mended, it alone is sent.",
                              EFF_STR_ARG(nearest));
    return EFF_STR("Only this column stops: create the field over there, or take it out of "
                   "`fields:`; once mended, it alone is sent.");
}

static enum eff_fault
contract_hint_match(struct eff_sync_run *r, eff_str name, struct eff_err *err)
{
    eff_str nearest = contract_nearest(r, name);

    if (nearest.ptr)
        return eff_err_hint(err, "Did you mean `" EFF_STR_FMT "`? Name it in `match:`.",
                            EFF_STR_ARG(nearest));
    return eff_err_hint(err, "Create the field over there, or name another one in `match:`.");
}

/* A name with dots leads into a field whose inside is not told, unless it opens like the group. */
static bool
contract_nested(const struct eff_schema *schema, eff_str name)
{
    return eff_str_find_char(name, '.') != SIZE_MAX &&
           !(schema->group.len > 0 && eff_str_starts(name, schema->group));
}

/* Why this field cannot be written over there, or NULL. */
static const char *
contract_breach(struct eff_sync_run *r, eff_str name)
{
    const struct eff_dest_field *field = contract_find(&r->schema, name);

    if (!field)
        return contract_nested(&r->schema, name) ? NULL : "does not exist";
    return field->read_only ? "is read-only" : NULL;
}

static enum eff_fault
contract_match(struct eff_sync_run *r, struct eff_err *err)
{
    for (size_t i = 0; i < r->mapping.match_count; i++) {
        eff_str name = r->mapping.match[i].name;

        if (contract_find(&r->schema, name) || contract_nested(&r->schema, name))
            continue;
        r->report->contract_broken = true;
        EFF_FAIL(err, EFF_CONTRACT,
                 EFF_STR_FMT "." EFF_STR_FMT " does not exist over there, and it says which record "
                             "each row is: nothing was sent",
                 EFF_STR_ARG(r->sync->object), EFF_STR_ARG(name));
        contract_hint_match(r, name, err);
        return eff_err_where(err, r->mapping.match[i].where, 0, 0);
    }
    return EFF_OK;
}

static void
contract_hold_field(struct eff_sync_run *r, const struct eff_field *field, const char *breach)
{
    eff_str *held = eff_new(&r->run, eff_str, r->report->fields_held_count + 1);

    for (size_t i = 0; i < r->report->fields_held_count; i++)
        held[i] = r->report->fields_held[i];
    held[r->report->fields_held_count++] = field->name;
    r->report->fields_held = held;
    r->report->contract_broken = true;
    eff_report_problem(
        r->report, "EFF2104", EFF_CONTRACT, 0,
        eff_str_printf(
            &r->run, "field " EFF_STR_FMT "." EFF_STR_FMT " %s over there: this column is not sent",
            EFF_STR_ARG(r->sync->object), EFF_STR_ARG(field->name), breach),
        contract_hint(r, field->name), field->where);
}

static enum eff_fault
contract_fields(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_field *kept = eff_new(&r->run, struct eff_field, r->mapping.fields_count);
    size_t count = 0;

    for (size_t i = 0; i < r->mapping.fields_count; i++) {
        const struct eff_field *field = &r->mapping.fields[i];
        const char *breach = contract_breach(r, field->name);

        if (breach)
            contract_hold_field(r, field, breach);
        else
            kept[count++] = *field;
    }
    if (count == 0 && r->mapping.fields_count > 0) {
        EFF_FAIL(err, EFF_CONTRACT, "none of the mapped fields can be written to " EFF_STR_FMT,
                 EFF_STR_ARG(r->sync->object));
        return eff_err_hint(err, "Compare `fields:` with the destination's schema.");
    }
    r->mapping.fields = kept;
    r->mapping.fields_count = count;
    return EFF_OK;
}

static enum eff_fault
contract_object(struct eff_sync_run *r, struct eff_err *err)
{
    if (r->schema.object_exists)
        return EFF_OK;
    r->report->contract_broken = true;
    EFF_FAIL(err, EFF_CONTRACT, "the destination " EFF_STR_FMT " has no " EFF_STR_FMT,
             EFF_STR_ARG(r->sync->dest->name), EFF_STR_ARG(r->sync->object));
    if (r->schema.objects_count > 0)
        eff_err_hint(err, "Did you mean " EFF_STR_FMT "?", EFF_STR_ARG(r->schema.objects[0]));
    return eff_err_where(err, r->sync->to_place.file, r->sync->to_place.line,
                         r->sync->to_place.column);
}

/* ---- what will be refused row by row, as far as the mapping alone tells ---- */

/* Its value may also come by way of a relation: "Account.Ext_Id__c" fills AccountId. */
static bool
contract_fills(const struct eff_dest_field *there, size_t count, const struct eff_field *fields)
{
    for (size_t i = 0; i < count; i++) {
        size_t dot = eff_str_find_char(fields[i].name, '.');

        if (eff_str_eq(fields[i].name, there->name) ||
            (dot != SIZE_MAX && eff_str_starts(there->name, eff_str_sub(fields[i].name, 0, dot))))
            return true;
    }
    return false;
}

/* A note: who knows whether new rows will come. */
static void
contract_required(struct eff_sync_run *r)
{
    enum eff_mode mode = r->sync->mode;

    if (mode != EFF_MODE_UPSERT && mode != EFF_MODE_INSERT && mode != EFF_MODE_MIRROR)
        return;
    for (size_t i = 0; i < r->schema.fields_count; i++) {
        const struct eff_dest_field *there = &r->schema.fields[i];

        if (!there->required || there->read_only ||
            contract_fills(there, r->mapping.match_count, r->mapping.match) ||
            contract_fills(there, r->mapping.fields_count, r->mapping.fields))
            continue;
        eff_report_problem(
            r->report, "EFF2131", EFF_CONTRACT, 0,
            eff_str_printf(&r->run,
                           "field " EFF_STR_FMT "." EFF_STR_FMT
                           " is required over there, and nothing is mapped to it: "
                           "new records will be refused",
                           EFF_STR_ARG(r->sync->object), EFF_STR_ARG(there->name)),
            EFF_STR("Map something to it in `fields:`; with `mode: update` no record "
                    "is made."),
            EFF_STR_NONE);
    }
}

static void
contract_choice(struct eff_sync_run *r, const struct eff_field *field,
                const struct eff_dest_field *there, const struct eff_value *value)
{
    struct eff_buf text = {0};
    bool taken = value->kind == EFF_NULL || value->kind == EFF_ABSENT;

    eff_value_text(&text, value);
    taken = taken || text.len == 0;
    for (size_t i = 0; i < there->choices_count && !taken; i++)
        taken = eff_str_eq_nocase(there->choices[i], eff_buf_str(&text));
    if (!taken) {
        r->report->contract_broken = true;
        eff_report_problem(
            r->report, "EFF2132", EFF_CONTRACT, 0,
            eff_str_printf(&r->run,
                           "field " EFF_STR_FMT "." EFF_STR_FMT " has no choice \"" EFF_STR_FMT
                           "\" over there: rows with it will be refused",
                           EFF_STR_ARG(r->sync->object), EFF_STR_ARG(field->name),
                           EFF_STR_ARG(eff_buf_str(&text))),
            EFF_STR("Add the choice over there, or map to another one."), field->where);
    }
    eff_buf_free(&text);
}

/* The values that the mapping itself names: a constant, or what a map gives. */
static void
contract_choices(struct eff_sync_run *r)
{
    for (size_t i = 0; i < r->mapping.fields_count; i++) {
        const struct eff_field *field = &r->mapping.fields[i];
        const struct eff_dest_field *there = contract_find(&r->schema, field->name);
        const struct eff_transform *last =
            field->transforms_count ? &field->transforms[field->transforms_count - 1] : NULL;

        if (!there || there->type != EFF_FIELD_CHOICE || there->choices_count == 0)
            continue;
        if (!last && field->inputs_count == 0 && field->parts_count == 0)
            contract_choice(r, field, there, &field->constant);
        for (size_t k = 0; last && last->kind == EFF_TRANSFORM_MAP && k < last->pairs_count; k++)
            contract_choice(r, field, there, &last->pairs[k].to);
        if (last && last->kind == EFF_TRANSFORM_MAP && last->has_otherwise)
            contract_choice(r, field, there, &last->value);
    }
}

/* ---- types: a number for a text field is sent as text, where nothing is lost by it ---- */

static enum eff_kind
contract_kind(enum eff_field_type type)
{
    switch (type) {
    case EFF_FIELD_TEXT:
    case EFF_FIELD_CHOICE:
        return EFF_TEXT;
    case EFF_FIELD_NUMBER:
        return EFF_DECIMAL;
    case EFF_FIELD_BOOL:
        return EFF_BOOL;
    case EFF_FIELD_DATE:
        return EFF_DATE;
    case EFF_FIELD_TIMESTAMP:
    case EFF_FIELD_JSON:
    case EFF_FIELD_ANY:
        break;
    }
    return EFF_NULL;
}

/* The identity of a field does not change by it: it is not a change of the mapping. */
static void
contract_fit_field(struct eff_sync_run *r, struct eff_field *field, enum eff_kind kind)
{
    struct eff_transform *transforms =
        eff_new(&r->run, struct eff_transform, field->transforms_count + 1);

    for (size_t i = 0; i < field->transforms_count; i++)
        transforms[i] = field->transforms[i];
    transforms[field->transforms_count++] =
        (struct eff_transform){.kind = EFF_TRANSFORM_FIT, .cast = kind};
    field->transforms = transforms;
}

static void
contract_fit(struct eff_sync_run *r, size_t count, const struct eff_field **fields)
{
    struct eff_field *fitted = eff_new(&r->run, struct eff_field, count);

    for (size_t i = 0; i < count; i++) {
        const struct eff_dest_field *there = contract_find(&r->schema, (*fields)[i].name);
        enum eff_kind kind = there ? contract_kind(there->type) : EFF_NULL;

        fitted[i] = (*fields)[i];
        if (r->schema.typed && kind != EFF_NULL)
            contract_fit_field(r, &fitted[i], kind);
    }
    *fields = fitted;
}

enum eff_fault
eff_run_contract(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_task task = {.kind = EFF_TASK_DESCRIBE,
                            .schema = &r->schema,
                            .object = r->sync->object,
                            .arena = &r->run};
    enum eff_fault fault;

    if (!r->dest->can_describe)
        return EFF_OK;
    fault = eff_run_task(r, &task, err);
    EFF_TRY(
        eff_run_at(fault == EFF_CONTRACT ? r->sync->to_place : r->sync->dest->place, fault, err));
    if (!r->schema.known)
        return EFF_OK;
    EFF_TRY(contract_object(r, err));
    EFF_TRY(contract_match(r, err));
    EFF_TRY(contract_fields(r, err));
    contract_required(r);
    contract_choices(r);
    contract_fit(r, r->mapping.match_count, &r->mapping.match);
    contract_fit(r, r->mapping.fields_count, &r->mapping.fields);
    return EFF_OK;
}
