/*
 * source/postgres_conn: a libpq connection, and its faults in our words. Private to source/.
 *
 * Nothing here ever shows the connection string: it may hold a password.
 */
#ifndef EFF_SOURCE_POSTGRES_CONN_H
#define EFF_SOURCE_POSTGRES_CONN_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "os/os.h"

/* The user's SQL as it lies in what was sent, so that positions can be told in his terms. */
struct eff_pg_sql {
    eff_str sql;
    size_t offset; /* characters before it */
};

/*
 * A connection whose answers are waited for with an ear for a request to stop: then the
 * statement is cancelled, and a server that does not even react to that is hung up on.
 */
struct eff_pg_peer {
    PGconn *conn;
    PGcancel *canceller;
    struct eff_os *os;
    int64_t cancelled_ms; /* mono; 0: not yet */
    bool copying;         /* it was asked for a COPY, whose end has not come */
};

#define EFF_PG_PEERS_MAX 8 /* waited for at a time */

void eff_pg_cancel(struct eff_pg_peer *peer);
/* The next result, as PQgetResult; the last of a command that was sent, as PQexec. */
PGresult *eff_pg_result(struct eff_pg_peer *peer);
PGresult *eff_pg_last(struct eff_pg_peer *peer, int sent);
/*
 * As PQgetCopyData: length, -1 at the end, -2 at a fault; of whichever of the peers that are
 * copying, at least one, has a message. *at: that peer, and where the next call looks first.
 */
int eff_pg_copy_data(struct eff_pg_peer *peers, size_t count, size_t *at, char **ret_message);

/* The value of an option, before libpq tells what it takes for a host, or for a port. */
enum eff_fault eff_pg_check_url(const char *option, const char *url, struct eff_err *err);
enum eff_fault eff_pg_connect(eff_str url, int64_t timeout_ms, struct eff_os *os,
                              struct eff_arena *run, PGconn **ret_conn, struct eff_err *err);
/* Takes and clears result, which may be NULL (then the connection tells why). Always a fault. */
enum eff_fault eff_pg_fault(PGconn *conn, PGresult *result, const struct eff_pg_sql *sql,
                            struct eff_err *err);
/* Runs commands without a result. */
enum eff_fault eff_pg_exec(struct eff_pg_peer *peer, const char *commands, struct eff_err *err);
/* The fault that a SQLSTATE stands for. */
enum eff_fault eff_pg_fault_of(const char *sqlstate);

#endif
