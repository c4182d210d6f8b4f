/*
 * source/duckdb_value: DuckDB's types, and vectors to cells. Private to source/.
 */
#ifndef EFF_SOURCE_DUCKDB_VALUE_H
#define EFF_SOURCE_DUCKDB_VALUE_H

#include "base/buf.h"
#include "flow/batch.h"
#include "source/duckdb_api.h"

/* A logical type, read once per query. */
struct eff_duck_type {
    int id;       /* enum eff_duck_id, or a type not known here */
    int internal; /* of DECIMAL and ENUM: how it is stored */
    bool json;    /* VARCHAR that is declared JSON */
    unsigned width, scale;
    uint64_t array_size;
    size_t children_count; /* LIST, ARRAY: 1; MAP: key, value; STRUCT and UNION: members */
    const struct eff_duck_type *children;
    const eff_str *names; /* of members */
    size_t words_count;   /* ENUM */
    const eff_str *words;
};

/* What a cell needs besides its vector. */
struct eff_duck_context {
    const struct eff_duck_api *api;
    struct eff_arena *batch; /* texts made here; reset with each batch */
    struct eff_buf json;     /* scratch */
};

/* Takes over the logical type. Fills the column's kind, type name, precision and scale too. */
struct eff_duck_type eff_duck_type_of(const struct eff_duck_api *api, void *logical,
                                      struct eff_arena *run);
void eff_duck_describe(const struct eff_duck_type *type, struct eff_arena *run,
                       struct eff_column *column);
/* True for types that only DuckDB itself can turn into text. */
bool eff_duck_needs_cast(const struct eff_duck_type *type);

/* `rows` cells of a vector, from `from` on, into cells[0], cells[step], ... */
void eff_duck_column(struct eff_duck_context *context, const struct eff_duck_type *type,
                     void *vector, size_t from, size_t rows, struct eff_value *cells, size_t step);

#endif
