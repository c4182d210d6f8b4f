/*
 * Goal: arrays of Arrow's C data interface become the cells that source/arrow_type.h
 * says, whatever their offsets and bitmaps; a schema or an array that contradicts
 * itself is told, and never followed.
 * Method: schemas and arrays put together by hand, good ones and the same ones
 * with one thing wrong.
 */
// links: base flow source
#include "base/buf.h"
#include "source/arrow_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PARTS 8

static struct eff_arena arena;
static struct eff_err err;

static void
schema_released(struct eff_arrow_schema *schema)
{
    schema->release = NULL;
}

static void
array_released(struct eff_arrow_array *array)
{
    array->release = NULL;
}

static struct eff_arrow_schema *
schema_of(const char *format, const char *name)
{
    struct eff_arrow_schema *schema = eff_new(&arena, struct eff_arrow_schema, 1);

    schema->format = format;
    schema->name = name;
    schema->release = schema_released;
    schema->children = eff_new(&arena, struct eff_arrow_schema *, PARTS);
    return schema;
}

static struct eff_arrow_schema *
with_child(struct eff_arrow_schema *schema, struct eff_arrow_schema *child)
{
    schema->children[schema->n_children++] = child;
    return schema;
}

static void
add_pair(struct eff_buf *buf, const char *key, const char *value)
{
    int32_t key_len = (int32_t)strlen(key), len = (int32_t)strlen(value);

    eff_buf_add_bytes(buf, &key_len, 4);
    eff_buf_add_bytes(buf, key, (size_t)key_len);
    eff_buf_add_bytes(buf, &len, 4);
    eff_buf_add_bytes(buf, value, (size_t)len);
}

/* An extension's name and metadata among other pairs, as the interface packs them. */
static struct eff_arrow_schema *
with_metadata(struct eff_arrow_schema *schema, const char *name, const char *metadata)
{
    struct eff_buf buf = {0};
    int32_t count = 3;

    eff_buf_add_bytes(&buf, &count, 4);
    add_pair(&buf, "x", "");
    add_pair(&buf, "ARROW:extension:name", name);
    add_pair(&buf, "ARROW:extension:metadata", metadata);
    schema->metadata = eff_str_copy(&arena, eff_buf_str(&buf)).ptr;
    eff_buf_free(&buf);
    return schema;
}

static struct eff_arrow_schema *
with_extension(struct eff_arrow_schema *schema, const char *name)
{
    return with_metadata(schema, name, "");
}

/* Buffers are given in order, the bitmap first; they end with one that is `parts_end`. */
static const char parts_end[1];

static struct eff_arrow_array *
array_of(int64_t length, ...)
{
    struct eff_arrow_array *array = eff_new(&arena, struct eff_arrow_array, 1);
    const void *part;
    va_list args;

    array->length = length;
    array->null_count = -1;
    array->release = array_released;
    array->children = eff_new(&arena, struct eff_arrow_array *, PARTS);
    array->buffers = eff_new(&arena, const void *, PARTS);
    va_start(args, length);
    while ((part = va_arg(args, const void *)) != parts_end)
        array->buffers[array->n_buffers++] = part;
    va_end(args);
    return array;
}

static struct eff_arrow_array *
with_part(struct eff_arrow_array *array, struct eff_arrow_array *child)
{
    array->children[array->n_children++] = child;
    return array;
}

static struct eff_arrow_array *
from_row(struct eff_arrow_array *array, int64_t offset)
{
    array->offset = offset;
    array->length -= offset;
    return array;
}

/* "integer:1 null:", or what is wrong with the schema, the array or its values. */
static const char *
shown(const struct eff_arrow_schema *schema, const struct eff_arrow_array *array)
{
    struct eff_arrow_context context = {.batch = &arena};
    struct eff_value *cells = eff_new(&arena, struct eff_value, (size_t)array->length + 1);
    struct eff_buf buf = {0};
    struct eff_arrow_type type;
    const char *why, *text;

    err = (struct eff_err){0};
    if (eff_arrow_type_of(schema, &arena, &type, &err) != EFF_OK)
        return err.msg;
    why = eff_arrow_problem(&type, array, array->length);
    if (why)
        return why;
    eff_arrow_column(&context, &type, array, 0, (size_t)array->length, cells, 1);
    for (int64_t i = 0; i < array->length; i++) {
        eff_buf_addf(&buf, "%s%s:", i ? " " : "", eff_kind_name((enum eff_kind)cells[i].kind));
        if (cells[i].kind == EFF_BAD)
            eff_buf_add(&buf, eff_value_str(&cells[i]));
        else
            eff_value_text(&buf, &cells[i]);
    }
    text = context.broken ? context.broken : eff_str_c(&arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    eff_buf_free(&context.json);
    return text;
}

static const char *
shown_flat(const char *format, int64_t length, const void *data)
{
    return shown(schema_of(format, "c"), array_of(length, NULL, data, parts_end));
}

/* ------------------------------------------------------------------------------- good */

#define FLAT(format, type, expected, ...)                                                          \
    do {                                                                                           \
        const type values_[] = {__VA_ARGS__};                                                      \
        assert_string_equal(shown_flat(format, sizeof(values_) / sizeof(type), values_),           \
                            expected);                                                             \
    } while (0)

static void
numbers(void **state)
{
    (void)state;
    assert_string_equal(shown_flat("b", 3, "\x05"), "boolean:true boolean:false boolean:true");
    FLAT("c", int8_t, "integer:-128 integer:127", INT8_MIN, INT8_MAX);
    FLAT("C", uint8_t, "integer:0 integer:255", 0, UINT8_MAX);
    FLAT("s", int16_t, "integer:-32768 integer:32767", INT16_MIN, INT16_MAX);
    FLAT("S", uint16_t, "integer:65535", UINT16_MAX);
    FLAT("i", int32_t, "integer:-2147483648 integer:2147483647", INT32_MIN, INT32_MAX);
    FLAT("I", uint32_t, "integer:4294967295", UINT32_MAX);
    FLAT("l", int64_t, "integer:-9223372036854775808 integer:9223372036854775807", INT64_MIN,
         INT64_MAX);
    FLAT("L", uint64_t, "integer:9223372036854775807 decimal:18446744073709551615", INT64_MAX,
         UINT64_MAX);
    FLAT(
        "e", uint16_t,
        "float:0.1 float:-2 float:65504 float:6e-8 float:6.104e-5 float:0 float:Infinity float:NaN",
        0x2e66, 0xc000, 0x7bff, 0x0001, 0x0400, 0, 0x7c00, 0x7e00);
    FLAT("f", float, "float:0.1 float:3.4028235e+38", 0.1f, 3.4028235e38f);
    FLAT("g", double, "float:0.1 float:5e-324 float:-Infinity", 0.1, 5e-324, -1.0 / 0.0);
    assert_string_equal(shown(with_extension(schema_of("c", "c"), "arrow.bool8"),
                              array_of(3, NULL, "\0\1\2", parts_end)),
                        "boolean:false boolean:true boolean:true");
    assert_string_equal(shown(schema_of("n", "c"), array_of(2, parts_end)), "null: null:");
    assert_string_equal(shown(schema_of("n", "c"), array_of(1, NULL, parts_end)), "null:");
}

static void
decimals(void **state)
{
    static const uint64_t wide[][4] = {
        {1, 0, 0, 0},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
        {0, 0, 0, 0},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, INT64_MAX},
        {0, 0, 0, UINT64_C(1) << 63},
    };

    (void)state;
    FLAT("d:9,2,32", int32_t, "decimal:12.34 decimal:-0.05", 1234, -5);
    FLAT("d:18,0,64", int64_t, "integer:-1", -1);
    FLAT("d:38,10", __int128, "decimal:0.0000000001 decimal:-1.5000000000", 1, -15000000000);
    FLAT("d:38,-3,128", __int128, "decimal:7000 decimal:0 decimal:-12000", 7, 0, -12);
    FLAT("d:38,40", __int128, "decimal:0.0000000000000000000000000000000000000007", 7);
    assert_string_equal(
        shown_flat("d:76,0,256", 5, wide),
        "decimal:1 decimal:-1 decimal:0 "
        "decimal:57896044618658097711785492504343953926634992332820282019728792003956564819967 "
        "decimal:-57896044618658097711785492504343953926634992332820282019728792003956564819968");
    assert_string_equal(
        shown_flat("d:76,77,256", 4, wide),
        "decimal:0.00000000000000000000000000000000000000000000000000000000000000000000000000001 "
        "decimal:-0.00000000000000000000000000000000000000000000000000000000000000000000000000001 "
        "decimal:0.00000000000000000000000000000000000000000000000000000000000000000000000000000 "
        "decimal:0.57896044618658097711785492504343953926634992332820282019728792003956564819967");
    assert_string_equal(shown_flat("d:76,1,256", 2, wide), "decimal:0.1 decimal:-0.1");
}

static void
times(void **state)
{
    static const int32_t days_ms[] = {3, 1500, -1, -1};
    static const struct {
        int32_t months, days;
        int64_t nanos;
    } intervals[] = {{14, -3, 1}, {0, 0, 0}, {-1, 0, -1500000000}};

    (void)state;
    FLAT("tdD", int32_t,
         "date:1970-01-01 date:0001-01-01 bad:the date is infinite"
         " bad:the date is outside the years 1 to 9999",
         0, -719162, INT32_MAX, 3000000);
    FLAT("tdm", int64_t, "date:1969-12-31 date:1970-01-02", -1, 86400000);
    FLAT("tts", int32_t, "time:23:59:59 bad:the time is none of a day", 86399, 86402);
    FLAT("ttm", int32_t, "time:00:00:00.001", 1);
    FLAT("ttu", int64_t, "time:00:00:00.000001 bad:the time is none of a day", 1, -1);
    FLAT("ttn", int64_t, "time:23:59:59.999999999", 86399999999999);
    FLAT("tss:", int64_t,
         "datetime:2024-02-29T12:30:00 bad:the timestamp is outside the years 1 to 9999",
         1709209800, INT64_MAX / 2);
    FLAT("tsm:", int64_t, "datetime:1969-12-31T23:59:59.999", -1);
    FLAT("tsu:UTC", int64_t, "timestamp:1969-12-31T23:59:59.999999Z bad:the timestamp is infinite",
         -1, INT64_MAX);
    FLAT("tsn:Europe/Berlin", int64_t,
         "timestamp:1969-12-31T23:59:59.999999999Z timestamp:1969-12-31T23:59:59.999999Z"
         " timestamp:1970-01-01T00:00:00.000001001Z",
         -1, -1000, 1001);
    FLAT("tDs", int64_t, "text:25:01:01 bad:the duration is too large", 90061, INT64_MAX);
    FLAT("tDn", int64_t, "text:-00:00:00.000000001 text:00:00:00", -1, 0);
    FLAT("tiM", int32_t, "text:1 year 2 months text:-1 month", 14, -1);
    assert_string_equal(shown_flat("tiD", 2, days_ms),
                        "text:3 days 00:00:01.5 text:-1 day -00:00:00.001");
    assert_string_equal(shown_flat("tin", 3, intervals),
                        "text:1 year 2 months -3 days 00:00:00.000000001 text:00:00:00"
                        " text:-1 month -00:00:01.5");
}

static void
texts(void **state)
{
    static const int32_t offsets[] = {0, 1, 1, 6};
    static const int64_t large[] = {0, 1, 1, 6};
    static const struct {
        int32_t len;
        char text[12];
    } views[] = {{3, "abc"}, {14, "long\1\0\0\0\2\0\0"}, {12, "hello worlds"}, {0, ""}};
    static const int64_t sizes[] = {0, 16};
    struct eff_arrow_schema *schema = with_extension(schema_of("w:16", "c"), "arrow.uuid");

    (void)state;
    assert_string_equal(
        shown(schema_of("u", "c"), array_of(3, NULL, offsets, "ab\xc3\xa4xx", parts_end)),
        "text:a text: text:b\xc3\xa4xx");
    assert_string_equal(shown(schema_of("U", "c"), array_of(3, NULL, large, "abcdef", parts_end)),
                        "text:a text: text:bcdef");
    assert_string_equal(
        shown(schema_of("z", "c"), array_of(3, NULL, offsets, "a\xff\0\0\0\0", parts_end)),
        "bytes:YQ== bytes: bytes:/wAAAAA=");
    assert_string_equal(shown(schema_of("vu", "c"),
                              array_of(4, NULL, views, "", "..longer than 12", sizes, parts_end)),
                        "text:abc text:longer than 12 text:hello worlds text:");
    assert_string_equal(shown(schema_of("vz", "c"), array_of(1, NULL, views, NULL, parts_end)),
                        "bytes:YWJj");
    assert_string_equal(shown_flat("w:3", 2, "abcdef"), "bytes:YWJj bytes:ZGVm");
    assert_string_equal(shown(schema, array_of(1, NULL, "0123456789abcdef", parts_end)),
                        "text:30313233-3435-3637-3839-616263646566");
    assert_string_equal(shown(with_extension(schema_of("u", "c"), "arrow.json"),
                              array_of(1, NULL, offsets, "1", parts_end)),
                        "json:1");
    // All empty: the bytes may be missing; no values: so may everything.
    assert_string_equal(
        shown(schema_of("u", "c"), array_of(1, NULL, "\0\0\0\0\0\0\0", NULL, parts_end)), "text:");
    assert_string_equal(shown(schema_of("u", "c"), array_of(0, NULL, NULL, NULL, parts_end)), "");
}

static void
opaque_types(void **state)
{
    static const int32_t offsets[] = {0, 4, 5};
    static const char numeric[] = "{\"type_name\": \"numeric\", \"vendor_name\": \"P\"}";
    struct eff_arrow_array *text = array_of(2, NULL, offsets, "1.507", parts_end);
    struct eff_arrow_array *bytes = array_of(0, NULL, NULL, parts_end);

    (void)state;
    assert_string_equal(shown(with_metadata(schema_of("u", "c"), "arrow.opaque", numeric), text),
                        "decimal:1.50 decimal:7");
    assert_string_equal(shown(with_metadata(schema_of("u", "c"), "arrow.opaque", "{}"), text),
                        "text:1.50 text:7");
    assert_string_equal(shown(with_metadata(schema_of("u", "c"), "arrow.opaque", "{"), text),
                        "text:1.50 text:7");
    assert_non_null(strstr(
        shown(with_metadata(schema_of("w:8", "c"), "arrow.opaque", numeric), bytes), "own type"));
}

static void
windows_and_bitmaps(void **state)
{
    static const int32_t numbers_[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const int32_t offsets[] = {0, 1, 2, 3, 4};
    struct eff_arrow_array *array = array_of(10, "\xb7\xfe", numbers_, parts_end);

    (void)state;
    assert_string_equal(
        shown(schema_of("i", "c"), array),
        "integer:0 integer:1 integer:2 null: integer:4 integer:5 null: integer:7 null:"
        " integer:9");
    assert_string_equal(shown(schema_of("i", "c"), from_row(array, 5)),
                        "integer:5 null: integer:7 null: integer:9");
    array->null_count = 0; // then the bitmap means nothing
    assert_string_equal(shown(schema_of("i", "c"), array),
                        "integer:5 integer:6 integer:7 integer:8 integer:9");
    assert_string_equal(
        shown(schema_of("b", "c"), from_row(array_of(11, "\xff\x03", "\x00\x06", parts_end), 8)),
        "boolean:false boolean:true null:");
    assert_string_equal(
        shown(schema_of("u", "c"), from_row(array_of(4, "\x0b", offsets, "abcd", parts_end), 1)),
        "text:b null: text:d");
    // Buffers need not be aligned.
    assert_string_equal(shown_flat("l", 1, &"x\1\0\0\0\0\0\0"[1]), "integer:1");
}

/* [{a: 1, b: "x"}, NULL, {a: NULL, b: "z"}], the children with windows of their own. */
static struct eff_arrow_array *
pairs(void)
{
    static const int64_t a[] = {9, 9, 1, 2, 3};
    static const int32_t b[] = {0, 0, 1, 2, 3};

    return with_part(
        with_part(array_of(3, "\x05", parts_end), from_row(array_of(5, "\x0f", a, parts_end), 2)),
        from_row(array_of(4, NULL, b, "xyz", parts_end), 1));
}

static struct eff_arrow_schema *
pairs_schema(const char *format)
{
    return with_child(with_child(schema_of(format, "s"), schema_of("l", "a")), schema_of("u", "b"));
}

static void
structs_and_lists(void **state)
{
    static const int32_t offsets[] = {0, 2, 2, 3};
    static const int64_t large[] = {0, 2, 2, 3}, starts[] = {2, 0}, counts[] = {1, 3};
    struct eff_arrow_schema *list = with_child(schema_of("+l", "l"), pairs_schema("+s"));

    (void)state;
    assert_string_equal(shown(pairs_schema("+s"), pairs()),
                        "json:{\"a\":1,\"b\":\"x\"} null: json:{\"a\":null,\"b\":\"z\"}");
    assert_string_equal(shown(pairs_schema("+s"), from_row(pairs(), 2)),
                        "json:{\"a\":null,\"b\":\"z\"}");
    assert_string_equal(
        shown(list, with_part(array_of(3, NULL, offsets, parts_end), pairs())),
        "json:[{\"a\":1,\"b\":\"x\"},null] json:[] json:[{\"a\":null,\"b\":\"z\"}]");
    list->format = "+L";
    assert_string_equal(
        shown(list, with_part(array_of(3, NULL, large, parts_end), pairs())),
        "json:[{\"a\":1,\"b\":\"x\"},null] json:[] json:[{\"a\":null,\"b\":\"z\"}]");
    list->format = "+vL";
    assert_string_equal(
        shown(list, with_part(array_of(2, "\x03", starts, counts, parts_end), pairs())),
        "json:[{\"a\":null,\"b\":\"z\"}]"
        " json:[{\"a\":1,\"b\":\"x\"},null,{\"a\":null,\"b\":\"z\"}]");
    list->format = "+w:1";
    assert_string_equal(shown(list, with_part(from_row(array_of(3, NULL, parts_end), 1), pairs())),
                        "json:[null] json:[{\"a\":null,\"b\":\"z\"}]");
    assert_string_equal(shown(with_child(schema_of("+l", "l"), schema_of("g", "item")),
                              with_part(array_of(1, NULL, offsets, parts_end),
                                        array_of(2, NULL, (double[]){1.5, 0.0 / 0.0}, parts_end))),
                        "bad:a nested number is NaN or infinite, which JSON has not");
}

/* The row is bad then, and the JSON that was begun is given up. */
static void
nested_values_that_json_has_not(void **state)
{
    static const int32_t offsets[] = {0, 2}, none[] = {0, 0, 0}, beyond[] = {0, 9};
    static const char nan_text[] = "bad:a nested number is NaN or infinite, which JSON has not";
    struct eff_arrow_schema *number = schema_of("g", "n"), *text = schema_of("u", "k");
    struct eff_arrow_array *nan = array_of(2, NULL, (double[]){0.0 / 0.0, 1}, parts_end);
    struct eff_arrow_array *texts = array_of(2, NULL, none, "", parts_end);
    struct eff_arrow_schema *map = with_child(
        schema_of("+m", "m"), with_child(with_child(schema_of("+s", "e"), text), number));
    struct eff_arrow_array *entries =
        with_part(with_part(array_of(2, NULL, parts_end), texts), nan);
    struct eff_arrow_schema *list = with_child(schema_of("+l", "l"), number);

    (void)state;
    assert_string_equal(shown(with_child(schema_of("+s", "s"), number),
                              with_part(array_of(1, NULL, parts_end), nan)),
                        nan_text);
    assert_string_equal(shown(map, with_part(array_of(1, NULL, offsets, parts_end), entries)),
                        nan_text);
    assert_string_equal(shown(with_child(schema_of("+s", "s"), list),
                              with_part(array_of(1, NULL, parts_end),
                                        with_part(array_of(1, NULL, offsets, parts_end), nan))),
                        nan_text);
    assert_string_equal(shown(with_child(schema_of("+s", "s"), schema_of("tdD", "d")),
                              with_part(array_of(1, NULL, parts_end),
                                        array_of(1, NULL, (int32_t[]){INT32_MAX}, parts_end))),
                        "bad:the date is infinite");
    assert_string_equal(shown(with_child(schema_of("+s", "s"), list),
                              with_part(array_of(1, NULL, parts_end),
                                        with_part(array_of(1, NULL, beyond, parts_end), nan))),
                        "a list is not within its values");
    assert_string_equal(
        shown(with_child(schema_of("+s", "s"), pairs_schema("+us:0,5")),
              with_part(array_of(1, NULL, parts_end),
                        with_part(with_part(array_of(1, "\x07", parts_end), pairs()->children[0]),
                                  pairs()->children[1]))),
        "a union's member is not there");
}

static void
maps_and_unions(void **state)
{
    static const int32_t offsets[] = {0, 1, 2}, rows[] = {1, 0};
    struct eff_arrow_array *map = array_of(2, NULL, offsets, parts_end);
    struct eff_arrow_array *dense = array_of(2, "\x05\x00", rows, parts_end);
    struct eff_arrow_array *sparse = array_of(2, "\x05\x00", parts_end);
    struct eff_arrow_array *pair = pairs();

    (void)state;
    pair->buffers[0] = NULL;
    assert_string_equal(
        shown(with_child(schema_of("+m", "m"), pairs_schema("+s")), with_part(map, pair)),
        "json:{\"1\":\"x\"} json:{\"2\":\"y\"}");
    map->offset = 1; // the second and the third pair, whose key is NULL
    map->length = 1;
    map->buffers[1] = (int32_t[]){0, 1, 3};
    assert_string_equal(shown(with_child(schema_of("+m", "m"), pairs_schema("+s")), map),
                        "bad:a map's key is NULL");
    dense->children = sparse->children = pairs()->children;
    dense->n_children = sparse->n_children = 2;
    assert_string_equal(shown(pairs_schema("+ud:0,5"), dense), "json:\"y\" json:1");
    assert_string_equal(shown(pairs_schema("+us:0,5"), sparse), "json:\"x\" json:2");
}

static void
dictionaries_and_runs(void **state)
{
    static const int32_t offsets[] = {0, 1, 3, 3};
    static const int16_t ends[] = {2, 3, 7};
    struct eff_arrow_schema *schema = schema_of("C", "d"), *runs = schema_of("+r", "r");
    struct eff_arrow_array *array = array_of(4, "\x07", "\1\0\2\0", parts_end),
                           *run = array_of(7, parts_end);

    (void)state;
    schema->dictionary = schema_of("u", "");
    array->dictionary = array_of(3, "\x03", offsets, "abb", parts_end);
    assert_string_equal(shown(schema, array), "text:bb text:a null: null:");
    schema->dictionary = pairs_schema("+s");
    array->dictionary = pairs();
    assert_string_equal(shown(schema, array),
                        "null: json:{\"a\":1,\"b\":\"x\"} json:{\"a\":null,\"b\":\"z\"} null:");
    // A dictionary of structs within a list.
    assert_string_equal(shown(with_child(schema_of("+l", "l"), schema),
                              with_part(array_of(1, NULL, offsets + 1, parts_end), array)),
                        "json:[{\"a\":1,\"b\":\"x\"},{\"a\":null,\"b\":\"z\"}]");
    with_child(with_child(runs, schema_of("s", "run_ends")), schema_of("l", "values"));
    with_part(with_part(run, array_of(3, NULL, ends, parts_end)),
              array_of(3, "\x05", (int64_t[]){7, 8, 9}, parts_end));
    assert_string_equal(shown(runs, run),
                        "integer:7 integer:7 null: integer:9 integer:9 integer:9 integer:9");
    assert_string_equal(shown(runs, from_row(run, 2)),
                        "null: integer:9 integer:9 integer:9 integer:9");
}

static const char *
described(const struct eff_arrow_schema *schema)
{
    struct eff_arrow_type type;
    struct eff_column column = {0};

    assert_int_equal(eff_arrow_type_of(schema, &arena, &type, &err), EFF_OK);
    eff_arrow_describe(&type, &arena, &column);
    return eff_str_printf(&arena, "%s " EFF_STR_FMT " %d %d", eff_kind_name(column.kind),
                          EFF_STR_ARG(column.type_name), column.precision, column.scale)
        .ptr;
}

static void
columns_are_described(void **state)
{
    struct eff_arrow_schema *words = schema_of("i", "d");

    (void)state;
    words->dictionary = schema_of("u", "");
    assert_string_equal(described(words), "text utf8 0 0");
    assert_string_equal(described(schema_of("d:38,10", "c")), "decimal decimal128(38, 10) 38 10");
    assert_string_equal(described(schema_of("tsu:UTC", "c")), "timestamp timestamp[us, UTC] 0 0");
    assert_string_equal(described(schema_of("tsn:", "c")), "datetime timestamp[ns] 0 0");
    assert_string_equal(described(schema_of("w:4", "c")), "bytes fixed_size_binary[4] 0 0");
    assert_string_equal(described(with_extension(schema_of("vu", "c"), "arrow.json")),
                        "json json 0 0");
    assert_string_equal(described(pairs_schema("+s")), "json struct 0 0");
    assert_string_equal(described(schema_of("tin", "c")), "text interval[months, days, ns] 0 0");
}

/* ------------------------------------------------------------------------------ hostile */

static void
schemas_that_are_none(void **state)
{
    static const char *const formats[] = {"",
                                          "x",
                                          "d:",
                                          "d:38",
                                          "d:0,0",
                                          "d:38,101",
                                          "d:9,2,7",
                                          "tsx:",
                                          "ts",
                                          "tsu",
                                          "w:",
                                          "w:-1",
                                          "w:9999999999",
                                          "+w:x",
                                          "+ud:0,0",
                                          "+us:1,",
                                          "+us:128",
                                          "d:9,2,128,1",
                                          "d:9,-9223372036854775808"};
    struct eff_arrow_schema *schema;
    struct eff_arrow_array *none = array_of(0, parts_end);

    (void)state;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (!strstr(shown(schema_of(formats[i], "c"), none), "Arrow"))
            fail_msg("%s: %s", formats[i], err.msg);
    }
    assert_non_null(strstr(shown(schema_of(NULL, "c"), none), "no format"));
    assert_non_null(strstr(shown(schema_of("+l", "c"), none), "with 0 children"));
    schema = schema_of("+s", "c");
    schema->n_children = -1;
    assert_non_null(strstr(shown(schema, none), "with -1 children"));
    schema->n_children = 1;
    assert_non_null(strstr(shown(schema, none), "a child is missing"));
    schema->children = NULL;
    assert_non_null(strstr(shown(schema, none), "with 1 children"));
    schema = schema_of("u", "c");
    schema->dictionary = schema_of("u", "");
    assert_non_null(strstr(shown(schema, none), "without indices"));
    assert_non_null(strstr(shown(with_child(schema_of("+m", "m"), schema_of("l", "l")), none),
                           "without pairs"));
    schema = with_child(with_child(schema_of("+r", "r"), schema_of("u", "")), schema_of("l", ""));
    assert_non_null(strstr(shown(schema, none), "without ends"));
    schema = schema_of("l", "c");
    for (int i = 0; i < 40; i++)
        schema = with_child(schema_of("+l", "l"), schema);
    assert_non_null(strstr(shown(schema, none), "nested deeper"));
    schema = schema_of("u", "c"); // metadata with a negative length
    schema->metadata = "\1\0\0\0\xff\xff\xff\xff";
    assert_string_equal(shown(schema, array_of(0, NULL, NULL, NULL, parts_end)), "");
}

static const char *
broken_number(int64_t length, int64_t offset, int64_t buffers, int64_t nulls)
{
    static const int32_t values[4] = {1, 2, 3, 4};
    struct eff_arrow_array *array = array_of(4, NULL, values, parts_end);
    struct eff_arrow_type type;

    array->length = length;
    array->offset = offset;
    array->n_buffers = buffers;
    array->null_count = nulls;
    assert_int_equal(eff_arrow_type_of(schema_of("i", "c"), &arena, &type, &err), EFF_OK);
    return eff_arrow_problem(&type, array, 4);
}

static void
arrays_that_contradict_themselves(void **state)
{
    static const int32_t backwards[] = {3, 1, 2}, beyond[] = {0, 5, 5}, negative[] = {-1, 0, 0};
    struct eff_arrow_schema *text = schema_of("u", "c"),
                            *list = with_child(schema_of("+l", "l"), schema_of("l", ""));
    struct eff_arrow_array *array, *items = array_of(2, NULL, (int64_t[]){1, 2}, parts_end);

    (void)state;
    assert_null(broken_number(4, 0, 2, -1));
    assert_string_equal(broken_number(3, 0, 2, 0), "an array is too short");
    assert_non_null(strstr(broken_number(-1, 0, 2, 0), "negative"));
    assert_non_null(strstr(broken_number(4, -1, 2, 0), "negative"));
    assert_non_null(strstr(broken_number(INT64_MAX, INT64_MAX, 2, 0), "too large"));
    assert_non_null(strstr(broken_number(INT64_MAX, 0, 2, 0), "too large"));
    assert_non_null(strstr(broken_number(4, 0, 1, 0), "number of buffers"));
    assert_non_null(strstr(broken_number(4, 0, -1, 0), "number of buffers"));
    assert_non_null(strstr(broken_number(4, 0, 2, 1), "no bitmap"));
    array = array_of(1, NULL, NULL, parts_end);
    assert_string_equal(shown(schema_of("l", "c"), array), "a buffer is missing");
    array->buffers = NULL;
    assert_string_equal(shown(schema_of("l", "c"), array), "the buffers are missing");
    array->release = NULL;
    assert_string_equal(shown(schema_of("l", "c"), array), "an array is missing");

    assert_non_null(
        strstr(shown(text, array_of(2, NULL, backwards, "abc", parts_end)), "backwards"));
    assert_non_null(
        strstr(shown(text, array_of(2, NULL, negative, "abc", parts_end)), "backwards"));
    assert_string_equal(shown(text, array_of(1, NULL, beyond, NULL, parts_end)),
                        "a buffer is missing");
    assert_non_null(
        strstr(shown(list, with_part(array_of(2, NULL, beyond, parts_end), items)), "not within"));
    assert_non_null(strstr(shown(list, with_part(array_of(1, NULL, backwards, parts_end), items)),
                           "not within"));
    assert_non_null(
        strstr(shown(list, array_of(1, NULL, beyond, parts_end)), "number of children"));
    assert_string_equal(shown(list, with_part(array_of(1, NULL, beyond, parts_end), NULL)),
                        "an array is missing");
    list->format = "+vl";
    array = with_part(array_of(1, NULL, (int32_t[]){INT32_MAX}, (int32_t[]){2}, parts_end), items);
    assert_non_null(strstr(shown(list, array), "not within"));
    list->format = "+w:3";
    assert_string_equal(shown(list, with_part(array_of(1, NULL, parts_end), items)),
                        "an array is too short");
    array = with_part(array_of(0, NULL, parts_end), items);
    array->offset = INT64_C(1) << 40;
    assert_string_equal(shown(list, array), "an array is too short");
    assert_string_equal(shown(with_child(schema_of("+s", "s"), schema_of("l", "a")),
                              with_part(array_of(3, NULL, parts_end), items)),
                        "an array is too short");
}

static void
indices_that_point_nowhere(void **state)
{
    static const struct {
        int32_t len;
        char text[12];
    } views[] = {{-1, ""},
                 {13, "long\1\0\0\0\0\0\0"},
                 {13, "long\0\0\0\0\5\0\0"},
                 {13, "long\xff\xff\xff\xff\0\0\0"}};
    static const int64_t sizes[] = {16};
    static const char *const problems[] = {"negative length", "points nowhere", "beyond its buffer",
                                           "points nowhere"};
    struct eff_arrow_schema *schema = schema_of("c", "d"), *runs = schema_of("+r", "r");
    struct eff_arrow_array *array = array_of(1, NULL, "\2", parts_end),
                           *run = array_of(3, parts_end);

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_non_null(
            strstr(shown(schema_of("vu", "c"),
                         array_of(1, NULL, &views[i], "0123456789abcdef", sizes, parts_end)),
                   problems[i]));
    assert_non_null(strstr(shown(schema_of("vu", "c"), array_of(1, NULL, &views[1], parts_end)),
                           "number of buffers"));
    schema->dictionary = schema_of("l", "");
    assert_string_equal(shown(schema, array), "an array is missing");
    array->dictionary = array_of(2, NULL, (int64_t[]){1, 2}, parts_end);
    assert_non_null(strstr(shown(schema, array), "not in its dictionary"));
    array->buffers[1] = "\xff";
    assert_non_null(strstr(shown(schema, array), "not in its dictionary"));
    with_child(with_child(runs, schema_of("s", "")), schema_of("l", ""));
    with_part(with_part(run, array_of(1, NULL, (int16_t[]){2}, parts_end)),
              array_of(1, NULL, (int64_t[]){7}, parts_end));
    assert_non_null(strstr(shown(runs, run), "end too early"));
    array = with_part(with_part(array_of(1, "\x07", parts_end), pairs()->children[0]),
                      pairs()->children[1]);
    assert_non_null(strstr(shown(pairs_schema("+us:0,5"), array), "member is not there"));
    array->buffers[0] = "\x80";
    assert_non_null(strstr(shown(pairs_schema("+us:0,5"), array), "member is not there"));
    array =
        with_part(with_part(array_of(1, "\x05", (int32_t[]){99}, parts_end), pairs()->children[0]),
                  pairs()->children[1]);
    assert_non_null(strstr(shown(pairs_schema("+ud:0,5"), array), "member is not there"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(decimals),
        cmocka_unit_test(times),
        cmocka_unit_test(texts),
        cmocka_unit_test(opaque_types),
        cmocka_unit_test(windows_and_bitmaps),
        cmocka_unit_test(structs_and_lists),
        cmocka_unit_test(nested_values_that_json_has_not),
        cmocka_unit_test(maps_and_unions),
        cmocka_unit_test(dictionaries_and_runs),
        cmocka_unit_test(columns_are_described),
        cmocka_unit_test(schemas_that_are_none),
        cmocka_unit_test(arrays_that_contradict_themselves),
        cmocka_unit_test(indices_that_point_nowhere),
    };
    int failed;

    eff_arena_init(&arena, "test", (size_t)256 << 20);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eff_arena_deinit(&arena);
    return failed;
}
