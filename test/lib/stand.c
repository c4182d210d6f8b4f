/*
 * lib/stand: one stand-in in this process, and a client that speaks to it.
 */
#include "lib/stand.h"

#include "sandbox/sandbox.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

void
stand_start(struct stand *stand, const char *vendor, const char *faults, const char *data)
{
    eff_str name = eff_str_of(vendor);
    struct eff_err err = {0};
    struct eff_sandbox_config config = {.vendors_count = 1,
                                        .vendors = &name,
                                        .seed = 7,
                                        .faults = eff_str_of(faults),
                                        .data = data};

    *stand = (struct stand){0};
    if (eff_sandbox_start(&config, &stand->sandbox, &err) != EFF_OK)
        fail_msg("%s", err.msg);
    stand->port = eff_sandbox_port(stand->sandbox, 0);
    stand->curl = curl_easy_init();
    assert_non_null(stand->curl);
    eff_arena_init(&stand->arena, "stand", (size_t)256 << 20);
}

void
stand_stop(struct stand *stand)
{
    curl_easy_cleanup(stand->curl);
    eff_sandbox_stop(stand->sandbox);
    eff_buf_free(&stand->head);
    eff_buf_free(&stand->body);
    eff_arena_deinit(&stand->arena);
}

static size_t
stand_on_bytes(char *ptr, size_t size, size_t count, void *buf)
{
    eff_buf_add_bytes(buf, ptr, size * count);
    return size * count;
}

static struct curl_slist *
stand_headers(const struct stand *stand)
{
    struct curl_slist *list = NULL;
    char line[512];

    snprintf(line, sizeof(line), "Content-Type: %s",
             stand->type == NULL ? "application/json" : stand->type);
    list = curl_slist_append(list, line);
    snprintf(line, sizeof(line), "Authorization: Bearer %s",
             stand->token == NULL ? "test-token" : stand->token);
    if (stand->token == NULL || stand->token[0] != '\0')
        list = curl_slist_append(list, line);
    if (stand->extra != NULL)
        list = curl_slist_append(list, stand->extra);
    return curl_slist_append(list, "Expect:");
}

long
stand_send_bytes(struct stand *stand, const char *method, const char *path, eff_str body)
{
    struct curl_slist *headers = stand_headers(stand);
    struct eff_err err = {0};
    char url[8192];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", stand->port, path);
    eff_buf_reset(&stand->head);
    eff_buf_reset(&stand->body);
    curl_easy_reset(stand->curl);
    curl_easy_setopt(stand->curl, CURLOPT_URL, url);
    curl_easy_setopt(stand->curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(stand->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(stand->curl, CURLOPT_WRITEFUNCTION, stand_on_bytes);
    curl_easy_setopt(stand->curl, CURLOPT_WRITEDATA, &stand->body);
    curl_easy_setopt(stand->curl, CURLOPT_HEADERFUNCTION, stand_on_bytes);
    curl_easy_setopt(stand->curl, CURLOPT_HEADERDATA, &stand->head);
    curl_easy_setopt(stand->curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(stand->curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(stand->curl, CURLOPT_PROXY, "");
    // On a connection used before, libcurl sends a request again that got no answer.
    curl_easy_setopt(stand->curl, CURLOPT_FRESH_CONNECT, 1L);
    if (body.ptr != NULL) {
        curl_easy_setopt(stand->curl, CURLOPT_POSTFIELDS, body.ptr);
        curl_easy_setopt(stand->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    }
    stand->code = curl_easy_perform(stand->curl);
    stand->status = 0;
    if (stand->code == CURLE_OK)
        curl_easy_getinfo(stand->curl, CURLINFO_RESPONSE_CODE, &stand->status);
    curl_slist_free_all(headers);
    eff_arena_reset(&stand->arena);
    stand->json = NULL;
    if (eff_json_parse(eff_buf_str(&stand->body), &stand->arena, &stand->json, &err) != EFF_OK)
        stand->json = NULL;
    return stand->status;
}

const char *
stand_json(struct stand *stand, const char *text)
{
    char *copy = eff_str_c(&stand->arena, eff_str_of(text));

    for (char *at = copy; *at != '\0'; at++)
        *at = *at == '\'' ? '"' : *at;
    return copy;
}

long
stand_send(struct stand *stand, const char *method, const char *path, const char *body)
{
    return stand_send_bytes(stand, method, path,
                            body == NULL ? EFF_STR_NONE : eff_str_of(stand_json(stand, body)));
}

void
stand_tell(struct stand *stand, const char *path, const char *document)
{
    char full[256];

    snprintf(full, sizeof(full), "/_sandbox/%s", path);
    if (stand_send(stand, "POST", full, document) != 200)
        fail_msg("%s answers %ld: %.*s", full, stand->status, (int)stand->body.len,
                 stand->body.ptr == NULL ? "" : stand->body.ptr);
}

const char *
stand_at(struct stand *stand, const char *pointer)
{
    return eff_str_c(&stand->arena,
                     eff_json_str(eff_json_pointer(stand->json, eff_str_of(pointer))));
}

const char *
stand_header(struct stand *stand, const char *name)
{
    eff_str line, rest = eff_buf_str(&stand->head), key, value;
    bool more = rest.len != 0;

    while (more) {
        more = eff_str_cut(rest, '\n', &line, &rest);
        if (eff_str_cut(line, ':', &key, &value) && eff_str_eq_nocase(key, eff_str_of(name)))
            return eff_str_c(&stand->arena, eff_str_trim(value));
    }
    return "";
}

size_t
stand_count(struct stand *stand, const char *object)
{
    char path[128];

    snprintf(path, sizeof(path), "/_sandbox/records?object=%s", object);
    assert_int_equal(stand_send(stand, "GET", path, NULL), 200);
    return eff_json_count(eff_json_get(stand->json, EFF_STR("records")));
}

static int
stand_connect(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

size_t
stand_raw(unsigned port, const void *bytes, size_t len, char *answer, size_t cap)
{
    const char *at = bytes;
    size_t got = 0;
    ssize_t n = 0;
    int fd = stand_connect(port);

    if (fd < 0)
        fail_msg("the stand-in does not take connections any more");
    while (len > 0 && (n = send(fd, at, len, MSG_NOSIGNAL)) > 0) {
        at += n;
        len -= (size_t)n;
    }
    shutdown(fd, SHUT_WR);
    while (got < cap) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

        if (poll(&poll_fd, 1, 5000) <= 0 || (n = recv(fd, answer + got, cap - got, 0)) <= 0)
            break;
        got += (size_t)n;
    }
    close(fd);
    return got;
}
