/*
 * conf/value: the kinds of option values.
 */
#include "conf/value.h"

#include "base/number.h"
#include "conf/yaml.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *
eff_node_kind_name(const struct eff_node *node)
{
    switch (node->kind) {
    case EFF_NODE_NULL:
        return "nothing";
    case EFF_NODE_SCALAR:
        return "text";
    case EFF_NODE_LIST:
        return "a list";
    case EFF_NODE_MAP:
        return "a mapping";
    }
    return "nothing";
}

/* ---- texts to numbers ---- */

struct value_unit {
    const char *name;
    int64_t factor;
};

static const struct value_unit value_sizes[] = {
    {"B", 1},
    {"KB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"TB", 1000000000000},
    {"KiB", 1024},
    {"MiB", 1048576},
    {"GiB", 1073741824},
    {"TiB", 1099511627776},
    {"", 1},
    {NULL, 0},
};

static const struct value_unit value_times[] = {
    {"ms", 1},       {"s", 1000},      {"m", 60000}, {"h", 3600000},
    {"d", 86400000}, {"w", 604800000}, {NULL, 0},
};

/* Takes "<digits> <unit>" off the head of *text and gives the product. */
static bool
value_take(eff_str *text, const struct value_unit *units, int64_t *ret)
{
    size_t digits = 0, letters, blanks = 0;
    eff_str unit;
    int64_t number;

    while (digits < text->len && text->ptr[digits] >= '0' && text->ptr[digits] <= '9')
        digits++;
    if (digits == 0 || !eff_str_int(eff_str_sub(*text, 0, digits), &number))
        return false;
    while (digits + blanks < text->len && text->ptr[digits + blanks] == ' ')
        blanks++;
    letters = digits + blanks;
    while (letters < text->len && ((text->ptr[letters] | 0x20) >= 'a') &&
           ((text->ptr[letters] | 0x20) <= 'z'))
        letters++;
    unit = eff_str_sub(*text, digits + blanks, letters - digits - blanks);
    *text = eff_str_sub(*text, letters, SIZE_MAX);
    for (; units->name != NULL; units++)
        if (eff_str_eq_nocase(unit, eff_str_of(units->name)))
            return !__builtin_mul_overflow(number, units->factor, ret);
    return false;
}

bool
eff_parse_size(eff_str text, int64_t *ret_bytes)
{
    int64_t bytes;

    if (!value_take(&text, value_sizes, &bytes) || text.len > 0)
        return false;
    *ret_bytes = bytes;
    return true;
}

bool
eff_parse_time(eff_str text, int64_t *ret_ms)
{
    int64_t total = 0, part;

    if (eff_str_is(text, "0")) {
        *ret_ms = 0;
        return true;
    }
    if (text.len == 0)
        return false;
    while (text.len > 0) {
        if (!value_take(&text, value_times, &part) || __builtin_add_overflow(total, part, &total))
            return false;
        text = eff_str_trim(text);
    }
    *ret_ms = total;
    return true;
}

bool
eff_parse_percent(eff_str text, double *ret_percent)
{
    char digits[32];
    double value;

    if (!eff_str_ends(text, EFF_STR("%")))
        return false;
    text = eff_str_trim(eff_str_sub(text, 0, text.len - 1));
    if (text.len == 0 || text.len >= sizeof digits || text.ptr[0] < '0' || text.ptr[0] > '9' ||
        !eff_number_valid(text))
        return false;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    value = strtod(digits, NULL);
    if (!(value >= 0 && value <= 100))
        return false;
    *ret_percent = value;
    return true;
}

/* ---- one scalar ---- */

static bool
value_wrong(const struct eff_option *option, struct eff_place place, eff_str found,
            struct eff_problems *problems, eff_str hint, const char *expected)
{
    bool secret = option->kind == EFF_OPT_SECRET;

    eff_problem_add(problems, place, "EFF1104", hint, "`%s` expects %s%s" EFF_STR_FMT "%s",
                    option->name, expected, secret ? "" : ", found \"",
                    EFF_STR_ARG(secret ? EFF_STR("") : eff_value_shown(found)), secret ? "" : "\"");
    return false;
}

static bool
value_range(const struct eff_option *option, const struct eff_node *node, eff_str text,
            int64_t value, struct eff_problems *problems)
{
    bool any = option->min == 0 && option->max == 0;
    char expected[120];

    if (value >= option->min && (any || value <= option->max))
        return true;
    if (any)
        snprintf(expected, sizeof expected, "a value that is not negative");
    else if (option->kind == EFF_OPT_SIZE)
        snprintf(expected, sizeof expected, "%" PRId64 " to %" PRId64 " bytes", option->min,
                 option->max);
    else if (option->kind == EFF_OPT_TIME)
        snprintf(expected, sizeof expected, "%" PRId64 " to %" PRId64 " ms", option->min,
                 option->max);
    else
        snprintf(expected, sizeof expected, "%" PRId64 " to %" PRId64, option->min, option->max);
    return value_wrong(option, node->place, text, problems, EFF_STR_NONE, expected);
}

static bool
value_int(const struct eff_option *option, const struct eff_node *node, eff_str text, int64_t *ret,
          struct eff_problems *problems)
{
    const char *expected = "a whole number";
    bool ok;

    if (option->kind == EFF_OPT_SIZE) {
        expected = "a size such as 256MiB";
        ok = eff_parse_size(text, ret);
    } else if (option->kind == EFF_OPT_TIME) {
        expected = "a duration such as 30s, 5m, 2h or 7d";
        ok = eff_parse_time(text, ret);
    } else {
        ok = eff_str_int(text, ret);
    }
    if (!ok)
        return value_wrong(option, node->place, text, problems, EFF_STR_NONE, expected);
    return value_range(option, node, text, *ret, problems);
}

static bool
value_bool(const struct eff_option *option, const struct eff_node *node, eff_str text, bool *ret,
           struct eff_problems *problems)
{
    *ret = eff_str_is(text, "true");
    if (*ret || eff_str_is(text, "false"))
        return true;
    return value_wrong(option, node->place, text, problems, EFF_STR_NONE, "true or false");
}

size_t
eff_option_choices(struct eff_arena *arena, const char *choices, eff_str **ret_names)
{
    eff_str rest = eff_str_of(choices);
    size_t count = 1;
    bool more = true;

    for (size_t i = 0; i < rest.len; i++)
        count += rest.ptr[i] == '|';
    *ret_names = eff_new(arena, eff_str, count);
    for (size_t i = 0; more; i++)
        more = eff_str_cut(rest, '|', &(*ret_names)[i], &rest);
    return count;
}

/* "a, b or c" */
static const char *
value_choices_text(struct eff_arena *arena, size_t count, const eff_str *names)
{
    eff_str list = EFF_STR("");

    for (size_t i = 0; i < count; i++) {
        const char *between = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        list = eff_str_printf(arena, EFF_STR_FMT "%s" EFF_STR_FMT, EFF_STR_ARG(list), between,
                              EFF_STR_ARG(names[i]));
    }
    return eff_str_c(arena, list);
}

static bool
value_enum(const struct eff_option *option, const struct eff_node *node, eff_str text, int *ret,
           struct eff_problems *problems)
{
    eff_str *names;
    size_t count = eff_option_choices(problems->arena, option->choices, &names);

    for (size_t i = 0; i < count; i++) {
        if (eff_str_eq(names[i], text)) {
            *ret = (int)i;
            return true;
        }
    }
    if (eff_problems_full(problems))
        return value_wrong(option, node->place, text, problems, EFF_STR_NONE, "");
    return value_wrong(option, node->place, text, problems,
                       eff_nearest_hint(problems, text, count, names),
                       value_choices_text(problems->arena, count, names));
}

/* ---- urls ---- */

/* host[:port] of an http url, up to the path; EFF_STR_NONE when it is none. */
static eff_str
value_url_authority(eff_str url)
{
    size_t scheme = eff_str_starts(url, EFF_STR("https://"))  ? 8
                    : eff_str_starts(url, EFF_STR("http://")) ? 7
                                                              : 0;
    eff_str rest = eff_str_sub(url, scheme, SIZE_MAX);

    if (scheme == 0)
        return EFF_STR_NONE;
    for (size_t i = 0; i < rest.len; i++)
        if (rest.ptr[i] == '/' || rest.ptr[i] == '?' || rest.ptr[i] == '#')
            return eff_str_sub(rest, 0, i);
    return rest;
}

/* Splits host and port; false when either is not one. IPv6 stands in brackets. */
static bool
value_url_host(eff_str authority, eff_str *ret_host)
{
    eff_str host = authority, port = EFF_STR_NONE;
    size_t close = eff_str_find_char(authority, ']');
    uint64_t number;
    bool has_port;

    if (eff_str_starts(authority, EFF_STR("["))) {
        if (close == SIZE_MAX)
            return false;
        host = eff_str_sub(authority, 1, close - 1);
        port = eff_str_sub(authority, close + 1, SIZE_MAX);
        has_port = port.len > 0;
        if (has_port && port.ptr[0] != ':')
            return false;
        port = eff_str_sub(port, 1, SIZE_MAX);
    } else {
        has_port = eff_str_cut(authority, ':', &host, &port);
    }
    *ret_host = host;
    return host.len > 0 && (!has_port || (eff_str_uint(port, &number) && port.ptr[0] != '+' &&
                                          number > 0 && number < 65536));
}

static bool
value_url_chars(eff_str url)
{
    for (size_t i = 0; i < url.len; i++) {
        unsigned char c = (unsigned char)url.ptr[i];
        if (c <= ' ' || c >= 0x7F || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' ||
            c == '`' || c == '{' || c == '|' || c == '}')
            return false;
    }
    return true;
}

static void
value_host_add(struct eff_problems *problems, eff_str host)
{
    struct eff_fill *fill = problems->fill;

    if (fill == NULL)
        return;
    host = eff_str_lower(problems->arena, host);
    for (size_t i = 0; i < fill->hosts_count; i++)
        if (eff_str_eq(fill->hosts[i], host))
            return;
    if (fill->hosts_count == fill->hosts_cap) {
        size_t cap = fill->hosts_cap ? 2 * fill->hosts_cap : 4;
        eff_str *grown = eff_new(problems->arena, eff_str, cap);
        if (fill->hosts_count > 0)
            memcpy(grown, fill->hosts, fill->hosts_count * sizeof *grown);
        fill->hosts = grown;
        fill->hosts_cap = cap;
    }
    fill->hosts[fill->hosts_count++] = host;
}

static bool
value_url(const struct eff_option *option, const struct eff_node *node, eff_str text, eff_str *ret,
          struct eff_problems *problems)
{
    eff_str authority = value_url_authority(text), host;

    if (authority.ptr == NULL || !value_url_chars(text))
        return value_wrong(option, node->place, text, problems, EFF_STR_NONE,
                           "a url such as https://example.com/path");
    if (eff_str_find_char(authority, '@') != SIZE_MAX) /* the url is not shown: it holds a secret */
        return value_wrong(option, node->place, EFF_STR("...@..."), problems,
                           EFF_STR("Give user and password by the options made for them."),
                           "a url without user name or password");
    if (!value_url_host(authority, &host))
        return value_wrong(option, node->place, text, problems, EFF_STR_NONE,
                           "a url with a host, and a port from 1 to 65535 if any");
    value_host_add(problems, host);
    *ret = text;
    return true;
}

/* ---- nodes ---- */

static bool
value_form(const struct eff_option *option, const struct eff_node *node, const char *expected,
           struct eff_problems *problems)
{
    eff_problem_add(problems, node->place, "EFF1103", EFF_STR_NONE, "`%s` expects %s, found %s",
                    option->name, expected, eff_node_kind_name(node));
    return false;
}

static bool
value_list(const struct eff_option *option, const struct eff_node *node, struct eff_str_list *ret,
           struct eff_problems *problems)
{
    bool single = node->kind == EFF_NODE_SCALAR;
    size_t count = single ? 1 : node->count;
    const struct eff_node *items = single ? node : node->values;
    eff_str *at = eff_new(problems->arena, eff_str, count);
    bool ok = true;

    if (!single && node->kind != EFF_NODE_LIST)
        return value_form(option, node, "text or a list", problems);
    if (count == 0 && (option->flags & EFF_OPT_REQUIRED))
        return value_form(option, node, "at least one entry", problems);
    for (size_t i = 0; i < count; i++) {
        if (items[i].kind != EFF_NODE_SCALAR)
            ok = value_form(option, &items[i], "text in its list", problems);
        else if (!eff_node_expand(&items[i], problems, &at[i]))
            ok = false;
        else if (at[i].len == 0)
            ok = value_wrong(option, items[i].place, at[i], problems, EFF_STR_NONE,
                             "entries that are not empty");
    }
    *ret = (struct eff_str_list){count, at};
    return ok;
}

static bool
value_text(const struct eff_option *option, const struct eff_node *node, eff_str text, eff_str *ret,
           struct eff_problems *problems)
{
    if (text.len == 0 && (option->flags & EFF_OPT_REQUIRED))
        return value_wrong(option, node->place, text, problems, EFF_STR_NONE, "text");
    if (option->kind == EFF_OPT_SECRET)
        eff_fill_secret(problems, text);
    *ret = option->kind == EFF_OPT_PATH ? eff_place_path(node->place, text, problems) : text;
    return true;
}

/* text: the scalar's, with its variables replaced. */
static bool
value_scalar(const struct eff_option *option, const struct eff_node *node, eff_str text, void *ret,
             struct eff_problems *problems)
{
    switch (option->kind) {
    case EFF_OPT_STR:
    case EFF_OPT_SECRET:
    case EFF_OPT_PATH:
        return value_text(option, node, text, ret, problems);
    case EFF_OPT_URL:
        return value_url(option, node, text, ret, problems);
    case EFF_OPT_INT:
    case EFF_OPT_SIZE:
    case EFF_OPT_TIME:
        return value_int(option, node, text, ret, problems);
    case EFF_OPT_BOOL:
        return value_bool(option, node, text, ret, problems);
    case EFF_OPT_ENUM:
        return value_enum(option, node, text, ret, problems);
    case EFF_OPT_PERCENT:
        return eff_parse_percent(text, ret) ||
               value_wrong(option, node->place, text, problems, EFF_STR_NONE,
                           "a percentage from 0% to 100%");
    case EFF_OPT_LIST:
    case EFF_OPT_NODE:
        break;
    }
    return false;
}

/* Parts of a secret ("Bearer ${TOKEN}") may show up alone, and are secrets themselves. */
static bool
value_expand(const struct eff_option *option, const struct eff_node *node,
             struct eff_problems *problems, eff_str *ret_text)
{
    bool ok;

    if (problems->fill != NULL)
        problems->fill->all_secret = option->kind == EFF_OPT_SECRET;
    ok = eff_node_expand(node, problems, ret_text);
    if (problems->fill != NULL)
        problems->fill->all_secret = false;
    return ok;
}

bool
eff_option_read(const struct eff_option *option, const struct eff_node *node, void *ret,
                struct eff_problems *problems)
{
    eff_str text;

    if (option->kind == EFF_OPT_NODE) {
        *(const struct eff_node **)ret =
            option->flags & EFF_OPT_RAW ? node : eff_node_expand_tree(node, problems);
        return true;
    }
    if (option->kind == EFF_OPT_LIST)
        return value_list(option, node, ret, problems);
    if (node->kind != EFF_NODE_SCALAR)
        return value_form(option, node, "one value", problems);
    return value_expand(option, node, problems, &text) &&
           value_scalar(option, node, text, ret, problems);
}

bool
eff_option_default(const struct eff_option *option, struct eff_place place, void *ret,
                   struct eff_problems *problems)
{
    eff_str text = eff_str_of(option->fallback);
    struct eff_node node = {.kind = EFF_NODE_SCALAR, .text = text, .place = place};
    const struct eff_node *documents;
    size_t count;

    /* No variables in defaults, and their hosts are not the user's words. */
    if (option->kind == EFF_OPT_URL) {
        *(eff_str *)ret = text;
        return true;
    }
    if (option->kind != EFF_OPT_LIST && option->kind != EFF_OPT_NODE)
        return value_scalar(option, &node, text, ret, problems);
    if (!eff_yaml_parse(text, place.file, problems->arena, &count, &documents, problems) ||
        count != 1)
        return false;
    return eff_option_read(option, &documents[0], ret, problems);
}
