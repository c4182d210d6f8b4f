#!/bin/sh
# timeout: 400
#
# Goal: what we send and what our stand-ins answer is what the vendors' own descriptions of their APIs say.
# Method: syncs to the stand-ins, with first loads, changes, refusals, reading back and removals; then each request and each
# answer of their logs is held against the description that lies in EFF_SPECS, or in ../shared/specs (test/peers/openapi.mjs): OpenAPI documents, Google's
# discovery document and proto files, Meta's nodes, Salesforce's collections of requests. The descriptions
# are not ours to ship: without that folder only the looking itself is tried, on small descriptions of our own, a right one and
# wrong ones, and the test counts as skipped.
. "$EFF_SRC/test/lib/scenario.sh"

if ! command -v node > /dev/null 2>&1 || [ ! -d "$EFF_PEERS/node_modules/ajv" ]; then
    skip "node or the packages of test/peers are missing (tools/setup test)"
fi

sandbox stripe intercom klaviyo slack snowflake bigquery meta google_data_manager salesforce
curl -sS --max-time 20 -H 'Authorization: Bearer test-token' -H 'Content-Type: application/json' --data-binary \
    '{"name": "vip", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}' "$META/v25.0/act_1/customaudiences" > answer.json
AUDIENCE=$(sqlite3 :memory: "select cast(readfile('answer.json') as text) ->> '$.id'")
ask "$GOOGLE_DATA_MANAGER/_sandbox/key"
account=$(sqlite3 :memory: "select json_object('client_email', 'test-user', 'private_key_id', 'k', 'private_key', cast(readfile('answer.json') as text) ->> '\$.private_key')")
export account
project vendors << END
sources:
  shop: {type: sqlite, path: shop.db}
  wh: {type: snowflake, account: test-account, token: test-token, role: test_role, warehouse: test_wh, database: test_db, schema: public, url: "$SNOWFLAKE"}
  bq: {type: bigquery, project: acme, dataset: shop, token: test-token, url: "$BIGQUERY", page_rows: 2, labels: {team: crm}, maximum_bytes_billed: 100MB}
destinations:
  copy: {type: sqlite, path: copy.db}
  ads: {type: meta, token: test-token, url: "$META"}
  search: {type: google_data_manager, service_account: "\${secret:account}", account_id: "1", login_account_id: "2", login_account_type: GOOGLE_ADS,
    consent: {ad_user_data: CONSENT_GRANTED, ad_personalization: CONSENT_DENIED}, terms: ACCEPTED, url: "$GOOGLE_DATA_MANAGER", login_url: "$GOOGLE_DATA_MANAGER"}
  billing: {type: stripe, url: "$STRIPE", token: sk_test_test-token, calls_per_second: 1000, searches_per_second: 1000}
  support: {type: intercom, url: "$INTERCOM", token: test-token, create_attributes: true, calls_per_10s: 100000}
  mail: {type: klaviyo, url: "$KLAVIYO", api_key: test-token, bulk_threshold: 20}
  force: {type: salesforce, instance_url: "$SF", bulk_threshold: 25, auth: {client_id: test-user, client_secret: test-secret}}
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
table leads force.Lead 'Ext_Id__c: id' 'LastName: name, Email: email, Lead_Score__c: seats, Company: other' delete
sync attached << END
sync: attached
sql: select id, 1 + seats % 3 as company from person
key: id
to: support.contact_companies
mode: members
match: {external_id: id, company_id: company}
after: [people, companies]
END
curl -sS --max-time 20 -H 'Authorization: Klaviyo-API-Key test-token' -H 'revision: 2026-07-15' -H 'Content-Type: application/vnd.api+json' \
    -d '{"data": {"type": "list", "attributes": {"name": "crowd"}}}' "$KLAVIYO/api/lists" > answer.json
sync crowd << END
sync: crowd
sql: select id from person where seats = id
key: id
to: mail.$(sqlite3 :memory: "select cast(readfile('answer.json') as text) ->> '$.data.id'")
mode: members
match: {external_id: id}
after: profiles
END
sync inserted << END
sync: inserted
table: person
key: id
to: mail.profiles
mode: insert
match: {email: other}
fields: {first_name: name}
END
sync updated << END
sync: updated
table: person
key: id
to: mail.profiles
mode: update
match: {email: other}
fields: {last_name: name}
after: inserted
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
sync vip << END
sync: vip
sql: select id, email, name from person where id <= 28
key: id
to: ads.$AUDIENCE
mode: members
fields: {EXTERN_ID: id, EMAIL: email, FN: name}
END
sync match << END
sync: match
sql: select id, email, name, 'DE' as country, '10115' as zip from person where id <= 28
key: id
to: search.4711
mode: members
fields: {emailAddress: email, address.givenName: name, address.familyName: name, address.regionCode: country, address.postalCode: zip}
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
sync warehouse_of_google << END
sync: warehouse_of_google
source: bq
table: shop.customer
key: id
to: copy.client
fields: {name: name, score: score, since: since, tags: tags, home: home}
END
sed -i '2i source: shop' "$P"/syncs/[!w]*.yml
db "$P/copy.db" "create table customer (ID integer primary key, NAME text); create table client (id integer primary key, name text, score, since text, tags text, home text)"
for statement in 'create table customer (ID NUMBER(38,0) primary key, NAME VARCHAR)' "insert into customer select 1, 'a' union all select 2, null"; do
    curl -sS --max-time 20 -H 'Authorization: Bearer test-token' -H 'Content-Type: application/json' -H 'Accept: application/json' -H 'User-Agent: openapi' \
        -d "{\"statement\": \"$statement\"}" "$SNOWFLAKE/api/v2/statements" > answer.json
    grep -q '"sqlState":"00000"' answer.json || fail "$statement: $(cat answer.json)"
done

for statement in 'CREATE TABLE shop.customer (id INT64, name STRING, score NUMERIC(10, 2), since TIMESTAMP, tags ARRAY<STRING>, home STRUCT<city STRING>)' \
    "INSERT INTO shop.customer WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i, 'n' || i, 1.5, NULL, NULL, NULL FROM n"; do
    curl -sS --max-time 20 -H 'Authorization: Bearer test-token' -H 'Content-Type: application/json' \
        -d "{\"query\": \"$statement\", \"useLegacySql\": false}" "$BIGQUERY/bigquery/v2/projects/acme/queries" > answer.json
    grep -q '"error"' answer.json && fail "$statement: $(cat answer.json)"
done

about "first load, changes, what is refused, reading back, removals"
eff 0 run
db "$P/shop.db" "update person set seats = seats + 1 where id <= 5"
eff 0 plan
eff 0 run
db "$P/shop.db" "update person set email = 'nonsense' where id = 6"
eff 3 run
db "$P/shop.db" "update person set email = 'c6@example.com' where id = 6"
for name in customers people companies profiles leads; do eff 0 verify --all --select $name; done
db "$P/shop.db" "delete from person where id > 27"
eff 0 run

about "jobs of which one row is refused"
sync bad_profiles << END
sync: bad_profiles
source: shop
sql: select id + 100 as id, iif(id = 9, 'nonsense', 'j' || email) as email from person
key: id
to: mail.profiles
match: {external_id: id}
fields: [email]
END
sync bad_leads << END
sync: bad_leads
source: shop
sql: select id + 100 as id, iif(id = 9, '', name) as name, other from person
key: id
to: force.Lead
match: {Ext_Id__c: id}
fields: {LastName: name, Company: other}
END
eff 3 run bad_profiles bad_leads
counts bad_profiles read=27 added=27 planned=27 delivered=26 rejected=1
counts bad_leads read=27 added=27 planned=27 delivered=26 rejected=1

look() { # VENDOR ADDRESS SPECS: what it says is in look.txt
    (cd "$EFF_PEERS" && EFF_SPECS=$3 node openapi.mjs "$1" "$2") > look.txt 2>&1
}
right() { # VENDOR FILE REQUESTS: what that description says is so, of so many requests; finds is about it from here on
    vendor=$1 file=$2
    eval "url=\$$(echo "$1" | tr '[:lower:]' '[:upper:]')"
    look "$vendor" "$url" "$EFF_TMP/right" || fail "a right description has findings: $(cat look.txt)"
    grep -q "$3 requests" look.txt || fail "not all was looked at: $(cat look.txt)"
}
finds() { # SED-CHANGE TEXT...: a description that is wrong so is noticed
    rm -rf wrong
    cp -R right wrong
    sed "$1" "right/$file" > "wrong/$file"
    if look "$vendor" "$url" "$EFF_TMP/wrong"; then fail "nothing is found by: $1"; fi
    shift
    for text in "$@"; do grep -q "$text" look.txt || fail "no finding says: $text; but: $(cat look.txt)"; done
}

about "the looking itself"
mkdir -p right/slack right/bigquery right/meta right/google-datamanager/google/ads/datamanager/v1
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
right slack slack/slack_web_openapi.yaml '68 of 68'
finds 's/, text: {type: string}, ts/, ts/' 'request: / must NOT have unevaluated properties (text)'
finds 's/required: \[channel\]/required: [channel, thread]/' "request: / must have required property 'thread'"
finds 's/channel: {type: string}, text/channel: {type: integer}, text/' 'request: /channel must be integer'
finds 's/ts: {type: string, nullable: true}/ts: {type: number, nullable: true}/' 'answer 200: /ts must be number'
finds "s/'200'/'201'/" 'status 200 is not known'
finds 's/ post:/ put:/' 'there is no such request'
finds 's/parameters: \[/parameters: [{name: team, in: query, required: true, schema: {type: string}}, /' 'the query parameter team is missing'

about "other forms of descriptions: a discovery document, proto files, nodes"
cat > right/bigquery/discovery.json << END
{"name": "bigquery", "version": "v2", "parameters": {"alt": {"location": "query"}},
 "schemas": {
  "Query": {"type": "object", "properties": {"query": {"type": "string"}, "useLegacySql": {"type": "boolean"}}},
  "Job": {"type": "object", "properties": {"configuration": {"\$ref": "Configuration"}, "jobReference": {"type": "any"}}},
  "Configuration": {"type": "object", "properties": {"query": {"type": "any"}, "dryRun": {"type": "boolean"}, "jobTimeoutMs": {"type": "string", "format": "int64"},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}}}},
  "Answer": {"type": "object", "additionalProperties": {"type": "any"}},
  "Rows": {"type": "object", "properties": {"kind": {"type": "string"}, "jobComplete": {"type": "boolean"}, "jobReference": {"type": "any"}, "schema": {"type": "any"},
    "totalRows": {"type": "string"}, "rows": {"type": "array", "items": {"type": "any"}}, "pageToken": {"type": "string"}, "totalBytesProcessed": {"type": "string"}, "cacheHit": {"type": "boolean"}}}},
 "resources": {"projects": {"resources": {"jobs": {"methods": {
  "query": {"httpMethod": "POST", "flatPath": "projects/{projectsId}/queries", "request": {"\$ref": "Query"}, "response": {"\$ref": "Answer"}},
  "insert": {"httpMethod": "POST", "flatPath": "projects/{projectsId}/jobs", "request": {"\$ref": "Job"}, "response": {"\$ref": "Answer"}},
  "rows": {"httpMethod": "GET", "flatPath": "projects/{projectsId}/queries/{id}", "response": {"\$ref": "Rows"}, "parameters": {
    "location": {"location": "query"}, "timeoutMs": {"location": "query"}, "maxResults": {"location": "query"}, "pageToken": {"location": "query"}, "formatOptions.useInt64Timestamp": {"location": "query"}}}}}}}}}
END
right bigquery bigquery/discovery.json '32 of 32'
finds 's/"labels": {"type/"tags": {"type/; s/"totalRows": {"type": "string"}/"totalRows": {"type": "integer"}/; s/"maxResults": {/"most": {/' \
    'request: /configuration must NOT have additional properties (labels)' 'answer 200: /totalRows must be integer' 'the query parameter maxResults is not known'

proto=google-datamanager/google/ads/datamanager/v1/all.proto
cat > right/$proto << END
service Ingestion { // with a {brace
  rpc Ingest(Members) returns (Id) { option (google.api.http) = { post: "/v1/audienceMembers:ingest" body: "*" }; }
  rpc Remove(Members) returns (Id) { option (google.api.http) = { post: "/v1/audienceMembers:remove" body: "*" }; }
  rpc Status(StatusRequest) returns (Statuses) { option (google.api.http) = { get: "/v1/requestStatus:retrieve" }; }
}
message Members {
  message User { repeated Identifier user_identifiers = 1; }
  message Member { oneof data { User user_data = 1; } }
  message Address { string given_name = 1; string family_name = 2; string region_code = 3; string postal_code = 4; }
  message Identifier { oneof identifier { string email_address = 1; Address address = 2; } }
  message Account { AccountType account_type = 1; string account_id = 2 [(google.api.field_behavior) = REQUIRED]; enum AccountType { UNKNOWN = 0; GOOGLE_ADS = 1; } }
  message Destination { Account operating_account = 1; Account login_account = 2; string product_destination_id = 3; }
  repeated Destination destinations = 1 [(google.api.field_behavior) = REQUIRED];
  repeated Member audience_members = 2;
  Encoding encoding = 3;
  map<string, string> consent = 4;
  map<string, string> terms_of_service = 5;
}
enum Encoding { HEX = 1; }
message Id { string request_id = 1; }
message StatusRequest { string request_id = 1 [(google.api.field_behavior) = REQUIRED]; }
message Statuses { repeated Each request_status_per_destination = 1; }
message Each { acme.Destination destination = 1; State request_status = 2; acme.Counts audience_members_ingestion_status = 3; acme.Counts audience_members_removal_status = 4; }
enum State { PROCESSING = 0; SUCCESS = 1; }
END
right google_data_manager $proto '6 of 8'
finds 's/GOOGLE_ADS/OTHER_ADS/; s/string postal_code = 4;//; s/account_id = 2/account_number = 2/; s/StatusRequest { string request_id/StatusRequest { string id/; s/SUCCESS = 1/DONE = 1/' \
    '/operatingAccount/accountType must be equal to one of' 'address must NOT have additional properties (postalCode)' "must have required property 'accountNumber'" \
    'the query parameter id is missing' 'requestStatus must be equal to one of'
finds 's/repeated Member/Member/' 'request: /audienceMembers must be object'

echo '[{"name": "file_source", "values": ["USER_PROVIDED_ONLY"]}]' > right/meta/enum_types.json
cat > right/meta/AdAccount.json << END
{"fields": [], "apis": [{"method": "POST", "endpoint": "customaudiences", "return": "CustomAudience", "params": [
  {"name": "name", "type": "string", "required": false}, {"name": "subtype", "type": "string", "required": false}, {"name": "customer_file_source", "type": "file_source", "required": false}]}]}
END
cat > right/meta/CustomAudience.json << END
{"fields": [{"name": "id", "type": "string"}, {"name": "name", "type": "string"}], "apis": [{"method": "GET", "return": "CustomAudience", "params": []},
 {"method": "POST", "endpoint": "users", "return": "CustomAudience", "params": [{"name": "payload", "type": "Object", "required": true}, {"name": "session", "type": "Object", "required": false}]},
 {"method": "DELETE", "endpoint": "users", "return": "Object", "params": [{"name": "payload", "type": "Object", "required": false}, {"name": "session", "type": "Object", "required": false}]}]}
END
curl -sS --max-time 20 -H 'Authorization: Bearer test-token' "$META/v25.0/$AUDIENCE?fields=id,name" > answer.json
right meta meta/CustomAudience.json '4 of 4'
finds 's/"session", "type": "Object"/"batch", "type": "Object"/; s/{"name": "name", "type": "string"}/{"name": "name", "type": "int"}/; s/"payload", "type": "Object", "required": true/"data", "type": "Object", "required": true/' \
    'request: / must NOT have additional properties (session)' 'answer 200: /name must match pattern' "request: / must have required property 'data'"
finds 's/"endpoint": "users"/"endpoint": "people"/' 'there is no such request'

mkdir -p right/salesforce/rest
one() { # FILE METHOD ADDRESS [MORE]
    printf '{"url": "%s", "method": "%s", "headerData": [{"key": "Content-Type", "value": "application/json"}], "queryParams": [{"key": "q"}]%s}\n' \
        "$3" "$2" "${4:-}" > "right/salesforce/rest/$1.json"
}
V='{{_endpoint}}/services/data/v{{version}}'
one token POST '{{url}}{{site}}/services/oauth2/token'
one describe GET "$V/sobjects/<OBJECT>/describe"
one query GET "$V/query/?q=SELECT"
one job POST "$V/jobs/ingest" ', "dataMode": "raw", "rawModeData": "{\"object\": 1, \"operation\": 1}"'
one state PATCH "$V/jobs/ingest/{{_jobId}}" ', "dataMode": "raw", "rawModeData": "{\"state\": 1}"'
one status GET "$V/jobs/ingest/{{_jobId}}"
one rows PUT "$V/jobs/ingest/{{_jobId}}/batches" ', "dataMode": "binary"'
sed -i 's|application/json|text/csv|' right/salesforce/rest/rows.json
one results GET "$V/jobs/ingest/{{_jobId}}/{{which}}"
right salesforce salesforce/rest/job.json '32 of 35'
finds 's|application/json|application/xml|' 'request: application/json is not known'
finds 's/"operation.": 1/"verb\\": 1/' 'request: / must NOT have additional properties (operation)'
file=salesforce/rest/query.json
finds 's/"key": "q"/"key": "query"/' 'the query parameter q is not known'
file=salesforce/rest/describe.json
finds 's/describe/layout/' 'there is no such request'

about "as the vendors describe it"
eff 0 check # it asks for itself, too
SPECS=${EFF_SPECS:-$EFF_SRC/../shared/specs}
[ -d "$SPECS" ] || SPECS=
missing=
for name in stripe intercom klaviyo slack snowflake bigquery meta google_data_manager salesforce; do
    eval "address=\$$(echo $name | tr '[:lower:]' '[:upper:]')"
    look $name "$address" "$SPECS"
    case $? in
    0) ;;
    77) missing="$missing $name" ;;
    *) fail "$name: requests or answers are not as described: $(cat look.txt)" ;;
    esac
    cat look.txt
done
[ -z "$missing" ] || [ "$lib_failed" != 0 ] || skip "no description in EFF_SPECS of$missing"

finish
