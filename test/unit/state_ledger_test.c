// links: base flow os conf state testlib
/*
 * Goal: what may have been created under an idempotency key is not taken for what it is not;
 * values of rows that nobody tries any more do not stay.
 * Method: entries of the ledger are put, as settling does, into a state of its own, and read back.
 * covers: A12, A14, P3
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/testos.h"
#include "state/control.h"

struct place {
    struct testos world;
    char *folder;
    struct eff_arena arena;
    struct eff_control *control;
};

static const eff_str sync_name = {"rows", 4};

static void
place_open(struct place *p)
{
    struct eff_err err = {0};

    *p = (struct place){.folder = testos_folder()};
    testos_init(&p->world, 7);
    eff_arena_init(&p->arena, "test", (size_t)1 << 26);
    assert_int_equal(
        eff_control_open(&p->world.os, p->folder, false, false, &p->arena, &p->control, &err),
        EFF_OK);
}

static void
place_close(struct place *p)
{
    eff_control_close(p->control);
    testos_remove(p->folder);
    free(p->folder);
    eff_arena_deinit(&p->arena);
}

static void
place_put(struct place *p, uint64_t key, enum eff_ledger_state state, uint64_t content)
{
    struct eff_ledger_row row = {.key = {key, key},
                                 .state = state,
                                 .rows = 1,
                                 .op = EFF_OP_UPSERT,
                                 .code = EFF_STR("ambiguous"),
                                 .row_hash = content,
                                 .last_ms = 5};
    struct eff_err err = {0};

    assert_int_equal(eff_control_ledger_put(p->control, sync_name, &row, false, &err), EFF_OK);
}

static uint64_t
place_content(struct place *p, uint64_t key)
{
    struct eff_ledger_row row;
    struct eff_err err = {0};
    bool found;

    assert_int_equal(eff_control_ledger_get(p->control, sync_name, (struct eff_hash128){key, key},
                                            &p->arena, &found, &row, &err),
                     EFF_OK);
    assert_true(found);
    return row.row_hash;
}

static uint64_t
place_incarnation(struct place *p, uint64_t key)
{
    struct eff_err err = {0};
    uint64_t number;

    assert_int_equal(eff_control_incarnation(p->control, sync_name, (struct eff_hash128){key, key},
                                             &number, &err),
                     EFF_OK);
    return number;
}

static void
test_several_contents_under_one_key_are_none(void **state)
{
    struct place p;

    (void)state;
    place_open(&p);
    place_put(&p, 1, EFF_LEDGER_PENDING, 7);
    place_put(&p, 1, EFF_LEDGER_PENDING, 7);
    assert_int_equal(place_content(&p, 1), 7);
    place_put(&p, 1, EFF_LEDGER_PENDING, 8);
    assert_int_equal(place_content(&p, 1), 0);
    place_put(&p, 1, EFF_LEDGER_PENDING, 8); /* the first one may still be what is there */
    assert_int_equal(place_content(&p, 1), 0);
    place_close(&p);
}

/* For 30 days after the last try; what else is known of the row stays. */
static void
test_values_do_not_stay_for_ever(void **state)
{
    static const int64_t days[] = {29, 31};
    const int64_t day = INT64_C(24) * 3600 * 1000;
    struct eff_ledger_row row = {.key = {1, 1},
                                 .state = EFF_LEDGER_HELD,
                                 .rows = 1,
                                 .op = EFF_OP_DELETE,
                                 .code = EFF_STR("guard"),
                                 .sent = EFF_STR("{\"email\":\"x\"}"),
                                 .last_ms = 100 * day};
    struct eff_err err = {0};
    struct place p;
    bool found;

    (void)state;
    place_open(&p);
    assert_int_equal(eff_control_ledger_put(p.control, sync_name, &row, false, &err), EFF_OK);
    for (size_t i = 0; i < 2; i++) {
        struct eff_run_row run = {.id = i ? EFF_STR("b") : EFF_STR("a"),
                                  .sync = sync_name,
                                  .state = EFF_RUN_CLOSED,
                                  .ended_ms = (100 + days[i]) * day};

        assert_int_equal(eff_control_close_run(p.control, &run, false, &err), EFF_OK);
        assert_int_equal(
            eff_control_ledger_get(p.control, sync_name, row.key, &p.arena, &found, &row, &err),
            EFF_OK);
        assert_true(found && eff_str_is(row.code, "guard"));
        assert_int_equal(row.sent.len, i == 0 ? 13 : 0);
    }
    place_close(&p);
}

static void
test_what_a_person_has_looked_at_has_another_key(void **state)
{
    struct eff_err err = {0};
    struct place p;
    uint64_t rows;

    (void)state;
    place_open(&p);
    place_put(&p, 1, EFF_LEDGER_HELD, 7);
    place_put(&p, 2, EFF_LEDGER_PENDING, 7);
    assert_int_equal(eff_control_ledger_due(p.control, sync_name, 9, &rows, &err), EFF_OK);
    assert_int_equal(rows, 2);
    assert_int_equal(place_incarnation(&p, 1), 1);
    assert_int_equal(place_incarnation(&p, 2), 0);
    place_close(&p);
}

static int64_t
place_settle(struct place *p, struct eff_verdict verdict, int64_t first_attempt_ms)
{
    struct eff_item item = {.key = {1, 1},
                            .idempotency_key = EFF_STR("k"),
                            .key_json = EFF_STR("1"),
                            .verdict = verdict};
    const struct eff_acknowledged ack = {.key = item.key, .row = 7};
    const struct eff_delivery delivery = {.op = EFF_OP_UPSERT, .count = 1, .items = &item};
    struct eff_err err = {0};
    int64_t since;

    assert_int_equal(eff_control_settle(p->control, sync_name, EFF_STR("run"), 0, 1, &delivery,
                                        &ack, first_attempt_ms, first_attempt_ms, false, false,
                                        &err),
                     EFF_OK);
    assert_int_equal(eff_control_key_used(p->control, sync_name, item.key, &since, &err), EFF_OK);
    return since;
}

/* What was created and then refused is answered from the first create again (A12). */
static void
test_a_refusal_does_not_free_a_key(void **state)
{
    const struct eff_verdict maybe = {.outcome = EFF_MAYBE_APPLIED, .fault = EFF_TRANSIENT};
    const struct eff_verdict refused = {.outcome = EFF_REFUSED, .fault = EFF_ROW};
    const struct eff_verdict lost_then_refused = {
        .outcome = EFF_REFUSED, .fault = EFF_ROW, .maybe = true};
    const struct eff_verdict applied = {.outcome = EFF_APPLIED};
    const struct eff_verdict absent = {
        .outcome = EFF_NOT_APPLIED, .fault = EFF_TRANSIENT, .absent = true};
    struct eff_run_row run = {
        .id = EFF_STR("run"), .sync = sync_name, .state = EFF_RUN_CLOSED, .ended_ms = 60};
    struct eff_err err = {0};
    struct place p;
    int64_t since;

    (void)state;
    place_open(&p);
    assert_int_equal(place_settle(&p, refused, 10), 0);
    assert_int_equal(place_settle(&p, maybe, 20), 0);    /* the ledger tells it */
    assert_int_equal(place_settle(&p, refused, 30), 10); /* no more; not later than it was */
    assert_int_equal(place_settle(&p, refused, 40), 10);
    assert_int_equal(place_settle(&p, applied, 50), 0);
    assert_int_equal(place_settle(&p, lost_then_refused, 60), 60);
    assert_int_equal(place_settle(&p, absent, 70), 0);
    assert_int_equal(place_settle(&p, lost_then_refused, 80), 80);
    for (int days = 30; days <= 31; days++) {
        run.ended_ms = 80 + INT64_C(24) * 3600 * 1000 * days;
        assert_int_equal(eff_control_close_run(p.control, &run, true, &err), EFF_OK);
        assert_int_equal(
            eff_control_key_used(p.control, sync_name, (struct eff_hash128){1, 1}, &since, &err),
            EFF_OK);
        assert_int_equal(since, days == 30 ? 80 : 0);
    }
    place_close(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_contents_under_one_key_are_none),
        cmocka_unit_test(test_what_a_person_has_looked_at_has_another_key),
        cmocka_unit_test(test_values_do_not_stay_for_ever),
        cmocka_unit_test(test_a_refusal_does_not_free_a_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
