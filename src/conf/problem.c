/*
 * conf/problem: what is wrong with the user's files, collected and put in order.
 */
#include "conf/option.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const struct eff_problem_code eff_problem_codes[] = {
    {"EFF1001", "A file is missing, cannot be read, or is too large."},
    {"EFF1002", "A file is not UTF-8, or holds a character that cannot be seen."},
    {"EFF1003", "A file is not valid YAML."},
    {"EFF1004", "YAML that is refused on purpose: anchors, aliases, tags, directives, merge keys."},
    {"EFF1005", "A key is there twice in one mapping."},
    {"EFF1006", "A file is nested too deep, or holds too many values."},
    {"EFF1101", "A key that is not known here."},
    {"EFF1102", "A key that is needed is missing."},
    {"EFF1103", "The value has another form than expected: text, list, mapping."},
    {"EFF1104", "The value cannot be read, or is out of range."},
    {"EFF1105", "Planned, but not in this version yet."},
    {"EFF1106", "A variable or secret that is not set, or ${...} that cannot be read."},
    {"EFF1201", "A `type:` that is not known."},
    {"EFF1202", "A name (source, destination, target, sync) that is defined nowhere."},
    {"EFF1203", "A name that is defined twice."},
    {"EFF1204", "A name with characters that are not allowed in it."},
    {"EFF1205", "Two settings that contradict each other."},
    {"EFF1206", "An entry of `fields:` or `match:` that makes no sense."},
    {"EFF1207", "A template that cannot be read."},
    {"EFF1208", "A mode, a removal, an object or a field that the destination cannot do."},
    {"EFF1401",
     "A file of dbt (manifest.json, run_results.json, profiles.yml) is missing or cannot be "
     "read."},
    {"EFF1402", "dbt has no such model or source, has it disabled, or builds it elsewhere."},
    {"EFF1403", "A model of which dbt builds nothing that could be read: an ephemeral one."},
    {"EFF1404", "A profile of dbt that cannot be used as a source."},
    {"EFF1405", "A note about dbt's files; stops nothing."},
    {"EFF1406", "A column that a sync uses is dropped, renamed or of another type in the other "
                "manifest, or the key that dbt tells is another one."},
    {"EFF1501", "A case of a connector does not come out as it says."},
    {NULL, NULL},
};

__attribute__((format(printf, 2, 0))) static eff_str
problem_text(struct eff_arena *arena, const char *format, va_list args)
{
    char raw[700], shown[sizeof raw];
    int len = vsnprintf(raw, sizeof raw, format, args);

    if (len < 0)
        len = 0;
    if ((size_t)len >= sizeof raw)
        len = (int)eff_utf8_prefix((eff_str){raw, sizeof raw - 1}, sizeof raw - 1);
    return eff_str_copy(arena, (eff_str){shown, eff_str_print_to(shown, sizeof shown,
                                                                 (eff_str){raw, (size_t)len})});
}

static void
problem_reserve(struct eff_problems *problems)
{
    size_t cap = problems->cap ? 2 * problems->cap : 8;
    struct eff_problem *at;

    if (problems->count < problems->cap)
        return;
    at = eff_new(problems->arena, struct eff_problem, cap);
    if (problems->count > 0)
        memcpy(at, problems->at, problems->count * sizeof *at);
    problems->at = at;
    problems->cap = cap;
}

void
eff_problem_add(struct eff_problems *problems, struct eff_place place, const char *code,
                eff_str hint, const char *format, ...)
{
    struct eff_problem *problem;
    va_list args;

    if (problems->count >= EFF_PROBLEMS_MAX) {
        problems->dropped++;
        return;
    }
    problem_reserve(problems);
    problem = &problems->at[problems->count++];
    problem->place = place;
    snprintf(problem->code, sizeof problem->code, "%s", code);
    problem->hint = hint.len > 0 ? hint : EFF_STR("");
    va_start(args, format);
    problem->message = problem_text(problems->arena, format, args);
    va_end(args);
}

size_t
eff_problems_total(const struct eff_problems *problems)
{
    return problems->count + problems->dropped;
}

bool
eff_problems_full(const struct eff_problems *problems)
{
    return problems->count >= EFF_PROBLEMS_MAX;
}

static int
problem_order(const struct eff_problem *a, const struct eff_problem *b)
{
    int order = eff_str_cmp(a->place.file, b->place.file);

    if (order == 0)
        order = (a->place.line > b->place.line) - (a->place.line < b->place.line);
    if (order == 0)
        order = (a->place.column > b->place.column) - (a->place.column < b->place.column);
    return order;
}

/* Insertion sort: stable, and at most EFF_PROBLEMS_MAX of them. */
void
eff_problems_sort(struct eff_problems *problems)
{
    for (size_t i = 1; i < problems->count; i++) {
        struct eff_problem moved = problems->at[i];
        size_t to = i;

        for (; to > 0 && problem_order(&problems->at[to - 1], &moved) > 0; to--)
            problems->at[to] = problems->at[to - 1];
        problems->at[to] = moved;
    }
}

eff_str
eff_nearest_hint(struct eff_problems *problems, eff_str found, size_t count, const eff_str *names)
{
    unsigned nearest = found.len <= 3 ? 2 : found.len <= 6 ? 3 : 4; /* one more than accepted */
    size_t best = SIZE_MAX;

    if (eff_problems_full(problems))
        return EFF_STR_NONE;
    for (size_t i = 0; i < count; i++) {
        unsigned distance = eff_str_distance(found, names[i], nearest);
        if (distance < nearest) {
            nearest = distance;
            best = i;
        }
    }
    if (best == SIZE_MAX)
        return EFF_STR_NONE;
    return eff_str_printf(problems->arena, "Did you mean `" EFF_STR_FMT "`?",
                          EFF_STR_ARG(names[best]));
}
