/*
 * dbt/results: one pass over run_results.json, keeping what went wrong.
 *
 * A status that is not known to be good counts as bad: dbt may learn new words for failing.
 */
#include "dbt/results.h"

#include "dbt/manifest.h"

#include <stdlib.h>

#define RESULTS_VALUE_MAX ((size_t)64 << 20)
#define RESULTS_MESSAGE   200
#define RESULTS_OLDEST    4 /* dbt 1.0 to 1.6; v5 and v6 have more fields, none of them needed */

struct results_reader {
    struct eff_scan *scan;
    struct eff_arena *arena;
    struct eff_arena work; /* one value */
    struct eff_dbt_results *results;
};

#define ROOM_FIRST ((size_t)16)

void *
eff_dbt_room(struct eff_arena *arena, void *at, size_t count, size_t size)
{
    void *grown;

    if (count > 0 && (count < ROOM_FIRST || (count & (count - 1)) != 0))
        return at;
    grown = eff_arena_alloc(arena, size, alignof(max_align_t),
                            count < ROOM_FIRST ? ROOM_FIRST : 2 * count);
    if (count > 0)
        memcpy(grown, at, count * size);
    return grown;
}

static bool
results_good(eff_str status)
{
    static const char *const good[] = {"success", "pass", "warn", "no-op", "reused", NULL};

    for (size_t i = 0; good[i] != NULL; i++)
        if (eff_str_is(status, good[i]))
            return true;
    return false;
}

static bool
results_builds(eff_str command)
{
    static const char *const builds[] = {"build", "run", "test", "seed", "snapshot", "retry", NULL};

    for (size_t i = 0; builds[i] != NULL; i++)
        if (eff_str_is(command, builds[i]))
            return true;
    return false;
}

/* A text, or what else it is as text; EFF_STR_NONE for null. Lives in the arena. */
static enum eff_fault
results_text(struct results_reader *r, size_t most, eff_str *ret_text, struct eff_err *err)
{
    const struct eff_json *value;
    eff_str text;

    eff_arena_reset(&r->work);
    EFF_TRY(eff_scan_value(r->scan, RESULTS_VALUE_MAX, &r->work, &value, err));
    text = eff_json_str(value);
    *ret_text = eff_str_copy(r->arena, eff_str_sub(text, 0, eff_utf8_prefix(text, most)));
    return EFF_OK;
}

static enum eff_fault
results_one(struct results_reader *r, struct eff_err *err)
{
    struct eff_dbt_results *results = r->results;
    size_t used = r->arena->used;
    struct eff_dbt_result result = {.message = EFF_STR("")};
    bool there, more = true;
    eff_str key;

    EFF_TRY(eff_scan_object(r->scan, &there, err));
    while (there && more) {
        EFF_TRY(eff_scan_key(r->scan, &key, &more, err));
        if (!more)
            break;
        if (eff_str_is(key, "unique_id"))
            EFF_TRY(results_text(r, 4096, &result.id, err));
        else if (eff_str_is(key, "status"))
            EFF_TRY(results_text(r, 64, &result.status, err));
        else if (eff_str_is(key, "message"))
            EFF_TRY(results_text(r, RESULTS_MESSAGE, &result.message, err));
        else
            EFF_TRY(eff_scan_skip(r->scan, err));
    }
    if (result.id.ptr == NULL || result.status.ptr == NULL)
        return EFF_FAIL(err, EFF_CONFIG, "has a result without `unique_id` or `status`");
    if (results_good(result.status)) {
        r->arena->used = used;
        return EFF_OK;
    }
    results->bad = eff_dbt_room(r->arena, results->bad, results->bad_count, sizeof result);
    results->bad[results->bad_count++] = result;
    return EFF_OK;
}

static enum eff_fault
results_list(struct results_reader *r, struct eff_err *err)
{
    bool there, more = true;

    EFF_TRY(eff_scan_array(r->scan, &there, err));
    while (there && more) {
        EFF_TRY(eff_scan_item(r->scan, &more, err));
        if (more)
            EFF_TRY(results_one(r, err));
    }
    return EFF_OK;
}

static enum eff_fault
results_metadata(struct results_reader *r, struct eff_err *err)
{
    const struct eff_json *value;
    eff_str address;
    int version;

    eff_arena_reset(&r->work);
    EFF_TRY(eff_scan_value(r->scan, RESULTS_VALUE_MAX, &r->work, &value, err));
    address = eff_json_str(eff_json_get(value, EFF_STR("dbt_schema_version")));
    version = eff_dbt_schema_version(address, "run-results");
    if (version >= RESULTS_OLDEST)
        return EFF_OK;
    if (version == 0)
        return EFF_FAIL(err, EFF_CONFIG, "is no run_results.json of dbt");
    EFF_FAIL(err, EFF_CONFIG, "is of schema version v%d, which is too old to be read", version);
    return eff_err_hint(err, "Run `dbt build` with dbt 1.7 or newer.");
}

static enum eff_fault
results_args(struct results_reader *r, struct eff_err *err)
{
    const struct eff_json *value;

    eff_arena_reset(&r->work);
    EFF_TRY(eff_scan_value(r->scan, RESULTS_VALUE_MAX, &r->work, &value, err));
    r->results->command =
        eff_str_copy(r->arena, eff_json_str(eff_json_get(value, EFF_STR("which"))));
    return EFF_OK;
}

static enum eff_fault
results_document(struct results_reader *r, struct eff_err *err)
{
    bool there, more = true, dbt = false;
    eff_str key;

    EFF_TRY(eff_scan_object(r->scan, &there, err));
    while (there && more) {
        EFF_TRY(eff_scan_key(r->scan, &key, &more, err));
        if (!more)
            break;
        dbt = dbt || eff_str_is(key, "metadata");
        if (eff_str_is(key, "metadata"))
            EFF_TRY(results_metadata(r, err));
        else if (eff_str_is(key, "args"))
            EFF_TRY(results_args(r, err));
        else if (eff_str_is(key, "results"))
            EFF_TRY(results_list(r, err));
        else
            EFF_TRY(eff_scan_skip(r->scan, err));
    }
    if (!dbt)
        return EFF_FAIL(err, EFF_CONFIG, "is no run_results.json of dbt");
    return eff_scan_end(r->scan, err);
}

static int
results_order(const void *a, const void *b)
{
    return eff_str_cmp(((const struct eff_dbt_result *)a)->id,
                       ((const struct eff_dbt_result *)b)->id);
}

enum eff_fault
eff_dbt_results_read(struct eff_scan *scan, struct eff_arena *arena,
                     struct eff_dbt_results *ret_results, struct eff_err *err)
{
    struct results_reader r = {.scan = scan, .arena = arena, .results = ret_results};
    enum eff_fault fault;

    *ret_results = (struct eff_dbt_results){0};
    eff_arena_init(&r.work, "run_results.json", 4 * RESULTS_VALUE_MAX);
    fault = results_document(&r, err);
    eff_arena_deinit(&r.work);
    if (ret_results->bad_count > 1)
        qsort(ret_results->bad, ret_results->bad_count, sizeof *ret_results->bad, results_order);
    /* Where it is not told which command it was, what went wrong went wrong. */
    ret_results->builds = ret_results->command.ptr == NULL || results_builds(ret_results->command);
    return fault;
}

const struct eff_dbt_result *
eff_dbt_results_find(const struct eff_dbt_results *results, eff_str id)
{
    struct eff_dbt_result wanted = {.id = id};

    if (results->bad_count == 0)
        return NULL;
    return bsearch(&wanted, results->bad, results->bad_count, sizeof *results->bad, results_order);
}
