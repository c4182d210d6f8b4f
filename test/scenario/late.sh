#!/bin/sh
# timeout: 240
#
# Goal: what a server applies long after the answer was lost does not stay over a newer value, and
# no row is sent again without need.
# Method: HubSpot's stand-in resets a connection and applies its request seconds later, while runs
# acknowledge a newer value, the same value, a removal; then the bound passes.
# covers: A10
. "$EFF_SRC/test/lib/scenario.sh"

sandbox hubspot
HS=$(stand hubspot)

people() { # NAME OPTIONS [MORE]
    about "$1"
    ask "$HS/_sandbox/reset" '{}'
    project "$1" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  hub: {type: hubspot, url: "$HS", token: test-token, calls_per_10s: 10000$2}
END
    sync people << END
sync: people
table: person
key: id
to: hub.contacts
match: {email: email}
mode: mirror
on_removed: archive
fields: {lastname: name}
END
    db "$P/shop.db" "create table person (id integer primary key, email text, name text);
        insert into person values (1, 'a@example.com', 'one'), (2, 'b@example.com', 'two'), (3, 'c@example.com', 'three')"
    eff 0 run
    counts people added=3 planned=3 delivered=3
}
lose() { # the next request with rows is given up, and applied LATE ms later, as often as it is sent
    ask "$HS/_sandbox/faults" '{"rules": [{"match": {"writes": true}, "times": 1, "then": {"late_ms": '"$1"'}}]}'
}
rename() { db "$P/shop.db" "update person set name = '$2' where id = $1"; }
there() { # WHAT NAMES
    records "$HS" contacts
    same "$1" "$2" "$(db records.db "select group_concat(n, ' ') from (select f ->> '$.lastname' n from r order by f ->> '$.email')")"
}
doubts() { db "$P/.efferent/control.db" 'select count(*) from doubt'; }

people newer ', late_apply: 20s'
lose 6000
rename 1 older
eff 0 run
counts people unchanged=2 changed=1 planned=1 delivered=1
same "rows in doubt" 1 "$(doubts)"
eff 0 run
counts people unchanged=3
rename 1 newer
eff 0 run
counts people unchanged=2 changed=1 planned=1 delivered=1
says 'may still be applied until'
same "the note" 1 "$(problems "p ->> '$.code' = 'EFF2134' and p ->> '$.rows' = 1")"
there "at first" "newer two three"
eff 0 run
counts people unchanged=3
says 'may still be applied until'
sleep 6
there "after the late one" "older two three"
eff 0 reset people --yes
eff 0 adopt people --yes
eff 0 run
counts people unchanged=2 changed=1 planned=1 delivered=1
says 'may still be applied until'
there "after a look" "newer two three"
sleep 16
eff 0 run
counts people unchanged=2 changed=1 planned=1 delivered=1
says_not 'may still be applied until'
there "after the bound" "newer two three"
eff 0 run
counts people unchanged=3

about "the same value again"
lose 1000
rename 2 same
eff 0 run
rename 2 other
eff 0 run
says 'may still be applied until'
rename 2 same
eff 0 run
counts people unchanged=2 changed=1 planned=1 delivered=1
says_not 'may still be applied until'
rename 2 other
eff 0 run
counts people unchanged=2 changed=1 planned=1 delivered=1
rename 2 same
eff 0 run
counts people unchanged=2 changed=1 planned=1 delivered=1
eff 0 run
counts people unchanged=3
there "the same value" "newer same three"

about "what was removed"
lose 1000
rename 3 older
eff 0 run
db "$P/shop.db" "delete from person where id = 3"
eff 0 run
counts people unchanged=2 removed=1 planned=1 delivered=1
says 'may still be applied until'
eff 0 run
counts people unchanged=2
says 'may still be applied until'
sleep 21
eff 0 run
counts people unchanged=2 removed=1 planned=1 delivered=1
says_not 'may still be applied until'
eff 0 run
counts people unchanged=2

people never ', late_apply: 0'
lose 100
rename 1 older
eff 0 run
same "rows in doubt" 0 "$(doubts)"

people care ', late_apply: 1h'
lose 100
rename 1 older
eff 0 run
eff 0 reset people --yes
same "rows in doubt after a reset" 1 "$(doubts)"
eff 0 adopt people --yes
rename 1 newer
eff 0 run
counts people unchanged=2 changed=1 planned=1 delivered=1
says 'may still be applied until'
eff 0 reset people --yes
eff 0 adopt people --yes
eff 0 run
counts people unchanged=3
says 'may still be applied until'
eff 0 forget people 1 --yes
same "rows in doubt once it is forgotten" 0 "$(doubts)"

finish
