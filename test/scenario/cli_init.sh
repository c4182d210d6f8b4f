#!/bin/sh
# timeout: 120
#
# Goal: from nothing to a first sync in minutes, offline: what `init` writes works, and does what
# its README tells.
# Method: make each template, do what the README says, and look at the databases over there.
. "$EFF_SRC/test/lib/scenario.sh"

about starter
run_eff init shop
same "exit code of init" 0 "$CODE"
for word in "cd shop && efferent check" "efferent plan" "efferent run"; do says "$word"; done
P=$EFF_TMP/shop
eff 0 check
eff 0 plan
counts customers read=10 added=10 planned=10
[ ! -d "$P/.efferent" ] || fail "a plan leaves a state behind"
rows_are "$P/crm.db" 'select count(*) from contact' 0
eff 0 run
counts customers read=10 added=10 planned=10
rows_are "$P/crm.db" 'select full_name, email, lifetime_value, segment from contact where external_id = 6' \
    'Anna Karenina|anna@petersburg.example|9|Regular'
same "lines of the file" 12 "$(cat "$P"/out/*.jsonl | wc -l | tr -d ' ')"
eff 0 run
counts customers read=10

about "what the README changes"
db "$P/shop.db" "INSERT INTO book_order VALUES (113, 8, 'A Scandal in Bohemia', 120, '2026-04-01')"
eff 0 plan customers
counts customers read=10 changed=1 planned=1
eff 0 run
rows_are "$P/crm.db" 'select lifetime_value, segment from contact where external_id = 8' '120|High value'
same "lines of the file" 13 "$(cat "$P"/out/*.jsonl | wc -l | tr -d ' ')"
db "$P/shop.db" "DELETE FROM customer WHERE customer_id > 3"
eff 3 run customers
counts customers read=3 removed=7 planned=7 held=7
eff 0 approve customers "$(j '$.syncs[0].plan')"
eff 0 run customers
counts customers read=3 removed=7 planned=7
rows_are "$P/crm.db" 'select count(*) from contact' 3

about "init overwrites nothing"
before=$(cat "$P/efferent.yml")
run_eff init shop
same "exit code" 2 "$CODE"
says "already"
same "efferent.yml" "$before" "$(cat "$P/efferent.yml")"
mkdir half
echo mine > half/shop.db
run_eff init half
same "exit code" 2 "$CODE"
says "half/shop.db"
same "what was there" mine "$(cat half/shop.db)"
[ ! -e half/efferent.yml ] || fail "half a project was written"
run_eff init other --template strater
same "exit code" 2 "$CODE"
says "starter"
[ ! -e other ] || fail "a folder was made for nothing"
mkdir deep && (cd deep && "$EFFERENT" init > /dev/null && "$EFFERENT" run > /dev/null) || fail "init here"

about "init in a clone"
mkdir "it's mine"
echo mine > "it's mine/README.md"
printf '*.log' > "it's mine/.gitignore"
run_eff init "it's mine"
same "exit code" 0 "$CODE"
says "EFFERENT.md tells"
says "cd 'it'\\''s mine' && efferent check"
same "the README" mine "$(cat "it's mine/README.md")"
same ".gitignore" "*.log .efferent/ out/ *.db" "$(xargs < "it's mine/.gitignore")"

about crm
run_eff init crm --template crm
P=$EFF_TMP/crm
case $(ls -l "$P/secrets.env") in -rw-------*) ;; *) fail "secrets.env can be read by others" ;; esac
grep -q secrets.env "$P/.gitignore" || fail "secrets.env would go into git"
sandbox salesforce hubspot
sed "s|http://127.0.0.1:8100|$SF|; s|http://127.0.0.1:8101|$HS|" "$P/efferent.yml" > yml && cat yml > "$P/efferent.yml"
eff 0 check
eff 0 run
records "$SF" Lead
rows_are records.db "select count(*), sum(f ->> '$.Rating' = 'Hot') from r" '10|3'
records "$HS" contacts
rows_are records.db "select f ->> '$.firstname' from r where f ->> '$.email' = 'anna@petersburg.example'" Anna
ask "$SF/_sandbox/faults" '{"rules": [{"match": {"writes": true, "nth": 1}, "then": {"status": 503}}]}'
db "$P/shop.db" "UPDATE customer SET first_name = 'Eliza' WHERE customer_id = 1"
eff 0 run leads
counts leads read=10 changed=1 planned=1
same retries 1 "$(j '$.syncs[0].retries')"
finish
