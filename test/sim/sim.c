/*
 * test/sim/sim: a seed's options, its lives, the storm and the calm.
 *
 * covers: A1, A2, A3, A5, A6, A7, A8, A9, A10, A11, A12, A14, A15, A16, B1, B7, B9, B10, B21, C1, C2, C3, C7, E2, E6, F1, F2, F3, F6, G4, H1, H3, H6, H7
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "run/remember.h"
#include "sim/sim.h"

struct sim *sim;

const char *const sim_fault_names[SIM_FAULTS] = {
    "kill",  "power", "enospc", "eio",     "stop",   "not-sent", "lost",    "5xx",      "rate",
    "cut",   "odd",   "token",  "poison",  "locked", "whole",    "outage",  "cut-read", "shrink",
    "twice", "null",  "revert", "human",   "drift",  "wall",     "late",    "stored",   "down",
    "rot",   "two",   "race",   "restore", "quota",  "sway",     "crumble", "forget"};
const char *const sim_class_names[SIM_CLASSES] = {"converge", "keyed", "keyed-batch", "lookup",
                                                  "look",     "blind", "keyed-upsert"};

/* ---- events ---- */

static void
event_mix(uint64_t value)
{
    sim->trace_hash = (sim->trace_hash ^ value) * 0x100000001b3u;
    sim->trace_hash ^= sim->trace_hash >> 29;
}

void
sim_event(const char *what, const char *name, int64_t a, int64_t b)
{
    sim->events++;
    for (const char *c = what; *c; c++)
        event_mix((unsigned char)*c);
    event_mix((uint64_t)a);
    event_mix((uint64_t)b);
    event_mix((uint64_t)sim->mono);
    sim_note("%8llu %10lld %s %s %lld %lld\n", (unsigned long long)sim->life_effects,
             (long long)sim->mono, what, name ? name : "", (long long)a, (long long)b);
}

void
sim_note(const char *format, ...)
{
    va_list list;

    if (sim->trace == NULL)
        return;
    va_start(list, format);
    vfprintf(sim->trace, format, list);
    va_end(list);
}

void
sim_break(const char *oracle, const char *format, ...)
{
    va_list list;
    int len;

    if (sim->broken)
        return;
    sim->broken = true;
    sim->broken_oracle = oracle;
    len = snprintf(sim->broken_what, sizeof(sim->broken_what), "%s in run %u: ", oracle, sim->run);
    va_start(list, format);
    vsnprintf(sim->broken_what + len, sizeof(sim->broken_what) - (size_t)len, format, list);
    va_end(list);
    sim_note("BROKEN %s\n", sim->broken_what);
}

void
sim_die(void)
{
    longjmp(sim->life, 1);
}

void
sim_effect(const char *what, const char *name, int64_t a, int64_t b)
{
    if (!sim->alive)
        return;
    sim->effects++;
    sim->life_effects++;
    sim_event(what, name, a, b);
    if (strstr(what, "sync")) {
        sim->life_syncs++;
        if (sim->death_sync && --sim->death_sync == 0)
            sim->death_at = sim->life_effects;
    }
    if (sim->death_at && sim->life_effects == sim->death_at) {
        sim_event("DEATH", sim->death == SIM_DEATH_POWER ? "power" : "kill", 0, 0);
        sim_die();
    }
}

bool
sim_disk_fails(int *ret_errno)
{
    if (!sim->alive || !sim->fail_at || sim->life_effects < sim->fail_at)
        return false;
    sim->fail_at = 0;
    sim->disk_failed = true;
    *ret_errno = sim->fail_errno;
    sim_event("disk-fails", strerror(sim->fail_errno), 0, 0);
    return true;
}

/* ---- clock and chance for the engine ---- */

static int64_t
os_mono(void *self)
{
    (void)self;
    return sim->mono;
}

static int64_t
os_wall(void *self)
{
    (void)self;
    return sim->mono + sim->wall_offset;
}

static void
os_random(void *self, void *ptr, size_t len)
{
    (void)self;
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)ptr)[i] = (unsigned char)sim_next(&sim->engine);
}

/* ---- options ---- */

static void
options_derive(struct sim_options *o, struct sim_rand *rand)
{
    static const enum sim_class classes[] = {SIM_CONVERGE,     SIM_CONVERGE,    SIM_CONVERGE,
                                             SIM_CONVERGE,     SIM_KEYED,       SIM_KEYED_BATCH,
                                             SIM_LOOKUP,       SIM_BLIND,       SIM_LOOK,
                                             SIM_KEYED_UPSERT, SIM_KEYED_UPSERT};
    unsigned calm = (unsigned)sim_between(rand, 20, 80);
    struct sim_rand apart = {o->seed * 0xd1342543de82ef95u +
                             1}; /* leaves the other stories alone */

    o->backs_up_open = o->seed % 2 == 0;
    o->keys = (unsigned)sim_between(rand, 20, sim_chance(rand, 15) ? SIM_KEYS_MAX : 90);
    o->runs = (unsigned)sim_between(rand, 8, 22);
    o->class = classes[sim_below(rand, sizeof(classes) / sizeof(classes[0]))];
    o->on[SIM_F_DOWN] = sim_chance(&apart, 4);
    o->flaky = o->on[SIM_F_DOWN] && sim_chance(&apart, 50);
    if (o->flaky) { /* one that would try again and again */
        o->class = SIM_KEYED_UPSERT;
        o->keys = SIM_KEYS_MAX;
    }
    o->removes = o->class == SIM_CONVERGE && sim_chance(rand, 70);
    o->mode = o->class == SIM_BLIND          ? EFF_MODE_APPEND
              : o->class == SIM_KEYED_UPSERT ? EFF_MODE_UPSERT
              : o->class != SIM_CONVERGE     ? EFF_MODE_INSERT
              : o->removes                   ? EFF_MODE_MIRROR
                                             : EFF_MODE_UPSERT;
    o->describes = sim_chance(rand, 40);
    o->logs_in = sim_chance(rand, 40);
    o->lanes = (unsigned)sim_below(rand, 2);
    o->batch = (unsigned)sim_below(rand, 3);
    o->window_ms = (int64_t)3600 * 1000 * (o->class == SIM_KEYED_UPSERT ? 24 * 365 : 1);
    o->mismatch = (int)sim_below(rand, 3);
    if (o->class == SIM_KEYED_UPSERT && sim_chance(&apart, 50))
        o->mismatch = 1; /* else few seeds leave older values behind a yes */
    o->blind_twice = sim_chance(rand, 40);
    for (int i = 0; i < SIM_F_DOWN; i++)
        o->on[i] = sim_chance(rand, calm);
    o->on[SIM_F_DRIFT] = o->on[SIM_F_DRIFT] && o->describes && o->class == SIM_CONVERGE;
    if (o->class == SIM_KEYED_UPSERT)
        o->on[SIM_F_OUTAGE] = sim_chance(&apart, 70);
    o->reads = (o->class == SIM_KEYED || o->class == SIM_KEYED_BATCH) && sim_chance(rand, 50);
    o->on[SIM_F_HUMAN] =
        o->on[SIM_F_HUMAN] && o->class != SIM_LOOK && o->class != SIM_KEYED_UPSERT && !o->reads;
    o->on[SIM_F_WALL] = o->on[SIM_F_WALL] && o->class != SIM_KEYED && o->class != SIM_KEYED_BATCH &&
                        o->class != SIM_KEYED_UPSERT;
    /*
     * The bound is one of the wall clock. Appends, creates that are looked for, and creates that
     * are refused after an answer was lost, are not held by it.
     */
    o->on[SIM_F_LATE] = o->on[SIM_F_LATE] && !o->on[SIM_F_WALL] && o->class != SIM_LOOK &&
                        o->class != SIM_BLIND && (o->class == SIM_CONVERGE || !o->on[SIM_F_POISON]);
    o->on[SIM_F_LOST] = o->on[SIM_F_LOST] || o->on[SIM_F_LATE];
    o->on[SIM_F_TOKEN] = o->on[SIM_F_TOKEN] && o->logs_in;
    o->on[SIM_F_ROT] = sim_chance(&apart, 30);
    o->on[SIM_F_TWO] = sim_chance(&apart, 25);
    /* A request that is applied long after it was given up meets its own repetition. */
    o->on[SIM_F_RACE] = sim_chance(&apart, 50) && o->class == SIM_CONVERGE && !o->on[SIM_F_LATE];
    /*
     * What may come late is forgotten with the rest, and what was created a while ago is not found
     * yet by a search that is behind; a mark that cannot be written says
     * nothing, nor is there one of a sync that had not run when the backup was made.
     */
    o->on[SIM_F_RESTORE] = sim_chance(&apart, 60) && !o->on[SIM_F_LATE] && !o->on[SIM_F_ROT] &&
                           !o->on[SIM_F_TWO] && o->class != SIM_KEYED_UPSERT;
    o->on[SIM_F_QUOTA] = sim_chance(&apart, 10);
    o->on[SIM_F_SWAY] = sim_chance(&apart, 40) && o->removes;
    if (o->on[SIM_F_SWAY])
        o->on[SIM_F_REVERT] = true;
    if (o->removes && sim_chance(&apart, o->on[SIM_F_SWAY] ? 60 : 30)) {
        o->on[SIM_F_LATE] = o->on[SIM_F_LOST] = true;
        o->on[SIM_F_WALL] = o->on[SIM_F_RACE] = o->on[SIM_F_RESTORE] = false;
    }
    o->on[SIM_F_CRUMBLE] = sim_chance(&apart, 30);
    o->on[SIM_F_FORGET] = sim_chance(&apart, 40);
    if (o->on[SIM_F_CRUMBLE])
        o->on[SIM_F_KILL] = o->on[SIM_F_POWER] = true;
    if (o->on[SIM_F_RESTORE])
        o->on[SIM_F_ENOSPC] = o->on[SIM_F_EIO] = false;
    if (o->on[SIM_F_RESTORE] && o->backs_up_open)
        o->on[SIM_F_KILL] = true;
    if (o->flaky) /* its first run lasts */
        o->on[SIM_F_KILL] = o->on[SIM_F_POWER] = o->on[SIM_F_ENOSPC] = o->on[SIM_F_EIO] =
            o->on[SIM_F_STOP] = o->on[SIM_F_CRUMBLE] = o->on[SIM_F_TWO] = o->on[SIM_F_CUT_READ] =
                o->on[SIM_F_SHRINK] = o->on[SIM_F_QUOTA] = o->on[SIM_F_OUTAGE] = o->on[SIM_F_LOST] =
                    o->on[SIM_F_POISON] = o->on[SIM_F_STORED] = false;
}

static void
options_lessen(struct sim_options *o, const struct sim_less *less)
{
    if (less->keys && less->keys < o->keys)
        o->keys = less->keys;
    if (less->runs && less->runs < o->runs)
        o->runs = less->runs;
    for (int i = 0; i < SIM_FAULTS; i++)
        o->on[i] = o->on[i] && !less->off[i];
}

/* ---- the project ---- */

static void
project_make(struct sim *s)
{
    static const eff_str key[] = {EFF_STR("id")};
    static const struct eff_field_conf fields[] = {
        {.name = EFF_STR("score"), .from = EFF_STR("score")},
        {.name = EFF_STR("note"), .from = EFF_STR("note")}};
    static struct eff_kind_desc source_kind = {.user = &sim_source_ops};

    s->source_conf = (struct eff_source_conf){.name = EFF_STR("s"), .kind = &source_kind};
    sim_dest_open(&s->process);
    s->sync = (struct eff_sync_conf){
        .source = &s->source_conf,
        .model_kind = EFF_MODEL_SQL,
        .model = EFF_STR("SELECT 1"),
        .key_count = 1,
        .key = key,
        .dest = &s->dest_conf,
        .object = EFF_STR("things"),
        .mode = s->options.mode,
        .fields_count = 2,
        .fields = fields,
        .on_removed = s->options.removes ? EFF_REMOVED_DELETE : EFF_REMOVED_KEEP,
        .guard_removed_percent = 10,
        .guard_removed_rows = -1,
        .guard_changed_percent = -1,
        .guard_rejected_percent = s->options.seed % 3 == 0 ? 20 : 100,
        .enabled = true,
        .memory_bytes = 16 << 20,
        .blind_twice = s->options.blind_twice,
    };
    s->project = (struct eff_project){
        .name = EFF_STR("p"), .root = EFF_STR("/p"), .state = EFF_STR("/p/state")};
    if (s->options.on[SIM_F_RESTORE])
        s->project.marks = EFF_STR("/u");
}

/* ---- one life ---- */

static void
life_run(void)
{
    struct eff_run_options options = {.limit = -1};

    eff_run_sync(&sim->project, &sim->sync, &sim->os, &options, &sim->process, &sim->report);
}

static void
life_approve(void)
{
    struct eff_err err = {0};
    struct eff_arena arena = {0};
    eff_str digest = eff_str_copy(&sim->parse, sim->report.plan);

    eff_arena_init(&arena, "approve", (size_t)64 << 20);
    eff_run_remember(&sim->project, &sim->os, &sim->report,
                     &arena); /* as who started the run does */
    if (eff_run_approve(&sim->project, &sim->sync, &sim->os, digest, &arena, &err) != EFF_OK)
        sim_break("O13", "approve: %s", err.msg);
    eff_arena_deinit(&arena);
}

static void
life_forget(void)
{
    struct eff_err err = {0};
    struct eff_arena arena = {0};
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    eff_str key = eff_str_printf(&sim->parse, SIM_KEY_FORMAT, (long long)sim->forget);

    eff_arena_init(&arena, "forget", (size_t)64 << 20);
    sim->forget_fault =
        eff_run_forget(&sim->project, &sim->sync, &sim->os, key, true, &arena, &w, &err);
    sim_note("      forget: %s\n", err.msg);
    eff_buf_free(&buf);
    eff_arena_deinit(&arena);
}

/* Runs in a process of its own; false when it died. */
static bool
life(void (*body)(void), size_t *ret_leaked)
{
    volatile bool died = false;

    sqlite3_randomness(0, NULL); /* seeded by the world anew */
    sim_memory_begin();
    sim->alive = true;
    sim->life_effects = sim->life_syncs = 0;
    sim->idle_since = sim->mono;
    sim->disk_failed = false;
    if (setjmp(sim->life) == 0)
        body();
    else
        died = true;
    sim->alive = false;
    *ret_leaked = sim_memory_end();
    return !died;
}

/* Where: at one of the last commits of a run and early in what is resumed, where that crumbles. */
static void
life_death(struct sim_rand *rand)
{
    bool crumble = sim->options.on[SIM_F_CRUMBLE];

    if (crumble && sim->death == SIM_DEATH_KILL && sim->whole_syncs > 2 && sim_chance(rand, 60))
        sim->death_sync = sim->whole_syncs - sim_below(rand, 3);
    else if (crumble && sim->death == SIM_DEATH_POWER && sim_chance(rand, 60))
        sim->death_at = 1 + sim_below(rand, 12);
    else if (sim_chance(rand, 30))
        sim->death_sync = 1 + sim_below(rand, 14);
    else
        sim->death_at = 1 + sim_below(rand, sim_chance(rand, 30) ? 400 : 130);
}

/* What goes wrong in this life: the disk at one call, or all of it. */
static void
life_plan(void)
{
    const bool *on = sim->options.on;
    struct sim_rand *rand = &sim->faults;

    sim->death_at = sim->death_sync = sim->fail_at = sim->stop_at = 0;
    sim->shrink = 0;
    sim->cut_at = 0;
    if (sim->calm)
        return;
    if ((on[SIM_F_KILL] || on[SIM_F_POWER]) && sim_chance(rand, on[SIM_F_CRUMBLE] ? 80 : 45)) {
        bool power = on[SIM_F_CRUMBLE]
                         ? sim->death == SIM_DEATH_KILL
                         : on[SIM_F_POWER] && (!on[SIM_F_KILL] || sim_chance(rand, 50));

        sim->death = power ? SIM_DEATH_POWER : SIM_DEATH_KILL;
        life_death(rand);
    }
    if ((on[SIM_F_ENOSPC] || on[SIM_F_EIO]) && sim_chance(rand, 25)) {
        bool full = on[SIM_F_ENOSPC] && (!on[SIM_F_EIO] || sim_chance(rand, 50));

        sim->fail_errno = full ? ENOSPC : EIO;
        sim->fail_at = 1 + sim_below(rand, 150);
    }
    if (on[SIM_F_STOP] && sim_chance(rand, 12))
        sim->stop_at = 20 + sim_below(rand, 150);
    if (on[SIM_F_SHRINK] && sim_chance(rand, 20))
        sim->shrink = sim_chance(rand, 30) ? 100 : (unsigned)sim_between(rand, 1, 60);
    if (on[SIM_F_CUT_READ] && sim_chance(rand, 15))
        sim->cut_at = 1;
    if (on[SIM_F_ROT] && sim_chance(rand, 15))
        sim_disk_rot(rand);
}

static void
world_gap(void)
{
    static const int64_t gaps[] = {1000, 60000, 1800000, 7200000, 86400000};
    int64_t gap = sim_between(&sim->world, 1, gaps[sim_below(&sim->world, 5)]);

    if (!sim->options.on[SIM_F_LATE] && gap < 61000)
        gap = 61000; /* what is on the wire has arrived by then */
    if (sim->options.on[SIM_F_LATE] && sim_chance(&sim->world, 50))
        gap = sim_between(&sim->world, 1, SIM_LATE_MS); /* within the bound, so that it matters */
    if (sim->options.class == SIM_KEYED_UPSERT && sim->outage && sim_chance(&sim->world, 70))
        gap = sim_between(&sim->world, 61000, 1800000); /* before the search finds what was done */
    sim_net_settle(sim->mono + gap);
    if (sim->options.on[SIM_F_WALL] && sim_chance(&sim->world, 30))
        sim->wall_offset += sim_between(&sim->world, -86400000, 86400000);
}

static void
counts_note(const char *name, const struct eff_counts *c)
{
    sim_note("      %s: planned %llu, delivered %llu, rejected %llu, held %llu, pending %llu\n",
             name, (unsigned long long)c->planned, (unsigned long long)c->delivered,
             (unsigned long long)c->rejected, (unsigned long long)c->held,
             (unsigned long long)c->pending);
}

static void
report_note(const struct eff_report *r)
{
    struct eff_counts now = {.planned = r->planned,
                             .delivered = r->delivered,
                             .rejected = r->rejected,
                             .held = r->held,
                             .pending = r->pending};

    sim_note(
        "      read %llu: %llu unchanged, %llu added, %llu changed, %llu invalid; %llu removed\n",
        (unsigned long long)r->read, (unsigned long long)r->unchanged, (unsigned long long)r->added,
        (unsigned long long)r->changed, (unsigned long long)r->invalid,
        (unsigned long long)r->removed);
    counts_note("this run", &now);
    if (r->has_resumed)
        counts_note("resumed", &r->resumed);
    for (size_t i = 0; i < r->problems_count; i++)
        sim_note("      problem: %.*s\n", (int)r->problems[i].message.len,
                 r->problems[i].message.ptr);
}

/* What lies on the disk when its process is dead. */
static void
life_lost(void)
{
    sim_disk_death(&sim->disk, sim->death == SIM_DEATH_POWER, &sim->faults);
    sim_vfs_death();
}

static void
run_once(struct sim_part *part)
{
    size_t leaked;
    bool lived;

    sim->run++;
    sim->part = part;
    sim->sync.name = part->sync;
    sim_event("RUN", part->sync.ptr, sim->run, part->first);
    life_plan();
    sim_oracle_start();
    eff_arena_reset(&sim->process);
    sim->report = (struct eff_report){0};
    lived = life(life_run, &leaked);
    sim->died = !lived;
    sim->killed = !lived && sim->death == SIM_DEATH_KILL;
    if (!lived)
        life_lost();
    if (lived && !sim->report.failed)
        sim->whole_syncs = sim->life_syncs;
    sim_oracle_run(!lived, leaked);
    sim_disk_mend();
    if (lived && !sim->report.failed && sim->report.pending == 0 && sim->removed_now > 0)
        sim->part->approved = false; /* what was approved is done */
    if (sim->read_complete && !sim->report.plan.ptr &&
        (sim->part->null_keys > sim->part->null_base || (lived && !sim->report.failed)))
        sim->part->null_base = sim->part->null_keys;
    sim_net_death();
    if (lived)
        sim_event("report", eff_status_name(sim->report.status), (int64_t)sim->report.planned,
                  (int64_t)sim->report.delivered);
    if (lived)
        report_note(&sim->report);
    if (!lived)
        sim->report = (struct eff_report){0};
}

static void
approve_once(void)
{
    size_t leaked;

    sim->death_at = sim->death_sync = sim->fail_at = sim->stop_at = 0;
    eff_arena_reset(&sim->parse);
    life(life_approve, &leaked);
    sim->part->approved = true;
    sim_event("approved", NULL, 0, 0);
}

/* A row that the last run told of; false: it told of none. */
static bool
forget_told(const struct sim_part *part, unsigned *ret_id)
{
    for (size_t i = 0; i < sim->report.problems_count; i++) {
        const struct eff_run_problem *problem = &sim->report.problems[i];
        bool hint = eff_str_find(problem->hint, EFF_STR(SIM_KEY_END)) < SIZE_MAX;
        eff_str text = hint ? problem->hint : problem->message;
        size_t end = eff_str_find(text, EFF_STR(SIM_KEY_END));
        int64_t id;

        for (size_t at = 0; end < SIZE_MAX && at < end; at++)
            if (sim_key_read(eff_str_sub(text, at, end + sizeof(SIM_KEY_END) - 1 - at), &id) &&
                id >= part->first && id < part->end) {
                *ret_id = (unsigned)id;
                return true;
            }
    }
    return false;
}

/* Some row of the sync; most often one of which something is kept or told. */
static unsigned
forget_whom(const struct sim_part *part)
{
    unsigned count = part->end - part->first, at = (unsigned)sim_below(&sim->world, count), told;

    if (sim_chance(&sim->world, 50) && forget_told(part, &told))
        return told;
    for (unsigned i = 0; sim_chance(&sim->world, 97) && i < count; i++) {
        unsigned id = part->first + (at + i) % count;
        const struct sim_key *key = &sim->keys[id];

        if (key->there && (key->twice || sim_poisoned(key->version)))
            return id;
    }
    return part->first + at;
}

/* A person asks, and the command is repeated until it ends well, or for now; not while a run is open. */
static void
forget_once(struct sim_part *part)
{
    unsigned most = sim_chance(&sim->world, sim->options.removes ? 60 : 30) ? 1 : 5;
    struct sim_key *key;
    bool asked;

    if (!sim->options.on[SIM_F_FORGET] || !sim_chance(&sim->world, 30))
        return;
    sim->forget = forget_whom(part);
    key = &sim->keys[sim->forget];
    asked = key->asked;
    for (unsigned i = 0; i < most && !sim->broken; i++) {
        size_t leaked;
        bool lived;

        life_plan();
        sim_disk_mend();
        if (i == 0 && (sim->options.on[SIM_F_KILL] || sim->options.on[SIM_F_POWER]) &&
            sim_chance(&sim->faults, 80))
            sim->death_at = 1 + sim_below(&sim->faults, 40); /* it has few effects */
        eff_arena_reset(&sim->parse);
        sim_event("forget", NULL, sim->forget, i);
        key->asked = true;
        lived = life(life_forget, &leaked);
        if (!lived)
            life_lost();
        else if (leaked > 0)
            sim_break("O11", "%zu blocks of memory were not given back", leaked);
        if (!lived || (sim->disk_failed && sim->forget_fault != EFF_OK))
            continue;
        key->asked = asked || i > 0 || sim->forget_fault == EFF_OK;
        key->forgotten = key->forgotten || sim->forget_fault == EFF_OK;
        break;
    }
    sim_event("forgotten", NULL, sim->forget, key->forgotten);
    sim_kept_files();
}

/* ---- one seed ---- */

static void
world_parts(void)
{
    unsigned keys = sim->options.keys, first = sim->options.on[SIM_F_TWO] ? keys / 2 : keys;

    sim->parts[0] = (struct sim_part){.sync = EFF_STR("rows"), .end = first};
    sim->parts[1] = (struct sim_part){.sync = EFF_STR("more"), .first = first, .end = keys};
}

/* Whose turn it is. */
static struct sim_part *
world_part(void)
{
    return &sim->parts[sim->options.on[SIM_F_TWO] && sim_chance(&sim->world, 50)];
}

static void
world_make(void)
{
    sim->os.self = sim;
    sim->os.mono_ms = os_mono;
    sim->os.wall_ms = os_wall;
    sim->os.random = os_random;
    sim_disk_init(&sim->os);
    sim_net_init(&sim->os);
    sim->wall_offset = 1767225600000;
    sim->quota = (unsigned)sim->options.seed % 50 + 5;
    for (unsigned i = 0; i < sim->options.keys; i++)
        if (sim_chance(&sim->world, sim->options.flaky ? 100 : 70)) {
            sim->keys[i].there = true;
            sim->keys[i].version = sim->version_last += 2;
        }
    for (int64_t i = 0; i < 5; i++) {
        struct sim_record *record = &sim->records[sim->records_count++];

        *record = (struct sim_record){.id = SIM_FOREIGN + i, .score = i, .used = true};
    }
    world_parts();
    project_make(sim);
}

static void
world_check_foreign(void)
{
    for (size_t i = 0; i < 5; i++)
        if (!sim->records[i].used || sim->records[i].id != SIM_FOREIGN + (int64_t)i ||
            sim->records[i].score != (int64_t)i)
            sim_break("O3", "a record of others was touched");
}

/* An hour in which the destination is down, or answers now and then; runs are started again and again. */
static void
storm_down(void)
{
    sim->down_until = sim->mono + 3600000;
    sim->down_percent = sim_chance(&sim->faults, 50) && !sim->options.flaky ? 100 : 40;
    sim_event("DOWN", NULL, (int64_t)sim->down_percent, 0);
    while (sim->mono < sim->down_until && !sim->broken) {
        sim_source_live();
        run_once(world_part());
        sim_net_settle(sim->mono + sim_between(&sim->faults, 61000, 300000));
    }
}

/* Before that, a state that is put back is a new one. */
static bool
storm_has_snapshot(void)
{
    for (size_t i = 0; i < sim->disk.names.count; i++)
        if (strstr(sim->disk.names.at[i].path, "/snapshot-"))
            return true;
    return false;
}

/* A copy is made now and then, with whatever lies there; and put back some time after. */
static void
storm_restore(void)
{
    bool open = sim->died && sim->options.backs_up_open;
    bool keeps = sim->options.backs_up_open && sim->backup.names.count > 0;

    if (!sim->options.on[SIM_F_RESTORE])
        return;
    if (storm_has_snapshot() && sim_chance(&sim->world, open ? 90 : keeps ? 3 : 25)) {
        sim_disk_copy("/p/state", &sim->backup);
    } else if (sim->backup.names.count > 0 &&
               sim_chance(&sim->world, keeps && !sim->died ? 50 : 15)) {
        sim_event("RESTORE", NULL, 0, 0);
        sim_vfs_death(); /* nobody has it open */
        sim_disk_put_back("/p/state", &sim->backup);
        sim->restored = sim->put_back = true;
        for (unsigned i = 0; i < sim->options.keys; i++)
            sim->keys[i].forgotten = false; /* the command is to be repeated then */
    }
}

/* What would make twins is not approved by anybody who has read why it is held. */
static bool
person_approves(void)
{
    return sim->report.plan.ptr && !(sim->restored && sim_makes_anew());
}

static void
storm(void)
{
    if (sim->options.on[SIM_F_DOWN])
        storm_down();
    for (unsigned i = 0; i < sim->options.runs && !sim->broken; i++) {
        if (i > 0)
            sim_source_live();
        sim_dest_live();
        run_once(world_part());
        if (person_approves() && sim->truthful && sim_chance(&sim->world, 50))
            approve_once();
        forget_once(sim->part);
        world_gap();
        storm_restore();
        world_check_foreign();
    }
}

static void
calm_down(void)
{
    sim->calm = true;
    sim->note_gone = false;
    sim->outage = false;
    for (unsigned i = 0; i < sim->options.keys; i++)
        sim->keys[i].twice = sim->keys[i].null_key = false;
}

/* A held plan costs one run more: the person has to see it first. */
static void
calm_part(struct sim_part *part)
{
    char why[512] = "";
    unsigned most = 3;

    for (unsigned i = 0; i < most && !sim->broken; i++) {
        sim_net_settle(sim->mono + (int64_t)25 * 3600 * 1000);
        run_once(part);
        if (sim->broken || sim_oracle_converged(why, sizeof(why)))
            return;
        if (person_approves()) {
            approve_once();
            most = 4;
        }
    }
    if (!sim->broken)
        sim_break("O13", "no convergence: %s", why);
}

static void
calm(void)
{
    calm_down();
    for (size_t i = 0; i < 2; i++)
        if (sim->parts[i].first < sim->parts[i].end)
            calm_part(&sim->parts[i]);
}

static void
sim_free(void)
{
    sim_disk_free(&sim->disk);
    sim_disk_free(&sim->backup);
    for (size_t i = 0; i < SIM_FLIGHTS_MAX; i++) {
        sim_keep(sim->flights[i].url.ptr, 0);
        sim_keep(sim->flights[i].body.ptr, 0);
        sim_keep(sim->flights[i].idem.ptr, 0);
        sim_keep(sim->flights[i].answer.ptr, 0);
    }
    sim_keep(sim->idems, 0);
}

bool
sim_seed(uint64_t seed, const struct sim_less *less, FILE *trace, uint64_t *ret_hash)
{
    struct sim_rand rand = {seed * 0x9e3779b97f4a7c15u + 1};
    struct eff_arena process = sim->process, parse = sim->parse;

    memset(sim, 0, sizeof(*sim));
    sim->process = process;
    sim->parse = parse;
    sim->trace = trace;
    sim->trace_hash = 0xcbf29ce484222325u;
    sim->options.seed = seed;
    options_derive(&sim->options, &rand);
    options_lessen(&sim->options, less);
    sim->world.state = sim_next(&rand);
    sim->faults.state = sim_next(&rand);
    sim->engine.state = sim_next(&rand);
    world_make();
    storm();
    calm();
    world_check_foreign();
    *ret_hash = sim->trace_hash;
    sim_free();
    return !sim->broken;
}
