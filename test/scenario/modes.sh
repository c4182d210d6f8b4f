#!/bin/sh
# timeout: 120
#
# Goal: the modes table holds, row by row, and no mode touches a record that is not its own.
# Method: for each mode and each on_removed, one model and one table go through the same story:
# first load, no change, new + changed + vanished rows, no change, a vanished row comes back. What
# the table must hold is computed by SQL of our own and compared whole, foreign rows and columns
# that are not mapped included.
# covers: E2
. "$EFF_SRC/test/lib/scenario.sh"

EFFERENT_YML='sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: sqlite, path: crm.db}}'

# start NAME MODE [ON_REMOVED]: 40 customers; in the table 3 records of somebody else.
start() {
    about "$1"
    project "$1" << END
$EFFERENT_YML
END
    sync contacts << END
sync: contacts
sql: SELECT id, email, score FROM customer
key: id
to: crm.contact
mode: $2
fields: [email, score]
guard: {max_removed: 50%}
${3:+on_removed: $3}
END
    db "$P/shop.db" "create table customer (id integer primary key, email text, score int);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 40)
        insert into customer select i, 'c' || i || '@example.com', i * 10 from n"
    db "$P/crm.db" "create table contact (id integer primary key, email text, score int, note text);
        insert into contact values (1001, 'x@example.com', 5, 'mine'), (1002, null, null, 'mine'),
        (1003, 'z@example.com', 7, null)"
    db want.db "drop table if exists contact;
        create table contact (id integer, email text, score int, note text);
        insert into contact values (1001, 'x@example.com', 5, 'mine'), (1002, null, null, 'mine'),
        (1003, 'z@example.com', 7, null)"
    SRC="attach '$P/shop.db' as s;"
}

as_wanted() { tables_equal "$1" want.db 'select * from contact' "$P/crm.db" 'select * from contact'; }

# Two rows vanish, three come, four change; notes are written over there, which no run may touch.
change() {
    db "$P/shop.db" "delete from customer where id in (7, 8);
        insert into customer values (41, 'new41@example.com', 1), (42, null, null), (43, '', 0);
        update customer set score = score + 1 where id in (1, 2, 3);
        update customer set email = null where id = 4"
}
notes() {
    db "$P/crm.db" "update contact set note = 'kept' where id in (1, 5, 7)"
    db want.db "update contact set note = 'kept' where id in (1, 5, 7)"
}
idle() { # nothing changed: nothing is planned, sent or touched
    cp "$P/crm.db" before.db
    eff 0 run
    counts contacts "$@" planned=0 requests=0
    tables_equal "an idle run" before.db 'select * from contact' "$P/crm.db" 'select * from contact'
}

# ---- upsert, and mirror, which is upsert with on_removed: delete ----

upserting() { # NAME MODE ON_REMOVED
    start "$1" "$2" "$3"
    eff 0 run
    counts contacts read=40 added=40 planned=40 delivered=40
    db want.db "$SRC insert into contact (id, email, score) select * from s.customer"
    as_wanted "first load"
    idle read=40 unchanged=40
    notes
    change
    gone=0
    removed=2
    case $3 in
    keep) gone=2 removed=0 ;;
    clear) db want.db "update contact set email = null, score = null where id in (7, 8)" ;;
    *) db want.db "delete from contact where id in (7, 8)" ;;
    esac
    db want.db "$SRC delete from contact where id in (select id from s.customer) and id not in (1, 5);
        update contact set email = (select email from s.customer c where c.id = contact.id),
        score = (select score from s.customer c where c.id = contact.id) where id in (1, 5);
        insert into contact (id, email, score) select * from s.customer where id not in (1, 5)"
    eff 0 run
    counts contacts read=41 unchanged=34 added=3 changed=4 removed=$removed gone=$gone \
        planned=$((7 + removed)) delivered=$((7 + removed))
    as_wanted "changes"
    idle read=41 unchanged=41 gone=$gone
    db "$P/shop.db" "insert into customer values (7, 'back@example.com', 70)"
    eff 0 run
    db want.db "delete from contact where id = 7 and note is null;
        update contact set email = 'back@example.com', score = 70 where id = 7;
        insert into contact (id, email, score) select 7, 'back@example.com', 70
        where not exists (select 1 from contact where id = 7)"
    as_wanted "a row that comes back"
    if [ "$3" = keep ]; then gone=1; fi
    idle read=42 unchanged=42 gone=$gone
}

upserting upsert_keep upsert keep
upserting upsert_clear upsert clear
upserting upsert_delete upsert delete
upserting mirror mirror delete

# ---- update ----

updating() { # ON_REMOVED
    start "update_$1" update "$1"
    db "$P/crm.db" "attach '$P/shop.db' as s;
        insert or ignore into contact select id, 'old', 0, 'n' || id from s.customer where id <= 35"
    eff 3 run
    counts contacts read=40 added=40 planned=40 delivered=35 rejected=5
    says 'no such record'
    db want.db "$SRC insert into contact select id, email, score, 'n' || id from s.customer where id <= 35"
    as_wanted "first load"
    # Rows that were refused are planned again in each run; after some tries they cost nothing.
    for _ in 1 2 3; do
        eff 3 run
        counts contacts read=40 unchanged=35 added=5 planned=5 rejected=5 requests=1
    done
    eff 3 run
    counts contacts read=40 unchanged=35 added=5 planned=5 rejected=5 requests=0
    says 'not due'
    as_wanted "not due"
    change
    eff 3 run
    removed=2 gone=0
    if [ "$1" = keep ]; then removed=0 gone=2; fi
    counts contacts read=41 unchanged=29 added=8 changed=4 removed=$removed gone=$gone \
        planned=$((12 + removed)) delivered=$((4 + removed)) rejected=8
    case $1 in
    clear) db want.db "update contact set email = null, score = null where id in (7, 8)" ;;
    delete) db want.db "delete from contact where id in (7, 8)" ;;
    esac
    db want.db "update contact set score = score + 1 where id in (1, 2, 3);
        update contact set email = null where id = 4"
    as_wanted "changes"
    # The record appears over there: with `retry` the row is due and arrives.
    db "$P/crm.db" "insert into contact (id, note) values (36, 'late')"
    run_eff retry -p "$P" contacts
    same "retry" 0 "$CODE"
    eff 3 run
    counts contacts read=41 unchanged=33 added=8 planned=8 delivered=1 rejected=7 gone=$gone
    db want.db "$SRC insert into contact select id, email, score, 'late' from s.customer where id = 36"
    as_wanted "the record that appeared"
}

updating keep
updating clear
updating delete

# ---- many rows that are refused for good do not stop the others ----

start many_refused upsert
sed -i 's/^guard: {/&max_rejected: 100%, /' "$P/syncs/contacts.yml"
db "$P/crm.db" "delete from contact; create trigger odd before insert on contact when new.score % 10 = 0
    begin select raise(abort, 'no tens'); end"
db "$P/shop.db" "update customer set score = 1;
    with recursive n(i) as (select 1000 union all select i + 1 from n where i < 1400) insert into customer select i, 'bad', 10 from n"
eff 3 run
counts contacts read=441 added=441 planned=441 delivered=40 rejected=401
db "$P/shop.db" "insert into customer values (5000, 'good', 1), (6000, 'good', 2)"
eff 3 run
counts contacts read=443 unchanged=40 added=403 planned=403 delivered=2 rejected=401
eff 3 run
counts contacts read=443 unchanged=42 added=401 planned=401 rejected=401

# ---- insert ----

start insert insert
db "$P/crm.db" "insert into contact values (5, 'theirs@example.com', 99, 'theirs')"
db want.db "insert into contact values (5, 'theirs@example.com', 99, 'theirs')"
eff 3 run
counts contacts read=40 added=40 planned=40 delivered=39 rejected=1
db want.db "$SRC insert into contact (id, email, score) select * from s.customer where id <> 5"
as_wanted "first load"
change
db want.db "$SRC insert into contact (id, email, score) select * from s.customer where id > 40"
eff 3 run
# Changed rows are left alone and counted unchanged; vanished ones are left alone.
counts contacts read=41 unchanged=37 added=4 planned=4 delivered=3 rejected=1 gone=2
as_wanted "changes"
eff 3 run
counts contacts read=41 unchanged=40 added=1 planned=1 rejected=1 gone=2
as_wanted "idle"

# ---- append ----

start append append
db "$P/crm.db" "drop table contact; create table contact (id integer, email text, score int, note text)"
db want.db "delete from contact"
eff 0 run
counts contacts read=40 added=40 planned=40 delivered=40
db want.db "$SRC insert into contact (id, email, score) select * from s.customer"
as_wanted "first load"
idle read=40 unchanged=40
change
eff 0 run
counts contacts read=41 unchanged=34 added=3 changed=4 planned=7 delivered=7 gone=2
db want.db "$SRC insert into contact (id, email, score) select * from s.customer where id < 5 or id > 40"
as_wanted "one item per new or changed row"
idle read=41 unchanged=41 gone=2

# ---- what went while its record was to stay, when that changes: mirror, or on_removed: delete ----

remode() { # MODE [ON_REMOVED]
    sed -i -e "s/^mode: .*/mode: $1/" -e '/^on_removed:/d' "$P/syncs/contacts.yml"
    [ $# = 1 ] || echo "on_removed: $2" >> "$P/syncs/contacts.yml"
}

# Keys were not kept, so which records they are cannot be told: held once, and let go of when approved.
remoding() { # NAME FROM_MODE TO_MODE [ON_REMOVED]
    start "$1" "$2"
    eff 0 run
    db "$P/shop.db" "delete from customer where id in (7, 8)"
    eff 0 run
    counts contacts read=38 unchanged=38 gone=2
    db "$P/crm.db" "delete from contact where id > 1000"
    db want.db "$SRC delete from contact; insert into contact (id, email, score) select * from s.customer
        union all values (7, 'c7@example.com', 70), (8, 'c8@example.com', 80)"
    shift 2
    remode "$@"
    # Rows that go from now on are removed, beside those that nobody can remove.
    db "$P/shop.db" "delete from customer where id = 9"
    for _ in 1 2; do
        eff 0 plan
        counts contacts read=37 unchanged=37 removed=3 planned=3 held=3
        says EFF2122
        eff 3 run
        counts contacts read=37 unchanged=37 removed=3 planned=3 held=3
        says EFF2122
        as_wanted "nothing is removed at random"
    done
    run_eff approve -p "$P" contacts "$(j '$.syncs[0].plan')"
    same "approve" 0 "$CODE"
    eff 0 run
    counts contacts read=37 unchanged=37 gone=3
    as_wanted "records of unknown keys stay"
    # From the first complete read on, keys are kept.
    db "$P/shop.db" "delete from customer where id in (10, 11)"
    db want.db "delete from contact where id in (10, 11)"
    eff 0 run
    counts contacts read=35 unchanged=35 removed=2 planned=2 delivered=2 requests=1
    as_wanted "rows whose keys are kept are removed"
    idle read=35 unchanged=35
}

remoding keep_to_delete upsert upsert delete
remoding upsert_to_mirror upsert mirror
remoding update_to_mirror insert mirror

# Where the key was kept, the change of mode removes what went before, under the guard.
start kept_keys upsert
db "$P/crm.db" "create unique index by_email on contact (email)"
printf 'match: email\n' >> "$P/syncs/contacts.yml"
sed -i 's/^fields: .*/fields: [score]/' "$P/syncs/contacts.yml"
db want.db "delete from contact"
db "$P/crm.db" "delete from contact"
eff 0 run
db "$P/shop.db" "delete from customer where id in (7, 8)"
eff 0 run
counts contacts read=38 unchanged=38 gone=2
remode mirror
sed -i 's/50%/1/' "$P/syncs/contacts.yml"
eff 3 run
counts contacts read=38 unchanged=38 removed=2 planned=2 held=2
says EFF2113
run_eff approve -p "$P" contacts "$(j '$.syncs[0].plan')"
eff 0 run
counts contacts read=38 unchanged=38 removed=2 planned=2 delivered=2 requests=1
rows_are "$P/crm.db" "select count(*), sum(email in ('c7@example.com', 'c8@example.com')) from contact" "38|0"

# ---- what a mode or a table cannot do is refused before anything happens ----

refused() { # NAME MODE ON_REMOVED MESSAGE
    start "$1" "$2" "$3"
    run_eff run -p "$P" --output json
    [ "$CODE" = 2 ] || [ "$CODE" = 1 ] || fail "exit code $CODE"
    says "$4"
    says "syncs/contacts.yml:"
    as_wanted "nothing happens"
}
refused mirror_keep mirror keep 'contradicts `mode: mirror`'
refused insert_delete insert delete 'contradicts `mode: insert`'
refused append_clear append clear 'contradicts `mode: append`'
refused upsert_archive upsert archive 'archive'
refused members members '' 'members'

finish
