/*
 * test/sim/sim: the real engine in a small world that a seed decides.
 *
 * Clock, disk (with the real SQLite on it), network, destination and source are
 * models; a process dies by a jump out of the engine, and what was not synced may
 * be lost. One seed gives one story: options, a storm of runs with faults, then
 * calm. oracle.c knows the truth on both sides and shares no code with src/.
 */
#ifndef TEST_SIM_SIM_H
#define TEST_SIM_SIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "conf/project.h"
#include "dest/dest.h"
#include "os/os.h"
#include "run/run.h"
#include "source/source.h"

/* ---- memory.c: what a process life allocates, gone when it ends ---- */

void sim_memory_init(void); /* before SQLite is used */
void sim_memory_begin(void);
/* Ends the life; returns bytes and mappings that were not given back. */
size_t sim_memory_end(void);
void sim_memory_aside(bool aside);      /* within a life: what is allocated meanwhile outlives it */
void *sim_keep(void *ptr, size_t size); /* realloc that outlives lives; 0 frees */

struct sim_text { /* bytes that grow, outside the lives */
    char *ptr;
    size_t len, cap;
};

void sim_text_add(struct sim_text *text, const void *bytes, size_t len);
void sim_text_addf(struct sim_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- chance ---- */

struct sim_rand {
    uint64_t state;
};

uint64_t sim_next(struct sim_rand *rand);
uint64_t sim_below(struct sim_rand *rand, uint64_t n);                 /* 0 .. n-1; n 0: 0 */
int64_t sim_between(struct sim_rand *rand, int64_t low, int64_t high); /* both included */
bool sim_chance(struct sim_rand *rand, unsigned percent);

/* ---- disk.c ---- */

struct sim_write { /* not yet on the platter; len SIZE_MAX: the file was cut or grown to offset */
    uint64_t offset;
    size_t len;
    char *bytes;
};

struct sim_inode {
    struct sim_text cache, platter;
    struct sim_write *writes;
    size_t writes_count, writes_cap;
    unsigned links, opens; /* names, handles */
    bool folder;
};

struct sim_name {
    char *path;
    struct sim_inode *inode;
};

struct sim_names {
    struct sim_name *at;
    size_t count, cap;
};

enum sim_dirop_kind { SIM_LINK = 1, SIM_UNLINK, SIM_RENAME };

struct sim_dirop {
    enum sim_dirop_kind kind;
    char *path, *to;
    struct sim_inode *inode;
};

struct eff_file {
    struct sim_inode *inode;
    struct eff_file *next;
};

struct sim_disk {
    struct sim_names names, durable;
    struct sim_dirop *ops;
    size_t ops_count, ops_cap;
    struct eff_file *open;
    size_t open_count;
};

void sim_disk_init(struct eff_os *os);
void sim_disk_free(struct sim_disk *disk);
/* Handles are gone; a power loss takes what was not synced, or part of it. */
void sim_disk_rot(struct sim_rand *rand); /* one bit of a file of ours, on the platter too */
void sim_disk_mend(void);                 /* the file is brought back */
void sim_disk_death(struct sim_disk *disk, bool power, struct sim_rand *rand);
/* A folder as programs see it, between two lives; then back in its place, on the platter too. */
void sim_disk_copy(const char *folder, struct sim_disk *ret_copy);
void sim_disk_put_back(const char *folder, const struct sim_disk *copy);
/* Used by vfs.c, which counts its own effects. */
struct sim_inode *sim_disk_find(const char *path);
/* The file that would have this name if the power went now. */
struct sim_inode *sim_disk_durable(const char *path);
struct sim_inode *sim_disk_create(const char *path);
void sim_disk_unlink(const char *path);
void sim_disk_sync_folder(const char *path);
void sim_inode_write(struct sim_inode *inode, uint64_t offset, const void *ptr, size_t len);
void sim_inode_truncate(struct sim_inode *inode, uint64_t size);
void sim_inode_sync(struct sim_inode *inode);
void sim_inode_release(struct sim_inode *inode); /* frees it when nothing names or holds it */

/* ---- vfs.c ---- */

void sim_vfs_register(void);
void sim_vfs_death(void);
/*
 * control.db as it would be if the power went now and took all that was not synced. Read only, and
 * open from the first call to the end of the program: call it anew for each look, in sim_memory_aside.
 */
struct sqlite3 *sim_vfs_platter(void);
/* The same of control.db as a program that opens it now would see it. */
struct sqlite3 *sim_vfs_seen(void);

/* ---- the world ---- */

#define SIM_KEYS_MAX    300
#define SIM_FOREIGN     1000000 /* ids from here are records of others */
#define SIM_RECORDS_MAX 4096
#define SIM_FLIGHTS_MAX 128
#define SIM_LATE_MS     600000 /* how long after it was given up a request may be applied */

enum sim_class {
    SIM_CONVERGE,
    SIM_KEYED,
    SIM_KEYED_BATCH,
    SIM_LOOKUP,
    SIM_LOOK,
    SIM_BLIND,
    SIM_KEYED_UPSERT, /* found and updated by its id, or created under a key */
    SIM_CLASSES
};

/* Fault classes: on or off per seed. */
enum sim_fault {
    SIM_F_KILL,
    SIM_F_POWER,
    SIM_F_ENOSPC,
    SIM_F_EIO,
    SIM_F_STOP,     /* SIGTERM */
    SIM_F_NOT_SENT, /* lost before any byte */
    SIM_F_LOST,     /* no answer; applied or not, or half */
    SIM_F_5XX,
    SIM_F_RATE,
    SIM_F_CUT_ANSWER,
    SIM_F_ODD_ANSWER, /* permuted, short, doubled */
    SIM_F_TOKEN,
    SIM_F_POISON,
    SIM_F_LOCKED,
    SIM_F_WHOLE_400,
    SIM_F_OUTAGE,
    SIM_F_CUT_READ,
    SIM_F_SHRINK,
    SIM_F_DUPLICATE,
    SIM_F_NULL_KEY,
    SIM_F_REVERT,
    SIM_F_HUMAN,
    SIM_F_DRIFT,
    SIM_F_WALL,
    SIM_F_LATE,
    SIM_F_STORED,  /* the failure of an idempotency key */
    SIM_F_DOWN,    /* an hour of 503: all answers, or many */
    SIM_F_ROT,     /* a bit of a file turns over, and the file is brought back after the run */
    SIM_F_TWO,     /* syncs, of one state and one destination */
    SIM_F_RACE,    /* an upsert looks whether the record is there, and makes it a while later */
    SIM_F_RESTORE, /* the state is put back from a backup */
    SIM_F_QUOTA,   /* so many requests a day */
    SIM_F_SWAY,    /* rows go and come back all the time, mostly as they were */
    SIM_F_CRUMBLE, /* what is resumed dies again, once by a kill and once by a power loss */
    SIM_F_FORGET,  /* people ask to be forgotten */
    SIM_FAULTS
};

extern const char *const sim_fault_names[SIM_FAULTS];
extern const char *const sim_class_names[SIM_CLASSES];

struct sim_options {
    uint64_t seed;
    unsigned keys, runs;
    enum sim_class class;
    enum eff_mode mode;
    bool removes, describes, logs_in;
    bool reads; /* keyed: records can be read back */
    unsigned lanes, batch;
    int64_t window_ms;
    int mismatch; /* a key with other values: refused, the first answer again, or taken over */
    bool blind_twice;
    bool backs_up_open; /* with the plan of a run that died */
    bool flaky;         /* what is down answers now and then, and all rows are new to it */
    bool on[SIM_FAULTS];
};

struct sim_key { /* the truth at the source */
    bool there;
    int64_t version; /* what its row says; 0: never was */
    int64_t before;  /* the version before, for reverts */
    bool null_key, twice;
    bool under_way; /* an upsert that was given up, and comes later */
    /* what the engine may know */
    bool absent_read;   /* a complete read had no row for it since it was last written over there */
    int64_t read;       /* version in the last complete read; 0: none */
    bool read_valid;    /* exactly one row in it */
    uint64_t times;     /* creates or appends that were applied */
    int64_t append_max; /* the newest version that was appended */
    int64_t late_at;    /* when what was done last over there had been given up before; 0: not */
    bool asked;         /* to be forgotten: it may be that from now on */
    bool forgotten;     /* the command has ended well */
};

/* The key of a row as text: so long that it lies nowhere by chance. */
#define SIM_KEY_FORMAT "p%05lld@sim"
#define SIM_KEY_END    "@sim"
/* So are these: what a login gives, and the values of a row. */
#define SIM_TOKEN_FORMAT "secret-of-sim-%llu"
#define SIM_TOKEN_START  "secret-of-sim-"
#define SIM_NOTE_FORMAT  "note-of-sim-%lld"
#define SIM_NOTE_START   "note-of-sim-"
#define SIM_KEYS_WORDS   ((SIM_KEYS_MAX + 63) / 64)

bool sim_key_read(eff_str text, int64_t *ret_id);

struct sim_part { /* a sync, and its keys */
    eff_str sync;
    unsigned first, end;
    unsigned null_keys, null_base; /* rows without a key: in the last read, and as usual */
    bool approved;
};

struct sim_record {
    int64_t id; /* match value */
    int64_t score;
    int64_t note;
    int64_t found_from; /* mono ms: the search finds it from then on */
    bool used, human;
    bool ours;
};

struct sim_idem {
    char key[96];
    int64_t at_ms;
    bool failed;
    int64_t score, note; /* of the first row, as it came first */
    int64_t ids[64];
    size_t count;
};

struct sim_flight { /* a request under way */
    bool used;
    uint64_t ticket; /* 0: its process is dead, or nobody waits */
    uint64_t order;
    uint64_t sent; /* which of all requests */
    struct sim_text url, body, idem;
    eff_str method;
    bool rows;
    int64_t apply_at, answer_at; /* INT64_MAX: never */
    bool applied;
    enum eff_wire wire;
    int status;       /* decided before the body: 0 when the model's answer stands */
    int odd;          /* how the answer is changed */
    unsigned part;    /* of 100 rows, how many are applied before it dies */
    int64_t retry_ms; /* -1: no header */
    int retry_form;
    bool cut, daily;
    struct sim_text answer;
    int answer_status;
    bool absent[64];               /* rows whose record was not there when it looked */
    char login[64];                /* its Authorization */
    uint64_t keys[SIM_KEYS_WORDS]; /* of the rows in it */
};

enum sim_death { SIM_ALIVE, SIM_DEATH_KILL, SIM_DEATH_POWER };

struct sim {
    struct sim_options options;
    struct eff_os os;
    struct sim_rand world, faults, engine; /* independent streams */
    int64_t mono, wall_offset;
    int64_t idle_since; /* when the last thing happened that the engine can see */
    struct sim_disk disk;
    struct sim_disk backup; /* of the state's folder */
    bool restored;
    bool put_back; /* just now */
    bool died;     /* the last run */

    /* the life under way */
    jmp_buf life;
    bool alive;
    uint64_t effects; /* since the seed began */
    uint64_t life_effects;
    uint64_t death_at;   /* life_effects at which it dies; 0: never */
    uint64_t death_sync; /* the so manieth fsync is where it dies; 0: death_at says it */
    uint64_t life_syncs, whole_syncs; /* fsyncs of this life, and of the last one that ended well */
    enum sim_death death;
    bool killed; /* the life before was: what it wrote is in the cache, and perhaps nowhere else */
    uint64_t fail_at; /* file call at which the disk fails */
    int fail_errno;
    bool disk_failed;         /* in this life */
    struct sim_inode *rotten; /* a file with a bit turned over, in this life; NULL: none */
    bool rotten_snapshot;     /* it is the one that every run reads */
    uint64_t stop_at;
    bool calm;

    /* the truth */
    struct sim_key keys[SIM_KEYS_MAX];
    struct sim_part parts[2], *part; /* part: whose run is under way, or was the last */
    unsigned forget;                 /* the key that is to be forgotten */
    enum eff_fault forget_fault;
    int64_t version_last;
    struct sim_record records[SIM_RECORDS_MAX];
    size_t records_count;
    size_t foreign_count;
    struct sim_idem *idems;
    size_t idems_count, idems_cap;
    bool note_gone; /* schema drift */
    bool outage;
    int64_t quota_day;
    unsigned quota_used, quota;
    int64_t down_until;    /* mono ms */
    unsigned down_percent; /* of the answers */
    bool truthful;         /* the last complete read told all there is */
    bool read_complete;
    int64_t run_at; /* mono ms: when the run began */
    uint64_t rows_given;
    uint64_t token; /* generation of the valid token */
    unsigned shrink, cut_at;
    int64_t not_before;  /* by Retry-After, for this life */
    uint64_t sent_count; /* requests */
    uint64_t removed_now, present_at_start;
    bool plan_seen; /* O8 was looked at in this life */
    uint64_t possible_duplicates;

    struct sim_flight flights[SIM_FLIGHTS_MAX];
    uint64_t flight_order;
    struct sim_flight *handed; /* its answer was given by the last `next` */
    struct eff_response response;
    struct eff_header headers[4];
    char header_text[4][64];

    /* the project */
    struct eff_arena process, parse;
    struct eff_project project;
    struct eff_sync_conf sync;
    struct eff_source_conf source_conf;
    struct eff_dest_conf dest_conf;
    struct eff_report report;
    unsigned run; /* number of the run under way */

    /* the trace */
    FILE *trace; /* NULL: only its hash */
    uint64_t trace_hash, events;
    bool broken;
    const char *broken_oracle;
    char broken_what[512];
};

extern struct sim *sim; /* the one under way: drivers are opened by a configuration */

/* Something happened: part of the trace. Numbers only, so that it costs little. */
void sim_event(const char *what, const char *name, int64_t a, int64_t b);
/* A line of the trace that is no event: what a reader wants beside them. */
void sim_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* An oracle is broken: the first one counts. */
void sim_break(const char *oracle, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An effect of the engine on the world: the process may die here. */
void sim_effect(const char *what, const char *name, int64_t a, int64_t b);
/* True when this file call is the one that fails: errno is the code. */
bool sim_disk_fails(int *ret_errno);
__attribute__((noreturn)) void sim_die(void);

/* Rows of this class that are sent once more are made once more. */
static inline bool
sim_makes_anew(void)
{
    return sim->options.class != SIM_CONVERGE;
}

/* sim.c */
/* What is taken away from a seed's own options. */
struct sim_less {
    bool off[SIM_FAULTS];
    unsigned keys, runs; /* at most; 0: as the seed says */
};

/* True when it ended well. ret_hash: of the whole trace; trace NULL: it goes nowhere else. */
bool sim_seed(uint64_t seed, const struct sim_less *less, FILE *trace, uint64_t *ret_hash);

/* source.c */
extern const struct eff_source_ops sim_source_ops;
void sim_source_live(void);           /* the warehouse moves on between runs */
int64_t sim_note_of(int64_t version); /* 0: NULL */

/* dest.c */
void sim_dest_kinds(void); /* once: compiles the connectors */
void sim_dest_open(struct eff_arena *arena);
void sim_dest_arrive(struct sim_flight *flight);
void sim_dest_apply(struct sim_flight *flight);
void sim_dest_live(void);           /* people over there */
bool sim_poisoned(int64_t version); /* a row that has it is refused now */
void sim_dest_under_way(void);      /* tells the keys so */
struct sim_record *sim_record_find(int64_t id);
size_t sim_record_count(int64_t id);

/* net.c */
void sim_net_init(struct eff_os *os);
void sim_net_death(void);           /* nobody waits any more; what is on its way still arrives */
void sim_net_settle(int64_t until); /* time passes between lives */

/* oracle.c */
void sim_oracle_start(void);
void sim_oracle_submit(struct sim_flight *flight, const struct eff_request *request);
void sim_oracle_answered(const struct sim_flight *flight, const struct eff_response *response);
void sim_oracle_removed(int64_t id, bool was_there);
void sim_oracle_written(int64_t id);
void sim_oracle_run(bool died, size_t leaked);
bool sim_oracle_converged(char *ret_why, size_t size);

/* kept.c, between lives */
void sim_kept_files(void);
void sim_kept_report(const struct eff_report *report);
/* ret_keys: those with a line of their own. */
void sim_kept_ledger(const struct eff_report *report, uint64_t ret_keys[SIM_KEYS_WORDS]);

static inline bool
sim_kept_has(const uint64_t keys[SIM_KEYS_WORDS], int64_t id)
{
    return keys[id / 64] >> id % 64 & 1;
}

#endif
