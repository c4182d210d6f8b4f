#!/bin/sh
# timeout: 180
#
# Goal: whatever a user does wrong gives one clear message at the right place and the right exit
# code, loses nothing, and once it is mended, everything arrives.
# Method: one good project; break one thing, run, look at the message, the document and the target;
# mend it, run again, and compare the target with the model.
# covers: B13, C9, E3, F4, G5
. "$EFF_SRC/test/lib/scenario.sh"

SYNC='sync: contacts
sql: SELECT id, email, score FROM customer
key: id
to: crm.contact
mode: mirror
fields: [email, score]'

start() { # NAME: 20 customers, an empty table
    about "$1"
    project "$1" << 'END'
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: sqlite, path: crm.db}}
END
    mended
    db "$P/shop.db" "create table customer (id integer primary key, email text, score int);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 20)
        insert into customer select i, 'c' || i || '@example.com', i * 10 from n"
    db "$P/crm.db" "create table contact (id integer primary key, email text, score int)"
}
mended() { printf '%s\n' "$SYNC" > "$P/syncs/contacts.yml"; }

# After whatever went wrong: a run delivers all that is missing, and the table is the model.
arrives() {
    eff 0 run
    tables_equal "after mending" "$P/shop.db" 'select id, email, score from customer' \
        "$P/crm.db" 'select id, email, score from contact'
}
untouched() { rows_are "$P/crm.db" 'select count(*) from contact' 0; }

# The same mistake told to a person: on standard error, nothing on standard output but what is asked.
told() { # CODE TEXT ARGS...
    lib_want=$1
    lib_text=$2
    shift 2
    run_eff "$@"
    [ "$CODE" = "$lib_want" ] || fail "efferent $*: exit code $CODE, expected $lib_want"
    grep -Fq -- "$lib_text" out.json err.txt || fail "nothing says: $lib_text"
}

# ---- mistakes in files: exit code 2, nothing is opened ----

file_mistake() { # NAME MESSAGE WHERE HINT, the sync from standard input
    start "$1"
    cat > "$P/syncs/contacts.yml"
    eff 2 run
    one_problem "$2" "$3"
    says "${4:-}"
    same "syncs" '[]' "$(j '$.syncs')"
    [ ! -e "$P/.efferent" ] || fail "a state was made"
    told 2 "$3" run -p "$P"
    untouched
    mended
    arrives
}

file_mistake broken_yaml '*' syncs/contacts.yml:4:5 << 'END'
sync: contacts
sql: SELECT id, email, score FROM customer
key: id
to: 'crm.contact
mode: mirror
END
file_mistake tab '*tab*' syncs/contacts.yml:4:1 << 'END'
sync: contacts
sql: SELECT id, email, score FROM customer
to:
	destination: crm
END
file_mistake unknown_key '*feilds*' syncs/contacts.yml:6:1 fields << 'END'
sync: contacts
sql: SELECT id, email, score FROM customer
key: id
to: crm.contact
mode: mirror
feilds: [email, score]
fields: [email]
END
file_mistake twice '*twice*' syncs/contacts.yml:5:1 << 'END'
sync: contacts
sql: SELECT id, email, score FROM customer
key: id
to: crm.contact
key: id
fields: [email, score]
END
file_mistake no_destination '*no destination "crn"*' syncs/contacts.yml:4:5 '`crm`' << 'END'
sync: contacts
sql: SELECT id, email, score FROM customer
key: id
to: crn.contact
fields: [email, score]
END
file_mistake bad_mode '*mode*' syncs/contacts.yml:5:7 << 'END'
sync: contacts
sql: SELECT id, email, score FROM customer
key: id
to: crm.contact
mode: mirrored
fields: [email, score]
END
file_mistake later '*not in this version yet*' syncs/contacts.yml:5:1 << 'END'
sync: contacts
sql: SELECT id, email, score FROM customer
key: id
to: crm.contact
schedule: {every: 5m}
fields: [email, score]
END
file_mistake bad_name '*' syncs/contacts.yml:1:7 << 'END'
sync: ../../etc
sql: SELECT id, email, score FROM customer
key: id
to: crm.contact
fields: [email, score]
END

start several_mistakes
sync contacts << 'END'
sync: contacts
sql: SELECT id, email, score FROM customer
kay: id
to: crm.contact
mode: miror
fields: []
END
eff 2 run
same "all mistakes at once" yes "$(problems "case when count(*) >= 3 then 'yes' else count(*) end")"
mended
arrives

start same_name_twice
printf '%s\n' "$SYNC" > "$P/syncs/other.yml"
eff 2 run
one_problem '*contacts*'
rm "$P/syncs/other.yml"
arrives

start no_such_folder
eff 0 plan
run_eff run -p "$P/nowhere" --output json
same "exit code" 2 "$CODE"
document_good run
told 2 nowhere run -p "$P/nowhere"
arrives

about "no project"
P=$EFF_TMP/nothing
mkdir "$P"
told 2 'efferent init' run -p "$P"
eff 2 run
one_problem '*efferent.yml*'

start empty_project
rm "$P/syncs/contacts.yml"
eff 2 run
one_problem '*no sync*'
: > "$P/efferent.yml"
eff 2 run
printf 'sources: {shop: {type: sqlite, path: shop.db}}\ndestinations: {crm: {type: sqlite, path: crm.db}}\n' > "$P/efferent.yml"
mended
arrives

start sync_without_project_file
rm "$P/efferent.yml"
eff 2 run
one_problem '*efferent.yml*'

start secrets_that_are_missing
cat > "$P/efferent.yml" << 'END'
sources: {shop: {type: sqlite, path: "${EFF_TEST_NOT_SET}"}}
destinations: {crm: {type: sqlite, path: crm.db}}
END
eff 2 run
one_problem '*EFF_TEST_NOT_SET*' efferent.yml:1:39

# ---- the command line ----

start command_line
told 2 'no option' run -p "$P" --fast
told 2 'Did you mean' rum
told 2 'no command' frobnicate
told 2 'selects no sync' run -p "$P" contcats
told 2 'contacts' run -p "$P" contcats
told 2 'wants a number' run -p "$P" --limit many
told 2 'wants a number' run -p "$P" --limit -1
told 2 'wants a number' run -p "$P" --jobs 0
told 2 'wants a value' run -p "$P" --select
told 2 'does not take' approve -p "$P" --limit 5 contacts 00000000
told 2 'text|json' run -p "$P" --output yaml
told 2 'target' run -p "$P" --target prod
told 2 'not in this version yet' serve
told 2 '' approve -p "$P" contacts
told 2 '' approve -p "$P" nosuch 12345678
run_eff run -p "$P" --output json --fast
document_good run
one_problem '*--fast*'
run_eff --output json frobnicate
same "exit code" 2 "$CODE"
document_good ''
untouched
arrives

# ---- the model ----

model_mistake() { # NAME CODE MESSAGE SQL
    start "$1"
    printf 'sync: contacts\nkey: id\nsql: %s\nto: crm.contact\nfields: [email, score]\nmode: mirror\n' "$4" > "$P/syncs/contacts.yml"
    eff "$2" run
    one_problem "$3" "${5:-syncs/contacts.yml:3:6}"
    same "read" 0 "$(j '$.syncs[0].read')"
    untouched
    eff "${6:-1}" plan
    rows_are "$P/shop.db" 'select count(*), sum(score) from customer' '20|2100'
    mended
    arrives
}
model_mistake no_table 1 '*no such table: costumer*' 'SELECT id, email, score FROM costumer'
model_mistake syntax_error 1 '*near "FORM"*line 1, column 35*' 'SELECT id, email, score AS points FORM customer'
model_mistake model_writes 1 '*' 'DELETE FROM customer'
model_mistake model_writes_returning 1 '*' 'UPDATE customer SET score = 0 RETURNING id, email, score'
model_mistake model_makes 1 '*' 'CREATE TABLE t AS SELECT 1 AS id'
model_mistake model_attaches 1 '*' "ATTACH 'other.db' AS o"
model_mistake model_pragma 1 '*' '"PRAGMA user_version = 7"'
model_mistake two_statements 1 '*' '"SELECT id, email, score FROM customer; DELETE FROM customer"'
model_mistake only_a_comment 1 '*' '"-- SELECT 1"'
model_mistake duplicate_columns 1 '*score*' 'SELECT id, email, score, id AS score FROM customer'
model_mistake missing_column 1 '*no column*email*did you mean*emial*' \
    'SELECT id, email AS emial, score FROM customer' syncs/contacts.yml:5:10
model_mistake missing_key 1 '*no column*`id`*' 'SELECT id AS ident, email, score FROM customer' syncs/contacts.yml:2:6

start semicolon_and_comment # fine as they are
sync contacts << 'END'
sync: contacts
sql: |
  -- the ones we know
  SELECT id, email, score FROM customer; -- that is all
key: ID
match: {id: Id}
to: crm.contact
mode: mirror
fields: {email: EMAIL, score: Score}
END
arrives

start model_file
mkdir "$P/models"
printf 'SELECT id, email, score\nFROM customer\nWHERE\n' > "$P/models/contacts.sql"
printf 'sync: contacts\nmodel: ../models/contacts.sql\nkey: id\nto: crm.contact\nmode: mirror\nfields: [email, score]\n' > "$P/syncs/contacts.yml"
eff 1 run
one_problem '*incomplete input*'
printf 'SELECT id, email, score\nFROM customer\n' > "$P/models/contacts.sql"
arrives
rm "$P/models/contacts.sql"
eff 2 run
one_problem '*models/contacts.sql*' syncs/contacts.yml:2:8

start a_query_that_fails_late # nothing of what was read before it may count
sync contacts << 'END'
sync: contacts
sql: SELECT id, email, CASE WHEN id = 17 THEN json('{') ELSE score END AS score FROM customer ORDER BY id
key: id
to: crm.contact
mode: mirror
fields: [email, score]
END
eff 1 run
one_problem '*malformed JSON*'
untouched
mended
arrives
sync contacts << 'END'
sync: contacts
sql: SELECT id, email, CASE WHEN id = 17 THEN json('{') ELSE score END AS score FROM customer ORDER BY id
key: id
to: crm.contact
mode: mirror
fields: [email, score]
END
eff 1 run # a read that breaks off removes nothing
rows_are "$P/crm.db" 'select count(*) from contact' 20
mended
arrives

# ---- the source's file ----

start missing_database
mv "$P/shop.db" "$P/elsewhere.db"
eff 1 run
one_problem '*shop.db*'
[ ! -e "$P/shop.db" ] || fail "an empty database was made"
mv "$P/elsewhere.db" "$P/shop.db"
arrives
start source_is_a_folder
mv "$P/shop.db" "$P/elsewhere.db"
mkdir "$P/shop.db"
eff 1 run
one_problem '*shop.db*'
rmdir "$P/shop.db"
mv "$P/elsewhere.db" "$P/shop.db"
arrives
start source_is_no_database
mv "$P/shop.db" "$P/elsewhere.db"
echo 'id,email,score' > "$P/shop.db"
eff 1 run
one_problem '*shop.db is not a SQLite database*'
mv "$P/elsewhere.db" "$P/shop.db"
arrives
start source_is_cut
db "$P/shop.db" "with recursive n(i) as (select 100 union all select i + 1 from n where i < 3000)
    insert into customer select i, 'c' || i || '@example.com', i * 10 from n"
arrives
cp "$P/shop.db" whole.db
head -c 20000 whole.db > "$P/shop.db"
eff 1 run
rows_are "$P/crm.db" 'select count(*) from contact' 2921
cp whole.db "$P/shop.db"
arrives

# ---- the target ----

start no_such_target_table
db "$P/crm.db" 'alter table contact rename to contacts'
eff 1 run
one_problem '*contact*' syncs/contacts.yml:4:5
says 'contacts' # the nearest name
eff 3 plan
db "$P/crm.db" 'alter table contacts rename to contact'
arrives
start no_such_target_file
mv "$P/crm.db" "$P/elsewhere.db"
eff 1 run
one_problem '*crm.db*'
[ ! -e "$P/crm.db" ] || fail "an empty database was made"
mv "$P/elsewhere.db" "$P/crm.db"
arrives
start unknown_target_field # only this column stops
db "$P/crm.db" 'alter table contact rename column score to points'
eff 3 run
same "status" held "$(j '$.syncs[0].status')"
same "fields held" '["score"]' "$(j '$.syncs[0].fields_held')"
one_problem '*score*' syncs/contacts.yml:6:17
rows_are "$P/crm.db" 'select count(*), count(email), count(points) from contact' '20|20|0'
eff 3 plan
db "$P/crm.db" 'alter table contact rename column points to score'
arrives
start unknown_match_field # nothing can be sent
db "$P/crm.db" 'alter table contact rename column id to id_'
eff 1 run
one_problem '*contact.id*'
says 'Did you mean `id_`? Name it in `match:`.'
eff 3 plan
db "$P/crm.db" 'alter table contact rename column id_ to id'
arrives
start no_unique_index # nor one on these columns alone
db "$P/crm.db" 'drop table contact; create table contact (id int, email text, score int, unique (id, email));
    create unique index p on contact (id) where score > 0; create unique index e on contact (abs(id))'
eff 3 check
one_problem '*has no unique index*'
eff 3 plan
one_problem '*has no unique index*'
run_eff run -p "$P" --output json
same "exit code" 1 "$CODE"
one_problem '*has no unique index*'
says 'CREATE UNIQUE INDEX'
db "$P/crm.db" 'create unique index u on contact (id)'
arrives
start a_row_the_target_refuses
db "$P/crm.db" "drop table contact;
    create table contact (id integer primary key, email text not null, score int check (score < 150))"
db "$P/shop.db" 'update customer set email = null where id = 3'
eff 3 run
counts contacts read=20 added=20 planned=20 delivered=13 rejected=7
rows_are "$P/crm.db" 'select count(*) from contact' 13
db "$P/shop.db" "update customer set email = 'c3' where id = 3; update customer set score = 1 where score >= 150"
arrives
start target_is_a_view
db "$P/crm.db" 'alter table contact rename to t; create view contact as select * from t'
run_eff run -p "$P" --output json
[ "$CODE" = 1 ] || [ "$CODE" = 3 ] || fail "exit code $CODE"
says 'view'
db "$P/crm.db" 'drop view contact; alter table t rename to contact'
arrives

start locked_target
mkfifo lock
sqlite3 "$P/crm.db" < lock > /dev/null 2>&1 &
LOCKER=$!
exec 3> lock
echo 'begin exclusive; select 1;' >&3
sleep 0.3
run_eff run -p "$P" --output json
[ "$CODE" = 1 ] || [ "$CODE" = 3 ] || fail "exit code $CODE"
document_good run
says locked
exec 3>&-
wait "$LOCKER"
rm lock
arrives

# ---- the state ----

start second_run
sync contacts << 'END'
sync: contacts
sql: |
  WITH RECURSIVE wait(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM wait WHERE i < 300000000)
  SELECT id, email, score FROM customer WHERE (SELECT count(*) FROM wait) > 0
key: id
to: crm.contact
mode: mirror
fields: [email, score]
END
"$EFFERENT" run -p "$P" > first.txt 2>&1 &
FIRST=$!
until [ -s "$P/.efferent/contacts/lock" ]; do # it takes for ever, until it is told to stop
    kill -0 $FIRST || break
    sleep 0.02
done
eff 1 run
one_problem '*already running, in process*'
OWNER=$(problems "p ->> '$.message'" | grep -o '[0-9]*$')
kill -0 "$OWNER" 2> /dev/null || fail "there is no process $OWNER"
eff 0 status
same "one is under way" 1 "$(j '$.syncs[0].running')"
same "what was refused is no run" '' "$(j '$.syncs[0].last_run.run')"
"$EFFERENT" status -p "$P" | grep -q '^contacts  *running' || fail "status does not show that it runs"
kill -TERM "$FIRST"
wait "$FIRST"
same "the first run was stopped" 1 $?
grep -q 'stopped on request' first.txt || fail "the first run says: $(cat first.txt)"
mended
arrives

start state_is_a_file
: > "$P/.efferent"
eff 1 run
one_problem '*.efferent*'
rm "$P/.efferent"
arrives
start foreign_folder_as_state # somebody's files stay as they are
sed -i '1i state: notes' "$P/efferent.yml"
mkdir "$P/notes"
echo 'do not touch' > "$P/notes/todo.txt"
run_eff run -p "$P" --output json
same "the foreign file" 'do not touch' "$(cat "$P/notes/todo.txt")"
[ "$CODE" = 1 ] || [ "$CODE" = 2 ] || fail "a folder that is no state was taken: exit code $CODE"
untouched
sed -i 1d "$P/efferent.yml"
arrives
start state_of_garbage
eff 0 run
find "$P/.efferent" -type f -name '*.db' > files.txt
while read -r file; do head -c 3000 /dev/urandom > "$file"; done < files.txt
[ -s files.txt ] || fail "there is no control file"
eff 1 run
one_problem '*'
rm -r "$P/.efferent"
arrives
start state_must_exist
sed -i '1i state: {path: .efferent, must_exist: true}' "$P/efferent.yml"
eff 1 run
one_problem '*'
[ ! -e "$P/.efferent" ] || fail "a state was made"
untouched
sed -i 1d "$P/efferent.yml"
arrives
sed -i '1i state: {path: .efferent, must_exist: true}' "$P/efferent.yml"
arrives
start snapshot_is_gone # that nothing was ever delivered is not true: no removal and no silence
eff 0 run
find "$P/.efferent/contacts" -type f ! -name lock > files.txt
while read -r file; do : > "$file"; done < files.txt
eff 1 run
one_problem '*'
rows_are "$P/crm.db" 'select count(*) from contact' 20

if [ "$(id -u)" != 0 ]; then
    start unreadable_state
    eff 0 run
    chmod 0 "$P/.efferent"
    eff 1 run
    one_problem '*.efferent*'
    chmod 700 "$P/.efferent"
    arrives
fi
start unreadable_source # for nobody: root reads everything
chmod a+rx "$EFF_TMP"
if [ "$(id -u)" = 0 ] && command -v setpriv > /dev/null && setpriv --reuid 65534 --clear-groups test -r "$EFF_TMP" 2> /dev/null; then
    chmod 0 "$P/shop.db"
    chown -R 65534 "$P"
    setpriv --reuid 65534 --clear-groups "$EFFERENT" run -p "$P" --output json > out.json 2> err.txt
    same "exit code" 1 $?
    one_problem '*shop.db*'
    chmod 644 "$P/shop.db"

    about "plan_where_nothing_can_be_written"
    mkdir scratch
    chown 65534 scratch
    run_eff state export "$EFF_TMP/export" -p "$P" # of an earlier plan's folder, or of a CI's cache
    chown -R 0 "$P"
    chmod -R a+rX "$P" "$EFF_TMP/export"
    for from in "" "--state=$EFF_TMP/export"; do
        TMPDIR=$EFF_TMP/scratch setpriv --reuid 65534 --clear-groups "$EFFERENT" plan -p "$P" \
            --output json ${from:+"$from"} > out.json 2> err.txt
        same "exit code" 0 $?
        counts contacts read=20 added=20 planned=20
    done
fi

# ---- no room ----

nothing_left() { # what a run wrote that sent nothing must not keep the disk full for the others
    same "change files" '' "$(find "$P/tight" -name 'changes-*')"
}
start disk_full
db "$P/shop.db" "with recursive n(i) as (select 100 union all select i + 1 from n where i < 20000)
    insert into customer select i, 'c' || i || '@example.com', i * 10 from n"
sed -i '1i state: tight/state' "$P/efferent.yml"
mkdir "$P/tight"
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=300k none "$P/tight" 2> /dev/null; then
    eff 1 run
    nothing_left
    umount "$P/tight" || umount -l "$P/tight"
else
    (
        ulimit -f 400
        run_eff run -p "$P" --output json
        exit "$CODE"
    )
    CODE=$?
    same "exit code" 1 "$CODE"
    nothing_left
fi
one_problem '*'
grep -Eiq 'space|full|too large|File too large' out.json || fail "nothing says that the disk is full"
rows_are "$P/crm.db" 'select count(*) from contact' 0
rm -rf "$P/tight"
mkdir "$P/tight"
arrives

start target_disk_full
mkdir "$P/tight"
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=300k none "$P/tight" 2> /dev/null; then
    db "$P/shop.db" "with recursive n(i) as (select 100 union all select i + 1 from n where i < 20000)
        insert into customer select i, 'c' || i || '@example.com', i * 10 from n"
    mv "$P/crm.db" "$P/tight/"
    sed -i 's|crm.db|tight/crm.db|' "$P/efferent.yml"
    run_eff run -p "$P" --output json
    [ "$CODE" = 1 ] || [ "$CODE" = 3 ] || fail "exit code $CODE"
    document_good run
    says full
    mount -o remount,size=20m "$P/tight"
    eff 0 run
    tables_equal "after mending" "$P/shop.db" 'select id, email, score from customer' \
        "$P/tight/crm.db" 'select id, email, score from contact'
    umount "$P/tight" || umount -l "$P/tight"
fi

# ---- standard output ----

about "standard output that is full or gone"
start output_gone
"$EFFERENT" run -p "$P" --output json > /dev/full 2> err.txt
same "exit code" 1 $?
"$EFFERENT" run -p "$P" 2> err.txt | true
arrives

# ---- over the network ----

start unreachable_host
cat > "$P/efferent.yml" << 'END'
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: hubspot, url: "http://127.0.0.1:9", token: "x"}}
END
sed -i 's/crm.contact/crm.contacts/; s/mirror/upsert/; s/\[email, score\]/[email]/' "$P/syncs/contacts.yml"
eff 1 run
one_problem '*127.0.0.1*' efferent.yml:2:16
[ "$(j '$.seconds' | cut -d. -f1)" -lt 30 ] || fail "patience with a host that is not there has an end"
start unreachable_database
cat > "$P/efferent.yml" << 'END'
sources: {shop: {type: postgres, url: "postgresql://nobody@127.0.0.1:9/shop?connect_timeout=3"}}
destinations: {crm: {type: sqlite, path: crm.db}}
END
eff 1 run
one_problem '*127.0.0.1*' efferent.yml:1:11
untouched

about "a part of a password is no host, port or database that could be told"
cat > "$P/efferent.yml" << 'END'
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: postgres, url: "postgresql://nobody:canary/x@127.0.0.1:9/shop"}}
END
eff 1 run
one_problem '*the connection string cannot be read' efferent.yml:2:16
says_not canary

about "wrong credentials"
sandbox hubspot salesforce stripe klaviyo slack customerio google_data_manager
start wrong_credentials
cat > "$P/efferent.yml" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  hub: {type: hubspot, url: "$HS", token: "canary-wrong-token"}
  force: {type: salesforce, instance_url: "$SF", auth: {client_id: test-user, client_secret: canary-wrong-secret}}
END
sed -i 's/crm.contact/hub.contacts/; s/mirror/upsert/; s/\[email, score\]/[email]/; s/^key: id/key: id\nmatch: {email: email}/; s/^fields.*/fields: {firstname: score}/' "$P/syncs/contacts.yml"
eff 1 run
one_problem '*' efferent.yml:3:3
says_not canary
records "$HS" contacts
rows_are records.db 'select count(*) from r' 0
sed -i 's/hub.contacts/force.Contact/; s/^match.*/match: {Ext_Id__c: {from: id, cast: text}}/; s/^fields.*/fields: {LastName: email}/' "$P/syncs/contacts.yml"
eff 1 run
one_problem '*'
says_not canary
sed -i 's/canary-wrong-secret/test-secret/' "$P/efferent.yml"
eff 0 run
records "$SF" Contact
rows_are records.db 'select count(*) from r' 20

about "check proves the credential also where no schema can be asked for"
start unproven
cat > "$P/efferent.yml" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  billing: {type: stripe, url: "$STRIPE", token: canary-wrong-key}
  mail: {type: klaviyo, url: "$KLAVIYO", api_key: canary-wrong-key}
  chat: {type: slack, url: "$SLACK/api", token: canary-wrong-key}
  events: {type: customerio, url: "$CUSTOMERIO", app_url: "$CUSTOMERIO", site_id: test-site, api_key: canary-wrong-key}
  ads: {type: google_data_manager, url: "$GOOGLE_DATA_MANAGER", account_id: "1", token: canary-wrong-key}
END
cat > "$P/syncs/contacts.yml" << 'END'
{sync: customers, table: customer, key: id, to: billing.customers, match: {email: email}, fields: {name: score}}
---
{sync: profiles, table: customer, key: id, to: mail.profiles, match: {email: email}, fields: {first_name: score}}
---
{sync: members, table: customer, key: id, to: mail.Y6nRLr, mode: members, match: {email: email}}
---
{sync: messages, table: customer, key: id, to: chat.C0000000001, mode: append, fields: {text: email}}
---
{sync: people, table: customer, key: id, to: events.person, match: {email: email}, fields: {score: score}}
---
{sync: matched, table: customer, key: id, to: ads.4711, mode: members, fields: {emailAddress: email}}
END
eff 1 check
faults() { sqlite3 :memory: "select group_concat(ifnull(value ->> '$.problems[0].fault', value ->> '$.status'), ' ') from json_each(cast(readfile('out.json') as text), '$.syncs')"; }
same "what the checks said" 'auth auth auth auth auth auth' "$(faults)"
sed -i 's/token: canary-wrong-key}/token: sk_test_test-token}/; s/api_key: canary-wrong-key/api_key: test-token/; /chat/s/sk_test_/xoxb-/; /ads/s/sk_test_//' "$P/efferent.yml"
eff 1 check
same "all but the list that is not there" 'ok ok config ok ok ok' "$(faults)"
says 'Y6nRLr'

finish
