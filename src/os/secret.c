/*
 * os/secret: the real places of ${NAME} and ${secret:NAME}.
 *
 * Modes are asked of the open file, never of its name, so that nobody can swap
 * the file in between. Messages name the file and the secret, never a value.
 */
#include "os/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_BYTES_MAX ((size_t)1 << 20) /* systemd's own limit for one credential */

struct secret_pair {
    eff_str name, value;
};

struct secret_lookup {
    struct eff_arena *arena;
    eff_str path; /* of the secrets file, for messages */
    size_t count, cap;
    struct secret_pair *pairs;
};

/* ---- environment ---- */

static bool
secret_env(void *self, eff_str name, eff_str *ret_value)
{
    struct secret_lookup *lookup = self;
    struct eff_arena scratch = *lookup->arena;
    const char *value = getenv(eff_str_c(&scratch, name));

    if (value == NULL)
        return false;
    *ret_value = eff_str_copy(lookup->arena, eff_str_of(value));
    return true;
}

/* ---- files ---- */

static enum eff_fault
secret_broken(const char *path, struct eff_err *err)
{
    int code = errno;

    EFF_FAIL(err, EFF_CONFIG, "cannot read %s: %s", path, strerror(code));
    err->code = code;
    return EFF_CONFIG;
}

/* The whole of an open regular file; `size` as fstat told. */
static enum eff_fault
secret_slurp(struct eff_arena *arena, int fd, off_t size, const char *path, eff_str *ret_bytes,
             struct eff_err *err)
{
    size_t len = 0, max = (size_t)size + 1; /* one more tells a file that grew */
    char *bytes;

    if (size < 0 || (size_t)size > SECRET_BYTES_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "%s is larger than 1 MiB", path);
    bytes = eff_arena_alloc(arena, 1, 1, max);
    while (len < max) {
        ssize_t got = read(fd, bytes + len, max - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return secret_broken(path, err);
        if (got == 0)
            break;
        len += (size_t)got;
    }
    if (len == max)
        return EFF_FAIL(err, EFF_CONFIG, "%s changed while it was read", path);
    if (memchr(bytes, 0, len) != NULL)
        return EFF_FAIL(err, EFF_CONFIG, "%s holds a zero byte and is no text", path);
    *ret_bytes = (eff_str){bytes, len};
    return EFF_OK;
}

static eff_str
secret_without_line_end(eff_str text)
{
    if (eff_str_ends(text, EFF_STR("\n")))
        text.len--;
    if (eff_str_ends(text, EFF_STR("\r")))
        text.len--;
    return text;
}

/* Opens without waiting for a writer, should somebody have put a pipe there. */
static enum eff_fault
secret_open(const char *path, int *ret_fd, struct stat *ret_stat, struct eff_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return secret_broken(path, err);
    if (fstat(fd, ret_stat) != 0) {
        enum eff_fault fault = secret_broken(path, err);
        close(fd);
        return fault;
    }
    if (!S_ISREG(ret_stat->st_mode)) {
        close(fd);
        return EFF_FAIL(err, EFF_CONFIG, "%s is not a regular file", path);
    }
    *ret_fd = fd;
    return EFF_OK;
}

/* ---- systemd's credentials ---- */

/* A name that is a file's name and cannot lead out of the folder. */
static bool
secret_name_is_file(eff_str name)
{
    return name.len > 0 && name.len <= 255 && name.ptr[0] != '.' &&
           eff_str_find_char(name, '/') == SIZE_MAX && eff_str_find_char(name, '\0') == SIZE_MAX;
}

/* EFF_OK with ret_value->ptr == NULL: there is no such credential. */
static enum eff_fault
secret_credential(struct secret_lookup *lookup, eff_str name, eff_str *ret_value,
                  struct eff_err *err)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY"), *path;
    eff_str bytes = EFF_STR_NONE;
    struct stat about;
    enum eff_fault fault;
    int fd;

    *ret_value = EFF_STR_NONE;
    if (folder == NULL || folder[0] == '\0' || !secret_name_is_file(name))
        return EFF_OK;
    path = eff_str_printf(lookup->arena, "%s/" EFF_STR_FMT, folder, EFF_STR_ARG(name)).ptr;
    fault = secret_open(path, &fd, &about, err);
    if (fault != EFF_OK)
        return err->code == ENOENT || err->code == ENOTDIR ? EFF_OK : fault;
    fault = secret_slurp(lookup->arena, fd, about.st_size, path, &bytes, err);
    close(fd);
    EFF_TRY(fault);
    *ret_value = secret_without_line_end(bytes);
    return EFF_OK;
}

/* ---- the secrets file ---- */

static enum eff_fault
secret_check_mode(const char *path, const struct stat *about, struct eff_err *err)
{
    if (about->st_uid != geteuid()) {
        EFF_FAIL(err, EFF_CONFIG, "%s belongs to user %u, not to the one who runs this", path,
                 (unsigned)about->st_uid);
        return eff_err_hint(err, "Run: chown %u '%.180s'", (unsigned)geteuid(), path);
    }
    if ((about->st_mode & 077) != 0) {
        EFF_FAIL(err, EFF_CONFIG, "%s can be read by others: its mode is %04o", path,
                 (unsigned)about->st_mode & 07777);
        return eff_err_hint(err, "Run: chmod 600 '%.180s'", path);
    }
    return EFF_OK;
}

static eff_str
secret_unquote(eff_str value)
{
    if (value.len >= 2 && (value.ptr[0] == '"' || value.ptr[0] == '\'') &&
        value.ptr[value.len - 1] == value.ptr[0])
        return eff_str_sub(value, 1, value.len - 2);
    return value;
}

static const eff_str *
secret_find(const struct secret_lookup *lookup, eff_str name)
{
    for (size_t i = 0; i < lookup->count; i++)
        if (eff_str_eq(lookup->pairs[i].name, name))
            return &lookup->pairs[i].value;
    return NULL;
}

static void
secret_keep(struct secret_lookup *lookup, struct secret_pair pair)
{
    if (lookup->count == lookup->cap) {
        size_t cap = lookup->cap ? 2 * lookup->cap : 16;
        struct secret_pair *grown = eff_new(lookup->arena, struct secret_pair, cap);
        if (lookup->count > 0)
            memcpy(grown, lookup->pairs, lookup->count * sizeof *grown);
        lookup->pairs = grown;
        lookup->cap = cap;
    }
    lookup->pairs[lookup->count++] = pair;
}

static bool
secret_name_valid(eff_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-' || c == '.'))
            return false;
    }
    return name.len > 0;
}

/* NAME=value or NAME: value, whichever separator comes first. */
static enum eff_fault
secret_line(struct secret_lookup *lookup, eff_str line, int number, struct eff_err *err)
{
    struct secret_pair pair;
    size_t equal, colon;

    line = eff_str_trim(line);
    if (line.len == 0 || line.ptr[0] == '#')
        return EFF_OK;
    equal = eff_str_find_char(line, '=');
    colon = eff_str_find_char(line, ':');
    if (colon < equal)
        equal = colon;
    pair.name = eff_str_trim(eff_str_sub(line, 0, equal));
    if (equal == SIZE_MAX || !secret_name_valid(pair.name)) {
        EFF_FAIL(err, EFF_CONFIG, "line %d of " EFF_STR_FMT " is no secret", number,
                 EFF_STR_ARG(lookup->path));
        return eff_err_hint(err, "Write NAME=value, the name of letters, digits, _, - and dots.");
    }
    pair.value = secret_unquote(eff_str_trim(eff_str_sub(line, equal + 1, SIZE_MAX)));
    if (secret_find(lookup, pair.name) != NULL)
        return EFF_FAIL(err, EFF_CONFIG, "line %d of " EFF_STR_FMT " names " EFF_STR_FMT " again",
                        number, EFF_STR_ARG(lookup->path), EFF_STR_ARG(pair.name));
    secret_keep(lookup, pair);
    return EFF_OK;
}

static enum eff_fault
secret_lines(struct secret_lookup *lookup, eff_str bytes, struct eff_err *err)
{
    bool more = true;

    if (eff_str_starts(bytes, EFF_STR("\xEF\xBB\xBF")))
        bytes = eff_str_sub(bytes, 3, SIZE_MAX);
    for (int number = 1; more; number++) {
        eff_str line;
        more = eff_str_cut(bytes, '\n', &line, &bytes);
        EFF_TRY(secret_line(lookup, line, number, err));
    }
    return EFF_OK;
}

static enum eff_fault
secret_file(void *self, eff_str path, struct eff_err *err)
{
    struct secret_lookup *lookup = self;
    const char *terminated = eff_str_c(lookup->arena, path);
    eff_str bytes = EFF_STR_NONE;
    struct stat about;
    enum eff_fault fault;
    int fd;

    lookup->path = eff_str_of(terminated);
    EFF_TRY(secret_open(terminated, &fd, &about, err));
    fault = secret_check_mode(terminated, &about, err);
    if (fault == EFF_OK)
        fault = secret_slurp(lookup->arena, fd, about.st_size, terminated, &bytes, err);
    close(fd);
    return fault == EFF_OK ? secret_lines(lookup, bytes, err) : fault;
}

/* ---- looking up ---- */

static enum eff_fault
secret_get(void *self, eff_str name, eff_str *ret_value, struct eff_err *err)
{
    struct secret_lookup *lookup = self;
    const eff_str *value;

    EFF_TRY(secret_credential(lookup, name, ret_value, err));
    if (ret_value->ptr != NULL)
        return EFF_OK;
    value = secret_find(lookup, name);
    if (value != NULL) {
        *ret_value = *value;
        return EFF_OK;
    }
    if (secret_env(self, name, ret_value))
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, "there is no such secret");
    return eff_err_hint(err, "Provide it as a systemd credential, in the `secrets:` file, or as "
                             "the environment variable of that name.");
}

void
eff_secret_lookup(struct eff_arena *arena, struct eff_lookup *ret_lookup)
{
    struct secret_lookup *lookup = eff_new(arena, struct secret_lookup, 1);

    lookup->arena = arena;
    *ret_lookup = (struct eff_lookup){
        .self = lookup, .env = secret_env, .secret = secret_get, .secrets_file = secret_file};
}
