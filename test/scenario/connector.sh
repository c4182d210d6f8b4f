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

about "where each comes from, and what it can do"
mine=connectors/my_crm/connector.yaml
sed -i 's/putt: /put: /; /status: 500/d' $mine
cp $mine good.yaml
mkdir connectors/slack
sed 's/my_crm/slack/; s/^title: .*/title: Our Slack/' good.yaml > connectors/slack/connector.yaml
here 0 list --no-color
line_is() { grep -qx -- "$1" out.json || fail "no line is: $1"; }
line_is 'slack  *Our Slack  (this project, in the place of the built-in one)'
line_is 'my_crm  *My_crm  (this project)'
line_is 'hubspot  *HubSpot'
here 0 list --output json
same "own, overriding" 'hubspot 0 0
my_crm 1 0
slack 1 1' "$(sqlite3 :memory: "select value ->> '$.name' || ' ' || (value ->> '$.own') || ' ' || (value ->> '$.overrides')
    from json_each(cast(readfile('out.json') as text), '$.connectors')
    where value ->> '$.name' in ('hubspot', 'my_crm', 'slack') order by 1")"
here 0 show slack
line_is '  from        this project, in the place of the built-in one'
here 0 show my_crm
line_is '  from        this project'
says '{url}, over https to api.my_crm.example and hosts'
line_is '  limits      10 requests per second'
line_is '  modes       upsert, mirror'
line_is '  on_removed  delete'
line_is '  upsert      converge, 1 row a request'
line_is '  read back   no'
here 0 show my_crm --output json
same hosts '["api.my_crm.example"]' "$(j '$.hosts')"
same modes '["upsert","mirror"]' "$(j '$.objects[0].modes')"
same class converge "$(j '$.objects[0].operations[0].class')"
here 0 show salesforce
line_is '  API version 60.0 (`api_version`)'
here 2 show my_crn
says 'Did you mean `my_crm`?'
rm -r connectors/slack

about "the folder's name is the connector's"
change() { # SED WHERE SAYS: list, test and check refuse the file with that change
    sed "$1" good.yaml > $mine
    for command in 'connector list' 'connector test my_crm' check; do
        # shellcheck disable=SC2086 # words
        run_eff $command
        same "exit code of $command" 2 "$CODE"
        says "$mine:$2"
        says "$3"
    done
}
change 's/^connector: .*/connector: your_crm/' 3:12 'stands in a folder of another name'

about "no address leads elsewhere"
change 's|https://api.my_crm.example|https://127.0.0.1:18999|' 8:29 'leads to no host that `hosts` names'
change 's|https://api.my_crm.example|https://evil.example|' 8:29 'leads to no host that `hosts` names'
change 's|^base: .*|base: "http://127.0.0.1:18999"|' 12:7 'opens with https://'
change 's|^base: .*|base: "file:///etc/passwd"|' 12:7 'opens with https://'
change 's|^hosts: .*|hosts: [api.my_crm.example, 169.254.169.254]|' 11:29 'no addresses or ports'
change 's|^hosts: .*|hosts: ["*.co.uk", api.my_crm.example]|' 11:9 "below a domain that is a vendor's own"

about "nothing of a file acts on a terminal"
change 's|^title: .*|title: "Foo\\e[31mred\\e]0;pwn\\a"|' 4:8 'cannot be seen, found U+001B'
change 's|help: Address of the API.|help: "a\\e[2Jb"|' 8:65 'cannot be seen, found U+001B'

about "what is refused on this side is no request"
sed 's|api.my_crm.example|x.localhost|' good.yaml > $mine # curl knows that it is this machine
cat >> efferent.yml << END
  mine: {type: my_crm, token: t}
  hubspott: {type: hubspott}
END
run_eff check
says 'Did you mean `hubspot`?'
sed -i 's/type: hubspott/type: fooooooooooo/' efferent.yml
run_eff check
says '`efferent connector list` lists them.'
sed -i /fooooooooooo/d efferent.yml
sync refused << END
sync: refused
sql: select 1 as id, 'a' as name
key: id
to: mine.people
fields: [name]
END
for what in 'describe: ' ''; do # before the first row, and with it
    run_eff run refused --output json
    same "exit code" 1 "$CODE"
    one_problem "${what}nothing is sent to My_crm: *"
    same code EFF2001 "$(problems "p ->> '$.code'")"
    same "what was sent" '0 0 0 0' "$(j '$.syncs[0].requests') $(j '$.syncs[0].retries') $(j '$.syncs[0].bytes_sent') $(j '$.syncs[0].calls_other')"
    sed -i '/^objects:/,/^$/d' $mine
done
says 'writes that host in an option of type url'

about "a folder in the place of a file"
rm $mine
mkdir $mine
here 2 test my_crm
says "connector.yaml: it is a folder, not a file"
finish
