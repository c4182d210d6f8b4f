#!/bin/sh
# timeout: 240
#
# Goal: models of Snowflake arrive whole, by a key and by a token, whatever happens to the answers;
# what cannot be read whole changes nothing.
# Method: the stand-in's tables are changed by SQL; runs into SQLite are compared with what its own
# SQL gives; tokens that expire, partitions that are cut or lost, a wrong key, SQL that is wrong,
# a run that is stopped in its statement.
# covers: C1
. "$EFF_SRC/test/lib/scenario.sh"

sandbox snowflake
ask "$SNOWFLAKE/_sandbox/key"
sqlite3 :memory: "select writefile('key.pem', json_extract(cast(readfile('answer.json') as text), '$.private_key'))" > key.len

statement() { # SQL: carried out over there; answer.json is the result
    sqlite3 :memory: "select json_object('statement', '$(echo "$1" | sed "s/'/''/g")')" > body.json
    curl -sS --max-time 20 -H 'Authorization: Bearer test-token' -H 'Content-Type: application/json' \
        --data-binary @body.json "$SNOWFLAKE/api/v2/statements" > answer.json || fail "no answer"
    grep -q '"sqlState":"00000"' answer.json || fail "$1: $(cat answer.json)"
}
faults() { ask "$SNOWFLAKE/_sandbox/faults" "{\"rules\": [$1]}"; }
asked() { # PATTERN...: how many requests of the log, since the last forget, look so
    ask "$SNOWFLAKE/_sandbox/requests?limit=0&after=${SEEN:-0}"
    ask "$SNOWFLAKE/_sandbox/requests?limit=10000&after=${SEEN:-0}"
    sqlite3 :memory: "select count(*) from json_each(cast(readfile('answer.json') as text), '$.requests')
        where value ->> '$.method' || ' ' || (value ->> '$.path') || ' ' || (value ->> '$.status') glob '$1'"
}
seen() { SEEN=$(ask "$SNOWFLAKE/_sandbox/requests?limit=0"; sqlite3 :memory: "select json_extract(cast(readfile('answer.json') as text), '$.total')"); }

statement 'create table customer (ID NUMBER(38,0) primary key, EMAIL VARCHAR, SCORE NUMBER(12,2), VIP BOOLEAN, BORN DATE,
    SEEN TIMESTAMP_TZ, TAGS ARRAY, "note" VARCHAR)'
statement "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000)
    insert into customer select i, 'c' || i || '@example.com', i * 0.25, i % 2, date('1970-01-01', i || ' days'),
    datetime('2024-02-29 12:00:00', i || ' seconds') || '.000001+05:30', '[' || i || ', undefined]',
    case when i % 3 = 0 then null else 'näme \"' || i || '\" \\' || char(10) || char(128512) end from n"

HERE="select id, email, score, vip, date(born * 86400, 'unixepoch') from customer order by id"
start() { # NAME
    about "$1"
    project "$1" << END
sources:
  wh: {type: snowflake, account: test-account, user: test-user, private_key_path: ../key.pem, role: test_role, warehouse: test_wh,
    database: test_db, schema: public, url: "$SNOWFLAKE"}
destinations: {copy: {type: sqlite, path: crm.db}}
END
    sync customers << 'END'
sync: customers
table: public.customer
key: ID
to: copy.contact
mode: mirror
guard: {max_removed: 100%, max_changed: 100%}
fields: {ID: ID, email: EMAIL, score: SCORE, vip: VIP, born: BORN, seen: SEEN, tags: TAGS, note: note}
END
    db "$P/crm.db" "create table contact (ID integer primary key, email text, score numeric, vip integer, born text, seen text,
        tags text, note text)"
    ask "$SNOWFLAKE/_sandbox/faults" '{"rules": [], "settings": {"partition_rows": 100, "job_polls": 2}}'
    seen
}

start load
eff 0 check
same "check reads no rows" '1 0' "$(asked 'POST /api/v2/statements*async=false* 200') $(asked 'POST /api/v2/statements*async=true*')"
eff 0 run
counts customers read=1000 added=1000 planned=1000 delivered=1000
rows_are "$P/crm.db" "select * from contact where ID in (1, 3)" \
    "1|c1@example.com|0.25|1|1970-01-02|2024-02-29T06:30:01.000001Z|[1, null]|näme \"1\" \\
😀
3|c3@example.com|0.75|1|1970-01-04|2024-02-29T06:30:03.000001Z|[3, null]|"
rows_are "$P/crm.db" "select count(*), sum(score), count(note), sum(vip) from contact" "1000|125125.0|667|500"
same "one statement, looked at until it has ended" '1 3' \
    "$(asked 'POST *async=true* 202') $(asked 'GET /api/v2/statements/????????-????-????-????-???????????? 20?')"
same "each further partition once" 9 "$(asked 'GET *partition=* 200')"

about "no change"
eff 0 run
counts customers read=1000 unchanged=1000 delivered=0

about "changes, and rows that are gone"
statement "update customer set SCORE = SCORE + 1 where ID <= 10"
statement "delete from customer where ID > 995"
statement "insert into customer (ID, EMAIL) values (2000, 'new@example.com')"
eff 0 run
counts customers read=996 unchanged=985 added=1 changed=10 removed=5 planned=16 delivered=16

about "a model by SQL, with a comment and a semicolon"
sync customers << 'END'
sync: customers
sql: |
  SELECT ID, EMAIL AS "mail", count(*) OVER () AS N -- all of them
  FROM TEST_DB.PUBLIC.customer;
key: ID
to: copy.counted
fields: {ID: ID, mail: mail, n: N}
END
db "$P/crm.db" "create table counted (ID integer primary key, mail text, n integer)"
rm -r "$P/.efferent"
eff 0 run
rows_are "$P/crm.db" "select count(*), min(n), max(n) from counted" "996|996|996"

# ---- what goes wrong on the way ----

start faults
faults '{"match": {"method": "GET", "nth": 5}, "then": {"expire_token": true}}, {"match": {"method": "GET", "every": 4}, "then": {"status": 503}},
    {"match": {"method": "GET", "every": 7}, "then": {"reset_before": true}}, {"match": {"method": "POST", "nth": 2}, "then": {"reset_after": true}},
    {"match": {"method": "GET", "nth": 6}, "then": {"status": 429, "retry_after": 1}}, {"match": {"method": "GET", "nth": 9}, "then": {"truncate": 200}}'
eff 0 run
counts customers read=996 added=996 planned=996 delivered=996
case $(asked '* 401') in [1-4]) ;; *) fail "the token was not refused to the few requests under way: $(asked '* 401')" ;; esac
same "a submission whose answer was lost is made again under its own id" 1 "$(asked 'POST *async=true&nullable=true&retry=true 202')"

about "a partition that does not come voids the read"
statement "update customer set SCORE = 0"
faults '{"match": {"path": "/api/v2/statements/", "method": "GET", "nth": 6}, "times": 1, "then": {"status": 404}}'
eff 1 run
counts customers read=0
says 'there is nothing at this address'

about "a partition that is shorter than it should be, likewise"
faults '{"match": {"path": "/api/v2/statements/", "method": "GET", "nth": 6}, "times": 1, "then": {"status": 200, "body": {"data": []}}}'
eff 1 run
says 'rows, and should have 100'
rows_are "$P/crm.db" "select count(*) from contact where score = 0" 0
faults ''
eff 0 run
counts customers read=996 changed=996 planned=996 delivered=996

about "a limit reads no further than it must, and leaves nothing under way"
statement "update customer set SCORE = 5"
eff 0 run --limit 5
counts customers read=5 changed=5 planned=5 delivered=5

# ---- who and what is wrong ----

about "a wrong key"
openssl genrsa 2048 2> openssl.txt > wrong.pem || fail "openssl: $(cat openssl.txt)"
sed -i 's/key.pem/wrong.pem/' "$P/efferent.yml"
seen
eff 1 run
says 'snowflake refuses the credential: JWT token is invalid.'
same "asked twice, with two tokens" 2 "$(asked '* 401')"

about "a token"
sed -i 's/private_key_path: ..\/wrong.pem/token: test-token/' "$P/efferent.yml"
eff 0 run
sed -i 's/test-token/expired/' "$P/efferent.yml"
seen
eff 1 run
says 'Programmatic access token is invalid.'
same "asked once" 1 "$(asked '* 401')"
sed -i 's/expired/test-token/' "$P/efferent.yml"

about "a role and a table that are not there"
sed -i 's/role: test_role/role: other/' "$P/efferent.yml"
eff 1 run
says 'Role does not exist or not authorized'
sed -i 's/role: other/role: test_role/; s/public.customer/public.gone/' "$P/efferent.yml" "$P/syncs/customers.yml"
eff 1 run
says "Object 'GONE' does not exist or not authorized."

about "SQL that is wrong is told with its own line"
sed -i 's/^table:.*/sql: "SELECT ID,\\n  NOPE FROM customer"/' "$P/syncs/customers.yml"
eff 1 run
says "error line 2 at position 2 invalid identifier 'NOPE'"

about "a model only reads"
sed -i 's/^sql:.*/sql: delete from customer/' "$P/syncs/customers.yml"
eff 1 run
says 'syntax error'
statement "select count(*) from customer"
grep -q '\["996"\]' answer.json || fail "rows were deleted: $(cat answer.json)"

# ---- dbt ----

about "a model of dbt, by dbt's own profile"
mkdir -p analytics/target
printf 'name: shop\nprofile: shop\n' > analytics/dbt_project.yml
cat > analytics/profiles.yml << END
shop:
  target: dev
  outputs:
    dev: {type: snowflake, account: test-account, user: test-user, private_key_path: ../key.pem, role: test_role, database: test_db,
      warehouse: test_wh, schema: public, threads: 4, host: 127.0.0.1, port: "${SNOWFLAKE##*:}", protocol: http}
END
cat > analytics/target/manifest.json << 'END'
{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "dbt_version": "1.11.16", "project_name": "shop",
  "adapter_type": "snowflake"}, "nodes": {"model.shop.customers": {"name": "customers", "package_name": "shop",
  "original_file_path": "models/customers.sql", "relation_name": "TEST_DB.public.customer", "config": {"materialized": "table",
  "meta": {"key": "id"}}, "columns": {"id": {"name": "id"}}}}, "sources": {}, "disabled": {}}
END
project dbt << 'END'
dbt: {project: ../analytics, require_success: false}
sources: {wh: {type: dbt}}
destinations: {copy: {type: sqlite, path: crm.db}}
END
sync customers << 'END'
sync: customers
model: ref('customers')
to: copy.contact
fields: [id, email, score]
END
db "$P/crm.db" "create table contact (id integer primary key, email text, score numeric)"
eff 0 run
counts customers read=996 added=996 planned=996 delivered=996
rows_are "$P/crm.db" "select * from contact where id = 7" "7|c7@example.com|5"

# ---- a run that is stopped ----

start stop
ask "$SNOWFLAKE/_sandbox/faults" '{"rules": [], "settings": {"job_polls": 100000}}'
"$EFFERENT" run -p "$P" > out.json 2> err.txt &
run=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ "$(asked 'GET /api/v2/statements/* 202')" -lt 2 ] || break
    sleep 0.2
done
kill -TERM $run
wait $run && fail "a stopped run ends with 0"
same "the statement was cancelled" 1 "$(asked 'POST */cancel 200')"
rows_are "$P/crm.db" "select count(*) from contact" 0

finish
