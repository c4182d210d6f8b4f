/*
 * plan/items: what each change means for the destination.
 *
 * Turns a change and its row into the operation and the frozen item, by the
 * modes table of the product page. Changed rows only come here: mapping costs
 * nothing for the rest.
 */
#ifndef EFF_PLAN_ITEMS_H
#define EFF_PLAN_ITEMS_H

#include "conf/project.h"
#include "dest/dest.h"
#include "flow/change.h"
#include "state/changes.h"

struct eff_planner {
    const struct eff_mapping *mapping;
    enum eff_mode mode;
    enum eff_removed on_removed;
    const struct eff_op_limits *limits;
    bool with_identities;
    const bool *field_added; /* mapping->fields_count: new since the snapshot; for COLUMNS */
    bool any_added;
    eff_str sync, object;
    eff_str secret;       /* of the sync: idempotency keys are made with it */
    uint64_t incarnation; /* of the next change's key: how often it needed another */
};

enum eff_planned {
    EFF_PLANNED_SEND = 1, /* ret_item */
    EFF_PLANNED_FOLLOW,   /* nothing to send; the snapshot follows: EFF_OP_NONE with ret_ack */
    EFF_PLANNED_LEAVE,    /* counted unchanged */
    EFF_PLANNED_GONE,     /* vanished under on_removed: keep; or other rows are that member */
    EFF_PLANNED_LOST,     /* to be removed, but its key was not kept: EFF_OP_NONE with ret_ack */
    EFF_PLANNED_INVALID,  /* err says why: the row cannot be sent as it is */
    EFF_PLANNED_HELD,     /* err says why: the match value changed and cannot be followed */
};

struct eff_planned_item {
    enum eff_op op;
    struct eff_item item;
    struct eff_acknowledged ack;
};

/*
 * row is the change's row (NULL for REMOVE and REBASE), key_json its key. What is
 * returned lives in arena or borrows from row and change.
 */
enum eff_planned eff_plan_change(const struct eff_planner *planner, const struct eff_change *change,
                                 const struct eff_value *row, struct eff_arena *arena,
                                 struct eff_planned_item *ret_planned, struct eff_err *err);

/* The operation for a new row, or for one that changed: EFF_OP_NONE when it is left alone. */
enum eff_op eff_plan_write_op(enum eff_mode mode, bool is_new);
/* The operation for a vanished row: EFF_OP_NONE when it is kept. */
enum eff_op eff_plan_removal_op(enum eff_mode mode, enum eff_removed on_removed);

/* What is kept of an acknowledged row so that it can be removed or found again. */
struct eff_identity {
    eff_str key_json;
    eff_str remote_id;
    struct eff_value *match; /* match_count of them */
};

void eff_identity_write(struct eff_buf *buf, eff_str key_json, eff_str remote_id,
                        const struct eff_value *match, size_t match_count);
bool eff_identity_read(eff_str bytes, size_t match_count, struct eff_arena *arena,
                       struct eff_identity *ret_identity);

#endif
