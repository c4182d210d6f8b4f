/*
 * dest/dest: how one kind of destination is spoken to. Does no I/O.
 *
 * Everything is a task that advances in steps: a step either wants a request
 * (run sends it and comes back with the answer), a pause, or is done. The same
 * form serves delivering a batch, logging in, describing the other side's schema
 * and reading records back, so that deliver/ owns limits, Retry-After, jitter,
 * splitting, token refresh and the journal once for all drivers.
 */
#ifndef EFF_DEST_DEST_H
#define EFF_DEST_DEST_H

#include "base/fold.h"
#include "conf/project.h"
#include "flow/delivery.h"
#include "flow/ear.h"
#include "flow/mapping.h"
#include "flow/request.h"

struct eff_dest; /* first member of a driver's struct: struct eff_dest base */

enum eff_step_kind {
    EFF_STEP_SEND = 1, /* step.request */
    EFF_STEP_WAIT,     /* an asynchronous job is still running: come back after step.wait_ms */
    EFF_STEP_SPLIT, /* refused as a whole, certainly not applied: deliver the halves separately */
    EFF_STEP_DONE,  /* every item has a verdict */
    EFF_STEP_STOP,  /* err says why; nothing more can be delivered in this run */
    EFF_STEP_AUTH,  /* 401: authorize once, then the same step again with last = NULL */
};

struct eff_step {
    enum eff_step_kind kind;
    struct eff_request request; /* in the task's arena */
    int64_t wait_ms;
};

enum eff_field_type {
    EFF_FIELD_ANY = 0,
    EFF_FIELD_TEXT,
    EFF_FIELD_NUMBER,
    EFF_FIELD_BOOL,
    EFF_FIELD_DATE,
    EFF_FIELD_TIMESTAMP,
    EFF_FIELD_CHOICE,
    EFF_FIELD_JSON
};
#define EFF_FIELD_TYPES_COUNT (EFF_FIELD_JSON + 1)

struct eff_dest_field {
    eff_str name, label, type_name; /* in the vendor's own words */
    enum eff_field_type type;
    bool read_only, unique, required;
    enum eff_fold fold;   /* values that are equal by it are one there */
    size_t choices_count; /* closed list of values, when there is one */
    const eff_str *choices;
};

struct eff_schema {
    bool known; /* false: this destination cannot be asked */
    bool object_exists;
    bool typed; /* values must have the field's own type: a number is no text */
    size_t fields_count;
    const struct eff_dest_field *fields;
    eff_str group; /* "user_fields.": of the names that open so, all are told; len == 0: none */
    /*
     * What a field that is made can be, by enum eff_field_type, in the vendor's words (len == 0: no
     * such type); its name opens like the group. NULL: none can be, or the user has not asked for it.
     */
    const eff_str *new_types;
    size_t
        objects_count; /* that there are, as far as is known, when the one asked for is not there */
    const eff_str *objects;
};

/* One record read back: parallel to the read's fields; found = false when there is none. */
struct eff_record {
    bool found;
    eff_str remote_id;
    const struct eff_value *fields; /* JSON numbers as EFF_DECIMAL ...; not told: EFF_ABSENT */
};

struct eff_read {
    size_t match_count;
    const eff_str *match_names;
    size_t fields_count;
    const eff_str *field_names;
    size_t count;
    const struct eff_value *match; /* count * match_count */
    struct eff_record *records;    /* count; filled by the steps */
};

enum eff_task_kind {
    EFF_TASK_DELIVER = 1,
    EFF_TASK_AUTHORIZE,
    EFF_TASK_DESCRIBE,
    EFF_TASK_CREATE, /* a field, by name and type; refused when it is there already */
    EFF_TASK_CHECK,  /* shows that the credential may come in, by one request that only reads */
    EFF_TASK_READ,
    EFF_TASK_FINISH /* end of a run: the file destination renames its file */
};

struct eff_task {
    enum eff_task_kind kind;
    struct eff_delivery *delivery;      /* DELIVER */
    struct eff_schema *schema;          /* DESCRIBE */
    struct eff_read *read;              /* READ */
    const struct eff_dest_field *field; /* CREATE */
    eff_str object;                     /* DESCRIBE, CREATE, CHECK, READ */
    int64_t now_wall_ms;                /* AUTHORIZE: a signed login says when it was made */
    void *scratch;                      /* the driver's own; NULL on the first step */
    struct eff_arena *arena;            /* lives as long as the task */
};

/* One of the destination's rate limits: a token bucket of the account. */
struct eff_rate_limit {
    eff_str name;
    int64_t per_ms;
    int64_t requests; /* allowed per per_ms */
    unsigned bucket;  /* 0: draws on every request; else only on requests of that bucket */
    bool hard;        /* a daily quota: exhausted means EFF_LIMIT, not a pause */
    bool usual;       /* nobody asked for that number: the answers may raise it, too */
};

/* What an answer's headers said about one limit. */
struct eff_rate_report {
    size_t limit;      /* index into limits */
    int64_t remaining; /* -1: not told */
    int64_t allowed;   /* -1: not told */
    int64_t reset_ms;  /* until the window ends; -1: not told */
};

/* For the `late_apply` of each kind whose requests may be applied after they were given up. */
#define EFF_DEST_LATE_HELP                                                                         \
    "How long a request whose answer was lost may still be applied over there: a row that was "    \
    "then sent with other values is sent once more after it."
#define EFF_DEST_LATE     "10m"
#define EFF_DEST_LATE_MAX ((int64_t)7 * 24 * 3600 * 1000)

struct eff_op_limits {
    bool supported;
    enum eff_class class;
    size_t rows_max;         /* per batch */
    size_t bytes_max;        /* of the request body as estimated by item_bytes; 0: none */
    size_t concurrency;      /* requests under way at a time */
    bool whole_rows;         /* changed rows are sent with all mapped fields, not a subset */
    bool by_remote_id;       /* needs item->remote_id (or finds it) */
    bool rematch;            /* can change the match value of a record, by old_match or remote id */
    bool uses_match;         /* remove, of members: what tells whom */
    const bool *uses_fields; /* by field; never NULL where remove is supported */
    int64_t lag_ms;          /* how late a record may show up when it is read; 0: a second */
    size_t requests;         /* that a batch takes at the least; 0: one */
    size_t find_rows;        /* without a remote id, that a request looks up; 0: none are */
    int64_t key_window_ms;   /* keyed: how long the destination honours an idempotency key */
    int64_t late_ms; /* how long a request whose answer was lost may still be applied; 0: not */
};

/* What run tells the driver about the sync that it will serve. */
struct eff_dest_sync {
    eff_str name, run; /* sync and run id */
    eff_str object;
    enum eff_mode mode;
    enum eff_removed on_removed;
    size_t match_count;
    const eff_str *match_names;
    size_t fields_count;
    const eff_str *field_names;
    int64_t rows_planned; /* 0 before planning; the Bulk threshold looks at it */
};

/* A request that a delivery would take, as a plan shows it. */
struct eff_preview {
    const char *step; /* "find", "send"; of a job: "create", "upload", "close" */
    size_t rows;      /* that it is about */
    struct eff_request request;
};

struct eff_dest_ops {
    const char *kind;
    const char *title;
    const struct eff_option *options; /* built-in kinds; connectors bring theirs */
    size_t options_count;
    size_t config_size;

    /* conf->config was filled from options, or by the connector's own rows. */
    enum eff_fault (*open)(const struct eff_dest_conf *conf, struct eff_arena *run,
                           struct eff_dest **ret_dest, struct eff_err *err);
    /*
     * Says whether mode, removal and match can be served (EFF_CONFIG with what can
     * be, when not) and fills limits[EFF_OPS_COUNT]. Called again when rows_planned
     * is known. The account is what shares a rate budget: "salesforce:org.example".
     */
    enum eff_fault (*bind)(struct eff_dest *dest, const struct eff_dest_sync *sync,
                           struct eff_op_limits limits[EFF_OPS_COUNT], struct eff_err *err);
    /* Bytes that the item will take in a request body; an upper estimate. */
    size_t (*item_bytes)(struct eff_dest *dest, const struct eff_delivery *delivery,
                         const struct eff_item *item);
    /*
     * last is NULL on the first step (and after a restart, with delivery->memo from
     * before), then the answer to the request just sent. On EFF_STEP_STOP err is set.
     * A request that was lost, throttled or answered 5xx is judged here too: the
     * verdicts say NOT_APPLIED or MAYBE_APPLIED with fault RATE, LIMIT or TRANSIENT,
     * and deliver decides about sending again.
     */
    struct eff_step (*step)(struct eff_dest *dest, struct eff_task *task,
                            const struct eff_response *last, struct eff_err *err);
    /* Limits of the account; may be NULL. Returned memory lives as long as dest. */
    size_t (*rates)(struct eff_dest *dest, const struct eff_rate_limit **ret_limits);
    /* What the answer says of them: at most `max` reports, returns how many. May be NULL. */
    size_t (*observe)(struct eff_dest *dest, const struct eff_response *response,
                      struct eff_rate_report *ret_reports, size_t max);
    /*
     * The first request of each step of the delivery, made as `step` would make it; what only an
     * answer tells (an id, a job) stands as "looked-up" and "job-id". Needs no session, sends
     * nothing; the delivery is used up. At most `max`, returns how many. May be NULL.
     */
    size_t (*preview)(struct eff_dest *dest, struct eff_delivery *delivery,
                      struct eff_preview *ret_previews, size_t max);
    void (*close)(struct eff_dest *dest); /* may be NULL */
};

/* What a field's mapping ends with, unless the user's own normalizes or hashes. */
struct eff_prepared {
    eff_str name;
    size_t transforms_count;
    const struct eff_transform *transforms;
};

/* What a vendor counts, and bills or caps: a plan tells how many a run would take. */
enum eff_units_per { EFF_UNITS_NONE = 0, EFF_UNITS_REQUEST, EFF_UNITS_ROW, EFF_UNITS_NEW_ROW };

struct eff_units {
    eff_str name; /* "API calls of the day" */
    enum eff_units_per per;
};

struct eff_dest {
    const struct eff_dest_ops *ops;
    const struct eff_dest_conf *conf;
    eff_str account;        /* must not change between runs */
    eff_str account_before; /* what earlier versions called it in the state; may be the same */
    eff_str budget; /* what shares its limits, in whichever blocks; len == 0: this block alone */
    bool can_describe, can_read;
    bool can_check; /* where nothing is described, EFF_TASK_CHECK proves the credential */
    struct eff_units units;
    const enum eff_fold *folds; /* by match field, once bound, as in eff_dest_field; NULL: none */
    bool strict;                /* takes a row as it is or refuses it: needs no reading back */
    size_t read_rows;           /* that a request reads back; 0: one */
    int64_t read_lag_ms;   /* how late what was written shows up when it is read; 0: a second */
    size_t prepared_count; /* of members */
    const struct eff_prepared *prepared;
    struct eff_ear ear; /* set by whoever opened it */
};

extern const struct eff_dest_ops eff_dest_sqlite;
extern const struct eff_dest_ops eff_dest_postgres;
extern const struct eff_dest_ops eff_dest_mysql;
extern const struct eff_dest_ops eff_dest_file;
extern const struct eff_dest_ops eff_dest_s3;
extern const struct eff_dest_ops eff_dest_exec;
extern const struct eff_dest_ops eff_dest_custom_api;
extern const struct eff_dest_ops eff_dest_rest; /* behind every connector file */

/*
 * The kinds that `to:` may lead to: the C ones, the embedded connectors, and
 * those of the project's connectors/ folder (which win). Connector files with
 * mistakes are problems with file:line:column. desc->user is a struct
 * eff_dest_kind *.
 */
struct eff_connector; /* a compiled connector file; NULL for a C driver */

struct eff_dest_kind {
    const struct eff_dest_ops *ops;
    const struct eff_connector *connector;
    bool own;       /* of the project's connectors/ folder */
    bool overrides; /* in the place of one that is built in */
};

/* Hint of an `on_removed` that cannot be served: those that can, and that the mode allows. */
enum eff_fault eff_dest_removed_hint(enum eff_mode mode, const bool can[EFF_REMOVED_DELETE + 1],
                                     struct eff_err *err);

struct eff_connector_file {
    eff_str path; /* "connectors/hubspot/connector.yaml" */
    eff_str bytes;
};

bool eff_dest_kinds(size_t files_count, const struct eff_connector_file *files,
                    struct eff_arena *arena, size_t *ret_count, struct eff_kind_desc **ret_kinds,
                    struct eff_problems *problems);

#endif
