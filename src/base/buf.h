/*
 * base/buf: bytes that grow, with a maximum.
 *
 * For request bodies, file blocks and messages whose size is not known before.
 * Going over the maximum, or out of memory, makes the buffer `full`: later adds
 * do nothing, and whoever owns the buffer checks once at the end.
 */
#ifndef EFF_BASE_BUF_H
#define EFF_BASE_BUF_H

#include <assert.h>

#include "base/str.h"

struct eff_buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t max; /* 0: EFF_BUF_MAX */
    bool full;
};

#define EFF_BUF_MAX ((size_t)1 << 30)

void eff_buf_free(struct eff_buf *buf);                       /* and zero, but for max */
void eff_buf_reset(struct eff_buf *buf);                      /* keeps the memory */
char *eff_buf_reserve_more(struct eff_buf *buf, size_t more); /* where there is no room yet */
/* Room for `more` bytes: the place to write them, or NULL when full. Then eff_buf_grow. */
static inline char *
eff_buf_reserve(struct eff_buf *buf, size_t more)
{
    if (__builtin_expect(buf->full || more >= buf->cap - buf->len, 0)) // cap is at most max + 1
        return eff_buf_reserve_more(buf, more);
    return buf->ptr + buf->len;
}
/* At most what was reserved. */
static inline void
eff_buf_grow(struct eff_buf *buf, size_t written)
{
    assert(written == 0 || (buf->cap > 0 && written <= buf->cap - 1 - buf->len));
    buf->len += written;
}

/* What is added must not lie in the buffer itself. Each add is whole or, when full, nothing. */
static inline void
eff_buf_add_bytes(struct eff_buf *buf, const void *ptr, size_t len)
{
    char *at = eff_buf_reserve(buf, len);

    if (at == NULL || len == 0)
        return;
    memcpy(at, ptr, len);
    buf->len += len;
}

static inline void
eff_buf_add(struct eff_buf *buf, eff_str s)
{
    eff_buf_add_bytes(buf, s.ptr, s.len);
}

static inline void
eff_buf_add_char(struct eff_buf *buf, char c)
{
    char *at = eff_buf_reserve(buf, 1);

    if (at == NULL)
        return;
    *at = c;
    buf->len++;
}

void eff_buf_addf(struct eff_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void eff_buf_add_int(struct eff_buf *buf, int64_t value);
/* Percent-encoded: what RFC 3986 section 2.3 does not call unreserved. */
void eff_url_encode(struct eff_buf *buf, eff_str text);
/* Little-endian, for files of our own. */
void eff_buf_add_u32(struct eff_buf *buf, uint32_t value);
void eff_buf_add_u64(struct eff_buf *buf, uint64_t value);
/* u32 length, then the bytes; UINT32_MAX for EFF_STR_NONE (ptr == NULL). */
void eff_buf_add_slice(struct eff_buf *buf, eff_str s);

static inline eff_str
eff_buf_str(const struct eff_buf *buf)
{
    return (eff_str){buf->ptr, buf->len};
}

/* Reads what the add functions wrote; `bad` is set, and zeroes returned, when bytes are missing. */
struct eff_reader {
    const unsigned char *at;
    const unsigned char *end;
    bool bad;
};

struct eff_reader eff_reader_of(eff_str bytes);
uint8_t eff_read_u8(struct eff_reader *reader);
uint32_t eff_read_u32(struct eff_reader *reader);
uint64_t eff_read_u64(struct eff_reader *reader);
eff_str eff_read_slice(struct eff_reader *reader); /* borrows from the bytes */
eff_str eff_read_bytes(struct eff_reader *reader, size_t len);

#endif
