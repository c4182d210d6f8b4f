/*
 * dest/rpc: destinations of the user's own, spoken to in JSON-RPC.
 *
 * The methods are those of Census' custom destinations: test_connection,
 * list_objects, supported_operations, list_fields, get_sync_speed, sync_batch.
 * `exec` says them to a program, one line each way; `custom_api` posts them to an
 * address, or those of another dialect (rpc_rows.c). The other side is not trusted: a row is applied only when its own
 * result says `"success": true`; a row without a result, or an answer that makes
 * no sense, may have been applied. An operation may be repeated only when the
 * project says so (`idempotent`): that must be known before anything is asked,
 * when a run that was killed is settled.
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

enum rpc_question {
    RPC_TEST = 0,
    RPC_OBJECTS,
    RPC_OPERATIONS,
    RPC_FIELDS,
    RPC_SPEED,
    RPC_QUESTIONS
};

static const char *const rpc_methods[RPC_QUESTIONS] = {
    "test_connection", "list_objects", "supported_operations", "list_fields", "get_sync_speed"};

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

static const char *
rpc_op_name(enum eff_op op)
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

struct eff_json_writer
eff_rpc_begin(struct eff_rpc_dest *dest, struct eff_buf *buf, const char *method, int64_t *ret_id)
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

static void
rpc_write_object(struct eff_json_writer *w, eff_str object)
{
    eff_json_key(w, EFF_STR("object"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "object_api_name", object);
    eff_json_field_str(w, "label", object);
    eff_json_end_object(w);
}

/* Ends the text, and makes a request of it. */
struct eff_step
eff_rpc_send(struct eff_rpc_dest *dest, struct eff_json_writer *w, struct eff_arena *arena,
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
const struct eff_json *
eff_rpc_result(struct eff_rpc_dest *dest, const struct eff_response *last, int64_t id,
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
        char shown[120];

        dest->restart = true;
        eff_str_print_to(shown, sizeof(shown), eff_str_sub(last->body, 0, 90));
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

/* ---- delivering ---- */

static void
rpc_write_field(struct eff_json_writer *w, eff_str name, bool identifier)
{
    eff_json_key(w, name);
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("active_identifier"));
    eff_json_write_bool(w, identifier);
    eff_json_key(w, EFF_STR("field"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "field_api_name", name);
    eff_json_field_str(w, "label", name);
    eff_json_end_object(w);
    eff_json_end_object(w);
}

bool
eff_rpc_is_match(const struct eff_delivery *delivery, eff_str name)
{
    return delivery->match_count > 0 && eff_str_eq(delivery->match_names[0], name);
}

void
eff_rpc_write_record(struct eff_json_writer *w, const struct eff_delivery *delivery,
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
rpc_sync_batch(struct eff_rpc_dest *dest, struct eff_delivery *delivery, struct eff_rpc_run *run,
               struct eff_err *err)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = eff_rpc_begin(dest, &buf, "sync_batch", &run->id);
    struct eff_step step;

    eff_json_key(&w, EFF_STR("sync_plan"));
    eff_json_begin_object(&w);
    rpc_write_object(&w, delivery->object);
    eff_json_field_str(&w, "operation", eff_str_of(rpc_op_name(delivery->op)));
    eff_json_key(&w, EFF_STR("schema"));
    eff_json_begin_object(&w);
    for (size_t i = 0; i < delivery->match_count; i++)
        rpc_write_field(&w, delivery->match_names[i], true);
    for (size_t i = 0; i < delivery->fields_count; i++)
        if (!eff_rpc_is_match(delivery, delivery->field_names[i]))
            rpc_write_field(&w, delivery->field_names[i], false);
    eff_json_end_object(&w);
    eff_json_end_object(&w);
    eff_json_key(&w, EFF_STR("records"));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < delivery->count; i++)
        eff_rpc_write_record(&w, delivery, &delivery->items[i]);
    eff_json_end_array(&w);
    step = eff_rpc_send(dest, &w, delivery->arena, err);
    step.request.writes = step.request.carries_rows = true;
    eff_buf_free(&buf);
    return step;
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

static struct eff_verdict
rpc_verdict(const struct eff_delivery *delivery, const struct eff_json *result)
{
    const struct eff_json *success = eff_json_get(result, EFF_STR("success"));
    eff_str message = eff_json_str(eff_json_get(result, EFF_STR("error_message")));

    if (eff_json_type(success) != EFF_JSON_BOOL)
        return (struct eff_verdict){.outcome = EFF_MAYBE_APPLIED,
                                    .fault = EFF_TRANSIENT,
                                    .message = EFF_STR("its result has no `success`")};
    if (eff_json_bool(success))
        return (struct eff_verdict){.outcome = EFF_APPLIED};
    return (struct eff_verdict){.outcome = EFF_REFUSED,
                                .fault = EFF_ROW,
                                .code = EFF_STR("refused"),
                                .message = message.len > 0 ? eff_str_copy(delivery->arena, message)
                                                           : EFF_STR("it gives no error_message")};
}

static void
rpc_take(struct eff_delivery *delivery, const struct eff_json *results)
{
    const eff_str *identifiers = eff_rpc_identifiers(delivery);
    bool *seen = eff_new(delivery->arena, bool, delivery->count + 1);
    struct eff_json_iter iter = eff_json_iterate(results);
    const struct eff_json *result;

    eff_rpc_all(delivery, EFF_MAYBE_APPLIED, EFF_TRANSIENT, "no result names this row");
    for (size_t at = 0; eff_json_next(&iter, NULL, &result); at++) {
        eff_str identifier = eff_json_str(eff_json_get(result, EFF_STR("identifier")));
        size_t i = eff_rpc_item_of(delivery, identifiers, at, identifier);

        if (i == SIZE_MAX)
            continue;
        delivery->items[i].verdict = rpc_verdict(delivery, result);
        if (seen[i])
            delivery->items[i].verdict =
                (struct eff_verdict){.outcome = EFF_MAYBE_APPLIED,
                                     .fault = EFF_TRANSIENT,
                                     .message = EFF_STR("two results name this row")};
        seen[i] = true;
    }
}

struct eff_step
eff_rpc_failed(struct eff_delivery *delivery, bool sure, struct eff_err *err)
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
    struct eff_rpc_run *run = delivery->scratch;
    const struct eff_json *result, *results;
    bool sure;

    if (last == NULL || run == NULL) {
        delivery->scratch = run = eff_new(delivery->arena, struct eff_rpc_run, 1);
        return rpc_sync_batch(dest, delivery, run, err);
    }
    result = eff_rpc_result(dest, last, run->id, delivery->arena, &sure, err);
    if (result == NULL)
        return eff_rpc_failed(delivery, sure, err);
    results = eff_json_get(result, EFF_STR("record_results"));
    rpc_take(delivery, results);
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

/* ---- describing ---- */

static struct eff_step
rpc_ask(struct eff_rpc_dest *dest, struct eff_task *task, struct eff_rpc_run *run,
        enum rpc_question question, struct eff_err *err)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = eff_rpc_begin(dest, &buf, rpc_methods[question], &run->id);
    struct eff_step step;

    run->asked = question;
    if (question == RPC_OPERATIONS || question == RPC_FIELDS)
        rpc_write_object(&w, task->object);
    step = eff_rpc_send(dest, &w, task->arena, err);
    eff_buf_free(&buf);
    return step;
}

struct eff_step
eff_rpc_wrong(const struct eff_task *task, const char *method, struct eff_err *err)
{
    eff_err_while(err, "asking for %s of " EFF_STR_FMT, method, EFF_STR_ARG(task->object));
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

/* The names; true when the object is among them. */
static bool
rpc_objects(struct eff_task *task, const struct eff_json *result)
{
    const struct eff_json *list = eff_json_get(result, EFF_STR("objects")), *object;
    struct eff_json_iter iter = eff_json_iterate(list);
    eff_str *names = eff_new(task->arena, eff_str, eff_json_count(list) + 1);
    size_t count = 0;
    bool found = false;

    while (eff_json_next(&iter, NULL, &object)) {
        names[count] = eff_json_str(eff_json_get(object, EFF_STR("object_api_name")));
        found |= eff_str_eq(names[count], task->object);
        count += names[count].len > 0;
    }
    task->schema->known = true;
    task->schema->object_exists = found;
    task->schema->objects_count = count;
    task->schema->objects = names;
    return found;
}

static bool
rpc_can(const struct eff_json *result, const char *name)
{
    struct eff_json_iter iter = eff_json_iterate(eff_json_get(result, EFF_STR("operations")));
    const struct eff_json *operation;

    while (eff_json_next(&iter, NULL, &operation))
        if (eff_str_is(eff_json_str(operation), name))
            return true;
    return false;
}

static enum eff_fault
rpc_check_operations(const struct eff_rpc_dest *dest, const struct eff_task *task,
                     const struct eff_json *result, struct eff_err *err)
{
    const char *wanted = dest->sync->mode == EFF_MODE_INSERT   ? "insert"
                         : dest->sync->mode == EFF_MODE_UPDATE ? "update"
                         : dest->sync->mode == EFF_MODE_APPEND ? "append"
                                                               : "upsert";
    bool deletes =
        dest->sync->on_removed == EFF_REMOVED_DELETE || dest->sync->mode == EFF_MODE_MIRROR;
    bool mirrors = rpc_can(result, "mirror"); // which is both, in Census' words

    if (!rpc_can(result, wanted) && !(mirrors && strcmp(wanted, "upsert") == 0))
        EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " cannot %s, says supported_operations",
                 EFF_STR_ARG(task->object), wanted);
    else if (deletes && !rpc_can(result, "delete") && !mirrors)
        EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " cannot delete, says supported_operations",
                 EFF_STR_ARG(task->object));
    else
        return EFF_OK;
    return eff_err_hint(err, "Use another mode, or let it list the operation.");
}

static enum eff_field_type
rpc_field_type(eff_str type)
{
    static const struct {
        const char *name;
        enum eff_field_type type;
    } types[] = {{"string", EFF_FIELD_TEXT},    {"integer", EFF_FIELD_NUMBER},
                 {"decimal", EFF_FIELD_NUMBER}, {"boolean", EFF_FIELD_BOOL},
                 {"date", EFF_FIELD_DATE},      {"date_time", EFF_FIELD_TIMESTAMP}};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (eff_str_is(type, types[i].name))
            return types[i].type;
    return EFF_FIELD_ANY;
}

static bool
rpc_false(const struct eff_json *field, const char *name)
{
    const struct eff_json *value = eff_json_get(field, eff_str_of(name));

    return eff_json_type(value) == EFF_JSON_BOOL && !eff_json_bool(value);
}

static void
rpc_fields(struct eff_task *task, const struct eff_json *result)
{
    const struct eff_json *list = eff_json_get(result, EFF_STR("fields")), *at;
    struct eff_json_iter iter = eff_json_iterate(list);
    struct eff_dest_field *fields =
        eff_new(task->arena, struct eff_dest_field, eff_json_count(list) + 1);
    size_t count = 0;

    while (eff_json_next(&iter, NULL, &at)) {
        struct eff_dest_field *field = &fields[count++];

        field->name = eff_json_str(eff_json_get(at, EFF_STR("field_api_name")));
        field->label = eff_json_str(eff_json_get(at, EFF_STR("label")));
        field->type_name = eff_json_str(eff_json_get(at, EFF_STR("type")));
        field->type = eff_json_bool(eff_json_get(at, EFF_STR("array")))
                          ? EFF_FIELD_JSON
                          : rpc_field_type(field->type_name);
        field->required = eff_json_bool(eff_json_get(at, EFF_STR("required")));
        field->unique = eff_json_bool(eff_json_get(at, EFF_STR("identifier")));
        field->read_only = rpc_false(at, "createable") && rpc_false(at, "updateable");
    }
    task->schema->typed = true;
    task->schema->fields_count = count;
    task->schema->fields = fields;
}

static void
rpc_speed(struct eff_rpc_dest *dest, const struct eff_json *result)
{
    int64_t rows = 0, per_second = 0, batch = dest->config->batch_rows;

    if (eff_json_int(eff_json_get(result, EFF_STR("maximum_batch_size")), &rows) && rows > 0) {
        dest->rows_max = (size_t)rows;
        batch = rows < batch ? rows : batch;
    }
    if (eff_json_int(eff_json_get(result, EFF_STR("maximum_records_per_second")), &per_second) &&
        per_second > 0)
        dest->rate = (struct eff_rate_limit){
            .name = EFF_STR("speed"), .per_ms = batch * 1000 / per_second + 1, .requests = 1};
}

static struct eff_step
rpc_describe(struct eff_rpc_dest *dest, struct eff_task *task, const struct eff_response *last,
             struct eff_err *err)
{
    struct eff_rpc_run *run = task->scratch;
    const struct eff_json *result;
    bool sure;

    if (last == NULL || run == NULL) {
        task->scratch = run = eff_new(task->arena, struct eff_rpc_run, 1);
        return rpc_ask(dest, task, run, RPC_TEST, err);
    }
    result = eff_rpc_result(dest, last, run->id, task->arena, &sure, err);
    if (result == NULL)
        return eff_rpc_wrong(task, rpc_methods[run->asked], err);
    if (run->asked == RPC_TEST && !eff_json_bool(eff_json_get(result, EFF_STR("success")))) {
        EFF_FAIL(err, EFF_AUTH, "test_connection says no: " EFF_STR_FMT,
                 EFF_STR_ARG(eff_json_str(eff_json_get(result, EFF_STR("error_message")))));
        return (struct eff_step){.kind = EFF_STEP_STOP};
    }
    if (run->asked == RPC_OBJECTS && !rpc_objects(task, result))
        return (struct eff_step){.kind = EFF_STEP_DONE};
    if (run->asked == RPC_OPERATIONS && rpc_check_operations(dest, task, result, err) != EFF_OK)
        return (struct eff_step){.kind = EFF_STEP_STOP};
    if (run->asked == RPC_FIELDS)
        rpc_fields(task, result);
    if (run->asked == RPC_SPEED)
        rpc_speed(dest, result);
    return run->asked + 1 < RPC_QUESTIONS ? rpc_ask(dest, task, run, run->asked + 1, err)
                                          : (struct eff_step){.kind = EFF_STEP_DONE};
}

static struct eff_step
rpc_step(struct eff_dest *base, struct eff_task *task, const struct eff_response *last,
         struct eff_err *err)
{
    struct eff_rpc_dest *dest = (struct eff_rpc_dest *)base;

    if (task->kind == EFF_TASK_DELIVER && dest->config->dialect == EFF_RPC_HIGHTOUCH)
        return eff_rpc_rows_deliver(dest, task->delivery, last, err);
    if (task->kind == EFF_TASK_DESCRIBE && dest->config->dialect == EFF_RPC_HIGHTOUCH)
        return eff_rpc_rows_describe(dest, task, last, err);
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
