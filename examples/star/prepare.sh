#!/bin/sh
# prepare.sh: make dbt's seeds from the data of the other examples, and an empty CRM to write to.
#
# usage: sh prepare.sh
#
# Needs the `sqlite3` shell. analytics/seeds and crm.db are made anew each time; neither is in git.
set -eu
cd "$(dirname "$0")"

seeds=analytics/seeds
rm -rf "$seeds" crm.db out
mkdir "$seeds"
cp ../jaffle_shop/data/raw_customers.csv "$seeds/cafe_customers.csv"
cp ../jaffle_shop/data/raw_orders.csv "$seeds/cafe_orders.csv"
cp ../jaffle_shop/data/raw_payments.csv "$seeds/cafe_payments.csv"
# Every tenth customer of the CD shop: 2,357 of them. Blanks in between, a header, CRLF.
awk 'BEGIN { print "purchase_id,customer_id,day,cds,cents" }
    NR > 1 && $1 % 10 == 4 {
        sub(/\r$/, "")
        sub(/\./, "", $4)
        printf "%d,%d,%s-%s-%s,%d,%d\n", ++n, $1, substr($2, 1, 4), substr($2, 5, 2), substr($2, 7, 2), $3, $4
    }' ../cdnow/data/CDNOW_master.txt > "$seeds/cd_purchases.csv"

sqlite3 -bail crm.db << 'SQL'
CREATE TABLE contact (
    external_id    TEXT PRIMARY KEY,
    full_name      TEXT NOT NULL,
    email          TEXT,
    account        TEXT,
    lifetime_value DECIMAL,
    health_score   INTEGER,
    segment        TEXT,
    last_order     DATE
);
CREATE TABLE account (
    external_id    TEXT PRIMARY KEY,
    name           TEXT NOT NULL,
    customers      INTEGER,
    lifetime_value DECIMAL,
    health         TEXT
);
SQL
