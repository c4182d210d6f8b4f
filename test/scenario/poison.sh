#!/bin/sh
# timeout: 300
#
# Goal: a row at which the process crashes is put aside, told with its key and counted, and everything
# else arrives within the same command; nothing is lost, nothing comes twice.
# Method: the process aborts at one row while its values are hashed, mapped, or on their way out
# (EFF_CRASH_ON), when it is new, when it changed, and when it is gone; into a table, into one that
# cannot upsert, and into Stripe's stand-in (creates with an idempotency key). Then the next runs.
# covers: C14
. "$EFF_SRC/test/lib/scenario.sh"

EFF_CRASH_AT=list "$EFFERENT" 2> /dev/null | grep -q '^plan.committed$' || skip "this build has no crash points"

POISON='{"id":7}'
# crashes MOST CODE COMMAND...: it ends with CODE, after one restart at least and MOST at most.
crashes() {
    most=$1
    shift
    EFF_CRASH_ON="$POINT=$POISON" eff "$@"
    again=$(problems "p ->> '\$.message'" | sed -n 's/.*crashed (SIGABRT) and was started again, \([0-9]*\) time.*/\1/p')
    [ "${again:-0}" -ge 1 ] && [ "${again:-0}" -le "$most" ] || fail "it was started again ${again:-0} times"
}
put_aside() { # of one sync
    same "cause" "EFF2126" "$(problems "p ->> '\$.code'" | grep -v EFF2014)"
    says 'For example {\"id\":7}.'
}

start() { # NAME MODE TO
    project "$1" << 'END'
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: sqlite, path: crm.db}}
END
    sync customers << END
sync: customers
table: customer
key: id
to: crm.$3
mode: $2
fields: [email, score]
guard: {max_removed: 100%}
END
    db "$P/shop.db" "create table customer (id integer primary key, email text, score int);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 100)
        insert into customer select i, 'c' || i || '@example.com', 0 from n"
    db "$P/crm.db" "create table contact (id int, email text, score int); create unique index contact_id on contact (id)"
}
equal() { # WHERE of the model
    tables_equal "there" "$P/shop.db" "select * from customer where $1" "$P/crm.db" "select * from contact where $1"
}

for POINT in row.hash row.plan row.build; do
    about "$POINT, a new row"
    start "new-$POINT" mirror contact
    if [ $POINT != row.build ]; then # a plan sends nothing
        crashes 2 0 plan
        counts customers read=100 planned=99 added=99 invalid=1
        put_aside
        rows_are "$P/crm.db" "select count(*) from contact" 0
    fi
    crashes 4 3 run
    same "read, invalid" "100|1" "$(j '$.syncs[0].read')|$(j '$.syncs[0].invalid')"
    put_aside
    equal "id <> 7"
    rows_are "$P/crm.db" "select count(*) from contact where id = 7" 0
    run_eff rows customers -p "$P" --output json
    says EFF2126
    says 'the process crashed at this row'

    about "$POINT, the next run leaves it aside without a crash"
    db "$P/shop.db" "update customer set score = 1 where id < 9"
    EFF_CRASH_ON="$POINT=$POISON" eff 3 run
    counts customers read=100 invalid=1 planned=7 changed=7
    put_aside
    says_not 'started again'
    equal "id <> 7"

    about "$POINT, retry"
    run_eff retry customers -p "$P"
    eff 0 run
    equal true
    eff 0 run
    same "idle" 0 "$(j '$.syncs[0].planned')"

    about "$POINT, a changed row"
    db "$P/shop.db" "update customer set score = 2 where id < 9; delete from customer where id > 90"
    crashes 4 3 run
    equal "id <> 7"
    rows_are "$P/crm.db" "select score from contact where id = 7" 1
    run_eff retry customers -p "$P"
    eff 0 run
    equal true

    [ $POINT != row.hash ] || continue
    about "$POINT, a row that is gone"
    db "$P/shop.db" "update customer set score = 3 where id < 9; delete from customer where id = 7"
    crashes 4 3 run
    same "held" 1 "$(j '$.syncs[0].held')"
    equal "id <> 7"
    rows_are "$P/crm.db" "select count(*) from contact where id = 7" 1
    run_eff retry customers -p "$P"
    eff 0 run
    equal true
done

about "a row whose answer the process crashes at"
POINT=row.judge
start judge mirror contact
crashes 4 3 run
put_aside
equal "id <> 7"
db "$P/shop.db" "update customer set score = 1 where id < 9"
eff 3 run
equal "id <> 7"
run_eff retry customers -p "$P"
eff 0 run
equal true

about "a table that cannot upsert"
POINT=row.build
start insert insert contact
crashes 4 3 run
put_aside
equal "id <> 7"
run_eff retry customers -p "$P"
eff 0 run
equal true
about "a table that cannot upsert, when the process crashes at the answer: it may all be there"
POINT=row.judge
start insert-judge insert contact
crashes 4 3 run
same "held" 100 "$(j '$.syncs[0].held')"
equal true

sandbox stripe
for POINT in row.build row.judge; do
    about "$POINT, creates with an idempotency key"
    start "stripe-$POINT" mirror contact
    sed -i "s|crm: .*|crm: {type: stripe, url: \"$STRIPE\", token: sk_test_test-token, calls_per_second: 1000, searches_per_second: 1000}}|" \
        "$P/efferent.yml"
    cat > "$P/syncs/customers.yml" << 'END'
sync: customers
sql: select * from customer where id < 20
key: id
to: crm.customers
match: {metadata.ext_id: id}
fields: {email: email}
END
    stripe() {
        records "$STRIPE" customers
        tables_equal "there" "$P/shop.db" "select email from customer where $1" \
            records.db "select f ->> '\$.email' from r"
    }
    crashes 6 3 run
    put_aside
    stripe "id < 20 and (id <> 7 or '$POINT' = 'row.judge')"
    run_eff retry customers -p "$P"
    eff 0 run
    stripe "id < 20"
done
finish
