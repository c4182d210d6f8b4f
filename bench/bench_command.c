/*
 * bench_command: runs a command and prints what it used: wall, its own CPU, memory.
 *
 * usage: bench_command NAME COMMAND [ARG...]
 *
 * links: base
 *
 * The command's standard output is thrown away, but for a last line that begins
 * with "{" and becomes part of the result. A command that fails fails the bench.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/bench.h"

struct command {
    pid_t pid;
    FILE *out;
};

static struct command
command_start(char **argv)
{
    struct command c;
    int fds[2];

    if (pipe(fds) != 0)
        bench_die("no pipe");
    fflush(stdout);
    c.pid = fork();
    if (c.pid < 0)
        bench_die("no process");
    if (c.pid == 0) {
        dup2(fds[1], 1);
        close(fds[0]);
        close(fds[1]);
        execvp(argv[0], argv);
        perror(argv[0]);
        _exit(127);
    }
    close(fds[1]);
    c.out = fdopen(fds[0], "r");
    return c;
}

/* The members of the last JSON object that the command printed on one line, or "". */
static void
command_read(const struct command *c, char *ret_members, size_t cap)
{
    char line[2048];
    size_t len;

    ret_members[0] = 0;
    while (fgets(line, sizeof(line), c->out)) {
        len = strcspn(line, "\n");
        if (line[0] != '{' || len < 3 || line[len - 1] != '}')
            continue;
        line[len - 1] = 0;
        snprintf(ret_members, cap, ", %s", line + 1);
    }
    fclose(c->out);
}

int
main(int argc, char **argv)
{
    struct rusage usage;
    struct bench_used used;
    struct command c;
    char members[4096];
    double start;
    int status;

    if (argc < 3) {
        fprintf(stderr, "usage: bench_command NAME COMMAND [ARG...]\n");
        return 2;
    }
    start = bench_wall_s();
    c = command_start(argv + 2);
    command_read(&c, members, sizeof(members));
    if (wait4(c.pid, &status, 0, &usage) != c.pid)
        bench_die("%s was lost", argv[2]);
    used = bench_used_of(&usage);
    used.wall = bench_wall_s() - start;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        bench_die("%s ended with %d", argv[2], WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    printf("{\"bench\": \"%s\"", argv[1]);
    bench_print_used(&used);
    printf("%s}\n", members);
    return 0;
}
