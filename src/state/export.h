/*
 * state/export: a state folder, copied: its files, and a manifest that vouches for them.
 *
 * An export is a state folder without lock files and with EXPORT.json, which is
 * written last: without it the export is incomplete, and refused. The manifest lists
 * every file with its length and SHA-256, and ends with a digest of itself.
 *
 * Files of a state are never changed, only replaced: what is open can be copied
 * while a run makes the next generation.
 *
 * Not here: which syncs, and their locks (run/verbs_state).
 */
#ifndef EFF_STATE_EXPORT_H
#define EFF_STATE_EXPORT_H

#include "base/hash.h"
#include "os/os.h"

#define EFF_EXPORT_MANIFEST   "EXPORT.json"
#define EFF_EXPORT_CONTROL    "control.db"
#define EFF_EXPORT_UNFINISHED "control.db.new" /* the control file of an export under way */
#define EFF_IMPORT_STAGE      ".import"        /* where an import keeps what it has copied */

struct eff_export_file {
    eff_str name;
    uint64_t bytes;
    struct eff_sha256 digest;
};

struct eff_export_sync {
    eff_str name;
    uint64_t generation; /* 0: nothing was delivered yet */
    uint64_t rows;
    size_t columns_count;
    const eff_str *columns; /* destination fields */
    eff_str open_run;       /* planned and not closed; ptr == NULL: none */
    size_t files_count;
    struct eff_export_file *files;
    bool no_folder;
};

struct eff_export {
    eff_str efferent; /* version that wrote it */
    eff_str project;
    eff_str target; /* ptr == NULL: none */
    int64_t when_ms;
    struct eff_export_file control;
    size_t syncs_count;
    struct eff_export_sync *syncs;
};

/* True for a name that a sync can have: it becomes the name of a folder. */
bool eff_export_sync_name(eff_str name);

/* ---- one sync ---- */

/* The files of one sync, open: they stay readable when a later run removes them. */
struct eff_export_files;

/* Its lock is held. open_run: of the control file. Fills ret_sync but for the digests. */
enum eff_fault eff_export_open(struct eff_os *os, const char *folder, eff_str sync,
                               eff_str open_run, struct eff_arena *arena,
                               struct eff_export_files **ret_files,
                               struct eff_export_sync *ret_sync, struct eff_err *err);
/* Copies them into the folder `to`, which is made; the lock is not needed any more. */
enum eff_fault eff_export_copy(struct eff_export_files *files, struct eff_export_sync *sync,
                               const char *to, struct eff_arena scratch, struct eff_err *err);
void eff_export_close(struct eff_export_files *files); /* NULL is fine */

/* ---- one file ---- */

/* Length and digest of a file. */
enum eff_fault eff_export_digest(struct eff_os *os, const char *path, struct eff_arena scratch,
                                 struct eff_export_file *ret_file, struct eff_err *err);
/* Copies to a new file of mode 0600, fsynced; ret_file gets length and digest. */
enum eff_fault eff_export_copy_file(struct eff_os *os, struct eff_file *from, const char *to,
                                    struct eff_arena scratch, struct eff_export_file *ret_file,
                                    struct eff_err *err);

/* ---- the manifest ---- */

/* Writes EXPORT.json into the folder and fsyncs it: the export is complete with that. */
enum eff_fault eff_export_commit(struct eff_os *os, const char *folder,
                                 const struct eff_export *export_, struct eff_err *err);
/* Refuses what is no export, an incomplete one, and a manifest that was changed. */
enum eff_fault eff_export_read(struct eff_os *os, const char *folder, struct eff_arena *arena,
                               struct eff_export *ret_export, struct eff_err *err);
/* All files that the manifest lists, against it. Names the first one that does not fit. */
enum eff_fault eff_export_verify(struct eff_os *os, const char *folder,
                                 const struct eff_export *export_, struct eff_arena scratch,
                                 struct eff_err *err);

/* ---- import ---- */

/*
 * Copies an export that was verified into a folder that does not exist, is empty, or holds
 * what an import left that died. Whatever happens, the folder has no control file and is
 * refused as a state, or is whole.
 */
enum eff_fault eff_import(struct eff_os *os, const char *from, const struct eff_export *export_,
                          const char *to, struct eff_arena scratch, struct eff_err *err);

#endif
