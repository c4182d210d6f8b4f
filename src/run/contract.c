/*
 * run/contract: the destination's schema as it is now, against the mapping.
 *
 * A field that is gone or read-only stops its column, not the rows; what says which
 * record a row is stops the sync. Values are fitted to the types that are told.
 *
 * Where the user asked for it, a field that is not there is made: by a run alone, and before
 * the model is read, so that nothing of a row is planned for a field that could not be had.
 */
#include "run/sync.h"

static enum eff_fault
contract_describe(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_task task = {.kind = EFF_TASK_DESCRIBE,
                            .schema = &r->schema,
                            .object = r->sync->object,
                            .arena = &r->run};
    enum eff_fault fault = eff_run_task(r, &task, err);

    return eff_run_at(fault == EFF_CONTRACT ? r->sync->to_place : r->sync->dest->place, fault, err);
}

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
    if (contract_find(&r->schema, name))
        return EFF_STR("Only this column stops: make it writable over there, or take it out of "
                       "`fields:`; once mended, it alone is sent.");
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

/* Why this field cannot be written over there, or EFF_STR_NONE. */
static eff_str
contract_breach(struct eff_sync_run *r, eff_str name)
{
    const struct eff_dest_field *field = contract_find(&r->schema, name);

    if (!field)
        return contract_nested(&r->schema, name) ? EFF_STR_NONE
                                                 : EFF_STR("does not exist over there");
    return field->read_only ? EFF_STR("is read-only over there") : EFF_STR_NONE;
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
contract_hold_field(struct eff_sync_run *r, const struct eff_field *field, eff_str breach)
{
    eff_str *held = eff_new(&r->run, eff_str, r->report->fields_held_count + 1);

    for (size_t i = 0; i < r->report->fields_held_count; i++)
        held[i] = r->report->fields_held[i];
    held[r->report->fields_held_count++] = field->name;
    r->report->fields_held = held;
    r->report->contract_broken = true;
    eff_report_problem(r->report, "EFF2104", EFF_CONTRACT, 0,
                       eff_str_printf(&r->run,
                                      "field " EFF_STR_FMT "." EFF_STR_FMT " " EFF_STR_FMT
                                      ": this column is not sent",
                                      EFF_STR_ARG(r->sync->object), EFF_STR_ARG(field->name),
                                      EFF_STR_ARG(breach)),
                       contract_hint(r, field->name), field->where);
}

/* ---- making a field ---- */

/* What the values of a kind are over there; ANY: nothing that can be told. */
static enum eff_field_type
contract_type_of(enum eff_kind kind)
{
    switch (kind) {
    case EFF_BOOL:
        return EFF_FIELD_BOOL;
    case EFF_INT:
    case EFF_FLOAT:
    case EFF_DECIMAL:
        return EFF_FIELD_NUMBER;
    case EFF_TEXT:
        return EFF_FIELD_TEXT;
    case EFF_DATE:
        return EFF_FIELD_DATE;
    case EFF_DATETIME:
    case EFF_INSTANT:
        return EFF_FIELD_TIMESTAMP;
    case EFF_JSON:
        return EFF_FIELD_JSON;
    default:
        return EFF_FIELD_ANY;
    }
}

/* What all of a map's values are, but for its NULLs. */
static enum eff_field_type
contract_type_map(const struct eff_transform *map)
{
    enum eff_field_type type = EFF_FIELD_ANY;

    for (size_t i = 0; i < map->pairs_count + map->has_otherwise; i++) {
        const struct eff_value *to = i < map->pairs_count ? &map->pairs[i].to : &map->value;
        enum eff_field_type one = contract_type_of((enum eff_kind)to->kind);

        if (to->kind == EFF_NULL)
            continue;
        if (type != EFF_FIELD_ANY && one != type)
            return EFF_FIELD_ANY;
        type = one;
    }
    return type;
}

/* Of the values that the field's mapping ends with. */
static enum eff_field_type
contract_type(const struct eff_sync_run *r, const struct eff_field *field)
{
    enum eff_field_type type = field->parts_count > 0 ? EFF_FIELD_TEXT
                               : field->inputs_count > 0
                                   ? contract_type_of(r->columns.at[field->inputs[0]].kind)
                                   : contract_type_of((enum eff_kind)field->constant.kind);

    for (size_t i = 0; i < field->transforms_count; i++) {
        const struct eff_transform *transform = &field->transforms[i];

        switch (transform->kind) {
        case EFF_TRANSFORM_CAST:
            type = contract_type_of(transform->cast);
            break;
        case EFF_TRANSFORM_MAP:
            type = contract_type_map(transform);
            break;
        case EFF_TRANSFORM_ZONE:
            type = type == EFF_FIELD_DATE ? type : EFF_FIELD_TIMESTAMP;
            break;
        case EFF_TRANSFORM_FORMAT:
        case EFF_TRANSFORM_NORMALIZE:
        case EFF_TRANSFORM_HASH:
            type = EFF_FIELD_TEXT;
            break;
        default: /* leaves numbers numbers */
            break;
        }
    }
    return type;
}

/* Not by verify and adopt, which only look. */
static bool
contract_makes(const struct eff_sync_run *r, eff_str name)
{
    return r->schema.new_types && !r->look && !contract_find(&r->schema, name) &&
           !contract_nested(&r->schema, name) && name.len > r->schema.group.len &&
           eff_str_starts(name, r->schema.group);
}

/* It is there from now on, or would be. */
static void
contract_made(struct eff_sync_run *r, const struct eff_field *field,
              const struct eff_dest_field *made)
{
    struct eff_dest_field *fields =
        eff_new(&r->run, struct eff_dest_field, r->schema.fields_count + 1);
    bool plan = r->options->plan;

    for (size_t i = 0; i < r->schema.fields_count; i++)
        fields[i] = r->schema.fields[i];
    fields[r->schema.fields_count++] = *made;
    r->schema.fields = fields;
    eff_report_problem(
        r->report, "EFF2139", EFF_OK, 0,
        eff_str_printf(
            &r->run,
            plan ? "field " EFF_STR_FMT "." EFF_STR_FMT
                   " does not exist over there: a run would create it, of type " EFF_STR_FMT
                 : "field " EFF_STR_FMT "." EFF_STR_FMT
                   " was created over there, of type " EFF_STR_FMT,
            EFF_STR_ARG(r->sync->object), EFF_STR_ARG(made->name), EFF_STR_ARG(made->type_name)),
        plan ? EFF_STR("Its name and its type may not be changeable later: look at both now.")
             : EFF_STR_NONE,
        field->where);
}

/*
 * What is refused may have come into being all the same: by a request whose answer was lost, or
 * by somebody else. So what counts is the schema as it is then.
 */
static enum eff_fault
contract_make(struct eff_sync_run *r, const struct eff_field *field, eff_str *ret_breach,
              struct eff_err *err)
{
    struct eff_dest_field made = {
        .name = field->name, .label = field->name, .type = contract_type(r, field)};
    struct eff_task task = {
        .kind = EFF_TASK_CREATE, .field = &made, .object = r->sync->object, .arena = &r->run};
    struct eff_err refused = {0};
    enum eff_fault fault = EFF_OK;

    made.type_name = r->schema.new_types[made.type];
    if (made.type_name.len == 0) {
        *ret_breach = EFF_STR("does not exist over there, and is not created, because no type "
                              "over there is that of its values (a `cast` gives them one)");
        return EFF_OK;
    }
    *ret_breach = EFF_STR_NONE;
    if (!r->options->plan)
        fault = eff_run_task(r, &task, &refused);
    if (fault == EFF_OK) {
        contract_made(r, field, &made);
        return EFF_OK;
    }
    if (fault == EFF_TRANSIENT || fault == EFF_RATE || fault == EFF_LIMIT || fault == EFF_BROKEN) {
        *err = refused;
        return fault;
    }
    EFF_TRY(contract_describe(r, err));
    *ret_breach = contract_breach(r, field->name);
    if (ret_breach->len > 0)
        *ret_breach = eff_str_printf(&r->run, EFF_STR_FMT ", and was not created (%s)",
                                     EFF_STR_ARG(*ret_breach), refused.msg);
    return EFF_OK;
}

static enum eff_fault
contract_fields(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_field *kept = eff_new(&r->run, struct eff_field, r->mapping.fields_count);
    size_t count = 0;

    for (size_t i = 0; i < r->mapping.fields_count; i++) {
        const struct eff_field *field = &r->mapping.fields[i];
        eff_str breach = contract_breach(r, field->name);

        if (contract_makes(r, field->name))
            EFF_TRY(contract_make(r, field, &breach, err));
        if (breach.len > 0)
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
    unsigned best = (unsigned)r->sync->object.len / 2 + 2;
    eff_str nearest = EFF_STR_NONE;

    if (r->schema.object_exists)
        return EFF_OK;
    r->report->contract_broken = true;
    EFF_FAIL(err, EFF_CONTRACT, "the destination " EFF_STR_FMT " has no " EFF_STR_FMT,
             EFF_STR_ARG(r->sync->dest->name), EFF_STR_ARG(r->sync->object));
    for (size_t i = 0; i < r->schema.objects_count; i++) {
        unsigned distance = eff_str_distance(r->sync->object, r->schema.objects[i], best);

        if (distance < best || eff_str_eq(r->sync->object, r->schema.objects[i])) {
            best = distance;
            nearest = r->schema.objects[i];
        }
    }
    if (eff_str_eq(nearest, r->sync->object))
        eff_err_hint(err, "There are such objects, but not at this address: look at the url and "
                          "the version in the destination's block.");
    else if (nearest.ptr)
        eff_err_hint(err, "Did you mean " EFF_STR_FMT "?", EFF_STR_ARG(nearest));
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
    if (!r->dest->can_describe)
        return EFF_OK;
    EFF_TRY(contract_describe(r, err));
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
