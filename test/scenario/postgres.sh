#!/bin/sh
# timeout: 200
#
# Goal: PostgreSQL as warehouse and as destination: exact values both ways, the modes, mistakes,
# a server that goes away, and a role that may only read.
# Method: a cluster of the test's own; the same stories as with SQLite; values compared by the
# databases themselves.
# covers: C13, C16
. "$EFF_SRC/test/lib/scenario.sh"

. "$EFF_SRC/test/lib/cluster.sh"
PG="host=$CLUSTER user=test dbname=postgres"
pg() { PGOPTIONS='-c client_min_messages=warning' psql -X -q -A -t -v ON_ERROR_STOP=1 "$PG" -c "$1" || fail "psql: $1"; }
pg_is() { same "rows of $1" "$2" "$(pg "$1")"; }
VALUES="(1, 9223372036854775807, 12345678901234567890.123456789012345678, 1e308, 'ünï''c 👩‍👧', '2024-02-29', '2024-02-29 12:34:56.789012',
      '2024-02-29 12:34:56.789012+02', true, '{\"b\": [1, 2.50, null], \"a\": \"é\"}', '\\xdeadbeef', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{1,NULL,3}', '12:34:56.5'),
   (2, -9223372036854775808, -0.000000000000000001, 5e-324, '', '0001-01-01', '1970-01-01 00:00:00', '1969-12-31 23:59:59.999999+00', false, '[]', '', '00000000-0000-0000-0000-000000000000', '{}', '00:00'),
   (3, null, null, null, null, null, null, null, null, null, null, null, null, null),
   (4, 0, 0.10, 0.1, ' a	b ', '9999-12-31', '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59+00', true, 'null', '\\x00', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '{-1}', '23:59:59.999999')"
TYPES='id int primary key, big bigint, dec numeric(38, 18), dbl double precision, txt text, day date, ts timestamp, tz timestamptz,
   flag boolean, doc jsonb, bin bytea, uid uuid, arr int[], tod time'
FIELDS='[big, dec, dbl, txt, day, ts, tz, flag, doc, bin, uid, arr, tod]'

project pg << END
sources: {w: {type: postgres, url: "$PG"}, lite: {type: sqlite, path: lite.db},
   hasty: {type: sqlite, path: lite.db, statement_timeout: 300ms}}
destinations: {p: {type: postgres, url: "$PG"}, l: {type: sqlite, path: lite.db}}
END

twice() { # SYNC ROWS
    eff 0 run "$1"
    counts "$1" "read=$2" "added=$2" "planned=$2" "delivered=$2"
    eff 0 run "$1"
    counts "$1" "read=$2" "unchanged=$2" planned=0 requests=0
}

equal() {
    pg_is "with s as (select id, big, dec, dbl, txt, day, ts, tz, flag, doc, bin, uid, arr, tod from src.t)
        select count(*) from ((table s except all table dst.t) union all (table dst.t except all table s)) d" 0
}
about "postgres to postgres" # arrays travel as JSON, and arrive as arrays
pg "create schema src; create schema dst; create table src.t ($TYPES); create table dst.t ($TYPES);
    insert into src.t values $VALUES"
sync same << END
sync: same
source: w
table: src.t
key: id
to: p.dst.t
mode: mirror
fields: $FIELDS
guard: {max_removed: 100%}
END
eff 0 check same
twice same 4
equal
pg "update src.t set dec = dec + 0.000000000000000001 where id = 1; delete from src.t where id = 2; insert into src.t (id, txt) values (5, 'new')"
eff 0 plan same
same "samples" 'change|1|12345678901234567890.123456789012345678|12345678901234567890.123456789012345679' "$(sqlite3 :memory: "select s.value ->> '$.change',
    s.value ->> '$.key.id', s.value -> '$.fields.dec.before', s.value -> '$.fields.dec.after' from
    json_each(cast(readfile('out.json') as text), '$.syncs[0].samples') s where s.value ->> '$.change' = 'change'" | tr -d '"')"
eff 0 run same
counts same read=4 unchanged=2 added=1 changed=1 removed=1 planned=3 delivered=3
equal

about "postgres to sqlite, and back"
db "$P/lite.db" "create table t (id integer primary key, big, dec, dbl, txt, day, ts, tz, flag, doc, bin, uid, arr, tod)"
sync out << END
sync: out
source: w
table: src.t
key: id
to: l.t
mode: mirror
fields: $FIELDS
END
twice out 4
rows_are "$P/lite.db" "select big, dec, txt, day, ts, tz, flag, hex(bin), uid, tod from t where id = 1" \
    "9223372036854775807|12345678901234567890.123456789012345679|ünï'c 👩‍👧|2024-02-29|2024-02-29T12:34:56.789012|2024-02-29T10:34:56.789012Z|1|DEADBEEF|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|12:34:56.5"
rows_are "$P/lite.db" "select json_extract(doc, '\$.b[1]'), json(arr) from t where id = 1" '2.5|[1,null,3]'
about "a table without columns"
pg "create table src.bare (); create table dst.bare ()"
printf 'sync: bare_in\nsource: w\ntable: src.bare\nkey: id\nto: l.t\nfields: [txt]\n' > "$P/syncs/bare_in.yml"
printf 'sync: bare_out\nsource: w\ntable: src.t\nkey: id\nto: p.dst.bare\nfields: [txt]\n' > "$P/syncs/bare_out.yml"
eff 1 check bare_in bare_out
says 'the table has no columns'
says "dst.bare.id does not exist over there"
rm "$P/syncs/bare_in.yml" "$P/syncs/bare_out.yml"

about "a collation that takes A for a; and the name of a table that is nearly another's"
pg "create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false); create table dst.folded (email text collate ci primary key, name text)"
db "$P/lite.db" "create table folded (email text, name text); insert into folded values ('a@x', 'a'), ('A@x', 'A'), ('b@x', 'b')"
printf 'sync: folded\nsource: lite\ntable: folded\nkey: email\nto: p.dst.folded\nmode: mirror\nfields: [name]\n' > "$P/syncs/folded.yml"
eff 3 run folded
counts folded read=3 added=1 planned=1 delivered=1 invalid=2
sed -i 's/dst.folded/dst.Folded/' "$P/syncs/folded.yml"
run_eff check -p "$P" --output json folded
says 'Did you mean dst.folded?'
rm "$P/syncs/folded.yml"

pg "create table dst.back (like dst.t including all)"
sync back << END
sync: back
source: lite
table: t
key: id
to: p.dst.back
mode: mirror
fields: $FIELDS
END
eff 0 run back
pg_is "select count(*) from ((select id, big, dec, dbl, txt, day, ts, tz, flag, doc, bin, uid, tod from src.t except all
    select id, big, dec, dbl, txt, day, ts, tz, flag, doc, bin, uid, tod from dst.back)) d" 0

about "a model that takes too long"
pg "create table dst.hasty (id int primary key, txt text)"
hasty() { printf 'sync: hasty\nsource: hasty\nkey: id\nto: p.dst.hasty\nmode: mirror\nfields: [txt]\nsql: %s\n' "$1" > "$P/syncs/hasty.yml"; }
hasty 'select id, txt from t where id < 4'
eff 0 run hasty
hasty 'select id, txt from t union all select i, null from (with recursive n(i) as (values (5) union all select i + 1 from n) select i from n) where i < 0'
eff 1 run hasty
one_problem '*took longer than `statement_timeout`, 300 ms*'
same "the code" EFF2007 "$(problems "p ->> '\$.code'")"
pg_is "select count(*) from dst.hasty" 2
hasty 'select id, txt from t'
eff 0 run hasty
counts hasty read=4 unchanged=2 added=2 planned=2 delivered=2

about "modes in postgres"
mode() { # MODE MORE
    pg "drop table if exists dst.m; create table dst.m (id int primary key, name text, note text); insert into dst.m values (1, 'theirs', 'n1'), (99, 'theirs', 'n99')"
    pg "drop table if exists src.m; create table src.m (id int, name text); insert into src.m select i, 'n' || i from generate_series(1, 30) i"
    printf 'sync: m_%s\nsource: w\ntable: src.m\nkey: id\nto: p.dst.m\nmode: %s\nfields: [name]\nguard: {max_removed: 100%%}\n%s\n' "$1$3" "$1" "$2" > "$P/syncs/m.yml"
    lib_about="postgres, mode $1 $2"
}
change() { pg "delete from src.m where id in (5, 6); update src.m set name = name || '!' where id in (1, 2); insert into src.m values (31, 'new')"; }
mode upsert '' ''
eff 0 run m_upsert
change
eff 0 run m_upsert
pg_is "select count(*), count(*) filter (where name like '%!'), (select note from dst.m where id = 1), (select name from dst.m where id = 99) from dst.m" '32|2|n1|theirs'
mode upsert 'on_removed: clear' _clear
eff 0 run m_upsert_clear
change
eff 0 run m_upsert_clear
pg_is "select count(*), count(name) from dst.m" '32|30'
mode mirror '' ''
eff 0 run m_mirror
change
eff 0 run m_mirror
pg_is "select count(*), count(*) filter (where name like '%!') from dst.m" '30|2'
mode update '' ''
eff 3 run m_update
counts m_update read=30 added=30 planned=30 delivered=1 rejected=29
pg_is "select count(*) from dst.m" 2
mode insert '' ''
eff 3 run m_insert
counts m_insert read=30 added=30 planned=30 delivered=29 rejected=1
pg_is "select name, note from dst.m where id = 1" 'theirs|n1'
mode append '' ''
pg 'alter table dst.m drop constraint m_pkey; truncate dst.m'
eff 0 run m_append
change
eff 0 run m_append
pg_is "select count(*) from dst.m" 33
rm "$P/syncs/m.yml"

about "names in postgres"
pg 'create schema "Odd ""Schema"; create table "Odd ""Schema"."ta.ble" ("Ke""y" int primary key, "sel ect" text, "ünï" text);
    create table dst."Ta.ble" ("Ke""y" int primary key, "sel ect" text, "ünï" text); insert into "Odd ""Schema"."ta.ble" values (1, $$a$$, $$b$$)'
sync odd << 'END'
sync: odd
source: w
table: '"Odd ""Schema"."ta.ble"'
key: ['Ke"y']
to: {destination: p, object: 'dst."Ta.ble"'}
mode: mirror
fields: ['sel ect', 'ünï']
END
twice odd 1
pg_is 'select * from dst."Ta.ble"' '1|a|b'

about "rows that the database refuses"
pg "create table src.r (id int, v text); insert into src.r select i, i::text from generate_series(1, 200) i; update src.r set v = 'many' where id in (50, 151);
    create table dst.r (id int primary key, v int check (v <> 77))"
sync r << 'END'
sync: r
source: w
table: src.r
key: id
to: p.dst.r
fields: [v]
END
run_eff run -p "$P" --output json r
document_good run
same "delivered" 197 "$(j '$.syncs[0].delivered')"
pg "update src.r set v = '1' where id in (50, 77, 151)"
eff 0 run r
pg_is "select count(*), sum(v) from dst.r" "200|19825"

about "mistakes"
mistake() { # PATTERN
    eff 1 run bad
    one_problem "$1"
}
bad() { printf 'sync: bad\nsource: w\nsql: %s\nkey: id\nto: p.dst.r\nfields: [v]\n' "$1" > "$P/syncs/bad.yml"; }
bad 'SELECT id, v FROM src.nowhere'
mistake '*relation "src.nowhere" does not exist*'
bad 'SELECT id, v FORM src.r'
mistake '*syntax error at or near*'
bad 'DELETE FROM src.r RETURNING id, v'
mistake '*'
bad '"WITH d AS (DELETE FROM src.r RETURNING id, v) SELECT * FROM d"'
mistake '*'
bad '"SELECT id, v FROM src.r; DROP TABLE src.r"'
mistake '*'
bad '"SELECT id, (100 / (id - 200))::text AS v FROM src.r"'
mistake '*division by zero*'
bad "SELECT pg_sleep(0) IS NULL AS v, set_config('x.y', 'z', false) AS id"
run_eff run -p "$P" --output json bad
document_good run
pg_is "select count(*) from src.r" 200
rm "$P/syncs/bad.yml"

about "a role that sees fewer rows"
pg "create table src.p (id int primary key, v text); create table dst.p (id int unique, v text);
    insert into src.p select i, 'v' from generate_series(1, 30) i; alter table src.p enable row level security;
    create role narrow login; grant usage on schema src to narrow; grant select on src.p to narrow;
    create policy fewer on src.p to narrow using (id <= 28)"
sync p << END
sync: p
source: w
table: src.p
key: id
to: p.dst.p
mode: mirror
fields: [v]
END
by() { sed -i "s|sources: {w: {type: postgres, url: \"[^\"]*\"}|sources: {w: {type: postgres, url: \"host=$CLUSTER user=$1 dbname=postgres\"}|" "$P/efferent.yml"; }
eff 0 run p
by narrow
eff 0 plan p
same "a plan tells" 2 "$(j '$.syncs[0].held')"
pg "update src.p set v = 'changed' where id = 1; insert into src.p values (0, 'new')"
eff 3 run p # so few removals no other guard would hold
counts p read=29 added=1 changed=1 removed=2 planned=4 held=2
says "now role narrow, database postgres, server "
says "before role test, database postgres, server "
pg_is "select count(*), sum(id) from dst.p" "31|465"
eff 3 run p
same "held until it is approved" 2 "$(j '$.syncs[0].held')"
by test
eff 0 run p
pg "delete from src.p where id = 30"
eff 0 run p
pg_is "select count(*) from dst.p" 30
by narrow
eff 3 run p
run_eff approve -p "$P" p "$(j '$.syncs[0].plan')"
eff 0 run p
pg_is "select count(*) from dst.p" 29
pg "delete from src.p where id = 1" # now it is the one who read before
eff 0 run p
pg_is "select count(*) from dst.p" 28
by test
rm "$P/syncs/p.yml"

about "a role that may only read"
pg "create role reader login; grant usage on schema src to reader; grant select on all tables in schema src to reader; revoke create on schema public from public"
sed -i "s|sources: {w: {type: postgres, url: \"$PG\"}|sources: {w: {type: postgres, url: \"host=$CLUSTER user=reader dbname=postgres\"}|" "$P/efferent.yml"
pg "update src.t set txt = 'read only' where id = 1"
eff 0 run same
pg_is "select txt from dst.t where id = 1" 'read only'

about "the database goes away"
pg "update src.r set v = '2'"
"$EFFERENT" run -p "$P" --output json r > out.json 2> err.txt &
RUN=$!
sleep 0.03
kill -QUIT "$SERVER"
wait "$SERVER" 2> /dev/null
wait $RUN
CODE=$?
document_good run
eff 1 run same
one_problem '*'
start_server
eff 0 run r
pg_is "select count(*), sum(v) from dst.r" "200|400"

about "a table that somebody has locked"
(PGOPTIONS='-c client_min_messages=warning' psql -X -q "$PG" -c "begin; lock table dst.r; select pg_sleep(2)" > /dev/null 2>&1) &
LOCKER=$!
sleep 0.5
pg "update src.r set v = '3'"
eff 0 run r
pg_is "select count(*), sum(v) from dst.r" "200|600"
wait "$LOCKER"

about "a new password is no other database"
sed -i "s|^destinations: .*$PG|& password=new|" "$P/efferent.yml"
eff 0 run r
counts r read=200 unchanged=200 planned=0 requests=0
about "what an earlier version called the database"
account=postgres:$(printf %s "$PG password=new" | sha256sum | cut -c 1-16)
db "$P/.efferent/control.db" "update sync set identity = json_set(identity, '\$.account', '$account') where name = 'r'"
eff 0 run r
rows_are "$P/.efferent/control.db" "select instr(identity, '$account') from sync where name = 'r'" 0

# stopped_within MS: the run that is under way while the server works on our pg_sleep.
stopped_within() {
    "$EFFERENT" run -p "$P" --output json "$2" > out.json 2> err.txt &
    RUN=$!
    for _ in $(seq 200); do
        [ "$(pg "select count(*) from pg_stat_activity where wait_event = 'PgSleep'")" = 0 ] || break
        sleep 0.05
    done
    stops_within "$1"
    pg_is "select count(*) from pg_stat_activity where wait_event = 'PgSleep'" 0
}

about "stopped before the first row of the model"
sync slow << END
sync: slow
source: w
sql: select id, v from src.r, pg_sleep(60)
key: id
to: p.dst.r
fields: [v]
END
stopped_within 3000 slow

about "stopped while the destination works"
pg "update src.r set v = '4'; create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(60); return new; end';
    create trigger slow before update on dst.r for each row when (new.id = 150) execute function slow()"
stopped_within 3000 r
pg_is "select count(*), sum(v) from dst.r" "200|600"
pg "drop trigger slow on dst.r"
eff 0 run r
counts r read=200 changed=200 planned=200 delivered=200
pg_is "select count(*), sum(v) from dst.r" "200|800"

finish
