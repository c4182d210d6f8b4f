// Goal: Customer.io's own client takes our stand-in.
// Method: customerio-node, unchanged but for plain HTTP, against CUSTOMERIO_URL: identify, delete, read back, errors.
// It does not know the v2 batch that the connector uses: that is called as its documentation says.
import assert from 'node:assert/strict';
import http from 'node:http';
import {before, beforeEach, test} from 'node:test';
import {APIClient, TrackClient} from 'customerio-node';
import {sandboxOf} from './sandbox.mjs';

const url = process.env.CUSTOMERIO_URL;
let plain, track, app;

const sandbox = sandboxOf(url);
const records = async object => (await sandbox('GET', `records?object=${object}`)).records.map(r => r.fields);
async function batch(items) {
    const answer = await fetch(`${url}/api/v2/batch`, {method: 'POST', body: JSON.stringify({batch: items}),
        headers: {'Content-Type': 'application/json', Authorization: `Basic ${Buffer.from('test-site:test-token').toString('base64')}`}});
    return {status: answer.status, body: await answer.json()};
}

before(() => assert.ok(url, 'CUSTOMERIO_URL says where the stand-in is'));
beforeEach(async () => {
    await sandbox('POST', 'reset', {});
    plain = {agent: new http.Agent(), protocol: 'http:', port: new URL(url).port};
    track = new TrackClient('test-site', 'test-token', {...plain, url: `${url}/api/v1`});
    app = new APIClient('test-token', {...plain, url: `${url}/v1`});
});

test('identify, read back as text, delete', async () => {
    await track.identify('u-1', {email: 'a@ex.org', plan: 'pro', seats: 12, vip: true});
    await track.identify('u-1', {plan: ''});
    const {customer} = await app.getAttributes('u-1', 'id');
    assert.deepEqual([customer.attributes.seats, customer.attributes.vip, customer.attributes.plan], ['12', 'true', undefined]);
    const found = await app.getCustomersByEmail('a@ex.org');
    assert.deepEqual(found.results.map(r => [r.id, r.email]), [['u-1', 'a@ex.org']]);
    await track.destroy('u-1');
    await track.destroy('u-1');
    assert.equal((await records('person')).length, 0);
    await assert.rejects(app.getAttributes('u-1', 'id'), {statusCode: 404});
});

test('a batch is accepted item by item', async () => {
    const answer = await batch([
        {type: 'person', action: 'identify', identifiers: {id: 'a'}, attributes: {plan: 'pro', deep: {x: [1]}}},
        {type: 'person', action: 'identify', identifiers: {}, attributes: {}},
        {type: 'person', action: 'identify', identifiers: {email: 'nonsense'}},
        {type: 'object', action: 'identify', identifiers: {object_type_id: '1', object_id: 'acme'}, attributes: {name: 'Acme'}},
        {type: 'person', action: 'dance', identifiers: {id: 'a'}}]);
    assert.equal(answer.status, 207);
    assert.deepEqual(answer.body.errors.map(e => [e.batch_index, e.reason, e.field]),
                     [[1, 'required', 'identifiers'], [2, 'invalid', 'identifiers'], [4, 'invalid', 'action']]);
    assert.deepEqual((await records('person')).map(r => [r.id, r.plan, r.deep]), [['a', 'pro', {x: [1]}]]);
    assert.deepEqual((await records('object')).map(r => [r.object_id, r.name]), [['acme', 'Acme']]);
});

test('limits and keys', async () => {
    const large = await batch([{type: 'person', action: 'identify', identifiers: {id: 'a'}, attributes: {x: 'y'.repeat(500001)}}]);
    assert.equal(large.status, 413);
    const long = await batch([{type: 'person', action: 'identify', identifiers: {id: 'a'}, attributes: {x: 'y'.repeat(1001)}}]);
    assert.equal(long.status, 207);
    const other = new TrackClient('test-site', 'wrong', {...plain, url: `${url}/api/v1`});
    await assert.rejects(other.identify('u-1', {}), error => error.statusCode === 401 && error.message.includes('Unauthorized'));
});
