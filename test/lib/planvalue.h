/*
 * test/lib/planvalue: values written as text, so that a table of cases can be read.
 *
 * "null", "absent", "bad:why", "bool:1", "int:-5", "float:0.1", "decimal:1.50",
 * "text:abc", "bytes:abc", "json:[1]"; times as ISO 8601 ("date:2026-01-31",
 * "time:12:30:00.5", "datetime:...", "instant:...Z") or, after a #, as the number
 * that the value holds ("date:#99999999").
 */
#ifndef TEST_LIB_PLANVALUE_H
#define TEST_LIB_PLANVALUE_H

#include "base/buf.h"
#include "base/clock.h"
#include "flow/value.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const planvalue_kinds[] = {"null",    "bool",  "int",  "float", "decimal",
                                              "text",    "bytes", "date", "time",  "datetime",
                                              "instant", "json",  "bad",  "absent"};

static inline struct eff_value
planvalue_time(enum eff_kind kind, const char *text)
{
    struct eff_civil civil;
    char full[64];
    struct eff_value value = {.kind = (uint8_t)kind};

    if (text[0] == '#') {
        value.i = strtoll(text + 1, NULL, 10);
        return value;
    }
    snprintf(full, sizeof(full), "%s%s", kind == EFF_TIME ? "1970-01-01T" : "", text);
    if (!eff_time_parse(eff_str_of(full), &civil)) {
        fprintf(stderr, "not a time in a test: %s\n", text);
        abort();
    }
    value.i = kind == EFF_DATE ? eff_days_from_civil(civil.year, civil.month, civil.day)
                               : eff_micros_from_civil(&civil);
    value.len = kind == EFF_DATE ? 0 : (uint32_t)(civil.nanos % 1000);
    return value;
}

/* Borrows from the notation. */
static inline struct eff_value
planvalue_of(const char *notation)
{
    eff_str kind_name, text = {0};
    int kind = 0;

    eff_str_cut(eff_str_of(notation), ':', &kind_name, &text);
    while (kind <= EFF_ABSENT && !eff_str_is(kind_name, planvalue_kinds[kind]))
        kind++;
    switch ((enum eff_kind)kind) {
    case EFF_BOOL:
    case EFF_INT:
        return eff_value_of_int((enum eff_kind)kind, strtoll(text.ptr, NULL, 10));
    case EFF_FLOAT:
        return eff_value_of_float(strtod(text.ptr, NULL));
    case EFF_DATE:
    case EFF_TIME:
    case EFF_DATETIME:
    case EFF_INSTANT:
        return planvalue_time((enum eff_kind)kind, text.ptr);
    case EFF_DECIMAL:
    case EFF_TEXT:
    case EFF_BYTES:
    case EFF_JSON:
    case EFF_BAD:
        return eff_value_of_str((enum eff_kind)kind, text);
    case EFF_NULL:
    case EFF_ABSENT:
        return (struct eff_value){.kind = (uint8_t)kind};
    }
    fprintf(stderr, "not a kind in a test: %s\n", notation);
    abort();
}

/* The same notation back, in buf, terminated. Two calls need two buffers. */
static inline const char *
planvalue_text(const struct eff_value *value, struct eff_buf *buf)
{
    eff_buf_reset(buf);
    eff_buf_addf(buf, "%s", planvalue_kinds[value->kind]);
    if (value->kind != EFF_NULL && value->kind != EFF_ABSENT)
        eff_buf_add_char(buf, ':');
    if (value->kind == EFF_BYTES)
        eff_buf_add(buf, eff_value_str(value));
    else if (value->kind == EFF_BOOL)
        eff_buf_add_int(buf, value->i);
    else
        eff_value_text(buf, value);
    eff_buf_add_char(buf, '\0');
    return buf->ptr;
}

#endif
