// A client of the TypeScript SDK whose token is bound to its key: node dpop-client.mjs URL [BROWSER...]
// With BROWSER..., which is run with the address to sign in at, it signs in by itself; without, it prints its key's
// thumbprint and reads a token that is bound to that. It calls whoami twice, and prints what it was told, how many of its
// requests with a token were refused, and what came of the token as Bearer.
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import process from "node:process";
import readline from "node:readline";
import { Client, DpopSession, StreamableHTTPClientTransport, UnauthorizedError, withDpop } from "@modelcontextprotocol/client";

const url = new URL(process.argv[2]);
const browser = process.argv.slice(3);
const session = await DpopSession.create();
const out = { refused: 0 };
const counted = async (input, init) => {
  const response = await fetch(input, init);
  if (response.status === 401 && new Headers(init?.headers).has("authorization")) out.refused++;
  return response;
};

const kept = {};
let options;
let arrived;
if (browser.length === 0) {
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  console.log(JSON.stringify({ thumbprint: session.thumbprint }));
  kept.tokens = { access_token: (await lines.next()).value };
  options = { fetch: withDpop(session, () => kept.tokens.access_token)(counted) };
} else {
  let arrive;
  arrived = new Promise((resolve) => (arrive = resolve));
  const listener = createServer((req, res) => {
    res.end("You can close this page.");
    arrive(new URL(req.url, "http://127.0.0.1").searchParams);
  });
  await new Promise((ready) => listener.listen(0, "127.0.0.1", ready));
  const redirectUrl = `http://127.0.0.1:${listener.address().port}/callback`;
  const authProvider = {
    redirectUrl,
    clientMetadata: {
      client_name: "DPoP client", redirect_uris: [redirectUrl], token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"], response_types: ["code"],
    },
    dpop: () => session,
    clientInformation: () => kept.client,
    saveClientInformation: (client) => { kept.client = client; },
    tokens: () => kept.tokens,
    saveTokens: (tokens) => { kept.tokens = tokens; },
    saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
    codeVerifier: () => kept.verifier,
    redirectToAuthorization: (address) => {
      spawn(browser[0], [...browser.slice(1), address.href], { stdio: ["ignore", "inherit", "inherit"] });
    },
  };
  options = { authProvider, fetch: counted };
}

const connect = async () => {
  const client = new Client({ name: "t", version: "1" });
  const transport = new StreamableHTTPClientTransport(url, options);
  try {
    await client.connect(transport);
  } catch (e) {
    if (!arrived || !(e instanceof UnauthorizedError)) throw e;
    await transport.finishAuth(await arrived);
    return connect();
  }
  return client;
};
const client = await connect();
for (let k = 0; k < 2; k++) out.claims = (await client.callTool({ name: "whoami", arguments: {} })).structuredContent;
await client.close();
const stolen = await fetch(url, {
  method: "POST",
  headers: { Authorization: `Bearer ${kept.tokens.access_token}`, "Content-Type": "application/json", Accept: "application/json, text/event-stream" },
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
});
out.stolen = stolen.status;
console.log(JSON.stringify(out));
process.exit(0);
