/*
 * Goal: JSON goes in and out without losing a digit or a byte; what is not
 * strict JSON, repeats a key, nests too deep or does not fit is refused, with
 * the place, and leaves the arena as it was.
 * Method: tables; every prefix and thousands of damaged copies of a document;
 * every budget too small for it; random documents written, read and printed.
 * covers: D7, S16
 */
// links: base
#include "base/json.h"
#include "lib/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define S(lit) EFF_STR(lit)

static struct eff_arena arena;
static struct eff_err err;

static int
setup(void **state)
{
    (void)state;
    eff_arena_init(&arena, "test", (size_t)1 << 30);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    eff_arena_deinit(&arena);
    return 0;
}

static const struct eff_json *
parse(eff_str text)
{
    const struct eff_json *root = NULL;
    char *exact = malloc(text.len + 1); // not one byte more than the text

    if (text.len > 0)
        memcpy(exact + 1, text.ptr, text.len);
    if (eff_json_parse((eff_str){exact + 1, text.len}, &arena, &root, &err) != EFF_OK)
        root = NULL;
    free(exact); // and nothing points into it
    return root;
}

static void
assert_str(eff_str got, const char *expected)
{
    if (!eff_str_is(got, expected))
        fail_msg("got <" EFF_STR_FMT ">, expected <%s>", EFF_STR_ARG(got), expected);
}

static void
assert_prints(const char *text, bool sorted, const char *expected)
{
    struct eff_buf buf = {0};

    eff_json_print(&buf, parse(eff_str_of(text)), sorted);
    assert_str(eff_buf_str(&buf), expected);
    eff_buf_free(&buf);
}

static void
test_types(void **state)
{
    const struct eff_json *root =
        parse(S(" {\"n\":null,\"t\":true,\"f\":false,\"i\":-12,\"s\":\"a\\u0000\\ud83d\\ude00\\n\","
                "\"a\":[1,[],{}],\"o\":{\"x\":1}}\r\n\t"));
    int64_t value = 0;

    (void)state;
    assert_non_null(root);
    assert_int_equal(eff_json_type(root), EFF_JSON_OBJECT);
    assert_int_equal(eff_json_count(root), 7);
    assert_int_equal(eff_json_type(eff_json_get(root, S("n"))), EFF_JSON_NULL);
    assert_null(eff_json_str(eff_json_get(root, S("n"))).ptr);
    assert_true(eff_json_bool(eff_json_get(root, S("t"))));
    assert_false(eff_json_bool(eff_json_get(root, S("f"))));
    assert_false(eff_json_bool(eff_json_get(root, S("i"))));
    assert_str(eff_json_str(eff_json_get(root, S("t"))), "true");
    assert_str(eff_json_str(eff_json_get(root, S("f"))), "false");
    assert_int_equal(eff_json_type(eff_json_get(root, S("i"))), EFF_JSON_NUMBER);
    assert_str(eff_json_str(eff_json_get(root, S("i"))), "-12");
    assert_true(eff_json_int(eff_json_get(root, S("i")), &value));
    assert_int_equal(value, -12);
    assert_true(eff_str_eq(eff_json_str(eff_json_get(root, S("s"))), S("a\0\xf0\x9f\x98\x80\n")));
    assert_null(eff_json_str(root).ptr);
    assert_int_equal(eff_json_count(eff_json_get(root, S("a"))), 3);
    assert_int_equal(eff_json_type(eff_json_at(eff_json_get(root, S("a")), 1)), EFF_JSON_ARRAY);
    assert_int_equal(eff_json_type(eff_json_at(eff_json_get(root, S("a")), 2)), EFF_JSON_OBJECT);
    assert_null(eff_json_at(eff_json_get(root, S("a")), 3));
    assert_null(eff_json_at(root, 0)); // an object has no positions
    assert_null(eff_json_get(eff_json_get(root, S("a")), S("x")));
    assert_null(eff_json_get(root, S("none")));
    assert_null(eff_json_get(root, EFF_STR_NONE));
}

static void
test_absent(void **state)
{
    struct eff_json_iter iter = eff_json_iterate(NULL);
    const struct eff_json *value = NULL;
    int64_t number = 7;

    (void)state;
    assert_int_equal(eff_json_type(NULL), 0);
    assert_null(eff_json_get(NULL, S("a")));
    assert_null(eff_json_at(NULL, 0));
    assert_null(eff_json_pointer(NULL, S("")));
    assert_null(eff_json_pointer(NULL, S("/a")));
    assert_int_equal(eff_json_count(NULL), 0);
    assert_false(eff_json_bool(NULL));
    assert_null(eff_json_str(NULL).ptr);
    assert_false(eff_json_int(NULL, &number));
    assert_int_equal(number, 7);
    assert_false(eff_json_next(&iter, NULL, &value));
}

static void
test_numbers_stay_text(void **state)
{
    static const char *const same[] = {"12345678901234567890123456789012345678901234567890",
                                       "0.10",
                                       "-0",
                                       "1E400",
                                       "1.000000000000000000000000000000000000001",
                                       "9223372036854775808",
                                       "1e-9999999999"};
    static const struct {
        const char *text;
        int64_t value;
    } ints[] = {{"0", 0},
                {"-0", 0},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN},
                {"1e2", 100},
                {"100.0", 100},
                {"1.5e1", 15},
                {"922337203685477580.7E1", INT64_MAX}};
    static const char *const no_ints[] = {
        "9223372036854775808", "1.5", "1e19", "1e-1", "\"1\"", "true", "null", "[1]",
        "1e999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        assert_str(eff_json_str(parse(eff_str_of(same[i]))), same[i]);
        assert_prints(same[i], false, same[i]);
    }
    for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
        int64_t value = 7;

        assert_true(eff_json_int(parse(eff_str_of(ints[i].text)), &value));
        assert_true(value == ints[i].value);
    }
    for (size_t i = 0; i < sizeof(no_ints) / sizeof(no_ints[0]); i++) {
        int64_t value = 7;

        assert_non_null(parse(eff_str_of(no_ints[i])));
        assert_false(eff_json_int(parse(eff_str_of(no_ints[i])), &value));
        assert_int_equal(value, 7);
    }
}

static void
test_refused(void **state)
{
    static const struct {
        const char *text, *where; /* the start of the message */
    } cases[] = {
        {"", "line 1 column 1: the text is empty"},
        {" \n ", "line 1 column 1: "},
        {"{", "line 1 column 2: "},
        {"[1,\n2,\n]", "line 2 column 2: "},
        {"[1 2]", "line 1 column 4: "},
        {"{\"a\" 1}", "line 1 column 6: "},
        {"{a:1}", "line 1 column 2: "},
        {"{'a':1}", "line 1 column 2: "},
        {"[1,]", "line 1 column 3: "},
        {"[NaN]", "line 1 column 2: "},
        {"[Infinity]", "line 1 column 2: "},
        {"[+1]", "line 1 column 2: "},
        {"[01]", "line 1 column "},
        {"[1.]", "line 1 column "},
        {"[.5]", "line 1 column 2: "},
        {"[-]", "line 1 column "},
        {"[0x1]", "line 1 column "},
        {"tru", "line 1 column "},
        {"1 1", "line 1 column 3: "},
        {"{}{}", "line 1 column 3: "},
        {"// a\n1", "line 1 column 1: "},
        {"\xef\xbb\xbf{}", "line 1 column 1: "},
        {"\"a\nb\"", "line 1 column 3: "},
        {"\"\\x\"", "line 1 column "},
        {"\"\\ud800\"", "line 1 column "},
        {"\"\\udc00\"", "line 1 column "},
        {"\"\xff\"", "line 1 column 2: "},
        {"\"\xc0\x80\"", "line 1 column 2: "},
        {"\"\xed\xa0\x80\"", "line 1 column 2: "},
        {"[\"ä\", x]", "line 1 column 7: "}, // characters are counted, not bytes
        {"{\"a\":1,\n \"b\":[{\"c\":1,\"c\":2}]}",
         "line 2 column 14: the key \"c\" occurs twice in one object"},
        {"{\"a\":1,\"\\u0061\":1}", "line 1 column 8: the key \"a\" occurs twice"},
        {"{\"\":1,\"\":1}", "line 1 column 7: the key \"\" occurs twice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t used = arena.used;

        err = (struct eff_err){0};
        assert_null(parse(eff_str_of(cases[i].text)));
        assert_int_equal(err.fault, EFF_ROW);
        if (!eff_str_starts(eff_str_of(err.msg), eff_str_of(cases[i].where)))
            fail_msg("%s: %s", cases[i].text, err.msg);
        assert_int_equal(arena.used, used);
    }
    assert_null(parse(S("1\0")));
    assert_null(parse(S("\"\0\"")));
    assert_null(parse(EFF_STR_NONE));
    assert_non_null(parse(S("{\"a\":{\"a\":1},\"A\":1,\"a\\u0000\":1}")));
}

static void
test_depth(void **state)
{
    char text[400];
    char *bomb = malloc(2000000);

    (void)state;
    for (int depth = 1; depth <= 150; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        assert_int_equal(parse((eff_str){text, (size_t)depth * 2}) != NULL,
                         depth <= EFF_JSON_DEPTH_MAX);
    }
    assert_string_equal(err.msg, "line 1 column 65: nested more than 64 levels deep");
    // Brackets in strings and closed ones do not count.
    snprintf(text, sizeof(text), "[\"[[[\\\"[[\\\\\",[[]],{\"[[\":[]},\n%.*s%.*s]", 64,
             "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 64,
             "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    assert_null(parse(eff_str_of(text)));
    assert_string_equal(err.msg, "line 2 column 64: nested more than 64 levels deep");
    for (size_t i = 0; i < 1000000; i++) {
        bomb[i] = '[';
        bomb[1000000 + i] = ']';
    }
    assert_null(parse((eff_str){bomb, 2000000}));
    assert_null(parse((eff_str){bomb, 1000000}));
    for (size_t i = 0; i + 5 <= 1000000; i += 5)
        memcpy(bomb + i, "{\"a\":", 5);
    assert_null(parse((eff_str){bomb, 1000000}));
    free(bomb);
    eff_arena_reset(&arena);
}

/* Around the size at which keys are sorted instead of compared each with each. */
static void
test_duplicates_among_many(void **state)
{
    (void)state;
    for (int count = 2; count < 40; count++)
        for (int twice = 0; twice <= count; twice++) {
            struct eff_buf buf = {0};
            struct eff_json_writer w = {.buf = &buf};

            eff_json_begin_object(&w);
            for (int i = 0; i < count; i++) {
                char key[16];

                snprintf(key, sizeof(key), "k%d",
                         i == count - 1 && twice < i ? twice : i * 7 % 41 + 100);
                if (i == twice)
                    snprintf(key, sizeof(key), "k%d", twice);
                eff_json_field_int(&w, key, i);
            }
            eff_json_end_object(&w);
            assert_int_equal(parse(eff_buf_str(&buf)) == NULL, twice < count - 1);
            eff_buf_free(&buf);
            eff_arena_reset(&arena);
        }
}

static void
test_pointer(void **state)
{
    // RFC 6901, section 5.
    const struct eff_json *root = parse(S(
        "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,"
        "\"k\\\"l\":6,\" \":7,\"m~n\":8,\"~1\":9,\"a\\u0000\":10,\"o\":{\"\":{\"\":11}},\"0\":12}"));
    static const struct {
        const char *pointer, *value;
    } cases[] = {
        {"/foo/0", "bar"}, {"/foo/1", "baz"}, {"/", "0"},     {"/a~1b", "1"}, {"/c%d", "2"},
        {"/e^f", "3"},     {"/g|h", "4"},     {"/i\\j", "5"}, {"/k\"l", "6"}, {"/ ", "7"},
        {"/m~0n", "8"},    {"/~01", "9"},     {"/o//", "11"}, {"/0", "12"},
    };
    static const char *const missing[] = {"foo",      "/none",    "/foo/2",
                                          "/foo/-",   "/foo/00",  "/foo/01",
                                          "/foo/",    "/foo/+1",  "/foo/-1",
                                          "/foo/0/0", "/foo/1e0", "//",
                                          "/m~n",     "/m~2n",    "/m~",
                                          "/o/",      "/a/b",     "/~1",
                                          "/foo/ 1",  "#/foo",    "/foo/18446744073709551616"};

    (void)state;
    assert_ptr_equal(eff_json_pointer(root, S("")), root);
    assert_ptr_equal(eff_json_pointer(root, EFF_STR_NONE), root);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_str(eff_json_str(eff_json_pointer(root, eff_str_of(cases[i].pointer))),
                   cases[i].value);
    assert_str(eff_json_str(eff_json_pointer(root, S("/a\0"))), "10");
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
        if (eff_json_str(eff_json_pointer(root, eff_str_of(missing[i]))).ptr != NULL)
            fail_msg("found: %s", missing[i]);
    assert_null(eff_json_pointer(parse(S("1")), S("/")));
}

static void
test_iterate(void **state)
{
    struct eff_json_iter iter = eff_json_iterate(parse(S("{\"b\":[1,[2,3]],\"a\":{\"x\":{}}}")));
    struct eff_json_iter inner;
    const struct eff_json *value;
    eff_str key;

    (void)state;
    assert_true(eff_json_next(&iter, &key, &value));
    assert_str(key, "b");
    inner = eff_json_iterate(value);
    assert_true(eff_json_next(&inner, &key, &value));
    assert_null(key.ptr);
    assert_str(eff_json_str(value), "1");
    assert_true(eff_json_next(&inner, NULL, &value));
    assert_int_equal(eff_json_count(value), 2);
    assert_false(eff_json_next(&inner, &key, &value));
    assert_true(eff_json_next(&iter, &key, &value));
    assert_str(key, "a");
    assert_false(eff_json_next(&iter, &key, &value));
    iter = eff_json_iterate(parse(S("[]")));
    assert_false(eff_json_next(&iter, &key, &value));
    iter = eff_json_iterate(parse(S("\"text\"")));
    assert_false(eff_json_next(&iter, &key, &value));
}

static void
test_print(void **state)
{
    struct eff_buf buf = {0}, text = {0};
    struct eff_json_writer w = {.buf = &text};

    (void)state;
    assert_prints(" [ 1 , { \"b\" : null , \"a\" : [ true , false ] } ] ", false,
                  "[1,{\"b\":null,\"a\":[true,false]}]");
    assert_prints("{\"b\":{\"d\":1,\"c\":2},\"a\":[{\"z\":1,\"y\":2}],\"aa\":1,\"\":0}", true,
                  "{\"\":0,\"a\":[{\"y\":2,\"z\":1}],\"aa\":1,\"b\":{\"c\":2,\"d\":1}}");
    assert_prints("\"\\u00e9\\/\\\"\\u001f\\u007f\"", false, "\"é/\\\"\\u001f\x7f\"");
    eff_json_print(&buf, NULL, false);
    assert_str(eff_buf_str(&buf), "null");
    eff_buf_reset(&buf);
    eff_json_begin_object(&w); // more members than are sorted on the stack
    for (int i = 99; i >= 0; i--) {
        char key[16];

        snprintf(key, sizeof(key), "k%02d", i);
        eff_json_field_int(&w, key, i);
    }
    eff_json_end_object(&w);
    eff_json_print(&buf, parse(eff_buf_str(&text)), true);
    assert_true(eff_str_starts(eff_buf_str(&buf), S("{\"k00\":0,\"k01\":1,")));
    assert_true(eff_str_ends(eff_buf_str(&buf), S(",\"k98\":98,\"k99\":99}")));
    assert_int_equal(buf.len, text.len);
    eff_buf_free(&buf);
    eff_buf_free(&text);
}

static void
test_write(void **state)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    (void)state;
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "s", S("a\"\\\b\f\n\r\t\x01\x1f/\x7f"));
    eff_json_field_int(&w, "i", INT64_MIN);
    eff_json_key(&w, S("d"));
    eff_json_begin_array(&w);
    eff_json_write_double(&w, 0.1);
    eff_json_write_double(&w, -0.0);
    eff_json_write_double(&w, NAN);
    eff_json_write_double(&w, -INFINITY);
    eff_json_write_double(&w, 1e300);
    eff_json_end_array(&w);
    eff_json_key(&w, S("e"));
    eff_json_begin_array(&w);
    eff_json_begin_object(&w);
    eff_json_end_object(&w);
    eff_json_begin_array(&w);
    eff_json_end_array(&w);
    eff_json_end_array(&w);
    eff_json_key(&w, S(""));
    eff_json_write_null(&w);
    eff_json_key(&w, S("b"));
    eff_json_write_bool(&w, true);
    eff_json_key(&w, S("r"));
    eff_json_write_raw(&w, S("{\"raw\":1.50}"));
    eff_json_field_str(&w, "none", EFF_STR_NONE);
    eff_json_end_object(&w);
    assert_str(eff_buf_str(&buf),
               "{\"s\":\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f/\x7f\",\"i\":-9223372036854775808,"
               "\"d\":[0.1,-0,null,null,1e+300],\"e\":[{},[]],\"\":null,\"b\":true,"
               "\"r\":{\"raw\":1.50},\"none\":\"\"}");
    assert_int_equal(w.depth, 0);
    eff_buf_reset(&buf);
    w.indent = 2;
    eff_json_begin_object(&w);
    eff_json_field_int(&w, "a", 1);
    eff_json_key(&w, S("b"));
    eff_json_begin_array(&w);
    eff_json_write_int(&w, 1);
    eff_json_begin_object(&w);
    eff_json_end_object(&w);
    eff_json_end_array(&w);
    eff_json_end_object(&w);
    assert_str(eff_buf_str(&buf), "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    {}\n  ]\n}");
    eff_buf_free(&buf);
}

static void
test_write_bad_utf8(void **state)
{
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"a\xff"
         "b",
         "\"a\xef\xbf\xbd"
         "b\""},
        {"\xc3", "\"\xef\xbf\xbd\""},
        {"\xc3(", "\"\xef\xbf\xbd(\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct eff_buf buf = {0};
        struct eff_json_writer w = {.buf = &buf};

        eff_json_write_str(&w, eff_str_of(cases[i].text));
        assert_str(eff_buf_str(&buf), cases[i].json);
        eff_buf_free(&buf);
    }
}

/* How one byte that is alone is written. */
static size_t
byte_as_json(unsigned char c, char ret_text[8])
{
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    for (const char *at = named; *at; at += 2)
        if (*at == (char)c)
            return (size_t)snprintf(ret_text, 8, "\\%c", at[1]);
    if (c < 0x20)
        return (size_t)snprintf(ret_text, 8, "\\u%04x", c);
    if (c >= 0x80)
        return (size_t)snprintf(ret_text, 8, "\xef\xbf\xbd");
    return (size_t)snprintf(ret_text, 8, "%c", c);
}

/* Plain bytes are copied eight at a time: each byte at each place of texts of each length. */
static void
test_write_every_byte(void **state)
{
    struct eff_buf buf = {0};
    char text[32], wanted[64], odd[8];

    (void)state;
    for (size_t len = 1; len <= 26; len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned c = 0; c < 256; c++) {
                struct eff_json_writer w = {.buf = &buf};
                size_t odd_len = byte_as_json((unsigned char)c, odd);

                for (size_t i = 0; i < len; i++)
                    text[i] = (char)('a' + i);
                text[at] = (char)c;
                wanted[0] = '"';
                memcpy(wanted + 1, text, at);
                memcpy(wanted + 1 + at, odd, odd_len);
                memcpy(wanted + 1 + at + odd_len, text + at + 1, len - at - 1);
                wanted[len + odd_len] = '"';
                eff_buf_reset(&buf);
                eff_json_write_str(&w, (eff_str){text, len});
                assert_int_equal(buf.len, len + odd_len + 1);
                assert_memory_equal(buf.ptr, wanted, buf.len);
            }
        }
    }
    eff_buf_free(&buf);
}

static void
test_write_deep(void **state)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    (void)state;
    for (int i = 0; i < EFF_JSON_DEPTH_MAX; i++) {
        eff_json_begin_array(&w);
        eff_json_write_int(&w, i);
    }
    for (int i = 0; i < EFF_JSON_DEPTH_MAX; i++) {
        eff_json_end_array(&w);
        if (i < EFF_JSON_DEPTH_MAX - 1)
            eff_json_write_int(&w, i);
    }
    assert_true(eff_str_starts(eff_buf_str(&buf), S("[0,[1,[2,")));
    assert_true(eff_str_ends(eff_buf_str(&buf), S("],61],62]")));
    assert_non_null(parse(eff_buf_str(&buf)));
    eff_buf_free(&buf);
}

/* Writes a random value; what the keys are does not matter, but they differ. */
static void
write_random(struct eff_json_writer *w, uint64_t *random, int depth)
{
    unsigned kind = random_below(random, depth == 0 ? 5 : 8);
    char text[24];
    size_t len = random_below(random, sizeof(text));

    for (size_t i = 0; i < len; i++)
        text[i] = (char)random_below(random, random_below(random, 3) == 0 ? 256 : 128);
    if (kind == 0) {
        eff_json_write_null(w);
    } else if (kind == 1) {
        eff_json_write_bool(w, random_below(random, 2) == 0);
    } else if (kind == 2) {
        eff_json_write_int(w, (int64_t)random_next(random) >> random_below(random, 64));
    } else if (kind == 3) {
        eff_json_write_double(w, (double)(int64_t)random_next(random) / 1e7);
    } else if (kind == 4) {
        eff_json_write_str(w, (eff_str){text, len});
    } else if (kind == 5) {
        eff_json_begin_array(w);
        for (unsigned count = random_below(random, 6); count > 0; count--)
            write_random(w, random, depth - 1);
        eff_json_end_array(w);
    } else {
        eff_json_begin_object(w);
        for (unsigned count = random_below(random, 40); count > 0; count--) {
            char key[40];

            snprintf(key, sizeof(key), "%.*s%u", random_below(random, 3), "\"\n", count);
            eff_json_key(w, eff_str_of(key));
            write_random(w, random, depth - 1);
        }
        eff_json_end_object(w);
    }
}

static void
test_random_documents(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 600; seed++) {
        struct eff_buf compact = {0}, pretty = {0}, again = {0}, sorted = {0};
        struct eff_json_writer w = {.buf = &compact}, p = {.buf = &pretty, .indent = 4};
        uint64_t random = seed;
        const struct eff_json *root;

        write_random(&w, &random, 4);
        random = seed;
        write_random(&p, &random, 4);
        root = parse(eff_buf_str(&compact));
        assert_non_null(root);
        eff_json_print(&again, root, false);
        assert_true(eff_str_eq(eff_buf_str(&again), eff_buf_str(&compact)));
        eff_json_print(&sorted, root, true);
        eff_buf_reset(&again);
        root = parse(eff_buf_str(&pretty));
        assert_non_null(root);
        eff_json_print(&again, root, false);
        assert_true(eff_str_eq(eff_buf_str(&again), eff_buf_str(&compact)));
        eff_buf_reset(&again);
        eff_json_print(&again, parse(eff_buf_str(&sorted)), true);
        assert_true(eff_str_eq(eff_buf_str(&again), eff_buf_str(&sorted)));
        assert_int_equal(sorted.len, compact.len);
        eff_buf_free(&compact);
        eff_buf_free(&pretty);
        eff_buf_free(&again);
        eff_buf_free(&sorted);
        eff_arena_reset(&arena);
    }
}

static const char document[] =
    "{\"id\":12345678901234567890,\"name\":\"\\u00e9 \xc3\xa9 \\\"x\\\"\",\"list\":[1,2.50,-3e-7,"
    "true,false,null,{\"deep\":[[],{}]}],\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,"
    "\"h\":8,\"i\":9,\"j\":10,\"k\":11,\"l\":12}";

static void
test_every_prefix_is_refused(void **state)
{
    (void)state;
    assert_non_null(parse(eff_str_of(document)));
    for (size_t len = 0; len < sizeof(document) - 1; len++) {
        err = (struct eff_err){0};
        assert_null(parse((eff_str){document, len}));
        assert_int_equal(err.fault, EFF_ROW);
        assert_true(eff_str_starts(eff_str_of(err.msg), S("line 1 column ")));
    }
}

/* Whatever is accepted prints as what was read. */
static void
test_damaged(void **state)
{
    uint64_t random = 12;

    (void)state;
    for (int round = 0; round < 30000; round++) {
        char text[sizeof(document)];
        const struct eff_json *root;

        memcpy(text, document, sizeof(document));
        for (unsigned count = 1 + random_below(&random, 3); count > 0; count--)
            text[random_below(&random, sizeof(document) - 1)] =
                random_below(&random, 2) == 0
                    ? (char)random_next(&random)
                    : document[random_below(&random, sizeof(document) - 1)];
        root = parse((eff_str){text, sizeof(document) - 1});
        if (root != NULL) {
            struct eff_buf once = {0}, twice = {0};

            eff_json_print(&once, root, false);
            eff_json_print(&twice, parse(eff_buf_str(&once)), false);
            assert_true(eff_str_eq(eff_buf_str(&once), eff_buf_str(&twice)));
            eff_buf_free(&once);
            eff_buf_free(&twice);
        }
        eff_arena_reset(&arena);
    }
}

static void
test_every_budget(void **state)
{
    bool fits = false;
    size_t budget;

    (void)state;
    for (budget = 0; !fits; budget += 16) {
        struct eff_arena small;
        const struct eff_json *root = NULL;

        eff_arena_init(&small, "small", budget);
        fits = eff_json_parse(eff_str_of(document), &small, &root, &err) == EFF_OK;
        if (!fits) {
            assert_int_equal(err.fault, EFF_BROKEN);
            assert_non_null(strstr(err.msg, "does not fit in the \"small\" arena"));
            assert_int_equal(small.used, 0);
            assert_null(root);
        }
        eff_arena_deinit(&small);
        assert_true(budget < 65536);
    }
}

static void
test_no_arena(void **state)
{
    const struct eff_json *root = NULL;
    struct eff_arena none = {0};

    (void)state;
    assert_int_equal(eff_json_parse(S("[1]"), &none, &root, &err), EFF_BROKEN);
    assert_string_equal(err.msg, "JSON of 3 bytes does not fit in the \"\" arena");
    assert_null(root);
}

static void
test_full_buffer(void **state)
{
    const struct eff_json *root = parse(eff_str_of(document));
    struct eff_buf whole = {0};

    (void)state;
    eff_json_print(&whole, root, true);
    for (size_t max = 1; max <= whole.len; max++) {
        struct eff_buf buf = {.max = max};

        eff_json_print(&buf, root, true);
        assert_int_equal(buf.full, max < whole.len);
        assert_true(buf.len <= max);
        eff_buf_free(&buf);
    }
    eff_buf_free(&whole);
}

/* Numbers and what is JSON already: room for the longest is asked for, and without it none is written. */
static void
test_full_writer(void **state)
{
    (void)state;
    for (size_t max = 1; max < 120; max++) {
        struct eff_buf buf = {.max = max};
        struct eff_json_writer w = {.buf = &buf};

        eff_json_begin_array(&w);
        eff_json_write_double(&w, 0.5);
        eff_json_write_int(&w, -7);
        eff_json_write_raw(&w, S("{\"a\":1}"));
        eff_json_end_array(&w);
        if (!buf.full)
            assert_str(eff_buf_str(&buf), "[0.5,-7,{\"a\":1}]");
        else
            assert_true(eff_str_starts(S("[0.5,-7,{\"a\":1}]"), eff_buf_str(&buf)));
        assert_true(buf.full ? max < 60 : max > 17);
        eff_buf_free(&buf);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_numbers_stay_text),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_duplicates_among_many),
        cmocka_unit_test(test_pointer),
        cmocka_unit_test(test_iterate),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_write_bad_utf8),
        cmocka_unit_test(test_write_every_byte),
        cmocka_unit_test(test_write_deep),
        cmocka_unit_test(test_random_documents),
        cmocka_unit_test(test_every_prefix_is_refused),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_every_budget),
        cmocka_unit_test(test_no_arena),
        cmocka_unit_test(test_full_buffer),
        cmocka_unit_test(test_full_writer),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
