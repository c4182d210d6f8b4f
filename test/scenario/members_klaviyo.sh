#!/bin/sh
# timeout: 120
#
# Goal: a list of Klaviyo has exactly the members that the model has, found by e-mail or by external id;
# profiles that are not there, or went meanwhile, are told row by row, a list that is not there as that.
# Method: the stand-in's lists through the connector; after each story the members are compared with the
# model, and after answers that were lost and refused by chance too.
. "$EFF_SRC/test/lib/scenario.sh"

sandbox klaviyo
KL=$(stand klaviyo)
kl() { # METHOD PATH [JSON]: answer.json
    curl -sS --max-time 20 -X "$1" -H 'Authorization: Klaviyo-API-Key test-token' -H 'revision: 2026-07-15' \
        -H 'Content-Type: application/vnd.api+json' ${3:+--data-binary "$3"} "$KL/api/$2" > answer.json || fail "no answer from $2"
}

# 1200 profiles over there: two requests' worth of members.
project people << END
sources: {w: {type: sqlite, path: w.db}}
destinations: {kl: {type: klaviyo, url: "$KL", api_key: test-token}}
END
db "$P/w.db" "create table p (id integer primary key, email text);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 1200)
    insert into p select i, 'p' || i || '@example.com' from n"
sync people << END
sync: people
sql: select 'u-' || id as id, email from p
key: id
to: kl.profiles
match: {external_id: id}
fields: [email]
END
eff 0 run people
counts people read=1200 added=1200 planned=1200 delivered=1200

start() { # NAME MATCH COLUMN: a new list, and everybody up to 1100 in the model
    about "$1"
    kl POST lists "{\"data\": {\"type\": \"list\", \"attributes\": {\"name\": \"$1\"}}}"
    LIST=$(sqlite3 :memory: "select cast(readfile('answer.json') as text) ->> '\$.data.id'")
    project "$1" << END
sources: {w: {type: sqlite, path: w.db}}
destinations: {kl: {type: klaviyo, url: "$KL", api_key: test-token}}
END
    db "$P/w.db" "create table vip (id integer primary key, u text, email text);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 1100)
        insert into vip select i, 'u-' || i, 'p' || i || '@example.com' from n"
    sync vip << END
sync: vip
table: vip
key: id
to: kl.$LIST
match: {$2: $3}
mode: members
guard: {max_removed: 100%}
END
}
members() { # the numbers of the members, page by page, into members.db: m(n)
    rm -f members.db
    db members.db "create table m (n int)"
    next="lists/$LIST/profiles?page%5Bsize%5D=100"
    while [ -n "$next" ]; do
        kl GET "$next"
        db members.db "insert into m select substr(value ->> '$.attributes.external_id', 3) from
            json_each(cast(readfile('answer.json') as text), '$.data')"
        next=$(sqlite3 :memory: "select cast(readfile('answer.json') as text) ->> '$.links.next'" | sed 's|.*/api/||')
    done
}
as_the_model() { # WHAT [SQL]: who is in the list is who is in the model, and a profile
    members
    same "$1: missing" "" "$(db members.db "attach '$P/w.db' as s; select distinct $NUMBER from s.vip where $NUMBER <= 1200
        except select n from m")"
    same "$1: too many" "" "$(db members.db "attach '$P/w.db' as s; select n from m except select $NUMBER from s.vip")"
}

start by_email email email
NUMBER="cast(substr(email, 2, instr(email, '@') - 2) as int)"
eff 0 check
eff 0 run
counts vip read=1100 added=1100 planned=1100 delivered=1100 requests=2
as_the_model "first load"
eff 0 run
counts vip read=1100 unchanged=1100 requests=0

about "rows change, vanish, come, and are nobody"
db "$P/w.db" "delete from vip where id <= 3; update vip set email = 'p1150@example.com' where id = 10;
    insert into vip values (2000, 'u-2000', 'p1160@example.com'), (2001, 'u-2001', 'p9999@example.com')"
eff 3 run
counts vip read=1099 unchanged=1096 added=2 changed=1 removed=3 planned=6 delivered=5 rejected=1
says 'there is no such record'
as_the_model "changes"
db "$P/w.db" "delete from vip where id = 2001"
eff 0 run
as_the_model "mended"

about "a list that is not there"
sed -i "s/kl.$LIST/kl.L99999/; s/sync: vip/sync: nowhere/" "$P/syncs/vip.yml"
run_eff run -p "$P" --output json
[ "$CODE" != 0 ] || fail "a list that is not there is no error"
says 'A list with id L99999 does not exist.'
says 'names the list by its id'
sed -i "s/kl.L99999/kl.profiles/" "$P/syncs/vip.yml"
run_eff check -p "$P" --offline
same "exit code" 2 "$CODE"
says 'syncs/vip.yml:6:7: `profiles` is no list of Klaviyo'

start by_external_id external_id u
NUMBER="cast(substr(u, 3) as int)"
eff 0 run
as_the_model "first load"
about "what may go wrong, by chance"
ask "$KL/_sandbox/faults" '{"rules": [
    {"match": {"writes": true, "probability": 0.2}, "then": {"status": 503}},
    {"match": {"writes": true, "probability": 0.2}, "then": {"reset_after": true}},
    {"match": {"probability": 0.1}, "then": {"status": 429, "retry_after": 0}}]}'
for round in 1 2 3; do
    db "$P/w.db" "delete from vip where id % 11 = $round; update vip set u = 'u-' || (1 + (id + $round) % 1200) where id % 50 = $round;
        insert or ignore into vip select 3000 + id, 'u-' || (id % 1200 + 1), '' from vip where id % 60 = $round"
    run_eff run -p "$P" --output json
    document_good run
done
ask "$KL/_sandbox/faults" '{"rules": []}'
for round in 1 2; do
    run_eff retry vip -p "$P" --output json
    run_eff run -p "$P" --output json
    document_good run
done
[ "$CODE" = 0 ] || fail "it does not come to an end"
as_the_model "after faults"
finish
