// Goal: Meta's own client takes our stand-in for custom audiences.
// Method: facebook-nodejs-business-sdk, unchanged, sent to META_URL: make an audience, add and remove members as its
// CustomAudience does (the payload of a removal travels in the query), and the errors that it has codes for. What became of
// the members is looked up in /_sandbox/records.
import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {before, beforeEach, test} from 'node:test';
import bizSdk from 'facebook-nodejs-business-sdk';
import {sandboxOf} from './sandbox.mjs';

const {AdAccount, CustomAudience, FacebookAdsApi} = bizSdk;
const url = process.env.META_URL;
const sha256 = text => createHash('sha256').update(text).digest('hex');
let audience;

const sandbox = sandboxOf(url);
const members = async () => (await sandbox('GET', 'records?object=members')).records.map(r => r.fields);
const rejects = (promise, code) => assert.rejects(promise, e => {
    assert.equal(e.response.code, code);
    return true;
});
const create = api => new AdAccount('act_1', {}, undefined, api).createCustomAudience([], {
    name: 'vip', subtype: 'CUSTOM', customer_file_source: 'USER_PROVIDED_ONLY'});

before(() => {
    assert.ok(url, 'META_URL says where the stand-in is');
    Object.defineProperty(FacebookAdsApi, 'GRAPH', {get: () => url});
});
beforeEach(async () => {
    await sandbox('POST', 'reset', {});
    FacebookAdsApi.init('test-token');
    audience = new CustomAudience((await create()).id);
});

test('members enter and leave', async () => {
    assert.deepEqual((await audience.get(['name'])).exportAllData(), {id: audience.id, name: 'vip'});
    const rows = [['u-1', sha256('a@x.com')], ['u-2', sha256('b@x.com')]];
    const added = await audience.createUser([], {payload: {schema: ['EXTERN_ID', 'EMAIL'], data: rows}});
    assert.deepEqual([added.num_received, added.num_invalid_entries], [2, 0]);
    await audience.createUser([], {payload: {schema: ['EXTERN_ID', 'EMAIL'], data: rows}});
    assert.deepEqual((await members()).map(m => [m.audience, m.EXTERN_ID, m.EMAIL]), rows.map(r => [audience.id, ...r]));
    await audience.deleteUsers({payload: {schema: ['EXTERN_ID'], data: [['u-1']]}});
    assert.deepEqual((await members()).map(m => m.EXTERN_ID), ['u-2']);
    await audience.deleteUsers({payload: {schema: 'EXTERN_ID', data: ['u-2', 'u-3']}});
    assert.deepEqual(await members(), []);
});

test('what is not hashed is counted, and not taken', async () => {
    const answer = await audience.createUser([], {payload: {schema: ['EMAIL'], data: [['a@x.com'], [sha256('b@x.com')]]}});
    assert.deepEqual([answer.num_received, answer.num_invalid_entries], [2, 1]);
    assert.deepEqual(Object.keys(answer.invalid_entry_samples), ['["a@x.com"]']);
    assert.equal((await members()).length, 1);
});

test('errors have the codes that the client knows', async () => {
    await rejects(audience.createUser([], {payload: {schema: ['EMIAL'], data: [['x']]}}), 100);
    await rejects(audience.createUser([], {payload: {schema: ['EMAIL'], data: Array(10001).fill([sha256('x')])}}), 100);
    await rejects(new CustomAudience('23850000000999999').createUser([], {payload: {schema: ['EMAIL'], data: [['x']]}}), 100);
    await sandbox('POST', 'faults', {rules: [{then: {status: 429}, times: 1}]});
    await rejects(audience.get(['name']), 80003);
    FacebookAdsApi.init('wrong');
    await rejects(new CustomAudience(audience.id).get(['name']), 190);
});
