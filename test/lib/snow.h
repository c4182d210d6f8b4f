/*
 * lib/snow: a scripted Snowflake behind a struct eff_os, without a network.
 *
 * It describes `row_type` for a statement with LIMIT 0, and carries out any other:
 * 202 for so many looks, then the partitions. Time stands still but when
 * something waits. A hook may give any other answer to any request.
 */
#ifndef EFF_TEST_LIB_SNOW_H
#define EFF_TEST_LIB_SNOW_H

#include "lib/testos.h"
#include "source/snowflake_api.h"

#define SNOW_PARTS   16
#define SNOW_PENDING 16
#define SNOW_HANDLE  "01b2c3d4-0000-1111-2222-333344445555"

struct snow_reply {
    enum eff_wire wire; /* 0: ANSWERED */
    int status;
    const char *retry_after;
    struct eff_buf body; /* of the peer; the hook writes into it */
};

struct snow_peer {
    struct testos world;
    const char *row_type; /* JSON, with ' for " */
    size_t parts_count;
    const char *parts[SNOW_PARTS]; /* JSON arrays of rows, with ' for " (and ` for ') */
    int64_t told[SNOW_PARTS];      /* rowCount */
    int64_t bytes[SNOW_PARTS];     /* uncompressedSize; 0: left out */
    int64_t total;                 /* numRows */
    int polls;                     /* looks that are answered 202 */
    bool newest_first;             /* the answers come in the other order */
    bool stop;                     /* the user asked to stop */
    /* True: reply is the answer. nth: requests so far, from 0. */
    bool (*hook)(struct snow_peer *peer, const struct eff_request *request, unsigned nth,
                 struct snow_reply *reply);

    unsigned requests;
    int looks;
    size_t flying, flying_most;
    struct eff_buf log; /* "POST ?async=false\n", without requestId and host */
    struct eff_buf last_body;
    struct snow_reply reply;
    struct eff_response response;
    struct eff_header retry_header;
    struct {
        uint64_t ticket;
        const struct eff_request *request;
    } pending[SNOW_PENDING];
};

void snow_init(struct snow_peer *peer);
void snow_deinit(struct snow_peer *peer);
/* With ' for " and ` for '. */
void snow_json(struct eff_buf *buf, const char *text);
/* One column per type, one row of its texts: {"FIXED", 0, "12"}; text NULL: null. */
struct snow_cell {
    const char *type;
    int scale;
    const char *text;
};
void snow_one_row(struct snow_peer *peer, const struct snow_cell *cells, size_t count,
                  struct eff_arena *arena);

#endif
