/*
 * run/effects: executes what deliver decides: marks, requests, verdicts.
 */
#include "base/crash.h"
#include "run/share.h"
#include "run/sync.h"

#define EFFECTS_POLL_MS      250 /* how soon a stop request is noticed while waiting */
#define EFFECTS_LANES_MAX    16
#define EFFECTS_BATCH_MEMORY ((size_t)1 << 30)

#define EFFECTS_CAUSES_MAX 32

struct effects_cause { /* why rows were not delivered, by the destination's own code */
    enum eff_outcome outcome;
    eff_str code, field, message;
};

struct effects {
    struct eff_sync_run *r;
    bool again; /* what an earlier process left open */
    bool old;   /* and a later one finished, of which this state does not know */
    eff_str run_id;
    struct eff_counts *counts;
    const struct eff_batch_ref *batches;
    size_t count;
    struct eff_share share; /* of the destination's limits, where it has any */
    size_t causes_count;
    struct effects_cause causes[EFFECTS_CAUSES_MAX];
};

/* ---- what deliver asks for ---- */

static const struct eff_settled *
effects_settled(const struct effects *e, size_t batch)
{
    size_t low = 0, high = e->r->settled_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (e->r->settled[middle].batch == batch)
            return &e->r->settled[middle];
        if (e->r->settled[middle].batch < batch)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static enum eff_op
effects_op(void *self, size_t batch)
{
    const struct effects *e = self;

    return e->batches[batch].op;
}

/*
 * A removal that an earlier process had frozen may be of a row that is back by now: it is left to
 * this run's own plan, which knows the model as it is. Its entries count as unknown, because it
 * may have been sent. What works over there already, a job, is waited for as ever. Of a run from
 * before a backup nothing is sent: its values are old by now.
 */
static bool
effects_superseded(const struct effects *e, size_t batch)
{
    const struct eff_settled *settled = effects_settled(e, batch);

    if (!e->again || e->batches[batch].held || (settled && settled->settled))
        return false;
    if (e->old)
        return e->batches[batch].op != EFF_OP_NONE;
    return eff_op_removes(e->batches[batch].op) && !(settled && settled->memo.len > 0);
}

static bool
effects_skip(void *self, size_t batch)
{
    const struct effects *e = self;
    const struct eff_settled *settled = effects_settled(e, batch);

    return e->batches[batch].held || e->batches[batch].op == EFF_OP_NONE ||
           (settled && settled->settled) || effects_superseded(e, batch);
}

/*
 * Its rows are to go one by one, because of one at which the process crashes. What may have
 * been applied as a whole and cannot be repeated is not taken apart: it is told as such.
 */
static bool
effects_cannot_part(const struct effects *e, size_t batch)
{
    const struct eff_settled *settled = effects_settled(e, batch);

    return settled && settled->attempts > 0 &&
           e->r->limits[e->batches[batch].op].class != EFF_CLASS_CONVERGE;
}

static bool
effects_apart(void *self, size_t batch)
{
    const struct effects *e = self;

    return eff_hand_is_apart(e->r->hand, e->run_id, batch);
}

static bool
effects_pass_over(void *self, size_t batch)
{
    return effects_skip(self, batch) ||
           (effects_apart(self, batch) && effects_cannot_part(self, batch));
}

static void
effects_in_hand(void *self, size_t batch, const struct eff_delivery *part)
{
    const struct effects *e = self;
    struct eff_held *held = &e->r->hand->now;

    *held = (struct eff_held){.batch = batch, .rows = part->count};
    if (part->count == 1)
        held->key = part->items[0].key;
    memcpy(held->run, e->run_id.ptr, sizeof held->run);
}

/* An earlier run may have used the key of a row: then its window began with that attempt. */
static enum eff_fault
effects_first_use(const struct effects *e, const struct eff_delivery *delivery,
                  const struct eff_acknowledged *acks, struct eff_arena scratch, uint32_t *attempts,
                  int64_t *first_attempt_ms, struct eff_err *err)
{
    struct eff_sync_run *r = e->r;
    struct eff_ledger_row entry;
    bool found;

    for (size_t i = 0; i < delivery->count; i++) {
        struct eff_arena row = scratch;
        int64_t since_ms;

        EFF_TRY(eff_control_ledger_get(r->control, r->sync->name, delivery->items[i].key, &row,
                                       &found, &entry, err));
        EFF_TRY(eff_control_key_used(r->control, r->sync->name, delivery->items[i].key, &since_ms,
                                     err));
        found = found && eff_str_is(entry.code, "ambiguous");
        if (!found && since_ms == 0)
            continue;
        if (!found || (since_ms > 0 && since_ms < entry.first_seen_ms))
            entry.first_seen_ms = since_ms;
        if (since_ms > 0) /* with which values it was used first is not known */
            entry.row_hash = 0;
        delivery->items[i].changed = entry.row_hash != acks[i].row;
        if (*attempts == 0)
            *attempts = 1;
        if (*first_attempt_ms == 0 || entry.first_seen_ms < *first_attempt_ms)
            *first_attempt_ms = entry.first_seen_ms;
    }
    return EFF_OK;
}

static enum eff_fault
effects_load(void *self, size_t batch, struct eff_arena *arena, struct eff_delivery *ret_delivery,
             const void **ret_acks, uint32_t *ret_attempts, int64_t *ret_first_attempt_ms,
             struct eff_err *err)
{
    const struct effects *e = self;
    const struct eff_settled *settled = effects_settled(e, batch);
    struct eff_acknowledged *acks;

    EFF_TRY(eff_changes_load(e->r->changes, batch, arena, ret_delivery, &acks, err));
    *ret_acks = acks;
    *ret_attempts = settled ? settled->attempts : 0;
    *ret_first_attempt_ms = settled ? settled->first_attempt_ms : 0;
    ret_delivery->memo = settled ? settled->memo : EFF_STR_NONE;
    for (size_t i = 0; e->again && i < ret_delivery->count; i++) {
        struct eff_verdict *verdict = &ret_delivery->items[i].verdict;

        if (eff_hand_is_aside(e->r->hand, ret_delivery->items[i].key))
            *verdict = (struct eff_verdict){.outcome = EFF_REFUSED,
                                            .fault = EFF_ROW,
                                            .code = EFF_STR(EFF_RUN_ASIDE_CODE),
                                            .message = EFF_STR(EFF_RUN_ASIDE_MESSAGE)};
        verdict->maybe = true; /* the process before may have sent it */
    }
    if (e->r->limits[ret_delivery->op].class == EFF_CLASS_KEYED)
        return effects_first_use(e, ret_delivery, acks, *arena, ret_attempts, ret_first_attempt_ms,
                                 err);
    return EFF_OK;
}

static bool
effects_known_bad(void *self, struct eff_hash128 key)
{
    const struct effects *e = self;
    struct eff_sync_run *r = e->r;
    struct eff_arena scratch = r->run;
    struct eff_ledger_row entry;
    struct eff_err ignored = {0};
    bool found = false;

    return eff_control_ledger_get(r->control, r->sync->name, key, &scratch, &found, &entry,
                                  &ignored) == EFF_OK &&
           found && entry.state == EFF_LEDGER_REJECTED;
}

/* ---- counting verdicts ---- */

static const char *
effects_hint(const struct eff_verdict *verdict, bool held)
{
    if (verdict->outcome == EFF_REFUSED)
        return "`efferent rows` shows each row and what was sent; they are tried again by each run.";
    if (verdict->outcome == EFF_TAKEN)
        return "The destination tells numbers only, not which rows: look there.";
    if (held)
        return "The answer was lost, and this operation cannot be repeated safely: look over there, "
               "then `efferent retry`.";
    return "The next run sends them.";
}

/*
 * Messages often name the row's own value: the first one of a code speaks for all. What was taken
 * but for some is told of each request, with its number.
 */
static eff_str
effects_message(struct effects *e, const struct eff_verdict *verdict)
{
    const char *blame = verdict->outcome == EFF_REFUSED ? "refused"
                        : verdict->outcome == EFF_TAKEN ? "taken, but for some"
                                                        : "not delivered";
    struct effects_cause *cause = e->causes;

    for (; cause < e->causes + e->causes_count; cause++)
        if (cause->outcome == verdict->outcome && eff_str_eq(cause->code, verdict->code) &&
            eff_str_eq(cause->field, verdict->field) &&
            (cause->outcome != EFF_TAKEN || eff_str_ends(cause->message, verdict->message)))
            return cause->message;
    if (e->causes_count == EFFECTS_CAUSES_MAX)
        return EFF_STR("for further reasons");
    *cause = (struct effects_cause){
        .outcome = verdict->outcome,
        .code = eff_str_copy(&e->r->run, verdict->code),
        .field = eff_str_copy(&e->r->run, verdict->field),
        .message = eff_str_printf(
            &e->r->run, "%s%s" EFF_STR_FMT "%s" EFF_STR_FMT, blame,
            verdict->code.len || verdict->message.len ? ": " : "", EFF_STR_ARG(verdict->code),
            verdict->code.len && verdict->message.len ? ": " : "", EFF_STR_ARG(verdict->message)),
    };
    e->causes_count++;
    return cause->message;
}

static void
effects_problem(struct effects *e, const struct eff_verdict *verdict, const char *code)
{
    bool held = strcmp(code, "EFF2118") == 0;

    eff_report_problem(e->r->report, code, verdict->fault, 1, effects_message(e, verdict),
                       eff_str_of(effects_hint(verdict, held)), EFF_STR_NONE);
}

/* What may have been applied and cannot be repeated safely waits for a person. */
static bool
effects_holds_ambiguous(const struct effects *e, enum eff_op op, int64_t first_attempt_ms)
{
    const struct eff_op_limits *limits = &e->r->limits[op];
    enum eff_class class = limits->class;

    if (class == EFF_CLASS_KEYED) /* the key of several rows is good for just those rows */
        return limits->rows_max > 1 ||
               eff_deliver_key_expired(limits, first_attempt_ms, e->r->os->wall_ms(e->r->os->self));
    if (class == EFF_CLASS_BLIND)
        return !e->r->sync->blind_twice;
    return class == EFF_CLASS_LOOKUP;
}

/* What ends the whole sync is told as its own problem, once. */
static bool
effects_stopped_by(const struct effects *e, const struct eff_verdict *verdict)
{
    const struct eff_err *stopped = eff_deliver_stopped(e->r->deliver);

    return stopped && stopped->fault == verdict->fault;
}

static void
effects_count(struct effects *e, const struct eff_verdict *verdict, bool hold_ambiguous)
{
    bool maybe = verdict->maybe || verdict->outcome == EFF_MAYBE_APPLIED;

    e->r->sent_rows++;
    if (verdict->outcome == EFF_APPLIED || verdict->outcome == EFF_TAKEN) {
        e->counts->delivered++;
        if (verdict->outcome == EFF_TAKEN && verdict->code.len)
            effects_problem(e, verdict, "EFF2130");
        return;
    }
    if (verdict->outcome == EFF_REFUSED) {
        e->counts->rejected++;
        e->r->rejected_rows++;
        if (!eff_str_is(verdict->code, EFF_RUN_ASIDE_CODE)) /* it is told when it is read */
            effects_problem(e, verdict, "EFF2105");
    } else if (maybe && (hold_ambiguous || verdict->hold)) {
        e->counts->held++;
        e->r->report->possible_duplicates++;
        effects_problem(e, verdict, "EFF2118");
    } else {
        e->counts->pending++;
        if (verdict->fault != EFF_OK && !effects_stopped_by(e, verdict))
            effects_problem(e, verdict, "EFF2114");
    }
}

/* An answer may repeat a credential: what is kept of it must not. */
static void
effects_redact(struct eff_sync_run *r, const struct eff_delivery *delivery)
{
    eff_arena_reset(&r->batch);
    for (size_t i = 0; i < delivery->count; i++) {
        struct eff_verdict *verdict = &delivery->items[i].verdict;

        if (verdict->outcome == EFF_APPLIED)
            continue;
        verdict->message = eff_redact(&r->redact, &r->batch, verdict->message);
        verdict->code = eff_redact(&r->redact, &r->batch, verdict->code);
        verdict->field = eff_redact(&r->redact, &r->batch, verdict->field);
    }
}

/* Before the rows are settled: then it cannot be forgotten by a death in between. */
static enum eff_fault
effects_incarnate(struct effects *e, const struct eff_delivery *delivery, struct eff_err *err)
{
    struct eff_sync_run *r = e->r;
    bool any = delivery->op == EFF_OP_DELETE || delivery->op == EFF_OP_ARCHIVE;

    for (size_t i = 0; i < delivery->count; i++)
        any = any || delivery->items[i].verdict.absent;
    if (!any || !eff_run_is_keyed(r))
        return EFF_OK;
    EFF_TRY(eff_control_incarnate(r->control, r->sync->name, delivery, r->os->wall_ms(r->os->self),
                                  err));
    EFF_CRASH_AT("settle.incarnated");
    return EFF_OK;
}

/*
 * An upsert of some columns made a new record: the one that it was meant for is gone over there,
 * and the other columns were not sent. The next run sends the row as a whole.
 */
static enum eff_fault
effects_made_again(struct eff_sync_run *r, const struct eff_delivery *delivery, struct eff_err *err)
{
    for (size_t i = 0; r->snapshot && delivery->op == EFF_OP_UPSERT && i < delivery->count; i++) {
        const struct eff_item *item = &delivery->items[i];
        struct eff_entry entry;
        bool known;
        size_t sent = 0;

        while (sent < delivery->fields_count && item->fields[sent].kind != EFF_ABSENT)
            sent++;
        if (!item->verdict.created || sent == delivery->fields_count)
            continue;
        EFF_TRY(eff_snapshot_find(r->snapshot, item->key, &known, &entry, NULL, NULL, err));
        if (!known)
            continue;
        eff_buf_add_bytes(&r->amiss, &item->key, sizeof item->key);
        r->report->drifted = true;
        eff_report_problem(r->report, "EFF2133", EFF_CONTRACT, 1,
                           EFF_STR("records were deleted over there, and are made again with the "
                                   "new columns only"),
                           EFF_STR("The next run sends these rows as a whole."), EFF_STR_NONE);
    }
    return EFF_OK;
}

/* Before the batch is settled, likewise. Its last attempt has ended: the bound counts from here. */
static enum eff_fault
effects_doubt(struct effects *e, const struct eff_delivery *delivery,
              const struct eff_acknowledged *acks, struct eff_err *err)
{
    struct eff_sync_run *r = e->r;
    int64_t late_ms = eff_run_late_ms(r, delivery->op);

    if (late_ms == 0)
        return EFF_OK;
    EFF_TRY(eff_control_doubt(r->control, r->sync->name, delivery, acks,
                              r->os->wall_ms(r->os->self) + late_ms, err));
    EFF_CRASH_AT("settle.doubted");
    for (size_t i = 0; i < delivery->count; i++)
        eff_run_doubted(r, delivery->items[i].verdict.doubt_ms);
    return EFF_OK;
}

static enum eff_fault
effects_settle(struct effects *e, const struct eff_effect *effect, struct eff_err *err)
{
    struct eff_sync_run *r = e->r;
    bool hold = effects_holds_ambiguous(e, effect->delivery->op, effect->first_attempt_ms);

    effects_redact(r, effect->delivery);
    EFF_TRY(effects_incarnate(e, effect->delivery, err));
    EFF_TRY(effects_doubt(e, effect->delivery, effect->acks, err));
    EFF_TRY(eff_control_settle(r->control, r->sync->name, e->run_id, effect->batch,
                               effect->attempts, effect->delivery, effect->acks,
                               effect->first_attempt_ms, r->os->wall_ms(r->os->self), hold,
                               effect->lazy, err));
    for (size_t i = 0; i < effect->delivery->count; i++)
        effects_count(e, &effect->delivery->items[i].verdict, hold);
    eff_run_readback_take(r, effect->delivery);
    return effects_made_again(r, effect->delivery, err);
}

/* ---- the loop ---- */

static void
effects_wait(struct effects *e, int64_t until)
{
    struct eff_sync_run *r = e->r;
    const struct eff_response *response;
    int64_t now = r->os->mono_ms(r->os->self);
    uint64_t ticket;

    if (until > now + EFFECTS_POLL_MS)
        until = now + EFFECTS_POLL_MS;
    ticket = r->os->next(r->os->self, until, &response);
    if (ticket)
        EFF_CRASH_AT("send.answered");
    if (ticket)
        eff_deliver_answered(r->deliver, ticket, response, r->os->mono_ms(r->os->self));
    if (!r->os->go_on(r->os->self)) {
        struct eff_err err = {0};

        EFF_FAIL(&err, EFF_TRANSIENT, "stopped on request");
        eff_err_hint(&err, "What was not sent is pending: the next run sends it.");
        eff_deliver_stop(r->deliver, &err);
    }
}

static enum eff_fault
effects_loop(struct effects *e, struct eff_err *err)
{
    struct eff_sync_run *r = e->r;

    for (;;) {
        struct eff_effect effect;

        if (e->share.os)
            r->limiter.users = eff_share_users(&e->share);
        effect =
            eff_deliver_next(r->deliver, r->os->mono_ms(r->os->self), r->os->wall_ms(r->os->self));

        if (effect.kind != EFF_EFFECT_SEND)
            eff_hand_empty(r->hand);
        switch (effect.kind) {
        case EFF_EFFECT_MARK:
            EFF_CRASH_AT("mark.before");
            EFF_TRY(eff_control_mark(r->control, e->run_id, effect.batch, effect.attempts,
                                     effect.first_attempt_ms, effect.memo, effect.lazy, err));
            EFF_CRASH_AT("mark.durable");
            break;
        case EFF_EFFECT_SEND:
            EFF_CRASH_AT("send.before");
            r->os->submit(r->os->self, effect.ticket, effect.request);
            EFF_CRASH_AT("send.under_way");
            break;
        case EFF_EFFECT_WAIT:
            effects_wait(e, effect.until);
            break;
        case EFF_EFFECT_SETTLE:
            EFF_CRASH_AT("settle.before");
            EFF_TRY(effects_settle(e, &effect, err));
            EFF_CRASH_AT("settle.durable");
            break;
        case EFF_EFFECT_DONE:
            return EFF_OK;
        }
        eff_hand_empty(r->hand);
        eff_run_progress(r, false);
    }
}

static void
effects_take_counts(struct effects *e)
{
    const struct eff_deliver_counts *counts = eff_deliver_counts(e->r->deliver);
    struct eff_report *report = e->r->report;

    report->requests += counts->requests;
    report->retries += counts->retries;
    report->throttled += counts->throttled;
    report->calls_other += counts->calls_other;
    report->bytes_sent += counts->bytes_sent;
    report->possible_duplicates += counts->possible_duplicates;
}

/* ---- rows that this run did not send ---- */

static enum eff_fault
effects_unsent_batch(struct effects *e, size_t batch, struct eff_err *err)
{
    struct eff_sync_run *r = e->r;
    const struct eff_settled *mark = effects_settled(e, batch);
    bool marked =
        mark && mark->attempts > 0 && r->limits[e->batches[batch].op].class != EFF_CLASS_CONVERGE;
    bool held = e->batches[batch].held;
    struct eff_ledger_row row = {.state = held ? EFF_LEDGER_HELD : EFF_LEDGER_PENDING,
                                 .rows = 1,
                                 .op = e->batches[batch].op,
                                 .code = held ? EFF_STR("guard") : EFF_STR("not sent"),
                                 .message = held ? EFF_STR("a guard holds it until it is approved")
                                                 : EFF_STR("the run ended before it was sent"),
                                 .last_ms = r->os->wall_ms(r->os->self),
                                 .run = e->run_id};
    struct eff_delivery delivery;
    struct eff_acknowledged *acks;
    enum eff_fault fault = EFF_OK;

    if (marked) { /* a process died while it was being sent, and nobody has asked since */
        held = effects_holds_ambiguous(e, e->batches[batch].op, mark->first_attempt_ms);
        row.state = held ? EFF_LEDGER_HELD : EFF_LEDGER_PENDING;
        row.code = EFF_STR("ambiguous");
        row.message = EFF_STR("the process died while it was being sent");
        row.first_seen_ms = mark->first_attempt_ms;
        if (held)
            e->counts->held += e->batches[batch].rows;
    }
    eff_arena_reset(&r->batch);
    EFF_TRY(eff_changes_load(r->changes, batch, &r->batch, &delivery, &acks, err));
    for (size_t i = 0; e->again && i < delivery.count; i++)
        delivery.items[i].verdict.maybe = true;
    EFF_TRY(effects_doubt(e, &delivery, acks, err));
    EFF_TRY(eff_control_ledger_begin(r->control, err));
    for (size_t i = 0; i < delivery.count && fault == EFF_OK; i++) {
        row.key = acks[i].key;
        row.row_hash = acks[i].row;
        row.key_json = delivery.items[i].key_json;
        fault = eff_control_ledger_put(r->control, r->sync->name, &row, false, err);
    }
    EFF_TRY(eff_control_ledger_end(r->control, fault, err));
    EFF_CRASH_AT("unsent.noted");
    if (!held)
        e->counts->pending += delivery.count;
    return EFF_OK;
}

/* The process before may have sent it, and it may be applied after what this run sends. */
static enum eff_fault
effects_superseded_batch(struct effects *e, size_t batch, struct eff_err *err)
{
    struct eff_sync_run *r = e->r;
    struct eff_delivery delivery;
    struct eff_acknowledged *acks;

    if (eff_run_late_ms(r, e->batches[batch].op) == 0)
        return EFF_OK;
    eff_arena_reset(&r->batch);
    EFF_TRY(eff_changes_load(r->changes, batch, &r->batch, &delivery, &acks, err));
    for (size_t i = 0; i < delivery.count; i++)
        delivery.items[i].verdict.maybe = true;
    return effects_doubt(e, &delivery, acks, err);
}

static enum eff_fault
effects_unsent(struct effects *e, struct eff_err *err)
{
    struct eff_sync_run *r = e->r;

    EFF_TRY(
        eff_control_settled(r->control, e->run_id, &r->run, &r->settled_count, &r->settled, err));
    for (size_t i = 0; i < e->count; i++) {
        const struct eff_settled *settled = effects_settled(e, i);

        if (e->batches[i].op == EFF_OP_NONE || (settled && settled->settled))
            continue;
        EFF_TRY(effects_superseded(e, i) ? effects_superseded_batch(e, i, err)
                                         : effects_unsent_batch(e, i, err));
    }
    return EFF_OK;
}

/*
 * Also when the sending ended early, or an earlier process had sent all of it: what was
 * acknowledged is finished over there before the run is closed. Else it stays open.
 */
static enum eff_fault
effects_finish(struct effects *e, enum eff_fault fault, struct eff_err *err)
{
    struct eff_sync_run *r = e->r;
    struct eff_task task = {.kind = EFF_TASK_FINISH, .object = r->sync->object, .arena = &r->run};
    struct eff_err after = {0};

    EFF_CRASH_AT("deliver.sent");
    if (fault == EFF_BROKEN)
        return fault;
    if (eff_run_task(r, &task, &after) == EFF_OK) {
        EFF_CRASH_AT("deliver.finished");
        return fault;
    }
    r->unfinished = true;
    if (fault == EFF_OK) {
        *err = after;
        fault = after.fault;
    }
    return fault;
}

static bool
effects_any(const struct effects *e)
{
    for (size_t i = 0; i < e->count; i++)
        if (!effects_skip((void *)(uintptr_t)e, i))
            return true;
    return false;
}

static enum eff_fault
effects_deliver(struct effects *e, struct eff_err *err)
{
    struct eff_sync_run *r = e->r;
    struct eff_deliver_config config = {
        .dest = r->dest,
        .limits = r->limits,
        .limiter = &r->limiter,
        .lanes_max = EFFECTS_LANES_MAX,
        .same_refused_most = r->sync->guard_rejected_percent,
        .blind_twice = r->sync->blind_twice,
        .hopeful = r->snapshot_rows > 0 && r->has_refused && !r->any_added,
        .run = &r->run,
        .batch_memory = EFFECTS_BATCH_MEMORY,
        .batches_count = e->count,
        .op = effects_op,
        .skip = effects_pass_over,
        .load = effects_load,
        .apart = effects_apart,
        .in_hand = effects_in_hand,
        .known_bad = effects_known_bad,
        .self = e,
    };
    enum eff_fault fault;

    fault = eff_run_obey(r, 0, err);
    if (fault != EFF_OK)
        return fault == EFF_LIMIT ? eff_run_quota_spent(r, err) : fault;
    if (e->again)
        EFF_TRY(eff_control_resumed(r->control, r->sync->name, e->run_id, &r->times_resumed, err));
    eff_run_older_mark(r, e->run_id, false);
    EFF_TRY(eff_control_doubts_sweep(r->control, r->sync->name, r->os->wall_ms(r->os->self),
                                     eff_run_late_most_ms(r), err));
    if (r->limiter.count > 0)
        eff_share_open(&e->share, r->os, r->state_folder, r->sync->dest->name, &r->run);
    r->deliver = eff_deliver_new(&config);
    fault = effects_loop(e, err);
    eff_share_close(&e->share);
    r->limiter.users = 1;
    effects_take_counts(e);
    if (fault == EFF_OK && eff_deliver_stopped(r->deliver)) {
        *err = *eff_deliver_stopped(r->deliver);
        fault = err->fault;
    }
    eff_deliver_free(r->deliver);
    r->deliver = NULL;
    return fault == EFF_LIMIT ? eff_run_quota_spent(r, err) : fault;
}

enum eff_fault
eff_run_deliver(struct eff_sync_run *r, eff_str run_id, struct eff_counts *counts,
                struct eff_err *err)
{
    struct effects e = {
        .r = r, .again = !eff_str_eq(run_id, r->run_id), .run_id = run_id, .counts = counts};
    struct eff_err after = {0};
    enum eff_fault fault = EFF_OK;
    bool any;

    e.old = e.again && r->older.ptr && eff_str_cmp(run_id, r->older) <= 0;
    e.count = eff_changes_count(r->changes, &e.batches);
    EFF_TRY(eff_control_settled(r->control, run_id, &r->run, &r->settled_count, &r->settled, err));
    for (size_t i = 0; i < e.count; i++) {
        if (!effects_skip(&e, i) || effects_superseded(&e, i))
            counts->planned += e.batches[i].rows;
        if (effects_superseded(&e, i))
            counts->superseded += e.batches[i].rows;
    }
    eff_run_stage(r, "send");
    eff_run_readback_begin(r);
    any = effects_any(&e);
    if (any)
        fault = effects_deliver(&e, err);
    if (any || (e.again && e.count > 0 && !e.old))
        fault = effects_finish(&e, fault, err);
    /*
     * Even when it ended early, every row is accounted for. When that cannot be
     * written, the run must stay open, whatever it was that ended it.
     */
    if (effects_unsent(&e, &after) != EFF_OK && (fault == EFF_OK || after.fault == EFF_BROKEN)) {
        *err = after;
        fault = after.fault;
    }
    if (fault == EFF_OK)
        eff_run_readback(r);
    return fault;
}
