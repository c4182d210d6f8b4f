/*
 * dest/sql: delivers rows into a table.
 *
 * The rows of a delivery are put into groups that take the same statement (the
 * same set of fields, changed match values or not). A group is one request and
 * one transaction. A group that is refused as a whole is halved until the row to
 * blame stands alone: by deliver (EFF_STEP_SPLIT) while nothing of the delivery is
 * in, else here, because the groups before it must not be sent again.
 */
#include "dest/sql.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"

/*
 * Rows come in the order of their key's hash, so each transaction touches pages all
 * over the table and its indexes: few large ones, sorted by match value, write each
 * page a few times; a thousand small ones write every page a thousand times. Where
 * an answer that was lost must be looked up or held, a batch stays small. A disk that
 * has to seek for every row, or a trigger, gets its time.
 */
#define SQL_ROWS_MAX      100000
#define SQL_BYTES_MAX     ((size_t)64 << 20)
#define SQL_ROWS_MAX_ONCE 1000
#define SQL_TIMEOUT_MS    60000
#define SQL_ROW_MS        5

struct sql_run { /* task->scratch of a delivery */
    struct eff_table_group *groups;
    size_t count, cap;
    size_t at;    /* the group whose request is out */
    bool *judged; /* per item */
    bool any_in;  /* a group was answered with success */
};

/* ---- opening and binding ---- */

static eff_str
sql_account(const struct eff_table_dialect *dialect, eff_str place, struct eff_arena *run)
{
    struct eff_sha256 digest = eff_sha256(place); // a name of the database that tells nobody where

    return eff_str_printf(
        run, "%s:" EFF_STR_FMT,
        (const char *[]){"sqlite", "postgres", "mysql"}[dialect->dialect - EFF_SQL_SQLITE],
        EFF_STR_ARG(eff_hex(run, digest.bytes, 8)));
}

enum eff_fault
eff_table_open(const struct eff_dest_conf *conf, const struct eff_table_dialect *dialect,
               eff_str connect, eff_str schema, struct eff_arena *run, struct eff_dest **ret_dest)
{
    struct eff_table_dest *dest = eff_new(run, struct eff_table_dest, 1);
    eff_str place = dialect->dialect == EFF_SQL_SQLITE ? connect : eff_table_place(connect, run);

    if (schema.len > 0)
        place = eff_str_printf(run, EFF_STR_FMT "schema=" EFF_STR_FMT, EFF_STR_ARG(place),
                               EFF_STR_ARG(schema));
    dest->base.conf = conf;
    dest->base.can_describe = dest->base.can_read = dest->base.strict = true;
    dest->base.account = sql_account(dialect, place, run);
    dest->base.account_before = sql_account(dialect, connect, run);
    dest->dialect = dialect;
    dest->connect = connect;
    dest->schema = schema;
    *ret_dest = &dest->base;
    return EFF_OK;
}

static enum eff_fault
sql_check_names(const struct eff_table_dest *dest, size_t count, const eff_str *names,
                struct eff_err *err)
{
    for (size_t i = 0; i < count; i++)
        EFF_TRY(eff_table_check_name(dest, names[i], err));
    return EFF_OK;
}

static enum eff_fault
sql_check_object(const struct eff_table_dest *dest, eff_str object, struct eff_err *err)
{
    struct eff_table_name table;
    struct eff_arena scratch = {0};
    enum eff_fault fault;

    eff_arena_init(&scratch, "table name", (size_t)1 << 20);
    fault = object.len > 4096
                ? EFF_FAIL(err, EFF_CONFIG, "the table name has %zu bytes", object.len)
                : eff_table_split(dest, object, &scratch, &table, err);
    eff_arena_deinit(&scratch);
    return fault;
}

enum eff_fault
eff_table_bind(struct eff_dest *base, const struct eff_dest_sync *sync,
               struct eff_op_limits limits[EFF_OPS_COUNT], struct eff_err *err)
{
    static const struct {
        enum eff_op op;
        enum eff_class class;
        bool rematch;
    } ops[] = {
        {EFF_OP_UPSERT, EFF_CLASS_CONVERGE, true},  {EFF_OP_UPDATE, EFF_CLASS_CONVERGE, true},
        {EFF_OP_CREATE, EFF_CLASS_LOOKUP, false},   {EFF_OP_CLEAR, EFF_CLASS_CONVERGE, false},
        {EFF_OP_DELETE, EFF_CLASS_CONVERGE, false}, {EFF_OP_APPEND, EFF_CLASS_BLIND, false},
    };
    static const bool can[] = {
        [EFF_REMOVED_KEEP] = true, [EFF_REMOVED_CLEAR] = true, [EFF_REMOVED_DELETE] = true};
    struct eff_table_dest *dest = (struct eff_table_dest *)base;

    if (sync->mode == EFF_MODE_MEMBERS) {
        EFF_FAIL(err, EFF_CONFIG, "a table has no members");
        return eff_err_hint(err, "Use upsert, update, insert, mirror or append.");
    }
    if (sync->on_removed == EFF_REMOVED_ARCHIVE) {
        EFF_FAIL(err, EFF_CONFIG, "a table cannot archive records");
        return eff_dest_removed_hint(sync->mode, can, err);
    }
    EFF_TRY(sql_check_object(dest, sync->object, err));
    EFF_TRY(sql_check_names(dest, sync->match_count, sync->match_names, err));
    EFF_TRY(sql_check_names(dest, sync->fields_count, sync->field_names, err));
    dest->match_count = sync->match_count;
    dest->match_names = sync->match_names;
    dest->wants_unique = sync->mode == EFF_MODE_UPSERT || sync->mode == EFF_MODE_MIRROR ||
                         sync->mode == EFF_MODE_INSERT;
    memset(limits, 0, sizeof(*limits) * EFF_OPS_COUNT);
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        limits[ops[i].op] = (struct eff_op_limits){
            .supported = true,
            .class = ops[i].class,
            .rows_max = ops[i].class == EFF_CLASS_CONVERGE ? SQL_ROWS_MAX : SQL_ROWS_MAX_ONCE,
            .bytes_max = SQL_BYTES_MAX,
            .concurrency = 1,
            .rematch = ops[i].rematch};
    return EFF_OK;
}

static size_t
sql_values_bytes(size_t count, const struct eff_value *values)
{
    size_t bytes = 0;

    for (size_t i = 0; values != NULL && i < count; i++) {
        switch ((enum eff_kind)values[i].kind) {
        case EFF_DECIMAL:
        case EFF_TEXT:
        case EFF_JSON:
            bytes += 8 + (size_t)values[i].len;
            break;
        case EFF_BYTES:
            bytes += 8 + 2 * (size_t)values[i].len;
            break;
        default:
            bytes += 40;
        }
    }
    return bytes;
}

size_t
eff_table_item_bytes(struct eff_dest *dest, const struct eff_delivery *delivery,
                     const struct eff_item *item)
{
    (void)dest;
    return 16 + sql_values_bytes(delivery->match_count, item->match) +
           sql_values_bytes(delivery->match_count, item->old_match) +
           sql_values_bytes(delivery->fields_count, item->fields);
}

/* ---- groups ---- */

static bool
sql_only_match(enum eff_op op)
{
    return op == EFF_OP_DELETE || op == EFF_OP_CLEAR;
}

static bool
sql_is_present(const struct eff_delivery *delivery, const struct eff_item *item, size_t field)
{
    return !sql_only_match(delivery->op) && item->fields != NULL &&
           item->fields[field].kind != EFF_ABSENT;
}

static bool
sql_fits(const struct eff_delivery *delivery, const struct eff_table_group *group,
         const struct eff_item *item)
{
    if (group->rematch != (item->old_match != NULL))
        return false;
    for (size_t i = 0; i < delivery->fields_count; i++)
        if (group->present[i] != sql_is_present(delivery, item, i))
            return false;
    return true;
}

static struct eff_table_group *
sql_new_group(struct sql_run *run, struct eff_arena *arena)
{
    if (run->count == run->cap) {
        struct eff_table_group *more =
            eff_new(arena, struct eff_table_group, run->cap = run->cap ? run->cap * 2 : 8);

        if (run->count > 0)
            memcpy(more, run->groups, run->count * sizeof(*more));
        run->groups = more;
    }
    return &run->groups[run->count++];
}

static size_t
sql_group_of(struct sql_run *run, const struct eff_delivery *delivery, const struct eff_item *item)
{
    struct eff_table_group *group;
    bool *present;

    for (size_t g = 0; g < run->count; g++)
        if (sql_fits(delivery, &run->groups[g], item))
            return g;
    group = sql_new_group(run, delivery->arena);
    present = eff_new(delivery->arena, bool, delivery->fields_count + 1);
    for (size_t i = 0; i < delivery->fields_count; i++)
        present[i] = sql_is_present(delivery, item, i);
    *group = (struct eff_table_group){.present = present, .rematch = item->old_match != NULL};
    return run->count - 1;
}

static int
sql_value_cmp(const struct eff_value *a, const struct eff_value *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    switch ((enum eff_kind)a->kind) {
    case EFF_DECIMAL:
    case EFF_TEXT:
    case EFF_BYTES:
    case EFF_JSON:
        return eff_str_cmp(eff_value_str(a), eff_value_str(b));
    case EFF_FLOAT:
        return (a->f > b->f) - (a->f < b->f);
    default:
        return (a->i > b->i) - (a->i < b->i);
    }
}

/* About the order of an index on the match columns; any order is right. Equal ones stay in turn. */
static int
sql_item_cmp(const void *left, const void *right, void *user)
{
    const struct eff_delivery *delivery = user;
    size_t a = *(const size_t *)left, b = *(const size_t *)right;
    const struct eff_item *items = delivery->items;

    for (size_t i = 0; i < delivery->match_count; i++) {
        int order = sql_value_cmp(&items[a].match[i], &items[b].match[i]);

        if (order != 0)
            return order;
    }
    return (a > b) - (a < b);
}

/* Two passes: which group each item belongs to, then their lists one after the other. */
static struct sql_run *
sql_start(const struct eff_delivery *delivery)
{
    struct eff_arena *arena = delivery->arena;
    struct sql_run *run = eff_new(arena, struct sql_run, 1);
    size_t *group_of = eff_new(arena, size_t, delivery->count + 1);
    size_t *lists = eff_new(arena, size_t, delivery->count + 1), *at;
    size_t from = 0;

    run->judged = eff_new(arena, bool, delivery->count + 1);
    for (size_t i = 0; i < delivery->count; i++) {
        group_of[i] = sql_group_of(run, delivery, &delivery->items[i]);
        run->groups[group_of[i]].count++;
    }
    at = eff_new(arena, size_t, run->count + 1);
    for (size_t g = 0; g < run->count; g++) {
        run->groups[g].items = lists + from;
        at[g] = from;
        from += run->groups[g].count;
    }
    for (size_t i = 0; i < delivery->count; i++)
        lists[at[group_of[i]]++] = i;
    for (size_t g = 0; g < run->count && delivery->op != EFF_OP_APPEND; g++)
        qsort_r(lists + at[g] - run->groups[g].count, run->groups[g].count, sizeof(*lists),
                sql_item_cmp, (void *)(uintptr_t)delivery);
    return run;
}

/* ---- verdicts ---- */

static void
sql_verdict(struct sql_run *run, struct eff_delivery *delivery, size_t item,
            struct eff_verdict verdict)
{
    delivery->items[item].verdict = verdict;
    run->judged[item] = true;
}

/* Everything that has no verdict yet. */
static void
sql_rest(struct sql_run *run, struct eff_delivery *delivery, struct eff_verdict verdict)
{
    for (size_t i = 0; i < delivery->count; i++)
        if (!run->judged[i])
            sql_verdict(run, delivery, i, verdict);
}

/* What "nothing changed" means depends on what was asked. */
static struct eff_verdict
sql_success(enum eff_op op, int64_t changed)
{
    if (op == EFF_OP_UPDATE && changed == 0)
        return (struct eff_verdict){.outcome = EFF_REFUSED,
                                    .fault = EFF_ROW,
                                    .code = EFF_STR("not_found"),
                                    .message = EFF_STR("no such record")};
    if (op == EFF_OP_CREATE && changed == 0)
        return (struct eff_verdict){.outcome = EFF_REFUSED,
                                    .fault = EFF_ROW,
                                    .code = EFF_STR("exists"),
                                    .message =
                                        EFF_STR("a record with this match is there already")};
    return (struct eff_verdict){.outcome = EFF_APPLIED,
                                .created = op == EFF_OP_CREATE || op == EFF_OP_APPEND};
}

static struct eff_verdict
sql_failure(const struct eff_delivery *delivery, enum eff_outcome outcome,
            const struct eff_table_fault *fault, const struct eff_response *answer)
{
    struct eff_verdict verdict = {.outcome = outcome, .fault = fault->fault};

    verdict.code = eff_str_copy(delivery->arena, answer->sqlstate);
    verdict.message = eff_str_copy(delivery->arena, answer->problem);
    if (eff_str_is(verdict.code, "21000") && outcome == EFF_REFUSED) {
        verdict.code = EFF_STR("ambiguous_match");
        verdict.message = EFF_STR("more than one record matches");
    }
    for (size_t i = 0; i < delivery->fields_count; i++)
        if (fault->column.len > 0 && eff_str_eq(delivery->field_names[i], fault->column))
            verdict.field = delivery->field_names[i];
    return verdict;
}

/* ---- steps ---- */

static struct eff_step
sql_send(struct eff_table_dest *dest, struct sql_run *run, struct eff_delivery *delivery,
         struct eff_err *err)
{
    struct eff_step step = {.kind = EFF_STEP_SEND};
    struct eff_table_fault fault = {.fault = EFF_CONFIG};

    if (run->at == run->count)
        return (struct eff_step){.kind = EFF_STEP_DONE};
    if (eff_table_request(dest, delivery, &run->groups[run->at], delivery->arena, &step.request,
                          err) == EFF_OK) {
        step.request.timeout_ms = SQL_TIMEOUT_MS + (int64_t)run->groups[run->at].count * SQL_ROW_MS;
        return step;
    }
    sql_rest(run, delivery,
             sql_failure(delivery, EFF_NOT_APPLIED, &fault, &(struct eff_response){0}));
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

static void
sql_halve(struct sql_run *run, struct eff_arena *arena)
{
    struct eff_table_group *rest = sql_new_group(run, arena);
    struct eff_table_group *group = &run->groups[run->at];
    size_t half = group->count / 2;

    *rest = *group;
    rest->items += half;
    rest->count -= half;
    group->count = half;
}

/* The group was refused on its merits, or on those of one of its rows. */
static struct eff_step
sql_refused(struct eff_table_dest *dest, struct sql_run *run, struct eff_delivery *delivery,
            const struct eff_table_fault *fault, const struct eff_response *last,
            struct eff_err *err)
{
    struct eff_table_group *group = &run->groups[run->at];

    if (group->count == 1) {
        sql_verdict(run, delivery, group->items[0],
                    sql_failure(delivery, EFF_REFUSED, fault, last));
        run->at++;
    } else if (!run->any_in && run->at == 0 && group->count == delivery->count)
        return (struct eff_step){.kind = EFF_STEP_SPLIT};
    else
        sql_halve(run, delivery->arena);
    return sql_send(dest, run, delivery, err);
}

struct eff_step
eff_table_stop(const struct eff_table_dest *dest, const struct eff_table_fault *fault,
               const struct eff_response *answer, eff_str object, struct eff_err *err)
{
    const char *hint = fault->hint;
    /* The path of a file helps; a connect string could hold a password. */
    bool is_file = dest->dialect->dialect == EFF_SQL_SQLITE;

    EFF_FAIL(err, fault->fault, "%s%s" EFF_STR_FMT ", table " EFF_STR_FMT ": " EFF_STR_FMT,
             dest->dialect->title, is_file ? " " : "",
             EFF_STR_ARG(is_file ? dest->connect : EFF_STR("")), EFF_STR_ARG(object),
             EFF_STR_ARG(answer->problem));
    if (hint == NULL && fault->fault == EFF_CONTRACT)
        hint = dest->dialect->mend;
    if (hint != NULL)
        eff_err_hint(err, "%s", hint);
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

struct eff_step
eff_table_no_index(const struct eff_table_dest *dest, eff_str object, struct eff_arena *arena,
                   struct eff_err *err)
{
    EFF_FAIL(err, EFF_CONTRACT,
             "the table " EFF_STR_FMT " has no unique index on the match columns of this sync",
             EFF_STR_ARG(object));
    eff_err_hint(err, "Run: " EFF_STR_FMT, EFF_STR_ARG(eff_table_index_line(dest, object, arena)));
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

static struct eff_step
sql_stopped(struct eff_table_dest *dest, struct sql_run *run, struct eff_delivery *delivery,
            const struct eff_table_fault *fault, const struct eff_response *last,
            struct eff_err *err)
{
    sql_rest(run, delivery, sql_failure(delivery, EFF_NOT_APPLIED, fault, last));
    if (!fault->no_unique_index)
        return eff_table_stop(dest, fault, last, delivery->object, err);
    return eff_table_no_index(dest, delivery->object, delivery->arena, err);
}

/* A committed request: a verdict for each row, also for those that were refused alone. */
static void
sql_take(struct eff_table_dest *dest, struct sql_run *run, struct eff_delivery *delivery,
         const struct eff_table_group *group, const struct eff_response *last)
{
    const struct eff_refused_row *refused = last->refused;

    for (size_t i = 0; i < group->count; i++) {
        struct eff_response alone = *last;
        struct eff_table_fault fault;

        if (last->changed[i] >= 0 || refused == last->refused + last->refused_count) {
            sql_verdict(run, delivery, group->items[i],
                        sql_success(delivery->op, last->changed[i]));
            continue;
        }
        alone.status = 400;
        alone.sqlstate = refused->sqlstate;
        alone.problem = refused->problem;
        refused++;
        fault = dest->dialect->judge(&alone);
        sql_verdict(run, delivery, group->items[i],
                    sql_failure(delivery, EFF_REFUSED, &fault, &alone));
    }
}

static struct eff_step
sql_judge(struct eff_table_dest *dest, struct sql_run *run, struct eff_delivery *delivery,
          const struct eff_response *last, struct eff_err *err)
{
    const struct eff_table_group *group = &run->groups[run->at];
    struct eff_table_fault fault = {.fault = EFF_TRANSIENT};

    if (last->wire == EFF_WIRE_LOST) {
        for (size_t i = 0; i < group->count; i++)
            sql_verdict(run, delivery, group->items[i],
                        sql_failure(delivery, EFF_MAYBE_APPLIED, &fault, last));
    } else if (last->wire == EFF_WIRE_ANSWERED && last->status == 200) {
        if (last->rows != group->count || last->changed == NULL) {
            sql_rest(run, delivery, sql_failure(delivery, EFF_MAYBE_APPLIED, &fault, last));
            return (struct eff_step){.kind = EFF_STEP_DONE};
        }
        sql_take(dest, run, delivery, group, last);
        run->any_in = true;
        run->at++;
        return sql_send(dest, run, delivery, err);
    } else {
        fault = dest->dialect->judge(last);
        if (fault.fault == EFF_ROW)
            return sql_refused(dest, run, delivery, &fault, last, err);
        if (fault.fault != EFF_TRANSIENT)
            return sql_stopped(dest, run, delivery, &fault, last, err);
    }
    // What has not been tried shares the trouble of what was.
    sql_rest(run, delivery, sql_failure(delivery, EFF_NOT_APPLIED, &fault, last));
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static struct eff_step
sql_deliver(struct eff_table_dest *dest, struct eff_delivery *delivery,
            const struct eff_response *last, struct eff_err *err)
{
    if (delivery->scratch == NULL)
        delivery->scratch = sql_start(delivery);
    if (last == NULL)
        return sql_send(dest, delivery->scratch, delivery, err);
    return sql_judge(dest, delivery->scratch, delivery, last, err);
}

struct eff_step
eff_table_step(struct eff_dest *base, struct eff_task *task, const struct eff_response *last,
               struct eff_err *err)
{
    struct eff_table_dest *dest = (struct eff_table_dest *)base;

    switch (task->kind) {
    case EFF_TASK_DELIVER:
        return sql_deliver(dest, task->delivery, last, err);
    case EFF_TASK_DESCRIBE:
        return eff_table_describe(dest, task, last, err);
    case EFF_TASK_READ:
        return eff_table_read(dest, task, last, err);
    case EFF_TASK_AUTHORIZE:
    case EFF_TASK_CREATE:
    case EFF_TASK_CHECK:
    case EFF_TASK_FINISH:
        break;
    }
    return (struct eff_step){.kind = EFF_STEP_DONE}; // nothing to log in to or to end
}
