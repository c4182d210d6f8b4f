/*
 * Goal: the diff tells exactly what a naive comparison tells, in key order, and
 * the snapshot is exactly what was acknowledged, whatever the memory, the keys
 * and the order of the rows.
 * Method: seeded histories of several runs on one folder, each with its own
 * memory (from far too little to plenty), rows with duplicates and invalid ones,
 * mappings that change, partial reads, identities. After each run the changes
 * are compared one by one with those of sorted arrays, some are acknowledged,
 * and the new generation is compared entry by entry. The seed is printed.
 * covers: C6
 */
// links: base state diff testlib
// timeout: 300
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "diff/diff.h"
#include "lib/testos.h"

#define TEXT_MAX 24

struct known { /* what the model believes to be acknowledged */
    struct eff_entry entry;
    char identity[TEXT_MAX]; /* "" : none */
};

struct row {
    struct eff_hash128 key;
    uint64_t old, now;
    bool invalid, content;
    size_t serial;
};

struct model {
    struct testos world;
    char *folder;
    uint64_t seed, random;
    struct eff_arena arena;
    struct known *known;
    size_t known_count;
    bool identities; /* the newest generation keeps them */
    struct eff_hash128 *keys;
    size_t keys_count;
    struct row *rows;
    size_t rows_count;
    struct eff_diff_config config;
    struct eff_diff_counts expected;
    struct known *next; /* known after this run */
    size_t next_count;
};

static uint64_t
model_random(struct model *m)
{
    uint64_t z = m->random += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static size_t
model_below(struct model *m, size_t n)
{
    return n == 0 ? 0 : (size_t)(model_random(m) % n);
}

static void
model_ok(const struct model *m, enum eff_fault fault, const struct eff_err *err)
{
    if (fault != EFF_OK)
        fail_msg("seed %llu: %s (%s:%d)", (unsigned long long)m->seed, err->msg, err->file,
                 err->line);
}

#define MODEL_CHECK(m, condition)                                                                  \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("seed %llu: " #condition, (unsigned long long)(m)->seed);                     \
    } while (0)

static int
model_by_key(const void *a, const void *b)
{
    return eff_hash128_cmp(*(const struct eff_hash128 *)a, *(const struct eff_hash128 *)b);
}

static int
model_by_row(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = eff_hash128_cmp(x->key, y->key);

    return order != 0 ? order : x->serial < y->serial ? -1 : 1;
}

/* Keys as a hash gives them, and as nobody hopes: equal in all but the last bits. */
static struct eff_hash128
model_key(struct model *m, unsigned style)
{
    uint64_t a = model_random(m), b = model_random(m);

    switch (style) {
    case 0:
        return (struct eff_hash128){0, b % 512};
    case 1:
        return (struct eff_hash128){a % 4, b % 100};
    case 2:
        return (struct eff_hash128){UINT64_MAX - a % 3, UINT64_MAX - b % 50};
    case 3:
        return (struct eff_hash128){a << 60, b << 56};
    default:
        return (struct eff_hash128){a, b};
    }
}

static void
model_make_keys(struct model *m, size_t count)
{
    unsigned style = (unsigned)model_below(m, 8);
    size_t kept = 0;

    m->keys = eff_new(&m->arena, struct eff_hash128, count);
    for (size_t i = 0; i < count; i++)
        m->keys[i] = model_key(m, style);
    qsort(m->keys, count, sizeof(*m->keys), model_by_key);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || eff_hash128_cmp(m->keys[kept - 1], m->keys[i]) != 0)
            m->keys[kept++] = m->keys[i];
    m->keys_count = kept;
}

static const struct known *
model_find(const struct model *m, struct eff_hash128 key)
{
    size_t low = 0, high = m->known_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (eff_hash128_cmp(m->known[middle].entry.key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < m->known_count && eff_hash128_cmp(m->known[low].entry.key, key) == 0)
        return &m->known[low];
    return NULL;
}

/* Mostly what is known, so that there is something unchanged; sometimes a hot key. */
static void
model_make_rows(struct model *m)
{
    size_t chance_there = 1 + model_below(m, 100), chance_same = model_below(m, 101);
    size_t chance_twice = model_below(m, 3) == 0 ? 1 + model_below(m, 20) : 0;
    size_t chance_invalid = model_below(m, 3) == 0 ? 1 + model_below(m, 20) : 0;

    m->rows = eff_new(&m->arena, struct row, m->keys_count * 8 + 4000);
    m->rows_count = 0;
    for (size_t i = 0; i < m->keys_count; i++) {
        size_t times = model_below(m, 100) < chance_there;

        if (times == 1 && model_below(m, 100) < chance_twice)
            times += 1 + model_below(m, 6);
        if (times > 1 && model_below(m, 200) == 0 && m->rows_count < m->keys_count * 7)
            times += 2000; // one key very often
        if (m->rows_count + times > m->keys_count * 8 + 4000)
            times = 1;
        for (; times > 0; times--) {
            struct row *row = &m->rows[m->rows_count++];
            const struct known *known = model_find(m, m->keys[i]);

            row->key = m->keys[i];
            row->old = model_random(m) % 3;
            if (known != NULL && model_below(m, 100) < chance_same)
                row->old = known->entry.row;
            row->now = m->config.rebase ? model_random(m) : row->old;
            row->invalid = model_below(m, 100) < chance_invalid;
        }
    }
    for (size_t i = m->rows_count; i > 1; i--) { // in any order
        size_t j = model_below(m, i);
        struct row row = m->rows[i - 1];

        m->rows[i - 1] = m->rows[j];
        m->rows[j] = row;
    }
    for (size_t i = 0; i < m->rows_count; i++)
        m->rows[i].serial = i;
}

static size_t
model_content(const struct row *row, char *text)
{
    size_t len = (size_t)snprintf(text, 64, "%llx.%llx", (unsigned long long)row->key.lo,
                                  (unsigned long long)row->now);

    return row->now % 7 == 0 ? 0 : len; // empty content is content
}

static void
model_read(struct model *m, struct eff_diff *diff, bool snapshot_empty)
{
    struct eff_err err;
    char text[64];

    for (size_t i = 0; i < m->rows_count; i++) {
        struct row *row = &m->rows[i];
        eff_str content = EFF_STR_NONE;
        const struct known *known = model_find(m, row->key);

        if (row->invalid) {
            model_ok(m, eff_diff_add_invalid(diff, row->key, &err), &err);
            continue;
        }
        eff_diff_prefetch(diff, row->key);
        row->content = eff_diff_wants_content(diff, row->key, row->old);
        if (snapshot_empty || m->config.columns_added)
            MODEL_CHECK(m, row->content);
        else if (known != NULL && known->entry.row == row->old) // no false negatives
            MODEL_CHECK(m, !row->content);
        if (row->content)
            content = (eff_str){text, model_content(row, text)};
        model_ok(m, eff_diff_add(diff, row->key, row->old, row->now, content, &err), &err);
    }
}

static enum eff_change_kind
model_judge(struct model *m, const struct known *known, const struct row *rows, size_t count)
{
    struct eff_diff_counts *counts = &m->expected;

    counts->read += count;
    if (count == 0) {
        counts->removed += m->config.find_removed;
        return m->config.find_removed ? EFF_CHANGE_REMOVE : EFF_CHANGE_END;
    }
    if (count > 1) {
        counts->duplicates += count;
        counts->duplicate_groups++;
        return EFF_CHANGE_DUPLICATE;
    }
    if (rows->invalid) {
        counts->invalid++;
        return EFF_CHANGE_END;
    }
    if (known == NULL || known->entry.row != rows->old) {
        counts->added += known == NULL;
        counts->changed += known != NULL;
        counts->without_content += !rows->content;
        return known == NULL ? EFF_CHANGE_ADD : EFF_CHANGE_CHANGE;
    }
    if (m->config.columns_added) {
        counts->columns++;
        counts->without_content += !rows->content;
        return EFF_CHANGE_COLUMNS;
    }
    counts->unchanged++;
    return m->config.rebase ? EFF_CHANGE_REBASE : EFF_CHANGE_END;
}

static void
model_compare(struct model *m, const struct eff_change *change, enum eff_change_kind kind,
              const struct known *known, const struct row *rows, size_t count)
{
    char text[64];
    eff_str identity = EFF_STR_NONE;

    MODEL_CHECK(m, change->kind == kind);
    MODEL_CHECK(m, eff_hash128_cmp(change->key, count > 0 ? rows->key : known->entry.key) == 0);
    MODEL_CHECK(m, change->in_snapshot == (known != NULL));
    MODEL_CHECK(m, change->rows == (count > 1 ? count : 1));
    if (count == 1)
        MODEL_CHECK(m, change->row_hash == rows->now);
    else if (kind == EFF_CHANGE_REMOVE)
        MODEL_CHECK(m, change->row_hash == 0);
    if (count == 1 && rows->content && kind != EFF_CHANGE_REBASE) {
        MODEL_CHECK(m, change->content.ptr != NULL);
        MODEL_CHECK(m, eff_str_eq(change->content, (eff_str){text, model_content(rows, text)}));
    } else if (count <= 1) {
        MODEL_CHECK(m, change->content.ptr == NULL);
    }
    if (m->config.with_identities && m->identities && known != NULL && known->identity[0] != '\0' &&
        (kind == EFF_CHANGE_REMOVE || kind == EFF_CHANGE_CHANGE || kind == EFF_CHANGE_COLUMNS))
        identity = eff_str_of(known->identity);
    MODEL_CHECK(m, eff_str_eq(change->identity, identity));
    MODEL_CHECK(m, (change->identity.ptr == NULL) == (identity.ptr == NULL));
}

/* Acknowledge, or not, and more than once. Returns what the model then knows of the key. */
static void
model_acknowledge(struct model *m, struct eff_snapshot_writer *writer, struct eff_hash128 key,
                  enum eff_change_kind kind, const struct known *known, uint64_t row, bool with)
{
    struct known now = {.entry.key = key};
    bool there = known != NULL;
    struct eff_err err;

    if (there)
        now = *known;
    for (size_t times = kind == EFF_CHANGE_END || kind == EFF_CHANGE_DUPLICATE ? 0
                                                                               : model_below(m, 4);
         times > 0; times--) {
        if (kind == EFF_CHANGE_REMOVE || model_below(m, 4) == 0) {
            model_ok(m, eff_snapshot_remove(writer, key, &err), &err);
            there = false;
            now.identity[0] = '\0';
            continue;
        }
        now.entry.row = times == 1 ? row : model_random(m) % 3;
        if (model_below(m, 2) == 0) {
            snprintf(now.identity, sizeof(now.identity), "id%llx",
                     (unsigned long long)model_random(m) % 10000);
            model_ok(m, eff_snapshot_set(writer, &now.entry, eff_str_of(now.identity), &err), &err);
        } else {
            model_ok(m, eff_snapshot_set(writer, &now.entry, EFF_STR_NONE, &err), &err);
        }
        there = true;
    }
    if (!with)
        now.identity[0] = '\0';
    if (there)
        m->next[m->next_count++] = now;
}

/* All keys of both sides in order, each compared with the diff's next change. */
static void
model_walk(struct model *m, struct eff_diff *diff, struct eff_snapshot_writer *writer, bool with)
{
    size_t at = 0, old = 0;
    struct eff_change change;
    struct eff_err err;

    qsort(m->rows, m->rows_count, sizeof(*m->rows), model_by_row);
    while (at < m->rows_count || old < m->known_count) {
        const struct row *rows = &m->rows[at];
        const struct known *known = NULL;
        enum eff_change_kind kind;
        size_t count = 0;
        int order = at == m->rows_count     ? 1
                    : old == m->known_count ? -1
                                            : eff_hash128_cmp(rows->key, m->known[old].entry.key);

        if (order >= 0)
            known = &m->known[old++];
        while (order <= 0 && at < m->rows_count &&
               eff_hash128_cmp(m->rows[at].key, rows->key) == 0) {
            count++;
            at++;
        }
        kind = model_judge(m, known, rows, count);
        if (kind != EFF_CHANGE_END) {
            model_ok(m, eff_diff_next(diff, &change, &err), &err);
            model_compare(m, &change, kind, known, rows, count);
        }
        model_acknowledge(m, writer, count > 0 ? rows->key : known->entry.key, kind, known,
                          count > 0 ? rows->now : 0, with);
    }
    model_ok(m, eff_diff_next(diff, &change, &err), &err);
    MODEL_CHECK(m, change.kind == EFF_CHANGE_END);
    model_ok(m, eff_diff_next(diff, &change, &err), &err);
    MODEL_CHECK(m, change.kind == EFF_CHANGE_END);
    MODEL_CHECK(m, memcmp(eff_diff_counts(diff), &m->expected, sizeof(m->expected)) == 0);
}

/* The folder's newest generation holds exactly what the model knows. */
static void
model_verify(struct model *m, uint64_t generation)
{
    struct eff_multiset set = {0};
    struct eff_snapshot_cursor *cursor;
    const struct eff_entry *entries;
    struct eff_snapshot *snapshot;
    const eff_str *identities;
    size_t count, at = 0;
    struct eff_err err;

    model_ok(m, eff_snapshot_open(&m->world.os, m->folder, &m->arena, &snapshot, &err), &err);
    MODEL_CHECK(m, eff_snapshot_head(snapshot)->generation == generation);
    MODEL_CHECK(m, eff_snapshot_head(snapshot)->identities == m->identities);
    model_ok(m, eff_snapshot_cursor_open(snapshot, true, &m->arena, &cursor, &err), &err);
    for (;;) {
        model_ok(m, eff_snapshot_cursor_next(cursor, &count, &entries, &identities, &err), &err);
        if (count == 0)
            break;
        for (size_t i = 0; i < count; i++, at++) {
            MODEL_CHECK(m, at < m->known_count);
            MODEL_CHECK(m, memcmp(&entries[i], &m->known[at].entry, sizeof(entries[i])) == 0);
            MODEL_CHECK(m, eff_str_is(identities[i], m->known[at].identity));
            MODEL_CHECK(m, (identities[i].ptr == NULL) == (m->known[at].identity[0] == '\0'));
            eff_multiset_add(&set, entries[i]);
        }
    }
    MODEL_CHECK(m, at == m->known_count);
    MODEL_CHECK(m, eff_multiset_eq(&set, &eff_snapshot_head(snapshot)->entries));
    for (size_t i = 0; i < m->keys_count; i += 1 + model_below(m, 1 + m->keys_count / 100)) {
        const struct known *known = model_find(m, m->keys[i]);
        struct eff_entry entry;
        eff_str identity;
        bool found;

        model_ok(m, eff_snapshot_find(snapshot, m->keys[i], &found, &entry, NULL, &identity, &err),
                 &err);
        MODEL_CHECK(m, found == (known != NULL));
        if (found)
            MODEL_CHECK(m, entry.row == known->entry.row && eff_str_is(identity, known->identity));
    }
    eff_snapshot_close(snapshot);
}

static size_t
model_memory(struct model *m)
{
    static const size_t sizes[] = {0, 2000, 20000, 200000, 1 << 20, 16 << 20};

    return sizes[model_below(m, sizeof(sizes) / sizeof(sizes[0]))];
}

static void
model_run(struct model *m, bool last)
{
    struct eff_snapshot_writer *writer;
    struct eff_snapshot *snapshot;
    struct eff_snapshot_head head;
    struct eff_diff *diff;
    struct eff_err err = {0};
    bool with = model_below(m, 2) == 0;

    m->config = (struct eff_diff_config){
        .os = &m->world.os,
        .scratch_folder = m->folder,
        .memory_bytes = model_memory(m),
        .rows_expected = model_below(m, 2) ? -1 : (int64_t)model_below(m, 1 << model_below(m, 30)),
        .rebase = model_below(m, 4) == 0,
        .find_removed = model_below(m, 4) != 0,
        .with_identities = model_below(m, 2) == 0,
    };
    m->config.columns_added = model_below(m, 6) == 0;
    m->config.rebase |= m->config.columns_added;
    m->expected = (struct eff_diff_counts){0};
    model_make_rows(m);
    m->next = eff_new(&m->arena, struct known, m->keys_count);
    m->next_count = 0;
    model_ok(m, eff_snapshot_open(&m->world.os, m->folder, &m->arena, &snapshot, &err), &err);
    model_ok(m, eff_diff_open(&m->config, snapshot, &m->arena, &diff, &err), &err);
    model_ok(m,
             eff_snapshot_writer_open(&m->world.os, m->folder, snapshot, NULL, 0, with,
                                      model_memory(m), &m->arena, &writer, &err),
             &err);
    model_read(m, diff, m->known_count == 0);
    model_walk(m, diff, writer, with);
    eff_diff_close(diff);
    model_ok(m, eff_snapshot_commit(writer, &head, &err), &err);
    eff_snapshot_writer_close(writer);
    eff_snapshot_close(snapshot);
    model_ok(m,
             eff_snapshot_sweep(&m->world.os, m->folder, last ? UINT64_MAX : head.generation,
                                m->arena, &err),
             &err);
    m->identities = with;
    m->known = m->next;
    m->known_count = m->next_count;
    model_verify(m, head.generation);
    MODEL_CHECK(m, m->world.open_files == 0);
}

static void
model_history(uint64_t seed, size_t keys_max, int runs, char *folder)
{
    struct model m = {.seed = seed, .random = seed, .folder = folder};

    testos_init(&m.world, seed);
    eff_arena_init(&m.arena, "test", ((size_t)64 << 20) + keys_max * 4000);
    model_make_keys(&m, 1 + model_below(&m, keys_max));
    for (int run = 0; run < runs; run++)
        model_run(&m, run + 1 == runs);
    eff_arena_deinit(&m.arena);
    testos_remove(folder);
}

static uint64_t
model_first_seed(void)
{
    const char *text = getenv("EFF_SEED");

    return text == NULL ? 1 : strtoull(text, NULL, 10);
}

static void
test_small_histories(void **state)
{
    uint64_t first = model_first_seed();
    char *folder = testos_folder();

    (void)state;
    for (uint64_t seed = first; seed < first + 1500; seed++)
        model_history(seed, 60, 4, folder);
    free(folder);
}

static void
test_histories_that_spill_and_split(void **state)
{
    uint64_t first = model_first_seed();
    char *folder = testos_folder();

    (void)state;
    for (uint64_t seed = first; seed < first + 25; seed++)
        model_history(seed, 30000, 3, folder);
    free(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_histories),
        cmocka_unit_test(test_histories_that_spill_and_split),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
