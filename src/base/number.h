/*
 * base/number: numbers as text, exactly.
 */
#ifndef EFF_BASE_NUMBER_H
#define EFF_BASE_NUMBER_H

#include "base/str.h"

#define EFF_DOUBLE_TEXT_MAX 32
#define EFF_INT_TEXT_MAX    24

/* Decimal digits with optional sign, point and exponent; at least one digit (".5" and "5." too). */
bool eff_number_valid(eff_str text);
/* One that JSON takes as it is; RFC 8259 is stricter: no "+1", no ".5", no "5.", no "007". */
bool eff_number_is_json(eff_str text);
/*
 * The one form of a decimal: no exponent, no leading zeros, no trailing zeros of
 * the fraction, no "-0". Writes at most `cap` bytes; returns the length, or 0
 * when text is not a number or the form does not fit.
 */
size_t eff_decimal_canonical(eff_str text, char *ret_text, size_t cap);
/* Shortest text that reads back as the same double ("1", "0.1", "1e+300", "NaN", "Infinity"). */
size_t eff_double_text(double value, char ret_text[EFF_DOUBLE_TEXT_MAX]);
/* Both texts are terminated; the length is returned. */
size_t eff_int_text(int64_t value, char ret_text[EFF_INT_TEXT_MAX]);
/* Exactly `count` digits, zeros in front, no end; number has no more. Returns where they end. */
char *eff_digits_text(char *to, uint64_t number, size_t count);

/* "00", "01" to "99", one behind the other. */
extern const char eff_digit_pairs[];

/* Two digits of a number below 100. Returns where they end. */
static inline char *
eff_digit_pair(char *to, unsigned number)
{
    memcpy(to, eff_digit_pairs + (size_t)2 * number, 2);
    return to + 2;
}

#endif
