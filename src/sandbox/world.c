/*
 * sandbox/world: the state of one stand-in, and the way of a request through it.
 */
#include "sandbox/world.h"

#include "base/hash.h"

#include <stdlib.h>
#include <time.h>

#define WORLD_MEMORY ((size_t)64 << 20)

int64_t
eff_world_now(const struct eff_world *world)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + world->clock_ms;
}

uint64_t
eff_world_random(struct eff_world *world) /* splitmix64, public domain algorithm by S. Vigna */
{
    uint64_t z = world->random += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static const char *const world_quota_names[EFF_QUOTAS] = {"burst", "steady", "daily", "search"};

static void
world_default_quotas(struct eff_world *world)
{
    static const int64_t usual_ms[EFF_QUOTAS] = {10000, 60000, 86400000, 1000};

    for (int i = 0; i < EFF_QUOTAS; i++) {
        world->quotas[i] = world->vendor->quotas[i];
        if (world->quotas[i].per_ms == 0)
            world->quotas[i].per_ms = usual_ms[i];
    }
}

static void
world_free_state(struct eff_world *world)
{
    if (world->state != NULL && world->vendor->state_free != NULL)
        world->vendor->state_free(world->state);
    if (world->state != NULL)
        memset(world->state, 0, world->vendor->state_size);
}

/* As at the very first start, but for the records. */
static void
world_forget(struct eff_world *world)
{
    world_free_state(world);
    eff_arena_reset(&world->memory);
    world->shapes = (struct eff_shapes){.arena = &world->memory, .nocase = world->vendor->nocase};
    world->settings =
        (struct eff_settings){.job_polls = 1, .job_fail_after = -1, .partition_rows = 10000};
    world->tokens_count = 0;
    world->revoked_count = 0;
    world->clock_ms = 0;
    world->random = world->seed;
    world_default_quotas(world);
    eff_log_clear(world->log);
}

static enum eff_fault
world_load_faults(struct eff_world *world, struct eff_err *err)
{
    struct eff_arena arena = {0};
    const struct eff_json *root;
    enum eff_fault fault;

    eff_faults_deinit(&world->faults);
    eff_faults_init(&world->faults);
    if (world->faults_text.len == 0)
        return EFF_OK;
    eff_arena_init(&arena, "faults document", (size_t)64 << 20);
    fault = eff_json_parse(world->faults_text, &arena, &root, err);
    if (fault == EFF_OK)
        fault = eff_world_configure(world, root, err);
    else
        err->fault = fault = EFF_CONFIG;
    if (fault != EFF_OK)
        eff_err_while(err, "reading the faults");
    eff_arena_deinit(&arena);
    return fault;
}

void
eff_world_save_shapes(struct eff_world *world)
{
    struct eff_buf text = {0};
    struct eff_json_writer w = {.buf = &text};

    // Each change gets a second of its own, for Last-Modified.
    world->schema_ms = eff_world_now(world) > world->schema_ms + 1000 ? eff_world_now(world)
                                                                      : world->schema_ms + 1000;
    eff_shapes_write(&w, &world->shapes);
    eff_records_note(world->records, "schema", eff_buf_str(&text));
    eff_buf_free(&text);
}

static enum eff_fault
world_load_shapes(struct eff_world *world, struct eff_err *err)
{
    struct eff_arena arena = {0};
    const struct eff_json *root;
    enum eff_fault fault;
    eff_str text;

    eff_arena_init(&arena, "schema", (size_t)64 << 20);
    text = eff_records_noted(world->records, "schema", &arena);
    if (text.len == 0) {
        world->vendor->shapes(&world->shapes);
        eff_world_save_shapes(world);
        eff_arena_deinit(&arena);
        return EFF_OK;
    }
    fault = eff_json_parse(text, &arena, &root, err);
    if (fault == EFF_OK)
        fault = eff_shapes_read(&world->shapes, root, err);
    world->schema_ms = eff_world_now(world);
    eff_arena_deinit(&arena);
    return fault;
}

enum eff_fault
eff_world_open(struct eff_world *world, const struct eff_vendor *vendor, const char *data,
               uint64_t seed, eff_str faults, struct eff_err *err)
{
    *world = (struct eff_world){.vendor = vendor, .seed = seed, .faults_text = faults};
    eff_arena_init(&world->memory, "sandbox", WORLD_MEMORY);
    world->log = eff_log_new();
    world->state = calloc(1, vendor->state_size == 0 ? 1 : vendor->state_size);
    if (world->log == NULL || world->state == NULL)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory");
    EFF_TRY(eff_records_open(data, vendor->name, &world->records, err));
    world_forget(world);
    EFF_TRY(world_load_shapes(world, err));
    return world_load_faults(world, err);
}

void
eff_world_close(struct eff_world *world)
{
    world_free_state(world);
    free(world->state);
    eff_records_close(world->records);
    eff_log_free(world->log);
    eff_faults_deinit(&world->faults);
    eff_arena_deinit(&world->memory);
    *world = (struct eff_world){0};
}

enum eff_fault
eff_world_reset(struct eff_world *world, struct eff_err *err)
{
    eff_records_clear(world->records);
    world_forget(world);
    EFF_TRY(world_load_shapes(world, err));
    return world_load_faults(world, err);
}

static enum eff_fault
world_read_quota(struct eff_quota *quota, const struct eff_json *object, struct eff_err *err)
{
    struct eff_json_iter iter = eff_json_iterate(object);
    const struct eff_json *value;
    eff_str key;

    if (eff_json_type(object) != EFF_JSON_OBJECT)
        return EFF_FAIL(err, EFF_CONFIG, "a limit must be an object with requests and per_ms");
    while (eff_json_next(&iter, &key, &value)) {
        int64_t *to = eff_str_is(key, "requests") ? &quota->requests
                      : eff_str_is(key, "per_ms") ? &quota->per_ms
                      : eff_str_is(key, "used")   ? &quota->used
                                                  : NULL;

        if (to == NULL || !eff_json_int(value, to) || *to < 0)
            return EFF_FAIL(err, EFF_CONFIG,
                            "a limit has requests, per_ms and used, not \"" EFF_STR_FMT "\"",
                            EFF_STR_ARG(key));
    }
    if (quota->per_ms == 0)
        return EFF_FAIL(err, EFF_CONFIG, "per_ms of a limit must be positive");
    return EFF_OK;
}

static enum eff_fault
world_read_limits(struct eff_world *world, const struct eff_json *limits, struct eff_err *err)
{
    struct eff_json_iter iter = eff_json_iterate(limits);
    const struct eff_json *value;
    eff_str key;

    while (eff_json_next(&iter, &key, &value)) {
        size_t i = 0;

        while (i < EFF_QUOTAS && !eff_str_is(key, world_quota_names[i]))
            i++;
        if (i == EFF_QUOTAS)
            return EFF_FAIL(err, EFF_CONFIG,
                            "limits are burst, steady, daily and search, not \"" EFF_STR_FMT "\"",
                            EFF_STR_ARG(key));
        EFF_TRY(world_read_quota(&world->quotas[i], value, err));
    }
    return EFF_OK;
}

static enum eff_fault
world_read_setting(struct eff_settings *settings, eff_str key, const struct eff_json *value,
                   struct eff_err *err)
{
    int64_t *number = eff_str_is(key, "search_lag_ms")    ? &settings->search_lag_ms
                      : eff_str_is(key, "job_polls")      ? &settings->job_polls
                      : eff_str_is(key, "job_fail_after") ? &settings->job_fail_after
                      : eff_str_is(key, "partition_rows") ? &settings->partition_rows
                                                          : NULL;
    bool *flag = eff_str_is(key, "whole_invalid_field") ? &settings->whole_invalid_field
                 : eff_str_is(key, "row_validation")    ? &settings->row_validation
                 : eff_str_is(key, "read_only")         ? &settings->read_only
                 : eff_str_is(key, "shuffle")           ? &settings->shuffle
                                                        : NULL;

    if (flag != NULL && eff_json_type(value) == EFF_JSON_BOOL) {
        *flag = eff_json_bool(value);
        return EFF_OK;
    }
    if (number != NULL && eff_json_int(value, number) && *number >= -1)
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, "bad setting \"" EFF_STR_FMT "\"", EFF_STR_ARG(key));
    return eff_err_hint(
        err,
        "Settings are search_lag_ms, job_polls, job_fail_after, partition_rows "
        "(integers), whole_invalid_field, row_validation, read_only and shuffle (true or false).");
}

enum eff_fault
eff_world_configure(struct eff_world *world, const struct eff_json *root, struct eff_err *err)
{
    struct eff_json_iter iter = eff_json_iterate(root), settings;
    const struct eff_json *value, *setting;
    eff_str key;

    if (eff_json_type(root) != EFF_JSON_OBJECT)
        return EFF_FAIL(err, EFF_CONFIG,
                        "a faults document is an object with rules, limits and settings");
    while (eff_json_next(&iter, &key, &value)) {
        if (eff_str_is(key, "rules")) {
            EFF_TRY(eff_faults_load(&world->faults, value, world->seed, err));
        } else if (eff_str_is(key, "limits")) {
            EFF_TRY(world_read_limits(world, value, err));
        } else if (eff_str_is(key, "settings")) {
            settings = eff_json_iterate(value);
            while (eff_json_next(&settings, &key, &setting))
                EFF_TRY(world_read_setting(&world->settings, key, setting, err));
        } else if (!eff_str_is(key, "format")) {
            return EFF_FAIL(err, EFF_CONFIG,
                            "a faults document has rules, limits and settings, not \"" EFF_STR_FMT
                            "\"",
                            EFF_STR_ARG(key));
        }
    }
    return EFF_OK;
}

static void
world_roll(struct eff_world *world, struct eff_quota *quota)
{
    int64_t now = eff_world_now(world);

    if (now - quota->since_ms < quota->per_ms && now >= quota->since_ms)
        return;
    if (quota->since_ms != 0)
        quota->used = 0;
    quota->since_ms = now;
}

bool
eff_world_take(struct eff_world *world, enum eff_quota_name name)
{
    struct eff_quota *quota = &world->quotas[name];

    world_roll(world, quota);
    if (quota->requests != 0 && quota->used >= quota->requests)
        return false;
    quota->used++;
    return true;
}

int64_t
eff_world_left(struct eff_world *world, enum eff_quota_name name)
{
    struct eff_quota *quota = &world->quotas[name];

    world_roll(world, quota);
    return quota->requests > quota->used ? quota->requests - quota->used : 0;
}

int64_t
eff_world_opens_s(struct eff_world *world, enum eff_quota_name name)
{
    struct eff_quota *quota = &world->quotas[name];

    world_roll(world, quota);
    return (quota->since_ms + quota->per_ms - eff_world_now(world) + 999) / 1000;
}

static void
world_remember(char list[EFF_WORLD_TOKENS][64], size_t *count, eff_str token)
{
    char *to = list[(*count)++ % EFF_WORLD_TOKENS];

    eff_str_print_to(to, 64, token);
}

static bool
world_knows(const char list[EFF_WORLD_TOKENS][64], size_t count, eff_str token)
{
    for (size_t i = 0; i < count && i < EFF_WORLD_TOKENS; i++)
        if (eff_str_is(token, list[i]))
            return true;
    return false;
}

void
eff_world_issue(struct eff_world *world, eff_str token)
{
    world_remember(world->tokens, &world->tokens_count, token);
}

/* A token as the list keeps it: a signed one is too long, and its digest stands for it. */
static eff_str
world_short(eff_str token, char ret_text[64])
{
    static const char digits[] = "0123456789abcdef";
    struct eff_sha256 digest;

    if (token.len < 64)
        return token;
    digest = eff_sha256(token);
    for (size_t i = 0; i < 60; i++)
        ret_text[i] = digits[digest.bytes[i / 2] >> (i % 2 ? 0 : 4) & 15];
    return (eff_str){ret_text, 60};
}

void
eff_world_revoke(struct eff_world *world, eff_str token)
{
    char text[64];

    if (token.len != 0)
        world_remember(world->revoked, &world->revoked_count, world_short(token, text));
}

bool
eff_world_revoked(const struct eff_world *world, eff_str token)
{
    char text[64];

    return world_knows(world->revoked, world->revoked_count, world_short(token, text));
}

bool
eff_world_trusts(const struct eff_world *world, eff_str token)
{
    if (eff_world_revoked(world, token))
        return false;
    return eff_str_is(token, "test-token") ||
           world_knows(world->tokens, world->tokens_count, token);
}

/* Does the path match the pattern? Fills args with the undecoded segments. */
static bool
world_match(eff_str path, const char *pattern, eff_str *args, size_t *ret_count)
{
    eff_str want = eff_str_of(pattern), have = path, want_part, have_part;
    bool want_more = true, have_more = true;

    *ret_count = 0;
    while (want_more && have_more) {
        want_more = eff_str_cut(want, '/', &want_part, &want);
        if (eff_str_is(want_part, "{*}")) {
            args[(*ret_count)++] = have;
            return true;
        }
        have_more = eff_str_cut(have, '/', &have_part, &have);
        if (eff_str_is(want_part, "{}") && have_part.len != 0)
            args[(*ret_count)++] = have_part;
        else if (!eff_str_eq(want_part, have_part))
            return false;
    }
    return !want_more && !have_more;
}

bool
eff_world_route(struct eff_call *call, bool *ret_other)
{
    const struct eff_vendor *vendor = call->world->vendor;
    eff_str path = call->path;

    *ret_other = false;
    if (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    for (size_t i = 0; i < vendor->routes_count; i++) {
        if (!world_match(path, vendor->routes[i].path, call->args, &call->args_count))
            continue;
        if (eff_str_is(call->method, vendor->routes[i].method)) {
            call->route = &vendor->routes[i];
            return true;
        }
        *ret_other = true;
    }
    call->route = NULL;
    return false;
}

void
eff_world_dispatch(struct eff_call *call)
{
    const struct eff_vendor *vendor = call->world->vendor;
    bool other;

    if (call->route == NULL && !eff_world_route(call, &other)) {
        vendor->refuse(call, other ? 405 : 404, NULL, NULL);
        return;
    }
    for (size_t i = 0; i < call->args_count; i++) {
        if (!eff_call_decode(call->arena, call->args[i], false, &call->args[i])) {
            vendor->refuse(call, 400, NULL, "The path is not properly encoded.");
            return;
        }
    }
    call->route->handle(call);
}

static void
world_rename(struct eff_call *call)
{
    struct eff_effect *effect = &call->effect;
    struct eff_err err = {0};

    if (effect->rename_to.len == 0)
        return;
    eff_shapes_rename(&call->world->shapes, effect->rename_object, effect->rename_from,
                      effect->rename_to, &err); // A second time there is nothing to rename.
    eff_world_save_shapes(call->world);
}

static void
world_run(struct eff_call *call)
{
    const struct eff_vendor *vendor = call->world->vendor;
    bool open = call->route != NULL && (call->route->flags & EFF_ROUTE_OPEN) != 0;

    world_rename(call);
    if (call->effect.expire_token)
        eff_world_revoke(call->world, eff_call_bearer(call));
    if (!open && !vendor->authorize(call))
        return;
    if (!vendor->admit(call))
        return;
    eff_world_dispatch(call);
}

void
eff_world_tick(struct eff_call *call)
{
    struct eff_world *world = call->world;

    if (world->vendor->tick == NULL)
        return;
    eff_records_begin(world->records);
    world->vendor->tick(call);
    eff_records_commit(world->records);
}

void
eff_world_handle(struct eff_call *call)
{
    struct eff_world *world = call->world;

    eff_world_tick(call);
    eff_records_begin(world->records);
    world_run(call);
    eff_records_commit(world->records);
    if (eff_records_broken(world->records) != NULL || call->answer.full)
        world->vendor->refuse(call, 500, NULL,
                              call->answer.full ? "The answer would be too large."
                                                : eff_records_broken(world->records));
    world->vendor->finish(call);
}
