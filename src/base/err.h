/*
 * base/err: who must act, and was it applied.
 *
 * A fault says who must act; an outcome says what happened to one record. The
 * message is written where the fault is found, and reported once, by run,
 * serve or cli. Everything below them is silent.
 */
#ifndef EFF_BASE_ERR_H
#define EFF_BASE_ERR_H

#include "base/str.h"

enum eff_fault {
    EFF_OK = 0,
    EFF_CONFIG,    /* a file of ours must change; retrying cannot help */
    EFF_AUTH,      /* credential refused: refresh once, then stop and say so */
    EFF_RATE,      /* throttled: same batch, later; not counted as a failure */
    EFF_LIMIT,     /* quota gone until it resets: pause the sync */
    EFF_CONTRACT,  /* the other side's schema changed: stop the column, not the rows */
    EFF_ROW,       /* this record is refused on its own merits */
    EFF_TRANSIENT, /* try again with jitter */
    EFF_BROKEN,    /* local damage: disk full, state unreadable, a bug */
};

enum eff_outcome {
    EFF_PENDING = 0,   /* no attempt has finished */
    EFF_APPLIED,       /* the destination confirmed this record */
    EFF_TAKEN,         /* accepted for processing; no answer per record will ever come */
    EFF_NOT_APPLIED,   /* certainly not applied; safe to send again */
    EFF_MAYBE_APPLIED, /* the answer was lost; resend only what is idempotent */
    EFF_REFUSED,       /* will never be accepted as it is */
};

struct eff_err { /* on the caller's stack; no allocation, no global state */
    enum eff_fault fault;
    int code;         /* HTTP status, errno, ...: 0 when there is none */
    const char *file; /* where in our source the fault was found */
    int line;
    char where[160]; /* "syncs/contacts.yml:7:3" when a file of the user's is to blame, else "" */
    char msg[512];   /* one line, lower case, no full stop: what happened */
    char hint[256];  /* a sentence: what to do next */
};

/* Sets fault and message (cut to fit, control bytes made visible) and evaluates to the fault. */
#define EFF_FAIL(err, fault, ...) eff_err_set((err), (fault), __FILE__, __LINE__, __VA_ARGS__)
#define EFF_TRY(expr)                                                                              \
    do {                                                                                           \
        enum eff_fault eff_try_fault_ = (expr);                                                    \
        if (eff_try_fault_ != EFF_OK)                                                              \
            return eff_try_fault_;                                                                 \
    } while (0)

enum eff_fault eff_err_set(struct eff_err *err, enum eff_fault fault, const char *file, int line,
                           const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Adds the next step for the user; returns err->fault, so that it can end a return statement. */
enum eff_fault eff_err_hint(struct eff_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Appends " while <what>": once, at a boundary the user knows. */
enum eff_fault eff_err_while(struct eff_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
enum eff_fault eff_err_where(struct eff_err *err, eff_str file, int line, int column);

/*
 * The static analyser sees one file at a time: this tells it that none of these
 * returns EFF_OK, or it would follow each error path as if nothing had happened.
 */
#if defined(__clang_analyzer__) && !defined(EFF_ERR_ITSELF)
static inline enum eff_fault
eff_err_known(enum eff_fault fault)
{
    if (fault == EFF_OK)
        __builtin_unreachable();
    return fault;
}
#define eff_err_set(...)   eff_err_known(eff_err_set(__VA_ARGS__))
#define eff_err_hint(...)  eff_err_known(eff_err_hint(__VA_ARGS__))
#define eff_err_while(...) eff_err_known(eff_err_while(__VA_ARGS__))
#define eff_err_where(...) eff_err_known(eff_err_where(__VA_ARGS__))
#endif

const char *eff_fault_name(enum eff_fault fault);       /* "config", "auth", ... */
const char *eff_outcome_name(enum eff_outcome outcome); /* "applied", ... */

#endif
