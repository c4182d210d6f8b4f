// links: dest conf flow base assets
/*
 * Goal: no bytes in a connector file crash, hang or exhaust the loader; what it
 * accepts can make a request.
 * Method: the bytes are loaded as a connector; a destination of an accepted one is
 * opened with an empty block, and its operations asked for a first step.
 */
#include "lib/restdest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_use(struct restdest *world, eff_str kind)
{
    eff_str names[] = {EFF_STR("a"), EFF_STR("b.c")};
    struct eff_value fields[] = {eff_value_of_int(EFF_INT, 1), {.kind = EFF_NULL}};
    const struct eff_rate_limit *limits;

    if (!restdest_open(world, eff_str_c(world->arena, kind),
                       "{token: t, url: 'https://api.example.com'}"))
        return;
    restdest_bind(world, EFF_MODE_UPSERT, EFF_REMOVED_KEEP, "thing", 100);
    world->dest->ops->rates(world->dest, &limits);
    for (int op = EFF_OP_UPSERT; op < EFF_OPS_COUNT; op++) {
        struct eff_delivery *d;

        if (!world->limits[op].supported)
            continue;
        d = restdest_rows(world, (enum eff_op)op, "thing", "id", 2, 2, names, fields);
        world->dest->ops->item_bytes(world->dest, d, &d->items[0]);
        if (restdest_step(world, d, NULL).kind == 0)
            abort();
    }
    restdest_bind(world, EFF_MODE_MEMBERS, EFF_REMOVED_DELETE, "thing", 2);
    world->dest->ops->close(world->dest);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct eff_arena arena;
    struct eff_connector_file file = {EFF_STR("x/connector.yaml"), {(const char *)data, size}};
    struct restdest world;

    if (size > 65536)
        return 0;
    if (!arena.base)
        eff_arena_init(&arena, "fuzz", (size_t)512 << 20);
    eff_arena_reset(&arena);
    if (restdest_kinds(&world, &arena, 1, &file))
        fuzz_use(&world, world.kinds[world.kinds_count - 1].kind);
    else if (world.problems.count == 0)
        abort(); /* refused without a word */
    return 0;
}
