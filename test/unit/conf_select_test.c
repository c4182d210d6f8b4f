// links: base flow conf
/*
 * Goal: --select and --exclude choose what a dbt user expects, and a selection
 * that means nothing is an error, not an empty run.
 * Method: one project of seven syncs; each expression with the syncs it means.
 */
#include "lib/confworld.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char project_text[] =
    "sources: {shop: {type: sqlite, path: a}, pg: {type: postgres, url: x}}\n"
    "destinations: {crm: {type: sqlite, path: b}, ads: {type: sqlite, path: c}}\n"
    "---\n{sync: a, source: shop, table: dwh.leads, key: id, to: crm.x, fields: [f], tags: [sales, eu]}\n"
    "---\n{sync: b, source: shop, sql: s, key: id, to: crm.y, fields: [f], tags: [sales], after: a}\n"
    "---\n{sync: c, source: pg, sql: s, key: id, to: ads.x, fields: [f], after: b}\n"
    "---\n{sync: d, source: pg, model: m/leads.sql, key: id, to: ads.x, fields: [f], after: [c, lead_1]}\n"
    "---\n{sync: lead_1, source: shop, sql: s, key: id, to: crm.x, fields: [f]}\n"
    "---\n{sync: lead_22, source: shop, sql: s, key: id, to: crm.x, fields: [f], tags: eu}\n"
    "---\n{sync: off, source: shop, sql: s, key: id, to: crm.x, fields: [f], enabled: false}\n";

static struct eff_arena arena;
static struct eff_project *project;

static int
setup(void **state)
{
    struct confworld world = {
        .files = {{"efferent.yml", EFF_STR("")}, {"m/leads.sql", EFF_STR("select 1")}}};
    struct eff_problems problems = {.arena = &arena};

    (void)state;
    eff_arena_init(&arena, "test", (size_t)16 << 20);
    world.files[0].bytes = eff_str_of(project_text);
    return confworld_load(&world, NULL, &arena, &project, &problems) ? 0 : 1;
}

static int
teardown(void **state)
{
    (void)state;
    eff_arena_deinit(&arena);
    return 0;
}

/* Names of the chosen ones, joined; or the message and hint. */
static void
expect(const char *select, const char *exclude, const char *expected)
{
    eff_str select_text = eff_str_of(select), exclude_text = eff_str_of(exclude);
    bool chosen[7] = {false};
    struct eff_err err = {0};
    char text[900] = "";

    if (eff_project_select(project, select != NULL, &select_text, exclude != NULL, &exclude_text,
                           chosen, &err) != EFF_OK) {
        assert_int_equal(err.fault, EFF_CONFIG);
        snprintf(text, sizeof text, "%s | %s", err.msg, err.hint);
    }
    for (size_t i = 0; i < 7; i++)
        if (chosen[i])
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s" EFF_STR_FMT,
                     text[0] ? " " : "", EFF_STR_ARG(project->syncs[i].name));
    assert_string_equal(text, expected);
}

static void
test_choices(void **state)
{
    (void)state;
    expect(NULL, NULL, "a b c d lead_1 lead_22");
    expect("a", NULL, "a");
    expect("a c", NULL, "a c");
    expect("  c   a ", NULL, "a c");
    expect("lead_*", NULL, "lead_1 lead_22");
    expect("lead_?", NULL, "lead_1");
    expect("*", NULL, "a b c d lead_1 lead_22 off"); /* which a run then skips, and says so */
    expect("*_*2", NULL, "lead_22");
    expect("tag:sales", NULL, "a b");
    expect("tag:sales,tag:eu", NULL, "a");
    expect("tag:sales tag:eu", NULL, "a b lead_22");
    expect("tag:s*,a", NULL, "a");
    expect("destination:ads", NULL, "c d");
    expect("source:pg", NULL, "c d");
    expect("model:leads", NULL, "a d");
    expect("model:dwh.leads", NULL, "a");
    expect("name:a", NULL, "a");
    expect("lead_1 off", NULL, "lead_1 off");
}

static void
test_graph(void **state)
{
    (void)state;
    expect("+c", NULL, "a b c");
    expect("1+c", NULL, "b c");
    expect("2+d", NULL, "b c d lead_1");
    expect("b+", NULL, "b c d");
    expect("b+1", NULL, "b c");
    expect("+b+", NULL, "a b c d");
    expect("1+b+1", NULL, "a b c");
    expect("0+c", NULL, "c");
    expect("99999999999999999999+d", NULL, "a b c d lead_1");
    expect("+tag:sales,source:shop", NULL, "a b");
    expect("lead_1+", NULL, "d lead_1");
}

static void
test_exclude(void **state)
{
    (void)state;
    expect(NULL, "tag:eu", "b c d lead_1");
    expect("tag:sales", "a", "b");
    expect("a", "a", "");
    expect("+d", "+b", "c d lead_1");
}

static void
test_errors(void **state)
{
    (void)state;
    expect("laed_1", NULL, "\"laed_1\" selects no sync | Did you mean `lead_1`?");
    expect("a laed_1", NULL, "\"laed_1\" selects no sync | Did you mean `lead_1`?");
    expect(NULL, "lead_3", "\"lead_3\" selects no sync | Did you mean `lead_1`?");
    expect("tag:none", NULL,
           "\"tag:none\" selects no sync | `efferent status` lists the syncs of this project.");
    expect("tag:eu,destination:ads", NULL,
           "\"tag:eu,destination:ads\" selects no sync | `efferent status` lists the syncs of this "
           "project.");
    expect(
        "tga:eu", NULL,
        "cannot select by \"tga:\" | Known are tag:, destination:, source:, model:, path:, package: and names.");
    expect(
        ":x", NULL,
        "cannot select by \":\" | Known are tag:, destination:, source:, model:, path:, package: and names.");
    expect("@a", NULL,
           "cannot select \"@a\": dbt's @ is not supported | Write +name+: all before it and all "
           "after it.");
    expect("", NULL, "an empty selection selects no sync | ");
    expect(
        "a,,b", NULL,
        "cannot read \"\" as a selection | Write a name, tag:x, +name or name+; commas mean both.");
    expect(
        "+", NULL,
        "cannot read \"+\" as a selection | Write a name, tag:x, +name or name+; commas mean both.");
    expect("a++b", NULL,
           "cannot read \"a++b\" as a selection | Write a name, tag:x, +name or name+; commas mean "
           "both.");
}

/* raw <- staged <- leads <- scores; and aside, which no sync reads. */
static void
test_models(void **state)
{
    static const size_t none[1] = {0}, first[] = {0}, second[] = {1}, third[] = {2};
    static const eff_str tags[] = {{"night", 5}};
    const struct eff_model models[] = {
        {.id = EFF_STR("seed.shop.raw"), .name = EFF_STR("raw"), .parents = none},
        {.name = EFF_STR("staged"),
         .path = EFF_STR("models/staging/staged.sql"),
         .package = EFF_STR("shop"),
         .parents_count = 1,
         .parents = first},
        {.name = EFF_STR("leads"),
         .path = EFF_STR("models/marts/crm/leads.sql"),
         .package = EFF_STR("shop"),
         .tags_count = 1,
         .tags = tags,
         .parents_count = 1,
         .parents = second},
        {.name = EFF_STR("scores"),
         .path = EFF_STR("models/marts/scores.sql"),
         .parents_count = 1,
         .parents = third},
        {.name = EFF_STR("aside"), .parents_count = 1, .parents = first},
    };
    struct eff_sync_conf *syncs = eff_new(&arena, struct eff_sync_conf, project->syncs_count);

    (void)state;
    memcpy(syncs, project->syncs, project->syncs_count * sizeof *syncs);
    syncs[4].built = &models[1]; /* lead_1 reads staged */
    syncs[1].built = &models[2]; /* b reads leads */
    syncs[5].built = &models[3]; /* lead_22 reads scores */
    project->syncs = syncs;
    project->models = (struct eff_models){5, models};
    expect("model:leads", NULL, "a b d"); /* and those of tables and files of that name */
    expect("model:staged", NULL, "lead_1");
    expect("model:staged+", NULL, "b c d lead_1 lead_22"); /* c and d come after b and lead_1 */
    expect("model:staged+1", NULL, "b d lead_1");
    expect("+model:scores", NULL, "a b lead_1 lead_22"); /* a comes before b */
    expect("1+model:scores", NULL, "b lead_22");
    expect("raw+", NULL, "b c d lead_1 lead_22"); /* a name that no sync has is a model's */
    expect("scores", NULL, "lead_22");
    expect("b", NULL, "b");
    expect("tag:night", NULL, "b");
    expect("tag:sales", NULL, "a b");
    expect("path:models/marts", NULL, "b lead_22");
    expect("path:models/marts/", "path:models/*/crm", "lead_22");
    expect("path:models/marts/scores.sql", NULL, "lead_22");
    expect("package:shop", NULL, "b lead_1");
    expect("model:staged+,tag:eu", NULL, "lead_22");
    expect(NULL, "raw+", "a");
    expect("aside", NULL,
           "\"aside\" selects no sync | It selects 1 model of dbt, and no sync reads it.");
    expect(
        "path:models/mart", NULL,
        "\"path:models/mart\" selects no sync | `efferent status` lists the syncs of this project.");
    project->models = (struct eff_models){0};
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choices), cmocka_unit_test(test_graph),
        cmocka_unit_test(test_exclude), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_models), // the last: it changes the project
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
