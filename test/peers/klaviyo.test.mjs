// Goal: Klaviyo's own client takes our stand-in.
// Method: klaviyo-api, unchanged, against KLAVIYO_URL: profiles one at a time, import jobs and their errors, filters
// and pages, deletion, errors. What was written is looked up in /_sandbox/records.
import assert from 'node:assert/strict';
import {before, beforeEach, test} from 'node:test';
import klaviyo from 'klaviyo-api';
import {sandboxOf} from './sandbox.mjs';

const {ApiKeySession, DataPrivacyApi, ListsApi, ProfilesApi, RetryWithExponentialBackoff} = klaviyo;
const url = process.env.KLAVIYO_URL;

function api(Kind, key = 'test-token', retries = 1) {
    const made = new Kind(new ApiKeySession(key, new RetryWithExponentialBackoff({retryCodes: [429], numRetries: retries, maxInterval: 2})));
    made.basePath = url;
    return made;
}

const sandbox = sandboxOf(url);
const records = async () => (await sandbox('GET', 'records?object=profiles')).records.map(r => r.fields);
const profile = (attributes, id) => ({data: {type: 'profile', ...(id && {id}), attributes}});
const refused = (status, code) => error => {
    assert.equal(error.response.status, status);
    assert.equal(error.response.data.errors[0].code, code);
    return true;
};
let profiles;

before(() => assert.ok(url, 'KLAVIYO_URL says where the stand-in is'));
beforeEach(async () => {
    await sandbox('POST', 'reset', {});
    profiles = api(ProfilesApi);
});

test('profiles: create, read, update, and a twin', async () => {
    const made = await profiles.createProfile(profile({email: 'a@ex.org', externalId: 'u-1', firstName: 'Zoë 世界', properties: {plan: 'pro', deep: {x: [1, 'y']}}}));
    assert.equal(made.response.status, 201);
    const {id} = made.body.data;
    await assert.rejects(profiles.createProfile(profile({email: 'A@ex.org'})), error => {
        assert.equal(error.response.data.errors[0].meta.duplicate_profile_id, id);
        return refused(409, 'duplicate_profile')(error);
    });
    await profiles.updateProfile(id, profile({lastName: 'Q', firstName: null}, id));
    const read = (await profiles.getProfile(id)).body.data.attributes;
    assert.deepEqual([read.email, read.externalId, read.firstName, read.lastName], ['a@ex.org', 'u-1', null, 'Q']);
    assert.deepEqual(read.properties, {plan: 'pro', deep: {x: [1, 'y']}});
    assert.ok(read.created instanceof Date);
});

test('create or update', async () => {
    const first = await profiles.createOrUpdateProfile(profile({externalId: 'u-1', email: 'a@ex.org'}));
    const second = await profiles.createOrUpdateProfile(profile({externalId: 'u-1', phoneNumber: '+4930123456'}));
    assert.deepEqual([first.response.status, second.response.status], [201, 200]);
    assert.equal(first.body.data.id, second.body.data.id);
    assert.equal((await records()).length, 1);
});

test('what is refused, and where it stands', async () => {
    for (const [attributes, pointer] of [[{email: 'nonsense'}, '/data/attributes/email'], [{externalId: 'a', phoneNumber: '030 1'}, '/data/attributes/phone_number'], [{firstName: 'only'}, '/data/attributes']])
        await assert.rejects(profiles.createProfile(profile(attributes)), error => {
            assert.equal(error.response.data.errors[0].source.pointer, pointer);
            return refused(400, 'invalid')(error);
        });
    await assert.rejects(profiles.getProfile('01J00000000000000000009999'), refused(404, 'not_found'));
    await assert.rejects(api(ProfilesApi, 'wrong').getProfiles(), refused(401, 'not_authenticated'));
    assert.equal((await records()).length, 0);
});

test('an import job tells its failures, page by page', async () => {
    const data = Array.from({length: 60}, (_, i) => ({type: 'profile', attributes: {email: i % 2 ? `u${i}@ex.org` : `bad ${i}`, properties: {n: i}}}));
    const started = await profiles.bulkImportProfiles({data: {type: 'profile-bulk-import-job', attributes: {profiles: {data}}}});
    assert.equal(started.response.status, 202);
    const {id} = started.body.data;
    let job = started.body.data;
    for (let i = 0; i < 20 && job.attributes.status !== 'complete'; i++)
        job = (await profiles.getBulkImportProfilesJob(id)).body.data;
    assert.deepEqual([job.attributes.status, job.attributes.completedCount, job.attributes.failedCount], ['complete', 30, 30]);
    const page = await profiles.getErrorsForBulkImportProfilesJob(id, {pageSize: 20});
    assert.equal(page.body.data.length, 20);
    assert.equal(page.body.data[1].attributes.source.pointer, '/data/attributes/profiles/data/2/attributes/email');
    const next = await fetch(page.body.links.next, {headers: {Authorization: 'Klaviyo-API-Key test-token', revision: '2026-07-15'}});
    assert.equal((await next.json()).data.length, 10);
    assert.equal((await records()).length, 30);
});

test('filters', async () => {
    for (const n of [1, 2, 3])
        await profiles.createProfile(profile({email: `u${n}@ex.org`, externalId: `a"${n}`}));
    const some = await profiles.getProfiles({filter: 'any(email,["u1@ex.org","u3@ex.org","gone@ex.org"])'});
    assert.deepEqual(some.body.data.map(p => p.attributes.email), ['u1@ex.org', 'u3@ex.org']);
    const one = await profiles.getProfiles({filter: 'equals(external_id,"a\\"2")'});
    assert.equal(one.body.data.length, 1);
    const page = await profiles.getProfiles({pageSize: 2});
    assert.equal(page.body.data.length, 2);
    assert.match(page.body.links.next, /page%5Bcursor%5D=2/);
    await assert.rejects(profiles.getProfiles({filter: 'any(first_name,["x"])'}), refused(400, 'invalid'));
});

test('a deletion', async () => {
    const {body} = await profiles.createProfile(profile({email: 'a@ex.org'}));
    const answer = await api(DataPrivacyApi).requestProfileDeletion({data: {type: 'data-privacy-deletion-job', attributes: {profile: {data: {type: 'profile', id: body.data.id, attributes: {}}}}}});
    assert.equal(answer.response.status, 202);
    assert.equal((await records()).length, 0);
});

test('the client waits when it is throttled', async () => {
    await sandbox('POST', 'faults', {rules: [{match: {writes: true}, times: 1, then: {status: 429, retry_after: 1}}]});
    await api(ProfilesApi, 'test-token', 3).createProfile(profile({email: 'a@ex.org'}));
    assert.equal((await records()).length, 1);
});

test('lists, and who is in them', async () => {
    const lists = api(ListsApi);
    const made = await lists.createList({data: {type: 'list', attributes: {name: 'VIP'}}});
    assert.equal(made.response.status, 201);
    const {id} = made.body.data;
    assert.equal((await lists.getList(id)).body.data.attributes.name, 'VIP');
    assert.equal((await lists.getLists()).body.data.length, 1);
    const ids = [];
    for (const n of [1, 2, 3])
        ids.push((await profiles.createProfile(profile({email: `u${n}@ex.org`}))).body.data.id);
    const some = which => ({data: which.map(i => ({type: 'profile', id: ids[i]}))});
    assert.equal((await lists.addProfilesToList(id, some([0, 1, 2]))).response.status, 204);
    await lists.addProfilesToList(id, some([1]));
    await lists.removeProfilesFromList(id, some([0]));
    await lists.removeProfilesFromList(id, some([0]));
    assert.deepEqual((await lists.getProfileIdsForList(id)).body.data.map(one => one.id), [ids[1], ids[2]]);
    assert.deepEqual((await lists.getProfilesForList(id)).body.data.map(one => one.attributes.email), ['u2@ex.org', 'u3@ex.org']);
    await assert.rejects(lists.addProfilesToList('L99999', some([0])), refused(404, 'not_found'));
    await assert.rejects(lists.addProfilesToList(id, {data: [{type: 'profile', id: '01J00000000000000000009999'}]}), refused(404, 'not_found'));
});
