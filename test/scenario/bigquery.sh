#!/bin/sh
# timeout: 200
#
# Goal: BigQuery as warehouse: logins, exact values, pages, what may be lost on the way, what a
# query may cost, mistakes, and a job that nobody waits for any more.
# Method: the stand-in, filled through its own API; after each fault the copy is compared with the
# model by SQLite; the stand-in's log says which calls were made.
. "$EFF_SRC/test/lib/scenario.sh"
sandbox bigquery
BQ=$BIGQUERY/bigquery/v2/projects/acme

bq() { # SQL...: each one statement, by jobs.query
    for bq_sql in "$@"; do
        printf '%s' "$bq_sql" > text.txt
        bq_body=$(sqlite3 :memory: "select json_object('query', cast(readfile('text.txt') as text), 'useLegacySql', json('false'))")
        curl -sS --max-time 20 -H 'Authorization: Bearer test-token' -H 'Content-Type: application/json' \
            --data-binary "$bq_body" "$BQ/queries" > answer.json
        if grep -q '"error"' answer.json; then fail "bigquery: $bq_sql: $(cat answer.json)"; fi
    done
}
faults() { ask "$BIGQUERY/_sandbox/faults" "{\"rules\": [$1], \"settings\": {${2:-}}}"; }
calls() { # LIKE EXPECTED: how many calls had such "METHOD path status"
    requests "$BIGQUERY"
    same "calls like $1" "$2" "$(db requests.db "select count(*) from q where method || ' ' || path || ' ' || status like '$1'")"
}
fresh() { ask "$BIGQUERY/_sandbox/reset" '{}'; }
account() { # NAME: a key file of that account, with the stand-in's key
    ask "$BIGQUERY/_sandbox/key"
    sqlite3 :memory: "select json_object('type', 'service_account', 'project_id', 'acme', 'client_email', '$1', 'private_key_id', 'k1',
        'private_key', cast(readfile('answer.json') as text) ->> '\$.private_key', 'token_uri', '$BIGQUERY/token')" > "$P/key.json"
}
source_is() { # OPTIONS
    project bq << END
sources: {w: {type: bigquery, project: acme, url: "$BIGQUERY", $1}}
destinations: {l: {type: sqlite, path: lite.db}}
END
}
customers() { # ROWS
    bq 'CREATE TABLE shop.customer (id INT64, name STRING, score NUMERIC(10, 2))' \
        "INSERT INTO shop.customer WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
        SELECT i, 'n' || i, i || '.50' FROM n"
}
equal() {
    bq 'SELECT id, name, score FROM shop.customer ORDER BY id'
    same "$1" "$(sqlite3 :memory: "select group_concat((value ->> '\$.f[0].v') || '|' || (value ->> '\$.f[1].v') || '|' || rtrim(rtrim(value ->> '\$.f[2].v', '0'), '.'), ' ')
        from json_each(cast(readfile('answer.json') as text), '\$.rows')")" \
        "$(db "$P/lite.db" "select group_concat(id || '|' || name || '|' || rtrim(rtrim(score, '0'), '.'), ' ') from (select * from customer order by id)")"
}

# ---- a key, pages, changes ----

about "first run, nothing new, changes"
source_is 'key_file: key.json, page_rows: 20, dataset: shop, labels: {team: crm, cost_center: "17"}'
account test-user
db "$P/lite.db" "create table customer (id integer primary key, name text, score)"
sync customers << 'END'
sync: customers
table: customer
key: id
to: l.customer
mode: mirror
fields: [name, score]
guard: {max_removed: 100%}
END
customers 50
eff 0 check
same "bytes that a check tells" 1200 "$(j '$.syncs[0].bytes_scanned')"
calls 'POST %/jobs 200' 1 # the dry run
calls 'GET %/queries/%' 0
eff 0 plan
counts customers read=50 added=50 planned=50 requests=1
same "bytes that a plan tells" 1200 "$(j '$.syncs[0].bytes_scanned')"
"$EFFERENT" check -p "$P" > out.json 2> err.txt
says 'its model scans 1.2 KiB'
eff 0 run
counts customers read=50 added=50 planned=50 delivered=50
equal "first run"
ask "$BIGQUERY/_sandbox/requests?limit=1000"
same "what the job was" '0|INTERACTIVE|shop|acme|crm|17' "$(sqlite3 :memory: "select b ->> '\$.configuration.query.useLegacySql', b ->> '\$.configuration.query.priority',
    b ->> '\$.configuration.query.defaultDataset.datasetId', b ->> '\$.jobReference.projectId', b ->> '\$.configuration.labels.team', b ->> '\$.configuration.labels.cost_center'
    from (select json(value ->> '\$.body') b from json_each(cast(readfile('answer.json') as text), '\$.requests') where value ->> '\$.path' like '%/jobs') limit 1")"
eff 0 run
counts customers read=50 unchanged=50 requests=0
bq "DELETE FROM shop.customer WHERE id IN (3, 4)" "UPDATE shop.customer SET name = name || '!' WHERE id = 5" "INSERT INTO \`acme.shop.customer\` VALUES (51, \"ünï'c\", '0.10')"
eff 0 run
counts customers read=49 unchanged=47 added=1 changed=1 removed=2 planned=4 delivered=4
equal "changes"

# ---- what may be lost ----

lose() { # WHAT RULES
    about "$1"
    bq "UPDATE shop.customer SET score = score || '1' WHERE id % 7 = 0"
    faults "$2"
    eff 0 run
    counts customers read=49 unchanged=42 changed=7 planned=7 delivered=7
    faults ''
    equal "$1"
}
PAGES='"method": "GET", "path": "/bigquery/v2/projects/acme/queries/"'
JOBS='"method": "POST", "path": "/bigquery/v2/projects/acme/jobs"'
lose "a token that ends between two pages" "{\"match\": {$PAGES, \"nth\": 2}, \"times\": 1, \"then\": {\"expire_token\": true}}"
calls 'GET %/queries/% 401' 1
lose "a page that is not there at once" "{\"match\": {$PAGES, \"nth\": 3}, \"times\": 1, \"then\": {\"status\": 503, \"retry_after\": 0}}"
lose "a page whose answer is lost" "{\"match\": {$PAGES, \"nth\": 3}, \"times\": 1, \"then\": {\"reset_after\": true}}"
lose "a page that breaks off" "{\"match\": {$PAGES, \"nth\": 3}, \"times\": 1, \"then\": {\"truncate\": 300}}"
lose "too many calls" "{\"match\": {$PAGES, \"nth\": 2}, \"times\": 2, \"then\": {\"status\": 403, \"code\": \"rateLimitExceeded\", \"retry_after\": 0}}"
lose "a job whose answer is lost" "{\"match\": {$JOBS, \"nth\": 2}, \"times\": 1, \"then\": {\"reset_after\": true}}"
calls 'POST %/jobs 409' 1
about "a job that fails over there"
requests "$BIGQUERY"
jobs=$(db requests.db "select count(*) from q where method = 'POST' and path like '%/jobs' and status = 200")
bq "UPDATE shop.customer SET score = score || '1' WHERE id % 7 = 0"
faults "{\"match\": {$PAGES}, \"times\": 7, \"then\": {\"status\": 500, \"code\": \"backendError\", \"retry_after\": 0}}"
eff 0 run
counts customers read=49 unchanged=42 changed=7 planned=7 delivered=7
calls 'POST %/jobs 200' $((jobs + 3)) # a dry run, and two jobs
equal "after a job that failed"
faults "{\"match\": {$PAGES}, \"then\": {\"status\": 500, \"code\": \"backendError\", \"retry_after\": 0}}"
eff 1 run
same "fault" transient "$(problems "p ->> '\$.fault'")"
calls 'POST %/jobs 200' $((jobs + 7))
faults ''

# The last page, of 9 rows, is answered by one with others or another count: nothing of all is used.
lie() { # WHAT BODY SAYS
    about "$1"
    bq "UPDATE shop.customer SET score = score || '1' WHERE id % 7 = 0"
    printf '%s' "$2" > text.txt
    faults "{\"match\": {$PAGES, \"nth\": 4}, \"then\": {\"status\": 200, \"body\": $(sqlite3 :memory: "select json_quote(cast(readfile('text.txt') as text))")}}"
    eff 1 run
    says "$3"
    faults ''
    same "rows that were written" 0 "$(db "$P/lite.db" "select count(*) from customer where score like '%$4'")"
    eff 0 run
    equal "after: $1"
}
ROW='{"f": [{"v": "49"}, {"v": "x"}, {"v": "1"}]}'
lie "a row too few" "{\"jobComplete\": true, \"totalRows\": \"49\", \"rows\": [$ROW]}" 'BigQuery gave 41 rows of 49' 11111111
lie "a row too many" "{\"jobComplete\": true, \"totalRows\": \"49\", \"pageToken\": \"x\", \"rows\": [$ROW, $ROW, $ROW, $ROW, $ROW, $ROW, $ROW, $ROW, $ROW, $ROW]}" 'BigQuery gave 50 rows of 49' 111111111
lie "another total" "{\"jobComplete\": true, \"totalRows\": \"41\", \"rows\": [$ROW]}" "pages do not agree: of 49 rows, and of 41" 1111111111
lie "no total" "{\"jobComplete\": true, \"rows\": [$ROW]}" "does not say how many rows there are" 11111111111
lie "half a page" "{\"jobComplete\": true, \"totalRows\": \"49\", \"rows\": [$ROW" "reading a page of BigQuery's answer" 111111111111
lie "a row of another shape" '{"jobComplete": true, "totalRows": "49", "rows": [{"f": [{"v": "1"}]}]}' "row 41 of BigQuery's answer is none" 1111111111111
lie "nothing" 'null' "BigQuery's answer is no object" 11111111111111
lie "no JSON" '<html>' "reading a page of BigQuery's answer" 111111111111111

# ---- what it may cost ----

about "a cap on the bill"
fresh
account test-user
source_is 'key_file: key.json, maximum_bytes_billed: 1000'
sed -i 's/table: customer/table: shop.customer/' "$P/syncs/customers.yml"
customers 50
rm -r "$P/.efferent"
db "$P/lite.db" "delete from customer"
eff 1 check
one_problem 'the query would read 1200 bytes, more than `maximum_bytes_billed`, 1000' syncs/customers.yml:2:8
source_is 'key_file: key.json, maximum_bytes_billed: 5MB'
eff 0 check
eff 1 run
one_problem '*Query exceeded limit for bytes billed: 5000000. 10485760 or higher required.'
says 'Raise the source'
source_is 'key_file: key.json, maximum_bytes_billed: 20MB, location: europe-west3'
eff 0 run
calls 'GET %/queries/%?location=europe-west3&%' 2
equal "in another place"

# ---- logins ----

about "more scopes"
source_is 'key_file: key.json, scopes: ["https://www.googleapis.com/auth/drive.readonly"]'
eff 0 run
source_is "key_file: key.json, token_url: \"$BIGQUERY/token\", impersonate: reader@acme.example, scopes: [\"https://www.googleapis.com/auth/drive.readonly\"]"
eff 0 check
requests "$BIGQUERY"
same "the scopes" '{"scope":["https://www.googleapis.com/auth/bigquery","https://www.googleapis.com/auth/drive.readonly"],"lifetime":"3600s"}' \
    "$(db requests.db "select body from q where path like '%:generateAccessToken'")"
source_is 'key_file: key.json, maximum_bytes_billed: 20MB, location: europe-west3'

about "a key that does not fit"
account somebody@acme.example
eff 1 run
one_problem 'Google gives no token: 400 invalid_grant: Invalid JWT Signature or claims.'
says 'the key of somebody@acme.example'
about "a file that is no key"
echo '{"type": "external_account"}' > "$P/key.json"
eff 1 check
one_problem 'credentials of type "external_account" cannot be used*'
printf '{"private_key": "se-cret", ' > "$P/key.json"
eff 1 check
one_problem 'the credentials are no JSON object while reading *'
says_not 'se-cret'
rm "$P/key.json"
eff 1 check
one_problem 'there is no file */key.json with credentials'
about "credentials of a user"
printf '{"type": "authorized_user", "client_id": "test-user", "client_secret": "test-secret", "refresh_token": "test-refresh-token"}' > "$P/user.json"
source_is "key_file: user.json, token_url: \"$BIGQUERY/token\""
eff 0 run
counts customers read=50 unchanged=50 requests=0
sed -i 's/test-refresh-token/withdrawn/' "$P/user.json"
eff 1 run
one_problem 'Google gives no token: 400 invalid_grant: Token has been expired or revoked.'
about "the default credentials"
source_is "token_url: \"$BIGQUERY/token\""
sed -i 's/withdrawn/test-refresh-token/' "$P/user.json"
GOOGLE_APPLICATION_CREDENTIALS=$P/user.json
export GOOGLE_APPLICATION_CREDENTIALS
eff 0 run
unset GOOGLE_APPLICATION_CREDENTIALS
mkdir -p "$P/gcloud"
mv "$P/user.json" "$P/gcloud/application_default_credentials.json"
CLOUDSDK_CONFIG=$P/gcloud
export CLOUDSDK_CONFIG
eff 0 run
about "the metadata server"
rm "$P/gcloud/application_default_credentials.json"
source_is "token_url: \"$BIGQUERY\""
eff 0 run
calls 'GET /computeMetadata/% 200' 1
about "acting as another account"
account test-user
source_is "key_file: key.json, token_url: \"$BIGQUERY/token\", impersonate: reader@acme.example"
eff 0 run
calls 'POST /v1/projects/-/serviceAccounts/reader%40acme.example:generateAccessToken 200' 2
source_is "token: test-token, token_url: \"$BIGQUERY/token\", impersonate: reader@acme.example"
faults "{\"match\": {$PAGES}, \"times\": 1, \"then\": {\"expire_token\": true}}"
eff 0 run
calls 'POST /v1/projects/-/serviceAccounts/reader%40acme.example:generateAccessToken 200' 4
source_is "key_file: key.json, token_url: \"$BIGQUERY/token\", impersonate: owner@acme.example"
eff 1 run
one_problem "Google gives no token of owner@acme.example: 403 Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
says 'Service Account Token Creator'
faults ''
about "a token from elsewhere"
source_is "token: test-token"
eff 0 run
source_is "token: test-token, key_file: key.json"
eff 1 check
one_problem 'give one of key_file, credentials and token, not several'
source_is "token: wrong-token"
eff 1 check
one_problem 'BigQuery refuses the token'
about "plain http to elsewhere"
project bq << 'END'
sources: {w: {type: bigquery, project: acme, url: "http://127.0.0.1.example.com", token: t}}
destinations: {l: {type: sqlite, path: lite.db}}
END
eff 1 check
one_problem 'BigQuery is spoken to by https only*'

# ---- the connection of a dbt profile, and what dbt built ----

about "by dbt"
mkdir -p "$P/analytics/target"
ask "$BIGQUERY/_sandbox/key"
KEY=$(sqlite3 :memory: "select cast(readfile('answer.json') as text) ->> '$.private_key'")
export KEY
printf 'name: shop\nprofile: shop\n' > "$P/analytics/dbt_project.yml"
cat > "$P/analytics/profiles.yml" << END
shop:
  target: prod
  outputs:
    prod:
      type: bigquery
      method: service-account-json
      project: acme
      dataset: shop
      threads: 4
      maximum_bytes_billed: 20000000
      job_execution_timeout_seconds: 300
      api_endpoint: "$BIGQUERY"
      keyfile_json: {type: service_account, client_email: test-user, private_key_id: k1, private_key: "{{ env_var('KEY') }}", token_uri: "$BIGQUERY/token"}
END
cat > "$P/analytics/target/manifest.json" << 'END'
{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "dbt_version": "1.11.16", "project_name": "shop", "adapter_type": "bigquery"},
 "nodes": {"model.shop.customers": {"name": "customers", "package_name": "shop", "original_file_path": "models/customers.sql",
  "relation_name": "`acme`.`shop`.`customer`", "config": {"materialized": "table", "meta": {"key": "id"}}, "columns": {}}},
 "sources": {}, "disabled": {}}
END
cat > "$P/efferent.yml" << END
dbt: {project: analytics}
sources: {w: {type: dbt}}
destinations: {l: {type: sqlite, path: lite.db}}
END
printf "sync: customers\nmodel: ref('customers')\nto: l.customer\nmode: mirror\nfields: [name, score]\n" > "$P/syncs/customers.yml"
bq "UPDATE shop.customer SET name = 'by dbt' WHERE id = 9"
eff 0 run
counts customers read=50 unchanged=49 changed=1 planned=1 delivered=1
equal "by dbt"
says_not 'PRIVATE KEY'

# ---- mistakes ----

wrong() { # SQL PATTERN
    printf 'sync: customers\nsql: |\n%s\nkey: id\nto: l.customer\nfields: [name]\n' "$(printf '%s\n' "$1" | sed 's/^/  /')" > "$P/syncs/customers.yml"
    eff 1 check
    one_problem "$2" syncs/customers.yml:3:3
}
about "mistakes"
source_is "token: test-token"
wrong 'SELECT id,
  nme FROM shop.customer' 'Unrecognized name: nme (line 2, column 3 of the SQL)'
wrong 'SELECT id FORM shop.customer' 'Syntax error: *(line 1, column 1? of the SQL)'
wrong 'SELECT id FROM shop.customers' 'BigQuery: Not found: Table acme:shop.customers was not found in location US'
wrong 'SELECT id FROM customer' 'BigQuery: Table "customer" must be qualified with a dataset (e.g. dataset.table).'
wrong 'SELECT id, id FROM shop.customer' 'BigQuery: Duplicate column names in the result are not supported. Found duplicate(s): id'
wrong 'DELETE FROM shop.customer' 'a model only reads, and this statement would do more'
wrong 'SELECT id FROM shop.customer; SELECT 1' 'a model is one query, and this is a script'
wrong '-- nothing' 'Syntax error: Unexpected end of script (line 1, column 1 of the SQL)'
bq 'SELECT count(*) AS n FROM shop.customer'
grep -q '"v":"50"' answer.json || fail "a model has written"
faults "{\"match\": {$JOBS}, \"then\": {\"status\": 403, \"code\": \"accessDenied\", \"message\": \"Access Denied: Project acme: User does not have bigquery.jobs.create permission in project acme.\"}}"
wrong 'SELECT id, name FROM shop.customer' 'BigQuery: Access Denied: Project acme:*'
says 'BigQuery Job User'
faults "{\"match\": {$JOBS}, \"then\": {\"status\": 403, \"code\": \"quotaExceeded\", \"message\": \"Quota exceeded: Your project exceeded quota for free query bytes scanned.\"}}"
wrong 'SELECT id, name FROM shop.customer' 'BigQuery: Quota exceeded:*'
same "fault of a quota" limit "$(problems "p ->> '\$.fault'")"
faults ''

about "SQL that would get at files"
for sql in "ATTACH 'file.db' AS f" "VACUUM INTO 'file.db'" "PRAGMA user_version = 7" "SELECT load_extension('x')"; do
    curl -sS --max-time 20 -H 'Authorization: Bearer test-token' --data-binary "{\"useLegacySql\": false, \"query\": \"$sql\"}" "$BQ/queries" > answer.json
    grep -q invalidQuery answer.json || fail "$sql: $(cat answer.json)"
done
[ ! -e file.db ] || fail "the stand-in has written a file"

# ---- a job that nobody waits for ----

about "a stop while the query runs"
faults '' '"job_polls": 1000000'
ask "$BIGQUERY/_sandbox/requests?limit=1"
printf 'sync: customers\ntable: shop.customer\nkey: id\nto: l.customer\nfields: [name, score]\n' > "$P/syncs/customers.yml"
"$EFFERENT" run -p "$P" --output json > out.json 2> err.txt &
RUN=$!
tries=0
until requests "$BIGQUERY" && [ "$(db requests.db "select count(*) from (select * from q order by n desc limit 3) where path like '%/queries/efferent_%'")" -gt 1 ]; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || { fail "the query does not run"; break; }
    sleep 0.05
done
kill -INT $RUN
wait $RUN
same "exit code of a stopped run" 1 $?
says 'stopped on request; nothing was sent'
calls 'POST %/jobs/efferent_%/cancel?location=US 200' 1
faults '' '"job_polls": 3'
eff 0 run
equal "after a stop"
finish
