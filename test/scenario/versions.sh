#!/bin/sh
# timeout: 120
#
# Goal: by one option a user reaches another version of an API, where all of its requests go; one that the
# vendor does not serve is no advice to write what is written.
# Method: HubSpot's dated version against the stand-in: records with a property that is made, a list, and
# pairs; the stand-in's log shows that no request went to the older paths.
. "$EFF_SRC/test/lib/scenario.sh"
sandbox hubspot
AUTH='Authorization: Bearer test-token'
hs() { # PATH JSON: answer.json
    curl -sS --max-time 20 -X POST -H "$AUTH" -H 'Content-Type: application/json' --data-binary "$2" "$HS$1" > answer.json
}
at() { # VERSION
    printf 'sources: {w: {type: sqlite, path: w.db}}\ndestinations:\n  hub: {type: hubspot, url: "%s", token: test-token, calls_per_10s: 10000, create_properties: true, api_version: "%s"}\n' \
        "$HS" "$1" > "$P/efferent.yml"
}

about "dated"
project dated < /dev/null
at 2026-03
hs /crm/lists/2026-03 '{"name": "list", "objectTypeId": "0-1", "processingType": "MANUAL"}'
LIST=$(sqlite3 :memory: "select cast(readfile('answer.json') as text) ->> '$.list.listId'")
db "$P/w.db" "create table p (id integer primary key, email text, plan text, firm text);
    insert into p values (1, 'a@example.com', 'pro', 'c1'), (2, 'b@example.com', 'free', 'c1')"
sync people << 'END'
sync: people
table: p
key: id
to: hub.contacts
match: {email: email}
mode: mirror
on_removed: archive
guard: {max_removed: 100%}
fields: {plan_made: plan}
END
sync firms << 'END'
sync: firms
sql: select distinct firm from p
key: firm
to: hub.companies
match: {ext_id: firm}
fields: {name: firm}
END
sync list << END
sync: list
table: p
key: id
to: hub.$LIST
match: {email: email}
mode: members
guard: {max_removed: 100%}
after: [people]
END
sync pairs << 'END'
sync: pairs
table: p
key: id
to: hub.associations
match: {contacts.email: email, companies.ext_id: firm}
mode: members
guard: {max_removed: 100%}
after: [people, firms]
END
eff 0 run people
counts people read=2 added=2 planned=2 delivered=2
eff 0 run firms
eff 0 check
eff 0 run list
counts list read=2 added=2 planned=2 delivered=2
eff 0 run pairs
counts pairs read=2 added=2 planned=2 delivered=2
db "$P/w.db" "delete from p where id = 2"
eff 0 run list
eff 0 run pairs
eff 0 run people
counts people read=1 unchanged=1 removed=1 planned=1 delivered=1
records "$HS" contacts
rows_are records.db "select f ->> '$.email', f ->> '$.plan_made' from r" 'a@example.com|pro'
eff 0 verify people
requests "$HS"
rows_are requests.db "select distinct path from q where path like '%/v3%' or path like '%/v4%'" ''

about "a version that is not served"
at 2031-09
eff 3 check people
says 'has no contacts'
says 'not at this address'
says_not 'Did you mean'
finish
