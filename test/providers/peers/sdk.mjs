// The client of the TypeScript SDK, in the role of a bridge: JSON-RPC requests in,
// its answers out, one a line. node sdk.mjs URL [CLIENT_ID [CLIENT_SECRET]]
// It signs in by itself: what it would show to a person it follows.
import process from "node:process";
import { createInterface } from "node:readline";
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";

const [url, id, secret] = process.argv.slice(2);
const redirectUrl = "http://127.0.0.1:29698/callback";
const kept = { client: id && { client_id: id, client_secret: secret } };
let answer;

const provider = {
  redirectUrl,
  clientMetadata: { client_name: "sdk", redirect_uris: [redirectUrl], grant_types: ["authorization_code", "refresh_token"], response_types: ["code"], token_endpoint_auth_method: "none" },
  state: () => "0123456789abcdef0123456789abcdef",
  clientInformation: () => kept.client,
  saveClientInformation: (client) => { kept.client = client; },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; },
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  codeVerifier: () => kept.verifier,
  invalidateCredentials: (scope) => {
    if (scope === "all" || scope === "client") delete kept.client;
    if (scope === "all" || scope === "tokens") delete kept.tokens;
  },
  async redirectToAuthorization(address) {
    for (let i = 0; i < 10; i++) {
      if (String(address).startsWith(redirectUrl)) {
        answer = new URL(address).searchParams;
        return;
      }
      const page = await fetch(address, { redirect: "manual", headers: { "X-Tab": "sdk", "User-Agent": "Mozilla/5.0" } });
      const next = page.headers.get("location");
      if (!next) return;
      address = new URL(next, address);
    }
  },
};

let client, transport;
async function connect() {
  client = new Client({ name: "sdk", version: "1" });
  transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  await client.connect(transport);
}

// signedIn does what may need a login, and once more behind one.
async function signedIn(work) {
  try {
    return await work();
  } catch (e) {
    if (!(e instanceof UnauthorizedError)) throw e;
    if (!answer) throw new Error("nobody came back from the provider");
    if (answer.get("error")) throw new Error(`${answer.get("error")}: ${answer.get("error_description")}`);
    await transport.finishAuth(answer);
    answer = undefined;
    await connect();
    return await work();
  }
}

const doing = {
  initialize: () => signedIn(async () => { if (!transport?.sessionId) await connect(); return {}; }),
  "tools/list": (params) => signedIn(() => client.listTools(params)),
  "tools/call": (params) => signedIn(() => client.callTool(params)),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (!doing[method]) continue;
  const reply = { jsonrpc: "2.0", id };
  try {
    reply.result = await doing[method](params);
  } catch (e) {
    reply.error = { code: e.code === Number(e.code) ? e.code : 1, message: `${e.name}: ${e.message}` };
  }
  console.log(JSON.stringify(reply));
}
process.exit();
