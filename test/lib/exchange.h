/*
 * lib/exchange: one request through the real world and back, for tests of HTTP.
 */
#ifndef EFF_TEST_EXCHANGE_H
#define EFF_TEST_EXCHANGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/httpd.h"
#include "os/os.h"

static struct eff_arena process;
static struct eff_os *os;
static struct eff_err err;
static const eff_str listed[] = {{"127.0.0.1", 9}};

static inline int
exchange_setup(void **state)
{
    (void)state;
    eff_arena_init(&process, "process", (size_t)1 << 30);
    assert_int_equal(eff_os_real(&process, &os, &err), EFF_OK);
    return 0;
}

static inline int
exchange_teardown(void **state)
{
    (void)state;
    eff_os_real_close(os);
    eff_arena_deinit(&process);
    return 0;
}

static inline struct httpd *
serve(httpd_handler handler, const void *user)
{
    return httpd_start(&(struct httpd_config){.handler = handler, .user = (void *)(uintptr_t)user});
}

static inline struct eff_request
request_to(const struct httpd *httpd, const char *method, const char *path, const char *body)
{
    static char url[4][2048];
    static unsigned turn;
    char *at = url[turn++ % 4];

    snprintf(at, sizeof(url[0]), "http://127.0.0.1:%d%s", httpd_port(httpd), path);
    return (struct eff_request){.kind = EFF_REQUEST_HTTP,
                                .writes = true,
                                .timeout_ms = 10000,
                                .method = eff_str_of(method),
                                .url = eff_str_of(at),
                                .body = eff_str_of(body),
                                .hosts_count = 1,
                                .hosts = listed};
}

static inline const struct eff_response *
exchange(const struct eff_request *request)
{
    const struct eff_response *response = NULL;
    uint64_t ticket;

    os->submit(os->self, 7, request);
    ticket = os->next(os->self, os->mono_ms(os->self) + 30000, &response);
    assert_int_equal(ticket, 7);
    assert_non_null(response);
    return response;
}

static inline const char *
header(const struct eff_response *response, const char *name)
{
    static char text[512];
    eff_str value = eff_response_header(response, eff_str_of(name));

    snprintf(text, sizeof(text), EFF_STR_FMT, EFF_STR_ARG(value));
    return value.ptr ? text : NULL;
}

static inline void
assert_body(const struct eff_response *response, const char *body)
{
    assert_int_equal(response->body.len, strlen(body));
    assert_memory_equal(response->body.ptr, body, strlen(body));
}

#endif
