/*
 * conf/select: which syncs --select and --exclude mean, in dbt's grammar.
 *
 * Blanks and repeated options unite, commas intersect. One part is a name with
 * * and ?, or method:value; + before it adds what it comes after, + behind it
 * adds what comes after it, and a number limits how far: 1+orders, orders+2.
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

static const char *const select_methods[] = {"tag", "destination", "source", "model", "name", NULL};

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
    return select_like(part->value, sync->name);
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
            return eff_err_hint(err, "Known are tag:, destination:, source:, model: and names.");
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

static enum eff_fault
select_nothing(const struct eff_project *project, eff_str text, const struct select_part *part,
               struct eff_err *err)
{
    unsigned nearest = 4;
    const struct eff_sync_conf *best = NULL;

    EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" selects no sync", EFF_STR_ARG(text));
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

/* Room for the sets of one evaluation, freed as a whole. */
struct select_sets {
    bool *one, *all, *scratch;
};

static enum eff_fault
select_part(const struct eff_project *project, eff_str text, const struct select_sets *sets,
            struct eff_err *err)
{
    struct select_part part;
    size_t found = 0;

    EFF_TRY(select_parse(text, &part, err));
    for (size_t i = 0; i < project->syncs_count; i++) {
        sets->one[i] = select_matches(&project->syncs[i], &part);
        found += sets->one[i];
    }
    if (found == 0)
        return select_nothing(project, text, &part, err);
    /* Both ways start from what matched, as dbt does. */
    memcpy(sets->all, sets->one, project->syncs_count * sizeof *sets->one);
    for (size_t i = 0; i < part.before && select_grow(project, true, sets->all, sets->scratch); i++)
        ;
    for (size_t i = 0; i < part.after && select_grow(project, false, sets->one, sets->scratch); i++)
        ;
    for (size_t i = 0; i < project->syncs_count; i++)
        sets->one[i] = sets->one[i] || sets->all[i];
    return EFF_OK;
}

/* One word: parts with commas between them, all of which must hold. Adds to set. */
static enum eff_fault
select_word(const struct eff_project *project, eff_str word, bool *memory, bool *set,
            struct eff_err *err)
{
    size_t count = project->syncs_count, found = 0;
    struct select_sets sets = {memory, memory + count, memory + 2 * count};
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
    return found > 0 ? EFF_OK : select_nothing(project, word, NULL, err);
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
    size_t selected = 0, enabled = 0;

    for (size_t i = 0; select_count == 0 && i < count; i++)
        chosen[i] = true;
    EFF_TRY(select_all(project, select_count, select, memory, chosen, err));
    EFF_TRY(select_all(project, exclude_count, exclude, memory, excluded, err));
    for (size_t i = 0; i < count; i++) {
        selected += chosen[i] && !excluded[i];
        chosen[i] = chosen[i] && !excluded[i] && project->syncs[i].enabled;
        enabled += chosen[i];
    }
    if (select_count > 0 && selected > 0 && enabled == 0) {
        EFF_FAIL(err, EFF_CONFIG, "what is selected is switched off by `enabled: false`");
        return eff_err_hint(err, "Remove `enabled: false` from the sync.");
    }
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

    memory = calloc(6 * project->syncs_count + 1, sizeof *memory);
    if (memory == NULL)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory");
    fault =
        select_run(project, select_count, select, exclude_count, exclude, memory, ret_chosen, err);
    free(memory);
    return fault;
}
