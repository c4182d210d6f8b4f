/*
 * dest/file: each run writes one new file of change records.
 *
 * A batch is bytes at an offset. The offset stands in delivery->memo before the
 * bytes leave, so that a batch that comes back after a crash is written to the
 * same place and the file is cut behind it: the same bytes, once. This rests on
 * four rules:
 * - One lane, and no batch before the one in front of it is confirmed. Whatever is
 *   not confirmed ends the run (EFF_STEP_STOP) and is first in the next one.
 * - A batch with a memo is written where the memo says. In one process offsets must
 *   follow each other; one that would cut what was written since is refused.
 * - A batch without a memo goes to the end. After a restart the end is asked for:
 *   every write has a durable memo before it, so when no batch is open, the size
 *   of the ".part" file is the end of the last batch that was settled.
 * - The memo names the file too: a batch that an earlier run left open goes into
 *   that run's file. EFF_TASK_FINISH gives every file that was touched, and the one
 *   of the bound run, its name; it may come again. A resumed run must therefore be
 *   bound with its own id, and finished.
 */
#include "base/buf.h"
#include "base/json.h"
#include "dest/dest.h"

#define FILE_ROWS_MAX  5000
#define FILE_BYTES_MAX ((size_t)8 << 20)
#define FILE_TRIES     3
#define FILE_NAME_MAX  200 /* of object and run together; 255 is what file systems take */

enum file_format { FILE_JSONL = 0, FILE_CSV };

struct file_config {
    eff_str path;
    int format; /* enum file_format: index into choices */
    bool protect_formulas;
};

static const struct eff_option file_options[] = {
    {"path", EFF_OPT_PATH, offsetof(struct file_config, path), NULL, 0, 0,
     "The folder that gets the files; it is made when it is missing.", EFF_OPT_REQUIRED, NULL},
    {"format", EFF_OPT_ENUM, offsetof(struct file_config, format), "jsonl", 0, 0,
     "One JSON object per line, or CSV with a header.", 0, "jsonl|csv"},
    {"protect_formulas", EFF_OPT_BOOL, offsetof(struct file_config, protect_formulas), "false", 0,
     0, "CSV: put a ' before texts that a spreadsheet would take for a formula.", 0, NULL},
};

struct file_out { /* one file of this process */
    struct file_out *next;
    eff_str path;
    uint64_t offset; /* the end of what is confirmed */
    bool known;      /* offset is */
};

struct file_dest {
    struct eff_dest base;
    const struct file_config *config;
    struct eff_arena *run;
    struct file_out *files;
    eff_str path; /* of the bound run */
};

struct file_run { /* delivery->scratch */
    struct file_out *out;
    eff_str bytes;
    bool looking;
    int tries;
};

struct file_finish { /* task->scratch */
    struct file_out *at;
    int tries;
};

/* ---- opening and binding ---- */

static enum eff_fault
file_open(const struct eff_dest_conf *conf, struct eff_arena *run, struct eff_dest **ret_dest,
          struct eff_err *err)
{
    const struct file_config *config = conf->config;
    struct file_dest *dest = eff_new(run, struct file_dest, 1);

    if (config->path.len == 0)
        return EFF_FAIL(err, EFF_CONFIG, "the destination " EFF_STR_FMT " has no path",
                        EFF_STR_ARG(conf->name));
    dest->base.ops = &eff_dest_file;
    dest->base.conf = conf;
    dest->base.account = eff_str_printf(run, "file:" EFF_STR_FMT, EFF_STR_ARG(config->path));
    dest->config = config;
    dest->run = run;
    *ret_dest = &dest->base;
    return EFF_OK;
}

/* The object becomes part of a file's name, and must not lead out of the folder. */
static enum eff_fault
file_check_name(eff_str object, eff_str run, struct eff_err *err)
{
    bool good = object.len > 0 && object.ptr[0] != '.' && eff_utf8_valid(object) &&
                object.len + run.len <= FILE_NAME_MAX;

    for (size_t i = 0; i < object.len && good; i++) {
        unsigned char c = (unsigned char)object.ptr[i];

        good = c >= 0x20 && c != 0x7f && c != '/' && c != '\\';
    }
    if (good)
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" cannot be the name of a file",
             EFF_STR_ARG(object));
    return eff_err_hint(err, "Use letters, digits, - and _, at most %d bytes.",
                        FILE_NAME_MAX - (int)run.len);
}

static struct file_out *
file_out(struct file_dest *dest, eff_str path)
{
    struct file_out *out = dest->files;

    while (out != NULL && !eff_str_eq(out->path, path))
        out = out->next;
    if (out == NULL) {
        out = eff_new(dest->run, struct file_out, 1);
        out->path = eff_str_copy(dest->run, path);
        out->next = dest->files;
        dest->files = out;
    }
    return out;
}

static enum eff_fault
file_bind(struct eff_dest *base, const struct eff_dest_sync *sync,
          struct eff_op_limits limits[EFF_OPS_COUNT], struct eff_err *err)
{
    static const enum eff_op ops[] = {EFF_OP_UPSERT, EFF_OP_CLEAR, EFF_OP_DELETE, EFF_OP_APPEND};
    struct file_dest *dest = (struct file_dest *)base;
    bool csv = dest->config->format == FILE_CSV;

    if (sync->mode != EFF_MODE_UPSERT && sync->mode != EFF_MODE_MIRROR &&
        sync->mode != EFF_MODE_APPEND) {
        EFF_FAIL(err, EFF_CONFIG, "a file takes change records, and cannot do this mode");
        return eff_err_hint(err, "Use upsert, mirror or append.");
    }
    if (sync->on_removed == EFF_REMOVED_ARCHIVE) {
        EFF_FAIL(err, EFF_CONFIG, "a file cannot archive records");
        return eff_err_hint(err, "Use on_removed: keep, clear or delete.");
    }
    EFF_TRY(file_check_name(sync->object, sync->run, err));
    dest->path = eff_str_printf(dest->run, EFF_STR_FMT "/" EFF_STR_FMT "-" EFF_STR_FMT ".%s",
                                EFF_STR_ARG(dest->config->path), EFF_STR_ARG(sync->object),
                                EFF_STR_ARG(sync->run), csv ? "csv" : "jsonl");
    memset(limits, 0, sizeof(*limits) * EFF_OPS_COUNT);
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        limits[ops[i]] = (struct eff_op_limits){.supported = true,
                                                .class = EFF_CLASS_CONVERGE,
                                                .rows_max = FILE_ROWS_MAX,
                                                .bytes_max = FILE_BYTES_MAX,
                                                .concurrency = 1,
                                                .whole_rows = csv, // no sign for "absent"
                                                .rematch = !csv};
    return EFF_OK;
}

/* Escapes can make six bytes of one in JSON; most texts have none. */
static size_t
file_item_bytes(struct eff_dest *base, const struct eff_delivery *delivery,
                const struct eff_item *item)
{
    size_t bytes = 64;

    (void)base;
    for (size_t i = 0; i < delivery->match_count; i++)
        bytes += delivery->match_names[i].len + 48 +
                 (item->match[i].kind >= EFF_DECIMAL ? (size_t)item->match[i].len * 2 : 0);
    for (size_t i = 0; item->fields != NULL && i < delivery->fields_count; i++)
        bytes += delivery->field_names[i].len + 48 +
                 (item->fields[i].kind >= EFF_DECIMAL ? (size_t)item->fields[i].len * 2 : 0);
    return bytes;
}

/* ---- records ---- */

static bool
file_has_fields(enum eff_op op)
{
    return op == EFF_OP_UPSERT || op == EFF_OP_APPEND;
}

static void
file_json_values(struct eff_json_writer *w, const char *name, size_t count, const eff_str *names,
                 const struct eff_value *values)
{
    eff_json_key(w, eff_str_of(name));
    eff_json_begin_object(w);
    for (size_t i = 0; i < count; i++) {
        if (values[i].kind == EFF_ABSENT)
            continue;
        eff_json_key(w, names[i]);
        eff_value_json(w, &values[i]);
    }
    eff_json_end_object(w);
}

static void
file_json_nulls(struct eff_json_writer *w, const struct eff_delivery *delivery)
{
    eff_json_key(w, EFF_STR("fields"));
    eff_json_begin_object(w);
    for (size_t i = 0; i < delivery->fields_count; i++) {
        eff_json_key(w, delivery->field_names[i]);
        eff_json_write_null(w);
    }
    eff_json_end_object(w);
}

static void
file_json_record(struct eff_buf *buf, const struct eff_delivery *delivery,
                 const struct eff_item *item)
{
    struct eff_json_writer w = {.buf = buf};

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "op", eff_str_of(eff_op_name(delivery->op)));
    file_json_values(&w, "key", delivery->match_count, delivery->match_names, item->match);
    if (item->old_match != NULL)
        file_json_values(&w, "old_key", delivery->match_count, delivery->match_names,
                         item->old_match);
    if (file_has_fields(delivery->op) && item->fields != NULL)
        file_json_values(&w, "fields", delivery->fields_count, delivery->field_names, item->fields);
    else if (delivery->op == EFF_OP_CLEAR)
        file_json_nulls(&w, delivery);
    eff_json_end_object(&w);
    eff_buf_add_char(buf, '\n');
}

/* RFC 4180; an empty text is "", NULL is nothing, as PostgreSQL's COPY writes them. */
static void
file_csv_text(struct eff_buf *buf, eff_str text, bool formula)
{
    bool quote = text.len == 0 || formula || text.ptr[0] == ' ' || text.ptr[text.len - 1] == ' ';

    for (size_t i = 0; i < text.len && !quote; i++)
        quote = memchr(",\"\r\n\t", text.ptr[i], 5) != NULL;
    if (!quote) {
        eff_buf_add(buf, text);
        return;
    }
    eff_buf_add(buf, formula ? EFF_STR("\"'") : EFF_STR("\""));
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            eff_buf_add_char(buf, '"');
        eff_buf_add_char(buf, text.ptr[i]);
    }
    eff_buf_add_char(buf, '"');
}

static void
file_csv_value(struct eff_buf *buf, struct eff_buf *scratch, const struct file_config *config,
               const struct eff_value *value)
{
    bool formula = false;
    eff_str text;

    if (value->kind == EFF_NULL || value->kind == EFF_ABSENT)
        return;
    eff_buf_reset(scratch);
    eff_value_text(scratch, value);
    text = eff_buf_str(scratch);
    if (config->protect_formulas && value->kind == EFF_TEXT && text.len > 0)
        formula = memchr("=+-@\t\r", text.ptr[0], 6) != NULL;
    file_csv_text(buf, text, formula);
    buf->full = buf->full || scratch->full;
}

/* A field that is called like a column before it is told apart. */
static void
file_csv_header(struct eff_buf *buf, const struct eff_delivery *delivery)
{
    eff_buf_add(buf, EFF_STR("op"));
    for (size_t i = 0; i < delivery->match_count; i++) {
        eff_buf_add_char(buf, ',');
        file_csv_text(buf, delivery->match_names[i], false);
    }
    for (size_t i = 0; i < delivery->fields_count; i++) {
        eff_str name = delivery->field_names[i];
        bool taken = eff_str_is(name, "op");

        for (size_t m = 0; m < delivery->match_count; m++)
            taken = taken || eff_str_eq(name, delivery->match_names[m]);
        if (taken)
            name = eff_str_printf(delivery->arena, "fields." EFF_STR_FMT, EFF_STR_ARG(name));
        eff_buf_add_char(buf, ',');
        file_csv_text(buf, name, false);
    }
    eff_buf_add(buf, EFF_STR("\r\n"));
}

static void
file_csv_record(struct eff_buf *buf, struct eff_buf *scratch, const struct file_config *config,
                const struct eff_delivery *delivery, const struct eff_item *item)
{
    bool has_fields = file_has_fields(delivery->op) && item->fields != NULL;

    eff_buf_add(buf, eff_str_of(eff_op_name(delivery->op)));
    for (size_t i = 0; i < delivery->match_count; i++) {
        eff_buf_add_char(buf, ',');
        file_csv_value(buf, scratch, config, &item->match[i]);
    }
    for (size_t i = 0; i < delivery->fields_count; i++) {
        eff_buf_add_char(buf, ',');
        if (has_fields)
            file_csv_value(buf, scratch, config, &item->fields[i]);
    }
    eff_buf_add(buf, EFF_STR("\r\n"));
}

static enum eff_fault
file_records(const struct file_dest *dest, struct eff_delivery *delivery, bool first,
             eff_str *ret_bytes, struct eff_err *err)
{
    bool csv = dest->config->format == FILE_CSV, full;
    struct eff_buf buf = {0}, scratch = {0};

    if (csv && first)
        file_csv_header(&buf, delivery);
    for (size_t i = 0; i < delivery->count; i++) {
        if (csv)
            file_csv_record(&buf, &scratch, dest->config, delivery, &delivery->items[i]);
        else
            file_json_record(&buf, delivery, &delivery->items[i]);
    }
    full = buf.full;
    if (!full)
        *ret_bytes = eff_str_copy(delivery->arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    eff_buf_free(&scratch);
    return full ? EFF_FAIL(err, EFF_BROKEN, "out of memory for the records of a batch") : EFF_OK;
}

/* ---- delivering ---- */

static void
file_verdicts(struct eff_delivery *delivery, enum eff_outcome outcome, enum eff_fault fault,
              eff_str message)
{
    eff_str text = eff_str_copy(delivery->arena, message);

    for (size_t i = 0; i < delivery->count; i++)
        delivery->items[i].verdict =
            (struct eff_verdict){.outcome = outcome, .fault = fault, .message = text};
}

static struct eff_step
file_stop(struct eff_delivery *delivery, enum eff_outcome outcome, const struct eff_err *err)
{
    file_verdicts(delivery, outcome, err->fault, eff_str_of(err->msg));
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

static struct eff_request
file_request(const struct file_out *out)
{
    return (struct eff_request){
        .kind = EFF_REQUEST_FILE,
        .file = {.path = out->path, .offset = out->known ? out->offset : UINT64_MAX}};
}

/* The memo is made durable by deliver before the request leaves. */
static struct eff_step
file_send(struct file_dest *dest, struct file_run *run, struct eff_delivery *delivery,
          struct eff_err *err)
{
    struct eff_step step = {.kind = EFF_STEP_SEND, .request = file_request(run->out)};

    if (run->bytes.ptr == NULL) {
        if (file_records(dest, delivery, run->out->offset == 0, &run->bytes, err) != EFF_OK)
            return file_stop(delivery, EFF_NOT_APPLIED, err);
        delivery->memo =
            eff_str_printf(delivery->arena, "%llu " EFF_STR_FMT,
                           (unsigned long long)run->out->offset, EFF_STR_ARG(run->out->path));
        delivery->memo_changed = true;
    }
    step.request.writes = step.request.carries_rows = true;
    step.request.file.bytes = run->bytes;
    return step;
}

/* "4096 /folder/contact-01J.jsonl" */
static bool
file_memo(eff_str memo, uint64_t *ret_offset, eff_str *ret_path)
{
    eff_str number;

    return eff_str_cut(memo, ' ', &number, ret_path) && eff_str_uint(number, ret_offset) &&
           ret_path->len > 0;
}

static struct eff_step
file_first(struct file_dest *dest, struct eff_delivery *delivery, struct eff_err *err)
{
    struct file_run *run = eff_new(delivery->arena, struct file_run, 1);
    uint64_t offset = 0;
    eff_str path = dest->path;
    bool has_memo = delivery->memo.len > 0;

    delivery->scratch = run;
    if (has_memo && !file_memo(delivery->memo, &offset, &path)) {
        EFF_FAIL(err, EFF_BROKEN, "the memo of a batch is damaged");
        return file_stop(delivery, EFF_MAYBE_APPLIED, err);
    }
    run->out = file_out(dest, path);
    if (has_memo && run->out->known && run->out->offset != offset) {
        EFF_FAIL(err, EFF_BROKEN, "batches of " EFF_STR_FMT " come out of order",
                 EFF_STR_ARG(path));
        return file_stop(delivery, EFF_MAYBE_APPLIED, err);
    }
    if (has_memo) {
        run->out->offset = offset;
        run->out->known = true;
    }
    if (run->out->known)
        return file_send(dest, run, delivery, err);
    run->looking = true;
    return (struct eff_step){.kind = EFF_STEP_SEND, .request = file_request(run->out)};
}

/* What stopped a file: trouble that may pass, or one that will not. */
static enum eff_fault
file_fail(const struct eff_response *last, struct eff_err *err)
{
    enum eff_fault fault =
        last->wire != EFF_WIRE_ANSWERED || last->status == 503 ? EFF_TRANSIENT : EFF_BROKEN;

    EFF_FAIL(err, fault, "file: " EFF_STR_FMT,
             EFF_STR_ARG(last->problem.len ? last->problem : EFF_STR("no answer")));
    return eff_err_hint(err, "%s",
                        fault == EFF_TRANSIENT ? "Run again: it goes on where it stopped."
                                               : "Put the file back, or remove it and reset the "
                                                 "sync, then run again.");
}

static struct eff_step
file_answer(struct file_dest *dest, struct eff_delivery *delivery, const struct eff_response *last,
            struct eff_err *err)
{
    struct file_run *run = delivery->scratch;

    if (last->wire != EFF_WIRE_ANSWERED && ++run->tries < FILE_TRIES) {
        if (run->looking)
            return (struct eff_step){.kind = EFF_STEP_SEND, .request = file_request(run->out)};
        return file_send(dest, run, delivery, err);
    }
    if (last->wire != EFF_WIRE_ANSWERED || last->status != 200) {
        file_fail(last, err);
        return file_stop(delivery,
                         last->wire == EFF_WIRE_LOST && !run->looking ? EFF_MAYBE_APPLIED
                                                                      : EFF_NOT_APPLIED,
                         err);
    }
    if (run->looking) {
        run->looking = false;
        run->out->offset = last->rows;
        run->out->known = true;
        return file_send(dest, run, delivery, err);
    }
    run->out->offset += run->bytes.len;
    file_verdicts(delivery, EFF_APPLIED, EFF_OK, EFF_STR_NONE);
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

/* ---- finishing ---- */

static struct eff_step
file_finish_next(struct file_finish *finish)
{
    struct eff_step step = {.kind = EFF_STEP_SEND};

    if (finish->at == NULL)
        return (struct eff_step){.kind = EFF_STEP_DONE};
    step.request = file_request(finish->at);
    step.request.writes = true;
    step.request.file.finish = true;
    return step;
}

static struct eff_step
file_finish(struct file_dest *dest, struct eff_task *task, const struct eff_response *last,
            struct eff_err *err)
{
    struct file_finish *finish = task->scratch;

    if (last == NULL || finish == NULL) {
        if (dest->path.len > 0)
            file_out(dest, dest->path);
        task->scratch = finish = eff_new(task->arena, struct file_finish, 1);
        finish->at = dest->files;
        return file_finish_next(finish);
    }
    if (last->wire == EFF_WIRE_ANSWERED && last->status == 200) {
        finish->at = finish->at->next;
        finish->tries = 0;
    } else if (last->wire == EFF_WIRE_ANSWERED || ++finish->tries >= FILE_TRIES) {
        file_fail(last, err);
        return (struct eff_step){.kind = EFF_STEP_STOP};
    }
    return file_finish_next(finish);
}

static struct eff_step
file_step(struct eff_dest *base, struct eff_task *task, const struct eff_response *last,
          struct eff_err *err)
{
    struct file_dest *dest = (struct file_dest *)base;

    switch (task->kind) {
    case EFF_TASK_DELIVER:
        if (last == NULL || task->delivery->scratch == NULL)
            return file_first(dest, task->delivery, err);
        return file_answer(dest, task->delivery, last, err);
    case EFF_TASK_FINISH:
        return file_finish(dest, task, last, err);
    case EFF_TASK_DESCRIBE:
        *task->schema = (struct eff_schema){.known = false};
        break;
    case EFF_TASK_AUTHORIZE:
    case EFF_TASK_READ:
        break;
    }
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

const struct eff_dest_ops eff_dest_file = {
    .kind = "file",
    .title = "File",
    .options = file_options,
    .options_count = sizeof(file_options) / sizeof(file_options[0]),
    .config_size = sizeof(struct file_config),
    .open = file_open,
    .bind = file_bind,
    .item_bytes = file_item_bytes,
    .step = file_step,
};
