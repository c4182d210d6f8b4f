#!/bin/sh
# timeout: 120
#
# Goal: a run that one version left open is finished by the next one; what an older or a newer
# version cannot understand it does not touch, and says who can.
# Method: a run is killed while it delivers; its state is put back into the format before, with the
# plan still open, and the run goes on; then the same with each file stamped by a later format.
# covers: H4
. "$EFF_SRC/test/lib/scenario.sh"

sandbox hubspot
hubspot_contacts shop 'on_removed: delete'
db "$P/shop.db" "with recursive n(i) as (select 1 union all select i + 1 from n where i < 900)
    insert into customer select i, 'c' || i || '@example.com', 'n' || i from n"
STATE=$P/.efferent

# Leaves a run open: some batches settled, some on their way, some not sent.
leave_open() {
    ask "$HS/_sandbox/faults" '{"rules": [{"match": {"writes": true}, "then": {"delay_ms": 250}}]}'
    EFF_NO_FORK=1 "$EFFERENT" run -p "$P" --output json > killed.json 2> killed.txt &
    lib_victim=$!
    lib_wait=0
    until [ -f "$STATE/control.db" ] && [ "$(sqlite3 -cmd '.timeout 5000' "$STATE/control.db" 'select count(*) from batch where settled and run in (select id from run where state = 1)' 2> lock.txt)" -gt 0 ]; do
        lib_wait=$((lib_wait + 1))
        [ $lib_wait -lt 500 ] || { fail "nothing is ever settled"; finish; }
        sleep 0.02
    done 2> /dev/null
    kill -s KILL $lib_victim
    wait $lib_victim 2> /dev/null
    ask "$HS/_sandbox/faults" '{"rules": []}'
    same "open runs" 1 "$(open_runs)"
}
open_runs() { db "$STATE/control.db" 'select count(*) from run where state = 1'; }
all_there() {
    records "$HS" contacts
    tables_equal "records" "$P/shop.db" 'select email, name from customer' \
        records.db "select f ->> '$.email', f ->> '$.firstname' from r"
}

about "a plan that the version before left open"
leave_open
older_state "$STATE/control.db" 2
eff 0 plan
same "format after a look" 2 "$(db "$STATE/control.db" 'pragma user_version')"
eff 0 run
same "format" 4 "$(db "$STATE/control.db" 'pragma user_version')"
[ "$(j '$.syncs[0].resumed.delivered')" -gt 0 ] || fail "the open run was not resumed"
all_there
eff 0 run
counts contacts read=900 unchanged=900

about "a state of a later version"
db "$P/shop.db" "update customer set name = name || '.' where id % 2 = 0; delete from customer where id % 100 = 7"
leave_open
cp -R "$STATE" kept
db "$STATE/control.db" 'pragma user_version = 5'
for command in run:1 plan:1 status:2; do
    eff "${command#*:}" "${command%:*}"
    says 'has format 5, this efferent knows 4'
    says 'Use the version of efferent that wrote it, or a newer one.'
done
same "open runs" 1 "$(open_runs)"

about "a change file of a later version"
rm -r "$STATE"
cp -R kept "$STATE"
changes=$(find "$STATE" -name 'changes-*')
printf 'EFFCHG03' | dd of="$changes" conv=notrunc status=none
eff 1 run
says 'has format 03, this efferent reads format 02'
says 'Let the version of efferent that wrote it finish its run'
same "open runs" 1 "$(open_runs)"
cmp -s "$changes" "$(find kept -name 'changes-*')" || printf 'EFFCHG02' | dd of="$changes" conv=notrunc status=none
cmp "$changes" "$(find kept -name 'changes-*')" || fail "the file is not as it was"

about "and back"
eff 0 run
all_there
eff 0 run
counts contacts read=891 unchanged=891

finish
