/*
 * os/sql_mysql: what the files of the MySQL executor share. Private to os/.
 *
 * MariaDB's client library is loaded at run time (libmariadb.so.3); it speaks to
 * MariaDB and MySQL servers. Declared here from the reference of Connector/C, so
 * that neither building nor starting Efferent needs it. Handles are opaque.
 */
#ifndef EFF_OS_SQL_MYSQL_H
#define EFF_OS_SQL_MYSQL_H

#include "os/sql.h"
#include "os/watch.h"

enum { /* enum mysql_option */
       MYSQL_CONNECT_TIMEOUT = 0,
       MYSQL_CHARSET_NAME = 7,
       MYSQL_LOCAL_INFILE = 8,
       MYSQL_READ_TIMEOUT = 11,
       MYSQL_WRITE_TIMEOUT = 12,
       MYSQL_SSL_VERIFY = 21,
       MYSQL_SSL_CA = 27,
       MYSQL_SSL_ENFORCE = 38,
};

enum { /* client flags of the handshake */
       MYSQL_FOUND_ROWS = 2,
       MYSQL_MULTI_STATEMENTS = 1 << 16,
};

enum { /* enum enum_field_types, as far as they matter */
       MYSQL_TINY = 1,
       MYSQL_SHORT = 2,
       MYSQL_LONG = 3,
       MYSQL_FLOAT = 4,
       MYSQL_DOUBLE = 5,
       MYSQL_TIMESTAMP = 7,
       MYSQL_LONGLONG = 8,
       MYSQL_INT24 = 9,
       MYSQL_DATE = 10,
       MYSQL_TIME = 11,
       MYSQL_DATETIME = 12,
       MYSQL_YEAR = 13,
       MYSQL_BIT = 16,
       MYSQL_JSON = 245,
       MYSQL_DECIMAL = 246,
};

#define MYSQL_CHARSET_BINARY 63

struct mysql_field { /* MYSQL_FIELD */
    char *name, *org_name, *table, *org_table, *db, *catalog, *def;
    unsigned long length, max_length;
    unsigned name_length, org_name_length, table_length, org_table_length, db_length;
    unsigned catalog_length, def_length;
    unsigned flags, decimals, charset;
    int type;
    void *extension;
};

#define EFF_MYSQL_FUNCTIONS(X)                                                                     \
    X(void *, init, (void *conn))                                                                  \
    X(int, options, (void *conn, int option, const void *value))                                   \
    X(void *, real_connect,                                                                        \
      (void *conn, const char *host, const char *user, const char *password, const char *database, \
       unsigned port, const char *unix_socket, unsigned long flags))                               \
    X(void, close, (void *conn))                                                                   \
    X(unsigned, errno, (void *conn))                                                               \
    X(const char *, error, (void *conn))                                                           \
    X(unsigned long, thread_id, (void *conn))                                                      \
    X(int, get_socket, (void *conn))                                                               \
    X(const char *, sqlstate, (void *conn))                                                        \
    X(int, real_query, (void *conn, const char *sql, unsigned long len))                           \
    X(int, next_result, (void *conn))                                                              \
    X(unsigned long long, affected_rows, (void *conn))                                             \
    X(unsigned, warning_count, (void *conn))                                                       \
    X(unsigned, field_count, (void *conn))                                                         \
    X(void *, store_result, (void *conn))                                                          \
    X(void, free_result, (void *result))                                                           \
    X(unsigned long long, num_rows, (void *result))                                                \
    X(struct mysql_field *, fetch_fields, (void *result))                                          \
    X(char **, fetch_row, (void *result))                                                          \
    X(unsigned long *, fetch_lengths, (void *result))

struct mysql_api { /* the member `close` is mysql_close, and so on */
#define EFF_MYSQL_MEMBER(ret, name, args) ret(*name##_) args;
    EFF_MYSQL_FUNCTIONS(EFF_MYSQL_MEMBER)
#undef EFF_MYSQL_MEMBER
};

/* ---- sql_mysql_api.c ---- */
/* NULL, with the reason in ret_why: it is looked for in $EFFERENT_MARIADB, else as the system does. */
const struct mysql_api *eff_mysql_load(char *ret_why, size_t cap);

/* mysql://user:password@host:port/database?tls=verify&ca=FILE&socket=FILE */
struct mysql_place {
    const char *host, *user, *password, *database, *socket, *ca; /* NULL: not given */
    unsigned port;                                               /* 0: not given */
    bool tls, verify;
};

/* NULL when it is well formed, else what is wrong with it. */
const char *eff_mysql_place(eff_str url, struct eff_arena *arena, struct mysql_place *ret_place);

/* ---- sql_mysql_stop.c ---- */
/* Ends a statement of another connection when the user asks to stop: the library only waits. */
struct mysql_stop {
    struct eff_watch watch;
    struct eff_sql *sql;
    const struct mysql_api *api;
    const struct mysql_place *place;
    unsigned long connection;
    int socket;
    unsigned heard; /* how often it was asked to, every 200 ms */
    bool killed;
};

void eff_mysql_stop_start(struct mysql_stop *stop);
/* From here on no statement is ended; true when one was, so that nothing must be committed. */
bool eff_mysql_stop_end(struct mysql_stop *stop);

/* ---- sql_mysql_text.c ---- */
struct mysql_piece { /* text up to a parameter, then that parameter; 0: none, the end */
    eff_str text;
    size_t param;
};

/* Takes a statement apart at ?1, ?2, ... outside of quotes. NULL: answered as too large. */
const struct mysql_piece *eff_mysql_pieces(struct eff_sql *sql, eff_str statement);
/* The statement with the values of one row as literals. */
void eff_mysql_row(struct eff_buf *buf, const struct mysql_piece *pieces,
                   const struct eff_value *row);
/* False, answered, when a literal cannot say one of the values. */
bool eff_mysql_check_values(struct eff_sql *sql, size_t count, const struct eff_value *values);
/* One cell of a result. False: answered as too large. */
bool eff_mysql_cell(struct eff_sql *sql, const struct mysql_field *field, eff_str text,
                    struct eff_value *ret_value);

#endif
