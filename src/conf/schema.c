/*
 * conf/schema: the JSON Schema of project and sync documents.
 *
 * It guides an editor while somebody types; `efferent check` is what decides.
 * So every value may also be text with ${...} in it, and what one key means for
 * another is left out.
 */
#include "conf/schema.h"

#include "base/json.h"
#include "conf/load.h"
#include "conf/value.h"

#include <stdio.h>

#define SCHEMA_VARIABLE "\\$\\{"

/* ---- one value ---- */

static void
schema_pattern(struct eff_json_writer *w, const char *pattern)
{
    eff_json_field_str(w, "type", EFF_STR("string"));
    eff_json_field_str(w, "pattern", eff_str_of(pattern));
}

/* Starts {"anyOf": [..., so that text with a variable is accepted beside the type itself. */
static void
schema_begin_either(struct eff_json_writer *w)
{
    eff_json_key(w, EFF_STR("anyOf"));
    eff_json_begin_array(w);
    eff_json_begin_object(w);
}

static void
schema_end_either(struct eff_json_writer *w)
{
    eff_json_end_object(w);
    eff_json_begin_object(w);
    schema_pattern(w, SCHEMA_VARIABLE);
    eff_json_end_object(w);
    eff_json_end_array(w);
}

static void
schema_range(struct eff_json_writer *w, const struct eff_option *option)
{
    eff_json_field_int(w, "minimum", option->min);
    if (option->max != 0)
        eff_json_field_int(w, "maximum", option->max);
}

static void
schema_enum(struct eff_json_writer *w, const char *choices)
{
    eff_str rest = eff_str_of(choices), choice;
    bool more = true;

    eff_json_key(w, EFF_STR("enum"));
    eff_json_begin_array(w);
    while (more) {
        more = eff_str_cut(rest, '|', &choice, &rest);
        eff_json_write_str(w, choice);
    }
    eff_json_end_array(w);
}

static void
schema_types(struct eff_json_writer *w, const char *first, const char *second, const char *third)
{
    eff_json_key(w, EFF_STR("type"));
    eff_json_begin_array(w);
    eff_json_write_str(w, eff_str_of(first));
    eff_json_write_str(w, eff_str_of(second));
    if (third != NULL)
        eff_json_write_str(w, eff_str_of(third));
    eff_json_end_array(w);
}

static void
schema_list(struct eff_json_writer *w)
{
    schema_types(w, "string", "number", "array");
    eff_json_key(w, EFF_STR("items"));
    eff_json_begin_object(w);
    schema_types(w, "string", "number", NULL);
    eff_json_end_object(w);
}

static void
schema_scalar(struct eff_json_writer *w, const struct eff_option *option)
{
    switch (option->kind) {
    case EFF_OPT_INT:
        eff_json_field_str(w, "type", EFF_STR("integer"));
        schema_range(w, option);
        break;
    case EFF_OPT_BOOL:
        eff_json_field_str(w, "type", EFF_STR("boolean"));
        break;
    case EFF_OPT_ENUM:
        schema_enum(w, option->choices);
        break;
    case EFF_OPT_TIME:
        schema_pattern(w, "^(0|([0-9]+ ?([mM][sS]|[sSmMhHdDwW]) ?)+)$");
        break;
    case EFF_OPT_PERCENT:
        schema_pattern(w, "^[0-9.]+ ?%$");
        break;
    case EFF_OPT_URL:
        schema_pattern(w, "^https?://[^@ ]+$");
        break;
    case EFF_OPT_SIZE:
        schema_types(w, "integer", "string", NULL);
        break;
    default:
        schema_types(w, "string", "number", "boolean");
        break;
    }
}

static void
schema_default(struct eff_json_writer *w, const struct eff_option *option)
{
    if (option->fallback == NULL || option->kind == EFF_OPT_NODE || option->kind == EFF_OPT_LIST)
        return;
    eff_json_key(w, EFF_STR("default"));
    if (option->kind == EFF_OPT_INT || option->kind == EFF_OPT_BOOL)
        eff_json_write_raw(w, eff_str_of(option->fallback));
    else
        eff_json_write_str(w, eff_str_of(option->fallback));
}

/* The members of a schema for the row's value, in the object that is open. */
static void
schema_value(struct eff_json_writer *w, const struct eff_option *option)
{
    eff_json_field_str(w, "description", eff_str_of(option->help));
    schema_default(w, option);
    if (option->kind == EFF_OPT_NODE)
        return;
    if (option->kind == EFF_OPT_LIST) {
        schema_list(w);
        return;
    }
    schema_begin_either(w);
    schema_scalar(w, option);
    schema_end_either(w);
}

/* ---- mappings ---- */

struct schema_table {
    const struct eff_option *rows;
    size_t count;
    void (*special)(struct eff_json_writer *w, const struct eff_schema_kinds *kinds,
                    const char *name); /* adds to the rows that hold nodes; may be NULL */
    const struct eff_schema_kinds *kinds;
};

static bool
schema_below(const struct eff_option *row, eff_str prefix, eff_str *ret_head, bool *ret_nested)
{
    eff_str tail, name = eff_str_of(row->name);

    if (!eff_str_starts(name, prefix) || (row->flags & EFF_OPT_LATER))
        return false;
    *ret_nested = eff_str_cut(eff_str_sub(name, prefix.len, SIZE_MAX), '.', ret_head, &tail);
    return true;
}

/* Whether an earlier row already opened the nested mapping `head`. */
static bool
schema_seen(const struct schema_table *table, size_t before, eff_str prefix, eff_str head)
{
    for (size_t i = 0; i < before; i++) {
        eff_str other;
        bool nested;
        if (schema_below(&table->rows[i], prefix, &other, &nested) && eff_str_eq(other, head))
            return true;
    }
    return false;
}

static void schema_properties(struct eff_json_writer *w, const struct schema_table *table,
                              eff_str prefix);

static void
schema_required(struct eff_json_writer *w, const struct schema_table *table, eff_str prefix)
{
    eff_json_key(w, EFF_STR("required"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < table->count; i++) {
        eff_str head;
        bool nested;
        if (schema_below(&table->rows[i], prefix, &head, &nested) &&
            (table->rows[i].flags & EFF_OPT_REQUIRED) && !schema_seen(table, i, prefix, head))
            eff_json_write_str(w, head);
    }
    eff_json_end_array(w);
}

/* "type", "properties", "required" of the rows below prefix. */
static void
schema_mapping(struct eff_json_writer *w, const struct schema_table *table, eff_str prefix)
{
    eff_json_field_str(w, "type", EFF_STR("object"));
    eff_json_key(w, EFF_STR("additionalProperties"));
    eff_json_write_bool(w, false);
    schema_required(w, table, prefix);
    eff_json_key(w, EFF_STR("properties"));
    eff_json_begin_object(w);
    schema_properties(w, table, prefix);
    eff_json_end_object(w);
}

static void
schema_properties(struct eff_json_writer *w, const struct schema_table *table, eff_str prefix)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct eff_option *row = &table->rows[i];
        eff_str head;
        bool nested;

        if (!schema_below(row, prefix, &head, &nested) || schema_seen(table, i, prefix, head))
            continue;
        eff_json_key(w, head);
        eff_json_begin_object(w);
        if (nested) {
            char below[200];
            int len = snprintf(below, sizeof below, EFF_STR_FMT EFF_STR_FMT ".",
                               EFF_STR_ARG(prefix), EFF_STR_ARG(head));
            schema_mapping(w, table, (eff_str){below, (size_t)len % sizeof below});
        } else {
            schema_value(w, row);
            if (table->special != NULL)
                table->special(w, table->kinds, row->name);
        }
        eff_json_end_object(w);
    }
}

/* ---- the parts that are no plain rows ---- */

static void
schema_ref(struct eff_json_writer *w, const char *name)
{
    char ref[64];

    snprintf(ref, sizeof ref, "#/$defs/%s", name);
    eff_json_field_str(w, "$ref", eff_str_of(ref));
}

static void
schema_map_of(struct eff_json_writer *w, const char *def)
{
    eff_json_field_str(w, "type", EFF_STR("object"));
    eff_json_key(w, EFF_STR("additionalProperties"));
    eff_json_begin_object(w);
    schema_ref(w, def);
    eff_json_end_object(w);
}

static void
schema_special(struct eff_json_writer *w, const struct eff_schema_kinds *kinds, const char *name)
{
    static const struct {
        const char *name, *def;
        bool map;
    } parts[] = {
        {"sources", "source", true},
        {"destinations", "destination", true},
        {"targets", "target", true},
        {"state", "state", false},
        {"fields", "fields", false},
        {"match", "fields", false},
        {"to", "to", false},
        {"guard.max_removed", "max_removed", false},
        {"const", "constant", false},
        {"otherwise", "constant", false},
        {"default", "constant", false},
        {"map", "constant", true},
    };

    (void)kinds;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!eff_str_is(eff_str_of(name), parts[i].name))
            continue;
        if (parts[i].map)
            schema_map_of(w, parts[i].def);
        else
            schema_ref(w, parts[i].def);
    }
}

static void
schema_def(struct eff_json_writer *w, const char *name, const struct eff_option *rows, size_t count)
{
    struct schema_table table = {rows, count, schema_special, NULL};

    eff_json_key(w, eff_str_of(name));
    eff_json_begin_object(w);
    schema_mapping(w, &table, EFF_STR(""));
    eff_json_end_object(w);
}

/* name: a scalar, or what `rows` say. */
static void
schema_def_or_text(struct eff_json_writer *w, const char *name, const char *types,
                   const struct eff_option *rows, size_t count)
{
    struct schema_table table = {rows, count, schema_special, NULL};

    eff_json_key(w, eff_str_of(name));
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("anyOf"));
    eff_json_begin_array(w);
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("type"));
    eff_json_write_raw(w, eff_str_of(types));
    eff_json_end_object(w);
    eff_json_begin_object(w);
    schema_mapping(w, &table, EFF_STR(""));
    eff_json_end_object(w);
    eff_json_end_array(w);
    eff_json_end_object(w);
}

static void
schema_def_fields(struct eff_json_writer *w)
{
    eff_json_key(w, EFF_STR("fields"));
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("anyOf"));
    eff_json_begin_array(w);
    eff_json_begin_object(w);
    schema_list(w);
    eff_json_end_object(w);
    eff_json_begin_object(w);
    schema_map_of(w, "field");
    eff_json_end_object(w);
    eff_json_end_array(w);
    eff_json_end_object(w);
}

/* One `type: x` with the options of that kind. */
static void
schema_kind(struct eff_json_writer *w, const struct eff_kind_desc *kind)
{
    struct schema_table table = {kind->options, kind->options_count, NULL, NULL};

    eff_json_begin_object(w);
    eff_json_field_str(w, "type", EFF_STR("object"));
    eff_json_key(w, EFF_STR("additionalProperties"));
    eff_json_write_bool(w, false);
    schema_required(w, &table, EFF_STR(""));
    eff_json_key(w, EFF_STR("properties"));
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("type"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "const", kind->kind);
    eff_json_end_object(w);
    schema_properties(w, &table, EFF_STR(""));
    eff_json_end_object(w);
    eff_json_end_object(w);
}

static void
schema_def_kinds(struct eff_json_writer *w, const char *name, size_t count,
                 const struct eff_kind_desc *kinds)
{
    eff_json_key(w, eff_str_of(name));
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("required"));
    eff_json_write_raw(w, EFF_STR("[\"type\"]"));
    if (count > 0) {
        eff_json_key(w, EFF_STR("anyOf"));
        eff_json_begin_array(w);
        for (size_t i = 0; i < count; i++)
            schema_kind(w, &kinds[i]);
        eff_json_end_array(w);
    }
    eff_json_end_object(w);
}

static void
schema_defs(struct eff_json_writer *w, const struct eff_schema_kinds *kinds)
{
    eff_json_key(w, EFF_STR("$defs"));
    eff_json_begin_object(w);
    schema_def(w, "project", eff_project_options, eff_project_options_count);
    schema_def(w, "sync", eff_sync_options, eff_sync_options_count);
    schema_def(w, "target", eff_target_options, eff_target_options_count);
    schema_def_or_text(w, "state", "\"string\"", eff_state_options, eff_state_options_count);
    schema_def_or_text(w, "to", "\"string\"", eff_to_options, eff_to_options_count);
    schema_def_or_text(w, "max_removed", "[\"string\", \"integer\"]", eff_removed_options,
                       eff_removed_options_count);
    schema_def_or_text(w, "field", "\"string\"", eff_field_options, eff_field_options_count);
    schema_def_fields(w);
    eff_json_key(w, EFF_STR("constant"));
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("type"));
    eff_json_write_raw(w, EFF_STR("[\"string\", \"number\", \"boolean\", \"null\"]"));
    eff_json_end_object(w);
    schema_def_kinds(w, "source", kinds->sources_count, kinds->sources);
    schema_def_kinds(w, "destination", kinds->dests_count, kinds->dests);
    eff_json_end_object(w);
}

void
eff_schema_write(struct eff_buf *buf, const struct eff_schema_kinds *kinds)
{
    struct eff_json_writer w = {.buf = buf, .indent = 2};

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "$schema", EFF_STR("https://json-schema.org/draft/2020-12/schema"));
    eff_json_field_str(&w, "title", EFF_STR("Efferent: efferent.yml, or one sync"));
    eff_json_key(&w, EFF_STR("if"));
    eff_json_write_raw(&w, EFF_STR("{\"required\": [\"sync\"]}"));
    eff_json_key(&w, EFF_STR("then"));
    eff_json_write_raw(&w, EFF_STR("{\"$ref\": \"#/$defs/sync\"}"));
    eff_json_key(&w, EFF_STR("else"));
    eff_json_write_raw(&w, EFF_STR("{\"$ref\": \"#/$defs/project\"}"));
    schema_defs(&w, kinds);
    eff_json_end_object(&w);
    eff_buf_add_char(buf, '\n');
}
