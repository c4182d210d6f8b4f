/*
 * lib/cryptofail: the n-th allocation of OpenSSL fails.
 *
 * cryptofail_init comes first in main(), before OpenSSL has allocated anything.
 */
#ifndef EFF_TEST_LIB_CRYPTOFAIL_H
#define EFF_TEST_LIB_CRYPTOFAIL_H

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>

static size_t cryptofail_left; /* allocations up to the one that fails; 0: none does */
static bool cryptofail_done;

static inline bool
cryptofail_now(void)
{
    if (cryptofail_left == 0 || --cryptofail_left > 0)
        return false;
    cryptofail_done = true;
    return true;
}

static inline void *
cryptofail_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return cryptofail_now() ? NULL : malloc(size);
}

static inline void *
cryptofail_realloc(void *ptr, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return cryptofail_now() ? NULL : realloc(ptr, size);
}

static inline void
cryptofail_free(void *ptr, const char *file, int line)
{
    (void)file;
    (void)line;
    free(ptr);
}

static inline bool
cryptofail_init(void)
{
    return CRYPTO_set_mem_functions(cryptofail_malloc, cryptofail_realloc, cryptofail_free) == 1;
}

static inline void
cryptofail_at(size_t nth)
{
    cryptofail_left = nth;
    cryptofail_done = false;
}

/* From now on none fails; whether one did. */
static inline bool
cryptofail_end(void)
{
    cryptofail_left = 0;
    return cryptofail_done;
}

#endif
