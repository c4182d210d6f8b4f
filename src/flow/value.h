/*
 * flow/value: one typed value of a row, 16 bytes, and what a column is declared as.
 *
 * Slices are borrowed from whoever produced the value (a driver's buffer, the
 * change file, an arena). Kinds are few on purpose: a source maps each of its
 * types to one of them, and everything after the source knows only these.
 */
#ifndef EFF_FLOW_VALUE_H
#define EFF_FLOW_VALUE_H

#include "base/str.h"

enum eff_kind {
    EFF_NULL = 0,
    EFF_BOOL,     /* i: 0 or 1 */
    EFF_INT,      /* i */
    EFF_FLOAT,    /* f */
    EFF_DECIMAL,  /* ptr, len: decimal text as the source gave it, any number of digits */
    EFF_TEXT,     /* ptr, len: UTF-8 */
    EFF_BYTES,    /* ptr, len */
    EFF_DATE,     /* i: days since 1970-01-01 */
    EFF_TIME,     /* i: microseconds since midnight; len: further nanoseconds, 0..999 */
    EFF_DATETIME, /* i: microseconds since 1970-01-01 00:00:00, no zone; len: further ns */
    EFF_INSTANT,  /* i: microseconds since 1970-01-01T00:00:00Z; len: further ns */
    EFF_JSON,     /* ptr, len: JSON text: objects, arrays, nested and repeated fields */
    EFF_BAD,      /* ptr, len: why the source's value cannot be represented (a literal, terminated);
                     the row is invalid */
    EFF_ABSENT,   /* not part of this item: leave the field alone over there */
};

struct eff_value {
    uint8_t kind; /* enum eff_kind */
    uint8_t pad[3];
    uint32_t len;
    union {
        int64_t i;
        double f;
        const char *ptr;
    };
};

_Static_assert(sizeof(struct eff_value) == 16, "a cell is 16 bytes");

static inline bool
eff_kind_has_bytes(uint8_t kind)
{
    return kind == EFF_DECIMAL || kind == EFF_TEXT || kind == EFF_BYTES || kind == EFF_JSON;
}

static inline eff_str
eff_value_str(const struct eff_value *value) /* DECIMAL, TEXT, BYTES, JSON, BAD */
{
    return (eff_str){value->ptr, value->len};
}

static inline struct eff_value
eff_value_of_str(enum eff_kind kind, eff_str s)
{
    return (struct eff_value){.kind = (uint8_t)kind, .len = (uint32_t)s.len, .ptr = s.ptr};
}

static inline struct eff_value
eff_value_of_int(enum eff_kind kind, int64_t i)
{
    return (struct eff_value){.kind = (uint8_t)kind, .i = i};
}

static inline struct eff_value
eff_value_of_float(double f)
{
    return (struct eff_value){.kind = EFF_FLOAT, .f = f};
}

/* The same straight into a cell, where there are millions: see eff_value_read about returned ones. */
static inline void
eff_value_set_int(struct eff_value *value, enum eff_kind kind, int64_t i)
{
    value->kind = (uint8_t)kind;
    value->len = 0;
    value->i = i;
}

static inline void
eff_value_set_float(struct eff_value *value, double f)
{
    value->kind = EFF_FLOAT;
    value->len = 0;
    value->f = f;
}

static inline void
eff_value_set_str(struct eff_value *value, enum eff_kind kind, const void *ptr, size_t len)
{
    value->kind = (uint8_t)kind;
    value->len = (uint32_t)len;
    value->ptr = ptr;
}

const char *eff_kind_name(enum eff_kind kind); /* "null", "integer", "text", ... for messages */

struct eff_buf;
struct eff_json_writer;
struct eff_arena;
struct eff_reader;

/* Plain text form (as CSV, form bodies and templates show it); NULL and ABSENT give "". */
void eff_value_text(struct eff_buf *buf, const struct eff_value *value);
/*
 * JSON form: numbers exact, but NaN and infinite ones as texts; bytes base64, times ISO 8601;
 * ABSENT writes null.
 */
void eff_value_json(struct eff_json_writer *w, const struct eff_value *value);
/*
 * Round-trips every kind, for files of our own; eff_value_read borrows from the bytes. It fills a
 * place and returns nothing: gcc 12 puts a returned value together in memory, piece by piece, and
 * loads it as a whole, which the processor cannot forward. NULL when the reader is bad. Several
 * values that follow each other are read in one call.
 */
void eff_value_write(struct eff_buf *buf, const struct eff_value *value);
void eff_value_read(struct eff_reader *reader, struct eff_value *ret_value);
void eff_values_read(struct eff_reader *reader, size_t count, struct eff_value *ret_values);

#endif
