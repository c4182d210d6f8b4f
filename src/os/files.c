/*
 * os/files: files and folders, with every error told.
 *
 * Short reads and writes and EINTR are dealt with here, so that a caller sees
 * "all of it" or a fault. A handle whose fsync failed is dead: the kernel may
 * have dropped the pages and would report success the next time, so nothing is
 * written through it any more. Locks are flock's: they go with the process,
 * however it dies.
 */
#include "os/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FILES_OWNER_TRIES 50 /* a millisecond apart */

struct eff_file {
    int fd;
    int dead;    /* errno of the fsync that failed */
    char path[]; /* for messages */
};

enum eff_fault
eff_files_fail(struct eff_err *err, int code, const char *what, const char *path)
{
    EFF_FAIL(err, EFF_BROKEN, "%s %s: %s", what, path, strerrordesc_np(code));
    err->code = code;
    if (code == ENOSPC || code == EDQUOT)
        eff_err_hint(err, "Free some space on that file system, then run again.");
    else if (code == EFBIG)
        eff_err_hint(err, "Raise the limit on the size of files (ulimit -f), then run again.");
    else if (code == EACCES || code == EPERM || code == EROFS)
        eff_err_hint(err, "Give the user that runs efferent the right to do that.");
    return EFF_BROKEN;
}

static enum eff_fault
files_handle(int fd, const char *path, struct eff_file **ret_file, struct eff_err *err)
{
    size_t len = strlen(path);
    struct eff_file *file = malloc(sizeof(*file) + len + 1);

    if (file == NULL) {
        close(fd);
        return eff_files_fail(err, ENOMEM, "cannot open", path);
    }
    file->fd = fd;
    file->dead = 0;
    memcpy(file->path, path, len + 1);
    *ret_file = file;
    return EFF_OK;
}

/* Not every file system has O_TMPFILE (overlay on old kernels, some network ones). */
static int
files_open_unnamed(const char *folder)
{
    char path[4096];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    if (snprintf(path, sizeof(path), "%s/.eff-XXXXXX", folder) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

/* What cannot be read like a file; a pipe has no size to read it by. NULL: it can. */
static const char *
files_is_else(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return NULL;
    return S_ISFIFO(st.st_mode) ? "a pipe" : S_ISDIR(st.st_mode) ? "a folder" : NULL;
}

static enum eff_fault
files_open(void *self, const char *path, unsigned flags, struct eff_file **ret_file,
           struct eff_err *err)
{
    int mode = (flags & EFF_OPEN_WRITE) ? O_RDWR : O_RDONLY;
    const char *other;
    int fd;

    (void)self;
    mode |= O_CLOEXEC | O_NOCTTY | O_NONBLOCK; // A pipe must not keep us until somebody writes.
    mode |= (flags & EFF_OPEN_CREATE) ? O_CREAT : 0;
    mode |= (flags & EFF_OPEN_TRUNCATE) ? O_TRUNC : 0;
    mode |= (flags & EFF_OPEN_EXCLUSIVE) ? O_EXCL : 0;
    do
        fd = (flags & EFF_OPEN_UNNAMED) ? files_open_unnamed(path) : open(path, mode, 0600);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return eff_files_fail(
            err, errno,
            (flags & EFF_OPEN_UNNAMED) ? "cannot make a scratch file in" : "cannot open", path);
    other = (flags & EFF_OPEN_WRITE) ? NULL : files_is_else(fd);
    if (other) {
        close(fd);
        return EFF_FAIL(err, EFF_BROKEN, "cannot read %s: it is %s, not a file", path, other);
    }
    return files_handle(fd, path, ret_file, err);
}

static enum eff_fault
files_read(struct eff_file *file, uint64_t offset, void *ptr, size_t len, size_t *ret_len,
           struct eff_err *err)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = pread(file->fd, (char *)ptr + done, len - done, (off_t)(offset + done));

        if (n == 0)
            break;
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR)
            return eff_files_fail(err, errno, "cannot read", file->path);
    }
    *ret_len = done;
    return EFF_OK;
}

static enum eff_fault
files_write(struct eff_file *file, uint64_t offset, const void *ptr, size_t len,
            struct eff_err *err)
{
    size_t done = 0;

    if (file->dead)
        return eff_files_fail(err, file->dead, "cannot write after a failed fsync of", file->path);
    while (done < len) {
        ssize_t n = pwrite(file->fd, (const char *)ptr + done, len - done, (off_t)(offset + done));

        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            return eff_files_fail(err, n == 0 ? EIO : errno, "cannot write", file->path);
    }
    return EFF_OK;
}

static enum eff_fault
files_size(struct eff_file *file, uint64_t *ret_size, struct eff_err *err)
{
    struct stat st;

    if (fstat(file->fd, &st) != 0)
        return eff_files_fail(err, errno, "cannot tell the size of", file->path);
    *ret_size = (uint64_t)st.st_size;
    return EFF_OK;
}

static enum eff_fault
files_truncate(struct eff_file *file, uint64_t size, struct eff_err *err)
{
    if (file->dead)
        return eff_files_fail(err, file->dead, "cannot cut after a failed fsync of", file->path);
    while (ftruncate(file->fd, (off_t)size) != 0)
        if (errno != EINTR)
            return eff_files_fail(err, errno, "cannot cut", file->path);
    return EFF_OK;
}

static enum eff_fault
files_sync(struct eff_file *file, struct eff_err *err)
{
    if (file->dead)
        return eff_files_fail(err, file->dead, "an earlier fsync failed of", file->path);
    if (fsync(file->fd) != 0) {
        file->dead = errno;
        return eff_files_fail(err, errno, "cannot fsync", file->path);
    }
    return EFF_OK;
}

static void
files_close(struct eff_file *file)
{
    if (file == NULL)
        return;
    close(file->fd); // After EINTR the descriptor is gone too (Linux).
    free(file);
}

static enum eff_fault
files_rename(void *self, const char *from, const char *to, struct eff_err *err)
{
    (void)self;
    if (rename(from, to) != 0)
        return eff_files_fail(err, errno, "cannot rename to", to);
    return EFF_OK;
}

static enum eff_fault
files_unlink(void *self, const char *path, struct eff_err *err)
{
    (void)self;
    if (unlink(path) != 0 && errno != ENOENT)
        return eff_files_fail(err, errno, "cannot remove", path);
    return EFF_OK;
}

static enum eff_fault
files_mkdir(void *self, const char *path, struct eff_err *err)
{
    struct stat st;
    int code;

    (void)self;
    if (mkdir(path, 0700) == 0)
        return EFF_OK;
    code = errno;
    if (code == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return EFF_OK;
    return eff_files_fail(err, code, "cannot make the folder", path);
}

static enum eff_fault
files_rmdir(void *self, const char *path, struct eff_err *err)
{
    (void)self;
    if (rmdir(path) != 0 && errno != ENOENT)
        return eff_files_fail(err, errno, "cannot remove the folder", path);
    return EFF_OK;
}

static enum eff_fault
files_sync_dir(void *self, const char *path, struct eff_err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code;

    (void)self;
    if (fd < 0)
        return eff_files_fail(err, errno, "cannot open the folder", path);
    code = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return code == 0 ? EFF_OK : eff_files_fail(err, code, "cannot fsync the folder", path);
}

static int
files_compare(const void *a, const void *b)
{
    return eff_str_cmp(*(const eff_str *)a, *(const eff_str *)b);
}

/* The names, in a table that doubles inside the arena; errno 0 at the end of the folder. */
static size_t
files_names(DIR *dir, struct eff_arena *arena, eff_str **ret_names)
{
    size_t count = 0, cap = 0;
    eff_str *names = NULL;
    struct dirent *entry;

    while (errno = 0, (entry = readdir(dir)) != NULL) {
        eff_str name = eff_str_of(entry->d_name);

        if (eff_str_is(name, ".") || eff_str_is(name, ".."))
            continue;
        if (count == cap) {
            eff_str *more = eff_new(arena, eff_str, cap = cap ? cap * 2 : 32);

            if (count)
                memcpy(more, names, count * sizeof(*names));
            names = more;
        }
        names[count++] = eff_str_copy(arena, name);
    }
    *ret_names = names;
    return count;
}

static enum eff_fault
files_list(void *self, const char *path, struct eff_arena *arena, size_t *ret_count,
           eff_str **ret_names, struct eff_err *err)
{
    DIR *dir = opendir(path);
    eff_str *names = NULL;
    size_t count = 0;
    int code;

    (void)self;
    if (dir == NULL && errno != ENOENT)
        return eff_files_fail(err, errno, "cannot read the folder", path);
    if (dir != NULL) {
        count = files_names(dir, arena, &names);
        code = errno;
        closedir(dir);
        if (code != 0)
            return eff_files_fail(err, code, "cannot read the folder", path);
        if (count > 1)
            qsort(names, count, sizeof(*names), files_compare);
    }
    *ret_count = count;
    *ret_names = names;
    return EFF_OK;
}

static bool
files_exists(void *self, const char *path)
{
    (void)self;
    return access(path, F_OK) == 0;
}

static enum eff_fault
files_space(void *self, const char *path, uint64_t *ret_bytes, struct eff_err *err)
{
    struct statvfs st;

    (void)self;
    if (statvfs(path, &st) != 0)
        return eff_files_fail(err, errno, "cannot tell the free space of", path);
    *ret_bytes = (uint64_t)st.f_bavail * st.f_frsize;
    return EFF_OK;
}

/*
 * Magic numbers of linux/magic.h. FUSE is not among them: it stands for local
 * file systems of containers as well as for sshfs.
 */
const char *
eff_files_network_name(uint64_t magic)
{
    switch (magic & UINT32_MAX) {
    case 0x6969:
        return "NFS";
    case 0x517B:
    case 0xFE534D42:
    case 0xFF534D42:
        return "SMB";
    case 0x5346414F:
    case 0x6B414653:
        return "AFS";
    case 0x73757245:
        return "Coda";
    case 0x564C:
        return "NCP";
    case 0x01021997:
        return "9P";
    default:
        return NULL;
    }
}

static enum eff_fault
files_lock_held(int fd, const char *path, struct eff_err *err)
{
    int64_t pid = 0;

    // Who has just taken it writes its number in the next moment.
    for (int tries = 0; pid <= 0 && tries < FILES_OWNER_TRIES; tries++) {
        char text[32] = "";
        ssize_t n;

        if (tries > 0)
            usleep(1000);
        n = pread(fd, text, sizeof(text) - 1, 0);
        eff_str_int(eff_str_trim((eff_str){text, n > 0 ? (size_t)n : 0}), &pid);
    }
    if (pid > 0)
        EFF_FAIL(err, EFF_CONFIG, "%s is locked by process %lld", path, (long long)pid);
    else
        EFF_FAIL(err, EFF_CONFIG, "%s is locked by another process", path);
    err->code = pid > 0 ? (int)pid : EFF_LOCK_OWNER_UNKNOWN;
    return eff_err_hint(err, "Wait until it has ended, or stop it.");
}

static enum eff_fault
files_lock_local(int fd, const char *path, struct eff_err *err)
{
    struct statfs fs;
    const char *name;

    if (fstatfs(fd, &fs) != 0)
        return eff_files_fail(err, errno, "cannot tell the file system of", path);
    name = eff_files_network_name((uint64_t)fs.f_type);
    if (name == NULL)
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, "%s is on %s, a network file system where locks are not safe", path,
             name);
    return eff_err_hint(err, "Keep the state on a local disk.");
}

/* 0: ours; 1: the file was replaced meanwhile, try again; -1: err is set. */
static int
files_lock_take(int fd, const char *path, struct eff_err *err)
{
    struct stat ours, there;
    char text[32];
    int len;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR)
            return 1;
        if (errno == EWOULDBLOCK)
            files_lock_held(fd, path, err);
        else
            eff_files_fail(err, errno, "cannot lock", path);
        return -1;
    }
    if (fstat(fd, &ours) != 0 || stat(path, &there) != 0 || ours.st_ino != there.st_ino ||
        ours.st_dev != there.st_dev)
        return 1;
    len = snprintf(text, sizeof(text), "%lld\n", (long long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len) {
        eff_files_fail(err, errno, "cannot write", path);
        return -1;
    }
    return 0;
}

static enum eff_fault
files_lock(void *self, const char *path, struct eff_file **ret_lock, struct eff_err *err)
{
    (void)self;
    for (int tries = 0; tries < 100; tries++) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        int taken;

        if (fd < 0)
            return eff_files_fail(err, errno, "cannot open", path);
        if (files_lock_local(fd, path, err) != EFF_OK) {
            close(fd);
            return err->fault;
        }
        taken = files_lock_take(fd, path, err);
        if (taken == 0)
            return files_handle(fd, path, ret_lock, err);
        close(fd);
        if (taken < 0)
            return err->fault;
    }
    return EFF_FAIL(err, EFF_BROKEN, "%s is replaced all the time", path);
}

void
eff_files_fill(struct eff_os *os)
{
    os->open = files_open;
    os->read = files_read;
    os->write = files_write;
    os->size = files_size;
    os->truncate = files_truncate;
    os->sync = files_sync;
    os->close = files_close;
    os->rename = files_rename;
    os->unlink = files_unlink;
    os->mkdir = files_mkdir;
    os->rmdir = files_rmdir;
    os->sync_dir = files_sync_dir;
    os->list = files_list;
    os->exists = files_exists;
    os->space = files_space;
    os->lock = files_lock;
}
