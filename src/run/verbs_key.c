/*
 * run/verbs_key: from the text of a key to the hashes that it may have.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/number.h"
#include "batch/row.h"
#include "run/verbs.h"

#define KEY_FORMS_MAX 8  /* of one column */
#define KEY_COLUMNS   64 /* conf allows no more */

struct key_forms {
    size_t count;
    struct eff_value at[KEY_FORMS_MAX];
};

static void
key_add(struct key_forms *forms, struct eff_value value)
{
    if (forms->count < KEY_FORMS_MAX)
        forms->at[forms->count++] = value;
}

/* 7, 7.0 and 7e0 are one number; a FLOAT is another class. */
static void
key_add_number(struct key_forms *forms, eff_str text, struct eff_arena *arena)
{
    double number;

    if (!eff_number_valid(text))
        return;
    key_add(forms, eff_value_of_str(EFF_DECIMAL, text));
    number = strtod(eff_str_c(arena, text), NULL);
    key_add(forms, eff_value_of_float(number));
}

static void
key_add_time(struct key_forms *forms, eff_str text)
{
    struct eff_civil civil;

    if (!eff_time_parse(text, &civil))
        return;
    if (!civil.has_time) {
        key_add(forms, eff_value_of_int(EFF_DATE,
                                        eff_days_from_civil(civil.year, civil.month, civil.day)));
    } else {
        struct eff_value value = eff_value_of_int(civil.has_offset ? EFF_INSTANT : EFF_DATETIME,
                                                  eff_micros_from_civil(&civil));

        value.len = (uint32_t)(civil.nanos % 1000);
        key_add(forms, value);
    }
}

/* One of the first day, and nothing besides. */
static void
key_add_time_of_day(struct key_forms *forms, eff_str text, struct eff_arena *arena)
{
    struct eff_civil civil;
    struct eff_value value;

    if (!eff_time_parse(eff_str_printf(arena, "1970-01-01T" EFF_STR_FMT, EFF_STR_ARG(text)),
                        &civil) ||
        civil.has_offset)
        return;
    value = eff_value_of_int(EFF_TIME, eff_micros_from_civil(&civil));
    value.len = (uint32_t)(civil.nanos % 1000);
    key_add(forms, value);
}

static void
key_forms_of(eff_str text, struct eff_arena *arena, struct key_forms *ret_forms)
{
    eff_str bytes;

    *ret_forms = (struct key_forms){0};
    key_add_number(ret_forms, text, arena);
    key_add(ret_forms, eff_value_of_str(EFF_TEXT, text));
    if (eff_str_is(text, "true") || eff_str_is(text, "false"))
        key_add(ret_forms, eff_value_of_int(EFF_BOOL, text.len == 4));
    key_add_time(ret_forms, text);
    key_add_time_of_day(ret_forms, text, arena);
    key_add(ret_forms, eff_value_of_str(EFF_BYTES, text));
    if (text.len <= EFF_ROW_KEY_MAX && eff_base64_decode(arena, text, &bytes)) /* as shown */
        key_add(ret_forms, eff_value_of_str(EFF_BYTES, bytes));
}

/* ---- the parts of the text ---- */

enum eff_fault
eff_verbs_key_object(const struct eff_sync_conf *sync, eff_str text, struct eff_arena *arena,
                     eff_str *parts, struct eff_err *err)
{
    const struct eff_json *json, *value;

    if (eff_json_parse(text, arena, &json, err) != EFF_OK || eff_json_type(json) != EFF_JSON_OBJECT)
        return EFF_FAIL(err, EFF_CONFIG, "the key is neither text nor a JSON object: " EFF_STR_FMT,
                        EFF_STR_ARG(text));
    for (size_t i = 0; i < sync->key_count; i++) {
        value = eff_json_get(json, sync->key[i]);
        parts[i] = eff_json_str(value);
        if (!parts[i].ptr)
            return EFF_FAIL(err, EFF_CONFIG, "the key has no " EFF_STR_FMT ": " EFF_STR_FMT,
                            EFF_STR_ARG(sync->key[i]), EFF_STR_ARG(text));
    }
    return EFF_OK;
}

static enum eff_fault
key_split(const struct eff_sync_conf *sync, eff_str text, struct eff_arena *arena, eff_str *parts,
          struct eff_err *err)
{
    size_t count = 0;
    eff_str rest = text;

    if (text.len > 0 && text.ptr[0] == '{')
        return eff_verbs_key_object(sync, text, arena, parts, err);
    if (sync->key_count == 1) {
        parts[0] = text;
        return EFF_OK;
    }
    for (bool more = true; more && count < sync->key_count; count++)
        more = eff_str_cut(rest, ',', &parts[count], &rest);
    if (count == sync->key_count &&
        parts[count - 1].ptr + parts[count - 1].len == text.ptr + text.len)
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, "the key of sync " EFF_STR_FMT " has %zu columns",
             EFF_STR_ARG(sync->name), sync->key_count);
    return eff_err_hint(err, "Write a,b in the order of `key:`, or a JSON object.");
}

static eff_str
key_json(const struct eff_sync_conf *sync, const eff_str *parts, struct eff_arena *arena)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    eff_str json;

    eff_json_begin_object(&w);
    for (size_t i = 0; i < sync->key_count; i++) {
        eff_json_key(&w, sync->key[i]);
        eff_json_write_str(&w, parts[i]);
    }
    eff_json_end_object(&w);
    json = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return json;
}

/* ---- all combinations ---- */

static bool
key_too_many(const struct key_forms *forms, size_t count)
{
    size_t all = 1;

    for (size_t i = 0; i < count && all <= EFF_KEY_FORMS_MAX; i++)
        all *= forms[i].count;
    return all > EFF_KEY_FORMS_MAX;
}

/* Whole and decimal numbers have one form. */
static bool
key_is_of_kind(const struct eff_value *form, eff_str kind)
{
    return eff_str_is(kind, eff_kind_name(form->kind)) ||
           (form->kind == EFF_DECIMAL && eff_str_is(kind, eff_kind_name(EFF_INT)));
}

/* To the types that the columns had when rows were delivered, as far as those are known. */
static void
key_narrow(const struct eff_verbs *v, struct key_forms *forms, struct eff_arena scratch)
{
    const struct eff_json *identity = NULL;
    struct eff_err ignored = {0};

    if (!v->state.identity.ptr ||
        eff_json_parse(v->state.identity, &scratch, &identity, &ignored) != EFF_OK)
        return;
    for (size_t i = 0; i < v->sync->key_count; i++) {
        const struct eff_json *type =
            eff_json_get(eff_json_get(identity, EFF_STR("types")), v->sync->key[i]);
        struct key_forms kept = {0};

        for (size_t k = 0; k < forms[i].count; k++)
            if (key_is_of_kind(&forms[i].at[k], eff_json_str(eff_json_at(type, 0))))
                key_add(&kept, forms[i].at[k]);
        if (kept.count > 0)
            forms[i] = kept;
    }
}

/* Counts up like an odometer; false after the last one. */
static bool
key_next(const struct key_forms *forms, size_t count, size_t *at)
{
    for (size_t i = count; i-- > 0;) {
        if (++at[i] < forms[i].count)
            return true;
        at[i] = 0;
    }
    return false;
}

static struct eff_row_secret
key_secret(const struct eff_verbs *v)
{
    uint64_t words[4];

    memcpy(words, v->state.secret, sizeof words);
    return (struct eff_row_secret){.key = {words[0], words[1]}, .seed = words[2]};
}

enum eff_fault
eff_verbs_key(struct eff_verbs *v, eff_str text,
              enum eff_fault (*look)(void *self, struct eff_hash128 key, bool *ret_found,
                                     struct eff_err *err),
              void *self, eff_str *ret_json, struct eff_err *err)
{
    size_t count = v->sync->key_count, at[KEY_COLUMNS] = {0}, index[KEY_COLUMNS];
    struct eff_mapping mapping = {.key_count = count, .key = index, .key_names = v->sync->key};
    struct key_forms *forms = eff_new(v->arena, struct key_forms, count);
    struct eff_row_secret secret = key_secret(v);
    eff_str parts[KEY_COLUMNS] = {{NULL, 0}};
    struct eff_buf buf = {0};
    enum eff_fault fault = EFF_OK;
    bool found = false;

    if (count > KEY_COLUMNS)
        return EFF_FAIL(err, EFF_BROKEN, "a key of %zu columns", count);
    EFF_TRY(key_split(v->sync, text, v->arena, parts, err));
    *ret_json = key_json(v->sync, parts, v->arena);
    for (size_t i = 0; i < count; i++) {
        index[i] = i;
        key_forms_of(parts[i], v->arena, &forms[i]);
    }
    if (key_too_many(forms, count))
        key_narrow(v, forms, *v->arena);
    if (key_too_many(forms, count))
        return EFF_FAIL(err, EFF_CONFIG,
                        "the key has too many forms: its columns' types are not known");
    do {
        struct eff_value row[KEY_COLUMNS];
        struct eff_hash128 key;
        size_t column;

        for (size_t i = 0; i < count; i++)
            row[i] = forms[i].at[at[i]];
        if (eff_row_key(&mapping, row, &secret, &buf, &key, &column) == EFF_ROW_GOOD)
            fault = look(self, key, &found, err);
    } while (fault == EFF_OK && !found && key_next(forms, count, at));
    eff_buf_free(&buf);
    return fault;
}
