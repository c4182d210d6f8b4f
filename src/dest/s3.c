/* dest/s3: change records as objects of an S3-compatible store. */
#include "dest/s3.h"

#include <string.h>

#define S3_ROWS_MAX      1000000 /* object_size comes first */
#define S3_CONCURRENCY   2
#define S3_KEY_MAX       1024 /* bytes; AWS' limit of a key */
#define S3_TIMEOUT_MS    300000
#define S3_ANSWER_MAX    ((size_t)4 << 20)
#define S3_PART_SIZE_MIN (5 << 20) /* AWS' limit for all parts but the last */

enum s3_addressing { S3_AUTO = 0, S3_PATH, S3_VIRTUAL };

static const struct eff_option s3_options[] = {
    {"bucket", EFF_OPT_STR, offsetof(struct s3_config, bucket), NULL, 0, 0,
     "The bucket that gets the objects.", EFF_OPT_REQUIRED, NULL},
    {"prefix", EFF_OPT_STR, offsetof(struct s3_config, prefix), "", 0, 0,
     "What each key begins with, as it is: `exports/crm/`.", 0, NULL},
    {"region", EFF_OPT_STR, offsetof(struct s3_config, region), "us-east-1", 0, 0,
     "The bucket's region; stores without regions take any.", 0, NULL},
    {"endpoint", EFF_OPT_URL, offsetof(struct s3_config, endpoint), NULL, 0, 0,
     "Address of a store that is not AWS: scheme, host and port.", 0, NULL},
    {"addressing", EFF_OPT_ENUM, offsetof(struct s3_config, addressing), "auto", 0, 0,
     "Where the bucket stands: in the path, or (virtual) in the host's name. auto: in the path "
     "with an endpoint, or when the bucket has a dot.",
     0, "auto|path|virtual"},
    {"access_key_id", EFF_OPT_STR, offsetof(struct s3_config, access_key_id), NULL, 0, 0,
     "Access key.", EFF_OPT_REQUIRED, NULL},
    {"secret_access_key", EFF_OPT_SECRET, offsetof(struct s3_config, secret_access_key), NULL, 0, 0,
     "Secret of the access key.", EFF_OPT_REQUIRED, NULL},
    {"session_token", EFF_OPT_SECRET, offsetof(struct s3_config, session_token), NULL, 0, 0,
     "Token of temporary credentials.", 0, NULL},
    EFF_RECORDS_OPTIONS(struct s3_config, records),
    {"object_size", EFF_OPT_SIZE, offsetof(struct s3_config, object_size), "8MiB", 1 << 16, 1 << 29,
     "Most bytes of one object; a sync needs some four times as much memory.", 0, NULL},
    {"part_size", EFF_OPT_SIZE, offsetof(struct s3_config, part_size), "8MiB", S3_PART_SIZE_MIN,
     1 << 29, "Objects larger than this are uploaded in parts of this size.", 0, NULL},
};

/* ---- opening ---- */

static bool
s3_visible(eff_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return false;
    return true;
}

static enum eff_fault
s3_check(const struct eff_dest_conf *conf, struct eff_err *err)
{
    const struct s3_config *config = conf->config;
    bool good = config->bucket.len >= 3 && config->bucket.len <= 63;

    for (size_t i = 0; i < config->bucket.len; i++) {
        char c = config->bucket.ptr[i];

        good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || (i > 0 && strchr("._-", c) != NULL && c != 0));
    }
    if (!good)
        return EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" cannot be the name of a bucket",
                        EFF_STR_ARG(config->bucket));
    if (config->region.len == 0 || !s3_visible(config->region) ||
        eff_str_find_char(config->region, '/') != SIZE_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" cannot be a region",
                        EFF_STR_ARG(config->region));
    if (config->access_key_id.len == 0 || config->secret_access_key.len == 0 ||
        !s3_visible(config->access_key_id) || !s3_visible(config->session_token))
        return EFF_FAIL(err, EFF_CONFIG,
                        "the credentials of the destination " EFF_STR_FMT
                        " are empty, or hold a blank or a line break",
                        EFF_STR_ARG(conf->name));
    if (!eff_utf8_valid(config->prefix) || eff_str_starts(config->prefix, EFF_STR("/")))
        return EFF_FAIL(err, EFF_CONFIG, "`prefix` begins with a slash, or is no text");
    return EFF_OK;
}

/* An own host for the bucket may be reached where the endpoint that was named may be. */
static void
s3_host(struct s3_dest *dest, eff_str host)
{
    const struct eff_dest_conf *conf = dest->base.conf;
    eff_str *hosts = eff_new(dest->run, eff_str, conf->hosts_count + 1);

    for (size_t i = 0; i < conf->hosts_count; i++)
        hosts[i] = conf->hosts[i];
    if (conf->hosts_count > 0)
        hosts[conf->hosts_count] = host;
    dest->hosts = hosts;
    dest->hosts_count = conf->hosts_count + (conf->hosts_count > 0);
}

static enum eff_fault
s3_root(struct s3_dest *dest, struct eff_err *err)
{
    const struct s3_config *config = dest->config;
    bool dotted = eff_str_find_char(config->bucket, '.') != SIZE_MAX;
    bool virtual = config->addressing == S3_VIRTUAL ||
                   (config->addressing == S3_AUTO && config->endpoint.len == 0 && !dotted);
    bool china = eff_str_starts(config->region, EFF_STR("cn-"));
    eff_str at = config->endpoint, scheme, host, port;

    if (at.len == 0)
        at = eff_str_printf(dest->run, "https://s3." EFF_STR_FMT ".amazonaws.com%s",
                            EFF_STR_ARG(config->region), china ? ".cn" : "");
    if (eff_str_ends(at, EFF_STR("/")))
        at.len--;
    eff_str_cut(at, ':', &scheme, &host);
    host = eff_str_sub(host, 2, SIZE_MAX); // "//" of the url that was checked
    for (size_t i = 0; i < host.len; i++)
        if (strchr("/?#", host.ptr[i]) != NULL) {
            EFF_FAIL(err, EFF_CONFIG, "`endpoint` has more than a scheme, a host and a port");
            return eff_err_hint(err, "The bucket and what keys begin with have options of their "
                                     "own: bucket, prefix.");
        }
    dest->hosts_count = dest->base.conf->hosts_count;
    dest->hosts = dest->base.conf->hosts;
    if (!virtual) {
        dest->root = eff_str_printf(dest->run, EFF_STR_FMT "/" EFF_STR_FMT, EFF_STR_ARG(at),
                                    EFF_STR_ARG(config->bucket));
        return EFF_OK;
    }
    host = eff_str_printf(dest->run, EFF_STR_FMT "." EFF_STR_FMT, EFF_STR_ARG(config->bucket),
                          EFF_STR_ARG(host));
    dest->root = eff_str_printf(dest->run, EFF_STR_FMT "://" EFF_STR_FMT, EFF_STR_ARG(scheme),
                                EFF_STR_ARG(host));
    eff_str_cut(host, ':', &host, &port);
    s3_host(dest, host);
    return EFF_OK;
}

static enum eff_fault
s3_open(const struct eff_dest_conf *conf, struct eff_arena *run, struct eff_dest **ret_dest,
        struct eff_err *err)
{
    const struct s3_config *config = conf->config;
    struct s3_dest *dest = eff_new(run, struct s3_dest, 1);

    EFF_TRY(s3_check(conf, err));
    dest->base.ops = &eff_dest_s3;
    dest->base.conf = conf;
    dest->base.can_describe = true;
    dest->config = config;
    dest->run = run;
    dest->sign = (struct eff_sigv4){.access_key = config->access_key_id,
                                    .secret = config->secret_access_key,
                                    .token = config->session_token,
                                    .region = config->region,
                                    .service = EFF_STR("s3")};
    EFF_TRY(s3_root(dest, err));
    dest->base.account = eff_str_printf(run, "s3:" EFF_STR_FMT, EFF_STR_ARG(dest->root));
    *ret_dest = &dest->base;
    return EFF_OK;
}

static enum eff_fault
s3_bind(struct eff_dest *base, const struct eff_dest_sync *sync,
        struct eff_op_limits limits[EFF_OPS_COUNT], struct eff_err *err)
{
    struct s3_dest *dest = (struct s3_dest *)base;
    struct eff_op_limits common = {.rows_max = S3_ROWS_MAX,
                                   .bytes_max = (size_t)dest->config->object_size,
                                   .concurrency = S3_CONCURRENCY};

    EFF_TRY(
        eff_records_bind(&dest->config->records, "an object store", sync, &common, limits, err));
    if (dest->config->prefix.len + sync->object.len + sync->run.len + 32 > S3_KEY_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "prefix and object make keys of over %d bytes",
                        S3_KEY_MAX);
    if (!eff_str_eq(dest->run_id, sync->run))
        s3_objects_free(dest);
    dest->run_id = eff_str_copy(dest->run, sync->run);
    return EFF_OK;
}

static size_t
s3_item_bytes(struct eff_dest *base, const struct eff_delivery *delivery,
              const struct eff_item *item)
{
    (void)base;
    return eff_record_bytes(delivery, item);
}

/* ---- requests ---- */

struct eff_step
s3_request(const struct s3_dest *dest, struct eff_arena *arena, const char *method, eff_str key,
           eff_str query, eff_str body)
{
    static const struct eff_header headers[] = {
        {{"Content-Type", 12}, {"application/octet-stream", 24}}};
    struct eff_step step = {.kind = EFF_STEP_SEND};
    struct eff_request *request = &step.request;

    request->kind = EFF_REQUEST_HTTP;
    request->method = eff_str_of(method);
    request->url = eff_str_printf(
        arena, EFF_STR_FMT "/" EFF_STR_FMT "%s" EFF_STR_FMT, EFF_STR_ARG(dest->root),
        EFF_STR_ARG(eff_sigv4_encode(arena, key, true)), query.len ? "?" : "", EFF_STR_ARG(query));
    request->body = body;
    request->headers = headers;
    request->headers_count = body.len > 0 ? 1 : 0;
    request->sign = &dest->sign;
    request->timeout_ms = S3_TIMEOUT_MS;
    request->answer_bytes_max = S3_ANSWER_MAX;
    request->hosts = dest->hosts;
    request->hosts_count = dest->hosts_count;
    return step;
}

/* ---- asking ---- */

/*
 * A list of at most one key. Who may write and not list is known by its credentials all the
 * same: the store tells other codes for keys and signatures that it does not know.
 */
static struct eff_step
s3_describe(struct s3_dest *dest, struct eff_task *task, const struct eff_response *last,
            struct eff_err *err)
{
    eff_str query;

    *task->schema = (struct eff_schema){.known = false};
    if (last == NULL) {
        query =
            eff_str_printf(task->arena, "list-type=2&max-keys=1&prefix=" EFF_STR_FMT,
                           EFF_STR_ARG(eff_sigv4_encode(task->arena, dest->config->prefix, false)));
        return s3_request(dest, task->arena, "GET", EFF_STR_NONE, query, EFF_STR_NONE);
    }
    switch (s3_judge(dest, last, task->arena, err)) {
    case S3_GOOD:
        return (struct eff_step){.kind = EFF_STEP_DONE};
    case S3_GONE:
        err->fault = EFF_CONTRACT;
        break;
    case S3_NEVER:
        if (eff_str_is(s3_element(last->body, "Code", task->arena), "AccessDenied"))
            return (struct eff_step){.kind = EFF_STEP_DONE};
        break;
    case S3_AGAIN:
        break;
    }
    eff_err_while(err, "asking for the bucket " EFF_STR_FMT, EFF_STR_ARG(dest->config->bucket));
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

static struct eff_step
s3_step(struct eff_dest *base, struct eff_task *task, const struct eff_response *last,
        struct eff_err *err)
{
    struct s3_dest *dest = (struct s3_dest *)base;

    switch (task->kind) {
    case EFF_TASK_DELIVER:
        return s3_deliver(dest, task, last, err);
    case EFF_TASK_FINISH:
        return s3_finish(dest, task, last, err);
    case EFF_TASK_DESCRIBE:
        return s3_describe(dest, task, last, err);
    case EFF_TASK_AUTHORIZE:
    case EFF_TASK_CREATE:
    case EFF_TASK_CHECK:
    case EFF_TASK_READ:
        break;
    }
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static void
s3_close(struct eff_dest *base)
{
    s3_objects_free((struct s3_dest *)base);
}

const struct eff_dest_ops eff_dest_s3 = {
    .kind = "s3",
    .title = "S3",
    .options = s3_options,
    .options_count = sizeof(s3_options) / sizeof(s3_options[0]),
    .config_size = sizeof(struct s3_config),
    .open = s3_open,
    .bind = s3_bind,
    .item_bytes = s3_item_bytes,
    .step = s3_step,
    .close = s3_close,
};
