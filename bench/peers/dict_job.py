"""dict_job: the job that Efferent replaces, as it is usually written.

usage: dict_job.py CONNECTION_STRING SOURCE_TABLE TARGET_TABLE STATE_FILE

Reads all rows of the source through a server-side cursor, compares them with
what it pickled after the last run, upserts what changed with execute_values in
pages of 1,000 rows, deletes what is gone, commits, and pickles the new state.
"""

import json
import os
import pickle
import sys

import psycopg2
from psycopg2.extras import execute_values


def load_state(path):
    if not os.path.exists(path):
        return {}
    with open(path, "rb") as f:
        return pickle.load(f)


def save_state(path, rows):
    with open(path + ".new", "wb") as f:
        pickle.dump(rows, f, protocol=pickle.HIGHEST_PROTOCOL)
        f.flush()
        os.fsync(f.fileno())
    os.rename(path + ".new", path)


def read_rows(connection, table):
    rows = {}
    with connection.cursor(name="read") as cursor:
        cursor.itersize = 10000
        cursor.execute(f"SELECT * FROM {table}")
        for row in cursor:
            rows[row[0]] = row[1:]
    return rows


def columns_of(connection, table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} LIMIT 0")
        return [column.name for column in cursor.description]


def upsert_sql(table, columns):
    updates = ", ".join(f"{c} = excluded.{c}" for c in columns[1:])
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES %s "
        f"ON CONFLICT ({columns[0]}) DO UPDATE SET {updates}"
    )


def main():
    url, source, target, state = sys.argv[1:]
    connection = psycopg2.connect(url)
    columns = columns_of(connection, target)
    before = load_state(state)
    now = read_rows(connection, source)
    changed = [(key,) + row for key, row in now.items() if before.get(key) != row]
    removed = [(key,) for key in before if key not in now]
    with connection.cursor() as cursor:
        if changed:
            execute_values(cursor, upsert_sql(target, columns), changed, page_size=1000)
        if removed:
            execute_values(
                cursor,
                f"DELETE FROM {target} t USING (VALUES %s) v (id) WHERE t.{columns[0]} = v.id",
                removed,
                page_size=1000,
            )
    connection.commit()
    save_state(state, now)
    print(json.dumps({"read": len(now), "changed": len(changed), "removed": len(removed)}))


main()
