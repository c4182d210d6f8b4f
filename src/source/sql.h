/*
 * source/sql: what the drivers have in common about SQL text. Private to source/.
 */
#ifndef EFF_SOURCE_SQL_H
#define EFF_SOURCE_SQL_H

#include "base/arena.h"
#include "base/err.h"
#include "flow/batch.h"

/*
 * The one statement in sql, without its semicolon and what follows it. Knows
 * strings, quoted names, comments and PostgreSQL's dollar quotes. EFF_CONFIG
 * when there is none, or a second one.
 */
enum eff_fault eff_sql_single(eff_str sql, eff_str *ret_statement, struct eff_err *err);

enum eff_sql_lexis {                             /* bits: what a dialect has beside, or instead */
                     EFF_SQL_BACKSLASHES = 1,    /* 'it\'s' */
                     EFF_SQL_SLASH_COMMENTS = 2, /* // to the end of the line */
};

/* The same for a dialect that differs so. */
enum eff_fault eff_sql_single_of(eff_str sql, unsigned lexis, eff_str *ret_statement,
                                 struct eff_err *err);

/* Line and column, from 1, of a byte offset; columns are characters. */
void eff_sql_position(eff_str sql, size_t offset, int *ret_line, int *ret_column);
/* EFF_CONFIG: "<text> (line L, column C of the SQL)"; an offset beyond sql leaves the place out. */
enum eff_fault eff_sql_fault(eff_str sql, size_t offset, const char *text, struct eff_err *err);
enum eff_fault eff_sql_writes(struct eff_err *err); /* EFF_CONFIG: a model only reads */
/*
 * EFF_CONFIG unless the statement begins as a query does: SELECT, WITH, VALUES, TABLE, FROM or a
 * bracket. For drivers that cannot say what a statement is; it is no parser.
 */
enum eff_fault eff_sql_reads(eff_str statement, struct eff_err *err);

/* The table, as written, of a statement that is `SELECT * FROM table` and nothing else. */
bool eff_sql_whole_table(eff_str statement, eff_str *ret_table);

/* EFF_CONFIG naming both when two columns have one name, or a column has none. */
enum eff_fault eff_sql_check_columns(const struct eff_columns *columns, struct eff_err *err);

/* SELECT * FROM "schema"."table"; parts that are quoted already stay as they are. */
eff_str eff_sql_table(eff_str table, struct eff_arena *arena);
/* The same with another quote, such as a backtick; 0: the name as it stands. */
eff_str eff_sql_table_quoted(eff_str table, char quote, struct eff_arena *arena);

#endif
