/*
 * dest/rpc: destinations of the user's own, spoken to in JSON-RPC.
 *
 * `exec` says each request to a program, one line each way, `custom_api` posts it
 * to an address. What is said and how it is understood is the dialect's. The other
 * side is not trusted: after an answer that makes no sense all rows may have been
 * applied. An operation may be repeated only when the project says so
 * (`idempotent`): that must be known before anything is asked, when a run that was
 * killed is settled.
 */
#include "dest/rpc.h"

#include "base/buf.h"
#include "base/hash.h"

#define RPC_ROWS       100
#define RPC_ROWS_MAX   10000
#define RPC_BYTES_MAX  ((size_t)8 << 20)
#define RPC_ANSWER_MAX ((size_t)32 << 20)

#define RPC_OPTIONS                                                                                \
    {"batch_rows",                                                                                 \
     EFF_OPT_INT,                                                                                  \
     offsetof(struct eff_rpc_config, batch_rows),                                                  \
     "100",                                                                                        \
     1,                                                                                            \
     RPC_ROWS_MAX,                                                                                 \
     "Rows per call; fewer where get_sync_speed says so.",                                         \
     0,                                                                                            \
     NULL},                                                                                        \
        {"timeout",                                                                                \
         EFF_OPT_TIME,                                                                             \
         offsetof(struct eff_rpc_config, timeout_ms),                                              \
         "60s",                                                                                    \
         1000,                                                                                     \
         3600000,                                                                                  \
         "How long one call may take.",                                                            \
         0,                                                                                        \
         NULL},                                                                                    \
        {"late_apply",                                                                             \
         EFF_OPT_TIME,                                                                             \
         offsetof(struct eff_rpc_config, late_ms),                                                 \
         EFF_DEST_LATE,                                                                            \
         0,                                                                                        \
         EFF_DEST_LATE_MAX,                                                                        \
         EFF_DEST_LATE_HELP,                                                                       \
         0,                                                                                        \
         NULL},                                                                                    \
    {                                                                                              \
        "idempotent", EFF_OPT_LIST, offsetof(struct eff_rpc_config, idempotent), NULL, 0, 0,       \
            "Operations that may be done twice with the same rows: upsert, insert, update, "       \
            "delete, append. After a lost answer others are held.",                                \
            0, NULL                                                                                \
    }

static const struct eff_option exec_options[] = {
    {"program", EFF_OPT_PATH, offsetof(struct eff_rpc_config, program), NULL, 0, 0,
     "The program; it gets a JSON-RPC request per line on its standard input.", EFF_OPT_REQUIRED,
     NULL},
    {"args", EFF_OPT_LIST, offsetof(struct eff_rpc_config, args), NULL, 0, 0,
     "Its arguments. Others on this machine can see them: no secrets.", 0, NULL},
    RPC_OPTIONS,
};

static const struct eff_option api_options[] = {
    {"url", EFF_OPT_URL, offsetof(struct eff_rpc_config, url), NULL, 0, 0,
     "Where the JSON-RPC requests are posted; its query may hold what shows who is calling.",
     EFF_OPT_REQUIRED, NULL},
    {"dialect", EFF_OPT_ENUM, offsetof(struct eff_rpc_config, dialect), "census", 0, 0,
     "Whose custom destination it was written as: Census' custom destination, or Hightouch's "
     "embedded destination.",
     0, "census|hightouch"},
    RPC_OPTIONS,
};

static const struct {
    enum eff_op op;
    const char *name; /* over there */
} rpc_ops[] = {{EFF_OP_UPSERT, "upsert"},
               {EFF_OP_CREATE, "insert"},
               {EFF_OP_UPDATE, "update"},
               {EFF_OP_DELETE, "delete"},
               {EFF_OP_APPEND, "append"}};

struct rpc_run {  /* scratch of a task or delivery */
    size_t asked; /* the question */
    int64_t id;
};

static const struct eff_rpc_dialect *const rpc_dialects[EFF_RPC_DIALECTS] = {
    [EFF_RPC_CENSUS] = &eff_rpc_census, [EFF_RPC_HIGHTOUCH] = &eff_rpc_hightouch};

/* ---- opening and binding ---- */

static enum eff_fault
rpc_open(const struct eff_dest_conf *conf, const struct eff_dest_ops *ops, struct eff_arena *run,
         struct eff_dest **ret_dest)
{
    struct eff_rpc_dest *dest = eff_new(run, struct eff_rpc_dest, 1);
    const struct eff_rpc_config *config = conf->config;
    eff_str place = config->program.len > 0 ? config->program : config->url;
    struct eff_sha256 digest = eff_sha256(place); // a url's query may be a secret

    dest->base.ops = ops;
    dest->base.conf = conf;
    dest->base.can_describe = true;
    dest->base.account = eff_str_printf(run, "%s:" EFF_STR_FMT, ops->kind,
                                        EFF_STR_ARG(eff_hex(run, digest.bytes, 8)));
    dest->config = config;
    *ret_dest = &dest->base;
    return EFF_OK;
}

static enum eff_fault
exec_open(const struct eff_dest_conf *conf, struct eff_arena *run, struct eff_dest **ret_dest,
          struct eff_err *err)
{
    if (((const struct eff_rpc_config *)conf->config)->program.len == 0)
        return EFF_FAIL(err, EFF_CONFIG, "the destination " EFF_STR_FMT " has no program",
                        EFF_STR_ARG(conf->name));
    return rpc_open(conf, &eff_dest_exec, run, ret_dest);
}

static enum eff_fault
api_open(const struct eff_dest_conf *conf, struct eff_arena *run, struct eff_dest **ret_dest,
         struct eff_err *err)
{
    if (((const struct eff_rpc_config *)conf->config)->url.len == 0)
        return EFF_FAIL(err, EFF_CONFIG, "the destination " EFF_STR_FMT " has no url",
                        EFF_STR_ARG(conf->name));
    return rpc_open(conf, &eff_dest_custom_api, run, ret_dest);
}

const char *
eff_rpc_op_name(enum eff_op op)
{
    for (size_t i = 0; i < sizeof(rpc_ops) / sizeof(rpc_ops[0]); i++)
        if (rpc_ops[i].op == op)
            return rpc_ops[i].name;
    return NULL;
}

static bool
rpc_repeatable(const struct eff_rpc_dest *dest, const char *name)
{
    for (size_t i = 0; i < dest->config->idempotent.count; i++)
        if (eff_str_is(dest->config->idempotent.at[i], name))
            return true;
    return false;
}

static enum eff_fault
rpc_check_idempotent(const struct eff_rpc_dest *dest, struct eff_err *err)
{
    for (size_t i = 0; i < dest->config->idempotent.count; i++) {
        bool known = false;

        for (size_t o = 0; o < sizeof(rpc_ops) / sizeof(rpc_ops[0]); o++)
            known |= eff_str_is(dest->config->idempotent.at[i], rpc_ops[o].name);
        if (!known) {
            EFF_FAIL(err, EFF_CONFIG,
                     "`idempotent` of the destination " EFF_STR_FMT " names \"" EFF_STR_FMT "\"",
                     EFF_STR_ARG(dest->base.conf->name),
                     EFF_STR_ARG(dest->config->idempotent.at[i]));
            return eff_err_hint(err, "It may name upsert, insert, update, delete and append.");
        }
    }
    return EFF_OK;
}

static enum eff_fault
rpc_bind(struct eff_dest *base, const struct eff_dest_sync *sync,
         struct eff_op_limits limits[EFF_OPS_COUNT], struct eff_err *err)
{
    static const bool can[] = {[EFF_REMOVED_KEEP] = true, [EFF_REMOVED_DELETE] = true};
    struct eff_rpc_dest *dest = (struct eff_rpc_dest *)base;
    size_t rows = (size_t)dest->config->batch_rows;

    EFF_TRY(rpc_check_idempotent(dest, err));
    if (sync->mode == EFF_MODE_MEMBERS)
        return EFF_FAIL(err, EFF_CONFIG, "%s has no members", base->ops->title);
    if (sync->on_removed == EFF_REMOVED_ARCHIVE || sync->on_removed == EFF_REMOVED_CLEAR) {
        EFF_FAIL(err, EFF_CONFIG, "%s cannot clear or archive records", base->ops->title);
        return eff_dest_removed_hint(sync->mode, can, err);
    }
    if (sync->match_count > 1) {
        EFF_FAIL(err, EFF_CONFIG, "%s knows a record by one field, and `match` has %zu",
                 base->ops->title, sync->match_count);
        return eff_err_hint(err, "Put them into one column of the model.");
    }
    dest->sync = sync;
    if (dest->rows_max > 0 && dest->rows_max < rows)
        rows = dest->rows_max;
    memset(limits, 0, sizeof(*limits) * EFF_OPS_COUNT);
    for (size_t i = 0; i < sizeof(rpc_ops) / sizeof(rpc_ops[0]); i++)
        limits[rpc_ops[i].op] = (struct eff_op_limits){
            .supported = true,
            .class = rpc_repeatable(dest, rpc_ops[i].name) ? EFF_CLASS_CONVERGE : EFF_CLASS_BLIND,
            .rows_max = rows,
            .bytes_max = RPC_BYTES_MAX,
            .concurrency = 1,
            .late_ms = dest->config->late_ms,
            .whole_rows = true}; // a record without a field would not say what becomes of it
    // What is added and what is changed has a method each.
    limits[EFF_OP_UPSERT].supported = dest->config->dialect != EFF_RPC_HIGHTOUCH;
    return EFF_OK;
}

static size_t
rpc_item_bytes(struct eff_dest *base, const struct eff_delivery *delivery,
               const struct eff_item *item)
{
    size_t bytes = 16;

    (void)base;
    for (size_t i = 0; i < delivery->match_count; i++)
        bytes += delivery->match_names[i].len + 48 +
                 (item->match[i].kind >= EFF_DECIMAL ? (size_t)item->match[i].len * 2 : 0);
    for (size_t i = 0; item->fields != NULL && i < delivery->fields_count; i++)
        bytes += delivery->field_names[i].len + 48 +
                 (item->fields[i].kind >= EFF_DECIMAL ? (size_t)item->fields[i].len * 2 : 0);
    return bytes;
}

static size_t
rpc_rates(struct eff_dest *base, const struct eff_rate_limit **ret_limits)
{
    struct eff_rpc_dest *dest = (struct eff_rpc_dest *)base;

    *ret_limits = &dest->rate;
    return dest->rate.requests > 0 ? 1 : 0;
}

/* ---- requests ---- */

/* A request, up to its params, which rpc_send closes. */
static struct eff_json_writer
rpc_begin(struct eff_rpc_dest *dest, struct eff_buf *buf, const char *method, int64_t *ret_id)
{
    struct eff_json_writer w = {.buf = buf};

    *ret_id = ++dest->id;
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "jsonrpc", EFF_STR("2.0"));
    eff_json_field_int(&w, "id", *ret_id);
    eff_json_field_str(&w, "method", eff_str_of(method));
    eff_json_key(&w, EFF_STR("params"));
    eff_json_begin_object(&w);
    return w;
}

static struct eff_step
rpc_send(struct eff_rpc_dest *dest, struct eff_json_writer *w, struct eff_arena *arena,
         struct eff_err *err)
{
    static const struct eff_header headers[] = {{{"Content-Type", 12}, {"application/json", 16}},
                                                {{"Accept", 6}, {"application/json", 16}}};
    const struct eff_rpc_config *config = dest->config;
    struct eff_step step = {.kind = EFF_STEP_SEND};
    struct eff_request *request = &step.request;
    eff_str body;

    eff_json_end_object(w);
    eff_json_end_object(w);
    eff_buf_add_char(w->buf, '\n');
    if (w->buf->full) {
        EFF_FAIL(err, EFF_BROKEN, "out of memory for the records of a batch");
        return (struct eff_step){.kind = EFF_STEP_STOP};
    }
    body = eff_str_copy(arena, eff_buf_str(w->buf));
    request->timeout_ms = config->timeout_ms;
    request->answer_bytes_max = RPC_ANSWER_MAX;
    if (config->program.len > 0) {
        request->kind = EFF_REQUEST_EXEC;
        request->exec = (struct eff_exec_request){.program = config->program,
                                                  .args_count = config->args.count,
                                                  .args = config->args.at,
                                                  .line = body,
                                                  .restart = dest->restart};
        dest->restart = false;
        return step;
    }
    request->kind = EFF_REQUEST_HTTP;
    request->method = EFF_STR("POST");
    request->url = config->url;
    request->headers_count = sizeof(headers) / sizeof(headers[0]);
    request->headers = headers;
    request->hosts_count = dest->base.conf->hosts_count;
    request->hosts = dest->base.conf->hosts;
    request->body = body;
    return step;
}

/* ---- answers ---- */

/* NULL: err says what is wrong with it, and *ret_sure whether surely nothing was done. */
static const struct eff_json *
rpc_result(struct eff_rpc_dest *dest, const struct eff_response *last, int64_t id,
           struct eff_arena *arena, bool *ret_sure, struct eff_err *err)
{
    const struct eff_json *root, *error;
    struct eff_err why;
    int64_t found = 0, code = 0;

    dest->no_method = false;
    *ret_sure = last->wire == EFF_WIRE_NOT_SENT;
    if (last->wire != EFF_WIRE_ANSWERED || last->status < 200 || last->status > 299) {
        *ret_sure |= last->wire == EFF_WIRE_ANSWERED && last->status >= 400 && last->status < 500;
        if (last->wire == EFF_WIRE_ANSWERED)
            EFF_FAIL(err,
                     last->status == 401 || last->status == 403 ? EFF_AUTH
                     : last->status == 429                      ? EFF_RATE
                     : *ret_sure                                ? EFF_CONFIG
                                                                : EFF_TRANSIENT,
                     "the custom destination answers HTTP %d", last->status);
        else
            EFF_FAIL(err, last->not_allowed ? EFF_CONFIG : EFF_TRANSIENT, EFF_STR_FMT,
                     EFF_STR_ARG(last->problem));
        return NULL;
    }
    if (eff_json_parse(last->body, arena, &root, &why) != EFF_OK ||
        eff_json_type(root) != EFF_JSON_OBJECT ||
        !eff_json_int(eff_json_get(root, EFF_STR("id")), &found) || found != id) {
        char shown[96];

        dest->restart = true;
        eff_str_print_to(shown, sizeof(shown), last->body);
        EFF_FAIL(err, EFF_CONFIG, "what it says is no answer to request %lld: %s", (long long)id,
                 shown);
        eff_err_hint(err,
                     "An answer is {\"jsonrpc\": \"2.0\", \"id\": %lld, \"result\": {...}} in one "
                     "line on standard output; write other things to standard error.",
                     (long long)id);
        return NULL;
    }
    error = eff_json_get(root, EFF_STR("error"));
    if (eff_json_type(error) == EFF_JSON_OBJECT) {
        eff_json_int(eff_json_get(error, EFF_STR("code")), &code);
        dest->no_method = code == -32601;
        *ret_sure = code <= -32600 && code >= -32602; // it did not get as far as doing something
        EFF_FAIL(err, *ret_sure ? EFF_CONFIG : EFF_TRANSIENT,
                 "it answers with error %lld: " EFF_STR_FMT, (long long)code,
                 EFF_STR_ARG(eff_json_str(eff_json_get(error, EFF_STR("message")))));
        return NULL;
    }
    root = eff_json_get(root, EFF_STR("result"));
    if (eff_json_type(root) != EFF_JSON_OBJECT)
        EFF_FAIL(err, EFF_CONFIG, "its answer has no `result` that is an object");
    return eff_json_type(root) == EFF_JSON_OBJECT ? root : NULL;
}

/* ---- what the dialects share ---- */

bool
eff_rpc_is_match(const struct eff_delivery *delivery, eff_str name)
{
    return delivery->match_count > 0 && eff_str_eq(delivery->match_names[0], name);
}

void
eff_rpc_all(struct eff_delivery *delivery, enum eff_outcome outcome, enum eff_fault fault,
            const char *message)
{
    eff_str text = eff_str_copy(delivery->arena, eff_str_of(message));

    for (size_t i = 0; i < delivery->count; i++)
        delivery->items[i].verdict =
            (struct eff_verdict){.outcome = outcome, .fault = fault, .message = text};
}

struct eff_verdict
eff_rpc_refused(const struct eff_delivery *delivery, eff_str why, const char *otherwise)
{
    return (struct eff_verdict){.outcome = EFF_REFUSED,
                                .fault = EFF_ROW,
                                .code = EFF_STR("refused"),
                                .message = why.len > 0 ? eff_str_copy(delivery->arena, why)
                                                       : eff_str_of(otherwise)};
}

/* The item with that identifier; results in the order of the records are found at once. */
size_t
eff_rpc_item_of(const struct eff_delivery *delivery, const eff_str *identifiers, size_t at,
                eff_str identifier)
{
    if (at < delivery->count && eff_str_eq(identifiers[at], identifier))
        return at;
    for (size_t i = 0; i < delivery->count; i++)
        if (eff_str_eq(identifiers[i], identifier))
            return i;
    return SIZE_MAX;
}

const eff_str *
eff_rpc_identifiers(const struct eff_delivery *delivery)
{
    eff_str *texts = eff_new(delivery->arena, eff_str, delivery->count + 1);
    struct eff_buf buf = {0};

    for (size_t i = 0; i < delivery->count; i++) {
        eff_buf_reset(&buf);
        eff_value_text(&buf, &delivery->items[i].match[0]);
        texts[i] = eff_str_copy(delivery->arena, eff_buf_str(&buf));
    }
    eff_buf_free(&buf);
    return texts;
}

static enum eff_field_type
rpc_field_type(eff_str type, size_t types_count, const struct eff_rpc_type *types)
{
    for (size_t i = 0; i < types_count; i++)
        if (eff_str_is(type, types[i].name))
            return types[i].type;
    return EFF_FIELD_ANY;
}

struct eff_dest_field *
eff_rpc_fields(struct eff_task *task, const struct eff_json *list, const char *name,
               size_t types_count, const struct eff_rpc_type *types)
{
    struct eff_json_iter iter = eff_json_iterate(list);
    struct eff_dest_field *fields =
        eff_new(task->arena, struct eff_dest_field, eff_json_count(list) + 1);
    const struct eff_json *at;
    size_t count = 0;

    while (eff_json_next(&iter, NULL, &at)) {
        struct eff_dest_field *field = &fields[count++];

        field->name = eff_json_str(eff_json_get(at, eff_str_of(name)));
        field->label = eff_json_str(eff_json_get(at, EFF_STR("label")));
        field->type_name = eff_json_str(eff_json_get(at, EFF_STR("type")));
        field->type = rpc_field_type(field->type_name, types_count, types);
        field->required = eff_json_bool(eff_json_get(at, EFF_STR("required")));
        field->unique = eff_json_bool(eff_json_get(at, EFF_STR("identifier")));
    }
    task->schema->typed = true;
    task->schema->fields_count = count;
    task->schema->fields = fields;
    return fields;
}

/* ---- delivering ---- */

/* The match field and all mapped ones. */
static void
rpc_write_record(struct eff_json_writer *w, const struct eff_delivery *delivery,
                 const struct eff_item *item)
{
    eff_json_begin_object(w);
    for (size_t i = 0; i < delivery->match_count; i++) {
        eff_json_key(w, delivery->match_names[i]);
        eff_value_json(w, &item->match[i]);
    }
    for (size_t i = 0; item->fields != NULL && i < delivery->fields_count; i++) {
        if (item->fields[i].kind == EFF_ABSENT ||
            eff_rpc_is_match(delivery, delivery->field_names[i]))
            continue;
        eff_json_key(w, delivery->field_names[i]);
        eff_value_json(w, &item->fields[i]);
    }
    eff_json_end_object(w);
}

static struct eff_step
rpc_give(struct eff_rpc_dest *dest, struct eff_delivery *delivery, struct rpc_run *run,
         struct eff_err *err)
{
    const struct eff_rpc_dialect *dialect = rpc_dialects[dest->config->dialect];
    struct eff_buf buf = {0};
    struct eff_json_writer w = rpc_begin(dest, &buf, dialect->method(delivery->op), &run->id);
    struct eff_step step;

    dialect->give(dest, delivery, &w);
    eff_json_key(&w, eff_str_of(dialect->records));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < delivery->count; i++)
        rpc_write_record(&w, delivery, &delivery->items[i]);
    eff_json_end_array(&w);
    step = rpc_send(dest, &w, delivery->arena, err);
    step.request.writes = step.request.carries_rows = true;
    eff_buf_free(&buf);
    return step;
}

/* The verdicts of a batch whose answer is none; err says why. */
static struct eff_step
rpc_failed(struct eff_delivery *delivery, bool sure, struct eff_err *err)
{
    enum eff_fault fault = sure ? err->fault : EFF_TRANSIENT; // or nobody knows what became of them

    eff_rpc_all(delivery, sure ? EFF_NOT_APPLIED : EFF_MAYBE_APPLIED, fault, err->msg);
    return (struct eff_step){.kind = fault == EFF_CONFIG || fault == EFF_AUTH ? EFF_STEP_STOP
                                                                              : EFF_STEP_DONE};
}

static struct eff_step
rpc_deliver(struct eff_rpc_dest *dest, struct eff_delivery *delivery,
            const struct eff_response *last, struct eff_err *err)
{
    struct rpc_run *run = delivery->scratch;
    const struct eff_json *result;
    bool sure;

    if (last == NULL || run == NULL) {
        delivery->scratch = run = eff_new(delivery->arena, struct rpc_run, 1);
        return rpc_give(dest, delivery, run, err);
    }
    result = rpc_result(dest, last, run->id, delivery->arena, &sure, err);
    if (result == NULL)
        return rpc_failed(delivery, sure, err);
    rpc_dialects[dest->config->dialect]->take(delivery, result);
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

/* ---- describing ---- */

static struct eff_step
rpc_ask(struct eff_rpc_dest *dest, struct eff_task *task, struct rpc_run *run, size_t question,
        struct eff_err *err)
{
    const struct eff_rpc_dialect *dialect = rpc_dialects[dest->config->dialect];
    struct eff_buf buf = {0};
    struct eff_json_writer w = rpc_begin(dest, &buf, dialect->questions[question], &run->id);
    struct eff_step step;

    run->asked = question;
    dialect->ask(dest, task, question, &w);
    step = rpc_send(dest, &w, task->arena, err);
    eff_buf_free(&buf);
    return step;
}

static struct eff_step
rpc_describe(struct eff_rpc_dest *dest, struct eff_task *task, const struct eff_response *last,
             struct eff_err *err)
{
    const struct eff_rpc_dialect *dialect = rpc_dialects[dest->config->dialect];
    struct rpc_run *run = task->scratch;
    const struct eff_json *result;
    bool sure;

    if (last == NULL || run == NULL) {
        task->scratch = run = eff_new(task->arena, struct rpc_run, 1);
        return rpc_ask(dest, task, run, 0, err);
    }
    result = rpc_result(dest, last, run->id, task->arena, &sure, err);
    if (result == NULL && !(dialect->optional && dest->no_method)) {
        eff_err_while(err, "asking for %s of " EFF_STR_FMT, dialect->questions[run->asked],
                      EFF_STR_ARG(task->object));
        return (struct eff_step){.kind = EFF_STEP_STOP};
    }
    *err = (struct eff_err){0};
    if (!dialect->hear(dest, task, run->asked, result, err))
        return (struct eff_step){.kind = err->fault == EFF_OK ? EFF_STEP_DONE : EFF_STEP_STOP};
    return run->asked + 1 < dialect->questions_count ? rpc_ask(dest, task, run, run->asked + 1, err)
                                                     : (struct eff_step){.kind = EFF_STEP_DONE};
}

static struct eff_step
rpc_step(struct eff_dest *base, struct eff_task *task, const struct eff_response *last,
         struct eff_err *err)
{
    struct eff_rpc_dest *dest = (struct eff_rpc_dest *)base;

    if (task->kind == EFF_TASK_DELIVER)
        return rpc_deliver(dest, task->delivery, last, err);
    if (task->kind == EFF_TASK_DESCRIBE)
        return rpc_describe(dest, task, last, err);
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

const struct eff_dest_ops eff_dest_exec = {
    .kind = "exec",
    .title = "A program",
    .options = exec_options,
    .options_count = sizeof(exec_options) / sizeof(exec_options[0]),
    .config_size = sizeof(struct eff_rpc_config),
    .open = exec_open,
    .bind = rpc_bind,
    .item_bytes = rpc_item_bytes,
    .step = rpc_step,
    .rates = rpc_rates,
};

const struct eff_dest_ops eff_dest_custom_api = {
    .kind = "custom_api",
    .title = "Custom destination API",
    .options = api_options,
    .options_count = sizeof(api_options) / sizeof(api_options[0]),
    .config_size = sizeof(struct eff_rpc_config),
    .open = api_open,
    .bind = rpc_bind,
    .item_bytes = rpc_item_bytes,
    .step = rpc_step,
    .rates = rpc_rates,
};
