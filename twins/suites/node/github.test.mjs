// Octokit, unmodified but for the base URL, against the GitHub twin.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Octokit } from '@octokit/rest';
import { verify } from '@octokit/webhooks-methods';

import { Receiver, Twin } from './twin.mjs';

let twin;
let octokit;

before(async () => {
  twin = await Twin.start('github');
  octokit = client();
});
after(() => twin?.stop());

function client(login = 'octocat') {
  return new Octokit({ auth: `ghp_${login}`, baseUrl: twin.url });
}

async function make(name, more = {}) {
  const { data } = await octokit.repos.createForAuthenticatedUser({ name, auto_init: true, ...more });
  return { owner: data.owner.login, repo: data.name };
}

const status = (wanted) => (error) => {
  assert.equal(error.status, wanted);
  return true;
};

test('the token says who asks', async () => {
  const { data, headers } = await octokit.users.getAuthenticated();
  assert.equal(data.login, 'octocat');
  assert.match(headers['x-github-request-id'], /^[0-9a-f]{4}:/);
  await assert.rejects(new Octokit({ auth: 'nonsense', baseUrl: twin.url }).users.getAuthenticated(), status(401));
  await assert.rejects(new Octokit({ baseUrl: twin.url }).users.getAuthenticated(), status(401));
});

test('files come back as they were written', async () => {
  const place = { ...await make('files'), path: 'src/a b.txt' };
  const content = Buffer.from('hé\n').toString('base64');
  const made = await octokit.repos.createOrUpdateFileContents({ ...place, message: 'one', content });
  assert.equal(made.status, 201);
  const { data: file } = await octokit.repos.getContent(place);
  assert.equal(Buffer.from(file.content, 'base64').toString(), 'hé\n');
  const raw = await octokit.repos.getContent({ ...place, mediaType: { format: 'raw' } });
  assert.equal(raw.data, 'hé\n');
  await assert.rejects(octokit.repos.createOrUpdateFileContents({ ...place, message: 'two', content }), status(422));
  await assert.rejects(octokit.repos.createOrUpdateFileContents({ ...place, message: 'two', content, sha: 'f'.repeat(40) }), status(409));
  const changed = await octokit.repos.createOrUpdateFileContents({ ...place, message: 'two', content, sha: file.sha });
  assert.equal(changed.status, 200);
});

test('lists are followed to their end', async () => {
  const place = await make('pages');
  for (let number = 1; number <= 5; number += 1) await octokit.issues.create({ ...place, title: `issue ${number}` });
  const all = await octokit.paginate(octokit.issues.listForRepo, { ...place, per_page: 2 });
  assert.deepEqual(all.map((one) => one.number), [5, 4, 3, 2, 1]);
  const first = await octokit.issues.listForRepo({ ...place, per_page: 2 });
  assert.match(first.headers.link, /page=2>; rel="next", <.*page=3>; rel="last"/);
  const found = await octokit.search.issuesAndPullRequests({ q: `repo:octocat/pages is:issue issue in:title`, per_page: 2 });
  assert.equal(found.data.total_count, 5);
});

test('an issue is opened, closed and talked about', async () => {
  const place = await make('talk');
  const { data: issue } = await octokit.issues.create({ ...place, title: 'It breaks', labels: ['bug'] });
  const at = { ...place, issue_number: issue.number };
  await octokit.issues.createComment({ ...at, body: 'why' });
  const { data: closed } = await octokit.issues.update({ ...at, state: 'closed', state_reason: 'not_planned' });
  assert.deepEqual([closed.state, closed.state_reason, closed.comments], ['closed', 'not_planned', 1]);
  await octokit.issues.addLabels({ ...at, labels: ['help wanted'] });
  const { data: labels } = await octokit.issues.removeLabel({ ...at, name: 'bug' });
  assert.deepEqual(labels.map((one) => one.name), ['help wanted']);
  assert.equal((await octokit.reactions.createForIssue({ ...at, content: 'rocket' })).status, 201);
  await assert.rejects(octokit.issues.get({ ...place, issue_number: 99 }), status(404));
  await assert.rejects(octokit.issues.create({ ...place, title: '' }), (error) => {
    assert.deepEqual(error.response.data.errors, [{ resource: 'Issue', field: 'title', code: 'missing_field' }]);
    return status(422)(error);
  });
});

test('a pull request is merged once', async () => {
  const place = await make('pull');
  const { data: main } = await octokit.git.getRef({ ...place, ref: 'heads/main' });
  await octokit.git.createRef({ ...place, ref: 'refs/heads/topic', sha: main.object.sha });
  await octokit.repos.createOrUpdateFileContents({ ...place, path: 'new', message: 'add', content: 'eA==', branch: 'topic' });
  const { data: pull } = await octokit.pulls.create({ ...place, head: 'topic', base: 'main', title: 'Add' });
  const at = { ...place, pull_number: pull.number };
  await assert.rejects(octokit.pulls.checkIfMerged(at), status(404));
  assert.equal((await octokit.pulls.listFiles(at)).data[0].filename, 'new');
  assert.equal((await octokit.pulls.merge(at)).data.merged, true);
  assert.equal((await octokit.pulls.checkIfMerged(at)).status, 204);
  await assert.rejects(octokit.pulls.merge(at), status(405));
  const { data: diff } = await octokit.pulls.get({ ...at, mediaType: { format: 'diff' } });
  assert.match(diff, /^diff --git a\/new b\/new/);
});

test("hooks are signed as Octokit's verifier wants it", async (t) => {
  const receiver = await Receiver.start();
  t.after(() => receiver.stop());
  const place = await make('hooked');
  const config = { url: receiver.url, content_type: 'json', secret: 'shh' };
  const { data: hook } = await octokit.repos.createWebhook({ ...place, config, events: ['issues'] });
  await octokit.issues.create({ ...place, title: 'told' });
  const came = await receiver.wait((all) => all.length >= 2);
  assert.deepEqual(came.map((one) => one.headers['x-github-event']), ['ping', 'issues']);
  for (const one of came) {
    assert.ok(await verify('shh', one.body.toString(), one.headers['x-hub-signature-256']));
    assert.ok(!await verify('other', one.body.toString(), one.headers['x-hub-signature-256']));
  }
  // The receiver has a delivery a moment before the twin has its answer.
  let sent;
  do {
    ({ data: sent } = await octokit.repos.listWebhookDeliveries({ ...place, hook_id: hook.id }));
  } while (sent.some((one) => one.status_code === 0));
  assert.deepEqual(sent.map((one) => [one.event, one.status_code]), [['issues', 200], ['ping', 200]]);
  await octokit.repos.redeliverWebhookDelivery({ ...place, hook_id: hook.id, delivery_id: sent[0].id });
  const again = await receiver.wait((all) => all.length >= 3);
  assert.equal(again[2].headers['x-github-delivery'], again[1].headers['x-github-delivery']);
});

test('releases, gists and organisations', async () => {
  const place = await make('released');
  const { data: release } = await octokit.repos.createRelease({ ...place, tag_name: 'v1' });
  const { data: asset } = await octokit.repos.uploadReleaseAsset({ ...place, release_id: release.id, name: 'a.txt', data: 'abc', baseUrl: `${twin.url}/uploads` });
  assert.equal(asset.size, 3);
  assert.equal((await octokit.repos.getLatestRelease(place)).data.assets[0].name, 'a.txt');
  const { data: gist } = await octokit.gists.create({ files: { 'a.md': { content: '# a' } } });
  await octokit.gists.update({ gist_id: gist.id, files: { 'a.md': null, 'b.md': { content: '# b' } } });
  assert.deepEqual(Object.keys((await octokit.gists.get({ gist_id: gist.id })).data.files), ['b.md']);
  await octokit.repos.createInOrg({ org: 'acme', name: 'tools' });
  assert.equal((await octokit.repos.get({ owner: 'acme', repo: 'tools' })).data.organization.login, 'acme');
  const limits = await octokit.rateLimit.get();
  assert.equal(limits.data.resources.core.limit, 5000);
});
