/*
 * sandbox/salesforce_jobs: a job of Bulk API 2.0, loading or querying.
 */
#ifndef EFF_SANDBOX_SALESFORCE_JOBS_H
#define EFF_SANDBOX_SALESFORCE_JOBS_H

#include "sandbox/salesforce.h"

enum eff_sf_job_state {
    EFF_SF_JOB_OPEN,
    EFF_SF_JOB_UPLOADED,
    EFF_SF_JOB_RUNNING,
    EFF_SF_JOB_COMPLETE,
    EFF_SF_JOB_FAILED,
    EFF_SF_JOB_ABORTED,
};

enum eff_sf_result { EFF_SF_UNPROCESSED = 0, EFF_SF_UPDATED, EFF_SF_CREATED, EFF_SF_REFUSED };

/* One row of the upload: where its text is, and what became of it. */
struct eff_sf_job_row {
    uint32_t at, len; /* in the upload */
    enum eff_sf_result result;
    int64_t seq;
    char *error; /* malloc'd */
};

struct eff_sf_job {
    struct eff_sf_job *next;
    uint64_t number;
    bool query;
    char version[8];
    const struct eff_shape *shape;
    enum eff_sf_verb verb;
    bool hard; /* hardDelete */
    bool all;  /* queryAll */
    const struct eff_field *key;
    char key_name[256];
    char delimiter;
    bool crlf;
    enum eff_sf_job_state state;
    int64_t created_ms;
    int64_t polls_left;
    int64_t fail_after;                  /* rows; -1: never */
    struct eff_effect effect;            /* of the request that closed or filled it */
    char *code, *message;                /* malloc'd copies of the effect's */
    struct eff_buf upload;               /* CSV; or the text of a query */
    size_t header_len;                   /* of its first line */
    bool loading;                        /* rows are still to be applied: */
    size_t at, done;                     /* from this place of the upload, that many are done */
    size_t rows_count, rows_cap, failed; /* failed: refused ones */
    struct eff_sf_job_row *rows;
    char error[256];
    size_t hits_count; /* of a query */
    int64_t *hits;
};

/* By the id in the path; NULL when it has answered 404. */
struct eff_sf_job *eff_sf_job_of(struct eff_call *call);
/* A new one at the head of the list, or NULL having answered. */
struct eff_sf_job *eff_sf_job_add(struct eff_call *call, bool query);
void eff_sf_job_answer(struct eff_call *call, const struct eff_sf_job *job, int status);
/* Nothing more is uploaded: applies the rows. */
void eff_sf_job_load(struct eff_call *call, struct eff_sf_job *job);
/* It is aborted: what was uploaded stays unprocessed. */
void eff_sf_job_drop(struct eff_call *call, struct eff_sf_job *job);
/* COMMA, TAB, ... to the character; '\0' when there is no such name. */
char eff_sf_delimiter(eff_str name);

#endif
