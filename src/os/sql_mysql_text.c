/*
 * os/sql_mysql_text: values as literals of MySQL, and its cells as values.
 *
 * The connection speaks utf8mb4 with NO_BACKSLASH_ESCAPES. A text with a backslash
 * is written in hexadecimal all the same, so that a literal says the same thing
 * even where something between us and the server has set that mode back.
 *
 * Numbers are quoted: MySQL compares a column of texts with a bare number as two
 * doubles, and '12 Main Street' would equal 12.
 */
#include <ctype.h>
#include <math.h>

#include "base/clock.h"
#include "os/sql_mysql.h"

/* ---- statements ---- */

/* From the sign of a parameter at `from` on: where its number ends. */
static size_t
text_number(eff_str statement, size_t from, size_t *ret_number)
{
    size_t at = from + 1;

    *ret_number = 0;
    for (; at < statement.len && isdigit((unsigned char)statement.ptr[at]); at++)
        *ret_number = *ret_number * 10 + (size_t)(statement.ptr[at] - '0');
    return at;
}

const struct mysql_piece *
eff_mysql_pieces(struct eff_sql *sql, eff_str statement)
{
    struct mysql_piece *pieces;
    size_t signs = 0, count = 0, from = 0, at = 0;
    char quote = '\0';

    for (size_t i = 0; i < statement.len; i++)
        signs += statement.ptr[i] == '?';
    pieces = eff_sql_alloc(sql, sizeof(*pieces), signs + 1);
    while (pieces != NULL && at < statement.len) {
        char c = statement.ptr[at];

        if (quote == '\0' && c == '?') {
            pieces[count].text = eff_str_sub(statement, from, at - from);
            at = from = text_number(statement, at, &pieces[count++].param);
            continue;
        }
        if (quote != '\0' ? c == quote : c == '"' || c == '\'')
            quote = quote ? '\0' : c;
        at++;
    }
    if (pieces != NULL)
        pieces[count].text = eff_str_sub(statement, from, statement.len);
    return pieces;
}

/* ---- literals ---- */

static void
text_hex(struct eff_buf *buf, const char *introducer, eff_str bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *at;

    eff_buf_add(buf, eff_str_of(introducer));
    eff_buf_add(buf, EFF_STR("X'"));
    at = eff_buf_reserve(buf, bytes.len * 2 + 1);
    if (at == NULL)
        return;
    for (size_t i = 0; i < bytes.len; i++) {
        *at++ = digits[(unsigned char)bytes.ptr[i] >> 4];
        *at++ = digits[bytes.ptr[i] & 15];
    }
    *at = '\'';
    eff_buf_grow(buf, bytes.len * 2 + 1);
}

static void
text_quote(struct eff_buf *buf, eff_str text)
{
    eff_str part;
    bool more = true;

    if (text.len > 0 && (memchr(text.ptr, '\\', text.len) || memchr(text.ptr, '\0', text.len))) {
        text_hex(buf, "_utf8mb4 ", text);
        return;
    }
    eff_buf_add_char(buf, '\'');
    while (more) {
        more = eff_str_cut(text, '\'', &part, &text);
        eff_buf_add(buf, part);
        if (more)
            eff_buf_add(buf, EFF_STR("''"));
    }
    eff_buf_add_char(buf, '\'');
}

/* A space for the T and nothing for the Z, which MySQL does not read; the session is in UTC. */
static void
text_time(struct eff_buf *buf, const struct eff_value *value)
{
    size_t from;

    eff_buf_add_char(buf, '\'');
    from = buf->len;
    eff_value_text(buf, value);
    for (size_t i = from; i < buf->len; i++)
        if (buf->ptr[i] == 'T')
            buf->ptr[i] = ' ';
    if (buf->len > from && buf->ptr[buf->len - 1] == 'Z')
        buf->len--;
    eff_buf_add_char(buf, '\'');
}

static void
text_literal(struct eff_buf *buf, const struct eff_value *value)
{
    switch ((enum eff_kind)value->kind) {
    case EFF_BOOL: // bare: a column of the type bit takes it too
        eff_buf_add_char(buf, value->i ? '1' : '0');
        return;
    case EFF_TEXT:
    case EFF_JSON:
        text_quote(buf, eff_value_str(value));
        return;
    case EFF_BYTES:
        text_hex(buf, "", eff_value_str(value));
        return;
    case EFF_INT:
    case EFF_FLOAT:
    case EFF_DECIMAL:
    case EFF_DATE:
    case EFF_TIME:
    case EFF_DATETIME:
    case EFF_INSTANT:
        text_time(buf, value);
        return;
    case EFF_NULL:
    case EFF_ABSENT:
    case EFF_BAD:
        break;
    }
    eff_buf_add(buf, EFF_STR("NULL"));
}

void
eff_mysql_row(struct eff_buf *buf, const struct mysql_piece *pieces, const struct eff_value *row)
{
    for (; pieces->param != 0; pieces++) {
        eff_buf_add(buf, pieces->text);
        text_literal(buf, &row[pieces->param - 1]);
    }
    eff_buf_add(buf, pieces->text);
}

bool
eff_mysql_check_values(struct eff_sql *sql, size_t count, const struct eff_value *values)
{
    for (size_t i = 0; i < count; i++) {
        const struct eff_value *value = &values[i];

        if (value->kind == EFF_BAD)
            return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "1366", "a value is bad");
        if (value->kind == EFF_FLOAT && !isfinite(value->f))
            return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "1366",
                                  "MySQL cannot hold NaN or infinity");
        if ((value->kind == EFF_TEXT || value->kind == EFF_JSON) &&
            !eff_utf8_valid(eff_value_str(value)))
            return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "1366", "a text is not UTF-8");
    }
    return true;
}

/* ---- cells ---- */

static bool
cell_time(int type, eff_str text, struct eff_value *ret_value)
{
    static const struct {
        int type;
        enum eff_kind kind;
    } kinds[] = {{MYSQL_DATE, EFF_DATE},
                 {MYSQL_TIME, EFF_TIME},
                 {MYSQL_DATETIME, EFF_DATETIME},
                 {MYSQL_TIMESTAMP, EFF_INSTANT}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].type == type)
            return eff_sql_time_cell(kinds[i].kind, text, ret_value);
    return false;
}

static enum eff_kind
cell_kind(const struct mysql_field *field)
{
    switch (field->type) {
    case MYSQL_TINY:
    case MYSQL_SHORT:
    case MYSQL_LONG:
    case MYSQL_LONGLONG:
    case MYSQL_INT24:
    case MYSQL_YEAR:
    case MYSQL_FLOAT:
    case MYSQL_DOUBLE:
    case MYSQL_DECIMAL:
        return EFF_DECIMAL; // an unsigned bigint may be too large for an integer of ours
    case MYSQL_JSON:
        return EFF_JSON;
    case MYSQL_BIT:
        return EFF_BYTES;
    case MYSQL_DATE: // 0000-00-00
    case MYSQL_TIME: // 838:59:59
    case MYSQL_DATETIME:
    case MYSQL_TIMESTAMP:
        return EFF_TEXT;
    default:
        return field->charset == MYSQL_CHARSET_BINARY ? EFF_BYTES : EFF_TEXT;
    }
}

bool
eff_mysql_cell(struct eff_sql *sql, const struct mysql_field *field, eff_str text,
               struct eff_value *ret_value)
{
    enum eff_kind kind = cell_kind(field);
    int64_t integer;
    char *copy;

    if (cell_time(field->type, text, ret_value))
        return true;
    if (kind == EFF_DECIMAL && eff_str_int(text, &integer) && field->type != MYSQL_DECIMAL &&
        field->type != MYSQL_FLOAT && field->type != MYSQL_DOUBLE) {
        *ret_value = eff_value_of_int(EFF_INT, integer);
        return true;
    }
    copy = eff_sql_alloc(sql, 1, text.len + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, text.ptr, text.len);
    *ret_value = eff_value_of_str(kind, (eff_str){copy, text.len});
    return true;
}
