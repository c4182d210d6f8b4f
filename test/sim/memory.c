/*
 * test/sim/memory: the heap of a process life.
 *
 * A life may end by a jump out of the middle of the engine or of SQLite. All that
 * it allocated comes from one range, which is forgotten as a whole; the pages of
 * arenas are given back, and their addresses kept for the next life's. The linker
 * leads our own code here (--wrap); SQLite is told. Outside a life the real
 * functions serve.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sim/sim.h"

#define POOL_BYTES   ((size_t)512 << 20)
#define POOL_CLASSES 64
#define MAPS_MAX     256

struct pool_head {
    uint64_t size;
    uint32_t class;
    uint32_t used;
};

static struct {
    char *base;
    size_t at;
    size_t live; /* blocks handed out */
    void *free[POOL_CLASSES];
    bool active;
    struct pool_map {
        void *ptr;
        size_t len;
    } maps[MAPS_MAX]; /* of this life first, then those that wait for one */
    size_t maps_used, maps_count;
} pool;

#ifdef SIM_WRAP
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void __real_free(void *ptr);
void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *addr, size_t len);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void __wrap_free(void *ptr);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *addr, size_t len);
#else
#define __real_malloc  malloc
#define __real_realloc realloc
#define __real_free    free
#endif

static uint32_t
pool_class(size_t size, size_t *ret_room)
{
    uint32_t class;
    size_t room;

    if (size <= 512) {
        class = (uint32_t)((size + 15) / 16);
        *ret_room = (size_t)(class ? class : 1) * 16;
        return class ? class : 1;
    }
    for (class = 33, room = 1024; room < size; class ++)
        room *= 2;
    *ret_room = room;
    return class;
}

static bool
pool_has(const void *ptr)
{
    return (const char *)ptr >= pool.base && (const char *)ptr < pool.base + POOL_BYTES;
}

static void *
pool_alloc(size_t size)
{
    struct pool_head *head;
    size_t room;
    uint32_t class = pool_class(size, &room);

    if (pool.free[class] != NULL) {
        head = (struct pool_head *)pool.free[class] - 1;
        memcpy(&pool.free[class], pool.free[class], sizeof(void *));
    } else {
        if (pool.at + sizeof(*head) + room > POOL_BYTES)
            return NULL;
        head = (struct pool_head *)(void *)(pool.base + pool.at);
        pool.at += sizeof(*head) + room;
    }
    *head = (struct pool_head){.size = room, .class = class, .used = 1};
    pool.live++;
    return head + 1;
}

static void
pool_free(void *ptr)
{
    struct pool_head *head = (struct pool_head *)ptr - 1;

    if (!head->used)
        abort(); // freed twice
    head->used = 0;
    memcpy(ptr, &pool.free[head->class], sizeof(void *));
    pool.free[head->class] = ptr;
    pool.live--;
}

static void *
pool_realloc(void *ptr, size_t size)
{
    struct pool_head *head = (struct pool_head *)ptr - 1;
    void *moved;

    if (size <= head->size)
        return ptr;
    moved = pool_alloc(size);
    if (moved == NULL)
        return NULL;
    memcpy(moved, ptr, head->size);
    pool_free(ptr);
    return moved;
}

/* ---- what SQLite gets ---- */

static void *
lite_malloc(int size)
{
    return pool.active ? pool_alloc((size_t)size) : __real_malloc((size_t)size + 16);
}

static int
lite_size(void *ptr)
{
    return ptr == NULL ? 0 : (int)((struct pool_head *)ptr - 1)->size;
}

/* Outside a life: with a head too, so that sizes can be told. */
static void *
lite_malloc_any(int size)
{
    struct pool_head *head;

    if (pool.active)
        return lite_malloc(size);
    head = __real_malloc((size_t)size + sizeof(*head));
    if (head == NULL)
        return NULL;
    *head = (struct pool_head){.size = (uint64_t)size, .used = 1};
    return head + 1;
}

static void
lite_free(void *ptr)
{
    if (ptr == NULL)
        return;
    if (pool_has(ptr))
        pool_free(ptr);
    else
        __real_free((struct pool_head *)ptr - 1);
}

static void *
lite_realloc(void *ptr, int size)
{
    struct pool_head *head;

    if (pool_has(ptr))
        return pool_realloc(ptr, (size_t)size);
    head = __real_realloc((struct pool_head *)ptr - 1, (size_t)size + sizeof(*head));
    if (head == NULL)
        return NULL;
    head->size = (uint64_t)size;
    return head + 1;
}

static int
lite_roundup(int size)
{
    return (size + 7) & ~7;
}

static int
lite_init(void *self)
{
    (void)self;
    return SQLITE_OK;
}

static void
lite_shutdown(void *self)
{
    (void)self;
}

void
sim_memory_init(void)
{
    static const sqlite3_mem_methods methods = {lite_malloc_any, lite_free,    lite_realloc,
                                                lite_size,       lite_roundup, lite_init,
                                                lite_shutdown,   NULL};

    pool.base = mmap(NULL, POOL_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pool.base == MAP_FAILED)
        abort();
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}

static void
pool_map_swap(size_t a, size_t b)
{
    struct pool_map map = pool.maps[a];

    pool.maps[a] = pool.maps[b];
    pool.maps[b] = map;
}

/* Zeroes from now on, as a new one is. */
static void
pool_unmap(size_t at)
{
    if (madvise(pool.maps[at].ptr, pool.maps[at].len, MADV_DONTNEED) != 0)
        abort();
    pool_map_swap(at, --pool.maps_used);
}

void
sim_memory_begin(void)
{
    pool.at = 0;
    pool.live = 0;
    memset(pool.free, 0, sizeof(pool.free));
    pool.active = true;
}

size_t
sim_memory_end(void)
{
    size_t left = pool.live + pool.maps_used;

    pool.active = false;
    while (pool.maps_used > 0)
        pool_unmap(pool.maps_used - 1);
    return left;
}

void
sim_memory_aside(bool aside)
{
    pool.active = !aside;
}

void *
sim_keep(void *ptr, size_t size)
{
    if (size == 0) {
        __real_free(ptr);
        return NULL;
    }
    ptr = __real_realloc(ptr, size);
    if (ptr == NULL)
        abort();
    return ptr;
}

#ifdef SIM_WRAP
void *
__wrap_malloc(size_t size)
{
    return pool.active ? pool_alloc(size) : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    void *ptr;

    if (!pool.active)
        return __real_calloc(count, size);
    ptr = pool_alloc(count * size);
    if (ptr != NULL)
        memset(ptr, 0, count * size);
    return ptr;
}

void *
__wrap_realloc(void *ptr, size_t size)
{
    if (ptr != NULL)
        return pool_has(ptr) ? pool_realloc(ptr, size) : __real_realloc(ptr, size);
    return __wrap_malloc(size);
}

void
__wrap_free(void *ptr)
{
    if (ptr != NULL && pool_has(ptr))
        pool_free(ptr);
    else
        __real_free(ptr);
}

void *
__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    size_t at = pool.maps_used;

    if (!pool.active)
        return __real_mmap(addr, len, prot, flags, fd, offset);
    while (at < pool.maps_count && pool.maps[at].len != len)
        at++;
    if (at == MAPS_MAX)
        abort();
    if (at == pool.maps_count) {
        void *ptr = __real_mmap(addr, len, prot, flags, fd, offset);

        if (ptr == MAP_FAILED)
            return ptr;
        pool.maps[pool.maps_count++] = (struct pool_map){ptr, len};
    }
    pool_map_swap(at, pool.maps_used++);
    return pool.maps[pool.maps_used - 1].ptr;
}

int
__wrap_munmap(void *addr, size_t len)
{
    for (size_t i = 0; i < pool.maps_used; i++)
        if (pool.maps[i].ptr == addr) {
            pool_unmap(i);
            return 0;
        }
    return __real_munmap(addr, len);
}
#endif

/* ---- texts ---- */

void
sim_text_add(struct sim_text *text, const void *bytes, size_t len)
{
    if (text->len + len + 1 > text->cap) {
        text->cap = (text->len + len + 1) * 2;
        text->ptr = sim_keep(text->ptr, text->cap);
    }
    if (len > 0)
        memcpy(text->ptr + text->len, bytes, len);
    text->len += len;
    text->ptr[text->len] = '\0';
}

void
sim_text_addf(struct sim_text *text, const char *format, ...)
{
    char line[512];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    sim_text_add(text, line, len < (int)sizeof(line) ? (size_t)len : sizeof(line) - 1);
}

/* ---- chance ---- */

uint64_t
sim_next(struct sim_rand *rand)
{
    uint64_t z = rand->state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t
sim_below(struct sim_rand *rand, uint64_t n)
{
    return n == 0 ? 0 : sim_next(rand) % n;
}

int64_t
sim_between(struct sim_rand *rand, int64_t low, int64_t high)
{
    return low + (int64_t)sim_below(rand, (uint64_t)(high - low) + 1);
}

bool
sim_chance(struct sim_rand *rand, unsigned percent)
{
    return sim_below(rand, 100) < percent;
}
