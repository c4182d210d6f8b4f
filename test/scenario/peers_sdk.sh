#!/bin/sh
# Goal: the vendors' own clients, as they come from npm, work against the stand-ins.
# Method: start the stand-ins on free ports, read the printed addresses, run test/peers/*.test.mjs.
# What each sent is counted (test/peers/calls.mjs) and told, as in docs/figures.md.
# timeout: 300
if ! command -v node > /dev/null 2>&1 || [ ! -d "$EFF_PEERS/node_modules/jsforce" ]; then
    echo "peers_sdk: node or the packages of test/peers are missing (tools/setup test)"
    exit 77
fi

# Each has test/peers/<name>.test.mjs, which is told its address as <NAME>_URL.
vendors='salesforce hubspot slack meta stripe zendesk klaviyo customerio intercom netsuite google_data_manager'
: > addresses # the process in the background may be late to make it
# shellcheck disable=SC2086 # they are words
"$EFFERENT" sandbox $vendors --port 0 >> addresses 2> sandbox.log &
sandbox=$!
trap 'kill $sandbox 2> /dev/null' EXIT
tries=0
while [ "$(wc -l < addresses)" -lt "$(echo "$vendors" | wc -w)" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 200 ] || ! kill -0 $sandbox 2> /dev/null; then
        echo "peers_sdk: the stand-ins did not start"
        cat sandbox.log
        exit 1
    fi
    sleep 0.05
done
while read -r name address; do
    export "$(echo "$name" | tr '[:lower:]' '[:upper:]')_URL=$address"
done < addresses

cd "$EFF_PEERS" || exit 1
code=0
for vendor in $vendors; do
    : > "$EFF_TMP/calls"
    EFF_CALLS="$EFF_TMP/calls" NODE_OPTIONS=--import=./calls.mjs node --test "$vendor.test.mjs" || code=1
    calls=$(awk '{ n += $1 } END { print n + 0 }' "$EFF_TMP/calls")
    echo "$vendor: $calls requests of its client"
    [ "$calls" -gt 10 ] || { echo "peers_sdk: so few cannot be all of them"; code=1; }
done

kill -TERM $sandbox
wait $sandbox || { echo "peers_sdk: the stand-ins did not end well on SIGTERM"; code=1; }
trap - EXIT
if [ $code -ne 0 ]; then
    cat "$EFF_TMP/sandbox.log"
fi
exit $code
