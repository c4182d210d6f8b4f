/*
 * Goal: of rows that an answer counts as invalid as many are found as a bounded number of requests can
 * tell, no good one is refused, the number of the others is told, and none waits for ever.
 * Method: Meta's connector against a platform that knows which rows are bad, tells how many, and names
 * some of them, or none; random sizes, and an answer that fails in the middle.
 */
// links: dest conf flow base assets
#include "base/json.h"
#include "lib/random.h"
#include "lib/restdest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS       300
#define REQUESTS_MAX 129 /* the first one, and those that look */

static struct eff_arena arena;

struct platform {
    size_t samples;   /* bad rows that an answer names */
    size_t breaks_at; /* the request that has no answer; 0: none */
    size_t requests;
};

static bool
is_bad(eff_str cell)
{
    return eff_str_starts(cell, EFF_STR("x"));
}

static struct eff_response
platform_answer(struct platform *platform, const struct eff_request *request)
{
    const struct eff_json *body, *row, *data;
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    struct eff_response response = {.wire = EFF_WIRE_LOST};
    struct eff_json_iter iter;
    struct eff_err err = {0};
    size_t bad = 0, named = 0;

    if (++platform->requests == platform->breaks_at)
        return response;
    assert_int_equal(eff_json_parse(request->body, &arena, &body, &err), EFF_OK);
    data = eff_json_pointer(body, EFF_STR("/payload/data"));
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "audience_id", EFF_STR("17"));
    eff_json_key(&w, EFF_STR("invalid_entry_samples"));
    eff_json_begin_object(&w);
    for (iter = eff_json_iterate(data); eff_json_next(&iter, NULL, &row);) {
        struct eff_buf key = {0};

        if (!is_bad(eff_json_str(eff_json_pointer(row, EFF_STR("/0")))))
            continue;
        bad++;
        if (named++ >= platform->samples)
            continue;
        eff_json_print(&key, row, false);
        eff_json_key(&w, eff_buf_str(&key));
        eff_json_write_str(&w, EFF_STR("no hash"));
        eff_buf_free(&key);
    }
    eff_json_end_object(&w);
    eff_json_field_int(&w, "num_invalid_entries", (int64_t)bad);
    eff_json_end_object(&w);
    response = (struct eff_response){
        .wire = EFF_WIRE_ANSWERED, .status = 200, .body = eff_str_copy(&arena, eff_buf_str(&buf))};
    eff_buf_free(&buf);
    return response;
}

static struct eff_delivery *
delivered(struct restdest *world, uint64_t *random, size_t count, size_t bad,
          struct platform *platform)
{
    const eff_str names[] = {EFF_STR("EMAIL")};
    struct eff_delivery *d = restdest_rows(world, EFF_OP_ADD, "17", "id", count, 1, names, NULL);
    struct eff_step step;
    bool *is = eff_new(&arena, bool, count);

    for (size_t i = 0; i < bad; i++)
        is[random_below(random, (unsigned)count)] = true;
    for (size_t i = 0; i < count; i++) {
        struct eff_value *value = eff_new(&arena, struct eff_value, 1);

        *value = eff_value_of_str(EFF_TEXT, eff_str_printf(&arena, "%c%zu", is[i] ? 'x' : 'h', i));
        d->items[i].fields = value;
    }
    step = restdest_step(world, d, NULL);
    while (step.kind == EFF_STEP_SEND) {
        struct eff_response answer = platform_answer(platform, &step.request);

        step = restdest_step(world, d, &answer);
    }
    assert_int_equal(step.kind, EFF_STEP_DONE);
    assert_true(platform->requests <= REQUESTS_MAX);
    return d;
}

/* What was told of the rows of one request, whose verdicts have one text. */
static void
check_told(const struct eff_delivery *d, size_t first)
{
    const char *text = d->items[first].verdict.message.ptr;
    size_t rows = 0, bad = 0;
    eff_str want;

    for (size_t i = first; i < d->count; i++) {
        if (d->items[i].verdict.message.ptr != text)
            continue;
        rows++;
        bad += is_bad(eff_value_str(d->items[i].fields));
    }
    want = eff_str_printf(&arena, "%zu of %zu rows", bad, rows);
    if (!eff_str_starts(d->items[first].verdict.message, want))
        fail_msg("want " EFF_STR_FMT ", told " EFF_STR_FMT, EFF_STR_ARG(want),
                 EFF_STR_ARG(d->items[first].verdict.message));
}

/* How many bad rows were not found. */
static size_t
check_rows(const struct eff_delivery *d)
{
    const char *text = NULL;
    size_t missed = 0;

    for (size_t i = 0; i < d->count; i++) {
        const struct eff_verdict *verdict = &d->items[i].verdict;
        bool bad = is_bad(eff_value_str(d->items[i].fields));

        assert_true(verdict->outcome == EFF_TAKEN || verdict->outcome == EFF_REFUSED);
        assert_true(bad || verdict->outcome == EFF_TAKEN);
        if (verdict->outcome == EFF_REFUSED)
            continue;
        missed += bad;
        assert_true(!bad || eff_str_is(verdict->code, "ROWS_NOT_ACCEPTED"));
        if (verdict->code.len > 0 && verdict->message.ptr != text)
            check_told(d, i);
        text = verdict->message.ptr;
    }
    return missed;
}

static void
open_world(struct restdest *world)
{
    static const eff_str names[] = {{"EMAIL", 5}};
    struct eff_dest_sync sync = {.run = EFF_STR("r"),
                                 .mode = EFF_MODE_MEMBERS,
                                 .object = EFF_STR("17"),
                                 .fields_count = 1,
                                 .field_names = names};

    assert_true(restdest_kinds(world, &arena, 0, NULL));
    assert_true(restdest_open(world, "meta", "{token: t}"));
    assert_int_equal(world->dest->ops->bind(world->dest, &sync, world->limits, &world->err),
                     EFF_OK);
}

static void
random_batches(void **state)
{
    uint64_t random = 11;
    struct restdest world;
    size_t used, looked = 0, told = 0;

    (void)state;
    open_world(&world);
    used = arena.used;
    for (size_t round = 0; round < ROUNDS; round++) {
        size_t count = 1 + random_below(&random, 600),
               bad = random_below(&random, (unsigned)count + 1);
        struct platform platform = {.samples = random_below(&random, 2) ? 5 : 0};

        if (random_below(&random, 2))
            bad %= 20;
        if (check_rows(delivered(&world, &random, count, bad, &platform)) > 0)
            told++;
        else if (platform.requests > 1)
            looked++;
        arena.used = used;
    }
    assert_true(looked > 20 && told > 20);
    world.dest->ops->close(world.dest);
}

/* The largest batch, and as many as were always found. */
static void
largest_batch(void **state)
{
    uint64_t random = 12;
    struct restdest world;
    size_t used;

    (void)state;
    open_world(&world);
    used = arena.used;
    for (size_t bad = 1; bad <= 12; bad += bad < 8 ? 1 : 4) {
        struct platform platform = {.samples = bad > 8 ? 5 : 0};

        assert_int_equal(check_rows(delivered(&world, &random, 10000, bad, &platform)), 0);
        arena.used = used;
    }
    world.dest->ops->close(world.dest);
}

/* What an answer took is never called "not applied", whatever becomes of the half that is asked again. */
static void
broken_off(void **state)
{
    uint64_t random = 13;
    struct restdest world;
    size_t used, open = 0;

    (void)state;
    open_world(&world);
    used = arena.used;
    for (size_t round = 0; round < ROUNDS; round++) {
        struct platform platform = {.breaks_at = 2 + random_below(&random, 12)};
        struct eff_delivery *d =
            delivered(&world, &random, 50 + random_below(&random, 200), 5, &platform);

        for (size_t i = 0; i < d->count; i++) {
            const struct eff_verdict *verdict = &d->items[i].verdict;

            assert_int_not_equal(verdict->outcome, EFF_NOT_APPLIED);
            assert_true(verdict->outcome != EFF_REFUSED ||
                        is_bad(eff_value_str(d->items[i].fields)));
            open += verdict->outcome == EFF_MAYBE_APPLIED;
        }
        arena.used = used;
    }
    assert_true(open > ROUNDS);
    world.dest->ops->close(world.dest);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_batches),
                                       cmocka_unit_test(largest_batch),
                                       cmocka_unit_test(broken_off)};
    int failed;

    eff_arena_init(&arena, "test", (size_t)1 << 30);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eff_arena_deinit(&arena);
    return failed;
}
