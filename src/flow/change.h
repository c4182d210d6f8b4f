/*
 * flow/change: what the diff found out about one key.
 */
#ifndef EFF_FLOW_CHANGE_H
#define EFF_FLOW_CHANGE_H

#include "base/hash.h"
#include "base/str.h"

enum eff_change_kind {
    EFF_CHANGE_END = 0,
    EFF_CHANGE_ADD,       /* not in the snapshot */
    EFF_CHANGE_CHANGE,    /* in it with other values */
    EFF_CHANGE_COLUMNS,   /* values as before, but columns were added to the mapping */
    EFF_CHANGE_REBASE,    /* values as before; only the hash must follow the mapping: not sent */
    EFF_CHANGE_REMOVE,    /* in the snapshot, not in a complete read */
    EFF_CHANGE_DUPLICATE, /* `rows` rows share the key: the whole group is invalid */
    EFF_CHANGE_TWIN,      /* another key has its match value: both are invalid */
};

struct eff_change {
    enum eff_change_kind kind;
    struct eff_hash128 key;
    uint64_t row_hash; /* to be recorded when acknowledged; 0 for REMOVE */
    uint64_t old_hash; /* as it was recorded last; of one row that is in the snapshot */
    uint64_t rows;     /* 1, or the size of a duplicate group */
    bool in_snapshot;
    /*
     * The row's values as batch/row wrote them; ptr == NULL for REMOVE, REBASE,
     * and for a changed row whose content was not kept in the one read (a false
     * positive of the filter): the caller reads those keys again.
     */
    eff_str content;
    /* Key, match values and remote id as last acknowledged; ptr == NULL when none are kept. */
    eff_str identity;
    bool passed_on; /* that identity was another row's: its record is this row's from now on */
    /* Members of that identity, a bit each, that other rows stand for: run has looked, and they stay. */
    bool looked;
    uint32_t claimed;
};

#endif
