// Slack's own Node client, unmodified but for the base URL, against the Slack twin.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';

import { WebClient } from '@slack/web-api';

import { Receiver, Twin } from './twin.mjs';

let twin;
let slack;

before(async () => {
  twin = await Twin.start('slack');
  slack = client('xoxb-1-2-abc');
});
after(() => twin?.stop());

function client(token) {
  return new WebClient(token, { slackApiUrl: `${twin.url}/api/`, retryConfig: { retries: 0 } });
}

const refused = (code) => (error) => {
  assert.equal(error.data?.error, code);
  return true;
};

async function make(name) {
  return (await slack.conversations.create({ name })).channel.id;
}

test('the token says who asks', async () => {
  const me = await slack.auth.test();
  assert.equal(me.user, 'twinbot');
  assert.match(me.bot_id, /^B/);
  await assert.rejects(client('nonsense').auth.test(), refused('invalid_auth'));
  await assert.rejects(slack.apiCall('no.such.method'), refused('unknown_method'));
});

test('messages, threads and reactions', async () => {
  const channel = await make('talk');
  const blocks = [{ type: 'section', text: { type: 'mrkdwn', text: '*hi*' } }];
  const { ts, message } = await slack.chat.postMessage({ channel, text: 'hi', blocks });
  assert.equal(message.blocks[0].text.text, '*hi*');
  await slack.chat.postMessage({ channel, text: 'reply', thread_ts: ts });
  await slack.chat.update({ channel, ts, text: 'hello' });
  await slack.reactions.add({ channel, timestamp: ts, name: 'wave' });
  const { messages } = await slack.conversations.history({ channel });
  assert.deepEqual([messages.length, messages[0].text, messages[0].reply_count, messages[0].reactions[0].count], [1, 'hello', 1, 1]);
  const thread = await slack.conversations.replies({ channel, ts });
  assert.deepEqual(thread.messages.map((one) => one.text), ['hello', 'reply']);
  await slack.chat.delete({ channel, ts });
  await assert.rejects(slack.chat.delete({ channel, ts }), refused('message_not_found'));
  await assert.rejects(slack.chat.postMessage({ channel: 'C0NOWHERE', text: 'x' }), refused('channel_not_found'));
});

test('pages are followed by cursors', async () => {
  for (const name of ['one', 'two', 'three']) await make(`page-${name}`);
  const names = [];
  for await (const page of slack.paginate('conversations.list', { limit: 2 })) {
    assert.ok(page.channels.length <= 2);
    names.push(...page.channels.map((one) => one.name));
  }
  assert.equal(new Set(names).size, names.length);
  for (const name of ['general', 'page-one', 'page-three']) assert.ok(names.includes(name));
});

test('files go up in three steps', async () => {
  const channel = await make('files');
  const done = await slack.filesUploadV2({ channel_id: channel, filename: 'a.txt', file: Buffer.from('bytes'), initial_comment: 'look' });
  const { file } = await slack.files.info({ file: done.files[0].files[0].id });
  assert.deepEqual([file.name, file.size], ['a.txt', 5]);
  const answer = await fetch(file.url_private, { headers: { authorization: `Bearer ${slack.token}` } });
  assert.equal(await answer.text(), 'bytes');
});

test('events are signed over time and body', async (t) => {
  const receiver = await Receiver.start();
  t.after(() => receiver.stop());
  await twin.admin('PUT', '/admin/config', { webhook_url: receiver.url });
  await slack.chat.postMessage({ channel: '#general', text: 'told' });
  const [one] = await receiver.wait((came) => came.length >= 1);
  const time = one.headers['x-slack-request-timestamp'];
  const mac = createHmac('sha256', 'twin-signing-secret').update(`v0:${time}:${one.body}`).digest('hex');
  assert.equal(one.headers['x-slack-signature'], `v0=${mac}`);
  assert.equal(JSON.parse(one.body).event.text, 'told');
  await twin.admin('PUT', '/admin/config', { webhook_url: '' });
});
