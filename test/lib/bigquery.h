/*
 * lib/bigquery: a peer that answers as BigQuery does, with rows of the test's making.
 *
 * One model, whatever the SQL: a dry run tells its schema, a job is made and done at once, its
 * pages are asked for by number. What is not there to misbehave is in the stand-in.
 */
#ifndef EFF_TEST_LIB_BIGQUERY_H
#define EFF_TEST_LIB_BIGQUERY_H

#include "base/buf.h"
#include "source/bigquery.h"

struct bigquery_peer {
    const char *fields; /* JSON: [{"name": ..., "type": ...}, ...] */
    /* Adds {"f": [...]}. */
    void (*row)(struct eff_buf *buf, int64_t index, void *user);
    void *user;
    int64_t rows, page_rows;
    bool rows_first;     /* the rows stand before all else in a page */
    const char *dry_run; /* answer to a dry run instead of the usual one, or NULL */
    bool never_done;     /* whoever looks is told that the job still runs */

    /* what came */
    unsigned dry_runs, jobs, pages, cancels;
    char last_job[4096];   /* body */
    char last_login[8192]; /* form, of POST /token */

    struct httpd *httpd;
    char url[64];
    struct eff_bq_config config; /* for the source */
};

/* Starts; the config has the peer's address and a token. */
void bigquery_peer_start(struct bigquery_peer *peer);
void bigquery_peer_stop(struct bigquery_peer *peer);

#endif
