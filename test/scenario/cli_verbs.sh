#!/bin/sh
# timeout: 120
#
# Goal: the operator's verbs find every row by the text of its key, and change what they say, no more.
# Method: keys of several kinds; rows that are delivered, refused, removed and unknown; then retry,
# reset, and the same while the sync is running.
# covers: E1, G5, H11
. "$EFF_SRC/test/lib/scenario.sh"

project p << 'END'
sources: {w: {type: sqlite, path: w.db}}
destinations: {d: {type: sqlite, path: d.db}}
END
sync a << 'END'
sync: people
sql: SELECT id, name FROM person
key: id
to: d.person
mode: mirror
guard: {max_removed: 0}
fields: [name]
END
sync b << 'END'
sync: seats
sql: SELECT account, seat, name FROM seat
key: [account, seat]
to: d.seat
mode: mirror
fields: [name]
END
db "$P/w.db" "create table person (id text primary key, name text);
    insert into person values ('7', 'seven'), ('A b,c', 'blank'), ('2026-01-31', 'date'), ('é', 'accent'), ('refused', 'x');
    create table seat (account text, seat int, name text);
    insert into seat values ('acme', 1, 'one'), ('acme', 2, 'two'), ('a,b', 3, 'comma')"
db "$P/d.db" "create table person (id text primary key, name text check (name <> 'x'));
    create table seat (account text, seat int, name text, primary key (account, seat))"

state_of() { # SYNC KEY STATE
    eff 0 rows "$1" "$2"
    same "state of $2" "$3" "$(j '$.result.state')"
}

about "before any run"
state_of people 7 unknown
eff 0 rows people
same "open rows" '[]' "$(j '$.result.rows')"
eff 0 status
[ ! -d "$P/.efferent" ] || fail "looking makes a state"

about "keys as text"
eff 3 run
for key in 7 'A b,c' 2026-01-31 é; do
    state_of people "$key" delivered
    same "history of $key" applied "$(j '$.result.history[0].outcome')"
done
state_of people 8 unknown
state_of people refused rejected
db "$P/w.db" "insert into person values (null, 'nobody'), (' ', 'void')"
eff 3 run
"$EFFERENT" rows people -p "$P" > rows.txt
for line in 'id null  invalid' 'id " "  invalid' 'id refused  rejected' '  next try   with the next run'; do
    grep -Fqx "$line" rows.txt || fail "no line says: $line"
done
db "$P/w.db" "delete from person where name in ('nobody', 'void')"
eff 3 run
state_of people refused rejected
case $(j '$.result.open.message') in *CHECK*) ;; *) fail "the reason is missing" ;; esac
state_of seats acme,1 delivered
state_of seats '{"account": "a,b", "seat": 3}' delivered
state_of seats '{"seat": "2", "account": "acme"}' delivered
state_of seats acme,9 unknown
run_eff rows seats acme -p "$P" -o json
same "exit code of half a key" 2 "$CODE"
says "2 columns"
run_eff rows seats '{"account": 1}' -p "$P" -o json
same "exit code of half a key" 2 "$CODE"
db "$P/w.db" "delete from person where id = '7'"
eff 3 run people
digest=$(j '$.syncs[0].plan')
same "length of the digest" 8 ${#digest}
state_of people 7 held
run_eff approve people 00000000 -p "$P" -o json
same "exit code of a digest that nothing holds" 2 "$CODE"
says "does not hold 00000000, but $digest"
run_eff approve seats "$digest" -p "$P" -o json
same "exit code where nothing is held" 2 "$CODE"
says "sync seats holds nothing"
eff 0 approve people "$digest"
eff 3 run people
state_of people 7 removed

about retry
eff 3 run people
counts people read=4 added=1 planned=1 rejected=1
db "$P/d.db" "create table p2 (id text primary key, name text); insert into p2 select * from person;
    drop table person; alter table p2 rename to person"
eff 0 retry people
same "rows that are due" 1 "$(j '$.rows')"
eff 0 run people
counts people read=4 added=1 planned=1
eff 0 rows people
same "open rows" '[]' "$(j '$.result.rows')"

about status
eff 0 status people
same "rows" 4 "$(j '$.syncs[0].rows')"
same "last run" ok "$(j '$.syncs[0].last_run.report.status')"
same "last run read" 4 "$(j '$.syncs[0].last_run.report.read')"
db "$P/w.db" "alter table person rename to nobody"
eff 1 run people
eff 0 status people
same "a failed run" failed "$(j '$.syncs[0].last_run.report.status')"
db "$P/w.db" "alter table nobody rename to person"

about reset
run_eff reset people -p "$P" -o json
same "exit code without --yes" 2 "$CODE"
says "4 rows"
eff 0 run people
counts people read=4
eff 0 reset people --yes
same "rows forgotten" 4 "$(j '$.rows')"
eff 0 run people
counts people read=4 added=4 planned=4
state_of seats acme,1 delivered
finish
