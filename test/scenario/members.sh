#!/bin/sh
# timeout: 120
#
# Goal: in mode members a list over there has exactly the members that the model has, whatever
# becomes of rows: a new row enters, a changed one leaves under its old identifiers and enters
# under the new ones, a vanished one leaves, unless another row is the same member.
# Method: HubSpot's lists (record ids found by a match value) through the connector, and through
# `type: http` in the project's own YAML; after each story the list of the stand-in is compared
# with the model. Kills, lost answers and refusals come in between.
# covers: E4
. "$EFF_SRC/test/lib/scenario.sh"

sandbox hubspot
AUTH='Authorization: Bearer test-token'
hs() { # METHOD PATH [JSON]: answer.json
    curl -sS --max-time 20 -X "$1" -H "$AUTH" -H 'Content-Type: application/json' \
        ${3:+--data-binary "$3"} "$HS$2" > answer.json || fail "no answer from $2"
}

# 60 contacts over there, known here by their record ids and their addresses.
people() {
    hs POST /crm/v3/objects/contacts/batch/create "$(sqlite3 :memory: "
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 60)
        select json_object('inputs', json_group_array(json_object('properties',
        json_object('email', 'm' || i || '@example.com')))) from n")"
    rm -f people.db
    db people.db "create table p (n int, id text, email text);
        insert into p select substr(value ->> '$.properties.email', 2,
        instr(value ->> '$.properties.email', '@') - 2), value ->> '$.id', value ->> '$.properties.email'
        from json_each(cast(readfile('answer.json') as text), '$.results')"
    same "people" 60 "$(db people.db 'select count(*) from p')"
}

list() { # LIST is a new one
    hs POST /crm/v3/lists '{"name": "list", "objectTypeId": "0-1", "processingType": "MANUAL"}'
    LIST=$(sqlite3 :memory: "select cast(readfile('answer.json') as text) ->> '$.list.listId'")
}
on_the_list() { # WHAT SQL: which numbers the members should have
    hs GET "/crm/v3/lists/$LIST/memberships"
    same "$1" "$(db people.db "attach '$P/shop.db' as s; $2")" "$(db people.db "
        select group_concat(n, ' ') from (select n from p where id in (select value ->> '$.recordId'
        from json_each(cast(readfile('answer.json') as text), '$.results')) order by n)")"
}
model_is_on_the_list() {
    on_the_list "$1" "select group_concat(n, ' ') from (select n from p where email in
        (select email from s.vip) order by n)"
}

start() { # NAME, destination and sync's head from standard input
    about "$1"
    list
    mkdir -p "$EFF_TMP/$1/syncs"
    P=$EFF_TMP/$1
    sed "s|@LIST@|$LIST|" > "$P/both.yml"
    sed '/^---$/,$d' "$P/both.yml" > "$P/efferent.yml"
    sed '1,/^---$/d' "$P/both.yml" > "$P/syncs/vip.yml"
    rm "$P/both.yml"
    rm -f "$P/shop.db"
    db "$P/shop.db" "create table vip (id integer primary key, email text, note text);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 40)
        insert into vip select i, 'm' || i || '@example.com', 'x' from n"
}
connector() {
    start "$1" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {hub: {type: hubspot, url: "$HS", token: test-token, calls_per_10s: 10000}}
---
sync: vip
table: vip
key: id
to: hub.@LIST@
match: {email: email}
mode: members
guard: {max_removed: 50%}
END
}

people

# ---- the story of a list ----

connector list
eff 0 check
eff 0 plan
counts vip read=40 added=40 planned=40
eff 0 run
counts vip read=40 added=40 planned=40 delivered=40
model_is_on_the_list "first load"
eff 0 run
counts vip read=40 unchanged=40 requests=0

about "rows change, vanish and come"
db "$P/shop.db" "delete from vip where id in (1, 2); insert into vip values (50, 'm50@example.com', 'x');
    update vip set email = 'm51@example.com' where id = 3; update vip set note = 'not mapped' where id = 4"
eff 0 run
counts vip read=39 unchanged=37 added=1 changed=1 removed=2 planned=4 delivered=4
model_is_on_the_list "changes"

about "two rows are one member"
db "$P/shop.db" "insert into vip values (60, 'm5@example.com', 'x')"
eff 0 run
counts vip read=40 unchanged=39 added=1 planned=1 delivered=1
db "$P/shop.db" "delete from vip where id = 5"
eff 0 run
counts vip read=39 unchanged=39 gone=1
model_is_on_the_list "the other row still is that member"
db "$P/shop.db" "update vip set email = 'm5@example.com' where id = 6"
eff 0 run
db "$P/shop.db" "update vip set email = 'm6@example.com' where id = 60"
eff 0 run
counts vip read=39 unchanged=38 changed=1 planned=1 delivered=1
model_is_on_the_list "a changed row whose old member another row is"
db "$P/shop.db" "update vip set email = case id when 6 then 'm6@example.com' else 'm5@example.com' end where id in (6, 60)"
eff 0 run
counts vip read=39 unchanged=37 changed=2 planned=2 delivered=2
model_is_on_the_list "two rows that change places"
db "$P/shop.db" "update vip set email = 'm6@example.com' where id = 60"
eff 0 run
db "$P/shop.db" "update vip set email = 'm52@example.com' where id = 60"
eff 0 run --key 60
counts vip read=1 changed=1 planned=1 delivered=1
model_is_on_the_list "a run of one row only knows of the others"
db "$P/shop.db" "delete from vip where id = 60"
eff 0 run
model_is_on_the_list "the last row of a member"

about "rows that are nobody"
db "$P/shop.db" "insert into vip values (70, null, 'x'), (71, '', 'x'), (72, 'nobody@example.com', 'x')"
eff 3 run
counts vip read=41 unchanged=38 added=1 invalid=2 planned=1 rejected=1
says 'there is no such record'
says 'the match value of email is empty'
db "$P/shop.db" "delete from vip where id in (70, 71, 72); update vip set email = 'gone@example.com' where id = 7"
eff 3 run
counts vip read=38 unchanged=37 changed=1 planned=1 rejected=1
on_the_list "refused, and its old member left" "select group_concat(n, ' ') from (select n from p where email in
    (select email from s.vip) order by n)"
db "$P/shop.db" "update vip set email = 'm7@example.com' where id = 7"
eff 0 run
counts vip read=38 unchanged=37 changed=1 planned=1 delivered=1
model_is_on_the_list "back to what it was before the refusal"

about "guards, approval"
db "$P/shop.db" "delete from vip where id > 12"
eff 3 run
counts vip read=9 unchanged=9 removed=29 planned=29 held=29
eff 0 approve vip "$(j '$.syncs[0].plan')"
eff 0 run
counts vip read=9 unchanged=9 removed=29 planned=29 delivered=29
model_is_on_the_list "approved"

about "what is read back, and what removal is"
eff 1 verify vip
says 'cannot be found again'
sed -i 's/^guard.*/on_removed: clear/' "$P/syncs/vip.yml"
eff 2 run
says 'contradicts'

# ---- in the project's own YAML; faults, kills, another mode ----

start http << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  hub:
    type: http
    url: "$HS"
    token: test-token
    auth: {header: {Authorization: "Bearer {token}"}}
    operations:
      add: {class: converge, batch: {rows: 10}, put: "/crm/v3/lists/{object}/memberships/add", json: "{rows.match.value}", answer: {all: applied}}
      remove: {class: converge, batch: {rows: 10}, put: "/crm/v3/lists/{object}/memberships/remove", json: "{rows.fields.recordId}", answer: {all: applied}}
      upsert: {class: converge, put: "/crm/v3/objects/contacts/{match.recordId}", json: {}, answer: {all: applied}}
---
sync: vip
model: vip.sql
key: id
to: hub.@LIST@
match: {recordId: record}
mode: members
guard: {max_removed: 100%}
END
db people.db "attach '$P/shop.db' as s; create table s.p as select * from p; create index s.pe on p (email)"
echo 'select v.id, p.id as record, v.note from vip v left join p using (email)' > "$P/syncs/vip.sql"
eff 0 run
counts vip read=40 added=40 planned=40 delivered=40
model_is_on_the_list "first load"

about "another mode"
sed -i 's/mode: members/mode: upsert/; s/^guard/fields: [note]\nguard/' "$P/syncs/vip.yml"
eff 1 run
says 'the mode of sync vip is not what it was when its 40 rows were delivered'
sed -i 's/mode: upsert/mode: members/; /^fields/d' "$P/syncs/vip.yml"

turn() { # N: some vanish, some come, some change places, two are one member for a while
    db "$P/shop.db" "delete from vip where id % 7 = $1 % 7;
        insert or ignore into vip select n, email, 'new' from p where n % 5 = $1 % 5 and n <= 58;
        update vip set email = 'm' || (1 + (id + $1) % 60) || '@example.com' where id % 4 = $1 % 4;
        update vip set email = 'm60@example.com' where id in ($1 + 1, $1 + 9)"
}
about "what may go wrong, by chance"
ask "$HS/_sandbox/faults" '{"rules": [
    {"match": {"writes": true, "probability": 0.15}, "then": {"status": 503}},
    {"match": {"writes": true, "probability": 0.15}, "then": {"reset_after": true}},
    {"match": {"writes": true, "probability": 0.1}, "then": {"reset_before": 20}},
    {"match": {"writes": true, "probability": 0.1}, "then": {"status": 400, "message": "not today"}},
    {"match": {"probability": 0.05}, "then": {"status": 429, "retry_after": 0}}]}'
for round in 1 2 3; do
    turn $round
    run_eff run -p "$P" --output json
    document_good run
done
ask "$HS/_sandbox/faults" '{"rules": []}'
for round in 1 2 3; do
    run_eff retry vip -p "$P" --output json
    run_eff run -p "$P" --output json
    document_good run
done
[ "$CODE" = 0 ] || fail "it does not come to an end"
model_is_on_the_list "after faults"

about "killed between leaving and entering"
ask "$HS/_sandbox/faults" '{"rules": [{"match": {"writes": true}, "then": {"delay_ms": 20}}]}'
for round in 6 7 8 9 10; do
    turn $round
    EFF_NO_FORK=1 "$EFFERENT" run -p "$P" --output json > killed.json 2> killed.txt &
    victim=$!
    sleep "0.$((3 + round * 7 % 9))"
    kill -s KILL $victim 2> /dev/null
    wait $victim 2> /dev/null
    [ $((round % 2)) = 0 ] || turn $((round + 20))
    eff 0 run
    model_is_on_the_list "after kill $round"
done

# ---- pairs of records: HubSpot's associations, by what identifies either side ----

about "associations"
hs POST /crm/v3/objects/companies/batch/create '{"inputs": [{"properties": {"ext_id": "1", "name": "One"}}, {"properties": {"ext_id": "2", "name": "Two"}}]}'
P=$EFF_TMP/associations
mkdir -p "$P/syncs"
cat > "$P/efferent.yml" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {hub: {type: hubspot, url: "$HS", token: test-token, calls_per_10s: 10000}}
END
cat > "$P/syncs/works_at.yml" << 'END'
sync: works_at
sql: select id, email, company from works where company is not null
key: id
to: hub.associations
match: {contacts.email: email, company: company}
mode: members
guard: {max_removed: 50%}
END
db "$P/shop.db" "create table works (id integer primary key, email text, company int);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 40)
    insert into works select i, 'm' || i || '@example.com', 1 + i % 2 from n; insert into works values (41, 'm1@example.com', 1)"
associated() { # WHAT: contact by number and company by external id, of both sides
    hs POST /crm/v3/objects/companies/batch/read '{"idProperty": "ext_id", "properties": ["ext_id"], "inputs": [{"id": "1"}, {"id": "2"}]}'
    db people.db "drop table if exists c; create table c as select value ->> '$.id' id, value ->> '$.properties.ext_id' ext
        from json_each(cast(readfile('answer.json') as text), '$.results')"
    hs POST /crm/v4/associations/companies/contacts/batch/read "$(db people.db "select json_object('inputs', json_group_array(json_object('id', id))) from c")"
    tables_equal "$1" "$P/shop.db" "select email || ' ' || company from works where company is not null" people.db "select email || ' ' || ext
        from json_each(cast(readfile('answer.json') as text), '$.results') f, json_each(f.value, '$.to') t, p, c
        where p.id = t.value ->> '$.toObjectId' and c.id = f.value ->> '$.from.id'"
}
eff 2 check
says '`match` of associations names the two records of a pair'
sed -i 's/, company: company/, companies.ext_id: company/' "$P/syncs/works_at.yml"
eff 0 check
eff 0 run
counts works_at read=41 added=41 planned=41 delivered=41 requests=1 calls_other=2
associated "first load: 41 pairs, either side looked up once"
db "$P/shop.db" "update works set company = 2 where id in (2, 4); delete from works where id = 41; update works set company = null where id = 3;
    update works set company = 9 where id = 5"
eff 3 run
counts works_at read=39 unchanged=36 changed=3 removed=2 planned=5 delivered=4 rejected=1
db "$P/shop.db" "update works set company = 1 where id = 5"
eff 0 run
associated "who moves leaves, and a company that is not there is its row's matter"

finish
