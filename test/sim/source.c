/*
 * test/sim/source: the warehouse: one model with a key, a number and a text.
 *
 * A read sees one moment. It can be cut (an error in the middle), or be wrong with
 * success (rows missing), and rows can share a key or have none.
 */
#include "sim/sim.h"

#define SOURCE_ROWS_MAX (SIM_KEYS_MAX * 2)

struct source_row {
    int64_t id, version;
    bool null_key;
};

struct source {
    struct eff_source base;
    size_t count, at, cut_at; /* cut_at SIZE_MAX: it is not cut */
    struct source_row rows[SOURCE_ROWS_MAX];
    struct eff_value cells[SOURCE_ROWS_MAX * 3];
    struct eff_arena *arena;
};

static const struct eff_column source_columns[] = {{.name = EFF_STR("id"), .kind = EFF_TEXT},
                                                   {.name = EFF_STR("score"), .kind = EFF_INT},
                                                   {.name = EFF_STR("note"), .kind = EFF_TEXT}};

int64_t
sim_note_of(int64_t version)
{
    return version % 5 == 0 ? 0 : version % 97 + 1;
}

static enum eff_fault
source_query(struct eff_source *base, eff_str sql, struct eff_columns *ret_columns,
             struct eff_err *err)
{
    struct source *s = (struct source *)base;

    (void)sql;
    (void)err;
    s->at = 0;
    *ret_columns = (struct eff_columns){3, source_columns};
    return EFF_OK;
}

static void
source_fill(struct source *s)
{
    for (unsigned i = sim->part->first; i < sim->part->end; i++) {
        struct sim_key *key = &sim->keys[i];
        bool missing = sim->shrink > 0 && sim_chance(&sim->faults, sim->shrink);

        if (!key->there || missing)
            continue;
        s->rows[s->count++] = (struct source_row){i, key->version, key->null_key};
        if (key->twice)
            s->rows[s->count++] = (struct source_row){i, key->version + 1, false};
    }
    for (size_t i = s->count; i > 1; i--) { /* in any order */
        size_t j = (size_t)sim_below(&sim->world, i);
        struct source_row row = s->rows[i - 1];

        s->rows[i - 1] = s->rows[j];
        s->rows[j] = row;
    }
    s->cut_at = sim->cut_at ? (size_t)sim_below(&sim->faults, s->count + 1) : SIZE_MAX;
}

/* The engine has heard the end: from now on it may know what is gone. */
static void
source_told_all(const struct source *s)
{
    unsigned null_keys = 0;

    for (unsigned i = sim->part->first; i < sim->part->end; i++) {
        sim->keys[i].read = 0;
        sim->keys[i].read_valid = false;
    }
    for (size_t i = 0; i < s->count; i++) {
        struct sim_key *key = &sim->keys[s->rows[i].id];

        if (s->rows[i].null_key) {
            key->read = -1; /* there, but not to be known */
            null_keys++;
            continue;
        }
        key->read_valid = key->read == 0;
        key->read = s->rows[i].version;
    }
    for (unsigned i = sim->part->first; i < sim->part->end; i++)
        if (sim->keys[i].read == 0 || (sim->keys[i].read < 0 && null_keys <= sim->part->null_base))
            sim->keys[i].absent_read = true; /* only more rows without a key than before are odd */
    sim->read_complete = true;
    sim->rows_given = s->count;
    sim->truthful = sim->shrink == 0 && null_keys == 0;
    sim->part->null_keys = null_keys;
    sim_event("read-complete", NULL, (int64_t)s->count, 0);
}

static struct eff_value
source_note(struct source *s, int64_t version)
{
    int64_t note = sim_note_of(version);

    if (note == 0)
        return (struct eff_value){.kind = EFF_NULL};
    return eff_value_of_str(EFF_TEXT, eff_str_printf(s->arena, SIM_NOTE_FORMAT, (long long)note));
}

static eff_str
source_key(struct source *s, int64_t id)
{
    return eff_str_printf(s->arena, SIM_KEY_FORMAT, (long long)id);
}

bool
sim_key_read(eff_str text, int64_t *ret_id)
{
    size_t end = sizeof(SIM_KEY_END) - 1;

    return text.len > end + 1 && text.ptr[0] == 'p' && eff_str_ends(text, EFF_STR(SIM_KEY_END)) &&
           eff_str_int(eff_str_sub(text, 1, text.len - end - 1), ret_id);
}

static enum eff_fault
source_next(struct eff_source *base, struct eff_batch *ret_batch, struct eff_err *err)
{
    struct source *s = (struct source *)base;
    size_t rows = (size_t)sim_between(&sim->world, 1, 64);

    sim_effect("read", NULL, (int64_t)s->at, 0);
    sim->mono += sim_between(&sim->world, 1, 50);
    if (s->at >= s->cut_at)
        return EFF_FAIL(err, EFF_TRANSIENT, "the connection to the warehouse was lost");
    if (rows > s->count - s->at)
        rows = s->count - s->at;
    if (rows > s->cut_at - s->at)
        rows = s->cut_at - s->at;
    for (size_t i = 0; i < rows; i++) {
        const struct source_row *row = &s->rows[s->at + i];
        struct eff_value *cells = &s->cells[i * 3];

        cells[0] = row->null_key ? (struct eff_value){.kind = EFF_NULL}
                                 : eff_value_of_str(EFF_TEXT, source_key(s, row->id));
        cells[1] = eff_value_of_int(EFF_INT, row->version);
        cells[2] = source_note(s, row->version);
    }
    s->at += rows;
    *ret_batch = (struct eff_batch){rows, 3, s->cells};
    if (rows == 0 && s->at >= s->cut_at)
        return EFF_FAIL(err, EFF_TRANSIENT, "the connection to the warehouse was lost");
    if (rows == 0)
        source_told_all(s);
    return EFF_OK;
}

static void
source_close(struct eff_source *source)
{
    (void)source;
}

static enum eff_fault
source_open(const void *config, struct eff_os *os, struct eff_arena *run,
            struct eff_source **ret_source, struct eff_err *err)
{
    struct source *s = eff_new(run, struct source, 1);

    (void)config;
    (void)os;
    (void)err;
    s->base.ops = &sim_source_ops;
    s->arena = run;
    source_fill(s);
    *ret_source = &s->base;
    return EFF_OK;
}

const struct eff_source_ops sim_source_ops = {.kind = "sim",
                                              .open = source_open,
                                              .query = source_query,
                                              .next = source_next,
                                              .cancel = source_close,
                                              .close = source_close};

/* ---- between runs ---- */

static void
source_change(struct sim_key *key)
{
    bool can_revert = key->there && key->before > 0 && sim->options.class != SIM_BLIND;

    if (can_revert && sim->options.on[SIM_F_REVERT] && sim_chance(&sim->world, 30)) {
        int64_t before = key->before;

        key->before = key->version;
        key->version = before;
        return;
    }
    key->before = key->version;
    key->version = sim->version_last += 2; /* odd ones are those of twins */
}

static void
source_come_or_go(struct sim_key *key)
{
    if (key->there) {
        key->there = false;
        return;
    }
    key->there = true;
    if (key->version == 0 || sim->options.class == SIM_BLIND || !sim->options.on[SIM_F_REVERT] ||
        sim_chance(&sim->world, sim->options.on[SIM_F_SWAY] ? 15 : 50))
        source_change(key); /* else it comes back as it was */
}

static void
source_put_back(void)
{
    for (unsigned i = 0; i < sim->options.keys; i++) {
        struct sim_key *key = &sim->keys[i];

        if (sim->options.class != SIM_BLIND && key->there && key->before > 0 &&
            sim_chance(&sim->world, 50)) {
            int64_t before = key->before;

            key->before = key->version;
            key->version = before;
        }
    }
}

/* Created under a key, and not found yet: changes now, so that the key is sent with other values. */
static bool
source_is_fresh(int64_t id)
{
    const struct sim_record *record =
        sim->options.class == SIM_KEYED_UPSERT ? sim_record_find(id) : NULL;

    return record && record->found_from > sim->mono;
}

/* Few enough not to be held. */
static bool
source_gone_before_it_came(const struct sim_key *key, unsigned *gone)
{
    if (!key->under_way || !key->there || !sim_chance(&sim->world, 40))
        return false;
    ++*gone;
    return true;
}

void
sim_source_live(void)
{
    const bool *on = sim->options.on;
    unsigned changes = (unsigned)sim_below(&sim->world, 30),
             moves = (unsigned)sim_below(&sim->world, 8), gone = 0;

    if (on[SIM_F_SWAY])
        moves += 8;
    if (sim->put_back && sim_chance(&sim->world, 50)) /* and the warehouse with it */
        source_put_back();
    sim->put_back = false;
    if (on[SIM_F_LATE] && sim->options.removes)
        sim_dest_under_way();
    if (sim_chance(&sim->world, 15)) /* nothing happened */
        return;
    for (unsigned i = 0; i < sim->options.keys; i++) {
        struct sim_key *key = &sim->keys[i];

        if (sim_chance(&sim->world, moves) || (gone < 4 && source_gone_before_it_came(key, &gone)))
            source_come_or_go(key);
        else if (key->there && sim_chance(&sim->world, source_is_fresh(i) ? 60 : changes))
            source_change(key);
        key->twice = key->there && on[SIM_F_DUPLICATE] && !sim->calm && sim_chance(&sim->world, 2);
        key->null_key = key->there && on[SIM_F_NULL_KEY] && !key->twice && !sim->calm &&
                        sim_chance(&sim->world, key->null_key ? 70 : 1);
        key->under_way = false;
    }
}
