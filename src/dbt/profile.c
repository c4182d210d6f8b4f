/*
 * dbt/profile: `type: dbt`: the connection of a dbt profile, as a source of our own kinds.
 *
 * profiles.yml is looked for where dbt looks: `profiles_dir:`, $DBT_PROFILES_DIR, the dbt
 * project, ~/.dbt. Of its Jinja {{ env_var('X') }} and {{ env_var('X', 'default') }} are
 * read, with dbt's filters for types behind them, which change nothing here.
 */
#include <ctype.h>

#include "base/buf.h"
#include "base/json.h"
#include "conf/value.h"
#include "conf/yaml.h"
#include "dbt/dbt.h"

#define PROFILE_KEYS_MAX    16
#define PROFILE_PEM_LINE    64
#define PROFILE_NAMES_SHOWN 10

struct profile_config {
    eff_str profile, target;
};

static const struct eff_option profile_options[] = {
    {"profile", EFF_OPT_STR, offsetof(struct profile_config, profile), NULL, 0, 0,
     "The profile in profiles.yml; without it, the one that dbt_project.yml names."},
    {"target", EFF_OPT_STR, offsetof(struct profile_config, target), NULL, 0, 0,
     "The profile's output; without it, the one named like `--target`, else the profile's own "
     "`target:`."},
};

struct profile {
    const struct eff_project_input *input;
    const struct eff_project *project;
    const struct profile_config *config;
    struct eff_place place; /* of the source */
    struct eff_problems *problems;
    struct eff_arena *arena;
    const struct eff_node *output;
    size_t count;
    struct eff_node keys[PROFILE_KEYS_MAX], values[PROFILE_KEYS_MAX];
};

/* ---- Jinja ---- */

static bool
profile_env(const struct profile *p, eff_str name, eff_str *ret_value)
{
    const struct eff_lookup *lookup = p->input->lookup;

    return lookup != NULL && lookup->env != NULL && lookup->env(lookup->self, name, ret_value);
}

static bool
profile_jinja_wrong(const struct profile *p, const struct eff_node *node, eff_str inner)
{
    eff_problem_add(
        p->problems, node->place, "EFF1404",
        EFF_STR("Efferent reads {{ env_var('NAME') }} and {{ env_var('NAME', 'default') "
                "}}; write the connection as a source of its own for anything else."),
        "cannot read the Jinja \"" EFF_STR_FMT "\"", EFF_STR_ARG(eff_value_shown(inner)));
    return false;
}

/* env_var('X'), env_var('X', 'default'): *ret_fallback is EFF_STR_NONE without one. */
static bool
profile_call_parse(eff_str call, eff_str *ret_name, eff_str *ret_fallback)
{
    eff_str word, rest;

    *ret_fallback = EFF_STR_NONE;
    if (!eff_str_cut(eff_str_trim(call), '(', &word, &rest) ||
        !eff_str_is(eff_str_trim(word), "env_var") || !eff_ref_take_text(&rest, ret_name) ||
        ret_name->len == 0)
        return false;
    if (!eff_str_starts(rest, EFF_STR(",")))
        return eff_str_is(rest, ")");
    rest = eff_str_sub(rest, 1, SIZE_MAX);
    return eff_ref_take_text(&rest, ret_fallback) && eff_str_is(rest, ")");
}

/* The call, and maybe a filter behind it, between {{ and }}. */
static bool
profile_call(const struct profile *p, const struct eff_node *node, eff_str inner,
             eff_str *ret_value)
{
    eff_str call, filter, name, fallback;

    eff_str_cut(inner, '|', &call, &filter);
    if (!profile_call_parse(call, &name, &fallback))
        return profile_jinja_wrong(p, node, inner);
    if (!profile_env(p, name, ret_value)) {
        if (fallback.ptr == NULL) {
            eff_problem_add(p->problems, node->place, "EFF1106",
                            eff_str_printf(p->arena,
                                           "Set the environment variable " EFF_STR_FMT ".",
                                           EFF_STR_ARG(name)),
                            "env_var('" EFF_STR_FMT "') is not set", EFF_STR_ARG(name));
            return false;
        }
        *ret_value = fallback;
    }
    if (eff_str_starts(name, EFF_STR("DBT_ENV_SECRET")))
        eff_fill_secret(p->problems, *ret_value);
    return true;
}

static bool
profile_render(const struct profile *p, const struct eff_node *node, eff_str *ret_text)
{
    struct eff_buf out = {0};
    eff_str rest = node->text, value = EFF_STR("");
    bool ok = true;
    size_t at;

    if (eff_str_find(rest, EFF_STR("{%")) != SIZE_MAX)
        return profile_jinja_wrong(p, node, rest);
    while (ok && (at = eff_str_find(rest, EFF_STR("{{"))) != SIZE_MAX) {
        eff_str inner = eff_str_sub(rest, at + 2, SIZE_MAX);
        size_t end = eff_str_find(inner, EFF_STR("}}"));
        eff_buf_add(&out, eff_str_sub(rest, 0, at));
        ok = profile_call(p, node, eff_str_sub(inner, 0, end), &value);
        if (ok)
            eff_buf_add(&out, value);
        rest = end == SIZE_MAX ? EFF_STR("") : eff_str_sub(inner, end + 2, SIZE_MAX);
    }
    eff_buf_add(&out, rest);
    *ret_text = out.len > 0 ? eff_str_copy(p->arena, eff_buf_str(&out)) : EFF_STR("");
    eff_buf_free(&out);
    return ok;
}

/* A key of the output; "" when it is not there, or cannot be read (which is a problem then). */
static eff_str
profile_get(const struct profile *p, const char *name)
{
    const struct eff_node *node = eff_node_get(p->output, name);
    eff_str text = EFF_STR("");

    if (node == NULL || node->kind != EFF_NODE_SCALAR || !profile_render(p, node, &text))
        return EFF_STR("");
    return text;
}

static eff_str
profile_either(const struct profile *p, const char *name, const char *other)
{
    eff_str text = profile_get(p, name);

    return text.len > 0 ? text : profile_get(p, other);
}

/* ---- the source that comes of it ---- */

static void
profile_put(struct profile *p, const char *key, eff_str value)
{
    struct eff_buf text = {0};
    size_t at;

    if (value.len == 0 || p->count == PROFILE_KEYS_MAX)
        return;
    /* What stands in a profile is no variable of ours. */
    while ((at = eff_str_find(value, EFF_STR("${"))) != SIZE_MAX) {
        eff_buf_add(&text, eff_str_sub(value, 0, at));
        eff_buf_add(&text, EFF_STR("$${"));
        value = eff_str_sub(value, at + 2, SIZE_MAX);
    }
    eff_buf_add(&text, value);
    p->keys[p->count] = (struct eff_node){
        .kind = EFF_NODE_SCALAR, .text = eff_str_of(key), .place = p->output->place};
    p->values[p->count++] = (struct eff_node){.kind = EFF_NODE_SCALAR,
                                              .text = eff_str_copy(p->arena, eff_buf_str(&text)),
                                              .place = p->output->place};
    eff_buf_free(&text);
}

/* host='...' for libpq. */
static void
profile_pg_part(struct eff_buf *buf, const char *name, eff_str value)
{
    if (value.len == 0)
        return;
    eff_buf_addf(buf, "%s%s='", buf->len > 0 ? " " : "", name);
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '\'' || value.ptr[i] == '\\')
            eff_buf_add_char(buf, '\\');
        eff_buf_add_char(buf, value.ptr[i]);
    }
    eff_buf_add_char(buf, '\'');
}

static bool
profile_port_is_good(const struct profile *p, eff_str port)
{
    int64_t number;

    if (port.len == 0 || (eff_str_int(port, &number) && number > 0 && number < 65536))
        return true;
    eff_problem_add(p->problems, eff_node_get(p->output, "port")->place, "EFF1404",
                    EFF_STR("A port is a number from 1 to 65535."),
                    "the profile's port \"" EFF_STR_FMT "\" is none",
                    EFF_STR_ARG(eff_value_shown(port)));
    return false;
}

static bool
profile_postgres(struct profile *p)
{
    static const char *const same[] = {"user", "sslmode", "sslrootcert", "sslkey", "sslcert", NULL};
    eff_str port = profile_get(p, "port");
    eff_str password = profile_either(p, "password", "pass"), role = profile_get(p, "role");
    struct eff_buf url = {0};

    if (!profile_port_is_good(p, port))
        return false;
    eff_fill_secret(p->problems, password);
    profile_pg_part(&url, "host", profile_get(p, "host"));
    profile_pg_part(&url, "port", port);
    for (size_t i = 0; same[i] != NULL; i++)
        profile_pg_part(&url, same[i], profile_get(p, same[i]));
    profile_pg_part(&url, "dbname", profile_either(p, "dbname", "database"));
    profile_pg_part(&url, "password", password);
    if (role.len > 0)
        profile_pg_part(&url, "options",
                        eff_str_printf(p->arena, "-c role=" EFF_STR_FMT, EFF_STR_ARG(role)));
    profile_put(p, "url", eff_buf_str(&url));
    eff_buf_free(&url);
    return true;
}

static eff_str
profile_file_path(const struct profile *p, eff_str path)
{
    if (path.len == 0 || eff_str_starts(path, EFF_STR("/")))
        return path;
    return eff_str_printf(p->arena, EFF_STR_FMT "/" EFF_STR_FMT,
                          EFF_STR_ARG(p->project->dbt.project), EFF_STR_ARG(path));
}

/* s3://..., ducklake:..., and whatever else DuckDB reads by an extension of that name. */
static bool
profile_duckdb_is_remote(eff_str path)
{
    size_t len = 0;

    while (len < path.len && (isalnum((unsigned char)path.ptr[len]) || path.ptr[len] == '_'))
        len++;
    return len > 1 && len < path.len && path.ptr[len] == ':';
}

static bool
profile_duckdb(struct profile *p)
{
    eff_str path = profile_get(p, "path");
    const struct eff_node *attach = eff_node_get(p->output, "attach");

    if (attach != NULL && (attach->kind == EFF_NODE_SCALAR || attach->count > 0)) {
        eff_problem_add(p->problems, attach->place, "EFF1404",
                        EFF_STR("Build what syncs read into the profile's own file, and read it "
                                "by an output without `attach`, or by a source of its own."),
                        "the profile attaches other databases, which are not read");
        return false;
    }
    if (path.len == 0 || eff_str_starts(path, EFF_STR(":memory:")) ||
        profile_duckdb_is_remote(path)) {
        eff_problem_add(p->problems, p->output->place, "EFF1404",
                        EFF_STR("Give the profile a `path:` to a file that dbt builds."),
                        "the profile's DuckDB is no file on this machine that could be read");
        return false;
    }
    profile_put(p, "path", profile_file_path(p, path));
    return true;
}

/* ---- BigQuery ---- */

static bool
profile_bq_wrong(struct profile *p, const char *hint, const char *what)
{
    eff_problem_add(p->problems, p->output->place, "EFF1404", eff_str_of(hint), "%s", what);
    return false;
}

/* keyfile_json: {type: service_account, ...} */
static bool
profile_bq_key(struct profile *p)
{
    const struct eff_node *key = eff_node_get(p->output, "keyfile_json");
    struct eff_buf text = {0};
    struct eff_json_writer w = {.buf = &text};
    bool ok = key != NULL && key->kind == EFF_NODE_MAP;
    eff_str value;

    if (!ok)
        return profile_bq_wrong(p, "Write the key file's members below `keyfile_json:`.",
                                "the profile's `keyfile_json` is no map");
    eff_json_begin_object(&w);
    for (size_t i = 0; ok && i < key->count; i++) {
        if (key->values[i].kind != EFF_NODE_SCALAR)
            continue;
        ok = profile_render(p, &key->values[i], &value);
        eff_json_key(&w, key->keys[i].text);
        eff_json_write_str(&w, ok ? value : EFF_STR(""));
        if (ok && eff_node_is(&key->keys[i], "private_key"))
            eff_fill_secret(p->problems, value);
    }
    eff_json_end_object(&w);
    if (ok)
        profile_put(p, "credentials", eff_buf_str(&text));
    eff_buf_free(&text);
    return ok;
}

/* A token, or what one is made of, from gcloud's kind of login. */
static bool
profile_bq_secrets(struct profile *p)
{
    static const char *const members[] = {"client_id", "client_secret", "refresh_token",
                                          "token_uri"};
    eff_str refresh = profile_get(p, "refresh_token");
    struct eff_buf text = {0};
    struct eff_json_writer w = {.buf = &text};

    if (refresh.len == 0) {
        profile_put(p, "token", profile_get(p, "token"));
        return true;
    }
    eff_fill_secret(p->problems, refresh);
    eff_fill_secret(p->problems, profile_get(p, "client_secret"));
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "type", EFF_STR("authorized_user"));
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        eff_json_field_str(&w, members[i], profile_get(p, members[i]));
    eff_json_end_object(&w);
    profile_put(p, "credentials", eff_buf_str(&text));
    eff_buf_free(&text);
    return true;
}

static bool
profile_bq_login(struct profile *p)
{
    eff_str method = profile_get(p, "method"), path = profile_get(p, "keyfile");

    profile_put(p, "impersonate", profile_get(p, "impersonate_service_account"));
    if (eff_str_is(method, "oauth"))
        return true;
    if (eff_str_is(method, "service-account-json"))
        return profile_bq_key(p);
    if (eff_str_is(method, "oauth-secrets"))
        return profile_bq_secrets(p);
    if (!eff_str_is(method, "service-account") || path.len == 0)
        return profile_bq_wrong(p,
                                "`method:` is oauth, oauth-secrets, service-account (with "
                                "`keyfile:`) or service-account-json.",
                                "the profile does not say how to log in to BigQuery");
    profile_put(p, "key_file", profile_file_path(p, path));
    return true;
}

static bool
profile_bigquery(struct profile *p)
{
    static const char *const same[] = {"location", "execution_project", "priority",
                                       "maximum_bytes_billed", NULL};
    eff_str seconds = profile_either(p, "job_execution_timeout_seconds", "timeout_seconds"),
            project = profile_either(p, "project", "database");

    if (project.len == 0)
        return profile_bq_wrong(p, "Add `project:` to the profile's output.",
                                "the profile names no project of BigQuery's");
    profile_put(p, "project", project);
    profile_put(p, "dataset", profile_either(p, "dataset", "schema"));
    for (size_t i = 0; same[i] != NULL; i++)
        profile_put(p, same[i], profile_get(p, same[i]));
    if (seconds.len > 0)
        profile_put(p, "timeout", eff_str_printf(p->arena, EFF_STR_FMT "s", EFF_STR_ARG(seconds)));
    profile_put(p, "url", profile_get(p, "api_endpoint"));
    return profile_bq_login(p);
}

/* ---- Snowflake ---- */

static void
profile_put_secret(struct profile *p, const char *key, eff_str value)
{
    eff_fill_secret(p->problems, value);
    profile_put(p, key, value);
}

/* dbt takes a key as PEM, or as the base64 of what would stand in one. */
static eff_str
profile_pem(const struct profile *p, eff_str key, bool locked)
{
    const char *kind = locked ? "ENCRYPTED PRIVATE KEY" : "PRIVATE KEY";
    struct eff_buf pem = {0};
    eff_str text;

    if (key.len == 0 || eff_str_find(key, EFF_STR("-----BEGIN")) != SIZE_MAX)
        return key;
    eff_buf_addf(&pem, "-----BEGIN %s-----\n", kind);
    for (size_t at = 0; at < key.len; at += PROFILE_PEM_LINE) {
        eff_buf_add(&pem, eff_str_sub(key, at, PROFILE_PEM_LINE));
        eff_buf_add_char(&pem, '\n');
    }
    eff_buf_addf(&pem, "-----END %s-----\n", kind);
    text = eff_str_copy(p->arena, eff_buf_str(&pem));
    eff_buf_free(&pem);
    return text;
}

/* A key, or a token that is one already: other ways need a browser, or a login of their own. */
static bool
profile_snowflake_login(struct profile *p)
{
    eff_str passphrase = profile_get(p, "private_key_passphrase");
    eff_str key = profile_pem(p, profile_get(p, "private_key"), passphrase.len > 0);
    eff_str path = profile_file_path(p, profile_get(p, "private_key_path"));
    eff_str way = profile_get(p, "authenticator"), token = profile_get(p, "token");
    bool oauth =
        eff_str_eq_nocase(way, EFF_STR("oauth")) && profile_get(p, "oauth_client_id").len == 0;

    if (key.len > 0 || path.len > 0) {
        profile_put_secret(p, "private_key", key);
        profile_put(p, "private_key_path", key.len > 0 ? EFF_STR("") : path);
        profile_put_secret(p, "private_key_passphrase", passphrase);
        return true;
    }
    if (token.len > 0 && (oauth || eff_str_eq_nocase(way, EFF_STR("programmatic_access_token")))) {
        profile_put_secret(p, "token", token);
        profile_put(p, "token_type",
                    oauth ? EFF_STR("oauth") : EFF_STR("programmatic_access_token"));
        return true;
    }
    eff_problem_add(p->problems, p->output->place, "EFF1404",
                    EFF_STR("Give the profile a private_key_path, or write the source on its own, "
                            "with a key or a token."),
                    "the profile's way into Snowflake is not one that its SQL API has");
    return false;
}

static bool
profile_snowflake(struct profile *p)
{
    static const char *const same[] = {"account",  "user",   "role",      "warehouse",
                                       "database", "schema", "query_tag", NULL};
    eff_str host = profile_get(p, "host"), port = profile_get(p, "port"),
            protocol = profile_get(p, "protocol");

    for (size_t i = 0; same[i] != NULL; i++)
        profile_put(p, same[i], profile_get(p, same[i]));
    if (host.len > 0)
        profile_put(p, "url",
                    eff_str_printf(p->arena, EFF_STR_FMT "://" EFF_STR_FMT "%s" EFF_STR_FMT,
                                   EFF_STR_ARG(protocol.len > 0 ? protocol : EFF_STR("https")),
                                   EFF_STR_ARG(host), port.len > 0 ? ":" : "", EFF_STR_ARG(port)));
    return profile_snowflake_login(p);
}

/* ---- from profiles.yml to one output ---- */

static eff_str
profile_shown(const struct profile *p, eff_str path)
{
    eff_str root = p->input->root;

    if (eff_str_starts(path, root) && path.len > root.len + 1 && path.ptr[root.len] == '/')
        return eff_str_sub(path, root.len + 1, SIZE_MAX);
    return path;
}

static const struct eff_node *
profile_read(const struct profile *p, eff_str folder, const char *name)
{
    struct eff_err ignored = {0};
    const struct eff_node *documents;
    size_t count;
    eff_str bytes, path = eff_dbt_path(p->arena, folder, name);

    if (!p->input->read(p->input->files, path, p->arena, &bytes, &ignored) ||
        !eff_yaml_parse_aliased(bytes, profile_shown(p, path), p->arena, &count, &documents,
                                p->problems) ||
        count == 0 || documents[0].kind != EFF_NODE_MAP)
        return NULL;
    return &documents[0];
}

static const struct eff_node *
profile_file(const struct profile *p, eff_str *ret_looked)
{
    const struct eff_dbt_conf *dbt = &p->project->dbt;
    eff_str folders[3], home = EFF_STR("");
    size_t count = 0, total = eff_problems_total(p->problems);
    const struct eff_node *found = NULL;

    if (dbt->profiles_dir.len > 0 ||
        (profile_env(p, EFF_STR("DBT_PROFILES_DIR"), &folders[0]) && folders[0].len > 0)) {
        if (dbt->profiles_dir.len > 0)
            folders[0] = dbt->profiles_dir;
        count = 1;
    } else {
        folders[count++] = dbt->project;
        if (profile_env(p, EFF_STR("HOME"), &home) && home.len > 0)
            folders[count++] = eff_dbt_path(p->arena, home, ".dbt");
    }
    *ret_looked = EFF_STR("");
    for (size_t i = 0; i < count && found == NULL && total == eff_problems_total(p->problems);
         i++) {
        found = profile_read(p, folders[i], "profiles.yml");
        *ret_looked =
            eff_str_printf(p->arena, EFF_STR_FMT "%s" EFF_STR_FMT, EFF_STR_ARG(*ret_looked),
                           i ? " and " : "", EFF_STR_ARG(profile_shown(p, folders[i])));
    }
    return found;
}

/* "Did you mean `prod`? It has: dev, prod." */
static eff_str
profile_names_hint(const struct profile *p, eff_str name, size_t count, const eff_str *names)
{
    eff_str hint = eff_nearest_hint(p->problems, name, count, names);

    for (size_t i = 0; i < count && i < PROFILE_NAMES_SHOWN; i++)
        hint = eff_str_printf(p->arena, EFF_STR_FMT "%s" EFF_STR_FMT, EFF_STR_ARG(hint),
                              i > 0 ? ", " : &" It has: "[hint.len == 0],
                              EFF_STR_ARG(eff_value_shown(names[i])));
    return count == 0 ? hint
                      : eff_str_printf(p->arena, EFF_STR_FMT "%s", EFF_STR_ARG(hint),
                                       count > PROFILE_NAMES_SHOWN ? ", ..." : ".");
}

/* The value of that name in map; a problem with the names there are when it is not there. */
static const struct eff_node *
profile_named(const struct profile *p, const struct eff_node *map, const char *what, eff_str name)
{
    eff_str *names;
    size_t count = 0;

    for (size_t i = 0; map->kind == EFF_NODE_MAP && i < map->count; i++)
        if (eff_str_eq(map->keys[i].text, name))
            return &map->values[i];
    names = eff_new(p->arena, eff_str, map->count);
    for (size_t i = 0; map->kind == EFF_NODE_MAP && i < map->count; i++)
        names[count++] = map->keys[i].text;
    eff_problem_add(p->problems, map->place, "EFF1404", profile_names_hint(p, name, count, names),
                    "profiles.yml has no %s \"" EFF_STR_FMT "\"", what,
                    EFF_STR_ARG(eff_value_shown(name)));
    return NULL;
}

static bool
profile_name(const struct profile *p, eff_str *ret_name)
{
    const struct eff_node *project, *node;

    *ret_name = p->config->profile;
    if (ret_name->len > 0)
        return true;
    project = profile_read(p, p->project->dbt.project, "dbt_project.yml");
    node = project != NULL ? eff_node_get(project, "profile") : NULL;
    if (node != NULL && node->kind == EFF_NODE_SCALAR && profile_render(p, node, ret_name))
        return true;
    eff_problem_add(p->problems, p->place, "EFF1404",
                    EFF_STR("Add `profile:` with the name of a profile to this source."),
                    "dbt_project.yml names no profile");
    return false;
}

static bool
profile_target(const struct profile *p, const struct eff_node *profile,
               const struct eff_node *outputs, eff_str *ret_target)
{
    const struct eff_node *own = eff_node_get(profile, "target");
    eff_str asked = p->input->target;

    *ret_target = p->config->target;
    for (size_t i = 0; ret_target->len == 0 && asked.ptr != NULL && i < outputs->count; i++)
        if (outputs->kind == EFF_NODE_MAP && eff_str_eq(outputs->keys[i].text, asked))
            *ret_target = asked;
    if (ret_target->len == 0 && own != NULL && own->kind == EFF_NODE_SCALAR)
        return profile_render(p, own, ret_target);
    if (ret_target->len == 0)
        *ret_target = EFF_STR("default");
    return true;
}

static bool
profile_find(struct profile *p)
{
    const struct eff_node *file, *profile, *outputs;
    eff_str looked, name, target;
    size_t total = eff_problems_total(p->problems);

    if (!profile_name(p, &name))
        return false;
    file = profile_file(p, &looked);
    if (file == NULL) {
        if (total == eff_problems_total(p->problems))
            eff_problem_add(p->problems, p->place, "EFF1401",
                            EFF_STR("Say where it is by `dbt: {profiles_dir: ...}`."),
                            "there is no profiles.yml in " EFF_STR_FMT, EFF_STR_ARG(looked));
        return false;
    }
    profile = profile_named(p, file, "profile", name);
    if (profile == NULL)
        return false;
    outputs = profile->kind == EFF_NODE_MAP ? eff_node_get(profile, "outputs") : NULL;
    if (outputs == NULL) {
        eff_problem_add(p->problems, profile->place, "EFF1404", EFF_STR_NONE,
                        "profile \"" EFF_STR_FMT "\" has no `outputs`", EFF_STR_ARG(name));
        return false;
    }
    if (!profile_target(p, profile, outputs, &target))
        return false;
    p->output = profile_named(p, outputs, "output", target);
    return p->output != NULL;
}

static const struct eff_node *
profile_translate(const struct eff_project_input *input, const struct eff_project *project,
                  const void *config, struct eff_place place, struct eff_problems *problems)
{
    struct profile *p = eff_new(problems->arena, struct profile, 1);
    struct eff_node *block = eff_new(problems->arena, struct eff_node, 1);
    size_t total = eff_problems_total(problems);
    eff_str type;

    *p = (struct profile){.input = input,
                          .project = project,
                          .config = config,
                          .place = place,
                          .problems = problems,
                          .arena = problems->arena};
    if (project->dbt.project.len == 0) {
        eff_problem_add(problems, place, "EFF1404",
                        EFF_STR("Add `dbt: {project: ../analytics}` to efferent.yml."),
                        "`type: dbt` needs a dbt project, and the project names none");
        return NULL;
    }
    if (!profile_find(p))
        return NULL;
    type = profile_get(p, "type");
    profile_put(p, "type", type);
    if (eff_str_is(type, "postgres"))
        profile_postgres(p);
    else if (eff_str_is(type, "duckdb"))
        profile_duckdb(p);
    else if (eff_str_is(type, "bigquery"))
        profile_bigquery(p);
    else if (eff_str_is(type, "snowflake"))
        profile_snowflake(p);
    else
        eff_problem_add(problems, p->output->place, "EFF1404",
                        EFF_STR("Write the source on its own, with a `type:` and its options."),
                        "a profile of type \"" EFF_STR_FMT
                        "\" cannot be used: only postgres, duckdb, bigquery and snowflake are read "
                        "so far",
                        EFF_STR_ARG(eff_value_shown(type)));
    *block = (struct eff_node){.kind = EFF_NODE_MAP,
                               .place = p->output->place,
                               .count = p->count,
                               .keys = p->keys,
                               .values = p->values};
    return total == eff_problems_total(problems) ? block : NULL;
}

const struct eff_kind_desc eff_dbt_source_kind = {
    .kind = {"dbt", 3},
    .options = profile_options,
    .options_count = sizeof profile_options / sizeof profile_options[0],
    .config_size = sizeof(struct profile_config),
    .translate = profile_translate,
};
