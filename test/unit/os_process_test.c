// links: base flow os
/*
 * Goal: what a child says arrives whole, and how it ended is known, whatever it does.
 * Method: real children that talk in pieces, talk a lot, say nothing, end by a
 * signal, ignore the wish to stop, or lose their parent.
 */
#include "os/process.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* Runs it to its end; all lines, each followed by "|", come back in buf. */
static struct eff_process_end
run(int (*work)(void *self, int out), void *self, struct eff_buf *buf)
{
    struct eff_process process, *list[] = {NULL, &process};
    struct eff_err err = {0};
    eff_str line;

    assert_int_equal(eff_process_start(work, self, &process, &err), EFF_OK);
    while (!eff_process_done(&process)) {
        eff_process_wait(list, 2, 1000);
        while (eff_process_line(&process, &line)) {
            eff_buf_add(buf, line);
            eff_buf_add_char(buf, '|');
        }
    }
    return eff_process_reap(&process);
}

static int
say_in_pieces(void *self, int out)
{
    static const char *const pieces[] = {"a", "b", "\n\nlo", "ng", "er\nno end"};

    (void)self;
    for (size_t i = 0; i < 5; i++) {
        eff_process_say(out, eff_str_of(pieces[i]));
        usleep(5000);
    }
    return 7;
}

static void
lines_arrive_whole(void **state)
{
    struct eff_buf buf = {0};
    struct eff_process_end end = run(say_in_pieces, NULL, &buf);

    (void)state;
    assert_int_equal(end.exit_code, 7);
    assert_int_equal(end.signal, 0);
    assert_true(eff_str_is(eff_buf_str(&buf), "ab||longer|")); // A line without its end is none.
    eff_buf_free(&buf);
}

static int
say_a_lot(void *self, int out)
{
    struct eff_buf line = {0};

    (void)self;
    for (int i = 0; i < 200; i++) {
        eff_buf_reset(&line);
        for (int k = 0; k < i * 50; k++)
            eff_buf_add_char(&line, (char)('a' + i % 26));
        eff_buf_add_char(&line, '\n');
        eff_process_say(out, eff_buf_str(&line));
    }
    eff_buf_free(&line);
    return 0;
}

static void
nothing_is_lost_of_much(void **state)
{
    struct eff_buf buf = {0};
    size_t expected = 0, lines = 0;

    (void)state;
    for (size_t i = 0; i < 200; i++)
        expected += i * 50 + 1;
    run(say_a_lot, NULL, &buf);
    assert_int_equal(buf.len, expected);
    for (size_t i = 0; i < buf.len; i++)
        lines += buf.ptr[i] == '|';
    assert_int_equal(lines, 200);
    eff_buf_free(&buf);
}

static int
die_by(void *self, int out)
{
    eff_process_say(out, EFF_STR("before\n"));
    signal(*(int *)self, SIG_DFL);
    raise(*(int *)self);
    return 0;
}

static void
a_signal_is_told_apart(void **state)
{
    int numbers[] = {SIGKILL, SIGSEGV, SIGTERM};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct eff_buf buf = {0};
        struct eff_process_end end = run(die_by, &numbers[i], &buf);

        assert_int_equal(end.signal, numbers[i]);
        assert_true(eff_str_is(eff_buf_str(&buf), "before|"));
        eff_buf_free(&buf);
    }
}

/* ---- stopping ---- */

static volatile sig_atomic_t stops;

static void
count_stops(int number)
{
    (void)number;
    stops = stops + 1;
}

/* What os/real does in a child: its own handler, then calm. Says how often it was asked. */
static int
count_wishes(void *self, int out)
{
    char text[32];
    int len;

    (void)self;
    stops = 0;
    signal(SIGTERM, count_stops);
    eff_process_calm();
    eff_process_say(out, EFF_STR("ready\n"));
    for (int i = 0; i < 60; i++)
        usleep(10000);
    len = snprintf(text, sizeof text, "asked %d\n", (int)stops);
    eff_process_say(out, (eff_str){text, (size_t)len});
    return 0;
}

static void
wait_for_line(struct eff_process *process)
{
    struct eff_process *list[] = {process};
    eff_str line;

    while (!eff_process_line(process, &line)) {
        assert_false(eff_process_done(process));
        eff_process_wait(list, 1, 1000);
    }
}

static void
one_wish_counts_once(void **state)
{
    struct eff_process process, *list[] = {&process};
    struct eff_err err = {0};
    eff_str line = {0};

    (void)state;
    assert_int_equal(eff_process_start(count_wishes, NULL, &process, &err), EFF_OK);
    wait_for_line(&process);
    for (int i = 0; i < 5; i++) { // A service manager and the parent, at the same time.
        eff_process_stop(&process);
        usleep(20000);
    }
    while (!eff_process_line(&process, &line))
        eff_process_wait(list, 1, 1000);
    assert_true(eff_str_is(line, "asked 1"));
    assert_int_equal(eff_process_reap(&process).exit_code, 0);
}

/* Holds the end of a pipe as long as it lives, and would live for a minute. */
static int
outlive(void *self, int out)
{
    (void)self;
    eff_process_say(out, EFF_STR("ready\n"));
    for (int i = 0; i < 6000; i++)
        usleep(10000);
    return 0;
}

static void
the_child_goes_with_its_parent(void **state)
{
    int ends[2];
    char byte;
    pid_t parent;
    struct pollfd gone;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    parent = fork();
    if (parent == 0) {
        struct eff_process process;
        struct eff_err err = {0};

        if (eff_process_start(outlive, ends, &process, &err) != EFF_OK)
            _exit(1);
        wait_for_line(&process);
        kill(getpid(), SIGKILL);
    }
    close(ends[1]);
    waitpid(parent, NULL, 0);
    gone = (struct pollfd){.fd = ends[0], .events = POLLIN};
    assert_int_equal(poll(&gone, 1, 5000), 1);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_arrive_whole),
        cmocka_unit_test(nothing_is_lost_of_much),
        cmocka_unit_test(a_signal_is_told_apart),
        cmocka_unit_test(one_wish_counts_once),
        cmocka_unit_test(the_child_goes_with_its_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
