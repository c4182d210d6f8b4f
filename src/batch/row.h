/*
 * batch/row: canonical values, the key of a row and the hash of its content.
 *
 * The same value hashes the same whichever source it came from. A row's hash is
 * the sum of one keyed hash per mapped column (column identity and input values),
 * so that one pass can compute the sum for yesterday's mapping and for today's.
 *
 * What is the same value:
 *   INT and DECIMAL   one class, exact numbers: 1, 1.0, 1.00 and 1e0 are equal
 *   FLOAT             a class of its own (a column that turns from DOUBLE into
 *                     NUMERIC is another column): 1.0 is not INT 1; -0 is 0, and
 *                     there is one NaN
 *   TEXT, BYTES       exact bytes; no Unicode normal form, no case, no padding
 *   INSTANT           the instant, in whatever zone it was written
 *   DATETIME          a wall clock without zone: never equal to an INSTANT
 *   DATE, TIME, BOOL  classes of their own: BOOL true is not INT 1
 *   JSON              by content: members in any order, numbers as exact numbers
 *   NULL              is not ""; ABSENT is not NULL
 */
#ifndef EFF_BATCH_ROW_H
#define EFF_BATCH_ROW_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "flow/mapping.h"

/* Secrets of this installation and sync; generated once, kept with the state. */
struct eff_row_secret {
    struct eff_sip_key key;
    uint64_t seed;
};

/*
 * Canonical bytes of a value that can be a key (see EFF_ROW_KEY_BAD), injective also
 * when several values follow each other: kind class, then content of fixed size or
 * with its length before it. Nothing for NULL, ABSENT, JSON and BAD.
 */
void eff_value_canonical(struct eff_buf *buf, const struct eff_value *value);

/*
 * Equal exactly for the same value, but for collisions; takes some nanoseconds. Scratch is
 * used for JSON only (several times the size of its text).
 */
uint64_t eff_value_hash(uint64_t seed, const struct eff_value *value, struct eff_arena scratch);

enum eff_row_state {
    EFF_ROW_GOOD = 0,
    EFF_ROW_KEY_NULL,  /* a key column is NULL or blank text */
    EFF_ROW_VALUE_BAD, /* a mapped column holds EFF_BAD, or what eff_value_problem finds */
    EFF_ROW_KEY_BAD,   /* a key that cannot be one: NaN, infinity, JSON, bad text, > 4 KiB */
    EFF_ROW_TOO_LARGE, /* eff_row_bytes are more than the caller has room for */
};

#define EFF_ROW_KEY_MAX 4096

/* What keeps this value from being sent: "text is not valid UTF-8", ...; NULL when nothing does. */
const char *eff_value_problem(const struct eff_value *value, struct eff_arena scratch);

/* buf is scratch (reset by the call). ret_column is the column to blame when not GOOD. */
enum eff_row_state eff_row_key(const struct eff_mapping *mapping, const struct eff_value *row,
                               const struct eff_row_secret *secret, struct eff_buf *buf,
                               struct eff_hash128 *ret_key, size_t *ret_column);
/* What the values of the needed columns take beside their cells. ret_column has the most of it. */
size_t eff_row_bytes(const bool *needed, size_t width, const struct eff_value *row,
                     size_t *ret_column);
/* Sum over fields [and match columns when match is not the key]. */
enum eff_row_state eff_row_hash(const struct eff_mapping *mapping, const struct eff_value *row,
                                const struct eff_row_secret *secret, struct eff_arena scratch,
                                uint64_t *ret_hash, size_t *ret_column);
/* The term of one field in that sum. */
uint64_t eff_field_hash(const struct eff_field *field, const struct eff_value *row, uint64_t seed,
                        struct eff_arena scratch);

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
