/*
 * state/control_batch: marks and verdicts of the batches of an open run.
 *
 * The usual batch, where every row was applied and no id came back, settles as
 * one small row with empty verdicts.
 */
#include "base/json.h"
#include "state/control_db.h"

#define VERDICT_HAS_ID  0x10
#define VERDICT_DOUBTED 0x20

static bool
batch_plain(const struct eff_delivery *delivery)
{
    for (size_t i = 0; i < delivery->count; i++) {
        const struct eff_verdict *verdict = &delivery->items[i].verdict;

        if (verdict->outcome != EFF_APPLIED || verdict->remote_id.ptr || verdict->doubt_ms)
            return false;
    }
    return true;
}

/* For the snapshot, what may have been applied once is not certain by a later no. */
static enum eff_outcome
batch_outcome(const struct eff_verdict *verdict)
{
    bool applied = verdict->outcome == EFF_APPLIED || verdict->outcome == EFF_TAKEN;

    return verdict->maybe && !applied ? EFF_MAYBE_APPLIED : verdict->outcome;
}

static void
batch_verdicts_write(struct eff_buf *buf, const struct eff_delivery *delivery)
{
    if (batch_plain(delivery))
        return;
    for (size_t i = 0; i < delivery->count; i++) {
        const struct eff_verdict *verdict = &delivery->items[i].verdict;

        eff_buf_add_char(buf, (char)((unsigned)batch_outcome(verdict) |
                                     (verdict->remote_id.ptr ? VERDICT_HAS_ID : 0) |
                                     (verdict->doubt_ms ? VERDICT_DOUBTED : 0)));
        if (verdict->remote_id.ptr)
            eff_buf_add_slice(buf, verdict->remote_id);
    }
}

bool
eff_verdicts_read(eff_str verdicts, size_t count, struct eff_settled_row *ret_rows)
{
    struct eff_reader reader = eff_reader_of(verdicts);

    for (size_t i = 0; i < count; i++) {
        unsigned byte = verdicts.len == 0 ? (unsigned)EFF_APPLIED : eff_read_u8(&reader);

        ret_rows[i] = (struct eff_settled_row){
            .outcome = (enum eff_outcome)(byte & 0xf),
            .doubted = byte & VERDICT_DOUBTED,
            .remote_id = byte & VERDICT_HAS_ID ? eff_read_slice(&reader) : EFF_STR_NONE};
    }
    return !reader.bad;
}

enum eff_fault
eff_control_mark(struct eff_control *control, eff_str run, size_t batch, uint32_t attempts,
                 int64_t first_attempt_ms, eff_str memo, bool lazy, struct eff_err *err)
{
    EFF_TRY(eff_control_begin(control, !lazy, err));
    return eff_control_end(
        control,
        eff_control_exec(control, err,
                         "INSERT INTO batch (run, batch, settled, attempts, first_attempt, memo)"
                         " VALUES (?1, ?2, 0, ?3, ?4, ?5) ON CONFLICT (run, batch)"
                         " DO UPDATE SET attempts = ?3, memo = coalesce(?5, memo)",
                         "siiib", run, (int64_t)batch, (int64_t)attempts, first_attempt_ms, memo),
        err);
}

/* ---- settling ---- */

struct batch_settle { /* what goes along to every row */
    eff_str sync, run;
    int64_t now_ms, first_attempt_ms;
    bool hold_ambiguous;
};

static enum eff_fault
batch_no_memory(struct eff_err *err)
{
    return EFF_FAIL(err, EFF_BROKEN, "out of memory for the verdicts of a batch");
}

static enum eff_ledger_state
batch_ledger_state(const struct eff_verdict *verdict, bool hold_ambiguous)
{
    if (verdict->outcome == EFF_REFUSED)
        return EFF_LEDGER_REJECTED;
    if (batch_outcome(verdict) == EFF_MAYBE_APPLIED && (hold_ambiguous || verdict->hold))
        return EFF_LEDGER_HELD;
    return EFF_LEDGER_PENDING;
}

static void
batch_sent_json(struct eff_buf *buf, const struct eff_delivery *delivery,
                const struct eff_item *item)
{
    struct eff_json_writer w = {.buf = buf};

    eff_json_begin_object(&w);
    for (size_t i = 0; i < delivery->fields_count; i++) {
        if (item->fields[i].kind == EFF_ABSENT)
            continue;
        eff_json_key(&w, delivery->field_names[i]);
        eff_value_json(&w, &item->fields[i]);
    }
    eff_json_end_object(&w);
}

/* The run came to its end with the batch in hand. */
static void
batch_no_words(struct eff_ledger_row *row, enum eff_outcome outcome)
{
    bool maybe = outcome == EFF_MAYBE_APPLIED;

    row->code = maybe ? EFF_STR("no answer") : EFF_STR("not sent");
    row->message = maybe ? EFF_STR("the run ended before it was answered")
                         : EFF_STR("the run ended before it was sent");
}

static enum eff_fault
batch_to_ledger(struct eff_control *control, const struct batch_settle *settle,
                const struct eff_delivery *delivery, size_t at, const struct eff_acknowledged *acks,
                struct eff_err *err)
{
    const struct eff_item *item = &delivery->items[at];
    struct eff_buf sent = {0};
    struct eff_ledger_row row = {
        .key = item->key,
        .state = batch_ledger_state(&item->verdict, settle->hold_ambiguous),
        .key_json = item->key_json,
        .rows = 1,
        .op = delivery->op,
        .code = item->verdict.code,
        .message = item->verdict.message,
        .field = item->verdict.field,
        .fault = item->verdict.fault,
        .row_hash = acks[at].row,
        .last_ms = settle->now_ms,
        .run = settle->run,
    };
    enum eff_fault fault;

    if (row.state == EFF_LEDGER_HELD ||
        (row.state == EFF_LEDGER_PENDING && item->idempotency_key.ptr &&
         batch_outcome(&item->verdict) == EFF_MAYBE_APPLIED)) {
        row.code = EFF_STR("ambiguous");
        row.first_seen_ms = settle->first_attempt_ms; /* the key's window began then */
    }
    if (row.code.len == 0 && row.message.len == 0)
        batch_no_words(&row, batch_outcome(&item->verdict));
    batch_sent_json(&sent, delivery, item);
    row.sent = eff_buf_str(&sent);
    fault = sent.full ? batch_no_memory(err)
                      : eff_control_ledger_put(control, settle->sync, &row,
                                               row.state == EFF_LEDGER_REJECTED, err);
    eff_buf_free(&sent);
    return fault;
}

/* A refusal ends what the ledger knows of a row's key, but not what the provider knows. */
static enum eff_fault
batch_key_used(struct eff_control *control, const struct batch_settle *settle,
               const struct eff_item *item, struct eff_err *err)
{
    enum eff_outcome outcome = item->verdict.outcome;

    if (outcome == EFF_APPLIED || outcome == EFF_TAKEN || item->verdict.absent)
        return eff_control_exec(control, err, "DELETE FROM used WHERE sync = ?1 AND key = ?2", "sk",
                                settle->sync, item->key);
    if (outcome != EFF_REFUSED)
        return EFF_OK;
    if (item->verdict.maybe)
        EFF_TRY(eff_control_exec(
            control, err, "INSERT OR IGNORE INTO used (sync, key, since) VALUES (?1, ?2, ?3)",
            "ski", settle->sync, item->key, settle->first_attempt_ms));
    return eff_control_exec(control, err,
                            "INSERT OR IGNORE INTO used (sync, key, since) SELECT sync, key,"
                            " first_seen FROM ledger WHERE sync = ?1 AND key = ?2"
                            " AND code = 'ambiguous'",
                            "sk", settle->sync, item->key);
}

static enum eff_fault
batch_ledger(struct eff_control *control, const struct batch_settle *settle,
             const struct eff_delivery *delivery, const struct eff_acknowledged *acks,
             struct eff_err *err)
{
    for (size_t i = 0; i < delivery->count; i++) {
        enum eff_outcome outcome = delivery->items[i].verdict.outcome;

        bool delivered = outcome == EFF_APPLIED || outcome == EFF_TAKEN;

        /* What is proven absent is no longer what may have been created. */
        if (control->has_ledger && (delivered || delivery->items[i].verdict.absent))
            EFF_TRY(eff_control_exec(control, err,
                                     "DELETE FROM ledger WHERE sync = ?1 AND key = ?2", "sk",
                                     settle->sync, delivery->items[i].key));
        if (delivery->items[i].idempotency_key.ptr)
            EFF_TRY(batch_key_used(control, settle, &delivery->items[i], err));
        if (!delivered)
            EFF_TRY(batch_to_ledger(control, settle, delivery, i, acks, err));
    }
    return EFF_OK;
}

enum eff_fault
eff_control_settle(struct eff_control *control, eff_str sync, eff_str run, size_t batch,
                   uint32_t attempts, const struct eff_delivery *delivery,
                   const struct eff_acknowledged *acks, int64_t first_attempt_ms, int64_t now_ms,
                   bool hold_ambiguous, bool lazy, struct eff_err *err)
{
    struct batch_settle settle = {sync, run, now_ms, first_attempt_ms, hold_ambiguous};
    struct eff_buf verdicts = {0};
    enum eff_fault fault;

    EFF_TRY(eff_control_begin(control, !lazy, err));
    batch_verdicts_write(&verdicts, delivery);
    if (verdicts.full) // empty ones would say that all was applied
        fault = batch_no_memory(err);
    else
        fault =
            eff_control_exec(control, err,
                             "INSERT INTO batch (run, batch, settled, attempts, first_attempt,"
                             " memo, verdicts) VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6)"
                             " ON CONFLICT (run, batch) DO UPDATE SET settled = 1, attempts = ?3,"
                             " memo = coalesce(?5, memo), verdicts = ?6",
                             "siiibb", run, (int64_t)batch, (int64_t)attempts, now_ms,
                             delivery->memo, eff_buf_str(&verdicts));
    if (fault == EFF_OK)
        fault = batch_ledger(control, &settle, delivery, acks, err);
    eff_buf_free(&verdicts);
    return eff_control_end(control, fault, err);
}

enum eff_fault
eff_control_settled(struct eff_control *control, eff_str run, struct eff_arena *arena,
                    size_t *ret_count, struct eff_settled **ret_rows, struct eff_err *err)
{
    struct eff_settled *rows;
    size_t count = 0, at = 0;
    enum eff_fault fault = EFF_OK;
    sqlite3_stmt *s;

    EFF_TRY(
        eff_control_query(control, err, &s, "SELECT count(*) FROM batch WHERE run = ?1", "s", run));
    while (eff_control_row(control, s, &fault, err))
        count = (size_t)sqlite3_column_int64(s, 0);
    EFF_TRY(fault);
    rows = eff_new(arena, struct eff_settled, count + 1);
    EFF_TRY(eff_control_query(control, err, &s,
                              "SELECT batch, settled, attempts, first_attempt, memo, verdicts"
                              " FROM batch WHERE run = ?1 ORDER BY batch",
                              "s", run));
    while (eff_control_row(control, s, &fault, err) && at < count) {
        rows[at++] = (struct eff_settled){
            .batch = (size_t)sqlite3_column_int64(s, 0),
            .settled = sqlite3_column_int(s, 1) != 0,
            .attempts = (uint32_t)sqlite3_column_int64(s, 2),
            .first_attempt_ms = sqlite3_column_int64(s, 3),
            .memo = eff_control_text(s, 4, arena),
            .verdicts = eff_control_text(s, 5, arena),
        };
    }
    *ret_count = at;
    *ret_rows = rows;
    return fault;
}

/* A commit without a changed page would not sync the log. */
static enum eff_fault
batch_touch(struct eff_control *control, struct eff_err *err)
{
    EFF_TRY(eff_control_exec(control, err,
                             "INSERT INTO approval (sync, digest, until) VALUES ('', '', 0)", ""));
    return eff_control_exec(control, err, "DELETE FROM approval WHERE sync = '' AND digest = ''",
                            "");
}

enum eff_fault
eff_control_flush(struct eff_control *control, struct eff_err *err)
{
    EFF_TRY(eff_control_begin(control, true, err));
    return eff_control_end(control, batch_touch(control, err), err);
}
