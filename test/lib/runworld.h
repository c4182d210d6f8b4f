/*
 * test/lib/runworld: one sync between a model and a destination in memory, on real files.
 *
 * The model has the columns id and score, and more where a test gives them; the destination
 * applies at once what a test does not judge otherwise, and keeps of each id the first field.
 * A call of either can be the one that fails, and a statement of control.db, as a file call can
 * (lib/testos).
 */
#ifndef TEST_LIB_RUNWORLD_H
#define TEST_LIB_RUNWORLD_H

#include "dest/dest.h"
#include "lib/testos.h"
#include "run/run.h"
#include "source/source.h"

#define RUNWORLD_KEYS    400
#define RUNWORLD_COLUMNS 12

struct runworld {
    struct testos os;
    char *folder; /* that of the project */
    struct eff_arena process;

    /* the model */
    int64_t model[RUNWORLD_KEYS]; /* score by id; 0: there is no such row */
    size_t columns_count;         /* 2, and those that a test adds */
    struct eff_column columns[RUNWORLD_COLUMNS];
    struct eff_value cells[RUNWORLD_COLUMNS]; /* of the added ones: the same in all rows */
    const char *reader;                       /* NULL: it is not told */
    int64_t scanned;                          /* bytes; -1: it is not told */
    unsigned queries;
    /* Called for each query, and for each row as it is read; may be NULL. */
    void (*query)(struct runworld *w);
    void (*row)(struct runworld *w, int64_t id, struct eff_value *cells);

    /* the destination */
    int64_t held[RUNWORLD_KEYS];
    uint64_t applied;
    struct eff_op_limits limits; /* of every operation */
    struct eff_units units;
    bool strict;
    int64_t read_lag_ms;
    size_t prepared_count;
    const struct eff_prepared *prepared;
    bool (*can)(const struct eff_dest_sync *sync); /* whether it can be bound; NULL: it can */
    bool describes, reads;
    struct eff_schema schema;
    struct eff_value
        found[RUNWORLD_COLUMNS]; /* read back, where a record is there, but for the score */
    /* Says what comes of an item instead of applying it; may be NULL. */
    bool (*judge)(struct runworld *w, enum eff_op op, struct eff_item *item);
    /* Takes a step instead; kind 0: the usual one. May be NULL. */
    struct eff_step (*step)(struct runworld *w, struct eff_task *task,
                            const struct eff_response *last, struct eff_err *err);
    /* "upsert 7 score=3 note=x\n" for each item that came, until a test empties it. */
    struct eff_buf said;

    /* requests: the n-th `next` after a submit has the answer; 0: none comes */
    unsigned answers_at, polls;
    uint64_t ticket;
    struct eff_response response;
    unsigned cancelled;
    unsigned stop_at; /* the so manieth look whether to go on says no; 0: never */
    unsigned looks;

    struct eff_source_conf source_conf;
    struct eff_dest_conf dest_conf;
    struct eff_field_conf fields[RUNWORLD_COLUMNS];
    struct eff_sync_conf sync;
    struct eff_project project;
    struct eff_kind_desc source_kind, dest_kind;
    struct eff_dest_kind dest_ops;
};

/* The sync sends the score; a test may change all of it before it runs. */
void runworld_open(struct runworld *w, enum eff_mode mode);
void runworld_close(struct runworld *w);
/* A column of the model, mapped to a field of its name. */
void runworld_column(struct runworld *w, const char *name, struct eff_value value);

struct eff_report runworld_run(struct runworld *w, const struct eff_run_options *options);
struct eff_report runworld_look(struct runworld *w, const struct eff_look_options *look);
/* The problem of that code, or NULL. */
const struct eff_run_problem *runworld_problem(const struct eff_report *report, const char *code);
bool runworld_equal(const struct runworld *w, bool removes);
/* A `judge`: the process dies when the first row was applied. And a run that ends so. */
bool runworld_die(struct runworld *w, enum eff_op op, struct eff_item *item);
void runworld_leave_open(struct runworld *w);
/* A `step`: the credential may not read back. */
struct eff_step runworld_no_reading(struct runworld *w, struct eff_task *task,
                                    const struct eff_response *last, struct eff_err *err);

#endif
