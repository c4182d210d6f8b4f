#!/bin/sh
# warehouse.sh: build warehouse.db from the seeds, and an empty crm.db to write to.
#
# usage: sh warehouse.sh
#
# Needs the `sqlite3` shell. Builds both files anew each time.
set -eu
cd "$(dirname "$0")"

rm -f warehouse.db crm.db
sqlite3 -bail warehouse.db <<'SQL'
CREATE TABLE raw_customers (id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT);
CREATE TABLE raw_orders (id INTEGER PRIMARY KEY, user_id INTEGER, order_date DATE, status TEXT);
CREATE TABLE raw_payments (id INTEGER PRIMARY KEY, order_id INTEGER, payment_method TEXT, amount INTEGER);
.import --csv --skip 1 data/raw_customers.csv raw_customers
.import --csv --skip 1 data/raw_orders.csv raw_orders
.import --csv --skip 1 data/raw_payments.csv raw_payments
SQL
sqlite3 -bail crm.db <<'SQL'
CREATE TABLE contact (
    customer_id    INTEGER PRIMARY KEY,
    full_name      TEXT NOT NULL,
    email          TEXT,
    orders         INTEGER,
    lifetime_value DECIMAL,
    last_order     DATE
);
SQL
