/*
 * sandbox/klaviyo: what the files of the Klaviyo stand-in share.
 *
 *     klaviyo.c          routes, errors, profiles one at a time and lists of them
 *     klaviyo_profile.c  what a profile may hold, whom it names, and how it is stored
 *     klaviyo_list.c     lists, and who is in them
 *     klaviyo_job.c      import jobs: accepted at once, done later, only failures are told
 */
#ifndef EFF_SANDBOX_KLAVIYO_H
#define EFF_SANDBOX_KLAVIYO_H

#include "sandbox/bag.h"

#define EFF_KL_JOBS 50

/* An error of JSON:API; code NULL: there is none. */
struct eff_kl_error {
    int status;
    const char *code, *title;
    eff_str detail, pointer;
    int64_t duplicate; /* the number of the profile that is there already */
};

struct eff_kl_job {
    char id[33];
    eff_str body, errors; /* kept JSON; errors once it was done */
    int64_t total, completed, failed, polls, fail_after, made_ms;
    bool cancelled;
};

struct eff_kl_state {
    size_t made; /* jobs; job n is at n % EFF_KL_JOBS */
    struct eff_kl_job jobs[EFF_KL_JOBS];
};

/* klaviyo.c */
void eff_kl_refuse(struct eff_call *call, const struct eff_kl_error *error);
void eff_kl_write_error(struct eff_call *call, struct eff_json_writer *w,
                        const struct eff_kl_error *error);
/* /data of the body, whatever it is; NULL: answered. */
const struct eff_json *eff_kl_body(struct eff_call *call);
/* /data of the body, of that type; NULL: answered. */
const struct eff_json *eff_kl_data(struct eff_call *call, const char *type);
struct eff_json_writer eff_kl_begin(struct eff_call *call, int status);
void eff_kl_write_links(struct eff_call *call, struct eff_json_writer *w, eff_str next);
/* Where a page begins, and how much it holds; false: answered. */
bool eff_kl_page(struct eff_call *call, int64_t *ret_after, int64_t *ret_size);
eff_str eff_kl_page_url(struct eff_call *call, int64_t after, int64_t size);

/* klaviyo_profile.c */
void eff_kl_shapes(struct eff_shapes *shapes);
eff_str eff_kl_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq);
int64_t eff_kl_seq(eff_str id); /* 0: none */
const struct eff_shape *eff_kl_profiles(const struct eff_call *call);
/* Names and their kinds: what a request as a whole is refused for. pointer: "/data/attributes" */
struct eff_kl_error eff_kl_check_names(struct eff_call *call, const struct eff_json *attributes,
                                       eff_str pointer);
/*
 * Stores the profile; *record says which one it is, a number of 0: whoever the identifiers name.
 * made: whether there was none.
 */
struct eff_kl_error eff_kl_store(struct eff_call *call, const struct eff_json *attributes,
                                 eff_str pointer, bool create, struct eff_record *record,
                                 bool *ret_made);
void eff_kl_write_profile(struct eff_call *call, struct eff_json_writer *w,
                          const struct eff_record *record);

/* klaviyo_list.c */
void eff_kl_list_shape(struct eff_shapes *shapes);
eff_str eff_kl_list_id(struct eff_arena *arena, int64_t seq);
void eff_kl_list_create(struct eff_call *call);
void eff_kl_list_lists(struct eff_call *call);
void eff_kl_list_show(struct eff_call *call);
void eff_kl_list_ids(struct eff_call *call);
void eff_kl_list_profiles(struct eff_call *call);
void eff_kl_list_add(struct eff_call *call);
void eff_kl_list_remove(struct eff_call *call);

/* klaviyo_job.c */
void eff_kl_jobs_free(void *state);
void eff_kl_jobs_tick(struct eff_call *call);
void eff_kl_job_create(struct eff_call *call);
void eff_kl_job_show(struct eff_call *call);
void eff_kl_job_errors(struct eff_call *call);

#endif
