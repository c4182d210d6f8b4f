// Goal: the vendor's world of software takes our stand-in for Salesforce.
// Method: jsforce, unchanged, against SALESFORCE_URL: log in, describe, write, read, query, load in bulk,
// and meet the errors that it has classes for. Every result is also looked up in /_sandbox/records.
import assert from 'node:assert/strict';
import {before, beforeEach, test} from 'node:test';
import jsforce from 'jsforce';
import {sandboxOf} from './sandbox.mjs';

const url = process.env.SALESFORCE_URL;
const quiet = {logLevel: 'FATAL'};
let conn;

const sandbox = sandboxOf(url);

const records = async object => (await sandbox('GET', `records?object=${object}`)).records;

before(() => assert.ok(url, 'SALESFORCE_URL says where the stand-in is'));

beforeEach(async () => {
    await sandbox('POST', 'reset', {});
    conn = new jsforce.Connection({instanceUrl: url, accessToken: 'test-token', version: '62.0', ...quiet});
});

test('login with a password over OAuth', async () => {
    const own = new jsforce.Connection({...quiet,
        oauth2: {loginUrl: url, clientId: 'test-user', clientSecret: 'test-secret'}});
    const user = await own.login('test-user', 'test-secret');
    assert.match(user.organizationId, /^00D/);
    assert.equal(own.instanceUrl, url);
    const identity = await own.identity();
    assert.equal(identity.user_id, user.id);
    assert.ok((await own.describeGlobal()).sobjects.some(o => o.name === 'Lead'));
    assert.match(String(own.limitInfo.apiUsage.limit), /^\d+$/);
    const token = own.accessToken;
    await own.logout();
    own.accessToken = token;
    own.instanceUrl = url;
    await assert.rejects(own.limits(), /Session expired/);
});

test('login over SOAP, and a wrong password', async () => {
    const own = new jsforce.Connection({loginUrl: url, version: '62.0', ...quiet});
    await own.login('test-user', 'test-secret');
    assert.equal((await own.sobject('Lead').describe()).keyPrefix, '00Q');
    await assert.rejects(new jsforce.Connection({loginUrl: url, ...quiet}).login('test-user', 'wrong'),
                         /INVALID_LOGIN/);
});

test('client credentials, and a secret that is refused', async () => {
    const own = new jsforce.Connection({instanceUrl: url, ...quiet,
        oauth2: {loginUrl: url, clientId: 'test-user', clientSecret: 'test-secret'}});
    await own.authorize({grant_type: 'client_credentials'});
    assert.equal((await own.query('SELECT COUNT() FROM Lead')).totalSize, 0);
    const other = new jsforce.OAuth2({loginUrl: url, clientId: 'test-user', clientSecret: 'no'});
    await assert.rejects(other.requestToken({grant_type: 'client_credentials'}), {name: 'invalid_client'});
});

test('a session that expires is renewed once', async () => {
    const own = new jsforce.Connection({instanceUrl: url, ...quiet,
        oauth2: {loginUrl: url, clientId: 'test-user', clientSecret: 'test-secret'}});
    await own.login('test-user', 'test-secret');
    const token = own.accessToken;
    await sandbox('POST', 'faults', {rules: [
        {match: {path: '/services/data/'}, times: 1, then: {expire_token: true}}]});
    assert.equal((await own.query('SELECT Id FROM Lead')).totalSize, 0);
    assert.notEqual(own.accessToken, token);
});

test('describe has what a contract needs', async () => {
    const lead = await conn.sobject('Lead').describe();
    const field = name => lead.fields.find(f => f.name === name);
    assert.equal(field('LastName').nillable, false);
    assert.equal(field('LastName').length, 80);
    assert.deepEqual([field('Ext_Id__c').externalId, field('Ext_Id__c').unique], [true, true]);
    assert.deepEqual([field('Lead_Score__c').type, field('Lead_Score__c').precision,
                      field('Lead_Score__c').scale], ['double', 18, 2]);
    assert.equal(field('High_Value__c').type, 'boolean');
    assert.ok(field('Status').picklistValues.length > 2);
    assert.equal(field('CreatedDate').createable, false);
    await assert.rejects(conn.sobject('Nothing').describe(), {errorCode: 'NOT_FOUND'});
});

test('create, retrieve, update, delete one', async () => {
    const made = await conn.sobject('Contact').create({LastName: ' Ito ', Email: 'ito@ex.org'});
    assert.equal(made.success, true);
    assert.match(made.id, /^003.{15}$/);
    let contact = await conn.sobject('Contact').retrieve(made.id);
    assert.equal(contact.LastName, 'Ito');
    assert.equal(contact.attributes.type, 'Contact');
    await conn.sobject('Contact').update({Id: made.id, Title: 'CEO', Email: ''});
    contact = await conn.sobject('Contact').retrieve(made.id);
    assert.deepEqual([contact.Title, contact.Email, contact.Name], ['CEO', null, 'Ito']);
    assert.equal((await conn.sobject('Contact').destroy(made.id)).success, true);
    await assert.rejects(conn.sobject('Contact').retrieve(made.id), {errorCode: 'NOT_FOUND'});
    await assert.rejects(conn.sobject('Contact').destroy(made.id), {errorCode: 'ENTITY_IS_DELETED'});
});

test('errors of one record carry their codes', async () => {
    const contacts = conn.sobject('Contact');
    await assert.rejects(contacts.create({FirstName: 'x'}), {errorCode: 'REQUIRED_FIELD_MISSING'});
    await assert.rejects(contacts.create({LastName: 'x', Nope__c: 1}), {errorCode: 'INVALID_FIELD'});
    await assert.rejects(contacts.create({LastName: 'x'.repeat(81)}), {errorCode: 'STRING_TOO_LONG'});
    await assert.rejects(contacts.create({LastName: 'x', Email: 'x'}), {errorCode: 'INVALID_EMAIL_ADDRESS'});
    await assert.rejects(contacts.create({LastName: 'x', Plan__c: 'gold'}),
                         {errorCode: 'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST'});
    await assert.rejects(contacts.create({LastName: 5}), {errorCode: 'JSON_PARSER_ERROR'});
    await assert.rejects(contacts.create({LastName: 'x', CreatedDate: '2020-01-01T00:00:00Z'}),
                         {errorCode: 'INVALID_FIELD_FOR_INSERT_UPDATE'});
    await assert.rejects(contacts.create({LastName: 'x', AccountId: 'nonsense'}), {errorCode: 'MALFORMED_ID'});
    assert.equal((await records('Contact')).length, 0);
});

test('upsert one by external id', async () => {
    const first = await conn.sobject('Lead').upsert({Ext_Id__c: 'l/1', LastName: 'A', Company: 'C'}, 'Ext_Id__c')
        .catch(error => error);
    assert.ok(first instanceof Error, 'jsforce does not encode the key, so that a slash is another path');
    const made = await conn.sobject('Lead').upsert({Ext_Id__c: 'l-1', LastName: 'A', Company: 'C'}, 'Ext_Id__c');
    assert.equal(made.created, true);
    const again = await conn.sobject('Lead').upsert({Ext_Id__c: 'L-1', Title: 'B'}, 'Ext_Id__c');
    assert.deepEqual([again.id, again.created], [made.id, false]);
});

test('two records with one external id are told apart by 300', async () => {
    await sandbox('POST', 'records', {object: 'Lead', records: [
        {Ext_Id__c: 't', LastName: 'A', Company: 'A'}, {Ext_Id__c: 't', LastName: 'B', Company: 'B'}]});
    await assert.rejects(conn.sobject('Lead').upsert({Ext_Id__c: 't', Title: 'x'}, 'Ext_Id__c'),
                         {errorCode: 'MULTIPLE_CHOICES'});
    const [row] = await conn.sobject('Lead').upsert([{Ext_Id__c: 't', Title: 'x'}], 'Ext_Id__c');
    assert.equal(row.errors[0].statusCode, 'DUPLICATE_EXTERNAL_ID');
});

test('collections: create, update, upsert, retrieve, delete', async () => {
    const made = await conn.sobject('Account').create([{Name: 'A', Ext_Id__c: 'a'}, {}, {Name: 'B'}]);
    assert.deepEqual(made.map(r => r.success), [true, false, true]);
    assert.equal(made[1].errors[0].statusCode, 'REQUIRED_FIELD_MISSING');
    assert.deepEqual(made[1].errors[0].fields, ['Name']);
    const changed = await conn.sobject('Account').update([
        {Id: made[0].id, Industry: 'Energy'}, {Id: '0015e000000zzzzAAA', Industry: 'Energy'}]);
    assert.deepEqual(changed.map(r => r.success), [true, false]);
    const put = await conn.sobject('Account').upsert([
        {Ext_Id__c: 'a', Phone: '1'}, {Ext_Id__c: 'b', Name: 'C'}], 'Ext_Id__c');
    assert.deepEqual(put.map(r => r.created), [false, true]);
    assert.equal(put[0].id, made[0].id);
    const child = await conn.sobject('Contact').upsert([
        {Ext_Id__c: 'c', LastName: 'X', Account: {Ext_Id__c: 'a'}},
        {Ext_Id__c: 'd', LastName: 'X', Account: {Ext_Id__c: 'none'}}], 'Ext_Id__c');
    assert.deepEqual(child.map(r => r.success), [true, false]);
    assert.equal(child[1].errors[0].statusCode, 'INVALID_FIELD');
    assert.equal((await conn.sobject('Contact').retrieve(child[0].id)).AccountId, made[0].id);
    const read = await conn.sobject('Account').retrieve([made[0].id, '0015e000000zzzzAAA']);
    assert.deepEqual([read[0].Industry, read[0].Phone, read[1]], ['Energy', '1', null]);
    const gone = await conn.sobject('Account').destroy([made[2].id, made[2].id]);
    assert.deepEqual(gone.map(r => r.success), [true, false]);
    assert.equal((await records('Account')).length, 2);
});

test('allOrNone takes everything back, and 201 rows are too many', async () => {
    const rows = await conn.sobject('Account').create([{Name: 'A'}, {}], {allOrNone: true});
    assert.deepEqual(rows.map(r => r.errors[0].statusCode),
                     ['ALL_OR_NONE_OPERATION_ROLLED_BACK', 'REQUIRED_FIELD_MISSING']);
    assert.equal((await records('Account')).length, 0);
    const many = Array.from({length: 201}, (_, i) => ({Name: `A${i}`}));
    await assert.rejects(conn.sobject('Account').create(many), {errorCode: 'EXCEEDED_ID_LIMIT'});
    assert.equal((await conn.sobject('Account').create(many, {allowRecursive: true})).length, 201);
});

test('queries: conditions, order, pages', async () => {
    const many = Array.from({length: 450}, (_, i) => ({Name: `A${String(i).padStart(3, '0')}`, AnnualRevenue: i}));
    await conn.sobject('Account').create(many, {allowRecursive: true});
    const all = await conn.query('SELECT Id, Name FROM Account ORDER BY AnnualRevenue DESC',
                                 {autoFetch: true, maxFetch: 1000, headers: {'Sforce-Query-Options': 'batchSize=200'}});
    assert.deepEqual([all.totalSize, all.records.length, all.records[449].Name], [450, 450, 'A000']);
    const some = await conn.sobject('Account').find({Name: {$in: ['A001', 'a002']}}, 'Name').sort('Name');
    assert.deepEqual(some.map(r => r.Name), ['A001', 'A002']);
    assert.equal(await conn.sobject('Account').count({AnnualRevenue: {$gte: 400}}), 50);
    const liked = await conn.query("SELECT Name FROM Account WHERE (Name LIKE 'A1%' AND AnnualRevenue < 102) LIMIT 5");
    assert.equal(liked.totalSize, 2);
    await assert.rejects(conn.query('SELECT Nope FROM Account'), {errorCode: 'INVALID_FIELD'});
    await assert.rejects(conn.query('SELECT Name FRM Account'), {errorCode: 'MALFORMED_QUERY'});
});

test('composite with references', async () => {
    const base = '/services/data/v62.0/sobjects';
    const answer = await conn.requestPost('/composite', {allOrNone: true, compositeRequest: [
        {method: 'POST', url: `${base}/Account`, referenceId: 'a', body: {Name: 'A'}},
        {method: 'POST', url: `${base}/Contact`, referenceId: 'c', body: {LastName: 'B', AccountId: '@{a.id}'}}]});
    assert.deepEqual(answer.compositeResponse.map(p => p.httpStatusCode), [201, 201]);
    const bad = await conn.requestPost('/composite', {allOrNone: true, compositeRequest: [
        {method: 'POST', url: `${base}/Account`, referenceId: 'a', body: {Name: 'Z'}},
        {method: 'POST', url: `${base}/Account`, referenceId: 'b', body: {}}]});
    assert.equal(bad.compositeResponse[0].body[0].errorCode, 'PROCESSING_HALTED');
    assert.equal((await records('Account')).length, 1);
});

test('bulk load: three files, null and unchanged cells', async () => {
    await conn.sobject('Contact').create([{Ext_Id__c: 'k1', LastName: 'Old', Title: 'T', Phone: '1'}]);
    conn.bulk2.pollInterval = 20;
    conn.bulk2.pollTimeout = 20000;
    const result = await conn.bulk2.loadAndWaitForResults({
        object: 'Contact', operation: 'upsert', externalIdFieldName: 'Ext_Id__c',
        input: [{Ext_Id__c: 'k1', LastName: '', Title: null, High_Value__c: true},
                {Ext_Id__c: 'k2', LastName: 'New, "B"', Title: 'x', High_Value__c: false},
                {Ext_Id__c: 'k3', LastName: null, Title: 'x', High_Value__c: false}]});
    assert.equal(result.successfulResults.length, 2);
    const made = result.successfulResults.find(r => r.Ext_Id__c === 'k2');
    assert.equal(made.sf__Created, 'true');
    assert.match(made.sf__Id, /^003/);
    assert.equal(result.failedResults.length, 1);
    assert.match(result.failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING:/);
    assert.equal(result.failedResults[0].Ext_Id__c, 'k3');
    assert.deepEqual(result.unprocessedRecords, []);
    const [first, second] = (await records('Contact')).map(r => r.fields);
    assert.deepEqual([first.LastName, first.Title, first.Phone], ['Old', undefined, '1']);
    assert.equal(second.LastName, 'New, "B"');
});

test('bulk load step by step, aborted, failed in the middle, deleted', async () => {
    let job = conn.bulk2.createJob({object: 'Lead', operation: 'insert'});
    await job.open();
    assert.equal((await job.check()).state, 'Open');
    await job.uploadData('LastName,Company\nA,B\n');
    await assert.rejects(conn.bulk2.job('ingest', {id: job.id}).uploadData('LastName,Company\nA,B\n'));
    await job.abort();
    assert.equal((await job.check()).state, 'Aborted');
    assert.equal((await job.getUnprocessedRecords()).length, 1);
    await job.delete();
    await assert.rejects(job.check(), {errorCode: 'NOT_FOUND'});

    await sandbox('POST', 'faults', {settings: {job_fail_after: 2}});
    job = conn.bulk2.createJob({object: 'Lead', operation: 'insert'});
    await job.open();
    await job.uploadData(Array.from({length: 5}, (_, i) => ({LastName: `L${i}`, Company: 'C'})));
    await job.close();
    await assert.rejects(job.poll(10, 5000), /Ingest job failed/);
    assert.equal((await job.getSuccessfulResults()).length, 2);
    assert.equal((await job.getUnprocessedRecords()).length, 3);
    assert.equal((await records('Lead')).length, 2);
});

test('bulk query', async () => {
    await conn.sobject('Lead').create([{LastName: 'A', Company: 'B'}, {LastName: 'C', Company: 'D'}]);
    conn.bulk2.pollInterval = 20;
    const rows = await (await conn.bulk2.query('SELECT LastName FROM Lead')).toArray();
    assert.deepEqual(rows.map(r => r.LastName), ['A', 'C']);
});

test('faults: a limit, a server that is gone, a renamed field', async () => {
    await sandbox('POST', 'faults', {rules: [
        {match: {nth: 1}, then: {status: 403}},
        {match: {nth: 2}, then: {status: 503}},
        {match: {nth: 3}, then: {reset_after: true}},
        {match: {nth: 4}, then: {rename_field: {object: 'Lead', from: 'Segment__c', to: 'Seg__c'}}}]});
    const leads = conn.sobject('Lead');
    await assert.rejects(leads.create({LastName: 'a', Company: 'b'}), {errorCode: 'REQUEST_LIMIT_EXCEEDED'});
    await assert.rejects(leads.create({LastName: 'a', Company: 'b'}), {errorCode: 'SERVER_UNAVAILABLE'});
    assert.equal((await records('Lead')).length, 0);
    await assert.rejects(leads.create({LastName: 'a', Company: 'b'}));
    assert.equal((await records('Lead')).length, 1);
    await assert.rejects(leads.create({LastName: 'a', Company: 'b', Segment__c: 'x'}),
                         {errorCode: 'INVALID_FIELD'});
});
