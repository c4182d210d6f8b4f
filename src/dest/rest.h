/*
 * dest/rest: what the files of the connector interpreter share.
 *
 *     rest.c          open, rates, observe, and which task is at hand
 *     rest_bind.c     what a sync may ask of it
 *     rest_request.c  a call of the connector to the bytes of a request
 *     rest_answer.c   what stands in an answer, and which rule of the connector it falls under
 *     rest_judge.c    an answer to verdicts
 *     rest_deliver.c  the steps of one delivery: find, send, send ...
 *     rest_members.c  old identifiers of a list's members, before the new ones
 *     rest_unnamed.c  rows that an answer counts as refused, and does not name
 *     rest_job.c      asynchronous jobs: create, upload, close, poll, results
 *     rest_task.c     login, discovery, making fields, reading back
 *     rest_check.c    proving a credential, and that the target is there
 */
#ifndef EFF_DEST_REST_H
#define EFF_DEST_REST_H

#include "dest/connector.h"

struct rest_move {
    eff_str from, to; /* what a path begins with */
};

struct rest_dest {
    struct eff_dest base;
    const struct eff_connector *connector;
    struct eff_arena *run;
    const eff_str *options; /* text by index */
    struct eff_rate_limit *limits;
    int64_t rows_planned;
    int64_t late_ms;
    eff_str run_id;
    eff_str object; /* of the sync */
    bool members;   /* it names a list */
    size_t moves_count;
    const struct rest_move *moves; /* of paths, with these options */
    size_t described_count;        /* fields of the object, where a reading goes by their types */
    const struct eff_dest_field *described;
    eff_str token, url;              /* of the session */
    int64_t expires_ms;              /* 0: not told */
    int64_t now_ms;                  /* when the last answer came */
    const struct eff_login *login;   /* NULL: none */
    const struct eff_oauth1 *oauth1; /* signs all requests; NULL: none */
    bool refused;                    /* the credential was refused since the last login */
    eff_str remedy;                  /* what the connector says of that; ptr == NULL: nothing */
    struct eff_buf body;             /* scratch */
};

enum rest_phase {
    REST_START = 0,
    REST_FIND,
    REST_SEND,
    REST_JOB_CREATE,
    REST_JOB_UPLOAD,
    REST_JOB_CLOSE,
    REST_JOB_POLL,
    REST_JOB_RESULT,
    REST_FINISHED
};

/* Rows of which some were refused, and it is not known which: they are sent again. */
struct rest_half {
    const size_t *rows; /* they rise */
    size_t count;
    int64_t refused; /* so many of them; of a left half: of it and the right one together */
    bool left;
};

#define REST_PAGES_MAX 10000 /* of one find, or of one file of results: beyond, they do not end */

/* Of a delivery, in its scratch. */
struct rest_work {
    enum rest_phase phase;
    const struct eff_operation *op;
    size_t variant;    /* index; when SEND or later */
    size_t rows_count; /* this request is about these items */
    size_t *rows;
    size_t *table; /* of the rows at hand by name, item index + 1; NULL: to be built */
    size_t table_mask;
    enum eff_row_by table_by;
    size_t find;                    /* index; when FIND */
    eff_str *found[EFF_FOUNDS_MAX]; /* by slot, by item; NULL: not looked for */
    eff_str *ids;                   /* found[0] */
    bool *asked[EFF_FINDS_MAX];     /* by find, by item: it has looked */
    unsigned *hits;                 /* by item: results in this answer */
    bool *named;                    /* by item: one of them refuses it */
    bool *bad;
    eff_str *bad_why;
    struct eff_shapes shapes;
    eff_str cursor;
    unsigned pages; /* of the find or file at hand */
    eff_str job;
    int64_t job_failed; /* rows that the job says it refused; -1: not told */
    bool job_strangers; /* a result was about no row that we know */
    int64_t job_started_ms;
    unsigned polls, failures;
    size_t file; /* of the job's results */
    struct eff_verdict job_partial;
    struct rest_leaving *leaving; /* not NULL: old identifiers are being taken out first */
    struct eff_verdict *left;     /* by item: they left but for some; no code: all; NULL: none */
    size_t halves_count, halves_sent;
    struct rest_half *halves; /* a stack; NULL: there were none */
    bool half_left;           /* the rows at hand are a left half, and its right one is on top */
    bool *resent;             /* by item: some answer took it, or counted it; NULL: none */
};

/* What an answer says went wrong. */
struct rest_refusal {
    eff_str code, message, field;
};

enum rest_built {
    REST_BUILT = 1,
    REST_ROWS_BAD,
    REST_TOO_LONG,  /* its address; that of fewer rows may do */
    REST_NOT_BUILT, /* err says why */
};

/* ---- rest_request.c ---- */

struct eff_render rest_render(struct rest_dest *dest, struct eff_arena *arena);
/* r names the rows; cursor's address, when given, takes the place of path and query. */
enum rest_built rest_request(struct rest_dest *dest, const struct eff_call *call,
                             struct eff_render *r, eff_str address, bool login,
                             struct eff_request *ret_request, struct eff_err *err);
/* The cursor as one more parameter. */
void rest_request_page(struct eff_arena *arena, struct eff_request *request, eff_str name,
                       eff_str cursor);
bool rest_request_header(struct eff_arena *arena, struct eff_request *request, eff_str name,
                         eff_str value);
/* Declared, or named by the project; over plain http only where the project itself writes so. */
bool rest_host_allowed(const struct rest_dest *dest, eff_str url);

/* ---- rest.c ---- */

/*
 * The first whose `only`, `needs` and `match` let it, or NULL. An object without a name stands
 * for any, and so does no match field.
 */
const struct eff_reading *rest_reading(const struct rest_dest *dest, eff_str object,
                                       const eff_str *match);

/* What stands at the first of the pointers that is there, else NULL; no pointer: the whole. */
const struct eff_json *rest_records(const struct rest_dest *dest, struct eff_arena *arena,
                                    const struct eff_str_list *each, const struct eff_json *json);
/* What `only:` and the like say; an empty list names everything. */
bool rest_named(const struct eff_str_list *only, eff_str name);

/* ---- rest_bind.c ---- */

enum eff_fault rest_bind(struct eff_dest *base, const struct eff_dest_sync *sync,
                         struct eff_op_limits limits[EFF_OPS_COUNT], struct eff_err *err);

/* ---- rest_answer.c ---- */

/* "/x/{match.field}", "/{object}", "/x/{option}" with the name put in; a dot goes one level down. */
eff_str rest_pointer(const struct rest_dest *dest, struct eff_arena *arena, eff_str pointer,
                     eff_str match_field);
bool rest_listed(const struct eff_str_list *list, eff_str text);
bool rest_tests(const struct eff_tests *tests, const struct eff_json *json); /* none: true */
bool rest_test(const struct eff_test *test, const struct eff_json *json);
/* What to do, as a sentence; EFF_AUTH has one of its own where the connector says nothing. */
void rest_hint(eff_str remedy, enum eff_fault fault, struct eff_err *err);
/* Whether the option was said, and not to be without it; SIZE_MAX: it need not be. */
bool rest_given(const struct rest_dest *dest, size_t option);
/* The answer's JSON; NULL when it cannot be read. An empty body is JSON null. */
const struct eff_json *rest_json(const struct eff_response *response, struct eff_arena *arena);
bool rest_silent(const struct eff_response *response);
/* At most so much of a text as a verdict keeps; and a copy of that. */
eff_str rest_cut(eff_str text);
eff_str rest_copy(struct eff_arena *arena, eff_str text);
/* "CODE:text": the code, and what is left of the message. */
void rest_code_before(struct rest_refusal *refusal, eff_str before);
struct rest_refusal rest_refusal_at(const struct eff_error_at *at, const struct eff_json *json);
/* The same of a whole answer, in the arena: never empty. */
struct rest_refusal rest_refusal_of(const struct eff_connector *connector,
                                    const struct eff_response *response,
                                    const struct eff_json *json, struct eff_arena *arena);
/* Fills err: "Acme answered 422 blank: a name is needed", or that nothing was sent, or came. */
void rest_told(const struct eff_connector *connector, const struct eff_response *response,
               const struct rest_refusal *refusal, enum eff_fault fault, const char *what,
               struct eff_err *err);
/*
 * status 0: a refusal of one row, to which rules with a status do not apply. op NONE: the request
 * only looks, and rules of operations do not count. one: it is about one record.
 */
const struct eff_error_rule *rest_rule(const struct eff_connector *connector, int status,
                                       const struct rest_refusal *refusal,
                                       const struct eff_json *json, enum eff_op op, bool one);
/* Of a request that looks for records: it says that there is none. */
bool rest_missing(const struct rest_dest *dest, const struct eff_response *response,
                  const struct eff_ints *statuses, bool one, struct eff_arena *arena);
/* Which field is to blame: where the rule says, where errors say, or the one that the message names. */
void rest_refusal_field(const struct eff_error_rule *rule, const struct eff_json *json,
                        const struct eff_delivery *delivery, struct rest_refusal *refusal);

/* ---- rest_judge.c ---- */

struct eff_verdict rest_verdict(enum eff_outcome outcome, enum eff_fault fault, eff_str code,
                                eff_str message);
/* The rows of a list in the answer, merged into their items' verdicts; false: cannot be told apart. */
bool rest_judge_list(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
                     const struct eff_results *list, const struct eff_json *root,
                     bool *ret_strangers);
bool rest_judge_csv(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
                    const struct eff_results *list, eff_str csv, struct eff_arena *arena);
/* Opens like JSON, but is none: a page of HTML from a proxy is another thing. */
bool rest_looks_cut(eff_str body);
/* Everything that an answer to the SEND phase can be. The step is 0 when the next part may follow. */
struct eff_step rest_judge(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
                           const struct eff_response *response, struct eff_err *err);
/* The request was refused on this side, before a byte of it left: no try can help. */
struct eff_step rest_not_allowed(struct rest_dest *dest, struct eff_delivery *delivery,
                                 const struct eff_response *response, struct eff_err *err);
/* A status that is no success, for the rows at hand. */
struct eff_step rest_judge_failure(struct rest_dest *dest, struct eff_task *task,
                                   struct rest_work *work, const struct eff_response *response,
                                   const struct eff_json *json, bool may_be_applied,
                                   struct eff_err *err);
/* All rows at hand, or all without a verdict. */
void rest_rows_verdict(struct eff_delivery *delivery, const struct rest_work *work,
                       struct eff_verdict verdict);
void rest_pending_verdict(struct eff_delivery *delivery, struct eff_verdict verdict);

/* ---- rest_deliver.c ---- */

struct eff_step rest_deliver(struct rest_dest *dest, struct eff_task *task,
                             const struct eff_response *last, struct eff_err *err);
size_t rest_preview(struct eff_dest *base, struct eff_delivery *delivery,
                    struct eff_preview *ret_previews, size_t max);
/* Builds the call for the rows at hand; bad rows are refused and taken out. */
struct eff_step rest_send(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
                          const struct eff_call *call, bool writes, bool carries_rows,
                          struct eff_err *err);
const struct eff_variant *rest_variant(const struct rest_work *work);
/* The row as it stands in the request's `for_each: row`; false when there is none. */
bool rest_item_json(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
                    size_t row, struct eff_arena scratch, struct eff_buf *buf);

/* ---- rest_members.c ---- */

void rest_leaving_begin(struct eff_delivery *delivery, struct rest_work *work);
/* The step is 0 when all have left, or have a verdict. */
struct eff_step rest_leave(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
                           const struct eff_response *last, struct eff_err *err);
/* What was told of the old identifiers is told of rows whose new ones are in. */
void rest_left(struct eff_delivery *delivery, const struct rest_work *work);

/* ---- rest_unnamed.c ---- */

/* True: of the rows at hand more were refused than named. They are settled, or wait in halves. */
bool rest_judge_unnamed(struct eff_delivery *delivery, struct rest_work *work,
                        const struct eff_answer *answer, const struct eff_json *json);
/* The half that is sent next is at hand; false: there is none. */
bool rest_unnamed_next(struct eff_delivery *delivery, struct rest_work *work);
/* What was sent before may have been applied, however its half ended. */
void rest_unnamed_end(struct eff_delivery *delivery, const struct rest_work *work);

/* ---- rest_job.c ---- */

bool rest_job_resume(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work);
struct eff_step rest_job_send(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
                              struct eff_err *err);
struct eff_step rest_job_judge(struct rest_dest *dest, struct eff_task *task,
                               struct rest_work *work, const struct eff_response *response,
                               struct eff_err *err);

/* ---- rest_task.c ---- */

struct eff_step rest_authorize(struct rest_dest *dest, struct eff_task *task,
                               const struct eff_response *last, struct eff_err *err);
struct eff_step rest_describe(struct rest_dest *dest, struct eff_task *task,
                              const struct eff_response *last, struct eff_err *err);
struct eff_step rest_create(struct rest_dest *dest, struct eff_task *task,
                            const struct eff_response *last, struct eff_err *err);
struct eff_step rest_check(struct rest_dest *dest, struct eff_task *task,
                           const struct eff_response *last, struct eff_err *err);
struct eff_step rest_read(struct rest_dest *dest, struct eff_task *task,
                          const struct eff_response *last, struct eff_err *err);
bool rest_needs_login(const struct rest_dest *dest);

#endif
