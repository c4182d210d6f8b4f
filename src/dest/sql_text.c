/*
 * dest/sql_text: the statements.
 *
 * Values are always parameters; names are always in double quotes, quotes inside
 * doubled, so that no name can end its quotes. The dialects differ in the sign of
 * a parameter; and MySQL, which cannot say which unique index a collision is about,
 * gets no ON CONFLICT: it updates first, and inserts what was not there.
 */
#include "base/buf.h"
#include "dest/sql.h"

struct text_out {
    struct eff_buf buf;
    const struct eff_table_dest *dest;
    const struct eff_delivery *delivery;
    const struct eff_table_group *group;
    struct eff_table_name table;
};

/* ---- names ---- */

enum eff_fault
eff_table_check_name(const struct eff_table_dest *dest, eff_str name, struct eff_err *err)
{
    size_t max = dest->dialect->name_max;

    if (name.len == 0 || memchr(name.ptr, '\0', name.len) != NULL || !eff_utf8_valid(name))
        return EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" is no name of a table or column",
                        EFF_STR_ARG(name));
    if (max > 0 && name.len > max)
        return EFF_FAIL(err, EFF_CONFIG,
                        "the name \"" EFF_STR_FMT "\" has %zu bytes; %s keeps only %zu",
                        EFF_STR_ARG(name), name.len, dest->dialect->title, max);
    return EFF_OK;
}

/* One part off the front of text; quotes are undone. False when it is not well formed. */
static bool
text_part(eff_str text, struct eff_arena *arena, eff_str *ret_part, eff_str *ret_rest)
{
    char *part;
    size_t len = 0, at = 1;

    *ret_rest = EFF_STR_NONE;
    if (text.len == 0 || text.ptr[0] != '"') {
        eff_str_cut(text, '.', ret_part, ret_rest);
        if (ret_part->len == text.len)
            *ret_rest = EFF_STR_NONE;
        return true;
    }
    part = eff_new(arena, char, text.len);
    for (;; at++) {
        if (at >= text.len)
            return false;
        if (text.ptr[at] == '"' && (at + 1 == text.len || text.ptr[at + 1] != '"'))
            break;
        at += text.ptr[at] == '"';
        part[len++] = text.ptr[at];
    }
    *ret_part = (eff_str){part, len};
    if (at + 1 == text.len)
        return true;
    *ret_rest = eff_str_sub(text, at + 2, text.len);
    if (ret_rest->ptr == NULL)
        ret_rest->ptr = "";
    return text.ptr[at + 1] == '.';
}

enum eff_fault
eff_table_split(const struct eff_table_dest *dest, eff_str object, struct eff_arena *arena,
                struct eff_table_name *ret_table, struct eff_err *err)
{
    eff_str first, second = EFF_STR_NONE, rest = EFF_STR_NONE;
    bool good = text_part(object, arena, &first, &rest);

    if (good && rest.ptr != NULL)
        good = text_part(rest, arena, &second, &rest) && rest.ptr == NULL;
    else
        second = EFF_STR_NONE;
    if (!good) {
        EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" is not a table or schema.table",
                 EFF_STR_ARG(object));
        return eff_err_hint(err, "Put a name that has a dot in it into double quotes.");
    }
    *ret_table = second.ptr != NULL ? (struct eff_table_name){first, second}
                                    : (struct eff_table_name){dest->schema, first};
    if (ret_table->schema.len > 0 || second.ptr != NULL)
        EFF_TRY(eff_table_check_name(dest, ret_table->schema, err));
    return eff_table_check_name(dest, ret_table->name, err);
}

void
eff_table_quote(struct eff_buf *buf, eff_str name)
{
    eff_buf_add_char(buf, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"')
            eff_buf_add_char(buf, '"');
        eff_buf_add_char(buf, name.ptr[i]);
    }
    eff_buf_add_char(buf, '"');
}

void
eff_table_quote_table(struct eff_buf *buf, const struct eff_table_name *table)
{
    if (table->schema.len > 0) {
        eff_table_quote(buf, table->schema);
        eff_buf_add_char(buf, '.');
    }
    eff_table_quote(buf, table->name);
}

/* ---- pieces ---- */

static void
text_add(struct text_out *out, const char *text)
{
    eff_buf_add(&out->buf, eff_str_of(text));
}

static void
text_param(struct text_out *out, size_t number)
{
    eff_buf_add_char(&out->buf, out->dest->dialect->sigil);
    eff_buf_add_int(&out->buf, (int64_t)number);
}

/* A field that is a match column too has its value from there. */
static bool
text_is_match(const struct eff_delivery *delivery, eff_str name)
{
    for (size_t i = 0; i < delivery->match_count; i++)
        if (eff_str_eq(delivery->match_names[i], name))
            return true;
    return false;
}

static bool
text_has_field(const struct text_out *out, size_t field)
{
    return out->group->present[field] &&
           !text_is_match(out->delivery, out->delivery->field_names[field]);
}

static size_t
text_fields_count(const struct text_out *out)
{
    size_t count = 0;

    for (size_t i = 0; i < out->delivery->fields_count; i++)
        count += text_has_field(out, i);
    return count;
}

/* "a" = ?1 AND "b" = ?2, with parameters from `first` on. */
static void
text_where(struct text_out *out, size_t first)
{
    text_add(out, " WHERE ");
    for (size_t i = 0; i < out->delivery->match_count; i++) {
        text_add(out, i ? " AND " : "");
        eff_table_quote(&out->buf, out->delivery->match_names[i]);
        text_add(out, " = ");
        text_param(out, first + i);
    }
}

static void
text_match_names(struct text_out *out)
{
    for (size_t i = 0; i < out->delivery->match_count; i++) {
        text_add(out, i ? ", " : "");
        eff_table_quote(&out->buf, out->delivery->match_names[i]);
    }
}

/* The match values are parameters 1.., the present fields follow. */
static void
text_insert(struct text_out *out)
{
    size_t count = out->delivery->match_count + text_fields_count(out);

    text_add(out, "INSERT INTO ");
    eff_table_quote_table(&out->buf, &out->table);
    text_add(out, " (");
    text_match_names(out);
    for (size_t i = 0, n = out->delivery->match_count; i < out->delivery->fields_count; i++) {
        if (!text_has_field(out, i))
            continue;
        text_add(out, n++ ? ", " : "");
        eff_table_quote(&out->buf, out->delivery->field_names[i]);
    }
    text_add(out, ") VALUES (");
    for (size_t i = 1; i <= count; i++) {
        text_add(out, i > 1 ? ", " : "");
        text_param(out, i);
    }
    text_add(out, ")");
}

static void
text_on_conflict(struct text_out *out, bool update)
{
    bool any = false;

    if (out->dest->dialect->dialect == EFF_SQL_MYSQL)
        return;
    text_add(out, " ON CONFLICT (");
    text_match_names(out);
    text_add(out, ") DO ");
    for (size_t i = 0; update && i < out->delivery->fields_count; i++) {
        if (!text_has_field(out, i))
            continue;
        text_add(out, any ? ", " : "UPDATE SET ");
        any = true;
        eff_table_quote(&out->buf, out->delivery->field_names[i]);
        text_add(out, " = excluded.");
        eff_table_quote(&out->buf, out->delivery->field_names[i]);
    }
    text_add(out, any ? "" : "NOTHING");
}

/*
 * With nothing else to set, or when they changed, the match columns are set: an
 * update of nothing still tells whether the record is there.
 */
static void
text_update(struct text_out *out)
{
    size_t fields = text_fields_count(out), matches = out->delivery->match_count, n = 0;
    bool set_match = out->group->rematch || fields == 0;

    text_add(out, "UPDATE ");
    eff_table_quote_table(&out->buf, &out->table);
    text_add(out, " SET ");
    for (size_t i = 0; set_match && i < matches; i++) {
        text_add(out, n++ ? ", " : "");
        eff_table_quote(&out->buf, out->delivery->match_names[i]);
        text_add(out, " = ");
        text_param(out, i + 1);
    }
    for (size_t i = 0, param = matches + 1; i < out->delivery->fields_count; i++) {
        if (!text_has_field(out, i))
            continue;
        text_add(out, n++ ? ", " : "");
        eff_table_quote(&out->buf, out->delivery->field_names[i]);
        text_add(out, " = ");
        text_param(out, param++);
    }
    text_where(out, out->group->rematch ? matches + fields + 1 : 1);
}

static void
text_clear(struct text_out *out)
{
    bool any = false;

    text_add(out, "UPDATE ");
    eff_table_quote_table(&out->buf, &out->table);
    text_add(out, " SET ");
    for (size_t i = 0; i < out->delivery->fields_count; i++) {
        if (text_is_match(out->delivery, out->delivery->field_names[i]))
            continue;
        text_add(out, any ? ", " : "");
        any = true;
        eff_table_quote(&out->buf, out->delivery->field_names[i]);
        text_add(out, " = NULL");
    }
    if (!any) { // nothing but match columns is mapped: they stay
        eff_table_quote(&out->buf, out->delivery->match_names[0]);
        text_add(out, " = ");
        eff_table_quote(&out->buf, out->delivery->match_names[0]);
    }
    text_where(out, 1);
}

/* ---- the request ---- */

static bool
text_is_whole(const struct text_out *out)
{
    for (size_t i = 0; i < out->delivery->fields_count; i++)
        if (!out->group->present[i])
            return false;
    return true;
}

static eff_str
text_take(struct text_out *out, struct eff_arena *arena)
{
    eff_str text = eff_str_copy(arena, eff_buf_str(&out->buf));

    eff_buf_reset(&out->buf);
    return text;
}

/* A subset of fields cannot make a record where there is one: update it, and only then insert. */
static void
text_upsert(struct text_out *out, struct eff_arena *arena, struct eff_sql_request *sql)
{
    bool at_once = out->dest->dialect->dialect != EFF_SQL_MYSQL;

    if (at_once && !out->group->rematch && (text_is_whole(out) || text_fields_count(out) == 0)) {
        text_insert(out);
        text_on_conflict(out, true);
        sql->statement = text_take(out, arena);
        return;
    }
    text_update(out);
    sql->statement = text_take(out, arena);
    text_insert(out);
    text_on_conflict(out, true);
    sql->otherwise = text_take(out, arena);
    sql->otherwise_columns = out->delivery->match_count + text_fields_count(out);
    sql->changed_max = 1;
}

/* False: no such operation on a table. */
static bool
text_statements(struct text_out *out, struct eff_arena *arena, struct eff_sql_request *sql)
{
    switch (out->delivery->op) {
    case EFF_OP_UPSERT:
        text_upsert(out, arena, sql);
        return true;
    case EFF_OP_CREATE:
        text_insert(out);
        text_on_conflict(out, false);
        break;
    case EFF_OP_APPEND:
        text_insert(out);
        break;
    case EFF_OP_UPDATE:
        text_update(out);
        sql->changed_max = 1;
        break;
    case EFF_OP_CLEAR:
        text_clear(out);
        sql->changed_max = 1;
        break;
    case EFF_OP_DELETE:
        text_add(out, "DELETE FROM ");
        eff_table_quote_table(&out->buf, &out->table);
        text_where(out, 1);
        sql->changed_max = 1;
        break;
    default:
        return false;
    }
    sql->statement = text_take(out, arena);
    return true;
}

static void
text_params(const struct text_out *out, struct eff_arena *arena, struct eff_sql_request *sql)
{
    const struct eff_delivery *delivery = out->delivery;
    enum eff_op op = delivery->op;
    size_t matches = delivery->match_count;
    bool only_match = op == EFF_OP_DELETE || op == EFF_OP_CLEAR, rematch = out->group->rematch;
    bool old_too = rematch && (op == EFF_OP_UPSERT || op == EFF_OP_UPDATE);
    struct eff_value *at;

    sql->rows = out->group->count;
    sql->columns = matches;
    if (!only_match)
        sql->columns += text_fields_count(out) + (old_too ? matches : 0);
    at = eff_new(arena, struct eff_value, sql->rows * sql->columns + 1);
    sql->params = at;
    for (size_t row = 0; row < sql->rows; row++) {
        const struct eff_item *item = &delivery->items[out->group->items[row]];
        const struct eff_value *key = only_match && rematch ? item->old_match : item->match;

        for (size_t i = 0; i < matches; i++)
            *at++ = key[i];
        for (size_t i = 0; !only_match && i < delivery->fields_count; i++)
            if (text_has_field(out, i))
                *at++ = item->fields[i];
        for (size_t i = 0; old_too && i < matches; i++)
            *at++ = item->old_match[i];
    }
}

enum eff_fault
eff_table_request(const struct eff_table_dest *dest, const struct eff_delivery *delivery,
                  const struct eff_table_group *group, struct eff_arena *arena,
                  struct eff_request *ret_request, struct eff_err *err)
{
    struct text_out out = {.dest = dest, .delivery = delivery, .group = group};
    struct eff_sql_request sql = {.dialect = dest->dialect->dialect, .connect = dest->connect};
    bool known;

    EFF_TRY(eff_table_split(dest, delivery->object, arena, &out.table, err));
    if (delivery->match_count == 0)
        return EFF_FAIL(err, EFF_CONFIG, "no match column says which record it is");
    known = text_statements(&out, arena, &sql);
    text_params(&out, arena, &sql);
    known = known && !out.buf.full;
    eff_buf_free(&out.buf);
    if (!known)
        return EFF_FAIL(err, EFF_CONFIG, "a table cannot %s", eff_op_name(delivery->op));
    *ret_request = (struct eff_request){
        .kind = EFF_REQUEST_SQL, .writes = true, .carries_rows = true, .sql = sql};
    return EFF_OK;
}

eff_str
eff_table_index_line(const struct eff_table_dest *dest, eff_str object, struct eff_arena *arena)
{
    const struct eff_delivery match = {.match_count = dest->match_count,
                                       .match_names = dest->match_names};
    struct text_out out = {.dest = dest, .delivery = &match};
    struct eff_err err;
    eff_str line;

    if (eff_table_split(dest, object, arena, &out.table, &err) != EFF_OK)
        return EFF_STR("CREATE UNIQUE INDEX");
    if (dest->dialect->dialect != EFF_SQL_POSTGRES) { // there an index must have a name
        text_add(&out, "CREATE UNIQUE INDEX ");
        line = eff_str_printf(arena, EFF_STR_FMT "_match", EFF_STR_ARG(out.table.name));
        eff_table_quote(&out.buf, line);
        text_add(&out, " ON ");
    } else
        text_add(&out, "CREATE UNIQUE INDEX ON ");
    eff_table_quote_table(&out.buf, &out.table);
    text_add(&out, " (");
    text_match_names(&out);
    text_add(&out, ")");
    for (size_t i = 0; dest->dialect->dialect == EFF_SQL_MYSQL && i < out.buf.len; i++)
        if (out.buf.ptr[i] == '"') // as it is typed where ANSI_QUOTES is off
            out.buf.ptr[i] = '`';
    line = text_take(&out, arena);
    eff_buf_free(&out.buf);
    return line;
}
