/*
 * batch/row: the key of a row, the sum over its mapped columns, and the form in
 * which a row is kept until it is sent.
 */
#include "batch/row.h"

#include <math.h>

#include "base/json.h"
#include "batch/canon.h"

static bool
row_key_blank(const struct eff_value *value)
{
    if (value->kind == EFF_NULL)
        return true;
    return value->kind == EFF_TEXT && eff_str_trim(eff_value_str(value)).len == 0;
}

/* No scratch is needed: what would need it cannot be a key. */
static bool
row_key_fit(const struct eff_value *value)
{
    switch ((enum eff_kind)value->kind) {
    case EFF_NULL:
    case EFF_JSON:
    case EFF_BAD:
    case EFF_ABSENT:
        return false;
    case EFF_FLOAT:
        return isfinite(value->f);
    case EFF_TEXT:
        return value->len <= EFF_ROW_KEY_MAX && eff_canon_text_good(eff_value_str(value));
    case EFF_DECIMAL:
        return value->len <= EFF_ROW_KEY_MAX && eff_canon_number_good(eff_value_str(value));
    case EFF_BYTES:
        return value->len <= EFF_ROW_KEY_MAX;
    case EFF_BOOL:
    case EFF_INT:
    case EFF_DATE:
    case EFF_TIME:
    case EFF_DATETIME:
    case EFF_INSTANT:
        return true;
    }
    return false;
}

enum eff_row_state
eff_row_key(const struct eff_mapping *mapping, const struct eff_value *row,
            const struct eff_row_secret *secret, struct eff_buf *buf, struct eff_hash128 *ret_key,
            size_t *ret_column)
{
    eff_buf_reset(buf);
    for (size_t i = 0; i < mapping->key_count; i++) {
        const struct eff_value *value = &row[mapping->key[i]];

        *ret_column = mapping->key[i];
        if (row_key_blank(value))
            return EFF_ROW_KEY_NULL;
        if (!row_key_fit(value))
            return EFF_ROW_KEY_BAD;
        eff_value_canonical(buf, value);
        if (buf->full || buf->len > EFF_ROW_KEY_MAX)
            return EFF_ROW_KEY_BAD;
    }
    *ret_key = eff_siphash128(secret->key, buf->ptr, buf->len);
    return EFF_ROW_GOOD;
}

size_t
eff_row_bytes(const bool *needed, size_t width, const struct eff_value *row, size_t *ret_column)
{
    size_t bytes = 0, most = 0;

    for (size_t i = 0; i < width; i++) {
        size_t len = needed[i] && eff_kind_has_bytes(row[i].kind) ? row[i].len : 0;

        bytes += len;
        if (len > most) {
            most = len;
            *ret_column = i;
        }
    }
    return bytes;
}

/*
 * The field's identity starts the chain, each input's hash goes in one after the
 * other, so (a, b) differs from (b, a). A constant's value is part of the identity.
 */
static uint64_t
row_field_start(const struct eff_field *field, uint64_t seed)
{
    return eff_canon_mix(seed ^ field->id);
}

static uint64_t
row_field_add(uint64_t sum, uint64_t value_hash)
{
    return eff_canon_mix(sum * 0x9e3779b97f4a7c15 + value_hash);
}

uint64_t
eff_field_hash(const struct eff_field *field, const struct eff_value *row, uint64_t seed,
               struct eff_arena scratch)
{
    uint64_t sum = row_field_start(field, seed);

    for (size_t i = 0; i < field->inputs_count; i++)
        sum = row_field_add(sum, eff_value_hash(seed, &row[field->inputs[i]], scratch));
    return sum;
}

/* Checks and hashes in one go, so that JSON is parsed once. False: *ret_column is to blame. */
static bool
row_fields_hash(const struct eff_field *fields, size_t count, const struct eff_value *row,
                uint64_t seed, const struct eff_arena *scratch, uint64_t *sum, size_t *ret_column)
{
    for (size_t i = 0; i < count; i++) {
        const struct eff_field *field = &fields[i];
        uint64_t term = row_field_start(field, seed);

        for (size_t k = 0; k < field->inputs_count; k++) {
            uint64_t hash;

            if (!eff_canon_hash(seed, &row[field->inputs[k]], scratch, &hash)) {
                *ret_column = field->inputs[k];
                return false;
            }
            term = row_field_add(term, hash);
        }
        *sum += term;
    }
    return true;
}

enum eff_row_state
eff_row_hash(const struct eff_mapping *mapping, const struct eff_value *row,
             const struct eff_row_secret *secret, struct eff_arena scratch, uint64_t *ret_hash,
             size_t *ret_column)
{
    // Fields and match columns may share an identity (the same column under the same name).
    const uint64_t match_seed = eff_canon_mix(secret->seed);
    uint64_t sum = 0;

    if (!row_fields_hash(mapping->fields, mapping->fields_count, row, secret->seed, &scratch, &sum,
                         ret_column))
        return EFF_ROW_VALUE_BAD;
    if (!mapping->match_is_key && !row_fields_hash(mapping->match, mapping->match_count, row,
                                                   match_seed, &scratch, &sum, ret_column))
        return EFF_ROW_VALUE_BAD;
    *ret_hash = sum;
    return EFF_ROW_GOOD;
}

void
eff_row_key_json(struct eff_buf *buf, const struct eff_mapping *mapping,
                 const struct eff_value *row)
{
    struct eff_json_writer w = {.buf = buf};

    eff_json_begin_object(&w);
    for (size_t i = 0; i < mapping->key_count; i++) {
        eff_json_key(&w, mapping->key_names[i]);
        eff_value_json(&w, &row[mapping->key[i]]);
    }
    eff_json_end_object(&w);
}

void
eff_content_write(struct eff_buf *buf, const bool *needed, size_t width,
                  const struct eff_value *row)
{
    for (size_t i = 0; i < width; i++) {
        if (needed[i])
            eff_value_write(buf, &row[i]);
    }
}

bool
eff_content_read(eff_str content, const bool *needed, size_t width, struct eff_value *ret_row)
{
    struct eff_reader reader = eff_reader_of(content);

    for (size_t i = 0, run; i < width; i += run) {
        for (run = 0; i + run < width && needed[i + run];)
            run++;
        eff_values_read(&reader, run, ret_row + i);
        for (; i + run < width && !needed[i + run]; run++)
            ret_row[i + run] = (struct eff_value){.kind = EFF_NULL};
    }
    return !reader.bad && reader.at == reader.end;
}
