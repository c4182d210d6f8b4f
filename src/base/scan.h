/*
 * base/scan: JSON of any size in one pass, keeping only what is asked for.
 *
 * The text comes through a window of 256 KiB; the caller walks into the objects and arrays
 * that matter and skips the rest, so that memory depends on what is kept and not on the
 * document. What is walked into is checked as JSON; what is skipped is checked for its
 * brackets and strings only, and never looked into.
 *
 * A fault is EFF_CONFIG: the document is not JSON, or ends in the middle; the message names
 * the byte. After a fault the scanner is only good to be closed.
 */
#ifndef EFF_BASE_SCAN_H
#define EFF_BASE_SCAN_H

#include "base/json.h"

struct eff_scan {
    /* Up to cap bytes to ptr; *ret_len 0 only at the end. */
    enum eff_fault (*fill)(void *self, char *ptr, size_t cap, size_t *ret_len, struct eff_err *err);
    void *self;

    char *window;
    const char *at, *end;
    uint64_t passed; /* bytes before the window */
    bool keeping;    /* bytes from `from` on are wanted */
    const char *from;
    struct eff_buf kept;
    unsigned depth;      /* objects and arrays walked into */
    uint64_t some_below; /* a bit per level: a member was there already */
};

void eff_scan_open(struct eff_scan *scan,
                   enum eff_fault (*fill)(void *self, char *ptr, size_t cap, size_t *ret_len,
                                          struct eff_err *err),
                   void *self);
void eff_scan_close(struct eff_scan *scan);

/* Walks into the object or array that comes next; *ret_there false: null, which is passed. */
enum eff_fault eff_scan_object(struct eff_scan *scan, bool *ret_there, struct eff_err *err);
enum eff_fault eff_scan_array(struct eff_scan *scan, bool *ret_there, struct eff_err *err);
/*
 * The next key of the object walked into, or *ret_more false behind its last member. A key
 * stands until the next call; one with an escape in it is given as it is written.
 */
enum eff_fault eff_scan_key(struct eff_scan *scan, eff_str *ret_key, bool *ret_more,
                            struct eff_err *err);
/* The same for an array: what comes next is its next value. */
enum eff_fault eff_scan_item(struct eff_scan *scan, bool *ret_more, struct eff_err *err);
/* Passes one value. */
enum eff_fault eff_scan_skip(struct eff_scan *scan, struct eff_err *err);
/* One value, parsed into the arena; refused when its text has more than bytes_max bytes. */
enum eff_fault eff_scan_value(struct eff_scan *scan, size_t bytes_max, struct eff_arena *arena,
                              const struct eff_json **ret_value, struct eff_err *err);
/* Nothing but blanks may follow. */
enum eff_fault eff_scan_end(struct eff_scan *scan, struct eff_err *err);

#endif
