/*
 * os/file_sink: carries out file requests: bytes at an offset, and a name at the end.
 */
#include "os/file_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "os/moment.h"

#define SINK_PATH_MAX 4096

struct sink_paths {
    char final[SINK_PATH_MAX];
    char part[SINK_PATH_MAX + 8];
    char folder[SINK_PATH_MAX];
};

static bool
sink_refuse(struct eff_file_sink *sink, int status, const char *path, const char *what)
{
    char raw[SINK_PATH_MAX + 256];

    snprintf(raw, sizeof(raw), "%s: %s", path, what);
    eff_str_print_to(sink->problem, sizeof(sink->problem), eff_str_of(raw));
    sink->response = (struct eff_response){
        .wire = EFF_WIRE_ANSWERED, .status = status, .problem = eff_str_of(sink->problem)};
    return false;
}

static bool
sink_errno(struct eff_file_sink *sink, const char *path, const char *verb)
{
    int code = errno;
    bool passing = code == ENOSPC || code == EDQUOT || code == EFBIG || code == EIO ||
                   code == EMFILE || code == ENFILE || code == ENOMEM;
    char what[128];

    snprintf(what, sizeof(what), "cannot %s: %s", verb, strerrordesc_np(code));
    return sink_refuse(sink, passing ? 503 : 400, path, what);
}

static bool
sink_paths(struct eff_file_sink *sink, eff_str path, struct sink_paths *ret_paths)
{
    const char *slash;

    if (path.len == 0 || path.len >= SINK_PATH_MAX || memchr(path.ptr, '\0', path.len) != NULL)
        return sink_refuse(sink, 400, "the file", "the path is empty or too long");
    memcpy(ret_paths->final, path.ptr, path.len);
    ret_paths->final[path.len] = '\0';
    snprintf(ret_paths->part, sizeof(ret_paths->part), "%s.part", ret_paths->final);
    slash = strrchr(ret_paths->final, '/');
    if (slash == NULL)
        snprintf(ret_paths->folder, sizeof(ret_paths->folder), ".");
    else
        snprintf(ret_paths->folder, sizeof(ret_paths->folder), "%.*s",
                 slash == ret_paths->final ? 1 : (int)(slash - ret_paths->final), ret_paths->final);
    return true;
}

/* -1: errno; -2: it is not there. */
static int64_t
sink_size(const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0)
        return st.st_size;
    return errno == ENOENT ? -2 : -1;
}

static bool
sink_sync_folder(struct eff_file_sink *sink, const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;

    if (!good)
        sink_errno(sink, folder, "fsync the folder");
    if (fd >= 0)
        close(fd);
    return good;
}

/* The last folder is made when it is missing; those above it are not. */
static bool
sink_make_folder(struct eff_file_sink *sink, const struct sink_paths *paths)
{
    char above[SINK_PATH_MAX + 4];

    if (mkdir(paths->folder, 0700) != 0)
        return errno == EEXIST || sink_errno(sink, paths->folder, "make the folder");
    snprintf(above, sizeof(above), "%s/..", paths->folder);
    return sink_sync_folder(sink, above);
}

static bool
sink_put(struct eff_file_sink *sink, int fd, const struct sink_paths *paths,
         const struct eff_file_request *request)
{
    uint64_t end = request->offset + request->bytes.len;
    size_t done = 0;

    while (done < request->bytes.len) {
        ssize_t n = pwrite(fd, request->bytes.ptr + done, request->bytes.len - done,
                           (off_t)(request->offset + done));

        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            return sink_errno(sink, paths->part, "write");
    }
    if (ftruncate(fd, (off_t)end) != 0)
        return sink_errno(sink, paths->part, "cut");
    EFF_CRASH_AT("file.written");
    if (fsync(fd) != 0)
        return sink_errno(sink, paths->part, "fsync");
    EFF_CRASH_AT("file.fsynced");
    sink->response.rows = end;
    return true;
}

/* New bytes go behind all that was acknowledged; a hole would be rows that are gone. */
static bool
sink_write(struct eff_file_sink *sink, const struct sink_paths *paths,
           const struct eff_file_request *request)
{
    int64_t size = sink_size(paths->part);
    bool good;
    int fd;

    if (size == -1)
        return sink_errno(sink, paths->part, "look at");
    if (sink_size(paths->final) != -2)
        return sink_refuse(sink, 400, paths->final, "is finished already");
    if (request->offset > (uint64_t)(size < 0 ? 0 : size))
        return sink_refuse(sink, 400, paths->part, "is shorter than what was written to it");
    if (request->offset > INT64_MAX - request->bytes.len)
        return sink_refuse(sink, 400, paths->part, "would be too large");
    if (size < 0 && !sink_make_folder(sink, paths))
        return false;
    fd = open(paths->part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    if (fd < 0)
        return sink_errno(sink, paths->part, "open");
    good = sink_put(sink, fd, paths, request);
    close(fd);
    return good && (size >= 0 || sink_sync_folder(sink, paths->folder));
}

/* Never over a file that is there. */
static bool
sink_rename(struct eff_file_sink *sink, const struct sink_paths *paths)
{
    if (renameat2(AT_FDCWD, paths->part, AT_FDCWD, paths->final, RENAME_NOREPLACE) == 0)
        return true;
    if (errno == EEXIST)
        return sink_refuse(sink, 400, paths->final, "is there already");
    if (errno != EINVAL && errno != ENOSYS)
        return sink_errno(sink, paths->final, "rename to");
    // A file system without that flag.
    if (sink_size(paths->final) != -2)
        return sink_refuse(sink, 400, paths->final, "is there already");
    return rename(paths->part, paths->final) == 0 || sink_errno(sink, paths->final, "rename to");
}

static bool
sink_close_part(struct eff_file_sink *sink, const struct sink_paths *paths, int64_t size,
                const struct eff_file_request *request)
{
    int fd = open(paths->part, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    bool good;

    if (fd < 0)
        return sink_errno(sink, paths->part, "open");
    good = (request->offset == UINT64_MAX || (int64_t)request->offset == size ||
            ftruncate(fd, (off_t)request->offset) == 0) &&
           fsync(fd) == 0;
    if (!good)
        sink_errno(sink, paths->part, "fsync");
    close(fd);
    return good;
}

static bool
sink_finish(struct eff_file_sink *sink, const struct sink_paths *paths,
            const struct eff_file_request *request)
{
    int64_t size = sink_size(paths->part), done = sink_size(paths->final);
    uint64_t wanted = request->offset;

    if (size == -1 || done == -1)
        return sink_errno(sink, paths->part, "look at");
    if (size < 0) { // finished by an earlier try, or nothing was ever written
        if (wanted != UINT64_MAX && wanted != (uint64_t)(done < 0 ? 0 : done))
            return sink_refuse(sink, 400, paths->final, "has not the size that was written");
        sink->response.rows = (size_t)(done < 0 ? 0 : done);
        return done < 0 || sink_sync_folder(sink, paths->folder);
    }
    if (wanted != UINT64_MAX && wanted > (uint64_t)size)
        return sink_refuse(sink, 400, paths->part, "is shorter than what was written to it");
    if (!sink_close_part(sink, paths, size, request))
        return false;
    EFF_CRASH_AT("file.before_rename");
    if (!sink_rename(sink, paths))
        return false;
    EFF_CRASH_AT("file.named");
    sink->response.rows = (size_t)(wanted == UINT64_MAX ? (uint64_t)size : wanted);
    return sink_sync_folder(sink, paths->folder);
}

static bool
sink_look(struct eff_file_sink *sink, const struct sink_paths *paths)
{
    int64_t size = sink_size(paths->part);

    if (size == -1)
        return sink_errno(sink, paths->part, "look at");
    if (size < 0 && sink_size(paths->final) != -2)
        return sink_refuse(sink, 400, paths->final, "is finished already");
    sink->response.rows = (size_t)(size < 0 ? 0 : size);
    return true;
}

const struct eff_response *
eff_file_sink_execute(struct eff_file_sink *sink, const struct eff_file_request *request)
{
    int64_t began_ms = eff_moment_mono_ms();
    struct sink_paths paths;

    sink->response = (struct eff_response){.wire = EFF_WIRE_ANSWERED, .status = 200};
    if (sink_paths(sink, request->path, &paths)) {
        if (request->finish)
            sink_finish(sink, &paths, request);
        else if (request->bytes.len > 0)
            sink_write(sink, &paths, request);
        else
            sink_look(sink, &paths);
    }
    sink->response.took_ms = eff_moment_mono_ms() - began_ms;
    sink->response.now_wall_ms = eff_moment_wall_ms();
    return &sink->response;
}
