/*
 * plan/format: dates and times as the text that a destination wants.
 *
 *   %Y 2026   %y 26        %m 01   %b Jan   %B January
 *   %d 05     %e " 5"      %j 005  %a Mon   %A Monday
 *   %H 14     %I 02  %p PM %M 30   %S 59    %f 000250 (microseconds)
 *   %z +0000  %s seconds since 1970         %% a percent sign
 *
 * Always UTC, and always English, whatever the process's locale. A DATE is
 * midnight UTC. A DATETIME has no zone, so %z and %s are refused for it, as is
 * everything about a day for a TIME. TEXT is first read as one of those.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "plan/convert.h"

#define FORMAT_DAY_MICROS INT64_C(86400000000)

struct format_time {
    struct eff_civil civil;
    int64_t days;
    bool has_day, has_epoch, has_zone;
};

static int64_t
format_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool
format_needs_day(char directive)
{
    return strchr("YymbBdejaA", directive) != NULL;
}

enum eff_fault
eff_convert_format_check(eff_str pattern, struct eff_err *err)
{
    for (size_t i = 0; i < pattern.len; i++) {
        if (pattern.ptr[i] != '%')
            continue;
        i++;
        if (i < pattern.len && pattern.ptr[i] && strchr("YymbBdejaAHIMSpfzs%", pattern.ptr[i]))
            continue;
        EFF_FAIL(err, EFF_CONFIG, "format has an unknown directive `%%" EFF_STR_FMT "`",
                 EFF_STR_ARG(eff_str_sub(pattern, i, 1)));
        return eff_err_hint(err, "Known are %%Y %%y %%m %%b %%B %%d %%e %%j %%a %%A %%H %%I %%p "
                                 "%%M %%S %%f %%z %%s and %%%% for a percent sign.");
    }
    return EFF_OK;
}

static const char *const format_days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                          "Thursday", "Friday", "Saturday"};
static const char *const format_months[] = {"January",   "February", "March",    "April",
                                            "May",       "June",     "July",     "August",
                                            "September", "October",  "November", "December"};

static void
format_day(struct eff_buf *buf, char directive, const struct format_time *time)
{
    const struct eff_civil *civil = &time->civil;
    const char *weekday = format_days[(time->days % 7 + 11) % 7]; // 1970-01-01 was a Thursday.
    const char *month = format_months[civil->month - 1];

    switch (directive) {
    case 'Y':
        eff_buf_addf(buf, "%04d", civil->year);
        break;
    case 'y':
        eff_buf_addf(buf, "%02d", civil->year % 100);
        break;
    case 'm':
        eff_buf_addf(buf, "%02d", civil->month);
        break;
    case 'b':
        eff_buf_addf(buf, "%.3s", month);
        break;
    case 'B':
        eff_buf_addf(buf, "%s", month);
        break;
    case 'd':
        eff_buf_addf(buf, "%02d", civil->day);
        break;
    case 'e':
        eff_buf_addf(buf, "%2d", civil->day);
        break;
    case 'j':
        eff_buf_addf(buf, "%03d", (int)(time->days - eff_days_from_civil(civil->year, 1, 1) + 1));
        break;
    case 'a':
        eff_buf_addf(buf, "%.3s", weekday);
        break;
    default:
        eff_buf_addf(buf, "%s", weekday);
        break;
    }
}

static void
format_clock(struct eff_buf *buf, char directive, const struct format_time *time)
{
    const struct eff_civil *civil = &time->civil;
    int64_t seconds = civil->hour * 3600 + civil->minute * 60 + civil->second;

    switch (directive) {
    case 'H':
        eff_buf_addf(buf, "%02d", civil->hour);
        break;
    case 'I':
        eff_buf_addf(buf, "%02d", (civil->hour + 11) % 12 + 1);
        break;
    case 'p':
        eff_buf_addf(buf, "%s", civil->hour < 12 ? "AM" : "PM");
        break;
    case 'M':
        eff_buf_addf(buf, "%02d", civil->minute);
        break;
    case 'S':
        eff_buf_addf(buf, "%02d", civil->second);
        break;
    case 'f':
        eff_buf_addf(buf, "%06d", civil->nanos / 1000);
        break;
    case 's':
        eff_buf_add_int(buf, time->days * 86400 + seconds);
        break;
    case 'z':
        eff_buf_add(buf, EFF_STR("+0000"));
        break;
    default:
        eff_buf_add_char(buf, '%');
        break;
    }
}

static enum eff_fault
format_write(struct eff_buf *buf, eff_str pattern, const struct format_time *time,
             enum eff_kind kind, struct eff_err *err)
{
    for (size_t i = 0; i < pattern.len; i++) {
        char c = pattern.ptr[i];

        if (c != '%') {
            eff_buf_add_char(buf, c);
            continue;
        }
        c = pattern.ptr[++i];
        if ((format_needs_day(c) && !time->has_day) || (c == 's' && !time->has_epoch) ||
            (c == 'z' && !time->has_zone))
            return EFF_FAIL(err, EFF_ROW, "cannot format %s with %%%c: it has no %s",
                            eff_kind_name(kind), c, time->has_day ? "time zone" : "date");
        if (format_needs_day(c))
            format_day(buf, c, time);
        else
            format_clock(buf, c, time);
    }
    return EFF_OK;
}

/* What the value is, taken apart; EFF_ROW when it is no time. */
static enum eff_fault
format_split(const struct eff_value *value, struct format_time *ret_time, struct eff_err *err)
{
    struct format_time time = {.has_day = value->kind != EFF_TIME};
    int64_t micros = value->i;

    if (value->kind == EFF_TIME) {
        if (micros < 0 || micros >= FORMAT_DAY_MICROS)
            return EFF_FAIL(err, EFF_ROW, "cannot format a time of day outside 00:00 to 24:00");
    } else if (!eff_convert_time_fits(value)) {
        return EFF_FAIL(err, EFF_ROW, "cannot format %s: its year is not from 1 to 9999",
                        eff_kind_name((enum eff_kind)value->kind));
    }
    if (value->kind == EFF_DATE)
        micros *= FORMAT_DAY_MICROS;
    time.civil = eff_civil_from_micros(micros, value->kind == EFF_DATE ? 0 : value->len);
    time.days = format_floor_div(micros, FORMAT_DAY_MICROS);
    time.has_zone = value->kind == EFF_INSTANT;
    time.has_epoch = value->kind == EFF_INSTANT || value->kind == EFF_DATE;
    *ret_time = time;
    return EFF_OK;
}

enum eff_fault
eff_convert_format(eff_str pattern, const struct eff_value *value, struct eff_arena *arena,
                   struct eff_value *ret_value, struct eff_err *err)
{
    struct eff_value read = *value;
    struct format_time time = {0};
    struct eff_buf buf = {0};
    enum eff_fault fault;
    eff_str text;

    if (value->kind == EFF_TEXT && !eff_convert_time(eff_value_str(value), &read))
        return EFF_FAIL(err, EFF_ROW,
                        "cannot format a text that is no date or time as in "
                        "2026-01-31 or 2026-01-31T12:30:00Z");
    if (read.kind != EFF_DATE && read.kind != EFF_TIME && read.kind != EFF_DATETIME &&
        read.kind != EFF_INSTANT)
        return EFF_FAIL(err, EFF_ROW, "cannot format %s: it is no date or time",
                        eff_kind_name((enum eff_kind)read.kind));
    EFF_TRY(eff_convert_format_check(pattern, err));
    EFF_TRY(format_split(&read, &time, err));
    fault = format_write(&buf, pattern, &time, (enum eff_kind)read.kind, err);
    text = fault == EFF_OK ? eff_str_copy(arena, eff_buf_str(&buf)) : EFF_STR_NONE;
    eff_buf_free(&buf);
    EFF_TRY(fault);
    return eff_convert_str(EFF_TEXT, text, ret_value, err);
}
