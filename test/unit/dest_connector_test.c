/*
 * Goal: a connector file with mistakes, or with bad intentions, is refused when it
 * is loaded, at file:line:column, with all its mistakes at once, and never crashes.
 * Method: one good file, and a table of single changes to it; every prefix of the
 * embedded files; random bytes put into them.
 * covers: B2, S17
 */
// links: dest conf flow base assets
#include "base/assets.h"
#include "base/buf.h"
#include "dest/connector.h"
#include "lib/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct eff_arena arena;

static int
setup(void **state)
{
    (void)state;
    eff_arena_init(&arena, "test", (size_t)256 << 20);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    eff_arena_deinit(&arena);
    return 0;
}

static const char good[] =
    "connector: demo\n"                                                           /* 1 */
    "title: Demo\n"                                                               /* 2 */
    "options:\n"                                                                  /* 3 */
    "  token: {type: secret, required: true, help: A token.}\n"                   /* 4 */
    "  url: {type: url, default: \"https://api.example.com\", help: Where.}\n"    /* 5 */
    "  most: {type: int, default: 5, min: 1, max: 10, help: How many.}\n"         /* 6 */
    "hosts: [\"*.example.com\"]\n"                                                /* 7 */
    "base: \"{url}\"\n"                                                           /* 8 */
    "auth: {header: {Authorization: \"Bearer {token}\"}}\n"                       /* 9 */
    "limits: [{name: burst, per: 10s, requests: 100}]\n"                          /* 10 */
    "values: {null: \"\", number: text}\n"                                        /* 11 */
    "objects: {known: [a], fields: {get: \"/f/{object}\", each: /r, name: /n}}\n" /* 12 */
    "read: {get: \"/r/{match.value}\", each: \"\", fields: \"\"}\n"               /* 13 */
    "error: {code: [/c], message: [/m]}\n"                                        /* 14 */
    "errors: [{status: 429, fault: rate}]\n"                                      /* 15 */
    "operations:\n"                                                               /* 16 */
    "  upsert:\n"                                                                 /* 17 */
    "    class: converge\n"                                                       /* 18 */
    "    batch: {rows: 10}\n"                                                     /* 19 */
    "    post: \"/x/{object}\"\n"                                                 /* 20 */
    "    json: {rows: {for_each: row, item: \"{fields}\"}}\n"                     /* 21 */
    "    answer: {all: applied}\n"                                                /* 22 */
    "  delete: {delete: \"/x/{match.value}\", answer: {all: applied}}\n";         /* 23 */

static size_t
load(eff_str text, struct eff_problems *problems, const struct eff_connector **ret_connector)
{
    struct eff_arena scratch = arena;

    *problems = (struct eff_problems){.arena = &scratch};
    *ret_connector = eff_connector_load(EFF_STR("c.yaml"), text, &scratch, problems);
    arena.used = scratch.used; /* what the caller looks at must stay */
    return eff_problems_total(problems);
}

/* The good text with the first occurrence of `from` replaced. */
static eff_str
change(const char *from, const char *to)
{
    const char *at = strstr(good, from);

    if (!at)
        fail_msg("the good file has no \"%s\"", from);
    return eff_str_printf(&arena, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static void
the_good_one_loads(void **state)
{
    const struct eff_connector *connector;
    struct eff_problems problems;
    struct eff_arena before = arena;

    (void)state;
    assert_int_equal(load(eff_str_of(good), &problems, &connector), 0);
    assert_non_null(connector);
    assert_int_equal(connector->options_count, 4); /* late_apply, too */
    assert_true(connector->ops[EFF_OP_UPSERT].given);
    assert_false(connector->ops[EFF_OP_CREATE].given);
    assert_int_equal(connector->ops[EFF_OP_UPSERT].variants[0].rows_max, 10);
    assert_int_equal(connector->ops[EFF_OP_DELETE].variants[0].class, EFF_CLASS_BLIND);
    arena = before;
}

static const struct {
    const char *from, *to;
    int line; /* of the first problem */
    const char *message;
} hostile[] = {
    {"connector: demo", "connector: ../demo", 1, "small letters"},
    {"connector: demo\n", "", 1, "`connector` is missing"},
    {"title: Demo\n", "", 1, "`title` is missing"},
    {"title: Demo", "title: Demo\ncode: rm", 3, "unknown key `code`"},
    {"title: Demo", "title: Demo\nexec: {cmd: sh}", 3, "unknown key `exec`"},
    {"title: Demo", "title: Demo\ninclude: other.yaml", 3, "unknown key `include`"},
    {"title: Demo", "title: !!python/object Demo", 2, ""},
    {"title: Demo", "title: &a Demo", 2, ""},
    {"title: Demo", "title: Demo\ntitle: Again", 3, ""},
    {"title: Demo", "title: Demo\nprotocol: shell", 3, "protocol"},
    {"title: Demo", "title: Demo\nidentifiers: []", 3, "is a mapping"},
    {"name: /n}", "name: /n, create: {needs: most, post: /f, types: {text: t}}}", 12, "type bool"},
    {"name: /n}", "name: /n, create: {needs: no, post: /f, types: {text: t}}}", 12,
     "names no option"},
    {"name: /n}", "name: /n, create: {post: /f, types: {text: t}}}", 12, "`needs` is missing"},
    {"name: /n}", "name: /n, create: {needs: most, post: /f, types: {word: t}}}", 12,
     "types are any"},
    {"name: /n}", "name: /n, create: {needs: most, post: /f, types: t}}", 12, "mapping of types"},
    {"get: \"/f/{object}\"", "get: \"/f/{new.name}\"", 12, "not known here"},
    {"title: Demo", "title: Demo\nidentifiers: {A: {hash: md5}}", 3, "`hash` expects"},
    {"title: Demo", "title: Demo\nidentifiers: {A: {from: x}}", 3, "unknown key `from`"},
    {"base: \"{url}\"", "base: \"{ur/x}\"", 8, "unknown name"},
    {"base: \"{url}\"", "base: \"{object/x}\"", 8, "unknown name"},
    {"base: \"{url}\"", "base: \"{login.assertion}\"", 8, "not known here"},
    {"item: \"{fields}\"", "item: {only_given: 7}", 21, "`only_given` stands alone"},
    {"item: \"{fields}\"", "item: {only_given: {a: 1}, b: 2}", 21, "`only_given` stands alone"},
    {"json: {rows: {for_each: row, item: \"{fields}\"}}",
     "form: {rows: {for_each: row, item: {only_given: {a: \"{fields.a?}\"}}}}", 21,
     "are for `json`"},
    {"json: {rows: {for_each: row, item: \"{fields}\"}}",
     "form: {rows: {for_each: row, once: true, item: \"{fields.a}\"}}", 21, "are for `json`"},
    {"auth: {header:", "auth: {login: {base: \"{url}\", post: /t, token: /t, when: x}, header:", 9,
     "names no option"},
    {"auth: {header:",
     "auth: {login: {base: \"{url}\", post: /t, token: /t, jwt: {key: k}}, header:", 9,
     "`key` and `claims`"},
    {"title: Demo", "title: Demo\nsections: [options]", 1, "`sections` names"},
    {"type: secret", "type: command", 4, "type"},
    {"type: secret, required: true", "type: secret, default: x", 4, "no default"},
    {"  token:", "  type:", 4, "is not `type`"},
    {"  token:", "  Tok-en:", 4, "small letters"},
    {"  token:", "  url.x:", 5, "inside it"},
    {"help: A token.", "hlep: A token.", 4, "`help` is missing"},
    {"default: 5", "default: five", 6, ""},
    {"default: 5", "default: 50", 6, ""},
    {"max: 10", "max: many", 6, "number"},
    {"https://api.example.com", "file:///etc/passwd", 5, ""},
    {"https://api.example.com", "https://user:pw@api.example.com", 5, ""},
    {"hosts: [\"*.example.com\"]", "hosts: [\"*\"]", 7, "`hosts`"},
    {"hosts: [\"*.example.com\"]", "hosts: [\"*.*.com\"]", 7, "`hosts`"},
    {"hosts: [\"*.example.com\"]", "hosts: [\"a.com/x\"]", 7, "`hosts`"},
    {"hosts: [\"*.example.com\"]", "hosts: [\"u@a.com\"]", 7, "`hosts`"},
    {"hosts: [\"*.example.com\"]", "hosts: [localhost]", 7, "`hosts`"},
    {"title: Demo", "title: \"Foo\\e[31mred\\e]0;pwn\\a\"", 2, "cannot be seen, found U+001B"},
    {"title: Demo", "title: \"Foo\\rBar\"", 2, "cannot be seen, found U+000D"},
    {"title: Demo", "title: \"Foo\\u202eraB\"", 2, "cannot be seen, found U+202E"},
    {"title: Demo", "title: \"Foo\\nmysql  MySQL\"", 2, "one line"},
    {"help: A token.", "help: \"a\\e[2Jb\"", 4, "cannot be seen"},
    {"known: [a]", "known: [\"a\\x9bb\"]", 12, "cannot be seen"},
    {"  most: {type", "  \"mo\\bst\": {type", 6, "cannot be seen"},
    {"hosts: [\"*.example.com\"]", "hosts: [\"*.example.com\", 169.254.169.254]", 7,
     "no addresses"},
    {"hosts: [\"*.example.com\"]", "hosts: [\"*.example.com\", 127.1]", 7, "no addresses"},
    {"hosts: [\"*.example.com\"]", "hosts: [\"*.example.com\", 0x7f.0x1]", 7, "no addresses"},
    {"hosts: [\"*.example.com\"]", "hosts: [\"*.example.com\", \"[::1]\"]", 7, "no addresses"},
    {"hosts: [\"*.example.com\"]", "hosts: [\"*.example.com\", \"api.x.com:8443\"]", 7,
     "no addresses"},
    {"hosts: [\"*.example.com\"]", "hosts: [\"*.example.com\", a..com]", 7, "no addresses"},
    {"hosts: [\"*.example.com\"]", "hosts: [\"*.example.com\", \"https://a.com\"]", 7,
     "no addresses"},
    {"hosts: [\"*.example.com\"]", "hosts: [\"*.example.com\", \"*.com\"]", 7, "a vendor's own"},
    {"hosts: [\"*.example.com\"]", "hosts: [\"*.example.com\", \"*.co.uk\"]", 7, "a vendor's own"},
    {"hosts: [\"*.example.com\"]", "hosts: [\"*.example.com\", \"*.COM.au\"]", 7, "a vendor's own"},
    {"hosts: [\"*.example.com\"]", "hosts: [\"*.example.com\", \"*.github.io\"]", 7,
     "a vendor's own"},
    {"https://api.example.com", "https://127.0.0.1:18999", 5, "no host that `hosts` names"},
    {"https://api.example.com", "https://evil.example", 5, "no host that `hosts` names"},
    {"https://api.example.com", "http://api.example.com", 5, "opens with https://"},
    {"base: \"{url}\"", "base: \"https://evil.example\"", 8, "no host that `hosts` names"},
    {"base: \"{url}\"", "base: \"https://example.com\"", 8, "no host that `hosts` names"},
    {"base: \"{url}\"", "base: \"https://api.example.com.evil.example/v1\"", 8,
     "no host that `hosts` names"},
    {"base: \"{url}\"", "base: \"https://api.example.com@evil.example\"", 8,
     "no host that `hosts` names"},
    {"base: \"{url}\"", "base: \"https://evil.example#.example.com\"", 8,
     "no host that `hosts` names"},
    {"base: \"{url}\"", "base: \"https://127.0.0.1\"", 8, "no host that `hosts` names"},
    {"base: \"{url}\"", "base: \"https://evil.example/{token}\"", 8, "no host that `hosts` names"},
    {"base: \"{url}\"", "base: \"https://\"", 8, "no host that `hosts` names"},
    {"base: \"{url}\"", "base: \"file:///etc/passwd\"", 8, "opens with https://"},
    {"base: \"{url}\"", "base: \"http://127.0.0.1:18999\"", 8, "opens with https://"},
    {"base: \"{url}\"", "base: \"http://api.example.com\"", 8, "opens with https://"},
    {"base: \"{url}\"", "base: \"//api.example.com\"", 8, "opens with https://"},
    {"base: \"{url}\"", "base: \"http{token}://x\"", 8, "opens with https://"},
    {"base: \"{url}\"", "base: \"\"", 8, "opens with https://"},
    {"post: \"/x/{object}\"", "base: https://evil.example\n    post: \"/x/{object}\"", 20,
     "no host that `hosts` names"},
    {"{header: {Auth", "{url: \"https://evil.example\", header: {Auth", 9,
     "no host that `hosts` names"},
    {"base: \"{url}\"", "base: \"{ur}\"", 8, "unknown name"},
    {"base: \"{url}\"", "base: \"{fields.url}\"", 8, "not known here"},
    {"base: \"{url}\"", "base: \"{env.HOME}\"", 8, "unknown name"},
    {"base: \"{url}\"", "base: \"{url\"", 8, "not closed"},
    {"base: \"{url}\"", "base: \"url}\"", 8, "without an opening"},
    {"base: \"{url}\"", "base: [a]", 8, "expected text"},
    {"base: \"{url}\"\n", "", 1, "`base` is missing"},
    {"Bearer {token}", "Bearer {token|exec}", 9, "unknown filter"},
    {"Bearer {token}", "Bearer {match.value}", 9, "not known here"},
    {"Authorization:", "\"A b\":", 9, "not a name"},
    {"Authorization:", "\"A\\r\\nX\":", 9, "not a name"},
    {"auth: {header", "auth: {login: {post: /t, token: /t}, header", 9, "`base` is missing"},
    {"auth: {header", "auth: {login: {post: /t, base: \"{url}\"}, header", 9, "`token` is missing"},
    {"limits: [", "limits: [{name: a, per: 0s, requests: 1}, ", 10, ""},
    {"requests: 100", "requests: 0", 10, "number"},
    {"requests: 100", "requests: \"{url}\"", 10, "number"},
    {"limits: [{name: burst, per: 10s, requests: 100}]", "limits: 3", 10, "list"},
    {"number: text", "number: words", 11, "number"},
    {"null: \"\"", "null: [a]", 11, "null"},
    {"each: /r, name: /n", "each: r, name: /n", 12, "no JSON Pointer"},
    {"each: /r, name: /n", "each: \"/a~2\", name: /n", 12, "no JSON Pointer"},
    {"each: /r, name: /n", "each: /r", 12, "`name` is missing"},
    {"get: \"/f/{object}\"", "get: \"/f/{match.value}\"", 12, "not known here"},
    {"get: \"/f/{object}\"", "get: \"https://evil.example/f\"", 12, "opens with"},
    {"get: \"/f/{object}\"", "get: \"//evil.example/f\"", 12, "\"//\""},
    {"get: \"/f/{object}\"", "get: \"/../f\"", 12, "\"..\""},
    {"get: \"/f/{object}\"", "get: \"/f?x=1\"", 12, "`query`"},
    {"get: \"/f/{object}\"", "get: \"{url}/f\"", 12, "opens with"},
    {"get: \"/f/{object}\"", "get: /f, post: /g", 12, "one of get"},
    {"each: \"\", fields: \"\"", "each: \"\", batch: {rows: 10}", 13, "`row` is missing"},
    {"get: \"/r/{match.value}\"", "get: /r, query: {q: \"id = {match.value}\"}", 13, "quoted"},
    {"message: [/m]", "mesage: [/m]", 14, "mesage"},
    {"{status: 429, fault: rate}", "{fault: rate}", 15, "without a condition"},
    {"{status: 429, fault: rate}", "{status: 429}", 15, "without a verdict"},
    {"{status: 429, fault: rate}", "{status: 42, fault: rate}", 15, "HTTP status"},
    {"{status: 429, fault: rate}", "{status: 429, fault: panic}", 15, "fault"},
    {"{status: 429, fault: rate}", "{status: 429, fault: rate, only: [explode]}", 15,
     "does not exist"},
    {"errors: [{status: 429, fault: rate}]", "errors: {status: 429}", 15, "list"},
    {"{status: 429, fault: rate}", "{status: 404, then: applied}", 15, "the status alone"},
    {"{status: 429, fault: rate}", "{status: [404, 410], only: [delete], then: applied}", 15,
     "the status alone"},
    {"{status: 429, fault: rate}", "{status: 404, only: [delete], then: missing}", 15,
     "the status alone"},
    {"{status: 429, fault: rate}", "{code: [HTTP 404], then: missing}", 15, "the status alone"},
    {"{status: 429, fault: rate}", "{status: 404, code: [\"*\"], then: missing}", 15,
     "the status alone"},
    {"delete: {delete",
     "delete: {find: {get: /x, remote_id: /id, missing: applied, missing_status: 404}, delete", 23,
     "would make a removal done"},
    {"  upsert:", "  upsrt:", 17, "no such operation"},
    {"class: converge", "class: safe", 18, "class"},
    {"class: converge", "class: keyed", 18, "idempotency"},
    {"rows: 10}", "rows: 0}", 19, ""},
    {"rows: 10}", "rows: 1, rows: 2}", 19, ""},
    {"rows: 10}", "rows: 10, bytes: 1}", 19, ""},
    {"/x/{object}", "/x/{fields.a}", 20, "one row's value"},
    {"/x/{object}", "/x/{object?}", 20, "left out"},
    {"/x/{object}", "/x y", 20, "blanks"},
    {"post: \"/x/{object}\"", "limit: search\n    post: /x", 18, "`limits`"},
    {"for_each: row, item: \"{fields}\"", "for_each: row", 21, "`item`"},
    {"for_each: row, item: \"{fields}\"", "for_each: ever, item: 1", 21, "row and field"},
    {"for_each: row, item: \"{fields}\"", "for_each: row, item: 1, other: 2", 21, "nothing else"},
    {"for_each: row, item: \"{fields}\"", "for_each: row, once: no, item: 1", 21, "nothing else"},
    {"item: \"{fields}\"", "item: {for_each: row, item: 1}", 21, "inside a row"},
    {"item: \"{fields}\"", "item: {\"...\": \"{match.value}\"}", 21, "`...` takes"},
    {"item: \"{fields}\"", "item: \"{field.name}\"", 21, "for_each: field"},
    {"item: \"{fields}\"", "item: \"{rows.fields}\"", 21, "each row has"},
    {"item: \"{fields}\"", "item: \"{job.id}\"", 21, "not known here"},
    {"json: {rows", "form: 1\n    json: {rows", 18, "one body"},
    {"answer: {all: applied}\n", "answer: {}\n", 22, "what success is"},
    {"answer: {all: applied}\n", "answer: {all: sure}\n", 22, "all"},
    {"answer: {all: applied}}\n", "answer: {status: [204, 404], all: applied}}\n", 23,
     "does not say that it was done"},
    {"answer: {all: applied}\n", "answer: {all: applied, others: taken}\n", 22, "same thing"},
    {"answer: {all: applied}\n", "answer: {rows: {each: /r}}\n", 22, "`success`"},
    {"answer: {all: applied}\n", "answer: {all: applied, remote_id: /id}\n", 22, "one row"},
    {"answer: {all: applied}\n", "answer: {applied: {each: /r, by: match}}\n", 22, "`row`"},
    {"answer: {all: applied}\n", "answer: {applied: {each: /r, by: luck}}\n", 22, "`by`"},
    {"answer: {all: applied}\n", "answer: named\n", 22, "`answers`"},
    {"    answer: {all: applied}\n", "", 18, "`answer` is missing"},
    {"delete: {delete", "delete: {like: upsert, delete", 23, "alone"},
    {"delete: {delete: \"/x/{match.value}\", answer: {all: applied}}", "delete: {like: archive}",
     23, "not there"},
    {"delete: {delete: \"/x/{match.value}\", answer: {all: applied}}", "delete: {like: delete}", 23,
     "not there"},
    {"delete: {delete", "delete: {choose: [], delete", 23, ""},
    {"delete: {delete", "delete: {find: {get: /x}, delete", 23, "`remote_id` is missing"},
    {"answer: {all: applied}}\n", "answer: {all: applied}, job: {}}\n", 23, ""},
    {"answer: {all: applied}}\n",
     "answer: {all: applied}}\n  add: {job: {create: {post: /j, id: /id}, poll: {get: /j, at: /s, done: d}}}\n",
     24, "`results`"},
    {"delete: {delete", "delete: {find: {get: /x, remote_id: /i, each: [/a, b]}, delete", 23,
     "no JSON Pointer"},
    {"delete: {delete", "delete: {find: {get: /x, remote_id: /i, each: {a: b}}, delete", 23,
     "`each` is a pointer"},
    {"delete: {delete", "delete: {find: [{get: /x, remote_id: /i, as: \"\"}], delete", 23, "`as`"},
    {"delete: {delete",
     "delete: {find: [{get: /x, remote_id: /i, as: a}, {get: /x, remote_id: /i, as: b}, "
     "{get: /x, remote_id: /i, as: c}, {get: /x, remote_id: /i, as: d}], delete",
     23, "at most 3 names"},
    {"\"/x/{match.value}\"", "\"/x/{found.company}\"", 23, "unknown name"},
    {"delete: {delete: \"/x/{match.value}\"",
     "delete: {find: {get: /x, remote_id: /i, as: a}, delete: \"/x/{found.b}\"", 23,
     "unknown name"},
    {"delete: {delete", "delete: {find: {missing: refused, only: a}, delete", 23,
     "`remote_id` is missing"},
    {"{get: \"/r/{match.value}\", each: \"\", fields: \"\"}", "[{row: 7}]", 13, ""},
    {"each: \"\", fields: \"\"}", "each: [x], fields: \"\"}", 13, "no JSON Pointer"},
    {"auth: {header", "auth: {oauth1: {consumer_key: k}, header", 9, "is missing"},
    {"auth: {header",
     "auth: {oauth1: {when: nothing, consumer_key: k, consumer_secret: s, token: t, token_secret: u}, header",
     9, "names no option"},
    {"auth: {header",
     "auth: {oauth1: {consumer_key: \"{nothing}\", consumer_secret: s, token: t, token_secret: u}, header",
     9, "unknown name"},
    {"auth: {header",
     "auth: {login: {base: \"{url}\", post: /t, token: /t, jwt: {alg: none, key: k, claims: {a: b}}}, header",
     9, "alg"},
    {"batch: {rows: 10}", "concurrency: many", 19, "a number from 1"},
    {"batch: {rows: 10}", "concurrency: 101", 19, "at most 100"},
    {"batch: {rows: 10}", "concurrency: \"{token}\"", 19, "a number from 1"},
    {"answer: {all: applied}}\n", "answer: {all: applied, remote_id: {cookie: a}}}\n", 23,
     "`header` is missing"},
    {"each: /r, name: /n", "each: /r, name: /n, type: [/a, b]", 12, "no JSON Pointer"},
    {"{token}\"}", "{token|sq}\"}", 9, "unknown filter"},
    {"number: text", "match: number", 11, "match"},
    {"values: {null", "late_apply: soon\nvalues: {null", 11, "a duration"},
    {"values: {null", "late_apply: 8d\nvalues: {null", 11, "0 to 604800000 ms"},
    {"values: {null", "late_apply: [5m]\nvalues: {null", 11, "a duration"},
    {"  most: {type", "  late_apply: {type", 6, "or `late_apply`"},
    {"each: /r, name: /n", "each: \"/{groop}\", name: /n", 12, "name of an option"},
    {"each: /r, name: /n", "each: \"/{url\", name: /n", 12, "name of an option"},
    {"each: /r, name: /n", "each: /r, name: \"{kee}\"", 12, "no JSON Pointer"},
    {"known: [a]", "known: [a], standard: {a: [name]}", 12, "with their types"},
    {"known: [a]", "known: [a], standard: {a: {name: word}}", 12, "types are any"},
    {"read: {get", "read: {needs: nothing, get", 13, "names no option"},
    {"values: {null", "paths: {when: url, is: [a], from: /a, to: /b}\nvalues: {null", 11, "a list"},
    {"values: {null", "paths: [{when: nothing, is: [a], from: /a, to: /b}]\nvalues: {null", 11,
     "names no option"},
    {"values: {null", "paths: [{when: url, is: [a], from: \"/{b}\", to: /b}]\nvalues: {null", 11,
     "unknown name"},
    {"values: {null", "paths: [{when: url, is: [a], from: \"\", to: /b}]\nvalues: {null", 11,
     "opens with a /"},
    {"values: {null", "paths: [{when: url, is: [a], from: a/b, to: /b}]\nvalues: {null", 11,
     "opens with a /"},
    {"read: {get", "check: {needs: nothing, get: /a}\nread: {get", 13, "names no option"},
    {"read: {get", "check: {get: /a, has: {all: /a}}\nread: {get", 13, "`has` is a list"},
    {"read: {get", "check: {get: /a, has: [{header: A, lacks: a, remedy: b}]}\nread: {get", 13,
     "`header` with `is`"},
    {"read: {get", "check: {get: /a, has: [{lacks: a, remedy: b}]}\nread: {get", 13, "or `all`"},
    {"read: {get", "check: {get: /a, has: [{all: a, lacks: a, remedy: b}]}\nread: {get", 13,
     "no JSON Pointer"},
    {"read: {get", "check: {get: /a, has: [{all: /a, remedy: b}]}\nread: {get", 13,
     "`lacks` is missing"},
    {"answer: {all: applied}\n", "answer: {rows: {each: /r, success: [/a, b]}}\n", 22,
     "no JSON Pointer"},
    {"answer: {all: applied}\n", "answer: {refused: {each: /r, by: offset}, others: applied}\n", 22,
     "`row`"},
    {"    json: {rows: {for_each: row, item: \"{fields}\"}}\n    answer: {all: applied}\n",
     "    answer: {refused: {each: /r, by: item}, others: applied}\n", 18, "needs `for_each: row`"},
    {"answer: {all: applied}}\n",
     "answer: {all: applied}}\n  add: {job: {like: told, create: {post: /j, id: /id}}}\n", 24,
     "`jobs`"},
    {"answer: {all: applied}}\n",
     "answer: {all: applied}}\n  add: {job: {create: {post: /j, id: /id}}}\n", 24,
     "`poll` is missing"},
    {"operations:\n",
     "jobs: {told: {create: {post: /j, id: /id}}}\noperations:\n"
     "  add: {job: {like: told, create: {post: /j, id: /id}}}\n",
     16, "unknown key `create`"},
    {"answer: {all: applied}}\n",
     "answer: {all: applied}}\n  add: {job: {create: {post: /j, id: /id}, poll: {get: /j, at: /s, done: d, "
     "failed_count: n}, others: applied}}\n",
     24, "no JSON Pointer"},
    {"answer: {all: applied}}\n",
     "answer: {all: applied}}\n  add: {job: {create: {post: /j, id: /id}, poll: {get: /j, at: /s, done: d}, "
     "results: [{next: {at: /n}, refused: {each: /e, row: /i}}]}}\n",
     24, "next page"},
    {"delete: {delete",
     "delete: {choose: [{when: {object: {a: b}}, post: /x, answer: {all: applied}}], delete", 23,
     ""},
};

static void
hostile_files_are_refused(void **state)
{
    struct eff_arena before = arena;
    size_t failures = 0;

    (void)state;
    assert_true(sizeof hostile / sizeof hostile[0] >= 60);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        const struct eff_connector *connector;
        struct eff_problems problems;
        size_t count = load(change(hostile[i].from, hostile[i].to), &problems, &connector);

        if (count == 0 || connector) {
            print_error("%s: was not refused\n", hostile[i].to);
            failures++;
            continue;
        }
        eff_problems_sort(&problems);
        if (problems.at[0].place.line != hostile[i].line || problems.at[0].place.column < 1 ||
            !eff_str_is(problems.at[0].place.file, "c.yaml") ||
            eff_str_find(problems.at[0].message, eff_str_of(hostile[i].message)) == SIZE_MAX)
            print_error("%s: " EFF_STR_FMT ":%d:%d: " EFF_STR_FMT "%zu\n", hostile[i].to,
                        EFF_STR_ARG(problems.at[0].place.file), problems.at[0].place.line,
                        problems.at[0].place.column, EFF_STR_ARG(problems.at[0].message),
                        ++failures);
        arena = before;
    }
    assert_int_equal(failures, 0);
}

/* What is put together when it is called is looked at then. */
static void
addresses_that_are_fine(void **state)
{
    static const char *const good_bases[] = {
        "https://api.example.com/v1/{token}",
        "https://api.example.com:8443",
        "https://{token}.example.com",
        "https://api.example.com{token}",
        "https://API.example.com",
        "{url}/v1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good_bases / sizeof good_bases[0]; i++) {
        const struct eff_connector *connector;
        struct eff_problems problems;
        struct eff_arena before = arena;
        eff_str base = eff_str_printf(&arena, "base: \"%s\"", good_bases[i]);

        if (load(change("base: \"{url}\"", base.ptr), &problems, &connector) > 0)
            fail_msg("%s: " EFF_STR_FMT, good_bases[i], EFF_STR_ARG(problems.at[0].message));
        arena = before;
    }
}

static void
a_file_stands_in_the_folder_of_its_name(void **state)
{
    static const struct {
        const char *path;
        size_t problems;
    } files[] = {{"connectors/demo/connector.yaml", 0}, {"/p/connectors/demo/connector.yaml", 0},
                 {"elsewhere/other/connector.yaml", 0}, {"myconnectors/x/connector.yaml", 0},
                 {"connectors/foo/connector.yaml", 1},  {"/p/connectors/foo/connector.yaml", 1}};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct eff_arena before = arena;
        struct eff_problems problems = {.arena = &arena};

        eff_connector_load(eff_str_of(files[i].path), eff_str_of(good), &arena, &problems);
        assert_int_equal(eff_problems_total(&problems), files[i].problems);
        if (files[i].problems > 0) {
            assert_int_equal(problems.at[0].place.line, 1);
            assert_int_equal(problems.at[0].place.column, 12);
            assert_true(eff_str_find(problems.at[0].message, EFF_STR("another name")) != SIZE_MAX);
        }
        arena = before;
    }
}

static void
all_at_once(void **state)
{
    const struct eff_connector *connector;
    struct eff_problems problems;
    struct eff_arena before = arena;
    eff_str text =
        eff_str_printf(&arena,
                       "%s  create: {post: \"/{nothing}\", answer: {all: applied}}\n"
                       "  update: {post: /x, json: \"{fields.a\", answer: {all: never}}\n",
                       good);

    (void)state;
    assert_true(load(text, &problems, &connector) >= 2);
    assert_null(connector);
    arena = before;
}

/* The place of a reference is its own, not that of the text around it. */
static void
columns_point_into_the_text(void **state)
{
    const struct eff_connector *connector;
    struct eff_problems problems;
    struct eff_arena before = arena;

    (void)state;
    assert_int_equal(load(change("\"/x/{object}\"", "\"/x/{objet}\""), &problems, &connector), 1);
    assert_int_equal(problems.at[0].place.line, 20);
    assert_int_equal(problems.at[0].place.column, 15);
    arena = before;
}

static void
every_prefix_and_damage(void **state)
{
    uint64_t random = 7;

    (void)state;
    for (size_t a = 0; a < eff_assets_count; a++) {
        eff_str bytes = {(const char *)eff_assets[a].ptr, eff_assets[a].len};

        if (!eff_str_ends(eff_str_of(eff_assets[a].path), EFF_STR("/connector.yaml")))
            continue;
        for (int round = 0; round < 120; round++) {
            struct eff_arena before = arena;
            const struct eff_connector *connector;
            struct eff_problems problems;
            char *copy = eff_str_c(&arena, bytes);
            size_t len = round < 60 ? random_below(&random, (unsigned)bytes.len) : bytes.len;

            for (int hits = 0; round >= 60 && hits < 3; hits++)
                copy[random_below(&random, (unsigned)bytes.len)] =
                    "{}[]:,\"'|?./ \n0a"[random_below(&random, 16)];
            if (load((eff_str){copy, len}, &problems, &connector) > 0)
                assert_null(connector);
            else
                assert_non_null(connector);
            arena = before;
        }
    }
}

/* Who is stopped by a credential, a setting or a schema is told what to do. */
static void
every_stop_has_a_remedy(void **state)
{
    size_t rules = 0;

    (void)state;
    for (size_t a = 0; a < eff_assets_count; a++) {
        eff_str bytes = {(const char *)eff_assets[a].ptr, eff_assets[a].len};
        const struct eff_connector *c;
        struct eff_problems problems;

        if (!eff_str_ends(eff_str_of(eff_assets[a].path), EFF_STR("/connector.yaml")))
            continue;
        assert_int_equal(load(bytes, &problems, &c), 0);
        for (size_t i = 0; i < c->errors_count; i++) {
            const struct eff_error_rule *rule = &c->errors[i];

            if (rule->fault != EFF_AUTH && rule->fault != EFF_CONTRACT && rule->fault != EFF_CONFIG)
                continue;
            rules++;
            if (rule->remedy.len == 0)
                print_error("%s: errors[%zu] has no remedy\n", eff_assets[a].path, i);
            assert_true(rule->remedy.len > 0);
        }
    }
    assert_true(rules > 30);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_good_one_loads),
        cmocka_unit_test(hostile_files_are_refused),
        cmocka_unit_test(addresses_that_are_fine),
        cmocka_unit_test(a_file_stands_in_the_folder_of_its_name),
        cmocka_unit_test(all_at_once),
        cmocka_unit_test(columns_point_into_the_text),
        cmocka_unit_test(every_prefix_and_damage),
        cmocka_unit_test(every_stop_has_a_remedy),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
