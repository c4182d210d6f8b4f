/*
 * plan/compile: names to column indexes, templates to parts, and one identity
 * for each field.
 */
#include "plan/compile.h"

#include "base/buf.h"
#include "plan/convert.h"
#include "plan/identity.h"

#include <assert.h>
#include <stdlib.h>

struct compile_missing {
    struct compile_missing *next;
    eff_str name;
    eff_str user; /* "key", "field `Email`" */
    struct eff_place place;
};

struct compile {
    const struct eff_sync_conf *sync;
    const struct eff_columns *columns;
    struct eff_arena *arena;
    struct eff_err *err;
    struct compile_missing *missing, **missing_end;
};

/* -------------------------------------------------------------------------- columns */

static enum eff_fault
compile_ambiguous(struct compile *c, eff_str name, size_t first, size_t second,
                  struct eff_place place)
{
    EFF_FAIL(c->err, EFF_CONFIG,
             "column `" EFF_STR_FMT "` could be `" EFF_STR_FMT
             "` (the model's column %zu) or `" EFF_STR_FMT "` (column %zu)",
             EFF_STR_ARG(name), EFF_STR_ARG(c->columns->at[first].name), first + 1,
             EFF_STR_ARG(c->columns->at[second].name), second + 1);
    eff_err_where(c->err, place.file, place.line, place.column);
    return eff_err_hint(c->err, "Give the model's columns names of their own, and write the name "
                                "exactly as the model does.");
}

static void
compile_note_missing(struct compile *c, eff_str name, eff_str user, struct eff_place place)
{
    struct compile_missing *missing;

    for (missing = c->missing; missing; missing = missing->next)
        if (eff_str_eq(missing->name, name))
            return;
    missing = eff_new(c->arena, struct compile_missing, 1);
    *missing = (struct compile_missing){.name = name, .user = user, .place = place};
    *c->missing_end = missing;
    c->missing_end = &missing->next;
}

/* How many columns have that name; ret_at[2] are the first two. */
static size_t
compile_matches(const struct eff_columns *columns, eff_str name, bool (*same)(eff_str a, eff_str b),
                size_t ret_at[2])
{
    size_t count = 0;

    for (size_t i = 0; i < columns->count; i++) {
        if (!same(columns->at[i].name, name))
            continue;
        if (count < 2)
            ret_at[count] = i;
        count++;
    }
    return count;
}

/* A missing column is only noted, and gets index 0: the mapping is thrown away at the end. */
static enum eff_fault
compile_column(struct compile *c, eff_str name, eff_str user, struct eff_place place,
               size_t *ret_index)
{
    size_t at[2] = {0};
    size_t count = compile_matches(c->columns, name, eff_str_eq, at);

    if (count == 0)
        count = compile_matches(c->columns, name, eff_str_eq_nocase, at);
    if (count > 1)
        return compile_ambiguous(c, name, at[0], at[1], place);
    if (count == 0)
        compile_note_missing(c, name, user, place);
    *ret_index = at[0];
    return EFF_OK;
}

/* NULL: no name is near. */
static const struct eff_column *
compile_nearest(const struct eff_columns *columns, eff_str name)
{
    unsigned best = name.len <= 3 ? 1 : name.len <= 6 ? 2 : 3;
    const struct eff_column *nearest = NULL;

    for (size_t i = 0; i < columns->count; i++) {
        unsigned distance = eff_str_distance(name, columns->at[i].name, best);

        if (distance < best || (distance == best && !nearest)) {
            nearest = &columns->at[i];
            best = distance;
        }
    }
    return nearest;
}

static void
compile_missing_err(struct compile *c, const struct compile_missing *m, size_t left,
                    struct eff_err *err)
{
    const struct eff_column *nearest = compile_nearest(c->columns, m->name);
    struct eff_buf columns = {0}, more = {0};

    if (nearest)
        eff_buf_addf(&more, "; did you mean `" EFF_STR_FMT "`?", EFF_STR_ARG(nearest->name));
    if (left > 0)
        eff_buf_addf(&more, "; and %zu more", left);
    EFF_FAIL(err, EFF_CONFIG,
             "the model of sync `" EFF_STR_FMT "` has no column `" EFF_STR_FMT "` (" EFF_STR_FMT
             ")" EFF_STR_FMT,
             EFF_STR_ARG(c->sync->name), EFF_STR_ARG(m->name), EFF_STR_ARG(m->user),
             EFF_STR_ARG(eff_buf_str(&more)));
    eff_err_where(err, m->place.file, m->place.line, m->place.column);
    for (size_t i = 0; i < c->columns->count; i++)
        eff_buf_addf(&columns, "%s" EFF_STR_FMT, i == 0 ? "" : ", ",
                     EFF_STR_ARG(c->columns->at[i].name));
    eff_err_hint(err, "Its columns are: " EFF_STR_FMT ".", EFF_STR_ARG(eff_buf_str(&columns)));
    eff_buf_free(&columns);
    eff_buf_free(&more);
}

/* Each at its place: the last of them is the fault, those before it go to ret_earlier. */
static enum eff_fault
compile_report_missing(struct compile *c, struct eff_errs *ret_earlier)
{
    const struct compile_missing *m = c->missing;
    struct eff_err *earlier = eff_new(c->arena, struct eff_err, EFF_COMPILE_MISSING_MOST - 1);
    size_t count = 0, left = 0;

    while (m->next && count < EFF_COMPILE_MISSING_MOST - 1) {
        compile_missing_err(c, m, 0, &earlier[count++]);
        m = m->next;
    }
    for (const struct compile_missing *rest = m->next; rest; rest = rest->next)
        left++;
    compile_missing_err(c, m, left, c->err);
    *ret_earlier = (struct eff_errs){count, earlier};
    return EFF_CONFIG;
}

/* ------------------------------------------------------------------ inputs of a field */

/* The inputs of a field while they are found; each column once, in order of appearance. */
struct compile_inputs {
    size_t count;
    size_t *at;
    eff_str *names;
};

static enum eff_fault
compile_input(struct compile *c, const struct eff_field_conf *conf, eff_str name,
              struct compile_inputs *inputs, size_t *ret_input)
{
    eff_str user = eff_str_printf(c->arena, "field `" EFF_STR_FMT "`", EFF_STR_ARG(conf->name));
    size_t column = 0;

    EFF_TRY(compile_column(c, name, user, conf->place, &column));
    for (*ret_input = 0; *ret_input < inputs->count; ++*ret_input)
        if (inputs->at[*ret_input] == column)
            return EFF_OK;
    inputs->at[inputs->count] = column;
    if (column < c->columns->count)
        inputs->names[inputs->count] = eff_str_copy(c->arena, c->columns->at[column].name);
    inputs->count++;
    return EFF_OK;
}

static void
compile_inputs_init(struct compile *c, struct compile_inputs *inputs, size_t max)
{
    inputs->at = eff_new(c->arena, size_t, max);
    inputs->names = eff_new(c->arena, eff_str, max);
}

static enum eff_fault
compile_template_wrong(struct compile *c, const struct eff_field_conf *conf, eff_str from)
{
    EFF_FAIL(c->err, EFF_CONFIG,
             "the template of field `" EFF_STR_FMT "` cannot be read from \"" EFF_STR_FMT "\" on",
             EFF_STR_ARG(conf->name), EFF_STR_ARG(from));
    eff_err_where(c->err, conf->place.file, conf->place.line, conf->place.column);
    return eff_err_hint(c->err, "A template is text with column names in double braces, as in "
                                "\"{{ first_name }} {{ last_name }}\".");
}

static size_t
compile_template_columns(eff_str template, eff_str *ret_wrong)
{
    size_t count = 0, bad;
    eff_str text, column;

    while (eff_template_next(&template, &text, &column, &bad))
        count += column.ptr != NULL;
    *ret_wrong = bad == SIZE_MAX ? EFF_STR_NONE : eff_str_sub(template, bad, SIZE_MAX);
    return count;
}

/* A template without columns is a constant. */
static enum eff_fault
compile_template(struct compile *c, const struct eff_field_conf *conf,
                 struct compile_inputs *inputs, struct eff_field *field)
{
    eff_str rest = conf->template, text, column, wrong;
    size_t count = compile_template_columns(rest, &wrong), bad;
    struct eff_template_part *parts;

    if (wrong.ptr)
        return compile_template_wrong(c, conf, wrong);
    if (count == 0) {
        field->constant = eff_value_of_str(EFF_TEXT, rest);
        return EFF_OK;
    }
    compile_inputs_init(c, inputs, count);
    field->parts = parts = eff_new(c->arena, struct eff_template_part, 2 * count + 1);
    while (eff_template_next(&rest, &text, &column, &bad)) {
        if (text.len > 0)
            parts[field->parts_count++] = (struct eff_template_part){text, SIZE_MAX};
        if (column.ptr)
            EFF_TRY(compile_input(c, conf, column, inputs, &parts[field->parts_count++].input));
    }
    return EFF_OK;
}

static enum eff_fault
compile_inputs(struct compile *c, const struct eff_field_conf *conf, struct eff_field *field)
{
    struct compile_inputs inputs = {0};
    size_t input;

    if (conf->has_constant) {
        field->constant = conf->constant;
        return EFF_OK;
    }
    if (conf->template.ptr) {
        EFF_TRY(compile_template(c, conf, &inputs, field));
    } else if (conf->from.ptr) {
        compile_inputs_init(c, &inputs, 1);
        EFF_TRY(compile_input(c, conf, conf->from, &inputs, &input));
    } else {
        EFF_FAIL(c->err, EFF_CONFIG, "field `" EFF_STR_FMT "` has no source",
                 EFF_STR_ARG(conf->name));
        eff_err_where(c->err, conf->place.file, conf->place.line, conf->place.column);
        return eff_err_hint(c->err, "Give it a column (from), a template or a constant (value).");
    }
    field->inputs_count = inputs.count;
    field->inputs = inputs.at;
    field->input_names = inputs.names;
    return EFF_OK;
}

/* ----------------------------------------------------------------------- transforms */

static int
compile_pair_cmp(const void *a, const void *b)
{
    return eff_str_cmp(((const struct eff_map_pair *)a)->from,
                       ((const struct eff_map_pair *)b)->from);
}

static enum eff_fault
compile_map(struct compile *c, const struct eff_field_conf *conf, struct eff_transform *map)
{
    struct eff_map_pair *pairs = eff_new(c->arena, struct eff_map_pair, map->pairs_count);

    if (map->pairs_count == 0)
        return EFF_OK;
    memcpy(pairs, map->pairs, map->pairs_count * sizeof(*pairs));
    qsort(pairs, map->pairs_count, sizeof(*pairs), compile_pair_cmp);
    for (size_t i = 1; i < map->pairs_count; i++) {
        if (!eff_str_eq(pairs[i - 1].from, pairs[i].from))
            continue;
        EFF_FAIL(c->err, EFF_CONFIG,
                 "the map of field `" EFF_STR_FMT "` has `" EFF_STR_FMT "` twice",
                 EFF_STR_ARG(conf->name), EFF_STR_ARG(pairs[i].from));
        eff_err_where(c->err, conf->place.file, conf->place.line, conf->place.column);
        return eff_err_hint(c->err, "Keep one of the two entries.");
    }
    map->pairs = pairs;
    return EFF_OK;
}

static enum eff_fault
compile_transforms(struct compile *c, const struct eff_field_conf *conf, struct eff_field *field)
{
    struct eff_transform *transforms =
        eff_new(c->arena, struct eff_transform, conf->transforms_count);

    for (size_t i = 0; i < conf->transforms_count; i++) {
        transforms[i] = conf->transforms[i];
        if (transforms[i].kind == EFF_TRANSFORM_MAP)
            EFF_TRY(compile_map(c, conf, &transforms[i]));
        if (transforms[i].kind != EFF_TRANSFORM_FORMAT)
            continue;
        if (eff_convert_format_check(transforms[i].format, c->err) != EFF_OK)
            return eff_err_where(c->err, conf->place.file, conf->place.line, conf->place.column);
    }
    field->transforms = transforms;
    field->transforms_count = conf->transforms_count;
    return EFF_OK;
}

/* ---------------------------------------------------------------------- the mapping */

static void
compile_ids(struct compile *c, struct eff_field *fields, size_t count)
{
    struct eff_buf buf = {0};

    for (size_t i = 0; i < count; i++)
        fields[i].id = eff_identity_of_field(&fields[i], &buf, *c->arena);
    eff_buf_free(&buf);
}

static enum eff_fault
compile_fields(struct compile *c, const struct eff_field_conf *conf, size_t count,
               struct eff_field **ret_fields)
{
    struct eff_field *fields = eff_new(c->arena, struct eff_field, count);

    for (size_t i = 0; i < count; i++) {
        fields[i].name = conf[i].name;
        fields[i].on_null = conf[i].on_null;
        fields[i].where = eff_place_text(c->arena, conf[i].place);
        EFF_TRY(compile_inputs(c, &conf[i], &fields[i]));
        EFF_TRY(compile_transforms(c, &conf[i], &fields[i]));
    }
    *ret_fields = fields;
    return EFF_OK;
}

static enum eff_fault
compile_key(struct compile *c, struct eff_mapping *mapping)
{
    const struct eff_sync_conf *sync = c->sync;
    size_t *key = eff_new(c->arena, size_t, sync->key_count);

    for (size_t i = 0; i < sync->key_count; i++) {
        EFF_TRY(compile_column(c, sync->key[i], EFF_STR("key"), sync->key_place, &key[i]));
        for (size_t k = 0; k < i && !c->missing; k++) {
            if (key[k] != key[i])
                continue;
            EFF_FAIL(c->err, EFF_CONFIG, "key has column `" EFF_STR_FMT "` twice",
                     EFF_STR_ARG(sync->key[i]));
            eff_err_where(c->err, sync->key_place.file, sync->key_place.line,
                          sync->key_place.column);
            return eff_err_hint(c->err, "Name each key column once.");
        }
    }
    mapping->key_count = sync->key_count;
    mapping->key = key;
    mapping->key_names = sync->key;
    return EFF_OK;
}

/* The key columns under their own names, as if the user had written them down. */
static enum eff_fault
compile_match_default(struct compile *c, struct eff_field **ret_match)
{
    const struct eff_sync_conf *sync = c->sync;
    struct eff_field_conf *conf = eff_new(c->arena, struct eff_field_conf, sync->key_count);

    for (size_t i = 0; i < sync->key_count; i++) {
        conf[i].name = conf[i].from = sync->key[i];
        conf[i].place = sync->key_place;
    }
    return compile_fields(c, conf, sync->key_count, ret_match);
}

static bool
compile_is_plain(const struct eff_field *field)
{
    return field->inputs_count == 1 && field->parts_count == 0 && field->transforms_count == 0;
}

/* Each key column is in match once, as it is, and nothing else is. */
static bool
compile_match_is_key(const struct eff_mapping *mapping)
{
    for (size_t i = 0; i < mapping->key_count; i++) {
        bool found = false;

        for (size_t k = 0; k < mapping->match_count; k++)
            found = found || (compile_is_plain(&mapping->match[k]) &&
                              mapping->match[k].inputs[0] == mapping->key[i]);
        if (!found)
            return false;
    }
    return mapping->match_count == mapping->key_count;
}

enum eff_fault
eff_compile_mapping(const struct eff_sync_conf *sync, const struct eff_columns *columns,
                    struct eff_arena *arena, struct eff_mapping *ret_mapping,
                    struct eff_errs *ret_earlier, struct eff_err *err)
{
    struct compile c = {.sync = sync, .columns = columns, .arena = arena, .err = err};
    struct eff_mapping mapping = {.fields_count = sync->fields_count};
    struct eff_field *match, *fields;

    *ret_earlier = (struct eff_errs){0};
    c.missing_end = &c.missing;
    EFF_TRY(compile_key(&c, &mapping));
    mapping.match_count = sync->match_count ? sync->match_count : sync->key_count;
    if (sync->match_count > 0)
        EFF_TRY(compile_fields(&c, sync->match, sync->match_count, &match));
    else
        EFF_TRY(compile_match_default(&c, &match));
    EFF_TRY(compile_fields(&c, sync->fields, sync->fields_count, &fields));
    if (c.missing)
        return compile_report_missing(&c, ret_earlier);
    compile_ids(&c, match, mapping.match_count);
    compile_ids(&c, fields, mapping.fields_count);
    mapping.match = match;
    mapping.fields = fields;
    mapping.match_is_key = compile_match_is_key(&mapping);
    *ret_mapping = mapping;
    return EFF_OK;
}

static void
compile_mark(const size_t *columns, size_t count, bool *ret_needed, size_t width)
{
    for (size_t i = 0; i < count; i++) {
        assert(columns[i] < width);
        ret_needed[columns[i]] = true;
    }
}

void
eff_compile_needed(const struct eff_mapping *mapping, bool *ret_needed, size_t width)
{
    memset(ret_needed, 0, width * sizeof(*ret_needed));
    compile_mark(mapping->key, mapping->key_count, ret_needed, width);
    for (size_t i = 0; i < mapping->match_count; i++)
        compile_mark(mapping->match[i].inputs, mapping->match[i].inputs_count, ret_needed, width);
    for (size_t i = 0; i < mapping->fields_count; i++)
        compile_mark(mapping->fields[i].inputs, mapping->fields[i].inputs_count, ret_needed, width);
}
