#!/bin/sh
# timeout: 300
#
# Goal: a cell of hundreds of MiB stops nobody: its row is invalid and named with its size, the others arrive, and
# memory stays within what docs/guarantees.md says; rows just below the bound arrive like any other.
# Method: PostgreSQL and SQLite, each as source and as destination; one cell of 40 MiB, text or bytes, with 64 MiB of
# `memory:`, and two just below a quarter of that. EFF_LONG=1: 256 MiB with the default, as `make long` has it.
# covers: C15
. "$EFF_SRC/test/lib/scenario.sh"

. "$EFF_SRC/test/lib/cluster.sh"
HUGE=40 MEMORY=64
[ -z "${EFF_LONG:-}" ] || HUGE=256 MEMORY=256
MIB=1048576
BELOW=$((MEMORY * MIB / 4 - 1024))
PG="host=$CLUSTER user=test dbname=postgres"
pg() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$PG" -c "$1" || fail "psql: $1"; }

project huge << END
sources: {lite: {type: sqlite, path: a.db}, pg: {type: postgres, url: "$PG"}}
destinations: {lite: {type: sqlite, path: b.db}, pg: {type: postgres, url: "$PG"}}
END
moved() { # SYNC SOURCE TABLE DESTINATION TABLE
    printf 'sync: %s\nsource: %s\ntable: %s\nkey: id\nto: %s.%s\nmode: mirror\nmemory: %sMiB\nfields: [t, b]\n' \
        "$1" "$2" "$3" "$4" "$5" "$MEMORY" > "$P/syncs/$1.yml"
    about "$2 to $4"
    # A driver holds a row as it comes, and the source a copy; the program itself and its libraries take the rest.
    takes_most $((MEMORY + 2 * HUGE + 64)) run -p "$P" --output json "$1"
    same "exit code" 3 "$CODE"
    document_good run
    counts "$1" read=22 added=20 planned=20 delivered=20 invalid=2
    same "what the report says" "EFF2140 1 the row is too large: column b: $HUGE MiB of at most $((MEMORY / 4)) MiB
EFF2140 1 the row is too large: column t: $HUGE MiB of at most $((MEMORY / 4)) MiB" "$(sqlite3 :memory: "select p.value ->> '$.code' || ' ' ||
        (p.value ->> '$.rows') || ' ' || (p.value ->> '$.message') from
        json_each(cast(readfile('out.json') as text), '$.syncs[0].problems') p order by 1")"
    rows_are "$P/.efferent/control.db" "select key_json, field from ledger where sync = '$1' order by 1" '{"id":21}|t
{"id":22}|b'
}
db "$P/a.db" "create table t (id integer primary key, t text, b blob)" "with recursive n(i) as
    (select 1 union all select i + 1 from n where i < 18) insert into t select i, 'row ' || i, null from n;
    insert into t values (21, cast(zeroblob($HUGE * $MIB) as text), null), (22, null, zeroblob($HUGE * $MIB));
    update t set t = replace(hex(zeroblob($HUGE * $MIB / 4)), '00', 'four') where id = 21;
    with recursive n(i) as (select 23 union all select i + 1 from n where i < 24)
    insert into t select i, 'below', zeroblob($BELOW - 5) from n"
db "$P/b.db" "create table t (id integer primary key, t text, b blob)"
pg "create schema a; create schema b; create table a.t (id int primary key, t text, b bytea);
    create table b.t (id int primary key, t text, b bytea);
    insert into a.t select i, 'row ' || i, null from generate_series(1, 18) i;
    insert into a.t values (21, repeat('four', $HUGE * $MIB / 4), null), (22, null, decode(repeat('00', $HUGE * $MIB), 'hex'));
    insert into a.t select i, 'below', decode(repeat('00', $BELOW - 5), 'hex') from generate_series(23, 24) i"
moved lite_pg lite t pg b.t
same "what arrived" "20|$((2 * (BELOW - 5)))" "$(pg 'select count(*), sum(length(b)) from b.t')"
moved pg_lite pg a.t lite t
rows_are "$P/b.db" 'select count(*), sum(length(b)) from t' "20|$((2 * (BELOW - 5)))"
finish
