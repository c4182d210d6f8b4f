/*
 * sandbox/bigquery_sql: GoogleSQL, as far as tests need it, into SQLite's.
 *
 * Token by token; what is not known stays as it is, and SQLite says what it thinks of it.
 */
#include "sandbox/bigquery.h"

#include <stdio.h>
#include <stdlib.h>

#define SQL_MOVES_MAX 4096

struct sql_maker {
    struct eff_arena *arena;
    sqlite3 *db;
    eff_str in, dataset;
    struct eff_bqs_sql *out;
    size_t at;
    bool table_next; /* FROM, JOIN, INTO ...: a table's name follows */
    bool creates;    /* CREATE TABLE: words for types */
    char last;       /* what stands before, blanks apart: behind ( and , comes a column's name */
};

static bool
sql_is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static void
sql_mark(struct sql_maker *m)
{
    if (m->out->moves_count < SQL_MOVES_MAX)
        m->out->moves[m->out->moves_count++] = (struct eff_bqs_move){m->out->text.len, m->at};
}

static void
sql_add_quoted(struct sql_maker *m, eff_str text, char quote)
{
    eff_buf_add_char(&m->out->text, quote);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == quote)
            eff_buf_add_char(&m->out->text, quote);
        eff_buf_add_char(&m->out->text, text.ptr[i]);
    }
    eff_buf_add_char(&m->out->text, quote);
}

static bool
sql_has_table(const struct sql_maker *m, eff_str name)
{
    sqlite3_stmt *stmt = NULL;
    bool found = false;

    if (sqlite3_prepare_v2(m->db, "SELECT 1 FROM sqlite_master WHERE name = ?1", -1, &stmt, NULL) ==
            SQLITE_OK &&
        sqlite3_bind_text(stmt, 1, name.ptr, (int)name.len, SQLITE_STATIC) == SQLITE_OK)
        found = sqlite3_step(stmt) == SQLITE_ROW;
    sqlite3_finalize(stmt);
    return found;
}

/* "p.d.t" and "d.t" are the table "d.t"; "t" that of the default dataset, or another kind of name. */
static void
sql_add_table(struct sql_maker *m, eff_str path)
{
    size_t last = path.len, before;
    eff_str full;

    while (last > 0 && path.ptr[last - 1] != '.')
        last--;
    before = last > 0 ? last - 1 : 0;
    while (before > 0 && path.ptr[before - 1] != '.')
        before--;
    full = eff_str_sub(path, before, SIZE_MAX);
    if (last == 0 && m->dataset.len > 0) {
        full = eff_str_printf(m->arena, EFF_STR_FMT "." EFF_STR_FMT, EFF_STR_ARG(m->dataset),
                              EFF_STR_ARG(path));
        if (!m->creates && !sql_has_table(m, full))
            full = path; // A common table expression.
    }
    sql_add_quoted(m, full, '"');
}

/* What stands in the pair of backticks that begins here; m->at moves behind it. */
static eff_str
sql_take_backticks(struct sql_maker *m)
{
    eff_str rest = eff_str_sub(m->in, m->at + 1, SIZE_MAX);
    size_t end = eff_str_find_char(rest, '`');

    m->at += end == SIZE_MAX ? rest.len + 1 : end + 2;
    return eff_str_sub(rest, 0, end);
}

static void
sql_backticks(struct sql_maker *m)
{
    eff_str name = sql_take_backticks(m), part;

    // `acme`.`shop`.`customer` is the same table as `acme.shop.customer`.
    while (m->table_next && eff_str_starts(eff_str_sub(m->in, m->at, 2), EFF_STR(".`"))) {
        m->at++;
        part = sql_take_backticks(m);
        name = eff_str_printf(m->arena, EFF_STR_FMT "." EFF_STR_FMT, EFF_STR_ARG(name),
                              EFF_STR_ARG(part));
    }
    if (m->table_next || eff_str_find_char(name, '.') != SIZE_MAX)
        sql_add_table(m, name);
    else
        sql_add_quoted(m, name, '"');
    m->table_next = false;
}

/* Both quotes make strings, and backslashes escape. */
static void
sql_string(struct sql_maker *m)
{
    char quote = m->in.ptr[m->at++], c;

    eff_buf_add_char(&m->out->text, '\'');
    for (; m->at < m->in.len && m->in.ptr[m->at] != quote; m->at++) {
        c = m->in.ptr[m->at];
        if (c == '\\' && m->at + 1 < m->in.len) {
            c = m->in.ptr[++m->at];
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        if (c == '\'')
            eff_buf_add_char(&m->out->text, '\'');
        eff_buf_add_char(&m->out->text, c);
    }
    m->at++;
    eff_buf_add_char(&m->out->text, '\'');
}

static bool
sql_skip_comment(struct sql_maker *m)
{
    eff_str rest = eff_str_sub(m->in, m->at, SIZE_MAX);
    size_t end;

    if (eff_str_starts(rest, EFF_STR("#")) || eff_str_starts(rest, EFF_STR("--"))) {
        end = eff_str_find_char(rest, '\n');
    } else if (eff_str_starts(rest, EFF_STR("/*"))) {
        end = eff_str_find(rest, EFF_STR("*/"));
        end = end == SIZE_MAX ? end : end + 2;
    } else {
        return false;
    }
    m->at += end == SIZE_MAX ? rest.len : end;
    eff_buf_add_char(&m->out->text, ' ');
    return true;
}

/* The whole of "ARRAY<STRUCT<a INT64>>" or "NUMERIC(10, 2)", quoted; TEXT keeps every digit. */
static void
sql_type(struct sql_maker *m, eff_str word)
{
    static const char *const own[] = {"INT64",   "INTEGER", "FLOAT64", "REAL", "BOOL",
                                      "BOOLEAN", "BYTES",   "BLOB",    NULL};
    size_t from = m->at, depth = 0;
    bool text = true;
    eff_str type;

    m->at += word.len;
    for (; m->at < m->in.len; m->at++) {
        char c = m->in.ptr[m->at];

        if (c == '<' || (c == '(' && depth == 0))
            depth++;
        else if (depth == 0)
            break;
        else if (c == '>' || c == ')')
            depth--;
    }
    type = eff_str_sub(m->in, from, m->at - from);
    for (size_t i = 0; own[i] != NULL; i++)
        text = text && !eff_str_eq_nocase(type, eff_str_of(own[i]));
    sql_add_quoted(
        m, text ? eff_str_printf(m->arena, EFF_STR_FMT " TEXT", EFF_STR_ARG(type)) : type, '"');
}

static eff_str
sql_word_at(const struct sql_maker *m, bool path)
{
    size_t end = m->at;

    while (end < m->in.len && (sql_is_word(m->in.ptr[end]) ||
                               (path && (m->in.ptr[end] == '.' || m->in.ptr[end] == '-'))))
        end++;
    return eff_str_sub(m->in, m->at, end - m->at);
}

static bool
sql_is_any(eff_str word, const char *const *list)
{
    for (; *list != NULL; list++)
        if (eff_str_eq_nocase(word, eff_str_of(*list)))
            return true;
    return false;
}

static void
sql_word(struct sql_maker *m)
{
    static const char *const before_tables[] = {"FROM", "JOIN", "INTO", "UPDATE", "TABLE", NULL};
    static const char *const between[] = {"IF", "NOT", "EXISTS", "SELECT", "UNNEST", NULL};
    eff_str word = sql_word_at(m, false), path = sql_word_at(m, true);

    if (m->table_next && !sql_is_any(word, between)) {
        sql_add_table(m, path);
        m->at += path.len;
        m->table_next = false;
        return;
    }
    if (m->creates && m->last != '(' && m->last != ',' && eff_bqs_type_word(word)) {
        sql_type(m, word);
        return;
    }
    if (eff_str_eq_nocase(word, EFF_STR("CREATE")))
        m->creates = true;
    if (eff_str_eq_nocase(word, EFF_STR("SELECT")) || eff_str_eq_nocase(word, EFF_STR("INSERT")))
        m->creates = false;
    m->table_next = sql_is_any(word, before_tables) ||
                    (m->table_next && !eff_str_eq_nocase(word, EFF_STR("SELECT")));
    eff_buf_add(&m->out->text, word);
    m->at += word.len;
}

static void
sql_step(struct sql_maker *m)
{
    char c = m->in.ptr[m->at];

    sql_mark(m);
    if (sql_skip_comment(m))
        return;
    if (c == '`') {
        sql_backticks(m);
    } else if (c == '\'' || c == '"') {
        sql_string(m);
    } else if (sql_is_word(c)) {
        sql_word(m);
    } else {
        if (c == '(')
            m->table_next = false;
        eff_buf_add_char(&m->out->text, c);
        m->at++;
    }
    if (c != ' ' && c != '\n' && c != '\t')
        m->last = c;
}

void
eff_bqs_sql_make(struct eff_arena *arena, sqlite3 *db, eff_str sql, eff_str dataset,
                 struct eff_bqs_sql *ret_sql)
{
    struct sql_maker m = {.arena = arena, .db = db, .in = sql, .dataset = dataset, .out = ret_sql};

    *ret_sql = (struct eff_bqs_sql){.moves = eff_new(arena, struct eff_bqs_move, SQL_MOVES_MAX)};
    while (m.at < m.in.len)
        sql_step(&m);
    sql_mark(&m);
    eff_buf_add_char(&ret_sql->text, '\0');
}

eff_str
eff_bqs_sql_place(struct eff_arena *arena, const struct eff_bqs_sql *sql, eff_str original,
                  int offset)
{
    size_t from = 0;
    int line = 1, column = 1;

    if (offset < 0)
        return EFF_STR("");
    for (size_t i = 0; i < sql->moves_count && sql->moves[i].at <= (size_t)offset; i++)
        from = sql->moves[i].from + ((size_t)offset - sql->moves[i].at);
    for (size_t i = 0; i < from && i < original.len; i++) {
        if (original.ptr[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)original.ptr[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    return eff_str_printf(arena, " at [%d:%d]", line, column);
}
