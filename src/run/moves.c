/*
 * run/moves: rows whose match value changed to one that another row's record has.
 *
 * A row takes its record along to a new match value. When rows exchange values (a to b
 * and b to a, or in a ring, or each to its neighbour's), that cannot be done one after
 * the other: each would have to wait until the other has gone. So then each value's
 * record stays where it is, and the row that has the value now is written to it; only
 * the end of a row of neighbours, whose new value nobody had, takes along the record
 * that nobody stands for any more. That can be delivered in any order. Whatever becomes of each,
 * the record is that row's from now on, or it would be nobody's.
 *
 * Rows with a new match value are put off until all of them are known. Should they be
 * more than memory is set aside for, the others take their records along at once, as if
 * nobody waited; last of all those whose new value was some record's, which a filter over
 * the match values of the snapshot tells. It is filled when the first row comes, so that
 * all other runs pay nothing.
 */
#include <stdlib.h>

#include "run/sync.h"

struct moves_row {
    struct eff_hash128 from, to;
    struct eff_change change;
    eff_str identity; /* of the record that it is written to */
    bool shared;      /* somebody else was acknowledged at `from` too: that record is not its own */
    bool stuck;       /* this destination cannot change a match value */
    bool wanted;      /* another row has `from` now */
    bool seen;
};

struct moves_twice { /* a match value of the snapshot */
    struct eff_hash128 match;
    uint64_t count;
};

static struct eff_hash128
moves_hash(struct eff_sync_run *r, const struct eff_value *match)
{
    struct eff_hash128 hash;
    struct eff_buf all = {0};

    for (size_t i = 0; i < r->mapping.match_count; i++) {
        size_t from = all.len, len;

        eff_value_text(&all, &match[i]);
        eff_run_fold(r->match_folds[i], &all, from, r->batch);
        len = all.len - from;
        eff_buf_add_bytes(&all, &len, sizeof len);
    }
    hash = eff_siphash128(r->secret.key, all.ptr, all.len);
    eff_buf_free(&all);
    return hash;
}

static bool
moves_old_hash(struct eff_sync_run *r, eff_str identity, struct eff_hash128 *ret_hash)
{
    struct eff_arena scratch = r->batch;
    struct eff_identity known;

    if (!identity.ptr || !eff_identity_read(identity, r->mapping.match_count, &scratch, &known))
        return false;
    *ret_hash = moves_hash(r, known.match);
    return true;
}

static int
moves_twice_cmp(const void *a, const void *b)
{
    return eff_hash128_cmp(((const struct moves_twice *)a)->match,
                           ((const struct moves_twice *)b)->match);
}

static struct moves_twice *
moves_find_twice(const struct eff_sync_run *r, struct eff_hash128 match)
{
    struct moves_twice wanted = {.match = match};
    size_t count = r->moves_twice.len / sizeof wanted;

    return count ? bsearch(&wanted, r->moves_twice.ptr, count, sizeof wanted, moves_twice_cmp)
                 : NULL;
}

/* Into the filter; those that seem to be there already are remembered. */
static void
moves_note(struct eff_sync_run *r, struct eff_hash128 match)
{
    struct moves_twice twice = {.match = match};

    if (diff_filter_has(&r->moves_old, match, 0))
        eff_buf_add_bytes(&r->moves_twice, &twice, sizeof twice);
    diff_filter_add(&r->moves_old, match, 0);
}

/* The filter may be wrong: this counts. */
static void
moves_count(struct eff_sync_run *r, struct eff_hash128 match)
{
    struct moves_twice *twice = moves_find_twice(r, match);

    if (twice)
        twice->count++;
}

static enum eff_fault
moves_walk(struct eff_sync_run *r, void (*visit)(struct eff_sync_run *, struct eff_hash128),
           struct eff_err *err)
{
    struct eff_snapshot_cursor *cursor;
    const struct eff_entry *entries;
    const eff_str *identities;
    struct eff_arena arena;
    struct eff_hash128 hash;
    enum eff_fault fault;
    size_t count = 1;

    eff_arena_init(&arena, "match values", (size_t)8 << 20);
    fault = eff_snapshot_cursor_open(r->snapshot, true, &arena, &cursor, err);
    while (fault == EFF_OK && count > 0) {
        fault = eff_snapshot_cursor_next(cursor, &count, &entries, &identities, err);
        for (size_t i = 0; fault == EFF_OK && i < count; i++)
            if (moves_old_hash(r, identities[i], &hash))
                visit(r, hash);
    }
    eff_arena_deinit(&arena);
    return fault;
}

/* All match values of the snapshot. */
static enum eff_fault
moves_fill(struct eff_sync_run *r, struct eff_err *err)
{
    diff_filter_init(&r->moves_old, r->snapshot_rows, (size_t)r->sync->memory_bytes / 8);
    r->moves_filled = true;
    EFF_TRY(moves_walk(r, moves_note, err));
    if (r->moves_twice.len == 0)
        return EFF_OK;
    qsort(r->moves_twice.ptr, r->moves_twice.len / sizeof(struct moves_twice),
          sizeof(struct moves_twice), moves_twice_cmp);
    return moves_walk(r, moves_count, err);
}

static void
moves_keep(struct eff_sync_run *r, const struct eff_change *change, const struct eff_value *row,
           struct moves_row *moved)
{
    struct eff_buf content = {0};

    moved->change = *change;
    moved->change.looked = true;
    moved->change.identity = eff_str_copy(&r->run, change->identity);
    moved->identity = moved->change.identity;
    eff_content_write(&content, r->needed, r->columns.count, row);
    moved->change.content = eff_str_copy(&r->run, eff_buf_str(&content));
    eff_buf_free(&content);
    eff_buf_add_bytes(&r->moves, moved, sizeof *moved);
    r->moves_bytes += sizeof *moved + moved->change.identity.len + moved->change.content.len;
}

enum eff_fault
eff_run_moves_put_off(struct eff_sync_run *r, const struct eff_change *change,
                      const struct eff_value *row, const struct eff_planned_item *p, bool stuck,
                      bool *ret_put_off, struct eff_err *err)
{
    struct moves_row moved = {0};
    const struct moves_twice *twice;
    bool wanted;

    *ret_put_off = false;
    if (change->looked || !row || !p->item.match || r->sync->mode == EFF_MODE_MEMBERS ||
        !moves_old_hash(r, change->identity, &moved.from))
        return EFF_OK;
    if (!r->moves_filled)
        EFF_TRY(moves_fill(r, err));
    moved.to = moves_hash(r, p->item.match);
    twice = moves_find_twice(r, moved.from);
    moved.shared = twice && twice->count > 1;
    if (!moved.shared && eff_hash128_cmp(moved.from, moved.to) == 0)
        return EFF_OK; // another spelling of it: its record stays its own
    moved.stuck = stuck;
    wanted = moved.shared || diff_filter_has(&r->moves_old, moved.to, 0);
    if (r->moves_bytes > (size_t)r->sync->memory_bytes / (wanted ? 4 : 8))
        return EFF_OK;
    moves_keep(r, change, row, &moved);
    *ret_put_off = true;
    return EFF_OK;
}

void
eff_run_moves_close(struct eff_sync_run *r)
{
    if (r->moves_filled)
        diff_filter_deinit(&r->moves_old);
    r->moves_filled = false;
    eff_buf_free(&r->moves);
    eff_buf_free(&r->moves_twice);
}

/* ---- when all are known ---- */

/* Those that own what they leave come first, by what that is. */
static int
moves_cmp(const void *a, const void *b)
{
    const struct moves_row *left = a, *right = b;

    if (left->shared != right->shared)
        return left->shared ? 1 : -1;
    return eff_hash128_cmp(left->from, right->from);
}

struct moves {
    struct moves_row *rows;
    size_t count, owners;
};

/* The row that leaves this value, or NULL. */
static struct moves_row *
moves_leaves(const struct moves *moves, struct eff_hash128 value)
{
    struct moves_row wanted = {.from = value};

    return moves->owners ? bsearch(&wanted, moves->rows, moves->owners, sizeof wanted, moves_cmp)
                         : NULL;
}

/* Can all rows from this one on be written to the records of their neighbours? A ring always can. */
static bool
moves_are_free(const struct moves *moves, const struct moves_row *first)
{
    const struct moves_row *at = first;

    do {
        if (at->stuck && !first->wanted)
            return false;
        at = moves_leaves(moves, at->to);
    } while (at && at != first);
    return true;
}

/*
 * From the first of a row of neighbours, or any of a ring, on: each is written to the
 * record of the value that it has now, the last to the record that the first left.
 */
static void
moves_pass_on(const struct moves *moves, struct moves_row *first)
{
    eff_str left = first->shared ? EFF_STR_NONE : first->change.identity;
    struct moves_row *at = first, *next;
    bool free = moves_are_free(moves, first);

    for (;;) {
        at->seen = true;
        next = moves_leaves(moves, at->to);
        if (free || at->shared)
            at->identity = next && free ? next->change.identity : left;
        if (!next || next->seen)
            return;
        at = next;
    }
}

static void
moves_join(const struct moves *moves)
{
    struct moves_row *rows = moves->rows, *next;

    for (size_t i = 0; i < moves->count; i++)
        if ((next = moves_leaves(moves, rows[i].to)) != NULL)
            next->wanted = true;
    for (size_t i = 0; i < moves->count; i++)
        if (!rows[i].wanted)
            moves_pass_on(moves, &rows[i]);
    for (size_t i = 0; i < moves->count; i++)
        if (!rows[i].seen)
            moves_pass_on(moves, &rows[i]);
}

/* A record that all leave who shared it is the first one's, or it would be nobody's. */
static void
moves_own(const struct eff_sync_run *r, const struct moves *moves)
{
    struct moves_row *rows = moves->rows;

    for (size_t i = 0, end; i < moves->count; i = end) {
        const struct moves_twice *twice = moves_find_twice(r, rows[i].from);
        uint64_t leaving = 0;

        for (end = i; end < moves->count && eff_hash128_cmp(rows[end].from, rows[i].from) == 0 &&
                      rows[end].shared == rows[i].shared;
             end++)
            leaving += eff_hash128_cmp(rows[end].from, rows[end].to) != 0;
        if (rows[i].shared && twice && leaving == twice->count)
            rows[i].shared = false;
    }
}

enum eff_fault
eff_run_moves_settle(struct eff_sync_run *r, eff_run_put_off go_on, struct eff_err *err)
{
    struct moves moves = {.rows = (struct moves_row *)(void *)r->moves.ptr,
                          .count = r->moves.len / sizeof(struct moves_row)};

    if (r->moves.full || r->moves_twice.full)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory for match values that changed places");
    if (moves.count == 0)
        return EFF_OK;
    qsort(moves.rows, moves.count, sizeof *moves.rows, moves_cmp);
    moves_own(r, &moves);
    qsort(moves.rows, moves.count, sizeof *moves.rows, moves_cmp);
    while (moves.owners < moves.count && !moves.rows[moves.owners].shared)
        moves.owners++;
    moves_join(&moves);
    for (size_t i = 0; i < moves.count; i++) {
        struct eff_change change = moves.rows[i].change;

        eff_arena_reset(&r->batch);
        change.identity = moves.rows[i].identity;
        change.passed_on =
            change.identity.ptr && change.identity.ptr != moves.rows[i].change.identity.ptr;
        if (change.kind == EFF_CHANGE_COLUMNS &&
            change.identity.ptr != moves.rows[i].change.identity.ptr)
            change.kind = EFF_CHANGE_CHANGE; /* the record has another row's values */
        EFF_TRY(go_on(r, &change, err));
    }
    return EFF_OK;
}
