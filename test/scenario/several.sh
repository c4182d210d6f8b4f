#!/bin/sh
# timeout: 120
#
# Goal: several syncs in one command do not stand in each other's way, exit codes tell the truth
# about all of them, and no secret is ever shown or kept.
# Method: a project of seven syncs and four destinations, one of which is down; each way to choose
# among them; targets; secrets from each place, with a canary that is looked for in everything
# that was printed and written.
# covers: B25, F7, G6, H2, S1
. "$EFF_SRC/test/lib/scenario.sh"

table() { # FILE TABLE
    db "$P/$1" "create table $2 (id integer primary key, name text)"
}
status_of() { # SYNC
    sqlite3 :memory: "select value ->> '\$.status' from json_each(cast(readfile('out.json') as text), '\$.syncs') where value ->> '\$.sync' = '$1'"
}
statuses() { # NAME=STATUS...: of exactly these syncs
    same "syncs" "$(printf '%s\n' "$@" | sort)" "$(sqlite3 :memory: "select (value ->> '\$.sync') || '=' || (value ->> '\$.status')
        from json_each(cast(readfile('out.json') as text), '\$.syncs')" | sort)"
}
only() { # NAME...: were run, and nothing else
    same "syncs" "$(printf '%s\n' "$@" | sort)" "$(sqlite3 :memory: "select value ->> '\$.sync'
        from json_each(cast(readfile('out.json') as text), '\$.syncs')" | sort)"
}

make() { # NAME
    about "$1"
    project "$1" << 'END'
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  one: {type: sqlite, path: one.db}
  two: {type: sqlite, path: two.db}
  down: {type: sqlite, path: missing/nowhere.db}
  out: {type: file, path: out, format: jsonl}
END
    db "$P/shop.db" "create table t (id integer primary key, name text);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 50) insert into t select i, 'n' || i from n"
    for at in a b; do table one.db "$at"; done
    table two.db c
    table two.db d
    one a one.a '[sales]' '[]'
    one b one.b '[sales, daily]' '[a]'
    one c two.c '[daily]' '[]'
    one d two.d '[]' '[x]'
    one e out.events '[]' '[d]'
    one x down.x '[sales]' '[]'
    one off one.a '[]' '[]'
    echo 'enabled: false' >> "$P/syncs/off.yml"
}
one() { # NAME TO TAGS AFTER
    printf 'sync: %s\ntable: t\nkey: id\nto: %s\nfields: [name]\ntags: %s\nafter: %s\n' "$1" "$2" "$3" "$4" > "$P/syncs/$1.yml"
}

make in_folders
mkdir -p "$P/syncs/team/eu" "$P/models" "$P/syncs/.drafts"
echo 'select id, name from t where id <= 20' > "$P/models/first.sql"
printf 'sync: b\nmodel: ../../../models/first.sql\nkey: id\nto: one.b\nfields: [name]\n' > "$P/syncs/team/eu/b.yml"
rm "$P/syncs/b.yml"
mv "$P/syncs/a.yml" "$P/syncs/team/a.yaml"
echo 'not: [a sync' > "$P/syncs/.drafts/x.yml"
echo 'what these are' > "$P/syncs/team/README"
eff 0 run a b
only a b
rows_are "$P/one.db" 'select (select count(*) from a), (select count(*) from b)' '50|20'
sed -i 's/^key: id/kye: id/' "$P/syncs/team/eu/b.yml"
eff 2 check
says 'syncs/team/eu/b.yml'
if [ "$(id -u)" != 0 ]; then
    mkdir -m 0 "$P/syncs/closed"
    eff 2 check
    says 'cannot read the folder'
    rmdir "$P/syncs/closed"
fi
mkdir -p "$P/syncs/1/2/3/4/5/6/7/8/9"
eff 2 check
says 'nested more than 8 deep'

make one_destination_down
eff 1 run
statuses a=ok b=ok c=ok d=skipped e=skipped x=failed
rows_are "$P/one.db" 'select (select count(*) from a), (select count(*) from b)' '50|50'
rows_are "$P/two.db" 'select (select count(*) from c), (select count(*) from d)' '50|0'
says 'x failed'
mkdir "$P/missing"
table missing/nowhere.db x
eff 0 run
statuses a=ok b=ok c=ok d=ok e=ok x=ok
rows_are "$P/two.db" 'select count(*) from d' 50

about selection
eff 0 run a c
only a c
eff 0 run --select tag:sales
only a b x
eff 0 run --select tag:sales --exclude destination:down
only a b
eff 0 run --select 'tag:sales,tag:daily'
only b
eff 0 run --select +e
only e d x
eff 0 run --select a+
only a b
eff 0 run --select 'destination:two'
only c d
eff 0 run -s 'a c' -s x
only a c x
eff 0 run off # switched off: said, not silently left out
same "status" skipped "$(j '$.syncs[0].status')"
says 'enabled: false'
eff 2 run --select tag:nothing
eff 2 run --select 'colour:red'
eff 0 plan --select 1+e
only e d
eff 0 run --exclude a --exclude b --exclude off --jobs 1
only c d e x

about "partial is not failed"
db "$P/one.db" "create trigger no before insert on a when new.id = 99 begin select raise(abort, 'no 99'); end"
db "$P/shop.db" "insert into t values (99, 'x')"
eff 3 run a b c
statuses a=rejected b=ok c=ok # a was run to its end: b may follow
says 'no 99'
db "$P/shop.db" 'delete from t where id = 99'

about "two syncs that write one field"
make overlap
eff 0 check a b
same "notes" 0 "$(j '$.syncs[0].problems' | grep -c EFF2124)"
sed 's/^sync: a$/sync: again/' "$P/syncs/a.yml" > "$P/syncs/again.yml"
eff 0 check a again b
same "who" a,again "$(sqlite3 :memory: "select group_concat(s.value ->> '\$.sync', ',') from json_each(cast(readfile('out.json') as text), '\$.syncs') s,
    json_each(s.value, '\$.problems') p where p.value ->> '\$.code' = 'EFF2124'")"
says 'writes a.name too'
echo 'enabled: false' >> "$P/syncs/again.yml"
eff 0 check a
same "notes beside one that is off" 0 "$(j '$.syncs[0].problems' | grep -c EFF2124)"

about jobs
sed -i 's/^table: t/sql: WITH RECURSIVE w(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM w WHERE i < 500000) SELECT * FROM t WHERE (SELECT count(*) FROM w) > 0/' "$P/syncs/a.yml" "$P/syncs/b.yml" "$P/syncs/c.yml"
eff 0 run a b c --jobs 8
statuses a=ok b=ok c=ok
eff 0 run a b c --jobs 1
statuses a=ok b=ok c=ok

about "stopped by a signal"
make stopped
sed -i 's/^table: t/sql: WITH RECURSIVE w(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM w WHERE i < 90000000) SELECT * FROM t WHERE (SELECT count(*) FROM w) > 0/' "$P/syncs/a.yml" "$P/syncs/c.yml"
"$EFFERENT" run -p "$P" --output json a b c > out.json 2> err.txt &
RUN=$!
sleep 0.7
kill -TERM $RUN
wait $RUN
CODE=$?
same "exit code" 1 "$CODE"
document_good run
only a b c
rows_are "$P/one.db" 'select count(*) from a' 0

about "a child that is killed is one failed sync"
"$EFFERENT" run -p "$P" --output json a e x > out.json 2> err.txt &
RUN=$!
sleep 0.5
for child in $(cat "/proc/$RUN/task/$RUN/children"); do kill -s KILL "$child"; done
wait $RUN
CODE=$?
same "exit code" 1 "$CODE"
document_good run
says 'was killed'

about "stopped while somebody else has the destination's file"
make locked
(echo 'begin immediate;'; sleep 8) | sqlite3 "$P/one.db" &
LOCKER=$!
lib_pids="$lib_pids $LOCKER"
sleep 0.3
"$EFFERENT" run -p "$P" --output json a > out.json 2> err.txt &
RUN=$!
sleep 1
stops_within 3000
kill $LOCKER

about "after in a circle"
make circle
one a one.a '[]' '[b]'
eff 2 run
one_problem '*after*'

# ---- targets ----

make targets
cat >> "$P/efferent.yml" << 'END'
targets:
  prod:
    destinations:
      one: {type: sqlite, path: prod.db}
  other: {state: elsewhere}
END
table prod.db a
table prod.db b
eff 0 run a
eff 0 run a --target prod
counts a read=50 added=50 planned=50 delivered=50
rows_are "$P/prod.db" 'select count(*) from a' 50
eff 0 run a --target other
counts a read=50 added=50 planned=50 delivered=50
[ -d "$P/elsewhere" ] || fail "the target's state is not where it was to be"
eff 0 run a
counts a read=50 unchanged=50 planned=0
eff 2 run a --target staging
says 'staging'

# ---- secrets ----

sandbox hubspot
CANARY=canary-7f3a9b2c
ask "$HS/_sandbox/tokens" "{\"issue\": \"$CANARY\"}"
project secrets << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  hub: {type: hubspot, url: "$HS", token: "\${secret:hub_token}"}
  pg: {type: postgres, url: "postgresql://user:\${secret:hub_token}@127.0.0.1:9/x?connect_timeout=2"}
secrets: keys.env
END
db "$P/shop.db" "create table t (id integer primary key, email text); insert into t values (1, 'a@example.com'), (2, '$CANARY@example.com')"
sync leads << 'END'
sync: leads
table: t
key: id
to: hub.contacts
match: {email: email}
fields: {ext_id: id}
END
sync pg << 'END'
sync: pg
table: t
key: id
to: pg.t
fields: [email]
END
about "a file of secrets that others can read"
echo "hub_token=$CANARY" > "$P/keys.env"
chmod 644 "$P/keys.env"
eff 2 run leads
says 'chmod 600'
chmod 600 "$P/keys.env"
: > everything.txt
show() { # all that is said goes where the canary is looked for
    run_eff "$@"
    cat out.json err.txt >> everything.txt
}
about "a secret is never shown"
show run -p "$P" --output json leads
same "exit code" 0 "$CODE"
for command in 'run leads' 'run --output json' 'run --log-format json leads' 'plan leads' 'check leads' 'status' 'status --output json' 'rows leads' 'rows pg'; do
    # shellcheck disable=SC2086
    show $command -p "$P"
done
ask "$HS/_sandbox/tokens" "{\"revoke\": \"$CANARY\"}"
show run -p "$P" --output json leads
same "exit code" 1 "$CODE"
show run -p "$P" leads
show check -p "$P" leads
ask "$HS/_sandbox/faults" "{\"rules\": [{\"then\": {\"status\": 401, \"message\": \"bad token $CANARY in the answer\"}}]}"
show run -p "$P" leads
show run -p "$P" --output json leads
sed -i "s|url: \"$HS\"|url: \"http://$CANARY.invalid\"|" "$P/efferent.yml"
show run -p "$P" --output json leads
sed -i 's/token: ".*"/token: [1, 2]/' "$P/efferent.yml"
show run -p "$P"
# Rows hold it as an e-mail address: that is data, and allowed where rows are shown.
if grep -v 'example.com' everything.txt | grep -q "$CANARY"; then
    fail "the secret was shown: $(grep -v 'example.com' everything.txt | grep "$CANARY" | head -n 3)"
fi
find "$P" -type f ! -name keys.env ! -name shop.db ! -name efferent.yml > files.txt
while read -r file; do
    if grep -q "$CANARY[^@]" "$file"; then fail "the secret is in $file"; fi
done < files.txt

about "a secret from the environment, and one that is nowhere"
rm "$P/keys.env"
sed -i '/^secrets/d; s|url: "http.*token: .*|url: "'"$HS"'", token: "${secret:hub_token}"}|' "$P/efferent.yml"
eff 2 run leads
says 'hub_token'
ask "$HS/_sandbox/faults" '{"rules": []}'
hub_token=test-token
export hub_token
eff 0 run leads
unset hub_token
mkdir creds
echo test-token > creds/hub_token
CREDENTIALS_DIRECTORY=$EFF_TMP/creds
export CREDENTIALS_DIRECTORY
eff 0 run leads
unset CREDENTIALS_DIRECTORY

finish
