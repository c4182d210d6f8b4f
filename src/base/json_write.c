/*
 * base/json: writing JSON, member by member or as the copy of a parsed value.
 */
#include "base/json.h"
#include "base/number.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Up to so many members are sorted without asking for memory; one array per level of nesting. */
#define JSON_FEW_MEMBERS 32

struct json_member {
    eff_str key;
    const struct eff_json *value;
};

/* Of the innermost array or object. */
static bool
json_has_members(const struct eff_json_writer *w)
{
    return (w->has_members >> (w->depth - 1) & 1) != 0;
}

static void
json_new_line(struct eff_json_writer *w)
{
    if (w->indent == 0)
        return;
    eff_buf_add_char(w->buf, '\n');
    for (unsigned i = 0; i < w->depth * w->indent; i++)
        eff_buf_add_char(w->buf, ' ');
}

void
eff_json_separate(struct eff_json_writer *w)
{
    if (w->depth == 0)
        return;
    if (json_has_members(w))
        eff_buf_add_char(w->buf, ',');
    w->has_members |= (uint64_t)1 << (w->depth - 1);
    json_new_line(w);
}

static void
json_begin(struct eff_json_writer *w, char bracket)
{
    char *to = eff_json_place(w, 1);

    assert(w->depth < EFF_JSON_DEPTH_MAX);
    if (to != NULL) {
        *to = bracket;
        eff_buf_grow(w->buf, 1);
    }
    w->has_members &= ~((uint64_t)1 << w->depth);
    w->depth++;
}

static void
json_end(struct eff_json_writer *w, char bracket)
{
    bool some;

    assert(w->depth > 0 && !w->after_key);
    some = json_has_members(w);
    w->depth--;
    if (some)
        json_new_line(w);
    eff_buf_add_char(w->buf, bracket);
}

static void
json_escape(struct eff_buf *buf, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

    switch (c) {
    case '"':
    case '\\':
        text[1] = (char)c;
        break;
    case '\b':
        text[1] = 'b';
        break;
    case '\f':
        text[1] = 'f';
        break;
    case '\n':
        text[1] = 'n';
        break;
    case '\r':
        text[1] = 'r';
        break;
    case '\t':
        text[1] = 't';
        break;
    default:
        eff_buf_add_bytes(buf, text, 6);
        return;
    }
    eff_buf_add_bytes(buf, text, 2);
}

#define JSON_EACH_BYTE(c) (0x0101010101010101u * (uint64_t)(c))

/* Whether one of eight bytes is no printable ASCII, a quote or a backslash. */
static inline bool
json_word_is_odd(uint64_t word)
{
    uint64_t quote = word ^ JSON_EACH_BYTE('"'), slash = word ^ JSON_EACH_BYTE('\\');

    // The top bit of a byte: it is above 0x7f, below 0x20, or zero after the exclusive or.
    return ((word | (word - JSON_EACH_BYTE(0x20)) | (quote - JSON_EACH_BYTE(1)) |
             (slash - JSON_EACH_BYTE(1))) &
            JSON_EACH_BYTE(0x80)) != 0;
}

/* Fewer than eight bytes. */
static size_t
json_copy_few(char *to, eff_str text)
{
    uint64_t word = JSON_EACH_BYTE('a');
    uint32_t first, last;

    if (text.len >= sizeof(first)) { // some bytes twice
        memcpy(&first, text.ptr, sizeof(first));
        memcpy(&last, text.ptr + text.len - sizeof(last), sizeof(last));
        if (json_word_is_odd(first | (uint64_t)last << 32))
            return 0;
        memcpy(to, &first, sizeof(first));
        memcpy(to + text.len - sizeof(last), &last, sizeof(last));
        return text.len;
    }
    for (size_t i = 0; i < text.len; i++)
        word = word << 8 | (unsigned char)text.ptr[i];
    if (json_word_is_odd(word))
        return 0;
    for (size_t i = 0; i < text.len; i++)
        to[i] = text.ptr[i];
    return text.len;
}

/* Copies what stands for itself, until there is something odd near; tells how much that was. */
static size_t
json_copy_plain(char *to, eff_str text)
{
    uint64_t word;
    size_t at;

    if (text.len < sizeof(word))
        return json_copy_few(to, text);
    for (at = 0; at + sizeof(word) <= text.len; at += sizeof(word)) {
        memcpy(&word, text.ptr + at, sizeof(word));
        if (json_word_is_odd(word))
            return at;
        memcpy(to + at, &word, sizeof(word));
    }
    memcpy(&word, text.ptr + text.len - sizeof(word), sizeof(word)); // some bytes twice
    if (json_word_is_odd(word))
        return at;
    memcpy(to + text.len - sizeof(word), &word, sizeof(word));
    return text.len;
}

/* Adds whole runs of bytes that stand for themselves, and in between what does not. */
static void
json_add_string(struct eff_buf *buf, eff_str text)
{
    char *to = eff_buf_reserve(buf, text.len + 2);
    size_t from, at;

    if (to == NULL)
        return;
    *to++ = '"';
    from = at = json_copy_plain(to, text);
    if (at == text.len) { // most texts have nothing to escape
        to[at] = '"';
        eff_buf_grow(buf, at + 2);
        return;
    }
    eff_buf_grow(buf, 1 + at);
    while (at < text.len) {
        unsigned char c = (unsigned char)text.ptr[at];
        uint32_t code;
        size_t len;

        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            at++;
            continue;
        }
        len = c < 0x80 ? 0 : eff_utf8_decode(eff_str_sub(text, at, SIZE_MAX), &code);
        if (len > 0) {
            at += len;
            continue;
        }
        eff_buf_add(buf, eff_str_sub(text, from, at - from));
        if (c < 0x80)
            json_escape(buf, c);
        else
            eff_buf_add(buf, EFF_STR("\xef\xbf\xbd"));
        from = ++at;
    }
    eff_buf_add(buf, eff_str_sub(text, from, at - from));
    eff_buf_add_char(buf, '"');
}

void
eff_json_begin_object(struct eff_json_writer *w)
{
    json_begin(w, '{');
}

void
eff_json_end_object(struct eff_json_writer *w)
{
    json_end(w, '}');
}

void
eff_json_begin_array(struct eff_json_writer *w)
{
    json_begin(w, '[');
}

void
eff_json_end_array(struct eff_json_writer *w)
{
    json_end(w, ']');
}

void
eff_json_key(struct eff_json_writer *w, eff_str key)
{
    assert(!w->after_key && w->depth > 0);
    eff_json_separate(w);
    json_add_string(w->buf, key);
    eff_buf_add(w->buf, w->indent == 0 ? EFF_STR(":") : EFF_STR(": "));
    w->after_key = true;
}

void
eff_json_write_str(struct eff_json_writer *w, eff_str text)
{
    eff_json_place(w, 0);
    json_add_string(w->buf, text);
}

void
eff_json_write_int(struct eff_json_writer *w, int64_t value)
{
    char *to = eff_json_place(w, EFF_INT_TEXT_MAX);

    if (to != NULL)
        eff_buf_grow(w->buf, eff_int_text(value, to));
}

void
eff_json_write_double(struct eff_json_writer *w, double value)
{
    char *to;

    if (!isfinite(value)) {
        eff_json_write_null(w);
        return;
    }
    to = eff_json_place(w, EFF_DOUBLE_TEXT_MAX);
    if (to != NULL)
        eff_buf_grow(w->buf, eff_double_text(value, to));
}

void
eff_json_write_bool(struct eff_json_writer *w, bool value)
{
    eff_json_write_raw(w, value ? EFF_STR("true") : EFF_STR("false"));
}

void
eff_json_write_null(struct eff_json_writer *w)
{
    eff_json_write_raw(w, EFF_STR("null"));
}

void
eff_json_write_raw(struct eff_json_writer *w, eff_str json)
{
    char *to = eff_json_place(w, json.len);

    if (to == NULL || json.len == 0)
        return;
    memcpy(to, json.ptr, json.len);
    eff_buf_grow(w->buf, json.len);
}

void
eff_json_field_str(struct eff_json_writer *w, const char *key, eff_str text)
{
    eff_json_key(w, eff_str_of(key));
    eff_json_write_str(w, text);
}

void
eff_json_field_int(struct eff_json_writer *w, const char *key, int64_t value)
{
    eff_json_key(w, eff_str_of(key));
    eff_json_write_int(w, value);
}

static int
json_member_cmp(const void *a, const void *b)
{
    const struct json_member *x = a, *y = b;

    return eff_str_cmp(x->key, y->key);
}

static void json_print(struct eff_json_writer *w, const struct eff_json *value, bool sorted_keys);

static void
json_print_members(struct eff_json_writer *w, const struct eff_json *object, bool sorted_keys)
{
    struct eff_json_iter iter = eff_json_iterate(object);
    struct json_member member;

    while (eff_json_next(&iter, &member.key, &member.value)) {
        eff_json_key(w, member.key);
        json_print(w, member.value, sorted_keys);
    }
}

static void
json_print_sorted(struct eff_json_writer *w, const struct eff_json *object)
{
    struct json_member few[JSON_FEW_MEMBERS], *members = few;
    struct eff_json_iter iter = eff_json_iterate(object);
    size_t count = eff_json_count(object), i = 0;

    if (count > JSON_FEW_MEMBERS)
        members = calloc(count, sizeof(members[0]));
    if (members == NULL) {
        w->buf->full = true; // out of memory, as when the buffer cannot grow
        return;
    }
    for (; i < count; i++)
        eff_json_next(&iter, &members[i].key, &members[i].value);
    qsort(members, count, sizeof(members[0]), json_member_cmp);
    for (size_t j = 0; j < count; j++) {
        eff_json_key(w, members[j].key);
        json_print(w, members[j].value, true);
    }
    if (members != few)
        free(members);
}

/* Recursion is bounded: nothing deeper than EFF_JSON_DEPTH_MAX was parsed. */
static void
json_print(struct eff_json_writer *w, const struct eff_json *value, bool sorted_keys)
{
    struct eff_json_iter iter = eff_json_iterate(value);

    switch (eff_json_type(value)) {
    case EFF_JSON_STRING:
        eff_json_write_str(w, eff_json_str(value));
        return;
    case EFF_JSON_NUMBER:
    case EFF_JSON_BOOL:
        eff_json_write_raw(w, eff_json_str(value));
        return;
    case EFF_JSON_ARRAY:
        eff_json_begin_array(w);
        while (eff_json_next(&iter, NULL, &value))
            json_print(w, value, sorted_keys);
        eff_json_end_array(w);
        return;
    case EFF_JSON_OBJECT:
        eff_json_begin_object(w);
        if (sorted_keys)
            json_print_sorted(w, value);
        else
            json_print_members(w, value, false);
        eff_json_end_object(w);
        return;
    default:
        eff_json_write_null(w);
    }
}

void
eff_json_print(struct eff_buf *buf, const struct eff_json *value, bool sorted_keys)
{
    struct eff_json_writer w = {.buf = buf};

    json_print(&w, value, sorted_keys);
}

void
eff_json_field_strs(struct eff_json_writer *w, const char *key, size_t count, const eff_str *texts)
{
    eff_json_key(w, eff_str_of(key));
    eff_json_begin_array(w);
    for (size_t i = 0; i < count; i++)
        eff_json_write_str(w, texts[i]);
    eff_json_end_array(w);
}
