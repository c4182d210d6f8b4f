/*
 * run/verbs_forget: takes a person out of all that is kept of a sync, and keeps them out.
 *
 * First the keys' hashes are noted, durably: whatever happens after that, the row does
 * not come in again, and the command can be repeated. With that its lines go, and the words of all
 * problems in the reports that are kept: they often name a row or a value. Then the snapshot and its
 * identities are written anew without the key, the histories too, and the control
 * database's log is emptied. The record over there is not touched.
 */
#include "base/clock.h"
#include "base/crash.h"
#include "run/verbs.h"
#include "state/changes.h"
#include "state/history.h"

struct forgetting {
    struct eff_verbs *verbs;
    size_t count; /* forms of the key */
    struct eff_hash128 *keys;
    uint64_t snapshot, ledger, history; /* entries found, or taken out */
};

/* All forms are wanted: which type the column will have is not known, so none is "found". */
static enum eff_fault
forget_collect(void *self, struct eff_hash128 key, bool *ret_found, struct eff_err *err)
{
    struct forgetting *f = self;

    (void)err;
    *ret_found = false;
    f->keys[f->count++] = key;
    return EFF_OK;
}

static enum eff_fault
forget_count(struct forgetting *f, struct eff_err *err)
{
    struct eff_verbs *v = f->verbs;

    for (size_t i = 0; i < f->count; i++) {
        struct eff_arena scratch = *v->arena;
        struct eff_history_row *history;
        struct eff_ledger_row row;
        struct eff_entry entry;
        size_t records;
        bool found;

        EFF_TRY(eff_snapshot_find(v->snapshot, f->keys[i], &found, &entry, &scratch, NULL, err));
        f->snapshot += found;
        EFF_TRY(eff_control_ledger_get(v->control, v->sync->name, f->keys[i], &scratch, &found,
                                       &row, err));
        f->ledger += found;
        EFF_TRY(eff_history_find(v->os, v->folder, f->keys[i], 1000, &scratch, &records, &history,
                                 err));
        f->history += records;
    }
    return EFF_OK;
}

static enum eff_fault
forget_snapshot(struct forgetting *f, struct eff_err *err)
{
    struct eff_verbs *v = f->verbs;
    const struct eff_snapshot_head *old = eff_snapshot_head(v->snapshot);
    struct eff_snapshot_writer *writer;
    struct eff_snapshot_head head;
    enum eff_fault fault = EFF_OK;

    if (f->snapshot > 0) {
        EFF_TRY(eff_snapshot_writer_open(v->os, v->folder, v->snapshot, old->columns,
                                         old->columns_count, old->identities,
                                         (size_t)v->sync->memory_bytes, v->arena, &writer, err));
        for (size_t i = 0; i < f->count && fault == EFF_OK; i++)
            fault = eff_snapshot_remove(writer, f->keys[i], err);
        if (fault == EFF_OK)
            fault = eff_snapshot_commit(writer, &head, err);
        eff_snapshot_writer_close(writer);
    }
    return fault;
}

static enum eff_fault
forget_history(struct forgetting *f, struct eff_err *err)
{
    struct eff_verbs *v = f->verbs;

    for (size_t i = 0; i < f->count; i++) {
        uint64_t records;

        EFF_TRY(eff_history_forget(v->os, v->folder, f->keys[i], *v->arena, &records, err));
    }
    return EFF_OK;
}

/* Older generations, too, and what a crash left of one, or of a plan. */
static enum eff_fault
forget_files(struct forgetting *f, struct eff_err *err)
{
    struct eff_verbs *v = f->verbs;

    EFF_TRY(forget_snapshot(f, err));
    eff_snapshot_close(v->snapshot);
    v->snapshot = NULL;
    EFF_CRASH_AT("forget.rewritten");
    EFF_TRY(v->os->sync_dir(v->os->self, v->folder, err)); /* the new one may be a dead process's */
    EFF_TRY(eff_changes_sweep(v->os, v->state_folder, v->folder, *v->arena, err));
    EFF_TRY(eff_snapshot_sweep(v->os, v->folder, UINT64_MAX, *v->arena, err));
    EFF_CRASH_AT("forget.swept");
    EFF_TRY(forget_history(f, err));
    EFF_CRASH_AT("forget.histories");
    EFF_TRY(eff_control_squeeze(v->control, v->os, *v->arena, err));
    return v->os->sync_dir(v->os->self, v->state_folder, err); /* else an older log may come back */
}

/* Its change file has the row's values, and nobody knows yet what became of them. */
static enum eff_fault
forget_nothing_open(struct forgetting *f, struct eff_err *err)
{
    struct eff_verbs *v = f->verbs;
    struct eff_run_row row;
    bool found;

    EFF_TRY(eff_control_open_run(v->control, v->sync->name, v->arena, &found, &row, err));
    if (!found)
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, "an earlier run of sync " EFF_STR_FMT " is not finished",
             EFF_STR_ARG(v->sync->name));
    return eff_err_hint(err, "`efferent run " EFF_STR_FMT "` settles what it left behind.",
                        EFF_STR_ARG(v->sync->name));
}

static void
forget_receipt(struct forgetting *f, bool really, struct eff_json_writer *w)
{
    struct eff_verbs *v = f->verbs;
    char time[EFF_TIME_TEXT_MAX];
    int64_t now_us = v->os->wall_ms(v->os->self) * 1000;
    eff_str when = {time, eff_datetime_text(now_us, 0, true, time)};
    eff_str hash = eff_str_printf(v->arena, "%016llx%016llx", (unsigned long long)f->keys[0].hi,
                                  (unsigned long long)f->keys[0].lo);
    eff_str line =
        eff_str_printf(v->arena, EFF_STR_FMT "|" EFF_STR_FMT "|" EFF_STR_FMT "|%llu|%llu|%llu",
                       EFF_STR_ARG(v->sync->name), EFF_STR_ARG(hash), EFF_STR_ARG(when),
                       (unsigned long long)f->snapshot, (unsigned long long)f->ledger,
                       (unsigned long long)f->history);
    struct eff_sha256 mac =
        eff_hmac_sha256((eff_str){(const char *)v->state.secret, sizeof v->state.secret}, line);

    eff_json_begin_object(w);
    eff_json_field_str(w, "sync", v->sync->name);
    eff_json_field_str(w, "key_hash", hash);
    eff_json_field_str(w, "time", when);
    eff_json_key(w, EFF_STR("erased"));
    eff_json_write_bool(w, really);
    eff_json_field_int(w, "snapshot", (int64_t)f->snapshot);
    eff_json_field_int(w, "ledger", (int64_t)f->ledger);
    eff_json_field_int(w, "history", (int64_t)f->history);
    if (really)
        eff_json_field_str(w, "signature", eff_hex(v->arena, mac.bytes, sizeof mac.bytes));
    eff_json_end_object(w);
}

static enum eff_fault
forget(struct eff_verbs *v, eff_str key, bool really, struct eff_json_writer *w,
       struct eff_err *err)
{
    struct forgetting f = {.verbs = v,
                           .keys = eff_new(v->arena, struct eff_hash128, EFF_KEY_FORMS_MAX)};
    eff_str json;

    EFF_TRY(forget_nothing_open(&f, err));
    EFF_TRY(eff_snapshot_open(v->os, v->folder, v->arena, &v->snapshot, err));
    EFF_TRY(eff_verbs_key(v, key, forget_collect, &f, &json, err));
    if (f.count == 0)
        return EFF_FAIL(err, EFF_CONFIG, "this cannot be a key of sync " EFF_STR_FMT,
                        EFF_STR_ARG(v->sync->name));
    EFF_TRY(forget_count(&f, err));
    if (really) {
        EFF_TRY(eff_control_forget(v->control, v->sync->name, f.keys, f.count,
                                   v->os->wall_ms(v->os->self), err));
        EFF_CRASH_AT("forget.noted");
        EFF_TRY(forget_files(&f, err));
    }
    forget_receipt(&f, really, w);
    return EFF_OK;
}

enum eff_fault
eff_run_forget(const struct eff_project *project, const struct eff_sync_conf *sync,
               struct eff_os *os, eff_str key, bool really, struct eff_arena *arena,
               struct eff_json_writer *w, struct eff_err *err)
{
    struct eff_verbs v;
    enum eff_fault fault = eff_verbs_open(&v, project, sync, os, true, arena, err);

    if (fault == EFF_OK)
        fault = forget(&v, key, really, w, err);
    eff_verbs_close(&v);
    return fault;
}
