/*
 * dest/csv: rows of a CSV answer (RFC 4180), quoted cells unquoted.
 *
 * A last line without a line break is not given: it may have been cut.
 */
#ifndef EFF_DEST_CSV_H
#define EFF_DEST_CSV_H

#include "base/arena.h"
#include "base/str.h"

struct eff_csv {
    eff_str rest;
    struct eff_arena *arena;
    size_t columns; /* of the header */
    const eff_str *names;
    bool bad; /* a line has another number of cells, or a quote is not closed */
};

/* Reads the header line; false when there is none. */
bool eff_csv_open(struct eff_csv *csv, eff_str text, struct eff_arena *arena);
/* The next line's cells (csv->columns of them), in the arena or the text. */
bool eff_csv_next(struct eff_csv *csv, eff_str **ret_cells);
size_t eff_csv_column(const struct eff_csv *csv, eff_str name); /* SIZE_MAX: none */

#endif
