#!/bin/sh
# Goal: what real dbt builds and writes down, Efferent reads: on DuckDB and on PostgreSQL the same
# customers arrive, a failed test stops its syncs and no others, private columns stay private,
# exposures are dbt's own, and a pull request that drops a column is stopped.
# Method: examples/star, built by dbt at two dates; arrivals are compared with what SQLite computes
# from the same raw purchases.
. "$EFF_SRC/test/lib/scenario.sh"
. "$EFF_SRC/test/lib/cluster.sh"

cp -R "$EFF_SRC/examples" examples
P=$EFF_TMP/examples/star
cd "$P" || exit 1
rm -rf .efferent analytics/*.duckdb analytics/target # of whoever tried it there
sh prepare.sh || fail "prepare.sh"
export DBT_SEND_ANONYMOUS_USAGE_STATS=false EFF_DUCKDB="$EFF_DEPS/duckdb/libduckdb.so"
built() { # EXPECTED_CODE ARGS...: dbt's own
    lib_want=$1
    shift
    (cd analytics && "$EFF_BUILD/venv/bin/dbt" "$@") > dbt.txt 2>&1
    lib_code=$?
    [ "$lib_code" = "$lib_want" ] || { cat dbt.txt; fail "dbt $*: exit code $lib_code, expected $lib_want"; }
}

# The raw purchases, for a second opinion.
sqlite3 -bail raw.db << 'SQL'
CREATE TABLE cd (purchase_id INT, customer_id INT, day TEXT, cds INT, cents INT);
CREATE TABLE users (id INT, first_name TEXT, last_name TEXT);
CREATE TABLE orders (id INT, user_id INT, day TEXT, status TEXT);
CREATE TABLE payments (id INT, order_id INT, method TEXT, cents INT);
.import --csv --skip 1 analytics/seeds/cd_purchases.csv cd
.import --csv --skip 1 analytics/seeds/cafe_customers.csv users
.import --csv --skip 1 analytics/seeds/cafe_orders.csv orders
.import --csv --skip 1 analytics/seeds/cafe_payments.csv payments
SQL
worth() { # DAY: customers and what they are worth
    echo "select id, printf('%.2f', sum(cents) / 100.0) from (
        select 'cd-' || customer_id id, day, cents from cd union all
        select 'cafe-' || user_id, date(day, '-20 years'), case when status = 'returned' then 0 else cents end
        from orders o join payments p on p.order_id = o.id) where day <= '$1' group by 1"
}
arrived() { # DAY
    tables_equal "contacts on $1" raw.db "$(worth "$1")" crm.db \
        "select external_id, printf('%.2f', lifetime_value) from contact"
}

about "dbt on DuckDB"
built 0 build --vars 'today: "1998-03-31"'
eff 0 check
eff 0 run
arrived 1998-03-31
run_eff plan -p "$P" crm_contacts
eff 0 run crm_contacts
counts crm_contacts read="$(db crm.db 'select count(*) from contact')" unchanged="$(db crm.db 'select count(*) from contact')"

about "three months later"
built 0 build
run_eff plan -p "$P" crm_contacts
says '(private)'
says_not '@example.com'
eff 0 run
arrived 1998-06-30
[ "$(j '$.syncs[0].unchanged')" -gt 0 ] || fail "nothing was unchanged"

about "a test that fails"
sed -i 's/values: \[new, champion, loyal, at_risk, lost\]/values: [new]/' analytics/models/marts/marts.yml
built 1 build
eff 1 run
# dbt skipped what is built from health_scores; crm_contacts comes after crm_accounts
same "status of the syncs" "alerts failed
crm_accounts failed
crm_contacts skipped
high_value ok" "$(sqlite3 -separator ' ' :memory: "select value ->> '$.sync', value ->> '$.status' from
    json_each((select cast(readfile('out.json') as text)), '$.syncs') order by 1")"
says 'model.star.crm_accounts is \"skipped\"'
eff 0 run high_value
cp "$EFF_SRC/examples/star/analytics/models/marts/marts.yml" analytics/models/marts/marts.yml

about "dbt's lineage"
run_eff dbt exposures -p "$P"
cp out.json analytics/models/efferent.yml
built 0 build
if grep -i 'deprecat' dbt.txt; then fail "dbt finds something deprecated in the exposures"; fi
built 0 ls --select +exposure:efferent_crm_contacts --resource-type model
for model in stg_customers customers health_scores crm_contacts; do
    grep -q "$model\$" dbt.txt || fail "dbt's lineage has no $model above the sync"
done
eff 0 plan --select health_scores+
same "syncs below health_scores" "alerts crm_accounts crm_contacts" "$(sqlite3 :memory: "select group_concat(s, ' ')
    from (select value ->> '$.sync' s from json_each((select cast(readfile('out.json') as text)), '$.syncs') order by 1)")"

about "a pull request"
built 0 docs generate --target-path new
eff 0 check --manifest analytics/new/manifest.json
built 0 docs generate # the project's own catalog
sed -i 's/h.health_score,/h.health_score as health_points,/' analytics/models/marts/crm_contacts.sql
sed -i 's/health_score/health_points/' analytics/models/marts/crm_accounts.sql
built 0 run --select crm_contacts --target-path new
built 0 docs generate --target-path new
eff 3 check --manifest analytics/new/manifest.json
one_problem '*uses column `health_score`*' syncs/crm.yml:23:3
says 'Was it renamed to `health_points`?'
cp "$EFF_SRC"/examples/star/analytics/models/marts/crm_*.sql analytics/models/marts

about "dbt on PostgreSQL"
rm -rf analytics/target

rm -rf .efferent out
sh prepare.sh || fail "prepare.sh"
export STAR_TARGET=postgres PGHOST="$CLUSTER" PGUSER=test PGDATABASE=postgres
built 0 build --vars 'today: "1998-03-31"'
eff 0 run
arrived 1998-03-31
built 0 build
eff 0 run
arrived 1998-06-30
stop_server
finish
