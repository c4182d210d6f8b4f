/*
 * os/redact: takes secrets out of a text before it leaves the process.
 *
 * A secret is found as it is and in the forms in which it travels: base64 (at
 * each of the three places it can stand in a longer text, both alphabets),
 * percent-encoded, hex, and escaped as in JSON. Of a URL or a libpq string with
 * a password, the password counts on its own too, and of several lines each one.
 * What "..." follows was cut: there the beginning of a secret is enough. Fewer
 * than four bytes cannot be told from ordinary text and are left.
 */
#ifndef EFF_OS_REDACT_H
#define EFF_OS_REDACT_H

#include "base/arena.h"
#include "base/buf.h"

#define EFF_REDACT_MIN 4

struct eff_redact {
    struct eff_arena *arena;
    size_t count, cap; /* longest first */
    eff_str *needles;
    size_t first[256]; /* per first byte: 1 + index of the first needle, 0: none */
    size_t *next;      /* per needle: the same for the next one of that first byte */
};

void eff_redact_init(struct eff_redact *redact, struct eff_arena *arena, size_t count,
                     const eff_str *secrets);
/* One more, that was handed out or made meanwhile: a session's token, a signed login. */
void eff_redact_learn(struct eff_redact *redact, eff_str secret);
/* Adds the text to buf, each secret as "***". */
void eff_redact_to(const struct eff_redact *redact, struct eff_buf *buf, eff_str text);
/* The text itself when it holds none. */
eff_str eff_redact(const struct eff_redact *redact, struct eff_arena *arena, eff_str text);

#endif
