#!/bin/sh
# timeout: 240
#
# Goal: Stripe, which has no upsert, ends up with exactly one customer per row and each value as the
# model has it, whatever gets lost on the way, and however far behind its search is.
# Method: the stand-in goes through a first load, an idle run, changes, values that are taken away,
# refusals, lost answers on creates, failures that are kept for a key, a lost state with a search that
# lags, and removals; its records and its log are compared with the model.
# covers: A9, A14
. "$EFF_SRC/test/lib/scenario.sh"

sandbox stripe

start() { # NAME ROWS ON_REMOVED
    about "$1"
    project "$1" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  billing: {type: stripe, url: "$STRIPE", token: sk_test_test-token, calls_per_second: 1000, searches_per_second: 1000}
END
    customers "$3" > "$P/syncs/customers.yml"
    ask "$STRIPE/_sandbox/reset" '{}'
    ask "$STRIPE/_sandbox/faults" '{"rules": [], "settings": {"search_lag_ms": 0}}'
    db "$P/shop.db" "create table customer (id integer primary key, email text, name text, score int, note text);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < $2)
        insert into customer select i, 'c' || i || '@example.com', 'Näme \"' || i || '\" & co', i * 10,
        case when i % 3 = 0 then null else '[' || i || ']=' end from n"
}
customers() { # ON_REMOVED
    cat << END
sync: customers
table: customer
key: id
to: billing.customers
match: {metadata.ext_id: id}
fields: {email: email, name: name, metadata.score: score, metadata.note: note}
on_removed: $1
END
}
HERE="select cast(id as text), email, name, cast(score as text), note from customer"
THERE="select m ->> '\$.ext_id', f ->> '\$.email', f ->> '\$.name', m ->> '\$.score', m ->> '\$.note' from
    (select f, f ->> '\$.metadata' m from r)"
equal() {
    records "$STRIPE" customers
    tables_equal "$1" "$P/shop.db" "$HERE" records.db "$THERE"
}
faults() { ask "$STRIPE/_sandbox/faults" "{\"rules\": [$1]}"; }

start load 120 keep
eff 0 run
counts customers read=120 added=120 planned=120 delivered=120
equal "first load"
eff 0 run
counts customers read=120 unchanged=120 delivered=0
[ "$(j '$.syncs[0].requests')" = 0 ] || fail "an idle run sends"
db "$P/shop.db" "update customer set score = score + 1, note = null where id <= 10"
ask "$STRIPE/_sandbox/requests?limit=0"
mark=$(sqlite3 :memory: "select json_extract(cast(readfile('answer.json') as text), '$.total')")
eff 0 run
counts customers read=120 unchanged=110 changed=10 planned=10 delivered=10
equal "changes, and a key of metadata that is taken away"
requests "$STRIPE"
same "requests for ten changed rows: their ids are known" 10 "$(db requests.db "select count(*) from q where n > $mark")"

about "what Stripe refuses, by row"
db "$P/shop.db" "update customer set email = 'nonsense' where id = 5; update customer set note = printf('%.501c', 'x') where id = 6;
    update customer set score = 7 where id = 7"
eff 3 run
counts customers read=120 unchanged=117 changed=3 planned=3 delivered=1 rejected=2
says 'Invalid email address'
says 'up to 500 characters'
db "$P/shop.db" "update customer set email = 'c5@example.com' where id = 5; update customer set note = 'short' where id = 6"
eff 0 run
equal "mended"

about "a parameter that Stripe does not know, and cannot be asked about before, stops the sync by name"
sed -i 's/^fields: {/fields: {nickname: name, /' "$P/syncs/customers.yml"
eff 1 run
counts customers read=120 changed=120 planned=120 pending=120
says 'Received unknown parameter: nickname'
sed -i 's/nickname: name, //' "$P/syncs/customers.yml"
eff 0 run
equal "without it"

# ---- answers that are lost ----

start lost 40 keep
ask "$STRIPE/_sandbox/faults" '{"rules": [{"match": {"method": "POST", "probability": 0.3}, "then": {"reset_after": true}},
    {"match": {"method": "POST", "probability": 0.1}, "then": {"status": 503}}, {"match": {"probability": 0.05}, "then": {"status": 429}}],
    "settings": {"search_lag_ms": 60000}}'
for round in 1 2 3 4 5 6; do
    run_eff run -p "$P" --output json
    [ "$CODE" != 0 ] || break
done
faults ''
eff 0 run
equal "creates whose answers were lost: one customer each"

about "a lost state: what search shows is taken over, what it does not show yet is not made twice"
rm -r "$P/.efferent"
db "$P/shop.db" "update customer set score = -1 where id <= 3"
ask "$STRIPE/_sandbox/clock" '{"advance_ms": 120000}'
eff 0 run
counts customers read=40 added=40 planned=40 delivered=40
equal "after a lost state"
records "$STRIPE" customers
same "customers" 40 "$(db records.db "select count(*) from r")"

# ---- failures that are kept for a key ----

start stored 12 keep
mkdir -p "$P/connectors/stripe"
sed 's/lag: 1m/lag: 1s/' "$EFF_SRC/connectors/stripe/connector.yaml" > "$P/connectors/stripe/connector.yaml"
sed -i 's/type: stripe,/& late_apply: 2s,/' "$P/efferent.yml" # a key is given up after it
faults '{"match": {"method": "POST", "nth": 1}, "then": {"status": 500, "stored": true}},
    {"match": {"method": "POST", "nth": 3}, "then": {"status": 500, "stored": true, "applied": true}}'
eff 3 run
counts customers read=12 added=12 planned=12 delivered=11 pending=1
says 'its idempotency key is used up'
eff 0 run
counts customers read=12 unchanged=11 added=1 planned=1 delivered=1
equal "a failure that is kept for a key: what it made is found, what it did not make has another key"
records "$STRIPE" customers
same "customers" 12 "$(db records.db "select count(*) from r")"

about "where nothing can be read back, it waits for a person"
sed -i '/^read:/,/^ *remote_id/d' "$P/connectors/stripe/connector.yaml"
db "$P/shop.db" "insert into customer values (13, 'c13@example.com', 'Thirteen', 130, null)"
faults '{"match": {"method": "POST", "nth": 1}, "then": {"status": 500, "stored": true}}'
eff 3 run
counts customers read=13 unchanged=12 added=1 planned=1 held=1 possible_duplicates=1
says 'the same failure is answered for its idempotency key'
eff 3 run
counts customers read=13 unchanged=12 changed=1 planned=1 held=1
eff 0 retry customers
eff 0 run
counts customers read=13 unchanged=12 changed=1 planned=1 delivered=1
equal "after a person has looked"

# ---- removal ----

start removal 60 delete
eff 0 run
ask "$STRIPE/_sandbox/records" '{"object": "customers", "records": [{"email": "theirs@example.com"}]}'
db "$P/shop.db" "delete from customer where id > 55"
eff 0 run
counts customers read=55 unchanged=55 removed=5 planned=5 delivered=5
records "$STRIPE" customers
same "ours and theirs" '55 1' "$(db records.db "select sum(f ->> '$.metadata' is not null) || ' ' || sum(f ->> '$.email' = 'theirs@example.com') from r")"
eff 0 verify --all
counts customers read=55 unchanged=55

about "a row that comes back within a day is another customer, not the answer of its first creation again"
db "$P/shop.db" "insert into customer values (56, 'back@example.com', 'Back', 560, null), (57, 'c57@example.com', 'Näme \"57\" & co', 570, null)"
eff 0 run
counts customers read=57 unchanged=55 added=2 planned=2 delivered=2
eff 0 verify --all
counts customers read=57 unchanged=57

start clear 10 clear
eff 0 run
db "$P/shop.db" "delete from customer where id = 10"
eff 0 run
counts customers read=9 unchanged=9 removed=1 planned=1 delivered=1
records "$STRIPE" customers
same "what is left of it" '{"ext_id":"10"}' "$(db records.db "select f ->> '$.metadata' from r where f ->> '$.email' is null")"

about "who may not"
sed -i 's/sk_test_test-token/sk_test_wrong/' "$P/efferent.yml"
db "$P/shop.db" "update customer set score = 1"
eff 1 run
says 'Stripe refuses the credential'

finish
