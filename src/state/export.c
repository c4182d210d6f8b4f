/*
 * state/export: copying the files of a sync, and checking them against a manifest.
 */
#include "state/export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/digest.h"
#include "state/snapshot_file.h"

#define EXPORT_PIECE     ((size_t)1 << 20)
#define EXPORT_NAME_MAX  64 /* of a sync, as conf/check has it */
#define EXPORT_CHANGES   "changes-"
#define EXPORT_HISTORY   "history-"
#define EXPORT_OPEN_MOST 3 /* snapshot, identities, change file */

struct eff_export_files {
    struct eff_os *os;
    const char *folder;
    /* By index of the sync's files; NULL: a history file, which is opened when its turn comes. */
    struct eff_file *open[EXPORT_OPEN_MOST];
    size_t open_count;
};

bool
eff_export_sync_name(eff_str name)
{
    bool ok = name.len > 0 && name.len <= EXPORT_NAME_MAX && name.ptr[0] != '-';

    for (size_t i = 0; ok && i < name.len; i++) {
        char c = name.ptr[i];

        ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-';
    }
    return ok;
}

/* ---- one file ---- */

static enum eff_fault
export_pieces(struct eff_os *os, struct eff_file *from, struct eff_file *to,
              struct eff_arena scratch, struct eff_digest *digest, uint64_t *ret_bytes,
              struct eff_err *err)
{
    char *piece = eff_arena_alloc(&scratch, 1, 1, EXPORT_PIECE);
    size_t len;

    *ret_bytes = 0;
    do {
        EFF_TRY(os->read(from, *ret_bytes, piece, EXPORT_PIECE, &len, err));
        if (to && len > 0)
            EFF_TRY(os->write(to, *ret_bytes, piece, len, err));
        eff_digest_add(digest, piece, len);
        *ret_bytes += len;
    } while (len == EXPORT_PIECE);
    return to ? os->sync(to, err) : EFF_OK;
}

static enum eff_fault
export_through(struct eff_os *os, struct eff_file *from, struct eff_file *to,
               struct eff_arena scratch, struct eff_export_file *ret_file, struct eff_err *err)
{
    struct eff_digest *digest = eff_digest_new();
    enum eff_fault fault = export_pieces(os, from, to, scratch, digest, &ret_file->bytes, err);

    ret_file->digest = eff_digest_end(digest);
    return fault;
}

enum eff_fault
eff_export_digest(struct eff_os *os, const char *path, struct eff_arena scratch,
                  struct eff_export_file *ret_file, struct eff_err *err)
{
    struct eff_file *file;
    enum eff_fault fault;

    EFF_TRY(os->open(os->self, path, EFF_OPEN_READ, &file, err));
    fault = export_through(os, file, NULL, scratch, ret_file, err);
    os->close(file);
    return fault;
}

enum eff_fault
eff_export_copy_file(struct eff_os *os, struct eff_file *from, const char *to,
                     struct eff_arena scratch, struct eff_export_file *ret_file,
                     struct eff_err *err)
{
    struct eff_file *file;
    enum eff_fault fault;

    EFF_TRY(
        os->open(os->self, to, EFF_OPEN_WRITE | EFF_OPEN_CREATE | EFF_OPEN_EXCLUSIVE, &file, err));
    fault = export_through(os, from, file, scratch, ret_file, err);
    os->close(file);
    return fault;
}

/* ---- one sync ---- */

static enum eff_fault
export_head(struct eff_export_files *files, struct eff_arena *arena, struct eff_export_sync *sync,
            bool *ret_identities, struct eff_err *err)
{
    const struct eff_snapshot_head *head;
    struct eff_snapshot *snapshot;
    eff_str *columns;

    EFF_TRY(eff_snapshot_open(files->os, files->folder, arena, &snapshot, err));
    head = eff_snapshot_head(snapshot);
    columns = eff_new(arena, eff_str, head->columns_count);
    for (size_t i = 0; i < head->columns_count; i++)
        columns[i] = head->columns[i].field;
    sync->generation = head->generation;
    sync->rows = head->entries.count;
    sync->columns_count = head->columns_count;
    sync->columns = columns;
    *ret_identities = head->identities;
    eff_snapshot_close(snapshot);
    return EFF_OK;
}

static enum eff_fault
export_open_one(struct eff_export_files *files, struct eff_export_sync *sync, eff_str name,
                struct eff_arena *arena, struct eff_err *err)
{
    const char *path =
        eff_str_printf(arena, "%s/" EFF_STR_FMT, files->folder, EFF_STR_ARG(name)).ptr;

    EFF_TRY(files->os->open(files->os->self, path, EFF_OPEN_READ, &files->open[files->open_count],
                            err));
    files->open_count++;
    sync->files[sync->files_count++].name = name;
    return EFF_OK;
}

static enum eff_fault
export_open_all(struct eff_export_files *files, struct eff_export_sync *sync,
                struct eff_arena *arena, struct eff_err *err)
{
    bool identities = false;
    size_t count;
    eff_str *names;

    EFF_TRY(export_head(files, arena, sync, &identities, err));
    EFF_TRY(files->os->list(files->os->self, files->folder, arena, &count, &names, err));
    sync->files = eff_new(arena, struct eff_export_file, count + EXPORT_OPEN_MOST);
    if (sync->generation > 0)
        EFF_TRY(export_open_one(files, sync,
                                eff_str_printf(arena, "snapshot-%020" PRIu64, sync->generation),
                                arena, err));
    if (identities)
        EFF_TRY(export_open_one(files, sync,
                                eff_str_printf(arena, "identities-%020" PRIu64, sync->generation),
                                arena, err));
    if (sync->open_run.ptr)
        EFF_TRY(export_open_one(
            files, sync,
            eff_str_printf(arena, EXPORT_CHANGES EFF_STR_FMT, EFF_STR_ARG(sync->open_run)), arena,
            err));
    for (size_t i = 0; i < count; i++)
        if (eff_str_starts(names[i], EFF_STR(EXPORT_HISTORY)) &&
            !eff_str_ends(names[i], EFF_STR(".new")))
            sync->files[sync->files_count++].name = names[i];
    return EFF_OK;
}

enum eff_fault
eff_export_open(struct eff_os *os, const char *folder, eff_str sync, eff_str open_run,
                struct eff_arena *arena, struct eff_export_files **ret_files,
                struct eff_export_sync *ret_sync, struct eff_err *err)
{
    struct eff_export_files *files = eff_new(arena, struct eff_export_files, 1);

    *ret_sync = (struct eff_export_sync){.name = sync, .open_run = open_run};
    files->os = os;
    files->folder = folder;
    *ret_files = files;
    if (os->exists(os->self, folder))
        return export_open_all(files, ret_sync, arena, err);
    ret_sync->no_folder = true;
    return EFF_OK;
}

/* A history file may have become too old meanwhile: nothing depends on it. */
static enum eff_fault
export_copy_history(struct eff_export_files *files, struct eff_export_file *file, const char *to,
                    struct eff_arena scratch, bool *ret_gone, struct eff_err *err)
{
    const char *from =
        eff_str_printf(&scratch, "%s/" EFF_STR_FMT, files->folder, EFF_STR_ARG(file->name)).ptr;
    struct eff_file *open;
    enum eff_fault fault = files->os->open(files->os->self, from, EFF_OPEN_READ, &open, err);

    *ret_gone = fault != EFF_OK && err->code == ENOENT;
    if (fault != EFF_OK)
        return *ret_gone ? EFF_OK : fault;
    fault = eff_export_copy_file(files->os, open, to, scratch, file, err);
    files->os->close(open);
    return fault;
}

enum eff_fault
eff_export_copy(struct eff_export_files *files, struct eff_export_sync *sync, const char *to,
                struct eff_arena scratch, struct eff_err *err)
{
    size_t kept = 0;

    if (sync->no_folder)
        return EFF_OK;
    EFF_TRY(files->os->mkdir(files->os->self, to, err));
    for (size_t i = 0; i < sync->files_count; i++) {
        struct eff_arena here = scratch;
        struct eff_export_file *file = &sync->files[i];
        const char *path =
            eff_str_printf(&here, "%s/" EFF_STR_FMT, to, EFF_STR_ARG(file->name)).ptr;
        bool gone = false;

        if (i < files->open_count)
            EFF_TRY(eff_export_copy_file(files->os, files->open[i], path, here, file, err));
        else
            EFF_TRY(export_copy_history(files, file, path, here, &gone, err));
        if (!gone)
            sync->files[kept++] = *file;
    }
    sync->files_count = kept;
    return files->os->sync_dir(files->os->self, to, err);
}

void
eff_export_close(struct eff_export_files *files)
{
    if (!files)
        return;
    for (size_t i = 0; i < files->open_count; i++)
        files->os->close(files->open[i]);
    files->open_count = 0;
}

/* ---- against the manifest ---- */

static enum eff_fault
export_changed(struct eff_err *err, const char *path, const char *what)
{
    EFF_FAIL(err, EFF_BROKEN, "%s is not what was exported: %s", path, what);
    return eff_err_hint(err, "Export again, or take another copy of this export.");
}

static enum eff_fault
export_verify_file(struct eff_os *os, const char *path, const struct eff_export_file *file,
                   struct eff_arena scratch, struct eff_err *err)
{
    struct eff_export_file found = {0};
    char what[80];

    if (!os->exists(os->self, path))
        return export_changed(err, path, "it is missing");
    EFF_TRY(eff_export_digest(os, path, scratch, &found, err));
    snprintf(what, sizeof what, "it has %" PRIu64 " bytes and not %" PRIu64, found.bytes,
             file->bytes);
    if (found.bytes != file->bytes)
        return export_changed(err, path, what);
    if (memcmp(found.digest.bytes, file->digest.bytes, sizeof file->digest.bytes) != 0)
        return export_changed(err, path, "its SHA-256 differs");
    return EFF_OK;
}

enum eff_fault
eff_export_verify(struct eff_os *os, const char *folder, const struct eff_export *export_,
                  struct eff_arena scratch, struct eff_err *err)
{
    const char *path = eff_str_printf(&scratch, "%s/" EFF_EXPORT_CONTROL, folder).ptr;

    EFF_TRY(export_verify_file(os, path, &export_->control, scratch, err));
    for (size_t i = 0; i < export_->syncs_count; i++) {
        const struct eff_export_sync *sync = &export_->syncs[i];

        for (size_t k = 0; k < sync->files_count; k++) {
            struct eff_arena here = scratch;

            path = eff_str_printf(&here, "%s/" EFF_STR_FMT "/" EFF_STR_FMT, folder,
                                  EFF_STR_ARG(sync->name), EFF_STR_ARG(sync->files[k].name))
                       .ptr;
            EFF_TRY(export_verify_file(os, path, &sync->files[k], here, err));
        }
    }
    return EFF_OK;
}
