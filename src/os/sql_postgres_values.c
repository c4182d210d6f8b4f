/*
 * os/sql_postgres_values: values as the texts of parameters.
 */
#include "base/json.h"
#include "os/sql_postgres.h"

#define POSTGRES_PARAMS_MAX 65535 /* a 16-bit count in the protocol */

/* ---- arrays ---- */

/* A text too: a source without JSON has it so. PostgreSQL's own "[0:1]={7,8}" is no JSON. */
static bool
values_is_array(const struct eff_value *value)
{
    size_t at = 0;

    if (value->kind != EFF_JSON && value->kind != EFF_TEXT)
        return false;
    while (at < value->len && memchr(" \t\r\n", value->ptr[at], 4) != NULL)
        at++;
    return at < value->len && value->ptr[at] == '[';
}

bool
eff_postgres_has_arrays(const struct eff_sql_request *request)
{
    size_t count = request->rows * request->columns;

    for (size_t i = 0; i < count; i++)
        if (values_is_array(&request->params[i]))
            return true;
    return false;
}

static bool
array_add_quoted(struct eff_buf *buf, eff_str text)
{
    eff_buf_add_char(buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\0')
            return false; // a text ends there in PostgreSQL
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            eff_buf_add_char(buf, '\\');
        eff_buf_add_char(buf, text.ptr[i]);
    }
    eff_buf_add_char(buf, '"');
    return true;
}

static bool
array_add_json(struct eff_buf *buf, const struct eff_json *item)
{
    struct eff_buf json = {0};
    bool good;

    eff_json_print(&json, item, false);
    good = !json.full && array_add_quoted(buf, eff_buf_str(&json));
    eff_buf_free(&json);
    return good;
}

static bool array_add(struct eff_buf *buf, const struct eff_json *list, enum postgres_array array);

static bool
array_add_item(struct eff_buf *buf, const struct eff_json *item, enum postgres_array array)
{
    enum eff_json_type type = eff_json_type(item);

    if (type == EFF_JSON_NULL) {
        eff_buf_add(buf, EFF_STR("NULL"));
        return true;
    }
    if (array == POSTGRES_ARRAY_OF_JSON || type == EFF_JSON_OBJECT)
        return array_add_json(buf, item);
    if (type == EFF_JSON_ARRAY)
        return array_add(buf, item, array);
    return array_add_quoted(buf, eff_json_str(item));
}

/* As deep as the JSON is, which its parser bounds. */
static bool
array_add(struct eff_buf *buf, const struct eff_json *list, enum postgres_array array)
{
    struct eff_json_iter iter = eff_json_iterate(list);
    const struct eff_json *item;

    eff_buf_add_char(buf, '{');
    for (bool first = true; eff_json_next(&iter, NULL, &item); first = false) {
        if (!first)
            eff_buf_add_char(buf, ',');
        if (!array_add_item(buf, item, array))
            return false;
    }
    eff_buf_add_char(buf, '}');
    return true;
}

bool
eff_postgres_array_text(struct eff_buf *buf, eff_str json, enum postgres_array array,
                        struct eff_arena scratch)
{
    const struct eff_json *list;
    struct eff_err ignored = {0};

    return eff_json_parse(json, &scratch, &list, &ignored) == EFF_OK &&
           array_add(buf, list, array) && !buf->full;
}

/* Otherwise the server sees it as it is, and says what it thinks of it. */
static bool
values_array(struct eff_sql *sql, struct eff_buf *buf, const struct eff_value *value,
             enum postgres_array array)
{
    size_t from = buf->len;

    if (array == POSTGRES_ARRAY_NONE || !values_is_array(value))
        return false;
    if (eff_postgres_array_text(buf, eff_value_str(value), array, sql->answer)) {
        eff_buf_add_char(buf, '\0');
        return true;
    }
    buf->len = from;
    return false;
}

/* ---- rows ---- */

/* Text forms, NUL-terminated one after the other; SIZE_MAX stands for NULL. */
static void
postgres_text(struct eff_buf *buf, const struct eff_value *value, size_t *ret_offset)
{
    static const char digits[] = "0123456789abcdef";

    *ret_offset = buf->len;
    if (value->kind == EFF_NULL || value->kind == EFF_ABSENT) {
        *ret_offset = SIZE_MAX;
        return;
    }
    if (value->kind == EFF_BYTES) {
        char *at = eff_buf_reserve(buf, (size_t)value->len * 2 + 2);

        if (at != NULL) {
            *at++ = '\\';
            *at++ = 'x';
            for (uint32_t i = 0; i < value->len; i++) {
                *at++ = digits[(unsigned char)value->ptr[i] >> 4];
                *at++ = digits[value->ptr[i] & 15];
            }
            eff_buf_grow(buf, (size_t)value->len * 2 + 2);
        }
    } else
        eff_value_text(buf, value);
    eff_buf_add_char(buf, '\0');
}

/* Fills rows->values with one row; false when memory ends. */
bool
eff_postgres_values(struct eff_sql *sql, const struct postgres_rows *rows,
                    const struct eff_value *row, size_t columns)
{
    eff_buf_reset(&sql->text);
    for (size_t i = 0; i < columns; i++) {
        rows->offsets[i] = sql->text.len;
        if (rows->arrays == NULL || !values_array(sql, &sql->text, &row[i], rows->arrays[i]))
            postgres_text(&sql->text, &row[i], &rows->offsets[i]);
    }
    if (sql->text.full)
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "54000", "the row is too large");
    for (size_t i = 0; i < columns; i++)
        rows->values[i] = rows->offsets[i] == SIZE_MAX ? NULL : sql->text.ptr + rows->offsets[i];
    return true;
}

/* Texts end at a NUL in the protocol, so that one inside would cut the value in silence. */
bool
eff_postgres_check_values(struct eff_sql *sql, const struct eff_sql_request *request)
{
    size_t count = (request->rows ? request->rows : 1) * request->columns;

    if (request->columns > POSTGRES_PARAMS_MAX)
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "54000", "%zu parameters in one row",
                              request->columns);
    for (size_t i = 0; i < count; i++) {
        const struct eff_value *value = &request->params[i];

        if (value->kind == EFF_BAD)
            return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "22000", "a value is bad");
        if ((value->kind == EFF_TEXT || value->kind == EFF_JSON || value->kind == EFF_DECIMAL) &&
            value->len > 0 && memchr(value->ptr, '\0', value->len) != NULL)
            return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "22021",
                                  "PostgreSQL cannot hold a text with a zero byte in it");
    }
    return true;
}
