// links: base flow os conf state batch diff plan dest source deliver record run testlib assets
/*
 * Goal: only what writes over a record, and may be sent again, can come late.
 * Method: each operation with each class, at a destination whose requests may be late.
 * covers: A10
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "run/sync.h"

static void
what_can_come_late(void **state)
{
    struct eff_sync_run run = {0};

    (void)state;
    assert_int_equal(eff_run_late_most_ms(&run), 0);
    for (enum eff_op op = EFF_OP_UPSERT; op < EFF_OPS_COUNT; op++) {
        bool adds = op == EFF_OP_CREATE || op == EFF_OP_APPEND;

        for (enum eff_class class = EFF_CLASS_BLIND; class <= EFF_CLASS_LOOKUP; class ++) {
            run.limits[op] = (struct eff_op_limits){.class = class, .late_ms = 100 + op};
            assert_int_equal(eff_run_late_ms(&run, op),
                             class != EFF_CLASS_BLIND && !adds ? 100 + op : 0);
        }
        run.limits[op].class = EFF_CLASS_CONVERGE;
    }
    assert_int_equal(eff_run_late_most_ms(&run), 100 + EFF_OP_REMOVE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_can_come_late)};

    return cmocka_run_group_tests_name("run_doubts", tests, NULL, NULL);
}
