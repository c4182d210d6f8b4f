/* connector_read: discovery of objects and fields, proving a credential, reading back, the table of errors. */
#include "dest/connector_internal.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

struct objects_conf {
    struct eff_str_list known, only, match, caseless, pairs;
    struct eff_names names;
    const struct eff_node *list, *fields, *standard, *types, *missing_status;
};

static const struct eff_option objects_options[] = {
    {"known", EFF_OPT_LIST, offsetof(struct objects_conf, known)},
    {"only", EFF_OPT_LIST, offsetof(struct objects_conf, only)},
    {"match", EFF_OPT_LIST, offsetof(struct objects_conf, match)},
    {"caseless", EFF_OPT_LIST, offsetof(struct objects_conf, caseless)},
    {"pairs", EFF_OPT_LIST, offsetof(struct objects_conf, pairs)},
    {"names.prefix", EFF_OPT_STR, offsetof(struct objects_conf, names.prefix)},
    {"names.without", EFF_OPT_STR, offsetof(struct objects_conf, names.without), ""},
    {"names.most", EFF_OPT_INT, offsetof(struct objects_conf, names.most), "0", 0, 100000},
    {"names.length", EFF_OPT_INT, offsetof(struct objects_conf, names.length), "0", 0, 100000},
    {"list", EFF_OPT_NODE, offsetof(struct objects_conf, list)},
    {"fields", EFF_OPT_NODE, offsetof(struct objects_conf, fields)},
    {"standard", EFF_OPT_NODE, offsetof(struct objects_conf, standard)},
    {"types", EFF_OPT_NODE, offsetof(struct objects_conf, types)},
    {"missing_status", EFF_OPT_NODE, offsetof(struct objects_conf, missing_status)},
};

struct fields_conf {
    struct eff_call_conf call;
    struct eff_fields_call fields;
    const struct eff_node *readonly, *unique, *required, *caseless, *next, *choices_when, *create;
};

static const struct eff_option list_options[] = {
    EFF_CALL_OPTIONS(struct fields_conf, call),
    {"each", EFF_OPT_STR, offsetof(struct fields_conf, fields.each), ""},
    {"name", EFF_OPT_STR, offsetof(struct fields_conf, fields.name), .flags = EFF_OPT_REQUIRED},
    {"next", EFF_OPT_NODE, offsetof(struct fields_conf, next)},
};
static const struct eff_option fields_options[] = {
    EFF_CALL_OPTIONS(struct fields_conf, call),
    {"only", EFF_OPT_LIST, offsetof(struct fields_conf, fields.only)},
    {"each", EFF_OPT_STR, offsetof(struct fields_conf, fields.each), ""},
    {"name", EFF_OPT_STR, offsetof(struct fields_conf, fields.name), .flags = EFF_OPT_REQUIRED},
    {"prefix", EFF_OPT_STR, offsetof(struct fields_conf, fields.prefix)},
    {"group", EFF_OPT_STR, offsetof(struct fields_conf, fields.group)},
    {"label", EFF_OPT_STR, offsetof(struct fields_conf, fields.label)},
    {"type", EFF_OPT_LIST, offsetof(struct fields_conf, fields.type)},
    {"readonly", EFF_OPT_NODE, offsetof(struct fields_conf, readonly)},
    {"caseless", EFF_OPT_NODE, offsetof(struct fields_conf, caseless)},
    {"unique", EFF_OPT_NODE, offsetof(struct fields_conf, unique)},
    {"required", EFF_OPT_NODE, offsetof(struct fields_conf, required)},
    {"choices.each", EFF_OPT_STR, offsetof(struct fields_conf, fields.choices_each)},
    {"choices.when", EFF_OPT_NODE, offsetof(struct fields_conf, choices_when)},
    {"choices.value", EFF_OPT_STR, offsetof(struct fields_conf, fields.choices_value)},
    {"next", EFF_OPT_NODE, offsetof(struct fields_conf, next)},
    {"create", EFF_OPT_NODE, offsetof(struct fields_conf, create)},
};

struct create_conf {
    struct eff_call_conf call;
    eff_str needs;
    const struct eff_node *types, *groups;
};

static const struct eff_option create_options[] = {
    EFF_CALL_OPTIONS(struct create_conf, call),
    {"needs", EFF_OPT_STR, offsetof(struct create_conf, needs), .flags = EFF_OPT_REQUIRED},
    {"types", EFF_OPT_NODE, offsetof(struct create_conf, types), .flags = EFF_OPT_REQUIRED},
    {"groups", EFF_OPT_NODE, offsetof(struct create_conf, groups)},
};

static bool
objects_list(struct eff_compile *c, const struct eff_node *map, struct eff_objects *objects)
{
    struct fields_conf conf = {0};
    bool good;

    if (!map)
        return true;
    if (!eff_compile_fill(c, map, list_options, COUNT(list_options), &conf))
        return false;
    objects->list_each = conf.fields.each;
    objects->list_name = conf.fields.name;
    good = eff_compile_pointer(c, map, conf.fields.each);
    good &= eff_compile_pointer(c, map, conf.fields.name);
    good &= eff_compile_paging(c, conf.next, &objects->list_next);
    good &= eff_compile_call(c, map, &conf.call, 0, &objects->list);
    return good;
}

static bool
objects_type(struct eff_compile *c, const struct eff_node *name, enum eff_field_type *ret_type)
{
    static const char *const names[] = {"any",  "text",      "number", "boolean",
                                        "date", "timestamp", "choice", "json"};

    for (size_t type = 0; type < COUNT(names); type++) {
        if (!eff_node_is(name, names[type]))
            continue;
        *ret_type = (enum eff_field_type)type;
        return true;
    }
    eff_compile_fail(c, name,
                     "types are any, text, number, boolean, date, timestamp, choice and json");
    return false;
}

/* A name, or a mapping of which the first member names it. */
static bool
create_type(struct eff_compile *c, const struct eff_node *name, const struct eff_node *value,
            struct eff_new_field *ret)
{
    struct eff_scope scope = eff_compile_scope(c, 0);
    enum eff_field_type type;

    if (!objects_type(c, name, &type))
        return false;
    if (value->kind != EFF_NODE_MAP) {
        ret->types[type] = value->text;
        return true;
    }
    ret->types[type] = value->count > 0 ? value->values[0].text : EFF_STR_NONE;
    return eff_tree_compile(&scope, value, &ret->forms[type]);
}

/* create: {needs: OPTION, post: ..., types: {text: string, number: float}} */
static bool
objects_create(struct eff_compile *c, const struct eff_node *map, struct eff_new_field *ret)
{
    struct create_conf conf = {0};
    bool good = true;

    if (!map)
        return true;
    if (!eff_compile_fill(c, map, create_options, COUNT(create_options), &conf))
        return false;
    if (conf.types->kind != EFF_NODE_MAP) {
        eff_compile_fail(c, conf.types, "expected a mapping of types to the vendor's names");
        return false;
    }
    for (size_t i = 0; i < conf.types->count; i++)
        good &= create_type(c, &conf.types->keys[i], &conf.types->values[i], ret);
    good &= eff_compile_pairs(c, conf.groups, 0, false, &ret->groups_count, &ret->groups);
    good &= eff_compile_when(c, map, conf.needs, &ret->needs_option);
    if (good && c->connector->options[ret->needs_option].kind != EFF_OPT_BOOL) {
        eff_compile_fail(c, map, "`needs` of a `create` is an option of type bool");
        good = false;
    }
    good &= eff_compile_call(c, map, &conf.call, EFF_SCOPE_OBJECT | EFF_SCOPE_NEW, &ret->call);
    return good;
}

static bool
objects_fields_call(struct eff_compile *c, const struct eff_node *map, struct eff_fields_call *ret)
{
    struct fields_conf conf = {0};
    bool good;

    if (!eff_compile_fill(c, map, fields_options, COUNT(fields_options), &conf))
        return false;
    conf.fields.name_is_key = eff_str_is(conf.fields.name, "{key}");
    good = eff_compile_marked(c, map, conf.fields.each);
    good &= conf.fields.name_is_key || eff_compile_pointer(c, map, conf.fields.name);
    good &= !conf.fields.label.ptr || eff_compile_pointer(c, map, conf.fields.label);
    for (size_t i = 0; i < conf.fields.type.count; i++)
        good &= eff_compile_pointer(c, map, conf.fields.type.at[i]);
    good &= !conf.fields.choices_each.ptr || eff_compile_pointer(c, map, conf.fields.choices_each);
    good &=
        !conf.fields.choices_value.ptr || eff_compile_pointer(c, map, conf.fields.choices_value);
    good &= eff_compile_test(c, conf.choices_when, &conf.fields.choices_when);
    good &= eff_compile_tests(c, conf.readonly, &conf.fields.readonly);
    good &= eff_compile_tests(c, conf.caseless, &conf.fields.caseless);
    good &= eff_compile_tests(c, conf.unique, &conf.fields.unique);
    good &= eff_compile_tests(c, conf.required, &conf.fields.required);
    good &= eff_compile_paging(c, conf.next, &conf.fields.next);
    good &= objects_create(c, conf.create, &conf.fields.create);
    good &= eff_compile_call(c, map, &conf.call, EFF_SCOPE_OBJECT, &conf.fields.call);
    *ret = conf.fields;
    return good;
}

/* One request, or a list of them for one object each. */
static bool
objects_fields(struct eff_compile *c, const struct eff_node *node, struct eff_objects *objects)
{
    size_t count = !node ? 0 : node->kind == EFF_NODE_LIST ? node->count : 1;
    struct eff_fields_call *fields = eff_new(c->arena, struct eff_fields_call, count);
    bool good = true;

    for (size_t i = 0; i < count; i++)
        good &= objects_fields_call(c, node->kind == EFF_NODE_LIST ? &node->values[i] : node,
                                    &fields[i]);
    objects->fields = fields;
    objects->fields_count = count;
    return good;
}

/* standard: {users: {name: text, email: text}} */
static bool
objects_standard(struct eff_compile *c, const struct eff_node *map, struct eff_objects *objects)
{
    struct eff_standard_field *fields;
    size_t count = 0;
    bool good = true;

    for (size_t i = 0; map && i < map->count; i++)
        count += map->values[i].count;
    fields = eff_new(c->arena, struct eff_standard_field, count);
    objects->standard = fields;
    for (size_t i = 0; map && i < map->count; i++) {
        const struct eff_node *object = &map->values[i];

        if (map->kind != EFF_NODE_MAP || object->kind != EFF_NODE_MAP) {
            eff_compile_fail(c, object, "expected an object's fields with their types");
            return false;
        }
        for (size_t k = 0; k < object->count; k++) {
            struct eff_standard_field *field = &fields[objects->standard_count++];

            field->object = map->keys[i].text;
            field->name = object->keys[k].text;
            good &= objects_type(c, &object->values[k], &field->type);
        }
    }
    return good;
}

/* types: {text: [string, phone], number: double} */
static bool
objects_types(struct eff_compile *c, const struct eff_node *map, struct eff_objects *objects)
{
    struct eff_type_name *types;
    size_t count = 0;

    if (!map)
        return true;
    if (map->kind != EFF_NODE_MAP) {
        eff_compile_fail(c, map, "expected a mapping of types to the vendor's names");
        return false;
    }
    for (size_t i = 0; i < map->count; i++)
        count += map->values[i].kind == EFF_NODE_LIST ? map->values[i].count : 1;
    types = eff_new(c->arena, struct eff_type_name, count);
    objects->types = types;
    for (size_t i = 0; i < map->count; i++) {
        const struct eff_node *value = &map->values[i];
        size_t many = value->kind == EFF_NODE_LIST ? value->count : 1;
        enum eff_field_type type;

        if (!objects_type(c, &map->keys[i], &type))
            return false;
        for (size_t k = 0; k < many; k++)
            types[objects->types_count++] = (struct eff_type_name){
                value->kind == EFF_NODE_LIST ? value->values[k].text : value->text, type};
    }
    return true;
}

bool
eff_compile_objects(struct eff_compile *c, const struct eff_node *map)
{
    struct eff_objects *objects = &c->connector->objects;
    struct objects_conf conf = {0};
    bool good;

    if (!map)
        return true;
    if (!eff_compile_fill(c, map, objects_options, COUNT(objects_options), &conf))
        return false;
    objects->known = conf.known;
    objects->only = conf.only;
    objects->match = conf.match;
    objects->caseless = conf.caseless;
    objects->pairs = conf.pairs;
    objects->names = conf.names;
    good = objects_list(c, conf.list, objects);
    good &= objects_fields(c, conf.fields, objects);
    good &= objects_standard(c, conf.standard, objects);
    good &= objects_types(c, conf.types, objects);
    good &= eff_compile_ints(c, conf.missing_status, &objects->missing_status);
    return good;
}

/* ---- proving a credential ---- */

struct check_conf {
    struct eff_call_conf call;
    struct eff_str_list only;
    bool members;
    eff_str needs, remedy;
    const struct eff_node *success, *has;
    struct eff_str_list untold;
};

static const struct eff_option check_options[] = {
    EFF_CALL_OPTIONS(struct check_conf, call),
    {"only", EFF_OPT_LIST, offsetof(struct check_conf, only)},
    {"members", EFF_OPT_BOOL, offsetof(struct check_conf, members)},
    {"needs", EFF_OPT_STR, offsetof(struct check_conf, needs)},
    {"remedy", EFF_OPT_STR, offsetof(struct check_conf, remedy)},
    {"success", EFF_OPT_NODE, offsetof(struct check_conf, success)},
    {"untold", EFF_OPT_LIST, offsetof(struct check_conf, untold)},
    {"has", EFF_OPT_NODE, offsetof(struct check_conf, has)},
};

struct proof_conf {
    eff_str header, each, lacks, remedy;
    struct eff_str_list is;
    const struct eff_node *all;
    int fault;
};

static const struct eff_option proof_options[] = {
    {"header", EFF_OPT_STR, offsetof(struct proof_conf, header)},
    {"is", EFF_OPT_LIST, offsetof(struct proof_conf, is)},
    {"each", EFF_OPT_STR, offsetof(struct proof_conf, each), ""},
    {"all", EFF_OPT_NODE, offsetof(struct proof_conf, all)},
    {"lacks", EFF_OPT_STR, offsetof(struct proof_conf, lacks), .flags = EFF_OPT_REQUIRED},
    {"remedy", EFF_OPT_STR, offsetof(struct proof_conf, remedy), .flags = EFF_OPT_REQUIRED},
    {"fault", EFF_OPT_ENUM, offsetof(struct proof_conf, fault), "auth",
     .choices = "none|config|auth"},
};

static bool
check_proof(struct eff_compile *c, const struct eff_node *map, struct eff_proof *proof)
{
    struct proof_conf conf = {0};

    if (!eff_compile_fill(c, map, proof_options, COUNT(proof_options), &conf))
        return false;
    if ((!conf.header.ptr && !conf.all) || !conf.header.ptr != !conf.is.count) {
        eff_compile_fail(c, map, "give `header` with `is`, or `all`, or both");
        return false;
    }
    *proof = (struct eff_proof){.words = conf.is,
                                .each = conf.each,
                                .lacks = conf.lacks,
                                .remedy = conf.remedy,
                                .fault = conf.fault == 1 ? EFF_CONFIG : EFF_AUTH};
    if (conf.header.ptr)
        proof->header = eff_str_lower(c->arena, conf.header);
    return eff_compile_tests(c, conf.all, &proof->all) && eff_compile_pointer(c, map, conf.each);
}

static bool
check_proofs(struct eff_compile *c, const struct eff_node *list, struct eff_check *check)
{
    size_t count = list && list->kind == EFF_NODE_LIST ? list->count : 0;
    struct eff_proof *proofs = eff_new(c->arena, struct eff_proof, count);
    bool good = !list || count > 0;

    if (!good)
        eff_compile_fail(c, list, "`has` is a list");
    for (size_t i = 0; i < count; i++)
        good &= check_proof(c, &list->values[i], &proofs[i]);
    check->proofs = proofs;
    check->proofs_count = count;
    return good;
}

/* One request, or a list of them for some objects each. */
bool
eff_compile_checks(struct eff_compile *c, const struct eff_node *node)
{
    size_t count = !node ? 0 : node->kind == EFF_NODE_LIST ? node->count : 1;
    struct eff_check *checks = eff_new(c->arena, struct eff_check, count);
    bool good = true;

    for (size_t i = 0; i < count; i++) {
        const struct eff_node *map = node->kind == EFF_NODE_LIST ? &node->values[i] : node;
        struct check_conf conf = {0};

        if (!eff_compile_fill(c, map, check_options, COUNT(check_options), &conf))
            return false;
        checks[i] = (struct eff_check){.only = conf.only,
                                       .members = conf.members,
                                       .remedy = conf.remedy,
                                       .untold = conf.untold};
        good &= eff_compile_when(c, map, conf.needs, &checks[i].needs_option);
        good &= check_proofs(c, conf.has, &checks[i]);
        good &= eff_compile_test(c, conf.success, &checks[i].success);
        good &= eff_compile_call(c, map, &conf.call, EFF_SCOPE_OBJECT, &checks[i].call);
    }
    c->connector->checks = checks;
    c->connector->checks_count = count;
    return good;
}

/* ---- reading back ---- */

struct reading_conf {
    struct eff_call_conf call;
    int64_t rows, lag_ms;
    eff_str row, remote_id, fields, needs;
    struct eff_str_list only, match, untold;
    bool small_names, zoneless;
    const struct eff_node *each, *next, *missing_status, *names;
};

static const struct eff_option reading_options[] = {
    EFF_CALL_OPTIONS(struct reading_conf, call),
    {"batch.rows", EFF_OPT_INT, offsetof(struct reading_conf, rows), "1", 1, 100000},
    {"each", EFF_OPT_NODE, offsetof(struct reading_conf, each)},
    {"row", EFF_OPT_STR, offsetof(struct reading_conf, row)},
    {"remote_id", EFF_OPT_STR, offsetof(struct reading_conf, remote_id)},
    {"fields", EFF_OPT_STR, offsetof(struct reading_conf, fields), ""},
    {"only", EFF_OPT_LIST, offsetof(struct reading_conf, only)},
    {"match", EFF_OPT_LIST, offsetof(struct reading_conf, match)},
    {"small_names", EFF_OPT_BOOL, offsetof(struct reading_conf, small_names)},
    {"names", EFF_OPT_NODE, offsetof(struct reading_conf, names)},
    {"zoneless", EFF_OPT_BOOL, offsetof(struct reading_conf, zoneless)},
    {"needs", EFF_OPT_STR, offsetof(struct reading_conf, needs)},
    {"untold", EFF_OPT_LIST, offsetof(struct reading_conf, untold)},
    {"lag", EFF_OPT_TIME, offsetof(struct reading_conf, lag_ms), NULL, 0, 86400000},
    {"next", EFF_OPT_NODE, offsetof(struct reading_conf, next)},
    {"missing_status", EFF_OPT_NODE, offsetof(struct reading_conf, missing_status)},
};

/* names: {date: "TO_CHAR({field.name}, 'YYYY-MM-DD') AS {field.name}"} */
static bool
reading_names(struct eff_compile *c, const struct eff_node *map, struct eff_reading *reading)
{
    struct eff_scope scope = eff_compile_scope(c, EFF_SCOPE_ROW);
    enum eff_field_type type;

    scope.in_each_field = true;
    if (map && map->kind != EFF_NODE_MAP) {
        eff_compile_fail(c, map, "expected a mapping of types to what stands for a field's name");
        return false;
    }
    for (size_t i = 0; map && i < map->count; i++)
        if (!objects_type(c, &map->keys[i], &type) ||
            !eff_text_compile(&scope, &map->values[i], &reading->forms[type]))
            return false;
    return true;
}

static bool
reading_one(struct eff_compile *c, const struct eff_node *map, struct eff_reading *reading)
{
    struct reading_conf conf = {0};
    unsigned scope = EFF_SCOPE_BATCH;
    bool good;

    if (!eff_compile_fill(c, map, reading_options, COUNT(reading_options), &conf))
        return false;
    if (conf.rows > 1 && !conf.row.ptr) {
        eff_compile_fail(c, map, "`row` is missing: the pointer to the match value in a record");
        return false;
    }
    reading->rows_max = (size_t)conf.rows;
    reading->row = conf.row;
    reading->remote_id = conf.remote_id;
    reading->fields = conf.fields;
    reading->only = conf.only;
    reading->match = conf.match;
    reading->small_names = conf.small_names;
    reading->zoneless = conf.zoneless;
    reading->lag_ms = conf.lag_ms;
    reading->untold = conf.untold;
    scope |= conf.rows == 1 ? EFF_SCOPE_ROW : 0;
    good = eff_compile_when(c, map, conf.needs, &reading->needs_option);
    good &= reading_names(c, conf.names, reading);
    good &= eff_compile_each(c, conf.each, &reading->each);
    good &= eff_compile_marked(c, map, conf.row);
    good &= !conf.remote_id.ptr || eff_compile_pointer(c, map, conf.remote_id);
    good &= eff_compile_marked(c, map, conf.fields);
    good &= eff_compile_paging(c, conf.next, &reading->next);
    good &= eff_compile_ints(c, conf.missing_status, &reading->missing_status);
    good &= eff_compile_call(c, map, &conf.call, scope, &reading->call);
    return good;
}

/* One request, or a list of them for some objects each. */
bool
eff_compile_reading(struct eff_compile *c, const struct eff_node *node)
{
    size_t count = !node ? 0 : node->kind == EFF_NODE_LIST ? node->count : 1;
    struct eff_reading *readings = eff_new(c->arena, struct eff_reading, count);
    bool good = true;

    for (size_t i = 0; i < count; i++)
        good &= reading_one(c, node->kind == EFF_NODE_LIST ? &node->values[i] : node, &readings[i]);
    c->connector->readings = readings;
    c->connector->readings_count = count;
    return good;
}

/* ---- errors ---- */

struct rule_conf {
    const struct eff_node *status;
    struct eff_str_list codes, is, only, field;
    eff_str at, text, remedy;
    int fault, then, body;
};

static const struct eff_option rule_options[] = {
    {"status", EFF_OPT_NODE, offsetof(struct rule_conf, status)},
    {"code", EFF_OPT_LIST, offsetof(struct rule_conf, codes)},
    {"at", EFF_OPT_STR, offsetof(struct rule_conf, at)},
    {"is", EFF_OPT_LIST, offsetof(struct rule_conf, is)},
    {"text", EFF_OPT_STR, offsetof(struct rule_conf, text)},
    {"only", EFF_OPT_LIST, offsetof(struct rule_conf, only)},
    {"fault", EFF_OPT_ENUM, offsetof(struct rule_conf, fault),
     .choices = "none|config|auth|rate|limit|contract|row|transient"},
    {"then", EFF_OPT_ENUM, offsetof(struct rule_conf, then),
     .choices = "judge|applied|not_applied|maybe|refused|split|missing"},
    {"body", EFF_OPT_ENUM, offsetof(struct rule_conf, body), .choices = "any|empty"},
    {"field", EFF_OPT_LIST, offsetof(struct rule_conf, field)},
    {"remedy", EFF_OPT_STR, offsetof(struct rule_conf, remedy)},
};

static bool
rule_ops(struct eff_compile *c, const struct eff_node *map, const struct eff_str_list *only,
         unsigned *ret_ops)
{
    enum eff_op op;

    for (size_t i = 0; i < only->count; i++) {
        if (!eff_op_from_name(only->at[i], &op)) {
            eff_compile_fail(c, map, "`only` names an operation that does not exist");
            return false;
        }
        *ret_ops |= 1U << op;
    }
    return true;
}

/* "HTTP 404" is the code of an answer that has none, and "*" any: neither is said by the answer. */
static bool
rule_tells(const struct rule_conf *conf)
{
    bool tells = conf->at.ptr || conf->text.len || conf->body;

    for (size_t i = 0; i < conf->codes.count; i++) {
        if (eff_str_starts(conf->codes.at[i], EFF_STR("HTTP ")) ||
            eff_str_is(conf->codes.at[i], "*"))
            return conf->at.ptr || conf->text.len;
        tells = true;
    }
    return tells;
}

static bool
rule_one(struct eff_compile *c, const struct eff_node *map, struct eff_error_rule *rule)
{
    static const enum eff_outcome outcomes[] = {EFF_PENDING,       EFF_APPLIED, EFF_NOT_APPLIED,
                                                EFF_MAYBE_APPLIED, EFF_REFUSED, EFF_PENDING,
                                                EFF_PENDING};
    struct rule_conf conf = {0};
    bool good;

    if (!eff_compile_fill(c, map, rule_options, COUNT(rule_options), &conf))
        return false;
    *rule = (struct eff_error_rule){.codes = conf.codes,
                                    .test = {conf.at, conf.is},
                                    .text = conf.text,
                                    .fault = (enum eff_fault)conf.fault,
                                    .outcome = outcomes[conf.then],
                                    .split = conf.then == 5,
                                    .missing = conf.then == 6,
                                    .empty = conf.body,
                                    .field = conf.field,
                                    .remedy = conf.remedy};
    if (!conf.status && !conf.codes.count && !conf.at.ptr && !conf.text.len) {
        eff_compile_fail(c, map, "a rule without a condition: give status, code, at or text");
        return false;
    }
    if (conf.fault == EFF_OK && conf.then == 0) {
        eff_compile_fail(c, map, "a rule without a verdict: give fault or then");
        return false;
    }
    if ((rule->missing || rule->outcome == EFF_APPLIED) && !rule_tells(&conf)) {
        eff_problem_add(c->problems, map->place, EFF_CONNECTOR_CODE,
                        EFF_STR("Add `code`, `text`, or `at` with `is`, from the API's own answer "
                                "for a record that is not there; `body: empty` where it has none."),
                        "the status alone does not say that there is no such record: a wrong path "
                        "or a proxy answers so, too");
        return false;
    }
    good = eff_compile_ints(c, conf.status, &rule->status);
    good &= rule_ops(c, map, &conf.only, &rule->ops);
    good &= !conf.at.ptr || eff_compile_pointer(c, map, conf.at);
    return good;
}

bool
eff_compile_errors(struct eff_compile *c, const struct eff_node *list)
{
    struct eff_error_rule *rules;
    bool good = true;

    if (!list)
        return true;
    if (list->kind != EFF_NODE_LIST) {
        eff_compile_fail(c, list, "`errors` is a list of rules");
        return false;
    }
    rules = eff_new(c->arena, struct eff_error_rule, list->count);
    for (size_t i = 0; i < list->count; i++)
        good &= rule_one(c, &list->values[i], &rules[i]);
    c->connector->errors = rules;
    c->connector->errors_count = list->count;
    return good;
}
