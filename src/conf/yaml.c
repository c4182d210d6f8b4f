/*
 * conf/yaml: YAML text to a tree that knows where everything stood.
 *
 * libfyaml loops for ever on some invalid UTF-8 (0.7.12 and 0.8), so a gate of
 * our own looks at every character first. Then its events, not its documents,
 * are read: depth, number of values, anchors, aliases and tags are judged
 * before anything is built of them. Its diagnostics are collected, never
 * printed, and the first one is the one that helps.
 */
#include "conf/yaml.h"

#include "base/buf.h"

#include <libfyaml.h>
#include <stdlib.h>

struct yaml_anchor {
    eff_str name;
    struct eff_node node;
    size_t nodes; /* values in it, those behind its aliases too */
};

struct yaml_build {
    struct fy_parser *parser;
    struct eff_arena *arena;
    struct eff_problems *problems;
    eff_str file;
    eff_str text;
    struct eff_buf stack;  /* finished children of the collections that are still open */
    struct eff_place last; /* of the last thing that had a position */
    size_t nodes;
    unsigned depth;
    bool aliased; /* anchors, aliases and merge keys are resolved, not refused */
    size_t anchors_count;
    struct yaml_anchor *anchors;
};

/* ---- the gate ---- */

/* Characters that look like nothing, or that make text look like another text. */
static bool
yaml_char_refused(uint32_t c)
{
    if (c < 0x20)
        return c != '\t' && c != '\n' && c != '\r';
    if (c >= 0x7F && c <= 0x9F)
        return true;
    return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x2028 ||
           c == 0x2029 || c == 0xFEFF || (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

static bool
yaml_gate(eff_str text, eff_str file, struct eff_problems *problems)
{
    struct eff_place place = {file, 1, 1};
    size_t at = 0;

    while (at < text.len) {
        uint32_t c = 0;
        size_t bytes = eff_utf8_decode(eff_str_sub(text, at, 4), &c);
        if (bytes == 0) {
            eff_problem_add(problems, place, "EFF1002", EFF_STR("Save the file as UTF-8."),
                            "byte 0x%02x is not UTF-8", (unsigned char)text.ptr[at]);
            return false;
        }
        if (yaml_char_refused(c)) {
            eff_problem_add(problems, place, "EFF1002",
                            EFF_STR("Remove it, or write it in double quotes as \\uNNNN."),
                            "the invisible character U+%04X is not allowed", (unsigned)c);
            return false;
        }
        at += bytes;
        place.column++;
        if (c == '\n' || (c == '\r' && (at == text.len || text.ptr[at] != '\n'))) {
            place.line++;
            place.column = 1;
        }
    }
    return true;
}

/*
 * Directives are lines that start with % where no document is open. The parser
 * passes over those that it does not know; nothing of a user's is passed over here.
 */
static bool
yaml_no_directives(eff_str text, eff_str file, struct eff_problems *problems)
{
    bool outside = true, more = true;

    for (int number = 1; more; number++) {
        eff_str line, content;
        more = eff_str_cut(text, '\n', &line, &text);
        content = eff_str_trim(line);
        if (outside && eff_str_starts(line, EFF_STR("%"))) {
            eff_problem_add(problems, (struct eff_place){file, number, 1}, "EFF1004",
                            EFF_STR("Remove the line that starts with %."),
                            "YAML directives (%%YAML, %%TAG) are not supported");
            return false;
        }
        if (content.len > 0 && content.ptr[0] != '#')
            outside = eff_str_starts(line, EFF_STR("..."));
    }
    return true;
}

/* ---- ${...} ---- */

/*
 * `{url: ${HOST}}` must work without quotes, but YAML would read a mapping in the
 * braces. So while libfyaml looks, the braces of a reference are two characters
 * that the gate lets nobody else use; columns, which count characters, stay right.
 */
#define YAML_OPEN  EFF_STR("\xEF\xB7\x90") /* U+FDD0 */
#define YAML_CLOSE EFF_STR("\xEF\xB7\x91") /* U+FDD1 */

static bool
yaml_reference_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ':' || c == '.' || c == '-';
}

/* Bytes between the braces of the reference that text starts with, or SIZE_MAX. */
static size_t
yaml_reference(eff_str text)
{
    size_t len = 2;

    if (!eff_str_starts(text, EFF_STR("${")))
        return SIZE_MAX;
    while (len < text.len && yaml_reference_char(text.ptr[len]))
        len++;
    return len < text.len && text.ptr[len] == '}' ? len - 2 : SIZE_MAX;
}

static void
yaml_hide_references(eff_str text, struct eff_buf *out)
{
    while (text.len > 0) {
        size_t at = eff_str_find(text, EFF_STR("${")), inner;
        eff_buf_add(out, eff_str_sub(text, 0, at));
        text = eff_str_sub(text, at, SIZE_MAX);
        if (at == SIZE_MAX)
            return;
        inner = yaml_reference(text);
        eff_buf_add_char(out, '$');
        if (inner == SIZE_MAX) {
            text = eff_str_sub(text, 1, SIZE_MAX);
            continue;
        }
        eff_buf_add(out, YAML_OPEN);
        eff_buf_add(out, eff_str_sub(text, 2, inner));
        eff_buf_add(out, YAML_CLOSE);
        text = eff_str_sub(text, inner + 3, SIZE_MAX);
    }
}

/* A copy in which the braces are back. */
static eff_str
yaml_text(struct eff_arena *arena, eff_str text)
{
    char *out;
    size_t len = 0;

    if (eff_str_find(text, EFF_STR("\xEF\xB7")) == SIZE_MAX)
        return eff_str_copy(arena, text);
    out = eff_new(arena, char, text.len + 1);
    for (size_t i = 0; i < text.len;) {
        eff_str rest = eff_str_sub(text, i, SIZE_MAX);
        bool open = eff_str_starts(rest, YAML_OPEN), close = eff_str_starts(rest, YAML_CLOSE);
        out[len++] = open ? '{' : close ? '}' : text.ptr[i];
        i += open || close ? 3 : 1;
    }
    return (eff_str){out, len};
}

/* ---- places ---- */

static struct eff_place
yaml_place(struct yaml_build *b, const struct fy_mark *mark)
{
    if (mark != NULL)
        b->last = (struct eff_place){b->file, mark->line + 1, mark->column + 1};
    return b->last;
}

/* The mark of quoted text lies behind the quote, that of a block at the start of its first line. */
static struct eff_place
yaml_scalar_place(struct yaml_build *b, struct fy_token *token, enum fy_scalar_style style)
{
    const struct fy_mark *mark = fy_token_start_mark(token);
    struct eff_place place = yaml_place(b, mark);

    if (mark == NULL)
        return place;
    if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED)
        place.column--;
    if (style == FYSS_LITERAL || style == FYSS_FOLDED)
        for (size_t at = mark->input_pos; at < b->text.len && b->text.ptr[at] == ' '; at++)
            place.column++;
    return b->last = place;
}

struct eff_place
eff_node_place_at(const struct eff_node *scalar, size_t offset)
{
    struct eff_place place = scalar->place;

    if (!scalar->inlined)
        return place;
    place.column += scalar->quoted;
    for (size_t i = 0; i < offset && i < scalar->text.len; i++)
        place.column += ((unsigned char)scalar->text.ptr[i] & 0xC0) != 0x80;
    return place;
}

/* ---- building ---- */

static bool
yaml_refuse(struct yaml_build *b, struct eff_place place, const char *what, const char *hint)
{
    eff_problem_add(b->problems, place, "EFF1004", eff_str_of(hint), "%s are not supported", what);
    return true;
}

static void
yaml_refuse_properties(struct yaml_build *b, struct fy_token *anchor, struct fy_token *tag)
{
    if (anchor != NULL && !b->aliased)
        yaml_refuse(b, yaml_place(b, fy_token_start_mark(anchor)), "YAML anchors (&name)",
                    "Write the value where it is used, or quote the text.");
    if (tag != NULL)
        yaml_refuse(b, yaml_place(b, fy_token_start_mark(tag)), "YAML tags (!type)",
                    "Leave the tag out, or quote the text.");
}

static bool
yaml_plain_null(eff_str text)
{
    return text.len == 0 || eff_str_is(text, "~") || eff_str_is(text, "null") ||
           eff_str_is(text, "Null") || eff_str_is(text, "NULL");
}

/* Whether the token's bytes in the file are the text itself, so that offsets are columns. */
static bool
yaml_inlined(struct yaml_build *b, struct fy_token *token, eff_str text)
{
    const struct fy_mark *from = fy_token_start_mark(token);

    if (from == NULL || from->input_pos > b->text.len)
        return false;
    return eff_str_eq(eff_str_sub(b->text, from->input_pos, text.len), text) &&
           eff_str_find_char(text, '\n') == SIZE_MAX;
}

/* Line breaks and the blanks around them, from *at on: one is a blank, of more one is left out. */
static void
yaml_fold(eff_str text, size_t *at, size_t line, struct eff_buf *out)
{
    size_t breaks = 0;

    while (out->len > line && (out->ptr[out->len - 1] == ' ' || out->ptr[out->len - 1] == '\t'))
        out->len--;
    for (; *at < text.len && strchr(" \t\r\n", text.ptr[*at]); ++*at)
        breaks += text.ptr[*at] == '\n' ||
                  (text.ptr[*at] == '\r' && (*at + 1 == text.len || text.ptr[*at + 1] != '\n'));
    if (breaks == 1)
        eff_buf_add_char(out, ' ');
    for (; breaks > 1; breaks--)
        eff_buf_add_char(out, '\n');
}

/*
 * A text in single quotes with two quotes of its own in a row, as SQL in YAML has them: of those
 * libfyaml 0.7 makes three, and loses what stands at the end. False: it is none, or has no end.
 */
static bool
yaml_quotes(struct yaml_build *b, struct fy_token *token, struct eff_buf *out)
{
    const struct fy_mark *from = fy_token_start_mark(token);
    eff_str text = eff_str_sub(b->text, from ? from->input_pos : SIZE_MAX, SIZE_MAX);
    bool twice = false;
    size_t line = 0;

    for (size_t i = 0; i < text.len && !out->full;) {
        bool quote = text.ptr[i] == '\'';

        if (quote && (i + 1 == text.len || text.ptr[i + 1] != '\''))
            return twice;
        if (text.ptr[i] == '\n' || text.ptr[i] == '\r') {
            yaml_fold(text, &i, line, out);
            line = out->len;
            continue;
        }
        twice |= quote && i + 3 < text.len && memcmp(text.ptr + i, "''''", 4) == 0;
        eff_buf_add_char(out, text.ptr[i]);
        i += quote ? 2 : 1;
    }
    return false;
}

/* A backslash at the end of a line of a text in double quotes: there, too, libfyaml 0.7 garbles some. */
static void
yaml_refuse_escaped_break(struct yaml_build *b, struct fy_token *token)
{
    const struct fy_mark *from = fy_token_start_mark(token);
    eff_str text = eff_str_sub(b->text, from ? from->input_pos : SIZE_MAX, SIZE_MAX);

    for (size_t i = 0; i + 1 < text.len && text.ptr[i] != '"'; i++) {
        if (text.ptr[i] != '\\')
            continue;
        i++;
        if (text.ptr[i] != '\n' && text.ptr[i] != '\r')
            continue;
        yaml_refuse(b, yaml_place(b, from), "YAML escaped line breaks (\\ at the end of a line)",
                    "Write the text in one line, or as a block (| or >).");
        return;
    }
}

static bool
yaml_scalar(struct yaml_build *b, struct fy_event *event, struct eff_node *ret)
{
    struct fy_token *token = event->scalar.value;
    enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;
    struct eff_buf quotes = {0};
    size_t len = 0;
    const char *ptr = NULL;

    if (style == FYSS_SINGLE_QUOTED && yaml_quotes(b, token, &quotes)) {
        eff_str own = eff_str_copy(b->arena, eff_buf_str(&quotes));

        ptr = own.ptr;
        len = own.len;
    } else if (token) {
        ptr = fy_token_get_text(token, &len);
    }
    eff_buf_free(&quotes);

    yaml_refuse_properties(b, event->scalar.anchor, event->scalar.tag);
    if (style == FYSS_DOUBLE_QUOTED)
        yaml_refuse_escaped_break(b, token);
    *ret = (struct eff_node){.kind = EFF_NODE_NULL, .place = b->last};
    /* For a value that is not there, libfyaml 0.7 gives no token, 0.8 an empty one behind the key. */
    if (token == NULL || ptr == NULL || (len == 0 && style == FYSS_PLAIN))
        return true;
    ret->place = yaml_scalar_place(b, token, style);
    ret->text = yaml_text(b->arena, (eff_str){ptr, len});
    ret->quoted = style != FYSS_PLAIN;
    ret->inlined = yaml_inlined(b, token, (eff_str){ptr, len});
    if (ret->quoted || !yaml_plain_null(ret->text))
        ret->kind = EFF_NODE_SCALAR;
    if (eff_str_find_char(ret->text, '\0') != SIZE_MAX || !eff_utf8_valid(ret->text)) {
        eff_problem_add(b->problems, ret->place, "EFF1002", EFF_STR("Remove the escape."),
                        "an escape stands for a character that no text may hold");
        return false;
    }
    return true;
}

static bool yaml_node(struct yaml_build *b, struct fy_event *event, struct eff_node *ret);

static bool
yaml_push(struct yaml_build *b, const struct eff_node *node)
{
    eff_buf_add_bytes(&b->stack, node, sizeof *node);
    return !b->stack.full;
}

/* Children of one collection up to its end event; they lie on the stack from `base` on. */
static bool
yaml_children(struct yaml_build *b, enum fy_event_type end)
{
    for (;;) {
        struct fy_event *event = fy_parser_parse(b->parser);
        struct eff_node child;
        bool done, ok = event != NULL;

        if (!ok)
            return false;
        done = event->type == end;
        if (!done)
            ok = yaml_node(b, event, &child) && yaml_push(b, &child);
        fy_parser_event_free(b->parser, event);
        if (done || !ok)
            return ok;
    }
}

static void
yaml_take_list(struct yaml_build *b, size_t base, struct eff_node *ret)
{
    size_t count = (b->stack.len - base) / sizeof(struct eff_node);
    struct eff_node *values = eff_new(b->arena, struct eff_node, count);

    if (count > 0)
        memcpy(values, b->stack.ptr + base, count * sizeof *values);
    ret->count = count;
    ret->values = values;
    b->stack.len = base;
}

static int
yaml_key_order(const void *a, const void *b)
{
    const struct eff_node *left = *(const struct eff_node *const *)a;
    const struct eff_node *right = *(const struct eff_node *const *)b;
    int order = eff_str_cmp(left->text, right->text);

    if (order != 0)
        return order;
    return left < right ? -1 : left > right; /* as they stood: the second one is the duplicate */
}

static void
yaml_check_duplicates(struct yaml_build *b, const struct eff_node *map)
{
    const struct eff_node **keys = calloc(map->count + 1, sizeof(const struct eff_node *));

    for (size_t i = 0; keys != NULL && i < map->count; i++)
        keys[i] = &map->keys[i];
    if (keys != NULL)
        qsort(keys, map->count, sizeof(const struct eff_node *), yaml_key_order);
    for (size_t i = 1; keys != NULL && i < map->count; i++)
        if (eff_str_eq(keys[i - 1]->text, keys[i]->text))
            eff_problem_add(b->problems, keys[i]->place, "EFF1005",
                            EFF_STR("Remove one of the two."), "`" EFF_STR_FMT "` is there twice",
                            EFF_STR_ARG(eff_str_sub(keys[i]->text, 0, 80)));
    free(keys);
}

static bool
yaml_is_merge(const struct eff_node *key)
{
    return eff_str_is(key->text, "<<") && !key->quoted;
}

static void
yaml_take_map(struct yaml_build *b, size_t base, struct eff_node *ret)
{
    size_t count = (b->stack.len - base) / sizeof(struct eff_node) / 2;
    struct eff_node *keys = eff_new(b->arena, struct eff_node, count);
    struct eff_node *values = eff_new(b->arena, struct eff_node, count);

    for (size_t i = 0; i < count; i++) {
        const char *pair = b->stack.ptr + base + 2 * i * sizeof(struct eff_node);
        memcpy(&keys[i], pair, sizeof *keys);
        memcpy(&values[i], pair + sizeof *keys, sizeof *values);
    }
    ret->count = count;
    ret->keys = keys;
    ret->values = values;
    b->stack.len = base;
    for (size_t i = 0; i < count; i++) {
        if (keys[i].kind == EFF_NODE_LIST || keys[i].kind == EFF_NODE_MAP) {
            eff_problem_add(b->problems, keys[i].place, "EFF1003", EFF_STR("Quote the key."),
                            "a key must be text, not %s", eff_node_kind_name(&keys[i]));
            keys[i] = (struct eff_node){.kind = EFF_NODE_SCALAR, .place = keys[i].place};
        }
        if (yaml_is_merge(&keys[i]) && !b->aliased)
            yaml_refuse(b, keys[i].place, "YAML merge keys (<<)",
                        "Write the values where they are used.");
    }
    yaml_check_duplicates(b, ret);
}

/* ---- anchors, aliases, merge keys ---- */

static bool
yaml_too_many(struct yaml_build *b, struct eff_place place, int most, const char *what)
{
    eff_problem_add(b->problems, place, "EFF1006", EFF_STR("Split the file."),
                    "more than %d %s in one file", most, what);
    return false;
}

static bool
yaml_anchor(struct yaml_build *b, struct fy_token *token, size_t nodes, const struct eff_node *node)
{
    size_t len = 0;
    const char *ptr = token != NULL ? fy_token_get_text(token, &len) : NULL;

    if (ptr == NULL || !b->aliased)
        return true;
    if (b->anchors_count == EFF_YAML_NAMES_MAX)
        return yaml_too_many(b, node->place, EFF_YAML_NAMES_MAX, "anchors");
    if (b->anchors == NULL)
        b->anchors = eff_new(b->arena, struct yaml_anchor, EFF_YAML_NAMES_MAX);
    b->anchors[b->anchors_count++] =
        (struct yaml_anchor){eff_str_copy(b->arena, (eff_str){ptr, len}), *node, nodes};
    return true;
}

static unsigned
yaml_height(const struct eff_node *node)
{
    unsigned highest = 0;

    for (size_t i = 0; i < node->count; i++) {
        unsigned height = yaml_height(&node->values[i]);
        highest = height > highest ? height : highest;
    }
    return highest + (node->kind == EFF_NODE_MAP || node->kind == EFF_NODE_LIST);
}

static bool
yaml_too_deep(struct yaml_build *b, struct eff_place place)
{
    eff_problem_add(b->problems, place, "EFF1006", EFF_STR_NONE, "nested deeper than %d levels",
                    EFF_YAML_DEPTH_MAX);
    return false;
}

/* What the last anchor of that name stands at; it is finished, so nothing can hold itself. */
static bool
yaml_alias(struct yaml_build *b, struct fy_event *event, struct eff_node *ret)
{
    struct eff_place place = yaml_place(b, fy_event_start_mark(event));
    size_t len = 0, at = b->anchors_count;
    const char *ptr = event->alias.anchor ? fy_token_get_text(event->alias.anchor, &len) : NULL;
    eff_str name = {ptr, ptr ? len : 0};

    /* The mark lies behind the asterisk. */
    place.column -= place.column > 1;
    *ret = (struct eff_node){
        .kind = EFF_NODE_SCALAR, .text = EFF_STR("*"), .quoted = true, .place = place};
    if (!b->aliased)
        return yaml_refuse(b, place, "YAML aliases (*name)",
                           "Write the value where it is used, or quote the text.");
    while (at > 0 && !eff_str_eq(b->anchors[at - 1].name, name))
        at--;
    if (at == 0) {
        eff_problem_add(b->problems, place, "EFF1003", EFF_STR_NONE,
                        "YAML: no anchor `" EFF_STR_FMT "` stands before this alias",
                        EFF_STR_ARG(eff_str_sub(name, 0, 80)));
        return true;
    }
    b->nodes += b->anchors[at - 1].nodes - 1; /* itself is counted */
    if (b->nodes > EFF_YAML_NODES_MAX)
        return yaml_too_many(b, place, EFF_YAML_NODES_MAX, "values");
    *ret = b->anchors[at - 1].node;
    return b->depth + yaml_height(ret) <= EFF_YAML_DEPTH_MAX || yaml_too_deep(b, place);
}

static bool
yaml_has(const struct eff_node *keys, size_t count, eff_str key)
{
    for (size_t i = 0; i < count; i++)
        if (eff_str_eq(keys[i].text, key))
            return true;
    return false;
}

/* Adds those of its keys that the map has not yet. */
static void
yaml_merge_from(struct yaml_build *b, const struct eff_node *from, struct eff_node *keys,
                struct eff_node *values, size_t *count)
{
    if (from->kind != EFF_NODE_MAP && b->problems->count == 0)
        eff_problem_add(b->problems, from->place, "EFF1003", EFF_STR_NONE,
                        "YAML: a merge key (<<) takes a mapping or a list of them, found %s",
                        eff_node_kind_name(from));
    for (size_t i = 0; from->kind == EFF_NODE_MAP && i < from->count; i++)
        if (!yaml_has(keys, *count, from->keys[i].text)) {
            keys[*count] = from->keys[i];
            values[(*count)++] = from->values[i];
        }
}

/* The map's own keys win; of the maps that are merged, the first one. */
static bool
yaml_merge(struct yaml_build *b, struct eff_node *map)
{
    const struct eff_node *from;
    struct eff_node *keys, *values;
    size_t at = 0, count = 0, most = map->count, maps;

    while (at < map->count && !yaml_is_merge(&map->keys[at]))
        at++;
    if (at == map->count)
        return true;
    maps = map->values[at].kind == EFF_NODE_LIST ? map->values[at].count : 1;
    from = map->values[at].kind == EFF_NODE_LIST ? map->values[at].values : &map->values[at];
    for (size_t i = 0; i < maps; i++)
        most += from[i].count;
    if (most > EFF_YAML_NAMES_MAX)
        return yaml_too_many(b, map->keys[at].place, EFF_YAML_NAMES_MAX, "keys that are merged");
    keys = eff_new(b->arena, struct eff_node, most);
    values = eff_new(b->arena, struct eff_node, most);
    for (size_t i = 0; i < map->count; i++)
        if (i != at) {
            keys[count] = map->keys[i];
            values[count++] = map->values[i];
        }
    for (size_t i = 0; i < maps; i++)
        yaml_merge_from(b, &from[i], keys, values, &count);
    map->count = count;
    map->keys = keys;
    map->values = values;
    return true;
}

static bool
yaml_collection(struct yaml_build *b, struct fy_event *event, struct eff_node *ret)
{
    bool map = event->type == FYET_MAPPING_START;
    const struct fy_mark *mark = fy_event_start_mark(event);
    size_t base = b->stack.len;

    *ret = (struct eff_node){.kind = map ? EFF_NODE_MAP : EFF_NODE_LIST};
    ret->place = yaml_place(b, mark);
    if (++b->depth > EFF_YAML_DEPTH_MAX)
        return yaml_too_deep(b, ret->place);
    if (!yaml_children(b, map ? FYET_MAPPING_END : FYET_SEQUENCE_END))
        return false;
    b->depth--;
    if (map)
        yaml_take_map(b, base, ret);
    else
        yaml_take_list(b, base, ret);
    /* A block mapping has no bracket of its own: it starts where its first key does. */
    if (map && ret->count > 0 && mark != NULL && mark->input_pos < b->text.len &&
        b->text.ptr[mark->input_pos] != '{')
        ret->place = ret->keys[0].place;
    return !map || !b->aliased || yaml_merge(b, ret);
}

static bool
yaml_node(struct yaml_build *b, struct fy_event *event, struct eff_node *ret)
{
    struct fy_token *anchor = NULL;
    size_t before = b->nodes;
    bool ok;

    if (++b->nodes > EFF_YAML_NODES_MAX)
        return yaml_too_many(b, b->last, EFF_YAML_NODES_MAX, "values");
    switch (event->type) {
    case FYET_SCALAR:
        anchor = event->scalar.anchor;
        ok = yaml_scalar(b, event, ret);
        break;
    case FYET_MAPPING_START:
        anchor = event->mapping_start.anchor;
        yaml_refuse_properties(b, anchor, event->mapping_start.tag);
        ok = yaml_collection(b, event, ret);
        break;
    case FYET_SEQUENCE_START:
        anchor = event->sequence_start.anchor;
        yaml_refuse_properties(b, anchor, event->sequence_start.tag);
        ok = yaml_collection(b, event, ret);
        break;
    case FYET_ALIAS:
        return yaml_alias(b, event, ret);
    default:
        return false; /* a document cannot end inside a node */
    }
    return ok && yaml_anchor(b, anchor, b->nodes - before, ret);
}

/* ---- documents ---- */

/* One event of the stream; a document's root is left on the stack. */
static bool
yaml_stream_event(struct yaml_build *b, struct fy_event *event)
{
    struct eff_node root;

    switch (event->type) {
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
        return true;
    case FYET_DOCUMENT_START:
        b->anchors_count = 0;
        yaml_place(b, fy_event_start_mark(event));
        return true;
    default:
        return yaml_node(b, event, &root) && yaml_push(b, &root);
    }
}

static bool
yaml_stream(struct yaml_build *b)
{
    struct fy_event *event;
    bool ok = true;

    while (ok && (event = fy_parser_parse(b->parser)) != NULL) {
        ok = yaml_stream_event(b, event);
        fy_parser_event_free(b->parser, event);
    }
    return ok && !fy_parser_get_stream_error(b->parser);
}

static void
yaml_report(struct yaml_build *b, struct fy_diag *diag)
{
    void *at = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &at);
    struct eff_place place = b->last;
    eff_str message = error && error->msg ? eff_str_of(error->msg) : EFF_STR("cannot be read");

    if (error != NULL && error->line > 0)
        place = (struct eff_place){b->file, error->line, error->column > 0 ? error->column : 1};
    eff_problem_add(b->problems, place, "EFF1003", EFF_STR_NONE, "YAML: " EFF_STR_FMT,
                    EFF_STR_ARG(eff_str_sub(message, 0, 200)));
}

static struct fy_diag *
yaml_diag(void)
{
    struct fy_diag_cfg config;
    struct fy_diag *diag;

    fy_diag_cfg_default(&config);
    config.fp = NULL; /* QUIET alone still prints */
    config.colorize = false;
    diag = fy_diag_create(&config);
    if (diag != NULL)
        fy_diag_set_collect_errors(diag, true);
    return diag;
}

static bool
yaml_run(struct yaml_build *b)
{
    struct fy_diag *diag = yaml_diag();
    struct fy_parse_cfg config = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2, .diag = diag};
    size_t total = eff_problems_total(b->problems);
    bool ok = false;

    b->parser = diag ? fy_parser_create(&config) : NULL;
    if (b->parser != NULL && fy_parser_set_string(b->parser, b->text.ptr, b->text.len) == 0)
        ok = yaml_stream(b);
    if (!ok && total == eff_problems_total(b->problems))
        yaml_report(b, diag);
    if (b->parser != NULL)
        fy_parser_destroy(b->parser);
    if (diag != NULL)
        fy_diag_destroy(diag);
    return total == eff_problems_total(b->problems);
}

static bool
yaml_parse(eff_str text, eff_str file, bool aliased, struct eff_arena *arena, size_t *ret_count,
           const struct eff_node **ret_documents, struct eff_problems *problems)
{
    struct yaml_build b = {.arena = arena, .problems = problems, .file = file, .aliased = aliased};
    struct eff_buf hidden = {.max = 8 * EFF_YAML_BYTES_MAX}; /* "${}" grows to 7 bytes */
    struct eff_node documents = {0};
    bool ok;

    *ret_count = 0;
    *ret_documents = NULL;
    b.last = (struct eff_place){file, 1, 1};
    if (text.len > EFF_YAML_BYTES_MAX) {
        eff_problem_add(problems, b.last, "EFF1001", EFF_STR("Split the file."),
                        "the file has %zu bytes; at most %zu are read", text.len,
                        EFF_YAML_BYTES_MAX);
        return false;
    }
    if (eff_str_starts(text, EFF_STR("\xEF\xBB\xBF")))
        text = eff_str_sub(text, 3, SIZE_MAX);
    if (!yaml_gate(text, file, problems) || !yaml_no_directives(text, file, problems))
        return false;
    if (text.len == 0)
        return true;
    yaml_hide_references(text, &hidden);
    b.text = eff_buf_str(&hidden);
    ok = yaml_run(&b);
    if (b.depth == 0) /* else a collection was left open, and its children are on the stack */
        yaml_take_list(&b, 0, &documents);
    eff_buf_free(&b.stack);
    eff_buf_free(&hidden);
    *ret_count = documents.count;
    *ret_documents = documents.values;
    return ok;
}

bool
eff_yaml_parse(eff_str text, eff_str file, struct eff_arena *arena, size_t *ret_count,
               const struct eff_node **ret_documents, struct eff_problems *problems)
{
    return yaml_parse(text, file, false, arena, ret_count, ret_documents, problems);
}

bool
eff_yaml_parse_aliased(eff_str text, eff_str file, struct eff_arena *arena, size_t *ret_count,
                       const struct eff_node **ret_documents, struct eff_problems *problems)
{
    return yaml_parse(text, file, true, arena, ret_count, ret_documents, problems);
}

const struct eff_node *
eff_node_get(const struct eff_node *map, const char *key)
{
    if (map == NULL || map->kind != EFF_NODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (eff_str_is(map->keys[i].text, key))
            return &map->values[i];
    return NULL;
}

bool
eff_node_is(const struct eff_node *scalar, const char *text)
{
    return scalar != NULL && scalar->kind == EFF_NODE_SCALAR && eff_str_is(scalar->text, text);
}
