/*
 * dest/sql_place: where a connection string of PostgreSQL or MySQL leads.
 *
 * Passwords are renewed and time-outs are tuned, and the records stay those of the
 * same database. The drivers say what is wrong with a string; here the same string
 * only has to give the same place.
 */
#include "base/buf.h"
#include "dest/sql.h"

/* What says which records are meant; `options` may set the search_path, and so may a user's name. */
static const char *const place_words[] = {"host", "hostaddr", "port",    "dbname",
                                          "user", "service",  "options", "socket"};

static void
place_add(struct eff_buf *buf, eff_str word, eff_str value)
{
    for (size_t i = 0; i < sizeof(place_words) / sizeof(place_words[0]); i++)
        if (eff_str_is(word, place_words[i]))
            eff_buf_addf(buf, EFF_STR_FMT "=" EFF_STR_FMT "\n", EFF_STR_ARG(word),
                         EFF_STR_ARG(value));
}

/* rest: behind scheme://, as in user:password@host:5432,other/database?options=x&sslmode=require */
static void
place_of_url(eff_str rest, struct eff_buf *buf)
{
    eff_str head, query, user = EFF_STR_NONE, ignored, pair, word, value;
    size_t at;

    eff_str_cut(rest, '?', &head, &query);
    at = eff_str_find_char(head, '@');
    if (at != SIZE_MAX) {
        eff_str_cut(eff_str_sub(head, 0, at), ':', &user, &ignored);
        head = eff_str_sub(head, at + 1, SIZE_MAX);
    }
    eff_buf_addf(buf, EFF_STR_FMT "@" EFF_STR_FMT "\n", EFF_STR_ARG(user), EFF_STR_ARG(head));
    while (query.len > 0) {
        eff_str_cut(query, '&', &pair, &query);
        eff_str_cut(pair, '=', &word, &value);
        place_add(buf, word, value);
    }
}

/* The bytes of a value in libpq's other form: up to a blank, or in quotes, with backslashes. */
static size_t
place_value(eff_str text)
{
    bool quoted = text.len > 0 && text.ptr[0] == '\'';
    size_t i = quoted;

    for (; i < text.len; i++)
        if (text.ptr[i] == '\\')
            i++;
        else if (quoted ? text.ptr[i] == '\'' : text.ptr[i] == ' ' || text.ptr[i] == '\n')
            break;
    i += quoted; // its second quote
    return i < text.len ? i : text.len;
}

/* host=db.example port=5432 password='a b' */
static void
place_of_words(eff_str text, struct eff_buf *buf)
{
    eff_str word;
    size_t len;

    while (eff_str_cut(text, '=', &word, &text)) {
        text = eff_str_trim(text);
        len = place_value(text);
        place_add(buf, eff_str_trim(word), eff_str_sub(text, 0, len));
        text = eff_str_sub(text, len, SIZE_MAX);
    }
}

eff_str
eff_table_place(eff_str connect, struct eff_arena *arena)
{
    size_t scheme = eff_str_find(connect, EFF_STR("://"));
    struct eff_buf buf = {0};
    eff_str place;

    if (scheme != SIZE_MAX)
        place_of_url(eff_str_sub(connect, scheme + 3, SIZE_MAX), &buf);
    else
        place_of_words(connect, &buf);
    place = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return place;
}
