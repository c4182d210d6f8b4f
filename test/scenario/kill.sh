#!/bin/sh
# timeout: 600
#
# Goal: a process that is killed anywhere loses nothing, repeats nothing that shows, removes nothing
# that is still there, says honestly what it settled for the killed one, and leaves no litter.
# Method: change the model, start a run, kill -9 its processes after a random time, run again, and
# compare the target with the model. 60 rounds into a SQLite table, 10 into files, 30 into the HubSpot
# stand-in (EFF_KILL_INTO: only some of these); with EFF_KILLS=1000 as many rounds as that takes, in at most
# EFF_KILL_SECONDS (`make kill`).
# Of the program as it is released: what a death leaves is read under the sanitizers in crash_points.
# covers: A2, E6
. "$EFF_SRC/test/lib/scenario.sh"

[ -z "${EFF_SANITIZED:-}" ] || skip "crash_points does this with the sanitizers"

SEED=${EFF_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "seed $SEED"
BEGUN=$(date +%s)
random() { # N: 0 .. N-1
    SEED=$(((SEED * 1103515245 + 12345) & 2147483647))
    RANDOM_IS=$(((SEED >> 8) % $1))
}

# Goes on with rounds: ROUNDS of them, or until PERCENT of EFF_KILLS were killed in PERCENT of the time.
more() { # ROUNDS PERCENT
    [ -n "${EFF_KILLS:-}" ] || { [ $round -lt "$1" ]; return; }
    [ $KILLED -lt $((EFF_KILLS * $2 / 100)) ] && [ $(($(date +%s) - PHASE)) -lt $((${EFF_KILL_SECONDS:-86400} * $2 / 100)) ]
}
if [ -n "${EFF_KILLS:-}" ]; then SIZE=600 LOOK=5; else SIZE=4000 LOOK=1; fi # rows a round at most; idle runs
TOTAL=0
# Begins with this one, if it is wanted.
into() { # NAME
    case " ${EFF_KILL_INTO:-sqlite files hubspot} " in *" $1 "*) ;; *) return 1 ;; esac
    about "$1"
    KILLED=0 SURVIVED=0 RESUMED=0 round=0 PHASE=$(date +%s)
}
told() { # NAME AT_LEAST
    TOTAL=$((TOTAL + KILLED))
    echo "$1: $KILLED killed, $SURVIVED were faster, $RESUMED resumed, $(($(date +%s) - PHASE)) s"
    [ "$KILLED" -gt "$2" ] || [ -n "${EFF_KILLS:-}" ] || fail "too few runs were killed to tell anything"
}
# Within how many ms a run is killed: less after one that was faster, more after one that was not, so that
# on a busy machine, too, most are killed, and anywhere.
LASTS=130

# Starts a run and kills it after a random part of MOST_MS: the process of the sync, the one that
# watches over it (then the sync's stops in an orderly way), both, or both in one.
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
    if [ $ended = 0 ]; then
        SURVIVED=$((SURVIVED + 1)) LASTS=$((LASTS * 2 / 3 + 1))
    else
        KILLED=$((KILLED + 1)) LASTS=$((LASTS * 9 / 8 + 1))
    fi
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
    [ $((round % LOOK)) = 0 ] || return 0
    # What a killed run sent may come ten minutes later, and is sent once more then: that is not idle.
    due=$([ $(($(date +%s) - PHASE)) -lt 600 ] || problems "ifnull(sum(p ->> '\$.code' = 'EFF2134'), 0)")
    eff 0 run
    [ "${due:-0}" = 0 ] || {
        same "only what was in doubt" '0|0|' "$(j '$.syncs[0].added')|$(j '$.syncs[0].rejected')|$(j '$.syncs[0].resumed')"
        return 0
    }
    same "idle afterwards" '0|0|' "$(j '$.syncs[0].planned')|$(j '$.syncs[0].requests')|$(j '$.syncs[0].resumed')"
}

# ---- into a table that counts every write ----

if into sqlite; then
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

    while more 60 70; do
        round=$((round + 1))
        about "sqlite, round $round"
        random $SIZE
        db "$P/shop.db" "delete from customer where id % 17 = $round % 17;
            update customer set score = score + 1 where id % 5 = $round % 5;
            with recursive n(i) as (select 1 union all select i + 1 from n where i < $RANDOM_IS)
            insert or ignore into customer select $round * $SIZE + i, 'c' || i, $round from n;
            delete from customer where id < ($round - 4) * $SIZE"
        db "$P/crm.db" 'delete from removed'
        run_and_kill $LASTS
        [ $((round % 3)) != 0 ] || run_and_kill $((LASTS / 2)) # the one that resumes dies too
        recover
        tables_equal "target" "$P/shop.db" "select id, email, score from customer union all select -1, 'theirs', 1" \
            "$P/crm.db" 'select id, email, score from contact'
        rows_are "$P/crm.db" "attach '$P/shop.db' as s; select count(*) from removed where id in (select id from s.customer)" 0
    done
    told sqlite 20
fi

# ---- into files: a line is there once ----

if into files; then
    project files << 'END'
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {out: {type: file, path: out}}
END
    sync contacts << 'END'
sync: contacts
sql: SELECT id, email, score FROM customer
key: id
to: out.contact
mode: mirror
fields: [email, score]
guard: {max_removed: 100%}
END
    db "$P/shop.db" "create table customer (id integer primary key, email text, score int)"
    while more 10 15; do
        round=$((round + 1))
        about "files, round $round"
        random $SIZE
        db "$P/shop.db" "update customer set score = score + 1 where id % 5 = $round % 5;
            with recursive n(i) as (select 1 union all select i + 1 from n where i < $RANDOM_IS)
            insert or ignore into customer select $round * $SIZE + i, 'c' || i, $round from n;
            delete from customer where id < ($round - 4) * $SIZE"
        run_and_kill $LASTS
        [ $((round % 3)) != 0 ] || run_and_kill $((LASTS / 2))
        recover
        # The lines of this round's files; what they say is kept, and the files go.
        cat "$P"/out/*.jsonl | db lines.db "drop table if exists raw" ".mode ascii" '.separator "\t" "\n"' \
            "create table raw (j text)" ".import /dev/stdin raw" "create table if not exists held (id int primary key, email text, score int)"
        rows_are lines.db "select count(*) from raw group by j having count(*) > 1" ''
        db lines.db "insert into held select j ->> '$.key.id', j ->> '$.fields.email', j ->> '$.fields.score' from raw
            where j ->> '$.op' = 'upsert' order by rowid on conflict (id) do update set email = excluded.email, score = excluded.score;
            delete from held where id in (select j ->> '$.key.id' from raw where j ->> '$.op' = 'delete')"
        tables_equal "held" "$P/shop.db" "select id, email, score from customer" lines.db "select id, email, score from held"
        find "$P/out" -name '*.part' > litter.txt
        [ ! -s litter.txt ] || fail "unfinished files are left: $(cat litter.txt)"
        rm -f "$P"/out/*.jsonl
    done
    told files 3
fi

# ---- into an API: what the killed run sent may have been applied or not ----

if into hubspot; then
    LASTS=300
    sandbox hubspot
    hubspot_contacts hubspot 'on_removed: delete' 'guard: {max_removed: 100%}'
    ask "$HS/_sandbox/faults" '{"rules": [{"match": {"writes": true}, "then": {"delay_ms": 30}}]}'
    while more 30 15; do
        round=$((round + 1))
        about "hubspot, round $round"
        random $((SIZE / 5))
        db "$P/shop.db" "delete from customer where id % 17 = $round % 17;
            update customer set name = name || '.' where id % 5 = $round % 5;
            update customer set email = 'moved' || id || '.' || $round || '@example.com' where id % 11 = $round % 11;
            with recursive n(i) as (select 1 union all select i + 1 from n where i < $RANDOM_IS)
            insert or ignore into customer select $round * 1000 + i, 'c' || ($round * 1000 + i) || '@example.com', 'n' || i from n;
            delete from customer where id < ($round - 3) * 1000"
        run_and_kill $LASTS
        [ $((round % 3)) != 0 ] || run_and_kill $((LASTS / 3))
        recover
        records "$HS" contacts
        tables_equal "records" "$P/shop.db" 'select email, name from customer' \
            records.db "select f ->> '$.email', f ->> '$.firstname' from r"
    done
    told hubspot 10
fi

echo "$TOTAL killed in all, in $(($(date +%s) - BEGUN)) s${EFF_KILLS:+; $EFF_KILLS wanted}"
[ $TOTAL -ge $((${EFF_KILLS:-0} / 10)) ] || fail "too few runs were killed to tell anything"

finish
