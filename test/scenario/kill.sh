#!/bin/sh
# timeout: 600
# serial
#
# Goal: a process that is killed anywhere loses nothing, repeats nothing that shows, removes nothing
# that is still there, says honestly what it settled for the killed one, and leaves no litter.
# Method: change the model, start a run, kill -9 its processes after a random time, run again, and
# compare the target with the model. 60 rounds into a SQLite table, 30 into the HubSpot stand-in.
# covers: A2, E6
. "$EFF_SRC/test/lib/scenario.sh"

SEED=${EFF_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "seed $SEED"
random() { # N: 0 .. N-1
    SEED=$(((SEED * 1103515245 + 12345) & 2147483647))
    RANDOM_IS=$(((SEED >> 8) % $1))
}

# Starts a run and kills it after a random part of MOST_MS: the process of the sync, the one that
# watches over it (then the sync's stops in an orderly way), both, or both in one.
KILLED=0 SURVIVED=0 RESUMED=0
run_and_kill() { # MOST_MS
    random "$1"
    lib_wait=$RANDOM_IS
    random 4
    who=$RANDOM_IS
    if [ "$who" = 0 ]; then EFF_NO_FORK=1; else EFF_NO_FORK=0; fi
    export EFF_NO_FORK
    "$EFFERENT" run -p "$P" --output json > killed.json 2> killed.txt &
    VICTIM=$!
    unset EFF_NO_FORK
    sleep "$((lib_wait / 1000)).$(printf %03d $((lib_wait % 1000)))"
    CHILD=$(cat "/proc/$VICTIM/task/$VICTIM/children" 2> /dev/null)
    case $who in
    0 | 3) victims=$VICTIM ;;
    1) victims=${CHILD:-$VICTIM} ;;
    *) victims="$CHILD $VICTIM" ;;
    esac
    # shellcheck disable=SC2086 # they are words
    kill -s KILL $victims 2> /dev/null
    wait "$VICTIM" 2> /dev/null
    ended=$?
    if [ $ended = 0 ]; then SURVIVED=$((SURVIVED + 1)); else KILLED=$((KILLED + 1)); fi
    [ $ended = 0 ] || [ $ended = 137 ] || [ $ended = 1 ] || fail "the killed run ended with $ended: $(cat killed.txt killed.json)"
    if [ $ended = 1 ]; then
        grep -Eq 'was killed' killed.json || fail "nothing says that it was killed: $(cat killed.json)"
    fi
    ended=0
    for lib_pid in $CHILD; do
        while kill -0 "$lib_pid" 2> /dev/null && [ $ended -lt 500 ]; do
            ended=$((ended + 1))
            sleep 0.02
        done
    done
    [ $ended -lt 500 ] || fail "process $lib_pid goes on without the one that watched over it"
}

# The next run settles what was left, and the document says how much that was.
recover() {
    eff 0 run
    if [ "$(j '$.syncs[0].resumed.planned')" != "" ]; then RESUMED=$((RESUMED + 1)); fi
    same "pending" 0 "$(j '$.syncs[0].pending')"
    # What is left in the state: one control database, one snapshot, the lock, and histories.
    find "$P/.efferent" -name 'changes-*' > litter.txt
    [ ! -s litter.txt ] || fail "change files are left: $(cat litter.txt)"
    eff 0 run
    same "idle afterwards" '0|0|' "$(j '$.syncs[0].planned')|$(j '$.syncs[0].requests')|$(j '$.syncs[0].resumed')"
}

# ---- into a table that counts every write ----

about "sqlite"
project sqlite << 'END'
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: sqlite, path: crm.db}}
END
sync contacts << 'END'
sync: contacts
sql: SELECT id, email, score FROM customer
key: id
to: crm.contact
mode: mirror
fields: [email, score]
guard: {max_removed: 100%}
END
# No primary key on id over there: a twin would be seen. (The unique index is what upsert needs.)
db "$P/crm.db" "create table contact (id int, email text, score int, seen int default 0);
    create unique index contact_id on contact (id);
    insert into contact values (-1, 'theirs', 1, 0);
    create table removed (id int);
    create trigger r after delete on contact begin insert into removed values (old.id); end"
db "$P/shop.db" "create table customer (id integer primary key, email text, score int);
    create table alive (round int, id int)"

round=0
while [ $round -lt 60 ]; do
    round=$((round + 1))
    about "sqlite, round $round"
    random 4000
    db "$P/shop.db" "delete from customer where id % 17 = $round % 17;
        update customer set score = score + 1 where id % 5 = $round % 5;
        with recursive n(i) as (select 1 union all select i + 1 from n where i < $RANDOM_IS)
        insert or ignore into customer select $round * 4000 + i, 'c' || i, $round from n;
        delete from customer where id < ($round - 4) * 4000"
    db "$P/crm.db" 'delete from removed'
    run_and_kill 130
    [ $((round % 3)) != 0 ] || run_and_kill 60 # the one that resumes dies too
    recover
    tables_equal "target" "$P/shop.db" "select id, email, score from customer union all select -1, 'theirs', 1" \
        "$P/crm.db" 'select id, email, score from contact'
    rows_are "$P/crm.db" "attach '$P/shop.db' as s; select count(*) from removed where id in (select id from s.customer)" 0
done
echo "sqlite: $KILLED killed, $SURVIVED were faster, $RESUMED resumed"
[ "$KILLED" -gt 20 ] || fail "too few runs were killed to tell anything"

# ---- into an API: what the killed run sent may have been applied or not ----

about "hubspot"
sandbox hubspot
KILLED=0 SURVIVED=0 RESUMED=0
project hubspot << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: hubspot, url: "$HS", token: test-token, calls_per_10s: 10000}}
END
sync contacts << 'END'
sync: contacts
sql: SELECT id, email, name FROM customer
key: id
match: {email: email}
to: crm.contacts
on_removed: delete
fields: {firstname: name}
guard: {max_removed: 100%}
END
db "$P/shop.db" "create table customer (id integer primary key, email text, name text)"
ask "$HS/_sandbox/faults" '{"rules": [{"match": {"writes": true}, "then": {"delay_ms": 30}}]}'
round=0
while [ $round -lt 30 ]; do
    round=$((round + 1))
    about "hubspot, round $round"
    random 800
    db "$P/shop.db" "delete from customer where id % 17 = $round % 17;
        update customer set name = name || '.' where id % 5 = $round % 5;
        update customer set email = 'moved' || id || '.' || $round || '@example.com' where id % 11 = $round % 11;
        with recursive n(i) as (select 1 union all select i + 1 from n where i < $RANDOM_IS)
        insert or ignore into customer select $round * 1000 + i, 'c' || ($round * 1000 + i) || '@example.com', 'n' || i from n;
        delete from customer where id < ($round - 3) * 1000"
    run_and_kill 300
    [ $((round % 3)) != 0 ] || run_and_kill 100
    recover
    records "$HS" contacts
    tables_equal "records" "$P/shop.db" 'select email, name from customer' \
        records.db "select f ->> '$.email', f ->> '$.firstname' from r"
done
echo "hubspot: $KILLED killed, $SURVIVED were faster, $RESUMED resumed"
[ "$KILLED" -gt 10 ] || fail "too few runs were killed to tell anything"

finish
