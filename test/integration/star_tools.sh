#!/bin/sh
# Goal: what `make star` shows is true: twelve tools, what each of sixteen syncs feeds equal to its model in all fields,
# before and after three months of purchases, and but for one field after that field was renamed.
# Method: run it; it compares by itself, and ends with another code when anything differs.
STAR_DIR=$EFF_TMP/star DBT=$EFF_BUILD/venv/bin/dbt EFF_DUCKDB=$EFF_DEPS/duckdb/libduckdb.so \
    sh "$EFF_SRC/tools/star" > star.txt 2>&1 || { cat star.txt; exit 1; }
grep -q 'that column is named and stopped' star.txt || { cat star.txt; exit 1; }
[ "$(grep -c '^+ .* holds the' star.txt)" -eq 48 ] || { cat star.txt; echo "not every tool was compared"; exit 1; }
