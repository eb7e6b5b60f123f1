// PostHog's own Node client, unmodified but for the host, against the PostHog twin.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { PostHog } from 'posthog-node';

import { Twin } from './twin.mjs';

let twin;

before(async () => { twin = await Twin.start('posthog'); });
after(() => twin?.stop());

test('events are kept and flags are the same here and there', async () => {
  const groups = [{ properties: [], rollout_percentage: 100 }];
  const variants = [{ key: 'a', rollout_percentage: 50 }, { key: 'b', rollout_percentage: 50 }];
  await twin.admin('POST', '/admin/feature-flags', { key: 'half', filters: { groups: [{ properties: [], rollout_percentage: 50 }] } });
  await twin.admin('POST', '/admin/feature-flags', { key: 'ab', filters: { groups, multivariate: { variants } } });
  const there = new PostHog('phc_test', { host: twin.url, flushAt: 1, featureFlagsPollingInterval: 100000 });
  const here = new PostHog('phc_test', { host: twin.url, personalApiKey: 'phx_key', featureFlagsPollingInterval: 100000 });
  await here.reloadFeatureFlags();
  const quiet = { sendFeatureFlagEvents: false };
  const seen = new Set();
  for (let number = 0; number < 30; number += 1) {
    for (const key of ['half', 'ab']) {
      const theirs = await there.getFeatureFlag(key, `user-${number}`, quiet);
      assert.equal(await here.getFeatureFlag(key, `user-${number}`, { ...quiet, onlyEvaluateLocally: true }), theirs);
      seen.add(theirs);
    }
  }
  assert.deepEqual(seen, new Set([true, false, 'a', 'b']));
  there.capture({ distinctId: 'ada', event: 'signed up', properties: { plan: 'pro' } });
  await there.shutdown();
  await here.shutdown();
  const events = await twin.admin('GET', '/admin/events');
  assert.deepEqual(events.map((one) => [one.event, one.distinct_id, one.properties.plan]), [['signed up', 'ada', 'pro']]);
});
