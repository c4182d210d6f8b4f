/*
 * Goal: of a manifest and of run results exactly that is kept which syncs need; names mean
 * what they mean in dbt; what is no such file, too old, or cut off is told as such.
 * Method: documents in memory, given in small pieces; every prefix of one of them.
 */
// links: base flow os conf dbt
#include "dbt/dbt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct eff_arena arena;
static struct eff_err err;

#define METADATA(version)                                                                          \
    "{\"metadata\": {\"dbt_schema_version\": \"https://schemas.getdbt.com/dbt/manifest/" version   \
    ".json\", \"dbt_version\": \"1.11.16\", \"project_name\": \"shop\", \"adapter_type\": "        \
    "\"duckdb\"}, "

static const char manifest_text[] = METADATA(
    "v12") "\"nodes\": {"
           "\"model.shop.orders\": {\"name\": \"orders\", \"package_name\": \"shop\", \"raw_code\": \"\\\\\","
           " \"original_file_path\": \"models/marts/orders.sql\", \"tags\": [\"daily\", \"sales\"],"
           " \"config\": {\"materialized\": \"table\", \"meta\": {\"efferent\": {\"key\": [\"id\", "
           "\"line\"]}, \"key\": \"other\"}, \"contract\": {\"enforced\": true}},"
           " \"meta\": {\"key\": \"older\"}, \"primary_key\": [\"pk\"],"
           " \"columns\": {\"id\": {\"name\": \"id\", \"data_type\": \"integer\", \"meta\": {}},"
           " \"email\": {\"name\": \"email\", \"data_type\": null, \"config\": {\"meta\": {\"pii\": "
           "\"email\"}}}, \"note\": {\"name\": \"note\", \"meta\": {\"pii\": false}}},"
           " \"relation_name\": \"\\\"db\\\".\\\"main\\\".\\\"orders\\\"\", \"description\": \"All.\","
           " \"depends_on\": {\"macros\": [], \"nodes\": [\"seed.shop.raw\", \"source.shop.app.users\"]}},"
           "\"model.other.orders\": {\"name\": \"orders\", \"package_name\": \"other\", \"relation_name\": "
           "\"x\", \"config\": {}},"
           "\"model.a.both\": {\"name\": \"both\", \"package_name\": \"a\", \"relation_name\": \"x\"},"
           "\"model.b.both\": {\"name\": \"both\", \"package_name\": \"b\", \"relation_name\": \"x\"},"
           "\"model.shop.price.v1\": {\"name\": \"price\", \"package_name\": \"shop\", \"version\": 1, "
           "\"latest_version\": 2, \"relation_name\": \"p1\"},"
           "\"model.shop.price.v2\": {\"name\": \"price\", \"package_name\": \"shop\", \"version\": 2, "
           "\"latest_version\": 2, \"relation_name\": \"p2\", \"primary_key\": [\"sku\"]},"
           "\"model.shop.late\": {\"name\": \"late\", \"package_name\": \"shop\", \"relation_name\": null,"
           " \"config\": {\"materialized\": \"ephemeral\"}},"
           "\"seed.shop.raw\": {\"name\": \"raw\", \"package_name\": \"shop\", \"depends_on\": "
           "{\"macros\": []}},"
           "\"analysis.shop.orders\": {\"name\": 7},"
           "\"test.shop.unique_orders_id.1\": {\"name\": \"unique_orders_id\", \"attached_node\": "
           "\"model.shop.orders\", \"depends_on\": {\"nodes\": [\"model.shop.orders\", "
           "\"seed.shop.raw\"]}},"
           "\"test.shop.sums\": {\"name\": \"sums\", \"attached_node\": null, \"depends_on\": {\"nodes\": "
           "[\"seed.shop.raw\", \"model.shop.price.v2\"]}}},"
           "\"sources\": {\"source.shop.app.users\": {\"name\": \"users\", \"package_name\": \"shop\", "
           "\"source_name\": \"app\", \"relation_name\": \"\\\"db\\\".\\\"app\\\".\\\"users\\\"\"}},"
           "\"macros\": {\"macro.dbt.x\": {\"name\": \"}{\"}},"
           "\"disabled\": {\"model.shop.gone\": [{\"name\": \"gone\"}]}, \"parent_map\": {}}";

static const char results_text[] =
    "{\"metadata\": {\"dbt_schema_version\": \"https://schemas.getdbt.com/dbt/run-results/v6.json\"},"
    " \"results\": ["
    "{\"status\": \"success\", \"message\": \"OK\", \"unique_id\": \"seed.shop.raw\"},"
    "{\"status\": \"error\", \"message\": \"Binder Error\", \"unique_id\": \"model.shop.price.v1\"},"
    "{\"status\": \"fail\", \"message\": null, \"unique_id\": \"test.shop.unique_orders_id.1\"},"
    "{\"status\": \"warn\", \"unique_id\": \"test.shop.warned\"},"
    "{\"status\": \"skipped\", \"unique_id\": \"test.shop.sums\"},"
    "{\"status\": \"fused\", \"unique_id\": \"model.shop.late\"}],"
    " \"elapsed_time\": 1.5, \"args\": {\"which\": \"build\"}}";

struct pieces {
    eff_str rest;
};

static enum eff_fault
pieces_fill(void *self, char *ptr, size_t cap, size_t *ret_len, struct eff_err *fill_err)
{
    struct pieces *pieces = self;

    (void)fill_err;
    (void)cap;
    *ret_len = pieces->rest.len < 100 ? pieces->rest.len : 100;
    memcpy(ptr, pieces->rest.ptr, *ret_len);
    pieces->rest = eff_str_sub(pieces->rest, *ret_len, SIZE_MAX);
    return EFF_OK;
}

static const struct eff_model_ref refs[] = {
    {.name = {"orders", 6}}, {.name = {"both", 4}}, {.name = {"price", 5}},
    {.name = {"late", 4}},   {.name = {"raw", 3}},  {true, {"app", 3}, {"users", 5}, {0}},
};

static enum eff_fault
read_manifest(eff_str text, const struct eff_dbt_results *results,
              struct eff_dbt_manifest *manifest)
{
    struct pieces pieces = {text};
    struct eff_scan scan;
    enum eff_fault fault;

    memset(&err, 0, sizeof err);
    eff_scan_open(&scan, pieces_fill, &pieces);
    fault = eff_dbt_manifest_read(&scan, sizeof refs / sizeof refs[0], refs, results, &arena,
                                  manifest, &err);
    eff_scan_close(&scan);
    return fault;
}

static enum eff_fault
read_results(eff_str text, struct eff_dbt_results *results)
{
    struct pieces pieces = {text};
    struct eff_scan scan;
    enum eff_fault fault;

    memset(&err, 0, sizeof err);
    eff_scan_open(&scan, pieces_fill, &pieces);
    fault = eff_dbt_results_read(&scan, &arena, results, &err);
    eff_scan_close(&scan);
    return fault;
}

static size_t
find(const struct eff_dbt_manifest *manifest, const char *text, eff_str *why, eff_str *hint)
{
    struct eff_problems problems = {.arena = &arena};
    struct eff_model_ref ref;
    const char *wrong;

    *why = *hint = EFF_STR("");
    assert_true(eff_model_ref_parse(eff_str_of(text), &ref, &wrong));
    return eff_dbt_find(manifest, &ref, &problems, why, hint);
}

static void
what_a_sync_names_is_kept_in_full(void **state)
{
    struct eff_dbt_manifest m;
    const struct eff_dbt_node *node;

    (void)state;
    assert_int_equal(read_manifest(eff_str_of(manifest_text), NULL, &m), EFF_OK);
    assert_int_equal(m.version, 12);
    assert_true(eff_str_is(m.adapter, "duckdb"));
    assert_int_equal(m.models.count, 9);
    node = m.nodes[0];
    assert_true(eff_str_is(m.models.at[0].id, "model.shop.orders"));
    assert_true(eff_str_is(m.models.at[0].path, "models/marts/orders.sql"));
    assert_int_equal(m.models.at[0].tags_count, 2);
    assert_int_equal(m.models.at[0].parents_count, 2);
    assert_int_equal(m.models.at[0].parents[0], 7);
    assert_int_equal(m.models.at[0].parents[1], 8);
    assert_true(eff_str_is(node->relation, "\"db\".\"main\".\"orders\""));
    assert_true(eff_str_is(node->description, "All."));
    assert_true(node->all_columns);
    assert_int_equal(node->key.count, 2);
    assert_true(eff_str_is(node->key.at[1], "line"));
    assert_int_equal(node->columns_count, 3);
    assert_true(eff_str_is(node->columns[0].type, "integer"));
    assert_false(node->columns[0].is_private);
    assert_null(node->columns[1].type.ptr);
    assert_true(node->columns[1].is_private);
    assert_false(node->columns[2].is_private);
    assert_true(eff_str_is(m.nodes[5]->key.at[0], "sku"));
}

/* The node that `body` is the rest of, of a manifest with nothing else in it. */
static const struct eff_dbt_node *
only_node(const char *body)
{
    struct eff_dbt_manifest m;
    eff_str text = eff_str_printf(&arena, "%s%s}}}",
                                  METADATA("v12") "\"nodes\": {\"model.shop.orders\": {\"name\": "
                                                  "\"orders\", \"primary_key\": [\"pk\"], ",
                                  body);

    assert_int_equal(read_manifest(text, NULL, &m), EFF_OK);
    return m.nodes[0];
}

static void
a_key_is_text_or_a_list_of_it(void **state)
{
    static const struct {
        const char *key, *wrong;
    } rows[] = {
        {"[\"id\", 7]", "a list of something else"},
        {"[7]", "a list of something else"},
        {"[]", "a list of something else"},
        {"[\"id\", \"\"]", "a list of something else"},
        {"\"\"", "an empty text"},
        {"5", "a number"},
        {"true", "a boolean"},
        {"{\"a\": \"id\"}", "a mapping"},
    };
    const struct eff_dbt_node *node;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        node = only_node(
            eff_str_printf(&arena,
                           "\"meta\": {\"key\": \"old\"}, \"config\": {\"meta\": {\"key\": %s}}",
                           rows[i].key)
                .ptr);
        assert_int_equal(node->key.count, 0);
        assert_non_null(node->key_wrong);
        assert_string_equal(node->key_wrong, rows[i].wrong);
    }
    node = only_node("\"meta\": {\"key\": 5}, \"config\": {\"meta\": {\"key\": \"id\"}}");
    assert_null(node->key_wrong);
    assert_true(eff_str_is(node->key.at[0], "id"));
    node = only_node("\"config\": {\"meta\": {\"key\": null}}");
    assert_null(node->key_wrong);
    assert_true(eff_str_is(node->key.at[0], "pk"));
}

static void
what_is_private(void **state)
{
    static const struct {
        const char *column;
        bool private, shown;
    } rows[] = {
        {"\"meta\": {\"contains_pii\": true}", true, false},
        {"\"config\": {\"meta\": {\"contains_pii\": \"email\"}}", true, false},
        {"\"tags\": [\"x\", \"PII\"]", true, false},
        {"\"config\": {\"tags\": \"pii\"}", true, false},
        {"\"meta\": {\"pii\": false, \"contains_pii\": true}", true, false},
        {"\"meta\": {\"pii\": true}, \"config\": {\"meta\": {\"efferent\": {\"pii\": false}}}",
         false, true},
        {"\"meta\": {\"pii\": \"no\"}, \"tags\": [\"pii\"]", true, false},
        {"\"meta\": {\"contains_pii\": false}", false, true},
        {"\"meta\": {\"pii\": null}, \"tags\": [\"spii\"]", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct eff_dbt_node *node = only_node(
            eff_str_printf(&arena, "\"columns\": {\"c\": {\"name\": \"c\", %s}}", rows[i].column)
                .ptr);
        if (node->columns[0].is_private != rows[i].private ||
            node->columns[0].is_shown != rows[i].shown || node->is_private)
            fail_msg("%s", rows[i].column);
    }
    assert_true(only_node("\"tags\": [\"pii\"]")->is_private);
    assert_true(only_node("\"meta\": {\"pii\": true}")->is_private);
    assert_true(only_node("\"config\": {\"meta\": {\"contains_pii\": true}}")->is_private);
    assert_false(
        only_node("\"tags\": [\"pii\"], \"meta\": {\"efferent\": {\"pii\": false}}")->is_private);
}

static void
names_of_types_that_mean_the_same(void **state)
{
    static const struct {
        const char *adapter, *a, *b;
        bool same;
    } rows[] = {
        {"postgres", "integer", "INT4", true},
        {"postgres", "int", "int4", true},
        {"postgres", "int8", "bigint", true},
        {"postgres", "int", "bigint", false},
        {"postgres", "varchar", "character varying", true},
        {"postgres", "varchar", "text", true},
        {"postgres", "varchar( 255 )", "character varying(255)", true},
        {"postgres", "varchar(255)", "varchar(80)", false},
        {"postgres", "character", "char(1)", true},
        {"postgres", "timestamptz", "timestamp  with time zone", true},
        {"postgres", "timestamp(3) with time zone", "timestamptz(3)", true},
        {"postgres", "timestamp", "timestamptz", false},
        {"postgres", "bool", "boolean", true},
        {"postgres", "decimal(10, 2)", "numeric(10,2)", true},
        {"postgres", "decimal(10)", "numeric(10,0)", true},
        {"postgres", "numeric(10,2)", "numeric(12,2)", false},
        {"postgres", "float", "double precision", true},
        {"postgres", "int[]", "integer[]", true},
        {"postgres", "int[]", "integer", false},
        {"snowflake", "int", "NUMBER(38,0)", true},
        {"snowflake", "number(10)", "DECIMAL(10,0)", true},
        {"snowflake", "string", "VARCHAR(16777216)", true},
        {"snowflake", "string", "varchar(10)", false},
        {"snowflake", "timestamp_ntz", "TIMESTAMP_NTZ(9)", true},
        {"snowflake", "timestamptz", "timestamp_tz", true},
        {"snowflake", "timestamp_ntz", "timestamp_tz", false},
        {"snowflake", "double", "FLOAT", true},
        {"bigquery", "int64", "INTEGER", true},
        {"bigquery", "float", "FLOAT64", true},
        {"bigquery", "decimal(10,2)", "numeric(10, 2)", true},
        {"bigquery", "array<int64>", "ARRAY<INTEGER>", true},
        {"bigquery", "struct<a int64, b bool>", "struct<a int64, b string>", false},
        {"bigquery", "STRUCT<a INT64, b BOOL>", "struct<a integer, b boolean>", true},
        {"bigquery", "struct<a int64>", "struct<b int64>", false},
        {"postgres", "serial", "integer", true},
        {"postgres", "bigserial", "integer", false},
        {"bigquery", "timestamp", "datetime", false},
        {"duckdb", "int", "INTEGER", true},
        {"duckdb", "varchar(20)", "VARCHAR", true},
        {"duckdb", "string", "text", true},
        {"duckdb", "double", "float8", true},
        {"duckdb", "float", "double", false},
        {"duckdb", "decimal", "DECIMAL(18,3)", true},
        {"duckdb", "timestamptz", "TIMESTAMP WITH TIME ZONE", true},
        {"duckdb", "datetime", "timestamp", true},
        {"other", "int", "integer", true},
        {"other", "strange", "Strange", true},
        {"other", "strange", "odd", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (eff_dbt_type_same(eff_str_of(rows[i].adapter), eff_str_of(rows[i].a),
                              eff_str_of(rows[i].b)) != rows[i].same)
            fail_msg("%s: %s and %s", rows[i].adapter, rows[i].a, rows[i].b);
}

static void
names_mean_what_they_mean_in_dbt(void **state)
{
    struct eff_dbt_manifest m;
    eff_str why, hint;

    (void)state;
    assert_int_equal(read_manifest(eff_str_of(manifest_text), NULL, &m), EFF_OK);
    assert_int_equal(find(&m, "ref('orders')", &why, &hint), 0);
    assert_int_equal(find(&m, "ref('other', 'orders')", &why, &hint), 1);
    assert_int_equal(find(&m, "ref('price')", &why, &hint), 5);
    assert_int_equal(find(&m, "ref('price', v=1)", &why, &hint), 4);
    assert_int_equal(find(&m, "ref('raw')", &why, &hint), 7);
    assert_int_equal(find(&m, "source('app', 'users')", &why, &hint), 8);
    assert_int_equal(find(&m, "ref('price', v=3)", &why, &hint), SIZE_MAX);
    assert_true(eff_str_is(why, "dbt has no such version of model `price.v3`"));
    assert_true(eff_str_is(hint, "It has: 1, 2."));
    assert_int_equal(find(&m, "ref('both')", &why, &hint), SIZE_MAX);
    assert_true(eff_str_is(why, "model `both` is in more than one dbt package"));
    assert_true(eff_str_is(hint, "Write ref('a', 'both')."));
    assert_int_equal(find(&m, "ref('gone')", &why, &hint), SIZE_MAX);
    assert_true(eff_str_is(why, "model `gone` is disabled in dbt"));
    assert_int_equal(find(&m, "ref('order')", &why, &hint), SIZE_MAX);
    assert_true(eff_str_is(why, "dbt has no model `order`"));
    assert_true(eff_str_is(hint, "Did you mean `orders`?"));
    assert_int_equal(find(&m, "ref('users')", &why, &hint), SIZE_MAX);
    assert_int_equal(find(&m, "source('app', 'orders')", &why, &hint), SIZE_MAX);
}

static void
what_did_not_end_well_is_kept(void **state)
{
    struct eff_dbt_results results;
    struct eff_dbt_manifest m;

    (void)state;
    assert_int_equal(read_results(eff_str_of(results_text), &results), EFF_OK);
    assert_true(results.builds);
    assert_int_equal(results.bad_count, 4);
    assert_null(eff_dbt_results_find(&results, EFF_STR("seed.shop.raw")));
    assert_null(eff_dbt_results_find(&results, EFF_STR("test.shop.warned")));
    assert_true(eff_str_is(eff_dbt_results_find(&results, EFF_STR("model.shop.price.v1"))->message,
                           "Binder Error"));
    assert_non_null(eff_dbt_results_find(&results, EFF_STR("model.shop.late")));
    assert_int_equal(read_manifest(eff_str_of(manifest_text), &results, &m), EFF_OK);
    assert_int_equal(m.failures_count, 3);
    assert_int_equal(m.failures[0].tested, 0); /* attached: the seed that it reads too is fine */
    assert_int_equal(m.failures[1].tested, 7);
    assert_int_equal(m.failures[2].tested, 5);
}

static void
versions_are_told(void **state)
{
    struct eff_dbt_manifest m;
    struct eff_dbt_results results;

    (void)state;
    assert_int_equal(eff_dbt_schema_version(EFF_STR("https://x/dbt/manifest/v20.json"), "manifest"),
                     20);
    assert_int_equal(eff_dbt_schema_version(EFF_STR("https://x/dbt/catalog/v1.json"), "manifest"),
                     0);
    assert_int_equal(read_manifest(EFF_STR(METADATA("v99") "\"nodes\": {}}"), NULL, &m), EFF_OK);
    assert_int_equal(m.version, 99);
    assert_int_equal(read_manifest(EFF_STR(METADATA("v7") "\"nodes\": {}}"), NULL, &m), EFF_CONFIG);
    assert_string_equal(err.msg, "is of schema version v7 (dbt 1.11.16), which is too old");
    assert_int_equal(read_manifest(EFF_STR("{\"nodes\": {}}"), NULL, &m), EFF_CONFIG);
    assert_string_equal(err.msg, "is no manifest.json of dbt");
    assert_int_equal(read_manifest(eff_str_of(results_text), NULL, &m), EFF_CONFIG);
    assert_int_equal(read_results(eff_str_of(manifest_text), &results), EFF_CONFIG);
    assert_string_equal(err.msg, "is no run_results.json of dbt");
    assert_int_equal(read_manifest(EFF_STR("{\"metadata\": {\"a\": \"\\ud800\"}}"), NULL, &m),
                     EFF_CONFIG);
    assert_string_equal(err.msg, "is not JSON at byte 27: no low surrogate in string");
}

static void
every_prefix_is_refused(void **state)
{
    struct eff_dbt_manifest m;
    struct eff_dbt_results results;

    (void)state;
    for (size_t len = 0; len < sizeof manifest_text - 1; len++) {
        eff_arena_reset(&arena);
        assert_int_equal(read_manifest((eff_str){manifest_text, len}, NULL, &m), EFF_CONFIG);
    }
    for (size_t len = 0; len < sizeof results_text - 1; len++)
        assert_int_equal(read_results((eff_str){results_text, len}, &results), EFF_CONFIG);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_sync_names_is_kept_in_full),
        cmocka_unit_test(a_key_is_text_or_a_list_of_it),
        cmocka_unit_test(what_is_private),
        cmocka_unit_test(names_of_types_that_mean_the_same),
        cmocka_unit_test(names_mean_what_they_mean_in_dbt),
        cmocka_unit_test(what_did_not_end_well_is_kept),
        cmocka_unit_test(versions_are_told),
        cmocka_unit_test(every_prefix_is_refused),
    };
    int failed;

    eff_arena_init(&arena, "test", (size_t)1 << 30);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eff_arena_deinit(&arena);
    return failed;
}
