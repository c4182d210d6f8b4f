#!/bin/sh
# timeout: 240
#
# Goal: a record that a person deleted over there is made again or its row is refused by name, as
# the connector says, never as a twin, never in part, never in silence.
# Method: one in a hundred records of four stand-ins is deleted by their own APIs between two runs;
# the rows change, or get another column; records and ledgers are compared with the model.
# covers: B19
. "$EFF_SRC/test/lib/scenario.sh"

sandbox salesforce hubspot stripe intercom

start() { # NAME; the sync is in sync.yml
    about "$1"
    project "$1" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  force: {type: salesforce, instance_url: "$SF", bulk_threshold: 100000, auth: {client_id: test-user, client_secret: test-secret}}
  hub: {type: hubspot, url: "$HS", token: test-token, calls_per_10s: 10000}
  billing: {type: stripe, url: "$STRIPE", token: sk_test_test-token, calls_per_second: 1000, searches_per_second: 1000}
  support: {type: intercom, url: "$INTERCOM", token: test-token, calls_per_10s: 100000}
END
    sync people < sync.yml
    db "$P/shop.db" "create table person (id integer primary key, email text, score int, plan text);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 200)
        insert into person select i, 'c' || i || '@example.com', i * 10, 'pro' from n"
    for url in "$SF" "$HS" "$STRIPE" "$INTERCOM"; do ask "$url/_sandbox/reset" '{}'; done
    eff 0 run
    counts people read=200 added=200 planned=200 delivered=200
}
people() { # TO MATCH FIELDS
    printf 'sync: people\ntable: person\nkey: id\nto: %s\nmatch: %s\nfields: %s\n' "$1" "$2" "$3" > sync.yml
}

# delete URL OBJECT HEADER PATH: the records of two rows, by the vendor's own API.
delete() {
    records "$1" "$2"
    for id in $(db records.db "select id from r where f like '%c7@example.com%' or f like '%c107@example.com%'"); do
        curl -sS --max-time 20 -o /dev/null -X DELETE -H "$3" "$1$4$id" || fail "nothing was deleted"
    done
    records "$1" "$2"
    same "records that are left" 198 "$(db records.db 'select count(*) from r')"
}
delete_lead() { delete "$SF" Lead 'Authorization: Bearer test-token' /services/data/v60.0/sobjects/Lead/; }
delete_contact() { delete "$HS" contacts 'Authorization: Bearer test-token' /crm/v3/objects/contacts/; }

made_again() { # URL OBJECT
    db "$P/shop.db" "update person set score = score + 1"
    eff 0 run
    counts people read=200 changed=200 planned=200 delivered=200
    whole "$1" "$2"
}
whole() { # URL OBJECT: each row has one record, with all values
    records "$1" "$2"
    same "records" 200 "$(db records.db 'select count(*) from r')"
    eff 0 verify --all
    counts people read=200 unchanged=200
}
refused() { # URL OBJECT: told by name; `verify --repair` and a run make them again
    db "$P/shop.db" "update person set score = score + 1"
    eff 3 run
    counts people read=200 changed=200 planned=200 delivered=198 rejected=2
    eff 0 rows people
    same "rows in the ledger" '7 107' "$(sqlite3 :memory: "select group_concat(k, ' ') from
        (select value ->> '\$.key.id' k from json_each(cast(readfile('out.json') as text), '\$.result.rows') order by k)")"
}
repaired() {
    eff 3 verify --all --repair
    counts people read=200 unchanged=198 added=2 planned=2
    eff 0 run
    whole "$1" "$2"
}

people force.Lead '{Ext_Id__c: id}' '{LastName: email, Company: {const: Acme}, Lead_Score__c: score}'
start salesforce
delete_lead
made_again "$SF" Lead

people force.Lead '{Ext_Id__c: id}' '{LastName: email, Company: {const: Acme}, Lead_Score__c: score}'
start salesforce_update
delete_lead
echo 'mode: update' >> "$P/syncs/people.yml"
refused "$SF" Lead

people hub.contacts '{email: email}' '{ext_id: id, lead_score: score}'
start hubspot
delete_contact
made_again "$HS" contacts

about "hubspot: a column more, and the record is gone"
delete_contact
sed -i 's/lead_score: score/lead_score: score, segment: plan/' "$P/syncs/people.yml"
eff 3 run
counts people read=200 changed=200 planned=200 delivered=200
same "told" "EFF2133 2" "$(problems "p ->> '\$.code' || ' ' || (p ->> '\$.rows')")"
eff 0 run
counts people read=200 unchanged=198 changed=2 planned=2 delivered=2
whole "$HS" contacts

people billing.customers '{metadata.ext_id: id}' '{email: email, metadata.score: score}'
start stripe
delete "$STRIPE" customers 'Authorization: Bearer sk_test_test-token' /v1/customers/
refused
repaired "$STRIPE" customers

people support.contacts '{external_id: id}' '{email: email, custom_attributes.seats: score}'
start intercom
delete "$INTERCOM" contacts 'Authorization: Bearer test-token' /contacts/
refused
repaired "$INTERCOM" contacts

finish
