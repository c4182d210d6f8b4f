// links: base flow conf
/*
 * Goal: YAML becomes a tree whose places are those that an editor shows, and
 * whatever is not plain data is refused once, where it stands.
 * Method: small texts with known positions; a hundred hostile ones, of which
 * none may crash, hang or pass; sizes and depths on both sides of each bound.
 * covers: D7, S16
 */
#include "lib/confworld.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

struct fixture {
    struct eff_arena arena;
    struct eff_problems problems;
    const struct eff_node *documents;
    size_t count;
};

static void
start(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    eff_arena_init(&f->arena, "test", (size_t)512 << 20);
    f->problems.arena = &f->arena;
}

static void
stop(struct fixture *f)
{
    eff_arena_deinit(&f->arena);
}

static bool
parse(struct fixture *f, eff_str text)
{
    return eff_yaml_parse(text, EFF_STR("a.yml"), &f->arena, &f->count, &f->documents,
                          &f->problems);
}

static void
expect_place(const struct eff_node *node, int line, int column)
{
    assert_non_null(node);
    assert_int_equal(node->place.line, line);
    assert_int_equal(node->place.column, column);
}

/* Quotes of its own in a text in single quotes: what SQL in YAML is full of. */
static void
test_quotes_in_quotes(void **state)
{
    static const struct {
        const char *yaml, *text;
    } cases[] = {
        {"'a''b'", "a'b"},
        {"'a''''b'", "a''b"},
        {"''''''", "''"},
        {"'it''''s ''''x'''' y'", "it''s ''x'' y"},
        {"'coalesce(a, '''') <> ''x'' -- ${y}'", "coalesce(a, '') <> 'x' -- ${y}"},
        {"'a  ''''\n   b'", "a  '' b"},
        {"'a''''  \n\n  \n  b'''", "a''\n\nb'"},
        {"' ''''\r\n b '", " '' b "},
        {"'\xc3\xa4''''\xc3\xb6'", "\xc3\xa4''\xc3\xb6"},
        {"\"x \\\\\n  y \\\"\"", "x \\ y \""},
    };
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];

        start(&f);
        snprintf(text, sizeof text, "a: %s\nb: [%s, 1]\n", cases[i].yaml, cases[i].yaml);
        assert_true(parse(&f, eff_str_of(text)));
        assert_string_equal(eff_str_c(&f.arena, eff_node_get(f.documents, "a")->text),
                            cases[i].text);
        assert_string_equal(eff_str_c(&f.arena, eff_node_get(f.documents, "b")->values[0].text),
                            cases[i].text);
        assert_true(eff_node_get(f.documents, "a")->quoted);
        stop(&f);
    }
}

static void
test_places(void **state)
{
    struct fixture f;
    const struct eff_node *root, *list;

    (void)state;
    start(&f);
    assert_true(parse(&f, EFF_STR("name: acme\n"
                                  "\"k\":   'v w'\n"
                                  "sql: |\n"
                                  "    select 1\n"
                                  "    from t\n"
                                  "\xc3\xa4\xc3\xb6: {f: \xc3\xa9, g: [1, \"two\", [x]]}\n"
                                  "empty:\n"
                                  "block:\n"
                                  "  - x\n"
                                  "  - y: 1\n")));
    assert_int_equal(f.count, 1);
    root = &f.documents[0];
    assert_int_equal(root->kind, EFF_NODE_MAP);
    expect_place(root, 1, 1);
    expect_place(eff_node_get(root, "name"), 1, 7);
    expect_place(&root->keys[1], 2, 1);
    expect_place(eff_node_get(root, "k"), 2, 8);
    assert_true(eff_node_get(root, "k")->quoted);
    expect_place(eff_node_get(root, "sql"), 4, 5);
    assert_true(eff_str_is(eff_node_get(root, "sql")->text, "select 1\nfrom t\n"));
    expect_place(eff_node_get(root, "\xc3\xa4\xc3\xb6"), 6, 5); /* columns are characters */
    expect_place(eff_node_get(eff_node_get(root, "\xc3\xa4\xc3\xb6"), "f"), 6, 9);
    list = eff_node_get(eff_node_get(root, "\xc3\xa4\xc3\xb6"), "g");
    expect_place(list, 6, 15);
    expect_place(&list->values[1], 6, 19);
    expect_place(&list->values[2], 6, 26);
    assert_int_equal(eff_node_get(root, "empty")->kind, EFF_NODE_NULL);
    assert_int_equal(eff_node_get(root, "empty")->place.line, 7);
    list = eff_node_get(root, "block");
    expect_place(&list->values[0], 9, 5);
    expect_place(&list->values[1], 10, 5);
    assert_null(eff_node_get(root, "missing"));
    assert_null(eff_node_get(NULL, "missing"));
    assert_true(eff_node_is(eff_node_get(root, "name"), "acme"));
    assert_false(eff_node_is(eff_node_get(root, "empty"), ""));
    stop(&f);
}

static void
test_kinds(void **state)
{
    struct fixture f;
    const struct eff_node *list;

    (void)state;
    start(&f);
    assert_true(parse(&f, EFF_STR("[~, null, NULL, '', \"null\", Null, nUll, '~', x, {}, []]")));
    list = &f.documents[0];
    assert_int_equal(list->count, 11);
    assert_int_equal(list->values[0].kind, EFF_NODE_NULL);
    assert_int_equal(list->values[1].kind, EFF_NODE_NULL);
    assert_int_equal(list->values[2].kind, EFF_NODE_NULL);
    assert_int_equal(list->values[3].kind, EFF_NODE_SCALAR);
    assert_int_equal(list->values[4].kind, EFF_NODE_SCALAR);
    assert_int_equal(list->values[5].kind, EFF_NODE_NULL);
    assert_int_equal(list->values[6].kind, EFF_NODE_SCALAR);
    assert_int_equal(list->values[7].kind, EFF_NODE_SCALAR);
    assert_int_equal(list->values[9].kind, EFF_NODE_MAP);
    assert_int_equal(list->values[10].kind, EFF_NODE_LIST);
    assert_int_equal(list->values[10].count, 0);
    stop(&f);
}

static void
test_documents(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    assert_true(parse(&f, EFF_STR("a: 1\n---\nb: 2\n---\n# nothing\n---\n- c\n")));
    assert_int_equal(f.count, 4);
    expect_place(&f.documents[1], 3, 1);
    assert_int_equal(f.documents[2].kind, EFF_NODE_NULL);
    assert_int_equal(f.documents[3].kind, EFF_NODE_LIST);
    assert_true(parse(&f, EFF_STR("")));
    assert_int_equal(f.count, 0);
    assert_true(parse(&f, EFF_STR("# only a comment\n")));
    assert_true(f.count == 0 || f.documents[0].kind == EFF_NODE_NULL);
    assert_true(parse(&f, EFF_STR("\xEF\xBB\xBF"
                                  "a: 1\r\nb: 2\r\n")));
    expect_place(eff_node_get(&f.documents[0], "b"), 2, 4);
    assert_int_equal(f.problems.count, 0);
    stop(&f);
}

static void
test_offsets(void **state)
{
    struct fixture f;
    const struct eff_node *root;

    (void)state;
    start(&f);
    assert_true(parse(&f, EFF_STR("a: x\xc3\xa9y\nb: \"x\xc3\xa9y\"\nc: \"x\\ty\"\nd: |\n  x\n")));
    root = &f.documents[0];
    assert_int_equal(eff_node_place_at(eff_node_get(root, "a"), 3).column, 6);
    assert_int_equal(eff_node_place_at(eff_node_get(root, "b"), 3).column, 7);
    assert_int_equal(eff_node_place_at(eff_node_get(root, "c"), 2).column, 4); /* not known */
    assert_int_equal(eff_node_place_at(eff_node_get(root, "d"), 1).column, 3);
    stop(&f);
}

static void
expect(const char *text, const char *problems)
{
    struct fixture f;

    start(&f);
    assert_false(parse(&f, eff_str_of(text)));
    assert_true(confworld_same(&f.arena, &f.problems, problems));
    stop(&f);
}

static bool
parse_aliased(struct fixture *f, eff_str text)
{
    return eff_yaml_parse_aliased(text, EFF_STR("a.yml"), &f->arena, &f->count, &f->documents,
                                  &f->problems);
}

static void
expect_aliased(const char *text, const char *problems)
{
    struct fixture f;

    start(&f);
    assert_false(parse_aliased(&f, eff_str_of(text)));
    assert_true(confworld_same(&f.arena, &f.problems, problems));
    stop(&f);
}

static void
test_aliases_in_files_of_others(void **state)
{
    struct fixture f;
    const struct eff_node *root, *map;

    (void)state;
    start(&f);
    assert_true(parse_aliased(&f, EFF_STR("a: &x {k: 1, l: &l [2, 3]}\n"
                                          "b: *x\n"
                                          "c:\n"
                                          "  <<: [*x, {k: 9, m: 4}]\n"
                                          "  l: *l\n"
                                          "  n: &x 5\n"
                                          "d: *x\n"
                                          "e: {\"<<\": 6}\n"
                                          "---\n"
                                          "x\n")));
    root = &f.documents[0];
    assert_int_equal(root->count, 5);
    assert_true(eff_node_is(eff_node_get(eff_node_get(root, "b"), "k"), "1"));
    expect_place(eff_node_get(eff_node_get(root, "b"), "k"), 1, 11);
    map = eff_node_get(root, "c");
    expect_place(map, 4, 3);
    assert_int_equal(map->count, 4);
    assert_true(eff_node_is(eff_node_get(map, "k"), "1"));
    assert_true(eff_node_is(eff_node_get(map, "m"), "4"));
    assert_int_equal(eff_node_get(map, "l")->count, 2);
    assert_true(eff_node_is(eff_node_get(root, "d"), "5")); /* the last one of that name */
    assert_true(eff_node_is(eff_node_get(eff_node_get(root, "e"), "<<"), "6"));
    stop(&f);
    expect_aliased("a: *b\nb: &b 1\n",
                   "a.yml:1:4 EFF1003 YAML: no anchor `b` stands before this alias\n");
    expect_aliased("a: &a [*a]\n",
                   "a.yml:1:8 EFF1003 YAML: no anchor `a` stands before this alias\n");
    expect_aliased("- &a 1\n---\n- *a\n",
                   "a.yml:3:3 EFF1003 YAML: no anchor `a` stands before this alias\n");
    expect_aliased("a: {<<: x}\n", "a.yml:1:9 EFF1003 YAML: a merge key (<<) takes a mapping or a "
                                   "list of them, found text\n");
    expect_aliased("a: !t 1\n", "a.yml:1:4 EFF1004 YAML tags (!type) are not supported [Leave the "
                                "tag out, or quote the text.]\n");
}

/* Each line is ten of the line before it: in nodes, in levels, and in keys. */
static void
test_bombs_of_aliases(void **state)
{
    struct fixture f;
    struct eff_buf text = {0};

    (void)state;
    start(&f);
    eff_buf_add(&text, EFF_STR("a0: &a0 1\n"));
    for (int i = 1; i < 9; i++)
        eff_buf_addf(&text,
                     "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i,
                     i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    assert_false(parse_aliased(&f, eff_buf_str(&text)));
    assert_non_null(
        strstr(eff_str_c(&f.arena, f.problems.at[0].message), "more than 200000 values"));
    assert_true(f.arena.used < (size_t)64 << 20);
    stop(&f);
    start(&f);
    eff_buf_reset(&text);
    eff_buf_add(&text, EFF_STR("a0: &a0 1\n"));
    for (int i = 1; i < 40; i++)
        eff_buf_addf(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    assert_false(parse_aliased(&f, eff_buf_str(&text)));
    assert_non_null(
        strstr(eff_str_c(&f.arena, f.problems.at[0].message), "nested deeper than 32 levels"));
    assert_int_equal(f.problems.at[0].place.line, 33);
    stop(&f);
    start(&f);
    eff_buf_reset(&text);
    eff_buf_add(&text, EFF_STR("a: &a\n"));
    for (int i = 0; i < 600; i++)
        eff_buf_addf(&text, "  k%d: 1\n", i);
    eff_buf_add(&text, EFF_STR("b: {<<: [*a, *a]}\n"));
    assert_false(parse_aliased(&f, eff_buf_str(&text)));
    assert_non_null(strstr(eff_str_c(&f.arena, f.problems.at[0].message),
                           "more than 1000 keys that are merged"));
    stop(&f);
    start(&f);
    eff_buf_reset(&text);
    for (int i = 0; i < 1001; i++)
        eff_buf_addf(&text, "- &a%d 1\n", i);
    assert_false(parse_aliased(&f, eff_buf_str(&text)));
    assert_non_null(
        strstr(eff_str_c(&f.arena, f.problems.at[0].message), "more than 1000 anchors"));
    stop(&f);
    eff_buf_free(&text);
}

static void
test_refusals(void **state)
{
    (void)state;
    expect("a: 1\nb: 2\n\"a\": 3\na: 4\n",
           "a.yml:3:1 EFF1005 `a` is there twice [Remove one of the two.]\n"
           "a.yml:4:1 EFF1005 `a` is there twice [Remove one of the two.]\n");
    expect("a: &x 1\nb: *x\n",
           "a.yml:1:5 EFF1004 YAML anchors (&name) are not supported [Write the value where it is "
           "used, or quote the text.]\n"
           "a.yml:2:4 EFF1004 YAML aliases (*name) are not supported [Write the value where it is "
           "used, or quote the text.]\n");
    expect("a: \"x\\\n  y\"\n",
           "a.yml:1:5 EFF1004 YAML escaped line breaks (\\ at the end of a line) are not supported "
           "[Write the text in one line, or as a block (| or >).]\n");
    expect("a: !!str 1\n", "a.yml:1:4 EFF1004 YAML tags (!type) are not supported [Leave the tag "
                           "out, or quote the text.]\n");
    expect(
        "%YAML 1.1\n---\na: 1\n",
        "a.yml:1:1 EFF1004 YAML directives (%YAML, %TAG) are not supported [Remove the line that "
        "starts with %.]\n");
    expect("a:\n  <<: {b: 1}\n", "a.yml:2:3 EFF1004 YAML merge keys (<<) are not supported [Write "
                                 "the values where they are used.]\n");
    expect("? [a]\n: b\n", "a.yml:1:3 EFF1003 a key must be text, not a list [Quote the key.]\n");
    expect("a: \"x\\0y\"\n", "a.yml:1:4 EFF1002 an escape stands for a character that no text may "
                             "hold [Remove the escape.]\n");
    expect("a: b\n  c: [\n", "a.yml:1:4 EFF1003 YAML: invalid multiline plain key\n");
    expect("a:\n\t- b\n", "a.yml:2:1 EFF1003 YAML: tab character may not be used as indentation\n");
    expect("ok: 1\nb: x\xff\n",
           "a.yml:2:5 EFF1002 byte 0xff is not UTF-8 [Save the file as UTF-8.]\n");
    expect("a: \x1b[31m\n",
           "a.yml:1:4 EFF1002 the invisible character U+001B is not allowed [Remove "
           "it, or write it in double quotes as \\uNNNN.]\n");
    expect("a: \xe2\x80\xae"
           "b\n",
           "a.yml:1:4 EFF1002 the invisible character U+202E is not allowed "
           "[Remove it, or write it in double quotes as \\uNNNN.]\n");
}

static bool
nested(size_t depth)
{
    struct fixture f;
    struct eff_buf buf = {0};
    bool ok;

    start(&f);
    for (size_t i = 0; i < depth; i++)
        eff_buf_add_char(&buf, '[');
    for (size_t i = 0; i < depth; i++)
        eff_buf_add_char(&buf, ']');
    ok = parse(&f, eff_buf_str(&buf));
    assert_int_equal(f.problems.count, ok ? 0 : 1);
    eff_buf_free(&buf);
    stop(&f);
    return ok;
}

static bool
listed(const char *item, size_t count)
{
    struct fixture f;
    struct eff_buf buf = {0};
    bool ok;

    start(&f);
    for (size_t i = 0; i < count; i++)
        eff_buf_add(&buf, eff_str_of(item));
    ok = parse(&f, eff_buf_str(&buf));
    assert_int_equal(f.problems.count, ok ? 0 : 1);
    eff_buf_free(&buf);
    stop(&f);
    return ok;
}

static void
test_bounds(void **state)
{
    (void)state;
    assert_true(nested(32));
    assert_false(nested(33));
    assert_false(nested(70));
    assert_false(nested(100000));
    assert_true(listed("- a\n", EFF_YAML_NODES_MAX - 1));
    assert_false(listed("- a\n", EFF_YAML_NODES_MAX));
    assert_true(listed("#\n", EFF_YAML_BYTES_MAX / 2));
    assert_false(listed("#\n", EFF_YAML_BYTES_MAX / 2 + 1));
}

/* None of these is data that somebody could have meant; each is one to a few problems. */
static const char *const hostile[] = {
    "[",
    "]",
    "{",
    "}",
    "{a",
    "{a:",
    "[a",
    "[[]",
    "{{}}",
    "{[]: 1}",
    "a: b: c",
    "a: [}",
    "a: {]",
    "- a\nb",
    "a\nb: c",
    "a:\n - b\n c: d",
    "'",
    "\"",
    "\"\\",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\ud800\"",
    "\"\\U00110000\"",
    "\"\\uFFFF",
    "'a''",
    "a: 'b\nc: d",
    "a: \"b\nc: d",
    "&",
    "*",
    "&a",
    "*a",
    "&a *a",
    "&a [*a]",
    "a: &a\nb: *a",
    "- &a [x]\n- *a",
    "&a {x: *a}",
    "*a : b",
    "!a b",
    "!!map {}",
    "!<tag:x> a",
    "!",
    "!! a",
    "!a!b c",
    "%",
    "%YAML",
    "%YAML 9.9\n---\na",
    "%TAG ! x\n---\na",
    "%TAG",
    "%FOO\na",
    "a: |9\n b",
    "a: |x\n b",
    "a: >+-\n b",
    "a: |\n\tb\nc: [",
    "@a",
    "`a`",
    "a: @b",
    "a: `b`",
    "a: %b",
    "\ta: b",
    "a:\n\tb: c",
    "a: 1\n\tb: 2",
    "- a\n - b\n- c\n d: e",
    "a: 1\n b: 2",
    "  a: 1\n b: 2",
    "a: 1\na: 2",
    "{a: 1, a: 2}",
    "{a: 1, \"a\": 2}",
    "a: {b: 1, b: 2}",
    "? a\n? a",
    "? {a: 1}\n: b",
    "? [a]\n: b",
    "? - a\n: b",
    "<<: {a: 1}",
    "<<: *a",
    "a: {<<: [1]}",
    "[a, b: c, d: e",
    "[,]",
    "[a,,b]",
    "{,}",
    "{a,,b}",
    "--- a\n--- [",
    "... \na: [",
    "--- |\n%a\n---\n[",
    "a: b\n... x",
    "---\n---\n[",
    "\x01",
    "a: \x02",
    "\x7f",
    "a\xc2\x80",
    "\xff",
    "\xfe\xff",
    "\xc0\x80",
    "\xed\xa0\x80",
    "\xf4\x90\x80\x80",
    "\xe2\x80\xa8",
    "a: \xe2\x81\xa6",
    "\xef\xbf\xbe",
    "\xc3",
    "%%\xa7%",
    "a: \xef\xbb\xbf",
    "\"\\0\"",
    "'\\0\x01'",
    "a: \"\\x00\"",
    "? &a\n: *a",
    "- !!binary =\n",
    "!!python/object/apply:os.system [x]",
    "a: !include /etc/passwd",
    "*",
    "- *\n",
    "{*a: b}",
    "[&a]",
    "a: [&b c, *b, *b]",
    "- - - - [\n",
    "x: {y: [z: {]}",
    "\"a\" \"b\"",
    "'a' b",
    "[a] b",
    "{a: b} c",
};

static void
test_hostile(void **state)
{
    size_t count = sizeof hostile / sizeof hostile[0];
    size_t accepted = 0;
    clock_t began = clock();

    (void)state;
    assert_true(count >= 100);
    for (size_t i = 0; i < count; i++) {
        struct fixture f;
        start(&f);
        if (parse(&f, eff_str_of(hostile[i]))) {
            print_error("hostile text %zu was accepted: %s\n", i, hostile[i]);
            accepted++;
        }
        assert_true(f.problems.count <= 4);
        for (size_t j = 0; j < f.problems.count; j++) {
            assert_true(f.problems.at[j].place.line >= 1);
            assert_true(f.problems.at[j].place.column >= 1);
            assert_true(f.problems.at[j].message.len > 0);
        }
        stop(&f);
    }
    assert_int_equal(accepted, 0);
    assert_true(clock() - began < 20 * CLOCKS_PER_SEC);
}

/* Cut anywhere, a real file is refused or read, and never more than was there. */
static void
test_cut(void **state)
{
    static const char text[] = "name: acme\nsources: {shop: {type: sqlite, path: 'a b.db'}}\n"
                               "---\nsync: x\nsql: |\n  select 1\nfields:\n  - a\n  - \"b\\n\"\n";

    (void)state;
    for (size_t len = 0; len < sizeof text; len++) {
        struct fixture f;
        char *copy = malloc(len + 1); /* its own block, so that a read behind it is seen */
        assert_non_null(copy);
        memcpy(copy, text, len);
        start(&f);
        assert_true(parse(&f, (eff_str){copy, len}) == (f.problems.count == 0));
        stop(&f);
        free(copy);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_quotes_in_quotes),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_aliases_in_files_of_others),
        cmocka_unit_test(test_bombs_of_aliases),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
