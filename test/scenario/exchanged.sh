#!/bin/sh
# timeout: 240
#
# Goal: rows that exchange match values exchange records, whatever becomes of each: when one of them is
# refused, waits or was not sent, no record is left that no row stands for, and none is made twice.
# Method: exchanges of which one half is refused, then mended, moved on or taken away; then rounds of
# exchanges by arithmetic, some rows refused in each, with and without waiting for another try. In the end
# the table is the model, and a trigger tells that no record came that was not asked for.
# covers: C17
. "$EFF_SRC/test/lib/scenario.sh"

start() { # NAME ROWS
    about "$1"
    project "$1" << 'END'
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: sqlite, path: crm.db}}
END
    sync contacts << 'END'
sync: contacts
table: customer
key: id
to: crm.contact
match: {email: email}
mode: mirror
fields: [score]
guard: {max_rejected: 100%}
END
    db "$P/shop.db" "create table customer (id integer primary key, email text, score int);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < $2)
        insert into customer select i, 'c' || i, i from n"
    db "$P/crm.db" "create table contact (email text primary key, score int check (score >= 0), note text)"
    eff 0 run
    db "$P/crm.db" "update contact set note = 'first'"
}
equal() { tables_equal "$1" "$P/shop.db" 'select email, score from customer' "$P/crm.db" 'select email, score from contact'; }
change() { db "$P/shop.db" "update customer set email = '$2', score = $3 where id = $1"; } # ID EMAIL SCORE

start neighbours 3 # 1 takes what 2 leaves; 2 is refused, and then it is not
change 1 c2 11
change 2 c9 -2
eff 3 run
counts contacts read=3 unchanged=1 changed=2 planned=2 delivered=1 rejected=1
change 2 c9 22
eff 0 run
counts contacts read=3 unchanged=2 changed=1 planned=1 delivered=1
equal "the record that was left goes along when its row is mended"
rows_are "$P/crm.db" "select count(*) from contact where note = 'first'" 3

start gone 3 # the refused half of an exchange leaves the model
change 1 c2 -11
change 2 c1 22
eff 3 run
db "$P/shop.db" "delete from customer where id = 1"
eff 0 run
equal "its record goes"

start again 4 # the refused half is not due yet when others move on
change 1 c9 -11
eff 3 run
eff 3 run
eff 3 run
eff 3 run
eff 3 run
same "not due" 1 "$(problems "p ->> '\$.code'" | grep -c EFF2115)"
change 3 c1 33
eff 3 run
counts contacts read=4 unchanged=2 changed=2 planned=2 delivered=1 rejected=1
change 1 c9 11
eff 0 run
equal "the record that was left waits with it"
rows_are "$P/crm.db" "select count(*) from contact where note = 'first'" 4

start shared 3 # a new row was written to the record of one that could not leave; then both leave
change 1 c9 -11
db "$P/shop.db" "insert into customer values (4, 'c1', 4)"
eff 3 run
counts contacts read=4 unchanged=2 added=1 changed=1 planned=2 delivered=1 rejected=1
change 1 c8 11
change 4 c7 44
eff 0 run
equal "one of them takes it along"

start stopped 6000 # of neighbours some are not sent at all, and leave the model
sed -i '/^guard:/d' "$P/syncs/contacts.yml"
db "$P/shop.db" "update customer set email = iif(id <= 3000, 'c' || (id + 3000), 'new' || id),
    score = iif(id % 2 = 1 and id > 3000, -id, id + 10000)"
eff 1 run
counts contacts read=6000 changed=6000 planned=6000 delivered=1500 rejected=1500 pending=3000
echo 'guard: {max_removed: 100%, max_rejected: 100%}' >> "$P/syncs/contacts.yml"
db "$P/shop.db" "delete from customer where id <= 3000; update customer set score = abs(score)"
eff 0 run
equal "no record is left of those that were not sent"
rows_are "$P/crm.db" "select count(*), count(note) from contact" '3000|3000'

for wait in '' retry; do
    start "rounds${wait:+ with retry}" 12
    for round in 1 2 3 4 5 6 7 8 9 10 11 12; do
        db "$P/shop.db" "create temp table t as select row_number() over (order by (id * 7919 * $round) % 101) n,
            id, email from customer where (id * 31 + $round * 17) % 5 < 3;
            update customer set email = '~' || email where id in (select id from t);
            update customer set score = score + 1000,
            email = (select iif(b.n % 4 = 0 and $round % 3 = 0, 'new' || b.n || '-' || $round, b.email)
            from t a join t b on b.n = 1 + a.n % (select max(n) from t) where a.id = customer.id) where id in (select id from t);
            update customer set score = abs(score) where (id + $round) % 4 = 0;
            update customer set score = -abs(score) where (id * 3 + $round) % 7 = 0"
        [ -z "$wait" ] || run_eff retry -p "$P" contacts
        run_eff run -p "$P" --output json
        document_good run
    done
    db "$P/shop.db" "update customer set score = abs(score) where id > 2; delete from customer where id <= 2"
    run_eff run -p "$P" --output json
    eff 0 run
    equal "in the end"
done

finish
