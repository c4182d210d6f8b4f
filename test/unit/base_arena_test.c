/*
 * Goal: an arena hands out zeroed, aligned memory that does not overlap, up to
 * its budget and never beyond, also through scratch copies and after a reset.
 * Method: boundary sizes; random allocations through original and copies, all
 * filled with a pattern; the end of the budget through the hook, through the
 * NULL of try, and in a child process whose message is read.
 * covers: F9
 */
// links: base
#include "base/arena.h"
#include "lib/random.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZED 1 /* its bookkeeping takes real memory for each byte handed out */
#else
#define SANITIZED 0
#endif

static jmp_buf over;
static const char *over_name;
static size_t over_budget;

static void
hook(const char *name, size_t budget)
{
    over_name = name;
    over_budget = budget;
    longjmp(over, 1);
}

static bool
all_are(const char *ptr, size_t len, char c)
{
    for (size_t i = 0; i < len; i++)
        if (ptr[i] != c)
            return false;
    return true;
}

static void
test_budget(void **state)
{
    struct eff_arena arena;
    char *ptr;

    (void)state;
    eff_arena_init(&arena, "run", 1000);
    assert_null(eff_arena_try(&arena, 1, 1, 1001));
    ptr = eff_arena_try(&arena, 1, 1, 1000);
    assert_non_null(ptr);
    memset(ptr, 'x', 1000);
    assert_null(eff_arena_try(&arena, 1, 1, 1));
    assert_int_equal(arena.used, 1000);
    eff_arena_reset(&arena);
    assert_non_null(eff_arena_try(&arena, 1, 1, 1000));
    eff_arena_deinit(&arena);
    assert_null(arena.base);

    eff_arena_init(&arena, "none", 0);
    assert_null(eff_arena_try(&arena, 1, 1, 1));
    assert_non_null(eff_arena_try(&arena, 1, 1, 0)); // never NULL for nothing
    eff_arena_deinit(&arena);

    arena = (struct eff_arena){0};
    assert_null(eff_arena_try(&arena, 1, 1, 1));
    eff_arena_reset(&arena);
    eff_arena_deinit(&arena);
}

static void
test_sizes_that_overflow(void **state)
{
    struct eff_arena arena;

    (void)state;
    eff_arena_init(&arena, "run", MIB);
    eff_new(&arena, char, 3);
    assert_null(eff_arena_try(&arena, SIZE_MAX, 1, 2));
    assert_null(eff_arena_try(&arena, (size_t)1 << 33, 1, (size_t)1 << 31));
    assert_null(eff_arena_try(&arena, SIZE_MAX, 1, 1));
    assert_null(eff_arena_try(&arena, SIZE_MAX - 2, 1, 1));
    assert_null(eff_arena_try(&arena, SIZE_MAX - 64, 64, 1));
    assert_int_equal(arena.used, 3);
    eff_arena_deinit(&arena);
}

static void
test_alignment(void **state)
{
    struct eff_arena arena;

    (void)state;
    eff_arena_init(&arena, "run", MIB);
    for (size_t align = 1; align <= 4096; align *= 2) {
        eff_new(&arena, char, 1);
        assert_int_equal((uintptr_t)eff_arena_alloc(&arena, 1, align, 5) % align, 0);
    }
    eff_arena_deinit(&arena);
}

static void
test_large_reservation_is_free(void **state)
{
    struct eff_arena arena;
    size_t size = SANITIZED ? 64 * MIB : (size_t)32 << 30; // would take long if it were touched
    char *ptr;

    (void)state;
    eff_arena_init(&arena, "run", (size_t)64 << 30);
    ptr = eff_new(&arena, char, size);
    ptr[0] = ptr[size - 1] = 'x';
    eff_arena_reset(&arena);
    ptr = eff_new(&arena, char, size);
    assert_int_equal(ptr[0] | ptr[size - 1], 0);
    eff_arena_deinit(&arena);
}

static size_t
resident_pages(const struct eff_arena *arena, size_t from, size_t len)
{
    unsigned char *pages = calloc(1, len / 4096);
    size_t count = 0;

    assert_int_equal(mincore(arena->base + from, len, pages), 0);
    for (size_t i = 0; i < len / 4096; i++)
        count += pages[i] & 1;
    free(pages);
    return count;
}

static void
test_reset_gives_memory_back(void **state)
{
    struct eff_arena arena;

    (void)state;
    eff_arena_init(&arena, "batch", 8 * MIB);
    memset(eff_new(&arena, char, 8 * MIB), 'x', 8 * MIB);
    assert_int_equal(resident_pages(&arena, MIB, 7 * MIB), 7 * 256);
    eff_arena_reset(&arena);
    assert_int_equal(arena.used, 0);
    assert_int_equal(resident_pages(&arena, MIB, 7 * MIB), 0);
    assert_int_equal(resident_pages(&arena, 0, MIB), 256);
    assert_true(all_are(eff_new(&arena, char, 8 * MIB), 8 * MIB, 0));
    eff_arena_deinit(&arena);
}

/* What a copy wrote is zero again when the original hands it out. */
static void
scratch_user(struct eff_arena scratch, size_t len)
{
    char *ptr = eff_new(&scratch, char, len);

    assert_true(all_are(ptr, len, 0));
    memset(ptr, 's', len);
    if (len > 100)
        scratch_user(scratch, len / 2);
}

static void
test_scratch_copies(void **state)
{
    struct eff_arena arena;
    uint64_t random = 3;
    char *kept[200];
    size_t kept_len[200];

    (void)state;
    eff_arena_init(&arena, "run", 32 * MIB);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 200; i++) {
            scratch_user(arena, 1 + random_below(&random, 100000));
            kept_len[i] = random_below(&random, 50000);
            kept[i] =
                eff_arena_alloc(&arena, 1, (size_t)1 << random_below(&random, 5), kept_len[i]);
            assert_true(all_are(kept[i], kept_len[i], 0));
            memset(kept[i], i, kept_len[i]);
        }
        for (int i = 0; i < 200; i++)
            assert_true(all_are(kept[i], kept_len[i], (char)i));
        eff_arena_reset(&arena);
    }
    eff_arena_deinit(&arena);
}

/* Bytes for the caller to fill: they do not overlap, and what they leave is zeroed for others. */
static void
test_bytes(void **state)
{
    struct eff_arena arena;
    char *first, *bytes, *after;

    (void)state;
    eff_arena_init(&arena, "run", MIB);
    for (int round = 0; round < 2; round++) {
        first = eff_new(&arena, char, 10);
        bytes = round ? eff_arena_bytes(&arena, 1000) : eff_arena_try_bytes(&arena, 1000);
        memset(bytes, 'b', 1000);
        after = eff_new(&arena, char, 2000);
        assert_true(bytes >= first + 10 && after >= bytes + 1000);
        assert_true(all_are(first, 10, 0) && all_are(after, 2000, 0));
        memset(after, 'a', 2000);
        assert_true(all_are(bytes, 1000, 'b'));
        assert_null(eff_arena_try_bytes(&arena, MIB));
        eff_arena_reset(&arena);
        assert_true(all_are(eff_new(&arena, char, 3000), 3000, 0));
        eff_arena_reset(&arena);
    }
    eff_arena_deinit(&arena);
}

static void
test_hook(void **state)
{
    struct eff_arena arena;

    (void)state;
    eff_arena_init(&arena, "batch", 100);
    eff_arena_on_overflow(hook);
    if (setjmp(over) == 0) {
        eff_new(&arena, char, 101);
        fail();
    }
    assert_string_equal(over_name, "batch");
    assert_int_equal(over_budget, 100);
    eff_arena_on_overflow(NULL);
    eff_arena_deinit(&arena);
}

static void
hook_that_returns(const char *name, size_t budget)
{
    (void)name;
    (void)budget;
}

/* Whoever asked for memory goes on with what it got: a hook must not let it. */
static void
test_hook_that_returns(void **state)
{
    int status;
    pid_t child;

    (void)state;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        struct eff_arena arena;

        signal(SIGABRT, SIG_DFL);
        eff_arena_init(&arena, "batch", 100);
        eff_arena_on_overflow(hook_that_returns);
        eff_new(&arena, char, 101);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

/* Runs `body` in a child process; expects exit code 1 and this one line on standard error. */
static void
assert_ends(void (*body)(void), const char *line)
{
    char text[500] = "";
    size_t len = 0;
    int fds[2], status;
    ssize_t got;
    pid_t child;

    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        body();
        _exit(0);
    }
    close(fds[1]);
    while ((got = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)got;
    close(fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_string_equal(text, line);
}

static void
body_over_budget(void)
{
    struct eff_arena arena;

    eff_arena_init(&arena, "run", 3 * MIB);
    eff_new(&arena, char, 4 * MIB);
}

static void
body_over_small_budget(void)
{
    struct eff_arena arena;

    eff_arena_init(&arena, "run", 10);
    eff_new(&arena, char, 11);
}

static void
body_bytes_over_budget(void)
{
    struct eff_arena arena;

    eff_arena_init(&arena, "run", MIB);
    eff_arena_bytes(&arena, MIB + 1);
}

/* One that was never given a name, nor any memory. */
static void
body_nameless(void)
{
    struct eff_arena arena = {0};

    eff_new(&arena, char, 1);
}

static void
body_no_addresses(void)
{
    struct eff_arena arena;

    eff_arena_init(&arena, "run", SIZE_MAX / 4096 * 4096);
}

static void
body_more_than_the_machine(void)
{
    struct eff_arena arena;

    eff_arena_init(&arena, "run", (size_t)1 << 60);
}

static void
test_default_ends_the_process(void **state)
{
    (void)state;
    assert_ends(body_over_budget,
                "efferent: out of memory: the \"run\" arena is at its budget of 3 MiB\n");
    assert_ends(body_over_small_budget,
                "efferent: out of memory: the \"run\" arena is at its budget of 1 MiB\n");
    assert_ends(body_bytes_over_budget,
                "efferent: out of memory: the \"run\" arena is at its budget of 1 MiB\n");
    assert_ends(body_nameless,
                "efferent: out of memory: the \"\" arena is at its budget of 0 MiB\n");
    assert_ends(body_no_addresses, "efferent: out of memory: cannot reserve 17592186044416 MiB for "
                                   "the \"run\" arena\n");
    assert_ends(body_more_than_the_machine, "efferent: out of memory: cannot reserve 1099511627776 "
                                            "MiB for the \"run\" arena\n");
}

#if SANITIZED
#include <sanitizer/asan_interface.h>

static void
test_poison(void **state)
{
    struct eff_arena arena, scratch;
    char *a, *b;

    (void)state;
    eff_arena_init(&arena, "run", MIB);
    a = eff_new(&arena, char, 10);
    b = eff_new(&arena, char, 10);
    assert_null(__asan_region_is_poisoned(a, 10));
    assert_null(__asan_region_is_poisoned(b, 10));
    assert_true(__asan_address_is_poisoned(a + 10));
    assert_true(__asan_address_is_poisoned(b + 10));
    scratch = arena;
    a = eff_new(&scratch, char, 100);
    eff_new(&arena, char, 10);
    assert_true(__asan_address_is_poisoned(a + 50)); // the copy's memory is dead
    eff_arena_reset(&arena);
    assert_true(__asan_address_is_poisoned(b));
    a = arena.base;
    eff_arena_deinit(&arena);
    assert_false(__asan_address_is_poisoned(a));
}
#else
static void
test_poison(void **state)
{
    (void)state;
    skip();
}
#endif

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_sizes_that_overflow),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_large_reservation_is_free),
        cmocka_unit_test(test_reset_gives_memory_back),
        cmocka_unit_test(test_scratch_copies),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_hook),
        cmocka_unit_test(test_hook_that_returns),
        cmocka_unit_test(test_default_ends_the_process),
        cmocka_unit_test(test_poison),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
