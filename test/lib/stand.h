/*
 * lib/stand: one stand-in in this process, and a client that speaks to it.
 *
 * Requests go through libcurl over a real connection. What came back stays in
 * the struct until the next request; JSON is parsed when it is JSON.
 */
#ifndef EFF_TEST_LIB_STAND_H
#define EFF_TEST_LIB_STAND_H

#include "base/json.h"

#include <curl/curl.h>

struct eff_sandbox;

struct stand {
    struct eff_sandbox *sandbox;
    unsigned port;
    CURL *curl;
    CURLcode code; /* of the last request */
    long status;
    struct eff_buf head, body;
    struct eff_arena arena;
    const struct eff_json *json; /* NULL: the body is none */
    const char *token;           /* NULL: test-token; "": no Authorization header */
    const char *type;            /* NULL: application/json */
    const char *extra;           /* one more header line, or NULL */
};

/* faults: text of a document, or NULL; data: an SQLite file, or NULL. Asserts that it starts. */
void stand_start(struct stand *stand, const char *vendor, const char *faults, const char *data);
void stand_stop(struct stand *stand);
/* Sends; body NULL: none. Returns the status, 0 when there was no answer. */
long stand_send(struct stand *stand, const char *method, const char *path, const char *body);
long stand_send_bytes(struct stand *stand, const char *method, const char *path, eff_str body);
/* POST to /_sandbox/...; asserts 200. The document may have ' for ". */
void stand_tell(struct stand *stand, const char *path, const char *document);
/* Text at a pointer of the last answer, or "" (terminated, lives until the next request). */
const char *stand_at(struct stand *stand, const char *pointer);
/* Value of a header of the last answer, or "". */
const char *stand_header(struct stand *stand, const char *name);
/* How many live records the stand-in has of an object. */
size_t stand_count(struct stand *stand, const char *object);
/* A JSON text with ' for ", in the stand's arena until the next request. */
const char *stand_json(struct stand *stand, const char *text);
/* A connection of one's own: sends the bytes, half-closes, reads to the end. Returns bytes read. */
size_t stand_raw(unsigned port, const void *bytes, size_t len, char *answer, size_t cap);

#endif
