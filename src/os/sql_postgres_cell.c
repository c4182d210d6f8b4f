/*
 * os/sql_postgres_cell: PostgreSQL's text forms of a result as values.
 *
 * Read with the settings that sql_postgres sets in each transaction: UTC, ISO
 * dates, bytea as hex. What does not fit a kind (infinity, years BC) stays a text.
 */
#include "base/hash.h"
#include "base/json.h"
#include "os/sql.h"

/* Type oids of PostgreSQL's catalogue (pg_type.dat); they never change. */
enum {
    CELL_BOOL = 16,
    CELL_BYTEA = 17,
    CELL_INT8 = 20,
    CELL_INT2 = 21,
    CELL_INT4 = 23,
    CELL_OID = 26,
    CELL_JSON = 114,
    CELL_FLOAT4 = 700,
    CELL_FLOAT8 = 701,
    CELL_DATE = 1082,
    CELL_TIME = 1083,
    CELL_TIMESTAMP = 1114,
    CELL_TIMESTAMPTZ = 1184,
    CELL_NUMERIC = 1700,
    CELL_JSONB = 3802,
};

enum cell_item { /* how an item of an array is written in JSON: as to_json does */
                 ITEM_NONE = 0,
                 ITEM_TEXT,
                 ITEM_NUMBER,
                 ITEM_BOOL,
                 ITEM_TIMESTAMP,
                 ITEM_TIMESTAMPTZ,
                 ITEM_JSON,
};

static const struct {
    unsigned type;
    enum cell_item item;
} cell_arrays[] = {
    {199, ITEM_JSON},                              // json[]
    {1000, ITEM_BOOL},                             // bool[]
    {1001, ITEM_TEXT},                             // bytea[]
    {1005, ITEM_NUMBER},                           // int2[]
    {1007, ITEM_NUMBER},                           // int4[]
    {1009, ITEM_TEXT},                             // text[]
    {1014, ITEM_TEXT},                             // bpchar[]
    {1015, ITEM_TEXT},                             // varchar[]
    {1016, ITEM_NUMBER},                           // int8[]
    {1021, ITEM_NUMBER},                           // float4[]
    {1022, ITEM_NUMBER},                           // float8[]
    {1115, ITEM_TIMESTAMP},                        // timestamp[]
    {1182, ITEM_TEXT},                             // date[]
    {1183, ITEM_TEXT},                             // time[]
    {1185, ITEM_TIMESTAMPTZ}, {1231, ITEM_NUMBER}, // numeric[]
    {2951, ITEM_TEXT},                             // uuid[]
    {3807, ITEM_JSON},                             // jsonb[]
};

/* ---- arrays ---- */

static enum cell_item
cell_item_of(unsigned type)
{
    for (size_t i = 0; i < sizeof(cell_arrays) / sizeof(cell_arrays[0]); i++)
        if (cell_arrays[i].type == type)
            return cell_arrays[i].item;
    return ITEM_NONE;
}

/* One item up to its comma or brace, without quotes and backslashes. */
static eff_str
cell_take_item(eff_str *at, struct eff_buf *buf, bool *ret_quoted)
{
    *ret_quoted = false;
    eff_buf_reset(buf);
    while (at->len > 0 && (*ret_quoted || !memchr(",{}", at->ptr[0], 3))) {
        if (at->ptr[0] == '"') {
            if (*ret_quoted) {
                *at = eff_str_sub(*at, 1, at->len);
                break;
            }
            *ret_quoted = true;
        } else {
            if (at->ptr[0] == '\\' && at->len > 1)
                *at = eff_str_sub(*at, 1, at->len);
            eff_buf_add_char(buf, at->ptr[0]);
        }
        *at = eff_str_sub(*at, 1, at->len);
    }
    return eff_buf_str(buf);
}

static void
cell_write_time(struct eff_json_writer *w, eff_str text, bool zone)
{
    char iso[64];
    size_t space = eff_str_find_char(text, ' ');

    if (space == SIZE_MAX || text.len + 4 > sizeof(iso)) { // infinity
        eff_json_write_str(w, text);
        return;
    }
    memcpy(iso, text.ptr, text.len);
    iso[space] = 'T';
    if (zone) // the session is in UTC: +00
        memcpy(iso + text.len, ":00", 3);
    eff_json_write_str(w, (eff_str){iso, text.len + (zone ? 3 : 0)});
}

static void
cell_write_item(struct eff_json_writer *w, eff_str text, bool quoted, enum cell_item item)
{
    bool digits = text.len > 0 && (text.ptr[text.len - 1] >= '0' && text.ptr[text.len - 1] <= '9');

    if (!quoted && eff_str_is(text, "NULL"))
        eff_json_write_null(w);
    else if (item == ITEM_BOOL)
        eff_json_write_bool(w, eff_str_is(text, "t"));
    else if (item == ITEM_JSON || (item == ITEM_NUMBER && digits))
        eff_json_write_raw(w, text);
    else if (item == ITEM_TIMESTAMP || item == ITEM_TIMESTAMPTZ)
        cell_write_time(w, text, item == ITEM_TIMESTAMPTZ);
    else
        eff_json_write_str(w, text);
}

static bool
cell_array_value(struct eff_sql *sql, eff_str text, enum cell_item item,
                 struct eff_value *ret_value)
{
    struct eff_buf json = {0}, one = {0};
    struct eff_json_writer w = {.buf = &json};
    eff_str bounds, at = text;
    bool quoted, good;
    char *copy;

    if (text.len > 0 && text.ptr[0] == '[') // "[0:1]={7,8}"
        eff_str_cut(text, '=', &bounds, &at);
    while (at.len > 0) {
        char c = at.ptr[0];

        if (c == '{')
            eff_json_begin_array(&w);
        else if (c == '}')
            eff_json_end_array(&w);
        if (memchr("{},", c, 3)) {
            at = eff_str_sub(at, 1, at.len);
            continue;
        }
        eff_str found = cell_take_item(&at, &one, &quoted);
        cell_write_item(&w, found, quoted, item);
    }
    copy = eff_sql_alloc(sql, 1, json.len + 1);
    good = copy != NULL && !json.full && !one.full;
    if (good)
        memcpy(copy, json.ptr, json.len);
    *ret_value = eff_value_of_str(EFF_JSON, (eff_str){copy, json.len});
    eff_buf_free(&json);
    eff_buf_free(&one);
    return good;
}

/* ---- one cell ---- */

static enum eff_kind
cell_time_kind(unsigned type)
{
    return type == CELL_DATE        ? EFF_DATE
           : type == CELL_TIME      ? EFF_TIME
           : type == CELL_TIMESTAMP ? EFF_DATETIME
                                    : EFF_INSTANT;
}

static bool
cell_bytes_value(struct eff_sql *sql, eff_str hex, struct eff_value *ret_value)
{
    size_t len = hex.len >= 2 ? (hex.len - 2) / 2 : 0;
    char *bytes = eff_sql_alloc(sql, 1, len + 1);

    if (bytes == NULL)
        return false;
    if (!eff_unhex(eff_str_sub(hex, 2, hex.len), bytes, len))
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 503, "08P01", "a bytea that is not hex");
    *ret_value = eff_value_of_str(EFF_BYTES, (eff_str){bytes, len});
    return true;
}

bool
eff_sql_postgres_cell(struct eff_sql *sql, unsigned type, eff_str text, struct eff_value *ret_value)
{
    enum eff_kind kind = EFF_TEXT;
    int64_t integer;
    char *copy;

    switch (type) {
    case CELL_BOOL:
        *ret_value = eff_value_of_int(EFF_BOOL, text.len > 0 && text.ptr[0] == 't');
        return true;
    case CELL_INT2:
    case CELL_INT4:
    case CELL_INT8:
    case CELL_OID:
        if (eff_str_int(text, &integer)) {
            *ret_value = eff_value_of_int(EFF_INT, integer);
            return true;
        }
        break;
    case CELL_BYTEA:
        return cell_bytes_value(sql, text, ret_value);
    case CELL_DATE:
    case CELL_TIME:
    case CELL_TIMESTAMP:
    case CELL_TIMESTAMPTZ:
        if (eff_sql_time_cell(cell_time_kind(type), text, ret_value))
            return true;
        break;
    case CELL_FLOAT4:
    case CELL_FLOAT8:
    case CELL_NUMERIC:
        kind = EFF_DECIMAL; // the server's shortest text of a float is exact
        break;
    case CELL_JSON:
    case CELL_JSONB:
        kind = EFF_JSON;
        break;
    default:
        if (cell_item_of(type) != ITEM_NONE)
            return cell_array_value(sql, text, cell_item_of(type), ret_value);
        break;
    }
    copy = eff_sql_alloc(sql, 1, text.len + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, text.ptr, text.len);
    *ret_value = eff_value_of_str(kind, (eff_str){copy, text.len});
    return true;
}
