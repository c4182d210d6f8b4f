/*
 * state/control_forget: keys that were forgotten, so that their rows stay out; and how often a
 * row needed another idempotency key.
 *
 * What is kept is the key's hash under the sync's own secret: it tells the row when it
 * comes again, and nobody who does not have the secret whose it was.
 */
#include <stdlib.h>

#include "state/control_db.h"

/* Of reports, codes and counts stay; which of their words name the row, nobody can tell. */
static enum eff_fault
forget_words(struct eff_control *control, eff_str sync, struct eff_err *err)
{
    return eff_control_exec(
        control, err,
        "UPDATE run SET report = json_set(report, '$.problems', (SELECT json_group_array("
        "json_remove(json_set(value, '$.message', ?2), '$.hint')) FROM json_each(report,"
        " '$.problems'))) WHERE sync = ?1 AND json_array_length(report, '$.problems') > 0",
        "ss", sync, EFF_STR("the words were taken out when a row was forgotten"));
}

static enum eff_fault
forget_keys(struct eff_control *control, eff_str sync, const struct eff_hash128 *keys, size_t count,
            int64_t now_ms, struct eff_err *err)
{
    for (size_t i = 0; i < count; i++) {
        EFF_TRY(eff_control_exec(
            control, err, "INSERT OR IGNORE INTO forgotten (sync, key, at) VALUES (?1, ?2, ?3)",
            "ski", sync, keys[i], now_ms));
        EFF_TRY(eff_control_exec(control, err, "DELETE FROM ledger WHERE sync = ?1 AND key = ?2",
                                 "sk", sync, keys[i]));
        EFF_TRY(eff_control_exec(control, err, "DELETE FROM doubt WHERE sync = ?1 AND key = ?2",
                                 "sk", sync, keys[i]));
        EFF_TRY(eff_control_exec(control, err, "DELETE FROM used WHERE sync = ?1 AND key = ?2",
                                 "sk", sync, keys[i]));
    }
    return forget_words(control, sync, err);
}

enum eff_fault
eff_control_forget(struct eff_control *control, eff_str sync, const struct eff_hash128 *keys,
                   size_t count, int64_t now_ms, struct eff_err *err)
{
    EFF_TRY(eff_control_begin(control, true, err));
    return eff_control_end(control, forget_keys(control, sync, keys, count, now_ms, err), err);
}

/* SQLite cuts its log without an fsync: the old one would be back after a power loss. */
static enum eff_fault
forget_log(struct eff_control *control, struct eff_os *os, struct eff_arena scratch,
           struct eff_err *err)
{
    eff_str path = eff_str_printf(&scratch, "%s-wal", control->path);
    struct eff_file *file;
    enum eff_fault fault;

    if (!os->exists(os->self, path.ptr))
        return EFF_OK;
    EFF_TRY(os->open(os->self, path.ptr, EFF_OPEN_WRITE, &file, err));
    fault = os->sync(file, err);
    os->close(file);
    return fault;
}

enum eff_fault
eff_control_squeeze(struct eff_control *control, struct eff_os *os, struct eff_arena scratch,
                    struct eff_err *err)
{
    sqlite3_stmt *statement;
    enum eff_fault fault = EFF_OK;
    bool busy = false;

    /*
     * What SQLite moves from page to page it does not wipe where it was: all pages are written anew,
     * by way of memory, because its own files lie in a folder that is everybody's.
     */
    EFF_TRY(eff_control_exec(control, err, "PRAGMA temp_store = MEMORY", ""));
    EFF_TRY(eff_control_exec(control, err, "VACUUM", ""));
    EFF_TRY(eff_control_query(control, err, &statement, "PRAGMA wal_checkpoint(TRUNCATE)", ""));
    while (eff_control_row(control, statement, &fault, err))
        busy = sqlite3_column_int(statement, 0) != 0;
    EFF_TRY(fault);
    if (!busy)
        return forget_log(control, os, scratch, err);
    EFF_FAIL(err, EFF_TRANSIENT, "another process is reading the state %s, so its log stays",
             control->path);
    return eff_err_hint(err, "Repeat the command when nothing else runs.");
}

/* ---- incarnations ---- */

static enum eff_fault
incarnate_rows(struct eff_control *control, eff_str sync, const struct eff_delivery *delivery,
               int64_t now_ms, struct eff_err *err)
{
    EFF_TRY(eff_control_exec(control, err, "DELETE FROM incarnation WHERE at < ?1", "i",
                             now_ms - EFF_CONTROL_KEYS_MS));
    for (size_t i = 0; i < delivery->count; i++) {
        const struct eff_verdict *verdict = &delivery->items[i].verdict;
        bool removed = delivery->op == EFF_OP_DELETE || delivery->op == EFF_OP_ARCHIVE;

        if (!verdict->absent && !(removed && verdict->outcome == EFF_APPLIED))
            continue;
        EFF_TRY(eff_control_exec(
            control, err,
            "INSERT INTO incarnation (sync, key, number, at) VALUES (?1, ?2, 1, ?3)"
            " ON CONFLICT (sync, key) DO UPDATE SET number = number + 1, at = ?3",
            "ski", sync, delivery->items[i].key, now_ms));
    }
    return EFF_OK;
}

enum eff_fault
eff_control_incarnate(struct eff_control *control, eff_str sync,
                      const struct eff_delivery *delivery, int64_t now_ms, struct eff_err *err)
{
    EFF_TRY(eff_control_begin(control, true, err));
    return eff_control_end(control, incarnate_rows(control, sync, delivery, now_ms, err), err);
}

enum eff_fault
eff_control_incarnation(struct eff_control *control, eff_str sync, struct eff_hash128 key,
                        uint64_t *ret_number, struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    *ret_number = 0;
    if (!control || control->format < EFF_CONTROL_FORGOTTEN)
        return EFF_OK;
    EFF_TRY(eff_control_query(control, err, &s,
                              "SELECT number FROM incarnation WHERE sync = ?1 AND key = ?2", "sk",
                              sync, key));
    while (eff_control_row(control, s, &fault, err))
        *ret_number = (uint64_t)sqlite3_column_int64(s, 0);
    return fault;
}

enum eff_fault
eff_control_key_used(struct eff_control *control, eff_str sync, struct eff_hash128 key,
                     int64_t *ret_since_ms, struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    *ret_since_ms = 0;
    EFF_TRY(eff_control_query(
        control, err, &s, "SELECT since FROM used WHERE sync = ?1 AND key = ?2", "sk", sync, key));
    while (eff_control_row(control, s, &fault, err))
        *ret_since_ms = sqlite3_column_int64(s, 0);
    return fault;
}

/* ---- reading what was forgotten ---- */

static int
forget_order(const void *a, const void *b)
{
    return eff_hash128_cmp(*(const struct eff_hash128 *)a, *(const struct eff_hash128 *)b);
}

enum eff_fault
eff_control_forgotten(struct eff_control *control, eff_str sync, struct eff_arena *arena,
                      size_t *ret_count, struct eff_hash128 **ret_keys, struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;
    size_t room = 0, count = 0;

    *ret_count = 0;
    *ret_keys = NULL;
    if (!control || control->format < EFF_CONTROL_FORGOTTEN) /* a plan from before there were any */
        return EFF_OK;
    EFF_TRY(eff_control_query(control, err, &s, "SELECT count(*) FROM forgotten WHERE sync = ?1",
                              "s", sync));
    while (eff_control_row(control, s, &fault, err))
        room = (size_t)sqlite3_column_int64(s, 0);
    EFF_TRY(fault);
    *ret_keys = eff_new(arena, struct eff_hash128, room);
    EFF_TRY(eff_control_query(control, err, &s, "SELECT key FROM forgotten WHERE sync = ?1", "s",
                              sync));
    while (eff_control_row(control, s, &fault, err))
        if (count < room) /* the sync is locked: nobody adds to it meanwhile, but for a plan */
            (*ret_keys)[count++] = eff_control_key(s, 0);
    qsort(*ret_keys, count, sizeof **ret_keys, forget_order);
    *ret_count = count;
    return fault;
}
