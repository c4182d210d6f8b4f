/*
 * os/os: conveniences on top of the table, the same for every world.
 */
#include "os/os.h"

#include "base/crash.h"

#include <errno.h>
#include <stdio.h>

/* The longest path we build ourselves: PATH_MAX of Linux. */
#define OS_PATH_MAX 4096

static enum eff_fault
os_read_open(struct eff_os *os, struct eff_file *file, const char *path, size_t bytes_max,
             struct eff_arena *arena, eff_str *ret_bytes, struct eff_err *err)
{
    uint64_t size;
    size_t len;
    char *bytes;

    EFF_TRY(os->size(file, &size, err));
    if (size > bytes_max) {
        EFF_FAIL(err, EFF_BROKEN, "%s has %llu bytes, more than %zu", path,
                 (unsigned long long)size, bytes_max);
        err->code = EFBIG;
        return EFF_BROKEN;
    }
    bytes = eff_new(arena, char, (size_t)size + 1);
    EFF_TRY(os->read(file, 0, bytes, (size_t)size, &len, err));
    *ret_bytes = (eff_str){bytes, len};
    return EFF_OK;
}

enum eff_fault
eff_os_read_file(struct eff_os *os, const char *path, size_t bytes_max, struct eff_arena *arena,
                 eff_str *ret_bytes, struct eff_err *err)
{
    struct eff_file *file;
    enum eff_fault fault;

    EFF_TRY(os->open(os->self, path, EFF_OPEN_READ, &file, err));
    fault = os_read_open(os, file, path, bytes_max, arena, ret_bytes, err);
    os->close(file);
    return fault;
}

static enum eff_fault
os_write_new(struct eff_os *os, const char *path, eff_str bytes, struct eff_err *err)
{
    unsigned flags = EFF_OPEN_WRITE | EFF_OPEN_CREATE | EFF_OPEN_TRUNCATE;
    struct eff_file *file;
    enum eff_fault fault;

    EFF_TRY(os->open(os->self, path, flags, &file, err));
    fault = os->write(file, 0, bytes.ptr, bytes.len, err);
    if (fault == EFF_OK)
        fault = os->sync(file, err);
    os->close(file);
    return fault;
}

const char *
eff_os_lock_owner(int code, char ret_text[32])
{
    if (code == EFF_LOCK_OWNER_UNKNOWN)
        return "another process";
    snprintf(ret_text, 32, "process %d", code);
    return ret_text;
}

enum eff_fault
eff_os_sync_parent(struct eff_os *os, const char *path, struct eff_err *err)
{
    const char *slash = strrchr(path, '/');
    char folder[OS_PATH_MAX];

    if (slash == NULL)
        snprintf(folder, sizeof(folder), ".");
    else
        snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return os->sync_dir(os->self, folder, err);
}

enum eff_fault
eff_os_replace_file(struct eff_os *os, const char *path, eff_str bytes, struct eff_err *err)
{
    char fresh[OS_PATH_MAX];

    if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh)) {
        EFF_FAIL(err, EFF_BROKEN, "the path %s is too long", path);
        err->code = ENAMETOOLONG;
        return EFF_BROKEN;
    }
    EFF_TRY(os_write_new(os, fresh, bytes, err));
    EFF_CRASH_AT("replace.written");
    EFF_TRY(os->rename(os->self, fresh, path, err));
    EFF_CRASH_AT("replace.named");
    return eff_os_sync_parent(os, path, err);
}
