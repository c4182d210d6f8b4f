#!/bin/sh
# timeout: 300
#
# Goal: what `make demo` shows is true, and the demo notices when it is not.
# Method: run it for three weeks with the real program and look for its key lines; run it again with
# a program that reports a week's changes without sending them; point it to a folder that is not its own.
set -eu
demo=$EFF_SRC/tools/demo
log=$EFF_TMP/log

fail() {
    printf 'demo.sh: %s\n' "$1" >&2
    [ ! -f "$log" ] || cat "$log" >&2
    exit 1
}
has() { grep -qE -- "$1" "$log" || fail "no line that matches: $1"; }
nothing_left() { # no process of the stand-in survives its demo
    port=$(sed -n 's|^ *instance_url: .*:\([0-9]*\)$|\1|p' "$1/efferent.yml")
    ! curl -sf -o "$EFF_TMP/answer" "http://127.0.0.1:$port/_sandbox" || fail 'the stand-in is still running'
}
command -v sqlite3 > /dev/null && command -v curl > /dev/null || exit 77

# The story, told truly.
DEMO_DIR=$EFF_TMP/shop "$demo" --weeks 3 > "$log" 2>&1 || fail "ended with exit code $?"
has '^\+ the CRM holds 23,570 contacts'
has 'read +23,570 = 23,570 unchanged'
has '^\+ the CRM saw 1 call .*, and none that carried a row'
has 'planned +508 = 508 changed'
has 'Segment__c "Returning" → "High value"|Lifetime_Value__c [0-9.]+ → [0-9.]+'
has '^1997-07-07 +563 +508 +29 +508 +508 +[0-9]+ +[0-9.]+$'
has '^1997-07-14 +520 +468 +31 +468 +468 +[0-9]+ +[0-9.]+$'
has '^1997-07-21 +495 +453 +26 +453 +453 +[0-9]+ +[0-9.]+$'
has '^\+ 1,429 rows in [0-9]+ requests; everything each week had been 70,710 rows$'
has 'Segment_Name__c'
has '^\+ all 23,570 contacts of the CRM are what the warehouse says'
! grep -q "$(printf '\033')" "$log" || fail 'escape codes without a terminal'
! grep -q 'cannot open' "$log" || fail 'it looks for a file that is not there yet'
nothing_left "$EFF_TMP/shop"
[ -f "$EFF_TMP/shop/efferent.yml" ] && [ -d "$EFF_TMP/shop/.efferent" ] || fail 'the project is not there to look at'

# A program that says what is expected, and sends nothing.
cat > "$EFF_TMP/liar" <<LIAR
#!/bin/sh
case \$* in
*--output*) echo '{"syncs": [{"planned": 508, "changed": 508, "delivered": 508, "requests": 3, "seconds": 0.1}]}' ;;
*) exec "$EFFERENT" "\$@" ;;
esac
LIAR
chmod +x "$EFF_TMP/liar"
code=0
EFFERENT=$EFF_TMP/liar DEMO_DIR=$EFF_TMP/lie "$demo" --weeks 1 > "$log" 2>&1 || code=$?
[ $code = 1 ] || fail "a run that sent nothing was believed: exit code $code"
has 'the CRM changed 0 contacts, but 508 customers had bought something'
nothing_left "$EFF_TMP/lie"

# Somebody's folder is not the demo's to remove.
mkdir "$EFF_TMP/mine"
: > "$EFF_TMP/mine/thesis"
code=0
DEMO_DIR=$EFF_TMP/mine "$demo" > "$log" 2>&1 || code=$?
[ $code = 1 ] && [ -f "$EFF_TMP/mine/thesis" ] || fail 'it has removed what it had not made'
has 'was not made by this demo'
