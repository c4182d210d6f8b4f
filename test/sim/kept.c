/*
 * test/sim/kept: what lies in the state between lives, and what may not.
 *
 * O5 each row that is left open has a line in the ledger, and there are as many lines as the report
 * tells; O9 no secret is kept or told, and no value where nothing is open; O10 who was forgotten is
 * in no file, neither as programs see it nor as it would be if the power went.
 */
#include <sqlite3.h>
#include <string.h>

#include "sim/sim.h"

#define KEPT_REJECTED 1 /* the state of a line */
#define KEPT_STATES   5 /* held, invalid, pending are the others */

/* ---- the ledger ---- */

struct kept_lines {
    uint64_t rows[KEPT_STATES]; /* of this run */
    uint64_t of_model;          /* of rows that were read, whatever run the line is of */
    uint64_t ambiguous; /* of runs before: may have been created, whatever became of it since */
};

static eff_str
kept_text(sqlite3_stmt *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s, column);

    return text ? eff_str_of(text) : EFF_STR_NONE;
}

/* `key` ends with the key of a row, as JSON. */
static bool
kept_key(eff_str key, int64_t *ret_id)
{
    size_t at = key.len;

    while (at > 0 && key.ptr[at - 1] != 'p')
        at--;
    while (key.len > 0 && key.ptr[key.len - 1] != 'm')
        key.len--;
    return at > 0 && key.len >= at &&
           sim_key_read(eff_str_sub(key, at - 1, key.len - at + 1), ret_id);
}

/* What each line says: state, key, rows, run, code, message, times and tries. */
static void
kept_line(sqlite3_stmt *s, const struct eff_report *r, struct kept_lines *lines, uint64_t *keys)
{
    int state = sqlite3_column_int(s, 0);
    bool ambiguous = eff_str_is(kept_text(s, 4), "ambiguous"), wall = sim->options.on[SIM_F_WALL];
    int64_t first = sqlite3_column_int64(s, 6), last = sqlite3_column_int64(s, 7), id;

    if (state < 1 || state >= KEPT_STATES) {
        sim_break("O5", "a line of the ledger has state %d", state);
        return;
    }
    if (kept_text(s, 4).len == 0 && kept_text(s, 5).len == 0)
        sim_break("O5", "a line of the ledger has no cause: state %d, %s", state,
                  (const char *)sqlite3_column_text(s, 1));
    if (first <= 0 || last <= 0 || (!wall && (first > last || last > sim->mono + sim->wall_offset)))
        sim_break("O5", "a line of the ledger was seen from %lld to %lld", (long long)first,
                  (long long)last);
    if (state == KEPT_REJECTED &&
        (sqlite3_column_int64(s, 9) < 1 || sqlite3_column_int64(s, 8) < last))
        sim_break("O5", "a row was refused, after %lld tries, and is tried again never",
                  (long long)sqlite3_column_int64(s, 9));
    if (kept_key(kept_text(s, 1), &id)) {
        keys[id / 64] |= (uint64_t)1 << id % 64;
        lines->of_model += sim->keys[id].read_valid;
    }
    if (eff_str_eq(kept_text(s, 3), r->run))
        lines->rows[state] += (uint64_t)sqlite3_column_int64(s, 2);
    else if (ambiguous)
        lines->ambiguous++;
    else if (!r->failed)
        sim_break("O5", "a line of the ledger is of a run before: state %d, %s", state,
                  (const char *)sqlite3_column_text(s, 1));
}

static void
kept_compare(const struct eff_report *r, const struct kept_lines *lines)
{
    uint64_t told[KEPT_STATES] = {0, r->rejected, r->held, r->invalid, r->pending}, all = 0,
             sum = 0;

    for (int i = 1; i < KEPT_STATES; i++) {
        all += told[i];
        sum += lines->rows[i];
        if (lines->ambiguous == 0 && told[i] != lines->rows[i])
            sim_break("O5",
                      "the ledger has lines for %llu rows of state %d, and the run tells of %llu",
                      (unsigned long long)lines->rows[i], i, (unsigned long long)told[i]);
    }
    if (all == 0 && lines->of_model > 0)
        sim_break("O5", "all was delivered, and the ledger has lines of %llu rows",
                  (unsigned long long)lines->of_model);
    if (sum > all || sum + 2 * lines->ambiguous < all)
        sim_break(
            "O5", "the ledger has lines for %llu rows, and %llu from before; the run tells of %llu",
            (unsigned long long)sum, (unsigned long long)lines->ambiguous, (unsigned long long)all);
}

static sqlite3_stmt *
kept_ask(const char *sql)
{
    sqlite3_stmt *s = NULL;
    sqlite3 *db = sim_vfs_seen();

    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
        sim_break("O14", "the state does not open: %s", sqlite3_errmsg(db));
    return s;
}

/* It came to sending, and ended in an orderly way. */
static bool
kept_had_plan(const struct eff_report *report)
{
    sqlite3_stmt *s =
        kept_ask("SELECT 1 FROM run WHERE id = ?1 AND state = 2 AND digest IS NOT NULL");
    bool had;

    sqlite3_bind_text(s, 1, report->run.ptr, (int)report->run.len, NULL);
    had = sqlite3_step(s) == SQLITE_ROW;
    sqlite3_finalize(s);
    return had;
}

void
sim_kept_ledger(const struct eff_report *report, uint64_t ret_keys[SIM_KEYS_WORDS])
{
    struct kept_lines lines = {0};
    sqlite3_stmt *s = kept_ask("SELECT state, key_json, rows, run, code, message, first_seen, last,"
                               " next_try, tries FROM ledger WHERE sync = ?1");

    sqlite3_bind_text(s, 1, sim->part->sync.ptr, (int)sim->part->sync.len, NULL);
    while (sqlite3_step(s) == SQLITE_ROW)
        kept_line(s, report, &lines, ret_keys);
    sqlite3_finalize(s);
    if (!report->failed || kept_had_plan(report))
        kept_compare(report, &lines);
}

/* ---- the files ---- */

static bool
kept_nothing_open(void)
{
    sqlite3_stmt *s = kept_ask("SELECT (SELECT count(*) FROM ledger)"
                               " + (SELECT count(*) FROM run WHERE state = 1)");
    bool nothing = sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int64(s, 0) == 0;

    sqlite3_finalize(s);
    return nothing;
}

/* Keys of those who were forgotten. */
static void
kept_forgotten(const char *path, const struct sim_text *text, const char *where)
{
    const char *at = text->ptr, *end = at + text->len, *next;
    int64_t id;

    for (; at && (next = memmem(at, (size_t)(end - at), SIM_KEY_END, sizeof(SIM_KEY_END) - 1));
         at = next + sizeof(SIM_KEY_END) - 1) {
        const char *start = next;

        while (start > text->ptr && *start != 'p' && next - start < 10)
            start--;
        if (sim_key_read((eff_str){start, (size_t)(next - start) + sizeof(SIM_KEY_END) - 1}, &id) &&
            id >= 0 && id < SIM_KEYS_MAX && sim->keys[id].forgotten)
            sim_break("O10", "row %lld was forgotten and is in %s %s", (long long)id, where, path);
    }
}

static bool
kept_has(const struct sim_text *text, const char *part)
{
    return text->len > 0 && memmem(text->ptr, text->len, part, strlen(part)) != NULL;
}

static bool
kept_any_forgotten(void)
{
    for (unsigned i = 0; i < sim->options.keys; i++)
        if (sim->keys[i].forgotten)
            return true;
    return false;
}

void
sim_kept_files(void)
{
    const struct sim_names *names = &sim->disk.names, *durable = &sim->disk.durable;
    bool forgotten = kept_any_forgotten();

    for (size_t i = 0; i < names->count; i++) {
        const struct sim_text *text = &names->at[i].inode->cache;

        if (names->at[i].inode == sim->rotten) /* with a bit turned over, one key may be another */
            continue;
        if (kept_has(text, SIM_TOKEN_START))
            sim_break("O9", "a token is in %s", names->at[i].path);
        if (forgotten)
            kept_forgotten(names->at[i].path, text, "the file");
    }
    for (size_t i = 0; forgotten && i < durable->count; i++)
        if (durable->at[i].inode != sim->rotten)
            kept_forgotten(durable->at[i].path, &durable->at[i].inode->platter,
                           "what is durable of");
}

/* What died there before it had a plan is swept when that sync runs again. */
static bool
kept_of_other(const char *path)
{
    const struct sim_part *other = &sim->parts[sim->part == &sim->parts[0]];
    size_t len = strlen("/p/state/");

    return strncmp(path + (strlen(path) < len ? 0 : len), other->sync.ptr, other->sync.len) == 0;
}

void
sim_kept_report(const struct eff_report *report)
{
    const struct sim_names *names = &sim->disk.names;

    for (size_t i = 0; i < report->problems_count; i++)
        if (eff_str_find(report->problems[i].message, EFF_STR(SIM_TOKEN_START)) != SIZE_MAX ||
            eff_str_find(report->problems[i].hint, EFF_STR(SIM_TOKEN_START)) != SIZE_MAX)
            sim_break("O9", "a token is told: %.*s", (int)report->problems[i].message.len,
                      report->problems[i].message.ptr);
    if (report->status != EFF_STATUS_OK || sim->disk_failed || !kept_nothing_open())
        return;
    for (size_t i = 0; i < names->count; i++)
        if (!kept_of_other(names->at[i].path) &&
            kept_has(&names->at[i].inode->cache, SIM_NOTE_START))
            sim_break("O9", "nothing is open, and a row's value is in %s", names->at[i].path);
}
