#!/bin/sh
# timeout: 120
#
# Goal: a warehouse behind an ADBC driver is read as any other source: exact values, only changes
# sent, secrets unseen, and a driver or an option that is wrong is told with its place.
# Method: DuckDB's library, which is a driver, in memory; the driver of test/driver, that lies.
. "$EFF_SRC/test/lib/scenario.sh"

FAKE=$EFF_BUILD/test/driver/libadbc_driver_fake.so
model() { # SQL
    cat > "$P/syncs/t.yml" << END
sync: t
sql: |
  $1
key: id
to: b.t
mode: mirror
fields: $2
guard: {max_removed: 100%}
END
}

about "rows of a driver"
project fake << END
sources: {w: {type: adbc, driver: $FAKE, uri: "\${secret:WHERE}", options: {a: 1}}}
destinations: {b: {type: sqlite, path: b.db}}
END
export WHERE=fake://me:hunter22@x
db "$P/b.db" 'create table t (id integer primary key, name text)'
model 'SELECT rows' '[name]'
eff 0 check
eff 0 run
counts t read=3 added=3 planned=3 delivered=3
rows_are "$P/b.db" 'select * from t order by id' '1|n1
2|n2
3|n3'
eff 0 run
counts t read=3 unchanged=3 planned=0 requests=0

about "an end that is none" # nothing is taken for removed
for answer in late_error late_detail short_column backwards null_row; do
    model "SELECT $answer" '[name]'
    eff 1 run
    rows_are "$P/b.db" 'select count(*) from t' 3
done
model 'SELECT refused' '[name]'
run_eff run -p "$P"
[ "$CODE" = 1 ] || fail "exit code $CODE"
says 'no such table: nowhere (SQLSTATE 42S02, code 2003)'
model 'DELETE FROM t' '[name]'
run_eff run -p "$P"
says 'a model only reads'

about "what is wrong with a driver"
refused() { # SOURCE PART...: `check` names it
    printf 'sources: {w: {type: adbc, %s}}\ndestinations: {b: {type: sqlite, path: b.db}}\n' "$1" > "$P/efferent.yml"
    run_eff check -p "$P"
    [ "$CODE" = 0 ] && fail "check passes with $1"
    shift
    for part in "$@"; do says "$part"; done
    says_not hunter22
}
model 'SELECT rows' '[name]'
refused 'driver: snowflake' 'the ADBC driver "snowflake" is not installed' 'adbc-driver-NAME'
refused 'driver: ./libadbc_driver_x.so' 'there is no ADBC driver'
refused 'driver: efferent.yml' 'cannot be loaded'
refused "driver: $FAKE, entrypoint: nothing_init" 'it has no nothing_init'
refused "driver: $FAKE, password: wrong" 'password refused'
refused "driver: $FAKE, options: {unknown: '\${secret:WHERE}'}" 'what is that?' 'setting unknown' 'efferent.yml:1:'
refused "driver: $FAKE, options: {echoed: '\${secret:WHERE}'}" '000' 'SQLSTATE 28000'
says_not fake://
refused "driver: $FAKE, options: [a]" 'names and values'
refused 'uri: x' 'driver'

about "duckdb through adbc"
if [ -f "$EFF_DEPS/duckdb/libduckdb.so" ]; then
    project duckdb << END
sources: {w: {type: adbc, driver: "$EFF_DEPS/duckdb/libduckdb.so", options: {path: ":memory:"}}}
destinations: {b: {type: sqlite, path: b.db}}
END
    db "$P/b.db" 'create table t (id integer primary key, big, dec, dbl, txt, day, ts, flag, list, none, blob)'
    model "SELECT 1 AS id, 9223372036854775807::BIGINT AS big, 1234567890123456789012345678901234.5678::DECIMAL(38, 4) AS dec,
    0.1::DOUBLE AS dbl, 'ünï''c' AS txt, DATE '2024-02-29' AS day, TIMESTAMP '2024-02-29 12:34:56.789012' AS ts,
    true AS flag, [1, 2, NULL] AS list, NULL AS none, '\\xDE\\xAD'::BLOB AS blob
  UNION ALL
  SELECT 2, -9223372036854775808, -0.0001, '-0.0'::DOUBLE, '', DATE '0001-01-01', TIMESTAMP '9999-12-31 23:59:59', false, [],
    NULL, ''::BLOB" '[big, dec, dbl, txt, day, ts, flag, list, none, blob]'
    eff 0 run
    counts t read=2 added=2 planned=2 delivered=2
    eff 0 run
    counts t read=2 unchanged=2 planned=0 requests=0
    rows_are "$P/b.db" "select id, big, dec, dbl, txt, day, ts, flag, list, none is null, quote(blob) from t order by 1" \
        "1|9223372036854775807|1234567890123456789012345678901234.5678|0.1|ünï'c|2024-02-29|2024-02-29T12:34:56.789012|1|[1,2,null]|1|X'DEAD'
2|-9223372036854775808|-0.0001|0.0||0001-01-01|9999-12-31T23:59:59|0|[]|1|X''"
elif [ -n "${EFF_REQUIRE_DUCKDB:-}" ]; then
    fail "DuckDB's library is not there: tools/setup duckdb"
else
    echo "DuckDB's library is not there (tools/setup duckdb): its part is left out"
fi

finish
