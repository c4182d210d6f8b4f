#!/bin/sh
# timeout: 240
#
# Goal: Zendesk, Klaviyo, Customer.io and Pendo hold what the model says: through a first load, idle
# runs, changes, refused rows, answers that are lost or put off, and removals; and never twice.
# Method: the same story with the stand-in of each; its records are compared with the model, and its
# own log says what was sent.
. "$EFF_SRC/test/lib/scenario.sh"

sandbox zendesk klaviyo customerio pendo
ZD=$(stand zendesk) KL=$(stand klaviyo) CIO=$(stand customerio) PENDO=$(stand pendo)

fresh() { # URL: without records, and with jobs that are done when they are first looked at
    ask "$1/_sandbox/reset" '{}'
    ask "$1/_sandbox/faults" '{"settings": {"job_polls": 0}}'
}
fresh "$ZD"
fresh "$KL"

people() { # NAME ROWS, the sync's head from standard input
    about "$1"
    project "$1" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  zd: {type: zendesk, url: "$ZD", email: ann@acme.example, token: test-token, calls_per_minute: 10000, late_apply: 0}
  kl: {type: klaviyo, url: "$KL", api_key: test-token, bulk_threshold: ${BULK:-50}}
  cio: {type: customerio, url: "$CIO", app_url: "$CIO", site_id: test-site, api_key: test-token, app_key: test-token, calls_per_second: 1000}
  pen: {type: pendo, url: "$PENDO", integration_key: test-token, calls_per_second: 1000}
END
    cat > "$P/syncs/people.yml"
    db "$P/shop.db" "create table person (id integer primary key, name text, email text, plan text, seats int, value text);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < $2)
        insert into person select 9007199254740992 + i, 'Näme \"' || i || '\" 🙂', 'p' || i || '@example.com',
        case i % 3 when 0 then null when 1 then 'pro' else 'free' end, i * 10, i || '.25' from n"
}
HERE="select cast(id as text), name, email, plan, seats, cast(value as real) from person"

zendesk() { # NAME ROWS MODE [ON_REMOVED]
    people "$1" "$2" << END
sync: people
table: person
key: id
to: zd.users
match: {external_id: id}
mode: $3
on_removed: ${4:-keep}
fields: {name: name, email: email, user_fields.plan: plan, user_fields.seats: seats, user_fields.lifetime_value: {from: value, cast: decimal}}
END
    URL=$ZD OBJECT=users
    THERE="select f ->> '\$.external_id', f ->> '\$.name', f ->> '\$.email', f ->> '\$.\"user_fields.plan\"',
        cast(f ->> '\$.\"user_fields.seats\"' as int), cast(f ->> '\$.\"user_fields.lifetime_value\"' as real) from r"
}
klaviyo() { # NAME ROWS MODE [ON_REMOVED]
    people "$1" "$2" << END
sync: people
table: person
key: id
to: kl.profiles
match: {external_id: id}
mode: $3
on_removed: ${4:-keep}
fields: {first_name: name, email: email, properties.plan: plan, properties.seats: seats, properties.value: {from: value, cast: decimal}}
END
    URL=$KL OBJECT=profiles
    THERE="select f ->> '\$.external_id', f ->> '\$.first_name', f ->> '\$.email', f ->> '\$.\"properties.plan\"',
        f ->> '\$.\"properties.seats\"', f ->> '\$.\"properties.value\"' from r"
}
customerio() { # NAME ROWS MODE [ON_REMOVED]
    people "$1" "$2" << END
sync: people
table: person
key: id
to: cio.person
match: {id: id}
mode: $3
on_removed: ${4:-keep}
fields: {name: name, email: email, plan: plan, seats: seats, value: {from: value, cast: decimal}}
END
    URL=$CIO OBJECT=person
    THERE="select f ->> '\$.id', f ->> '\$.name', f ->> '\$.email', f ->> '\$.plan', f ->> '\$.seats', f ->> '\$.value' from r"
}
pendo() { # NAME ROWS MODE [ON_REMOVED]
    people "$1" "$2" << END
sync: people
table: person
key: id
to: pen.visitor
match: {visitorId: id}
mode: $3
on_removed: ${4:-keep}
fields: {segment: name, email: email, plan: plan, seats: seats, lifetime_value: {from: value, cast: decimal}}
END
    URL=$PENDO OBJECT=visitor
    THERE="select f ->> '\$.visitorId', f ->> '\$.\"custom.segment\"', f ->> '\$.\"custom.email\"', f ->> '\$.\"custom.plan\"',
        f ->> '\$.\"custom.seats\"', f ->> '\$.\"custom.lifetime_value\"' from r"
}

equal() {
    records "$URL" "$OBJECT"
    tables_equal "$1" "$P/shop.db" "$HERE" records.db "$THERE"
}
faults() { ask "$URL/_sandbox/faults" "{\"rules\": [$1]}"; }
change() { db "$P/shop.db" "update person set seats = seats + 1 where id <= 9007199254740992 + $1"; }
sent() { # WHAT ROWS
    requests "$URL"
    same "rows sent, $1" "$2" "$(db requests.db "select ifnull(sum(rows), 0) from q where n > $MARK")"
}
mark() {
    ask "$URL/_sandbox/requests?limit=0"
    MARK=$(sqlite3 :memory: "select json_extract(cast(readfile('answer.json') as text), '$.total')")
}

story() {
    eff 0 run
    counts people read=120 added=120 planned=120 delivered=120
    equal "first load"
    mark
    eff 0 run
    counts people read=120 unchanged=120 planned=0 requests=0
    sent idle 0
    change 3
    mark
    eff 0 run
    counts people read=120 unchanged=117 changed=3 planned=3 delivered=3
    sent "three changes" 3
    equal "three changes"
    about "$lib_about: rows refused"
    change 60
    faults '{"match": {"writes": true}, "times": 1, "then": {"partial": {"rows": 2, "code": "Invalid", "message": "not today"}}}'
    eff "${REFUSED:-3}" run
    says "${SAYS:-not today}"
    eff 0 run
    equal "after a refusal"
    faults ''
}

# One fault at a time, on requests with rows; a run gets over each of them by itself.
each_fault() {
    while read -r fault; do
        change 60
        db "$P/shop.db" "update person set name = name || '.' where id % 7 = 1"
        faults "{\"match\": {\"writes\": true, \"nth\": 1}, \"times\": 1, \"then\": $fault}"
        lib_about="$1: $fault"
        eff 0 run
        equal "the records"
    done << 'END'
{"status": 429, "retry_after": 0}
{"status": 502, "applied": true}
{"reset_after": true}
{"truncate": 5}
END
    faults ''
}

removed() { # five rows go
    about "$lib_about: removal"
    db "$P/shop.db" 'delete from person where id <= 9007199254740997'
    faults '{"match": {"writes": true, "nth": 1}, "times": 1, "then": {"reset_after": true}}'
    eff 0 run
    counts people read=115 unchanged=115 removed=5 planned=5 delivered=5
    faults ''
}

# ---- the story, at each ----

zendesk zd 120 upsert archive
story
each_fault zd
removed
equal "after the removal"

klaviyo kl 120 upsert delete
story
each_fault kl
removed
equal "after the removal"

customerio cio 120 upsert delete
story
each_fault cio
removed
equal "after the removal"

pendo pen 120 upsert clear
REFUSED=0 SAYS=ok story # a failure names no row: the halves are sent again, and go
each_fault pen
removed
records "$URL" "$OBJECT"
rows_are records.db "select count(*), count(f ->> '\$.\"custom.seats\"') from r" '120|115'

# ---- what is special ----

about "zendesk: a job whose status is gone makes no twins"
zendesk zd_gone 120 upsert
fresh "$URL"
faults '{"match": {"method": "GET", "path": "/api/v2/job_statuses/", "nth": 1}, "times": 1, "then": {"status": 404}}'
eff 0 run
equal "after a status that was gone"
rows_are records.db "select count(*), count(distinct f ->> '\$.external_id') from r" '120|120'

about "zendesk: a job that failed half-way"
change 120
faults '{"match": {"writes": true}, "times": 1, "then": {"job_fail_after": 70}}'
eff 0 run # the rest goes into further jobs
faults ''
equal "after a job that failed half-way"

about "zendesk: a field of users that is gone"
ask "$URL/_sandbox/schema" '{"object": "users", "rename": {"from": "user_fields.seats", "to": "user_fields.seats2"}}'
change 10
eff 3 run
one_problem '*user_fields.seats*does not exist*'

about "zendesk: an external id that changes follows the user"
zendesk zd_moved 20 upsert
fresh "$URL"
db "$P/shop.db" 'alter table person add column ext text; update person set ext = id'
sed -i 's/external_id: id/external_id: ext/' "$P/syncs/people.yml"
eff 0 run
db "$P/shop.db" "update person set ext = 'moved' where seats = 30"
eff 0 run
records "$URL" users
rows_are records.db "select count(*), sum(f ->> '\$.external_id' = 'moved') from r" '20|1'

about "zendesk: organizations"
zendesk orgs 20 mirror
fresh "$URL"
cat > "$P/syncs/people.yml" << 'END'
sync: people
table: person
key: id
to: zd.organizations
match: {external_id: id}
mode: mirror
on_removed: delete
guard: {max_removed: 50%}
fields: {name: email, notes: name, organization_fields.arr: {from: value, cast: decimal}}
END
eff 0 run
counts people read=20 added=20 planned=20 delivered=20
db "$P/shop.db" 'delete from person where seats > 150'
eff 0 run
records "$URL" organizations
tables_equal organizations "$P/shop.db" "select cast(id as text), email, name, cast(value as real) from person" records.db \
    "select f ->> '\$.external_id', f ->> '\$.name', f ->> '\$.notes', f ->> '\$.\"organization_fields.arr\"' from r"
sed -i 's/external_id: id/details: id/' "$P/syncs/people.yml"
run_eff run -p "$P" --output json
says 'does not find records by'

about "klaviyo: an import job that is cancelled half-way"
klaviyo kl_cancelled 120 upsert
fresh "$URL"
faults '{"match": {"writes": true}, "times": 1, "then": {"job_fail_after": 70}}'
eff 0 run # the rest goes into further jobs
faults ''
equal "after a job that was cancelled"

about "klaviyo: rows that a job refuses"
db "$P/shop.db" "update person set seats = 0; update person set email = 'nonsense' where id % 40 = 1"
eff 3 run
same "rejected" 3 "$(j '$.syncs[0].rejected')"
db "$P/shop.db" "update person set email = 'q' || id || '@example.com' where email = 'nonsense'"
eff 0 run
equal "after they were mended"

about "pendo: visitors that nobody has seen"
pendo pen_unknown 10 update
fresh "$URL"
ask "$URL/_sandbox/records" '{"object": "visitor", "records": [{"visitorId": "9007199254740994"}]}'
eff 3 run
counts people read=10 added=10 planned=10 delivered=1 rejected=9
says 'it is not in Pendo yet'

about "customerio: read back, all of it text"
eff_project=$P
customerio cio_verify 10 upsert
fresh "$URL"
eff 0 run
run_eff verify -p "$P" --output json --all
same "what verify says" 0 "$CODE"

finish
