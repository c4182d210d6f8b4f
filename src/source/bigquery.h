/*
 * source/bigquery: what the files of this driver share. Private to source/.
 *
 * bigquery.c reads models; bigquery_client.c carries out calls, with a token of
 * bigquery_login.c; bigquery_value.c makes cells of what comes.
 */
#ifndef EFF_SOURCE_BIGQUERY_H
#define EFF_SOURCE_BIGQUERY_H

#include "base/json.h"
#include "conf/option.h"
#include "flow/batch.h"
#include "os/os.h"

#define EFF_BQ_URL "https://bigquery.googleapis.com"

struct eff_bq_config {
    eff_str project, dataset, location, execution_project;
    eff_str key_file, credentials, token, impersonate;
    const struct eff_node *labels;
    int64_t maximum_bytes_billed, timeout_ms, page_rows;
    int priority; /* 0: interactive, 1: batch */
    eff_str url, token_url;
    struct eff_str_list scopes; /* beside that of BigQuery */
};

/* ---- bigquery_login.c ---- */

enum eff_bq_login_kind { EFF_BQ_TOKEN = 1, EFF_BQ_SERVICE_ACCOUNT, EFF_BQ_USER, EFF_BQ_METADATA };

struct eff_bq_login {
    enum eff_bq_login_kind kind;
    struct eff_os *os;
    eff_str url; /* where tokens are asked for */
    struct eff_str_list scopes;
    eff_str impersonate;     /* the account to act as; "" is none */
    eff_str impersonate_url; /* where its tokens are asked for */
    eff_str email, key, key_id, client_id, client_secret, refresh_token;
    struct eff_buf own;    /* "Bearer ...": of the credentials themselves */
    struct eff_buf header; /* the same of whom we act as */
    int64_t until_ms;      /* mono: it is good until then; 0: there is none yet */
};

/*
 * Finds the credentials: those of the config, else as Google's own libraries do
 * (GOOGLE_APPLICATION_CREDENTIALS, gcloud's file, the metadata server). No call is made.
 */
enum eff_fault eff_bq_login_open(struct eff_bq_login *login, const struct eff_bq_config *config,
                                 struct eff_os *os, struct eff_arena *run, struct eff_err *err);
void eff_bq_login_close(struct eff_bq_login *login);
/* Value of the Authorization header, renewed ahead of its end, or at once; EFF_AUTH when refused. */
enum eff_fault eff_bq_login_header(struct eff_bq_login *login, bool renew, struct eff_arena scratch,
                                   eff_str *ret_header, struct eff_err *err);

/* ---- bigquery_client.c ---- */

struct eff_bq_client {
    struct eff_os *os;
    const struct eff_bq_config *config;
    struct eff_bq_login login;
    struct eff_arena call; /* of one call: reset by the next */
    eff_str host;          /* may be on a private address: the project's file names it */
    eff_str execution_project;
};

struct eff_bq_call {
    const char *method;
    eff_str path; /* "queries/JOB?maxResults=5": below the execution project */
    eff_str body;
    int64_t timeout_ms;
    bool conflict_is_fine; /* 409: what is to be made is there already */
};

enum eff_fault eff_bq_client_open(struct eff_bq_client *client, const struct eff_bq_config *config,
                                  struct eff_os *os, struct eff_arena *run, struct eff_err *err);
void eff_bq_client_close(struct eff_bq_client *client);
/*
 * Repeats what may pass, renews the token once. The body lives until the next call.
 * EFF_CONFIG for what the SQL's author or the project's owner must mend, with BigQuery's
 * words; EFF_AUTH, EFF_LIMIT (a quota), EFF_TRANSIENT.
 */
enum eff_fault eff_bq_client_call(struct eff_bq_client *client, const struct eff_bq_call *call,
                                  eff_str *ret_body, struct eff_err *err);
/* A last word, whose answer does not matter. */
void eff_bq_client_bye(struct eff_bq_client *client, eff_str path);
/* The fault of an error object {"reason", "message"}, or {"errors": [...], "message"}. */
enum eff_fault eff_bq_client_fault(int status, const struct eff_json *error, struct eff_err *err);

/* ---- bigquery_value.c ---- */

enum eff_bq_id {
    EFF_BQ_INT64 = 1,
    EFF_BQ_FLOAT64,
    EFF_BQ_NUMERIC,
    EFF_BQ_BIGNUMERIC,
    EFF_BQ_BOOL,
    EFF_BQ_STRING,
    EFF_BQ_BYTES,
    EFF_BQ_DATE,
    EFF_BQ_TIME,
    EFF_BQ_DATETIME,
    EFF_BQ_TIMESTAMP,
    EFF_BQ_JSON,
    EFF_BQ_GEOGRAPHY,
    EFF_BQ_INTERVAL,
    EFF_BQ_RANGE,
    EFF_BQ_STRUCT,
    EFF_BQ_OTHER, /* text, as it comes */
};

struct eff_bq_type {
    enum eff_bq_id id;
    bool repeated;
    enum eff_bq_id element; /* of a RANGE */
    size_t children_count;  /* of a STRUCT */
    const struct eff_bq_type *children;
    const eff_str *names;
};

/* The columns of a TableSchema; EFF_TRANSIENT when it is none. */
enum eff_fault eff_bq_schema(const struct eff_json *schema, struct eff_arena *run,
                             struct eff_columns *ret_columns, const struct eff_bq_type **ret_types,
                             struct eff_err *err);
bool eff_bq_types_equal(const struct eff_bq_type *a, const struct eff_bq_type *b, size_t count);
/*
 * The value of a cell's "v" member. Texts borrow from it or are made in `batch`; json is
 * memory for nested values, used again by each.
 */
struct eff_value eff_bq_value(const struct eff_bq_type *type, const struct eff_json *v,
                              struct eff_arena *batch, struct eff_buf *json);

#endif
