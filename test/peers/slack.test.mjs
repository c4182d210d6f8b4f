// Goal: Slack's own client takes our stand-in for Slack.
// Method: @slack/web-api, unchanged, against SLACK_URL: who am I, post, edit, delete, read back, and the errors
// that it has codes for. Every result is also looked up in /_sandbox/records.
import assert from 'node:assert/strict';
import {before, beforeEach, test} from 'node:test';
import {ErrorCode, LogLevel, WebClient} from '@slack/web-api';
import {sandboxOf} from './sandbox.mjs';

const url = process.env.SLACK_URL;
const channel = 'C0000000001';
let slack;

const sandbox = sandboxOf(url);

const records = async () => (await sandbox('GET', `records?object=${channel}`)).records.map(r => r.fields);
const client = (token, more) => new WebClient(token, {
    slackApiUrl: `${url}/api/`, logLevel: LogLevel.ERROR, logger: {...console, error() {}, setLevel() {}, getLevel() {}, setName() {}, debug() {}, info() {}, warn() {}},
    retryConfig: {retries: 0}, ...more});
const rejects = (promise, error) => assert.rejects(promise, e => {
    assert.equal(e.code, ErrorCode.PlatformError);
    assert.equal(e.data.error, error);
    return true;
});

before(() => assert.ok(url, 'SLACK_URL says where the stand-in is'));
beforeEach(async () => {
    await sandbox('POST', 'reset', {});
    slack = client('xoxb-test-token');
});

test('who am I, and who is refused', async () => {
    const me = await slack.auth.test();
    assert.deepEqual([me.ok, me.team_id, me.bot_id], [true, 'T0000000001', 'B0000000001']);
    assert.ok(me.response_metadata.scopes.includes('chat:write'));
    await rejects(client('xoxb-wrong').auth.test(), 'invalid_auth');
    await rejects(client('test-token').auth.test(), 'invalid_auth');
    await rejects(client(undefined).auth.test(), 'not_authed');
    await sandbox('POST', 'tokens', {revoke: 'xoxb-test-token'});
    await rejects(slack.auth.test(), 'token_revoked');
});

test('post, edit, read back, delete', async () => {
    const blocks = [{type: 'section', text: {type: 'mrkdwn', text: '*won*'}}];
    const posted = await slack.chat.postMessage({channel, text: 'won: "Acme" & co 世界', blocks, unfurl_links: false});
    assert.match(posted.ts, /^\d+\.\d{6}$/);
    assert.deepEqual([posted.channel, posted.message.text, posted.message.blocks], [channel, 'won: "Acme" & co 世界', blocks]);
    await slack.chat.postMessage({channel: '#general', text: 'second', thread_ts: posted.ts});
    const edited = await slack.chat.update({channel, ts: posted.ts, text: 'lost', blocks: []});
    assert.equal(edited.text, 'lost');
    const history = await slack.conversations.history({channel});
    assert.deepEqual(history.messages.map(m => m.text), ['second', 'lost']);
    assert.deepEqual((await records()).map(r => r.text), ['lost', 'second']);
    await slack.chat.delete({channel, ts: posted.ts});
    assert.deepEqual((await records()).map(r => r.text), ['second']);
    await rejects(slack.chat.delete({channel, ts: posted.ts}), 'message_not_found');
    await rejects(slack.chat.update({channel, ts: posted.ts, text: 'x'}), 'message_not_found');
});

test('what cannot be posted', async () => {
    await rejects(slack.chat.postMessage({channel: 'C0000000009', text: 'x'}), 'channel_not_found');
    await rejects(slack.chat.postMessage({channel: 'C0000000002', text: 'x'}), 'is_archived');
    await rejects(slack.chat.postMessage({channel: 'C0000000003', text: 'x'}), 'not_in_channel');
    await rejects(slack.chat.postMessage({channel, text: ''}), 'no_text');
    await rejects(slack.chat.postMessage({channel, text: 'é'.repeat(40001)}), 'msg_too_long');
    await slack.chat.postMessage({channel, text: 'é'.repeat(40000)});
    await rejects(slack.chat.postMessage({channel, text: 'x', blocks: [{type: 'poem'}]}), 'invalid_blocks');
    await rejects(slack.chat.postMessage({channel, text: 'x', blocks: Array(51).fill({type: 'divider'})}), 'invalid_blocks');
    await rejects(slack.chat.postMessage({channel, text: 'x', attachments: Array(101).fill({text: 'a'})}), 'too_many_attachments');
    await rejects(slack.apiCall('chat.shout', {channel}), 'unknown_method');
    assert.equal((await records()).length, 1);
});

test('one message a second and channel, and the client waits as long as it is told', async () => {
    await sandbox('POST', 'faults', {limits: {burst: {requests: 1, per_ms: 1000}}});
    await slack.chat.postMessage({channel, text: '1'});
    await assert.rejects(client('xoxb-test-token', {rejectRateLimitedCalls: true}).chat.postMessage({channel, text: '2'}),
                         e => e.code === ErrorCode.RateLimitedError && e.retryAfter === 1);
    await client('xoxb-test-token', {retryConfig: {retries: 2}}).chat.postMessage({channel, text: '3'});
    assert.deepEqual((await records()).map(r => r.text), ['1', '3']);
});

test('channels', async () => {
    assert.deepEqual((await slack.conversations.list()).channels.map(c => [c.id, c.is_member, c.is_archived]),
                     [['C0000000001', true, false], ['C0000000002', false, true], ['C0000000003', false, false]]);
    assert.equal((await slack.conversations.info({channel})).channel.name, 'general');
});
