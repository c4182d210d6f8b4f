#!/bin/sh
# timeout: 60
#
# Goal: `plan --requests` shows the requests that a run then makes, to the byte, and no secret and no private value.
# Method: what a plan shows is compared with the log of the stand-ins after the run: one request, ids that are looked up, a bulk
# job; a destination in the project itself with a secret in its address, and one with a session's token there; a column that dbt calls private; a plan without the switch.
. "$EFF_SRC/test/lib/scenario.sh"
sandbox salesforce hubspot

export HOOK_KEY=canary-Xy7/secret
project p << END
sources: {w: {type: sqlite, path: w.db}}
destinations:
  force: {type: salesforce, instance_url: "$SF", auth: {client_id: test-user, client_secret: test-secret}}
  bulk: {type: salesforce, instance_url: "$SF", bulk_threshold: 1, auth: {client_id: test-user, client_secret: test-secret}}
  hub: {type: hubspot, url: "$HS", token: test-token, calls_per_10s: 10000}
  hooks:
    type: http
    url: "$HS"
    token: \${secret:HOOK_KEY}
    operations:
      upsert: {class: converge, post: "/hook/{object}", query: {key: "{token}"}, json: {secret: "{token}", ...: "{record}"}, answer: {all: applied}}
  files: {type: file, path: out}
  session: # planning logs in, to ask for the fields
    type: http
    url: "$SF"
    user: test-user
    password: test-secret
    auth:
      login: {base: "{url}", post: /services/oauth2/token, form: {grant_type: client_credentials, client_id: "{user}", client_secret: "{password}"}, token: /access_token}
      header: {Authorization: "Bearer {session.token}"}
    objects: {fields: {get: "/services/data/v60.0/sobjects/{object}/describe", each: /fields, name: /name}}
    operations:
      upsert: {class: converge, post: "/hook/{object}", query: {key: "{session.token}"}, json: {session: "{session.token}", ...: "{fields}"}, answer: {all: applied}}
END
db "$P/w.db" "create table p (id text primary key, email text, name text); insert into p values ('a/1', 'a@example.com', 'Zoë \"1\"'), ('b', 'b@example.com', null)"
sync_of force force.Lead 'Ext_Id__c: id' 'LastName: {from: name, default: none}, Company: {const: x}'
sync_of known force.Lead 'Ext_Id__c: id' 'Segment__c: email' 'mode: update'
sync_of bulk bulk.Lead 'Ext_Id__c: id' 'LastName: {from: name, default: none}, Company: {const: y}' 'on_removed: delete'
sync_of hub hub.contacts 'email: email' 'lastname: name'
sync_of hooks hooks.people 'id: id' 'name: name'
sync_of files files.p 'id: id' 'name: name'
sync_of session session.Lead 'Ext_Id__c: id' 'LastName: name'

# [REQUEST]: one, by number; as METHOD URL BODY.
shown() { db :memory: "select (value ->> '\$.method') || ' ' || (value ->> '\$.url') || ' ' || ifnull(value ->> '\$.body', '')
    from json_each(cast(readfile('out.json') as text), '\$.syncs[0].sample_requests') where key = $1"; }
steps() { db :memory: "select group_concat(value ->> '\$.operation' || '.' || (value ->> '\$.step') || '.' || (value ->> '\$.rows'), ' ')
    from json_each(cast(readfile('out.json') as text), '\$.syncs[0].sample_requests')"; }
logged() { # URL METHOD PATH-PATTERN
    requests "$1"
    db requests.db "select method || ' $1' || path || ' ' || ifnull(body, '') from q where method = '$2' and path like '$3' order by n desc limit 1"
}

about "the order of rows is a secret's of the sync, which its first run draws"
eff 0 run force bulk hub
db "$P/w.db" "update p set name = coalesce(name, '') || '!'"

about "one request with rows"
eff 0 plan force --requests
document_good plan
same steps 'upsert.send.2' "$(steps)"
wanted=$(shown 0)
requests "$SF"
sent=$(db requests.db "select count(*) from q where rows > 0")
eff 0 plan force --requests
requests "$SF"
same "a plan has sent nothing" "$sent" "$(db requests.db "select count(*) from q where rows > 0")"
eff 0 run force
same "the request" "$wanted" "$(logged "$SF" PATCH '%/composite/%')"

about "ids are looked up first"
eff 0 plan known --key a/1 --requests
document_good plan
same steps 'update.find.1 update.send.1' "$(steps)"
case $(shown 0) in "GET $SF/services/data/v60.0/query?q=SELECT%20Id%2CExt_Id__c%20FROM%20Lead%20WHERE%20Ext_Id__c%20IN%20%28%27a%2F1%27%29 ") ;; *) fail "the find: $(shown 0)" ;; esac
wanted=$(shown 1)
eff 0 run known --key a/1
same "but for the ids, the request" "$wanted" "$(logged "$SF" PATCH '%/composite/sobjects' | sed 's/"id":"[^"]*"/"id":"looked-up"/g')"

about "a job"
eff 0 plan bulk --requests
same steps 'upsert.create.2 upsert.upload.2 upsert.close.2' "$(steps)"
wanted=$(shown 1)
eff 0 run bulk
same "the upload" "$wanted" "$(logged "$SF" PUT '%/jobs/ingest/%' | sed 's|/ingest/[^/]*/|/ingest/job-id/|')"
db "$P/w.db" "delete from p where id = 'b'"
eff 0 plan bulk --requests
same "a removal" 'delete.send.1' "$(steps)"
db "$P/w.db" "insert into p values ('b', 'b@example.com', null)"

about "several vendors; and a kind that is no connector's"
eff 0 plan hub --requests
wanted=$(shown 0)
eff 0 run hub
same "the request" "$wanted" "$(logged "$HS" POST '%/batch/upsert')"
eff 0 plan files --requests
same steps '' "$(steps)"

about "no secret"
eff 0 plan hooks --requests
same steps 'upsert.send.1' "$(steps)"
says_not 'canary'
"$EFFERENT" plan hooks --requests --no-color -p "$P" > text.txt || fail "plan as text"
grep -q 'POST .*/hook/people?key=' text.txt || fail "the text: $(cat text.txt)"
grep -q 'upsert: send, 1 row' text.txt || fail "the text: $(cat text.txt)"
if grep -q canary text.txt; then fail "a secret: $(cat text.txt)"; fi

about "no session's token"
eff 0 plan session --requests
same steps 'upsert.send.1' "$(steps)"
case $(shown 0) in "POST $SF/hook/Lead?key=token {\"session\":\"token\","*) ;; *) fail "the request: $(shown 0)" ;; esac
requests "$SF"
same "the last request described the object" 1 "$(db requests.db "select path like '%/Lead/describe' and status = 200 from q order by n desc limit 1")"
"$EFFERENT" plan session --requests --no-color -p "$P" > text.txt || fail "plan as text"
grep -q 'POST .*/hook/Lead?key=token$' text.txt || fail "the text: $(cat text.txt)"

about "only when it is asked for"
eff 0 plan hooks
says_not sample_requests
finish
