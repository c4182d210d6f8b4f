/*
 * flow/lookup: where ${NAME} and ${secret:NAME} come from.
 *
 * conf asks, os/secret answers; tests answer from a table. Values live as long
 * as the lookup itself.
 */
#ifndef EFF_FLOW_LOOKUP_H
#define EFF_FLOW_LOOKUP_H

#include "base/err.h"
#include "base/str.h"

struct eff_lookup {
    void *self;
    bool (*env)(void *self, eff_str name, eff_str *ret_value);
    /* systemd's credentials folder, then the `secrets:` file (0600 or stricter), then environment. */
    enum eff_fault (*secret)(void *self, eff_str name, eff_str *ret_value, struct eff_err *err);
    /* Reads that file; path is absolute. May be called once, before the first secret. */
    enum eff_fault (*secrets_file)(void *self, eff_str path, struct eff_err *err);
};

#endif
