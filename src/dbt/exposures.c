/*
 * dbt/exposures: one exposure per sync, so that it stands in dbt's lineage.
 *
 * Texts are written as JSON, which YAML reads.
 */
#include "base/json.h"
#include "dbt/dbt.h"

static const char *const exposure_maturity[] = {"", "low", "medium", "high"};

/* dbt takes letters, digits and _; a name that is there already gets a number. */
static void
exposure_name(const struct eff_project *project, size_t at, struct eff_buf *buf)
{
    eff_str name = project->syncs[at].name;
    size_t same = 0;

    for (size_t i = 0; i < at; i++) {
        eff_str other = project->syncs[i].name;
        bool equal = other.len == name.len;
        for (size_t k = 0; equal && k < name.len; k++)
            equal = (other.ptr[k] == '-' ? '_' : other.ptr[k]) ==
                    (name.ptr[k] == '-' ? '_' : name.ptr[k]);
        same += equal;
    }
    eff_buf_add(buf, EFF_STR("efferent_"));
    for (size_t k = 0; k < name.len; k++)
        eff_buf_add_char(buf, name.ptr[k] == '-' ? '_' : name.ptr[k]);
    if (same > 0)
        eff_buf_addf(buf, "_%zu", same + 1);
}

static void
exposure_text(struct eff_buf *buf, const char *key, eff_str value)
{
    struct eff_json_writer w = {.buf = buf};

    if (value.len == 0)
        return;
    eff_buf_add(buf, eff_str_of(key));
    eff_json_write_str(&w, value);
    eff_buf_add_char(buf, '\n');
}

static void
exposure_depends(struct eff_buf *buf, const struct eff_model_ref *ref)
{
    eff_buf_addf(buf, "    depends_on:\n      - %s(", ref->is_source ? "source" : "ref");
    if (ref->package.ptr != NULL)
        eff_buf_addf(buf, "'" EFF_STR_FMT "', ", EFF_STR_ARG(ref->package));
    eff_buf_addf(buf, "'" EFF_STR_FMT "'", EFF_STR_ARG(ref->name));
    if (ref->version.ptr != NULL)
        eff_buf_addf(buf, ", v=" EFF_STR_FMT, EFF_STR_ARG(ref->version));
    eff_buf_add(buf, EFF_STR(")\n"));
}

static void
exposure_owner(const struct eff_project *project, const struct eff_exposure_conf *own,
               struct eff_buf *buf)
{
    const struct eff_exposure_conf *of = &project->dbt.exposure;
    bool given = own->owner_name.len > 0 || own->owner_email.len > 0;
    eff_str name = given ? own->owner_name : of->owner_name;
    eff_str email = given ? own->owner_email : of->owner_email;

    if (name.len == 0 && email.len == 0)
        name = project->name;
    eff_buf_add(buf, EFF_STR("    owner:\n"));
    exposure_text(buf, "      name: ", name);
    exposure_text(buf, "      email: ", email);
}

static void
exposure_one(const struct eff_project *project, size_t at, struct eff_arena scratch,
             struct eff_buf *buf)
{
    const struct eff_sync_conf *sync = &project->syncs[at];
    const struct eff_exposure_conf *of = &project->dbt.exposure, *own = &sync->exposure;
    int maturity = own->maturity > 0 ? own->maturity : of->maturity;

    eff_buf_add(buf, EFF_STR("\n  - name: "));
    exposure_name(project, at, buf);
    eff_buf_add_char(buf, '\n');
    exposure_text(buf, "    label: ",
                  eff_str_printf(&scratch, EFF_STR_FMT ": " EFF_STR_FMT " to " EFF_STR_FMT,
                                 EFF_STR_ARG(sync->name), EFF_STR_ARG(sync->ref.name),
                                 EFF_STR_ARG(sync->dest->name)));
    eff_buf_add(buf, EFF_STR("    type: application\n"));
    if (maturity > 0)
        eff_buf_addf(buf, "    maturity: %s\n", exposure_maturity[maturity]);
    exposure_text(buf, "    url: ", own->url.len > 0 ? own->url : of->url);
    exposure_text(buf, "    description: ", sync->description);
    exposure_depends(buf, &sync->ref);
    exposure_owner(project, own, buf);
    eff_buf_add(buf, EFF_STR("    config:\n      meta:\n        efferent:\n"));
    exposure_text(buf, "          sync: ", sync->name);
    exposure_text(buf, "          destination: ", sync->dest->name);
    exposure_text(buf, "          object: ", sync->object);
    eff_buf_addf(buf, "          mode: %s\n", eff_mode_names[sync->mode]);
}

size_t
eff_dbt_exposures(const struct eff_project *project, const bool *chosen, struct eff_arena scratch,
                  struct eff_buf *buf)
{
    size_t count = 0;

    eff_buf_add(buf, EFF_STR("# Written by `efferent dbt exposures`; syncs as dbt's lineage shows "
                             "them.\nversion: 2\n\nexposures:"));
    for (size_t i = 0; i < project->syncs_count; i++) {
        if (!chosen[i] || project->syncs[i].model_kind != EFF_MODEL_REF)
            continue;
        exposure_one(project, i, scratch, buf);
        count++;
    }
    eff_buf_add(buf, count > 0 ? EFF_STR("") : EFF_STR(" []\n"));
    return count;
}
