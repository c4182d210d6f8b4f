/* connector: a connector file as a whole: options, login, limits, values, then the larger sections. */
#include "dest/connector_internal.h"

#define COUNT(rows)           (sizeof(rows) / sizeof((rows)[0]))
#define CONNECTOR_SLOT        16 /* bytes that any kind of option's value takes */
#define CONNECTOR_OPTIONS_MAX 64

struct top_conf {
    eff_str kind, title;
    int protocol;
    struct eff_str_list sections, hosts;
    const struct eff_node *identifiers, *options, *base, *paths, *account, *auth, *headers,
        *late_apply, *limits, *units, *values, *error, *errors, *objects, *check, *read,
        *operations, *answers, *find, *jobs;
};

static const struct eff_option top_options[] = {
    {"connector", EFF_OPT_STR, offsetof(struct top_conf, kind), .flags = EFF_OPT_REQUIRED},
    {"title", EFF_OPT_STR, offsetof(struct top_conf, title), .flags = EFF_OPT_REQUIRED},
    {"protocol", EFF_OPT_ENUM, offsetof(struct top_conf, protocol), .choices = "rest"},
    {"sections", EFF_OPT_LIST, offsetof(struct top_conf, sections)},
    {"hosts", EFF_OPT_LIST, offsetof(struct top_conf, hosts)},
    {"options", EFF_OPT_NODE, offsetof(struct top_conf, options), .flags = EFF_OPT_REQUIRED},
    {"base", EFF_OPT_NODE, offsetof(struct top_conf, base), .flags = EFF_OPT_REQUIRED},
    {"paths", EFF_OPT_NODE, offsetof(struct top_conf, paths)},
    {"account", EFF_OPT_NODE, offsetof(struct top_conf, account)},
    {"auth", EFF_OPT_NODE, offsetof(struct top_conf, auth)},
    {"headers", EFF_OPT_NODE, offsetof(struct top_conf, headers)},
    {"late_apply", EFF_OPT_NODE, offsetof(struct top_conf, late_apply)},
    {"limits", EFF_OPT_NODE, offsetof(struct top_conf, limits)},
    {"units", EFF_OPT_NODE, offsetof(struct top_conf, units)},
    {"values", EFF_OPT_NODE, offsetof(struct top_conf, values)},
    {"identifiers", EFF_OPT_NODE, offsetof(struct top_conf, identifiers)},
    {"error", EFF_OPT_NODE, offsetof(struct top_conf, error)},
    {"errors", EFF_OPT_NODE, offsetof(struct top_conf, errors)},
    {"objects", EFF_OPT_NODE, offsetof(struct top_conf, objects)},
    {"check", EFF_OPT_NODE, offsetof(struct top_conf, check)},
    {"read", EFF_OPT_NODE, offsetof(struct top_conf, read)},
    {"answers", EFF_OPT_NODE, offsetof(struct top_conf, answers)},
    {"find", EFF_OPT_NODE, offsetof(struct top_conf, find)},
    {"jobs", EFF_OPT_NODE, offsetof(struct top_conf, jobs)},
    {"operations", EFF_OPT_NODE, offsetof(struct top_conf, operations)},
};

/* The sections that a project's own block may bring, and where they go. */
static const struct {
    const char *name;
    size_t offset;
} connector_sections[] = {
    {"auth", offsetof(struct top_conf, auth)},
    {"headers", offsetof(struct top_conf, headers)},
    {"limits", offsetof(struct top_conf, limits)},
    {"values", offsetof(struct top_conf, values)},
    {"identifiers", offsetof(struct top_conf, identifiers)},
    {"error", offsetof(struct top_conf, error)},
    {"errors", offsetof(struct top_conf, errors)},
    {"objects", offsetof(struct top_conf, objects)},
    {"check", offsetof(struct top_conf, check)},
    {"read", offsetof(struct top_conf, read)},
    {"answers", offsetof(struct top_conf, answers)},
    {"find", offsetof(struct top_conf, find)},
    {"jobs", offsetof(struct top_conf, jobs)},
    {"operations", offsetof(struct top_conf, operations)},
};

/* ---- options ---- */

struct option_conf {
    int kind;
    bool required;
    eff_str fallback, help;
    struct eff_str_list choices;
    const struct eff_node *min, *max;
};

static const struct eff_option option_options[] = {
    {"type", EFF_OPT_ENUM, offsetof(struct option_conf, kind), .flags = EFF_OPT_REQUIRED,
     .choices = "|text|secret|url|path|int|bool|size|time"},
    {"required", EFF_OPT_BOOL, offsetof(struct option_conf, required)},
    {"default", EFF_OPT_STR, offsetof(struct option_conf, fallback)},
    {"min", EFF_OPT_NODE, offsetof(struct option_conf, min)},
    {"max", EFF_OPT_NODE, offsetof(struct option_conf, max)},
    {"help", EFF_OPT_STR, offsetof(struct option_conf, help), .flags = EFF_OPT_REQUIRED},
};

static bool
option_name_valid(eff_str name)
{
    bool dot = true; /* a name starts after a dot, too */

    for (size_t i = 0; i < name.len; i++) {
        char ch = name.ptr[i];

        if (ch == '.' && !dot)
            dot = true;
        else if ((ch >= 'a' && ch <= 'z') || (!dot && ((ch >= '0' && ch <= '9') || ch == '_')))
            dot = false;
        else
            return false;
    }
    return !dot;
}

static bool
option_bound(struct eff_compile *c, const struct eff_node *node, int64_t *ret_bound)
{
    if (!node || (node->kind == EFF_NODE_SCALAR && eff_str_int(node->text, ret_bound)))
        return true;
    eff_compile_fail(c, node, "expected a number");
    return false;
}

/* Adds a problem unless the option takes that text as its value. */
static void
option_try(struct eff_compile *c, const struct eff_option *option, eff_str text,
           struct eff_place place)
{
    char slot[CONNECTOR_SLOT] __attribute__((aligned(16))) = {0};
    struct eff_node key = {.kind = EFF_NODE_SCALAR, .text = eff_str_of(option->name)};
    struct eff_node value = {.kind = EFF_NODE_SCALAR, .text = text, .place = place};
    struct eff_node map = {
        .kind = EFF_NODE_MAP, .place = place, .count = 1, .keys = &key, .values = &value};

    eff_options_fill(&map, option, 1, slot, c->problems);
}

/* A block of several lines is one sentence all the same. */
static const char *
option_line(struct eff_compile *c, eff_str help)
{
    char *line = eff_str_c(c->arena, eff_str_trim(help));

    for (char *at = line; *at != '\0'; at++)
        *at = *at == '\n' || *at == '\r' || *at == '\t' ? ' ' : *at;
    return line;
}

static bool
option_one(struct eff_compile *c, const struct eff_node *key, const struct eff_node *map,
           struct eff_option *option)
{
    struct option_conf conf = {0};
    size_t before = eff_problems_total(c->problems);

    if (!option_name_valid(key->text) || eff_str_is(key->text, "type") ||
        eff_str_is(key->text, "late_apply")) {
        eff_compile_fail(c, key,
                         "an option's name has small letters, digits and _, and is not `type` "
                         "or `late_apply`");
        return false;
    }
    if (!eff_compile_fill(c, map, option_options, COUNT(option_options), &conf))
        return false;
    option->name = eff_str_c(c->arena, key->text);
    option->kind = (enum eff_option_kind)conf.kind;
    option->help = option_line(c, conf.help);
    option->flags = conf.required ? EFF_OPT_REQUIRED : 0;
    if (!option_bound(c, conf.min, &option->min) || !option_bound(c, conf.max, &option->max))
        return false;
    if (conf.fallback.ptr) {
        option->fallback = eff_str_c(c->arena, conf.fallback);
        if (option->kind == EFF_OPT_SECRET) {
            eff_compile_fail(c, map, "a secret has no default");
            return false;
        }
        option_try(c, option, conf.fallback, eff_node_get(map, "default")->place);
        if (option->kind == EFF_OPT_URL && before == eff_problems_total(c->problems))
            eff_compile_leads(c, eff_node_get(map, "default")->place, conf.fallback, true);
    }
    return before == eff_problems_total(c->problems);
}

static bool
connector_option_taken(const struct eff_connector *connector, size_t count, eff_str name)
{
    for (size_t i = 0; i < count; i++) {
        eff_str other = connector->option_names[i];
        eff_str longer = other.len > name.len ? other : name,
                shorter = other.len > name.len ? name : other;

        if (eff_str_starts(longer, shorter) &&
            (longer.len == shorter.len || longer.ptr[shorter.len] == '.'))
            return true;
    }
    return false;
}

/* What the connector says of late requests is what its destinations begin with. */
static bool
option_late(struct eff_compile *c, const struct eff_node *node, struct eff_option *option)
{
    size_t before = eff_problems_total(c->problems);

    *option = (struct eff_option){.name = "late_apply",
                                  .kind = EFF_OPT_TIME,
                                  .fallback = EFF_DEST_LATE,
                                  .max = EFF_DEST_LATE_MAX,
                                  .help = EFF_DEST_LATE_HELP};
    if (node)
        option->fallback = eff_str_c(c->arena, node->text);
    if (node)
        option_try(c, option, node->text, node->place);
    return before == eff_problems_total(c->problems);
}

/* The file's own options, `late_apply`, then one for each section that the project brings. */
static bool
connector_options(struct eff_compile *c, const struct top_conf *conf)
{
    const struct eff_node *map = conf->options;
    size_t count = map->kind == EFF_NODE_MAP ? map->count : 0;
    size_t sections = count + 1, total = sections + conf->sections.count;
    struct eff_option *rows = eff_new(c->arena, struct eff_option, total + 1);
    eff_str *names = eff_new(c->arena, eff_str, total + 1);
    bool good = map->kind == EFF_NODE_MAP && total <= CONNECTOR_OPTIONS_MAX + 1;

    if (!good)
        eff_compile_fail(c, map, "expected a mapping of at most 64 options");
    c->connector->option_names = names;
    for (size_t i = 0; good && i < count; i++) {
        if (connector_option_taken(c->connector, i, map->keys[i].text)) {
            eff_compile_fail(c, &map->keys[i], "an option with that name, or inside it, is there");
            good = false;
        }
        names[i] = map->keys[i].text;
        good &= option_one(c, &map->keys[i], &map->values[i], &rows[i]);
    }
    names[count] = EFF_STR("late_apply");
    c->connector->late_option = count;
    good = good && option_late(c, conf->late_apply, &rows[count]);
    for (size_t i = 0; good && i < conf->sections.count; i++) {
        names[sections + i] = conf->sections.at[i];
        rows[sections + i] = (struct eff_option){
            .name = eff_str_c(c->arena, names[sections + i]),
            .kind = EFF_OPT_NODE,
            .flags = eff_str_is(names[sections + i], "operations") ? EFF_OPT_REQUIRED : 0,
            .help = "A section of the connector's language."};
    }
    for (size_t i = 0; i < total; i++)
        rows[i].offset = i * CONNECTOR_SLOT;
    c->connector->options = rows;
    c->connector->options_count = good ? total : 0;
    c->connector->config_size = total * CONNECTOR_SLOT;
    return good;
}

static bool
connector_sections_known(struct eff_compile *c, const struct eff_node *root,
                         const struct eff_str_list *sections)
{
    for (size_t i = 0; i < sections->count; i++) {
        size_t k = 0;

        while (k < COUNT(connector_sections) &&
               !eff_str_is(sections->at[i], connector_sections[k].name))
            k++;
        if (k == COUNT(connector_sections)) {
            eff_compile_fail(c, root, "`sections` names a section that a project cannot bring");
            return false;
        }
    }
    return true;
}

/* ---- auth, limits, values ---- */

struct auth_conf {
    const struct eff_node *token, *url, *user, *password, *header, *login, *expired, *oauth1;
};

static const struct eff_option auth_options[] = {
    {"token", EFF_OPT_NODE, offsetof(struct auth_conf, token)},
    {"url", EFF_OPT_NODE, offsetof(struct auth_conf, url)},
    {"basic.user", EFF_OPT_NODE, offsetof(struct auth_conf, user)},
    {"basic.password", EFF_OPT_NODE, offsetof(struct auth_conf, password)},
    {"header", EFF_OPT_NODE, offsetof(struct auth_conf, header)},
    {"login", EFF_OPT_NODE, offsetof(struct auth_conf, login)},
    {"oauth1", EFF_OPT_NODE, offsetof(struct auth_conf, oauth1)},
    {"expired.status", EFF_OPT_NODE, offsetof(struct auth_conf, expired)},
};

struct login_conf {
    struct eff_call_conf call;
    eff_str token, url, expires_in, when;
    const struct eff_node *key, *header, *claims;
    int64_t lifetime_ms;
    int alg;
};

static const struct eff_option login_options[] = {
    EFF_CALL_OPTIONS(struct login_conf, call),
    {"when", EFF_OPT_STR, offsetof(struct login_conf, when)},
    {"jwt.key", EFF_OPT_NODE, offsetof(struct login_conf, key)},
    {"jwt.alg", EFF_OPT_ENUM, offsetof(struct login_conf, alg), .choices = "RS256|PS256"},
    {"jwt.header", EFF_OPT_NODE, offsetof(struct login_conf, header)},
    {"jwt.claims", EFF_OPT_NODE, offsetof(struct login_conf, claims)},
    {"jwt.lifetime", EFF_OPT_TIME, offsetof(struct login_conf, lifetime_ms), "1h", 1000, 86400000},
    {"token", EFF_OPT_STR, offsetof(struct login_conf, token), .flags = EFF_OPT_REQUIRED},
    {"url", EFF_OPT_STR, offsetof(struct login_conf, url)},
    {"expires_in", EFF_OPT_STR, offsetof(struct login_conf, expires_in)},
};

static bool
login_object(struct eff_compile *c, const struct eff_node *map, struct eff_tree *tree)
{
    struct eff_scope scope = eff_compile_scope(c, 0);

    if (!map)
        return true;
    if (map->kind != EFF_NODE_MAP || map->count == 0) {
        eff_compile_fail(c, map, "`header` and `claims` are mappings");
        return false;
    }
    return eff_tree_compile(&scope, map, tree);
}

/* iat and exp are added when it is signed. */
static bool
login_jwt(struct eff_compile *c, const struct eff_node *map, const struct login_conf *conf,
          struct eff_login *login)
{
    bool good;

    if (!conf->key && !conf->header && !conf->claims)
        return true;
    if (!conf->key || !conf->claims) {
        eff_compile_fail(c, map, "`jwt` needs `key` and `claims`");
        return false;
    }
    login->jwt_lifetime_ms = conf->lifetime_ms;
    login->jwt_alg = (enum eff_jwt_alg)conf->alg;
    good = eff_compile_text(c, conf->key, 0, &login->jwt_key);
    good &= login_object(c, conf->header, &login->jwt_header);
    good &= login_object(c, conf->claims, &login->jwt_claims);
    return good;
}

bool
eff_compile_when(struct eff_compile *c, const struct eff_node *map, eff_str name,
                 size_t *ret_option)
{
    *ret_option = SIZE_MAX;
    for (size_t i = 0; i < c->connector->options_count; i++)
        if (name.ptr && eff_str_eq(c->connector->option_names[i], name))
            *ret_option = i;
    if (!name.ptr || *ret_option != SIZE_MAX)
        return true;
    eff_compile_fail(c, map, "`when` or `needs` names no option");
    return false;
}

static bool
login_one(struct eff_compile *c, const struct eff_node *map, struct eff_login *login)
{
    struct login_conf conf = {0};
    bool good;

    if (!eff_compile_fill(c, map, login_options, COUNT(login_options), &conf))
        return false;
    *login = (struct eff_login){
        .given = true, .token = conf.token, .base = conf.url, .expires_in = conf.expires_in};
    good = eff_compile_when(c, map, conf.when, &login->when);
    good &= login_jwt(c, map, &conf, login);
    good &= eff_compile_call(c, map, &conf.call, login->jwt_key.parts ? EFF_SCOPE_LOGIN : 0,
                             &login->call);
    if (!login->call.base.parts) {
        eff_compile_fail(c, map, "`base` is missing: where the login is sent");
        good = false;
    }
    good &= eff_compile_pointer(c, map, conf.token);
    good &= !conf.url.ptr || eff_compile_pointer(c, map, conf.url);
    good &= !conf.expires_in.ptr || eff_compile_pointer(c, map, conf.expires_in);
    return good;
}

/* One, or a list of them. */
static bool
connector_logins(struct eff_compile *c, const struct eff_node *node)
{
    size_t count = !node ? 0 : node->kind == EFF_NODE_LIST ? node->count : 1;
    struct eff_login *logins = eff_new(c->arena, struct eff_login, count);
    bool good = true;

    for (size_t i = 0; i < count; i++)
        good &= login_one(c, node->kind == EFF_NODE_LIST ? &node->values[i] : node, &logins[i]);
    c->connector->logins = logins;
    c->connector->logins_count = count;
    return good;
}

struct oauth1_conf {
    eff_str when;
    const struct eff_node *realm, *consumer_key, *consumer_secret, *token, *token_secret;
};

static const struct eff_option oauth1_options[] = {
    {"when", EFF_OPT_STR, offsetof(struct oauth1_conf, when)},
    {"realm", EFF_OPT_NODE, offsetof(struct oauth1_conf, realm)},
    {"consumer_key", EFF_OPT_NODE, offsetof(struct oauth1_conf, consumer_key),
     .flags = EFF_OPT_REQUIRED},
    {"consumer_secret", EFF_OPT_NODE, offsetof(struct oauth1_conf, consumer_secret),
     .flags = EFF_OPT_REQUIRED},
    {"token", EFF_OPT_NODE, offsetof(struct oauth1_conf, token), .flags = EFF_OPT_REQUIRED},
    {"token_secret", EFF_OPT_NODE, offsetof(struct oauth1_conf, token_secret),
     .flags = EFF_OPT_REQUIRED},
};

static bool
connector_oauth1(struct eff_compile *c, const struct eff_node *map)
{
    struct eff_oauth1_auth *oauth1 = &c->connector->oauth1;
    struct oauth1_conf conf = {0};
    bool good;

    if (!map)
        return true;
    if (!eff_compile_fill(c, map, oauth1_options, COUNT(oauth1_options), &conf))
        return false;
    oauth1->given = true;
    good = eff_compile_when(c, map, conf.when, &oauth1->when);
    good &= eff_compile_text(c, conf.realm, 0, &oauth1->realm);
    good &= eff_compile_text(c, conf.consumer_key, 0, &oauth1->consumer_key);
    good &= eff_compile_text(c, conf.consumer_secret, 0, &oauth1->consumer_secret);
    good &= eff_compile_text(c, conf.token, 0, &oauth1->token);
    good &= eff_compile_text(c, conf.token_secret, 0, &oauth1->token_secret);
    return good;
}

static bool
connector_auth(struct eff_compile *c, const struct eff_node *map, const struct eff_node *headers)
{
    struct eff_connector *connector = c->connector;
    struct auth_conf conf = {0};
    const struct eff_pair *auth = NULL;
    struct eff_pair *all;
    size_t auth_count = 0;
    bool good = !map || eff_compile_fill(c, map, auth_options, COUNT(auth_options), &conf);

    if (!good)
        return false;
    good &= eff_compile_text(c, conf.token, 0, &connector->auth_token);
    good &= eff_compile_address(c, conf.url, 0, &connector->auth_url);
    good &= eff_compile_text(c, conf.user, 0, &connector->basic_user);
    good &= eff_compile_text(c, conf.password, 0, &connector->basic_password);
    good &= eff_compile_ints(c, conf.expired, &connector->expired);
    good &= connector_oauth1(c, conf.oauth1);
    good &= connector_logins(c, conf.login);
    good &= eff_compile_pairs(c, conf.header, EFF_SCOPE_SESSION, false, &auth_count, &auth);
    good &= eff_compile_pairs(c, headers, 0, false, &connector->plain_headers_count,
                              &connector->plain_headers);
    all = eff_new(c->arena, struct eff_pair, auth_count + connector->plain_headers_count);
    for (size_t i = 0; i < auth_count; i++)
        all[i] = auth[i];
    for (size_t i = 0; i < connector->plain_headers_count; i++)
        all[auth_count + i] = connector->plain_headers[i];
    connector->headers = all;
    connector->headers_count = auth_count + connector->plain_headers_count;
    return good;
}

struct limit_conf {
    struct eff_limit limit;
    bool only;
    const struct eff_node *requests;
};

static const struct eff_option limit_options[] = {
    {"name", EFF_OPT_STR, offsetof(struct limit_conf, limit.name), .flags = EFF_OPT_REQUIRED},
    {"per", EFF_OPT_TIME, offsetof(struct limit_conf, limit.per_ms), .flags = EFF_OPT_REQUIRED,
     .min = 1, .max = (int64_t)40 * 86400000},
    {"requests", EFF_OPT_NODE, offsetof(struct limit_conf, requests), .flags = EFF_OPT_REQUIRED},
    {"hard", EFF_OPT_BOOL, offsetof(struct limit_conf, limit.hard)},
    {"only", EFF_OPT_BOOL, offsetof(struct limit_conf, only)},
    {"remaining", EFF_OPT_STR, offsetof(struct limit_conf, limit.remaining)},
    {"allowed", EFF_OPT_STR, offsetof(struct limit_conf, limit.allowed)},
    {"reset", EFF_OPT_STR, offsetof(struct limit_conf, limit.reset_s)},
    {"window_ms", EFF_OPT_STR, offsetof(struct limit_conf, limit.window_ms)},
    {"used_of", EFF_OPT_STR, offsetof(struct limit_conf, limit.used_of)},
    {"used_after", EFF_OPT_STR, offsetof(struct limit_conf, limit.used_after), ""},
    {"used_percent.header", EFF_OPT_STR, offsetof(struct limit_conf, limit.percent_of)},
    {"used_percent.at", EFF_OPT_LIST, offsetof(struct limit_conf, limit.percent)},
    {"used_percent.regain_minutes", EFF_OPT_STR, offsetof(struct limit_conf, limit.regain_minutes)},
};

static void
limit_header(struct eff_compile *c, eff_str *name)
{
    if (name->ptr)
        *name = eff_str_lower(c->arena, *name);
}

/* Several limits of one name are one bucket: so many a second, and so many a minute. */
static unsigned
limit_bucket(struct eff_connector *connector, eff_str *buckets, eff_str name)
{
    for (size_t i = 0; i < connector->buckets_count; i++)
        if (eff_str_eq(buckets[i], name))
            return (unsigned)i + 1;
    buckets[connector->buckets_count++] = name;
    return (unsigned)connector->buckets_count;
}

static bool
connector_limits(struct eff_compile *c, const struct eff_node *list)
{
    size_t count = list && list->kind == EFF_NODE_LIST ? list->count : 0;
    struct eff_limit *limits = eff_new(c->arena, struct eff_limit, count);
    eff_str *buckets = eff_new(c->arena, eff_str, count);
    bool good = true;

    if (list && count == 0) {
        eff_compile_fail(c, list, "`limits` is a list");
        return false;
    }
    c->connector->limits = limits;
    c->connector->limits_count = count;
    c->connector->buckets = buckets;
    for (size_t i = 0; i < count; i++) {
        struct limit_conf conf = {0};
        struct eff_limit *limit = &conf.limit;

        if (!eff_compile_fill(c, &list->values[i], limit_options, COUNT(limit_options), &conf)) {
            good = false;
            continue;
        }
        good &= eff_compile_number(c, conf.requests, &limit->requests, &limit->requests_option);
        limit_header(c, &limit->remaining);
        limit_header(c, &limit->allowed);
        limit_header(c, &limit->reset_s);
        limit_header(c, &limit->window_ms);
        limit_header(c, &limit->used_of);
        limit_header(c, &limit->percent_of);
        if (conf.only)
            limit->bucket = limit_bucket(c->connector, buckets, limit->name);
        limits[i] = *limit;
    }
    return good;
}

struct units_conf {
    eff_str name;
    int per;
};

static const struct eff_option units_options[] = {
    {"name", EFF_OPT_STR, offsetof(struct units_conf, name), .flags = EFF_OPT_REQUIRED},
    {"per", EFF_OPT_ENUM, offsetof(struct units_conf, per), .flags = EFF_OPT_REQUIRED,
     .choices = "|request|row|new_row"},
};

static bool
connector_units(struct eff_compile *c, const struct eff_node *map)
{
    struct units_conf conf = {0};

    if (map && !eff_compile_fill(c, map, units_options, COUNT(units_options), &conf))
        return false;
    c->connector->units = (struct eff_units){conf.name, (enum eff_units_per)conf.per};
    return true;
}

struct values_conf {
    const struct eff_node *null;
    int boolean, number, timestamp, date, list, names, nested_null, naive, match;
    eff_str join;
};

static const struct eff_option values_options[] = {
    {"null", EFF_OPT_NODE, offsetof(struct values_conf, null)},
    {"boolean", EFF_OPT_ENUM, offsetof(struct values_conf, boolean), .choices = "json|text"},
    {"number", EFF_OPT_ENUM, offsetof(struct values_conf, number), .choices = "json|text"},
    {"timestamp", EFF_OPT_ENUM, offsetof(struct values_conf, timestamp),
     .choices = "iso|iso_ms|epoch_s|epoch_ms"},
    {"date", EFF_OPT_ENUM, offsetof(struct values_conf, date),
     .choices = "iso|iso_ms|epoch_s|epoch_ms"},
    {"list", EFF_OPT_ENUM, offsetof(struct values_conf, list), .choices = "nested|join|text"},
    {"join", EFF_OPT_STR, offsetof(struct values_conf, join), ";"},
    {"names", EFF_OPT_ENUM, offsetof(struct values_conf, names), .choices = "nested|flat"},
    {"nested_null", EFF_OPT_ENUM, offsetof(struct values_conf, nested_null),
     .choices = "as_is|outer"},
    {"naive", EFF_OPT_ENUM, offsetof(struct values_conf, naive), .choices = "as_is|utc"},
    {"match", EFF_OPT_ENUM, offsetof(struct values_conf, match), .choices = "as_is|text"},
};

static bool
connector_values(struct eff_compile *c, const struct eff_node *map)
{
    struct values_conf conf = {.join = EFF_STR(";")};

    if (map && !eff_compile_fill(c, map, values_options, COUNT(values_options), &conf))
        return false;
    if (conf.null && conf.null->kind != EFF_NODE_SCALAR && conf.null->kind != EFF_NODE_NULL) {
        eff_compile_fail(c, conf.null, "null, or the text that stands for it");
        return false;
    }
    c->connector->values = (struct eff_values){
        .null_is_text = conf.null && conf.null->kind == EFF_NODE_SCALAR &&
                        (conf.null->quoted || !eff_node_is(conf.null, "null")),
        .null_text = conf.null ? conf.null->text : EFF_STR(""),
        .boolean_text = conf.boolean == 1,
        .number_text = conf.number == 1,
        .flat_names = conf.names == 1,
        .null_outer = conf.nested_null == 1,
        .naive_utc = conf.naive == 1,
        .match_text = conf.match == 1,
        .time = (enum eff_time_form)conf.timestamp,
        .date = (enum eff_time_form)conf.date,
        .list = (enum eff_list_form)conf.list,
        .list_join = conf.join,
    };
    return true;
}

/* ---- identifiers ---- */

struct identifier_conf {
    bool trim, lower, upper;
    int normalize, hash;
};

static const struct eff_option identifier_options[] = {
    {"trim", EFF_OPT_BOOL, offsetof(struct identifier_conf, trim)},
    {"lower", EFF_OPT_BOOL, offsetof(struct identifier_conf, lower)},
    {"upper", EFF_OPT_BOOL, offsetof(struct identifier_conf, upper)},
    {"normalize", EFF_OPT_ENUM, offsetof(struct identifier_conf, normalize),
     .choices = EFF_NORMALIZE_NAMES},
    {"hash", EFF_OPT_ENUM, offsetof(struct identifier_conf, hash), .choices = "none|sha256"},
};

static void
identifier_add(struct eff_prepared *prepared, struct eff_transform *at, bool given,
               struct eff_transform transform)
{
    if (given)
        at[prepared->transforms_count++] = transform;
}

/* In the order in which a field's own apply. */
static bool
identifier_one(struct eff_compile *c, const struct eff_node *map, struct eff_prepared *prepared)
{
    struct eff_transform *at = eff_new(c->arena, struct eff_transform, COUNT(identifier_options));
    struct identifier_conf conf = {0};

    if (map->kind != EFF_NODE_NULL &&
        !eff_compile_fill(c, map, identifier_options, COUNT(identifier_options), &conf))
        return false;
    prepared->transforms = at;
    identifier_add(prepared, at, conf.trim, (struct eff_transform){.kind = EFF_TRANSFORM_TRIM});
    identifier_add(prepared, at, conf.lower, (struct eff_transform){.kind = EFF_TRANSFORM_LOWER});
    identifier_add(prepared, at, conf.upper, (struct eff_transform){.kind = EFF_TRANSFORM_UPPER});
    identifier_add(prepared, at, conf.normalize > 0,
                   (struct eff_transform){.kind = EFF_TRANSFORM_NORMALIZE,
                                          .normalize = (enum eff_normalize)conf.normalize});
    identifier_add(prepared, at, conf.hash > 0, (struct eff_transform){.kind = EFF_TRANSFORM_HASH});
    return true;
}

static bool
connector_identifiers(struct eff_compile *c, const struct eff_node *map)
{
    struct eff_prepared *at;
    bool good = true;

    if (!map)
        return true;
    if (map->kind != EFF_NODE_MAP || map->count == 0) {
        eff_compile_fail(c, map,
                         "`identifiers` is a mapping of fields to the form they are sent in");
        return false;
    }
    at = eff_new(c->arena, struct eff_prepared, map->count);
    for (size_t i = 0; i < map->count; i++) {
        at[i].name = map->keys[i].text;
        good &= identifier_one(c, &map->values[i], &at[i]);
    }
    c->connector->identifiers = (struct eff_identifiers){map->count, at};
    return good;
}

/* ---- the whole ---- */

/* Also when one section fails, so that everything is reported at once. */
static bool
connector_compile(struct eff_compile *c, const struct top_conf *conf)
{
    struct eff_connector *connector = c->connector;
    bool good = connector_limits(c, conf->limits);

    good &= connector_units(c, conf->units);
    c->answers = conf->answers;
    c->find = conf->find;
    c->jobs = conf->jobs;
    good &= connector_auth(c, conf->auth, conf->headers);
    good &= connector_values(c, conf->values);
    good &= connector_identifiers(c, conf->identifiers);
    good &= eff_compile_error_at(c, conf->error, &connector->error);
    good &= eff_compile_errors(c, conf->errors);
    good &= eff_compile_objects(c, conf->objects);
    good &= eff_compile_checks(c, conf->check);
    good &= eff_compile_reading(c, conf->read);
    good &= !conf->operations || eff_compile_operations(c, conf->operations);
    return good;
}

/* Texts of the file are shown to people, and must not write anything else onto their terminals. */
static bool
connector_visible(struct eff_compile *c, const struct eff_node *node)
{
    bool good = true;
    uint32_t code;

    for (size_t i = 0; i < node->count; i++) {
        good &= node->kind != EFF_NODE_MAP || connector_visible(c, &node->keys[i]);
        good &= connector_visible(c, &node->values[i]);
    }
    for (size_t i = 0, len; node->kind == EFF_NODE_SCALAR && i < node->text.len; i += len) {
        eff_str rest = eff_str_sub(node->text, i, SIZE_MAX);

        len = eff_utf8_decode(rest, &code);
        if (len > 0 && (code == '\n' || code == '\t' || eff_str_starts(rest, EFF_STR("\r\n")) ||
                        !eff_utf8_hides(code)))
            continue;
        eff_problem_add(c->problems, node->place, EFF_CONNECTOR_CODE, EFF_STR(""),
                        "a text of a connector has no characters that cannot be seen, found U+%04X",
                        len > 0 ? (unsigned)code : 0xfffdU);
        return false;
    }
    return good;
}

/* In connectors/NAME/connector.yaml the name is the folder's; elsewhere a file stands as it likes. */
static bool
connector_stands_there(const struct eff_connector *connector)
{
    eff_str file = EFF_STR("/connector.yaml"), path = connector->path, name, above;
    size_t at;

    if (!eff_str_ends(path, file))
        return true;
    path = eff_str_sub(path, 0, path.len - file.len);
    for (at = path.len; at > 0 && path.ptr[at - 1] != '/';)
        at--;
    name = eff_str_sub(path, at, SIZE_MAX);
    above = eff_str_sub(path, 0, at);
    return eff_str_eq(name, connector->kind) ||
           !(eff_str_is(above, "connectors/") || eff_str_ends(above, EFF_STR("/connectors/")));
}

static bool
connector_top(struct eff_compile *c, const struct eff_node *root, struct top_conf *conf)
{
    struct eff_connector *connector = c->connector;
    bool good;

    if (!connector_visible(c, root) ||
        !eff_compile_fill(c, root, top_options, COUNT(top_options), conf))
        return false;
    connector->kind = conf->kind;
    connector->title = conf->title;
    connector->hosts = conf->hosts;
    connector->sections = conf->sections;
    if (!option_name_valid(conf->kind)) {
        eff_compile_fail(c, eff_node_get(root, "connector"),
                         "a connector's name has small letters, digits and _");
        return false;
    }
    if (eff_str_find_char(conf->title, '\n') != SIZE_MAX) {
        eff_compile_fail(c, eff_node_get(root, "title"), "`title` is one line");
        return false;
    }
    if (!connector_stands_there(connector)) {
        eff_problem_add(c->problems, eff_node_get(root, "connector")->place, EFF_CONNECTOR_CODE,
                        EFF_STR("The folder's name and this one are the name for `type:`."),
                        "`connector: " EFF_STR_FMT "` stands in a folder of another name",
                        EFF_STR_ARG(conf->kind));
        return false;
    }
    if (!conf->operations && conf->sections.count == 0) {
        eff_compile_fail(c, root, "`operations` is missing");
        return false;
    }
    good = connector_sections_known(c, root, &conf->sections);
    good &= eff_compile_hosts(c, eff_node_get(root, "hosts"));
    return good;
}

const struct eff_connector *
eff_connector_load(eff_str path, eff_str bytes, struct eff_arena *arena,
                   struct eff_problems *problems)
{
    struct eff_connector *connector = eff_new(arena, struct eff_connector, 1);
    struct eff_compile c = {.arena = arena, .problems = problems, .connector = connector};
    struct eff_fill *fill = problems->fill;
    const struct eff_node *documents;
    struct top_conf conf = {0};
    size_t count;
    bool good;

    problems->fill = NULL; /* no variables and no files in a connector */
    connector->path = path;
    good = eff_yaml_parse(bytes, path, arena, &count, &documents, problems);
    if (good && count != 1) {
        struct eff_place place = {path, 1, 1};

        eff_problem_add(problems, place, "EFF1003", EFF_STR(""), "expected one YAML document");
        good = false;
    }
    good = good && connector_top(&c, &documents[0], &conf) && connector_options(&c, &conf);
    if (good) {
        good &= eff_compile_address(&c, conf.base, EFF_SCOPE_SESSION, &connector->base);
        good &= eff_compile_moves(&c, conf.paths);
        good &= eff_compile_text(&c, conf.account, 0, &connector->account);
        good &= connector_compile(&c, &conf);
    }
    problems->fill = fill;
    return good ? connector : NULL;
}

const struct eff_connector *
eff_connector_complete(const struct eff_connector *connector, const void *config,
                       struct eff_arena *arena, struct eff_problems *problems)
{
    struct eff_connector *whole = eff_new(arena, struct eff_connector, 1);
    struct eff_compile c = {
        .arena = arena, .problems = problems, .connector = whole, .project = true};
    struct top_conf conf = {0};
    size_t from = connector->options_count - connector->sections.count;

    *whole = *connector;
    for (size_t i = 0; i < connector->sections.count; i++) {
        const struct eff_node *node =
            *(const struct eff_node *const *)((const char *)config +
                                              connector->options[from + i].offset);

        for (size_t k = 0; k < COUNT(connector_sections); k++) {
            if (eff_str_is(connector->sections.at[i], connector_sections[k].name))
                *(const struct eff_node **)((char *)&conf + connector_sections[k].offset) = node;
        }
    }
    return connector_compile(&c, &conf) ? whole : NULL;
}
