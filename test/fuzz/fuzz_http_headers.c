/*
 * Fuzzes what is read from an answer's head: the lines themselves, Retry-After in
 * its forms, and the checks of a request's URL and headers.
 *
 * The first byte chooses; the rest is the text. What must hold whatever comes in:
 * headers point into the head and their names are lower-case tokens, a pause is
 * -1 or at most 31 days, and nothing with a control byte is let through.
 */
// links: os flow base
#include <assert.h>
#include <stdlib.h>

#include "os/http_check.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void
fuzz_head(char *head, size_t len)
{
    struct eff_header headers[64];
    size_t count = eff_http_headers_parse(head, len, headers, 64);
    struct eff_response response = {.headers_count = count, .headers = headers};

    assert(count <= 64);
    for (size_t i = 0; i < count; i++) {
        eff_str name = headers[i].name, value = headers[i].value;

        assert(name.len > 0 && name.ptr >= head && name.ptr + name.len <= head + len);
        assert(value.len == 0 || (value.ptr >= head && value.ptr + value.len <= head + len));
        for (size_t c = 0; c < name.len; c++)
            assert(name.ptr[c] > ' ' && name.ptr[c] < 0x7f &&
                   !(name.ptr[c] >= 'A' && name.ptr[c] <= 'Z'));
        assert(eff_response_header(&response, name).ptr != NULL);
    }
    (void)eff_response_retry_after_ms(&response);
}

static void
fuzz_retry_after(eff_str text, bool with_date)
{
    eff_str first = text, second = EFF_STR_NONE;
    struct eff_header headers[2];
    struct eff_response response = {.headers = headers, .now_wall_ms = INT64_C(1700000000000)};
    int64_t ms;

    if (with_date)
        eff_str_cut(text, '\n', &first, &second);
    headers[0] = (struct eff_header){EFF_STR("retry-after"), first};
    headers[1] = (struct eff_header){EFF_STR("date"), second};
    response.headers_count = with_date ? 2 : 1;
    ms = eff_response_retry_after_ms(&response);
    assert(ms >= -1 && ms <= (int64_t)31 * 86400 * 1000);
}

static void
fuzz_request(eff_str text)
{
    static const eff_str hosts[] = {{"127.0.0.1", 9}, {"a.example", 9}};
    struct eff_request request = {.method = EFF_STR("POST"), .hosts_count = 2, .hosts = hosts};
    struct eff_header header;
    struct eff_err err;
    bool listed = false;
    eff_str url, rest = EFF_STR_NONE;

    eff_str_cut(text, '\n', &url, &rest);
    request.url = url;
    if (eff_str_cut(rest, ':', &header.name, &header.value)) {
        request.headers = &header;
        request.headers_count = 1;
    }
    if (eff_http_check(&request, &listed, &err) != EFF_OK) {
        assert(err.msg[0] != '\0');
        return;
    }
    for (size_t i = 0; i < url.len; i++)
        assert((unsigned char)url.ptr[i] > ' ' && url.ptr[i] != 0x7f);
    for (size_t i = 0; i < request.headers_count * header.value.len; i++)
        assert((unsigned char)header.value.ptr[i] >= ' ' || header.value.ptr[i] == '\t');
    assert(listed || eff_str_eq_nocase(eff_str_sub(url, 0, 8), EFF_STR("https://")));
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    char *copy;

    if (size == 0)
        return 0;
    copy = malloc(size); // its own block, so that one byte too far is seen
    memcpy(copy, data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        fuzz_head(copy, size - 1);
        break;
    case 1:
    case 2:
        fuzz_retry_after((eff_str){copy, size - 1}, data[0] % 4 == 2);
        break;
    default:
        fuzz_request((eff_str){copy, size - 1});
    }
    free(copy);
    return 0;
}
