// Stripe's own Node client against the twin, the newest and the one of the model's API version.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import Newest from 'stripe';
import Of2023 from 'stripe-2023';

import { Receiver, Twin } from './twin.mjs';

const DAY = 86_400;
const BEGIN = 1_700_000_000;

let twin;
before(async () => { twin = await Twin.start('stripe'); });
after(() => twin?.stop());

for (const [Stripe, name] of [[Newest, 'newest'], [Of2023, '2023-08-16']]) {
  describe(`stripe-node, ${name}`, () => {
    let stripe;

    beforeEach(async () => {
      await twin.admin('POST', '/admin/reset');
      stripe = client();
    });

    function client(key = 'sk_test_123', more = {}) {
      const place = { host: '127.0.0.1', port: twin.port, protocol: 'http' };
      return new Stripe(key, { ...place, apiVersion: '2023-08-16', maxNetworkRetries: 0, telemetry: false, ...more });
    }

    async function payingCustomer(fields = {}, card = 'pm_card_visa') {
      const customer = await stripe.customers.create({ email: 'ada@example.com', ...fields });
      const method = await stripe.paymentMethods.attach(card, { customer: customer.id });
      return stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: method.id } });
    }

    async function monthly(amount = 1500, fields = {}) {
      const product = await stripe.products.create({ name: 'Gold' });
      return stripe.prices.create({ product: product.id, unit_amount: amount, currency: 'usd', recurring: { interval: 'month' }, ...fields });
    }

    test('a customer is made, read, changed, listed and deleted', async () => {
      const made = await stripe.customers.create({ name: 'Ada', metadata: { plan: 'gold', team: 'red' } });
      assert.match(made.id, /^cus_/);
      assert.equal(made.object, 'customer');
      const changed = await stripe.customers.update(made.id, { metadata: { plan: '', seats: '3' }, description: 'first' });
      assert.deepEqual({ ...changed.metadata }, { team: 'red', seats: '3' });
      const unset = await stripe.customers.update(made.id, { description: '' });
      assert.equal(unset.description, null);
      for (let number = 0; number < 25; number += 1) await stripe.customers.create({ name: `n${number}` });
      const names = [];
      for await (const one of stripe.customers.list({ limit: 10 })) names.push(one.name);
      assert.equal(names.length, 26);
      assert.equal(names[0], 'n24');
      assert.equal((await stripe.customers.del(made.id)).deleted, true);
      assert.equal((await stripe.customers.retrieve(made.id)).deleted, true);
    });

    test('errors are those of the client', async () => {
      await assert.rejects(stripe.customers.retrieve('cus_none'), (error) => {
        assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError);
        assert.equal(error.code, 'resource_missing');
        assert.equal(error.statusCode, 404);
        assert.match(error.requestId, /^req_/);
        return true;
      });
      await assert.rejects(client('nonsense').customers.list(), Stripe.errors.StripeAuthenticationError);
      const declined = stripe.paymentIntents.create({
        amount: 2000, currency: 'usd', confirm: true, payment_method: 'pm_card_chargeDeclined', payment_method_types: ['card'],
      });
      await assert.rejects(declined, (error) => {
        assert.ok(error instanceof Stripe.errors.StripeCardError);
        assert.equal(error.code, 'card_declined');
        assert.equal(error.decline_code, 'generic_decline');
        assert.equal(error.payment_intent.status, 'requires_payment_method');
        return true;
      });
    });

    test('a request under an idempotency key counts once', async () => {
      const first = await stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k1' });
      const again = await stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k1' });
      assert.equal(again.id, first.id);
      assert.equal(again.lastResponse.headers['idempotent-replayed'], 'true');
      assert.equal(again.lastResponse.headers['idempotency-key'], 'k1');
      const other = stripe.customers.create({ name: 'Eve' }, { idempotencyKey: 'k1' });
      await assert.rejects(other, Stripe.errors.StripeIdempotencyError);
      assert.equal((await stripe.customers.list()).data.length, 1);
    });

    test('references are expanded to the depth asked for, in lists too', async () => {
      const customer = await payingCustomer();
      const paid = await stripe.paymentIntents.create({
        amount: 2000, currency: 'usd', customer: customer.id, payment_method: customer.invoice_settings.default_payment_method,
        confirm: true, off_session: true, payment_method_types: ['card'], expand: ['latest_charge.balance_transaction', 'customer'],
      });
      assert.equal(paid.customer.email, 'ada@example.com');
      assert.equal(paid.latest_charge.balance_transaction.net, 2000 - 88);
      const list = await stripe.paymentIntents.list({ expand: ['data.customer', 'data.latest_charge.payment_intent.customer'] });
      assert.equal(list.data[0].customer.id, customer.id);
      assert.equal(list.data[0].latest_charge.payment_intent.customer.email, 'ada@example.com');
    });

    test('a payment that needs its customer waits for them', async () => {
      const intent = await stripe.paymentIntents.create({
        amount: 2000, currency: 'eur', confirm: true, payment_method: 'pm_card_threeDSecure2Required', payment_method_types: ['card'],
        return_url: 'https://example.com/back',
      });
      assert.equal(intent.status, 'requires_action');
      assert.equal(intent.next_action.type, 'redirect_to_url');
      // The customer presses a button of the page they are sent to, and comes back.
      const body = new URLSearchParams({ outcome: 'succeed' });
      const done = await fetch(intent.next_action.redirect_to_url.url, { method: 'POST', body, redirect: 'manual' });
      assert.equal(done.status, 303);
      assert.match(done.headers.get('location'), /^https:\/\/example\.com\/back\?payment_intent=pi_.*redirect_status=succeeded$/);
      assert.equal((await stripe.paymentIntents.retrieve(intent.id)).status, 'succeeded');
    });

    test('an authorised amount is raised, captured in part or given back', async () => {
      const held = {
        amount: 2000, currency: 'usd', confirm: true, capture_method: 'manual', payment_method: 'pm_card_visa', payment_method_types: ['card'],
      };
      const intent = await stripe.paymentIntents.create(held);
      assert.equal(intent.status, 'requires_capture');
      const captured = await stripe.paymentIntents.capture(intent.id, { amount_to_capture: 1500 });
      assert.deepEqual([captured.status, captured.amount_received], ['succeeded', 1500]);
      const other = await stripe.paymentIntents.create(held);
      const canceled = await stripe.paymentIntents.cancel(other.id, { cancellation_reason: 'abandoned' });
      assert.deepEqual([canceled.status, canceled.cancellation_reason], ['canceled', 'abandoned']);
    });

    test('one life: customer, subscription, invoice, refund, dispute, and their webhooks in order', async () => {
      const receiver = await Receiver.start();
      try {
        const endpoint = await stripe.webhookEndpoints.create({ url: receiver.url, enabled_events: ['*'] });
        assert.match(endpoint.secret, /^whsec_/);
        const clock = await stripe.testHelpers.testClocks.create({ frozen_time: BEGIN });
        const customer = await payingCustomer({ test_clock: clock.id });
        const sub = await stripe.subscriptions.create({
          customer: customer.id, items: [{ price: (await monthly()).id }], expand: ['latest_invoice.payment_intent'],
        });
        assert.equal(sub.status, 'active');
        assert.equal(sub.latest_invoice.status, 'paid');
        assert.equal(sub.latest_invoice.payment_intent.status, 'succeeded');

        await advance(clock, sub.current_period_end + 7200);
        const renewed = await stripe.subscriptions.retrieve(sub.id, { expand: ['latest_invoice'] });
        assert.equal(renewed.current_period_start, sub.current_period_end);
        assert.equal(renewed.latest_invoice.billing_reason, 'subscription_cycle');
        assert.equal(renewed.latest_invoice.status, 'paid');

        await stripe.refunds.create({ payment_intent: sub.latest_invoice.payment_intent.id, amount: 500, reason: 'requested_by_customer' });
        const disputed = await stripe.paymentIntents.create({
          amount: 1500, currency: 'usd', customer: customer.id, confirm: true, payment_method: 'pm_card_createDispute', payment_method_types: ['card'],
        });
        const dispute = (await stripe.disputes.list({ payment_intent: disputed.id })).data[0];
        await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: 'losing_evidence' } });
        await stripe.subscriptions.cancel(sub.id);

        const wanted = [
          'customer.created', 'payment_method.attached', 'customer.subscription.created', 'invoice.paid', 'customer.subscription.updated',
          'charge.refunded', 'charge.dispute.created', 'charge.dispute.funds_withdrawn', 'charge.dispute.closed', 'customer.subscription.deleted',
        ];
        const came = await receiver.wait((all) => {
          const types = new Set(all.map((one) => JSON.parse(one.body).type));
          return wanted.every((one) => types.has(one));
        });
        const events = came.map((one) => stripe.webhooks.constructEvent(one.body, one.headers['stripe-signature'], endpoint.secret));
        assert.throws(
          () => stripe.webhooks.constructEvent(came[0].body, came[0].headers['stripe-signature'], 'whsec_other'),
          Stripe.errors.StripeSignatureVerificationError,
        );
        const log = [];
        for await (const event of stripe.events.list({ limit: 100 })) log.unshift(event);
        const types = log.map((event) => event.type);
        const places = wanted.map((one) => types.indexOf(one));
        assert.deepEqual(places, [...places].sort((a, b) => a - b));
        for (const event of events) assert.ok(log.some((one) => one.id === event.id));
        const ofInvoice = events.filter((event) => event.data.object.id === sub.latest_invoice.id).map((event) => event.type);
        assert.deepEqual(ofInvoice.slice(0, 4), ['invoice.created', 'invoice.finalized', 'invoice.paid', 'invoice.payment_succeeded']);
      } finally {
        receiver.stop();
      }
    });

    async function advance(clock, time) {
      let held = await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: time });
      assert.equal(held.status, 'advancing');
      for (let tries = 0; held.status !== 'ready' && tries < 200; tries += 1) {
        held = await stripe.testHelpers.testClocks.retrieve(clock.id);
      }
      assert.equal(held.status, 'ready');
    }

    test('a year on a test clock is billed month by month', async () => {
      const clock = await stripe.testHelpers.testClocks.create({ frozen_time: BEGIN });
      const customer = await payingCustomer({ test_clock: clock.id });
      const price = await monthly(900);
      for (let number = 0; number < 3; number += 1) await stripe.subscriptions.create({ customer: customer.id, items: [{ price: price.id }] });
      await advance(clock, BEGIN + 367 * DAY);
      const invoices = await stripe.invoices.list({ customer: customer.id, limit: 100 });
      assert.equal(invoices.data.filter((one) => one.status === 'paid').length, 3 * 13);
    });

    test('what a connected account has is its own', async () => {
      const account = await stripe.accounts.create({ type: 'custom', country: 'US', capabilities: { transfers: { requested: true } } });
      const theirs = await stripe.customers.create({ name: 'Theirs' }, { stripeAccount: account.id });
      await assert.rejects(stripe.customers.retrieve(theirs.id), { code: 'resource_missing' });
      assert.equal((await stripe.customers.retrieve(theirs.id, {}, { stripeAccount: account.id })).name, 'Theirs');
      assert.equal((await stripe.customers.list()).data.length, 0);
      assert.equal((await stripe.customers.list({}, { stripeAccount: account.id })).data.length, 1);
    });

    test('a tail of events can be had by type and object', async () => {
      const customer = await stripe.customers.create({ name: 'Ada' });
      await stripe.customers.update(customer.id, { name: 'Ada L.' });
      const updated = await stripe.events.list({ type: 'customer.updated' });
      assert.equal(updated.data.length, 1);
      assert.deepEqual({ ...updated.data[0].data.previous_attributes }, { name: 'Ada' });
      assert.equal((await stripe.events.retrieve(updated.data[0].id)).data.object.name, 'Ada L.');
      assert.equal((await stripe.events.list({ types: ['customer.created', 'customer.deleted'] })).data.length, 1);
    });
  });
}
