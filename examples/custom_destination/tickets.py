#!/usr/bin/env python3
"""A destination of one's own: people in a ticket system, which here is an SQLite file.

Efferent starts this program and writes one JSON-RPC request per line to its standard input;
each is answered by one line on standard output. Everything else goes to standard error.
"""
import json
import sqlite3
import sys

FIELDS = [
    {"field_api_name": "email", "label": "E-mail", "type": "string", "identifier": True, "required": True,
     "createable": True, "updateable": False, "array": False},
    {"field_api_name": "name", "label": "Name", "type": "string", "identifier": False, "required": True,
     "createable": True, "updateable": True, "array": False},
    {"field_api_name": "orders", "label": "Orders", "type": "integer", "identifier": False, "required": False,
     "createable": True, "updateable": True, "array": False},
]

db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("CREATE TABLE IF NOT EXISTS requester (email TEXT PRIMARY KEY, name TEXT NOT NULL, orders INTEGER)")


def test_connection():
    return {"success": True}


def list_objects():
    return {"objects": [{"object_api_name": "requester", "label": "Requester"}]}


def supported_operations(object):
    return {"operations": ["upsert", "delete"]}


def list_fields(object):
    return {"fields": FIELDS}


def get_sync_speed():
    return {"maximum_batch_size": 50, "maximum_records_per_second": 5000, "maximum_parallel_batches": 1}


def upsert(record):
    if "@" not in record["email"]:
        raise ValueError("not an e-mail address: " + record["email"])
    names = [field["field_api_name"] for field in FIELDS if field["field_api_name"] in record]
    db.execute("INSERT INTO requester (%s) VALUES (%s) ON CONFLICT (email) DO UPDATE SET %s" % (
        ", ".join(names), ", ".join("?" * len(names)), ", ".join("%s = excluded.%s" % (n, n) for n in names)),
        [record[n] for n in names])


def delete(record):
    db.execute("DELETE FROM requester WHERE email = ?", [record["email"]])


def sync_batch(sync_plan, records):
    write = {"upsert": upsert, "delete": delete}[sync_plan["operation"]]
    results = []
    db.execute("BEGIN")
    for record in records:
        try:
            write(record)
            results.append({"identifier": record["email"], "success": True})
        except (ValueError, sqlite3.IntegrityError) as error:
            results.append({"identifier": record["email"], "success": False, "error_message": str(error)})
    db.execute("COMMIT")
    return {"record_results": results}


METHODS = {f.__name__: f for f in (test_connection, list_objects, supported_operations, list_fields,
                                   get_sync_speed, sync_batch)}

for line in sys.stdin:
    request = json.loads(line)
    answer = {"jsonrpc": "2.0", "id": request["id"]}
    if request["method"] in METHODS:
        answer["result"] = METHODS[request["method"]](**request["params"])
    else:
        answer["error"] = {"code": -32601, "message": "no such method"}
    print(json.dumps(answer), flush=True)
