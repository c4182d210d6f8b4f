#!/bin/sh
# timeout: 300
#
# Goal: what a killed run had frozen is finished as it was planned, but for what has been overtaken: a
# row that is back is not removed, and a project that was changed meanwhile holds from the next run on.
# Method: a run dies after its plan, and rows that it was to remove come back; then a run dies at each of
# its points in turn, and the mapping is another one before the next run. Triggers of the target tell
# what was removed. Builds without the points are not tested.
# covers: E6, H1
. "$EFF_SRC/test/lib/scenario.sh"

EFF_CRASH_AT=list "$EFFERENT" 2> /dev/null | grep -Eq '^plan\.committed$' || skip "this build has no crash points"

die() { # POINT
    EFF_CRASH_AT=$1 EFF_NO_FORK=1 "$EFFERENT" run -p "$P" --output json > out.json 2> err.txt
    CODE=$?
    same "exit code of the one that dies" 137 "$CODE"
}
start() { # NAME FIELDS
    about "$1"
    project "$1" << 'END'
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {there: {type: sqlite, path: there.db}}
END
    mapped "$2"
    db "$P/shop.db" "create table customer (id integer primary key, email text, score int);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 40)
        insert into customer select i, 'c' || i, i from n"
    db "$P/there.db" "create table contact (id integer primary key, email text, score int, total int);
        create table removed (id int); create trigger t after delete on contact begin insert into removed values (old.id); end"
    eff 0 run
}
mapped() { # FIELDS
    sync customers << END
sync: customers
table: customer
key: id
to: there.contact
mode: mirror
fields: $1
END
}

# ---- rows that are back before their removal was sent ----

start back '[email, score]'
db "$P/shop.db" "delete from customer where id in (7, 8, 9); update customer set score = 0 where id = 1"
die plan.committed
db "$P/shop.db" "insert into customer values (7, 'c7', 7), (8, 'c8', 80)"
eff 0 run
counts customers read=39 unchanged=37 changed=2 removed=1 planned=3 delivered=3
same "what the killed run had planned" '4|1|3' "$(j '$.syncs[0].resumed.planned')|$(j '$.syncs[0].resumed.delivered')|$(j '$.syncs[0].resumed.superseded')"
rows_are "$P/there.db" "select group_concat(id) from removed" 9
tables_equal "the table" "$P/shop.db" "select * from customer" "$P/there.db" "select id, email, score from contact"
eff 0 run
counts customers read=39 unchanged=39

about "the guard looks at what is left of it anew"
db "$P/shop.db" "delete from customer where id > 20"
eff 3 run
"$EFFERENT" approve -p "$P" customers "$(j '$.syncs[0].plan')" > approved.txt || fail "it was not approved"
die plan.committed
eff 3 run
says EFF2113
rows_are "$P/there.db" "select group_concat(id) from removed" 9
"$EFFERENT" approve -p "$P" customers "$(j '$.syncs[0].plan')" > approved.txt || fail "it was not approved"
eff 0 run
tables_equal "the table" "$P/shop.db" "select * from customer" "$P/there.db" "select id, email, score from contact"

# ---- the mapping is another one after each death ----

start mapping '[email, score]'
db "$P/shop.db" "update customer set score = score + 1"
EFF_CRASH_LOG=log.txt EFF_NO_FORK=1 "$EFFERENT" run -p "$P" --output json > out.json 2> err.txt || fail "the healthy one ended badly"
sort -u log.txt | grep -E '^(state|source|snapshot|read|plan|mark|send|settle|deliver|record|close|file|sql)[.]' > points.txt
[ "$(wc -l < points.txt)" -ge 10 ] || fail "few points: $(cat points.txt)"
COLUMN=score OTHER=total
while read -r point <&3; do
    about "another mapping after $point"
    db "$P/shop.db" "update customer set score = score + 1, email = email || 'x'"
    die "$point"
    planned=$(db "$P/shop.db" "select group_concat(score) from customer")
    died=$(db "$P/there.db" "select group_concat($COLUMN) from contact")
    SWAP=$COLUMN COLUMN=$OTHER OTHER=$SWAP
    mapped "{email: email, $COLUMN: score}"
    eff 0 run
    tables_equal "as it is mapped now" "$P/shop.db" "select * from customer" "$P/there.db" "select id, email, $COLUMN from contact"
    after=$(db "$P/there.db" "select group_concat($OTHER) from contact")
    if [ -n "$(j '$.syncs[0].resumed')" ]; then
        same "as it was planned" "$planned" "$after"
    else
        same "nothing more as it was mapped then" "$died" "$after"
    fi
    eff 0 run
    same "idle" 0 "$(j '$.syncs[0].planned')"
done 3< points.txt
rows_are "$P/there.db" "select count(*) from removed" 0

finish
