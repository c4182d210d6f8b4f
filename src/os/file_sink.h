/*
 * os/file_sink: carries out file requests: bytes at an offset, and a name at the end.
 *
 * The same request may come any number of times, before and after a crash, and
 * leaves the same file. Answers: 200 (`rows` is the size), 400 for what will not
 * get better (bytes before the offset are missing, the file is finished already),
 * 503 for what may (disk full). A file is for its owner only (0600): it holds
 * people's data.
 */
#ifndef EFF_OS_FILE_SINK_H
#define EFF_OS_FILE_SINK_H

#include "base/err.h"
#include "flow/request.h"

struct eff_file_sink {
    struct eff_response response;
    char problem[sizeof((struct eff_err){0}.msg)];
};

const struct eff_response *eff_file_sink_execute(struct eff_file_sink *sink,
                                                 const struct eff_file_request *request);

#endif
