#!/bin/sh
# timeout: 120
#
# Goal: a person who is forgotten is in no file of the state any more, in no form, and does not
# come back; everybody else is as before.
# Method: one person's key, e-mail and remote id are unlike all others; all bytes of the state folder
# are searched for them as text, UTF-16, base64 and hex, before and after; then runs, a damaged
# command that is repeated, a state of the format before, and a restored backup follow.
# covers: F5, P1, P2, P3, P4
. "$EFF_SRC/test/lib/scenario.sh"

KEY=q7canary31
MAIL=zanary.person@secret.example

project shop << 'END'
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: sqlite, path: crm.db}}
END
sync people << 'END'
sync: people
table: person
key: id
to: crm.contact
match: {mail: email}
mode: mirror
fields: [score]
END
db "$P/shop.db" "create table person (id text primary key, email text, score int);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 500)
    insert into person select 'p' || i, 'p' || i || '@example.com', i from n;
    insert into person values ('$KEY', '$MAIL', 7)"
db "$P/crm.db" "create table contact (mail text primary key, score int check (score >= 0))"

# Forms in which a value could lie about. Base64 has three, by where it begins.
forms() { # TEXT
    printf '%s\n' "$1"
    printf '%s' "$1" | od -An -tx1 | tr -d ' \n'
    echo
    for pad in '' x xx; do
        printf '%s%s' "$pad" "$1" | base64 -w0 | cut -c$((${#pad} + 2))-$((${#1} + ${#pad} - 1))
    done
}
found() { # how many files of the state have one of the two in one of their forms
    { forms "$KEY"; forms "$MAIL"; } > forms.txt
    for file in $(find "$P/.efferent" -type f); do
        if grep -aqFf forms.txt "$file" || tr -d '\000' < "$file" | grep -aqFf forms.txt; then echo "$file"; fi
    done
}

about "what is kept before"
eff 0 run
db "$P/shop.db" "update person set score = -1 where id = '$KEY'" # refused: the ledger has its values
eff 3 run
[ "$(found | wc -l)" -ge 2 ] || fail "the search finds nothing where something is: $(found)"

about "a look changes nothing"
before=$(find "$P/.efferent" -type f ! -name '*-shm' ! -name lock -exec cksum {} + | sort)
eff 2 forget people "$KEY"
same "snapshot, ledger, history, erased" '1 1 1 0' \
    "$(j '$.result.snapshot') $(j '$.result.ledger') $(j '$.result.history') $(j '$.result.erased')"
same "the state" "$before" "$(find "$P/.efferent" -type f ! -name '*-shm' ! -name lock -exec cksum {} + | sort)"
"$EFFERENT" state export -p "$P" "$P/backup" > /dev/null || fail "no export"

about "forgotten"
eff 0 forget people "$KEY" --yes
same "snapshot, ledger, history, erased" '1 1 1 1' \
    "$(j '$.result.snapshot') $(j '$.result.ledger') $(j '$.result.history') $(j '$.result.erased')"
same "signature" 64 "$(j '$.result.signature' | tr -d '\n' | wc -c | tr -d ' ')"
if grep -qF -e "$KEY" -e "$MAIL" out.json; then fail "the receipt says whose it is"; fi
same "files with a trace" '' "$(found)"
eff 0 state check

about "and kept out"
eff 0 run
counts people read=500 unchanged=500 forgotten=1
db "$P/shop.db" "update person set score = score + 1"
eff 0 run
counts people read=500 changed=500 planned=500 delivered=500 forgotten=1
eff 0 plan --key "$KEY"
counts people read=0 forgotten=1
same "files with a trace" '' "$(found)"
rows_are "$P/crm.db" "select score from contact where mail = '$MAIL'" 7 # is not ours any more
eff 0 rows people "$KEY"
same "state of the row" unknown "$(j '$.result.state')"
eff 0 forget people "$KEY" --yes # again
same "nothing is left of it" '0 0 0' "$(j '$.result.snapshot') $(j '$.result.ledger') $(j '$.result.history')"

about "reset does not let them in again"
eff 0 reset people --yes
eff 0 run
counts people read=500 added=500 planned=500 delivered=500 forgotten=1

about "a backup from before has them, until the command is repeated"
rm -r "$P/.efferent"
eff 0 state import "$P/backup"
[ "$(found | wc -l)" -ge 1 ] || fail "the backup has no trace: $(found)"
eff 0 forget people "$KEY" --yes
same "files with a trace" '' "$(found)"
eff 0 run
counts people read=500 changed=500 planned=500 delivered=500 forgotten=1

about "a state of the first format"
older_state "$P/.efferent/control.db" 1
eff 0 plan
counts people read=501 unchanged=500 added=1 planned=1
same "format after a look" 1 "$(db "$P/.efferent/control.db" 'pragma user_version')"
eff 0 forget people "$KEY" --yes
same "format" 4 "$(db "$P/.efferent/control.db" 'pragma user_version')"
eff 0 plan
counts people read=500 unchanged=500 forgotten=1

about "what runs told, and what a run planned that died before anything was sent"
db "$P/shop.db" "create table q as select * from person; drop table person; alter table q rename to person;
    insert into person values ('$KEY-2', '2$MAIL', 8), ('$KEY-2', '2$MAIL', 9)"
eff 3 run
says "$KEY-2" # two rows of one key
db "$P/shop.db" "delete from person where id = '$KEY-2' and score = 9; update person set score = 1000 where id = 'p1'"
if EFF_CRASH_AT=list "$EFFERENT" 2> /dev/null | grep -Eq '^plan\.before_commit$'; then
    EFF_CRASH_AT=plan.before_commit EFF_NO_FORK=1 "$EFFERENT" run -p "$P" --output json > out.json 2> err.txt
    same "exit code of the one that dies" 137 $?
    found | grep -q /changes- || fail "no trace in a change file: $(found)"
fi
found | grep -q /control.db || fail "no trace in the control file: $(found)"
eff 0 status people
same "problems of the last run" 1 "$(j '$.syncs[0].last_run.report.problems' | grep -c EFF2108)"
eff 0 forget people "$KEY-2" --yes
same "files with a trace" '' "$(found)"
eff 0 status people
same "problem, its words, and counts, of the last run" 'EFF2108|the words were taken out when a row was forgotten||2' \
    "$(j '$.syncs[0].last_run.report.problems[0].code')|$(j '$.syncs[0].last_run.report.problems[0].message')|$(
        j '$.syncs[0].last_run.report.problems[0].hint')|$(j '$.syncs[0].last_run.report.invalid')"
eff 0 run
counts people read=500 unchanged=499 changed=1 planned=1 delivered=1 forgotten=2
eff 0 state check

about "a key of bytes, by the text that shows it"
sync faces << 'END'
sync: faces
table: face
key: [id, at]
to: crm.face
mode: mirror
fields: [name]
END
db "$P/shop.db" "create table face (id blob, at text, name text); insert into face values (x'00ff10', 'x', 'one'), (x'00ff11', 'x', 'two')"
db "$P/crm.db" "create table face (id blob, at text, name text, primary key (id, at))"
eff 0 run faces
eff 0 rows faces 'AP8Q,x'
same "state of the row" delivered "$(j '$.result.state')"
eff 0 forget faces 'AP8Q,x' --yes
same "snapshot, history" '1 1' "$(j '$.result.snapshot') $(j '$.result.history')"
eff 0 run faces
counts faces read=1 unchanged=1 forgotten=1

about "what cannot be"
eff 2 forget peple "$KEY"
says 'Did you mean'
eff 2 forget people
sync never << 'END'
sync: never
table: person
key: id
to: crm.contact
match: {mail: email}
mode: update
fields: [score]
END
eff 2 forget never x
says 'has not run yet'

finish
