#!/bin/sh
# timeout: 300
#
# Goal: a state can be copied out, compared with, copied in elsewhere and checked; a copy that was
# interrupted or changed is refused, and the run after an import sends nothing that is there.
# Method: a table is synced with an export before and after changes; import -> run into the same
# target; one byte of each file of an export is changed; an import is killed -9 after a random time,
# 30 times, and each time the state is refused or whole; each file of a state is damaged for check.
# covers: A16, E5
. "$EFF_SRC/test/lib/scenario.sh"

SEED=${EFF_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "seed $SEED"
random() { # N: 0 .. N-1
    SEED=$(((SEED * 1103515245 + 12345) & 2147483647))
    RANDOM_IS=$(((SEED >> 8) % $1))
}

flip() { # FILE: changes its middle byte
    at=$(($(wc -c < "$1") / 2))
    byte=$(od -An -j $at -N 1 -tu1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$(printf %03o $((byte ^ 32)))" | dd of="$1" bs=1 seek=$at conv=notrunc 2> /dev/null
}

db shop.db "create table people (id int primary key, name text, mail text);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
    insert into people select i, 'name ' || i, 'm' || i || '@example.com' from n"
db crm.db "create table contacts (id int primary key, name text, mail text);
    create table notes (id int primary key, name text)"
project shop << YML
name: shop
state: $EFF_TMP/state
sources: {shop: {type: sqlite, path: $EFF_TMP/shop.db}}
destinations: {crm: {type: sqlite, path: $EFF_TMP/crm.db}}
YML
sync contacts << 'YML'
sync: contacts
table: people
key: id
to: crm.contacts
mode: mirror
fields: {name: name, mail: mail}
YML
sync notes << 'YML'
sync: notes
sql: select id, name from people where id <= 100
key: id
to: crm.notes
mode: upsert
fields: {name: name}
YML

about "there is no state yet"
eff 2 state export out
says "there is no state"
eff 0 state check
same "exists" 0 "$(j '$.exists')"
eff 2 state import nowhere
says "there is no folder"
[ ! -e state ] || fail "something made a state"

about "export, and what it is"
eff 0 run
eff 0 state export out
same "rows" 20100 "$(j '$.rows')"
same "rights" "700 600" "$(stat -c %a out out/EXPORT.json | tr '\n' ' ' | sed 's/ $//')"
[ -z "$(find out -type f ! -perm 600)" ] || fail "files that others can read: $(find out -ls)"
eff 0 state check "$EFF_TMP/out"
same "export" 1 "$(j '$.export')"
eff 2 state export out
says "is not empty"
eff 2 state export state/inside
says "cannot lie in the state"

about "plan compares with an export"
db shop.db "update people set name = 'new' where id in (1, 2, 3)"
eff 0 run
eff 0 plan --state out
counts contacts read=20000 unchanged=19997 changed=3 planned=3
run_eff plan -p "$P" --state out
grep -q 'Compared with the export of ' out.json || fail "the plan does not say what it compares with"

about "what is there is not replaced"
eff 2 state import out
says "there is a state"

about "import elsewhere, and nothing is sent again"
eff 0 state export out2
mv state state.first
eff 0 state import out2
eff 0 state check
eff 0 run
counts contacts read=20000 unchanged=20000 delivered=0
counts notes read=100 unchanged=100 delivered=0
rm -rf state
export XDG_STATE_HOME="$EFF_TMP/user"
eff 0 state import out2
db shop.db "update people set name = 'newer' where id in (1, 2, 3)"
eff 0 run
rm -rf state
eff 0 state import out
says_not "damaged"
db shop.db "delete from people where id = 7"
eff 3 run
says "the state is older than what was delivered"
counts contacts read=19999 changed=19999 removed=1 planned=20000 held=1
eff 0 approve contacts "$(j '$.syncs[0].plan')"
eff 0 run
tables_equal "the target" shop.db "select * from people" crm.db "select * from contacts"
export XDG_STATE_HOME=/dev/null
db shop.db "insert into people values (7, 'name 7', 'm7@example.com');
    update people set name = 'new' where id in (1, 2, 3)"
eff 0 run

about "a changed export is refused, with the name of the file"
cp -r out2 good
rm -rf state
find good -type f | sort > files.txt
while read -r file; do
    cp "$file" keep
    flip "$file"
    eff 1 state import good
    says "$file"
    [ ! -e state ] || fail "something was imported"
    eff 1 state check "$EFF_TMP/good"
    cp keep "$file"
done < files.txt
rm good/EXPORT.json
eff 2 state import good
says "EXPORT.json"
rm -rf good

about "an import that is killed is refused or whole"
KILLED=0 WHOLE=0
round=0
while [ $round -lt 30 ]; do
    round=$((round + 1))
    rm -rf state
    random 40
    "$EFFERENT" state import -p "$P" out2 > killed.json 2> killed.txt &
    VICTIM=$!
    sleep "0.$(printf %03d "$RANDOM_IS")"
    kill -s KILL "$VICTIM" 2> /dev/null
    wait "$VICTIM" 2> /dev/null
    if [ -e state/control.db ]; then
        WHOLE=$((WHOLE + 1))
        eff 0 state check
    else
        KILLED=$((KILLED + 1))
        if [ -e state/.import ]; then
            run_eff plan -p "$P" --output json
            [ "$CODE" != 0 ] || fail "a plan took half an import for a state"
            says "an import into the state folder"
            run_eff run -p "$P" --output json
            [ "$CODE" != 0 ] || fail "a run took half an import for a state"
        fi
        eff 0 state import out2
    fi
    eff 0 run
    counts contacts read=20000 unchanged=20000 delivered=0
    [ -z "$(find state -name '*.import' -newer shop.db -type f)" ] || fail "litter: $(find state)"
done
echo "$KILLED killed before the commit, $WHOLE whole"

about "check finds each damage"
find state -type f ! -name lock ! -name 'control.db-*' | sort > files.txt
while read -r file; do
    case $file in *history-*) continue ;; esac # no checksum: it only explains
    cp "$file" keep
    flip "$file"
    run_eff state check -p "$P" --output json
    case $file in
    */control.db) ;; # the middle byte of a database may be in a free page
    *) [ "$CODE" = 1 ] || fail "damage of $file was not found" ;;
    esac
    rm "$file"
    eff 1 state check
    cp keep "$file"
done < files.txt
eff 0 state check
run_eff state check -p "$P"
grep -q 'The state is whole' out.json || fail "the table does not end well"

about "purge"
eff 2 state purge notes --yes
says "in use"
rm "$P/syncs/notes.yml"
eff 2 state purge notes
says "--yes"
eff 0 state purge notes --yes
same "rows" 100 "$(j '$.rows')"
[ ! -e state/notes ] || fail "the folder is still there"
eff 2 state purge notes --yes
says "knows no sync"
eff 2 state purge ../state/contacts --yes
eff 0 run
counts contacts read=20000 unchanged=20000 delivered=0

about "the words"
eff 2 state
eff 2 state import
eff 2 state melt
eff 2 state check a b
finish
