#!/bin/sh
# timeout: 120
#
# Goal: the command line says what it takes, refuses the rest by name, and keeps its promises about
# streams: one document on standard output, everything else on standard error.
# Method: good and bad command lines in and out of a project; every document is parsed.
. "$EFF_SRC/test/lib/scenario.sh"

refused() { # TEXT ARGS...: exit code 2, said on standard error, and as a document
    about "efferent $*"
    refused_text=$1
    shift
    run_eff "$@"
    same "exit code" 2 "$CODE"
    [ ! -s out.json ] || fail "something on standard output"
    grep -Fq -- "$refused_text" err.txt || fail "it does not say: $refused_text"
    run_eff "$@" --output json
    same "exit code as json" 2 "$CODE"
    [ ! -s err.txt ] || fail "something on standard error"
    same "exit code in the document" 2 "$(j '$.exit_code')"
    same "status" failed "$(j '$.status')"
    grep -Fq -- "$(printf %s "$refused_text" | sed 's/"/\\"/g')" out.json || fail "the document does not say: $refused_text"
}

refused "Did you mean \`efferent run\`?" rnu
refused "Did you mean --select?" run --selekt x
refused "not in this version yet" serve --port 3
refused "not in this version yet" serve anything goes
refused "there is none here" connector new x
refused "does not know \`shw x\`" connector shw x
refused "\`efferent connector new\` wants a name" connector new
refused "there is no efferent.yml" run
refused "there is no efferent.yml in ." plan --project .
refused "there is no folder nowhere" status --project nowhere
refused "\`efferent version\` does not take --jobs" version --jobs 2
refused "Usage: efferent approve SYNC DIGEST" approve
refused "does not know \`tcsh\`" completion tcsh
refused "does not know \`novel\`" docs novel
refused "there is no connector \`hubspt\`" connector show hubspt

about help
run_eff
same "exit code" 0 "$CODE"
says "efferent init"
for command in $("$EFFERENT" | sed -n '/^Commands/,/^Not/s/^  \([a-z]*\) .*/\1/p'); do
    run_eff help "$command"
    cp out.json help.txt
    says "Examples"
    run_eff "$command" --help
    cmp -s help.txt out.json || fail "help $command is not $command --help"
    says "--output text|json"
done
COLUMNS=60 "$EFFERENT" run --help | awk 'length > 100 { print; exit 1 }' || fail "too wide"

about version
run_eff help version
if grep -n ' $' out.json; then fail "blanks at the ends of lines"; fi
run_eff version
grep -Eq '^efferent [0-9]+\.[0-9]+\.[0-9]+$' out.json || fail "the version is not plain"
run_eff version --output json
same "version" "$("$EFFERENT" version)" "efferent $(j '$.version')"
same "--version" "$("$EFFERENT" version)" "$("$EFFERENT" --version)"

about "a connector's options as JSON"
run_eff connector show salesforce --output json
document_good connector
same "what is needed" instance_url "$(sqlite3 :memory: "select value ->> '$.name' from json_each(cast(
    readfile('out.json') as text), '$.options') where value ->> '$.required' = 1")"

about "pages"
run_eff docs schema
sqlite3 :memory: "select json_valid(cast(readfile('out.json') as text))" | grep -q 1 || fail "no JSON"
for page in reference cli problems; do
    run_eff docs $page
    head -n 1 out.json | grep -q '^# ' || fail "docs $page has no title"
done
"$EFFERENT" completion bash > c.bash && bash -n c.bash || fail "completion for bash does not parse"
bash -c '. ./c.bash; COMP_WORDS=(efferent pl); COMP_CWORD=1; _efferent; echo "${COMPREPLY[*]}"' | grep -qx plan ||
    fail "bash does not complete pl"
bash -c '. ./c.bash; COMP_WORDS=(efferent run --sel); COMP_CWORD=2; _efferent; echo "${COMPREPLY[*]}"' |
    grep -qx -- --select || fail "bash does not complete --sel"
run_eff completion fish
says "complete -c efferent"

about "in a project"
"$EFFERENT" init shop > /dev/null
P=$EFF_TMP/shop
PATH=$(dirname "$EFFERENT"):$PATH
(cd shop && bash -c '. ../c.bash; COMP_WORDS=(efferent run cu); COMP_CWORD=2; _efferent; echo "${COMPREPLY[*]}"') |
    grep -qx customers || fail "bash does not complete a sync"
(cd shop/syncs && "$EFFERENT" plan > /dev/null) || fail "the project is not found from a folder below"
run_eff status --project shop/efferent.yml
same "exit code with the file named" 0 "$CODE"
refused "there is no sync \`costumers\`" rows costumers --project shop
refused "Did you mean \`customers\`?" rows costumers --project shop
refused "has not run yet" retry customers --project shop
refused "there is no folder nowhere" plan --state nowhere --project shop
run_eff run --project shop --select tag:nothing
same "exit code of an empty selection" 2 "$CODE"

about "logs"
run_eff run -p shop --log-format json -o json
document_good run
[ -s err.txt ] || fail "no events"
while IFS= read -r line; do
    printf %s "$line" > line.txt
    sqlite3 :memory: "select json_extract(cast(readfile('line.txt') as text), '$.time', '$.level', '$.event')" \
        > /dev/null || fail "no JSON on standard error: $line"
done < err.txt
grep -q '"event":"sync","sync":"orders".*"status":"ok"' err.txt || fail "the end of a sync is not logged"

about "a plan ends with what a run would do, also when it would fail"
sed -i 's/FROM book_order/FROM nowhere/' shop/syncs/orders.yml
db shop/shop.db "update customer set email = email || 'x', last_name = last_name || ' the Younger' where customer_id < 3"
run_eff plan -p shop
says 'would send 2 rows in about 1 request, and'
says 'fail in 1 sync.'
if grep -n ' $' out.json; then fail "blanks at the ends of lines"; fi
sed -i 's/FROM nowhere/FROM book_order/' shop/syncs/orders.yml

about "what changed at the end of a long value is shown"
db shop/shop.db "update customer set email = hex(zeroblob(60)) || '@example.com' where customer_id = 3"
run_eff run -p shop
db shop/shop.db "update customer set email = replace(email, '.com', '.net') where customer_id = 3"
LC_ALL=C run_eff plan -p shop customers
says '...example.com" -> ...example.net"'

about "a status names what is switched off"
sed -i '1i enabled: false' shop/syncs/orders.yml
run_eff status -p shop
grep -Eq '^orders +off ' out.json || fail "it does not"
sed -i 1d shop/syncs/orders.yml

about "a project without syncs"
project none < /dev/null
refused "the project has no sync yet" check --project none
P=$EFF_TMP/shop

about "a check counts nothing, also when it has a note"
sed 's/sync: customers/sync: twice/' shop/syncs/customers.yml > shop/syncs/twice.yml
run_eff check -p shop
same "exit code" 0 "$CODE"
says EFF2124
says 'customers  ok'
says_not 'read'
rm shop/syncs/twice.yml

about "what the files alone tell is told without connecting"
sed -i 's/last_order: last_order/last_order: {from: last_order, format: "%Q"}/' shop/syncs/customers.yml
run_eff check -p shop --offline -o json
same "exit code" 2 "$CODE"
one_problem 'format has an unknown directive `%Q`' "syncs/customers.yml:$(grep -n %Q shop/syncs/customers.yml | cut -d: -f1):3"
sed -i 's/{from: last_order, format: "%Q"}/last_order/' shop/syncs/customers.yml

about "no colours, no live lines without a terminal"
run_eff run -p shop
if grep -q "$(printf '\033')" out.json err.txt; then fail "escape codes in a file"; fi
[ ! -s err.txt ] || fail "something on standard error"

about "whoever stops reading"
"$EFFERENT" plan -p shop 2> err.txt | head -n 1 > /dev/null
[ ! -s err.txt ] || fail "a closed pipe is complained about"
if [ -c /dev/full ]; then
    "$EFFERENT" plan -p shop -o json > /dev/full 2> err.txt
    same "exit code on a full disk" 1 $?
    says "cannot write"
fi

about "all mistakes at once"
printf 'sync: one\ntable: t\nkey: id\ntoo: a.b\nfields: [x]\n' > shop/syncs/one.yml
run_eff run -p shop
same "exit code" 2 "$CODE"
grep -q '^syncs/one.yml:4:1: unknown key `too`$' err.txt || fail "the place of the mistake"
grep -q '^  Did you mean `to`?$' err.txt || fail "the hint"
says "2 mistakes"
finish
