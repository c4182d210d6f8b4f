/*
 * lib/null_dest: a destination that accepts every record.
 */
#include "lib/null_dest.h"

#include "lib/bench.h"

#define NULL_URL "null:"

struct null_config {
    int64_t batch;
};

static const struct eff_option null_options[] = {
    {"batch", EFF_OPT_INT, offsetof(struct null_config, batch), "200", 1, 100000,
     "Records per request."},
};

static enum eff_fault
null_open(const struct eff_dest_conf *conf, struct eff_arena *run, struct eff_dest **ret_dest,
          struct eff_err *err)
{
    struct eff_dest *dest = eff_new(run, struct eff_dest, 1);

    (void)err;
    dest->conf = conf;
    dest->ops = &bench_dest_null;
    dest->account = EFF_STR("null");
    *ret_dest = dest;
    return EFF_OK;
}

static enum eff_fault
null_bind(struct eff_dest *dest, const struct eff_dest_sync *sync,
          struct eff_op_limits limits[EFF_OPS_COUNT], struct eff_err *err)
{
    const struct null_config *config = dest->conf->config;

    (void)sync, (void)err;
    for (enum eff_op op = EFF_OP_UPSERT; op < EFF_OPS_COUNT; op++)
        limits[op] = (struct eff_op_limits){.supported = true,
                                            .class = EFF_CLASS_CONVERGE,
                                            .rows_max = (size_t)config->batch,
                                            .bytes_max = (size_t)4 << 20,
                                            .concurrency = 4,
                                            .rematch = true};
    return EFF_OK;
}

static size_t
null_item_bytes(struct eff_dest *dest, const struct eff_delivery *delivery,
                const struct eff_item *item)
{
    (void)dest, (void)item;
    return 20 * delivery->fields_count;
}

static struct eff_step
null_step(struct eff_dest *dest, struct eff_task *task, const struct eff_response *last,
          struct eff_err *err)
{
    struct eff_step step = {.kind = EFF_STEP_DONE};

    (void)dest, (void)err;
    if (task->kind != EFF_TASK_DELIVER)
        return step;
    if (!last) {
        step.kind = EFF_STEP_SEND;
        step.request = (struct eff_request){.kind = EFF_REQUEST_HTTP,
                                            .writes = true,
                                            .carries_rows = true,
                                            .method = EFF_STR("POST"),
                                            .url = EFF_STR(NULL_URL)};
        return step;
    }
    for (size_t i = 0; i < task->delivery->count; i++)
        task->delivery->items[i].verdict = (struct eff_verdict){.outcome = EFF_APPLIED};
    return step;
}

const struct eff_dest_ops bench_dest_null = {
    .kind = "null",
    .title = "nothing",
    .options = null_options,
    .options_count = sizeof(null_options) / sizeof(null_options[0]),
    .config_size = sizeof(struct null_config),
    .open = null_open,
    .bind = null_bind,
    .item_bytes = null_item_bytes,
    .step = null_step,
};

/* ---- the world that answers at once; all else goes to the real one, whose `self` is kept ---- */

static struct bench_null_os *null_world; // the table's functions get the real world's self

static void
null_submit(void *self, uint64_t ticket, const struct eff_request *request)
{
    if (!eff_str_is(request->url, NULL_URL)) {
        null_world->real->submit(self, ticket, request);
        return;
    }
    if (null_world->count == BENCH_NULL_QUEUE)
        bench_die("more than %d requests under way", BENCH_NULL_QUEUE);
    null_world->tickets[null_world->count++] = ticket;
}

static uint64_t
null_next(void *self, int64_t deadline_mono_ms, const struct eff_response **ret_response)
{
    uint64_t ticket;

    if (null_world->count == 0)
        return null_world->real->next(self, deadline_mono_ms, ret_response);
    ticket = null_world->tickets[0];
    null_world->count--;
    for (size_t i = 0; i < null_world->count; i++)
        null_world->tickets[i] = null_world->tickets[i + 1];
    *ret_response = &null_world->answer;
    return ticket;
}

void
bench_null_os_init(struct bench_null_os *null, struct eff_os *real)
{
    *null = (struct bench_null_os){.os = *real, .real = real};
    null->os.submit = null_submit;
    null->os.next = null_next;
    null->answer = (struct eff_response){.wire = EFF_WIRE_ANSWERED, .status = 200};
    null_world = null;
}
