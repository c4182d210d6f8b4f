// links: base flow conf
/*
 * Goal: the JSON Schema and the reference page know every row of every table,
 * and nothing that this version refuses.
 * Method: the schema is parsed and asked for each key; the page is searched.
 */
#include "lib/confworld.h"

#include "base/json.h"
#include "conf/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct eff_schema_kinds kinds = {2, confworld_sources, 2, confworld_dests};

static struct eff_arena arena;
static const struct eff_json *schema;
static struct eff_buf page;

static int
setup(void **state)
{
    struct eff_buf buf = {0};
    struct eff_err err = {0};
    enum eff_fault fault;

    (void)state;
    eff_arena_init(&arena, "test", (size_t)16 << 20);
    eff_schema_write(&buf, &kinds);
    fault = eff_json_parse(eff_buf_str(&buf), &arena, &schema, &err);
    eff_buf_free(&buf);
    eff_schema_reference(&page, &kinds);
    return fault == EFF_OK && !page.full ? 0 : 1;
}

static int
teardown(void **state)
{
    (void)state;
    eff_buf_free(&page);
    eff_arena_deinit(&arena);
    return 0;
}

/* properties/a/properties/b of "a.b" */
static const struct eff_json *
property(const struct eff_json *object, eff_str name)
{
    eff_str head, tail;
    bool nested = eff_str_cut(name, '.', &head, &tail);
    const struct eff_json *found = eff_json_get(eff_json_get(object, EFF_STR("properties")), head);

    return nested ? property(found, tail) : found;
}

static void
check_table(const char *pointer, const struct eff_option *rows, size_t count)
{
    const struct eff_json *object = eff_json_pointer(schema, eff_str_of(pointer));

    assert_non_null(object);
    assert_false(eff_json_bool(eff_json_get(object, EFF_STR("additionalProperties"))));
    for (size_t i = 0; i < count; i++) {
        const struct eff_json *found = property(object, eff_str_of(rows[i].name));
        eff_str cell = eff_str_printf(&arena, "| `%s` |", rows[i].name);
        bool later = rows[i].flags & EFF_OPT_LATER;

        assert_int_equal(found == NULL, later);
        assert_int_equal(eff_str_find(eff_buf_str(&page), cell) == SIZE_MAX && !later, false);
        if (!later)
            assert_true(eff_str_is(eff_json_str(eff_json_get(found, EFF_STR("description"))),
                                   rows[i].help));
    }
}

static void
test_tables(void **state)
{
    (void)state;
    check_table("/$defs/project", eff_project_options, eff_project_options_count);
    check_table("/$defs/sync", eff_sync_options, eff_sync_options_count);
    check_table("/$defs/field/anyOf/1", eff_field_options, eff_field_options_count);
    check_table("/$defs/destination/anyOf/1", confworld_dests[1].options,
                confworld_dests[1].options_count);
    check_table("/$defs/source/anyOf/0", confworld_sources[0].options,
                confworld_sources[0].options_count);
}

static bool
required(const char *pointer, const char *name)
{
    const struct eff_json *list = eff_json_pointer(schema, eff_str_of(pointer));

    for (size_t i = 0; i < eff_json_count(list); i++)
        if (eff_str_is(eff_json_str(eff_json_at(list, i)), name))
            return true;
    return false;
}

static void
test_required(void **state)
{
    (void)state;
    assert_true(required("/$defs/sync/required", "sync"));
    assert_true(required("/$defs/sync/required", "to"));
    assert_false(required("/$defs/sync/required", "mode"));
    assert_true(required("/$defs/destination/anyOf/1/required", "instance_url"));
    assert_true(required("/$defs/destination/anyOf/1/required", "auth"));
    assert_true(required("/$defs/destination/anyOf/1/properties/auth/required", "client_id"));
}

/* Every $ref leads somewhere. */
static void
check_refs(const struct eff_json *value, size_t *count)
{
    struct eff_json_iter iter = eff_json_iterate(value);
    const struct eff_json *child;
    eff_str key;

    while (eff_json_next(&iter, &key, &child)) {
        if (eff_str_is(key, "$ref")) {
            assert_non_null(
                eff_json_pointer(schema, eff_str_sub(eff_json_str(child), 1, SIZE_MAX)));
            (*count)++;
        }
        check_refs(child, count);
    }
}

static void
test_refs(void **state)
{
    size_t count = 0;

    (void)state;
    check_refs(schema, &count);
    assert_true(count > 10);
}

static void
test_page(void **state)
{
    eff_str text = eff_buf_str(&page);

    (void)state;
    assert_true(eff_str_starts(text, EFF_STR("# Configuration\n")));
    assert_true(eff_str_find(text, EFF_STR("### `type: salesforce`")) != SIZE_MAX);
    assert_true(eff_str_find(text, EFF_STR("Not in this version yet, and refused: `schedule`")) !=
                SIZE_MAX);
    for (size_t i = 0; eff_problem_codes[i].code != NULL; i++)
        assert_true(eff_str_find(text, eff_str_of(eff_problem_codes[i].code)) != SIZE_MAX);
    assert_true(eff_str_find(text, EFF_STR("`upsert`, `update`")) != SIZE_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_refs),
        cmocka_unit_test(test_page),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
