/*
 * os/watch: an ear for a request to stop beside a driver that only waits.
 */
#include "os/watch.h"

#include <signal.h>
#include <time.h>

#define WATCH_EVERY_NS 200000000

static struct timespec
watch_next(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += WATCH_EVERY_NS;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

/* Again and again: an interrupt that came between two calls of the driver was for neither. */
static void *
watch_run(void *user)
{
    struct eff_watch *watch = user;

    pthread_mutex_lock(&watch->mutex);
    while (!watch->ending) {
        struct timespec until = watch_next();

        pthread_cond_timedwait(&watch->ended, &watch->mutex, &until);
        if (!watch->ending && !watch->go_on(watch->user))
            watch->interrupt(watch->self);
    }
    pthread_mutex_unlock(&watch->mutex);
    return NULL;
}

void
eff_watch_start(struct eff_watch *watch, bool (*go_on)(void *user), void *user,
                void (*interrupt)(void *self), void *self)
{
    pthread_condattr_t by;
    sigset_t all, before;

    *watch = (struct eff_watch){.go_on = go_on, .user = user, .interrupt = interrupt, .self = self};
    pthread_mutex_init(&watch->mutex, NULL);
    pthread_condattr_init(&by);
    pthread_condattr_setclock(&by, CLOCK_MONOTONIC); // a day's clock may be set back
    pthread_cond_init(&watch->ended, &by);
    pthread_condattr_destroy(&by);
    sigfillset(&all); // signals are for the main thread
    pthread_sigmask(SIG_SETMASK, &all, &before);
    watch->started = pthread_create(&watch->thread, NULL, watch_run, watch) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void
eff_watch_end(struct eff_watch *watch)
{
    if (!watch->started)
        return;
    pthread_mutex_lock(&watch->mutex);
    watch->ending = true;
    pthread_cond_signal(&watch->ended);
    pthread_mutex_unlock(&watch->mutex);
    pthread_join(watch->thread, NULL);
    pthread_cond_destroy(&watch->ended);
    pthread_mutex_destroy(&watch->mutex);
    watch->started = false;
}
