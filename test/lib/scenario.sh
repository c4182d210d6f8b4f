# scenario: what the scenario scripts share; read by `. "$EFF_SRC/test/lib/scenario.sh"`.
#
# A script makes projects in its own empty folder, runs the real binary and looks
# at what it said (out.json, err.txt) and at what it did. A failed expectation is
# told and counted, and the script goes on; `finish` ends it.
set -u
[ -n "${EFFERENT:-}" ] || { echo "lib: EFFERENT does not say which binary to run"; exit 1; }
EFF_TMP=${EFF_TMP:-$(mktemp -d)}
cd "$EFF_TMP" || exit 1

lib_failed=0
lib_about=
lib_pids=

about() { # what the next expectations are about
    lib_about=$*
    [ -z "${EFF_TRACE:-}" ] || echo "$(date +%T.%1N) $lib_about"
}

fail() { # MESSAGE...: counts, and shows what the last command said
    lib_failed=$((lib_failed + 1))
    echo "FAIL${lib_about:+ [$lib_about]}: $*"
    if [ -s out.json ] && [ "$lib_failed" -le 10 ]; then head -c 1500 out.json && echo; fi
    if [ -s err.txt ]; then head -n 20 err.txt; fi
}

finish() {
    for lib_pid in $lib_pids; do kill "$lib_pid" 2> /dev/null; done
    for lib_pid in $lib_pids; do wait "$lib_pid" 2> /dev/null; done
    lib_pids=
    [ "$lib_failed" = 0 ] || { echo "$lib_failed expectations failed"; exit 1; }
    exit 0
}
lib_stop() { for lib_pid in $lib_pids; do kill "$lib_pid" 2> /dev/null; done; }
trap lib_stop EXIT

skip() { echo "skipped: $*"; exit 77; }

# listens FILE COMMAND...: a server until the script ends; FILE gets what it prints, which is where it listens.
listens() {
    lib_where=$1
    shift
    : > "$lib_where"
    "$@" > "$lib_where" 2> "$lib_where.err" &
    lib_pids="$lib_pids $!"
    lib_wait=0
    until [ -s "$lib_where" ]; do
        lib_wait=$((lib_wait + 1))
        [ $lib_wait -lt 400 ] || { cat "$lib_where.err"; fail "the server does not start"; finish; }
        sleep 0.05
    done
}

# ---- databases ----

db() { # FILE SQL...: runs it; the output is the rows, one per line
    lib_db=$1
    shift
    sqlite3 -bail -cmd '.timeout 5000' "$lib_db" "$@" || fail "sqlite3 $lib_db: $*"
}

older_state() { # FILE FORMAT: a control.db as the version of efferent with that format left it
    lib_drop="older resumed quota used doubt"
    [ "$2" -ge 2 ] || lib_drop="$lib_drop forgotten incarnation"
    for lib_table in $lib_drop; do
        db "$1" "drop table $lib_table"
    done
    db "$1" "pragma user_version = $2"
}

empty_duckdb() { # FILE: one of DuckDB's without tables, as its library makes it
    base64 -d << 'END' | gzip -d > "$1"
H4sIAAAAAAACA+3XoQrCYBQF4H9gsO1JNjRs8icFbVotRqeLgsVuNFl8P9teY4YxhIFgXPi+cric+wLnlT0O98sz3ezX21X4z22e
F3n5u5+VsapiHY9FAAAAAEZgsdxdz83p3d/twPdz0sW0iyTY/wAAAGD/2/8AAAAwFh+kZg2PADAAAA==
END
}

same() { # WHAT EXPECTED FOUND
    [ "$2" = "$3" ] || fail "$1: expected
$2
found
$3"
}

rows_are() { # FILE SQL EXPECTED: lines as sqlite3 prints them
    same "rows of $2" "$3" "$(db "$1" "$2")"
}

tables_equal() { # WHAT FILE1 SQL1 FILE2 SQL2: the same rows with the same types, in any order
    lib_dump "$2" "$3" > expected.txt
    lib_dump "$4" "$5" > found.txt
    cmp -s expected.txt found.txt || fail "$1: missing (<) or unexpected (>):
$(diff expected.txt found.txt | grep '^[<>]' | head -n 20)"
}
lib_dump() { sqlite3 -quote "$1" "$2" | sort; }

# ---- projects ----

# project NAME: a folder with efferent.yml (from standard input), and P pointing at it.
project() {
    P=$EFF_TMP/$1
    mkdir -p "$P/syncs"
    cat > "$P/efferent.yml"
}

sync() { cat > "$P/syncs/$1.yml"; } # NAME, from standard input
# sync_of NAME TO MATCH FIELDS [MORE]: of the table p
sync_of() {
    sync "$1" << END
sync: $1
table: p
key: id
to: $2
match: {$3}
fields: {$4}
${5:-}
END
}

# ---- the binary ----

# run_eff ARGS...: out.json and err.txt say what it said, CODE its exit code.
run_eff() {
    "$EFFERENT" "$@" > out.json 2> err.txt
    CODE=$?
    if [ "$CODE" -gt 3 ]; then fail "efferent $*: exit code $CODE"; fi
    if grep -Eq 'Sanitizer|runtime error:|Assertion|assertion|core dumped|Segmentation' err.txt; then
        fail "efferent $*: it broke"
    fi
}

# eff EXPECTED_CODE COMMAND ARGS...: with --output json in project P; the document is checked.
eff() {
    lib_want=$1
    lib_command=$2
    shift 2
    run_eff "$lib_command" -p "$P" --output json "$@"
    [ "$CODE" = "$lib_want" ] || fail "efferent $lib_command $*: exit code $CODE, expected $lib_want"
    document_good "$lib_command"
}

# takes_most MIB COMMAND ARGS...: run_eff, and no process of it was larger.
takes_most() {
    lib_most=$1
    shift
    python3 -c 'import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=open("out.json", "w"), stderr=open("err.txt", "w"))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(code)' "$EFFERENT" "$@" > most.txt
    CODE=$?
    echo "${lib_about:-$1}: $(cat most.txt) MiB of at most $lib_most MiB"
    [ -n "${EFF_SANITIZED:-}" ] || [ "$(cat most.txt)" -le "$lib_most" ] || fail "it took $(cat most.txt) MiB"
}

# stops_within MS: the run in the background, process RUN, is asked to stop; it says so, in time.
stops_within() {
    lib_begun=$(date +%s%3N)
    kill -TERM "$RUN"
    wait "$RUN"
    CODE=$?
    lib_lasted=$(($(date +%s%3N) - lib_begun))
    same "exit code" 1 "$CODE"
    document_good run
    says "stopped on request"
    [ "$lib_lasted" -lt "$1" ] || fail "it took $lib_lasted ms to stop"
}

# The document is one JSON value, says its exit code, and its counts add up.
document_good() { # COMMAND
    lib_sql="
        with d as (select case when json_valid(t) then t end d from (select cast(readfile('out.json') as text) t)),
        r as (select d from d where d is not null and '$1' in ('run', 'plan')),
        s as (select value v from r, json_each(r.d, '$.syncs')),
        n as (select v, v ->> '$.read' r, v ->> '$.unchanged' u, v ->> '$.added' a,
            v ->> '$.changed' c, v ->> '$.invalid' i, v ->> '$.removed' x, v ->> '$.planned' p,
            (v ->> '$.delivered') + (v ->> '$.superseded') + (v ->> '$.rejected') +
            (v ->> '$.held') + (v ->> '$.pending') z,
            v ->> '$.resumed.planned' rp, (v ->> '$.resumed.delivered') +
            (v ->> '$.resumed.superseded') + (v ->> '$.resumed.rejected') +
            (v ->> '$.resumed.held') + (v ->> '$.resumed.pending') rz from s)
        select 'no JSON document, or more than one' from d where d is null
        union all select 'format is not 1' from d where d is not null and json_extract(d, '$.format') is not 1
        union all select 'command is not $1' from d where d is not null and json_extract(d, '$.command') is not '$1'
        union all select 'exit_code is not ' || $CODE from r where json_extract(d, '$.exit_code') is not $CODE
        union all select 'read ' || r || ' is not ' || (u + a + c + i) from n where r is not u + a + c + i
        union all select 'planned ' || p || ' is not ' || (a + c + x) from n where p is not a + c + x
        union all select 'planned ' || p || ' is not settled ' || ifnull(z, 'at all') from n
            where '$1' = 'run' and p is not z
        union all select 'resumed ' || rp || ' is not settled ' || rz from n
            where '$1' = 'run' and rp is not null and rp is not rz
        union all select 'status does not fit: ' || json_extract(d, '$.status') from r
            where json_extract(d, '$.status') is not
            case $CODE when 0 then 'ok' when 3 then 'partial' else 'failed' end"
    lib_said=$(sqlite3 :memory: "$lib_sql" 2>&1)
    [ -z "$lib_said" ] || fail "the document of efferent $1: $lib_said"
}

j() { # JSON_PATH: a value of out.json
    sqlite3 :memory: "select json_extract(cast(readfile('out.json') as text), '$1')"
}

# counts SYNC read=5 added=2 ...: members of one sync's entry; those that are not named must be 0.
counts() {
    lib_sync=$1
    shift
    lib_named=" $* "
    lib_wanted=
    for lib_pair in "$@"; do lib_wanted="$lib_wanted, ('${lib_pair%%=*}', '${lib_pair#*=}')"; done
    for lib_name in added changed removed invalid gone planned rejected held pending \
        possible_duplicates; do
        case $lib_named in *" $lib_name="*) ;; *) lib_wanted="$lib_wanted, ('$lib_name', '0')" ;; esac
    done
    # A plan has no verdicts, and no `held` unless there is some.
    lib_said=$(sqlite3 :memory: "with wanted (name, value) as (values ${lib_wanted#, }),
        entry as (select value v from json_each(cast(readfile('out.json') as text), '$.syncs')
            where value ->> '$.sync' = '$lib_sync'),
        found as (select name, value, (select cast(v ->> ('$.' || name) as text) from entry) f from wanted)
        select name || ' is ' || ifnull(f, 'missing') || ', expected ' || value from found
        where f is not value and not (f is null and value = '0')" 2>&1)
    [ -z "$lib_said" ] || fail "sync $lib_sync: $lib_said"
}

says() { # TEXT: some problem or hint of the document, or standard error, says this
    grep -Fq -- "$1" out.json err.txt || fail "nothing says: $1"
}

says_not() { # TEXT
    if grep -Fq -- "$1" out.json err.txt; then fail "something says: $1"; fi
}

# Problems of the document, whether of the command or of its syncs.
problems() { # SQL over column p, as in: problems "p ->> '$.where'"
    sqlite3 :memory: "with d as (select cast(readfile('out.json') as text) d)
        select $1 from (select value p from d, json_each(d, '$.problems') union all
        select q.value from d, json_each(d, '$.syncs') s, json_each(s.value, '$.problems') q)"
}

one_problem() { # PATTERN of its message [WHERE]
    same "number of problems" 1 "$(problems "count(*)")"
    lib_message=$(problems "p ->> '$.message'")
    # shellcheck disable=SC2254 # it is a pattern
    case $lib_message in $1) ;; *) fail "the problem is: $lib_message" ;; esac
    [ -z "${2:-}" ] || same "where" "$2" "$(problems "p ->> '$.where'")"
    case $lib_message in *'
'*) fail "the message has several lines" ;; esac
}

# ---- the sandbox ----

# sandbox VENDOR... [--OPTION=VALUE...]: starts it on free ports; SF, HS, SLACK, STRIPE and so on are the addresses
# that it told: the vendor's name in capitals, but for the first two.
sandbox() {
    : > sandbox.txt
    "$EFFERENT" sandbox --port 0 "$@" > sandbox.txt 2> sandbox.err &
    lib_pids="$lib_pids $!"
    SANDBOX=$!
    lib_vendors=0
    for lib_word in "$@"; do
        case $lib_word in -* | *[!a-z_]*) break ;; *) lib_vendors=$((lib_vendors + 1)) ;; esac
    done
    lib_wait=0
    while [ "$(grep -c http sandbox.txt)" -lt "$lib_vendors" ]; do
        lib_wait=$((lib_wait + 1))
        if [ "$lib_wait" -gt 200 ] || ! kill -0 "$SANDBOX" 2> /dev/null; then
            cat sandbox.err
            fail "the sandbox does not come up"
            finish
        fi
        sleep 0.05
    done
    while read -r lib_name lib_address; do
        eval "$(echo "$lib_name" | tr '[:lower:]' '[:upper:]')=\$lib_address"
    done < sandbox.txt
    SF=${SALESFORCE:-} HS=${HUBSPOT:-}
}

# hubspot_contacts NAME [LINE...]: a project that keeps HubSpot's contacts (address HS) like the table customer
# of shop.db, which it makes: id, email, name. The lines go into its sync.
hubspot_contacts() {
    project "$1" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: hubspot, url: "$HS", token: test-token, calls_per_10s: 10000}}
END
    shift
    {
        printf '%s\n' 'sync: contacts' 'sql: SELECT id, email, name FROM customer' 'key: id' \
            'match: {email: email}' 'to: crm.contacts' 'fields: {firstname: name}' "$@"
    } | sync contacts
    db "$P/shop.db" "create table customer (id integer primary key, email text, name text)"
}

stand() { sed -n "s/^$1 //p" sandbox.txt; } # VENDOR: its address

ask() { # URL [JSON]: a control call; answer.json is what came
    if [ $# = 1 ]; then
        curl -sS --max-time 20 "$1" > answer.json
    else
        curl -sS --max-time 20 -H 'Content-Type: application/json' --data-binary "$2" "$1" > answer.json
    fi || fail "no answer from $1"
    if grep -q '"status":"error"' answer.json; then fail "$1: $(cat answer.json)"; fi
}

# records URL OBJECT: the object's records as a table r(id, f) in records.db; f is their JSON.
records() {
    ask "$1/_sandbox/records?object=$2&limit=100000"
    rm -f records.db
    db records.db "create table r (id text, f text);
        insert into r select value ->> '$.id', value -> '$.fields' from json_each(cast(
        readfile('answer.json') as text), '$.records')"
}

# requests URL: how many carried rows since the last reset of the log, to requests.db: q(n, method, path, status, rows, body)
requests() {
    ask "$1/_sandbox/requests?limit=100000"
    rm -f requests.db
    db requests.db "create table q (n int, method text, path text, status int, rows int, fault text, body text);
        insert into q select value ->> '$.n', value ->> '$.method', value ->> '$.path',
        value ->> '$.status', value ->> '$.rows', value ->> '$.fault', value ->> '$.body' from json_each(cast(
        readfile('answer.json') as text), '$.requests') where value ->> '$.path' not like '/_sandbox%'"
}
