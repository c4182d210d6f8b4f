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
 * In mode members a changed row takes its old identifiers out of the list as well: they
 * are put off in the same way, with the row. A run that reads only some of the rows has
 * no filter, and puts all of them off.
 *
 * Match values are compared as text, because a destination does not tell 7 from "7";
 * behind a connector without regard to case and outer blanks, because A is a to most
 * APIs. To be wrong here keeps a record.
 */
#include <stdlib.h>

#include "plan/members.h"
#include "plan/transform.h"
#include "run/sync.h"

#define CLAIMS_ROWS_LEAST 4096

/* r->put_off holds the changes that take something out, with their rows; this is what they take. */
struct claims_doubt {
    struct eff_hash128 match;
    uint32_t at; /* index of the change that is put off */
    uint32_t member;
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
    eff_buf_free(&r->put_off);
    eff_buf_free(&r->doubts);
    eff_buf_free(&r->moved);
}

static bool
claims_fold(const struct eff_sync_run *r)
{
    const struct eff_dest_kind *kind = r->sync->dest->kind->user;

    return kind->connector != NULL;
}

static struct eff_hash128
claims_member_hash(struct eff_sync_run *r, const struct eff_value *member, struct eff_arena scratch)
{
    struct eff_buf all = {0};
    struct eff_hash128 hash;

    eff_members_text(&r->planner, member, claims_fold(r), scratch, &all);
    hash = eff_siphash128(r->secret.key, all.ptr, all.len);
    eff_buf_free(&all);
    return hash;
}

/* As widely as anything may compare there: to be wrong keeps a record, no more. */
static enum eff_fold
claims_widest(const struct eff_sync_run *r, size_t match)
{
    enum eff_fold fold = r->match_folds[match];

    if (fold == EFF_FOLD_NONE)
        return claims_fold(r) ? EFF_FOLD_FIELD : EFF_FOLD_NONE;
    return fold == EFF_FOLD_CASE ? EFF_FOLD_MARKS : fold;
}

static struct eff_hash128
claims_hash(struct eff_sync_run *r, const struct eff_value *match, struct eff_arena scratch)
{
    struct eff_buf text = {0}, all = {0};
    struct eff_hash128 hash;

    for (size_t i = 0; i < r->mapping.match_count; i++) {
        eff_buf_reset(&text);
        eff_value_text(&text, &match[i]);
        eff_run_fold(claims_widest(r, i), &text, 0, scratch);
        eff_buf_add_slice(&all, eff_buf_str(&text));
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
    struct eff_value *match;
    struct eff_members member;
    struct eff_err ignored = {0};

    if (r->sync->mode == EFF_MODE_MEMBERS) {
        if (!eff_members_of_row(&r->planner, row, &scratch, &member, &ignored))
            return false;
        *ret_hash = claims_member_hash(r, member.at, scratch);
        return true;
    }
    match = eff_new(&scratch, struct eff_value, r->mapping.match_count);
    for (size_t i = 0; i < r->mapping.match_count; i++)
        if (eff_transform_field(&r->mapping.match[i], row, &scratch, &match[i], &ignored) !=
                EFF_OK ||
            match[i].kind == EFF_NULL || match[i].kind == EFF_ABSENT)
            return false;
    *ret_hash = claims_hash(r, match, scratch);
    return true;
}

/* Where the key is what matches, and tells records apart, a known row claims its own record only. */
static bool
claims_its_own(const struct eff_sync_run *r)
{
    for (size_t i = 0; i < r->mapping.match_count; i++)
        if (r->match_folds[i] != EFF_FOLD_NONE)
            return false;
    return r->mapping.match_is_key && r->sync->mode != EFF_MODE_MEMBERS;
}

void
eff_run_claim(struct eff_sync_run *r, const struct eff_value *row, bool known)
{
    struct eff_hash128 match;

    if (!r->watch_claims || (known && claims_its_own(r)))
        return;
    if (claims_row_hash(r, row, &match))
        diff_filter_add(&r->claims, match, 0);
}

/* The change will be index `at` of those put off, if anything that it takes out is claimed. */
static bool
claims_doubt_one(struct eff_sync_run *r, struct claims_doubt doubt)
{
    if (r->watch_claims && !diff_filter_has(&r->claims, doubt.match, 0))
        return false;
    eff_buf_add_bytes(&r->doubts, &doubt, sizeof doubt);
    return true;
}

static bool
claims_doubt_members(struct eff_sync_run *r, const struct eff_change *change, uint32_t at)
{
    struct eff_arena scratch = r->batch;
    struct eff_members members;
    bool doubted = false;

    if (!eff_members_read(&r->planner, change->identity, &scratch, &members))
        return false;
    for (size_t i = 0; i < members.count; i++)
        doubted |= claims_doubt_one(
            r, (struct claims_doubt){claims_member_hash(r, &members.at[i * members.width], scratch),
                                     at, (uint32_t)i});
    return doubted;
}

static bool
claims_doubt_match(struct eff_sync_run *r, const struct eff_change *removal, uint32_t at)
{
    struct eff_arena scratch = r->batch;
    struct eff_identity identity;

    if (!eff_identity_read(removal->identity, r->mapping.match_count, &scratch, &identity))
        return false;
    return claims_doubt_one(r,
                            (struct claims_doubt){claims_hash(r, identity.match, scratch), at, 0});
}

bool
eff_run_claims_doubt(struct eff_sync_run *r, const struct eff_change *change,
                     const struct eff_value *row)
{
    uint32_t at = (uint32_t)(r->put_off.len / sizeof(struct eff_change));
    bool members = r->sync->mode == EFF_MODE_MEMBERS;
    struct eff_change put_off = *change;
    struct eff_buf content = {0};

    if (change->looked || !change->identity.ptr || (!r->watch_claims && !(members && r->partial)))
        return false;
    if (!(members ? claims_doubt_members(r, change, at) : claims_doubt_match(r, change, at)))
        return false;
    put_off.identity = eff_str_copy(&r->run, change->identity);
    if (row) {
        eff_content_write(&content, r->needed, r->columns.count, row);
        put_off.content = eff_str_copy(&r->run, eff_buf_str(&content));
        eff_buf_free(&content);
    }
    eff_buf_add_bytes(&r->put_off, &put_off, sizeof put_off);
    return true;
}

void
eff_run_claims_moved(struct eff_sync_run *r, const struct eff_planned_item *p)
{
    if (r->watch_claims && p->item.old_match &&
        (!p->item.match || eff_hash128_cmp(claims_hash(r, p->item.old_match, r->batch),
                                           claims_hash(r, p->item.match, r->batch)) != 0))
        eff_buf_add_bytes(&r->moved, &p->ack.key, sizeof p->ack.key);
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
claims_mark(struct eff_sync_run *r, const struct eff_value *row, struct eff_hash128 match)
{
    const struct claims_doubt *doubts = (const struct claims_doubt *)(const void *)r->doubts.ptr;
    struct eff_change *put_off = (struct eff_change *)(void *)r->put_off.ptr;
    size_t count = r->doubts.len / sizeof *doubts, low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (eff_hash128_cmp(doubts[middle].match, match) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && eff_hash128_cmp(doubts[low].match, match) == 0; low++)
        if (!claims_has_moved(r, row))
            put_off[doubts[low].at].claimed |= (uint32_t)1 << doubts[low].member;
}

static enum eff_fault
claims_read_row(void *self, const struct eff_value *row, struct eff_err *err)
{
    struct eff_sync_run *r = self;
    struct eff_hash128 match;

    (void)err;
    if (!eff_run_row_is_aside(r, row) && claims_row_hash(r, row, &match))
        claims_mark(r, row, match);
    return EFF_OK;
}

enum eff_fault
eff_run_claims_settle(struct eff_sync_run *r, eff_run_put_off go_on, eff_run_put_off release,
                      struct eff_err *err)
{
    struct eff_change *put_off = (struct eff_change *)(void *)r->put_off.ptr;
    size_t count = r->put_off.len / sizeof *put_off;

    if (r->doubts.full || r->moved.full || r->put_off.full)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory for removals that must be looked at again");
    if (count == 0)
        return EFF_OK;
    qsort(r->doubts.ptr, r->doubts.len / sizeof(struct claims_doubt), sizeof(struct claims_doubt),
          claims_cmp);
    if (r->moved.len > 0)
        qsort(r->moved.ptr, r->moved.len / sizeof(struct eff_hash128), sizeof(struct eff_hash128),
              claims_key_cmp);
    EFF_TRY(eff_run_each_row(r, claims_read_row, r, err));
    for (size_t i = 0; i < count; i++) {
        bool stays = put_off[i].claimed && r->sync->mode != EFF_MODE_MEMBERS;

        eff_arena_reset(&r->batch);
        put_off[i].looked = true;
        EFF_TRY((stays ? release : go_on)(r, &put_off[i], err));
    }
    return EFF_OK;
}
