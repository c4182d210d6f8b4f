/*
 * dest/sql: tables as destinations: what SQLite, PostgreSQL and MySQL share.
 *
 *     sql.c        open, bind, deliver
 *     sql_place.c  which database a connection string leads to
 *     sql_text.c   the statements
 *     sql_look.c   what a table looks like, and reading its records back
 *     sql_sqlite.c, sql_postgres.c, sql_mysql.c  what differs
 */
#ifndef EFF_DEST_SQL_H
#define EFF_DEST_SQL_H

#include "dest/dest.h"

struct eff_buf;

/* What an answer that is no success means. */
struct eff_table_fault {
    enum eff_fault fault; /* ROW: on its merits; TRANSIENT: later; all others stop the run */
    const char *hint;     /* a sentence, or NULL */
    bool no_unique_index; /* ON CONFLICT found no index on the match columns */
    eff_str column;       /* the column to blame, in answer's words, or EFF_STR_NONE */
};

struct eff_table_dialect {
    enum eff_sql_dialect dialect;
    const char *title;
    char sigil;       /* of parameters: ?1, $1 */
    size_t name_max;  /* bytes of an identifier; 0: any */
    const char *mend; /* hint when columns or tables are missing */

    struct eff_table_fault (*judge)(const struct eff_response *answer);
    /*
     * Statements with parameters: 1 = the table in the form of `table_param`; for
     * columns a row each: name, type, required, read-only, unique, class of type
     * (enum eff_field_type as integer), choices as a JSON array or NULL.
     */
    eff_str columns_sql;
    eff_str tables_sql; /* one column: the names; parameter 1: the schema or NULL */
    /*
     * The columns of the unique indexes, as (index, column) in order, the parameters as in
     * columns_sql; an expression has no name, and what cannot have an index, such as a view, has
     * one on the column "*": the database itself will say what it thinks of it. ON CONFLICT needs an index on all match columns;
     * without it (any_unique) one on some of them tells records apart as well.
     */
    eff_str unique_sql;
    bool any_unique;
    /* Schema and table as sql_look's parameters: two values, or one quoted text. */
    size_t (*table_params)(eff_str schema, eff_str table, struct eff_arena *arena,
                           struct eff_value ret_params[2]);
};

struct eff_table_dest {
    struct eff_dest base;
    const struct eff_table_dialect *dialect;
    eff_str connect;
    eff_str schema;    /* for objects without one; len 0: none */
    bool wants_unique; /* the sync makes records: by these columns it must find them again */
    size_t match_count;
    const eff_str *match_names;
};

struct eff_table_name {
    eff_str schema; /* len 0: none */
    eff_str name;
};

/* Rows of a delivery that take the same statement. */
struct eff_table_group {
    size_t count;
    const size_t *items; /* indexes into the delivery */
    const bool *present; /* per field: sent with these rows */
    bool rematch;        /* their match values changed: old_match says which record */
};

/* ---- sql.c ---- */
enum eff_fault eff_table_open(const struct eff_dest_conf *conf,
                              const struct eff_table_dialect *dialect, eff_str connect,
                              eff_str schema, struct eff_arena *run, struct eff_dest **ret_dest);
enum eff_fault eff_table_bind(struct eff_dest *base, const struct eff_dest_sync *sync,
                              struct eff_op_limits limits[EFF_OPS_COUNT], struct eff_err *err);
size_t eff_table_item_bytes(struct eff_dest *dest, const struct eff_delivery *delivery,
                            const struct eff_item *item);
struct eff_step eff_table_step(struct eff_dest *base, struct eff_task *task,
                               const struct eff_response *last, struct eff_err *err);
/* Sets err from an answer that stops the run, and returns EFF_STEP_STOP. */
struct eff_step eff_table_stop(const struct eff_table_dest *dest,
                               const struct eff_table_fault *fault,
                               const struct eff_response *answer, eff_str object,
                               struct eff_err *err);

/* ---- sql_place.c ---- */
/* Of a connection string of PostgreSQL or MySQL, what says which records are meant: no password. */
eff_str eff_table_place(eff_str connect, struct eff_arena *arena);

/* ---- sql_text.c ---- */
/* `table`, `schema.table`, each part may be in double quotes. */
enum eff_fault eff_table_split(const struct eff_table_dest *dest, eff_str object,
                               struct eff_arena *arena, struct eff_table_name *ret_table,
                               struct eff_err *err);
enum eff_fault eff_table_check_name(const struct eff_table_dest *dest, eff_str name,
                                    struct eff_err *err);
void eff_table_quote(struct eff_buf *buf, eff_str name);
void eff_table_quote_table(struct eff_buf *buf, const struct eff_table_name *table);
/*
 * The request for a group: the statement for delivery->op, and its parameters in
 * this order: match values, present fields, old match values (rematch only).
 */
enum eff_fault eff_table_request(const struct eff_table_dest *dest,
                                 const struct eff_delivery *delivery,
                                 const struct eff_table_group *group, struct eff_arena *arena,
                                 struct eff_request *ret_request, struct eff_err *err);
/* The CREATE UNIQUE INDEX line that an upsert needs. */
eff_str eff_table_index_line(const struct eff_table_dest *dest, eff_str object,
                             struct eff_arena *arena);
/* Says that the unique index on the sync's match columns is missing. */
struct eff_step eff_table_no_index(const struct eff_table_dest *dest, eff_str object,
                                   struct eff_arena *arena, struct eff_err *err);

/* ---- sql_look.c ---- */
struct eff_step eff_table_describe(struct eff_table_dest *dest, struct eff_task *task,
                                   const struct eff_response *last, struct eff_err *err);
struct eff_step eff_table_read(struct eff_table_dest *dest, struct eff_task *task,
                               const struct eff_response *last, struct eff_err *err);

#endif
