/*
 * dbt/catalog: one pass over catalog.json.
 */
#include "dbt/catalog.h"

#define CATALOG_TABLE_MAX ((size_t)64 << 20)

struct catalog_reader {
    struct eff_scan *scan;
    struct eff_arena *arena;
    struct eff_arena work;
    size_t refs_count;
    const struct eff_model_ref *refs;
    struct eff_dbt_catalog *catalog;
};

static enum eff_fault
catalog_table(struct catalog_reader *r, eff_str id, struct eff_err *err)
{
    struct eff_dbt_catalog *catalog = r->catalog;
    struct eff_dbt_table table = {.id = eff_str_copy(r->arena, id)};
    const struct eff_json *value, *columns, *column;
    struct eff_json_iter iter;
    eff_str name;

    eff_arena_reset(&r->work);
    EFF_TRY(eff_scan_value(r->scan, CATALOG_TABLE_MAX, &r->work, &value, err));
    columns = eff_json_get(value, EFF_STR("columns"));
    table.columns = eff_new(r->arena, struct eff_dbt_column, eff_json_count(columns));
    iter = eff_json_iterate(columns);
    while (eff_json_next(&iter, &name, &column))
        table.columns[table.columns_count++] = (struct eff_dbt_column){
            .name = eff_str_copy(r->arena, name),
            .type = eff_str_copy(r->arena, eff_json_str(eff_json_get(column, EFF_STR("type")))),
        };
    catalog->tables = eff_dbt_room(r->arena, catalog->tables, catalog->count, sizeof table);
    catalog->tables[catalog->count++] = table;
    return EFF_OK;
}

static enum eff_fault
catalog_tables(struct catalog_reader *r, struct eff_err *err)
{
    bool there, more = true;
    eff_str id;

    EFF_TRY(eff_scan_object(r->scan, &there, err));
    while (there && more) {
        EFF_TRY(eff_scan_key(r->scan, &id, &more, err));
        if (more)
            EFF_TRY(eff_dbt_wanted(r->refs_count, r->refs, id) ? catalog_table(r, id, err)
                                                               : eff_scan_skip(r->scan, err));
    }
    return EFF_OK;
}

static enum eff_fault
catalog_metadata(struct catalog_reader *r, struct eff_err *err)
{
    const struct eff_json *value;

    eff_arena_reset(&r->work);
    EFF_TRY(eff_scan_value(r->scan, CATALOG_TABLE_MAX, &r->work, &value, err));
    r->catalog->invocation =
        eff_str_copy(r->arena, eff_json_str(eff_json_get(value, EFF_STR("invocation_id"))));
    if (eff_dbt_schema_version(eff_json_str(eff_json_get(value, EFF_STR("dbt_schema_version"))),
                               "catalog") == 0)
        return EFF_FAIL(err, EFF_CONFIG, "is no catalog.json of dbt");
    return EFF_OK;
}

static enum eff_fault
catalog_document(struct catalog_reader *r, struct eff_err *err)
{
    bool there, more = true, dbt = false;
    eff_str key;

    EFF_TRY(eff_scan_object(r->scan, &there, err));
    while (there && more) {
        EFF_TRY(eff_scan_key(r->scan, &key, &more, err));
        if (!more)
            break;
        dbt = dbt || eff_str_is(key, "metadata");
        if (eff_str_is(key, "metadata"))
            EFF_TRY(catalog_metadata(r, err));
        else if (eff_str_is(key, "nodes") || eff_str_is(key, "sources"))
            EFF_TRY(catalog_tables(r, err));
        else
            EFF_TRY(eff_scan_skip(r->scan, err));
    }
    return dbt ? eff_scan_end(r->scan, err)
               : EFF_FAIL(err, EFF_CONFIG, "is no catalog.json of dbt");
}

enum eff_fault
eff_dbt_catalog_read(struct eff_scan *scan, size_t refs_count, const struct eff_model_ref *refs,
                     struct eff_arena *arena, struct eff_dbt_catalog *ret_catalog,
                     struct eff_err *err)
{
    struct catalog_reader r = {.scan = scan,
                               .arena = arena,
                               .refs_count = refs_count,
                               .refs = refs,
                               .catalog = ret_catalog};
    enum eff_fault fault;

    *ret_catalog = (struct eff_dbt_catalog){0};
    eff_arena_init(&r.work, "catalog.json", 8 * CATALOG_TABLE_MAX);
    fault = catalog_document(&r, err);
    eff_arena_deinit(&r.work);
    return fault;
}

const struct eff_dbt_table *
eff_dbt_catalog_find(const struct eff_dbt_catalog *catalog, eff_str id)
{
    for (size_t i = 0; i < catalog->count; i++)
        if (eff_str_eq(catalog->tables[i].id, id))
            return &catalog->tables[i];
    return NULL;
}
