/*
 * test/lib/testos: a small world with real files and planned faults.
 */
#include "lib/testos.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct eff_file {
    struct testos *world;
    int fd;
};

static enum eff_fault
testos_fail(struct eff_err *err, const char *what, const char *path)
{
    int code = errno;

    EFF_FAIL(err, EFF_BROKEN, "cannot %s %s: %s", what, path, strerror(code));
    err->code = code;
    return EFF_BROKEN;
}

bool
testos_planned(struct testos *world, unsigned call)
{
    bool now = false;

    if (world->failed && world->fail_forever)
        now = true;
    else if (world->fail_calls & call)
        now = ++world->counted == world->fail_at;
    if (now) {
        world->failed = true;
        errno = world->fail_errno != 0 ? world->fail_errno : EIO;
    }
    return now;
}

static int64_t
testos_mono(void *self)
{
    return ((struct testos *)self)->mono_ms;
}

static int64_t
testos_wall(void *self)
{
    return ((struct testos *)self)->wall_ms;
}

static void
testos_random(void *self, void *ptr, size_t len)
{
    struct testos *world = self;
    unsigned char *bytes = ptr;

    for (size_t i = 0; i < len; i++) { // splitmix64, a byte at a time
        uint64_t z = world->random_state += 0x9e3779b97f4a7c15u;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        bytes[i] = (unsigned char)(z >> 56);
    }
}

static int
testos_flags(unsigned flags)
{
    int result = flags & EFF_OPEN_WRITE ? O_RDWR : O_RDONLY;

    if (flags & EFF_OPEN_UNNAMED)
        return O_RDWR | O_TMPFILE | O_CLOEXEC;
    if (flags & EFF_OPEN_CREATE)
        result |= O_CREAT;
    if (flags & EFF_OPEN_TRUNCATE)
        result |= O_TRUNC;
    if (flags & EFF_OPEN_EXCLUSIVE)
        result |= O_EXCL;
    return result | O_CLOEXEC;
}

static enum eff_fault
testos_open(void *self, const char *path, unsigned flags, struct eff_file **ret_file,
            struct eff_err *err)
{
    struct testos *world = self;
    struct eff_file *file;
    int fd;

    if (testos_planned(world, TESTOS_OPEN) || (fd = open(path, testos_flags(flags), 0600)) < 0)
        return testos_fail(err, "open", path);
    file = malloc(sizeof(*file));
    if (file == NULL)
        abort();
    *file = (struct eff_file){world, fd};
    world->open_files++;
    *ret_file = file;
    return EFF_OK;
}

static enum eff_fault
testos_read(struct eff_file *file, uint64_t offset, void *ptr, size_t len, size_t *ret_len,
            struct eff_err *err)
{
    size_t done = 0;

    if (testos_planned(file->world, TESTOS_READ))
        return testos_fail(err, "read", "a file");
    while (done < len) {
        ssize_t got = pread(file->fd, (char *)ptr + done, len - done, (off_t)(offset + done));

        if (got < 0)
            return testos_fail(err, "read", "a file");
        if (got == 0)
            break;
        done += (size_t)got;
    }
    file->world->reads++;
    file->world->bytes_read += done;
    *ret_len = done;
    return EFF_OK;
}

static enum eff_fault
testos_write(struct eff_file *file, uint64_t offset, const void *ptr, size_t len,
             struct eff_err *err)
{
    bool planned = testos_planned(file->world, TESTOS_WRITE);
    size_t wanted = planned ? len / 2 : len, done = 0;

    while (done < wanted) {
        ssize_t put =
            pwrite(file->fd, (const char *)ptr + done, wanted - done, (off_t)(offset + done));

        if (put < 0)
            return testos_fail(err, "write", "a file");
        done += (size_t)put;
    }
    file->world->writes++;
    file->world->bytes_written += done;
    if (planned) {
        errno = file->world->fail_errno != 0 ? file->world->fail_errno : EIO;
        return testos_fail(err, "write", "a file");
    }
    return EFF_OK;
}

static enum eff_fault
testos_size(struct eff_file *file, uint64_t *ret_size, struct eff_err *err)
{
    struct stat st;

    if (testos_planned(file->world, TESTOS_SIZE) || fstat(file->fd, &st) != 0)
        return testos_fail(err, "look at", "a file");
    *ret_size = (uint64_t)st.st_size;
    return EFF_OK;
}

static enum eff_fault
testos_truncate(struct eff_file *file, uint64_t size, struct eff_err *err)
{
    if (testos_planned(file->world, TESTOS_TRUNCATE) || ftruncate(file->fd, (off_t)size) != 0)
        return testos_fail(err, "cut", "a file");
    return EFF_OK;
}

/* Real syncs would only make the tests slow: what is tested is that they are called. */
static enum eff_fault
testos_sync(struct eff_file *file, struct eff_err *err)
{
    if (testos_planned(file->world, TESTOS_SYNC))
        return testos_fail(err, "sync", "a file");
    return EFF_OK;
}

static void
testos_close(struct eff_file *file)
{
    if (file == NULL)
        return;
    file->world->open_files--;
    close(file->fd);
    free(file);
}

static enum eff_fault
testos_rename(void *self, const char *from, const char *to, struct eff_err *err)
{
    if (testos_planned(self, TESTOS_RENAME) || rename(from, to) != 0)
        return testos_fail(err, "rename", from);
    return EFF_OK;
}

static enum eff_fault
testos_unlink(void *self, const char *path, struct eff_err *err)
{
    if (testos_planned(self, TESTOS_UNLINK) || (unlink(path) != 0 && errno != ENOENT))
        return testos_fail(err, "remove", path);
    return EFF_OK;
}

static enum eff_fault
testos_mkdir(void *self, const char *path, struct eff_err *err)
{
    if (testos_planned(self, TESTOS_OPEN) || (mkdir(path, 0700) != 0 && errno != EEXIST))
        return testos_fail(err, "create folder", path);
    return EFF_OK;
}

static enum eff_fault
testos_rmdir(void *self, const char *path, struct eff_err *err)
{
    if (testos_planned(self, TESTOS_UNLINK) || rmdir(path) != 0)
        return testos_fail(err, "remove folder", path);
    return EFF_OK;
}

static enum eff_fault
testos_sync_dir(void *self, const char *path, struct eff_err *err)
{
    if (testos_planned(self, TESTOS_SYNC_DIR))
        return testos_fail(err, "sync folder", path);
    return EFF_OK;
}

static int
testos_by_name(const void *a, const void *b)
{
    return eff_str_cmp(*(const eff_str *)a, *(const eff_str *)b);
}

static bool
testos_is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static enum eff_fault
testos_list(void *self, const char *path, struct eff_arena *arena, size_t *ret_count,
            eff_str **ret_names, struct eff_err *err)
{
    struct dirent *entry;
    size_t count = 0, at = 0;
    eff_str *names;
    DIR *dir = NULL;

    *ret_count = 0;
    *ret_names = NULL;
    if (testos_planned(self, TESTOS_LIST))
        return testos_fail(err, "list", path);
    dir = opendir(path);
    if (dir == NULL)
        return errno == ENOENT ? EFF_OK : testos_fail(err, "list", path);
    while ((entry = readdir(dir)) != NULL)
        count += !testos_is_dot(entry->d_name);
    rewinddir(dir);
    names = eff_new(arena, eff_str, count + 1);
    while ((entry = readdir(dir)) != NULL && at < count)
        if (!testos_is_dot(entry->d_name))
            names[at++] = eff_str_copy(arena, eff_str_of(entry->d_name));
    closedir(dir);
    qsort(names, at, sizeof(*names), testos_by_name);
    *ret_count = at;
    *ret_names = names;
    return EFF_OK;
}

static bool
testos_exists(void *self, const char *path)
{
    (void)self;
    return access(path, F_OK) == 0;
}

static enum eff_fault
testos_space(void *self, const char *path, uint64_t *ret_bytes, struct eff_err *err)
{
    (void)path;
    (void)err;
    *ret_bytes = ((struct testos *)self)->space;
    return EFF_OK;
}

static enum eff_fault
testos_lock(void *self, const char *path, struct eff_file **ret_lock, struct eff_err *err)
{
    struct eff_file *lock;

    EFF_TRY(testos_open(self, path, EFF_OPEN_WRITE | EFF_OPEN_CREATE, &lock, err));
    if (flock(lock->fd, LOCK_EX | LOCK_NB) != 0) {
        testos_close(lock);
        EFF_FAIL(err, EFF_CONFIG, "%s is locked", path);
        err->code = (int)getpid();
        return EFF_CONFIG;
    }
    *ret_lock = lock;
    return EFF_OK;
}

static bool
testos_go_on(void *self)
{
    (void)self;
    return true;
}

void
testos_init(struct testos *world, uint64_t seed)
{
    *world = (struct testos){
        .os = {.mono_ms = testos_mono,
               .wall_ms = testos_wall,
               .random = testos_random,
               .open = testos_open,
               .read = testos_read,
               .write = testos_write,
               .size = testos_size,
               .truncate = testos_truncate,
               .sync = testos_sync,
               .close = testos_close,
               .rename = testos_rename,
               .unlink = testos_unlink,
               .mkdir = testos_mkdir,
               .rmdir = testos_rmdir,
               .sync_dir = testos_sync_dir,
               .list = testos_list,
               .exists = testos_exists,
               .space = testos_space,
               .lock = testos_lock,
               .go_on = testos_go_on},
        .random_state = seed,
        .wall_ms = 1767225600000, // 2026-01-01
        .space = (uint64_t)1 << 40,
    };
    world->os.self = world;
}

void
testos_plan(struct testos *world, unsigned calls, uint64_t at, int code, bool forever)
{
    world->fail_calls = calls;
    world->fail_at = at;
    world->fail_errno = code;
    world->fail_forever = forever;
    world->counted = 0;
    world->failed = false;
}

char *
testos_folder(void)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;

    if (asprintf(&path, "%s/testos-XXXXXX", base != NULL ? base : ".") < 0 || mkdtemp(path) == NULL)
        abort();
    return path;
}

void
testos_remove(const char *folder)
{
    struct dirent *entry;
    DIR *dir = opendir(folder);

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char *path = NULL;

        if (testos_is_dot(entry->d_name))
            continue;
        if (asprintf(&path, "%s/%s", folder, entry->d_name) < 0)
            abort();
        if (unlink(path) != 0)
            testos_remove(path);
        free(path);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(folder);
}
