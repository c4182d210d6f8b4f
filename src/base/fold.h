/*
 * base/fold: texts as somebody compares them who takes A for a.
 */
#ifndef EFF_BASE_FOLD_H
#define EFF_BASE_FOLD_H

#include "base/arena.h"
#include "base/str.h"

enum eff_fold {
    EFF_FOLD_NONE = 0,
    EFF_FOLD_ASCII, /* the letters a to z: SQLite's NOCASE */
    EFF_FOLD_CASE,  /* letters of all scripts */
    EFF_FOLD_MARKS, /* their accents, too: most of MySQL's collations */
    EFF_FOLD_FIELD, /* letters, and blanks around them: a field of an API */
};

/* Texts that are one over there are equal in it. What is no UTF-8, or over 1 MiB, is folded as ASCII. */
eff_str eff_fold(enum eff_fold fold, eff_str text, struct eff_arena *arena);

#endif
