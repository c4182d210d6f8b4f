/*
 * flow/delivery: the names of operations.
 */
#include "flow/delivery.h"

static const char *const delivery_op_names[EFF_OPS_COUNT] = {
    [EFF_OP_NONE] = "none",     [EFF_OP_UPSERT] = "upsert", [EFF_OP_CREATE] = "create",
    [EFF_OP_UPDATE] = "update", [EFF_OP_CLEAR] = "clear",   [EFF_OP_ARCHIVE] = "archive",
    [EFF_OP_DELETE] = "delete", [EFF_OP_APPEND] = "append", [EFF_OP_ADD] = "add",
    [EFF_OP_REMOVE] = "remove",
};

const char *
eff_op_name(enum eff_op op)
{
    return (unsigned)op < EFF_OPS_COUNT ? delivery_op_names[op] : "unknown";
}

bool
eff_op_from_name(eff_str name, enum eff_op *ret_op)
{
    for (unsigned op = 0; op < EFF_OPS_COUNT; op++) {
        if (eff_str_is(name, delivery_op_names[op])) {
            *ret_op = (enum eff_op)op;
            return true;
        }
    }
    return false;
}

bool
eff_op_removes(enum eff_op op)
{
    return op == EFF_OP_CLEAR || op == EFF_OP_ARCHIVE || op == EFF_OP_DELETE || op == EFF_OP_REMOVE;
}
