// Goal: the vendor's own client takes our stand-in for HubSpot.
// Method: @hubspot/api-client, unchanged, against HUBSPOT_URL: properties, single and batch calls, search,
// associations, lists and the errors that it knows. What was written is looked up in /_sandbox/records.
import assert from 'node:assert/strict';
import {before, beforeEach, test} from 'node:test';
import {Client} from '@hubspot/api-client';
import {sandboxOf} from './sandbox.mjs';

const url = process.env.HUBSPOT_URL;
let client;

const sandbox = sandboxOf(url);

const records = async object => (await sandbox('GET', `records?object=${object}`)).records;
const upsert = inputs => client.crm.contacts.batchApi.upsert({inputs});
const byEmail = (id, properties, objectWriteTraceId) => ({idProperty: 'email', id, properties, objectWriteTraceId});

before(() => assert.ok(url, 'HUBSPOT_URL says where the stand-in is'));

beforeEach(async () => {
    await sandbox('POST', 'reset', {});
    await sandbox('POST', 'faults', {limits: {search: {requests: 0}}});
    client = new Client({accessToken: 'test-token', basePath: url, numberOfApiCallRetries: 0});
});

test('properties: list, read, create, archive', async () => {
    const all = (await client.crm.properties.coreApi.getAll('contacts')).results;
    const by = name => all.find(p => p.name === name);
    assert.deepEqual([by('email').type, by('lead_score').type, by('high_value').type], ['string', 'number', 'bool']);
    assert.equal(by('ext_id').hasUniqueValue, true);
    assert.equal(by('createdate').modificationMetadata.readOnlyValue, true);
    assert.ok(by('lifecyclestage').options.length > 5);
    const made = await client.crm.properties.coreApi.create('contacts', {
        name: 'shoe_size', label: 'Shoe size', type: 'number', fieldType: 'number', groupName: 'contactinformation'});
    assert.equal(made.name, 'shoe_size');
    await upsert([byEmail('a@ex.org', {shoe_size: '43'})]);
    await client.crm.properties.coreApi.archive('contacts', 'shoe_size');
    await assert.rejects(upsert([byEmail('a@ex.org', {shoe_size: '44'})]), error => {
        assert.equal(error.code, 400);
        assert.equal(error.body.errors[0].code, 'PROPERTY_DOESNT_EXIST');
        assert.deepEqual(error.body.errors[0].context.propertyName, ['shoe_size']);
        return true;
    });
    await assert.rejects(client.crm.properties.coreApi.getByName('contacts', 'shoe_size'), {code: 404});
});

test('one record: create, read, update, archive', async () => {
    const made = await client.crm.contacts.basicApi.create({properties: {email: 'Ito@Ex.org', firstname: 'I'}});
    assert.equal(made.properties.email, 'ito@ex.org');
    assert.ok(made.createdAt instanceof Date);
    const changed = await client.crm.contacts.basicApi.update('ito@ex.org', {properties: {lead_score: '7'}}, 'email');
    assert.equal(changed.id, made.id);
    const read = await client.crm.contacts.basicApi.getById(made.id, ['lead_score', 'segment']);
    assert.deepEqual([read.properties.lead_score, read.properties.segment], ['7', null]);
    await client.crm.contacts.basicApi.archive(made.id);
    await assert.rejects(client.crm.contacts.basicApi.getById(made.id), {code: 404});
    const gone = await client.crm.contacts.basicApi.getById(made.id, undefined, undefined, undefined, true);
    assert.equal(gone.archived, true);
});

test('a conflict, and values that are refused', async () => {
    await client.crm.contacts.basicApi.create({properties: {email: 'a@ex.org'}});
    await assert.rejects(client.crm.contacts.basicApi.create({properties: {email: 'A@ex.org'}}), error => {
        assert.equal(error.code, 409);
        assert.match(error.body.message, /Existing ID: \d+/);
        return true;
    });
    for (const [properties, code] of [[{email: 'nonsense'}, 'INVALID_EMAIL'], [{lead_score: 'x'}, 'INVALID_LONG'],
        [{plan: 'gold'}, 'INVALID_OPTION'], [{createdate: '1'}, 'READ_ONLY_VALUE'], [{first_purchase: '5'}, 'INVALID_DATE'],
        [{high_value: 'yes'}, 'INVALID_OPTION']])
        await assert.rejects(client.crm.contacts.basicApi.create({properties}),
                             error => error.code === 400 && error.body.errors[0].code === code);
    await assert.rejects(client.crm.tickets.basicApi.create({properties: {subject: 'x'}}), {code: 400});
    assert.equal((await records('contacts')).length, 1);
});

test('batch upsert: new and old, one by one traced', async () => {
    const first = await upsert([byEmail('a@ex.org', {plan: 'pro'}, 'r1'), byEmail('b@ex.org', {plan: 'free'}, 'r2')]);
    assert.equal(first.status, 'COMPLETE');
    assert.deepEqual(first.results.map(r => [r.objectWriteTraceId, r._new]), [['r1', true], ['r2', true]]);
    const second = await upsert([byEmail('b@ex.org', {plan: '', ext_id: 'x1'}, 'r3'), byEmail('c@ex.org', {ext_id: 'x1'}, 'r4')]);
    assert.equal(second.numErrors, 1);
    assert.equal(second.results[0]._new, false);
    assert.equal(second.errors[0].category, 'CONFLICT');
    assert.deepEqual(second.errors[0].context.objectWriteTraceId, ['r4']);
    await assert.rejects(upsert([byEmail('d@ex.org', {ext_id: 'x1'})]), {code: 409});
    const stored = await records('contacts');
    assert.deepEqual(stored.map(r => r.fields.email), ['a@ex.org', 'b@ex.org']);
    assert.equal(stored[1].fields.plan, undefined);
});

test('one bad value sinks the whole batch', async () => {
    await assert.rejects(upsert([byEmail('a@ex.org', {plan: 'pro'}), byEmail('b@ex.org', {lead_score: 'x'})]), {code: 400});
    assert.equal((await records('contacts')).length, 0);
    await sandbox('POST', 'faults', {settings: {row_validation: true}});
    const answer = await upsert([byEmail('a@ex.org', {plan: 'pro'}, '1'), byEmail('b@ex.org', {lead_score: 'x'}, '2')]);
    assert.deepEqual([answer.results.length, answer.numErrors], [1, 1]);
});

test('batch limits, keys and twins', async () => {
    const many = Array.from({length: 101}, (_, i) => byEmail(`u${i}@ex.org`, {}));
    await assert.rejects(upsert(many), {code: 400});
    assert.equal((await upsert(many.slice(1))).results.length, 100);
    await assert.rejects(upsert([byEmail('a@ex.org', {}), byEmail('A@ex.org', {})]), {code: 400});
    await assert.rejects(upsert([{idProperty: 'firstname', id: 'x', properties: {}}]), {code: 400});
    await assert.rejects(upsert([byEmail('a@ex.org', {}), {idProperty: 'ext_id', id: 'x', properties: {}}]), {code: 400});
});

test('batch create, update, read, archive', async () => {
    const made = await client.crm.companies.batchApi.create({inputs: [
        {properties: {name: 'A', ext_id: 'a'}, associations: []}, {properties: {name: 'B', ext_id: 'b'}, associations: []}]});
    assert.equal(made.results.length, 2);
    const changed = await client.crm.companies.batchApi.update({inputs: [
        {id: made.results[0].id, properties: {city: 'Bonn'}}, {id: '999999', properties: {city: 'Bonn'}}]});
    assert.deepEqual([changed.results.length, changed.numErrors, changed.errors[0].category],
                     [1, 1, 'OBJECT_NOT_FOUND']);
    const read = await client.crm.companies.batchApi.read({properties: ['city'], propertiesWithHistory: [],
        idProperty: 'ext_id', inputs: [{id: 'a'}, {id: 'zz'}]});
    assert.equal(read.results[0].properties.city, 'Bonn');
    assert.deepEqual(read.errors[0].context.ids, ['zz']);
    await client.crm.companies.batchApi.archive({inputs: made.results.map(r => ({id: r.id}))});
    assert.equal((await records('companies')).length, 0);
});

test('dates and times in both forms', async () => {
    await upsert([byEmail('a@ex.org', {first_purchase: '2024-02-29', last_purchase: '1709164800000'})]);
    const [{fields}] = await records('contacts');
    assert.deepEqual([fields.first_purchase, fields.last_purchase], ['2024-02-29', '2024-02-29']);
    await client.crm.deals.basicApi.create({properties: {dealname: 'x', closedate: '1709200000123'}});
    assert.equal((await records('deals'))[0].fields.closedate, '2024-02-29T09:46:40.123Z');
});

test('a lifecycle stage goes forward only, unless it was cleared', async () => {
    const set = stage => upsert([byEmail('a@ex.org', {lifecyclestage: stage})]);
    const stage = async () => (await records('contacts'))[0].fields.lifecyclestage;
    await set('customer');
    await set('lead');
    assert.equal(await stage(), 'customer');
    await set('');
    await set('lead');
    assert.equal(await stage(), 'lead');
});

test('list and get all', async () => {
    await upsert(Array.from({length: 25}, (_, i) => byEmail(`u${i}@ex.org`, {lead_score: String(i)})));
    const page = await client.crm.contacts.basicApi.getPage(10, undefined, ['lead_score']);
    assert.equal(page.results.length, 10);
    assert.ok(page.paging.next.after);
    assert.equal((await client.crm.contacts.getAll()).length, 25);
});

test('search: filters, order, pages, lag', async () => {
    await upsert(Array.from({length: 25}, (_, i) => byEmail(`u${i}@ex.org`, {lead_score: String(i), segment: i % 2 ? 'odd' : 'even'})));
    const search = body => client.crm.contacts.searchApi.doSearch({filterGroups: [], properties: ['lead_score'], limit: 100, ...body});
    const filter = (propertyName, operator, value) => ({filterGroups: [{filters: [{propertyName, operator, value}]}]});
    assert.equal((await search(filter('lead_score', 'GTE', '20'))).total, 5);
    const page = await search({...filter('segment', 'EQ', 'odd'), sorts: ['-lead_score'], limit: 5});
    assert.deepEqual([page.total, page.results[0].properties.lead_score, page.paging.next.after], [12, '23', '5']);
    const next = await search({...filter('segment', 'EQ', 'odd'), sorts: ['-lead_score'], limit: 5, after: '10'});
    assert.deepEqual(next.results.map(r => r.properties.lead_score), ['3', '1']);
    await assert.rejects(search(filter('nope', 'EQ', '1')), {code: 400});
    await assert.rejects(search({after: '9999', limit: 2}), {code: 400});
    await sandbox('POST', 'clock', {advance_ms: 60000});
    await sandbox('POST', 'faults', {settings: {search_lag_ms: 30000}});
    await upsert([byEmail('u0@ex.org', {segment: 'late'}), byEmail('new@ex.org', {})]);
    assert.equal((await search(filter('segment', 'EQ', 'late'))).total, 0);
    assert.equal((await search({})).total, 25);
    await sandbox('POST', 'clock', {advance_ms: 31000});
    assert.equal((await search(filter('segment', 'EQ', 'late'))).total, 1);
    assert.equal((await search({})).total, 26);
});

test('associations v4', async () => {
    const contact = await client.crm.contacts.basicApi.create({properties: {email: 'a@ex.org'}});
    const company = await client.crm.companies.basicApi.create({properties: {name: 'A'}});
    const batch = client.crm.associations.v4.batchApi;
    const made = await batch.create('contacts', 'companies', {inputs: [{_from: {id: contact.id}, to: {id: company.id},
        types: [{associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 279}]}]});
    assert.equal(made.results[0].toObjectId, company.id);
    const page = await client.crm.associations.v4.basicApi.getPage('companies', company.id, 'contacts');
    assert.equal(page.results[0].toObjectId, contact.id);
    assert.equal(page.results[0].associationTypes[0].typeId, 280);
    const read = await batch.getPage('contacts', 'companies', {inputs: [{id: contact.id}]});
    assert.equal(read.results[0].to[0].toObjectId, company.id);
    await batch.archive('contacts', 'companies', {inputs: [{_from: {id: contact.id}, to: [{id: company.id}]}]});
    assert.equal((await client.crm.associations.v4.basicApi.getPage('companies', company.id, 'contacts')).results.length, 0);
});

test('static lists', async () => {
    const made = await upsert([byEmail('a@ex.org', {}), byEmail('b@ex.org', {})]);
    const [a, b] = made.results.map(r => r.id);
    const {list} = await client.crm.lists.listsApi.create({name: 'VIPs', objectTypeId: '0-1', processingType: 'MANUAL'});
    const changed = await client.crm.lists.membershipsApi.addAndRemove(list.listId, {recordIdsToAdd: [a, '424242'], recordIdsToRemove: [b]});
    assert.deepEqual([changed.recordsIdsAdded, changed.recordIdsRemoved, changed.recordIdsMissing], [[a], [b], ['424242']]);
    const members = await client.crm.lists.membershipsApi.getPage(list.listId);
    assert.deepEqual(members.results.map(m => m.recordId), [a]);
});

test('custom objects', async () => {
    const schema = await client.crm.schemas.coreApi.create({name: 'boats', labels: {singular: 'Boat', plural: 'Boats'},
        requiredProperties: ['title'], primaryDisplayProperty: 'title', associatedObjects: ['CONTACT'],
        properties: [{name: 'title', label: 'Title', type: 'string', fieldType: 'text', hasUniqueValue: true}]});
    assert.match(schema.objectTypeId, /^2-\d+$/);
    assert.equal((await client.crm.schemas.coreApi.getAll()).results.length, 1);
    const made = await client.crm.objects.batchApi.upsert(schema.objectTypeId, {inputs: [
        {idProperty: 'title', id: 'Nina', properties: {}}]});
    assert.equal(made.results[0].properties.title, 'Nina');
});

test('tokens and limits', async () => {
    const other = new Client({accessToken: 'wrong', basePath: url, numberOfApiCallRetries: 0});
    await assert.rejects(other.crm.contacts.basicApi.getPage(), error => {
        assert.equal(error.code, 401);
        assert.equal(error.body.category, 'INVALID_AUTHENTICATION');
        return true;
    });
    await sandbox('POST', 'faults', {limits: {daily: {requests: 1}}});
    await client.crm.contacts.basicApi.getPage();
    await assert.rejects(client.crm.contacts.basicApi.getPage(), error => {
        assert.deepEqual([error.code, error.body.policyName], [429, 'DAILY']);
        return true;
    });
    await sandbox('POST', 'reset', {});
    await sandbox('POST', 'faults', {limits: {burst: {requests: 2, per_ms: 10000}}});
    const retrying = new Client({accessToken: 'test-token', basePath: url, numberOfApiCallRetries: 0});
    await retrying.crm.contacts.basicApi.getPage();
    await retrying.crm.contacts.basicApi.getPage();
    await assert.rejects(retrying.crm.contacts.basicApi.getPage(), error => {
        assert.deepEqual([error.code, error.body.policyName, error.headers['x-hubspot-ratelimit-remaining']],
                         [429, 'TEN_SECONDLY_ROLLING', '0']);
        return true;
    });
    await sandbox('POST', 'clock', {advance_ms: 10001});
    await retrying.crm.contacts.basicApi.getPage();
});

test('the client retries a server that is down, and the row is there once', async () => {
    await sandbox('POST', 'faults', {rules: [{match: {writes: true}, times: 1, then: {status: 502, applied: true}}]});
    const retrying = new Client({accessToken: 'test-token', basePath: url, numberOfApiCallRetries: 2});
    const answer = await retrying.crm.contacts.batchApi.upsert({inputs: [byEmail('a@ex.org', {plan: 'pro'})]});
    assert.equal(answer.results[0]._new, false);
    assert.equal((await records('contacts')).length, 1);
});
