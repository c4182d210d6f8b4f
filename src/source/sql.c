/*
 * source/sql: what the drivers have in common about SQL text.
 */
#include "source/sql.h"

#include "base/buf.h"

static bool
sql_is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static size_t
sql_skip_line(eff_str sql, size_t at)
{
    while (at < sql.len && sql.ptr[at] != '\n')
        at++;
    return at;
}

/* Comments nest in PostgreSQL and DuckDB; SQLite finds its statements' ends by itself. */
static size_t
sql_skip_comment(eff_str sql, size_t at)
{
    unsigned depth = 0;

    while (at + 1 < sql.len) {
        if (sql.ptr[at] == '/' && sql.ptr[at + 1] == '*') {
            depth++;
            at += 2;
        } else if (sql.ptr[at] == '*' && sql.ptr[at + 1] == '/') {
            at += 2;
            if (--depth == 0)
                return at;
        } else {
            at++;
        }
    }
    return sql.len;
}

static size_t
sql_skip_quoted(eff_str sql, size_t at, bool backslashes)
{
    char quote = sql.ptr[at++];

    for (; at < sql.len; at++) {
        if (backslashes && sql.ptr[at] == '\\')
            at++;
        else if (sql.ptr[at] == quote) // A doubled quote opens again at once.
            return at + 1;
    }
    return sql.len;
}

/* $$...$$ and $tag$...$tag$; a lone $ (as in $1) is passed over. */
static size_t
sql_skip_dollar(eff_str sql, size_t at)
{
    size_t end = at + 1, found;
    eff_str tag;

    while (end < sql.len && sql_is_word(sql.ptr[end]))
        end++;
    if (end >= sql.len || sql.ptr[end] != '$' || (sql.ptr[at + 1] >= '0' && sql.ptr[at + 1] <= '9'))
        return at + 1;
    tag = eff_str_sub(sql, at, end + 1 - at);
    found = eff_str_find(eff_str_sub(sql, end + 1, SIZE_MAX), tag);
    return found == SIZE_MAX ? sql.len : end + 1 + found + tag.len;
}

/* E'it\'s': the E is no part of a longer word. */
static bool
sql_escape_string(eff_str sql, size_t quote)
{
    if (quote == 0 || (sql.ptr[quote - 1] != 'e' && sql.ptr[quote - 1] != 'E'))
        return false;
    return quote == 1 || !sql_is_word(sql.ptr[quote - 2]);
}

/* Past one token or one blank; *ret_blank tells whether it was white space or a comment. */
static size_t
sql_skip_token(eff_str sql, size_t at, unsigned lexis, bool *ret_blank)
{
    char c = sql.ptr[at], next = at + 1 < sql.len ? sql.ptr[at + 1] : 0;

    *ret_blank = true;
    if (c == ' ' || (c >= '\t' && c <= '\r'))
        return at + 1;
    if ((c == '-' && next == '-') || (lexis & EFF_SQL_SLASH_COMMENTS && c == '/' && next == '/'))
        return sql_skip_line(sql, at);
    if (c == '/' && next == '*')
        return sql_skip_comment(sql, at);
    *ret_blank = false;
    if (c == '\'' || c == '"')
        return sql_skip_quoted(
            sql, at,
            c == '\'' && ((lexis & EFF_SQL_BACKSLASHES) != 0 || sql_escape_string(sql, at)));
    if (c == '$' && (at == 0 || !sql_is_word(sql.ptr[at - 1])))
        return sql_skip_dollar(sql, at);
    return at + 1;
}

enum eff_fault
eff_sql_single(eff_str sql, eff_str *ret_statement, struct eff_err *err)
{
    return eff_sql_single_of(sql, 0, ret_statement, err);
}

enum eff_fault
eff_sql_single_of(eff_str sql, unsigned lexis, eff_str *ret_statement, struct eff_err *err)
{
    size_t end = SIZE_MAX, at = 0, start;
    bool any = false, blank;

    while (at < sql.len) {
        start = at;
        at = sql_skip_token(sql, at, lexis, &blank);
        if (blank)
            continue;
        if (sql.ptr[start] == ';') {
            if (any && end == SIZE_MAX)
                end = start;
            continue;
        }
        if (end != SIZE_MAX) {
            eff_sql_fault(sql, start, "a model is one query, and a second statement begins", err);
            return eff_err_hint(err, "Keep the one SELECT; preparations belong in the warehouse.");
        }
        any = true;
    }
    if (!any)
        return EFF_FAIL(err, EFF_CONFIG, "the SQL is empty");
    *ret_statement = eff_str_sub(sql, 0, end);
    return EFF_OK;
}

void
eff_sql_position(eff_str sql, size_t offset, int *ret_line, int *ret_column)
{
    int line = 1, column = 1;

    for (size_t i = 0; i < offset && i < sql.len; i++) {
        if (sql.ptr[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)sql.ptr[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    *ret_line = line;
    *ret_column = column;
}

enum eff_fault
eff_sql_fault(eff_str sql, size_t offset, const char *text, struct eff_err *err)
{
    int line, column;

    if (offset > sql.len)
        return EFF_FAIL(err, EFF_CONFIG, "%s", text);
    eff_sql_position(sql, offset, &line, &column);
    return EFF_FAIL(err, EFF_CONFIG, "%s (line %d, column %d of the SQL)", text, line, column);
}

enum eff_fault
eff_sql_writes(struct eff_err *err)
{
    (void)EFF_FAIL(err, EFF_CONFIG, "a model only reads, and this statement would do more");
    return eff_err_hint(err, "Write the model as one SELECT.");
}

enum eff_fault
eff_sql_reads(eff_str statement, struct eff_err *err)
{
    static const char *const words[] = {"SELECT", "WITH", "VALUES", "TABLE", "FROM"};
    size_t at = 0, next = 0, end;
    bool blank = true;

    while (next < statement.len && (blank || statement.ptr[at] == '(')) {
        at = next;
        next = sql_skip_token(statement, at, 0, &blank);
    }
    for (end = at; end < statement.len && sql_is_word(statement.ptr[end]);)
        end++;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (eff_str_eq_nocase(eff_str_sub(statement, at, end - at), eff_str_of(words[i])))
            return EFF_OK;
    }
    return eff_sql_writes(err);
}

static size_t
sql_skip_blanks(eff_str sql, size_t at)
{
    size_t next = at;
    bool blank = true;

    while (next < sql.len && blank) {
        at = next;
        next = sql_skip_token(sql, at, 0, &blank);
    }
    return blank ? next : at;
}

/* Past a word, a quoted name, or one other character; the token goes to *ret_token. */
static size_t
sql_take(eff_str sql, size_t at, eff_str *ret_token)
{
    size_t start = sql_skip_blanks(sql, at), end = start;

    while (end < sql.len && sql_is_word(sql.ptr[end]))
        end++;
    if (end == start && end < sql.len && sql.ptr[end] != '"')
        end++;
    else if (end == start) // doubled inside, it opens again
        while (end < sql.len && sql.ptr[end] == '"')
            end = sql_skip_quoted(sql, end, false);
    *ret_token = eff_str_sub(sql, start, end - start);
    return end;
}

bool
eff_sql_whole_table(eff_str statement, eff_str *ret_table)
{
    static const char *const opening[] = {"SELECT", "*", "FROM"};
    size_t at = 0, start;
    eff_str token;

    for (size_t i = 0; i < sizeof(opening) / sizeof(opening[0]); i++) {
        at = sql_take(statement, at, &token);
        if (!eff_str_eq_nocase(token, eff_str_of(opening[i])))
            return false;
    }
    start = sql_skip_blanks(statement, at);
    do {
        at = sql_take(statement, at, &token);
        if (token.len == 0 || (token.ptr[0] != '"' && !sql_is_word(token.ptr[0])))
            return false;
        *ret_table = eff_str_sub(statement, start, at - start);
        at = sql_take(statement, at, &token);
    } while (eff_str_is(token, "."));
    return token.len == 0;
}

enum eff_fault
eff_sql_check_columns(const struct eff_columns *columns, struct eff_err *err)
{
    for (size_t i = 0; i < columns->count; i++) {
        eff_str name = columns->at[i].name;
        size_t first = eff_columns_find(columns, name);

        if (name.len == 0) {
            (void)EFF_FAIL(err, EFF_CONFIG, "column %zu of the model has no name", i + 1);
            return eff_err_hint(err, "Name it with AS.");
        }
        if (first != i) {
            (void)EFF_FAIL(err, EFF_CONFIG,
                           "columns %zu and %zu of the model have the same name, " EFF_STR_FMT,
                           first + 1, i + 1, EFF_STR_ARG(name));
            return eff_err_hint(err, "Rename one of them with AS, or leave it out.");
        }
    }
    return EFF_OK;
}

static void
sql_add_part(struct eff_buf *buf, eff_str part, char quote)
{
    eff_buf_add_char(buf, quote);
    for (size_t i = 0; i < part.len; i++) {
        if (part.ptr[i] == quote)
            eff_buf_add_char(buf, quote);
        eff_buf_add_char(buf, part.ptr[i]);
    }
    eff_buf_add_char(buf, quote);
}

eff_str
eff_sql_table_quoted(eff_str table, char quote, struct eff_arena *arena)
{
    struct eff_buf buf = {0};
    eff_str sql;

    eff_buf_add(&buf, EFF_STR("SELECT * FROM "));
    if (!quote)
        eff_buf_add(&buf, table);
    for (size_t at = 0; quote && at <= table.len;) {
        bool quoted = at < table.len && table.ptr[at] == quote;
        size_t end = at;

        while (quoted && end < table.len &&
               table.ptr[end] == quote) // doubled inside, it opens again
            end = sql_skip_quoted(table, end, false);
        while (end < table.len && table.ptr[end] != '.')
            end++;
        if (quoted)
            eff_buf_add(&buf, eff_str_sub(table, at, end - at));
        else
            sql_add_part(&buf, eff_str_sub(table, at, end - at), quote);
        if (end < table.len)
            eff_buf_add_char(&buf, '.');
        at = end + 1;
    }
    sql = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return sql;
}

eff_str
eff_sql_table(eff_str table, struct eff_arena *arena)
{
    return eff_sql_table_quoted(table, '"', arena);
}
