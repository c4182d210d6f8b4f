/* dest/connector_internal: what the files that compile a connector share. */
#ifndef EFF_DEST_CONNECTOR_INTERNAL_H
#define EFF_DEST_CONNECTOR_INTERNAL_H

#include "dest/connector.h"

#define EFF_CONNECTOR_CODE "EFF1104"

struct eff_compile {
    struct eff_arena *arena;
    struct eff_problems *problems;
    struct eff_connector *connector;
    const struct eff_node *answers; /* `answers:`, named; or NULL */
    const struct eff_node *find;    /* `find:`, shared by operations; or NULL */
    const struct eff_node *jobs;    /* `jobs:`, named; or NULL */
    bool project;                   /* sections that stand in the project's own block */
    size_t founds_count;            /* names of {found.x} in the operation at hand, by slot - 1 */
    eff_str founds[EFF_FOUNDS_MAX - 1];
};

/* The tables' helper: fills config from the map, and refuses anything that is not one. */
bool eff_compile_fill(struct eff_compile *c, const struct eff_node *map,
                      const struct eff_option *options, size_t count, void *config);
void eff_compile_fail(struct eff_compile *c, const struct eff_node *node, const char *what);

struct eff_scope eff_compile_scope(struct eff_compile *c, unsigned allows);
bool eff_compile_text(struct eff_compile *c, const struct eff_node *node, unsigned allows,
                      struct eff_text *ret_text); /* NULL node: nothing is written */
/* Names of hosts, and no addresses; a wildcard only below what can be a vendor's own domain. */
bool eff_compile_hosts(struct eff_compile *c, const struct eff_node *node);
/* An https address whose host is among `hosts`; not `whole`: it goes on with a reference. */
bool eff_compile_leads(struct eff_compile *c, struct eff_place place, eff_str address, bool whole);
/* A text that is an address: as far as it is literal, it leads to where the file may go. */
bool eff_compile_address(struct eff_compile *c, const struct eff_node *node, unsigned allows,
                         struct eff_text *ret_text);
bool eff_compile_ints(struct eff_compile *c, const struct eff_node *node,
                      struct eff_ints *ret_ints);
bool eff_compile_pointer(struct eff_compile *c, const struct eff_node *at, eff_str pointer);
/* The same, not required, where rest_pointer() puts in what stands in braces. */
bool eff_compile_marked(struct eff_compile *c, const struct eff_node *at, eff_str pointer);
/* One such pointer or a list of them; "" is the whole. */
bool eff_compile_each(struct eff_compile *c, const struct eff_node *node,
                      struct eff_str_list *ret_list);
bool eff_compile_test(struct eff_compile *c, const struct eff_node *node,
                      struct eff_test *ret_test);
/* One test or a list of which all must hold. */
bool eff_compile_tests(struct eff_compile *c, const struct eff_node *node,
                       struct eff_tests *ret_tests);
bool eff_compile_pairs(struct eff_compile *c, const struct eff_node *map, unsigned allows,
                       bool query, size_t *ret_count, const struct eff_pair **ret_pairs);
/* A pointer to its own number, or to an option: 100 or "{option}". */
bool eff_compile_number(struct eff_compile *c, const struct eff_node *node, int64_t *ret_number,
                        size_t *ret_option);

/* The option of that name; SIZE_MAX where none is named. */
bool eff_compile_when(struct eff_compile *c, const struct eff_node *map, eff_str name,
                      size_t *ret_option);

/* The request that stands in the map under get:, post: ...; other keys are left to the caller. */
struct eff_call_conf {
    const struct eff_node *get_node, *post_node, *put_node, *patch_node, *delete_node;
    const struct eff_node *base, *query, *headers, *json, *form, *csv, *text;
    eff_str content_type, limit;
    int64_t timeout_ms;
};
#define EFF_CALL_OPTIONS(type, member)                                                             \
    {"get", EFF_OPT_NODE, offsetof(type, member.get_node)},                                        \
        {"post", EFF_OPT_NODE, offsetof(type, member.post_node)},                                  \
        {"put", EFF_OPT_NODE, offsetof(type, member.put_node)},                                    \
        {"patch", EFF_OPT_NODE, offsetof(type, member.patch_node)},                                \
        {"delete", EFF_OPT_NODE, offsetof(type, member.delete_node)},                              \
        {"base", EFF_OPT_NODE, offsetof(type, member.base)},                                       \
        {"query", EFF_OPT_NODE, offsetof(type, member.query)},                                     \
        {"headers", EFF_OPT_NODE, offsetof(type, member.headers)},                                 \
        {"json", EFF_OPT_NODE, offsetof(type, member.json)},                                       \
        {"form", EFF_OPT_NODE, offsetof(type, member.form)},                                       \
        {"csv", EFF_OPT_NODE, offsetof(type, member.csv)},                                         \
        {"text", EFF_OPT_NODE, offsetof(type, member.text)},                                       \
        {"content_type", EFF_OPT_STR, offsetof(type, member.content_type)},                        \
        {"limit", EFF_OPT_STR, offsetof(type, member.limit)},                                      \
    {                                                                                              \
        "timeout", EFF_OPT_TIME, offsetof(type, member.timeout_ms)                                 \
    }

bool eff_compile_call(struct eff_compile *c, const struct eff_node *map,
                      const struct eff_call_conf *conf, unsigned allows, struct eff_call *ret_call);
bool eff_compile_paging(struct eff_compile *c, const struct eff_node *map, struct eff_paging *ret);
bool eff_compile_error_at(struct eff_compile *c, const struct eff_node *map,
                          struct eff_error_at *ret_at);

/* The larger sections. */
bool eff_compile_moves(struct eff_compile *c, const struct eff_node *list);
bool eff_compile_operations(struct eff_compile *c, const struct eff_node *map);
/* NULL map: the operation looks for nothing. */
bool eff_compile_find(struct eff_compile *c, const struct eff_node *map, struct eff_operation *op);
bool eff_compile_objects(struct eff_compile *c, const struct eff_node *map);
bool eff_compile_checks(struct eff_compile *c, const struct eff_node *node);
bool eff_compile_reading(struct eff_compile *c, const struct eff_node *node);
bool eff_compile_errors(struct eff_compile *c, const struct eff_node *list);
bool eff_compile_answer(struct eff_compile *c, const struct eff_node *map, bool one_row,
                        struct eff_answer *ret_answer);
bool eff_compile_job(struct eff_compile *c, const struct eff_node *map, struct eff_job *ret_job);
bool eff_compile_results(struct eff_compile *c, const struct eff_node *map,
                         enum eff_outcome outcome, bool csv, struct eff_results *ret_results);

#endif
