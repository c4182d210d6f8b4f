/*
 * conf/yaml: YAML text to a tree that knows where everything stood.
 *
 * Wraps libfyaml behind a UTF-8 gate; the only file that includes libfyaml.h is
 * yaml.c. Anchors and aliases are refused in files of ours (a bomb costs nothing
 * to refuse), as are tags, duplicate keys, nesting beyond 32 and files beyond 4 MiB.
 */
#ifndef EFF_CONF_YAML_H
#define EFF_CONF_YAML_H

#include "conf/option.h"

enum eff_node_kind { EFF_NODE_NULL = 1, EFF_NODE_SCALAR, EFF_NODE_LIST, EFF_NODE_MAP };

struct eff_node {
    enum eff_node_kind kind;
    bool quoted;  /* a scalar in quotes or a block: always text */
    bool inlined; /* its text stands in the file byte for byte on one line: see eff_node_place_at */
    eff_str text; /* of a scalar; ${ENV} and ${secret:NAME} not yet replaced */
    struct eff_place place; /* columns count characters; of a block scalar, its first content */
    size_t count;
    const struct eff_node *keys;   /* MAP: scalars */
    const struct eff_node *values; /* MAP and LIST */
};

/* All documents of one file; on a syntax error adds a problem and returns false. */
bool eff_yaml_parse(eff_str text, eff_str file, struct eff_arena *arena, size_t *ret_count,
                    const struct eff_node **ret_documents, struct eff_problems *problems);
/*
 * The same for files of others: anchors, aliases and merge keys are what they stand for. An
 * alias shares its anchor's nodes, and counts for as many values and levels as if it were written out.
 */
bool eff_yaml_parse_aliased(eff_str text, eff_str file, struct eff_arena *arena, size_t *ret_count,
                            const struct eff_node **ret_documents, struct eff_problems *problems);
const struct eff_node *eff_node_get(const struct eff_node *map, const char *key); /* or NULL */
bool eff_node_is(const struct eff_node *scalar, const char *text);
/* Where byte `offset` of the scalar's text stands; the scalar's own place when that is not known. */
struct eff_place eff_node_place_at(const struct eff_node *scalar, size_t offset);

#define EFF_YAML_BYTES_MAX ((size_t)4 << 20)
#define EFF_YAML_DEPTH_MAX 32
#define EFF_YAML_NODES_MAX 200000
#define EFF_YAML_NAMES_MAX 1000 /* anchors of a document, and keys of a map with a merge key */

#endif
