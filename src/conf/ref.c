/*
 * conf/ref: `ref('package', 'name', v=2)` and `source('name', 'table')`, as dbt writes them.
 */
#include "conf/project.h"

bool
eff_ref_take_text(eff_str *rest, eff_str *ret_text)
{
    eff_str s = eff_str_trim(*rest);
    size_t end;

    if (s.len == 0 || (s.ptr[0] != '\'' && s.ptr[0] != '"'))
        return false;
    end = eff_str_find_char(eff_str_sub(s, 1, SIZE_MAX), s.ptr[0]);
    if (end == SIZE_MAX)
        return false;
    *ret_text = eff_str_sub(s, 1, end);
    *rest = eff_str_trim(eff_str_sub(s, end + 2, SIZE_MAX));
    return true;
}

/* A name, which is never empty. */
static bool
ref_text(eff_str *rest, eff_str *ret_text)
{
    return eff_ref_take_text(rest, ret_text) && ret_text->len > 0;
}

/* v=2, version='2', or nothing of the kind. */
static bool
ref_version(eff_str *rest, eff_str *ret_version)
{
    eff_str name, value, s = *rest;

    if (!eff_str_cut(s, '=', &name, &value))
        return false;
    name = eff_str_trim(name);
    if (!eff_str_is(name, "v") && !eff_str_is(name, "version"))
        return false;
    value = eff_str_trim(value);
    if (ref_text(&value, ret_version)) {
        *rest = value;
        return true;
    }
    *ret_version = value;
    *rest = EFF_STR("");
    for (size_t i = 0; i < value.len; i++)
        if (!(value.ptr[i] >= '0' && value.ptr[i] <= '9') && value.ptr[i] != '.')
            return false;
    return value.len > 0;
}

/* The word before the brackets, and what stands between them. */
static bool
ref_call(eff_str text, eff_str *ret_word, eff_str *ret_inner)
{
    eff_str s = eff_str_trim(text);

    if (eff_str_starts(s, EFF_STR("{{")) && eff_str_ends(s, EFF_STR("}}")) && s.len >= 4)
        s = eff_str_trim(eff_str_sub(s, 2, s.len - 4));
    if (!eff_str_ends(s, EFF_STR(")")) || !eff_str_cut(s, '(', ret_word, ret_inner))
        return false;
    *ret_word = eff_str_trim(*ret_word);
    *ret_inner = eff_str_trim(eff_str_sub(*ret_inner, 0, ret_inner->len - 1));
    return true;
}

bool
eff_model_ref_parse(eff_str text, struct eff_model_ref *ret_ref, const char **ret_wrong)
{
    eff_str word, rest, names[2];
    size_t count = 0;
    bool more = true;

    *ret_ref = (struct eff_model_ref){0};
    *ret_wrong = "expected ref(...) or source(...)";
    if (!ref_call(text, &word, &rest))
        return false;
    ret_ref->is_source = eff_str_is(word, "source");
    if (!ret_ref->is_source && !eff_str_is(word, "ref"))
        return false;
    *ret_wrong = "expected names in quotes, with commas between them";
    while (more) {
        bool version = !ret_ref->is_source && count > 0 && ref_version(&rest, &ret_ref->version);
        if (!version && (count == 2 || !ref_text(&rest, &names[count++])))
            return false;
        more = rest.len > 0;
        if (more && (version || rest.ptr[0] != ','))
            return false;
        rest = eff_str_trim(eff_str_sub(rest, more, SIZE_MAX));
    }
    *ret_wrong = "source() needs two names: of the source and of its table";
    if (ret_ref->is_source && count != 2)
        return false;
    ret_ref->package = count == 2 ? names[0] : EFF_STR_NONE;
    ret_ref->name = names[count - 1];
    return true;
}
