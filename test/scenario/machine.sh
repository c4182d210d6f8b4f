#!/bin/sh
# timeout: 300
#
# Goal: whatever the machine runs out of, a run says so in a message and an exit code, and the next one,
# when there is enough again, makes the destination equal to the model, with nothing lost or twice.
# Method: for a table and a file: a limit on the size of files, a file system of some KiB for the
# state, a limit on descriptors, one on addresses; each is raised in steps from next to nothing to enough. Then
# a run that is stopped (SIGSTOP) while others come, and clocks that are years off or jump between runs.
# covers: F1, F9, F10, G4, G5
if [ -z "${EFF_INSIDE:-}" ] && unshare -rm true 2> /dev/null; then
    EFF_INSIDE=1 exec unshare -rm sh "$0" # to mount a file system of its own
fi
. "$EFF_SRC/test/lib/scenario.sh"

make() { # NAME
    about "$1"
    project "$1" << 'END'
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: sqlite, path: crm.db}, out: {type: file, path: out}}
END
    one table crm.contact
    one files out.contact
    db "$P/shop.db" "create table customer (id integer primary key, email text, score int);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
        insert into customer select i, 'c' || i || '@example.com', 0 from n"
    db "$P/crm.db" "create table contact (id int, email text, score int); create unique index contact_id on contact (id)"
}
one() { # NAME TO
    sync "$1" << END
sync: $1
table: customer
key: id
to: $2
mode: mirror
fields: [email, score]
guard: {max_removed: 100%}
END
}
ROUND=0
live() {
    ROUND=$((ROUND + 1))
    db "$P/shop.db" "update customer set score = score + 1 where id % 3 = $ROUND % 3; delete from customer where id % 50 = $ROUND % 50;
        insert into customer select $ROUND * 2000 + id, 'n' || id, $ROUND from customer where id <= 100"
}
CUSTOMERS='select id, email, score from customer'
equal() {
    tables_equal "table" "$P/shop.db" "$CUSTOMERS" "$P/crm.db" "select id, email, score from contact"
    rm -f lines.db
    cat "$P"/out/*.jsonl | db lines.db "create table l (n integer primary key, j text)" \
        ".mode ascii" '.separator "\t" "\n"' "create table raw (j text)" ".import /dev/stdin raw" \
        "insert into l (j) select j from raw" "create index k on l (j ->> '\$.key.id', n)"
    tables_equal "files" "$P/shop.db" "$CUSTOMERS" lines.db \
        "select j ->> '\$.key.id', j ->> '\$.fields.email', j ->> '\$.fields.score' from l a where j ->> '\$.op' = 'upsert'
        and not exists (select 1 from l b where b.j ->> '\$.key.id' = a.j ->> '\$.key.id' and b.n > a.n)"
    rows_are lines.db "select count(*) from l group by j having count(*) > 1" ''
    find "$P/out" -name '*.part' > litter.txt
    [ ! -s litter.txt ] || fail "unfinished files are left: $(cat litter.txt)"
}
healthy() {
    eff 0 run
    equal
}
# A run under a limit: it is good, or says what it lacks. FAILED counts those that were not good.
FAILED=0
limited() { # COMMAND... of the shell, which limits
    : > err.txt
    { # through a pipe: what it says must not meet the limit
        (
            "$@" || exit 99
            exec "$EFFERENT" run -p "$P" --output json
        )
        echo $? > code.txt
    } 2>&1 | cat > out.json
    CODE=$(cat code.txt)
    [ "$CODE" != 99 ] || fail "the limit cannot be set: $*"
    [ "$CODE" != 0 ] || return 0
    if grep -q 'error while loading shared libraries' out.json; then CODE=1; fi # not our word, but one
    FAILED=$((FAILED + 1))
    [ "$CODE" -le 3 ] || fail "it ended with $CODE"
    grep -Eq '"message":"[^"]|efferent: |shared libraries' out.json || fail "it failed without a word"
    if grep -Eq 'EFF2009|Sanitizer|runtime error' out.json err.txt; then fail "it broke"; fi
}
some_failed() {
    [ $FAILED -gt 1 ] || fail "nothing was short of anything: $FAILED failures"
    echo "$lib_about: $FAILED runs were short"
    FAILED=0
}

make limits
healthy
for blocks in 0 1 8 32 64 128 192 256 320 400 512 1024; do # of 512 bytes
    about "files of at most $blocks blocks"
    live
    limited ulimit -f $blocks
    [ $((blocks % 3)) != 0 ] || live
    healthy
done
some_failed

for most in 3 4 5 6 7 8 9 10 11 12 14 16 18 20 24 32; do
    about "$most descriptors"
    live
    limited ulimit -n $most
    healthy
done
some_failed

if [ -z "${EFF_SANITIZED:-}" ]; then
    for mib in 16 64 256 1024 2048 4096 5000 6000 7000 8000 10000 20000; do
        about "$mib MiB of addresses"
        live
        limited ulimit -v $((mib * 1024))
        healthy
    done
    some_failed
fi

# ---- a disk that fills up ----

room() { mount -o "remount,size=$1k" "$P/.efferent"; }
if [ -n "${EFF_INSIDE:-}" ]; then
    make disk
    mkdir "$P/.efferent" "$P/out"
    chmod 700 "$P/.efferent"
    mount -t tmpfs -o size=16k,mode=700 none "$P/.efferent" || fail "a file system cannot be mounted"
    for kib in 4 16 48 64 96 128 160 192 224 256 288 320 384 512 1024; do
        about "a disk of $kib KiB"
        live
        room $kib 2> /dev/null || continue # it is fuller than that
        limited true
        room 65536
        healthy
    done
    some_failed
    umount "$P/.efferent"
    # The other side's disk: what was not written there is pending, not lost.
    make full
    mkdir "$P/out"
    mount -t tmpfs -o size=16k none "$P/out" || fail "a file system cannot be mounted"
    for kib in 16 64 200 230 260 300; do
        about "files on a disk of $kib KiB"
        live
        mount -o "remount,size=${kib}k" "$P/out" 2> /dev/null || continue
        limited true
        mount -o remount,size=64m "$P/out"
        healthy
    done
    some_failed
    umount "$P/out"
else
    echo "no file system of its own can be mounted here: that part is left out"
fi

# ---- who holds the lock is stopped ----

about "a run that is stopped"
sandbox hubspot
hubspot_contacts stopped
db "$P/shop.db" "with recursive n(i) as (select 1 union all select i + 1 from n where i < 500)
    insert into customer select i, 'c' || i || '@example.com', 'n' || i from n"
ask "$HS/_sandbox/faults" '{"rules": [{"match": {"writes": true}, "then": {"delay_ms": 1500}}]}'
EFF_NO_FORK=1 "$EFFERENT" run -p "$P" --output json > first.json 2> first.txt &
first=$!
waited=0
until [ -s "$P/.efferent/contacts/lock" ] && ls "$P/.efferent/contacts" | grep -q changes- || [ $waited -gt 200 ]; do
    waited=$((waited + 1))
    sleep 0.05
done
sleep 0.2
kill -STOP $first
eff 1 run
says "already running, in process $first"
eff 1 run
says "already running, in process $first"
eff 0 status
eff 0 rows contacts
run_eff state check -p "$P" --output json
[ "$CODE" -le 3 ] || fail "check breaks beside a stopped run"
kill -CONT $first
wait $first
same "the stopped one ends well" 0 $?
ask "$HS/_sandbox/faults" '{"rules": []}'
eff 0 run
same "nothing left" '0|0' "$(j '$.syncs[0].planned')|$(j '$.syncs[0].requests')"
records "$HS" contacts
tables_equal "records" "$P/shop.db" 'select email, name from customer' records.db "select f ->> '$.email', f ->> '$.firstname' from r"

# ---- another clock ----

if [ -z "${EFF_SANITIZED:-}" ] && cc -shared -fPIC -O1 -o skew.so "$EFF_SRC/test/preload/skew.c" 2> cc.txt; then
    make clock
    for skew in 0 31536000 -31536000 315360000 86400 -1700000000 -86400 3600 0; do
        about "a clock that is $skew s off"
        live
        LD_PRELOAD=$EFF_TMP/skew.so EFF_SKEW_S=$skew run_eff run -p "$P" --output json
        same "exit code" 0 "$CODE"
        equal
        live
        LD_PRELOAD=$EFF_TMP/skew.so EFF_SKEW_S=$skew EFF_NO_FORK=1 "$EFFERENT" run -p "$P" --output json > killed.json 2> killed.txt &
        sleep "0.0$((ROUND % 7 + 1))"
        kill -KILL $! 2> /dev/null
        wait $!
        healthy
        eff 0 status
    done
else
    echo "no other clock here: that part is left out"
fi

finish
