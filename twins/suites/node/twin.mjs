// Starts twins for tests and lets them wait for what a twin sends.
//
// `WT` names the binary that serves (`wt`); `WT_SERVE` the runtime's example, which takes the same arguments.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

export class Twin {
  static async start(name, ...args) {
    const twin = new Twin();
    twin.port = await freePort();
    twin.url = `http://127.0.0.1:${twin.port}`;
    const command = process.env.WT_SERVE ? [process.env.WT_SERVE] : [process.env.WT, 'serve'];
    const folder = mkdtempSync(path.join(tmpdir(), 'twin-'));
    const rest = [...command.slice(1), name, '--port', String(twin.port), ...args];
    twin.said = '';
    twin.process = spawn(command[0], rest, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    twin.process.stderr.on('data', (text) => { twin.said += text; });
    await twin.#ready();
    return twin;
  }

  async #ready() {
    for (let tries = 0; tries < 500; tries += 1) {
      if (this.process.exitCode !== null) throw new Error(`the twin ended: ${this.said}`);
      try {
        await this.admin('GET', '/admin/health');
        return;
      } catch {
        await sleep(20);
      }
    }
    throw new Error('the twin did not answer in ten seconds');
  }

  async admin(method, place, body) {
    const answer = await fetch(this.url + place, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${place}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  async stop() {
    if (this.process.exitCode === null) {
      this.process.kill('SIGTERM');
      await once(this.process, 'exit');
    }
  }
}

// An endpoint for webhooks: what came, with its headers, in order.
export class Receiver {
  static async start() {
    const receiver = new Receiver();
    receiver.came = [];
    receiver.server = http.createServer((request, response) => {
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => {
        receiver.came.push({ path: request.url, headers: request.headers, body: Buffer.concat(parts) });
        response.writeHead(200).end();
      });
    }).listen(0, '127.0.0.1');
    await once(receiver.server, 'listening');
    receiver.url = `http://127.0.0.1:${receiver.server.address().port}/hooks`;
    return receiver;
  }

  // Until `wanted` says so of what came.
  async wait(wanted, seconds = 20) {
    const end = Date.now() + seconds * 1000;
    while (Date.now() < end) {
      if (wanted(this.came)) return this.came;
      await sleep(20);
    }
    throw new Error(`it did not come; what did: ${this.came.map((one) => one.body)}`);
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
