#!/bin/sh
# timeout: 60
#
# Goal: the documents of all commands are what the schemas promise.
# Method: make documents with every member there is, and validate them with an independent validator.
. "$EFF_SRC/test/lib/scenario.sh"
python3 -c 'import jsonschema' 2> /dev/null || skip "python3 has no jsonschema"

mkdir documents
documents=0
fits() { # SCHEMA: out.json is kept, for all to be validated at the end
    documents=$((documents + 1))
    cp out.json "documents/$documents.json"
    printf '%s %s %s\n' $documents "$1" "$lib_about" >> documents/list
}

all_fit() {
    python3 - "$EFF_SRC/schema" << 'END'
import json, sys, warnings
warnings.simplefilter('ignore') # Debian 12 has a jsonschema without what took the place of RefResolver
import jsonschema
names = 'run.schema.json', 'commands.schema.json'
schemas = {name: json.load(open(sys.argv[1] + '/' + name)) for name in names}
validators = {name: jsonschema.Draft202012Validator(
    {'$ref': name}, resolver=jsonschema.RefResolver('', {}, store=schemas)) for name in names}
wrong = 0
for schema in schemas.values():
    jsonschema.Draft202012Validator.check_schema(schema)
for line in open('documents/list'):
    number, name, about = line.rstrip('\n').split(' ', 2)
    error = jsonschema.exceptions.best_match(validators[name].iter_errors(json.load(open(f'documents/{number}.json'))))
    if error:
        wrong += 1
        print(f'{about}: {name}: {list(error.absolute_path)} {error.message[:300]}')
sys.exit(wrong > 0)
END
}

valid() { # EXPECTED_CODE ARGS...
    about "efferent $*"
    want=$1
    shift
    run_eff "$@" -o json -p "$P"
    same "exit code" "$want" "$CODE"
    fits run.schema.json
}

other() { # EXPECTED_CODE ARGS...: of the commands that are not about runs
    about "efferent $*"
    want=$1
    shift
    run_eff "$@" -o json
    same "exit code" "$want" "$CODE"
    fits commands.schema.json
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
grep -q '"units":{"name":"API calls of the day","count":3}' out.json || fail "what the destination counts is not told"

# ---- the other commands ----

other 0 init other
P=$EFF_TMP/other
other 0 status -p "$P"
db "$P/crm.db" "create trigger odd before insert on contact when new.external_id = 1
    begin select raise(abort, 'not this one'); end"
valid 3 run
db "$P/shop.db" "DELETE FROM customer WHERE customer_id > 3"
valid 3 run
digest=$(j '$.syncs[0].plan')
other 0 status -p "$P"
grep -q '"last_run":' out.json || fail "no last run"
other 0 rows -p "$P" customers
grep -q '"state":"rejected"' out.json || fail "no refused row"
for key in 1 2 77; do other 0 rows -p "$P" customers $key; done
grep -q '"state":"unknown"' out.json || fail "an unknown row is not unknown"
other 2 rows -p "$P" nosuch
other 0 retry -p "$P" customers
other 2 retry -p "$P" nosuch
other 2 approve -p "$P" customers 00000000
other 0 approve -p "$P" customers "$digest"
other 2 forget -p "$P" customers 1
other 0 forget -p "$P" customers 1 --yes
other 0 state export -p "$P" copy
other 2 state export -p "$P" copy
other 0 state check -p "$P"
other 0 state check copy
other 2 reset -p "$P" customers
other 0 reset -p "$P" customers --yes
other 0 status -p "$P"
grep -q '"acts":' out.json || fail "no act is told"
mv "$P/syncs/orders.yml" "$P/orders.yml"
other 2 state purge -p "$P" orders
other 0 state purge -p "$P" orders --yes
rm -r "$P/.efferent"
other 0 state check -p "$P"
other 0 state import -p "$P" copy
printf x >> "$(find "$P/.efferent" -name 'snapshot-*' | head -n 1)"
other 1 state check -p "$P"
rm -r "$P/.efferent"
valid 2 adopt customers # there is something to take over
grep -q '"wants_yes":true' out.json || fail "it is not said that --yes is wanted"
other 0 connector list
other 0 connector show salesforce
other 2 connector show nosuch
other 0 connector new -p "$P" acme
other 0 connector test -p "$P" acme
echo 'x: 1' >> "$P/connectors/acme/connector.yaml"
other 2 connector test -p "$P" acme
rm -r "$P/connectors"
other 0 dbt exposures -p "$P"
other 0 version
for page in reference schema cli problems connectors "connector http"; do
    # shellcheck disable=SC2086 # two words
    other 0 docs $page
    [ "$(j '$.text' | wc -l)" -gt 20 ] || fail "the page is short"
done
other 0 completion bash
other 0 help
other 0 help run
other 0 run --help
other 0
other 2 docs nosuch
other 2 sandbox slack
other 2 frobnicate
other 2 serve
for command in run plan check verify adopt status rows retry approve reset forget state connector dbt; do
    other 2 $command --nosuch
done
about "$documents documents"
all_fit || fail "some are not what the schemas say"
finish
