#!/bin/sh
# timeout: 240
#
# Goal: when the system gives a run no more descriptors, it says so and stops in good order: what was
# delivered is known, and the next run finishes the rest.
# Method: from too few descriptors for anything up to enough of them, one by one: a
# run from nothing under that limit, then one without; both destinations are compared with the
# model, and a file has each row once.
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

finish
