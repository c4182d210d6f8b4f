// Goal: Intercom's own client takes our stand-in for Intercom.
// Method: the npm package intercom-client, unchanged, against INTERCOM_URL: contacts and companies, attaching, search and
// its pages, data attributes, archiving, deleting, conflicts, and the errors that it has classes for.
import assert from 'node:assert/strict';
import {before, beforeEach, test} from 'node:test';
import {IntercomClient, IntercomError} from 'intercom-client';
import {sandboxOf} from './sandbox.mjs';

const url = process.env.INTERCOM_URL;
let intercom;

const sandbox = sandboxOf(url);
const client = (token = 'test-token', more = {}) => new IntercomClient({token, baseUrl: url, maxRetries: 0, ...more});
const rejects = (promise, status, code, message) => assert.rejects(promise, e => {
    assert.ok(e instanceof IntercomError, e);
    assert.equal(e.statusCode, status, e.message);
    assert.equal(e.body.type, 'error.list');
    assert.equal(e.body.errors[0].code, code);
    if (message) assert.match(e.body.errors[0].message, message);
    return true;
});

before(() => assert.ok(url, 'INTERCOM_URL says where the stand-in is'));
beforeEach(async () => {
    await sandbox('POST', 'reset', {});
    intercom = client();
});

test('a contact: create, show, find, update, take away, delete', async () => {
    const made = await intercom.contacts.create({external_id: '7', email: 'zoe@example.com', name: 'Zoë & "co"',
        custom_attributes: {plan: 'pro', seats: 3, vip: true, since: 1769904000}});
    assert.match(made.id, /^[0-9a-f]{24}$/);
    assert.deepEqual([made.role, made.custom_attributes], ['user', {plan: 'pro', seats: 3, vip: true, since: 1769904000}]);
    const found = await intercom.contacts.showContactByExternalId({external_id: '7'});
    assert.equal(found.id, made.id);
    const changed = await intercom.contacts.update({contact_id: made.id, phone: '+47 1', name: null, custom_attributes: {plan: null, seats: 4}});
    assert.deepEqual([changed.name, changed.phone, changed.custom_attributes], [null, '+47 1', {seats: 4, vip: true, since: 1769904000}]);
    assert.equal((await intercom.contacts.find({contact_id: made.id})).email, 'zoe@example.com');
    assert.equal((await intercom.contacts.delete({contact_id: made.id})).deleted, true);
    await rejects(intercom.contacts.find({contact_id: made.id}), 404, 'not_found');
    await rejects(intercom.contacts.update({contact_id: made.id, name: 'x'}), 404, 'not_found');
    await rejects(intercom.contacts.showContactByExternalId({external_id: '7'}), 404, 'not_found');
});

test('duplicates, also of archived contacts', async () => {
    const made = await intercom.contacts.create({external_id: '7', email: 'zoe@example.com'});
    await rejects(intercom.contacts.create({external_id: '7'}), 409, 'conflict', new RegExp(`^A contact .*id=${made.id}`));
    await rejects(intercom.contacts.create({external_id: '8', email: 'ZOE@example.com'}), 409, 'conflict');
    await intercom.contacts.create({role: 'lead', email: 'zoe@example.com'});
    const other = await intercom.contacts.create({external_id: '9'});
    await rejects(intercom.contacts.update({contact_id: other.id, external_id: '7'}), 409, 'conflict');
    assert.equal((await intercom.contacts.archive({contact_id: made.id})).archived, true);
    await rejects(intercom.contacts.create({external_id: '7'}), 409, 'conflict', /^An archived contact/);
    assert.equal((await intercom.contacts.unarchive({contact_id: made.id})).archived, false);
    await rejects(intercom.contacts.update({contact_id: made.id, role: 'lead'}), 400, 'client_error');
});

test('search, its groups and pages; a list', async () => {
    for (let i = 1; i <= 12; i++)
        await intercom.contacts.create({external_id: `k${i}`, email: `c${i}@example.com`, custom_attributes: {seats: i}});
    const one = await intercom.contacts.search({query: {field: 'email', operator: '=', value: 'C7@example.com'}});
    assert.deepEqual(one.data.map(c => c.external_id), ['k7']);
    const some = await intercom.contacts.search({query: {operator: 'AND', value: [
        {field: 'custom_attributes.seats', operator: '>', value: 3}, {field: 'external_id', operator: 'IN', value: ['k2', 'k4', 'k5']}]}});
    assert.deepEqual(some.data.map(c => c.external_id), ['k4', 'k5']);
    const all = [];
    for await (const contact of await intercom.contacts.search({query: {field: 'email', operator: '~', value: 'example'}, pagination: {per_page: 5}}))
        all.push(contact.external_id);
    assert.equal(new Set(all).size, 12);
    const listed = [];
    for await (const contact of await intercom.contacts.list({per_page: 5})) listed.push(contact.external_id);
    assert.equal(new Set(listed).size, 12);
    await rejects(intercom.contacts.search({query: {field: 'nonsense', operator: '=', value: 'x'}}), 400, 'parameter_invalid');
    await rejects(intercom.contacts.search({query: {operator: 'OR', value: Array.from({length: 16}, () => ({field: 'email', operator: '=', value: 'x'}))}}),
        400, 'parameter_invalid');
});

test('search is behind, a look by external id is not', async () => {
    await sandbox('POST', 'faults', {settings: {search_lag_ms: 60000}});
    await intercom.contacts.create({external_id: '7', email: 'new@example.com'});
    const query = {query: {field: 'email', operator: '=', value: 'new@example.com'}};
    assert.equal((await intercom.contacts.search(query)).data.length, 0);
    assert.equal((await intercom.contacts.showContactByExternalId({external_id: '7'})).email, 'new@example.com');
    await sandbox('POST', 'clock', {advance_ms: 61000});
    assert.equal((await intercom.contacts.search(query)).data.length, 1);
    await sandbox('POST', 'faults', {settings: {search_lag_ms: 0}});
});

test('companies, and who is attached to them', async () => {
    const made = await intercom.companies.createOrUpdate({company_id: 'a1', name: 'Acme', monthly_spend: 155.98, plan: 'gold', custom_attributes: {health: 71, tier: 'x'}});
    assert.deepEqual([made.monthly_spend, made.plan.name, made.custom_attributes], [155, 'gold', {health: 71, tier: 'x'}]);
    const again = await intercom.companies.createOrUpdate({company_id: 'a1', name: 'Acme Inc'});
    assert.deepEqual([again.id, again.name, again.custom_attributes], [made.id, 'Acme Inc', {health: 71, tier: 'x'}]);
    assert.equal((await intercom.companies.retrieve({company_id: 'a1'})).data[0].id, made.id);
    assert.equal((await intercom.companies.find({company_id: made.id})).name, 'Acme Inc');
    assert.equal((await intercom.companies.update({company_id: made.id, body: {industry: 'tools'}})).industry, 'tools');
    await rejects(intercom.companies.retrieve({company_id: 'nope'}), 404, 'company_not_found');
    const contact = await intercom.contacts.create({external_id: '7'});
    assert.equal((await intercom.companies.list()).data.length, 0);
    assert.equal((await intercom.companies.attachContact({contact_id: contact.id, id: made.id})).user_count, 1);
    assert.equal((await intercom.companies.attachContact({contact_id: contact.id, id: made.id})).user_count, 1);
    assert.equal((await intercom.companies.list()).data.length, 1);
    const attached = await intercom.contacts.listAttachedCompanies({contact_id: contact.id});
    assert.deepEqual(attached.data.map(c => c.company_id), ['a1']);
    assert.deepEqual((await intercom.companies.listAttachedContacts({company_id: made.id})).data.map(c => c.id), [contact.id]);
    await rejects(intercom.companies.attachContact({contact_id: contact.id, id: '64d0000000000000000000ff'}), 404, 'company_not_found');
    assert.equal((await intercom.companies.detachContact({contact_id: contact.id, company_id: made.id})).user_count, 0);
    assert.equal((await intercom.companies.delete({company_id: made.id})).deleted, true);
    await rejects(intercom.companies.find({company_id: made.id}), 404, 'company_not_found');
});

test('data attributes: told, created, archived', async () => {
    const told = await intercom.dataAttributes.list({model: 'contact'});
    assert.equal(told.data.find(a => a.full_name === 'custom_attributes.seats').data_type, 'integer');
    assert.ok(told.data.every(a => a.model === 'contact'));
    await rejects(intercom.contacts.create({external_id: '1', custom_attributes: {mood: 'good'}}), 400, 'parameter_invalid', /mood/);
    const made = await intercom.dataAttributes.create({name: 'mood', model: 'contact', data_type: 'options', options: [{value: 'good'}, {value: 'bad'}]});
    assert.deepEqual(made.options, ['good', 'bad']);
    await intercom.contacts.create({external_id: '1', custom_attributes: {mood: 'good'}});
    await rejects(intercom.contacts.create({external_id: '2', custom_attributes: {mood: 'odd'}}), 400, 'parameter_invalid');
    await rejects(intercom.dataAttributes.create({name: 'Mood', model: 'company', data_type: 'string'}), 400, 'parameter_invalid', /already have/);
    await rejects(intercom.dataAttributes.create({name: '!mood', model: 'company', data_type: 'string'}), 400, 'parameter_invalid', /name/);
    await rejects(intercom.dataAttributes.create({name: 'odd', model: 'company', data_type: 'mithril'}), 400, 'parameter_invalid', /Data Type/);
    assert.equal((await intercom.dataAttributes.update({data_attribute_id: made.id, body: {archived: true}})).archived, true);
    assert.ok(!(await intercom.dataAttributes.list({model: 'contact'})).data.some(a => a.name === 'mood'));
    assert.ok((await intercom.dataAttributes.list({model: 'contact', include_archived: true})).data.some(a => a.name === 'mood'));
    await rejects(intercom.dataAttributes.update({data_attribute_id: 77, body: {archived: true}}), 404, 'field_not_found');
});

test('who may not, versions, limits, and a server that fails', async () => {
    await rejects(client('wrong').contacts.list(), 401, 'unauthorized');
    await rejects(client('test-token', {version: '9.9'}).contacts.list(), 400, 'intercom_version_invalid');
    await rejects(intercom.contacts.create({external_id: '1', email: 'nonsense'}), 400, 'parameter_invalid', /email/);
    await rejects(intercom.contacts.create({external_id: '1', custom_attributes: {seats: 'many'}}), 400, 'parameter_invalid', /seats/);
    const {rawResponse} = await intercom.dataAttributes.list().withRawResponse();
    assert.equal(rawResponse.headers.get('x-ratelimit-limit'), '1666');
    assert.ok(Number(rawResponse.headers.get('x-ratelimit-reset')) * 1000 > Date.now() - 1000);
    await sandbox('POST', 'reset', {});
    await sandbox('POST', 'faults', {limits: {burst: {requests: 1, per_ms: 60000}}});
    await intercom.contacts.create({external_id: '1'});
    await rejects(intercom.contacts.create({external_id: '2'}), 429, 'rate_limit_exceeded');
    await sandbox('POST', 'faults', {limits: {burst: {requests: 0, per_ms: 10000}}, rules: [{match: {writes: true}, times: 1, then: {status: 500}}]});
    await rejects(intercom.contacts.create({external_id: '2'}), 500, 'server_error');
});
