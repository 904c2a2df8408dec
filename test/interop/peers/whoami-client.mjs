// A client as mcp-auth's whoami tutorial has one: the TypeScript SDK, which is
// also inside the Inspector, with its own OAuth. It knows nothing but the URL.
// node whoami-client.mjs URL BROWSER...
// BROWSER... is run with the address to sign in at. For each line on stdin, the
// name of a tool, it prints what came of the call as one JSON object.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [url, ...browser] = process.argv.slice(2);

let arrive;
const listener = createServer((req, res) => {
  const back = new URL(req.url, "http://127.0.0.1");
  res.end("You can close this page.");
  if (back.pathname === "/callback") arrive(back.searchParams);
});
await new Promise((ready) => listener.listen(0, "127.0.0.1", ready));
const redirectUrl = `http://127.0.0.1:${listener.address().port}/callback`;

const kept = {};
let arrived;
let asked = [];
const provider = {
  redirectUrl,
  clientMetadata: {
    client_name: "whoami client", redirect_uris: [redirectUrl], token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "refresh_token"], response_types: ["code"],
  },
  state: () => (kept.state = randomUUID()),
  clientInformation: () => kept.client,
  saveClientInformation: (client) => { kept.client = client; },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; },
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  codeVerifier: () => kept.verifier,
  redirectToAuthorization: (address) => {
    asked.push(Object.fromEntries(address.searchParams));
    arrived = new Promise((resolve) => { arrive = resolve; });
    spawn(browser[0], [...browser.slice(1), address.href], { stdio: ["ignore", "inherit", "inherit"] });
  },
};

// signedIn does something, signing in when that is asked for.
async function signedIn(transport, what) {
  try {
    return await what();
  } catch (e) {
    if (!(e instanceof UnauthorizedError)) throw e;
  }
  const back = await arrived;
  if (back.get("state") !== kept.state) throw new Error("another state came back");
  if (back.get("error")) throw new Error(back.get("error"));
  await transport().finishAuth(back.get("code"));
  return what();
}

let client;
let transport;
await signedIn(() => transport, async () => {
  client = new Client({ name: "whoami-client", version: "1" });
  transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  await client.connect(transport);
});

for await (const name of createInterface({ input: process.stdin })) {
  const out = { server: client.getServerVersion()?.name };
  try {
    const tools = (await client.listTools()).tools.map((t) => t.name);
    const result = await signedIn(() => transport, () => client.callTool({ name, arguments: {} }));
    Object.assign(out, { tools, claims: result.structuredContent, text: result.content[0].text });
  } catch (e) {
    out.error = `${e}`;
  }
  console.log(JSON.stringify({ ...out, asked }));
  asked = [];
}
await client.close();
listener.close();
process.exit();
