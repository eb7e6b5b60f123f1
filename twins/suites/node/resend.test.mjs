// Resend's own Node client, unmodified but for the base URL, against the Resend twin.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Resend } from 'resend';

import { Receiver, Twin } from './twin.mjs';

let twin;
let resend;

before(async () => {
  twin = await Twin.start('resend');
  resend = new Resend('re_123456789', { baseUrl: twin.url });
});
after(() => twin?.stop());

const mail = (more = {}) => ({ from: 'Ada <ada@example.com>', to: 'delivered@resend.dev', subject: 'hello', html: '<p>hi</p>', ...more });

test('an email is sent and found again', async () => {
  const { data, error } = await resend.emails.send(mail());
  assert.equal(error, null);
  const found = await resend.emails.get(data.id);
  assert.deepEqual([found.data.to, found.data.subject], [['delivered@resend.dev'], 'hello']);
  const batch = await resend.batch.send([mail(), mail()]);
  assert.equal(batch.data.data.length, 2);
});

test('what cannot be sent is refused by name', async () => {
  const wrong = await resend.emails.send(mail({ to: 'nonsense' }));
  assert.deepEqual([wrong.data, wrong.error.name, wrong.error.statusCode], [null, 'validation_error', 422]);
  const gone = await resend.emails.get('00000000-0000-4000-8000-000000000000');
  assert.equal(gone.error.name, 'not_found');
});

test('scheduled mail is called off', async () => {
  const { data } = await resend.emails.send(mail({ scheduledAt: 'in 1 hour' }));
  assert.equal((await resend.emails.cancel(data.id)).error, null);
  assert.equal((await resend.emails.get(data.id)).data.last_event, 'canceled');
});

test("webhooks pass the client's own verifier", async (t) => {
  const receiver = await Receiver.start();
  t.after(() => receiver.stop());
  const { data: hook } = await resend.webhooks.create({ endpoint: receiver.url, events: ['email.sent', 'email.bounced'] });
  await resend.emails.send(mail({ to: 'bounced@resend.dev' }));
  const came = await receiver.wait((all) => all.length >= 2);
  const types = came.map((one) => {
    const headers = { id: one.headers['svix-id'], timestamp: one.headers['svix-timestamp'], signature: one.headers['svix-signature'] };
    return resend.webhooks.verify({ payload: one.body.toString(), headers, webhookSecret: hook.signing_secret }).type;
  });
  assert.deepEqual(types, ['email.sent', 'email.bounced']);
});
