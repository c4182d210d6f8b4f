/*
 * os/http_check: what a request may look like, and the reading of an answer's head.
 */
#include "os/http_check.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>

#define CHECK_HOST_MAX 256

static bool
check_is_token(eff_str s)
{
    static const char others[] = "!#$%&'*+-.^_`|~"; // RFC 9110 section 5.6.2

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!letter && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return s.len > 0;
}

static bool
check_has_control(eff_str s, bool tab_is_fine)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if ((c < 0x20 && !(tab_is_fine && c == '\t')) || c == 0x7f)
            return true;
    }
    return false;
}

static enum eff_fault
check_headers(const struct eff_request *request, struct eff_err *err)
{
    static const char *const framing[] = {
        "content-length", "transfer-encoding", "connection", "host", "upgrade", "te", "trailer"};

    for (size_t i = 0; i < request->headers_count; i++) {
        const struct eff_header *header = &request->headers[i];

        if (!check_is_token(header->name))
            return EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" is no name of a header",
                            EFF_STR_ARG(header->name));
        if (check_has_control(header->value, true))
            return EFF_FAIL(err, EFF_CONFIG,
                            "the value of the header " EFF_STR_FMT " holds a control character",
                            EFF_STR_ARG(header->name));
        for (size_t f = 0; f < sizeof(framing) / sizeof(framing[0]); f++)
            if (eff_str_eq_nocase(header->name, eff_str_of(framing[f])))
                return EFF_FAIL(err, EFF_CONFIG, "the header " EFF_STR_FMT " is not for requests",
                                EFF_STR_ARG(header->name));
    }
    return EFF_OK;
}

static eff_str
check_unbracket(eff_str host)
{
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        return eff_str_sub(host, 1, host.len - 2);
    return host;
}

static bool
check_part(CURLU *url, CURLUPart part, char *ret_text, size_t cap)
{
    char *text = NULL;
    bool fits;

    if (curl_url_get(url, part, &text, 0) != CURLUE_OK)
        return false;
    fits = strlen(text) < cap;
    if (fits)
        memcpy(ret_text, text, strlen(text) + 1);
    curl_free(text);
    return fits;
}

/* Nothing in it would end the host in a URL. */
static bool
check_is_host(eff_str entry)
{
    for (size_t i = 0; i < entry.len; i++)
        if (entry.ptr[i] == '\0' || strchr("/?#@\\ ", entry.ptr[i]) != NULL)
            return false;
    return true;
}

/* A listed host is compared as it is written and as libcurl reads it: "127.1" is "127.0.0.1". */
static bool
check_is_listed(const struct eff_request *request, const char *host)
{
    char text[CHECK_HOST_MAX + 16], read[CHECK_HOST_MAX];
    eff_str wanted = check_unbracket(eff_str_of(host));
    bool found = false;

    for (size_t i = 0; i < request->hosts_count && !found; i++) {
        eff_str entry = request->hosts[i];
        CURLU *url;

        found = eff_str_eq_nocase(check_unbracket(entry), wanted);
        if (found || entry.len == 0 || entry.len >= CHECK_HOST_MAX || !check_is_host(entry))
            continue;
        snprintf(text, sizeof(text), "https://%.*s/", (int)entry.len, entry.ptr);
        url = curl_url();
        if (url != NULL && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
            check_part(url, CURLUPART_HOST, read, sizeof(read)))
            found = eff_str_eq_nocase(check_unbracket(eff_str_of(read)), wanted);
        curl_url_cleanup(url);
    }
    return found;
}

/* libcurl is lenient about slashes and user names; where it would guess, we refuse. */
static enum eff_fault
check_authority(eff_str url, struct eff_err *err)
{
    size_t at = eff_str_find_char(url, ':'), len = 0;
    bool slashes = at != SIZE_MAX && eff_str_starts(eff_str_sub(url, at, 3), EFF_STR("://"));
    eff_str rest = slashes ? eff_str_sub(url, at + 3, url.len) : EFF_STR_NONE;

    while (len < rest.len && strchr("/?#", rest.ptr[len]) == NULL)
        len++;
    if (len == 0)
        return EFF_FAIL(err, EFF_CONFIG, "the URL has no scheme or no host");
    for (size_t i = 0; i < len; i++)
        if (strchr("@\\", rest.ptr[i]) != NULL)
            return EFF_FAIL(err, EFF_CONFIG, "the URL holds a user name");
    return EFF_OK;
}

static enum eff_fault
check_parsed(const struct eff_request *request, CURLU *url, bool *ret_listed, struct eff_err *err)
{
    char scheme[16], host[CHECK_HOST_MAX];
    bool plain;

    if (!check_part(url, CURLUPART_SCHEME, scheme, sizeof(scheme)) ||
        !check_part(url, CURLUPART_HOST, host, sizeof(host)) || host[0] == '\0')
        return EFF_FAIL(err, EFF_CONFIG, "the URL has no scheme or no host");
    plain = strcmp(scheme, "http") == 0;
    if (!plain && strcmp(scheme, "https") != 0)
        return EFF_FAIL(err, EFF_CONFIG, "the URL's scheme is %s, not http or https", scheme);
    *ret_listed = check_is_listed(request, host);
    if (plain && !*ret_listed)
        return EFF_FAIL(err, EFF_CONFIG, "plain http to %s, a host that the project does not name",
                        host);
    return EFF_OK;
}

static enum eff_fault
check_url(const struct eff_request *request, bool *ret_listed, struct eff_err *err)
{
    char text[EFF_REQUEST_URL_MAX + 1];
    enum eff_fault fault;
    CURLUcode code;
    CURLU *url;

    if (request->url.len == 0 || request->url.len > EFF_REQUEST_URL_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "the URL has %zu bytes, not 1 to %d", request->url.len,
                        EFF_REQUEST_URL_MAX);
    if (check_has_control(request->url, false) || eff_str_find_char(request->url, ' ') != SIZE_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "the URL holds a blank or a control character");
    EFF_TRY(check_authority(request->url, err));
    memcpy(text, request->url.ptr, request->url.len);
    text[request->url.len] = '\0';
    url = curl_url();
    if (url == NULL)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory");
    code = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS);
    fault = code == CURLUE_OK
                ? check_parsed(request, url, ret_listed, err)
                : EFF_FAIL(err, EFF_CONFIG, "the URL cannot be read: %s", curl_url_strerror(code));
    curl_url_cleanup(url);
    return fault;
}

enum eff_fault
eff_http_check(const struct eff_request *request, bool *ret_listed, struct eff_err *err)
{
    if (!check_is_token(request->method) || request->method.len > 16)
        return EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" is no method",
                        EFF_STR_ARG(request->method));
    EFF_TRY(check_headers(request, err));
    return check_url(request, ret_listed, err);
}

size_t
eff_http_headers_parse(char *head, size_t len, struct eff_header *ret_headers, size_t max)
{
    eff_str rest = {head, len}, line, name, value;
    size_t count = 0;

    while (rest.len > 0 && count < max) {
        eff_str_cut(rest, '\n', &line, &value);
        rest = line.len < rest.len ? eff_str_sub(rest, line.len + 1, rest.len) : EFF_STR_NONE;
        if (!eff_str_cut(line, ':', &name, &value) || !check_is_token(name))
            continue;
        for (size_t i = 0; i < name.len; i++) {
            char *c = head + (name.ptr - head) + i;

            if (*c >= 'A' && *c <= 'Z')
                *c = (char)(*c + ('a' - 'A'));
        }
        ret_headers[count++] = (struct eff_header){name, eff_str_trim(value)};
    }
    return count;
}

void
eff_address_text(const struct sockaddr *address, char *ret_text, size_t cap)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    snprintf(ret_text, cap, "?");
    if (address->sa_family == AF_INET) {
        memcpy(&in, address, sizeof(in));
        inet_ntop(AF_INET, &in.sin_addr, ret_text, (socklen_t)cap);
    } else if (address->sa_family == AF_INET6) {
        memcpy(&in6, address, sizeof(in6));
        inet_ntop(AF_INET6, &in6.sin6_addr, ret_text, (socklen_t)cap);
    }
}
