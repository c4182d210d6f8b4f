#!/bin/sh
# timeout: 240
#
# Goal: a removal is done only when the vendor says so of that record. A 404 of a wrong path, of a proxy or of a version
# that is not spoken any more leaves it undone, named, and to be sent again; a record that is gone already is done.
# Method: the stand-ins answer the removals, and the lookups before them, with a page of HTML or in their own words for another
# thing; their records are counted, then the fault ends and a run removes what is left.
. "$EFF_SRC/test/lib/scenario.sh"

sandbox klaviyo intercom salesforce zendesk
KL=$(stand klaviyo) ZD=$(stand zendesk)
PAGE='{"status": 404, "body": "<html>no such route</html>"}'
NAMES='{email: email, first_name: name}'

faults() { ask "$1/_sandbox/faults" "{\"rules\": [$2], \"settings\": {\"job_polls\": 0}}"; } # URL RULE

start() { # NAME URL OBJECT ON_REMOVED TO MATCH FIELDS
    about "$1"
    URL=$2 OBJECT=$3
    project "$1" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  mail: {type: klaviyo, url: "$KL", api_key: test-token}
  support: {type: intercom, url: "$INTERCOM", token: test-token, calls_per_10s: 100000}
  force: {type: salesforce, instance_url: "$SF", bulk_threshold: 100000, auth: {client_id: test-user, client_secret: test-secret}}
  desk: {type: zendesk, url: "$ZD", email: ann@acme.example, token: test-token, calls_per_minute: 10000}
END
    sync people << END
sync: people
table: person
key: id
to: $5
match: $6
fields: $7
on_removed: $4
END
    db "$P/shop.db" "create table person (id integer primary key, email text, name text);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 20)
        insert into person select i, 'c' || i || '@example.com', 'N' || i from n"
    ask "$URL/_sandbox/reset" '{}'
    faults "$URL" ''
    eff 0 run
    counts people read=20 added=20 planned=20 delivered=20
    db "$P/shop.db" "delete from person where id <= 3"
}
left() { # COUNT: records over there
    records "$URL" "$OBJECT"
    same "records that are left" "$1" "$(db records.db 'select count(*) from r')"
}
undone() { # RULE: three removals meet it, and none of them is done
    faults "$URL" "$1"
    eff 3 run
    counts people read=17 unchanged=17 removed=3 planned=3 rejected=3
    left 20
    faults "$URL" ''
}
done_later() { # COUNT: of records after it
    eff 0 run
    counts people read=17 unchanged=17 removed=3 planned=3 delivered=3
    left "$1"
    eff 0 run
    counts people read=17 unchanged=17
}

start klaviyo_delete "$KL" profiles delete mail.profiles '{external_id: id}' "$NAMES"
undone "{\"match\": {\"path\": \"/api/data-privacy-deletion-jobs\"}, \"then\": $PAGE}"
done_later 17

start klaviyo_clear "$KL" profiles clear mail.profiles '{external_id: id}' "$NAMES"
undone "{\"match\": {\"method\": \"PATCH\"}, \"then\": $PAGE}"
undone '{"match": {"method": "PATCH"}, "then": {"status": 404}}' # in its own words: another resource
done_later 20

start intercom_archive "$INTERCOM" contacts archive support.contacts '{external_id: id}' '{email: email, name: name}'
undone "{\"match\": {\"path\": \"/contacts\"}, \"then\": $PAGE}"
undone '{"match": {"path": "/contacts"}, "then": {"status": 404}}'
curl -sS --max-time 20 -o /dev/null -X DELETE -H 'Authorization: Bearer test-token' \
    "$URL/contacts/$(db records.db "select id from r where f like '%c2@example.com%'")" || fail "nothing was deleted"
done_later 19

start salesforce_delete "$SF" Lead delete force.Lead '{Ext_Id__c: id}' '{LastName: name, Company: {const: Acme}, Email: email}'
undone '{"match": {"method": "DELETE"}, "then": {"status": 404}}'
undone "{\"match\": {\"method\": \"DELETE\"}, \"then\": $PAGE}"
done_later 17

start zendesk_archive "$ZD" users archive desk.users '{external_id: id}' '{name: name, email: email}'
undone '{"match": {"path": "/api/v2/users/destroy_many.json"}, "then": {"status": 404, "code": "RecordNotFound"}}'
done_later 17

about "a status alone is a mistake of the file"
project bare << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  api:
    type: http
    url: "$KL"
    operations:
      upsert: {class: converge, put: "/p/{match.value}", json: "{fields}", answer: {all: applied}}
      delete: {class: converge, delete: "/p/{match.value}", answer: {all: applied}}
    errors:
      - {status: 404, only: [delete], then: applied}
END
sync people << END
sync: people
table: person
key: id
to: api.people
match: {id: id}
fields: {name: name}
on_removed: delete
END
db "$P/shop.db" "create table person (id integer primary key, name text)"
eff 1 check
one_problem 'the status alone does not say*' 'efferent.yml:10:9'

finish
