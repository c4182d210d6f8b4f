/*
 * Goal: no text from outside makes one of the small parsers crash or read beyond its
 * end, and what a parser gives back means what was written.
 * Method: the first byte chooses a parser, the rest is the text. JSON that is
 * accepted is printed and parsed again, to the same text; CSV cells are as many as the
 * header says; an element of XML is no longer than its source, and lies in it; a decimal's canonical form is its own; a time lies in its range; bytes
 * that are decoded from base64 or hex encode back; an instant is among those
 * at which clocks of a zone show what they show then.
 */
// links: base flow dest
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/number.h"
#include "base/zone.h"
#include "dest/csv.h"
#include "dest/s3.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void
text_json(eff_str text, struct eff_arena *arena)
{
    const struct eff_json *json, *again;
    struct eff_buf first = {0}, second = {0};
    struct eff_err err = {0};

    if (eff_json_parse(text, arena, &json, &err) != EFF_OK) {
        assert(err.fault != EFF_OK && err.msg[0] != '\0');
        return;
    }
    eff_json_print(&first, json, false);
    assert(eff_json_parse(eff_buf_str(&first), arena, &again, &err) == EFF_OK);
    eff_json_print(&second, again, false);
    assert(eff_str_eq(eff_buf_str(&first), eff_buf_str(&second)));
    eff_buf_free(&first);
    eff_buf_free(&second);
}

static void
text_csv(eff_str text, struct eff_arena *arena)
{
    struct eff_csv csv = {0};
    eff_str *cells;

    if (!eff_csv_open(&csv, text, arena))
        return;
    for (size_t i = 0; i < csv.columns; i++)
        assert(eff_csv_column(&csv, csv.names[i]) <= i);
    while (eff_csv_next(&csv, &cells))
        for (size_t i = 0; i < csv.columns; i++)
            assert(cells[i].len <= text.len);
}

static void
text_xml(eff_str text, struct eff_arena *arena)
{
    eff_str rest = text, inside, element = s3_element(text, "Code", arena);
    size_t count = 0;

    assert(element.len <= text.len);
    while (s3_elements_next(&rest, "Key", &inside)) {
        assert(inside.ptr >= text.ptr && inside.ptr + inside.len <= rest.ptr);
        assert(rest.ptr + rest.len == text.ptr + text.len);
        count++;
    }
    assert(count * (sizeof "<Key></Key>" - 1) <= text.len);
}

static void
text_number(eff_str text)
{
    char once[512], twice[512];
    size_t len = eff_decimal_canonical(text, once, sizeof once);

    assert(len <= sizeof once);
    if (len > 0) {
        assert(eff_decimal_canonical((eff_str){once, len}, twice, sizeof twice) == len);
        assert(memcmp(once, twice, len) == 0);
    }
}

static void
text_time(eff_str text)
{
    struct eff_civil civil;
    int64_t micros;

    if (!eff_time_parse(text, &civil))
        return;
    assert(civil.month >= 1 && civil.month <= 12 && civil.day >= 1 && civil.day <= 31);
    assert(civil.nanos >= 0 && civil.nanos < 1000000000);
    micros = eff_micros_from_civil(&civil);
    if (!civil.has_offset && civil.has_time) {
        struct eff_civil back = eff_civil_from_micros(micros, (unsigned)(civil.nanos % 1000));

        assert(back.year == civil.year && back.day == civil.day && back.second == civil.second);
    }
}

static void
text_encoded(eff_str text, struct eff_arena *arena)
{
    unsigned char bytes[32];
    eff_str decoded;

    if (eff_base64_decode(arena, text, &decoded))
        assert(decoded.len <= text.len);
    if (eff_unhex(text, bytes, sizeof bytes)) {
        eff_str hex = eff_hex(arena, bytes, sizeof bytes);

        for (size_t i = 0; i < hex.len; i++)
            assert((hex.ptr[i] | 0x20) == (text.ptr[i] | 0x20));
    }
}

static void
text_zone(eff_str text, struct eff_arena *arena)
{
    const struct eff_zone *zone;
    struct eff_err err = {0};

    if (eff_zone_parse(text, arena, &zone, &err) != EFF_OK)
        return;
    for (int64_t instant = -60000000000; instant < 250000000000; instant += 7777777777) {
        int64_t local = instant + eff_zone_offset(zone, instant), first;
        int count = eff_zone_instants(zone, local, &first);

        assert(count >= 1 && count <= 2 && first <= instant);
    }
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct eff_arena arena;
    char *copy;
    eff_str text;

    if (size == 0 || size > 1 << 16)
        return 0;
    if (!arena.base)
        eff_arena_init(&arena, "fuzz", (size_t)256 << 20);
    eff_arena_reset(&arena);
    copy = malloc(size); /* its end is a border that the sanitizer sees */
    if (!copy)
        abort();
    memcpy(copy, data + 1, size - 1);
    text = (eff_str){copy, size - 1};
    switch (data[0] % 7) {
    case 0:
        text_json(text, &arena);
        break;
    case 1:
        text_csv(text, &arena);
        break;
    case 2:
        text_number(text);
        break;
    case 3:
        text_time(text);
        break;
    case 4:
        text_encoded(text, &arena);
        break;
    case 5:
        text_xml(text, &arena);
        break;
    default:
        text_zone(text, &arena);
    }
    free(copy);
    return 0;
}
