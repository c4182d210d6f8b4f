/*
 * base/fold: Unicode's case folding, by utf8proc.
 */
#include <assert.h>
#include <utf8proc.h>

#include "base/fold.h"

#define FOLD_MOST ((size_t)1 << 20) /* it takes eight times that; nobody matches by longer ones */

static bool
fold_as_ascii(eff_str text)
{
    if (text.len > FOLD_MOST)
        return true;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    return true;
}

eff_str
eff_fold(enum eff_fold fold, eff_str text, struct eff_arena *arena)
{
    int options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD;
    const utf8proc_uint8_t *bytes;
    utf8proc_int32_t *codes;
    utf8proc_ssize_t count;

    if (fold == EFF_FOLD_NONE)
        return text;
    if (fold == EFF_FOLD_FIELD)
        text = eff_str_trim(text);
    if (fold == EFF_FOLD_ASCII || fold_as_ascii(text))
        return eff_str_lower(arena, text);
    if (fold == EFF_FOLD_MARKS)
        options |= UTF8PROC_STRIPMARK;
    bytes = (const utf8proc_uint8_t *)text.ptr;
    count = utf8proc_decompose(bytes, (utf8proc_ssize_t)text.len, NULL, 0, options);
    if (count < 0)
        return eff_str_lower(arena, text);
    codes = eff_new(arena, utf8proc_int32_t, (size_t)count + 1);
    utf8proc_decompose(bytes, (utf8proc_ssize_t)text.len, codes, count, options);
    count = utf8proc_reencode(codes, count, options); // in its place: a code never takes more bytes
    assert(count >= 0);
    return (eff_str){(const char *)codes, (size_t)count};
}
