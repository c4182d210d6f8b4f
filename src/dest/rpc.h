/*
 * dest/rpc: what the two dialects of JSON-RPC destinations share. Private to dest/.
 *
 *     rpc.c        opening, requests and answers; the dialect of Census' custom destinations
 *     rpc_rows.c   the dialect of Hightouch's embedded destinations, of `custom_api` only
 */
#ifndef EFF_DEST_RPC_H
#define EFF_DEST_RPC_H

#include "base/json.h"
#include "dest/dest.h"

enum eff_rpc_dialect { EFF_RPC_CENSUS = 0, EFF_RPC_HIGHTOUCH };

struct eff_rpc_config {
    eff_str program; /* exec */
    struct eff_str_list args;
    eff_str url;     /* custom_api */
    int64_t dialect; /* enum eff_rpc_dialect; custom_api */
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

struct eff_rpc_run { /* scratch of a task or delivery */
    size_t asked;    /* the question, in the order of its dialect */
    int64_t id;
};

/* A request, up to its params, which eff_rpc_send closes. */
struct eff_json_writer eff_rpc_begin(struct eff_rpc_dest *dest, struct eff_buf *buf,
                                     const char *method, int64_t *ret_id);
struct eff_step eff_rpc_send(struct eff_rpc_dest *dest, struct eff_json_writer *w,
                             struct eff_arena *arena, struct eff_err *err);
/* NULL: err says what is wrong with it, and *ret_sure whether surely nothing was done. */
const struct eff_json *eff_rpc_result(struct eff_rpc_dest *dest, const struct eff_response *last,
                                      int64_t id, struct eff_arena *arena, bool *ret_sure,
                                      struct eff_err *err);
/* The match field and all mapped ones, as an object. */
void eff_rpc_write_record(struct eff_json_writer *w, const struct eff_delivery *delivery,
                          const struct eff_item *item);
bool eff_rpc_is_match(const struct eff_delivery *delivery, eff_str name);
void eff_rpc_all(struct eff_delivery *delivery, enum eff_outcome outcome, enum eff_fault fault,
                 const char *message);
/* Of each item the match value as text, and the item that has one; SIZE_MAX: none. */
const eff_str *eff_rpc_identifiers(const struct eff_delivery *delivery);
size_t eff_rpc_item_of(const struct eff_delivery *delivery, const eff_str *identifiers, size_t at,
                       eff_str identifier);
/* The verdicts of a batch whose answer is none (err says why). */
struct eff_step eff_rpc_failed(struct eff_delivery *delivery, bool sure, struct eff_err *err);
struct eff_step eff_rpc_wrong(const struct eff_task *task, const char *method, struct eff_err *err);

struct eff_step eff_rpc_rows_deliver(struct eff_rpc_dest *dest, struct eff_delivery *delivery,
                                     const struct eff_response *last, struct eff_err *err);
struct eff_step eff_rpc_rows_describe(struct eff_rpc_dest *dest, struct eff_task *task,
                                      const struct eff_response *last, struct eff_err *err);

#endif
