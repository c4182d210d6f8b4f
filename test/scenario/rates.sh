#!/bin/sh
# timeout: 180
#
# Goal: the limits of an account hold for all syncs of a command together, though each has a process of its own, which
# may be killed, and though no answer tells of them.
# Method: 10 requests in 2 s, as the project alone says. Two syncs of one block, and of two blocks that mean one account, where
# several at a time are allowed; both in one process; reading back; the first process killed while it sends. The stand-in's
# log is looked at: no window, less a tenth of it for a busy machine, has more. Two accounts have such a budget each.
. "$EFF_SRC/test/lib/scenario.sh"

sandbox hubspot
block() { # URL
    cat << END
type: http, url: "$1", token: test-token, auth: {header: {Authorization: "Bearer {token}"}}, limits: [{name: calls, per: 2s, requests: 10}],
    read: {post: "/crm/v3/objects/{object}/batch/read", batch: {rows: 10}, each: /results, row: "/properties/{match.field}", fields: /properties,
      json: {idProperty: "{match.field}", properties: "{record.names}", inputs: {for_each: row, item: {id: "{match.value}"}}}},
    operations: {upsert: {class: converge, batch: {rows: 10}, post: "/crm/v3/objects/{object}/batch/upsert",
      json: {inputs: {for_each: row, item: {idProperty: "{match.field}", id: "{match.value}", objectWriteTraceId: "{row.index}", properties: "{fields}"}}},
      answer: {applied: {each: /results, row: /objectWriteTraceId, remote_id: /id}}}}
END
}
# two NAME TO [URL]: a project of the syncs a and b, with 15 requests each; b goes to the block TO, one or two, which has that URL.
two() {
    about "$1"
    project "$1" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  one: {$(block "$HS")}
  two: {$(block "${3:-$HS}")}
END
    for name in a b; do
        printf "sync: %s\nsql: select * from person where grp = '%s'\nkey: id\nto: one.contacts\nmatch: {email: email}\nfields: {firstname: name}\n" \
            $name $name > "$P/syncs/$name.yml"
    done
    sed -i "s/^to: one/to: $2/" "$P/syncs/b.yml"
    db "$P/shop.db" "create table person (id text primary key, grp text, email text, name text);
        with recursive n(i) as (select 0 union all select i + 1 from n where i < 299)
        insert into person select i, case when i < 150 then 'a' else 'b' end, 'p' || i || '@example.com', 'Name ' || i from n"
    from_here
}
asked() { # what came since from_here, as "at" of seen.json
    ask "$HS/_sandbox/requests?limit=10000&bodies=0&after=${mark:-0}"
}
LOG="select value ->> '\$.n' n, cast((julianday(value ->> '\$.at') - 2440587.5) * 86400000 as int) at
    from json_each(cast(readfile('answer.json') as text), '\$.requests') where value ->> '\$.path' not like '/_sandbox%'"
from_here() {
    asked
    mark=$(db :memory: "select ifnull(max(n), 0) from ($LOG)")
}
most() { # REQUESTS that came, and MOST in a window
    asked
    REQUESTS=$(db :memory: "select count(*) from ($LOG)")
    MOST=$(db :memory: "with q as ($LOG) select ifnull(max(n), 0) from (
        select (select count(*) from q where q.at >= b.at and q.at < b.at + 1800) n from q b)")
}
within() { # REQUESTS_AT_LEAST
    most
    echo "$lib_about: $REQUESTS requests, $MOST at most in a window"
    [ "$REQUESTS" -ge "$1" ] || fail "$REQUESTS requests, where $1 or more were expected"
    [ "$MOST" -le 10 ] || fail "$MOST requests in a window of 10"
}
both() {
    counts a read=150 added=150 planned=150 delivered=150
    counts b read=150 added=150 planned=150 delivered=150
}

two one_block one
eff 0 run --jobs 4
both
within 30

two two_blocks two
eff 0 run --jobs 4
both
within 30

about "in one process"
rm -r "$P/.efferent"
from_here
EFF_NO_FORK=1 eff 0 run
both
within 30

about "reading back"
from_here
eff 0 verify --all
within 30

two killed two
"$EFFERENT" run -p "$P" --output json > out.json 2> err.txt &
RUN=$!
tries=0
most
until [ "$REQUESTS" -ge 10 ] || [ $((tries += 1)) = 100 ]; do most; done
for child in $(pgrep -P $RUN); do kill -KILL "$child"; done
wait $RUN
CODE=$?
same "exit code" 1 $CODE
document_good run
says "the process of this sync was killed"
counts b read=150 added=150 planned=150 delivered=150
within 25

two two_accounts two "$(echo "$HS" | sed 's/127\.0\.0\.1/localhost/')"
eff 0 run --jobs 4
both
most
[ "$MOST" -gt 10 ] || fail "two accounts have one budget: $MOST requests at most in a window"
[ "$MOST" -le 20 ] || fail "$MOST requests in a window of two accounts with 10 each"
finish
