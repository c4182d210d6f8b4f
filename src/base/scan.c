/*
 * base/scan: the window, and the walk through it.
 *
 * Most of a large document is text in strings: those are passed with memchr from quote to
 * quote, counting the backslashes before each.
 */
#include "base/scan.h"

#include <assert.h>
#include <stdlib.h>

#define SCAN_WINDOW ((size_t)256 << 10)
#define SCAN_KEY    ((size_t)64 << 10)

void
eff_scan_open(struct eff_scan *scan,
              enum eff_fault (*fill)(void *self, char *ptr, size_t cap, size_t *ret_len,
                                     struct eff_err *err),
              void *self)
{
    *scan = (struct eff_scan){.fill = fill, .self = self};
}

void
eff_scan_close(struct eff_scan *scan)
{
    eff_buf_free(&scan->kept);
    free(scan->window);
    scan->window = NULL;
}

/* ---- the window ---- */

static enum eff_fault
scan_wrong(const struct eff_scan *scan, const char *expected, struct eff_err *err)
{
    uint64_t byte = scan->passed + (uint64_t)(scan->at - scan->window) + 1;

    if (scan->at == scan->end)
        return EFF_FAIL(err, EFF_CONFIG, "ends in the middle, at byte %llu: expected %s",
                        (unsigned long long)byte, expected);
    return EFF_FAIL(err, EFF_CONFIG, "is not JSON at byte %llu: expected %s, found \"%.1s\"",
                    (unsigned long long)byte, expected, scan->at);
}

static void
scan_keep(struct eff_scan *scan)
{
    if (scan->keeping)
        eff_buf_add_bytes(&scan->kept, scan->from, (size_t)(scan->at - scan->from));
}

/* The next bytes into the window, all of which was read; *ret_more false at the end. */
static enum eff_fault
scan_more(struct eff_scan *scan, bool *ret_more, struct eff_err *err)
{
    size_t len = 0;

    scan_keep(scan);
    if (scan->window == NULL) {
        scan->window = malloc(SCAN_WINDOW);
        if (scan->window == NULL)
            return EFF_FAIL(err, EFF_BROKEN, "out of memory");
        scan->at = scan->end = scan->window;
    }
    scan->passed += (uint64_t)(scan->end - scan->window);
    scan->at = scan->end = scan->from = scan->window;
    EFF_TRY(scan->fill(scan->self, scan->window, SCAN_WINDOW, &len, err));
    scan->end = scan->window + len;
    *ret_more = len > 0;
    return EFF_OK;
}

/* The next byte that is no blank, or 0 at the end; it is not passed. */
static enum eff_fault
scan_peek(struct eff_scan *scan, char *ret_c, struct eff_err *err)
{
    bool more = true;

    *ret_c = 0;
    while (more) {
        while (scan->at < scan->end) {
            char c = *scan->at;
            if (c != ' ' && c != '\n' && c != '\t' && c != '\r') {
                *ret_c = c;
                return EFF_OK;
            }
            scan->at++;
        }
        EFF_TRY(scan_more(scan, &more, err));
    }
    return EFF_OK;
}

/* ---- values that are passed ---- */

/* Whether the byte at `at` is escaped by the backslashes that stand before it. */
static bool
scan_escaped(const char *begin, const char *at, bool escaped)
{
    const char *back = at;

    while (back > begin && back[-1] == '\\')
        back--;
    return (((size_t)(at - back) + (back == begin && escaped)) & 1) != 0;
}

/* Behind the opening quote, to behind the closing one. */
static enum eff_fault
scan_string(struct eff_scan *scan, struct eff_err *err)
{
    bool escaped = false, more = true;

    while (more) {
        const char *begin = scan->at, *quote = begin;
        while (quote < scan->end &&
               (quote = memchr(quote, '"', (size_t)(scan->end - quote))) != NULL) {
            scan->at = quote + 1;
            if (!scan_escaped(begin, quote, escaped))
                return EFF_OK;
            quote++;
        }
        escaped = scan->end > begin && scan_escaped(begin, scan->end, escaped);
        scan->at = scan->end;
        EFF_TRY(scan_more(scan, &more, err));
    }
    return scan_wrong(scan, "the end of a text", err);
}

static bool
scan_is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' ||
           c == 'E';
}

/* A number, true, false or null: to the first byte that belongs to none of them. */
static enum eff_fault
scan_plain(struct eff_scan *scan, struct eff_err *err)
{
    bool more = true;

    if (!scan_is_plain(*scan->at))
        return scan_wrong(scan, "a value", err);
    while (more) {
        while (scan->at < scan->end && scan_is_plain(*scan->at))
            scan->at++;
        if (scan->at < scan->end)
            return EFF_OK;
        EFF_TRY(scan_more(scan, &more, err));
    }
    return EFF_OK;
}

/* Closes what was opened last, if that was of this kind. */
static enum eff_fault
scan_closes(const struct eff_scan *scan, uint64_t objects, unsigned depth, struct eff_err *err)
{
    bool object = (objects >> depth & 1) != 0;

    if (object == (*scan->at == '}'))
        return EFF_OK;
    return scan_wrong(scan, object ? "\"}\"" : "\"]\"", err);
}

/* From an opening bracket to behind the one that closes it. */
static enum eff_fault
scan_nest(struct eff_scan *scan, struct eff_err *err)
{
    uint64_t objects = 0;
    unsigned depth = 0;
    bool more = true;

    while (more) {
        while (scan->at < scan->end) {
            char c = *scan->at;
            if (c == '"') {
                scan->at++;
                EFF_TRY(scan_string(scan, err));
                continue;
            }
            if (c == '{' || c == '[') {
                if (depth == EFF_JSON_DEPTH_MAX)
                    return EFF_FAIL(err, EFF_CONFIG, "is nested more than %d deep",
                                    EFF_JSON_DEPTH_MAX);
                objects &= ~((uint64_t)1 << depth);
                objects |= (uint64_t)(c == '{') << depth++;
            } else if (c == '}' || c == ']') {
                assert(depth > 0); // It began with a bracket that opens.
                EFF_TRY(scan_closes(scan, objects, --depth, err));
            }
            scan->at++;
            if (depth == 0)
                return EFF_OK;
        }
        EFF_TRY(scan_more(scan, &more, err));
    }
    return scan_wrong(scan, "a bracket that closes", err);
}

enum eff_fault
eff_scan_skip(struct eff_scan *scan, struct eff_err *err)
{
    char c;

    EFF_TRY(scan_peek(scan, &c, err));
    if (c == '{' || c == '[')
        return scan_nest(scan, err);
    if (c != '"')
        return c == 0 ? scan_wrong(scan, "a value", err) : scan_plain(scan, err);
    scan->at++;
    return scan_string(scan, err);
}

/* ---- values that are kept ---- */

static void
scan_keep_begin(struct eff_scan *scan, size_t bytes_max)
{
    if (scan->kept.cap > SCAN_KEY)
        eff_buf_free(&scan->kept);
    eff_buf_reset(&scan->kept);
    scan->kept.max = bytes_max;
    scan->from = scan->at;
    scan->keeping = true;
}

static enum eff_fault
scan_keep_end(struct eff_scan *scan, size_t bytes_max, struct eff_err *err)
{
    scan_keep(scan);
    scan->keeping = false;
    if (!scan->kept.full)
        return EFF_OK;
    return EFF_FAIL(err, EFF_CONFIG, "has a value of more than %zu bytes that ends at byte %llu",
                    bytes_max,
                    (unsigned long long)(scan->passed + (uint64_t)(scan->at - scan->window)));
}

enum eff_fault
eff_scan_value(struct eff_scan *scan, size_t bytes_max, struct eff_arena *arena,
               const struct eff_json **ret_value, struct eff_err *err)
{
    uint64_t begin;
    char c;

    EFF_TRY(scan_peek(scan, &c, err));
    begin = scan->passed + (uint64_t)(scan->at - scan->window);
    scan_keep_begin(scan, bytes_max);
    EFF_TRY(eff_scan_skip(scan, err));
    EFF_TRY(scan_keep_end(scan, bytes_max, err));
    return eff_json_parse_part(eff_buf_str(&scan->kept), begin, arena, ret_value, err);
}

/* ---- the walk ---- */

static enum eff_fault
scan_into(struct eff_scan *scan, char bracket, bool *ret_there, struct eff_err *err)
{
    char c;

    EFF_TRY(scan_peek(scan, &c, err));
    *ret_there = c == bracket;
    if (c == 'n')
        return eff_scan_skip(scan, err);
    if (c != bracket)
        return scan_wrong(scan, bracket == '{' ? "an object" : "an array", err);
    if (scan->depth == EFF_JSON_DEPTH_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "is nested more than %d deep", EFF_JSON_DEPTH_MAX);
    scan->at++;
    scan->some_below &= ~((uint64_t)1 << scan->depth++);
    return EFF_OK;
}

enum eff_fault
eff_scan_object(struct eff_scan *scan, bool *ret_there, struct eff_err *err)
{
    return scan_into(scan, '{', ret_there, err);
}

enum eff_fault
eff_scan_array(struct eff_scan *scan, bool *ret_there, struct eff_err *err)
{
    return scan_into(scan, '[', ret_there, err);
}

/* Passes the comma before the next member, or the bracket behind the last one. */
static enum eff_fault
scan_member(struct eff_scan *scan, char closing, bool *ret_more, struct eff_err *err)
{
    uint64_t bit = (uint64_t)1 << (scan->depth - 1);
    char c;

    EFF_TRY(scan_peek(scan, &c, err));
    *ret_more = c != closing;
    if (c == closing) {
        scan->at++;
        scan->depth--;
        return EFF_OK;
    }
    if ((scan->some_below & bit) != 0) {
        if (c != ',')
            return scan_wrong(scan, closing == '}' ? "\",\" or \"}\"" : "\",\" or \"]\"", err);
        scan->at++;
    }
    scan->some_below |= bit;
    return EFF_OK;
}

enum eff_fault
eff_scan_item(struct eff_scan *scan, bool *ret_more, struct eff_err *err)
{
    return scan_member(scan, ']', ret_more, err);
}

enum eff_fault
eff_scan_key(struct eff_scan *scan, eff_str *ret_key, bool *ret_more, struct eff_err *err)
{
    eff_str key;
    char c;

    EFF_TRY(scan_member(scan, '}', ret_more, err));
    if (!*ret_more)
        return EFF_OK;
    EFF_TRY(scan_peek(scan, &c, err));
    if (c != '"')
        return scan_wrong(scan, "a key", err);
    scan_keep_begin(scan, SCAN_KEY);
    scan->at++;
    EFF_TRY(scan_string(scan, err));
    EFF_TRY(scan_keep_end(scan, SCAN_KEY, err));
    key = eff_buf_str(&scan->kept);
    *ret_key = eff_str_sub(key, 1, key.len - 2);
    EFF_TRY(scan_peek(scan, &c, err));
    if (c != ':')
        return scan_wrong(scan, "\":\"", err);
    scan->at++;
    return EFF_OK;
}

enum eff_fault
eff_scan_end(struct eff_scan *scan, struct eff_err *err)
{
    char c;

    EFF_TRY(scan_peek(scan, &c, err));
    return scan->at == scan->end ? EFF_OK : scan_wrong(scan, "the end", err);
}
