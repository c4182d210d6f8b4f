/*
 * cli/main: the program; the one file that sees both the command line and the sandbox.
 */
#include "base/crash.h"
#include "cli/cli.h"
#include "sandbox/sandbox.h"

static enum eff_fault
main_sandbox(const struct eff_cli_sandbox *request, struct eff_err *err)
{
    const struct eff_sandbox_config config = {
        .vendors_count = request->vendors_count,
        .vendors = request->vendors,
        .port = request->port,
        .seed = request->seed,
        .faults = request->faults,
        .data = request->data,
        .out = request->out,
    };

    return eff_sandbox_run(&config, err);
}

int
main(int argc, char **argv)
{
    static const struct eff_cli_hooks hooks = {main_sandbox, eff_sandbox_vendor};

    eff_crash_list();
    return eff_cli_main(argc, argv, &hooks);
}
