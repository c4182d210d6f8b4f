#!/bin/sh
# diff_duckdb: our diff beside DuckDB doing the same work, on the same machine, in turns.
#
# usage: bench/diff_duckdb.sh BUILD_DIR [MILLION_ROWS [TURNS]]
#
# Needs the bench programs (cmake --build BUILD_DIR --target bench-programs) and
# build/deps/duckdb (tools/fetch-duckdb). Prints the programs' JSON lines, and last
# the fewest cpu seconds of either side. Takes the noise of a shared machine by
# measuring in turns and counting cpu seconds, not by waiting.
set -eu
cd "$(dirname "$0")/.."
build=${1:?usage: bench/diff_duckdb.sh BUILD_DIR [MILLION_ROWS [TURNS]]}
millions=${2:-10}
turns=${3:-3}
folder=$(mktemp -d "${TMPDIR:-/tmp}/bench-diff.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP

mkdir "$folder/ours" "$folder/duckdb"
"$build/bench/bench_diff" "$folder/ours" "$millions"
turn=0
while [ "$turn" -lt "$turns" ]; do
    "$build/bench/bench_diff" "$folder/ours" "$millions"
    "$build/bench/bench_diff_duckdb" build/deps/duckdb/libduckdb.so "$folder/duckdb" "$millions" 1
    turn=$((turn + 1))
done | tee "$folder/lines"
awk '
function number(name,    rest) {
    rest = $0
    sub(".*\"" name "\": ", "", rest)
    return rest + 0
}
/"phase": "making rows"/ { making = number("cpu_s"); ours = 0 }
/"phase": "changes: / { ours += number("cpu_s"); rss = number("rss_max_mib") }
/"phase": "changes: commit"/ { ours -= making; if (!best || ours < best) best = ours }
/"diff duckdb"/ { bits = number("key_bits"); cpu = number("cpu_s")
                  if (!duck[bits] || cpu < duck[bits]) duck[bits] = cpu }
END {
    printf "{\"bench\": \"diff, fewest cpu seconds\", \"ours\": %.2f, \"rss_max_mib\": %d, ", best, rss
    printf "\"duckdb_128_bit_key\": %.2f, \"duckdb_64_bit_key\": %.2f, ", duck[128], duck[64]
    printf "\"ratio_128\": %.2f, \"ratio_64\": %.2f}\n", best / duck[128], best / duck[64]
}' "$folder/lines"
