/*
 * lib/certs: certificates, good and bad, as PEM files for a test's server.
 */
#ifndef EFF_TEST_CERTS_H
#define EFF_TEST_CERTS_H

#include <stdbool.h>

struct certs_config {
    const char *name;          /* CN */
    const char *alt;           /* subjectAltName: "DNS:localhost,IP:127.0.0.1"; NULL: none */
    const char *usage;         /* extendedKeyUsage; NULL: serverAuth */
    long from_days, till_days; /* validity from now; both 0: -1 .. 30 */
    int rsa_bits;              /* 0: an EC key */
    bool ca;                   /* may sign others */
    bool sha1;                 /* signed with SHA-1 */
};

struct certs; /* a key with its certificate */

/* signer NULL: self-signed. Lives until the process ends. */
struct certs *certs_make(const struct certs_config *config, const struct certs *signer);
/* Writes path.crt and path.key; chain, when not NULL, follows in the .crt. */
void certs_write(const struct certs *certs, const struct certs *chain, const char *path);

#endif
