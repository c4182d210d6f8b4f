#!/bin/sh
# timeout: 60
#
# Goal: a plan tells how much a run takes of what the vendor counts, and not less than the run then takes.
# Method: first loads into stand-ins whose connectors say `units:`, and what they were asked for; a plan that
# has nothing to send, one of changed rows, one that a guard holds; a destination that counts nothing.
. "$EFF_SRC/test/lib/scenario.sh"
sandbox salesforce hubspot klaviyo
KL=$(stand klaviyo)

project p << END
sources: {w: {type: sqlite, path: w.db}}
destinations:
  force: {type: salesforce, instance_url: "$SF", auth: {client_id: test-user, client_secret: test-secret}}
  bulk: {type: salesforce, instance_url: "$SF", bulk_threshold: 100, auth: {client_id: test-user, client_secret: test-secret}}
  hub: {type: hubspot, url: "$HS", token: test-token, calls_per_10s: 10000}
  kl: {type: klaviyo, url: "$KL", api_key: test-token, bulk_threshold: 10}
  file: {type: file, path: out}
END
db "$P/w.db" "create table p (id integer primary key, email text, name text);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 450)
    insert into p select i, 'p' || i || '@example.com', 'Name ' || i from n"
sync_of force force.Lead 'Ext_Id__c: id' 'LastName: name, Company: {const: x}' 'on_removed: delete'
sync_of bulk bulk.Contact 'Ext_Id__c: id' 'LastName: name' 'on_removed: keep'
sync_of hub hub.contacts 'email: email' 'lastname: name' 'on_removed: archive'
sync_of kl kl.profiles 'external_id: id' 'email: email, first_name: name' 'on_removed: keep'
sync_of file file.p 'id: id' 'name: name' 'on_removed: keep'

units() { # SYNC NAME COUNT
    about "plan of $1"
    eff 0 plan "$1"
    same "units" "$2|$3" "$(db :memory: "with u as (select cast(readfile('out.json') as text) ->> '\$.syncs[0]' s)
        select s ->> '\$.units.name', s ->> '\$.units.count' from u")"
}
# What a run took, with what is asked besides.
took() { db :memory: "select (d ->> '\$.syncs[0].requests') + (d ->> '\$.syncs[0].calls_other') from
    (select cast(readfile('out.json') as text) d)"; }

units force 'API calls of the day' 5 # 200 rows a request; the schema, and reading back
units hub 'API calls of the day' 7   # 100
units bulk 'API calls of the day' 7  # create, upload, close, poll, the list of what succeeded
units kl 'new profiles' 450
units file '' ''
"$EFFERENT" plan force --no-color -p "$P" > text.txt || fail "plan of force"
grep -Eq '^ *units +5 +API calls of the day, at least$' text.txt || fail "the text does not tell the units: $(cat text.txt)"
"$EFFERENT" plan file --no-color -p "$P" > text.txt || fail "plan of file"
if grep -q units text.txt; then fail "units of a file: $(cat text.txt)"; fi

about "the runs"
for pair in force:5 hub:7 bulk:7; do
    eff 0 run "${pair%:*}"
    if [ "$(took)" -lt "${pair#*:}" ] || [ "$(took)" -gt $((${pair#*:} + 2)) ]; then fail "$pair took $(took)"; fi # a login, a poll more
    [ -z "$(db :memory: "select cast(readfile('out.json') as text) ->> '\$.syncs[0].units'")" ] || fail "units of a run"
done
eff 0 run kl

units force 'API calls of the day' 1
units kl 'new profiles' 0
db "$P/w.db" "update p set name = 'x' || id where id <= 10; insert into p values (900, 'n@example.com', 'New')"
units force 'API calls of the day' 3
units kl 'new profiles' 1
about "ids that have to be looked up"
sync_of byid force.Lead 'Ext_Id__c: id' 'Company: {const: y}' 'on_removed: keep'
echo 'mode: update' >> "$P/syncs/byid.yml"
units byid 'API calls of the day' 10 # 451 ids, 100 a request; three updates, the schema, reading back
eff 3 run byid # one is not there
if [ "$(took)" -lt 10 ] || [ "$(took)" -gt 12 ]; then fail "byid took $(took)"; fi
db "$P/w.db" "delete from p where id > 100"
about "what a guard holds is not counted"
units hub 'API calls of the day' 3
finish
