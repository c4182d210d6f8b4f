/*
 * base/arena: memory that dies together lives together.
 *
 * Four lifetimes, each one arena: process, run, batch, scratch. A function
 * takes the arena its result lives in, and takes scratch BY VALUE: whatever
 * it allocates there is gone when it returns, on every path. An arena is one
 * reserved range of addresses whose pages become real when they are touched.
 * A copy of the struct allocates in the same range, above `used`: while the copy
 * is in use, nothing else allocates from the original.
 */
#ifndef EFF_BASE_ARENA_H
#define EFF_BASE_ARENA_H

#include <stdalign.h>
#include <stddef.h>

struct eff_arena {
    char *base;
    size_t used;
    size_t budget;    /* bytes that may be allocated */
    const char *name; /* "run", "batch": named in the out-of-budget message */
};

#define eff_new(arena, type, count)                                                                \
    ((type *)eff_arena_alloc((arena), sizeof(type), alignof(type), (count)))

/* Reserves `budget` bytes of addresses; name is borrowed. Ends the process when that fails. */
void eff_arena_init(struct eff_arena *arena, const char *name, size_t budget);
void eff_arena_deinit(struct eff_arena *arena); /* a zeroed arena is fine */
/* Forgets all allocations; gives back to the system what is beyond 1 MiB. */
void eff_arena_reset(struct eff_arena *arena);

/* Zeroed, never NULL; over the budget it calls the overflow hook, which does not return. */
void *eff_arena_alloc(struct eff_arena *arena, size_t size, size_t align, size_t count);
/* Bytes that the caller fills at once, and so are not zeroed; else as eff_arena_alloc. */
char *eff_arena_bytes(struct eff_arena *arena, size_t count);
/* Zeroed, but NULL over the budget: for the daemon's requests and for input of unknown size. */
void *eff_arena_try(struct eff_arena *arena, size_t size, size_t align, size_t count);
char *eff_arena_try_bytes(struct eff_arena *arena, size_t count); /* the same, and not zeroed */

/*
 * Called instead of ending the process; must not return. The default prints one
 * line naming the arena and its budget, and exits with 1: the next start resumes.
 * NULL brings the default back.
 */
void eff_arena_on_overflow(void (*hook)(const char *name, size_t budget));

#endif
