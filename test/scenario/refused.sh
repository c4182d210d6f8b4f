#!/bin/sh
# timeout: 300
#
# Goal: however many rows the destination refuses, each is in the ledger with its cause, the report adds up,
# memory stays within bounds, and once the destination takes them all of them arrive.
# Method: a table with a check that 49 of 50 rows fail, which tells them one by one; a second run, in which
# every row that is sent is refused, and one request tells it of each; a third with a constraint that only the
# commit looks at, so that a batch is halved down to each of them; then there is none. 10,000 rows; EFF_LONG=1: a million, as `make long` has it. The most memory of any process is looked at.
# covers: F6
. "$EFF_SRC/test/lib/scenario.sh"

ROWS=10000 MEMORY=64
[ -z "${EFF_LONG:-}" ] || ROWS=1000000 MEMORY=256
REFUSED=$((ROWS - ROWS / 50))

project many << 'END'
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: sqlite, path: crm.db}}
END
sync a << END
sync: a
table: customer
key: id
to: crm.contact
fields: [email, score]
mode: upsert
guard: {max_rejected: 100%}
memory: ${MEMORY}MiB
END
db "$P/shop.db" "create table customer (id integer primary key, email text, score int);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < $ROWS)
    insert into customer select i, 'c' || i || '@example.com', i from n"
table='create table contact (id integer primary key, email text, score int'
db "$P/crm.db" "$table check (score % 50 = 1))"

# 64 MiB more than the sync may take are for the program itself and what it is linked with.
refusing() { # PLANNED DELIVERED REQUESTS
    takes_most $((MEMORY + 64)) run -p "$P" --output json
    same "exit code" 3 "$CODE"
    document_good run
    same "requests" "$3" "$(j '$.syncs[0].requests')"
    same "read, planned, delivered, rejected" "$ROWS $1 $2 $REFUSED" \
        "$(j '$.syncs[0].read') $(j '$.syncs[0].planned') $(j '$.syncs[0].delivered') $(j '$.syncs[0].rejected')"
    rows_are "$P/.efferent/control.db" "select count(*), count(distinct key), min(message = max_message) from ledger,
        (select max(message) as max_message from ledger) where sync = 'a'" "$REFUSED|$REFUSED|1"
}

about "some are taken"
refusing "$ROWS" $((ROWS / 50)) $(((ROWS + 99999) / 100000))
about "none is taken"
refusing "$REFUSED" 0 $(((REFUSED + 99999) / 100000))
about "none is taken, as the commit tells of all at once"
remade() { db "$P/crm.db" "alter table contact rename to old; $table${1:-}); insert into contact select * from old; drop table old"; }
db "$P/crm.db" 'create table fine (score int primary key); insert into fine select score from contact'
remade ' references fine deferrable initially deferred'
refusing "$REFUSED" 0 $((2 * REFUSED - (REFUSED + 99999) / 100000))
about "all are taken"
remade
eff 0 run
rows_are "$P/.efferent/control.db" "select count(*) from ledger" 0
tables_equal "the table" "$P/shop.db" 'select * from customer' "$P/crm.db" 'select * from contact'
finish
