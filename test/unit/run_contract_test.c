// links: base flow os conf state source batch diff plan dest deliver record run testlib assets
/*
 * Goal: what the destination's schema says decides column by column: what is not there, or cannot be
 * written, stops alone and is told with what to do; what says which record a row is stops the sync;
 * a field that may be made is made with the type of its values; values get the type that is told.
 * Method: runs into a destination in memory that tells a schema of the test's making, and says what
 * came.
 * covers: B15, B16
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/nosync.h"

#include <cmocka.h>

#include "lib/inworld.h"

#define FIELDS_MAX 12

static struct eff_dest_field there[FIELDS_MAX];
static size_t there_count;

static struct eff_dest_field *
has(const char *name, enum eff_field_type type)
{
    there[there_count] = (struct eff_dest_field){.name = eff_str_of(name), .type = type};
    w.schema.fields_count = there_count + 1;
    return &there[there_count++];
}

static struct eff_value
text(const char *s)
{
    return eff_value_of_str(EFF_TEXT, eff_str_of(s));
}

static void
expect_said(const char *wanted)
{
    eff_buf_add_char(&w.said, '\0');
    assert_string_equal(w.said.ptr, wanted);
    eff_buf_reset(&w.said);
}

static void
expect_told(const struct eff_report *report, const char *code, const char *message,
            const char *hint)
{
    const struct eff_run_problem *problem = runworld_problem(report, code);

    if (!problem)
        fail_msg("no %s", code);
    if (!has_text(problem->message, message) || !has_text(problem->hint, hint))
        fail_msg(EFF_STR_FMT ": " EFF_STR_FMT, EFF_STR_ARG(problem->message),
                 EFF_STR_ARG(problem->hint));
}

/* ---- what is not there ---- */

static void
test_column_stops_alone(void **state)
{
    struct eff_report report;

    (void)state;
    runworld_column(&w, "notes", text("n"));
    runworld_column(&w, "grade", text("g"));
    runworld_column(&w, "address.city", text("Rome"));
    has("id", EFF_FIELD_ANY);
    has("score", EFF_FIELD_ANY);
    has("note", EFF_FIELD_ANY);
    has("grade", EFF_FIELD_ANY)->read_only = true;
    report = runworld_run(&w, NULL);
    expect_said("upsert 1 score=5 address.city=Rome\n");
    assert_true(report.contract_broken);
    assert_int_equal(report.fields_held_count, 2);
    expect_told(&report, "EFF2104", "field o.notes does not exist", "Did you mean `note`?");

    has("notes", EFF_FIELD_ANY); // once mended, it alone is sent
    report = runworld_run(&w, NULL);
    expect_said("upsert 1 notes=n\n");
    assert_int_equal(report.fields_held_count, 1);
    expect_told(&report, "EFF2104", "is read-only over there", "make it writable over there");
}

/* A name that opens like the group is told by the schema, though it has a dot. */
static void
test_group_tells_its_names(void **state)
{
    struct eff_report report;

    (void)state;
    w.schema.group = EFF_STR("user.");
    runworld_column(&w, "user.zodiac", text("z"));
    runworld_column(&w, "address.city",
                    text("Rome")); // leads into a field whose inside is not told
    has("id", EFF_FIELD_ANY);
    has("score", EFF_FIELD_ANY);
    report = runworld_run(&w, NULL);
    expect_said("upsert 1 score=5 address.city=Rome\n");
    assert_int_equal(report.fields_held_count, 1);
    expect_told(&report, "EFF2104", "user.zodiac does not exist", "create the field over there");
}

/* What says which record a row is may lie inside of a field, too. */
static void
test_a_match_inside_of_a_field(void **state)
{
    static struct eff_field_conf match = {.name = EFF_STR("person.id"), .from = EFF_STR("id")};

    (void)state;
    w.sync.match = &match;
    w.sync.match_count = 1;
    has("score", EFF_FIELD_ANY);
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    expect_said("upsert 1 score=5\n");
}

static bool
applied(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    (void)world, (void)op;
    item->verdict = (struct eff_verdict){.outcome = EFF_APPLIED};
    return true;
}

static void
test_nothing_can_be_written(void **state)
{
    struct eff_report report;

    (void)state;
    has("id", EFF_FIELD_ANY);
    has("other", EFF_FIELD_ANY);
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    expect_said("");
    assert_true(report.contract_broken);
}

/* Whom a row stands for can be all that is sent: that none is mapped is no breach. */
static void
test_no_field_is_mapped(void **state)
{
    struct eff_report report;

    (void)state;
    w.sync.fields_count = 0;
    w.judge = applied;
    has("id", EFF_FIELD_ANY);
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_false(report.contract_broken);
    expect_said("upsert 1\n");
}

static void
test_object_and_match_stop_the_sync(void **state)
{
    static const eff_str near_names[] = {EFF_STR("orders"), EFF_STR("oo"), EFF_STR("O"),
                                         EFF_STR("o")};
    struct eff_report report;

    (void)state;
    has("ident", EFF_FIELD_ANY)->read_only = true;
    has("score", EFF_FIELD_ANY);
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    expect_told(&report, "EFF2005", "o.id does not exist over there", "name another one");
    there[0] = (struct eff_dest_field){.name = EFF_STR("idd")};
    report = runworld_run(&w, NULL);
    expect_told(&report, "EFF2005", "o.id does not exist over there", "Did you mean `idd`?");

    w.schema.object_exists = false;
    report = runworld_run(&w, NULL);
    expect_told(&report, "EFF2005", "the destination d has no o", "");
    w.schema.objects = near_names;
    w.schema.objects_count = 1;
    report = runworld_run(&w, NULL);
    expect_told(&report, "EFF2005", "the destination d has no o", "");
    w.schema.objects_count = 2;
    report = runworld_run(&w, NULL);
    expect_told(&report, "EFF2005", "the destination d has no o", "Did you mean oo?");
    w.schema.objects_count = 4; // of two that differ by case, the one that is written so
    report = runworld_run(&w, NULL);
    expect_told(&report, "EFF2005", "the destination d has no o", "not at this address");
    w.schema.known = false; // cannot be asked: all is sent
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_OK);
    expect_said("upsert 1 score=5\n");
}

/* ---- what will be refused ---- */

static void
test_required_fields_and_choices(void **state)
{
    static const eff_str colours[] = {EFF_STR("Red"), EFF_STR("blue")};
    static const struct eff_map_pair pairs[] = {
        {EFF_STR("5"), {.kind = EFF_TEXT, .len = 3, .ptr = "RED"}},
        {EFF_STR("6"), {.kind = EFF_TEXT, .len = 5, .ptr = "green"}},
        {EFF_STR("7"), {.kind = EFF_NULL}},
        {EFF_STR("8"), {.kind = EFF_TEXT, .len = 0, .ptr = ""}},
    };
    static const struct eff_transform map = {.kind = EFF_TRANSFORM_MAP,
                                             .pairs_count = 4,
                                             .pairs = pairs,
                                             .has_otherwise = true,
                                             .value = {.kind = EFF_TEXT, .len = 4, .ptr = "pink"}};
    struct eff_report report;

    (void)state;
    w.fields[1] = (struct eff_field_conf){.name = EFF_STR("colour"),
                                          .from = EFF_STR("score"),
                                          .transforms_count = 1,
                                          .transforms = &map};
    w.fields[2] = (struct eff_field_conf){
        .name = EFF_STR("shade"), .has_constant = true, .constant = text("dark")};
    w.sync.fields_count = 3;
    has("id", EFF_FIELD_ANY)->required = true; // is what the rows are matched by
    has("score", EFF_FIELD_ANY);
    has("must", EFF_FIELD_TEXT)->required = true;
    *has("own", EFF_FIELD_TEXT) =
        (struct eff_dest_field){.name = EFF_STR("own"), .required = true, .read_only = true};
    has("AccountId", EFF_FIELD_TEXT)->required = true;
    *has("colour", EFF_FIELD_CHOICE) = (struct eff_dest_field){.name = EFF_STR("colour"),
                                                               .type = EFF_FIELD_CHOICE,
                                                               .choices_count = 2,
                                                               .choices = colours};
    *has("shade", EFF_FIELD_CHOICE) = (struct eff_dest_field){
        .name = EFF_STR("shade"), .type = EFF_FIELD_CHOICE, .choices_count = 2, .choices = colours};
    runworld_column(&w, "Account.Ext", text("a"));
    report = runworld_run(&w, NULL);
    expect_said("upsert 1 score=5 colour=RED shade=dark Account.Ext=a\n");
    expect_told(&report, "EFF2131", "field o.must is required", "Map something to it");
    expect_told(&report, "EFF2132", "field o.colour has no choice \"green\"", "Add the choice");
    assert_int_equal(report.problems_count, 4); // must; green, pink, dark

    w.sync.mode = EFF_MODE_UPDATE; // makes no record
    report = runworld_run(&w, NULL);
    assert_null(runworld_problem(&report, "EFF2131"));
}

/* Only what the mapping names itself is looked at: what the rows will have, nobody knows yet. */
static void
test_choices_that_only_rows_tell(void **state)
{
    static const eff_str colours[] = {EFF_STR("red")};
    static const struct eff_map_pair red = {EFF_STR("5"),
                                            {.kind = EFF_TEXT, .len = 3, .ptr = "red"}};
    static const struct eff_transform trim = {.kind = EFF_TRANSFORM_TRIM},
                                      map = {.kind = EFF_TRANSFORM_MAP,
                                             .pairs_count = 1,
                                             .pairs = &red};
    static const char *const names[] = {"plain", "trimmed", "mapped", "made"};
    struct eff_report report;

    (void)state;
    w.sync.fields_count = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        w.fields[w.sync.fields_count++] = (struct eff_field_conf){
            .name = eff_str_of(names[i]),
            .from = i == 3 ? EFF_STR_NONE : EFF_STR("score"),
            .template = i == 3 ? EFF_STR("{{ score }} shades") : EFF_STR_NONE,
            .transforms_count = i == 1 || i == 2,
            .transforms = i == 1 ? &trim : &map,
        };
        *has(names[i], EFF_FIELD_CHOICE) = (struct eff_dest_field){.name = eff_str_of(names[i]),
                                                                   .type = EFF_FIELD_CHOICE,
                                                                   .choices_count = 1,
                                                                   .choices = colours};
    }
    has("id", EFF_FIELD_ANY);
    report = runworld_run(&w, NULL);
    expect_said("upsert 1 plain=5 trimmed=5 mapped=red made=5 shades\n");
    assert_int_equal(report.problems_count, 0);
}

/* A number for a text field is sent as text, where the destination wants its own types. */
static void
test_values_fit_the_types(void **state)
{
    (void)state;
    runworld_column(&w, "a", text("7.50"));
    runworld_column(&w, "b", text("true"));
    runworld_column(&w, "c", text("2026-01-02"));
    runworld_column(&w, "d", text("left alone"));
    w.schema.typed = true;
    has("id", EFF_FIELD_TEXT);
    has("score", EFF_FIELD_CHOICE);
    has("a", EFF_FIELD_NUMBER);
    has("b", EFF_FIELD_BOOL);
    has("c", EFF_FIELD_DATE);
    has("d", EFF_FIELD_TIMESTAMP);
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    expect_said("upsert 1 score=5 a=7.50 b=true c=2026-01-02 d=left alone\n");
}

/* ---- fields that are made ---- */

static char made[200];
static enum eff_fault refuses; /* what making a field ends with */
static bool silent_afterwards; /* nothing is described once one was to be made */

static struct eff_step
make(struct runworld *world, struct eff_task *task, const struct eff_response *last,
     struct eff_err *err)
{
    size_t at = strlen(made);

    (void)last;
    if (task->kind == EFF_TASK_DESCRIBE && silent_afterwards && made[0]) {
        EFF_FAIL(err, EFF_AUTH, "not any more");
        return (struct eff_step){.kind = EFF_STEP_STOP};
    }
    if (task->kind != EFF_TASK_CREATE)
        return (struct eff_step){0};
    snprintf(made + at, sizeof made - at, EFF_STR_FMT ":" EFF_STR_FMT " ",
             EFF_STR_ARG(task->field->name), EFF_STR_ARG(task->field->type_name));
    if (refuses == EFF_OK || refuses == EFF_ROW) /* by somebody else, just now */
        has(task->field->name.ptr, task->field->type);
    if (refuses == EFF_OK)
        return (struct eff_step){.kind = EFF_STEP_DONE};
    EFF_FAIL(err, refuses, "not like this");
    (void)world;
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

static const eff_str new_types[EFF_FIELD_TYPES_COUNT] = {[EFF_FIELD_TEXT] = EFF_STR("string"),
                                                         [EFF_FIELD_NUMBER] = EFF_STR("number"),
                                                         [EFF_FIELD_BOOL] = EFF_STR("bool"),
                                                         [EFF_FIELD_DATE] = EFF_STR("date"),
                                                         [EFF_FIELD_TIMESTAMP] = EFF_STR("time")};

static void
can_make(void)
{
    has("id", EFF_FIELD_ANY);
    has("score", EFF_FIELD_ANY);
    w.schema.new_types = new_types;
    w.step = make;
    refuses = EFF_OK;
    made[0] = 0;
}

static void
field(const char *name, const char *from, const struct eff_transform *transform)
{
    w.fields[w.sync.fields_count++] = (struct eff_field_conf){.name = eff_str_of(name),
                                                              .from = eff_str_of(from),
                                                              .transforms_count = transform != NULL,
                                                              .transforms = transform};
}

/* The type is that of what the mapping ends with. */
static void
test_types_of_made_fields(void **state)
{
    static const struct eff_map_pair same[] = {{EFF_STR("5"), {.kind = EFF_BOOL, .i = 1}},
                                               {EFF_STR("6"), {.kind = EFF_NULL}}};
    static const struct eff_map_pair mixed[] = {{EFF_STR("5"), {.kind = EFF_BOOL, .i = 1}},
                                                {EFF_STR("6"), {.kind = EFF_INT, .i = 1}}};
    static const struct eff_transform to_date = {.kind = EFF_TRANSFORM_CAST, .cast = EFF_DATE},
                                      to_text = {.kind = EFF_TRANSFORM_HASH},
                                      trim = {.kind = EFF_TRANSFORM_DEFAULT,
                                              .value = {.kind = EFF_INT}},
                                      local = {.kind = EFF_TRANSFORM_ZONE,
                                               .zone_name = EFF_STR("Etc/UTC")},
                                      map = {.kind = EFF_TRANSFORM_MAP,
                                             .pairs_count = 2,
                                             .pairs = same,
                                             .has_otherwise = true,
                                             .value = {.kind = EFF_BOOL}},
                                      odd_map = {.kind = EFF_TRANSFORM_MAP,
                                                 .pairs_count = 2,
                                                 .pairs = mixed};
    struct eff_report report;

    (void)state;
    can_make();
    runworld_column(&w, "t", eff_value_of_int(EFF_INSTANT, 0));
    runworld_column(&w, "j", eff_value_of_str(EFF_JSON, EFF_STR("{}")));
    runworld_column(&w, "x", eff_value_of_str(EFF_BYTES, EFF_STR("x")));
    w.cells[w.columns_count] = text("2026-01-02");
    w.columns[w.columns_count++] = (struct eff_column){.name = EFF_STR("when"), .kind = EFF_TEXT};
    w.cells[w.columns_count] = eff_value_of_int(EFF_DATE, 0);
    w.columns[w.columns_count++] = (struct eff_column){.name = EFF_STR("on"), .kind = EFF_DATE};
    field("d", "when", &to_date);
    field("h", "when", &to_text);
    field("n", "score", &trim);
    field("l", "t", &local);
    field("day", "on", &local);
    report = runworld_run(&w, NULL);
    assert_string_equal(made, "t:time d:date h:string n:number l:time day:date ");
    expect_told(&report, "EFF2139", "was created over there, of type time", "");
    expect_told(&report, "EFF2104", "o.j does not exist over there, and is not created", "");
    assert_int_equal(report.fields_held_count, 2); // j, x

    made[0] = 0;
    w.sync.fields_count = 1;
    field("m", "score", &map);
    field("o", "score", &odd_map);
    w.fields[w.sync.fields_count++] = (struct eff_field_conf){
        .name = EFF_STR("c"), .has_constant = true, .constant = eff_value_of_float(1.5)};
    w.fields[w.sync.fields_count++] = (struct eff_field_conf){
        .name = EFF_STR("both"), .template = EFF_STR("{{ id }}-{{ score }}")};
    report = runworld_run(&w, NULL);
    assert_string_equal(made, "m:bool c:number both:string ");
    assert_int_equal(report.fields_held_count, 1);
}

static void
test_a_plan_makes_nothing(void **state)
{
    struct eff_run_options plan = {.plan = true, .limit = -1};
    struct eff_report report;

    (void)state;
    can_make();
    runworld_column(&w, "note", text("n"));
    report = runworld_run(&w, &plan);
    assert_string_equal(made, "");
    expect_told(&report, "EFF2139", "a run would create it, of type string", "look at both now");
    assert_int_equal(report.fields_held_count, 0);
}

/* Only a name that opens like the group, and has more to it, can be made. */
static void
test_a_name_outside_of_the_group(void **state)
{
    (void)state;
    can_make();
    w.schema.group = EFF_STR("user.");
    runworld_column(&w, "note", text("n"));
    runworld_column(&w, "user.note", text("n"));
    runworld_column(&w, "user.", text("n"));
    runworld_column(&w, "remark", text("n"));
    assert_int_equal(runworld_run(&w, NULL).fields_held_count, 3);
    assert_string_equal(made, "user.note:string ");
}

static void
test_a_field_that_is_refused(void **state)
{
    struct eff_report report;

    (void)state;
    can_make();
    runworld_column(&w, "note", text("n"));
    refuses = EFF_CONTRACT;
    report = runworld_run(&w, NULL);
    expect_told(&report, "EFF2104", "and was not created (not like this)", "");
    expect_said("upsert 1 score=5\n");
    refuses = EFF_BROKEN; // nobody knows: nothing is planned
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    expect_said("");
    refuses = EFF_ROW; // it came into being all the same
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_OK);
    expect_said("upsert 1 note=n\n");
}

/* What may be better by the next run ends this one: else the column would be held by mistake. */
static void
test_a_field_that_cannot_be_made_now(void **state)
{
    static const enum eff_fault faults[] = {EFF_TRANSIENT, EFF_RATE, EFF_LIMIT};

    (void)state;
    can_make();
    runworld_column(&w, "note", text("n"));
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct eff_report report;

        refuses = faults[i];
        report = runworld_run(&w, NULL);
        assert_int_equal(report.status, EFF_STATUS_FAILED);
        assert_int_equal(report.problems[0].fault, faults[i]);
        assert_int_equal(report.fields_held_count, 0);
        expect_said("");
    }
}

/* Whether it is there after all cannot be asked: then the column is not held either. */
static void
test_a_field_that_cannot_be_looked_for(void **state)
{
    struct eff_report report;

    (void)state;
    can_make();
    runworld_column(&w, "note", text("n"));
    refuses = EFF_CONTRACT;
    silent_afterwards = true;
    report = runworld_run(&w, NULL);
    silent_afterwards = false;
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_int_equal(report.problems[0].fault, EFF_AUTH);
    assert_int_equal(report.fields_held_count, 0);
    expect_said("");
}

/* verify only looks: it makes no field, and has none to compare. */
static void
test_verify_makes_nothing(void **state)
{
    struct eff_look_options look = {.named = true, .sample = -1};
    struct eff_report report;

    (void)state;
    can_make();
    w.reads = true;
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    runworld_column(&w, "note", text("n"));
    report = runworld_look(&w, &look);
    assert_string_equal(made, "");
    assert_int_equal(report.fields_held_count, 1);
    assert_int_equal(report.unchanged, 1);
}

static void
begins(void)
{
    w.model[1] = 5;
    w.describes = true;
    there_count = 0;
    w.schema = (struct eff_schema){.known = true, .object_exists = true, .fields = there};
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_column_stops_alone),
        IN_WORLD(test_group_tells_its_names),
        IN_WORLD(test_a_match_inside_of_a_field),
        IN_WORLD(test_no_field_is_mapped),
        IN_WORLD(test_nothing_can_be_written),
        IN_WORLD(test_object_and_match_stop_the_sync),
        IN_WORLD(test_choices_that_only_rows_tell),
        IN_WORLD(test_required_fields_and_choices),
        IN_WORLD(test_values_fit_the_types),
        IN_WORLD(test_types_of_made_fields),
        IN_WORLD(test_a_plan_makes_nothing),
        IN_WORLD(test_a_name_outside_of_the_group),
        IN_WORLD(test_a_field_that_is_refused),
        IN_WORLD(test_a_field_that_cannot_be_made_now),
        IN_WORLD(test_a_field_that_cannot_be_looked_for),
        IN_WORLD(test_verify_makes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
