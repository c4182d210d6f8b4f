#!/bin/sh
# timeout: 240
#
# Goal: Intercom, whose contacts have no upsert and whose search is minutes behind, ends up with exactly one contact and one
# company per row, each value as the model has it, and each contact attached to its company, whatever gets lost on the way.
# Method: the stand-in goes through a first load, an idle run, changes, values that are taken away, attributes that are missing,
# archived or refused, lost answers, a lost state, duplicates, limits, attaching and detaching, and removals; its records and
# its log are compared with the model.
# covers: A9
. "$EFF_SRC/test/lib/scenario.sh"

sandbox intercom

start() { # NAME ROWS ON_REMOVED
    about "$1"
    project "$1" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  support: {type: intercom, url: "$INTERCOM", token: test-token, calls_per_10s: 100000}
END
    syncs "$3"
    ask "$INTERCOM/_sandbox/reset" '{}'
    ask "$INTERCOM/_sandbox/faults" '{"rules": [], "limits": {"burst": {"requests": 0, "per_ms": 10000}}, "settings": {"search_lag_ms": 0}}'
    db "$P/shop.db" "create table account (id integer primary key, name text, mrr real, health int);
        create table person (id integer primary key, account_id int, email text, name text, plan text, seats int, vip boolean, since date);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < $2 / 4)
        insert into account select i, 'Äcme \"' || i || '\" & co', i * 10.0, i % 100 from n;
        with recursive n(i) as (select 1 union all select i + 1 from n where i < $2)
        insert into person select i, (i - 1) / 4 + 1, 'c' || i || '@example.com', 'Näme ' || i, case when i % 3 = 0 then null else 'pro' end,
        i, i % 2, date('2020-01-01', '+' || i || ' days') from n"
}
syncs() { # ON_REMOVED
    cat > "$P/syncs/accounts.yml" << END
sync: accounts
table: account
key: id
to: support.companies
match: {company_id: id}
fields: {name: name, monthly_spend: mrr, custom_attributes.health: health}
on_removed: $1
END
    cat > "$P/syncs/people.yml" << END
sync: people
table: person
key: id
to: support.contacts
match: {external_id: id}
fields: {email: email, name: name, custom_attributes.plan: plan, custom_attributes.seats: seats, custom_attributes.vip: vip, custom_attributes.since: since}
on_removed: $1
END
    cat > "$P/syncs/attached.yml" << END
sync: attached
sql: select id, account_id from person where account_id is not null
key: id
to: support.contact_companies
mode: members
match: {external_id: id, company_id: account_id}
after: [accounts, people]
END
}
PEOPLE="select cast(id as text), email, name, plan, seats, vip, cast(strftime('%s', since) as int) from person"
CONTACTS="select f ->> '\$.external_id', f ->> '\$.email', f ->> '\$.name', f ->> '\$.\"custom_attributes.plan\"', f ->> '\$.\"custom_attributes.seats\"',
    f ->> '\$.\"custom_attributes.vip\"', f ->> '\$.\"custom_attributes.since\"' from r"
COMPANIES="select f ->> '\$.company_id', f ->> '\$.name', f ->> '\$.monthly_spend', f ->> '\$.\"custom_attributes.health\"' from r"
equal() {
    records "$INTERCOM" contacts
    tables_equal "$1: contacts" "$P/shop.db" "$PEOPLE" records.db "$CONTACTS"
    records "$INTERCOM" companies
    tables_equal "$1: companies" "$P/shop.db" "select cast(id as text), name, cast(mrr as int), health from account" records.db "$COMPANIES"
}
# How many contacts each company has, as "company:contacts"; a contact without one counts for "".
attached() {
    records "$INTERCOM" contacts
    {
        printf '[null'
        for id in $(db records.db "select id from r"); do
            printf ','
            curl -sS -H 'Authorization: Bearer test-token' "$INTERCOM/contacts/$id/companies"
        done
        printf ']'
    } > attached.json
    db records.db "select c || ':' || count(*) from (select coalesce(value ->> '$.companies[0].company_id', '') c
        from json_each(cast(readfile('attached.json') as text)) where value is not null) group by c order by cast(c as int)" | tr '\n' ' '
}

start load 120 keep
eff 0 run
counts accounts read=30 added=30 planned=30 delivered=30
counts people read=120 added=120 planned=120 delivered=120
counts attached read=120 added=120 planned=120 delivered=120
equal "first load"
same "four people in each company" "$(i=1; while [ $i -le 30 ]; do printf '%s:4 ' $i; i=$((i + 1)); done)" "$(attached)"
eff 0 run
counts people read=120 unchanged=120 delivered=0
db "$P/shop.db" "update person set seats = seats + 1, plan = null where id <= 10"
requests "$INTERCOM"
mark=$(db requests.db "select max(n) from q")
eff 0 run --select people
counts people read=120 unchanged=110 changed=10 planned=10 delivered=10
equal "changes, and an attribute that is taken away"
requests "$INTERCOM"
same "requests for ten changed rows: their ids are known" 10 "$(db requests.db "select count(*) from q where n > $mark and method = 'PUT'")"

about "who moves to another company leaves the first"
db "$P/shop.db" "update person set account_id = 2 where id = 1; update person set account_id = null where id = 2"
eff 0 run
counts attached read=119 unchanged=118 changed=1 removed=1 planned=2 delivered=2
same "moved and left" ":1 1:2 2:5 3:4" "$(attached | cut -d' ' -f1-4)"

about "what Intercom refuses, by row; another contact's e-mail is not taken over"
db "$P/shop.db" "update person set email = 'nonsense' where id = 5; update person set email = 'c7@example.com' where id = 6; update person set seats = 7 where id = 7"
eff 3 run --select people
counts people read=120 unchanged=117 changed=3 planned=3 delivered=1 rejected=2
says 'email is invalid'
says 'already exists with id='
db "$P/shop.db" "update person set email = 'c5@example.com' where id = 5; update person set email = 'c6@example.com' where id = 6"
eff 0 run --select people
equal "mended"

about "an attribute that is archived, or never was, stops its column alone"
ask "$INTERCOM/_sandbox/schema" '{"object": "contacts", "remove": "custom_attributes.plan"}'
sed -i 's/^fields: {/fields: {custom_attributes.nope: name, /' "$P/syncs/people.yml"
db "$P/shop.db" "update person set seats = seats + 1 where id = 1"
eff 3 run --select people
says 'custom_attributes.nope does not exist over there'
says 'custom_attributes.plan does not exist over there'
created() { requests "$INTERCOM" && db requests.db "select count(*) from q where method = 'POST' and path = '/data_attributes'"; }
same "attributes made without being asked" 0 "$(created)"
sed -i 's/custom_attributes.nope: name, //' "$P/syncs/people.yml"
ask "$INTERCOM/_sandbox/schema" '{"object": "contacts", "add": {"name": "custom_attributes.plan", "type": "text", "custom": true}}'

about "an attribute that is not there is created where the block asks for it, once, and by a run alone"
start created 12 keep
if EFF_CRASH_AT=list "$EFFERENT" 2> /dev/null | grep -q '^snapshot.opened$'; then POINTS=1; else POINTS=; fi
sed -i 's/^fields: {/fields: {custom_attributes.tier: plan, custom_attributes.joined: since, custom_attributes.score: seats, /' "$P/syncs/people.yml"
types() {
    curl -sS -H 'Authorization: Bearer test-token' "$INTERCOM/data_attributes?model=contact" > attributes.json
    db :memory: "select value ->> '\$.name' || ':' || (value ->> '\$.data_type') from json_each(cast(readfile('attributes.json') as text), '\$.data')
        where value ->> '\$.name' in ('tier', 'joined', 'score', 'list', 'Plan') or value ->> '\$.name' like 't_' order by 1" | tr '\n' ' '
}
sed -i 's/token: test-token,/token: test-token, create_attributes: true,/' "$P/efferent.yml"
eff 0 plan --select people
says 'field contacts.custom_attributes.tier does not exist over there: a run would create it, of type string'
says 'field contacts.custom_attributes.joined does not exist over there: a run would create it, of type date'
eff 0 check --select people
run_eff verify -p "$P" --all --select people
run_eff adopt people -p "$P" --yes
[ "$CODE" = 3 ] || fail "adopt: exit code $CODE"
same "attributes made by a command that only looks" 0 "$(created)"

about "a death behind the creation: the next run finds the attribute, and makes no second one"
if [ -n "$POINTS" ]; then
    EFF_CRASH_AT=snapshot.opened EFF_NO_FORK=1 "$EFFERENT" run -p "$P" --select people > out.json 2> err.txt && fail "it was to die"
    same "dead with attributes and without rows" '3 0' "$(created) $(db requests.db "select count(*) from q where method = 'POST' and path = '/contacts'")"
fi
eff 0 run --select people
counts people read=12 added=12 planned=12 delivered=12
same "each attribute made once" 3 "$(created)"
same "their types" 'joined:date score:float tier:string ' "$(types)"
same "the attributes come before any row" 1 "$(db requests.db "select (select max(n) from q where method = 'POST' and path = '/data_attributes') <
    (select min(n) from q where method = 'POST' and path = '/contacts')")"
records "$INTERCOM" contacts
tables_equal "their values" "$P/shop.db" "select plan, seats, cast(strftime('%s', since) as int) from person" records.db "select f ->> '\$.\"custom_attributes.tier\"',
    f ->> '\$.\"custom_attributes.score\"', f ->> '\$.\"custom_attributes.joined\"' from r"
eff 0 run --select people
counts people read=12 unchanged=12 delivered=0
same "nor later" 3 "$(created)"

about "one whose answer was lost is refused as there already, and so it is there"
ask "$INTERCOM/_sandbox/faults" '{"rules": [{"match": {"path": "/data_attributes", "method": "POST"}, "times": 1, "then": {"reset_after": true}}]}'
sed -i 's/^fields: {/fields: {custom_attributes.list: name, /' "$P/syncs/people.yml"
eff 0 run --select people
counts people read=12 added=0 changed=12 planned=12 delivered=12
same "asked for again, since the first answer was lost" 5 "$(created)"
same "and no second one" 'joined:date list:string score:float tier:string ' "$(types)"

about "the type is that of the values that the mapping ends with"
sed -i 's/^fields: {/fields: {custom_attributes.t1: {from: seats, trim: true}, custom_attributes.t2: {from: seats, cast: text}, custom_attributes.t3: "{{ name }}-{{ id }}", custom_attributes.t4: {from: plan, map: {pro: 1}, otherwise: null}, custom_attributes.t5: {from: email, hash: sha256}, custom_attributes.t6: {from: since, cast: datetime}, custom_attributes.t7: {from: vip, cast: boolean}, /' "$P/syncs/people.yml"
eff 0 run --select people
same "by transform" 't1:float t2:string t3:string t4:float t5:string t6:date t7:boolean ' "$(types | tr ' ' '\n' | grep '^t[0-9]' | tr '\n' ' ')"
says 'custom_attributes.t6 was created over there, of type datetime'

about "what cannot be created stops its column alone, with the place and Intercom's own words"
sed -i 's/^fields: {/fields: {custom_attributes.Plan: name, custom_attributes.odd: odd, /; s/^table: person/sql: select *, null as odd from person/' "$P/syncs/people.yml"
db "$P/shop.db" "update person set seats = seats + 1 where id = 1"
eff 3 run --select people
counts people read=12 unchanged=11 changed=1 planned=1 delivered=1
says "custom_attributes.Plan does not exist over there, and was not created (create: Intercom answered 400 parameter_invalid: You already have 'Plan' in your people data"
says 'custom_attributes.odd does not exist over there, and is not created, because no type over there is that of its values'
says 'syncs/people.yml:6:10'

# ---- answers that are lost ----

start lost 40 keep
ask "$INTERCOM/_sandbox/faults" '{"rules": [{"match": {"writes": true, "probability": 0.3}, "then": {"reset_after": true}},
    {"match": {"writes": true, "probability": 0.1}, "then": {"status": 503}}, {"match": {"probability": 0.05}, "then": {"status": 429}}],
    "settings": {"search_lag_ms": 60000}}'
for round in 1 2 3 4 5 6; do
    run_eff run -p "$P" --output json
    [ "$(db :memory: "select sum(value ->> '\$.rejected') from json_each(cast(readfile('out.json') as text), '\$.syncs')")" = 0 ] ||
        fail "a contact that was created is refused as its own duplicate"
    [ "$CODE" != 0 ] || break
done
ask "$INTERCOM/_sandbox/faults" '{"rules": []}'
eff 0 run
equal "creates whose answers were lost: one contact each"

about "an insert whose answer was lost is found by its external id at once, and not refused as its own duplicate"
sed 's/^sync: people/sync: inserted/; s/^on_removed: keep/mode: insert/; s/^match: .*/match: {external_id: email}/; s/email: email, //' "$P/syncs/people.yml" > "$P/syncs/inserted.yml"
ask "$INTERCOM/_sandbox/faults" '{"rules": [{"match": {"writes": true, "nth": 2}, "times": 1, "then": {"reset_after": true}}]}'
eff 0 run --select inserted
counts inserted read=40 added=40 planned=40 delivered=40
records "$INTERCOM" contacts
same "each once" 40 "$(db records.db "select count(*) from r where f ->> '\$.external_id' like 'c%@example.com'")"
rm "$P/syncs/inserted.yml"
ask "$INTERCOM/_sandbox/reset" '{}'
eff 0 reset people --yes
eff 0 reset accounts --yes
eff 0 reset attached --yes
eff 0 run

about "a lost state: what is there is taken over"
rm -r "$P/.efferent"
db "$P/shop.db" "update person set seats = -1 where id <= 3"
eff 0 run
counts people read=40 added=40 planned=40 delivered=40
equal "after a lost state"

about "a limit of ten calls in ten seconds is kept, not run into"
ask "$INTERCOM/_sandbox/faults" '{"limits": {"burst": {"requests": 10, "per_ms": 2000}}}'
requests "$INTERCOM"
mark=$(db requests.db "select max(n) from q")
db "$P/shop.db" "update person set seats = -2 where id <= 15"
eff 0 run --select people
counts people read=40 unchanged=25 changed=15 planned=15 delivered=15
requests "$INTERCOM"
[ "$(db requests.db "select count(*) from q where status = 429 and n > $mark")" -le 5 ] || fail "the limit is run into all the time"
equal "after the limit"

about "reading back, one by one, keeps the limit, too"
start reading 12 keep
eff 0 run --select people
sed -i 's/calls_per_10s: 100000/calls_per_10s: 10/' "$P/efferent.yml"
ask "$INTERCOM/_sandbox/faults" '{"limits": {"burst": {"requests": 10, "per_ms": 10000, "used": 0}}}'
requests "$INTERCOM"
mark=$(db requests.db "select max(n) from q")
eff 0 verify --all --select people
counts people read=12 unchanged=12
requests "$INTERCOM"
same "refused of all" "0 true" "$(db requests.db "select sum(status = 429), iif(count(*) > 12, 'true', count(*)) from q where n > $mark" | tr '|' ' ')"

# ---- removal ----

start removal 40 delete
eff 0 run
ask "$INTERCOM/_sandbox/records" '{"object": "contacts", "records": [{"email": "theirs@example.com", "role": "user"}]}'
db "$P/shop.db" "delete from person where id > 35; delete from account where id = 10"
eff 0 run
counts people read=35 unchanged=35 removed=5 planned=5 delivered=5
counts accounts read=9 unchanged=9 removed=1 planned=1 delivered=1
records "$INTERCOM" contacts
same "ours and theirs" '35 1' "$(db records.db "select sum(f ->> '\$.external_id' is not null) || ' ' || sum(f ->> '\$.email' = 'theirs@example.com') from r")"
eff 0 verify --all --select people --select accounts
counts people read=35 unchanged=35

start archive 12 archive
eff 0 run
db "$P/shop.db" "delete from person where id = 12"
eff 0 run
counts people read=11 unchanged=11 removed=1 planned=1 delivered=1
records "$INTERCOM" contacts
same "archived, not gone" '12 1' "$(db records.db "select count(*) || ' ' || sum(coalesce(f ->> '\$.archived', 0)) from r")"
db "$P/shop.db" "insert into person values (12, 3, 'c12@example.com', 'Back', null, 1, 0, '2020-01-01')"
eff 3 run --select people
says 'unarchive or delete that contact'

about "who may not"
sed -i 's/test-token/wrong/' "$P/efferent.yml"
db "$P/shop.db" "update person set seats = 1"
eff 1 run --select people
says 'Intercom refuses the credential'

finish
