#!/bin/sh
# timeout: 180
#
# Goal: when a field over there changes so that row after row would be refused, the run ends with
# the first of them and says why, and the rest is neither lost nor refused.
# Method: the Salesforce stand-in retires a choice, asks for a value and takes another type between
# two runs of 2,000 rows; its log tells how many rows were sent.
# covers: B16
. "$EFF_SRC/test/lib/scenario.sh"

sandbox salesforce

start() { # NAME
    about "$1"
    project "$1" << END
sources: {shop: {type: sqlite, path: shop.db}}
destinations:
  force: {type: salesforce, instance_url: "$SF", bulk_threshold: 100000,
    auth: {client_id: test-user, client_secret: test-secret}}
END
    sync leads << END
sync: leads
table: lead
key: id
to: force.Lead
match: {Ext_Id__c: id}
guard: {max_rejected: ${MOST:-20%}}
fields: {LastName: name, Company: {const: Acme}, Lead_Score__c: score, Segment__c: segment}
END
    db "$P/shop.db" "create table lead (id integer primary key, name text, score text, segment text);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
        insert into lead select i, 'n' || i, i, case when i % 2 then 'hv' else 'lv' end from n"
    ask "$SF/_sandbox/reset" '{}'
    eff 0 run
    db "$P/shop.db" "update lead set score = score + 5000"
    ask "$SF/_sandbox/requests?limit=0"
    MARK=$(sqlite3 :memory: "select json_extract(cast(readfile('answer.json') as text), '$.total')")
}
schema() { ask "$SF/_sandbox/schema" "{\"object\": \"Lead\", $1}"; }
ends() { # CODE: the run ends early, and every row is accounted for
    eff 1 run
    says "for one cause, $1"
    says 'guard.max_rejected'
    requests "$SF"
    rows=$(db requests.db "select ifnull(sum(rows), 0) from q where n > $MARK and path not like '%/query%'")
    [ "$rows" -le 1000 ] || fail "$rows rows were sent"
}

start choice
schema '"change": {"name": "Segment__c", "type": "choice", "choices": ["lv", "vip"], "restricted": true}'
ends INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST
schema '"change": {"name": "Segment__c", "type": "choice", "choices": ["lv", "hv"], "restricted": true}'
eff 0 run
eff 0 verify --all

about "so many may be refused, if somebody says so"
schema '"change": {"name": "Segment__c", "type": "choice", "choices": ["lv", "vip"], "restricted": true}'
sed -i 's/max_rejected: 20%/max_rejected: 100%/' "$P/syncs/leads.yml"
db "$P/shop.db" "update lead set score = score + 1"
eff 3 run
counts leads read=2000 changed=2000 planned=2000 delivered=1000 rejected=1000

about "rows that were refused before say nothing about today"
sed -i 's/max_rejected: 100%/max_rejected: 20%/' "$P/syncs/leads.yml"
db "$P/shop.db" "update lead set score = score + 1"
eff 3 run
counts leads read=2000 changed=2000 planned=2000 delivered=1000 rejected=1000

start required
schema '"change": {"name": "Title", "required": true}'
db "$P/shop.db" "update lead set id = id + 5000, score = score - 5000"
eff 0 plan
says 'field Lead.Title is required over there, and nothing is mapped to it'
ends REQUIRED_FIELD_MISSING
says 'EFF2131'

start type
schema '"change": {"name": "Lead_Score__c", "type": "date"}'
eff 1 run
says 'rows were refused for one cause, JSON_PARSER_ERROR'
[ "$(j '$.syncs[0].rejected')" -le 200 ] || fail "more rows than the sample were refused"

about "a choice that the mapping names is looked for before anything is sent"
schema '"change": {"name": "Lead_Score__c", "type": "number"}'
schema '"change": {"name": "Segment__c", "type": "choice", "choices": ["High value", "lv"], "restricted": true}'
sed -i 's/Segment__c: segment/Segment__c: {from: segment, map: {hv: High value, lv: low value}}/' "$P/syncs/leads.yml"
eff 3 plan
says 'field Lead.Segment__c has no choice \"low value\" over there'
says 'syncs/leads.yml:7:72'
says_not 'no choice \"High value'

finish
