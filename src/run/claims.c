/*
 * run/claims: a record that some row of the model stands for is not removed.
 *
 * A row's key may change while its record stays: accounts are merged, keys are drawn
 * anew or become text, two rows share one match value. Then one key vanished, and to
 * remove "its" record would remove that of another row, in silence. So while the model
 * is read, the match values of its rows go into a filter. A removal that the filter
 * seems to know is put off, the model is read once more to be sure, and what is claimed
 * leaves the snapshot while the record stays.
 *
 * Match values are compared as text, because a destination does not tell 7 from "7";
 * behind a connector without regard to case and outer blanks, because A is a to most
 * APIs. To be wrong here keeps a record.
 */
#include <stdlib.h>

#include "plan/items.h"
#include "plan/transform.h"
#include "run/sync.h"

#define CLAIMS_ROWS_LEAST 4096

struct claims_doubt {
    struct eff_hash128 match;
    struct eff_change removal;
    bool claimed;
};

void
eff_run_claims_open(struct eff_sync_run *r)
{
    uint64_t rows = r->snapshot_rows < CLAIMS_ROWS_LEAST ? CLAIMS_ROWS_LEAST : r->snapshot_rows;

    r->watch_claims = !r->partial && r->snapshot_rows > 0 &&
                      eff_plan_removal_op(r->sync->mode, r->sync->on_removed) != EFF_OP_NONE;
    if (r->watch_claims)
        diff_filter_init(&r->claims, rows, (size_t)r->sync->memory_bytes / 8);
}

void
eff_run_claims_close(struct eff_sync_run *r)
{
    if (r->watch_claims)
        diff_filter_deinit(&r->claims);
    r->watch_claims = false;
    eff_buf_free(&r->doubts);
    eff_buf_free(&r->moved);
}

static struct eff_hash128
claims_hash(struct eff_sync_run *r, const struct eff_value *match)
{
    const struct eff_dest_kind *kind = r->sync->dest->kind->user;
    struct eff_arena scratch = r->batch;
    struct eff_buf text = {0}, all = {0};
    struct eff_hash128 hash;

    for (size_t i = 0; i < r->mapping.match_count; i++) {
        eff_str value;

        eff_buf_reset(&text);
        eff_value_text(&text, &match[i]);
        value = eff_buf_str(&text);
        if (kind->connector)
            value = eff_str_lower(&scratch, eff_str_trim(value));
        eff_buf_add_slice(&all, value);
    }
    hash = eff_siphash128(r->secret.key, all.ptr, all.len);
    eff_buf_free(&text);
    eff_buf_free(&all);
    return hash;
}

/* False: the row has no match value, and stands for no record. */
static bool
claims_row_hash(struct eff_sync_run *r, const struct eff_value *row, struct eff_hash128 *ret_hash)
{
    struct eff_arena scratch = r->batch;
    struct eff_value *match = eff_new(&scratch, struct eff_value, r->mapping.match_count);
    struct eff_err ignored = {0};

    for (size_t i = 0; i < r->mapping.match_count; i++)
        if (eff_transform_field(&r->mapping.match[i], row, &scratch, &match[i], &ignored) !=
                EFF_OK ||
            match[i].kind == EFF_NULL || match[i].kind == EFF_ABSENT)
            return false;
    *ret_hash = claims_hash(r, match);
    return true;
}

/* Where the key is what matches, a row that the snapshot knows claims its own record only. */
void
eff_run_claim(struct eff_sync_run *r, const struct eff_value *row, bool known)
{
    struct eff_hash128 match;

    if (!r->watch_claims || (known && r->mapping.match_is_key))
        return;
    if (claims_row_hash(r, row, &match))
        diff_filter_add(&r->claims, match, 0);
}

bool
eff_run_claims_doubt(struct eff_sync_run *r, const struct eff_change *removal)
{
    struct claims_doubt doubt = {.removal = *removal};
    struct eff_arena scratch = r->batch;
    struct eff_identity identity;

    if (!r->watch_claims || !removal->identity.ptr ||
        !eff_identity_read(removal->identity, r->mapping.match_count, &scratch, &identity))
        return false;
    doubt.match = claims_hash(r, identity.match);
    if (!diff_filter_has(&r->claims, doubt.match, 0))
        return false;
    doubt.removal.identity = eff_str_copy(&r->run, removal->identity);
    eff_buf_add_bytes(&r->doubts, &doubt, sizeof doubt);
    return true;
}

void
eff_run_claims_moved(struct eff_sync_run *r, struct eff_hash128 key)
{
    if (r->watch_claims)
        eff_buf_add_bytes(&r->moved, &key, sizeof key);
}

/* ---- to be sure ---- */

static int
claims_cmp(const void *a, const void *b)
{
    return eff_hash128_cmp(((const struct claims_doubt *)a)->match,
                           ((const struct claims_doubt *)b)->match);
}

static int
claims_key_cmp(const void *a, const void *b)
{
    return eff_hash128_cmp(*(const struct eff_hash128 *)a, *(const struct eff_hash128 *)b);
}

static bool
claims_has_moved(struct eff_sync_run *r, const struct eff_value *row)
{
    size_t count = r->moved.len / sizeof(struct eff_hash128), column;
    struct eff_hash128 key;
    struct eff_buf buf = {0};
    bool moved;

    if (count == 0)
        return false;
    moved = eff_row_key(&r->mapping, row, &r->secret, &buf, &key, &column) == EFF_ROW_GOOD &&
            bsearch(&key, r->moved.ptr, count, sizeof key, claims_key_cmp) != NULL;
    eff_buf_free(&buf);
    return moved;
}

static void
claims_mark(struct eff_sync_run *r, struct claims_doubt *doubts, size_t count,
            const struct eff_value *row, struct eff_hash128 match)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (eff_hash128_cmp(doubts[middle].match, match) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && eff_hash128_cmp(doubts[low].match, match) == 0; low++)
        doubts[low].claimed = doubts[low].claimed || !claims_has_moved(r, row);
}

static enum eff_fault
claims_read(struct eff_sync_run *r, struct claims_doubt *doubts, size_t count, struct eff_err *err)
{
    struct eff_columns columns;
    struct eff_batch batch;
    struct eff_hash128 match;

    EFF_TRY(r->source->ops->query(r->source, r->sql, &columns, err));
    for (;;) {
        eff_arena_reset(&r->batch);
        EFF_TRY(r->source->ops->next(r->source, &batch, err));
        if (batch.rows == 0)
            return EFF_OK;
        for (size_t i = 0; i < batch.rows; i++) {
            const struct eff_value *row = &batch.cells[i * batch.width];

            if (claims_row_hash(r, row, &match))
                claims_mark(r, doubts, count, row, match);
        }
    }
}

enum eff_fault
eff_run_claims_settle(struct eff_sync_run *r, eff_run_removal remove, eff_run_removal release,
                      struct eff_err *err)
{
    struct claims_doubt *doubts = (struct claims_doubt *)(void *)r->doubts.ptr;
    size_t count = r->doubts.len / sizeof *doubts;

    if (r->doubts.full || r->moved.full)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory for removals that must be looked at again");
    if (count == 0)
        return EFF_OK;
    qsort(doubts, count, sizeof *doubts, claims_cmp);
    if (r->moved.len > 0)
        qsort(r->moved.ptr, r->moved.len / sizeof(struct eff_hash128), sizeof(struct eff_hash128),
              claims_key_cmp);
    EFF_TRY(claims_read(r, doubts, count, err));
    for (size_t i = 0; i < count; i++) {
        eff_arena_reset(&r->batch);
        EFF_TRY((doubts[i].claimed ? release : remove)(r, &doubts[i].removal, err));
    }
    return EFF_OK;
}
