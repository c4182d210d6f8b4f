/*
 * conf/check: what can be judged only when all syncs are known.
 */
#include "conf/load.h"
#include "conf/value.h"

#include <stdlib.h>

bool
eff_load_name(struct eff_load *load, struct eff_place place, const char *what, eff_str name)
{
    bool ok = name.len > 0 && name.len <= EFF_LOAD_NAME_BYTES && name.ptr[0] != '-';

    for (size_t i = 0; ok && i < name.len; i++) {
        char c = name.ptr[i];
        ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-';
    }
    if (!ok)
        eff_problem_add(load->problems, place, "EFF1204",
                        EFF_STR("Use letters, digits, _ and - (not first), at most 64."),
                        "\"" EFF_STR_FMT "\" cannot be the name of a %s",
                        EFF_STR_ARG(eff_value_shown(name)), what);
    return ok;
}

/* Syncs by name, for search; of equal names the first one written comes first. */
struct check_index {
    size_t count;
    const struct eff_sync_conf **by_name;
};

static int
check_order(const void *a, const void *b)
{
    const struct eff_sync_conf *left = *(const struct eff_sync_conf *const *)a;
    const struct eff_sync_conf *right = *(const struct eff_sync_conf *const *)b;
    int order = eff_str_cmp(left->name, right->name);

    return order != 0 ? order : left < right ? -1 : left > right;
}

static struct check_index
check_index(struct eff_load *load)
{
    size_t count = load->project->syncs_count;
    struct check_index index = {count, eff_new(load->arena, const struct eff_sync_conf *, count)};

    for (size_t i = 0; i < count; i++)
        index.by_name[i] = &load->project->syncs[i];
    if (count > 1)
        qsort(index.by_name, count, sizeof(const struct eff_sync_conf *), check_order);
    return index;
}

static const struct eff_sync_conf *
check_find(const struct check_index *index, eff_str name)
{
    size_t low = 0, high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (eff_str_cmp(index->by_name[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == index->count || !eff_str_eq(index->by_name[low]->name, name))
        return NULL;
    return index->by_name[low];
}

static void
check_names(struct eff_load *load, const struct check_index *index)
{
    for (size_t i = 0; i < index->count; i++) {
        const struct eff_sync_conf *sync = index->by_name[i];
        const struct eff_sync_conf *first = check_find(index, sync->name);
        if (first != sync && sync->name.len > 0)
            eff_problem_add(load->problems, sync->place, "EFF1203",
                            EFF_STR("Rename one of the two."),
                            "there is another sync \"" EFF_STR_FMT "\" at " EFF_STR_FMT ":%d",
                            EFF_STR_ARG(eff_value_shown(sync->name)),
                            EFF_STR_ARG(first->place.file), first->place.line);
    }
}

static void
check_after(struct eff_load *load, const struct check_index *index,
            const struct eff_sync_conf *sync, eff_str name, const eff_str *names)
{
    if (eff_str_eq(sync->name, name))
        eff_problem_add(load->problems, sync->after_place, "EFF1205", EFF_STR_NONE,
                        "sync \"" EFF_STR_FMT "\" waits for itself",
                        EFF_STR_ARG(eff_value_shown(name)));
    else if (check_find(index, name) == NULL)
        eff_problem_add(load->problems, sync->after_place, "EFF1202",
                        eff_nearest_hint(load->problems, name, index->count, names),
                        "`after` names a sync \"" EFF_STR_FMT "\" that does not exist",
                        EFF_STR_ARG(eff_value_shown(name)));
}

/* Whether something that sync comes after is still there. */
static bool
check_waits(struct eff_load *load, const struct check_index *index, const bool *gone,
            const struct eff_sync_conf *sync)
{
    for (size_t i = 0; i < sync->after_count; i++) {
        const struct eff_sync_conf *before = check_find(index, sync->after[i]);
        if (before != NULL && before != sync && !gone[before - load->project->syncs])
            return true;
    }
    return false;
}

/*
 * Takes away every sync whose predecessors are gone, until none is left or the
 * rest waits for each other. Each round looks at every sync once.
 */
static void
check_cycles(struct eff_load *load, const struct check_index *index)
{
    const struct eff_sync_conf *syncs = load->project->syncs;
    bool *gone = eff_new(load->arena, bool, index->count);
    bool moved = true;

    while (moved) {
        moved = false;
        for (size_t i = 0; i < index->count; i++) {
            if (gone[i] || check_waits(load, index, gone, &syncs[i]))
                continue;
            gone[i] = moved = true;
        }
    }
    for (size_t i = 0; i < index->count; i++) {
        if (!gone[i]) {
            eff_problem_add(load->problems, syncs[i].after_place, "EFF1205",
                            EFF_STR("Remove one `after` of the circle."),
                            "sync \"" EFF_STR_FMT "\" waits for itself by way of `after`",
                            EFF_STR_ARG(eff_value_shown(syncs[i].name)));
            return;
        }
    }
}

void
eff_load_check(struct eff_load *load)
{
    const struct eff_project *project = load->project;
    eff_str *names = eff_new(load->arena, eff_str, project->syncs_count);
    struct check_index index = check_index(load);

    for (size_t i = 0; i < project->syncs_count; i++)
        names[i] = project->syncs[i].name;
    check_names(load, &index);
    for (size_t i = 0; i < project->syncs_count; i++)
        for (size_t j = 0; j < project->syncs[i].after_count; j++)
            check_after(load, &index, &project->syncs[i], project->syncs[i].after[j], names);
    check_cycles(load, &index);
}
