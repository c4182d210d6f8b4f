/*
 * plan/pack: counting rows and bytes against the limits of an operation.
 */
#include "plan/pack.h"

#define PACK_ROWS_DEFAULT 1000

static size_t
pack_rows_max(const struct eff_op_limits *limits)
{
    return limits->rows_max ? limits->rows_max : PACK_ROWS_DEFAULT;
}

bool
eff_packer_full(const struct eff_packer *packer, const struct eff_op_limits *limits, enum eff_op op,
                enum eff_group group, size_t item_bytes)
{
    size_t rows = packer->open[op][group].rows;
    size_t bytes = packer->open[op][group].bytes;

    if (rows == 0)
        return false;
    if (rows >= pack_rows_max(&limits[op]))
        return true;
    return limits[op].bytes_max > 0 && bytes + item_bytes > limits[op].bytes_max;
}

void
eff_packer_add(struct eff_packer *packer, enum eff_op op, enum eff_group group, size_t item_bytes)
{
    packer->open[op][group].rows++;
    packer->open[op][group].bytes += item_bytes;
}

size_t
eff_packer_cut(struct eff_packer *packer, enum eff_op op, enum eff_group group)
{
    size_t bytes = packer->open[op][group].bytes;

    packer->open[op][group].rows = 0;
    packer->open[op][group].bytes = 0;
    return bytes;
}

struct pack_open {
    struct eff_batch_ref *ref;
    size_t bytes;
};

static bool
pack_fits(const struct pack_open *open, const struct eff_chunk *chunk,
          const struct eff_op_limits *limits)
{
    if (!open->ref || open->ref->rows + chunk->rows > pack_rows_max(limits))
        return false;
    return limits->bytes_max == 0 || open->bytes + chunk->estimate <= limits->bytes_max;
}

struct eff_batch_ref *
eff_pack_batches(const struct eff_chunk *chunks, size_t count, const struct eff_op_limits *limits,
                 bool (*held)(void *self, const struct eff_chunk *chunk), void *self,
                 struct eff_arena *arena, size_t *ret_count)
{
    struct eff_batch_ref *batches = eff_new(arena, struct eff_batch_ref, count + 1);
    struct pack_open open[EFF_OPS_COUNT][EFF_GROUPS_COUNT] = {0};
    size_t at = 0;

    for (size_t turn = 0; turn < 2 * count; turn++) {
        size_t i = turn < count ? turn : turn - count;
        const struct eff_chunk *chunk = &chunks[i];
        struct pack_open *batch = &open[chunk->op][chunk->group];

        if ((chunk->group == EFF_GROUP_MOVED) != (turn < count))
            continue;
        if (!pack_fits(batch, chunk, &limits[chunk->op])) {
            batch->ref = &batches[at++];
            batch->bytes = 0;
            *batch->ref = (struct eff_batch_ref){.op = chunk->op,
                                                 .group = chunk->group,
                                                 .held = held(self, chunk),
                                                 .first_chunk = i};
        }
        batch->ref->rows += chunk->rows;
        batch->ref->chunks++;
        batch->bytes += chunk->estimate;
    }
    *ret_count = at;
    return batches;
}
