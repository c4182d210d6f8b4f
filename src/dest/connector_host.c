/* connector_host: where a connector file may lead: the hosts that it names, its literal addresses. */
#include "dest/connector_internal.h"

/* ---- names ---- */

eff_str
eff_connector_host(eff_str url, bool *ret_https)
{
    eff_str host;
    size_t end = 0;

    *ret_https = eff_str_starts(url, EFF_STR("https://"));
    if (!*ret_https && !eff_str_starts(url, EFF_STR("http://")))
        return EFF_STR_NONE;
    host = eff_str_sub(url, *ret_https ? 8 : 7, SIZE_MAX);
    while (end < host.len && host.ptr[end] != '/') {
        char c = host.ptr[end++];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '-' || c == ':' || c == '[' || c == ']' || c == '_';

        if (!plain)
            return EFF_STR_NONE;
    }
    host.len = end;
    return host.len > 0 ? host : EFF_STR_NONE;
}

eff_str
eff_connector_host_name(eff_str host)
{
    eff_str name = host;

    if (host.len > 0 && host.ptr[0] == '[') {
        size_t close = eff_str_find_char(host, ']');

        return close == SIZE_MAX ? host : eff_str_sub(host, 1, close - 1);
    }
    eff_str_cut(host, ':', &name, &host);
    return name;
}

static bool
host_matches(eff_str pattern, eff_str name)
{
    if (!eff_str_starts(pattern, EFF_STR("*.")))
        return eff_str_eq_nocase(pattern, name);
    pattern = eff_str_sub(pattern, 1, SIZE_MAX); /* ".example.com" */
    return name.len > pattern.len &&
           eff_str_eq_nocase(eff_str_sub(name, name.len - pattern.len, SIZE_MAX), pattern);
}

bool
eff_connector_declares(const struct eff_connector *connector, eff_str name)
{
    for (size_t i = 0; i < connector->hosts.count; i++)
        if (host_matches(connector->hosts.at[i], name))
            return true;
    return false;
}

/* ---- `hosts` ---- */

/* Labels of letters, digits, - and _; the last opens with a letter, as no address does. 0: no name. */
static size_t
host_labels(eff_str name)
{
    eff_str label, rest = name;
    size_t labels = 0;
    bool more = true;

    while (more) {
        more = eff_str_cut(rest, '.', &label, &rest);
        for (size_t i = 0; i < label.len; i++) {
            char c = (char)(label.ptr[i] | 0x20);

            if ((c < 'a' || c > 'z') && (label.ptr[i] < '0' || label.ptr[i] > '9') &&
                label.ptr[i] != '-' && label.ptr[i] != '_')
                return 0;
        }
        if (label.len == 0)
            return 0;
        labels++;
    }
    return (label.ptr[0] | 0x20) >= 'a' && (label.ptr[0] | 0x20) <= 'z' ? labels : 0;
}

/* Below which anybody gets a name of his own: `com`, `co.uk`, and what hosts pages for all. */
static bool
host_is_public(eff_str name)
{
    static const char *const seconds[] = {"ac",  "co",  "com",  "edu", "go",  "gob", "gov",
                                          "gv",  "in",  "info", "ltd", "me",  "mil", "ne",
                                          "net", "nom", "or",   "org", "plc", "sch"};
    static const char *const shared[] = {
        "amazonaws.com", "appspot.com", "azurewebsites.net", "cloudfront.net", "github.io",
        "herokuapp.com", "netlify.app", "ngrok.io",          "ngrok.app",      "pages.dev",
        "run.app",       "vercel.app",  "web.app",           "workers.dev"};
    eff_str first, top;

    eff_str_cut(name, '.', &first, &top);
    for (size_t i = 0; top.len == 2 && i < sizeof seconds / sizeof seconds[0]; i++)
        if (eff_str_eq_nocase(first, eff_str_of(seconds[i])))
            return true;
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++)
        if (eff_str_eq_nocase(name, eff_str_of(shared[i])))
            return true;
    return false;
}

static bool
host_one(struct eff_compile *c, const struct eff_node *node)
{
    bool star = eff_str_starts(node->text, EFF_STR("*."));
    eff_str name = eff_str_sub(node->text, star ? 2 : 0, SIZE_MAX);
    size_t labels = host_labels(name);
    const char *wrong = labels == 0 || (labels == 1 && !star)
                            ? "names like api.example.com or *.example.com, no addresses or ports"
                        : star && (labels == 1 || host_is_public(name))
                            ? "a wildcard only below a domain that is a vendor's own"
                            : NULL;

    if (wrong)
        eff_problem_add(c->problems, node->place, EFF_CONNECTOR_CODE, EFF_STR(""),
                        "`hosts` has %s, found \"" EFF_STR_FMT "\"", wrong,
                        EFF_STR_ARG(eff_str_sub(node->text, 0, 80)));
    return wrong == NULL;
}

bool
eff_compile_hosts(struct eff_compile *c, const struct eff_node *node)
{
    bool good = true;

    if (!node || node->kind != EFF_NODE_LIST)
        return !node || host_one(c, node);
    for (size_t i = 0; i < node->count; i++)
        good &= host_one(c, &node->values[i]);
    return good;
}

/* ---- addresses ---- */

bool
eff_compile_leads(struct eff_compile *c, struct eff_place place, eff_str address, bool whole)
{
    bool https;
    eff_str host = eff_connector_host(address, &https);
    bool ends = whole || eff_str_find_char(eff_str_sub(address, 8, SIZE_MAX), '/') != SIZE_MAX;

    if (!eff_str_starts(address, EFF_STR("https://"))) {
        eff_problem_add(c->problems, place, EFF_CONNECTOR_CODE,
                        EFF_STR("Only the project itself may write http://, in such an option."),
                        "an address opens with https://, or with an option of type url");
        return false;
    }
    if (!ends || (host.ptr && eff_connector_declares(c->connector, eff_connector_host_name(host))))
        return true;
    eff_problem_add(c->problems, place, EFF_CONNECTOR_CODE,
                    EFF_STR("Name the host in `hosts`; a project that means another one writes it "
                            "in an option of type url."),
                    "\"" EFF_STR_FMT "\" leads to no host that `hosts` names",
                    EFF_STR_ARG(eff_str_sub(address, 0, 200)));
    return false;
}

bool
eff_compile_address(struct eff_compile *c, const struct eff_node *node, unsigned allows,
                    struct eff_text *ret_text)
{
    if (!eff_compile_text(c, node, allows, ret_text))
        return false;
    // What stands in the project is its own word, and looked at when it is called.
    if (!node || c->project || (ret_text->count > 0 && ret_text->parts[0].is_ref))
        return true;
    return eff_compile_leads(c, node->place,
                             ret_text->count > 0 ? ret_text->parts[0].text : EFF_STR(""),
                             ret_text->count == 1);
}
