/*
 * dest/sql_look: what a table looks like, and what its records hold.
 *
 * Describing asks the catalogue for the columns, and when there are none for the
 * names of all tables, of which the near ones are shown. Reading back asks for
 * each record on its own, joined by UNION ALL with the record's number in front:
 * no value has to be compared here with one that the database wrote differently.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "dest/sql.h"

#define LOOK_READ_ROWS 100 /* SQLite takes 500 parts in a compound SELECT */
#define LOOK_NEAR_MAX  5

enum look_column {
    LOOK_NAME,
    LOOK_TYPE,
    LOOK_REQUIRED,
    LOOK_READ_ONLY,
    LOOK_UNIQUE,
    LOOK_FOLD,
    LOOK_CLASS,
    LOOK_CHOICES,
    LOOK_COLUMNS
};

enum look_phase { LOOK_ASK_COLUMNS = 0, LOOK_ASK_UNIQUE, LOOK_ASK_TABLES };

struct look_run { /* task->scratch */
    enum look_phase phase;
    size_t from, count; /* records of the read whose request is out */
};

static struct eff_step
look_query(const struct eff_table_dest *dest, eff_str statement, size_t columns,
           const struct eff_value *params)
{
    return (struct eff_step){.kind = EFF_STEP_SEND,
                             .request = {.kind = EFF_REQUEST_SQL,
                                         .sql = {.dialect = dest->dialect->dialect,
                                                 .connect = dest->connect,
                                                 .statement = statement,
                                                 .columns = columns,
                                                 .params = params}}};
}

/* A look has no rows to settle: whatever went wrong ends it, and says whose turn it is. */
static struct eff_step
look_failed(const struct eff_table_dest *dest, const struct eff_response *last, eff_str object,
            struct eff_err *err)
{
    struct eff_table_fault fault = {.fault = EFF_TRANSIENT};

    if (last->wire != EFF_WIRE_LOST)
        fault = dest->dialect->judge(last);
    if (fault.fault == EFF_ROW) // a value of ours that the column's type cannot hold
        fault.fault = EFF_CONTRACT;
    return eff_table_stop(dest, &fault, last, object, err);
}

static bool
look_good(const struct eff_response *last)
{
    return last->wire == EFF_WIRE_ANSWERED && last->status == 200;
}

static struct eff_value
look_copy(struct eff_arena *arena, const struct eff_value *value)
{
    switch ((enum eff_kind)value->kind) {
    case EFF_DECIMAL:
    case EFF_TEXT:
    case EFF_BYTES:
    case EFF_JSON:
        return eff_value_of_str(value->kind, eff_str_copy(arena, eff_value_str(value)));
    default:
        return *value;
    }
}

/* ---- describing ---- */

static struct eff_step
look_ask(struct eff_table_dest *dest, struct eff_task *task, eff_str statement, struct eff_err *err)
{
    struct eff_value *params = eff_new(task->arena, struct eff_value, 2);
    struct eff_table_name table;
    size_t count;

    if (eff_table_split(dest, task->object, task->arena, &table, err) != EFF_OK)
        return (struct eff_step){.kind = EFF_STEP_STOP};
    count = dest->dialect->table_params(table.schema, table.name, task->arena, params);
    return look_query(dest, statement, count, params);
}

static eff_str
look_text(struct eff_arena *arena, const struct eff_value *value)
{
    return value->kind == EFF_TEXT ? eff_str_copy(arena, eff_value_str(value)) : EFF_STR("");
}

static bool
look_true(const struct eff_value *value)
{
    return (value->kind == EFF_INT || value->kind == EFF_BOOL) && value->i != 0;
}

static void
look_choices(struct eff_arena *arena, const struct eff_value *value, struct eff_dest_field *field)
{
    const struct eff_json *list;
    struct eff_err err;
    eff_str *choices;

    if ((value->kind != EFF_JSON && value->kind != EFF_TEXT) ||
        eff_json_parse(eff_value_str(value), arena, &list, &err) != EFF_OK ||
        eff_json_type(list) != EFF_JSON_ARRAY)
        return;
    choices = eff_new(arena, eff_str, eff_json_count(list) + 1);
    for (size_t i = 0; i < eff_json_count(list); i++)
        choices[i] = eff_json_str(eff_json_at(list, i));
    field->choices_count = eff_json_count(list);
    field->choices = choices;
}

static struct eff_dest_field
look_field(struct eff_arena *arena, const struct eff_value *row)
{
    struct eff_dest_field field = {.name = look_text(arena, &row[LOOK_NAME]),
                                   .type_name = look_text(arena, &row[LOOK_TYPE]),
                                   .required = look_true(&row[LOOK_REQUIRED]),
                                   .read_only = look_true(&row[LOOK_READ_ONLY]),
                                   .unique = look_true(&row[LOOK_UNIQUE])};

    field.label = field.name;
    if (row[LOOK_CLASS].kind == EFF_INT && row[LOOK_CLASS].i <= EFF_FIELD_JSON)
        field.type = (enum eff_field_type)row[LOOK_CLASS].i;
    if (row[LOOK_FOLD].kind == EFF_INT && row[LOOK_FOLD].i <= EFF_FOLD_MARKS)
        field.fold = (enum eff_fold)row[LOOK_FOLD].i;
    look_choices(arena, &row[LOOK_CHOICES], &field);
    return field;
}

/*
 * Does the index, whose rows begin at `row`, tell records apart by the match columns? *ret_end:
 * the next index.
 */
static bool
look_index_fits(const struct eff_table_dest *dest, const struct eff_response *last, size_t row,
                size_t *ret_end)
{
    eff_str index = eff_value_str(&last->cells[row * 2]);
    size_t first = row;
    bool fits = true;

    if (eff_str_is(eff_value_str(&last->cells[row * 2 + 1]), "*")) {
        *ret_end = last->rows;
        return true;
    }
    for (; row < last->rows && eff_str_eq(eff_value_str(&last->cells[row * 2]), index); row++) {
        eff_str column = eff_value_str(&last->cells[row * 2 + 1]);
        bool found = false;

        for (size_t i = 0; i < dest->match_count; i++)
            found |= eff_str_eq_nocase(dest->match_names[i], column);
        fits &= found;
    }
    *ret_end = row;
    return fits && (dest->dialect->any_unique || row - first == dest->match_count);
}

static struct eff_step
look_unique(struct eff_table_dest *dest, struct eff_task *task, const struct eff_response *last,
            struct eff_err *err)
{
    for (size_t row = 0; last->columns == 2 && row < last->rows;)
        if (look_index_fits(dest, last, row, &row))
            return (struct eff_step){.kind = EFF_STEP_DONE};
    return eff_table_no_index(dest, task->object, task->arena, err);
}

/* A match column that is missing is told as that, and not by the index that it has none of. */
static bool
look_has_match(const struct eff_table_dest *dest, const struct eff_schema *schema)
{
    size_t found = 0;

    for (size_t m = 0; m < dest->match_count; m++)
        for (size_t i = 0; i < schema->fields_count; i++)
            found += eff_str_eq_nocase(dest->match_names[m], schema->fields[i].name);
    return found >= dest->match_count;
}

static struct eff_step
look_columns(struct eff_table_dest *dest, struct eff_task *task, const struct eff_response *last,
             struct eff_err *err)
{
    struct look_run *run = task->scratch;
    struct eff_dest_field *fields;
    struct eff_table_name table;
    struct eff_value *schema;

    *task->schema = (struct eff_schema){.known = true};
    if (last->rows > 0) {
        fields = eff_new(task->arena, struct eff_dest_field, last->rows);
        for (size_t i = 0; i < last->rows; i++)
            fields[i] = look_field(task->arena, &last->cells[i * LOOK_COLUMNS]);
        task->schema->object_exists = true;
        task->schema->fields_count = last->rows;
        task->schema->fields = fields;
        if (!dest->wants_unique || !look_has_match(dest, task->schema))
            return (struct eff_step){.kind = EFF_STEP_DONE};
        run->phase = LOOK_ASK_UNIQUE;
        return look_ask(dest, task, dest->dialect->unique_sql, err);
    }
    run->phase = LOOK_ASK_TABLES;
    schema = eff_new(task->arena, struct eff_value, 1);
    if (eff_table_split(dest, task->object, task->arena, &table, err) == EFF_OK &&
        table.schema.len > 0)
        *schema = eff_value_of_str(EFF_TEXT, table.schema);
    return look_query(dest, dest->dialect->tables_sql, 1, schema);
}

/* The nearest names, nearest first; far ones would only confuse. */
static void
look_near(struct eff_task *task, const struct eff_response *last)
{
    eff_str *near = eff_new(task->arena, eff_str, LOOK_NEAR_MAX);
    unsigned max = task->object.len / 3 < 2 ? 2 : (unsigned)(task->object.len / 3);
    size_t count = 0;

    for (unsigned wanted = 0; wanted <= max; wanted++) {
        for (size_t i = 0; i < last->rows && count < LOOK_NEAR_MAX; i++) {
            eff_str name = eff_value_str(&last->cells[i * last->columns]);

            if (last->cells[i * last->columns].kind == EFF_TEXT &&
                eff_str_distance(name, task->object, max) == wanted) {
                task->schema->object_exists |= eff_str_eq(name, task->object); // without any column
                near[count++] = eff_str_copy(task->arena, name);
            }
        }
    }
    task->schema->objects_count = count;
    task->schema->objects = near;
}

struct eff_step
eff_table_describe(struct eff_table_dest *dest, struct eff_task *task,
                   const struct eff_response *last, struct eff_err *err)
{
    struct look_run *run = task->scratch;

    if (last == NULL || run == NULL) {
        task->scratch = eff_new(task->arena, struct look_run, 1);
        return look_ask(dest, task, dest->dialect->columns_sql, err);
    }
    if (!look_good(last))
        return look_failed(dest, last, task->object, err);
    if (run->phase == LOOK_ASK_COLUMNS && (last->rows == 0 || last->columns == LOOK_COLUMNS))
        return look_columns(dest, task, last, err);
    if (run->phase == LOOK_ASK_UNIQUE)
        return look_unique(dest, task, last, err);
    look_near(task, last);
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

/* ---- reading back ---- */

static void
look_select(struct eff_buf *buf, const struct eff_table_dest *dest, const struct eff_read *read,
            const struct eff_table_name *table, size_t number)
{
    eff_buf_addf(buf, "%sSELECT %zu", number ? " UNION ALL " : "", number);
    for (size_t i = 0; i < read->fields_count; i++) {
        eff_buf_add(buf, EFF_STR(", "));
        eff_table_quote(buf, read->field_names[i]);
    }
    eff_buf_add(buf, EFF_STR(" FROM "));
    eff_table_quote_table(buf, table);
    for (size_t i = 0; i < read->match_count; i++) {
        eff_buf_add(buf, i ? EFF_STR(" AND ") : EFF_STR(" WHERE "));
        eff_table_quote(buf, read->match_names[i]);
        eff_buf_addf(buf, " = %c%zu", dest->dialect->sigil, number * read->match_count + i + 1);
    }
}

static struct eff_step
look_next_records(struct eff_table_dest *dest, struct eff_task *task, struct eff_err *err)
{
    struct look_run *run = task->scratch;
    struct eff_read *read = task->read;
    struct eff_table_name table;
    struct eff_buf buf = {0};
    struct eff_step step = {.kind = EFF_STEP_STOP};

    run->count =
        read->count - run->from < LOOK_READ_ROWS ? read->count - run->from : LOOK_READ_ROWS;
    if (run->count == 0)
        return (struct eff_step){.kind = EFF_STEP_DONE};
    if (eff_table_split(dest, task->object, task->arena, &table, err) != EFF_OK)
        return step;
    for (size_t i = 0; i < run->count; i++)
        look_select(&buf, dest, read, &table, i);
    if (buf.full || read->match_count == 0)
        EFF_FAIL(err, EFF_CONFIG, "cannot read records back without match columns");
    else
        step =
            look_query(dest, eff_str_copy(task->arena, eff_buf_str(&buf)),
                       run->count * read->match_count, &read->match[run->from * read->match_count]);
    eff_buf_free(&buf);
    return step;
}

static void
look_records(struct eff_task *task, const struct eff_response *last)
{
    struct look_run *run = task->scratch;
    struct eff_read *read = task->read;

    for (size_t row = 0; row < last->rows; row++) {
        const struct eff_value *cells = &last->cells[row * last->columns];
        struct eff_value *fields;
        struct eff_record *record;

        if (cells[0].kind != EFF_INT || cells[0].i < 0 || (size_t)cells[0].i >= run->count)
            continue;
        record = &read->records[run->from + (size_t)cells[0].i];
        if (record->found)
            continue;
        fields = eff_new(task->arena, struct eff_value, read->fields_count + 1);
        for (size_t i = 0; i < read->fields_count; i++)
            fields[i] = look_copy(task->arena, &cells[i + 1]);
        record->found = true;
        record->fields = fields;
    }
    run->from += run->count;
}

struct eff_step
eff_table_read(struct eff_table_dest *dest, struct eff_task *task, const struct eff_response *last,
               struct eff_err *err)
{
    if (last == NULL || task->scratch == NULL) {
        task->scratch = eff_new(task->arena, struct look_run, 1);
        for (size_t i = 0; i < task->read->count; i++)
            task->read->records[i] = (struct eff_record){0};
        return look_next_records(dest, task, err);
    }
    if (!look_good(last))
        return look_failed(dest, last, task->object, err);
    if (last->columns == task->read->fields_count + 1)
        look_records(task, last);
    else
        ((struct look_run *)task->scratch)->from += ((struct look_run *)task->scratch)->count;
    return look_next_records(dest, task, err);
}
