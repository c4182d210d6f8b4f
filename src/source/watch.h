/*
 * source/watch: an ear for a request to stop beside a driver that has no call which waits
 * only so long. Private to source/.
 *
 * A thread of its own looks now and then whether the user asked to stop, and calls the
 * driver's interrupt then, which must be allowed from another thread. It touches nothing else.
 */
#ifndef EFF_SOURCE_WATCH_H
#define EFF_SOURCE_WATCH_H

#include <pthread.h>

#include "os/os.h"

struct eff_watch { /* zeroed: not started */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    bool started, ending;
    struct eff_os *os;
    void (*interrupt)(void *self);
    void *self;
};

/* Without a thread, should there be none, a stop is heard between the driver's calls only. */
void eff_watch_start(struct eff_watch *watch, struct eff_os *os, void (*interrupt)(void *self),
                     void *self);
void eff_watch_end(struct eff_watch *watch); /* before what it interrupts is closed */

#endif
