/*
 * source/source: one warehouse protocol, giving batches of typed values.
 *
 * A source reads in a read-only transaction from one snapshot, in bounded
 * memory, and never writes. Only files of this room see a driver.
 */
#ifndef EFF_SOURCE_SOURCE_H
#define EFF_SOURCE_SOURCE_H

#include "base/arena.h"
#include "base/err.h"
#include "conf/option.h"
#include "flow/batch.h"
#include "os/os.h"

struct eff_source; /* the first member of a driver's struct */

struct eff_source_ops {
    const char *kind; /* `type:` in YAML */
    const char *title;
    const struct eff_option *options;
    size_t options_count;
    size_t config_size;

    /* config was filled and validated from options; it outlives the source. */
    enum eff_fault (*open)(const void *config, struct eff_os *os, struct eff_arena *run,
                           struct eff_source **ret_source, struct eff_err *err);
    /*
     * Declares the columns before the first row. May be called again after a
     * complete or abandoned result: all queries of one opened source see the
     * same snapshot. A second statement in sql, or one that writes, is refused.
     * err: EFF_CONFIG for what the SQL's author must mend (no such table, syntax:
     * with the position in err->msg), EFF_AUTH, EFF_TRANSIENT (unreachable, busy).
     */
    enum eff_fault (*query)(struct eff_source *source, eff_str sql, struct eff_columns *ret_columns,
                            struct eff_err *err);
    /* ret_batch->rows == 0 only after the driver itself said that the result is complete. */
    enum eff_fault (*next)(struct eff_source *source, struct eff_batch *ret_batch,
                           struct eff_err *err);
    /* SELECT * of a table or view; `table` may be qualified: quoted per dialect. */
    eff_str (*table_sql)(struct eff_source *source, eff_str table, struct eff_arena *arena);
    /* Rows the query will give, by the planner or a count, or -1; used for progress only. */
    int64_t (*estimate)(struct eff_source *source, eff_str sql);
    /*
     * Bytes that the warehouse reads, and bills, for the query: its own estimate, known once
     * `query` has returned; -1: it does not say. NULL where nothing is billed.
     */
    int64_t (*scans)(struct eff_source *source);
    /*
     * By whose eyes the model is read, and where: what may decide which rows are shown, in words
     * and without secrets ("role loader, database shop, server 72..."). Asked before `query`;
     * ptr == NULL: it cannot be told. NULL where there are neither roles nor servers.
     */
    eff_str (*reader)(struct eff_source *source, struct eff_arena *arena);
    /* Gives up the result: no request or query of it is under way any more. query may follow. */
    void (*cancel)(struct eff_source *source);
    void (*close)(struct eff_source *source); /* accepts a half-opened source; NULL is fine */
};

struct eff_source {
    const struct eff_source_ops *ops;
};

extern const struct eff_source_ops eff_source_sqlite;
extern const struct eff_source_ops eff_source_postgres;
extern const struct eff_source_ops eff_source_duckdb;
extern const struct eff_source_ops eff_source_bigquery;
extern const struct eff_source_ops eff_source_adbc;
extern const struct eff_source_ops eff_source_snowflake;

extern const struct eff_source_ops *const eff_sources[]; /* all of them, NULL at the end */
const struct eff_source_ops *eff_source_find(eff_str kind);

#endif
