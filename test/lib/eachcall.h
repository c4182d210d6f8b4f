/*
 * test/lib/eachcall: commands over a runworld in which one call fails, each of them in turn.
 *
 * The n-th call of a command fails, for every n until it has no n-th call; after each the command
 * is repeated, and the world goes on.
 */
#ifndef TEST_LIB_EACHCALL_H
#define TEST_LIB_EACHCALL_H

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "lib/runworld.h"

#include <cmocka.h>

#define EACHCALL_CALLS (TESTOS_ALL | TESTOS_STATEMENT | TESTOS_STEP | TESTOS_SOURCE | TESTOS_DEST)

struct eachcall {
    const char *name;
    void (*before)(void);
    enum eff_fault (*run)(struct eff_json_writer *out, struct eff_err *err);
    bool forgets;     /* what was delivered: so nothing is removed that is gone by the next run */
    const char *then; /* what it may say when it is repeated, since all was done but the last */
    bool looks;       /* it changes nothing: one state is good for all */
    unsigned step;    /* each of its calls comes more than once: so many are passed over */
};

struct eachcall_world {
    struct runworld *w;
    sqlite3_int64 sqlite_bytes; /* with nothing open */
    void (*goes_on)(const struct eachcall *command, uint64_t n);
};

static inline void
eachcall_closed(const struct eachcall_world *world, const struct eachcall *command, uint64_t n)
{
    long long open = (long long)(sqlite3_memory_used() - world->sqlite_bytes);

    if (world->w->os.open_files > 0 || open > 0)
        fail_msg("%s, call %llu: %zu files and %lld bytes of SQLite stay open", command->name,
                 (unsigned long long)n, world->w->os.open_files, open);
}

static inline enum eff_fault
eachcall_run(const struct eachcall *command, struct eff_err *err)
{
    struct eff_buf text = {0};
    struct eff_json_writer out = {.buf = &text};
    enum eff_fault fault;

    *err = (struct eff_err){0};
    fault = command->run(&out, err);
    eff_buf_free(&text);
    return fault;
}

/* False: the command has no n-th call. */
static inline bool
eachcall_nth_fails(const struct eachcall_world *world, const struct eachcall *command, uint64_t n)
{
    struct testos *os = &world->w->os;
    struct eff_err err;
    enum eff_fault fault;
    bool failed;

    testos_plan(os, EACHCALL_CALLS, n, EIO, false);
    fault = eachcall_run(command, &err);
    failed = os->failed;
    testos_plan(os, 0, 0, 0, false);
    eachcall_closed(world, command, n);
    if (fault != EFF_OK && (!failed || err.msg[0] == 0))
        fail_msg("%s, call %llu: %s", command->name, (unsigned long long)n, err.msg);
    if (fault != EFF_OK && eachcall_run(command, &err) != EFF_OK &&
        (!command->then || !strstr(err.msg, command->then)))
        fail_msg("%s, repeated after call %llu: %s", command->name, (unsigned long long)n, err.msg);
    return failed;
}

/* Under the sanitizers, which take their time, one in seven. */
static inline void
eachcall_fails(const struct eachcall_world *world, size_t count, const struct eachcall *commands)
{
    for (size_t i = 0; i < count; i++) {
        const struct eachcall *command = &commands[i];
        uint64_t n = 1,
                 step = (command->step ? command->step : 1) * (getenv("EFF_SANITIZED") ? 7 : 1);
        bool failed = true;

        for (; failed; n += step) {
            if (n == 1 || !command->looks)
                command->before();
            failed = eachcall_nth_fails(world, command, n);
            if (!failed || !command->looks)
                world->goes_on(command, n);
        }
        print_message("%s: %llu calls\n", command->name, (unsigned long long)(n - step));
        assert_true(n > 2 * step);
    }
}

#endif
