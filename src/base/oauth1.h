/*
 * base/oauth1: requests signed by OAuth 1.0 (RFC 5849) with HMAC-SHA256.
 *
 * The address is signed exactly as it is sent; parameters are those of the query, of a form that
 * is the body, and OAuth's own.
 */
#ifndef EFF_BASE_OAUTH1_H
#define EFF_BASE_OAUTH1_H

#include "base/arena.h"
#include "base/str.h"

struct eff_oauth1 {
    eff_str realm; /* ptr == NULL: none */
    eff_str consumer_key, consumer_secret;
    eff_str token, token_secret; /* "" for a request that no user stands behind */
};

struct eff_oauth1_param {
    eff_str name, value; /* decoded */
};

/* What is signed, besides OAuth's own parameters. */
struct eff_oauth1_request {
    eff_str method; /* upper case */
    eff_str url;    /* absolute, percent-encoded as sent */
    eff_str form;   /* a body of application/x-www-form-urlencoded, or EFF_STR_NONE */
};

/* The signature base string. ptr == NULL: the address cannot be read, or has a bad escape. */
eff_str eff_oauth1_base(const struct eff_oauth1_request *request, size_t count,
                        const struct eff_oauth1_param *params, struct eff_arena *arena);
/* In base64. */
eff_str eff_oauth1_sign(eff_str base, eff_str consumer_secret, eff_str token_secret,
                        struct eff_arena *arena);
/* The value of the Authorization header; ptr == NULL as above. timestamp: seconds since 1970. */
eff_str eff_oauth1_header(const struct eff_oauth1 *oauth1, const struct eff_oauth1_request *request,
                          int64_t timestamp, eff_str nonce, struct eff_arena *arena);

#endif
