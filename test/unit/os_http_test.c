/*
 * Goal: an answer is an answer only when it is whole; "not sent" is certain; a
 * request that writes leaves once; nothing a peer sends costs more than its cap.
 * Method: the real client against a raw server in a thread that cuts, resets,
 * stalls, drips, bombs and closes kept connections, at every byte.
 * covers: A4, B5, B22, B23, B24, S16
 */
// links: testlib os flow base
// timeout: 240
#include "lib/exchange.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

/* ---- ordinary exchanges ---- */

static bool
echo(struct httpd_conn *conn, unsigned nth, void *user)
{
    struct httpd_request request;
    char body[8192];

    (void)nth;
    (void)user;
    if (!httpd_read(conn, &request))
        return false;
    snprintf(body, sizeof(body), "%.4000s|%.2000s", request.head, request.body);
    return httpd_answer(conn, 200, "X-Rate: 5\r\nX-EMPTY:\r\nX-Rate: 6\r\n", body);
}

static void
test_exchange(void **state)
{
    struct httpd *httpd = serve(echo, NULL);
    struct eff_header headers[] = {{EFF_STR("X-Token"), EFF_STR("abc")},
                                   {EFF_STR("X-None"), EFF_STR("")}};
    struct eff_request request = request_to(httpd, "PATCH", "/a/../b?c=%2F", "{\"a\":1}");
    const struct eff_response *response;
    char text[8192];

    (void)state;
    request.headers = headers;
    request.headers_count = 2;
    response = exchange(&request);
    assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
    assert_int_equal(response->status, 200);
    snprintf(text, sizeof(text), EFF_STR_FMT, EFF_STR_ARG(response->body));
    assert_non_null(strstr(text, "PATCH /a/../b?c=%2F HTTP/1.1\r\n"));
    assert_non_null(strstr(text, "\r\nX-Token: abc\r\n"));
    assert_non_null(strstr(text, "\r\nX-None:\r\n"));
    assert_non_null(strstr(text, "\r\nUser-Agent: efferent/"));
    assert_non_null(strstr(text, "\r\nContent-Length: 7\r\n"));
    assert_non_null(strstr(text, "|{\"a\":1}"));
    assert_null(strstr(text, "Expect"));
    assert_null(strstr(text, "Content-Type"));
    assert_string_equal(header(response, "x-rate"), "5"); // the first, name in lower case
    assert_string_equal(header(response, "x-empty"), "");
    assert_null(header(response, "X-Rate"));
    assert_true(response->now_wall_ms > 1600000000000);
    httpd_stop(httpd);
}

static void
test_methods(void **state)
{
    static const struct {
        const char *method, *body, *length;
    } cases[] = {
        {"GET", "", NULL},    {"POST", "", "0"},   {"POST", "x=1", "3"}, {"PUT", "", "0"},
        {"DELETE", "", NULL}, {"PATCH", "", "0"},  {"GET", "{}", "2"},   {"DELETE", "{}", "2"},
        {"PUT", "abc", "3"},  {"QUERY", "a", "1"}, {"GET", "", NULL},
    };
    struct httpd *httpd = serve(echo, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct eff_request request = request_to(httpd, cases[i].method, "/", cases[i].body);
        const struct eff_response *response = exchange(&request);
        char text[8192], wanted[64];

        assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
        snprintf(text, sizeof(text), EFF_STR_FMT, EFF_STR_ARG(response->body));
        snprintf(wanted, sizeof(wanted), "%s / HTTP/1.1\r\n", cases[i].method);
        assert_memory_equal(text, wanted, strlen(wanted));
        snprintf(wanted, sizeof(wanted), "Content-Length: %s\r\n",
                 cases[i].length ? cases[i].length : "");
        assert_true((strstr(text, wanted) != NULL) == (cases[i].length != NULL));
        assert_string_equal(strchr(text, '|') + 1, cases[i].body);
    }
    assert_int_equal(httpd_connections(httpd), 1); // kept alive over all of them
    httpd_stop(httpd);
}

static void
test_head_method(void **state)
{
    struct httpd *httpd = serve(echo, NULL);
    struct eff_request request = request_to(httpd, "HEAD", "/", "");
    const struct eff_response *response;

    (void)state;
    request.writes = false;
    response = exchange(&request);
    assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
    assert_int_equal(response->body.len, 0);
    httpd_stop(httpd);
}

static bool
with_interim(struct httpd_conn *conn, unsigned nth, void *user)
{
    struct httpd_request request;

    (void)nth;
    (void)user;
    return httpd_read(conn, &request) &&
           httpd_text(conn, "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n"
                            "HTTP/1.1 103 Early Hints\r\nX-Early: 2\r\n\r\n"
                            "HTTP/1.1 201 Created\r\nX-Late: 1\r\nTransfer-Encoding: chunked\r\n"
                            "\r\n3\r\nabc\r\n0\r\nX-Trailer: 1\r\nHTTP/1.1 500: x\r\n\r\n");
}

static void
test_interim_and_trailer(void **state)
{
    struct httpd *httpd = serve(with_interim, NULL);
    struct eff_request request = request_to(httpd, "POST", "/", "x");
    const struct eff_response *response = exchange(&request);

    (void)state;
    assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
    assert_int_equal(response->status, 201);
    assert_string_equal(header(response, "x-late"), "1");
    assert_null(header(response, "x-early"));
    assert_null(header(response, "x-trailer"));
    assert_body(response, "abc");
    httpd_stop(httpd);
}

/* A large body must not wait for "100 Continue", and an early refusal counts. */
static void
test_large_body(void **state)
{
    struct httpd *httpd = serve(echo, NULL);
    size_t len = 3 << 20;
    char *body = malloc(len + 1);
    struct eff_request request;
    const struct eff_response *response;

    (void)state;
    memset(body, 'x', len);
    body[len] = '\0';
    request = request_to(httpd, "POST", "/", body);
    response = exchange(&request);
    assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
    assert_true(response->took_ms < 900);
    free(body);
    httpd_stop(httpd);
}

/* ---- cut requests and cut answers ---- */

struct cut {
    size_t bytes;
    bool hard;
    const char *answer;
};

static bool
cut_request(struct httpd_conn *conn, unsigned nth, void *user)
{
    const struct cut *cut = user;

    (void)nth;
    httpd_read_bytes(conn, cut->bytes);
    if (cut->hard)
        httpd_reset(conn);
    return false;
}

/* A4: whatever the peer has read of it, it may have acted on; and it comes once. */
static void
test_cut_request(void **state)
{
    struct cut cut = {0};

    (void)state;
    for (unsigned hard = 0; hard < 2; hard++) {
        for (cut.bytes = 1; cut.bytes < 130; cut.bytes += 1 + cut.bytes / 16) {
            struct httpd *httpd;
            struct eff_request request;
            const struct eff_response *response;

            cut.hard = hard;
            httpd = serve(cut_request, &cut);
            request = request_to(httpd, "POST", "/", "0123456789");
            response = exchange(&request);
            assert_int_equal(response->wire, EFF_WIRE_LOST);
            assert_true(response->problem.len > 0);
            assert_int_equal(httpd_connections(httpd), 1);
            httpd_stop(httpd);
        }
    }
}

static bool
cut_answer(struct httpd_conn *conn, unsigned nth, void *user)
{
    const struct cut *cut = user;
    struct httpd_request request;

    (void)nth;
    if (!httpd_read(conn, &request))
        return false;
    httpd_send(conn, cut->answer, cut->bytes);
    if (cut->hard)
        httpd_reset(conn);
    return false;
}

/* B5: an answer that ends too early is neither success nor failure. */
static void
test_cut_answer(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 12\r\n\r\n{\"ok\": true}",
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"ok\"\r\n7\r\n: true}\r\n0\r\n"
         "\r\n"),
        "HTTP/1.1 400 Bad\r\nContent-Length: 12\r\n\r\n{\"ok\": true}",
    };
    struct cut cut = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        size_t len = strlen(answers[i]);

        cut.answer = answers[i];
        for (cut.bytes = 0; cut.bytes <= len; cut.bytes++) {
            struct httpd *httpd = serve(cut_answer, &cut);
            struct eff_request request = request_to(httpd, "POST", "/", "x");
            const struct eff_response *response = exchange(&request);

            // For the last LF of a last chunk old libcurls do not wait.
            bool whole = cut.bytes == len ||
                         (i == 1 && cut.bytes == len - 1 && response->wire == EFF_WIRE_ANSWERED);

            if (response->wire != (whole ? EFF_WIRE_ANSWERED : EFF_WIRE_LOST))
                fail_msg("answer %zu cut at %zu: wire %d", i, cut.bytes, response->wire);
            assert_int_equal(httpd_requests(httpd), 1);
            httpd_stop(httpd);
        }
    }
}

static bool
drip_answer(struct httpd_conn *conn, unsigned nth, void *user)
{
    struct httpd_request request;

    (void)nth;
    return httpd_read(conn, &request) && httpd_drip(conn, user, 1);
}

static void
test_byte_at_a_time(void **state)
{
    struct httpd *httpd =
        serve(drip_answer, "HTTP/1.1 207 Multi\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello");
    struct eff_request request = request_to(httpd, "POST", "/", "x");
    const struct eff_response *response = exchange(&request);

    (void)state;
    assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
    assert_int_equal(response->status, 207);
    assert_string_equal(header(response, "x-a"), "b");
    assert_body(response, "hello");
    httpd_stop(httpd);
}

static bool
stall(struct httpd_conn *conn, unsigned nth, void *user)
{
    struct httpd_request request;

    (void)nth;
    if (!httpd_read(conn, &request))
        return false;
    httpd_text(conn, user);
    httpd_read_bytes(conn, 1); // until the client gives up
    return false;
}

/* B22: a deadline over the whole exchange, whatever the peer does. */
static void
test_stall(void **state)
{
    static const char *const parts[] = {"", "HTTP/1.1 200 OK\r\n",
                                        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"};

    (void)state;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct httpd *httpd = serve(stall, parts[i]);
        struct eff_request request = request_to(httpd, "POST", "/", "x");
        const struct eff_response *response;

        request.timeout_ms = 300;
        response = exchange(&request);
        assert_int_equal(response->wire, EFF_WIRE_LOST);
        assert_in_range(response->took_ms, 250, 3000);
        httpd_stop(httpd);
    }
}

static bool
endless(struct httpd_conn *conn, unsigned nth, void *user)
{
    struct httpd_request request;

    (void)nth;
    (void)user;
    if (!httpd_read(conn, &request))
        return false;
    httpd_text(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    while (httpd_text(conn, "x"))
        httpd_pause(20);
    return false;
}

static void
test_drip_without_end(void **state)
{
    struct httpd *httpd = serve(endless, NULL);
    struct eff_request request = request_to(httpd, "POST", "/", "x");
    const struct eff_response *response;

    (void)state;
    request.timeout_ms = 500;
    response = exchange(&request);
    assert_int_equal(response->wire, EFF_WIRE_LOST);
    assert_in_range(response->took_ms, 450, 3000);
    httpd_stop(httpd);
}

static void
test_not_sent(void **state)
{
    struct httpd *httpd = serve(echo, NULL);
    struct eff_request request = request_to(httpd, "POST", "/", "x");
    static const eff_str hosts[] = {{"no-such-host.invalid", 20}};
    const struct eff_response *response;

    (void)state;
    httpd_stop(httpd); // the port is closed now
    response = exchange(&request);
    assert_int_equal(response->wire, EFF_WIRE_NOT_SENT);
    assert_false(response->not_allowed);
    assert_true(response->problem.len > 0);
    request.url = EFF_STR("http://no-such-host.invalid/");
    request.hosts = hosts;
    response = exchange(&request);
    assert_int_equal(response->wire, EFF_WIRE_NOT_SENT);
    assert_false(response->not_allowed);
}

/* ---- kept connections ---- */

struct kept {
    bool hard;
    unsigned seen; /* of the request under test */
};

static bool
close_on_second(struct httpd_conn *conn, unsigned nth, void *user)
{
    struct kept *kept = user;
    struct httpd_request request;

    if (!httpd_read(conn, &request))
        return false;
    if (nth == 0 && strcmp(request.path, "/first") == 0)
        return httpd_answer(conn, 200, "", "first");
    kept->seen++;
    if (nth > 0) { // on the kept connection: read, acted upon, never answered
        if (kept->hard)
            httpd_reset(conn);
        return false;
    }
    return httpd_answer(conn, 200, "", "again");
}

/* B24: the peer may have acted, so it must not see a write twice; curl by itself would. */
static void
test_write_on_dying_connection(void **state)
{
    static const struct {
        const char *method, *body;
    } cases[] = {{"POST", "create"}, {"POST", ""}, {"DELETE", ""}, {"PATCH", "{}"}};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        struct kept kept = {.hard = i % 2};
        struct httpd *httpd = serve(close_on_second, &kept);
        struct eff_request request = request_to(httpd, "POST", "/first", "x");
        const struct eff_response *response = exchange(&request);

        assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
        request = request_to(httpd, cases[i / 2].method, "/second", cases[i / 2].body);
        response = exchange(&request);
        assert_int_equal(response->wire, EFF_WIRE_LOST);
        assert_false(response->not_allowed);
        assert_int_equal(kept.seen, 1);
        assert_int_equal(httpd_requests(httpd), 2);
        httpd_stop(httpd);
    }
}

/* What only reads may be asked twice, and then nobody notices. */
static void
test_read_on_dying_connection(void **state)
{
    struct kept kept = {0};
    struct httpd *httpd = serve(close_on_second, &kept);
    struct eff_request request = request_to(httpd, "POST", "/first", "x");
    const struct eff_response *response = exchange(&request);

    (void)state;
    assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
    request = request_to(httpd, "POST", "/second", "search");
    request.writes = false;
    response = exchange(&request);
    assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
    assert_body(response, "again");
    assert_int_equal(kept.seen, 2);
    httpd_stop(httpd);
}

static bool
one_each(struct httpd_conn *conn, unsigned nth, void *user)
{
    struct httpd_request request;

    (void)nth;
    (void)user;
    if (httpd_read(conn, &request))
        httpd_answer(conn, 200, "", "x"); // without "Connection: close"
    return false;
}

static void
test_closed_while_idle(void **state)
{
    struct httpd *httpd = serve(one_each, NULL);

    (void)state;
    for (int i = 0; i < 5; i++) {
        struct eff_request request = request_to(httpd, "POST", "/", "x");

        assert_int_equal(exchange(&request)->wire, EFF_WIRE_ANSWERED);
        httpd_pause(30); // the FIN is here before the next one
    }
    assert_int_equal(httpd_requests(httpd), 5);
    httpd_stop(httpd);
}

/* ---- caps ---- */

static size_t
deflate_zeroes(unsigned char *out, size_t cap, size_t zeroes)
{
    static unsigned char block[65536];
    z_stream z = {0};
    size_t len;

    deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
    z.next_out = out;
    z.avail_out = (uInt)cap;
    for (size_t left = zeroes; left > 0; left -= z.avail_in ? 0 : sizeof(block)) {
        z.next_in = block;
        z.avail_in = sizeof(block);
        while (z.avail_in > 0)
            deflate(&z, left <= sizeof(block) ? Z_FINISH : Z_NO_FLUSH);
    }
    while (deflate(&z, Z_FINISH) == Z_OK)
        ;
    len = z.total_out;
    deflateEnd(&z);
    return len;
}

struct packed {
    unsigned char *bytes;
    size_t len;
};

static bool
send_packed(struct httpd_conn *conn, unsigned nth, void *user)
{
    const struct packed *packed = user;
    struct httpd_request request;
    char head[128];

    (void)nth;
    if (!httpd_read(conn, &request))
        return false;
    snprintf(head, sizeof(head),
             "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
             packed->len);
    return httpd_text(conn, head) && httpd_send(conn, packed->bytes, packed->len);
}

static void
check_packed(size_t zeroes, unsigned inflates_max, enum eff_wire wire)
{
    struct packed packed = {.bytes = malloc((size_t)4 << 20)};
    struct httpd *httpd;
    struct eff_request request;
    const struct eff_response *response;

    packed.len = deflate_zeroes(packed.bytes, (size_t)4 << 20, zeroes);
    httpd = serve(send_packed, &packed);
    request = request_to(httpd, "POST", "/", "x");
    request.answer_bytes_max = (size_t)1 << 30;
    request.inflates_max = inflates_max;
    response = exchange(&request);
    assert_int_equal(response->wire, wire);
    if (wire == EFF_WIRE_ANSWERED)
        assert_int_equal(response->body.len, zeroes);
    httpd_stop(httpd);
    free(packed.bytes);
}

/* B23: 1:1000 is what zeroes give; a small one is still an answer, and one that was foretold. */
static void
test_bomb(void **state)
{
    struct rusage before, after;

    (void)state;
    check_packed(512 << 10, 0, EFF_WIRE_ANSWERED);
    getrusage(RUSAGE_SELF, &before);
    check_packed((size_t)1 << 30, 0, EFF_WIRE_LOST);
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 64 << 10);
    check_packed(32 << 20, 500, EFF_WIRE_LOST);
    check_packed(32 << 20, 2000, EFF_WIRE_ANSWERED); // pages of a warehouse that look alike
}

static bool
large_answer(struct httpd_conn *conn, unsigned nth, void *user)
{
    static char block[10000];
    struct httpd_request request;

    (void)nth;
    (void)user;
    if (!httpd_read(conn, &request))
        return false;
    memset(block, 'y', sizeof(block));
    httpd_text(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n");
    return httpd_send(conn, block, sizeof(block));
}

static void
test_answer_cap(void **state)
{
    struct httpd *httpd = serve(large_answer, NULL);
    struct eff_request request = request_to(httpd, "POST", "/", "x");

    (void)state;
    request.answer_bytes_max = 10000;
    assert_int_equal(exchange(&request)->wire, EFF_WIRE_ANSWERED);
    request.answer_bytes_max = 9999;
    assert_int_equal(exchange(&request)->wire, EFF_WIRE_LOST);
    httpd_stop(httpd);
}

static bool
many_headers(struct httpd_conn *conn, unsigned nth, void *user)
{
    struct httpd_request request;
    char line[64];

    (void)nth;
    (void)user;
    if (!httpd_read(conn, &request))
        return false;
    httpd_text(conn, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < strtol(request.path + 1, NULL, 10); i++) {
        snprintf(line, sizeof(line), "X-Header-%d: %d\r\n", i, i);
        if (!httpd_text(conn, line))
            return false;
    }
    return httpd_text(conn, "Content-Length: 2\r\n\r\nok");
}

static void
test_many_headers(void **state)
{
    struct httpd *httpd = serve(many_headers, NULL);
    struct eff_request request = request_to(httpd, "POST", "/100", "x");
    const struct eff_response *response = exchange(&request);

    (void)state;
    assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
    assert_int_equal(response->headers_count, 101);
    assert_string_equal(header(response, "x-header-99"), "99");
    request = request_to(httpd, "POST", "/10000", "x");
    assert_int_equal(exchange(&request)->wire, EFF_WIRE_LOST);
    httpd_stop(httpd);
}

static bool
garbage(struct httpd_conn *conn, unsigned nth, void *user)
{
    struct httpd_request request;

    (void)nth;
    if (httpd_read(conn, &request))
        httpd_text(conn, user);
    return false;
}

static void
test_garbage(void **state)
{
    static const char *const answers[] = {
        "hello\r\n\r\n",
        "<html>no HTTP at all</html>",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        "\x16\x03\x01\x02",
        "HTTP/7.3 200 OK\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct httpd *httpd = serve(garbage, answers[i]);
        struct eff_request request = request_to(httpd, "POST", "/", "x");

        if (exchange(&request)->wire != EFF_WIRE_LOST)
            fail_msg("answer %zu passed", i);
        httpd_stop(httpd);
    }
}

/* ---- many at a time ---- */

static void
test_many_at_a_time(void **state)
{
    enum { COUNT = 200 };
    struct httpd *httpd = serve(echo, NULL);
    static struct eff_request requests[COUNT];
    static char bodies[COUNT][16];
    static bool seen[COUNT];

    (void)state;
    memset(seen, 0, sizeof(seen));
    for (int i = 0; i < COUNT; i++) {
        static char url[64];

        snprintf(bodies[i], sizeof(bodies[i]), "#%d#", i);
        snprintf(url, sizeof(url), "http://127.0.0.1:%d/", httpd_port(httpd));
        requests[i] = request_to(httpd, "POST", "/", bodies[i]);
        requests[i].url = eff_str_of(url);
        os->submit(os->self, (uint64_t)i + 1, &requests[i]);
    }
    for (int i = 50; i < 60; i++)
        os->cancel(os->self, (uint64_t)i + 1);
    for (int i = 0; i < COUNT - 10; i++) {
        const struct eff_response *response;
        uint64_t ticket = os->next(os->self, os->mono_ms(os->self) + 30000, &response);

        assert_in_range(ticket, 1, COUNT);
        assert_false(seen[ticket - 1]);
        assert_false(ticket > 50 && ticket <= 60);
        seen[ticket - 1] = true;
        assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
        assert_true(eff_str_ends(response->body, eff_str_of(bodies[ticket - 1])));
    }
    httpd_stop(httpd);
}

static void
test_deadline_of_next(void **state)
{
    struct httpd *httpd = serve(stall, "");
    struct eff_request request = request_to(httpd, "POST", "/", "x");
    const struct eff_response *response;
    int64_t began = os->mono_ms(os->self);

    (void)state;
    assert_int_equal(os->next(os->self, began + 100, &response), 0); // nothing under way
    assert_in_range(os->mono_ms(os->self) - began, 95, 1000);
    os->submit(os->self, 1, &request);
    began = os->mono_ms(os->self);
    assert_int_equal(os->next(os->self, began + 100, &response), 0);
    assert_in_range(os->mono_ms(os->self) - began, 95, 1000);
    os->cancel(os->self, 1);
    httpd_stop(httpd);
}

static void
test_stop_signal_wakes(void **state)
{
    const struct eff_response *response;
    int64_t began = os->mono_ms(os->self);
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        httpd_pause(200);
        kill(getppid(), SIGTERM);
        _exit(0);
    }
    assert_true(os->go_on(os->self));
    assert_int_equal(os->next(os->self, began + 20000, &response), 0);
    assert_in_range(os->mono_ms(os->self) - began, 150, 5000);
    assert_false(os->go_on(os->self));
    began = os->mono_ms(os->self); // told once: later waits are whole
    assert_int_equal(os->next(os->self, began + 100, &response), 0);
    assert_true(os->mono_ms(os->self) - began >= 95);
}

int
main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, exchange_setup, exchange_teardown)
    const struct CMUnitTest tests[] = {
        EACH(test_exchange),
        EACH(test_methods),
        EACH(test_head_method),
        EACH(test_interim_and_trailer),
        EACH(test_large_body),
        EACH(test_cut_request),
        EACH(test_cut_answer),
        EACH(test_byte_at_a_time),
        EACH(test_stall),
        EACH(test_drip_without_end),
        EACH(test_not_sent),
        EACH(test_write_on_dying_connection),
        EACH(test_read_on_dying_connection),
        EACH(test_closed_while_idle),
        EACH(test_bomb),
        EACH(test_answer_cap),
        EACH(test_many_headers),
        EACH(test_garbage),
        EACH(test_many_at_a_time),
        EACH(test_deadline_of_next),
        EACH(test_stop_signal_wakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
