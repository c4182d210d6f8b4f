/*
 * os/os: the one door to the world.
 *
 * Clock, randomness, files and requests go through this table, so that the
 * simulator can put another world behind it. Sources open their own
 * connections, but take time, files and secrets from here. Single-threaded:
 * no call may be made from two threads.
 */
#ifndef EFF_OS_OS_H
#define EFF_OS_OS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "flow/ear.h"
#include "flow/request.h"

struct eff_file; /* an open file */

enum eff_open {
    EFF_OPEN_READ = 1,
    EFF_OPEN_WRITE = 2,  /* and read */
    EFF_OPEN_CREATE = 4, /* mode 0600 */
    EFF_OPEN_TRUNCATE = 8,
    EFF_OPEN_EXCLUSIVE = 16,
    EFF_OPEN_UNNAMED = 32, /* path is a folder: a scratch file that vanishes with its handle */
};

/* All paths are terminated. Errors: EFF_BROKEN with errno in err->code (ENOENT, ENOSPC, ...). */
struct eff_os {
    void *self;

    int64_t (*mono_ms)(void *self);
    int64_t (*wall_ms)(void *self); /* since 1970 */
    void (*random)(void *self, void *ptr, size_t len);

    enum eff_fault (*open)(void *self, const char *path, unsigned flags, struct eff_file **ret_file,
                           struct eff_err *err);
    /* Reads exactly len bytes unless the file ends before; ret_len tells how many. */
    enum eff_fault (*read)(struct eff_file *file, uint64_t offset, void *ptr, size_t len,
                           size_t *ret_len, struct eff_err *err);
    enum eff_fault (*write)(struct eff_file *file, uint64_t offset, const void *ptr, size_t len,
                            struct eff_err *err);
    enum eff_fault (*size)(struct eff_file *file, uint64_t *ret_size, struct eff_err *err);
    enum eff_fault (*truncate)(struct eff_file *file, uint64_t size, struct eff_err *err);
    /* After a failure the handle is dead: nothing written through it may be relied on. */
    enum eff_fault (*sync)(struct eff_file *file, struct eff_err *err);
    void (*close)(struct eff_file *file); /* NULL is fine */

    enum eff_fault (*rename)(void *self, const char *from, const char *to, struct eff_err *err);
    enum eff_fault (*unlink)(void *self, const char *path,
                             struct eff_err *err); /* ENOENT is fine */
    enum eff_fault (*mkdir)(void *self, const char *path,
                            struct eff_err *err); /* 0700; exists: fine */
    enum eff_fault (*rmdir)(void *self, const char *path, struct eff_err *err);
    enum eff_fault (*sync_dir)(void *self, const char *path, struct eff_err *err);
    /* Names in the folder, sorted, without "." and ".."; ENOENT gives none. */
    enum eff_fault (*list)(void *self, const char *path, struct eff_arena *arena, size_t *ret_count,
                           eff_str **ret_names, struct eff_err *err);
    bool (*exists)(void *self, const char *path);
    /* Free bytes for us on the file system of path. */
    enum eff_fault (*space)(void *self, const char *path, uint64_t *ret_bytes, struct eff_err *err);
    /*
     * Takes the lock file of that path for this process, released by its death.
     * Held by another: EFF_CONFIG with a code that is not 0 (eff_os_lock_owner tells it).
     */
    enum eff_fault (*lock)(void *self, const char *path, struct eff_file **ret_lock,
                           struct eff_err *err);

    /*
     * Requests: everything the request points to must live until its answer is
     * taken. `ticket` is the caller's. `next` waits until an answer is there or
     * mono_ms reaches the deadline; ret_ticket is 0 then. The response lives
     * until `next` is called again or the ticket is cancelled. It also comes back
     * with 0 once, early, when the user asks to stop: look at go_on then.
     * SQL and file requests are carried out inside `next`, one at a time.
     */
    void (*submit)(void *self, uint64_t ticket, const struct eff_request *request);
    uint64_t (*next)(void *self, int64_t deadline_mono_ms,
                     const struct eff_response **ret_response);
    void (*cancel)(void *self, uint64_t ticket);
    /* False when the user asked to stop (first SIGTERM or SIGINT). */
    bool (*go_on)(void *self);

    const char *sqlite_vfs; /* NULL: SQLite's own */

    struct eff_ear ear; /* of whoever runs something in this world */
};

/* The real world. One per process. */
enum eff_fault eff_os_real(struct eff_arena *process, struct eff_os **ret_os, struct eff_err *err);
void eff_os_real_close(struct eff_os *os);

/* Conveniences on top of the table, the same for every world. */
enum eff_fault eff_os_read_file(struct eff_os *os, const char *path, size_t bytes_max,
                                struct eff_arena *arena, eff_str *ret_bytes, struct eff_err *err);
/* Makes the name itself durable. */
/* From the code of a lock that was refused: "process 4711", or "another process". */
#define EFF_LOCK_OWNER_UNKNOWN (-1)
const char *eff_os_lock_owner(int code, char ret_text[32]);
enum eff_fault eff_os_sync_parent(struct eff_os *os, const char *path, struct eff_err *err);
/* Through path + ".new": write, fsync, rename, fsync the folder. */
enum eff_fault eff_os_replace_file(struct eff_os *os, const char *path, eff_str bytes,
                                   struct eff_err *err);

#endif
