#!/bin/sh
# timeout: 120
#
# Goal: who writes a connector begins with one that holds, and is told what does not, where it stands.
# Method: begin one, try it, use it against a server of the same API, break file and cases one way at a time.
. "$EFF_SRC/test/lib/scenario.sh"

"$EFFERENT" init p > /dev/null || fail init
cd p || exit 1
P=$PWD
here() { # CODE ARGS...: efferent connector ARGS
    here_code=$1
    shift
    run_eff connector "$@"
    same "exit code of connector $*" "$here_code" "$CODE"
}

about "a new one holds at once"
here 0 new my_crm
same files "connectors/my_crm/README.md
connectors/my_crm/cases/people.yaml
connectors/my_crm/connector.yaml" "$(find connectors -type f | sort)"
if grep -rqi acme connectors; then fail "the template's name is left"; fi
here 0 test my_crm
grep -Eq '^my_crm: 4 cases, [0-9]+ replays' out.json || fail "it does not say what was done"
here 0 test my_crm --output json
same cases 4 "$(j '$.cases')"
[ "$(j '$.replays')" -gt 50 ] || fail "too few replays"
[ "$(j '$.not_shown')" = '["whole-batch failure","unicode","64-bit id","nested","unknown field","empty batch","maximum batch"]' ] ||
    fail "what the cases do not show: $(j '$.not_shown')"
here 0 list
says my_crm
here 0 show my_crm
says "An API key that may write records."
here 0 test connectors/my_crm/
(cd connectors && "$EFFERENT" connector test my_crm > /dev/null) || fail "not from a folder below"
(cd / && "$EFFERENT" connector test "$P/connectors/my_crm" > /dev/null) || fail "not from outside of a project"

about "what is there is not overwritten, and what is no name is none"
here 2 new my_crm
says 'there is a connector `my_crm` already'
here 2 new hubspot
here 2 new Bad-name
says "cannot be the name of a connector"
here 2 test nosuch
says 'there is no connector `nosuch`'

about "those that come along hold too"
for name in salesforce hubspot slack klaviyo; do
    here 0 test $name
    [ "$(wc -l < out.json)" = 1 ] || fail "$name does not show all: $(cat out.json)"
done

about "mistakes, with their places"
cases=connectors/my_crm/cases/people.yaml
cp $cases good.yaml
wrong() { # SED WHERE SAYS
    sed "$1" good.yaml > $cases
    here 1 test my_crm
    says "$cases:$2"
    says "$3"
    run_eff connector test my_crm --output json
    same "problems" 1 "$(problems 'count(*)')"
    same "code" EFF1501 "$(problems "p ->> '$.code'")"
    same "where" "$cases:$2" "$(problems "p ->> '$.where'")"
}
wrong 's/remote_id: p-7/remote_id: p-8/' 12:12 'expected remote_id p-8, got p-7'
wrong 's/{refused: blank/{refused: empty/' 12:43 'expected code empty, got blank'
wrong 's/json: {name: Zoe, score: 1.5}/json: {name: Zoe, score: 2}/' 8:13 'expected the body {"name":"Zoe","score":2}'
wrong 's|put: /v1/people/8|put: /v2/people/8|' 10:13 'expected address /v2/people/8, got /v1/people/8'
wrong 's/answer: {json: {id: p-7}}/answer: {status: 500}/' 12:12 'row 0: expected applied'
cp good.yaml $cases
echo 'case: [' > connectors/my_crm/cases/broken.yaml
here 1 test my_crm
says "connectors/my_crm/cases/broken.yaml:2:1: YAML"
printf 'case: x\nrow: []\n' > connectors/my_crm/cases/broken.yaml
here 1 test my_crm
says 'connectors/my_crm/cases/broken.yaml:2:1: unknown key `row`'
rm connectors/my_crm/cases/broken.yaml

about "a connector that claims too much is caught by the replays"
sed -i 's/^errors:/errors:\n  - {status: 500, then: not_applied}/' connectors/my_crm/connector.yaml
here 1 test my_crm
says "500 before: row 1: may have been applied, but is said not to be"
sed -i 's/    put: /    putt: /' connectors/my_crm/connector.yaml
here 2 test my_crm
says 'connectors/my_crm/connector.yaml:32:5: unknown key `putt`'

about "no cases are no proof"
mkdir -p elsewhere/acme
sed 's/my_crm/acme/; s/putt: /put: /; /status: 500/d' connectors/my_crm/connector.yaml > elsewhere/acme/connector.yaml
here 2 test elsewhere/acme
says "there are no cases in elsewhere/acme/cases"
finish
