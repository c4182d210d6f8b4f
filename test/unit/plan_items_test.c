// links: base flow conf plan
/*
 * Goal: what is sent of a change, and what is kept of it, follows from the mode and from what the
 * destination can do; members are told apart by whatever identifiers they have, and nobody is taken
 * out who is still in, or of whom it is not known who it is.
 * Method: changes of one mapping, planned one by one with the identity that the one before left.
 * covers: C17
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "plan/items.h"
#include "plan/members.h"

static struct eff_arena arena;
static struct eff_err err;

static const size_t column_id[] = {0}, column_email[] = {1}, column_phone[] = {2},
                    column_ad[] = {3};
static const eff_str name_id[] = {EFF_STR("id")};
static struct eff_field match[] = {
    {.name = EFF_STR("email"), .id = 1, .inputs_count = 1, .inputs = column_email}};
static struct eff_field fields[] = {
    {.name = EFF_STR("phone"), .id = 2, .inputs_count = 1, .inputs = column_phone},
    {.name = EFF_STR("ad"), .id = 3, .inputs_count = 1, .inputs = column_ad}};
static bool uses_fields[] = {true, true};
static bool field_added[] = {false, true};
static struct eff_mapping mapping;
static struct eff_op_limits limits[EFF_OPS_COUNT];
static struct eff_planner planner;
static struct eff_change change;
static struct eff_planned_item p;

static enum eff_planned
plan(enum eff_change_kind kind, const char *email, const char *phone, const char *ad)
{
    struct eff_value *row = eff_new(&arena, struct eff_value, 4);
    const char *const texts[] = {email, phone, ad};

    row[0] = eff_value_of_int(EFF_INT, 7);
    for (size_t i = 0; i < 3; i++)
        if (texts[i])
            row[i + 1] = eff_value_of_str(EFF_TEXT, eff_str_of(texts[i]));
    change.kind = kind;
    change.row_hash = 5;
    return eff_plan_change(&planner, &change, kind == EFF_CHANGE_REMOVE ? NULL : row, &arena, &p,
                           &err);
}

/* The row is acknowledged: the next change knows what is over there. */
static void
acknowledged(void)
{
    change.identity = p.ack.identity;
    change.claimed = 0;
}

/* "email/phone/ad" of what leaves, one after the other. */
static const char *
leaving(void)
{
    static char text[200];
    size_t at = 0;

    text[0] = 0;
    for (size_t i = 0; i < p.item.leaving_count * 3; i++) {
        const struct eff_value *value = &p.item.leaving[i];

        at += (size_t)snprintf(
            text + at, sizeof text - at, "%s" EFF_STR_FMT,
            i == 0       ? ""
            : i % 3 == 0 ? " "
                         : "/",
            EFF_STR_ARG(value->kind == EFF_ABSENT ? EFF_STR("-") : eff_value_str(value)));
    }
    return text;
}

static void
expect_why(const char *part)
{
    if (!strstr(err.msg, part))
        fail_msg("%s", err.msg);
    err = (struct eff_err){0};
}

/* ---- a record over there ---- */

static void
test_a_match_value_that_changes(void **state)
{
    (void)state;
    planner.mode = EFF_MODE_UPSERT;
    assert_int_equal(plan(EFF_CHANGE_ADD, "a@x", "1", "z"), EFF_PLANNED_SEND);
    acknowledged();
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "b@x", "1", "z"), EFF_PLANNED_HELD);
    expect_why("this destination cannot move it");
    limits[EFF_OP_UPSERT].by_remote_id = true; // whose id nobody knows
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "b@x", "1", "z"), EFF_PLANNED_HELD);
    limits[EFF_OP_UPSERT].rematch = true;
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "b@x", "1", "z"), EFF_PLANNED_SEND);
    assert_true(eff_str_is(eff_value_str(p.item.old_match), "a@x"));
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "a@x", "2", "z"), EFF_PLANNED_SEND);
    assert_null(p.item.old_match);
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "", "2", "z"), EFF_PLANNED_INVALID);
    expect_why("the match value of email is empty");
    change.identity = EFF_STR("no identity");
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "b@x", "1", "z"), EFF_PLANNED_SEND);
    assert_null(p.item.old_match);
    planner.on_removed = EFF_REMOVED_DELETE;
    assert_int_equal(plan(EFF_CHANGE_REMOVE, NULL, NULL, NULL), EFF_PLANNED_LOST);
}

/* A record whose id is known is found by it, whatever its match value was. */
static void
test_a_match_value_of_a_record_with_an_id(void **state)
{
    struct eff_value value = eff_value_of_str(EFF_TEXT, EFF_STR("a@x"));
    struct eff_buf buf = {0};

    (void)state;
    planner.mode = EFF_MODE_UPSERT;
    limits[EFF_OP_UPSERT].by_remote_id = true;
    eff_identity_write(&buf, EFF_STR("{\"id\":7}"), EFF_STR("r9"), &value, 1);
    change.identity = eff_buf_str(&buf);
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "b@x", "1", "z"), EFF_PLANNED_SEND);
    assert_true(eff_str_is(p.item.remote_id, "r9"));
    assert_non_null(p.item.old_match);
    eff_buf_free(&buf);
}

/* Values are as before, and a column is new: it goes alone, as a whole row, or not at all. */
static void
test_a_new_column(void **state)
{
    (void)state;
    planner.mode = EFF_MODE_UPSERT;
    planner.any_added = false;
    assert_int_equal(plan(EFF_CHANGE_COLUMNS, "a@x", "1", "z"), EFF_PLANNED_FOLLOW);
    assert_int_equal(plan(EFF_CHANGE_COLUMNS, NULL, "1", "z"), EFF_PLANNED_INVALID);
    planner.any_added = true;
    assert_int_equal(plan(EFF_CHANGE_COLUMNS, "a@x", "1", "z"), EFF_PLANNED_SEND);
    assert_int_equal(p.item.fields[0].kind, EFF_ABSENT);
    assert_int_equal(p.item.fields[1].kind, EFF_TEXT);
    limits[EFF_OP_UPSERT].whole_rows = true;
    assert_int_equal(plan(EFF_CHANGE_COLUMNS, "a@x", "1", "z"), EFF_PLANNED_SEND);
    assert_int_equal(p.item.fields[0].kind, EFF_TEXT);
    planner.mode = EFF_MODE_APPEND; // what was added stays as it was added
    assert_int_equal(plan(EFF_CHANGE_COLUMNS, "a@x", "1", "z"), EFF_PLANNED_FOLLOW);
    planner.mode = EFF_MODE_INSERT;
    assert_int_equal(plan(EFF_CHANGE_COLUMNS, "a@x", "1", "z"), EFF_PLANNED_FOLLOW);
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "a@x", "1", "z"), EFF_PLANNED_LEAVE);
    assert_int_equal(plan(EFF_CHANGE_REMOVE, NULL, NULL, NULL), EFF_PLANNED_GONE);
}

/* A record that is made and one that is changed are two requests, where one cannot be both. */
static void
test_create_and_update(void **state)
{
    (void)state;
    planner.mode = EFF_MODE_UPSERT;
    limits[EFF_OP_CREATE].supported = true;
    assert_int_equal(plan(EFF_CHANGE_ADD, "a@x", "1", "z"), EFF_PLANNED_SEND);
    assert_int_equal(p.op, EFF_OP_UPSERT);
    limits[EFF_OP_UPDATE].supported = true;
    assert_int_equal(plan(EFF_CHANGE_ADD, "a@x", "1", "z"), EFF_PLANNED_SEND);
    assert_int_equal(p.op, EFF_OP_CREATE);
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "a@x", "1", "z"), EFF_PLANNED_SEND);
    assert_int_equal(p.op, EFF_OP_UPDATE);
    limits[EFF_OP_UPSERT].supported = true;
    assert_int_equal(plan(EFF_CHANGE_ADD, "a@x", "1", "z"), EFF_PLANNED_SEND);
    assert_int_equal(p.op, EFF_OP_UPSERT);
}

/* A value that cannot be sent: of what finds the record, and of a field. */
static void
test_bad_values(void **state)
{
    struct eff_value row[4] = {{.kind = EFF_INT, .i = 7}};

    (void)state;
    planner.mode = EFF_MODE_UPSERT;
    row[1] = eff_value_of_str(EFF_BAD, EFF_STR("no e-mail"));
    assert_int_equal(eff_plan_change(&planner, &change, row, &arena, &p, &err),
                     EFF_PLANNED_INVALID);
    expect_why("no e-mail");
    row[1] = eff_value_of_str(EFF_TEXT, EFF_STR("a@x"));
    row[3] = eff_value_of_str(EFF_BAD, EFF_STR("no ad"));
    assert_int_equal(eff_plan_change(&planner, &change, row, &arena, &p, &err),
                     EFF_PLANNED_INVALID);
    expect_why("no ad");
}

/* ---- members ---- */

/* A new column that is no identifier: the list knows the row by what it knew before. */
static void
test_a_member_and_a_new_column(void **state)
{
    (void)state;
    assert_int_equal(plan(EFF_CHANGE_ADD, "a@x", "1", NULL), EFF_PLANNED_SEND);
    acknowledged();
    planner.any_added = false;
    assert_int_equal(plan(EFF_CHANGE_COLUMNS, "a@x", "1", "z"), EFF_PLANNED_FOLLOW);
    assert_null(p.ack.identity.ptr); // what was kept of it is longer, and stays
    planner.any_added = true;
    assert_int_equal(plan(EFF_CHANGE_COLUMNS, "a@x", "1", "z"), EFF_PLANNED_SEND);
    assert_int_equal(p.op, EFF_OP_ADD);
    assert_int_equal(p.item.fields[0].kind, EFF_TEXT); // a member is told whole
    assert_int_equal(p.item.leaving_count, 0);
}

static void
test_a_member_is_who_shares_its_identifiers(void **state)
{
    (void)state;
    assert_int_equal(plan(EFF_CHANGE_ADD, "a@x", "1", NULL), EFF_PLANNED_SEND);
    assert_int_equal(p.item.leaving_count, 0);
    acknowledged();
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "a@x", "1", "z"), EFF_PLANNED_SEND); // one more
    assert_int_equal(p.item.leaving_count, 0);
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "a@x", "2", NULL), EFF_PLANNED_SEND); // another phone
    assert_string_equal(leaving(), "a@x/1/-");
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "a@x", "", NULL), EFF_PLANNED_SEND); // none any more
    assert_string_equal(leaving(), "a@x/1/-");
    change.claimed = 1; // somebody else is that member, too
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "b@x", "1", NULL), EFF_PLANNED_SEND);
    assert_int_equal(p.item.leaving_count, 0);
    assert_int_equal(plan(EFF_CHANGE_REMOVE, NULL, NULL, NULL), EFF_PLANNED_GONE);
    change.claimed = 0;
    assert_int_equal(plan(EFF_CHANGE_REMOVE, NULL, NULL, NULL), EFF_PLANNED_SEND);
    assert_int_equal(p.item.match[0].kind, EFF_TEXT);
    assert_int_equal(p.item.fields[0].kind, EFF_TEXT);
    assert_int_equal(p.item.fields[1].kind, EFF_ABSENT);
}

static void
test_a_row_that_says_of_nobody_who_it_is(void **state)
{
    (void)state;
    limits[EFF_OP_REMOVE].uses_match = false;
    assert_int_equal(plan(EFF_CHANGE_ADD, "a@x", "", NULL), EFF_PLANNED_INVALID);
    expect_why("the row has no identifier");
    assert_int_equal(plan(EFF_CHANGE_ADD, "a@x", "1", NULL), EFF_PLANNED_SEND);
    acknowledged();
    uses_fields[0] = false; // what it was known by is used no more
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "a@x", "1", NULL), EFF_PLANNED_INVALID);
    expect_why("the row has no identifier");
    assert_int_equal(plan(EFF_CHANGE_REMOVE, NULL, NULL, NULL), EFF_PLANNED_SEND);
    mapping.fields = fields + 1; // by what is left nobody is taken out
    mapping.fields_count = 1;
    uses_fields[0] = true;
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "a@x", "z", "z"), EFF_PLANNED_SEND);
    assert_int_equal(p.item.leaving_count, 0);
    mapping.fields_count = 0;
    assert_int_equal(plan(EFF_CHANGE_REMOVE, NULL, NULL, NULL), EFF_PLANNED_HELD);
    expect_why("its identifiers left the mapping");
}

/* An identity from before the list was one of members, or one that is damaged. */
static void
test_identifiers_that_were_not_kept(void **state)
{
    struct eff_value value = eff_value_of_str(EFF_TEXT, EFF_STR("a@x"));
    struct eff_members members;
    struct eff_buf buf = {0};
    eff_str whole;

    (void)state;
    eff_identity_write(&buf, EFF_STR("{\"id\":7}"), EFF_STR_NONE, &value, 1);
    change.identity = eff_buf_str(&buf);
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "b@x", "1", NULL), EFF_PLANNED_HELD);
    expect_why("the identifiers were not kept");
    assert_int_equal(plan(EFF_CHANGE_REMOVE, NULL, NULL, NULL), EFF_PLANNED_HELD);
    expect_why("the identifiers were not kept");
    eff_buf_free(&buf);

    change.identity = EFF_STR_NONE;
    plan(EFF_CHANGE_ADD, "a@x", "1", "z");
    whole = p.ack.identity;
    assert_true(eff_members_read(&planner, whole, &arena, &members));
    for (size_t len = 0; len < whole.len; len++)
        assert_false(eff_members_read(&planner, eff_str_sub(whole, 0, len), &arena, &members));
    for (uint32_t count = 0; count <= EFF_MEMBERS_MAX + 1; count += EFF_MEMBERS_MAX + 1) {
        eff_identity_write(&buf, EFF_STR("{\"id\":7}"), EFF_STR_NONE, &value, 1);
        eff_buf_add_u32(&buf, count); // none, and more than there can be
        for (uint32_t i = 0; i < count; i++) {
            eff_value_write(&buf, &value);
            eff_buf_add_u32(&buf, 0);
        }
        assert_false(eff_members_read(&planner, eff_buf_str(&buf), &arena, &members));
        eff_buf_free(&buf);
    }
}

/* Each change without an answer leaves one more who may be in: there is an end to it. */
static void
test_many_changes_without_an_answer(void **state)
{
    char email[20];

    (void)state;
    assert_int_equal(plan(EFF_CHANGE_ADD, "a@x", "1", NULL), EFF_PLANNED_SEND);
    acknowledged();
    for (size_t i = 1; i < EFF_MEMBERS_MAX; i++) {
        snprintf(email, sizeof email, "a%zu@x", i);
        assert_int_equal(plan(EFF_CHANGE_CHANGE, email, "1", NULL), EFF_PLANNED_SEND);
        assert_int_equal(p.item.leaving_count, i);
        change.identity = p.ack.unsure;
    }
    assert_int_equal(plan(EFF_CHANGE_CHANGE, "b@x", "1", NULL), EFF_PLANNED_HELD);
    expect_why("had no answer, one after the other");
    assert_int_equal(plan(EFF_CHANGE_REMOVE, NULL, NULL, NULL), EFF_PLANNED_SEND); // all of them
    assert_int_equal(p.item.leaving_count, EFF_MEMBERS_MAX - 1);
}

/* What two rows must share to be one member: names and values, with or without regard to case. */
static void
test_the_text_of_a_member(void **state)
{
    struct eff_buf a = {0}, b = {0};
    struct eff_members one, other;
    struct eff_value row[4] = {{.kind = EFF_INT, .i = 7}};

    (void)state;
    row[1] = eff_value_of_str(EFF_TEXT, EFF_STR("A@x"));
    row[2] = eff_value_of_str(EFF_TEXT, EFF_STR(" 1 "));
    row[3] = eff_value_of_str(EFF_TEXT, EFF_STR("z"));
    assert_true(eff_members_of_row(&planner, row, &arena, &one, &err));
    row[1] = eff_value_of_str(EFF_TEXT, EFF_STR("a@X"));
    row[2] = eff_value_of_str(EFF_TEXT, EFF_STR("1"));
    assert_true(eff_members_of_row(&planner, row, &arena, &other, &err));
    for (int fold = 0; fold < 2; fold++) {
        eff_buf_reset(&a);
        eff_buf_reset(&b);
        eff_members_text(&planner, one.at, fold, arena, &a);
        eff_members_text(&planner, other.at, fold, arena, &b);
        assert_int_equal(eff_str_eq(eff_buf_str(&a), eff_buf_str(&b)), fold);
    }
    row[1] = row[2] = row[3] = (struct eff_value){.kind = EFF_NULL};
    assert_false(eff_members_of_row(&planner, row, &arena, &one, &err));
    row[2] = eff_value_of_str(EFF_BAD, EFF_STR("odd"));
    assert_false(eff_members_of_row(&planner, row, &arena, &one, &err));
    eff_buf_free(&a);
    eff_buf_free(&b);
}

static int
setup(void **state)
{
    (void)state;
    eff_arena_reset(&arena);
    uses_fields[0] = true;
    memset(limits, 0, sizeof limits);
    limits[EFF_OP_REMOVE] =
        (struct eff_op_limits){.supported = true, .uses_match = true, .uses_fields = uses_fields};
    mapping = (struct eff_mapping){.key_count = 1,
                                   .key = column_id,
                                   .key_names = name_id,
                                   .match_count = 1,
                                   .match = match,
                                   .fields_count = 2,
                                   .fields = fields};
    planner = (struct eff_planner){.mapping = &mapping,
                                   .mode = EFF_MODE_MEMBERS,
                                   .limits = limits,
                                   .with_identities = true,
                                   .field_added = field_added,
                                   .any_added = true};
    change = (struct eff_change){0};
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_match_value_that_changes, setup),
        cmocka_unit_test_setup(test_a_match_value_of_a_record_with_an_id, setup),
        cmocka_unit_test_setup(test_a_new_column, setup),
        cmocka_unit_test_setup(test_create_and_update, setup),
        cmocka_unit_test_setup(test_bad_values, setup),
        cmocka_unit_test_setup(test_a_member_and_a_new_column, setup),
        cmocka_unit_test_setup(test_a_member_is_who_shares_its_identifiers, setup),
        cmocka_unit_test_setup(test_a_row_that_says_of_nobody_who_it_is, setup),
        cmocka_unit_test_setup(test_identifiers_that_were_not_kept, setup),
        cmocka_unit_test_setup(test_many_changes_without_an_answer, setup),
        cmocka_unit_test_setup(test_the_text_of_a_member, setup),
    };
    int failed;

    eff_arena_init(&arena, "test", (size_t)64 << 20);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eff_arena_deinit(&arena);
    return failed;
}
