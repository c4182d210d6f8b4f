#!/bin/sh
# Goal: the generated pages in the repository are what this program says of itself.
# Method: generate each again, and compare; each destination has a page, with the part that the program writes, and stands in the index.
set -u
bad=0
same() { # what it prints, the file
    "$EFFERENT" docs "$1" > "$EFF_TMP/now" || bad=1
    cmp -s "$EFF_TMP/now" "$EFF_SRC/$2" || {
        echo "$2 is not what \`efferent docs $1\` prints: efferent docs $1 > $2"
        bad=1
    }
}
same reference docs/reference/configuration.md
same cli docs/reference/cli.md
same problems docs/reference/problems.md
same schema schema/project.schema.json

"$EFFERENT" connector list --no-color > "$EFF_TMP/kinds" || bad=1
[ "$(wc -l < "$EFF_TMP/kinds")" -ge 20 ] || { echo "only $(wc -l < "$EFF_TMP/kinds") destinations"; bad=1; }
while read -r name _; do
    page=connectors/$name/README.md
    [ -f "$EFF_SRC/$page" ] || page=docs/connectors/$name.md
    "$EFFERENT" docs connector "$name" > "$EFF_TMP/now" || bad=1
    sed -n '/^<!-- from here on written by /,/^<!-- up to here -->$/p' "$EFF_SRC/$page" | cmp -s - "$EFF_TMP/now" || {
        echo "$page does not have what \`efferent docs connector $name\` prints: tools/connector-pages"
        bad=1
    }
    sed '/^<!-- from here on written by /,$d' "$EFF_SRC/$page" | grep -qi 'removal' || {
        echo "$page does not say what a removal means"
        bad=1
    }
    [ "$page" != "connectors/$name/README.md" ] || [ "$name" = http ] ||
        sed '/^<!-- from here on written by /,$d' "$EFF_SRC/$page" | grep -Eqi 'not verified|cannot be known' || {
        echo "$page does not say what could not be verified"
        bad=1
    }
    grep -q "\`$name\`" "$EFF_SRC/docs/connectors/README.md" || {
        echo "docs/connectors/README.md does not name $name"
        bad=1
    }
done < "$EFF_TMP/kinds"

# shellcheck disable=SC2046 # they are words
sh "$EFF_SRC/tools/figures" kit $(cd "$EFF_SRC/connectors" && echo *) > "$EFF_TMP/now" || bad=1
sed -n '/^<!-- from here on written by /,/^<!-- up to here -->$/{/^|/p}' "$EFF_SRC/docs/figures.md" > "$EFF_TMP/documented"
diff "$EFF_TMP/documented" "$EFF_TMP/now" || {
    echo 'docs/figures.md has other lines, cases or replays of the connectors (<) than there are (>): sh tools/figures kit'
    bad=1
}

if "$EFFERENT" docs connector nothing 2> /dev/null; then
    echo "a page of a destination that is not there"
    bad=1
fi
exit $bad
