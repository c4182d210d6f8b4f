/*
 * sandbox/snowflake: what the stand-in's two halves share: the SQL API, and the SQL.
 *
 * Tables live in SQLite, in memory, declared with Snowflake's types; statements
 * are SQLite's SQL. A result is made when its statement is submitted, as the
 * text of its rows in partitions, and kept until newer ones push it out.
 */
#ifndef EFF_SANDBOX_SNOWFLAKE_H
#define EFF_SANDBOX_SNOWFLAKE_H

#include <sqlite3.h>

#include "sandbox/world.h"

#define EFF_SNOWBOX_STATEMENTS 64
#define EFF_SNOWBOX_PARTS_MAX  4096

struct eff_snowbox_part {
    size_t from, len; /* in the result's text: rows with commas between them */
    int64_t rows;
};

struct eff_snowbox_result {
    struct eff_buf types; /* JSON: the rowType list */
    struct eff_buf text;
    int64_t rows;
    size_t parts_count;
    struct eff_snowbox_part *parts; /* heap */
};

struct eff_snowbox_error {
    const char *code, *sql_state; /* code NULL: none */
    char message[512];
};

/* The database, made when it is first asked for; NULL: it cannot be. */
sqlite3 *eff_snowbox_open(sqlite3 **db);
/* Carries one statement out. False, with Snowflake's words, when it is refused. */
bool eff_snowbox_execute(sqlite3 *db, eff_str sql, int64_t part_rows, struct eff_arena *arena,
                         struct eff_snowbox_result *ret_result, struct eff_snowbox_error *error);
void eff_snowbox_result_free(struct eff_snowbox_result *result);

#endif
