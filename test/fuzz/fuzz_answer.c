// links: dest conf flow base assets
/*
 * Goal: no answer of a destination crashes or hangs the interpreter, or makes it
 * leave a row without a verdict.
 * Method: the first byte chooses a connector and an operation; the rest, split at
 * lines "===", are the answers to its requests: a status byte, then the body.
 */
#include "lib/restdest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *kind, *block, *object;
    enum eff_op op;
    int64_t rows_planned;
} scenes[] = {
    {"hubspot", "{token: t}", "contacts", EFF_OP_UPSERT, 1},
    {"hubspot", "{token: t}", "contacts", EFF_OP_UPDATE, 1},
    {"hubspot", "{token: t}", "contacts", EFF_OP_ARCHIVE, 1},
    {"salesforce", "{instance_url: 'https://a.my.salesforce.com', token: t}", "Lead", EFF_OP_UPSERT,
     1},
    {"salesforce", "{instance_url: 'https://a.my.salesforce.com', token: t}", "Lead", EFF_OP_UPSERT,
     9999},
    {"salesforce", "{instance_url: 'https://a.my.salesforce.com', token: t}", "Lead", EFF_OP_DELETE,
     1},
    {"http",
     "{url: 'https://a.example', operations: {upsert: {batch: {rows: 9}, post: /x, answer: "
     "{success: /ok, applied: {each: /a, by: match, row: /id, remote_id: /r}, refused: {each: /b, row: /i, "
     "row_after: '/', code: /c, message: /m}, others: applied}}}}",
     "x", EFF_OP_UPSERT, 1},
    {"http",
     "{url: 'https://a.example', operations: {upsert: {batch: {rows: 9}, job: {create: {post: /j, json: {n: "
     "'{batch.rows}'}, id: /id}, poll: {get: '/j/{job.id}', at: /s, done: [d], failed: [f]}, results: [{refused: "
     "{each: /e, by: match, row: /k, message: /m}}], others: applied}}}}",
     "x", EFF_OP_UPSERT, 1},
    {"zendesk", "{url: 'https://a.zendesk.com', email: a, token: t}", "users", EFF_OP_UPSERT, 1},
    {"zendesk", "{url: 'https://a.zendesk.com', email: a, token: t}", "users", EFF_OP_ARCHIVE, 1},
    {"klaviyo", "{api_key: t}", "profiles", EFF_OP_UPSERT, 9999},
    {"klaviyo", "{api_key: t}", "profiles", EFF_OP_UPDATE, 1},
    {"customerio", "{site_id: s, api_key: t, app_key: a}", "person", EFF_OP_UPSERT, 1},
    {"pendo", "{integration_key: t}", "visitor", EFF_OP_UPDATE, 1},
    {"s3", "{bucket: b-1, access_key_id: a, secret_access_key: s}", "people", EFF_OP_UPSERT, 1},
    {"exec", "{program: /bin/true, idempotent: [upsert]}", "people", EFF_OP_UPSERT, 1},
    {"custom_api", "{url: 'https://a.example/x'}", "people", EFF_OP_CREATE, 1},
};

static void
fuzz_look(struct restdest *world, const struct eff_response *response, unsigned choice)
{
    struct eff_schema schema;
    eff_str names[] = {EFF_STR("id")}, fields[] = {EFF_STR("a"), EFF_STR("b.c")};
    struct eff_value match[] = {eff_value_of_str(EFF_TEXT, EFF_STR("k0")),
                                eff_value_of_str(EFF_TEXT, EFF_STR("k1"))};
    struct eff_record records[2];
    struct eff_read read = {1, names, 2, fields, 2, match, records};
    struct eff_task task = {.kind = choice ? EFF_TASK_DESCRIBE : EFF_TASK_READ,
                            .schema = &schema,
                            .read = &read,
                            .object = EFF_STR("x"),
                            .arena = world->arena};
    struct eff_rate_report reports[8];
    struct eff_step step = world->dest->ops->step(world->dest, &task, NULL, &world->err);

    if (world->dest->ops->observe)
        world->dest->ops->observe(world->dest, response, reports, 8);
    for (int i = 0; i < 8 && step.kind == EFF_STEP_SEND; i++)
        step = world->dest->ops->step(world->dest, &task, response, &world->err);
}

static void
fuzz_deliver(struct restdest *world, struct eff_delivery *d, eff_str input)
{
    static const int statuses[] = {200, 201, 204, 207, 300, 400, 401, 403, 404, 409, 429, 500, 502};
    struct eff_step step = restdest_step(world, d, NULL);
    struct eff_response response = {.wire = EFF_WIRE_ANSWERED, .now_wall_ms = 1767225600000};

    for (int i = 0; i < 200; i++) {
        if (step.kind == EFF_STEP_SEND) {
            size_t end = eff_str_find(input, EFF_STR("\n===\n"));

            response.status = input.len ? statuses[(unsigned char)input.ptr[0] % 13] : 200;
            response.wire =
                input.len && (unsigned char)input.ptr[0] > 250 ? EFF_WIRE_LOST : EFF_WIRE_ANSWERED;
            response.body = eff_str_sub(input, 1,
                                        end == SIZE_MAX ? SIZE_MAX
                                        : end > 0       ? end - 1
                                                        : 0);
            input = end == SIZE_MAX ? EFF_STR("") : eff_str_sub(input, end + 5, SIZE_MAX);
            step = restdest_step(world, d, &response);
        } else if (step.kind == EFF_STEP_WAIT) {
            step = restdest_step(world, d, NULL);
        } else {
            break;
        }
    }
    for (size_t i = 0; step.kind == EFF_STEP_DONE && i < d->count; i++) {
        if (d->items[i].verdict.outcome == EFF_PENDING)
            abort();
    }
    if (step.kind == EFF_STEP_SEND)
        abort(); /* no end of requests */
    fuzz_look(world, &response, input.len & 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct eff_arena kinds_arena, arena;
    static struct restdest kinds;
    eff_str names[] = {EFF_STR("a"), EFF_STR("b.c")};
    struct eff_value fields[] = {eff_value_of_int(EFF_INT, 1), {.kind = EFF_NULL}};
    struct eff_delivery *d;
    struct restdest world;
    size_t scene;

    if (size < 2 || size > 65536)
        return 0;
    if (!arena.base) {
        eff_arena_init(&kinds_arena, "kinds", (size_t)64 << 20);
        eff_arena_init(&arena, "fuzz", (size_t)512 << 20);
        if (!restdest_kinds(&kinds, &kinds_arena, 0, NULL))
            abort();
    }
    eff_arena_reset(&arena);
    world = kinds;
    world.arena = world.problems.arena = &arena;
    scene = data[0] % (sizeof scenes / sizeof scenes[0]);
    if (!restdest_open(&world, scenes[scene].kind, scenes[scene].block) ||
        !restdest_bind(&world, EFF_MODE_UPSERT, EFF_REMOVED_KEEP, scenes[scene].object,
                       scenes[scene].rows_planned))
        abort();
    d = restdest_rows(&world, scenes[scene].op, scenes[scene].object, "id", 3, 2, names, fields);
    d->items[1].remote_id = EFF_STR("77");
    fuzz_deliver(&world, d, (eff_str){(const char *)data + 1, size - 1});
    if (world.dest->ops->close)
        world.dest->ops->close(world.dest);
    return 0;
}
