/*
 * Goal: a mapping is bound to the right columns or refused with all that is wrong;
 * a field's identity changes exactly when what it sends may change.
 * Method: syncs written by hand against columns in many orders and spellings; a
 * list of mappings that all differ in meaning must have identities that all
 * differ, and each must keep its own however columns, places and map pairs are
 * shuffled. One identity is written down: state outlives the program.
 */
// links: base flow conf plan
#include "lib/planvalue.h"
#include "lib/random.h"
#include "plan/compile.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct eff_arena arena;

static int
setup(void **state)
{
    (void)state;
    eff_arena_reset(&arena);
    return 0;
}

/* Names in one text, separated by blanks. */
static struct eff_columns
columns_of(const char *names)
{
    struct eff_column *at = eff_new(&arena, struct eff_column, 64);
    struct eff_columns columns = {.at = at};
    eff_str rest = eff_str_of(names), name;

    for (bool more = rest.len > 0; more;) {
        more = eff_str_cut(rest, ' ', &name, &rest);
        at[columns.count++].name = name;
    }
    return columns;
}

static struct eff_field_conf
field_of(const char *name, const char *from)
{
    struct eff_field_conf field = {.name = eff_str_of(name),
                                   .place = {EFF_STR("syncs/a.yml"), 7, 3}};

    if (strstr(from, "{{"))
        field.template = eff_str_of(from);
    else
        field.from = eff_str_of(from);
    return field;
}

static struct eff_sync_conf
sync_of(const struct eff_field_conf *fields, size_t count)
{
    static const eff_str key[] = {{"id", 2}};

    return (struct eff_sync_conf){.name = EFF_STR("contacts"),
                                  .key_count = 1,
                                  .key = key,
                                  .key_place = {EFF_STR("syncs/a.yml"), 3, 6},
                                  .fields_count = count,
                                  .fields = fields};
}

static struct eff_errs earlier; /* of the last compilation */

static struct eff_mapping
compiled(const struct eff_sync_conf *sync, const char *names)
{
    struct eff_columns columns = columns_of(names);
    struct eff_mapping mapping = {0};
    struct eff_err err = {0};

    if (eff_compile_mapping(sync, &columns, &arena, &mapping, &earlier, &err) != EFF_OK)
        fail_msg("%s (%s)", err.msg, err.hint);
    return mapping;
}

static struct eff_err
refused(const struct eff_sync_conf *sync, const char *names)
{
    struct eff_columns columns = columns_of(names);
    struct eff_mapping mapping = {.key_count = 99};
    struct eff_err err = {0};

    assert_int_equal(eff_compile_mapping(sync, &columns, &arena, &mapping, &earlier, &err),
                     EFF_CONFIG);
    assert_int_equal(mapping.key_count, 99); // Written only on success.
    return err;
}

static void
assert_str(eff_str found, const char *want)
{
    if (!eff_str_is(found, want))
        fail_msg("\"" EFF_STR_FMT "\" is not \"%s\"", EFF_STR_ARG(found), want);
}

/* ------------------------------------------------------------------------- columns */

static void
test_binds_by_name(void **state)
{
    struct eff_field_conf fields[] = {field_of("Email", "email"), field_of("Score", "score")};
    struct eff_sync_conf sync = sync_of(fields, 2);
    struct eff_mapping m = compiled(&sync, "score unused id email");
    bool needed[4];

    (void)state;
    assert_int_equal(m.key_count, 1);
    assert_int_equal(m.key[0], 2);
    assert_str(m.key_names[0], "id");
    assert_int_equal(m.fields_count, 2);
    assert_int_equal(m.fields[0].inputs_count, 1);
    assert_int_equal(m.fields[0].inputs[0], 3);
    assert_str(m.fields[0].input_names[0], "email");
    assert_int_equal(m.fields[1].inputs[0], 0);
    assert_str(m.fields[0].where, "syncs/a.yml:7:3");
    eff_compile_needed(&m, needed, 4);
    assert_true(needed[0] && !needed[1] && needed[2] && needed[3]);
}

static void
test_match_defaults_to_key(void **state)
{
    static const eff_str key[] = {{"a", 1}, {"b", 1}};
    struct eff_field_conf fields[] = {field_of("x", "v")};
    struct eff_sync_conf sync = sync_of(fields, 1);
    struct eff_mapping m;

    (void)state;
    sync.key = key;
    sync.key_count = 2;
    m = compiled(&sync, "V B A");
    assert_true(m.match_is_key);
    assert_int_equal(m.match_count, 2);
    assert_str(m.match[0].name, "a"); // as the user wrote it, not as the warehouse spells it
    assert_int_equal(m.match[0].inputs[0], 2);
    assert_str(m.match[0].input_names[0], "A");
    assert_str(m.match[1].name, "b");
    assert_int_equal(m.match[1].inputs[0], 1);
}

static void
test_match_is_key(void **state)
{
    static const eff_str key[] = {{"a", 1}, {"b", 1}};
    static const struct eff_transform lower = {.kind = EFF_TRANSFORM_LOWER};
    struct eff_field_conf fields[] = {field_of("x", "v")};
    struct eff_field_conf same[] = {field_of("Ext_B", "b"), field_of("Ext_A", "a")};
    struct eff_field_conf twice[] = {field_of("Ext_B", "a"), field_of("Ext_A", "a")};
    struct eff_field_conf more[] = {field_of("A", "a"), field_of("B", "b"), field_of("V", "v")};
    struct eff_field_conf template[] = {field_of("A", "{{ a }}"), field_of("B", "b")};
    struct eff_sync_conf sync = sync_of(fields, 1);

    (void)state;
    sync.key = key;
    sync.key_count = sync.match_count = 2;
    sync.match = same;
    assert_true(compiled(&sync, "a b v").match_is_key);
    sync.match = twice;
    assert_false(compiled(&sync, "a b v").match_is_key);
    sync.match = template;
    assert_false(compiled(&sync, "a b v").match_is_key);
    template[0] = field_of("A", "{{ a }}{{ b }}");
    assert_false(compiled(&sync, "a b v").match_is_key);
    same[0].transforms = &lower;
    same[0].transforms_count = 1;
    sync.match = same;
    assert_false(compiled(&sync, "a b v").match_is_key);
    sync.match_count = 1;
    assert_false(compiled(&sync, "a b v").match_is_key);
    sync.match = more;
    sync.match_count = 3;
    assert_false(compiled(&sync, "a b v").match_is_key);
}

static void
test_case_of_names(void **state)
{
    struct eff_field_conf fields[] = {field_of("x", "Score")};
    struct eff_sync_conf sync = sync_of(fields, 1);
    struct eff_mapping m = compiled(&sync, "ID SCORE");
    struct eff_err err;

    (void)state;
    assert_int_equal(m.fields[0].inputs[0], 1);
    assert_str(m.fields[0].input_names[0], "SCORE");
    // The exact name wins over others that differ in case only.
    m = compiled(&sync, "id SCORE Score score");
    assert_int_equal(m.fields[0].inputs[0], 2);
    // Without an exact one nobody can tell which is meant.
    err = refused(&sync, "id SCORE score scorE");
    assert_non_null(strstr(err.msg, "`SCORE`"));
    assert_non_null(strstr(err.msg, "`score`"));
    assert_string_equal(err.where, "syncs/a.yml:7:3");
    // A name that stands there twice is nobody's, exact or not.
    err = refused(&sync, "id Score Score");
    assert_non_null(strstr(err.msg, "column 2"));
    assert_non_null(strstr(err.msg, "column 3"));
    fields[0] = field_of("x", "{{ Score }}");
    assert_non_null(strstr(refused(&sync, "id SCORE score").msg, "`score`"));
    fields[0] = field_of("x", "Score");
    assert_string_equal(refused(&sync, "Id ID Score").where, "syncs/a.yml:3:6"); // the key's own
    // Only what is mapped has to be unambiguous.
    compiled(&sync, "id a a Score");
}

static void
test_missing_all_at_once(void **state)
{
    struct eff_field_conf fields[] = {field_of("E", "emial"), field_of("Ok", "score"),
                                      field_of("F", "{{ first }} {{ lsat }}"),
                                      field_of("E2", "emial")};
    struct eff_sync_conf sync = sync_of(fields, 4);
    struct eff_err err = refused(&sync, "email score last nothing_like_it");

    (void)state;
    assert_int_equal(earlier.count, 3);
    assert_string_equal(earlier.at[0].where, "syncs/a.yml:3:6"); // the key
    assert_string_equal(earlier.at[0].msg, "the model of sync `contacts` has no column `id` (key)");
    assert_non_null(
        strstr(earlier.at[1].msg, "no column `emial` (field `E`); did you mean `email`?"));
    assert_non_null(strstr(earlier.at[2].msg, "no column `first` (field `F`)"));
    assert_non_null(strstr(err.msg, "no column `lsat` (field `F`); did you mean `last`?"));
    for (size_t i = 0; i < earlier.count; i++) {
        assert_int_equal(earlier.at[i].fault, EFF_CONFIG);
        assert_null(strstr(earlier.at[i].msg, "E2")); // One column is one mistake.
        assert_string_equal(earlier.at[i].hint, err.hint);
    }
    assert_string_equal(err.hint, "Its columns are: email, score, last, nothing_like_it.");
}

static void
test_missing_many(void **state)
{
    struct eff_field_conf fields[100];
    struct eff_sync_conf sync = sync_of(fields, 100);
    struct eff_err err;

    (void)state;
    for (int i = 0; i < 100; i++) {
        eff_str name = eff_str_printf(&arena, "column_of_some_length_%d", i);

        fields[i] = field_of("x", "");
        fields[i].name = fields[i].from = name;
    }
    err = refused(&sync, "id");
    assert_int_equal(earlier.count, EFF_COMPILE_MISSING_MOST - 1);
    assert_non_null(strstr(earlier.at[0].msg, "column_of_some_length_0"));
    assert_non_null(strstr(err.msg, "column_of_some_length_19`"));
    assert_non_null(strstr(err.msg, "; and 80 more"));
    refused(&sync, "");
    assert_non_null(strstr(earlier.at[0].msg, "`id` (key)"));
}

/* The nearer a short name is, the fewer letters may differ. */
static void
test_missing_short(void **state)
{
    struct eff_field_conf fields[] = {field_of("x", "ab")};
    struct eff_sync_conf sync = sync_of(fields, 1);

    (void)state;
    assert_non_null(strstr(refused(&sync, "id xy ax a").msg, "did you mean `ax`?"));
    assert_null(strstr(refused(&sync, "id xy yz").msg, "did you mean"));
}

/* All of a key that is missing is told, and not that one column is there twice. */
static void
test_missing_key(void **state)
{
    static const eff_str key[] = {{"a", 1}, {"b", 1}};
    struct eff_sync_conf sync = sync_of(NULL, 0);

    (void)state;
    sync.key = key;
    sync.key_count = 2;
    assert_non_null(strstr(refused(&sync, "v").msg, "no column `b` (key)"));
    assert_int_equal(earlier.count, 1);
    assert_non_null(strstr(earlier.at[0].msg, "no column `a` (key)"));
}

/* What says nothing of where a value comes from: as a field, and as what finds the record. */
static void
test_no_source(void **state)
{
    struct eff_field_conf fields[] = {{.name = EFF_STR("x"), .place = {EFF_STR("a.yml"), 4, 2}}};
    struct eff_sync_conf sync = sync_of(fields, 1);
    struct eff_err err = refused(&sync, "id");

    (void)state;
    assert_string_equal(err.msg, "field `x` has no source");
    assert_string_equal(err.where, "a.yml:4:2");
    sync.match = fields;
    sync.match_count = 1;
    sync.fields_count = 0;
    assert_string_equal(refused(&sync, "id").msg, "field `x` has no source");
}

static void
test_hostile_names(void **state)
{
    struct eff_column at[] = {{.name = {"id", 2}}, {.name = {"", 0}}, {.name = {"\x1b[31m\n", 6}}};
    struct eff_columns columns = {3, at};
    struct eff_field_conf fields[] = {field_of("x", "a\nb\x1b[2J")};
    struct eff_sync_conf sync = sync_of(fields, 1);
    struct eff_mapping mapping;
    struct eff_err err = {0};

    (void)state;
    assert_int_equal(eff_compile_mapping(&sync, &columns, &arena, &mapping, &earlier, &err),
                     EFF_CONFIG);
    for (const char *c = err.msg; *c; c++)
        assert_true((unsigned char)*c >= ' ');
    for (const char *c = err.hint; *c; c++)
        assert_true((unsigned char)*c >= ' ');
    fields[0].from = at[2].name;
    assert_int_equal(eff_compile_mapping(&sync, &columns, &arena, &mapping, &earlier, &err),
                     EFF_OK);
    assert_int_equal(mapping.fields[0].inputs[0], 2);
}

static void
test_key_twice(void **state)
{
    static const eff_str key[] = {{"id", 2}, {"ID", 2}};
    struct eff_sync_conf sync = sync_of(NULL, 0);
    struct eff_err err;

    (void)state;
    sync.key = key;
    sync.key_count = 2;
    err = refused(&sync, "Id v");
    assert_non_null(strstr(err.msg, "twice"));
    assert_string_equal(err.where, "syncs/a.yml:3:6");
    assert_int_equal(compiled(&sync, "ID id").key[0], 1);
}

/* The names of a driver's columns may be gone when the mapping is used. */
static void
test_columns_are_copied(void **state)
{
    char name[] = "score";
    struct eff_column at[] = {{.name = {"id", 2}}, {.name = {name, 5}}};
    struct eff_columns columns = {2, at};
    struct eff_field_conf fields[] = {field_of("x", "score")};
    struct eff_sync_conf sync = sync_of(fields, 1);
    struct eff_mapping mapping;
    struct eff_err err = {0};

    (void)state;
    assert_int_equal(eff_compile_mapping(&sync, &columns, &arena, &mapping, &earlier, &err),
                     EFF_OK);
    memset(name, 'x', 5);
    memset(at, 0, sizeof(at));
    assert_str(mapping.fields[0].input_names[0], "score");
}

/* ----------------------------------------------------------------------- templates */

static void
test_template_parts(void **state)
{
    struct eff_field_conf fields[] = {field_of("x", "Dear {{ last }}, {{first}} {{ last }}!"),
                                      field_of("y", "{{ first }}"),
                                      field_of("z", "{{first}}{{last}}")};
    struct eff_sync_conf sync = sync_of(fields, 3);
    struct eff_mapping m = compiled(&sync, "id first last");
    const struct eff_field *x = &m.fields[0];

    (void)state;
    assert_int_equal(x->inputs_count, 2); // Each column once, in order of appearance.
    assert_int_equal(x->inputs[0], 2);
    assert_int_equal(x->inputs[1], 1);
    assert_str(x->input_names[0], "last");
    assert_int_equal(x->parts_count, 7);
    assert_str(x->parts[0].text, "Dear ");
    assert_true(x->parts[0].input == SIZE_MAX);
    assert_int_equal(x->parts[1].input, 0);
    assert_str(x->parts[2].text, ", ");
    assert_int_equal(x->parts[3].input, 1);
    assert_int_equal(x->parts[5].input, 0);
    assert_str(x->parts[6].text, "!");
    assert_int_equal(m.fields[1].parts_count, 1);
    assert_int_equal(m.fields[2].parts_count, 2);
}

static void
test_template_wrong(void **state)
{
    static const char *const wrong[] = {"{{",     "{{ a",       "a {{}} b",
                                        "{{  }}", "x {{ a } }", "{{ a | lower }}"};

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct eff_field_conf fields[] = {field_of("x", wrong[i])};
        struct eff_sync_conf sync = sync_of(fields, 1);
        struct eff_err err = refused(&sync, "id a");

        assert_non_null(strstr(err.msg, "template of field `x`"));
        assert_string_equal(err.where, "syncs/a.yml:7:3");
    }
}

static void
test_template_without_columns(void **state)
{
    struct eff_field_conf fields[] = {field_of("x", "id")};
    struct eff_sync_conf sync = sync_of(fields, 1);
    struct eff_mapping m;

    (void)state;
    fields[0].from = EFF_STR_NONE;
    fields[0].template = EFF_STR("fixed");
    m = compiled(&sync, "id");
    assert_int_equal(m.fields[0].inputs_count, 0);
    assert_int_equal(m.fields[0].parts_count, 0);
    assert_int_equal(m.fields[0].constant.kind, EFF_TEXT);
    assert_str(eff_value_str(&m.fields[0].constant), "fixed");
    fields[0].template = EFF_STR("");
    assert_int_equal(compiled(&sync, "id").fields[0].constant.len, 0);
    fields[0].template = EFF_STR_NONE;
    assert_non_null(strstr(refused(&sync, "id").msg, "has no source"));
}

/* ---------------------------------------------------------------------- transforms */

static void
test_format_is_checked(void **state)
{
    struct eff_transform format = {.kind = EFF_TRANSFORM_FORMAT, .format = EFF_STR("%Y-%q")};
    struct eff_field_conf fields[] = {field_of("x", "id")};
    struct eff_sync_conf sync = sync_of(fields, 1);
    struct eff_err err;

    (void)state;
    fields[0].transforms = &format;
    fields[0].transforms_count = 1;
    err = refused(&sync, "id");
    assert_non_null(strstr(err.msg, "`%q`"));
    assert_string_equal(err.where, "syncs/a.yml:7:3");
    assert_non_null(strstr(err.hint, "%Y"));
    format.format = EFF_STR("100%");
    refused(&sync, "id");
    format.format = EFF_STR("%\0Y");
    refused(&sync, "id");
    format.format = EFF_STR("%Y%%");
    compiled(&sync, "id");
}

static void
test_map_is_sorted_and_unique(void **state)
{
    struct eff_map_pair pairs[] = {{EFF_STR("c"), planvalue_of("int:3")},
                                   {EFF_STR("a"), planvalue_of("int:1")},
                                   {EFF_STR("b"), planvalue_of("int:2")}};
    struct eff_transform map = {
        .kind = EFF_TRANSFORM_MAP, .pairs = pairs, .pairs_count = COUNT(pairs)};
    struct eff_field_conf fields[] = {field_of("x", "id")};
    struct eff_sync_conf sync = sync_of(fields, 1);
    struct eff_mapping m;

    (void)state;
    fields[0].transforms = &map;
    fields[0].transforms_count = 1;
    m = compiled(&sync, "id");
    for (int i = 0; i < 3; i++)
        assert_int_equal(m.fields[0].transforms[0].pairs[i].to.i, i + 1);
    assert_str(pairs[0].from, "c"); // The configuration is left as it is.
    pairs[2].from = EFF_STR("c");
    assert_non_null(strstr(refused(&sync, "id").msg, "`c` twice"));
    map.pairs = NULL; // a map of nothing but its `else`
    map.pairs_count = 0;
    assert_int_equal(compiled(&sync, "id").fields[0].transforms[0].pairs_count, 0);
}

/* ---------------------------------------------------------------------- identities */

static const struct eff_map_pair pairs_plain[] = {
    {{"hv", 2}, {.kind = EFF_TEXT, .len = 1, .ptr = "H"}},
    {{"lv", 2}, {.kind = EFF_TEXT, .len = 1, .ptr = "L"}}};
static const struct eff_map_pair pairs_other[] = {
    {{"hv", 2}, {.kind = EFF_TEXT, .len = 1, .ptr = "L"}},
    {{"lv", 2}, {.kind = EFF_TEXT, .len = 1, .ptr = "H"}}};
static const struct eff_map_pair pairs_split[] = {
    {{"h", 1}, {.kind = EFF_TEXT, .len = 2, .ptr = "vH"}},
    {{"lv", 2}, {.kind = EFF_TEXT, .len = 1, .ptr = "L"}}};
static const struct eff_map_pair pairs_more[] = {
    {{"hv", 2}, {.kind = EFF_TEXT, .len = 1, .ptr = "H"}},
    {{"lv", 2}, {.kind = EFF_TEXT, .len = 1, .ptr = "L"}},
    {{"mv", 2}, {.kind = EFF_NULL}}};

#define MAP(array)                                                                                 \
    {                                                                                              \
        .kind = EFF_TRANSFORM_MAP, .pairs = (array), .pairs_count = COUNT(array)                   \
    }
#define TEXT(lit)                                                                                  \
    {                                                                                              \
        .kind = EFF_TEXT, .len = sizeof(lit) - 1, .ptr = (lit)                                     \
    }

/* Every one of these sends something else, for some row, than every other. */
static const struct meaning {
    const char *name, *from; /* from == NULL: the constant */
    struct eff_value constant;
    struct eff_transform transforms[2];
    enum eff_null_policy on_null;
} meanings[] = {
    {"x", "a"},
    {"y", "a"},
    {"xa", "b"},
    {"x", "b"},
    {"x", "ab"},
    {"x.a", "a"},
    {"x", "a", .on_null = EFF_NULL_SKIP},
    {"x", "{{ a }}"},
    {"x", "{{ a }} "},
    {"x", " {{ a }}"},
    {"x", "{{ a }}{{ b }}"},
    {"x", "{{ b }}{{ a }}"},
    {"x", "{{ a }} {{ b }}"},
    {"x", "{{ a }}{{ b }}{{ a }}"},
    {"x", "a{{ b }}"},
    {"x", "{{ a }}b"},
    {"x", NULL, TEXT("a")},
    {"x", NULL, TEXT("")},
    {"x", NULL, {.kind = EFF_NULL}},
    {"x", NULL, {.kind = EFF_BOOL, .i = 0}},
    {"x", NULL, {.kind = EFF_BOOL, .i = 1}},
    {"x", NULL, {.kind = EFF_INT, .i = 0}},
    {"x", NULL, {.kind = EFF_INT, .i = 1}},
    {"x", NULL, {.kind = EFF_INT, .i = 256}},
    {"x", NULL, {.kind = EFF_FLOAT, .f = 1}},
    {"x", NULL, {.kind = EFF_DATE, .i = 1}},
    {"x", NULL, {.kind = EFF_TIME, .i = 1}},
    {"x", NULL, {.kind = EFF_INSTANT, .i = 1}},
    {"x", NULL, {.kind = EFF_INSTANT, .i = 1, .len = 7}},
    {"x", NULL, {.kind = EFF_DECIMAL, .len = 1, .ptr = "1"}},
    {"x", NULL, TEXT("1")},
    {"x", NULL, {.kind = EFF_JSON, .len = 1, .ptr = "1"}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_TRIM}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_LOWER}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_UPPER}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_HASH}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_TRIM}, {.kind = EFF_TRANSFORM_LOWER}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_LOWER}, {.kind = EFF_TRANSFORM_HASH}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_HASH}, {.kind = EFF_TRANSFORM_LOWER}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_CAST, .cast = EFF_INT}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_CAST, .cast = EFF_TEXT}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_FORMAT, .format = {"%Y", 2}}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_FORMAT, .format = {"%y", 2}}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_ZONE, .zone_name = {"Etc/UTC", 7}}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_ZONE, .zone_name = {"Etc/UCT", 7}}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_NORMALIZE, .normalize = EFF_NORMALIZE_EMAIL}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_NORMALIZE, .normalize = EFF_NORMALIZE_GMAIL}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_DEFAULT, .value = TEXT("")}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_DEFAULT, .value = TEXT("0")}}},
    {"x", "a", .transforms = {{.kind = EFF_TRANSFORM_DEFAULT, .value = {.kind = EFF_INT}}}},
    {"x", "a", .transforms = {MAP(pairs_plain)}},
    {"x", "a", .transforms = {MAP(pairs_other)}},
    {"x", "a", .transforms = {MAP(pairs_split)}},
    {"x", "a", .transforms = {MAP(pairs_more)}},
    {"x", "a",
     .transforms = {{.kind = EFF_TRANSFORM_MAP,
                     .pairs = pairs_plain,
                     .pairs_count = 2,
                     .has_otherwise = true}}},
    {"x", "a",
     .transforms = {{.kind = EFF_TRANSFORM_MAP,
                     .pairs = pairs_plain,
                     .pairs_count = 2,
                     .has_otherwise = true,
                     .value = TEXT("")}}},
};

#define MEANINGS COUNT(meanings)

static void
meaning_field(const struct meaning *meaning, struct eff_field_conf *field)
{
    *field = field_of(meaning->name, meaning->from ? meaning->from : "");
    if (!meaning->from) {
        field->from = EFF_STR_NONE;
        field->has_constant = true;
        field->constant = meaning->constant;
    }
    field->on_null = meaning->on_null;
    field->transforms = meaning->transforms;
    while (field->transforms_count < 2 && meaning->transforms[field->transforms_count].kind)
        field->transforms_count++;
}

static void
test_identities_differ(void **state)
{
    struct eff_field_conf fields[MEANINGS];
    struct eff_sync_conf sync = sync_of(fields, MEANINGS);
    struct eff_mapping m;

    (void)state;
    for (size_t i = 0; i < MEANINGS; i++)
        meaning_field(&meanings[i], &fields[i]);
    m = compiled(&sync, "id a b ab");
    for (size_t i = 0; i < MEANINGS; i++)
        for (size_t k = 0; k < i; k++)
            if (m.fields[i].id == m.fields[k].id)
                fail_msg("meanings %zu and %zu share an identity", k, i);
}

static void
shuffle(uint64_t *random, void *array, size_t count, size_t size)
{
    char *at = array, swap[256];

    assert_true(size <= sizeof(swap));
    for (size_t i = count; i > 1; i--) {
        size_t k = random_below(random, (unsigned)i);

        memcpy(swap, at + (i - 1) * size, size);
        memmove(at + (i - 1) * size, at + k * size, size);
        memcpy(at + k * size, swap, size);
    }
}

/* Another layout of the same thing: other memory, other places, pairs in another order. */
static void
field_relaid(uint64_t *random, struct eff_field_conf *field)
{
    struct eff_transform *transforms =
        eff_new(&arena, struct eff_transform, field->transforms_count);

    field->place.line = (int)random_below(random, 500);
    field->place.file = EFF_STR("elsewhere.yml");
    for (size_t i = 0; i < field->transforms_count; i++) {
        struct eff_transform *t = &transforms[i];
        struct eff_map_pair *pairs;

        *t = field->transforms[i];
        pairs = eff_new(&arena, struct eff_map_pair, t->pairs_count);
        if (t->pairs_count > 0)
            memcpy(pairs, t->pairs, t->pairs_count * sizeof(*pairs));
        shuffle(random, pairs, t->pairs_count, sizeof(*pairs));
        t->pairs = pairs;
        t->format = eff_str_copy(&arena, t->format);
    }
    field->transforms = transforms;
    field->name = eff_str_copy(&arena, field->name);
}

static void
test_identities_stay(void **state)
{
    static const char *const columns[] = {"id a b ab", "ab b a id", "x1 b x2 ID A x3 AB x4",
                                          "Ab a x1 x2 x3 x4 x5 x6 Id B"};
    struct eff_field_conf fields[MEANINGS];
    struct eff_sync_conf sync = sync_of(fields, MEANINGS);
    uint64_t ids[MEANINGS], random = 7;
    size_t order[MEANINGS];

    (void)state;
    for (size_t i = 0; i < MEANINGS; i++) {
        order[i] = i;
        meaning_field(&meanings[i], &fields[i]);
    }
    struct eff_mapping m = compiled(&sync, "id a b ab");
    for (size_t i = 0; i < MEANINGS; i++)
        ids[i] = m.fields[i].id;
    for (int round = 0; round < 200; round++) {
        eff_arena_reset(&arena);
        shuffle(&random, order, MEANINGS, sizeof(order[0]));
        for (size_t i = 0; i < MEANINGS; i++) {
            meaning_field(&meanings[order[i]], &fields[i]);
            field_relaid(&random, &fields[i]);
        }
        m = compiled(&sync, columns[random_below(&random, COUNT(columns))]);
        for (size_t i = 0; i < MEANINGS; i++)
            if (m.fields[i].id != ids[order[i]])
                fail_msg("the identity of meaning %zu changed", order[i]);
    }
}

/* Blanks inside the braces mean nothing; nor does how the column's name is spelled. */
static void
test_identities_ignore_spelling(void **state)
{
    struct eff_field_conf fields[] = {field_of("x", "{{a}}-{{b}}"),
                                      field_of("x", "{{ A }}-{{   b}}"), field_of("x", "a"),
                                      field_of("x", "A")};
    struct eff_sync_conf sync = sync_of(fields, 4);
    struct eff_mapping m = compiled(&sync, "id a B");

    (void)state;
    assert_true(m.fields[0].id == m.fields[1].id);
    assert_true(m.fields[2].id == m.fields[3].id);
    assert_true(m.fields[2].id == compiled(&sync, "ID A B").fields[2].id);
}

/* These numbers stand in state files: a change of the serialisation would resend everything. */
static void
test_identities_are_for_ever(void **state)
{
    struct eff_field_conf fields[3];
    struct eff_sync_conf sync = sync_of(fields, 3);
    struct eff_mapping m;

    (void)state;
    meaning_field(&meanings[0], &fields[0]);
    fields[1] = field_of("Name", "{{ a }} {{ b }}");
    meaning_field(&meanings[MEANINGS - 1], &fields[2]);
    m = compiled(&sync, "id a b");
    assert_true(m.fields[0].id == UINT64_C(0x5c25fc9f2cc9cd6d));
    assert_true(m.fields[1].id == UINT64_C(0x86eede312cb92b9b));
    assert_true(m.fields[2].id == UINT64_C(0x42fc48af7601d58b));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_binds_by_name, setup),
        cmocka_unit_test_setup(test_match_defaults_to_key, setup),
        cmocka_unit_test_setup(test_match_is_key, setup),
        cmocka_unit_test_setup(test_case_of_names, setup),
        cmocka_unit_test_setup(test_missing_all_at_once, setup),
        cmocka_unit_test_setup(test_missing_many, setup),
        cmocka_unit_test_setup(test_missing_short, setup),
        cmocka_unit_test_setup(test_missing_key, setup),
        cmocka_unit_test_setup(test_no_source, setup),
        cmocka_unit_test_setup(test_hostile_names, setup),
        cmocka_unit_test_setup(test_key_twice, setup),
        cmocka_unit_test_setup(test_columns_are_copied, setup),
        cmocka_unit_test_setup(test_template_parts, setup),
        cmocka_unit_test_setup(test_template_wrong, setup),
        cmocka_unit_test_setup(test_template_without_columns, setup),
        cmocka_unit_test_setup(test_format_is_checked, setup),
        cmocka_unit_test_setup(test_map_is_sorted_and_unique, setup),
        cmocka_unit_test_setup(test_identities_differ, setup),
        cmocka_unit_test_setup(test_identities_stay, setup),
        cmocka_unit_test_setup(test_identities_ignore_spelling, setup),
        cmocka_unit_test_setup(test_identities_are_for_ever, setup),
    };
    int failed;

    eff_arena_init(&arena, "test", (size_t)16 << 20);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eff_arena_deinit(&arena);
    return failed;
}
