/*
 * state/control_db: the few lines of SQLite that the control files share.
 *
 *     control.c         opening, syncs, runs and their plans
 *     control_batch.c   marks and verdicts of the batches of an open run
 *     control_ledger.c  rows that are not delivered, and approvals
 *     control_doubt.c   rows that may still be applied late
 *     control_pause.c   a state that is older than what was delivered, quotas that are used up
 *     control_forget.c  keys that were forgotten, and how often a row needed another idempotency key
 *     control_care.c    copying, checking and pruning
 *
 * Internal to the room. Statements are prepared once per text and kept.
 */
#ifndef EFF_STATE_CONTROL_DB_H
#define EFF_STATE_CONTROL_DB_H

#include <sqlite3.h>

#include "state/control.h"

#define EFF_CONTROL_STATEMENTS_MAX 64
#define EFF_CONTROL_FORMAT         4
#define EFF_CONTROL_FORGOTTEN      2 /* the format that has forgotten keys and incarnations */
#define EFF_CONTROL_DOUBTS         3
#define EFF_CONTROL_KEYS_MS        ((int64_t)30 * 24 * 3600 * 1000) /* no provider keeps keys so long */

struct eff_control {
    sqlite3 *db;
    bool read_only;
    int format;      /* of the file: EFF_CONTROL_FORMAT, or older when it is only read */
    bool has_ledger; /* some row may be in the ledger: settling looks there */
    bool has_doubts; /* likewise */
    const char *path;
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } kept[EFF_CONTROL_STATEMENTS_MAX];
};

/*
 * Binds by `types`, one letter an argument: s eff_str as text, b eff_str as blob
 * (both NULL when ptr is), i int64_t, k struct eff_hash128 as 16 bytes.
 */
enum eff_fault eff_control_query(struct eff_control *control, struct eff_err *err,
                                 sqlite3_stmt **ret_statement, const char *sql, const char *types,
                                 ...);
/* The same, stepped until it is done. */
enum eff_fault eff_control_exec(struct eff_control *control, struct eff_err *err, const char *sql,
                                const char *types, ...);
/* True when there is a row; at the end, or on an error (in ret_fault), the statement is reset. */
bool eff_control_row(struct eff_control *control, sqlite3_stmt *statement,
                     enum eff_fault *ret_fault, struct eff_err *err);
enum eff_fault eff_control_failed(struct eff_control *control, struct eff_err *err);

/* BEGIN IMMEDIATE; durable: the commit is fsynced. Then commit or roll back. */
enum eff_fault eff_control_begin(struct eff_control *control, bool durable, struct eff_err *err);
/* Commits when fault is EFF_OK, else rolls back and passes the fault on. */
enum eff_fault eff_control_end(struct eff_control *control, enum eff_fault fault,
                               struct eff_err *err);

eff_str eff_control_text(sqlite3_stmt *statement, int column, struct eff_arena *arena);
struct eff_hash128 eff_control_key(sqlite3_stmt *statement, int column);

#endif
