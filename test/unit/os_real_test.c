/*
 * Goal: files do what they promise or say why not; a lock is held by one living
 * process and released by its death; the first signal asks, the second ends.
 * Method: real files in a fresh folder, a tiny file system by a limit on file
 * sizes, children that hold locks and are killed.
 * covers: F1, F11, G5
 */
// links: testlib os flow base
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/testos.h"
#include "os/files.h"
#include "os/os.h"

static struct eff_arena process;
static struct eff_os *os;
static struct eff_err err;
static char *folder;

static const char *
path_of(const char *name)
{
    return eff_str_printf(&process, "%s/%s", folder, name).ptr;
}

static void
test_read_and_write(void **state)
{
    struct eff_file *file;
    uint64_t size;
    size_t len;
    char bytes[16] = "";

    (void)state;
    assert_int_equal(os->open(os->self, path_of("a"), EFF_OPEN_READ, &file, &err), EFF_BROKEN);
    assert_int_equal(err.code, ENOENT);
    assert_non_null(strstr(err.msg, "No such file"));
    assert_int_equal(
        os->open(os->self, path_of("a"), EFF_OPEN_WRITE | EFF_OPEN_CREATE, &file, &err), EFF_OK);
    assert_int_equal(os->write(file, 3, "hello", 5, &err), EFF_OK);
    assert_int_equal(os->size(file, &size, &err), EFF_OK);
    assert_int_equal(size, 8);
    assert_int_equal(os->read(file, 0, bytes, sizeof(bytes), &len, &err), EFF_OK);
    assert_int_equal(len, 8);
    assert_memory_equal(bytes, "\0\0\0hello", 8);
    assert_int_equal(os->read(file, 100, bytes, 5, &len, &err), EFF_OK);
    assert_int_equal(len, 0);
    assert_int_equal(os->truncate(file, 4, &err), EFF_OK);
    assert_int_equal(os->sync(file, &err), EFF_OK);
    assert_int_equal(os->size(file, &size, &err), EFF_OK);
    assert_int_equal(size, 4);
    os->close(file);
    os->close(NULL);
    assert_int_equal(os->open(os->self, path_of("a"),
                              EFF_OPEN_WRITE | EFF_OPEN_CREATE | EFF_OPEN_EXCLUSIVE, &file, &err),
                     EFF_BROKEN);
    assert_int_equal(err.code, EEXIST);
    assert_int_equal(
        os->open(os->self, path_of("a"), EFF_OPEN_WRITE | EFF_OPEN_TRUNCATE, &file, &err), EFF_OK);
    os->size(file, &size, &err);
    assert_int_equal(size, 0);
    os->close(file);
    assert_int_equal(os->open(os->self, path_of("a"), EFF_OPEN_READ, &file, &err), EFF_OK);
    assert_int_equal(os->write(file, 0, "x", 1, &err), EFF_BROKEN);
    os->close(file);
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0); // nobody writes into it, or ever will
    assert_int_equal(os->open(os->self, path_of("pipe"), EFF_OPEN_READ, &file, &err), EFF_BROKEN);
    assert_non_null(strstr(err.msg, "it is a pipe"));
}

static void
test_modes(void **state)
{
    struct eff_file *file;
    struct stat st;

    (void)state;
    umask(0);
    os->open(os->self, path_of("m"), EFF_OPEN_WRITE | EFF_OPEN_CREATE, &file, &err);
    os->close(file);
    assert_int_equal(stat(path_of("m"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(os->mkdir(os->self, path_of("d"), &err), EFF_OK);
    assert_int_equal(os->mkdir(os->self, path_of("d"), &err), EFF_OK);
    assert_int_equal(os->mkdir(os->self, path_of("m"), &err), EFF_BROKEN); // a file
    stat(path_of("d"), &st);
    assert_int_equal(st.st_mode & 07777, 0700);
    umask(022);
}

static void
test_unnamed(void **state)
{
    struct eff_file *file;
    size_t count, len;
    eff_str *names;
    char byte;

    (void)state;
    assert_int_equal(os->open(os->self, folder, EFF_OPEN_UNNAMED | EFF_OPEN_WRITE, &file, &err),
                     EFF_OK);
    assert_int_equal(os->write(file, 10, "x", 1, &err), EFF_OK);
    assert_int_equal(os->read(file, 10, &byte, 1, &len, &err), EFF_OK);
    assert_int_equal(os->list(os->self, folder, &process, &count, &names, &err), EFF_OK);
    assert_int_equal(count, 0);
    os->close(file);
    assert_int_equal(
        os->open(os->self, path_of("none"), EFF_OPEN_UNNAMED | EFF_OPEN_WRITE, &file, &err),
        EFF_BROKEN);
    assert_int_equal(err.code, ENOENT);
}

static void
test_folders(void **state)
{
    struct eff_file *file;
    size_t count;
    eff_str *names;
    uint64_t space;

    (void)state;
    assert_int_equal(os->list(os->self, path_of("none"), &process, &count, &names, &err), EFF_OK);
    assert_int_equal(count, 0);
    for (int i = 99; i >= 0; i--) {
        char name[16];

        snprintf(name, sizeof(name), "f%02d", i);
        os->open(os->self, path_of(name), EFF_OPEN_WRITE | EFF_OPEN_CREATE, &file, &err);
        os->close(file);
    }
    assert_int_equal(os->list(os->self, folder, &process, &count, &names, &err), EFF_OK);
    assert_int_equal(count, 100);
    for (size_t i = 1; i < count; i++)
        assert_true(eff_str_cmp(names[i - 1], names[i]) < 0);
    assert_int_equal(os->list(os->self, path_of("f00"), &process, &count, &names, &err),
                     EFF_BROKEN);
    assert_int_equal(os->rename(os->self, path_of("f00"), path_of("g"), &err), EFF_OK);
    assert_false(os->exists(os->self, path_of("f00")));
    assert_true(os->exists(os->self, path_of("g")));
    assert_int_equal(os->rename(os->self, path_of("f00"), path_of("g"), &err), EFF_BROKEN);
    assert_int_equal(os->unlink(os->self, path_of("g"), &err), EFF_OK);
    assert_int_equal(os->unlink(os->self, path_of("g"), &err), EFF_OK);
    assert_int_equal(os->unlink(os->self, folder, &err), EFF_BROKEN);
    assert_int_equal(os->rmdir(os->self, folder, &err), EFF_BROKEN);
    assert_int_equal(os->rmdir(os->self, path_of("none"), &err), EFF_OK);
    assert_int_equal(os->sync_dir(os->self, folder, &err), EFF_OK);
    assert_int_equal(os->sync_dir(os->self, path_of("none"), &err), EFF_BROKEN);
    assert_int_equal(os->space(os->self, folder, &space, &err), EFF_OK);
    assert_true(space > 0);
    assert_int_equal(os->space(os->self, path_of("none"), &space, &err), EFF_BROKEN);
}

static void
test_replace_and_read_file(void **state)
{
    char here[4096];
    eff_str bytes;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            eff_os_replace_file(os, path_of("r"), i ? EFF_STR("second") : EFF_STR("1"), &err),
            EFF_OK);
        assert_int_equal(eff_os_read_file(os, path_of("r"), 6, &process, &bytes, &err), EFF_OK);
        assert_true(eff_str_is(bytes, i ? "second" : "1"));
    }
    assert_false(os->exists(os->self, path_of("r.new")));
    assert_int_equal(eff_os_read_file(os, path_of("r"), 5, &process, &bytes, &err), EFF_BROKEN);
    assert_int_equal(err.code, EFBIG);
    assert_int_equal(eff_os_replace_file(os, path_of("no/r"), EFF_STR("x"), &err), EFF_BROKEN);
    assert_int_equal(err.code, ENOENT);
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(eff_os_replace_file(os, "bare", EFF_STR("x"), &err), EFF_OK);
    assert_true(os->exists(os->self, "bare"));
    assert_int_equal(chdir(here), 0);
}

/* F1: a write that does not fit is told, and what is there stays. */
static void
test_write_does_not_fit(void **state)
{
    struct rlimit limit, whole;
    struct eff_file *file;
    char block[1000] = "";

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &whole);
    limit = whole;
    limit.rlim_cur = 2500;
    os->open(os->self, path_of("w"), EFF_OPEN_WRITE | EFF_OPEN_CREATE, &file, &err);
    setrlimit(RLIMIT_FSIZE, &limit);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(os->write(file, i * 1000, block, 1000, &err), i < 2 ? EFF_OK : EFF_BROKEN);
    assert_int_equal(err.code, EFBIG);
    assert_int_equal(eff_os_replace_file(os, path_of("v"), (eff_str){block, 1000}, &err), EFF_OK);
    limit.rlim_cur = 10;
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(eff_os_replace_file(os, path_of("v"), EFF_STR("much longer text"), &err),
                     EFF_BROKEN);
    setrlimit(RLIMIT_FSIZE, &whole);
    os->close(file);
    os->open(os->self, path_of("v"), EFF_OPEN_READ, &file, &err);
    {
        uint64_t size;

        os->size(file, &size, &err);
        assert_int_equal(size, 1000); // the old one, whole
    }
    os->close(file);
    eff_files_fail(&err, ENOSPC, "cannot write", "x");
    assert_non_null(strstr(err.hint, "space"));
}

/* F2: after a failed fsync a handle does nothing more. */
static void
test_failed_fsync(void **state)
{
    struct eff_file *file;
    int pipes[2];

    (void)state;
    assert_int_equal(pipe(pipes), 0); // a pipe cannot be synced
    {
        char path[64];

        snprintf(path, sizeof(path), "/proc/self/fd/%d", pipes[1]);
        assert_int_equal(os->open(os->self, path, EFF_OPEN_WRITE, &file, &err), EFF_OK);
    }
    assert_int_equal(os->sync(file, &err), EFF_BROKEN);
    assert_int_equal(os->sync(file, &err), EFF_BROKEN);
    assert_int_equal(os->write(file, 0, "x", 1, &err), EFF_BROKEN);
    assert_non_null(strstr(err.msg, "failed fsync"));
    assert_int_equal(os->truncate(file, 0, &err), EFF_BROKEN);
    os->close(file);
    close(pipes[0]);
    close(pipes[1]);
}

/* ---- locks ---- */

static void
test_lock(void **state)
{
    struct eff_file *lock, *again;
    int ready[2], status;
    char byte;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        if (os->lock(os->self, path_of("lock"), &lock, &err) != EFF_OK)
            _exit(1);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(os->lock(os->self, path_of("lock"), &lock, &err), EFF_CONFIG);
    assert_int_equal(err.code, child);
    assert_non_null(strstr(err.msg, "locked by process"));
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    assert_int_equal(os->lock(os->self, path_of("lock"), &lock, &err), EFF_OK); // by its death
    assert_int_equal(os->lock(os->self, path_of("lock"), &again, &err), EFF_CONFIG);
    assert_int_equal(err.code, getpid());
    os->close(lock);
    assert_int_equal(os->lock(os->self, path_of("lock"), &lock, &err), EFF_OK);
    os->close(lock);
    close(ready[0]);
    close(ready[1]);
    assert_int_equal(os->lock(os->self, path_of("no/lock"), &lock, &err), EFF_BROKEN);
    assert_int_equal(symlink("/etc/passwd", path_of("link")), 0);
    assert_int_equal(os->lock(os->self, path_of("link"), &lock, &err), EFF_BROKEN);
}

/* Held by who has not written its number yet: that is a held lock all the same. */
static void
test_lock_without_number(void **state)
{
    struct eff_file *lock;
    char owner[32];
    int fd = open(path_of("nameless"), O_RDWR | O_CREAT, 0600);

    (void)state;
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(os->lock(os->self, path_of("nameless"), &lock, &err), EFF_CONFIG);
    assert_int_equal(err.code, EFF_LOCK_OWNER_UNKNOWN);
    assert_string_equal(eff_os_lock_owner(err.code, owner), "another process");
    assert_string_equal(eff_os_lock_owner(4711, owner), "process 4711");
    close(fd);
}

/* Many at once: exactly one has it. */
static void
test_lock_race(void **state)
{
    enum { COUNT = 30 };
    int won[2], go[2], winners = 0;
    char byte;

    (void)state;
    assert_int_equal(pipe(won), 0);
    assert_int_equal(pipe(go), 0);
    for (int i = 0; i < COUNT; i++) {
        if (fork() == 0) {
            struct eff_file *lock;
            bool mine;

            close(go[1]);
            mine = os->lock(os->self, path_of("race"), &lock, &err) == EFF_OK;
            if (write(won[1], mine ? "w" : "l", 1) != 1)
                _exit(1);
            while (read(go[0], &byte, 1) > 0) // until all have tried
                ;
            _exit(0);
        }
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(read(won[0], &byte, 1), 1);
        winners += byte == 'w';
    }
    assert_int_equal(winners, 1);
    close(go[1]);
    while (wait(NULL) > 0)
        ;
    close(go[0]);
    close(won[0]);
    close(won[1]);
}

/* F11, by the file systems' numbers. */
static void
test_network_file_systems(void **state)
{
    (void)state;
    assert_string_equal(eff_files_network_name(0x6969), "NFS");
    assert_string_equal(eff_files_network_name(0xFF534D42), "SMB");
    assert_string_equal(eff_files_network_name(UINT64_C(0xFFFFFFFFFE534D42)),
                        "SMB"); // sign-extended
    assert_string_equal(eff_files_network_name(0x01021997), "9P");
    assert_null(eff_files_network_name(0xEF53));     // ext4
    assert_null(eff_files_network_name(0x58465342)); // xfs
    assert_null(eff_files_network_name(0x01021994)); // tmpfs
    assert_null(eff_files_network_name(0x794c7630)); // overlay
    assert_null(eff_files_network_name(0x9123683E)); // btrfs
}

/* ---- the rest ---- */

static void
test_clock_and_chance(void **state)
{
    unsigned char a[64] = {0}, b[64] = {0};
    int64_t mono = os->mono_ms(os->self);

    (void)state;
    assert_true(os->wall_ms(os->self) > INT64_C(1600000000000));
    usleep(20000);
    assert_in_range(os->mono_ms(os->self) - mono, 19, 5000);
    os->random(os->self, a, sizeof(a));
    os->random(os->self, b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    os->random(os->self, a, 0);
}

static int
child_signals(int first, int second)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        raise(first);
        if (os->go_on(os->self))
            _exit(1);
        if (second)
            raise(second);
        _exit(42);
    }
    waitpid(child, &status, 0);
    return status;
}

static void
test_signals(void **state)
{
    int status;

    (void)state;
    assert_true(os->go_on(os->self));
    status = child_signals(SIGTERM, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    status = child_signals(SIGTERM, SIGTERM);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    status = child_signals(SIGINT, SIGTERM);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    status = child_signals(SIGTERM, SIGPIPE);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

static int
setup(void **state)
{
    (void)state;
    eff_arena_init(&process, "process", (size_t)1 << 28);
    folder = testos_folder();
    return eff_os_real(&process, &os, &err) == EFF_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    eff_os_real_close(os);
    testos_remove(folder);
    free(folder);
    eff_arena_deinit(&process);
    return 0;
}

int
main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(test_read_and_write),
        EACH(test_modes),
        EACH(test_unnamed),
        EACH(test_folders),
        EACH(test_replace_and_read_file),
        EACH(test_write_does_not_fit),
        EACH(test_failed_fsync),
        EACH(test_lock),
        EACH(test_lock_without_number),
        EACH(test_lock_race),
        EACH(test_network_file_systems),
        EACH(test_clock_and_chance),
        EACH(test_signals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
