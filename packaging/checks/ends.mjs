// The ways in which a client ends a server, tried on the command, which is mcp-login with
// an address at which nobody listens. It must have answered a request that was sent before
// it ran, and nothing of its process group may stay.
// Usage: node ends.mjs COMMAND ARGUMENT...
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const request = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'check', version: '1' } } };
const ways = {
  'end of stdin': (p) => p.stdin.end(),
  SIGTERM: (p) => p.kill('SIGTERM'),
  'SIGINT to all, as from a terminal': (p) => process.kill(-p.pid, 'SIGINT'),
  'end of stdin and SIGKILL': (p) => { p.stdin.end(); p.kill('SIGKILL'); },
};
const [command, ...args] = process.argv.slice(2);

for (const [way, end] of Object.entries(ways)) {
  const p = spawn(command, args, { detached: true });
  let said = '';
  const fail = (why) => {
    if (!gone(p)) process.kill(-p.pid, 'SIGKILL');
    console.error(`error: ${way}: ${why}\n${said}`);
    process.exit(1);
  };
  const limit = setTimeout(fail, 30_000, 'it is not over after 30 s');
  p.stderr.on('data', (d) => { said += d; });
  p.stdin.write(`${JSON.stringify(request)}\n`);
  const exited = once(p, 'exit');
  const [answer] = await Promise.race([once(p.stdout, 'data'), exited]);
  if (!`${answer}`.includes('"id":1')) fail(`it answered ${answer}`);
  const runs = basename(readlinkSync(`/proc/${p.pid}/exe`));
  end(p);
  const [code, signal] = await exited;
  if (way === 'end of stdin' && code !== 0) fail(`the exit code is ${code ?? signal}`);
  while (!gone(p)) await pause(10); // until the limit
  clearTimeout(limit);
  console.log(`${way}: ${code ?? signal}, no process of ${runs} stays`);
}

function gone(p) {
  try {
    process.kill(-p.pid, 0);
    return false;
  } catch {
    return true;
  }
}
