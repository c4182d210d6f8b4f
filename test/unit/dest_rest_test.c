/*
 * Goal: what cannot be told as a case: capabilities and sizes, jobs that outlive
 * the process, credentials, rate headers, which file of two wins, quoting.
 * Method: embedded connectors, stepped by hand; random values for what must hold
 * for all of them.
 * covers: B4, B7, B11, E3, S4, S9
 */
// links: dest conf flow base assets
#include "base/assets.h"
#include "base/json.h"
#include "dest/render.h"
#include "lib/random.h"
#include "lib/restdest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct eff_arena arena;
static struct restdest world;

#define SALESFORCE "{instance_url: 'https://acme.my.salesforce.com', token: t, bulk_threshold: 10}"

static int
setup(void **state)
{
    (void)state;
    eff_arena_init(&arena, "test", (size_t)512 << 20);
    return restdest_kinds(&world, &arena, 0, NULL) ? 0 : 1;
}

static int
teardown(void **state)
{
    (void)state;
    if (world.dest && world.dest->ops->close)
        world.dest->ops->close(world.dest);
    eff_arena_deinit(&arena);
    return 0;
}

static void
opened(const char *kind, const char *block)
{
    if (world.dest && world.dest->ops->close)
        world.dest->ops->close(world.dest);
    world.dest = NULL;
    if (!restdest_open(&world, kind, block))
        fail_msg("%s: %s %s " EFF_STR_FMT, kind, world.err.where, world.err.msg,
                 EFF_STR_ARG(world.problems.count ? world.problems.at[0].message : EFF_STR("")));
}

static bool
said(const char *text)
{
    return eff_str_find(eff_str_of(world.err.msg), eff_str_of(text)) != SIZE_MAX ||
           eff_str_find(eff_str_of(world.err.hint), eff_str_of(text)) != SIZE_MAX;
}

static void
capabilities(void **state)
{
    (void)state;
    opened("hubspot", "{token: t}");
    assert_true(restdest_bind(&world, EFF_MODE_UPSERT, EFF_REMOVED_CLEAR, "contacts", 0));
    assert_true(restdest_bind(&world, EFF_MODE_MIRROR, EFF_REMOVED_DELETE, "contacts", 0));
    assert_true(world.limits[EFF_OP_DELETE].supported && world.limits[EFF_OP_DELETE].by_remote_id);
    assert_int_equal(world.limits[EFF_OP_UPSERT].class, EFF_CLASS_CONVERGE);
    assert_int_equal(world.limits[EFF_OP_CREATE].class, EFF_CLASS_LOOKUP);
    assert_int_equal(world.limits[EFF_OP_UPSERT].rows_max, 100);
    assert_false(world.limits[EFF_OP_APPEND].supported);
    assert_true(restdest_bind(&world, EFF_MODE_MEMBERS, EFF_REMOVED_DELETE, "7", 0));
    assert_true(world.limits[EFF_OP_REMOVE].uses_match);
    opened("salesforce", SALESFORCE);
    assert_false(restdest_bind(&world, EFF_MODE_MEMBERS, EFF_REMOVED_KEEP, "Lead", 0));
    assert_true(said("cannot do mode members") && said("upsert, update, insert, mirror"));
    assert_false(restdest_bind(&world, EFF_MODE_MIRROR, EFF_REMOVED_ARCHIVE, "Lead", 0));
    assert_true(said("on_removed: archive") &&
                said("With mode mirror it can do on_removed: delete."));
    opened("http", "{url: 'https://a.example', objects: {only: [a, b]}, operations: "
                   "{append: {post: /x, answer: {all: taken}}}}");
    assert_true(restdest_bind(&world, EFF_MODE_APPEND, EFF_REMOVED_KEEP, "a", 0));
    assert_int_equal(world.limits[EFF_OP_APPEND].class, EFF_CLASS_BLIND);
    assert_false(restdest_bind(&world, EFF_MODE_APPEND, EFF_REMOVED_KEEP, "c", 0));
    assert_true(said("no object `c`") && said("a, b"));
}

/* A number that the project gives is the most; the usual one may be more, too, as the answers say. */
static void
limits_as_given_and_as_told(void **state)
{
    const struct eff_rate_limit *limits;

    (void)state;
    opened("zendesk", "{url: 'https://a.zendesk.com', email: a@b.example, token: t}");
    assert_int_equal(world.dest->ops->rates(world.dest, &limits), 1);
    assert_int_equal(limits[0].requests, 200);
    assert_true(limits[0].usual);
    opened("zendesk", "{url: 'https://a.zendesk.com', email: a@b.example, token: t, "
                      "calls_per_minute: 100}");
    assert_int_equal(world.dest->ops->rates(world.dest, &limits), 1);
    assert_int_equal(limits[0].requests, 100);
    assert_false(limits[0].usual);
    opened("stripe", "{token: t}"); // whose answers tell of no limit
    assert_int_equal(world.dest->ops->rates(world.dest, &limits), 2);
    assert_false(limits[0].usual);
    opened("klaviyo",
           "{api_key: k}"); // so many a second and so many a minute, of the same requests
    assert_int_equal(world.dest->ops->rates(world.dest, &limits), 8);
    assert_true(limits[0].per_ms == 1000 && limits[1].per_ms == 60000);
    assert_int_equal(limits[0].bucket, limits[1].bucket);
    assert_true(limits[1].bucket != limits[2].bucket);
}

/* Ten minutes, or what the connector says, or what the project says. */
static void
late_requests(void **state)
{
    static const struct {
        const char *kind, *block;
        int64_t late_ms;
    } cases[] = {{"hubspot", "{token: t}", 600000},
                 {"hubspot", "{token: t, late_apply: 2h}", 7200000},
                 {"hubspot", "{token: t, late_apply: 0}", 0},
                 {"exec", "{program: /bin/true}", 600000},
                 {"exec", "{program: /bin/true, late_apply: 3s}", 3000}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        opened(cases[i].kind, cases[i].block);
        assert_true(restdest_bind(&world, EFF_MODE_UPSERT, EFF_REMOVED_KEEP, "contacts", 0));
        assert_int_equal(world.limits[EFF_OP_UPSERT].late_ms, cases[i].late_ms);
    }
}

static void
rows_decide_about_bulk(void **state)
{
    (void)state;
    opened("salesforce", SALESFORCE);
    assert_true(restdest_bind(&world, EFF_MODE_UPSERT, EFF_REMOVED_KEEP, "Lead", 10));
    assert_int_equal(world.limits[EFF_OP_UPSERT].rows_max, 200);
    assert_true(restdest_bind(&world, EFF_MODE_UPSERT, EFF_REMOVED_KEEP, "Lead", 11));
    assert_int_equal(world.limits[EFF_OP_UPSERT].rows_max, 10000);
    assert_true(world.limits[EFF_OP_UPSERT].bytes_max > 1000000);
}

/* A mistake in the user's own block is told where it stands. */
static void
mistakes_in_the_project(void **state)
{
    (void)state;
    if (world.dest && world.dest->ops->close)
        world.dest->ops->close(world.dest);
    world.dest = NULL;
    assert_false(
        restdest_open(&world, "http",
                      "url: https://a.example\noperations:\n  append:\n    post: /x\n"
                      "    json: {a: '{fields.a}', b: '{filds.b}'}\n    answer: {all: taken}\n"));
    assert_true(said("unknown name"));
    assert_string_equal(world.err.where, "efferent.yml:5:33");
}

/* The largest batch: every row is there, in order, and estimates were not too small. */
static void
largest_batches(void **state)
{
    static const struct {
        const char *kind, *block, *object;
        size_t rows;
    } all[] = {
        {"hubspot", "{token: t}", "contacts", 100},
        {"salesforce", SALESFORCE, "Lead", 200},
        {"http",
         "{url: 'https://a.example', operations: {upsert: {class: converge, batch: {rows: 500}, "
         "post: /x, form: {r: {for_each: row, item: {k: '{match.value}', v: '{fields}'}}}, "
         "answer: {all: applied}}}}",
         "x", 500}};
    eff_str names[] = {EFF_STR("a"), EFF_STR("b.c"), EFF_STR("d"), EFF_STR("e"), EFF_STR("Ext")};
    struct eff_value fields[] = {
        eff_value_of_str(EFF_TEXT, EFF_STR("\x01\"\\ é 世界\n")),
        eff_value_of_int(EFF_INT, INT64_MIN),
        eff_value_of_str(EFF_DECIMAL, EFF_STR("-12345678901234567890.123456789")),
        eff_value_of_int(EFF_INSTANT, 253402300799999999),
        eff_value_of_str(EFF_JSON, EFF_STR("{\"x\":[1,2,{\"y\":\"z\"}]}"))};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct eff_arena before = arena;
        struct eff_delivery *d;
        struct eff_step step;
        size_t estimate = 0;

        opened(all[i].kind, all[i].block);
        assert_true(restdest_bind(&world, EFF_MODE_UPSERT, EFF_REMOVED_KEEP, all[i].object, 1));
        d = restdest_rows(&world, EFF_OP_UPSERT, all[i].object, "Ext_Id__c", all[i].rows, 5, names,
                          fields);
        for (size_t k = 0; k < d->count; k++)
            estimate += world.dest->ops->item_bytes(world.dest, d, &d->items[k]);
        step = restdest_step(&world, d, NULL);
        assert_int_equal(step.kind, EFF_STEP_SEND);
        if (step.request.body.len > estimate + 1024 || estimate > 6 * step.request.body.len)
            fail_msg("%s: estimated %zu, took %zu", all[i].kind, estimate, step.request.body.len);
        assert_true(step.request.writes && step.request.carries_rows);
        assert_true(eff_str_find(step.request.body,
                                 eff_str_printf(&arena, "k%zu", all[i].rows - 1)) != SIZE_MAX);
        world.dest->ops->close(world.dest);
        world.dest = NULL;
        arena = before;
    }
}

/* As a lane does it: what is to be split is sent in halves; verdicts go back to the whole's rows. */
static void
deliver_rows(const struct eff_delivery *whole, const size_t *rows, size_t count)
{
    struct eff_delivery part = *whole;
    struct eff_step step;

    part.count = count;
    part.items = eff_new(&arena, struct eff_item, count);
    for (size_t i = 0; i < count; i++) {
        part.items[i] = whole->items[rows[i]];
        part.items[i].index = i;
    }
    step = restdest_step(&world, &part, NULL);
    while (step.kind == EFF_STEP_SEND) {
        bool bad = eff_str_find(step.request.body, EFF_STR("\"k3\"")) != SIZE_MAX ||
                   eff_str_find(step.request.body, EFF_STR("\"k1995\"")) != SIZE_MAX;
        struct eff_response answer = restdest_answer(bad ? 422 : 200, "{}");

        step = restdest_step(&world, &part, &answer);
    }
    if (step.kind == EFF_STEP_SPLIT) {
        deliver_rows(whole, rows, count / 2);
        deliver_rows(whole, rows + count / 2, count - count / 2);
        return;
    }
    assert_int_equal(step.kind, EFF_STEP_DONE);
    for (size_t i = 0; i < count; i++)
        whole->items[rows[i]].verdict = part.items[i].verdict;
}

/* Each part of a batch whose address is too long has a bad row: two runs deliver all others. */
static void
bad_rows_in_every_part(void **state)
{
    struct eff_delivery *d;
    size_t rows[2000];

    (void)state;
    opened("http", "{url: 'https://a.example', operations: {upsert: {class: converge, "
                   "batch: {rows: 2000}, put: /x, query: {ids: '{rows.match.value}'}, "
                   "json: {keys: {for_each: row, item: '{match.value}'}}, "
                   "answer: {all: applied}}}}");
    assert_true(restdest_bind(&world, EFF_MODE_UPSERT, EFF_REMOVED_KEEP, "x", 1));
    d = restdest_rows(&world, EFF_OP_UPSERT, "x", "id", 2000, 0, NULL, NULL);
    for (int run = 0; run < 2; run++) {
        size_t count = 0;

        for (size_t i = 0; i < d->count; i++) {
            enum eff_outcome outcome = d->items[i].verdict.outcome;

            if (outcome != EFF_APPLIED && outcome != EFF_REFUSED)
                rows[count++] = i;
        }
        if (count > 0)
            deliver_rows(d, rows, count);
    }
    for (size_t i = 0; i < d->count; i++)
        assert_int_equal(d->items[i].verdict.outcome,
                         i == 3 || i == 1995 ? EFF_REFUSED : EFF_APPLIED);
    world.dest->ops->close(world.dest);
    world.dest = NULL;
}

static eff_str
header_of(const struct eff_request *request, const char *name)
{
    for (size_t i = 0; i < request->headers_count; i++) {
        if (eff_str_eq_nocase(request->headers[i].name, eff_str_of(name)))
            return request->headers[i].value;
    }
    return EFF_STR_NONE;
}

/* The process dies after the job was closed: the next one asks the same job. */
static void
a_job_outlives_the_process(void **state)
{
    eff_str names[] = {EFF_STR("a")};
    struct eff_value fields[] = {eff_value_of_int(EFF_INT, 1)};
    struct eff_delivery *d, *again;
    struct eff_response created = restdest_answer(200, "{\"id\":\"750\",\"state\":\"Open\"}");
    struct eff_response done = restdest_answer(200, "{\"id\":\"750\",\"state\":\"JobComplete\"}");
    struct eff_response ok = restdest_answer(201, "");
    struct eff_step step;

    (void)state;
    opened("salesforce", SALESFORCE);
    assert_true(restdest_bind(&world, EFF_MODE_UPSERT, EFF_REMOVED_KEEP, "Lead", 11));
    d = restdest_rows(&world, EFF_OP_UPSERT, "Lead", "Ext", 2, 1, names, fields);
    assert_int_equal(restdest_step(&world, d, NULL).kind, EFF_STEP_SEND);
    step = restdest_step(&world, d, &created);
    assert_true(d->memo_changed && eff_str_is(step.request.method, "PUT"));
    again = restdest_rows(&world, EFF_OP_UPSERT, "Lead", "Ext", 2, 1, names, fields);
    again->memo = d->memo; /* died before the upload was closed: nothing was processed */
    step = restdest_step(&world, again, NULL);
    assert_true(step.kind == EFF_STEP_SEND &&
                eff_str_ends(step.request.url, EFF_STR("/jobs/ingest")));
    d->memo_changed = false;
    step = restdest_step(&world, d, &ok); /* durable before the closing request leaves */
    assert_true(d->memo_changed && eff_str_is(step.request.method, "PATCH"));
    again = restdest_rows(&world, EFF_OP_UPSERT, "Lead", "Ext", 2, 1, names, fields);
    again->memo = d->memo;
    step = restdest_step(&world, again, NULL);
    assert_true(step.kind == EFF_STEP_SEND && eff_str_is(step.request.method, "GET") &&
                eff_str_ends(step.request.url, EFF_STR("/jobs/ingest/750")) &&
                !step.request.writes);
    step = restdest_step(&world, again, &done);
    assert_true(eff_str_ends(step.request.url, EFF_STR("/successfulResults")));
    ok = restdest_answer(200, "sf__Id,sf__Created,Ext,a\n003,true,k1,1\n003a,false,k0,1\n");
    step = restdest_step(&world, again, &ok);
    assert_int_equal(step.kind, EFF_STEP_DONE); /* the other files could name nobody else */
    assert_true(eff_str_is(again->items[0].verdict.remote_id, "003a"));
    assert_true(eff_str_is(again->items[1].verdict.remote_id, "003") &&
                again->items[1].verdict.created);
    assert_int_equal(again->memo.len, 0); /* a resend would make a new job */
}

/* What would be refused of each row is told of the mapping, before anything is sent. */
static void
names_that_no_row_can_have(void **state)
{
    static const struct {
        const char *last;
        size_t count; /* with that one; the match is one of them, too */
        const char *says;
    } cases[] = {
        {"metadata.k", 49, NULL},
        {"metadata.k", 50, "is one too many"},
        {"name", 50, NULL},
        {"metadata.a_key_that_has_forty_characters_in_all_a", 1, NULL},
        {"metadata.a_key_that_has_forty_one_characters_nowab", 1, "takes no name like"},
        {"metadata.a[b]", 1, "takes no name like"},
    };
    eff_str fields[50], match = EFF_STR("metadata.id");

    (void)state;
    opened("stripe", "{token: t}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct eff_dest_sync sync = {.name = EFF_STR("s"),
                                     .run = EFF_STR("r"),
                                     .mode = EFF_MODE_UPSERT,
                                     .object = EFF_STR("customers"),
                                     .match_count = 1,
                                     .match_names = &match,
                                     .fields_count = cases[i].count,
                                     .field_names = fields};

        for (size_t k = 0; k < cases[i].count; k++)
            fields[k] = eff_str_printf(&arena, "metadata.k%zu", k);
        fields[cases[i].count - 1] = eff_str_of(cases[i].last);
        world.err = (struct eff_err){0};
        assert_int_equal(world.dest->ops->bind(world.dest, &sync, world.limits, &world.err),
                         cases[i].says ? EFF_CONFIG : EFF_OK);
        if (cases[i].says)
            assert_non_null(strstr(world.err.msg, cases[i].says));
    }
}

/* An answer that ends within a line may have lost the rest of the last name. */
static void
a_cut_result_file_names_nobody(void **state)
{
    eff_str names[] = {EFF_STR("a")};
    struct eff_value fields[] = {eff_value_of_int(EFF_INT, 1)};
    struct eff_delivery *d;
    struct eff_response done = restdest_answer(200, "{\"state\":\"JobComplete\"}");
    struct eff_response cut = restdest_answer(200, "sf__Id,sf__Created,Ext\n003,true,k1");

    (void)state;
    opened("salesforce", SALESFORCE);
    assert_true(restdest_bind(&world, EFF_MODE_UPSERT, EFF_REMOVED_KEEP, "Lead", 20));
    d = restdest_rows(&world, EFF_OP_UPSERT, "Lead", "Ext", 12, 1, names, fields);
    d->memo = EFF_STR("{\"job\":\"750\",\"closing\":true,\"started\":0,\"variant\":1}");
    assert_int_equal(restdest_step(&world, d, NULL).kind, EFF_STEP_SEND);
    assert_int_equal(restdest_step(&world, d, &done).kind, EFF_STEP_SEND);
    assert_int_equal(restdest_step(&world, d, &cut).kind, EFF_STEP_WAIT); /* asked for once more */
    assert_int_equal(d->items[1].verdict.outcome, EFF_PENDING);
}

/* What is refused on this side can never be sent; a redirect leads nowhere. Both are told as such. */
static void
what_no_try_can_help(void **state)
{
    static const struct eff_header location = {{"location", 8},
                                               {"https://b.example/x?token=s3cret", 32}};
    eff_str names[] = {EFF_STR("a")};
    struct eff_value fields[] = {eff_value_of_int(EFF_INT, 1)};
    struct eff_response refused = {.wire = EFF_WIRE_NOT_SENT,
                                   .not_allowed = true,
                                   .problem = EFF_STR("address 127.0.0.1 is not allowed")};
    struct eff_response moved = restdest_answer(307, "");
    const struct eff_response *answers[] = {&refused, &moved};
    static const char *const says[] = {"nothing is sent to HTTP: address 127.0.0.1",
                                       "HTTP answered 307: it leads to https://b.example/x, "
                                       "and redirects are not followed"};
    struct eff_delivery *d;

    (void)state;
    moved.headers = &location;
    moved.headers_count = 1;
    opened("http", "{url: 'https://a.example', check: {get: /c}, operations: {append: {class: "
                   "converge, post: /x, answer: {all: taken}}}}");
    assert_true(restdest_bind(&world, EFF_MODE_APPEND, EFF_REMOVED_KEEP, "a", 1));
    for (size_t i = 0; i < 2; i++) {
        struct eff_task check = {.kind = EFF_TASK_CHECK, .object = EFF_STR("a"), .arena = &arena};

        d = restdest_rows(&world, EFF_OP_APPEND, "a", "id", 1, 1, names, fields);
        assert_int_equal(restdest_step(&world, d, NULL).kind, EFF_STEP_SEND);
        assert_int_equal(restdest_step(&world, d, answers[i]).kind, EFF_STEP_STOP);
        assert_int_equal(world.err.fault, EFF_CONFIG);
        assert_int_equal(d->items[0].verdict.outcome, EFF_NOT_APPLIED);
        assert_int_equal(d->items[0].verdict.fault, EFF_CONFIG);
        assert_non_null(strstr(world.err.msg, says[i]));
        world.err = (struct eff_err){0};
        assert_int_equal(world.dest->ops->step(world.dest, &check, NULL, &world.err).kind,
                         EFF_STEP_SEND);
        assert_int_equal(world.dest->ops->step(world.dest, &check, answers[i], &world.err).kind,
                         EFF_STEP_STOP);
        assert_int_equal(world.err.fault, EFF_CONFIG);
        assert_non_null(strstr(world.err.msg, says[i]));
    }
}

/* A redirect is told without what may be secret in it, and without what acts on a terminal. */
static void
where_a_redirect_leads(void **state)
{
    static const struct {
        const char *location, *told;
    } cases[] = {
        {"https://b.example/x?token=s3cret", "leads to https://b.example/x, and"},
        {"https://b.example/x#access_token=s3cret", "leads to https://b.example/x, and"},
        {"https://u:s3cret@b.example/x@y", "leads to https://b.example/x@y, and"},
        {"//u:s3@cret@b.example", "leads to //b.example, and"},
        {"/login/x\x1b[31m?s3cret", "leads to /login/x\\x1b[31m, and"},
        {"?s3cret", "leads to another address, and"},
    };
    eff_str names[] = {EFF_STR("a")};
    struct eff_value fields[] = {eff_value_of_int(EFF_INT, 1)};

    (void)state;
    opened("http", "{url: 'https://a.example', operations: {append: {class: converge, post: /x, "
                   "answer: {all: taken}}}}");
    assert_true(restdest_bind(&world, EFF_MODE_APPEND, EFF_REMOVED_KEEP, "a", 1));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct eff_header location = {EFF_STR("location"), eff_str_of(cases[i].location)};
        struct eff_response moved = restdest_answer(302, "");
        struct eff_delivery *d =
            restdest_rows(&world, EFF_OP_APPEND, "a", "id", 1, 1, names, fields);

        moved.headers = &location;
        moved.headers_count = 1;
        assert_int_equal(restdest_step(&world, d, NULL).kind, EFF_STEP_SEND);
        assert_int_equal(restdest_step(&world, d, &moved).kind, EFF_STEP_STOP);
        if (!said(cases[i].told))
            fail_msg("%s: %s", cases[i].location, world.err.msg);
    }
}

/* Of the row nothing was asked, so nothing is known: it is not said to be missing. */
static void
fields_that_no_address_holds(void **state)
{
    eff_str names[220], match = EFF_STR("Ext__c");
    struct eff_value ids[] = {eff_value_of_str(EFF_TEXT, EFF_STR("u-1")),
                              eff_value_of_str(EFF_TEXT, EFF_STR("u-2"))};
    struct eff_record records[2];
    struct eff_read read = {.match_count = 1,
                            .match_names = &match,
                            .fields_count = 220,
                            .field_names = names,
                            .match = ids,
                            .records = records};

    (void)state;
    for (size_t i = 0; i < 220; i++)
        names[i] = eff_str_printf(&arena, "A_rather_long_custom_field_name_%03zu__c", i);
    opened("salesforce", SALESFORCE);
    for (read.count = 1; read.count <= 2; read.count++) {
        struct eff_task task = {
            .kind = EFF_TASK_READ, .read = &read, .object = EFF_STR("Lead"), .arena = &arena};

        world.err = (struct eff_err){0};
        assert_int_equal(world.dest->ops->step(world.dest, &task, NULL, &world.err).kind,
                         EFF_STEP_STOP);
        assert_int_equal(world.err.fault, EFF_CONFIG);
        assert_true(said("with 220 fields is too long") && said("Map fewer fields"));
    }
}

static struct eff_step
authorize(const struct eff_response *last)
{
    struct eff_task task = {.kind = EFF_TASK_AUTHORIZE, .arena = &arena};

    world.err = (struct eff_err){0};
    return world.dest->ops->step(world.dest, &task, last, &world.err);
}

static void
credentials(void **state)
{
    eff_str names[] = {EFF_STR("a")};
    struct eff_value fields[] = {eff_value_of_int(EFF_INT, 1)};
    struct eff_response refused = restdest_answer(401, "{\"category\":\"INVALID_AUTHENTICATION\"}");
    struct eff_response token = restdest_answer(200, "{\"t\":\"abc\",\"e\":3600}");
    struct eff_response later = restdest_answer(200, "{}");
    struct eff_delivery *d;
    struct eff_step step;

    (void)state;
    opened("hubspot", "{token: t}");
    assert_true(restdest_bind(&world, EFF_MODE_UPSERT, EFF_REMOVED_KEEP, "contacts", 1));
    d = restdest_rows(&world, EFF_OP_UPSERT, "contacts", "email", 1, 1, names, fields);
    assert_int_equal(authorize(NULL).kind, EFF_STEP_DONE); /* a given token needs no login */
    assert_int_equal(restdest_step(&world, d, NULL).kind, EFF_STEP_SEND);
    assert_int_equal(restdest_step(&world, d, &refused).kind, EFF_STEP_AUTH);
    assert_int_equal(authorize(NULL).kind, EFF_STEP_STOP);
    assert_int_equal(world.err.fault, EFF_AUTH);

    opened(
        "http",
        "{url: 'https://a.example', auth: {login: {base: '{url}', post: /t, token: /t, expires_in: /e}, "
        "header: {Authorization: '{session.token}'}}, operations: {append: {post: /x, answer: {all: taken}}}}");
    assert_true(restdest_bind(&world, EFF_MODE_APPEND, EFF_REMOVED_KEEP, "a", 1));
    d = restdest_rows(&world, EFF_OP_APPEND, "a", "id", 1, 1, names, fields);
    assert_int_equal(restdest_step(&world, d, NULL).kind, EFF_STEP_AUTH);
    assert_int_equal(authorize(NULL).kind, EFF_STEP_SEND);
    assert_int_equal(authorize(&token).kind, EFF_STEP_DONE);
    step = restdest_step(&world, d, NULL);
    assert_int_equal(step.kind, EFF_STEP_SEND);
    assert_true(eff_str_is(header_of(&step.request, "Authorization"), "abc"));
    later.now_wall_ms += 3600 * 1000; /* an hour on, it logs in before it is refused */
    assert_int_equal(restdest_step(&world, d, &later).kind, EFF_STEP_DONE);
    d = restdest_rows(&world, EFF_OP_APPEND, "a", "id", 1, 1, names, fields);
    assert_int_equal(restdest_step(&world, d, NULL).kind, EFF_STEP_AUTH);
}

/* A job that was made of three rows, and its poll. */
static struct eff_delivery *
polled(const char *more)
{
    eff_str *names = eff_new(&arena, eff_str, 1);
    struct eff_value *fields = eff_new(&arena, struct eff_value, 1);
    struct eff_response created = restdest_answer(200, "{\"id\":\"7\"}");
    struct eff_delivery *d;
    struct eff_step step;
    const char *block = eff_str_c(
        &arena,
        eff_str_printf(&arena,
                       "{url: 'https://a.example', error: {code: /code}, operations: {append: "
                       "{class: converge, batch: {rows: 10}, job: {create: {post: /j, json: {rows: "
                       "{for_each: row, item: '{record}'}}, id: /id}, poll: {get: '/j/{job.id}', "
                       "at: /s, done: [ok]}, others: applied}}}%s}",
                       more));

    names[0] = EFF_STR("a");
    fields[0] = eff_value_of_int(EFF_INT, 1);
    opened("http", block);
    assert_true(restdest_bind(&world, EFF_MODE_APPEND, EFF_REMOVED_KEEP, "a", 3));
    d = restdest_rows(&world, EFF_OP_APPEND, "a", "id", 3, 1, names, fields);
    assert_int_equal(restdest_step(&world, d, NULL).kind, EFF_STEP_SEND);
    step = restdest_step(&world, d, &created);
    assert_true(step.kind == EFF_STEP_SEND && eff_str_ends(step.request.url, EFF_STR("/j/7")));
    return d;
}

/* Nobody asks twelve times what may not be asked; what the job did is not known, and it is kept. */
static void
a_job_that_may_not_be_asked(void **state)
{
    struct eff_response refused = {.wire = EFF_WIRE_NOT_SENT,
                                   .not_allowed = true,
                                   .problem = EFF_STR("address 127.0.0.1 is not allowed")};
    struct eff_delivery *d = polled("");

    (void)state;
    assert_int_equal(restdest_step(&world, d, &refused).kind, EFF_STEP_STOP);
    assert_int_equal(world.err.fault, EFF_CONFIG);
    assert_true(said("nothing is sent to HTTP"));
    assert_int_equal(d->items[2].verdict.outcome, EFF_MAYBE_APPLIED);
    assert_true(eff_str_is(d->items[2].verdict.code, "NOT_SENT"));
    assert_true(eff_str_find(d->memo, EFF_STR("\"job\":\"7\"")) != SIZE_MAX);
}

/* Of the last refusal the connector's word is told, and not of one before. */
static void
the_remedy_of_the_refusal(void **state)
{
    static const char rule[] =
        ", errors: [{status: 401, code: [expired], fault: auth, remedy: renew the key}]";
    struct eff_response expired = restdest_answer(401, "{\"code\":\"expired\"}");
    struct eff_response other = restdest_answer(401, "{\"code\":\"other\"}");
    struct eff_delivery *d = polled(rule);

    (void)state;
    assert_int_equal(restdest_step(&world, d, &expired).kind, EFF_STEP_AUTH);
    assert_int_equal(authorize(NULL).kind, EFF_STEP_STOP);
    assert_true(said("Renew the key."));
    assert_int_equal(restdest_step(&world, d, NULL).kind, EFF_STEP_SEND);
    assert_int_equal(restdest_step(&world, d, &other).kind, EFF_STEP_AUTH);
    assert_int_equal(authorize(NULL).kind, EFF_STEP_STOP);
    assert_false(said("Renew the key."));
}

/* What the step after a page of fields with that next address is. */
static enum eff_step_kind
next_page(const char *url, const char *next)
{
    struct eff_schema schema = {0};
    struct eff_task task = {
        .kind = EFF_TASK_DESCRIBE, .schema = &schema, .object = EFF_STR("a"), .arena = &arena};
    struct eff_response page;
    const char *block =
        eff_str_c(&arena, eff_str_printf(&arena,
                                         "{url: '%s', objects: {fields: {get: /f, each: /r, name: "
                                         "/n, next: {at: /next}}}, operations: {append: {post: /x, "
                                         "answer: {all: taken}}}}",
                                         url));

    page = restdest_answer(
        200,
        eff_str_c(&arena, eff_str_printf(&arena, "{\"r\":[{\"n\":\"a\"}],\"next\":\"%s\"}", next)));
    opened("http", block);
    world.err = (struct eff_err){0};
    assert_int_equal(world.dest->ops->step(world.dest, &task, NULL, &world.err).kind,
                     EFF_STEP_SEND);
    return world.dest->ops->step(world.dest, &task, &page, &world.err).kind;
}

/* A host that the project names with https is not spoken to in the clear because an answer says so. */
static void
an_answer_does_not_lower_the_scheme(void **state)
{
    struct eff_response told = restdest_answer(200, "{\"t\":\"abc\",\"u\":\"http://b.example\"}");
    static const char login[] =
        "{url: '%s://b.example:8443', auth: {login: {base: '{url}', post: /t, token: /t, url: /u}, "
        "header: {Authorization: '{session.token}'}}, operations: {append: {post: /x, answer: "
        "{all: taken}}}}";

    (void)state;
    assert_int_equal(next_page("https://a.example/v1", "https://a.example/v1/f?page=2"),
                     EFF_STEP_SEND);
    assert_int_equal(next_page("https://a.example/v1", "/v1/f?page=2"), EFF_STEP_SEND);
    assert_int_equal(next_page("https://a.example/v1", "http://a.example/v1/f?page=2"),
                     EFF_STEP_STOP);
    assert_true(said("may not talk to http://a.example/v1/f?page=2"));
    assert_int_equal(next_page("https://A.example", "http://a.example:443/f"), EFF_STEP_STOP);
    assert_int_equal(next_page("https://[::1]:8443", "http://[::1]/f"), EFF_STEP_STOP);
    assert_int_equal(next_page("http://A.example", "http://a.example/f"), EFF_STEP_SEND);
    assert_int_equal(next_page("http://a.example:8080", "https://a.example/f"), EFF_STEP_SEND);
    opened("http", eff_str_c(&arena, eff_str_printf(&arena, login, "https")));
    assert_int_equal(authorize(NULL).kind, EFF_STEP_SEND);
    assert_int_equal(authorize(&told).kind, EFF_STEP_STOP);
    assert_true(said("the answer leads to http://b.example"));
    opened("http", eff_str_c(&arena, eff_str_printf(&arena, login, "http")));
    assert_int_equal(authorize(NULL).kind, EFF_STEP_SEND);
    assert_int_equal(authorize(&told).kind, EFF_STEP_DONE);
}

static void
rate_headers(void **state)
{
    struct eff_header headers[] = {
        {EFF_STR("sforce-limit-info"), EFF_STR("api-usage=18/5000; per-app-api-usage=1/2(x)")}};
    struct eff_header broken[] = {{EFF_STR("sforce-limit-info"), EFF_STR("api-usage=a/b")}};
    struct eff_response response = {
        .wire = EFF_WIRE_ANSWERED, .status = 200, .headers_count = 1, .headers = headers};
    const struct eff_rate_limit *limits;
    struct eff_rate_report reports[4];

    (void)state;
    opened("salesforce", SALESFORCE);
    assert_int_equal(world.dest->ops->rates(world.dest, &limits), 1);
    assert_true(limits[0].hard && limits[0].per_ms == 86400000 && limits[0].requests == 100000);
    assert_int_equal(world.dest->ops->observe(world.dest, &response, reports, 4), 1);
    assert_int_equal(reports[0].remaining, 4982);
    assert_int_equal(reports[0].allowed, 5000);
    response.headers = broken;
    assert_int_equal(world.dest->ops->observe(world.dest, &response, reports, 4), 0);
    opened("hubspot", "{token: t, calls_per_10s: 190}");
    assert_int_equal(world.dest->ops->rates(world.dest, &limits), 2);
    assert_int_equal(limits[0].requests, 190);
    assert_true(eff_str_is(world.dest->account, "hubspot:api.hubapi.com"));
}

static void
the_projects_file_wins(void **state)
{
    static const char mine[] =
        "connector: hubspot\ntitle: Mine\noptions: {url: {type: url, help: x.}}\n"
        "base: \"{url}\"\noperations: {append: {post: /x, answer: {all: taken}}}\n";
    struct eff_connector_file files[] = {
        {EFF_STR("connectors/hubspot/connector.yaml"), {mine, sizeof mine - 1}},
        {EFF_STR("connectors/hubspot/README.md"), EFF_STR("# not a connector")}};
    struct eff_connector_file broken[] = {
        {EFF_STR("connectors/bad/connector.yaml"), EFF_STR("connector: bad\n")}};
    struct restdest other;

    (void)state;
    assert_non_null(restdest_kind(&world, "sqlite"));
    assert_non_null(restdest_kind(&world, "postgres"));
    assert_non_null(restdest_kind(&world, "file"));
    assert_true(restdest_kinds(&other, &arena, 2, files));
    assert_int_equal(other.kinds_count, world.kinds_count);
    assert_int_equal(restdest_kind(&other, "hubspot")->options_count, 2);
    assert_false(restdest_kinds(&other, &arena, 1, broken));
    assert_true(eff_str_is(other.problems.at[0].place.file, "connectors/bad/connector.yaml"));
}

/* The address of the request that a destination of that connector sends. */
static eff_str
address_of(const char *connector, const char *block)
{
    struct eff_connector_file file = {EFF_STR("connectors/mv/connector.yaml"),
                                      eff_str_of(connector)};
    struct restdest mv;
    struct eff_value fields[] = {eff_value_of_int(EFF_INT, 1)};
    eff_str names[] = {EFF_STR("a")}, url;
    struct eff_delivery *d;

    assert_true(restdest_kinds(&mv, &arena, 1, &file));
    assert_true(restdest_open(&mv, "mv", block));
    assert_true(restdest_bind(&mv, EFF_MODE_APPEND, EFF_REMOVED_KEEP, "people", 1));
    d = restdest_rows(&mv, EFF_OP_APPEND, "people", "id", 1, 1, names, fields);
    url = restdest_step(&mv, d, NULL).request.url;
    mv.dest->ops->close(mv.dest);
    return url;
}

/* What moves is what an option says; where it says nothing, nothing moves. */
static void
paths_that_an_option_moves(void **state)
{
    static const char connector[] =
        "connector: mv\ntitle: Mv\noptions:\n  url: {type: url, default: 'https://a.example', help: u.}\n"
        "  old: {type: text, help: o.}\nhosts: [a.example]\nbase: '{url}'\n"
        "paths: [{when: url, is: ['*'], from: '{old?}', to: /moved}]\n"
        "operations: {append: {post: '/v1/{object}', answer: {all: taken}}}\n";

    (void)state;
    assert_true(eff_str_is(address_of(connector, "{old: /v1}"), "https://a.example/moved/people"));
    assert_true(eff_str_is(address_of(connector, "{old: /v2}"), "https://a.example/v1/people"));
    assert_true(eff_str_is(address_of(connector, "{}"), "https://a.example/v1/people"));
}

/* ---- quoting ---- */

static eff_str
random_text(uint64_t *random, char *buf, size_t max)
{
    static const char nasty[] = "'\"\\\n\r\t%_)( ;-a1\x7f,{}?/#&=";
    size_t len = random_below(random, (unsigned)max);

    for (size_t i = 0; i < len; i++)
        buf[i] = random_below(random, 3) ? nasty[random_below(random, sizeof nasty - 1)]
                                         : (char)(1 + random_below(random, 126));
    return (eff_str){buf, len};
}

/* What SOQL reads between the quotes; false when the literal does not end where the text does. */
static bool
soql_reads(eff_str literal, eff_str want)
{
    size_t at = 1, out = 0;

    if (literal.len < 2 || literal.ptr[0] != '\'')
        return false;
    for (; at < literal.len && literal.ptr[at] != '\''; at++) {
        char c = literal.ptr[at];

        if (c == '\\') {
            c = literal.ptr[++at];
            c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
        }
        if (out >= want.len || want.ptr[out++] != c)
            return false;
    }
    return at + 1 == literal.len && out == want.len;
}

static void
soql_is_quoted(void **state)
{
    struct eff_text_part part = {.is_ref = true,
                                 .ref = {.kind = EFF_REF_OPTION, .filter = EFF_FILTER_SOQL}};
    struct eff_text text = {.count = 1, .parts = &part};
    struct eff_values values = {0};
    struct eff_buf buf = {0};
    uint64_t random = 11;
    char room[64];

    (void)state;
    for (int i = 0; i < 1000000; i++) {
        eff_str value = random_text(&random, room, sizeof room);
        struct eff_render r = {.values = &values, .options = &value, .arena = &arena};

        buf.len = 0;
        assert_int_equal(eff_render_text(&r, &text, EFF_SLOT_BODY, &buf), EFF_RENDERED);
        if (!soql_reads(eff_buf_str(&buf), value))
            fail_msg("round %d: " EFF_STR_FMT, i, EFF_STR_ARG(eff_buf_str(&buf)));
    }
    eff_buf_free(&buf);
}

/* A value in a path or a query is one component, whatever is in it. */
static void
components_stay_components(void **state)
{
    struct eff_text_part part = {.is_ref = true, .ref = {.kind = EFF_REF_OPTION}};
    struct eff_text text = {.count = 1, .parts = &part};
    struct eff_values values = {0};
    struct eff_buf buf = {0};
    uint64_t random = 12;
    char room[64];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        eff_str value = random_text(&random, room, sizeof room);
        struct eff_render r = {.values = &values, .options = &value, .arena = &arena};
        struct eff_arena before = arena;

        buf.len = 0;
        if (eff_render_text(&r, &text, i % 2 ? EFF_SLOT_PATH : EFF_SLOT_QUERY, &buf) ==
            EFF_RENDERED) {
            for (size_t k = 0; k < buf.len; k++)
                assert_null(memchr("/?#&=+ \"'<>\\\r\n{};:@,", buf.ptr[k], 21));
            assert_false(eff_str_is(eff_buf_str(&buf), "..") && i % 2);
        }
        arena = before;
    }
    eff_buf_free(&buf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capabilities),
        cmocka_unit_test(limits_as_given_and_as_told),
        cmocka_unit_test(late_requests),
        cmocka_unit_test(rows_decide_about_bulk),
        cmocka_unit_test(mistakes_in_the_project),
        cmocka_unit_test(largest_batches),
        cmocka_unit_test(bad_rows_in_every_part),
        cmocka_unit_test(a_job_outlives_the_process),
        cmocka_unit_test(names_that_no_row_can_have),
        cmocka_unit_test(a_cut_result_file_names_nobody),
        cmocka_unit_test(what_no_try_can_help),
        cmocka_unit_test(where_a_redirect_leads),
        cmocka_unit_test(fields_that_no_address_holds),
        cmocka_unit_test(credentials),
        cmocka_unit_test(a_job_that_may_not_be_asked),
        cmocka_unit_test(the_remedy_of_the_refusal),
        cmocka_unit_test(an_answer_does_not_lower_the_scheme),
        cmocka_unit_test(rate_headers),
        cmocka_unit_test(the_projects_file_wins),
        cmocka_unit_test(paths_that_an_option_moves),
        cmocka_unit_test(soql_is_quoted),
        cmocka_unit_test(components_stay_components),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
