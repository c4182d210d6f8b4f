/*
 * plan/pack: rows into chunks while they are planned, chunks into batches after.
 *
 * Chunks keep to the limits for few rows; when the number of rows calls for a
 * bulk operation, whose limits are larger, several chunks become one batch.
 */
#ifndef EFF_PLAN_PACK_H
#define EFF_PLAN_PACK_H

#include "dest/dest.h"
#include "state/changes.h"

struct eff_packer {
    struct {
        size_t rows, bytes;
    } open[EFF_OPS_COUNT][EFF_GROUPS_COUNT];
};

/* True when the open chunk must be cut before an item of that size is added. */
bool eff_packer_full(const struct eff_packer *packer, const struct eff_op_limits *limits,
                     enum eff_op op, enum eff_group group, size_t item_bytes);
void eff_packer_add(struct eff_packer *packer, enum eff_op op, enum eff_group group,
                    size_t item_bytes);
/* Bytes of the chunk that is being cut; the next one starts. */
size_t eff_packer_cut(struct eff_packer *packer, enum eff_op op, enum eff_group group);

/*
 * Batches of all chunks, in the order of the file but for those of EFF_GROUP_MOVED, which come first; those of chunks that `held` names
 * are marked so. limits are those for the number of rows that there are.
 */
struct eff_batch_ref *eff_pack_batches(const struct eff_chunk *chunks, size_t count,
                                       const struct eff_op_limits *limits,
                                       bool (*held)(void *self, const struct eff_chunk *chunk),
                                       void *self, struct eff_arena *arena, size_t *ret_count);

#endif
