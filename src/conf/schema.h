/*
 * conf/schema: what the option tables say, for editors and for people.
 */
#ifndef EFF_CONF_SCHEMA_H
#define EFF_CONF_SCHEMA_H

#include "base/buf.h"
#include "conf/project.h"

/* The kinds that this program has, as for eff_project_load. */
struct eff_schema_kinds {
    size_t sources_count;
    const struct eff_kind_desc *sources;
    size_t dests_count;
    const struct eff_kind_desc *dests;
};

/* JSON Schema (draft 2020-12) of one document: efferent.yml, or a sync. */
void eff_schema_write(struct eff_buf *buf, const struct eff_schema_kinds *kinds);
/* docs/reference/configuration.md */
void eff_schema_reference(struct eff_buf *buf, const struct eff_schema_kinds *kinds);
/* Options as a Markdown table. */
void eff_schema_options(struct eff_buf *buf, const struct eff_option *rows, size_t count);
/* Text inside a Markdown table: a pipe would end the cell. */
void eff_schema_cell(struct eff_buf *buf, eff_str text);

#endif
