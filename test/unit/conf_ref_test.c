/*
 * Goal: ref() and source() are read as dbt writes them, and nothing else is.
 * Method: tables.
 */
// links: base flow conf
#include "conf/project.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
calls_are_read(void **state)
{
    static const struct {
        const char *text, *package, *name, *version;
        bool is_source;
    } rows[] = {
        {"ref('leads')", NULL, "leads", NULL, false},
        {" ref ( \"leads\" ) ", NULL, "leads", NULL, false},
        {"{{ ref('leads') }}", NULL, "leads", NULL, false},
        {"ref('crm', 'leads')", "crm", "leads", NULL, false},
        {"ref('leads', v=2)", NULL, "leads", "2", false},
        {"ref('crm','leads',version='1.5')", "crm", "leads", "1.5", false},
        {"source('shop', 'raw leads')", "shop", "raw leads", NULL, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct eff_model_ref ref;
        const char *wrong;
        assert_true(eff_model_ref_parse(eff_str_of(rows[i].text), &ref, &wrong));
        assert_true(eff_str_eq(ref.package, eff_str_of(rows[i].package)));
        assert_true(eff_str_eq(ref.name, eff_str_of(rows[i].name)));
        assert_true(eff_str_eq(ref.version, eff_str_of(rows[i].version)));
        assert_int_equal(ref.is_source, rows[i].is_source);
    }
}

static void
others_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "ref",
        "ref()",
        "ref(leads)",
        "ref('leads'",
        "ref('')",
        "refs('leads')",
        "ref('a' 'b')",
        "ref('a','b','c')",
        "ref('a',)",
        "ref(v=2)",
        "ref('a', v=)",
        "ref('a', v=x)",
        "ref('a', w=2)",
        "ref('a', v=2, 'b')",
        "source('a')",
        "source('a','b',v=2)",
        "ref('a) ",
        "{{ ref('a') }",
        "ref('a')x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct eff_model_ref ref;
        const char *wrong = NULL;
        if (eff_model_ref_parse(eff_str_of(texts[i]), &ref, &wrong))
            fail_msg("%s was read", texts[i]);
        assert_non_null(wrong);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_read),
        cmocka_unit_test(others_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
