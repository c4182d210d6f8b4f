/*
 * base/buf: bytes that grow, with a maximum, and the reader of what they hold.
 *
 * One byte beyond the maximum is always there, for the NUL of vsnprintf.
 */
#include "base/buf.h"

#include "base/number.h"

#include <assert.h>
#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST 256

void
eff_buf_free(struct eff_buf *buf)
{
    free(buf->ptr);
    *buf = (struct eff_buf){.max = buf->max};
}

void
eff_buf_reset(struct eff_buf *buf)
{
    buf->len = 0;
    buf->full = false;
}

/* Makes room for `len` bytes in all and the spare one. */
static bool
buf_enlarge(struct eff_buf *buf, size_t len, size_t max)
{
    size_t cap = buf->cap < BUF_FIRST ? BUF_FIRST : buf->cap;
    char *ptr;

    while (cap <= len)
        cap *= 2; // len is at most max, far from the end of size_t
    if (cap > max + 1)
        cap = max + 1;
    ptr = realloc(buf->ptr, cap);
    if (ptr == NULL)
        return false;
    buf->ptr = ptr;
    buf->cap = cap;
    return true;
}

char *
eff_buf_reserve_more(struct eff_buf *buf, size_t more)
{
    size_t max = buf->max == 0 ? EFF_BUF_MAX : buf->max;
    size_t len;

    assert(max <= SIZE_MAX / 4);
    if (buf->full)
        return NULL;
    if (__builtin_add_overflow(buf->len, more, &len) || len > max || !buf_enlarge(buf, len, max)) {
        buf->full = true;
        return NULL;
    }
    return buf->ptr + buf->len;
}

void
eff_buf_addf(struct eff_buf *buf, const char *format, ...)
{
    va_list args;
    char *at = eff_buf_reserve(buf, 0);
    int len;

    if (at == NULL)
        return;
    va_start(args, format);
    len = vsnprintf(at, buf->cap - buf->len, format, args);
    va_end(args);
    if (len < 0) {
        buf->full = true;
        return;
    }
    if ((size_t)len >= buf->cap - buf->len) {
        at = eff_buf_reserve(buf, (size_t)len);
        if (at == NULL)
            return;
        va_start(args, format);
        vsnprintf(at, (size_t)len + 1, format, args);
        va_end(args);
    }
    buf->len += (size_t)len;
}

void
eff_buf_add_int(struct eff_buf *buf, int64_t value)
{
    char *at = eff_buf_reserve(buf, EFF_INT_TEXT_MAX);

    if (at == NULL)
        return;
    buf->len += eff_int_text(value, at);
}

void
eff_buf_add_u32(struct eff_buf *buf, uint32_t value)
{
    uint32_t little = htole32(value);

    eff_buf_add_bytes(buf, &little, sizeof(little));
}

void
eff_buf_add_u64(struct eff_buf *buf, uint64_t value)
{
    uint64_t little = htole64(value);

    eff_buf_add_bytes(buf, &little, sizeof(little));
}

void
eff_buf_add_slice(struct eff_buf *buf, eff_str s)
{
    if (s.ptr == NULL) {
        eff_buf_add_u32(buf, UINT32_MAX);
        return;
    }
    if (s.len >= UINT32_MAX)
        buf->full = true;
    if (eff_buf_reserve(buf, sizeof(uint32_t) + s.len) == NULL)
        return;
    eff_buf_add_u32(buf, (uint32_t)s.len);
    eff_buf_add(buf, s);
}

void
eff_url_encode(struct eff_buf *buf, eff_str text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '.' || c == '_' || c == '~') {
            eff_buf_add_char(buf, (char)c);
            continue;
        }
        eff_buf_add_char(buf, '%');
        eff_buf_add_char(buf, hex[c >> 4]);
        eff_buf_add_char(buf, hex[c & 15]);
    }
}

struct eff_reader
eff_reader_of(eff_str bytes)
{
    const unsigned char *at = (const unsigned char *)(bytes.ptr == NULL ? "" : bytes.ptr);

    return (struct eff_reader){.at = at, .end = at + bytes.len};
}

/* The next `len` bytes, or NULL: then this read and all later ones fail. */
static const unsigned char *
reader_step(struct eff_reader *reader, size_t len)
{
    const unsigned char *at = reader->at;

    if (reader->bad || (size_t)(reader->end - at) < len) {
        reader->bad = true;
        return NULL;
    }
    reader->at += len;
    return at;
}

uint8_t
eff_read_u8(struct eff_reader *reader)
{
    const unsigned char *at = reader_step(reader, 1);

    return at == NULL ? 0 : *at;
}

uint32_t
eff_read_u32(struct eff_reader *reader)
{
    const unsigned char *at = reader_step(reader, sizeof(uint32_t));
    uint32_t little = 0;

    if (at != NULL)
        memcpy(&little, at, sizeof(little));
    return le32toh(little);
}

uint64_t
eff_read_u64(struct eff_reader *reader)
{
    const unsigned char *at = reader_step(reader, sizeof(uint64_t));
    uint64_t little = 0;

    if (at != NULL)
        memcpy(&little, at, sizeof(little));
    return le64toh(little);
}

eff_str
eff_read_bytes(struct eff_reader *reader, size_t len)
{
    const unsigned char *at = reader_step(reader, len);

    return at == NULL ? EFF_STR_NONE : (eff_str){(const char *)at, len};
}

eff_str
eff_read_slice(struct eff_reader *reader)
{
    uint32_t len = eff_read_u32(reader);

    if (reader->bad || len == UINT32_MAX)
        return EFF_STR_NONE;
    return eff_read_bytes(reader, len);
}
