/*
 * sandbox/key: the private key of test-user, for logins that are signed.
 *
 * Made when it is first asked for, one for all stand-ins of the process; GET /_sandbox/key
 * gives it to whoever wants to log in.
 */
#include <pthread.h>
#include <string.h>

#include "base/sign.h"
#include "sandbox/world.h"

#define KEY_MEMORY ((size_t)1 << 20)

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static char key_pem[8192];

static void
key_make(void)
{
    struct eff_arena arena;
    eff_str pem;

    eff_arena_init(&arena, "key", KEY_MEMORY);
    pem = eff_rsa_new(&arena);
    if (pem.len < sizeof key_pem)
        memcpy(key_pem, pem.ptr, pem.len);
    eff_arena_deinit(&arena);
}

eff_str
eff_sandbox_key(void)
{
    pthread_once(&key_once, key_make);
    return eff_str_of(key_pem);
}
