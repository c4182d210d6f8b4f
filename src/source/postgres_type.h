/*
 * source/postgres_type: PostgreSQL's types and their binary forms. Private to source/.
 */
#ifndef EFF_SOURCE_POSTGRES_TYPE_H
#define EFF_SOURCE_POSTGRES_TYPE_H

#include "base/arena.h"
#include "flow/value.h"

/* How a column is asked for, and read from COPY BINARY. */
enum eff_pg_form {
    EFF_PG_BOOL = 1,
    EFF_PG_INT2,
    EFF_PG_INT4,
    EFF_PG_INT8,
    EFF_PG_OID,
    EFF_PG_FLOAT4,
    EFF_PG_FLOAT8,
    EFF_PG_NUMERIC,
    EFF_PG_TEXT,
    EFF_PG_BYTES,
    EFF_PG_DATE,
    EFF_PG_TIME,
    EFF_PG_TIMESTAMP,
    EFF_PG_TIMESTAMPTZ,
    EFF_PG_UUID,
    EFF_PG_JSON,
    EFF_PG_JSONB,
    EFF_PG_CAST_TEXT, /* the server makes the text: c::text */
    EFF_PG_CAST_JSON, /* the server makes the JSON: to_json(c) */
};

/* By pg_type's oid, typtype and typcategory. */
enum eff_pg_form eff_pg_form_of(uint32_t oid, char type, char category);
enum eff_kind eff_pg_kind_of(enum eff_pg_form form);

/* One field; ptr has len bytes. False when they are not of that form: the stream is damaged. */
bool eff_pg_field(enum eff_pg_form form, const unsigned char *ptr, size_t len,
                  struct eff_arena *batch, struct eff_value *ret_value);

static inline uint16_t
eff_pg_u16(const unsigned char *at)
{
    uint16_t n;

    memcpy(&n, at, sizeof(n));
    return __builtin_bswap16(n);
}

static inline uint32_t
eff_pg_u32(const unsigned char *at)
{
    uint32_t n;

    memcpy(&n, at, sizeof(n));
    return __builtin_bswap32(n);
}

static inline uint64_t
eff_pg_u64(const unsigned char *at)
{
    uint64_t n;

    memcpy(&n, at, sizeof(n));
    return __builtin_bswap64(n);
}

#endif
