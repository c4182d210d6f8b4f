/*
 * plan/convert: the single conversions behind plan/transform.
 *
 * Private to plan/. All of them take values that are neither NULL, BAD nor
 * ABSENT (transform deals with those), and fail with EFF_ROW and a reason that
 * does not show the value; transform adds the field's name.
 */
#ifndef EFF_PLAN_CONVERT_H
#define EFF_PLAN_CONVERT_H

#include "base/arena.h"
#include "base/err.h"
#include "flow/mapping.h"

/* The text form of flow/value; borrows from value where it is text already, else lives in arena. */
eff_str eff_convert_text(const struct eff_value *value, struct eff_arena *arena);

/* A value of kind; the text has at most UINT32_MAX bytes. */
enum eff_fault eff_convert_str(enum eff_kind kind, eff_str text, struct eff_value *ret_value,
                               struct eff_err *err);

/* Text as DATE, DATETIME (a time without zone) or INSTANT; false when it is none of them. */
bool eff_convert_time(eff_str text, struct eff_value *ret_value);
/* Whether a DATE, DATETIME or INSTANT lies in the years 1 to 9999, which all text forms need. */
bool eff_convert_time_fits(const struct eff_value *value);

/* A DATETIME, or text that is one, to the INSTANT at which it is that time in the zone; an
 * INSTANT the other way; a DATE, whose day has no time, stays. */
enum eff_fault eff_convert_zone(const struct eff_transform *transform,
                                const struct eff_value *value, struct eff_value *ret_value,
                                struct eff_err *err);

enum eff_fault eff_convert_format(eff_str pattern, const struct eff_value *value,
                                  struct eff_arena *arena, struct eff_value *ret_value,
                                  struct eff_err *err);
/* EFF_CONFIG naming the directive when the pattern has one that eff_convert_format does not know. */
enum eff_fault eff_convert_format_check(eff_str pattern, struct eff_err *err);

enum eff_fault eff_convert_normalize(enum eff_normalize rule, const struct eff_value *value,
                                     struct eff_arena *arena, struct eff_value *ret_value,
                                     struct eff_err *err);

#endif
