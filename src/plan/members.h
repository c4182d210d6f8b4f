/*
 * plan/members: the identifiers of a list's member, kept so that it can be taken out again.
 *
 * A member is the row of values that the connector's `remove` uses: match values, fields,
 * or both, as they are sent (hashed, when they are). NULL and "" are no identifiers. What is
 * kept of a row is nearly always one member; after an answer that was lost or a refusal it is
 * the new one and those of before, because any of them may be on the list.
 */
#ifndef EFF_PLAN_MEMBERS_H
#define EFF_PLAN_MEMBERS_H

#include "plan/items.h"

#define EFF_MEMBERS_MAX 32 /* of one row; a bit each in eff_change.claimed */

struct eff_members {
    size_t count, width;  /* width: match values, then fields; EFF_ABSENT is no identifier */
    struct eff_value *at; /* count * width */
};

/* The members that an identity knows. Borrows from its bytes. */
bool eff_members_read(const struct eff_planner *planner, eff_str identity, struct eff_arena *arena,
                      struct eff_members *ret_members);
/* The member that this row of the model is; false: it cannot be one. */
bool eff_members_of_row(const struct eff_planner *planner, const struct eff_value *row,
                        struct eff_arena *arena, struct eff_members *ret_member,
                        struct eff_err *err);
/* Identifiers by name, as text: what two rows that are one member have in common. */
void eff_members_text(const struct eff_planner *planner, const struct eff_value *member, bool fold,
                      struct eff_arena scratch, struct eff_buf *buf);

/* p has match and fields: what else it is to take out, and what is to be kept. */
enum eff_planned eff_members_add(const struct eff_planner *planner, const struct eff_change *change,
                                 struct eff_arena *arena, struct eff_planned_item *p,
                                 struct eff_err *err);
/* p has everything but what is to be taken out; GONE: other rows stand for all of it. */
enum eff_planned eff_members_remove(const struct eff_planner *planner,
                                    const struct eff_change *change, struct eff_arena *arena,
                                    struct eff_planned_item *p, struct eff_err *err);

#endif
