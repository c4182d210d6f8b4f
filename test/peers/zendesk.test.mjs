// Goal: the client that people use for Zendesk takes our stand-in.
// Method: node-zendesk, unchanged, against ZENDESK_URL: users and organizations one at a time and by jobs, fields,
// errors. What was written is looked up in /_sandbox/records.
import assert from 'node:assert/strict';
import {before, beforeEach, test} from 'node:test';
import zendeskClient from 'node-zendesk';
import {sandboxOf} from './sandbox.mjs';

const {createClient} = zendeskClient;
const url = process.env.ZENDESK_URL;
const connect = token => createClient({username: 'ann@acme.example', token, endpointUri: `${url}/api/v2`, throttle: false});
let zendesk;

const sandbox = sandboxOf(url);
const records = async object => (await sandbox('GET', `records?object=${object}`)).records.map(r => r.fields);
const result = answer => answer.result ?? answer;
const job = answer => result(answer).job_status ?? result(answer);

async function finished(started) {
    for (let i = 0; i < 50; i++) {
        const status = job(await zendesk.jobstatuses.show(job(started).id));
        if (!['queued', 'working'].includes(status.status))
            return status;
    }
    assert.fail('the job does not end');
}

before(() => assert.ok(url, 'ZENDESK_URL says where the stand-in is'));
beforeEach(async () => {
    await sandbox('POST', 'reset', {});
    zendesk = connect('test-token');
});

test('users: create, show, update, delete', async () => {
    const made = result(await zendesk.users.create({user: {name: 'Zoë 世界', email: 'a@ex.org', external_id: 'u-1', user_fields: {plan: 'pro', seats: 12}}}));
    const user = made.user ?? made;
    assert.deepEqual([user.name, user.email, user.user_fields.plan, user.user_fields.seats, user.role], ['Zoë 世界', 'a@ex.org', 'pro', 12, 'end-user']);
    await zendesk.users.update(user.id, {user: {notes: 'x', email: 'second@ex.org', user_fields: {nope: 1}}});
    const [stored] = await records('users');
    assert.deepEqual([stored.notes, stored.email, stored.identities], ['x', 'a@ex.org', ['second@ex.org']]);
    await zendesk.users.delete(user.id);
    const gone = result(await zendesk.users.show(user.id));
    assert.deepEqual([gone.active, gone.email, gone.external_id], [false, null, null]);
    assert.equal((await records('users')).length, 0);
});

test('a hundred users by one job, and what became of each', async () => {
    const users = Array.from({length: 100}, (_, i) => ({external_id: `u-${i}`, name: `N ${i}`, email: i === 7 ? 'nonsense' : `u${i}@ex.org`}));
    const status = await finished(await zendesk.users.createOrUpdateMany({users}));
    assert.deepEqual([status.status, status.total, status.results.length], ['completed', 100, 100]);
    assert.deepEqual(status.results.filter(r => r.error).map(r => [r.index, r.error]), [[7, 'InvalidValue']]);
    assert.equal((await records('users')).length, 99);
    const again = await finished(await zendesk.users.createOrUpdateMany({users: [{external_id: 'u-1', notes: 'again'}]}));
    assert.equal(again.results[0].status, 'Updated');
    assert.equal((await records('users')).length, 99);
    await assert.rejects(zendesk.users.createOrUpdateMany({users: [...users, {name: 'x'}]}));
});

test('update and delete many by id', async () => {
    const made = await finished(await zendesk.users.createOrUpdateMany({users: [{external_id: 'a', name: 'A'}, {external_id: 'b', name: 'B'}]}));
    const ids = made.results.map(r => r.id);
    // With two arguments, this client takes the first one for the body.
    await finished(await zendesk.users.updateMany(ids, {user: {notes: 'both'}}, undefined));
    assert.deepEqual((await records('users')).map(r => r.notes), ['both', 'both']);
    const gone = await finished(await zendesk.users.destroyMany([...ids, 1], undefined, undefined));
    assert.deepEqual(gone.results.map(r => r.status ?? r.error), ['Deleted', 'Deleted', 'NotFound']);
    assert.equal((await records('users')).length, 0);
});

test('organizations: create or update, by external id', async () => {
    await zendesk.organizations.createOrUpdate({organization: {external_id: 'o-1', name: 'Acme', organization_fields: {arr: 12.5}}});
    await zendesk.organizations.createOrUpdate({organization: {external_id: 'o-1', name: 'Acme Ltd'}});
    const stored = await records('organizations');
    assert.deepEqual(stored.map(r => [r.name, r['organization_fields.arr']]), [['Acme Ltd', 12.5]]);
    await assert.rejects(zendesk.organizations.create({organization: {name: ''}}), /\(422\)/);
});

test('the list of own fields', async () => {
    const fields = result(await zendesk.userfields.list());
    const list = fields.user_fields ?? fields;
    assert.deepEqual(list.find(f => f.key === 'plan').custom_field_options.map(o => o.value), ['free', 'pro', 'enterprise']);
    assert.equal(list.find(f => f.key === 'seats').type, 'integer');
});

test('a wrong token, and limits', async () => {
    await assert.rejects(connect('wrong').users.show(1), /\(401\)/);
    await assert.rejects(zendesk.users.show(1), /\(404\)/);
});
