/*
 * Goal: over HTTP/2 many requests share a connection, and a write leaves once
 * whatever becomes of its stream or its connection.
 * Method: Node's own HTTP/2 server, which counts what it is asked, refuses
 * streams, resets them and goes away.
 * covers: B24
 */
// links: testlib os flow base
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/certs.h"
#include "lib/exchange.h"

static const char script[] =
    "const h = require('http2'), fs = require('fs'), c = h.constants; const seen = {}; let open = 0;"
    "const s = h.createSecureServer({cert: fs.readFileSync('h2.crt'), key: "
    "fs.readFileSync('h2.key')});"
    "s.on('session', () => open++);"
    "s.on('stream', (st, head) => { st.on('error', () => {}); const p = head[':path'];"
    " seen[p] = (seen[p] || 0) + 1;"
    " if (p === '/seen') { st.respond({':status': 200}); st.end(JSON.stringify({...seen, open})); }"
    " else if (p === '/refused') st.close(c.NGHTTP2_REFUSED_STREAM);"
    " else if (p === '/reset') st.close(c.NGHTTP2_INTERNAL_ERROR);"
    " else if (p === '/http11') st.close(c.NGHTTP2_HTTP_1_1_REQUIRED);"
    " else if (p === '/goaway') { st.session.goaway(0, 0); st.session.destroy(); }"
    " else if (p === '/cut') { st.respond({':status': 200}); st.write('half');"
    "   setTimeout(() => st.destroy(new Error('cut')), 50); }"
    " else { let b = ''; st.on('data', d => b += d);"
    "   st.on('end', () => { st.respond({':status': 201, 'x-h2': 'yes'}); st.end(b); }); } });"
    "s.on('sessionError', () => {});"
    "s.listen(0, '127.0.0.1', () => console.log(s.address().port));"
    "process.stdin.on('end', () => process.exit()); process.stdin.resume();";

static pid_t node;
static int node_port, node_input = -1;
static char folder[] = "/tmp/eff-h2-XXXXXX";

static void
node_start(void)
{
    int input[2], output[2];
    char line[32] = "";

    assert_int_equal(pipe(input), 0);
    assert_int_equal(pipe(output), 0);
    node = fork();
    if (node == 0) {
        dup2(input[0], 0);
        dup2(output[1], 1);
        close(input[1]);
        execlp("node", "node", "-e", script, (char *)NULL);
        _exit(127);
    }
    close(input[0]);
    close(output[1]);
    node_input = input[1];
    if (read(output[0], line, sizeof(line) - 1) > 0)
        node_port = (int)strtol(line, NULL, 10);
    close(output[0]);
}

static struct eff_request
h2_request(const char *path, const char *body)
{
    static char urls[64][128];
    static unsigned turn;
    static const eff_str hosts[] = {{"localhost", 9}};
    char *url = urls[turn++ % 64];

    snprintf(url, sizeof(urls[0]), "https://localhost:%d%s", node_port, path);
    return (struct eff_request){.kind = EFF_REQUEST_HTTP,
                                .writes = true,
                                .timeout_ms = 10000,
                                .method = EFF_STR("POST"),
                                .url = eff_str_of(url),
                                .body = eff_str_of(body),
                                .hosts_count = 1,
                                .hosts = hosts};
}

static bool
seen(const char *what)
{
    struct eff_request request = h2_request("/seen", "");
    const struct eff_response *response;

    request.method = EFF_STR("GET");
    request.writes = false;
    response = exchange(&request);
    assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
    if (eff_str_find(response->body, eff_str_of(what)) != SIZE_MAX)
        return true;
    print_message(EFF_STR_FMT "\n", EFF_STR_ARG(response->body));
    return false;
}

static void
test_many_on_one_connection(void **state)
{
    enum { COUNT = 50 };
    static struct eff_request requests[COUNT];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        requests[i] = h2_request("/many", "hello");
        os->submit(os->self, (uint64_t)i + 1, &requests[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        const struct eff_response *response;

        assert_true(os->next(os->self, os->mono_ms(os->self) + 20000, &response) > 0);
        assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
        assert_int_equal(response->status, 201);
        assert_string_equal(header(response, "x-h2"), "yes");
        assert_body(response, "hello");
    }
    assert_true(seen("\"/many\":50"));
    assert_true(seen("\"open\":1}"));
}

static void
test_stream_that_ends_badly(void **state)
{
    static const char *const paths[] = {"/reset", "/refused", "/http11", "/cut", "/goaway"};

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct eff_request request = h2_request(paths[i], "create");
        const struct eff_response *response = exchange(&request);
        char wanted[64];

        if (response->wire != EFF_WIRE_LOST)
            fail_msg("%s: wire %d", paths[i], response->wire);
        snprintf(wanted, sizeof(wanted), "\"%s\":1,", paths[i]);
        assert_true(seen(wanted));
    }
}

static int
setup(void **state)
{
    const struct certs *root;
    static char path[64];

    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return -1;
    root = certs_make(&(struct certs_config){.name = "root", .ca = true}, NULL);
    certs_write(root, NULL, "ca");
    certs_write(
        certs_make(&(struct certs_config){.name = "localhost", .alt = "DNS:localhost"}, root), NULL,
        "h2");
    snprintf(path, sizeof(path), "%s/ca.crt", folder);
    setenv("SSL_CERT_FILE", path, 1);
    node_start();
    return exchange_setup(state);
}

static int
teardown(void **state)
{
    int status;

    close(node_input);
    waitpid(node, &status, 0);
    for (size_t i = 0; i < 4; i++)
        unlink((const char *[]){"ca.crt", "ca.key", "h2.crt", "h2.key"}[i]);
    if (chdir("/") == 0)
        rmdir(folder);
    return exchange_teardown(state);
}

static bool
have_node(void)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        execlp("node", "node", "-e", "require('http2')", (char *)NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_on_one_connection),
        cmocka_unit_test(test_stream_that_ends_badly),
    };

    if (!have_node())
        return 77; // counted as skipped
    return cmocka_run_group_tests(tests, setup, teardown);
}
