/*
 * base/zone: TZif files, and the POSIX rule in their last line.
 */
#include "base/zone.h"

#include "base/clock.h"

#define ZONE_DAY         86400
#define ZONE_HEAD        44
#define ZONE_OFFSET_MOST (26 * 3600)  /* RFC 9636, 3.2: less than that, both ways */
#define ZONE_TIME_MOST   (167 * 3600) /* of a rule, counted from midnight, both ways */

struct zone_day { /* of a year */
    char kind;    /* 'J': from 1, 29 February not counted; '0': from 0; 'M': the n-th weekday */
    int month, week, day;
    int64_t time; /* seconds after its midnight, by the clock that is in force before */
};

struct eff_zone {
    size_t count; /* of changes */
    int64_t *at;  /* ascending */
    int32_t *offsets;
    int32_t first; /* before all of them */
    bool has_rule, has_summer;
    int32_t standard, summer;
    struct zone_day begins, ends; /* of summer time */
};

/* ---------------------------------------------------------------------------- the rule */

static bool
zone_take(eff_str *rest, char c)
{
    if (rest->len == 0 || rest->ptr[0] != c)
        return false;
    *rest = eff_str_sub(*rest, 1, SIZE_MAX);
    return true;
}

static bool
zone_take_number(eff_str *rest, int64_t most, int64_t *ret)
{
    size_t digits = 0;

    *ret = 0;
    while (digits < rest->len && rest->ptr[digits] >= '0' && rest->ptr[digits] <= '9' && digits < 4)
        *ret = *ret * 10 + (rest->ptr[digits++] - '0');
    *rest = eff_str_sub(*rest, digits, SIZE_MAX);
    return digits > 0 && *ret <= most;
}

/* "CET" or "<+0330>" */
static bool
zone_take_name(eff_str *rest)
{
    bool quoted = zone_take(rest, '<');
    size_t len = 0;

    while (len < rest->len &&
           (quoted ? rest->ptr[len] != '>'
                   : (rest->ptr[len] | 0x20) >= 'a' && (rest->ptr[len] | 0x20) <= 'z'))
        len++;
    *rest = eff_str_sub(*rest, len, SIZE_MAX);
    return len > 0 && (!quoted || zone_take(rest, '>'));
}

/* "-3:30:15", "2": hours, minutes and seconds with one sign. */
static bool
zone_take_time(eff_str *rest, int64_t *ret)
{
    bool minus = zone_take(rest, '-');
    int64_t minutes = 0, seconds = 0;

    if (!minus)
        (void)zone_take(rest, '+');
    if (!zone_take_number(rest, 167, ret) ||
        (zone_take(rest, ':') && !zone_take_number(rest, 59, &minutes)) ||
        (zone_take(rest, ':') && !zone_take_number(rest, 59, &seconds)))
        return false;
    *ret = (*ret * 3600 + minutes * 60 + seconds) * (minus ? -1 : 1);
    return *ret >= -ZONE_TIME_MOST && *ret <= ZONE_TIME_MOST;
}

/* POSIX counts what is west of UTC; we what is east. */
static bool
zone_take_offset(eff_str *rest, int32_t *ret)
{
    int64_t west;

    if (!zone_take_time(rest, &west) || west <= -ZONE_OFFSET_MOST || west >= ZONE_OFFSET_MOST)
        return false;
    *ret = (int32_t)-west;
    return true;
}

/* ",M3.5.0/2", ",J60", ",300" */
static bool
zone_take_day(eff_str *rest, struct zone_day *ret)
{
    int64_t month = 0, week = 0, day;

    if (!zone_take(rest, ','))
        return false;
    *ret = (struct zone_day){.kind = '0', .time = 2 * 3600};
    if (zone_take(rest, 'M')) {
        ret->kind = 'M';
        if (!zone_take_number(rest, 12, &month) || !zone_take(rest, '.') ||
            !zone_take_number(rest, 5, &week) || !zone_take(rest, '.') ||
            !zone_take_number(rest, 6, &day) || month < 1 || week < 1)
            return false;
    } else {
        ret->kind = zone_take(rest, 'J') ? 'J' : '0';
        if (!zone_take_number(rest, 365, &day) || (ret->kind == 'J' && day < 1))
            return false;
    }
    ret->month = (int)month;
    ret->week = (int)week;
    ret->day = (int)day;
    return !zone_take(rest, '/') || zone_take_time(rest, &ret->time);
}

/* "CET-1CEST,M3.5.0,M10.5.0/3"; empty: the last change holds for ever. */
static bool
zone_read_rule(struct eff_zone *zone, eff_str text)
{
    if (text.len == 0)
        return true;
    zone->has_rule = true;
    if (!zone_take_name(&text) || !zone_take_offset(&text, &zone->standard))
        return false;
    if (text.len == 0)
        return true;
    zone->has_summer = true;
    zone->summer = zone->standard + 3600;
    return zone_take_name(&text) &&
           (text.len == 0 || text.ptr[0] == ',' || zone_take_offset(&text, &zone->summer)) &&
           zone_take_day(&text, &zone->begins) && zone_take_day(&text, &zone->ends) &&
           text.len == 0;
}

/* The days since 1970 of the n-th weekday of a month; the fifth is the last. */
static int64_t
zone_weekday(int year, const struct zone_day *day)
{
    int64_t first = eff_days_from_civil(year, day->month, 1);
    int64_t next = day->month < 12 ? eff_days_from_civil(year, day->month + 1, 1) : first + 31;
    int64_t weekday = ((first + 4) % 7 + 7) % 7; // 1970-01-01 was a Thursday
    int64_t at = first + (day->day - weekday + 7) % 7 + INT64_C(7) * (day->week - 1);

    return at < next ? at : at - 7;
}

/* When the rule changes in that year, by the clock that is in force before. */
static int64_t
zone_day_of(int year, const struct zone_day *day)
{
    int64_t first = eff_days_from_civil(year, 1, 1), days;
    bool leap = eff_days_from_civil(year + 1, 1, 1) - first == 366;

    if (day->kind == 'M')
        days = zone_weekday(year, day);
    else if (day->kind == 'J')
        days = first + day->day - 1 + (leap && day->day >= 60);
    else
        days = first + day->day;
    return days * ZONE_DAY + day->time;
}

static int32_t
zone_rule_offset(const struct eff_zone *zone, int64_t instant)
{
    int64_t local = instant + zone->standard, begins, ends;
    int year, month, day;
    bool summer;

    if (!zone->has_summer)
        return zone->standard;
    eff_civil_from_days(local / ZONE_DAY - (local % ZONE_DAY < 0), &year, &month, &day);
    begins = zone_day_of(year, &zone->begins) - zone->standard;
    ends = zone_day_of(year, &zone->ends) - zone->summer;
    summer = begins < ends ? instant >= begins && instant < ends
                           : instant >= begins || instant < ends; // the south
    return summer ? zone->summer : zone->standard;
}

/* ---------------------------------------------------------------------------- the file */

/* The next len bytes; NULL: the file ends before. */
static const unsigned char *
zone_bytes(eff_str *rest, uint64_t len)
{
    const unsigned char *at = (const unsigned char *)rest->ptr;

    if (len > rest->len)
        return NULL;
    *rest = eff_str_sub(*rest, (size_t)len, SIZE_MAX);
    return at;
}

static uint64_t
zone_number(const unsigned char *at, int bytes)
{
    uint64_t n = 0;

    for (int i = 0; i < bytes; i++)
        n = n << 8 | at[i];
    return n;
}

struct zone_counts {
    uint64_t ut, std, leap, times, types, chars;
};

static bool
zone_read_head(eff_str *rest, struct zone_counts *ret)
{
    const unsigned char *head = zone_bytes(rest, ZONE_HEAD);

    if (!head || memcmp(head, "TZif", 4) != 0 || head[4] < '2')
        return false;
    *ret = (struct zone_counts){zone_number(head + 20, 4), zone_number(head + 24, 4),
                                zone_number(head + 28, 4), zone_number(head + 32, 4),
                                zone_number(head + 36, 4), zone_number(head + 40, 4)};
    return true;
}

/* The changes, each with the type that it changes to. */
static bool
zone_read_changes(struct eff_zone *zone, eff_str *rest, const struct zone_counts *counts,
                  struct eff_arena *arena)
{
    const unsigned char *times = zone_bytes(rest, counts->times * 8),
                        *indexes = zone_bytes(rest, counts->times),
                        *types = zone_bytes(rest, counts->types * 6);

    if (!times || !indexes || !types || counts->types == 0)
        return false;
    zone->count = (size_t)counts->times;
    zone->at = eff_new(arena, int64_t, zone->count + 1);
    zone->offsets = eff_new(arena, int32_t, zone->count + 1);
    zone->first = (int32_t)zone_number(types, 4);
    for (size_t i = 0; i < zone->count; i++) {
        zone->at[i] = (int64_t)zone_number(times + 8 * i, 8);
        if (indexes[i] >= counts->types || (i > 0 && zone->at[i] <= zone->at[i - 1]))
            return false;
        zone->offsets[i] = (int32_t)zone_number(types + (size_t)6 * indexes[i], 4);
    }
    for (size_t i = 0; i < counts->types; i++) {
        int32_t offset = (int32_t)zone_number(types + 6 * i, 4);

        if (offset <= -ZONE_OFFSET_MOST || offset >= ZONE_OFFSET_MOST)
            return false;
    }
    return true;
}

/* Twice the same: with times of 32 bits, which is passed over, and with times of 64. */
static bool
zone_read(struct eff_zone *zone, eff_str rest, struct eff_arena *arena)
{
    struct zone_counts counts;

    return zone_read_head(&rest, &counts) &&
           zone_bytes(&rest, counts.times * 5 + counts.types * 6 + counts.chars + counts.leap * 8 +
                                 counts.std + counts.ut) &&
           zone_read_head(&rest, &counts) && counts.leap == 0 &&
           zone_read_changes(zone, &rest, &counts, arena) &&
           zone_bytes(&rest, counts.chars + counts.std + counts.ut) && zone_take(&rest, '\n') &&
           rest.len > 0 && rest.ptr[rest.len - 1] == '\n' &&
           zone_read_rule(zone, eff_str_sub(rest, 0, rest.len - 1));
}

enum eff_fault
eff_zone_parse(eff_str bytes, struct eff_arena *arena, const struct eff_zone **ret_zone,
               struct eff_err *err)
{
    struct eff_zone *zone = eff_new(arena, struct eff_zone, 1);

    if (bytes.len > EFF_ZONE_BYTES_MAX || !zone_read(zone, bytes, arena))
        return EFF_FAIL(err, EFF_CONFIG, "is no file of the time zone database (TZif, version 2)");
    *ret_zone = zone;
    return EFF_OK;
}

/* ---------------------------------------------------------------------------- lookups */

/* How many changes an instant has behind it. */
static size_t
zone_changes(const struct eff_zone *zone, int64_t instant)
{
    size_t from = 0, to = zone->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (zone->at[middle] <= instant)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static int32_t
zone_offset_after(const struct eff_zone *zone, size_t changes)
{
    return changes > 0 ? zone->offsets[changes - 1] : zone->first;
}

int32_t
eff_zone_offset(const struct eff_zone *zone, int64_t instant)
{
    size_t changes = zone_changes(zone, instant);

    if (changes == zone->count && zone->has_rule)
        return zone_rule_offset(zone, instant);
    return zone_offset_after(zone, changes);
}

struct zone_shown {
    int64_t local, first, last; /* instants that show it; none: first > last */
};

static void
zone_try(const struct eff_zone *zone, int32_t offset, struct zone_shown *shown)
{
    int64_t instant = shown->local - offset;

    if (eff_zone_offset(zone, instant) != offset)
        return;
    shown->first = instant < shown->first ? instant : shown->first;
    shown->last = instant > shown->last ? instant : shown->last;
}

/* An instant that shows it does so by an offset that is in force near: each of them is tried. */
int
eff_zone_instants(const struct eff_zone *zone, int64_t local, int64_t *ret_instant)
{
    struct zone_shown shown = {local, INT64_MAX, INT64_MIN};
    size_t to = zone_changes(zone, local + ZONE_OFFSET_MOST);

    for (size_t i = zone_changes(zone, local - ZONE_OFFSET_MOST); i <= to; i++)
        zone_try(zone, zone_offset_after(zone, i), &shown);
    if (to == zone->count && zone->has_rule) {
        zone_try(zone, zone->standard, &shown);
        if (zone->has_summer)
            zone_try(zone, zone->summer, &shown);
    }
    if (shown.first > shown.last)
        return 0;
    *ret_instant = shown.first;
    return shown.first < shown.last ? 2 : 1;
}
