#!/bin/sh
# Goal: the vendors' own clients, as they come from npm, work against the stand-ins.
# Method: start the stand-ins on free ports, read the printed addresses, run test/peers/*.test.mjs.
# timeout: 300
if ! command -v node > /dev/null 2>&1 || [ ! -d "$EFF_PEERS/node_modules/jsforce" ]; then
    echo "peers_sdk: node or the packages of test/peers are missing (tools/setup test)"
    exit 77
fi

"$EFFERENT" sandbox salesforce hubspot slack meta --port 0 > addresses 2> sandbox.log &
sandbox=$!
trap 'kill $sandbox 2> /dev/null' EXIT
tries=0
while [ "$(wc -l < addresses)" -lt 4 ]; do
    tries=$((tries + 1))
    if [ $tries -gt 200 ] || ! kill -0 $sandbox 2> /dev/null; then
        echo "peers_sdk: the stand-ins did not start"
        cat sandbox.log
        exit 1
    fi
    sleep 0.05
done
SALESFORCE_URL=$(sed -n 's/^salesforce //p' addresses)
HUBSPOT_URL=$(sed -n 's/^hubspot //p' addresses)
META_URL=$(sed -n 's/^meta //p' addresses)
SLACK_URL=$(sed -n 's/^slack //p' addresses)
export SALESFORCE_URL HUBSPOT_URL SLACK_URL META_URL

cd "$EFF_PEERS" || exit 1
code=0
for file in salesforce.test.mjs hubspot.test.mjs slack.test.mjs meta.test.mjs; do
    node --test "$file" || code=1
done

kill -TERM $sandbox
wait $sandbox || { echo "peers_sdk: the stand-ins did not end well on SIGTERM"; code=1; }
trap - EXIT
if [ $code -ne 0 ]; then
    cat "$EFF_TMP/sandbox.log"
fi
exit $code
