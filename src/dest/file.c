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
#include "dest/dest.h"
#include "dest/records.h"

#define FILE_ROWS_MAX  5000
#define FILE_BYTES_MAX ((size_t)8 << 20)
#define FILE_TRIES     3

struct file_config {
    eff_str path;
    struct eff_records records;
};

static const struct eff_option file_options[] = {
    {"path", EFF_OPT_PATH, offsetof(struct file_config, path), NULL, 0, 0,
     "The folder that gets the files; it is made when it is missing.", EFF_OPT_REQUIRED, NULL},
    EFF_RECORDS_OPTIONS(struct file_config, records),
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
    static const struct eff_op_limits common = {
        .rows_max = FILE_ROWS_MAX, .bytes_max = FILE_BYTES_MAX, .concurrency = 1};
    struct file_dest *dest = (struct file_dest *)base;

    EFF_TRY(eff_records_bind(&dest->config->records, "a file", sync, &common, limits, err));
    dest->path = eff_str_printf(dest->run, EFF_STR_FMT "/" EFF_STR_FMT "-" EFF_STR_FMT ".%s",
                                EFF_STR_ARG(dest->config->path), EFF_STR_ARG(sync->object),
                                EFF_STR_ARG(sync->run), eff_records_suffix(&dest->config->records));
    return EFF_OK;
}

static size_t
file_item_bytes(struct eff_dest *base, const struct eff_delivery *delivery,
                const struct eff_item *item)
{
    (void)base;
    return eff_record_bytes(delivery, item);
}

static enum eff_fault
file_records(const struct file_dest *dest, struct eff_delivery *delivery, bool first,
             eff_str *ret_bytes, struct eff_err *err)
{
    struct eff_buf buf = {0};
    bool good = eff_records_write(&dest->config->records, delivery, first, &buf);

    if (good)
        *ret_bytes = eff_str_copy(delivery->arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return good ? EFF_OK : EFF_FAIL(err, EFF_BROKEN, "out of memory for the records of a batch");
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
    case EFF_TASK_CREATE:
    case EFF_TASK_CHECK:
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
