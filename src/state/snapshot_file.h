/*
 * state/snapshot_file: the bytes of a generation on disk, for snapshot.c and snapshot_write.c.
 *
 *   snapshot-<20 digits>      header, then blocks of 64 KiB (the last one as long as it is)
 *   identities-<20 digits>    header of 40 bytes, then the identities of each block
 *
 * All numbers little-endian. Header of a snapshot:
 *
 *   8  magic "EFFSNAP\n"      4  format      4  bytes of the header
 *   8  checksum of the header with zeroes in this place
 *   8  file id, random        8  generation
 *   8  entries                8 + 8  multiset digest of the entries
 *   8  blocks                 8  entries in the last block
 *   8  bytes of the identities' file, 0: there is none
 *   4  columns, and for each: 8 id, field, 4 inputs, inputs (texts: 4 length, bytes)
 *   zeroes up to a multiple of 64
 *
 * Checksums are XXH3 seeded with the file id (and the number of the block), so
 * that a block which strayed here from another place or file does not fit. A
 * block holds the checksum of its identities: 4 length (UINT32_MAX: none), bytes
 * for each of its entries in turn.
 */
#ifndef EFF_STATE_SNAPSHOT_FILE_H
#define EFF_STATE_SNAPSHOT_FILE_H

#include "state/snapshot.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "snapshot blocks are used as they lie in the file"
#endif

#define SNAPSHOT_MAGIC            EFF_STR("EFFSNAP\n")
#define SNAPSHOT_IDENTITIES_MAGIC EFF_STR("EFFIDEN\n")
#define SNAPSHOT_FORMAT           1
#define SNAPSHOT_HEADER_MAX       ((uint32_t)16 << 20)
#define SNAPSHOT_CHECKSUM_AT      16
#define SNAPSHOT_IDENTITIES_AT    40 /* where the first identity is */

#define SNAPSHOT_BLOCK         65536
#define SNAPSHOT_BLOCK_HEAD    40
#define SNAPSHOT_BLOCK_ENTRIES 2729
/* A block ends early when its identities are this many bytes; one identity may be as long. */
#define SNAPSHOT_IDENTITY_MAX   ((size_t)1 << 20)
#define SNAPSHOT_IDENTITIES_MAX (2 * SNAPSHOT_IDENTITY_MAX + 4)

struct snapshot_block {
    uint64_t checksum; /* of the rest, as far as there are entries */
    uint64_t index;
    uint32_t count;
    uint32_t identities_bytes;
    uint64_t identities_offset;
    uint64_t identities_checksum;
    struct eff_entry entries[SNAPSHOT_BLOCK_ENTRIES];
};

_Static_assert(sizeof(struct snapshot_block) == SNAPSHOT_BLOCK, "a block is 64 KiB");
_Static_assert(sizeof(struct eff_entry) == 24, "an entry is 24 bytes");
_Static_assert(offsetof(struct snapshot_block, entries) == SNAPSHOT_BLOCK_HEAD, "no gaps");

struct snapshot_layout { /* of a header, besides struct eff_snapshot_head */
    uint32_t header_bytes;
    uint64_t file_id;
    uint64_t blocks;
    uint64_t last_count;
    uint64_t identities_bytes;
};

static inline size_t
snapshot_block_bytes(uint32_t count)
{
    return SNAPSHOT_BLOCK_HEAD + count * sizeof(struct eff_entry);
}

static inline uint64_t
snapshot_block_checksum(uint64_t file_id, const struct snapshot_block *block)
{
    return eff_xxh3(file_id + block->index, &block->index, snapshot_block_bytes(block->count) - 8);
}

#define SNAPSHOT_NAME_MAX 64
enum snapshot_name {
    SNAPSHOT_NAME_OTHER = 0,
    SNAPSHOT_NAME_ENTRIES,
    SNAPSHOT_NAME_IDENTITIES,
    SNAPSHOT_NAME_LEFT_OVER
};

/* What a file of the folder is by its name, and of which generation. */
enum snapshot_name eff_snapshot_name_read(eff_str name, uint64_t *ret_generation);
/* "<folder>/snapshot-<generation>" or "identities-", and ".tmp" when unfinished; terminated. */
const char *eff_snapshot_path(struct eff_arena *arena, const char *folder, enum snapshot_name kind,
                              uint64_t generation, bool unfinished);

#endif
