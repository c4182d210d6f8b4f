/*
 * test/lib/nosync: nothing of this program is synced to disk, nothing of SQLite's either: where that is
 * not the subject it only takes time. One file of a program includes it.
 */
#ifndef EFF_TEST_LIB_NOSYNC_H
#define EFF_TEST_LIB_NOSYNC_H

#include <unistd.h>

int
fsync(int fd)
{
    (void)fd;
    return 0;
}

int
fdatasync(int fd)
{
    (void)fd;
    return 0;
}

#endif
