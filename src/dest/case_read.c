/* case_read: a case's YAML to rows, values and JSON. */
#include "base/clock.h"
#include "base/json.h"
#include "base/number.h"
#include "dest/case_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(rows)     (sizeof(rows) / sizeof((rows)[0]))
#define CASE_REPEAT_MAX 20000

static const struct eff_option case_options[] = {
    {"case", EFF_OPT_STR, offsetof(struct case_conf, name), .flags = EFF_OPT_REQUIRED},
    {"options", EFF_OPT_NODE, offsetof(struct case_conf, options)},
    {"sync", EFF_OPT_NODE, offsetof(struct case_conf, sync)},
    {"op", EFF_OPT_STR, offsetof(struct case_conf, op), "upsert"},
    {"describe", EFF_OPT_STR, offsetof(struct case_conf, describe)},
    {"create", EFF_OPT_NODE, offsetof(struct case_conf, create)},
    {"check", EFF_OPT_STR, offsetof(struct case_conf, check)},
    {"read", EFF_OPT_STR, offsetof(struct case_conf, read)},
    {"fields", EFF_OPT_LIST, offsetof(struct case_conf, fields)},
    {"rows", EFF_OPT_NODE, offsetof(struct case_conf, rows)},
    {"exchange", EFF_OPT_NODE, offsetof(struct case_conf, exchange)},
    {"verdicts", EFF_OPT_NODE, offsetof(struct case_conf, verdicts)},
    {"schema", EFF_OPT_NODE, offsetof(struct case_conf, schema)},
    {"records", EFF_OPT_NODE, offsetof(struct case_conf, records)},
    {"end", EFF_OPT_STR, offsetof(struct case_conf, end), "done"},
    {"stops", EFF_OPT_STR, offsetof(struct case_conf, stops)},
    {"repeat", EFF_OPT_INT, offsetof(struct case_conf, repeat), "1", 1, CASE_REPEAT_MAX},
    {"replay", EFF_OPT_BOOL, offsetof(struct case_conf, replay), "true"},
};

static const struct eff_option sync_options[] = {
    {"object", EFF_OPT_STR, offsetof(struct case_sync, object), ""},
    {"match", EFF_OPT_LIST, offsetof(struct case_sync, match)},
    {"mode", EFF_OPT_ENUM, offsetof(struct case_sync, mode), "upsert",
     .choices = "|upsert|update|insert|mirror|append|members"},
    {"on_removed", EFF_OPT_ENUM, offsetof(struct case_sync, removed), "keep",
     .choices = "keep|clear|archive|delete"},
    {"rows_planned", EFF_OPT_INT, offsetof(struct case_sync, rows_planned)},
};

static const struct eff_option create_options[] = {
    {"field", EFF_OPT_STR, offsetof(struct case_create, field), .flags = EFF_OPT_REQUIRED},
    {"type", EFF_OPT_ENUM, offsetof(struct case_create, type),
     .choices = "any|text|number|boolean|date|timestamp|choice|json"},
};

bool
eff_case_fail(struct case_run *run, const char *format, ...)
{
    va_list args;

    if (run->problem[0])
        return false;
    va_start(args, format);
    vsnprintf(run->problem, sizeof run->problem, format, args);
    va_end(args);
    return false;
}

/* ---- YAML to JSON and to values ---- */

/* true, false, null, and numbers as JSON writes them; everything else is text. */
static bool
case_bare(const struct eff_node *node)
{
    eff_str s = node->text;
    size_t digit = s.len > 0 && s.ptr[0] == '-' ? 1 : 0;

    if (node->quoted)
        return false;
    if (eff_str_is(s, "true") || eff_str_is(s, "false") || eff_str_is(s, "null"))
        return true;
    if (digit >= s.len || s.ptr[digit] < '0' || s.ptr[digit] > '9' || s.ptr[s.len - 1] == '.' ||
        (s.ptr[digit] == '0' && digit + 1 < s.len && s.ptr[digit + 1] >= '0' &&
         s.ptr[digit + 1] <= '9'))
        return false;
    return eff_number_valid(s);
}

static void
case_json(struct eff_json_writer *w, const struct eff_node *node)
{
    switch (node->kind) {
    case EFF_NODE_NULL:
        eff_json_write_null(w);
        return;
    case EFF_NODE_SCALAR:
        if (case_bare(node))
            eff_json_write_raw(w, node->text);
        else
            eff_json_write_str(w, node->text);
        return;
    case EFF_NODE_LIST:
        eff_json_begin_array(w);
        for (size_t i = 0; i < node->count; i++)
            case_json(w, &node->values[i]);
        eff_json_end_array(w);
        return;
    case EFF_NODE_MAP:
        eff_json_begin_object(w);
        for (size_t i = 0; i < node->count; i++) {
            eff_json_key(w, node->keys[i].text);
            case_json(w, &node->values[i]);
        }
        eff_json_end_object(w);
        return;
    }
}

eff_str
eff_case_json(struct eff_arena *arena, const struct eff_node *node)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    eff_str text;

    case_json(&w, node);
    text = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return text;
}

eff_str
eff_case_text(struct eff_arena *arena, const struct eff_node *node)
{
    struct eff_buf buf = {0};
    eff_str text;

    if (node->kind == EFF_NODE_SCALAR)
        return node->text;
    for (size_t i = 0; i < node->count; i++) {
        const struct eff_node *value = &node->values[i];

        if (node->kind == EFF_NODE_LIST)
            eff_buf_addf(&buf, EFF_STR_FMT "\n", EFF_STR_ARG(value->text));
        else
            eff_buf_add(&buf, node->keys[i].text);
        for (size_t k = 0; k < value->count; k++)
            eff_buf_addf(&buf, "%s" EFF_STR_FMT, k ? "," : "", EFF_STR_ARG(value->values[k].text));
    }
    text = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return text;
}

/* {$instant: 2026-01-31T12:00:00Z}, {$date: ...}, {$float: nan}, {$bytes: text}, {$decimal: 1.50} */
static bool
case_typed(const struct eff_node *node, struct eff_value *ret_value)
{
    eff_str kind, text;
    struct eff_civil civil;
    char *end;

    if (node->kind != EFF_NODE_MAP || node->count != 1 || node->values[0].kind != EFF_NODE_SCALAR ||
        !eff_str_starts(node->keys[0].text, EFF_STR("$")))
        return false;
    kind = node->keys[0].text;
    text = node->values[0].text;
    if (eff_str_is(kind, "$bytes"))
        *ret_value = eff_value_of_str(EFF_BYTES, text);
    else if (eff_str_is(kind, "$decimal"))
        *ret_value = eff_value_of_str(EFF_DECIMAL, text);
    else if (eff_str_is(kind, "$json"))
        *ret_value = eff_value_of_str(EFF_JSON, text);
    else if (eff_str_is(kind, "$float"))
        *ret_value = eff_value_of_float(strtod(text.ptr, &end));
    else if (!eff_time_parse(text, &civil))
        return false;
    else if (eff_str_is(kind, "$date"))
        *ret_value =
            eff_value_of_int(EFF_DATE, eff_days_from_civil(civil.year, civil.month, civil.day));
    else
        *ret_value = eff_value_of_int(eff_str_is(kind, "$instant") ? EFF_INSTANT : EFF_DATETIME,
                                      eff_micros_from_civil(&civil));
    return true;
}

static struct eff_value
case_value(struct eff_arena *arena, const struct eff_node *node)
{
    struct eff_value value;
    int64_t number;

    if (!node)
        return (struct eff_value){.kind = EFF_ABSENT};
    if (case_typed(node, &value))
        return value;
    if (node->kind == EFF_NODE_NULL)
        return (struct eff_value){.kind = EFF_NULL};
    if (node->kind != EFF_NODE_SCALAR)
        return eff_value_of_str(EFF_JSON, eff_case_json(arena, node));
    if (node->quoted || !case_bare(node))
        return eff_value_of_str(EFF_TEXT, node->text);
    if (eff_node_is(node, "null"))
        return (struct eff_value){.kind = EFF_NULL};
    if (eff_node_is(node, "true") || eff_node_is(node, "false"))
        return eff_value_of_int(EFF_BOOL, eff_node_is(node, "true"));
    if (eff_str_int(node->text, &number))
        return eff_value_of_int(EFF_INT, number);
    return eff_value_of_str(EFF_DECIMAL, node->text);
}

/* ---- batches that nobody wants to write out ---- */

static bool
case_numbered(const struct eff_node *node)
{
    bool found = eff_str_find(node->text, EFF_STR("$n")) != SIZE_MAX;

    for (size_t i = 0; !found && i < node->count; i++)
        found = case_numbered(&node->values[i]);
    return found;
}

static eff_str
case_number(struct eff_arena *arena, eff_str text, size_t number)
{
    struct eff_buf buf = {0};
    size_t at;

    if (eff_str_find(text, EFF_STR("$n")) == SIZE_MAX)
        return text;
    while ((at = eff_str_find(text, EFF_STR("$n"))) != SIZE_MAX) {
        eff_buf_add(&buf, eff_str_sub(text, 0, at));
        eff_buf_addf(&buf, "%zu", number);
        text = eff_str_sub(text, at + 2, SIZE_MAX);
    }
    eff_buf_add(&buf, text);
    text = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return text;
}

/* The node as its copy of that number: "$n" in its texts is the number. */
static struct eff_node
case_copy(struct eff_arena *arena, const struct eff_node *node, size_t number)
{
    struct eff_node copy = *node, *values = eff_new(arena, struct eff_node, node->count);

    copy.text = case_number(arena, node->text, number);
    for (size_t i = 0; i < node->count; i++)
        values[i] = case_copy(arena, &node->values[i], number);
    copy.values = values;
    return copy;
}

/* Elements of lists that hold "$n" stand as often as `repeat` says, counted from 0. */
static struct eff_node
case_repeat(const struct case_run *run, const struct eff_node *node, bool all)
{
    struct eff_node copy = *node, *values;
    size_t repeat = (size_t)run->conf.repeat;
    bool list = node->kind == EFF_NODE_LIST;

    values = eff_new(run->arena, struct eff_node, list ? node->count * repeat : node->count);
    copy.values = values;
    copy.count = 0;
    for (size_t i = 0; i < node->count; i++) {
        const struct eff_node *value = &node->values[i];

        if (!list || !(all || case_numbered(value)))
            values[copy.count++] = case_repeat(run, value, false);
        else
            for (size_t n = 0; n < repeat; n++)
                values[copy.count++] = case_copy(run->arena, value, n);
    }
    return copy;
}

static const struct eff_node *
case_repeated(const struct case_run *run, const struct eff_node *node, bool all)
{
    struct eff_node *copy = eff_new(run->arena, struct eff_node, 1);

    *copy = case_repeat(run, node, all);
    return copy;
}

/* Rows and verdicts as a whole; of each exchange what lies within. */
static void
case_repeats(struct case_run *run)
{
    const struct eff_node *exchange = run->conf.exchange;
    struct eff_node *copy = eff_new(run->arena, struct eff_node, 1), *values;

    if (run->conf.rows)
        run->conf.rows = case_repeated(run, run->conf.rows, true);
    if (run->conf.verdicts)
        run->conf.verdicts = case_repeated(run, run->conf.verdicts, true);
    if (!exchange)
        return;
    values = eff_new(run->arena, struct eff_node, exchange->count);
    for (size_t i = 0; i < exchange->count; i++)
        values[i] = case_repeat(run, &exchange->values[i], false);
    *copy = *exchange;
    copy->values = values;
    run->conf.exchange = copy;
}

/* ---- reading a case ---- */

static const struct eff_node *
case_cell(const struct eff_node *row, eff_str name)
{
    for (size_t i = 0; i < row->count && row->kind == EFF_NODE_MAP; i++) {
        if (eff_str_eq(row->keys[i].text, name))
            return &row->values[i];
    }
    return NULL;
}

static bool
case_known(const eff_str *names, size_t count, eff_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (eff_str_eq(names[i], name))
            return true;
    }
    return false;
}

/* Fields are what the rows hold besides the match, unless the case lists them. */
static void
case_field_names(struct case_run *run)
{
    const struct eff_node *rows = run->conf.rows;
    eff_str *names;
    size_t count = 0, most = 0;

    run->rows.field_names = run->conf.fields.at;
    run->rows.fields_count = run->conf.fields.count;
    if (run->conf.fields.count > 0)
        return;
    for (size_t i = 0; i < rows->count; i++)
        most += rows->values[i].count;
    names = eff_new(run->arena, eff_str, most);
    for (size_t i = 0; i < rows->count; i++) {
        for (size_t k = 0; k < rows->values[i].count; k++) {
            eff_str name = rows->values[i].keys[k].text;

            if (!eff_str_starts(name, EFF_STR("$")) && !case_known(names, count, name) &&
                !case_known(run->sync.match.at, run->sync.match.count, name))
                names[count++] = name;
        }
    }
    run->rows.field_names = names;
    run->rows.fields_count = count;
}

/* Members that are to leave first: match values, then fields. */
static void
case_leaving(struct case_run *run, const struct eff_node *list, struct eff_item *item)
{
    size_t match = run->rows.match_count, width = match + run->rows.fields_count;
    struct eff_value *at = eff_new(run->arena, struct eff_value, list->count * width);

    for (size_t i = 0; i < list->count; i++) {
        for (size_t k = 0; k < width; k++) {
            const struct eff_node *cell =
                case_cell(&list->values[i],
                          k < match ? run->rows.match_names[k] : run->rows.field_names[k - match]);

            at[i * width + k] = case_value(run->arena, cell);
        }
    }
    item->leaving = at;
    item->leaving_count = list->count;
}

/*
 * $id: a known remote id; $old: the match value that the record has now; $leaving: a list of
 * members.
 */
static void
case_row(struct case_run *run, const struct eff_node *row, size_t index)
{
    struct eff_item *item = &run->rows.items[index];
    const struct eff_node *id = case_cell(row, EFF_STR("$id")),
                          *old = case_cell(row, EFF_STR("$old"));
    struct eff_value *match = eff_new(run->arena, struct eff_value, run->rows.match_count);
    struct eff_value *fields = eff_new(run->arena, struct eff_value, run->rows.fields_count);
    struct eff_value *before = eff_new(run->arena, struct eff_value, run->rows.match_count);

    for (size_t i = 0; i < run->rows.match_count; i++)
        match[i] = before[i] = case_value(run->arena, case_cell(row, run->rows.match_names[i]));
    for (size_t i = 0; i < run->rows.fields_count; i++)
        fields[i] = case_value(run->arena, case_cell(row, run->rows.field_names[i]));
    if (old && run->rows.match_count > 0) {
        before[0] = case_value(run->arena, old);
        item->old_match = before;
    }
    if (case_cell(row, EFF_STR("$leaving")))
        case_leaving(run, case_cell(row, EFF_STR("$leaving")), item);
    item->index = index;
    item->key.lo = index + 1;
    item->key_json = eff_str_printf(run->arena, "{\"n\":%zu}", index);
    item->idempotency_key = eff_str_printf(run->arena, "case-key-%zu", index);
    item->match = match;
    item->fields = fields;
    item->remote_id = id ? id->text : EFF_STR_NONE;
}

static const struct eff_node case_no_rows = {.kind = EFF_NODE_LIST};

bool
eff_case_read(struct case_run *run, const struct eff_node *document)
{
    enum eff_op op;

    run->conf.name = EFF_STR("(without a name)");
    if (!eff_options_fill(document, case_options, COUNT(case_options), &run->conf,
                          &run->problems) ||
        (run->conf.sync && !eff_options_fill(run->conf.sync, sync_options, COUNT(sync_options),
                                             &run->sync, &run->problems)) ||
        (run->conf.create &&
         !eff_options_fill(run->conf.create, create_options, COUNT(create_options), &run->create,
                           &run->problems)))
        return false;
    if (run->conf.repeat > 1)
        case_repeats(run);
    if (!run->conf.rows || run->conf.rows->kind != EFF_NODE_LIST)
        run->conf.rows = &case_no_rows;
    if (!eff_op_from_name(run->conf.op, &op))
        return eff_case_fail(run, "no such operation");
    if (!run->sync.mode)
        run->sync.mode = EFF_MODE_UPSERT;
    run->rows.op = op;
    run->rows.object = run->sync.object.ptr ? run->sync.object : EFF_STR("");
    run->rows.match_count = run->sync.match.count;
    run->rows.match_names = run->sync.match.at;
    case_field_names(run);
    run->rows.count = run->conf.rows->count;
    run->rows.items = eff_new(run->arena, struct eff_item, run->rows.count);
    for (size_t i = 0; i < run->rows.count; i++)
        case_row(run, &run->conf.rows->values[i], i);
    return true;
}
