/*
 * state/control_ledger: every row that is not delivered, and approvals.
 */
#include "state/control_db.h"

/*
 * A refused row is tried again by each of the next three runs (most refusals are
 * mended within minutes), then after 5, 10, 20 ... minutes, at most a day apart.
 */
#define LEDGER_FREE_TRIES    3
#define LEDGER_FIRST_WAIT_MS ((int64_t)5 * 60 * 1000)
#define LEDGER_MOST_WAIT_MS  ((int64_t)24 * 60 * 60 * 1000)

static int64_t
ledger_wait_ms(uint32_t tries)
{
    unsigned shift = tries - LEDGER_FREE_TRIES - 1;

    if (tries <= LEDGER_FREE_TRIES)
        return 0;
    if (shift > 8)
        return LEDGER_MOST_WAIT_MS;
    return LEDGER_FIRST_WAIT_MS << shift;
}

static enum eff_fault
ledger_tries(struct eff_control *control, eff_str sync, struct eff_hash128 key, uint32_t *ret_tries,
             struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    *ret_tries = 0;
    EFF_TRY(eff_control_query(control, err, &s,
                              "SELECT tries FROM ledger WHERE sync = ?1 AND key = ?2", "sk", sync,
                              key));
    while (eff_control_row(control, s, &fault, err))
        *ret_tries = (uint32_t)sqlite3_column_int64(s, 0);
    return fault;
}

static enum eff_fault
ledger_put(struct eff_control *control, eff_str sync, const struct eff_ledger_row *row,
           bool was_tried, struct eff_err *err)
{
    uint32_t tries;

    EFF_TRY(ledger_tries(control, sync, row->key, &tries, err));
    tries += was_tried ? 1 : 0;
    control->has_ledger = true;
    return eff_control_exec(
        control, err,
        "INSERT INTO ledger (sync, key, state, key_json, rows, op, code, message, field, fault,"
        " sent, row_hash, first_seen, last, next_try, tries, run)"
        " VALUES (?1, ?2, ?3, ?4, max(?5, 1), ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?17, ?13, ?14, ?15, ?16)"
        " ON CONFLICT (sync, key) DO UPDATE SET state = ?3, key_json = ?4, op = ?6,"
        " rows = CASE WHEN ?5 > 0 THEN ?5 WHEN ledger.run IS ?16 THEN ledger.rows + 1 ELSE 1 END,"
        " code = ?7, message = ?8, field = ?9, fault = ?10, sent = ?11,"
        /* Under its key several contents were sent: it has none of them for sure. */
        " row_hash = CASE WHEN ledger.code = 'ambiguous' AND ledger.state = 4 AND ?3 = 4"
        " AND ledger.row_hash <> ?12 THEN 0 ELSE ?12 END,"
        " last = ?13, next_try = ?14, tries = ?15, run = ?16"
        /* What may have been created stays so, until it was sent and answered. */
        " WHERE ledger.code IS NOT 'ambiguous' OR ?7 = 'ambiguous' OR ?3 = 1",
        "skisiisssisiiiisi", sync, row->key, (int64_t)row->state, row->key_json, (int64_t)row->rows,
        (int64_t)row->op, row->code, row->message, row->field, (int64_t)row->fault, row->sent,
        (int64_t)row->row_hash, row->last_ms, row->last_ms + ledger_wait_ms(tries), (int64_t)tries,
        row->run, row->first_seen_ms ? row->first_seen_ms : row->last_ms);
}

enum eff_fault
eff_control_ledger_put(struct eff_control *control, eff_str sync, const struct eff_ledger_row *row,
                       bool was_tried, struct eff_err *err)
{
    if (!sqlite3_get_autocommit(control->db))
        return ledger_put(control, sync, row, was_tried, err);
    EFF_TRY(eff_control_begin(control, false, err));
    return eff_control_end(control, ledger_put(control, sync, row, was_tried, err), err);
}

enum eff_fault
eff_control_ledger_begin(struct eff_control *control, struct eff_err *err)
{
    return eff_control_begin(control, false, err);
}

enum eff_fault
eff_control_ledger_end(struct eff_control *control, enum eff_fault fault, struct eff_err *err)
{
    return eff_control_end(control, fault, err);
}

enum eff_fault
eff_control_ledger_keep(struct eff_control *control, eff_str sync, struct eff_hash128 key,
                        eff_str run, struct eff_err *err)
{
    return eff_control_exec(control, err, "UPDATE ledger SET run = ?3 WHERE sync = ?1 AND key = ?2",
                            "sks", sync, key, run);
}

#define LEDGER_COLUMNS                                                                             \
    "SELECT key, state, key_json, rows, op, code, message, field, fault, sent, row_hash,"          \
    " first_seen, last, next_try, tries, run FROM ledger"

static void
ledger_read(sqlite3_stmt *s, struct eff_arena *arena, struct eff_ledger_row *ret_row)
{
    *ret_row = (struct eff_ledger_row){
        .key = eff_control_key(s, 0),
        .state = (enum eff_ledger_state)sqlite3_column_int(s, 1),
        .key_json = eff_control_text(s, 2, arena),
        .rows = (uint64_t)sqlite3_column_int64(s, 3),
        .op = (enum eff_op)sqlite3_column_int(s, 4),
        .code = eff_control_text(s, 5, arena),
        .message = eff_control_text(s, 6, arena),
        .field = eff_control_text(s, 7, arena),
        .fault = (enum eff_fault)sqlite3_column_int(s, 8),
        .sent = eff_control_text(s, 9, arena),
        .row_hash = (uint64_t)sqlite3_column_int64(s, 10),
        .first_seen_ms = sqlite3_column_int64(s, 11),
        .last_ms = sqlite3_column_int64(s, 12),
        .next_try_ms = sqlite3_column_int64(s, 13),
        .tries = (uint32_t)sqlite3_column_int64(s, 14),
        .run = eff_control_text(s, 15, arena),
    };
}

enum eff_fault
eff_control_ledger_get(struct eff_control *control, eff_str sync, struct eff_hash128 key,
                       struct eff_arena *arena, bool *ret_found, struct eff_ledger_row *ret_row,
                       struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    *ret_found = false;
    EFF_TRY(eff_control_query(control, err, &s, LEDGER_COLUMNS " WHERE sync = ?1 AND key = ?2",
                              "sk", sync, key));
    while (eff_control_row(control, s, &fault, err)) {
        *ret_found = true;
        ledger_read(s, arena, ret_row);
    }
    return fault;
}

enum eff_fault
eff_control_ledger_each(struct eff_control *control, eff_str sync, enum eff_ledger_state state,
                        struct eff_arena *arena,
                        bool (*each)(void *self, const struct eff_ledger_row *row), void *self,
                        struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    EFF_TRY(eff_control_query(control, err, &s,
                              LEDGER_COLUMNS " WHERE sync = ?1 AND (?2 = 0 OR state = ?2)"
                                             " ORDER BY first_seen, key",
                              "si", sync, (int64_t)state));
    while (eff_control_row(control, s, &fault, err)) {
        struct eff_arena row_arena = *arena;
        struct eff_ledger_row row;

        ledger_read(s, &row_arena, &row);
        if (!each(self, &row)) {
            sqlite3_reset(s);
            break;
        }
    }
    return fault;
}

static enum eff_fault
ledger_keys(struct eff_control *control, eff_str sync, const char *sql, eff_str code,
            int64_t since_ms, struct eff_arena *arena, size_t *ret_count,
            struct eff_hash128 **ret_keys, struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    *ret_count = 0;
    EFF_TRY(eff_control_query(control, err, &s, sql, "ssi", sync, code, since_ms));
    while (eff_control_row(control, s, &fault, err)) {
        if (*ret_count == 0)
            *ret_keys = eff_new(arena, struct eff_hash128, (size_t)sqlite3_column_int64(s, 1));
        (*ret_keys)[(*ret_count)++] = eff_control_key(s, 0);
    }
    return fault;
}

enum eff_fault
eff_control_ledger_keys(struct eff_control *control, eff_str sync, eff_str code, int64_t since_ms,
                        struct eff_arena *arena, size_t *ret_count, struct eff_hash128 **ret_keys,
                        struct eff_err *err)
{
    return ledger_keys(control, sync,
                       "SELECT key, count(*) OVER () FROM ledger WHERE sync = ?1"
                       " AND code = ?2 AND last > ?3 AND next_try > 0",
                       code, since_ms, arena, ret_count, ret_keys, err);
}

enum eff_fault
eff_control_ledger_doubtful(struct eff_control *control, eff_str sync, struct eff_arena *arena,
                            size_t *ret_count, struct eff_hash128 **ret_keys, struct eff_err *err)
{
    return ledger_keys(control, sync,
                       "SELECT key, count(*) OVER () FROM ledger WHERE sync = ?1"
                       " AND code = ?2 AND last > ?3",
                       EFF_STR("ambiguous"), INT64_MIN, arena, ret_count, ret_keys, err);
}

enum eff_fault
eff_control_ledger_drop(struct eff_control *control, eff_str sync, struct eff_hash128 key,
                        struct eff_err *err)
{
    return eff_control_exec(control, err, "DELETE FROM ledger WHERE sync = ?1 AND key = ?2", "sk",
                            sync, key);
}

enum eff_fault
eff_control_ledger_count(struct eff_control *control, eff_str sync,
                         uint64_t ret_counts[EFF_LEDGER_PENDING + 1], struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    memset(ret_counts, 0, sizeof(uint64_t) * (EFF_LEDGER_PENDING + 1));
    EFF_TRY(eff_control_query(control, err, &s,
                              "SELECT state, sum(rows) FROM ledger WHERE sync = ?1 GROUP BY state",
                              "s", sync));
    while (eff_control_row(control, s, &fault, err)) {
        int state = sqlite3_column_int(s, 0);

        if (state >= EFF_LEDGER_REJECTED && state <= EFF_LEDGER_PENDING)
            ret_counts[state] = (uint64_t)sqlite3_column_int64(s, 1);
        control->has_ledger = true;
    }
    return fault;
}

enum eff_fault
eff_control_ledger_due(struct eff_control *control, eff_str sync, int64_t now_ms,
                       uint64_t *ret_rows, struct eff_err *err)
{
    enum eff_fault fault;

    EFF_TRY(eff_control_begin(control, true, err));
    /* Somebody has looked: what is held as perhaps created is another create from now on. */
    fault = eff_control_exec(
        control, err,
        "INSERT INTO incarnation (sync, key, number, at)"
        " SELECT sync, key, 1, ?2 FROM ledger WHERE sync = ?1 AND state = 2 AND code = 'ambiguous'"
        " ON CONFLICT (sync, key) DO UPDATE SET number = number + 1, at = ?2",
        "si", sync, now_ms);
    if (fault == EFF_OK)
        fault = eff_control_exec(
            control, err,
            "UPDATE ledger SET next_try = 0, tries = 0, code = CASE state WHEN 2 THEN 'retry'"
            " ELSE code END, state = CASE state WHEN 2 THEN 4 ELSE state END WHERE sync = ?1",
            "s", sync);
    *ret_rows = (uint64_t)sqlite3_changes64(control->db);
    return eff_control_end(control, fault, err);
}

/* ---- approvals ---- */

enum eff_fault
eff_control_approve(struct eff_control *control, eff_str sync, eff_str digest, int64_t until_ms,
                    struct eff_err *err)
{
    EFF_TRY(eff_control_begin(control, true, err));
    return eff_control_end(
        control,
        eff_control_exec(control, err,
                         "INSERT INTO approval (sync, digest, until) VALUES (?1, ?2, ?3)"
                         " ON CONFLICT (sync, digest) DO UPDATE SET until = ?3",
                         "ssi", sync, digest, until_ms),
        err);
}

enum eff_fault
eff_control_approved(struct eff_control *control, eff_str sync, eff_str digest, int64_t now_ms,
                     bool use_up, bool *ret_approved, struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    *ret_approved = false;
    EFF_TRY(eff_control_query(
        control, err, &s, "SELECT 1 FROM approval WHERE sync = ?1 AND digest = ?2 AND until > ?3",
        "ssi", sync, digest, now_ms));
    while (eff_control_row(control, s, &fault, err))
        *ret_approved = true;
    EFF_TRY(fault);
    if (!*ret_approved || !use_up)
        return EFF_OK;
    EFF_TRY(eff_control_begin(control, true, err));
    return eff_control_end(control,
                           eff_control_exec(control, err,
                                            "DELETE FROM approval WHERE sync = ?1 AND digest = ?2",
                                            "ss", sync, digest),
                           err);
}
