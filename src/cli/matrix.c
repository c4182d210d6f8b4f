/*
 * cli/matrix: what each destination can do, asked of the very code that refuses the rest.
 *
 * Each kind is opened with made-up options and bound in each mode, with each removal and
 * for each object that its connector tells apart. Nothing is sent.
 */
#include "cli/cli.h"
#include "conf/value.h"
#include "dest/connector.h"

#define MATRIX_OBJECTS_MAX 64
#define MATRIX_OTHER       "any" /* an object that the connector does not name */
#define MATRIX_NONE        ((enum eff_mode)0)

struct matrix {
    struct eff_arena *arena;
    const struct eff_kind_desc *kind;
    const struct eff_connector *connector; /* NULL: a C driver */
    struct eff_dest *dest;
    size_t objects_count;
    eff_str objects[MATRIX_OBJECTS_MAX];
    struct eff_matrix_row rows[MATRIX_OBJECTS_MAX];
    eff_str cells[MATRIX_OBJECTS_MAX]; /* objects that can do the same share a line */
};

/* ---- opening ---- */

/* Something that the option takes; addresses of databases have their kind as scheme. */
static const char *
matrix_value(const struct matrix *m, const struct eff_option *option)
{
    if (option->kind == EFF_OPT_URL)
        return "https://example.com";
    if (option->kind == EFF_OPT_STR && strcmp(option->name, "url") == 0)
        return eff_str_printf(m->arena, EFF_STR_FMT "://user@localhost/db",
                              EFF_STR_ARG(m->kind->kind))
            .ptr;
    return "example";
}

static const void *
matrix_config(const struct matrix *m)
{
    char *config = eff_arena_alloc(m->arena, m->kind->config_size + 1, 16, 1);
    struct eff_problems problems = {.arena = m->arena};

    for (size_t i = 0; i < m->kind->options_count; i++) {
        struct eff_option option = m->kind->options[i];

        if ((option.flags & EFF_OPT_REQUIRED) && option.fallback == NULL &&
            (option.kind == EFF_OPT_STR || option.kind == EFF_OPT_SECRET ||
             option.kind == EFF_OPT_URL || option.kind == EFF_OPT_PATH))
            option.fallback = matrix_value(m, &option);
        if (option.fallback != NULL)
            eff_option_default(&option, (struct eff_place){0}, config + option.offset, &problems);
    }
    return config;
}

static bool
matrix_open(struct matrix *m)
{
    struct eff_dest_conf *conf = eff_new(m->arena, struct eff_dest_conf, 1);
    const struct eff_dest_kind *kind = m->kind->user;
    struct eff_err err = {0};

    *conf =
        (struct eff_dest_conf){.name = m->kind->kind, .kind = m->kind, .config = matrix_config(m)};
    return kind->ops->open(conf, m->arena, &m->dest, &err) == EFF_OK;
}

static void
matrix_close(struct matrix *m)
{
    if (m->dest && m->dest->ops->close)
        m->dest->ops->close(m->dest);
    m->dest = NULL;
}

/* What it says of itself may depend on the mode that it was bound in. */
static bool
matrix_reopen(struct matrix *m)
{
    matrix_close(m);
    return matrix_open(m);
}

/* ---- objects ---- */

static void
matrix_object(struct matrix *m, eff_str object)
{
    for (size_t i = 0; i < m->objects_count; i++)
        if (eff_str_eq(m->objects[i], object))
            return;
    if (m->objects_count < MATRIX_OBJECTS_MAX)
        m->objects[m->objects_count++] = object;
}

/* Those that the connector tells apart, and one for all others where it takes others. */
static void
matrix_objects(struct matrix *m)
{
    const struct eff_connector *c = m->connector;
    bool open = c == NULL || c->objects.only.count == 0;

    for (size_t i = 0; c && i < c->objects.only.count; i++)
        matrix_object(m, c->objects.only.at[i]);
    for (int op = 0; c && open && op < EFF_OPS_COUNT; op++)
        for (size_t v = 0; v < c->ops[op].variants_count; v++)
            for (size_t i = 0; i < c->ops[op].variants[v].objects.count; i++)
                matrix_object(m, c->ops[op].variants[v].objects.at[i]);
    if (open || eff_connector_takes_lists(c))
        matrix_object(m, EFF_STR(MATRIX_OTHER));
}

/* ---- asking ---- */

static bool
matrix_bind(struct matrix *m, eff_str object, enum eff_mode mode, enum eff_removed removed,
            struct eff_op_limits limits[EFF_OPS_COUNT])
{
    const struct eff_connector *c = m->connector;
    size_t identifiers = c && mode == EFF_MODE_MEMBERS ? c->identifiers.count : 0;
    size_t found_by =
        c && mode == EFF_MODE_MEMBERS && identifiers == 0 ? c->objects.match.count : 0;
    size_t fields_count = identifiers + found_by;
    eff_str *fields = eff_new(m->arena, eff_str, fields_count);
    bool pair = false;
    eff_str match[] = {EFF_STR("id"), EFF_STR_NONE};
    struct eff_err err = {0};
    struct eff_dest_sync sync = {.name = EFF_STR("sync"),
                                 .run = EFF_STR("run"),
                                 .object = object,
                                 .mode = mode,
                                 .on_removed = removed,
                                 .match_count = 1,
                                 .match_names = match,
                                 .fields_count = fields_count,
                                 .field_names = fields};

    for (size_t i = 0; i < fields_count; i++)
        fields[i] = i < identifiers ? c->identifiers.at[i].name : c->objects.match.at[i];
    if (c && c->objects.match.count > 0)
        match[0] = c->objects.match.at[0];
    for (size_t i = 0; c && i < c->objects.pairs.count; i++)
        pair |= eff_str_eq(c->objects.pairs.at[i], object);
    sync.match_count += pair;
    if (pair)
        match[0] = match[1] = EFF_STR("a.id");
    return m->dest->ops->bind(m->dest, &sync, limits, &err) == EFF_OK;
}

static enum eff_mode
matrix_modes(struct matrix *m, eff_str object, struct eff_matrix_row *row)
{
    enum eff_mode first = MATRIX_NONE;
    struct eff_op_limits limits[EFF_OPS_COUNT];

    for (int mode = EFF_MODE_UPSERT; mode <= EFF_MODE_MEMBERS; mode++) {
        row->modes[mode] =
            mode == EFF_MODE_MIRROR
                ? matrix_bind(m, object, EFF_MODE_MIRROR, EFF_REMOVED_DELETE, limits) ||
                      matrix_bind(m, object, EFF_MODE_MIRROR, EFF_REMOVED_ARCHIVE, limits)
                : matrix_bind(m, object, (enum eff_mode)mode, EFF_REMOVED_KEEP, limits);
        if (row->modes[mode] && first == MATRIX_NONE)
            first = (enum eff_mode)mode;
    }
    return first;
}

static void
matrix_ask(struct matrix *m, eff_str object, struct eff_matrix_row *row)
{
    static const enum eff_op modes_ops[] = {[EFF_MODE_UPSERT] = EFF_OP_UPSERT,
                                            [EFF_MODE_UPDATE] = EFF_OP_UPDATE,
                                            [EFF_MODE_INSERT] = EFF_OP_CREATE,
                                            [EFF_MODE_APPEND] = EFF_OP_APPEND};
    static const enum eff_op removals_ops[] = {EFF_OP_NONE, EFF_OP_CLEAR, EFF_OP_ARCHIVE,
                                               EFF_OP_DELETE};
    struct eff_op_limits limits[EFF_OPS_COUNT];
    bool leads[EFF_OPS_COUNT] = {0};
    enum eff_mode first = matrix_modes(m, object, row);

    for (int removed = EFF_REMOVED_CLEAR; removed <= EFF_REMOVED_DELETE; removed++)
        row->removals[removed] = (first == EFF_MODE_UPSERT || first == EFF_MODE_UPDATE) &&
                                 matrix_bind(m, object, first, (enum eff_removed)removed, limits);
    if (first == MATRIX_NONE || !matrix_reopen(m) ||
        !matrix_bind(m, object, first, EFF_REMOVED_KEEP, limits))
        return;
    row->reads = m->dest->can_read;
    row->asked = m->dest->can_describe;
    for (int mode = EFF_MODE_UPSERT; mode < EFF_MODE_MEMBERS; mode++)
        leads[modes_ops[mode]] |= mode != EFF_MODE_MIRROR && row->modes[mode];
    for (int removed = EFF_REMOVED_CLEAR; removed <= EFF_REMOVED_DELETE; removed++)
        leads[removals_ops[removed]] = row->removals[removed];
    leads[EFF_OP_ADD] = leads[EFF_OP_REMOVE] = row->modes[EFF_MODE_MEMBERS];
    for (int op = 0; op < EFF_OPS_COUNT; op++)
        if (leads[op]) {
            row->ops[op] = limits[op];
            row->ops[op].supported = true;
        }
}

/* ---- writing ---- */

static void
matrix_removals(struct eff_buf *buf, const struct eff_matrix_row *row)
{
    const char *before = "";

    for (int removed = EFF_REMOVED_CLEAR; removed <= EFF_REMOVED_DELETE; removed++) {
        if (!row->removals[removed])
            continue;
        eff_buf_addf(buf, "%s%s", before, eff_removed_names[removed]);
        before = ", ";
    }
}

/* "converge: upsert, delete; blind: append" */
static void
matrix_classes(struct eff_buf *buf, const struct eff_matrix_row *row)
{
    static const struct {
        enum eff_class class;
        const char *name;
    } classes[] = {{EFF_CLASS_CONVERGE, "converge"},
                   {EFF_CLASS_KEYED, "keyed"},
                   {EFF_CLASS_LOOKUP, "lookup"},
                   {EFF_CLASS_BLIND, "blind"}};
    const char *outer = "";

    for (size_t c = 0; c < sizeof classes / sizeof classes[0]; c++) {
        const char *inner = "";

        for (int op = 0; op < EFF_OPS_COUNT; op++) {
            if (!row->ops[op].supported || row->ops[op].class != classes[c].class)
                continue;
            if (inner[0] == '\0')
                eff_buf_addf(buf, "%s%s:", outer, classes[c].name);
            eff_buf_addf(buf, "%s %s", inner, eff_op_name((enum eff_op)op));
            inner = ",";
            outer = "; ";
        }
    }
}

static eff_str
matrix_cells(const struct matrix *m, const struct eff_matrix_row *row)
{
    struct eff_buf buf = {0};
    eff_str cells;

    for (int mode = EFF_MODE_UPSERT; mode <= EFF_MODE_MEMBERS; mode++)
        eff_buf_add(&buf, row->modes[mode] ? EFF_STR(" x |") : EFF_STR(" |"));
    eff_buf_add(&buf, EFF_STR(" "));
    matrix_removals(&buf, row);
    eff_buf_addf(&buf, " |%s |%s | ", row->asked ? " x" : "", row->reads ? " x" : "");
    matrix_classes(&buf, row);
    eff_buf_add(&buf, EFF_STR(" |\n"));
    cells = eff_str_copy(m->arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return cells;
}

/* What stands for the objects that have no name here. */
static eff_str
matrix_others(const struct matrix *m, bool besides)
{
    if (m->connector && m->connector->objects.only.count > 0)
        return EFF_STR("a list");
    return besides ? EFF_STR("others") : EFF_STR("any");
}

/* The line of the first object, with all that have the same cells; none for a later one. */
static void
matrix_write(struct eff_buf *buf, const struct matrix *m, size_t first)
{
    const char *before = "";

    for (size_t i = 0; i < first; i++)
        if (eff_str_eq(m->cells[i], m->cells[first]))
            return;
    eff_buf_addf(buf, "| `" EFF_STR_FMT "` | ", EFF_STR_ARG(m->kind->kind));
    for (size_t i = first; i < m->objects_count; i++) {
        if (!eff_str_eq(m->cells[i], m->cells[first]))
            continue;
        if (eff_str_is(m->objects[i], MATRIX_OTHER))
            eff_buf_addf(buf, "%s" EFF_STR_FMT, before, EFF_STR_ARG(matrix_others(m, before[0])));
        else
            eff_buf_addf(buf, "%s`" EFF_STR_FMT "`", before, EFF_STR_ARG(m->objects[i]));
        before = ", ";
    }
    eff_buf_add(buf, EFF_STR(" |"));
    eff_buf_add(buf, m->cells[first]);
}

static void
matrix_kind(struct eff_buf *buf, const struct eff_kind_desc *kind, struct eff_arena scratch)
{
    const struct eff_dest_kind *dest = kind->user;
    struct matrix *m = eff_new(&scratch, struct matrix, 1);

    m->arena = &scratch;
    m->kind = kind;
    m->connector = dest->connector;
    if (m->connector && m->connector->sections.count > 0) {
        eff_buf_addf(buf,
                     "| `" EFF_STR_FMT "` | what its `operations:` declare | | | | | | | | | | |\n",
                     EFF_STR_ARG(kind->kind));
        return;
    }
    if (!matrix_open(m)) {
        eff_buf_addf(buf, "| `" EFF_STR_FMT "` | not known | | | | | | | | | | |\n",
                     EFF_STR_ARG(kind->kind));
        return;
    }
    matrix_objects(m);
    for (size_t i = 0; i < m->objects_count; i++) {
        matrix_ask(m, m->objects[i], &m->rows[i]);
        m->cells[i] = matrix_cells(m, &m->rows[i]);
    }
    for (size_t i = 0; i < m->objects_count; i++)
        matrix_write(buf, m, i);
    matrix_close(m);
}

void
eff_cli_matrix_table(struct eff_cli *cli, size_t count, const struct eff_kind_desc *kinds,
                     struct eff_buf *buf)
{
    eff_buf_add(buf, EFF_STR("| destination | object | upsert | update | insert | mirror | append "
                             "| members | `on_removed` | asked | read back | a lost answer |\n"
                             "|---|---|---|---|---|---|---|---|---|---|---|---|\n"));
    for (size_t i = 0; i < count; i++)
        matrix_kind(buf, &kinds[i], cli->arena);
}

static bool
matrix_alike(const struct matrix *m, size_t a, size_t b)
{
    for (int op = 0; op < EFF_OPS_COUNT; op++)
        if (m->rows[a].ops[op].rows_max != m->rows[b].ops[op].rows_max ||
            m->rows[a].ops[op].concurrency != m->rows[b].ops[op].concurrency)
            return false;
    return eff_str_eq(m->cells[a], m->cells[b]);
}

const struct eff_matrix_row *
eff_cli_matrix_rows(struct eff_cli *cli, const struct eff_kind_desc *kind, size_t *ret_count)
{
    struct matrix *m = eff_new(&cli->arena, struct matrix, 1);
    const struct eff_dest_kind *dest = kind->user;
    bool taken[MATRIX_OBJECTS_MAX] = {0};
    struct eff_matrix_row *rows;

    *m = (struct matrix){.arena = &cli->arena, .kind = kind, .connector = dest->connector};
    *ret_count = 0;
    if ((m->connector && m->connector->sections.count > 0) || !matrix_open(m))
        return NULL;
    matrix_objects(m);
    rows = eff_new(m->arena, struct eff_matrix_row, m->objects_count);
    for (size_t i = 0; i < m->objects_count; i++) {
        matrix_ask(m, m->objects[i], &m->rows[i]);
        m->cells[i] = matrix_cells(m, &m->rows[i]);
    }
    for (size_t i = 0; i < m->objects_count; i++) {
        eff_str *objects = eff_new(m->arena, eff_str, m->objects_count);
        struct eff_matrix_row *row = &rows[*ret_count];

        if (taken[i])
            continue;
        *row = m->rows[i];
        row->objects = objects;
        for (size_t k = i; k < m->objects_count; k++) {
            if (!matrix_alike(m, i, k))
                continue;
            taken[k] = true;
            objects[row->objects_count] = eff_str_is(m->objects[k], MATRIX_OTHER)
                                              ? matrix_others(m, row->objects_count > 0)
                                              : m->objects[k];
            row->objects_count++;
        }
        ++*ret_count;
    }
    matrix_close(m);
    return rows;
}

bool
eff_cli_matrix_limits(struct eff_cli *cli, const struct eff_kind_desc *kind,
                      struct eff_op_limits ret_limits[EFF_OPS_COUNT])
{
    struct eff_arena scratch = cli->arena;
    struct matrix *m = eff_new(&scratch, struct matrix, 1);
    struct eff_matrix_row row = {0};

    m->arena = &scratch;
    m->kind = kind;
    if (!matrix_open(m))
        return false;
    matrix_ask(m, EFF_STR(MATRIX_OTHER), &row);
    matrix_close(m);
    memcpy(ret_limits, row.ops, sizeof row.ops);
    return true;
}

void
eff_cli_matrix(struct eff_cli *cli, struct eff_buf *buf)
{
    eff_buf_add(
        buf,
        EFF_STR(
            "## What each destination can do\n\n"
            "A mode or a removal that is not marked here is refused by `check`, and before a run "
            "begins, with file, line and\ncolumn. *asked*: before each run the destination is asked "
            "for the object's fields, or, where it does not tell them, whether\nit takes the "
            "credential. *read back*: `plan` shows values before, `verify` and `adopt` look. The "
            "last column is the delivery\nclass of each operation, which says what is done when an "
            "answer gets lost: [guarantees](../guarantees.md).\n\n"));
    eff_cli_matrix_table(cli, cli->dest_kinds_count, cli->dest_kinds, buf);
}
