#!/bin/sh
# Goal: what README, docs and examples show is accepted by the program, and works.
# Method: load the YAML of their pages as projects; run the jaffle shop from its seeds, and compare
# its CRM with the model by SQL, before and after a change.
set -eu
fail() {
    printf 'examples.sh: %s\n' "$1" >&2
    exit 1
}
command -v sqlite3 > /dev/null || exit 77

# ---- the YAML of the pages: block number N of page P in P.N.yml
blocks() { # PAGE NAME
    awk -v name="$2" '/^```yaml/ { n++; inside = 1; next } /^```/ { inside = 0 }
        inside { print > (name "." n ".yml") }' "$1"
}
export SF_CLIENT_ID=a sf_client_secret=bbbb warehouse_url=postgresql:///x prod_url=postgresql:///y sf=cccc
export acme=dddd hooks=eeee LAKE_PASSWORD=ffff AWS_ACCESS_KEY_ID=gggg AWS_SECRET_ACCESS_KEY=hhhh
accepted() { # what it is about; the project is in ./page
    "$EFFERENT" check --offline --project page > log 2>&1 || { cat log; fail "$1 is refused"; }
    rm -rf page
    mkdir -p page/syncs page/models
    echo 'SELECT 1' > page/models/lead_scores.sql
    cp page/models/lead_scores.sql page/models/customer_value.sql
    cp page/models/lead_scores.sql page/models/vip.sql
}
blocks "$EFF_SRC/README.md" readme
blocks "$EFF_SRC/docs/guide.md" guide
blocks "$EFF_SRC/docs/connectors.md" connectors
blocks "$EFF_SRC/docs/snowflake.md" snowflake
mkdir -p page/syncs
echo 'name: empty' > page/efferent.yml
accepted 'an empty project'

cp readme.1.yml page/efferent.yml
cp readme.2.yml page/syncs
accepted README.md

guide() { # FIRST_LINE: the block of the guide that begins so
    for at in guide.*.yml; do
        if head -n 1 "$at" | grep -q "^$1" && cat "$at"; then return; fi
    done
    fail "docs/guide.md has no block that begins with \"$1\""
}
{ guide '# efferent.yml'; guide targets:; } > page/efferent.yml
guide '# syncs/lead_scores' > page/syncs/lead_scores.yml
{
    printf 'sync: other\nsql: SELECT 1\nkey: id\nto: crm.Contact\n'
    guide fields:
    guide on_removed:
} > page/syncs/other.yml
accepted docs/guide.md
printf 'name: lists\nsources: {s: {type: sqlite, path: w.db}}\ndestinations: {crm: {type: hubspot, token: t}}\n' > page/efferent.yml
guide 'sync: vip' > page/syncs/vip.yml
accepted 'docs/guide.md, its list'
{ echo 'name: lakes'; guide sources:; } > page/efferent.yml
accepted 'docs/guide.md, its lake'

# Each destination's page: its first block configures it, the others are syncs, or what stands in one.
for page in "$EFF_SRC"/docs/connectors/*.md "$EFF_SRC"/connectors/*/README.md; do
    rm -f at.*.yml
    blocks "$page" at
    [ -f at.1.yml ] || continue
    {
        echo 'name: page'
        grep -q '^sources:' at.1.yml || echo 'sources: {w: {type: sqlite, path: w.db}}'
        sed '/^---/,$d' at.1.yml
    } > page/efferent.yml
    sed '1,/^---/d' at.1.yml > page/syncs/first.yml
    [ -s page/syncs/first.yml ] || rm page/syncs/first.yml
    for at in at.[2-9].yml; do
        [ -f "$at" ] || continue
        grep -q '^sync:' "$at" || printf 'sync: of_%s\nsql: SELECT 1\nkey: id\n' "${at%.yml}" | tr . _ > "page/syncs/$at"
        grep -qE '^(sync|fields|mode: members)' "$at" || echo 'fields: {a: a}' >> "page/syncs/$at"
        cat "$at" >> "page/syncs/$at"
    done
    for name in $(grep -ohE '[$][{](secret:)?[A-Za-z_]+[}]' page/efferent.yml | sed 's/.*[{:]\(.*\)}/\1/' | sort -u); do
        export "$name=of_$name"
    done
    for model in $(cat page/syncs/*.yml 2> /dev/null | sed -n 's|^model: ../\(models/[a-z_]*.sql\).*|\1|p'); do echo 'SELECT 1' > "page/$model"; done
    accepted "${page#"$EFF_SRC/"}"
done

cp snowflake.1.yml page/efferent.yml
accepted docs/snowflake.md

mkdir -p page/connectors/acme
cp connectors.1.yml page/connectors/acme/connector.yaml
{
    printf 'name: t\nsources: {s: {type: sqlite, path: w.db}}\n'
    cat connectors.4.yml
    printf '  crm: {type: acme, token: "${secret:acme}"}\n'
} > page/efferent.yml
printf 'sync: a\nsql: SELECT 1\nkey: id\nto: crm.people\nfields: [name]\n' > page/syncs/a.yml
printf 'sync: b\nsql: SELECT 1\nkey: id\nto: hooks.in\nmode: append\nfields: [name]\n' > page/syncs/b.yml
accepted docs/connectors.md

# ---- the jaffle shop
cp -R "$EFF_SRC/examples/jaffle_shop" jaffle
cd jaffle
sh warehouse.sh
delivered() { # EXPECTED: how many rows the next run delivers, all syncs together
    "$EFFERENT" run --output json > run.json || fail "efferent run ended with exit code $?"
    sum=$(sqlite3 :memory: "SELECT sum(value ->> 'delivered') FROM json_each(readfile('run.json'), '\$.syncs')")
    [ "$sum" = "$1" ] || fail "$sum rows were delivered instead of $1"
}
same() { # the CRM's table is the model, and nothing else
    wrong=$(sqlite3 warehouse.db "ATTACH 'crm.db' AS crm;
CREATE TEMP VIEW model AS $(cat models/customers.sql);
CREATE TEMP VIEW wanted AS SELECT customer_id, first_name || ' ' || last_name, email, orders,
    CAST(lifetime_value AS NUMERIC), last_order FROM model;
SELECT (SELECT count(*) FROM (SELECT * FROM wanted EXCEPT SELECT * FROM contact))
     + (SELECT count(*) FROM (SELECT * FROM contact EXCEPT SELECT * FROM wanted))")
    [ "$wrong" = 0 ] || fail "$wrong contacts differ from the model"
}
delivered 199
same
[ "$(cat out/*.jsonl | wc -l)" -eq 99 ] || fail 'the events are not 99 lines'
delivered 0
sqlite3 warehouse.db "UPDATE raw_orders SET status = 'completed' WHERE id = 99;
                      DELETE FROM raw_customers WHERE id = 100"
delivered 2
same
[ "$(cat out/*.jsonl | wc -l)" -eq 100 ] || fail 'one new event is not one new line'
