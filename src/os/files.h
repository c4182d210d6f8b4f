/*
 * os/files: the file half of the real world, for os/real and os/file_sink.
 */
#ifndef EFF_OS_FILES_H
#define EFF_OS_FILES_H

#include "os/os.h"

/* Fills the file members of the table. */
void eff_files_fill(struct eff_os *os);
/* The name of a network file system by statfs's magic, where locks cannot be relied on; or NULL. */
const char *eff_files_network_name(uint64_t magic);
/* EFF_BROKEN with errno's text and, for a full disk, what to do. */
enum eff_fault eff_files_fail(struct eff_err *err, int code, const char *what, const char *path);

#endif
