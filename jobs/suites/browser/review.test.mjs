// The review page in a browser: what is decided there, a running twin does.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { Stage, browser, inaccessible, open, overhang, proposed, shot } from './stage.mjs';

/** What the product promises: a publication serves within this many milliseconds. */
const SERVED_WITHIN = 2000;

let chromium;
let base;

before(async () => {
  [chromium, base] = await Promise.all([browser(), proposed()]);
});

after(async () => {
  await chromium?.close();
  base?.remove();
});

/** A test with a project, a twin and pages of its own. */
function on_stage(name, play, { env, args = [] } = {}) {
  test(name, async (t) => {
    const stage = await Stage.set(base, env, ...args);
    try {
      await play(stage, t);
    } finally {
      await stage.strike();
    }
  });
}

const isOld = (note) => 'draft' in note && typeof note.rank === 'number';
const isNew = (note) => !('draft' in note) && typeof note.rank === 'string';

async function told(page) {
  return (await page.getByRole('status').textContent()).trim();
}

on_stage('what is approved on the page, the running twin serves within two seconds', async (stage, t) => {
  assert.ok(isOld(await stage.note()));
  const page = await open(chromium, stage.url);
  await shot(page, 'home');
  await page.getByRole('link', { name: 'notes, calibration 2' }).click();
  await shot(page, 'calibration');
  assert.match(await page.getByRole('heading', { level: 1 }).textContent(), /calibration 2 proposed/);
  assert.equal(await page.getByLabel('Who decides').inputValue(), 'tester');
  await page.getByLabel('Who decides').fill('Ada');
  await page.getByLabel('Why').fill('as announced');
  const button = page.getByRole('button', { name: 'Approve and publish' });
  const took = await stage.served(2, isNew, () => button.click());
  t.diagnostic(`served ${took} ms after the publication`);
  assert.ok(took < SERVED_WITHIN, `${took} ms`);
  assert.equal(await told(page), 'Calibration 2 is published. Running twins load it now.');
  await shot(page, 'approved');
  const [, second] = await stage.states();
  assert.deepEqual([second.state, second.by, second.comment], ['published', 'Ada', 'as announced']);
  await page.reload();
  assert.equal(await page.getByRole('status').count(), 0, 'what came of it is told once');
  assert.deepEqual(page.complaints, []);
});

on_stage('a finding that is left out of an approval goes on waiting', async (stage) => {
  const page = await open(chromium, stage.page('/twins/notes/calibrations/2'));
  await page.getByRole('checkbox', { name: /field removed draft/ }).uncheck();
  await page.getByRole('button', { name: 'Approve and publish' }).click();
  await stage.until((note) => 'draft' in note && typeof note.rank === 'string');
  assert.match(await told(page), /published as 3\..*The rest waits as calibration 4\.$/);
  await page.getByRole('link', { name: 'Calibration 4' }).click();
  assert.match(await page.getByRole('main').textContent(), /field removed/);
  assert.equal(await page.getByRole('checkbox').count(), 0, 'one finding is no choice');
  await page.getByRole('button', { name: 'Approve and publish' }).click();
  await stage.until(isNew);
  const states = (await stage.states()).map((one) => one.state);
  assert.deepEqual(states, ['published', 'superseded', 'published', 'published']);
});

on_stage('what is rejected is not served, and a finding can be rejected alone', async (stage) => {
  const page = await open(chromium, stage.page('/twins/notes/calibrations/2'));
  await page.getByRole('checkbox', { name: /type changed rank/ }).uncheck();
  await page.getByRole('button', { name: 'Reject' }).click();
  assert.match(await told(page), /rejected as 3\..*calibration 4\.$/);
  await page.goto(stage.page('/twins/notes/calibrations/4'));
  await page.getByRole('button', { name: 'Reject' }).click();
  assert.equal(await told(page), 'Calibration 4 is rejected: no twin will load it.');
  assert.ok(isOld(await stage.note()));
  const states = (await stage.states()).map((one) => one.state);
  assert.deepEqual(states, ['published', 'superseded', 'rejected', 'rejected']);
  await page.goto(stage.url);
  assert.match(await page.getByRole('main').textContent(), /No calibration awaits a decision/);
});

on_stage('nothing chosen is nothing decided, and said so', async (stage) => {
  const page = await open(chromium, stage.page('/twins/notes/calibrations/2'));
  for (const box of await page.getByRole('checkbox').all()) await box.uncheck();
  await page.getByRole('button', { name: 'Approve and publish' }).click();
  assert.match(await page.getByRole('main').textContent(), /No finding was chosen/);
  assert.equal((await stage.states())[1].state, 'proposed');
});

on_stage('what was published is rolled back, and the twin with it', async (stage, t) => {
  await stage.folder.wt('calibrations', 'approve', 'notes', '2');
  await stage.until(isNew);
  const page = await open(chromium, stage.page('/twins/notes'));
  await shot(page, 'twin');
  await page.getByRole('link', { name: 'Calibration 2' }).click();
  const button = page.getByRole('button', { name: /Roll back/ });
  const took = await stage.served(3, isOld, () => button.click());
  t.diagnostic(`served ${took} ms after the publication`);
  assert.ok(took < SERVED_WITHIN, `${took} ms`);
  assert.match(await told(page), /^Calibration 3 undoes 2 and all published since/);
});

on_stage('who decides too late is told what was decided, and by whom', async (stage) => {
  const late = await open(chromium, stage.page('/twins/notes/calibrations/2'));
  await stage.folder.wt('calibrations', 'reject', 'notes', '2', '--by', 'Grace', '--comment', 'an outage');
  const [answer] = await Promise.all([
    late.waitForResponse((response) => response.request().method() === 'POST'),
    late.getByRole('button', { name: 'Approve and publish' }).click(),
  ]);
  assert.equal(answer.status(), 409);
  await late.waitForLoadState();
  await shot(late, 'conflict');
  assert.match(await late.getByRole('main').textContent(), /rejected by Grace.*an outage.*Nothing was decided now/s);
  await late.getByRole('link', { name: 'The calibration, as it is now' }).click();
  assert.match(await late.getByRole('heading', { level: 1 }).textContent(), /rejected/);
  assert.ok(isOld(await stage.note()));
});

on_stage('without JavaScript every page reads and every decision works', async (stage) => {
  const page = await open(chromium, stage.url, { javaScriptEnabled: false });
  await page.getByRole('link', { name: 'Jobs' }).click();
  assert.match(await page.getByRole('main').textContent(), /No job has run yet/);
  await page.getByRole('link', { name: 'Twins' }).click();
  await page.getByRole('link', { name: 'notes, calibration 2' }).click();
  await page.getByRole('checkbox', { name: /field removed draft/ }).uncheck();
  await page.getByRole('button', { name: 'Approve and publish' }).click();
  assert.match(await told(page), /published as 3/);
  await stage.until((note) => 'draft' in note && typeof note.rank === 'string');
});

on_stage('the keyboard alone is enough, and shows where it is', async (stage) => {
  const page = await open(chromium, stage.url);
  const focused = () => page.evaluate(() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    const name = document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent;
    return { name: name.trim(), outline: `${outlineStyle} ${outlineWidth}` };
  });
  await page.keyboard.press('Tab');
  assert.deepEqual(await focused(), { name: 'To the content', outline: 'solid 3px' });
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  assert.equal((await focused()).name, 'notes, calibration 2');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/calibrations/2');
  await page.keyboard.press('j');
  const first = (await focused()).name;
  await page.keyboard.press('j');
  const second = await focused();
  assert.notEqual(second.name, first);
  assert.equal(second.outline, 'solid 3px');
  await page.keyboard.press('k');
  assert.equal((await focused()).name, first);
  await page.keyboard.press('Space');
  const stops = [];
  while (stops.at(-1) !== 'Approve and publish' && stops.length < 20) {
    await page.keyboard.press('Tab');
    stops.push((await focused()).name);
  }
  assert.equal(stops.at(-1), 'Approve and publish', stops.join(', '));
  await page.keyboard.press('Enter');
  assert.match(await told(page), /published as 3/);
});

on_stage('on a phone nothing is wider than the screen', async (stage) => {
  await stage.folder.wt('calibrations', 'list', 'notes');
  for (const colorScheme of ['light', 'dark']) {
    const page = await open(chromium, stage.url, { viewport: { width: 360, height: 740 }, colorScheme });
    for (const path of ['/', '/twins/notes', '/twins/notes/calibrations/1', '/twins/notes/calibrations/2',
      '/twins/notes/reports/1', '/runs', '/nothing']) {
      await page.goto(stage.page(path));
      assert.equal(await overhang(page), 0, path);
      await shot(page, `phone-${colorScheme}${path.replaceAll('/', '-')}`);
    }
    assert.deepEqual(page.complaints, []);
  }
});

on_stage('names, contrast and structure hold by the rules of WCAG', async (stage) => {
  for (const colorScheme of ['light', 'dark']) {
    const page = await open(chromium, stage.url, { colorScheme });
    for (const path of ['/', '/twins/notes', '/twins/notes/calibrations/1', '/twins/notes/calibrations/2',
      '/twins/notes/reports/1', '/runs', '/nothing']) {
      await page.goto(stage.page(path));
      assert.deepEqual(await inaccessible(page), [], `${path}, ${colorScheme}`);
    }
  }
});

on_stage('who watches the jobs sees a run go on and end, with a script at once and without by loading again', async (stage) => {
  // A job that goes on until a file is there.
  stage.folder.write('jobs.toml', `[jobs.nap]
kind = 'command'
argv = ['sh', '-c', 'until [ -e woken ]; do sleep 0.05; done']
schedule = '@yearly'
`);
  const live = await open(chromium, stage.page('/runs'));
  const still = await open(chromium, stage.page('/runs'), { javaScriptEnabled: false });
  const row = (page) => page.getByRole('row', { name: /^nap/ });
  const once = stage.folder.wt('jobs', 'run', '--once');
  await row(live).getByText('running').waitFor();
  assert.equal(await row(still).count(), 0);
  await still.getByRole('link', { name: 'Load again' }).click();
  assert.equal(await row(still).getByText('running').count(), 1);
  await shot(live, 'jobs');
  stage.folder.write('woken', '');
  await row(live).getByText('succeeded').waitFor();
  await once;
  await still.getByRole('link', { name: 'Load again' }).click();
  assert.equal(await row(still).getByText('succeeded').count(), 1);
  await live.goto(stage.url);
  assert.match(await live.getByRole('main').textContent(), /nap.*succeeded/s);
  assert.deepEqual(live.complaints, []);
});

/** A request that a browser would not make of itself. */
function raw(url, { method = 'GET', headers = {}, body = '' } = {}) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers: { ...headers, 'content-length': Buffer.byteLength(body) } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part) => { text += part; });
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

on_stage('other sites cannot decide, whatever name they reach the page by', async (stage) => {
  const place = stage.page('/twins/notes/calibrations/2');
  const rebound = await raw(place, { headers: { host: 'evil.test' } });
  assert.equal(rebound.status, 421);
  assert.doesNotMatch(rebound.text, /form_token/);

  const shown = await raw(place);
  const cookie = shown.headers['set-cookie'][0].split(';')[0];
  const hidden = (name) => new RegExp(`name="${name}" value="([^"]*)"`).exec(shown.text)[1];
  const form = {
    form_token: hidden('form_token'), digest: hidden('digest'), published: hidden('published'),
    by: 'Mallory', choice: 'approve', choices: '0',
  };
  const decide = (changed, headers = {}) => raw(`${place}/decision`, {
    method: 'POST',
    headers: { cookie, 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ ...form, ...changed }).toString(),
  });
  assert.equal((await decide({}, { origin: 'http://evil.test' })).status, 403);
  assert.equal((await decide({}, { 'sec-fetch-site': 'cross-site' })).status, 403);
  assert.equal((await decide({ form_token: 'A'.repeat(43) })).status, 403);
  assert.equal((await decide({}, { cookie: 'none=1' })).status, 403);
  assert.equal((await decide({ digest: 'f'.repeat(64) })).status, 409);
  assert.equal((await decide({ by: ' ' })).status, 422);
  assert.equal((await decide({ choice: 'delete' })).status, 422);
  assert.equal((await stage.states())[1].state, 'proposed');
  assert.equal((await decide({}, { origin: stage.url.slice(0, -1) })).status, 303, 'and the page itself can');

  // In a browser, a form on another origin: the twin's own port stands for it.
  const page = await open(chromium, new URL('/nowhere', stage.twin.url).href);
  await page.setContent(`<form method="post" action="${place}/decision"><button>go</button></form>`);
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === 'POST'),
    page.getByRole('button').click(),
  ]);
  assert.equal(answer.status(), 403);
});

on_stage('away from loopback the page wants its token, and hides it', async (stage) => {
  const { port, search } = new URL(stage.url);
  const home = `http://127.0.0.1:${port}/`;
  assert.equal(search, '?token=sesame%2B1');
  assert.equal((await raw(home)).status, 401);
  assert.equal((await raw(`${home}?token=wrong`)).status, 401);
  assert.equal((await raw(home, { headers: { authorization: 'Bearer sesame+1' } })).status, 200);
  const page = await open(chromium, home + search);
  assert.equal(page.url(), home);
  await page.getByRole('link', { name: 'notes, calibration 2' }).click();
  await page.getByRole('button', { name: 'Reject' }).click();
  assert.match(await told(page), /rejected/);
}, { env: { WT_REVIEW_TOKEN: 'sesame+1' }, args: ['--listen', '0.0.0.0'] });
