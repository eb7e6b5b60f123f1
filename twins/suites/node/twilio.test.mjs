// Twilio's own Node client, unmodified but for where its requests go, against the Twilio twin.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import twilio from 'twilio';

import { Receiver, Twin } from './twin.mjs';

const ACCOUNT = `AC${'1'.repeat(32)}`;
const TOKEN = 'the-auth-token';

// The client's own, but for the host: all of Twilio's are one here.
class ToTwin extends twilio.RequestClient {
  constructor(url) {
    super();
    this.url = url;
  }

  request(options) {
    const { pathname, search } = new URL(options.uri);
    return super.request({ ...options, uri: this.url + pathname + search });
  }
}

let twin;
let client;

before(async () => {
  twin = await Twin.start('twilio');
  client = twilio(ACCOUNT, TOKEN, { httpClient: new ToTwin(twin.url) });
});
after(() => twin?.stop());

test('a message is delivered and told of', async (t) => {
  const receiver = await Receiver.start();
  t.after(() => receiver.stop());
  const message = await client.messages.create({ to: '+14155552671', from: '+15005550006', body: 'hi', statusCallback: receiver.url });
  assert.equal(message.status, 'queued');
  await twin.admin('POST', '/admin/time/advance', { duration: '10s' });
  assert.equal((await client.messages(message.sid).fetch()).status, 'delivered');
  const came = await receiver.wait((all) => all.length >= 2);
  for (const one of came) {
    const fields = Object.fromEntries(new URLSearchParams(one.body.toString()));
    assert.ok(twilio.validateRequest(TOKEN, one.headers['x-twilio-signature'], receiver.url, fields));
    assert.equal(fields.MessageSid, message.sid);
  }
});

test('numbers of the test credentials are refused', async () => {
  await assert.rejects(client.messages.create({ to: '+15005550001', from: '+15005550006', body: 'x' }), (error) => {
    assert.deepEqual([error.status, error.code], [400, 21211]);
    return true;
  });
});

test('lists are paged', async () => {
  for (let number = 0; number < 3; number += 1) await client.messages.create({ to: '+14155552671', from: '+15005550006', body: `${number}` });
  const all = await client.messages.list({ pageSize: 2 });
  assert.ok(all.length >= 3);
  assert.equal(all[0].body, '2');
});

test('a code is checked', async () => {
  const service = await client.verify.v2.services.create({ friendlyName: 'Twin' });
  await client.verify.v2.services(service.sid).verifications.create({ to: '+14155552671', channel: 'sms' });
  const { code } = await twin.admin('GET', '/admin/otp?to=%2B14155552671');
  const check = await client.verify.v2.services(service.sid).verificationChecks.create({ to: '+14155552671', code });
  assert.equal(check.status, 'approved');
});
