/*
 * deliver/hope: whether refusals are still a matter of single rows.
 *
 * When a field over there has changed its type, its choices, or became required, each row is
 * refused on its own, and a million of them would be. So the first rows that get a verdict are
 * a sample: too many refusals for one cause among them, or nothing but refusals, end the run.
 */
#ifndef EFF_DELIVER_HOPE_H
#define EFF_DELIVER_HOPE_H

#include "flow/delivery.h"

#define EFF_HOPE_ROWS   200 /* the sample */
#define EFF_HOPE_CAUSES 16  /* told apart in it */

struct eff_hope_cause {
    eff_str code, field;
    size_t rows;
};

struct eff_hope {
    bool hopeful;     /* rows were accepted: many refusals in a row prove nothing */
    double same_most; /* percent of the sample that one cause may refuse; 100 or more: any */
    size_t refused_from_start;
    size_t judged;
    size_t causes_count;
    struct eff_hope_cause causes[EFF_HOPE_CAUSES];
};

/*
 * One more verdict; `known`: the row was refused before, and says nothing about today. Not
 * EFF_OK: no more rows should be sent. What is kept of the verdict is copied into the arena.
 */
enum eff_fault eff_hope_judge(struct eff_hope *hope, const struct eff_verdict *verdict, bool known,
                              struct eff_arena *arena, struct eff_err *err);

#endif
