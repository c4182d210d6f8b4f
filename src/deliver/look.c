/*
 * deliver/look: reading a record back and comparing it with what was sent.
 */
#include "deliver/look.h"

#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/number.h"

#define LOOK_DAY_US  ((int64_t)86400 * 1000000)
#define LOOK_CUT_MIN 32 /* a shorter text is not what is left of a longer one */

struct eff_task
eff_look_task(const struct eff_delivery *delivery, const size_t *items, size_t count,
              struct eff_arena *arena)
{
    struct eff_read *read = eff_new(arena, struct eff_read, 1);
    struct eff_value *match = eff_new(arena, struct eff_value, count * delivery->match_count);

    for (size_t i = 0; i < count; i++)
        for (size_t m = 0; m < delivery->match_count; m++)
            match[i * delivery->match_count + m] = delivery->items[items[i]].match[m];
    *read = (struct eff_read){.match_count = delivery->match_count,
                              .match_names = delivery->match_names,
                              .fields_count = delivery->fields_count,
                              .field_names = delivery->field_names,
                              .count = count,
                              .match = match,
                              .records = eff_new(arena, struct eff_record, count)};
    return (struct eff_task){
        .kind = EFF_TASK_READ, .read = read, .object = delivery->object, .arena = arena};
}

/* ---- is it what was sent? ---- */

static bool
look_numbers_equal(eff_str a, eff_str b)
{
    char left[64], right[64];
    size_t len = eff_decimal_canonical(a, left, sizeof left);

    return len > 0 && eff_decimal_canonical(b, right, sizeof right) == len &&
           memcmp(left, right, len) == 0;
}

/* Microseconds of a time that was sent; false for all other values. */
static bool
look_sent_micros(const struct eff_value *sent, int64_t *ret_micros)
{
    if (sent->kind == EFF_DATE)
        *ret_micros = sent->i * LOOK_DAY_US;
    else if (sent->kind == EFF_DATETIME || sent->kind == EFF_INSTANT)
        *ret_micros = sent->i;
    else
        return false;
    return true;
}

/* Vendors keep seconds or milliseconds, and answer with ISO 8601 or with a count of either. */
static bool
look_times_equal(int64_t sent, eff_str found)
{
    struct eff_civil civil;
    int64_t count, unit = 1000000;

    if (eff_time_parse(found, &civil)) {
        unit = civil.nanos == 0 ? 1000000 : civil.nanos % 1000000 == 0 ? 1000 : 1;
        return eff_micros_from_civil(&civil) / unit == sent / unit;
    }
    if (!eff_str_int(found, &count))
        return false;
    return count == sent / 1000000 || count == sent / 1000;
}

/* Zones are quarters of an hour apart, from -12 to +14 hours. */
static bool
look_zones_apart(int64_t sent, int64_t found)
{
    int64_t apart = found / 1000000 - sent / 1000000;

    return apart % 900 == 0 && apart >= -43200 && apart <= 50400;
}

/* "true", "T", "yes", 1: a truth value, in whatever words. */
static bool
look_truth(eff_str text, bool *ret_truth)
{
    static const char *const words[] = {"false", "true", "f", "t", "no", "yes", "n", "y", "0", "1"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!eff_str_eq_nocase(text, eff_str_of(words[i])))
            continue;
        *ret_truth = i % 2 != 0;
        return true;
    }
    return false;
}

static bool
look_texts_equal(const struct eff_value *sent, eff_str a, eff_str b)
{
    int64_t micros;
    bool truth;

    a = eff_str_trim(a);
    b = eff_str_trim(b);
    return eff_str_eq(a, b) || look_numbers_equal(a, b) ||
           (look_sent_micros(sent, &micros) && look_times_equal(micros, b)) ||
           (sent->kind == EFF_BOOL && look_truth(b, &truth) && truth == (sent->i != 0));
}

bool
eff_look_equal(const struct eff_value *sent, const struct eff_value *found)
{
    struct eff_buf a = {0}, b = {0};
    int64_t micros;
    bool equal;

    if (found->kind == EFF_ABSENT)
        return true;
    if (found->kind == EFF_DATETIME)
        return look_sent_micros(sent, &micros) && look_zones_apart(micros, found->i);
    eff_value_text(&a, sent);
    eff_value_text(&b, found);
    equal = !a.full && !b.full && look_texts_equal(sent, eff_buf_str(&a), eff_buf_str(&b));
    eff_buf_free(&a);
    eff_buf_free(&b);
    return equal;
}

static bool
look_has_digit(eff_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= '0' && text.ptr[i] <= '9')
            return true;
    return false;
}

bool
eff_look_differs(const struct eff_value *sent, const struct eff_value *found)
{
    struct eff_civil civil;
    int64_t micros;
    eff_str there;

    if (eff_look_equal(sent, found))
        return false;
    if (found->kind != EFF_TEXT || !look_sent_micros(sent, &micros))
        return true;
    there = eff_str_trim(eff_value_str(found));
    return !look_has_digit(there) || eff_time_parse(there, &civil) || eff_number_valid(there);
}

/* ---- or is it what became of it? ---- */

static size_t
look_decimals(const char *canonical)
{
    const char *point = strchr(canonical, '.');

    return point ? strlen(point + 1) : 0;
}

/* Fewer digits behind the point, and less than one of the last of them apart. */
static bool
look_rounded(const char *sent, const char *found)
{
    size_t decimals = look_decimals(found);

    return decimals < look_decimals(sent) &&
           fabs(strtod(sent, NULL) - strtod(found, NULL)) < pow(10, -(double)decimals);
}

/* Letters and digits only, in small letters; what is not ASCII stays as it is. */
static void
look_fold(struct eff_buf *ret_folded, eff_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c + 32);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80)
            eff_buf_add_char(ret_folded, c);
    }
}

static bool
look_texts_alike(eff_str sent, eff_str found)
{
    char a[64], b[64];
    struct eff_buf left = {0}, right = {0};
    size_t a_len = eff_decimal_canonical(sent, a, sizeof a - 1);
    size_t b_len = eff_decimal_canonical(found, b, sizeof b - 1);
    bool alike;

    a[a_len] = b[b_len] = '\0';
    if (a_len > 0 && b_len > 0)
        return look_rounded(a, b);
    look_fold(&left, sent);
    look_fold(&right, found);
    alike = right.len > 0 &&
            (right.len >= LOOK_CUT_MIN ? eff_str_starts(eff_buf_str(&left), eff_buf_str(&right))
                                       : eff_str_eq(eff_buf_str(&left), eff_buf_str(&right)));
    eff_buf_free(&left);
    eff_buf_free(&right);
    return alike;
}

static bool
look_is_time(const struct eff_value *value)
{
    return value->kind == EFF_TIME || value->kind == EFF_DATE || value->kind == EFF_DATETIME ||
           value->kind == EFF_INSTANT;
}

bool
eff_look_alike(const struct eff_value *sent, const struct eff_value *found)
{
    struct eff_buf a = {0}, b = {0};
    struct eff_civil civil;
    eff_str there;
    bool alike;

    eff_value_text(&a, sent);
    eff_value_text(&b, found);
    there = eff_str_trim(eff_buf_str(&b));
    if (there.len == 0 || sent->kind == EFF_BOOL)
        alike = false;
    else if (sent->kind == EFF_JSON || found->kind == EFF_JSON)
        alike = true; // what a vendor adds to it, and in which order, is its own business
    else if (look_is_time(sent))
        alike = !eff_time_parse(there, &civil) && !eff_number_valid(there);
    else
        alike = look_texts_alike(eff_str_trim(eff_buf_str(&a)), there);
    eff_buf_free(&a);
    eff_buf_free(&b);
    return alike;
}

struct eff_verdict
eff_look_judge(const struct eff_delivery *delivery, const struct eff_item *item,
               const struct eff_record *record)
{
    if (!record->found)
        return (struct eff_verdict){.outcome = EFF_NOT_APPLIED, .fault = EFF_TRANSIENT};
    for (size_t i = 0; i < delivery->fields_count; i++) {
        if (item->fields[i].kind == EFF_ABSENT ||
            !eff_look_differs(&item->fields[i], &record->fields[i]))
            continue;
        return (struct eff_verdict){
            .outcome = EFF_REFUSED,
            .fault = EFF_ROW,
            .code = EFF_STR("exists"),
            .message =
                EFF_STR("a record with this match value is there already, with other values"),
            .field = delivery->field_names[i],
            .remote_id = record->remote_id};
    }
    return (struct eff_verdict){
        .outcome = EFF_APPLIED, .created = true, .remote_id = record->remote_id};
}
