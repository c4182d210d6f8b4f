/*
 * Goal: a process dies exactly at the crash point that is chosen, the time that is chosen, and
 * at no other: else a sweep over the points would prove nothing.
 * Method: a child passes points whose names begin alike; how it ended, and what it logged.
 */
// links: base
#include "base/crash.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef EFF_CRASH_POINTS

#define LIVES 7 /* the exit code of a child that no point ended */

static void
pass_all(void)
{
    for (int i = 0; i < 3; i++) {
        EFF_CRASH_AT("test.a");
        EFF_CRASH_AT("test.ab");
    }
    EFF_CRASH_ON("test.row", EFF_STR("7"));
    EFF_CRASH_ON("test.rows", EFF_STR("8"));
}

/* How a child ends that passes all points: LIVES, or minus the signal. */
static int
ends(const char *at, const char *on, const char *log)
{
    int status, null;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        null = open("/dev/null", O_WRONLY);
        dup2(null, STDERR_FILENO);
        unsetenv("EFF_CRASH_AT");
        unsetenv("EFF_CRASH_ON");
        unsetenv("EFF_CRASH_LOG");
        if (at)
            setenv("EFF_CRASH_AT", at, 1);
        if (on)
            setenv("EFF_CRASH_ON", on, 1);
        if (log)
            setenv("EFF_CRASH_LOG", log, 1);
        pass_all();
        _exit(LIVES);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* Lines of the file that are `point`; the file is removed. */
static int
logged(const char *path, const char *point)
{
    FILE *file = fopen(path, "r");
    char line[100];
    int count = 0;

    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        count += strcmp(line, point) == 0;
    }
    fclose(file);
    unlink(path);
    return count;
}

static void
test_the_chosen_point(void **state)
{
    (void)state;
    assert_int_equal(ends(NULL, NULL, NULL), LIVES);
    assert_int_equal(ends("test", NULL, NULL), LIVES);
    assert_int_equal(ends("test.abc", NULL, NULL), LIVES); // begins as both
    assert_int_equal(ends("other.a", NULL, NULL), LIVES);
    assert_int_equal(ends("test.a", NULL, NULL), -SIGKILL);
    assert_int_equal(ends("test.ab", NULL, NULL), -SIGKILL);
}

static void
test_the_chosen_time(void **state)
{
    char log[] = "crash-log-XXXXXX", at[20];

    (void)state;
    close(mkstemp(log));
    for (int nth = 1; nth <= 3; nth++) {
        snprintf(at, sizeof at, "test.a:%d", nth);
        assert_int_equal(ends(at, NULL, log), -SIGKILL);
        assert_int_equal(logged(log, "test.a"), nth);
        snprintf(at, sizeof at, "test.ab:%d", nth);
        assert_int_equal(ends(at, NULL, log), -SIGKILL);
        assert_int_equal(logged(log, "test.a"), nth);
    }
    assert_int_equal(ends("test.a:4", NULL, log), LIVES);
    assert_int_equal(logged(log, "test.ab"), 3);
    assert_int_equal(ends(NULL, NULL, "no/such/folder/log"), -SIGABRT); // and is not passed over
    assert_int_equal(ends(NULL, NULL, "/dev/full"), -SIGABRT);
}

static void
test_the_chosen_row(void **state)
{
    (void)state;
    assert_int_equal(ends(NULL, "test.row=7", NULL), -SIGABRT);
    assert_int_equal(ends(NULL, "test.row=8", NULL), LIVES);
    assert_int_equal(ends(NULL, "test.rows=8", NULL), -SIGABRT);
    assert_int_equal(ends(NULL, "test.row", NULL), LIVES);
    assert_int_equal(ends(NULL, "test.ro=7", NULL), LIVES);
    assert_int_equal(ends(NULL, "another=7", NULL), LIVES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_chosen_point),
        cmocka_unit_test(test_the_chosen_time),
        cmocka_unit_test(test_the_chosen_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int
main(void)
{
    return 77; /* skipped: this build has no crash points */
}

#endif
