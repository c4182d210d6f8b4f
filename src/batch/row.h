/*
 * batch/row: canonical values, the key of a row and the hash of its content.
 *
 * The same value hashes the same whichever source it came from: 1, 1.0 and 1.00
 * are one number when they are INT or DECIMAL, an instant is an instant in any
 * zone, NULL differs from "", JSON is compared with sorted keys. A row's hash is
 * the sum of one keyed hash per mapped column (column identity and input values),
 * so that one pass can compute the sum for yesterday's mapping and for today's.
 */
#ifndef EFF_BATCH_ROW_H
#define EFF_BATCH_ROW_H

#include "base/buf.h"
#include "base/hash.h"
#include "flow/mapping.h"

/* Secrets of this installation and sync; generated once, kept with the state. */
struct eff_row_secret {
    struct eff_sip_key key;
    uint64_t seed;
};

/* Canonical bytes, injective: kind class, then length-prefixed content. */
void eff_value_canonical(struct eff_buf *buf, const struct eff_value *value);

uint64_t eff_value_hash(uint64_t seed, const struct eff_value *value);

enum eff_row_state {
    EFF_ROW_GOOD = 0,
    EFF_ROW_KEY_NULL,   /* a key column is NULL or blank text */
    EFF_ROW_VALUE_BAD,  /* a mapped column holds EFF_BAD, or text that is not UTF-8 */
    EFF_ROW_KEY_BAD,    /* a key of a kind that cannot be one: FLOAT NaN, JSON, > 4 KiB */
};

/* buf is scratch (reset by the call). ret_column is the column to blame when not GOOD. */
enum eff_row_state eff_row_key(const struct eff_mapping *mapping, const struct eff_value *row,
                               const struct eff_row_secret *secret, struct eff_buf *buf,
                               struct eff_hash128 *ret_key, size_t *ret_column);
/* Sum over fields [and match columns when match is not the key]. */
enum eff_row_state eff_row_hash(const struct eff_mapping *mapping, const struct eff_value *row,
                                const struct eff_row_secret *secret, uint64_t *ret_hash,
                                size_t *ret_column);
/* The term of one field in that sum. */
uint64_t eff_field_hash(const struct eff_field *field, const struct eff_value *row, uint64_t seed);

/* {"account_id":"a","user_id":7} */
void eff_row_key_json(struct eff_buf *buf, const struct eff_mapping *mapping,
                      const struct eff_value *row);

/*
 * What is kept of a row that may have to be sent: the values of the columns that
 * key, match and fields need, in column order. eff_content_read gives back a row
 * with the same column indexes (others NULL) that borrows from the bytes.
 */
void eff_content_write(struct eff_buf *buf, const bool *needed, size_t width,
                       const struct eff_value *row);
bool eff_content_read(eff_str content, const bool *needed, size_t width, struct eff_value *ret_row);

#endif
