/*
 * dest/connector: a connector file, compiled when it is loaded.
 *
 * The file is data: no code, no loops of its own, no environment, no hosts that
 * it does not declare. All mistakes are reported at once at file:line:column.
 * docs/connectors.md describes the language; the option tables in connector*.c
 * are its grammar.
 */
#ifndef EFF_DEST_CONNECTOR_H
#define EFF_DEST_CONNECTOR_H

#include "base/sign.h"
#include "dest/dest.h"
#include "dest/render.h"

struct eff_ints {
    size_t count;
    const int64_t *at;
};

static inline bool
eff_ints_have(const struct eff_ints *ints, int64_t value)
{
    for (size_t i = 0; i < ints->count; i++)
        if (ints->at[i] == value)
            return true;
    return false;
}

/* A place in an answer that says yes or no. */
struct eff_test {
    eff_str at;                 /* JSON Pointer; ptr == NULL: no test */
    struct eff_str_list values; /* none: JSON true, or a text that is not empty */
};

struct eff_tests { /* all must hold */
    size_t count;
    const struct eff_test *at;
};

/* Places are tried in order; one that does not open with "/" is the text itself. */
struct eff_error_at {
    struct eff_str_list code, message, field;
    eff_str code_before; /* the code is what stands in the message before this */
    /* A list: of each element its message, and how many rows it is about; ptr == NULL: none. */
    eff_str each, count;
};

/* Requests of one operation that look for ids. */
#define EFF_FINDS_MAX 8

enum eff_body { EFF_BODY_NONE = 0, EFF_BODY_JSON, EFF_BODY_FORM, EFF_BODY_CSV, EFF_BODY_TEXT };

struct eff_pair {
    eff_str name;
    struct eff_text value;
};

/* One request as a template. */
struct eff_call {
    bool given;
    eff_str method;
    struct eff_text base; /* parts == NULL: the connector's */
    struct eff_text path;
    size_t query_count, headers_count;
    const struct eff_pair *query, *headers;
    enum eff_body body;
    eff_str content_type;
    struct eff_tree tree;
    struct eff_text text;
    struct eff_csv_form csv;
    unsigned bucket;
    int64_t timeout_ms;
    struct eff_place place;
};

/* The next page of a list. */
struct eff_paging {
    eff_str at;    /* pointer to a cursor or to an address; ptr == NULL: one page */
    eff_str query; /* parameter that takes the cursor; ptr == NULL: it is an address */
};

/*
 * How an element of an answer says which row it is about: the trace id that was sent, its own
 * place, a place in the request that it names (OFFSET), what the record is known by, or the row
 * itself as it stood in the request (ITEM: the names of an object's members).
 */
enum eff_row_by {
    EFF_BY_INDEX = 0,
    EFF_BY_POSITION,
    EFF_BY_MATCH,
    EFF_BY_REMOTE_ID,
    EFF_BY_OFFSET,
    EFF_BY_ITEM
};

/* A list of rows' results in an answer. */
struct eff_results {
    enum eff_row_by by;
    eff_str each;             /* pointer to the list; a single value counts as a list of one */
    eff_str row;              /* within an element; CSV: a column */
    eff_str row_after;        /* the index stands in that text after this */
    enum eff_outcome outcome; /* of an element that passes `success` */
    struct eff_tests success;
    eff_str remote_id;
    struct eff_test created;
    struct eff_error_at error;
};

struct eff_answer {
    struct eff_ints status;    /* none: any 2xx */
    struct eff_test success;   /* of the whole request */
    enum eff_outcome unlisted; /* rows that no list names: APPLIED, TAKEN or MAYBE_APPLIED */
    eff_str refused_count;     /* how many rows were refused, whether a list names them or not */
    eff_str remote_id;         /* of the one row */
    eff_str remote_id_header;  /* likewise: the last part of that header's path, lower case */
    struct eff_test created;
    struct eff_ints created_status;
    size_t lists_count;
    const struct eff_results *lists;
};

struct eff_job_file {
    struct eff_call call; /* given == false: the list stands in the poll's answer */
    bool csv;
    struct eff_paging next;
    struct eff_results list;
};

struct eff_job {
    bool given;
    struct eff_call create, upload, close, poll;
    eff_str id;                             /* pointer in create's answer */
    eff_str state;                          /* pointer in poll's answer */
    eff_str failed_count;                   /* likewise: how many rows the results must refuse */
    struct eff_str_list done, failed, open; /* states; failed: none of it was applied */
    int64_t first_ms, most_ms, give_up_ms;
    struct eff_str_list partial; /* done, and something was refused that is only counted */
    bool late_taken;             /* what does not end in time was taken all the same */
    enum eff_outcome unlisted;
    size_t files_count;
    const struct eff_job_file *files;
    struct eff_error_at error; /* in poll's answer */
};

/* MOVED: the match value changed and the record's id is known. */
enum eff_when_id { EFF_WHEN_ANY = 0, EFF_WHEN_ID_KNOWN, EFF_WHEN_ID_UNKNOWN, EFF_WHEN_MOVED };

struct eff_variant {
    enum eff_when_id id;
    struct eff_str_list objects;   /* none: all */
    bool rows_above, rows_at_most; /* compared with rows_planned */
    size_t rows_option;            /* SIZE_MAX: rows is the number */
    int64_t rows;
    enum eff_class class;
    size_t rows_max, bytes_max;
    size_t concurrency_option; /* SIZE_MAX: concurrency is the number */
    int64_t concurrency;
    struct eff_call call;
    struct eff_answer answer;
    struct eff_job job;
    eff_str idempotency_header; /* ptr == NULL: none */
    int64_t key_window_ms;
};

/* Looks for the ids of rows whose id is not known, or for another id that their requests need. */
struct eff_find {
    struct eff_str_list only;  /* objects; none: all */
    struct eff_str_list match; /* match fields that it looks by; none: any */
    size_t slot;               /* 0: {remote_id}; else the {found.x} of that name */
    struct eff_call call;
    struct eff_paging next;
    size_t rows_max;
    struct eff_str_list each; /* pointers; the first that is there is the list, or the one record */
    eff_str row, remote_id;
    size_t nth;               /* what `row` is compared with: 0 the match value, 1 or 2 of a pair */
    enum eff_outcome missing; /* of rows without a record: PENDING lets the variants decide */
    struct eff_ints missing_status; /* statuses that mean that there is none */
};

struct eff_operation {
    bool given;
    bool whole_rows, by_remote_id, rematch;
    size_t finds_count; /* made one after the other */
    const struct eff_find *finds;
    size_t variants_count;
    const struct eff_variant *variants;
};

/*
 * First match wins; everything that is given must hold. One that settles a removal (`missing`, or
 * APPLIED) needs the destination's own words on one record: rest_rule().
 */
struct eff_error_rule {
    struct eff_ints status;
    struct eff_str_list codes;
    struct eff_test test; /* at, is */
    eff_str text;         /* stands somewhere in the message, in any case */
    unsigned ops;         /* a bit per eff_op; 0: all */
    enum eff_fault fault;
    enum eff_outcome outcome; /* PENDING: what the fault means */
    bool split;
    bool missing; /* there is no such record: done for a removal, nothing found for a search */
    bool empty;   /* the body must be: the status is all that is ever told */
    struct eff_str_list field;
    eff_str remedy;
};

struct eff_type_name {
    eff_str name;
    enum eff_field_type type;
};

/* Makes a field that is not there, where the option says so. */
struct eff_new_field {
    struct eff_call call;
    size_t needs_option;                  /* a switch of the destination's block */
    eff_str types[EFF_FIELD_TYPES_COUNT]; /* by enum eff_field_type; len == 0: not to be had */
    struct eff_tree forms[EFF_FIELD_TYPES_COUNT]; /* a type that is said by several members */
    size_t groups_count;
    const struct eff_pair *groups; /* by object, or `others`: where such a field belongs */
};

/* One request that tells an object's fields. */
struct eff_fields_call {
    struct eff_str_list only; /* objects; none: all */
    struct eff_call call;
    struct eff_paging next;
    eff_str each, name, label, prefix, group;
    struct eff_str_list type; /* pointers; the first that is there */
    bool name_is_key;         /* the list is an object, and its members' names are the fields' */
    struct eff_tests readonly, unique, required, caseless;
    eff_str choices_each, choices_value;
    struct eff_test choices_when; /* only then is the list closed */
    struct eff_new_field create;  /* of those whose names open with the group or the prefix */
};

/* A field that every such object has, and that no request tells. */
struct eff_standard_field {
    eff_str object, name;
    enum eff_field_type type;
};

/* Of fields whose names open with the prefix; prefix.ptr == NULL: nothing is known of them. */
struct eff_names {
    eff_str prefix, without; /* none of these characters */
    int64_t most, length;    /* behind the prefix, in bytes; 0: any */
};

struct eff_objects {
    struct eff_str_list known, only, match;
    struct eff_str_list caseless; /* match fields whose values it takes for one in any case */
    struct eff_str_list pairs;    /* whose members are pairs of records: two match fields */
    struct eff_names names;
    struct eff_call list;
    struct eff_paging list_next;
    eff_str list_each, list_name;
    size_t fields_count; /* the first one that is for the object is asked */
    const struct eff_fields_call *fields;
    size_t standard_count;
    const struct eff_standard_field *standard;
    struct eff_ints missing_status; /* that say that there is no such object */
    size_t types_count;
    const struct eff_type_name *types;
};

/* What an answer must tell of the credential or the target: by a header, by its body, or by either. */
struct eff_proof {
    eff_str header;            /* a list parted by commas, lower case; ptr == NULL: none */
    struct eff_str_list words; /* one of them stands in it */
    eff_str each;              /* pointer to elements, of which one must hold; "": the whole */
    struct eff_tests all;      /* of one element */
    eff_str lacks, remedy;     /* what is said where it does not hold */
    enum eff_fault fault;
};

/* Shows by an answer that the credential may come in; it reads only. */
struct eff_check {
    struct eff_call call;
    struct eff_str_list only; /* objects; none: those that no other check names */
    bool members;             /* of lists, which mode `members` keeps */
    size_t needs_option;      /* without which it is not made; SIZE_MAX: none */
    eff_str remedy;           /* instead of what the rules say of a credential */
    struct eff_test success;
    struct eff_str_list untold; /* codes that only say that the credential may not ask this */
    size_t proofs_count;
    const struct eff_proof *proofs;
};

/* Reads records back by their match value. */
struct eff_reading {
    struct eff_call call;
    struct eff_str_list only;  /* objects that can be read; none: all */
    struct eff_str_list match; /* match fields that it reads by; none: any */
    size_t needs_option;       /* without which nothing can be; SIZE_MAX: none */
    struct eff_paging next;
    size_t rows_max;
    struct eff_str_list each;                     /* as of a find */
    bool small_names;                             /* names of fields are told in small letters */
    struct eff_text forms[EFF_FIELD_TYPES_COUNT]; /* {fields.names} of a type; no parts: the name */
    bool zoneless;              /* a time comes back without its zone, which nobody tells */
    struct eff_str_list untold; /* ends of names of fields that can be written only */
    int64_t lag_ms;             /* how late what was written shows up; 0: not told */
    eff_str row, remote_id, fields;
    struct eff_ints missing_status;
};

struct eff_limit {
    eff_str name;
    int64_t per_ms, requests;
    size_t requests_option; /* SIZE_MAX: requests is the number */
    bool hard;
    unsigned bucket;                                /* 0: every request draws on it */
    eff_str remaining, allowed, reset_s, window_ms; /* headers, lower case */
    eff_str used_of, used_after;                    /* header that says "<used_after>18/5000" */
    eff_str percent_of;          /* header with JSON that says how many percent are used */
    struct eff_str_list percent; /* members of it, at any depth; the largest counts */
    eff_str regain_minutes;      /* member of it: how long nothing is allowed */
};

/* Requests signed by OAuth 1.0a, instead of a login and `header`. */
struct eff_oauth1_auth {
    bool given;
    size_t when; /* as of a login */
    struct eff_text realm, consumer_key, consumer_secret, token, token_secret;
};

/* Where paths lie when an option has one of those values. */
struct eff_path_move {
    size_t option;
    struct eff_str_list is;
    struct eff_text from, to; /* what a path begins with */
};

struct eff_login {
    bool given;
    struct eff_call call;
    eff_str token, base, expires_in; /* pointers */
    size_t when;                     /* option that must be given; SIZE_MAX: always */
    struct eff_text jwt_key;         /* parts == NULL: no assertion is signed */
    struct eff_tree jwt_header, jwt_claims;
    int64_t jwt_lifetime_ms;
    enum eff_jwt_alg jwt_alg; /* of RSA keys */
};

/* A field whose form is the vendor's: the mapping ends with these transforms. */
struct eff_identifiers {
    size_t count;
    const struct eff_prepared *at;
};

struct eff_connector {
    eff_str kind, title, path;
    size_t options_count, config_size;
    const struct eff_option *options;
    const eff_str *option_names;
    size_t late_option;            /* `late_apply`, which every connector has */
    struct eff_str_list sections;  /* that stand in the project's own block (http) */
    const size_t *sections_option; /* their options */

    struct eff_text base;
    size_t moves_count; /* the first that fits */
    const struct eff_path_move *moves;
    struct eff_str_list hosts; /* "*.salesforce.com" */
    struct eff_text account;
    struct eff_text auth_token; /* a token that is given makes the login unnecessary */
    struct eff_text auth_url;   /* {session.url} until a login tells another */
    struct eff_text basic_user, basic_password; /* parts == NULL: no basic authentication */
    struct eff_oauth1_auth oauth1;
    size_t logins_count;
    const struct eff_login *logins; /* the first whose option is given */
    struct eff_ints expired;        /* statuses; none: 401 */
    size_t headers_count;           /* of auth and headers: on every request but the login */
    const struct eff_pair *headers;
    size_t plain_headers_count; /* of `headers` alone: also on the login */
    const struct eff_pair *plain_headers;
    size_t limits_count;
    const struct eff_limit *limits;
    size_t buckets_count;
    const eff_str *buckets; /* bucket n is buckets[n - 1] */
    struct eff_units units;
    struct eff_values values;
    struct eff_identifiers identifiers;
    struct eff_error_at error;
    size_t errors_count;
    const struct eff_error_rule *errors;
    struct eff_objects objects;
    size_t checks_count; /* all that are for the object are asked, in order */
    const struct eff_check *checks;
    size_t readings_count; /* the first one that is for the object reads */
    const struct eff_reading *readings;
    struct eff_operation ops[EFF_OPS_COUNT];
};

/* host[:port] of an address that could be called, as it is written; else EFF_STR_NONE. */
eff_str eff_connector_host(eff_str url, bool *ret_https);
eff_str eff_connector_host_name(eff_str host); /* without port and brackets */
/* Whether its `hosts` have the name. */
bool eff_connector_declares(const struct eff_connector *connector, eff_str name);
/* Members of any list: `to:` is its name or id over there, which no connector file can know. */
bool eff_connector_takes_lists(const struct eff_connector *connector);
/* NULL when problems were added. The bytes are borrowed. */
const struct eff_connector *eff_connector_load(eff_str path, eff_str bytes, struct eff_arena *arena,
                                               struct eff_problems *problems);
/* The connector with the sections that the project's block brings (http). */
const struct eff_connector *eff_connector_complete(const struct eff_connector *connector,
                                                   const void *config, struct eff_arena *arena,
                                                   struct eff_problems *problems);

#endif
