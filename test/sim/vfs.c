/*
 * test/sim/vfs: the crash disk as SQLite sees it.
 *
 * Writes, syncs, truncations, creations and removals are effects at which the
 * process can die or the disk can fail. The shared memory of the write-ahead log
 * is plain memory of the life, so that every death makes SQLite recover the log.
 * Locks always succeed: one process has the disk at a time.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#define VFS_REGIONS_MAX 16

struct vfs_file {
    sqlite3_file base;
    struct sim_inode *inode;
    bool new_log; /* its folder is synced with it the first time, as SQLite's own does */
    bool temporary;
    char path[240];
};

/* One database, so one shared memory: of the engine's, and of an oracle that looks meanwhile. */
struct vfs_shared {
    char *region[VFS_REGIONS_MAX];
    size_t size; /* of each */
};

static struct vfs_shared vfs_shm, vfs_platter_shm;

#define VFS_OPEN_MAX 32

static struct { /* a dead process closes nothing */
    struct sim_inode *inodes[VFS_OPEN_MAX];
    size_t count;
} vfs_opened;

static void
vfs_closed(struct sim_inode *inode)
{
    for (size_t i = 0; i < vfs_opened.count; i++)
        if (vfs_opened.inodes[i] == inode) {
            vfs_opened.inodes[i] = vfs_opened.inodes[--vfs_opened.count];
            break;
        }
    inode->opens--;
    sim_inode_release(inode);
}

static int
vfs_fails(int io_code)
{
    int code;

    if (!sim_disk_fails(&code))
        return SQLITE_OK;
    return code == ENOSPC ? SQLITE_FULL : io_code;
}

static int
vfs_close(sqlite3_file *file)
{
    struct vfs_file *f = (struct vfs_file *)file;

    vfs_closed(f->inode);
    return SQLITE_OK;
}

static int
vfs_copy(const struct sim_text *from, void *ptr, int len, sqlite3_int64 offset)
{
    size_t left = (size_t)offset < from->len ? from->len - (size_t)offset : 0;
    size_t got = (size_t)len < left ? (size_t)len : left;

    if (got > 0)
        memcpy(ptr, from->ptr + offset, got);
    memset((char *)ptr + got, 0, (size_t)len - got);
    return got == (size_t)len ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int
vfs_read(sqlite3_file *file, void *ptr, int len, sqlite3_int64 offset)
{
    return vfs_copy(&((struct vfs_file *)file)->inode->cache, ptr, len, offset);
}

static const char *
vfs_name(const struct vfs_file *f)
{
    const char *slash = strrchr(f->path, '/');

    return slash ? slash + 1 : "temporary";
}

static int
vfs_write(sqlite3_file *file, const void *ptr, int len, sqlite3_int64 offset)
{
    struct vfs_file *f = (struct vfs_file *)file;
    int code;

    if (f->temporary) {
        sim_inode_write(f->inode, (uint64_t)offset, ptr, (size_t)len);
        return SQLITE_OK;
    }
    if (sim->death_at && sim->life_effects + 1 == sim->death_at)
        sim_inode_write(f->inode, (uint64_t)offset, ptr, (size_t)len / 2);
    sim_effect("db-write", vfs_name(f), offset, len);
    code = vfs_fails(SQLITE_IOERR_WRITE);
    sim_inode_write(f->inode, (uint64_t)offset, ptr, (size_t)(code ? len / 2 : len));
    return code;
}

static int
vfs_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct vfs_file *f = (struct vfs_file *)file;
    int code;

    sim_effect("db-truncate", vfs_name(f), size, 0);
    code = vfs_fails(SQLITE_IOERR_TRUNCATE);
    if (code == SQLITE_OK)
        sim_inode_truncate(f->inode, (uint64_t)size);
    return code;
}

static void
vfs_sync_folder(const char *path)
{
    char folder[240];

    snprintf(folder, sizeof(folder), "%s", path);
    *strrchr(folder, '/') = '\0';
    sim_disk_sync_folder(folder);
}

static int
vfs_sync(sqlite3_file *file, int flags)
{
    struct vfs_file *f = (struct vfs_file *)file;
    int code;

    (void)flags;
    sim_effect("db-sync", vfs_name(f), 0, 0);
    code = vfs_fails(SQLITE_IOERR_FSYNC);
    if (code != SQLITE_OK)
        return code;
    sim_inode_sync(f->inode);
    if (f->new_log)
        vfs_sync_folder(f->path);
    f->new_log = false;
    return SQLITE_OK;
}

static int
vfs_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    *ret_size = (sqlite3_int64)((struct vfs_file *)file)->inode->cache.len;
    return SQLITE_OK;
}

static int
vfs_lock(sqlite3_file *file, int level)
{
    (void)file;
    (void)level;
    return SQLITE_OK;
}

static int
vfs_reserved(sqlite3_file *file, int *ret_reserved)
{
    (void)file;
    *ret_reserved = 0;
    return SQLITE_OK;
}

static int
vfs_control(sqlite3_file *file, int op, void *arg)
{
    (void)file;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int
vfs_sector(sqlite3_file *file)
{
    (void)file;
    return 4096;
}

static int
vfs_device(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int
vfs_region(struct vfs_shared *shm, int region, int size, int extend, void volatile **ret_ptr)
{
    *ret_ptr = NULL;
    if (region >= VFS_REGIONS_MAX)
        return SQLITE_NOMEM;
    if (shm->region[region] == NULL && extend) {
        shm->region[region] = sim_keep(NULL, (size_t)size);
        memset(shm->region[region], 0, (size_t)size);
        shm->size = (size_t)size;
    }
    *ret_ptr = shm->region[region];
    return SQLITE_OK;
}

static int
vfs_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **ret_ptr)
{
    (void)file;
    return vfs_region(&vfs_shm, region, size, extend, ret_ptr);
}

static int
vfs_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    (void)file;
    (void)offset;
    (void)count;
    (void)flags;
    return SQLITE_OK;
}

static void
vfs_shm_barrier(sqlite3_file *file)
{
    (void)file;
}

static void
vfs_shm_free(void)
{
    for (size_t i = 0; i < VFS_REGIONS_MAX; i++) {
        sim_keep(vfs_shm.region[i], 0);
        vfs_shm.region[i] = NULL;
    }
}

void
sim_vfs_death(void)
{
    vfs_shm_free();
    while (vfs_opened.count > 0)
        vfs_closed(vfs_opened.inodes[0]);
}

static int
vfs_shm_unmap(sqlite3_file *file, int forget)
{
    (void)file;
    (void)forget;
    vfs_shm_free();
    return SQLITE_OK;
}

static const sqlite3_io_methods vfs_methods = {.iVersion = 2,
                                               .xClose = vfs_close,
                                               .xRead = vfs_read,
                                               .xWrite = vfs_write,
                                               .xTruncate = vfs_truncate,
                                               .xSync = vfs_sync,
                                               .xFileSize = vfs_size,
                                               .xLock = vfs_lock,
                                               .xUnlock = vfs_lock,
                                               .xCheckReservedLock = vfs_reserved,
                                               .xFileControl = vfs_control,
                                               .xSectorSize = vfs_sector,
                                               .xDeviceCharacteristics = vfs_device,
                                               .xShmMap = vfs_shm_map,
                                               .xShmLock = vfs_shm_lock,
                                               .xShmBarrier = vfs_shm_barrier,
                                               .xShmUnmap = vfs_shm_unmap};

static int
vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    struct vfs_file *f = (struct vfs_file *)file;
    struct sim_inode *inode = path ? sim_disk_find(path) : NULL;
    int code;

    (void)vfs;
    *f = (struct vfs_file){.temporary = path == NULL};
    if (path == NULL) {
        inode = sim_keep(NULL, sizeof(*inode));
        *inode = (struct sim_inode){0};
    } else {
        snprintf(f->path, sizeof(f->path), "%s", path);
    }
    if (inode == NULL && !(flags & SQLITE_OPEN_CREATE))
        return SQLITE_CANTOPEN;
    if (inode == NULL) {
        sim_effect("db-create", vfs_name(f), 0, 0);
        code = vfs_fails(SQLITE_CANTOPEN);
        if (code != SQLITE_OK)
            return code;
        inode = sim_disk_create(path);
    }
    f->new_log = (flags & SQLITE_OPEN_CREATE) &&
                 (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL));
    f->inode = inode;
    inode->opens++;
    if (vfs_opened.count == VFS_OPEN_MAX)
        return SQLITE_CANTOPEN;
    vfs_opened.inodes[vfs_opened.count++] = inode;
    f->base.pMethods = &vfs_methods;
    if (ret_flags)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    int code;

    (void)vfs;
    if (sim_disk_find(path) == NULL)
        return SQLITE_IOERR_DELETE_NOENT;
    sim_effect("db-unlink", path, sync_folder, 0);
    code = vfs_fails(SQLITE_IOERR_DELETE);
    if (code != SQLITE_OK)
        return code;
    sim_disk_unlink(path);
    if (sync_folder)
        vfs_sync_folder(path);
    return SQLITE_OK;
}

static int
vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_there)
{
    const struct sim_inode *inode = sim_disk_find(path);

    (void)vfs;
    *ret_there = inode != NULL && (flags != SQLITE_ACCESS_EXISTS || inode->cache.len > 0);
    return SQLITE_OK;
}

static int
vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *ret_path)
{
    (void)vfs;
    snprintf(ret_path, (size_t)size, "%s", path);
    return SQLITE_OK;
}

static int
vfs_random(sqlite3_vfs *vfs, int size, char *ret_bytes)
{
    (void)vfs;
    if (sim == NULL)
        memset(ret_bytes, 0, (size_t)size);
    else
        for (int i = 0; i < size; i++)
            ret_bytes[i] = (char)sim_next(&sim->engine);
    return size;
}

static int
vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    sim->mono += us / 1000 + 1;
    return us;
}

static int
vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms)
{
    (void)vfs;
    *ret_ms = 210866760000000 + (sim ? sim->mono + sim->wall_offset : 0);
    return SQLITE_OK;
}

static int
vfs_error(sqlite3_vfs *vfs, int size, char *ret_text)
{
    (void)vfs;
    (void)size;
    (void)ret_text;
    return 0;
}

/* ---- for an oracle, read only: what is there, or would be there if the power went now ---- */

static bool platter_not; /* what is there */

/* Looked up by each call: the handle stays open from one look, and one seed, to the next. */
static const struct sim_text *
platter_text(const char *path)
{
    static const struct sim_text none;
    const struct sim_inode *inode = platter_not ? sim_disk_find(path) : sim_disk_durable(path);

    return inode == NULL ? &none : platter_not ? &inode->cache : &inode->platter;
}

static const struct sim_text *
platter_bytes(sqlite3_file *file)
{
    return platter_text(((struct vfs_file *)file)->path);
}

static int
platter_close(sqlite3_file *file)
{
    (void)file;
    return SQLITE_OK;
}

static int
platter_read(sqlite3_file *file, void *ptr, int len, sqlite3_int64 offset)
{
    return vfs_copy(platter_bytes(file), ptr, len, offset);
}

static int
platter_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    *ret_size = (sqlite3_int64)platter_bytes(file)->len;
    return SQLITE_OK;
}

static int
platter_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **ret_ptr)
{
    (void)file;
    return vfs_region(&vfs_platter_shm, region, size, extend, ret_ptr);
}

static const sqlite3_io_methods platter_methods = {.iVersion = 2,
                                                   .xClose = platter_close,
                                                   .xRead = platter_read,
                                                   .xFileSize = platter_size,
                                                   .xLock = vfs_lock,
                                                   .xUnlock = vfs_lock,
                                                   .xCheckReservedLock = vfs_reserved,
                                                   .xFileControl = vfs_control,
                                                   .xSectorSize = vfs_sector,
                                                   .xDeviceCharacteristics = vfs_device,
                                                   .xShmMap = platter_shm_map,
                                                   .xShmLock = vfs_shm_lock,
                                                   .xShmBarrier = vfs_shm_barrier,
                                                   .xShmUnmap = vfs_shm_unmap};

static int
platter_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    struct vfs_file *f = (struct vfs_file *)file;

    (void)vfs;
    *f = (struct vfs_file){.base.pMethods = &platter_methods};
    snprintf(f->path, sizeof(f->path), "%s", path);
    if (ret_flags)
        *ret_flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    return SQLITE_OK;
}

static int
platter_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    (void)vfs;
    (void)path;
    (void)sync_folder;
    return SQLITE_OK;
}

static int
platter_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_there)
{
    (void)vfs;
    (void)flags;
    *ret_there = platter_text(path)->len > 0;
    return SQLITE_OK;
}

static sqlite3 *
platter_look(bool not )
{
    static sqlite3 *db; /* to read the schema anew each time would be most of a seed's work */

    if (db == NULL && sqlite3_open_v2("/p/state/control.db", &db, SQLITE_OPEN_READONLY,
                                      "sim-platter") != SQLITE_OK)
        abort();
    sqlite3_db_release_memory(db); /* what was cached is of another moment */
    for (size_t i = 0; i < VFS_REGIONS_MAX && vfs_platter_shm.region[i]; i++)
        memset(vfs_platter_shm.region[i], 0, vfs_platter_shm.size);
    platter_not = not ;
    return db;
}

sqlite3 *
sim_vfs_platter(void)
{
    return platter_look(false);
}

sqlite3 *
sim_vfs_seen(void)
{
    return platter_look(true);
}

void
sim_vfs_register(void)
{
    static sqlite3_vfs vfs = {.iVersion = 2,
                              .szOsFile = sizeof(struct vfs_file),
                              .mxPathname = 200,
                              .zName = "sim",
                              .xOpen = vfs_open,
                              .xDelete = vfs_delete,
                              .xAccess = vfs_access,
                              .xFullPathname = vfs_full_path,
                              .xRandomness = vfs_random,
                              .xSleep = vfs_sleep,
                              .xGetLastError = vfs_error,
                              .xCurrentTimeInt64 = vfs_time};

    static sqlite3_vfs platter;

    platter = vfs;
    platter.zName = "sim-platter";
    platter.xOpen = platter_open;
    platter.xDelete = platter_delete;
    platter.xAccess = platter_access;
    sqlite3_initialize();
    sqlite3_vfs_register(&vfs, 1);
    sqlite3_vfs_register(&platter, 0);
}
