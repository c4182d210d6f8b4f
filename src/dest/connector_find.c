/* connector_find: how an operation looks up the ids of its records, and others that it needs. */
#include "dest/connector_internal.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define FIND_SCOPE  (EFF_SCOPE_SESSION | EFF_SCOPE_BATCH)

struct find_conf {
    struct eff_call_conf call;
    int64_t rows;
    eff_str row, remote_id, as;
    struct eff_str_list only, match;
    int missing;
    const struct eff_node *each, *missing_status, *next;
};

static const struct eff_option find_options[] = {
    EFF_CALL_OPTIONS(struct find_conf, call),
    {"only", EFF_OPT_LIST, offsetof(struct find_conf, only)},
    {"match", EFF_OPT_LIST, offsetof(struct find_conf, match)},
    {"as", EFF_OPT_STR, offsetof(struct find_conf, as)},
    {"batch.rows", EFF_OPT_INT, offsetof(struct find_conf, rows), "1", 1, 100000},
    {"each", EFF_OPT_NODE, offsetof(struct find_conf, each)},
    {"row", EFF_OPT_STR, offsetof(struct find_conf, row)},
    {"remote_id", EFF_OPT_STR, offsetof(struct find_conf, remote_id), .flags = EFF_OPT_REQUIRED},
    {"missing", EFF_OPT_ENUM, offsetof(struct find_conf, missing),
     .choices = "choose|refused|applied"},
    {"missing_status", EFF_OPT_NODE, offsetof(struct find_conf, missing_status)},
    {"next", EFF_OPT_NODE, offsetof(struct find_conf, next)},
};

static const enum eff_outcome find_missing[] = {EFF_PENDING, EFF_REFUSED, EFF_APPLIED};

/* `as: company` makes a {found.company}; without it, what is found is the {remote_id}. */
static bool
find_slot(struct eff_compile *c, const struct eff_node *map, eff_str as, size_t *ret_slot)
{
    size_t at = 0;

    *ret_slot = 0;
    if (!as.ptr)
        return true;
    while (at < c->founds_count && !eff_str_eq(c->founds[at], as))
        at++;
    if (as.len == 0 || at == COUNT(c->founds)) {
        eff_compile_fail(c, map, "`as` names what is found, and an operation has at most 3 names");
        return false;
    }
    c->founds[at] = as;
    c->founds_count += at == c->founds_count;
    *ret_slot = at + 1;
    return true;
}

/* "/properties/{match.2.field}" holds the second one's value. */
static size_t
find_nth(eff_str row)
{
    return eff_str_find(row, EFF_STR("{match.1.")) != SIZE_MAX   ? 1
           : eff_str_find(row, EFF_STR("{match.2.")) != SIZE_MAX ? 2
                                                                 : 0;
}

static bool
find_one(struct eff_compile *c, const struct eff_node *map, struct eff_find *find)
{
    struct find_conf conf = {0};
    bool good;

    if (!eff_compile_fill(c, map, find_options, COUNT(find_options), &conf))
        return false;
    *find = (struct eff_find){.only = conf.only,
                              .match = conf.match,
                              .rows_max = (size_t)conf.rows,
                              .row = conf.row,
                              .nth = find_nth(conf.row),
                              .remote_id = conf.remote_id,
                              .missing = find_missing[conf.missing]};
    if (conf.rows > 1 && !conf.row.ptr) {
        eff_compile_fail(c, map, "`row` is missing: the pointer to the match value in a record");
        return false;
    }
    good = eff_compile_call(c, map, &conf.call, FIND_SCOPE | (conf.rows == 1 ? EFF_SCOPE_ROW : 0),
                            &find->call);
    good &= find_slot(c, map, conf.as, &find->slot);
    good &= eff_compile_each(c, conf.each, &find->each);
    good &= eff_compile_marked(c, map, conf.row);
    good &= eff_compile_pointer(c, map, conf.remote_id);
    good &= eff_compile_ints(c, conf.missing_status, &find->missing_status);
    good &= eff_compile_paging(c, conf.next, &find->next);
    return good;
}

/* A wrong path answers 404, too: with `missing: applied` that would be a removal that is done. */
static bool
find_proven(struct eff_compile *c, const struct eff_node *map, const struct eff_operation *op)
{
    for (size_t i = 0; i < op->finds_count; i++) {
        if (op->finds[i].missing != EFF_APPLIED || !op->finds[i].missing_status.count)
            continue;
        eff_problem_add(c->problems, map->place, EFF_CONNECTOR_CODE,
                        EFF_STR("Instead of `missing_status`, give a rule in `errors`: {status: "
                                "404, code: ..., then: missing}."),
                        "with `missing: applied`, a status alone would make a removal done: a "
                        "wrong path or a proxy answers so, too");
        return false;
    }
    return true;
}

/* One, or a list of them that are made one after the other. */
static bool
find_whole(struct eff_compile *c, const struct eff_node *node, struct eff_operation *op)
{
    bool list = node->kind == EFF_NODE_LIST, good = true;
    size_t count = list ? node->count : 1;
    struct eff_find *finds = eff_new(c->arena, struct eff_find, count);

    if (count > EFF_FINDS_MAX) {
        eff_compile_fail(c, node, "more than 8 requests that find something");
        return false;
    }
    for (size_t i = 0; i < count; i++)
        good &= find_one(c, list ? &node->values[i] : node, &finds[i]);
    op->finds = finds;
    op->finds_count = count;
    return good;
}

struct find_ref_conf {
    int missing;
    struct eff_str_list only;
};

static const struct eff_option find_ref_options[] = {
    {"missing", EFF_OPT_ENUM, offsetof(struct find_ref_conf, missing), .flags = EFF_OPT_REQUIRED,
     .choices = "choose|refused|applied"},
    {"only", EFF_OPT_LIST, offsetof(struct find_ref_conf, only)},
};

/* Of the requests that are shared, those that are for one of the objects. */
static void
find_narrow(const struct eff_str_list *only, struct eff_find *finds, size_t *count)
{
    size_t kept = 0;

    for (size_t i = 0; i < *count; i++) {
        bool common = finds[i].only.count == 0;

        for (size_t k = 0; k < finds[i].only.count * only->count; k++)
            common |= eff_str_eq(finds[i].only.at[k / only->count], only->at[k % only->count]);
        if (!common)
            continue;
        finds[kept] = finds[i];
        finds[kept++].only = *only;
    }
    *count = kept;
}

static bool
find_has_request(const struct eff_node *map)
{
    return map->kind != EFF_NODE_MAP || eff_node_get(map, "get") || eff_node_get(map, "post");
}

/* A find of its own, or `{missing: ...}` with the one that all operations share. */
bool
eff_compile_find(struct eff_compile *c, const struct eff_node *map, struct eff_operation *op)
{
    struct find_ref_conf conf = {0};
    struct eff_find *finds;

    c->founds_count = 0;
    if (!map)
        return true;
    if (!c->find || find_has_request(map))
        return find_whole(c, map, op) && find_proven(c, map, op);
    if (!eff_compile_fill(c, map, find_ref_options, COUNT(find_ref_options), &conf) ||
        !find_whole(c, c->find, op))
        return false;
    finds = (struct eff_find *)op->finds;
    for (size_t i = 0; i < op->finds_count; i++)
        finds[i].missing = find_missing[conf.missing];
    if (conf.only.count > 0)
        find_narrow(&conf.only, finds, &op->finds_count);
    return find_proven(c, map, op);
}
