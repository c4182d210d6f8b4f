/*
 * conf/option: fills a struct from a YAML mapping, by a table of rows.
 *
 * Every key is judged, so that all that is wrong is said at once. Rows whose
 * names have a dot make a nested mapping of their first part; the same function
 * fills it, with the rows that share that prefix.
 */
#include "conf/option.h"

#include "conf/value.h"
#include "conf/yaml.h"

#include <assert.h>

struct option_fill {
    const struct eff_option *options;
    size_t count;
    char *config;
    struct eff_problems *problems;
};

/* The part of a row's name below prefix ("auth."), or EFF_STR_NONE when it is not below. */
static eff_str
option_below(const struct eff_option *option, eff_str prefix)
{
    eff_str name = eff_str_of(option->name);

    return eff_str_starts(name, prefix) ? eff_str_sub(name, prefix.len, SIZE_MAX) : EFF_STR_NONE;
}

static const struct eff_option *
option_find(const struct option_fill *fill, eff_str prefix, eff_str key)
{
    for (size_t i = 0; i < fill->count; i++) {
        eff_str name = option_below(&fill->options[i], prefix);
        if (name.ptr != NULL && eff_str_eq(name, key))
            return &fill->options[i];
    }
    return NULL;
}

static bool
option_is_group(const struct option_fill *fill, eff_str prefix, eff_str key)
{
    for (size_t i = 0; i < fill->count; i++) {
        eff_str head, tail, name = option_below(&fill->options[i], prefix);
        if (name.ptr != NULL && eff_str_cut(name, '.', &head, &tail) && eff_str_eq(head, key))
            return true;
    }
    return false;
}

static void
option_unknown(const struct option_fill *fill, eff_str prefix, const struct eff_node *key)
{
    struct eff_problems *problems = fill->problems;
    eff_str hint, list = EFF_STR(""), *names;
    size_t count = 0;

    if (eff_problems_full(problems)) {
        problems->dropped++;
        return;
    }
    names = eff_new(problems->arena, eff_str, fill->count + 1);
    for (size_t i = 0; i < fill->count; i++) {
        eff_str head, tail, name = option_below(&fill->options[i], prefix);
        if (name.ptr == NULL || (fill->options[i].flags & EFF_OPT_LATER))
            continue;
        eff_str_cut(name, '.', &head, &tail);
        if (count > 0 && eff_str_eq(names[count - 1], head))
            continue;
        names[count++] = head;
        list = eff_str_printf(problems->arena, EFF_STR_FMT "%s" EFF_STR_FMT, EFF_STR_ARG(list),
                              count > 1 ? ", " : "", EFF_STR_ARG(head));
    }
    hint = eff_nearest_hint(problems, key->text, count, names);
    if (hint.len == 0 && count > 0)
        hint = eff_str_printf(problems->arena, "Known keys: " EFF_STR_FMT ".", EFF_STR_ARG(list));
    eff_problem_add(problems, key->place, "EFF1101", hint, "unknown key `" EFF_STR_FMT "`",
                    EFF_STR_ARG(eff_value_shown(key->text)));
}

static void option_fill_map(const struct option_fill *fill, eff_str prefix,
                            const struct eff_node *map);

static void
option_group(const struct option_fill *fill, eff_str prefix, eff_str key,
             const struct eff_node *value)
{
    struct eff_problems *problems = fill->problems;

    if (value->kind != EFF_NODE_MAP) {
        eff_problem_add(problems, value->place, "EFF1103", EFF_STR_NONE,
                        "`" EFF_STR_FMT "` expects a mapping, found %s", EFF_STR_ARG(key),
                        eff_node_kind_name(value));
        return;
    }
    option_fill_map(fill,
                    eff_str_printf(problems->arena, EFF_STR_FMT EFF_STR_FMT ".",
                                   EFF_STR_ARG(prefix), EFF_STR_ARG(key)),
                    value);
}

static void
option_pair(const struct option_fill *fill, eff_str prefix, const struct eff_node *key,
            const struct eff_node *value)
{
    const struct eff_option *option = option_find(fill, prefix, key->text);

    if (option == NULL && option_is_group(fill, prefix, key->text))
        option_group(fill, prefix, key->text, value);
    else if (option == NULL)
        option_unknown(fill, prefix, key);
    else if (option->flags & EFF_OPT_LATER)
        eff_problem_add(fill->problems, key->place, "EFF1105", eff_str_of(option->help),
                        "`" EFF_STR_FMT "` is not in this version yet", EFF_STR_ARG(key->text));
    else
        eff_option_read(option, value, fill->config + option->offset, fill->problems);
}

static const struct eff_node *
option_value_of(const struct eff_node *map, eff_str name)
{
    for (size_t i = 0; map->kind == EFF_NODE_MAP && i < map->count; i++)
        if (eff_str_eq(map->keys[i].text, name))
            return &map->values[i];
    return NULL;
}

/* Defaults and missing rows; of a nested mapping that is not there, by the mapping around it. */
static void
option_missing(const struct option_fill *fill, eff_str prefix, const struct eff_node *map)
{
    for (size_t i = 0; i < fill->count; i++) {
        const struct eff_option *option = &fill->options[i];
        eff_str head, tail, name = option_below(option, prefix);
        bool nested;

        if (name.ptr == NULL || (option->flags & EFF_OPT_LATER))
            continue;
        nested = eff_str_cut(name, '.', &head, &tail);
        if (option_value_of(map, head) != NULL)
            continue; /* given, or the nested mapping's own concern */
        if (option->flags & EFF_OPT_REQUIRED)
            eff_problem_add(fill->problems, map->place, "EFF1102", eff_str_of(option->help),
                            "`" EFF_STR_FMT "` is missing%s", EFF_STR_ARG(name),
                            nested ? " (a dot stands for a nested mapping)" : "");
        else if (option->fallback != NULL)
            eff_option_default(option, map->place, fill->config + option->offset, fill->problems);
    }
}

static void
option_fill_map(const struct option_fill *fill, eff_str prefix, const struct eff_node *map)
{
    for (size_t i = 0; i < map->count; i++) {
        bool again = false; /* duplicates were refused by the parser; the first one counts */
        for (size_t j = 0; j < i && !again && i < 256; j++)
            again = eff_str_eq(map->keys[j].text, map->keys[i].text);
        if (!again)
            option_pair(fill, prefix, &map->keys[i], &map->values[i]);
    }
    option_missing(fill, prefix, map);
}

bool
eff_options_fill(const struct eff_node *map, const struct eff_option *options, size_t count,
                 void *config, struct eff_problems *problems)
{
    struct option_fill fill = {options, count, config, problems};
    size_t total = eff_problems_total(problems);

    assert(map != NULL);
    if (map->kind == EFF_NODE_MAP)
        option_fill_map(&fill, EFF_STR(""), map);
    else if (map->kind == EFF_NODE_NULL) /* `crm:` with nothing below is an empty mapping */
        option_missing(&fill, EFF_STR(""), map);
    else
        eff_problem_add(problems, map->place, "EFF1103", EFF_STR_NONE,
                        "expected a mapping, found %s", eff_node_kind_name(map));
    return total == eff_problems_total(problems);
}
