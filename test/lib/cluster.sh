# cluster: a PostgreSQL server of the test's own; read after scenario.sh. The database is postgres,
# the user test, the host the folder $CLUSTER; start_server and stop_server may be called again.
BIN=$(ls -d /usr/lib/postgresql/*/bin 2> /dev/null | sort -V | tail -n 1)
[ -n "$BIN" ] || BIN=$(dirname "$(command -v initdb || echo /nowhere/initdb)")
[ -x "$BIN/initdb" ] || skip "PostgreSQL's server is not installed"

CLUSTER=$(mktemp -d /tmp/eff-pg.XXXXXX)
as_server() { # in a subshell: a server never runs as root
    if [ "$(id -u)" = 0 ]; then
        exec setpriv --reuid "$(id -u postgres)" --regid "$(id -g postgres)" --clear-groups "$@"
    else
        exec "$@"
    fi
}
if [ "$(id -u)" = 0 ]; then chown postgres "$CLUSTER"; fi
start_server() {
    as_server "$BIN/postgres" -D "$CLUSTER/data" -k "$CLUSTER" -c listen_addresses= -c fsync=off \
        -c shared_buffers=16MB -c autovacuum=off -c max_connections=30 >> "$CLUSTER/log" 2>&1 &
    SERVER=$!
    lib_wait=0
    until "$BIN/pg_isready" -q -h "$CLUSTER"; do
        lib_wait=$((lib_wait + 1))
        [ $lib_wait -lt 300 ] || { cat "$CLUSTER/log"; fail "the server does not start"; finish; }
        sleep 0.05
    done
}
stop_server() { kill -QUIT "$SERVER" 2> /dev/null && wait "$SERVER" 2> /dev/null; }
trap 'lib_stop; stop_server; rm -rf "$CLUSTER"' EXIT
if [ "$(id -u)" = 0 ]; then
    install -o postgres -m 644 /dev/null "$CLUSTER/log"
else
    : > "$CLUSTER/log"
fi
(as_server "$BIN/initdb" -D "$CLUSTER/data" -U test -N -E UTF8 --locale=C --auth=trust) > "$CLUSTER/initdb.log" 2>&1 ||
    { cat "$CLUSTER/initdb.log"; fail initdb; finish; }
start_server
