#!/bin/sh
# timeout: 240
#
# Goal: a sync asks no more of an API than it has to: the rows of a run go in as few requests as the API allows, each
# request is in our report, and none is told that was not made. The last calls of a quota are used, and no more.
# Method: tools/figures at a small size, which compares the log of each stand-in with the report and the least.
. "$EFF_SRC/test/lib/scenario.sh"

least() { # ROWS CHANGED CONNECTOR...
    export ROWS="$1" CHANGED="$2"
    shift 2
    sh "$EFF_SRC/tools/figures" "$@" > figures.txt 2> err.txt || fail "more requests than needed, or others than told"
    same "connectors" $# "$(grep -c '| 1\.00 |' figures.txt)"
}
least 300 210 hubspot http salesforce salesforce_bulk intercom stripe netsuite zendesk klaviyo customerio pendo
least 5000 1000 meta google_data_manager # a request as large as they come

about "the last calls of a quota: all are used, none is refused"
sh "$EFF_SRC/tools/figures" rates salesforce meta > figures.txt 2> err.txt || fail "a quota is not used, or run into"
same "connectors" 2 "$(grep -c '| 100\.0 % | 0 |' figures.txt)"

finish
