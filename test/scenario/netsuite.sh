#!/bin/sh
# timeout: 240
#
# Goal: NetSuite's records, of any type, are as the model has them, whatever gets lost on the way, by both ways of coming in,
# and within the requests at a time that the account has.
# Method: the stand-in, which checks each signature, goes through a first load, an idle run, changes, references, values that
# are taken away, a property that is gone, refusals, lost answers, a limit, a wrong secret, tokens by a signed JWT, reading back
# record by record and by SuiteQL, and removals; its records and its log are compared with the model.
. "$EFF_SRC/test/lib/scenario.sh"

sandbox netsuite
ask "$NETSUITE/_sandbox/key"
sqlite3 :memory: "select cast(readfile('answer.json') as text) ->> '$.private_key'" > key.pem
SIGNED='consumer_key: test-user, consumer_secret: test-secret, token_id: test-token, token_secret: test-token-secret'
TOKENS="client_id: test-user, certificate_id: test-certificate, private_key: \"$(awk '{printf "%s\\\\n", $0}' key.pem)\""

start() { # NAME ROWS ON_REMOVED AUTH [MORE]
    about "$1"
    project "$1" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  erp: {type: netsuite, url: "$NETSUITE", account: test-account, auth: {$4}${5:-}}
END
    cat > "$P/syncs/customers.yml" << END
sync: customers
table: customer
key: id
to: erp.customer
match: {externalId: id}
fields: {companyName: name, email: email, subsidiary.id: subsidiary, custentity_plan: plan, custentity_health: health, custentity_vip: {from: vip, cast: boolean}, custentity_since: {from: since, cast: date}, custentity_seen: {from: seen, cast: instant}}
on_removed: $3
END
    cat > "$P/syncs/contacts.yml" << END
sync: contacts
sql: select 'p' || id as pid, id, 'Ms ' || name as name from customer where cast(id as int) <= 20
key: pid
to: erp.contact
match: {externalId: pid}
fields: {entityId: name, company.externalId: id}
after: [customers]
END
    ask "$NETSUITE/_sandbox/reset" '{}'
    ask "$NETSUITE/_sandbox/faults" '{"rules": [], "limits": {"burst": {"requests": 0, "per_ms": 1000}}}'
    db "$P/shop.db" "create table customer (id text primary key, name text, email text, subsidiary text, plan text, health int, vip int, since text, seen text);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < $2)
        insert into customer select i, 'Näme (' || i || ')', 'c' || i || '@example.com', '1', case when i % 3 = 0 then null else 'it''s pro' end,
        i, i % 2, date('2020-01-01', '+' || i || ' days'), strftime('%Y-%m-%dT%H:%M:%SZ', '2024-02-29 23:30:15', '+' || (i * 7) || ' hours') from n"
}
HERE="select id, name, email, subsidiary, plan, health, vip, since, seen from customer"
THERE="select f ->> '\$.externalId', f ->> '\$.companyName', f ->> '\$.email', f ->> '\$.subsidiary', f ->> '\$.custentity_plan',
    f ->> '\$.custentity_health', f ->> '\$.custentity_vip', f ->> '\$.custentity_since', f ->> '\$.custentity_seen' from r"
equal() {
    records "$NETSUITE" customer
    tables_equal "$1" "$P/shop.db" "$HERE" records.db "$THERE"
}

start load 60 keep "$SIGNED"
eff 0 run
counts customers read=60 added=60 planned=60 delivered=60
counts contacts read=20 added=20 planned=20 delivered=20
equal "first load, each request signed"
records "$NETSUITE" contact
same "contacts refer to their customers" 20 "$(db records.db "select count(distinct f ->> '\$.company') from r")"
eff 0 run
counts customers read=60 unchanged=60 delivered=0
db "$P/shop.db" "update customer set health = health + 1, plan = null where id <= '15'"
eff 0 run --select customers
[ "$(j '$.syncs[0].requests')" = "$(j '$.syncs[0].delivered')" ] || fail "a changed row is more than one request"
equal "changes, and values that are taken away"
eff 0 verify --all --select customers
counts customers read=60 unchanged=60

about "an external id with what has to be encoded; one that changes keeps its record"
db "$P/shop.db" "insert into customer values ('a/b ü''&=', 'Odd', null, '1', null, 0, 0, '2020-01-01', null)"
eff 0 run --select customers
equal "odd"

about "what NetSuite refuses, by row"
db "$P/shop.db" "update customer set email = 'nonsense' where id = '5'; update customer set name = null where id = '6'; update customer set health = 7 where id = '7'"
eff 3 run --select customers
counts customers read=61 unchanged=59 changed=2 planned=2 delivered=0 rejected=2
says 'email'
says 'Please enter value'
db "$P/shop.db" "update customer set email = 'c5@example.com' where id = '5'; update customer set name = 'Näme (6)' where id = '6'"
eff 0 run --select customers
equal "mended"

about "a property that is gone, or read-only, stops its column alone"
ask "$NETSUITE/_sandbox/schema" '{"object": "customer", "remove": "custentity_plan"}'
sed -i 's/^fields: {companyName/fields: {balance: health, companyName/' "$P/syncs/customers.yml"
db "$P/shop.db" "update customer set health = health + 1 where id = '1'"
eff 3 run --select customers
says 'custentity_plan does not exist over there'
says 'balance is read-only over there'

about "a record type that is not there"
sed 's/erp.customer/erp.costumer/; s/sync: customers/sync: costumers/' "$P/syncs/customers.yml" > "$P/syncs/costumers.yml"
eff 1 run --select costumers
says 'has no costumer'

# ---- both ways in ----

start tokens 12 keep "$TOKENS"
eff 0 run
equal "tokens for a signed JWT"
ask "$NETSUITE/_sandbox/faults" '{"rules": [{"match": {"writes": true, "nth": 2}, "times": 1, "then": {"expire_token": true}}]}'
db "$P/shop.db" "update customer set health = health + 100"
eff 0 run --select customers
equal "a token that expires on the way"

about "who may not"
sed -i "s/certificate_id: test-certificate/certificate_id: other/" "$P/efferent.yml"
eff 1 run --select customers
says 'login'
start wrong 3 keep "$(echo "$SIGNED" | sed 's/test-token-secret/other/')"
eff 1 run --select customers
says 'NetSuite'
start none 3 keep "token_id: test-token"
eff 1 run --select customers

# ---- answers that are lost, and a limit ----

start lost 40 keep "$SIGNED" ", concurrency: 5"
ask "$NETSUITE/_sandbox/faults" '{"rules": [{"match": {"writes": true, "probability": 0.3}, "then": {"reset_after": true}},
    {"match": {"writes": true, "probability": 0.1}, "then": {"status": 503}}, {"match": {"probability": 0.1}, "then": {"status": 429}}]}'
for round in 1 2 3 4 5 6; do
    run_eff run -p "$P" --output json
    [ "$CODE" != 0 ] || break
done
ask "$NETSUITE/_sandbox/faults" '{"rules": []}'
eff 0 run
equal "answers that were lost"

# ---- reading back by SuiteQL ----

start suiteql 120 delete "$SIGNED" ', suiteql: true'
sed -i 's/subsidiary.id: subsidiary, //' "$P/syncs/customers.yml"
eff 0 run --select customers
ask "$NETSUITE/_sandbox/records?object=customer&limit=1"
requests "$NETSUITE"
ran=$(db requests.db "select ifnull(max(n), 0) from q")
eff 0 verify --all --select customers
counts customers read=120 unchanged=120
requests "$NETSUITE"
same "a date, a time, a checkbox, a number and a text are told as they were sent" 0 "$(j '$.syncs[0].problems' | grep -c EFF2)"
same "two queries for 120 records" 2 "$(db requests.db "select count(*) from q where n > $ran and path like '%suiteql%'")"

about "what somebody else wrote is told, and mended, by SuiteQL too"
cat > "$P/syncs/theirs.yml" << END
sync: theirs
sql: select '1' as id, '2031-05-06' as since, '2024-03-01T06:31:15Z' as seen, 0 as vip
key: id
to: erp.customer
mode: update
match: {externalId: id}
fields: {custentity_vip: {from: vip, cast: boolean}, custentity_since: {from: since, cast: date}, custentity_seen: {from: seen, cast: instant}}
END
eff 0 run --select theirs
eff 3 verify --all --select customers
counts customers read=120 unchanged=119 changed=1 planned=1
for field in vip since seen; do says "custentity_$field has another value over there"; done
eff 3 verify --all --repair --select customers
eff 0 run --select customers
eff 0 verify --all --select customers
counts customers read=120 unchanged=120
rm "$P/syncs/theirs.yml"

about "removals"
db "$P/shop.db" "delete from customer where cast(id as int) > 110"
eff 0 run --select customers
counts customers read=110 unchanged=110 removed=10 planned=10 delivered=10
records "$NETSUITE" customer
same "deleted" 110 "$(db records.db "select count(*) from r")"
sed -i 's/on_removed: delete/on_removed: archive/' "$P/syncs/customers.yml"
db "$P/shop.db" "delete from customer where cast(id as int) > 100"
eff 0 run --select customers
records "$NETSUITE" customer
same "made inactive" '110 10' "$(db records.db "select count(*) || ' ' || sum(f ->> '\$.isInactive') from r")"

finish
