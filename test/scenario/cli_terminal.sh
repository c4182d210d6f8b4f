#!/bin/sh
# timeout: 120
#
# Goal: colours and live lines on a terminal only, within its width; Ctrl-C stops in an orderly way;
# a child that is killed is a failed sync and not a failed command.
# Method: the real binary on a pseudo-terminal of 60 columns, and in the background with signals.
# covers: H2, H3
. "$EFF_SRC/test/lib/scenario.sh"
command -v script > /dev/null || skip "there is no script(1)"

project p << 'END'
sources: {w: {type: sqlite, path: w.db}}
destinations: {d: {type: sqlite, path: d.db}}
END
sync a << 'END'
sync: a_name_that_is_rather_long_for_a_narrow_terminal
sql: |
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
  SELECT i AS id, 'A person with the number ' || i AS name FROM n
key: id
to: d.person
fields: [name]
END
: > "$P/w.db"
fresh() {
    rm -rf "$P/.efferent" "$P/d.db"
    db "$P/d.db" "create table person (id int primary key, name text)"
}
on_terminal() { # OUT COMMAND
    script -qec "stty cols 60 rows 30; $2" /dev/null < /dev/null | tr -d '\r' > "$1"
}
plain() { sed 's/\x1b\[[0-9;]*[A-Za-z]//g' "$1"; }

about "live lines"
fresh
on_terminal tty.txt "TERM=xterm '$EFFERENT' run -p '$P'"
grep -q "$(printf '\033')\[1A" tty.txt || fail "no live line was redrawn"
plain tty.txt | grep -q 'sent .* of 200,000' || fail "no progress is shown"
grep -q "$(printf '\033')\[32m" tty.txt || fail "no colours"
if plain tty.txt | awk 'length > 60' | grep -v '^a_name' | grep -q .; then
    fail "a line is wider than the terminal: $(plain tty.txt | awk 'length > 60' | head -n 3)"
fi

about NO_COLOR
on_terminal tty.txt "TERM=xterm NO_COLOR=1 '$EFFERENT' status -p '$P'"
if grep -q "$(printf '\033')" tty.txt; then fail "there are colours"; fi
on_terminal tty.txt "TERM=xterm '$EFFERENT' status --no-color -p '$P'"
if grep -q "$(printf '\033')" tty.txt; then fail "there are colours in spite of --no-color"; fi

about "TERM=dumb"
fresh
on_terminal tty.txt "TERM=dumb '$EFFERENT' run -p '$P'"
if grep -q "$(printf '\033')" tty.txt; then fail "escape codes on a dumb terminal"; fi
grep -q '200,000 delivered' tty.txt || fail "the summary is missing"

under_way() { # starts a run in the background and waits for its child: PID, CHILD
    "$EFFERENT" run -p "$P" -o json > out.json 2> err.txt &
    PID=$!
    lib_pids="$lib_pids $PID"
    CHILD=
    for _ in $(seq 200); do
        [ -e "$P/.efferent" ] && CHILD=$(cat "/proc/$PID/task/$PID/children" | tr -d ' ') && [ -n "$CHILD" ] && break
        sleep 0.01
    done
    [ -n "$CHILD" ] || fail "no child came up"
    sleep 0.1
}

about "a child is killed"
fresh
under_way
kill -9 "$CHILD"
wait "$PID"
CODE=$?
same "exit code" 1 "$CODE"
document_good run
says "was killed (out of memory?)"
eff 0 run
rows_are "$P/d.db" 'select count(*) from person' 200000

about "asked to stop"
fresh
under_way
kill -TERM "$PID"
wait "$PID"
CODE=$?
same "exit code" 1 "$CODE"
document_good run
says "stopped on request"
eff 0 run
rows_are "$P/d.db" 'select count(*) from person' 200000

about "the parent is killed"
fresh
under_way
kill -9 "$PID"
wait "$PID" 2> /dev/null
for _ in $(seq 1000); do [ -d "/proc/$CHILD" ] || break; sleep 0.01; done
[ ! -d "/proc/$CHILD" ] || fail "the child lives on"
eff 0 run
rows_are "$P/d.db" 'select count(*) from person' 200000
finish
