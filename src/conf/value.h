/*
 * conf/value: the kinds of option values, each read from one YAML node.
 *
 * Used by conf/option, and by code that reads an EFF_OPT_NODE itself.
 */
#ifndef EFF_CONF_VALUE_H
#define EFF_CONF_VALUE_H

#include "conf/option.h"

/* Reads node by the row into *ret (a field of a config struct); adds problems when it cannot. */
bool eff_option_read(const struct eff_option *option, const struct eff_node *node, void *ret,
                     struct eff_problems *problems);
/* The row's fallback, read the same way. place is what a wrong fallback would be blamed on. */
bool eff_option_default(const struct eff_option *option, struct eff_place place, void *ret,
                        struct eff_problems *problems);
/* Choices of an ENUM, split at "|". */
size_t eff_option_choices(struct eff_arena *arena, const char *choices, eff_str **ret_names);

/* As much of it as a message needs, ending on a character. */
static inline eff_str
eff_value_shown(eff_str s)
{
    return eff_str_sub(s, 0, eff_utf8_prefix(s, 80));
}

#endif
