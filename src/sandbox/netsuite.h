/*
 * sandbox/netsuite: what the files of the stand-in for NetSuite's REST services share.
 *
 *     netsuite.c         errors, records by id and external id, the routes
 *     netsuite_auth.c    signed requests (OAuth 1.0a), tokens by a signed JWT
 *     netsuite_query.c   the catalogue of metadata, lists, SuiteQL
 */
#ifndef EFF_SANDBOX_NETSUITE_H
#define EFF_SANDBOX_NETSUITE_H

#include "sandbox/bag.h"

#define EFF_NS_REST    "/services/rest"
#define EFF_NS_ACCOUNT "test-account"

/* ---- netsuite.c ---- */

/* where: {"o:errorPath": ...} or EFF_STR_NONE. */
void eff_ns_error(struct eff_call *call, int status, const char *code, eff_str path,
                  eff_str message);
/* The shape of args[0]; NULL: answered. */
struct eff_shape *eff_ns_shape(struct eff_call *call);
/* http://127.0.0.1:port/services/rest/... */
eff_str eff_ns_address(struct eff_call *call, eff_str path);
/* "links": [{"rel": "self", "href": ...}] */
void eff_ns_write_links(struct eff_json_writer *w, eff_str href);

/* ---- netsuite_auth.c ---- */

struct eff_ns_state {
    size_t nonces;
    char used[256][72]; /* the latest; one is taken once */
};

bool eff_ns_authorize(struct eff_call *call);
void eff_ns_token(struct eff_call *call);

/* ---- netsuite_query.c ---- */

void eff_ns_catalog(struct eff_call *call);
void eff_ns_catalog_type(struct eff_call *call);
void eff_ns_list(struct eff_call *call);
void eff_ns_suiteql(struct eff_call *call);

#endif
