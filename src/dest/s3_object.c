/* dest/s3_object: one batch to one object, by one PUT or by an upload in parts. */
#include "dest/s3.h"

#include <stdlib.h>
#include <string.h>

#define S3_RESTARTS_MAX  3
#define S3_ABORT_TIME_MS 15000

enum s3_phase { S3_PUT = 1, S3_LIST, S3_ABORT, S3_CREATE, S3_PART, S3_COMPLETE, S3_HEAD };

struct s3_work { /* scratch of a delivery, and of EFF_TASK_FINISH */
    enum s3_phase phase;
    struct s3_object *object;
    size_t ids_count, ids_at; /* uploads to be aborted */
    eff_str *ids;
};

/* ---- objects ---- */

static struct s3_object *
s3_object_new(struct s3_dest *dest)
{
    struct s3_object *object = dest->objects;

    while (object != NULL && object->used)
        object = object->next;
    if (object == NULL) {
        object = eff_new(dest->run, struct s3_object, 1);
        object->next = dest->objects;
        dest->objects = object;
    }
    object->used = true;
    return object;
}

static void
s3_object_free(struct s3_object *object)
{
    struct s3_object *next = object->next;

    eff_buf_free(&object->body);
    *object = (struct s3_object){.next = next};
}

void
s3_objects_free(struct s3_dest *dest)
{
    for (struct s3_object *object = dest->objects; object != NULL; object = object->next)
        s3_object_free(object);
}

/*
 * The name follows from bytes and keys of the rows: the same batch has the same name, and
 * another one, even of the same bytes, another.
 */
static void
s3_name(struct s3_dest *dest, const struct eff_delivery *delivery, struct s3_object *object)
{
    struct eff_arena scratch = *delivery->arena;
    struct eff_hash128 *keys = eff_new(&scratch, struct eff_hash128, delivery->count);
    struct eff_sha256 digest = eff_sha256(eff_buf_str(&object->body)), both;

    for (size_t i = 0; i < delivery->count; i++)
        keys[i] = delivery->items[i].key;
    both = eff_hmac_sha256((eff_str){(const char *)digest.bytes, sizeof digest.bytes},
                           (eff_str){(const char *)keys, delivery->count * sizeof *keys});
    object->key = eff_str_printf(
        dest->run, EFF_STR_FMT EFF_STR_FMT "-" EFF_STR_FMT "-" EFF_STR_FMT ".%s",
        EFF_STR_ARG(dest->config->prefix), EFF_STR_ARG(delivery->object), EFF_STR_ARG(dest->run_id),
        EFF_STR_ARG(eff_hex(&scratch, both.bytes, 8)), eff_records_suffix(&dest->config->records));
}

static struct s3_object *
s3_object_of(struct s3_dest *dest, struct eff_delivery *delivery, struct eff_err *err)
{
    struct eff_hash128 first = delivery->items[0].key;
    struct s3_object *object = dest->objects;
    size_t part = (size_t)dest->config->part_size;

    while (object != NULL &&
           (!object->used || object->op != delivery->op || object->count != delivery->count ||
            eff_hash128_cmp(object->first, first) != 0))
        object = object->next;
    if (object != NULL)
        return object;
    object = s3_object_new(dest);
    object->op = delivery->op;
    object->first = first;
    object->count = delivery->count;
    if (!eff_records_write(&dest->config->records, delivery, true, &object->body)) {
        EFF_FAIL(err, EFF_BROKEN, "out of memory for the records of a batch");
        s3_object_free(object);
        return NULL;
    }
    object->parts_count = object->body.len / part + (object->body.len % part > 0);
    object->tags = eff_new(dest->run, eff_str, object->parts_count);
    s3_name(dest, delivery, object);
    return object;
}

/* "-" or the upload's id, a blank, the key. */
static void
s3_note(struct s3_object *object, struct eff_delivery *delivery)
{
    delivery->memo = eff_str_printf(delivery->arena, EFF_STR_FMT " " EFF_STR_FMT,
                                    EFF_STR_ARG(object->id.len ? object->id : EFF_STR("-")),
                                    EFF_STR_ARG(object->key));
    delivery->memo_changed = true;
}

/* What an earlier process noted. An upload of another key (the format was changed) is aborted. */
static void
s3_recall(struct s3_dest *dest, struct s3_object *object, eff_str memo)
{
    eff_str id, key;

    if (!eff_str_cut(memo, ' ', &id, &key) || object->id.len > 0 || object->asked)
        return;
    if (!eff_str_eq(key, object->key)) {
        object = s3_object_new(dest);
        object->key = eff_str_copy(dest->run, key);
    }
    object->asked = eff_str_is(id, "-");
    if (!object->asked)
        object->id = eff_str_copy(dest->run, id);
}

/* ---- requests ---- */

static eff_str
s3_part(const struct s3_dest *dest, const struct s3_object *object, size_t index)
{
    size_t size = (size_t)dest->config->part_size;

    return eff_str_sub(eff_buf_str(&object->body), index * size, size);
}

static eff_str
s3_upload_query(const struct s3_object *object, struct eff_arena *arena, size_t part)
{
    eff_str id = eff_sigv4_encode(arena, object->id, false);

    if (part == 0)
        return eff_str_printf(arena, "uploadId=" EFF_STR_FMT, EFF_STR_ARG(id));
    return eff_str_printf(arena, "partNumber=%zu&uploadId=" EFF_STR_FMT, part, EFF_STR_ARG(id));
}

static eff_str
s3_complete_body(const struct s3_object *object, struct eff_arena *arena)
{
    struct eff_buf buf = {0};
    eff_str body;

    eff_buf_add(&buf, EFF_STR("<CompleteMultipartUpload>"));
    for (size_t i = 0; i < object->parts_count; i++)
        eff_buf_addf(&buf, "<Part><PartNumber>%zu</PartNumber><ETag>" EFF_STR_FMT "</ETag></Part>",
                     i + 1, EFF_STR_ARG(object->tags[i]));
    eff_buf_add(&buf, EFF_STR("</CompleteMultipartUpload>"));
    body = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return body;
}

static struct eff_step
s3_ask(struct s3_dest *dest, struct s3_work *work, enum s3_phase phase, struct eff_arena *arena)
{
    struct s3_object *object = work->object;
    eff_str query = EFF_STR_NONE, body = EFF_STR_NONE, key = object->key;
    const char *method = "PUT";
    struct eff_step step;

    work->phase = phase;
    switch (phase) {
    case S3_PUT:
        body = eff_buf_str(&object->body);
        break;
    case S3_CREATE:
        method = "POST";
        query = EFF_STR("uploads=");
        break;
    case S3_PART:
        query = s3_upload_query(object, arena, object->parts_done + 1);
        body = s3_part(dest, object, object->parts_done);
        break;
    case S3_COMPLETE:
        method = "POST";
        query = s3_upload_query(object, arena, 0);
        body = s3_complete_body(object, arena);
        break;
    case S3_HEAD:
        method = "HEAD";
        break;
    case S3_LIST:
        method = "GET";
        query = eff_str_printf(arena, "prefix=" EFF_STR_FMT "&uploads=",
                               EFF_STR_ARG(eff_sigv4_encode(arena, key, false)));
        key = EFF_STR_NONE;
        break;
    case S3_ABORT:
        method = "DELETE";
        query =
            eff_str_printf(arena, "uploadId=" EFF_STR_FMT,
                           EFF_STR_ARG(eff_sigv4_encode(arena, work->ids[work->ids_at], false)));
        break;
    }
    step = s3_request(dest, arena, method, key, query, body);
    step.request.writes = phase != S3_HEAD && phase != S3_LIST;
    step.request.carries_rows = phase == S3_PUT || phase == S3_PART;
    if (phase == S3_LIST || phase == S3_ABORT)
        step.request.timeout_ms = S3_ABORT_TIME_MS;
    return step;
}

/* ---- uploads that nobody knows the id of ---- */

static void
s3_listed(struct s3_work *work, eff_str xml, struct eff_arena *arena)
{
    eff_str inside, rest = xml;
    size_t most = 0;

    while (s3_elements_next(&rest, "Upload", &inside))
        most++;
    work->ids = eff_new(arena, eff_str, most + 1);
    work->ids_count = work->ids_at = 0;
    while (s3_elements_next(&xml, "Upload", &inside))
        if (eff_str_eq(s3_element(inside, "Key", arena), work->object->key))
            work->ids[work->ids_count++] = s3_element(inside, "UploadId", arena);
}

/* ---- delivering ---- */

static void
s3_verdicts(struct eff_delivery *delivery, enum eff_outcome outcome, enum eff_fault fault,
            const char *message)
{
    eff_str text = eff_str_copy(delivery->arena, eff_str_of(message));

    for (size_t i = 0; i < delivery->count; i++)
        delivery->items[i].verdict =
            (struct eff_verdict){.outcome = outcome, .fault = fault, .message = text};
}

static struct eff_step
s3_stop(struct eff_delivery *delivery, const struct eff_err *err)
{
    s3_verdicts(delivery, EFF_NOT_APPLIED, err->fault, err->msg);
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

static struct eff_step
s3_done(struct s3_work *work, struct eff_delivery *delivery)
{
    s3_object_free(work->object);
    s3_verdicts(delivery, EFF_APPLIED, EFF_OK, "");
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static struct eff_step
s3_next(struct s3_dest *dest, struct s3_work *work, struct eff_delivery *delivery)
{
    struct s3_object *object = work->object;
    enum s3_phase phase = S3_PUT;

    if (object->parts_count > 1) {
        phase = object->completing                         ? S3_HEAD
                : object->id.len == 0 && object->asked     ? S3_LIST
                : object->id.len == 0                      ? S3_CREATE
                : object->parts_done < object->parts_count ? S3_PART
                                                           : S3_COMPLETE;
    }
    if (work->ids_at < work->ids_count)
        phase = S3_ABORT;
    if (phase == S3_CREATE) {
        object->asked = true;
        s3_note(object, delivery);
    }
    if (phase == S3_COMPLETE)
        object->completing = true;
    return s3_ask(dest, work, phase, delivery->arena);
}

static struct eff_step
s3_first(struct s3_dest *dest, struct eff_delivery *delivery, struct eff_err *err)
{
    struct s3_work *work = eff_new(delivery->arena, struct s3_work, 1);

    delivery->scratch = work;
    work->object = s3_object_of(dest, delivery, err);
    if (work->object == NULL)
        return s3_stop(delivery, err);
    if (delivery->memo.len > 0)
        s3_recall(dest, work->object, delivery->memo);
    return s3_next(dest, work, delivery);
}

/*
 * The object's upload is gone, says the store: it, or somebody, put an end to it. Should it
 * be there all the same, it is aborted at the end.
 */
static void
s3_restart(struct s3_dest *dest, struct s3_object *object)
{
    struct s3_object *gone = s3_object_new(dest);

    gone->key = object->key;
    gone->id = object->id;
    object->id = EFF_STR_NONE;
    object->asked = object->completing = false;
    object->parts_done = 0;
    object->restarts++;
}

/* An answer that is good moves the object on; false: it makes no sense. */
static bool
s3_advance(struct s3_dest *dest, struct s3_work *work, struct eff_delivery *delivery,
           const struct eff_response *last)
{
    struct s3_object *object = work->object;
    eff_str text;
    uint64_t size;

    switch (work->phase) {
    case S3_LIST:
        s3_listed(work, last->body, delivery->arena);
        object->asked = work->ids_count > 0;
        return true;
    case S3_ABORT:
        if (++work->ids_at == work->ids_count)
            object->asked = false;
        return true;
    case S3_CREATE:
        text = s3_element(last->body, "UploadId", delivery->arena);
        if (text.len == 0)
            return false;
        object->id = eff_str_copy(dest->run, text);
        object->asked = false;
        s3_note(object, delivery);
        return true;
    case S3_PART:
        text = eff_response_header(last, EFF_STR("etag"));
        if (text.len == 0)
            return false;
        object->tags[object->parts_done++] = eff_str_copy(dest->run, text);
        return true;
    case S3_HEAD:
        if (!eff_str_uint(eff_response_header(last, EFF_STR("content-length")), &size) ||
            size != object->body.len)
            s3_restart(dest, object);
        return true;
    case S3_PUT:
    case S3_COMPLETE:
        break;
    }
    return true;
}

/* 404: what that means for each question. */
static struct eff_step
s3_gone(struct s3_dest *dest, struct s3_work *work, struct eff_delivery *delivery,
        struct eff_err *err)
{
    struct s3_object *object = work->object;

    switch (work->phase) {
    case S3_ABORT:
        if (++work->ids_at == work->ids_count)
            object->asked = false;
        return s3_next(dest, work, delivery);
    case S3_HEAD: // the parts were not put together: they are, if the upload is still there
        object->completing = false;
        return s3_next(dest, work, delivery);
    case S3_PART:
    case S3_COMPLETE:
        s3_restart(dest, object);
        break;
    case S3_PUT:
    case S3_LIST:
    case S3_CREATE:
        err->fault = EFF_CONTRACT;
        return s3_stop(delivery, err);
    }
    if (object->restarts > S3_RESTARTS_MAX) {
        err->fault = EFF_TRANSIENT;
        return s3_stop(delivery, err);
    }
    return s3_next(dest, work, delivery);
}

static struct eff_step
s3_again(const struct s3_work *work, struct eff_delivery *delivery, const struct eff_response *last,
         const struct eff_err *err)
{
    bool shows = work->phase == S3_PUT || work->phase == S3_COMPLETE;
    bool surely_not = last->wire == EFF_WIRE_NOT_SENT || err->fault == EFF_RATE;

    if (last->wire == EFF_WIRE_NOT_SENT && work->phase == S3_CREATE)
        work->object->asked = false;
    if (surely_not && work->phase == S3_COMPLETE)
        work->object->completing = false;
    s3_verdicts(delivery, shows && !surely_not ? EFF_MAYBE_APPLIED : EFF_NOT_APPLIED, err->fault,
                err->msg);
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

struct eff_step
s3_deliver(struct s3_dest *dest, struct eff_task *task, const struct eff_response *last,
           struct eff_err *err)
{
    struct eff_delivery *delivery = task->delivery;
    struct s3_work *work = delivery->scratch;
    bool cannot_look;

    if (last == NULL || work == NULL)
        return s3_first(dest, delivery, err);
    switch (s3_judge(dest, last, delivery->arena, err)) {
    case S3_GOOD:
        if (!s3_advance(dest, work, delivery, last)) {
            EFF_FAIL(err, EFF_CONFIG, "the store's answer to a part of an upload is not S3's");
            return s3_stop(delivery, err);
        }
        if (work->phase == S3_PUT || work->phase == S3_COMPLETE ||
            (work->phase == S3_HEAD && work->object->completing))
            return s3_done(work, delivery);
        return s3_next(dest, work, delivery);
    case S3_GONE:
        return s3_gone(dest, work, delivery, err);
    case S3_AGAIN:
        if (last->status != 501)
            return s3_again(work, delivery, last, err);
        break;
    case S3_NEVER:
        break;
    }
    // A store without lists of uploads, or a role that may not see them: what is left there, is.
    cannot_look = work->phase == S3_LIST || work->phase == S3_HEAD;
    if (!cannot_look)
        return s3_stop(delivery, err);
    if (work->phase == S3_HEAD)
        s3_restart(dest, work->object);
    work->object->asked = false;
    return s3_next(dest, work, delivery);
}

/* ---- finishing: nothing of ours is left open in the store ---- */

static struct eff_step
s3_finish_next(struct s3_dest *dest, struct eff_task *task, struct s3_work *work)
{
    struct s3_object *object;

    if (work->ids_at < work->ids_count)
        return s3_ask(dest, work, S3_ABORT, task->arena);
    for (object = dest->objects; object != NULL; object = object->next) {
        if (!object->used)
            continue;
        if (object->id.len == 0 && !object->asked) {
            s3_object_free(object);
            continue;
        }
        work->object = object;
        if (object->id.len == 0)
            return s3_ask(dest, work, S3_LIST, task->arena);
        work->ids = eff_new(task->arena, eff_str, 1);
        work->ids[0] = object->id;
        work->ids_at = 0;
        work->ids_count = 1;
        return s3_ask(dest, work, S3_ABORT, task->arena);
    }
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

struct eff_step
s3_finish(struct s3_dest *dest, struct eff_task *task, const struct eff_response *last,
          struct eff_err *err)
{
    struct s3_work *work = task->scratch;
    enum s3_answer answer;

    if (last == NULL || work == NULL) {
        task->scratch = work = eff_new(task->arena, struct s3_work, 1);
        return s3_finish_next(dest, task, work);
    }
    answer = s3_judge(dest, last, task->arena, err);
    if (answer != S3_GOOD && answer != S3_GONE) {
        eff_err_while(err, "aborting the upload of " EFF_STR_FMT, EFF_STR_ARG(work->object->key));
        eff_err_hint(err, "Its parts may be left in the bucket: a lifecycle rule for incomplete "
                          "uploads takes them away.");
        return (struct eff_step){.kind = EFF_STEP_STOP};
    }
    if (work->phase == S3_LIST)
        s3_listed(work, answer == S3_GOOD ? last->body : EFF_STR_NONE, task->arena);
    else
        work->ids_at++;
    if (work->ids_at >= work->ids_count)
        s3_object_free(work->object);
    return s3_finish_next(dest, task, work);
}
