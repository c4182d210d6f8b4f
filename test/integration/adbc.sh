#!/bin/sh
# Goal: models are read through the ADBC drivers that others make, with the values that the
# databases themselves tell, and with their errors' own words.
# Method: the drivers of PostgreSQL and SQLite beside our own kinds of these, into the same
# destination: a second run through the other must find nothing to do. Snowflake's against
# fakesnow, a stand-in over DuckDB.
. "$EFF_SRC/test/lib/scenario.sh"
. "$EFF_SRC/test/lib/cluster.sh"

DRIVERS=$EFF_BUILD/drivers
driver() { echo "$DRIVERS/adbc_driver_$1/libadbc_driver_$1.so"; }
[ -f "$(driver postgresql)" ] && [ -x "$EFF_BUILD/fakesnow/bin/fakesnow" ] || { fail "no drivers: tools/setup drivers"; finish; }

both() { # ADBC OWN: the two ways to one database
    cat > "$P/efferent.yml" << END
sources: {w: {type: adbc, $1}, own: {$2}}
destinations: {b: {type: sqlite, path: b.db}}
END
}
model() { # SQL FIELDS
    printf 'sync: t\nsource: w\nsql: |\n  %s\nkey: id\nto: b.t\nmode: mirror\nfields: %s\n' "$1" "$2" > "$P/syncs/t.yml"
}
through() { # SOURCE READ ADDED
    sed -i "s/^source: .*/source: $1/" "$P/syncs/t.yml"
    eff 0 run
    counts t read="$2" added="$3" unchanged=$(($2 - $3)) planned="$3" delivered="$3"
}
refused() { # SQL PART...
    printf 'sync: bad\nsource: w\nsql: |\n  %s\nkey: id\nto: b.bad\nfields: [v]\n' "$1" > "$P/syncs/bad.yml"
    eff 1 run bad
    shift
    for part in "$@"; do says "$part"; done
    rm "$P/syncs/bad.yml"
}

about "postgres"
project pg < /dev/null
both "driver: \"$(driver postgresql)\", uri: 'postgresql://test@/postgres?host=$CLUSTER'" "type: postgres, url: 'host=$CLUSTER user=test dbname=postgres'"
psql -X -q -v ON_ERROR_STOP=1 -h "$CLUSTER" -U test postgres << 'END' || fail psql
create table src (id int primary key, big bigint, dec numeric, dbl float8, flt float4, txt text, day date, ts timestamp,
    tz timestamptz, flag boolean, doc jsonb, bin bytea, uid uuid, arr int[], tod time);
insert into src values
  (1, 9223372036854775807, 12345678901234567890.123456789012345678, 1e308, 0.1, 'ünï''c', '2024-02-29', '2024-02-29 12:34:56.789012',
   '2024-02-29 12:34:56.789012+02', true, '{"b": [1, 2.50, null], "a": "é"}', '\xdeadbeef', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{1,NULL,3}', '12:34:56.5'),
  (2, -9223372036854775808, -0.000000000000000001, 5e-324, -0.0, '', '0001-01-01', '1970-01-01 00:00:00', '1969-12-31 23:59:59.999999+00', false, '[]', '',
   '00000000-0000-0000-0000-000000000000', '{}', '00:00'),
  (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null);
insert into src select i, i, i / 7.0, i / 7.0, i, 'n' || i, date '2000-01-01' + i, timestamp '2000-01-01' + i * interval '1 hour',
   null, i % 2 = 0, to_jsonb(i), null, null, array[i], null from generate_series(4, 20000) i;
END
ALL='[big, dec, dbl, flt, txt, day, ts, tz, flag, doc, bin, uid, arr, tod]'
db "$P/b.db" 'create table t (id integer primary key, big, dec, dbl, flt, txt, day, ts, tz, flag, doc, bin, uid, arr, tod); create table bad (id integer primary key, v)'
model 'select * from src' "$ALL"
through w 20000 20000
through own 20000 0
rows_are "$P/b.db" "select id, big, dec, dbl, txt, day, ts, tz, flag, doc, hex(bin), uid, arr, tod from t where id = 1" \
    "1|9223372036854775807|12345678901234567890.123456789012345678|1.0e+308|ünï'c|2024-02-29|2024-02-29T12:34:56.789012|2024-02-29T10:34:56.789012Z|1|{\"a\": \"é\", \"b\": [1, 2.50, null]}|DEADBEEF|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|[1,null,3]|12:34:56.5"
printf 'sync: ends\nsource: w\nsql: "%s"\nkey: id\nto: b.bad\nfields: [v]\n' \
    "select 1 as id, 'infinity'::timestamptz as v union all select 2, '9999-12-31 23:59:59.999999+00'" > "$P/syncs/ends.yml"
eff 3 run ends
counts ends read=2 invalid=1 added=1 planned=1 delivered=1
rows_are "$P/b.db" 'select * from bad' '2|9999-12-31T23:59:59.999999Z'
rm "$P/syncs/ends.yml"
refused 'select id, nope as v from src' 'does not exist (SQLSTATE 42703)'
refused "select id, '1.1.1.1'::inet as v from src" inet 'while describing the column v'
refused 'select id, 1 / (id - 15000) as v from src' 'division by zero'
refused 'with gone as (delete from src returning id) select id, 1 as v from gone where id / 0 = 1' 'division by zero'
same "rows that are left" 20000 "$(psql -X -A -t -h "$CLUSTER" -U test postgres -c 'select count(*) from src')"
rows_are "$P/b.db" 'select count(*) from t' 20000
both "driver: \"$(driver postgresql)\", uri: 'postgresql://test@/nowhere?host=$CLUSTER'" 'type: sqlite, path: a.db'
model 'select 1 as id, 2 as v' '[v]'
eff 1 check
says 'nowhere' && says 'does not exist'

about "postgres: what a statement writes is not kept"
project pg2 < /dev/null
both "driver: \"$(driver postgresql)\", uri: 'postgresql://test@/postgres?host=$CLUSTER'" 'type: sqlite, path: a.db'
db "$P/b.db" 'create table t (id integer primary key, txt)'
model 'with gone as (delete from src where id > 19000 returning id, txt) select id, txt from gone' '[txt]'
run_eff run -p "$P"
same "rows that are left" 20000 "$(psql -X -A -t -h "$CLUSTER" -U test postgres -c 'select count(*) from src')"

about "sqlite"
project lite < /dev/null
both "driver: \"$(driver sqlite)\", uri: \"$P/a.db\"" 'type: sqlite, path: a.db'
db "$P/a.db" "create table src (id integer primary key, v text, n integer, f real, bin blob);
    insert into src values (1, 'ä', 9223372036854775807, 0.1, x'00ff'), (2, null, null, null, null), (3, '', -1, 1e300, x'');"
db "$P/b.db" 'create table t (id integer primary key, v, n, f, bin); create table bad (id integer primary key, v)'
model 'select * from src order by id' '[v, n, f, bin]'
through w 3 3
through own 3 0
refused 'select id, v from nowhere' 'no such table: nowhere'

about "snowflake, as fakesnow plays it"
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$EFF_BUILD/fakesnow/bin/fakesnow" -s -p "$PORT" --host 127.0.0.1 > fakesnow.log 2>&1 &
lib_pids="$lib_pids $!"
wait_for_port() {
    lib_wait=0
    until python3 -c "import socket; socket.create_connection(('127.0.0.1', $PORT), 1)" 2> /dev/null; do
        lib_wait=$((lib_wait + 1))
        [ $lib_wait -lt 150 ] || { cat fakesnow.log; fail "fakesnow does not start"; finish; }
        sleep 0.2
    done
}
wait_for_port
project snow << END
sources:
  w:
    type: adbc
    driver: snowflake
    username: u
    password: "\${secret:SNOW}"
    options:
      adbc.snowflake.sql.account: fakesnow
      adbc.snowflake.sql.db: db1
      adbc.snowflake.sql.schema: s1
      adbc.snowflake.sql.uri.protocol: http
      adbc.snowflake.sql.uri.host: 127.0.0.1
      adbc.snowflake.sql.uri.port: $PORT
      adbc.snowflake.sql.client_option.request_timeout: 8s
      adbc.snowflake.sql.client_option.login_timeout: 8s
destinations: {b: {type: sqlite, path: b.db}}
END
export SNOW=hunter22 ADBC_DRIVER_PATH="$DRIVERS/adbc_driver_snowflake"
db "$P/b.db" 'create table t (id integer primary key, v, dec, day, ts, flag); create table bad (id integer primary key, v)'
model "select 1 as \"id\", 'ä' as \"v\", 1.50::NUMBER(10, 2) as \"dec\", '2024-02-29'::DATE as \"day\",
    '2024-02-29 12:30:00.123456'::TIMESTAMP_NTZ as \"ts\", true as \"flag\" union all
  select 2, null, -12345678901234567.89, '1970-01-01', '1970-01-01 00:00:00'::TIMESTAMP_NTZ, false" '[v, dec, day, ts, flag]'
through w 2 2
through w 2 0
rows_are "$P/b.db" 'select * from t order by id' '1|ä|1.50|2024-02-29|2024-02-29T12:30:00.123456|1
2||-12345678901234567.89|1970-01-01|1970-01-01T00:00:00|0'
refused 'select id, v from nowhere' 'NOWHERE does not exist' '42S02' 'code 2003'
sed -i 's/^    username: u$/    username: u\n    identifiers: plain/' "$P/efferent.yml"
printf 'sync: tables\nsource: w\ntable: information_schema.schemata\nkey: SCHEMA_NAME\nto: b.schemata\nfields: [CATALOG_NAME]\n' > "$P/syncs/tables.yml"
db "$P/b.db" 'create table schemata (SCHEMA_NAME text primary key, CATALOG_NAME)'
eff 0 run tables
[ "$(db "$P/b.db" "select count(*) from schemata where CATALOG_NAME = 'DB1'")" -gt 0 ] || fail "no schemata"
says_not hunter22

finish
