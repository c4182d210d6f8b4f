/*
 * flow/delivery: the rows of one batch on their way out, and what became of each.
 */
#ifndef EFF_FLOW_DELIVERY_H
#define EFF_FLOW_DELIVERY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "flow/value.h"

enum eff_op {
    EFF_OP_NONE = 0, /* nothing is sent: the snapshot follows (rebase) */
    EFF_OP_UPSERT,
    EFF_OP_CREATE,
    EFF_OP_UPDATE,
    EFF_OP_CLEAR, /* an update that sets every mapped field to null */
    EFF_OP_ARCHIVE,
    EFF_OP_DELETE,
    EFF_OP_APPEND,
    EFF_OP_ADD, /* members of a list or audience */
    EFF_OP_REMOVE,
    EFF_OPS_COUNT
};

const char *eff_op_name(enum eff_op op); /* "upsert", ... */
bool eff_op_from_name(eff_str name, enum eff_op *ret_op);
bool eff_op_removes(enum eff_op op); /* what a record or a member that left the model meets */

/* What an ambiguous answer means; an operation that declares nothing is blind. */
enum eff_class { EFF_CLASS_BLIND = 0, EFF_CLASS_CONVERGE, EFF_CLASS_KEYED, EFF_CLASS_LOOKUP };

struct eff_verdict {
    enum eff_outcome outcome;
    enum eff_fault fault; /* EFF_OK when applied or taken */
    bool created;         /* the destination said that it made a new record */
    eff_str code;         /* in the destination's words: "REQUIRED_FIELD_MISSING" */
    eff_str message;
    eff_str field;     /* the destination field to blame, when it is known */
    eff_str remote_id; /* as the destination told it */
    bool maybe;        /* deliver's: some attempt may have been applied, whatever came later */
    bool absent;       /* deliver's: under its key it was not created, nor will be: needs another */
    bool hold;         /* deliver's: perhaps applied, and only a person can tell */
    int64_t doubt_ms;  /* run's: until then (wall) an older value may come over this one; 0: none */
};

struct eff_item {
    size_t index;           /* within the delivery: the trace id that comes back with an answer */
    struct eff_hash128 key; /* hash of the model's key */
    eff_str key_json;       /* {"lead_id": 7}: for people and ledgers */
    const struct eff_value *match;     /* delivery->match_count of them */
    const struct eff_value *old_match; /* when the match value changed: the record's present one */
    const struct eff_value *fields;    /* delivery->fields_count; EFF_ABSENT ones are not sent */
    size_t leaving_count;              /* members: what leaves the list before op is done */
    const struct eff_value *leaving;   /* of each the match values, then the fields */
    eff_str remote_id;                 /* when known, else ptr == NULL */
    eff_str idempotency_key;           /* keyed class: 43 characters */
    bool changed; /* it may have been created under that key before, with other values */
    struct eff_verdict verdict; /* strings live in the delivery's arena */
};

struct eff_delivery {
    enum eff_op op;
    eff_str object; /* over there: a table, "Contact", "contacts" */
    size_t match_count;
    const eff_str *match_names;
    size_t fields_count;
    const eff_str *field_names;
    size_t count;
    struct eff_item *items;

    /*
     * What the destination must remember over a restart while this batch is
     * under way (a job's id and phase). Made durable before the next request.
     */
    eff_str memo;
    bool memo_changed;

    void *scratch;           /* the destination's own, in arena; NULL on the first step */
    struct eff_arena *arena; /* lives as long as the delivery */
};

#endif
