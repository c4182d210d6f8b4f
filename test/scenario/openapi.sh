#!/bin/sh
# timeout: 240
#
# Goal: what we send and what our stand-ins answer is what the vendors' own descriptions of their APIs say.
# Method: syncs to the stand-ins, with first loads, changes, refusals, reading back and removals; then each request and each
# answer of their logs is held against the description that lies in EFF_SPECS (test/peers/openapi.mjs). The descriptions
# are not ours to ship: without that folder only the looking itself is tried, on small descriptions of our own, a right one and
# wrong ones.
. "$EFF_SRC/test/lib/scenario.sh"

if ! command -v node > /dev/null 2>&1 || [ ! -d "$EFF_PEERS/node_modules/ajv" ]; then
    skip "node or the packages of test/peers are missing (tools/setup test)"
fi

sandbox stripe intercom klaviyo slack snowflake
project vendors << END
sources:
  shop: {type: sqlite, path: shop.db}
  wh: {type: snowflake, account: test-account, token: test-token, role: test_role, warehouse: test_wh, database: test_db, schema: public, url: "$SNOWFLAKE"}
destinations:
  copy: {type: sqlite, path: copy.db}
  billing: {type: stripe, url: "$STRIPE", token: sk_test_test-token, calls_per_second: 1000, searches_per_second: 1000}
  support: {type: intercom, url: "$INTERCOM", token: test-token, create_attributes: true, calls_per_10s: 100000}
  mail: {type: klaviyo, url: "$KLAVIYO", api_key: test-token, bulk_threshold: 20}
  chat: {type: slack, url: "$SLACK/api", token: xoxb-test-token, messages_per_second: 50}
END
table() { # SYNC TO MATCH FIELDS ON_REMOVED
    sync "$1" << END
sync: $1
table: person
key: id
to: $2
match: {$3}
fields: {$4}
on_removed: $5
END
}
table customers billing.customers 'metadata.ext_id: id' 'email: email, name: name, metadata.seats: seats' delete
table people support.contacts 'external_id: id' 'email: email, name: name, custom_attributes.seats: seats, custom_attributes.vip: vip, custom_attributes.points: seats, custom_attributes.note: name' delete
table archived support.contacts 'email: other' 'name: name' archive
table companies support.companies 'company_id: id' 'name: name, monthly_spend: seats, custom_attributes.health: seats, custom_attributes.big: vip' delete
table profiles mail.profiles 'external_id: id' 'email: email, first_name: name, properties.seats: seats' delete
sync attached << END
sync: attached
sql: select id, 1 + id % 3 as company from person
key: id
to: support.contact_companies
mode: members
match: {external_id: id, company_id: company}
after: [people, companies]
END
sync messages << END
sync: messages
table: person
key: id
to: chat.C0000000001
mode: append
fields: {text: name}
END
sync board << END
sync: board
table: person
key: id
to: chat.C0000000001
mode: mirror
fields: {text: "{{ name }} {{ seats }}"}
END
db "$P/shop.db" "create table person (id integer primary key, email text, other text, name text, seats int, vip boolean);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 30)
    insert into person select i, 'c' || i || '@example.com', 'o' || i || '@example.com', 'Näme \"' || i || '\"', i, i % 2 from n"

sync warehouse << END
sync: warehouse
source: wh
table: public.customer
key: ID
to: copy.customer
fields: {ID: ID, NAME: NAME}
END
sed -i '2i source: shop' "$P"/syncs/[!w]*.yml
db "$P/copy.db" "create table customer (ID integer primary key, NAME text)"
for statement in 'create table customer (ID NUMBER(38,0) primary key, NAME VARCHAR)' "insert into customer select 1, 'a' union all select 2, null"; do
    curl -sS --max-time 20 -H 'Authorization: Bearer test-token' -H 'Content-Type: application/json' -H 'Accept: application/json' -H 'User-Agent: openapi' \
        -d "{\"statement\": \"$statement\"}" "$SNOWFLAKE/api/v2/statements" > answer.json
    grep -q '"sqlState":"00000"' answer.json || fail "$statement: $(cat answer.json)"
done

about "first load, changes, what is refused, reading back, removals"
eff 0 run
db "$P/shop.db" "update person set seats = seats + 1 where id <= 5"
eff 0 plan
eff 0 run
db "$P/shop.db" "update person set email = 'nonsense' where id = 6"
eff 3 run
db "$P/shop.db" "update person set email = 'c6@example.com' where id = 6"
for name in customers people companies profiles; do eff 0 verify --all --select $name; done
db "$P/shop.db" "delete from person where id > 27"
eff 0 run

look() { # VENDOR ADDRESS SPECS: what it says is in look.txt
    (cd "$EFF_PEERS" && EFF_SPECS=$3 node openapi.mjs "$1" "$2") > look.txt 2>&1
}
finds() { # SED-CHANGE TEXT...: a description that is wrong so is noticed
    mkdir -p wrong/slack
    sed "$1" right/slack/slack_web_openapi.yaml > wrong/slack/slack_web_openapi.yaml
    if look slack "$SLACK" "$EFF_TMP/wrong"; then fail "nothing is found by: $1"; fi
    shift
    for text in "$@"; do grep -q "$text" look.txt || fail "no finding says: $text; but: $(cat look.txt)"; done
}

about "the looking itself"
mkdir -p right/slack
cat > right/slack/slack_web_openapi.yaml << END
openapi: 3.0.0
paths:
  /api/chat.{method}:
    parameters: [{name: method, in: path, required: true, schema: {type: string}}]
    post:
      requestBody:
        required: true
        content:
          application/json:
            schema: {type: object, required: [channel], properties: {channel: {type: string}, text: {type: string}, ts: {type: string}}}
      responses:
        '200':
          description: done
          content:
            application/json:
              schema: {\$ref: '#/components/schemas/done'}
components:
  schemas:
    done:
      type: object
      required: [ok, channel, ts]
      properties: {ok: {type: boolean}, channel: {type: string}, ts: {type: string, nullable: true}, text: {type: string}, message: {type: object}}
END
look slack "$SLACK" "$EFF_TMP/right" || fail "a right description has findings: $(cat look.txt)"
grep -q '68 of 68 requests' look.txt || fail "not all was looked at: $(cat look.txt)"
finds 's/, text: {type: string}, ts/, ts/' 'request: / must NOT have unevaluated properties (text)'
finds 's/required: \[channel\]/required: [channel, thread]/' "request: / must have required property 'thread'"
finds 's/channel: {type: string}, text/channel: {type: integer}, text/' 'request: /channel must be integer'
finds 's/ts: {type: string, nullable: true}/ts: {type: number, nullable: true}/' 'answer 200: /ts must be number'
finds "s/'200'/'201'/" 'status 200 is not known'
finds 's/ post:/ put:/' 'there is no such request'
finds 's/parameters: \[/parameters: [{name: team, in: query, required: true, schema: {type: string}}, /' 'the query parameter team is missing'

about "as the vendors describe it"
for name in stripe intercom klaviyo slack snowflake; do
    eval "address=\$$(echo $name | tr '[:lower:]' '[:upper:]')"
    look $name "$address" "${EFF_SPECS:-}" || fail "$name: requests or answers are not as described: $(cat look.txt)"
    cat look.txt
done

finish
