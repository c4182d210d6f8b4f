/*
 * plan/identity: the identity of a field with its compiled mapping.
 *
 * Private to plan/.
 */
#ifndef EFF_PLAN_IDENTITY_H
#define EFF_PLAN_IDENTITY_H

#include "base/arena.h"
#include "base/buf.h"
#include "flow/mapping.h"

/*
 * From name, names of the input columns (in lower case), template or constant,
 * transforms and null policy; never from column indexes, places or addresses.
 * Pairs of a map must be in byte order of `from`. buf is scratch.
 */
uint64_t eff_identity_of_field(const struct eff_field *field, struct eff_buf *buf,
                               struct eff_arena scratch);

#endif
