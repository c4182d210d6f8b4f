#!/bin/sh
# timeout: 60
#
# Goal: the documents of run and plan are what schema/run.schema.json promises.
# Method: make documents with every member there is, and validate them with an independent validator.
. "$EFF_SRC/test/lib/scenario.sh"
python3 -c 'import jsonschema' 2> /dev/null || skip "python3 has no jsonschema"

valid() { # EXPECTED_CODE ARGS...
    about "efferent $*"
    want=$1
    shift
    run_eff "$@" -o json -p "$P"
    same "exit code" "$want" "$CODE"
    python3 - "$EFF_SRC/schema/run.schema.json" out.json << 'END' || fail "it is not what the schema says"
import json, sys, jsonschema
schema, document = (json.load(open(path)) for path in sys.argv[1:])
jsonschema.Draft202012Validator.check_schema(schema)
errors = list(jsonschema.Draft202012Validator(schema).iter_errors(document))
for error in errors[:5]:
    print(list(error.absolute_path), error.message[:300])
sys.exit(bool(errors))
END
}

"$EFFERENT" init shop > /dev/null
P=$EFF_TMP/shop
valid 0 check
valid 0 check --offline
valid 0 plan
valid 0 run
valid 0 run
valid 2 run nosuchsync
valid 2 run --selct x
db "$P/shop.db" "DELETE FROM customer WHERE customer_id > 3; UPDATE customer SET first_name = 'Lizzy' WHERE customer_id = 1;
    UPDATE book_order SET title = 'x'"
valid 0 plan
grep -q '"change":"remove"' out.json || fail "no removal in the samples"
grep -q '"before":' out.json || fail "nothing was read back"
valid 3 run
db "$P/crm.db" "ALTER TABLE contact RENAME COLUMN segment TO seg"
valid 3 plan customers
grep -q '"contract_broken":true,' out.json || fail "the contract is not said to be broken"
grep -q '"fields_held":\["segment"\]' out.json || fail "the field that is held is not named"
valid 3 run customers
db "$P/crm.db" "DROP TABLE contact"
valid 1 run
printf 'sync: later\nsql: SELECT 1 AS id, 2 AS x\nkey: id\nto: crm.later\nafter: customers\nfields: [x]\n' > "$P/syncs/later.yml"
valid 1 run
grep -q '"skipped_by_failure":true' out.json || fail "the one behind the failed one is not skipped"
printf 'sync: [\n' > "$P/syncs/later.yml"
valid 2 run

sandbox hubspot
project counted << END
sources: {w: {type: sqlite, path: w.db}}
destinations: {hub: {type: hubspot, url: "$HS", token: test-token}}
END
db "$P/w.db" "create table p (email text, name text); insert into p values ('a@example.com', 'A')"
printf 'sync: people\ntable: p\nkey: email\nto: hub.contacts\nfields: {lastname: name}\n' > "$P/syncs/people.yml"
valid 0 plan
grep -q '"units":{"name":"API calls of the day","count":1}' out.json || fail "what the destination counts is not told"
finish
