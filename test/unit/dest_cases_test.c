/*
 * Goal: each connector sends exactly what its vendor documents, judges each answer
 * row by row, and never claims more than the answer says.
 * Method: the cases of connectors/<vendor>/cases, as data; each also replayed with
 * every answer lost, never sent, cut, and with 429 and 500 before it.
 * covers: A4, B1, B2, B3, B4, B5, B6, B9, B14, B19, B20, S7, S8, S9
 */
// links: dest conf flow base assets
#include "base/assets.h"
#include "base/buf.h"
#include "dest/case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct eff_arena kinds_arena, scratch;
static size_t kinds_count;
static struct eff_kind_desc *kinds;

static int
setup(void **state)
{
    struct eff_problems problems = {.arena = &kinds_arena};

    (void)state;
    eff_arena_init(&kinds_arena, "kinds", (size_t)64 << 20);
    eff_arena_init(&scratch, "case", (size_t)256 << 20);
    if (eff_dest_kinds(0, NULL, &kinds_arena, &kinds_count, &kinds, &problems))
        return 0;
    for (size_t i = 0; i < problems.count; i++)
        print_error(EFF_STR_FMT ":%d:%d: " EFF_STR_FMT "\n", EFF_STR_ARG(problems.at[i].place.file),
                    problems.at[i].place.line, problems.at[i].place.column,
                    EFF_STR_ARG(problems.at[i].message));
    return 1;
}

static int
teardown(void **state)
{
    (void)state;
    eff_arena_deinit(&kinds_arena);
    eff_arena_deinit(&scratch);
    return 0;
}

static void
run_connector(const char *connector, size_t cases_least)
{
    struct eff_buf text = {0};
    struct eff_case_report report = {.text = &text};
    char folder[80];

    snprintf(folder, sizeof folder, "connectors/%s/cases/", connector);
    for (size_t i = 0; i < eff_assets_count; i++) {
        eff_str path = eff_str_of(eff_assets[i].path);

        if (eff_str_starts(path, eff_str_of(folder)))
            eff_case_file(kinds_count, kinds, eff_str_of(connector), path,
                          (eff_str){(const char *)eff_assets[i].ptr, eff_assets[i].len}, &scratch,
                          &report);
    }
    print_message("%s: %zu cases, %zu replays\n", connector, report.cases, report.replays);
    if (report.failures > 0)
        print_error(EFF_STR_FMT, EFF_STR_ARG(eff_buf_str(&text)));
    eff_buf_free(&text);
    assert_int_equal(report.failures, 0);
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
zendesk(void **state)
{
    (void)state;
    run_connector("zendesk", 16);
}

static void
klaviyo(void **state)
{
    (void)state;
    run_connector("klaviyo", 16);
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

/* A runner that passes everything proves nothing. */
static void
wrong_cases_fail(void **state)
{
    static const char *const wrong[] = {
        /* another body */
        "case: a\noptions: {token: t}\nsync: {object: contacts, match: email}\nop: archive\n"
        "rows: [{$id: '1', email: a}]\nexchange: [{expect: {post: /crm/v3/objects/contacts/batch/archive, "
        "json: {inputs: [{id: '2'}]}}, answer: {status: 204}}]\nverdicts: [applied]\n",
        /* another verdict */
        "case: b\noptions: {token: t}\nsync: {object: contacts, match: email}\nop: archive\n"
        "rows: [{$id: '1', email: a}]\nexchange: [{expect: {post: /crm/v3/objects/contacts/batch/archive, "
        "json: {inputs: [{id: '1'}]}}, answer: {status: 204}}]\nverdicts: [{refused: X}]\n",
        /* another address */
        "case: c\noptions: {token: t}\nsync: {object: contacts, match: email}\nop: archive\n"
        "rows: [{$id: '1', email: a}]\nexchange: [{expect: {post: /crm/v3/objects/deals/batch/archive, "
        "json: {inputs: [{id: '1'}]}}, answer: {status: 204}}]\nverdicts: [applied]\n",
        /* a request that is not made */
        "case: d\noptions: {token: t}\nsync: {object: contacts, match: email}\nop: archive\n"
        "rows: [{$id: '1', email: a}]\nexchange:\n- {expect: {post: /crm/v3/objects/contacts/batch/archive, "
        "json: {inputs: [{id: '1'}]}}, answer: {status: 204}}\n- {expect: {get: /x}}\nverdicts: [applied]\n",
        "case: e\nunknown: 1\n",
        "case: f\noptions: {tokn: t}\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct eff_buf text = {0};
        struct eff_case_report report = {.text = &text};

        eff_case_file(kinds_count, kinds, EFF_STR("hubspot"), EFF_STR("wrong.yaml"),
                      eff_str_of(wrong[i]), &scratch, &report);
        eff_buf_free(&text);
        if (report.failures != 1)
            print_error("case %zu: %zu failures\n", i, report.failures);
        assert_int_equal(report.failures, 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hubspot), cmocka_unit_test(salesforce), cmocka_unit_test(meta),
        cmocka_unit_test(stripe),  cmocka_unit_test(google),     cmocka_unit_test(zendesk),
        cmocka_unit_test(klaviyo), cmocka_unit_test(customerio), cmocka_unit_test(pendo),
        cmocka_unit_test(http),    cmocka_unit_test(slack),      cmocka_unit_test(wrong_cases_fail),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
