#!/bin/sh
# timeout: 600
#
# Goal: a process that dies between any two steps of the protocol loses nothing, makes no twin, removes
# nothing that is still there, and says honestly how it ended; the next one finishes the work.
# Method: a healthy run tells which points it passes (EFF_CRASH_LOG); then, for each of them, the model
# changes, a run dies there (EFF_CRASH_AT), in every second round the model changes once more, and a
# healthy run must make the destination equal to it and leave nothing to do. Into a table; at the steps
# around the sending also into a table that cannot upsert, Stripe's stand-in (creates with an idempotency
# key), and files. Commands that change the state die at their points too, and are repeated. At the end
# each point of the program was died at. EFF_LONG=1: at each passing of each point, everywhere. Builds
# without the points are not tested.
# covers: A1, A2, A3, A5, A6, A7, F5
. "$EFF_SRC/test/lib/scenario.sh"

EFF_CRASH_AT=list "$EFFERENT" 2> /dev/null | grep -E '^[a-z]+\.[a-z_]+$' | sort -u > points.txt
[ -s points.txt ] || skip "this build has no crash points"

export XDG_STATE_HOME="$EFF_TMP/user"
: > died.txt
TURN=0 ROUND=0 DEATHS=0
# Dies at POINT[:N]. Alone, or in the child of one that tells how it ended.
die() { # POINT[:N] COMMAND ARGS...
    at=$1
    shift
    TURN=$((TURN + 1))
    EFF_CRASH_AT=$at EFF_NO_FORK=$((TURN % 2)) "$EFFERENT" "$@" > out.json 2> err.txt
    CODE=$?
    DEATHS=$((DEATHS + 1))
    case $CODE in
    137) ;;
    1) grep -Fq 'was killed' out.json || fail "nothing says that it was killed" ;;
    *) fail "it should die, and ended with $CODE" && return ;;
    esac
    echo "${at%:*}" >> died.txt
}

# passings.txt: the points that COMMAND passes, as POINT:N, one a line; of those that PATTERN names.
passings() { # PATTERN COMMAND ARGS...
    pattern=$1
    shift
    rm -f log.txt
    EFF_CRASH_LOG=log.txt EFF_NO_FORK=1 "$EFFERENT" "$@" > out.json 2> err.txt || fail "the healthy one ended with $?"
    if [ -n "${EFF_LONG:-}" ]; then
        awk '{ print $1 ":" ++n[$1] }' log.txt
    else # the first passing, and of what surrounds a request the last
        awk '!n[$1]++ { print $1 ":1" } END { for (p in n) if (n[p] > 1 && p ~ /^(mark|send|settle|reset|purge)/) print p ":" n[p] }' \
            log.txt | grep -E "$pattern"
    fi > passings.txt
}

# Three rows come, the oldest go, some change. Ids do not come back.
live() {
    ROUND=$((ROUND + 1))
    db "$P/shop.db" "update customer set score = score + 1 where id % 3 = $ROUND % 3;
        insert into customer select $ROUND * 3 + value, 'c' || ($ROUND * 3 + value) || '@example.com', $ROUND
        from json_each('[0, 1, 2]');
        delete from customer where id < $ROUND * 3 - 9"
}
only_add() {
    ROUND=$((ROUND + 1))
    db "$P/shop.db" "insert into customer select $ROUND * 3 + value, 'c', $ROUND from json_each('[0, 1, 2]')"
}

# A death at each point, and what must be so after it: CHANGE and EQUAL are functions.
deaths() { # CHANGE EQUAL PATTERN
    "$1"
    healthy "$2"
    "$1"
    passings "$3" run -p "$P" --output json
    "$2"
    while read -r point <&3; do
        about "$NAME, $point"
        "$1"
        die "$point" run -p "$P" --output json
        [ $((ROUND % 2)) = 0 ] || "$1"
        healthy "$2"
    done 3< passings.txt
}
healthy() { # EQUAL
    eff 0 run
    same "possible duplicates" 0 "$(j '$.syncs[0].possible_duplicates')"
    "$1"
    [ $((ROUND % 4)) -lt 2 ] || idle
}
idle() {
    eff 0 run
    same "idle afterwards" '0|0|' "$(j '$.syncs[0].planned')|$(j '$.syncs[0].requests')|$(j '$.syncs[0].resumed')"
}

# The run that finishes what another left dies as well: one dies at FIRST, the next at each of POINTS.
deaths_of_heirs() { # CHANGE EQUAL FIRST POINT...
    change=$1 equal=$2 first=$3
    shift 3
    for point in "$@"; do
        about "$NAME, $first, then $point"
        "$change"
        die "$first" run -p "$P" --output json
        "$change"
        die "$point" run -p "$P" --output json
        healthy "$equal"
    done
}
STEPS='^(plan|mark|send|settle|deliver|close|file|sql)[.]'
RESUMING='resume.opened send.before send.under_way settle.before settle.durable resume.delivered snapshot.named
    close.durable resume.recorded plan.committed'

start() { # NAME DESTINATION TO MODE, and the destination's own
    NAME=$1
    about "$NAME"
    project "$NAME" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {there: $2}
END
    sync customers << END
sync: customers
table: customer
key: id
to: there.$3
$4
guard: {max_removed: 100%}
END
    db "$P/shop.db" "create table customer (id integer primary key, email text, score int)"
}

# ---- a table: upserts and removals, matched by what is not the key ----

start table "{type: sqlite, path: there.db}" contact "match: {mail: email}
mode: mirror
fields: [score]"
# What is removed and alive, and what others wrote, is seen.
db "$P/there.db" "create table contact (mail text, score int); create unique index m on contact (mail);
    insert into contact values ('theirs', 1); create table removed (mail text);
    create trigger r after delete on contact begin insert into removed values (old.mail); end"
table_equal() {
    tables_equal "$NAME" "$P/shop.db" "select email, score from customer union all select 'theirs', 1" \
        "$P/there.db" "select mail, score from contact"
    rows_are "$P/there.db" "attach '$P/shop.db' as s;
        select count(*) from removed where mail in (select email from s.customer)" 0
    find "$P/.efferent" -name 'changes-*' > litter.txt
    [ ! -s litter.txt ] || fail "change files are left: $(cat litter.txt)"
}
live
eff 0 run
live
touch "$P/.efferent/customers/history-00000000000000000000000000"
die history.swept run -p "$P" --output json
deaths live table_equal .
# shellcheck disable=SC2086 # they are words
deaths_of_heirs live table_equal send.under_way $RESUMING
deaths_of_heirs live table_equal changes.fsynced changes.before_sweep changes.swept changes.created plan.committed

about "what a guard holds"
sed -i 's/100%/0%/' "$P/syncs/customers.yml"
db "$P/shop.db" "update customer set id = id + 100000, email = 'n' || id" # every row goes, and another comes
die unsent.noted run -p "$P" --output json
eff 3 run
[ "$(j '$.syncs[0].held')" -gt 5 ] || fail "nothing is held"
sed -i 's/0%/100%/' "$P/syncs/customers.yml"
healthy table_equal

# ---- commands that change the state ----

export XDG_STATE_HOME=/dev/null # what is put back here is no backup
cp -a "$P" base
again() { # as it was
    rm -rf "$P" half export whole
    cp -a base "$P"
}
# A command dies at each of its points at which nobody has died yet, and is repeated; CHECK follows.
commands() { # CHECK COMMAND ARGS...
    check=$1
    shift
    again
    passings . "$@"
    if [ -z "${EFF_LONG:-}" ]; then
        awk -F: 'NR == FNR { died[$1]; next } !($1 in died)' died.txt passings.txt > new.txt
        mv new.txt passings.txt
    fi
    while read -r point <&3; do
        about "$1, $point"
        again
        die "$point" "$@"
        "$check" "$@"
    done 3< passings.txt
}
repeated() {
    run_eff "$@"
    [ "$CODE" = 0 ] || fail "repeated, it ends with $CODE"
    eff 0 state check
    healthy table_equal
}
resets_half() { # without being repeated: the old state or the new one, and no damage
    eff 0 run
    table_equal
    run_eff "$@"
    [ "$CODE" = 0 ] || fail "repeated, it ends with $CODE"
    eff 0 run
    same "all rows are new" "$(j '$.syncs[0].read')" "$(j '$.syncs[0].added')"
    table_equal
}
purged() {
    "$EFFERENT" "$@" > out.json 2> err.txt
    grep -Eq '"exit_code":0|knows no sync' out.json || fail "repeated, it does not end well"
    [ ! -e "$P/.efferent/customers" ] || fail "something is left"
}
commands resets_half reset -p "$P" customers --yes --output json
key=$(db base/shop.db 'select max(id) from customer')
commands repeated forget -p "$P" customers "$key" --yes --output json
sed -i '1i enabled: false' base/syncs/customers.yml
commands purged state purge -p "$P" customers --yes --output json
sed -i 1d base/syncs/customers.yml

about "a state of the first format"
migrates() {
    older_state base/.efferent/control.db 1
    commands repeated run -p "$P" --output json
}
cp -a base kept
migrates
rm -rf base && mv kept base

exported() { # whole, or refused
    if "$EFFERENT" state import -p "$P" export > out.json 2> err.txt; then fail "an import into a state"; fi
    mv "$P/.efferent" half
    if "$EFFERENT" state import -p "$P" export > out.json 2> err.txt; then
        idle
    elif grep -Eq 'manifest|no export|incomplete|there is no' err.txt out.json; then
        rm -rf "$P/.efferent"
        mv half "$P/.efferent"
        eff 0 state export whole
        idle
    else
        fail "half an export is refused for another reason"
    fi
}
commands exported state export -p "$P" export

imported() {
    eff_run_or_refused
    run_eff "$@"
    [ "$CODE" = 0 ] || grep -Fq 'there is a state in' out.json err.txt || fail "repeated, it ends with $CODE"
    idle
    eff 0 state check
    table_equal
}
eff_run_or_refused() { # half a state is none
    run_eff plan -p "$P" --output json
    [ "$CODE" = 0 ] || grep -Eq 'import' out.json || fail "half a state is refused for another reason"
    [ "$CODE" != 0 ] || same "planned" 0 "$(j '$.syncs[0].planned')"
}
again
"$EFFERENT" state export -p "$P" kept > out.json 2> err.txt || fail "no export"
rm -rf base/.efferent
commands imported state import -p "$P" kept --output json

about "a state's first moments"
commands repeated run -p "$P" --output json

# ---- a table that cannot upsert: what is lost is looked for ----

start insert "{type: sqlite, path: there.db}" contact "mode: insert
fields: [email, score]"
db "$P/there.db" "create table contact (id int unique, email text, score int)"
insert_equal() {
    tables_equal "$NAME" "$P/shop.db" "select * from customer" "$P/there.db" "select * from contact"
}
deaths only_add insert_equal "$STEPS"
deaths_of_heirs only_add insert_equal send.under_way resume.opened settle.before settle.durable

# ---- files ----

start files "{type: file, path: out}" contacts "mode: mirror
fields: [email, score]"
# Applied in their order, the lines give the model, and no line says what the one before said.
files_equal() {
    rm -f lines.db
    cat "$P"/out/*.jsonl | db lines.db "create table l (n integer primary key, j text)" \
        ".mode ascii" '.separator "\t" "\n"' "create table raw (j text)" ".import /dev/stdin raw" \
        "insert into l (j) select j from raw"
    tables_equal "$NAME" "$P/shop.db" "select id, email, score from customer" lines.db \
        "select j ->> '\$.key.id', j ->> '\$.fields.email', j ->> '\$.fields.score' from l a where j ->> '\$.op' = 'upsert'
        and not exists (select 1 from l b where b.j ->> '\$.key.id' = a.j ->> '\$.key.id' and b.n > a.n)"
    rows_are lines.db "select count(*) from l group by j having count(*) > 1" ''
    find "$P/out" -name '*.part' > litter.txt
    [ ! -s litter.txt ] || fail "unfinished files are left: $(cat litter.txt)"
}
deaths live files_equal "$STEPS"
deaths_of_heirs live files_equal file.written file.fsynced settle.before file.before_rename close.durable
deaths_of_heirs live files_equal deliver.sent resume.opened file.before_rename file.named

# ---- creates with an idempotency key ----

sandbox stripe
start stripe "{type: stripe, url: \"$STRIPE\", token: sk_test_test-token, calls_per_second: 1000, searches_per_second: 1000}" \
    customers "match: {metadata.ext_id: id}
on_removed: delete
fields: {email: email, metadata.score: score}"
ask "$STRIPE/_sandbox/records" '{"object": "customers", "records": [{"email": "theirs@example.com"}]}'
ask "$STRIPE/_sandbox/faults" '{"rules": [], "settings": {"search_lag_ms": 3600000}}'
stripe_equal() {
    records "$STRIPE" customers
    tables_equal "$NAME" "$P/shop.db" "select cast(id as text), email, cast(score as text) from customer
        union all select null, 'theirs@example.com', null" records.db \
        "select m ->> '\$.ext_id', f ->> '\$.email', m ->> '\$.score' from (select f, f ->> '\$.metadata' m from r)"
}
deaths live stripe_equal "$STEPS"
deaths_of_heirs live stripe_equal send.under_way resume.opened send.answered settle.before settle.incarnated

about "the points"
sort -u died.txt | comm -23 points.txt - > missing.txt
[ ! -s missing.txt ] || fail "nobody died at: $(tr '\n' ' ' < missing.txt)"
echo "$DEATHS deaths at $(wc -l < points.txt) points"
finish
