// The forms of a report that other programs read, read by other people's programs.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Folder, proposed } from './stage.mjs';

const run = promisify(execFile);
let folder;

before(async () => {
  folder = await proposed();
});

after(() => folder?.remove());

test('a SARIF log is one by the schema', async () => {
  await folder.wt('report', 'notes', '--format', 'sarif', '-o', 'notes.sarif');
  const { stdout } = await run('python3', ['read_sarif.py', join(folder.path, 'notes.sarif')]);
  assert.equal(stdout.trim(), '3');
});

test('an overlay makes the description after the run of the one before', async () => {
  await folder.wt('calibrations', 'approve', 'notes');
  await folder.wt('export', 'notes', '--openapi', 'after.json');
  await folder.wt('report', 'notes', '--format', 'overlay', '-o', 'overlay.json');
  const old = new Folder();
  try {
    old.write('first.ndjson', folder.read('first.ndjson'));
    await old.wt('init', 'notes', '--base-url', 'https://api.notes.test');
    await old.wt('record', 'notes', '--from', 'first.ndjson');
    await old.wt('synth', 'notes');
    await old.wt('export', 'notes', '--openapi', 'before.json');
    const [before, overlay] = [join(old.path, 'before.json'), join(folder.path, 'overlay.json')];
    await run('oas-patch', ['validate', overlay]);
    await run('oas-patch', ['overlay', before, overlay, '-o', join(old.path, 'patched.json')]);
    assert.deepEqual(JSON.parse(old.read('patched.json')), JSON.parse(folder.read('after.json')));
    assert.notDeepEqual(JSON.parse(old.read('before.json')), JSON.parse(folder.read('after.json')));
  } finally {
    old.remove();
  }
});
