#!/bin/sh
# timeout: 600
#
# Goal: whichever single call to the system fails - an allocation, a write, a sync, a rename, an open, an
# unlink, a read, a send, an answer - and if it fails from then on, or the process dies there, a command
# says so or is right; repeated without the fault it ends well, and nothing is lost, twice or wrongly gone.
# Method: test/preload/fail.c in front of the real binary. A healthy command is counted; then its n-th
# call of each kind fails, once, from then on, or deadly, from the same state each time; the command
# is repeated, and table and files are compared with the model. Sixteen commands and states. Each send and
# answer, and of the other kinds some calls at random; EFF_LONG=1: all of them (of allocations one in eleven). EFF_SEED repeats.
# covers: A1, A2, A5, A6, A7, F1, F2, F9, F10
. "$EFF_SRC/test/lib/scenario.sh"

[ -z "${EFF_SANITIZED:-}" ] || skip "the sanitizers have an allocator of their own"
cc -shared -fPIC -O1 -o fail.so "$EFF_SRC/test/preload/fail.c" || fail "test/preload/fail.c does not compile"

SEED=${EFF_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "seed $SEED"
random() { # N: 0 .. N-1
    SEED=$(((SEED * 1103515245 + 12345) & 2147483647))
    RANDOM_IS=$(((SEED >> 8) % $1))
}

P=$EFF_TMP/p
cp_back() { # as it was
    rm -rf "$P" export
    cp -a base "$P"
}
with() { # FAIL COMMAND ARGS...
    lib_fail=$1
    shift
    timeout 120 env LD_PRELOAD="$EFF_TMP/fail.so" EFF_NO_FORK=1 EFF_FAIL="$lib_fail" EFF_FAIL_TOLD="$EFF_TMP/told" \
        EFF_FAIL_COUNTS="$EFF_TMP/counts.txt" "$EFFERENT" "$@" > out.json 2> err.txt
    CODE=$?
}

FAULTS=0 SURVIVED=0
# One fault: it is told, or all is well.
fault() { # FAIL AFTER COMMAND ARGS...
    plan=$1 after=$2
    shift 2
    about "$CASE, $plan"
    cp_back
    rm -f told
    with "$plan" "$@"
    [ -e told ] || return 0
    FAULTS=$((FAULTS + 1))
    case $plan:$CODE in
    *:kill:137) ;;
    *:[123]) grep -Eq '"message":"[^"]|[a-z]' out.json err.txt || fail "it failed without a word" ;;
    # libfyaml and OpenSSL 3.0 do not look at each of theirs: a death like any other, but for a word
    alloc:*:139) grep -q '^efferent crashed' err.txt || fail "it crashed without a word" ;;
    *:0) SURVIVED=$((SURVIVED + 1)) ;;
    *) fail "it ended with $CODE" ;;
    esac
    [ "$1:$CODE" != run:0 ] || equal
    "$after" "$@"
}

# All faults of one command, from the state in base.
faults() { # CASE AFTER COMMAND ARGS...
    CASE=$1 after=$2
    shift 2
    about "$CASE"
    cp_back
    with none "$@"
    [ "$CODE" = "${WANT:-0}" ] || fail "without a fault it ends with $CODE"
    "$after" "$@"
    grep -v ' 0$' counts.txt > kinds.txt
    while read -r kind count <&3; do
        case $kind in alloc) hows=':once :on' step=11 ;; open | read | send | recv) hows=':once :on' step=1 ;; *) hows=':once :on :kill' step=1 ;; esac
        for how in $hows; do
            if [ -n "${EFF_LONG:-}" ] || [ "$kind$how" = send:once ] || [ "$kind$how" = recv:once ]; then
                random $step
                n=$((RANDOM_IS + 1))
                while [ $n -le "$count" ]; do
                    fault "$kind:$n$how" "$after" "$@"
                    n=$((n + step))
                done
            else
                random 4
                [ $RANDOM_IS = 0 ] || continue
                random "$count"
                fault "$kind:$((RANDOM_IS + 1))$how" "$after" "$@"
            fi
        done
    done 3< kinds.txt
}

mkdir "$P"
project p << 'END'
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: sqlite, path: crm.db}, out: {type: file, path: out}}
END
one() { # NAME TO MORE
    sync "$1" << END
sync: $1
table: customer
key: id
to: $2
mode: mirror
fields: [score]
$3
guard: {max_removed: ${GUARD:-100%}}
END
}
one table crm.contact 'match: {mail: email}'
one files out.contact ''
db "$P/shop.db" "create table customer (id integer primary key, email text, score int);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 40)
    insert into customer select i, 'c' || i || '@example.com', i from n"
db "$P/crm.db" "create table contact (mail text, score int check (score >= 0)); create unique index m on contact (mail);
    insert into contact values ('theirs', 1)"
ROUND=0
live() { # in base
    ROUND=$((ROUND + 1))
    db base/shop.db "update customer set score = score + 1 where id % 3 = 0; delete from customer where id % 7 = 0;
        insert into customer select $ROUND * 100 + id, 'n' || ($ROUND * 100 + id), 1 from customer where id <= 9"
}
MODEL='select email, score from customer'
equal() {
    tables_equal "table" "$P/shop.db" "$MODEL union all select 'theirs', 1" "$P/crm.db" "select mail, score from contact"
    # Files: what they say together, no line twice, none left unfinished.
    rm -f lines.db
    cat "$P"/out/*.jsonl | db lines.db ".mode ascii" '.separator "\t" "\n"' "create table raw (j text)" ".import /dev/stdin raw"
    tables_equal "files" "$P/shop.db" "select id, score from customer" lines.db "select j ->> '\$.key.id', j ->> '\$.fields.score'
        from raw a where j ->> '\$.op' = 'upsert' and not exists (select 1 from raw b where b.j ->> '\$.key.id' = a.j ->> '\$.key.id'
        and b.rowid > a.rowid) union all select 0, 0 from raw group by j having count(*) > 1"
    find "$P/out" -name '*.part' > litter.txt
    [ ! -s litter.txt ] || fail "unfinished files are left: $(cat litter.txt)"
}
then_run() {
    eff 0 run
    equal
}
then_again() {
    run_eff "$@"
    [ "$CODE" = 0 ] || fail "repeated, it ends with $CODE"
    then_run
}
then_check() {
    run_eff "$@"
    [ "$CODE" = "${WANT:-0}" ] || fail "repeated, it ends with $CODE"
    eff 0 state check
    eff "${WANT:-0}" run
}
keep() { # the present state is where the next ones begin
    rm -rf base
    cp -a "$P" base
}

keep
faults "a first run" then_run run -p "$P" --output json
eff 0 run
keep
faults "nothing to do" then_run run -p "$P" --output json
faults "a check" then_run check -p "$P" --output json
live
faults "a plan" then_run plan -p "$P" --output json
faults "changes and removals" then_run run -p "$P" --output json
about "a state that a killed run left"
cp_back
with write:30:kill run -p "$P" --output json
[ -n "$(find "$P/.efferent" -name 'changes-*')" ] || fail "the killed run left nothing"
keep
live
faults "a resumed run" then_run run -p "$P" --output json
eff 0 run
keep

faults "status" then_run status -p "$P" --output json
faults "verify" then_run verify -p "$P" table --all --output json
faults "forget" then_again forget -p "$P" table 3 --yes --output json
cp_back
rm -rf "$P/.efferent" # adopted: what is there is taken as delivered
db "$P/crm.db" "delete from contact where mail = 'theirs'"
keep
then_adopted() {
    run_eff "$@"
    [ "$CODE" = 0 ] || says "not finished" # what was planned is settled by a run
    eff 0 run table
    eff 0 run table
    same "after adopting, planned" 0 "$(j '$.syncs[0].planned')"
    tables_equal "table" "$P/shop.db" "$MODEL" "$P/crm.db" "select mail, score from contact"
}
faults "adopt" then_adopted adopt -p "$P" table --yes --output json
cp_back
db "$P/crm.db" "insert into contact values ('theirs', 1)"
eff 0 run table
rm -rf "$P/out"
eff 0 run
keep

faults "export" then_run state export -p "$P" export --output json
cp_back
"$EFFERENT" state export -p "$P" kept > out.json 2> err.txt || fail "no export"
rm -rf base/.efferent
then_imported() {
    run_eff "$@"
    [ "$CODE" = 0 ] || grep -Fq 'there is a state in' out.json err.txt || fail "repeated, it ends with $CODE"
    eff 0 run
    same "after importing, planned" '0 0' "$(j '$.syncs[0].planned') $(j '$.syncs[1].planned')"
    equal
}
faults "import" then_imported state import -p "$P" kept --output json
cp_back
"$EFFERENT" state import -p "$P" kept > out.json 2> err.txt || fail "no import"
keep

then_reset() {
    run_eff "$@"
    [ "$CODE" = 0 ] || fail "repeated, it ends with $CODE"
    eff 0 run
    same "after a reset, added" "$(j '$.syncs[1].read')" "$(j '$.syncs[1].added')"
    tables_equal "table" "$P/shop.db" "$MODEL union all select 'theirs', 1" "$P/crm.db" "select mail, score from contact"
}
faults "reset" then_reset reset -p "$P" table --yes --output json
faults "state check" then_run state check -p "$P" --output json

# Rows that are refused, and removals that a guard holds: the run is good when it says so.
db base/shop.db "update customer set score = -1 where id in (1, 2)"
WANT=3
equal() {
    [ "$CODE" = 0 ] && fail "a run with refused rows says that all is well"
    return 0
}
faults "refused rows" then_check run -p "$P" --output json
WANT=

# ---- sends and answers ----

sandbox hubspot
rm -rf base "$P"
project p << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: hubspot, url: "$HS", token: test-token, calls_per_10s: 10000}}
END
sync contacts << 'END'
sync: contacts
table: customer
key: id
match: {email: email}
to: crm.contacts
on_removed: delete
fields: {firstname: name}
guard: {max_removed: 100%}
END
db "$P/shop.db" "create table customer (id integer primary key, email text, name text);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 20)
    insert into customer select i, 'c' || i || '@example.com', 'n' || i from n"
equal() {
    records "$HS" contacts
    tables_equal "records" "$P/shop.db" 'select email, name from customer' records.db "select f ->> '$.email', f ->> '$.firstname' from r"
}
# The records over there go on from fault to fault, and the state with them: base follows.
then_on() {
    eff 0 run
    equal
    db "$P/shop.db" "update customer set name = name || '.' where id % 2 = 0; delete from customer where id in (select min(id) from customer);
        insert into customer select max(id) + 1, 'c' || (max(id) + 1) || '@example.com', 'n' from customer"
    keep
}
keep
faults "into HubSpot" then_on run -p "$P" --output json

echo "$FAULTS faults, $SURVIVED of them survived at once"
[ $FAULTS -gt 30 ] || fail "too few faults to tell anything"
finish
