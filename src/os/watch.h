/*
 * os/watch: an ear for a request to stop beside a driver that has no call which waits
 * only so long.
 *
 * A thread of its own looks now and then whether the user asked to stop, or time is over, and calls
 * the driver's interrupt then, which must be allowed from another thread. It touches nothing else.
 */
#ifndef EFF_OS_WATCH_H
#define EFF_OS_WATCH_H

#include <pthread.h>
#include <stdbool.h>

struct eff_watch { /* zeroed: not started */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    bool started, ending;
    bool (*go_on)(void *user);
    void *user;
    void (*interrupt)(void *self);
    void *self;
};

/*
 * interrupt is called every 200 ms from when go_on is false. Without a thread, should there be
 * none, a stop is heard between the driver's calls only.
 */
void eff_watch_start(struct eff_watch *watch, bool (*go_on)(void *user), void *user,
                     void (*interrupt)(void *self), void *self);
/* Before what it interrupts is closed: nothing is interrupted any more when it returns. */
void eff_watch_end(struct eff_watch *watch);

#endif
