#!/bin/sh
# timeout: 60
#
# Goal: what `make test-integration` did not run is not counted as passed: it is told as skipped, and why.
# Method: tools/test-integration over tests that pass, fail and are skipped; the emulator's test where its Python is not there.
. "$EFF_SRC/test/lib/scenario.sh"

mkdir -p tree/tools tree/cmake tree/test/integration tree/test/lib path
cp "$EFF_SRC/tools/test-integration" tree/tools/
cp "$EFF_SRC/cmake/run-test.sh" tree/cmake/
cp "$EFF_SRC/test/lib/scenario.sh" tree/test/lib/
cp "$EFF_SRC/test/integration/bigquery.sh" tree/test/integration/
echo 'exit 77' > tree/tools/fetch-bigquery
echo 'exit 0' > tree/test/integration/good.sh
echo 'echo it is broken; exit 1' > tree/test/integration/bad.sh
printf '#!/bin/sh\n' > path/cmake
chmod +x path/cmake
PATH=$EFF_TMP/path:$PATH

integration() { # NAME...
    about "$*"
    sh tree/tools/test-integration --no-setup "$@" > out.json 2> err.txt
    CODE=$?
}
integration good bigquery
same "exit code" 0 "$CODE"
says 'good: passed in '
says 'bigquery: skipped: there is no Python 3.13 here, which the emulator wants'
says '1 passed, 0 failed, 1 skipped in '
integration
same "exit code" 1 "$CODE"
says 'it is broken'
says '1 passed, 1 failed, 1 skipped in '
finish
