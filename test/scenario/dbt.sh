#!/bin/sh
# Goal: a dbt project is read as dbt left it: ref() and source() find their relations, keys and
# private columns come from its meta, a model whose build or test failed is not sent, and what is
# missing, disabled, ephemeral, too old or cut off is told with file, line and column.
# Method: artifacts as dbt writes them, written by hand for an SQLite warehouse, and changed one
# thing at a time.
. "$EFF_SRC/test/lib/scenario.sh"

SCHEMAS=https://schemas.getdbt.com/dbt
analytics=$EFF_TMP/analytics
mkdir -p "$analytics/target"

node() { # ID NAME KEYS...
    printf '"%s": {"name": "%s", "package_name": "shop", "original_file_path": "models/%s.sql", %s}' \
        "$1" "$2" "$2" "$3"
}
manifest() { # VERSION
    cat > "$analytics/target/manifest.json" << END
{"metadata": {"dbt_schema_version": "$SCHEMAS/manifest/$1.json", "dbt_version": "1.11.16",
  "project_name": "shop", "adapter_type": "sqlite"},
 "nodes": {
  $(node model.shop.customers customers '"relation_name": "main.\"customer\"", "tags": ["crm"],
    "config": {"materialized": "table", "meta": {"key": "id"}},
    "columns": {"id": {"name": "ID"}, "email": {"name": "email", "meta": {"pii": true}},
    "score": {"name": "score", "data_type": "integer"}},
    "depends_on": {"nodes": ["source.shop.app.users"]}'),
  $(node model.shop.scores scores '"relation_name": "main.\"customer\"", "tags": ["night"],
    "config": {"materialized": "view"}, "depends_on": {"nodes": ["model.shop.customers"]}'),
  $(node model.shop.staged staged '"relation_name": null, "config": {"materialized": "ephemeral"}'),
  "test.shop.unique_id": {"attached_node": "model.shop.customers"}},
 "sources": {"source.shop.app.users": {"name": "users", "package_name": "shop", "source_name": "app",
   "original_file_path": "models/app.yml", "relation_name": "main.\"customer\"", "primary_key": ["id"]}},
 "disabled": {"model.shop.old": []}}
END
}
results() { # COMMAND ID STATUS
    cat > "$analytics/target/run_results.json" << END
{"metadata": {"dbt_schema_version": "$SCHEMAS/run-results/v6.json"}, "results":
 [{"unique_id": "model.shop.scores", "status": "success", "message": "OK"},
  {"unique_id": "$2", "status": "$3", "message": "Got 3 results"}], "args": {"which": "$1"}}
END
}
model() { # WHAT
    printf 'sync: customers\nmodel: %s\nto: crm.contact\nfields: [id, email, score]\n%s\n' \
        "$1" "${2:-}" | sync customers
}

project shop << END
dbt: {project: ../analytics}
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: sqlite, path: crm.db}}
END
db "$P/shop.db" "create table customer (id integer primary key, email text, score int);
    insert into customer values (1, 'ann@example.com', 5), (2, 'bob@example.com', 7)"
db "$P/crm.db" "create table contact (id integer primary key, email text, score int)"
manifest v12
results build model.shop.customers success
model "ref('customers')"

about "ref() and its key"
run_eff plan -p "$P"
[ "$CODE" = 0 ] || fail "plan: exit code $CODE"
says 'score 5'
says '(private)'
says_not 'ann@example'
eff 0 run
counts customers read=2 added=2 planned=2 delivered=2
rows_are "$P/crm.db" 'select * from contact' '1|ann@example.com|5
2|bob@example.com|7'

about "the requests of a plan hold nothing private, neither as a field nor as what finds the record"
cp "$P/efferent.yml" efferent.yml.before
sed -i 's|^destinations: .*|destinations: {crm: {type: http, url: "http://127.0.0.1:1", operations: {upsert: {put: "/{object}/{match.value}", json: {...: "{record}"}, answer: {all: applied}}}}}|' "$P/efferent.yml"
printf 'sync: customers\nmodel: ref('"'customers'"')\nkey: id\nto: crm.contact\nmatch: email\nfields: [email, score]\n' | sync customers
eff 0 plan --requests --state "$EFF_TMP"
says '/contact/%28private%29'
says '"body"'
says_not 'ann@example'
cp efferent.yml.before "$P/efferent.yml"
model "ref('customers')"

about "the last build"
db "$P/shop.db" 'update customer set score = 6 where id = 1'
results build test.shop.unique_id fail
eff 1 run
says EFF2013
says 'its test test.shop.unique_id is \"fail\": Got 3 results'
says syncs/customers.yml:2:8
eff 0 plan
says EFF2013
rows_are "$P/crm.db" 'select score from contact where id = 1' 5
results build test.shop.unique_id warn
eff 0 plan
counts customers changed=1 planned=1
results build model.shop.customers skipped
eff 1 run
says 'model.shop.customers is \"skipped\"'
eff 0 run --ignore-dbt-status
counts customers changed=1 planned=1 delivered=1
results compile model.shop.customers error
eff 0 run
run_eff run -p "$P"
says 'note: the last dbt command was `dbt compile`'
printf '{"metadata": {"dbt_schema_ver' > "$analytics/target/run_results.json"
run_eff run -p "$P"
[ "$CODE" = 2 ] || fail "a cut off run_results.json: exit code $CODE"
says 'run_results.json ends in the middle, at byte'
rm "$analytics/target/run_results.json"
run_eff run -p "$P"
[ "$CODE" = 0 ] || fail "no run_results.json: exit code $CODE"
says 'note: there is no run_results.json'

about "private columns"
db "$P/shop.db" 'update customer set score = 77 where id = 1'
changed() { # SED_SCRIPT
    manifest v12
    sed "$1" "$analytics/target/manifest.json" > changed && cp changed "$analytics/target/manifest.json"
}
score_is() { # BEFORE AFTER
    eff 0 plan
    says "\"score\":{\"before\":$1,\"after\":$2}"
}
changed 's/"data_type": "integer"/&, "meta": {"contains_pii": true}/' && score_is '"(private)"' '"(private)"'
changed 's/"data_type": "integer"/&, "tags": ["pii"]/' && score_is '"(private)"' '"(private)"'
changed 's/"tags": \["crm"\]/"tags": ["crm", "pii"]/' && score_is '"(private)"' '"(private)"'
changed 's/"tags": \["crm"\]/"tags": ["pii"]/; s/"data_type": "integer"/&, "meta": {"pii": false}/' && score_is 6 77

about "a key that is none"
changed 's/"key": "id"/"key": ["id", 7]/'
run_eff plan -p "$P"
[ "$CODE" = 2 ] || fail "a key with a number in it: exit code $CODE"
says 'syncs/customers.yml:2:8: `meta.key` of model `customers` expects a text or a list of texts, found a list of something else'
model "ref('customers')" 'key: id'
eff 0 plan
model "ref('customers')"
manifest v12
db "$P/shop.db" 'update customer set score = 6 where id = 1'

about "names"
refused() { # TEXT HINT
    run_eff plan -p "$P"
    [ "$CODE" = 2 ] || fail "exit code $CODE, expected 2"
    says "$1"
    says "$2"
}
model "ref('custmers')" && refused 'syncs/customers.yml:2:8: dbt has no model `custmers`' 'Did you mean `customers`?'
model "ref('old')" && refused 'model `old` is disabled in dbt' 'enabled: true'
model "ref('staged')" && refused 'model `staged` is ephemeral' 'Materialize it as a view'
model "ref('scores')" && refused '`key` is missing, and dbt knows none' 'meta: {key: ...}'
model "ref('scores'" && refused "cannot read \"ref('scores'\"" "Write ref('model')"
model "source('app', 'users')"
eff 0 plan
counts customers read=2
model "\"{{ ref('shop', 'scores') }}\"" 'key: id'
eff 0 plan
eff 0 status

about "selection by dbt's graph"
db "$P/crm.db" "create table user (id integer primary key, score int)"
printf 'sync: users\nmodel: source("app", "users")\nto: crm.user\nfields: [id, score]\n' | sync users
selects() { # SELECTION SYNCS
    eff 0 plan --select "$1"
    same "--select $1" "$2" "$(sqlite3 :memory: "select coalesce(group_concat(value ->> '$.sync', ' '), '') from
        json_each((select cast(readfile('out.json') as text)), '$.syncs')")"
}
selects 'model:scores' customers
selects 'users' users
selects 'model:users+' 'customers users'
selects '+model:scores' 'customers users'
selects 'customers+' customers
selects 'tag:night' customers
selects 'path:models/scores.sql' customers
selects 'path:syncs/users.yml' users
rm "$P/syncs/users.yml"

eff 2 plan -s @customers
says "dbt's @ is not supported"

about "exposures"
cat > "$P/syncs/users.yml" << END
sync: all-users
description: "All of them: \"everybody\"."
model: source('app', 'users')
to: crm.user
fields: [id, score]
dbt: {owner: {email: crm@example.com}, maturity: high, url: https://crm.example.com/}
END
run_eff dbt exposures -p "$P"
same "exposures" "# Written by \`efferent dbt exposures\`; syncs as dbt's lineage shows them.
version: 2

exposures:
  - name: efferent_customers
    label: \"customers: scores to crm\"
    type: application
    depends_on:
      - ref('shop', 'scores')
    owner:
      name: \"shop\"
    config:
      meta:
        efferent:
          sync: \"customers\"
          destination: \"crm\"
          object: \"contact\"
          mode: upsert

  - name: efferent_all_users
    label: \"all-users: users to crm\"
    type: application
    maturity: high
    url: \"https://crm.example.com/\"
    description: \"All of them: \\\"everybody\\\".\"
    depends_on:
      - source('app', 'users')
    owner:
      email: \"crm@example.com\"
    config:
      meta:
        efferent:
          sync: \"all-users\"
          destination: \"crm\"
          object: \"user\"
          mode: upsert" "$(cat out.json)"
eff 0 dbt exposures --select customers
same "exposures in JSON" 1 "$(j '$.exposures')"
rm "$P/syncs/users.yml"

about "another manifest"
cat > "$P/syncs/customers.yml" << END
sync: customers
model: ref('customers')
to: crm.contact
fields:
  email: {template: "{{ email }} ({{ id }})"}
  score: score
END
new=$EFF_TMP/pull_request
mkdir "$new"
other() { # SED_SCRIPT: the project's own manifest, changed; under a contract
    sed -e 's/"materialized": "table"/"contract": {"enforced": true}, &/' \
        -e "$1" "$analytics/target/manifest.json" > "$new/manifest.json"
}
other ''
eff 0 check --manifest "$new/manifest.json"
other 's/"email": {"name": "email"/"mail": {"name": "mail"/'
eff 3 check --manifest "$new/manifest.json"
one_problem '*sync `customers` uses column `email`, which model `customers` would not have any more*' syncs/customers.yml:5:3
says 'Did you mean `mail`?'
other 's/"score": {"name": "score", "data_type": "integer"/"points": {"name": "points"/'
eff 3 check --manifest "$new/manifest.json"
one_problem '*uses column `score`*' syncs/customers.yml:6:3
says 'Was it renamed to `points`?'
other 's/"data_type": "integer"/"data_type": "text"/'
eff 3 check --manifest "$new/manifest.json"
one_problem '*uses column `score` of model `customers`, which would become text; it is integer*' syncs/customers.yml:6:3
other 's/"data_type": "integer"/"data_type": "INT4"/'
eff 0 check --manifest "$new/manifest.json"
other 's/"key": "id"/"key": ["email"]/'
eff 3 check --manifest "$new/manifest.json"
one_problem '*sync `customers` takes the key that dbt tells of model `customers`: it would become email; it is id*' syncs/customers.yml:2:8
other 's/"key": "id"/"owner": "me"/'
eff 3 check --manifest "$new/manifest.json"
one_problem '*it would become none; it is id*' syncs/customers.yml:2:8
other 's/"key": "id"/"key": 7/'
eff 3 check --manifest "$new/manifest.json"
one_problem '*it would become a number; it is id*' syncs/customers.yml:2:8
other 's/"key": "id"/"key": "ID"/'
eff 0 check --manifest "$new/manifest.json"
sed -e '/"columns"/,/data_type/d' -e 's/"meta": {"key": "id"}},/& "columns": {},/' \
    "$analytics/target/manifest.json" > "$new/manifest.json"
eff 0 check --manifest "$new/manifest.json"
says 'only documented columns are known'
other 's/"materialized": "table"/"materialized": "ephemeral"/'
eff 3 check --manifest "$new/manifest.json"
one_problem '*dbt would build nothing of model `customers`*' syncs/customers.yml:2:8
other 's/model.shop.customers"/model.shop.clients"/; s/"name": "customers"/"name": "clients"/'
eff 3 check --manifest "$new/manifest.json"
one_problem '*dbt has no model `customers`*' syncs/customers.yml:2:8
eff 2 check --manifest "$new/nothing.json"
says 'there is no'
cat > "$new/catalog.json" << END
{"metadata": {"dbt_schema_version": "$SCHEMAS/catalog/v1.json", "invocation_id": "b"}, "nodes": {
 "model.shop.customers": {"columns": {"ID": {"type": "INT"}, "EMAIL": {"type": "VARCHAR"}}}}, "sources": {}}
END
sed 's/"project_name"/"invocation_id": "a", &/' "$analytics/target/manifest.json" > "$new/manifest.json"
eff 0 check --manifest "$new/manifest.json"
says 'catalog.json is not of the command that wrote the manifest'
says 'only documented columns are known'
sed -i 's/"invocation_id": "a"/"invocation_id": "b"/' "$new/manifest.json"
eff 3 check --manifest "$new/manifest.json"
one_problem '*uses column `score`*' syncs/customers.yml:6:3
cat > "$analytics/target/catalog.json" << END
{"metadata": {"dbt_schema_version": "$SCHEMAS/catalog/v1.json"}, "nodes": {"model.shop.customers":
 {"columns": {"id": {"type": "INT"}, "email": {"type": "TEXT"}, "score": {"type": "INT"}, "more": {"type": "INT"}}}}}
END
rm "$new/catalog.json"
printf 'sync: more\nmodel: ref("customers")\nto: crm.more\nfields: [email, more]\n' | sync more
cp "$analytics/target/manifest.json" "$new/manifest.json"
eff 0 check --manifest "$new/manifest.json" # what only production's catalog knows is not taken for dropped
rm "$P/syncs/more.yml" "$analytics/target/catalog.json"
model "\"{{ ref('shop', 'scores') }}\"" 'key: id'

about "the manifest"
sed -i 's/"sqlite"/"snowflake"/' "$analytics/target/manifest.json"
refused 'is built by dbt for snowflake, and source `shop` is sqlite' 'type: dbt'
manifest v7
refused '../analytics/target/manifest.json is of schema version v7 (dbt 1.11.16), which is too old' 'v11 and newer'
manifest v40
run_eff plan -p "$P"
[ "$CODE" = 0 ] || fail "a newer manifest: exit code $CODE"
says 'note: manifest.json is of schema version v40'
head -c 700 "$analytics/target/manifest.json" > cut && cp cut "$analytics/target/manifest.json"
refused 'manifest.json ends in the middle, at byte 701' 'Was dbt just writing it?'
printf '{"metadata": {"dbt_version": "\\ud800"}}' > "$analytics/target/manifest.json"
refused 'manifest.json is not JSON at byte 37: no low surrogate' 'efferent.yml:1:6'
rm "$analytics/target/manifest.json"
refused 'efferent.yml:1:6: there is no ../analytics/target/manifest.json' 'Run `dbt build`'
eff 0 status # where a row is must be told all the same
manifest v12
mkdir "$analytics/out" && mv "$analytics/target/manifest.json" "$analytics/out"
printf 'name: shop\nprofile: shop\ntarget-path: out\n' > "$analytics/dbt_project.yml"
eff 0 plan
DBT_TARGET_PATH=target run_eff plan -p "$P"
[ "$CODE" = 2 ] || fail "DBT_TARGET_PATH does not count"
finish
