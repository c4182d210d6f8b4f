/*
 * state/import: an export becomes a state.
 *
 * Everything is copied into a folder of its own first, where nothing looks for it;
 * then the folders of the syncs are put in place, and last the control file. A
 * folder with that stage and without a control file is what a death leaves:
 * eff_control_open refuses it, and the next import begins anew.
 */
#include <errno.h>

#include "base/crash.h"
#include "state/export.h"

struct importing {
    struct eff_os *os;
    const char *from, *to, *stage;
    const struct eff_export *export_;
    struct eff_file *lock;
};

static const char *
import_path(struct eff_arena *arena, const char *folder, eff_str name)
{
    return eff_str_printf(arena, "%s/" EFF_STR_FMT, folder, EFF_STR_ARG(name)).ptr;
}

/* Removes what is in the folder, but for one name; three levels are as deep as an import goes. */
static enum eff_fault
import_clear(struct eff_os *os, const char *folder, const char *keep, int levels,
             struct eff_arena scratch, struct eff_err *err)
{
    size_t count;
    eff_str *names;

    EFF_TRY(os->list(os->self, folder, &scratch, &count, &names, err));
    for (size_t i = 0; i < count; i++) {
        struct eff_arena here = scratch;
        const char *path = import_path(&here, folder, names[i]);

        if (keep && eff_str_is(names[i], keep))
            continue;
        if (os->unlink(os->self, path, err) == EFF_OK)
            continue;
        if ((err->code != EISDIR && err->code != EPERM) || levels == 1)
            return err->fault;
        EFF_TRY(import_clear(os, path, NULL, levels - 1, here, err));
        EFF_TRY(os->rmdir(os->self, path, err));
    }
    return EFF_OK;
}

static enum eff_fault
import_occupied(struct importing *in, struct eff_arena scratch, struct eff_err *err)
{
    struct eff_os *os = in->os;
    bool state = os->exists(os->self, import_path(&scratch, in->to, EFF_STR(EFF_EXPORT_CONTROL)));

    if (state)
        EFF_FAIL(err, EFF_CONFIG, "there is a state in %s already", in->to);
    else
        EFF_FAIL(err, EFF_CONFIG, "%s is not empty, and no state either", in->to);
    return eff_err_hint(err, state ? "Move that folder away first; the import does not replace "
                                     "or merge."
                                   : "Point `state:` to an empty or new folder.");
}

/* A state folder with a target lies in one that may not be there yet. */
static enum eff_fault
import_make_folder(struct importing *in, struct eff_arena scratch, struct eff_err *err)
{
    const char *slash = strrchr(in->to, '/');

    if (slash && slash != in->to) {
        const char *parent = eff_str_c(&scratch, (eff_str){in->to, (size_t)(slash - in->to)});

        if (!in->os->exists(in->os->self, parent))
            EFF_TRY(in->os->mkdir(in->os->self, parent, err));
    }
    return in->os->mkdir(in->os->self, in->to, err);
}

/* Takes the place: empty, or with the stage of an import that died. */
static enum eff_fault
import_begin(struct importing *in, struct eff_arena scratch, struct eff_err *err)
{
    struct eff_os *os = in->os;
    bool again = os->exists(os->self, in->stage);
    size_t count = 0;
    eff_str *names;

    if (os->exists(os->self, in->to))
        EFF_TRY(os->list(os->self, in->to, &scratch, &count, &names, err));
    else
        EFF_TRY(import_make_folder(in, scratch, err));
    if (os->exists(os->self, import_path(&scratch, in->to, EFF_STR(EFF_EXPORT_CONTROL))) ||
        (count > 0 && !again))
        return import_occupied(in, scratch, err);
    EFF_TRY(os->mkdir(os->self, in->stage, err));
    if (os->lock(os->self, import_path(&scratch, in->stage, EFF_STR("lock")), &in->lock, err) !=
        EFF_OK)
        return eff_err_while(err, "importing: another import may be under way");
    EFF_TRY(import_clear(os, in->stage, "lock", 2, scratch, err));
    EFF_TRY(import_clear(os, in->to, EFF_IMPORT_STAGE, 2, scratch, err));
    return os->sync_dir(os->self, in->to, err);
}

/* What was verified is compared once more while it is copied. */
static enum eff_fault
import_file(struct importing *in, const char *from, const char *to,
            const struct eff_export_file *file, struct eff_arena scratch, struct eff_err *err)
{
    struct eff_export_file copied = {0};
    struct eff_file *open;
    enum eff_fault fault;

    EFF_TRY(in->os->open(in->os->self, from, EFF_OPEN_READ, &open, err));
    fault = eff_export_copy_file(in->os, open, to, scratch, &copied, err);
    in->os->close(open);
    if (fault == EFF_OK &&
        (copied.bytes != file->bytes || memcmp(copied.digest.bytes, file->digest.bytes, 32) != 0))
        fault = EFF_FAIL(err, EFF_BROKEN, "%s changed while it was imported", from);
    return fault;
}

static enum eff_fault
import_sync(struct importing *in, const struct eff_export_sync *sync, struct eff_arena scratch,
            struct eff_err *err)
{
    const char *from = import_path(&scratch, in->from, sync->name);
    const char *stage = import_path(&scratch, in->stage, sync->name);

    EFF_TRY(in->os->mkdir(in->os->self, stage, err));
    for (size_t i = 0; i < sync->files_count; i++) {
        struct eff_arena here = scratch;
        eff_str name = sync->files[i].name;

        EFF_TRY(import_file(in, import_path(&here, from, name), import_path(&here, stage, name),
                            &sync->files[i], here, err));
    }
    return in->os->sync_dir(in->os->self, stage, err);
}

static enum eff_fault
import_copy(struct importing *in, struct eff_arena scratch, struct eff_err *err)
{
    for (size_t i = 0; i < in->export_->syncs_count; i++)
        EFF_TRY(import_sync(in, &in->export_->syncs[i], scratch, err));
    EFF_TRY(import_file(in, import_path(&scratch, in->from, EFF_STR(EFF_EXPORT_CONTROL)),
                        import_path(&scratch, in->stage, EFF_STR(EFF_EXPORT_CONTROL)),
                        &in->export_->control, scratch, err));
    return in->os->sync_dir(in->os->self, in->stage, err);
}

/* The control file last: with it the folder is a state. */
static enum eff_fault
import_commit(struct importing *in, struct eff_arena scratch, struct eff_err *err)
{
    const char *control = import_path(&scratch, in->to, EFF_STR(EFF_EXPORT_CONTROL));
    struct eff_os *os = in->os;

    for (size_t i = 0; i < in->export_->syncs_count; i++) {
        struct eff_arena here = scratch;
        eff_str name = in->export_->syncs[i].name;

        EFF_TRY(os->rename(os->self, import_path(&here, in->stage, name),
                           import_path(&here, in->to, name), err));
        EFF_CRASH_AT("import.sync_named");
    }
    EFF_TRY(os->sync_dir(os->self, in->to, err));
    if (os->exists(os->self, control))
        return import_occupied(in, scratch, err);
    EFF_TRY(os->rename(os->self, import_path(&scratch, in->stage, EFF_STR(EFF_EXPORT_CONTROL)),
                       control, err));
    EFF_CRASH_AT("import.control_named");
    return os->sync_dir(os->self, in->to, err);
}

/* An empty stage that a death leaves here is no harm. */
static void
import_end(struct importing *in, struct eff_arena scratch)
{
    struct eff_err ignored = {0};

    in->os->close(in->lock);
    in->os->unlink(in->os->self, import_path(&scratch, in->stage, EFF_STR("lock")), &ignored);
    in->os->rmdir(in->os->self, in->stage, &ignored);
}

enum eff_fault
eff_import(struct eff_os *os, const char *from, const struct eff_export *export_, const char *to,
           struct eff_arena scratch, struct eff_err *err)
{
    struct importing in = {
        .os = os,
        .from = from,
        .to = to,
        .stage = import_path(&scratch, to, EFF_STR(EFF_IMPORT_STAGE)),
        .export_ = export_,
    };
    enum eff_fault fault = import_begin(&in, scratch, err);

    EFF_CRASH_AT("import.begun");
    if (fault == EFF_OK)
        fault = import_copy(&in, scratch, err);
    EFF_CRASH_AT("import.staged");
    if (fault == EFF_OK)
        fault = import_commit(&in, scratch, err);
    if (fault == EFF_OK)
        import_end(&in, scratch);
    else
        os->close(in.lock);
    return fault;
}
