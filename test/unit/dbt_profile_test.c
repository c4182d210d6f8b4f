/*
 * Goal: `type: dbt` becomes the source that dbt itself would connect to, secrets are known as
 * such, and a profile that cannot be used is told with its place.
 * Method: projects in memory with a dbt_project.yml and a profiles.yml; what the kinds were
 * filled with, and all problems at once.
 */
// links: base flow os conf dbt
#include "dbt/dbt.h"
#include "lib/confworld.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct eff_arena arena;
static struct eff_project *project;
static struct eff_problems problems;

static struct eff_kind_desc kinds[] = {
    CONFWORLD_KIND("postgres", confworld_db_options, struct confworld_db),
    CONFWORLD_KIND("duckdb", confworld_db_options, struct confworld_db),
    {.kind = {"", 0}},
};

static bool
load(const char *source, const char *target, const char *profiles, const char *folder)
{
    static const char targets[] = "targets: {prod: {}, other: {}}\n";
    struct confworld world = {
        .files = {{"efferent.yml", EFF_STR("")},
                  {"dbt/dbt_project.yml", EFF_STR("name: shop\nprofile: shop\n")},
                  {folder, eff_str_of(profiles)}},
        .env = {{"HOME", EFF_STR("/p/home")},
                {"DBT_ENV_SECRET_PW", EFF_STR("s'e\\c${X}")},
                {"PORT", EFF_STR("6432")}},
    };
    struct eff_lookup lookup = confworld_lookup(&world);
    struct eff_project_input input = {
        .root = EFF_STR("/p"),
        .target = eff_str_of(target),
        .lookup = &lookup,
        .source_kinds_count = 3,
        .source_kinds = kinds,
        .files = &world,
        .read = confworld_read,
        .list = confworld_list,
    };

    kinds[2] = eff_dbt_source_kind;
    eff_arena_reset(&arena);
    world.files[0].bytes = eff_str_printf(
        &arena, "dbt: {project: dbt}\nsources: {w: {type: dbt%s}}\n%s", source, targets);
    problems = (struct eff_problems){.arena = &arena};
    return eff_project_load(&input, &arena, &project, &problems);
}

static const struct confworld_db *
config(void)
{
    return project->sources[0].config;
}

static void
refused(const char *source, const char *profiles, const char *told)
{
    assert_false(load(source, NULL, profiles, "dbt/profiles.yml"));
    assert_true(confworld_same(&arena, &problems, told));
}

static const char both[] = "shop:\n"
                           "  target: \"{{ env_var('DBT_TARGET', 'dev') }}\"\n"
                           "  outputs:\n"
                           "    dev: {type: duckdb, path: dev.duckdb, threads: 4}\n"
                           "    prod:\n"
                           "      type: postgres\n"
                           "      host: db.example\n"
                           "      port: \"{{ env_var('PORT') | int }}\"\n"
                           "      user: \"u_{{ env_var('WHO', 'dbt') }}\"\n"
                           "      password: \"{{ env_var('DBT_ENV_SECRET_PW') }}\"\n"
                           "      dbname: \"{{ env_var( 'NONE' , '' ) }}shop\"\n"
                           "      schema: marts\n"
                           "      role: reader\n";

static void
the_profiles_own_target(void **state)
{
    (void)state;
    assert_true(load("", NULL, both, "dbt/profiles.yml"));
    assert_true(eff_str_is(project->sources[0].kind->kind, "duckdb"));
    assert_true(eff_str_is(config()->path, "/p/dbt/dev.duckdb"));
    assert_true(load("", NULL, both, "home/.dbt/profiles.yml"));
    assert_true(load("", "other", both, "dbt/profiles.yml")); /* no output of that name */
    assert_true(eff_str_is(project->sources[0].kind->kind, "duckdb"));
}

static void
the_target_of_the_command_line(void **state)
{
    bool known = false;

    (void)state;
    assert_true(load("", "prod", both, "dbt/profiles.yml"));
    assert_true(eff_str_is(project->sources[0].kind->kind, "postgres"));
    assert_true(eff_str_is(config()->url,
                           "host='db.example' port='6432' user='u_dbt' dbname='shop' "
                           "password='s\\'e\\\\c${X}' options='-c role=reader'"));
    for (size_t i = 0; i < project->secrets_count; i++)
        known = known || eff_str_is(project->secrets[i], "s'e\\c${X}");
    assert_true(known);
    assert_true(load(", target: dev", "prod", both, "dbt/profiles.yml"));
    assert_true(eff_str_is(project->sources[0].kind->kind, "duckdb"));
}

static void
what_cannot_be_used_is_told(void **state)
{
    (void)state;
    refused(
        ", profile: shp", both,
        "dbt/profiles.yml:1:1 EFF1404 profiles.yml has no profile \"shp\" [Did you mean `shop`?]\n");
    refused(
        ", target: prd", both,
        "dbt/profiles.yml:4:5 EFF1404 profiles.yml has no output \"prd\" [Did you mean `prod`?]\n");
    refused("", "shop: {target: dev}\n",
            "dbt/profiles.yml:1:7 EFF1404 profile \"shop\" has no `outputs`\n");
    refused(
        "", "shop: {outputs: {default: {type: duckdb, path: ':memory:'}}}\n",
        "dbt/profiles.yml:1:27 EFF1404 the profile's DuckDB is no file on this machine, so "
        "nothing is left of it to read [Give the profile a `path:` to a file that dbt builds.]\n");
    refused(
        "", "shop: {outputs: {default: {type: oracle}}}\n",
        "dbt/profiles.yml:1:27 EFF1404 a profile of type \"oracle\" cannot be used: only postgres "
        "and duckdb are read so far [Write the source on its own, with a `type:` and its options.]\n");
    refused(
        "", "shop: {outputs: {default: {type: postgres, host: \"{{ env_var('NO') }}\"}}}\n",
        "dbt/profiles.yml:1:50 EFF1106 env_var('NO') is not set [Set the environment variable NO.]\n");
    refused("", "shop: {outputs: {default: {type: postgres, host: \"{{ var('x') }}\"}}}\n",
            "dbt/profiles.yml:1:50 EFF1404 cannot read the Jinja \" var('x') \" [Efferent reads {{ "
            "env_var('NAME') }} and {{ env_var('NAME', 'default') }}; write the connection as a "
            "source of its own for anything else.]\n");
    refused(", targt: x", both,
            "efferent.yml:2:26 EFF1101 unknown key `targt` [Did you mean `target`?]\n");
    assert_false(load("", NULL, both, "elsewhere/profiles.yml"));
    assert_true(confworld_same(&arena, &problems,
                               "efferent.yml:2:11 EFF1401 there is no profiles.yml in dbt and "
                               "home/.dbt [Say where it is by `dbt: {profiles_dir: ...}`.]\n"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_profiles_own_target),
        cmocka_unit_test(the_target_of_the_command_line),
        cmocka_unit_test(what_cannot_be_used_is_told),
    };
    int failed;

    eff_arena_init(&arena, "test", (size_t)1 << 30);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eff_arena_deinit(&arena);
    return failed;
}
