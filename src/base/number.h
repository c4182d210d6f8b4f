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

#endif
