/*
 * run/types: columns of the model that have another type than when rows were delivered.
 *
 * Values are compared with their types: 1 is not '1'. So a key column that changes its type
 * would take every row out and add it anew: that stops the sync. Another column sends
 * rows again whose values only look the same: that is said, with how many those are.
 *
 * Whole and decimal numbers are one type here, as they are to batch/canon. A key column whose
 * type the source does not declare has that of its values, when they all have one; any other
 * such column is not looked at.
 */
#include "base/json.h"
#include "plan/transform.h"
#include "run/sync.h"

static bool
types_used(const struct eff_sync_run *r, size_t column)
{
    for (size_t i = 0; i < r->mapping.key_count; i++)
        if (r->mapping.key[i] == column)
            return true;
    return r->needed[column];
}

/* Of its values, where the source declares none. */
static enum eff_kind
types_kind_of(const struct eff_sync_run *r, size_t column)
{
    enum eff_kind kind = r->columns.at[column].kind;

    for (size_t i = 0; kind == EFF_NULL && r->key_kinds && i < r->mapping.key_count; i++)
        if (r->mapping.key[i] == column && r->key_kinds[i] != EFF_BAD)
            kind = r->key_kinds[i];
    return kind;
}

/* Of a key without a type, where this run's values say nothing, or several things: what it had. */
static bool
types_kept(const struct eff_sync_run *r, size_t column, enum eff_kind kind,
           struct eff_json_writer *w)
{
    const struct eff_json *before = eff_json_get(r->types_before, r->columns.at[column].name);
    struct eff_buf buf = {0};

    if (kind != EFF_NULL || !r->key_kinds || !before || !types_used(r, column))
        return false;
    eff_json_print(&buf, before, false);
    eff_json_key(w, r->columns.at[column].name);
    eff_json_write_raw(w, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return true;
}

void
eff_run_types_write(const struct eff_sync_run *r, struct eff_json_writer *w)
{
    eff_json_key(w, EFF_STR("types"));
    if (r->partial && r->types_before) { /* the rows that are not read keep the hashes of theirs */
        struct eff_buf buf = {0};

        eff_json_print(&buf, r->types_before, false);
        eff_json_write_raw(w, eff_buf_str(&buf));
        eff_buf_free(&buf);
        return;
    }
    eff_json_begin_object(w);
    for (size_t i = 0; i < r->columns.count; i++) {
        const struct eff_column *column = &r->columns.at[i];
        enum eff_kind kind = types_kind_of(r, i);
        eff_str name = eff_str_of(eff_kind_name(kind));

        if (types_kept(r, i, kind, w) || kind == EFF_NULL || !types_used(r, i))
            continue;
        eff_json_key(w, column->name);
        eff_json_begin_array(w);
        eff_json_write_str(w, name);
        eff_json_write_str(w, column->kind == EFF_NULL ? name : column->type_name);
        eff_json_end_array(w);
    }
    eff_json_end_object(w);
}

static bool
types_is_exact(eff_str kind)
{
    return eff_str_is(kind, eff_kind_name(EFF_INT)) || eff_str_is(kind, eff_kind_name(EFF_DECIMAL));
}

/* "integer" and the source's own word for it; false: nothing is known, or nothing has changed. */
static bool
types_changed(const struct eff_sync_run *r, const struct eff_column *column, eff_str *ret_kind,
              eff_str *ret_type)
{
    const struct eff_json *before = eff_json_get(r->types_before, column->name);
    eff_str now = eff_str_of(eff_kind_name(column->kind));

    *ret_kind = eff_json_str(eff_json_at(before, 0));
    *ret_type = eff_json_str(eff_json_at(before, 1));
    return ret_kind->ptr && column->kind != EFF_NULL && !eff_str_eq(*ret_kind, now) &&
           !(types_is_exact(*ret_kind) && types_is_exact(now));
}

static enum eff_fault
types_stop(struct eff_sync_run *r, const struct eff_column *column, eff_str type,
           struct eff_err *err)
{
    const struct eff_place *at = &r->sync->key_place;

    EFF_FAIL(err, EFF_CONFIG,
             "the key column " EFF_STR_FMT " is " EFF_STR_FMT " now and was " EFF_STR_FMT
             " when the %llu rows of sync " EFF_STR_FMT " were delivered: to go on would %s",
             EFF_STR_ARG(column->name), EFF_STR_ARG(column->type_name), EFF_STR_ARG(type),
             (unsigned long long)r->snapshot_rows, EFF_STR_ARG(r->sync->name),
             r->partial ? "add them anew" : "remove them all and add them anew");
    eff_err_hint(err,
                 "Cast it in the model to what it was; or `efferent reset " EFF_STR_FMT
                 "`, then `efferent adopt`, which takes what is over there as delivered.",
                 EFF_STR_ARG(r->sync->name));
    return eff_err_where(err, at->file, at->line, at->column);
}

static enum eff_kind
types_kind(eff_str name)
{
    enum eff_kind kind = EFF_BOOL;

    while (kind < EFF_BAD && !eff_str_is(name, eff_kind_name(kind)))
        kind++;
    return kind;
}

enum eff_fault
eff_run_check_types(struct eff_sync_run *r, struct eff_err *err)
{
    eff_str kind, type;

    for (size_t i = 0; i < r->mapping.key_count; i++) {
        const struct eff_column *column = &r->columns.at[r->mapping.key[i]];

        if (types_changed(r, column, &kind, &type))
            return types_stop(r, column, type, err);
    }
    for (size_t i = 0; i < r->columns.count; i++) {
        if (!types_used(r, i) || !types_changed(r, &r->columns.at[i], &kind, &type))
            continue;
        if (!r->retyped)
            r->retyped = eff_new(&r->run, enum eff_kind, r->columns.count);
        r->retyped[i] = types_kind(kind);
    }
    return EFF_OK;
}

void
eff_run_types_open(struct eff_sync_run *r)
{
    for (size_t i = 0; i < r->mapping.key_count; i++)
        if (!r->key_kinds && r->columns.at[r->mapping.key[i]].kind == EFF_NULL)
            r->key_kinds = eff_new(&r->run, enum eff_kind, r->mapping.key_count);
}

void
eff_run_types_key(struct eff_sync_run *r, const struct eff_value *row)
{
    for (size_t i = 0; r->key_kinds && i < r->mapping.key_count; i++) {
        enum eff_kind kind = row[r->mapping.key[i]].kind;

        kind = kind == EFF_DECIMAL ? EFF_INT : kind;
        if (r->key_kinds[i] == EFF_NULL)
            r->key_kinds[i] = kind;
        else if (r->key_kinds[i] != kind)
            r->key_kinds[i] = EFF_BAD;
    }
}

enum eff_fault
eff_run_check_key_types(struct eff_sync_run *r, struct eff_err *err)
{
    eff_str kind, type;

    for (size_t i = 0; r->key_kinds && r->snapshot_rows > 0 && i < r->mapping.key_count; i++) {
        struct eff_column column = r->columns.at[r->mapping.key[i]];

        if (column.kind != EFF_NULL || r->key_kinds[i] == EFF_BAD)
            continue;
        column.kind = r->key_kinds[i];
        column.type_name = eff_str_of(eff_kind_name(column.kind));
        if (types_changed(r, &column, &kind, &type))
            return types_stop(r, &column, type, err);
    }
    return EFF_OK;
}

/* With the old types, is it the row that was delivered? */
void
eff_run_types_see(struct eff_sync_run *r, const struct eff_change *change,
                  const struct eff_value *row)
{
    struct eff_arena scratch = r->batch;
    struct eff_value *old;
    struct eff_err ignored = {0};
    uint64_t hash;
    size_t column;

    if (!r->retyped || change->kind != EFF_CHANGE_CHANGE)
        return;
    old = eff_new(&scratch, struct eff_value, r->columns.count);
    for (size_t i = 0; i < r->columns.count; i++) {
        old[i] = row[i];
        if (r->retyped[i] != EFF_NULL &&
            eff_transform_cast(r->retyped[i], &row[i], &scratch, &old[i], &ignored) != EFF_OK)
            return;
    }
    if (eff_row_hash(r->rebase ? &r->old_mapping : &r->mapping, old, &r->secret, scratch, &hash,
                     &column) == EFF_ROW_GOOD &&
        hash == change->old_hash)
        r->retyped_rows++;
}

void
eff_run_types_tell(struct eff_sync_run *r)
{
    struct eff_buf buf = {0};
    eff_str kind, type;

    for (size_t i = 0; r->retyped && i < r->columns.count; i++)
        if (r->retyped[i] != EFF_NULL && types_changed(r, &r->columns.at[i], &kind, &type))
            eff_buf_addf(&buf, "%scolumn " EFF_STR_FMT " was " EFF_STR_FMT " and is " EFF_STR_FMT,
                         buf.len ? ", " : "", EFF_STR_ARG(r->columns.at[i].name), EFF_STR_ARG(type),
                         EFF_STR_ARG(r->columns.at[i].type_name));
    if (buf.len > 0)
        eff_report_problem(
            r->report, "EFF2127", EFF_OK, r->retyped_rows, eff_buf_str(&buf),
            EFF_STR("So many rows change because of that alone: their values are the same but for "
                    "the type. Cast it in the model to what it was, if that was not meant."),
            EFF_STR_NONE);
    eff_buf_free(&buf);
}
