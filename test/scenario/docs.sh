#!/bin/sh
# Goal: the generated pages in the repository are what this program says of itself.
# Method: generate each again, and compare.
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
exit $bad
