/*
 * Goal: a request goes only where the project says: no spelling of an address,
 * redirect, proxy variable or header gets it elsewhere, and TLS is what it claims.
 * Method: a loopback server that counts connections must see none for any of the
 * spellings; the addresses' table by hand; a local CA with good and bad servers.
 * covers: S2, S3, S4, S5, S6, S7
 */
// links: testlib os flow base
// timeout: 240
#include <openssl/ssl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/certs.h"
#include "lib/exchange.h"
#include "os/address.h"
#include "os/http_check.h"

static bool
echo(struct httpd_conn *conn, unsigned nth, void *user)
{
    struct httpd_request request;

    (void)nth;
    (void)user;
    return httpd_read(conn, &request) && httpd_answer(conn, 200, "", "hello");
}

/* ---- addresses ---- */

static const char *const private_addresses[] = {
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.0.1",
    "169.254.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.0",
    "192.168.255.255",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fec0::1",
    "fc00::1",
    "fdff::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.1.2.3",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:808:808::1",
    "2001::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "3fff::1",
    "100::1",
    "4000::1",
    "e000::1",
    "",
    "nonsense",
    "1.2.3",
    "::ffff:0.0.0.0",
    "1.2.3.4.5",
};

static const char *const metadata_addresses[] = {
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "169.254.0.23",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    "64:ff9b::169.254.169.254",
    "2002:a9fe:a9fe::",
    "::ffff:a9fe:a9fe",
    "::ffff:100.100.100.200",
};

static const char *const public_addresses[] = {
    "1.1.1.1",          "8.8.8.8",         "9.255.255.255",   "11.0.0.0",
    "100.63.255.255",   "100.128.0.0",     "126.255.255.255", "128.0.0.1",
    "169.253.255.255",  "169.255.0.0",     "172.15.255.255",  "172.32.0.0",
    "192.0.1.0",        "192.0.3.0",       "192.167.255.255", "192.169.0.0",
    "198.17.255.255",   "198.20.0.0",      "198.51.99.255",   "203.0.112.255",
    "223.255.255.255",  "2606:4700::1111", "2a00:1450::1",    "2001:4860:4860::8888",
    "64:ff9b::8.8.8.8", "::ffff:8.8.8.8",  "2001:200::1",     "2003::1",
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void
check_addresses(const char *const *texts, size_t count, enum eff_address wanted)
{
    for (size_t i = 0; i < count; i++)
        if (eff_address_of_text(texts[i]) != wanted)
            fail_msg("%s is %s", texts[i], eff_address_name(eff_address_of_text(texts[i])));
}

static void
test_addresses(void **state)
{
    struct sockaddr local = {.sa_family = AF_UNIX};

    (void)state;
    check_addresses(private_addresses, COUNT(private_addresses), EFF_ADDRESS_PRIVATE);
    check_addresses(metadata_addresses, COUNT(metadata_addresses), EFF_ADDRESS_METADATA);
    check_addresses(public_addresses, COUNT(public_addresses), EFF_ADDRESS_PUBLIC);
    assert_int_equal(eff_address_of(&local), EFF_ADDRESS_PRIVATE);
}

/* ---- spellings ---- */

/* Hosts as they may stand in a URL; all of them mean this machine, or nothing at all. */
static const char *const spellings[] = {
    // numbers
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.0.0.1.",
    "127.1.",
    "127.0.0.2",
    "127.127.127.127",
    "127.255.255.254",
    "2130706433",
    "2130706433.",
    "0x7f000001",
    "0x7F000001",
    "0X7F000001",
    "017700000001",
    "0177.0.0.1",
    "0177.1",
    "0177.0.1",
    "00000177.0.0.1",
    "0x7f.0.0.1",
    "0x7f.1",
    "0x7f.0.1",
    "0x7f.0x0.0x0.0x1",
    "0x7F.0X0.0.01",
    "0177.0000.0000.0001",
    "127.0x0.00.1",
    "0x7f.0x000001",
    "0x7f.0x0.0x1",
    "127.00000000000000000000001",
    "0x0000007f000001",
    "127.16777214",
    "127.0.65534",
    "0",
    "00",
    "0x0",
    "0.0",
    "0.0.0.0",
    "0.0.0.0.",
    "0.1",
    "0.0.1",
    "0x00000000",
    "000000000000",
    "4294967295",
    "255.255.255.255",
    "0xffffffff",
    // too large or malformed: refused, or a name that nobody has
    "4294967296",
    "4294967297",
    "6425673729",
    "256.256.256.256",
    "127.0.0.256",
    "383.0.0.1",
    "0x17f000001",
    "127.0.0.1.1",
    "127..0.1",
    ".127.0.0.1",
    "127.0.0.1..",
    "127.0.0.-1",
    "127.0.0.1x",
    "0x7f.0.0.g",
    "1e8",
    "127,0,0,1",
    "127.0.0.1 ",
    " 127.0.0.1",
    "127 .0.0.1",
    // IPv6
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::0001]",
    "[0::1]",
    "[::0:1]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:7f00:0001]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:7f00:0001::1]",
    "[::ffff:0:127.0.0.1]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fe80::1%lo]",
    "[::1%25lo]",
    "[::1%lo]",
    "[::1%251]",
    "[fc00::1]",
    "[fd00::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[::ffff:0.0.0.0]",
    "[2001::1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:192.168.0.1]",
    "[::ffff:169.254.169.254]",
    "[::1",
    "::1",
    "[::1]x",
    "[127.0.0.1]",
    "[localhost]",
    "[]",
    "[::ffff:127.1]",
    "[1::2::3]",
    "[v1.x]",
    // names
    "localhost",
    "LOCALHOST",
    "LocalHost",
    "localhost.",
    "foo.localhost",
    "a.b.localhost",
    "localhost.localdomain",
    "ip6-localhost",
    "ip6-loopback",
    "loopback",
    "localhost%00.com",
    "localhost%2ecom",
    "%6c%6f%63%61%6c%68%6f%73%74",
    "l%6fcalhost",
    "localhost\\.com",
    "localhost%20",
    "localhost%0d%0a",
    "localhost%09",
    // percent-encoded numbers
    "127%2e0%2e0%2e1",
    "127.0.0%2e1",
    "%31%32%37.0.0.1",
    "%3127.0.0.1",
    "127.0.0.1%00",
    "127.0.0.1%2f",
    "127.0.0.1%23",
    "127.0.0.1%3f",
    "127.0.0.1%40",
    "0x7f%2e1",
    "%30",
    // other digits, dots and letters
    "\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1",
    "127\xe3\x80\x82"
    "0\xe3\x80\x82"
    "0\xe3\x80\x82"
    "1",
    "127\xef\xbc\x8e"
    "0.0.1",
    "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1",
    "\xe2\x93\x9b"
    "ocalhost",
    "loc\xc4\x81lhost",
    "\xef\xbd\x8cocalhost",
    "localho\xc5\xbft",
    "127.0.0.1\xe2\x80\x8b",
    "\xe2\x80\x8b"
    "127.0.0.1",
    "127.0.0.\xd9\xa1",
    "lo\xc2\xad"
    "calhost",
    "xn--localhost-",
    "xn--1-0ga",
    "\xff\xfe",
    "127.0.0.1\x01",
    // user names and other ways to hide the host
    "example.com@127.0.0.1",
    "127.0.0.1@127.0.0.1",
    "a:b@127.0.0.1",
    "@127.0.0.1",
    ":@127.0.0.1",
    "example.com%40127.0.0.1",
    "example.com\\@127.0.0.1",
    "example.com@localhost",
    "a@[::1]",
    "127.0.0.1\\",
    "\\127.0.0.1",
    "127.0.0.1;",
    "127.0.0.1&@1.1.1.1",
    "1.1.1.1 &@127.0.0.1",
    "1.1.1.1@127.0.0.1",
    "1.1.1.1:80@127.0.0.1",
    // private and metadata, and what they answer to
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "169.254.169.254",
    "169.254.169.254.",
    "2852039166",
    "0xa9fea9fe",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "169.16689662",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "[::ffff:a9fe:a9fe]",
    "100.100.100.200",
    "168.63.129.16",
    "0x64646464.",
    "192.0.0.192",
};

/* S2: over https, as any URL that came from elsewhere, and plain. */
static void
test_spellings(void **state)
{
    struct httpd *httpd = serve(echo, NULL);
    struct eff_request request = request_to(httpd, "POST", "/", "x");

    (void)state;
    assert_true(COUNT(spellings) >= 150);
    request.hosts_count = 0;
    request.timeout_ms = 1500;
    for (size_t i = 0; i < 2 * COUNT(spellings); i++) {
        const struct eff_response *response;
        char url[512];

        snprintf(url, sizeof(url), "%s://%s:%d/", i % 2 ? "http" : "https", spellings[i / 2],
                 httpd_port(httpd));
        request.url = eff_str_of(url);
        response = exchange(&request);
        if (response->wire != EFF_WIRE_NOT_SENT || response->problem.len == 0)
            fail_msg("%s: wire %d", url, response->wire);
        if (i % 2 && !response->not_allowed)
            fail_msg("%s is plain http to a host that nobody named", url);
    }
    assert_int_equal(httpd_connections(httpd), 0);
    httpd_stop(httpd);
}

/* Refused for what they are, not because nobody listens there. */
static void
test_blocked_is_said(void **state)
{
    static const char *const urls[] = {
        "https://127.0.0.1:%d/",
        "https://localhost:%d/",
        "https://[::1]:%d/",
        "https://0x7f.1:%d/",
        "https://[::ffff:7f00:1]:%d/",
        "https://10.0.0.1:%d/",
        "https://0:%d/",
        "https://a.localhost:%d/",
        "https://169.254.169.254:%d/",
        "ftp://127.0.0.1:%d/",
        "file:///etc/passwd?%d",
        "gopher://127.0.0.1:%d/",
        "127.0.0.1:%d/",
        "//127.0.0.1:%d/",
        "https:127.0.0.1:%d/",
        "https:/127.0.0.1:%d/",
        "https:/127.0.0.1/x://1.1.1.1:%d/",
        "https:///127.0.0.1:%d/",
        "https://:%d/",
        "https://?%d",
        "javascript:alert(%d)",
        "dict://127.0.0.1:%d/",
        "unix:///tmp/x%d",
        "HTTPS://u:p@127.0.0.1:%d/",
        "https://x\r\nHost: y:%d/",
        "https://1.1.1.1:99999%d/",
        "",
    };
    struct eff_request request = {
        .kind = EFF_REQUEST_HTTP, .writes = true, .timeout_ms = 3000, .method = EFF_STR("POST")};

    (void)state;
    for (size_t i = 0; i < COUNT(urls); i++) {
        const struct eff_response *response;
        char url[512];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(url, sizeof(url), urls[i], 9);
#pragma GCC diagnostic pop
        request.url = eff_str_of(url);
        response = exchange(&request);
        if (response->wire != EFF_WIRE_NOT_SENT || !response->not_allowed)
            fail_msg("%s: wire %d, " EFF_STR_FMT, url, response->wire,
                     EFF_STR_ARG(response->problem));
    }
}

/* What the project names literally is allowed as written, metadata addresses never. */
static void
test_listed(void **state)
{
    static const struct {
        const char *host, *entry;
        bool allowed;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", true},   {"localhost", "localhost", true},
        {"LOCALHOST", "localhost", true},   {"localhost", "LocalHost", true},
        {"127.1", "127.1", true},           {"0x7f.1", "127.0.0.1", true},
        {"127.0.0.1", "localhost", false},  {"localhost", "127.0.0.1", false},
        {"localhost.", "localhost", false}, {"127.0.0.1", "127.0.0.2", false},
        {"127.0.0.1", "", false},           {"127.0.0.1", "127.0.0.1/x", false},
        {"localhost", "alhost", false},     {"127.0.0.1", "27.0.0.1", false},
    };
    struct httpd *httpd = serve(echo, NULL);
    struct eff_request request = request_to(httpd, "POST", "/", "x");
    unsigned allowed = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        eff_str entry = eff_str_of(cases[i].entry);
        const struct eff_response *response;
        char url[512];

        snprintf(url, sizeof(url), "http://%s:%d/", cases[i].host, httpd_port(httpd));
        request.url = eff_str_of(url);
        request.hosts = &entry;
        response = exchange(&request);
        if ((response->wire == EFF_WIRE_ANSWERED) != cases[i].allowed)
            fail_msg("%s with %s: wire %d " EFF_STR_FMT, cases[i].host, cases[i].entry,
                     response->wire, EFF_STR_ARG(response->problem));
        allowed += cases[i].allowed;
    }
    assert_int_equal(httpd_requests(httpd), allowed);
    httpd_stop(httpd);
}

static void
test_metadata_never(void **state)
{
    static const char *const hosts[] = {"169.254.169.254", "2852039166", "[::ffff:a9fe:a9fe]",
                                        "[fd00:ec2::254]", "100.100.100.200"};
    struct eff_request request = {
        .kind = EFF_REQUEST_HTTP, .timeout_ms = 2000, .method = EFF_STR("GET"), .hosts_count = 1};

    (void)state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        eff_str entry = eff_str_of(hosts[i]);
        const struct eff_response *response;
        char url[128];

        snprintf(url, sizeof(url), "http://%s/latest/", hosts[i]);
        request.url = eff_str_of(url);
        request.hosts = &entry;
        response = exchange(&request);
        assert_int_equal(response->wire, EFF_WIRE_NOT_SENT);
        assert_true(response->not_allowed);
        assert_true(eff_str_find(response->problem, EFF_STR("metadata")) != SIZE_MAX);
    }
}

/* A login may ask for it, by the flag and the list both; the flag opens nothing else. */
static void
test_metadata_asked_for(void **state)
{
    static const struct {
        const char *host, *entry;
        bool asked, allowed;
    } cases[] = {
        {"169.254.170.23", "169.254.170.23", true, true},
        {"169.254.170.23", "169.254.170.23", false, false},
        {"169.254.170.23", "127.0.0.1", true, false},
        {"127.0.0.1", "169.254.170.23", true, false},
    };
    struct eff_request request = {
        .kind = EFF_REQUEST_HTTP, .timeout_ms = 200, .method = EFF_STR("GET"), .hosts_count = 1};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        eff_str entry = eff_str_of(cases[i].entry);
        char url[128];

        snprintf(url, sizeof(url), "http://%s:1/token", cases[i].host);
        request.url = eff_str_of(url);
        request.hosts = &entry;
        request.metadata = cases[i].asked;
        assert_int_equal(exchange(&request)->not_allowed, !cases[i].allowed);
    }
}

/* ---- where it must not go ---- */

static bool
redirect(struct httpd_conn *conn, unsigned nth, void *user)
{
    struct httpd_request request;
    char headers[256];

    (void)nth;
    if (!httpd_read(conn, &request))
        return false;
    snprintf(headers, sizeof(headers), "Location: http://127.0.0.1:%d/stolen\r\n", *(int *)user);
    return httpd_answer(conn, (int)strtol(request.path + 1, NULL, 10), headers, "");
}

static void
test_redirects_are_answers(void **state)
{
    static const int codes[] = {301, 302, 303, 307, 308};
    struct httpd *target = serve(echo, NULL);
    int port = httpd_port(target);
    struct httpd *httpd = serve(redirect, &port);

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(codes) / sizeof(codes[0]); i++) {
        char path[16];
        struct eff_request request;
        const struct eff_response *response;

        snprintf(path, sizeof(path), "/%d", codes[i / 2]);
        request = request_to(httpd, i % 2 ? "GET" : "POST", path, i % 2 ? "" : "x");
        request.writes = i % 2 == 0;
        response = exchange(&request);
        assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
        assert_int_equal(response->status, codes[i / 2]);
        assert_non_null(header(response, "location"));
    }
    assert_int_equal(httpd_connections(target), 0);
    httpd_stop(httpd);
    httpd_stop(target);
}

static void
test_proxy_variables(void **state)
{
    static const char *const names[] = {"http_proxy",  "HTTP_PROXY", "https_proxy",
                                        "HTTPS_PROXY", "all_proxy",  "ALL_PROXY"};
    struct httpd *proxy = serve(echo, NULL), *httpd = serve(echo, NULL);
    struct eff_request request = request_to(httpd, "POST", "/", "x");
    char url[64];

    (void)state;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", httpd_port(proxy));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        setenv(names[i], url, 1);
    assert_int_equal(exchange(&request)->wire, EFF_WIRE_ANSWERED);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
    assert_int_equal(httpd_connections(proxy), 0);
    httpd_stop(proxy);
    httpd_stop(httpd);
}

/* S7: a value from a row cannot add a header or a second request. */
static void
test_bad_headers(void **state)
{
    static const struct eff_header bad[] = {
        {{"X-A", 3}, {"a\r\nX-B: b", 10}},
        {{"X-A", 3}, {"a\nb", 3}},
        {{"X-A", 3}, {"a\rb", 3}},
        {{"X-A", 3}, {"a\0b", 3}},
        {{"X-A", 3}, {"a\x7f", 2}},
        {{"X-A", 3}, {"\x1b[2J", 4}},
        {{"X-A\r\nX-B", 8}, {"b", 1}},
        {{"X A", 3}, {"b", 1}},
        {{"X:A", 3}, {"b", 1}},
        {{"", 0}, {"b", 1}},
        {{"X-\xc3\xa4", 4}, {"b", 1}},
        {{"Content-Length", 14}, {"3", 1}},
        {{"transfer-encoding", 17}, {"chunked", 7}},
        {{"Host", 4}, {"evil.example", 12}},
        {{"Connection", 10}, {"upgrade", 7}},
    };
    struct httpd *httpd = serve(echo, NULL);
    struct eff_request request = request_to(httpd, "POST", "/", "x");

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct eff_response *response;

        request.headers = &bad[i];
        request.headers_count = 1;
        response = exchange(&request);
        assert_int_equal(response->wire, EFF_WIRE_NOT_SENT);
        assert_true(response->not_allowed);
        assert_true(response->problem.len > 0);
    }
    request.headers_count = 0;
    request.method = EFF_STR("POST /x HTTP/1.1\r\nHost: a\r\n\r\nGET");
    assert_true(exchange(&request)->not_allowed);
    assert_int_equal(httpd_connections(httpd), 0);
    httpd_stop(httpd);
}

/* ---- TLS ---- */

enum bad {
    GOOD,
    EXPIRED,
    FUTURE,
    WRONG_NAME,
    WILDCARD,
    ONLY_CN,
    NO_NAME,
    SELF_SIGNED,
    OTHER_CA,
    CLIENT_ONLY,
    WEAK_RSA,
    WITH_SHA1,
    NOT_A_CA,
    EXPIRED_CA,
    TLS_1_0,
    TLS_1_1,
    PLAIN,
    BAD_COUNT
};

static const char *const bad_names[BAD_COUNT] = {
    "good",     "expired",    "not yet valid",    "wrong name", "wildcard",
    "only CN",  "no name",    "self-signed",      "another CA", "for clients",
    "RSA 1024", "SHA-1",      "signed by a leaf", "expired CA", "TLS 1.0",
    "TLS 1.1",  "plain text",
};

static const struct certs *root;

/* The certificate of a server that is wrong in one way. */
static void
make_server(enum bad bad, const char *path)
{
    struct certs_config config = {.name = "localhost", .alt = "DNS:localhost,IP:127.0.0.1"};
    struct certs_config ca = {.name = "another", .ca = true};
    const struct certs *signer = root, *chain = NULL;

    if (bad == EXPIRED)
        config.from_days = -10, config.till_days = -1;
    if (bad == FUTURE)
        config.from_days = 2, config.till_days = 10;
    if (bad == WRONG_NAME)
        config.alt = "DNS:localhost.example.com,DNS:ocalhost,DNS:notlocalhost";
    if (bad == WILDCARD)
        config.alt = "DNS:*,DNS:*.localhost,DNS:l*";
    if (bad == ONLY_CN) // a name elsewhere rules the CN out
        config.alt = "DNS:example.com";
    if (bad == NO_NAME)
        config.name = "example.com", config.alt = NULL;
    if (bad == SELF_SIGNED)
        signer = NULL;
    if (bad == CLIENT_ONLY)
        config.usage = "clientAuth";
    if (bad == WEAK_RSA)
        config.rsa_bits = 1024;
    config.sha1 = bad == WITH_SHA1;
    if (bad == OTHER_CA)
        signer = certs_make(&ca, NULL);
    if (bad == NOT_A_CA)
        chain = signer = certs_make(&(struct certs_config){.name = "leaf"}, root);
    if (bad == EXPIRED_CA) {
        ca.from_days = -10;
        ca.till_days = -1;
        chain = signer = certs_make(&ca, root);
    }
    certs_write(certs_make(&config, signer), chain, path);
}

static enum eff_wire
ask_server(enum bad bad, const struct eff_response **ret_response, unsigned *ret_requests)
{
    struct httpd_config config = {.handler = echo,
                                  .tls_cert = bad == PLAIN ? NULL : "server.crt",
                                  .tls_key = "server.key",
                                  .tls_max = bad == TLS_1_0   ? TLS1_VERSION
                                             : bad == TLS_1_1 ? TLS1_1_VERSION
                                                              : 0};
    static const eff_str hosts[] = {{"localhost", 9}};
    struct eff_request request;
    struct httpd *httpd;
    char url[64];

    make_server(bad, "server");
    httpd = httpd_start(&config);
    request = request_to(httpd, "POST", "/", "x");
    snprintf(url, sizeof(url), "https://localhost:%d/", httpd_port(httpd));
    request.url = eff_str_of(url);
    request.hosts = hosts;
    request.timeout_ms = 5000;
    *ret_response = exchange(&request);
    *ret_requests = httpd_requests(httpd);
    httpd_stop(httpd);
    return (*ret_response)->wire;
}

static void
check_tls(enum bad from, enum bad till)
{
    const struct eff_response *response;
    unsigned requests;

    for (enum bad bad = from; bad <= till; bad++) {
        enum eff_wire wire = ask_server(bad, &response, &requests);

        if (wire != (bad == GOOD ? EFF_WIRE_ANSWERED : EFF_WIRE_NOT_SENT))
            fail_msg("%s: wire %d " EFF_STR_FMT, bad_names[bad], wire,
                     EFF_STR_ARG(response->problem));
        assert_int_equal(requests, bad == GOOD);
    }
}

static void
test_tls(void **state)
{
    (void)state;
    check_tls(GOOD, BAD_COUNT - 1);
}

static void
test_tls_versions(void **state)
{
    (void)state;
    check_tls(TLS_1_0, TLS_1_1);
}

/*
 * Debian's OpenSSL refuses old versions by its own configuration. That it is our
 * doing shows only in a process whose OpenSSL would take them.
 */
static void
test_tls_versions_by_ourselves(void **state)
{
    FILE *file = fopen("openssl.cnf", "w");
    int status;
    pid_t child;

    (void)state;
    fputs("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
          "MinProtocol = TLSv1\nCipherString = DEFAULT@SECLEVEL=0\n",
          file);
    fclose(file);
    child = fork();
    if (child == 0) {
        char path[4096];

        setenv("OPENSSL_CONF", realpath("openssl.cnf", path), 1);
        execl("/proc/self/exe", "versions", "versions", (char *)NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    unlink("openssl.cnf");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* S3: a kept connection is judged again for each request that would use it. */
static void
test_kept_connection_is_judged(void **state)
{
    struct httpd_config config = {
        .handler = echo, .tls_cert = "server.crt", .tls_key = "server.key"};
    static const eff_str hosts[] = {{"localhost", 9}};
    struct eff_request request;
    const struct eff_response *response;
    struct httpd *httpd;
    char url[64];

    (void)state;
    make_server(GOOD, "server");
    httpd = httpd_start(&config);
    request = request_to(httpd, "POST", "/", "x");
    snprintf(url, sizeof(url), "https://localhost:%d/", httpd_port(httpd));
    request.url = eff_str_of(url);
    request.hosts = hosts;
    assert_int_equal(exchange(&request)->wire, EFF_WIRE_ANSWERED);
    request.hosts_count = 0;
    response = exchange(&request);
    assert_int_equal(response->wire, EFF_WIRE_NOT_SENT);
    assert_true(response->not_allowed);
    assert_int_equal(httpd_requests(httpd), 1);
    httpd_stop(httpd);
}

static int
tls_setup(void **state)
{
    char folder[] = "/tmp/eff-tls-XXXXXX";
    static char path[64];

    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return -1;
    root = certs_make(&(struct certs_config){.name = "root", .ca = true}, NULL);
    certs_write(root, NULL, "ca");
    snprintf(path, sizeof(path), "%s/ca.crt", folder);
    setenv("SSL_CERT_FILE", path, 1);
    return exchange_setup(state);
}

static int
tls_teardown(void **state)
{
    unsetenv("SSL_CERT_FILE");
    for (size_t i = 0; i < 4; i++)
        unlink((const char *[]){"ca.crt", "ca.key", "server.crt", "server.key"}[i]);
    return exchange_teardown(state);
}

int
main(int argc, char **argv)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, exchange_setup, exchange_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        EACH(test_spellings),
        EACH(test_blocked_is_said),
        EACH(test_listed),
        EACH(test_metadata_never),
        EACH(test_metadata_asked_for),
        EACH(test_redirects_are_answers),
        EACH(test_proxy_variables),
        EACH(test_bad_headers),
        cmocka_unit_test_setup_teardown(test_tls, tls_setup, tls_teardown),
        cmocka_unit_test_setup_teardown(test_tls_versions_by_ourselves, tls_setup, tls_teardown),
        cmocka_unit_test_setup_teardown(test_kept_connection_is_judged, tls_setup, tls_teardown),
    };

    const struct CMUnitTest versions[] = {
        cmocka_unit_test_setup_teardown(test_tls_versions, tls_setup, tls_teardown),
    };

    if (argc > 1 && strcmp(argv[1], "versions") == 0)
        return cmocka_run_group_tests(versions, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
