/*
 * flow/ear: who is told of credentials that come to be while something is under way (a session's
 * token, a signed login, a key that was read from a file), so that no text shows them.
 */
#ifndef EFF_FLOW_EAR_H
#define EFF_FLOW_EAR_H

#include "base/str.h"

struct eff_ear {
    void (*hear)(void *self, eff_str secret); /* NULL: nobody listens */
    void *self;
};

static inline void
eff_ear_tell(const struct eff_ear *ear, eff_str secret)
{
    if (ear->hear)
        ear->hear(ear->self, secret);
}

#endif
