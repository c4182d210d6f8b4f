/*
 * plan/transform: a field's input, then its transforms one after the other.
 */
#include "plan/transform.h"

#include "base/hash.h"
#include "plan/convert.h"

/* Pairs are compared one by one up to this many; more of them must be sorted (see transform.h). */
#define TRANSFORM_FEW_PAIRS 16

#define TRANSFORM_DIGEST_LEN (2 * sizeof(struct eff_sha256))

/* ------------------------------------------------------------------- letters and maps */

static char
transform_letter(enum eff_transform_kind kind, char c)
{
    if (kind == EFF_TRANSFORM_LOWER)
        return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

/* The text itself when no letter changes. */
static eff_str
transform_case(enum eff_transform_kind kind, eff_str text, struct eff_arena *arena)
{
    size_t at = 0;
    char *changed;

    while (at < text.len && transform_letter(kind, text.ptr[at]) == text.ptr[at])
        at++;
    if (at == text.len)
        return text;
    changed = eff_new(arena, char, text.len + 1);
    memcpy(changed, text.ptr, at);
    for (; at < text.len; at++)
        changed[at] = transform_letter(kind, text.ptr[at]);
    return (eff_str){changed, text.len};
}

/* Numbers and times have neither blanks nor letters that matter, and pass. */
static enum eff_fault
transform_letters(enum eff_transform_kind kind, struct eff_value *value, struct eff_arena *arena,
                  struct eff_err *err)
{
    eff_str text;

    if (value->kind == EFF_JSON || value->kind == EFF_BYTES) {
        EFF_FAIL(err, EFF_ROW, "cannot trim %s or change its case",
                 eff_kind_name((enum eff_kind)value->kind));
        return eff_err_hint(err, "Make it text first: put cast: text before it.");
    }
    if (value->kind != EFF_TEXT)
        return EFF_OK;
    text = eff_value_str(value);
    text = kind == EFF_TRANSFORM_TRIM ? eff_str_trim(text) : transform_case(kind, text, arena);
    *value = eff_value_of_str(EFF_TEXT, text);
    return EFF_OK;
}

static const struct eff_map_pair *
transform_find(const struct eff_transform *map, eff_str text)
{
    size_t from = 0, to = map->pairs_count;

    if (map->pairs_count <= TRANSFORM_FEW_PAIRS) {
        for (size_t i = 0; i < map->pairs_count; i++)
            if (eff_str_eq(map->pairs[i].from, text))
                return &map->pairs[i];
        return NULL;
    }
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = eff_str_cmp(text, map->pairs[middle].from);

        if (order == 0)
            return &map->pairs[middle];
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

static enum eff_fault
transform_map(const struct eff_transform *map, struct eff_value *value, struct eff_arena *arena,
              struct eff_err *err)
{
    const struct eff_map_pair *pair = transform_find(map, eff_convert_text(value, arena));

    if (!pair && !map->has_otherwise) {
        EFF_FAIL(err, EFF_ROW, "the map has no entry for this value");
        return eff_err_hint(err, "Add the value to the map, or say with `otherwise` what all "
                                 "others become.");
    }
    *value = pair ? pair->to : map->value;
    return EFF_OK;
}

/* ---------------------------------------------------------------------------- hashing */

static bool
transform_is_digest(const struct eff_value *value)
{
    struct eff_sha256 digest;

    return value->kind == EFF_TEXT && value->len == TRANSFORM_DIGEST_LEN &&
           eff_unhex(eff_value_str(value), digest.bytes, sizeof(digest.bytes));
}

static enum eff_fault
transform_hash(struct eff_value *value, struct eff_arena *arena, struct eff_err *err)
{
    struct eff_sha256 digest;
    eff_str text;

    if (value->kind == EFF_BYTES)
        return EFF_FAIL(err, EFF_ROW, "cannot hash bytes as a text");
    text = eff_convert_text(value, arena);
    if (text.len == 0)
        return EFF_OK;
    digest = eff_sha256(text);
    *value = eff_value_of_str(EFF_TEXT, eff_hex(arena, digest.bytes, sizeof(digest.bytes)));
    return EFF_OK;
}

/* --------------------------------------------------------------------- one transform */

/* For the type of a field over there, as described: what does not fit is sent as it is. */
static enum eff_fault
transform_fit(enum eff_kind kind, struct eff_value *value, struct eff_arena *arena)
{
    struct eff_err ignored = {0};
    struct eff_value fitted;

    if (value->kind != kind && eff_transform_cast(kind, value, arena, &fitted, &ignored) == EFF_OK)
        *value = fitted;
    return EFF_OK;
}

static enum eff_fault
transform_apply(const struct eff_transform *transform, struct eff_value *value,
                struct eff_arena *arena, struct eff_err *err)
{
    switch (transform->kind) {
    case EFF_TRANSFORM_TRIM:
    case EFF_TRANSFORM_LOWER:
    case EFF_TRANSFORM_UPPER:
        return transform_letters(transform->kind, value, arena, err);
    case EFF_TRANSFORM_MAP:
        return transform_map(transform, value, arena, err);
    case EFF_TRANSFORM_CAST:
        return eff_transform_cast(transform->cast, value, arena, value, err);
    case EFF_TRANSFORM_FIT:
        return transform_fit(transform->cast, value, arena);
    case EFF_TRANSFORM_ZONE:
        return eff_convert_zone(transform, value, value, err);
    case EFF_TRANSFORM_FORMAT:
        return eff_convert_format(transform->format, value, arena, value, err);
    case EFF_TRANSFORM_NORMALIZE:
        return eff_convert_normalize(transform->normalize, value, arena, value, err);
    case EFF_TRANSFORM_HASH:
        return transform_hash(value, arena, err);
    case EFF_TRANSFORM_DEFAULT: // of a value that is there
        return EFF_OK;
    }
    return EFF_FAIL(err, EFF_BROKEN, "unknown transform %d", (int)transform->kind);
}

static enum eff_fault
transform_all(const struct eff_field *field, struct eff_value *value, struct eff_arena *arena,
              struct eff_err *err)
{
    for (size_t i = 0; i < field->transforms_count; i++) {
        const struct eff_transform *transform = &field->transforms[i];
        bool hash_next =
            i + 1 < field->transforms_count && field->transforms[i + 1].kind == EFF_TRANSFORM_HASH;

        if (value->kind == EFF_ABSENT)
            return EFF_OK;
        if (value->kind == EFF_NULL) {
            if (transform->kind == EFF_TRANSFORM_DEFAULT)
                *value = transform->value;
            continue;
        }
        if (transform->kind == EFF_TRANSFORM_NORMALIZE && hash_next && transform_is_digest(value)) {
            // Hashed by the model already: neither an address nor to be hashed again.
            EFF_TRY(transform_letters(EFF_TRANSFORM_LOWER, value, arena, err));
            i++;
            continue;
        }
        EFF_TRY(transform_apply(transform, value, arena, err));
    }
    return EFF_OK;
}

/* ------------------------------------------------------------------------------ input */

static enum eff_fault
transform_refuse_bad(const struct eff_field *field, size_t input, const struct eff_value *value,
                     struct eff_err *err)
{
    if (!field->input_names)
        return EFF_FAIL(err, EFF_ROW, EFF_STR_FMT, EFF_STR_ARG(eff_value_str(value)));
    return EFF_FAIL(err, EFF_ROW, "column `" EFF_STR_FMT "`: " EFF_STR_FMT,
                    EFF_STR_ARG(field->input_names[input]), EFF_STR_ARG(eff_value_str(value)));
}

/* NULL when the template has columns and all of them are NULL. */
static enum eff_fault
transform_template(const struct eff_field *field, const struct eff_value *row,
                   struct eff_arena *arena, struct eff_value *ret_value, struct eff_err *err)
{
    eff_str *pieces = eff_new(arena, eff_str, field->parts_count);
    bool empty = field->inputs_count > 0;
    size_t len = 0;
    char *text;

    for (size_t i = 0; i < field->parts_count; i++) {
        const struct eff_template_part *part = &field->parts[i];
        const struct eff_value *value;

        pieces[i] = part->text;
        if (part->input != SIZE_MAX) {
            value = &row[field->inputs[part->input]];
            if (value->kind == EFF_BAD)
                return transform_refuse_bad(field, part->input, value, err);
            empty = empty && (value->kind == EFF_NULL || value->kind == EFF_ABSENT);
            pieces[i] = eff_convert_text(value, arena);
        }
        len += pieces[i].len;
    }
    if (empty) {
        *ret_value = (struct eff_value){.kind = EFF_NULL};
        return EFF_OK;
    }
    text = eff_new(arena, char, len + 1);
    len = 0;
    for (size_t i = 0; i < field->parts_count; i++) {
        if (pieces[i].len > 0)
            memcpy(text + len, pieces[i].ptr, pieces[i].len);
        len += pieces[i].len;
    }
    return eff_convert_str(EFF_TEXT, (eff_str){text, len}, ret_value, err);
}

static enum eff_fault
transform_input(const struct eff_field *field, const struct eff_value *row, struct eff_arena *arena,
                struct eff_value *ret_value, struct eff_err *err)
{
    const struct eff_value *value = &field->constant;

    if (field->parts_count > 0)
        return transform_template(field, row, arena, ret_value, err);
    if (field->inputs_count > 0)
        value = &row[field->inputs[0]];
    if (value->kind == EFF_BAD)
        return transform_refuse_bad(field, 0, value, err);
    *ret_value = *value;
    return EFF_OK;
}

/* The reason as it is, with the field before it and its place in the user's file. */
static enum eff_fault
transform_blame(const struct eff_field *field, struct eff_err *err)
{
    struct eff_err inner = *err;

    eff_err_set(err, inner.fault, inner.file, inner.line, "field `" EFF_STR_FMT "`: %s",
                EFF_STR_ARG(field->name), inner.msg);
    eff_err_where(err, field->where, 0, 0);
    if (inner.hint[0])
        eff_err_hint(err, "%s", inner.hint);
    return err->fault;
}

enum eff_fault
eff_transform_field(const struct eff_field *field, const struct eff_value *row,
                    struct eff_arena *arena, struct eff_value *ret_value, struct eff_err *err)
{
    struct eff_value value;

    if (transform_input(field, row, arena, &value, err) != EFF_OK ||
        transform_all(field, &value, arena, err) != EFF_OK)
        return transform_blame(field, err);
    if (value.kind == EFF_NULL && field->on_null == EFF_NULL_SKIP)
        value.kind = EFF_ABSENT;
    *ret_value = value;
    return EFF_OK;
}
