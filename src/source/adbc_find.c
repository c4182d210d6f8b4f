/*
 * source/adbc_find: where the library of an ADBC driver lies.
 *
 * A folder of drivers holds libraries, or manifests that name them: NAME.toml, as
 * ADBC's documentation of driver managers describes and installers of drivers write
 * it. Of TOML only what such a file needs is read: sections, dotted keys, strings.
 */
#include "source/adbc_find.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIND_MANIFEST_MAX 65536

#if defined(__x86_64__)
#define FIND_PLATFORM "linux_amd64"
#elif defined(__aarch64__)
#define FIND_PLATFORM "linux_arm64"
#else
#define FIND_PLATFORM "linux"
#endif

struct find { /* one search */
    eff_str name;
    struct eff_os *os;
    struct eff_arena *run;
    struct eff_adbc_place *place;
    struct eff_err *err;
};

static bool
find_is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

eff_str
eff_adbc_base_name(eff_str path)
{
    for (size_t i = path.len; i > 0; i--) {
        if (path.ptr[i - 1] == '/')
            return eff_str_sub(path, i, SIZE_MAX);
    }
    return path;
}

const char *
eff_adbc_file_name(size_t form, eff_str name, struct eff_arena *run)
{
    switch (form) {
    case 0:
        return eff_str_printf(run, "libadbc_driver_" EFF_STR_FMT ".so", EFF_STR_ARG(name)).ptr;
    case 1:
        return eff_str_printf(run, "lib" EFF_STR_FMT ".so", EFF_STR_ARG(name)).ptr;
    case 2:
        return eff_str_c(run, name);
    default:
        return NULL;
    }
}

/* --------------------------------------------------------------------------- manifests */

/* 'literal' or "basic": EFF_STR_NONE for anything else, and for escapes, which paths do not need. */
static eff_str
find_string(eff_str value)
{
    char quote = value.len > 0 ? value.ptr[0] : 0;
    eff_str text = eff_str_sub(value, 1, SIZE_MAX);

    if (quote != '\'' && quote != '"')
        return EFF_STR_NONE;
    text = eff_str_sub(text, 0, eff_str_find_char(text, quote));
    return quote == '"' && eff_str_find_char(text, '\\') != SIZE_MAX ? EFF_STR_NONE : text;
}

/* Takes what the line says about the library into the place. */
static void
find_manifest_line(eff_str section, eff_str line, eff_str folder, struct find *f)
{
    eff_str key, value, text;
    const char *full;

    if (!eff_str_cut(line, '=', &key, &value))
        return;
    full = section.len == 0 ? eff_str_c(f->run, eff_str_trim(key))
                            : eff_str_printf(f->run, EFF_STR_FMT "." EFF_STR_FMT,
                                             EFF_STR_ARG(section), EFF_STR_ARG(eff_str_trim(key)))
                                  .ptr;
    text = find_string(eff_str_trim(value));
    if (text.len == 0)
        return;
    if (strcmp(full, "Driver.entrypoint") == 0)
        f->place->entrypoint = eff_str_copy(f->run, text);
    else if (strcmp(full, "Driver.shared") == 0 ||
             strcmp(full, "Driver.shared." FIND_PLATFORM) == 0)
        f->place->file = text.ptr[0] == '/' ? eff_str_c(f->run, text)
                                            : eff_str_printf(f->run, EFF_STR_FMT "/" EFF_STR_FMT,
                                                             EFF_STR_ARG(folder), EFF_STR_ARG(text))
                                                  .ptr;
}

static enum eff_fault
find_in_manifest(const char *path, struct find *f)
{
    eff_str left, line, section = EFF_STR_NONE, folder = eff_str_of(path);
    char *text = eff_new(f->run, char, FIND_MANIFEST_MAX);
    struct eff_file *file = NULL;
    enum eff_fault fault;
    size_t len = 0;

    EFF_TRY(f->os->open(f->os->self, path, EFF_OPEN_READ, &file, f->err));
    fault = f->os->read(file, 0, text, FIND_MANIFEST_MAX, &len, f->err);
    f->os->close(file);
    EFF_TRY(fault);
    folder.len -= eff_adbc_base_name(folder).len + 1;
    for (left = (eff_str){text, len}; left.len > 0;) {
        eff_str_cut(left, '\n', &line, &left);
        line = eff_str_trim(line);
        if (line.len > 0 && line.ptr[0] == '[')
            section = eff_str_trim(eff_str_sub(line, 1, eff_str_find_char(line, ']') - 1));
        else if (line.len > 0 && line.ptr[0] != '#')
            find_manifest_line(section, line, folder, f);
    }
    if (f->place->file)
        return EFF_OK;
    (void)EFF_FAIL(f->err, EFF_CONFIG, "the driver manifest %s names no library for %s", path,
                   FIND_PLATFORM);
    return eff_err_hint(f->err,
                        "Install the driver for this system, or name its library by `driver:`.");
}

/* ----------------------------------------------------------------------------- folders */

static enum eff_fault
find_in_folder(eff_str folder, struct find *f)
{
    const char *file, *path = eff_str_printf(f->run, EFF_STR_FMT "/" EFF_STR_FMT ".toml",
                                             EFF_STR_ARG(folder), EFF_STR_ARG(f->name))
                                  .ptr;

    if (f->place->file || folder.len == 0)
        return EFF_OK;
    if (find_is_file(path))
        return find_in_manifest(path, f);
    for (size_t form = 0; (file = eff_adbc_file_name(form, f->name, f->run)) != NULL; form++) {
        path = eff_str_printf(f->run, EFF_STR_FMT "/%s", EFF_STR_ARG(folder), file).ptr;
        if (find_is_file(path)) {
            f->place->file = path;
            return EFF_OK;
        }
    }
    return EFF_OK;
}

static eff_str
find_users_folder(struct eff_arena *run)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (config && config[0])
        return eff_str_printf(run, "%s/adbc/drivers", config);
    return home && home[0] ? eff_str_printf(run, "%s/.config/adbc/drivers", home) : EFF_STR_NONE;
}

/* The folder ../lib of the program's own. */
static eff_str
find_beside_program(struct eff_arena *run)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path));
    eff_str self = {path, len > 0 && len < PATH_MAX ? (size_t)len : 0};

    if (self.len == 0)
        return EFF_STR_NONE;
    self.len -= eff_adbc_base_name(self).len;
    return eff_str_printf(run, EFF_STR_FMT "../lib", EFF_STR_ARG(self));
}

enum eff_fault
eff_adbc_find(eff_str driver, struct eff_os *os, struct eff_arena *run,
              struct eff_adbc_place *ret_place, struct eff_err *err)
{
    eff_str left = eff_str_of(getenv("ADBC_DRIVER_PATH")), folder;
    const char *path = eff_str_c(run, driver);
    struct find f = {eff_adbc_base_name(driver), os, run, ret_place, err};

    *ret_place = (struct eff_adbc_place){0};
    if (find_is_file(path)) {
        if (eff_str_ends(driver, EFF_STR(".toml")))
            return find_in_manifest(path, &f);
        ret_place->file = path;
        return EFF_OK;
    }
    while (left.len > 0) {
        eff_str_cut(left, ':', &folder, &left);
        EFF_TRY(find_in_folder(folder, &f));
    }
    EFF_TRY(find_in_folder(find_users_folder(run), &f));
    EFF_TRY(find_in_folder(EFF_STR("/etc/adbc/drivers"), &f));
    return find_in_folder(find_beside_program(run), &f);
}
