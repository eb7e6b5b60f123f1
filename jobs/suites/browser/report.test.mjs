// The HTML report in a browser: one file, and nothing else.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { browser, inaccessible, open, overhang, proposed, shot } from './stage.mjs';

let chromium;
let folder;
let url;

before(async () => {
  [chromium, folder] = await Promise.all([browser(), proposed()]);
  await folder.wt('report', 'notes', '--format', 'html', '-o', 'report.html');
  url = pathToFileURL(join(folder.path, 'report.html')).href;
});

after(async () => {
  await chromium?.close();
  folder?.remove();
});

test('a report asks for nothing and breaks no policy of its own', async () => {
  const context = await chromium.newContext();
  const page = await context.newPage();
  const requests = [];
  const complaints = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => complaints.push(message.text()));
  await page.goto(url);
  assert.deepEqual(requests, [url]);
  assert.deepEqual(complaints, []);
  assert.match(await page.getByRole('heading', { level: 1 }).textContent(), /^notes: 3 findings, 2 breaking$/);
  assert.equal(await page.getByRole('img').count(), 2, 'traffic and fidelity are plotted');
  await shot(page, 'report');
});

test('a report is readable on a phone, by day and by night, and on paper', async () => {
  const grounds = [];
  for (const colorScheme of ['light', 'dark']) {
    const page = await open(chromium, url, { viewport: { width: 360, height: 740 }, colorScheme, javaScriptEnabled: false });
    assert.equal(await overhang(page), 0);
    await shot(page, `report-phone-${colorScheme}`);
  }
  for (const colorScheme of ['light', 'dark']) {
    const page = await open(chromium, url, { colorScheme });
    grounds.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    assert.deepEqual(await inaccessible(page), [], colorScheme);
    await page.emulateMedia({ media: 'print', colorScheme });
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)');
    assert.equal(await page.getByRole('navigation').isVisible(), false);
    const paper = await page.pdf({ format: 'A4' });
    assert.ok(paper.length > 10_000, 'it prints');
  }
  assert.notEqual(grounds[0], grounds[1]);
});

test('labels of a plot are large enough on a phone', async () => {
  const page = await open(chromium, url, { viewport: { width: 360, height: 740 } });
  const heights = await page.evaluate(() => [...document.querySelectorAll('svg text')]
    .map((text) => text.getBoundingClientRect().height));
  assert.ok(heights.length > 8 && Math.min(...heights) >= 11, `${heights}`);
});
