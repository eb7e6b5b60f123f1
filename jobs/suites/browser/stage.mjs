// A project that waits for a decision, the twin and the pages that are served of it, and a browser.
import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import axe from 'axe-core';
import { chromium } from 'playwright-core';

const WT = process.env.WT ?? fail('WT names the wt binary');
const SHOTS = process.env.WT_SHOTS;
const run = promisify(execFile);

/** What a note was, and what it is since the vendor's release: `colour` came, `draft` went, `rank` is text. */
const RELEASES = {
  first: (id) => ({ id: `${id}`, text: `note number ${id} of many`, draft: id % 2 === 0, rank: id % 7 }),
  second: (id) => ({ id: `${id}`, text: `note number ${id} of many`, colour: 'red', rank: `${id % 7}` }),
};

function fail(why) {
  throw new Error(why);
}

/** A temporary folder that `wt` runs in. */
export class Folder {
  constructor(from) {
    this.path = mkdtempSync(join(tmpdir(), 'wt-browser-'));
    if (from) cpSync(from.path, this.path, { recursive: true });
  }

  async wt(...args) {
    const { stdout } = await run(WT, args, { cwd: this.path, env: { ...process.env, USER: 'tester' } });
    return stdout;
  }

  async json(...args) {
    return JSON.parse(await this.wt(...args, '--format', 'json'));
  }

  write(name, text) {
    writeFileSync(join(this.path, name), text);
  }

  read(name) {
    return readFileSync(join(this.path, name), 'utf8');
  }

  remove() {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A log of one day: sixty notes read by six callers. */
function log(day, release) {
  const lines = [];
  for (let call = 0; call < 240; call += 1) {
    const at = new Date(Date.UTC(2026, 10, day, 8, Math.floor(call / 60), call % 60));
    const id = 9_000_000 + (call % 60) * 7919;
    lines.push(JSON.stringify({
      startedDateTime: at.toISOString(),
      time: 12,
      request: {
        method: 'GET',
        url: `https://api.notes.test/notes/${id}`,
        headers: [{ name: 'Authorization', value: `Bearer key_${call % 6}` }],
      },
      response: {
        status: 200,
        headers: [],
        content: { mimeType: 'application/json', text: JSON.stringify(RELEASES[release](id)) },
      },
    }));
  }
  return `${lines.join('\n')}\n`;
}

/** The project `notes`: `colour` is published by policy, what `draft` and `rank` became is proposed. */
export async function proposed() {
  const folder = new Folder();
  folder.write('first.ndjson', log(1, 'first'));
  folder.write('second.ndjson', log(2, 'second'));
  await folder.wt('init', 'notes', '--base-url', 'https://api.notes.test');
  await folder.wt('record', 'notes', '--from', 'first.ndjson');
  await folder.wt('synth', 'notes');
  await folder.wt('observe', 'import', 'notes', 'second.ndjson');
  await folder.wt('calibrate', 'notes');
  const { calibrations } = await folder.json('calibrations', 'list', 'notes');
  const states = calibrations.map((one) => one.state).join(' ');
  if (states !== 'published proposed') fail(`the stage is not set: ${states}`);
  return folder;
}

/** A process of `wt` that prints one document once it serves. */
async function serve(folder, args, env = {}) {
  const child = spawn(WT, [...args, '--format', 'json'], {
    cwd: folder.path,
    env: { ...process.env, USER: 'tester', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const part of child.stdout) {
    text += part;
    try {
      const document = JSON.parse(text);
      return { child, ...document };
    } catch {
      // Not all of it yet.
    }
  }
  return fail(`wt ${args.join(' ')} ended: ${text}`);
}

async function stop({ child }) {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

/** A project of its own for one test, its twin serving and its pages served. */
export class Stage {
  static async set(base, env = {}, ...args) {
    const stage = new Stage();
    stage.folder = new Folder(base);
    stage.twin = await serve(stage.folder, ['serve', 'notes', '--port', '0', '--missing', 'materialize']);
    stage.review = await serve(stage.folder, ['review', '--port', '0', ...args], env);
    stage.url = stage.review.url;
    return stage;
  }

  page(path) {
    return new URL(path, this.url).href;
  }

  /** A note as the running twin answers it. */
  async note() {
    const answer = await fetch(new URL('/notes/9000001', this.twin.url), {
      headers: { authorization: 'Bearer key_1' },
    });
    if (answer.status !== 200) fail(`the twin answers ${answer.status}: ${await answer.text()}`);
    return answer.json();
  }

  /** The time (of the wall clock) at which the twin's note is as wanted; it is asked again and again. */
  async until(wanted) {
    const began = performance.now();
    for (;;) {
      const note = await this.note();
      if (wanted(note)) return Date.now();
      if (performance.now() - began > 20_000) fail(`the twin still answers ${JSON.stringify(note)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Milliseconds between a publication, as the ledger stamps it, and the twin's first answer of that shape. */
  async served(number, wanted, press) {
    const [seen] = await Promise.all([this.until(wanted), press()]);
    const one = (await this.states()).find((state) => state.number === number);
    return seen - Date.parse(one.at);
  }

  async states() {
    const { calibrations } = await this.folder.json('calibrations', 'list', 'notes');
    return calibrations;
  }

  async strike() {
    await stop(this.review);
    await stop(this.twin);
    this.folder.remove();
  }
}

/** Debian's Chromium with a profile of its own. */
export async function browser() {
  return chromium.launch({
    executablePath: process.env.WT_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  });
}

/** A page in a context of its own; what it complains of is in `complaints`. */
export async function open(chromium, url, options = {}) {
  const context = await chromium.newContext({ viewport: { width: 1100, height: 800 }, ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (message) => {
    // A page of trouble has a status of trouble, which the browser tells as an error.
    const text = message.text();
    if (message.type() === 'error' && !text.startsWith('Failed to load resource')) page.complaints.push(text);
  });
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  await page.goto(url);
  return page;
}

/** Violations of WCAG 2.2 A and AA that axe finds, a line each. */
export async function inaccessible(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  return violations.map(({ id, help, nodes }) => `${id}: ${help} at ${nodes.map((node) => node.target).join(', ')}`);
}

/** Pixels that the page is wider than its window. */
export async function overhang(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

export async function shot(page, name) {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}
