#!/bin/sh
# timeout: 240
#
# Goal: `verify` finds what is not as it was delivered and `adopt` takes over what is there, on a
# table and on two APIs; neither sends anything, and the next run mends exactly the difference.
# Method: records are edited and deleted behind the engine's back, and states are thrown away; the
# targets and the stand-ins' own logs say what each command and the run after it did.
# covers: A16, B17, B18, B19, C17, E2, H11, H12
. "$EFF_SRC/test/lib/scenario.sh"

sandbox salesforce hubspot

start() { # NAME ROWS
    about "$1"
    project "$1" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  crm: {type: sqlite, path: crm.db}
  out: {type: file, path: out/, format: jsonl}
  force: {type: salesforce, instance_url: "$SF", auth: {client_id: test-user, client_secret: test-secret}}
  hub: {type: hubspot, url: "$HS", token: test-token, calls_per_10s: 10000}
END
    db "$P/shop.db" "create table customer (id integer primary key, email text, score int, since text);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < $2)
        insert into customer select i, 'c' || i || '@example.com', i,
        '2024-02-' || printf('%02d', 1 + i % 28) from n"
}
table() { # MODE
    printf 'sync: customers\ntable: customer\nkey: id\nto: crm.contact\nmode: %s\nfields: [email, score]\n' "$1" |
        sync customers
    db "$P/crm.db" "create table contact (id integer primary key, email text, score int)"
}
mirrors() {
    tables_equal "$1" "$P/shop.db" 'select id, email, score from customer' "$P/crm.db" 'select * from contact'
}

# ---- verify, on a table ----

start verify 1500
table mirror
eff 1 verify # nothing was delivered yet
says 'has delivered nothing yet'
eff 0 run
eff 0 verify --all
counts customers read=1500 unchanged=1500
eff 0 verify --sample 100
looked=$(j '$.syncs[0].read')
if [ "$looked" -lt 30 ] || [ "$looked" -gt 250 ]; then fail "a sample of about 100 has $looked rows"; fi
db "$P/crm.db" "update contact set score = -1 where id in (5, 6); update contact set email = null where id = 7;
    delete from contact where id = 9"
db "$P/shop.db" "update customer set score = 0 where id = 11" # is the next run's business
before=$(cksum < "$P/crm.db")
eff 3 verify --all
counts customers read=1499 unchanged=1495 changed=3 added=1 planned=4
same "the target after verify" "$before" "$(cksum < "$P/crm.db")"
same "status" held "$(j '$.syncs[0].status')"
same "rows per field" "email 1
score 2" "$(problems "substr(p ->> '\$.message', 1, 5) || ' ' || (p ->> '\$.rows')" | grep -v '^the ' | sort)"
says 'the record is not there any more'
same "a field that differs" '-1 6' "$(sqlite3 :memory: "select f.value ->> '\$.before' || ' ' || (f.value ->> '\$.after')
    from json_each(cast(readfile('out.json') as text), '\$.syncs[0].samples') s, json_each(s.value, '\$.fields') f
    where s.value ->> '\$.key.id' = 6")"
eff 0 plan
counts customers read=1500 unchanged=1499 changed=1 planned=1
eff 3 verify --all --repair
eff 0 run
counts customers read=1500 unchanged=1495 changed=4 added=1 planned=5 delivered=5
mirrors "after the repair"
eff 0 verify --all --repair # nothing to mend, nothing to send
eff 0 run
counts customers read=1500 unchanged=1500 delivered=0

start moved 20
printf 'sync: customers\ntable: customer\nkey: id\nto: crm.contact\nmode: mirror\nmatch: {email: email}\nfields: [score]\n' |
    sync customers
db "$P/crm.db" "create table contact (email text primary key, score int)"
eff 0 run
db "$P/shop.db" "update customer set email = 'new' || id, score = score + 100 where id <= 3"
db "$P/crm.db" "delete from contact where email = 'c3@example.com'"
eff 3 verify --all --repair # a record is where it was written, not where the model has it by now
counts customers read=18 unchanged=17 added=1 planned=1
same "the record that is gone" 3 "$(j '$.syncs[0].samples[0].key.id')"
eff 0 run
counts customers read=20 unchanged=17 added=1 changed=2 planned=3 delivered=3
tables_equal "no twin, and none left behind" "$P/shop.db" 'select email, score from customer' "$P/crm.db" 'select * from contact'

about "verify is stopped by an open run and by what cannot be read"
sync events << 'END'
sync: events
table: customer
key: id
to: out.events
mode: append
fields: [email]
END
eff 0 run events
eff 1 verify events
says 'its mode is append'
eff 0 verify # of all syncs, it is passed over
same "the sync that cannot be looked at" skipped "$(j '$.syncs[1].status')"

# ---- adopt, on a table ----

start adopt 1500
table mirror
db "$P/crm.db" "attach '$P/shop.db' as s; insert into contact select id, email, score from s.customer where id <= 1000;
    update contact set score = -1 where id <= 10; insert into contact values (9999, 'foreign', 0)"
eff 2 adopt customers
counts customers read=1500 unchanged=990 changed=10 added=500 planned=510
[ ! -e "$P/.efferent" ] || fail "adopt without --yes made a state"
eff 0 adopt customers --yes
eff 0 run
counts customers read=1500 unchanged=990 changed=10 added=500 planned=510 delivered=510
db "$P/crm.db" "delete from contact where id = 9999" # is not ours: mirror has left it there
mirrors "after adopt and run"
db "$P/shop.db" "delete from customer where id = 3"
eff 0 run
counts customers read=1499 unchanged=1499 removed=1 planned=1 delivered=1
mirrors "a record that was taken over is ours to remove"
eff 0 adopt customers --yes # again: all of it is known
eff 0 adopt customers # nothing was left out
counts customers read=1499 unchanged=1499
acts() { # newest first
    eff 0 status customers
    sqlite3 :memory: "select group_concat((value ->> '\$.act') || ' ' || (value ->> '\$.rows'), ', ') from
        json_each(cast(readfile('out.json') as text), '\$.syncs[0].acts')"
}
same "acts that were noted" 'adopt 0, adopt 1000' "$(acts)"
eff 0 reset customers --yes
same "acts that were noted" 'reset 1499, adopt 0, adopt 1000' "$(acts)"

# ---- a lost state, with remote ids ----

lost() { # NAME TO URL OBJECT, the rest of the sync from standard input
    start "$1" 300
    { printf 'sync: leads\ntable: customer\nkey: id\nto: %s\nmode: mirror\non_removed: %s\n' "$2" "$5"; cat; } | sync leads
    eff 0 run
    eff 0 verify --all
    counts leads read=300 unchanged=300
    rm -r "$P/.efferent"
    db "$P/shop.db" "update customer set score = score + 1000 where id <= 20"
    ask "$3/_sandbox/requests?limit=0"
    eff 0 adopt leads --yes
    counts leads read=300 unchanged=280 changed=20 planned=20
    requests "$3"
    same "rows sent by adopt" 0 "$(db requests.db "select count(*) from q where rows > 0 and n > $(j0) and
        path not like '%/batch/read%'")"
    db "$P/shop.db" "delete from customer where id > 290" # fewer than the guard holds
    eff 0 run
    counts leads read=290 unchanged=270 changed=20 removed=10 planned=30 delivered=30
    eff 0 verify --all
    counts leads read=290 unchanged=290
    records "$3" "$4"
    same "records" 290 "$(db records.db "select count(*) from r")"
}
j0() { sqlite3 :memory: "select json_extract(cast(readfile('answer.json') as text), '$.total') - 0" 2> /dev/null || echo 0; }

lost force force.Lead "$SF" Lead delete << 'END'
match: {Ext_Id__c: id}
fields: {LastName: email, Company: {const: Acme}, Lead_Score__c: score, First_Purchase__c: since}
END
lost hub hub.contacts "$HS" contacts archive << 'END'
match: {email: email}
fields: {ext_id: id, lead_score: score, first_purchase: since}
END

about "an edit by a person is found, and mended"
records "$HS" contacts
ID=$(db records.db "select id from r where f ->> '\$.ext_id' = '77'")
curl -sS --max-time 20 -X PATCH -H 'Authorization: Bearer test-token' -H 'Content-Type: application/json' \
    --data '{"properties": {"lead_score": "5"}}' "$HS/crm/v3/objects/contacts/$ID" > answer.json
eff 3 verify --all --repair
counts leads read=290 unchanged=289 changed=1 planned=1
says 'lead_score has another value over there'
eff 0 run
counts leads read=290 unchanged=289 changed=1 planned=1 delivered=1
eff 0 verify --all

about "what cannot be read is taken unseen, or not at all"
sync files << 'END'
sync: files
table: customer
key: id
to: out.files
fields: [email]
END
eff 1 adopt files
says '--unseen'
eff 0 adopt files --unseen --yes
counts files read=290 unchanged=290
eff 0 run files
counts files read=290 unchanged=290 delivered=0

finish
