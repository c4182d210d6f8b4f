/*
 * Goal: slices are compared, cut, parsed and shown right at their borders, and
 * no byte sequence is taken for UTF-8 that is not.
 * Method: tables of boundary values; all byte sequences of up to three bytes
 * for UTF-8; random bytes and edits for what is shown and for distances.
 * covers: S19
 */
// links: base
#include "base/arena.h"
#include "base/str.h"
#include "lib/random.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define S(lit) EFF_STR(lit)

static struct eff_arena arena;

static int
setup(void **state)
{
    (void)state;
    eff_arena_init(&arena, "test", (size_t)64 << 20);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    eff_arena_deinit(&arena);
    return 0;
}

static void
assert_str(eff_str got, eff_str expected)
{
    if (!eff_str_eq(got, expected))
        fail_msg("got \"" EFF_STR_FMT "\", expected \"" EFF_STR_FMT "\"", EFF_STR_ARG(got),
                 EFF_STR_ARG(expected));
}

static void
test_compare(void **state)
{
    (void)state;
    assert_true(eff_str_eq(EFF_STR_NONE, S("")));
    assert_true(eff_str_eq(S("a\0b"), S("a\0b")));
    assert_false(eff_str_eq(S("a\0b"), S("a\0c")));
    assert_true(eff_str_is(S("abc"), "abc"));
    assert_false(eff_str_is(S("abc"), "abcd"));
    assert_true(eff_str_is(EFF_STR_NONE, NULL));
    assert_true(eff_str_eq_nocase(S("Content-TYPE"), S("content-type")));
    assert_false(eff_str_eq_nocase(S("["), S("{"))); // 32 apart, but no letters
    assert_false(eff_str_eq_nocase(S("@"), S("`")));
    assert_false(eff_str_eq_nocase(S("\xc4"), S("\xe4")));
    assert_int_equal(eff_str_cmp(S(""), EFF_STR_NONE), 0);
    assert_true(eff_str_cmp(S("a"), S("ab")) < 0);
    assert_true(eff_str_cmp(S("ab"), S("a")) > 0);
    assert_true(eff_str_cmp(S("a\xff"), S("ab")) > 0); // bytes are unsigned
    assert_true(eff_str_cmp(EFF_STR_NONE, S("a")) < 0);
    assert_int_equal(eff_str_width(S("abc")), 3);
    assert_int_equal(eff_str_width((eff_str){"", (size_t)INT_MAX + 1}), INT_MAX);
}

static void
test_find(void **state)
{
    eff_str head, tail;

    (void)state;
    assert_true(eff_str_starts(S("abc"), S("")));
    assert_true(eff_str_starts(EFF_STR_NONE, EFF_STR_NONE));
    assert_true(eff_str_starts(S("abc"), S("abc")));
    assert_false(eff_str_starts(S("abc"), S("abcd")));
    assert_true(eff_str_ends(S("abc"), S("bc")));
    assert_true(eff_str_ends(S("abc"), S("")));
    assert_false(eff_str_ends(S("c"), S("bc")));
    assert_int_equal(eff_str_find(S("hello"), S("l")), 2);
    assert_int_equal(eff_str_find(S("hello"), S("")), 0);
    assert_int_equal(eff_str_find(S("a\0b"), S("\0b")), 1);
    assert_true(eff_str_find(S("hello"), S("lll")) == SIZE_MAX);
    assert_true(eff_str_find(EFF_STR_NONE, S("a")) == SIZE_MAX);
    assert_int_equal(eff_str_find_char(S("hello"), 'o'), 4);
    assert_true(eff_str_find_char(EFF_STR_NONE, 'o') == SIZE_MAX);

    assert_str(eff_str_sub(S("hello"), 1, 3), S("ell"));
    assert_str(eff_str_sub(S("hello"), 3, SIZE_MAX), S("lo"));
    assert_str(eff_str_sub(S("hello"), 9, 1), S(""));
    assert_null(eff_str_sub(EFF_STR_NONE, 1, 1).ptr);
    assert_str(eff_str_trim(S(" \t\r\n\v\f a b \n")), S("a b"));
    assert_str(eff_str_trim(S("   ")), S(""));
    assert_str(eff_str_trim(S("\xc2\xa0x")), S("\xc2\xa0x"));

    assert_true(eff_str_cut(S("a=b=c"), '=', &head, &tail));
    assert_str(head, S("a"));
    assert_str(tail, S("b=c"));
    assert_true(eff_str_cut(S("="), '=', &head, &tail));
    assert_int_equal(head.len + tail.len, 0);
    assert_false(eff_str_cut(S("abc"), '=', &head, &tail));
    assert_str(head, S("abc"));
    assert_int_equal(tail.len, 0);
    assert_false(eff_str_cut(EFF_STR_NONE, '=', &head, &tail));
}

static void
test_integers(void **state)
{
    static const char *const bad[] = {"",
                                      "-",
                                      "+",
                                      " 1",
                                      "1 ",
                                      "0x1",
                                      "1.0",
                                      "--1",
                                      "+-1",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "18446744073709551616",
                                      "99999999999999999999999999"};
    int64_t value = 7;
    uint64_t size = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(eff_str_int(eff_str_of(bad[i]), &value));
    assert_false(eff_str_int(EFF_STR_NONE, &value));
    assert_false(eff_str_int(S("1\0"), &value));
    assert_int_equal(value, 7);
    assert_true(eff_str_int(S("-9223372036854775808"), &value) && value == INT64_MIN);
    assert_true(eff_str_int(S("9223372036854775807"), &value) && value == INT64_MAX);
    assert_true(eff_str_int(S("+42"), &value) && value == 42);
    assert_true(eff_str_int(S("-0"), &value) && value == 0);
    assert_true(eff_str_int(S("000000000000000000000000012"), &value) && value == 12);
    assert_true(eff_str_uint(S("18446744073709551615"), &size) && size == UINT64_MAX);
    assert_true(eff_str_uint(S("+1"), &size) && size == 1);
    assert_false(eff_str_uint(S("-1"), &size));
    assert_false(eff_str_uint(S("18446744073709551616"), &size));
    assert_false(eff_str_uint(S(""), &size));
}

static void
test_copies(void **state)
{
    eff_str copy = eff_str_copy(&arena, S("a\0b"));

    (void)state;
    assert_str(copy, S("a\0b"));
    assert_int_equal(copy.ptr[3], 0);
    assert_null(eff_str_copy(&arena, EFF_STR_NONE).ptr);
    assert_non_null(eff_str_copy(&arena, S("")).ptr);
    assert_string_equal(eff_str_c(&arena, EFF_STR_NONE), "");
    assert_string_equal(eff_str_c(&arena, eff_str_sub(S("hello"), 1, 2)), "el");
    assert_str(eff_str_lower(&arena, S("ABC[\\]^xyzÄ")), S("abc[\\]^xyzÄ"));
    assert_null(eff_str_lower(&arena, EFF_STR_NONE).ptr);
    copy = eff_str_printf(&arena, "%d-%s", 42, "x");
    assert_str(copy, S("42-x"));
    assert_int_equal(copy.ptr[copy.len], 0);
    assert_int_equal(eff_str_printf(&arena, "%*d", 5000, 1).len, 5000);
    assert_int_equal(eff_str_printf(&arena, "%s", "").len, 0);
}

/* The encoder that the decoder is compared with. */
static size_t
encode(uint32_t code, unsigned char *out)
{
    if (code < 0x80) {
        out[0] = (unsigned char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (unsigned char)(0xc0 | code >> 6);
        out[1] = (unsigned char)(0x80 | (code & 63));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (unsigned char)(0xe0 | code >> 12);
        out[1] = (unsigned char)(0x80 | (code >> 6 & 63));
        out[2] = (unsigned char)(0x80 | (code & 63));
        return 3;
    }
    out[0] = (unsigned char)(0xf0 | code >> 18);
    out[1] = (unsigned char)(0x80 | (code >> 12 & 63));
    out[2] = (unsigned char)(0x80 | (code >> 6 & 63));
    out[3] = (unsigned char)(0x80 | (code & 63));
    return 4;
}

static void
test_utf8_every_code_point(void **state)
{
    uint32_t none = 7;

    (void)state;
    assert_int_equal(eff_utf8_decode(EFF_STR_NONE, &none), 0);
    assert_int_equal(none, 7);
    for (uint32_t code = 0; code < 0x120000; code++) {
        unsigned char bytes[4];
        size_t len = encode(code, bytes);
        bool valid = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        eff_str s = {(char *)bytes, len};
        uint32_t got = 0;

        assert_int_equal(eff_utf8_valid(s), valid);
        assert_int_equal(eff_utf8_decode(s, &got), valid ? len : 0);
        if (valid)
            assert_int_equal(got, code);
        if (len > 1) // cut short
            assert_false(eff_utf8_valid((eff_str){(char *)bytes, len - 1}));
    }
}

/* If exactly as many sequences pass as there are characters, none is overlong. */
static void
test_utf8_every_sequence(void **state)
{
    size_t counts[5] = {0};

    (void)state;
    for (uint32_t n = 0; n < 1u << 24; n++) {
        unsigned char bytes[3] = {(unsigned char)(n >> 16), (unsigned char)(n >> 8),
                                  (unsigned char)n};
        uint32_t code;
        size_t len = eff_utf8_decode((eff_str){(char *)bytes, 3}, &code);

        // Each shorter one once, followed by zeros.
        if ((len == 1 && (n & 0xffff) == 0) || (len == 2 && (n & 0xff) == 0) || len == 3)
            counts[len]++;
    }
    for (uint32_t n = 0; n < 1u << 20; n++) {
        unsigned char bytes[4] = {(unsigned char)(0xf0 | n >> 16), (unsigned char)(n >> 8),
                                  (unsigned char)n, 0x80};
        uint32_t code;

        counts[4] += eff_utf8_decode((eff_str){(char *)bytes, 4}, &code) == 4;
    }
    assert_int_equal(counts[1], 0x80);
    assert_int_equal(counts[2], 0x800 - 0x80);
    assert_int_equal(counts[3], 0x10000 - 0x800 - 0x800);
    assert_int_equal(counts[4], 0x100000 / 64);
}

static void
test_utf8_anywhere(void **state)
{
    char text[64];

    (void)state;
    assert_true(eff_utf8_valid(EFF_STR_NONE));
    for (size_t len = 1; len <= sizeof(text); len++)
        for (size_t at = 0; at < len; at++) {
            memset(text, 'x', sizeof(text));
            assert_true(eff_utf8_valid((eff_str){text, len}));
            text[at] = (char)0x80;
            assert_false(eff_utf8_valid((eff_str){text, len}));
            assert_int_equal(eff_utf8_prefix((eff_str){text, len}, SIZE_MAX), at);
            if (at + 1 < len) {
                memcpy(text + at, "\xc3\xa9", 2);
                assert_true(eff_utf8_valid((eff_str){text, len}));
                assert_int_equal(eff_utf8_prefix((eff_str){text, len}, at + 1), at);
                assert_int_equal(eff_utf8_prefix((eff_str){text, len}, at + 2), at + 2);
            }
        }
    assert_int_equal(eff_utf8_prefix(S("a\xf0\x9f\x98\x80"), 4), 1);
    assert_int_equal(eff_utf8_prefix(S("a\xf0\x9f\x98\x80"), 5), 5);
    assert_int_equal(eff_utf8_prefix(S("abc"), 0), 0);
}

static void
test_printable(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"plain äöü 日本 😀", "plain äöü 日本 😀"},
        {"\x1b[31mred", "\\x1b[31mred"},
        {"a\r\n\tb", "a\\x0d\\x0a\\x09b"},
        {"\x7f", "\\x7f"},
        {"\xc2\x80\xc2\x9f\xc2\xa0", "\\u{0080}\\u{009f}\xc2\xa0"},
        {"\xe2\x80\xae", "\\u{202e}"},
        {"\xe2\x80\x8e\xe2\x80\x8f", "\\u{200e}\\u{200f}"},
        {"\xe2\x80\xa8\xe2\x80\xa9", "\\u{2028}\\u{2029}"},
        {"\xe2\x80\xa7\xe2\x80\xaf", "\xe2\x80\xa7\xe2\x80\xaf"}, // the neighbours stay
        {"\xe2\x81\xa6\xe2\x81\xa9", "\\u{2066}\\u{2069}"},
        {"\xe2\x81\xa5\xe2\x81\xaa", "\xe2\x81\xa5\xe2\x81\xaa"},
        {"\xef\xbb\xbf", "\\u{feff}"},
        {"\xff\xc3(", "\\xff\\xc3("},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
    };
    eff_str shown;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_str(eff_str_printable(&arena, eff_str_of(cases[i].text), SIZE_MAX),
                   eff_str_of(cases[i].shown));
    assert_str(eff_str_printable(&arena, S("a\0b"), 3), S("a\\x00b"));
    assert_str(eff_str_printable(&arena, EFF_STR_NONE, 3), S(""));
    assert_str(eff_str_printable(&arena, S("hello"), 5), S("hello"));
    assert_str(eff_str_printable(&arena, S("hello"), 4), S("hell..."));
    assert_str(eff_str_printable(&arena, S("hello"), 0), S("..."));
    // A character that crosses the limit is left out whole; a bad byte is not part of one.
    for (size_t max = 1; max < 5; max++)
        assert_str(eff_str_printable(&arena, S("a\xf0\x9f\x98\x80z"), max), S("a..."));
    assert_str(eff_str_printable(&arena, S("a\xf0\x9f\x98\x80z"), 5), S("a\xf0\x9f\x98\x80..."));
    assert_str(eff_str_printable(&arena, S("a\x80\x80\x80\x80z"), 3), S("a\\x80\\x80..."));
    shown = eff_str_printable(&arena, S("abc"), 9);
    assert_int_equal(shown.ptr[shown.len], 0);
}

static void
test_print_to(void **state)
{
    char field[8];

    (void)state;
    assert_int_equal(eff_str_print_to(field, sizeof(field), S("1234567")), 7);
    assert_string_equal(field, "1234567");
    assert_int_equal(eff_str_print_to(field, sizeof(field), S("12345678")), 7);
    assert_string_equal(field, "1234...");
    assert_int_equal(eff_str_print_to(field, sizeof(field), S("123\xc3\xa9\xc3\xa9\xc3\xa9")), 6);
    assert_string_equal(field, "123...");
    assert_int_equal(eff_str_print_to(field, sizeof(field), S("12\n")), 6);
    assert_string_equal(field, "12\\x0a");
    assert_int_equal(eff_str_print_to(field, sizeof(field), S("12\n345")), 5);
    assert_string_equal(field, "12...");
    assert_int_equal(eff_str_print_to(field, 4, S("abcd")), 3);
    assert_string_equal(field, "...");
    assert_int_equal(eff_str_print_to(field, 4, EFF_STR_NONE), 0);
}

/* Whatever goes in, what is shown is valid UTF-8, hides nothing and is shown as itself. */
static void
test_printable_random(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char text[40], field[48];
        size_t len = random_below(&random, sizeof(text) + 1), field_len;
        eff_str shown;

        for (size_t i = 0; i < len; i++) {
            unsigned kind = random_below(&random, 4);

            text[i] = (char)(kind == 0   ? 0x20 + random_below(&random, 0x5f)
                             : kind == 1 ? 0x80 + random_below(&random, 0x40)
                             : kind == 2 ? 0xe2
                                         : random_below(&random, 256));
        }
        shown = eff_str_printable(&arena, (eff_str){text, len}, random_below(&random, 50));
        assert_true(eff_utf8_valid(shown));
        assert_str(eff_str_printable(&arena, shown, SIZE_MAX), shown);
        field_len = eff_str_print_to(field, sizeof(field), (eff_str){text, len});
        assert_int_equal(strlen(field), field_len);
        assert_true(eff_utf8_valid(eff_str_of(field)));
        eff_arena_reset(&arena);
    }
}

static void
test_distance(void **state)
{
    char longer[200];
    uint64_t random = 2;

    (void)state;
    assert_int_equal(eff_str_distance(S(""), S(""), 3), 0);
    assert_int_equal(eff_str_distance(S(""), S("abc"), 3), 3);
    assert_int_equal(eff_str_distance(EFF_STR_NONE, S("abcd"), 3), 4);
    assert_int_equal(eff_str_distance(S("kitten"), S("sitting"), 3), 3);
    assert_int_equal(eff_str_distance(S("kitten"), S("sitting"), 2), 3);
    assert_int_equal(eff_str_distance(S("emial"), S("email"), 3), 1);
    assert_int_equal(eff_str_distance(S("Email"), S("eMAIL"), 3), 0);
    assert_int_equal(eff_str_distance(S("ca"), S("abc"), 5), 3); // each pair moves once
    assert_int_equal(eff_str_distance(S("abc"), S("xyz"), 0), 1);
    memset(longer, 'a', sizeof(longer));
    assert_int_equal(eff_str_distance((eff_str){longer, 128}, (eff_str){longer, 127}, 3), 1);
    assert_int_equal(eff_str_distance((eff_str){longer, 129}, (eff_str){longer, 128}, 3), 4);
    assert_int_equal(eff_str_distance((eff_str){longer, 200}, (eff_str){longer, 200}, 3), 0);

    for (int round = 0; round < 5000; round++) { // n edits are at most n apart, both ways round
        char a[32], b[32];
        size_t len = 1 + random_below(&random, 20), b_len = len;
        unsigned edits = random_below(&random, 4);

        for (size_t i = 0; i < len; i++)
            a[i] = b[i] = (char)('a' + random_below(&random, 4));
        for (unsigned i = 0; i < edits; i++) {
            size_t at = b_len == 0 ? 0 : random_below(&random, (unsigned)b_len);

            if (b_len > 0 && random_below(&random, 2) == 0) {
                b[at] = 'x';
            } else if (b_len > 0 && random_below(&random, 2) == 0) {
                memmove(b + at, b + at + 1, --b_len - at);
            } else {
                memmove(b + at + 1, b + at, b_len++ - at);
                b[at] = 'y';
            }
        }
        assert_true(eff_str_distance((eff_str){a, len}, (eff_str){b, b_len}, 9) <= edits);
        assert_int_equal(eff_str_distance((eff_str){a, len}, (eff_str){b, b_len}, 9),
                         eff_str_distance((eff_str){b, b_len}, (eff_str){a, len}, 9));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_utf8_every_code_point),
        cmocka_unit_test(test_utf8_every_sequence),
        cmocka_unit_test(test_utf8_anywhere),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_print_to),
        cmocka_unit_test(test_printable_random),
        cmocka_unit_test(test_distance),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
