#!/bin/sh
# run-test: run one test in a fresh, empty folder, which it also finds in EFF_TMP.
#
# usage: run-test.sh NAME COMMAND [ARG...]
#
# The folder is removed when the test passes, and kept and named when it fails.
# Its path is short, because the tests put Unix sockets there.
name=$1
shift
EFF_TMP=$(mktemp -d "${TMPDIR:-/tmp}/eff-$name.XXXXXX") || exit 1
export EFF_TMP
export LC_ALL=C.UTF-8 TZ=UTC
export XDG_STATE_HOME=/dev/null # states are put back at will: only tests of that tell by it
unset DISPLAY

cd "$EFF_TMP" || exit 1
"$@" < /dev/null
code=$?
cd /
case $code in
0 | 77) chmod -R u+rwX "$EFF_TMP" 2> /dev/null; rm -rf "$EFF_TMP" ;;
*) echo "run-test: exit code $code; the files of this test are in $EFF_TMP" ;;
esac
exit $code
