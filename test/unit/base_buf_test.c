/*
 * Goal: a buffer holds exactly what was added, up to its maximum; over it, it is
 * full and unchanged. What was written is read back, and a reader given fewer
 * bytes says so instead of reading on.
 * Method: sizes around the maximum, each prefix of a written record, random adds, more than any
 * machine has.
 */
// links: base
#include "base/buf.h"
#include "lib/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <wchar.h>

#include <cmocka.h>

static void
test_adds(void **state)
{
    struct eff_buf buf = {0};

    (void)state;
    eff_buf_add(&buf, EFF_STR("ab"));
    eff_buf_add(&buf, EFF_STR_NONE);
    eff_buf_add_char(&buf, '\0');
    eff_buf_add_int(&buf, INT64_MIN);
    eff_buf_add_char(&buf, ' ');
    eff_buf_add_int(&buf, 0);
    eff_buf_addf(&buf, "[%s:%d]", "x", 5);
    eff_buf_addf(&buf, "%s", "");
    assert_true(eff_str_eq(eff_buf_str(&buf), EFF_STR("ab\0-9223372036854775808 0[x:5]")));
    eff_buf_reset(&buf);
    assert_int_equal(buf.len, 0);
    assert_true(buf.cap > 0);
    eff_buf_add_u32(&buf, 0x01020304);
    eff_buf_add_u64(&buf, 0x0102030405060708);
    assert_true(
        eff_str_eq(eff_buf_str(&buf), EFF_STR("\x04\x03\x02\x01\x08\x07\x06\x05\x04\x03\x02\x01")));
    eff_buf_free(&buf);
    assert_null(buf.ptr);
    eff_buf_free(&buf);
    assert_int_equal(eff_buf_str(&buf).len, 0);
}

static void
test_reserve(void **state)
{
    struct eff_buf buf = {.max = 300};
    char *at = eff_buf_reserve(&buf, 0);

    (void)state;
    assert_non_null(at);
    at = eff_buf_reserve(&buf, 300);
    assert_non_null(at);
    memset(at, 'x', 300);
    eff_buf_grow(&buf, 300);
    assert_int_equal(buf.len, 300);
    assert_non_null(eff_buf_reserve(&buf, 0));
    assert_false(buf.full);
    assert_null(eff_buf_reserve(&buf, 1));
    assert_true(buf.full);
    assert_null(eff_buf_reserve(&buf, 0));
    eff_buf_reset(&buf);
    assert_non_null(eff_buf_reserve(&buf, 1));
    assert_null(eff_buf_reserve(&buf, SIZE_MAX));
    eff_buf_free(&buf);
    assert_int_equal(buf.max, 300);
    assert_false(buf.full);
}

static void
test_maximum(void **state)
{
    char text[600];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t max = 1; max < 520; max++) {
        struct eff_buf buf = {.max = max};

        eff_buf_addf(&buf, "%.*s", (int)max, text); // fits to the last byte
        assert_false(buf.full);
        assert_int_equal(buf.len, max);
        eff_buf_addf(&buf, "%s", "");
        assert_false(buf.full);
        eff_buf_add_char(&buf, 'y');
        assert_true(buf.full);
        assert_int_equal(buf.len, max);
        eff_buf_reset(&buf);
        eff_buf_addf(&buf, "%.*s", (int)max + 1, text);
        assert_true(buf.full);
        assert_int_equal(buf.len, 0);
        eff_buf_add(&buf, EFF_STR("a")); // later adds do nothing, even if they would fit
        assert_int_equal(buf.len, 0);
        eff_buf_free(&buf);

        eff_buf_add_bytes(&buf, text, max);
        eff_buf_add_bytes(&buf, text, 0);
        assert_false(buf.full);
        eff_buf_add_bytes(&buf, text, 1);
        assert_true(buf.full);
        eff_buf_free(&buf);
    }
}

/* The sanitizer would end the program, where the system's allocator only refuses. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void
test_no_memory(void **state)
{
    struct eff_buf buf = {.max = SIZE_MAX / 4};

    (void)state;
    eff_buf_add(&buf, EFF_STR("abc"));
    assert_null(eff_buf_reserve(&buf, SIZE_MAX / 8)); // no machine has so much
    assert_true(buf.full);
    eff_buf_add_int(&buf, 7);
    eff_buf_addf(&buf, "%d", 7);
    assert_true(eff_str_is(eff_buf_str(&buf), "abc"));
    eff_buf_reset(&buf);
    eff_buf_add(&buf, EFF_STR("de"));
    assert_null(eff_buf_reserve(&buf, SIZE_MAX));
    assert_true(buf.full);
    assert_true(eff_str_is(eff_buf_str(&buf), "de"));
    eff_buf_reset(&buf);
    eff_buf_addf(&buf, "%lc", (wint_t)0xd800); // half of a character has no bytes
    assert_true(buf.full);
    assert_int_equal(buf.len, 0);
    eff_buf_free(&buf);
}

static void
test_slices(void **state)
{
    struct eff_buf buf = {0};
    struct eff_reader reader;
    eff_str s;

    (void)state;
    eff_buf_add_char(&buf, '\xfe');
    eff_buf_add_slice(&buf, EFF_STR("hello"));
    eff_buf_add_slice(&buf, EFF_STR_NONE);
    eff_buf_add_slice(&buf, EFF_STR(""));
    eff_buf_add_u64(&buf, UINT64_MAX);
    eff_buf_add_u32(&buf, 77);
    eff_buf_add(&buf, EFF_STR("tail"));
    for (size_t len = 0; len <= buf.len; len++) {
        char *exact = malloc(len + 1); // so that a sanitizer sees a read beyond it
        bool whole = len == buf.len;

        memcpy(exact + 1, buf.ptr, len);
        reader = eff_reader_of((eff_str){exact + 1, len});
        assert_int_equal(eff_read_u8(&reader), len >= 1 ? 0xfe : 0);
        s = eff_read_slice(&reader);
        assert_true(eff_str_eq(s, len >= 10 ? EFF_STR("hello") : EFF_STR_NONE));
        assert_null(eff_read_slice(&reader).ptr);
        s = eff_read_slice(&reader);
        assert_int_equal(s.ptr != NULL, len >= 18);
        assert_int_equal(s.len, 0);
        assert_true(eff_read_u64(&reader) == (len >= 26 ? UINT64_MAX : 0));
        assert_int_equal(eff_read_u32(&reader), len >= 30 ? 77 : 0);
        assert_int_equal(eff_read_bytes(&reader, 4).len, whole ? 4 : 0);
        assert_int_equal(reader.bad, !whole);
        free(exact);
    }
    reader = eff_reader_of(EFF_STR("\xfe\xff\xff\xff"));
    assert_null(eff_read_slice(&reader).ptr);
    assert_true(reader.bad);
    reader = eff_reader_of(EFF_STR("abcd"));
    eff_read_bytes(&reader, 5);
    assert_int_equal(eff_read_u8(&reader), 0); // once bad, always bad
    reader = eff_reader_of(EFF_STR_NONE);
    assert_int_equal(eff_read_bytes(&reader, 0).len, 0);
    assert_false(reader.bad);
    assert_int_equal(eff_read_u32(&reader), 0);
    assert_true(reader.bad);
    eff_buf_free(&buf);

    buf.max = 8; // a slice is written whole or not at all
    eff_buf_add_slice(&buf, EFF_STR("12345"));
    assert_true(buf.full);
    assert_int_equal(buf.len, 0);
    eff_buf_reset(&buf);
    eff_buf_add_slice(&buf, EFF_STR("1234"));
    assert_int_equal(buf.len, 8);
    eff_buf_reset(&buf);
    eff_buf_add_slice(&buf, (eff_str){"", UINT32_MAX});
    assert_true(buf.full);
    eff_buf_free(&buf);
}

static void
test_random_adds(void **state)
{
    struct eff_buf buf = {0};
    size_t cap = (size_t)4 << 20, len = 0;
    char *model = malloc(cap);
    uint64_t random = 4;

    (void)state;
    while (len + 5000 < cap) {
        char text[5000];
        size_t count = random_below(&random, 10) == 0 ? random_below(&random, 5000)
                                                      : random_below(&random, 30);

        memset(text, 'a' + (int)random_below(&random, 26), sizeof(text));
        if (random_below(&random, 2) == 0)
            eff_buf_addf(&buf, "%.*s", (int)count, text);
        else
            eff_buf_add_bytes(&buf, text, count);
        memcpy(model + len, text, count);
        len += count;
    }
    assert_true(eff_str_eq(eff_buf_str(&buf), (eff_str){model, len}));
    free(model);
    eff_buf_free(&buf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adds),    cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_maximum), cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_slices),  cmocka_unit_test(test_random_adds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
