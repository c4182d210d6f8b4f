/*
 * run/twins: rows of the model that have one match value under different keys.
 *
 * They would write one record in turn, in every run anew, and which of them wins would
 * be chance. So none of them is sent: they are invalid, as rows that share a key are,
 * and their records are left alone. Where the key itself is what matches, keys tell,
 * unless a column without a type may hold several: 7, 7.0 and "7" are three keys.
 *
 * Match values are compared as text: no destination tells those three apart. Case counts
 * unless the destination says otherwise, because many do tell A from a: to be wrong here
 * would keep back rows.
 */
#include <math.h>

#include "plan/transform.h"
#include "run/sync.h"

#define TWINS_WHOLE_MOST 9007199254740992.0 /* beyond, not every integer is a double */

static enum eff_fold
twins_fold(const struct eff_sync_run *r, size_t match)
{
    enum eff_fold fold = r->dest->folds ? r->dest->folds[match] : EFF_FOLD_NONE;

    for (size_t i = 0; i < r->schema.fields_count && fold == EFF_FOLD_NONE; i++)
        if (eff_str_eq(r->schema.fields[i].name, r->mapping.match[match].name))
            fold = r->schema.fields[i].fold;
    return fold;
}

static bool
twins_keys_tell(const struct eff_sync_run *r)
{
    for (size_t i = 0; i < r->mapping.match_count; i++)
        if (r->match_folds[i] != EFF_FOLD_NONE)
            return false;
    for (size_t i = 0; i < r->mapping.key_count; i++)
        if (r->columns.at[r->mapping.key[i]].kind == EFF_NULL)
            return false;
    return r->mapping.match_is_key;
}

enum eff_fault
eff_run_twins_open(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_twins_config config = {.os = r->os,
                                      .scratch_folder = r->scratch,
                                      .memory_bytes = (size_t)r->sync->memory_bytes / 8,
                                      .rows_expected = r->rows_expected};

    r->match_folds = eff_new(&r->run, enum eff_fold, r->mapping.match_count);
    for (size_t i = 0; i < r->mapping.match_count; i++)
        r->match_folds[i] = twins_fold(r, i);
    if (twins_keys_tell(r) || r->sync->mode == EFF_MODE_APPEND || r->sync->mode == EFF_MODE_MEMBERS)
        return EFF_OK;
    return eff_twins_open(&config, &r->run, &r->twins, err);
}

void
eff_run_twins_close(struct eff_sync_run *r)
{
    eff_twins_close(r->twins);
    r->twins = NULL;
    eff_buf_free(&r->twin_text);
}

void
eff_run_fold(enum eff_fold fold, struct eff_buf *text, size_t from, struct eff_arena scratch)
{
    eff_str value;

    if (fold == EFF_FOLD_NONE)
        return;
    value = eff_fold(fold, eff_str_sub(eff_buf_str(text), from, SIZE_MAX), &scratch);
    text->len = from;
    eff_buf_add(text, value);
}

/* False: the row has no match value. */
static bool
twins_match(struct eff_sync_run *r, const struct eff_value *row, struct eff_arena *scratch,
            struct eff_hash128 *ret_match)
{
    struct eff_buf *text = &r->twin_text;
    struct eff_value value;
    struct eff_err ignored = {0};

    eff_buf_reset(text);
    for (size_t i = 0; i < r->mapping.match_count; i++) {
        size_t from = text->len, len;

        if (eff_transform_field(&r->mapping.match[i], row, scratch, &value, &ignored) != EFF_OK ||
            value.kind == EFF_NULL || value.kind == EFF_ABSENT || value.kind == EFF_BAD)
            return false;
        if (value.kind == EFF_FLOAT && fabs(value.f) <= TWINS_WHOLE_MOST &&
            value.f == trunc(value.f))
            eff_value_set_int(&value, EFF_INT, (int64_t)value.f);
        eff_value_text(text, &value);
        eff_run_fold(r->match_folds[i], text, from, *scratch);
        len = text->len - from;
        if (len == 0)
            return false;
        eff_buf_add_bytes(text, &len, sizeof len);
    }
    *ret_match = eff_siphash128(r->secret.key, text->ptr, text->len);
    return !text->full;
}

enum eff_fault
eff_run_twin(struct eff_sync_run *r, const struct eff_value *row, struct eff_hash128 key,
             bool silent, struct eff_err *err)
{
    struct eff_arena scratch = r->batch;
    struct eff_hash128 match;

    if (!r->twins || !twins_match(r, row, &scratch, &match))
        return EFF_OK;
    return eff_twins_add(r->twins, match, key, silent, err);
}

static enum eff_fault
twins_mark(void *self, struct eff_hash128 key, struct eff_err *err)
{
    struct eff_sync_run *r = self;

    return eff_diff_mark_twin(r->diff, key, err);
}

enum eff_fault
eff_run_twins_find(struct eff_sync_run *r, struct eff_err *err)
{
    if (!r->twins)
        return EFF_OK;
    EFF_TRY(eff_twins_find(r->twins, twins_mark, r, err));
    eff_twins_close(r->twins);
    r->twins = NULL;
    return EFF_OK;
}

/* ---- what is told ---- */

/* The first one, and one that it shares its value with. */
static void
twins_example(struct eff_sync_run *r, const struct eff_value *row, eff_str key_json)
{
    struct eff_arena scratch = r->batch;
    struct eff_hash128 match = {0};

    if (r->twin_rows > 0 && r->twin_keys[1].ptr)
        return;
    twins_match(r, row, &scratch, &match);
    if (r->twin_rows == 0) {
        r->twin_value = match;
        r->twin_keys[0] = eff_str_copy(&r->run, key_json);
    } else if (eff_hash128_cmp(match, r->twin_value) == 0) {
        r->twin_keys[1] = eff_str_copy(&r->run, key_json);
    }
}

enum eff_fault
eff_run_twin_row(struct eff_sync_run *r, const struct eff_change *change,
                 const struct eff_value *row, struct eff_err *err)
{
    struct eff_buf buf = {0};
    struct eff_ledger_row entry = {
        .key = change->key,
        .state = EFF_LEDGER_INVALID,
        .rows = 1,
        .code = EFF_STR("EFF2123"),
        .message = eff_str_printf(&r->batch, "another row of the model has the same " EFF_STR_FMT,
                                  EFF_STR_ARG(r->mapping.match[0].name)),
        .field = r->mapping.match[0].name,
        .fault = EFF_ROW,
        .last_ms = r->os->wall_ms(r->os->self),
        .run = r->run_id,
    };

    eff_row_key_json(&buf, &r->mapping, row);
    entry.key_json = eff_str_copy(&r->batch, eff_buf_str(&buf));
    eff_buf_free(&buf);
    twins_example(r, row, entry.key_json);
    r->twin_rows++;
    r->report->invalid++;
    if (r->options->plan || r->look)
        return EFF_OK;
    return eff_control_ledger_put(r->control, r->sync->name, &entry, false, err);
}

static bool
twins_folded(const struct eff_sync_run *r)
{
    for (size_t i = 0; i < r->mapping.match_count; i++)
        if (r->match_folds[i] != EFF_FOLD_NONE)
            return true;
    return false;
}

void
eff_run_twins_report(struct eff_sync_run *r)
{
    eff_str name = r->mapping.match[0].name, second = r->twin_keys[1], hint;

    if (r->twin_rows == 0)
        return;
    hint = eff_str_printf(&r->run,
                          "For example " EFF_STR_FMT "%s" EFF_STR_FMT
                          ". Keep one row of each in the model, or match by what tells them apart; "
                          "`efferent rows` lists them.",
                          EFF_STR_ARG(r->twin_keys[0]), second.ptr ? " and " : "",
                          EFF_STR_ARG(second.ptr ? second : EFF_STR("")));
    eff_report_problem(r->report, "EFF2123", EFF_ROW, r->twin_rows,
                       eff_str_printf(&r->run,
                                      "several rows of the model have one value of " EFF_STR_FMT
                                      ", by which records are matched%s: none of them is sent",
                                      EFF_STR_ARG(name),
                                      twins_folded(r) ? ", in any case of letters" : ""),
                       hint, r->mapping.match[0].where);
}
