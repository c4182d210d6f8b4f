/*
 * Goal: runs that send to one destination at once know how many they are, and one that was killed
 * is none of them.
 * Method: several shares in one folder, as several processes have them; a process of its own that
 * is killed.
 * covers: B8
 */
// links: testlib base flow os conf state source dest dbt batch diff plan deliver record run assets
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/testos.h"
#include "run/share.h"

#include <cmocka.h>

static struct testos world;
static struct eff_arena arena;
static char *folder;

static size_t
users_later(struct eff_share *share)
{
    world.mono_ms += 2000;
    return eff_share_users(share);
}

static void
open_share(struct eff_share *share, const char *dest)
{
    eff_share_open(share, &world.os, folder, eff_str_of(dest), &arena);
}

static void
test_they_count_each_other(void **state)
{
    struct eff_share a, b, other, many[EFF_SHARE_MOST];

    (void)state;
    open_share(&a, "crm");
    assert_int_equal(eff_share_users(&a), 1);
    open_share(&b, "crm");
    open_share(&other, "crm2");
    assert_int_equal(eff_share_users(&b), 2);
    assert_int_equal(eff_share_users(&a), 1); // not looked at again so soon
    assert_int_equal(users_later(&a), 2);
    assert_int_equal(users_later(&other), 1);
    eff_share_close(&a);
    assert_int_equal(users_later(&b), 1);
    for (size_t i = 0; i < EFF_SHARE_MOST; i++) // one more than there is room for
        open_share(&many[i], "crm");
    assert_null(many[EFF_SHARE_MOST - 1].lock);
    assert_int_equal(eff_share_users(&many[EFF_SHARE_MOST - 1]), 1);
    assert_int_equal(users_later(&b), EFF_SHARE_MOST);
    for (size_t i = 0; i < EFF_SHARE_MOST; i++)
        eff_share_close(&many[i]);
    eff_share_close(&b);
    eff_share_close(&other);
    assert_int_equal(world.open_files, 0);
}

static void
test_a_killed_one_is_none(void **state)
{
    struct eff_share share, theirs;
    int ready[2], status;
    char byte = 0;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        open_share(&theirs, "crm");
        if (write(ready[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    open_share(&share, "crm");
    assert_int_equal(eff_share_users(&share), 2);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(users_later(&share), 1);
    eff_share_close(&share);
    close(ready[0]);
    close(ready[1]);
}

/* A folder that cannot be written: the run goes on as if it were alone. */
static void
test_what_cannot_be_locked_is_not_counted(void **state)
{
    struct eff_share share;

    (void)state;
    eff_share_open(&share, &world.os, "nowhere", EFF_STR("crm"), &arena);
    assert_int_equal(eff_share_users(&share), 1);
    eff_share_close(&share);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_they_count_each_other),
        cmocka_unit_test(test_a_killed_one_is_none),
        cmocka_unit_test(test_what_cannot_be_locked_is_not_counted),
    };
    int failed;

    eff_arena_init(&arena, "test", (size_t)1 << 20);
    testos_init(&world, 7);
    folder = testos_folder();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    testos_remove(folder);
    free(folder);
    eff_arena_deinit(&arena);
    return failed;
}
