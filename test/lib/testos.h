/*
 * test/lib/testos: a small world with real files and planned faults.
 *
 * A struct eff_os over plain POSIX files, a clock that stands still until it is
 * told to move, randomness from a seed, no requests. Calls are counted by kind;
 * the n-th of the chosen kinds can fail, once or from then on, with a chosen
 * errno, a failing write after half of its bytes.
 */
#ifndef TEST_LIB_TESTOS_H
#define TEST_LIB_TESTOS_H

#include "os/os.h"

enum testos_call { /* bits, so that a plan can name several */
                   TESTOS_OPEN = 1,
                   TESTOS_READ = 2,
                   TESTOS_WRITE = 4,
                   TESTOS_SYNC = 8,
                   TESTOS_RENAME = 16,
                   TESTOS_UNLINK = 32,
                   TESTOS_SYNC_DIR = 64,
                   TESTOS_TRUNCATE = 128,
                   TESTOS_LIST = 256,
                   TESTOS_SIZE = 512,
                   TESTOS_CHANGES = TESTOS_OPEN | TESTOS_WRITE | TESTOS_SYNC | TESTOS_RENAME |
                                    TESTOS_UNLINK | TESTOS_SYNC_DIR | TESTOS_TRUNCATE,
                   TESTOS_ALL = 1023,
                   /* not of the files; a test counts them by testos_planned */
                   TESTOS_STATEMENT = 1024,
                   TESTOS_SOURCE = 2048,
                   TESTOS_DEST = 4096,
                   TESTOS_STEP = 8192,
};

struct testos {
    struct eff_os os; /* give &testos.os to the code under test */

    /* The plan: the fail_at-th call (from 1; 0: none) of the kinds in fail_calls fails. */
    unsigned fail_calls;
    uint64_t fail_at;
    int fail_errno;    /* EIO when 0 */
    bool fail_forever; /* and every later call of any kind: the process is dead */

    uint64_t counted; /* calls of the kinds in fail_calls so far */
    uint64_t bytes_written, bytes_read, writes, reads;
    bool failed; /* the planned fault happened */
    size_t open_files;
    uint64_t random_state;
    int64_t mono_ms, wall_ms;
    uint64_t space; /* what `space` answers */
};

void testos_init(struct testos *world, uint64_t seed);
/* Sets the plan and starts counting anew. */
void testos_plan(struct testos *world, unsigned calls, uint64_t at, int code, bool forever);
/* Counts a call; true when it is the one that shall fail: errno is set. */
bool testos_planned(struct testos *world, unsigned call);
/* A new folder below the current one, or below TMPDIR; free the path. */
char *testos_folder(void);
/* Removes a folder and what is in it. */
void testos_remove(const char *folder);

#endif
