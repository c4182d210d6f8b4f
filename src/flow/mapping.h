/*
 * flow/mapping: the compiled `fields:` of a sync.
 *
 * plan/compile builds it from the configuration and the source's columns; batch
 * hashes rows by it; plan/transform applies it to changed rows. A column's
 * identity is its destination field together with its compiled mapping, and its
 * value is the hash of that mapping's inputs: editing a value map makes a new
 * column, which is then sent alone.
 */
#ifndef EFF_FLOW_MAPPING_H
#define EFF_FLOW_MAPPING_H

#include "base/zone.h"
#include "flow/batch.h"

enum eff_transform_kind {
    EFF_TRANSFORM_TRIM = 1,
    EFF_TRANSFORM_LOWER, /* Unicode simple case folding is not done: ASCII only */
    EFF_TRANSFORM_UPPER,
    EFF_TRANSFORM_MAP,  /* pairs; without a hit: otherwise if given, else the value is refused */
    EFF_TRANSFORM_CAST, /* to `kind`; refuses what does not convert exactly */
    EFF_TRANSFORM_FIT,  /* to `cast` where that is exact, else left for the destination to judge */
    EFF_TRANSFORM_FORMAT,    /* a date, time or timestamp by a strftime-like pattern -> text */
    EFF_TRANSFORM_DEFAULT,   /* NULL becomes this constant */
    EFF_TRANSFORM_NORMALIZE, /* email, phone, name, ...: the ad platforms' rules */
    EFF_TRANSFORM_HASH,      /* sha256 of the text -> hex text; NULL and "" stay */
    EFF_TRANSFORM_ZONE,      /* a time without zone -> the instant it is there; and the other way */
};

enum eff_normalize {
    EFF_NORMALIZE_EMAIL = 1,
    EFF_NORMALIZE_GMAIL,
    EFF_NORMALIZE_PHONE,
    EFF_NORMALIZE_NAME,
    EFF_NORMALIZE_ZIP,
    EFF_NORMALIZE_COUNTRY,
    EFF_NORMALIZE_PHONE_DIGITS,
    EFF_NORMALIZE_LETTERS,
    EFF_NORMALIZE_GENDER,
    EFF_NORMALIZE_YEAR,
    EFF_NORMALIZE_MONTH,
    EFF_NORMALIZE_DAY,
    EFF_NORMALIZE_GIVEN_NAME,
    EFF_NORMALIZE_FAMILY_NAME
};
#define EFF_NORMALIZE_NAMES                                                                        \
    "none|email|gmail|phone|name|zip|country|phone_digits|letters|gender|year|month|day|"          \
    "given_name|family_name"

struct eff_map_pair {
    eff_str from; /* text form of the source value */
    struct eff_value to;
};

struct eff_transform {
    enum eff_transform_kind kind;
    enum eff_kind cast;
    enum eff_normalize normalize;
    eff_str format, zone_name;
    const struct eff_zone *zone; /* of zone_name, from when a run has read it */
    size_t pairs_count;
    const struct eff_map_pair *pairs;
    bool has_otherwise;
    struct eff_value value; /* DEFAULT's constant, MAP's otherwise */
};

struct eff_template_part { /* "{{ first }} {{ last }}" */
    eff_str text;          /* when input == SIZE_MAX */
    size_t input;          /* index into inputs */
};

enum eff_null_policy { EFF_NULL_SEND = 0, EFF_NULL_SKIP };

struct eff_field {
    eff_str name; /* destination field; dots nest: "address.city", "Account.Ext_Id__c" */
    uint64_t id;  /* identity: hash of name and compiled mapping, stable over runs and versions */
    size_t inputs_count;
    const size_t *inputs;       /* column indexes; none for a constant */
    const eff_str *input_names; /* the same columns by name, kept in state: tells what left */
    struct eff_value constant;  /* when there are neither inputs nor parts */
    size_t parts_count;
    const struct eff_template_part *parts;
    size_t transforms_count;
    const struct eff_transform *transforms;
    enum eff_null_policy on_null;
    eff_str where; /* "syncs/a.yml:7:3", for messages */
};

struct eff_mapping {
    size_t key_count;
    const size_t *key; /* column indexes */
    const eff_str *key_names;
    size_t match_count; /* which record it is, over there */
    const struct eff_field *match;
    size_t fields_count;
    const struct eff_field *fields;
    bool match_is_key; /* match uses exactly the key columns, untransformed */
};

#endif
