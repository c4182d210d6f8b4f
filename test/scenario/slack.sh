#!/bin/sh
# timeout: 120
#
# Goal: messages in a channel: one per change, one per row for good, or one that is kept up to date;
# what Slack refuses in a 200 is refused, and an answer that was lost posts nothing twice.
# Method: the real binary against the stand-in, whose messages and requests are looked at; a lock that
# another run would hold.
# covers: B8
. "$EFF_SRC/test/lib/scenario.sh"
sandbox slack hubspot

project slack << END
sources: {w: {type: sqlite, path: w.db}}
destinations: {team: {type: slack, token: xoxb-test-token, url: "$SLACK/api", messages_per_second: 50}}
END
db "$P/w.db" "create table deal (id integer primary key, owner, amount); insert into deal values (1, 'Ito', 100), (2, 'Zoë', 250), (3, 'Ann <&>', 7)"
deals() { # NAME MODE MORE
    printf 'sync: %s\ntable: deal\nkey: id\nto: team.C0000000001\nmode: %s\nfields: {text: "{{ owner }} won {{ amount }}"}\nguard: {max_removed: 100%%}\n%s\n' "$1" "$2" "$3" > "$P/syncs/$1.yml"
}
texts() { # EXPECTED
    records "$SLACK" C0000000001
    rows_are records.db "select group_concat(t, '|') from (select json_extract(f, '$.text') t from r order by t)" "$1"
}
fresh() { ask "$SLACK/_sandbox/reset" '{}'; }

about "append"
deals log append ''
eff 0 run log
counts log read=3 added=3 planned=3 delivered=3
texts 'Ann <&> won 7|Ito won 100|Zoë won 250'
db "$P/w.db" "update deal set amount = 101 where id = 1; delete from deal where id = 3"
eff 0 run log
texts 'Ann <&> won 7|Ito won 100|Ito won 101|Zoë won 250'

about "insert"
fresh
deals once insert ''
eff 0 run once
db "$P/w.db" "update deal set amount = 102 where id = 1; insert into deal values (4, 'Bo', 1)"
eff 0 run once
texts 'Bo won 1|Ito won 101|Zoë won 250'

about "mirror: one message per row"
fresh
deals board mirror ''
eff 0 run board
texts 'Bo won 1|Ito won 102|Zoë won 250'
db "$P/w.db" "update deal set amount = 103 where id = 1; delete from deal where id = 4"
eff 0 run board
counts board read=2 unchanged=1 changed=1 removed=1 planned=2 delivered=2
texts 'Ito won 103|Zoë won 250'
rm "$P/syncs/board.yml" "$P/syncs/once.yml"

about "what Slack refuses"
fresh
db "$P/w.db" "insert into deal values (5, 'x', replace(hex(zeroblob(20001)), '0', 'y'))"
eff 3 run log
says msg_too_long
db "$P/w.db" "delete from deal where id = 5; update deal set amount = 104"
sed -i 's/C0000000001/C0000000002/; s/sync: log/sync: closed/' "$P/syncs/log.yml"
run_eff run -p "$P" --output json closed
document_good run
[ "$CODE" != 0 ] || fail "it is ok with a channel that is archived"
says is_archived
says '/invite @bot'
deals log append ''
rm "$P/syncs/closed.yml" 2> /dev/null

about "too fast"
ask "$SLACK/_sandbox/faults" '{"limits": {"burst": {"requests": 1, "per_ms": 1000}}}'
eff 0 run log
texts 'Ito won 103|Ito won 104|Zoë won 104'

about "an answer that was lost"
fresh
ask "$SLACK/_sandbox/faults" '{"rules": [{"match": {"path": "/api/chat.postMessage"}, "times": 1, "then": {"reset_after": true}}]}'
db "$P/w.db" "update deal set amount = 105"
eff 3 run log
counts log read=2 changed=2 gone=1 planned=2 delivered=1 held=1 possible_duplicates=1
texts 'Ito won 105|Zoë won 105'
eff 3 run log
texts 'Ito won 105|Zoë won 105'

about "a token that is void"
ask "$SLACK/_sandbox/tokens" '{"revoke": "test-token"}'
db "$P/w.db" "insert into deal values (9, 'n', 1)"
eff 1 run log
says token_revoked
says 'chat:write'
about "another run sends to the same place" # it holds the first lock of it: half of the messages are ours
sed -i 's/messages_per_second: 50/messages_per_second: 2/' "$P/efferent.yml"
db "$P/w.db" "delete from deal; insert into deal values (6, 'a', 1), (7, 'b', 1), (8, 'c', 1), (9, 'd', 1)"
deals shared append ''
fresh
: > "$P/.efferent/.share-team-0"
exec 9< "$P/.efferent/.share-team-0"
flock 9
eff 0 run shared
exec 9<&-
counts shared read=4 added=4 planned=4 delivered=4
[ "$(j '$.seconds' | cut -d. -f1)" -ge 3 ] || fail "the messages took $(j '$.seconds') s"
eff 0 state check

about "who is not let in has appended nothing"
project blind << END
sources: {w: {type: sqlite, path: w.db}}
destinations:
  out: {type: http, url: "$HS", token: wrong, auth: {header: {Authorization: "Bearer {token}"}}, operations: {append: {class: blind, post: /crm/v3/objects/notes, json: "{fields}", answer: {all: applied}}}}
END
printf 'sync: notes\ntable: note\nkey: id\nto: out.notes\nmode: append\nfields: [text]\n' | sync notes
db "$P/w.db" "create table note (id int primary key, text); insert into note values (1, 'a'), (2, 'b'), (3, 'c')"
eff 1 run
counts notes read=3 added=3 planned=3 pending=3
eff 1 run
counts notes read=3 gone=0 pending=3 planned=3 added=3
finish
