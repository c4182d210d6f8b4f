/*
 * source/duckdb_api: finding and loading libduckdb.so.
 *
 * It is never unloaded: it starts threads of its own.
 */
#include "source/duckdb_api.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const duck_names[] = {
#define DUCK_NAME(ret, name, args) "duckdb_" #name,
    EFF_DUCK_FUNCTIONS(DUCK_NAME)
#undef DUCK_NAME
};

#define DUCK_COUNT (sizeof(duck_names) / sizeof(duck_names[0]))

_Static_assert(sizeof(struct eff_duck_api) == DUCK_COUNT * sizeof(void *), "one pointer per name");

static void *
duck_open(const char *path)
{
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

/* Relative to the program: installed (bin/ beside lib/), and in the project's own build folders. */
static void *
duck_open_near(void)
{
    static const char *const places[] = {"/../lib/libduckdb.so", "/libduckdb.so",
                                         "/deps/duckdb/libduckdb.so",
                                         "/../deps/duckdb/libduckdb.so"};
    char path[PATH_MAX + 64];
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);
    void *library = NULL;
    char *slash;

    if (len <= 0 || len >= PATH_MAX)
        return NULL;
    path[len] = 0;
    slash = strrchr(path, '/');
    for (size_t i = 0; slash && !library && i < sizeof(places) / sizeof(places[0]); i++) {
        memcpy(slash, places[i], strlen(places[i]) + 1);
        if (access(path, R_OK) == 0)
            library = duck_open(path);
    }
    return library;
}

static void *
duck_find(eff_str library, struct eff_arena *run)
{
    const char *env = getenv("EFFERENT_DUCKDB");
    void *handle;

    if (library.len > 0)
        return duck_open(eff_str_c(run, library));
    if (env && env[0])
        return duck_open(env);
    handle = duck_open_near();
    if (!handle)
        handle = duck_open("libduckdb.so");
    return handle ? handle : duck_open("/usr/local/lib/libduckdb.so");
}

enum eff_fault
eff_duck_load(eff_str library, struct eff_arena *run, const struct eff_duck_api **ret_api,
              struct eff_err *err)
{
    void *handle = duck_find(library, run);
    struct eff_duck_api *api = eff_new(run, struct eff_duck_api, 1);
    const char *why = handle ? NULL : dlerror();

    if (!handle) {
        (void)EFF_FAIL(err, EFF_CONFIG, "the DuckDB library cannot be loaded: %s",
                       why ? why : "not found");
        return eff_err_hint(err, "Install libduckdb.so 1.4 or 1.5 beside the program (../lib), or "
                                 "name it by `library:` or EFFERENT_DUCKDB.");
    }
    for (size_t i = 0; i < DUCK_COUNT; i++) {
        void *function = dlsym(handle, duck_names[i]);

        if (!function) {
            (void)EFF_FAIL(err, EFF_CONFIG, "the DuckDB library lacks %s", duck_names[i]);
            return eff_err_hint(err, "Use libduckdb.so 1.4 or 1.5.");
        }
        memcpy((char *)api + i * sizeof(void *), &function, sizeof(function));
    }
    *ret_api = api;
    return EFF_OK;
}
