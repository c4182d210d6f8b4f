// links: base flow conf
/*
 * Goal: a row of a table decides what is read, what is refused and what the
 * message says; variables and secrets are put in as text and remembered.
 * Method: one config struct with all kinds; lists of problems compared as a
 * whole, with places; values on both sides of each bound.
 * covers: H13
 */
#include "lib/confworld.h"

#include "conf/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct config {
    eff_str str, secret, url, path, inner, deep;
    int64_t num, any, size, time;
    bool flag;
    double percent;
    int choice;
    struct eff_str_list list, fallback_list;
    const struct eff_node *node, *raw;
};

#define AT(member) offsetof(struct config, member)
static const struct eff_option rows[] = {
    {"str", EFF_OPT_STR, AT(str), "dflt", 0, 0, "A text."},
    {"secret", EFF_OPT_SECRET, AT(secret), NULL, 0, 0, "A secret."},
    {"url", EFF_OPT_URL, AT(url), "https://default.example", 0, 0, "A url."},
    {"path", EFF_OPT_PATH, AT(path), NULL, 0, 0, "A path."},
    {"num", EFF_OPT_INT, AT(num), "5", 1, 10, "A number."},
    {"any", EFF_OPT_INT, AT(any), NULL, 0, 0, "Any number."},
    {"size", EFF_OPT_SIZE, AT(size), "1KiB", 0, 0, "A size."},
    {"time", EFF_OPT_TIME, AT(time), "1m30s", 0, 0, "A time."},
    {"flag", EFF_OPT_BOOL, AT(flag), "true", 0, 0, "A flag."},
    {"percent", EFF_OPT_PERCENT, AT(percent), "10%", 0, 0, "A share."},
    {"choice", EFF_OPT_ENUM, AT(choice), "two", 0, 0, "A choice.", 0, "one|two|three"},
    {"list", EFF_OPT_LIST, AT(list), NULL, 0, 0, "A list."},
    {"fallback", EFF_OPT_LIST, AT(fallback_list), "[a, b]", 0, 0, "A list."},
    {"node", EFF_OPT_NODE, AT(node), NULL, 0, 0, "A tree."},
    {"raw", EFF_OPT_NODE, AT(raw), NULL, 0, 0, "A tree.", EFF_OPT_RAW},
    {"in.needed", EFF_OPT_STR, AT(inner), NULL, 0, 0, "Put it there.", EFF_OPT_REQUIRED},
    {"in.deep.er", EFF_OPT_STR, AT(deep), "d", 0, 0, "Deeper."},
    {"later", EFF_OPT_NODE, 0, NULL, 0, 0, "Do without.", EFF_OPT_LATER},
};

struct fixture {
    struct eff_arena arena;
    struct confworld world;
    struct eff_lookup lookup;
    struct eff_fill fill;
    struct eff_problems problems;
    struct config config;
    bool ok;
};

static void
fill_in(struct fixture *f, const char *text, bool with_world)
{
    const struct eff_node *documents;
    size_t count;

    memset(f, 0, sizeof *f);
    eff_arena_init(&f->arena, "test", (size_t)64 << 20);
    f->problems.arena = &f->arena;
    f->world.env[0] = (struct confworld_pair){"HOST", EFF_STR("h.example")};
    f->world.env[1] = (struct confworld_pair){"EMPTY", EFF_STR("")};
    f->world.env[2] = (struct confworld_pair){"TRICKY", EFF_STR("${HOST}: [a]\nb: 1")};
    f->world.env[3] = (struct confworld_pair){"BAD", EFF_STR("\xff")};
    f->world.env[4] = (struct confworld_pair){"NUM", EFF_STR("7")};
    f->world.secrets[0] = (struct confworld_pair){"tok-1", EFF_STR("s3cret")};
    f->lookup = confworld_lookup(&f->world);
    f->fill = (struct eff_fill){.lookup = &f->lookup, .root = EFF_STR("/p")};
    if (with_world)
        f->problems.fill = &f->fill;
    assert_true(eff_yaml_parse(eff_str_of(text), EFF_STR("syncs/a.yml"), &f->arena, &count,
                               &documents, &f->problems));
    assert_int_equal(count, 1);
    f->ok = eff_options_fill(&documents[0], rows, sizeof rows / sizeof rows[0], &f->config,
                             &f->problems);
    assert_int_equal(f->ok, f->problems.count == 0);
}

static void
good(struct fixture *f, const char *text)
{
    fill_in(f, text, true);
    assert_string_equal(confworld_text(&f->arena, &f->problems), "");
}

static void
bad(const char *text, const char *problems)
{
    struct fixture f;

    fill_in(&f, text, true);
    assert_true(confworld_same(&f.arena, &f.problems, problems));
    eff_arena_deinit(&f.arena);
}

static void
expect_str(eff_str found, const char *expected)
{
    assert_non_null(found.ptr);
    assert_int_equal(found.len, strlen(expected));
    assert_memory_equal(found.ptr, expected, found.len);
}

static void
test_defaults(void **state)
{
    struct fixture f;

    (void)state;
    good(&f, "in: {needed: x}");
    expect_str(f.config.str, "dflt");
    assert_null(f.config.secret.ptr);
    expect_str(f.config.url, "https://default.example");
    assert_int_equal(f.config.num, 5);
    assert_int_equal(f.config.any, 0);
    assert_int_equal(f.config.size, 1024);
    assert_int_equal(f.config.time, 90000);
    assert_true(f.config.flag);
    assert_true(f.config.percent == 10.0);
    assert_int_equal(f.config.choice, 1);
    assert_int_equal(f.config.list.count, 0);
    assert_int_equal(f.config.fallback_list.count, 2);
    expect_str(f.config.fallback_list.at[1], "b");
    expect_str(f.config.inner, "x");
    expect_str(f.config.deep, "d");
    assert_int_equal(f.fill.hosts_count, 0); /* nobody wrote that host */
    eff_arena_deinit(&f.arena);
}

static void
test_given(void **state)
{
    struct fixture f;

    (void)state;
    good(&f,
         "str: 12\n"
         "secret: lit\nurl: 'http://Ex.ample:8080/x?y#z'\npath: ./d/e.db\nnum: 10\nany: 0\n"
         "size: 10 MB\ntime: 7d\nflag: false\npercent: 0.5%\nchoice: three\nlist: one\n"
         "fallback: []\nnode: {k: [${HOST}]}\nraw: ${HOST}\nin:\n  needed: y\n  deep: {er: z}\n");
    expect_str(f.config.str, "12");
    expect_str(f.config.url, "http://Ex.ample:8080/x?y#z");
    expect_str(f.config.path, "/p/syncs/d/e.db");
    assert_int_equal(f.config.num, 10);
    assert_int_equal(f.config.size, 10000000);
    assert_int_equal(f.config.time, INT64_C(604800000));
    assert_false(f.config.flag);
    assert_true(f.config.percent == 0.5);
    assert_int_equal(f.config.choice, 2);
    assert_int_equal(f.config.list.count, 1);
    expect_str(f.config.list.at[0], "one");
    assert_int_equal(f.config.fallback_list.count, 0);
    expect_str(eff_node_get(f.config.node, "k")->values[0].text, "h.example");
    expect_str(f.config.raw->text, "${HOST}");
    expect_str(f.config.deep, "z");
    assert_int_equal(f.fill.hosts_count, 1);
    expect_str(f.fill.hosts[0], "ex.ample");
    assert_int_equal(f.fill.secrets_count, 1);
    expect_str(f.fill.secrets[0], "lit");
    eff_arena_deinit(&f.arena);
}

static void
test_variables(void **state)
{
    struct fixture f;

    (void)state;
    good(&f, "str: a-${HOST}-${secret:tok-1}-$${HOST}-$HOST-$\nsecret: 'x${EMPTY}${HOST}'\n"
             "num: ${NUM}\nlist: [${TRICKY}, \"${secret:tok-1}\"]\nin: {needed: '${EMPTY}.'}\n");
    expect_str(f.config.str, "a-h.example-s3cret-${HOST}-$HOST-$");
    expect_str(f.config.secret, "xh.example");
    assert_int_equal(f.config.num, 7);
    expect_str(f.config.list.at[0], "${HOST}: [a]\nb: 1"); /* text, not looked at again */
    assert_int_equal(f.config.list.count, 2);
    expect_str(f.config.inner, ".");
    assert_int_equal(f.fill.secrets_count, 3);
    expect_str(f.fill.secrets[0], "s3cret");
    expect_str(f.fill.secrets[1], "h.example"); /* as part of a secret */
    expect_str(f.fill.secrets[2], "xh.example");
    eff_arena_deinit(&f.arena);

    fill_in(&f, "str: ${HOST}\npath: x\nin: {needed: y}", false); /* a connector file */
    assert_true(f.ok);
    expect_str(f.config.str, "${HOST}");
    expect_str(f.config.path, "x");
    eff_arena_deinit(&f.arena);
}

static void
test_variable_problems(void **state)
{
    (void)state;
    bad("str: ab${NOPE}c${ALSO}\nin: {needed: \"${secret:none}\"}\n",
        "syncs/a.yml:1:8 EFF1106 ${NOPE} is not set [Set the environment variable NOPE.]\n"
        "syncs/a.yml:1:16 EFF1106 ${ALSO} is not set [Set the environment variable ALSO.]\n"
        "syncs/a.yml:2:15 EFF1106 ${secret:none}: there is no such secret [Provide it as a systemd "
        "credential, in the `secrets:` file, or as the environment variable of that name.]\n");
    bad("str: ${a-b}\npath: ${x\nin: {needed: '${BAD}'}\nnode: [[${}, ${secret:}]]\n",
        "syncs/a.yml:1:6 EFF1106 ${a-b} is not a variable [Write ${NAME} or ${secret:NAME}; $${ "
        "stands for ${ itself.]\n"
        "syncs/a.yml:2:7 EFF1106 ${ is not closed [Close it with }, or write $${ for ${ itself.]\n"
        "syncs/a.yml:3:15 EFF1106 the value of ${BAD} is not UTF-8 text\n"
        "syncs/a.yml:4:9 EFF1106 ${} is not a variable [Write ${NAME} or ${secret:NAME}; $${ stands "
        "for ${ itself.]\n"
        "syncs/a.yml:4:14 EFF1106 ${secret:} is not a variable [Write ${NAME} or ${secret:NAME}; "
        "$${ stands for ${ itself.]\n");
}

static void
test_all_at_once(void **state)
{
    (void)state;
    bad("stt: x\nnum: 11\nany: -1\nsize: many\ntime: 5\nflag: yes\npercent: 10\nchoice: too\n"
        "list: {a: 1}\nurl: ftp://x\nlater: {a: 1}\nzzzzzz: 1\nstr: [a]\nin: {deep: 1, needles: 2}\n",
        "syncs/a.yml:1:1 EFF1101 unknown key `stt` [Did you mean `str`?]\n"
        "syncs/a.yml:2:6 EFF1104 `num` expects 1 to 10, found \"11\"\n"
        "syncs/a.yml:3:6 EFF1104 `any` expects a value that is not negative, found \"-1\"\n"
        "syncs/a.yml:4:7 EFF1104 `size` expects a size such as 256MiB, found \"many\"\n"
        "syncs/a.yml:5:7 EFF1104 `time` expects a duration such as 30s, 5m, 2h or 7d, found \"5\"\n"
        "syncs/a.yml:6:7 EFF1104 `flag` expects true or false, found \"yes\"\n"
        "syncs/a.yml:7:10 EFF1104 `percent` expects a percentage from 0% to 100%, found \"10\"\n"
        "syncs/a.yml:8:9 EFF1104 `choice` expects one, two or three, found \"too\" [Did you mean "
        "`two`?]\n"
        "syncs/a.yml:9:7 EFF1103 `list` expects text or a list, found a mapping\n"
        "syncs/a.yml:10:6 EFF1104 `url` expects a url such as https://example.com/path, found "
        "\"ftp://x\"\n"
        "syncs/a.yml:11:1 EFF1105 `later` is not in this version yet [Do without.]\n"
        "syncs/a.yml:12:1 EFF1101 unknown key `zzzzzz` [Known keys: str, secret, url, path, num, any, "
        "size, time, flag, percent, choice, list, fallback, node, raw, in.]\n"
        "syncs/a.yml:13:6 EFF1103 `str` expects one value, found a list\n"
        "syncs/a.yml:14:12 EFF1103 `deep` expects a mapping, found text\n"
        "syncs/a.yml:14:15 EFF1101 unknown key `needles` [Did you mean `needed`?]\n"
        "syncs/a.yml:14:5 EFF1102 `needed` is missing [Put it there.]\n");
    bad("str:\n",
        "syncs/a.yml:1:1 EFF1103 `str` expects one value, found nothing\n"
        "syncs/a.yml:1:1 EFF1102 `in.needed` is missing (a dot stands for a nested mapping) "
        "[Put it there.]\n");
    bad("just text\n", "syncs/a.yml:1:1 EFF1103 expected a mapping, found text\n");
    bad("secret: [hush]\nin: {needed: ''}\n",
        "syncs/a.yml:1:9 EFF1103 `secret` expects one value, found a list\n"
        "syncs/a.yml:2:14 EFF1104 `in.needed` expects text, found \"\"\n");
}

static bool
url_ok(const char *url)
{
    struct fixture f;
    bool ok;

    fill_in(&f, "in: {needed: x}", true);
    struct eff_node node = {.kind = EFF_NODE_SCALAR, .text = eff_str_of(url)};
    ok = eff_option_read(&rows[2], &node, &f.config.url, &f.problems);
    if (!ok)
        assert_null(strstr(confworld_text(&f.arena, &f.problems), "passw0rd"));
    eff_arena_deinit(&f.arena);
    return ok;
}

static void
test_urls(void **state)
{
    (void)state;
    assert_true(url_ok("https://example.com"));
    assert_true(url_ok("http://127.0.0.1:8100/x"));
    assert_true(url_ok("http://[::1]:8100"));
    assert_true(url_ok("https://h?q=a@b"));
    assert_false(url_ok("https://"));
    assert_false(url_ok("https://:80"));
    assert_false(url_ok("https://h:0"));
    assert_false(url_ok("https://h:65536"));
    assert_false(url_ok("https://h:+80"));
    assert_false(url_ok("https://h:"));
    assert_false(url_ok("https://[::1"));
    assert_false(url_ok("https://[]"));
    assert_false(url_ok("https://[::1]x"));
    assert_false(url_ok("https://user:passw0rd@h/"));
    assert_false(url_ok("https://h/ x"));
    assert_false(url_ok("https://h\\@evil/"));
    assert_false(url_ok("https://h\n/"));
    assert_false(url_ok("HTTPS//h"));
    assert_false(url_ok("file:///etc/passwd"));
    assert_false(url_ok(""));
}

static void
test_texts(void **state)
{
    int64_t i = -1;
    double d = -1;

    (void)state;
    assert_true(eff_parse_size(EFF_STR("0"), &i) && i == 0);
    assert_true(eff_parse_size(EFF_STR("1gib"), &i) && i == INT64_C(1) << 30);
    assert_true(eff_parse_size(EFF_STR("9223372036854775807"), &i) && i == INT64_MAX);
    assert_false(eff_parse_size(EFF_STR("9223372036854775808"), &i));
    assert_false(eff_parse_size(EFF_STR("9000000000GiB"), &i));
    assert_false(eff_parse_size(EFF_STR("1M"), &i));
    assert_false(eff_parse_size(EFF_STR("-1"), &i));
    assert_false(eff_parse_size(EFF_STR("1MiB1MiB"), &i));
    assert_false(eff_parse_size(EFF_STR(""), &i));
    assert_true(eff_parse_time(EFF_STR("0"), &i) && i == 0);
    assert_true(eff_parse_time(EFF_STR("1h 30m"), &i) && i == 5400000);
    assert_true(eff_parse_time(EFF_STR("250ms"), &i) && i == 250);
    assert_false(eff_parse_time(EFF_STR("1y"), &i));
    assert_false(eff_parse_time(EFF_STR("h"), &i));
    assert_false(eff_parse_time(EFF_STR("99999999999999999w"), &i));
    assert_false(eff_parse_time(EFF_STR("9223372036854775807ms1ms"), &i));
    assert_true(eff_parse_percent(EFF_STR("100%"), &d) && d == 100);
    assert_true(eff_parse_percent(EFF_STR("0 %"), &d) && d == 0);
    assert_false(eff_parse_percent(EFF_STR("100.1%"), &d));
    assert_false(eff_parse_percent(EFF_STR("-1%"), &d));
    assert_false(eff_parse_percent(EFF_STR("%"), &d));
    assert_false(eff_parse_percent(EFF_STR("nan%"), &d));
    assert_false(eff_parse_percent(EFF_STR("1e99999%"), &d));
}

/* Thousands of mistakes cost no more than the bounded list. */
static void
test_many(void **state)
{
    struct fixture f;
    struct eff_buf buf = {0};

    (void)state;
    for (int i = 0; i < 20000; i++)
        eff_buf_addf(&buf, "k%d: x\n", i);
    eff_buf_add(&buf, EFF_STR("in: {needed: x}\n\0"));
    fill_in(&f, buf.ptr, true);
    assert_int_equal(f.problems.count, EFF_PROBLEMS_MAX);
    assert_int_equal(eff_problems_total(&f.problems), 20000);
    assert_true(f.arena.used < (size_t)32 << 20);
    eff_buf_free(&buf);
    eff_arena_deinit(&f.arena);
}

/* Control bytes of a file do not reach the terminal. */
static void
test_shown(void **state)
{
    (void)state;
    bad("\"\\e[31mstr\": 1\nin: {needed: x}\n",
        "syncs/a.yml:1:1 EFF1101 unknown key `\\x1b[31mstr` [Known keys: str, secret, url, path, num, "
        "any, size, time, flag, percent, choice, list, fallback, node, raw, in.]\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),    cmocka_unit_test(test_given),
        cmocka_unit_test(test_variables),   cmocka_unit_test(test_variable_problems),
        cmocka_unit_test(test_all_at_once), cmocka_unit_test(test_urls),
        cmocka_unit_test(test_texts),       cmocka_unit_test(test_many),
        cmocka_unit_test(test_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
