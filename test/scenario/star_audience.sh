#!/bin/sh
# timeout: 120
#
# Goal: an ad platform's audience has exactly the people of the model, hashed as the platform wants
# them: no row lost, none too many, whatever is lost on the way; and nothing says "applied".
# Method: Meta's and Google's stand-ins, from plain e-mails and phone numbers as people write them. What must be
# over there is hashed here by sha256sum, and compared whole after each story.
. "$EFF_SRC/test/lib/scenario.sh"

sandbox meta google_data_manager
hash() { printf %s "$1" | sha256sum | cut -c1-64; }

# 30 people; the form that is hashed, and its hash, by what the model holds.
db people.db 'create table hashed (plain text primary key, hash text)'
n=0
{
    echo 'begin;'
    while [ $n -lt 40 ]; do
        n=$((n + 1))
        echo "insert into hashed values (' Person$n@Example.COM ', '$(hash "person$n@example.com")'), ('+49 (0)30 10000-$n', '$(hash "493010000$n")'),
            ('E.164 of $n', '$(hash "+493010000$n")');"
    done
    echo "insert into hashed values ('Ann-Marie', '$(hash annmarie)'), ('Google of Ann-Marie', '$(hash ann-marie)'), ('DE', '$(hash de)'); commit;"
} > hashed.sql
db people.db < hashed.sql

audience() { # AUDIENCE is a new one
    curl -sS --max-time 20 -H 'Authorization: Bearer test-token' -H 'Content-Type: application/json' --data-binary \
        '{"name": "vip", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}' \
        "$META/v25.0/act_1/customaudiences" > answer.json
    AUDIENCE=$(sqlite3 :memory: "select cast(readfile('answer.json') as text) ->> '$.id'")
}
start() { # NAME FIELDS
    about "$1"
    audience
    project "$1" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {ads: {type: meta, token: test-token, url: "$META"}}
END
    sync vip << END
sync: vip
table: vip
key: id
to: ads.$AUDIENCE
mode: members
fields: $2
guard: {max_removed: 100%}
END
    db "$P/shop.db" "create table vip (id integer primary key, email text, phone text, first text, country text);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 30)
        insert into vip select i, ' Person' || i || '@Example.COM ', case when i % 3 then '+49 (0)30 10000-' || i end,
        'Ann-Marie', 'DE' from n"
}
in_audience() { # WHAT: the model's people, of $KEYS those that are mapped
    records "$META" members
    same "$1" "$(db people.db "attach '$P/shop.db' as s; select $HERE from (select id, (select hash from hashed where
        plain = email) e, (select hash from hashed where plain = phone) p, (select hash from hashed where plain = first) f,
        (select hash from hashed where plain = country) c from s.vip) order by id")" "$(db records.db "select $THERE from r
        where f ->> '$.audience' = '$AUDIENCE' order by cast(f ->> '$.EXTERN_ID' as int)")"
}

start meta '{EXTERN_ID: id, EMAIL: email, PHONE: phone}'
HERE='id, e, p' THERE="f ->> '$.EXTERN_ID', f ->> '$.EMAIL', f ->> '$.PHONE'"
eff 0 plan
counts vip read=30 added=30 planned=30
eff 0 run
counts vip read=30 added=30 planned=30 delivered=30
in_audience "first load"
eff 0 run
counts vip read=30 unchanged=30 requests=0

about "add, change, remove"
db "$P/shop.db" "delete from vip where id in (4, 5); update vip set email = ' Person35@Example.COM ' where id = 1;
    update vip set phone = '+49 (0)30 10000-36' where id = 3; update vip set phone = null where id = 7;
    insert into vip values (31, ' Person31@Example.COM ', null, 'Ann-Marie', 'DE')"
eff 0 run
counts vip read=29 unchanged=25 added=1 changed=3 removed=2 planned=6 delivered=6
in_audience "changes"
eff 0 run
counts vip read=29 unchanged=29 requests=0

about "values that are nobody, or are hashed already"
db "$P/shop.db" "insert into vip values (32, 'no address', null, null, null), (33, null, '030 123', null, null),
    (34, '$(hash person34@example.com | tr a-f A-F)', null, null, null)"
eff 3 run
counts vip read=32 unchanged=29 added=1 invalid=2 planned=1 delivered=1
says 'cannot normalize as email'
db "$P/shop.db" "delete from vip where id in (32, 33); update vip set email = ' Person34@Example.COM ' where id = 34"
eff 0 run
in_audience "the same person, hashed or not"

about "identifiers come and go"
sed -i 's/^fields.*/fields: {EXTERN_ID: id, EMAIL: email, PHONE: phone, FN: first, COUNTRY: country}/' "$P/syncs/vip.yml"
eff 0 run
counts vip read=30 unchanged=0 changed=30 planned=30 delivered=30
db "$P/shop.db" "delete from vip where id = 10"
eff 0 run
counts vip read=29 unchanged=29 removed=1 planned=1 delivered=1
records "$META" members
same "nothing of a removed one" 0 "$(db records.db "select count(*) from r where f ->> '$.EXTERN_ID' = '10' and f ->> '$.FN' is not null")"
sed -i 's/^fields.*/fields: {EXTERN_ID: id, EMIAL: email}/' "$P/syncs/vip.yml"
eff 2 run
says 'knows no identifier `EMIAL`'

about "rows that the vendor counts: some of them it names"
start invalid '{EXTERN_ID: id, EMAIL: email}'
HERE='id, e' THERE="f ->> '$.EXTERN_ID', f ->> '$.EMAIL'"
ask "$META/_sandbox/faults" '{"rules": [{"match": {"writes": true}, "times": 1, "then": {"partial": {"rows": 9, "message": "by chance"}}}]}'
eff 3 run
counts vip read=30 added=30 planned=30 delivered=25 rejected=5
says 'NOT_ACCEPTED: Invalid hash'
eff 0 run
counts vip read=30 unchanged=25 added=5 planned=5 delivered=5
in_audience "asked again"

# A field with a `normalize` of its own is sent as it is: whoever has a ZIP is invalid.
many() { # NAME ROWS BAD: so many people, every one of the bad ones with a ZIP
    start "$1" '{EXTERN_ID: id, EMAIL: email, ZIP: {from: zip, normalize: zip}}'
    db "$P/shop.db" "alter table vip add column zip text; delete from vip;
        with recursive n(i) as (select 1 union all select i + 1 from n where i < $2)
        insert into vip select i, 'p' || i || '@example.com', null, null, null, case when i % ($2 / $3) = 0 and i / ($2 / $3) <= $3 then '10115' end from n"
    eff 3 run
    counts vip read=$2 added=$2 planned=$2 delivered=$(($2 - $3)) rejected=$3
    says 'NOT_ACCEPTED'
    says_not 'EFF2114'
    records "$META" members
    same "$1: all but those" "$(($2 - $3))" "$(db records.db "select count(*) from r where f ->> '$.audience' = '$AUDIENCE'")"
}
about "more than a few are invalid"
many dozen 500 12
eff 3 run
counts vip read=500 unchanged=488 added=12 planned=12 rejected=12 requests=1
db "$P/shop.db" "update vip set zip = null"
eff 0 run
counts vip read=500 unchanged=488 added=12 planned=12 delivered=12
many largest 10000 20

about "more are invalid than can be looked for"
start hopeless '{EXTERN_ID: id, EMAIL: email, ZIP: {from: zip, normalize: zip}}'
db "$P/shop.db" "alter table vip add column zip text; delete from vip;
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 600)
    insert into vip select i, 'p' || i || '@example.com', null, null, null, case when i % 2 then '10115' end from n"
eff 3 run
counts vip read=600 added=600 planned=600 delivered=595 rejected=5 requests=1
says '295 of 595 rows were not accepted, and the answer does not say which'
says 'EFF2130'
says_not 'EFF2114'

about "an expired token, a gone audience, an hour that is used up"
start expired '{EXTERN_ID: id, EMAIL: email}'
eff 0 run
db "$P/shop.db" "update vip set email = ' Person40@Example.COM ' where id = 1"
ask "$META/_sandbox/faults" '{"rules": [{"match": {"writes": true}, "times": 1, "then": {"status": 401}}]}'
eff 1 run
says 'The token has expired'
ask "$META/_sandbox/faults" '{"rules": []}'
eff 0 run
in_audience "after the expired token"

start lost '{EXTERN_ID: id, EMAIL: email, PHONE: phone}'
HERE='id, e, p' THERE="f ->> '$.EXTERN_ID', f ->> '$.EMAIL', f ->> '$.PHONE'"
about "what may be lost, by chance"
ask "$META/_sandbox/faults" '{"rules": [
    {"match": {"writes": true, "probability": 0.3}, "then": {"reset_after": true}},
    {"match": {"writes": true, "probability": 0.1}, "then": {"status": 503}},
    {"match": {"writes": true, "probability": 0.1}, "then": {"truncate": 20}}]}'
for round in 1 2 3; do
    db "$P/shop.db" "delete from vip where id % 9 = $round; update vip set email = ' Person' || (1 + (id + $round) % 40) ||
        '@Example.COM ' where id % 4 = $round; insert or ignore into vip values (30 + $round, ' Person' || (30 + $round) ||
        '@Example.COM ', null, null, null)"
    run_eff run -p "$P" --output json
    document_good run
done
ask "$META/_sandbox/faults" '{"rules": []}'
for round in 1 2 3; do
    run_eff run -p "$P" --output json
    document_good run
done
[ "$CODE" = 0 ] || fail "it does not come to an end"
in_audience "after lost answers"

# ---- Google: a login that is signed, requests that are taken, and numbers only ----

about "google"
ask "$GOOGLE_DATA_MANAGER/_sandbox/key"
project google << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  ads: {type: google_data_manager, url: "$GOOGLE_DATA_MANAGER", login_url: "$GOOGLE_DATA_MANAGER", account_id: "1", calls_per_minute: 6000,
    service_account: "\${SERVICE_ACCOUNT}", consent: {ad_user_data: CONSENT_GRANTED}, terms: ACCEPTED}
END
sync vip << 'END'
sync: vip
table: vip
key: id
to: ads.987654
mode: members
fields: {emailAddress: email, phoneNumber: phone, address.givenName: first, address.familyName: family, address.regionCode: country, address.postalCode: zip}
guard: {max_removed: 100%}
END
db "$P/shop.db" "create table vip (id integer primary key, email text, phone text, first text, family text, country text, zip text);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 30)
    insert into vip (id, email, phone) select i, case when i % 5 then ' Person' || i || '@Example.COM ' end,
    case when i % 3 = 0 or i % 5 = 0 then '+49 (0)30 10000-' || i end from n;
    update vip set first = 'Ann-Marie', family = 'Ann-Marie', country = 'de', zip = ' 10115 ' where id = 1"
in_google() {
    records "$GOOGLE_DATA_MANAGER" members
    same "$1" "$(db people.db "attach '$P/shop.db' as s; select e, p, a from (select (select hash from hashed where plain = email) e,
        (select hash from hashed where plain = 'E.164 of ' || replace(phone, '+49 (0)30 10000-', '')) p,
        (select hash || '|' || hash || '|DE|10115' from hashed where plain = 'Google of ' || first) a from s.vip) order by 1, 2")" \
        "$(db records.db "select f ->> '$.emailAddress', f ->> '$.phoneNumber', f ->> '$.address' from r order by 1, 2")"
}
account() { # of whom, with the stand-in's key
    SERVICE_ACCOUNT=$(sqlite3 :memory: "select json_object('type', 'service_account', 'client_email', '$1', 'private_key_id', 'k1',
        'private_key', cast(readfile('answer.json') as text) ->> '$.private_key')")
    export SERVICE_ACCOUNT
}
account somebody@else.example
eff 1 run
says 'invalid_grant'
account test-user
eff 0 run
counts vip read=30 added=30 planned=30 delivered=30
in_google "first load"
eff 0 run
counts vip read=30 unchanged=30 requests=0
db "$P/shop.db" "delete from vip where id in (4, 5); update vip set email = ' Person35@Example.COM ' where id = 1;
    insert into vip (id, email) values (31, ' Person31@Example.COM ')"
eff 0 run
counts vip read=29 unchanged=27 added=1 changed=1 removed=2 planned=4 delivered=4
in_google "changes"

about "half an address, and half of a request"
db "$P/shop.db" "insert into vip (id, email, first) values (32, ' Person32@Example.COM ', 'Ann-Marie')"
eff 3 run
counts vip read=30 unchanged=29 added=1 planned=1 rejected=1
says 'given_name and family_name must be SHA-256'
db "$P/shop.db" "update vip set first = null where id = 32; insert into vip (id, email) values (33, ' Person33@Example.COM ')"
ask "$GOOGLE_DATA_MANAGER/_sandbox/faults" '{"rules": [{"match": {"writes": true}, "times": 1, "then": {"partial": {"rows": 1}}}]}'
eff 0 run
counts vip read=31 unchanged=29 added=2 planned=2 delivered=2
says 'PARTIAL_SUCCESS: PROCESSING_ERROR_REASON_NO_CONSENT (1 row)'
says 'EFF2130'

about "lost answers, an expired token"
ask "$GOOGLE_DATA_MANAGER/_sandbox/reset" '{}'
eff 0 reset vip --yes
ask "$GOOGLE_DATA_MANAGER/_sandbox/faults" '{"settings": {"job_polls": 0}, "rules": [
    {"match": {"writes": true, "nth": 1}, "times": 1, "then": {"reset_after": true}},
    {"match": {"path": "/v1/requestStatus"}, "times": 1, "then": {"status": 503}},
    {"match": {"writes": true, "nth": 4}, "times": 1, "then": {"expire_token": true}}]}'
eff 0 run
in_google "after a lost answer"
db "$P/shop.db" "update vip set phone = '+49 (0)30 10000-' || (30 + id / 3) where id % 3 = 0 and id <= 30"
eff 0 run
in_google "after a token has expired"

finish
