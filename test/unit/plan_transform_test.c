/*
 * Goal: a field sends what its mapping says, or refuses the row with the field,
 * the reason and the place, and without the value; NULL, "" and absent stay three
 * different things.
 * Method: tables of one transform and one value each; a matrix of the three empties
 * through all transforms; published examples of the ad platforms' rules; strftime
 * as the reference of FORMAT over 120 years; a count of what a plain field allocates
 * (nothing).
 * covers: D3, D4
 */
// links: base flow conf plan
#include "base/hash.h"
#include "lib/planvalue.h"
#include "lib/random.h"
#include "lib/tzif.h"
#include "plan/transform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define STR(lit)                                                                                   \
    {                                                                                              \
        "" lit, sizeof(lit) - 1                                                                    \
    }

static struct eff_arena arena;
static struct eff_buf shown;

static int
setup(void **state)
{
    (void)state;
    eff_arena_reset(&arena);
    return 0;
}

/* Like planvalue_text, or "!" and the message; where the transforms stand in a field on column 0. */
static const char *
sent(const struct eff_transform *transforms, size_t count, const char *from)
{
    static const size_t inputs[] = {0};
    static const eff_str names[] = {STR("c")};
    struct eff_field field = {.name = EFF_STR("Field__c"),
                              .inputs_count = 1,
                              .inputs = inputs,
                              .input_names = names,
                              .transforms = transforms,
                              .transforms_count = count,
                              .where = EFF_STR("syncs/a.yml:7:3")};
    struct eff_value row = planvalue_of(from), value = {.kind = EFF_BAD};
    struct eff_err err = {0};
    enum eff_fault fault = eff_transform_field(&field, &row, &arena, &value, &err);

    if (fault == EFF_OK)
        return planvalue_text(&value, &shown);
    assert_int_equal(fault, EFF_ROW);
    assert_int_equal(err.fault, EFF_ROW);
    assert_string_equal(err.where, "syncs/a.yml:7:3");
    assert_int_equal(value.kind, EFF_BAD); // Written only on success.
    if (strncmp(err.msg, "field `Field__c`: ", 18) != 0)
        fail_msg("the message does not begin with the field: %s", err.msg);
    eff_buf_reset(&shown);
    eff_buf_addf(&shown, "!%s", err.msg + 18);
    eff_buf_add_char(&shown, '\0');
    return shown.ptr;
}

struct change {
    const char *from, *want; /* "!": a part of the reason */
};

static void
check(const struct eff_transform *transforms, size_t count, const struct change *changes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *found = sent(transforms, count, changes[i].from), *want = changes[i].want;

        if (want[0] == '!' ? found[0] != '!' || !strstr(found, want + 1) : strcmp(found, want) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", changes[i].from, found, want);
    }
}

#define CHECK(transform, changes)                                                                  \
    check((const struct eff_transform[]){transform}, 1, (changes), COUNT(changes))

/* --------------------------------------------------------------------- letters, maps */

static void
test_letters(void **state)
{
    static const struct change trims[] = {{"text: a b \t\r\n", "text:a b"},
                                          {"text:", "text:"},
                                          {"text:  ", "text:"},
                                          {"int:5", "int:5"},
                                          {"json:\" a \"", "!json"},
                                          {"bytes: a", "!bytes"},
                                          {"decimal:1.0", "decimal:1.0"},
                                          {"date:2026-01-31", "date:2026-01-31"}};
    static const struct change lowers[] = {
        {"text:AbC-1\xc3\x89", "text:abc-1\xc3\x89"}, // ASCII only
        {"text:[@`{Zz", "text:[@`{zz"},
        {"text:abc", "text:abc"},
        {"bool:1", "bool:1"},
        {"json:{}", "!json"}};
    static const struct change uppers[] = {{"text:AbC-1\xc3\xa9", "text:ABC-1\xc3\xa9"},
                                           {"text:`{@[", "text:`{@["}};

    (void)state;
    CHECK({.kind = EFF_TRANSFORM_TRIM}, trims);
    CHECK({.kind = EFF_TRANSFORM_LOWER}, lowers);
    CHECK({.kind = EFF_TRANSFORM_UPPER}, uppers);
}

static const struct eff_map_pair map_pairs[] = {
    {STR("hv"), {.kind = EFF_TEXT, .len = 10, .ptr = "High value"}},
    {STR("1"), {.kind = EFF_INT, .i = 100}},
    {STR("true"), {.kind = EFF_NULL}},
    {STR(""), {.kind = EFF_TEXT, .len = 5, .ptr = "empty"}},
    {STR("2026-01-31"), {.kind = EFF_BOOL, .i = 1}},
    {STR("1.50"), {.kind = EFF_TEXT, .len = 3, .ptr = "dec"}}};

static void
test_map(void **state)
{
    static const struct change hits[] = {
        {"text:hv", "text:High value"}, {"int:1", "int:100"},
        {"text:1", "int:100"},          {"bool:1", "null"},
        {"text:", "text:empty"},        {"date:2026-01-31", "bool:1"},
        {"decimal:1.50", "text:dec"},   {"null", "null"},
        {"float:1", "int:100"},         {"absent", "absent"}};
    static const struct change misses[] = {{"text:HV", "!map has no entry"},
                                           {"text:hv ", "!map has no entry"},
                                           {"decimal:1.5", "!map has no entry"},
                                           {"int:2", "!map has no entry"}};
    static const struct change others[] = {{"text:HV", "text:?"},
                                           {"int:2", "text:?"},
                                           {"text:hv", "text:High value"},
                                           {"null", "null"}};
    struct eff_transform map = {
        .kind = EFF_TRANSFORM_MAP, .pairs = map_pairs, .pairs_count = COUNT(map_pairs)};

    (void)state;
    check(&map, 1, hits, COUNT(hits));
    check(&map, 1, misses, COUNT(misses));
    assert_null(strstr(sent(&map, 1, "text:somebody@example.com"), "somebody"));
    map.has_otherwise = true;
    map.value = planvalue_of("text:?");
    check(&map, 1, others, COUNT(others));
}

/* Many pairs are searched in halves: every one must be found, and nothing beside them. */
static void
test_map_large(void **state)
{
    static struct eff_map_pair pairs[1000];
    struct eff_transform map = {.kind = EFF_TRANSFORM_MAP, .pairs = pairs};
    char notation[32], want[32];

    (void)state;
    for (int i = 0; i < 1000; i++)
        pairs[i] =
            (struct eff_map_pair){eff_str_printf(&arena, "k%03d", i), eff_value_of_int(EFF_INT, i)};
    for (size_t count = 15; count <= 1000; count = count < 20 ? count + 1 : count * 7) {
        map.pairs_count = count > 1000 ? 1000 : count;
        for (size_t i = 0; i < map.pairs_count; i++) {
            snprintf(notation, sizeof(notation), "text:k%03d", (int)i);
            snprintf(want, sizeof(want), "int:%d", (int)i);
            assert_string_equal(sent(&map, 1, notation), want);
        }
        assert_int_equal(sent(&map, 1, "text:")[0], '!');
        assert_int_equal(sent(&map, 1, "text:k")[0], '!');
        assert_int_equal(sent(&map, 1, "text:k0000")[0], '!');
        assert_int_equal(sent(&map, 1, "text:z")[0], '!');
    }
}

/* -------------------------------------------------------------------------- empties */

/* D4: each of the empties through each transform, sent and skipped. */
static void
test_empties(void **state)
{
    static const struct {
        const char *name;
        struct eff_transform transform;
        const char *null, *empty; /* what becomes of NULL and of "" */
    } rows[] = {
        {"plain", {0}, "null", "text:"},
        {"trim", {.kind = EFF_TRANSFORM_TRIM}, "null", "text:"},
        {"lower", {.kind = EFF_TRANSFORM_LOWER}, "null", "text:"},
        {"upper", {.kind = EFF_TRANSFORM_UPPER}, "null", "text:"},
        {"map", {.kind = EFF_TRANSFORM_MAP}, "null", "!map has no entry"},
        {"otherwise",
         {.kind = EFF_TRANSFORM_MAP, .has_otherwise = true, .value = {.kind = EFF_INT, .i = 9}},
         "null",
         "int:9"},
        {"cast text", {.kind = EFF_TRANSFORM_CAST, .cast = EFF_TEXT}, "null", "text:"},
        {"cast int", {.kind = EFF_TRANSFORM_CAST, .cast = EFF_INT}, "null", "!not a number"},
        {"cast date", {.kind = EFF_TRANSFORM_CAST, .cast = EFF_DATE}, "null", "!not a date"},
        {"format", {.kind = EFF_TRANSFORM_FORMAT, .format = STR("%Y")}, "null", "!no date or time"},
        {"default",
         {.kind = EFF_TRANSFORM_DEFAULT, .value = {.kind = EFF_INT, .i = 7}},
         "int:7",
         "text:"},
        {"default null", {.kind = EFF_TRANSFORM_DEFAULT}, "null", "text:"},
        {"email",
         {.kind = EFF_TRANSFORM_NORMALIZE, .normalize = EFF_NORMALIZE_EMAIL},
         "null",
         "text:"},
        {"phone",
         {.kind = EFF_TRANSFORM_NORMALIZE, .normalize = EFF_NORMALIZE_PHONE},
         "null",
         "text:"},
        {"name",
         {.kind = EFF_TRANSFORM_NORMALIZE, .normalize = EFF_NORMALIZE_NAME},
         "null",
         "text:"},
        {"zip", {.kind = EFF_TRANSFORM_NORMALIZE, .normalize = EFF_NORMALIZE_ZIP}, "null", "text:"},
        {"country",
         {.kind = EFF_TRANSFORM_NORMALIZE, .normalize = EFF_NORMALIZE_COUNTRY},
         "null",
         "text:"},
        {"hash", {.kind = EFF_TRANSFORM_HASH}, "null", "text:"},
    };
    static const size_t inputs[] = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t count = rows[i].transform.kind != 0;
        const struct change changes[] = {{"null", rows[i].null},
                                         {"text:", rows[i].empty},
                                         {"absent", "absent"},
                                         {"bad:why not", "!column `c`: why not"}};
        struct eff_field field = {.name = EFF_STR("f"),
                                  .inputs_count = 1,
                                  .inputs = inputs,
                                  .transforms = &rows[i].transform,
                                  .transforms_count = count,
                                  .on_null = EFF_NULL_SKIP};
        struct eff_value row = {0}, value;
        struct eff_err err = {0};

        check(&rows[i].transform, count, changes, COUNT(changes));
        // `null: skip` makes exactly a NULL result absent.
        assert_int_equal(eff_transform_field(&field, &row, &arena, &value, &err), EFF_OK);
        assert_string_equal(planvalue_text(&value, &shown),
                            strcmp(rows[i].null, "null") == 0 ? "absent" : rows[i].null);
        row = planvalue_of("text:");
        if (rows[i].empty[0] == '!')
            continue;
        assert_int_equal(eff_transform_field(&field, &row, &arena, &value, &err), EFF_OK);
        assert_string_equal(planvalue_text(&value, &shown), rows[i].empty);
    }
}

static void
test_constants(void **state)
{
    struct eff_field field = {.name = EFF_STR("f"), .constant = planvalue_of("text:x")};
    struct eff_value value;
    struct eff_err err = {0};

    (void)state;
    assert_int_equal(eff_transform_field(&field, NULL, &arena, &value, &err), EFF_OK);
    assert_string_equal(planvalue_text(&value, &shown), "text:x");
    field.constant = planvalue_of("null");
    assert_int_equal(eff_transform_field(&field, NULL, &arena, &value, &err), EFF_OK);
    assert_int_equal(value.kind, EFF_NULL);
    field.on_null = EFF_NULL_SKIP;
    assert_int_equal(eff_transform_field(&field, NULL, &arena, &value, &err), EFF_OK);
    assert_int_equal(value.kind, EFF_ABSENT);
}

/* ------------------------------------------------------------------------ templates */

static const char *
template_sent(const char *a, const char *b, enum eff_null_policy on_null)
{
    static const size_t inputs[] = {2, 0};
    static const eff_str names[] = {STR("a"), STR("b")};
    static const struct eff_template_part parts[] = {
        {STR("<"), SIZE_MAX}, {STR(""), 0}, {STR("|"), SIZE_MAX}, {STR(""), 1}, {STR(""), 0}};
    struct eff_field field = {.name = EFF_STR("f"),
                              .inputs_count = 2,
                              .inputs = inputs,
                              .input_names = names,
                              .parts_count = COUNT(parts),
                              .parts = parts,
                              .on_null = on_null};
    struct eff_value row[] = {planvalue_of(b), planvalue_of("bad:not mine"), planvalue_of(a)},
                     value;
    struct eff_err err = {0};

    if (eff_transform_field(&field, row, &arena, &value, &err) == EFF_OK)
        return planvalue_text(&value, &shown);
    assert_int_equal(err.fault, EFF_ROW);
    eff_buf_reset(&shown);
    eff_buf_addf(&shown, "!%s", err.msg);
    eff_buf_add_char(&shown, '\0');
    return shown.ptr;
}

static void
test_templates(void **state)
{
    (void)state;
    assert_string_equal(template_sent("text:x", "int:-5", EFF_NULL_SEND), "text:<x|-5x");
    assert_string_equal(template_sent("null", "int:5", EFF_NULL_SEND), "text:<|5");
    assert_string_equal(template_sent("text:x", "null", EFF_NULL_SKIP), "text:<x|x");
    assert_string_equal(template_sent("text:", "text:", EFF_NULL_SKIP), "text:<|");
    assert_string_equal(template_sent("text:", "null", EFF_NULL_SKIP), "text:<|");
    assert_string_equal(template_sent("null", "null", EFF_NULL_SEND), "null");
    assert_string_equal(template_sent("null", "null", EFF_NULL_SKIP), "absent");
    assert_string_equal(template_sent("null", "absent", EFF_NULL_SEND), "null");
    assert_string_equal(template_sent("date:2026-01-31", "bool:1", EFF_NULL_SEND),
                        "text:<2026-01-31|true2026-01-31");
    assert_string_equal(
        template_sent("decimal:1.50", "instant:2026-01-31T00:00:00Z", EFF_NULL_SEND),
        "text:<1.50|2026-01-31T00:00:00Z1.50");
    assert_string_equal(template_sent("json:[1]", "float:0.1", EFF_NULL_SEND), "text:<[1]|0.1[1]");
    assert_string_equal(template_sent("text:x", "bad:too large", EFF_NULL_SEND),
                        "!field `f`: column `b`: too large");
    assert_string_equal(template_sent("text:{{ b }}", "text:%s%n", EFF_NULL_SEND),
                        "text:<{{ b }}|%s%n{{ b }}");
}

/* --------------------------------------------------------------------------- format */

static void
test_format(void **state)
{
    static const struct {
        const char *pattern, *from, *want;
    } rows[] = {
        {"%Y-%m-%d", "date:2026-01-05", "text:2026-01-05"},
        {"%d.%m.%y", "date:2026-01-05", "text:05.01.26"},
        {"%e %b %Y", "date:2026-01-05", "text: 5 Jan 2026"},
        {"%A, %B %d", "date:2024-02-29", "text:Thursday, February 29"},
        {"%a %j", "date:2024-12-31", "text:Tue 366"},
        {"%j", "date:2023-12-31", "text:365"},
        {"%j", "date:2024-03-01", "text:061"},
        {"%Y", "date:0001-01-01", "text:0001"},
        {"%Y-%m-%dT%H:%M:%S", "date:2026-01-05", "text:2026-01-05T00:00:00"},
        {"%s", "date:1970-01-02", "text:86400"},
        {"%s", "date:1969-12-31", "text:-86400"},
        {"%H:%M:%S.%f", "datetime:2026-01-05T14:03:09.000250", "text:14:03:09.000250"},
        {"%f", "datetime:2026-01-05T14:03:09.123456789", "text:123456"},
        {"%I:%M %p", "datetime:2026-01-05T00:03:00", "text:12:03 AM"},
        {"%I:%M %p", "datetime:2026-01-05T12:03:00", "text:12:03 PM"},
        {"%I:%M %p", "datetime:2026-01-05T23:03:00", "text:11:03 PM"},
        {"%s%f", "instant:1969-12-31T23:59:59.250000Z", "text:-1250000"},
        {"%s", "instant:2026-03-29T01:00:00+02:00", "text:1774738800"},
        {"%Y-%m-%d %H:%M %z", "instant:2026-01-01T00:30:00+02:00", "text:2025-12-31 22:30 +0000"},
        {"%a", "instant:1900-01-01T00:00:00Z", "text:Mon"},
        {"100%%", "date:2026-01-05", "text:100%"},
        {"", "date:2026-01-05", "text:"},
        {"\xc3\xa9%Y", "date:2026-01-05",
         "text:\xc3\xa9"
         "2026"},
        {"%H%M", "time:14:30:00", "text:1430"},
        {"%Y", "text:2026-01-05", "text:2026"},
        {"%H %s", "text:2026-01-05T10:00:00+02:00", "text:08 1767600000"},
        {"%H", "text:2026-01-05 10:00", "text:10"},
        {"%Y", "time:14:30:00", "!it has no date"},
        {"%s", "time:14:30:00", "!it has no date"},
        {"%H", "time:#86400000000", "!outside"},
        {"%H", "time:#-1", "!outside"},
        {"%s", "datetime:2026-01-05T00:00:00", "!no time zone"},
        {"%z", "datetime:2026-01-05T00:00:00", "!no time zone"},
        {"%z", "date:2026-01-05", "!no time zone"},
        {"%s", "text:2026-01-05T10:00:00", "!no time zone"},
        {"%Y", "date:#2932897", "!year is not"},
        {"%Y", "instant:#-62135596800000001", "!year is not"},
        {"%Y", "instant:#9223372036854775807", "!year is not"},
        {"%Y", "text:soon", "!no date or time"},
        {"%Y", "text:0000-00-00", "!no date or time"},
        {"%Y", "int:2026", "!integer"},
        {"%Y", "json:\"2026-01-05\"", "!json"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct eff_transform format = {.kind = EFF_TRANSFORM_FORMAT,
                                       .format = eff_str_of(rows[i].pattern)};
        const struct change change = {rows[i].from, rows[i].want};

        check(&format, 1, &change, 1);
    }
}

/* Every day of 120 years and some seconds of each, against the C library. */
static void
test_format_like_strftime(void **state)
{
    struct eff_transform format = {.kind = EFF_TRANSFORM_FORMAT,
                                   .format =
                                       EFF_STR("%Y %m %b %B %d %e %j %a %A %H %I %p %M %S %z %%")};
    uint64_t random = 3;

    (void)state;
    for (time_t day = -25567; day < 18263; day++) { // 1900 to 2019
        time_t seconds = day * 86400 + (time_t)random_below(&random, 86400);
        char want[256] = "text:", from[64];
        struct tm tm;

        gmtime_r(&seconds, &tm);
        strftime(want + 5, sizeof(want) - 5, "%Y %m %b %B %d %e %j %a %A %H %I %p %M %S %z %%",
                 &tm);
        snprintf(from, sizeof(from), "instant:#%lld", (long long)seconds * 1000000);
        if (strcmp(sent(&format, 1, from), want) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", from, shown.ptr, want);
        if (day % 500 == 0)
            eff_arena_reset(&arena);
    }
}

/* ---------------------------------------------------------------------------- zones */

static void
test_zone(void **state)
{
    static const struct change changes[] = {
        {"datetime:2024-07-01T12:00:00.5", "instant:2024-07-01T10:00:00.5Z"},
        {"text:2024-01-01 00:30", "instant:2023-12-31T23:30:00Z"},
        {"instant:2024-07-01T22:30:00Z", "datetime:2024-07-02T00:30:00"},
        {"text:1969-12-31T23:59:59.999999999+00:00", "datetime:1970-01-01T00:59:59.999999999"},
        {"datetime:2024-03-31T02:30:00", "!in Europe/Berlin: clocks over there were put forward"},
        {"datetime:2024-10-27T02:30:00", "instant:2024-10-27T00:30:00Z"}, // the first of both
        {"date:2024-03-31", "date:2024-03-31"},
        {"text:2024-03-31", "text:2024-03-31"},
        {"null", "null"},
        {"int:5", "!integer"},
        {"text:soon", "!is not a date and time"},
        {"instant:9999-12-31T23:30:00Z", "!year is not"},
        {"datetime:0001-01-01T00:30:00", "!year is not"},
        {"datetime:#9223372036854775807", "!year is not"},
    };
    const struct eff_transform zone = {
        .kind = EFF_TRANSFORM_ZONE,
        .zone_name = EFF_STR("Europe/Berlin"),
        .zone = tzif_zone("CET-1CEST,M3.5.0,M10.5.0/3", &arena),
    };
    const struct eff_transform and_format[] = {
        zone, {.kind = EFF_TRANSFORM_FORMAT, .format = STR("%d.%m.%Y %H:%M")}};
    static const struct change formats[] = {
        {"instant:2024-10-27T00:59:59Z", "text:27.10.2024 02:59"},
        {"instant:2024-10-27T01:00:00Z", "text:27.10.2024 02:00"},
    };

    (void)state;
    CHECK(zone, changes);
    check(and_format, 2, formats, COUNT(formats));
}

/* ------------------------------------------------------------------------ normalize */

static void
check_normalize(enum eff_normalize rule, const struct change *changes, size_t count)
{
    struct eff_transform normalize = {.kind = EFF_TRANSFORM_NORMALIZE, .normalize = rule};

    check(&normalize, 1, changes, count);
}

static void
test_normalize_email(void **state)
{
    static const struct change emails[] = {
        {"text:  John.Doe@Example.COM \n", "text:john.doe@example.com"},
        {"text:john doe@example.com", "text:johndoe@example.com"}, // Data Manager: inner blanks
        {"text:a+b@x.org", "text:a+b@x.org"},
        {"text:J.D+x@Gmail.com", "text:j.d+x@gmail.com"},
        {"text:\xc2\xa0J\xc3\x96RG@x.de", "text:j\xc3\xb6rg@x.de"},
        {"text:   ", "text:"},
        {"text:john.doe", "!email"},
        {"text:@x.org", "!email"},
        {"text:a@", "!domain"},
        {"text:a@b@c.org", "!email"},
        {"text:a@localhost", "!domain"},
        {"text:a@.org", "!domain"},
        {"text:a@x.", "!domain"},
        {"text:\xff@x.org", "!UTF-8"},
        {"bool:1", "!boolean"},
        {"json:\"a@b.c\"", "!json"}};
    static const struct change gmails[] = {
        {"text:J.o.h.n+News@Gmail.com", "text:john@gmail.com"},
        {"text:j.ohn@googlemail.com", "text:john@googlemail.com"},
        {"text:j.ohn+x@example.com", "text:j.ohn+x@example.com"},
        {"text:j.ohn+x@gmail.com.evil.org", "text:j.ohn+x@gmail.com.evil.org"},
        {"text:a+b+c@gmail.com", "text:a@gmail.com"},
        {"text:", "text:"},
        {"text:+x@gmail.com", "!nothing is left"},
        {"text:...@gmail.com", "!nothing is left"},
        {"text:gmail.com", "!email"}};

    (void)state;
    check_normalize(EFF_NORMALIZE_EMAIL, emails, COUNT(emails));
    check_normalize(EFF_NORMALIZE_GMAIL, gmails, COUNT(gmails));
}

static void
test_normalize_phone(void **state)
{
    static const struct change bare[] = {
        {"text:+49 (0)30 1234567", "text:49301234567"},
        {"text:", "text:"},
        {"text:0049301234567", "text:49301234567"},
    };
    static const struct change phones[] = {
        {"text:+1 (234) 567-8910", "text:+12345678910"},
        {"text:+44 844 412 4653", "text:+448444124653"},
        {"text:0049 30/1234567", "text:+49301234567"},
        {"text:+44 (0)20 7946 0958", "text:+442079460958"},
        {"text:+49\xc2\xa0"
         "30\xe2\x80\x91"
         "123 45 67",
         "text:+49301234567"},
        {"text:\xe2\x80\xaa+49301234567\xe2\x80\xac", "text:+49301234567"}, // as phones copy it
        {"text:", "text:"},
        {"text: - ", "text:"},
        {"text:12345678910", "!no country code"},
        {"text:030 1234567", "!no country code"},
        {"int:12345678910", "!no country code"},
        {"text:+1 234 567 8910 x12", "!other characters"},
        {"text:+1-800-FLOWERS", "!other characters"},
        {"text:+49 30 1234567; +49 30 7654321", "!other characters"},
        {"text:+49+30", "!other characters"},
        {"text:+123456", "!7 to 15"},
        {"text:+1234567", "text:+1234567"},
        {"text:+123456789012345", "text:+123456789012345"},
        {"text:+1234567890123456", "!7 to 15"},
        {"text:+0123456789", "!begins with 0"},
        {"text:+", "!7 to 15"},
        {"text:00", "!7 to 15"},
        {"text:+\xd9\xa1\xd9\xa2\xd9\xa3", "!other characters"},
        {"decimal:12345678910.0", "!fraction"},
        {"float:1", "!float"}};

    (void)state;
    check_normalize(EFF_NORMALIZE_PHONE, phones, COUNT(phones));
    check_normalize(EFF_NORMALIZE_PHONE_DIGITS, bare, COUNT(bare));
}

static void
test_normalize_names(void **state)
{
    static const struct change cities[] = {
        {"text: New York 2 ", "text:newyork"},
        {"text:S\xc3\xa3o Paulo", "text:s\xc3\xa3opaulo"},
        {"text:St. Louis", "text:stlouis"},
    };
    static const struct change names[] = {
        {"text: Mary-Ann  O'Brien, Jr. ", "text:maryann obrien jr"},
        {"text:\xc3\x89MILIE", "text:\xc3\xa9milie"},
        {"text:\xe2\x80\x98John\xe2\x80\x99", "text:john"},
        {"text:\xd0\x98\xd0\x92\xd0\x90\xd0\x9d", "text:\xd0\xb8\xd0\xb2\xd0\xb0\xd0\xbd"},
        {"text:\xe6\x9d\x8e", "text:\xe6\x9d\x8e"},
        {"text:\xe2\x80\x8bzero\xef\xbb\xbf", "text:zero"},
        {"text:\xc2\xbfJos\xc3\xa9?", "text:jos\xc3\xa9"},
        {"text:-.-", "text:"},
        {"text:\xc0\x80", "!UTF-8"}};
    static const struct change zips[] = {{"text:94025", "text:94025"},
                                         {"text:94025-1234", "text:94025"},
                                         {"text: SW1A 1AA ", "text:sw1a1aa"},
                                         {"text:00-950", "text:00950"},
                                         {"text:1000-205", "text:1000205"},
                                         {"text:01310-100", "text:01310100"},
                                         {"text:", "text:"},
                                         {"int:2134", "text:2134"},
                                         {"text:02134", "text:02134"},
                                         {"text:1234a-6789", "text:1234a6789"},
                                         {"text:12345 67890", "text:1234567890"}};
    static const struct change countries[] = {
        {"text:DE", "text:de"},         {"text: us ", "text:us"},
        {"text:XK", "text:xk"},         {"text:ZW", "text:zw"},
        {"text:AD", "text:ad"},         {"text:", "text:"},
        {"text:UK", "!is gb"},          {"text:Germany", "!two letters"},
        {"text:DEU", "!two letters"},   {"text:xx", "!ISO 3166"},
        {"text:d", "!two letters"},     {"text:49", "!ISO 3166"},
        {"text:\xc3\xa9", "!ISO 3166"}, {"text: d e ", "text:de"}};

    (void)state;
    check_normalize(EFF_NORMALIZE_NAME, names, COUNT(names));
    check_normalize(EFF_NORMALIZE_ZIP, zips, COUNT(zips));
    check_normalize(EFF_NORMALIZE_LETTERS, cities, COUNT(cities));
    check_normalize(EFF_NORMALIZE_COUNTRY, countries, COUNT(countries));
}

static void
test_normalize_google_names(void **state)
{
    static const struct change given[] = {{"text: Mary-Ann  O'Brien ", "text:mary-ann o'brien"},
                                          {"text: Mrs. Alex ", "text:alex"},
                                          {"text:Alex Dr.", "text:alex"},
                                          {"text:Mralex", "text:mralex"},
                                          {"text:Mr.", "text:"},
                                          {"text:\xe2\x80\xa8Mary\xe2\x80\xa8\xe2\x80\xa9"
                                           "Ann\xe2\x80\xa9",
                                           "text:mary ann"},
                                          {"text:\xc3\x89MILIE", "text:\xc3\xa9milie"},
                                          {"text:", "text:"},
                                          {"text:\xc0\x80", "!UTF-8"}};
    static const struct change family[] = {{"text:O'Brien", "text:o'brien"},
                                           {"text:Smith-Jones", "text:smith-jones"},
                                           {"text: Quinn, Jr.  ", "text:quinn"},
                                           {"text:Quinn,Jr.", "text:quinn"},
                                           {"text:Quinn Sr.", "text:quinn"},
                                           {"text:van  der Berg III", "text:van der berg"},
                                           {"text:quinn, jr., dds", "text:quinn"},
                                           {"text:Boardds", "text:boardds"},
                                           {"text:ii", "text:ii"},
                                           {"text:, Jr.", "text:"},
                                           {"text:,Jr.", "text:"},
                                           {"text:", "text:"}};

    (void)state;
    check_normalize(EFF_NORMALIZE_GIVEN_NAME, given, COUNT(given));
    check_normalize(EFF_NORMALIZE_FAMILY_NAME, family, COUNT(family));
}

static void
test_normalize_gender(void **state)
{
    static const struct change genders[] = {{"text:Male", "text:m"},
                                            {"text: m ", "text:m"},
                                            {"text:MAN", "text:m"},
                                            {"text:Female", "text:f"},
                                            {"text:F", "text:f"},
                                            {"text:woman", "text:f"},
                                            {"text:", "text:"},
                                            {"text: ", "text:"},
                                            {"text:x", "!neither male nor"},
                                            {"text:males", "!neither"},
                                            {"int:1", "!neither"},
                                            {"text:f m", "!neither"},
                                            {"text:female man", "!neither"}};

    (void)state;
    check_normalize(EFF_NORMALIZE_GENDER, genders, COUNT(genders));
}

static void
test_normalize_birth(void **state)
{
    static const struct change years[] = {{"int:1987", "text:1987"},
                                          {"text: 1987 ", "text:1987"},
                                          {"text:87", "!four digits"},
                                          {"text:1899", "!four digits"},
                                          {"text:01987", "!four digits"},
                                          {"text:+198", "!four digits"},
                                          {"text:-987", "!four digits"},
                                          {"text:198x", "!four digits"},
                                          {"text:", "text:"},
                                          {"text:1900", "text:1900"}};
    static const struct change months[] = {
        {"int:1", "text:01"},     {"text: 1 ", "text:01"},      {"text:01", "text:01"},
        {"text:12", "text:12"},   {"text:0", "!1 to 12"},       {"int:13", "!1 to 12"},
        {"text:001", "!1 to 12"}, {"text:May", "!1 to 12"},     {"text:", "text:"},
        {"text:+1", "!1 to 12"},  {"decimal:1.0", "!fraction"}, {"decimal:7", "text:07"}};
    static const struct change days[] = {{"int:9", "text:09"},    {"text:31", "text:31"},
                                         {"text:32", "!1 to 31"}, {"int:0", "!1 to 31"},
                                         {"text:-1", "!1 to 31"}, {"text:", "text:"}};

    (void)state;
    check_normalize(EFF_NORMALIZE_YEAR, years, COUNT(years));
    check_normalize(EFF_NORMALIZE_MONTH, months, COUNT(months));
    check_normalize(EFF_NORMALIZE_DAY, days, COUNT(days));
}

/* Letters of two bytes that are three in lower case, and the one that is one. */
static void
test_lower_changes_length(void **state)
{
    static const struct change names[] = {{"text:\xc8\xba\xc8\xba\xc8\xba\xc8\xba", // U+023A
                                           "text:\xe2\xb1\xa5\xe2\xb1\xa5\xe2\xb1\xa5\xe2\xb1\xa5"},
                                          {"text:\xe2\x84\xaa"
                                           "elvin",
                                           "text:kelvin"},                            // U+212A
                                          {"text:\xe1\xbb\x86", "text:\xe1\xbb\x87"}, // Vietnamese
                                          {"text:\xf0\x9f\x98\x80 $5", "text:5"}};

    (void)state;
    check_normalize(EFF_NORMALIZE_NAME, names, COUNT(names));
}

/* ----------------------------------------------------------------------------- hash */

#define DIGEST_ABC  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define DIGEST_TEST /* of test@example.com */                                                      \
    "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"

static void
test_hash(void **state)
{
    static const struct change hashes[] = {
        {"text:abc", "text:" DIGEST_ABC}, // FIPS 180-2, appendix B.1
        {"null", "null"},
        {"text:", "text:"},
        {"int:5", "text:ef2d127de37b942baad06145e54b0c619a1f22327b2ebbcfbec78f5564afe39d"},
        {"text:5", "text:ef2d127de37b942baad06145e54b0c619a1f22327b2ebbcfbec78f5564afe39d"},
        {"bytes:abc", "!bytes"}};

    (void)state;
    CHECK({.kind = EFF_TRANSFORM_HASH}, hashes);
}

static void
test_normalize_and_hash(void **state)
{
    static const struct eff_transform email[] = {
        {.kind = EFF_TRANSFORM_NORMALIZE, .normalize = EFF_NORMALIZE_EMAIL},
        {.kind = EFF_TRANSFORM_HASH}};
    static const struct change emails[] = {
        {"text: Test@Example.com", "text:" DIGEST_TEST},
        {"text:" DIGEST_TEST, "text:" DIGEST_TEST}, // Hashed by the model: passes.
        {"text:973DFE463EC85785F5F95AF5BA3906EEDB2D931C24E69824A89EA65DBA4E813B",
         "text:" DIGEST_TEST},
        {"text:   ", "text:"}, // Not the hash of nothing.
        {"null", "null"},
        {"text:973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813", "!email"},
        {"text:x73dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b", "!email"}};
    const char *twice;

    (void)state;
    check(email, 2, emails, COUNT(emails));
    // Alone, HASH takes any text as text; and without HASH no digest is an address.
    twice = sent(email + 1, 1, "text:" DIGEST_TEST);
    assert_string_not_equal(twice, "text:" DIGEST_TEST);
    assert_int_equal(strlen(twice), strlen("text:" DIGEST_TEST));
    assert_int_equal(sent(email, 1, "text:" DIGEST_TEST)[0], '!');
}

/* -------------------------------------------------------------------------- chains */

static void
test_chains(void **state)
{
    static const struct eff_transform chain[] = {
        {.kind = EFF_TRANSFORM_TRIM},
        {.kind = EFF_TRANSFORM_LOWER},
        {.kind = EFF_TRANSFORM_MAP, .pairs = map_pairs, .pairs_count = COUNT(map_pairs)},
        {.kind = EFF_TRANSFORM_DEFAULT, .value = {.kind = EFF_TEXT, .len = 2, .ptr = "42"}},
        {.kind = EFF_TRANSFORM_CAST, .cast = EFF_DECIMAL}};
    static const struct change changes[] = {
        {"text: 1 ", "decimal:100"},     {"text: TRUE", "decimal:42"}, // mapped to NULL
        {"null", "decimal:42"},          {"text:HV", "!not a number"},
        {"text:x", "!map has no entry"}, {"absent", "absent"}};

    (void)state;
    check(chain, COUNT(chain), changes, COUNT(changes));
}

static void
test_hints_stay(void **state)
{
    static const size_t inputs[] = {0};
    struct eff_transform cast = {.kind = EFF_TRANSFORM_CAST, .cast = EFF_INSTANT};
    struct eff_field field = {.name = EFF_STR("f\n\x1b[31m"),
                              .inputs_count = 1,
                              .inputs = inputs,
                              .transforms = &cast,
                              .transforms_count = 1};
    struct eff_value row = planvalue_of("date:2026-01-31"), value;
    struct eff_err err = {0};

    (void)state;
    assert_int_equal(eff_transform_field(&field, &row, &arena, &value, &err), EFF_ROW);
    assert_non_null(strstr(err.hint, "AT TIME ZONE"));
    assert_string_equal(err.where, "");
    assert_null(strchr(err.msg, '\n'));
    assert_null(strchr(err.msg, '\x1b'));
    assert_non_null(err.file);
}

/* First loads send every row through here. */
static void
test_plain_fields_cost_nothing(void **state)
{
    static const char *const values[] = {
        "text:abc", "json:{\"a\":[1]}", "int:5",      "decimal:1.50",
        "null",     "float:nan",        "bytes:\x01", "time:12:00:00"};
    static const struct eff_transform free_ones[] = {
        {.kind = EFF_TRANSFORM_TRIM},
        {.kind = EFF_TRANSFORM_LOWER},
        {.kind = EFF_TRANSFORM_DEFAULT},
        {.kind = EFF_TRANSFORM_CAST, .cast = EFF_TEXT}};
    static const size_t inputs[] = {0};
    struct eff_field field = {.name = EFF_STR("f"), .inputs_count = 1, .inputs = inputs};
    struct eff_value row, value;
    struct eff_err err = {0};
    size_t used = arena.used;

    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        row = planvalue_of(values[i]);
        assert_int_equal(eff_transform_field(&field, &row, &arena, &value, &err), EFF_OK);
        assert_memory_equal(&value, &row, sizeof(value));
    }
    field.transforms = free_ones;
    field.transforms_count = COUNT(free_ones);
    row = planvalue_of("text:abc");
    assert_int_equal(eff_transform_field(&field, &row, &arena, &value, &err), EFF_OK);
    assert_memory_equal(&value, &row, sizeof(value));
    assert_int_equal(arena.used, used);
}

/* Bytes of any kind through every transform: no crash, and text stays valid. */
static void
test_random_texts(void **state)
{
    static const char alphabet[] =
        "aZ09 @.+-()'/%\"{}[]:,\t\xc3\x89\xe2\x80\x99\xf0\x9f\x98\x80\xff";
    uint64_t random = 11;
    static const size_t inputs[] = {0};

    (void)state;
    for (int round = 0; round < 30000; round++) {
        char text[24];
        size_t len = random_below(&random, sizeof(text) + 1);
        struct eff_transform t = {
            .kind = (enum eff_transform_kind)(1 + random_below(&random, EFF_TRANSFORM_HASH)),
            .cast = (enum eff_kind)(EFF_BOOL + random_below(&random, EFF_JSON)),
            .normalize = (enum eff_normalize)(1 + random_below(&random, EFF_NORMALIZE_FAMILY_NAME)),
            .format = EFF_STR("%Y")};
        struct eff_field field = {.name = EFF_STR("f"),
                                  .inputs_count = 1,
                                  .inputs = inputs,
                                  .transforms = &t,
                                  .transforms_count = 1};
        struct eff_value row, value;
        struct eff_err err = {0};
        enum eff_fault fault;

        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[random_below(&random, sizeof(alphabet) - 1)];
        row = eff_value_of_str(EFF_TEXT, (eff_str){text, len});
        fault = eff_transform_field(&field, &row, &arena, &value, &err);
        assert_true(fault == EFF_OK || fault == EFF_ROW);
        if (fault == EFF_OK && value.kind == EFF_TEXT && eff_utf8_valid((eff_str){text, len}))
            assert_true(eff_utf8_valid(eff_value_str(&value)));
        if (round % 256 == 0)
            eff_arena_reset(&arena);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_letters, setup),
        cmocka_unit_test_setup(test_map, setup),
        cmocka_unit_test_setup(test_map_large, setup),
        cmocka_unit_test_setup(test_empties, setup),
        cmocka_unit_test_setup(test_constants, setup),
        cmocka_unit_test_setup(test_templates, setup),
        cmocka_unit_test_setup(test_format, setup),
        cmocka_unit_test_setup(test_format_like_strftime, setup),
        cmocka_unit_test_setup(test_zone, setup),
        cmocka_unit_test_setup(test_normalize_email, setup),
        cmocka_unit_test_setup(test_normalize_phone, setup),
        cmocka_unit_test_setup(test_normalize_names, setup),
        cmocka_unit_test_setup(test_normalize_google_names, setup),
        cmocka_unit_test_setup(test_normalize_gender, setup),
        cmocka_unit_test_setup(test_normalize_birth, setup),
        cmocka_unit_test_setup(test_lower_changes_length, setup),
        cmocka_unit_test_setup(test_hash, setup),
        cmocka_unit_test_setup(test_normalize_and_hash, setup),
        cmocka_unit_test_setup(test_chains, setup),
        cmocka_unit_test_setup(test_hints_stay, setup),
        cmocka_unit_test_setup(test_plain_fields_cost_nothing, setup),
        cmocka_unit_test_setup(test_random_texts, setup),
    };
    int failed;

    eff_arena_init(&arena, "test", (size_t)64 << 20);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eff_arena_deinit(&arena);
    eff_buf_free(&shown);
    return failed;
}
