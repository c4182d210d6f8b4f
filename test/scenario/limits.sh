#!/bin/sh
# timeout: 240
#
# Goal: when the system gives a run no more descriptors, processes or threads, it says so and stops in good
# order: what was delivered is known, and the next run finishes the rest.
# Method: from too few descriptors for anything up to enough of them, one by one: a
# run from nothing under that limit, then one without; both destinations are compared with the
# model, and a file has each row once. Then each process that a run of two syncs starts, and each thread
# of one that reads DuckDB, is refused in turn (test/preload/fail.c): that one, and all from it on.
# covers: F10
. "$EFF_SRC/test/lib/scenario.sh"

project fresh << 'END'
sources: {shop: {type: sqlite, path: shop.db}}
destinations: {crm: {type: sqlite, path: crm.db}, web: {type: file, path: out/, format: jsonl}}
END
sync a << 'END'
sync: a
table: customer
key: id
to: crm.contact
fields: [email, score]
mode: mirror
END
sync b << 'END'
sync: b
table: customer
key: id
to: web.contact
fields: [email, score]
mode: append
END
db "$P/shop.db" "create table customer (id integer primary key, email text, score int);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 300)
    insert into customer select i, 'c' || i || '@example.com', i from n"
db "$P/crm.db" "create table contact (id integer primary key, email text, score int)"

enough=0
for limit in $(seq 5 60); do
    about "$limit descriptors"
    rm -rf "$EFF_TMP/now"
    cp -r "$EFF_TMP/fresh" "$EFF_TMP/now"
    P=$EFF_TMP/now
    prlimit --nofile="$limit" "$EFFERENT" run -p "$P" --output json > out.json 2> err.txt
    CODE=$?
    if [ $CODE = 0 ]; then
        enough=$((enough + 1))
        [ $enough -lt 3 ] || break
        document_good run
    else
        enough=0
        [ $CODE = 1 ] || [ $CODE = 2 ] || fail "exit code $CODE"
        [ "$limit" -gt 40 ] && fail "$limit descriptors do not suffice"
        cat out.json err.txt | grep -qi 'too many open files' || fail "it does not say what was missing"
        if [ -s out.json ]; then document_good run; fi
    fi
    eff 0 run
    tables_equal "the table" "$P/shop.db" 'select * from customer' "$P/crm.db" 'select * from contact'
    same "rows of the file" "300 300" "$(cat "$P"/out/contact/* "$P"/out/contact*.jsonl 2> /dev/null |
        sed -n 's/.*"id": *\([0-9]*\).*/\1/p' | sort | uniq -c | awk '{n++; s += $1} END {print n, s}')"
done
[ $enough = 3 ] || fail "no number of descriptors was enough"

if [ -n "${EFF_SANITIZED:-}" ]; then finish; fi # they have to be loaded first
cc -shared -fPIC -O1 -o fail.so "$EFF_SRC/test/preload/fail.c" || fail "test/preload/fail.c does not compile"

# Each n-th call of KIND fails, until none is left; every run is told or right, and the next one finishes.
refused() { # KIND SAYS EQUAL
    n=0
    while :; do
        n=$((n + 1))
        for how in once on; do
            about "$1 $n is refused, $how"
            rm -rf "$EFF_TMP/now" told
            cp -r "$EFF_TMP/fresh" "$EFF_TMP/now"
            P=$EFF_TMP/now
            timeout 60 env LD_PRELOAD="$EFF_TMP/fail.so" EFF_FAIL="$1:$n:$how" EFF_FAIL_TOLD="$EFF_TMP/told" \
                "$EFFERENT" run -p "$P" --output json > out.json 2> err.txt
            CODE=$?
            [ -e told ] || break 2
            case $CODE in
            0) document_good run && "$3" ;;
            1) cat out.json err.txt | grep -qE "$2" || fail "it does not say what was missing" ;;
            *) fail "exit code $CODE" ;;
            esac
            eff 0 run
            "$3"
        done
        [ $n -lt 60 ] || fail "there is no end of them"
    done
    [ $n -gt 1 ] || fail "none was refused"
}

both_equal() {
    tables_equal "the table" "$P/shop.db" 'select * from customer' "$P/crm.db" 'select * from contact'
    same "rows of the file" 300 "$(cat "$P"/out/contact* "$P"/out/contact/* 2> /dev/null | grep -c '"id"')"
}
refused fork 'cannot start a process: Resource temporarily unavailable' both_equal

if [ -f "$EFF_DEPS/duckdb/libduckdb.so" ]; then
    project fresh << END
sources: {w: {type: duckdb, path: empty.duckdb, library: "$EFF_DEPS/duckdb/libduckdb.so"}}
destinations: {crm: {type: sqlite, path: crm.db}}
END
    empty_duckdb "$P/empty.duckdb"
    rm -f "$P"/syncs/*.yml "$P/crm.db"
    sync a << 'END'
sync: a
sql: select cast(i as integer) as id, 'c' || i || '@example.com' as email, cast(i as integer) as score from range(1, 301) as t(i)
key: id
to: crm.contact
fields: [email, score]
mode: mirror
END
    db "$P/crm.db" "create table contact (id integer primary key, email text, score int)"
    duck_equal() {
        tables_equal "the table" "$P/shop.db" 'select * from customer' "$P/crm.db" 'select * from contact'
    }
    refused thread 'thread|Resource temporarily unavailable' duck_equal
else
    echo "DuckDB's library is not there (tools/setup duckdb): its part is left out"
fi

finish
