/*
 * flow/request: an effect that a destination wants, as data, and its answer.
 *
 * Destinations build requests and judge answers; they do no I/O. run hands a
 * request to os, the simulator hands it to a model of the world.
 */
#ifndef EFF_FLOW_REQUEST_H
#define EFF_FLOW_REQUEST_H

#include "base/err.h"
#include "base/oauth1.h"
#include "base/sigv4.h"
#include "base/str.h"
#include "flow/value.h"

struct eff_header {
    eff_str name;
    eff_str value;
};

#define EFF_REQUEST_URL_MAX 8192 /* what common servers take */

enum eff_request_kind { EFF_REQUEST_HTTP = 1, EFF_REQUEST_SQL, EFF_REQUEST_FILE, EFF_REQUEST_EXEC };

enum eff_sql_dialect { EFF_SQL_SQLITE = 1, EFF_SQL_POSTGRES, EFF_SQL_MYSQL };

/*
 * One transaction: `statement` once per row of parameters (?1 / $1 ...), and
 * `otherwise` (same parameters) for each row where it changed nothing. Without
 * rows of parameters (rows 0) the statement is a query whose result comes back
 * as cells; it may have one set of `columns` parameters. A statement names every
 * parameter that it gets: `otherwise` the first otherwise_columns of the row.
 */
struct eff_sql_request {
    enum eff_sql_dialect dialect;
    eff_str connect; /* path of the database, libpq connection string, or mysql:// URL */
    eff_str statement;
    eff_str otherwise; /* ptr == NULL: none */
    size_t rows, columns;
    size_t otherwise_columns;       /* 0: all */
    const struct eff_value *params; /* rows * columns */
    /*
     * 0: any. A row whose statement changes more records than this (two records
     * match) takes all back: status 400, sqlstate "21000" in every dialect.
     */
    int64_t changed_max;
};

/*
 * Bytes at an offset of a file that gets its name when it is finished. Without
 * bytes and finish it is a look. The answer's `rows` is the file's size in bytes.
 */
struct eff_file_request {
    eff_str path;    /* final path; until finished the bytes are in path + ".part" */
    uint64_t offset; /* finish: the size that it must have; UINT64_MAX: any */
    eff_str bytes;   /* written at offset, the file cut after them, fsynced */
    bool finish;     /* fsync, rename into place, fsync the folder; fine when already done */
};

/* One line for a user's program, which answers with one line: the answer's `body`. */
struct eff_exec_request {
    eff_str program; /* path */
    size_t args_count;
    const eff_str *args;
    eff_str line; /* with its line end */
    bool restart; /* what it said before made no sense: begin anew */
};

struct eff_request {
    enum eff_request_kind kind;
    bool writes;        /* may change something over there */
    bool carries_rows;  /* counts as one of `requests`; others are `calls_other` */
    bool keyed;         /* has an idempotency key */
    unsigned bucket;    /* which of the destination's limits it draws from, besides those for all */
    int64_t timeout_ms; /* whole exchange; 0: 60,000 */

    eff_str method, url; /* HTTP */
    size_t headers_count;
    const struct eff_header *headers; /* secrets among them are never logged */
    eff_str body;
    size_t answer_bytes_max; /* 0: 64 MiB; more is EFF_WIRE_LOST */
    unsigned inflates_max;   /* times that a compressed answer may grow; 0: 100; likewise */
    size_t hosts_count;      /* hosts that may be on loopback or private addresses: */
    const eff_str *hosts;    /* those that the project's own file names literally */
    bool metadata; /* to the cloud's metadata service, for a credential of this machine's own */
    const struct eff_sigv4
        *sign; /* NULL: none; signed when it leaves, for a signature has a date */
    const struct eff_oauth1 *oauth1; /* likewise */

    struct eff_sql_request sql;
    struct eff_file_request file;
    struct eff_exec_request exec;
};

enum eff_wire {
    EFF_WIRE_ANSWERED = 1, /* a complete answer */
    EFF_WIRE_NOT_SENT,     /* surely nothing was processed: DNS, refused, TLS, no byte written */
    EFF_WIRE_LOST,         /* anything else: may have been applied */
};

/* A row that the database refused on its own, while the rest of its request was committed. */
struct eff_refused_row {
    size_t row;
    eff_str sqlstate, problem;
};

struct eff_response {
    enum eff_wire wire;
    /*
     * NOT_SENT because we ourselves refuse it (an address that is not allowed, a
     * header with a line break): sending it again cannot help.
     */
    bool not_allowed;
    int status; /* HTTP status; SQL and FILE: 200, or 400 refused, 503 unavailable */
    size_t headers_count;
    const struct eff_header *headers; /* names in lower case */
    eff_str body;                     /* decompressed */
    int64_t now_wall_ms;              /* when it arrived, for Retry-After as a date */
    int64_t took_ms;
    eff_str
        problem; /* transport's or database's words when wire is not ANSWERED or status >= 400 */
    eff_str
        sqlstate; /* PostgreSQL's five characters; SQLite's extended code or MySQL's number as text */

    /* SQL: rows changed by each row of parameters, or the result of a query. */
    size_t rows;
    const int64_t *changed; /* -1: refused, and listed in order below */
    size_t refused_count;
    const struct eff_refused_row *refused;
    size_t columns;
    const eff_str *names;
    const struct eff_value *cells;
};

/* First header of that lower-case name, or EFF_STR_NONE. */
eff_str eff_response_header(const struct eff_response *response, eff_str name);
/* The last part of the path of such a header that is an address; the answer's bytes. */
eff_str eff_response_header_tail(const struct eff_response *response, eff_str name);
/*
 * Retry-After as seconds or as a date, in ms from now_wall_ms, never negative; -1: none or absurd
 * (not a time, or more than 31 days). A date is compared with the answer's own Date where it has
 * one, so that a wrong clock on either side makes nobody come early.
 */
int64_t eff_response_retry_after_ms(const struct eff_response *response);

#endif
