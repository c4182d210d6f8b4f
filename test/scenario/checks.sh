#!/bin/sh
# timeout: 120
#
# Goal: `efferent check` tells what a credential lacks, and a target that cannot be written to, before a run does:
# the message says what, the hint what to do.
# Method: Slack, Meta and Customer.io against their stand-ins: good ones, then a token without the scope to
# write, a channel that the bot is not in, one that is not there, a key of another workspace.
. "$EFF_SRC/test/lib/scenario.sh"
sandbox slack meta customerio
SITE='type: customerio, site_id: test-site, api_key: test-token'

project checks << END
sources: {w: {type: sqlite, path: w.db}}
destinations:
  team: {type: slack, token: xoxb-test-token, url: "$SLACK/api"}
  ads: {type: meta, token: test-token, url: "$META"}
  cio: {$SITE, app_key: test-token, url: "$CUSTOMERIO", app_url: "$CUSTOMERIO"}
  cio_wrong: {$SITE, app_key: wrong, url: "$CUSTOMERIO", app_url: "$CUSTOMERIO"}
END
curl -sS --max-time 20 -H 'Authorization: Bearer test-token' -H 'Content-Type: application/json' \
    --data-binary '{"name": "a", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}' \
    "$META/v25.0/act_1/customaudiences" > answer.json
AUDIENCE=$(sqlite3 :memory: "select cast(readfile('answer.json') as text) ->> '$.id'")
db "$P/w.db" "create table p (id integer primary key, note text)"
to() { # NAME TARGET MODE MORE
    printf 'sync: %s\ntable: p\nkey: id\nto: %s\nmode: %s\n%s\n' "$1" "$2" "$3" "$4" > "$P/syncs/$1.yml"
}
channel() { to "$1" "team.$2" append 'fields: {text: note}'; } # NAME TARGET
channel inside C0000000001
channel outside C0000000003
channel closed C0000000002
channel nowhere C0000000009
channel by_name general
to audience "ads.$AUDIENCE" members 'fields: {EXTERN_ID: id}'
to people cio.person upsert 'match: {id: id}
fields: {text: note}'
to others cio_wrong.person upsert 'match: {id: id}
fields: {text: note}'

about "good ones"
eff 0 check inside by_name audience people

about "a channel"
eff 1 check outside
says 'the bot is not in the channel'
says '/invite @bot'
eff 1 check closed
says 'the channel is archived'
run_eff check -p "$P" --output json nowhere
[ "$CODE" != 0 ] || fail "a channel that is not there passes"
says channel_not_found
says 'by its id'

about "a key of another workspace"
eff 1 check others
says 'app_key'

about "plain http to another machine" # 0.0.0.0 leads here, and does not say so
sed -i "s|url: \"$SLACK/api\"|url: \"http://0.0.0.0:${SLACK##*:}/api\"|" "$P/efferent.yml"
eff 0 check inside by_name people
says '0.0.0.0 unencrypted'
says 'Write https://'
one_problem '*unencrypted'
says_not xoxb
sed -i "s|http://0.0.0.0:|http://127.0.0.1:|" "$P/efferent.yml"
eff 0 check inside
says_not unencrypted

about "tokens that may only read"
for URL in "$SLACK" "$META"; do ask "$URL/_sandbox/faults" '{"settings": {"read_only": true}}'; done
eff 1 check inside
says 'lacks the scope chat:write'
says 'install it into the workspace again'
eff 1 check audience
says 'has not been granted ads_management'
finish
