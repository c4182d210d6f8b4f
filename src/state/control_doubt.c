/*
 * state/control_doubt: rows that may still be applied long after their answer was lost.
 *
 * A row is kept as the hash of what was sent (0: a removal), so that the same values sent again
 * are told from others: over the same ones a late request changes nothing.
 */
#include "state/control_db.h"

static enum eff_fault
doubt_number(struct eff_control *control, const char *sql, eff_str sync, int64_t *ret_number,
             struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    EFF_TRY(eff_control_query(control, err, &s, sql, "s", sync));
    while (eff_control_row(control, s, &fault, err))
        *ret_number = sqlite3_column_int64(s, 0);
    return fault;
}

static enum eff_fault
doubt_sweep(struct eff_control *control, eff_str sync, int64_t now_ms, int64_t late_ms,
            struct eff_err *err)
{
    EFF_TRY(eff_control_exec(control, err,
                             "UPDATE doubt SET until = ?2 WHERE sync = ?1 AND until > ?2", "si",
                             sync, now_ms + late_ms));
    return eff_control_exec(control, err, "DELETE FROM doubt WHERE sync = ?1 AND until <= ?2", "si",
                            sync, now_ms);
}

enum eff_fault
eff_control_doubts(struct eff_control *control, eff_str sync, bool *ret_any, struct eff_err *err)
{
    int64_t any = 0;

    if (control && control->format >= EFF_CONTROL_DOUBTS)
        EFF_TRY(doubt_number(control, "SELECT EXISTS (SELECT 1 FROM doubt WHERE sync = ?1)", sync,
                             &any, err));
    *ret_any = any != 0;
    return EFF_OK;
}

enum eff_fault
eff_control_doubts_sweep(struct eff_control *control, eff_str sync, int64_t now_ms, int64_t late_ms,
                         struct eff_err *err)
{
    EFF_TRY(eff_control_doubts(control, sync, &control->has_doubts, err));
    if (!control->has_doubts)
        return EFF_OK;
    EFF_TRY(eff_control_begin(control, false, err));
    EFF_TRY(eff_control_end(control, doubt_sweep(control, sync, now_ms, late_ms, err), err));
    return eff_control_doubts(control, sync, &control->has_doubts, err);
}

enum eff_fault
eff_control_doubted(struct eff_control *control, eff_str sync, struct eff_hash128 key, uint64_t row,
                    int64_t *ret_until_ms, struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    *ret_until_ms = 0;
    EFF_TRY(eff_control_query(control, err, &s,
                              "SELECT max(until) FROM doubt WHERE sync = ?1 AND key = ?2"
                              " AND row <> ?3",
                              "ski", sync, key, (int64_t)row));
    while (eff_control_row(control, s, &fault, err))
        *ret_until_ms = sqlite3_column_int64(s, 0);
    return fault;
}

enum eff_fault
eff_control_doubt_waits(struct eff_control *control, eff_str sync, struct eff_hash128 key,
                        uint64_t row, int64_t now_ms, int64_t *ret_until_ms, struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    *ret_until_ms = 0;
    EFF_TRY(eff_control_query(control, err, &s,
                              "SELECT CASE WHEN min(known IS ?3) = 1 THEN max(until) END FROM doubt"
                              " WHERE sync = ?1 AND key = ?2 AND row <> ?3 AND until > ?4",
                              "skii", sync, key, (int64_t)row, now_ms));
    while (eff_control_row(control, s, &fault, err))
        *ret_until_ms = sqlite3_column_int64(s, 0);
    return fault;
}

enum eff_fault
eff_control_doubt_unknown(struct eff_control *control, eff_str sync, struct eff_hash128 key,
                          struct eff_err *err)
{
    return eff_control_exec(control, err,
                            "UPDATE doubt SET known = NULL WHERE sync = ?1 AND key = ?2", "sk",
                            sync, key);
}

static bool
doubt_maybe(const struct eff_verdict *verdict)
{
    return verdict->maybe || verdict->outcome == EFF_MAYBE_APPLIED;
}

static bool
doubt_applied(const struct eff_verdict *verdict)
{
    return verdict->outcome == EFF_APPLIED || verdict->outcome == EFF_TAKEN;
}

/* What is known over there: the values that were acknowledged last, unless others came since. */
static enum eff_fault
doubt_known(struct eff_control *control, eff_str sync, const struct eff_acknowledged *ack,
            bool applied, struct eff_err *err)
{
    if (!applied)
        return eff_control_doubt_unknown(control, sync, ack->key, err);
    return eff_control_exec(control, err,
                            "UPDATE doubt SET known = ?3 WHERE sync = ?1 AND key = ?2", "ski", sync,
                            ack->key, (int64_t)ack->row);
}

static enum eff_fault
doubt_rows(struct eff_control *control, eff_str sync, const struct eff_delivery *delivery,
           const struct eff_acknowledged *acks, int64_t until_ms, struct eff_err *err)
{
    for (size_t i = 0; i < delivery->count; i++) {
        const struct eff_verdict *verdict = &delivery->items[i].verdict;

        if (doubt_maybe(verdict))
            EFF_TRY(eff_control_exec(control, err,
                                     "INSERT INTO doubt (sync, key, row, until)"
                                     " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (sync, key, row)"
                                     " DO UPDATE SET until = max(until, ?4)",
                                     "skii", sync, acks[i].key, (int64_t)acks[i].row, until_ms));
        if (doubt_maybe(verdict) || doubt_applied(verdict))
            EFF_TRY(doubt_known(control, sync, &acks[i], doubt_applied(verdict), err));
    }
    return EFF_OK;
}

enum eff_fault
eff_control_doubt(struct eff_control *control, eff_str sync, const struct eff_delivery *delivery,
                  const struct eff_acknowledged *acks, int64_t until_ms, struct eff_err *err)
{
    bool any = control->has_doubts;

    for (size_t i = 0; i < delivery->count; i++) {
        struct eff_verdict *verdict = &delivery->items[i].verdict;

        any = any || doubt_maybe(verdict);
        if (control->has_doubts && doubt_applied(verdict))
            EFF_TRY(eff_control_doubted(control, sync, acks[i].key, acks[i].row, &verdict->doubt_ms,
                                        err));
    }
    if (!any)
        return EFF_OK;
    EFF_TRY(eff_control_begin(control, false, err));
    return eff_control_end(control, doubt_rows(control, sync, delivery, acks, until_ms, err), err);
}
