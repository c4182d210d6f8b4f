/*
 * conf/field: the entries of `fields:` and `match:`.
 *
 * An entry is a column's name, a template, or a mapping by eff_field_options.
 * Whatever order the user writes them in, transforms apply in this one: trim,
 * lower or upper, map, default, zone, cast, format, normalize, hash.
 */
#include "conf/load.h"
#include "conf/value.h"

#include "base/number.h"

/* ---- constants ---- */

static bool
field_has_leading_zero(eff_str text)
{
    if (text.len > 0 && text.ptr[0] == '-')
        text = eff_str_sub(text, 1, SIZE_MAX);
    return text.len > 1 && text.ptr[0] == '0' && text.ptr[1] >= '0' && text.ptr[1] <= '9';
}

/* Plain text that YAML users read as a number; +49..., 007 and .5. stay text. */
static bool
field_plain_number(eff_str text)
{
    return text.len > 0 && text.ptr[0] != '+' && text.ptr[0] != '.' &&
           !field_has_leading_zero(text) && eff_number_valid(text);
}

static struct eff_value
field_number(struct eff_load *load, eff_str text)
{
    char canonical[400];
    size_t len;
    int64_t i;

    if (eff_str_int(text, &i))
        return eff_value_of_int(EFF_INT, i);
    len = eff_decimal_canonical(text, canonical, sizeof canonical);
    if (len == 0)
        return eff_value_of_str(EFF_TEXT, text);
    return eff_value_of_str(EFF_DECIMAL, eff_str_copy(load->arena, (eff_str){canonical, len}));
}

static bool
field_constant(struct eff_load *load, const char *what, const struct eff_node *node,
               struct eff_value *ret)
{
    if (node->kind == EFF_NODE_NULL) {
        *ret = (struct eff_value){.kind = EFF_NULL};
        return true;
    }
    if (node->kind != EFF_NODE_SCALAR) {
        eff_problem_add(load->problems, node->place, "EFF1103", EFF_STR_NONE,
                        "`%s` expects one value, found %s", what, eff_node_kind_name(node));
        return false;
    }
    if (!node->quoted && (eff_str_is(node->text, "true") || eff_str_is(node->text, "false")))
        *ret = eff_value_of_int(EFF_BOOL, eff_str_is(node->text, "true"));
    else if (!node->quoted && field_plain_number(node->text))
        *ret = field_number(load, node->text);
    else
        *ret = eff_value_of_str(EFF_TEXT, node->text);
    return true;
}

/* ---- templates ---- */

bool
eff_template_next(eff_str *rest, eff_str *ret_text, eff_str *ret_column, size_t *ret_bad)
{
    size_t open = eff_str_find(*rest, EFF_STR("{{"));
    eff_str inner;
    size_t close;

    *ret_bad = SIZE_MAX;
    *ret_column = EFF_STR_NONE;
    *ret_text = eff_str_sub(*rest, 0, open);
    if (rest->len == 0)
        return false;
    close = eff_str_find(*ret_text, EFF_STR("}}"));
    if (close != SIZE_MAX) {
        *ret_bad = close;
        return false;
    }
    if (open == SIZE_MAX) {
        *rest = EFF_STR_NONE;
        return true;
    }
    inner = eff_str_sub(*rest, open + 2, SIZE_MAX);
    close = eff_str_find(inner, EFF_STR("}}"));
    *ret_column = eff_str_trim(eff_str_sub(inner, 0, close));
    if (close == SIZE_MAX || ret_column->len == 0 ||
        eff_str_find_char(*ret_column, '{') != SIZE_MAX ||
        eff_str_find_char(*ret_column, '|') != SIZE_MAX) {
        *ret_bad = open;
        return false;
    }
    *rest = eff_str_sub(inner, close + 2, SIZE_MAX);
    return true;
}

static bool
field_check_template(struct eff_load *load, const struct eff_node *node)
{
    eff_str rest = node->text, text, column;
    size_t bad;

    while (eff_template_next(&rest, &text, &column, &bad))
        ;
    if (bad == SIZE_MAX)
        return true;
    eff_problem_add(load->problems, eff_node_place_at(node, node->text.len - rest.len + bad),
                    "EFF1207",
                    EFF_STR("Write {{ column }}: a column's name between two pairs of braces; "
                            "changes such as `lower` are keys of their own."),
                    "the template cannot be read from \"" EFF_STR_FMT "\" on",
                    EFF_STR_ARG(eff_value_shown(eff_str_sub(rest, bad, SIZE_MAX))));
    return false;
}

/* ---- transforms ---- */

static void
field_add(struct eff_field_conf *field, struct eff_transform *at, struct eff_transform transform)
{
    at[field->transforms_count++] = transform;
}

static bool
field_map_pair(struct eff_load *load, const struct eff_node *key, const struct eff_node *value,
               struct eff_map_pair *ret)
{
    if (key->kind != EFF_NODE_SCALAR && !key->quoted) {
        eff_problem_add(
            load->problems, key->place, "EFF1206",
            EFF_STR("Say what a NULL becomes by `default:`; quote the word if it is text."),
            "`map` cannot list NULL");
        return false;
    }
    ret->from = key->text;
    return field_constant(load, "map", value, &ret->to);
}

static bool
field_map(struct eff_load *load, const struct eff_field_raw *raw, struct eff_transform *ret)
{
    size_t count = raw->map->count;
    struct eff_map_pair *pairs = eff_new(load->arena, struct eff_map_pair, count);
    bool ok = true;

    *ret = (struct eff_transform){.kind = EFF_TRANSFORM_MAP, .pairs = pairs, .pairs_count = count};
    if (raw->map->kind != EFF_NODE_MAP || count == 0) {
        eff_problem_add(load->problems, raw->map->place, "EFF1103",
                        EFF_STR("Write {value: what it becomes, ...}."),
                        "`map` expects a mapping with at least one pair, found %s",
                        eff_node_kind_name(raw->map));
        return false;
    }
    for (size_t i = 0; i < count; i++)
        ok = field_map_pair(load, &raw->map->keys[i], &raw->map->values[i], &pairs[i]) && ok;
    ret->has_otherwise = raw->otherwise != NULL;
    if (raw->otherwise != NULL)
        ok = field_constant(load, "otherwise", raw->otherwise, &ret->value) && ok;
    return ok;
}

/* By the choices of `cast:`. */
static const enum eff_kind field_casts[] = {
    EFF_NULL, EFF_BOOL, EFF_INT,      EFF_FLOAT,   EFF_DECIMAL, EFF_TEXT,
    EFF_DATE, EFF_TIME, EFF_DATETIME, EFF_INSTANT, EFF_JSON,
};

static void
field_transforms(struct eff_load *load, const struct eff_field_raw *raw,
                 struct eff_field_conf *field)
{
    struct eff_transform *at = eff_new(load->arena, struct eff_transform, 10), map;
    struct eff_value value;

    field->transforms = at;
    if (raw->trim)
        field_add(field, at, (struct eff_transform){.kind = EFF_TRANSFORM_TRIM});
    if (raw->lower)
        field_add(field, at, (struct eff_transform){.kind = EFF_TRANSFORM_LOWER});
    if (raw->upper)
        field_add(field, at, (struct eff_transform){.kind = EFF_TRANSFORM_UPPER});
    if (raw->map != NULL && field_map(load, raw, &map))
        field_add(field, at, map);
    if (raw->fallback != NULL && field_constant(load, "default", raw->fallback, &value))
        field_add(field, at, (struct eff_transform){.kind = EFF_TRANSFORM_DEFAULT, .value = value});
    if (raw->zone.ptr != NULL)
        field_add(field, at,
                  (struct eff_transform){.kind = EFF_TRANSFORM_ZONE, .zone_name = raw->zone});
    if (raw->cast > 0)
        field_add(
            field, at,
            (struct eff_transform){.kind = EFF_TRANSFORM_CAST, .cast = field_casts[raw->cast]});
    if (raw->format.ptr != NULL)
        field_add(field, at,
                  (struct eff_transform){.kind = EFF_TRANSFORM_FORMAT, .format = raw->format});
    if (raw->normalize > 0)
        field_add(field, at,
                  (struct eff_transform){.kind = EFF_TRANSFORM_NORMALIZE,
                                         .normalize = (enum eff_normalize)raw->normalize});
    if (raw->hash > 0)
        field_add(field, at, (struct eff_transform){.kind = EFF_TRANSFORM_HASH});
}

/* ---- entries ---- */

static void
field_contradicts(struct eff_load *load, const struct eff_node *map, const char *key,
                  const char *other)
{
    const struct eff_node *node = eff_node_get(map, key);

    eff_problem_add(load->problems, node ? node->place : map->place, "EFF1205", EFF_STR_NONE,
                    "`%s` and `%s` contradict each other", key, other);
}

static void
field_check_entry(struct eff_load *load, const struct eff_field_raw *raw,
                  const struct eff_node *map, bool match)
{
    if (raw->from.ptr != NULL && raw->template.ptr != NULL)
        field_contradicts(load, map, "from", "template");
    if (raw->constant != NULL && map->count > 1)
        eff_problem_add(load->problems, map->place, "EFF1205",
                        EFF_STR("Write the final value as `const`."),
                        "`const` stands alone: a constant needs no other key");
    if (raw->lower && raw->upper)
        field_contradicts(load, map, "lower", "upper");
    if (raw->otherwise != NULL && raw->map == NULL)
        eff_problem_add(load->problems, raw->otherwise->place, "EFF1206",
                        EFF_STR("For NULL, write `default`."), "`otherwise` needs `map`");
    if (match && eff_node_get(map, "null") != NULL)
        eff_problem_add(load->problems, eff_node_get(map, "null")->place, "EFF1206",
                        EFF_STR("Remove it: a row whose match value is NULL is refused."),
                        "`null` has no meaning in `match`");
    if (eff_str_find(raw->from, EFF_STR("{{")) != SIZE_MAX)
        eff_problem_add(load->problems, eff_node_get(map, "from")->place, "EFF1206",
                        EFF_STR("Write it as `template:`."), "`from` names one column");
}

/* {from: segment, map: {...}} */
static void
field_mapping(struct eff_load *load, const struct eff_node *node, bool match,
              struct eff_field_conf *field)
{
    struct eff_field_raw raw = {.on_null = field->on_null};
    const struct eff_node *given = eff_node_get(node, "null");

    if (!eff_options_fill(node, eff_field_options, eff_field_options_count, &raw, load->problems))
        return;
    field_check_entry(load, &raw, node, match);
    if (raw.template.ptr != NULL) {
        struct eff_node text = *eff_node_get(node, "template");
        text.inlined = text.inlined && eff_str_eq(text.text, raw.template);
        text.text = raw.template;
        field_check_template(load, &text);
        field->template = raw.template;
    } else if (raw.constant != NULL) {
        field->has_constant = field_constant(load, "const", raw.constant, &field->constant);
    } else {
        field->from = raw.from.ptr ? raw.from : field->name;
    }
    if (given != NULL)
        field->on_null = (enum eff_null_policy)raw.on_null;
    field_transforms(load, &raw, field);
}

static bool
field_is_template(eff_str text)
{
    return eff_str_find(text, EFF_STR("{{")) != SIZE_MAX ||
           eff_str_find(text, EFF_STR("}}")) != SIZE_MAX;
}

static void
field_scalar(struct eff_load *load, const struct eff_node *node, struct eff_field_conf *field)
{
    bool constant =
        !node->quoted && (eff_str_is(node->text, "true") || eff_str_is(node->text, "false") ||
                          field_plain_number(node->text));

    if (node->text.len == 0 || constant) {
        eff_problem_add(load->problems, node->place, "EFF1206",
                        constant ? EFF_STR("Write {const: ...} for a constant; quote the name of a "
                                           "column that looks like one.")
                                 : EFF_STR_NONE,
                        "expected the name of a column, found \"" EFF_STR_FMT "\"",
                        EFF_STR_ARG(eff_value_shown(node->text)));
        return;
    }
    if (!field_is_template(node->text)) {
        field->from = node->text;
        return;
    }
    field->template = node->text;
    field_check_template(load, node);
}

static void
field_entry(struct eff_load *load, const struct eff_node *name, const struct eff_node *value,
            bool match, enum eff_null_policy on_null, struct eff_field_conf *field)
{
    *field = (struct eff_field_conf){.name = name->text, .place = name->place};
    field->on_null = match ? EFF_NULL_SEND : on_null;
    if (name->text.len == 0 || eff_str_starts(name->text, EFF_STR(".")) ||
        eff_str_ends(name->text, EFF_STR(".")) ||
        eff_str_find(name->text, EFF_STR("..")) != SIZE_MAX)
        eff_problem_add(load->problems, name->place, "EFF1204",
                        EFF_STR("Dots separate the parts of a nested field: address.city."),
                        "\"" EFF_STR_FMT "\" is not the name of a field",
                        EFF_STR_ARG(eff_value_shown(name->text)));
    if (value->kind == EFF_NODE_SCALAR)
        field_scalar(load, value, field);
    else if (value->kind == EFF_NODE_MAP)
        field_mapping(load, value, match, field);
    else
        eff_problem_add(load->problems, value->kind == EFF_NODE_NULL ? name->place : value->place,
                        "EFF1206",
                        EFF_STR("Write `field: column` or `field: {from: column, ...}`."),
                        "`" EFF_STR_FMT "` expects a column, found %s",
                        EFF_STR_ARG(eff_value_shown(name->text)), eff_node_kind_name(value));
}

/* - email: the field and the column have one name */
static void
field_list_item(struct eff_load *load, const struct eff_node *item, bool match,
                enum eff_null_policy on_null, struct eff_field_conf *field)
{
    if (item->kind == EFF_NODE_SCALAR && !field_is_template(item->text)) {
        field_entry(load, item, item, match, on_null, field);
        return;
    }
    *field = (struct eff_field_conf){.place = item->place};
    eff_problem_add(load->problems, item->place, "EFF1206",
                    EFF_STR("Write a mapping, `field: column`, where the names differ."),
                    "a list holds names of columns only");
}

static bool
field_nested_in(eff_str inner, eff_str outer)
{
    return inner.len > outer.len && eff_str_starts(inner, outer) && inner.ptr[outer.len] == '.';
}

static void
field_check_names(struct eff_load *load, size_t count, const struct eff_field_conf *fields,
                  bool list)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = 0; j < i; j++) {
            if (list && fields[i].name.len > 0 && eff_str_eq(fields[i].name, fields[j].name))
                eff_problem_add(load->problems, fields[i].place, "EFF1203",
                                EFF_STR("Remove one of the two."),
                                "`" EFF_STR_FMT "` is there twice", EFF_STR_ARG(fields[i].name));
            else if (field_nested_in(fields[i].name, fields[j].name) ||
                     field_nested_in(fields[j].name, fields[i].name))
                eff_problem_add(load->problems, fields[i].place, "EFF1205", EFF_STR_NONE,
                                "`" EFF_STR_FMT "` and `" EFF_STR_FMT
                                "` contradict each other: one holds the other",
                                EFF_STR_ARG(fields[j].name), EFF_STR_ARG(fields[i].name));
            else
                continue;
            break;
        }
}

static bool
field_form(struct eff_load *load, const struct eff_node *node, bool match)
{
    const char *what = match ? "match" : "fields";

    if (node->kind == EFF_NODE_NULL || (node->kind == EFF_NODE_SCALAR && !match) ||
        (node->kind != EFF_NODE_SCALAR && node->count == 0)) {
        eff_problem_add(load->problems, node->place, "EFF1103",
                        EFF_STR("Write a list of columns, or a mapping of fields to columns."),
                        "`%s` expects at least one field in a list or mapping, found %s", what,
                        eff_node_kind_name(node));
        return false;
    }
    if (node->count > EFF_LOAD_FIELDS_MAX) {
        eff_problem_add(load->problems, node->place, "EFF1104", EFF_STR_NONE,
                        "`%s` has %zu entries; at most %d are possible", what, node->count,
                        EFF_LOAD_FIELDS_MAX);
        return false;
    }
    return true;
}

void
eff_load_fields(struct eff_load *load, const struct eff_node *node, bool match,
                enum eff_null_policy on_null, size_t *ret_count,
                const struct eff_field_conf **ret_fields)
{
    bool map = node->kind == EFF_NODE_MAP, single = node->kind == EFF_NODE_SCALAR;
    size_t count = single ? 1 : node->count;
    struct eff_field_conf *fields;

    if (!field_form(load, node, match))
        return;
    fields = eff_new(load->arena, struct eff_field_conf, count);
    for (size_t i = 0; i < count; i++) {
        if (map)
            field_entry(load, &node->keys[i], &node->values[i], match, on_null, &fields[i]);
        else
            field_list_item(load, single ? node : &node->values[i], match, on_null, &fields[i]);
    }
    field_check_names(load, count, fields, !map);
    *ret_count = count;
    *ret_fields = fields;
}
