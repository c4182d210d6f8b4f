/*
 * test/lib/quick: SQLite's own file system, but that waiting for a lock takes no time, and that files
 * without a place of their own (in /tmp, most often) are counted.
 *
 * Give "quick" as the name of the file system between the two calls.
 */
#ifndef TEST_LIB_QUICK_H
#define TEST_LIB_QUICK_H

#include <sqlite3.h>
#include <stdbool.h>

static sqlite3_vfs quick_vfs;

static inline int
quick_no_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

static unsigned quick_temporary;

static inline int
quick_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    quick_temporary += path == NULL;
    return sqlite3_vfs_find(NULL)->xOpen(vfs, path, file, flags, ret_flags);
}

static inline bool
quick_begin(void)
{
    quick_vfs = *sqlite3_vfs_find(NULL);
    quick_vfs.xOpen = quick_open;
    quick_temporary = 0;
    quick_vfs.zName = "quick";
    quick_vfs.xSleep = quick_no_sleep;
    quick_vfs.pNext = NULL;
    return sqlite3_vfs_register(&quick_vfs, false) == SQLITE_OK;
}

static inline void
quick_end(void)
{
    sqlite3_vfs_unregister(&quick_vfs);
}

#endif
