/*
 * Goal: equal values, and only those, have equal canonical bytes and equal hashes;
 * a row's key is typed and injective; bad values and bad keys are told apart; the
 * sum of a row is the sum of its fields.
 * Method: groups of spellings of one value, compared with all others; random
 * decimals compared with exact arithmetic on their digits; mappings that
 * exchange, add and drop fields; every hostile text that UTF-8 knows.
 * covers: C8, D1
 */
// links: testlib base flow batch
#include "batch/row.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "lib/random.h"

#include <cmocka.h>

static struct eff_arena scratch;
static const struct eff_row_secret secret = {.key = {3, 4}, .seed = 5};

static struct eff_value
str(enum eff_kind kind, const char *text)
{
    return eff_value_of_str(kind, eff_str_of(text));
}

static struct eff_value
nanos_of(enum eff_kind kind, int64_t micros, uint32_t nanos)
{
    struct eff_value value = eff_value_of_int(kind, micros);

    value.len = nanos;
    return value;
}

static bool
can_be_key(const struct eff_value *value)
{
    return value->kind != EFF_NULL && value->kind != EFF_ABSENT && value->kind != EFF_JSON;
}

/* Of values that can be keys: the others have none. */
static bool
same_bytes(const struct eff_value *a, const struct eff_value *b)
{
    struct eff_buf x = {0}, y = {0};
    bool same;

    eff_value_canonical(&x, a);
    eff_value_canonical(&y, b);
    assert_int_equal(x.len > 0, can_be_key(a));
    assert_int_equal(y.len > 0, can_be_key(b));
    same = eff_str_eq(eff_buf_str(&x), eff_buf_str(&y));
    eff_buf_free(&x);
    eff_buf_free(&y);
    return same;
}

static void
assert_relation(struct eff_value a, struct eff_value b, bool same)
{
    bool hash = eff_value_hash(7, &a, scratch) == eff_value_hash(7, &b, scratch);

    if (hash != same || (same_bytes(&a, &b) != same && (can_be_key(&a) || can_be_key(&b)))) {
        struct eff_buf buf = {0};

        eff_value_text(&buf, &a);
        eff_buf_add(&buf, EFF_STR(" and "));
        eff_value_text(&buf, &b);
        eff_buf_add_char(&buf, 0);
        fail_msg("%s: hash %d, bytes %d, expected %d", buf.ptr, hash, same_bytes(&a, &b), same);
    }
}

#define SIXTY "123456789012345678901234567890123456789012345678901234567890"

/* Each value with its group: same group, same value. */
static void
groups_of_spellings(void **state)
{
    const struct {
        int group;
        struct eff_value value;
    } all[] = {
        {1, {.kind = EFF_NULL}},
        {2, {.kind = EFF_ABSENT}},
        {3, str(EFF_TEXT, "")},
        {4, eff_value_of_int(EFF_BOOL, 0)},
        {5, eff_value_of_int(EFF_BOOL, 1)},
        {10, eff_value_of_int(EFF_INT, 0)},
        {10, str(EFF_DECIMAL, "0")},
        {10, str(EFF_DECIMAL, "-0.000")},
        {10, str(EFF_DECIMAL, "0e77")},
        {11, eff_value_of_int(EFF_INT, 1)},
        {11, str(EFF_DECIMAL, "1.0")},
        {11, str(EFF_DECIMAL, "+001")},
        {11, str(EFF_DECIMAL, "0.01e2")},
        {11, str(EFF_DECIMAL, "1.00000000000000000000000000000000000000")},
        {12, eff_value_of_int(EFF_INT, INT64_MAX)},
        {12, str(EFF_DECIMAL, "9223372036854775807")},
        {12, str(EFF_DECIMAL, "9223372036854775807.00")},
        {13, str(EFF_DECIMAL, "9223372036854775808")},
        {14, eff_value_of_int(EFF_INT, INT64_MIN)},
        {14, str(EFF_DECIMAL, "-9223372036854775808.0")},
        {15, str(EFF_DECIMAL, "-9223372036854775809")},
        {16, eff_value_of_int(EFF_INT, 1000000000000000000)},
        {16, str(EFF_DECIMAL, "1e18")},
        {17, str(EFF_DECIMAL, "1e19")},
        {17, str(EFF_DECIMAL, "10000000000000000000")},
        {18, str(EFF_DECIMAL, "1e400")},
        {19, str(EFF_DECIMAL, "0.1")},
        {19, str(EFF_DECIMAL, ".1")},
        {19, str(EFF_DECIMAL, "1e-1")},
        {20, str(EFF_DECIMAL, "-0.1")},
        {21, str(EFF_DECIMAL, "12345678901234567890.123456789")},
        {21, str(EFF_DECIMAL, "012345678901234567890.12345678900")},
        {21, str(EFF_DECIMAL, "12345678901234567890123456789e-9")},
        {22, str(EFF_DECIMAL, "-12345678901234567890.123456789")},
        {23, str(EFF_DECIMAL, "123456789012345678901.23456789")},
        {24, str(EFF_DECIMAL, "18446744073709551617")}, // 2^64 + 1
        {25, str(EFF_DECIMAL, "18446744073709551616")},
        {26, str(EFF_DECIMAL, SIXTY "1234567")}, // hashed in pieces of 64 digits
        {26, str(EFF_DECIMAL, "0" SIXTY "1234567.00")},
        {26, str(EFF_DECIMAL, SIXTY "123.4567e4")},
        {26, str(EFF_DECIMAL, SIXTY "1234.567e3")},
        {26, str(EFF_DECIMAL, "." SIXTY "1234567e67")},
        {27, str(EFF_DECIMAL, SIXTY "1234568")},
        {28, str(EFF_DECIMAL, SIXTY "1235467")},
        {29, str(EFF_DECIMAL, SIXTY SIXTY "12345678")}, // to the last digit of a piece
        {29, str(EFF_DECIMAL, SIXTY SIXTY "1234.5678e4")},
        {30, eff_value_of_float(0.0)},
        {30, eff_value_of_float(-0.0)},
        {31, eff_value_of_float(1.0)},
        {32, eff_value_of_float((double)NAN)},
        {32, eff_value_of_float(-(double)NAN)},
        {33, eff_value_of_float((double)INFINITY)},
        {34, eff_value_of_float(0.1)},
        {40, str(EFF_TEXT, "1")},
        {41, str(EFF_TEXT, "1.0")},
        {42, str(EFF_TEXT, "a")},
        {43, str(EFF_TEXT, "A")},
        {44, str(EFF_TEXT, "a ")},
        {45, str(EFF_TEXT, "\xc3\xa4")},  // one code point
        {46, str(EFF_TEXT, "a\xcc\x88")}, // the same letter in two
        {47, str(EFF_BYTES, "a")},
        {48, str(EFF_BYTES, "")},
        {50, eff_value_of_int(EFF_DATE, 0)},
        {51, eff_value_of_int(EFF_TIME, 0)},
        {52, eff_value_of_int(EFF_DATETIME, 0)},
        {53, eff_value_of_int(EFF_INSTANT, 0)},
        {54, nanos_of(EFF_INSTANT, 0, 1)},
        {55, nanos_of(EFF_INSTANT, 1, 0)},
        {56, nanos_of(EFF_DATETIME, 0, 1)},
        {60, str(EFF_JSON, "{\"a\":1,\"b\":[1,2]}")},
        {60, str(EFF_JSON, " { \"b\" : [ 1.0 , 2e0 ] , \"\\u0061\" : 1 } ")},
        {61, str(EFF_JSON, "{\"a\":1,\"b\":[2,1]}")},
        {62, str(EFF_JSON, "{\"a\":[1,2],\"b\":1}")},
        {63, str(EFF_JSON, "{\"b\":[1,2]}")},
        {64, str(EFF_JSON, "{\"a\":1,\"b\":[1,2],\"c\":null}")},
        {65, str(EFF_JSON, "{}")},
        {66, str(EFF_JSON, "[]")},
        {67, str(EFF_JSON, "[[]]")},
        {68, str(EFF_JSON, "[null]")},
        {69, str(EFF_JSON, "null")},
        {70, str(EFF_JSON, "1")},
        {71, str(EFF_JSON, "\"1\"")},
        {72, str(EFF_JSON, "true")},
        {73, str(EFF_JSON, "[[1],2]")},
        {74, str(EFF_JSON, "[1,[2]]")},
        {75, str(EFF_JSON, "9007199254740993")},
        {76, str(EFF_JSON, "9007199254740992")},
        {77, str(EFF_JSON, "{\"a\":\"b\",\"c\":\"d\"}")},
        {78, str(EFF_JSON, "{\"a\":\"d\",\"c\":\"b\"}")},
        {79, str(EFF_JSON, "1e300")},
    };
    const size_t count = sizeof(all) / sizeof(all[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_null(eff_value_problem(&all[i].value, scratch));
        for (size_t k = 0; k <= i; k++)
            assert_relation(all[i].value, all[k].value, all[i].group == all[k].group);
    }
}

/* Digits with one point and an exponent, moved about; the canonical text decides who is equal. */
static size_t
random_decimal(uint64_t *seed, char text[96])
{
    unsigned digits = 1 + random_below(seed, random_below(seed, 4) ? 6 : 40);
    unsigned point = random_below(seed, digits + 2), few = 1 + random_below(seed, 3);
    size_t len = 0;

    if (random_below(seed, 3) == 0)
        text[len++] = '-';
    for (unsigned i = 0; i < digits; i++) {
        if (i == point)
            text[len++] = '.';
        text[len++] = (char)('0' + random_below(seed, few) % 10);
    }
    if (random_below(seed, 2))
        len += (size_t)snprintf(text + len, 16, "e%d", (int)random_below(seed, 9) - 4);
    return len;
}

static void
random_decimals_agree_with_their_canonical_text(void **state)
{
    enum { COUNT = 1500 };
    static char canonical[COUNT][256], text[COUNT][96];
    static struct eff_value values[COUNT];
    static uint64_t hashes[COUNT];
    size_t equal = 0;
    uint64_t seed = 2;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        size_t len = random_decimal(&seed, text[i]);

        values[i] = eff_value_of_str(EFF_DECIMAL, (eff_str){text[i], len});
        assert_true(eff_decimal_canonical(eff_value_str(&values[i]), canonical[i], 255) > 0);
        assert_null(eff_value_problem(&values[i], scratch));
        hashes[i] = eff_value_hash(7, &values[i], scratch);
        for (size_t k = 0; k < i; k++) {
            bool same = strcmp(canonical[i], canonical[k]) == 0;

            equal += same;
            if ((hashes[i] == hashes[k]) != same)
                fail_msg("%.96s and %.96s", text[i], text[k]);
        }
    }
    assert_true(equal > 100);
}

/* Up to 19 digits are taken in one pass, longer texts are not: with zeros behind, the same number. */
static void
short_decimals_are_those_with_more_zeros(void **state)
{
    struct eff_buf brief = {0}, padded = {0};
    uint64_t seed = 3;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        char text[2][64];
        unsigned digits = 1 + random_below(&seed, 19), point = random_below(&seed, digits + 1);
        struct eff_value value[2];
        size_t len = 0;

        if (random_below(&seed, 3) == 0)
            text[0][len++] = random_below(&seed, 2) ? '-' : '+';
        for (unsigned i = 0; i < digits; i++) {
            if (i == point)
                text[0][len++] = '.';
            text[0][len++] = (char)('0' + (random_below(&seed, 3) ? random_below(&seed, 10) : 0));
        }
        snprintf(text[1], sizeof(text[1]), "%.*s%s%s", (int)len, text[0],
                 memchr(text[0], '.', len) ? "" : ".", "00000000000000000000");
        value[0] = eff_value_of_str(EFF_DECIMAL, (eff_str){text[0], len});
        value[1] = eff_value_of_str(EFF_DECIMAL, eff_str_of(text[1]));
        assert_true(eff_value_hash(9, &value[0], scratch) == eff_value_hash(9, &value[1], scratch));
        eff_buf_reset(&brief);
        eff_buf_reset(&padded);
        eff_value_canonical(&brief, &value[0]);
        eff_value_canonical(&padded, &value[1]);
        assert_int_equal(brief.len, padded.len);
        assert_memory_equal(brief.ptr, padded.ptr, brief.len);
    }
    eff_buf_free(&brief);
    eff_buf_free(&padded);
}

static void
the_seed_matters(void **state)
{
    struct eff_value values[] = {eff_value_of_int(EFF_INT, 5), str(EFF_TEXT, "x"),
                                 str(EFF_DECIMAL, "0.1"), str(EFF_JSON, "{\"a\":[]}")};

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_true(eff_value_hash(1, &values[i], scratch) !=
                    eff_value_hash(2, &values[i], scratch));
}

/* Texts are looked at eight bytes at a time: each byte at each place of texts of each length. */
static void
each_byte_of_a_text_is_looked_at(void **state)
{
    char text[24];

    (void)state;
    for (size_t len = 1; len <= sizeof(text); len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned c = 0; c < 256; c++) {
                struct eff_value value = eff_value_of_str(EFF_TEXT, (eff_str){text, len});

                memset(text, 'x', sizeof(text));
                text[at] = (char)c;
                assert_int_equal(eff_value_problem(&value, scratch) != NULL, c == 0 || c > 0x7f);
            }
        }
    }
}

static void
problems_are_found(void **state)
{
    const struct eff_value bad[] = {
        str(EFF_BAD, "infinite"),
        {.kind = EFF_BAD}, // a source that does not say why
        str(EFF_TEXT, "\xff"),
        str(EFF_TEXT, "\xc3"),
        str(EFF_TEXT, "12345678\xc0\x80"),  // overlong
        str(EFF_TEXT, "12345\xed\xa0\x80"), // a surrogate
        str(EFF_TEXT, "\xf4\x90\x80\x80"),  // above U+10FFFF
        eff_value_of_str(EFF_TEXT, EFF_STR("a\0b")),
        eff_value_of_str(EFF_TEXT, EFF_STR("12345678\0")),
        eff_value_of_str(EFF_TEXT, EFF_STR("\xc3\xa4\0")),
        str(EFF_DECIMAL, ""),
        str(EFF_DECIMAL, "."),
        str(EFF_DECIMAL, "-"),
        str(EFF_DECIMAL, "1e"),
        str(EFF_DECIMAL, "1e5x"),
        str(EFF_DECIMAL, "1.2.3"),
        str(EFF_DECIMAL, "NaN"),
        str(EFF_DECIMAL, "1e99999999999999999999"),
        str(EFF_DECIMAL, "1 "),
        str(EFF_JSON, "{"),
        str(EFF_JSON, ""),
        str(EFF_JSON, "{\"a\":1,\"a\":2}"),
        str(EFF_JSON, "[1e99999999999999999999]"),
    };
    const struct eff_value good[] = {
        str(EFF_TEXT, "12345678\xf0\x9f\x98\x80 and more text"),
        str(EFF_TEXT, "\x7f\x01"),
        str(EFF_BYTES, "\xff"),
        str(EFF_DECIMAL, "1e999999"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const size_t column[] = {0};
        struct eff_field field = {.id = 1, .inputs_count = 1, .inputs = column};
        struct eff_mapping mapping = {.fields_count = 1, .fields = &field, .match_is_key = true};
        size_t blamed = 9;
        uint64_t hash;

        if (!eff_value_problem(&bad[i], scratch))
            fail_msg("number %zu has no problem", i);
        assert_int_equal(eff_row_hash(&mapping, &bad[i], &secret, scratch, &hash, &blamed),
                         EFF_ROW_VALUE_BAD);
        assert_int_equal(blamed, 0);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_null(eff_value_problem(&good[i], scratch));
}

/* ------------------------------------------------------------------------------- keys */

static enum eff_row_state
key_of(const struct eff_value *row, size_t count, struct eff_hash128 *ret_key, size_t *ret_column)
{
    static const size_t columns[] = {0, 1, 2};
    struct eff_mapping mapping = {.key_count = count, .key = columns};
    struct eff_buf buf = {0};
    enum eff_row_state state = eff_row_key(&mapping, row, &secret, &buf, ret_key, ret_column);

    eff_buf_free(&buf);
    return state;
}

static bool
same_key(struct eff_value a0, struct eff_value a1, struct eff_value b0, struct eff_value b1)
{
    const struct eff_value a[] = {a0, a1}, b[] = {b0, b1};
    struct eff_hash128 x, y;
    size_t column;

    assert_int_equal(key_of(a, 2, &x, &column), EFF_ROW_GOOD);
    assert_int_equal(key_of(b, 2, &y, &column), EFF_ROW_GOOD);
    return eff_hash128_cmp(x, y) == 0;
}

static void
keys_are_typed_and_injective(void **state)
{
    struct eff_value one = eff_value_of_int(EFF_INT, 1), two = eff_value_of_int(EFF_INT, 2);

    (void)state;
    assert_true(same_key(one, two, str(EFF_DECIMAL, "1.0"), str(EFF_DECIMAL, "2")));
    assert_false(same_key(one, two, two, one));
    assert_false(same_key(one, two, str(EFF_TEXT, "1"), two));
    assert_false(same_key(one, two, eff_value_of_float(1), two));
    assert_false(
        same_key(str(EFF_TEXT, "ab"), str(EFF_TEXT, "c"), str(EFF_TEXT, "a"), str(EFF_TEXT, "bc")));
    assert_false(same_key(str(EFF_TEXT, "x"), one, str(EFF_BYTES, "x"), one));
}

/* Spellings that some database or another takes for one: here each is a key of its own. */
static void
keys_that_look_alike_are_distinct(void **state)
{
    const struct eff_value all[] = {
        eff_value_of_int(EFF_INT, 1),
        eff_value_of_float(1.0),
        eff_value_of_int(EFF_BOOL, 1),
        eff_value_of_int(EFF_DATE, 1),
        eff_value_of_int(EFF_DATETIME, 1),
        eff_value_of_int(EFF_INSTANT, 1),
        str(EFF_BYTES, "1"),
        str(EFF_TEXT, "1"),
        str(EFF_TEXT, "1.0"),
        str(EFF_TEXT, "01"),
        str(EFF_TEXT, " 1"),
        str(EFF_TEXT, "1 "),
        str(EFF_TEXT, "1\t"),
        str(EFF_TEXT, "\xef\xbc\x91"), // fullwidth 1
        str(EFF_TEXT, "a"),
        str(EFF_TEXT, "A"),
        str(EFF_TEXT, "\xc3\xa9"),  // e with acute, composed
        str(EFF_TEXT, "e\xcc\x81"), // and decomposed
        str(EFF_TEXT, "\xc3\x89"),
        str(EFF_TEXT, "e"),
        str(EFF_TEXT, "ss"),
        str(EFF_TEXT, "\xc3\x9f"),
        str(EFF_TEXT, "1970-01-02"),
    };
    const size_t count = sizeof all / sizeof *all;
    struct eff_value one = eff_value_of_int(EFF_INT, 1);

    (void)state;
    assert_true(count * (count - 1) / 2 > 100);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            assert_int_equal(same_key(one, all[i], one, all[j]), i == j);
}

static void
what_cannot_be_a_key(void **state)
{
    static char large[EFF_ROW_KEY_MAX + 1], digits[EFF_ROW_KEY_MAX + 1];
    const struct {
        struct eff_value value;
        enum eff_row_state state;
    } all[] = {
        {{.kind = EFF_NULL}, EFF_ROW_KEY_NULL},
        {str(EFF_TEXT, ""), EFF_ROW_KEY_NULL},
        {str(EFF_TEXT, " \t"), EFF_ROW_KEY_NULL},
        {str(EFF_TEXT, "\xff"), EFF_ROW_KEY_BAD},
        {eff_value_of_float((double)NAN), EFF_ROW_KEY_BAD},
        {eff_value_of_float((double)INFINITY), EFF_ROW_KEY_BAD},
        {str(EFF_JSON, "1"), EFF_ROW_KEY_BAD},
        {str(EFF_BAD, "x"), EFF_ROW_KEY_BAD},
        {{.kind = EFF_ABSENT}, EFF_ROW_KEY_BAD},
        {str(EFF_DECIMAL, "x"), EFF_ROW_KEY_BAD},
        {eff_value_of_str(EFF_TEXT, (eff_str){large, sizeof(large)}), EFF_ROW_KEY_BAD},
        {eff_value_of_str(EFF_TEXT, (eff_str){large, 4092}), EFF_ROW_KEY_BAD}, // with the first
        {eff_value_of_str(EFF_DECIMAL, (eff_str){digits, sizeof(digits)}), EFF_ROW_KEY_BAD},
        {eff_value_of_str(EFF_DECIMAL, (eff_str){digits, 4000}), EFF_ROW_GOOD},
        {eff_value_of_str(EFF_TEXT, (eff_str){large, 4000}), EFF_ROW_GOOD},
        {str(EFF_BYTES, ""), EFF_ROW_GOOD},
        {eff_value_of_int(EFF_INT, 0), EFF_ROW_GOOD},
        {eff_value_of_int(EFF_BOOL, 0), EFF_ROW_GOOD},
    };

    (void)state;
    memset(large, 'x', sizeof(large));
    memset(digits, '1', sizeof(digits));
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const struct eff_value row[] = {eff_value_of_int(EFF_INT, 1), all[i].value};
        struct eff_hash128 key;
        size_t column = 9;

        assert_int_equal(key_of(row, 2, &key, &column), all[i].state);
        assert_int_equal(column, 1);
    }
}

/* A key of which only a part was written would be another row's. */
static void
no_memory_no_key(void **state)
{
    static const size_t columns[] = {0, 1};
    const struct eff_value row[] = {eff_value_of_int(EFF_INT, 1), str(EFF_TEXT, "a")};
    struct eff_mapping mapping = {.key_count = 2, .key = columns};
    struct eff_hash128 key;
    size_t column;

    (void)state;
    for (size_t max = 1; max < 16; max++) {
        struct eff_buf buf = {.max = max};

        assert_int_equal(eff_row_key(&mapping, row, &secret, &buf, &key, &column),
                         max < 15 ? EFF_ROW_KEY_BAD : EFF_ROW_GOOD);
        assert_int_equal(column, max < 9 ? 0 : 1);
        eff_buf_free(&buf);
    }
}

static void
keys_as_json(void **state)
{
    static const size_t columns[] = {2, 0};
    const eff_str names[] = {EFF_STR("account \"id\""), EFF_STR("user_id")};
    const struct eff_value row[] = {eff_value_of_int(EFF_INT, 7), str(EFF_TEXT, "no"),
                                    str(EFF_TEXT, "a")};
    struct eff_mapping mapping = {.key_count = 2, .key = columns, .key_names = names};
    struct eff_buf buf = {0};

    (void)state;
    eff_row_key_json(&buf, &mapping, row);
    assert_true(eff_str_is(eff_buf_str(&buf), "{\"account \\\"id\\\"\":\"a\",\"user_id\":7}"));
    eff_buf_free(&buf);
}

/* ------------------------------------------------------------------------------- sums */

static uint64_t
sum_of(const struct eff_field *fields, size_t count, const struct eff_value *row)
{
    struct eff_mapping mapping = {.fields_count = count, .fields = fields, .match_is_key = true};
    uint64_t hash = 0;
    size_t column;

    assert_int_equal(eff_row_hash(&mapping, row, &secret, scratch, &hash, &column), EFF_ROW_GOOD);
    return hash;
}

static void
a_sum_is_the_sum_of_its_fields(void **state)
{
    static const size_t first[] = {0}, second[] = {1}, both[] = {0, 1}, swapped[] = {1, 0};
    const struct eff_value row[] = {eff_value_of_int(EFF_INT, 1), str(EFF_TEXT, "x")};
    const struct eff_field a = {.id = 10, .inputs_count = 1, .inputs = first};
    const struct eff_field b = {.id = 11, .inputs_count = 1, .inputs = second};
    const struct eff_field c = {.id = 12, .inputs_count = 2, .inputs = both};
    const struct eff_field d = {.id = 12, .inputs_count = 2, .inputs = swapped};
    const struct eff_field constant = {.id = 13};
    const struct eff_field ab[] = {a, b}, ba[] = {b, a}, abc[] = {a, b, c},
                           abk[] = {a, b, constant};
    uint64_t ha = eff_field_hash(&a, row, secret.seed, scratch);
    uint64_t hb = eff_field_hash(&b, row, secret.seed, scratch);
    uint64_t hc = eff_field_hash(&c, row, secret.seed, scratch);

    (void)state;
    assert_int_equal(sum_of(ab, 2, row), ha + hb);
    assert_int_equal(sum_of(ba, 2, row), ha + hb);
    assert_int_equal(sum_of(abc, 3, row), ha + hb + hc);
    assert_true(hc != eff_field_hash(&d, row, secret.seed, scratch)); // order of inputs
    assert_true(ha !=
                eff_field_hash(&(struct eff_field){.id = 11, .inputs_count = 1, .inputs = first},
                               row, secret.seed, scratch));
    assert_int_equal(sum_of(abk, 3, row) - sum_of(ab, 2, row),
                     eff_field_hash(&constant, row, secret.seed, scratch));
}

/* Exchanging two columns' values must not cancel out. */
static void
exchanged_values_show(void **state)
{
    static const size_t first[] = {0}, second[] = {1};
    const struct eff_field fields[] = {{.id = 1, .inputs_count = 1, .inputs = first},
                                       {.id = 2, .inputs_count = 1, .inputs = second}};
    const struct eff_value row[] = {eff_value_of_int(EFF_INT, 1), eff_value_of_int(EFF_INT, 2)};
    const struct eff_value exchanged[] = {row[1], row[0]};

    (void)state;
    assert_true(sum_of(fields, 2, row) != sum_of(fields, 2, exchanged));
}

static void
match_counts_unless_it_is_the_key(void **state)
{
    static const size_t first[] = {0};
    const struct eff_field field = {.id = 1, .inputs_count = 1, .inputs = first};
    const struct eff_value row[] = {eff_value_of_int(EFF_INT, 1)};
    const struct eff_value bad[] = {str(EFF_TEXT, "\xff")};
    struct eff_mapping mapping = {.match_count = 1, .match = &field, .match_is_key = true};
    uint64_t with_key = 1, without = 1;
    size_t column;

    (void)state;
    assert_int_equal(eff_row_hash(&mapping, row, &secret, scratch, &with_key, &column),
                     EFF_ROW_GOOD);
    mapping.match_is_key = false;
    assert_int_equal(eff_row_hash(&mapping, row, &secret, scratch, &without, &column),
                     EFF_ROW_GOOD);
    assert_int_equal(with_key, 0);
    assert_true(without != 0);
    assert_true(without != sum_of(&field, 1, row)); // as a match, not as a field
    assert_int_equal(eff_row_hash(&mapping, bad, &secret, scratch, &without, &column),
                     EFF_ROW_VALUE_BAD);
}

/* A sum of 64 bits over rows that differ in little: no two may meet in 200,000. */
static int
hash_cmp(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void
near_rows_do_not_collide(void **state)
{
    enum { COUNT = 200000 };
    static const size_t first[] = {0}, second[] = {1};
    const struct eff_field fields[] = {{.id = 1, .inputs_count = 1, .inputs = first},
                                       {.id = 2, .inputs_count = 1, .inputs = second}};
    uint64_t *hashes = calloc(COUNT, sizeof(*hashes));

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        const struct eff_value row[] = {eff_value_of_int(EFF_INT, i % 500),
                                        eff_value_of_int(EFF_INT, i / 500)};

        hashes[i] = sum_of(fields, 2, row);
    }
    qsort(hashes, COUNT, sizeof(*hashes), hash_cmp);
    for (int i = 1; i < COUNT; i++)
        assert_true(hashes[i] != hashes[i - 1]);
    free(hashes);
}

/* ---------------------------------------------------------------------------- content */

static void
content_comes_back(void **state)
{
    const struct eff_value row[] = {eff_value_of_int(EFF_INT, 7),
                                    str(EFF_TEXT, "left out"),
                                    str(EFF_TEXT, "kept"),
                                    {.kind = EFF_NULL},
                                    nanos_of(EFF_INSTANT, -5, 6)};
    const bool needed[] = {true, false, true, true, true};
    struct eff_value back[5];
    struct eff_buf buf = {0};
    eff_str content;

    (void)state;
    eff_content_write(&buf, needed, 5, row);
    content = eff_buf_str(&buf);
    assert_true(eff_content_read(content, needed, 5, back));
    assert_int_equal(back[0].i, 7);
    assert_int_equal(back[1].kind, EFF_NULL);
    assert_true(eff_str_is(eff_value_str(&back[2]), "kept"));
    assert_int_equal(back[3].kind, EFF_NULL);
    assert_int_equal(back[4].i, -5);
    assert_int_equal(back[4].len, 6);
    for (size_t cut = 0; cut < content.len; cut++)
        assert_false(eff_content_read((eff_str){content.ptr, cut}, needed, 5, back));
    eff_buf_add_char(&buf, 0);
    assert_false(eff_content_read(eff_buf_str(&buf), needed, 5, back));
    eff_buf_free(&buf);
}

static int
setup(void **state)
{
    (void)state;
    eff_arena_init(&scratch, "scratch", (size_t)64 << 20);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    eff_arena_deinit(&scratch);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_of_spellings),
        cmocka_unit_test(random_decimals_agree_with_their_canonical_text),
        cmocka_unit_test(short_decimals_are_those_with_more_zeros),
        cmocka_unit_test(the_seed_matters),
        cmocka_unit_test(each_byte_of_a_text_is_looked_at),
        cmocka_unit_test(problems_are_found),
        cmocka_unit_test(keys_are_typed_and_injective),
        cmocka_unit_test(keys_that_look_alike_are_distinct),
        cmocka_unit_test(what_cannot_be_a_key),
        cmocka_unit_test(no_memory_no_key),
        cmocka_unit_test(keys_as_json),
        cmocka_unit_test(a_sum_is_the_sum_of_its_fields),
        cmocka_unit_test(exchanged_values_show),
        cmocka_unit_test(match_counts_unless_it_is_the_key),
        cmocka_unit_test(near_rows_do_not_collide),
        cmocka_unit_test(content_comes_back),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
