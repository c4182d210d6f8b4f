/*
 * run/planning: changes of the diff into the change file, counted.
 */
#include "base/crash.h"
#include "base/json.h"
#include "run/sync.h"

#define PLANNING_IDENTITIES_BYTES ((size_t)4 << 30) /* addresses; what is touched is far less */
#define PLANNING_LOOK_UP          64                /* changes between two looks at the clock */

/* ---- one planned item ---- */

static void
planning_count(struct eff_sync_run *r, enum eff_change_kind kind)
{
    r->report->planned++;
    if (kind == EFF_CHANGE_ADD)
        r->report->added++;
    else if (kind == EFF_CHANGE_REMOVE)
        r->report->removed++;
    else
        r->report->changed++;
}

static enum eff_group
planning_group(struct eff_sync_run *r, const struct eff_change *change,
               const struct eff_planned_item *p)
{
    if (change->kind == EFF_CHANGE_REMOVE)
        return EFF_GROUP_GUARDED;
    if (change->kind == EFF_CHANGE_CHANGE && r->sync->guard_changed_percent >= 0)
        return EFF_GROUP_GUARDED;
    return p->item.old_match ? EFF_GROUP_MOVED : EFF_GROUP_FREE;
}

enum eff_fault
eff_run_plan_add(struct eff_sync_run *r, const struct eff_planned_item *p, enum eff_group group,
                 struct eff_err *err)
{
    struct eff_delivery shape = {.op = p->op,
                                 .object = r->sync->object,
                                 .match_count = r->dest_sync.match_count,
                                 .match_names = r->dest_sync.match_names,
                                 .fields_count = r->dest_sync.fields_count,
                                 .field_names = r->dest_sync.field_names,
                                 .count = 1};
    size_t bytes = 64;

    if (p->op != EFF_OP_NONE && r->limits[p->op].bytes_max > 0)
        bytes = r->dest->ops->item_bytes(r->dest, &shape, &p->item);
    if (eff_packer_full(&r->packer, r->limits, p->op, group, bytes))
        EFF_TRY(eff_changes_cut(r->writer, p->op, group, eff_packer_cut(&r->packer, p->op, group),
                                err));
    eff_packer_add(&r->packer, p->op, group, bytes);
    eff_run_preview_take(r, p, group);
    return eff_changes_add(r->writer, p->op, group, &p->item, &p->ack, err);
}

static enum eff_fault
planning_ledger(struct eff_sync_run *r, const struct eff_planned_item *p,
                enum eff_ledger_state state, uint64_t rows, eff_str key_json, const char *code,
                eff_str message, struct eff_err *err)
{
    struct eff_ledger_row entry = {
        .key = p->ack.key,
        .state = state,
        .rows = rows,
        .key_json = key_json,
        .op = p->op,
        .code = eff_str_of(code),
        .message = message,
        .fault = EFF_ROW,
        .row_hash = p->ack.row,
        .last_ms = r->os->wall_ms(r->os->self),
        .run = r->run_id,
    };

    if (r->options->plan || r->look)
        return EFF_OK;
    return eff_control_ledger_put(r->control, r->sync->name, &entry, false, err);
}

/*
 * A row that is counted and not sent: refused as it still is and not due for another
 * try, or perhaps applied already and waiting for a person.
 */
static bool
planning_waits(const struct eff_sync_run *r, const struct eff_planned_item *p,
               const struct eff_ledger_row *entry)
{
    bool same = entry->row_hash == p->ack.row;

    if (entry->state == EFF_LEDGER_REJECTED)
        return same && entry->next_try_ms > r->started_wall &&
               entry->last_ms <= r->started_wall; /* else the clock was put back */
    if (entry->state == EFF_LEDGER_PENDING && eff_str_is(entry->code, "ambiguous"))
        return eff_deliver_key_expired(&r->limits[p->op], entry->first_seen_ms, r->started_wall);
    return entry->state == EFF_LEDGER_HELD && eff_str_is(entry->code, "ambiguous") &&
           (same || p->op == EFF_OP_CREATE);
}

static void
planning_count_waiting(struct eff_sync_run *r, enum eff_ledger_state state)
{
    if (state != EFF_LEDGER_REJECTED) {
        r->report->held++;
        eff_report_problem(r->report, "EFF2118", EFF_TRANSIENT, 1,
                           EFF_STR("rows may have been applied already; sending them again could "
                                   "make twins"),
                           EFF_STR("Look over there, then `efferent retry` sends them."),
                           EFF_STR_NONE);
        return;
    }
    r->report->rejected++;
    eff_report_problem(r->report, "EFF2115", EFF_ROW, 1,
                       EFF_STR("rows were refused before and are not due for another try"),
                       EFF_STR("`efferent rows` shows why; `efferent retry` makes them due now."),
                       EFF_STR_NONE);
}

/* It waits, but its record was another row's until now, who takes one that was a third's. */
static enum eff_fault
planning_pass_on(struct eff_sync_run *r, const struct eff_planned_item *p, struct eff_err *err)
{
    struct eff_planned_item noted = *p;
    struct eff_value *fields = eff_new(&r->batch, struct eff_value, r->mapping.fields_count);

    for (size_t i = 0; i < r->mapping.fields_count; i++)
        fields[i].kind = EFF_ABSENT;
    noted.op = EFF_OP_NONE;
    noted.item.fields = fields;
    noted.item.old_match = NULL;
    noted.ack = (struct eff_acknowledged){
        .key = p->ack.key, .row = EFF_ENTRY_UNKNOWN, .identity = p->ack.unsure};
    r->followed++;
    return eff_run_plan_add(r, &noted, EFF_GROUP_FREE, err);
}

static enum eff_fault
planning_not_due(struct eff_sync_run *r, const struct eff_planned_item *p, bool *ret_not_due,
                 struct eff_err *err)
{
    struct eff_ledger_row entry;
    bool found;

    *ret_not_due = false;
    if (!r->has_ledger)
        return EFF_OK;
    EFF_TRY(eff_control_ledger_get(r->control, r->sync->name, p->ack.key, &r->batch, &found, &entry,
                                   err));
    if (!found || !planning_waits(r, p, &entry))
        return EFF_OK;
    *ret_not_due = true;
    planning_count_waiting(r, entry.state);
    if (p->ack.unsure.ptr && p->item.leaving_count == 0)
        EFF_TRY(planning_pass_on(r, p, err));
    if (entry.state == EFF_LEDGER_PENDING && !r->options->plan) { /* its key has expired */
        entry.state = EFF_LEDGER_HELD;
        entry.run = r->run_id;
        return eff_control_ledger_put(r->control, r->sync->name, &entry, false, err);
    }
    return r->options->plan
               ? EFF_OK
               : eff_control_ledger_keep(r->control, r->sync->name, p->ack.key, r->run_id, err);
}

static enum eff_fault
planning_send(struct eff_sync_run *r, const struct eff_change *change, const struct eff_value *row,
              const struct eff_planned_item *p, struct eff_err *err)
{
    struct eff_entry entry = {.key = p->ack.key, .row = p->ack.row};
    bool not_due;

    planning_count(r, change->kind);
    eff_run_types_see(r, change, row);
    eff_run_sample(r, change, p);
    eff_run_claims_moved(r, p);
    EFF_TRY(planning_not_due(r, p, &not_due, err));
    if (not_due)
        return EFF_OK;
    if (r->older.ptr && eff_run_makes_anew(r, p->op))
        eff_multiset_add(&r->anew, entry);
    if (change->kind == EFF_CHANGE_REMOVE)
        eff_multiset_add(&r->removals, entry);
    else if (change->kind == EFF_CHANGE_CHANGE) {
        eff_multiset_add(&r->changed_rows, entry);
        eff_run_flapping_see(r, p);
    } else if (p->op == EFF_OP_UPSERT || p->op == EFF_OP_CREATE)
        r->rows_new++;
    r->rows_unfound[p->op] += !p->item.remote_id.ptr;
    return eff_run_plan_add(r, p, planning_group(r, change, p), err);
}

/* Invalid as mapped: the record over there is left alone, and so is the snapshot. */
static enum eff_fault
planning_invalid(struct eff_sync_run *r, const struct eff_planned_item *p,
                 const struct eff_err *why, struct eff_err *err)
{
    eff_str message = eff_str_copy(&r->batch, eff_str_of(why->msg));

    r->report->invalid++;
    eff_report_problem(r->report, "EFF2112", EFF_ROW, 1, message, eff_str_of(why->hint),
                       eff_str_of(why->where));
    return planning_ledger(r, p, EFF_LEDGER_INVALID, 1, p->item.key_json, "EFF2112", message, err);
}

static enum eff_fault
planning_held(struct eff_sync_run *r, const struct eff_change *change,
              const struct eff_planned_item *p, const struct eff_err *why, struct eff_err *err)
{
    eff_str message = eff_str_copy(&r->batch, eff_str_of(why->msg));

    planning_count(r, change->kind);
    r->report->held++;
    eff_report_problem(r->report, "EFF2116", EFF_ROW, 1, message,
                       EFF_STR("`efferent rows` lists them; mend the record over there, or reset."),
                       EFF_STR_NONE);
    return planning_ledger(r, p, EFF_LEDGER_HELD, 1, p->item.key_json, "EFF2116", message, err);
}

/* The record is where it was written, though the row has another match value by now. */
static void
planning_look_where(struct eff_sync_run *r, const struct eff_change *change,
                    struct eff_planned_item *p)
{
    struct eff_identity identity;

    if (r->look->adopt || change->kind != EFF_CHANGE_CHANGE || !change->identity.ptr ||
        !eff_identity_read(change->identity, r->mapping.match_count, &r->batch, &identity))
        return;
    p->item.match = identity.match;
    p->item.old_match = NULL;
}

/* As a new row would be sent: whole. */
static enum eff_fault
planning_look(struct eff_sync_run *r, const struct eff_change *change, const struct eff_value *row,
              struct eff_err *err)
{
    struct eff_change whole = *change;
    struct eff_planned_item p;
    struct eff_err why = {0};

    whole.kind = EFF_CHANGE_ADD;
    if (eff_plan_change(&r->planner, &whole, row, &r->batch, &p, &why) == EFF_PLANNED_INVALID)
        return planning_invalid(r, &p, &why, err);
    planning_look_where(r, change, &p);
    return eff_run_look_row(r, &p, change->kind == EFF_CHANGE_CHANGE, err);
}

/* The record stays, because another row stands for it now; only this key is forgotten. */
static enum eff_fault
planning_release(struct eff_sync_run *r, const struct eff_change *removal, struct eff_err *err)
{
    struct eff_value *fields = eff_new(&r->batch, struct eff_value, r->mapping.fields_count);
    struct eff_change plain = *removal;
    struct eff_planned_item p;
    struct eff_err ignored = {0};

    plain.claimed = 0;
    if (eff_plan_change(&r->planner, &plain, NULL, &r->batch, &p, &ignored) != EFF_PLANNED_SEND)
        return EFF_OK;
    for (size_t i = 0; i < r->mapping.fields_count; i++)
        fields[i].kind = EFF_ABSENT;
    p.item.fields = fields;
    p.item.leaving_count = 0;
    p.op = EFF_OP_NONE;
    r->report->gone++;
    r->followed++;
    return eff_run_plan_add(r, &p, EFF_GROUP_RELEASED, err);
}

/* Its key was not kept while its record was to stay. A guard decides whether it is let go of. */
static enum eff_fault
planning_lost(struct eff_sync_run *r, const struct eff_change *change,
              const struct eff_planned_item *p, struct eff_err *err)
{
    struct eff_entry entry = {.key = change->key};

    planning_count(r, change->kind);
    eff_multiset_add(&r->lost, entry);
    return eff_run_plan_add(r, p, EFF_GROUP_LOST, err);
}

/* A removal; other rows that were put aside are known as such when they are read. */
static enum eff_fault
planning_aside(struct eff_sync_run *r, const struct eff_change *change, struct eff_err *err)
{
    planning_count(r, change->kind);
    r->report->held++;
    return eff_run_put_aside(r, change->key, EFF_STR_NONE, EFF_LEDGER_HELD, err);
}

static enum eff_fault
planning_change(struct eff_sync_run *r, const struct eff_change *change,
                const struct eff_value *row, struct eff_err *err)
{
    struct eff_planned_item p;
    struct eff_err why = {0};
    enum eff_planned planned;
    bool put_off = false, waits;

    EFF_TRY(eff_run_doubt_waits(r, change, &waits, err));
    if (waits) {
        r->report->unchanged += change->kind == EFF_CHANGE_CHANGE;
        return EFF_OK;
    }

    if (eff_run_is_keyed(r))
        EFF_TRY(eff_control_incarnation(r->control, r->sync->name, change->key,
                                        &r->planner.incarnation, err));
    planned = eff_plan_change(&r->planner, change, row, &r->batch, &p, &why);
    EFF_CRASH_ON("row.plan", p.item.key_json);
    if (planned == EFF_PLANNED_HELD || (planned == EFF_PLANNED_SEND && p.item.old_match))
        EFF_TRY(
            eff_run_moves_put_off(r, change, row, &p, planned == EFF_PLANNED_HELD, &put_off, err));
    if (put_off)
        return EFF_OK;
    switch (planned) {
    case EFF_PLANNED_SEND:
        if (row && p.item.leaving_count > 0 && eff_run_claims_doubt(r, change, row))
            return EFF_OK;
        return planning_send(r, change, row, &p, err);
    case EFF_PLANNED_FOLLOW:
        r->followed++;
        if (change->kind != EFF_CHANGE_REBASE) /* the diff counted those as unchanged itself */
            r->report->unchanged++;
        return eff_run_plan_add(r, &p, EFF_GROUP_FREE, err);
    case EFF_PLANNED_LEAVE:
        r->report->unchanged++;
        return EFF_OK;
    case EFF_PLANNED_GONE:
        if (change->claimed)
            return planning_release(r, change, err);
        r->report->gone++;
        return EFF_OK;
    case EFF_PLANNED_LOST:
        return planning_lost(r, change, &p, err);
    case EFF_PLANNED_HELD:
        return planning_held(r, change, &p, &why, err);
    case EFF_PLANNED_INVALID:
        break;
    }
    return planning_invalid(r, &p, &why, err);
}

static enum eff_fault
planning_duplicate(struct eff_sync_run *r, const struct eff_change *change,
                   const struct eff_value *row, struct eff_err *err)
{
    struct eff_planned_item p = {.ack = {.key = change->key}};
    struct eff_buf buf = {0};
    eff_str key_json, message;

    eff_row_key_json(&buf, &r->mapping, row);
    key_json = eff_str_copy(&r->batch, eff_buf_str(&buf));
    eff_buf_free(&buf);
    message = eff_str_printf(&r->batch, "%llu rows of the model share one key",
                             (unsigned long long)change->rows);
    r->report->invalid += change->rows;
    eff_report_problem(r->report, "EFF2108", EFF_ROW, change->rows,
                       EFF_STR("several rows of the model share one key: none of them is sent"),
                       eff_str_printf(&r->batch,
                                      "For example " EFF_STR_FMT
                                      ". Make `key:` unique, or group the model by it.",
                                      EFF_STR_ARG(key_json)),
                       eff_place_text(&r->batch, r->sync->key_place));
    return planning_ledger(r, &p, EFF_LEDGER_INVALID, change->rows, key_json, "EFF2108", message,
                           err);
}

static enum eff_fault
planning_row(struct eff_sync_run *r, const struct eff_change *change, const struct eff_value *row,
             struct eff_err *err)
{
    if (change->kind == EFF_CHANGE_DUPLICATE)
        return planning_duplicate(r, change, row, err);
    if (change->kind == EFF_CHANGE_TWIN)
        return eff_run_twin_row(r, change, row, err);
    return r->look ? planning_look(r, change, row, err) : planning_change(r, change, row, err);
}

/* ---- all changes ---- */

static bool
planning_needs_row(const struct eff_sync_run *r, const struct eff_change *change)
{
    if (change->kind == EFF_CHANGE_REBASE)
        return false;
    return change->kind != EFF_CHANGE_REMOVE && r->columns.count > 0;
}

static enum eff_fault
planning_decode(struct eff_sync_run *r, const struct eff_change *change, struct eff_err *err)
{
    struct eff_value *row = NULL;

    r->hand->now.key = change->key;
    if (planning_needs_row(r, change)) {
        row = eff_new(&r->batch, struct eff_value, r->columns.count);
        if (!eff_content_read(change->content, r->needed, r->columns.count, row))
            return EFF_FAIL(err, EFF_BROKEN, "a spooled row does not read back: this is a bug");
    }
    return planning_row(r, change, row, err);
}

/* Changes whose rows must be read again; when they are many, some at a time. */
struct planning_wanted {
    struct eff_buf changes;
    struct eff_arena identities;
};

static enum eff_fault
planning_take(struct eff_sync_run *r, const struct eff_change *change, const struct eff_value *row,
              struct eff_err *err)
{
    struct eff_change *once = (struct eff_change *)(uintptr_t)change;
    struct eff_change taken = *change;

    if (once->kind == EFF_CHANGE_END)
        return EFF_OK;
    once->kind = EFF_CHANGE_END; /* the rows of a duplicate group come more than once */
    return planning_row(r, &taken, row, err);
}

/* What it is by now, nobody has read. */
static enum eff_fault
planning_changed_again(struct eff_sync_run *r, const struct eff_change *change, struct eff_err *err)
{
    struct eff_planned_item p = {.ack = {.key = change->key}};

    planning_count(r, change->kind);
    r->report->pending++;
    eff_report_problem(r->report, "EFF2114", EFF_TRANSIENT, 1,
                       EFF_STR("rows changed while the model was read"),
                       EFF_STR("The next run sends them."), EFF_STR_NONE);
    return planning_ledger(r, &p, EFF_LEDGER_PENDING, 1, EFF_STR_NONE, "EFF2114",
                           EFF_STR("it changed while the model was read"), err);
}

/* The filter's false positives: their rows are read again, in the same snapshot of the source. */
static enum eff_fault
planning_again(struct eff_sync_run *r, struct planning_wanted *wanted, struct eff_err *err)
{
    struct eff_change *changes = (struct eff_change *)(void *)wanted->changes.ptr;
    size_t count = wanted->changes.len / sizeof *changes;

    if (wanted->changes.full)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory for rows that must be read again");
    if (count == 0)
        return EFF_OK;
    EFF_TRY(eff_run_read_again(r, changes, count, planning_take, err));
    for (size_t i = 0; i < count; i++) {
        if (changes[i].kind == EFF_CHANGE_END)
            continue;
        EFF_TRY(planning_changed_again(r, &changes[i], err));
    }
    eff_buf_reset(&wanted->changes);
    eff_arena_reset(&wanted->identities);
    return EFF_OK;
}

static enum eff_fault
planning_remember(struct eff_sync_run *r, struct planning_wanted *wanted,
                  const struct eff_change *change, struct eff_err *err)
{
    struct eff_change copy = *change;

    copy.identity =
        change->identity.ptr ? eff_str_copy(&wanted->identities, change->identity) : EFF_STR_NONE;
    eff_buf_add_bytes(&wanted->changes, &copy, sizeof copy);
    if (wanted->changes.len < (size_t)r->sync->memory_bytes / 16 &&
        wanted->identities.used < (size_t)r->sync->memory_bytes / 16)
        return EFF_OK;
    return planning_again(r, wanted, err);
}

static enum eff_fault
planning_look_at(struct eff_sync_run *r, const struct eff_change *change, struct eff_err *err)
{
    struct eff_change kept = *change;

    if (!eff_run_look_wants(r, change))
        return EFF_OK;
    kept.content = eff_str_copy(&r->batch, change->content);
    kept.identity = change->identity.ptr ? eff_str_copy(&r->batch, change->identity) : EFF_STR_NONE;
    return planning_decode(r, &kept, err);
}

/* The diff's next change, if there is one. */
static enum eff_fault
planning_next(struct eff_sync_run *r, struct planning_wanted *wanted, bool *ret_end,
              struct eff_err *err)
{
    struct eff_change change;

    if (r->look_count == 0) /* else it holds the rows that are about to be looked at */
        eff_arena_reset(&r->batch);
    EFF_TRY(eff_diff_next(r->diff, &change, err));
    *ret_end = change.kind == EFF_CHANGE_END;
    if (*ret_end)
        return EFF_OK;
    r->hand->now.key = change.key;
    /* Passed over while it was read, and `forget` died before the snapshot was without it. */
    if (change.kind == EFF_CHANGE_REMOVE && eff_run_is_forgotten(r, change.key))
        return EFF_OK;
    if (change.kind == EFF_CHANGE_REMOVE && eff_run_is_aside(r, change.key))
        return planning_aside(r, &change, err);
    if (r->look)
        return planning_look_at(r, &change, err);
    if (planning_needs_row(r, &change) && !change.content.ptr)
        return planning_remember(r, wanted, &change, err);
    if (change.kind != EFF_CHANGE_REMOVE || !eff_run_claims_doubt(r, &change, NULL))
        return planning_decode(r, &change, err);
    return EFF_OK;
}

static enum eff_fault
planning_all(struct eff_sync_run *r, struct eff_err *err)
{
    struct planning_wanted wanted = {0};
    enum eff_fault fault = EFF_OK;
    bool end = false;

    eff_arena_init(&wanted.identities, "identities", PLANNING_IDENTITIES_BYTES);
    for (size_t taken = 1; fault == EFF_OK && !end; taken++) {
        fault = planning_next(r, &wanted, &end, err);
        if (taken % PLANNING_LOOK_UP == 0) // asking for the time costs as much as a field
            eff_run_progress(r, false);
    }
    if (fault == EFF_OK)
        fault = eff_run_look_flush(r, err);
    if (fault == EFF_OK)
        fault = planning_again(r, &wanted, err);
    if (fault == EFF_OK)
        fault = eff_run_moves_settle(r, planning_decode, err);
    if (fault == EFF_OK)
        fault = eff_run_claims_settle(r, planning_decode, planning_release, err);
    eff_hand_empty(r->hand);
    eff_run_twins_report(r);
    eff_arena_deinit(&wanted.identities);
    eff_buf_free(&wanted.changes);
    return fault;
}

/* ---- the change file ---- */

void
eff_run_planner(struct eff_sync_run *r)
{
    r->planner = (struct eff_planner){
        .mapping = &r->mapping,
        .mode = r->sync->mode,
        .on_removed = r->sync->on_removed,
        .limits = r->limits,
        .with_identities = r->with_identities,
        .field_added = r->field_added,
        .any_added = r->any_added,
        .sync = r->sync->name,
        .object = r->sync->object,
        .secret = {(const char *)r->state.secret, sizeof r->state.secret},
    };
}

static enum eff_fault
planning_open(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_changes_names names = {.object = r->sync->object,
                                      .match_count = r->dest_sync.match_count,
                                      .match_names = r->dest_sync.match_names,
                                      .fields_count = r->dest_sync.fields_count,
                                      .field_names = r->dest_sync.field_names};
    bool plan = r->options->plan;
    const char *path = plan ? r->scratch : eff_run_changes_path(r, r->run_id);

    return eff_changes_create(r->os, path, plan, &names, &r->run, &r->writer, err);
}

static uint64_t
planning_units(const struct eff_sync_run *r, const struct eff_batch_ref *batch)
{
    size_t requests = r->limits[batch->op].requests;

    switch (r->dest->units.per) {
    case EFF_UNITS_REQUEST:
        return requests > 0 ? requests : 1;
    case EFF_UNITS_ROW:
        return batch->rows;
    default:
        return 0;
    }
}

static uint64_t
planning_ceil(uint64_t rows, size_t together)
{
    return (rows + together - 1) / (together > 0 ? together : 1);
}

/* Beside the batches: what is asked first, ids that are looked up, rows that are read back. */
static uint64_t
planning_units_besides(const struct eff_sync_run *r, const uint64_t rows[EFF_OPS_COUNT])
{
    uint64_t units = r->calls_asked, read = 0;

    for (int op = 0; op < EFF_OPS_COUNT; op++) {
        uint64_t unfound = rows[op] < r->rows_unfound[op] ? rows[op] : r->rows_unfound[op];

        if (r->limits[op].find_rows > 0)
            units += planning_ceil(unfound, r->limits[op].find_rows);
        read += eff_run_readback_op((enum eff_op)op) ? rows[op] : 0;
    }
    if (eff_run_reads_back(r))
        units += planning_ceil(eff_run_readback_least(read),
                               r->dest->read_rows > 0 ? r->dest->read_rows : 1);
    return units;
}

/* What a plan says that a run would take, at the least. */
static void
planning_estimate(struct eff_sync_run *r)
{
    uint64_t rows[EFF_OPS_COUNT] = {0};

    r->report->units_name = r->dest->units.name;
    r->report->units = r->dest->units.per == EFF_UNITS_NEW_ROW ? r->rows_new : 0;
    for (size_t i = 0; i < r->batches_count; i++) {
        if (r->batches[i].op == EFF_OP_NONE || r->batches[i].held)
            continue;
        r->report->requests++;
        r->report->units += planning_units(r, &r->batches[i]);
        rows[r->batches[i].op] += r->batches[i].rows;
    }
    if (r->dest->units.per == EFF_UNITS_REQUEST)
        r->report->units += planning_units_besides(r, rows);
}

static enum eff_fault
planning_pack(struct eff_sync_run *r, struct eff_err *err)
{
    const struct eff_chunk *chunks;
    size_t count;

    EFF_TRY(eff_changes_chunks(r->writer, &count, &chunks, err));
    EFF_TRY(eff_run_bind(r, (int64_t)r->report->planned, err));
    r->batches = eff_pack_batches(chunks, count, r->limits, eff_run_chunk_held, r, &r->run,
                                  &r->batches_count);
    if (r->options->plan)
        planning_estimate(r);
    return eff_changes_seal(r->writer, r->batches, r->batches_count, &r->changes_digest, err);
}

static enum eff_fault
planning_look_at_ledger(struct eff_sync_run *r, struct eff_err *err)
{
    uint64_t counts[EFF_LEDGER_PENDING + 1];

    if (!r->control)
        return EFF_OK;
    EFF_TRY(eff_control_ledger_count(r->control, r->sync->name, counts, err));
    for (size_t i = 0; i <= EFF_LEDGER_PENDING; i++)
        r->has_ledger = r->has_ledger || counts[i] > 0;
    r->has_refused = counts[EFF_LEDGER_REJECTED] > 0;
    return EFF_OK;
}

enum eff_fault
eff_run_plan(struct eff_sync_run *r, struct eff_err *err)
{
    const struct eff_diff_counts *counts;

    EFF_TRY(planning_look_at_ledger(r, err));
    EFF_TRY(eff_control_doubts(r->control, r->sync->name, &r->has_doubts, err));
    EFF_TRY(planning_open(r, err));
    EFF_TRY(planning_all(r, err));
    eff_run_types_tell(r);
    counts = eff_diff_counts(r->diff);
    r->report->unchanged += counts->unchanged;
    r->report->invalid += counts->invalid;
    EFF_TRY(eff_run_guard(r, err));
    EFF_TRY(planning_pack(r, err));
    eff_diff_close(r->diff);
    r->diff = NULL;
    return EFF_OK;
}
