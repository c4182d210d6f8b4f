// Goal: Google's own client takes our stand-in for the Data Manager API.
// Method: @google-ads/datamanager, unchanged, sent to GOOGLE_DATA_MANAGER_URL over HTTP instead of gRPC (its option `fallback`): members
// enter and leave, the state of such a request, and errors with the details that the client takes apart. What became of the members
// is looked up in /_sandbox/records. Not here: the login, whose address is fixed in Google's library (it is tried by the scenario star_audience).
import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {after, before, beforeEach, test} from 'node:test';
import datamanager from '@google-ads/datamanager';
import {OAuth2Client} from 'google-auth-library';
import {sandboxOf} from './sandbox.mjs';

const url = process.env.GOOGLE_DATA_MANAGER_URL;
const clients = [];
const sha256 = text => createHash('sha256').update(text).digest('hex');
const member = (...identifiers) => ({userData: {userIdentifiers: identifiers}});
const email = text => ({emailAddress: sha256(text)});
const request = (...audienceMembers) => ({
    destinations: [{operatingAccount: {accountType: 'GOOGLE_ADS', accountId: '1'}, productDestinationId: '4711'}], audienceMembers, encoding: 'HEX'});
let client;

function connect(token) {
    const authClient = new OAuth2Client();
    authClient.setCredentials({access_token: token});
    clients.push(new datamanager.v1.IngestionServiceClient({fallback: true, protocol: 'http', apiEndpoint: '127.0.0.1', port: Number(new URL(url).port), authClient}));
    return clients.at(-1);
}
const sandbox = sandboxOf(url);
const members = async () => (await sandbox('GET', 'records?object=members')).records.map(r => r.fields);
async function states(requestId) {
    const [{requestStatusPerDestination: all}] = await client.retrieveRequestStatus({requestId});
    return all;
}

before(() => {
    assert.ok(url, 'GOOGLE_DATA_MANAGER_URL says where the stand-in is');
    client = connect('test-token');
});
beforeEach(async () => {
    await sandbox('POST', 'reset', {});
    await sandbox('POST', 'faults', {settings: {job_polls: 0}});
});
after(() => Promise.all(clients.map(c => c.close())));

test('members enter and leave', async () => {
    const address = {address: {givenName: sha256('zoe'), familyName: sha256('smith'), regionCode: 'DE', postalCode: '10115'}};
    const [{requestId}] = await client.ingestAudienceMembers(request(member(email('a@x.com'), address), member(email('b@x.com'))));
    assert.ok(requestId);
    const [state] = await states(requestId);
    assert.equal(state.requestStatus, 'SUCCESS');
    assert.deepEqual((await members()).map(m => [m.audience, m.emailAddress]), [['4711', sha256('a@x.com')], ['4711', sha256('b@x.com')]]);
    const [removed] = await client.removeAudienceMembers(request(member(email('b@x.com'))));
    assert.equal((await states(removed.requestId))[0].requestStatus, 'SUCCESS');
    assert.deepEqual((await members()).map(m => m.emailAddress), [sha256('a@x.com')]);
});

test('a request that is looked at only, and one that works for a while', async () => {
    await client.ingestAudienceMembers({...request(member(email('a@x.com'))), validateOnly: true});
    assert.deepEqual(await members(), []);
    await sandbox('POST', 'faults', {settings: {job_polls: 1}});
    const [{requestId}] = await client.ingestAudienceMembers(request(member(email('a@x.com'))));
    assert.equal((await states(requestId))[0].requestStatus, 'PROCESSING');
    assert.equal((await states(requestId))[0].requestStatus, 'SUCCESS');
});

test('errors have the status and the reason that the API documents', async () => {
    const rejects = (promise, code, reason) => assert.rejects(promise, e => {
        assert.equal(e.code, code);
        assert.equal(JSON.parse(e.message).error.details[0].reason, reason);
        return true;
    });
    await rejects(client.ingestAudienceMembers(request(member({emailAddress: 'a@x.com'}))), 400, 'INVALID_SHA256_FORMAT');
    await rejects(client.ingestAudienceMembers({...request(member(email('a@x.com'))), destinations: []}), 400, 'REQUIRED_FIELD_MISSING');
    await rejects(client.ingestAudienceMembers({...request(member(email('a@x.com'))), encoding: 'BASE64'}), 400, 'REQUIRED_FIELD_MISSING');
    await rejects(client.retrieveRequestStatus({requestId: 'nosuch'}), 404, 'NOT_FOUND');
    await rejects(connect('wrong').ingestAudienceMembers(request(member(email('a@x.com')))), 401, 'UNAUTHENTICATED');
    await sandbox('POST', 'faults', {rules: [{then: {status: 429}, times: 1}]});
    await rejects(client.ingestAudienceMembers(request(member(email('a@x.com')))), 429, 'RESOURCE_EXHAUSTED');
    assert.deepEqual(await members(), []);
});
