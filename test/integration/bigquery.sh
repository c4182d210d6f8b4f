#!/bin/sh
# Goal: BigQuery's REST API as others understand it: an emulator (local-bigquery, over DuckDB) is read
# to the same values as by Google's own client, and Google's client works against our stand-in.
# Method: one table of all types, a large one in pages, mistakes; what arrived in SQLite is compared
# with what google-cloud-bigquery reads. Without Python 3.13 it is skipped.
. "$EFF_SRC/test/lib/scenario.sh"
code=0
sh "$EFF_SRC/tools/fetch-bigquery" || code=$?
[ $code != 77 ] || skip "there is no Python 3.13 here, which the emulator wants"
[ $code = 0 ] || { fail "tools/fetch-bigquery: exit code $code"; finish; }
V=$EFF_BUILD/venv-bigquery/bin
export HOME="$EFF_TMP" # where the emulator looks for DuckDB's extensions

"$V/python" -c 'from duckdb_extensions import import_extension
for name in ("icu", "ducklake", "spatial"): import_extension(name)' || { fail "DuckDB's extensions"; finish; }
ports=$("$V/python" -c 'import socket
a, b = socket.socket(), socket.socket()
a.bind(("127.0.0.1", 0)); b.bind(("127.0.0.1", 0))
print(a.getsockname()[1], b.getsockname()[1])')
EMULATOR=http://127.0.0.1:${ports% *}
"$V/local-bigquery" --host 127.0.0.1 --port "${ports% *}" --grpc-port "${ports#* }" --data-dir "$EFF_TMP/data" \
    --project proj --dataset ds serve > emulator.log 2>&1 &
lib_pids="$lib_pids $!"
tries=0
until curl -s "$EMULATOR/" > /dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { cat emulator.log; fail "the emulator does not come up"; finish; }
    sleep 0.1
done

# client.py URL COMMAND ...: Google's own client
cat > client.py << 'END'
import base64, datetime, decimal, json, sys
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.oauth2 import credentials

client = bigquery.Client(project="proj", client_options=ClientOptions(api_endpoint=sys.argv[1]),
                         credentials=credentials.Credentials("test-token"))

def plain(value):  # as Efferent writes values into SQLite
    if isinstance(value, bool): return int(value)
    if isinstance(value, decimal.Decimal): return (format(value, "f").rstrip("0") if "." in format(value, "f") else format(value, "f")).rstrip(".")
    if isinstance(value, bytes): return value.hex()
    if isinstance(value, datetime.datetime):
        text = value.isoformat() if value.tzinfo is None else value.astimezone(datetime.timezone.utc).isoformat()[:-6]
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return text + ("Z" if value.tzinfo else "")
    if isinstance(value, (datetime.date, datetime.time)):
        text = value.isoformat()
        return text.rstrip("0") if "." in text else text
    if isinstance(value, (list, dict)): return json.dumps(value, sort_keys=True, default=plain)
    return value

def run(sql, **options):
    return client.query(sql, job_config=bigquery.QueryJobConfig(**options)).result(page_size=int(sys.argv[4]) if len(sys.argv) > 4 else None)

if sys.argv[2] == "do":
    run(sys.argv[3])
elif sys.argv[2] == "rows":
    for row in run(sys.argv[3]):
        print("|".join("" if v is None else str(plain(v)) for v in row.values()))
elif sys.argv[2] == "dry":
    job = client.query(sys.argv[3], job_config=bigquery.QueryJobConfig(dry_run=True))
    print(job.total_bytes_processed, job.statement_type, [(f.name, f.field_type, f.mode) for f in job.schema])
elif sys.argv[2] == "error":
    try:
        run(sys.argv[3])
        print("no error")
    except Exception as e:
        print(type(e).__name__, e.errors[0]["reason"], e.errors[0]["message"])
elif sys.argv[2] == "cancel":
    job = client.query(sys.argv[3])
    job.cancel()
    try:
        list(job.result())
        print("no error")
    except Exception as e:
        print(type(e).__name__, e.errors[0]["reason"], e.errors[0]["message"])
END
google() { "$V/python" client.py "$@" 2> client.txt || { cat client.txt; fail "client.py $*"; }; }

source_is() { # URL OPTIONS
    project bq << END
sources: {w: {type: bigquery, project: proj, token: test-token, url: "$1"$2}}
destinations: {l: {type: sqlite, path: lite.db}}
END
}
columns='id, big, dec, dbl, txt, day, ts, dt, tod, flag, bin, tags, addr, nested'

everything() { # URL: all types of both sides
    sync all << END
sync: all
table: ds.everything
key: id
to: l.everything
fields: [$(echo "$columns" | sed 's/^id, //')]
END
    db "$P/lite.db" "create table everything (id integer primary key, big, dec, dbl, txt, day, ts, dt, tod, flag, bin, tags, addr, nested)"
    eff 0 run all
    counts all read=3 added=3 planned=3 delivered=3
    google "$1" rows "SELECT $columns FROM ds.everything ORDER BY id" > google.txt
    "$V/python" -c 'import json, sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute("select " + sys.argv[2] + " from everything order by id"):
    print("|".join("" if v is None else v.hex() if isinstance(v, bytes) else
                   json.dumps(json.loads(v), sort_keys=True) if str(v)[:1] in ("[", "{") else str(v) for v in row))' "$P/lite.db" "$columns" > ours.txt
    cmp -s google.txt ours.txt || fail "values: Google's client (<) and Efferent (>): $(diff google.txt ours.txt)"
    eff 0 run all
    counts all read=3 unchanged=3 requests=0
}

many() { # URL
    sync many << 'END'
sync: many
sql: SELECT id, name FROM ds.many
key: id
to: l.many
mode: mirror
fields: [name]
guard: {max_removed: 100%}
END
    db "$P/lite.db" "create table many (id integer primary key, name)"
    eff 0 run many
    counts many read=5000 added=5000 planned=5000 delivered=5000
    google "$1" do "UPDATE ds.many SET name = 'new' WHERE id = 77"
    google "$1" do "DELETE FROM ds.many WHERE id > 4990"
    eff 0 run many
    counts many read=4990 unchanged=4989 changed=1 removed=10 planned=11 delivered=11
    google "$1" rows "SELECT id, name FROM ds.many ORDER BY id" 700 > google.txt
    sqlite3 "$P/lite.db" "select id, name from many order by id" > ours.txt
    cmp -s google.txt ours.txt || fail "many rows: $(diff google.txt ours.txt | head -n 10)"
}

about "the emulator"
source_is "$EMULATOR" ', page_rows: 1000'
google "$EMULATOR" do "CREATE TABLE ds.everything (id INT64, big INT64, dec NUMERIC, dbl FLOAT64, txt STRING, day DATE, ts TIMESTAMP, dt DATETIME,
    tod TIME, flag BOOL, bin BYTES, tags ARRAY<STRING>, addr STRUCT<city STRING, zip INT64>, nested ARRAY<STRUCT<a INT64, b ARRAY<INT64>>>)"
google "$EMULATOR" do "INSERT INTO ds.everything ($columns) VALUES
    (1, 9223372036854775807, NUMERIC '12345678901234567890.123456789', 0.1, 'ünï', DATE '2024-02-29', TIMESTAMP '2024-02-29 12:30:00.5+00', DATETIME '2024-02-29 12:30:00.000001',
     TIME '23:59:59.999999', true, FROM_BASE64('AP8='), ['a', 'b c'], STRUCT('Köln', 50667), [STRUCT(1, [1, 2]), STRUCT(2, [3])]),
    (2, -9223372036854775808, NUMERIC '-0.5', 5e-324, '', DATE '0001-01-01', TIMESTAMP '1970-01-01 00:00:00+00', DATETIME '9999-12-31 23:59:59',
     TIME '00:00:00', false, FROM_BASE64(''), [], STRUCT(CAST(NULL AS STRING), 1), []),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, [], NULL, [])"
everything "$EMULATOR"
google "$EMULATOR" do "CREATE TABLE ds.many AS SELECT i AS id, CONCAT('n', CAST(i AS STRING)) AS name FROM UNNEST(GENERATE_ARRAY(1, 5000)) AS i"
many "$EMULATOR"
sync wrong << 'END'
sync: wrong
sql: |
  SELECT id FROM ds.nothing
key: id
to: l.many
fields: {name: id}
END
eff 1 check wrong
same "fault" config "$(problems "p ->> '\$.fault'")"
same "where" syncs/wrong.yml:3:3 "$(problems "p ->> '\$.where'")"
rm -r "$P"

about "our stand-in, by Google's client"
sandbox bigquery
source_is "$BIGQUERY" ', page_rows: 1000'
google "$BIGQUERY" do "CREATE TABLE ds.everything (id INT64, big INT64, dec NUMERIC, dbl FLOAT64, txt STRING, day DATE, ts TIMESTAMP, dt DATETIME,
    tod TIME, flag BOOL, bin BYTES, tags ARRAY<STRING>, addr STRUCT<city STRING, zip INT64>, nested ARRAY<STRUCT<a INT64, b ARRAY<INT64>>>)"
google "$BIGQUERY" do "INSERT INTO ds.everything VALUES
    (1, 9223372036854775807, '12345678901234567890.123456789', 0.1, 'ünï', '2024-02-29', '2024-02-29 12:30:00.5+00', '2024-02-29 12:30:00.000001',
     '23:59:59.999999', true, x'00ff', '[\"a\", \"b c\"]', '{\"city\": \"Köln\", \"zip\": 50667}', '[{\"a\": 1, \"b\": [1, 2]}, {\"a\": 2, \"b\": [3]}]'),
    (2, -9223372036854775808, '-0.5', 5e-324, '', '0001-01-01', '1970-01-01 00:00:00+00', '9999-12-31 23:59:59',
     '00:00:00', false, x'', '[]', '{\"zip\": 1}', '[]'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[]', NULL, '[]')"
everything "$BIGQUERY"
google "$BIGQUERY" do "CREATE TABLE ds.many (id INT64, name STRING)"
google "$BIGQUERY" do "INSERT INTO ds.many WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i, 'n' || i FROM n"
many "$BIGQUERY"
same "a dry run" "79840 SELECT [('id', 'INTEGER', 'NULLABLE'), ('name', 'STRING', 'NULLABLE')]" "$(google "$BIGQUERY" dry 'SELECT * FROM ds.many')"
same "an unknown name" 'BadRequest invalidQuery Unrecognized name: nme at [1:8]' "$(google "$BIGQUERY" error 'SELECT nme FROM ds.many')"
same "an unknown table" 'NotFound notFound Not found: Table proj:ds.none was not found in location US' "$(google "$BIGQUERY" error 'SELECT 1 FROM ds.none')"
ask "$BIGQUERY/_sandbox/faults" '{"rules": [], "settings": {"job_polls": 3}}'
same "a job that was cancelled" 'GoogleAPICallError stopped Job execution was cancelled: User requested cancellation' "$(google "$BIGQUERY" cancel 'SELECT * FROM ds.many')"
finish
