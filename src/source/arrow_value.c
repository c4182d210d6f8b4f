/*
 * source/arrow_value: Arrow's arrays to cells.
 *
 * Numbers are loaded by memcpy: buffers need not be aligned. `row` counts from
 * the beginning of an array's own window, `at` from the beginning of its buffers.
 */
#include "source/arrow_value.h"

#include "base/json.h"
#include "source/convert.h"

#define ARROW_DAY_MICROS 86400000000
#define ARROW_INLINED    12                 /* bytes of a view that stand in the view itself */
#define ARROW_LENGTH_MAX ((int64_t)1 << 40) /* of an array, with its offset: times 16 it fits */

/* ------------------------------------------------------------------------------- shape */

/* How many buffers an array of that type has; of a view, the least. */
static int64_t
arrow_buffers_of(const struct eff_arrow_type *type)
{
    switch (type->kind) {
    case EFF_ARROW_NULL:
    case EFF_ARROW_RUNS:
        return 0;
    case EFF_ARROW_STRUCT:
    case EFF_ARROW_LIST_FIXED:
    case EFF_ARROW_UNION_SPARSE:
        return 1;
    case EFF_ARROW_TEXT:
    case EFF_ARROW_BYTES:
    case EFF_ARROW_TEXT_VIEW:
    case EFF_ARROW_BYTES_VIEW:
    case EFF_ARROW_LIST_VIEW:
        return 3;
    default:
        return 2;
    }
}

static bool
arrow_has_bitmap(enum eff_arrow_kind kind)
{
    return kind != EFF_ARROW_NULL && kind != EFF_ARROW_RUNS && kind != EFF_ARROW_UNION_DENSE &&
           kind != EFF_ARROW_UNION_SPARSE;
}

/* Without its bitmap, and without the bytes of text: these may be left out when all are empty. */
static bool
arrow_has_buffers(const struct eff_arrow_type *type, const struct eff_arrow_array *array)
{
    bool is_text = type->kind == EFF_ARROW_TEXT || type->kind == EFF_ARROW_BYTES;
    int64_t first = arrow_has_bitmap(type->kind), last = arrow_buffers_of(type) - is_text;

    if (type->kind == EFF_ARROW_TEXT_VIEW || type->kind == EFF_ARROW_BYTES_VIEW)
        last = 2;
    for (int64_t i = first; i < last; i++) {
        if (!array->buffers[i])
            return false;
    }
    return true;
}

/* How many values the children of an array with `end` values have at least; -1: too many. */
static int64_t
arrow_children_need(const struct eff_arrow_type *type, int64_t end)
{
    int64_t need;

    switch (type->kind) {
    case EFF_ARROW_STRUCT:
    case EFF_ARROW_UNION_SPARSE:
        return end;
    case EFF_ARROW_LIST_FIXED:
        return __builtin_mul_overflow(end, type->size, &need) ? -1 : need;
    default: // the others' offsets are checked one by one
        return 0;
    }
}

static const char *
arrow_children_problem(const struct eff_arrow_type *type, const struct eff_arrow_array *array,
                       int64_t end)
{
    int64_t need = arrow_children_need(type, end);
    const char *why = NULL;

    if (array->n_children != (int64_t)type->children_count)
        return "the number of children differs from the type's";
    if (array->n_children > 0 && !array->children)
        return "the children are missing";
    if (need < 0)
        return "a length is too large";
    for (size_t i = 0; i < type->children_count && !why; i++)
        why = eff_arrow_problem(&type->children[i], array->children[i], need);
    if (why || !type->dictionary)
        return why;
    return eff_arrow_problem(type->dictionary, array->dictionary, 0);
}

const char *
eff_arrow_problem(const struct eff_arrow_type *type, const struct eff_arrow_array *array,
                  int64_t rows)
{
    int64_t end, bytes, buffers = arrow_buffers_of(type);
    bool views = type->kind == EFF_ARROW_TEXT_VIEW || type->kind == EFF_ARROW_BYTES_VIEW;

    if (!array || !array->release)
        return "an array is missing";
    if (array->length < 0 || array->offset < 0 ||
        __builtin_add_overflow(array->offset, array->length, &end) || end > ARROW_LENGTH_MAX ||
        (type->kind == EFF_ARROW_FIXED && __builtin_mul_overflow(end, type->size, &bytes)))
        return "a length or an offset is negative or too large";
    if (array->length < rows)
        return "an array is too short";
    // Some writers give the null type a bitmap that is never there.
    if (type->kind != EFF_ARROW_NULL &&
        (views ? array->n_buffers < buffers : array->n_buffers != buffers))
        return "the number of buffers differs from the type's";
    if (buffers > 0 && !array->buffers)
        return "the buffers are missing";
    if (end > 0 && !arrow_has_buffers(type, array))
        return "a buffer is missing";
    if (arrow_has_bitmap(type->kind) && array->null_count > 0 && !array->buffers[0])
        return "there are NULLs, and no bitmap tells which";
    return arrow_children_problem(type, array, end);
}

/* ------------------------------------------------------------------------------- loads */

static void
arrow_broken(struct eff_arrow_context *c, const char *why, struct eff_value *ret_value)
{
    c->broken = why;
    *ret_value = eff_convert_bad(why);
}

static bool
arrow_bit(const void *bits, int64_t at)
{
    return ((const unsigned char *)bits)[at / 8] >> (at % 8) & 1;
}

static inline int64_t
arrow_int(const void *data, unsigned width, int64_t at)
{
    const char *from = (const char *)data + at * width;
    int8_t one;
    int16_t two;
    int32_t four;
    int64_t eight;

    switch (width) {
    case 1:
        memcpy(&one, from, sizeof(one));
        return one;
    case 2:
        memcpy(&two, from, sizeof(two));
        return two;
    case 4:
        memcpy(&four, from, sizeof(four));
        return four;
    default:
        memcpy(&eight, from, sizeof(eight));
        return eight;
    }
}

/* The bits above the width are zero. */
static inline uint64_t
arrow_uint(const void *data, unsigned width, int64_t at)
{
    return (uint64_t)arrow_int(data, width, at) &
           (width < 8 ? (UINT64_C(1) << 8 * width) - 1 : UINT64_MAX);
}

bool
eff_arrow_is_null(const struct eff_arrow_array *array, int64_t row)
{
    return array->null_count != 0 && array->n_buffers > 0 && array->buffers[0] &&
           !arrow_bit(array->buffers[0], array->offset + row);
}

/* ------------------------------------------------------------------------------- times */

/* Ticks to microseconds and further nanoseconds; false when they do not fit. */
static bool
arrow_micros(int64_t ticks, int64_t per_second, int64_t *ret_micros, unsigned *ret_nanos)
{
    int64_t nanos;

    *ret_nanos = 0;
    if (per_second < 1000000000)
        return !__builtin_mul_overflow(ticks, 1000000 / per_second, ret_micros);
    nanos = ticks % 1000;
    nanos += nanos < 0 ? 1000 : 0;
    *ret_nanos = (unsigned)nanos;
    *ret_micros = ticks / 1000 - (ticks < 0 && nanos > 0);
    return true;
}

static void
arrow_timestamp(const struct eff_arrow_type *type, int64_t ticks, struct eff_value *ret_value)
{
    int64_t micros;
    unsigned nanos;

    if (ticks == INT64_MAX || ticks == -INT64_MAX) // how databases that know infinity pass it on
        *ret_value = eff_convert_bad("the timestamp is infinite");
    else if (!arrow_micros(ticks, type->per_second, &micros, &nanos))
        *ret_value = eff_convert_bad("the timestamp is outside the years 1 to 9999");
    else
        eff_convert_micros_to(type->zoned ? EFF_INSTANT : EFF_DATETIME, micros, nanos, ret_value);
}

static struct eff_value
arrow_time(const struct eff_arrow_type *type, int64_t ticks)
{
    struct eff_value value;
    int64_t micros;
    unsigned nanos;

    if (!arrow_micros(ticks, type->per_second, &micros, &nanos) || micros < 0 ||
        micros > ARROW_DAY_MICROS)
        return eff_convert_bad("the time is none of a day");
    value = eff_value_of_int(EFF_TIME, micros);
    value.len = nanos;
    return value;
}

static void
arrow_date(const struct eff_arrow_type *type, int64_t date, struct eff_value *ret_value)
{
    int64_t day = type->per_second * 86400;

    if (date == (type->width == 4 ? INT32_MAX : INT64_MAX) ||
        date == (type->width == 4 ? -INT32_MAX : -INT64_MAX))
        *ret_value = eff_convert_bad("the date is infinite");
    else
        eff_convert_date_to(day ? date / day - (date % day < 0) : date, ret_value);
}

static struct eff_value
arrow_interval(struct eff_arrow_context *c, const struct eff_arrow_type *type, const void *data,
               int64_t at)
{
    int64_t micros = 0, ticks;
    int32_t months = 0, days = 0;
    unsigned nanos = 0;

    switch (type->kind) {
    case EFF_ARROW_DURATION:
        if (!arrow_micros(arrow_int(data, 8, at), type->per_second, &micros, &nanos))
            return eff_convert_bad("the duration is too large");
        break;
    case EFF_ARROW_MONTHS:
        months = (int32_t)arrow_int(data, 4, at);
        break;
    case EFF_ARROW_DAYS_MS:
        days = (int32_t)arrow_int(data, 4, 2 * at);
        micros = arrow_int(data, 4, 2 * at + 1) * 1000;
        break;
    default:
        months = (int32_t)arrow_int(data, 4, 4 * at);
        days = (int32_t)arrow_int(data, 4, 4 * at + 1);
        ticks = arrow_int(data, 8, 2 * at + 1);
        arrow_micros(ticks, 1000000000, &micros, &nanos);
        break;
    }
    return eff_convert_interval(c->batch, months, days, micros, nanos);
}

/* ------------------------------------------------------------------------------- texts */

/* Where the at-th slice of a buffer with offsets lies; false when the offsets run backwards. */
static inline bool
arrow_slice(unsigned width, const void *offsets, int64_t at, int64_t *ret_from, int64_t *ret_count)
{
    *ret_from = arrow_int(offsets, width, at);
    *ret_count = arrow_int(offsets, width, at + 1);
    if (*ret_from < 0 || *ret_count < *ret_from)
        return false;
    *ret_count -= *ret_from;
    return true;
}

static inline void
arrow_text_value(const struct eff_arrow_type *type, const char *ptr, int64_t len,
                 struct eff_value *ret_value)
{
    bool is_text = type->kind == EFF_ARROW_TEXT || type->kind == EFF_ARROW_TEXT_VIEW;

    if (len >= UINT32_MAX)
        *ret_value = eff_convert_bad("the value is too large");
    else
        eff_value_set_str(ret_value,
                          type->json     ? EFF_JSON
                          : type->number ? EFF_DECIMAL
                          : is_text      ? EFF_TEXT
                                         : EFF_BYTES,
                          len ? ptr : "", (size_t)len);
}

static inline void
arrow_text(struct eff_arrow_context *c, const struct eff_arrow_type *type, unsigned width,
           const struct eff_arrow_array *array, int64_t at, struct eff_value *ret_value)
{
    const char *bytes = array->buffers[2];
    int64_t from, count;

    if (!arrow_slice(width, array->buffers[1], at, &from, &count))
        arrow_broken(c, "the offsets of texts run backwards", ret_value);
    else if (count > 0 && !bytes)
        arrow_broken(c, "a buffer is missing", ret_value);
    else
        arrow_text_value(type, count ? bytes + from : "", count, ret_value);
}

/* A view: length; then up to 12 bytes, or 4 of them, the number of a buffer, and an offset into it. */
static void
arrow_view(struct eff_arrow_context *c, const struct eff_arrow_type *type,
           const struct eff_arrow_array *array, int64_t at, struct eff_value *ret_value)
{
    const char *view = (const char *)array->buffers[1] + at * 16;
    int64_t len = arrow_int(view, 4, 0), number = arrow_int(view, 4, 2),
            from = arrow_int(view, 4, 3);

    // After the bitmap and the views come the buffers that they point into, and last the sizes of these.
    if (len < 0)
        arrow_broken(c, "a view has a negative length", ret_value);
    else if (len <= ARROW_INLINED)
        arrow_text_value(type, view + 4, len, ret_value);
    else if (number < 0 || number >= array->n_buffers - 3 || from < 0 ||
             !array->buffers[array->n_buffers - 1] || !array->buffers[2 + number])
        arrow_broken(c, "a view points nowhere", ret_value);
    else if (from + len > arrow_int(array->buffers[array->n_buffers - 1], 8, number))
        arrow_broken(c, "a view points beyond its buffer", ret_value);
    else
        arrow_text_value(type, (const char *)array->buffers[2 + number] + from, len, ret_value);
}

static void
arrow_fixed(struct eff_arrow_context *c, const struct eff_arrow_type *type, const void *data,
            int64_t at, struct eff_value *ret_value)
{
    const char *bytes = (const char *)data + at * type->size;

    if (type->uuid)
        *ret_value = eff_convert_uuid(c->batch, (const unsigned char *)bytes);
    else
        arrow_text_value(type, bytes, type->size, ret_value);
}

/* ----------------------------------------------------------------------------- numbers */

static double
arrow_float(unsigned width, const void *data, int64_t at)
{
    double eight;
    float four;

    if (width == 2)
        return eff_convert_half((uint16_t)arrow_uint(data, 2, at));
    if (width == 4) {
        memcpy(&four, (const char *)data + at * 4, sizeof(four));
        return eff_convert_float(four);
    }
    memcpy(&eight, (const char *)data + at * 8, sizeof(eight));
    return eight;
}

static void
arrow_decimal(struct eff_arrow_context *c, const struct eff_arrow_type *type, const void *data,
              int64_t at, struct eff_value *ret_value)
{
    const char *from = (const char *)data + at * type->width;
    uint64_t words[4] = {0};
    __int128 number;

    if (type->width > 16) {
        memcpy(words, from, sizeof(words));
        *ret_value = eff_convert_int256(c->batch, words, type->scale);
        return;
    }
    if (type->width == 16)
        memcpy(&number, from, sizeof(number));
    else
        number = arrow_int(data, type->width, at);
    if (type->scale >= 0 && type->scale <= 38) {
        eff_convert_int128_to(c->batch, number, (unsigned)type->scale, ret_value);
        return;
    }
    words[0] = (uint64_t)number;
    words[1] = (uint64_t)(number >> 64);
    words[2] = words[3] = number < 0 ? UINT64_MAX : 0;
    *ret_value = eff_convert_int256(c->batch, words, type->scale);
}

/* ------------------------------------------------------------------------------- cells */

static void arrow_value(struct eff_arrow_context *c, const struct eff_arrow_type *type,
                        const struct eff_arrow_array *array, int64_t row,
                        struct eff_value *ret_value);
static struct eff_value arrow_nested(struct eff_arrow_context *c, const struct eff_arrow_type *type,
                                     const struct eff_arrow_array *array, int64_t row);

static void
arrow_dictionary(struct eff_arrow_context *c, const struct eff_arrow_type *type,
                 const struct eff_arrow_array *array, int64_t at, struct eff_value *ret_value)
{
    int64_t index = type->kind == EFF_ARROW_UINT
                        ? (int64_t)arrow_uint(array->buffers[1], type->width, at)
                        : arrow_int(array->buffers[1], type->width, at);

    if (index < 0 || index >= array->dictionary->length)
        arrow_broken(c, "an index is not in its dictionary", ret_value);
    else
        arrow_value(c, type->dictionary, array->dictionary, index, ret_value);
}

/* The first run that ends beyond the value is the value's. */
static void
arrow_run(struct eff_arrow_context *c, const struct eff_arrow_type *type,
          const struct eff_arrow_array *array, int64_t at, struct eff_value *ret_value)
{
    const struct eff_arrow_array *ends = array->children[0], *values = array->children[1];
    int64_t low = 0, high = ends->length;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (arrow_int(ends->buffers[1], type->children[0].width, ends->offset + middle) > at)
            high = middle;
        else
            low = middle + 1;
    }
    if (low >= ends->length || low >= values->length)
        arrow_broken(c, "the runs end too early", ret_value);
    else
        arrow_value(c, &type->children[1], values, low, ret_value);
}

/*
 * A value that is not NULL. Inline, so that a loop over an array whose kind and width are constants
 * there has that kind's lines only.
 */
static inline __attribute__((always_inline)) void
arrow_cell(struct eff_arrow_context *c, const struct eff_arrow_type *type, enum eff_arrow_kind kind,
           unsigned width, const struct eff_arrow_array *array, int64_t row,
           struct eff_value *ret_value)
{
    const void *data = array->n_buffers > 1 ? array->buffers[1] : NULL;
    int64_t at = array->offset + row;

    switch (kind) {
    case EFF_ARROW_NULL:
        eff_value_set_int(ret_value, EFF_NULL, 0);
        break;
    case EFF_ARROW_BOOL:
        eff_value_set_int(ret_value, EFF_BOOL, arrow_bit(data, at));
        break;
    case EFF_ARROW_BOOL8:
        eff_value_set_int(ret_value, EFF_BOOL, arrow_int(data, 1, at) != 0);
        break;
    case EFF_ARROW_INT:
        eff_value_set_int(ret_value, EFF_INT, arrow_int(data, width, at));
        break;
    case EFF_ARROW_UINT:
        eff_convert_uint128_to(c->batch, arrow_uint(data, width, at), ret_value);
        break;
    case EFF_ARROW_FLOAT:
        eff_value_set_float(ret_value, arrow_float(width, data, at));
        break;
    case EFF_ARROW_DECIMAL:
        arrow_decimal(c, type, data, at, ret_value);
        break;
    case EFF_ARROW_TEXT:
    case EFF_ARROW_BYTES:
        arrow_text(c, type, width, array, at, ret_value);
        break;
    case EFF_ARROW_TEXT_VIEW:
    case EFF_ARROW_BYTES_VIEW:
        arrow_view(c, type, array, at, ret_value);
        break;
    case EFF_ARROW_FIXED:
        arrow_fixed(c, type, data, at, ret_value);
        break;
    case EFF_ARROW_DATE:
        arrow_date(type, arrow_int(data, width, at), ret_value);
        break;
    case EFF_ARROW_TIME:
        *ret_value = arrow_time(type, arrow_int(data, width, at));
        break;
    case EFF_ARROW_TIMESTAMP:
        arrow_timestamp(type, arrow_int(data, 8, at), ret_value);
        break;
    case EFF_ARROW_DURATION:
    case EFF_ARROW_MONTHS:
    case EFF_ARROW_DAYS_MS:
    case EFF_ARROW_MONTHS_DAYS:
        *ret_value = arrow_interval(c, type, data, at);
        break;
    case EFF_ARROW_RUNS:
        arrow_run(c, type, array, at, ret_value);
        break;
    default:
        *ret_value = arrow_nested(c, type, array, row);
    }
}

static void
arrow_value(struct eff_arrow_context *c, const struct eff_arrow_type *type,
            const struct eff_arrow_array *array, int64_t row, struct eff_value *ret_value)
{
    if (arrow_has_bitmap(type->kind) && eff_arrow_is_null(array, row))
        eff_value_set_int(ret_value, EFF_NULL, 0);
    else if (type->dictionary)
        arrow_dictionary(c, type, array, array->offset + row, ret_value);
    else
        arrow_cell(c, type, type->kind, type->width, array, row, ret_value);
}

/* ---------------------------------------------------------------------- nested to JSON */

/* False: some part cannot be represented, *ret_why says so, and a null stands in its place. */
static bool arrow_json(struct eff_arrow_context *c, struct eff_json_writer *w,
                       const struct eff_arrow_type *type, const struct eff_arrow_array *array,
                       int64_t row, const char **ret_why);

static bool
arrow_json_refuse(struct eff_json_writer *w, const char **ret_why, const char *why)
{
    *ret_why = why;
    eff_json_write_null(w);
    return false;
}

/* Which values of the child are those of a list. */
static bool
arrow_list_range(const struct eff_arrow_type *type, const struct eff_arrow_array *array, int64_t at,
                 int64_t *ret_from, int64_t *ret_count)
{
    if (type->kind == EFF_ARROW_LIST_FIXED) {
        *ret_from = at * type->size;
        *ret_count = type->size;
    } else if (type->kind == EFF_ARROW_LIST_VIEW) {
        *ret_from = arrow_int(array->buffers[1], type->width, at);
        *ret_count = arrow_int(array->buffers[2], type->width, at);
    } else if (!arrow_slice(type->width, array->buffers[1], at, ret_from, ret_count)) {
        return false;
    }
    return *ret_from >= 0 && *ret_count >= 0 && *ret_count <= array->children[0]->length &&
           *ret_from <= array->children[0]->length - *ret_count;
}

static bool
arrow_json_key(struct eff_arrow_context *c, struct eff_json_writer *w,
               const struct eff_arrow_type *type, const struct eff_arrow_array *keys, int64_t row,
               const char **ret_why)
{
    struct eff_buf text = {0};
    struct eff_value key;

    arrow_value(c, type, keys, row, &key);
    if (key.kind == EFF_BAD || key.kind == EFF_JSON || key.kind == EFF_NULL) {
        *ret_why = key.kind == EFF_BAD    ? key.ptr // a literal, terminated
                   : key.kind == EFF_NULL ? "a map's key is NULL"
                                          : "a map's keys are lists or structs, which JSON has not";
        return false;
    }
    eff_value_text(&text, &key);
    eff_json_key(w, eff_buf_str(&text));
    eff_buf_free(&text);
    return true;
}

static bool
arrow_json_map(struct eff_arrow_context *c, struct eff_json_writer *w,
               const struct eff_arrow_type *type, const struct eff_arrow_array *array, int64_t from,
               int64_t count, const char **ret_why)
{
    const struct eff_arrow_array *pairs = array->children[0];
    const struct eff_arrow_type *pair = &type->children[0];
    bool good = true;

    eff_json_begin_object(w);
    for (int64_t at = pairs->offset + from; good && count > 0; at++, count--)
        good = arrow_json_key(c, w, &pair->children[0], pairs->children[0], at, ret_why) &&
               arrow_json(c, w, &pair->children[1], pairs->children[1], at, ret_why);
    eff_json_end_object(w);
    return good;
}

static bool
arrow_json_items(struct eff_arrow_context *c, struct eff_json_writer *w,
                 const struct eff_arrow_type *type, const struct eff_arrow_array *array, int64_t at,
                 const char **ret_why)
{
    int64_t from, count;
    bool good = true;

    if (!arrow_list_range(type, array, at, &from, &count)) {
        c->broken = "a list is not within its values";
        return arrow_json_refuse(w, ret_why, c->broken);
    }
    if (type->kind == EFF_ARROW_MAP)
        return arrow_json_map(c, w, type, array, from, count, ret_why);
    eff_json_begin_array(w);
    for (int64_t i = from; good && i < from + count; i++)
        good = arrow_json(c, w, &type->children[0], array->children[0], i, ret_why);
    eff_json_end_array(w);
    return good;
}

static bool
arrow_json_struct(struct eff_arrow_context *c, struct eff_json_writer *w,
                  const struct eff_arrow_type *type, const struct eff_arrow_array *array,
                  int64_t at, const char **ret_why)
{
    bool good = true;

    eff_json_begin_object(w);
    for (size_t i = 0; good && i < type->children_count; i++) {
        eff_json_key(w, type->names[i]);
        good = arrow_json(c, w, &type->children[i], array->children[i], at, ret_why);
    }
    eff_json_end_object(w);
    return good;
}

static bool
arrow_json_union(struct eff_arrow_context *c, struct eff_json_writer *w,
                 const struct eff_arrow_type *type, const struct eff_arrow_array *array, int64_t at,
                 const char **ret_why)
{
    bool dense = type->kind == EFF_ARROW_UNION_DENSE;
    int64_t id = arrow_int(array->buffers[0], 1, at);
    int member = id >= 0 ? type->member_of[id] : -1;
    int64_t row = dense ? arrow_int(array->buffers[1], 4, at) : at;

    if (member < 0 || row < 0 || row >= array->children[member]->length) {
        c->broken = "a union's member is not there";
        return arrow_json_refuse(w, ret_why, c->broken);
    }
    return arrow_json(c, w, &type->children[member], array->children[member], row, ret_why);
}

static bool
arrow_json_leaf(struct eff_arrow_context *c, struct eff_json_writer *w,
                const struct eff_arrow_type *type, const struct eff_arrow_array *array, int64_t row,
                const char **ret_why)
{
    struct eff_value value;

    arrow_value(c, type, array, row, &value);
    if (value.kind == EFF_BAD)
        return arrow_json_refuse(w, ret_why, value.ptr); // a literal, terminated
    if (value.kind == EFF_FLOAT && (value.f - value.f) != 0)
        return arrow_json_refuse(w, ret_why,
                                 "a nested number is NaN or infinite, which JSON has not");
    eff_value_json(w, &value);
    return true;
}

static bool
arrow_json(struct eff_arrow_context *c, struct eff_json_writer *w,
           const struct eff_arrow_type *type, const struct eff_arrow_array *array, int64_t row,
           const char **ret_why)
{
    int64_t at = array->offset + row;

    if (arrow_has_bitmap(type->kind) && eff_arrow_is_null(array, row)) {
        eff_json_write_null(w);
        return true;
    }
    if (type->dictionary)
        return arrow_json_leaf(c, w, type, array, row, ret_why);
    switch (type->kind) {
    case EFF_ARROW_LIST:
    case EFF_ARROW_LIST_VIEW:
    case EFF_ARROW_LIST_FIXED:
    case EFF_ARROW_MAP:
        return arrow_json_items(c, w, type, array, at, ret_why);
    case EFF_ARROW_STRUCT:
        return arrow_json_struct(c, w, type, array, at, ret_why);
    case EFF_ARROW_UNION_DENSE:
    case EFF_ARROW_UNION_SPARSE:
        return arrow_json_union(c, w, type, array, at, ret_why);
    default:
        return arrow_json_leaf(c, w, type, array, row, ret_why);
    }
}

/* A buffer of its own: a dictionary's or a run's value can be nested within a nested one. */
static struct eff_value
arrow_nested(struct eff_arrow_context *c, const struct eff_arrow_type *type,
             const struct eff_arrow_array *array, int64_t row)
{
    struct eff_buf buf = c->json;
    struct eff_json_writer w = {.buf = &buf};
    struct eff_value value;
    const char *why = NULL;

    c->json = (struct eff_buf){0};
    eff_buf_reset(&buf);
    if (!arrow_json(c, &w, type, array, row, &why))
        value = eff_convert_bad(why);
    else if (buf.full)
        value = eff_convert_bad("the value is too large");
    else
        value = eff_convert_copy(c->batch, EFF_JSON, eff_buf_str(&buf));
    eff_buf_free(&c->json);
    c->json = buf;
    return value;
}

static inline __attribute__((always_inline)) void
arrow_cells(struct eff_arrow_context *c, const struct eff_arrow_type *type,
            enum eff_arrow_kind kind, unsigned width, const struct eff_arrow_array *array,
            int64_t from, size_t rows, struct eff_value *cells, size_t step)
{
    for (int64_t row = from; row < from + (int64_t)rows; row++, cells += step) {
        if (eff_arrow_is_null(array, row))
            eff_value_set_int(cells, EFF_NULL, 0);
        else
            arrow_cell(c, type, kind, width, array, row, cells);
    }
}

/* A loop of its own for each of the types that most columns have. */
void
eff_arrow_column(struct eff_arrow_context *context, const struct eff_arrow_type *type,
                 const struct eff_arrow_array *array, int64_t from, size_t rows,
                 struct eff_value *cells, size_t step)
{
    bool plain = !type->dictionary;

    if (plain && type->kind == EFF_ARROW_INT && type->width == 8)
        arrow_cells(context, type, EFF_ARROW_INT, 8, array, from, rows, cells, step);
    else if (plain && type->kind == EFF_ARROW_INT && type->width == 4)
        arrow_cells(context, type, EFF_ARROW_INT, 4, array, from, rows, cells, step);
    else if (plain && type->kind == EFF_ARROW_FLOAT && type->width == 8)
        arrow_cells(context, type, EFF_ARROW_FLOAT, 8, array, from, rows, cells, step);
    else if (plain && type->kind == EFF_ARROW_TEXT && type->width == 4)
        arrow_cells(context, type, EFF_ARROW_TEXT, 4, array, from, rows, cells, step);
    else if (plain && type->kind == EFF_ARROW_BOOL)
        arrow_cells(context, type, EFF_ARROW_BOOL, 0, array, from, rows, cells, step);
    else if (plain && type->kind == EFF_ARROW_DECIMAL)
        arrow_cells(context, type, EFF_ARROW_DECIMAL, 0, array, from, rows, cells, step);
    else if (plain && type->kind == EFF_ARROW_TIMESTAMP)
        arrow_cells(context, type, EFF_ARROW_TIMESTAMP, 0, array, from, rows, cells, step);
    else
        for (size_t i = 0; i < rows; i++, cells += step)
            arrow_value(context, type, array, from + (int64_t)i, cells);
}
