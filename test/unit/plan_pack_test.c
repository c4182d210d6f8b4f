// links: base flow conf plan
/*
 * Goal: no chunk and no batch is larger than the destination takes, nothing is left out or sent
 * twice, and what is kept apart stays apart.
 * Method: items counted against limits of rows and bytes; chunks put together by other limits than
 * those they were cut by.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/pack.h"

static struct eff_arena arena;
static struct eff_op_limits limits[EFF_OPS_COUNT];
static struct eff_packer packer;

/* Items of so many bytes until the chunk is full; it is cut. */
static size_t
rows_of_a_chunk(size_t item_bytes)
{
    size_t rows = 0;

    while (!eff_packer_full(&packer, limits, EFF_OP_UPSERT, EFF_GROUP_FREE, item_bytes)) {
        eff_packer_add(&packer, EFF_OP_UPSERT, EFF_GROUP_FREE, item_bytes);
        rows++;
    }
    assert_int_equal(eff_packer_cut(&packer, EFF_OP_UPSERT, EFF_GROUP_FREE), rows * item_bytes);
    return rows;
}

static void
test_chunks(void **state)
{
    (void)state;
    assert_int_equal(rows_of_a_chunk(10), 1000); // where nothing is said
    limits[EFF_OP_UPSERT].bytes_max = 95;
    assert_int_equal(rows_of_a_chunk(10), 9);
    assert_int_equal(rows_of_a_chunk(95), 1);
    assert_int_equal(rows_of_a_chunk(96), 1); // alone, for the destination to refuse it
    limits[EFF_OP_UPSERT].rows_max = 5;
    assert_int_equal(rows_of_a_chunk(10), 5);
    eff_packer_add(&packer, EFF_OP_UPSERT, EFF_GROUP_FREE, 95);
    assert_true(eff_packer_full(&packer, limits, EFF_OP_UPSERT, EFF_GROUP_FREE, 1));
    assert_false(eff_packer_full(&packer, limits, EFF_OP_UPSERT, EFF_GROUP_GUARDED, 1));
    assert_false(eff_packer_full(&packer, limits, EFF_OP_DELETE, EFF_GROUP_FREE, 1));
}

static bool
is_guarded(void *self, const struct eff_chunk *chunk)
{
    (void)self;
    return chunk->group == EFF_GROUP_GUARDED;
}

static struct eff_batch_ref *
batches_of(const struct eff_chunk *chunks, size_t count, size_t *ret_count)
{
    return eff_pack_batches(chunks, count, limits, is_guarded, NULL, &arena, ret_count);
}

static void
test_batches(void **state)
{
    static const struct eff_chunk chunks[] = {
        {.rows = 3, .op = EFF_OP_UPSERT, .estimate = 30},
        {.rows = 3, .op = EFF_OP_DELETE, .group = EFF_GROUP_GUARDED, .estimate = 30},
        {.rows = 3, .op = EFF_OP_UPSERT, .estimate = 30},
        {.rows = 3, .op = EFF_OP_UPSERT, .group = EFF_GROUP_MOVED, .estimate = 30},
        {.rows = 2, .op = EFF_OP_UPSERT, .estimate = 50},
        {.rows = 3, .op = EFF_OP_DELETE, .estimate = 30},
    };
    struct eff_batch_ref *batches;
    size_t count;

    (void)state;
    batches = batches_of(chunks, 6, &count);
    assert_int_equal(count, 4);
    assert_int_equal(batches[0].group, EFF_GROUP_MOVED); // before others want what they leave
    assert_int_equal(batches[0].first_chunk, 3);
    assert_int_equal(batches[1].rows, 8);
    assert_int_equal(batches[1].chunks, 3);
    assert_true(batches[2].held && batches[2].rows == 3);
    assert_false(batches[3].held);

    limits[EFF_OP_UPSERT].rows_max = 7;
    batches = batches_of(chunks, 6, &count);
    assert_int_equal(count, 5);
    assert_int_equal(batches[1].rows, 6);
    assert_int_equal(batches[3].rows, 2);
    assert_int_equal(batches[3].first_chunk, 4);

    limits[EFF_OP_UPSERT] = (struct eff_op_limits){.bytes_max = 80};
    batches = batches_of(chunks, 6, &count);
    assert_int_equal(count, 5);
    assert_int_equal(batches[1].rows, 6);
    limits[EFF_OP_UPSERT].bytes_max = 79;
    assert_int_equal(batches_of(chunks, 6, &count)[1].rows, 6);
    limits[EFF_OP_UPSERT].bytes_max = 59;
    batches = batches_of(chunks, 6, &count);
    assert_int_equal(count, 6);
    assert_int_equal(batches[1].rows, 3);

    batches_of(chunks, 0, &count);
    assert_int_equal(count, 0);
}

static int
setup(void **state)
{
    (void)state;
    packer = (struct eff_packer){0};
    for (int op = 0; op < EFF_OPS_COUNT; op++)
        limits[op] = (struct eff_op_limits){0};
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_chunks, setup),
        cmocka_unit_test_setup(test_batches, setup),
    };
    int failed;

    eff_arena_init(&arena, "test", (size_t)1 << 20);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eff_arena_deinit(&arena);
    return failed;
}
