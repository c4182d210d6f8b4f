#!/bin/sh
# timeout: 120
#
# Goal: a user's program as a destination: what it says of each row is the verdict; and whatever it
# does wrong (dies, hangs, talks nonsense, forgets rows) is told, and never taken for success.
# Method: the example's own program, and one that misbehaves on request; the same over HTTP.
. "$EFF_SRC/test/lib/scenario.sh"
command -v python3 > /dev/null || skip "python3 is not installed"

about "the example"
cp -r "$EFF_SRC/examples/custom_destination" "$EFF_TMP/example"
P=$EFF_TMP/example
db "$P/shop.db" "create table customer (email text, name text, orders integer);
    with recursive s(i) as (select 1 union all select i + 1 from s where i < 120) insert into customer select 'c' || i || '@ex.org', 'Nam''é ' || i, i from s;
    insert into customer values ('nonsense', 'N', 1)"
eff 0 check
eff 3 run
counts customers read=121 added=121 planned=121 delivered=120 rejected=1
says 'not an e-mail address: nonsense'
same requests 3 "$(j '$.syncs[0].requests')"
rows_are "$P/tickets.db" "select count(*), sum(orders) from requester" '120|7260'
db "$P/shop.db" "delete from customer where orders > 118 or email = 'nonsense'; update customer set name = 'new' where orders = 1"
eff 0 run
counts customers read=118 unchanged=117 changed=1 removed=2 planned=3 delivered=3
rows_are "$P/tickets.db" "select count(*), (select name from requester where orders = 1) from requester" '118|new'

cat > "$EFF_TMP/bad.py" << 'END'
#!/usr/bin/env python3
import json, os, sys, time
how = open(os.path.join(os.path.dirname(__file__), "how")).read().strip()
log = open(os.path.join(os.path.dirname(__file__), "log"), "a")
fields = [{"field_api_name": n, "label": n, "type": "string", "identifier": n == "id", "required": False,
           "createable": True, "updateable": True, "array": False} for n in ("id", "name")]
simple = {"test_connection": {"success": how != "closed", "error_message": "the door is closed"},
          "list_objects": {"objects": [{"object_api_name": "thing", "label": "Thing"}]},
          "supported_operations": {"operations": ["insert"] if how == "inserts" else ["upsert", "append"]},
          "list_fields": {"fields": fields}, "get_sync_speed": {}}
if how == "dies at once":
    print("no licence", file=sys.stderr)
    sys.exit(4)
for line in sys.stdin:
    request = json.loads(line)
    answer = {"jsonrpc": "2.0", "id": request["id"], "result": simple.get(request["method"])}
    if request["method"] == "sync_batch":
        ids = [r["id"] for r in request["params"]["records"]]
        log.write(" ".join(map(str, ids)) + "\n"); log.flush()
        results = [{"identifier": i, "success": True} for i in ids]
        if how == "dies": print("disk on fire\n", file=sys.stderr, flush=True); os._exit(3)
        if how == "killed": os.kill(os.getpid(), 9)
        if how == "hangs": time.sleep(60)
        if how == "chats": print("hello", flush=True)
        if how == "floods": sys.stdout.write("x" * (34 << 20))
        if how == "forgets once" and log.tell() < 8: results = []
        if how == "forgets": results = results[1:]
        if how == "twice": results.append({"identifier": ids[0], "success": False, "error_message": "or not"})
        if how == "shy": results[0] = {"identifier": ids[0]}
        if how == "strings": results = [{"identifier": str(r["identifier"]), "success": True} for r in reversed(results)]
        if how == "wrong id": answer["id"] = 77777
        answer["result"] = {"record_results": results}
        if how == "error": answer = {"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32603, "message": "half way through"}}
        if how == "no method": answer = {"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32601, "message": "what?"}}
    print(json.dumps(answer), flush=True)
END
chmod +x "$EFF_TMP/bad.py"
project bad << END
sources: {w: {type: sqlite, path: w.db}}
destinations:
  once: {type: exec, program: ../bad.py}
  hasty: {type: exec, program: ../bad.py, timeout: 3s}
  again: {type: exec, program: ../bad.py, idempotent: [upsert]}
  gone: {type: exec, program: ../nowhere}
END
db "$P/w.db" "create table t (id integer, name text); insert into t values (1, 'a'), (2, 'b'), (3, 'c')"
misbehave() { # HOW EXPECTED_CODE COUNTS SAYS [DESTINATION]
    about "a program that $1"
    printf 'sync: s\ntable: t\nkey: id\nto: %s.thing\nfields: [name]\n' "${5:-once}" > "$P/syncs/s.yml"
    rm -rf "$P/.efferent" "$EFF_TMP/log"
    echo "$1" > "$EFF_TMP/how"
    eff "$2" run s
    # shellcheck disable=SC2086
    [ -z "$3" ] || counts s read=3 added=3 planned=3 $3
    [ -z "$4" ] || says "$4"
}
misbehave strings 0 delivered=3 ''
misbehave dies 3 'held=3 possible_duplicates=3' 'ended with exit code 3 instead of an answer: disk on fire'
same "it was asked" 1 "$(wc -l < "$EFF_TMP/log")"
misbehave killed 3 'held=3 possible_duplicates=3' 'instead of'
misbehave hangs 3 'held=3 possible_duplicates=3' 'did not answer in time' hasty
misbehave chats 3 'held=3 possible_duplicates=3' 'no answer to request 6: hello'
misbehave floods 3 'held=3 possible_duplicates=3' 'answered with more than'
misbehave 'wrong id' 3 'held=3 possible_duplicates=3' 'no answer to request 6'
misbehave forgets 3 'delivered=2 held=1 possible_duplicates=1' 'no result names this row'
misbehave twice 3 'delivered=2 held=1 possible_duplicates=1' 'two results name this row'
misbehave shy 3 'delivered=2 held=1 possible_duplicates=1' 'no `success`'
misbehave error 3 'held=3 possible_duplicates=3' 'half way through'
misbehave 'no method' 1 '' 'error -32601: what?'
misbehave closed 1 '' 'the door is closed'
misbehave inserts 1 '' 'cannot upsert'
misbehave 'dies at once' 1 '' 'no licence'

about "what may be repeated is repeated"
echo "forgets once" > "$EFF_TMP/how"
rm "$EFF_TMP/log"
printf 'sync: r\ntable: t\nkey: id\nto: again.thing\nfields: [name]\n' > "$P/syncs/s.yml"
eff 0 run r
same "it was asked" 2 "$(wc -l < "$EFF_TMP/log")"

about "mistakes"
printf 'sync: g\ntable: t\nkey: id\nto: gone.thing\nfields: [name]\n' > "$P/syncs/s.yml"
eff 1 check g
says 'No such file or directory'
printf 'sync: g\ntable: t\nkey: [id, name]\nto: once.thing\nfields: [name]\n' > "$P/syncs/s.yml"
eff 2 check g
says 'knows a record by one field'
printf 'sync: g\ntable: t\nkey: id\nto: once.thong\nfields: [name]\n' > "$P/syncs/s.yml"
eff 3 check g
says 'has no thong'

about "the same over HTTP"
cat > "$EFF_TMP/server.py" << 'END'
import http.server, json, subprocess, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/rpc?key=k": self.send_response(401); self.send_header("Content-Length", "0"); self.end_headers(); return
        program.stdin.write(body); program.stdin.flush()
        answer = program.stdout.readline()
        self.send_response(200); self.send_header("Content-Length", str(len(answer))); self.end_headers(); self.wfile.write(answer)
    def log_message(self, *args): pass
program = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
END
rm -f "$EFF_TMP/tickets.db"
listens "$EFF_TMP/port" python3 "$EFF_TMP/server.py" "$EFF_SRC/examples/custom_destination/tickets.py" "$EFF_TMP/tickets.db"
P=$EFF_TMP/example
sed -i "/^destinations:/,\$d" "$P/efferent.yml"
printf 'destinations:\n  tickets: {type: custom_api, url: "http://127.0.0.1:%s/rpc?key=%s", idempotent: [upsert, delete]}\n' "$(cat "$EFF_TMP/port")" k >> "$P/efferent.yml"
rm -rf "$P/.efferent"
eff 0 run
rows_are "$EFF_TMP/tickets.db" "select count(*) from requester" 118
sed -i 's/key=k/key=x/' "$P/efferent.yml"
eff 1 check
says 'HTTP 401'
about "the dialect of Hightouch"
cat > "$EFF_TMP/embedded.py" << 'END'
# As its examples answer: what is not told is null or no method, and rejected rows are named.
import http.server, json, os, sys
folder = os.path.dirname(os.path.abspath(__file__))
def how(): return open(os.path.join(folder, "how")).read().strip()
people = {}
def put(params):
    mapping = params["configuration"]["identifierMapping"]
    assert params["idColumn"] == mapping["from"] == "email" and params["configuration"]["object"] == "person", params
    rejected = []
    for row in params["rows"]:
        if row["email"] == "nonsense": rejected.append({how(): "x"} if how() == "nameless" else {"id": row["email"], "reason": "no address"})
        else: people.setdefault(row["email"], {}).update({m["to"]: row.get(m["from"]) for m in params["configuration"]["mappings"]})
    return {} if how() == "silent" else {"rejectedRows": rejected}
def remove(params):
    for row in params["rows"]: people.pop(row["email"], None)
    return {"rejectedRows": []}
methods = {"list_objects": lambda p: {"objects": [{"id": "person", "label": "Person"}]},
           "list_modes": lambda p: {"modes": None},
           "list_fields": lambda p: {"fields": [{"id": "email", "label": "E-mail", "type": "STRING", "identifier": True},
                                                {"id": "name", "label": "Name", "type": "STRING"}, {"id": "orders", "label": "Orders", "type": "NUMBER"}]},
           "behavior": lambda p: {"batchSize": 50, "operations": {"add": True, "change": how() != "adds", "remove": True}},
           "add": put, "change": put, "remove": remove}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rows = request["params"].get("rows")
        if rows is not None: open(os.path.join(folder, "calls"), "a").write("%s %d\n" % (request["method"], len(rows)))
        method = methods.get(request["method"])
        answer = {"jsonrpc": "2.0", "id": request["id"]}
        answer.update({"result": method(request["params"])} if method else {"error": {"code": -32601, "message": "Method not found"}})
        open(os.path.join(folder, "people.json"), "w").write(json.dumps(people))
        body = json.dumps(answer).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *args): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
END
echo fine > "$EFF_TMP/how"
listens "$EFF_TMP/port2" python3 "$EFF_TMP/embedded.py"
project embedded << END
sources: {w: {type: sqlite, path: w.db}}
destinations: {there: {type: custom_api, dialect: hightouch, url: "http://127.0.0.1:$(cat "$EFF_TMP/port2")/", idempotent: [insert, update, delete]}}
END
printf 'sync: people\ntable: customer\nkey: email\nto: there.person\nmode: mirror\nmatch: {email: email}\nfields: [name, orders]\nguard: {max_removed: 100%%}\n' > "$P/syncs/people.yml"
db "$P/w.db" "create table customer (email text, name text, orders integer);
    with recursive s(i) as (select 1 union all select i + 1 from s where i < 120) insert into customer select 'c' || i || '@ex.org', 'N' || i, i from s;
    insert into customer values ('nonsense', 'N', 1)"
people() { db :memory: "select count(*) || ' ' || ifnull(sum(value ->> '$.orders'), 0) || ' ' || (select value ->> '$.name' from json_each(cast(readfile('$EFF_TMP/people.json') as text)) where key = 'c2@ex.org')
    from json_each(cast(readfile('$EFF_TMP/people.json') as text))"; }
eff 0 check
eff 3 run
counts people read=121 added=121 planned=121 delivered=120 rejected=1
says 'no address'
same "people over there" '120 7260 N2' "$(people)"
db "$P/w.db" "delete from customer where orders > 118 or email = 'nonsense'; update customer set name = 'new' where orders = 2; insert into customer values ('c200@ex.org', 'N', 1000)"
rm "$EFF_TMP/calls"
eff 0 run
counts people read=119 unchanged=117 added=1 changed=1 removed=2 planned=4 delivered=4
same "people over there" '119 8021 new' "$(people)"
same "methods" 'add 1 change 1 remove 2' "$(sort "$EFF_TMP/calls" | tr '\n' ' ' | sed 's/ $//')"
echo adds > "$EFF_TMP/how"
eff 1 check
says 'has no `change`, says behavior'
db "$P/w.db" "insert into customer values ('nonsense', 'N', 1), ('c201@ex.org', 'N', 1)"
for how in nameless silent; do
    echo $how > "$EFF_TMP/how"
    sed -i 's/, idempotent.*}}/}}/' "$P/efferent.yml"
    rm -rf "$P/.efferent"
    eff 3 run
    [ "$(j '$.syncs[0].held')" -gt 0 ] || fail "$how: nothing is held"
done
sed -i 's/there.person/there.thing/' "$P/syncs/people.yml"
eff 3 check
says 'has no thing'

finish
