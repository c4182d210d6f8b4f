/*
 * dest/s3: what the files of the S3 driver share.
 *
 *     s3.c         options, open, bind, which task is at hand, asking whether the bucket answers
 *     s3_object.c  one batch to one object: one request, or parts that become an object
 *     s3_answer.c  what an answer means, and the little of XML that is read
 *
 * A batch becomes one object, whose name follows from the run and from what it holds, so that
 * a batch that is sent again takes the place of itself. The store shows an object when it is
 * whole: after the one PUT, or after the request that puts the parts of an upload together. An
 * upload's id is in the delivery's memo before the first part leaves; what is not put together
 * at the end of the run is aborted (EFF_TASK_FINISH), for its parts cost money unseen.
 */
#ifndef EFF_DEST_S3_H
#define EFF_DEST_S3_H

#include "base/buf.h"
#include "base/sigv4.h"
#include "dest/dest.h"
#include "dest/records.h"

struct s3_config {
    eff_str bucket, prefix, region, endpoint;
    int addressing; /* index into choices: auto, path, virtual */
    eff_str access_key_id, secret_access_key, session_token;
    struct eff_records records;
    int64_t object_size, part_size;
};

/* An object of this process that is not yet there, or may not be. */
struct s3_object {
    struct s3_object *next;
    bool used;
    enum eff_op op; /* with first and count: which batch; count == 0: none of this process */
    struct eff_hash128 first;
    size_t count;
    struct eff_buf body;
    eff_str key;
    eff_str id; /* of its upload; len == 0: none that we know of */
    bool asked; /* an upload was asked for, and its id has not been heard */
    bool
        completing; /* the parts were asked to be put together, and the answer has not been heard */
    unsigned restarts;
    size_t parts_done, parts_count;
    eff_str *tags; /* of the parts, as the store told them */
};

struct s3_dest {
    struct eff_dest base;
    const struct s3_config *config;
    struct eff_sigv4 sign;
    struct eff_arena *run;
    eff_str root; /* "https://bucket.s3.region.amazonaws.com", "http://host:9000/bucket" */
    size_t hosts_count;
    const eff_str *hosts;
    eff_str run_id;
    struct s3_object *objects;
};

/* ---- s3.c ---- */

/* key len == 0: of the bucket. query without '?', encoded. body must live until the answer. */
struct eff_step s3_request(const struct s3_dest *dest, struct eff_arena *arena, const char *method,
                           eff_str key, eff_str query, eff_str body);

/* ---- s3_object.c ---- */

struct eff_step s3_deliver(struct s3_dest *dest, struct eff_task *task,
                           const struct eff_response *last, struct eff_err *err);
struct eff_step s3_finish(struct s3_dest *dest, struct eff_task *task,
                          const struct eff_response *last, struct eff_err *err);
void s3_objects_free(struct s3_dest *dest);

/* ---- s3_answer.c ---- */

enum s3_answer {
    S3_GOOD = 1,
    S3_AGAIN, /* may pass: err->fault is RATE or TRANSIENT */
    S3_GONE,  /* 404, and it is not the bucket: no such object or upload */
    S3_NEVER, /* err says whose fault it is */
};

enum s3_answer s3_judge(const struct s3_dest *dest, const struct eff_response *last,
                        struct eff_arena *arena, struct eff_err *err);
/* The text of the first element of that name, its entities replaced; EFF_STR_NONE: none. */
eff_str s3_element(eff_str xml, const char *name, struct eff_arena *arena);
/* What stands in the next element of that name; rest goes behind it. */
bool s3_elements_next(eff_str *rest, const char *name, eff_str *ret_inside);

#endif
