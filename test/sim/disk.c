/*
 * test/sim/disk: a disk that forgets what was not synced.
 *
 * Per file there is what programs see (the cache) and what would survive a power
 * loss (the platter), and between them the writes that were not synced; the same
 * for names. A kill keeps the cache. A power loss keeps, drops or tears (in
 * sectors of 512 bytes) each unsynced write on its own, and keeps or drops each
 * name that was made, moved or removed since its folder was last synced.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#define DISK_SECTOR 512

/* ---- names ---- */

static char *
disk_copy(const char *path)
{
    size_t len = strlen(path) + 1;

    return memcpy(sim_keep(NULL, len), path, len);
}

static size_t
names_find(const struct sim_names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->at[i].path, path) == 0)
            return i;
    return SIZE_MAX;
}

static void
names_drop(struct sim_names *names, size_t at)
{
    struct sim_inode *inode = names->at[at].inode;

    sim_keep(names->at[at].path, 0);
    names->at[at] = names->at[--names->count];
    inode->links--;
    sim_inode_release(inode);
}

static void
names_set(struct sim_names *names, const char *path, struct sim_inode *inode)
{
    size_t at = names_find(names, path);

    inode->links++;
    if (at != SIZE_MAX) {
        struct sim_inode *old = names->at[at].inode;

        names->at[at].inode = inode;
        old->links--;
        sim_inode_release(old);
        return;
    }
    if (names->count == names->cap) {
        names->cap = names->cap * 2 + 16;
        names->at = sim_keep(names->at, names->cap * sizeof(*names->at));
    }
    names->at[names->count++] = (struct sim_name){disk_copy(path), inode};
}

static void
names_free(struct sim_names *names)
{
    while (names->count > 0)
        names_drop(names, names->count - 1);
    sim_keep(names->at, 0);
    *names = (struct sim_names){0};
}

static bool
disk_in_folder(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0 && path[len] == '/' && !strchr(path + len + 1, '/');
}

/* ---- inodes ---- */

static struct sim_inode *
inode_new(bool folder)
{
    struct sim_inode *inode = sim_keep(NULL, sizeof(*inode));

    *inode = (struct sim_inode){.folder = folder};
    return inode;
}

static void
inode_forget_writes(struct sim_inode *inode)
{
    for (size_t i = 0; i < inode->writes_count; i++)
        sim_keep(inode->writes[i].bytes, 0);
    inode->writes_count = 0;
}

void
sim_inode_release(struct sim_inode *inode)
{
    if (inode->links > 0 || inode->opens > 0)
        return;
    inode_forget_writes(inode);
    sim_keep(inode->writes, 0);
    sim_keep(inode->cache.ptr, 0);
    sim_keep(inode->platter.ptr, 0);
    sim_keep(inode, 0);
}

static void
text_room(struct sim_text *text, size_t size)
{
    if (size + 1 > text->cap) {
        text->cap = size * 2 + 512;
        text->ptr = sim_keep(text->ptr, text->cap);
    }
}

static void
text_size(struct sim_text *text, size_t size)
{
    text_room(text, size);
    if (size > text->len)
        memset(text->ptr + text->len, 0, size - text->len);
    text->len = size;
}

static void
text_put(struct sim_text *text, uint64_t offset, const void *ptr, size_t len)
{
    if (len == 0)
        return;
    if (offset > text->len)
        text_size(text, (size_t)offset);
    text_room(text, (size_t)offset + len);
    memcpy(text->ptr + offset, ptr, len);
    if (offset + len > text->len)
        text->len = (size_t)offset + len;
}

static struct sim_write *
inode_pend(struct sim_inode *inode)
{
    if (inode->writes_count == inode->writes_cap) {
        inode->writes_cap = inode->writes_cap * 2 + 8;
        inode->writes = sim_keep(inode->writes, inode->writes_cap * sizeof(*inode->writes));
    }
    return &inode->writes[inode->writes_count++];
}

void
sim_inode_write(struct sim_inode *inode, uint64_t offset, const void *ptr, size_t len)
{
    struct sim_write *write;

    text_put(&inode->cache, offset, ptr, len);
    if (len == 0)
        return;
    write = inode_pend(inode);
    *write = (struct sim_write){offset, len, memcpy(sim_keep(NULL, len), ptr, len)};
}

void
sim_inode_truncate(struct sim_inode *inode, uint64_t size)
{
    text_size(&inode->cache, (size_t)size);
    *inode_pend(inode) = (struct sim_write){size, SIZE_MAX, NULL};
}

void
sim_inode_sync(struct sim_inode *inode)
{
    for (size_t i = 0; i < inode->writes_count; i++) {
        const struct sim_write *write = &inode->writes[i];

        if (write->len == SIZE_MAX)
            text_size(&inode->platter, (size_t)write->offset);
        else
            text_put(&inode->platter, write->offset, write->bytes, write->len);
    }
    inode_forget_writes(inode);
}

/* ---- operations on names ---- */

static void
disk_op(enum sim_dirop_kind kind, const char *path, const char *to, struct sim_inode *inode)
{
    struct sim_disk *disk = &sim->disk;

    if (disk->ops_count == disk->ops_cap) {
        disk->ops_cap = disk->ops_cap * 2 + 16;
        disk->ops = sim_keep(disk->ops, disk->ops_cap * sizeof(*disk->ops));
    }
    inode->links++;
    disk->ops[disk->ops_count++] =
        (struct sim_dirop){kind, disk_copy(path), to ? disk_copy(to) : NULL, inode};
}

static void
disk_op_free(struct sim_dirop *op)
{
    sim_keep(op->path, 0);
    sim_keep(op->to, 0);
    op->inode->links--;
    sim_inode_release(op->inode);
}

static void
disk_op_apply(struct sim_names *durable, const struct sim_dirop *op)
{
    size_t at = names_find(durable, op->path);

    if (op->kind == SIM_LINK) {
        names_set(durable, op->path, op->inode);
        return;
    }
    if (at != SIZE_MAX && (op->kind == SIM_UNLINK || durable->at[at].inode == op->inode))
        names_drop(durable, at);
    if (op->kind == SIM_RENAME)
        names_set(durable, op->to, op->inode);
}

struct sim_inode *
sim_disk_find(const char *path)
{
    size_t at = names_find(&sim->disk.names, path);

    return at == SIZE_MAX ? NULL : sim->disk.names.at[at].inode;
}

struct sim_inode *
sim_disk_durable(const char *path)
{
    size_t at = names_find(&sim->disk.durable, path);

    return at == SIZE_MAX ? NULL : sim->disk.durable.at[at].inode;
}

static struct sim_inode *
disk_make(const char *path, bool folder)
{
    struct sim_inode *inode = inode_new(folder);

    names_set(&sim->disk.names, path, inode);
    disk_op(SIM_LINK, path, NULL, inode);
    return inode;
}

struct sim_inode *
sim_disk_create(const char *path)
{
    return disk_make(path, false);
}

void
sim_disk_unlink(const char *path)
{
    size_t at = names_find(&sim->disk.names, path);

    if (at == SIZE_MAX)
        return;
    disk_op(SIM_UNLINK, path, NULL, sim->disk.names.at[at].inode);
    names_drop(&sim->disk.names, at);
}

void
sim_disk_sync_folder(const char *path)
{
    struct sim_disk *disk = &sim->disk;
    size_t kept = 0;

    for (size_t i = 0; i < disk->ops_count; i++) {
        if (disk_in_folder(disk->ops[i].path, path)) {
            disk_op_apply(&disk->durable, &disk->ops[i]);
            disk_op_free(&disk->ops[i]);
        } else {
            disk->ops[kept++] = disk->ops[i];
        }
    }
    disk->ops_count = kept;
}

/* ---- a backup ---- */

static bool
disk_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static struct sim_inode *
inode_copy(const struct sim_inode *from)
{
    struct sim_inode *inode = inode_new(from->folder);

    text_put(&inode->cache, 0, from->cache.ptr, from->cache.len);
    text_put(&inode->platter, 0, from->cache.ptr, from->cache.len);
    return inode;
}

void
sim_disk_copy(const char *folder, struct sim_disk *ret_copy)
{
    names_free(&ret_copy->names);
    for (size_t i = 0; i < sim->disk.names.count; i++)
        if (disk_below(sim->disk.names.at[i].path, folder))
            names_set(&ret_copy->names, sim->disk.names.at[i].path,
                      inode_copy(sim->disk.names.at[i].inode));
}

static void
names_drop_below(struct sim_names *names, const char *folder)
{
    for (size_t i = names->count; i-- > 0;)
        if (disk_below(names->at[i].path, folder))
            names_drop(names, i);
}

void
sim_disk_put_back(const char *folder, const struct sim_disk *copy)
{
    struct sim_disk *disk = &sim->disk;
    size_t kept = 0;

    for (size_t i = 0; i < disk->ops_count; i++)
        if (disk_below(disk->ops[i].path, folder))
            disk_op_free(&disk->ops[i]);
        else
            disk->ops[kept++] = disk->ops[i];
    disk->ops_count = kept;
    names_drop_below(&disk->names, folder);
    names_drop_below(&disk->durable, folder);
    for (size_t i = 0; i < copy->names.count; i++) {
        struct sim_inode *inode = inode_copy(copy->names.at[i].inode);

        names_set(&disk->names, copy->names.at[i].path, inode);
        names_set(&disk->durable, copy->names.at[i].path, inode);
    }
}

/* ---- death ---- */

static void
inode_lose(struct sim_inode *inode, unsigned keep_percent, struct sim_rand *rand)
{
    for (size_t i = 0; i < inode->writes_count; i++) {
        const struct sim_write *write = &inode->writes[i];

        if (write->len == SIZE_MAX) {
            if (sim_chance(rand, keep_percent))
                text_size(&inode->platter, (size_t)write->offset);
            continue;
        }
        if (sim_chance(rand, 10)) { /* torn: each sector on its own */
            for (size_t at = 0; at < write->len;) {
                size_t room = DISK_SECTOR - (size_t)((write->offset + at) % DISK_SECTOR);
                size_t len = room < write->len - at ? room : write->len - at;

                if (sim_chance(rand, 50))
                    text_put(&inode->platter, write->offset + at, write->bytes + at, len);
                at += len;
            }
        } else if (sim_chance(rand, keep_percent)) {
            text_put(&inode->platter, write->offset, write->bytes, write->len);
        }
    }
    inode_forget_writes(inode);
    inode->cache.len = 0;
    text_put(&inode->cache, 0, inode->platter.ptr, inode->platter.len);
}

/* What stands in a folder that was lost is lost with it. */
static void
names_drop_orphans(struct sim_names *names)
{
    bool again = true;

    while (again) {
        again = false;
        for (size_t i = 0; i < names->count && !again; i++) {
            char folder[512];
            char *slash;

            snprintf(folder, sizeof(folder), "%s", names->at[i].path);
            slash = strrchr(folder, '/');
            if (slash == folder)
                continue;
            *slash = '\0';
            if (names_find(names, folder) == SIZE_MAX) {
                names_drop(names, i);
                again = true;
            }
        }
    }
}

static void
names_become(struct sim_names *names, const struct sim_names *from)
{
    names_free(names);
    for (size_t i = 0; i < from->count; i++)
        names_set(names, from->at[i].path, from->at[i].inode);
}

static void
disk_power(struct sim_disk *disk, struct sim_rand *rand)
{
    static const unsigned keeps[] = {0, 50, 100};
    unsigned names_keep = keeps[sim_below(rand, 3)], bytes_keep = keeps[sim_below(rand, 3)];

    for (size_t i = 0; i < disk->ops_count; i++) {
        if (sim_chance(rand, names_keep))
            disk_op_apply(&disk->durable, &disk->ops[i]);
        disk_op_free(&disk->ops[i]);
    }
    disk->ops_count = 0;
    names_drop_orphans(&disk->durable);
    names_become(&disk->names, &disk->durable);
    for (size_t i = 0; i < disk->names.count; i++)
        inode_lose(disk->names.at[i].inode, bytes_keep, rand);
}

void
sim_disk_death(struct sim_disk *disk, bool power, struct sim_rand *rand)
{
    while (disk->open != NULL) {
        struct eff_file *file = disk->open;

        disk->open = file->next;
        file->inode->opens--;
        sim_inode_release(file->inode);
        sim_keep(file, 0);
    }
    disk->open_count = 0;
    if (power)
        disk_power(disk, rand);
}

void
sim_disk_free(struct sim_disk *disk)
{
    sim_disk_death(disk, false, NULL);
    for (size_t i = 0; i < disk->ops_count; i++)
        disk_op_free(&disk->ops[i]);
    sim_keep(disk->ops, 0);
    names_free(&disk->names);
    names_free(&disk->durable);
    *disk = (struct sim_disk){0};
}

/* ---- rot ---- */

static struct { /* where the bit is */
    size_t at;
    char bit, was;
} disk_rotten;

static bool
disk_can_rot(const struct sim_name *name)
{
    return name->inode->cache.len > 0 && !strstr(name->path, ".tmp") &&
           (strstr(name->path, "/snapshot-") || strstr(name->path, "/identities-") ||
            strstr(name->path, "/changes-"));
}

/* The newest by name of its kind: older generations are of no use to anybody. */
static const struct sim_name *
disk_newest(const struct sim_name *of)
{
    const struct sim_names *names = &sim->disk.names;
    size_t kind = (size_t)(strrchr(of->path, '-') - of->path);

    for (size_t i = 0; i < names->count; i++)
        if (disk_can_rot(&names->at[i]) && strncmp(names->at[i].path, of->path, kind) == 0 &&
            strcmp(names->at[i].path, of->path) > 0)
            of = &names->at[i];
    return of;
}

static void
disk_turn(struct sim_text *text, char from)
{
    if (disk_rotten.at < text->len && text->ptr[disk_rotten.at] == from)
        text->ptr[disk_rotten.at] = (char)(from ^ disk_rotten.bit);
}

void
sim_disk_rot(struct sim_rand *rand)
{
    const struct sim_names *names = &sim->disk.names;
    const struct sim_name *name = NULL;
    char snapshot[64];

    for (size_t i = 0, seen = 0; i < names->count; i++)
        if (disk_can_rot(&names->at[i]) && sim_below(rand, ++seen) == 0)
            name = &names->at[i];
    if (name == NULL)
        return;
    name = disk_newest(name);
    sim->rotten = name->inode;
    sim->rotten->opens++;
    snprintf(snapshot, sizeof(snapshot), "/p/state/%s/snapshot-", sim->part->sync.ptr);
    sim->rotten_snapshot = strncmp(name->path, snapshot, strlen(snapshot)) == 0;
    disk_rotten.at = (size_t)sim_below(rand, sim->rotten->cache.len);
    disk_rotten.bit = (char)(1 << sim_below(rand, 7));
    disk_rotten.was = sim->rotten->cache.ptr[disk_rotten.at];
    disk_turn(&sim->rotten->cache, disk_rotten.was);
    disk_turn(&sim->rotten->platter, disk_rotten.was);
    sim_event("rot", name->path, (int64_t)disk_rotten.at, disk_rotten.bit);
}

void
sim_disk_mend(void)
{
    char is = (char)(disk_rotten.was ^ disk_rotten.bit);

    if (sim->rotten == NULL)
        return;
    disk_turn(&sim->rotten->cache, is);
    disk_turn(&sim->rotten->platter, is);
    sim->rotten->opens--;
    sim_inode_release(sim->rotten);
    sim->rotten = NULL;
}

/* ---- struct eff_os ---- */

static enum eff_fault
disk_fail(struct eff_err *err, int code, const char *what, const char *path)
{
    EFF_FAIL(err, EFF_BROKEN, "cannot %s %s: %s", what, path, strerror(code));
    err->code = code;
    return EFF_BROKEN;
}

#define DISK_EFFECT(what, path, a, b)                                                              \
    do {                                                                                           \
        int code_;                                                                                 \
        sim_effect(what, path, (int64_t)(a), (int64_t)(b));                                        \
        if (sim_disk_fails(&code_))                                                                \
            return disk_fail(err, code_, what, path);                                              \
    } while (0)

static struct eff_file *
disk_handle(struct sim_inode *inode)
{
    struct eff_file *file = sim_keep(NULL, sizeof(*file));

    *file = (struct eff_file){inode, sim->disk.open};
    sim->disk.open = file;
    sim->disk.open_count++;
    inode->opens++;
    return file;
}

static enum eff_fault
disk_open(void *self, const char *path, unsigned flags, struct eff_file **ret_file,
          struct eff_err *err)
{
    struct sim_inode *inode = sim_disk_find(path);

    (void)self;
    if (flags & EFF_OPEN_UNNAMED) {
        *ret_file = disk_handle(inode_new(false));
        return EFF_OK;
    }
    if (inode == NULL && !(flags & EFF_OPEN_CREATE))
        return disk_fail(err, ENOENT, "open", path);
    if (inode != NULL && (flags & EFF_OPEN_EXCLUSIVE))
        return disk_fail(err, EEXIST, "open", path);
    if (inode == NULL) {
        DISK_EFFECT("create", path, 0, 0);
        inode = sim_disk_create(path);
    } else if (flags & EFF_OPEN_TRUNCATE) {
        DISK_EFFECT("open-truncate", path, 0, 0);
        sim_inode_truncate(inode, 0);
    }
    *ret_file = disk_handle(inode);
    return EFF_OK;
}

static enum eff_fault
disk_read(struct eff_file *file, uint64_t offset, void *ptr, size_t len, size_t *ret_len,
          struct eff_err *err)
{
    const struct sim_text *cache = &file->inode->cache;
    size_t left = offset < cache->len ? cache->len - (size_t)offset : 0;

    (void)err;
    *ret_len = len < left ? len : left;
    if (*ret_len > 0)
        memcpy(ptr, cache->ptr + offset, *ret_len);
    return EFF_OK;
}

static enum eff_fault
disk_write(struct eff_file *file, uint64_t offset, const void *ptr, size_t len, struct eff_err *err)
{
    int code;

    if (file->inode->links == 0) { /* unnamed: nobody will ever see it again */
        text_put(&file->inode->cache, offset, ptr, len);
        return EFF_OK;
    }
    if (sim->death_at && sim->life_effects + 1 == sim->death_at) /* in the middle of it */
        sim_inode_write(file->inode, offset, ptr, len / 2);
    sim_effect("write", NULL, (int64_t)offset, (int64_t)len);
    if (sim_disk_fails(&code)) {
        sim_inode_write(file->inode, offset, ptr, len / 2);
        return disk_fail(err, code, "write", "a file");
    }
    sim_inode_write(file->inode, offset, ptr, len);
    return EFF_OK;
}

static enum eff_fault
disk_size(struct eff_file *file, uint64_t *ret_size, struct eff_err *err)
{
    (void)err;
    *ret_size = file->inode->cache.len;
    return EFF_OK;
}

static enum eff_fault
disk_truncate(struct eff_file *file, uint64_t size, struct eff_err *err)
{
    DISK_EFFECT("truncate", "a file", size, 0);
    sim_inode_truncate(file->inode, size);
    return EFF_OK;
}

static enum eff_fault
disk_sync(struct eff_file *file, struct eff_err *err)
{
    DISK_EFFECT("sync", "a file", file->inode->cache.len, 0);
    sim_inode_sync(file->inode);
    return EFF_OK;
}

static void
disk_close(struct eff_file *file)
{
    if (file == NULL)
        return;
    for (struct eff_file **at = &sim->disk.open; *at != NULL; at = &(*at)->next)
        if (*at == file) {
            *at = file->next;
            break;
        }
    sim->disk.open_count--;
    file->inode->opens--;
    sim_inode_release(file->inode);
    sim_keep(file, 0);
}

static enum eff_fault
disk_rename(void *self, const char *from, const char *to, struct eff_err *err)
{
    struct sim_inode *inode = sim_disk_find(from);

    (void)self;
    if (inode == NULL)
        return disk_fail(err, ENOENT, "rename", from);
    DISK_EFFECT("rename", to, 0, 0);
    inode->opens++;
    disk_op(SIM_RENAME, from, to, inode);
    names_drop(&sim->disk.names, names_find(&sim->disk.names, from));
    names_set(&sim->disk.names, to, inode);
    inode->opens--;
    return EFF_OK;
}

static enum eff_fault
disk_unlink(void *self, const char *path, struct eff_err *err)
{
    (void)self;
    if (sim_disk_find(path) == NULL)
        return EFF_OK;
    DISK_EFFECT("unlink", path, 0, 0);
    sim_disk_unlink(path);
    return EFF_OK;
}

static enum eff_fault
disk_mkdir(void *self, const char *path, struct eff_err *err)
{
    (void)self;
    if (sim_disk_find(path) != NULL)
        return EFF_OK;
    DISK_EFFECT("mkdir", path, 0, 0);
    disk_make(path, true);
    return EFF_OK;
}

static enum eff_fault
disk_rmdir(void *self, const char *path, struct eff_err *err)
{
    (void)self;
    DISK_EFFECT("rmdir", path, 0, 0);
    sim_disk_unlink(path);
    return EFF_OK;
}

static enum eff_fault
disk_sync_dir(void *self, const char *path, struct eff_err *err)
{
    (void)self;
    DISK_EFFECT("sync-dir", path, 0, 0);
    sim_disk_sync_folder(path);
    return EFF_OK;
}

static int
disk_by_name(const void *a, const void *b)
{
    return eff_str_cmp(*(const eff_str *)a, *(const eff_str *)b);
}

static enum eff_fault
disk_list(void *self, const char *path, struct eff_arena *arena, size_t *ret_count,
          eff_str **ret_names, struct eff_err *err)
{
    const struct sim_names *names = &sim->disk.names;
    size_t count = 0;
    eff_str *found = eff_new(arena, eff_str, names->count + 1);

    (void)self;
    (void)err;
    for (size_t i = 0; i < names->count; i++)
        if (disk_in_folder(names->at[i].path, path))
            found[count++] = eff_str_copy(arena, eff_str_of(strrchr(names->at[i].path, '/') + 1));
    qsort(found, count, sizeof(*found), disk_by_name);
    *ret_count = count;
    *ret_names = found;
    return EFF_OK;
}

static bool
disk_exists(void *self, const char *path)
{
    (void)self;
    return sim_disk_find(path) != NULL;
}

static enum eff_fault
disk_space(void *self, const char *path, uint64_t *ret_bytes, struct eff_err *err)
{
    (void)self;
    (void)path;
    (void)err;
    *ret_bytes = (uint64_t)1 << 40;
    return EFF_OK;
}

static enum eff_fault
disk_lock(void *self, const char *path, struct eff_file **ret_lock, struct eff_err *err)
{
    return disk_open(self, path, EFF_OPEN_WRITE | EFF_OPEN_CREATE, ret_lock, err);
}

void
sim_disk_init(struct eff_os *os)
{
    os->open = disk_open;
    os->read = disk_read;
    os->write = disk_write;
    os->size = disk_size;
    os->truncate = disk_truncate;
    os->sync = disk_sync;
    os->close = disk_close;
    os->rename = disk_rename;
    os->unlink = disk_unlink;
    os->mkdir = disk_mkdir;
    os->rmdir = disk_rmdir;
    os->sync_dir = disk_sync_dir;
    os->list = disk_list;
    os->exists = disk_exists;
    os->space = disk_space;
    os->lock = disk_lock;
    os->sqlite_vfs = "sim";
    names_set(&sim->disk.names, "/p", inode_new(true)); /* the project's folder was always there */
    names_set(&sim->disk.durable, "/p", sim_disk_find("/p"));
    names_set(&sim->disk.names, "/u", inode_new(true)); /* nor does the user's go */
    names_set(&sim->disk.durable, "/u", sim_disk_find("/u"));
}
