/*
 * base/json: reading JSON without losing a digit.
 *
 * yyjson does the parsing, with numbers left as text and all memory from the
 * arena; a walk with a stack of bounded depth then refuses what yyjson lets
 * pass. A struct eff_json is a yyjson_val. Writing is in json_write.c.
 */
#include "base/json.h"

#include "base/number.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

/* Up to so many members, keys are compared each with each instead of being sorted. */
#define JSON_FEW_KEYS 12

static bool
json_is_object(const struct eff_json *value)
{
    return eff_json_type(value) == EFF_JSON_OBJECT;
}

static bool
json_is_array(const struct eff_json *value)
{
    return eff_json_type(value) == EFF_JSON_ARRAY;
}

static void *
json_malloc(void *arena, size_t size)
{
    return eff_arena_try(arena, 1, alignof(max_align_t), size);
}

/* yyjson grows one array while it parses: it is the newest allocation and is extended in place. */
static void *
json_realloc(void *ctx, void *ptr, size_t old_size, size_t size)
{
    struct eff_arena *arena = ctx;
    char *moved;

    if (size <= old_size)
        return ptr;
    if ((char *)ptr + old_size == arena->base + arena->used) {
        char *more = eff_arena_try(arena, 1, 1, size - old_size);

        if (more == (char *)ptr + old_size)
            return ptr;
        if (more == NULL)
            return NULL;
    }
    moved = json_malloc(arena, size);
    if (moved != NULL)
        memcpy(moved, ptr, old_size);
    return moved;
}

static void
json_free(void *arena, void *ptr)
{
    (void)arena;
    (void)ptr;
}

static int
json_key_cmp(const void *a, const void *b)
{
    yyjson_val *x = *(yyjson_val *const *)a, *y = *(yyjson_val *const *)b;
    size_t x_len = unsafe_yyjson_get_len(x), y_len = unsafe_yyjson_get_len(y);
    int order;

    if (x_len != y_len)
        return x_len < y_len ? -1 : 1;
    order = memcmp(unsafe_yyjson_get_str(x), unsafe_yyjson_get_str(y), x_len);
    if (order != 0)
        return order;
    return (x > y) - (x < y);
}

static bool
json_key_same(yyjson_val *a, yyjson_val *b)
{
    size_t len = unsafe_yyjson_get_len(a);

    return len == unsafe_yyjson_get_len(b) &&
           memcmp(unsafe_yyjson_get_str(a), unsafe_yyjson_get_str(b), len) == 0;
}

/* Sets ret_key to a key that was there before, or to NULL. False: no memory. */
static bool
json_find_duplicate(const struct eff_json *object, struct eff_arena scratch, yyjson_val **ret_key)
{
    yyjson_val *few[JSON_FEW_KEYS], **keys = few, *key;
    size_t count = eff_json_count(object), i = 0;
    yyjson_obj_iter iter = yyjson_obj_iter_with((yyjson_val *)object);

    *ret_key = NULL;
    if (count > JSON_FEW_KEYS)
        keys = eff_arena_try(&scratch, sizeof(keys[0]), alignof(yyjson_val *), count);
    if (keys == NULL)
        return false;
    while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
        for (size_t j = 0; keys == few && j < i; j++)
            if (json_key_same(keys[j], key)) {
                *ret_key = key;
                return true;
            }
        keys[i++] = key;
    }
    if (keys == few)
        return true;
    qsort(keys, count, sizeof(keys[0]), json_key_cmp);
    for (i = 1; i < count; i++)
        if (json_key_same(keys[i - 1], keys[i])) {
            *ret_key = keys[i];
            return true;
        }
    return true;
}

enum json_flaw {
    JSON_SOUND,
    JSON_TOO_DEEP,
    JSON_DUPLICATE, /* ret_key says which */
    JSON_NO_MEMORY,
};

static enum json_flaw
json_walk(const struct eff_json *value, struct eff_arena scratch, yyjson_val **ret_key)
{
    struct eff_json_iter stack[EFF_JSON_DEPTH_MAX];
    unsigned depth = 0;

    for (;;) {
        if (json_is_object(value) || json_is_array(value)) {
            if (depth == EFF_JSON_DEPTH_MAX)
                return JSON_TOO_DEEP;
            if (json_is_object(value)) {
                if (!json_find_duplicate(value, scratch, ret_key))
                    return JSON_NO_MEMORY;
                if (*ret_key != NULL)
                    return JSON_DUPLICATE;
            }
            stack[depth++] = eff_json_iterate(value);
        }
        while (depth > 0 && !eff_json_next(&stack[depth - 1], NULL, &value))
            depth--;
        if (depth == 0)
            return JSON_SOUND;
    }
}

/* Where, in text that is known to be JSON and to pass the bound, the nesting first does. */
static size_t
json_find_too_deep(eff_str text)
{
    unsigned depth = 0;
    bool quoted = false;

    for (size_t i = 0;; i++) {
        char c = text.ptr[i];

        assert(i < text.len);
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{') && ++depth > EFF_JSON_DEPTH_MAX)
            return i;
        else if (!quoted && (c == ']' || c == '}'))
            depth--;
    }
}

/* begin == UINT64_MAX: text is the whole; else it is a part that begins there. */
static enum eff_fault
json_fail(struct eff_err *err, eff_str text, uint64_t begin, size_t position, const char *what)
{
    size_t line = 1, column = 1;

    if (begin != UINT64_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "is not JSON at byte %llu: %s",
                        (unsigned long long)(begin + position + 1), what);

    for (size_t i = 0; i < position && i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)text.ptr[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    return EFF_FAIL(err, EFF_ROW, "line %zu column %zu: %s", line, column, what);
}

static enum eff_fault
json_no_memory(struct eff_err *err, eff_str text, const struct eff_arena *arena)
{
    return EFF_FAIL(err, EFF_BROKEN, "JSON of %zu bytes does not fit in the \"%s\" arena", text.len,
                    arena->name == NULL ? "" : arena->name);
}

static enum eff_fault
json_refuse(struct eff_err *err, eff_str text, uint64_t begin, const yyjson_doc *doc,
            enum json_flaw flaw, yyjson_val *key)
{
    char what[200];
    size_t position;

    if (flaw == JSON_TOO_DEEP) {
        snprintf(what, sizeof(what), "nested more than %d levels deep", EFF_JSON_DEPTH_MAX);
        return json_fail(err, text, begin, json_find_too_deep(text), what);
    }
    // Strings were decoded where they stood in yyjson's copy of text: the quote is one byte before.
    position = (size_t)(unsafe_yyjson_get_str(key) - doc->str_pool) - 1;
    snprintf(what, sizeof(what), "the key \"%.*s\" occurs twice in one object",
             (int)eff_utf8_prefix((eff_str){unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key)},
                                  100),
             unsafe_yyjson_get_str(key));
    return json_fail(err, text, begin, position, what);
}

static enum eff_fault
json_parse(eff_str text, uint64_t begin, struct eff_arena *arena, const struct eff_json **ret_root,
           struct eff_err *err)
{
    const yyjson_alc memory = {json_malloc, json_realloc, json_free, arena};
    size_t used = arena->used;
    yyjson_read_err bad = {0};
    yyjson_val *key = NULL;
    enum json_flaw flaw;
    enum eff_fault fault;
    yyjson_doc *doc;

    if (text.len == 0)
        return json_fail(err, text, begin, 0, "the text is empty");
    // Without YYJSON_READ_INSITU the text is copied and never written to.
    doc = yyjson_read_opts((char *)(uintptr_t)text.ptr, text.len, YYJSON_READ_NUMBER_AS_RAW,
                           &memory, &bad);
    if (doc == NULL) {
        arena->used = used;
        if (bad.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
            return json_no_memory(err, text, arena);
        return json_fail(err, text, begin, bad.pos, bad.msg);
    }
    flaw = json_walk((const struct eff_json *)doc->root, *arena, &key);
    if (flaw != JSON_SOUND) {
        fault = flaw == JSON_NO_MEMORY ? json_no_memory(err, text, arena)
                                       : json_refuse(err, text, begin, doc, flaw, key);
        arena->used = used;
        return fault;
    }
    *ret_root = (const struct eff_json *)doc->root;
    return EFF_OK;
}

enum eff_fault
eff_json_parse(eff_str text, struct eff_arena *arena, const struct eff_json **ret_root,
               struct eff_err *err)
{
    return json_parse(text, UINT64_MAX, arena, ret_root, err);
}

enum eff_fault
eff_json_parse_part(eff_str text, uint64_t begin, struct eff_arena *arena,
                    const struct eff_json **ret_root, struct eff_err *err)
{
    return json_parse(text, begin, arena, ret_root, err);
}

enum eff_json_type
eff_json_type(const struct eff_json *value)
{
    if (value == NULL)
        return (enum eff_json_type)0;
    switch (unsafe_yyjson_get_type((void *)(uintptr_t)value)) {
    case YYJSON_TYPE_NULL:
        return EFF_JSON_NULL;
    case YYJSON_TYPE_BOOL:
        return EFF_JSON_BOOL;
    case YYJSON_TYPE_RAW:
        return EFF_JSON_NUMBER;
    case YYJSON_TYPE_STR:
        return EFF_JSON_STRING;
    case YYJSON_TYPE_ARR:
        return EFF_JSON_ARRAY;
    default: // YYJSON_TYPE_OBJ: what was parsed has no other
        return EFF_JSON_OBJECT;
    }
}

const struct eff_json *
eff_json_get(const struct eff_json *object, eff_str key)
{
    if (!json_is_object(object))
        return NULL;
    return (const struct eff_json *)yyjson_obj_getn((yyjson_val *)object,
                                                    key.ptr == NULL ? "" : key.ptr, key.len);
}

const struct eff_json *
eff_json_at(const struct eff_json *array, size_t index)
{
    if (!json_is_array(array))
        return NULL;
    return (const struct eff_json *)yyjson_arr_get((yyjson_val *)array, index);
}

/* Is `key` what the pointer's token says, with ~0 for '~' and ~1 for '/'? */
static bool
json_token_is(eff_str token, eff_str key)
{
    size_t at = 0;

    for (size_t i = 0; i < token.len; i++, at++) {
        char c = token.ptr[i];

        if (c == '~') {
            if (++i == token.len || (token.ptr[i] != '0' && token.ptr[i] != '1'))
                return false;
            c = token.ptr[i] == '0' ? '~' : '/';
        }
        if (at >= key.len || key.ptr[at] != c)
            return false;
    }
    return at == key.len;
}

static const struct eff_json *
json_step(const struct eff_json *value, eff_str token)
{
    struct eff_json_iter iter = eff_json_iterate(value);
    const struct eff_json *member;
    uint64_t index;
    eff_str key;

    if (json_is_array(value)) {
        // RFC 6901: digits without a leading zero; "-" is the element after the last.
        if (token.len == 0 || token.ptr[0] == '+' || (token.len > 1 && token.ptr[0] == '0') ||
            !eff_str_uint(token, &index))
            return NULL;
        return eff_json_at(value, index);
    }
    if (eff_str_find_char(token, '~') == SIZE_MAX)
        return eff_json_get(value, token);
    while (eff_json_next(&iter, &key, &member))
        if (json_token_is(token, key))
            return member;
    return NULL;
}

const struct eff_json *
eff_json_pointer(const struct eff_json *root, eff_str pointer)
{
    bool more = pointer.len > 0;
    eff_str token;

    if (more && pointer.ptr[0] != '/')
        return NULL;
    pointer = eff_str_sub(pointer, 1, SIZE_MAX);
    while (more && root != NULL) {
        more = eff_str_cut(pointer, '/', &token, &pointer);
        root = json_step(root, token);
    }
    return root;
}

size_t
eff_json_count(const struct eff_json *array_or_object)
{
    if (!json_is_array(array_or_object) && !json_is_object(array_or_object))
        return 0;
    return unsafe_yyjson_get_len((void *)(uintptr_t)array_or_object);
}

bool
eff_json_bool(const struct eff_json *value)
{
    return yyjson_is_true((yyjson_val *)value);
}

eff_str
eff_json_str(const struct eff_json *value)
{
    yyjson_val *val = (yyjson_val *)value;

    switch (eff_json_type(value)) {
    case EFF_JSON_STRING:
        return (eff_str){unsafe_yyjson_get_str(val), unsafe_yyjson_get_len(val)};
    case EFF_JSON_NUMBER:
        return (eff_str){unsafe_yyjson_get_raw(val), unsafe_yyjson_get_len(val)};
    case EFF_JSON_BOOL:
        return unsafe_yyjson_is_true(val) ? EFF_STR("true") : EFF_STR("false");
    default:
        return EFF_STR_NONE;
    }
}

bool
eff_json_int(const struct eff_json *value, int64_t *ret_value)
{
    char text[EFF_INT_TEXT_MAX];
    size_t len;

    if (eff_json_type(value) != EFF_JSON_NUMBER)
        return false;
    if (eff_str_int(eff_json_str(value), ret_value))
        return true;
    len = eff_decimal_canonical(eff_json_str(value), text, sizeof(text));
    return len > 0 && eff_str_int((eff_str){text, len}, ret_value);
}

struct eff_json_iter
eff_json_iterate(const struct eff_json *array_or_object)
{
    size_t count = eff_json_count(array_or_object);

    if (count == 0)
        return (struct eff_json_iter){0};
    return (struct eff_json_iter){
        .at = unsafe_yyjson_get_first((yyjson_val *)array_or_object),
        .left = count,
        .object = json_is_object(array_or_object),
    };
}

bool
eff_json_next(struct eff_json_iter *iter, eff_str *ret_key, const struct eff_json **ret_value)
{
    yyjson_val *at = (yyjson_val *)(uintptr_t)iter->at;

    if (iter->left == 0)
        return false;
    if (ret_key != NULL)
        *ret_key = iter->object ? eff_json_str((const struct eff_json *)at) : EFF_STR_NONE;
    if (iter->object)
        at++;
    *ret_value = (const struct eff_json *)at;
    iter->left--;
    if (iter->left > 0) // After the last one there may be no memory.
        iter->at = unsafe_yyjson_get_next(at);
    return true;
}
