// Goal: Stripe's own client takes our stand-in for Stripe.
// Method: the npm package stripe, unchanged, against STRIPE_URL: create, update, metadata key by key, search, list,
// delete, idempotency keys, and the errors that it has classes for.
import assert from 'node:assert/strict';
import {before, beforeEach, test} from 'node:test';
import Stripe from 'stripe';
import {sandboxOf} from './sandbox.mjs';

const url = process.env.STRIPE_URL;
let stripe;

const sandbox = sandboxOf(url);
const client = (key = 'sk_test_test-token', more = {}) => new Stripe(key, {
    host: '127.0.0.1', port: new URL(url).port, protocol: 'http', maxNetworkRetries: 0, telemetry: false, ...more});
const rejects = (promise, type, more) => assert.rejects(promise, e => {
    assert.equal(e.type, type, e.message);
    for (const [name, value] of Object.entries(more ?? {})) assert.equal(e[name], value);
    return true;
});

before(() => assert.ok(url, 'STRIPE_URL says where the stand-in is'));
beforeEach(async () => {
    await sandbox('POST', 'reset', {});
    stripe = client();
});

test('a customer: create, update, take away, read, delete', async () => {
    const made = await stripe.customers.create({email: 'zoe@example.com', name: 'Zoë & "co"', metadata: {ext_id: '7', plan: 'pro'}});
    assert.match(made.id, /^cus_/);
    assert.deepEqual(made.metadata, {ext_id: '7', plan: 'pro'});
    const changed = await stripe.customers.update(made.id, {phone: '+47 1', metadata: {plan: '', score: '71'}});
    assert.deepEqual([changed.name, changed.phone, changed.metadata], ['Zoë & "co"', '+47 1', {ext_id: '7', score: '71'}]);
    assert.equal((await stripe.customers.update(made.id, {name: '', metadata: ''})).name, null);
    assert.deepEqual((await stripe.customers.retrieve(made.id)).metadata, {});
    assert.deepEqual(await stripe.customers.del(made.id).then(({id, deleted}) => [id, deleted]), [made.id, true]);
    assert.equal((await stripe.customers.retrieve(made.id)).deleted, true);
    await rejects(stripe.customers.update(made.id, {name: 'x'}), 'StripeInvalidRequestError', {code: 'resource_missing', statusCode: 404});
    await rejects(stripe.customers.retrieve('cus_none'), 'StripeInvalidRequestError', {code: 'resource_missing'});
});

test('search and list', async () => {
    for (let i = 1; i <= 12; i++)
        await stripe.customers.create({email: i > 10 ? 'twin@example.com' : `c${i}@example.com`, metadata: {ext_id: `k"${i}`}});
    const found = await stripe.customers.search({query: 'metadata["ext_id"]:"k\\"7"'});
    assert.deepEqual(found.data.map(c => c.email), ['c7@example.com']);
    const either = await stripe.customers.search({query: "email:'c1@example.com' OR email:'C2@EXAMPLE.COM'"});
    assert.equal(either.data.length, 2);
    assert.equal((await stripe.customers.search({query: "email:'twin@example.com' AND -metadata['ext_id']:'k\"11'"})).data.length, 1);
    await rejects(stripe.customers.search({query: 'nonsense'}), 'StripeInvalidRequestError');
    assert.equal((await stripe.customers.list({email: 'twin@example.com'})).data.length, 2);
    const all = [];
    for await (const customer of stripe.customers.list({limit: 5})) all.push(customer.email);
    assert.equal(all.length, 12);
    assert.equal(all[11], 'c1@example.com');
});

test('search is behind, a list is not', async () => {
    await sandbox('POST', 'faults', {settings: {search_lag_ms: 60000}});
    await stripe.customers.create({email: 'new@example.com'});
    assert.equal((await stripe.customers.search({query: "email:'new@example.com'"})).data.length, 0);
    assert.equal((await stripe.customers.list({email: 'new@example.com'})).data.length, 1);
    await sandbox('POST', 'clock', {advance_ms: 61000});
    assert.equal((await stripe.customers.search({query: "email:'new@example.com'"})).data.length, 1);
    await sandbox('POST', 'faults', {settings: {search_lag_ms: 0}});
});

test('idempotency keys', async () => {
    const first = await stripe.customers.create({email: 'a@example.com'}, {idempotencyKey: 'k1'});
    const again = await stripe.customers.create({email: 'a@example.com'}, {idempotencyKey: 'k1'});
    assert.equal(again.id, first.id);
    assert.equal(again.lastResponse.headers['idempotent-replayed'], 'true');
    await rejects(stripe.customers.create({email: 'b@example.com'}, {idempotencyKey: 'k1'}), 'StripeIdempotencyError');
    await sandbox('POST', 'clock', {advance_ms: 25 * 3600 * 1000});
    assert.notEqual((await stripe.customers.create({email: 'a@example.com'}, {idempotencyKey: 'k1'})).id, first.id);
});

test('what is refused', async () => {
    await rejects(stripe.customers.create({nickname: 'x'}), 'StripeInvalidRequestError', {code: 'parameter_unknown', param: 'nickname'});
    await rejects(stripe.customers.create({email: 'nonsense'}), 'StripeInvalidRequestError', {code: 'email_invalid'});
    await rejects(stripe.customers.create({metadata: {['k'.repeat(41)]: 'v'}}), 'StripeInvalidRequestError');
    await rejects(stripe.customers.create({metadata: {k: 'v'.repeat(501)}}), 'StripeInvalidRequestError');
    await rejects(stripe.customers.create({metadata: Object.fromEntries(Array.from({length: 51}, (_, i) => [`k${i}`, 'v']))}), 'StripeInvalidRequestError');
    await rejects(client('sk_test_wrong').customers.list(), 'StripeAuthenticationError');
    const json = await fetch(`${url}/v1/customers`, {method: 'POST', headers: {Authorization: 'Bearer sk_test_test-token', 'Content-Type': 'application/json'}, body: '{}'});
    assert.equal(json.status, 400);
    const put = await fetch(`${url}/v1/customers/cus_1`, {method: 'PUT', headers: {Authorization: 'Bearer sk_test_test-token'}});
    assert.equal(put.status, 404);
});

test('too many requests, and a server that fails', async () => {
    await sandbox('POST', 'faults', {limits: {burst: {requests: 1, per_ms: 60000}}});
    await stripe.customers.create({});
    await rejects(stripe.customers.create({}), 'StripeRateLimitError');
    await sandbox('POST', 'reset', {});
    await sandbox('POST', 'faults', {limits: {burst: {requests: 0, per_ms: 1000}}, rules: [{match: {writes: true}, times: 1, then: {status: 500}}]});
    await rejects(stripe.customers.create({}), 'StripeAPIError');
});
