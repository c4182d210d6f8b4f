/*
 * dest/refuse: what a destination cannot do, told in one form for all kinds.
 */
#include "base/buf.h"
#include "dest/dest.h"

/* A mirror's records go: to leave them, or their fields, is no choice there. */
enum eff_fault
eff_dest_removed_hint(enum eff_mode mode, const bool can[EFF_REMOVED_DELETE + 1],
                      struct eff_err *err)
{
    int least = mode == EFF_MODE_MIRROR ? EFF_REMOVED_ARCHIVE : EFF_REMOVED_KEEP;
    struct eff_buf list = {0};

    for (int removed = least; removed <= EFF_REMOVED_DELETE; removed++)
        if (can[removed])
            eff_buf_addf(&list, "%s%s", list.len ? ", " : "", eff_removed_names[removed]);
    if (list.len > 0)
        eff_err_hint(err, "With mode %s it can do on_removed: " EFF_STR_FMT ".",
                     eff_mode_names[mode], EFF_STR_ARG(eff_buf_str(&list)));
    else
        eff_err_hint(err, "It cannot do mode %s.", eff_mode_names[mode]);
    eff_buf_free(&list);
    return err->fault;
}
