/*
 * plan/zone: times of a place into instants, and back.
 *
 * What clocks over there never show, because they are put forward over it, is refused; what
 * they show twice is the first of both, as RFC 5545 (3.3.5) reads it.
 */
#include "plan/convert.h"

#include <assert.h>

#define ZONE_SECOND 1000000

static enum eff_fault
zone_refuse(const struct eff_transform *transform, const char *why, struct eff_err *err)
{
    return EFF_FAIL(err, EFF_ROW, "cannot be taken for a time in " EFF_STR_FMT ": %s",
                    EFF_STR_ARG(transform->zone_name), why);
}

static enum eff_fault
zone_seconds(const struct eff_transform *transform, enum eff_kind kind, int64_t seconds,
             int64_t *ret_seconds, struct eff_err *err)
{
    if (kind == EFF_INSTANT) {
        *ret_seconds = seconds + eff_zone_offset(transform->zone, seconds);
        return EFF_OK;
    }
    if (eff_zone_instants(transform->zone, seconds, ret_seconds) > 0)
        return EFF_OK;
    zone_refuse(transform, "clocks over there were put forward over it", err);
    return eff_err_hint(err, "It is none of that place: look where the column comes from.");
}

enum eff_fault
eff_convert_zone(const struct eff_transform *transform, const struct eff_value *value,
                 struct eff_value *ret_value, struct eff_err *err)
{
    struct eff_value time = *value;
    int64_t seconds;

    assert(transform->zone);
    if (value->kind == EFF_TEXT && !eff_convert_time(eff_value_str(value), &time))
        return zone_refuse(transform, "it is not a date and time as in 2026-01-31T12:30:00", err);
    if (time.kind == EFF_DATE) {
        *ret_value = *value;
        return EFF_OK;
    }
    if (time.kind != EFF_DATETIME && time.kind != EFF_INSTANT)
        return zone_refuse(transform, eff_kind_name((enum eff_kind)time.kind), err);
    if (!eff_convert_time_fits(&time))
        return zone_refuse(transform, "its year is not from 1 to 9999", err);
    seconds = time.i / ZONE_SECOND - (time.i % ZONE_SECOND < 0);
    time.i -= seconds * ZONE_SECOND;
    EFF_TRY(zone_seconds(transform, (enum eff_kind)time.kind, seconds, &seconds, err));
    time.i += seconds * ZONE_SECOND;
    time.kind = time.kind == EFF_INSTANT ? EFF_DATETIME : EFF_INSTANT;
    if (!eff_convert_time_fits(&time))
        return zone_refuse(transform, "its year is not from 1 to 9999", err);
    *ret_value = time;
    return EFF_OK;
}
