/*
 * base/json: reading and writing JSON without losing a digit.
 *
 * Reading wraps yyjson: numbers stay text (a 64-bit id or a decimal is never a
 * double), duplicate keys and nesting beyond a bound are refused. Writing is a
 * small state machine over a buffer. The only file that includes yyjson.h is
 * json.c.
 */
#ifndef EFF_BASE_JSON_H
#define EFF_BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define EFF_JSON_DEPTH_MAX 64

struct eff_json; /* one value; lives in the arena it was parsed into */

enum eff_json_type {
    EFF_JSON_NULL = 1, /* 0 is "there is no such value" */
    EFF_JSON_BOOL,
    EFF_JSON_NUMBER,
    EFF_JSON_STRING,
    EFF_JSON_ARRAY,
    EFF_JSON_OBJECT,
};

/*
 * err says "line L column C: ..." with fault EFF_ROW; strings point into the arena, never into
 * text. EFF_BROKEN when the arena's budget is too small; on any fault the arena is as it was.
 */
enum eff_fault eff_json_parse(eff_str text, struct eff_arena *arena,
                              const struct eff_json **ret_root, struct eff_err *err);
/* The same of a part that begins after `begin` bytes: "is not JSON at byte N: ...", EFF_CONFIG. */
enum eff_fault eff_json_parse_part(eff_str text, uint64_t begin, struct eff_arena *arena,
                                   const struct eff_json **ret_root, struct eff_err *err);

/* All of these accept NULL ("absent"), so that paths can be followed without a check per step. */
enum eff_json_type eff_json_type(const struct eff_json *value);
const struct eff_json *eff_json_get(const struct eff_json *object, eff_str key);
const struct eff_json *eff_json_at(const struct eff_json *array, size_t index);
/* RFC 6901: "/a/0/b"; "" is the value itself. NULL when a step is missing. */
const struct eff_json *eff_json_pointer(const struct eff_json *root, eff_str pointer);
size_t eff_json_count(const struct eff_json *array_or_object);
bool eff_json_bool(const struct eff_json *value); /* true only for JSON true */
/* The text of a string or number, "true"/"false" for a boolean; EFF_STR_NONE otherwise. */
eff_str eff_json_str(const struct eff_json *value);
/* A number whose value is an integer in range, however it is written: 100, 1e2, 100.0. */
bool eff_json_int(const struct eff_json *value, int64_t *ret_value);

struct eff_json_iter {
    const void *at;
    size_t left;
    bool object;
};

struct eff_json_iter eff_json_iterate(const struct eff_json *array_or_object);
/* ret_key is EFF_STR_NONE for an array; may be NULL. */
bool eff_json_next(struct eff_json_iter *iter, eff_str *ret_key, const struct eff_json **ret_value);

/* The value as compact JSON; with sorted_keys, object members in byte order of their keys. */
void eff_json_print(struct eff_buf *buf, const struct eff_json *value, bool sorted_keys);

/*
 * Writing: commas are placed by the writer; keys and values in the order of the calls. Start
 * with {.buf = &buf}; at most EFF_JSON_DEPTH_MAX levels. Values at level 0 follow each other
 * without anything between them.
 */
struct eff_json_writer {
    struct eff_buf *buf;
    uint64_t has_members; /* a bit per level */
    unsigned depth;
    unsigned indent; /* spaces per level; 0: compact */
    bool after_key;
};

/* The comma and the new line that the next key or value needs. */
void eff_json_separate(struct eff_json_writer *w);

/* Where the next value may be written, in at most `most` bytes, or NULL; then eff_buf_grow. */
static inline char *
eff_json_place(struct eff_json_writer *w, size_t most)
{
    if (w->after_key)
        w->after_key = false;
    else
        eff_json_separate(w);
    return eff_buf_reserve(w->buf, most);
}

void eff_json_begin_object(struct eff_json_writer *w);
void eff_json_end_object(struct eff_json_writer *w);
void eff_json_begin_array(struct eff_json_writer *w);
void eff_json_end_array(struct eff_json_writer *w);
void eff_json_key(struct eff_json_writer *w, eff_str key);
void eff_json_write_str(struct eff_json_writer *w, eff_str text); /* bad UTF-8 -> U+FFFD */
void eff_json_write_int(struct eff_json_writer *w, int64_t value);
/* Shortest; NaN and the infinities become null. */
void eff_json_write_double(struct eff_json_writer *w, double value);
void eff_json_write_bool(struct eff_json_writer *w, bool value);
void eff_json_write_null(struct eff_json_writer *w);
void eff_json_write_raw(struct eff_json_writer *w, eff_str json); /* already JSON */
/* key and value in one call */
void eff_json_field_str(struct eff_json_writer *w, const char *key, eff_str text);
void eff_json_field_int(struct eff_json_writer *w, const char *key, int64_t value);
void eff_json_field_strs(struct eff_json_writer *w, const char *key, size_t count,
                         const eff_str *texts); /* a list */

#endif
