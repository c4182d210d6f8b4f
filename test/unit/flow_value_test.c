/*
 * Goal: every value survives the file form, whatever follows it, and damaged bytes
 * are noticed; the text and JSON forms lose nothing.
 * Method: boundary values of every kind, random ones, every cut of what was
 * written, random bytes; JSON read back by the parser.
 * covers: D2
 */
// links: testlib base flow
#include "flow/value.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "flow/batch.h"
#include "lib/random.h"

#include <cmocka.h>

static struct eff_value
str(enum eff_kind kind, const char *text)
{
    return eff_value_of_str(kind, eff_str_of(text));
}

static struct eff_value
time_of(enum eff_kind kind, int64_t micros, uint32_t nanos)
{
    struct eff_value value = eff_value_of_int(kind, micros);

    value.len = nanos;
    return value;
}

static size_t
boundaries(struct eff_value values[64])
{
    static const int64_t ints[] = {0,   1,   -1,        63,        -64,      64,
                                   127, 128, INT32_MAX, INT64_MAX, INT64_MIN};
    size_t n = 0;

    values[n++] = (struct eff_value){.kind = EFF_NULL};
    values[n++] = (struct eff_value){.kind = EFF_ABSENT};
    values[n++] = eff_value_of_int(EFF_BOOL, 1);
    for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
        values[n++] = eff_value_of_int(EFF_INT, ints[i]);
        values[n++] = time_of(EFF_INSTANT, ints[i], (uint32_t)i * 90);
    }
    values[n++] = eff_value_of_float(-0.0);
    values[n++] = eff_value_of_float(1e308);
    values[n++] = eff_value_of_float((double)NAN);
    values[n++] = str(EFF_DECIMAL, "-1.50");
    values[n++] = str(EFF_TEXT, "");
    values[n++] = str(EFF_TEXT, "\xc3\xa4\"\n");
    values[n++] = eff_value_of_str(EFF_BYTES, EFF_STR("\0\xff\0"));
    values[n++] = eff_value_of_int(EFF_DATE, -719162);
    values[n++] = time_of(EFF_TIME, 86400000000, 999);
    values[n++] = time_of(EFF_DATETIME, -1, 1);
    values[n++] = str(EFF_JSON, "{\"a\":[1]}");
    values[n++] = str(EFF_BAD, "why");
    return n;
}

static bool
is_slice(uint8_t kind)
{
    return kind == EFF_DECIMAL || kind == EFF_TEXT || kind == EFF_BYTES || kind == EFF_JSON ||
           kind == EFF_BAD;
}

static void
assert_same(const struct eff_value *a, const struct eff_value *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->len, b->len);
    if (is_slice(a->kind))
        assert_true(eff_str_eq(eff_value_str(a), eff_value_str(b)));
    else
        assert_memory_equal(&a->i, &b->i, sizeof(a->i));
}

static void
every_value_comes_back(void **state)
{
    struct eff_value values[64];
    size_t count = boundaries(values);
    struct eff_buf buf = {0};
    struct eff_reader reader;

    (void)state;
    for (size_t i = 0; i < count; i++)
        eff_value_write(&buf, &values[i]);
    reader = eff_reader_of(eff_buf_str(&buf));
    for (size_t i = 0; i < count; i++) {
        struct eff_value back;

        eff_value_read(&reader, &back);
        assert_false(reader.bad);
        assert_same(&back, &values[i]);
    }
    assert_ptr_equal(reader.at, reader.end);
    eff_buf_free(&buf);
}

/* Read at once; cut anywhere, the whole ones are there, and NULL in place of the others. */
static void
several_values_come_back(void **state)
{
    struct eff_value values[64], back[64];
    size_t count = boundaries(values), ends[64];
    struct eff_buf buf = {0};

    (void)state;
    for (size_t i = 0; i < count; i++) {
        eff_value_write(&buf, &values[i]);
        ends[i] = buf.len;
    }
    for (size_t cut = 0; cut <= buf.len; cut++) {
        char *copy = malloc(cut ? cut : 1);
        struct eff_reader reader;

        memcpy(copy, buf.ptr, cut);
        reader = eff_reader_of((eff_str){copy, cut});
        eff_values_read(&reader, count, back);
        assert_int_equal(reader.bad, cut < buf.len);
        for (size_t i = 0; i < count; i++) {
            if (cut < ends[i])
                assert_int_equal(back[i].kind, EFF_NULL);
            else
                assert_same(&back[i], &values[i]);
        }
        free(copy);
    }
    eff_buf_free(&buf);
}

/* Without room for it there is nothing of a value, and what was there before stays. */
static void
full_buffers_hold_whole_values(void **state)
{
    struct eff_value values[64];
    size_t count = boundaries(values);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct eff_buf whole = {0};

        eff_value_write(&whole, &values[i]);
        for (size_t max = 1; max < whole.len + 24; max++) {
            struct eff_buf buf = {.max = max};

            eff_buf_add_char(&buf, 'x');
            eff_value_write(&buf, &values[i]);
            assert_true(buf.full || max > whole.len);
            assert_int_equal(buf.len, buf.full ? 1 : 1 + whole.len);
            assert_int_equal(buf.ptr[0], 'x');
            if (!buf.full)
                assert_memory_equal(buf.ptr + 1, whole.ptr, whole.len);
            eff_buf_free(&buf);
        }
        eff_buf_free(&whole);
    }
}

static void
small_values_are_small(void **state)
{
    struct eff_value value = eff_value_of_int(EFF_INT, -5);
    struct eff_buf buf = {0};

    (void)state;
    eff_value_write(&buf, &value);
    assert_int_equal(buf.len, 2);
    value = str(EFF_TEXT, "abc");
    eff_value_write(&buf, &value);
    assert_int_equal(buf.len, 2 + 5);
    eff_buf_free(&buf);
}

/* A value cut anywhere is bad, and never read beyond its end (the sanitizer watches). */
static void
every_cut_is_noticed(void **state)
{
    struct eff_value values[64];
    size_t count = boundaries(values);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct eff_buf buf = {0};

        eff_value_write(&buf, &values[i]);
        for (size_t cut = 0; cut < buf.len; cut++) {
            char *copy = malloc(cut + 1);
            struct eff_reader reader;
            struct eff_value value;

            memcpy(copy, buf.ptr, cut);
            reader = eff_reader_of((eff_str){copy, cut});
            eff_value_read(&reader, &value);
            assert_true(reader.bad);
            assert_int_equal(value.kind, EFF_NULL);
            free(copy);
        }
        eff_buf_free(&buf);
    }
}

/* Whatever is read without complaint is written as it was, or was written longer than needed. */
static void
random_bytes_do_no_harm(void **state)
{
    uint64_t seed = 11;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char bytes[24];
        struct eff_reader reader;
        struct eff_value value;

        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)random_below(&seed, round % 2 ? 256 : 20);
        reader = eff_reader_of((eff_str){bytes, sizeof(bytes)});
        eff_value_read(&reader, &value);
        assert_true(reader.at <= reader.end);
        if (reader.bad)
            assert_int_equal(value.kind, EFF_NULL);
        else if (is_slice(value.kind))
            assert_true(value.ptr >= bytes && value.ptr + value.len <= bytes + sizeof(bytes));
    }
}

static const char *
as_text(struct eff_buf *buf, struct eff_value value)
{
    eff_buf_reset(buf);
    eff_value_text(buf, &value);
    eff_buf_add_char(buf, 0);
    return buf->ptr;
}

static const char *
as_json(struct eff_buf *buf, struct eff_value value)
{
    struct eff_json_writer w = {.buf = buf};

    eff_buf_reset(buf);
    eff_json_begin_array(&w);
    eff_value_json(&w, &value);
    eff_value_json(&w, &value);
    eff_json_end_array(&w);
    eff_buf_add_char(buf, 0);
    return buf->ptr;
}

static void
text_forms(void **state)
{
    struct eff_buf buf = {0};

    (void)state;
    assert_string_equal(as_text(&buf, (struct eff_value){0}), "");
    assert_string_equal(as_text(&buf, (struct eff_value){.kind = EFF_ABSENT}), "");
    assert_string_equal(as_text(&buf, eff_value_of_int(EFF_BOOL, 0)), "false");
    assert_string_equal(as_text(&buf, eff_value_of_int(EFF_INT, INT64_MIN)),
                        "-9223372036854775808");
    assert_string_equal(as_text(&buf, eff_value_of_float(0.1)), "0.1");
    assert_string_equal(as_text(&buf, str(EFF_DECIMAL, "1.50")), "1.50");
    assert_string_equal(as_text(&buf, eff_value_of_str(EFF_BYTES, EFF_STR("\0"))), "AA==");
    assert_string_equal(as_text(&buf, eff_value_of_str(EFF_BYTES, EFF_STR("ab"))), "YWI=");
    assert_string_equal(as_text(&buf, eff_value_of_str(EFF_BYTES, EFF_STR("abcd"))), "YWJjZA==");
    assert_string_equal(as_text(&buf, eff_value_of_int(EFF_DATE, 0)), "1970-01-01");
    assert_string_equal(as_text(&buf, time_of(EFF_TIME, 1500000, 1)), "00:00:01.500000001");
    assert_string_equal(as_text(&buf, eff_value_of_int(EFF_DATETIME, 0)), "1970-01-01T00:00:00");
    assert_string_equal(as_text(&buf, eff_value_of_int(EFF_INSTANT, -1)),
                        "1969-12-31T23:59:59.999999Z");
    eff_buf_free(&buf);
}

static void
json_forms(void **state)
{
    struct eff_buf buf = {0};

    (void)state;
    assert_string_equal(as_json(&buf, (struct eff_value){0}), "[null,null]");
    assert_string_equal(as_json(&buf, eff_value_of_int(EFF_INT, 9007199254740993)),
                        "[9007199254740993,9007199254740993]");
    assert_string_equal(as_json(&buf, eff_value_of_float((double)-INFINITY)),
                        "[\"-Infinity\",\"-Infinity\"]");
    assert_string_equal(as_json(&buf, eff_value_of_float((double)NAN)), "[\"NaN\",\"NaN\"]");
    assert_string_equal(as_json(&buf, eff_value_of_str(EFF_BYTES, EFF_STR("a"))),
                        "[\"YQ==\",\"YQ==\"]");
    assert_string_equal(as_json(&buf, eff_value_of_str(EFF_BYTES, EFF_STR(""))), "[\"\",\"\"]");
    assert_string_equal(as_json(&buf, str(EFF_JSON, "{\"a\":1.50}")),
                        "[{\"a\":1.50},{\"a\":1.50}]");
    assert_string_equal(as_json(&buf, eff_value_of_int(EFF_DATE, 1)),
                        "[\"1970-01-02\",\"1970-01-02\"]");
    eff_buf_free(&buf);
}

/* SQL's decimals are not all JSON's: what is written must be, and be the same number. */
static void
decimals_in_json(void **state)
{
    static const char *const pairs[][2] = {
        {"1.50", "[1.50,1.50]"},
        {"-0", "[-0,-0]"},
        {"0.1e-5", "[0.1e-5,0.1e-5]"},
        {".5", "[0.5,0.5]"},
        {"5.", "[5,5]"},
        {"+7", "[7,7]"},
        {"007", "[7,7]"},
        {"1E+2", "[1E+2,1E+2]"},
        {"-.5e1", "[-5,-5]"},
        {"NaN", "[\"NaN\",\"NaN\"]"},
        {"1e", "[\"1e\",\"1e\"]"},
        {"", "[\"\",\"\"]"},
        {"1,5", "[\"1,5\",\"1,5\"]"},
        {"0x10", "[\"0x10\",\"0x10\"]"},
        {"12345678901234567890.1234567890", "[12345678901234567890.1234567890,"
                                            "12345678901234567890.1234567890]"},
    };
    struct eff_arena arena;
    struct eff_buf buf = {0};

    (void)state;
    eff_arena_init(&arena, "test", (size_t)1 << 20);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const struct eff_json *root;
        struct eff_err err = {0};

        assert_string_equal(as_json(&buf, str(EFF_DECIMAL, pairs[i][0])), pairs[i][1]);
        assert_int_equal(eff_json_parse(eff_str_of(buf.ptr), &arena, &root, &err), EFF_OK);
    }
    eff_buf_free(&buf);
    eff_arena_deinit(&arena);
}

/* Base64 is written straight into the buffer: all of it, or none. */
static void
bytes_that_do_not_fit(void **state)
{
    struct eff_value value = eff_value_of_str(EFF_BYTES, EFF_STR("abcd"));

    (void)state;
    for (size_t max = 1; max < 12; max++) {
        struct eff_buf buf = {.max = max};

        eff_value_text(&buf, &value);
        assert_int_equal(buf.full, max < 8);
        assert_int_equal(buf.len, max < 8 ? 0 : 8);
        eff_buf_free(&buf);
    }
}

static void
kinds_have_names(void **state)
{
    (void)state;
    for (int i = EFF_NULL; i <= EFF_ABSENT; i++)
        for (int k = EFF_NULL; k < i; k++)
            assert_string_not_equal(eff_kind_name((enum eff_kind)i),
                                    eff_kind_name((enum eff_kind)k));
    assert_string_equal(eff_kind_name((enum eff_kind)99), "unknown");
}

static void
columns_are_found_by_exact_name(void **state)
{
    struct eff_column at[] = {
        {.name = EFF_STR("a")}, {.name = EFF_STR("B")}, {.name = EFF_STR("ab")}};
    struct eff_columns columns = {3, at};

    (void)state;
    assert_int_equal(eff_columns_find(&columns, EFF_STR("ab")), 2);
    assert_int_equal(eff_columns_find(&columns, EFF_STR("B")), 1);
    assert_true(eff_columns_find(&columns, EFF_STR("b")) == SIZE_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_comes_back),
        cmocka_unit_test(several_values_come_back),
        cmocka_unit_test(full_buffers_hold_whole_values),
        cmocka_unit_test(small_values_are_small),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(text_forms),
        cmocka_unit_test(json_forms),
        cmocka_unit_test(decimals_in_json),
        cmocka_unit_test(bytes_that_do_not_fit),
        cmocka_unit_test(kinds_have_names),
        cmocka_unit_test(columns_are_found_by_exact_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
