/*
 * test/lib/runworld: one sync between a model and a destination in memory, on real files.
 */
#include "lib/runworld.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static struct runworld *the_world; /* drivers are opened by a configuration, which names nobody */

static enum eff_fault
runworld_failed(const char *what, struct eff_err *err)
{
    return EFF_FAIL(err, EFF_TRANSIENT, "the test lets %s fail", what);
}

/* ---- the source ---- */

struct runworld_source {
    struct eff_source base;
    bool given;
    struct eff_value cells[RUNWORLD_KEYS * RUNWORLD_COLUMNS];
};

static enum eff_fault
source_query(struct eff_source *source, eff_str sql, struct eff_columns *ret_columns,
             struct eff_err *err)
{
    (void)sql;
    if (testos_planned(&the_world->os, TESTOS_SOURCE))
        return runworld_failed("a query", err);
    the_world->queries++;
    if (the_world->query)
        the_world->query(the_world);
    ((struct runworld_source *)source)->given = false;
    *ret_columns = (struct eff_columns){the_world->columns_count, the_world->columns};
    return EFF_OK;
}

static enum eff_fault
source_next(struct eff_source *source, struct eff_batch *ret_batch, struct eff_err *err)
{
    struct runworld_source *from = (struct runworld_source *)source;
    size_t rows = 0, width = the_world->columns_count;

    if (testos_planned(&the_world->os, TESTOS_SOURCE))
        return runworld_failed("a read", err);
    for (size_t i = 0; i < RUNWORLD_KEYS && !from->given; i++) {
        struct eff_value *cells = &from->cells[rows * width];

        if (the_world->model[i] == 0)
            continue;
        memcpy(cells, the_world->cells, width * sizeof *cells);
        cells[0] = eff_value_of_int(EFF_INT, (int64_t)i);
        cells[1] = eff_value_of_int(EFF_INT, the_world->model[i]);
        if (the_world->row)
            the_world->row(the_world, (int64_t)i, cells);
        rows++;
    }
    from->given = true;
    *ret_batch = (struct eff_batch){rows, width, from->cells};
    return EFF_OK;
}

static void
source_close(struct eff_source *source)
{
    (void)source;
}

static eff_str
source_reader(struct eff_source *source, struct eff_arena *arena)
{
    (void)source;
    (void)arena;
    return eff_str_of(the_world->reader);
}

static int64_t
source_scans(struct eff_source *source)
{
    (void)source;
    return the_world->scanned;
}

static enum eff_fault source_open(const void *config, struct eff_os *os, struct eff_arena *run,
                                  struct eff_source **ret_source, struct eff_err *err);

static const struct eff_source_ops runworld_source_ops = {.kind = "fake",
                                                          .open = source_open,
                                                          .query = source_query,
                                                          .next = source_next,
                                                          .reader = source_reader,
                                                          .scans = source_scans,
                                                          .cancel = source_close,
                                                          .close = source_close};

static enum eff_fault
source_open(const void *config, struct eff_os *os, struct eff_arena *run,
            struct eff_source **ret_source, struct eff_err *err)
{
    struct runworld_source *source;

    (void)config;
    (void)os;
    if (testos_planned(&the_world->os, TESTOS_SOURCE))
        return runworld_failed("the source", err);
    source = eff_new(run, struct runworld_source, 1);
    source->base.ops = &runworld_source_ops;
    *ret_source = &source->base;
    return EFF_OK;
}

/* ---- the destination: applies at once, remembers for good ---- */

static enum eff_fault
dest_bind(struct eff_dest *dest, const struct eff_dest_sync *sync,
          struct eff_op_limits limits[EFF_OPS_COUNT], struct eff_err *err)
{
    (void)dest;
    if (testos_planned(&the_world->os, TESTOS_DEST))
        return runworld_failed("the binding", err);
    if (the_world->can && !the_world->can(sync))
        return EFF_FAIL(err, EFF_CONFIG, "this cannot be served");
    for (enum eff_op op = EFF_OP_UPSERT; op < EFF_OPS_COUNT; op++)
        limits[op] = the_world->limits;
    return EFF_OK;
}

static void
dest_say(const struct eff_delivery *delivery, const struct eff_item *item)
{
    struct eff_buf *said = &the_world->said;

    eff_buf_addf(said, "%s ", eff_op_name(delivery->op));
    for (size_t i = 0; i < delivery->match_count; i++)
        eff_value_text(said, &item->match[i]);
    for (size_t i = 0; i < delivery->fields_count; i++) {
        if (item->fields[i].kind == EFF_ABSENT)
            continue;
        eff_buf_addf(said, " " EFF_STR_FMT "=", EFF_STR_ARG(delivery->field_names[i]));
        eff_value_text(said, &item->fields[i]);
    }
    eff_buf_add_char(said, '\n');
}

static bool
dest_removes(enum eff_op op)
{
    return op == EFF_OP_DELETE || op == EFF_OP_ARCHIVE || op == EFF_OP_CLEAR;
}

static void
dest_apply(struct eff_delivery *delivery)
{
    for (size_t i = 0; i < delivery->count; i++) {
        struct eff_item *item = &delivery->items[i];

        dest_say(delivery, item);
        if (the_world->judge && the_world->judge(the_world, delivery->op, item))
            continue;
        if (item->old_match && item->old_match[0].kind == EFF_INT)
            the_world->held[item->old_match[0].i] = 0;
        if (item->match[0].kind == EFF_INT && dest_removes(delivery->op))
            the_world->held[item->match[0].i] = 0;
        else if (item->match[0].kind == EFF_INT && item->fields[0].kind == EFF_INT)
            the_world->held[item->match[0].i] = item->fields[0].i;
        the_world->applied++;
        item->verdict = (struct eff_verdict){.outcome = EFF_APPLIED};
    }
}

static void
dest_read(const struct eff_task *task)
{
    struct eff_read *read = task->read;

    for (size_t i = 0; i < read->count; i++) {
        const struct eff_value *match = &read->match[i * read->match_count];
        struct eff_value *fields = eff_new(task->arena, struct eff_value, read->fields_count);
        struct eff_record *record = &read->records[i];

        record->found = match->kind == EFF_INT && the_world->held[match->i] != 0;
        if (!record->found)
            continue;
        fields[0] = eff_value_of_int(EFF_INT, the_world->held[match->i]);
        for (size_t f = 1; f < read->fields_count; f++)
            fields[f] = the_world->found[f];
        record->fields = fields;
    }
}

static struct eff_step
dest_step(struct eff_dest *dest, struct eff_task *task, const struct eff_response *last,
          struct eff_err *err)
{
    struct eff_step step = {0};

    (void)dest;
    if (testos_planned(&the_world->os, TESTOS_DEST)) {
        runworld_failed("the destination", err);
        return (struct eff_step){.kind = EFF_STEP_STOP};
    }
    if (the_world->step)
        step = the_world->step(the_world, task, last, err);
    if (step.kind)
        return step;
    if (task->kind == EFF_TASK_DELIVER)
        dest_apply(task->delivery);
    else if (task->kind == EFF_TASK_DESCRIBE)
        *task->schema = the_world->schema;
    else if (task->kind == EFF_TASK_READ)
        dest_read(task);
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static size_t
dest_bytes(struct eff_dest *dest, const struct eff_delivery *delivery, const struct eff_item *item)
{
    (void)dest;
    (void)delivery;
    (void)item;
    return 20;
}

static enum eff_fault dest_open(const struct eff_dest_conf *conf, struct eff_arena *run,
                                struct eff_dest **ret_dest, struct eff_err *err);

static const struct eff_dest_ops runworld_dest_ops = {.kind = "fake",
                                                      .title = "Fake",
                                                      .open = dest_open,
                                                      .bind = dest_bind,
                                                      .item_bytes = dest_bytes,
                                                      .step = dest_step};

static enum eff_fault
dest_open(const struct eff_dest_conf *conf, struct eff_arena *run, struct eff_dest **ret_dest,
          struct eff_err *err)
{
    struct eff_dest *dest;

    if (testos_planned(&the_world->os, TESTOS_DEST))
        return runworld_failed("the opening", err);
    dest = eff_new(run, struct eff_dest, 1);
    *dest = (struct eff_dest){.ops = &runworld_dest_ops,
                              .conf = conf,
                              .account = EFF_STR("fake"),
                              .can_describe = the_world->describes,
                              .can_read = the_world->reads,
                              .units = the_world->units,
                              .strict = the_world->strict,
                              .read_lag_ms = the_world->read_lag_ms,
                              .prepared_count = the_world->prepared_count,
                              .prepared = the_world->prepared};
    *ret_dest = dest;
    return EFF_OK;
}

/* ---- statements ---- */

static int
sql_deny(void *self, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)self, (void)b, (void)c, (void)d;
    if (action == SQLITE_TRANSACTION && a[0] == 'R')
        return SQLITE_OK; // what was begun can be undone
    if (action != SQLITE_TRANSACTION && action != SQLITE_PRAGMA && action != SQLITE_SELECT &&
        action != SQLITE_INSERT && action != SQLITE_UPDATE && action != SQLITE_DELETE)
        return SQLITE_OK;
    return testos_planned(&the_world->os, TESTOS_STATEMENT) ? SQLITE_DENY : SQLITE_OK;
}

/* One that is known already is not prepared again: it fails as it is carried out. */
static bool sql_fails;

static int
sql_begins(unsigned type, void *self, void *statement, void *text)
{
    (void)type, (void)self, (void)statement, (void)text;
    sql_fails = testos_planned(&the_world->os, TESTOS_STEP);
    return 0;
}

static int
sql_goes_on(void *self)
{
    bool now = sql_fails;

    (void)self;
    sql_fails = false;
    return now;
}

static int
sql_opened(sqlite3 *db, const char **ret_message, const sqlite3_api_routines *api)
{
    (void)ret_message, (void)api;
    sql_fails = false;
    sqlite3_progress_handler(db, 1, sql_goes_on, NULL);
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, sql_begins, NULL) == SQLITE_OK
               ? sqlite3_set_authorizer(db, sql_deny, NULL)
               : SQLITE_ERROR;
}

/* ---- requests, time ---- */

static void
os_submit(void *self, uint64_t ticket, const struct eff_request *request)
{
    (void)self;
    (void)request;
    the_world->ticket = ticket;
    the_world->polls = 0;
}

static void
os_cancel(void *self, uint64_t ticket)
{
    (void)self;
    (void)ticket;
    the_world->cancelled++;
    the_world->ticket = 0;
}

static uint64_t
os_next(void *self, int64_t until, const struct eff_response **ret_response)
{
    struct testos *os = self;
    uint64_t ticket = the_world->ticket;

    if (ticket && ++the_world->polls == the_world->answers_at) {
        *ret_response = &the_world->response;
        the_world->ticket = 0;
        return ticket;
    }
    if (until == INT64_MAX)
        os->mono_ms++;
    else if (until > os->mono_ms)
        os->mono_ms = until;
    return 0;
}

static bool
os_go_on(void *self)
{
    (void)self;
    return the_world->stop_at == 0 || ++the_world->looks < the_world->stop_at;
}

/* ---- a world ---- */

static void
world_sync(struct runworld *w, enum eff_mode mode)
{
    static const eff_str key[] = {EFF_STR("id")};

    w->fields[0] = (struct eff_field_conf){.name = EFF_STR("score"), .from = EFF_STR("score")};
    w->sync = (struct eff_sync_conf){
        .name = EFF_STR("scores"),
        .source = &w->source_conf,
        .model_kind = EFF_MODEL_SQL,
        .model = EFF_STR("SELECT 1"),
        .key_count = 1,
        .key = key,
        .dest = &w->dest_conf,
        .object = EFF_STR("o"),
        .mode = mode,
        .fields_count = 1,
        .fields = w->fields,
        .on_removed = mode == EFF_MODE_MIRROR ? EFF_REMOVED_DELETE : EFF_REMOVED_KEEP,
        .guard_removed_percent = 100,
        .guard_removed_rows = -1,
        .guard_changed_percent = -1,
        .enabled = true,
        .memory_bytes = 16 << 20,
    };
}

void
runworld_open(struct runworld *w, enum eff_mode mode)
{
    memset(w, 0, sizeof *w);
    the_world = w;
    sqlite3_auto_extension((void (*)(void))sql_opened);
    testos_init(&w->os, 1);
    w->os.os.submit = os_submit;
    w->os.os.cancel = os_cancel;
    w->os.os.next = os_next;
    w->os.os.go_on = os_go_on;
    w->folder = testos_folder();
    eff_arena_init(&w->process, "process", (size_t)1 << 30);
    w->scanned = -1;
    w->columns_count = 2;
    w->columns[0] = (struct eff_column){.name = EFF_STR("id"), .kind = EFF_INT};
    w->columns[1] = (struct eff_column){.name = EFF_STR("score"), .kind = EFF_INT};
    w->limits = (struct eff_op_limits){
        .supported = true, .class = EFF_CLASS_CONVERGE, .rows_max = 50, .concurrency = 1};
    w->source_kind.user = &runworld_source_ops;
    w->source_conf = (struct eff_source_conf){.name = EFF_STR("s"), .kind = &w->source_kind};
    w->dest_ops.ops = &runworld_dest_ops;
    w->dest_kind.user = &w->dest_ops;
    w->dest_conf = (struct eff_dest_conf){.name = EFF_STR("d"), .kind = &w->dest_kind};
    world_sync(w, mode);
    w->project = (struct eff_project){
        .name = EFF_STR("p"), .root = eff_str_of(w->folder), .syncs_count = 1, .syncs = &w->sync};
    w->project.state = eff_str_printf(&w->process, "%s/state", w->folder);
}

void
runworld_close(struct runworld *w)
{
    sqlite3_cancel_auto_extension((void (*)(void))sql_opened);
    testos_remove(w->folder);
    free(w->folder);
    eff_buf_free(&w->said);
    eff_arena_deinit(&w->process);
}

void
runworld_column(struct runworld *w, const char *name, struct eff_value value)
{
    size_t at = w->columns_count++;

    w->columns[at] =
        (struct eff_column){.name = eff_str_of(name), .kind = (enum eff_kind)value.kind};
    w->cells[at] = value;
    w->found[w->sync.fields_count] = value;
    w->fields[w->sync.fields_count++] =
        (struct eff_field_conf){.name = eff_str_of(name), .from = eff_str_of(name)};
}

struct eff_report
runworld_run(struct runworld *w, const struct eff_run_options *options)
{
    const struct eff_run_options usual = {.limit = -1};
    struct eff_report report;

    eff_run_sync(&w->project, &w->sync, &w->os.os, options ? options : &usual, &w->process,
                 &report);
    return report;
}

struct eff_report
runworld_look(struct runworld *w, const struct eff_look_options *look)
{
    struct eff_report report;

    eff_run_look(&w->project, &w->sync, &w->os.os, look, &w->process, &report);
    return report;
}

const struct eff_run_problem *
runworld_problem(const struct eff_report *report, const char *code)
{
    for (size_t i = 0; i < report->problems_count; i++)
        if (strcmp(report->problems[i].code, code) == 0)
            return &report->problems[i];
    return NULL;
}

bool
runworld_equal(const struct runworld *w, bool removes)
{
    for (size_t i = 0; i < RUNWORLD_KEYS; i++)
        if ((removes || w->model[i] != 0) && w->held[i] != w->model[i])
            return false;
    return true;
}

bool
runworld_die(struct runworld *w, enum eff_op op, struct eff_item *item)
{
    (void)op, (void)item;
    if (!w->os.failed)
        testos_plan(&w->os, TESTOS_ALL | TESTOS_STATEMENT, 1, 0, true);
    return false;
}

void
runworld_leave_open(struct runworld *w)
{
    w->judge = runworld_die;
    runworld_run(w, NULL);
    w->judge = NULL;
    testos_plan(&w->os, 0, 0, 0, false);
}

struct eff_step
runworld_no_reading(struct runworld *w, struct eff_task *task, const struct eff_response *last,
                    struct eff_err *err)
{
    (void)w, (void)last;
    if (task->kind != EFF_TASK_READ)
        return (struct eff_step){0};
    EFF_FAIL(err, EFF_AUTH, "this credential may not read");
    return (struct eff_step){.kind = EFF_STEP_STOP};
}
