/*
 * Goal: a document of any size is walked and skipped in one pass, whatever pieces it comes
 * in; what is walked into must be JSON, what is kept is what eff_json_parse makes of it, and
 * a document that ends anywhere is told as such.
 * Method: the same walk over pieces of 1, 2, 3 ... bytes; every prefix of a document; random
 * documents walked by the scanner and by the DOM at once; strings with runs of backslashes;
 * a source that fails at each of its calls.
 */
// links: base
#include "base/scan.h"
#include "lib/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct eff_arena arena;
static struct eff_err err;

static size_t fails_at; /* so many calls until the source fails; 0: it does not */

struct pieces {
    eff_str rest;
    size_t most;
};

static enum eff_fault
pieces_fill(void *self, char *ptr, size_t cap, size_t *ret_len, struct eff_err *fill_err)
{
    struct pieces *pieces = self;
    size_t len = pieces->rest.len < pieces->most ? pieces->rest.len : pieces->most;

    if (fails_at > 0 && --fails_at == 0)
        return EFF_FAIL(fill_err, EFF_TRANSIENT, "the line is cut");
    len = len < cap ? len : cap;
    memcpy(ptr, pieces->rest.ptr, len);
    pieces->rest = eff_str_sub(pieces->rest, len, SIZE_MAX);
    *ret_len = len;
    return EFF_OK;
}

static enum eff_fault
walk_list(struct eff_scan *scan, struct eff_buf *out)
{
    bool there, more = true;

    EFF_TRY(eff_scan_array(scan, &there, &err));
    eff_buf_add(out, there ? EFF_STR("[") : EFF_STR("null"));
    for (bool first = true; there; first = false) {
        const struct eff_json *value;

        EFF_TRY(eff_scan_item(scan, &more, &err));
        if (!more)
            break;
        eff_buf_addf(out, "%s", first ? "" : ",");
        EFF_TRY(eff_scan_value(scan, 1 << 20, &arena, &value, &err));
        eff_json_print(out, value, false);
    }
    if (there)
        eff_buf_add_char(out, ']');
    return EFF_OK;
}

/* The document again, as compact JSON: objects are walked, `skip` is skipped, the rest kept. */
static enum eff_fault
walk(struct eff_scan *scan, struct eff_buf *out)
{
    bool there, more = true, first = true;
    eff_str key;

    EFF_TRY(eff_scan_object(scan, &there, &err));
    if (!there) {
        eff_buf_add(out, EFF_STR("null"));
        return EFF_OK;
    }
    eff_buf_add_char(out, '{');
    while (more) {
        const struct eff_json *value;
        EFF_TRY(eff_scan_key(scan, &key, &more, &err));
        if (!more)
            break;
        if (eff_str_is(key, "skip")) {
            EFF_TRY(eff_scan_skip(scan, &err));
            continue;
        }
        eff_buf_addf(out, "%s\"" EFF_STR_FMT "\":", first ? "" : ",", EFF_STR_ARG(key));
        first = false;
        if (eff_str_is(key, "walk")) {
            EFF_TRY(walk(scan, out));
            continue;
        }
        if (eff_str_is(key, "list")) {
            EFF_TRY(walk_list(scan, out));
            continue;
        }
        EFF_TRY(eff_scan_value(scan, 1 << 20, &arena, &value, &err));
        eff_json_print(out, value, false);
    }
    eff_buf_add_char(out, '}');
    return EFF_OK;
}

static enum eff_fault
walk_all(eff_str text, size_t most, struct eff_buf *out)
{
    struct pieces pieces = {text, most};
    struct eff_scan scan;
    enum eff_fault fault;

    memset(&err, 0, sizeof err);
    eff_buf_reset(out);
    eff_arena_reset(&arena);
    eff_scan_open(&scan, pieces_fill, &pieces);
    fault = walk(&scan, out);
    if (fault == EFF_OK)
        fault = eff_scan_end(&scan, &err);
    eff_scan_close(&scan);
    return fault;
}

static const char document[] =
    " {\"a\" : 1e-3, \"skip\":{\"x\":[1,\"}\\\"]\",{}],\"y\":\"\\\\\\\\\"}, \"walk\" : "
    "{\"skip\":\"\\\\\\\"{\",\"b\":[\"\\\\\",true,null,\"\\u00e9\"],\"walk\":null,\"skip\":-1.5}\n,"
    "\"walk\":{},\"c\":\"\",\"skip\":[[[[]]]],\"skip\":false,\t\"list\":[1 , [2],\r{}],\"list\":[ ],"
    "\"list\":null } \n";
static const char walked[] =
    "{\"a\":1e-3,\"walk\":{\"b\":[\"\\\\\",true,null,\"\xc3\xa9\"],"
    "\"walk\":null},\"walk\":{},\"c\":\"\",\"list\":[1,[2],{}],\"list\":[],"
    "\"list\":null}";

static void
any_pieces_give_the_same(void **state)
{
    struct eff_buf out = {0};

    (void)state;
    for (size_t most = 1; most < sizeof document; most++) {
        assert_int_equal(walk_all(eff_str_of(document), most, &out), EFF_OK);
        if (!eff_str_is(eff_buf_str(&out), walked))
            fail_msg("pieces of %zu: " EFF_STR_FMT, most, EFF_STR_ARG(eff_buf_str(&out)));
    }
    eff_buf_free(&out);
}

static void
every_prefix_ends_in_the_middle(void **state)
{
    struct eff_buf out = {0};
    size_t whole = strlen(document) - 2; /* without the blanks at the end */

    (void)state;
    for (size_t len = 0; len < whole; len++) {
        assert_int_equal(walk_all((eff_str){document, len}, 7, &out), EFF_CONFIG);
        if (strstr(err.msg, "ends in the middle") == NULL &&
            strstr(err.msg, "is not JSON at byte") == NULL)
            fail_msg("prefix of %zu bytes: %s", len, err.msg);
    }
    eff_buf_free(&out);
}

static void
what_is_no_json_is_told_with_its_byte(void **state)
{
    static const struct {
        const char *text, *told;
    } rows[] = {
        {"[1]", "is not JSON at byte 1: expected an object, found \"[\""},
        {"{\"a\" 1}", "is not JSON at byte 6: expected \":\", found \"1\""},
        {"{a:1}", "is not JSON at byte 2: expected a key, found \"a\""},
        {"{\"a\":1 \"b\":2}", "is not JSON at byte 8: expected \",\" or \"}\", found \"\"\""},
        {"{\"skip\":[1}", "is not JSON at byte 11: expected \"]\", found \"}\""},
        {"{\"skip\":}", "is not JSON at byte 9: expected a value, found \"}\""},
        {"{\"a\":1}}", "is not JSON at byte 8: expected the end, found \"}\""},
        {"{\"list\":{}}", "is not JSON at byte 9: expected an array, found \"{\""},
        {"{\"list\":[1 2]}", "is not JSON at byte 12: expected \",\" or \"]\", found \"2\""},
        {"{\"skip\":{1]}", "is not JSON at byte 11: expected \"}\", found \"]\""},
        {"{\"a\":\"\\ud800\"}", "is not JSON at byte 13: no low surrogate in string"},
        {"", "ends in the middle, at byte 1: expected an object"},
    };
    struct eff_buf out = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(walk_all(eff_str_of(rows[i].text), 3, &out), EFF_CONFIG);
        assert_string_equal(err.msg, rows[i].told);
    }
    eff_buf_free(&out);
}

static void
a_source_that_fails_is_passed_on(void **state)
{
    struct eff_buf out = {0};

    (void)state;
    for (size_t at = 1;; at++) {
        enum eff_fault fault;

        fails_at = at;
        fault = walk_all(eff_str_of(document), 1, &out);
        if (fails_at > 0)
            break;
        assert_int_equal(fault, EFF_TRANSIENT);
        assert_non_null(strstr(err.msg, "the line is cut"));
    }
    fails_at = 0;
    eff_buf_free(&out);
}

static void
nesting_and_sizes_have_bounds(void **state)
{
    char deep[200];
    struct eff_buf out = {0}, big = {0};

    (void)state;
    snprintf(deep, sizeof deep, "{\"skip\":%.*s1", EFF_JSON_DEPTH_MAX + 1,
             "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[");
    assert_int_equal(walk_all(eff_str_of(deep), 64, &out), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "nested more than 64 deep"));
    for (int i = 0; i < 100; i++)
        eff_buf_add(&big, EFF_STR("{\"walk\":"));
    assert_int_equal(walk_all(eff_buf_str(&big), 64, &out), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "nested more than 64 deep"));
    eff_buf_reset(&big);
    eff_buf_add(&big, EFF_STR("{\""));
    for (int i = 0; i < 300000; i++)
        eff_buf_add(&big, EFF_STR("key"));
    assert_int_equal(walk_all(eff_buf_str(&big), SIZE_MAX, &out), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "ends in the middle"));
    eff_buf_add(&big, EFF_STR("\":1}"));
    assert_int_equal(walk_all(eff_buf_str(&big), SIZE_MAX, &out), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "has a value of more than"));
    eff_buf_reset(&big);
    eff_buf_add(&big, EFF_STR("{\"a\":\""));
    for (int i = 0; i < 300000; i++)
        eff_buf_add(&big, EFF_STR("\\\\\\\""));
    eff_buf_add(&big, EFF_STR("\"}"));
    assert_int_equal(walk_all(eff_buf_str(&big), SIZE_MAX, &out), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "a value of more than 1048576 bytes"));
    eff_buf_reset(&big);
    eff_buf_add(&big, EFF_STR("{\"skip\":\""));
    for (int i = 0; i < 300000; i++)
        eff_buf_add(&big, EFF_STR("\\\\\\\""));
    eff_buf_add(&big, EFF_STR("\", \"a\": 7}"));
    assert_int_equal(walk_all(eff_buf_str(&big), SIZE_MAX, &out), EFF_OK);
    assert_true(eff_str_is(eff_buf_str(&out), "{\"a\":7}"));
    eff_buf_free(&big);
    eff_buf_free(&out);
}

/* A large value among small ones: each is what it is, and the room for it is given back. */
static void
large_values_leave_nothing(void **state)
{
    struct eff_buf text = {0};
    struct pieces pieces;
    struct eff_scan scan;
    bool there, more;

    (void)state;
    eff_buf_add(&text, EFF_STR("[1,\""));
    for (int i = 0; i < 200000; i++)
        eff_buf_add_char(&text, 'x');
    eff_buf_add(&text, EFF_STR("\",[2]]"));
    pieces = (struct pieces){eff_buf_str(&text), SIZE_MAX};
    eff_scan_open(&scan, pieces_fill, &pieces);
    assert_int_equal(eff_scan_array(&scan, &there, &err), EFF_OK);
    for (int i = 0; i < 3; i++) {
        const struct eff_json *value;

        assert_int_equal(eff_scan_item(&scan, &more, &err), EFF_OK);
        assert_true(more);
        assert_int_equal(eff_scan_value(&scan, 1 << 20, &arena, &value, &err), EFF_OK);
        assert_int_equal(i == 2 ? eff_json_count(value) : eff_json_str(value).len,
                         i == 1 ? 200000 : 1);
        assert_int_equal(scan.kept.cap > 200000, i == 1);
    }
    eff_scan_close(&scan);
    eff_buf_free(&text);
}

/* ---- random documents ---- */

static void
random_value(uint64_t *random, struct eff_buf *buf, unsigned depth)
{
    static const char *const plain[] = {"1",        "-2.5e7",   "true",   "null",
                                        "\"\\\\\"", "\"\\\"\"", "\"}{\"", "\"\""};
    unsigned kind = random_below(random, depth > 4 ? 8 : 10);

    if (kind < 8) {
        eff_buf_add(buf, eff_str_of(plain[kind]));
        return;
    }
    eff_buf_add_char(buf, kind == 8 ? '[' : '{');
    for (unsigned i = 0, n = random_below(random, 5); i < n; i++) {
        eff_buf_add(buf, i > 0 ? EFF_STR(" ,") : EFF_STR(" "));
        if (kind == 9)
            eff_buf_addf(buf, "\"%s%d\":", random_below(random, 2) ? "k\\\"" : "k", (int)i);
        random_value(random, buf, depth + 1);
    }
    eff_buf_add_char(buf, kind == 8 ? ']' : '}');
}

static void
random_documents_are_kept_as_they_are(void **state)
{
    uint64_t random = 7;
    struct eff_buf text = {0}, out = {0}, expected = {0};

    (void)state;
    for (int round = 0; round < 3000; round++) {
        const struct eff_json *root;
        eff_buf_reset(&text);
        eff_buf_add(&text, EFF_STR("{\"a\":"));
        random_value(&random, &text, 0);
        eff_buf_add(&text, EFF_STR(",\"skip\":"));
        random_value(&random, &text, 0);
        eff_buf_add(&text, EFF_STR(",\"b\":"));
        random_value(&random, &text, 0);
        eff_buf_add_char(&text, '}');
        assert_int_equal(walk_all(eff_buf_str(&text), 1 + random_below(&random, 9), &out), EFF_OK);
        eff_buf_reset(&expected);
        assert_int_equal(eff_json_parse(eff_buf_str(&text), &arena, &root, &err), EFF_OK);
        eff_buf_add(&expected, EFF_STR("{\"a\":"));
        eff_json_print(&expected, eff_json_get(root, EFF_STR("a")), false);
        eff_buf_add(&expected, EFF_STR(",\"b\":"));
        eff_json_print(&expected, eff_json_get(root, EFF_STR("b")), false);
        eff_buf_add_char(&expected, '}');
        assert_true(eff_str_eq(eff_buf_str(&out), eff_buf_str(&expected)));
    }
    eff_buf_free(&text);
    eff_buf_free(&out);
    eff_buf_free(&expected);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_pieces_give_the_same),
        cmocka_unit_test(every_prefix_ends_in_the_middle),
        cmocka_unit_test(what_is_no_json_is_told_with_its_byte),
        cmocka_unit_test(a_source_that_fails_is_passed_on),
        cmocka_unit_test(nesting_and_sizes_have_bounds),
        cmocka_unit_test(large_values_leave_nothing),
        cmocka_unit_test(random_documents_are_kept_as_they_are),
    };
    int failed;

    eff_arena_init(&arena, "test", (size_t)1 << 30);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eff_arena_deinit(&arena);
    return failed;
}
