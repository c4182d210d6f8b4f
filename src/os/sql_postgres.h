/*
 * os/sql_postgres: what the files of the PostgreSQL executor share. Private to os/.
 *
 * Functions that return false, or NULL, have written the answer.
 */
#ifndef EFF_OS_SQL_POSTGRES_H
#define EFF_OS_SQL_POSTGRES_H

#include <libpq-fe.h>

#include "os/sql.h"

struct postgres_link {
    struct postgres_link *next;
    eff_str connect; /* in the process arena */
    PGconn *conn;
    int64_t deadline_ms;
    bool lost;       /* the connection is of no use any more */
    bool committing; /* must not be cancelled: nobody would know what became of it */
    bool cancelled;
};

enum postgres_array { /* what a parameter's type says about a JSON array */
                      POSTGRES_ARRAY_NONE = 0,
                      POSTGRES_ARRAY,
                      POSTGRES_ARRAY_OF_JSON,
};

/* The rows of one phase on their way: which, and where their results go. */
struct postgres_rows {
    const struct eff_sql_request *request;
    int64_t *changed;                /* -1: refused */
    struct eff_refused_row *refused; /* by row; NULL: none so far */
    bool second;                     /* only rows that changed nothing so far */
    const char **values;
    size_t *offsets;
    bool has_arrays;             /* some value is a JSON array */
    enum postgres_array *arrays; /* by parameter, once the statement was described */
};

/* ---- sql_postgres_link.c ---- */
/* The link of the request's connect string, open or not. */
struct postgres_link *eff_postgres_link(struct eff_sql *sql, const struct eff_sql_request *request,
                                        int64_t deadline_ms);
bool eff_postgres_connect(struct eff_sql *sql, struct postgres_link *link);
void eff_postgres_link_close(struct postgres_link *link);
/* why NULL: libpq says it. */
bool eff_postgres_lost(struct eff_sql *sql, struct postgres_link *link, const char *why);

/* One command without parameters; a Sync; BEGIN and the settings, which are two commands. */
bool eff_postgres_send(struct eff_sql *sql, struct postgres_link *link, const char *command);
bool eff_postgres_sync(struct eff_sql *sql, struct postgres_link *link);
bool eff_postgres_send_begin(struct eff_sql *sql, struct postgres_link *link, const char *begin);

/*
 * The result of the next command of the pipeline. NULL: the connection is lost, or the answer
 * says what was refused: the first refusal, which is the cause of the others.
 */
PGresult *eff_postgres_command(struct eff_sql *sql, struct postgres_link *link);
bool eff_postgres_expect(struct eff_sql *sql, struct postgres_link *link, size_t commands);
bool eff_postgres_take_sync(struct eff_sql *sql, struct postgres_link *link);
/* Reads up to the end of the pipeline after a refusal. */
bool eff_postgres_drain(struct eff_sql *sql, struct postgres_link *link);

/* ---- sql_postgres_values.c ---- */
bool eff_postgres_check_values(struct eff_sql *sql, const struct eff_sql_request *request);
/* Fills rows->values with one row. */
bool eff_postgres_values(struct eff_sql *sql, const struct postgres_rows *rows,
                         const struct eff_value *row, size_t columns);
/* Is any value of the request a JSON array, which a column of arrays would not take as it is? */
bool eff_postgres_has_arrays(const struct eff_sql_request *request);
/* [1,null,["a"]] as {1,NULL,{"a"}}. False: it is none that PostgreSQL could hold. */
bool eff_postgres_array_text(struct eff_buf *buf, eff_str json, enum postgres_array array,
                             struct eff_arena scratch);

#endif
