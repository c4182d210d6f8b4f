/*
 * dest/rpc: destinations that are spoken to in JSON-RPC. Private to dest/.
 *
 *     rpc.c           opening, requests and answers, whatever the dialect
 *     rpc_records.c   the dialect of Census' custom destinations
 *     rpc_rows.c      the dialect of Hightouch's embedded destinations, of `custom_api` only
 */
#ifndef EFF_DEST_RPC_H
#define EFF_DEST_RPC_H

#include "base/json.h"
#include "dest/dest.h"

enum { EFF_RPC_CENSUS = 0, EFF_RPC_HIGHTOUCH, EFF_RPC_DIALECTS };

struct eff_rpc_config {
    eff_str program; /* exec */
    struct eff_str_list args;
    eff_str url;     /* custom_api */
    int64_t dialect; /* EFF_RPC_...; custom_api */
    int64_t batch_rows, timeout_ms, late_ms;
    struct eff_str_list idempotent;
};

struct eff_rpc_dest {
    struct eff_dest base;
    const struct eff_rpc_config *config;
    const struct eff_dest_sync *sync; /* as bound */
    int64_t id;                       /* of the last request */
    bool restart;                     /* the last answer made no sense */
    bool no_method;                   /* the last answer was that there is no such method */
    size_t rows_max;                  /* as it says itself; 0: it was not asked */
    struct eff_rate_limit rate;
};

/* What is said, and how it is understood: all in which the dialects differ. */
struct eff_rpc_dialect {
    const char *const *questions; /* the methods of a description, in the order they are asked */
    size_t questions_count;
    bool optional; /* a method that is not there says nothing, and is no mistake */
    /* The params of a question. */
    void (*ask)(const struct eff_rpc_dest *dest, const struct eff_task *task, size_t asked,
                struct eff_json_writer *w);
    /*
     * Takes an answer in; result is NULL when there is no such method. False: nothing more is
     * asked, and err says why when something is wrong.
     */
    bool (*hear)(struct eff_rpc_dest *dest, struct eff_task *task, size_t asked,
                 const struct eff_json *result, struct eff_err *err);

    const char *(*method)(enum eff_op op); /* by which rows are given */
    const char *records;                   /* the name of its list of rows */
    /* The params of that method, but for the rows. */
    void (*give)(const struct eff_rpc_dest *dest, const struct eff_delivery *delivery,
                 struct eff_json_writer *w);
    /* The verdicts. */
    void (*take)(struct eff_delivery *delivery, const struct eff_json *result);
};

extern const struct eff_rpc_dialect eff_rpc_census, eff_rpc_hightouch;

/* As Census says it, and `idempotent`. */
const char *eff_rpc_op_name(enum eff_op op);
bool eff_rpc_is_match(const struct eff_delivery *delivery, eff_str name);
void eff_rpc_all(struct eff_delivery *delivery, enum eff_outcome outcome, enum eff_fault fault,
                 const char *message);
/* A row that the other side refuses; why, empty: what to say instead. */
struct eff_verdict eff_rpc_refused(const struct eff_delivery *delivery, eff_str why,
                                   const char *otherwise);
/* Of each item the match value as text, and the item that has one; SIZE_MAX: none. */
const eff_str *eff_rpc_identifiers(const struct eff_delivery *delivery);
size_t eff_rpc_item_of(const struct eff_delivery *delivery, const eff_str *identifiers, size_t at,
                       eff_str identifier);

struct eff_rpc_type {
    const char *name;
    enum eff_field_type type;
};

/* Tells the schema the fields of a list, each with its name at `name`; returns them as told. */
struct eff_dest_field *eff_rpc_fields(struct eff_task *task, const struct eff_json *list,
                                      const char *name, size_t types_count,
                                      const struct eff_rpc_type *types);

#endif
