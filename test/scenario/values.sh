#!/bin/sh
# timeout: 200
#
# Goal: a value arrives as it was, whatever it is and whatever its table and column are called,
# and a second run finds nothing to do.
# Method: extreme values of each type through each pair of source and destination, compared by the
# databases themselves; tables of 200 columns, cells of 1 MiB, names of every unpleasant kind.
# covers: C10, C11, C15, D1, D2, D3, S10
. "$EFF_SRC/test/lib/scenario.sh"

twice() { # SYNC ROWS: the first run delivers them all, the second has nothing to do
    eff 0 run
    counts "$1" "read=$2" "added=$2" "planned=$2" "delivered=$2"
    eff 0 run
    counts "$1" "read=$2" "unchanged=$2" planned=0 requests=0
}

# ---- SQLite to SQLite: any value in any column ----

about "sqlite to sqlite"
project sqlite << 'END'
sources: {a: {type: sqlite, path: a.db}}
destinations: {b: {type: sqlite, path: b.db}, out: {type: file, path: out}, csv: {type: file, path: csv, format: csv}}
END
for file in a b; do db "$P/$file.db" 'create table t (id integer primary key, v)'; done
db "$P/a.db" "insert into t (v) values (null), (''), (' '), (0), (1), (-1), (9223372036854775807), (-9223372036854775808),
    (9007199254740993), (0.0), (0.1), (1e308), (5e-324), (1.7976931348623157e308), (0.1 + 0.2), (1e15), (123456789012345680.0),
    ('12345678901234567890123456789012345678'), ('0.10'), ('-0'), ('1e5'), ('NULL'), ('null'), ('true'), ('2024-02-29'),
    ('ünïcödé'), ('日本語'), ('👩‍👩‍👧‍👦'), ('e' || char(769)), (char(1)), (char(9) || char(10) || char(13)), (char(127)),
    ('it''s \"quoted\" \\back\\ /slash/'), ('line' || char(10) || 'break'), (char(65279) || 'bom'), (char(8232)), ('a,b;c'),
    ('=1+1'), ('@x'), ('{\"a\": [1, 2.50, null], \"b\": \"\\u00e9\"}'), ('[]'), ('{'), (char(1114109)), (replace(hex(zeroblob(5000)), '00', 'é')),
    (x'00'), (x''), (x'deadbeef'), (x'ff00ff'), (zeroblob(1000))"
ROWS=$(db "$P/a.db" 'select count(*) from t')
sync t << 'END'
sync: t
table: t
key: id
to: b.t
mode: mirror
fields: [v]
END
twice t "$ROWS"
same "values" "$(sqlite3 "$P/a.db" 'select id, typeof(v), quote(v) from t')" "$(sqlite3 "$P/b.db" 'select id, typeof(v), quote(v) from t')"
about "one kind becomes another: 1, 1.0, '1', x'31' and true are changes"
db "$P/a.db" "update t set v = '1' where v = 1 and typeof(v) = 'integer'; update t set v = 'null' where v is null"
eff 0 run
counts t read="$ROWS" unchanged=$((ROWS - 2)) changed=2 planned=2 delivered=2
db "$P/a.db" "update t set v = null where id = 1; update t set v = '' where id = 3"
eff 0 run
counts t read="$ROWS" unchanged=$((ROWS - 2)) changed=2 planned=2 delivered=2
same "values" "$(sqlite3 "$P/a.db" 'select id, typeof(v), quote(v) from t')" "$(sqlite3 "$P/b.db" 'select id, typeof(v), quote(v) from t')"

about "text that is none"
db "$P/a.db" "insert into t values (9001, cast(x'ff41' as text)), (9002, 'good')"
eff 3 run
counts t read=$((ROWS + 2)) unchanged="$ROWS" added=1 invalid=1 planned=1 delivered=1
db "$P/a.db" 'delete from t where id = 9001'

if [ -f /usr/share/zoneinfo/Europe/Berlin ]; then
    about "times of a place"
    db "$P/a.db" "create table z (id integer primary key, l datetime, i datetime);
        insert into z values (1, '2024-07-01 12:00:00.25', '2024-10-27T00:30:00Z'), (2, '2024-03-31 02:30:00', '2024-01-01T00:00:00Z'), (3, null, null)"
    db "$P/b.db" 'create table z (id integer primary key, l, i)'
    printf 'sync: z\ntable: z\nkey: id\nto: b.z\nfields:\n  l: {zone: Europe/Berlin}\n  i: {zone: Europe/Berlin, format: "%%d.%%m.%%Y %%H:%%M"}\n' > "$P/syncs/z.yml"
    eff 3 run z
    counts z read=3 added=2 invalid=1 planned=2 delivered=2
    says 'cannot be taken for a time in Europe/Berlin: clocks over there were put forward over it'
    rows_are "$P/b.db" 'select id, l, i from z' '1|2024-07-01T10:00:00.25Z|27.10.2024 02:30
3||'
    sed -i 's/l: {zone: Europe.Berlin/l: {zone: Europe\/Berln/' "$P/syncs/z.yml"
    eff 1 run z
    one_problem 'there is no time zone `Europe/Berln`' 'syncs/z.yml:6:3'
    eff 1 check
    says 'there is no time zone `Europe/Berln`'
    rm "$P/syncs/z.yml"
fi

about "to files"
sed -i 's/b.t/out.t/; s/mirror/upsert/; s/sync: t/sync: lines/' "$P/syncs/t.yml"
eff 0 run
FILE=$(find "$P/out" -name '*.jsonl')
same "files" 1 "$(find "$P/out" -type f | wc -l | tr -d ' ')"
same "lines" "$((ROWS + 1))" "$(wc -l < "$FILE" | tr -d ' ')"
db lines.db "create table l (t text)"
sqlite3 -cmd '.mode ascii' -cmd '.separator "\037" "\n"' lines.db ".import $FILE l"
same "all lines are JSON" 0 "$(db lines.db 'select sum(not json_valid(t)) from l')"
same "a 64-bit number" 1 "$(grep -c '9223372036854775807' "$FILE")"
sed -i 's/out.t/csv.t/; s/sync: lines/sync: csv/' "$P/syncs/t.yml"
eff 0 run
FILE=$(find "$P/csv" -name '*.csv')
db csv.db "create table c (a, b, c, d, e)" 2> /dev/null
sqlite3 -cmd '.mode csv' csv.db ".import $FILE whole" || fail "this is no CSV"
same "records" "$((ROWS + 1))" "$(db csv.db 'select count(*) from whole')"
same "quoted text" 1 "$(db csv.db "select count(*) from whole where v = 'it''s \"quoted\" \\back\\ /slash/'")"
same "a line break" 1 "$(db csv.db "select count(*) from whole where v = 'line' || char(10) || 'break'")"

# ---- names ----

about names
project names << 'END'
sources: {a: {type: sqlite, path: a.db}}
destinations: {b: {type: sqlite, path: b.db}}
END
named() { # TABLE KEY COLUMN [TABLE as it is written in a project]
    lib_about="names: $1 / $2 / $3"
    NT=$(printf %s "$1" | sed 's/"/""/g') NK=$(printf %s "$2" | sed 's/"/""/g') NC=$(printf %s "$3" | sed 's/"/""/g')
    for file in a b; do
        rm -f "$P/$file.db"
        db "$P/$file.db" "create table \"$NT\" (\"$NK\" integer primary key, \"$NC\" text)"
    done
    db "$P/a.db" "insert into \"$NT\" values (1, 'x'), (2, 'y''\"')"
    rm -rf "$P/.efferent"
    YT=$(printf %s "${4:-$1}" | sed "s/'/''/g") YK=$(printf %s "$2" | sed "s/'/''/g") YC=$(printf %s "$3" | sed "s/'/''/g")
    printf "sync: n\ntable: '%s'\nkey: ['%s']\nto: {destination: b, object: '%s'}\nmode: mirror\nfields: {'%s': '%s'}\n" \
        "$YT" "$YK" "$YT" "$YC" "$YC" > "$P/syncs/n.yml"
    eff 0 run
    db "$P/a.db" "update \"$NT\" set \"$NC\" = 'z' where \"$NK\" = 1; insert into \"$NT\" values (3, null)"
    eff 0 plan
    eff 0 run
    db "$P/a.db" "delete from \"$NT\" where \"$NK\" = 2"
    eff 0 run
    tables_equal "rows" "$P/a.db" "select * from \"$NT\"" "$P/b.db" "select * from \"$NT\""
}
named select from where
named 'two words' 'the key' 'the value'
named "it's" "k'" "v'"
named 'say "hi"' 'k"' 'v"'
named 'tëst' 'schlüssel' '値'
named 'semi;colon' '--' '/*'
named '1' '2' '3'
named 'back\slash' 'a\' '%s%n'
named 'UPPER' 'Key' 'vALUE'
named 'dot.ted' 'k.k' 'v.v' '"dot.ted"'

about "200 columns"
project wide << 'END'
sources: {a: {type: sqlite, path: a.db}}
destinations: {b: {type: sqlite, path: b.db}}
END
COLUMNS=$(awk 'BEGIN { for (i = 1; i <= 200; i++) printf ", c%d", i }')
for file in a b; do db "$P/$file.db" "create table t (id integer primary key$COLUMNS)"; done
VALUES=$(awk 'BEGIN { for (i = 1; i <= 200; i++) printf ", i * %d", i }')
db "$P/a.db" "with recursive n(i) as (select 1 union all select i + 1 from n where i < 500) insert into t select i$VALUES from n"
printf 'sync: t\ntable: t\nkey: id\nto: b.t\nmode: mirror\nfields: [%s]\n' "${COLUMNS#, }" > "$P/syncs/t.yml"
twice t 500
db "$P/a.db" 'update t set c200 = -1 where id = 77'
eff 0 run
counts t read=500 unchanged=499 changed=1 planned=1 delivered=1
tables_equal "wide rows" "$P/a.db" 'select * from t' "$P/b.db" 'select * from t'

about "cells of 1 MiB"
project huge << 'END'
sources: {a: {type: sqlite, path: a.db}}
destinations: {b: {type: sqlite, path: b.db}}
END
for file in a b; do db "$P/$file.db" "create table t (id integer primary key, v)"; done
db "$P/a.db" "with recursive n(i) as (select 1 union all select i + 1 from n where i < 24)
    insert into t select i, case i % 2 when 0 then replace(hex(zeroblob(262144)), '00', 'né') || i else randomblob(1048576) end from n"
printf 'sync: t\ntable: t\nkey: id\nto: b.t\nmode: mirror\nfields: [v]\nmemory: 64MiB\n' > "$P/syncs/t.yml"
twice t 24
tables_equal "huge cells" "$P/a.db" 'select id, length(v), hex(substr(v, 1000, 50)), typeof(v), v from t' "$P/b.db" 'select id, length(v), hex(substr(v, 1000, 50)), typeof(v), v from t'

# ---- DuckDB to SQLite ----

about "duckdb to sqlite"
if [ -f "$EFF_DEPS/duckdb/libduckdb.so" ]; then
    project duckdb << END
sources: {w: {type: duckdb, path: empty.duckdb, library: "$EFF_DEPS/duckdb/libduckdb.so"}}
destinations: {b: {type: sqlite, path: b.db}}
END
    empty_duckdb "$P/empty.duckdb"
    db "$P/b.db" 'create table t (id integer primary key, big, dec, dbl, txt, day, ts, flag, list, none, blob, huge, uuid)'
    cat > "$P/syncs/t.yml" << 'END'
sync: t
sql: |
  SELECT 1 AS id, 9223372036854775807::BIGINT AS big, 1234567890123456789012345678901234.5678::DECIMAL(38, 4) AS dec,
    0.1::DOUBLE AS dbl, 'ünï''c' AS txt, DATE '2024-02-29' AS day, TIMESTAMP '2024-02-29 12:34:56.789012' AS ts,
    true AS flag, [1, 2, NULL] AS list, NULL AS none, '\xDE\xAD'::BLOB AS blob,
    170141183460469231731687303715884105727::HUGEINT AS huge, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID AS uuid
  UNION ALL
  SELECT 2, -9223372036854775808, -0.0001, '-0.0'::DOUBLE, '', DATE '0001-01-01', TIMESTAMP '9999-12-31 23:59:59', false, [],
    NULL, ''::BLOB, 0, '00000000-0000-0000-0000-000000000000'
key: id
to: b.t
mode: mirror
fields: [big, dec, dbl, txt, day, ts, flag, list, none, blob, huge, uuid]
END
    twice t 2
    rows_are "$P/b.db" "select id, big, dec, dbl, txt, day, flag, none is null, huge, uuid from t order by 1" \
        "1|9223372036854775807|1234567890123456789012345678901234.5678|0.1|ünï'c|2024-02-29|1|1|170141183460469231731687303715884105727|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11
2|-9223372036854775808|-0.0001|0.0||0001-01-01|0|1|0|00000000-0000-0000-0000-000000000000"
    rows_are "$P/b.db" "select quote(blob), json(list) from t order by id" "X'DEAD'|[1,2,null]
X''|[]"
    rows_are "$P/b.db" "select ts from t where id = 1" '2024-02-29T12:34:56.789012'
elif [ -n "${EFF_REQUIRE_DUCKDB:-}" ]; then
    fail "DuckDB's library is not there: tools/setup duckdb"
else
    echo "DuckDB's library is not there (tools/setup duckdb): its part is left out"
fi

finish
