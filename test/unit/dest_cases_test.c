/*
 * Goal: each connector sends exactly what its vendor documents, judges each answer
 * row by row, and never claims more than the answer says.
 * Method: the cases of connectors/<vendor>/cases, as data; each also replayed with all
 * answers one byte at a time through a real connection, and with every answer lost, never sent, cut, and with 429 and 500 before it. Together they show
 * what all connectors have to show, or say why there is no such case.
 * covers: A4, B1, B2, B3, B4, B5, B6, B9, B14, B19, B20, S7, S8, S9
 */
// links: os dest conf flow base assets
#include "base/assets.h"
#include "base/buf.h"
#include "dest/case.h"
#include "os/drip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct eff_arena kinds_arena, scratch;
static struct eff_drip *drip;
static size_t kinds_count;
static struct eff_kind_desc *kinds;

static void
print_problems(const struct eff_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        print_error(EFF_STR_FMT ":%d:%d: " EFF_STR_FMT "\n",
                    EFF_STR_ARG(problems->at[i].place.file), problems->at[i].place.line,
                    problems->at[i].place.column, EFF_STR_ARG(problems->at[i].message));
}

static struct eff_case_report
new_report(struct eff_problems *problems)
{
    return (struct eff_case_report){
        .problems = problems, .bytes = eff_drip_answer, .bytes_self = drip};
}

static int
setup(void **state)
{
    struct eff_problems problems = {.arena = &kinds_arena};
    struct eff_err err = {0};

    (void)state;
    eff_arena_init(&kinds_arena, "kinds", (size_t)64 << 20);
    eff_arena_init(&scratch, "case", (size_t)256 << 20);
    if (eff_drip_open(&kinds_arena, &drip, &err) != EFF_OK) {
        print_error("%s\n", err.msg);
        return 1;
    }
    if (eff_dest_kinds(0, NULL, &kinds_arena, &kinds_count, &kinds, &problems))
        return 0;
    print_problems(&problems);
    return 1;
}

static int
teardown(void **state)
{
    (void)state;
    eff_drip_close(drip);
    eff_arena_deinit(&kinds_arena);
    eff_arena_deinit(&scratch);
    return 0;
}

static void
run_connector(const char *connector, size_t cases_least)
{
    struct eff_problems problems = {.arena = &kinds_arena};
    struct eff_case_report report = new_report(&problems);
    const char *names[EFF_CASE_LACKING];
    char folder[80];
    size_t lacking;

    snprintf(folder, sizeof folder, "connectors/%s/cases/", connector);
    for (size_t i = 0; i < eff_assets_count; i++) {
        eff_str path = eff_str_of(eff_assets[i].path);

        if (eff_str_starts(path, eff_str_of(folder)))
            eff_case_file(kinds_count, kinds, eff_str_of(connector), path,
                          (eff_str){(const char *)eff_assets[i].ptr, eff_assets[i].len}, &scratch,
                          &report);
    }
    print_message("%s: %zu cases, %zu replays\n", connector, report.cases, report.replays);
    print_problems(&problems);
    assert_int_equal(report.failures, 0);
    lacking = eff_case_lacking(&report, names);
    for (size_t i = 0; i < lacking; i++)
        print_error("connectors/%s/cases: `%s` is not shown and `without:` does not say why, or "
                    "both\n",
                    connector, names[i]);
    assert_int_equal(lacking, 0);
    assert_true(report.cases >= cases_least);
    assert_true(report.replays > report.cases);
}

static void
hubspot(void **state)
{
    (void)state;
    run_connector("hubspot", 15);
}

static void
google(void **state)
{
    (void)state;
    run_connector("google_data_manager", 4);
}

static void
meta(void **state)
{
    (void)state;
    run_connector("meta", 7);
}

static void
salesforce(void **state)
{
    (void)state;
    run_connector("salesforce", 18);
}

static void
stripe(void **state)
{
    (void)state;
    run_connector("stripe", 16);
}

static void
intercom(void **state)
{
    (void)state;
    run_connector("intercom", 32);
}

static void
netsuite(void **state)
{
    (void)state;
    run_connector("netsuite", 16);
}

static void
zendesk(void **state)
{
    (void)state;
    run_connector("zendesk", 16);
}

static void
klaviyo(void **state)
{
    (void)state;
    run_connector("klaviyo", 21);
}

static void
customerio(void **state)
{
    (void)state;
    run_connector("customerio", 11);
}

static void
pendo(void **state)
{
    (void)state;
    run_connector("pendo", 13);
}

static void
http(void **state)
{
    (void)state;
    run_connector("http", 15);
}

static void
slack(void **state)
{
    (void)state;
    run_connector("slack", 7);
}

/* A runner that passes everything proves nothing; what is wrong is told where it stands. */
static void
wrong_cases_fail(void **state)
{
#define HEAD                                                                                       \
    "options: {token: t}\nsync: {object: contacts, match: email}\nop: archive\n"                   \
    "rows: [{$id: '1', email: a}]\n"
#define ARCHIVE(object, id)                                                                        \
    "exchange:\n- expect: {post: /crm/v3/objects/" object "/batch/archive, "                       \
    "json: {inputs: [{id: '" id "'}]}}\n  answer: {status: 204}\n"
    static const struct {
        const char *text;
        int line, column;
    } wrong[] = {
        /* another body, another verdict, another address, a request that is not made, one too many */
        {"case: a\n" HEAD ARCHIVE("contacts", "2") "verdicts: [applied]\n", 7, 11},
        {"case: b\n" HEAD ARCHIVE("contacts", "1") "verdicts: [{refused: X}]\n", 9, 12},
        {"case: c\n" HEAD ARCHIVE("deals", "1") "verdicts: [applied]\n", 7, 11},
        {"case: d\n" HEAD ARCHIVE("contacts", "1") "- {expect: {get: /x}}\nverdicts: [applied]\n",
         9, 3},
        {"case: e\n" HEAD "verdicts: [applied]\n", 1, 1},
        {"case: f\nunknown: 1\n", 2, 1},
        {"case: g\noptions: {tokn: t}\n", 2, 11},
        {"case: h\nrows: [\n", 3, 0},
        {"without: {nul: none}\n", 1, 11},
        {"without: {NULL: ''}\n", 1, 11},
        {"without: [NULL]\n", 1, 10},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct eff_problems problems = {.arena = &kinds_arena};
        struct eff_case_report report = new_report(&problems);
        const struct eff_problem *first;

        eff_case_file(kinds_count, kinds, EFF_STR("hubspot"), EFF_STR("wrong.yaml"),
                      eff_str_of(wrong[i].text), &scratch, &report);
        assert_int_equal(report.failures, 1);
        assert_true(problems.count >= 1);
        first = &problems.at[0];
        assert_true(eff_str_is(first->place.file, "wrong.yaml"));
        if (first->place.line != wrong[i].line ||
            (wrong[i].column > 0 && first->place.column != wrong[i].column))
            fail_msg("case %zu is told at %d:%d: " EFF_STR_FMT, i, first->place.line,
                     first->place.column, EFF_STR_ARG(first->message));
    }
}

/* What cases show is read off them; what they do not is lacking until a line says why. */
static void
what_is_not_shown_is_lacking(void **state)
{
    static const char shown[] =
        "case: a\nrepeat: 100\noptions: {token: t}\nsync: {object: contacts, match: email}\nop: archive\n"
        "rows: [{$id: '1$n', email: a$n}]\n" ARCHIVE("contacts", "1$n") "verdicts: [applied]\n";
    struct eff_problems problems = {.arena = &kinds_arena};
    struct eff_case_report report = new_report(&problems);
    const char *names[EFF_CASE_LACKING];
    size_t lacking;

    (void)state;
    assert_int_equal(eff_case_lacking(&report, names), EFF_CASE_SHOWS);
    eff_case_file(kinds_count, kinds, EFF_STR("hubspot"), EFF_STR("a.yaml"), eff_str_of(shown),
                  &scratch, &report);
    print_problems(&problems);
    assert_int_equal(report.failures, 0);
    // Of the operations that take several rows each has a maximum of its own.
    lacking = eff_case_lacking(&report, names);
    assert_int_equal(lacking, EFF_CASE_SHOWS - 2 + 7);
    for (size_t i = 0; i < lacking; i++) {
        assert_string_not_equal(names[i], "remove");
        assert_string_not_equal(names[i], "maximum batch");
        assert_string_not_equal(names[i], "maximum batch of archive (100 rows)");
    }
    assert_string_equal(names[EFF_CASE_SHOWS - 2], "maximum batch of upsert (100 rows)");
    assert_string_equal(names[lacking - 1], "maximum batch of remove (1000 rows)");
    eff_case_file(kinds_count, kinds, EFF_STR("hubspot"), EFF_STR("b.yaml"),
                  EFF_STR("without: {decimal: none there, remove: it is shown}\n"), &scratch,
                  &report);
    assert_int_equal(report.failures, 0);
    assert_int_equal(report.cases, 1);
    assert_int_equal(eff_case_lacking(&report, names), lacking);
    assert_string_equal(names[2], "remove"); // shown, and said not to be
}

/* What came in bytes, and whether it was as the case says until `spoiled`. */
struct dripped {
    size_t answers;
    bool spoiled;
};

static struct eff_response
count_bytes(void *self, const struct eff_request *request, const struct eff_response *answer)
{
    struct dripped *dripped = self;
    struct eff_response response = eff_drip_answer(drip, request, answer);

    dripped->answers++;
    assert_int_equal(response.wire, EFF_WIRE_ANSWERED);
    assert_int_equal(response.status, answer->status);
    assert_int_equal(response.body.len, answer->body.len);
    assert_memory_equal(response.body.ptr, answer->body.ptr, answer->body.len);
    assert_true(
        eff_str_is(eff_response_header(&response, EFF_STR("sforce-limit-info")), "api-usage=1/2"));
    if (dripped->spoiled)
        response.body.len--;
    return response;
}

/* Each answer comes through a connection once, whole, with its headers; else the case does not hold. */
static void
answers_come_in_bytes(void **state)
{
    static const char text[] =
        "case: a\nrepeat: 200\noptions: {instance_url: 'https://acme.my.salesforce.com', token: t}\n"
        "sync: {object: Lead, match: Id__c, mode: update}\nop: update\nreplay: false\n"
        "rows: [{$id: 00Q$n, Id__c: u$n, Score__c: $n}]\nexchange:\n"
        "- expect: {patch: /services/data/v60.0/composite/sobjects, json: {allOrNone: false, "
        "records: [{attributes: {type: Lead}, id: 00Q$n, Score__c: $n}]}}\n"
        "  answer: {headers: {Sforce-Limit-Info: api-usage=1/2}, "
        "json: [{id: 00Q$n, success: true, errors: []}]}\nverdicts: [applied]\n";

    (void)state;
    for (int spoiled = 0; spoiled < 2; spoiled++) {
        struct eff_problems problems = {.arena = &kinds_arena};
        struct dripped dripped = {.spoiled = spoiled};
        struct eff_case_report report = {
            .problems = &problems, .bytes = count_bytes, .bytes_self = &dripped};

        eff_case_file(kinds_count, kinds, EFF_STR("salesforce"), EFF_STR("a.yaml"),
                      eff_str_of(text), &scratch, &report);
        assert_int_equal(dripped.answers, 1);
        assert_int_equal(report.replays, 1);
        assert_int_equal(report.failures, spoiled);
        assert_true(!spoiled || eff_str_find(problems.at[0].message,
                                             EFF_STR("answers one byte at a time")) != SIZE_MAX);
    }
}

/* However many rows there are, each answer is lost, refused, and cut behind some of its bytes. */
static void
full_batches_are_cut(void **state)
{
    static const char text[] =
        "case: a\nrepeat: 10000\noptions: {token: t0k}\nop: add\n"
        "sync: {object: '17', match: id, mode: members}\nfields: [EXTERN_ID]\n"
        "rows: [{id: $n, EXTERN_ID: c$n}]\nexchange:\n- answer: {json: {audience_id: '17'}}\n"
        "  expect:\n    post: /v25.0/17/users\n    json: {session: {session_id: 6284113935087328, "
        "batch_seq: 1, last_batch_flag: true, estimated_num_total: 10000}, "
        "payload: {schema: [EXTERN_ID], data: [[c$n]]}}\nverdicts: [taken]\n";
    struct eff_problems problems = {.arena = &kinds_arena};
    struct eff_case_report report = new_report(&problems);

    (void)state;
    eff_case_file(kinds_count, kinds, EFF_STR("meta"), EFF_STR("a.yaml"), eff_str_of(text),
                  &scratch, &report);
    print_problems(&problems);
    assert_int_equal(report.failures, 0);
    assert_int_equal(report.replays, 1 + 4 + 8);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hubspot),
        cmocka_unit_test(salesforce),
        cmocka_unit_test(meta),
        cmocka_unit_test(stripe),
        cmocka_unit_test(google),
        cmocka_unit_test(zendesk),
        cmocka_unit_test(klaviyo),
        cmocka_unit_test(customerio),
        cmocka_unit_test(pendo),
        cmocka_unit_test(http),
        cmocka_unit_test(slack),
        cmocka_unit_test(intercom),
        cmocka_unit_test(netsuite),
        cmocka_unit_test(wrong_cases_fail),
        cmocka_unit_test(what_is_not_shown_is_lacking),
        cmocka_unit_test(answers_come_in_bytes),
        cmocka_unit_test(full_batches_are_cut),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
