/*
 * base/str: text as a borrowed slice.
 *
 * Nothing here allocates unless it takes an arena. A slice may hold NUL bytes
 * and is not terminated; pass it by value.
 */
#ifndef EFF_BASE_STR_H
#define EFF_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct eff_arena;

typedef struct {
    const char *ptr;
    size_t len;
} eff_str;

#define EFF_STR(lit)   ((eff_str){"" lit, sizeof(lit) - 1})
#define EFF_STR_NONE   ((eff_str){NULL, 0})
#define EFF_STR_FMT    "%.*s"
#define EFF_STR_ARG(s) eff_str_width(s), eff_str_chars(s)

/* The length for "%.*s", at most INT_MAX. */
int eff_str_width(eff_str s);

/* The text for "%.*s", which may not be NULL even when the length is 0. */
static inline const char *
eff_str_chars(eff_str s)
{
    return s.ptr ? s.ptr : "";
}

static inline eff_str
eff_str_of(const char *cstr)
{
    return (eff_str){cstr, cstr ? strlen(cstr) : 0};
}

static inline bool
eff_str_eq(eff_str a, eff_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool
eff_str_is(eff_str a, const char *cstr)
{
    return eff_str_eq(a, eff_str_of(cstr));
}

/* ASCII case only. */
bool eff_str_eq_nocase(eff_str a, eff_str b);
/* Byte order, then length: <0, 0, >0. */
int eff_str_cmp(eff_str a, eff_str b);
bool eff_str_starts(eff_str s, eff_str prefix);
bool eff_str_ends(eff_str s, eff_str suffix);
/* Index of the first occurrence, or SIZE_MAX. */
size_t eff_str_find(eff_str s, eff_str needle);
size_t eff_str_find_char(eff_str s, char c);
/* s from byte `from`, at most `len` bytes; clamps to s. */
eff_str eff_str_sub(eff_str s, size_t from, size_t len);
/* Without ASCII white space at both ends. */
eff_str eff_str_trim(eff_str s);
/* Split s at the first sep. Returns false, with all of s in ret_head, when there is none. */
bool eff_str_cut(eff_str s, char sep, eff_str *ret_head, eff_str *ret_tail);

/* Whole slice as a decimal integer, optional sign; false on anything else or overflow. */
bool eff_str_int(eff_str s, int64_t *ret_value);
bool eff_str_uint(eff_str s, uint64_t *ret_value);

/* A terminated copy in the arena; EFF_STR_NONE stays EFF_STR_NONE (eff_str_c gives ""). */
eff_str eff_str_copy(struct eff_arena *arena, eff_str s);
char *eff_str_c(struct eff_arena *arena, eff_str s);
eff_str eff_str_lower(struct eff_arena *arena, eff_str s); /* ASCII */
eff_str eff_str_printf(struct eff_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool eff_utf8_valid(eff_str s);
/* Bytes of the first character of s, 0 when it is not valid (or s is empty). */
size_t eff_utf8_decode(eff_str s, uint32_t *ret_code);
/* What a terminal or a log viewer would act on, or show as nothing, instead of showing it. */
bool eff_utf8_hides(uint32_t code);
/* Bytes of the longest valid prefix of s that is at most `max` bytes and ends on a character. */
size_t eff_utf8_prefix(eff_str s, size_t max);

/*
 * For a terminal or a log line: control bytes, escape codes, bidirectional
 * overrides and invalid UTF-8 become visible \xNN or \u{NNNN}; at most `max`
 * bytes of the original are shown, then "...".
 */
eff_str eff_str_printable(struct eff_arena *arena, eff_str s, size_t max);
/*
 * The same into a field of `cap` bytes (at least 4), terminated; what does not fit ends
 * in "...". Returns the length of the text.
 */
size_t eff_str_print_to(char *ret_text, size_t cap, eff_str s);

/*
 * Edit distance for "did you mean" (swapped neighbours count once, case is ignored), capped:
 * returns max + 1 when it is larger, and for different texts of more than 128 bytes.
 */
unsigned eff_str_distance(eff_str a, eff_str b, unsigned max);

#endif
