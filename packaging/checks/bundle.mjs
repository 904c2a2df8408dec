// Starts mcp-login as a host does that has unpacked a bundle: with the command that mcpb's
// own code makes of the manifest, where a person has filled in the address and nothing else.
// Usage: node bundle.mjs MCPB-MODULE FOLDER ARGUMENT...
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [module, folder, ...args] = process.argv.slice(2);
const { getMcpConfigForManifest } = await import(join(module, 'dist/node.js'));
const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
const url = args.find((a) => a.startsWith('http')) ?? 'https://example.com/mcp';
const host = (userConfig) => getMcpConfigForManifest({ manifest, extensionPath: folder, systemDirs: {}, userConfig, pathSeparator: '/' });

if (await host({})) throw new Error('it would start without an address');
const config = await host({ url });
if (config.args.join() !== url || JSON.stringify(config).includes('user_config')) throw new Error(`it would start ${JSON.stringify(config)}`);
const full = await host({ url, client_id: 'an id', client_secret: 'a secret', token: 'a token' });
if (Object.values(full.env).join() !== 'mcpb,an id,a secret,a token') throw new Error(`what is filled in becomes ${JSON.stringify(full.env)}`);

// The verbs and flags of args are the check's; the address in them is the bundle's argument.
spawn(config.command, args, { stdio: 'inherit', env: { ...process.env, ...config.env } }).on('exit', (code) => process.exit(code ?? 1));
