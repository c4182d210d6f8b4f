// links: base flow os
/*
 * Goal: a secret comes from the first of its three places, a file that others
 * can read is refused with the command that mends it, and no message shows a value.
 * Method: real files with each mode, real environment, a credentials folder.
 * covers: S21
 */
#include "os/secret.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct eff_arena arena;
static struct eff_lookup lookup;
static char folder[64];

static int
setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/eff-secret-XXXXXX");
    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return 1;
    eff_arena_init(&arena, "test", (size_t)16 << 20);
    eff_secret_lookup(&arena, &lookup);
    unsetenv("CREDENTIALS_DIRECTORY");
    return 0;
}

static int
teardown(void **state)
{
    static const char *const names[] = {"secrets",   "creds/tok", "creds/line",
                                        "creds/nul", "creds/big", "creds/dir",
                                        "outside",   "link",      "pipe"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        remove(names[i]);
    rmdir("creds");
    eff_arena_deinit(&arena);
    return chdir("/") != 0 || rmdir(folder) != 0;
}

static void
write_file(const char *path, const char *text, size_t len, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static eff_str
path_of(const char *name)
{
    return eff_str_printf(&arena, "%s/%s", folder, name);
}

static void
expect_secret(const char *name, const char *value)
{
    struct eff_err err = {0};
    eff_str found = EFF_STR_NONE;

    if (lookup.secret(lookup.self, eff_str_of(name), &found, &err) != EFF_OK)
        fail_msg("%s: %s", name, err.msg);
    assert_true(eff_str_is(found, value));
}

static void
expect_no_secret(const char *name, const char *message)
{
    struct eff_err err = {0};
    eff_str found = EFF_STR_NONE;

    assert_int_equal(lookup.secret(lookup.self, eff_str_of(name), &found, &err), EFF_CONFIG);
    assert_non_null(strstr(err.msg, message));
}

static void
test_order(void **state)
{
    struct eff_err err = {0};
    eff_str value;

    (void)state;
    setenv("tok", "from environment", 1);
    unsetenv("none");
    expect_secret("tok", "from environment");
    write_file("secrets", "tok=from file\n", 14, 0600);
    assert_int_equal(lookup.secrets_file(lookup.self, path_of("secrets"), &err), EFF_OK);
    expect_secret("tok", "from file");
    assert_int_equal(mkdir("creds", 0700), 0);
    write_file("creds/tok", "from systemd\n", 13, 0400);
    setenv("CREDENTIALS_DIRECTORY", path_of("creds").ptr, 1);
    expect_secret("tok", "from systemd");
    expect_no_secret("none", "there is no such secret");
    assert_true(lookup.env(lookup.self, EFF_STR("tok"), &value));
    assert_true(eff_str_is(value, "from environment"));
    assert_false(lookup.env(lookup.self, EFF_STR("none"), &value));
    unsetenv("tok");
}

static void
test_credentials(void **state)
{
    char *big = calloc(1, ((size_t)1 << 20) + 1);

    (void)state;
    assert_non_null(big);
    memset(big, 'x', ((size_t)1 << 20) + 1);
    assert_int_equal(mkdir("creds", 0700), 0);
    setenv("CREDENTIALS_DIRECTORY", path_of("creds").ptr, 1);
    write_file("outside", "must not be seen", 16, 0600);
    write_file("creds/line", "a\n\r\n", 4, 0400);
    expect_secret("line", "a\n"); /* one line end is taken off */
    write_file("creds/nul", "a\0b", 3, 0400);
    expect_no_secret("nul", "zero byte");
    write_file("creds/big", big, ((size_t)1 << 20) + 1, 0600);
    expect_no_secret("big", "larger than 1 MiB");
    assert_int_equal(mkdir("creds/dir", 0700), 0);
    expect_no_secret("dir", "not a regular file");
    expect_no_secret("../outside", "there is no such secret");
    expect_no_secret("..", "there is no such secret");
    expect_no_secret("", "there is no such secret");
    free(big);
}

static void
test_form(void **state)
{
    static const char text[] = "\xEF\xBB\xBF# comment\n"
                               "\n"
                               "a=1=2:3 \r\n"
                               "  b : x: y=z\n"
                               "c=\" quoted # \"\n"
                               "d='it''s'\n"
                               "e=\"\n"
                               "f=\n"
                               "g.h-i_9=last";
    struct eff_err err = {0};

    (void)state;
    write_file("secrets", text, sizeof text - 1, 0400);
    assert_int_equal(lookup.secrets_file(lookup.self, path_of("secrets"), &err), EFF_OK);
    expect_secret("a", "1=2:3");
    expect_secret("b", "x: y=z");
    expect_secret("c", " quoted # ");
    expect_secret("d", "it''s");
    expect_secret("e", "\"");
    expect_secret("f", "");
    expect_secret("g.h-i_9", "last");
}

static void
expect_refused(const char *text, mode_t mode, const char *message, const char *hint)
{
    struct eff_err err = {0};

    write_file("secrets", text, strlen(text), mode);
    assert_int_equal(lookup.secrets_file(lookup.self, path_of("secrets"), &err), EFF_CONFIG);
    assert_non_null(strstr(err.msg, message));
    assert_non_null(strstr(err.hint, hint));
    assert_null(strstr(err.msg, "hush"));
    assert_null(strstr(err.hint, "hush"));
}

static void
test_refused(void **state)
{
    struct eff_err err = {0};

    (void)state;
    for (unsigned bit = 1; bit <= 040; bit <<= 1)
        expect_refused("a=hush\n", 0600 | bit, "can be read by others", "Run: chmod 600 '/tmp/");
    expect_refused("hush\n", 0600, "line 1 of /tmp/", "NAME=value");
    expect_refused("a=1\n=hush\n", 0600, "line 2 of /tmp/", "NAME=value");
    expect_refused("a b=hush\n", 0600, "line 1 of /tmp/", "NAME=value");
    expect_refused("x=1\nx=hush\n", 0600, "line 2 of /tmp/", "");
    assert_int_equal(lookup.secrets_file(lookup.self, path_of("missing"), &err), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "No such file"));
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_int_equal(lookup.secrets_file(lookup.self, path_of("pipe"), &err), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "not a regular file"));
    if (geteuid() == 0) { /* only root can give a file away */
        write_file("secrets", "a=hush", 6, 0600);
        assert_int_equal(chown("secrets", 12345, (gid_t)-1), 0);
        assert_int_equal(lookup.secrets_file(lookup.self, path_of("secrets"), &err), EFF_CONFIG);
        assert_non_null(strstr(err.msg, "belongs to user 12345"));
        assert_non_null(strstr(err.hint, "Run: chown 0 "));
    }
}

/* A link is followed, as container platforms mount secrets so; what counts is the file. */
static void
test_link(void **state)
{
    struct eff_err err = {0};

    (void)state;
    write_file("secrets", "a=1", 3, 0644);
    assert_int_equal(symlink("secrets", "link"), 0);
    assert_int_equal(lookup.secrets_file(lookup.self, path_of("link"), &err), EFF_CONFIG);
    assert_int_equal(chmod("secrets", 0600), 0);
    assert_int_equal(lookup.secrets_file(lookup.self, path_of("link"), &err), EFF_OK);
    expect_secret("a", "1");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_credentials, setup, teardown),
        cmocka_unit_test_setup_teardown(test_form, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_link, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
