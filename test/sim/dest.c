/*
 * test/sim/dest: the vendor: records, rules, answers.
 *
 * The connectors are files of the simulator's own, interpreted by the real REST
 * driver; their operations are upsert and delete (harmless to repeat), create
 * (keyed, or to be looked up) and append (blind).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "conf/yaml.h"
#include "sim/sim.h"

#define DEST_KINDS_MAX 256

static struct {
    struct eff_arena arena;
    size_t count;
    struct eff_kind_desc *kinds;
    void *configs[DEST_KINDS_MAX];
} dest;

/* ---- connectors ---- */

static const unsigned dest_batches[] = {2, 7, 25};
static const unsigned dest_lanes[] = {1, 3};
static const char *const dest_creates[] = {
    "class: keyed\n    batch: {rows: 1}\n    idempotency: {header: Idempotency-Key, window: 1h}",
    "class: keyed\n    batch: {rows: 7}\n    idempotency: {header: Idempotency-Key, window: 1h}",
    "class: lookup\n    batch: {rows: 7}",
    "class: lookup\n    batch: {rows: 7}",
    "class: keyed\n    batch: {rows: 1}\n    idempotency: {header: Idempotency-Key, window: 1h}",
    "class: keyed\n    batch: {rows: 7}\n    idempotency: {header: Idempotency-Key, window: 1h}",
    "class: keyed\n    batch: {rows: 1}\n    idempotency: {header: Idempotency-Key, window: 1h}"};
/* An upsert that finds the id of its record, or creates it under a key. */
static const char dest_choice[] =
    "  upsert:\n"
    "    find: {missing: choose}\n"
    "    choose:\n"
    "      - when: {remote_id: known}\n"
    "        class: converge\n"
    "        concurrency: %u\n"
    "        post: \"/{object}/set\"\n"
    "        json: {rows: [{i: \"{row.index}\", id: \"{match.value}\","
    " rid: \"{remote_id}\", f: \"{fields}\"}]}\n"
    "        answer: listed\n"
    "      - class: keyed\n"
    "        idempotency: {header: Idempotency-Key, window: 365d}\n"
    "        concurrency: %u\n"
    "        post: \"/{object}/create\"\n"
    "        json: %s\n"
    "        answer: listed\n";
static const char dest_upsert[] = "  upsert:\n"
                                  "    class: converge\n"
                                  "    batch: {rows: %u}\n"
                                  "    concurrency: %u\n"
                                  "    post: \"/{object}/upsert\"\n"
                                  "    json: %s\n"
                                  "    answer: listed\n";
#define DEST_CREATES   (sizeof(dest_creates) / sizeof(dest_creates[0]))
#define DEST_READ      3 /* from here on, records can be read back */
#define DEST_KEYED     4 /* as the first two, and can be */
#define DEST_CHOICE    6 /* its search is far behind, so that keys come again with other values */
#define DEST_FAILED_MS ((int64_t)30 * 24 * 3600 * 1000) /* that a failure is kept for a key */
#define DEST_SLOW_MS   ((int64_t)12 * 3600 * 1000)

static void
dest_name(char *name, size_t size, unsigned batch, unsigned lanes, unsigned create, bool login,
          bool describe)
{
    snprintf(name, size, "sim_%u_%u_%u_%d_%d", dest_batches[batch], dest_lanes[lanes], create,
             login, describe);
}

static eff_str
dest_connector(const char *name, unsigned batch, unsigned lanes, unsigned create, bool login,
               bool describe)
{
    const char *rows = "{rows: {for_each: row, item: {i: \"{row.index}\", id: \"{match.value}\", "
                       "f: \"{fields}\"}}}";
    const char *one = "{rows: [{i: \"{row.index}\", id: \"{match.value}\", f: \"{fields}\"}]}";
    const char *keys = "{rows: {for_each: row, item: {i: \"{row.index}\", id: \"{match.value}\"}}}";
    eff_str upsert =
        create == DEST_CHOICE
            ? eff_str_printf(&dest.arena, dest_choice, dest_lanes[lanes], dest_lanes[lanes], one)
            : eff_str_printf(&dest.arena, dest_upsert, dest_batches[batch], dest_lanes[lanes],
                             rows);

    return eff_str_printf(
        &dest.arena,
        "connector: %s\n"
        "title: Sim\n"
        "options:\n"
        "  url: {type: url, default: \"https://sim.example\", help: Where.}\n"
        "hosts: [sim.example]\n"
        "base: \"{url}\"\n"
        "%s%s%s%s%s"
        "answers:\n"
        "  listed: {rows: {each: /results, by: index, row: /i, success: /ok, remote_id: /rid, "
        "created: /new, code: /error, message: /text, field: /field}}\n"
        "operations:\n"
        "%s"
        "  delete:\n"
        "    class: converge\n"
        "    batch: {rows: %u}\n"
        "    concurrency: %u\n"
        "    post: \"/{object}/delete\"\n"
        "    json: %s\n"
        "    answer: listed\n"
        "  create:\n"
        "    %s\n"
        "    concurrency: %u\n"
        "    post: \"/{object}/create\"\n"
        "    json: %s\n"
        "    answer: listed\n"
        "  append:\n"
        "    class: blind\n"
        "    batch: {rows: %u}\n"
        "    concurrency: %u\n"
        "    post: \"/{object}/append\"\n"
        "    json: %s\n"
        "    answer: listed\n"
        "error: {code: /error, message: /text, field: /field}\n"
        "errors:\n"
        "  - {status: 429, code: [DAILY], fault: limit}\n"
        "  - {code: [MISMATCH], then: not_applied, fault: transient}\n"
        "  - {code: [LOCKED], then: not_applied, fault: transient}\n"
        "  - {code: [UNKNOWN_FIELD], fault: contract}\n",
        name,
        login
            ? "auth:\n  login:\n    base: \"{url}\"\n    post: /token\n    form: {grant_type: client_credentials}\n"
              "    token: /access\n  header: {Authorization: \"Bearer {session.token}\"}\n"
            : "",
        describe ? "objects:\n  fields: {get: \"/{object}/fields\", each: /fields, name: /name, "
                   "type: /type}\n"
                 : "",
        create == DEST_CHOICE ? "find:\n  post: \"/{object}/read\"\n"
                                "  json: {ids: [\"{match.value}\"]}\n  each: /results\n"
                                "  row: /id\n  remote_id: /rid\n"
                              : "",
        create >= DEST_READ
            ? "read:\n  post: \"/{object}/read\"\n  batch: {rows: 20}\n"
              "  json: {ids: \"{rows.match.value}\"}\n  each: /results\n  row: /id\n"
              "  remote_id: /rid\n  fields: /f\n"
            : "",
        create == DEST_CHOICE ? "  lag: 12h\n" : "", upsert.ptr, dest_batches[batch],
        dest_lanes[lanes], keys, dest_creates[create], dest_lanes[lanes],
        strstr(dest_creates[create], "rows: 1}") ? one : rows, dest_batches[batch],
        dest_lanes[lanes], rows);
}

static void *
dest_config(const struct eff_kind_desc *kind)
{
    struct eff_problems problems = {.arena = &dest.arena};
    struct eff_fill fill = {0};
    const struct eff_node *documents;
    size_t count;
    void *config = eff_arena_alloc(&dest.arena, kind->config_size + 1, 16, 1);

    problems.fill = &fill;
    if (!eff_yaml_parse(EFF_STR("url: https://sim.example\n"), EFF_STR("p"), &dest.arena, &count,
                        &documents, &problems) ||
        !eff_options_fill(documents, kind->options, kind->options_count, config, &problems))
        abort();
    return config;
}

void
sim_dest_kinds(void)
{
    struct eff_connector_file files[DEST_KINDS_MAX];
    struct eff_problems problems;
    size_t count = 0;
    char name[64];

    eff_arena_init(&dest.arena, "connectors", (size_t)256 << 20);
    problems = (struct eff_problems){.arena = &dest.arena};
    for (unsigned i = 0; i < 3 * 2 * DEST_CREATES * 2 * 2; i++) {
        unsigned batch = i % 3, lanes = i / 3 % 2, create = i / 6 % DEST_CREATES;
        bool login = i / 6 / DEST_CREATES % 2, describe = i / 12 / DEST_CREATES;

        dest_name(name, sizeof(name), batch, lanes, create, login, describe);
        files[count++] = (struct eff_connector_file){
            .path = eff_str_printf(&dest.arena, "connectors/%s/connector.yaml", name),
            .bytes = dest_connector(name, batch, lanes, create, login, describe)};
    }
    if (!eff_dest_kinds(count, files, &dest.arena, &dest.count, &dest.kinds, &problems)) {
        for (size_t i = 0; i < problems.count; i++)
            fprintf(stderr, EFF_STR_FMT "\n", EFF_STR_ARG(problems.at[i].message));
        abort();
    }
    if (dest.count > DEST_KINDS_MAX)
        abort();
}

void
sim_dest_open(struct eff_arena *arena)
{
    const struct sim_options *o = &sim->options;
    unsigned create = o->class == SIM_KEYED_BATCH    ? 1
                      : o->class == SIM_LOOKUP       ? 2
                      : o->class == SIM_LOOK         ? 3
                      : o->class == SIM_KEYED_UPSERT ? DEST_CHOICE
                                                     : 0;
    char name[64];

    (void)arena;
    if (o->reads)
        create += DEST_KEYED;
    dest_name(name, sizeof(name), o->batch, o->lanes, create, o->logs_in, o->describes);
    for (size_t i = 0; i < dest.count; i++) {
        if (!eff_str_is(dest.kinds[i].kind, name))
            continue;
        if (dest.configs[i] == NULL)
            dest.configs[i] = dest_config(&dest.kinds[i]);
        sim->dest_conf = (struct eff_dest_conf){
            .name = EFF_STR("d"), .kind = &dest.kinds[i], .config = dest.configs[i]};
        return;
    }
    abort();
}

/* ---- records ---- */

struct sim_record *
sim_record_find(int64_t id)
{
    for (size_t i = 0; i < sim->records_count; i++)
        if (sim->records[i].used && sim->records[i].id == id)
            return &sim->records[i];
    return NULL;
}

size_t
sim_record_count(int64_t id)
{
    size_t count = 0;

    for (size_t i = 0; i < sim->records_count; i++)
        count += sim->records[i].used && sim->records[i].id == id;
    return count;
}

static struct sim_record *
record_new(int64_t id)
{
    size_t at = 0;

    while (at < sim->records_count && sim->records[at].used)
        at++;
    if (at == SIM_RECORDS_MAX)
        abort();
    if (at == sim->records_count)
        sim->records_count++;
    sim->records[at] = (struct sim_record){
        .id = id,
        .used = true,
        .found_from =
            sim->mono + sim_between(&sim->faults, 0,
                                    sim->options.class == SIM_KEYED_UPSERT ? DEST_SLOW_MS : 900)};
    return &sim->records[at];
}

/* ---- one row of a request ---- */

struct dest_row {
    int64_t id;
    eff_str index;
    bool has_score, has_note;
    int64_t score, note;
};

static bool
dest_row_read(const struct eff_json *json, struct dest_row *ret_row)
{
    const struct eff_json *fields = eff_json_get(json, EFF_STR("f"));
    const struct eff_json *note = eff_json_get(fields, EFF_STR("note"));
    eff_str text = eff_json_str(note), id = eff_json_str(eff_json_get(json, EFF_STR("id")));

    *ret_row = (struct dest_row){.index = eff_json_str(eff_json_get(json, EFF_STR("i")))};
    if (!sim_key_read(id, &ret_row->id))
        return false;
    ret_row->has_score = eff_json_int(eff_json_get(fields, EFF_STR("score")), &ret_row->score);
    ret_row->has_note = note != NULL;
    if (text.len > 0)
        eff_str_int(eff_str_sub(text, sizeof(SIM_NOTE_START) - 1, SIZE_MAX), &ret_row->note);
    return true;
}

bool
sim_poisoned(int64_t version)
{
    return sim->options.on[SIM_F_POISON] && !sim->calm && version % 22 == 0;
}

static bool
dest_poisoned(const struct dest_row *row)
{
    return row->has_score && sim_poisoned(row->score);
}

static void
dest_write(struct sim_record *record, const struct dest_row *row, bool late)
{
    if (row->has_score)
        record->score = row->score;
    if (row->has_note)
        record->note = row->note;
    record->human = !row->has_score && (record->human || !record->ours); /* made of a part only */
    record->ours = true;
    if (late)
        sim->keys[record->id].late_at = sim->mono;
    else
        sim_oracle_written(record->id);
}

static void
dest_result(struct sim_text *out, const struct dest_row *row, bool created)
{
    sim_text_addf(out, "{\"i\":\"%.*s\",\"ok\":true,\"rid\":\"r%lld\",\"new\":%s}",
                  (int)row->index.len, row->index.ptr, (long long)row->id,
                  created ? "true" : "false");
}

static void
dest_refuse(struct sim_text *out, const struct dest_row *row, const char *code)
{
    sim_text_addf(
        out, "{\"i\":\"%.*s\",\"ok\":false,\"error\":\"%s\",\"text\":\"no " SIM_KEY_FORMAT "\"}",
        (int)row->index.len, row->index.ptr, code, (long long)row->id);
}

static void
dest_row_apply(struct sim_text *out, eff_str verb, const struct dest_row *row, bool late,
               bool was_absent)
{
    struct sim_record *record = sim_record_find(row->id);
    bool created = record == NULL;

    sim_event("apply",
              eff_str_is(verb, "delete")   ? "delete"
              : eff_str_is(verb, "upsert") ? "upsert"
              : eff_str_is(verb, "set")    ? "set"
                                           : "create",
              row->id, row->score);
    if (row->id >= SIM_FOREIGN)
        sim_break("O3", "record %lld belongs to others and was written", (long long)row->id);
    if (eff_str_is(verb, "delete")) {
        if (!late)
            sim_oracle_removed(row->id, record != NULL);
        else
            sim->keys[row->id].late_at = sim->mono;
        if (record)
            record->used = false;
        dest_result(out, row, false);
        return;
    }
    if (dest_poisoned(row)) {
        dest_refuse(out, row, "POISON");
        return;
    }
    if (eff_str_is(verb, "set") && !record) {
        sim_break("O1", "record %lld is not there and was updated", (long long)row->id);
        dest_refuse(out, row, "GONE");
        return;
    }
    if (eff_str_is(verb, "upsert") || eff_str_is(verb, "set")) {
        if (was_absent && record)
            sim_break("O2", "record %lld was made by two requests at once", (long long)row->id);
        if (!record)
            record = record_new(row->id);
    } else {
        struct sim_key *key = &sim->keys[row->id];

        if (eff_str_is(verb, "create") && record)
            sim_break("O2", "a twin of record %lld was created", (long long)row->id);
        if (eff_str_is(verb, "append") && !sim->options.blind_twice &&
            row->score <= key->append_max)
            sim_break("O2", "event %lld of %lld was appended twice", (long long)row->score,
                      (long long)row->id);
        key->times++;
        if (row->score > key->append_max)
            key->append_max = row->score;
        if (!record)
            record = record_new(row->id);
    }
    dest_write(record, row, late);
    dest_result(out, row, created);
}

/* ---- idempotency keys ---- */

static struct sim_idem *
idem_find(const char *key)
{
    for (size_t i = 0; i < sim->idems_count; i++) {
        int64_t kept_ms = sim->idems[i].failed ? DEST_FAILED_MS : sim->options.window_ms;

        if (strcmp(sim->idems[i].key, key) == 0 && sim->mono - sim->idems[i].at_ms < kept_ms)
            return &sim->idems[i];
    }
    return NULL;
}

static struct sim_idem *
idem_new(const char *key)
{
    if (sim->idems_count == sim->idems_cap) {
        sim->idems_cap = sim->idems_cap * 2 + 64;
        sim->idems = sim_keep(sim->idems, sim->idems_cap * sizeof(*sim->idems));
    }
    sim->idems[sim->idems_count] = (struct sim_idem){.at_ms = sim->mono};
    snprintf(sim->idems[sim->idems_count].key, sizeof(sim->idems[0].key), "%s", key);
    return &sim->idems[sim->idems_count++];
}

/* ---- the search ---- */

static void
dest_read(struct sim_flight *flight, const struct eff_json *ids)
{
    struct eff_json_iter iter = eff_json_iterate(ids);
    const struct eff_json *json;
    bool more = false;

    flight->answer.len = 0;
    flight->answer_status = 200;
    sim_text_addf(&flight->answer, "{\"results\":[");
    while (eff_json_next(&iter, NULL, &json)) {
        const struct sim_record *record;
        int64_t id = -1;

        sim_key_read(eff_json_str(json), &id);
        record = sim_record_find(id);
        sim_event("look", record ? "there" : "absent", id, 0);
        if (!record || record->found_from > sim->mono)
            continue;
        sim_text_addf(&flight->answer,
                      "%s{\"id\":\"" SIM_KEY_FORMAT
                      "\",\"rid\":\"r%lld\",\"f\":{\"score\":%lld,\"note\":",
                      more ? "," : "", (long long)id, (long long)id, (long long)record->score);
        if (record->note)
            sim_text_addf(&flight->answer, "\"" SIM_NOTE_FORMAT "\"}}", (long long)record->note);
        else
            sim_text_addf(&flight->answer, "null}}");
        more = true;
    }
    sim_text_addf(&flight->answer, "]}");
}

/* ---- a request ---- */

/* The last two steps of the path: object and verb. */
static eff_str
dest_verb(const struct sim_flight *flight)
{
    eff_str url = {flight->url.ptr, flight->url.len};
    size_t at = url.len;

    while (at > 0 && url.ptr[at - 1] != '/')
        at--;
    return eff_str_sub(url, at, SIZE_MAX);
}

static void
dest_answer(struct sim_flight *flight, int status, const char *body)
{
    flight->answer_status = status;
    flight->answer.len = 0;
    sim_text_add(&flight->answer, body, strlen(body));
}

static bool
dest_whole_refused(struct sim_flight *flight, size_t count, const struct dest_row *rows)
{
    bool keyed = flight->idem.len > 0;

    if (sim->calm || !(sim->options.on[SIM_F_WHOLE_400] || keyed) ||
        (keyed && idem_find(flight->idem.ptr)))
        return false;
    for (size_t i = 0; i < count; i++)
        if (dest_poisoned(&rows[i])) {
            dest_answer(flight, 400, "{\"error\":\"POISON\",\"text\":\"one of them\"}");
            return true;
        }
    return false;
}

static bool
dest_unknown_field(struct sim_flight *flight, size_t count, const struct dest_row *rows)
{
    for (size_t i = 0; sim->note_gone && i < count; i++)
        if (rows[i].has_note) {
            dest_answer(flight, 400,
                        "{\"error\":\"UNKNOWN_FIELD\",\"text\":\"no note\",\"field\":\"note\"}");
            return true;
        }
    return false;
}

/* Nobody waits for the answer any more. */
static bool
dest_comes_late(const struct sim_flight *flight)
{
    return sim->options.on[SIM_F_LATE] && flight->ticket == 0;
}

/* The provider keeps a key's failure and answers it again; what it did before it failed is done. */
static bool
dest_stored_failure(struct sim_flight *flight, eff_str verb, size_t count,
                    const struct dest_row *rows)
{
    struct sim_idem *idem = flight->idem.len ? idem_find(flight->idem.ptr) : NULL;
    bool first = flight->idem.len && !idem && flight->part == 100 && !sim->calm &&
                 sim->options.on[SIM_F_STORED] && sim_chance(&sim->faults, 15);

    if (!first && !(idem && idem->failed))
        return false;
    if (first) {
        struct sim_text ignored = {0};

        idem = idem_new(flight->idem.ptr);
        idem->failed = true;
        idem->score = rows[0].score;
        idem->note = rows[0].note;
        for (size_t i = 0; sim_chance(&sim->faults, 50) && i < count; i++)
            dest_row_apply(&ignored, verb, &rows[i], dest_comes_late(flight), false);
        sim_keep(ignored.ptr, 0);
    }
    sim_event("stored", first ? "first" : "again", rows[0].id, (int64_t)count);
    dest_answer(flight, 500, "{\"error\":\"STORED\",\"text\":\"no\"}");
    return true;
}

/* The key came before with other values, and the provider minds. */
static bool
dest_mismatch(struct sim_flight *flight, const struct dest_row *rows)
{
    const struct sim_idem *idem = flight->idem.len ? idem_find(flight->idem.ptr) : NULL;

    if (sim->options.mismatch != 0 || !idem ||
        (idem->score == rows[0].score && idem->note == rows[0].note))
        return false;
    dest_answer(flight, 400, "{\"error\":\"MISMATCH\",\"text\":\"other values\"}");
    return true;
}

/* How an answer lists its rows: permuted, short, doubled. */
static void
dest_list(struct sim_flight *flight, size_t count, const struct sim_text *results)
{
    size_t order[128] = {0}, left = count;

    for (size_t i = 0; i < count; i++)
        order[i] = i;
    if (flight->odd == 1)
        for (size_t i = count; i > 1; i--) {
            size_t j = (size_t)sim_below(&sim->faults, i), kept = order[i - 1];

            order[i - 1] = order[j];
            order[j] = kept;
        }
    if (flight->odd == 2)
        left = (size_t)sim_below(&sim->faults, count);
    flight->answer.len = 0;
    sim_text_addf(&flight->answer, "{\"results\":[");
    for (size_t i = 0; i < left; i++) {
        if (i > 0)
            sim_text_addf(&flight->answer, ",");
        sim_text_add(&flight->answer, results[order[i]].ptr, results[order[i]].len);
        if (flight->odd == 3) {
            sim_text_addf(&flight->answer, ",");
            sim_text_add(&flight->answer, results[order[i]].ptr, results[order[i]].len);
        }
    }
    sim_text_addf(&flight->answer, "]}");
    flight->answer_status = flight->odd == 1 ? 207 : 200;
}

static void
dest_apply_rows(struct sim_flight *flight, eff_str verb, size_t count, const struct dest_row *rows)
{
    struct sim_text results[128] = {0};
    size_t done = count * flight->part / 100;
    struct sim_idem *idem = flight->idem.len ? idem_find(flight->idem.ptr) : NULL;
    bool replay = idem != NULL;

    if (flight->idem.len && !replay && flight->part == 100) {
        idem = idem_new(flight->idem.ptr);
        for (size_t i = 0; i < count && i < 64; i++)
            idem->ids[idem->count++] = rows[i].id;
        idem->score = rows[0].score;
        idem->note = rows[0].note;
    } else if (flight->idem.len && !replay) {
        done = 0; /* a keyed request is applied as a whole */
    }
    for (size_t i = 0; i < done; i++) {
        if (replay) {
            bool same = i < idem->count && idem->ids[i] == rows[i].id && count == idem->count;

            if (!same)
                sim_break("O2", "an idempotency key came with other rows");
            if (sim->options.mismatch == 2 && sim_record_find(rows[i].id))
                dest_write(sim_record_find(rows[i].id), &rows[i], dest_comes_late(flight));
            dest_result(&results[i], &rows[i], false);
        } else if (sim->options.on[SIM_F_LOCKED] && !sim->calm && !flight->idem.len &&
                   sim_chance(&sim->faults, 3)) {
            dest_refuse(&results[i], &rows[i], "LOCKED");
        } else {
            dest_row_apply(&results[i], verb, &rows[i], dest_comes_late(flight), flight->absent[i]);
        }
    }
    dest_list(flight, done, results);
    for (size_t i = 0; i < count; i++)
        sim_keep(results[i].ptr, 0);
}

static void
dest_describe(struct sim_flight *flight)
{
    dest_answer(
        flight, 200,
        sim->note_gone
            ? "{\"fields\":[{\"name\":\"id\",\"type\":\"int\"},{\"name\":\"score\",\"type\":"
              "\"int\"}]}"
            : "{\"fields\":[{\"name\":\"id\",\"type\":\"int\"},{\"name\":\"score\",\"type\":"
              "\"int\"},{\"name\":\"note\",\"type\":\"text\"}]}");
}

/* The rows of an upsert; NULL: it is none. */
static const struct eff_json *
dest_upserts(const struct sim_flight *flight)
{
    const struct eff_json *json;
    struct eff_err ignored = {0};

    eff_arena_reset(&sim->parse);
    if (!eff_str_is(dest_verb(flight), "upsert") ||
        eff_json_parse((eff_str){flight->body.ptr, flight->body.len}, &sim->parse, &json,
                       &ignored) != EFF_OK)
        return NULL;
    return eff_json_get(json, EFF_STR("rows"));
}

/* An upsert with a gap: what it does when it is applied was decided now. */
void
sim_dest_arrive(struct sim_flight *flight)
{
    const struct eff_json *list;
    struct dest_row row;

    if (!sim->options.on[SIM_F_RACE])
        return;
    list = dest_upserts(flight);
    for (size_t i = 0; i < eff_json_count(list) && i < 64; i++)
        flight->absent[i] =
            dest_row_read(eff_json_at(list, i), &row) && sim_record_find(row.id) == NULL;
}

void
sim_dest_under_way(void)
{
    struct dest_row row;

    for (size_t n = 0; n < SIM_FLIGHTS_MAX; n++) {
        const struct sim_flight *flight = &sim->flights[n];
        const struct eff_json *list;

        if (!flight->used || flight->applied || flight->apply_at == INT64_MAX)
            continue;
        list = dest_upserts(flight);
        for (size_t i = 0; i < eff_json_count(list); i++)
            if (dest_row_read(eff_json_at(list, i), &row) && row.id >= 0 && row.id < SIM_KEYS_MAX)
                sim->keys[row.id].under_way = true;
    }
}

void
sim_dest_apply(struct sim_flight *flight)
{
    eff_str verb = dest_verb(flight), body = {flight->body.ptr, flight->body.len};
    const struct eff_json *json, *list;
    struct dest_row rows[128];
    struct eff_err err = {0};
    size_t count;

    if (eff_str_is(verb, "token")) {
        char text[64];

        snprintf(text, sizeof(text), "{\"access\":\"" SIM_TOKEN_FORMAT "\"}",
                 (unsigned long long)sim->token);
        dest_answer(flight, 200, text);
        return;
    }
    if (eff_str_is(verb, "fields")) {
        dest_describe(flight);
        return;
    }
    eff_arena_reset(&sim->parse);
    if (eff_json_parse(body, &sim->parse, &json, &err) != EFF_OK) {
        sim_break("O8", "a request is no JSON: %s", err.msg);
        return;
    }
    if (eff_str_is(verb, "read")) {
        dest_read(flight, eff_json_get(json, EFF_STR("ids")));
        return;
    }
    list = eff_json_get(json, EFF_STR("rows"));
    count = eff_json_count(list);
    if (count == 0 || count > 128) {
        sim_break("O8", "a request of %zu rows", count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (!dest_row_read(eff_json_at(list, i), &rows[i])) {
            sim_break("O8", "row %zu of a request does not read", i);
            return;
        }
    if (dest_unknown_field(flight, count, rows) || dest_whole_refused(flight, count, rows) ||
        dest_mismatch(flight, rows) || dest_stored_failure(flight, verb, count, rows))
        return;
    dest_apply_rows(flight, verb, count, rows);
}

/* ---- people over there ---- */

void
sim_dest_live(void)
{
    if (sim->options.on[SIM_F_HUMAN] && !sim->calm)
        for (size_t i = 0; i < sim->records_count; i++) {
            struct sim_record *record = &sim->records[i];

            if (!record->used || record->id >= SIM_FOREIGN || !sim_chance(&sim->world, 2))
                continue;
            record->human = true;
            if (sim_chance(&sim->world, 50) && sim->options.class == SIM_CONVERGE)
                record->used = false;
            else
                record->score = -1;
        }
    if (sim->options.on[SIM_F_DRIFT] && !sim->calm && sim_chance(&sim->world, 20))
        sim->note_gone = !sim->note_gone;
    if (sim->options.on[SIM_F_TOKEN] && !sim->calm && sim_chance(&sim->world, 30))
        sim->token++;
    sim->outage = sim->options.on[SIM_F_OUTAGE] && !sim->calm &&
                  sim_chance(&sim->world, sim->options.class == SIM_KEYED_UPSERT ? 40 : 15);
}
