/*
 * base/clock: calendar arithmetic and the text forms of time.
 *
 * Proleptic Gregorian, UTC, no leap seconds, years 0001 to 9999. Pure: nothing
 * here asks what time it is (os/ does).
 */
#ifndef EFF_BASE_CLOCK_H
#define EFF_BASE_CLOCK_H

#include "base/str.h"

struct eff_civil {
    int year, month, day; /* 1..12, 1..31 */
    int hour, minute, second;
    int nanos;          /* 0..999999999 */
    int offset_minutes; /* of the text that was parsed; 0 for UTC */
    bool has_time, has_offset;
};

int64_t eff_days_from_civil(int year, int month, int day); /* since 1970-01-01 */
void eff_civil_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day);
/*
 * Microseconds since 1970-01-01 00:00:00 of the civil time, offset applied when it has one;
 * nanos below a microsecond are left out (nanos % 1000 is the sub_nanos of the functions below).
 */
int64_t eff_micros_from_civil(const struct eff_civil *civil);
/* With has_time, without has_offset. */
struct eff_civil eff_civil_from_micros(int64_t micros, unsigned sub_nanos);

/*
 * ISO 8601 and SQL forms: date, date and time ('T' or blank; seconds may be missing), fraction
 * up to 9 digits, zone (Z, UTC, +02, +0200, +02:00, also after one blank). False for days that
 * do not exist, 24:00 and second 60.
 */
bool eff_time_parse(eff_str text, struct eff_civil *ret_civil);
/*
 * The three forms of RFC 9110 section 5.6.7; seconds since the epoch. Years of two digits mean
 * 1970 to 2069; the name of the day is not compared with the date.
 */
bool eff_http_date_parse(eff_str text, int64_t *ret_seconds);

#define EFF_TIME_TEXT_MAX 40
/* "2026-01-31", "2026-01-31T12:30:00.123456" (fraction only as long as needed), with "Z" if zone. */
size_t eff_date_text(int64_t days, char ret_text[EFF_TIME_TEXT_MAX]);
size_t eff_datetime_text(int64_t micros, unsigned sub_nanos, bool zone,
                         char ret_text[EFF_TIME_TEXT_MAX]);
/* "12:30:00.5"; hours may pass 23 and a negative time has a sign (MySQL's TIME, 24:00:00). */
size_t eff_timeofday_text(int64_t micros, unsigned sub_nanos, char ret_text[EFF_TIME_TEXT_MAX]);

#endif
