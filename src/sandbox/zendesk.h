/*
 * sandbox/zendesk: what the files of the Zendesk stand-in share.
 *
 *     zendesk.c       routes, errors, users and organizations one at a time
 *     zendesk_value.c what a user or organization may hold, and how one is stored
 *     zendesk_job.c   calls for a hundred, which are jobs: queued, done later, told for an hour
 */
#ifndef EFF_SANDBOX_ZENDESK_H
#define EFF_SANDBOX_ZENDESK_H

#include "sandbox/bag.h"

#define EFF_ZD_BATCH_MAX 100

/* Why a record was not stored; code NULL: it was. */
struct eff_zd_problem {
    const char *field, *code;
    eff_str text;
};

/* zendesk.c */
void eff_zd_error(struct eff_call *call, int status, const char *error, const char *description);
const struct eff_shape *eff_zd_shape(
    struct eff_call *call); /* users or organizations, by the path */
/* The number of a record by its id; 0: none. */
int64_t eff_zd_seq(eff_str id);
eff_str eff_zd_url(struct eff_call *call, const char *path, eff_str id);
/* "42.json" is "42". */
eff_str eff_zd_arg(const struct eff_call *call, size_t index);
const struct eff_json *eff_zd_body(struct eff_call *call);
eff_str eff_zd_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq);

/* zendesk_value.c */
void eff_zd_shapes(struct eff_shapes *shapes);
const char *eff_zd_group(const struct eff_shape *shape); /* "user_fields." */
/* Who is meant by id, external_id, then e-mail (a user) or name (an organization); a number of 0: nobody. */
struct eff_record eff_zd_find(struct eff_call *call, const struct eff_shape *shape,
                              const struct eff_json *object);
bool eff_zd_get(struct eff_call *call, const struct eff_shape *shape, eff_str id,
                struct eff_record *ret_record);
/* Creates (a number of 0) or changes; unknown members are passed over in silence. */
struct eff_zd_problem eff_zd_store(struct eff_call *call, struct eff_record *record,
                                   const struct eff_json *object);
void eff_zd_remove(struct eff_call *call, struct eff_record *record);
void eff_zd_write(struct eff_call *call, struct eff_json_writer *w,
                  const struct eff_record *record);
void eff_zd_fields(struct eff_call *call);

/* zendesk_job.c */
struct eff_zd_job {
    char id[33];
    unsigned shape;
    enum { ZD_UPSERT = 1, ZD_CREATE, ZD_UPDATE, ZD_DESTROY } kind;
    eff_str body, ids; /* kept; one of them */
    eff_str results;   /* kept JSON, once it was done */
    const char *status;
    int64_t total, progress, polls, fail_after, made_ms;
};
#define EFF_ZD_JOBS 100

struct eff_zd_state {
    size_t made; /* jobs; job n is at n % EFF_ZD_JOBS */
    struct eff_zd_job jobs[EFF_ZD_JOBS];
};

void eff_zd_jobs_free(void *state);
void eff_zd_jobs_tick(struct eff_call *call);
void eff_zd_upsert_many(struct eff_call *call);
void eff_zd_create_many(struct eff_call *call);
void eff_zd_update_many(struct eff_call *call);
void eff_zd_destroy_many(struct eff_call *call);
void eff_zd_job_show(struct eff_call *call);
void eff_zd_job_list(struct eff_call *call);

#endif
