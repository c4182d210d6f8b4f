#!/bin/sh
# timeout: 600
#
# Goal: objects of an S3-compatible store hold every change record once, whole or not at all, whatever
# is lost on the way; nothing of an upload is left in the store; a mistake is told before anything runs.
# Method: s3rver behind a proxy that checks each signature with AWS' own signer and plays faults; the
# records in the objects are compared with the model.
. "$EFF_SRC/test/lib/scenario.sh"

command -v node > /dev/null || skip "node is not installed"
[ -d "$EFF_PEERS/node_modules/s3rver" ] || skip "the packages of test/peers are missing (tools/setup test)"

mkdir store
listens s3.txt node "$EFF_PEERS/s3.mjs" "$EFF_TMP/store" lake
S3=$(sed -n 's/^s3 //p' s3.txt)
faults() { curl -sS -X POST --data-binary "$1" "$S3/_faults" > /dev/null || fail "no store"; }
log_is() { # SQL EXPECTED: over q(kind, good, fault, bytes, host), the requests of all runs so far
    curl -sS "$S3/_requests" > log.json
    same "requests: $1" "$2" "$(sqlite3 :memory: "with q as (select value ->> '$.kind' kind, value ->> '$.good' good,
        value ->> '$.fault' fault, value ->> '$.bytes' bytes, value ->> '$.host' host from json_each(cast(readfile('log.json') as text)))
        $1")"
}
no_uploads() { same "uploads in the store" '{"uploads":[]}' "$(curl -sS "$S3/_uploads")"; }
objects() { find store/lake -name "$1*._S3rver_object" | sort; } # PREFIX
# records PREFIX: all objects of that name, into r(op, id, name) of records.db
read_records() {
    rm -f records.db
    for file in $(objects "$1"); do cat "$file"; done | paste -sd, | sed 's/^/[/; s/$/]/' > records.json
    db records.db "create table r (op text, id int, name text);
        insert into r select value ->> '$.op', value ->> '$.key.id', value ->> '$.fields.name'
        from json_each(cast(readfile('records.json') as text))"
}

project s3 << END
sources: {w: {type: sqlite, path: w.db}}
destinations:
  lake: {type: s3, bucket: lake, prefix: out/, endpoint: "$S3", access_key_id: test-user, secret_access_key: "\${secret:key}"}
  csv: {type: s3, bucket: lake, format: csv, endpoint: "$S3", access_key_id: test-user, secret_access_key: "\${secret:key}",
        session_token: temporary/token+with=signs, region: eu-central-1}
  big: {type: s3, bucket: lake, endpoint: "$S3", access_key_id: test-user, secret_access_key: "\${secret:key}",
        object_size: 64MiB, part_size: 5MiB}
END
export key=test-secret
db "$P/w.db" "create table c (id integer primary key, name text);
    insert into c values (1, 'Ada'), (2, 'a \"quoted\" &<é>'), (3, null)"
for dest in lake csv; do
    sync $dest << END
sync: $dest
sql: select id, name from c
key: id
to: $dest.contact_$dest
fields: [name]
mode: mirror
END
done

about "check proves the credentials and writes nothing"
eff 0 check
log_is "select group_concat(distinct kind), min(good) from q" 'get|1'

about "one object per batch: what was added, changed and removed"
eff 0 run lake
counts lake read=3 added=3 planned=3 delivered=3 requests=1
same objects 1 "$(objects contact_lake | wc -l)"
read_records contact_lake
rows_are records.db "select * from r order by id" 'upsert|1|Ada
upsert|2|a "quoted" &<é>
upsert|3|'
eff 0 run lake
counts lake read=3 unchanged=3 planned=0 requests=0
db "$P/w.db" "update c set name = 'x' where id = 1; delete from c where id = 3; insert into c values (4, 'd')"
eff 0 run lake
read_records contact_lake
rows_are records.db "select op, id, name, count(*) from r group by 1, 2, 3 order by 2, 1, 3" 'upsert|1|Ada|1
upsert|1|x|1
upsert|2|a "quoted" &<é>|1
delete|3||1
upsert|3||1
upsert|4|d|1'

about "CSV, a session token, another region"
eff 0 run csv
same objects 1 "$(objects contact_csv | wc -l)"
same "the object" 'op,id,name
upsert,1,x
upsert,2,"a ""quoted"" &<é>"
upsert,4,d' "$(tr -d '\r' < "$(objects contact_csv)" | sort -t, -k2n)"
log_is "select count(*) from q where not good" 0

about "an answer that is lost, SlowDown and 500: the same object again, no record twice"
for fault in lost drop 503 500; do
    faults "{\"on\": \"put\", \"do\": \"$fault\", \"times\": 2}"
    db "$P/w.db" "update c set name = '$fault' where id = 1"
    eff 0 run lake
    counts lake read=3 unchanged=2 changed=1 planned=1 delivered=1 requests=3 retries=2
    read_records contact_lake
    rows_are records.db "select count(*) from r where name = '$fault'" 1
done

about "a store that stays away: the rows are pending, and sent by the next run"
faults '{"on": "put", "do": "500", "times": 100}'
db "$P/w.db" "update c set name = 'later' where id = 1"
eff 3 run lake
counts lake read=3 unchanged=2 changed=1 planned=1 pending=1 delivered=0
says InternalError
faults '[]'
eff 0 run lake
read_records contact_lake
rows_are records.db "select count(*) from r where name = 'later'" 1

about "large objects: parts, put together"
db "$P/w.db" "create table big (id integer primary key, name text);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
    insert into big select i, i || ' ' || hex(zeroblob(400)) from n"
big() { # CHANGE: of every row
    db "$P/w.db" "update big set name = '$1 ' || id || substr(name, instr(name, ' '))"
    : > mark
    sleep 0.01
}
big_is() { # CHANGE: the newest objects hold every row of it once
    find store/lake -name 'big-*._S3rver_object' -newer mark > newest.txt
    same "objects" 1 "$(wc -l < newest.txt)"
    same "records" "20000 20000" "$(cat "$(cat newest.txt)" > now.jsonl; echo "$(wc -l < now.jsonl) $(grep -c "\"name\":\"$1 " now.jsonl)")"
    same "rows" 20000 "$(LC_ALL=C grep -o '"id":[0-9]*' now.jsonl | LC_ALL=C sort -u | wc -l)"
    no_uploads
}
sync big << END
sync: big
sql: select id, name from big
key: id
to: big.big
fields: [name]
END
big one
eff 0 run big
counts big read=20000 added=20000 planned=20000 delivered=20000 requests=4
big_is one
log_is "select kind, count(*) from q where kind in ('create', 'part', 'complete') group by 1 order by 1" 'complete|1
create|1
part|4'

about "an upload in which an answer of every kind is lost or refused once"
for fault in create-lost create-drop part-lost part-503 part-404 complete-lost complete-500; do
    big $fault
    faults "{\"on\": \"${fault%-*}\", \"do\": \"${fault#*-}\", \"times\": 1}"
    eff 0 run big
    counts big read=20000 changed=20000 planned=20000 delivered=20000
    big_is $fault
done

about "an upload that is given up is aborted"
big gone
faults '{"on": "part", "do": "500", "times": 100}'
eff 3 run big
counts big read=20000 changed=20000 planned=20000 pending=20000 delivered=0
no_uploads
faults '[{"on": "part", "do": "403", "times": 100}]'
eff 1 run big
says AccessDenied
no_uploads
faults '[]'
eff 0 run big
big_is gone

about "a process that is killed within an upload: the next run settles it, and nothing is left"
big killed
faults '{"on": "complete", "do": "503", "times": 1000}'
"$EFFERENT" run -p "$P" big > /dev/null 2>&1 &
victim=$!
tries=0
until curl -sS "$S3/_requests" | grep -q '"complete","path":"[^"]*","host":"[^"]*","bytes":[0-9]*,"good":true,"fault":"503"},*[^}]*$'; do
    tries=$((tries + 1))
    [ $tries -lt 400 ] || { fail "no upload was under way"; break; }
    sleep 0.05
done
for child in $(pgrep -P $victim) $victim; do kill -KILL "$child"; done
wait $victim 2> /dev/null
faults '[]'
eff 0 run big
same resumed 20000 "$(j '$.syncs[0].resumed.delivered')"
big_is killed

about "a run that is told to stop aborts its upload"
big stopped
faults '{"on": "part", "do": "503", "times": 1000}'
"$EFFERENT" run -p "$P" big > /dev/null 2>&1 &
victim=$!
tries=0
until curl -sS "$S3/_requests" | tail -c 200 | grep -q '"fault":"503"'; do
    tries=$((tries + 1))
    [ $tries -lt 400 ] || { fail "no upload was under way"; break; }
    sleep 0.05
done
kill -TERM $victim
wait $victim
no_uploads
faults '[]'
eff 0 run big
big_is stopped

about "the bucket in the name of the host"
cat > "$P/efferent.yml" << END
sources: {w: {type: sqlite, path: w.db}}
destinations:
  lake: {type: s3, bucket: lake, endpoint: "$(echo "$S3" | sed 's/127.0.0.1/localhost/')", addressing: virtual,
         access_key_id: test-user, secret_access_key: "\${secret:key}"}
END
rm "$P/syncs/csv.yml" "$P/syncs/big.yml"
sed -i 's/contact_lake/by_host/' "$P/syncs/lake.yml"
eff 0 reset lake --yes
eff 0 run lake
same objects 1 "$(objects by_host | wc -l)"
log_is "select count(*) > 0 from q where host like 'lake.localhost:%'" 1
log_is "select count(*) from q where not good" 0

about "mistakes are told before anything is written"
wrong() { # OPTIONS SAYS [CODE]
    cat > "$P/efferent.yml" << END
sources: {w: {type: sqlite, path: w.db}}
destinations: {lake: {type: s3, endpoint: "$S3", $1}}
END
    eff "${3:-1}" check
    says "$2"
}
wrong 'bucket: lake, access_key_id: test-user, secret_access_key: wrong' SignatureDoesNotMatch
wrong "bucket: nosuch, access_key_id: test-user, secret_access_key: test-secret" NoSuchBucket 3
wrong 'bucket: A, access_key_id: a, secret_access_key: b' 'cannot be the name of a bucket'
wrong 'bucket: lake, prefix: /x, access_key_id: a, secret_access_key: b' 'begins with a slash'
wrong 'bucket: lake, access_key_id: "a b", secret_access_key: b' 'hold a blank'
sed -i 's/^mode: .*/mode: update/' "$P/syncs/lake.yml"
wrong 'bucket: lake, access_key_id: a, secret_access_key: b' 'Use upsert, mirror or append.' 2
finish
