/*
 * dest/rest_task: what the tasks that only read share.
 */
#ifndef EFF_DEST_REST_TASK_H
#define EFF_DEST_REST_TASK_H

#include "dest/rest.h"

struct task_work {
    int phase; /* of a check: how many requests have proved what they can */
    unsigned tries, pages;
    eff_str cursor;
    const struct eff_fields_call *call; /* that tells the fields of the object */
    struct eff_dest_field *fields;
    size_t fields_count, fields_cap;
    eff_str *objects;
    size_t objects_count, objects_cap;
    size_t at; /* first record of the page being read */
    size_t many;
    struct eff_delivery delivery; /* the records to read, as templates see them */
    struct eff_shapes shapes;
    size_t *rows;
};

struct task_work *rest_task_work(struct eff_task *task);
bool rest_task_good(const struct eff_response *response);
/* What a task that only reads does about an answer that is no success. */
struct eff_step rest_task_failure(struct rest_dest *dest, struct eff_task *task,
                                  struct task_work *work, const struct eff_response *response,
                                  const char *what, struct eff_err *err);
/* The step is 0 when rows were marked bad: the caller takes them out; SPLIT: they are too many. */
struct eff_step rest_task_send(struct rest_dest *dest, const struct eff_call *call,
                               struct eff_render *r, const struct eff_paging *next, eff_str cursor,
                               struct eff_err *err);

#endif
