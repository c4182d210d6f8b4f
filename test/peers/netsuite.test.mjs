// Goal: requests that another implementation of OAuth 1.0a signs are taken by our stand-in for NetSuite, which checks them with
// the code that signs ours; and so are tokens for a JWT that Node signs. What is changed by one letter is refused.
// Method: the npm package oauth-1.0a with HMAC-SHA256 against NETSUITE_URL: paths and queries with everything that has to be
// encoded, records by id and external id, the catalogue of metadata, SuiteQL and its pages, errors.
import assert from 'node:assert/strict';
import {constants, createHmac, createSign} from 'node:crypto';
import {before, beforeEach, test} from 'node:test';
import OAuth from 'oauth-1.0a';
import {sandboxOf} from './sandbox.mjs';

const url = process.env.NETSUITE_URL, rest = `${url}/services/rest`;
const token = {key: 'test-token', secret: 'test-token-secret'};
const signer = more => new OAuth({consumer: {key: 'test-user', secret: 'test-secret'}, signature_method: 'HMAC-SHA256', realm: 'test-account',
    hash_function: (base, key) => createHmac('sha256', key).update(base).digest('base64'), ...more});

const sandbox = sandboxOf(url);
async function send(method, path, {body, headers = {}, oauth = signer(), by = token, change = x => x, authorization} = {}) {
    const address = rest + path;
    const signed = authorization ?? change(oauth.toHeader(oauth.authorize({url: address, method}, by)).Authorization);
    const answer = await fetch(address, {method, body: body && JSON.stringify(body),
        headers: {Authorization: signed, ...(body ? {'Content-Type': 'application/json'} : {}), ...headers}});
    const text = await answer.text();
    return {status: answer.status, headers: answer.headers, json: text ? JSON.parse(text) : null};
}
const refused = (answer, status, code, path) => {
    assert.equal(answer.status, status, JSON.stringify(answer.json));
    assert.equal(answer.json['o:errorDetails'][0]['o:errorCode'], code);
    if (path) assert.equal(answer.json['o:errorDetails'][0]['o:errorPath'], path);
};

before(() => assert.ok(url, 'NETSUITE_URL says where the stand-in is'));
beforeEach(() => sandbox('POST', 'reset', {}));

test('signed: addresses with all that has to be encoded', async () => {
    for (const id of ['plain', 'a b', 'a/b', "it's (so)*!", 'Grüße&=+%', '世界', 'a:b,c;d'])
        assert.equal((await send('PUT', `/record/v1/customer/eid:${encodeURIComponent(id)}`, {body: {companyName: id}})).status, 204, id);
    for (const query of ['', '?limit=3', '?limit=3&offset=3', '?q=a%20b%26c&limit=3', '?q=%E4%B8%96&q=a&limit=3', '?limit=3&q', '?b=2&a=1&a=0'])
        assert.equal((await send('GET', `/record/v1/customer${query}`)).status, 200, query);
    const {json} = await send('GET', `/record/v1/customer/eid:${encodeURIComponent('Grüße&=+%')}`);
    assert.equal(json.companyName, 'Grüße&=+%');
});

test('what is signed otherwise is refused', async () => {
    const wrong = {
        'another secret': {by: {...token, secret: 'other'}}, 'another token': {by: {...token, key: 'other'}},
        'another realm': {oauth: signer({realm: 'other'})}, 'a method that is not taken any more': {oauth: signer({signature_method: 'HMAC-SHA1'})},
        'a changed signature': {change: h => h.replace(/oauth_signature="(.)/, (all, c) => `oauth_signature="${c === 'A' ? 'B' : 'A'}`)},
        'a changed nonce': {change: h => h.replace(/oauth_nonce="(.)/, (all, c) => `oauth_nonce="${c === 'A' ? 'B' : 'A'}`)},
        'no header': {authorization: ''}, 'a bearer that nobody gave': {authorization: 'Bearer test-token'}};
    for (const [name, how] of Object.entries(wrong)) {
        const answer = await send('GET', '/record/v1/customer?limit=3', how);
        assert.equal(answer.status, 401, name);
        refused(answer, 401, 'INVALID_LOGIN');
    }
    const oauth = signer(), data = {url: `${rest}/record/v1/customer?limit=3`, method: 'GET'};
    const {Authorization} = oauth.toHeader(oauth.authorize(data, token));
    const ask = (path, method = 'GET') => send(method, path, {authorization: Authorization});
    assert.equal((await ask('/record/v1/customer?limit=4')).status, 401, 'another query');
    assert.equal((await ask('/record/v1/contact?limit=3')).status, 401, 'another path');
    assert.equal((await ask('/record/v1/customer?limit=3')).status, 200);
    assert.equal((await ask('/record/v1/customer?limit=3')).status, 401, 'the same nonce again');
    await sandbox('POST', 'clock', {advance_ms: 10 * 60000});
    refused(await send('GET', '/record/v1/customer'), 401, 'INVALID_LOGIN');
});

test('tokens for a signed JWT', async () => {
    const {private_key: pem} = await sandbox('GET', 'key');
    const encode = x => Buffer.from(JSON.stringify(x)).toString('base64url');
    const ask = async (header, claims, padding) => {
        const now = Math.floor(Date.now() / 1000), aud = `${rest}/auth/oauth2/v1/token`;
        const text = `${encode({alg: 'PS256', typ: 'JWT', kid: 'test-certificate', ...header})}.${encode({iss: 'test-user', scope: ['rest_webservices'], aud, iat: now, exp: now + 600, ...claims})}`;
        const signature = createSign('sha256').update(text).sign(padding === 'pkcs1' ? pem
            : {key: pem, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST}).toString('base64url');
        const answer = await fetch(aud, {method: 'POST', body: new URLSearchParams({grant_type: 'client_credentials',
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: `${text}.${signature}`})});
        return {status: answer.status, ...await answer.json()};
    };
    const good = await ask();
    assert.deepEqual([good.status, good.token_type, good.expires_in], [200, 'Bearer', '3600']);
    assert.equal((await send('GET', '/record/v1/customer', {authorization: `Bearer ${good.access_token}`})).status, 200);
    for (const [header, claims, padding] of [[{kid: 'other'}], [{alg: 'RS256'}, {}, 'pkcs1'], [{}, {}, 'pkcs1'], [{}, {iss: 'other'}], [{}, {aud: url}],
        [{}, {scope: ['other']}], [{}, {exp: 1}], [{}, {exp: Math.floor(Date.now() / 1000) + 7200}]])
        assert.equal((await ask(header, claims, padding)).error, 'invalid_client', JSON.stringify([header, claims, padding]));
});

test('records: PUT by external id, POST, PATCH, GET, DELETE', async () => {
    const made = await send('PUT', '/record/v1/customer/eid:C1', {body: {companyName: 'Acme', subsidiary: {id: '1'}, custentity_vip: true, custentity_since: '2026-02-01'}});
    assert.equal(made.status, 204);
    const id = made.headers.get('location').split('/').at(-1);
    const again = await send('PUT', '/record/v1/customer/eid:C1', {body: {email: 'ap@acme.example'}});
    assert.equal(again.headers.get('location'), made.headers.get('location'));
    const shown = (await send('GET', `/record/v1/customer/${id}`)).json;
    assert.deepEqual([shown.id, shown.externalId, shown.companyName, shown.email, shown.custentity_vip, shown.custentity_since, shown.subsidiary.id, shown.isInactive],
        [id, 'C1', 'Acme', 'ap@acme.example', true, '2026-02-01', '1', false]);
    assert.equal((await send('PATCH', '/record/v1/customer/eid:C1', {body: {email: null}})).status, 204);
    assert.equal((await send('GET', '/record/v1/customer/eid:C1')).json.email, undefined);
    assert.equal((await send('POST', '/record/v1/invoice', {body: {externalId: 'I1', entity: {externalId: 'C1'}}})).status, 204);
    assert.equal((await send('GET', '/record/v1/invoice/eid:I1')).json.entity.id, id);
    refused(await send('POST', '/record/v1/customer', {body: {externalId: 'C1', companyName: 'Twin'}}), 400, 'USER_ERROR', 'externalId');
    refused(await send('POST', '/record/v1/invoice', {body: {externalId: 'I2', entity: {externalId: 'C9'}}}), 400, 'INVALID_KEY_OR_REF', 'entity');
    refused(await send('PUT', '/record/v1/customer/eid:C2', {body: {email: 'x@y.example'}}), 400, 'USER_ERROR');
    refused(await send('PUT', '/record/v1/customer/77', {body: {companyName: 'x'}}), 405, 'METHOD_NOT_ALLOWED');
    refused(await send('PATCH', '/record/v1/customer/eid:C9', {body: {companyName: 'x'}}), 404, 'NONEXISTENT_ID');
    refused(await send('GET', '/record/v1/costumer/eid:C1'), 404, 'INVALID_RECORD_TYPE');
    assert.equal((await send('DELETE', '/record/v1/customer/eid:C1')).status, 204);
    refused(await send('DELETE', '/record/v1/customer/eid:C1'), 404, 'NONEXISTENT_ID');
});

test('unknown properties are dropped in silence, or refused, as the header says', async () => {
    const body = {companyName: 'Acme', custentity_gone: 1};
    assert.equal((await send('PUT', '/record/v1/customer/eid:C1', {body})).status, 204);
    assert.equal((await send('PUT', '/record/v1/customer/eid:C1', {body, headers: {'X-NetSuite-PropertyNameValidation': 'Warning'}})).status, 204);
    refused(await send('PUT', '/record/v1/customer/eid:C1', {body, headers: {'X-NetSuite-PropertyNameValidation': 'Error'}}), 400, 'INVALID_CONTENT', 'custentity_gone');
    refused(await send('PUT', '/record/v1/customer/eid:C1', {body: {custentity_health: 'many'}}), 400, 'INVALID_CONTENT', 'custentity_health');
});

test('the catalogue of metadata', async () => {
    assert.deepEqual((await send('GET', '/record/v1/metadata-catalog')).json.items.map(i => i.name), ['customer', 'contact', 'invoice']);
    const {json} = await send('GET', '/record/v1/metadata-catalog/customer', {headers: {Accept: 'application/schema+json'}});
    assert.deepEqual([json.properties.companyName.type, json.properties.custentity_since.format, json.properties.balance.readOnly], ['string', 'date', true]);
    refused(await send('GET', '/record/v1/metadata-catalog/customer', {headers: {Accept: 'text/html'}}), 400, 'INVALID_HEADER');
});

test('SuiteQL and its pages', async () => {
    for (let i = 1; i <= 25; i++)
        await send('PUT', `/record/v1/customer/eid:C${i}`, {body: {companyName: `It's ${i}`, custentity_vip: i % 2 === 1, custentity_since: '2026-02-01'}});
    const ask = (q, query = '', headers = {Prefer: 'transient'}) => send('POST', `/query/v1/suiteql${query}`, {body: {q}, headers});
    const one = (await ask("SELECT id, externalid, companyName, custentity_vip, custentity_since FROM customer WHERE companyname = 'It''s 7'")).json;
    assert.equal(one.totalResults, 1);
    assert.deepEqual([one.items[0].externalid, one.items[0].companyname, one.items[0].custentity_vip, one.items[0].custentity_since], ['C7', "It's 7", 'T', '01/02/2026']);
    const ids = [];
    for (let offset = 0, more = true; more; offset += 10) {
        const page = (await ask('SELECT externalid FROM customer', `?limit=10&offset=${offset}`)).json;
        ids.push(...page.items.map(i => i.externalid));
        more = page.hasMore;
        assert.equal(page.links.some(l => l.rel === 'next'), more);
    }
    assert.equal(new Set(ids).size, 25);
    assert.equal((await ask("SELECT id FROM customer WHERE externalid IN ('C1','C3','nobody')")).json.count, 2);
    for (const q of ['SELECT', 'SELECT id FROM nowhere', 'SELECT gone FROM customer', "SELECT id FROM customer WHERE externalid = 'C1' OR 1 = 1", 'DELETE FROM customer'])
        refused(await ask(q), 400, 'INVALID_PARAMETER');
    refused(await ask('SELECT id FROM customer', '', {}), 400, 'INVALID_HEADER');
});

test('too many requests at a time, and a server that fails', async () => {
    await sandbox('POST', 'faults', {limits: {burst: {requests: 1, per_ms: 60000}}});
    assert.equal((await send('GET', '/record/v1/customer')).status, 200);
    refused(await send('GET', '/record/v1/customer'), 429, 'CONCURRENCY_LIMIT_EXCEEDED');
    await sandbox('POST', 'faults', {limits: {burst: {requests: 0, per_ms: 1000}}, rules: [{match: {writes: true}, times: 1, then: {status: 500}}]});
    refused(await send('PUT', '/record/v1/customer/eid:C1', {body: {companyName: 'x'}}), 500, 'UNEXPECTED_ERROR');
});
