/*
 * flow/batch: what a source hands over, some thousand rows at a time.
 *
 * Cells are row after row: row r, column c is cells[r * width + c]. Hashing and
 * mapping go row by row, row protocols (COPY, SQLite) fill it without a copy,
 * and a columnar driver transposes one small block in its own file. Every slice
 * points into the driver's buffer and dies with the next call.
 */
#ifndef EFF_FLOW_BATCH_H
#define EFF_FLOW_BATCH_H

#include "flow/value.h"

struct eff_column {
    eff_str name;
    enum eff_kind kind;   /* declared; EFF_NULL when the source does not declare types */
    eff_str type_name;    /* in the source's own words, for messages and drift */
    int precision, scale; /* of decimals; 0 when unknown */
    bool nullable;
};

struct eff_columns {
    size_t count;
    const struct eff_column *at;
};

struct eff_batch {
    size_t rows; /* 0: the driver itself said that the result is complete */
    size_t width;
    const struct eff_value *cells;
};

/* Index of the column with that exact name, or SIZE_MAX. */
size_t eff_columns_find(const struct eff_columns *columns, eff_str name);

#endif
