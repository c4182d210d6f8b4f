#!/bin/sh
# timeout: 200
#
# Goal: MySQL tables as destination: exact values, the modes, rows that are refused alone, a
# missing unique index, collisions on other indexes, mistakes, and a server that goes away.
# Method: a MariaDB of the test's own, as an ordinary user on a socket; values compared by it.
. "$EFF_SRC/test/lib/scenario.sh"

PATH=$PATH:/usr/sbin:/usr/local/sbin
for program in mariadbd mariadb-install-db mariadb; do
    command -v $program > /dev/null || skip "MariaDB's server is not installed ($program)"
done

CLUSTER=$(mktemp -d /tmp/eff-my.XXXXXX)
RUN_AS=$(id -un)
as_server() { # in a subshell: a server never runs as root
    if [ "$(id -u)" = 0 ]; then
        exec setpriv --reuid nobody --regid nogroup --clear-groups "$@"
    else
        exec "$@"
    fi
}
if [ "$(id -u)" = 0 ]; then
    chown nobody "$CLUSTER"
    RUN_AS=nobody
fi
start_server() {
    as_server mariadbd --no-defaults --datadir="$CLUSTER/data" --socket="$CLUSTER/s" --pid-file="$CLUSTER/pid" \
        --skip-networking --skip-ssl --innodb-buffer-pool-size=16M --innodb-flush-log-at-trx-commit=0 --innodb-log-file-size=8M \
        --lower-case-table-names=0 --tmpdir="$CLUSTER" > "$CLUSTER.log" 2>&1 &
    SERVER=$!
    lib_wait=0
    until mariadb --no-defaults --skip-ssl -S "$CLUSTER/s" -u root -e 'select 1' > /dev/null 2>&1; do
        lib_wait=$((lib_wait + 1))
        [ $lib_wait -lt 400 ] || { cat "$CLUSTER.log"; fail "the server does not start"; finish; }
        sleep 0.05
    done
}
stop_server() { kill -KILL "$SERVER" 2> /dev/null && wait "$SERVER" 2> /dev/null; }
trap 'lib_stop; stop_server; rm -rf "$CLUSTER" "$CLUSTER.log"' EXIT
(as_server mariadb-install-db --no-defaults --datadir="$CLUSTER/data" --auth-root-authentication-method=normal --skip-test-db \
    --user="$RUN_AS" --skip-name-resolve --innodb-log-file-size=8M) > "$CLUSTER.log" 2>&1 ||
    { cat "$CLUSTER.log"; fail mariadb-install-db; finish; }
start_server
my() { mariadb --no-defaults --skip-ssl -S "$CLUSTER/s" -u root -N -B --default-character-set=utf8mb4 crm -e "$1" || fail "mariadb: $1"; }
my_is() { same "rows of $1" "$2" "$(my "$1" | tr '\t' '|')"; }
mariadb --no-defaults --skip-ssl -S "$CLUSTER/s" -u root -e "create database crm character set utf8mb4; create user 'e''f'@localhost identified by 'p@s:s/w';
    grant all on crm.* to 'e''f'@localhost" || fail "create database"
URL="mysql://e'f:p@s%3as%2fw@localhost/crm?socket=$CLUSTER/s"

project my << END
sources: {w: {type: sqlite, path: w.db}}
destinations: {m: {type: mysql, url: "$URL"}}
END
twice() { # SYNC ROWS
    eff 0 run "$1"
    counts "$1" "read=$2" "added=$2" "planned=$2" "delivered=$2"
    eff 0 run "$1"
    counts "$1" "read=$2" "unchanged=$2" planned=0 requests=0
}

about "values"
db "$P/w.db" "create table t (id integer primary key, big, dec text, dbl, txt text, day text, ts text, tz text, flag, doc text, bin blob, tod text);
    insert into t values
    (1, 9223372036854775807, '12345678901234567890.123456789012345678', 1e308, 'ünï''c \\ \"q\" ; -- 👩‍👧', '2024-02-29', '2024-02-29 12:34:56.789012', '2024-02-29T12:34:56.789012Z', 1, '{\"b\": [1, 2.50, null], \"a\": \"é\\n\"}', x'deadbeef', '12:34:56.5'),
    (2, -9223372036854775808, '-0.000000000000000001', 5e-324, '', '0001-01-01', '1970-01-01 00:00:01', '1970-01-01T00:00:01Z', 0, '[]', x'', '00:00:00'),
    (3, null, null, null, null, null, null, null, null, null, null, null),
    (0, 0, '0.10', 0.1, ' a	b ' || char(10), '9999-12-31', '9999-12-31 23:59:59.999999', '2038-01-19T03:14:07Z', 1, 'null', x'00', '23:59:59.999999')"
my "create table t (id int primary key auto_increment, big bigint, \`dec\` decimal(38, 18), dbl double, txt text, day date, ts datetime(6),
    tz timestamp(6) null, flag bit(1), doc json, bin blob, tod time(6))"
sync same << 'END'
sync: same
sql: SELECT id, big, dec, dbl, txt, day, ts, tz, flag, doc, bin, tod FROM t
key: id
to: m.t
mode: mirror
fields:
  big: big
  dec: {from: dec, cast: decimal}
  dbl: dbl
  txt: txt
  day: {from: day, cast: date}
  ts: ts
  tz: {from: tz, cast: instant}
  flag: {from: flag, cast: boolean}
  doc: doc
  bin: bin
  tod: tod
guard: {max_removed: 100%}
END
eff 0 check same
twice same 4
my_is "select id, big, \`dec\`, dbl, day, ts, tz, flag + 0, doc, hex(bin), tod from t where id = 1" \
    '1|9223372036854775807|12345678901234567890.123456789012345678|1e308|2024-02-29|2024-02-29 12:34:56.789012|2024-02-29 12:34:56.789012|1|{"b": [1, 2.50, null], "a": "é\\n"}|DEADBEEF|12:34:56.500000'
my_is "select id, hex(txt) from t order by id" "$(db "$P/w.db" "select id, iif(txt is null, 'NULL', hex(txt)) from t order by id")"
my_is "select id, big, \`dec\`, dbl, day, ts, flag + 0, hex(bin), tod from t where id in (0, 2, 3) order by id" \
    "0|0|0.100000000000000000|0.1|9999-12-31|9999-12-31 23:59:59.999999|1|00|23:59:59.999999
2|-9223372036854775808|-0.000000000000000001|5e-324|0001-01-01|1970-01-01 00:00:01.000000|0||00:00:00.000000
3|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL"
db "$P/w.db" "update t set dec = '12345678901234567890.123456789012345679' where id = 1; delete from t where id = 2; insert into t (id, txt) values (5, 'new')"
eff 0 plan same
same "samples" '12345678901234567890.123456789012345678|12345678901234567890.123456789012345679' "$(sqlite3 :memory: "select s.value -> '$.fields.dec.before', s.value -> '$.fields.dec.after' from
    json_each(cast(readfile('out.json') as text), '$.syncs[0].samples') s where s.value ->> '$.change' = 'change'" | tr -d '"')"
eff 0 run same
counts same read=4 unchanged=2 added=1 changed=1 removed=1 planned=3 delivered=3
my_is "select id, \`dec\` from t order by id" "0|0.100000000000000000
1|12345678901234567890.123456789012345679
3|NULL
5|NULL"

mode() { # MODE MORE SUFFIX
    my "drop table if exists m; create table m (id int primary key, name varchar(50), note text); insert into m values (1, 'theirs', 'n1'), (99, 'theirs', 'n99')"
    db "$P/w.db" "drop table if exists m; create table m as with recursive s(i) as (select 1 union all select i + 1 from s where i < ${ROWS:-1200}) select i as id, 'n' || i as name from s"
    printf 'sync: m_%s\ntable: m\nkey: id\nto: m.m\nmode: %s\nfields: [name]\nguard: {max_removed: 100%%}\n%s\n' "$1$3" "$1" "$2" > "$P/syncs/m.yml"
    lib_about="mode $1 $2"
}
change() { db "$P/w.db" "delete from m where id in (5, 6); update m set name = name || '!' where id in (1, 2); insert into m values (1201, 'new')"; }
mode upsert '' ''
eff 0 run m_upsert
change
eff 0 run m_upsert
my_is "select count(*), sum(name like '%!'), (select note from m where id = 1), (select name from m where id = 99) from m" '1201|2|n1|n99'
mode upsert 'on_removed: clear' _clear
eff 0 run m_upsert_clear
change
eff 0 run m_upsert_clear
my_is "select count(*), count(name) from m" '1201|1199'
mode mirror '' ''
eff 0 run m_mirror
change
eff 0 run m_mirror
my_is "select count(*), sum(name like '%!') from m" '1199|2'
ROWS=30
mode update '' ''
eff 3 run m_update
counts m_update read=30 added=30 planned=30 delivered=1 rejected=29
my_is "select count(*) from m" 2
ROWS=1200
mode insert '' ''
eff 3 run m_insert
counts m_insert read=1200 added=1200 planned=1200 delivered=1198 rejected=2
my_is "select name, note from m where id = 1" 'theirs|n1'
mode append '' ''
my 'drop table m; create table m (id int, name text)'
eff 0 run m_append
change
eff 0 run m_append
my_is "select count(*) from m" 1203
rm "$P/syncs/m.yml"

about "a missing unique index"
my "create table noindex (id int, name text, key (id))"
sync noindex << 'END'
sync: noindex
table: m
key: id
to: m.noindex
fields: [name]
END
eff 3 check noindex
one_problem '*no unique index on the match columns*'
# shellcheck disable=SC2016
says 'CREATE UNIQUE INDEX `noindex_match` ON `noindex` (`id`)'
eff 1 run noindex
my_is "select count(*) from noindex" 0
my 'CREATE UNIQUE INDEX `noindex_match` ON `noindex` (`id`)'
eff 0 run noindex
rm "$P/syncs/noindex.yml"

about "a collation that takes A for a: rows that differ in no more are one record there, and none is sent"
my "create table folded (email varchar(50) character set utf8mb4 collate utf8mb4_general_ci primary key, name varchar(50))"
db "$P/w.db" "create table folded (email text, name text); insert into folded values ('a@example.com', 'a'), ('A@example.com', 'A'), ('b@example.com', 'b')"
sync folded << 'END'
sync: folded
table: folded
key: email
to: m.folded
mode: mirror
fields: [name]
END
eff 3 run folded
counts folded read=3 added=1 planned=1 delivered=1 invalid=2
says 'in any case of letters'
my "alter table folded modify email varchar(50) character set utf8mb4 collate utf8mb4_bin"
eff 0 run folded
my_is "select name from folded order by binary name" "A
a
b"
about "a letter with its accent is that letter there, too"
my "delete from folded; alter table folded modify email varchar(50) character set utf8mb4 collate utf8mb4_general_ci"
db "$P/w.db" "delete from folded; insert into folded values ('émile@example.com', 'a'), ('Emile@example.com', 'A'), ('b@example.com', 'b')"
eff 0 reset folded --yes
eff 3 run folded
counts folded read=3 added=1 planned=1 delivered=1 invalid=2
my "delete from folded; alter table folded modify email varchar(50) character set utf8mb4 collate utf8mb4_bin"
db "$P/w.db" "delete from folded; insert into folded values ('a@example.com', 'a'), ('A@example.com', 'A'), ('b@example.com', 'b')"
eff 0 reset folded --yes
eff 0 run folded

about "and when one of them goes, it does not take the record of the other along"
my "alter table folded modify email varchar(50) character set utf8mb4 collate utf8mb4_bin; delete from folded; alter table folded modify email varchar(50) character set utf8mb4 collate utf8mb4_general_ci; insert into folded values ('a@example.com', 'a'), ('b@example.com', 'b')"
db "$P/w.db" "delete from folded where email = 'A@example.com'"
eff 0 run folded
counts folded read=2 unchanged=2 gone=1
my_is "select name from folded order by binary name" "a
b"
rm "$P/syncs/folded.yml"

about "a collision on another unique index never rewrites that record"
my "create table people (id int primary key, email varchar(50) unique, name varchar(50)); insert into people values (500, 'a@example.com', 'theirs')"
db "$P/w.db" "create table people (id, email, name); insert into people values (1, 'a@example.com', 'ours'), (2, 'b@example.com', 'b')"
sync people << 'END'
sync: people
table: people
key: id
to: m.people
fields: [email, name]
END
eff 3 run people
counts people read=2 added=2 planned=2 delivered=1 rejected=1
says "Duplicate entry 'a@example.com' for key 'email'"
my_is "select * from people order by id" "2|b@example.com|b
500|a@example.com|theirs"

about "names"
my 'create table `Ta.ble` (`Ke"y` int primary key, `sel ect` text, `ünï``q` text); create table `ta.ble` (x int)'
db "$P/w.db" 'create table "Ta.ble" ("Ke""y" int primary key, "sel ect" text, "ünï`q" text)' "insert into \"Ta.ble\" values (1, 'a', 'b')"
sync odd << 'END'
sync: odd
table: '"Ta.ble"'
key: ['Ke"y']
to: {destination: m, object: 'crm."Ta.ble"'}
mode: mirror
fields: ['sel ect', 'ünï`q']
END
twice odd 1
my_is 'select * from `Ta.ble`' '1|a|b'
sed -i 's/Ta\.ble"'"'"'}/Ta.blee"'"'"'}/' "$P/syncs/odd.yml"
eff 3 check odd
says 'has no'
rm "$P/syncs/odd.yml"

about "rows that the database refuses, alone"
db "$P/w.db" "create table r as with recursive s(i) as (select 1 union all select i + 1 from s where i < 2000) select i as id, cast(i as text) as v from s; update r set v = 'many' where id in (50, 1510)"
my "create table r (id int primary key, v int, check (v <> 77)); create table big (id int primary key, v tinyint, s varchar(3), d date, e enum('a', 'it''s', 'c'))"
sync r << 'END'
sync: r
table: r
key: id
to: m.r
fields: [v]
END
eff 3 run r
counts r read=2000 added=2000 planned=2000 delivered=1997 rejected=3
my_is "select count(*) from r" 1997
db "$P/w.db" "update r set v = '1' where id in (50, 77, 1510)"
eff 0 run r
my_is "select count(*), sum(v) from r" "2000|1999366"
db "$P/w.db" "create table big (id, v, s, d, e); insert into big values (1, 300, 'a', '2024-01-01', 'a'), (2, 1, 'long', '2024-01-01', 'a'),
    (3, 1, 'ok', '2024-02-30', 'c'), (4, 1, 'ok', '2024-01-01', 'x'), (5, 1, 'ok', '2024-01-01', 'it''s')"
sync big << 'END'
sync: big
table: big
key: id
to: m.big
fields: [v, s, d, e]
END
eff 3 run big
counts big read=5 added=5 planned=5 delivered=1 rejected=4
my_is "select id from big" 5
rm "$P/syncs/big.yml"

about "mistakes"
wrong() { # URL CODE PATTERN
    printf 'sources: {w: {type: sqlite, path: w.db}}\ndestinations: {m: {type: mysql, url: "%s"}}\n' "$1" > "$P/efferent.yml"
    eff 1 check r
    one_problem "$2"
    says_not 'p@s'
}
wrong "mysql://e'f:wrong@localhost/crm?socket=$CLUSTER/s" '*Access denied*'
wrong "mysql://e'f:p@s%3as%2fw@localhost/nowhere?socket=$CLUSTER/s" '*nowhere*'
wrong "mysql://e'f:p@s%3as%2fw@localhost/crm?socket=$CLUSTER/gone" '*'
wrong "mysql://u@localhost" '*names no database*'
wrong "http://u@localhost/x" '*begin with mysql://*'
# The server runs without TLS: MariaDB 11 would make a certificate of its own, and prove itself by the password.
wrong "mysql://e'f:p@s%3as%2fw@localhost/crm?tls=verify&socket=$CLUSTER/s" '*'
EFFERENT_MARIADB=/nowhere.so wrong "$URL" "*client library cannot be loaded*"
EFFERENT_MARIADB=
export EFFERENT_MARIADB
printf 'sources: {w: {type: sqlite, path: w.db}}\ndestinations: {m: {type: mysql, url: "%s"}}\n' "$URL" > "$P/efferent.yml"

about "the database goes away"
db "$P/w.db" "update r set v = '2'"
"$EFFERENT" run -p "$P" --output json r > out.json 2> err.txt &
RUN=$!
sleep 0.03
kill -KILL "$SERVER"
wait "$SERVER" 2> /dev/null
start_server
wait $RUN
CODE=$?
document_good run
eff 0 run r
my_is "select count(*), sum(v) from r" "2000|4000"

about "stopped while the server works"
my "create table slow (id int primary key, v int); insert into slow values (1, 0), (2, 0); create definer='e''f'@localhost trigger slow
    before update on slow for each row set new.v = new.v + 0 * sleep(60)"
db "$P/w.db" 'create table slow (id integer primary key, v int); insert into slow values (1, 1), (2, 2)'
sync slow << 'END'
sync: slow
table: slow
key: id
to: m.slow
fields: [v]
mode: update
END
"$EFFERENT" run -p "$P" --output json slow > out.json 2> err.txt &
RUN=$!
for _ in $(seq 200); do
    [ "$(my "select count(*) from information_schema.processlist where state = 'User sleep'")" = 0 ] || break
    sleep 0.05
done
stops_within 4000
my_is "select count(*) from information_schema.processlist where state = 'User sleep'" 0
my_is "select sum(v) from slow" 0
my "drop trigger slow"
eff 0 run slow
my_is "select sum(v) from slow" 3

finish
