/*
 * test/sim/oracle: what must hold, told from the truth of both sides.
 *
 * O1 no lost row, O2 no twin, O3 no removal of a live key and no touch of records
 * of others, O4 the newest value at the end, O5 the accounting adds up and the
 * status is honest, O6 Retry-After and few retries, O7 a row is under way once, O8 nothing is sent
 * before the plan is durable, O11 files and memory are given back, O13 it converges, O14 the state
 * opens. What may be kept of a row, O9 and O10, and the lines of the ledger are kept.c's.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "sim/sim.h"

void
sim_oracle_start(void)
{
    sim->read_complete = false;
    sim->run_at = sim->mono;
    sim->truthful = false;
    sim->rows_given = 0;
    sim->removed_now = 0;
    sim->plan_seen = false;
    sim->present_at_start = 0;
    sim->not_before = 0;
    for (size_t i = 0; i < sim->records_count; i++)
        sim->present_at_start += sim->records[i].used && sim->records[i].ours;
}

/* ---- O8: the plan as it would be found if the power went now ---- */

/* ?1 is the sync. */
static int64_t
oracle_number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int64_t value = -1;

    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_bind_text(s, 1, sim->part->sync.ptr, (int)sim->part->sync.len, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return value;
}

static bool
oracle_change_file(const struct sim_names *names)
{
    char start[64];

    snprintf(start, sizeof(start), "/p/state/%s/changes-", sim->part->sync.ptr);
    for (size_t i = 0; i < names->count; i++)
        if (strncmp(names->at[i].path, start, strlen(start)) == 0)
            return true;
    return false;
}

static bool
oracle_plan_durable(bool marked)
{
    sqlite3 *db;
    bool good;

    sim_memory_aside(true);
    db = sim_vfs_platter();
    good = oracle_change_file(&sim->disk.durable) &&
           oracle_number(db, "SELECT count(*) FROM run WHERE state = 1 AND sync = ?1") == 1 &&
           (!marked || oracle_number(db, "SELECT count(*) FROM batch WHERE settled = 0 AND run IN"
                                         " (SELECT id FROM run WHERE sync = ?1)") > 0);
    sim_memory_aside(false);
    return good;
}

/* ---- while it runs ---- */

static void
oracle_keys(struct sim_flight *flight)
{
    const char *at = flight->body.ptr, *end = at + flight->body.len, *next;
    int64_t id;

    memset(flight->keys, 0, sizeof(flight->keys));
    for (; at && (next = memmem(at, (size_t)(end - at), SIM_KEY_END, sizeof(SIM_KEY_END) - 1));
         at = next + sizeof(SIM_KEY_END) - 1) {
        const char *start = next;

        while (start > flight->body.ptr && *start != 'p')
            start--;
        if (!sim_key_read((eff_str){start, (size_t)(next - start) + sizeof(SIM_KEY_END) - 1},
                          &id) ||
            id < 0 || id >= SIM_KEYS_MAX)
            continue;
        flight->keys[id / 64] |= (uint64_t)1 << id % 64;
        if (sim->keys[id].forgotten)
            sim_break("O10", "row %lld was forgotten and is in a request", (long long)id);
    }
}

static void
oracle_rows_in_flight(const struct sim_flight *flight)
{
    for (size_t i = 0; i < SIM_FLIGHTS_MAX; i++) {
        const struct sim_flight *other = &sim->flights[i];

        if (other == flight || !other->used || other == sim->handed || !other->rows ||
            other->ticket == 0)
            continue;
        for (size_t k = 0; k < SIM_KEYS_WORDS; k++)
            if (other->keys[k] & flight->keys[k])
                sim_break("O7", "a row is under way twice");
    }
}

#define SENT_MAX 8192 /* more than ten minutes' worth */

static struct sim_sent { /* a request that went */
    int64_t at;
    uint64_t print; /* of where and what */
    unsigned run;
    bool retry;  /* it had failed in this run before */
    bool failed; /* by now */
} oracle_sent[SENT_MAX];

static uint64_t
oracle_print(const struct sim_flight *flight)
{
    uint64_t print = 0xcbf29ce484222325u;

    for (size_t i = 0; i < flight->url.len; i++)
        print = (print ^ (unsigned char)flight->url.ptr[i]) * 0x100000001b3u;
    for (size_t i = 0; i < flight->body.len; i++)
        print = (print ^ (unsigned char)flight->body.ptr[i]) * 0x100000001b3u;
    return print;
}

/*
 * A retry is what goes again in the run in which it failed. Of the requests of any ten minutes a
 * tenth may be that, and 100 more: of one run, and of all runs while there is no answer but 503.
 */
static void
oracle_few_retries(struct sim_flight *flight)
{
    struct sim_sent now = {.at = sim->mono, .print = oracle_print(flight), .run = sim->run};
    bool down = sim->mono < sim->down_until && sim->down_percent == 100;
    uint64_t requests = 1, retries;

    for (uint64_t n = sim->sent_count; n > 0 && n + SENT_MAX > sim->sent_count; n--) {
        const struct sim_sent *sent = &oracle_sent[(n - 1) % SENT_MAX];

        if (sent->run != sim->run)
            break;
        if (sent->print != now.print)
            continue;
        now.retry = sent->failed;
        break;
    }
    retries = now.retry;
    for (uint64_t n = sim->sent_count; n > 0 && n + SENT_MAX > sim->sent_count; n--) {
        const struct sim_sent *sent = &oracle_sent[(n - 1) % SENT_MAX];

        if (sent->at < now.at - 600000 || (sent->run != now.run && !down))
            break;
        requests++;
        retries += sent->retry;
    }
    if (now.retry && retries * 10 > 1000 + requests)
        sim_break("O6", "%llu retries among %llu requests in ten minutes",
                  (unsigned long long)retries, (unsigned long long)requests);
    flight->sent = sim->sent_count;
    oracle_sent[sim->sent_count++ % SENT_MAX] = now;
}

void
sim_oracle_answered(const struct sim_flight *flight, const struct eff_response *response)
{
    oracle_sent[flight->sent % SENT_MAX].failed =
        response->wire != EFF_WIRE_ANSWERED || response->status >= 500 || response->status == 429;
}

void
sim_oracle_submit(struct sim_flight *flight, const struct eff_request *request)
{
    oracle_few_retries(flight);
    oracle_keys(flight);
    if (sim->mono < sim->not_before)
        sim_break("O6", "a request came %lld ms before Retry-After allows it",
                  (long long)(sim->not_before - sim->mono));
    if (!request->carries_rows)
        return;
    oracle_rows_in_flight(flight);
    if (!sim->plan_seen || sim->options.class != SIM_CONVERGE) {
        bool marked = sim->options.class != SIM_CONVERGE;
        bool look = sim_chance(&sim->world, sim->plan_seen ? 10 : 30) ||
                    (sim->killed && !sim->plan_seen); /* the plan may be that of the dead one */

        if (look && !oracle_plan_durable(marked))
            sim_break("O8", "rows were sent before the plan%s durable",
                      marked ? " and their mark were" : " was");
        sim->plan_seen = true;
    }
}

void
sim_oracle_removed(int64_t id, bool was_there)
{
    if (id >= SIM_FOREIGN || id >= sim->options.keys) {
        sim_break("O3", "record %lld is not ours and was removed", (long long)id);
        return;
    }
    sim->keys[id].late_at = 0;
    if (!sim->keys[id].absent_read)
        sim_break("O3", "record %lld was removed, and no complete read was without it",
                  (long long)id);
    if (!was_there || sim->part->approved)
        return;
    sim->removed_now++;
    /* 10 % or 5 at least, and the same again of a plan that was resumed; some went by hand. */
    if (sim->removed_now > 10 && sim->removed_now * 100 > 30 * (sim->part->end - sim->part->first))
        sim_break("O3", "%llu records were removed in one run, of %llu, without an approval",
                  (unsigned long long)sim->removed_now, (unsigned long long)sim->present_at_start);
}

void
sim_oracle_written(int64_t id)
{
    if (id >= sim->options.keys)
        return;
    sim->keys[id].absent_read = false;
    sim->keys[id].late_at = 0;
}

/* ---- after a run ---- */

static void
oracle_identities(const struct eff_report *r)
{
    if (r->read != r->unchanged + r->added + r->changed + r->invalid)
        sim_break("O5",
                  "read %llu is not unchanged %llu + added %llu + changed %llu + invalid %llu",
                  (unsigned long long)r->read, (unsigned long long)r->unchanged,
                  (unsigned long long)r->added, (unsigned long long)r->changed,
                  (unsigned long long)r->invalid);
    if (r->planned != r->added + r->changed + r->removed)
        sim_break("O5", "planned %llu is not added + changed + removed",
                  (unsigned long long)r->planned);
    if (r->planned != r->delivered + r->superseded + r->rejected + r->held + r->pending)
        sim_break(
            "O5",
            "planned %llu is not delivered %llu + superseded %llu + rejected %llu + held %llu "
            "+ pending %llu",
            (unsigned long long)r->planned, (unsigned long long)r->delivered,
            (unsigned long long)r->superseded, (unsigned long long)r->rejected,
            (unsigned long long)r->held, (unsigned long long)r->pending);
    if (r->status == EFF_STATUS_OK && r->invalid + r->rejected + r->held + r->pending > 0)
        sim_break("O5", "a green run that did not deliver all");
    if (sim->read_complete && !r->failed && r->read + r->forgotten != sim->rows_given)
        sim_break("O5", "read %llu and passed over %llu, but the source gave %llu",
                  (unsigned long long)r->read, (unsigned long long)r->forgotten,
                  (unsigned long long)sim->rows_given);
}

static bool
oracle_record_right(int64_t id, int64_t version, char *why, size_t size)
{
    const struct sim_record *record = sim_record_find(id);
    int64_t note = sim_note_of(version);

    if (!record) {
        snprintf(why, size, "O1: row %lld (version %lld) is not there", (long long)id,
                 (long long)version);
        return false;
    }
    if (record->human || (sim->options.class != SIM_CONVERGE && sim->options.class != SIM_BLIND &&
                          sim->options.class != SIM_KEYED_UPSERT))
        return true;
    if (record->score == version && (sim->note_gone || record->note == note))
        return true;
    snprintf(why, size, "O4: row %lld is %lld/%lld over there and should be %lld/%lld",
             (long long)id, (long long)record->score, (long long)record->note, (long long)version,
             (long long)note);
    return false;
}

/* Rows over which an older value may still come, which is no reason for a line. */
static uint64_t
oracle_doubted(void)
{
    for (size_t i = 0; i < sim->report.problems_count; i++)
        if (strcmp(sim->report.problems[i].code, "EFF2134") == 0)
            return sim->report.problems[i].rows;
    return 0;
}

/* Rows that were read and are not so over there, as far as the engine can know of it. */
static uint64_t
oracle_wrong_rows(const uint64_t kept[SIM_KEYS_WORDS], char *why, size_t size)
{
    uint64_t wrong = 0, unlisted = 0;

    for (unsigned i = sim->part->first; i < sim->part->end; i++) {
        const struct sim_key *key = &sim->keys[i];

        if (!key->read_valid || key->read <= 0 || key->asked)
            continue;
        if (key->late_at && sim->run_at < key->late_at + SIM_LATE_MS)
            continue; /* nobody can know yet */
        if (sim->options.on[SIM_F_HUMAN] && !sim_record_find(i))
            continue; /* gone by hand */
        if (oracle_record_right(i, key->read, why, size))
            continue;
        wrong++;
        unlisted += !sim_kept_has(kept, i);
    }
    if (unlisted > oracle_doubted())
        sim_break("O5", "%llu rows have no line in the ledger: %s", (unsigned long long)unlisted,
                  why);
    return wrong;
}

static uint64_t
oracle_told(const struct eff_counts *c)
{
    return c->rejected + c->held + c->pending;
}

/* What a run that read all does not tell as left open is there as it was read. */
static void
oracle_honest(const struct eff_report *r)
{
    uint64_t told = r->invalid + r->rejected + r->held + r->pending + oracle_told(&r->resumed);
    uint64_t wrong, kept[SIM_KEYS_WORDS] = {0};
    char why[200];

    if (!sim->read_complete)
        return;
    if (sim->disk_failed)
        memset(kept, 0xff, sizeof(kept)); /* no line could be written */
    else
        sim_kept_ledger(r, kept);
    if (r->failed)
        return;
    wrong = oracle_wrong_rows(kept, why, sizeof(why));
    if (wrong > told)
        sim_break("O5", "%llu rows are not as they were read, and the run tells of %llu: %s",
                  (unsigned long long)wrong, (unsigned long long)told, why);
}

static void
oracle_opens(const struct eff_report *r)
{
    if (sim->rotten_snapshot && sim->rotten && sim->read_complete && !r->failed)
        sim_break("O14", "a snapshot with a bit turned over was taken as good");
    if (sim->disk_failed || sim->rotten)
        return;
    for (size_t i = 0; i < r->problems_count; i++)
        if (r->problems[i].fault == EFF_BROKEN || r->problems[i].fault == EFF_CONFIG)
            sim_break("O14", "the engine is broken: %.*s", (int)r->problems[i].message.len,
                      r->problems[i].message.ptr);
}

void
sim_oracle_run(bool died, size_t leaked)
{
    sim_kept_files();
    if (died)
        return;
    if (leaked > 0)
        sim_break("O11", "%zu blocks of memory were not given back", leaked);
    if (sim->disk.open_count > 0)
        sim_break("O11", "%zu files are still open", sim->disk.open_count);
    oracle_identities(&sim->report);
    oracle_honest(&sim->report);
    sim_kept_report(&sim->report);
    oracle_opens(&sim->report);
}

/* ---- at the end ---- */

static bool
oracle_converged_key(unsigned id, char *why, size_t size)
{
    const struct sim_key *key = &sim->keys[id];
    const struct sim_record *record = sim_record_find(id);

    if (key->asked)
        return true;
    if (sim_record_count(id) > 1) {
        snprintf(why, size, "O2: record %u has a twin", id);
        return false;
    }
    if (!key->there) {
        if (!sim->options.removes || !record || !record->ours || record->human || sim->restored)
            return true; /* it may have come and gone after the backup */
        snprintf(why, size, "O1: record %u is still there and should be gone", id);
        return false;
    }
    if (sim->options.on[SIM_F_HUMAN] && !record)
        return true;
    return oracle_record_right(id, key->version, why, size);
}

bool
sim_oracle_converged(char *ret_why, size_t size)
{
    bool waits = (sim->restored && sim_makes_anew()) || sim->options.class == SIM_LOOKUP ||
                 sim->options.class == SIM_LOOK || sim->options.class == SIM_KEYED ||
                 sim->options.class == SIM_KEYED_BATCH ||
                 (sim->options.class == SIM_BLIND && !sim->options.blind_twice);
    size_t missing = 0;

    for (unsigned i = sim->part->first; i < sim->part->end; i++) {
        if (oracle_converged_key(i, ret_why, size))
            continue;
        if (!waits || ++missing > sim->report.held)
            return false;
    }
    if (sim->report.status != EFF_STATUS_OK && !(waits && sim->report.status == EFF_STATUS_HELD)) {
        snprintf(ret_why, size, "O13: the run is not green but %s: %.*s",
                 eff_status_name(sim->report.status),
                 sim->report.problems_count ? (int)sim->report.problems[0].message.len : 0,
                 sim->report.problems_count ? sim->report.problems[0].message.ptr : "");
        return false;
    }
    return true;
}
