/*
 * base/arena: memory that dies together lives together.
 *
 * Each arena is one reserved range. A header before `base` remembers how far
 * the range may be dirty; copies of the struct share it, so memory that a
 * scratch copy used is zeroed again when the original hands it out, and memory
 * never used is not touched just to zero it.
 *
 * Under AddressSanitizer 8 bytes between two allocations, a page after the last
 * one, and all of it after a reset are poisoned; not the whole free range, whose
 * shadow would take an eighth of the budget in real memory.
 */
#include "base/arena.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define ARENA_GUARDED         true
#define ARENA_GAP             (size_t)8
#define ARENA_GUARD(ptr, len) __asan_poison_memory_region((ptr), (len))
#define ARENA_ALLOW(ptr, len) __asan_unpoison_memory_region((ptr), (len))
#else
#define ARENA_GUARDED         false
#define ARENA_GAP             (size_t)0
#define ARENA_GUARD(ptr, len) ((void)(ptr), (void)(len))
#define ARENA_ALLOW(ptr, len) ((void)(ptr), (void)(len))
#endif

#define ARENA_PAGE ((size_t)4096)
#define ARENA_KEEP ((size_t)1 << 20)

struct arena_head {
    size_t mapped;  /* bytes of the whole range, with this page */
    size_t touched; /* bytes from base that may not be zero */
    size_t guarded; /* bytes from base that may be poisoned */
};

static void (*arena_overflow_hook)(const char *name, size_t budget);

static struct arena_head *
arena_head(const struct eff_arena *arena)
{
    return (struct arena_head *)(void *)(arena->base - ARENA_PAGE);
}

static size_t
arena_mib(size_t bytes)
{
    return (bytes >> 20) + ((bytes & ((1u << 20) - 1)) != 0);
}

void
eff_arena_on_overflow(void (*hook)(const char *name, size_t budget))
{
    arena_overflow_hook = hook;
}

/* What a scratch copy may have left there is dead as soon as the original allocates. */
static void
arena_guard_after(const struct eff_arena *arena, size_t end)
{
    struct arena_head *head = arena_head(arena);
    size_t room = head->mapped - ARENA_PAGE - end;
    size_t len = room < ARENA_PAGE ? room : ARENA_PAGE;

    ARENA_GUARD(arena->base + end, len);
    if (end + len > head->guarded)
        head->guarded = end + len;
}

__attribute__((noreturn)) static void
arena_overflow(const struct eff_arena *arena)
{
    if (arena_overflow_hook != NULL) {
        arena_overflow_hook(arena->name, arena->budget);
        abort(); // The contract says that a hook does not return.
    }
    fprintf(stderr, "efferent: out of memory: the \"%s\" arena is at its budget of %zu MiB\n",
            arena->name == NULL ? "" : arena->name, arena_mib(arena->budget));
    _exit(1);
}

void
eff_arena_init(struct eff_arena *arena, const char *name, size_t budget)
{
    size_t mapped;
    char *start = MAP_FAILED;

    // One page for the head, and rounding up to whole pages.
    if (!__builtin_add_overflow(budget, 2 * ARENA_PAGE - 1, &mapped)) {
        mapped &= ~(ARENA_PAGE - 1);
        start = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    if (start == MAP_FAILED) {
        fprintf(stderr, "efferent: out of memory: cannot reserve %zu MiB for the \"%s\" arena\n",
                arena_mib(budget), name);
        _exit(1);
    }
    *arena = (struct eff_arena){.base = start + ARENA_PAGE, .budget = budget, .name = name};
    *arena_head(arena) = (struct arena_head){.mapped = mapped};
    arena_guard_after(arena, 0);
}

void
eff_arena_deinit(struct eff_arena *arena)
{
    if (arena->base != NULL) {
        struct arena_head *head = arena_head(arena);

        // A later mapping at the same place must not find the poison of this one.
        ARENA_ALLOW(arena->base, head->guarded);
        munmap(head, head->mapped);
    }
    *arena = (struct eff_arena){0};
}

void
eff_arena_reset(struct eff_arena *arena)
{
    struct arena_head *head;

    arena->used = 0;
    if (arena->base == NULL)
        return;
    head = arena_head(arena);
    ARENA_GUARD(arena->base, head->touched);
    if (head->touched <= ARENA_KEEP)
        return;
    // Pages given back read as zero. If the system refuses, they simply stay dirty and ours.
    if (madvise(arena->base + ARENA_KEEP, head->mapped - ARENA_PAGE - ARENA_KEEP, MADV_DONTNEED) ==
        0)
        head->touched = ARENA_KEEP;
}

/* NULL over the budget. What of it is not zero is told, and left as it is. */
static char *
arena_take(struct eff_arena *arena, size_t size, size_t align, size_t count, size_t *ret_dirty)
{
    struct arena_head *head;
    size_t bytes, start, end, dirty;

    assert(align != 0 && (align & (align - 1)) == 0 && align <= ARENA_PAGE);
    if (arena->base == NULL || __builtin_mul_overflow(size, count, &bytes))
        return NULL;
    if (ARENA_GUARDED && align < 8)
        align = 8;
    // What is used was mapped, with pages to spare: neither sum overflows.
    start = (arena->used + (arena->used == 0 ? 0 : ARENA_GAP) + align - 1) & ~(align - 1);
    if (__builtin_add_overflow(start, bytes, &end) || end > arena->budget)
        return NULL;
    head = arena_head(arena);
    ARENA_ALLOW(arena->base + start, bytes);
    dirty = head->touched > start ? head->touched - start : 0;
    *ret_dirty = dirty < bytes ? dirty : bytes;
    if (ARENA_GUARDED)
        arena_guard_after(arena, end);
    if (end > head->touched)
        head->touched = end;
    arena->used = end;
    return arena->base + start;
}

void *
eff_arena_try(struct eff_arena *arena, size_t size, size_t align, size_t count)
{
    size_t dirty;
    char *ptr = arena_take(arena, size, align, count, &dirty);

    if (ptr != NULL)
        memset(ptr, 0, dirty);
    return ptr;
}

char *
eff_arena_try_bytes(struct eff_arena *arena, size_t count)
{
    size_t dirty;

    return arena_take(arena, 1, 1, count, &dirty);
}

char *
eff_arena_bytes(struct eff_arena *arena, size_t count)
{
    char *ptr = eff_arena_try_bytes(arena, count);

    if (ptr == NULL)
        arena_overflow(arena);
    return ptr;
}

void *
eff_arena_alloc(struct eff_arena *arena, size_t size, size_t align, size_t count)
{
    void *ptr = eff_arena_try(arena, size, align, count);

    if (ptr == NULL)
        arena_overflow(arena);
    return ptr;
}
