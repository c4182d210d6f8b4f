#!/bin/sh
# timeout: 120
#
# Goal: the table of what each destination can do is what happens: what is marked passes, what is not
# is refused where it stands in the file, before anything is opened, and nothing runs.
# Method: each row of `efferent docs connectors` as syncs, one per mode and removal, checked offline; then
# the same of a sync that is run.
. "$EFF_SRC/test/lib/scenario.sh"

"$EFFERENT" docs connectors | sed -n 's/^| `\([a-z0-9_]*\)` | \(.*\)/\1|\2/p' | tr -d '`' > table.txt
same "the table's kinds" "$("$EFFERENT" connector list --no-color | sed 's/ .*//' | sort)" "$(cut -d'|' -f1 table.txt | sort -u)"
if grep -q 'not known' table.txt; then fail "a destination could not be opened: $(grep 'not known' table.txt)"; fi

# The kind whose operations stand in the project: some of them, and what they must make possible.
declared='upsert: {put: /x, answer: {all: applied}}, delete: {delete: /x, answer: {all: applied}}'
declared="$declared, append: {post: /x, answer: {all: taken}}"

# The options, the match and the fields that each kind needs for a sync that means something.
settings() { # KIND OBJECT
    options='' match='id' fields='[name]'
    case $1 in
    sqlite | file) options='path: x' ;;
    postgres) options='url: "postgresql:///x"' ;;
    mysql) options='url: "mysql://u@localhost/x"' ;;
    s3) options='bucket: lake, access_key_id: a, secret_access_key: b' ;;
    exec) options='program: x' ;;
    custom_api) options='url: "https://example.com"' ;;
    customerio) options='site_id: a, api_key: b' ;;
    google_data_manager) options='account_id: "1"' match='' fields='{emailAddress: name}' ;;
    hubspot | slack | stripe) options='token: t' ;;
    meta) options='token: t' match='' fields='{EMAIL: name}' ;;
    klaviyo) options='api_key: k' match=email ;;
    pendo) options='integration_key: k' match=visitorId ;;
    salesforce) options='instance_url: "https://example.com", token: t' ;;
    zendesk) options='url: "https://example.com", email: a@example.com, token: t' match=external_id ;;
    intercom) options='token: t' match=external_id ;;
    netsuite) options='url: "https://1.suitetalk.api.netsuite.com", account: "1"' match=externalId ;;
    http) options='url: "https://example.com", operations: {'$declared'}' ;;
    *) return 1 ;;
    esac
    case $1.$2 in
    stripe.*) match=email ;;
    hubspot.associations) match='contacts.id: id, companies.id' ;;
    intercom.companies) match=company_id ;;
    intercom.contact_companies) match=external_id fields='{company_id: name}' ;;
    esac
}

add() { # NAME MODE REMOVED EXPECTED: x passes, everything else is refused there
    mode_line=$2
    {
        echo "sync: $1"
        echo "sql: select 1 as id, 'a' as name"
        echo "key: id"
        echo "to: d.\"$object\"" | tr -d '"'
        [ -z "$match" ] || echo "match: {$match: id}"
        echo "fields: $fields"
        [ -n "$mode_line" ] && echo "mode: $mode_line"
        [ -n "$3" ] && echo "on_removed: $3"
    } > "$P/syncs/$1.yml"
    line=$(wc -l < "$P/syncs/$1.yml")
    [ -z "$3" ] || place=13
    [ -n "$3" ] || place=7
    [ "$4" = x ] || echo "syncs/$1.yml:$line:$place" >> wanted.txt
}

while IFS='|' read -r kind objects upsert update insert mirror append members removals _; do
    about "$kind:$objects"
    object=$(echo "$objects" | sed 's/,.*//; s/ *$//; s/^a list$/L1/')
    settings "$kind" "$object" || { fail "this test knows no settings of it"; continue; }
    if [ "$kind" = http ]; then object=a upsert=x mirror=x append=x removals=delete; fi
    project "$kind-$object" << END
sources: {w: {type: sqlite, path: w.db}}
destinations: {d: {type: $kind, $options}}
END
    : > wanted.txt
    for mode in upsert update insert mirror append members; do
        eval "marked=\$$mode"
        # A mirror that can only archive says so.
        removed=''
        if [ $mode = mirror ]; then case $removals in *delete*) ;; *archive*) removed=archive ;; esac; fi
        add "m_$mode" $mode "$removed" "$(echo "$marked" | tr -d ' ')"
    done
    if [ "$(echo "$upsert" | tr -d ' ')" = x ]; then
        for removed in clear archive delete; do
            case $removals in *$removed*) can=x ;; *) can='' ;; esac
            add "r_$removed" '' $removed "$can"
        done
    fi
    run_eff check -p "$P" --offline --output json
    problems "p ->> '$.where'" | sort > found.txt
    sort wanted.txt > sorted.txt
    cmp -s sorted.txt found.txt || fail "the table and the check differ (< table, > check): $(diff sorted.txt found.txt)"
    [ ! -s wanted.txt ] || same "exit code" 2 "$CODE"
    [ ! -e "$P/w.db" ] || fail "something was opened"
done < table.txt

about "a field that records are not found by"
project match << END
sources: {w: {type: sqlite, path: w.db}}
destinations: {d: {type: stripe, token: t}}
END
sync match << END
sync: match
sql: select 1 as id, 'a' as name
key: id
to: d.customers
match: {id: id}
fields: [name]
END
run_eff check -p "$P" --offline --output json
same "exit code" 2 "$CODE"
one_problem 'Stripe does not find records by `id`' syncs/match.yml:5:9

about "a run with such a sync does nothing at all"
project run << END
sources: {w: {type: sqlite, path: w.db}}
destinations: {d: {type: file, path: out}}
END
db "$P/w.db" "create table t (id integer primary key, name text); insert into t values (1, 'a')"
sync good << END
sync: good
sql: select id, name from t
key: id
to: d.good
fields: [name]
END
sed 's/good/bad/' "$P/syncs/good.yml" > "$P/syncs/bad.yml"
echo 'on_removed: archive' >> "$P/syncs/bad.yml"
for command in run plan check; do
    run_eff $command -p "$P" --output json
    same "exit code of $command" 2 "$CODE"
    one_problem 'a file cannot archive records' syncs/bad.yml:6:13
    same code EFF1208 "$(problems "p ->> '$.code'")"
done
says 'With mode upsert it can do on_removed: keep, clear, delete.'
printf 'mode: mirror\n' >> "$P/syncs/bad.yml"
run_eff check -p "$P" --output json
same "exit code" 2 "$CODE"
says 'With mode mirror it can do on_removed: delete.' # what it says can be followed
[ ! -e "$P/out" ] || fail "something was written"
eff 0 run good

about "an object that cannot be one"
sed 's|d.good|d.../bad|; s/good/bad/' "$P/syncs/good.yml" > "$P/syncs/bad.yml"
echo 'mode: mirror' >> "$P/syncs/bad.yml"
run_eff check -p "$P" --offline --output json
one_problem '*cannot be the name of a file' syncs/bad.yml:4:5
finish
