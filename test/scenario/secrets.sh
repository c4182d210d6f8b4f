#!/bin/sh
# timeout: 300
#
# Goal: what a login hands out, what is signed for it, and what else goes with a request stands in no output and in no file of
# the state, when a destination or a warehouse shows the request in its answer.
# Method: the stand-ins answer with the request as it came (`echo`), to logins, schemas, rows, and searches; all that was
# said, in each form of output, and all files of the state are looked through.
# covers: S1
. "$EFF_SRC/test/lib/scenario.sh"
sandbox salesforce bigquery snowflake

# hides WHAT ADDRESS MATCH COMMAND...: its output and the state tell of the request, and not what it was let in by.
hides() {
    about "$1: $4"
    ask "$2/_sandbox/faults" "{\"rules\": [{\"match\": {$3}, \"then\": {\"status\": ${STATUS:-400}, \"echo\": true}}]}"
    shift 3
    hides_command=$1
    shift
    for hides_form in "--output json" "--no-color" "--log-format json"; do
        run_eff "$hides_command" -p "$P" $hides_form "$@"
        [ "$CODE" != 0 ] || fail "$hides_form: nothing was wrong"
        cat out.json err.txt > said.txt
        grep -q "${SHOWN:-\*\*\*}" said.txt || fail "$hides_form: the answer is not told: $(cat said.txt)"
        leaks_none said.txt
        cat "$P"/.efferent/control.db* "$P"/.efferent/*/* > state.bin 2> /dev/null
        leaks_none state.bin
    done
}
leaks_none() { # FILE: a session's token, a signed token, a client's secret, a key
    if grep -aEo '(Bearer|bearer) [^* ].{0,40}|eyJ[A-Za-z0-9_-]{8}.{0,20}|test-secret|test-refresh.{0,10}|assertion=[^*].{0,20}|00D[A-Za-z0-9]{9}.{0,20}|MII[A-Za-z0-9/+]{8}' "$1" > leaks.txt; then
        fail "$1 ($hides_form): $(sort -u leaks.txt | head -n 5)"
    fi
}

# ---- destinations ----

project crm << END
sources: {w: {type: sqlite, path: w.db}}
destinations: {force: {type: salesforce, instance_url: "$SF", auth: {client_id: test-user, client_secret: test-secret}}}
END
db "$P/w.db" "create table p (id text primary key, name text); insert into p values ('a', 'Ann'), ('b', 'Bob')"
sync_of p force.Lead 'Ext_Id__c: id' 'LastName: name, Company: {const: x}'
hides "a login" "$SF" '"path": "/services/oauth2/token"' check
SHOWN='no schema\|\*\*\*' hides "a schema" "$SF" '"path": "/services/data/"' check
hides "a row" "$SF" '"writes": true' run
STATUS=500 hides "a failure" "$SF" '"writes": true' run
about "the ledger"
ask "$SF/_sandbox/faults" '{"rules": [{"match": {"writes": true}, "then": {"status": 400, "echo": true}}]}'
run_eff run -p "$P"
run_eff rows p -p "$P" --output json
leaks_none out.json
grep -q '\*\*\*' out.json || fail "the refusal is not told"

ask "$SF/_sandbox/faults" '{"rules": []}'
about "what is looked for once more"
run_eff retry p -p "$P"
eff 0 run
hides "a search" "$SF" '"path": "/services/data/v60.0/query"' verify

about "a page that is cut within a secret"
db "$P/w.db" "update p set name = name || '!'"
page=$(printf '%0290d' 0)
ask "$SF/_sandbox/faults" "{\"rules\": [{\"match\": {\"writes\": true}, \"then\": {\"status\": 400, \"body\": \"<p>${page}test-secret, and more\"}}]}"
run_eff run -p "$P" --output json
same "exit code" 3 "$CODE"
cat out.json "$P"/.efferent/control.db* > said.txt
grep -aq "${page}\*\*\*" said.txt || fail "the page is not told: $(cat out.json)"
! grep -aq "${page}test" said.txt || fail "a secret's beginning is told"

about "a signed login"
openssl genrsa -out key.pem 2048 2> /dev/null
sed -i 's/client_secret: test-secret/username: test-user, private_key: "${SF_KEY}"/' "$P/efferent.yml"
SF_KEY=$(cat key.pem)
export SF_KEY
hides "a signed login" "$SF" '"path": "/services/oauth2/token"' check

# ---- a project that cannot be read ----

# mistaken OPTION: with a secret as its value, what is wrong is told in each form, without it.
mistaken() {
    about "a mistake: $1"
    printf 'sources: {w: {type: sqlite, path: w.db}}\ndestinations: {d: {%s}}\n' "$1" > "$P/efferent.yml"
    for form in "--output json" "--no-color" "--log-format json"; do
        run_eff check -p "$P" $form
        same "exit code" 2 "$CODE"
        says '***'
        says_not canary
    done
}
project mistakes < "$EFF_TMP/crm/efferent.yml"
sync_of p d.t 'id: id' 'name: name'
export MISPLACED=misplaced-canary
export LONG=0123456789012345678901234567890123456789012345678901234567890123456789canary
mistaken 'type: hubspot, token: x, calls_per_10s: "${secret:MISPLACED}"'
mistaken 'type: hubspot, token: x, url: "${secret:MISPLACED}"'
mistaken 'type: hubspot, token: x, calls_per_10s: "${secret:LONG}"'
mistaken 'type: "${secret:MISPLACED}"'
mistaken 'type: hubspot, token: "Bearer ${MISPLACED}", url: "${MISPLACED}"'

# ---- warehouses ----

rm -rf "$P/.efferent"
project bq << END
sources: {w: {type: bigquery, project: acme, url: "$BIGQUERY", dataset: shop, key_file: key.json}}
destinations: {l: {type: sqlite, path: lite.db}}
END
ask "$BIGQUERY/_sandbox/key"
sqlite3 :memory: "select json_object('type', 'service_account', 'project_id', 'acme', 'client_email', 'test-user', 'private_key_id', 'k1',
    'private_key', cast(readfile('answer.json') as text) ->> '\$.private_key', 'token_uri', '$BIGQUERY/token')" > "$P/key.json"
db "$P/lite.db" "create table p (id integer primary key, name text)"
sync_of p l.p 'id: id' 'name: name'
SHOWN='gives no token' hides "a key's login" "$BIGQUERY" '"path": "/token"' run
hides "a query" "$BIGQUERY" '"path": "/bigquery/"' run
printf '{"type": "authorized_user", "client_id": "test-user", "client_secret": "test-secret", "refresh_token": "test-refresh-token", "token_uri": "%s"}' "$BIGQUERY/token" > "$P/key.json"
SHOWN='gives no token' hides "a user's login" "$BIGQUERY" '"path": "/token"' run

project snow << END
sources: {w: {type: snowflake, account: acme, url: "$SNOWFLAKE", user: test-user, private_key_path: key.pem}}
destinations: {l: {type: sqlite, path: lite.db}}
END
ask "$SNOWFLAKE/_sandbox/key"
sqlite3 :memory: "select writefile('$P/key.pem', json_extract(cast(readfile('answer.json') as text), '$.private_key'))" > key.len
chmod 600 "$P/key.pem"
db "$P/lite.db" "create table p (id integer primary key, name text)"
sync_of p l.p 'id: id' 'name: name'
hides "a statement" "$SNOWFLAKE" '"path": "/api/"' run
finish
