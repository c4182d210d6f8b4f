/*
 * deliver/look: was a create whose answer was lost applied? The record tells.
 */
#ifndef EFF_DELIVER_LOOK_H
#define EFF_DELIVER_LOOK_H

#include "dest/dest.h"

/* How long after the lost answer to look, and between the two looks, unless the operation says. */
#define EFF_LOOK_LAG_MS 1000

/*
 * Is the value that was read back the one that was sent? Texts without the blanks around
 * them, numbers however they are written, points in time to the precision that came back, and
 * one without a zone (DATETIME) in whatever zone; NULL and "" are one, as vendors have it. What is
 * not told (ABSENT) contradicts nothing.
 */
bool eff_look_equal(const struct eff_value *sent, const struct eff_value *found);
/*
 * Certainly not the one that was sent: neither equal, nor a time in a form of which nobody can tell
 * what time it is, like a date in a user's own form.
 */
bool eff_look_differs(const struct eff_value *sent, const struct eff_value *found);
/*
 * Not the same, and yet what became of it, as vendors write things: in other letters or without
 * the marks between them, cut, rounded, as a list or a time in words of their own.
 */
bool eff_look_alike(const struct eff_value *sent, const struct eff_value *found);
/* The task that reads those items of a delivery back, by their match values. */
struct eff_task eff_look_task(const struct eff_delivery *delivery, const size_t *items,
                              size_t count, struct eff_arena *arena);
/*
 * There with our values: applied. There with other values: refused, because it is
 * not ours to change. Not there: not applied.
 */
struct eff_verdict eff_look_judge(const struct eff_delivery *delivery, const struct eff_item *item,
                                  const struct eff_record *record);

#endif
