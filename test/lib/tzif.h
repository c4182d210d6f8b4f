/*
 * lib/tzif: a file of the time zone database with nothing but a rule, for tests that need no
 * database.
 */
#ifndef EFF_TEST_LIB_TZIF_H
#define EFF_TEST_LIB_TZIF_H

#include "base/buf.h"
#include "base/zone.h"

/* Header and data twice, without a change and with one type: UTC. */
static inline void
tzif_of(struct eff_buf *buf, const char *rule)
{
    static const char head[] = "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                               "\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4\0\0\0\0\0\0UTC";

    eff_buf_reset(buf);
    for (int i = 0; i < 2; i++)
        eff_buf_add(buf, (eff_str){head, sizeof(head)});
    eff_buf_addf(buf, "\n%s\n", rule);
}

static inline const struct eff_zone *
tzif_zone(const char *rule, struct eff_arena *arena)
{
    const struct eff_zone *zone = NULL;
    struct eff_buf buf = {0};
    struct eff_err err = {0};

    tzif_of(&buf, rule);
    (void)eff_zone_parse(eff_buf_str(&buf), arena, &zone, &err);
    eff_buf_free(&buf);
    return zone;
}

#endif
