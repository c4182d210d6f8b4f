// links: base flow os conf source
/*
 * Goal: no answers of BigQuery's, or of who pretends to be it, crash, hang or exhaust the source.
 * Method: the input is the answers one after the other, the first byte of each its status; a world
 * whose clock goes as far as somebody waits. A read that failed stays failed, and no cell has a
 * kind that its type does not allow.
 */
#include "source/bigquery.h"
#include "source/source.h"

#include <stdlib.h>

#define FUZZ_SEPARATOR  '\x1e'
#define FUZZ_ANSWER_MAX 2000 /* after so many the peer is gone */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_world {
    struct eff_os os;
    eff_str rest;
    int64_t now_ms;
    uint64_t ticket;
    unsigned answers;
    struct eff_response response;
};

static int64_t
fuzz_now(void *self)
{
    return ((struct fuzz_world *)self)->now_ms;
}

static void
fuzz_random(void *self, void *ptr, size_t len)
{
    (void)self;
    memset(ptr, 0x5a, len);
}

static void
fuzz_submit(void *self, uint64_t ticket, const struct eff_request *request)
{
    (void)request;
    ((struct fuzz_world *)self)->ticket = ticket;
}

static uint64_t
fuzz_next(void *self, int64_t deadline_ms, const struct eff_response **ret_response)
{
    static const int status[] = {200, 200, 200, 200, 400, 401, 403, 404, 409, 500};
    struct fuzz_world *world = self;
    uint64_t ticket = world->ticket;
    eff_str answer;

    world->ticket = 0;
    if (ticket == 0) {
        world->now_ms = deadline_ms > world->now_ms ? deadline_ms : world->now_ms + 1;
        return 0;
    }
    world->response = (struct eff_response){.wire = EFF_WIRE_NOT_SENT,
                                            .not_allowed = true,
                                            .problem = EFF_STR("nobody is there any more")};
    if (world->rest.len > 0 && ++world->answers < FUZZ_ANSWER_MAX) {
        eff_str_cut(world->rest, FUZZ_SEPARATOR, &answer, &world->rest);
        world->response = (struct eff_response){
            .wire = EFF_WIRE_ANSWERED,
            .status = status[answer.len > 0 ? (unsigned char)(answer.ptr[0] - '0') % 10 : 0],
            .body = eff_str_sub(answer, 1, SIZE_MAX)};
    }
    *ret_response = &world->response;
    return ticket;
}

static void
fuzz_cancel(void *self, uint64_t ticket)
{
    (void)ticket;
    ((struct fuzz_world *)self)->ticket = 0;
}

static bool
fuzz_go_on(void *self)
{
    (void)self;
    return true;
}

static bool
fuzz_kind_fits(enum eff_kind declared, const struct eff_value *value)
{
    enum eff_kind kind = (enum eff_kind)value->kind;

    if (kind == EFF_BAD)
        return value->ptr != NULL && value->len > 0;
    return kind == EFF_NULL || kind == declared;
}

static void
fuzz_read(struct eff_source *source, const struct eff_columns *columns)
{
    struct eff_err err = {0};
    struct eff_batch batch;

    do {
        if (source->ops->next(source, &batch, &err) != EFF_OK) {
            if (err.msg[0] == '\0' || source->ops->next(source, &batch, &err) == EFF_OK)
                abort(); // A read that failed stays so.
            return;
        }
        if (batch.width != columns->count)
            abort();
        for (size_t i = 0; i < batch.rows * batch.width; i++)
            if (!fuzz_kind_fits(columns->at[i % batch.width].kind, &batch.cells[i]))
                abort();
    } while (batch.rows > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_world world = {.rest = {(const char *)data, size}};
    const struct eff_bq_config config = {
        .project = EFF_STR("p"), .token = EFF_STR("t"), .url = EFF_STR(EFF_BQ_URL)};
    struct eff_source *source = NULL;
    struct eff_columns columns;
    struct eff_err err = {0};
    struct eff_arena run;

    world.os = (struct eff_os){.self = &world,
                               .mono_ms = fuzz_now,
                               .wall_ms = fuzz_now,
                               .random = fuzz_random,
                               .submit = fuzz_submit,
                               .next = fuzz_next,
                               .cancel = fuzz_cancel,
                               .go_on = fuzz_go_on};
    eff_arena_init(&run, "fuzz", (size_t)64 << 20);
    if (eff_source_bigquery.open(&config, &world.os, &run, &source, &err) != EFF_OK)
        abort();
    for (int again = 0; again < 2; again++) {
        if (source->ops->query(source, EFF_STR("SELECT 1"), &columns, &err) == EFF_OK)
            fuzz_read(source, &columns);
        else if (err.msg[0] == '\0')
            abort();
    }
    source->ops->close(source);
    eff_arena_deinit(&run);
    return 0;
}
