#!/bin/sh
# warehouse.sh: build the small warehouse of this example, warehouse.db, from data/CDNOW_master.txt.
#
# usage: sh warehouse.sh [YYYY-MM-DD]     what day it is in the shop (default 1997-06-30)
#
# Needs the `sqlite3` shell. Builds anew each time.
set -eu
cd "$(dirname "$0")"
today=${1:-1997-06-30}

rm -f warehouse.db
# customer, yyyymmdd, number of CDs, dollars: blanks in between, a header, CRLF
awk 'NR > 1 {
    sub(/\r$/, "")
    sub(/\./, "", $4)
    printf "%s,%s-%s-%s,%d,%d\n", $1, substr($2, 1, 4), substr($2, 5, 2), substr($2, 7, 2), $3, $4
}' data/CDNOW_master.txt > purchase.csv
sqlite3 -bail warehouse.db <<SQL
CREATE TABLE purchase (
    customer_id TEXT NOT NULL,
    day         DATE NOT NULL,
    cds         INTEGER NOT NULL,
    cents       INTEGER NOT NULL
);
.import --csv purchase.csv purchase
CREATE INDEX purchase_day ON purchase (day);

-- What day it is: the model knows nothing that was bought later.
CREATE TABLE clock (today DATE NOT NULL);
INSERT INTO clock VALUES (date('$today'));
SQL
rm -f purchase.csv
