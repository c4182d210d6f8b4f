// links: base flow os conf run
/*
 * Goal: a report never says green when it is not, and its numbers always add up.
 * Method: build reports by hand, close them, and look at status, problems and the
 * document; write a full one and read it back; breach each identity once.
 * covers: H6
 */
#include "run/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

struct world {
    struct eff_arena arena;
    struct eff_report report;
};

static int
world_open(void **state)
{
    static struct world world;

    memset(&world, 0, sizeof world);
    eff_arena_init(&world.arena, "test", (size_t)64 << 20);
    world.report = (struct eff_report){.sync = EFF_STR("contacts"), .arena = &world.arena};
    *state = &world;
    return 0;
}

static int
world_close(void **state)
{
    struct world *world = *state;

    eff_arena_deinit(&world->arena);
    return 0;
}

/* The example of the documentation. */
static void
fill(struct eff_report *r)
{
    r->run = EFF_STR("01JABC");
    r->seconds = 4.0004;
    r->read = 1000, r->unchanged = 900, r->added = 60, r->changed = 30, r->invalid = 10;
    r->removed = 8, r->planned = 98, r->delivered = 95, r->rejected = 2, r->pending = 1;
    r->requests = 3, r->retries = 1, r->bytes_sent = 20480;
    r->plan = EFF_STR("3f9a27c1");
    eff_report_problem(r, "EFF2104", EFF_CONTRACT, 2, EFF_STR("a \"field\" is gone"),
                       EFF_STR("Rename it."), EFF_STR("syncs/contacts.yml:7:3"));
}

static const char *
document(struct world *world)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    const char *text;

    eff_report_write(&w, &world->report);
    text = eff_str_c(&world->arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return text;
}

static void
document_is_as_promised(void **state)
{
    struct world *world = *state;

    fill(&world->report);
    eff_report_close(&world->report);
    assert_string_equal(
        document(world),
        "{\"sync\":\"contacts\",\"run\":\"01JABC\",\"status\":\"held\",\"seconds\":4,"
        "\"read\":1000,\"unchanged\":900,\"added\":60,\"changed\":30,\"removed\":8,\"invalid\":10,"
        "\"gone\":0,\"forgotten\":0,\"planned\":98,\"delivered\":95,\"superseded\":0,\"rejected\":2,\"held\":0,"
        "\"pending\":1,\"possible_duplicates\":0,\"requests\":3,\"retries\":1,\"throttled\":0,"
        "\"calls_other\":0,\"bytes_sent\":20480,\"read_back\":0,\"plan\":\"3f9a27c1\",\"problems\":["
        "{\"code\":\"EFF2104\",\"fault\":\"contract\",\"rows\":2,"
        "\"message\":\"a \\\"field\\\" is gone\",\"hint\":\"Rename it.\","
        "\"where\":\"syncs/contacts.yml:7:3\"}]}");
}

static void
document_of_several_adds_them_up(void **state)
{
    struct world *world = *state;
    struct eff_buf buf = {0};

    fill(&world->report);
    world->report.plan = EFF_STR_NONE;
    eff_report_close(&world->report);
    eff_reports_write(&buf, "run", &world->report, 1, 4.1, 0);
    assert_true(eff_str_starts(eff_buf_str(&buf),
                               EFF_STR("{\"format\":1,\"command\":\"run\",\"status\":\"partial\","
                                       "\"exit_code\":3,\"seconds\":4.1,\"syncs\":[{\"sync\":")));
    assert_true(eff_str_ends(eff_buf_str(&buf), EFF_STR("]}\n")));
    eff_buf_free(&buf);
}

static void
it_reads_back_what_it_wrote(void **state)
{
    struct world *world = *state;
    eff_str held[] = {EFF_STR("score"), EFF_STR("segment")};
    const char *before;
    const struct eff_json *json;
    struct eff_err err = {0};

    fill(&world->report);
    world->report.fields_held = held;
    world->report.fields_held_count = 2;
    world->report.contract_broken = true;
    world->report.has_resumed = true;
    world->report.resumed = (struct eff_counts){6, 1, 2, 1, 1, 1};
    world->report.calls_other = UINT32_MAX;
    eff_report_close(&world->report);
    before = document(world);
    assert_int_equal(eff_json_parse(eff_str_of(before), &world->arena, &json, &err), EFF_OK);
    memset(&world->report, 0xa5, sizeof world->report);
    assert_true(eff_report_read(json, &world->arena, &world->report));
    assert_string_equal(document(world), before);
    assert_int_equal(world->report.status, EFF_STATUS_HELD);
    assert_int_equal(world->report.problems[0].fault, EFF_CONTRACT);
}

static void
a_plan_reads_back_with_its_samples(void **state)
{
    struct world *world = *state;
    struct eff_sample_field fields[] = {
        {EFF_STR("score"), EFF_STR("10"), EFF_STR("30.50")},
        {EFF_STR("name"), EFF_STR_NONE, EFF_STR("null")},
    };
    struct eff_sample sample = {EFF_STR("{\"id\":18446744073709551615}"), "change", 2, fields};
    const char *before;
    const struct eff_json *json;
    struct eff_err err = {0};

    world->report.is_plan = true;
    world->report.read = world->report.changed = world->report.planned = 1;
    world->report.requests = 1;
    world->report.samples = &sample;
    world->report.samples_count = 1;
    eff_report_close(&world->report);
    fields[0].after = EFF_STR("\"overwritten\""); // What the run lent may go now.
    before = document(world);
    assert_non_null(strstr(before, "\"fields\":{\"score\":{\"before\":10,\"after\":30.50},"
                                   "\"name\":{\"after\":null}}"));
    assert_non_null(strstr(before, "{\"id\":18446744073709551615}"));
    assert_null(strstr(before, "delivered"));
    assert_int_equal(eff_json_parse(eff_str_of(before), &world->arena, &json, &err), EFF_OK);
    assert_true(eff_report_read(json, &world->arena, &world->report));
    assert_true(world->report.is_plan);
    assert_string_equal(document(world), before);
}

static void
a_plan_reads_back_with_its_requests(void **state)
{
    struct world *world = *state;
    struct eff_report_request requests[] = {
        {"upsert", "send", 3, EFF_STR("POST"), EFF_STR("https://x/o"), EFF_STR("{\"a\":1}"), 700},
        {"delete", "send", 1, EFF_STR("DELETE"), EFF_STR("https://x/o/7"), EFF_STR_NONE, 0},
    };
    const char *before;
    const struct eff_json *json;
    struct eff_err err = {0};

    world->report.is_plan = true;
    world->report.previews = requests;
    world->report.previews_count = 2;
    eff_report_close(&world->report);
    before = document(world);
    assert_non_null(strstr(before, "\"url\":\"https://x/o\",\"body\":\"{\\\"a\\\":1}\","
                                   "\"body_bytes\":700}"));
    assert_non_null(strstr(before, "\"url\":\"https://x/o/7\"}"));
    assert_int_equal(eff_json_parse(eff_str_of(before), &world->arena, &json, &err), EFF_OK);
    memset(&world->report, 0xa5, sizeof world->report);
    assert_true(eff_report_read(json, &world->arena, &world->report));
    assert_string_equal(document(world), before);
}

/* A row whose key is not told has an empty one; a field that is new has no value before. */
static void
a_sample_without_a_key(void **state)
{
    struct world *world = *state;
    struct eff_sample_field field = {EFF_STR("score"), EFF_STR("7"), EFF_STR_NONE};
    struct eff_sample sample = {EFF_STR_NONE, "remove", 1, &field};

    world->report.is_plan = true;
    world->report.samples = &sample;
    world->report.samples_count = 1;
    eff_report_close(&world->report);
    assert_non_null(strstr(document(world), "{\"key\":{},\"change\":\"remove\","
                                            "\"fields\":{\"score\":{\"before\":7}}}"));
}

/* Numbers that cannot be are taken as not told; a kind of fault that is not known, as the worst. */
static void
what_a_report_says_amiss_is_not_believed(void **state)
{
    struct world *world = *state;
    const char *text = "{\"sync\":\"a\",\"status\":\"ok\",\"bytes_scanned\":-5,"
                       "\"units\":{\"name\":\"calls\",\"count\":-1},\"problems\":["
                       "{\"code\":\"EFF2105\",\"fault\":\"odd\",\"rows\":1}]}";
    const struct eff_json *json;
    struct eff_err err = {0};

    assert_int_equal(eff_json_parse(eff_str_of(text), &world->arena, &json, &err), EFF_OK);
    assert_true(eff_report_read(json, &world->arena, &world->report));
    assert_false(world->report.has_scanned);
    assert_int_equal(world->report.bytes_scanned, 0);
    assert_int_equal(world->report.units, 0);
    assert_int_equal(world->report.problems[0].fault, EFF_BROKEN);
}

static void
what_is_no_report_is_refused(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "null",
        "{\"sync\":\"a\"}",
        "{\"sync\":\"a\",\"status\":\"great\"}",
        "{\"sync\":\"\",\"status\":\"ok\"}",
        "{\"sync\":\"a\",\"status\":\"ok\",\"read\":-1}",
        "{\"sync\":\"a\",\"status\":\"ok\",\"read\":\"1\"}",
        "{\"sync\":\"a\",\"status\":\"ok\",\"read\":1.5}",
        "{\"sync\":\"a\",\"status\":\"ok\",\"problems\":[{}]}",
        "{\"sync\":\"a\",\"status\":\"ok\",\"problems\":[{\"rows\":-1}]}",
        "{\"sync\":\"a\",\"status\":\"ok\",\"delivered\":-1}",
        "{\"sync\":\"a\",\"status\":\"ok\",\"requests\":-1}",
        "{\"sync\":\"a\",\"status\":\"ok\",\"calls_other\":-1}",
        "{\"sync\":\"a\",\"status\":\"ok\",\"resumed\":{\"planned\":-1}}",
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct eff_json *json;
        struct eff_err err = {0};

        assert_int_equal(eff_json_parse(eff_str_of(texts[i]), &world->arena, &json, &err), EFF_OK);
        if (eff_report_read(json, &world->arena, &world->report))
            fail_msg("taken for a report: %s", texts[i]);
    }
}

static enum eff_status
closed(struct world *world)
{
    eff_report_close(&world->report);
    return world->report.status;
}

static void
status_follows_from_the_counts(void **state)
{
    struct world *world = *state;
    struct eff_report *r = &world->report;

    r->read = r->added = r->planned = 5;
    r->delivered = 4, r->superseded = 1;
    assert_int_equal(closed(world), EFF_STATUS_OK);
    r->delivered = 3, r->pending = 1;
    assert_int_equal(closed(world), EFF_STATUS_REJECTED);
    r->pending = 0, r->rejected = 1;
    assert_int_equal(closed(world), EFF_STATUS_REJECTED);
    r->delivered = 2, r->held = 1;
    assert_int_equal(closed(world), EFF_STATUS_HELD);
    r->failed = true;
    assert_int_equal(closed(world), EFF_STATUS_FAILED);
    assert_int_equal(r->problems_count, 0);
}

static void
an_invalid_row_or_a_stopped_column_is_not_green(void **state)
{
    struct world *world = *state;
    struct eff_report *r = &world->report;
    eff_str held = EFF_STR("score");

    r->read = r->invalid = 1;
    assert_int_equal(closed(world), EFF_STATUS_REJECTED);
    r->fields_held = &held, r->fields_held_count = 1;
    assert_int_equal(closed(world), EFF_STATUS_HELD);
    r->fields_held_count = 0, r->read = r->invalid = 0;
    r->resumed.pending = 1;
    assert_int_equal(closed(world), EFF_STATUS_REJECTED);
    r->skipped = true;
    assert_int_equal(closed(world), EFF_STATUS_SKIPPED);
}

static void
breach(void **state, size_t offset)
{
    struct world *world = *state;
    uint64_t *count = (uint64_t *)((char *)&world->report + offset);

    fill(&world->report);
    (*count)++;
    assert_int_equal(closed(world), EFF_STATUS_FAILED);
    assert_true(world->report.problems_count > 1);
    assert_string_equal(world->report.problems[1].code, "EFF2009");
    assert_int_equal(world->report.problems[1].fault, EFF_BROKEN);
}

static void
rows_read_must_add_up(void **state)
{
    breach(state, offsetof(struct eff_report, read));
}

static void
rows_planned_must_add_up(void **state)
{
    breach(state, offsetof(struct eff_report, removed));
}

static void
verdicts_must_add_up(void **state)
{
    breach(state, offsetof(struct eff_report, delivered));
}

static void
a_failed_read_counts_nothing(void **state)
{
    struct world *world = *state;
    struct eff_report *r = &world->report;
    struct eff_err err = {0};

    r->read = 700, r->added = 3, r->invalid = 1;
    EFF_FAIL(&err, EFF_TRANSIENT, "connection lost");
    eff_report_fail(r, &err);
    assert_int_equal(closed(world), EFF_STATUS_FAILED);
    assert_int_equal(r->read, 0);
    assert_int_equal(r->invalid, 0);
    assert_int_equal(r->problems_count, 1);
    assert_string_equal(r->problems[0].code, "EFF2007");
}

static void
a_failed_delivery_leaves_the_rest_pending(void **state)
{
    struct world *world = *state;
    struct eff_report *r = &world->report;
    struct eff_err err = {0};

    r->read = r->added = r->planned = 10;
    r->delivered = 4, r->rejected = 1;
    EFF_FAIL(&err, EFF_AUTH, "the token was refused");
    eff_report_fail(r, &err);
    assert_int_equal(closed(world), EFF_STATUS_FAILED);
    assert_int_equal(r->pending, 5);
    assert_int_equal(r->problems_count, 1);
}

static void
one_entry_per_cause(void **state)
{
    struct world *world = *state;
    struct eff_report *r = &world->report;
    uint64_t rows = 0;

    for (int i = 0; i < 3; i++)
        eff_report_problem(r, "EFF2105", EFF_ROW, 1, EFF_STR("no"), EFF_STR("x"), EFF_STR_NONE);
    eff_report_problem(r, "EFF2105", EFF_ROW, 1, EFF_STR("no"), EFF_STR("x"), EFF_STR("a.yml:1:1"));
    assert_int_equal(r->problems_count, 2);
    assert_int_equal(r->problems[0].rows, 3);
    for (int i = 0; i < 5000; i++) {
        char text[40];
        int len = snprintf(text, sizeof text, "cause %d", i);

        eff_report_problem(r, i % 2 ? "EFF2105" : "EFF2112", EFF_ROW, 1,
                           (eff_str){text, (size_t)len}, EFF_STR_NONE, EFF_STR_NONE);
    }
    eff_report_problem(r, "EFF2113", EFF_ROW, 7, EFF_STR("a new code still gets its entry"),
                       EFF_STR_NONE, EFF_STR_NONE);
    assert_true(r->problems_count <= 51);
    assert_string_equal(r->problems[r->problems_count - 1].code, "EFF2113");
    for (size_t i = 0; i < r->problems_count; i++)
        rows += r->problems[i].rows;
    assert_int_equal(rows, 3 + 1 + 5000 + 7);
}

static int
exit_code_of(size_t count, const struct eff_report *reports, const char *status)
{
    int code = -1;

    assert_string_equal(eff_reports_status(reports, count, &code), status);
    return code;
}

static void
the_exit_code_says_the_worst(void **state)
{
    struct eff_report r[3] = {{.status = EFF_STATUS_OK}, {.status = EFF_STATUS_OK}};

    (void)state;
    assert_int_equal(exit_code_of(0, r, "ok"), 0);
    assert_int_equal(exit_code_of(2, r, "ok"), 0);
    r[1].status = EFF_STATUS_SKIPPED;
    assert_int_equal(exit_code_of(2, r, "ok"), 0);
    r[1].skipped_by_failure = true;
    assert_int_equal(exit_code_of(2, r, "partial"), 3);
    r[1] = (struct eff_report){.status = EFF_STATUS_REJECTED};
    assert_int_equal(exit_code_of(2, r, "partial"), 3);
    r[1].status = EFF_STATUS_HELD;
    assert_int_equal(exit_code_of(2, r, "partial"), 3);
    r[0].wants_yes = true; // adopt, which would go on with --yes
    assert_int_equal(exit_code_of(3, r, "failed"), 2);
    r[2].status = EFF_STATUS_FAILED;
    assert_int_equal(exit_code_of(3, r, "failed"), 1);
}

static void
a_plan_is_green_unless_a_contract_broke(void **state)
{
    struct eff_report r = {.is_plan = true, .status = EFF_STATUS_REJECTED};

    (void)state;
    assert_int_equal(exit_code_of(1, &r, "ok"), 0);
    r.status = EFF_STATUS_HELD;
    assert_int_equal(exit_code_of(1, &r, "ok"), 0);
    r.contract_broken = true;
    assert_int_equal(exit_code_of(1, &r, "partial"), 3);
    r.contract_broken = false;
    r.drifted = true; // verify: the destination has other values
    assert_int_equal(exit_code_of(1, &r, "partial"), 3);
    r.drifted = false;
    r.skipped_by_failure = true;
    assert_int_equal(exit_code_of(1, &r, "partial"), 3);
    r.contract_broken = true;
    r.status = EFF_STATUS_FAILED;
    assert_int_equal(exit_code_of(1, &r, "partial"), 3);
    r.contract_broken = r.skipped_by_failure = false;
    assert_int_equal(exit_code_of(1, &r, "failed"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(document_is_as_promised),
        TEST(document_of_several_adds_them_up),
        TEST(it_reads_back_what_it_wrote),
        TEST(a_plan_reads_back_with_its_samples),
        TEST(a_plan_reads_back_with_its_requests),
        TEST(a_sample_without_a_key),
        TEST(what_a_report_says_amiss_is_not_believed),
        TEST(what_is_no_report_is_refused),
        TEST(status_follows_from_the_counts),
        TEST(an_invalid_row_or_a_stopped_column_is_not_green),
        TEST(rows_read_must_add_up),
        TEST(rows_planned_must_add_up),
        TEST(verdicts_must_add_up),
        TEST(a_failed_read_counts_nothing),
        TEST(a_failed_delivery_leaves_the_rest_pending),
        TEST(one_entry_per_cause),
        TEST(the_exit_code_says_the_worst),
        TEST(a_plan_is_green_unless_a_contract_broke),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
