/*
 * lib/reading: a source's rows as text, for tests.
 */
#ifndef EFF_TEST_LIB_READING_H
#define EFF_TEST_LIB_READING_H

#include "lib/testos.h"
#include "source/source.h"

struct reading {
    struct testos world;
    struct eff_arena arena;
    struct eff_source *source;
    struct eff_columns columns;
    struct eff_err err;
    /* All rows of the last query, copied; cells[row * width + column]. */
    struct eff_value *cells;
    size_t rows, width;
};

/* config outlives the reading. */
enum eff_fault reading_open(struct reading *r, const struct eff_source_ops *ops,
                            const void *config);
/* Reads everything; the fault of query or next, whichever came. */
enum eff_fault reading_query(struct reading *r, const char *sql);
/* Reads and forgets: rows counted in r->rows. */
enum eff_fault reading_drain(struct reading *r, const char *sql);
void reading_close(struct reading *r);
/* The same in the real world, which the caller owns: for sources that speak HTTP. */
enum eff_fault reading_open_in(struct reading *r, struct eff_os *os,
                               const struct eff_source_ops *ops, const void *config);

/* "integer:1 text:abc null: | ..." of the last query, rows separated by " | "; lives in the arena. */
const char *reading_text(struct reading *r);
/* "id:integer name:text" */
const char *reading_columns(struct reading *r);
/* Fails the test unless the query's rows are this text. */
void reading_expect(struct reading *r, const char *sql, const char *text);
/* Fails the test unless the last error's message, hint or place has this part. */
void reading_told(struct reading *r, const char *what, const char *part);
/* Fails the test unless the query fails so, with this part. */
void reading_refused(struct reading *r, const char *sql, enum eff_fault fault, const char *part);
/* The highest resident size of this process so far, in KiB. */
long reading_peak_kib(void);

#endif
