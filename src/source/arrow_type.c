/*
 * source/arrow_type: Arrow's types, from the format strings of a schema.
 */
#include "source/arrow_type.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

#define ARROW_SCALE_MAX    100
#define ARROW_METADATA_MAX 1000 /* pairs */

static const struct {
    const char *format, *name;
    enum eff_arrow_kind kind;
    uint8_t width;
    int64_t per_second;
} arrow_formats[] = {
    {"n", "null", EFF_ARROW_NULL, 0, 0},
    {"b", "bool", EFF_ARROW_BOOL, 0, 0},
    {"c", "int8", EFF_ARROW_INT, 1, 0},
    {"C", "uint8", EFF_ARROW_UINT, 1, 0},
    {"s", "int16", EFF_ARROW_INT, 2, 0},
    {"S", "uint16", EFF_ARROW_UINT, 2, 0},
    {"i", "int32", EFF_ARROW_INT, 4, 0},
    {"I", "uint32", EFF_ARROW_UINT, 4, 0},
    {"l", "int64", EFF_ARROW_INT, 8, 0},
    {"L", "uint64", EFF_ARROW_UINT, 8, 0},
    {"e", "half", EFF_ARROW_FLOAT, 2, 0},
    {"f", "float", EFF_ARROW_FLOAT, 4, 0},
    {"g", "double", EFF_ARROW_FLOAT, 8, 0},
    {"u", "utf8", EFF_ARROW_TEXT, 4, 0},
    {"U", "large_utf8", EFF_ARROW_TEXT, 8, 0},
    {"vu", "utf8_view", EFF_ARROW_TEXT_VIEW, 16, 0},
    {"z", "binary", EFF_ARROW_BYTES, 4, 0},
    {"Z", "large_binary", EFF_ARROW_BYTES, 8, 0},
    {"vz", "binary_view", EFF_ARROW_BYTES_VIEW, 16, 0},
    {"tdD", "date32", EFF_ARROW_DATE, 4, 0},
    {"tdm", "date64", EFF_ARROW_DATE, 8, 1000},
    {"tts", "time32[s]", EFF_ARROW_TIME, 4, 1},
    {"ttm", "time32[ms]", EFF_ARROW_TIME, 4, 1000},
    {"ttu", "time64[us]", EFF_ARROW_TIME, 8, 1000000},
    {"ttn", "time64[ns]", EFF_ARROW_TIME, 8, 1000000000},
    {"tDs", "duration[s]", EFF_ARROW_DURATION, 8, 1},
    {"tDm", "duration[ms]", EFF_ARROW_DURATION, 8, 1000},
    {"tDu", "duration[us]", EFF_ARROW_DURATION, 8, 1000000},
    {"tDn", "duration[ns]", EFF_ARROW_DURATION, 8, 1000000000},
    {"tiM", "interval[months]", EFF_ARROW_MONTHS, 4, 0},
    {"tiD", "interval[days, ms]", EFF_ARROW_DAYS_MS, 8, 0},
    {"tin", "interval[months, days, ns]", EFF_ARROW_MONTHS_DAYS, 16, 0},
    {"+l", "list", EFF_ARROW_LIST, 4, 0},
    {"+L", "large_list", EFF_ARROW_LIST, 8, 0},
    {"+vl", "list_view", EFF_ARROW_LIST_VIEW, 4, 0},
    {"+vL", "large_list_view", EFF_ARROW_LIST_VIEW, 8, 0},
    {"+s", "struct", EFF_ARROW_STRUCT, 0, 0},
    {"+m", "map", EFF_ARROW_MAP, 4, 0},
    {"+r", "run_end_encoded", EFF_ARROW_RUNS, 0, 0},
};

#define ARROW_FORMATS (sizeof(arrow_formats) / sizeof(arrow_formats[0]))

/* --------------------------------------------------------------------- format strings */

/* "38,10" or "38,10,256"; how many numbers there are, 0 when it is something else. */
static int
arrow_numbers(const char *text, int64_t ret_numbers[3])
{
    int count = 0;
    char *end;

    for (;;) {
        ret_numbers[count] = strtol(text, &end, 10);
        if (end == text)
            return 0;
        count++;
        if (!*end)
            return count;
        if (*end != ',' || count == 3)
            return 0;
        text = end + 1;
    }
}

static bool
arrow_decimal_format(const char *text, struct eff_arrow_type *type)
{
    int64_t numbers[3] = {0, 0, 128};
    int count = arrow_numbers(text, numbers);

    if (count < 2 || numbers[0] < 1 || numbers[0] > 76 || numbers[1] < -ARROW_SCALE_MAX ||
        numbers[1] > ARROW_SCALE_MAX)
        return false;
    type->kind = EFF_ARROW_DECIMAL;
    type->precision = (int)numbers[0];
    type->scale = (int)numbers[1];
    type->width = (unsigned)numbers[2] / 8;
    return numbers[2] == 32 || numbers[2] == 64 || numbers[2] == 128 || numbers[2] == 256;
}

static bool
arrow_timestamp_format(const char *format, struct eff_arrow_type *type)
{
    static const char units[] = "smun";
    const char *unit = format[2] ? strchr(units, format[2]) : NULL;

    if (!unit || format[3] != ':')
        return false;
    type->kind = EFF_ARROW_TIMESTAMP;
    type->width = 8;
    type->per_second = 1;
    for (; unit > units; unit--)
        type->per_second *= 1000;
    type->zoned = format[4] != 0;
    return true;
}

/* "0,5,7": which type id means which child. */
static bool
arrow_union_format(const char *format, struct eff_arena *run, struct eff_arrow_type *type)
{
    int8_t *member_of = eff_new(run, int8_t, 128);
    const char *at = format + 4;
    char *end;

    type->kind = format[2] == 'd' ? EFF_ARROW_UNION_DENSE : EFF_ARROW_UNION_SPARSE;
    memset(member_of, -1, 128);
    type->member_of = member_of;
    while (*at) {
        long id = strtol(at, &end, 10);

        if (end == at || id < 0 || id > 127 || member_of[id] >= 0 || (*end && *end != ','))
            return false;
        member_of[id] = (int8_t)type->children_count++;
        at = *end ? end + 1 : end;
    }
    return true;
}

static bool
arrow_sized_format(enum eff_arrow_kind kind, const char *text, struct eff_arrow_type *type)
{
    int64_t numbers[3];

    type->kind = kind;
    if (arrow_numbers(text, numbers) != 1 || numbers[0] < 0 || numbers[0] > INT32_MAX)
        return false;
    type->size = numbers[0];
    return true;
}

/* False: not known. Says of a union how many children it has, too. */
static bool
arrow_read_format(const char *format, struct eff_arena *run, struct eff_arrow_type *type)
{
    for (size_t i = 0; i < ARROW_FORMATS; i++) {
        if (strcmp(format, arrow_formats[i].format) != 0)
            continue;
        type->kind = arrow_formats[i].kind;
        type->width = arrow_formats[i].width;
        type->per_second = arrow_formats[i].per_second;
        return true;
    }
    if (strncmp(format, "d:", 2) == 0)
        return arrow_decimal_format(format + 2, type);
    if (strncmp(format, "ts", 2) == 0)
        return arrow_timestamp_format(format, type);
    if (strncmp(format, "w:", 2) == 0)
        return arrow_sized_format(EFF_ARROW_FIXED, format + 2, type);
    if (strncmp(format, "+w:", 3) == 0)
        return arrow_sized_format(EFF_ARROW_LIST_FIXED, format + 3, type);
    if (strncmp(format, "+ud:", 4) == 0 || strncmp(format, "+us:", 4) == 0)
        return arrow_union_format(format, run, type);
    return false;
}

/* -------------------------------------------------------------------------- extensions */

static const char *
arrow_metadata_slice(const char *at, eff_str *ret_slice)
{
    int32_t len;

    memcpy(&len, at, sizeof(len));
    if (len < 0)
        return NULL;
    *ret_slice = (eff_str){at + sizeof(len), (size_t)len};
    return at + sizeof(len) + len;
}

/* A key's value, or EFF_STR_NONE, out of pairs of lengths (this machine's) and bytes. */
static eff_str
arrow_metadata(const char *metadata, const char *wanted)
{
    const char *at = metadata;
    eff_str key, value;
    int32_t count = 0;

    if (!metadata)
        return EFF_STR_NONE;
    memcpy(&count, at, sizeof(count));
    at += sizeof(count);
    for (int32_t i = 0; i < count && i < ARROW_METADATA_MAX; i++) {
        at = arrow_metadata_slice(at, &key);
        at = at ? arrow_metadata_slice(at, &value) : NULL;
        if (!at)
            return EFF_STR_NONE;
        if (eff_str_is(key, wanted))
            return value;
    }
    return EFF_STR_NONE;
}

/*
 * A type that the database has and Arrow has not, as {"type_name": ..., "vendor_name": ...} says. Its
 * text can be sent, as a number when it is one; its bytes are the database's own affair.
 */
static enum eff_fault
arrow_opaque(const char *metadata, struct eff_arena *run, struct eff_arrow_type *type,
             struct eff_err *err)
{
    eff_str what = arrow_metadata(metadata, "ARROW:extension:metadata"), name;
    const struct eff_json *said = NULL;
    struct eff_err ignored = {0};

    if (type->kind == EFF_ARROW_TEXT || type->kind == EFF_ARROW_TEXT_VIEW) {
        if (eff_json_parse(what, run, &said, &ignored) != EFF_OK)
            return EFF_OK;
        name = eff_json_str(eff_json_get(said, EFF_STR("type_name")));
        type->number = eff_str_is(name, "numeric") || eff_str_is(name, "decimal");
        return EFF_OK;
    }
    if (type->kind != EFF_ARROW_BYTES && type->kind != EFF_ARROW_BYTES_VIEW &&
        type->kind != EFF_ARROW_FIXED)
        return EFF_OK;
    (void)EFF_FAIL(err, EFF_CONFIG, "the database's own type has no form in Arrow: " EFF_STR_FMT,
                   EFF_STR_ARG(eff_str_sub(what, 0, eff_utf8_prefix(what, 120))));
    return eff_err_hint(err, "Cast it to text, or to a number, in the model's SQL.");
}

static enum eff_fault
arrow_apply_extension(const char *metadata, struct eff_arena *run, struct eff_arrow_type *type,
                      struct eff_err *err)
{
    bool is_text = type->kind == EFF_ARROW_TEXT || type->kind == EFF_ARROW_TEXT_VIEW;
    eff_str name = arrow_metadata(metadata, "ARROW:extension:name");

    if (eff_str_is(name, "arrow.json") && is_text)
        type->json = true;
    else if (eff_str_is(name, "arrow.uuid") && type->kind == EFF_ARROW_FIXED && type->size == 16)
        type->uuid = true;
    else if (eff_str_is(name, "arrow.bool8") && type->kind == EFF_ARROW_INT && type->width == 1)
        type->kind = EFF_ARROW_BOOL8;
    else if (eff_str_is(name, "arrow.opaque"))
        return arrow_opaque(metadata, run, type, err);
    return EFF_OK;
}

/* ------------------------------------------------------------------------------- types */

static enum eff_fault arrow_type(const struct eff_arrow_schema *schema, unsigned depth,
                                 struct eff_arena *run, struct eff_arrow_type *type,
                                 struct eff_err *err);

/* How many children a type of that kind has; -1: any number. */
static int64_t
arrow_children_of(const struct eff_arrow_type *type)
{
    switch (type->kind) {
    case EFF_ARROW_LIST:
    case EFF_ARROW_LIST_VIEW:
    case EFF_ARROW_LIST_FIXED:
    case EFF_ARROW_MAP:
        return 1;
    case EFF_ARROW_RUNS:
        return 2;
    case EFF_ARROW_UNION_DENSE:
    case EFF_ARROW_UNION_SPARSE:
        return (int64_t)type->children_count;
    case EFF_ARROW_STRUCT:
        return -1;
    default:
        return 0;
    }
}

static enum eff_fault
arrow_children(const struct eff_arrow_schema *schema, unsigned depth, struct eff_arena *run,
               struct eff_arrow_type *type, struct eff_err *err)
{
    int64_t expected = arrow_children_of(type), count = schema->n_children;
    struct eff_arrow_type *children;
    eff_str *names;

    if (count < 0 || count > EFF_ARROW_COLUMNS_MAX || (expected >= 0 && count != expected) ||
        (count > 0 && !schema->children))
        return EFF_FAIL(err, EFF_BROKEN, "the Arrow schema is damaged: %s with %lld children",
                        type->format, (long long)count);
    children = eff_new(run, struct eff_arrow_type, (size_t)count + 1);
    names = eff_new(run, eff_str, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++) {
        if (!schema->children[i])
            return EFF_FAIL(err, EFF_BROKEN, "the Arrow schema is damaged: a child is missing");
        names[i] = eff_str_copy(run, eff_str_of(schema->children[i]->name));
        if (arrow_type(schema->children[i], depth + 1, run, &children[i], err) != EFF_OK)
            return depth > 0 ? err->fault
                             : eff_err_while(err, "describing the column " EFF_STR_FMT,
                                             EFF_STR_ARG(names[i]));
    }
    type->children_count = (size_t)count;
    type->children = children;
    type->names = names;
    return EFF_OK;
}

/* What the values of lists' kin rest on. */
static enum eff_fault
arrow_check_children(const struct eff_arrow_type *type, struct eff_err *err)
{
    const struct eff_arrow_type *first = type->children;

    if (type->kind == EFF_ARROW_MAP &&
        (first->kind != EFF_ARROW_STRUCT || first->dictionary || first->children_count != 2))
        return EFF_FAIL(err, EFF_BROKEN, "the Arrow schema is damaged: a map without pairs");
    if (type->kind == EFF_ARROW_RUNS &&
        (first->kind != EFF_ARROW_INT || first->dictionary || first->width < 2))
        return EFF_FAIL(err, EFF_BROKEN, "the Arrow schema is damaged: runs without ends");
    return EFF_OK;
}

static enum eff_fault
arrow_type(const struct eff_arrow_schema *schema, unsigned depth, struct eff_arena *run,
           struct eff_arrow_type *type, struct eff_err *err)
{
    struct eff_arrow_type *dictionary;

    if (!schema->release || !schema->format)
        return EFF_FAIL(err, EFF_BROKEN, "the Arrow schema is damaged: a type has no format");
    if (depth > EFF_ARROW_DEPTH_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "the type is nested deeper than %d levels",
                        EFF_ARROW_DEPTH_MAX);
    type->format = eff_str_c(run, eff_str_of(schema->format));
    if (!arrow_read_format(type->format, run, type)) {
        (void)EFF_FAIL(err, EFF_CONFIG, "the Arrow type \"%.40s\" is not known", type->format);
        return eff_err_hint(err, "Cast it to text, or to a number, in the model's SQL.");
    }
    if (!schema->dictionary)
        EFF_TRY(arrow_apply_extension(schema->metadata, run, type, err));
    EFF_TRY(arrow_children(schema, depth, run, type, err));
    EFF_TRY(arrow_check_children(type, err));
    if (!schema->dictionary)
        return EFF_OK;
    if (type->kind != EFF_ARROW_INT && type->kind != EFF_ARROW_UINT)
        return EFF_FAIL(err, EFF_BROKEN,
                        "the Arrow schema is damaged: a dictionary without indices");
    dictionary = eff_new(run, struct eff_arrow_type, 1);
    EFF_TRY(arrow_type(schema->dictionary, depth + 1, run, dictionary, err));
    EFF_TRY(arrow_apply_extension(schema->metadata, run, dictionary, err));
    type->dictionary = dictionary;
    return EFF_OK;
}

enum eff_fault
eff_arrow_type_of(const struct eff_arrow_schema *schema, struct eff_arena *run,
                  struct eff_arrow_type *ret_type, struct eff_err *err)
{
    *ret_type = (struct eff_arrow_type){0};
    return arrow_type(schema, 0, run, ret_type, err);
}

/* ------------------------------------------------------------------------- description */

static enum eff_kind
arrow_kind_of(const struct eff_arrow_type *type)
{
    switch (type->kind) {
    case EFF_ARROW_NULL:
        return EFF_NULL;
    case EFF_ARROW_BOOL:
    case EFF_ARROW_BOOL8:
        return EFF_BOOL;
    case EFF_ARROW_INT:
    case EFF_ARROW_UINT:
        return EFF_INT;
    case EFF_ARROW_FLOAT:
        return EFF_FLOAT;
    case EFF_ARROW_DECIMAL:
        return EFF_DECIMAL;
    case EFF_ARROW_TEXT:
    case EFF_ARROW_TEXT_VIEW:
        return type->json ? EFF_JSON : type->number ? EFF_DECIMAL : EFF_TEXT;
    case EFF_ARROW_BYTES:
    case EFF_ARROW_BYTES_VIEW:
        return EFF_BYTES;
    case EFF_ARROW_FIXED:
        return type->uuid ? EFF_TEXT : EFF_BYTES;
    case EFF_ARROW_DATE:
        return EFF_DATE;
    case EFF_ARROW_TIME:
        return EFF_TIME;
    case EFF_ARROW_TIMESTAMP:
        return type->zoned ? EFF_INSTANT : EFF_DATETIME;
    case EFF_ARROW_DURATION:
    case EFF_ARROW_MONTHS:
    case EFF_ARROW_DAYS_MS:
    case EFF_ARROW_MONTHS_DAYS:
        return EFF_TEXT;
    default:
        return EFF_JSON;
    }
}

static eff_str
arrow_name_of(const struct eff_arrow_type *type, struct eff_arena *run)
{
    static const char *const units[] = {"s", "ms", "us", "ns"};
    size_t unit = 0;

    for (int64_t ticks = type->per_second; ticks >= 1000; ticks /= 1000)
        unit++;
    switch (type->kind) {
    case EFF_ARROW_DECIMAL:
        return eff_str_printf(run, "decimal%u(%d, %d)", type->width * 8, type->precision,
                              type->scale);
    case EFF_ARROW_TIMESTAMP:
        return type->zoned
                   ? eff_str_printf(run, "timestamp[%s, %.40s]", units[unit], type->format + 4)
                   : eff_str_printf(run, "timestamp[%s]", units[unit]);
    case EFF_ARROW_FIXED:
        return type->uuid ? EFF_STR("uuid")
                          : eff_str_printf(run, "fixed_size_binary[%lld]", (long long)type->size);
    case EFF_ARROW_LIST_FIXED:
        return eff_str_printf(run, "fixed_size_list[%lld]", (long long)type->size);
    case EFF_ARROW_UNION_DENSE:
        return EFF_STR("dense_union");
    case EFF_ARROW_UNION_SPARSE:
        return EFF_STR("sparse_union");
    case EFF_ARROW_BOOL8:
        return EFF_STR("bool8");
    default:
        break;
    }
    if (type->json || type->number)
        return type->json ? EFF_STR("json") : EFF_STR("numeric");
    for (size_t i = 0; i < ARROW_FORMATS; i++) {
        if (strcmp(type->format, arrow_formats[i].format) == 0)
            return eff_str_of(arrow_formats[i].name);
    }
    return eff_str_of(type->format);
}

void
eff_arrow_describe(const struct eff_arrow_type *type, struct eff_arena *run,
                   struct eff_column *column)
{
    while (type->dictionary || type->kind == EFF_ARROW_RUNS)
        type = type->dictionary ? type->dictionary : &type->children[1];
    column->kind = arrow_kind_of(type);
    column->type_name = arrow_name_of(type, run);
    column->precision = type->precision;
    column->scale = type->scale;
}
