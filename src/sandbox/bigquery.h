/*
 * sandbox/bigquery: what the files of this stand-in share.
 *
 * bigquery.c is the API: jobs, pages, errors. bigquery_sql.c turns GoogleSQL into what SQLite
 * carries out, as far as tests need it; bigquery_type.c knows types, and how values travel.
 */
#ifndef EFF_SANDBOX_BIGQUERY_H
#define EFF_SANDBOX_BIGQUERY_H

#include <sqlite3.h>

#include "sandbox/world.h"

/* ---- bigquery_type.c ---- */

struct eff_bqs_type {
    const char *word; /* as the API writes it: "INTEGER", "RECORD" */
    bool repeated;
    eff_str element; /* of a RANGE: the API's word */
    size_t fields_count;
    const struct eff_bqs_field *fields; /* of a RECORD */
};

struct eff_bqs_field {
    eff_str name;
    struct eff_bqs_type type;
};

/* "INT64", "ARRAY<STRUCT<a INT64, b STRING>>"; false when there is no such type. */
bool eff_bqs_type_parse(struct eff_arena *arena, eff_str text, struct eff_bqs_type *ret_type);
/* A word that begins a type. */
bool eff_bqs_type_word(eff_str word);
/* {"name", "type", "mode", "fields"} */
void eff_bqs_write_field(struct eff_json_writer *w, eff_str name, const struct eff_bqs_type *type);
/* {"v": ...} of the statement's cell; int64_times: timestamps in microseconds. */
void eff_bqs_write_cell(struct eff_json_writer *w, struct eff_arena *arena,
                        const struct eff_bqs_type *type, sqlite3_stmt *stmt, int column,
                        bool int64_times);

/* ---- bigquery_sql.c ---- */

/* SQL for SQLite, and where each of its bytes came from. */
struct eff_bqs_sql {
    struct eff_buf text;
    size_t moves_count;
    struct eff_bqs_move { /* from this byte of text on, the original is `from` onwards */
        size_t at, from;
    } * moves;
};

/*
 * Names of tables lose their project and become one name, "dataset.table"; double-quoted
 * strings, backslashes, # comments, and the types of a CREATE TABLE become SQLite's. dataset
 * is for tables that are named without one; "" is none.
 */
void eff_bqs_sql_make(struct eff_arena *arena, sqlite3 *db, eff_str sql, eff_str dataset,
                      struct eff_bqs_sql *ret_sql);
/* " at [2:8]" in the original, for a byte of the made text; "" when offset < 0. */
eff_str eff_bqs_sql_place(struct eff_arena *arena, const struct eff_bqs_sql *sql, eff_str original,
                          int offset);

#endif
