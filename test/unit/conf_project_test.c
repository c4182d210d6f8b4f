// links: base flow conf
/*
 * Goal: a project is read as the documentation shows it, targets overlay it,
 * and everything that is wrong in any of its files is told at once, with places.
 * Method: whole projects in memory; the results compared field by field, the
 * problems as one text.
 */
#include "lib/confworld.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct eff_arena arena;
    struct confworld world;
    struct eff_problems problems;
    struct eff_project *project;
    bool ok;
};

static void
start(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    eff_arena_init(&f->arena, "test", (size_t)64 << 20);
    f->problems.arena = &f->arena;
    f->world.env[0] = (struct confworld_pair){"SF_URL", EFF_STR("https://acme.my.example:8443/x")};
    f->world.env[1] = (struct confworld_pair){"SF_ID", EFF_STR("client")};
    f->world.secrets[0] = (struct confworld_pair){"sf_secret", EFF_STR("hush")};
}

static void
file(struct fixture *f, const char *name, const char *text)
{
    size_t i = 0;

    while (f->world.files[i].name != NULL)
        i++;
    f->world.files[i] = (struct confworld_pair){name, eff_str_of(text)};
}

static void
load(struct fixture *f, const char *target, const char *problems)
{
    f->ok = confworld_load(&f->world, target, &f->arena, &f->project, &f->problems);
    assert_true(confworld_same(&f->arena, &f->problems, problems));
    assert_int_equal(f->ok, problems[0] == '\0');
    assert_null(f->problems.fill);
}

static void
stop(struct fixture *f)
{
    eff_arena_deinit(&f->arena);
}

static void
expect_str(eff_str found, const char *expected)
{
    assert_non_null(found.ptr);
    assert_int_equal(found.len, strlen(expected));
    assert_memory_equal(found.ptr, expected, found.len);
}

static void
test_whole(void **state)
{
    struct fixture f;
    const struct eff_sync_conf *sync;
    const struct confworld_crm *crm;

    (void)state;
    start(&f);
    file(&f, "efferent.yml",
         "name: acme\n"
         "sources: {shop: {type: sqlite, path: data/shop.db}}\n"
         "destinations:\n"
         "  crm:\n"
         "    type: salesforce\n"
         "    instance_url: ${SF_URL}\n"
         "    auth: {client_id: ${SF_ID}, client_secret: ${secret:sf_secret}}\n"
         "  copy: {type: sqlite, path: crm.db}\n"
         "---\n"
         "sync: contacts\n"
         "sql: SELECT id, email, score FROM customer\n"
         "key: id\n"
         "to: copy.contact\n"
         "fields: [email, score]\n"
         "mode: mirror\n");
    file(&f, "syncs/lead_scores.yml",
         "sync: lead_scores\n"
         "model: models/leads.sql\n"
         "key: [account_id, user_id]\n"
         "to: crm.Lead.Extra\n"
         "match: {Ext_Id__c: lead_id}\n"
         "fields:\n"
         "  Lead_Score__c: score\n"
         "  Segment__c: {from: segment, map: {hv: High value, lv: Low value}}\n"
         "on_removed: clear\n"
         "guard: {max_removed: 5%, max_changed: 50%}\n"
         "tags: [sales]\n"
         "after: contacts\n"
         "memory: 64MiB\n"
         "ambiguous: at_least_once\n");
    file(&f, "syncs/models/leads.sql", "select 1\n");
    file(&f, "syncs/readme.md", "[ not yaml");
    load(&f, NULL, "");

    expect_str(f.project->name, "acme");
    expect_str(f.project->root, "/p");
    expect_str(f.project->state, "/p/.efferent");
    assert_int_equal(f.project->memory_bytes, 256 << 20);
    assert_int_equal(f.project->sources_count, 1);
    assert_ptr_equal(f.project->sources[0].kind, &confworld_sources[0]);
    expect_str(((const struct confworld_db *)f.project->sources[0].config)->path,
               "/p/data/shop.db");
    assert_int_equal(f.project->dests_count, 2);
    crm = f.project->dests[0].config;
    expect_str(crm->client_id, "client");
    expect_str(crm->client_secret, "hush");
    assert_int_equal(crm->batch, 200);
    assert_int_equal(f.project->dests[0].hosts_count, 1);
    expect_str(f.project->dests[0].hosts[0], "acme.my.example");
    assert_int_equal(f.project->dests[1].hosts_count, 0);
    assert_int_equal(f.project->secrets_count, 1);
    expect_str(f.project->secrets[0], "hush");

    assert_int_equal(f.project->syncs_count, 2);
    sync = &f.project->syncs[0];
    expect_str(sync->name, "contacts");
    assert_ptr_equal(sync->source, &f.project->sources[0]);
    assert_ptr_equal(sync->dest, &f.project->dests[1]);
    expect_str(sync->object, "contact");
    assert_int_equal(sync->mode, EFF_MODE_MIRROR);
    assert_int_equal(sync->on_removed, EFF_REMOVED_DELETE);
    assert_false(sync->on_removed_given);
    assert_true(sync->guard_removed_percent == 10 && sync->guard_removed_rows == -1);
    assert_true(sync->guard_changed_percent == -1);
    assert_int_equal(sync->fields_count, 2);
    expect_str(sync->fields[1].name, "score");
    expect_str(sync->fields[1].from, "score");
    assert_int_equal(sync->match_count, 0);
    assert_true(sync->enabled);
    assert_false(sync->blind_twice);

    sync = &f.project->syncs[1];
    expect_str(sync->place.file, "syncs/lead_scores.yml");
    assert_int_equal(sync->model_kind, EFF_MODEL_FILE);
    expect_str(sync->model, "select 1\n");
    expect_str(sync->model_name, "leads");
    assert_int_equal(sync->key_count, 2);
    expect_str(sync->object, "Lead.Extra");
    assert_int_equal(sync->mode, EFF_MODE_UPSERT);
    assert_int_equal(sync->on_removed, EFF_REMOVED_CLEAR);
    assert_true(sync->guard_removed_percent == 5 && sync->guard_changed_percent == 50);
    expect_str(sync->match[0].name, "Ext_Id__c");
    expect_str(sync->match[0].from, "lead_id");
    assert_int_equal(sync->fields[1].transforms_count, 1);
    assert_int_equal(sync->fields[1].transforms[0].kind, EFF_TRANSFORM_MAP);
    assert_int_equal(sync->fields[1].transforms[0].pairs_count, 2);
    assert_int_equal(sync->memory_bytes, 64 << 20);
    assert_true(sync->blind_twice);
    assert_int_equal(sync->after_count, 1);
    stop(&f);
}

#define BASE                                                                                       \
    "sources: {shop: {type: sqlite, path: shop.db}}\n"                                             \
    "destinations: {copy: {type: sqlite, path: crm.db}}\n"                                         \
    "---\n"
#define SYNC "sync: a\nsql: select 1\nkey: id\nto: copy.t\n"

static void
test_fields(void **state)
{
    static const enum eff_transform_kind order[] = {
        EFF_TRANSFORM_TRIM,    EFF_TRANSFORM_LOWER,     EFF_TRANSFORM_MAP,
        EFF_TRANSFORM_DEFAULT, EFF_TRANSFORM_ZONE,      EFF_TRANSFORM_CAST,
        EFF_TRANSFORM_FORMAT,  EFF_TRANSFORM_NORMALIZE, EFF_TRANSFORM_HASH,
    };
    struct fixture f;
    const struct eff_field_conf *fields;
    const struct eff_transform *t;

    (void)state;
    start(&f);
    file(
        &f, "efferent.yml",
        BASE SYNC
        "null: skip\n"
        "fields:\n"
        "  full: '{{ first }} {{last}}!'\n"
        "  n: {const: 5}\n"
        "  zip: {const: 01234}\n"
        "  pi: {const: 3.140}\n"
        "  q: {const: '5'}\n"
        "  t: {const: true}\n"
        "  nil: {const: ~}\n"
        "  big: {const: 18446744073709551616}\n"
        "  email: {lower: true}\n"
        "  all: {hash: sha256, normalize: email, format: '%Y', cast: text, zone: Asia/Tokyo, default: x,\n"
        "        otherwise: 0, map: {1: a, 'null': b}, lower: true, trim: true, from: c, null: send}\n"
        "  up: {template: 'x{{ a }}', upper: true}\n"
        "  \"from\": \"quoted name\"\n");
    load(&f, NULL, "");
    fields = f.project->syncs[0].fields;
    assert_int_equal(f.project->syncs[0].fields_count, 12);
    expect_str(fields[0].template, "{{ first }} {{last}}!");
    assert_null(fields[0].from.ptr);
    assert_int_equal(fields[0].on_null, EFF_NULL_SKIP);
    assert_true(fields[1].has_constant && fields[1].constant.kind == EFF_INT);
    assert_int_equal(fields[1].constant.i, 5);
    assert_int_equal(fields[2].constant.kind, EFF_TEXT);
    assert_int_equal(fields[3].constant.kind, EFF_DECIMAL);
    expect_str(eff_value_str(&fields[3].constant), "3.14");
    assert_int_equal(fields[4].constant.kind, EFF_TEXT);
    assert_int_equal(fields[5].constant.kind, EFF_BOOL);
    assert_true(fields[6].has_constant && fields[6].constant.kind == EFF_NULL);
    assert_int_equal(fields[7].constant.kind, EFF_DECIMAL);
    expect_str(eff_value_str(&fields[7].constant), "18446744073709551616");
    expect_str(fields[8].from, "email");
    assert_int_equal(fields[9].transforms_count, sizeof order / sizeof order[0]);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        assert_int_equal(fields[9].transforms[i].kind, order[i]);
    t = fields[9].transforms;
    expect_str(t[2].pairs[0].from, "1");
    expect_str(t[2].pairs[1].from, "null");
    assert_true(t[2].has_otherwise && t[2].value.kind == EFF_INT);
    expect_str(t[4].zone_name, "Asia/Tokyo");
    assert_int_equal(t[5].cast, EFF_TEXT);
    expect_str(t[6].format, "%Y");
    assert_int_equal(t[7].normalize, EFF_NORMALIZE_EMAIL);
    assert_int_equal(fields[9].on_null, EFF_NULL_SEND);
    expect_str(fields[10].template, "x{{ a }}");
    expect_str(fields[11].name, "from");
    stop(&f);
}

static void
test_templates(void **state)
{
    eff_str rest = EFF_STR("a {{ b }}{{c}} d"), text, column;
    size_t bad;

    (void)state;
    assert_true(eff_template_next(&rest, &text, &column, &bad));
    expect_str(text, "a ");
    expect_str(column, "b");
    assert_true(eff_template_next(&rest, &text, &column, &bad));
    assert_int_equal(text.len, 0);
    expect_str(column, "c");
    assert_true(eff_template_next(&rest, &text, &column, &bad));
    expect_str(text, " d");
    assert_null(column.ptr);
    assert_false(eff_template_next(&rest, &text, &column, &bad));
    assert_true(bad == SIZE_MAX);
    rest = EFF_STR("a }} {{ b }}");
    assert_false(eff_template_next(&rest, &text, &column, &bad));
    assert_int_equal(bad, 2);
}

static void
test_field_problems(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    file(&f, "efferent.yml",
         BASE SYNC "match: {x: {from: y, null: skip}}\n"
                   "fields:\n"
                   "  a: 'x {{ b'\n"
                   "  b: 'x }} y'\n"
                   "  c: '{{ c | upper }}'\n"
                   "  d: 5\n"
                   "  e:\n"
                   "  f: [a]\n"
                   "  g: {const: 1, lower: true}\n"
                   "  h: {from: a, template: '{{ b }}'}\n"
                   "  i: {lower: true, upper: true}\n"
                   "  j: {otherwise: 1}\n"
                   "  k: {map: {~: x}}\n"
                   "  l: {map: [a]}\n"
                   "  m: {form: a}\n"
                   "  n: {from: '{{ a }}'}\n"
                   "  o: {const: [1]}\n"
                   "  .p: a\n"
                   "  q: a\n"
                   "  q.r: b\n"
                   "  s: {hash: md5}\n"
                   "  x: z\n");
    load(
        &f, NULL,
        "efferent.yml:8:28 EFF1206 `null` has no meaning in `match` [Remove it: a row whose match "
        "value is NULL is refused.]\n"
        "efferent.yml:10:9 EFF1207 the template cannot be read from \"{{ b\" on [Write {{ column }}: "
        "a column's name between two pairs of braces; changes such as `lower` are keys of their "
        "own.]\n"
        "efferent.yml:11:9 EFF1207 the template cannot be read from \"}} y\" on [Write {{ column }}: "
        "a column's name between two pairs of braces; changes such as `lower` are keys of their "
        "own.]\n"
        "efferent.yml:12:7 EFF1207 the template cannot be read from \"{{ c | upper }}\" on [Write {{ "
        "column }}: a column's name between two pairs of braces; changes such as `lower` are keys "
        "of their own.]\n"
        "efferent.yml:13:6 EFF1206 expected the name of a column, found \"5\" [Write {const: ...} for "
        "a constant; quote the name of a column that looks like one.]\n"
        "efferent.yml:14:3 EFF1206 `e` expects a column, found nothing [Write `field: column` or "
        "`field: {from: column, ...}`.]\n"
        "efferent.yml:15:6 EFF1206 `f` expects a column, found a list [Write `field: column` or "
        "`field: {from: column, ...}`.]\n"
        "efferent.yml:16:6 EFF1205 `const` stands alone: a constant needs no other key [Write the "
        "final value as `const`.]\n"
        "efferent.yml:17:13 EFF1205 `from` and `template` contradict each other\n"
        "efferent.yml:18:14 EFF1205 `lower` and `upper` contradict each other\n"
        "efferent.yml:19:18 EFF1206 `otherwise` needs `map` [For NULL, write `default`.]\n"
        "efferent.yml:20:13 EFF1206 `map` cannot list NULL [Say what a NULL becomes by `default:`; "
        "quote the word if it is text.]\n"
        "efferent.yml:21:12 EFF1103 `map` expects a mapping with at least one pair, found a list "
        "[Write {value: what it becomes, ...}.]\n"
        "efferent.yml:22:7 EFF1101 unknown key `form` [Did you mean `from`?]\n"
        "efferent.yml:23:13 EFF1206 `from` names one column [Write it as `template:`.]\n"
        "efferent.yml:24:14 EFF1103 `const` expects one value, found a list\n"
        "efferent.yml:25:3 EFF1204 \".p\" is not the name of a field [Dots separate the parts of a "
        "nested field: address.city.]\n"
        "efferent.yml:27:3 EFF1205 `q` and `q.r` contradict each other: one holds the other\n"
        "efferent.yml:28:13 EFF1104 `hash` expects none or sha256, found \"md5\"\n"
        "efferent.yml:29:3 EFF1205 `x` says which record it is, and cannot get another value [Remove "
        "it from `fields`, or match by another field.]\n");
    stop(&f);
}

/* What match or the key writes is not sent twice; in mode append there is no match. */
static void
test_fields_beside_match(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    file(
        &f, "efferent.yml",
        BASE SYNC
        "fields: [id, email]\n"
        "---\nsync: b\nsql: select 1\nkey: id\nto: copy.t\nmatch: {x: id}\nfields: {x: id, id: id}\n"
        "---\nsync: c\nsql: select 1\nkey: id\nto: copy.t\nmode: append\nfields: [id, email]\n"
        "---\nsync: d\nsql: select 1\nkey: id\nto: copy.t\nmatch: email\nmode: members\n");
    load(&f, NULL, "");
    assert_int_equal(f.project->syncs[0].fields_count, 1);
    expect_str(f.project->syncs[0].fields[0].name, "email");
    assert_int_equal(f.project->syncs[1].fields_count, 1);
    expect_str(f.project->syncs[1].fields[0].name, "id");
    assert_int_equal(f.project->syncs[2].fields_count, 2);
    assert_int_equal(f.project->syncs[3].fields_count, 0);
    assert_int_equal(f.project->syncs[3].match_count, 1);
    assert_int_equal(f.project->syncs[3].on_removed, EFF_REMOVED_DELETE);
    stop(&f);
}

static void
test_everything_wrong(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    file(
        &f, "efferent.yml",
        "nam: x\n"
        "alerts: {ops: {}}\n"
        "memory: 1MiB\n"
        "sources:\n"
        "  shop: {type: sqlit, path: x}\n"
        "  \"a b\": {type: sqlite}\n"
        "  snow: {type: snowflake}\n"
        "  none: {path: x}\n"
        "destinations:\n"
        "  crm: {type: salesforce, instance_url: 'https://u:pw@h', auth: {client_id: x}, batch: 0}\n"
        "---\n"
        "other: 1\n");
    file(&f, "syncs/a.yml",
         "sync: a/b\n"
         "to: cmr.Lead\n"
         "mode: mirorr\n"
         "---\n"
         "sync: c\n"
         "source: shopp\n"
         "model: ref('x')\n"
         "table: t\n"
         "key: [a, a]\n"
         "to: Lead\n"
         "mode: mirror\n"
         "on_removed: keep\n"
         "guard: {max_removed: lots}\n"
         "schedule: {every: 5m}\n"
         "fields: [a, b, b, {c: d}, null]\n"
         "after: [d, c]\n"
         "---\n"
         "- not a sync\n");
    file(&f, "syncs/b.yaml",
         "sync: c\n"
         "source: shop\n"
         "model: models/x.sql\n"
         "key: []\n"
         "to: {destination: crm, objct: x}\n"
         "mode: append\n"
         "on_removed: delete\n"
         "fields: {}\n");
    file(&f, "syncs/c.yml", "sync: [\n");
    load(
        &f, NULL,
        "efferent.yml:1:1 EFF1101 unknown key `nam` [Did you mean `name`?]\n"
        "efferent.yml:2:1 EFF1105 `alerts` is not in this version yet [Remove it; let whatever starts "
        "`efferent run` look at its exit code.]\n"
        "efferent.yml:3:9 EFF1104 `memory` expects 16777216 to 1099511627776 bytes, found \"1MiB\"\n"
        "efferent.yml:5:16 EFF1201 there is no source type \"sqlit\" [Did you mean `sqlite`?]\n"
        "efferent.yml:6:3 EFF1204 \"a b\" cannot be the name of a source [Use letters, digits, _ and - "
        "(not first), at most 64.]\n"
        "efferent.yml:7:16 EFF1105 source type \"snowflake\" is not in this version yet\n"
        "efferent.yml:8:3 EFF1102 source `none` has no `type` [Add `type:`, such as `type: sqlite`.]\n"
        "efferent.yml:10:41 EFF1104 `instance_url` expects a url without user name or password, found "
        "\"...@...\" [Give user and password by the options made for them.]\n"
        "efferent.yml:10:65 EFF1102 `client_secret` is missing [And the proof.]\n"
        "efferent.yml:10:88 EFF1104 `batch` expects 1 to 10000, found \"0\"\n"
        "efferent.yml:12:1 EFF1203 there are two documents about the project [A document with `sync:` "
        "is a sync; put all else into the first one.]\n"
        "syncs/a.yml:1:1 EFF1102 the sync does not say what to read [Add one of `sql`, `table` and "
        "`model`.]\n"
        "syncs/a.yml:1:1 EFF1102 `source` is missing, and the project has more than one [Add `source:` "
        "with one of their names.]\n"
        "syncs/a.yml:1:1 EFF1102 `key` is missing [Name the column, or columns, that tell one row from "
        "all others.]\n"
        "syncs/a.yml:1:1 EFF1102 `fields` is missing [Add a list of columns, or a mapping of fields to "
        "columns.]\n"
        "syncs/a.yml:1:7 EFF1204 \"a/b\" cannot be the name of a sync [Use letters, digits, _ and - "
        "(not first), at most 64.]\n"
        "syncs/a.yml:2:5 EFF1202 there is no destination \"cmr\" [Did you mean `crm`?]\n"
        "syncs/a.yml:3:7 EFF1104 `mode` expects upsert, update, insert, mirror, append or members, "
        "found \"mirorr\" [Did you mean `mirror`?]\n"
        "syncs/a.yml:6:9 EFF1202 there is no source \"shopp\" [Did you mean `shop`?]\n"
        "syncs/a.yml:7:8 EFF1205 the sync says twice what to read [Keep one of `sql`, `table` and "
        "`model`.]\n"
        "syncs/a.yml:7:8 EFF1102 ref('x') needs a dbt project, and the project names none [Add `dbt: "
        "{project: ../analytics}` to efferent.yml.]\n"
        "syncs/a.yml:9:6 EFF1203 `key` lists \"a\" twice [Remove one of the two.]\n"
        "syncs/a.yml:10:5 EFF1104 `to` expects destination.object, such as crm.Contact [Write the "
        "destination's name, a dot, and what it is over there.]\n"
        "syncs/a.yml:12:13 EFF1205 `on_removed: keep` contradicts `mode: mirror` [Use `mode: upsert` "
        "for this, or remove `on_removed`.]\n"
        "syncs/a.yml:13:22 EFF1104 `guard.max_removed` expects a percentage such as 10%, a number of "
        "rows, or {percent, rows}\n"
        "syncs/a.yml:14:1 EFF1105 `schedule` is not in this version yet [Remove it; start `efferent "
        "run` from cron or a systemd timer.]\n"
        "syncs/a.yml:15:16 EFF1203 `b` is there twice [Remove one of the two.]\n"
        "syncs/a.yml:15:19 EFF1206 a list holds names of columns only [Write a mapping, `field: "
        "column`, where the names differ.]\n"
        "syncs/a.yml:15:27 EFF1206 a list holds names of columns only [Write a mapping, `field: "
        "column`, where the names differ.]\n"
        "syncs/a.yml:16:8 EFF1202 `after` names a sync \"d\" that does not exist [Did you mean `c`?]\n"
        "syncs/a.yml:16:8 EFF1205 sync \"c\" waits for itself\n"
        "syncs/a.yml:18:1 EFF1103 expected a sync, found a list\n"
        "syncs/b.yaml:1:7 EFF1203 there is another sync \"c\" at syncs/a.yml:5 [Rename one of the two.]\n"
        "syncs/b.yaml:3:8 EFF1001 cannot read models/x.sql: No such file or directory [A path is "
        "relative to the folder of the file it stands in.]\n"
        "syncs/b.yaml:4:6 EFF1103 `key` expects at least one entry, found a list\n"
        "syncs/b.yaml:5:5 EFF1102 `object` is missing [Table, object, list or file over there.]\n"
        "syncs/b.yaml:5:24 EFF1101 unknown key `objct` [Did you mean `object`?]\n"
        "syncs/b.yaml:7:13 EFF1205 `on_removed: delete` contradicts `mode: append` [Remove "
        "`on_removed`: this mode never touches a record again.]\n"
        "syncs/b.yaml:8:9 EFF1103 `fields` expects at least one field in a list or mapping, found a "
        "mapping [Write a list of columns, or a mapping of fields to columns.]\n"
        "syncs/c.yml:2:1 EFF1003 YAML: flow sequence without a closing bracket\n");
    stop(&f);
}

static const char targets[] =
    "state: var\n"
    "sources: {shop: {type: sqlite, path: dev.db}, other: {type: sqlite, path: o.db}}\n"
    "destinations: {crm: {type: salesforce, instance_url: ${DEV_URL}, auth: {client_id: ${DEV}, "
    "client_secret: x}}}\n"
    "targets:\n"
    "  prod:\n"
    "    sources: {shop: {type: postgres, url: postgresql:///shop}}\n"
    "    destinations:\n"
    "      crm: {type: salesforce, instance_url: ${SF_URL}, auth: {client_id: ${SF_ID}, "
    "client_secret: ${secret:sf_secret}}}\n"
    "      new: {type: sqlite, path: n.db}\n"
    "  stage: {state: {path: /abs/state, must_exist: true}, destinations: {crm: {type: sqlite, path: "
    "s.db}}}\n";

static void
test_targets(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    file(&f, "efferent.yml", targets);
    load(&f, "prod", ""); /* ${DEV_URL} is not set, and not needed */
    expect_str(f.project->state, "/p/var/prod");
    expect_str(f.project->target, "prod");
    assert_false(f.project->state_must_exist);
    assert_int_equal(f.project->sources_count, 2);
    assert_ptr_equal(f.project->sources[0].kind, &confworld_sources[1]);
    assert_null(((const struct confworld_db *)f.project->sources[0].config)->path.ptr);
    expect_str(((const struct confworld_db *)f.project->sources[1].config)->path, "/p/o.db");
    assert_int_equal(f.project->dests_count, 2);
    expect_str(f.project->dests[1].name, "new");
    assert_int_equal(f.project->secrets_count, 2);
    stop(&f);

    start(&f);
    file(&f, "efferent.yml", targets);
    load(&f, "stage", "");
    expect_str(f.project->state, "/abs/state");
    assert_true(f.project->state_must_exist);
    stop(&f);

    start(&f);
    file(&f, "efferent.yml", targets);
    load(&f, NULL,
         "efferent.yml:3:54 EFF1106 ${DEV_URL} is not set [Set the environment variable DEV_URL.]\n"
         "efferent.yml:3:84 EFF1106 ${DEV} is not set [Set the environment variable DEV.]\n");
    stop(&f);

    /* What a target misspells would leave the one that was meant in use. */
    start(&f);
    file(
        &f, "efferent.yml",
        "sources: {shop: {type: sqlite, path: dev.db}}\n"
        "destinations: {crm: {type: sqlite, path: crm.db}}\n"
        "targets:\n"
        "  prod: {destinations: {crmm: {type: sqlite, path: p.db}, late: {type: sqlite, path: l.db}}}\n"
        "---\n"
        "{sync: a, table: t, key: id, to: crm.t, fields: [x], source: shop}\n"
        "---\n"
        "{sync: b, table: t, key: id, to: late.t, fields: [x], source: shop}\n");
    load(
        &f, "prod",
        "efferent.yml:4:25 EFF1202 target \"prod\" replaces no destination \"crmm\", and no sync uses "
        "it [Did you mean `crm`?]\n");
    stop(&f);

    start(&f);
    file(&f, "efferent.yml", "targets: {prod: {sorces: {}}, 'a/b': {}, x: 1}\n");
    load(
        &f, "prd",
        "efferent.yml:1:10 EFF1202 there is no target \"prd\" in `targets` [Did you mean `prod`?]\n"
        "efferent.yml:1:18 EFF1101 unknown key `sorces` [Did you mean `sources`?]\n"
        "efferent.yml:1:31 EFF1204 \"a/b\" cannot be the name of a target [Use letters, digits, _ and "
        "- (not first), at most 64.]\n"
        "efferent.yml:1:45 EFF1103 expected a mapping, found text\n");
    stop(&f);

    start(&f);
    file(&f, "efferent.yml", "state: postgres://h/db\n");
    load(
        &f, "prod",
        "efferent.yml:1:1 EFF1202 there is no target \"prod\" in `targets`\n"
        "efferent.yml:1:8 EFF1105 state in a database is not in this version yet [Use a folder; syncs "
        "that share it must run on one machine.]\n");
    stop(&f);

    start(&f);
    file(&f, "efferent.yml", "dbt: {project: dbt}\n");
    load(
        &f, "prod",
        "efferent.yml:1:1 EFF1202 there is no target \"prod\" in `targets` [For the output of that "
        "name in dbt's profile, add `targets: {prod: {}}` to efferent.yml: a target has a state of "
        "its own.]\n");
    stop(&f);
}

static void
test_secrets_file(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    f.world.secrets_file_problem = "can be read by others";
    file(&f, "efferent.yml", "name: ${secret:gone}\nsecrets: conf/secrets\n");
    load(&f, NULL,
         "efferent.yml:2:10 EFF1001 /p/conf/secrets can be read by others [Run: chmod 600]\n");
    stop(&f);
}

static void
test_nothing(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    load(&f, NULL,
         "efferent.yml:1:1 EFF1001 cannot read efferent.yml: No such file or directory [Go to the "
         "project's folder, or make one by `efferent init`.]\n");
    stop(&f);
    start(&f);
    file(&f, "efferent.yml", "");
    load(&f, NULL, "");
    expect_str(f.project->name, "p");
    assert_int_equal(f.project->syncs_count, 0);
    stop(&f);
    start(&f);
    file(&f, "efferent.yml", SYNC "fields: [a]\n");
    load(&f, NULL,
         "efferent.yml:1:1 EFF1102 the project has no source to read from [Add `sources:` to "
         "efferent.yml.]\n"
         "efferent.yml:4:5 EFF1202 there is no destination \"copy\" [Add `destinations:` to "
         "efferent.yml.]\n");
    stop(&f);
}

static void
test_cycle(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    file(&f, "efferent.yml",
         BASE SYNC "fields: [x]\nafter: b\n"
                   "---\nsync: b\nsql: select 1\nkey: id\nto: copy.t\nfields: [x]\nafter: [c]\n"
                   "---\nsync: c\nsql: select 1\nkey: id\nto: copy.t\nfields: [x]\nafter: [a]\n"
                   "---\nsync: d\nsql: select 1\nkey: id\nto: copy.t\nfields: [x]\n");
    load(&f, NULL,
         "efferent.yml:9:8 EFF1205 sync \"a\" waits for itself by way of `after` [Remove one "
         "`after` of the circle.]\n");
    stop(&f);
}

static void
test_guards(void **state)
{
    struct fixture f;
    const struct eff_sync_conf *syncs;

    (void)state;
    start(&f);
    file(
        &f, "efferent.yml",
        BASE SYNC
        "fields: [x]\nguard: {max_removed: 0}\n"
        "---\nsync: b\nsql: select 1\nkey: id\nto: copy.t\nfields: [x]\n"
        "guard: {max_removed: {percent: 20%, rows: 7}}\n"
        "---\nsync: c\nsql: select 1\nkey: id\nto: copy.t\nfields: [x]\nguard: {max_removed: {rows: 3}}\n"
        "---\nsync: d\nsql: select 1\nkey: id\nto: copy.t\nfields: [x]\nguard: {max_changed: 0%}\n");
    load(&f, NULL, "");
    syncs = f.project->syncs;
    assert_true(syncs[0].guard_removed_rows == 0 && syncs[0].guard_removed_percent == 100);
    assert_true(syncs[1].guard_removed_rows == 7 && syncs[1].guard_removed_percent == 20);
    assert_true(syncs[2].guard_removed_rows == 3 && syncs[2].guard_removed_percent == 100);
    assert_true(syncs[3].guard_removed_rows == -1 && syncs[3].guard_removed_percent == 10);
    assert_true(syncs[3].guard_changed_percent == 0 && syncs[0].guard_changed_percent == -1);
    stop(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_field_problems),
        cmocka_unit_test(test_fields_beside_match),
        cmocka_unit_test(test_everything_wrong),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_secrets_file),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_cycle),
        cmocka_unit_test(test_guards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
