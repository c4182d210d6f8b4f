/*
 * conf/select: which syncs --select and --exclude mean, in dbt's grammar.
 *
 * Blanks and repeated options unite, commas intersect. One part is a name with
 * * and ?, or method:value; + before it adds what it comes after, + behind it
 * adds what comes after it, and a number limits how far: 1+orders, orders+2.
 *
 * Where the project has the models of a dbt project, a sync stands in their graph where its
 * model stands: model:orders+ are the syncs of orders and of all that is built from it.
 */
#include "conf/project.h"

#include <stdlib.h>

#define SELECT_FAR SIZE_MAX

struct select_part {
    eff_str method; /* "" for a name */
    eff_str value;
    size_t before, after; /* how many steps along `after`; 0: none */
};

/* ---- matching ---- */

/* * stands for any text, ? for one byte. Linear: only the last star is ever tried again. */
static bool
select_like(eff_str pattern, eff_str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;

    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.len && (pattern.ptr[p] == '?' || pattern.ptr[p] == text.ptr[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

static bool
select_tag(const struct eff_sync_conf *sync, eff_str value)
{
    for (size_t i = 0; i < sync->tags_count; i++)
        if (select_like(value, sync->tags[i]))
            return true;
    return false;
}

/* analytics.lead_scores is the model lead_scores, too. */
static bool
select_model(const struct eff_sync_conf *sync, eff_str value)
{
    eff_str head, tail, name = sync->model_name;

    if (name.ptr == NULL)
        return false;
    if (select_like(value, name))
        return true;
    while (eff_str_cut(name, '.', &head, &tail))
        name = tail;
    return select_like(value, name);
}

/* A file, a folder that it lies in, or a pattern of either. */
static bool
select_path(eff_str value, eff_str path)
{
    while (value.len > 1 && eff_str_ends(value, EFF_STR("/")))
        value.len--;
    if (select_like(value, path))
        return true;
    for (size_t i = 1; i < path.len; i++)
        if (path.ptr[i] == '/' && select_like(value, eff_str_sub(path, 0, i)))
            return true;
    return false;
}

static const char *const select_methods[] = {"tag",  "destination", "source", "model",
                                             "path", "package",     "name",   NULL};

static bool
select_matches(const struct eff_sync_conf *sync, const struct select_part *part)
{
    if (eff_str_is(part->method, "tag"))
        return select_tag(sync, part->value);
    if (eff_str_is(part->method, "destination"))
        return sync->dest != NULL && select_like(part->value, sync->dest->name);
    if (eff_str_is(part->method, "source"))
        return sync->source != NULL && select_like(part->value, sync->source->name);
    if (eff_str_is(part->method, "model"))
        return select_model(sync, part->value);
    if (eff_str_is(part->method, "path"))
        return select_path(part->value, sync->place.file);
    if (eff_str_is(part->method, "package"))
        return false; // Of models only.
    return select_like(part->value, sync->name);
}

/* ---- models of dbt ---- */

static bool
select_model_matches(const struct eff_model *model, const struct select_part *part)
{
    if (eff_str_is(part->method, "tag")) {
        for (size_t i = 0; i < model->tags_count; i++)
            if (select_like(part->value, model->tags[i]))
                return true;
        return false;
    }
    if (eff_str_is(part->method, "path"))
        return select_path(part->value, model->path);
    if (eff_str_is(part->method, "package"))
        return select_like(part->value, model->package);
    return (eff_str_is(part->method, "model") || part->method.len == 0) &&
           select_like(part->value, model->name);
}

/* One step along the graph; returns whether there were new ones. */
static bool
select_models_grow(const struct eff_models *models, bool before, bool *set, bool *scratch)
{
    bool grown = false;

    memcpy(scratch, set, models->count * sizeof *set);
    for (size_t i = 0; i < models->count; i++)
        for (size_t k = 0; k < models->at[i].parents_count; k++) {
            size_t parent = models->at[i].parents[k];
            size_t from = before ? i : parent, to = before ? parent : i;
            if (scratch[from] && !set[to])
                set[to] = grown = true;
        }
    return grown;
}

/* Adds the syncs that read one of the models. */
static void
select_readers(const struct eff_project *project, const bool *models, bool *set)
{
    for (size_t i = 0; i < project->syncs_count; i++)
        if (project->syncs[i].built != NULL && models[project->syncs[i].built - project->models.at])
            set[i] = true;
}

/* ---- the graph of `after` ---- */

static bool
select_comes_after(const struct eff_sync_conf *sync, eff_str name)
{
    for (size_t i = 0; i < sync->after_count; i++)
        if (eff_str_eq(sync->after[i], name))
            return true;
    return false;
}

/* One step: marks the neighbours of what `set` holds; returns whether there were new ones. */
static bool
select_grow(const struct eff_project *project, bool before, bool *set, bool *scratch)
{
    size_t count = project->syncs_count;
    bool grown = false;

    memcpy(scratch, set, count * sizeof *set);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; scratch[i] && j < count; j++) {
            const struct eff_sync_conf *later = &project->syncs[before ? i : j];
            const struct eff_sync_conf *sooner = &project->syncs[before ? j : i];
            if (!set[j] && select_comes_after(later, sooner->name))
                set[j] = grown = true;
        }
    return grown;
}

/* ---- parsing ---- */

/* "2+" before, "+2" behind: takes it off and says how many steps; a bare + is as far as it goes. */
static size_t
select_steps(eff_str *part, bool before)
{
    size_t digits = 0;
    uint64_t steps = 0;
    eff_str s = *part;

    while (digits < s.len) {
        char c = s.ptr[before ? digits : s.len - 1 - digits];
        if (c < '0' || c > '9')
            break;
        digits++;
    }
    if (digits >= s.len || s.ptr[before ? digits : s.len - 1 - digits] != '+')
        return 0;
    if (digits > 0 && !eff_str_uint(eff_str_sub(s, before ? 0 : s.len - digits, digits), &steps))
        steps = SELECT_FAR;
    *part = before ? eff_str_sub(s, digits + 1, SIZE_MAX) : eff_str_sub(s, 0, s.len - digits - 1);
    return digits == 0 ? SELECT_FAR : (size_t)steps;
}

static enum eff_fault
select_parse(eff_str text, struct select_part *ret, struct eff_err *err)
{
    eff_str rest = text, head, tail;

    *ret = (struct select_part){.method = EFF_STR("")};
    if (eff_str_starts(text, EFF_STR("@"))) {
        EFF_FAIL(err, EFF_CONFIG, "cannot select \"" EFF_STR_FMT "\": dbt's @ is not supported",
                 EFF_STR_ARG(text));
        return eff_err_hint(err, "Write +name+: all before it and all after it.");
    }
    ret->before = select_steps(&rest, true);
    ret->after = select_steps(&rest, false);
    ret->value = rest;
    if (eff_str_cut(rest, ':', &head, &tail)) {
        ret->method = head;
        ret->value = tail;
        for (size_t i = 0; select_methods[i] != NULL; i++)
            if (eff_str_is(head, select_methods[i]))
                head.len = 0;
        if (head.len > 0 || ret->method.len == 0) {
            EFF_FAIL(err, EFF_CONFIG, "cannot select by \"" EFF_STR_FMT ":\"",
                     EFF_STR_ARG(ret->method));
            return eff_err_hint(err,
                                "Known are tag:, destination:, source:, model:, path:, package: "
                                "and names.");
        }
    }
    if (ret->value.len == 0 || eff_str_find_char(ret->value, '+') != SIZE_MAX) {
        EFF_FAIL(err, EFF_CONFIG, "cannot read \"" EFF_STR_FMT "\" as a selection",
                 EFF_STR_ARG(text));
        return eff_err_hint(err, "Write a name, tag:x, +name or name+; commas mean both.");
    }
    return EFF_OK;
}

/* ---- evaluation ---- */

/* Room for the sets of one evaluation, freed as a whole. */
struct select_sets {
    bool *one, *all, *scratch;       /* of syncs */
    bool *models, *up, *more_models; /* of models */
};

static size_t
select_count(const bool *set, size_t count)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        found += set[i];
    return found;
}

static enum eff_fault
select_nothing(const struct eff_project *project, eff_str text, const struct select_part *part,
               const struct select_sets *sets, struct eff_err *err)
{
    unsigned nearest = 4;
    const struct eff_sync_conf *best = NULL;
    size_t models = part != NULL ? select_count(sets->models, project->models.count) : 0;

    EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" selects no sync", EFF_STR_ARG(text));
    if (models > 0)
        return eff_err_hint(err, "It selects %zu %s of dbt, and no sync reads %s.", models,
                            models == 1 ? "model" : "models", models == 1 ? "it" : "one of them");
    for (size_t i = 0; part != NULL && part->method.len == 0 && i < project->syncs_count; i++) {
        unsigned distance = eff_str_distance(part->value, project->syncs[i].name, nearest);
        if (distance < nearest) {
            nearest = distance;
            best = &project->syncs[i];
        }
    }
    if (best != NULL)
        return eff_err_hint(err, "Did you mean `" EFF_STR_FMT "`?", EFF_STR_ARG(best->name));
    return eff_err_hint(err, "`efferent status` lists the syncs of this project.");
}

/* So many steps along both graphs; a sync stands where its model stands. */
static void
select_spread(const struct eff_project *project, const struct select_sets *sets, bool before,
              size_t steps, bool *syncs, bool *models)
{
    bool grown = true;

    for (size_t i = 0; i < steps && grown; i++) {
        grown = select_grow(project, before, syncs, sets->scratch);
        if (select_models_grow(&project->models, before, models, sets->more_models)) {
            select_readers(project, models, syncs);
            grown = true;
        }
    }
}

/* What matches, into sets->one and sets->models. A name is a sync's, if one has it. */
static void
select_match(const struct eff_project *project, const struct select_part *part,
             const struct select_sets *sets)
{
    bool by_models;

    for (size_t i = 0; i < project->syncs_count; i++)
        sets->one[i] = select_matches(&project->syncs[i], part);
    by_models = part->method.len > 0 || select_count(sets->one, project->syncs_count) == 0;
    for (size_t i = 0; i < project->models.count; i++)
        sets->models[i] = by_models && select_model_matches(&project->models.at[i], part);
    select_readers(project, sets->models, sets->one);
}

static enum eff_fault
select_part(const struct eff_project *project, eff_str text, const struct select_sets *sets,
            struct eff_err *err)
{
    size_t count = project->syncs_count, models = project->models.count;
    struct select_part part;

    EFF_TRY(select_parse(text, &part, err));
    select_match(project, &part, sets);
    /* Both ways start from what matched, as dbt does. */
    memcpy(sets->all, sets->one, count * sizeof *sets->one);
    memcpy(sets->up, sets->models, models * sizeof *sets->models);
    select_spread(project, sets, true, part.before, sets->all, sets->up);
    select_spread(project, sets, false, part.after, sets->one, sets->models);
    for (size_t i = 0; i < count; i++)
        sets->one[i] = sets->one[i] || sets->all[i];
    return select_count(sets->one, count) > 0 ? EFF_OK
                                              : select_nothing(project, text, &part, sets, err);
}

/* One word: parts with commas between them, all of which must hold. Adds to set. */
static enum eff_fault
select_word(const struct eff_project *project, eff_str word, bool *memory, bool *set,
            struct eff_err *err)
{
    size_t count = project->syncs_count, found = 0, models = project->models.count;
    bool *of_models = memory + 6 * count;
    struct select_sets sets = {memory,    memory + count,     memory + 2 * count,
                               of_models, of_models + models, of_models + 2 * models};
    bool *both = memory + 3 * count, more = true;
    eff_str rest = word, part;

    for (size_t i = 0; i < count; i++)
        both[i] = true;
    while (more) {
        more = eff_str_cut(rest, ',', &part, &rest);
        EFF_TRY(select_part(project, part, &sets, err));
        for (size_t i = 0; i < count; i++)
            both[i] = both[i] && sets.one[i];
    }
    for (size_t i = 0; i < count; i++) {
        found += both[i];
        set[i] = set[i] || both[i];
    }
    return found > 0 ? EFF_OK : select_nothing(project, word, NULL, NULL, err);
}

static enum eff_fault
select_all(const struct eff_project *project, size_t texts_count, const eff_str *texts,
           bool *memory, bool *set, struct eff_err *err)
{
    for (size_t i = 0; i < texts_count; i++) {
        eff_str rest = eff_str_trim(texts[i]), word;
        bool more = rest.len > 0;
        if (!more)
            return EFF_FAIL(err, EFF_CONFIG, "an empty selection selects no sync");
        while (more) {
            more = eff_str_cut(rest, ' ', &word, &rest);
            rest = eff_str_trim(rest);
            EFF_TRY(select_word(project, word, memory, set, err));
        }
    }
    return EFF_OK;
}

static enum eff_fault
select_run(const struct eff_project *project, size_t select_count, const eff_str *select,
           size_t exclude_count, const eff_str *exclude, bool *memory, bool *ret_chosen,
           struct eff_err *err)
{
    size_t count = project->syncs_count;
    bool *chosen = memory + 4 * count, *excluded = memory + 5 * count;

    for (size_t i = 0; select_count == 0 && i < count; i++)
        chosen[i] = project->syncs[i].enabled;
    EFF_TRY(select_all(project, select_count, select, memory, chosen, err));
    EFF_TRY(select_all(project, exclude_count, exclude, memory, excluded, err));
    for (size_t i = 0; i < count; i++)
        chosen[i] = chosen[i] && !excluded[i];
    memcpy(ret_chosen, chosen, count * sizeof *chosen);
    return EFF_OK;
}

enum eff_fault
eff_project_select(const struct eff_project *project, size_t select_count, const eff_str *select,
                   size_t exclude_count, const eff_str *exclude, bool *ret_chosen,
                   struct eff_err *err)
{
    bool *memory;
    enum eff_fault fault;

    memory = calloc(6 * project->syncs_count + 3 * project->models.count + 1, sizeof *memory);
    if (memory == NULL)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory");
    fault =
        select_run(project, select_count, select, exclude_count, exclude, memory, ret_chosen, err);
    free(memory);
    return fault;
}
