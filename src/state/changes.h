/*
 * state/changes: the change file, which is the journal of a run.
 *
 * Written once, fsynced before anything is sent, never changed: the frozen items
 * in chunks of one operation each, every chunk with a checksum; then the table of
 * batches, and a footer. A batch is one or more chunks of the same operation, so
 * that batch limits may depend on how many rows there are in all. After a crash the
 * same batches with the same bytes are delivered.
 */
#ifndef EFF_STATE_CHANGES_H
#define EFF_STATE_CHANGES_H

#include "flow/delivery.h"
#include "os/os.h"

/* What an item becomes in the snapshot once it is acknowledged. */
struct eff_acknowledged {
    struct eff_hash128 key;
    uint64_t row;     /* row hash to record; unused when the operation removes */
    eff_str identity; /* ptr == NULL: none is kept */
    /*
     * What is kept when it is not, or not all: with item->leaving, or of a record that was another
     * row's.
     */
    eff_str unsure;
};

struct eff_changes_names {
    eff_str object;
    size_t match_count;
    const eff_str *match_names;
    size_t fields_count;
    const eff_str *field_names;
};

/*
 * What a guard may hold as a whole is kept in chunks of its own, and so are rows that
 * leave the snapshot without anything being sent (op NONE): another row stands for
 * their record now.
 */
enum eff_group {
    EFF_GROUP_FREE = 0,
    EFF_GROUP_GUARDED,
    EFF_GROUP_RELEASED, /* their records stay: only the snapshot forgets them */
    EFF_GROUP_LOST,     /* the same for removals whose keys were not kept, once that is approved */
    EFF_GROUP_MOVED,    /* they take their records along: before others want what they leave */
    EFF_GROUPS_COUNT
};

struct eff_chunk {
    uint64_t offset;
    uint32_t bytes;
    uint32_t rows;
    enum eff_op op;
    enum eff_group group;
    size_t estimate; /* bytes in a request body, as the destination estimated */
};

struct eff_batch_ref {
    enum eff_op op;
    enum eff_group group;
    bool held; /* a guard holds it: not sent by this run, and not settled */
    uint32_t rows;
    size_t first_chunk; /* chunks of the same op and group from here on, until `chunks` are taken */
    size_t chunks;
};

struct eff_changes_writer;

/* With `unnamed`, path is a folder and the file vanishes with its handle: for plan. */
enum eff_fault eff_changes_create(struct eff_os *os, const char *path, bool unnamed,
                                  const struct eff_changes_names *names, struct eff_arena *run,
                                  struct eff_changes_writer **ret_writer, struct eff_err *err);
/* Appends one item to the open chunk of its operation; fields that are not sent are EFF_ABSENT. */
enum eff_fault eff_changes_add(struct eff_changes_writer *writer, enum eff_op op,
                               enum eff_group group, const struct eff_item *item,
                               const struct eff_acknowledged *ack, struct eff_err *err);
/* Ends the open chunk of that operation: the limit of a batch was reached. */
enum eff_fault eff_changes_cut(struct eff_changes_writer *writer, enum eff_op op,
                               enum eff_group group, size_t estimate, struct eff_err *err);
/* Ends all chunks and lists them; the caller packs them into batches. */
enum eff_fault eff_changes_chunks(struct eff_changes_writer *writer, size_t *ret_count,
                                  const struct eff_chunk **ret_chunks, struct eff_err *err);
/* Writes table and footer, fsyncs file and folder. ret_digest is the digest of the whole. */
enum eff_fault eff_changes_seal(struct eff_changes_writer *writer,
                                const struct eff_batch_ref *batches, size_t count,
                                uint64_t *ret_digest, struct eff_err *err);
void eff_changes_writer_close(struct eff_changes_writer *writer);

struct eff_changes;

/* A file without its footer, or with a wrong digest or checksum, is EFF_BROKEN. */
enum eff_fault eff_changes_open(struct eff_os *os, const char *path, struct eff_arena *run,
                                struct eff_changes **ret_changes, struct eff_err *err);
const struct eff_changes_names *eff_changes_names(const struct eff_changes *changes);
uint64_t eff_changes_digest(const struct eff_changes *changes);
size_t eff_changes_count(const struct eff_changes *changes,
                         const struct eff_batch_ref **ret_batches);
/* Everything is copied into arena; ret_acks (may be NULL) runs parallel to the items. */
enum eff_fault eff_changes_load(struct eff_changes *changes, size_t batch, struct eff_arena *arena,
                                struct eff_delivery *ret_delivery,
                                struct eff_acknowledged **ret_acks, struct eff_err *err);
void eff_changes_close(struct eff_changes *changes);

/*
 * Removes the change files in the folder of a sync that has no open run: those of processes that
 * died before they had sent anything. First `state`, the folder of control.db, is made durable: a
 * commit may have failed, and its log been removed, without that being so. A power loss would bring
 * the log back, and with it a plan that was taken for unwritten.
 */
enum eff_fault eff_changes_sweep(struct eff_os *os, const char *state, const char *folder,
                                 struct eff_arena scratch, struct eff_err *err);

#endif
