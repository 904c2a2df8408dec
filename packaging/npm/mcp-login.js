#!/usr/bin/env node
'use strict';
// Starts the program, which is in the package for this system that npm fetched as well.
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { name, version, homepage, optionalDependencies } = require('../package.json');

const windows = process.platform === 'win32';
const system = `${process.platform}-${process.arch}`;
const holder = Object.keys(optionalDependencies).find((p) => p.endsWith(`/cli-${system}`));
if (!holder) {
  const module = homepage.replace(/^https:\/\/|#.*$/g, '');
  fail(`${name} has no program for ${system}`, `go install ${module}/cmd/mcp-login@v${version}`);
}

// npx, pnpm dlx, yarn dlx and bunx keep what they run in folders like these. The program
// needs to know: such a folder does not last, so no entry may name a file in it.
const once = /[\\/](_npx|dlx(-[^\\/]*)?|\.?bunx-[^\\/]*)[\\/]/.test(process.argv[1] + __filename);
process.env.MCP_LOGIN_CHANNEL = once ? 'npx' : 'npm';

let program;
try {
  program = require.resolve(`${holder}/bin/mcp-login${windows ? '.exe' : ''}`);
} catch {
  const both = `--package=${name}@${version} --package=${holder}@${version}`;
  // A project has its package.json beside the outermost node_modules, a global folder has none.
  const project = fs.existsSync(path.join(__filename.split(/[\\/]node_modules[\\/]/)[0], 'package.json'));
  const install = /[\\/]\.pnpm[\\/]/.test(__filename) ? 'pnpm add' : 'npm install';
  fail(`the package ${holder} is not installed; it holds the program for this system`,
    once ? `npx -y ${both} mcp-login` : `${install} ${project ? '' : '--global '}${holder}@${version}`);
}
const args = process.argv.slice(2);

// Become the program, so that no process of Node stays. What is in stdin was not touched.
// It would end this process if the file could not be run.
if (process.execve && !windows) {
  try {
    fs.accessSync(program, fs.constants.X_OK);
  } catch (e) {
    cannotRun(e);
  }
  process.execve(program, [program, ...args]);
}

// Windows, and Node before 22.15: stand beside it, hand on signals, and end as it does.
const child = spawn(program, args, { stdio: 'inherit' });
child.on('error', cannotRun);
// On Windows a signal would end it at once; the console tells both about Ctrl+C.
for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(s, () => windows || child.kill(s));
child.on('exit', (code, signal) => {
  if (!signal) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});

function cannotRun({ code }) {
  fail(`${program} cannot be run: ${code}`, windows ? 'see whether a virus scanner has blocked it' : `chmod +x '${program}'`);
}

function fail(error, hint) {
  fs.writeSync(2, `error: ${error}\nhint: ${hint}\n`);
  process.exit(1);
}
