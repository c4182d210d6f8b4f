/*
 * base/sigv4: AWS Signature Version 4 of an HTTP request, as S3 and S3-compatible stores want it.
 *
 * The path is signed as it stands in the URL (S3 does not encode it twice), and so is the
 * query: both must be percent-encoded already, all but letters, digits and -._~ (and the
 * slashes of a path). Source: docs.aws.amazon.com/AmazonS3/latest/API, "Authenticating
 * Requests: Using the Authorization Header".
 */
#ifndef EFF_BASE_SIGV4_H
#define EFF_BASE_SIGV4_H

#include "base/arena.h"
#include "base/str.h"

/* Whose signature, and what for. */
struct eff_sigv4 {
    eff_str access_key, secret;
    eff_str token; /* of temporary credentials; len == 0: none */
    eff_str region, service;
};

/* Values of the headers X-Amz-Date, X-Amz-Content-Sha256 and Authorization. */
struct eff_sigv4_headers {
    eff_str date, content, authorization;
};

/* Host, date, content and token are signed; the store takes it for 15 minutes around wall_ms. */
struct eff_sigv4_headers eff_sigv4_sign(const struct eff_sigv4 *sign, eff_str method, eff_str url,
                                        eff_str body, int64_t wall_ms, struct eff_arena *arena);
/* Percent-encodes all but letters, digits, -._~ and, where slashes stay, slashes. */
eff_str eff_sigv4_encode(struct eff_arena *arena, eff_str text, bool slashes_stay);

#endif
