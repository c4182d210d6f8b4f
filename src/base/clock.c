/*
 * base/clock: calendar arithmetic and the text forms of time.
 *
 * Years are counted from March, so that the leap day is the last of its year;
 * then the days before a month follow a straight line, (153 * month + 2) / 5,
 * and those before a year are 365 each plus one per leap year.
 */
#include "base/clock.h"

#include "base/number.h"

#include <stdio.h>

#define CLOCK_DAY_MICROS INT64_C(86400000000)
#define CLOCK_ERA_DAYS   146097 /* 400 years */
/* Days from 0000-03-01 to 1970-01-01. */
#define CLOCK_EPOCH 719468
/* Beyond this a year no longer fits an int. */
#define CLOCK_DAYS_MAX INT64_C(780000000000)

static int64_t
clock_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t
eff_days_from_civil(int year, int month, int day)
{
    int64_t from_march = (int64_t)year - (month < 3);
    int64_t era = clock_floor_div(from_march, 400);
    int64_t year_in_era = from_march - era * 400;
    int64_t month_from_march = month < 3 ? month + 9 : month - 3;
    int64_t day_in_year = (153 * month_from_march + 2) / 5 + day - 1;
    int64_t day_in_era = year_in_era * 365 + year_in_era / 4 - year_in_era / 100 + day_in_year;

    return era * CLOCK_ERA_DAYS + day_in_era - CLOCK_EPOCH;
}

void
eff_civil_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
    // Within an era 32 bits are enough, which divide in half the time.
    uint32_t day_in_era, year_in_era, day_in_year, month_from_march;
    int64_t era;

    days = days > CLOCK_DAYS_MAX ? CLOCK_DAYS_MAX : days < -CLOCK_DAYS_MAX ? -CLOCK_DAYS_MAX : days;
    days += CLOCK_EPOCH;
    era = clock_floor_div(days, CLOCK_ERA_DAYS);
    day_in_era = (uint32_t)(days - era * CLOCK_ERA_DAYS);
    // Take away the leap days that came before (every 1460, but not every 36524) to divide by 365.
    year_in_era =
        (day_in_era - day_in_era / 1460 + day_in_era / 36524 - day_in_era / (CLOCK_ERA_DAYS - 1)) /
        365;
    day_in_year = day_in_era - (year_in_era * 365 + year_in_era / 4 - year_in_era / 100);
    month_from_march = (5 * day_in_year + 2) / 153;
    *ret_day = (int)(day_in_year - (153 * month_from_march + 2) / 5 + 1);
    *ret_month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *ret_year = (int)(era * 400 + (int64_t)year_in_era + (*ret_month < 3));
}

int64_t
eff_micros_from_civil(const struct eff_civil *civil)
{
    int64_t days = eff_days_from_civil(civil->year, civil->month, civil->day);
    int64_t seconds = civil->hour * 3600 + civil->minute * 60 + civil->second;
    int64_t micros;

    if (civil->has_offset)
        seconds -= civil->offset_minutes * 60;
    if (__builtin_mul_overflow(days, CLOCK_DAY_MICROS, &micros) ||
        __builtin_add_overflow(micros, seconds * 1000000 + civil->nanos / 1000, &micros))
        return days < 0 ? INT64_MIN : INT64_MAX;
    return micros;
}

struct eff_civil
eff_civil_from_micros(int64_t micros, unsigned sub_nanos)
{
    int64_t days = clock_floor_div(micros, CLOCK_DAY_MICROS);
    // Unsigned: the first moment of the first day may lie before INT64_MIN.
    uint64_t rest = (uint64_t)micros - (uint64_t)days * CLOCK_DAY_MICROS;
    uint32_t seconds = (uint32_t)(rest / 1000000);
    struct eff_civil civil = {.has_time = true};

    eff_civil_from_days(days, &civil.year, &civil.month, &civil.day);
    civil.nanos = (int)((rest - (uint64_t)seconds * 1000000) * 1000 + sub_nanos);
    civil.hour = (int)(seconds / 3600);
    civil.minute = (int)(seconds / 60 % 60);
    civil.second = (int)(seconds % 60);
    return civil;
}

static int
clock_month_days(int year, int month)
{
    static const unsigned char days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month] + (month == 2 && leap);
}

static bool
clock_is_date(int year, int month, int day)
{
    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
           day <= clock_month_days(year, month);
}

/* Takes exactly `count` digits. */
static bool
clock_take_digits(eff_str *rest, size_t count, int *ret_value)
{
    int value = 0;

    if (rest->len < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (rest->ptr[i] < '0' || rest->ptr[i] > '9')
            return false;
        value = value * 10 + (rest->ptr[i] - '0');
    }
    *rest = eff_str_sub(*rest, count, SIZE_MAX);
    *ret_value = value;
    return true;
}

static bool
clock_take(eff_str *rest, eff_str expected)
{
    if (!eff_str_starts(*rest, expected))
        return false;
    *rest = eff_str_sub(*rest, expected.len, SIZE_MAX);
    return true;
}

/* One to nine digits after the point. */
static bool
clock_take_fraction(eff_str *rest, int *ret_nanos)
{
    int nanos = 0, digit, count = 0;

    while (clock_take_digits(rest, 1, &digit)) {
        if (++count > 9)
            return false;
        nanos = nanos * 10 + digit;
    }
    for (int i = count; i < 9; i++)
        nanos *= 10;
    *ret_nanos = nanos;
    return count > 0;
}

static bool
clock_take_time(eff_str *rest, struct eff_civil *civil)
{
    if (!clock_take_digits(rest, 2, &civil->hour) || !clock_take(rest, EFF_STR(":")) ||
        !clock_take_digits(rest, 2, &civil->minute))
        return false;
    if (clock_take(rest, EFF_STR(":"))) {
        if (!clock_take_digits(rest, 2, &civil->second))
            return false;
        if (clock_take(rest, EFF_STR(".")) && !clock_take_fraction(rest, &civil->nanos))
            return false;
    }
    civil->has_time = true;
    return civil->hour < 24 && civil->minute < 60 && civil->second < 60;
}

/* All of text: Z, UTC, +02, +0200 or +02:00. */
static bool
clock_parse_zone(eff_str text, struct eff_civil *civil)
{
    int hours, minutes = 0, sign;

    civil->has_offset = true;
    if (eff_str_is(text, "Z") || eff_str_is(text, "z") || eff_str_is(text, "UTC"))
        return true;
    sign = clock_take(&text, EFF_STR("-")) ? -1 : 1;
    if ((sign > 0 && !clock_take(&text, EFF_STR("+"))) || !clock_take_digits(&text, 2, &hours))
        return false;
    if (text.len > 0) {
        clock_take(&text, EFF_STR(":"));
        if (!clock_take_digits(&text, 2, &minutes))
            return false;
    }
    civil->offset_minutes = sign * (hours * 60 + minutes);
    return text.len == 0 && hours < 24 && minutes < 60;
}

bool
eff_time_parse(eff_str text, struct eff_civil *ret_civil)
{
    struct eff_civil civil = {0};

    if (!clock_take_digits(&text, 4, &civil.year) || !clock_take(&text, EFF_STR("-")) ||
        !clock_take_digits(&text, 2, &civil.month) || !clock_take(&text, EFF_STR("-")) ||
        !clock_take_digits(&text, 2, &civil.day) ||
        !clock_is_date(civil.year, civil.month, civil.day))
        return false;
    if (text.len > 0) {
        if (!clock_take(&text, EFF_STR("T")) && !clock_take(&text, EFF_STR("t")) &&
            !clock_take(&text, EFF_STR(" ")))
            return false;
        if (!clock_take_time(&text, &civil))
            return false;
    }
    if (text.len > 0) {
        clock_take(&text, EFF_STR(" "));
        if (!clock_parse_zone(text, &civil))
            return false;
    }
    *ret_civil = civil;
    return true;
}

/* Which of the names, comes next; -1: none of them. */
static int
clock_take_name(eff_str *rest, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (clock_take(rest, eff_str_of(names[i])))
            return i;
    return -1;
}

static int
clock_take_month(eff_str *rest)
{
    static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

    return clock_take_name(rest, names, 12) + 1;
}

/* HH:MM:SS; here second 60 is part of the grammar, and means the next minute. */
static bool
clock_take_http_time(eff_str *rest, struct eff_civil *civil)
{
    return clock_take_digits(rest, 2, &civil->hour) && clock_take(rest, EFF_STR(":")) &&
           clock_take_digits(rest, 2, &civil->minute) && clock_take(rest, EFF_STR(":")) &&
           clock_take_digits(rest, 2, &civil->second) && civil->hour < 24 && civil->minute < 60 &&
           civil->second <= 60;
}

/* "Nov  6 08:49:37 1994", asctime's form after the day's name */
static bool
clock_parse_asctime(eff_str text, struct eff_civil *civil)
{
    civil->month = clock_take_month(&text);
    return civil->month > 0 && clock_take(&text, EFF_STR(" ")) &&
           clock_take_digits(&text, clock_take(&text, EFF_STR(" ")) ? 1 : 2, &civil->day) &&
           clock_take(&text, EFF_STR(" ")) && clock_take_http_time(&text, civil) &&
           clock_take(&text, EFF_STR(" ")) && clock_take_digits(&text, 4, &civil->year) &&
           text.len == 0;
}

/* "06 Nov 1994 08:49:37 GMT" after the day's name; "06-Nov-94" when it was not abbreviated */
static bool
clock_parse_http(eff_str text, bool short_year, struct eff_civil *civil)
{
    eff_str sep = short_year ? EFF_STR("-") : EFF_STR(" ");

    if (!clock_take_digits(&text, 2, &civil->day) || !clock_take(&text, sep))
        return false;
    civil->month = clock_take_month(&text);
    if (civil->month == 0 || !clock_take(&text, sep) ||
        !clock_take_digits(&text, short_year ? 2 : 4, &civil->year))
        return false;
    if (short_year)
        civil->year += civil->year < 70 ? 2000 : 1900;
    return clock_take(&text, EFF_STR(" ")) && clock_take_http_time(&text, civil) &&
           eff_str_is(text, " GMT");
}

bool
eff_http_date_parse(eff_str text, int64_t *ret_seconds)
{
    static const char *const day_names[] = {
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
        "Mon",    "Tue",     "Wed",       "Thu",      "Fri",    "Sat",      "Sun"};
    struct eff_civil civil = {0};
    int name = clock_take_name(&text, day_names, 14);
    bool fine;

    if (name < 0)
        return false;
    if (clock_take(&text, EFF_STR(", ")))
        fine = clock_parse_http(text, name < 7, &civil);
    else
        fine = name >= 7 && clock_take(&text, EFF_STR(" ")) && clock_parse_asctime(text, &civil);
    if (!fine || !clock_is_date(civil.year, civil.month, civil.day))
        return false;
    *ret_seconds = clock_floor_div(eff_micros_from_civil(&civil), 1000000);
    return true;
}

/* ".123" for the fraction, nothing for none; returns the length. */
static size_t
clock_fraction_text(int nanos, char *ret_text)
{
    size_t digits = 9;

    if (nanos == 0)
        return 0;
    while (nanos % 10 == 0) {
        nanos /= 10;
        digits--;
    }
    ret_text[0] = '.';
    *eff_digits_text(ret_text + 1, (uint64_t)nanos, digits) = '\0';
    return 1 + digits;
}

static size_t
clock_day_text(int year, int month, int day, char ret_text[EFF_TIME_TEXT_MAX])
{
    char *to = ret_text;

    if (year < 0 || year > 9999)
        return (size_t)snprintf(ret_text, EFF_TIME_TEXT_MAX, "%04d-%02d-%02d", year, month, day);
    to = eff_digit_pair(to, (unsigned)year / 100);
    to = eff_digit_pair(to, (unsigned)year % 100);
    *to++ = '-';
    to = eff_digit_pair(to, (unsigned)month);
    *to++ = '-';
    *eff_digit_pair(to, (unsigned)day) = '\0';
    return 10;
}

size_t
eff_date_text(int64_t days, char ret_text[EFF_TIME_TEXT_MAX])
{
    int year, month, day;

    eff_civil_from_days(days, &year, &month, &day);
    return clock_day_text(year, month, day, ret_text);
}

size_t
eff_datetime_text(int64_t micros, unsigned sub_nanos, bool zone, char ret_text[EFF_TIME_TEXT_MAX])
{
    struct eff_civil civil = eff_civil_from_micros(micros, sub_nanos);
    size_t len = clock_day_text(civil.year, civil.month, civil.day, ret_text);

    ret_text[len++] = 'T';
    eff_digit_pair(ret_text + len, (unsigned)civil.hour);
    ret_text[len + 2] = ':';
    eff_digit_pair(ret_text + len + 3, (unsigned)civil.minute);
    ret_text[len + 5] = ':';
    eff_digit_pair(ret_text + len + 6, (unsigned)civil.second);
    len += 8;
    len += clock_fraction_text(civil.nanos, ret_text + len);
    if (zone)
        ret_text[len++] = 'Z';
    ret_text[len] = '\0';
    return len;
}

size_t
eff_timeofday_text(int64_t micros, unsigned sub_nanos, char ret_text[EFF_TIME_TEXT_MAX])
{
    bool negative = micros < 0;
    uint64_t nanos_left = sub_nanos, size = (uint64_t)micros;
    uint64_t seconds;
    size_t len;

    if (negative) {
        // A negative time is micros and then sub_nanos forward: show the distance from zero.
        size = 0 - size - (sub_nanos > 0);
        nanos_left = sub_nanos > 0 ? 1000 - sub_nanos : 0;
    }
    seconds = size / 1000000;
    len = (size_t)snprintf(ret_text, EFF_TIME_TEXT_MAX, "%s%02llu:%02d:%02d", negative ? "-" : "",
                           (unsigned long long)(seconds / 3600), (int)(seconds / 60 % 60),
                           (int)(seconds % 60));
    len += clock_fraction_text((int)(size % 1000000 * 1000 + nanos_left), ret_text + len);
    ret_text[len] = '\0';
    return len;
}
