/*
 * conf/expand: ${NAME} and ${secret:NAME} in scalars.
 *
 * A value is put in as it is and never looked at again: what a variable holds
 * cannot become another variable, a list or a mapping. "$${" stands for "${".
 */
#include "base/buf.h"
#include "conf/project.h"

#define EXPAND_BYTES_MAX ((size_t)1 << 20) /* of one scalar, variables included */

void
eff_fill_secret(struct eff_problems *problems, eff_str value)
{
    struct eff_fill *fill = problems->fill;

    if (fill == NULL || value.len == 0)
        return;
    for (size_t i = 0; i < fill->secrets_count; i++)
        if (eff_str_eq(fill->secrets[i], value))
            return;
    if (fill->secrets_count == fill->secrets_cap) {
        size_t cap = fill->secrets_cap ? 2 * fill->secrets_cap : 8;
        eff_str *grown = eff_new(problems->arena, eff_str, cap);
        if (fill->secrets_count > 0)
            memcpy(grown, fill->secrets, fill->secrets_count * sizeof *grown);
        fill->secrets = grown;
        fill->secrets_cap = cap;
    }
    fill->secrets[fill->secrets_count++] = eff_str_copy(problems->arena, value);
}

static bool
expand_name_valid(eff_str name, bool secret)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool digit = c >= '0' && c <= '9';
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (digit && i > 0) ||
              (secret && (digit || c == '-' || c == '.'))))
            return false;
    }
    return name.len > 0 && name.len <= 255;
}

static bool
expand_env(struct eff_problems *problems, struct eff_place place, eff_str name, eff_str *ret_value)
{
    const struct eff_lookup *lookup = problems->fill->lookup;

    if (lookup != NULL && lookup->env != NULL && lookup->env(lookup->self, name, ret_value)) {
        if (problems->fill->all_secret)
            eff_fill_secret(problems, *ret_value);
        return true;
    }
    eff_problem_add(problems, place, "EFF1106",
                    eff_str_printf(problems->arena, "Set the environment variable " EFF_STR_FMT ".",
                                   EFF_STR_ARG(name)),
                    "${" EFF_STR_FMT "} is not set", EFF_STR_ARG(name));
    return false;
}

static bool
expand_secret(struct eff_problems *problems, struct eff_place place, eff_str name,
              eff_str *ret_value)
{
    const struct eff_lookup *lookup = problems->fill->lookup;
    struct eff_err err = {0};

    if (problems->fill->secrets_broken)
        return false; /* said once, where the file is named */
    if (lookup != NULL && lookup->secret != NULL &&
        lookup->secret(lookup->self, name, ret_value, &err) == EFF_OK) {
        eff_fill_secret(problems, *ret_value);
        return true;
    }
    if (err.hint[0] == '\0')
        eff_err_hint(&err, "Provide it as a systemd credential, in the `secrets:` file, or as the "
                           "environment variable of that name.");
    eff_problem_add(problems, place, "EFF1106", eff_str_copy(problems->arena, eff_str_of(err.hint)),
                    "${secret:" EFF_STR_FMT "}: %s", EFF_STR_ARG(name),
                    err.msg[0] ? err.msg : "there is no such secret");
    return false;
}

/* One reference, `inner` being what stands between the braces. */
static bool
expand_one(struct eff_problems *problems, struct eff_place place, eff_str inner, eff_str *ret_value)
{
    bool secret = eff_str_starts(inner, EFF_STR("secret:"));
    eff_str name = secret ? eff_str_sub(inner, 7, SIZE_MAX) : inner;

    if (!expand_name_valid(name, secret)) {
        eff_problem_add(problems, place, "EFF1106",
                        EFF_STR("Write ${NAME} or ${secret:NAME}; $${ stands for ${ itself."),
                        "${" EFF_STR_FMT "} is not a variable",
                        EFF_STR_ARG(eff_str_sub(inner, 0, 60)));
        return false;
    }
    if (!(secret ? expand_secret : expand_env)(problems, place, name, ret_value))
        return false;
    if (!eff_utf8_valid(*ret_value) || eff_str_find_char(*ret_value, '\0') != SIZE_MAX) {
        eff_problem_add(problems, place, "EFF1106", EFF_STR_NONE,
                        "the value of ${" EFF_STR_FMT "} is not UTF-8 text", EFF_STR_ARG(inner));
        return false;
    }
    return true;
}

/* What starts at text[*at]: a reference, an escape, or plain text. Advances *at. */
static bool
expand_step(const struct eff_node *scalar, struct eff_problems *problems, size_t *at,
            struct eff_buf *out)
{
    eff_str rest = eff_str_sub(scalar->text, *at, SIZE_MAX);
    struct eff_place place = eff_node_place_at(scalar, *at);
    eff_str value = EFF_STR_NONE;
    size_t end;
    bool ok;

    if (eff_str_starts(rest, EFF_STR("$${"))) {
        eff_buf_add(out, EFF_STR("${"));
        *at += 3;
        return true;
    }
    if (!eff_str_starts(rest, EFF_STR("${"))) {
        eff_buf_add_char(out, rest.ptr[0]);
        *at += 1;
        return true;
    }
    end = eff_str_find_char(rest, '}');
    if (end == SIZE_MAX) {
        eff_problem_add(problems, place, "EFF1106",
                        EFF_STR("Close it with }, or write $${ for ${ itself."),
                        "${ is not closed");
        *at = scalar->text.len;
        return false;
    }
    ok = expand_one(problems, place, eff_str_sub(rest, 2, end - 2), &value);
    eff_buf_add(out, value);
    *at += end + 1;
    return ok;
}

bool
eff_node_expand(const struct eff_node *scalar, struct eff_problems *problems, eff_str *ret_text)
{
    struct eff_buf out = {.max = EXPAND_BYTES_MAX + scalar->text.len};
    bool ok = true;

    if (problems->fill == NULL || eff_str_find(scalar->text, EFF_STR("${")) == SIZE_MAX) {
        *ret_text = scalar->text;
        return true;
    }
    for (size_t at = 0; at < scalar->text.len;)
        ok = expand_step(scalar, problems, &at, &out) && ok;
    if (ok && out.full) {
        eff_problem_add(problems, scalar->place, "EFF1106", EFF_STR_NONE,
                        "the text is too long after its variables are put in");
        ok = false;
    }
    if (ok)
        *ret_text = eff_str_copy(problems->arena, eff_buf_str(&out));
    eff_buf_free(&out);
    if (ok && ret_text->ptr == NULL)
        *ret_text = EFF_STR("");
    return ok;
}

static bool
expand_needed(const struct eff_node *node)
{
    if (eff_str_find(node->text, EFF_STR("${")) != SIZE_MAX)
        return true;
    for (size_t i = 0; i < node->count; i++)
        if (expand_needed(&node->values[i]))
            return true;
    return false;
}

/* Keys are names, and stay as they stand. */
static struct eff_node
expand_copy(const struct eff_node *node, struct eff_problems *problems)
{
    struct eff_node copy = *node;
    struct eff_node *values;

    if (node->kind == EFF_NODE_SCALAR && eff_node_expand(node, problems, &copy.text) &&
        !eff_str_eq(copy.text, node->text)) {
        copy.inlined = false;
        copy.quoted = true; /* what comes from outside is text, whatever it looks like */
    }
    if (node->count == 0)
        return copy;
    values = eff_new(problems->arena, struct eff_node, node->count);
    for (size_t i = 0; i < node->count; i++)
        values[i] = expand_copy(&node->values[i], problems);
    copy.values = values;
    return copy;
}

const struct eff_node *
eff_node_expand_tree(const struct eff_node *node, struct eff_problems *problems)
{
    struct eff_node *copy;

    if (problems->fill == NULL || !expand_needed(node))
        return node;
    copy = eff_new(problems->arena, struct eff_node, 1);
    *copy = expand_copy(node, problems);
    return copy;
}

eff_str
eff_place_text(struct eff_arena *arena, struct eff_place place)
{
    if (place.line <= 0)
        return place.file;
    return eff_str_printf(arena, EFF_STR_FMT ":%d:%d", EFF_STR_ARG(place.file), place.line,
                          place.column);
}

eff_str
eff_place_path(struct eff_place place, eff_str path, struct eff_problems *problems)
{
    eff_str root = problems->fill ? problems->fill->root : EFF_STR("");
    eff_str folder = place.file;

    if (problems->fill == NULL || path.len == 0 || path.ptr[0] == '/')
        return path;
    while (folder.len > 0 && folder.ptr[folder.len - 1] != '/')
        folder.len--;
    while (eff_str_starts(path, EFF_STR("./")))
        path = eff_str_sub(path, 2, SIZE_MAX);
    return eff_str_printf(problems->arena, EFF_STR_FMT "%s" EFF_STR_FMT EFF_STR_FMT,
                          EFF_STR_ARG(root), eff_str_ends(root, EFF_STR("/")) ? "" : "/",
                          EFF_STR_ARG(folder), EFF_STR_ARG(path));
}
