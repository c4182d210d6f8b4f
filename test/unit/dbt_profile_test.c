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
#include <stdio.h>

#include <cmocka.h>

static struct eff_arena arena, texts; /* the second outlives a load */
static struct eff_project *project;
static struct eff_problems problems;

struct bigquery {
    eff_str project, dataset, location, execution_project, key_file, credentials, token, url,
        impersonate;
    int64_t maximum_bytes_billed, timeout_ms;
    int priority;
};
#define BIGQUERY(name, kind)                                                                       \
    {                                                                                              \
#name, kind, offsetof(struct bigquery, name), NULL, 0, 0, "A part of it.", 0, NULL         \
    }
static const struct eff_option bigquery_options[] = {
    BIGQUERY(project, EFF_OPT_STR),
    BIGQUERY(dataset, EFF_OPT_STR),
    BIGQUERY(location, EFF_OPT_STR),
    BIGQUERY(execution_project, EFF_OPT_STR),
    BIGQUERY(key_file, EFF_OPT_PATH),
    BIGQUERY(credentials, EFF_OPT_SECRET),
    BIGQUERY(token, EFF_OPT_SECRET),
    BIGQUERY(url, EFF_OPT_URL),
    BIGQUERY(impersonate, EFF_OPT_STR),
    BIGQUERY(maximum_bytes_billed, EFF_OPT_SIZE),
    {"timeout", EFF_OPT_TIME, offsetof(struct bigquery, timeout_ms), NULL, 0, 0, "A part of it.", 0,
     NULL},
    {"priority", EFF_OPT_ENUM, offsetof(struct bigquery, priority), "interactive", 0, 0,
     "A part of it.", 0, "interactive|batch"},
};

struct snow { /* as source/snowflake has them, as far as a profile gives them */
    eff_str account, user, role, warehouse, database, schema, query_tag, url;
    eff_str private_key, private_key_path, passphrase, token, token_type;
};
#define SNOW(name, kind)                                                                           \
    {                                                                                              \
#name, kind, offsetof(struct snow, name), NULL, 0, 0, "", 0, NULL                          \
    }
static const struct eff_option snow_options[] = {
    SNOW(account, EFF_OPT_STR),
    SNOW(user, EFF_OPT_STR),
    SNOW(role, EFF_OPT_STR),
    SNOW(warehouse, EFF_OPT_STR),
    SNOW(database, EFF_OPT_STR),
    SNOW(schema, EFF_OPT_STR),
    SNOW(query_tag, EFF_OPT_STR),
    SNOW(url, EFF_OPT_URL),
    SNOW(private_key, EFF_OPT_SECRET),
    SNOW(private_key_path, EFF_OPT_PATH),
    {"private_key_passphrase", EFF_OPT_SECRET, offsetof(struct snow, passphrase), NULL, 0, 0, "", 0,
     NULL},
    SNOW(token, EFF_OPT_SECRET),
    SNOW(token_type, EFF_OPT_STR),
};

static struct eff_kind_desc kinds[] = {
    CONFWORLD_KIND("bigquery", bigquery_options, struct bigquery),
    CONFWORLD_KIND("snowflake", snow_options, struct snow),
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
        .source_kinds_count = 5,
        .source_kinds = kinds,
        .files = &world,
        .read = confworld_read,
        .list = confworld_list,
    };

    kinds[4] = eff_dbt_source_kind;
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

static const struct snow *
snow(const char *login)
{
    eff_str profiles = eff_str_printf(
        &texts,
        "shop: {outputs: {default: {type: snowflake, account: acme-main, user: dbt, role: reporter, "
        "warehouse: wh, database: analytics, schema: marts, query_tag: nightly, threads: 8, "
        "client_session_keep_alive: false, %s}}}\n",
        login);

    if (!load("", NULL, eff_str_c(&texts, profiles), "dbt/profiles.yml"))
        fail_msg("%s is refused", login);
    assert_true(eff_str_is(project->sources[0].kind->kind, "snowflake"));
    return project->sources[0].config;
}

static bool
is_secret(const char *text)
{
    for (size_t i = 0; i < project->secrets_count; i++)
        if (eff_str_is(project->secrets[i], text))
            return true;
    return false;
}

static const struct bigquery *
bigquery(const char *login)
{
    const char *profiles =
        eff_str_printf(&arena, "shop: {outputs: {default: {type: bigquery, project: acme, %s}}}\n",
                       login)
            .ptr;
    char copy[1024];

    snprintf(copy, sizeof copy, "%s", profiles); /* loading forgets the arena */
    assert_true(load("", NULL, copy, "dbt/profiles.yml"));
    assert_true(eff_str_is(project->sources[0].kind->kind, "bigquery"));
    return project->sources[0].config;
}

static void
logins_to_bigquery(void **state)
{
    const struct bigquery *config;

    (void)state;
    config = bigquery("method: oauth, schema: marts, location: EU, priority: batch, "
                      "execution_project: bills, maximum_bytes_billed: 1000000, "
                      "job_execution_timeout_seconds: 90, api_endpoint: 'https://x.example', "
                      "impersonate_service_account: reader@acme.example");
    assert_true(eff_str_is(config->project, "acme"));
    assert_true(eff_str_is(config->dataset, "marts"));
    assert_true(eff_str_is(config->location, "EU"));
    assert_true(eff_str_is(config->execution_project, "bills"));
    assert_true(eff_str_is(config->url, "https://x.example"));
    assert_true(eff_str_is(config->impersonate, "reader@acme.example"));
    assert_int_equal(config->priority, 1);
    assert_int_equal(config->maximum_bytes_billed, 1000000);
    assert_int_equal(config->timeout_ms, 90000);
    assert_int_equal(config->key_file.len + config->credentials.len + config->token.len, 0);
    config = bigquery("method: service-account, dataset: marts, keyfile: keys/bq.json");
    assert_true(eff_str_is(config->key_file, "/p/dbt/keys/bq.json"));
    config = bigquery("method: service-account, keyfile: /keys/bq.json");
    assert_true(eff_str_is(config->key_file, "/keys/bq.json"));
    config = bigquery("method: service-account-json, keyfile_json: {type: service_account, "
                      "client_email: a@b, private_key: \"{{ env_var('DBT_ENV_SECRET_PW') }}\"}");
    assert_true(eff_str_is(config->credentials, "{\"type\":\"service_account\",\"client_email\":"
                                                "\"a@b\",\"private_key\":\"s'e\\\\c${X}\"}"));
    assert_true(is_secret("s'e\\c${X}"));
    config = bigquery("method: oauth-secrets, token: tok");
    assert_true(eff_str_is(config->token, "tok"));
    config = bigquery("method: oauth-secrets, refresh_token: r1, client_id: c, client_secret: s3, "
                      "token_uri: 'https://t.example/token'");
    assert_true(eff_str_is(config->credentials,
                           "{\"type\":\"authorized_user\",\"client_id\":\"c\",\"client_secret\":"
                           "\"s3\",\"refresh_token\":\"r1\",\"token_uri\":\"https://t.example/"
                           "token\"}"));
    assert_true(is_secret("r1") && is_secret("s3"));
}

static void
logins_to_bigquery_that_cannot_be_used(void **state)
{
    (void)state;
    refused("", "shop: {outputs: {default: {type: bigquery, dataset: x, method: oauth}}}\n",
            "dbt/profiles.yml:1:27 EFF1404 the profile names no project of BigQuery's [Add "
            "`project:` to the profile's output.]\n");
    refused("", "shop: {outputs: {default: {type: bigquery, project: p, method: wif}}}\n",
            "dbt/profiles.yml:1:27 EFF1404 the profile does not say how to log in to BigQuery "
            "[`method:` is oauth, oauth-secrets, service-account (with `keyfile:`) or "
            "service-account-json.]\n");
    refused("",
            "shop: {outputs: {default: {type: bigquery, project: p, method: "
            "service-account-json}}}\n",
            "dbt/profiles.yml:1:27 EFF1404 the profile's `keyfile_json` is no map [Write the key "
            "file's members below `keyfile_json:`.]\n");
}

static void
snowflake_by_key_and_token(void **state)
{
    const struct snow *s;

    (void)state;
    eff_arena_init(&texts, "profiles", (size_t)1 << 20);
    s = snow("private_key_path: keys/dbt.p8, private_key_passphrase: sesame");
    assert_true(eff_str_is(s->account, "acme-main") && eff_str_is(s->user, "dbt"));
    assert_true(eff_str_is(s->role, "reporter") && eff_str_is(s->warehouse, "wh"));
    assert_true(eff_str_is(s->database, "analytics") && eff_str_is(s->schema, "marts"));
    assert_true(eff_str_is(s->query_tag, "nightly") && s->url.len == 0);
    assert_true(eff_str_is(s->private_key_path, "/p/dbt/keys/dbt.p8"));
    assert_true(eff_str_is(s->passphrase, "sesame") && is_secret("sesame"));
    s = snow("private_key_path: /etc/dbt.p8, host: 127.0.0.1, port: 8100, protocol: http");
    assert_true(eff_str_is(s->private_key_path, "/etc/dbt.p8"));
    assert_true(eff_str_is(s->url, "http://127.0.0.1:8100"));
    s = snow("private_key: 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
             "MzEfYyjiWA4R', private_key_passphrase: sesame");
    assert_true(eff_str_is(s->private_key,
                           "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                           "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n"
                           "MzEfYyjiWA4R\n-----END ENCRYPTED PRIVATE KEY-----\n"));
    s = snow("authenticator: oauth, token: t0ken");
    assert_true(eff_str_is(s->token, "t0ken") && eff_str_is(s->token_type, "oauth"));
    assert_true(is_secret("t0ken"));
    s = snow("authenticator: programmatic_access_token, token: t0ken");
    assert_true(eff_str_is(s->token_type, "programmatic_access_token"));
    eff_arena_deinit(&texts);
}

static void
anchors_and_merge_keys_are_read(void **state)
{
    (void)state;
    assert_true(load("", "prod",
                     "base: &base {type: postgres, host: db.example, port: &port 6432}\n"
                     "shop:\n"
                     "  target: dev\n"
                     "  outputs:\n"
                     "    dev: &dev\n"
                     "      <<: *base\n"
                     "      user: me\n"
                     "      dbname: dev\n"
                     "    prod:\n"
                     "      dbname: shop\n"
                     "      <<: [*dev, {user: other, role: reader}]\n"
                     "      port: *port\n"
                     "other: *base\n",
                     "dbt/profiles.yml"));
    assert_true(eff_str_is(
        config()->url,
        "host='db.example' port='6432' user='me' dbname='shop' options='-c role=reader'"));
    refused("", "shop: {outputs: {default: {type: duckdb, path: *no}}}\n",
            "dbt/profiles.yml:1:48 EFF1003 YAML: no anchor `no` stands before this alias\n");
}

static void
what_cannot_be_used_is_told(void **state)
{
    static const char *const remote[] = {
        "", ":memory:", "md:shop", "motherduck:shop", "s3://x/y.duckdb", "ducklake:meta.ducklake",
    };
    static const char *const logins[] = {
        "password: x",
        "authenticator: externalbrowser",
        "authenticator: oauth, token: refresh, oauth_client_id: c, oauth_client_secret: s",
        "authenticator: oauth",
        "token: x",
    };

    (void)state;
    refused(
        ", profile: shp", both,
        "dbt/profiles.yml:1:1 EFF1404 profiles.yml has no profile \"shp\" [Did you mean `shop`? It "
        "has: shop.]\n");
    refused(
        ", target: prd", both,
        "dbt/profiles.yml:4:5 EFF1404 profiles.yml has no output \"prd\" [Did you mean `prod`? It "
        "has: dev, prod.]\n");
    refused(", target: staging", both,
            "dbt/profiles.yml:4:5 EFF1404 profiles.yml has no output \"staging\" [It has: dev, "
            "prod.]\n");
    refused("", "shop: {target: dev}\n",
            "dbt/profiles.yml:1:7 EFF1404 profile \"shop\" has no `outputs`\n");
    for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++) {
        char profiles[256];

        snprintf(profiles, sizeof(profiles),
                 "shop: {outputs: {default: {type: duckdb, path: '%s'}}}\n", remote[i]);
        refused("", profiles,
                "dbt/profiles.yml:1:27 EFF1404 the profile's DuckDB is no file on this machine "
                "that could be read [Give the profile a `path:` to a file that dbt builds.]\n");
    }
    refused("",
            "shop: {outputs: {default: {type: duckdb, path: x.duckdb, attach: [{path: "
            "y.duckdb}]}}}\n",
            "dbt/profiles.yml:1:66 EFF1404 the profile attaches other databases, which are not "
            "read [Build what syncs read into the profile's own file, and read it by an output "
            "without `attach`, or by a source of its own.]\n");
    assert_true(load("", NULL,
                     "shop: {outputs: {default: {type: duckdb, path: a/b:c.duckdb, attach: []}}}\n",
                     "dbt/profiles.yml"));
    assert_true(eff_str_is(config()->path, "/p/dbt/a/b:c.duckdb"));
    refused("", "shop: {outputs: {default: {type: postgres, host: h, port: 99999}}}\n",
            "dbt/profiles.yml:1:59 EFF1404 the profile's port \"99999\" is none [A port is a "
            "number from 1 to 65535.]\n");
    for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
        char profiles[256];

        snprintf(profiles, sizeof(profiles),
                 "shop: {outputs: {default: {type: snowflake, account: a, %s}}}\n", logins[i]);
        refused("", profiles,
                "dbt/profiles.yml:1:27 EFF1404 the profile's way into Snowflake is not one that "
                "its SQL API has [Give the profile a private_key_path, or write the source on its "
                "own, with a key or a token.]\n");
    }
    refused(
        "", "shop: {outputs: {default: {type: oracle}}}\n",
        "dbt/profiles.yml:1:27 EFF1404 a profile of type \"oracle\" cannot be used: only "
        "postgres, duckdb, bigquery and snowflake are read so far [Write the source on its own, with a `type:` and its options.]\n");
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
        cmocka_unit_test(logins_to_bigquery),
        cmocka_unit_test(logins_to_bigquery_that_cannot_be_used),
        cmocka_unit_test(snowflake_by_key_and_token),
        cmocka_unit_test(anchors_and_merge_keys_are_read),
        cmocka_unit_test(what_cannot_be_used_is_told),
    };
    int failed;

    eff_arena_init(&arena, "test", (size_t)1 << 30);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eff_arena_deinit(&arena);
    return failed;
}
